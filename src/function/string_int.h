/* string_int.h - what the files of string functions share: arguments as text, results, characters.
 */
#ifndef MR_FUNCTION_STRING_INT_H
#define MR_FUNCTION_STRING_INT_H

#include "function/function_int.h"

/* A longer string raises rather than wrap its 32-bit length. */
#define MR__TEXT_MAX INT64_C(0x7fffffe0)

/* Polls before a long one: many such rows may be in a batch. */
static inline MrText mr__arg_str(const MrCall *call, int32_t arg_idx, int32_t row)
{
    MrText text = mr_str_text(&MR_ARG(call->args[arg_idx], str, row));
    mr_poll_bytes(text.size_bytes);
    return text;
}
/* The bytes must outlive the batch: an argument's, the arena's or static ones. */
static inline void mr__put_str(MrCall *call, int32_t row, const char *data, int64_t size_bytes)
{
    call->out->str[row] = mr_str_borrow(data, size_bytes);
}
static inline void mr__put_text(MrCall *call, int32_t row, MrText text)
{
    call->out->str[row] = mr_str_borrow(text.data, text.size_bytes);
}
/* The builder's text so far; the builder begins anew (its bytes stay in the arena). */
static inline void mr__put_built(MrCall *call, int32_t row, MrTextBuilder *builder)
{
    call->out->str[row] = mr_str_borrow(builder->data ? builder->data : "", builder->size_bytes);
    *builder = (MrTextBuilder){.arena = builder->arena};
}
/* Bytes that the character at data takes; size_bytes > 0. */
static inline int32_t mr__char_bytes(const char *data, int64_t size_bytes)
{
    int32_t n = 1;
    if ((signed char)*data < 0)
        (void)mr_utf8_next(data, size_bytes, &n);
    return n;
}
/* Byte offset of the n-th character (from 0), or the size when there are fewer. */
int64_t mr__char_offset(MrText text, int64_t n_chars);
/* memcmp that polls where it is long. */
int mr__bytes_compare(const char *a, const char *b, int64_t size_bytes);
/* Byte offset of the first place at or after from, or -1. */
int64_t mr__text_find(MrText text, MrText what, int64_t from);
/* Fails when a string of size_bytes would be too long. */
MR_MUST_USE MrStatus mr__text_check(const MrCall *call, int64_t size_bytes, MrError *err);
/* In capitals, in small letters; the result may be the text itself. */
MrText mr__text_upper(MrArena *arena, MrText text);
MrText mr__text_lower(MrArena *arena, MrText text);

#endif
