/* op_expand.c - several projections of each row: grouping sets.
 *
 * Computes:  for each batch the first projection of its rows, then the second, ...
 * Changes:   passes weights on.
 * Memory:    one batch.
 * Blocking:  no.
 * Snapshot:  none. */
#include "exec/exec_int.h"

typedef struct Expand {
    MrOp op;
    MrArena arena;
    MrEvaluator *projections;
    MrHeldBatch *held;
    MrBatch *given;
    int32_t next;
} Expand;

static MrStatus expand_open(MrOp *op, MrError *err)
{
    Expand *self = (Expand *)op;
    mr_arena_init(&self->arena, op->context->budget);
    self->projections = MR_NEW_N(&self->arena, MrEvaluator, op->phys->expand.n_projections + 1);
    for (int32_t p = 0; p < op->phys->expand.n_projections; p++)
        MR_TRY(mr__evaluator_open(&self->projections[p], op->context, &self->arena,
                                  op->phys->expand.projections[p], op->phys->schema.n_cols, err));
    return MR_OK;
}

static void expand_close(MrOp *op)
{
    Expand *self = (Expand *)op;
    for (int32_t p = 0; self->projections && p < op->phys->expand.n_projections; p++)
        mr__evaluator_close(&self->projections[p]);
    mr_shared_release(self->held ? &self->held->base : NULL);
    mr_batch_destroy(self->given);
    mr_arena_deinit(&self->arena);
}

static MrStatus expand_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Expand *self = (Expand *)op;
    self->next = 0;
    return mr_held_create(op->context->batch_budget, batch, &self->held, err);
}

static MrStatus expand_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Expand *self = (Expand *)op;
    *step = MR_STEP_NEED_INPUT;
    if (!self->held)
        return MR_OK;
    if (self->next == op->phys->expand.n_projections) {
        mr_shared_release(&self->held->base);
        self->held = NULL;
        return MR_OK;
    }
    MrEvaluator *projection = &self->projections[self->next++];
    MR_TRY(mr_held_view(self->held, op->context->batch_budget, &self->given, err));
    MR_TRY(mr__evaluator_run(projection, op->context, self->given, err));
    mr_batch_set_cols(self->given, projection->n_exprs);
    for (int32_t c = 0; c < projection->n_exprs; c++)
        self->given->cols[c] = projection->out[c];
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

const MrOpType mr__op_expand = {
    .name = "Expand",
    .size_bytes = sizeof(Expand),
    .n_inputs = 1,
    .open = expand_open,
    .close = expand_close,
    .push = expand_push,
    .pull = expand_pull,
};
