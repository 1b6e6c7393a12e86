/* catalog_file.c - definitions as JSON text and back. */
#include "catalog/catalog_int.h"

#include "base/json.h"

/* The order is that of MrCatalogKind. */
static const char *const kind_names[] = {"table", "view", "streaming table", "materialized view",
                                         "function"};

static void put_options(MrTextBuilder *out, const char *key, const MrOptions *options)
{
    mr_builder_printf(out, ",\n  \"%s\": {", key);
    for (int32_t i = 0; i < options->n_options; i++) {
        mr_builder_str(out, i ? ", " : "");
        mr_json_put_member(out, options->options[i].key, options->options[i].value);
    }
    mr_builder_char(out, '}');
}

static void put_field(MrTextBuilder *out, const char *key, const char *value)
{
    if (!value)
        return;
    mr_builder_str(out, ",\n  ");
    mr_json_put_member(out, key, value);
}

MrText mr__catalog_write(MrArena *arena, const MrTable *table)
{
    MrTextBuilder out = {.arena = arena};
    mr_builder_printf(&out, "{\n  \"format\": %d", MR__CATALOG_FORMAT);
    put_field(&out, "kind", kind_names[table->kind]);
    put_field(&out, "name", table->name);
    put_field(&out, "provider", table->provider);
    put_field(&out, "location", table->location);
    put_field(&out, "comment", table->comment);
    put_field(&out, "collation", table->collation);
    put_field(&out, "sql", table->sql);
    put_field(&out, "sqlDatabase", table->sql_database);
    put_field(&out, "schemaMode", table->schema_mode);
    mr_builder_printf(&out, ",\n  \"external\": %s,\n  \"createdUs\": %lld",
                      table->external ? "true" : "false", (long long)table->created_us);
    mr_builder_str(&out, ",\n  \"columns\": [");
    for (int32_t i = 0; i < table->schema.n_cols; i++) {
        const MrField *col = &table->schema.cols[i];
        mr_builder_str(&out, i ? ",\n    {" : "\n    {");
        mr_json_put_member(&out, "name", col->name);
        mr_builder_str(&out, ", ");
        mr_json_put_member(&out, "type", mr_type_sql_text(arena, col->type));
        mr_builder_printf(&out, ", \"nullable\": %s", col->nullable ? "true" : "false");
        if (col->comment) {
            mr_builder_str(&out, ", ");
            mr_json_put_member(&out, "comment", col->comment);
        }
        if (table->defaults && table->defaults[i]) {
            mr_builder_str(&out, ", ");
            mr_json_put_member(&out, "default", table->defaults[i]);
        }
        if (table->query_names) {
            mr_builder_str(&out, ", ");
            mr_json_put_member(&out, "queryName", table->query_names[i]);
        }
        mr_builder_char(&out, '}');
    }
    mr_builder_str(&out, "],\n  \"partitionedBy\": [");
    for (int32_t i = 0; i < table->n_partition_cols; i++) {
        mr_builder_str(&out, i ? ", " : "");
        mr_json_put_string(&out, mr_text(table->partition_cols[i]));
    }
    mr_builder_char(&out, ']');
    put_options(&out, "options", &table->options);
    put_options(&out, "properties", &table->properties);
    put_options(&out, "sqlConf", &table->sql_conf);
    mr_json_end_checked(&out);
    return mr_builder_text(&out);
}

static MrOptions read_options(MrArena *arena, const MrJson *root, const char *key)
{
    const MrJson *object = mr_json_get(root, key);
    MrOptions out = {0};
    if (!object || object->kind != MR_JSON_OBJECT)
        return out;
    MrOption *options = MR_NEW_N(arena, MrOption, object->n_items);
    for (const MrJson *item = object->first; item; item = item->next)
        options[out.n_options++] =
            (MrOption){item->key, item->kind == MR_JSON_STRING ? item->text.data : NULL};
    out.options = options;
    return out;
}

static MrStatus read_columns(MrArena *arena, const MrJson *root, MrTable *table, MrError *err)
{
    const MrJson *columns = mr_json_get(root, "columns");
    if (!columns || columns->kind != MR_JSON_ARRAY)
        return MR_OK;
    MrField *cols = MR_NEW_N(arena, MrField, columns->n_items);
    const char **defaults = MR_NEW_N(arena, const char *, columns->n_items),
               **query_names = MR_NEW_N(arena, const char *, columns->n_items);
    int32_t n_cols = 0, n_query_names = 0;
    for (const MrJson *item = columns->first; item; item = item->next, n_cols++) {
        const char *type = mr_json_str(item, "type");
        cols[n_cols].name = mr_json_str(item, "name");
        if (!type || !cols[n_cols].name)
            return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text",
                                   "column %d of catalog file '%s'", n_cols, table->name);
        MR_TRY(mr_type_parse(arena, mr_text(type), false, &cols[n_cols].type, err));
        cols[n_cols].nullable = mr_json_bool(item, "nullable", true);
        cols[n_cols].comment = mr_json_str(item, "comment");
        defaults[n_cols] = mr_json_str(item, "default");
        if (defaults[n_cols])
            table->defaults = defaults;
        query_names[n_cols] = mr_json_str(item, "queryName");
        n_query_names += query_names[n_cols] != NULL;
    }
    if (n_cols > 0 && n_query_names == n_cols)
        table->query_names = query_names;
    table->schema = (MrSchema){n_cols, cols};
    return MR_OK;
}

MrStatus mr__catalog_read(MrArena *arena, const char *database, const char *file, MrText text,
                          MrTable **out, MrError *err)
{
    MrJson *root;
    MR_TRY(mr_json_check(text, mr_arena_printf(arena, "catalog file '%s'", file), err));
    MR_TRY(mr_json_parse(arena, text, file, &root, err));
    int64_t format = mr_json_i64(root, "format", -1);
    const char *kind = mr_json_str(root, "kind");
    if (format != MR__CATALOG_FORMAT || !kind || !mr_json_str(root, "name"))
        return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text",
                               "%s: format %lld, this version reads %d", file, (long long)format,
                               MR__CATALOG_FORMAT);
    MrTable *table = MR_NEW(arena, MrTable);
    while (table->kind < MR_COUNT(kind_names) && strcmp(kind_names[table->kind], kind) != 0)
        table->kind++;
    if (table->kind == MR_COUNT(kind_names))
        return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text", "%s: unknown kind '%s'",
                               file, kind);
    table->database = mr_arena_str(arena, database);
    table->name = mr_json_str(root, "name");
    table->provider = mr_json_str(root, "provider");
    table->location = mr_json_str(root, "location");
    table->comment = mr_json_str(root, "comment");
    table->collation = mr_json_str(root, "collation");
    table->sql = mr_json_str(root, "sql");
    table->sql_database = mr_json_str(root, "sqlDatabase");
    table->schema_mode = mr_json_str(root, "schemaMode");
    table->external = mr_json_bool(root, "external", false);
    table->created_us = mr_json_i64(root, "createdUs", 0);
    const MrJson *partitions = mr_json_get(root, "partitionedBy");
    if (partitions) {
        const char **cols = MR_NEW_N(arena, const char *, partitions->n_items);
        for (const MrJson *item = partitions->first; item; item = item->next)
            cols[table->n_partition_cols++] = item->kind == MR_JSON_STRING ? item->text.data : "";
        table->partition_cols = cols;
    }
    table->options = read_options(arena, root, "options");
    table->properties = read_options(arena, root, "properties");
    table->sql_conf = read_options(arena, root, "sqlConf");
    MR_TRY(read_columns(arena, root, table, err));
    *out = table;
    return MR_OK;
}

MrText mr__catalog_write_database(MrArena *arena, const MrDatabase *database)
{
    MrTextBuilder out = {.arena = arena};
    mr_builder_printf(&out, "{\n  \"format\": %d", MR__CATALOG_FORMAT);
    put_field(&out, "name", database->name);
    put_field(&out, "comment", database->comment);
    put_field(&out, "location", database->location);
    put_field(&out, "collation", database->collation);
    put_options(&out, "properties", &database->properties);
    mr_json_end_checked(&out);
    return mr_builder_text(&out);
}

MrStatus mr__catalog_read_database(MrArena *arena, const char *file, MrText text, MrDatabase **out,
                                   MrError *err)
{
    MrJson *root;
    MR_TRY(mr_json_check(text, mr_arena_printf(arena, "catalog file '%s'", file), err));
    MR_TRY(mr_json_parse(arena, text, file, &root, err));
    MrDatabase *database = MR_NEW(arena, MrDatabase);
    database->name = mr_json_str(root, "name");
    database->comment = mr_json_str(root, "comment");
    database->location = mr_json_str(root, "location");
    database->collation = mr_json_str(root, "collation");
    database->properties = read_options(arena, root, "properties");
    if (!database->name)
        return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text", "%s: no name", file);
    *out = database;
    return MR_OK;
}

/* ---------------------------------------------------------------- deep copies, for what stays in
 * memory */

static const char *own_str(MrArena *arena, const char *text)
{
    return text ? mr_arena_str(arena, text) : NULL;
}

static MrOptions own_options(MrArena *arena, const MrOptions *options)
{
    MrOption *copy = MR_NEW_N(arena, MrOption, options->n_options);
    for (int32_t i = 0; i < options->n_options; i++)
        copy[i] = (MrOption){own_str(arena, options->options[i].key),
                             own_str(arena, options->options[i].value)};
    return (MrOptions){options->n_options, copy};
}

MrTable *mr_catalog_own(MrArena *arena, const MrTable *table)
{
    MrTable *copy = MR_NEW(arena, MrTable);
    *copy = *table;
    copy->database = own_str(arena, table->database);
    copy->name = own_str(arena, table->name);
    copy->provider = own_str(arena, table->provider);
    copy->location = own_str(arena, table->location);
    copy->comment = own_str(arena, table->comment);
    copy->collation = own_str(arena, table->collation);
    copy->sql = own_str(arena, table->sql);
    copy->sql_database = own_str(arena, table->sql_database);
    copy->schema_mode = own_str(arena, table->schema_mode);
    copy->options = own_options(arena, &table->options);
    copy->properties = own_options(arena, &table->properties);
    copy->sql_conf = own_options(arena, &table->sql_conf);
    MrField *cols = MR_NEW_N(arena, MrField, table->schema.n_cols);
    const char **defaults =
        table->defaults ? MR_NEW_N(arena, const char *, table->schema.n_cols) : NULL;
    const char **query_names =
        table->query_names ? MR_NEW_N(arena, const char *, table->schema.n_cols) : NULL;
    for (int32_t i = 0; i < table->schema.n_cols; i++) {
        cols[i] = table->schema.cols[i];
        cols[i].name = own_str(arena, cols[i].name);
        cols[i].comment = own_str(arena, cols[i].comment);
        cols[i].type = mr_type_own(arena, cols[i].type);
        if (defaults)
            defaults[i] = own_str(arena, table->defaults[i]);
        if (query_names)
            query_names[i] = own_str(arena, table->query_names[i]);
    }
    copy->schema = (MrSchema){table->schema.n_cols, cols};
    copy->defaults = defaults;
    copy->query_names = query_names;
    const char **temps = MR_NEW_N(arena, const char *, table->n_temps);
    for (int32_t i = 0; i < table->n_temps; i++)
        temps[i] = own_str(arena, table->temps[i]);
    copy->temps = temps;
    const char **partitions = MR_NEW_N(arena, const char *, table->n_partition_cols);
    for (int32_t i = 0; i < table->n_partition_cols; i++)
        partitions[i] = own_str(arena, table->partition_cols[i]);
    copy->partition_cols = partitions;
    return copy;
}
