/* op_window.c - window functions.
 *
 * Computes:  the input columns and one column per window expression; all have one partitioning and
 * one order. Rows come out partition by partition, in the order. Changes:   inserts only; a stream
 * recomputes. Memory:    all rows, packed, with what the expressions need; results of the part at
 * hand. Blocking:  yes.  Rows are split into parts by the hash of the partition; a finish task
 * sorts and computes a part. Snapshot:  none. */
#include "exec/groups.h"
#include "exec/sort_core.h"
#include "exec/window_core.h"

#define N_PARTS 8

typedef struct Window Window;

typedef struct WindowPart {
    MrArena arena;
    bool open;
    char **rows; /* in order */
    int64_t n_rows;
    MrVector **results;
} WindowPart;

typedef struct WindowShared {
    const MrPhys *phys;
    MrArena arena;
    Window **workers;
    int32_t n_workers;
    /* Expressions: partition, order, then arguments and filter of each window expression. */
    MrExpr **exprs;
    int32_t n_exprs, n_in, n_partition, n_order;
    MrSortSpec *specs;  /* of partition and order */
    MrRowLayout layout; /* input columns, expressions */
    WindowPart parts[N_PARTS];
    int32_t n_parts;
    _Atomic int32_t next_out;
} WindowShared;

struct Window {
    MrOp op;
    MrArena arena;
    MrEvaluator exprs;
    MrSortRun *runs; /* one a part */
    int32_t n_runs;
    MrBatch *held, *given;
    bool ended;
    WindowPart *out_part;
    int64_t out_at;
    MrVector **cols;
    uint64_t hash[MR_BATCH_ROWS];
    uint16_t sel[MR_BATCH_ROWS];
    int32_t take[MR_BATCH_ROWS];
};

static MrStatus window_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                   MrError *err)
{
    WindowShared *shared = arg;
    const MrExpr *first = phys->window.exprs[0];
    int32_t n = first->window.n_partition + first->window.n_order;
    mr_arena_init(&shared->arena, context->budget);
    shared->phys = phys;
    shared->n_workers = context->n_workers;
    shared->workers = MR_NEW_N(&shared->arena, Window *, context->n_workers);
    shared->n_in = phys->inputs[0]->schema.n_cols;
    shared->n_partition = first->window.n_partition;
    shared->n_order = first->window.n_order;
    shared->n_parts = shared->n_partition > 0 && context->n_workers > 1 ? N_PARTS : 1;
    for (int32_t e = 0; e < phys->window.n_exprs; e++)
        n += phys->window.exprs[e]->n_args + 1;
    shared->exprs = MR_NEW_N(&shared->arena, MrExpr *, n + 1);
    shared->specs = MR_NEW_N(&shared->arena, MrSortSpec, n + 1);
    for (int32_t k = 0; k < shared->n_partition; k++) {
        shared->specs[shared->n_exprs] = (MrSortSpec){.nulls_first = true};
        shared->exprs[shared->n_exprs++] = first->window.partition[k];
    }
    for (int32_t k = 0; k < shared->n_order; k++) {
        shared->specs[shared->n_exprs] = first->window.order[k].spec;
        shared->exprs[shared->n_exprs++] = first->window.order[k].expr;
    }
    for (int32_t e = 0; e < phys->window.n_exprs; e++) {
        for (int32_t a = 0; a < phys->window.exprs[e]->n_args; a++)
            shared->exprs[shared->n_exprs++] = phys->window.exprs[e]->args[a];
        if (phys->window.exprs[e]->window.filter)
            shared->exprs[shared->n_exprs++] = phys->window.exprs[e]->window.filter;
    }
    const MrType **types =
        MR_NEW_N(&shared->arena, const MrType *, shared->n_in + shared->n_exprs + 1);
    for (int32_t c = 0; c < shared->n_in; c++)
        types[c] = phys->inputs[0]->schema.cols[c].type;
    for (int32_t e = 0; e < shared->n_exprs; e++)
        types[shared->n_in + e] = shared->exprs[e]->type;
    mr_row_layout_init(&shared->layout, &shared->arena, types, shared->n_in + shared->n_exprs, 0);
    for (int32_t p = 0; p < N_PARTS; p++) {
        mr_arena_init(&shared->parts[p].arena, context->budget);
        shared->parts[p].open = true;
    }
    return MR_OK;
}

static void window_shared_close(void *arg)
{
    WindowShared *shared = arg;
    for (int32_t p = 0; p < N_PARTS; p++)
        if (shared->parts[p].open)
            mr_arena_deinit(&shared->parts[p].arena);
    mr_arena_deinit(&shared->arena);
}

static MrStatus window_open(MrOp *op, MrError *err)
{
    Window *self = (Window *)op;
    WindowShared *shared = op->shared;
    mr_arena_init(&self->arena, op->context->budget);
    shared->workers[op->context->worker_idx] = self;
    self->cols = MR_NEW_N(&self->arena, MrVector *, shared->n_in + shared->n_exprs + 1);
    MR_TRY(mr__evaluator_open(&self->exprs, op->context, &self->arena, shared->exprs,
                              shared->n_exprs, err));
    self->runs = MR_NEW_N(&self->arena, MrSortRun, shared->n_parts);
    for (int32_t p = 0; p < shared->n_parts; p++, self->n_runs++)
        mr__sort_run_init(&self->runs[p], &shared->layout, shared->exprs, shared->specs,
                          shared->n_partition + shared->n_order, INT64_MAX, op->context->budget);
    return MR_OK;
}

static void window_close(MrOp *op)
{
    Window *self = (Window *)op;
    WindowShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    for (int32_t p = 0; p < self->n_runs; p++)
        mr__sort_run_deinit(&self->runs[p]);
    mr__evaluator_close(&self->exprs);
    mr_batch_destroy(self->held);
    mr_batch_destroy(self->given);
    mr_arena_deinit(&self->arena);
}

static MrStatus window_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Window *self = (Window *)op;
    WindowShared *shared = op->shared;
    self->held = batch;
    MR_TRY(mr__evaluator_run(&self->exprs, op->context, batch, err));
    for (int32_t c = 0; c < shared->n_in; c++)
        self->cols[c] = batch->cols[c];
    for (int32_t e = 0; e < shared->n_exprs; e++)
        self->cols[shared->n_in + e] = self->exprs.out[e];
    if (shared->n_parts == 1) {
        MR_TRY(mr__sort_run_add(&self->runs[0], self->cols, self->exprs.out, batch->sel,
                                batch->n_sel, err));
    } else {
        mr__hash_columns(self->exprs.out, shared->n_partition, batch->sel, batch->n_sel,
                         self->hash);
        for (int32_t p = 0; p < shared->n_parts; p++) {
            int32_t n = 0;
            for (int32_t i = 0; i < batch->n_sel; i++) {
                self->sel[n] = (uint16_t)mr_batch_row(batch, i);
                n += (int32_t)(self->hash[i] >> 61) == p;
            }
            if (n > 0)
                MR_TRY(mr__sort_run_add(&self->runs[p], self->cols, self->exprs.out, self->sel, n,
                                        err));
        }
    }
    self->held = NULL;
    mr_batch_destroy(batch);
    return MR_OK;
}

static MrStatus window_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier, MrError *err)
{
    ((Window *)op)->ended = true;
    return MR_OK;
}

static int32_t window_n_finish_tasks(void *arg, int32_t input_idx)
{
    WindowShared *shared = arg;
    atomic_store(&shared->next_out, 0);
    return shared->n_parts;
}

/* A column of all rows of the part; constants need no such column, but the layout has them all. */
static MrVector *part_column(WindowShared *shared, WindowPart *part, int32_t expr_idx)
{
    return mr_rows_gather(&shared->layout, shared->n_in + expr_idx, (const void *const *)part->rows,
                          part->n_rows, &part->arena);
}

static MrStatus part_compute(WindowShared *shared, WindowPart *part, const MrOpContext *context,
                             MrError *err)
{
    const MrPhys *phys = shared->phys;
    MrWindowRows rows = {.n_rows = part->n_rows,
                         .n_partition = shared->n_partition,
                         .n_order = shared->n_order,
                         .specs = shared->specs + shared->n_partition,
                         .arena = &part->arena,
                         .budget = context->budget,
                         .eval = context->eval};
    MrWindowBounds bounds;
    MrVector **keys = MR_NEW_N(&part->arena, MrVector *, shared->n_partition + shared->n_order + 1);
    for (int32_t k = 0; k < shared->n_partition + shared->n_order; k++)
        keys[k] = part_column(shared, part, k);
    rows.partition = keys;
    rows.order = keys + shared->n_partition;
    mr__window_bounds(&rows, &bounds);
    part->results = MR_NEW_N(&part->arena, MrVector *, phys->window.n_exprs);
    int32_t at = shared->n_partition + shared->n_order;
    for (int32_t e = 0; e < phys->window.n_exprs; e++) {
        const MrExpr *expr = phys->window.exprs[e];
        MrVector **args = MR_NEW_N(&part->arena, MrVector *, expr->n_args + 1);
        MrVector *filter = NULL;
        for (int32_t a = 0; a < expr->n_args; a++)
            args[a] = part_column(shared, part, at++);
        if (expr->window.filter)
            filter = part_column(shared, part, at++);
        MR_TRY(mr__window_compute(&rows, &bounds, expr, args, filter, &part->results[e], err));
    }
    return MR_OK;
}

static MrStatus window_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                   const MrBarrier *barrier, MrError *err)
{
    WindowShared *shared = op->shared;
    WindowPart *part = &shared->parts[task_idx];
    int64_t n = 0;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w])
            n += shared->workers[w]->runs[task_idx].n_entries;
    if (n == 0)
        return MR_OK;
    if (n > INT32_MAX)
        return MR_FAIL_UNSUPPORTED(err, "a window over more than 2147483647 rows in one part");
    MrSortEntry *entries = mr_arena_alloc(&part->arena, n * (int64_t)sizeof *entries);
    MrSortEntry *scratch = mr_arena_alloc(&part->arena, (n / 2 + 1) * (int64_t)sizeof *scratch);
    for (int32_t w = 0; w < shared->n_workers; w++) {
        if (!shared->workers[w])
            continue;
        const MrSortRun *run = &shared->workers[w]->runs[task_idx];
        if (run->n_entries > 0)
            memcpy(entries + part->n_rows, run->entries, sizeof *entries * (size_t)run->n_entries);
        part->n_rows += run->n_entries;
    }
    mr__sort_entries(entries, scratch, n);
    part->rows = mr_arena_alloc(&part->arena, n * (int64_t)sizeof *part->rows);
    for (int64_t r = 0; r < n; r++)
        part->rows[r] = entries[r].row;
    return part_compute(shared, part, op->context, err);
}

static MrStatus window_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Window *self = (Window *)op;
    WindowShared *shared = op->shared;
    *step = MR_STEP_NEED_INPUT;
    if (!self->ended)
        return MR_OK;
    while (!self->out_part || self->out_at == self->out_part->n_rows) {
        int32_t p = atomic_fetch_add(&shared->next_out, 1);
        if (p >= shared->n_parts)
            return MR_OK;
        self->out_part = &shared->parts[p];
        self->out_at = 0;
    }
    WindowPart *part = self->out_part;
    int64_t n = part->n_rows - self->out_at;
    if (n > op->context->batch_rows)
        n = op->context->batch_rows;
    MR_TRY(mr_batch_create(op->context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    mr_batch_set_cols(batch, op->phys->schema.n_cols);
    for (int32_t c = 0; c < shared->n_in; c++)
        batch->cols[c] = mr_rows_gather(
            &shared->layout, c, (const void *const *)(part->rows + self->out_at), n, &batch->arena);
    for (int64_t i = 0; i < n; i++)
        self->take[i] = (int32_t)(self->out_at + i);
    for (int32_t e = 0; e < op->phys->window.n_exprs; e++)
        batch->cols[shared->n_in + e] =
            mr_vector_take_rows(&batch->arena, part->results[e], self->take, n);
    batch->n_rows = batch->n_sel = (int32_t)n;
    self->out_at += n;
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

const MrOpType mr__op_window = {
    .name = "Window",
    .size_bytes = sizeof(Window),
    .shared_bytes = sizeof(WindowShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = window_shared_open,
    .shared_close = window_shared_close,
    .open = window_open,
    .close = window_close,
    .push = window_push,
    .pull = window_pull,
    .barrier = window_barrier,
    .n_finish_tasks = window_n_finish_tasks,
    .finish_task = window_finish_task,
};
