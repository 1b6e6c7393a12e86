/* op_filter.c - keeps the rows for which a condition is true.
 *
 * Computes:  the input rows where the condition is true, neither false nor NULL.
 * Changes:   passes weights on.
 * Memory:    one batch; only the selection gets shorter.
 * Blocking:  no.
 * Snapshot:  none. */
#include "exec/exec_int.h"

typedef struct Filter {
    MrOp op;
    MrProgram *program;
    MrBatch *held;
} Filter;

static MrStatus filter_open(MrOp *op, MrError *err)
{
    return mr_program_create(op->context->budget, &op->phys->filter.condition, 1,
                             &((Filter *)op)->program, err);
}

static void filter_close(MrOp *op)
{
    mr_program_destroy(((Filter *)op)->program);
    mr_batch_destroy(((Filter *)op)->held);
}

static MrStatus filter_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Filter *self = (Filter *)op;
    self->held = batch;
    MR_TRY(mr_program_filter(self->program, op->context->eval, batch, err));
    if (batch->n_sel == 0) {
        mr_batch_destroy(batch);
        self->held = NULL;
    }
    return MR_OK;
}

static MrStatus filter_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    *out = mr_batch_take(&((Filter *)op)->held);
    *step = *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

const MrOpType mr__op_filter = {
    .name = "Filter",
    .size_bytes = sizeof(Filter),
    .n_inputs = 1,
    .open = filter_open,
    .close = filter_close,
    .push = filter_push,
    .pull = filter_pull,
};
