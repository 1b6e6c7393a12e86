/* string_format.c - strings from and to other forms: base64, character sets, printf, URLs. */
#include "function/date_int.h"
#include <math.h>
#include <stdio.h>

/* --- base64 ----------------------------------------------------------------------------------- */

static MrStatus base64_call(MrCall *call, MrError *err)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        const uint8_t *in = (const uint8_t *)text.data;
        int64_t size = (text.size_bytes + 2) / 3 * 4;
        MR_TRY(mr__text_check(call, size, err));
        char *out = mr_arena_alloc(call->arena, size), *to = out;
        for (int64_t k = 0; k < text.size_bytes; k += 3) {
            mr_poll_item(k / 3);
            int64_t left = text.size_bytes - k;
            uint32_t bits = (uint32_t)in[k] << 16 | (left > 1 ? (uint32_t)in[k + 1] << 8 : 0) |
                            (left > 2 ? in[k + 2] : 0);
            *to++ = digits[bits >> 18];
            *to++ = digits[bits >> 12 & 63];
            *to++ = left > 1 ? digits[bits >> 6 & 63] : '=';
            *to++ = left > 2 ? digits[bits & 63] : '=';
        }
        mr__put_str(call, row, out, size);
    }
    return MR_OK;
}

static int32_t base64_digit(char c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

/* As Java's MIME decoder: what is no digit is passed over. */
static MrText base64_bytes(MrArena *arena, MrText text)
{
    char *out = mr_arena_alloc(arena, text.size_bytes), *to = out;
    uint32_t bits = 0;
    int32_t n_bits = 0;
    for (int64_t k = 0; k < text.size_bytes && text.data[k] != '='; k++) {
        int32_t digit = base64_digit(text.data[k]);
        mr_poll_item(k);
        if (digit < 0)
            continue;
        bits = (bits << 6 | (uint32_t)digit) & 0xffffff;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            *to++ = (char)(bits >> n_bits);
        }
    }
    return (MrText){n_bits == 6 ? NULL : out, to - out};
}

static MrStatus unbase64_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        MrText bytes = base64_bytes(call->arena, text);
        if (!bytes.data)
            return MR_FAIL(err, MR_COND_CONVERSION_INVALID_INPUT, "str",
                           mr_arena_printf(call->arena, "'%.*s'", (int)text.size_bytes, text.data),
                           "fmt", "'BASE64'", "targetType", "\"BINARY\"", "suggestion",
                           "`try_to_binary`");
        mr__put_text(call, row, bytes);
    }
    return MR_OK;
}

/* --- character sets --------------------------------------------------------------------------- */

typedef enum Charset {
    CHARSET_NONE,
    CHARSET_ASCII,
    CHARSET_LATIN1,
    CHARSET_UTF8,
    CHARSET_UTF16BE,
    CHARSET_UTF16LE,
    CHARSET_UTF16,
    CHARSET_UTF32
} Charset;

static Charset charset_find(MrText name)
{
    static const struct {
        const char *name;
        Charset charset;
    } names[] = {{"US-ASCII", CHARSET_ASCII},   {"ISO-8859-1", CHARSET_LATIN1},
                 {"UTF-8", CHARSET_UTF8},       {"UTF-16BE", CHARSET_UTF16BE},
                 {"UTF-16LE", CHARSET_UTF16LE}, {"UTF-16", CHARSET_UTF16},
                 {"UTF-32", CHARSET_UTF32}};
    for (int64_t i = 0; i < MR_COUNT(names); i++)
        if (mr_text_equal_nocase(name, mr_text(names[i].name)))
            return names[i].charset;
    return CHARSET_NONE;
}

static MrStatus fail_charset(const MrCall *call, MrText name, MrError *err)
{
    return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__CHARSET, "functionName",
                   mr_quote_name(call->arena, call->bound->def->name), "parameter", "`charset`",
                   "charset", mr_arena_strn(call->arena, name.data, name.size_bytes), "charsets",
                   "iso-8859-1, us-ascii, utf-16, utf-16be, utf-16le, utf-32, utf-8");
}

/* spark.sql.legacy.codingErrorAction: what does not fit becomes ? or U+FFFD instead of an error. */
static bool coding_is_lossy(const MrCall *call)
{
    const MrSettings *settings = call->context->settings;
    const char *value =
        settings->get ? settings->get(settings->conf, "spark.sql.legacy.codingErrorAction") : NULL;
    return value && mr_str_equal_nocase(value, "true");
}

static MrStatus fail_coding(const MrCall *call, MrText name, MrError *err)
{
    return MR_FAIL(err, MR_COND_MALFORMED_CHARACTER_CODING, "function",
                   mr_quote_name(call->arena, call->bound->def->name), "charset",
                   mr_arena_strn(call->arena, name.data, name.size_bytes));
}

static void put_unit(MrTextBuilder *out, bool little, uint32_t unit)
{
    mr_builder_char(out, (char)(little ? unit : unit >> 8));
    mr_builder_char(out, (char)(little ? unit >> 8 : unit));
}

static MrStatus encode_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), name = mr__arg_str(call, 1, row);
        Charset charset = charset_find(name);
        MrTextBuilder out = {.arena = call->arena};
        if (charset == CHARSET_NONE)
            return fail_charset(call, name, err);
        if (charset == CHARSET_UTF8) {
            mr__put_text(call, row, text);
            continue;
        }
        if (charset == CHARSET_UTF16 && text.size_bytes)
            put_unit(&out, false, 0xfeff);
        for (int64_t at = 0; at < text.size_bytes;) {
            int32_t n = 1, c = mr_utf8_next(text.data + at, text.size_bytes - at, &n);
            at += n;
            c = c < 0 ? 0xfffd : c;
            if (charset == CHARSET_ASCII || charset == CHARSET_LATIN1) {
                bool fits = c <= (charset == CHARSET_ASCII ? 0x7f : 0xff);
                if (!fits && !coding_is_lossy(call))
                    return fail_coding(call, name, err);
                mr_builder_char(&out, fits ? (char)c : '?');
            } else if (charset == CHARSET_UTF32) {
                put_unit(&out, false, (uint32_t)c >> 16);
                put_unit(&out, false, (uint32_t)c & 0xffff);
            } else if (c > 0xffff) {
                put_unit(&out, charset == CHARSET_UTF16LE, 0xd7c0 + ((uint32_t)c >> 10));
                put_unit(&out, charset == CHARSET_UTF16LE, 0xdc00 + ((uint32_t)c & 0x3ff));
            } else {
                put_unit(&out, charset == CHARSET_UTF16LE, (uint32_t)c);
            }
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus decode_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText bytes = mr__arg_str(call, 0, row), name = mr__arg_str(call, 1, row);
        const uint8_t *in = (const uint8_t *)bytes.data;
        Charset charset = charset_find(name);
        MrTextBuilder out = {.arena = call->arena};
        if (charset == CHARSET_NONE)
            return fail_charset(call, name, err);
        if (charset == CHARSET_UTF8) {
            if (!mr_utf8_valid(bytes.data, bytes.size_bytes))
                return fail_coding(call, name, err);
            mr__put_text(call, row, bytes);
            continue;
        }
        bool little = charset == CHARSET_UTF16LE;
        int64_t at = 0;
        if (charset == CHARSET_UTF16 && bytes.size_bytes >= 2 && (in[0] ^ in[1]) == 1 &&
            (in[0] == 0xfe || in[0] == 0xff)) {
            little = in[0] == 0xff;
            at = 2;
        }
        while (at < bytes.size_bytes) {
            char text[4];
            int32_t c = in[at];
            int64_t left = bytes.size_bytes - at;
            if (charset == CHARSET_ASCII || charset == CHARSET_LATIN1) {
                at++;
                if (charset == CHARSET_ASCII && c > 0x7f) {
                    if (!coding_is_lossy(call))
                        return fail_coding(call, name, err);
                    c = 0xfffd;
                }
            } else if (charset == CHARSET_UTF32) {
                if (left < 4 || in[at] || in[at + 1] > 0x10)
                    return fail_coding(call, name, err);
                c = in[at + 1] << 16 | in[at + 2] << 8 | in[at + 3];
                at += 4;
            } else {
                if (left < 2)
                    return fail_coding(call, name, err);
                c = in[at + little] << 8 | in[at + !little];
                at += 2;
                if (c >= 0xd800 && c < 0xe000) {
                    int32_t low = left >= 4 ? in[at + little] << 8 | in[at + !little] : 0;
                    if (c >= 0xdc00 || low < 0xdc00 || low >= 0xe000)
                        return fail_coding(call, name, err);
                    c = ((c - 0xd800) << 10) + (low - 0xdc00) + 0x10000;
                    at += 2;
                }
            }
            mr_builder_put(&out, text, mr_utf8_put(c, text));
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

/* --- URLs ------------------------------------------------------------------------------------- */

static MrStatus url_encode_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        MrTextBuilder out = {.arena = call->arena};
        for (int64_t k = 0; k < text.size_bytes; k++) {
            char c = text.data[k];
            if ((c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z') ||
                (c && strchr("-_.*", c)))
                mr_builder_char(&out, c);
            else if (c == ' ')
                mr_builder_char(&out, '+');
            else
                mr_builder_printf(&out, "%%%02X", (uint8_t)c);
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus url_decode_call(MrCall *call, MrError *err)
{
    bool is_try = call->bound->def->name[0] == 't';
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        MrTextBuilder out = {.arena = call->arena};
        bool valid = true;
        for (int64_t k = 0; k < text.size_bytes && valid; k++) {
            char c = text.data[k];
            if (c != '%') {
                mr_builder_char(&out, c == '+' ? ' ' : c);
                continue;
            }
            valid = k + 2 < text.size_bytes && mr_hex_digit(text.data[k + 1]) >= 0 &&
                    mr_hex_digit(text.data[k + 2]) >= 0;
            if (valid)
                mr_builder_char(&out, (char)(mr_hex_digit(text.data[k + 1]) << 4 |
                                             mr_hex_digit(text.data[k + 2])));
            k += 2;
        }
        if (valid)
            mr__put_built(call, row, &out);
        else if (is_try)
            mr_call_null(call, row);
        else
            return MR_FAIL(err, MR_COND_CANNOT_DECODE_URL, "url",
                           mr_arena_strn(call->arena, text.data, text.size_bytes));
    }
    return MR_OK;
}

typedef struct Url {
    MrText protocol, authority, user_info, host, path, query, ref, file; /* data NULL: not there */
} Url;

static bool url_read(MrText text, Url *out)
{
    *out = (Url){0};
    for (int64_t k = 0; k < text.size_bytes; mr_poll_item(k++))
        if ((uint8_t)text.data[k] <= ' ' || strchr("\"<>\\^`{|}", text.data[k]))
            return false;
    int64_t colon = 0;
    while (colon < text.size_bytes && !strchr(":/?#", text.data[colon]))
        colon++;
    if (colon < text.size_bytes && text.data[colon] == ':') {
        out->protocol = (MrText){text.data, colon};
        text.data += colon + 1;
        text.size_bytes -= colon + 1;
    }
    int64_t hash = mr__text_find(text, MR_TEXT("#"), 0);
    if (hash >= 0) {
        out->ref = (MrText){text.data + hash + 1, text.size_bytes - hash - 1};
        text.size_bytes = hash;
    }
    if (text.size_bytes >= 2 && text.data[0] == '/' && text.data[1] == '/') {
        int64_t end = 2;
        while (end < text.size_bytes && text.data[end] != '/' && text.data[end] != '?')
            end++;
        out->authority = (MrText){text.data + 2, end - 2};
        text.data += end;
        text.size_bytes -= end;
        MrText host = out->authority;
        for (int64_t k = host.size_bytes; k-- > 0;) {
            if (host.data[k] == '@') {
                out->user_info = (MrText){host.data, k};
                host.data += k + 1;
                host.size_bytes -= k + 1;
                break;
            }
        }
        int64_t end_host = host.size_bytes;
        while (end_host > 0 && host.data[end_host - 1] >= '0' && host.data[end_host - 1] <= '9')
            end_host--;
        if (end_host > 0 && host.data[end_host - 1] == ':')
            host.size_bytes = end_host - 1;
        if (host.size_bytes)
            out->host = host;
    }
    out->file = text;
    int64_t mark = mr__text_find(text, MR_TEXT("?"), 0);
    if (mark >= 0) {
        out->query = (MrText){text.data + mark + 1, text.size_bytes - mark - 1};
        text.size_bytes = mark;
    }
    out->path = text;
    return true;
}

static MrStatus parse_url_call(MrCall *call, MrError *err)
{
    bool is_try = call->bound->def->name[0] == 't';
    for (MR_EACH(call, i, row)) {
        Url url;
        MrText text = mr__arg_str(call, 0, row), part = mr__arg_str(call, 1, row),
               found = {NULL, 0};
        if (!url_read(text, &url)) {
            if (!is_try && call->context->settings->ansi)
                return MR_FAIL(err, MR_COND_INVALID_URL, "url",
                               mr_arena_strn(call->arena, text.data, text.size_bytes));
            mr_call_null(call, row);
            continue;
        }
        const struct {
            const char *name;
            MrText value;
        } parts[] = {{"HOST", url.host},           {"PATH", url.path},
                     {"QUERY", url.query},         {"REF", url.ref},
                     {"FILE", url.file},           {"PROTOCOL", url.protocol},
                     {"AUTHORITY", url.authority}, {"USERINFO", url.user_info}};
        for (int64_t k = 0; k < MR_COUNT(parts); k++)
            if (mr_text_equal(part, mr_text(parts[k].name)))
                found = parts[k].value;
        if (call->n_args > 2) {
            MrText key = mr__arg_str(call, 2, row),
                   query = mr_text_equal(part, MR_TEXT("QUERY")) ? url.query : (MrText){NULL, 0};
            found = (MrText){NULL, 0};
            for (int64_t at = 0; query.data && at < query.size_bytes && !found.data;) {
                int64_t end = mr__text_find(query, MR_TEXT("&"), at);
                end = end < 0 ? query.size_bytes : end;
                if (end - at > key.size_bytes &&
                    memcmp(query.data + at, key.data, (size_t)key.size_bytes) == 0 &&
                    query.data[at + key.size_bytes] == '=')
                    found = (MrText){query.data + at + key.size_bytes + 1,
                                     end - at - key.size_bytes - 1};
                at = end + 1;
            }
        }
        if (found.data)
            mr__put_text(call, row, found);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

/* --- to_binary -------------------------------------------------------------------------------- */

typedef enum BinaryForm { FORM_HEX, FORM_BASE64, FORM_UTF8, FORM_NONE } BinaryForm;

static bool base64_valid(MrText text)
{
    int64_t n = 0, n_pads = 0;
    for (int64_t k = 0; k < text.size_bytes; k++) {
        char c = text.data[k];
        mr_poll_item(k);
        if (c == '=')
            n_pads++;
        else if (base64_digit(c) >= 0 && n_pads == 0)
            n++;
        else if (c != ' ' && c != '\t' && c != '\r' && c != '\n')
            return false;
    }
    return n_pads ? n_pads <= 2 && (n + n_pads) % 4 == 0 : n % 4 != 1;
}

static bool unhex(MrArena *arena, MrText text, MrText *out)
{
    int64_t n = (text.size_bytes + 1) / 2, odd = text.size_bytes % 2;
    char *bytes = mr_arena_zeroed(arena, n);
    for (int64_t k = 0; k < text.size_bytes; k++) {
        int32_t digit = mr_hex_digit(text.data[k]);
        mr_poll_item(k);
        if (digit < 0)
            return false;
        bytes[(k + odd) / 2] = (char)(bytes[(k + odd) / 2] << 4 | digit);
    }
    *out = (MrText){bytes, n};
    return true;
}

static MrStatus to_binary_call(MrCall *call, MrError *err)
{
    BinaryForm form = *(const BinaryForm *)call->bound->data;
    bool is_try = call->bound->def->name[1] == 'r';
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), bytes = text;
        bool valid = form == FORM_UTF8 ||
                     (form == FORM_HEX ? unhex(call->arena, text, &bytes) : base64_valid(text));
        if (!valid && is_try) {
            mr_call_null(call, row);
            continue;
        }
        if (!valid)
            return MR_FAIL(err, MR_COND_CONVERSION_INVALID_INPUT, "str",
                           mr_arena_printf(call->arena, "'%.*s'", (int)text.size_bytes, text.data),
                           "fmt", form == FORM_HEX ? "'HEX'" : "'BASE64'", "targetType",
                           "\"BINARY\"", "suggestion", "`try_to_binary`");
        if (form == FORM_BASE64)
            bytes = base64_bytes(call->arena, text);
        mr__put_text(call, row, bytes);
    }
    return MR_OK;
}

static MrStatus to_binary_bind(MrBind *bind, MrError *err)
{
    static const BinaryForm forms[] = {FORM_HEX, FORM_BASE64, FORM_UTF8, FORM_UTF8};
    static const char *const names[] = {"hex", "base64", "utf-8", "utf8"};
    bool is_try = bind->def->name[1] == 'r';
    if (is_try)
        bind->nullable = true;
    bind->data = &forms[0];
    if (bind->n_args < 2)
        return MR_OK;
    const MrArgInfo *arg = &bind->args[1];
    MrText name;
    if (!arg->value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`fmt`", "inputType",
                       "\"STRING\"", "inputExpr", mr__quoted_expr(bind->arena, arg->sql));
    bind->data = NULL;
    if (mr__arg_text(arg, &name)) {
        for (int64_t i = 0; i < MR_COUNT(names); i++)
            if (mr_text_equal_nocase(name, mr_text(names[i])))
                bind->data = &forms[i];
    } else if (mr_vector_is_null(arg->value, 0)) {
        bind->nullable = true;
        bind->call = mr__null_call;
        return MR_OK;
    }
    if (bind->data)
        return MR_OK;
    if (is_try) {
        bind->call = mr__null_call;
        return MR_OK;
    }
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ARG_VALUE, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "inputName", "fmt", "requireType",
                   "case-insensitive \"STRING\"", "validValues",
                   "'hex', 'utf-8', 'utf8', or 'base64'", "inputValue",
                   mr_arena_printf(bind->arena, "'%s'", arg->sql));
}

/* decode(value, search, result, ..., otherwise): NULL finds NULL. */
static MrStatus decode_cases_call(MrCall *call, MrError *err)
{
    const MrVector *value = call->args[0];
    for (MR_EACH(call, i, row)) {
        int32_t found = call->n_args % 2 == 0 ? call->n_args - 1 : -1;
        for (int32_t k = 1; k + 1 < call->n_args; k += 2) {
            bool is_null = mr_arg_null(value, row), other_null = mr_arg_null(call->args[k], row);
            if (is_null || other_null
                    ? is_null && other_null
                    : mr_vector_compare(value, mr_arg_row(value, row), call->args[k],
                                        mr_arg_row(call->args[k], row)) == 0) {
                found = k + 1;
                break;
            }
        }
        if (found < 0 || mr_arg_null(call->args[found], row))
            mr_call_null(call, row);
        else
            mr_vector_copy_row(call->arena, call->args[found], mr_arg_row(call->args[found], row),
                               call->out, row);
    }
    return MR_OK;
}

static MrStatus decode_cases_bind(MrBind *bind, MrError *err)
{
    const MrType *key = bind->args[0].type, *result = NULL;
    int32_t n = bind->n_args;
    for (int32_t k = 1; k < n; k++) {
        bool is_key = k % 2 == 1 && k + 1 < n;
        const MrType *type = bind->args[k].type, **common = is_key ? &key : &result;
        *common = *common ? mr_coerce_common(bind->arena, bind->settings, *common, type) : type;
        if (!*common)
            return mr__fail_input_type(bind, k, "\"STRING\"", err);
    }
    for (int32_t k = 0; k < n; k++)
        bind->args[k].cast_to = k == 0 || (k % 2 == 1 && k + 1 < n) ? key : result;
    bind->type = result;
    bind->nullable = true;
    return MR_OK;
}

/* --- numbers with commas ---------------------------------------------------------------------- */

/* The number rounded to n_digits behind the point (half to even), with commas. */

/* --- printf ----------------------------------------------------------------------------------- */

static MrStatus fail_format(MrError *err)
{
    return MR_FAIL_UNSUPPORTED(err, "this format or argument in format_string");
}

static void put_padded(MrTextBuilder *out, MrText text, int32_t width, bool left, char pad)
{
    int64_t missing = width - mr_utf8_length(text.data, text.size_bytes);
    int64_t sign =
        pad == '0' && text.size_bytes && (text.data[0] == '-' || text.data[0] == '+') ? 1 : 0;
    mr_builder_put(out, text.data, sign);
    for (int64_t k = 0; !left && k < missing; k++)
        mr_builder_char(out, pad);
    mr_builder_put(out, text.data + sign, text.size_bytes - sign);
    for (int64_t k = 0; left && k < missing; k++)
        mr_builder_char(out, ' ');
}

static bool number_of(const MrCall *call, int32_t arg_idx, int32_t row, double *f, int64_t *i,
                      bool *is_int)
{
    const MrVector *vec = call->args[arg_idx];
    *is_int = mr_type_is_integral(vec->type);
    switch (vec->type->kind) {
    case MR_TYPE_DOUBLE:
        *f = MR_ARG(vec, f64, row);
        return true;
    case MR_TYPE_FLOAT:
        *f = MR_ARG(vec, f32, row);
        return true;
    case MR_TYPE_DECIMAL:
        *f = mr_decimal_to_f64(mr_arg_decimal(call->args[arg_idx], row), vec->type->scale);
        return true;
    default:
        if (*is_int) {
            *i = mr_arg_integer(call->args[arg_idx], row);
            *f = (double)*i;
        }
        return *is_int;
    }
}

static MrStatus format_string_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(call->args[0], row)) {
            mr_call_null(call, row);
            continue;
        }
        MrText format = mr__arg_str(call, 0, row);
        MrTextBuilder out = {.arena = call->arena};
        int32_t next = 1, last = 0;
        for (int64_t at = 0; at < format.size_bytes;) {
            char c = format.data[at++];
            if (c != '%') {
                mr_builder_char(&out, c);
                continue;
            }
            bool left = false, plus = false, zero = false, comma = false, paren = false,
                 alternate = false, blank = false;
            int64_t width = 0, precision = -1, from = at, index = 0;
            while (at < format.size_bytes && format.data[at] >= '0' && format.data[at] <= '9' &&
                   index < 10000)
                index = index * 10 + (format.data[at++] - '0');
            if (at < format.size_bytes && format.data[at] == '$' && index > 0) {
                at++;
            } else {
                at = from;
                index = 0;
            }
            for (; at < format.size_bytes && strchr("-+0,(# <", format.data[at]); at++) {
                c = format.data[at];
                left = left || c == '-';
                plus = plus || c == '+';
                zero = zero || c == '0';
                comma = comma || c == ',';
                paren = paren || c == '(';
                alternate = alternate || c == '#';
                blank = blank || c == ' ';
                if (c == '<')
                    index = last;
            }
            while (at < format.size_bytes && format.data[at] >= '0' && format.data[at] <= '9' &&
                   width < 1000000)
                width = width * 10 + (format.data[at++] - '0');
            if (at < format.size_bytes && format.data[at] == '.') {
                at++;
                precision = 0;
                while (at < format.size_bytes && format.data[at] >= '0' && format.data[at] <= '9' &&
                       precision < 300)
                    precision = precision * 10 + (format.data[at++] - '0');
            }
            if (at >= format.size_bytes)
                return fail_format(err);
            char kind = format.data[at++], low = (char)(kind | 32);
            if (kind == '%' || kind == 'n') {
                put_padded(&out, kind == 'n' ? MR_TEXT("\n") : MR_TEXT("%"), (int32_t)width, left,
                           ' ');
                continue;
            }
            int32_t arg_idx = index ? (int32_t)index : next++;
            last = arg_idx;
            if (arg_idx >= call->n_args)
                return fail_format(err);
            const MrVector *arg = call->args[arg_idx];
            char pad = zero && !left ? '0' : ' ';
            MrText text;
            char buffer[1400];
            double f = 0;
            int64_t number = 0;
            bool is_int = false;
            if (low == 's' || mr_arg_null(arg, row)) {
                MrTextBuilder value = {.arena = call->arena};
                if (low == 'b' && mr_arg_null(arg, row))
                    mr_builder_str(&value, "false");
                else if (mr_arg_null(arg, row))
                    mr_builder_str(&value, "null");
                else
                    mr_value_text(arg, mr_arg_row(arg, row), MR_TEXT_CAST, call->context->settings,
                                  &value);
                text = mr_builder_text(&value);
                if (precision >= 0)
                    text.size_bytes = mr__char_offset(text, precision);
                if (kind == 'S')
                    text = mr__text_upper(call->arena, text);
                put_padded(&out, text, (int32_t)width, left, ' ');
                continue;
            }
            int n = 0;
            switch (low) {
            case 'b':
                text = mr_text(
                    arg->type->kind != MR_TYPE_BOOLEAN || MR_ARG(arg, i8, row) ? "true" : "false");
                put_padded(&out, text, (int32_t)width, left, ' ');
                continue;
            case 'c':
                if (!number_of(call, arg_idx, row, &f, &number, &is_int) || !is_int || number < 0 ||
                    number > 0x10ffff)
                    return fail_format(err);
                n = mr_utf8_put((int32_t)number, buffer);
                pad = ' ';
                break;
            case 'd':
                if (!number_of(call, arg_idx, row, &f, &number, &is_int) || !is_int)
                    return fail_format(err);
                n = snprintf(buffer, sizeof buffer,
                             plus    ? "%+lld"
                             : blank ? "% lld"
                                     : "%lld",
                             (long long)number);
                break;
            case 'x':
            case 'o': {
                if (!number_of(call, arg_idx, row, &f, &number, &is_int) || !is_int)
                    return fail_format(err);
                int32_t bytes = mr_physical_bytes(mr_type_physical(arg->type));
                uint64_t bits = bytes >= 8 ? (uint64_t)number
                                           : (uint64_t)number & ((UINT64_C(1) << 8 * bytes) - 1);
                n = snprintf(buffer, sizeof buffer,
                             low == 'o'    ? (alternate ? "%#llo" : "%llo")
                             : kind == 'X' ? (alternate ? "%#llX" : "%llX")
                             : alternate   ? "%#llx"
                                           : "%llx",
                             (unsigned long long)bits);
                break;
            }
            case 'f':
            case 'e':
            case 'g':
                if (!number_of(call, arg_idx, row, &f, &number, &is_int) || is_int)
                    return fail_format(err);
                if (precision < 0)
                    precision = 6;
                if (isnan(f) || isinf(f)) {
                    n = snprintf(buffer, sizeof buffer, "%s",
                                 isnan(f) ? "NaN"
                                 : f > 0  ? (plus ? "+Infinity" : "Infinity")
                                          : "-Infinity");
                    pad = ' ';
                } else if (low == 'e') {
                    n = snprintf(buffer, sizeof buffer,
                                 kind == 'E' ? (plus ? "%+.*E" : "%.*E")
                                 : plus      ? "%+.*e"
                                             : "%.*e",
                                 (int)precision, f);
                } else if (low == 'f') {
                    n = snprintf(buffer, sizeof buffer, plus ? "%+.*f" : "%.*f", (int)precision, f);
                } else {
                    int digits = precision ? (int)precision : 1; /* Java keeps zeros at the end */
                    double size = fabs(f);
                    if (size != 0 && (size < 1e-4 || size >= pow(10, digits)))
                        n = snprintf(buffer, sizeof buffer, "%.*e", digits - 1, f);
                    else
                        n = snprintf(buffer, sizeof buffer, "%.*f",
                                     size == 0 ? digits - 1
                                               : (int)fmax(0, digits - 1 - floor(log10(size))),
                                     f);
                }
                break;
            default:
                return fail_format(err);
            }
            if (comma && (low == 'd' || low == 'f')) {
                char grouped[1400];
                int to = 0, start = buffer[0] == '-' || buffer[0] == '+' || buffer[0] == ' ',
                    end = start;
                while (end < n && buffer[end] >= '0' && buffer[end] <= '9')
                    end++;
                for (int k = 0; k < n && to < 1390; k++) {
                    if (k > start && k < end && (end - k) % 3 == 0)
                        grouped[to++] = ',';
                    grouped[to++] = buffer[k];
                }
                memcpy(buffer, grouped, (size_t)to);
                n = to;
            }
            if (paren && buffer[0] == '-') {
                buffer[0] = '(';
                buffer[n++] = ')';
            }
            put_padded(&out, (MrText){buffer, n}, (int32_t)width, left, pad);
            MR_TRY(mr__text_check(call, out.size_bytes, err));
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus format_string_bind(MrBind *bind, MrError *err)
{
    bind->nullable = bind->args[0].nullable || bind->args[0].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
#define FAILS (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)
const MrFunctionDef mr_functions_string_format[] = {
    {"base64", "binary -> string", STRICT, base64_call, NULL, "Base 64 text of bytes.",
     "base64('abc') = 'YWJj'"},
    {"unbase64", "string -> binary", FAILS, unbase64_call, NULL, "Bytes of a base 64 text.",
     "string(unbase64('YWJj')) = 'abc'"},
    {"encode", "string, string -> binary", FAILS, encode_call, NULL,
     "Bytes of a string in a character set.", "encode('abc', 'utf-8') = X'616263'"},
    {"decode", "binary, string -> string", FAILS, decode_call, NULL,
     "The string of bytes in a character set.", "decode(X'616263', 'utf-8') = 'abc'"},
    {"decode", "any, any, any* -> bind", 0, decode_cases_call, decode_cases_bind,
     "The result that stands behind the value.", "decode(2, 1, 'a', 2, 'b') = 'b'"},
    {"to_binary", "string, any? -> binary", FAILS, to_binary_call, to_binary_bind,
     "Bytes of a text in hex, base64 or utf-8.", "to_binary('616263') = X'616263'"},
    {"try_to_binary", "string, any? -> binary", STRICT | MR_FN_MAY_NULL, to_binary_call,
     to_binary_bind, "Bytes of a text in hex, base64 or utf-8, or NULL.",
     "try_to_binary('GG') IS NULL"},
    {"url_encode", "string -> string", STRICT, url_encode_call, NULL, "As it stands in a URL.",
     "url_encode('a b') = 'a+b'"},
    {"url_decode", "string -> string", FAILS, url_decode_call, NULL, "What a text in a URL means.",
     "url_decode('a+b') = 'a b'"},
    {"try_url_decode", "string -> string", STRICT | MR_FN_MAY_NULL, url_decode_call, NULL,
     "What a text in a URL means, or NULL.", "try_url_decode('%') IS NULL"},
    {"parse_url", "string, string, string? -> string", FAILS | MR_FN_MAY_NULL, parse_url_call, NULL,
     "A part of a URL.", "parse_url('http://a.b/c?d=1', 'QUERY', 'd') = '1'"},
    {"try_parse_url", "string, string, string? -> string", STRICT | MR_FN_MAY_NULL, parse_url_call,
     NULL, "A part of a URL, or NULL.", NULL},
    {"format_string", "string, any* -> string", MR_FN_CAN_FAIL, format_string_call,
     format_string_bind, "As printf writes.", "format_string('%d %s', 1, 'a') = '1 a'"},
    {"printf", "string, any* -> string", MR_FN_CAN_FAIL, format_string_call, format_string_bind,
     "As printf writes.", "printf('%d %s', 1, 'a') = '1 a'"},
    {0},
};
