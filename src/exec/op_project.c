/* op_project.c - computes columns.
 *
 * Computes:  one output column per expression.
 * Changes:   passes weights on.
 * Memory:    one batch.
 * Blocking:  no.
 * Snapshot:  none. */
#include "exec/exec_int.h"

typedef struct Project {
    MrOp op;
    MrArena arena;
    MrEvaluator exprs;
    MrBatch *held;
} Project;

static MrStatus project_open(MrOp *op, MrError *err)
{
    Project *self = (Project *)op;
    mr_arena_init(&self->arena, op->context->budget);
    return mr__evaluator_open(&self->exprs, op->context, &self->arena, op->phys->project.exprs,
                              op->phys->schema.n_cols, err);
}

static void project_close(MrOp *op)
{
    Project *self = (Project *)op;
    mr__evaluator_close(&self->exprs);
    mr_batch_destroy(self->held);
    mr_arena_deinit(&self->arena);
}

static MrStatus project_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Project *self = (Project *)op;
    self->held = batch;
    MR_TRY(mr__evaluator_run(&self->exprs, op->context, batch, err));
    mr_batch_set_cols(batch, self->exprs.n_exprs);
    for (int32_t c = 0; c < self->exprs.n_exprs; c++)
        batch->cols[c] = self->exprs.out[c];
    return MR_OK;
}

static MrStatus project_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    *out = mr_batch_take(&((Project *)op)->held);
    *step = *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

const MrOpType mr__op_project = {
    .name = "Project",
    .size_bytes = sizeof(Project),
    .n_inputs = 1,
    .open = project_open,
    .close = project_close,
    .push = project_push,
    .pull = project_pull,
};
