/* char_store.c - a text as char(n) or varchar(n) keeps it: not longer than n, char filled up with
 * blanks.  Blanks at the end that are too many are cut.
 * Source: Spark's CharVarcharCodegenUtils, the write side. */
#include "function/function.h"

static MrStatus char_store_call(MrCall *call, MrError *err)
{
    const MrType *type = call->bound->type;
    for (MR_EACH(call, i, row)) {
        MrStr str = MR_ARG(call->args[0], str, row);
        MrText text = mr_str_text(&str);
        int64_t n = mr_utf8_length(text.data, text.size_bytes);
        if (n < type->length && type->is_char) {
            int64_t n_pad = type->length - n;
            char *padded = mr_arena_alloc(call->arena, text.size_bytes + n_pad);
            memcpy(padded, text.data, (size_t)text.size_bytes);
            memset(padded + text.size_bytes, ' ', (size_t)n_pad);
            text = (MrText){padded, text.size_bytes + n_pad};
            call->out->str[row] = mr_str_borrow(text.data, text.size_bytes);
            continue;
        }
        for (; n > type->length && text.data[text.size_bytes - 1] == ' '; n--)
            text.size_bytes--;
        if (n > type->length)
            return MR_FAIL(err, MR_COND_EXCEED_LIMIT_LENGTH, "limit",
                           mr_arena_printf(call->arena, "%d", type->length));
        call->out->str[row] = mr_str_own(call->arena, text.data, text.size_bytes);
    }
    return MR_OK;
}

static const MrFunctionDef char_store = {
    .name = "char_store",
    .signature = "string -> bind",
    .flags = MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL,
    .call = char_store_call,
    .doc = "The text as its column keeps it.",
};

MrBound *mr_char_store_bind(MrArena *arena, const MrType *to)
{
    MrBound *bound = MR_NEW(arena, MrBound);
    *bound = (MrBound){
        .def = &char_store, .call = char_store.call, .type = to, .flags = char_store.flags};
    return bound;
}
