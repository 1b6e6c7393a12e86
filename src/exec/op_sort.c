/* op_sort.c - puts rows in order; with a limit: the first ones only.
 *
 * Computes:  the input rows in the order of the keys, stable within a worker's input; from offset
 * on, limit at most. Changes:   inserts only; a stream recomputes. Spilling:  a sort whose budget
 * is short writes sorted runs to a scratch file and merges them. Memory:    all rows, packed, and
 * their keys; with a limit about twice limit rows. Blocking:  yes.  Every worker sorts its own run
 * at the barrier; worker 0 merges them as it is pulled. Snapshot:  none. */
#include "exec/exec_int.h"
#include "exec/sort_core.h"

typedef struct Sort Sort;

typedef struct SortShared {
    Sort **workers;
    int32_t n_workers;
    MrArena arena;
    MrRowLayout layout;
    MrExpr **keys;
    MrSortSpec *specs;
    int64_t n_given; /* rows taken from the runs, offset included */
    int32_t n_open;
    _Atomic bool spilling; /* some run went to disk: in the end all do */
    MrSortMerge merge;
} SortShared;

struct Sort {
    MrOp op;
    MrArena arena;
    MrEvaluator keys;
    MrSortRun run;
    MrBatch *held, *given;
    bool ended;
    int64_t at; /* next entry to merge */
    char *rows[MR_BATCH_ROWS];
};

static MrStatus sort_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                 MrError *err)
{
    SortShared *shared = arg;
    int32_t n_cols = phys->schema.n_cols, n_keys = phys->sort.n_keys;
    mr_arena_init(&shared->arena, context->budget);
    shared->n_workers = context->n_workers;
    shared->workers = MR_NEW_N(&shared->arena, Sort *, context->n_workers);
    const MrType **types = MR_NEW_N(&shared->arena, const MrType *, n_cols + 1);
    for (int32_t c = 0; c < n_cols; c++)
        types[c] = phys->schema.cols[c].type;
    mr_row_layout_init(&shared->layout, &shared->arena, types, n_cols, 0);
    shared->keys = MR_NEW_N(&shared->arena, MrExpr *, n_keys + 1);
    shared->specs = MR_NEW_N(&shared->arena, MrSortSpec, n_keys + 1);
    for (int32_t k = 0; k < n_keys; k++) {
        shared->keys[k] = phys->sort.keys[k].expr;
        shared->specs[k] = phys->sort.keys[k].spec;
    }
    return MR_OK;
}

static void sort_shared_close(void *arg)
{
    SortShared *shared = arg;
    mr__sort_merge_close(&shared->merge);
    mr_arena_deinit(&shared->arena);
}

static MrStatus sort_open(MrOp *op, MrError *err)
{
    Sort *self = (Sort *)op;
    SortShared *shared = op->shared;
    int64_t limit = op->phys->sort.limit, offset = op->phys->sort.offset;
    mr_arena_init(&self->arena, op->context->budget);
    limit = limit > INT64_MAX - offset ? INT64_MAX : limit + offset;
    mr__sort_run_init(&self->run, &shared->layout, shared->keys, shared->specs,
                      op->phys->sort.n_keys, limit, op->context->budget);
    shared->workers[op->context->worker_idx] = self;
    shared->n_open++;
    op->sated = limit == 0;
    return mr__evaluator_open(&self->keys, op->context, &self->arena, shared->keys,
                              op->phys->sort.n_keys, err);
}

static void sort_close(MrOp *op)
{
    Sort *self = (Sort *)op;
    SortShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    mr__sort_run_close_spill(&self->run, op->context);
    mr__sort_run_deinit(&self->run);
    mr__evaluator_close(&self->keys);
    mr_batch_destroy(self->held);
    mr_batch_destroy(self->given);
    mr_arena_deinit(&self->arena);
}

static MrStatus sort_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Sort *self = (Sort *)op;
    SortShared *shared = op->shared;
    self->held = batch;
    MR_TRY(mr__evaluator_run(&self->keys, op->context, batch, err));
    MR_TRY(
        mr__sort_run_add(&self->run, batch->cols, self->keys.out, batch->sel, batch->n_sel, err));
    self->held = NULL;
    mr_batch_destroy(batch);
    if (!mr__spill_wanted(op->context, mr__sort_run_bytes(&self->run) * shared->n_open))
        return MR_OK;
    shared->spilling = true;
    return mr__sort_run_spill(&self->run, op->context, err);
}

static MrStatus sort_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier, MrError *err)
{
    Sort *self = (Sort *)op;
    self->ended = true;
    self->at = 0;
    if (((SortShared *)op->shared)->spilling)
        return mr__sort_run_spill(&self->run, op->context, err);
    return mr__sort_run_finish(&self->run, err);
}

static int32_t sort_n_finish_tasks(void *arg, int32_t input_idx)
{
    return 0; /* but all runs must be sorted before the merge */
}

static Sort *next_run(SortShared *shared)
{
    Sort *best = NULL;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Sort *worker = shared->workers[w];
        if (!worker || !worker->ended || worker->at >= worker->run.n_entries)
            continue;
        if (!best ||
            mr__sort_compare(&worker->run.entries[worker->at], &best->run.entries[best->at]) < 0)
            best = worker;
    }
    return best;
}

static MrStatus merge_open(SortShared *shared, const MrOpContext *context, MrError *err)
{
    MrSortRun **runs = MR_NEW_N(&shared->arena, MrSortRun *, shared->n_workers);
    int32_t n_runs = 0;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w] && shared->workers[w]->ended)
            runs[n_runs++] = &shared->workers[w]->run;
    return mr__sort_merge_open(&shared->merge, context, runs, n_runs,
                               mr_budget_left(context->budget) / 2, err);
}

/* A batch of rows from disk. */
static MrStatus merge_spilled(Sort *self, int64_t end, MrBatch **out, MrStep *step, MrError *err)
{
    SortShared *shared = self->op.shared;
    const MrOpContext *context = self->op.context;
    int32_t n = 0;
    if (!shared->merge.open)
        MR_TRY(merge_open(shared, context, err));
    for (; shared->n_given < self->op.phys->sort.offset && mr__sort_merge_more(&shared->merge);
         shared->n_given++)
        MR_TRY(mr__sort_merge_next(&shared->merge, NULL, NULL, 0, err));
    if (!mr__sort_merge_more(&shared->merge) || shared->n_given >= end)
        return MR_OK;
    MR_TRY(mr_batch_create(context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    mr_batch_set_cols(batch, self->op.phys->schema.n_cols);
    for (int32_t c = 0; c < batch->n_cols; c++)
        batch->cols[c] = mr_vector_create(&batch->arena, self->op.phys->schema.cols[c].type,
                                          context->batch_rows);
    for (; n < context->batch_rows && shared->n_given < end && mr__sort_merge_more(&shared->merge);
         shared->n_given++, n++)
        MR_TRY(mr__sort_merge_next(&shared->merge, &batch->arena, batch->cols, n, err));
    for (int32_t c = 0; c < batch->n_cols; c++)
        batch->cols[c]->n_items = n;
    batch->n_rows = batch->n_sel = n;
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

static MrStatus sort_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Sort *self = (Sort *)op;
    SortShared *shared = op->shared;
    int64_t offset = op->phys->sort.offset, limit = op->phys->sort.limit;
    int64_t end = limit > INT64_MAX - offset ? INT64_MAX : offset + limit;
    int32_t n = 0;
    *step = MR_STEP_NEED_INPUT;
    if (!self->ended || op->context->worker_idx != 0)
        return MR_OK;
    if (shared->spilling)
        return merge_spilled(self, end, out, step, err);
    while (n < op->context->batch_rows && shared->n_given < end) {
        Sort *from = next_run(shared);
        if (!from)
            break;
        char *row = from->run.entries[from->at++].row;
        if (shared->n_given++ >= offset)
            self->rows[n++] = row;
    }
    if (n == 0)
        return MR_OK;
    MR_TRY(mr_batch_create(op->context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    mr_batch_set_cols(batch, op->phys->schema.n_cols);
    for (int32_t c = 0; c < batch->n_cols; c++)
        batch->cols[c] =
            mr_rows_gather(&shared->layout, c, (const void *const *)self->rows, n, &batch->arena);
    batch->n_rows = batch->n_sel = n;
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

const MrOpType mr__op_sort = {
    .name = "Sort",
    .size_bytes = sizeof(Sort),
    .shared_bytes = sizeof(SortShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = sort_shared_open,
    .shared_close = sort_shared_close,
    .open = sort_open,
    .close = sort_close,
    .push = sort_push,
    .pull = sort_pull,
    .barrier = sort_barrier,
    .n_finish_tasks = sort_n_finish_tasks,
};
