/* window.c - window functions that are no aggregates: their names, argument casts and result types.
 *
 * The operator computes them from places in a partition; see exec. */
#include "function/function_int.h"

const MrWindowDef mr_window_functions[] = {
    {"row_number", MR_WINDOW_ROW_NUMBER, "-> int", "Number of the row in its partition, from 1.",
     "row_number() OVER (ORDER BY 1) = 1"},
    {"rank", MR_WINDOW_RANK, "any* -> int",
     "Number of rows before, plus one; equal rows rank alike.", "rank() OVER (ORDER BY 1) = 1"},
    {"dense_rank", MR_WINDOW_DENSE_RANK, "any* -> int", "As rank, without gaps.",
     "dense_rank() OVER (ORDER BY 1) = 1"},
    {"percent_rank", MR_WINDOW_PERCENT_RANK, "any* -> double",
     "(rank - 1) / (rows in the partition - 1).", "percent_rank() OVER (ORDER BY 1) = 0.0"},
    {"cume_dist", MR_WINDOW_CUME_DIST, "-> double",
     "Share of rows up to and with the row's equals.", "cume_dist() OVER (ORDER BY 1) = 1.0"},
    {"ntile", MR_WINDOW_NTILE, "int? -> int", "Cuts the partition into n equal parts.",
     "ntile(1) OVER (ORDER BY 1) = 1"},
    {"lag", MR_WINDOW_LAG, "any, int?, any? -> same", "Value of an earlier row.",
     "lag(1) OVER (ORDER BY 1) IS NULL"},
    {"lead", MR_WINDOW_LEAD, "any, int?, any? -> same", "Value of a later row.",
     "lead(1) OVER (ORDER BY 1) IS NULL"},
    {"first_value", MR_WINDOW_FIRST_VALUE, "any, boolean? -> same",
     "Value of the frame's first row.", "first_value(1) OVER (ORDER BY 1) = 1"},
    {"last_value", MR_WINDOW_LAST_VALUE, "any, boolean? -> same", "Value of the frame's last row.",
     "last_value(1) OVER (ORDER BY 1) = 1"},
    {"nth_value", MR_WINDOW_NTH_VALUE, "any, int, boolean? -> same",
     "Value of the frame's n-th row.", "nth_value(1, 1) OVER (ORDER BY 1) = 1"},
    {0},
};

static MrStatus fail_foldable(MrBind *bind, int32_t arg_idx, const char *name, MrError *err)
{
    const MrArgInfo *arg = &bind->args[arg_idx];
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "inputName",
                   mr_quote_name(bind->arena, name), "inputType",
                   mr__quoted_type(bind->arena, arg->cast_to), "inputExpr",
                   mr__quoted_expr(bind->arena, arg->sql));
}

MrStatus mr_window_bind(MrBind *bind, const MrWindowDef *def, MrError *err)
{
    int32_t chosen = 0;
    for (int32_t i = 0; i < bind->n_args; i++)
        bind->args[i].cast_to = bind->args[i].type;
    MR_TRY(
        mr__signature_choose(bind, &(MrSignatureSet){def->name, 1, &def->signature}, &chosen, err));
    bind->nullable = false;
    switch (def->kind) {
    case MR_WINDOW_NTILE:
        if (bind->n_args > 0) {
            int64_t n = 0;
            if (!bind->args[0].value)
                return fail_foldable(bind, 0, "buckets", err);
            if (mr__arg_i64(&bind->args[0], &n) && n <= 0)
                return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                               mr__quoted_expr(bind->arena, bind->sql), "exprName", "`buckets`",
                               "valueRange", "(0, 2147483647]", "currentValue",
                               mr_arena_printf(bind->arena, "%lld", (long long)n));
        }
        break;
    case MR_WINDOW_LAG:
    case MR_WINDOW_LEAD:
        bind->nullable = true;
        if (bind->n_args > 1 && !bind->args[1].value)
            return fail_foldable(bind, 1, "offset", err);
        if (bind->n_args == 3) {
            /* Lag's default takes part in no widening: it is cast to the value's type. */
            const MrType *type = bind->args[0].type, *other = bind->args[2].type;
            if (other->kind != MR_TYPE_VOID && !mr_type_same_data(type, other)) {
                const MrType *common = mr_coerce_common(bind->arena, bind->settings, type, other);
                if (!common)
                    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_INPUT_TYPE, "sqlExpr",
                                   mr__quoted_expr(bind->arena, bind->sql), "paramIndex", "third",
                                   "requiredType", mr__quoted_type(bind->arena, type), "inputSql",
                                   mr__quoted_expr(bind->arena, bind->args[2].sql), "inputType",
                                   mr__quoted_type(bind->arena, other));
                type = common;
            }
            bind->args[0].cast_to = bind->args[2].cast_to = bind->type = type;
            bind->nullable =
                bind->args[0].nullable || bind->args[2].nullable || other->kind == MR_TYPE_VOID;
        }
        break;
    case MR_WINDOW_NTH_VALUE: {
        int64_t n = 0;
        bind->nullable = true;
        if (!bind->args[1].value)
            return fail_foldable(bind, 1, "offset", err);
        if (mr__arg_i64(&bind->args[1], &n) && n <= 0)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "exprName", "offset",
                           "valueRange", "(0, 9223372036854775807]", "currentValue",
                           mr_arena_printf(bind->arena, "%lldL", (long long)n));
        break;
    }
    case MR_WINDOW_FIRST_VALUE:
    case MR_WINDOW_LAST_VALUE:
        bind->nullable = true;
        break;
    default:
        break;
    }
    return MR_OK;
}
