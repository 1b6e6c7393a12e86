/* command_table.c - CREATE TABLE, CTAS, INSERT, TRUNCATE, DROP, ALTER TABLE. */
#include "session/session_int.h"

#include "sql/sql.h"

static MrStatus fail_no_database(MrQuery *query, const char *database, MrError *err)
{
    return MR_FAIL(err, MR_COND_SCHEMA_NOT_FOUND, "schemaName",
                   mr_quote_names(&query->arena, (const char *[]){MR_CATALOG_NAME, database}, 2));
}

static MrStatus need_database(MrQuery *query, const char *database, MrError *err)
{
    MrDatabase *found;
    if (mr_str_equal_nocase(database, MR_CATALOG_GLOBAL_TEMP))
        return MR_OK;
    MR_TRY(mr_catalog_get_database(query->session->catalog, &query->arena, database, &found, err));
    return found ? MR_OK : fail_no_database(query, database, err);
}

MrStatus mr__table_columns(MrQuery *query, const MrSqlCreateTable *create, MrTable *table,
                           MrError *err)
{
    MrArena *arena = &query->arena;
    int32_t n_max = create->n_columns + create->n_partitions;
    MrField *cols = MR_NEW_N(arena, MrField, n_max);
    const char **defaults = MR_NEW_N(arena, const char *, n_max);
    for (int32_t i = 0; i < create->n_columns; i++) {
        const MrSqlColumn *col = &create->columns[i];
        for (int32_t k = 0; k < i; k++)
            if (mr_str_equal_nocase(cols[k].name, col->name))
                return MR_FAIL(err, MR_COND_COLUMN_ALREADY_EXISTS, "columnName",
                               mr_quote_name(arena, col->name));
        if (col->generated || col->is_identity)
            return MR_FAIL_UNSUPPORTED(err, "generated and identity columns");
        cols[table->schema.n_cols] = (MrField){col->name, col->type, !col->not_null, col->comment};
        if (col->default_value) {
            defaults[table->schema.n_cols] = mr__source_text(query, col->default_place);
            table->defaults = defaults;
        }
        table->schema.n_cols++;
    }
    table->schema.cols = cols;
    for (int32_t i = 0; i < create->n_partitions; i++) {
        const MrSqlColumn *col = create->partitions[i].column;
        if (col)
            cols[table->schema.n_cols++] = (MrField){col->name, col->type, true, col->comment};
    }
    return mr__table_partitions(query, create, table, err);
}

MrStatus mr__table_partitions(MrQuery *query, const MrSqlCreateTable *create, MrTable *table,
                              MrError *err)
{
    const char **partitions = MR_NEW_N(&query->arena, const char *, create->n_partitions);
    for (int32_t i = 0; i < create->n_partitions; i++) {
        const MrSqlTransform *transform = &create->partitions[i];
        if (transform->column) {
            partitions[table->n_partition_cols++] = transform->column->name;
        } else if (strcmp(transform->name, "identity") == 0 && transform->n_args == 1 &&
                   transform->args[0]->kind == MR_SQL_NAME &&
                   transform->args[0]->name.n_parts == 1) {
            partitions[table->n_partition_cols++] = transform->args[0]->name.parts[0];
        } else {
            return MR_FAIL_UNSUPPORTED(err, "partitioning by %s()", transform->name);
        }
    }
    table->partition_cols = partitions;
    return MR_OK;
}

static bool is_temporary(const MrTable *table)
{
    return strcmp(table->database, MR_CATALOG_TEMP) == 0 ||
           mr_str_equal_nocase(table->database, MR_CATALOG_GLOBAL_TEMP);
}

static int32_t field_find(const MrSchema *schema, const char *name)
{
    for (int32_t i = 0; i < schema->n_cols; i++)
        if (mr_str_equal_nocase(schema->cols[i].name, name))
            return i;
    return -1;
}

MrStatus mr__table_partitions_last(MrQuery *query, MrTable *table, MrError *err)
{
    MrArena *arena = &query->arena;
    MrField *cols = MR_NEW_N(arena, MrField, table->schema.n_cols);
    const char **defaults = MR_NEW_N(arena, const char *, table->schema.n_cols);
    int32_t n_cols = 0;
    for (int32_t i = 0; i < table->schema.n_cols; i++) {
        bool is_partition = false;
        for (int32_t p = 0; p < table->n_partition_cols; p++)
            is_partition |=
                mr_str_equal_nocase(table->partition_cols[p], table->schema.cols[i].name);
        if (!is_partition) {
            defaults[n_cols] = table->defaults ? table->defaults[i] : NULL;
            cols[n_cols++] = table->schema.cols[i];
        }
    }
    for (int32_t p = 0; p < table->n_partition_cols; p++) {
        int32_t idx = field_find(&table->schema, table->partition_cols[p]);
        if (idx < 0)
            return MR_FAIL(err, MR_COND_COLUMN_NOT_DEFINED_IN_TABLE, "colType", "partition",
                           "colName", mr_quote_name(arena, table->partition_cols[p]), "tableName",
                           mr__table_quoted(arena, table), "tableCols", "");
        defaults[n_cols] = table->defaults ? table->defaults[idx] : NULL;
        cols[n_cols++] = table->schema.cols[idx];
    }
    table->schema = (MrSchema){n_cols, cols};
    table->defaults = table->defaults ? defaults : NULL;
    return MR_OK;
}

MrStatus mr__table_location_free(MrQuery *query, const MrTable *table, MrError *err)
{
    MrOs *os = query->session->os;
    MrFileInfo info;
    MrDirEntry *entries;
    int64_t n_entries;
    if (table->external || !table->location)
        return MR_OK;
    MR_TRY(os->stat(os, table->location, &info, err));
    if (!info.exists)
        return MR_OK;
    MR_TRY(os->list(os, table->location, &query->arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        /* A write that failed leaves its manifest, but no data. */
        if (entries[i].name[0] != '.' && entries[i].name[0] != '_')
            return MR_FAIL(err, MR_COND_LOCATION_ALREADY_EXISTS, "identifier",
                           mr__table_quoted(&query->arena, table), "location", table->location);
    }
    return MR_OK;
}

const int32_t *mr__table_partition_places(MrQuery *query, const MrTable *table)
{
    int32_t *places = MR_NEW_N(&query->arena, int32_t, table->n_partition_cols);
    for (int32_t i = 0; i < table->n_partition_cols; i++)
        places[i] = field_find(&table->schema, table->partition_cols[i]);
    return places;
}

MrWriteSpec mr__table_write_spec(MrQuery *query, const MrTable *table, MrSaveMode mode)
{
    return (MrWriteSpec){.type = mr_connector_find(table->provider),
                         .options = mr__table_options(&query->arena, table),
                         .mode = mode,
                         .n_partition_cols = table->n_partition_cols,
                         .partition_cols = mr__table_partition_places(query, table)};
}

MrBindTarget mr__bind_target(MrQuery *query, const MrTable *table)
{
    const char **defaults = MR_NEW_N(&query->arena, const char *, table->schema.n_cols);
    for (int32_t i = 0; table->defaults && i < table->schema.n_cols; i++)
        defaults[i] = table->defaults[i];
    return (MrBindTarget){.table = mr__table_quoted(&query->arena, table),
                          .n_columns = table->schema.n_cols,
                          .columns = table->schema.cols,
                          .defaults = defaults,
                          .n_partition_columns = table->n_partition_cols};
}

bool mr__schema_equal(const MrSchema *a, const MrSchema *b)
{
    bool equal = a->n_cols == b->n_cols;
    for (int32_t i = 0; equal && i < a->n_cols; i++)
        equal = mr_str_equal_nocase(a->cols[i].name, b->cols[i].name) &&
                mr_type_same_data(a->cols[i].type, b->cols[i].type);
    return equal;
}

MrStatus mr__table_store(MrQuery *query, const MrTable *table, MrPlan *plan, MrPlan **out,
                         MrError *err)
{
    MrSchema given = mr_plan_schema(&query->arena, plan);
    *out = plan;
    bool fits = mr__schema_equal(&given, &table->schema);
    for (int32_t i = 0; fits && i < given.n_cols; i++) /* char(n), varchar(n): to be looked at */
        fits = table->schema.cols[i].type->length == 0;
    if (fits)
        return MR_OK;
    MrBindTarget target = mr__bind_target(query, table);
    return mr_bind_store(&query->bind, plan, &target, true, out, err);
}

static bool is_managed(const MrTable *table)
{
    return table->location && !table->external;
}

/* A crash leaves the old table (NULL: none) as it was, or the new one with its data (NULL:
 * it keeps none, or none yet). */
static MrStatus table_make(MrQuery *query, const MrTable *table, const MrTable *old, MrPlan *data,
                           MrError *err)
{
    MrStatus status, ended;
    MrError second = {.sql_idx = -1};
    MrSession *session = query->session;
    MrCatalog *catalog = session->catalog;
    const char *id = mr_arena_printf(&query->arena, "%016llx", (unsigned long long)query->seed);
    MR_TRY(mr_catalog_make_begin(catalog, &query->arena, table, old, id, err));
    MR_GUARD_BEGIN(status, err)
        MrWriteSpec spec = mr__table_write_spec(query, table, MR_SAVE_OVERWRITE);
        spec.whole = true;
        if (data)
            status = mr_query_write(query, data, &spec, err);
        else if (is_managed(table))
            status = session->os->make_dir(session->os, table->location, err);
    MR_GUARD_END(status)
    MR_GUARD_BEGIN(ended, &second)
        ended = mr_catalog_make_end(catalog, &query->arena, table, status == MR_OK, &second);
    MR_GUARD_END(ended)
    if (status == MR_OK && ended != MR_OK)
        *err = second;
    return status != MR_OK ? status : ended;
}

/* CREATE TABLE ... AS: the columns are the query's, with the partition columns moved last. */
static MrStatus create_as(MrQuery *query, const MrSqlCreateTable *create, MrTable *table,
                          const MrTable *old, MrError *err)
{
    MrArena *arena = &query->arena;
    MrBoundQuery bound;
    MR_TRY(mr_query_bind_sql(query, create->query, &bound, err));
    MrField *cols = MR_NEW_N(arena, MrField, bound.plan->n_cols);
    for (int32_t i = 0; i < bound.plan->n_cols; i++) {
        const MrColumn *col = &bound.plan->cols[i];
        for (int32_t k = 0; k < i; k++)
            if (mr_str_equal_nocase(cols[k].name, col->name))
                return MR_FAIL(err, MR_COND_COLUMN_ALREADY_EXISTS, "columnName",
                               mr_quote_name(arena, col->name));
        cols[i] = (MrField){col->name, col->type, true, NULL};
    }
    table->schema = (MrSchema){bound.plan->n_cols, cols};
    table->defaults = NULL;
    MrPlan *plan = bound.plan;
    MR_TRY(mr__table_partitions_last(query, table, err));
    MR_TRY(mr__table_store(query, table, plan, &plan, err));
    return table_make(query, table, old, plan, err);
}

/* Without columns and without a query: the schema is found in the files. */
static MrStatus find_schema(MrQuery *query, MrTable *table, MrError *err)
{
    MrSource *source;
    MrOptions options = mr__table_options(&query->arena, table);
    const MrConnectorType *type = mr_connector_find(table->provider);
    if (!(type->flags & MR_CONN_BATCH_READ))
        return MR_OK; /* socket, rate: its source knows its schema */
    MR_TRY(mr_query_open_source(query, type, &options, NULL, false, &source, err));
    table->schema = source->schema;
    return MR_OK;
}

static MrStatus create_like(MrQuery *query, const MrSqlCreateTable *create, MrTable *table,
                            MrError *err)
{
    MrTable *like;
    MR_TRY(mr__table_need(query, &create->like, &like, err));
    table->schema = like->schema;
    table->defaults = like->defaults;
    table->n_partition_cols = like->n_partition_cols;
    table->partition_cols = like->partition_cols;
    if (!create->provider && like->provider)
        table->provider = like->provider;
    return MR_OK;
}

static bool has_option(const MrOptions *options, const char *key)
{
    for (int32_t i = 0; i < options->n_options; i++)
        if (mr_str_equal_nocase(options->options[i].key, key))
            return true;
    return false;
}

/* An empty result in the table's columns. */
static MrPlan *no_rows(MrQuery *query, const MrTable *table)
{
    MrPlan *one = mr_plan_values_one(&query->planner);
    MrNamedExpr *exprs = MR_NEW_N(&query->arena, MrNamedExpr, table->schema.n_cols);
    for (int32_t i = 0; i < table->schema.n_cols; i++) {
        const MrField *col = &table->schema.cols[i];
        exprs[i].column = (MrColumn){mr_planner_id(&query->planner), col->name, col->type, true};
        exprs[i].expr = mr_expr_null(&query->arena, col->type);
    }
    MrPlan *none = mr_plan_filter(&query->planner, one, mr_expr_bool(&query->arena, false));
    return mr_plan_project(&query->planner, none, exprs, table->schema.n_cols);
}

MrStatus mr__table_clear(MrQuery *query, const MrTable *table, MrError *err)
{
    MrWriteSpec spec = mr__table_write_spec(query, table, MR_SAVE_OVERWRITE);
    spec.whole = true;
    return mr_query_write(query, no_rows(query, table), &spec, err);
}

static bool same_place(const MrTable *old, const MrTable *table)
{
    return old->location && table->location && strcmp(old->location, table->location) == 0;
}

/* An old table that makes creating one done, or an error. */
static MrStatus old_decides(MrQuery *query, const MrSqlCreateTable *create, const MrTable *table,
                            MrTable **old, bool *done, MrError *err)
{
    MR_TRY(mr_catalog_get(query->session->catalog, &query->arena, table->database, table->name,
                          false, old, err));
    *done = *old && create->if_not_exists;
    bool is_view = *old && (*old)->kind == MR_CATALOG_VIEW;
    if (*old && !*done && (!create->or_replace || is_view))
        return MR_FAIL(err, MR_COND_TABLE_OR_VIEW_ALREADY_EXISTS, "relationName",
                       mr__table_quoted(&query->arena, *old));
    return MR_OK;
}

/* *lock: open until the table is there or has failed. */
static MrStatus create_table(MrQuery *query, const MrSqlCreateTable *create, MrFile **lock,
                             MrError *err)
{
    MrSession *session = query->session;
    MrArena *arena = &query->arena;
    MrTable table = {.kind = MR_CATALOG_TABLE}, *old;
    bool done;
    if (create->table_kind != MR_SQL_TABLE_PLAIN)
        return MR_FAIL_UNSUPPORTED(
            err, "streaming tables and materialized views outside of millrace run");
    if (create->temporary || create->n_bucket_columns > 0)
        return MR_FAIL_UNSUPPORTED(err, "temporary and bucketed tables");
    if (create->has_hive_clause)
        return MR_FAIL_UNSUPPORTED(err, "Hive tables; use USING");
    MR_TRY(mr__name_resolve(query, &create->name, &table.database, &table.name, err));
    MR_TRY(mr__name_check(query, table.name, err));
    MR_TRY(need_database(query, table.database, err));
    MR_TRY(old_decides(query, create, &table, &old, &done, err));
    if (done)
        return MR_OK;
    MR_TRY(mr_catalog_lock(session->catalog, arena, table.database, table.name, lock, err));
    MR_TRY(old_decides(query, create, &table, &old, &done, err)); /* made meanwhile? */
    if (done)
        return MR_OK;
    table.provider =
        create->provider ? create->provider : mr_session_conf(session, "spark.sql.sources.default");
    const MrConnectorType *type = mr_connector_find(table.provider);
    if (!type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", table.provider);
    table.options = mr__options_own(arena, &create->options);
    table.properties = mr__options_own(arena, &create->properties);
    table.comment = create->comment;
    table.collation = create->collation;
    table.created_us = query->now_us;
    table.external = create->location != NULL || has_option(&table.options, "path");
    if (create->location)
        table.location = create->location;
    else if (!table.external && (type->flags & MR_CONN_BATCH_WRITE))
        table.location = mr_catalog_table_path(session->catalog, arena, table.database, table.name);
    if (!old)
        MR_TRY(mr__table_location_free(query, &table, err));
    MR_TRY(mr__table_columns(query, create, &table, err));
    if (create->like.n_parts > 0)
        MR_TRY(create_like(query, create, &table, err));
    if (create->query)
        return create_as(query, create, &table, old, err);
    if (table.schema.n_cols > 0)
        MR_TRY(mr__table_partitions_last(query, &table, err));
    else if (table.external)
        MR_TRY(find_schema(query, &table, err));
    if (old)
        return table_make(
            query, &table, old,
            same_place(old, &table) && table.schema.n_cols > 0 ? no_rows(query, &table) : NULL,
            err);
    if (is_managed(&table))
        MR_TRY(session->os->make_dir(session->os, table.location, err));
    return mr_catalog_put(session->catalog, &table, err);
}

MrStatus mr__command_create_table(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    MrStatus status;
    MrFile *lock = NULL;
    MR_GUARD_BEGIN(status, err)
        status = create_table(query, statement->create_table, &lock, err);
    MR_GUARD_END(status)
    query->session->os->file_close(lock);
    return status;
}

/* PARTITION (..) with a value for each column: one partition, which the result replaces also when
 * it is empty. */
static bool names_partition(const MrSqlInsert *insert, const MrTable *table)
{
    int32_t n_values = 0;
    for (int32_t i = 0; i < insert->partition.n; i++)
        n_values += insert->partition.items[i].value != NULL;
    return n_values > 0 && n_values == table->n_partition_cols;
}

static MrStatus insert_one(MrQuery *query, const MrSqlInsert *insert, MrError *err)
{
    MrTable *table;
    MrBoundQuery bound;
    if (insert->is_directory) {
        const MrConnectorType *type =
            mr_connector_find(insert->provider ? insert->provider : "parquet");
        if (!type)
            return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", insert->provider);
        MrOptions given = mr__options_own(&query->arena, &insert->options);
        MrOption *options = MR_NEW_N(&query->arena, MrOption, given.n_options + 1);
        int32_t n_options = 0;
        if (insert->path)
            options[n_options++] = (MrOption){"path", insert->path};
        for (int32_t i = 0; i < given.n_options; i++)
            options[n_options++] = given.options[i];
        MR_TRY(mr_query_bind_sql(query, insert->query, &bound, err));
        return mr_query_write(query, bound.plan,
                              &(MrWriteSpec){.type = type,
                                             .options = {n_options, options},
                                             .mode = MR_SAVE_OVERWRITE},
                              err);
    }
    if (insert->replace_where || insert->n_replace_using > 0)
        return MR_FAIL_UNSUPPORTED(err, "INSERT ... REPLACE");
    MR_TRY(mr__table_need(query, &insert->name, &table, err));
    if (!table->provider)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_INSERT__RDD_BASED);
    if (table->kind == MR_CATALOG_MATERIALIZED_VIEW) /* its next refresh would take them away */
        return MR_FAIL(err, MR_COND_UNSUPPORTED_INSERT__NOT_ALLOWED, "relationId",
                       mr__table_quoted(&query->arena, table));
    if (insert->if_not_exists)
        return MR_FAIL_UNSUPPORTED(err, "INSERT OVERWRITE ... IF NOT EXISTS");
    MrBindTarget target = mr__bind_target(query, table);
    MR_TRY(mr_bind_insert(&query->bind, insert, &target, &bound, err));
    MrWriteSpec spec =
        mr__table_write_spec(query, table, insert->overwrite ? MR_SAVE_OVERWRITE : MR_SAVE_APPEND);
    spec.whole = names_partition(insert, table);
    spec.replaced = bound.replaced;
    spec.table = is_temporary(table) ? NULL : table;
    return mr_query_write(query, bound.plan, &spec, err);
}

MrStatus mr__command_insert(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    for (int32_t i = 0; i < statement->inserts.n; i++)
        MR_TRY(insert_one(query, statement->inserts.items[i], err));
    return MR_OK;
}

MrStatus mr__command_truncate(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    MrTable *table;
    MR_TRY(mr__table_need(query, &statement->table.name, &table, err));
    if (!table->provider)
        return MR_FAIL(err, MR_COND_EXPECT_TABLE_NOT_VIEW__NO_ALTERNATIVE, "viewName",
                       mr__table_quoted(&query->arena, table), "operation", "TRUNCATE TABLE");
    if (table->kind == MR_CATALOG_MATERIALIZED_VIEW) /* its rows are its query's */
        return MR_FAIL(err, MR_COND_EXPECT_TABLE_NOT_VIEW__NO_ALTERNATIVE, "viewName",
                       mr__table_quoted(&query->arena, table), "operation", "TRUNCATE TABLE");
    if (table->external)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_FEATURE__MILLRACE, "feature",
                       "TRUNCATE of an external table");
    if (statement->table.partition.n > 0)
        return MR_FAIL_UNSUPPORTED(err, "TRUNCATE of single partitions");
    MrWriteSpec spec = mr__table_write_spec(query, table, MR_SAVE_OVERWRITE);
    spec.whole = true;
    spec.table = is_temporary(table) ? NULL : table;
    return mr_query_write(query, no_rows(query, table), &spec, err);
}

static MrStatus drop_locked(MrQuery *query, const MrTable *table, MrFile **lock, MrError *err)
{
    MrTable *now;
    MrArena *arena = &query->arena;
    MrCatalog *catalog = query->session->catalog;
    MR_TRY(mr_catalog_lock(catalog, arena, table->database, table->name, lock, err));
    MR_TRY(mr_catalog_get(catalog, arena, table->database, table->name, false, &now, err));
    return now ? mr_catalog_drop(catalog, arena, now, err) : MR_OK; /* by somebody else meanwhile */
}

MrStatus mr__table_drop(MrQuery *query, const MrTable *table, MrError *err)
{
    MrStatus status;
    MrFile *lock = NULL;
    if (table->kind == MR_CATALOG_VIEW)
        return mr_catalog_remove(query->session->catalog, table->database, table->name, false, err);
    MR_GUARD_BEGIN(status, err)
        status = drop_locked(query, table, &lock, err);
    MR_GUARD_END(status)
    query->session->os->file_close(lock);
    return status;
}

static MrStatus drop_namespace(MrQuery *query, const MrSqlDrop *drop, MrError *err)
{
    MrSession *session = query->session;
    MrArena *arena = &query->arena;
    MrSqlName plain;
    MrDatabase *database;
    MrTable **tables;
    int32_t n_tables;
    MR_TRY(mr_bind_name(&query->bind, &drop->names[0], &plain, err));
    const char *name = plain.parts[plain.n_parts - 1];
    MR_TRY(mr_catalog_get_database(session->catalog, arena, name, &database, err));
    if (!database && drop->if_exists)
        return MR_OK;
    if (mr_str_equal_nocase(name, MR_CATALOG_DEFAULT))
        return MR_FAIL(
            err, MR_COND_UNSUPPORTED_FEATURE__DROP_DATABASE, "database",
            mr_quote_names(arena, (const char *[]){MR_CATALOG_NAME, MR_CATALOG_DEFAULT}, 2));
    if (!database)
        return fail_no_database(query, name, err);
    MR_TRY(mr_catalog_list(session->catalog, arena, name, false, &tables, &n_tables, err));
    if (n_tables > 0 && !drop->cascade)
        return MR_FAIL(err, MR_COND_SCHEMA_NOT_EMPTY, "schemaName", mr_quote_name(arena, name));
    for (int32_t i = 0; i < n_tables; i++)
        MR_TRY(mr__table_drop(query, tables[i], err));
    return mr_catalog_remove_database(session->catalog, name, err);
}

static MrStatus drop_table(MrQuery *query, const MrSqlDrop *drop, MrError *err)
{
    MrTable *table;
    MR_TRY(mr__table_find(query, &drop->names[0], &table, err));
    if (!table && drop->if_exists)
        return MR_OK;
    MR_TRY(mr__table_need(query, &drop->names[0], &table, err));
    bool is_view = table->kind == MR_CATALOG_VIEW;
    bool is_temp = strcmp(table->database, MR_CATALOG_TEMP) == 0;
    if (drop->object == MR_SQL_OBJECT_VIEW && !is_view)
        return MR_FAIL(err, MR_COND_EXPECT_VIEW_NOT_TABLE__NO_ALTERNATIVE, "tableName",
                       mr__table_quoted(&query->arena, table), "operation", "DROP VIEW");
    if (drop->object == MR_SQL_OBJECT_TABLE && is_view && !is_temp)
        return MR_FAIL(err, MR_COND_WRONG_COMMAND_FOR_OBJECT_TYPE, "operation", "DROP TABLE",
                       "requiredType", "EXTERNAL or MANAGED", "objectName",
                       mr__table_quoted(&query->arena, table), "foundType", "VIEW", "alternative",
                       "DROP VIEW");
    return mr__table_drop(query, table, err);
}

static MrStatus drop_variables(MrQuery *query, const MrSqlDrop *drop, MrError *err)
{
    for (int32_t i = 0; i < drop->n_names; i++) {
        const char *name = drop->names[i].parts[drop->names[i].n_parts - 1];
        MrVariable **place = mr__variable_place(query->session, name), *gone = *place;
        if (!gone && drop->if_exists)
            continue;
        if (!gone)
            return MR_FAIL(
                err, MR_COND_VARIABLE_NOT_FOUND, "variableName",
                mr_quote_names(&query->arena, (const char *[]){"system", "session", name}, 3));
        *place = gone->next;
        mr_arena_deinit(&gone->arena);
        mr_budget_free(&query->session->budget, gone, (int64_t)sizeof *gone);
    }
    return MR_OK;
}

static MrStatus drop_function(MrQuery *query, const MrSqlDrop *drop, MrError *err)
{
    const char *database, *name;
    MrTable *function;
    MrSession *session = query->session;
    MR_TRY(mr__name_resolve(query, &drop->names[0], &database, &name, err));
    if (drop->temporary)
        database = MR_CATALOG_TEMP;
    MR_TRY(mr_catalog_get(session->catalog, &query->arena, database, name, true, &function, err));
    if (!function)
        return drop->if_exists ? MR_OK
                               : MR_FAIL(err, MR_COND_ROUTINE_NOT_FOUND, "routineName",
                                         mr_quote_name(&query->arena, name));
    return mr_catalog_remove(session->catalog, database, name, true, err);
}

MrStatus mr__command_drop(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrSqlDrop *drop = &statement->drop;
    switch (drop->object) {
    case MR_SQL_OBJECT_NAMESPACE:
        return drop_namespace(query, drop, err);
    case MR_SQL_OBJECT_VARIABLE:
        return drop_variables(query, drop, err);
    case MR_SQL_OBJECT_FUNCTION:
        return drop_function(query, drop, err);
    default:
        return drop_table(query, drop, err);
    }
}

/* ALTER TABLE ... SET/UNSET TBLPROPERTIES */
static MrOptions change_properties(MrArena *arena, const MrOptions *old,
                                   const MrSqlProperties *changes, bool set)
{
    MrOption *options = MR_NEW_N(arena, MrOption, old->n_options + changes->n);
    int32_t n_options = 0;
    for (int32_t i = 0; i < old->n_options; i++) {
        bool changed = false;
        for (int32_t k = 0; k < changes->n; k++)
            changed |= strcmp(changes->items[k].key, old->options[i].key) == 0;
        if (!changed)
            options[n_options++] = old->options[i];
    }
    for (int32_t k = 0; set && k < changes->n; k++)
        options[n_options++] = (MrOption){changes->items[k].key,
                                          changes->items[k].value ? changes->items[k].value : ""};
    return (MrOptions){n_options, options};
}

/* A new name stays in the database of the old one. */
static MrStatus rename_name(MrQuery *query, const MrSqlAlter *alter, const MrTable *table,
                            const char **name, MrError *err)
{
    const char *database;
    *name = alter->to.parts[alter->to.n_parts - 1];
    MR_TRY(mr__name_check(query, *name, err));
    if (alter->to.n_parts == 1 || is_temporary(table))
        return MR_OK;
    MR_TRY(mr__name_resolve(query, &alter->to, &database, name, err));
    return mr_str_equal_nocase(database, table->database)
               ? MR_OK
               : MR_FAIL(err, MR_COND__LEGACY_ERROR_TEMP_1073, "db", table->database, "newDb",
                         database);
}

static MrStatus rename_table(MrQuery *query, MrTable *table, const char *name, MrError *err)
{
    MrArena *arena = &query->arena;
    MrCatalog *catalog = query->session->catalog;
    MrTable *taken, renamed = *table;
    MR_TRY(mr_catalog_get(catalog, arena, table->database, name, false, &taken, err));
    if (taken)
        return MR_FAIL(err, MR_COND_TABLE_OR_VIEW_ALREADY_EXISTS, "relationName",
                       mr__table_quoted(arena, taken));
    renamed.name = name;
    if (is_temporary(table)) {
        MR_TRY(mr_catalog_put(catalog, &renamed, err));
        return mr_catalog_remove(catalog, table->database, table->name, false, err);
    }
    if (is_managed(table))
        renamed.location = mr_catalog_table_path(catalog, arena, table->database, name);
    MR_TRY(mr__table_location_free(query, &renamed, err));
    return mr_catalog_move(catalog, arena, table, name, err);
}

static MrStatus add_columns(MrQuery *query, const MrSqlAlter *alter, MrTable *table, MrError *err)
{
    MrArena *arena = &query->arena;
    int32_t n_old = table->schema.n_cols, n_data = n_old - table->n_partition_cols;
    MrField *cols = MR_NEW_N(arena, MrField, n_old + alter->n_columns);
    const char **defaults = MR_NEW_N(arena, const char *, n_old + alter->n_columns);
    int32_t n_cols = 0;
    for (int32_t i = 0; i < n_old + alter->n_columns; i++) {
        bool is_new = i >= n_data && i < n_data + alter->n_columns;
        int32_t old_idx = i < n_data ? i : i - alter->n_columns;
        if (!is_new) {
            defaults[n_cols] = table->defaults ? table->defaults[old_idx] : NULL;
            cols[n_cols++] = table->schema.cols[old_idx];
            continue;
        }
        const MrSqlColumn *col = &alter->columns[i - n_data];
        if (col->path.n_parts > 1)
            return MR_FAIL_UNSUPPORTED(err, "adding fields to nested columns");
        if (col->position_first || col->position_after)
            return MR_FAIL_UNSUPPORTED(err, "ADD COLUMNS with FIRST or AFTER");
        if (field_find(&table->schema, col->name) >= 0)
            return MR_FAIL(err, MR_COND_FIELD_ALREADY_EXISTS, "op", "add", "fieldNames",
                           mr_quote_name(arena, col->name), "struct", "");
        defaults[n_cols] = col->default_value ? mr__source_text(query, col->default_place) : NULL;
        cols[n_cols++] = (MrField){col->name, col->type, !col->not_null, col->comment};
    }
    table->schema = (MrSchema){n_cols, cols};
    table->defaults = defaults;
    return mr_catalog_put(query->session->catalog, table, err);
}

static MrStatus alter_table(MrQuery *query, const MrSqlAlter *alter, MrFile *locks[2], MrError *err)
{
    MrArena *arena = &query->arena;
    MrCatalog *catalog = query->session->catalog;
    const char *name = NULL;
    MrTable *table;
    MR_TRY(mr__table_need(query, &alter->name, &table, err));
    if (alter->what == MR_SQL_ALTER_RENAME)
        MR_TRY(rename_name(query, alter, table, &name, err));
    if (!is_temporary(table)) {
        const char *from = mr_catalog_file_name(arena, table->name);
        const char *to = name ? mr_catalog_file_name(arena, name) : from;
        const char *names[2] = {table->name, name};
        int first = strcmp(to, from) < 0; /* in one order, so that two never wait for each other */
        MR_TRY(mr_catalog_lock(catalog, arena, table->database, names[first], &locks[0], err));
        if (strcmp(to, from) != 0)
            MR_TRY(mr_catalog_lock(catalog, arena, table->database, names[!first], &locks[1], err));
        MR_TRY(mr__table_need(query, &alter->name, &table, err)); /* as it is now */
    }
    switch (alter->what) {
    case MR_SQL_ALTER_RENAME:
        return rename_table(query, table, name, err);
    case MR_SQL_ALTER_SET_PROPERTIES:
    case MR_SQL_ALTER_UNSET_PROPERTIES:
        table->properties = change_properties(arena, &table->properties, &alter->properties,
                                              alter->what == MR_SQL_ALTER_SET_PROPERTIES);
        return mr_catalog_put(catalog, table, err);
    case MR_SQL_ALTER_ADD_COLUMNS:
        return add_columns(query, alter, table, err);
    case MR_SQL_ALTER_SCHEMA_BINDING:
        table->schema_mode = alter->value;
        return mr_catalog_put(catalog, table, err);
    default:
        return MR_FAIL_UNSUPPORTED(err, "this form of ALTER TABLE");
    }
}

MrStatus mr__command_alter(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    MrStatus status;
    MrFile *locks[2] = {NULL, NULL};
    if (statement->alter->object == MR_SQL_OBJECT_NAMESPACE)
        return MR_FAIL_UNSUPPORTED(err, "ALTER DATABASE");
    MR_GUARD_BEGIN(status, err)
        status = alter_table(query, statement->alter, locks, err);
    MR_GUARD_END(status)
    query->session->os->file_close(locks[0]);
    query->session->os->file_close(locks[1]);
    return status;
}
