/* query.c - the life of one statement: parsed, bound, run, read, closed. */
#include "session/session_int.h"

#include <stdarg.h>

typedef MrStatus (*Command)(MrQuery *query, const MrSqlStatement *statement, MrError *err);

static const Command commands[] = {
    [MR_SQL_STMT_CREATE_TABLE] = mr__command_create_table,
    [MR_SQL_STMT_CREATE_VIEW] = mr__command_create_view,
    [MR_SQL_STMT_CREATE_FUNCTION] = mr__command_create_function,
    [MR_SQL_STMT_CREATE_NAMESPACE] = mr__command_create_namespace,
    [MR_SQL_STMT_INSERT] = mr__command_insert,
    [MR_SQL_STMT_DROP] = mr__command_drop,
    [MR_SQL_STMT_ALTER] = mr__command_alter,
    [MR_SQL_STMT_SHOW] = mr__command_show,
    [MR_SQL_STMT_DESCRIBE] = mr__command_describe,
    [MR_SQL_STMT_SET] = mr__command_set,
    [MR_SQL_STMT_RESET] = mr__command_reset,
    [MR_SQL_STMT_USE] = mr__command_use,
    [MR_SQL_STMT_EXPLAIN] = mr__command_explain,
    [MR_SQL_STMT_CACHE_TABLE] = mr__command_cache,
    [MR_SQL_STMT_UNCACHE_TABLE] = mr__command_cache,
    [MR_SQL_STMT_CLEAR_CACHE] = mr__command_cache,
    [MR_SQL_STMT_REFRESH_TABLE] = mr__command_cache,
    [MR_SQL_STMT_REFRESH_PATH] = mr__command_cache,
    [MR_SQL_STMT_ANALYZE_TABLE] = mr__command_cache,
    [MR_SQL_STMT_TRUNCATE] = mr__command_truncate,
    [MR_SQL_STMT_DECLARE_VARIABLE] = mr__command_declare,
    [MR_SQL_STMT_EXECUTE_IMMEDIATE] = mr__command_execute,
};

MrStatus mr_query_bind_sql(MrQuery *query, const MrSqlQuery *sql, MrBoundQuery *out, MrError *err)
{
    return mr_bind_query(&query->bind, sql, out, err);
}

MrStatus mr_query_lower(MrQuery *query, MrPlan *plan, MrPhys **out, MrError *err)
{
    MrPlan *optimized;
    MR_TRY(mr_plan_optimize(&query->planner, plan, &optimized, err));
    return mr_plan_lower(&query->planner, optimized, &(MrLowerOptions){.streaming = false}, out,
                         err);
}

MrStatus mr_query_create_run(MrQuery *query, const MrPhys *phys, MrRun **out, MrError *err)
{
    MrSession *session = query->session;
    return mr_run_create(
        phys,
        &(MrRunOptions){.os = session->os,
                        .budget = &query->budget,
                        .settings = &query->settings,
                        .n_workers = session->n_threads,
                        .spill_dir = session->spill_dir,
                        .canceled = &session->canceled,
                        .batch_rows = (int32_t)mr_conf_i64(query->conf, "millrace.exec.batchRows")},
        out, err);
}

MrSchema mr_plan_schema(MrArena *arena, const MrPlan *plan)
{
    MrField *cols = MR_NEW_N(arena, MrField, plan->n_cols);
    for (int32_t i = 0; i < plan->n_cols; i++)
        cols[i] = (MrField){plan->cols[i].name, plan->cols[i].type, plan->cols[i].nullable, NULL};
    return (MrSchema){plan->n_cols, cols};
}

MrStatus mr_query_set_plan(MrQuery *query, const MrBoundQuery *bound, MrError *err)
{
    MrPhys *phys;
    query->schema = mr_plan_schema(&query->arena, bound->plan);
    query->ordered = bound->ordered;
    MR_TRY(mr_query_lower(query, bound->plan, &phys, err));
    return mr_query_create_run(query, phys, &query->run, err);
}

/* Short, and not to be stopped halfway. */
static bool changes_in_place(MrSqlStatementKind kind)
{
    return kind == MR_SQL_STMT_DROP || kind == MR_SQL_STMT_ALTER || kind == MR_SQL_STMT_TRUNCATE;
}

MrStatus mr__statement_run(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    if (statement->kind == MR_SQL_STMT_QUERY) {
        MrBoundQuery bound;
        MR_TRY(mr_query_bind_sql(query, statement->query, &bound, err));
        return mr_query_set_plan(query, &bound, err);
    }
    if (changes_in_place(statement->kind))
        mr_guard_watch(NULL);
    if (statement->kind >= MR_COUNT(commands) || !commands[statement->kind])
        return MR_FAIL_UNSUPPORTED(err, "this statement: %.40s", query->text.data);
    return commands[statement->kind](query, statement, err);
}

MrStatus mr__query_run_text(MrQuery *query, MrText text, MrError *err)
{
    MrSqlStatement *statement;
    query->text = mr_text_own(&query->arena, text);
    query->bind.text = query->text;
    MR_TRY(mr_sql_parse_statement(&query->arena, query->text, &query->session->sql_options,
                                  &statement, err));
    return mr__statement_run(query, statement, err);
}

const char *mr__source_text(MrQuery *query, MrSqlPlace place)
{
    return mr_arena_strn(&query->arena, query->text.data + place.idx, place.len);
}

/* A copy, as the session's may change while the query runs on a thread of its own. */
static MrStatus own_settings(MrQuery *query, MrError *err)
{
    MrStatus status;
    MrSession *session = query->session;
    mr_mutex_lock(session->lock);
    MR_GUARD_BEGIN(status, err)
        query->settings = session->settings;
        query->settings.zone_id = mr_arena_str(&query->arena, session->zone_id);
        query->settings.database = mr_arena_str(&query->arena, session->database);
        query->conf = mr_conf_copy(session->conf, &query->arena);
        query->settings.conf = query->conf;
    MR_GUARD_END(status)
    mr_mutex_unlock(session->lock);
    return status;
}

MrStatus mr_query_create(MrSession *session, MrQuery **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrQuery), &block, err));
    MrQuery *query = block;
    query->session = session;
    mr_budget_init(&query->budget, "query", &session->budget, INT64_MAX);
    mr_arena_init(&query->arena, &query->budget);
    MrStatus status = own_settings(query, err);
    if (status != MR_OK) {
        mr_arena_deinit(&query->arena);
        mr_budget_deinit(&query->budget);
        mr_budget_free(&session->budget, query, (int64_t)sizeof *query);
        return status;
    }
    query->now_us = session->os->now_us(session->os);
    query->seed = session->os->random_u64(session->os);
    query->eval = (MrEvalContext){.settings = &query->settings,
                                  .now_us = query->now_us,
                                  .seed = query->seed,
                                  .canceled = &session->canceled};
    query->planner = (MrPlanner){.arena = &query->arena,
                                 .settings = &query->settings,
                                 .context = &query->eval,
                                 .next_id = 1,
                                 .next_shared_id = 1};
    mr_mutex_lock(session->lock);
    query->next = session->queries;
    session->queries = query;
    mr_mutex_unlock(session->lock);
    *out = query;
    return MR_OK;
}

MrStatus mr_session_query(MrSession *session, MrText text, MrQuery **out, MrError *err)
{
    MrStatus status;
    MrQuery *query;
    mr_interrupt_over(session);
    MR_TRY(mr_query_create(session, &query, err));
    MR_GUARD_BEGIN(status, err)
        mr_guard_watch(&session->canceled);
        mr_relations_init(query);
        status = mr__query_run_text(query, text, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_query_close(query);
        return status;
    }
    *out = query;
    return MR_OK;
}

void mr_query_close(MrQuery *query)
{
    if (!query)
        return;
    MrSession *session = query->session;
    mr_mutex_lock(session->lock);
    for (MrQuery **at = &session->queries; *at; at = &(*at)->next)
        if (*at == query) {
            *at = query->next;
            break;
        }
    mr_mutex_unlock(session->lock);
    mr_run_destroy(query->run);
    mr__sources_close(query);
    mr__meanings_let_go(query);
    mr_arena_deinit(&query->arena);
    mr_budget_deinit(&query->budget);
    mr_budget_free(&session->budget, query, (int64_t)sizeof *query);
}

const MrSchema *mr_query_schema(const MrQuery *query)
{
    return &query->schema;
}

bool mr_query_is_describe(const MrQuery *query)
{
    return query->is_describe;
}

bool mr_query_is_ordered(const MrQuery *query)
{
    return query->ordered;
}

MrLosses mr_query_losses(const MrQuery *query)
{
    MrLosses losses = {0};
    for (const MrOpenSource *open = query->sources; open; open = open->next) {
        if (!open->source) /* it did not open */
            continue;
        losses.n_bad += open->source->n_bad;
        losses.n_skipped += open->source->n_skipped;
    }
    return losses;
}

const char *mr_losses_text(MrLosses losses, char out[MR_LOSSES_TEXT_BYTES])
{
    int n = 0;
    out[0] = '\0';
    if (losses.n_bad > 0)
        n = snprintf(out, MR_LOSSES_TEXT_BYTES, ", %lld malformed record%s",
                     (long long)losses.n_bad, losses.n_bad > 1 ? "s" : "");
    if (losses.n_skipped > 0)
        snprintf(out + n, (size_t)(MR_LOSSES_TEXT_BYTES - n), ", %lld file%s skipped",
                 (long long)losses.n_skipped, losses.n_skipped > 1 ? "s" : "");
    return out;
}

MrStatus mr__result_schema(MrQuery *query, const char *columns, MrError *err)
{
    const MrType *type;
    MR_TRY(mr_type_parse(&query->arena, mr_text(columns), true, &type, err));
    query->schema = (MrSchema){type->n_fields, type->fields};
    return MR_OK;
}

void mr__result_row(MrQuery *query, int32_t n_cells, ...)
{
    va_list cells;
    MR_ASSERT(n_cells == query->schema.n_cols);
    va_start(cells, n_cells);
    for (int32_t i = 0; i < n_cells; i++) {
        const char *cell = va_arg(cells, const char *);
        MR_PUSH(&query->arena, query->rows.cells, query->rows.n_cells, query->rows.cap_cells,
                cell ? mr_arena_str(&query->arena, cell) : NULL);
    }
    va_end(cells);
}

static void put_cell(MrArena *arena, MrVector *vec, int32_t row, int32_t n_rows, const char *cell)
{
    int64_t i64 = 0;
    if (!cell) {
        mr_vector_set_null(arena, vec, row, n_rows);
        return;
    }
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_I8:
        vec->i8[row] = strcmp(cell, "true") == 0;
        break;
    case MR_PHYS_I32:
        (void)mr_text_to_i64(mr_text(cell), &i64); /* ours, made of an integer */
        vec->i32[row] = (int32_t)i64;
        break;
    case MR_PHYS_I64:
        (void)mr_text_to_i64(mr_text(cell), &i64);
        vec->i64[row] = i64;
        break;
    default:
        vec->str[row] = mr_str_own(arena, cell, (int64_t)strlen(cell));
        break;
    }
}

/* The next rows of a command. */
static void fill_rows(MrQuery *query, MrBatch *batch)
{
    int32_t n_cols = query->schema.n_cols;
    int64_t n_left = query->rows.n_cells / n_cols - query->next_row;
    int32_t n_rows = n_left < MR_BATCH_ROWS ? (int32_t)n_left : MR_BATCH_ROWS;
    mr_batch_set_cols(batch, n_cols);
    for (int32_t c = 0; c < n_cols; c++) {
        batch->cols[c] = mr_vector_create(&batch->arena, query->schema.cols[c].type, n_rows);
        for (int32_t r = 0; r < n_rows; r++)
            put_cell(&batch->arena, batch->cols[c], r, n_rows,
                     query->rows.cells[(query->next_row + r) * n_cols + c]);
    }
    batch->n_rows = batch->n_sel = n_rows;
    query->next_row += n_rows;
}

MrStatus mr_query_next(MrQuery *query, MrBatch **out, MrError *err)
{
    MrStatus status;
    MrBatch *batch;
    *out = NULL;
    if (query->run) {
        MR_GUARD_BEGIN(status, err)
            mr_guard_watch(&query->session->canceled);
            status = mr_run_next(query->run, query->now_us, query->seed, out, err);
        MR_GUARD_END(status)
        return status;
    }
    if (query->schema.n_cols == 0 || query->next_row * query->schema.n_cols >= query->rows.n_cells)
        return MR_OK;
    MR_TRY(mr_batch_create(&query->budget, &batch, err));
    MR_GUARD_BEGIN(status, err)
        fill_rows(query, batch);
    MR_GUARD_END(status)
    if (status != MR_OK)
        mr_batch_destroy(batch);
    else
        *out = batch;
    return status;
}
