/* op_range.c - the numbers from start to end by step.
 *
 * Computes:  start, start + step ... while before end.
 * Changes:   inserts, once per run.
 * Memory:    one batch.
 * Blocking:  no.  Workers take runs of MORSEL_ROWS numbers from an atomic cursor.
 * Snapshot:  none. */
#include "exec/exec_int.h"

#define MORSEL_ROWS 131072

typedef struct RangeShared {
    const MrPhys *phys;
    int64_t n_rows;
    _Atomic int64_t next;
} RangeShared;

typedef struct Range {
    MrOp op;
    int64_t at, end;
    MrBatch *held;
} Range;

static MrStatus range_shared_open(void *shared, const MrPhys *phys, const MrOpContext *context,
                                  MrError *err)
{
    RangeShared *self = shared;
    MrI128 start = phys->range.start, end = phys->range.end, step = phys->range.step;
    MrI128 span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    MrI128 n = span <= 0 || stride == 0 ? 0 : (span + stride - 1) / stride;
    self->phys = phys;
    self->n_rows = n > INT64_MAX - MORSEL_ROWS * 1024 ? INT64_MAX - MORSEL_ROWS * 1024 : (int64_t)n;
    return MR_OK;
}

static MrStatus range_start(void *shared, const MrSplit *splits, int64_t n_splits,
                            int64_t *n_morsels, MrError *err)
{
    RangeShared *self = shared;
    *n_morsels = self->n_rows / MORSEL_ROWS;
    return MR_OK;
}

static void range_close(MrOp *op)
{
    mr_batch_destroy(((Range *)op)->held);
}

static MrStatus range_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Range *self = (Range *)op;
    RangeShared *shared = op->shared;
    if (self->at == self->end) {
        int64_t from = atomic_load_explicit(&shared->next, memory_order_relaxed);
        do {
            if (from >= shared->n_rows) {
                *step = MR_STEP_NEED_INPUT;
                return MR_OK;
            }
        } while (!atomic_compare_exchange_weak(&shared->next, &from, from + MORSEL_ROWS));
        self->at = from;
        self->end = from + MORSEL_ROWS < shared->n_rows ? from + MORSEL_ROWS : shared->n_rows;
    }
    int64_t n = self->end - self->at;
    if (n > op->context->batch_rows)
        n = op->context->batch_rows;
    MR_TRY(mr_batch_create(op->context->batch_budget, &self->held, err));
    MrBatch *batch = self->held;
    mr_batch_set_cols(batch, 1);
    batch->cols[0] = mr_vector_create(&batch->arena, MR_T(BIGINT), n);
    int64_t *values = batch->cols[0]->i64;
    uint64_t first =
        (uint64_t)op->phys->range.start + (uint64_t)self->at * (uint64_t)op->phys->range.step;
    for (int64_t r = 0; r < n; r++)
        values[r] = (int64_t)(first + (uint64_t)r * (uint64_t)op->phys->range.step);
    batch->n_rows = batch->n_sel = (int32_t)n;
    self->at += n;
    *out = mr_batch_take(&self->held);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

const MrOpType mr__op_range = {
    .name = "Range",
    .size_bytes = sizeof(Range),
    .shared_bytes = sizeof(RangeShared),
    .shared_open = range_shared_open,
    .start = range_start,
    .close = range_close,
    .pull = range_pull,
};
