/* collate.c - collate(text, name) and collation(text). */
#include "column/collation.h"
#include "function/function_int.h"

static MrStatus collate_bind(MrBind *bind, MrError *err)
{
    MrText name;
    if (!mr__arg_text(&bind->args[1], &name)) {
        if (bind->args[1].value)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_NULL, "exprName",
                           "`collation`", "sqlExpr", mr__quoted_expr(bind->arena, bind->sql));
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "inputName",
                       "`collationName`", "inputType", "\"STRING\"", "inputExpr",
                       mr__quoted_expr(bind->arena, bind->args[1].sql), "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql));
    }
    int32_t collation = mr_collation_find(name);
    if (collation < 0)
        return MR_FAIL(err, MR_COND_COLLATION_INVALID_NAME, "collationName",
                       mr_arena_strn(bind->arena, name.data, name.size_bytes), "proposals",
                       mr_collation_propose(bind->arena, name));
    MrType *type = MR_NEW(bind->arena, MrType);
    *type = *MR_T(STRING);
    type->collation = (uint16_t)collation;
    type->precision = collation == MR_COLLATION_BINARY;
    bind->type = type;
    return MR_OK;
}

/* The same bytes under another type. */
static MrStatus collate_call(MrCall *call, MrError *err)
{
    const MrVector *arg = call->args[0];
    if (arg->encoding == MR_FLAT) {
        call->out->str = arg->str;
        call->out->cap_items = 0;
        return MR_OK;
    }
    for (MR_EACH(call, i, row))
        call->out->str[row] = arg->str[0];
    return MR_OK;
}

static MrStatus collation_bind(MrBind *bind, MrError *err)
{
    char name[MR_COLLATION_NAME_MAX];
    bind->data = mr_arena_printf(bind->arena, "SYSTEM.BUILTIN.%s",
                                 mr_collation_name(bind->args[0].type->collation, name));
    bind->nullable = false;
    return MR_OK;
}

static MrStatus collation_call(MrCall *call, MrError *err)
{
    const char *name = call->bound->data;
    MrStr str = mr_str_own(call->arena, name, (int64_t)strlen(name));
    for (MR_EACH(call, i, row))
        call->out->str[row] = str;
    return MR_OK;
}

const MrFunctionDef mr_functions_collate[] = {
    {"collate", "string!, string! -> bind", MR_FN_NULL_IF_ANY, collate_call, collate_bind,
     "The text with a collation.", "collate('a', 'UTF8_LCASE') = 'A'"},
    {"collation", "string! -> string", MR_FN_NEVER_NULL, collation_call, collation_bind,
     "The name of the collation of a text.", "collation('a') = 'SYSTEM.BUILTIN.UTF8_BINARY'"},
    {0},
};
