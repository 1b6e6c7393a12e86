/* op_limit.c - some rows after some others.
 *
 * Computes:  the input rows from offset on, limit of them at most, in the order in which they come.
 * Changes:   inserts only; a limit over changes is recomputed.
 * Memory:    one batch.
 * Blocking:  no.  All workers count with one counter; who finds it spent wants no more input.
 * Snapshot:  none; in a stream a limit is a RECOMPUTE. */
#include "exec/exec_int.h"

typedef struct LimitShared {
    _Atomic int64_t n_seen;
} LimitShared;

typedef struct Limit {
    MrOp op;
    MrBatch *held;
} Limit;

static MrStatus limit_open(MrOp *op, MrError *err)
{
    op->sated = op->phys->limit.limit == 0;
    return MR_OK;
}

static void limit_close(MrOp *op)
{
    mr_batch_destroy(((Limit *)op)->held);
}

static MrStatus limit_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Limit *self = (Limit *)op;
    LimitShared *shared = op->shared;
    int64_t offset = op->phys->limit.offset, limit = op->phys->limit.limit;
    int64_t end = limit > INT64_MAX - offset ? INT64_MAX : offset + limit;
    self->held = batch;
    int64_t first = atomic_fetch_add_explicit(&shared->n_seen, batch->n_sel, memory_order_relaxed);
    int64_t from = offset > first ? offset - first : 0, to = end - first;
    if (to > batch->n_sel)
        to = batch->n_sel;
    if (end - first <= batch->n_sel)
        op->sated = true;
    if (from >= to) {
        mr_batch_destroy(batch);
        self->held = NULL;
        return MR_OK;
    }
    if (from > 0 || to < batch->n_sel) {
        uint16_t *sel = mr_arena_alloc(&batch->arena, (to - from) * (int64_t)sizeof(uint16_t));
        for (int64_t i = from; i < to; i++)
            sel[i - from] = (uint16_t)mr_batch_row(batch, (int32_t)i);
        batch->sel = sel;
        batch->n_sel = (int32_t)(to - from);
    }
    return MR_OK;
}

static MrStatus limit_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    *out = mr_batch_take(&((Limit *)op)->held);
    *step = *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

const MrOpType mr__op_limit = {
    .name = "Limit",
    .size_bytes = sizeof(Limit),
    .shared_bytes = sizeof(LimitShared),
    .n_inputs = 1,
    .open = limit_open,
    .close = limit_close,
    .push = limit_push,
    .pull = limit_pull,
};
