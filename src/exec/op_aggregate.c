/* op_aggregate.c - groups the rows of a batch and aggregates them.
 *
 * Computes:  one row per group: keys, then results.  Without keys one row in any case; without
 * aggregates the distinct keys.
 * Changes:   takes inserts.  Gives its groups at the barrier.
 * Spilling:  when the budget is short a worker's groups and kept rows go to disk, part by part of
 * the hash (agg_spill.h).
 * Memory:    the groups, in packed rows.  Each worker fills a table of its own; finish tasks merge
 * them part by part of the hash, by adopting rows.
 * Blocking:  yes.
 * Snapshot:  none; a stream has op_stream_aggregate.c. */
#include "exec/agg_spill.h"
#include "exec/kept_rows.h"

#define MERGE_BYTES 64 /* that merging takes of a row: slots, pointers */
#define MERGE_LEAST (INT64_C(1) << 20)
#define FEW_GROUPS 4096 /* are merged by one task */
#define ROWS_AHEAD 24   /* brought into cache before they are merged; and their slots */
#define SLOTS_AHEAD 12

typedef struct AggPart {
    MrGroups groups;  /* slots over adopted rows */
    MrGroups *direct; /* the only table there is; NULL: rows */
    char **rows;
    int64_t n_rows;
    char *single;
    MrArena scratch; /* of an epoch */
} AggPart;

typedef struct Aggregate Aggregate;

typedef struct AggShared {
    const MrPhys *phys;
    MrArena arena;
    MrBudget *budget, *batch_budget;
    MrAggPlan plan;
    Aggregate **workers;
    int32_t n_workers;
    int32_t n_parts; /* of this epoch: 1 or MR_KEPT_PARTS */
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
    MrPartedRows parted;
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
    mr_arena_init(&shared->arena, context->budget);
    mr__agg_plan_init(&shared->plan, &shared->arena, phys);
    shared->workers = MR_NEW_N(&shared->arena, Aggregate *, context->n_workers);
    shared->parts = MR_NEW_N(&shared->arena, AggPart, MR_KEPT_PARTS);
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        AggPart *part = &shared->parts[p];
        mr__groups_init(&part->groups, &shared->plan.layout, context->budget);
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
    return shared->plan.n_keys > 0 || shared->plan.any_deferred;
}

static MrStatus aggregate_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Aggregate *self = (Aggregate *)op;
    self->held = batch;
    MR_TRY(mr__evaluator_run(&self->exprs, op->context, batch, err));
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
    else if (self->table.groups.n_rows > FEW_GROUPS &&
             (shared->n_workers > 1 || self->table.generation_from > 0))
        mr__part_rows(&self->parted, &self->table.groups, &self->arena, NULL);
    if (!shared->plan.any_deferred)
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
    shared->n_parts = n_rows > FEW_GROUPS && n_tables > 1 ? MR_KEPT_PARTS : 1;
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
                          : worker->parted.from[part_idx + 1] - worker->parted.from[part_idx];
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
                mr_poll_item(r);
                if (shared->n_parts > 1 &&
                    mr__kept_part_of(mr__group_hash(groups->layout, row)) != part_idx)
                    continue;
                MR_TRY(merge_row(shared, part, context, row, err));
            }
        } else {
            char **rows = worker->parted.rows;
            int64_t to = worker->parted.from[part_idx + 1];
            for (int64_t r = worker->parted.from[part_idx]; r < to; r++) {
                mr_poll_item(r);
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

static MrStatus aggregate_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                      const MrBarrier *barrier, MrError *err)
{
    AggShared *shared = op->shared;
    if (shared->status != MR_OK) {
        *err = shared->err;
        return shared->status;
    }
    return batch_finish((Aggregate *)op, task_idx, err);
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

static MrStatus aggregate_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Aggregate *self = (Aggregate *)op;
    *step = MR_STEP_NEED_INPUT;
    if (!self->ended)
        return MR_OK;
    if (((AggShared *)op->shared)->spilling)
        return pull_spilled(self, out, step, err);
    return pull_batch(self, out, step, err);
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
};
