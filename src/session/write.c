/* write.c - a batch plan's rows into a sink: writers per worker, prepared all, committed once. */
#include "session/session_int.h"

#include <inttypes.h>
#include <stdio.h>

typedef struct Write {
    MrQuery *query;
    const MrConnectorType *type;
    MrSink *sink;
    MrRun *run;
    int32_t n_workers;
    MrSinkWriter **writers; /* by worker; NULL: it had no rows */
    MrBuffer *tokens;       /* by worker */
    MrEpochId epoch;
    const MrTable *table;
    MrFile *lock; /* of table, while the rows are committed */
} Write;

static MrStatus write_consume(void *self, int32_t worker_idx, const MrEvalContext *context,
                              MrBatch *batch, MrError *err)
{
    Write *write = self;
    MrStatus status;
    MR_ASSERT(worker_idx < write->n_workers);
    MR_GUARD_BEGIN(status, err) /* the batch is ours: a refusal must not jump over its end */
        if (!write->writers[worker_idx])
            status =
                write->type->writer_open(write->sink, write->epoch, worker_idx,
                                         &write->query->budget, &write->writers[worker_idx], err);
        if (status == MR_OK)
            status = write->type->write(write->writers[worker_idx], context, batch, err);
    MR_GUARD_END(status)
    mr_batch_destroy(batch);
    return status;
}

/* Nobody replaces the table from here on.  Rows that were bound to another one must not come into
 * this. */
static MrStatus table_still(Write *write, MrError *err)
{
    MrTable *now;
    char was_text[24], now_text[24] = "none";
    const MrTable *table = write->table;
    MrArena *arena = &write->query->arena;
    MrCatalog *catalog = write->query->session->catalog;
    if (!table)
        return MR_OK;
    MR_TRY(mr_catalog_lock(catalog, arena, table->database, table->name, &write->lock, err));
    MR_TRY(mr_catalog_get(catalog, arena, table->database, table->name, false, &now, err));
    if (now && now->created_us == table->created_us)
        return MR_OK;
    snprintf(was_text, sizeof was_text, "%" PRId64, table->created_us);
    if (now)
        snprintf(now_text, sizeof now_text, "%" PRId64, now->created_us);
    return MR_FAIL(err, MR_COND_INCOMPATIBLE_TABLE_CHANGE_AFTER_ANALYSIS__TABLE_ID_MISMATCH,
                   "tableName", mr__table_quoted(arena, table), "capturedTableId", was_text,
                   "currentTableId", now_text);
}

static MrStatus write_run(Write *write, const MrPhys *phys, MrError *err)
{
    MrQuery *query = write->query;
    MrText *tokens = MR_NEW_N(&query->arena, MrText, write->n_workers);
    int32_t n_tokens = 0;
    MR_TRY(mr_query_create_run(query, phys, &write->run, err));
    MR_TRY(mr_run_epoch(
        write->run, &(MrBarrier){.ended = true, .late_us = MR_TIME_MIN, .evict_us = MR_TIME_MIN},
        query->now_us, query->seed, &(MrRunOutput){write_consume, write}, err));
    /* A result without rows still makes its (empty) output. */
    bool any = false;
    for (int32_t i = 0; i < write->n_workers; i++)
        any |= write->writers[i] != NULL;
    if (!any)
        MR_TRY(write->type->writer_open(write->sink, write->epoch, 0, &query->budget,
                                        &write->writers[0], err));
    for (int32_t i = 0; i < write->n_workers; i++) {
        if (!write->writers[i])
            continue;
        MR_TRY(write->type->prepare(write->writers[i], &write->tokens[i], err));
        tokens[n_tokens++] = (MrText){write->tokens[i].data, write->tokens[i].size_bytes};
    }
    MR_TRY(table_still(write, err));
    mr_poll();
    mr_guard_watch(NULL); /* from here on it is done as a whole */
    return write->type->commit(write->sink, write->epoch, tokens, n_tokens, err);
}

/* The source in which the query reads what it overwrites; NULL: none. */
static MrSource *basis_find(const MrPlan *plan, const char *path)
{
    const char *read = plan->kind == MR_PLAN_SCAN && plan->scan.type->content
                           ? mr_option(&plan->scan.options, NULL, "path")
                           : NULL;
    if (read && path && strcmp(read, path) == 0)
        return plan->scan.source;
    MrSource *found = NULL;
    for (int32_t i = 0; i < plan->n_inputs && !found; i++)
        found = basis_find(plan->inputs[i], path);
    return found;
}

static MrStatus write_plan(MrQuery *query, MrPlan *plan, const MrWriteSpec *spec, MrError *err)
{
    MrStatus status;
    MrSession *session = query->session;
    MrArena *arena = &query->arena;
    MrPhys *phys;
    if (!(spec->type->flags & MR_CONN_BATCH_WRITE))
        return MR_FAIL_UNSUPPORTED(err, "writing to '%s'", spec->type->name);
    MR_TRY(mr_query_lower(query, plan, &phys, err));
    MrConnectorContext *context = MR_NEW(arena, MrConnectorContext);
    *context = (MrConnectorContext){.os = session->os,
                                    .budget = &query->budget,
                                    .settings = &query->settings,
                                    .options = spec->options};
    MrSchema *schema = MR_NEW(arena, MrSchema);
    *schema = mr_plan_schema(arena, plan);
    MrSinkSpec *sink_spec = MR_NEW(arena, MrSinkSpec);
    *sink_spec =
        (MrSinkSpec){.schema = schema,
                     .output_mode = MR_MODE_APPEND,
                     .save_mode = spec->mode,
                     .whole = spec->whole,
                     .replaced = spec->replaced,
                     .basis = spec->mode == MR_SAVE_OVERWRITE
                                  ? basis_find(plan, mr_option(&spec->options, NULL, "path"))
                                  : NULL,
                     .query_id = mr_arena_printf(arena, "%016llx", (unsigned long long)query->seed),
                     .n_partition_cols = spec->n_partition_cols,
                     .partition_cols = spec->partition_cols};
    Write *write = MR_NEW(arena, Write);
    *write = (Write){
        .query = query, .type = spec->type, .n_workers = session->n_threads, .table = spec->table};
    write->epoch = (MrEpochId){.epoch = 0, .lineage = query->seed, .time_us = query->now_us};
    write->writers = MR_NEW_N(arena, MrSinkWriter *, write->n_workers);
    write->tokens = MR_NEW_N(arena, MrBuffer, write->n_workers);
    for (int32_t i = 0; i < write->n_workers; i++)
        mr_buffer_init(&write->tokens[i], &query->budget, 64 << 20);
    MR_TRY(mr_options_check(&spec->options, spec->type->options, spec->type->name, err));
    MR_TRY(spec->type->open_sink(context, sink_spec, &write->sink, err));
    MR_GUARD_BEGIN(status, err)
        status = write_run(write, phys, err);
    MR_GUARD_END(status)
    mr_run_destroy(write->run); /* first: its workers use the writers */
    for (int32_t i = 0; i < write->n_workers; i++) {
        write->type->writer_close(write->writers[i]);
        mr_buffer_deinit(&write->tokens[i]);
    }
    write->type->close_sink(write->sink);
    session->os->file_close(write->lock);
    return status;
}

MrStatus mr_query_write(MrQuery *query, MrPlan *plan, const MrWriteSpec *spec, MrError *err)
{
    MrStatus status = write_plan(query, plan, spec, err);
    mr_guard_watch(NULL); /* what comes now notes what was written, or puts it away */
    return status;
}
