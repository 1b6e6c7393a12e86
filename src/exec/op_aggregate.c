/* op_aggregate.c - groups rows and aggregates them.
 *
 * Computes:  one row per group: keys, then results.  Without keys one row in any case; without
 * aggregates the distinct keys. Changes:   takes inserts and retractions (of aggregates that can
 * retract).  A batch gives its groups at the barrier.  A stream keeps them: groups touched by the
 * epoch give -old +new, or, when closed by the watermark only (close_key), one +row, after which
 * they are forgotten. Spilling:  a batch whose budget is short writes a worker's groups and kept
 * rows to disk, part by part of the hash (agg_spill.h). Memory:    the groups, in packed rows. Each
 * worker fills a table of its own; finish tasks merge them part by part of the hash, a batch by
 * adopting rows, a stream into the table that it keeps. Blocking:  yes. Snapshot:  table 0: key
 * columns -> rows in the group, close time, whether shown, states. Source:    Spark's rule: a group
 * is closed when its window's end <= watermark. */
#include "exec/agg_spill.h"
#include "exec/close_queue.h"

#define N_PARTS 16
#define MERGE_BYTES 64 /* that merging takes of a row: slots, pointers */
#define MERGE_LEAST (INT64_C(1) << 20)
#define FEW_GROUPS 4096 /* are merged by one task */
#define MAX_DEAD 256    /* groups of a part, removed; fewer are not worth the work */
#define ROWS_AHEAD 24   /* brought into cache before they are merged; and their slots */
#define SLOTS_AHEAD 12

typedef struct AggPart {
    MrGroups groups;  /* batch: slots over adopted rows; stream: the state */
    MrGroups *direct; /* batch: the only table there is; NULL: rows */
    char **rows;
    int64_t n_rows;
    char *single;
    /* Stream. */
    char **touched;
    int64_t n_touched, cap_touched;
    MrBatchList out;
    MrBuffer deleted; /* stored keys, each a text */
    MrArena scratch;  /* of an epoch */
    int64_t n_dead;
    int64_t n_removed;    /* in this epoch */
    MrCloseQueue closing; /* in the arena of the groups */
} AggPart;

typedef struct Aggregate Aggregate;

typedef struct AggShared {
    const MrPhys *phys;
    MrArena arena;
    MrBudget *budget, *batch_budget;
    MrAggPlan plan;
    Aggregate **workers;
    int32_t n_workers;
    int32_t n_parts; /* of this epoch: 1 or N_PARTS; the state always has N_PARTS */
    AggPart *parts;
    int32_t n_open_parts;
    _Atomic int32_t next_out;
    _Atomic bool spilling; /* some table went to disk: in the end all do */
    int32_t n_open;
    MrAggSpill **spills; /* of all workers */
    MrAggTable **tables;
    int32_t n_spills;
    MrStatus status; /* of spilling late */
    MrError err;
    int64_t n_epochs;
    MrEvalContext eval; /* for saving and loading */
} AggShared;

struct Aggregate {
    MrOp op;
    MrArena arena;
    MrAggSpill spill;
    MrAggDrain *drain;
    MrEvaluator exprs;
    MrAggTable table;
    bool table_open, ended;
    MrBatch *held, *given;
    char **part_rows; /* groups part by part */
    int64_t part_from[N_PARTS + 1];
    int64_t part_cap;
    AggPart *out_part;
    int64_t out_at;
    char *out_rows[MR_BATCH_ROWS];
};

/* -- opening ---------------------------------------------------------------------------------- */

static MrStatus aggregate_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                      MrError *err)
{
    AggShared *shared = arg;
    shared->phys = phys;
    shared->budget = context->budget;
    shared->batch_budget = context->batch_budget;
    shared->n_workers = context->n_workers;
    shared->eval = *context->eval;
    mr_arena_init(&shared->arena, context->budget);
    mr__agg_plan_init(&shared->plan, &shared->arena, phys);
    shared->workers = MR_NEW_N(&shared->arena, Aggregate *, context->n_workers);
    shared->parts = MR_NEW_N(&shared->arena, AggPart, N_PARTS);
    for (int32_t p = 0; p < N_PARTS; p++) {
        AggPart *part = &shared->parts[p];
        mr__groups_init(&part->groups, &shared->plan.layout, context->budget);
        mr_batch_list_init(&part->out, context->batch_budget);
        mr_buffer_init(&part->deleted, context->budget, INT64_MAX);
        mr_arena_init(&part->scratch, context->budget);
        shared->n_open_parts++;
    }
    return MR_OK;
}

static void aggregate_shared_close(void *arg)
{
    AggShared *shared = arg;
    for (int32_t p = 0; p < shared->n_open_parts; p++) {
        AggPart *part = &shared->parts[p];
        mr__groups_deinit(&part->groups);
        mr_batch_list_deinit(&part->out);
        mr_buffer_deinit(&part->deleted);
        mr_arena_deinit(&part->scratch);
    }
    mr_arena_deinit(&shared->arena);
}

static MrStatus aggregate_open(MrOp *op, MrError *err)
{
    Aggregate *self = (Aggregate *)op;
    AggShared *shared = op->shared;
    mr_arena_init(&self->arena, op->context->budget);
    MR_TRY(mr__evaluator_open(&self->exprs, op->context, &self->arena, shared->plan.exprs,
                              shared->plan.n_exprs, err));
    self->table_open = true;
    MR_TRY(mr__agg_table_init(&self->table, &shared->plan, op->context, err));
    shared->workers[op->context->worker_idx] = self;
    shared->n_open++;
    return MR_OK;
}

static void aggregate_close(MrOp *op)
{
    Aggregate *self = (Aggregate *)op;
    AggShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    if (self->table_open)
        mr__agg_table_deinit(&self->table);
    mr__agg_drain_close(self->drain);
    mr__agg_spill_close(&self->spill);
    mr__evaluator_close(&self->exprs);
    mr_batch_destroy(self->held);
    mr_batch_destroy(self->given);
    mr_arena_deinit(&self->arena);
}

/* -- rows in ---------------------------------------------------------------------------------- */

static bool may_spill(const Aggregate *self)
{
    const AggShared *shared = self->op.shared;
    return !self->op.phys->streaming && (shared->plan.n_keys > 0 || shared->plan.any_deferred);
}

static MrStatus aggregate_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Aggregate *self = (Aggregate *)op;
    const MrPhys *phys = op->phys;
    self->held = batch;
    MR_TRY(mr__evaluator_run(&self->exprs, op->context, batch, err));
    if (phys->streaming && phys->aggregate.time_key >= 0)
        op->context->metrics->late_rows +=
            mr__drop_late(batch, self->exprs.out[phys->aggregate.time_key], mr__late_us(op));
    if (batch->n_sel > 0)
        MR_TRY(mr__agg_table_update(&self->table, batch, self->exprs.out, err));
    self->held = NULL;
    mr_batch_destroy(batch);
    AggShared *shared = op->shared;
    if (!may_spill(self) ||
        !mr__spill_wanted(op->context, mr__agg_spill_bytes(&self->table) * shared->n_open))
        return MR_OK;
    shared->spilling = true;
    return mr__agg_spill_table(&self->spill, &self->table, err);
}

/* Sorts the groups by part. */
static void split_groups(Aggregate *self)
{
    MrGroups *groups = &self->table.groups;
    int64_t from[N_PARTS] = {0};
    memset(self->part_from, 0, sizeof self->part_from);
    if (groups->n_rows > self->part_cap) {
        self->part_cap = groups->n_rows + groups->n_rows / 4;
        self->part_rows = mr_arena_alloc(&self->arena, self->part_cap * (int64_t)sizeof(char *));
    }
    for (int64_t r = 0; r < groups->n_rows; r++)
        self->part_from[mr__agg_part(mr__group_hash(groups->layout, mr__groups_row(groups, r)),
                                     N_PARTS) +
                        1]++;
    for (int32_t p = 0; p < N_PARTS; p++) {
        self->part_from[p + 1] += self->part_from[p];
        from[p] = self->part_from[p];
    }
    for (int64_t r = 0; r < groups->n_rows; r++) {
        char *row = mr__groups_row(groups, r);
        self->part_rows[from[mr__agg_part(mr__group_hash(groups->layout, row), N_PARTS)]++] = row;
    }
}

static MrStatus spill_all(Aggregate *self, MrError *err)
{
    MR_TRY(mr__agg_spill_table(&self->spill, &self->table, err));
    return mr__agg_spill_flush(&self->spill, err);
}

/* When no worker saw that memory is short, but the tables of all of them could not be merged. */
static MrStatus spill_late(AggShared *shared, MrError *err)
{
    int64_t bytes = 0;
    Aggregate *any = NULL;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        if (!shared->workers[w])
            continue;
        any = shared->workers[w];
        bytes += any->table.groups.n_rows * MERGE_BYTES;
        for (int32_t a = 0; a < shared->plan.n_aggs; a++)
            if (shared->plan.specs[a].deferred)
                bytes += any->table.sets[a].n_rows * MERGE_BYTES;
    }
    if (!any || !may_spill(any) || !any->op.context->spill_dir || bytes < MERGE_LEAST ||
        bytes < mr_budget_left(shared->budget))
        return MR_OK;
    shared->spilling = true;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w] && shared->workers[w]->ended)
            MR_TRY(spill_all(shared->workers[w], err));
    return MR_OK;
}

static MrStatus aggregate_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier,
                                  MrError *err)
{
    Aggregate *self = (Aggregate *)op;
    AggShared *shared = op->shared;
    if (shared->spilling)
        MR_TRY(spill_all(self, err));
    else if (op->phys->streaming)
        split_groups(self);
    else if (self->table.groups.n_rows > FEW_GROUPS &&
             (shared->n_workers > 1 || self->table.generation_from > 0))
        split_groups(self);
    if (!op->phys->streaming && !shared->plan.any_deferred)
        mr__groups_drop_slots(&self->table.groups);
    self->ended = true;
    self->out_part = NULL;
    return MR_OK;
}

static int32_t aggregate_n_finish_tasks(void *arg, int32_t input_idx)
{
    AggShared *shared = arg;
    int64_t n_rows = 0;
    int32_t n_tables = 0;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Aggregate *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        n_rows += worker->table.groups.n_rows;
        n_tables += (worker->table.groups.n_rows > 0) + (worker->table.generation_from > 0);
    }
    atomic_store(&shared->next_out, 0);
    if (!shared->spilling)
        shared->status = spill_late(shared, &shared->err);
    if (shared->status != MR_OK)
        return 1; /* which says so */
    if (shared->spilling) {
        shared->spills = MR_NEW_N(&shared->arena, MrAggSpill *, shared->n_workers);
        shared->tables = MR_NEW_N(&shared->arena, MrAggTable *, shared->n_workers);
        for (int32_t w = 0; w < shared->n_workers; w++) {
            Aggregate *worker = shared->workers[w];
            if (!worker || !worker->ended)
                continue;
            shared->tables[shared->n_spills] = &worker->table;
            shared->spills[shared->n_spills++] = &worker->spill;
        }
        return 0;
    }
    shared->n_epochs++;
    shared->n_parts =
        n_rows > FEW_GROUPS && (n_tables > 1 || shared->phys->streaming) ? N_PARTS : 1;
    return shared->n_parts;
}

/* -- a batch: merging by adoption ------------------------------------------------------------- */

static MrStatus merge_row(AggShared *shared, AggPart *part, const MrOpContext *context, char *row,
                          MrError *err)
{
    char *there = mr__groups_adopt(&part->groups, row);
    if (there)
        return mr__agg_merge(&shared->plan, context->eval, &part->groups.arena, there, row, err);
    part->rows[part->n_rows++] = row;
    return MR_OK;
}

static MrStatus batch_merge(AggShared *shared, AggPart *part, int32_t part_idx,
                            const MrOpContext *context, MrError *err)
{
    int64_t n_most = 0;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Aggregate *worker = shared->workers[w];
        if (worker)
            n_most += shared->n_parts == 1 || worker->table.groups.n_rows <= FEW_GROUPS
                          ? worker->table.groups.n_rows
                          : worker->part_from[part_idx + 1] - worker->part_from[part_idx];
    }
    part->rows = mr_arena_alloc(&part->scratch, (n_most + 1) * (int64_t)sizeof(char *));
    MR_TRY(mr__groups_reserve(&part->groups, n_most, err));
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Aggregate *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        MrGroups *groups = &worker->table.groups;
        if (shared->plan.n_keys == 0) {
            if (!part->single)
                part->single = part->rows[part->n_rows++] = worker->table.single;
            else
                MR_TRY(mr__agg_merge(&shared->plan, context->eval, &part->groups.arena,
                                     part->single, worker->table.single, err));
        } else if (shared->n_parts == 1 || groups->n_rows <= FEW_GROUPS) {
            for (int64_t r = 0; r < groups->n_rows; r++) {
                char *row = mr__groups_row(groups, r);
                if (shared->n_parts > 1 &&
                    mr__agg_part(mr__group_hash(groups->layout, row), N_PARTS) != part_idx)
                    continue;
                MR_TRY(merge_row(shared, part, context, row, err));
            }
        } else {
            char **rows = worker->part_rows;
            int64_t to = worker->part_from[part_idx + 1];
            for (int64_t r = worker->part_from[part_idx]; r < to; r++) {
                if (r + ROWS_AHEAD < to)
                    __builtin_prefetch(rows[r + ROWS_AHEAD] + groups->layout->hash_at);
                if (r + SLOTS_AHEAD < to)
                    mr__groups_prefetch_slot(&part->groups, rows[r + SLOTS_AHEAD]);
                MR_TRY(merge_row(shared, part, context, rows[r], err));
            }
        }
    }
    return MR_OK;
}

static MrStatus batch_finish(Aggregate *self, int32_t part_idx, MrError *err)
{
    AggShared *shared = self->op.shared;
    AggPart *part = &shared->parts[part_idx];
    Aggregate *only = NULL;
    int32_t n_tables = 0;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Aggregate *worker = shared->workers[w];
        if (worker && worker->ended && (worker->table.groups.n_rows > 0)) {
            only = worker;
            n_tables += 1 + (worker->table.generation_from > 0);
        }
    }
    if (n_tables == 1) {
        part->direct = &only->table.groups;
        part->single = only->table.single;
    } else if (n_tables > 1) {
        MR_TRY(batch_merge(shared, part, part_idx, self->op.context, err));
    }
    if (!shared->plan.any_deferred || n_tables == 0)
        return MR_OK;
    MrGroups **sets = MR_NEW_N(&part->scratch, MrGroups *, shared->n_workers);
    for (int32_t a = 0; a < shared->plan.n_aggs; a++) {
        int32_t n_sets = 0;
        if (!shared->plan.specs[a].deferred)
            continue;
        for (int32_t w = 0; w < shared->n_workers; w++)
            if (shared->workers[w] && shared->workers[w]->ended)
                sets[n_sets++] = &shared->workers[w]->table.sets[a];
        MR_TRY(mr__agg_deferred(&shared->plan, a, sets, n_sets, part_idx, shared->n_parts,
                                part->direct ? part->direct : &part->groups, part->single,
                                self->op.context, err));
    }
    return MR_OK;
}

/* -- a stream: merging into the state --------------------------------------------------------- */

static MrGroupHead *group_head(const MrAggPlan *plan, char *row)
{
    return (MrGroupHead *)(void *)(row + plan->layout.states_at);
}

#define DEAD INT64_MIN /* as the number of a group's rows: it was removed */

/* Gives out rows of groups with this weight. */
static MrStatus emit_groups(AggShared *shared, AggPart *part, const MrOpContext *context,
                            char *const *rows, int64_t n_rows, int64_t weight, MrError *err)
{
    for (int64_t from = 0; from < n_rows; from += MR_BATCH_ROWS) {
        int32_t n = n_rows - from < MR_BATCH_ROWS ? (int32_t)(n_rows - from) : MR_BATCH_ROWS;
        MrBatch *batch = NULL, *copy = NULL;
        MrStatus status = MR_OK, guarded = MR_OK;
        MR_TRY(mr_batch_create(context->batch_budget, &batch, err));
        MR_GUARD_BEGIN(guarded, err)
            mr_batch_set_cols(batch, shared->phys->schema.n_cols);
            status = mr__agg_finish(&shared->plan, context->eval, &shared->phys->schema,
                                    rows + from, n, batch, err);
            if (status == MR_OK && weight != 1) {
                batch->weights = mr_arena_alloc(&batch->arena, n * (int64_t)sizeof(int64_t));
                for (int32_t i = 0; i < n; i++)
                    batch->weights[i] = weight;
            }
        MR_GUARD_END(guarded)
        if (status == MR_OK)
            status = guarded;
        /* The state goes on changing while the batch travels: it gets bytes of its own. */
        if (status == MR_OK)
            status = mr_batch_copy(batch, context->batch_budget, &copy, err);
        mr_batch_destroy(batch);
        MR_TRY(status);
        MR_TRY(mr_batch_list_add(&part->out, copy, err));
    }
    return MR_OK;
}

static bool gives_changes(const AggShared *shared)
{
    return shared->phys->aggregate.close_key < 0 && !shared->phys->aggregate.complete;
}

static void group_touch(AggShared *shared, AggPart *part, char *row)
{
    MrGroupHead *head = group_head(&shared->plan, row);
    if (head->touched == shared->n_epochs)
        return;
    head->touched = shared->n_epochs;
    MR_PUSH(&part->scratch, part->touched, part->n_touched, part->cap_touched, row);
}

/* The watermark closes groups: they are given out or dropped then. */
static bool closes_groups(const AggShared *shared)
{
    return shared->phys->aggregate.close_key >= 0 || shared->phys->aggregate.evict;
}

/* Makes new groups of the state complete. */
static void group_begin(AggShared *shared, AggPart *part, char *row, MrVector **keys,
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
static MrStatus state_merge(AggShared *shared, AggPart *part, const MrOpContext *context,
                            char *const *from, int32_t n, MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    char **rows = mr_arena_alloc(&part->scratch, (n + 1) * (int64_t)sizeof *rows);
    char **old = mr_arena_alloc(&part->scratch, (n + 1) * (int64_t)sizeof *old);
    if (plan->n_keys > 0) {
        MrVector **keys = MR_NEW_N(&part->scratch, MrVector *, plan->n_keys);
        uint64_t *hash = mr_arena_alloc(&part->scratch, n * (int64_t)sizeof *hash);
        uint16_t *fresh = mr_arena_alloc(&part->scratch, n * (int64_t)sizeof *fresh);
        int32_t n_fresh = 0;
        for (int32_t k = 0; k < plan->n_keys; k++)
            keys[k] =
                mr_rows_gather(&plan->layout.rows, k, (const void *const *)from, n, &part->scratch);
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

/* Puts the stored key of a group into out. */
static MrStatus store_key(AggShared *shared, AggPart *part, char *row, MrBuffer *out, MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    MrVector **keys = MR_NEW_N(&part->scratch, MrVector *, plan->n_keys + 1);
    const void *rows[1] = {row};
    for (int32_t k = 0; k < plan->n_keys; k++)
        keys[k] = mr_rows_gather(&plan->layout.rows, k, rows, 1, &part->scratch);
    return mr_row_store(keys, plan->n_keys, 0, out, err);
}

static MrStatus group_remove(AggShared *shared, AggPart *part, char *row, MrError *err)
{
    MrBuffer key;
    mr_buffer_init(&key, shared->budget, INT64_MAX);
    MrStatus status = store_key(shared, part, row, &key, err);
    if (status == MR_OK)
        status = mr_buffer_put_text(&part->deleted, (MrText){key.data, key.size_bytes}, err);
    mr_buffer_deinit(&key);
    MR_TRY(status);
    mr__groups_remove(&part->groups, row);
    *mr__group_user(&shared->plan.layout, row) = DEAD;
    part->n_dead++;
    part->n_removed++;
    return MR_OK;
}

/* Groups that the watermark has closed: given out when the mode waits for it, and forgotten. */
static MrStatus close_groups(AggShared *shared, AggPart *part, const MrOpContext *context,
                             int64_t evict_us, MrError *err)
{
    char **closed = NULL, *row;
    int64_t n = 0, cap = 0;
    while ((row = mr__close_queue_take(&part->closing, evict_us)) != NULL)
        if (*mr__group_user(&shared->plan.layout, row) != DEAD)
            MR_PUSH(&part->scratch, closed, n, cap, row);
    if (shared->phys->aggregate.close_key >= 0)
        MR_TRY(emit_groups(shared, part, context, closed, n, 1, err));
    for (int64_t i = 0; i < n; i++)
        MR_TRY(group_remove(shared, part, closed[i], err));
    return MR_OK;
}

static MrStatus state_compact(AggShared *shared, AggPart *part, MrError *err);

static MrStatus state_finish(const MrOp *op, int32_t part_idx, const MrBarrier *barrier,
                             MrError *err)
{
    AggShared *shared = op->shared;
    const MrOpContext *context = op->context;
    const MrAggPlan *plan = &shared->plan;
    AggPart *part = &shared->parts[part_idx];
    mr_arena_reset(&part->scratch);
    part->touched = NULL;
    part->n_touched = part->cap_touched = 0;
    part->deleted.size_bytes = 0;
    mr_batch_list_clear(&part->out);
    part->n_removed = 0;
    if (part->n_dead > MAX_DEAD && part->n_dead > part->groups.n_rows / 2)
        MR_TRY(state_compact(shared, part, err));
    if (plan->n_keys == 0 && part_idx == mr__agg_part(0, N_PARTS) && !part->single) {
        uint64_t hash = 0;
        mr__groups_append(&part->groups, NULL, NULL, 1, &hash, &part->single);
        group_begin(shared, part, part->single, NULL, 0);
        group_touch(shared, part, part->single); /* the answer over no rows is a row */
    }
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Aggregate *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        int64_t to = worker->part_from[part_idx + 1];
        for (int64_t r = worker->part_from[part_idx]; r < to; r += MR_BATCH_ROWS) {
            int32_t n = to - r < MR_BATCH_ROWS ? (int32_t)(to - r) : MR_BATCH_ROWS;
            if (plan->n_keys == 0 && !group_head(plan, worker->part_rows[r])->touched)
                continue; /* nothing came */
            MR_TRY(state_merge(shared, part, context, worker->part_rows + r, n, err));
        }
    }
    int64_t n_shown = 0, n_gone = 0;
    char **shown = mr_arena_alloc(&part->scratch, (part->n_touched + 1) * (int64_t)sizeof *shown);
    char **gone = mr_arena_alloc(&part->scratch, (part->n_touched + 1) * (int64_t)sizeof *gone);
    for (int64_t t = 0; t < part->n_touched; t++) {
        char *row = part->touched[t];
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
        MR_TRY(emit_groups(shared, part, context, shown, n_shown, 1, err));
    } else if (shared->phys->aggregate.complete) {
        char **all =
            mr_arena_alloc(&part->scratch, (part->groups.n_rows + 1) * (int64_t)sizeof *all);
        int64_t n_all = 0;
        for (int64_t r = 0; r < part->groups.n_rows; r++) {
            all[n_all] = mr__groups_row(&part->groups, r);
            n_all += *mr__group_user(&plan->layout, all[n_all]) != DEAD;
        }
        MR_TRY(emit_groups(shared, part, context, all, n_all, 1, err));
    }
    /* At the end of a bounded run every group is final. */
    int64_t evict_us =
        barrier->ended && shared->phys->aggregate.close_key >= 0 ? INT64_MAX : mr__evict_us(op);
    return close_groups(shared, part, context, evict_us, err);
}

static MrStatus aggregate_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                      const MrBarrier *barrier, MrError *err)
{
    AggShared *shared = op->shared;
    if (shared->status != MR_OK) {
        *err = shared->err;
        return shared->status;
    }
    if (!op->phys->streaming)
        return batch_finish((Aggregate *)op, task_idx, err);
    if (shared->n_parts == N_PARTS)
        return state_finish(op, task_idx, barrier, err);
    for (int32_t p = 0; p < N_PARTS; p++)
        MR_TRY(state_finish(op, p, barrier, err));
    return MR_OK;
}

/* -- rows out --------------------------------------------------------------------------------- */

static MrStatus pull_spilled(Aggregate *self, MrBatch **out, MrStep *step, MrError *err)
{
    AggShared *shared = self->op.shared;
    const MrOpContext *context = self->op.context;
    int32_t n = 0;
    if (!self->drain)
        self->drain = mr__agg_drain_begin(&self->arena, &shared->plan, context, shared->spills,
                                          shared->tables, shared->n_spills, &shared->next_out);
    MR_TRY(mr__agg_drain_next(self->drain, self->out_rows, &n, err));
    if (n == 0)
        return MR_OK;
    MR_TRY(mr_batch_create(context->batch_budget, &self->given, err));
    mr_batch_set_cols(self->given, self->op.phys->schema.n_cols);
    MR_TRY(mr__agg_finish(&shared->plan, context->eval, &self->op.phys->schema, self->out_rows, n,
                          self->given, err));
    /* The part's memory goes before the run ends. */
    MR_TRY(mr_batch_copy(self->given, context->batch_budget, out, err));
    mr_batch_destroy(mr_batch_take(&self->given));
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

static MrStatus pull_batch(Aggregate *self, MrBatch **out, MrStep *step, MrError *err)
{
    AggShared *shared = self->op.shared;
    const MrOpContext *context = self->op.context;
    *step = MR_STEP_NEED_INPUT;
    for (;;) {
        if (!self->out_part) {
            int32_t p = atomic_fetch_add(&shared->next_out, 1);
            if (p >= shared->n_parts)
                return MR_OK;
            self->out_part = &shared->parts[p];
            self->out_at = 0;
        }
        AggPart *part = self->out_part;
        int64_t n_rows = part->direct ? part->direct->n_rows : part->n_rows;
        int64_t n = n_rows - self->out_at;
        if (n <= 0) {
            self->out_part = NULL;
            continue;
        }
        if (n > MR_BATCH_ROWS)
            n = MR_BATCH_ROWS;
        for (int64_t i = 0; i < n; i++)
            self->out_rows[i] = part->direct ? mr__groups_row(part->direct, self->out_at + i)
                                             : part->rows[self->out_at + i];
        MR_TRY(mr_batch_create(context->batch_budget, &self->given, err));
        mr_batch_set_cols(self->given, self->op.phys->schema.n_cols);
        MR_TRY(mr__agg_finish(&shared->plan, context->eval, &self->op.phys->schema, self->out_rows,
                              (int32_t)n, self->given, err));
        self->out_at += n;
        *step = MR_STEP_OUTPUT;
        *out = mr_batch_take(&self->given);
        return MR_OK;
    }
}

static MrStatus pull_changes(Aggregate *self, MrBatch **out, MrStep *step, MrError *err)
{
    AggShared *shared = self->op.shared;
    *step = MR_STEP_NEED_INPUT;
    for (;;) {
        if (!self->out_part) {
            int32_t p = atomic_fetch_add(&shared->next_out, 1);
            if (p >= N_PARTS)
                return MR_OK;
            self->out_part = &shared->parts[p];
            self->out_at = 0;
        }
        if (self->out_at == self->out_part->out.n_items) {
            self->out_part = NULL;
            continue;
        }
        *out = mr_batch_list_take(&self->out_part->out, self->out_at++);
        *step = MR_STEP_OUTPUT;
        return MR_OK;
    }
}

static MrStatus aggregate_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Aggregate *self = (Aggregate *)op;
    *step = MR_STEP_NEED_INPUT;
    if (!self->ended)
        return MR_OK;
    if (((AggShared *)op->shared)->spilling)
        return pull_spilled(self, out, step, err);
    return op->phys->streaming ? pull_changes(self, out, step, err)
                               : pull_batch(self, out, step, err);
}

static MrStatus aggregate_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    AggShared *shared = arg;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Aggregate *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        mr__agg_table_clear(&worker->table);
        worker->ended = false;
        worker->out_part = NULL;
    }
    return MR_OK;
}

/* -- state ------------------------------------------------------------------------------------ */

static MrStatus state_value(AggShared *shared, char *row, MrBuffer *out, MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    MrGroupHead *head = group_head(plan, row);
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)*mr__group_user(&plan->layout, row), err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)head->close_us, err));
    MR_TRY(mr_buffer_put_u8(out, head->shown != 0, err));
    for (int32_t a = 0; a < plan->n_aggs; a++)
        MR_TRY(plan->specs[a].agg->def->save(plan->specs[a].agg, row + plan->specs[a].state_at, out,
                                             err));
    return MR_OK;
}

static MrStatus state_put(AggShared *shared, AggPart *part, char *row, MrStateWriter *to,
                          MrError *err)
{
    MrStatus status = MR_OK;
    MrBuffer key, value;
    mr_buffer_init(&key, shared->budget, INT64_MAX);
    mr_buffer_init(&value, shared->budget, INT64_MAX);
    MR_GO(store_key(shared, part, row, &key, err));
    MR_GO(state_value(shared, row, &value, err));
    MR_GO(mr_state_put(to, 0, (MrText){key.data, key.size_bytes},
                       (MrText){value.data, value.size_bytes}, err));
done:
    mr_buffer_deinit(&key);
    mr_buffer_deinit(&value);
    return status;
}

static MrStatus aggregate_save_changes(void *arg, MrStateWriter *to, MrError *err)
{
    AggShared *shared = arg;
    for (int32_t p = 0; p < N_PARTS; p++) {
        AggPart *part = &shared->parts[p];
        MrReader reader = mr_reader(part->deleted.data, part->deleted.size_bytes);
        MrText key;
        while (reader.at < reader.end && mr_reader_text(&reader, &key))
            MR_TRY(mr_state_delete(to, 0, key, err));
        for (int64_t t = 0; t < part->n_touched; t++)
            if (*mr__group_user(&shared->plan.layout, part->touched[t]) != DEAD)
                MR_TRY(state_put(shared, part, part->touched[t], to, err));
    }
    return MR_OK;
}

static MrStatus part_snapshot(AggShared *shared, AggPart *part, MrStateWriter *to, MrError *err)
{
    for (int64_t r = 0; r < part->groups.n_rows; r++) {
        char *row = mr__groups_row(&part->groups, r);
        if (*mr__group_user(&shared->plan.layout, row) != DEAD)
            MR_TRY(state_put(shared, part, row, to, err));
    }
    return MR_OK;
}

static MrStatus aggregate_snapshot(void *arg, MrStateWriter *to, MrError *err)
{
    AggShared *shared = arg;
    for (int32_t p = 0; p < N_PARTS; p++)
        MR_TRY(part_snapshot(shared, &shared->parts[p], to, err));
    return MR_OK;
}

static MrStatus entry_apply(AggShared *shared, MrArena *scratch, MrText key, const MrText *value,
                            MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    uint64_t hash = 0, n_rows = 0, close_us = 0;
    uint8_t shown = 0;
    char *row = NULL;
    MrReader key_reader = mr_reader(key.data, key.size_bytes);
    MrVector **keys = MR_NEW_N(scratch, MrVector *, plan->n_keys + 1);
    for (int32_t k = 0; k < plan->n_keys; k++)
        keys[k] = mr_vector_create(scratch, plan->key_types[k], 1);
    MR_TRY(mr_row_load(&key_reader, scratch, keys, plan->n_keys, 0, err));
    mr__hash_columns(keys, plan->n_keys, NULL, 1, &hash);
    AggPart *part = &shared->parts[mr__agg_part(hash, N_PARTS)];
    if (!value) {
        mr__groups_lookup(&part->groups, keys, NULL, 1, &hash, &row);
        if (row) {
            mr__groups_remove(&part->groups, row);
            *mr__group_user(&plan->layout, row) = DEAD;
            part->n_dead++;
        }
        return MR_OK;
    }
    int32_t n_fresh = 0;
    if (plan->n_keys == 0) {
        if (!part->single)
            mr__groups_append(&part->groups, NULL, NULL, 1, &hash, &part->single);
        row = part->single;
    } else {
        uint16_t fresh[1];
        MR_TRY(mr__groups_find(&part->groups, keys, NULL, 1, &hash, &row, fresh, &n_fresh, err));
    }
    mr__agg_init_states(plan, row);
    MrReader reader = mr_reader(value->data, value->size_bytes);
    if (!mr_reader_u64(&reader, &n_rows) || !mr_reader_u64(&reader, &close_us) ||
        !mr_reader_u8(&reader, &shown))
        return MR_FAIL_INTERNAL(err, "a group in the state is cut short");
    MrGroupHead *head = group_head(plan, row);
    *mr__group_user(&plan->layout, row) = (int64_t)n_rows;
    *head = (MrGroupHead){.close_us = (int64_t)close_us, .shown = shown};
    if (n_fresh > 0 && closes_groups(shared))
        mr__close_queue_put(&part->closing, &part->groups.arena, head->close_us, row);
    MrAggregateCall call = {.context = &shared->eval, .arena = &part->groups.arena};
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        const MrAggSpec *spec = &plan->specs[a];
        call.agg = spec->agg;
        memset(row + spec->state_at, 0, (size_t)spec->agg->state_bytes);
        if (spec->agg->def->init)
            spec->agg->def->init(spec->agg, row + spec->state_at);
        MR_TRY(spec->agg->def->load(&call, &reader, row + spec->state_at, err));
    }
    return MR_OK;
}

static MrStatus aggregate_apply(void *arg, int32_t table, MrText key, const MrText *value,
                                MrError *err)
{
    AggShared *shared = arg;
    return entry_apply(shared, &shared->parts[0].scratch, key, value, err);
}

/* Writes the living groups out and reads them back, so that the memory of the dead ones returns. */
static MrStatus state_compact(AggShared *shared, AggPart *part, MrError *err)
{
    MrStatus status = MR_OK;
    MrStateWriter writer;
    MrStateEntry entry;
    bool done = false;
    mr_state_writer_init(&writer, shared->budget);
    MR_GO(part_snapshot(shared, part, &writer, err));
    mr__groups_clear(&part->groups);
    part->n_dead = 0;
    part->single = NULL;
    part->closing = (MrCloseQueue){0};
    MrReader reader = mr_reader(writer.buf.data, writer.buf.size_bytes);
    for (;;) {
        MR_GO(mr_state_next(&reader, &entry, &done, err));
        if (done)
            break;
        MR_GO(entry_apply(shared, &part->scratch, entry.key, &entry.value, err));
    }
done:
    mr_state_writer_deinit(&writer);
    return status;
}

static MrStateCount aggregate_count(const void *arg)
{
    const AggShared *shared = arg;
    MrStateCount count = {0};
    for (int32_t p = 0; p < N_PARTS; p++) {
        const AggPart *part = &shared->parts[p];
        count.rows += part->groups.n_rows - part->n_dead;
        count.updated += part->n_touched;
        count.removed += part->n_removed;
    }
    return count;
}

const MrOpType mr__op_aggregate = {
    .name = "HashAggregate",
    .size_bytes = sizeof(Aggregate),
    .shared_bytes = sizeof(AggShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = aggregate_shared_open,
    .shared_close = aggregate_shared_close,
    .open = aggregate_open,
    .close = aggregate_close,
    .push = aggregate_push,
    .pull = aggregate_pull,
    .barrier = aggregate_barrier,
    .n_finish_tasks = aggregate_n_finish_tasks,
    .finish_task = aggregate_finish_task,
    .epoch_end = aggregate_epoch_end,
    .save_changes = aggregate_save_changes,
    .snapshot = aggregate_snapshot,
    .apply = aggregate_apply,
    .count = aggregate_count,
};

/* -- rows seen so far: UNION of a recursion ---------------------------------------------------- */

struct MrDistinct {
    MrBudget *budget;
    MrArena arena;
    MrGroupLayout layout;
    MrGroups groups;
    uint64_t hash[MR_BATCH_ROWS];
    char *rows[MR_BATCH_ROWS];
    uint16_t fresh[MR_BATCH_ROWS];
};

MrStatus mr__distinct_create(const MrOpContext *context, const MrSchema *schema, MrDistinct **out,
                             MrError *err)
{
    void *block = NULL;
    MR_TRY(mr_budget_alloc_zeroed(context->budget, (int64_t)sizeof(MrDistinct), &block, err));
    MrDistinct *distinct = block;
    distinct->budget = context->budget;
    mr_arena_init(&distinct->arena, context->budget);
    const MrType **types = MR_NEW_N(&distinct->arena, const MrType *, schema->n_cols + 1);
    for (int32_t c = 0; c < schema->n_cols; c++)
        types[c] = schema->cols[c].type;
    mr__group_layout_init(&distinct->layout, &distinct->arena, types, schema->n_cols, 0);
    mr__groups_init(&distinct->groups, &distinct->layout, context->budget);
    *out = distinct;
    return MR_OK;
}

MrStatus mr__distinct_filter(MrDistinct *distinct, MrBatchList *list, MrError *err)
{
    for (int64_t b = 0; b < list->n_items; b++) {
        MrBatch *batch = list->items[b]->batch;
        int32_t n_fresh = 0, n_cols = distinct->layout.rows.n_cols;
        mr__hash_columns(batch->cols, n_cols, batch->sel, batch->n_sel, distinct->hash);
        MR_TRY(mr__groups_find(&distinct->groups, batch->cols, batch->sel, batch->n_sel,
                               distinct->hash, distinct->rows, distinct->fresh, &n_fresh, err));
        uint16_t *sel = mr_arena_alloc(&batch->arena, (n_fresh + 1) * (int64_t)sizeof *sel);
        bool *is_fresh = mr_arena_zeroed(&batch->arena, batch->n_sel + 1);
        int32_t n = 0;
        for (int32_t f = 0; f < n_fresh; f++)
            is_fresh[distinct->fresh[f]] = true;
        for (int32_t i = 0; i < batch->n_sel; i++)
            if (is_fresh[i])
                sel[n++] = (uint16_t)mr_batch_row(batch, i);
        batch->sel = sel;
        batch->n_sel = n;
    }
    return MR_OK;
}

void mr__distinct_destroy(MrDistinct *distinct)
{
    if (!distinct)
        return;
    MrBudget *budget = distinct->budget;
    mr__groups_deinit(&distinct->groups);
    mr_arena_deinit(&distinct->arena);
    mr_budget_free(budget, distinct, (int64_t)sizeof *distinct);
}
