/* op_values.c - rows of expressions that read no column.
 *
 * Computes:  the rows in their order, once per run (a stream sees them in its first epoch).
 * Changes:   inserts.
 * Memory:    the rows.
 * Blocking:  no.  One worker gives them.
 * Snapshot:  none. */
#include "exec/exec_int.h"

typedef struct ValuesShared {
    _Atomic int32_t taken;
} ValuesShared;

typedef struct Values {
    MrOp op;
    bool mine;
    int32_t n_given;
    MrProgram *program;
    MrBatch *held, *given;
    MrArena arena;
    MrVector **values; /* row after row */
} Values;

static MrStatus values_start(void *shared, const MrSplit *splits, int64_t n_splits,
                             int64_t *n_morsels, MrError *err)
{
    *n_morsels = 0;
    return MR_OK;
}

static MrStatus values_open(MrOp *op, MrError *err)
{
    Values *self = (Values *)op;
    mr_arena_init(&self->arena, op->context->budget);
    return MR_OK;
}

static void values_close(MrOp *op)
{
    Values *self = (Values *)op;
    mr_program_destroy(self->program);
    mr_batch_destroy(self->held);
    mr_batch_destroy(self->given);
    mr_arena_deinit(&self->arena);
}

/* All expressions as one program over a batch of one row without columns. */
static MrStatus values_evaluate(Values *self, MrError *err)
{
    const MrPhys *phys = self->op.phys;
    const MrOpContext *context = self->op.context;
    int64_t n_cols = phys->schema.n_cols, n_rows = phys->values.n_rows;
    int32_t n = (int32_t)(n_cols * n_rows);
    MR_TRY(mr_batch_create(context->budget, &self->held, err));
    self->held->n_rows = self->held->n_sel = 1;
    mr_batch_set_cols(self->held, 0);
    if (n <= 0)
        return MR_OK;
    MrExpr **exprs = MR_NEW_N(&self->arena, MrExpr *, n);
    self->values = MR_NEW_N(&self->arena, MrVector *, n);
    for (int32_t r = 0; r < n_rows; r++)
        for (int32_t c = 0; c < n_cols; c++)
            exprs[r * n_cols + c] = phys->values.rows[r][c];
    MR_TRY(mr_program_create(context->budget, exprs, n, &self->program, err));
    return mr_program_eval(self->program, context->eval, self->held, self->values, err);
}

static MrStatus values_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Values *self = (Values *)op;
    ValuesShared *shared = op->shared;
    const MrPhys *phys = op->phys;
    int32_t n_cols = phys->schema.n_cols;
    if (!self->mine)
        self->mine = atomic_fetch_add(&shared->taken, 1) == 0;
    int32_t n = phys->values.n_rows - self->n_given;
    if (!self->mine || n <= 0) {
        *step = MR_STEP_NEED_INPUT;
        return MR_OK;
    }
    if (!self->held)
        MR_TRY(values_evaluate(self, err));
    if (n > op->context->batch_rows)
        n = op->context->batch_rows;
    MR_TRY(mr_batch_create(op->context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    mr_batch_set_cols(batch, n_cols);
    for (int32_t c = 0; c < n_cols; c++) {
        MrVector *vec = mr_vector_create(&batch->arena, phys->schema.cols[c].type, n);
        for (int32_t r = 0; r < n; r++)
            mr_vector_copy_row(&batch->arena, self->values[(self->n_given + r) * n_cols + c], 0,
                               vec, r);
        vec->n_items = n;
        batch->cols[c] = vec;
    }
    batch->n_rows = batch->n_sel = n;
    self->n_given += n;
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

const MrOpType mr__op_values = {
    .name = "Values",
    .size_bytes = sizeof(Values),
    .shared_bytes = sizeof(ValuesShared),
    .start = values_start,
    .open = values_open,
    .close = values_close,
    .pull = values_pull,
};
