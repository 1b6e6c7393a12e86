/* string_basic.c - length, case, parts, padding and joining of strings.
 *
 * Strings are UTF-8 that may be broken: each broken byte counts as a character.  Results share the
 * bytes of arguments where they can. */
#include "function/string_int.h"
#include <unicode/uchar.h>
#include <unicode/ucasemap.h>

static bool text_is_ascii(MrText text)
{
    int64_t i = 0;
    uint64_t high = 0, word;
    while (i + 8 <= text.size_bytes) {
        int64_t end = mr_poll_piece(i, text.size_bytes);
        for (; i + 8 <= end; i += 8) {
            memcpy(&word, text.data + i, 8);
            high |= word;
        }
    }
    for (; i < text.size_bytes; i++)
        high |= (uint64_t)(uint8_t)text.data[i] << 56 | ((uint8_t)text.data[i] & 0x80);
    return (high & UINT64_C(0x8080808080808080)) == 0;
}

int64_t mr__char_offset(MrText text, int64_t n_chars)
{
    int64_t at = 0;
    while (n_chars > 0 && at < text.size_bytes) {
        int64_t end = mr_poll_piece(at, text.size_bytes);
        for (; n_chars > 0 && at < end; n_chars--)
            at += mr__char_bytes(text.data + at, text.size_bytes - at);
    }
    return at;
}

#define FIND_BYTES (INT64_C(4) << 20) /* looked through in one go */

int64_t mr__text_find(MrText text, MrText what, int64_t from)
{
    if (from < 0)
        from = 0;
    if (what.size_bytes == 0)
        return from <= text.size_bytes ? from : -1;
    if (text.size_bytes - from < what.size_bytes)
        return -1;
    if (text.size_bytes <= FIND_BYTES) {
        const char *at = memmem(text.data + from, (size_t)(text.size_bytes - from), what.data,
                                (size_t)what.size_bytes);
        return at ? at - text.data : -1;
    }
    for (;; from += FIND_BYTES) { /* pieces overlap by what a place may reach over */
        int64_t left = text.size_bytes - from;
        bool is_last = left - FIND_BYTES < what.size_bytes;
        int64_t size = is_last ? left : FIND_BYTES + what.size_bytes - 1;
        const char *at = memmem(text.data + from, (size_t)size, what.data, (size_t)what.size_bytes);
        if (at || is_last)
            return at ? at - text.data : -1;
        mr_poll();
    }
}

int mr__bytes_compare(const char *a, const char *b, int64_t size_bytes)
{
    int order = 0;
    for (int64_t at = 0; order == 0 && at < size_bytes; at += FIND_BYTES) {
        int64_t left = size_bytes - at;
        mr_poll_bytes(left);
        order = memcmp(a + at, b + at, (size_t)(left < FIND_BYTES ? left : FIND_BYTES));
    }
    return order;
}

MrStatus mr__text_check(const MrCall *call, int64_t size_bytes, MrError *err)
{
    if (size_bytes <= MR__TEXT_MAX)
        return MR_OK;
    const char *name = call->bound->def ? call->bound->def->name : "cast";
    char count[24], max[24];
    count[mr_i64_to_text(size_bytes, count)] = '\0';
    max[mr_i64_to_text(MR__TEXT_MAX, max)] = '\0';
    return MR_FAIL(err, MR_COND_COLLECTION_SIZE_LIMIT_EXCEEDED__FUNCTION, "functionName",
                   mr_quote_name(call->arena, name), "numberOfElements", count,
                   "maxRoundedArrayLength", max);
}

/* Substring with Spark's rules: 1-based, negative from the end, in characters. */
static MrText text_substring(MrText text, int64_t pos, int64_t n_chars)
{
    int64_t start = 0;
    if (pos > 0)
        start = pos - 1;
    else if (pos < 0)
        start = mr_utf8_length(text.data, text.size_bytes) + pos;
    int64_t end = start + n_chars;
    if (start < 0)
        start = 0;
    if (end <= start)
        return (MrText){text.data, 0};
    int64_t from = mr__char_offset(text, start);
    MrText rest = {text.data + from, text.size_bytes - from};
    return (MrText){rest.data, end - start >= rest.size_bytes ? rest.size_bytes
                                                              : mr__char_offset(rest, end - start)};
}

/* --- length ----------------------------------------------------------------------------------- */

static MrStatus char_length_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        call->out->i32[row] = (int32_t)mr_utf8_length(text.data, text.size_bytes);
    }
    return MR_OK;
}

static MrStatus octet_length_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i32[row] = (int32_t)MR_ARG(call->args[0], str, row).size_bytes;
    return MR_OK;
}

static MrStatus bit_length_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i32[row] = (int32_t)(MR_ARG(call->args[0], str, row).size_bytes * 8);
    return MR_OK;
}

/* --- case ------------------------------------------------------------------------------------- */

/* ASCII letters between low and high get the bit 0x20 turned. */
static MrText ascii_turn(MrArena *arena, MrText text, char low, char high)
{
    char *out = mr_arena_alloc(arena, text.size_bytes + 1);
    for (int64_t from = 0, end; from < text.size_bytes; from = end) {
        end = mr_poll_piece(from, text.size_bytes);
        for (int64_t i = from; i < end; i++) {
            char c = text.data[i];
            out[i] = (char)(c ^ (c >= low && c <= high ? 0x20 : 0));
        }
    }
    return (MrText){out, text.size_bytes};
}

typedef int32_t (*CaseMap)(const UCaseMap *, char *, int32_t, const char *, int32_t, UErrorCode *);

static MrText icu_turn_piece(MrArena *arena, MrText text, CaseMap turn)
{
    UErrorCode code = U_ZERO_ERROR;
    UCaseMap *map = ucasemap_open("en", 0, &code);
    if (!U_SUCCESS(code))
        return text;
    int64_t cap =
        text.size_bytes * 3 + 16; /* no character grows more: U+0390 takes 2 bytes, then 6 */
    char *out = cap < INT32_MAX ? mr_arena_try(arena, cap, &(MrError){0}) : NULL;
    int32_t n = out ? turn(map, out, (int32_t)cap, text.data, (int32_t)text.size_bytes, &code) : -1;
    ucasemap_close(map);
    return n >= 0 && n <= cap && U_SUCCESS(code) ? (MrText){out, n} : text;
}

#define TURN_BYTES (INT64_C(1) << 20)

/* Long texts go in pieces that end behind a blank: what a letter becomes depends on its word at
 * most.  A text without blanks is cut between characters, unless it holds a sigma, which looks
 * around itself. */
static MrText icu_turn(MrArena *arena, MrText text, CaseMap turn)
{
    if (text.size_bytes <= TURN_BYTES)
        return icu_turn_piece(arena, text, turn);
    bool has_sigma = mr__text_find(text, MR_TEXT("\xCE\xA3"), 0) >= 0;
    MrTextBuilder out = {.arena = arena};
    for (int64_t from = 0, end; from < text.size_bytes; from = end) {
        end = from + TURN_BYTES < text.size_bytes ? from + TURN_BYTES : text.size_bytes;
        while (end < text.size_bytes &&
               (has_sigma ? text.data[end - 1] != ' ' : ((uint8_t)text.data[end] & 0xc0) == 0x80))
            end++;
        MrText piece = icu_turn_piece(arena, (MrText){text.data + from, end - from}, turn);
        mr_builder_put(&out, piece.data, piece.size_bytes);
    }
    return (MrText){out.data, out.size_bytes};
}

MrText mr__text_upper(MrArena *arena, MrText text)
{
    return text_is_ascii(text) ? ascii_turn(arena, text, 'a', 'z')
                               : icu_turn(arena, text, ucasemap_utf8ToUpper);
}

MrText mr__text_lower(MrArena *arena, MrText text)
{
    return text_is_ascii(text) ? ascii_turn(arena, text, 'A', 'Z')
                               : icu_turn(arena, text, ucasemap_utf8ToLower);
}

static MrStatus upper_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        mr__put_text(call, row, mr__text_upper(call->arena, mr__arg_str(call, 0, row)));
    return MR_OK;
}

static MrStatus lower_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        mr__put_text(call, row, mr__text_lower(call->arena, mr__arg_str(call, 0, row)));
    return MR_OK;
}

/* Words begin at the text and after blanks (U+0020 only). */
static MrStatus initcap_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        char *out = mr_arena_alloc(call->arena, text.size_bytes * 2 + 4);
        int64_t n_out = 0;
        bool begins = true;
        for (int64_t at = 0; at < text.size_bytes;) {
            int64_t end = mr_poll_piece(at, text.size_bytes);
            while (at < end) {
                int32_t n = 1, c = mr_utf8_next(text.data + at, text.size_bytes - at, &n);
                if (c < 0)
                    out[n_out++] = text.data[at];
                else
                    n_out += mr_utf8_put(begins ? u_totitle(c) : u_tolower(c), out + n_out);
                begins = c == ' ';
                at += n;
            }
        }
        mr__put_str(call, row, out, n_out);
    }
    return MR_OK;
}

/* --- joining ---------------------------------------------------------------------------------- */

static MrStatus concat_strings_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t size = 0, at = 0;
        for (int32_t k = 0; k < call->n_args; k++)
            size += MR_ARG(call->args[k], str, row).size_bytes;
        MR_TRY(mr__text_check(call, size, err));
        char *out = mr_arena_alloc(call->arena, size);
        for (int32_t k = 0; k < call->n_args; k++) {
            MrText text = mr__arg_str(call, k, row);
            mr_copy(out + at, text.data, text.size_bytes);
            at += text.size_bytes;
        }
        mr__put_str(call, row, out, size);
    }
    return MR_OK;
}

static MrStatus concat_arrays_call(MrCall *call, MrError *err)
{
    MrVector *out = call->out;
    for (MR_EACH(call, i, row)) {
        int64_t n = 0;
        for (int32_t k = 0; k < call->n_args; k++)
            n += MR_ARG(call->args[k], list, row).count;
        if (n > MR__TEXT_MAX)
            MR_TRY(mr__text_check(call, n, err));
        mr_vector_list_reserve(call->arena, out, n);
        MrVector *items = out->children[0];
        int32_t start = items->n_items;
        for (int32_t k = 0; k < call->n_args; k++) {
            MrSlice slice = MR_ARG(call->args[k], list, row);
            for (int32_t j = 0; j < slice.count; j++) {
                mr_poll_item(j);
                mr_vector_copy_row(call->arena, call->args[k]->children[0], slice.start + j, items,
                                   items->n_items++);
            }
        }
        out->list[row] = (MrSlice){start, (int32_t)n};
    }
    return MR_OK;
}

static MrStatus concat_bind(MrBind *bind, MrError *err)
{
    bool any_array = false, all_binary = bind->n_args > 0, all_void = true;
    for (int32_t i = 0; i < bind->n_args; i++) {
        MrTypeKind kind = bind->args[i].type->kind;
        any_array = any_array || kind == MR_TYPE_ARRAY;
        all_binary = all_binary && (kind == MR_TYPE_BINARY || kind == MR_TYPE_VOID);
        all_void = all_void && kind == MR_TYPE_VOID;
    }
    if (any_array) {
        const MrType *common = mr__bind_common(bind, 0);
        if (!common || common->kind != MR_TYPE_ARRAY) {
            MrTextBuilder types = {.arena = bind->arena};
            mr_builder_char(&types, '(');
            for (int32_t i = 0; i < bind->n_args; i++)
                mr_builder_printf(&types, "%s%s", i ? " or " : "",
                                  mr__quoted_type(bind->arena, bind->args[i].type));
            mr_builder_char(&types, ')');
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__DATA_DIFF_TYPES, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "functionName",
                           mr_quote_name(bind->arena, bind->def->name), "dataType",
                           mr_builder_text(&types).data);
        }
        bind->type = common;
        bind->call = concat_arrays_call;
        return MR_OK;
    }
    bind->type = all_binary && !all_void ? MR_T(BINARY) : MR_T(STRING);
    for (int32_t i = 0; i < bind->n_args; i++) {
        MrArgInfo *arg = &bind->args[i];
        const MrType *to = mr_coerce_implicit(bind->arena, bind->settings, arg->type, bind->type);
        if (!to)
            return mr__fail_input_type(bind, i, "(\"STRING\" or \"BINARY\" or \"ARRAY\")", err);
        if (to->kind == MR_TYPE_STRING && to->collation)
            bind->type = to;
        arg->cast_to = to;
    }
    bind->call = concat_strings_call;
    return MR_OK;
}

static void join_add(MrTextBuilder *out, MrText separator, MrText text, bool *first)
{
    if (!*first)
        mr_builder_put(out, separator.data, separator.size_bytes);
    *first = false;
    mr_builder_put(out, text.data, text.size_bytes);
}

static MrStatus concat_ws_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(call->args[0], row)) {
            mr_call_null(call, row);
            continue;
        }
        MrTextBuilder out = {.arena = call->arena};
        MrText separator = mr__arg_str(call, 0, row);
        bool first = true;
        for (int32_t k = 1; k < call->n_args; k++) {
            const MrVector *arg = call->args[k];
            if (mr_arg_null(arg, row))
                continue;
            if (arg->type->kind != MR_TYPE_ARRAY) {
                join_add(&out, separator, mr__arg_str(call, k, row), &first);
                continue;
            }
            MrSlice slice = MR_ARG(arg, list, row);
            for (int32_t j = 0; j < slice.count; j++) {
                int64_t at;
                if (mr_vector_is_null(arg->children[0], slice.start + j))
                    continue;
                const MrVector *items = mr_vector_at(arg->children[0], slice.start + j, &at);
                join_add(&out, separator, mr_str_text(&items->str[at]), &first);
            }
            MR_TRY(mr__text_check(call, out.size_bytes, err));
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus concat_ws_bind(MrBind *bind, MrError *err)
{
    bind->nullable = bind->args[0].nullable || bind->args[0].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

/* The text again and again, the last one cut. */
static void fill(char *out, int64_t size_bytes, MrText text)
{
    for (int64_t at = 0; at < size_bytes && text.size_bytes > 0;) {
        int64_t end = mr_poll_piece(at, size_bytes);
        if (text.size_bytes == 1) {
            memset(out + at, text.data[0], (size_t)(end - at));
            at = end;
        }
        while (at < end) {
            int64_t left = size_bytes - at;
            int64_t n = left < text.size_bytes ? left : text.size_bytes;
            mr_copy(out + at, text.data, n);
            at += n;
        }
    }
}

static MrStatus repeat_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        int64_t n = MR_ARG(call->args[1], i32, row);
        int64_t size = n > 0 ? n * text.size_bytes : 0;
        MR_TRY(mr__text_check(call, size, err));
        char *out = mr_arena_alloc(call->arena, size);
        fill(out, size, text);
        mr__put_str(call, row, out, size);
    }
    return MR_OK;
}

static MrStatus space_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t n = MR_ARG(call->args[0], i32, row);
        n = n < 0 ? 0 : n;
        char *out = mr_arena_alloc(call->arena, n);
        fill(out, n, MR_TEXT(" "));
        mr__put_str(call, row, out, n);
    }
    return MR_OK;
}

/* --- parts ------------------------------------------------------------------------------------ */

static MrText bytes_substring(MrText bytes, int64_t pos, int64_t n)
{
    if (pos > bytes.size_bytes)
        return (MrText){bytes.data, 0};
    int64_t start = pos > 0 ? pos - 1 : pos < 0 ? bytes.size_bytes + pos : 0;
    int64_t end = bytes.size_bytes - start < n ? bytes.size_bytes : start + n;
    start = start < 0 ? 0 : start;
    return (MrText){bytes.data + start, end > start ? end - start : 0};
}

static MrStatus substring_call(MrCall *call, MrError *err)
{
    bool is_binary = call->out->type->kind == MR_TYPE_BINARY;
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        int32_t pos = MR_ARG(call->args[1], i32, row);
        int32_t n = call->n_args > 2 ? MR_ARG(call->args[2], i32, row) : INT32_MAX;
        mr__put_text(call, row,
                     is_binary ? bytes_substring(text, pos, n) : text_substring(text, pos, n));
    }
    return MR_OK;
}

static MrStatus left_call(MrCall *call, MrError *err)
{
    bool is_binary = call->out->type->kind == MR_TYPE_BINARY;
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        int32_t n = MR_ARG(call->args[1], i32, row);
        mr__put_text(call, row,
                     is_binary ? bytes_substring(text, 1, n) : text_substring(text, 1, n));
    }
    return MR_OK;
}

static MrStatus right_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        int32_t n = MR_ARG(call->args[1], i32, row);
        mr__put_text(call, row,
                     n <= 0 ? (MrText){text.data, 0}
                            : text_substring(text, -(int64_t)n, INT32_MAX));
    }
    return MR_OK;
}

/* Delimiters may overlap each other, as in Spark. */
static MrText substring_index(MrText text, MrText delimiter, int32_t count)
{
    if (count == 0 || delimiter.size_bytes == 0)
        return (MrText){text.data, 0};
    if (count > 0) {
        int64_t at = -1;
        for (; count > 0; count--) {
            mr_poll_item(count);
            at = mr__text_find(text, delimiter, at + 1);
            if (at < 0)
                return text;
        }
        return (MrText){text.data, at};
    }
    int64_t at = text.size_bytes - delimiter.size_bytes;
    for (;; at--) {
        while (at >= 0 && memcmp(text.data + at, delimiter.data, (size_t)delimiter.size_bytes) != 0)
            mr_poll_item(at--);
        if (at < 0)
            return text;
        if (++count == 0)
            break;
    }
    at += delimiter.size_bytes;
    return (MrText){text.data + at, text.size_bytes - at};
}

static MrStatus substring_index_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        mr__put_text(call, row,
                     substring_index(mr__arg_str(call, 0, row), mr__arg_str(call, 1, row),
                                     MR_ARG(call->args[2], i32, row)));
    return MR_OK;
}

typedef struct TrimSide {
    bool left, right;
    bool text_first; /* btrim(text, chars); the others take the characters first */
} TrimSide;

static bool char_among(const char *data, int32_t n_bytes, MrText chars)
{
    for (int64_t at = 0; at < chars.size_bytes;) {
        int32_t n = mr__char_bytes(chars.data + at, chars.size_bytes - at);
        if (n == n_bytes && memcmp(data, chars.data + at, (size_t)n) == 0)
            return true;
        at += n;
    }
    return false;
}

static MrText text_trim(MrText text, MrText chars, const TrimSide *side)
{
    while (side->left && text.size_bytes > 0) {
        int32_t n = mr__char_bytes(text.data, text.size_bytes);
        if (!char_among(text.data, n, chars))
            break;
        mr_poll_char(text.size_bytes);
        text.data += n;
        text.size_bytes -= n;
    }
    while (side->right && text.size_bytes > 0) {
        int64_t at = text.size_bytes - 1;
        while (at > 0 && text.size_bytes - at < 4 && ((uint8_t)text.data[at] & 0xc0) == 0x80)
            at--;
        if (mr__char_bytes(text.data + at, text.size_bytes - at) != text.size_bytes - at)
            at = text.size_bytes - 1;
        if (!char_among(text.data + at, (int32_t)(text.size_bytes - at), chars))
            break;
        mr_poll_char(at);
        text.size_bytes = at;
    }
    return text;
}

static MrStatus trim_call(MrCall *call, MrError *err)
{
    const TrimSide *side = call->bound->data;
    for (MR_EACH(call, i, row)) {
        bool two = call->n_args > 1;
        MrText text = mr__arg_str(call, two && !side->text_first ? 1 : 0, row);
        MrText chars = two ? mr__arg_str(call, side->text_first ? 1 : 0, row) : MR_TEXT(" ");
        mr__put_text(call, row, text_trim(text, chars, side));
    }
    return MR_OK;
}

static MrStatus trim_bind(MrBind *bind, MrError *err)
{
    static const TrimSide sides[] = {
        {true, true, false}, {true, false, false}, {false, true, false}, {true, true, true}};
    const char *name = bind->def->name;
    int32_t which = *name == 'l' ? 1 : *name == 'r' ? 2 : *name == 'b' ? 3 : 0;
    bind->data = &sides[which];
    if (which < 3 && bind->n_args == 2 && strncmp(bind->sql, "TRIM(", 5) != 0)
        bind->sql = mr_arena_printf(bind->arena, "TRIM(%s %s FROM %s)",
                                    which == 1   ? "LEADING"
                                    : which == 2 ? "TRAILING"
                                                 : "BOTH",
                                    bind->args[0].sql, bind->args[1].sql);
    return MR_OK;
}

/* --- padding ---------------------------------------------------------------------------------- */

static MrStatus pad_call(MrCall *call, MrError *err)
{
    const bool *left = call->bound->data;
    bool is_binary = call->out->type->kind == MR_TYPE_BINARY;
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        int64_t want = MR_ARG(call->args[1], i32, row);
        MrText pad = call->n_args > 2 ? mr__arg_str(call, 2, row)
                     : is_binary      ? MR_TEXT("\0")
                                      : MR_TEXT(" ");
        int64_t n = is_binary ? text.size_bytes : mr_utf8_length(text.data, text.size_bytes);
        int64_t missing = want - n;
        if (missing <= 0 || pad.size_bytes == 0) {
            mr__put_text(call, row,
                         is_binary ? bytes_substring(text, 1, want < 0 ? 0 : want)
                                   : text_substring(text, 1, want));
            continue;
        }
        int64_t n_pad = is_binary ? pad.size_bytes : mr_utf8_length(pad.data, pad.size_bytes);
        int64_t whole = missing / n_pad, rest = missing % n_pad;
        int64_t rest_bytes = is_binary ? rest : mr__char_offset(pad, rest);
        int64_t pad_bytes = whole * pad.size_bytes + rest_bytes;
        MR_TRY(mr__text_check(call, pad_bytes + text.size_bytes, err));
        char *out = mr_arena_alloc(call->arena, pad_bytes + text.size_bytes), *at = out;
        if (!*left) {
            mr_copy(at, text.data, text.size_bytes);
            at += text.size_bytes;
        }
        fill(at, pad_bytes, pad);
        at += pad_bytes;
        if (*left)
            mr_copy(at, text.data, text.size_bytes);
        mr__put_str(call, row, out, pad_bytes + text.size_bytes);
    }
    return MR_OK;
}

static MrStatus pad_bind(MrBind *bind, MrError *err)
{
    static const bool sides[] = {false, true};
    bind->data = &sides[bind->def->name[0] == 'l'];
    if (bind->n_args == 2 && bind->args[0].type->kind == MR_TYPE_BINARY)
        bind->sql = mr_arena_printf(bind->arena, "%s(%s, %s, X'00')", bind->def->name,
                                    bind->args[0].sql, bind->args[1].sql);
    return MR_OK;
}

/* --- changing --------------------------------------------------------------------------------- */

static MrStatus reverse_text_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        char *out = mr_arena_alloc(call->arena, text.size_bytes);
        for (int64_t at = 0; at < text.size_bytes;) {
            int64_t end = mr_poll_piece(at, text.size_bytes);
            while (at < end) {
                int32_t n = mr__char_bytes(text.data + at, text.size_bytes - at);
                memcpy(out + text.size_bytes - at - n, text.data + at, (size_t)n);
                at += n;
            }
        }
        mr__put_str(call, row, out, text.size_bytes);
    }
    return MR_OK;
}

static MrStatus reverse_array_call(MrCall *call, MrError *err)
{
    MrVector *out = call->out;
    const MrVector *from = call->args[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(from, list, row);
        mr_vector_list_reserve(call->arena, out, slice.count);
        MrVector *items = out->children[0];
        out->list[row] = (MrSlice){items->n_items, slice.count};
        for (int32_t k = slice.count; k-- > 0;) {
            mr_poll_item(k);
            mr_vector_copy_row(call->arena, from->children[0], slice.start + k, items,
                               items->n_items++);
        }
    }
    return MR_OK;
}

static MrStatus replace_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), what = mr__arg_str(call, 1, row);
        MrText by = call->n_args > 2 ? mr__arg_str(call, 2, row) : MR_TEXT("");
        int64_t found = what.size_bytes ? mr__text_find(text, what, 0) : -1, at = 0;
        if (found < 0) {
            mr__put_text(call, row, text);
            continue;
        }
        MrTextBuilder out = {.arena = call->arena};
        for (; found >= 0; found = mr__text_find(text, what, at)) {
            mr_builder_put(&out, text.data + at, found - at);
            mr_builder_put(&out, by.data, by.size_bytes);
            at = found + what.size_bytes;
            MR_TRY(mr__text_check(call, out.size_bytes, err));
        }
        mr_builder_put(&out, text.data + at, text.size_bytes - at);
        MR_TRY(mr__text_check(call, out.size_bytes, err));
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus translate_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), from = mr__arg_str(call, 1, row),
               to = mr__arg_str(call, 2, row);
        MrTextBuilder out = {.arena = call->arena};
        for (int64_t at = 0; at < text.size_bytes;) {
            mr_poll_char(at);
            int32_t n = mr__char_bytes(text.data + at, text.size_bytes - at);
            int64_t f = 0, t = 0;
            int32_t n_from = 0;
            bool found = false;
            while (f < from.size_bytes && !found) {
                n_from = mr__char_bytes(from.data + f, from.size_bytes - f);
                found = n_from == n && memcmp(from.data + f, text.data + at, (size_t)n) == 0;
                if (!found) {
                    f += n_from;
                    if (t < to.size_bytes)
                        t += mr__char_bytes(to.data + t, to.size_bytes - t);
                }
            }
            if (!found)
                mr_builder_put(&out, text.data + at, n);
            else if (t < to.size_bytes)
                mr_builder_put(&out, to.data + t, mr__char_bytes(to.data + t, to.size_bytes - t));
            at += n;
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

/* Position is 1-based; length -1: as long as the replacement. */
static MrStatus overlay_call(MrCall *call, MrError *err)
{
    bool is_binary = call->out->type->kind == MR_TYPE_BINARY;
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), by = mr__arg_str(call, 1, row);
        int64_t pos = MR_ARG(call->args[2], i32, row);
        int64_t n = call->n_args > 3 ? MR_ARG(call->args[3], i32, row) : -1;
        if (n < 0)
            n = is_binary ? by.size_bytes : mr_utf8_length(by.data, by.size_bytes);
        MrText head = is_binary ? bytes_substring(text, 1, pos - 1 < 0 ? 0 : pos - 1)
                                : text_substring(text, 1, pos - 1);
        MrText tail = is_binary ? bytes_substring(text, pos + n, INT32_MAX)
                                : text_substring(text, pos + n, INT32_MAX);
        int64_t size = head.size_bytes + by.size_bytes + tail.size_bytes;
        MR_TRY(mr__text_check(call, size, err));
        char *out = mr_arena_alloc(call->arena, size);
        mr_copy(out, head.data, head.size_bytes);
        mr_copy(out + head.size_bytes, by.data, by.size_bytes);
        mr_copy(out + head.size_bytes + by.size_bytes, tail.data, tail.size_bytes);
        mr__put_str(call, row, out, size);
    }
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
#define LENGTH_ROWS(name)                                                                          \
    {name,                                                                                         \
     "string -> int",                                                                              \
     STRICT,                                                                                       \
     char_length_call,                                                                             \
     NULL,                                                                                         \
     "Number of characters.",                                                                      \
     name "('abc ') = 4"},                                                                         \
    {                                                                                              \
        name, "binary! -> int", STRICT, octet_length_call, NULL, "Number of bytes.", NULL          \
    }

const MrFunctionDef mr_functions_string_basic[] = {
    LENGTH_ROWS("length"),
    LENGTH_ROWS("len"),
    LENGTH_ROWS("char_length"),
    LENGTH_ROWS("character_length"),
    {"octet_length", "string|binary -> int", STRICT, octet_length_call, NULL, "Number of bytes.",
     "octet_length('abc') = 3"},
    {"bit_length", "string|binary -> int", STRICT, bit_length_call, NULL, "Number of bits.",
     "bit_length('abc') = 24"},
    {"upper", "string -> same", STRICT, upper_call, NULL, "In capitals.", "upper('ab') = 'AB'"},
    {"ucase", "string -> same", STRICT, upper_call, NULL, "In capitals.", "ucase('ab') = 'AB'"},
    {"lower", "string -> same", STRICT, lower_call, NULL, "In small letters.",
     "lower('AB') = 'ab'"},
    {"lcase", "string -> same", STRICT, lower_call, NULL, "In small letters.",
     "lcase('AB') = 'ab'"},
    {"initcap", "string -> same", STRICT, initcap_call, NULL, "Each word with a capital.",
     "initcap('ab cD') = 'Ab Cd'"},
    {"concat", "any* -> bind", STRICT, NULL, concat_bind,
     "Strings, binaries or arrays after each other.", "concat('a', 'b') = 'ab'"},
    {"||", "any, any -> bind", STRICT, NULL, concat_bind,
     "Strings, binaries or arrays after each other.", "'a' || 'b' = 'ab'"},
    {"concat_ws", "string, string|array<string>* -> string", 0, concat_ws_call, concat_ws_bind,
     "What is not NULL, with a separator between.", "concat_ws('-', 'a', NULL, 'b') = 'a-b'"},
    {"repeat", "string, int -> same", STRICT | MR_FN_CAN_FAIL, repeat_call, NULL,
     "The string n times.", "repeat('ab', 2) = 'abab'"},
    {"space", "int -> string", STRICT, space_call, NULL, "n blanks.", "space(2) = '  '"},
    {"substring", "string, int, int? -> same", STRICT, substring_call, NULL,
     "Characters from a position on, counted from 1, or from the end when negative.",
     "substring('abcd', 2, 2) = 'bc'"},
    {"substring", "binary!, int, int? -> same", STRICT, substring_call, NULL,
     "Bytes from a position on.", NULL},
    {"substr", "string, int, int? -> same", STRICT, substring_call, NULL,
     "Characters from a position on, counted from 1, or from the end when negative.",
     "substr('abcd', -2) = 'cd'"},
    {"substr", "binary!, int, int? -> same", STRICT, substring_call, NULL,
     "Bytes from a position on.", NULL},
    {"left", "string, int -> same", STRICT, left_call, NULL, "The first n characters.",
     "left('abc', 2) = 'ab'"},
    {"left", "binary!, int -> same", STRICT, left_call, NULL, "The first n bytes.", NULL},
    {"right", "string, int -> same", STRICT, right_call, NULL, "The last n characters.",
     "right('abc', 2) = 'bc'"},
    {"substring_index", "string, string, int -> same", STRICT, substring_index_call, NULL,
     "What stands before the n-th delimiter, or after the n-th from the end.",
     "substring_index('a.b.c', '.', 2) = 'a.b'"},
    {"trim", "string, string? -> string", STRICT, trim_call, trim_bind,
     "Without blanks, or given characters, at both ends.", "trim('  a ') = 'a'"},
    {"ltrim", "string, string? -> string", STRICT, trim_call, trim_bind,
     "Without blanks at the beginning.", "ltrim('  a') = 'a'"},
    {"rtrim", "string, string? -> string", STRICT, trim_call, trim_bind,
     "Without blanks at the end.", "rtrim('a  ') = 'a'"},
    {"btrim", "string, string? -> string", STRICT, trim_call, trim_bind,
     "Without given characters at both ends.", "btrim('xax', 'x') = 'a'"},
    {"lpad", "string, int, string? -> same", STRICT | MR_FN_CAN_FAIL, pad_call, pad_bind,
     "Filled up on the left to n characters, or cut.", "lpad('a', 3, '-') = '--a'"},
    {"lpad", "binary!, int, binary!? -> same", STRICT | MR_FN_CAN_FAIL, pad_call, pad_bind,
     "Filled up to n bytes.", NULL},
    {"rpad", "string, int, string? -> same", STRICT | MR_FN_CAN_FAIL, pad_call, pad_bind,
     "Filled up on the right to n characters, or cut.", "rpad('a', 3, '-') = 'a--'"},
    {"rpad", "binary!, int, binary!? -> same", STRICT | MR_FN_CAN_FAIL, pad_call, pad_bind,
     "Filled up to n bytes.", NULL},
    {"reverse", "string -> same", STRICT, reverse_text_call, NULL, "The characters, last first.",
     "reverse('abc') = 'cba'"},
    {"reverse", "array<T> -> same", STRICT, reverse_array_call, NULL, "The elements, last first.",
     NULL},
    {"replace", "string, string, string? -> same", STRICT | MR_FN_CAN_FAIL, replace_call, NULL,
     "Every place of one string replaced by another.", "replace('aba', 'a', 'x') = 'xbx'"},
    {"translate", "string, string, string -> same", STRICT, translate_call, NULL,
     "Each character replaced by the one at its place in the other list.",
     "translate('abc', 'ac', 'x') = 'xb'"},
    {"overlay", "string, string, int, int? -> same", STRICT | MR_FN_CAN_FAIL, overlay_call, NULL,
     "A part replaced, from a position on.", "overlay('Spark SQL', '_', 6) = 'Spark_SQL'"},
    {"overlay", "binary!, binary!, int, int? -> same", STRICT | MR_FN_CAN_FAIL, overlay_call, NULL,
     "Bytes replaced.", NULL},
    {0},
};
