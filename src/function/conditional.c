/* conditional.c - functions that choose among their arguments.
 *
 * COALESCE, CASE and IF are expressions of their own (expr.h); nvl and ifnull the binder may turn into
 * COALESCE.  Here all arguments have been evaluated already. */
#include "function/arithmetic_int.h"

static void pick(MrCall *call, int32_t row, const MrVector *vec)
{
    if (mr_arg_null(vec, row))
        mr_call_null(call, row);
    else
        mr_vector_copy_row(call->arena, vec, mr_arg_row(vec, row), call->out, row);
}

static MrStatus nvl_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        pick(call, row, mr_arg_null(call->args[0], row) ? call->args[1] : call->args[0]);
    return MR_OK;
}

static MrStatus nvl_bind(MrBind *bind, MrError *err)
{
    bind->nullable = (bind->args[0].nullable || bind->args[0].type->kind == MR_TYPE_VOID) &&
                     (bind->args[1].nullable || bind->args[1].type->kind == MR_TYPE_VOID);
    return MR_OK;
}

static MrStatus nvl2_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        pick(call, row, mr_arg_null(call->args[0], row) ? call->args[2] : call->args[1]);
    return MR_OK;
}

static MrStatus nvl2_bind(MrBind *bind, MrError *err)
{
    bind->nullable = bind->args[1].nullable || bind->args[2].nullable ||
                     bind->args[1].type->kind == MR_TYPE_VOID ||
                     bind->args[2].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

/* The first argument unless it equals the second. */
static MrStatus nullif_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        const MrVector *x = call->args[0], *y = call->args[1];
        bool equal = !mr_arg_null(x, row) && !mr_arg_null(y, row) &&
                     mr_vector_row_equal(x, mr_arg_row(x, row), y, mr_arg_row(y, row));
        if (equal)
            mr_call_null(call, row);
        else
            pick(call, row, x);
    }
    return MR_OK;
}

static MrStatus nullif_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].type;
    const MrType *common =
        mr__coerce_compare(bind->arena, bind->settings, type, bind->args[1].type);
    if (!common)
        return mr__fail_diff_types(bind, err);
    bind->nullable = true;
    bind->type = type;
    bind->args[1].cast_to = common;
    if (!mr_type_same_data(common, type) && type->kind != MR_TYPE_VOID) {
        bind->args[0].cast_to = bind->type = common; /* the same value, wider */
    }
    if (type->kind == MR_TYPE_VOID)
        bind->args[0].cast_to = bind->args[1].cast_to = type;
    return MR_OK;
}

static bool is_zero(const MrVector *vec, int32_t row)
{
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_I8:
        return MR_ARG(vec, i8, row) == 0;
    case MR_PHYS_I16:
        return MR_ARG(vec, i16, row) == 0;
    case MR_PHYS_I32:
        return MR_ARG(vec, i32, row) == 0;
    case MR_PHYS_I64:
        return MR_ARG(vec, i64, row) == 0;
    case MR_PHYS_I128:
        return MR_ARG(vec, i128, row) == 0;
    case MR_PHYS_F32:
        return MR_ARG(vec, f32, row) == 0;
    case MR_PHYS_F64:
        return MR_ARG(vec, f64, row) == 0;
    default:
        return false;
    }
}

static MrStatus nullifzero_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (is_zero(call->args[0], row))
            mr_call_null(call, row);
        else
            pick(call, row, call->args[0]);
    }
    return MR_OK;
}

static MrStatus nullifzero_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].type;
    if (type->kind == MR_TYPE_STRING)
        return MR_FAIL_UNSUPPORTED(err, "nullifzero of a string");
    if (!mr_type_is_numeric(type) && type->kind != MR_TYPE_VOID)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__BINARY_OP_DIFF_TYPES, "sqlExpr",
                       mr_arena_printf(bind->arena, "\"(%s = 0)\"", bind->args[0].sql), "left",
                       mr__quoted_type(bind->arena, type), "right", "\"INT\"");
    bind->nullable = true;
    return MR_OK;
}

static MrStatus zeroifnull_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (!mr_arg_null(call->args[0], row))
            pick(call, row, call->args[0]);
        else
            memset((char *)call->out->data +
                       (int64_t)row * mr_physical_bytes(mr_type_physical(call->out->type)),
                   0, (size_t)mr_physical_bytes(mr_type_physical(call->out->type)));
    }
    return MR_OK;
}

static MrStatus zeroifnull_bind(MrBind *bind, MrError *err)
{
    const MrType *common =
        mr_coerce_common(bind->arena, bind->settings, bind->args[0].type, MR_T(INT));
    if (!common)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__DATA_DIFF_TYPES, "sqlExpr",
                       mr_arena_printf(bind->arena, "\"coalesce(%s, 0)\"", bind->args[0].sql),
                       "functionName", "`coalesce`", "dataType",
                       mr_arena_printf(bind->arena, "[%s, \"INT\"]",
                                       mr__quoted_type(bind->arena, bind->args[0].type)));
    bind->args[0].cast_to = bind->type = common;
    bind->nullable = false;
    return MR_OK;
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
    bind->args[0].cast_to = bind->args[1].cast_to = bind->type = floats ? MR_T(FLOAT) : MR_T(DOUBLE);
    return MR_OK;
}

const MrFunctionDef mr_functions_conditional[] = {
    {"nvl", "T, T -> T", 0, nvl_call, nvl_bind, "The second where the first is NULL.",
     "nvl(NULL, 1) = 1"},
    {"ifnull", "T, T -> T", 0, nvl_call, nvl_bind, "The second where the first is NULL.",
     "ifnull(NULL, 1) = 1"},
    {"nvl2", "any, T, T -> T", 0, nvl2_call, nvl2_bind,
     "The second where the first is not NULL, else the third.", "nvl2(NULL, 1, 2) = 2"},
    {"nullif", "any, any -> bind", 0, nullif_call, nullif_bind,
     "The first, or NULL where it equals the second.", "nullif(2, 2) IS NULL"},
    {"nullifzero", "any -> same", MR_FN_NULL_IF_ANY | MR_FN_MAY_NULL, nullifzero_call,
     nullifzero_bind, "NULL where the value is zero.", "nullifzero(0) IS NULL"},
    {"zeroifnull", "any -> bind", 0, zeroifnull_call, zeroifnull_bind,
     "Zero where the value is NULL.", "zeroifnull(NULL) = 0"},
    {"nanvl", "double|float, double|float -> bind", 0, nanvl_call, nanvl_bind,
     "The second where the first is not a number.", "nanvl(double('NaN'), 1.0D) = 1.0D"},
    {0},
};
