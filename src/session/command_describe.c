/* command_describe.c - DESCRIBE, and SHOW CREATE TABLE. */
#include "session/session_int.h"

#include "function/aggregate.h"
#include "function/calendar.h"
#include "sql/sql.h"
#include "sql/sql_text.h"

static const char *kind_name(const MrTable *table)
{
    static const char *const names[] = {[MR_CATALOG_TABLE] = "MANAGED",
                                        [MR_CATALOG_VIEW] = "VIEW",
                                        [MR_CATALOG_STREAMING_TABLE] = "STREAMING_TABLE",
                                        [MR_CATALOG_MATERIALIZED_VIEW] = "MATERIALIZED_VIEW",
                                        [MR_CATALOG_FUNCTION] = "FUNCTION"};
    return table->kind == MR_CATALOG_TABLE && table->external ? "EXTERNAL" : names[table->kind];
}

/* What Spark hides: settings whose names speak of secrets. */
static const char *shown_value(const MrOption *option)
{
    static const char *const secret[] = {"secret",    "password",   "token",
                                         "accesskey", "access.key", "url"};
    for (int64_t s = 0; s < MR_COUNT(secret); s++) {
        int64_t n = (int64_t)strlen(secret[s]), n_key = (int64_t)strlen(option->key);
        for (int64_t i = 0; i + n <= n_key; i++)
            if (mr_text_equal_nocase((MrText){option->key + i, n}, (MrText){secret[s], n}))
                return "*********(redacted)";
    }
    return option->value;
}

static void describe_columns(MrQuery *query, const MrSchema *schema)
{
    for (int32_t i = 0; i < schema->n_cols; i++)
        mr__result_row(query, 3, schema->cols[i].name,
                       mr_type_catalog_text(&query->arena, schema->cols[i].type),
                       schema->cols[i].comment);
}

/* ---------------------------------------------------------------- a table's facts */

static const char *time_text(MrArena *arena, int64_t us)
{
    int64_t day = mr_us_to_days(us), s = (us - day * MR_US_PER_DAY) / MR_US_PER_SECOND;
    MrCivil civil = mr_days_to_civil(day);
    return mr_arena_printf(arena, "%04lld-%02d-%02d %02d:%02d:%02d UTC", (long long)civil.year,
                           civil.month, civil.day, (int)(s / 3600), (int)(s / 60 % 60),
                           (int)(s % 60));
}

static const char *options_text(MrArena *arena, const MrOptions *options)
{
    MrTextBuilder out = {.arena = arena};
    for (int32_t i = 0; i < options->n_options; i++)
        mr_builder_printf(&out, "%s%s=%s", i ? ", " : "[", options->options[i].key,
                          shown_value(&options->options[i]));
    mr_builder_char(&out, ']');
    return mr_builder_text(&out).data;
}

static void fact(MrQuery *query, const char *name, const char *value)
{
    if (value)
        mr__result_row(query, 3, name, value, "");
}

static const char *schema_mode(const MrTable *view)
{
    return view->schema_mode ? view->schema_mode : "COMPENSATION";
}

static void describe_details(MrQuery *query, const MrTable *table)
{
    MrArena *arena = &query->arena;
    mr__result_row(query, 3, "", "", "");
    mr__result_row(query, 3, "# Detailed Table Information", "", "");
    fact(query, "Catalog", MR_CATALOG_NAME);
    fact(query, "Database", table->database);
    fact(query, "Table", table->name);
    fact(query, "Created Time", time_text(arena, table->created_us));
    fact(query, "Last Access", "UNKNOWN");
    fact(query, "Created By", "Millrace");
    fact(query, "Type", kind_name(table));
    fact(query, "Provider", table->provider);
    fact(query, "Comment", table->comment);
    fact(query, "Collation", table->collation);
    if (table->properties.n_options > 0)
        fact(query, "Table Properties", options_text(arena, &table->properties));
    fact(query, "Location", table->location);
    if (table->options.n_options > 0)
        fact(query, "Storage Properties", options_text(arena, &table->options));
    fact(query, "View Text", table->sql);
    if (table->kind != MR_CATALOG_VIEW)
        return;
    fact(query, "View Original Text", table->sql);
    fact(query, "View Schema Mode", schema_mode(table));
    fact(query, "View Catalog and Namespace",
         mr_arena_printf(arena, "%s.%s", MR_CATALOG_NAME, table->sql_database));
    MrTextBuilder names = {.arena = arena};
    for (int32_t i = 0; i < table->schema.n_cols && table->query_names; i++)
        mr_builder_printf(&names, "%s%s", i ? ", " : "",
                          mr_quote_name(arena, table->query_names[i]));
    if (table->query_names)
        fact(query, "View Query Output Columns",
             mr_arena_printf(arena, "[%s]", mr_builder_text(&names).data));
}

/* DESCRIBE t c */
static MrStatus describe_column(MrQuery *query, const MrSqlDescribe *describe, const MrTable *table,
                                MrError *err)
{
    const MrSqlName *name = &describe->column;
    const MrField *field = NULL;
    for (int32_t i = 0; i < table->schema.n_cols && name->n_parts == 1; i++)
        if (mr_str_equal_nocase(table->schema.cols[i].name, name->parts[0]))
            field = &table->schema.cols[i];
    if (!field)
        return MR_FAIL(err, MR_COND_UNRESOLVED_COLUMN__WITHOUT_SUGGESTION, "objectName",
                       mr_quote_names(&query->arena, name->parts, name->n_parts));
    MR_TRY(mr__result_schema(query, "info_name string not null, info_value string not null", err));
    mr__result_row(query, 2, "col_name", field->name);
    mr__result_row(query, 2, "data_type", mr_type_catalog_text(&query->arena, field->type));
    mr__result_row(query, 2, "comment", field->comment ? field->comment : "NULL");
    return MR_OK;
}

static MrStatus describe_table(MrQuery *query, const MrSqlDescribe *describe, MrError *err)
{
    MrTable *table;
    MR_TRY(mr__table_need(query, &describe->name, &table, err));
    if (describe->as_json || describe->partition.n > 0)
        return MR_FAIL_UNSUPPORTED(err, "DESCRIBE AS JSON and of a partition");
    if (describe->column.n_parts > 0)
        return describe_column(query, describe, table, err);
    query->is_describe = true;
    describe_columns(query, &table->schema);
    if (table->n_partition_cols > 0) {
        mr__result_row(query, 3, "# Partition Information", "", "");
        mr__result_row(query, 3, "# col_name", "data_type", "comment");
        MrSchema partitions = {table->n_partition_cols,
                               table->schema.cols + table->schema.n_cols - table->n_partition_cols};
        describe_columns(query, &partitions);
    }
    if ((describe->extended || describe->formatted) &&
        strcmp(table->database, MR_CATALOG_TEMP) != 0)
        describe_details(query, table);
    return MR_OK;
}

/* ---------------------------------------------------------------- functions and namespaces */

typedef struct Known { /* what a function's table says of it */
    const char *signature, *doc, *example;
} Known;

static bool function_find(const MrSettings *settings, const char *name, Known *out)
{
    if (mr_function_is_hidden(settings, name))
        return false;
    for (int32_t t = 0; mr_function_tables[t]; t++)
        for (const MrFunctionDef *def = mr_function_tables[t]; def->name; def++)
            if (strcmp(def->name, name) == 0) {
                *out = (Known){def->signature, def->doc, def->example};
                return true;
            }
    for (int32_t t = 0; mr_aggregate_tables[t]; t++)
        for (const MrAggregateDef *def = mr_aggregate_tables[t]; def->name; def++)
            if (strcmp(def->name, name) == 0) {
                *out = (Known){def->signature, def->doc, def->example};
                return true;
            }
    const MrWindowDef *window = mr_window_find(name);
    const MrGeneratorDef *generator = mr_generator_find(name);
    if (window)
        *out = (Known){window->signature, window->doc, window->example};
    else if (generator)
        *out = (Known){generator->signature, generator->doc, generator->example};
    return window || generator;
}

static MrStatus describe_function(MrQuery *query, const MrSqlDescribe *describe, MrError *err)
{
    MrArena *arena = &query->arena;
    MrSqlName plain;
    Known known;
    MR_TRY(mr_bind_name(&query->bind, &describe->name, &plain, err));
    const char *name = mr_arena_str(arena, plain.parts[plain.n_parts - 1]);
    for (char *at = (char *)(uintptr_t)name; *at; at++)
        *at = *at >= 'A' && *at <= 'Z' ? (char)(*at + 'a' - 'A') : *at;
    MR_TRY(mr__result_schema(query, "function_desc string not null", err));
    query->ordered = true;
    if (plain.n_parts == 1 && function_find(&query->settings, name, &known)) {
        mr__result_row(query, 1, mr_arena_printf(arena, "Function: %s", name));
        const char *arrow = strstr(known.signature, " ->");
        int n_args = (int)(arrow ? arrow - known.signature : 0);
        mr__result_row(query, 1,
                       mr_arena_printf(arena, "Usage: %s(%.*s) - %s", name, n_args, known.signature,
                                       known.doc ? known.doc : ""));
        if (describe->extended && known.example)
            mr__result_row(query, 1,
                           mr_arena_printf(arena,
                                           "Extended Usage:\n    Examples:\n      > SELECT %s;",
                                           known.example));
        return MR_OK;
    }
    MrBindFunction function = {0};
    MR_TRY(mr__function_find(query, &query->bind.place, plain.parts, plain.n_parts, arena,
                             &function, err));
    if (!function.found)
        return MR_FAIL(err, MR_COND_UNRESOLVED_ROUTINE, "routineName",
                       mr_quote_names(arena, plain.parts, plain.n_parts), "searchPath",
                       "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]");
    mr__result_row(query, 1,
                   mr_arena_printf(arena, "Function: %s",
                                   mr_sql_name_text(arena, plain.parts, plain.n_parts)));
    return MR_OK;
}

static MrStatus describe_namespace(MrQuery *query, const MrSqlDescribe *describe, MrError *err)
{
    MrArena *arena = &query->arena;
    MrSqlName plain;
    MrDatabase *database;
    MR_TRY(mr_bind_name(&query->bind, &describe->name, &plain, err));
    const char *name = plain.parts[plain.n_parts - 1];
    MR_TRY(mr_catalog_get_database(query->session->catalog, arena, name, &database, err));
    if (!database)
        return MR_FAIL(err, MR_COND_SCHEMA_NOT_FOUND, "schemaName",
                       mr_quote_names(arena, (const char *[]){MR_CATALOG_NAME, name}, 2));
    MR_TRY(mr__result_schema(query, "info_name string not null, info_value string not null", err));
    mr__result_row(query, 2, "Catalog Name", MR_CATALOG_NAME);
    mr__result_row(query, 2, "Namespace Name", database->name);
    mr__result_row(query, 2, "Comment", database->comment ? database->comment : "");
    mr__result_row(query, 2, "Location", database->location ? database->location : "");
    if (describe->extended)
        mr__result_row(
            query, 2, "Properties",
            database->properties.n_options > 0 ? options_text(arena, &database->properties) : "");
    return MR_OK;
}

MrStatus mr__command_describe(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrSqlDescribe *describe = statement->describe;
    if (describe->what == MR_SQL_DESCRIBE_FUNCTION)
        return describe_function(query, describe, err);
    if (describe->what == MR_SQL_DESCRIBE_NAMESPACE)
        return describe_namespace(query, describe, err);
    MR_TRY(mr__result_schema(
        query, "col_name string not null, data_type string not null, comment string", err));
    query->ordered = true;
    if (describe->what == MR_SQL_DESCRIBE_QUERY) {
        MrBoundQuery bound;
        query->is_describe = true;
        MR_TRY(mr_query_bind_sql(query, describe->query, &bound, err));
        for (int32_t i = 0; i < bound.plan->n_cols; i++)
            mr__result_row(query, 3, bound.plan->cols[i].name,
                           mr_type_catalog_text(&query->arena, bound.plan->cols[i].type),
                           (const char *)NULL);
        return MR_OK;
    }
    if (describe->what == MR_SQL_DESCRIBE_TABLE)
        return describe_table(query, describe, err);
    return MR_FAIL_UNSUPPORTED(err, "this form of DESCRIBE");
}

/* ---------------------------------------------------------------- SHOW CREATE TABLE */

static void put_options(MrTextBuilder *out, const char *word, const MrOptions *options)
{
    int32_t n = 0;
    for (int32_t i = 0; i < options->n_options; i++) {
        const MrOption *option = &options->options[i];
        if (mr_str_equal_nocase(option->key, "path") && strcmp(word, "OPTIONS") == 0)
            continue; /* LOCATION says it */
        mr_builder_printf(out, "%s%s = %s",
                          n++ ? ",\n  " : mr_arena_printf(out->arena, "%s (\n  ", word),
                          mr_sql_quote_string(out->arena, mr_text(option->key)),
                          mr_sql_quote_string(out->arena, mr_text(shown_value(option))));
    }
    if (n > 0)
        mr_builder_str(out, ")\n");
}

static void put_comment(MrTextBuilder *out, const char *before, const char *comment,
                        const char *after)
{
    if (comment)
        mr_builder_printf(out, "%sCOMMENT %s%s", before,
                          mr_sql_quote_string(out->arena, mr_text(comment)), after);
}

static void put_columns(MrTextBuilder *out, const MrTable *table)
{
    for (int32_t i = 0; i < table->schema.n_cols; i++) {
        const MrField *field = &table->schema.cols[i];
        mr_builder_printf(out, "%s  %s", i ? ",\n" : "",
                          mr_sql_quote_if_needed(out->arena, field->name));
        if (table->kind != MR_CATALOG_VIEW) {
            const char *type = mr_type_sql_text(out->arena, field->type);
            mr_builder_printf(out, " %s%s", type,
                              strcmp(type, "STRING") == 0 ? " COLLATE UTF8_BINARY" : "");
            if (table->defaults && table->defaults[i])
                mr_builder_printf(out, " DEFAULT %s", table->defaults[i]);
        }
        put_comment(out, " ", field->comment, "");
    }
}

static const char *path_of(const MrTable *table)
{
    for (int32_t i = 0; i < table->options.n_options; i++)
        if (mr_str_equal_nocase(table->options.options[i].key, "path"))
            return table->options.options[i].value;
    return table->external ? table->location : NULL;
}

MrStatus mr__show_create(MrQuery *query, const MrSqlShow *show, MrError *err)
{
    MrTable *table;
    MrArena *arena = &query->arena;
    MrTextBuilder out = {.arena = arena};
    MR_TRY(mr__table_need(query, &show->name, &table, err));
    bool view = table->kind == MR_CATALOG_VIEW;
    if (strcmp(table->database, MR_CATALOG_TEMP) == 0)
        return MR_FAIL(err, MR_COND_EXPECT_PERMANENT_VIEW_NOT_TEMP, "operation",
                       "SHOW CREATE TABLE", "viewName", mr__table_quoted(arena, table));
    const char *parts[] = {MR_CATALOG_NAME, table->database, table->name};
    mr_builder_printf(&out, "CREATE %s %s (\n",
                      view                                          ? "VIEW"
                      : table->kind == MR_CATALOG_STREAMING_TABLE   ? "STREAMING TABLE"
                      : table->kind == MR_CATALOG_MATERIALIZED_VIEW ? "MATERIALIZED VIEW"
                                                                    : "TABLE",
                      mr_sql_name_text(arena, parts + view, 3 - view));
    put_columns(&out, table);
    mr_builder_str(&out, ")\n");
    if (!view) {
        mr_builder_printf(&out, "USING %s\n", table->provider);
        put_options(&out, "OPTIONS", &table->options);
        for (int32_t i = 0; i < table->n_partition_cols; i++)
            mr_builder_printf(&out, "%s%s%s", i ? ", " : "PARTITIONED BY (",
                              mr_sql_quote_if_needed(arena, table->partition_cols[i]),
                              i + 1 < table->n_partition_cols ? "" : ")\n");
    }
    put_comment(&out, "", table->comment, "\n");
    const char *path = view ? NULL : path_of(table);
    if (path)
        mr_builder_printf(
            &out, "LOCATION %s\n",
            mr_sql_quote_string(arena, mr_text(mr_arena_printf(
                                           arena, "%s%s", path[0] == '/' ? "file:" : "", path))));
    put_options(&out, "TBLPROPERTIES", &table->properties);
    if (view)
        mr_builder_printf(&out, "WITH SCHEMA %s\n", schema_mode(table));
    if (table->sql)
        mr_builder_printf(&out, "AS %s\n", table->sql);
    MR_TRY(mr__result_schema(query, "createtab_stmt string not null", err));
    mr__result_row(query, 1, mr_builder_text(&out).data);
    return MR_OK;
}
