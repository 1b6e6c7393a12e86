/* op_scan.c - reads a source.
 *
 * Computes:  the rows of the epoch's splits; filters that the reader does not apply exactly are
 * applied here. Changes:   passes the reader's weights on. Memory:    one reader and one batch a
 * worker. Blocking:  no.  Splits are handed out by an atomic cursor. Snapshot:  none; positions are
 * the stream layer's. */
#include "exec/exec_int.h"

#define MORSEL_BYTES (INT64_C(1) << 20)

typedef struct ScanShared {
    const MrPhys *phys;
    MrArena arena; /* splits of a batch */
    const MrSplit *splits;
    int64_t n_splits;
    _Atomic int64_t next;
} ScanShared;

typedef struct Scan {
    MrOp op;
    MrSourceReader *reader;
    const MrSplit *split;
    MrProgram *filter;
    MrArena arena;
    MrBatch *held;   /* being filled */
    int32_t n_given; /* of held: tests with small batches */
} Scan;

static MrStatus scan_shared_open(void *shared, const MrPhys *phys, const MrOpContext *context,
                                 MrError *err)
{
    ScanShared *self = shared;
    self->phys = phys;
    mr_arena_init(&self->arena, context->budget);
    return MR_OK;
}

static void scan_shared_close(void *shared)
{
    mr_arena_deinit(&((ScanShared *)shared)->arena);
}

static MrStatus scan_start(void *shared, const MrSplit *splits, int64_t n_splits,
                           int64_t *n_morsels, MrError *err)
{
    ScanShared *self = shared;
    MrSource *source = self->phys->scan.source;
    self->splits = splits;
    self->n_splits = n_splits;
    atomic_store(&self->next, 0);
    if (!splits && !self->phys->scan.streaming) {
        MrSplit *all = NULL;
        mr_arena_reset(&self->arena);
        MR_TRY(source->type->plan_splits(source, NULL, NULL, &self->phys->scan.spec, &self->arena,
                                         &all, &self->n_splits, err));
        self->splits = all;
    }
    int64_t size_bytes = 0;
    for (int64_t s = 0; s < self->n_splits; s++)
        size_bytes += self->splits[s].size_bytes > 0 ? self->splits[s].size_bytes : MORSEL_BYTES;
    int64_t n = (size_bytes + MORSEL_BYTES - 1) / MORSEL_BYTES;
    if (size_bytes < MORSEL_BYTES / 4)
        n = 0;
    *n_morsels = n < self->n_splits ? n : self->n_splits;
    return MR_OK;
}

static MrStatus scan_open(MrOp *op, MrError *err)
{
    Scan *self = (Scan *)op;
    const MrScanSpec *spec = &op->phys->scan.spec;
    mr_arena_init(&self->arena, op->context->budget);
    if (spec->n_filters == 0)
        return MR_OK;
    MrExpr *all = NULL;
    for (int32_t f = 0; f < spec->n_filters; f++)
        all = mr_expr_and(&self->arena, all, spec->filters[f]);
    return mr_program_create(op->context->budget, &all, 1, &self->filter, err);
}

static void scan_reader_close(Scan *self)
{
    if (self->reader)
        self->op.phys->scan.source->type->reader_close(self->reader);
    self->reader = NULL;
}

static void scan_close(MrOp *op)
{
    Scan *self = (Scan *)op;
    scan_reader_close(self);
    mr_program_destroy(self->filter);
    mr_batch_destroy(self->held);
    mr_arena_deinit(&self->arena);
}

/* A piece of the held batch: only tests ask for less than a reader gives. */
static MrStatus scan_cut(Scan *self, MrBatch **out, MrStep *step, MrError *err)
{
    const MrOpContext *context = self->op.context;
    MrBatch *piece = NULL;
    int32_t n = self->held->n_sel - self->n_given;
    if (n > context->batch_rows)
        n = context->batch_rows;
    MR_TRY(mr_batch_create(context->batch_budget, &piece, err));
    MrStatus status = MR_OK;
    MR_GUARD_BEGIN(status, err)
        mr_batch_set_cols(piece, self->held->n_cols);
        for (int32_t c = 0; c < piece->n_cols; c++)
            piece->cols[c] = mr_vector_create(&piece->arena, self->held->cols[c]->type, n);
        mr_batch_append(piece, self->held, self->n_given, n);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_batch_destroy(piece);
        return status;
    }
    self->n_given += n;
    if (self->n_given == self->held->n_sel) {
        mr_batch_destroy(self->held);
        self->held = NULL;
        self->n_given = 0; /* the next one is held empty between epochs */
    }
    *out = piece;
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

static MrStatus scan_read(Scan *self, MrBatch **out, MrStep *step, MrError *err)
{
    ScanShared *shared = self->op.shared;
    const MrOpContext *context = self->op.context;
    MrSource *source = self->op.phys->scan.source;
    const MrScanSpec *spec = &self->op.phys->scan.spec;
    for (;;) {
        if (!self->reader) {
            int64_t s = atomic_fetch_add_explicit(&shared->next, 1, memory_order_relaxed);
            if (s >= shared->n_splits) {
                *step = MR_STEP_NEED_INPUT;
                return MR_OK;
            }
            self->split = &shared->splits[s];
            context->metrics->bytes_read += self->split->size_bytes;
            MR_TRY(source->type->reader_open(source, self->split, spec, context->batch_budget,
                                             &self->reader, err));
        }
        MrRead what = MR_READ_END;
        if (!self->held)
            MR_TRY(mr_batch_create(context->batch_budget, &self->held, err));
        mr_batch_reset(self->held);
        MR_TRY(source->type->read(self->reader, context->eval, self->held, &what, err));
        if (what == MR_READ_BLOCKED) {
            *step = MR_STEP_BLOCKED;
            return MR_OK;
        }
        if (what == MR_READ_END) {
            scan_reader_close(self);
            continue;
        }
        context->metrics->rows_in +=
            self->held->n_sel; /* before filters that the reader leaves to us */
        if (self->filter && !self->reader->exact_filters)
            MR_TRY(mr_program_filter(self->filter, context->eval, self->held, err));
        if (self->held->n_sel == 0)
            continue;
        *step = MR_STEP_OUTPUT;
        self->n_given = 0;
        if (self->held->n_sel > context->batch_rows)
            return scan_cut(self, out, step, err);
        *out = mr_batch_take(&self->held);
        return MR_OK;
    }
}

static MrStatus scan_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Scan *self = (Scan *)op;
    if (self->n_given > 0 && self->held)
        return scan_cut(self, out, step, err);
    MrStatus status = scan_read(self, out, step, err);
    if (status != MR_OK && self->split && self->split->name)
        mr_error_add(err, "in %s", self->split->name);
    return status;
}

const MrOpType mr__op_scan = {
    .name = "Scan",
    .size_bytes = sizeof(Scan),
    .shared_bytes = sizeof(ScanShared),
    .shared_open = scan_shared_open,
    .shared_close = scan_shared_close,
    .start = scan_start,
    .open = scan_open,
    .close = scan_close,
    .pull = scan_pull,
};
