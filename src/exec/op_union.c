/* op_union.c - the rows of all inputs.
 *
 * Computes:  every row of every input; columns are matched by place.
 * Changes:   passes weights on.
 * Memory:    one batch.
 * Blocking:  no.
 * Snapshot:  none. */
#include "exec/exec_int.h"

typedef struct Union {
    MrOp op;
    MrBatch *held;
} Union;

static void union_close(MrOp *op)
{
    mr_batch_destroy(((Union *)op)->held);
}

static MrStatus union_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    ((Union *)op)->held = batch;
    return MR_OK;
}

static MrStatus union_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    *out = mr_batch_take(&((Union *)op)->held);
    *step = *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

const MrOpType mr__op_union = {
    .name = "Union",
    .size_bytes = sizeof(Union),
    .n_inputs = -1,
    .close = union_close,
    .push = union_push,
    .pull = union_pull,
};
