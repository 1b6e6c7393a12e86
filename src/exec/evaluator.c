/* evaluator.c - several expressions of an operator, evaluated together. */
#include "exec/exec_int.h"

MrStatus mr__evaluator_open(MrEvaluator *evaluator, const MrOpContext *context, MrArena *arena,
                            MrExpr *const *exprs, int32_t n_exprs, MrError *err)
{
    *evaluator = (MrEvaluator){.n_exprs = n_exprs};
    evaluator->out = MR_NEW_N(arena, MrVector *, n_exprs + 1);
    if (n_exprs == 0)
        return MR_OK;
    return mr_program_create(context->budget, exprs, n_exprs, &evaluator->program, err);
}

void mr__evaluator_close(MrEvaluator *evaluator)
{
    mr_program_destroy(evaluator->program);
    evaluator->program = NULL;
}

MrStatus mr__evaluator_run(MrEvaluator *evaluator, const MrOpContext *context, MrBatch *batch,
                           MrError *err)
{
    if (!evaluator->program)
        return MR_OK;
    return mr_program_eval(evaluator->program, context->eval, batch, evaluator->out, err);
}

MrStatus mr__evaluator_run_flat(MrEvaluator *evaluator, const MrOpContext *context, MrBatch *batch,
                                MrError *err)
{
    MR_TRY(mr__evaluator_run(evaluator, context, batch, err));
    for (int32_t e = 0; e < evaluator->n_exprs; e++)
        if (evaluator->out[e]->encoding == MR_DICTIONARY)
            evaluator->out[e] = mr_vector_flatten(&batch->arena, evaluator->out[e], batch->sel,
                                                  batch->n_sel, batch->n_rows);
    return MR_OK;
}
