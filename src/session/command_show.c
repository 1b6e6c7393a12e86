/* command_show.c - SHOW, EXPLAIN and what only looks; DESCRIBE is command_describe.c. */
#include "session/session_int.h"

#include "function/aggregate.h"
#include "sql/sql.h"
#include "sql/sql_text.h"

#include <stdio.h>

/* Spark's patterns: * any text, | alternatives, letters without regard to case. */
static bool pattern_part(const char *at, const char *end, const char *text)
{
    for (; at < end; at++, text++) {
        if (*at == '*') {
            for (const char *rest = text;; rest++) {
                if (pattern_part(at + 1, end, rest))
                    return true;
                if (!*rest)
                    return false;
            }
        }
        if (!*text || !mr_text_equal_nocase((MrText){at, 1}, (MrText){text, 1}))
            return false;
    }
    return !*text;
}

static bool pattern_matches(const char *pattern, const char *text)
{
    if (!pattern)
        return true;
    for (;;) {
        const char *end = strchr(pattern, '|');
        const char *stop = end ? end : pattern + strlen(pattern);
        if (pattern_part(pattern, stop, text))
            return true;
        if (!end)
            return false;
        pattern = end + 1;
    }
}

static MrStatus show_database(MrQuery *query, const MrSqlName *in, const char **out, MrError *err)
{
    MrDatabase *database;
    *out = query->session->database;
    if (in->n_parts == 0 && !in->identifier)
        return MR_OK;
    MrSqlName plain;
    MR_TRY(mr_bind_name(&query->bind, in, &plain, err));
    *out = plain.parts[plain.n_parts - 1];
    if (mr_str_equal_nocase(*out, MR_CATALOG_GLOBAL_TEMP))
        return MR_OK;
    MR_TRY(mr_catalog_get_database(query->session->catalog, &query->arena, *out, &database, err));
    return database
               ? MR_OK
               : MR_FAIL(err, MR_COND_SCHEMA_NOT_FOUND, "schemaName",
                         mr_quote_names(&query->arena, (const char *[]){MR_CATALOG_NAME, *out}, 2));
}

static MrStatus show_tables(MrQuery *query, const MrSqlShow *show, MrError *err)
{
    bool views = show->what == MR_SQL_SHOW_VIEWS;
    const char *database;
    MrTable **tables;
    int32_t n_tables;
    MR_TRY(show_database(query, &show->in, &database, err));
    MR_TRY(mr__result_schema(
        query,
        views
            ? "namespace string not null, viewName string not null, isTemporary boolean not null"
            : "namespace string not null, tableName string not null, isTemporary boolean not null",
        err));
    const char *places[] = {database, MR_CATALOG_TEMP};
    for (int i = 0; i < 2; i++) {
        MR_TRY(mr_catalog_list(query->session->catalog, &query->arena, places[i], false, &tables,
                               &n_tables, err));
        bool temporary = i == 1 || mr_str_equal_nocase(places[i], MR_CATALOG_GLOBAL_TEMP);
        for (int32_t t = 0; t < n_tables; t++)
            if (pattern_matches(show->pattern, tables[t]->name) &&
                (!views || tables[t]->kind == MR_CATALOG_VIEW))
                mr__result_row(query, 3, places[i], tables[t]->name, temporary ? "true" : "false");
    }
    return MR_OK;
}

static MrStatus show_namespaces(MrQuery *query, const MrSqlShow *show, MrError *err)
{
    MrDatabase **databases;
    int32_t n_databases;
    MR_TRY(mr__result_schema(query, "namespace string not null", err));
    MR_TRY(mr_catalog_list_databases(query->session->catalog, &query->arena, &databases,
                                     &n_databases, err));
    for (int32_t i = 0; i < n_databases; i++)
        if (pattern_matches(show->pattern, databases[i]->name))
            mr__result_row(query, 1, databases[i]->name);
    return MR_OK;
}

static MrStatus show_columns(MrQuery *query, const MrSqlShow *show, MrError *err)
{
    MrTable *table;
    MrSqlName name = show->name;
    if (show->in.n_parts > 0 && name.n_parts == 1) {
        const char **parts = MR_NEW_N(&query->arena, const char *, 2);
        parts[0] = show->in.parts[show->in.n_parts - 1];
        parts[1] = name.parts[0];
        name.parts = parts;
        name.n_parts = 2;
    }
    MR_TRY(mr__table_need(query, &name, &table, err));
    MR_TRY(mr__result_schema(query, "col_name string not null", err));
    for (int32_t i = 0; i < table->schema.n_cols; i++)
        mr__result_row(query, 1, table->schema.cols[i].name);
    return MR_OK;
}

static MrStatus show_properties(MrQuery *query, const MrSqlShow *show, MrError *err)
{
    MrTable *table;
    MR_TRY(mr__table_need(query, &show->name, &table, err));
    MR_TRY(mr__result_schema(query,
                             show->key ? "key string not null, value string not null"
                                       : "key string not null, value string not null",
                             err));
    bool found = false;
    for (int32_t i = 0; i < table->properties.n_options; i++) {
        const MrOption *option = &table->properties.options[i];
        if (show->key && strcmp(show->key, option->key) != 0)
            continue;
        mr__result_row(query, 2, option->key, option->value);
        found = true;
    }
    if (show->key && !found)
        mr__result_row(query, 2, show->key,
                       mr_arena_printf(&query->arena, "Table %s.%s.%s does not have property: %s",
                                       MR_CATALOG_NAME, table->database, table->name, show->key));
    return MR_OK;
}

/* The values that there are, as folders are named: a query over the table. */
static MrStatus show_partitions(MrQuery *query, const MrSqlShow *show, MrError *err)
{
    MrTable *table;
    MrArena *arena = &query->arena;
    MrTextBuilder sql = {.arena = arena};
    MR_TRY(mr__table_need(query, &show->name, &table, err));
    if (!table->provider)
        return MR_FAIL(err, MR_COND_EXPECT_TABLE_NOT_VIEW__NO_ALTERNATIVE, "operation",
                       "SHOW PARTITIONS", "viewName", mr__table_quoted(arena, table));
    if (table->n_partition_cols == 0)
        return MR_FAIL(err, MR_COND_INVALID_PARTITION_OPERATION__PARTITION_SCHEMA_IS_EMPTY, "name",
                       mr__table_quoted(arena, table));
    mr_builder_str(&sql, "SELECT DISTINCT concat(");
    for (int32_t i = 0; i < table->n_partition_cols; i++) {
        const char *name = table->partition_cols[i];
        mr_builder_printf(&sql, "%s%s, coalesce(CAST(%s AS STRING), '__HIVE_DEFAULT_PARTITION__')",
                          i ? ", '/', " : "",
                          mr_sql_quote_string(arena, mr_text(mr_arena_printf(arena, "%s=", name))),
                          mr_quote_name(arena, name));
    }
    mr_builder_printf(&sql, ") AS partition FROM %s", mr__table_quoted(arena, table));
    for (int32_t i = 0; i < show->partition.n; i++) {
        const MrSqlPartitionValue *value = &show->partition.items[i];
        bool known = false;
        for (int32_t k = 0; k < table->n_partition_cols; k++)
            known = known || mr_str_equal_nocase(table->partition_cols[k], value->name);
        if (!known)
            return MR_FAIL(err, MR_COND_PARTITIONS_NOT_FOUND, "partitionList",
                           mr_quote_name(arena, value->name), "tableName",
                           mr__table_quoted(arena, table));
        if (value->value)
            mr_builder_printf(&sql, " %s %s <=> %s", i ? "AND" : "WHERE",
                              mr_quote_name(arena, value->name),
                              mr__source_text(query, value->value->place));
    }
    mr_builder_str(&sql, " ORDER BY 1");
    return mr__query_run_text(query, mr_builder_text(&sql), err);
}

typedef struct Names {
    const char **items;
    int64_t n, cap;
} Names;

static void name_add(MrQuery *query, Names *names, const MrSqlShow *show, const char *name)
{
    const char *pattern = show->pattern;
    if (!pattern && show->name.n_parts > 0)
        pattern = show->name.parts[show->name.n_parts - 1];
    if (pattern_matches(pattern, name))
        MR_PUSH(&query->arena, names->items, names->n, names->cap, name);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static MrStatus show_functions(MrQuery *query, const MrSqlShow *show, MrError *err)
{
    bool users = !show->scope || mr_str_equal_nocase(show->scope, "ALL") ||
                 mr_str_equal_nocase(show->scope, "USER");
    bool system = !show->scope || !mr_str_equal_nocase(show->scope, "USER");
    const char *database;
    Names names = {0};
    MR_TRY(show_database(query, &show->in, &database, err));
    MR_TRY(mr__result_schema(query, "function string not null", err));
    for (int32_t t = 0; system && mr_function_tables[t]; t++)
        for (const MrFunctionDef *def = mr_function_tables[t]; def->name; def++)
            if (!mr_function_is_hidden(&query->settings, def->name))
                name_add(query, &names, show, def->name);
    for (int32_t t = 0; system && mr_aggregate_tables[t]; t++)
        for (const MrAggregateDef *def = mr_aggregate_tables[t]; def->name; def++)
            if (!mr_function_is_hidden(&query->settings, def->name))
                name_add(query, &names, show, def->name);
    for (const MrWindowDef *def = mr_window_functions; system && def->name; def++)
        name_add(query, &names, show, def->name);
    for (const MrGeneratorDef *def = mr_generators; system && def->name; def++)
        name_add(query, &names, show, def->name);
    const char *places[] = {database, MR_CATALOG_TEMP};
    for (int32_t i = 0; users && i < 2; i++) {
        MrTable **functions;
        int32_t n;
        MR_TRY(mr_catalog_list(query->session->catalog, &query->arena, places[i], true, &functions,
                               &n, err));
        for (int32_t f = 0; f < n; f++)
            name_add(query, &names, show,
                     i == 0 ? mr_arena_printf(&query->arena, "%s.%s.%s", MR_CATALOG_NAME,
                                              functions[f]->database, functions[f]->name)
                            : functions[f]->name);
    }
    if (names.n > 0)
        qsort(names.items, (size_t)names.n, sizeof *names.items, compare_names);
    for (int64_t i = 0; i < names.n; i++)
        if (i == 0 || strcmp(names.items[i], names.items[i - 1]) != 0)
            mr__result_row(query, 1, names.items[i]);
    return MR_OK;
}

MrStatus mr__command_show(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrSqlShow *show = statement->show;
    switch (show->what) {
    case MR_SQL_SHOW_TABLES:
    case MR_SQL_SHOW_VIEWS:
        return show_tables(query, show, err);
    case MR_SQL_SHOW_NAMESPACES:
        return show_namespaces(query, show, err);
    case MR_SQL_SHOW_COLUMNS:
        return show_columns(query, show, err);
    case MR_SQL_SHOW_PROPERTIES:
        return show_properties(query, show, err);
    case MR_SQL_SHOW_CURRENT_NAMESPACE:
        MR_TRY(mr__result_schema(query, "catalog string not null, namespace string not null", err));
        mr__result_row(query, 2, MR_CATALOG_NAME, query->session->database);
        return MR_OK;
    case MR_SQL_SHOW_CATALOGS:
        MR_TRY(mr__result_schema(query, "catalog string not null", err));
        mr__result_row(query, 1, MR_CATALOG_NAME);
        return MR_OK;
    case MR_SQL_SHOW_CREATE_TABLE:
        return mr__show_create(query, show, err);
    case MR_SQL_SHOW_PARTITIONS:
        return show_partitions(query, show, err);
    case MR_SQL_SHOW_FUNCTIONS:
        return show_functions(query, show, err);
    default:
        return MR_FAIL_UNSUPPORTED(err, "this form of SHOW");
    }
}

typedef struct AnalyzeNote {
    MrRun *run;
} AnalyzeNote;

static void analyze_note(void *self, const MrPhys *phys, MrTextBuilder *out)
{
    AnalyzeNote *note = self;
    MrOpMetrics metrics;
    if (!mr_run_metrics(note->run, phys->id, &metrics))
        return;
    mr_builder_printf(out, " [rows %lld, time %.2f ms", (long long)metrics.rows_out,
                      (double)metrics.time_ns / 1e6);
    if (metrics.memory_bytes > 0)
        mr_builder_printf(out, ", memory %.1f MiB", (double)metrics.memory_bytes / 1048576.0);
    if (metrics.spilled_bytes > 0)
        mr_builder_printf(out, ", spilled %.1f MiB", (double)metrics.spilled_bytes / 1048576.0);
    const MrSource *source = phys->kind == MR_PHYS_OP_SCAN ? phys->scan.source : NULL;
    if (source && source->n_bad > 0)
        mr_builder_printf(out, ", malformed %lld", (long long)source->n_bad);
    if (source && source->n_skipped > 0)
        mr_builder_printf(out, ", files skipped %lld", (long long)source->n_skipped);
    mr_builder_str(out, "]");
}

static MrStatus discard(void *self, int32_t worker_idx, const MrEvalContext *context,
                        MrBatch *batch, MrError *err)
{
    mr_batch_destroy(batch);
    return MR_OK;
}

static MrStatus explain_analyze(MrQuery *query, const MrPhys *phys, MrTextBuilder *text,
                                MrError *err)
{
    MrSession *session = query->session;
    int64_t start_ns = session->os->tick_ns(session->os);
    MR_TRY(mr_query_create_run(query, phys, &query->run, err));
    MR_TRY(mr_run_epoch(
        query->run, &(MrBarrier){.ended = true, .late_us = MR_TIME_MIN, .evict_us = MR_TIME_MIN},
        query->now_us, query->seed, &(MrRunOutput){discard, NULL}, err));
    int64_t ns = session->os->tick_ns(session->os) - start_ns;
    mr_phys_text(phys, &query->settings, text, analyze_note, &(AnalyzeNote){query->run});
    mr_builder_printf(text, "Total time: %.2f ms\n", (double)ns / 1e6);
    mr_run_destroy(query->run);
    query->run = NULL;
    return MR_OK;
}

/* The plan that a stream would run: of a streaming table, or, where its output mode is refused, of
 * a sink that takes changes. */
static MrStatus explain_stream(MrQuery *query, MrPlan *plan, MrTextBuilder *text, MrError *err)
{
    MrPlan *optimized;
    MrPhys *phys;
    MrLowerOptions options = {.streaming = true, .output_mode = MR_MODE_APPEND};
    MR_TRY(mr_plan_optimize(&query->planner, plan, &optimized, err));
    MrStatus status = mr_plan_lower(&query->planner, optimized, &options, &phys, err);
    if (status == MR_INVALID) {
        *err = (MrError){.sql_idx = -1};
        options.output_mode = MR_MODE_CHANGES;
        status = mr_plan_lower(&query->planner, optimized, &options, &phys, err);
    }
    MR_TRY(status);
    mr_builder_printf(text, "== Physical Plan of the Stream (%s) ==\n",
                      options.output_mode == MR_MODE_APPEND ? "append" : "changes");
    mr_phys_text(phys, &query->settings, text, NULL, NULL);
    return MR_OK;
}

/* The query in a statement: of INSERT and CREATE TABLE AS the one whose rows are written. */
static const MrSqlQuery *explained_query(const MrSqlStatement *statement)
{
    switch (statement->kind) {
    case MR_SQL_STMT_QUERY:
        return statement->query;
    case MR_SQL_STMT_INSERT:
        return statement->inserts.n == 1 ? statement->inserts.items[0]->query : NULL;
    case MR_SQL_STMT_CREATE_TABLE:
        return statement->create_table->query;
    default:
        return NULL;
    }
}

MrStatus mr__command_explain(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrSqlStatement *inner = statement->explain.statement;
    MrTextBuilder text = {.arena = &query->arena};
    MrBoundQuery bound;
    MrPhys *phys;
    MR_TRY(mr__result_schema(query, "plan string not null", err));
    const MrSqlQuery *sql = explained_query(inner);
    bool writes = inner->kind != MR_SQL_STMT_QUERY;
    if (!sql || (writes && statement->explain.mode == MR_SQL_EXPLAIN_ANALYZE))
        return MR_FAIL_UNSUPPORTED(err, writes && sql ? "EXPLAIN ANALYZE of a command"
                                                      : "EXPLAIN of this command");
    MR_TRY(mr_query_bind_sql(query, sql, &bound, err));
    if (statement->explain.mode == MR_SQL_EXPLAIN_EXTENDED ||
        statement->explain.mode == MR_SQL_EXPLAIN_COST) {
        MrPlan *optimized;
        mr_builder_str(&text, "== Analyzed Logical Plan ==\n");
        mr_plan_text(bound.plan, &query->settings, &text);
        MR_TRY(mr_plan_optimize(&query->planner, bound.plan, &optimized, err));
        mr_builder_str(&text, "\n== Optimized Logical Plan ==\n");
        mr_plan_text(optimized, &query->settings, &text);
        mr_builder_str(&text, "\n");
    }
    if (bound.plan->streaming && statement->explain.mode != MR_SQL_EXPLAIN_ANALYZE) {
        MR_TRY(explain_stream(query, bound.plan, &text, err));
        mr__result_row(query, 1, mr_builder_text(&text).data);
        return MR_OK;
    }
    MR_TRY(mr_query_lower(query, bound.plan, &phys, err));
    mr_builder_printf(&text, "== Physical Plan%s ==\n", writes ? " of the Rows to Write" : "");
    if (statement->explain.mode == MR_SQL_EXPLAIN_ANALYZE)
        MR_TRY(explain_analyze(query, phys, &text, err));
    else
        mr_phys_text(phys, &query->settings, &text, NULL, NULL);
    mr__result_row(query, 1, mr_builder_text(&text).data);
    return MR_OK;
}

/* CACHE, UNCACHE, REFRESH, ANALYZE: hints that change no answer.  Files are read afresh at each
 * query, so there is nothing to keep or to forget; the names must be right all the same. */
MrStatus mr__command_cache(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    MrTable *table;
    switch (statement->kind) {
    case MR_SQL_STMT_CACHE_TABLE:
        if (statement->cache.query) { /* CACHE TABLE t AS query: a temporary view */
            MrSqlCreateView create = {.temporary = true,
                                      .or_replace = true,
                                      .name = statement->cache.name,
                                      .query = statement->cache.query};
            MrSqlStatement view = {
                .kind = MR_SQL_STMT_CREATE_VIEW, .place = statement->place, .create_view = &create};
            return mr__command_create_view(query, &view, err);
        }
        return mr__table_need(query, &statement->cache.name, &table, err);
    case MR_SQL_STMT_UNCACHE_TABLE:
        if (statement->table.if_exists)
            return MR_OK;
        return mr__table_need(query, &statement->table.name, &table, err);
    case MR_SQL_STMT_REFRESH_TABLE:
        return mr__table_need(query, &statement->table.name, &table, err);
    case MR_SQL_STMT_ANALYZE_TABLE:
        return statement->analyze.all_tables
                   ? MR_OK
                   : mr__table_need(query, &statement->analyze.name, &table, err);
    default:
        return MR_OK;
    }
}
