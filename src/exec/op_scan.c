/* op_scan.c - reads a source.
 *
 * Computes:  the rows of the epoch's splits; filters that the reader does not apply exactly are
 * applied here, and what the joins above know by now of their keys (MrKeyFilter), unless it turns
 * out that most rows have a partner. Changes:   passes the reader's weights on. Memory:    one
 * reader and one batch a worker. Blocking:  no.  Splits are handed out by an atomic cursor.
 * Snapshot:  none; positions are the stream layer's. */
#include "exec/exec_int.h"
#include "exec/key_filter.h"

#define MORSEL_BYTES (INT64_C(1) << 20)
#define FILTER_TRIAL_ROWS 16384 /* after which a filter that keeps too many is not asked again */
#define FILTER_MAX_SHARE 0.75

typedef struct ScanShared {
    const MrPhys *phys;
    MrArena arena; /* splits of a batch */
    const MrSplit *splits;
    int64_t n_splits;
    _Atomic int64_t next;
} ScanShared;

typedef struct ScanFilter {
    const MrKeyFilter *keys;
    int32_t col;
    double share; /* of rows that pass, as it seems */
    int64_t n_rows, n_kept;
    bool is_off; /* too many rows pass */
} ScanFilter;

typedef struct Scan {
    MrOp op;
    MrScanSpec spec; /* the plan's, with row filters */
    bool spec_made, is_empty;
    ScanFilter *filters; /* the best first */
    int32_t n_filters;
    MrRowFilter *row_filters;
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

static int32_t filter_keep(void *arg, const MrVector *vec, const uint16_t *sel, int32_t n,
                           uint16_t *out)
{
    ScanFilter *filter = arg;
    if (filter->is_off) {
        for (int32_t i = 0; i < n; i++)
            out[i] = sel ? sel[i] : (uint16_t)i;
        return n;
    }
    int32_t n_kept = mr__key_filter_keep(filter->keys, vec, sel, n, out);
    filter->n_rows += n;
    filter->n_kept += n_kept;
    if (filter->n_rows > FILTER_TRIAL_ROWS) {
        filter->share = (double)filter->n_kept / (double)filter->n_rows;
        filter->is_off = filter->share > FILTER_MAX_SHARE;
    }
    return n_kept;
}

/* The joins that this scan may ask are built by now. */
static void filters_find(Scan *self)
{
    const MrPhys *phys = self->op.phys;
    self->spec = phys->scan.spec;
    self->spec_made = true;
    self->filters = MR_NEW_N(&self->arena, ScanFilter, phys->scan.n_key_filters + 1);
    self->row_filters = MR_NEW_N(&self->arena, MrRowFilter, phys->scan.n_key_filters + 1);
    self->spec.row_filters = self->row_filters;
    for (int32_t f = 0; f < phys->scan.n_key_filters; f++) {
        const MrPhysKeyFilter *asked = &phys->scan.key_filters[f];
        const MrKeyFilter *keys = self->op.context->key_filters[asked->id];
        if (!keys)
            continue;
        self->is_empty |= keys->is_empty;
        self->filters[self->n_filters++] =
            (ScanFilter){.keys = keys, .col = asked->at, .share = mr__key_filter_share(keys)};
    }
}

/* Row filters for the next reader, in the order in which they pay; one that is off may still rule
 * out blocks by its range. */
static void row_filters_set(Scan *self)
{
    ScanFilter *filters = self->filters;
    for (int32_t f = 1; f < self->n_filters; f++)
        for (int32_t g = f; g > 0 && filters[g].share < filters[g - 1].share; g--) {
            ScanFilter swap = filters[g];
            filters[g] = filters[g - 1];
            filters[g - 1] = swap;
        }
    for (int32_t f = 0; f < self->n_filters; f++)
        self->row_filters[f] = (MrRowFilter){.col = filters[f].col,
                                             .min = filters[f].keys->min,
                                             .max = filters[f].keys->max,
                                             .keep = filters[f].is_off ? NULL : filter_keep,
                                             .self = &filters[f]};
    self->spec.n_row_filters = self->n_filters;
}

static void row_filters_apply(Scan *self)
{
    MrBatch *batch = self->held;
    for (int32_t f = 0; f < self->spec.n_row_filters && batch->n_sel > 0; f++) {
        const MrRowFilter *filter = &self->spec.row_filters[f];
        if (!filter->keep)
            continue;
        if (!batch->sel)
            batch->sel = mr_arena_alloc(&batch->arena, batch->n_sel * (int64_t)sizeof *batch->sel);
        batch->n_sel = filter->keep(filter->self, batch->cols[filter->col],
                                    batch->n_sel == batch->n_rows ? NULL : batch->sel, batch->n_sel,
                                    batch->sel);
    }
}

static MrStatus scan_read(Scan *self, MrBatch **out, MrStep *step, MrError *err)
{
    ScanShared *shared = self->op.shared;
    const MrOpContext *context = self->op.context;
    MrSource *source = self->op.phys->scan.source;
    if (!self->spec_made)
        filters_find(self);
    for (;;) {
        if (self->is_empty) {
            *step = MR_STEP_NEED_INPUT;
            return MR_OK;
        }
        if (!self->reader) {
            int64_t s = atomic_fetch_add_explicit(&shared->next, 1, memory_order_relaxed);
            if (s >= shared->n_splits) {
                *step = MR_STEP_NEED_INPUT;
                return MR_OK;
            }
            self->split = &shared->splits[s];
            context->metrics->bytes_read += self->split->size_bytes;
            context->eval->origin = &self->split->origin;
            row_filters_set(self);
            MR_TRY(source->type->reader_open(source, self->split, &self->spec,
                                             context->batch_budget, &self->reader, err));
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
        if (!self->reader->does_row_filters)
            row_filters_apply(self);
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
