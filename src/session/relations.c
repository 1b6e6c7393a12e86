/* relations.c - what names in a query stand for: temporary views, tables, files by path, variables.
 */
#include "session/session_int.h"

#include "sql/sql_text.h"

MrOptions mr__options_own(MrArena *arena, const MrSqlProperties *properties)
{
    MrOption *options = MR_NEW_N(arena, MrOption, properties->n);
    for (int32_t i = 0; i < properties->n; i++)
        options[i] = (MrOption){properties->items[i].key,
                                properties->items[i].value ? properties->items[i].value : ""};
    return (MrOptions){properties->n, options};
}

MrOptions mr__table_options(MrArena *arena, const MrTable *table)
{
    if (!table->location)
        return table->options;
    MrOption *options = MR_NEW_N(arena, MrOption, table->options.n_options + 1);
    int32_t n_options = 0;
    for (int32_t i = 0; i < table->options.n_options; i++)
        if (!mr_str_equal_nocase(table->options.options[i].key, "path"))
            options[n_options++] = table->options.options[i];
    options[n_options++] = (MrOption){"path", table->location};
    return (MrOptions){n_options, options};
}

const char *mr__table_quoted(MrArena *arena, const MrTable *table)
{
    const char *parts[] = {MR_CATALOG_NAME, table->database, table->name};
    int32_t n_left_out = strcmp(table->database, MR_CATALOG_TEMP) == 0                  ? 2
                         : mr_str_equal_nocase(table->database, MR_CATALOG_GLOBAL_TEMP) ? 1
                                                                                        : 0;
    return mr_quote_names(arena, parts + n_left_out, 3 - n_left_out);
}

MrStatus mr__name_resolve(MrQuery *query, const MrSqlName *name, const char **database,
                          const char **table, MrError *err)
{
    MrSqlName plain;
    MR_TRY(mr_bind_name(&query->bind, name, &plain, err));
    int32_t n = plain.n_parts;
    bool has_catalog = n == 3 && mr_str_equal_nocase(plain.parts[0], MR_CATALOG_NAME);
    if (n == 0 || n > 3 || (n == 3 && !has_catalog))
        return MR_FAIL(err, MR_COND_REQUIRES_SINGLE_PART_NAMESPACE, "sessionCatalog",
                       MR_CATALOG_NAME, "namespace", n > 0 ? plain.parts[0] : "");
    *table = plain.parts[n - 1];
    *database = n > 1 ? plain.parts[n - 2] : mr_arena_str(&query->arena, query->session->database);
    return MR_OK;
}

MrStatus mr__name_check(MrQuery *query, const char *name, MrError *err)
{
    size_t n_good = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return n_good > 0 && !name[n_good] ? MR_OK
                                       : MR_FAIL(err, MR_COND_INVALID_SCHEMA_OR_RELATION_NAME,
                                                 "name", mr_quote_name(&query->arena, name));
}

static MrStatus find_table(MrQuery *query, const MrBindPlace *place, const char *const *parts,
                           int32_t n_parts, bool see_temps, MrTable **out, MrError *err)
{
    const char *name = parts[n_parts - 1];
    *out = NULL;
    if (n_parts == 1 && see_temps) {
        MR_TRY(mr__meaning_look(query, place, MR_CATALOG_TEMP, name, false, out, err));
        if (*out)
            return MR_OK;
    }
    if (n_parts > 3 || (n_parts == 3 && !mr_str_equal_nocase(parts[0], MR_CATALOG_NAME)))
        return MR_OK;
    const char *database = n_parts > 1          ? parts[n_parts - 2]
                           : place->n_parts > 0 ? place->parts[place->n_parts - 1]
                                                : query->session->database;
    return mr__meaning_look(query, place, database, name, false, out, err);
}

MrStatus mr__table_find(MrQuery *query, const MrSqlName *name, MrTable **out, MrError *err)
{
    MrSqlName plain;
    MR_TRY(mr_bind_name(&query->bind, name, &plain, err));
    return find_table(query, &query->bind.place, plain.parts, plain.n_parts, true, out, err);
}

MrStatus mr__table_need(MrQuery *query, const MrSqlName *name, MrTable **out, MrError *err)
{
    MrSqlName plain;
    MR_TRY(mr_bind_name(&query->bind, name, &plain, err));
    MR_TRY(find_table(query, &query->bind.place, plain.parts, plain.n_parts, true, out, err));
    if (*out)
        return MR_OK;
    mr_error_at(err, name->place.idx, name->place.len);
    MrStatus status = MR_FAIL(err, MR_COND_TABLE_OR_VIEW_NOT_FOUND, "relationName",
                              mr_quote_names(&query->arena, plain.parts, plain.n_parts));
    mr_error_at(err, name->place.idx, name->place.len);
    return status;
}

MrStatus mr_query_open_source(MrQuery *query, const MrConnectorType *type, const MrOptions *options,
                              const MrSchema *schema, bool streaming, MrSource **out, MrError *err)
{
    MrSession *session = query->session;
    MrOpenSource *open = MR_NEW(&query->arena, MrOpenSource);
    MrConnectorContext *context = MR_NEW(&query->arena, MrConnectorContext);
    *context = (MrConnectorContext){.os = session->os,
                                    .budget = &query->budget,
                                    .settings = &query->settings,
                                    .options = *options,
                                    .schema = schema,
                                    .streaming = streaming};
    uint32_t needed = streaming ? MR_CONN_STREAM_READ : MR_CONN_BATCH_READ;
    if (!(type->flags & needed))
        return MR_FAIL_UNSUPPORTED(err, "reading the source '%s' as a %s", type->name,
                                   streaming ? "stream" : "batch");
    MR_TRY(mr_options_check(options, type->options, type->name, err));
    MR_TRY(type->open_source(context, &open->source, err));
    open->next = query->sources;
    query->sources = open;
    *out = open->source;
    return MR_OK;
}

void mr__sources_close(MrQuery *query)
{
    for (MrOpenSource *open = query->sources; open; open = open->next)
        open->source->type->close_source(open->source);
    query->sources = NULL;
}

static MrStatus open_source(void *self, const MrConnectorType *type, const MrOptions *options,
                            const MrSchema *schema, bool streaming, MrSource **out, MrError *err)
{
    return mr_query_open_source(self, type, options, schema, streaming, out, err);
}

static MrSettings *view_settings(MrQuery *query, const MrBindPlace *place, const MrTable *table)
{
    MrSettings *settings = MR_NEW(&query->arena, MrSettings);
    *settings = *mr__place_settings(query, place);
    for (int32_t i = 0; i < table->sql_conf.n_options; i++) {
        const MrOption *option = &table->sql_conf.options[i];
        if (strcmp(option->key, "spark.sql.ansi.enabled") == 0)
            settings->ansi = mr_str_equal_nocase(option->value, "true");
    }
    return settings;
}

static MrStatus fill_view(MrQuery *query, const MrBindPlace *place, const MrTable *table,
                          MrBindRelation *out)
{
    MrArena *arena = &query->arena;
    const char **parts = MR_NEW_N(arena, const char *, 1);
    parts[0] = table->sql_database ? table->sql_database : query->session->database;
    out->kind = MR_BIND_VIEW;
    out->text = mr_text(table->sql);
    out->options_sql = mr__place_sql_options(query, place);
    out->settings = view_settings(query, place, table);
    out->place = (MrBindPlace){.catalog = MR_CATALOG_NAME,
                               .n_parts = 1,
                               .parts = parts,
                               .in_view = true,
                               .n_temps = table->n_temps,
                               .temps = table->temps,
                               .meaning = place->meaning};
    out->is_temp = strcmp(table->database, MR_CATALOG_TEMP) == 0 ||
                   mr_str_equal_nocase(table->database, MR_CATALOG_GLOBAL_TEMP);
    const char *mode = table->schema_mode ? table->schema_mode : "";
    if (strcmp(mode, "EVOLUTION") == 0) /* as the query gives them now */
        return MR_OK;
    out->n_columns = table->schema.n_cols;
    out->query_columns = table->query_names;
    out->schema_binding = out->is_temp || strcmp(mode, "BINDING") == 0;
    MrField *cols = MR_NEW_N(arena, MrField, table->schema.n_cols);
    for (int32_t i = 0; i < table->schema.n_cols; i++) {
        cols[i] = table->schema.cols[i];
        if (strcmp(mode, "TYPE EVOLUTION") == 0)
            cols[i].type = NULL;
    }
    out->columns = cols;
    return MR_OK;
}

/* The rows of a memory sink. */
static MrStatus fill_memory(MrQuery *query, const MrBindPlace *place, const MrTable *table,
                            bool streaming, MrBindRelation *out, MrError *err)
{
    MrOpenSource *open = MR_NEW(&query->arena, MrOpenSource);
    if (streaming)
        return MR_FAIL_UNSUPPORTED(err, "reading the source 'memory' as a stream");
    MR_TRY(mr__memory_table_open(query->session, table->name, &query->budget, &open->source, err));
    if (!open->source)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", table->provider);
    open->next = query->sources;
    query->sources = open;
    out->kind = MR_BIND_SOURCE;
    out->type = &mr_connector_memory_source;
    out->source = open->source;
    MrOption of_name = {"name", table->name};
    const MrOptions options = {1, &of_name};
    const MrSchema *now = &open->source->schema,
                   *then = mr__meaning_schema(query, place, out->type, &options);
    if (then && !mr__schema_equal(then, now))
        return MR_FAIL(err, MR_COND_INCOMPATIBLE_TABLE_CHANGE_AFTER_ANALYSIS__COLUMNS_MISMATCH,
                       "tableName", mr__table_quoted(&query->arena, table), "errors",
                       "another query of that name has written it");
    if (!then)
        mr__meaning_schema_keep(place, out->type, &options, now);
    return MR_OK;
}

/* The first of two options of one name wins. */
static MrOptions options_join(MrArena *arena, const MrOptions *first, const MrOptions *then)
{
    MrOption *both = MR_NEW_N(arena, MrOption, first->n_options + then->n_options + 1);
    for (int32_t i = 0; i < first->n_options; i++)
        both[i] = first->options[i];
    for (int32_t i = 0; i < then->n_options; i++)
        both[first->n_options + i] = then->options[i];
    return (MrOptions){first->n_options + then->n_options, both};
}

/* A source that the query follows: all of it, from its beginning, in one epoch. */
static void follow(MrQuery *query, MrBindRelation *out)
{
    static const MrOption whole[] = {{"maxFileAge", "36500d"},
                                     {"latestFirst", "false"},
                                     {"newFilesOnly", "false"},
                                     {"maxFilesPerTrigger", "9223372036854775807"},
                                     {"maxBytesPerTrigger", "9223372036854775807"}};
    const char *path = mr_option(&out->options, NULL, "path");
    for (int32_t i = 0; i < query->n_followed && path && !out->streaming; i++)
        out->streaming = strcmp(query->followed[i], path) == 0;
    if (query->n_followed > 0 && out->streaming)
        out->options =
            options_join(&query->arena, &(MrOptions){MR_COUNT(whole), (MrOption *)(uintptr_t)whole},
                         &out->options);
}

/* A source whose columns nobody declared: it keeps those that a text found in it first. */
static MrStatus open_as_found(MrQuery *query, const MrBindPlace *place, MrBindRelation *out,
                              MrError *err)
{
    /* Only files have columns to be found out; a stream's begin when it starts. */
    bool is_found = !out->streaming && mr_option(&out->options, NULL, "path");
    if (is_found)
        out->schema = mr__meaning_schema(query, place, out->type, &out->options);
    MR_TRY(mr_query_open_source(query, out->type, &out->options, out->schema, out->streaming,
                                &out->source, err));
    if (is_found && !out->schema)
        mr__meaning_schema_keep(place, out->type, &out->options, &out->source->schema);
    return MR_OK;
}

static MrStatus fill_source(MrQuery *query, const MrBindPlace *place, const MrTable *table,
                            const MrOptions *more, bool streaming, MrBindRelation *out,
                            MrError *err)
{
    if (strcmp(table->provider, mr_connector_memory_sink.name) == 0)
        return fill_memory(query, place, table, streaming, out, err);
    if (streaming && table->kind == MR_CATALOG_MATERIALIZED_VIEW)
        return MR_FAIL(err, MR_COND_INCOMPATIBLE_BATCH_VIEW_READ, "datasetIdentifier",
                       mr__table_quoted(&query->arena, table));
    MrOptions own = mr__table_options(&query->arena, table);
    out->kind = MR_BIND_SOURCE;
    out->type = mr_connector_find(table->provider);
    if (!out->type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", table->provider);
    out->options = options_join(&query->arena, more, &own); /* the reference's win */
    out->streaming = streaming;
    follow(query, out);
    MrSchema *schema = MR_NEW(&query->arena, MrSchema);
    *schema = table->schema;
    if (schema->n_cols > 0) {
        out->schema = schema;
        MR_TRY(mr_query_open_source(query, out->type, &out->options, out->schema, out->streaming,
                                    &out->source, err));
    } else {
        MR_TRY(open_as_found(query, place, out, err));
    }
    out->source->life = table->kind == MR_CATALOG_STREAMING_TABLE     ? MR_SOURCE_GROWS
                        : table->kind == MR_CATALOG_MATERIALIZED_VIEW ? MR_SOURCE_REPLACED
                                                                      : MR_SOURCE_ANY;
    if (!table->external && table->location) /* dropped and made anew, it is another table */
        out->source->identity =
            mr_arena_printf(&query->arena, "made %lld", (long long)table->created_us);
    return MR_OK;
}

/* csv.`/path` */
static MrStatus fill_path(MrQuery *query, const MrBindPlace *place, const MrConnectorType *type,
                          const char *path, const MrOptions *more, bool streaming,
                          MrBindRelation *out, MrError *err)
{
    MrOption of_path[] = {{"path", path}};
    out->kind = MR_BIND_SOURCE;
    out->type = type;
    out->name = mr_arena_printf(&query->arena, "%s %s", type->name, path);
    out->options = options_join(&query->arena, &(MrOptions){MR_COUNT(of_path), of_path}, more);
    out->streaming = streaming;
    follow(query, out);
    return open_as_found(query, place, out, err);
}

static MrStatus find_relation(void *self, const MrBindPlace *place, const char *const *parts,
                              int32_t n_parts, const MrOptions *options, bool streaming,
                              MrArena *arena, MrBindRelation *out, MrError *err)
{
    static const MrOptions no_options = {0};
    MrQuery *query = self;
    MrTable *table;
    *out = (MrBindRelation){.kind = MR_BIND_NOTHING};
    options = options ? options : &no_options;
    MrMeaning *input = mr__meaning_input(place, parts, n_parts);
    if (input)
        return mr__meaning_input_relation(query, input, out, err);
    /* A plain name means the place's database: inside a view that where it was made. */
    bool see_temps = !place->in_view || place->is_temp;
    for (int32_t i = 0; n_parts == 1 && i < place->n_temps; i++)
        see_temps = see_temps || mr_str_equal_nocase(place->temps[i], parts[0]);
    MR_TRY(find_table(query, place, parts, n_parts, see_temps, &table, err));
    if (!table) {
        const MrConnectorType *type = n_parts == 2 ? mr_connector_find(parts[0]) : NULL;
        return type ? fill_path(query, place, type, parts[1], options, streaming, out, err) : MR_OK;
    }
    bool is_temp = strcmp(table->database, MR_CATALOG_TEMP) == 0;
    bool is_global = mr_str_equal_nocase(table->database, MR_CATALOG_GLOBAL_TEMP);
    const char **names = MR_NEW_N(arena, const char *, 3);
    if ((is_temp || is_global) && !place->in_view) {
        query->temp_kind = "VIEW";
        query->temp_name = mr__table_quoted(arena, table);
        MR_PUSH(&query->arena, query->temps, query->n_temps, query->cap_temps, table->name);
    }
    out->n_parts = is_temp ? 1 : is_global ? 2 : 3;
    names[0] = MR_CATALOG_NAME;
    names[1] = table->database;
    names[2] = table->name;
    out->parts = names + 3 - out->n_parts;
    out->name = mr__meaning_source_name(place, parts, n_parts);
    if (table->body)
        return mr__meaning_relation(query, table->body, out, err);
    if (table->provider)
        return fill_source(query, place, table, options, streaming, out, err);
    return fill_view(query, place, table, out);
}

static MrStatus find_variable(void *self, const MrBindPlace *place, const char *const *parts,
                              int32_t n_parts, MrArena *arena, MrBindVariable *out, MrError *err)
{
    MrQuery *query = self;
    *out = (MrBindVariable){0};
    bool is_session = n_parts == 1 || (n_parts == 2 && mr_str_equal_nocase(parts[0], "session")) ||
                      (n_parts == 3 && mr_str_equal_nocase(parts[0], "system") &&
                       mr_str_equal_nocase(parts[1], "session"));
    if (is_session)
        mr__meaning_variable(query, place, parts[n_parts - 1], out);
    return MR_OK;
}

void mr_relations_init(MrQuery *query)
{
    const char **parts = MR_NEW_N(&query->arena, const char *, 1);
    parts[0] = mr_arena_str(&query->arena, query->session->database);
    query->bind_catalog = (MrBindCatalog){.self = query,
                                          .find_relation = find_relation,
                                          .open_source = open_source,
                                          .find_function = mr__function_find,
                                          .find_variable = find_variable};
    query->bind =
        (MrBindOptions){.planner = &query->planner,
                        .catalog = &query->bind_catalog,
                        .sql_options = &query->session->sql_options,
                        .place = {.catalog = MR_CATALOG_NAME, .n_parts = 1, .parts = parts}};
}
