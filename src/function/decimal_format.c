/* decimal_format.c - format_number: a number with commas and so many digits behind the point, or by
 * a pattern of Java's DecimalFormat.
 *
 * A pattern is a prefix, digits (# if there, 0 always, commas for the size of groups, one point),
 * and a suffix; a % in them multiplies by 100.  Rounded is half to even.  Exponents and patterns of
 * their own for negative numbers are not done. */
#include "base/int128.h"
#include "function/date_int.h"
#include <math.h>
#include <stdio.h>

#define DIGITS_MAX 400

typedef struct DecimalFormat {
    MrText prefix, suffix;
    int32_t min_whole, min_fraction, max_fraction;
    int32_t group; /* digits in a group; 0: none */
    bool point;    /* shown without digits behind it too */
    int32_t shift; /* 2: percent */
} DecimalFormat;

/* [-]digits[.digits] of the number times 10^shift, with n_digits behind the point; the text's size.
 */
static MrStatus number_plain(MrCall *call, int32_t row, int32_t n_digits, int32_t shift,
                             char plain[1024], int *size, MrError *err)
{
    const MrVector *vec = call->args[0];
    if (vec->type->kind == MR_TYPE_DOUBLE || vec->type->kind == MR_TYPE_FLOAT) {
        double value = vec->type->kind == MR_TYPE_DOUBLE ? MR_ARG(vec, f64, row)
                                                         : (double)MR_ARG(vec, f32, row);
        *size = snprintf(plain, 1024, "%.*f", n_digits, shift ? value * 100 : value);
        return MR_OK;
    }
    bool is_decimal = vec->type->kind == MR_TYPE_DECIMAL;
    MrI128 value =
               is_decimal ? mr_arg_decimal(call->args[0], row) : mr_arg_integer(call->args[0], row),
           unit = 1;
    int32_t scale = (is_decimal ? vec->type->scale : 0) - shift;
    bool minus = value < 0;
    if (scale < 0 && !mr_i128_mul(value, mr_pow10_i64[-scale], &value))
        return MR_FAIL_UNSUPPORTED(err, "format_number of so many digits");
    scale = scale < 0 ? 0 : scale;
    MrI128 number = minus ? -value : value;
    for (int32_t k = n_digits; k < scale; k++)
        unit *= 10;
    MrI128 rest = number % unit;
    number /= unit;
    if (2 * rest > unit || (2 * rest == unit && number % 2))
        number++;
    char digits[64];
    int32_t n_all = 0, n = 0, behind = scale < n_digits ? scale : n_digits;
    do {
        digits[n_all++] = (char)('0' + (int)(number % 10));
        number /= 10;
    } while (number || n_all <= behind);
    if (minus)
        plain[n++] = '-';
    while (n_all > 0) {
        plain[n++] = digits[--n_all];
        if (n_all == behind && n_digits > 0)
            plain[n++] = '.';
    }
    for (int32_t k = behind; k < n_digits; k++)
        plain[n++] = '0';
    *size = n;
    return MR_OK;
}

/* Writes NaN and infinity, which have no digits. */
static bool special_put(MrCall *call, int32_t row, const DecimalFormat *format)
{
    const MrVector *vec = call->args[0];
    double value = vec->type->kind == MR_TYPE_DOUBLE  ? MR_ARG(vec, f64, row)
                   : vec->type->kind == MR_TYPE_FLOAT ? (double)MR_ARG(vec, f32, row)
                                                      : 0;
    if (!isnan(value) && !isinf(value))
        return false;
    MrTextBuilder out = {.arena = call->arena};
    if (isnan(value)) {
        mr_builder_str(&out, "NaN");
    } else {
        mr_builder_str(&out, value < 0 ? "-" : "");
        mr_builder_put(&out, format->prefix.data, format->prefix.size_bytes);
        mr_builder_str(&out, "\xe2\x88\x9e");
        mr_builder_put(&out, format->suffix.data, format->suffix.size_bytes);
    }
    mr__put_built(call, row, &out);
    return true;
}

static MrStatus number_put(MrCall *call, int32_t row, const DecimalFormat *format, MrError *err)
{
    char plain[1024];
    int size = 0;
    if (special_put(call, row, format))
        return MR_OK;
    MR_TRY(number_plain(call, row, format->max_fraction, format->shift, plain, &size, err));
    const char *at = plain, *end = plain + size, *point = memchr(plain, '.', (size_t)size);
    MrTextBuilder out = {.arena = call->arena};
    if (*at == '-')
        mr_builder_char(&out, *at++);
    mr_builder_put(&out, format->prefix.data, format->prefix.size_bytes);
    const char *whole_end = point ? point : end, *fraction = point ? point + 1 : end;
    while (end - fraction > format->min_fraction && end[-1] == '0')
        end--;
    if (whole_end - at == 1 && *at == '0' && format->min_whole == 0 && end > fraction)
        at++; /* .5 */
    int32_t n_whole = (int32_t)(whole_end - at);
    int32_t n_shown = n_whole > format->min_whole ? n_whole : format->min_whole;
    for (int32_t k = n_shown; k > 0; k--) {
        if (k < n_shown && format->group && k % format->group == 0)
            mr_builder_char(&out, ',');
        mr_builder_char(&out, k > n_whole ? '0' : whole_end[-k]);
    }
    if (end > fraction || format->point)
        mr_builder_char(&out, '.');
    mr_builder_put(&out, fraction, end - fraction);
    mr_builder_put(&out, format->suffix.data, format->suffix.size_bytes);
    mr__put_built(call, row, &out);
    return MR_OK;
}

static MrStatus format_digits_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int32_t n_digits = MR_ARG(call->args[1], i32, row);
        if (n_digits > DIGITS_MAX)
            return MR_FAIL_UNSUPPORTED(err, "format_number with so many digits");
        if (n_digits < 0)
            mr_call_null(call, row);
        else
            MR_TRY(number_put(
                call, row,
                &(DecimalFormat){
                    .min_whole = 1, .min_fraction = n_digits, .max_fraction = n_digits, .group = 3},
                err));
    }
    return MR_OK;
}

/* Literal text before or behind the digits; it ends at a character of digits, or (all) at the end.
 */
static bool literal_read(MrText pattern, int64_t *at, bool all, MrArena *arena, DecimalFormat *out,
                         MrText *text)
{
    MrTextBuilder built = {.arena = arena};
    bool quoted = false;
    for (; *at < pattern.size_bytes; (*at)++) {
        char c = pattern.data[*at];
        bool twice = *at + 1 < pattern.size_bytes && pattern.data[*at + 1] == '\'';
        if (c == '\'' && !twice) {
            quoted = !quoted;
            continue;
        }
        if (!quoted && strchr("#0,.", c)) {
            if (!all)
                break;
            return false;
        }
        if (!quoted && c == ';')
            return false;
        if (!quoted && c == '%')
            out->shift = 2;
        *at += c == '\'';
        mr_builder_char(&built, c);
    }
    *text = (MrText){built.data, built.size_bytes};
    return !quoted;
}

/* As DecimalFormat.applyPattern counts.  false: not a pattern, or one that is not done. */
static bool pattern_read(MrText pattern, MrArena *arena, DecimalFormat *out)
{
    int32_t n_left = 0, n_zero = 0, n_right = 0, point = -1;
    int64_t at = 0, comma = -1;
    *out = (DecimalFormat){0};
    if (!literal_read(pattern, &at, false, arena, out, &out->prefix))
        return false;
    for (; at < pattern.size_bytes && strchr("#0,.", pattern.data[at]); at++) {
        char c = pattern.data[at];
        int32_t n_all = n_left + n_zero + n_right;
        if (c == ',') {
            if (point >= 0)
                return false;
            comma = n_all;
        } else if (c == '.') {
            if (point >= 0)
                return false;
            point = n_all;
        } else if (c == '0') {
            if (n_right > 0)
                return false; /* 0 behind # behind 0 */
            n_zero++;
        } else if (n_zero > 0) {
            n_right++;
        } else {
            n_left++;
        }
    }
    int32_t n_all = n_left + n_zero + n_right;
    if (n_zero == 0 && n_left > 0 && point >= 0) { /* #.## shows 0.5 so */
        int32_t n = point == 0 ? 1 : point;
        n_right = n_left - n;
        n_left = n - 1;
        n_zero = 1;
    }
    if (n_all == 0 && point < 0 && comma < 0) /* all prefix: the whole digits follow it */
        return at == pattern.size_bytes;
    if (n_all == 0 || n_all > DIGITS_MAX || (point < 0 && n_right > 0) ||
        (point >= 0 && (point < n_left || point > n_left + n_zero)) || comma == n_all ||
        (comma >= 0 && comma == point))
        return false;
    out->min_whole = (point >= 0 ? point : n_all) - n_left;
    out->max_fraction = point >= 0 ? n_all - point : 0;
    out->min_fraction = point >= 0 ? n_left + n_zero - point : 0;
    out->group = comma >= 0 ? (int32_t)((point >= 0 ? point : n_all) - comma) : 0;
    out->point = point >= 0 && point == n_all;
    return literal_read(pattern, &at, true, arena, out, &out->suffix);
}

static MrStatus format_pattern_call(MrCall *call, MrError *err)
{
    MrText last = {0};
    DecimalFormat format = {0};
    for (MR_EACH(call, i, row)) {
        MrText pattern = mr__arg_str(call, 1, row);
        if (pattern.size_bytes == 0)
            pattern = MR_TEXT("#,##0");
        if (!last.data || !mr_text_equal(last, pattern)) {
            if (!pattern_read(pattern, call->arena, &format))
                return MR_FAIL_UNSUPPORTED(err, "the pattern '%.*s' in format_number",
                                           (int)(pattern.size_bytes < 64 ? pattern.size_bytes : 64),
                                           pattern.data);
            last = mr_text_own(call->arena, pattern);
        }
        MR_TRY(number_put(call, row, &format, err));
    }
    return MR_OK;
}

#define FAILS (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)

const MrFunctionDef mr_functions_decimal_format[] = {
    {"format_number", "numeric, string! -> string", FAILS, format_pattern_call, NULL,
     "By a pattern of digits.", "format_number(12332.1234, '#,##0.0') = '12,332.1'"},
    {"format_number", "numeric, int -> string", FAILS | MR_FN_MAY_NULL, format_digits_call, NULL,
     "With commas, and digits behind the point.", "format_number(12332.1234, 2) = '12,332.12'"},
    {0},
};
