/* conditional.c - nanvl.
 *
 * COALESCE, CASE and IF are expressions of their own (expr.h), and the binder turns nvl, nvl2,
 * nullif and their kin into them, so that no argument is evaluated in vain. */
#include "function/function_int.h"

static void pick(MrCall *call, int32_t row, const MrVector *vec)
{
    if (mr_arg_null(vec, row))
        mr_call_null(call, row);
    else
        mr_vector_copy_row(call->arena, vec, mr_arg_row(vec, row), call->out, row);
}

/* The second where the first is not a number. */
static MrStatus nanvl_call(MrCall *call, MrError *err)
{
    const MrVector *x = call->args[0];
    for (MR_EACH(call, i, row)) {
        bool nan = !mr_arg_null(x, row) &&
                   (x->type->kind == MR_TYPE_FLOAT ? MR_ARG(x, f32, row) != MR_ARG(x, f32, row)
                                                   : MR_ARG(x, f64, row) != MR_ARG(x, f64, row));
        pick(call, row, nan ? call->args[1] : x);
    }
    return MR_OK;
}

static MrStatus nanvl_bind(MrBind *bind, MrError *err)
{
    bool floats = bind->args[0].cast_to->kind == MR_TYPE_FLOAT &&
                  bind->args[1].cast_to->kind == MR_TYPE_FLOAT;
    bind->args[0].cast_to = bind->args[1].cast_to = bind->type =
        floats ? MR_T(FLOAT) : MR_T(DOUBLE);
    return MR_OK;
}

const MrFunctionDef mr_functions_conditional[] = {
    {"nanvl", "double|float, double|float -> bind", 0, nanvl_call, nanvl_bind,
     "The second where the first is not a number.", "nanvl(double('NaN'), 1.0D) = 1.0D"},
    {0},
};
