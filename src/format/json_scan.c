/* json_scan.c - options of JSON and the scanners for its tokens.
 *
 * What is accepted is what Jackson accepts under Spark's options: single quotes by default, NaN and
 * Infinity, no comments, no bare names, no leading zeros unless asked for. */
#include "format/json_int.h"

#include <math.h>

MrStatus mr__json_configure(MrArena *arena, const MrFormatOptions *options, const void **out,
                            MrError *err)
{
    MrJsonConfig *config = MR_NEW(arena, MrJsonConfig);
    MR_TRY(mr_format_option_settings(arena, options, &config->settings, err));
    MR_TRY(mr_format_option_mode(options, &config->mode, err));
    config->corrupt_name = mr_format_option_corrupt_name(arena, options);
    const char *sep = mr_format_option(options, "lineSep", NULL);
    if (sep && *sep == 0)
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "lineSep", "functionName",
                       "json", "expectedValue", "a separator that is not empty", "actualValue",
                       "''");
    config->line_sep = sep ? mr_arena_str(arena, sep) : NULL;
    config->write_line_sep = sep ? config->line_sep : "\n";
    mr_row_times_init(arena, options, &config->times);
    MR_TRY(mr_format_option_sampling(options, "json", &config->sampling_ratio, err));
    MR_TRY(mr_format_option_encoding(options, "json", &config->encoding, err));
    config->primitives_as_string = mr_format_option_bool(options, "primitivesAsString", false);
    config->prefers_decimal = mr_format_option_bool(options, "prefersDecimal", false);
    config->allow_comments = mr_format_option_bool(options, "allowComments", false);
    config->allow_unquoted_names = mr_format_option_bool(options, "allowUnquotedFieldNames", false);
    config->allow_single_quotes = mr_format_option_bool(options, "allowSingleQuotes", true);
    config->allow_leading_zeros = mr_format_option_bool(options, "allowNumericLeadingZeros", false);
    config->allow_backslash_any =
        mr_format_option_bool(options, "allowBackslashEscapingAnyCharacter", false);
    config->allow_control = mr_format_option_bool(options, "allowUnquotedControlChars", false);
    config->allow_non_numeric = mr_format_option_bool(options, "allowNonNumericNumbers", true);
    config->multi_line = mr_format_option_bool(options, "multiLine",
                                               mr_format_option_bool(options, "wholeFile", false));
    config->drop_all_null = mr_format_option_bool(options, "dropFieldIfAllNull", false);
    config->infer_timestamp = mr_format_option_bool(options, "inferTimestamp", false);
    config->ignore_null_fields = mr_format_option_bool(options, "ignoreNullFields", true);
    config->pretty = mr_format_option_bool(options, "pretty", false);
    config->extended =
        config->allow_comments || config->allow_unquoted_names || config->allow_control;
    *out = config;
    return MR_OK;
}

MrText mr__json_padded(MrArena *arena, MrText text)
{
    char *data = mr_arena_alloc(arena, text.size_bytes + MR_CHUNK_PAD);
    memcpy(data, text.data, (size_t)text.size_bytes);
    memset(data + text.size_bytes, 0, MR_CHUNK_PAD);
    return (MrText){data, text.size_bytes};
}

const char *mr__json_space_comments(const char *at, const char *end)
{
    while (at < end) {
        if (mr__json_blank(*at)) {
            at++;
        } else if (*at == '#' || (*at == '/' && end - at > 1 && at[1] == '/')) {
            while (at < end && *at != '\n' && *at != '\r')
                at++;
        } else if (*at == '/' && end - at > 1 && at[1] == '*') {
            const char *stop = memmem(at + 2, (size_t)(end - at - 2), "*/", 2);
            if (!stop)
                return end;
            at = stop + 2;
        } else {
            break;
        }
    }
    return at;
}

bool mr__json_is_quote(const MrJsonConfig *config, char c)
{
    return c == '"' || (c == '\'' && config->allow_single_quotes);
}

const char *mr__json_string(const MrJsonConfig *config, const char *at, const char *end,
                            MrJsonString *out)
{
    char quote = *at++;
    *out = (MrJsonString){.data = at};
    for (;;) {
        at = mr__json_string_stop(at, quote, &out->high);
        if (at >= end)
            return NULL;
        if (*at == quote)
            break;
        if (*at == '\\') {
            if (end - at < 2)
                return NULL;
            out->escaped = true;
            out->high |= (unsigned char)at[1] & 0x80;
            at += 2;
        } else if (config->allow_control) {
            at++;
        } else {
            return NULL;
        }
    }
    out->size_bytes = at - out->data;
    return out->size_bytes <= MR_JSON_STRING_MAX ? at + 1 : NULL;
}

const char *mr__json_name(const MrJsonConfig *config, const char *at, const char *end,
                          MrJsonString *out)
{
    if (at >= end)
        return NULL;
    if (mr__json_is_quote(config, *at))
        return mr__json_string(config, at, end, out);
    if (!config->allow_unquoted_names)
        return NULL;
    *out = (MrJsonString){.data = at};
    while (at < end &&
           ((*at >= 'a' && *at <= 'z') || (*at >= 'A' && *at <= 'Z') || *at == '_' || *at == '$' ||
            *at == '-' || *at == '@' || *at == '#' || (*at & 0x80) || (*at >= '0' && *at <= '9'))) {
        out->high |= (unsigned char)*at & 0x80;
        at++;
    }
    out->size_bytes = at - out->data;
    return out->size_bytes > 0 ? at : NULL;
}

/* Four hexadecimal digits, or -1. */
static int32_t hex4(const char *at, const char *end)
{
    if (end - at < 4)
        return -1;
    int32_t value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = mr_hex_digit(c);
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

/* One escape at at (behind the backslash): writes its bytes, moves on. */
static bool unescape_one(const MrJsonConfig *config, const char **at, const char *end, char **out)
{
    char c = *(*at)++;
    switch (c) {
    case '"':
    case '\\':
    case '/':
        *(*out)++ = c;
        return true;
    case 'b':
        *(*out)++ = '\b';
        return true;
    case 'f':
        *(*out)++ = '\f';
        return true;
    case 'n':
        *(*out)++ = '\n';
        return true;
    case 'r':
        *(*out)++ = '\r';
        return true;
    case 't':
        *(*out)++ = '\t';
        return true;
    case 'u': {
        int32_t unit = hex4(*at, end);
        if (unit < 0)
            return false;
        *at += 4;
        if (unit >= 0xD800 &&
            unit < 0xE000) { /* half of a pair; alone it prints as '?', as in Java */
            int32_t low = unit < 0xDC00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u'
                              ? hex4(*at + 2, end)
                              : -1;
            if (low < 0xDC00 || low >= 0xE000) {
                *(*out)++ = '?';
                return true;
            }
            *at += 6;
            unit = 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
        }
        *out += mr_utf8_put(unit, *out);
        return true;
    }
    default:
        if (!config->allow_backslash_any && c != '\'')
            return false;
        *(*out)++ = c;
        return c != '\'' || config->allow_single_quotes || config->allow_backslash_any;
    }
}

bool mr__json_text(const MrJsonConfig *config, MrArena *arena, const MrJsonString *string,
                   MrText *out)
{
    MrText text = {string->data, string->size_bytes};
    if (string->escaped) {
        /* No escape is shorter than what it stands for: \uXXXX is 6 bytes for at most 3, a pair 12
         * for 4. */
        char *data = mr_arena_alloc(arena, string->size_bytes), *to = data;
        const char *at = string->data, *end = at + string->size_bytes;
        while (at < end) {
            const char *slash = memchr(at, '\\', (size_t)(end - at));
            int64_t n = (slash ? slash : end) - at;
            memcpy(to, at, (size_t)n);
            to += n;
            at += n;
            if (slash) {
                at++;
                if (at >= end || !unescape_one(config, &at, end, &to))
                    return false;
            }
        }
        text = (MrText){data, to - data};
    }
    *out = string->high ? mr_utf8_repair(arena, text) : text;
    return true;
}

static bool ends_token(const char *at, const char *end)
{
    return at >= end || mr__json_blank(*at) || *at == ',' || *at == '}' || *at == ']' ||
           *at == ':' || *at == '/' || *at == '#';
}

const char *mr__json_word(const char *at, const char *end, const char *word)
{
    int64_t n = (int64_t)strlen(word);
    return end - at >= n && memcmp(at, word, (size_t)n) == 0 && ends_token(at + n, end) ? at + n
                                                                                        : NULL;
}

bool mr__json_not_finite(MrText text, double *out)
{
    static const struct {
        const char *word;
        double value;
    } words[] = {{"NaN", NAN},        {"Infinity", INFINITY},
                 {"+INF", INFINITY},  {"+Infinity", INFINITY},
                 {"-INF", -INFINITY}, {"-Infinity", -INFINITY}};
    for (int64_t i = 0; i < MR_COUNT(words); i++)
        if (mr_text_equal(text, mr_text(words[i].word))) {
            *out = words[i].value;
            return true;
        }
    return false;
}

const char *mr__json_number(const MrJsonConfig *config, const char *at, const char *end,
                            MrJsonNumber *kind)
{
    const char *begin = at;
    *kind = MR_JSON_INT;
    if (at < end && *at == '-')
        at++;
    if (at >= end || (unsigned char)(*at - '0') > 9) {
        if (!config->allow_non_numeric)
            return NULL;
        static const char *const words[] = {"NaN",       "INF",  "Infinity", "+INF",
                                            "+Infinity", "-INF", "-Infinity"};
        *kind = MR_JSON_NOT_FINITE;
        for (int64_t i = 0; i < MR_COUNT(words); i++) {
            const char *stop = mr__json_word(begin, end, words[i]);
            if (stop)
                return stop;
        }
        return NULL;
    }
    const char *digits = at;
    while (at < end && (unsigned char)(*at - '0') < 10)
        at++;
    if (*digits == '0' && at - digits > 1 && !config->allow_leading_zeros)
        return NULL;
    if (at < end && *at == '.') {
        *kind = MR_JSON_FLOAT;
        const char *fraction = ++at;
        while (at < end && (unsigned char)(*at - '0') < 10)
            at++;
        if (at == fraction)
            return NULL;
    }
    if (at < end && (*at | 32) == 'e') {
        *kind = MR_JSON_FLOAT;
        at++;
        if (at < end && (*at == '+' || *at == '-'))
            at++;
        const char *exponent = at;
        while (at < end && (unsigned char)(*at - '0') < 10)
            at++;
        if (at == exponent)
            return NULL;
    }
    return at - begin <= MR_JSON_NUMBER_MAX && ends_token(at, end) ? at : NULL;
}

/* No recursion: hostile depth costs one bit a level. */
const char *mr__json_skip(const MrJsonConfig *config, const char *at, const char *end)
{
    uint64_t objects[MR_JSON_DEPTH_MAX / 64 + 1];
    int depth = 0;
    MrJsonString name;
    MrJsonNumber kind;
    int64_t n_values = 0;
value:
    mr_poll_item(n_values++);
    at = mr__json_space(config, at, end);
    if (at >= end)
        return NULL;
    switch (*at) {
    case '{':
    case '[': {
        bool is_object = *at == '{';
        if (depth == MR_JSON_DEPTH_MAX)
            return NULL;
        if (is_object)
            objects[depth / 64] |= UINT64_C(1) << (depth % 64);
        else
            objects[depth / 64] &= ~(UINT64_C(1) << (depth % 64));
        depth++;
        at = mr__json_space(config, at + 1, end);
        if (at >= end)
            return NULL;
        if (*at == (is_object ? '}' : ']')) {
            at++;
            goto close;
        }
        if (is_object)
            goto key;
        goto value;
    }
    case 't':
        at = mr__json_word(at, end, "true");
        break;
    case 'f':
        at = mr__json_word(at, end, "false");
        break;
    case 'n':
        at = mr__json_word(at, end, "null");
        break;
    default:
        at = mr__json_is_quote(config, *at) ? mr__json_string(config, at, end, &name)
                                            : mr__json_number(config, at, end, &kind);
    }
    if (!at)
        return NULL;
    goto after;
key:
    at = mr__json_name(config, at, end, &name);
    if (!at)
        return NULL;
    at = mr__json_space(config, at, end);
    if (at >= end || *at != ':')
        return NULL;
    at++;
    goto value;
close:
    depth--;
after:
    if (depth == 0)
        return at;
    bool is_object = (objects[(depth - 1) / 64] >> ((depth - 1) % 64)) & 1;
    at = mr__json_space(config, at, end);
    if (at >= end)
        return NULL;
    if (*at == ',') {
        at = mr__json_space(config, at + 1, end);
        if (is_object)
            goto key;
        goto value;
    }
    if (*at != (is_object ? '}' : ']'))
        return NULL;
    at++;
    goto close;
}
