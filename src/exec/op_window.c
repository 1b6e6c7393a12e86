/* op_window.c - window functions.
 *
 * Computes:  the input columns and one column per window expression; all have one partitioning and
 * one order. Rows come out partition by partition, in the order. Changes:   inserts only; a stream
 * recomputes. Spilling:  when the budget is short the rows go to disk in sorted runs; then each
 * part is merged, and computed some partitions at a time, or, when all functions look back only, a
 * piece of a partition at a time. Memory:    all rows, packed, with what the expressions need;
 * results of the part at hand. Blocking:  yes.  Rows are split into parts by the hash of the
 * partition; a finish task sorts and computes a part. Snapshot:  none. */
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
    /* Spilling. */
    _Atomic bool spilling;
    int32_t n_open;
    int64_t row_bytes;   /* that computing takes of each row */
    bool streams, peers; /* partitions may come in pieces, which end between peers */
    MrStatus status;
    MrError err;
} WindowShared;

/* One worker's part that is read from disk. */
typedef struct WindowDrain {
    MrSortMerge merge;
    bool part_open;
    MrRowHeap heap;    /* rows read; part: the first of them, computed */
    int64_t last_from; /* where the last partition begins */
    int64_t peer_from; /* where the last peers begin */
    bool continues;    /* row 0 goes on with a partition of which rows were given */
    MrWindowCarry *carry;
    MrArena scratch;
} WindowDrain;

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
    WindowDrain *drain;
    WindowPart piece; /* of the drain */
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
    /* Entries and scratch of the sort, pointers, bounds, and columns. */
    shared->row_bytes = 88 + 16 * (int64_t)(shared->n_exprs + phys->window.n_exprs);
    shared->streams = true;
    for (int32_t e = 0; e < phys->window.n_exprs; e++) {
        bool peers = false;
        shared->streams = mr__window_streams(phys->window.exprs[e], &peers) && shared->streams;
        shared->peers = shared->peers || peers;
    }
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
    shared->n_open++;
    self->cols = MR_NEW_N(&self->arena, MrVector *, shared->n_in + shared->n_exprs + 1);
    MR_TRY(mr__evaluator_open(&self->exprs, op->context, &self->arena, shared->exprs,
                              shared->n_exprs, err));
    self->runs = MR_NEW_N(&self->arena, MrSortRun, shared->n_parts);
    for (int32_t p = 0; p < shared->n_parts; p++, self->n_runs++)
        mr__sort_run_init(&self->runs[p], &shared->layout, shared->exprs, shared->specs,
                          shared->n_partition + shared->n_order, INT64_MAX, op->context->budget);
    return MR_OK;
}

static void drain_close(Window *self)
{
    WindowDrain *drain = self->drain;
    mr__sort_merge_close(&drain->merge);
    mr__row_heap_deinit(&drain->heap);
    for (int32_t e = 0; e < self->op.phys->window.n_exprs; e++)
        mr__window_carry_close(&drain->carry[e]);
    mr_arena_deinit(&drain->scratch);
    mr_arena_deinit(&self->piece.arena);
}

static void window_close(MrOp *op)
{
    Window *self = (Window *)op;
    WindowShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    for (int32_t p = 0; p < self->n_runs; p++) {
        mr__sort_run_close_spill(&self->runs[p], op->context);
        mr__sort_run_deinit(&self->runs[p]);
    }
    if (self->drain)
        drain_close(self);
    mr__evaluator_close(&self->exprs);
    mr_batch_destroy(self->held);
    mr_batch_destroy(self->given);
    mr_arena_deinit(&self->arena);
}

static MrStatus spill_runs(Window *self, MrError *err)
{
    for (int32_t p = 0; p < self->n_runs; p++)
        MR_TRY(mr__sort_run_spill(&self->runs[p], self->op.context, err));
    return MR_OK;
}

static int64_t runs_bytes(const Window *self)
{
    const WindowShared *shared = self->op.shared;
    int64_t bytes = 0;
    for (int32_t p = 0; p < self->n_runs; p++)
        bytes += mr__sort_run_bytes(&self->runs[p]) + self->runs[p].n_entries * shared->row_bytes;
    return bytes;
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
    if (!mr__spill_wanted(op->context, runs_bytes(self) * shared->n_open))
        return MR_OK;
    shared->spilling = true;
    return spill_runs(self, err);
}

static MrStatus window_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier, MrError *err)
{
    Window *self = (Window *)op;
    self->ended = true;
    return ((WindowShared *)op->shared)->spilling ? spill_runs(self, err) : MR_OK;
}

/* When no worker saw that memory is short, but what is computed would not fit. */
static MrStatus spill_late(WindowShared *shared, MrError *err)
{
    int64_t n_rows = 0;
    const MrOpContext *context = NULL;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        if (!shared->workers[w])
            continue;
        context = shared->workers[w]->op.context;
        for (int32_t p = 0; p < shared->n_parts; p++)
            n_rows += shared->workers[w]->runs[p].n_entries;
    }
    if (!context || !context->spill_dir || n_rows < MR_BATCH_ROWS ||
        mr_budget_left(context->budget) >= n_rows * shared->row_bytes)
        return MR_OK;
    shared->spilling = true;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w])
            MR_TRY(spill_runs(shared->workers[w], err));
    return MR_OK;
}

static int32_t window_n_finish_tasks(void *arg, int32_t input_idx)
{
    WindowShared *shared = arg;
    atomic_store(&shared->next_out, 0);
    if (!shared->spilling)
        shared->status = spill_late(shared, &shared->err);
    if (shared->status != MR_OK)
        return 1; /* which says so */
    return shared->spilling ? 0 : shared->n_parts;
}

/* A column of all rows of the part; constants need no such column, but the layout has them all. */
static MrVector *part_column(WindowShared *shared, WindowPart *part, int32_t expr_idx)
{
    return mr_rows_gather(&shared->layout, shared->n_in + expr_idx, (const void *const *)part->rows,
                          part->n_rows, &part->arena);
}

/* carry, continues, goes_on: see MrWindowRows. */
static MrStatus part_compute(WindowShared *shared, WindowPart *part, const MrOpContext *context,
                             MrWindowCarry *carry, bool continues, bool goes_on, MrError *err)
{
    const MrPhys *phys = shared->phys;
    MrWindowRows rows = {.n_rows = part->n_rows,
                         .n_partition = shared->n_partition,
                         .n_order = shared->n_order,
                         .specs = shared->specs + shared->n_partition,
                         .arena = &part->arena,
                         .budget = context->budget,
                         .eval = context->eval,
                         .continues = continues,
                         .goes_on = goes_on};
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
        rows.carry = carry ? &carry[e] : NULL;
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
    if (shared->status != MR_OK) {
        *err = shared->err;
        return shared->status;
    }
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
            mr_copy(entries + part->n_rows, run->entries,
                    run->n_entries * (int64_t)sizeof *entries);
        part->n_rows += run->n_entries;
    }
    mr__sort_entries(entries, scratch, n);
    part->rows = mr_arena_alloc(&part->arena, n * (int64_t)sizeof *part->rows);
    for (int64_t r = 0; r < n; mr_poll_item(r++))
        part->rows[r] = entries[r].row;
    return part_compute(shared, part, op->context, NULL, false, false, err);
}

/* -- parts from disk -------------------------------------------------------------------------- */

#define PIECE_LEAST (INT64_C(512) << 10)

static bool columns_equal(MrVector *const *a, int64_t a_row, MrVector *const *b, int64_t b_row,
                          int32_t n)
{
    for (int32_t c = 0; c < n; c++)
        if (!mr_vector_row_equal(a[c], a_row, b[c], b_row))
            return false;
    return true;
}

/* Appends n rows to the heap and sees where partitions and peers begin. */
static void piece_append(Window *self, MrVector **cols, int32_t n)
{
    WindowShared *shared = self->op.shared;
    WindowDrain *drain = self->drain;
    int32_t n_keys = shared->n_partition + shared->n_order;
    MrVector **keys = cols + shared->n_in;
    int64_t at = drain->heap.n_rows;
    char *rows[MR_BATCH_ROWS];
    if (at > 0) {
        const void *last[1] = {mr__row_heap_row(&drain->heap, at - 1)};
        MrVector **before = MR_NEW_N(&drain->scratch, MrVector *, n_keys + 1);
        for (int32_t k = 0; k < n_keys; k++)
            before[k] = mr_rows_gather(&shared->layout, shared->n_in + k, last, 1, &drain->scratch);
        if (!columns_equal(before, 0, keys, 0, shared->n_partition))
            drain->last_from = at;
        if (!columns_equal(before, 0, keys, 0, n_keys))
            drain->peer_from = at;
    }
    for (int32_t i = 1; i < n; i++) {
        if (!columns_equal(keys, i - 1, keys, i, shared->n_partition))
            drain->last_from = at + i;
        if (!columns_equal(keys, i - 1, keys, i, n_keys))
            drain->peer_from = at + i;
    }
    mr__row_heap_append(&drain->heap, cols, NULL, n, rows);
}

/* Forgets the rows that were given; those behind them become the first. */
static void piece_shift(Window *self)
{
    WindowShared *shared = self->op.shared;
    WindowDrain *drain = self->drain;
    MrRowHeap old = drain->heap;
    mr_arena_deinit(&self->piece.arena);
    /* The old rows wait in the piece's arena, which close frees. */
    self->piece.arena = old.arena;
    mr__row_heap_init(&drain->heap, &shared->layout, self->op.context->budget);
    drain->last_from = drain->peer_from = 0;
    int32_t n_cols = shared->n_in + shared->n_exprs;
    for (int64_t from = self->piece.n_rows; from < old.n_rows; from += MR_BATCH_ROWS) {
        int32_t n =
            old.n_rows - from < MR_BATCH_ROWS ? (int32_t)(old.n_rows - from) : MR_BATCH_ROWS;
        const void *rows[MR_BATCH_ROWS];
        mr_arena_reset(&drain->scratch);
        MrVector **cols = MR_NEW_N(&drain->scratch, MrVector *, n_cols + 1);
        for (int32_t i = 0; i < n; i++)
            rows[i] = mr__row_heap_row(&old, from + i);
        for (int32_t c = 0; c < n_cols; c++)
            cols[c] = mr_rows_gather(&shared->layout, c, rows, n, &drain->scratch);
        piece_append(self, cols, n);
    }
    mr_arena_deinit(&self->piece.arena);
    self->piece = (WindowPart){.arena = self->piece.arena};
}

/* How many of the rows read can be computed now; 0: more must be read. */
static int64_t piece_ready(const Window *self)
{
    const WindowShared *shared = self->op.shared;
    const WindowDrain *drain = self->drain;
    if (!mr__sort_merge_more(&drain->merge))
        return drain->heap.n_rows;
    int64_t room = mr_budget_left(self->op.context->budget) / 2 / shared->n_open;
    int64_t bytes = drain->heap.n_rows * shared->row_bytes;
    room = room > PIECE_LEAST ? room : PIECE_LEAST;
    /* The rows themselves are charged already. */
    if (bytes < room && drain->heap.arena.used_bytes < room)
        return 0;
    if (drain->last_from > 0 || !shared->streams)
        return drain->last_from;
    return shared->peers ? drain->peer_from : drain->heap.n_rows - 1;
}

/* The next rows of the part into self->piece, computed; none: the part is at its end. */
static MrStatus piece_next(Window *self, MrError *err)
{
    WindowShared *shared = self->op.shared;
    WindowDrain *drain = self->drain;
    WindowPart *piece = &self->piece;
    int32_t n_cols = shared->n_in + shared->n_exprs;
    piece_shift(self);
    self->out_at = 0;
    int64_t n_ready = 0;
    while ((n_ready = piece_ready(self)) == 0 && mr__sort_merge_more(&drain->merge)) {
        int32_t n = 0;
        mr_poll();
        mr_arena_reset(&drain->scratch);
        MrVector **cols = MR_NEW_N(&drain->scratch, MrVector *, n_cols + 1);
        for (int32_t c = 0; c < n_cols; c++)
            cols[c] = mr_vector_create(&drain->scratch, shared->layout.types[c], MR_BATCH_ROWS);
        for (; n < MR_BATCH_ROWS && mr__sort_merge_more(&drain->merge); n++)
            MR_TRY(mr__sort_merge_next(&drain->merge, &drain->scratch, cols, n, err));
        for (int32_t c = 0; c < n_cols; c++)
            cols[c]->n_items = n;
        piece_append(self, cols, n);
    }
    if (n_ready > INT32_MAX)
        return MR_FAIL_UNSUPPORTED(err, "a window over more than 2147483647 rows in one part");
    if (n_ready == 0)
        return MR_OK;
    bool continues = drain->continues;
    drain->continues = drain->last_from < n_ready && n_ready < drain->heap.n_rows;
    piece->rows = mr_arena_alloc(&piece->arena, n_ready * (int64_t)sizeof *piece->rows);
    for (int64_t r = 0; r < n_ready; r++)
        piece->rows[r] = mr__row_heap_row(&drain->heap, r);
    piece->n_rows = n_ready;
    return part_compute(shared, piece, self->op.context, drain->carry, continues, drain->continues,
                        err);
}

/* Begins to read part p. */
static MrStatus drain_open(Window *self, int32_t p, MrError *err)
{
    WindowShared *shared = self->op.shared;
    const MrOpContext *context = self->op.context;
    if (!self->drain) {
        WindowDrain *drain = MR_NEW(&self->arena, WindowDrain);
        drain->carry = MR_NEW_N(&self->arena, MrWindowCarry, self->op.phys->window.n_exprs);
        mr_arena_init(&drain->scratch, context->budget);
        mr_arena_init(&self->piece.arena, context->budget);
        mr__row_heap_init(&drain->heap, &shared->layout, context->budget);
        self->drain = drain;
    }
    MrSortRun **runs = MR_NEW_N(&self->arena, MrSortRun *, shared->n_workers);
    int32_t n_runs = 0;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w])
            runs[n_runs++] = &shared->workers[w]->runs[p];
    self->drain->part_open = true;
    return mr__sort_merge_open(&self->drain->merge, context, runs, n_runs,
                               mr_budget_left(context->budget) / 4 / shared->n_open, err);
}

/* Sets out_part to rows that were computed; NULL: there are none any more. */
static MrStatus drain_next(Window *self, MrError *err)
{
    WindowShared *shared = self->op.shared;
    self->out_part = NULL;
    for (;;) {
        if (!self->drain || !self->drain->part_open) {
            int32_t p = atomic_fetch_add(&shared->next_out, 1);
            if (p >= shared->n_parts)
                return MR_OK;
            MR_TRY(drain_open(self, p, err));
        }
        MR_TRY(piece_next(self, err));
        if (self->piece.n_rows > 0) {
            self->out_part = &self->piece;
            return MR_OK;
        }
        mr__sort_merge_close(&self->drain->merge);
        self->drain->part_open = false;
    }
}

/* -- rows out --------------------------------------------------------------------------------- */

static MrStatus window_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Window *self = (Window *)op;
    WindowShared *shared = op->shared;
    *step = MR_STEP_NEED_INPUT;
    if (!self->ended)
        return MR_OK;
    while (shared->spilling && (!self->out_part || self->out_at == self->out_part->n_rows)) {
        MR_TRY(drain_next(self, err));
        if (!self->out_part)
            return MR_OK;
    }
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
    *step = MR_STEP_OUTPUT;
    if (shared->spilling) { /* the piece's memory goes before the run ends */
        MR_TRY(mr_batch_copy(batch, op->context->batch_budget, out, err));
        mr_batch_destroy(mr_batch_take(&self->given));
        return MR_OK;
    }
    *out = mr_batch_take(&self->given);
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
