/* json_text.c - to_json.  What reads JSON texts stands in format/: json_function.c, json_path.c. */
#include "function/string_int.h"

static MrStatus to_json_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrTextBuilder out = {.arena = call->arena};
        mr_value_text(call->args[0], mr_arg_row(call->args[0], row), MR_TEXT_JSON,
                      call->context->settings, &out);
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus to_json_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].type;
    if (bind->n_args > 1)
        return MR_FAIL_UNSUPPORTED(err, "options of to_json");
    if (!mr_type_is_nested(type) && type->kind != MR_TYPE_VOID)
        return mr__fail_input_type(bind, 0, "(\"STRUCT\" or \"ARRAY\" or \"MAP\" or \"VARIANT\")",
                                   err);
    return MR_OK;
}

const MrFunctionDef mr_functions_json_text[] = {
    {"to_json", "any, map<string, string>? -> string", MR_FN_NULL_IF_ANY, to_json_call,
     to_json_bind, "As JSON.", "to_json(named_struct('a', 1)) = '{\"a\":1}'"},
    {0},
};
