/* string_search.c - finding strings in strings, single characters, distances. */
#include "function/string_int.h"

#include "column/collation.h"
#include <unicode/uchar.h>

/* An argument as the collation of either compares it: UTF8_LCASE in small letters. */
static MrText arg_folded(const MrCall *call, int32_t arg_idx, int32_t row)
{
    MrText text = mr__arg_str(call, arg_idx, row);
    bool fold = call->args[0]->type->collation == MR_COLLATION_LCASE ||
                call->args[1]->type->collation == MR_COLLATION_LCASE;
    return fold ? mr__text_lower(call->arena, text) : text;
}

static MrStatus contains_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i8[row] =
            mr__text_find(arg_folded(call, 0, row), arg_folded(call, 1, row), 0) >= 0;
    return MR_OK;
}

static MrStatus startswith_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = arg_folded(call, 0, row), what = arg_folded(call, 1, row);
        call->out->i8[row] = text.size_bytes >= what.size_bytes &&
                             mr__bytes_compare(text.data, what.data, what.size_bytes) == 0;
    }
    return MR_OK;
}

static MrStatus endswith_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = arg_folded(call, 0, row), what = arg_folded(call, 1, row);
        call->out->i8[row] = text.size_bytes >= what.size_bytes &&
                             mr__bytes_compare(text.data + text.size_bytes - what.size_bytes,
                                               what.data, what.size_bytes) == 0;
    }
    return MR_OK;
}

/* Characters before the first place from the start-th character (from 0) on, or -1. */
static int32_t char_index(MrText text, MrText what, int64_t start)
{
    if (what.size_bytes == 0)
        return 0;
    int64_t from = mr__char_offset(text, start);
    int64_t at = mr__text_find(text, what, from);
    return at < 0 ? -1 : (int32_t)mr_utf8_length(text.data, at);
}

static MrStatus instr_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i32[row] =
            char_index(mr__arg_str(call, 0, row), mr__arg_str(call, 1, row), 0) + 1;
    return MR_OK;
}

/* A NULL start gives 0, whatever the strings. */
static MrStatus locate_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (call->n_args > 2 && mr_arg_null(call->args[2], row)) {
            call->out->i32[row] = 0;
            continue;
        }
        if (mr_arg_null(call->args[0], row) || mr_arg_null(call->args[1], row)) {
            mr_call_null(call, row);
            continue;
        }
        int32_t start = call->n_args > 2 ? MR_ARG(call->args[2], i32, row) : 1;
        call->out->i32[row] =
            start < 1
                ? 0
                : char_index(mr__arg_str(call, 1, row), mr__arg_str(call, 0, row), start - 1) + 1;
    }
    return MR_OK;
}

static MrStatus locate_bind(MrBind *bind, MrError *err)
{
    bind->nullable = bind->args[0].nullable || bind->args[1].nullable;
    return MR_OK;
}

static MrStatus ascii_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        int32_t n = 0, c = text.size_bytes ? mr_utf8_next(text.data, text.size_bytes, &n) : 0;
        call->out->i32[row] = c < 0 ? 0xfffd : c;
    }
    return MR_OK;
}

static MrStatus chr_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t c = MR_ARG(call->args[0], i64, row);
        char text[4];
        mr__put_str(call, row, text, c < 0 ? 0 : mr_utf8_put((int32_t)(c & 0xff), text));
    }
    return MR_OK;
}

/* --- splitting -------------------------------------------------------------------------------- */

/* The n-th part (from 1; negative from the end) between delimiters; empty when there is none. */
static MrStatus split_part_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), delimiter = mr__arg_str(call, 1, row);
        int64_t want = MR_ARG(call->args[2], i32, row);
        if (want == 0)
            return MR_FAIL(err, MR_COND_INVALID_INDEX_OF_ZERO);
        int64_t n_parts = 1, at = 0;
        if (delimiter.size_bytes)
            for (int64_t found; (found = mr__text_find(text, delimiter, at)) >= 0;
                 at = found + delimiter.size_bytes)
                mr_poll_item(n_parts++);
        if (want < 0)
            want = n_parts + want + 1;
        MrText part = {"", 0};
        if (want >= 1 && want <= n_parts) {
            at = 0;
            for (int64_t k = 1; k < want; mr_poll_item(k++))
                at = mr__text_find(text, delimiter, at) + delimiter.size_bytes;
            int64_t end = delimiter.size_bytes ? mr__text_find(text, delimiter, at) : -1;
            part = (MrText){text.data + at, (end < 0 ? text.size_bytes : end) - at};
        }
        mr__put_text(call, row, part);
    }
    return MR_OK;
}

static MrStatus find_in_set_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText what = mr__arg_str(call, 0, row), list = mr__arg_str(call, 1, row);
        int32_t n = 1, found = 0;
        if (!memchr(what.data, ',', (size_t)what.size_bytes)) {
            for (int64_t at = 0;; mr_poll_item(n++)) {
                int64_t end = mr__text_find(list, MR_TEXT(","), at);
                MrText item = {list.data + at, (end < 0 ? list.size_bytes : end) - at};
                if (mr_text_equal(item, what)) {
                    found = n;
                    break;
                }
                if (end < 0)
                    break;
                at = end + 1;
            }
        }
        call->out->i32[row] = found;
    }
    return MR_OK;
}

static MrStatus elt_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(call->args[0], row)) {
            mr_call_null(call, row);
            continue;
        }
        int32_t n = MR_ARG(call->args[0], i32, row);
        if (n < 1 || n >= call->n_args) {
            if (call->context->settings->ansi)
                return MR_FAIL(err, MR_COND_INVALID_ARRAY_INDEX, "indexValue",
                               mr_arena_printf(call->arena, "%d", n), "arraySize",
                               mr_arena_printf(call->arena, "%d", call->n_args - 1), "ansiConfig",
                               "\"spark.sql.ansi.enabled\"");
            mr_call_null(call, row);
        } else if (mr_arg_null(call->args[n], row)) {
            mr_call_null(call, row);
        } else {
            mr__put_text(call, row, mr__arg_str(call, n, row));
        }
    }
    return MR_OK;
}

static MrStatus elt_bind(MrBind *bind, MrError *err)
{
    bind->nullable = true;
    if (bind->n_args < 2)
        return mr__fail_num_args(bind, "elt", "> 1", err);
    return MR_OK;
}

/* --- distance and sound ----------------------------------------------------------------------- */

static int32_t *chars_of(MrArena *arena, MrText text, int32_t *n_chars)
{
    int32_t *chars = MR_NEW_N(arena, int32_t, text.size_bytes + 1);
    *n_chars = 0;
    for (int64_t at = 0; at < text.size_bytes;) {
        int32_t n = 1, c = mr_utf8_next(text.data + at, text.size_bytes - at, &n);
        mr_poll_item(*n_chars);
        chars[(*n_chars)++] = c < 0 ? -1 - (uint8_t)text.data[at] : c;
        at += n;
    }
    return chars;
}

static MrStatus levenshtein_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int32_t n_a = 0, n_b = 0;
        const int32_t *a = chars_of(call->arena, mr__arg_str(call, 0, row), &n_a);
        const int32_t *b = chars_of(call->arena, mr__arg_str(call, 1, row), &n_b);
        int32_t limit = call->n_args > 2 ? MR_ARG(call->args[2], i32, row) : INT32_MAX;
        int32_t *costs = MR_NEW_N(call->arena, int32_t, n_b + 1);
        for (int32_t k = 0; k <= n_b; k++)
            costs[k] = k;
        for (int32_t j = 1; j <= n_a; j++) {
            int32_t diagonal = costs[0];
            costs[0] = j;
            mr_poll();
            for (int32_t k = 1; k <= n_b; k++) {
                int32_t above = costs[k], best = diagonal + (a[j - 1] != b[k - 1]);
                best = above + 1 < best ? above + 1 : best;
                best = costs[k - 1] + 1 < best ? costs[k - 1] + 1 : best;
                diagonal = above;
                costs[k] = best;
            }
        }
        call->out->i32[row] =
            call->n_args > 2 && (costs[n_b] > limit || limit < 0) ? -1 : costs[n_b];
    }
    return MR_OK;
}

/* Unchanged when it does not begin with a letter. */
static MrStatus soundex_call(MrCall *call, MrError *err)
{
    static const char codes[] = "01230127022455012623017202"; /* 7: no letter of its own (H, W) */
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        char out[4] = "0000";
        char first = text.size_bytes ? text.data[0] : '\0';
        if (first >= 'a' && first <= 'z')
            first = (char)(first - 32);
        if (first < 'A' || first > 'Z') {
            mr__put_text(call, row, text);
            continue;
        }
        out[0] = first;
        char last = codes[first - 'A'];
        int32_t n = 1;
        for (int64_t k = 1; k < text.size_bytes && n < 4; mr_poll_item(k++)) {
            char c = text.data[k];
            if (c >= 'a' && c <= 'z')
                c = (char)(c - 32);
            if (c < 'A' || c > 'Z') {
                last = '0';
                continue;
            }
            char code = codes[c - 'A'];
            if (code == '7')
                continue;
            if (code != '0' && code != last)
                out[n++] = code;
            last = code;
        }
        mr__put_str(call, row, out, 4);
    }
    return MR_OK;
}

/* --- checks and texts made of texts ----------------------------------------------------------- */

static MrStatus luhn_check_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        int32_t sum = 0;
        bool valid = text.size_bytes > 0, twice = false;
        for (int64_t k = text.size_bytes; k-- > 0 && valid; twice = !twice) {
            mr_poll_item(k);
            int32_t digit = text.data[k] - '0';
            valid = digit >= 0 && digit <= 9;
            digit *= twice ? 2 : 1;
            sum += digit > 9 ? digit - 9 : digit;
            sum %= 10;
        }
        call->out->i8[row] = valid && sum == 0;
    }
    return MR_OK;
}

static MrStatus is_valid_utf8_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        call->out->i8[row] = mr_utf8_valid(text.data, text.size_bytes);
    }
    return MR_OK;
}

/* Each longest part of a character that breaks off becomes one U+FFFD (Unicode 3.9, as Java does).
 */
static MrText utf8_made_valid(MrArena *arena, MrText text)
{
    MrTextBuilder out = {.arena = arena};
    for (int64_t at = 0; at < text.size_bytes;) {
        int32_t n = 1, c = mr_utf8_next(text.data + at, text.size_bytes - at, &n);
        if (c >= 0) {
            mr_builder_put(&out, text.data + at, n);
            at += n;
            continue;
        }
        uint8_t lead = (uint8_t)text.data[at++];
        int32_t more = lead >= 0xc2 && lead <= 0xdf   ? 1
                       : lead >= 0xe0 && lead <= 0xef ? 2
                       : lead >= 0xf0 && lead <= 0xf4 ? 3
                                                      : 0;
        uint8_t low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
        uint8_t high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
        for (; more > 0 && at < text.size_bytes && (uint8_t)text.data[at] >= low &&
               (uint8_t)text.data[at] <= high;
             more--) {
            at++;
            low = 0x80;
            high = 0xbf;
        }
        mr_builder_str(&out, "\xef\xbf\xbd");
    }
    return (MrText){out.data ? out.data : "", out.size_bytes};
}

static MrStatus make_valid_utf8_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        mr__put_text(
            call, row,
            mr_utf8_valid(text.data, text.size_bytes) ? text : utf8_made_valid(call->arena, text));
    }
    return MR_OK;
}

static MrStatus validate_utf8_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        if (!mr_utf8_valid(text.data, text.size_bytes)) {
            MrTextBuilder shown = {.arena = call->arena};
            for (int64_t k = 0; k < text.size_bytes && k < 64; k++)
                mr_builder_printf(&shown, "\\x%02X", (uint8_t)text.data[k]);
            return MR_FAIL(err, MR_COND_INVALID_UTF8_STRING, "str", mr_builder_text(&shown).data);
        }
        mr__put_text(call, row, text);
    }
    return MR_OK;
}

static MrStatus try_validate_utf8_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        if (mr_utf8_valid(text.data, text.size_bytes))
            mr__put_text(call, row, text);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus quote_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        MrTextBuilder out = {.arena = call->arena};
        mr_builder_char(&out, '\'');
        for (int64_t k = 0; k < text.size_bytes; k++) {
            if (text.data[k] == '\'')
                mr_builder_char(&out, '\\');
            mr_builder_char(&out, text.data[k]);
        }
        mr_builder_char(&out, '\'');
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

/* mask(text, upper, lower, digit, other): a NULL replacement keeps the character. */
static MrStatus mask_call(MrCall *call, MrError *err)
{
    static const char *const usual[] = {"X", "x", "n", NULL};
    for (MR_EACH(call, i, row)) {
        MrText text, by[4];
        if (mr_arg_null(call->args[0], row)) {
            mr_call_null(call, row);
            continue;
        }
        for (int32_t k = 0; k < 4; k++) {
            by[k] = usual[k] ? mr_text(usual[k]) : (MrText){NULL, 0};
            if (call->n_args > k + 1)
                by[k] = mr_arg_null(call->args[k + 1], row) ? (MrText){NULL, 0}
                                                            : mr__arg_str(call, k + 1, row);
        }
        text = mr__arg_str(call, 0, row);
        MrTextBuilder out = {.arena = call->arena};
        for (int64_t at = 0; at < text.size_bytes;) {
            int32_t n = mr__char_bytes(text.data + at, text.size_bytes - at);
            int32_t n_char = 1, c = mr_utf8_next(text.data + at, text.size_bytes - at, &n_char);
            int32_t which = c < 0 ? 3 : u_isupper(c) ? 0 : u_islower(c) ? 1 : u_isdigit(c) ? 2 : 3;
            mr_poll_char(at);
            if (by[which].data)
                mr_builder_put(&out, by[which].data, by[which].size_bytes);
            else
                mr_builder_put(&out, text.data + at, n);
            at += n;
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus mask_bind(MrBind *bind, MrError *err)
{
    static const char *const names[] = {"upperChar", "lowerChar", "digitChar", "otherChar"};
    for (int32_t i = 1; i < bind->n_args; i++) {
        const MrArgInfo *arg = &bind->args[i];
        MrText text;
        if (!arg->value)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "inputName",
                           mr_quote_name(bind->arena, names[i - 1]), "inputType",
                           mr__quoted_type(bind->arena, arg->type), "inputExpr",
                           mr__quoted_expr(bind->arena, arg->sql));
        if (mr__arg_text(arg, &text) && mr_utf8_length(text.data, text.size_bytes) != 1)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INPUT_SIZE_NOT_ONE, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "exprName", names[i - 1]);
    }
    bind->nullable = true;
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
const MrFunctionDef mr_functions_string_search[] = {
    {"contains", "string, string -> boolean", STRICT, contains_call, NULL,
     "Does one string stand in the other?", "contains('abc', 'b')"},
    {"contains", "binary!, binary! -> boolean", STRICT, contains_call, NULL,
     "Do the bytes stand in the others?", NULL},
    {"startswith", "string, string -> boolean", STRICT, startswith_call, NULL, "Does it begin so?",
     "startswith('abc', 'ab')"},
    {"startswith", "binary!, binary! -> boolean", STRICT, startswith_call, NULL,
     "Does it begin so?", NULL},
    {"endswith", "string, string -> boolean", STRICT, endswith_call, NULL, "Does it end so?",
     "endswith('abc', 'bc')"},
    {"endswith", "binary!, binary! -> boolean", STRICT, endswith_call, NULL, "Does it end so?",
     NULL},
    {"instr", "string, string -> int", STRICT, instr_call, NULL,
     "Place of the second in the first, from 1; 0: none.", "instr('abc', 'c') = 3"},
    {"locate", "string, string, int? -> int", 0, locate_call, locate_bind,
     "Place of the first in the second, from a position on; 0: none.",
     "locate('b', 'abab', 3) = 4"},
    {"position", "string, string, int? -> int", 0, locate_call, locate_bind,
     "Place of the first in the second, from a position on; 0: none.", "position('b', 'abab') = 2"},
    {"charindex", "string, string, int? -> int", 0, locate_call, locate_bind,
     "Place of the first in the second, from a position on; 0: none.",
     "charindex('b', 'abab') = 2"},
    {"ascii", "string -> int", STRICT, ascii_call, NULL, "Code of the first character.",
     "ascii('A') = 65"},
    {"chr", "bigint -> string", STRICT, chr_call, NULL, "The character of a code, modulo 256.",
     "chr(65) = 'A'"},
    {"char", "bigint -> string", STRICT, chr_call, NULL, "The character of a code, modulo 256.",
     "char(65) = 'A'"},
    {"split_part", "string, string, int -> string", STRICT | MR_FN_CAN_FAIL, split_part_call, NULL,
     "The n-th part between delimiters.", "split_part('a.b.c', '.', -1) = 'c'"},
    {"find_in_set", "string, string -> int", STRICT, find_in_set_call, NULL,
     "Place in a list with commas; 0: none.", "find_in_set('b', 'a,b') = 2"},
    {"elt", "int, string* -> string", MR_FN_MAY_NULL | MR_FN_CAN_FAIL, elt_call, elt_bind,
     "The n-th of the strings.", "elt(2, 'a', 'b') = 'b'"},
    {"levenshtein", "string, string, int? -> int", STRICT, levenshtein_call, NULL,
     "Number of edits between two strings; -1: more than the limit.",
     "levenshtein('kitten', 'sitting') = 3"},
    {"soundex", "string! -> string", STRICT, soundex_call, NULL, "Soundex code.",
     "soundex('Miller') = 'M460'"},
    {"luhn_check", "string -> boolean", STRICT, luhn_check_call, NULL,
     "Is the last digit right by Luhn's rule?", "luhn_check('8112189876')"},
    {"is_valid_utf8", "string -> boolean", STRICT, is_valid_utf8_call, NULL, "Is it valid UTF-8?",
     "is_valid_utf8('a')"},
    {"make_valid_utf8", "string -> same", STRICT, make_valid_utf8_call, NULL,
     "Broken bytes replaced by U+FFFD.", "make_valid_utf8('a') = 'a'"},
    {"validate_utf8", "string -> same", STRICT | MR_FN_CAN_FAIL, validate_utf8_call, NULL,
     "The string, when it is valid UTF-8.", "validate_utf8('a') = 'a'"},
    {"try_validate_utf8", "string -> same", STRICT | MR_FN_MAY_NULL, try_validate_utf8_call, NULL,
     "The string, or NULL when it is no valid UTF-8.", "try_validate_utf8('a') = 'a'"},
    {"quote", "string -> string", STRICT, quote_call, NULL, "In single quotes, with backslashes.",
     "quote('a') = '\\'a\\''"},
    {"mask", "string!, string!?, string!?, string!?, string!? -> same", 0, mask_call, mask_bind,
     "Letters and digits replaced.", "mask('Ab-1') = 'Xx-n'"},
    {0},
};
