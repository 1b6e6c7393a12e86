/* op_stream_aggregate.c - groups the rows of a stream and aggregates them.
 *
 * Computes:  one row per group: keys, then results.  Without keys one row in any case; without
 * aggregates the distinct keys.
 * Changes:   takes inserts and retractions (of aggregates that can retract).  Groups touched by the
 * epoch give -old +new, or, when closed by the watermark only (close_key), one +row, after which
 * they are forgotten.
 * Memory:    the groups, in packed rows.  Each worker fills a table of its own; finish tasks merge
 * them into the table that is kept, part by part of the hash.
 * Blocking:  yes.
 * Snapshot:  table 0: key columns -> rows in the group, close time, whether shown, states.
 * Source:    Spark's rule: a group is closed when its window's end <= watermark. */
#include "exec/close_queue.h"
#include "exec/kept_rows.h"

#define FEW_GROUPS 4096 /* are merged by one task */
#define MAX_DEAD 256    /* groups of a part, removed; fewer are not worth the work */

typedef struct StreamPart {
    MrKeptPart kept;
    MrGroups groups;
    char *single;         /* the group of an aggregate without keys */
    MrCloseQueue closing; /* in the arena of the groups */
} StreamPart;

typedef struct StreamAgg StreamAgg;

typedef struct StreamAggShared {
    const MrPhys *phys;
    MrArena arena;
    MrBudget *budget;
    MrAggPlan plan;
    StreamAgg **workers;
    int32_t n_workers;
    int32_t n_tasks; /* of this epoch: 1 or MR_KEPT_PARTS */
    StreamPart *parts;
    MrKeptPart *kept[MR_KEPT_PARTS];
    int32_t n_open_parts;
    _Atomic int32_t next_out;
    int64_t n_epochs;
    MrEvalContext eval; /* for saving and loading */
} StreamAggShared;

struct StreamAgg {
    MrOp op;
    MrArena arena;
    MrEvaluator exprs;
    MrAggTable table;
    bool table_open, ended;
    MrBatch *held;
    MrPartedRows parted;
    MrKeptCursor cursor;
};

/* -- opening ---------------------------------------------------------------------------------- */

static MrStatus stream_agg_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                       MrError *err)
{
    StreamAggShared *shared = arg;
    shared->phys = phys;
    shared->budget = context->budget;
    shared->n_workers = context->n_workers;
    shared->eval = *context->eval;
    mr_arena_init(&shared->arena, context->budget);
    mr__agg_plan_init(&shared->plan, &shared->arena, phys);
    shared->workers = MR_NEW_N(&shared->arena, StreamAgg *, context->n_workers);
    shared->parts = MR_NEW_N(&shared->arena, StreamPart, MR_KEPT_PARTS);
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        StreamPart *part = &shared->parts[p];
        shared->kept[p] = &part->kept;
        mr__kept_init(&part->kept, context);
        mr__groups_init(&part->groups, &shared->plan.layout, context->budget);
        shared->n_open_parts++;
    }
    return MR_OK;
}

static void stream_agg_shared_close(void *arg)
{
    StreamAggShared *shared = arg;
    for (int32_t p = 0; p < shared->n_open_parts; p++) {
        mr__groups_deinit(&shared->parts[p].groups);
        mr__kept_deinit(&shared->parts[p].kept);
    }
    mr_arena_deinit(&shared->arena);
}

static MrStatus stream_agg_open(MrOp *op, MrError *err)
{
    StreamAgg *self = (StreamAgg *)op;
    StreamAggShared *shared = op->shared;
    mr_arena_init(&self->arena, op->context->budget);
    MR_TRY(mr__evaluator_open(&self->exprs, op->context, &self->arena, shared->plan.exprs,
                              shared->plan.n_exprs, err));
    self->table_open = true;
    MR_TRY(mr__agg_table_init(&self->table, &shared->plan, op->context, err));
    shared->workers[op->context->worker_idx] = self;
    return MR_OK;
}

static void stream_agg_close(MrOp *op)
{
    StreamAgg *self = (StreamAgg *)op;
    StreamAggShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    if (self->table_open)
        mr__agg_table_deinit(&self->table);
    mr__evaluator_close(&self->exprs);
    mr_batch_destroy(self->held);
    mr_arena_deinit(&self->arena);
}

/* -- rows in ---------------------------------------------------------------------------------- */

static MrStatus stream_agg_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    StreamAgg *self = (StreamAgg *)op;
    int32_t time_key = op->phys->aggregate.time_key;
    self->held = batch;
    MR_TRY(mr__evaluator_run(&self->exprs, op->context, batch, err));
    if (time_key >= 0)
        op->context->metrics->late_rows +=
            mr__drop_late(batch, self->exprs.out[time_key], mr__late_us(op));
    if (batch->n_sel > 0)
        MR_TRY(mr__agg_table_update(&self->table, batch, self->exprs.out, err));
    self->held = NULL;
    mr_batch_destroy(batch);
    return MR_OK;
}

static MrStatus stream_agg_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier,
                                   MrError *err)
{
    StreamAgg *self = (StreamAgg *)op;
    mr__part_rows(&self->parted, &self->table.groups, &self->arena, NULL);
    self->ended = true;
    self->cursor.part_idx = -1;
    return MR_OK;
}

static int32_t stream_agg_n_finish_tasks(void *arg, int32_t input_idx)
{
    StreamAggShared *shared = arg;
    int64_t n_rows = 0;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w] && shared->workers[w]->ended)
            n_rows += shared->workers[w]->table.groups.n_rows;
    atomic_store(&shared->next_out, 0);
    shared->n_epochs++;
    shared->n_tasks = n_rows > FEW_GROUPS ? MR_KEPT_PARTS : 1;
    return shared->n_tasks;
}

/* -- merging into the state ------------------------------------------------------------------- */

static MrGroupHead *group_head(const MrAggPlan *plan, char *row)
{
    return (MrGroupHead *)(void *)(row + plan->layout.states_at);
}

#define DEAD INT64_MIN /* as the number of a group's rows: it was removed */

static bool is_dead(const MrGroups *groups, char *row)
{
    return *mr__group_user(groups->layout, row) == DEAD;
}

static MrStatus groups_finish(const void *self, const MrEvalContext *eval, char *const *rows,
                              int32_t n, MrBatch *batch, MrError *err)
{
    const StreamAggShared *shared = self;
    mr_batch_set_cols(batch, shared->phys->schema.n_cols);
    return mr__agg_finish(&shared->plan, eval, &shared->phys->schema, rows, n, batch, err);
}

static MrStatus emit_groups(StreamAggShared *shared, StreamPart *part, const MrOpContext *context,
                            char *const *rows, int64_t n_rows, int64_t weight, MrError *err)
{
    return mr__kept_emit(&part->kept, context, rows, n_rows, weight, groups_finish, shared, err);
}

static bool gives_changes(const StreamAggShared *shared)
{
    return shared->phys->aggregate.close_key < 0 && !shared->phys->aggregate.complete;
}

static void group_touch(StreamAggShared *shared, StreamPart *part, char *row)
{
    MrGroupHead *head = group_head(&shared->plan, row);
    if (head->touched == shared->n_epochs)
        return;
    head->touched = shared->n_epochs;
    mr__kept_touch(&part->kept, row);
}

/* The watermark closes groups: they are given out or dropped then. */
static bool closes_groups(const StreamAggShared *shared)
{
    return shared->phys->aggregate.close_key >= 0 || shared->phys->aggregate.evict;
}

/* Makes new groups of the state complete. */
static void group_begin(StreamAggShared *shared, StreamPart *part, char *row, MrVector **keys,
                        int64_t key_row)
{
    MrGroupHead *head = group_head(&shared->plan, row);
    int32_t time_key = shared->phys->aggregate.time_key;
    mr__agg_init_states(&shared->plan, row);
    head->close_us = time_key >= 0 ? mr__event_time_us(keys[time_key], key_row) : INT64_MAX;
    if (closes_groups(shared))
        mr__close_queue_put(&part->closing, &part->groups.arena, head->close_us, row);
}

/* Merges some groups of a worker's table; the old rows of those that were shown go out first. */
static MrStatus state_merge(StreamAggShared *shared, StreamPart *part, const MrOpContext *context,
                            char *const *from, int32_t n, MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    MrArena *scratch = &part->kept.scratch;
    char **rows = mr_arena_alloc(scratch, (n + 1) * (int64_t)sizeof *rows);
    char **old = mr_arena_alloc(scratch, (n + 1) * (int64_t)sizeof *old);
    if (plan->n_keys > 0) {
        MrVector **keys = MR_NEW_N(scratch, MrVector *, plan->n_keys);
        uint64_t *hash = mr_arena_alloc(scratch, n * (int64_t)sizeof *hash);
        uint16_t *fresh = mr_arena_alloc(scratch, n * (int64_t)sizeof *fresh);
        int32_t n_fresh = 0;
        for (int32_t k = 0; k < plan->n_keys; k++)
            keys[k] = mr_rows_gather(&plan->layout.rows, k, (const void *const *)from, n, scratch);
        for (int32_t i = 0; i < n; i++)
            hash[i] = mr__group_hash(&plan->layout, from[i]);
        MR_TRY(mr__groups_find(&part->groups, keys, NULL, n, hash, rows, fresh, &n_fresh, err));
        for (int32_t f = 0; f < n_fresh; f++)
            group_begin(shared, part, rows[fresh[f]], keys, fresh[f]);
    } else {
        for (int32_t i = 0; i < n; i++)
            rows[i] = part->single;
    }
    int32_t n_old = 0;
    for (int32_t i = 0; i < n; i++) {
        MrGroupHead *head = group_head(plan, rows[i]);
        if (head->shown && head->touched != shared->n_epochs)
            old[n_old++] = rows[i];
        group_touch(shared, part, rows[i]);
    }
    if (gives_changes(shared) && plan->n_aggs > 0) /* a distinct row does not change */
        MR_TRY(emit_groups(shared, part, context, old, n_old, -1, err));
    for (int32_t i = 0; i < n; i++)
        MR_TRY(mr__agg_merge(plan, context->eval, &part->groups.arena, rows[i], from[i], err));
    return MR_OK;
}

static MrStatus group_remove(StreamAggShared *shared, StreamPart *part, char *row, MrError *err)
{
    MR_TRY(mr__kept_delete(&part->kept, mr__kept_keys(&part->kept, &shared->plan, row),
                           shared->plan.n_keys, err));
    mr__groups_remove(&part->groups, row);
    *mr__group_user(&shared->plan.layout, row) = DEAD;
    part->kept.n_dead++;
    part->kept.n_removed++;
    return MR_OK;
}

/* Groups that the watermark has closed: given out when the mode waits for it, and forgotten. */
static MrStatus close_groups(StreamAggShared *shared, StreamPart *part, const MrOpContext *context,
                             int64_t evict_us, MrError *err)
{
    char **closed = NULL, *row;
    int64_t n = 0, cap = 0;
    while ((row = mr__close_queue_take(&part->closing, evict_us)) != NULL)
        if (!is_dead(&part->groups, row))
            MR_PUSH(&part->kept.scratch, closed, n, cap, row);
    if (shared->phys->aggregate.close_key >= 0)
        MR_TRY(emit_groups(shared, part, context, closed, n, 1, err));
    for (int64_t i = 0; i < n; i++)
        MR_TRY(group_remove(shared, part, closed[i], err));
    return MR_OK;
}

/* What the epoch has to show, before the closed ones go. */
static MrStatus show_groups(StreamAggShared *shared, StreamPart *part, const MrOpContext *context,
                            MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    MrKeptPart *kept = &part->kept;
    int64_t n_shown = 0, n_gone = 0, n_all = 0;
    char **shown = mr_arena_alloc(&kept->scratch, (kept->n_touched + 1) * (int64_t)sizeof *shown);
    char **gone = mr_arena_alloc(&kept->scratch, (kept->n_touched + 1) * (int64_t)sizeof *gone);
    for (int64_t t = 0; t < kept->n_touched; t++) {
        char *row = kept->touched[t];
        MrGroupHead *head = group_head(plan, row);
        if (plan->n_keys > 0 && *mr__group_user(&plan->layout, row) == 0) {
            if (plan->n_aggs == 0 && head->shown)
                gone[n_gone++] = row;
            MR_TRY(group_remove(shared, part, row, err));
            continue;
        }
        if (plan->n_aggs > 0 || !head->shown)
            shown[n_shown++] = row;
        head->shown = 1;
    }
    if (gives_changes(shared)) {
        MR_TRY(emit_groups(shared, part, context, gone, n_gone, -1, err));
        return emit_groups(shared, part, context, shown, n_shown, 1, err);
    }
    if (!shared->phys->aggregate.complete)
        return MR_OK;
    char **all = mr_arena_alloc(&kept->scratch, (part->groups.n_rows + 1) * (int64_t)sizeof *all);
    for (int64_t r = 0; r < part->groups.n_rows; r++) {
        all[n_all] = mr__groups_row(&part->groups, r);
        n_all += !is_dead(&part->groups, all[n_all]);
    }
    return emit_groups(shared, part, context, all, n_all, 1, err);
}

static MrStatus state_compact(StreamAggShared *shared, StreamPart *part, MrError *err);

static MrStatus part_finish(const MrOp *op, int32_t part_idx, const MrBarrier *barrier,
                            MrError *err)
{
    StreamAggShared *shared = op->shared;
    const MrOpContext *context = op->context;
    const MrAggPlan *plan = &shared->plan;
    StreamPart *part = &shared->parts[part_idx];
    mr__kept_epoch(&part->kept);
    if (part->kept.n_dead > MAX_DEAD && part->kept.n_dead > part->groups.n_rows / 2)
        MR_TRY(state_compact(shared, part, err));
    if (plan->n_keys == 0 && part_idx == mr__kept_part_of(0) && !part->single) {
        uint64_t hash = 0;
        mr__groups_append(&part->groups, NULL, NULL, 1, &hash, &part->single);
        group_begin(shared, part, part->single, NULL, 0);
        group_touch(shared, part, part->single); /* the answer over no rows is a row */
    }
    for (int32_t w = 0; w < shared->n_workers; w++) {
        StreamAgg *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        int64_t to = worker->parted.from[part_idx + 1];
        for (int64_t r = worker->parted.from[part_idx]; r < to; r += MR_BATCH_ROWS) {
            int32_t n = to - r < MR_BATCH_ROWS ? (int32_t)(to - r) : MR_BATCH_ROWS;
            if (plan->n_keys == 0 && !group_head(plan, worker->parted.rows[r])->touched)
                continue; /* nothing came */
            MR_TRY(state_merge(shared, part, context, worker->parted.rows + r, n, err));
        }
    }
    MR_TRY(show_groups(shared, part, context, err));
    /* At the end of a bounded run every group is final. */
    bool all = barrier->ended && shared->phys->aggregate.close_key >= 0;
    return close_groups(shared, part, context, all ? INT64_MAX : mr__evict_us(op), err);
}

static MrStatus stream_agg_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                       const MrBarrier *barrier, MrError *err)
{
    StreamAggShared *shared = op->shared;
    if (shared->n_tasks == MR_KEPT_PARTS)
        return part_finish(op, task_idx, barrier, err);
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++)
        MR_TRY(part_finish(op, p, barrier, err));
    return MR_OK;
}

/* -- rows out --------------------------------------------------------------------------------- */

static MrStatus stream_agg_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    StreamAgg *self = (StreamAgg *)op;
    StreamAggShared *shared = op->shared;
    if (self->ended)
        *out = mr__kept_next(shared->kept, &shared->next_out, &self->cursor);
    *step = self->ended && *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

static MrStatus stream_agg_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    StreamAggShared *shared = arg;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        StreamAgg *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        mr__agg_table_clear(&worker->table);
        worker->ended = false;
    }
    return MR_OK;
}

/* -- state ------------------------------------------------------------------------------------ */

static MrStatus state_put(StreamAggShared *shared, StreamPart *part, char *row, MrStateWriter *to,
                          MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    MrGroupHead *head = group_head(plan, row);
    const int64_t numbers[2] = {*mr__group_user(&plan->layout, row), head->close_us};
    return mr__kept_put(&part->kept, plan, mr__kept_keys(&part->kept, plan, row), plan->n_keys,
                        numbers, 2, head->shown != 0, row, to, err);
}

static MrStatus stream_agg_save_changes(void *arg, MrStateWriter *to, MrError *err)
{
    StreamAggShared *shared = arg;
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        StreamPart *part = &shared->parts[p];
        MR_TRY(mr__kept_save_deleted(&part->kept, to, err));
        for (int64_t t = 0; t < part->kept.n_touched; t++)
            if (!is_dead(&part->groups, part->kept.touched[t]))
                MR_TRY(state_put(shared, part, part->kept.touched[t], to, err));
    }
    return MR_OK;
}

static MrStatus part_snapshot(StreamAggShared *shared, StreamPart *part, MrStateWriter *to,
                              MrError *err)
{
    for (int64_t r = 0; r < part->groups.n_rows; r++) {
        char *row = mr__groups_row(&part->groups, r);
        if (!is_dead(&part->groups, row))
            MR_TRY(state_put(shared, part, row, to, err));
    }
    return MR_OK;
}

static MrStatus stream_agg_snapshot(void *arg, MrStateWriter *to, MrError *err)
{
    StreamAggShared *shared = arg;
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++)
        MR_TRY(part_snapshot(shared, &shared->parts[p], to, err));
    return MR_OK;
}

static void entry_delete(StreamAggShared *shared, StreamPart *part, MrVector **keys, uint64_t hash)
{
    char *row = NULL;
    mr__groups_lookup(&part->groups, keys, NULL, 1, &hash, &row);
    if (!row)
        return;
    mr__groups_remove(&part->groups, row);
    *mr__group_user(&shared->plan.layout, row) = DEAD;
    part->kept.n_dead++;
}

typedef struct Reading {
    StreamAggShared *shared;
    MrArena *scratch; /* of the part at hand: others are worked on at the same time */
} Reading;

static MrStatus entry_apply(void *arg, MrText key, const MrText *value, MrError *err)
{
    Reading *reading = arg;
    StreamAggShared *shared = reading->shared;
    const MrAggPlan *plan = &shared->plan;
    uint64_t hash;
    uint16_t fresh[1];
    int32_t n_fresh = 0;
    int64_t numbers[2]; /* rows, close time */
    bool shown;
    char *row = NULL;
    MrVector **keys = NULL;
    MR_TRY(mr__kept_read_keys(plan, 0, key, reading->scratch, &keys, &hash, err));
    StreamPart *part = &shared->parts[mr__kept_part_of(hash)];
    if (!value) {
        entry_delete(shared, part, keys, hash);
        return MR_OK;
    }
    if (plan->n_keys == 0) {
        if (!part->single)
            mr__groups_append(&part->groups, NULL, NULL, 1, &hash, &part->single);
        row = part->single;
    } else {
        MR_TRY(mr__groups_find(&part->groups, keys, NULL, 1, &hash, &row, fresh, &n_fresh, err));
    }
    mr__agg_init_states(plan, row);
    MR_TRY(mr__kept_load(plan, &shared->eval, &part->groups.arena, value, numbers, 2, &shown, row,
                         err));
    *mr__group_user(&plan->layout, row) = numbers[0];
    *group_head(plan, row) = (MrGroupHead){.close_us = numbers[1], .shown = shown};
    if (n_fresh > 0 && closes_groups(shared))
        mr__close_queue_put(&part->closing, &part->groups.arena, numbers[1], row);
    return MR_OK;
}

static MrStatus stream_agg_apply(void *arg, int32_t table, MrText key, const MrText *value,
                                 MrError *err)
{
    StreamAggShared *shared = arg;
    return entry_apply(&(Reading){shared, &shared->parts[0].kept.scratch}, key, value, err);
}

/* Writes the living groups out and reads them back, so that the memory of the dead ones returns. */
static MrStatus state_compact(StreamAggShared *shared, StreamPart *part, MrError *err)
{
    MrStatus status = MR_OK;
    MrStateWriter writer;
    mr_state_writer_init(&writer, shared->budget);
    MR_GO(part_snapshot(shared, part, &writer, err));
    mr__groups_clear(&part->groups);
    part->kept.n_dead = 0;
    part->single = NULL;
    part->closing = (MrCloseQueue){0};
    MR_GO(mr__kept_replay(&writer, entry_apply, &(Reading){shared, &part->kept.scratch}, err));
done:
    mr_state_writer_deinit(&writer);
    return status;
}

static MrStateCount stream_agg_count(const void *arg)
{
    const StreamAggShared *shared = arg;
    MrStateCount count = {0};
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        const StreamPart *part = &shared->parts[p];
        count.rows += part->groups.n_rows - part->kept.n_dead;
        count.updated += part->kept.n_touched;
        count.removed += part->kept.n_removed;
    }
    return count;
}

const MrOpType mr__op_stream_aggregate = {
    .name = "HashAggregate",
    .size_bytes = sizeof(StreamAgg),
    .shared_bytes = sizeof(StreamAggShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = stream_agg_shared_open,
    .shared_close = stream_agg_shared_close,
    .open = stream_agg_open,
    .close = stream_agg_close,
    .push = stream_agg_push,
    .pull = stream_agg_pull,
    .barrier = stream_agg_barrier,
    .n_finish_tasks = stream_agg_n_finish_tasks,
    .finish_task = stream_agg_finish_task,
    .epoch_end = stream_agg_epoch_end,
    .save_changes = stream_agg_save_changes,
    .snapshot = stream_agg_snapshot,
    .apply = stream_agg_apply,
    .count = stream_agg_count,
};
