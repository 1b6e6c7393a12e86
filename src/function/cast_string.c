/* cast_string.c - casts from strings and to strings. */
#include "function/calendar.h"
#include "function/cast_int.h"
#include "function/datetime_text.h"
#include <unicode/uchar.h>

static MrText text_at(const MrVector *vec, int64_t at)
{
    return mr_str_text(&vec->str[at]);
}

/* Digits, and in legacy mode a fraction that is dropped (UTF8String.toLong). */
static bool text_to_integer(MrText text, bool fraction_allowed, int64_t *out)
{
    text = mr_text_trim_all(text);
    const char *at = text.data, *end = at + text.size_bytes;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    uint64_t value = 0;
    const char *safe = end - at > 18 ? at + 18 : end; /* that many digits cannot overflow */
    for (; at < safe; at++) {
        unsigned digit = (unsigned char)*at - (unsigned)'0';
        if (digit > 9)
            break;
        value = value * 10 + digit;
    }
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - (unsigned)'0';
        if (digit > 9)
            break;
        if (__builtin_mul_overflow(value, (uint64_t)10, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    if (at < end && *at == '.' && fraction_allowed) {
        for (at++; at < end && *at >= '0' && *at <= '9'; at++)
            ;
    }
    if (at != end || value > (uint64_t)INT64_MAX + negative)
        return false;
    *out = negative ? (int64_t)(0 - value) : (int64_t)value;
    return true;
}

#define DEFINE_TO_INTEGER(name, field, Out)                                                        \
    static MrStatus name(MrCastRun *run, MrError *err)                                             \
    {                                                                                              \
        const bool legacy = run->cast->mode == MR_CAST_LEGACY;                                     \
        for (MR_CAST_EACH(run, row, at)) {                                                         \
            int64_t value;                                                                         \
            if (text_to_integer(text_at(run->in, at), legacy, &value) && value == (Out)value)      \
                run->out->field[row] = (Out)value;                                                 \
            else                                                                                   \
                MR_TRY(mr__cast_invalid(run, row, at, err));                                       \
        }                                                                                          \
        return MR_OK;                                                                              \
    }
DEFINE_TO_INTEGER(string_to_i8, i8, int8_t)
DEFINE_TO_INTEGER(string_to_i16, i16, int16_t)
DEFINE_TO_INTEGER(string_to_i32, i32, int32_t)
DEFINE_TO_INTEGER(string_to_i64, i64, int64_t)

/* Java's parseDouble, then Spark's names of infinity. */
static bool text_to_double(MrText text, bool is_float, double *out)
{
    static const char *const infinities[] = {"inf", "infinity"};
    if (mr_text_to_f64_java(text, is_float, out))
        return true;
    text = mr_text_trim_all(text);
    if (mr_text_equal_nocase(text, MR_TEXT("nan"))) {
        *out = __builtin_nan("");
        return true;
    }
    bool negative = text.size_bytes > 0 && *text.data == '-';
    if (text.size_bytes > 0 && (*text.data == '-' || *text.data == '+'))
        text.data++, text.size_bytes--;
    for (int i = 0; i < MR_COUNT(infinities); i++) {
        if (mr_text_equal_nocase(text, mr_text(infinities[i]))) {
            *out = negative ? -__builtin_inf() : __builtin_inf();
            return true;
        }
    }
    return false;
}

static MrStatus string_to_float(MrCastRun *run, MrError *err)
{
    const bool is_float = run->cast->to->kind == MR_TYPE_FLOAT;
    for (MR_CAST_EACH(run, row, at)) {
        double value;
        if (!text_to_double(text_at(run->in, at), is_float, &value))
            MR_TRY(mr__cast_invalid(run, row, at, err));
        else if (is_float)
            run->out->f32[row] = (float)value;
        else
            run->out->f64[row] = value;
    }
    return MR_OK;
}

/* Decimals */

/* Digits of other scripts as ASCII, as BigDecimal reads them. */
static MrText ascii_digits(MrArena *arena, MrText text)
{
    bool plain = true;
    for (int64_t i = 0; i < text.size_bytes; i++)
        plain &= (unsigned char)text.data[i] < 0x80;
    if (plain)
        return text;
    MrTextBuilder out = {.arena = arena};
    for (int64_t i = 0; i < text.size_bytes;) {
        int32_t n_bytes, c = mr_utf8_next(text.data + i, text.size_bytes - i, &n_bytes);
        int32_t digit = c >= 0x80 ? u_charDigitValue(c) : -1;
        if (digit >= 0)
            mr_builder_char(&out, (char)('0' + digit));
        else
            mr_builder_put(&out, text.data + i, n_bytes);
        i += n_bytes;
    }
    return mr_builder_text(&out);
}

/* A number's parts: digits with the point taken out, and where the point stands. */
typedef struct NumberParts {
    bool negative;
    const char *digits;
    int32_t n_digits;
    int64_t n_whole; /* digits before the point; may be below 0 or beyond n_digits */
} NumberParts;

static bool number_parts(MrArena *arena, MrText text, NumberParts *out)
{
    const char *at = text.data, *end = at + text.size_bytes;
    char *digits = mr_arena_alloc(arena, text.size_bytes + 1);
    int32_t n = 0;
    int64_t n_whole = -1, exponent = 0;
    *out = (NumberParts){.negative = at < end && *at == '-'};
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    for (; at < end; at++) {
        if (*at >= '0' && *at <= '9')
            digits[n++] = *at;
        else if (*at == '.' && n_whole < 0)
            n_whole = n;
        else
            break;
    }
    if (n == 0)
        return false;
    if (at < end && (*at == 'e' || *at == 'E')) {
        bool minus = ++at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        if (at == end)
            return false;
        for (; at < end && *at >= '0' && *at <= '9'; at++)
            exponent = exponent < INT32_MAX ? exponent * 10 + (*at - '0') : exponent;
        exponent = minus ? -exponent : exponent;
    }
    n_whole = (n_whole < 0 ? n : n_whole) + exponent;
    int32_t skip = 0; /* zeros in front count for nothing */
    while (skip < n - 1 && digits[skip] == '0')
        skip++;
    out->digits = digits + skip;
    out->n_digits = n - skip;
    out->n_whole = n_whole - skip;
    return at == end;
}

const char *mr__number_plain(MrArena *arena, MrText text)
{
    NumberParts parts;
    MrTextBuilder out = {.arena = arena};
    if (!number_parts(arena, text, &parts) || parts.n_whole > 400 || parts.n_whole < -400)
        return mr_arena_strn(arena, text.data, text.size_bytes);
    int32_t n = parts.n_digits;
    /* 1.0E10 is 10000000000: a double's lone zero behind the point is no digit of the decimal */
    while (n > 1 && n > parts.n_whole && parts.digits[n - 1] == '0' && parts.n_whole > 0 &&
           memchr(text.data, 'E', (size_t)text.size_bytes))
        n--;
    if (parts.negative)
        mr_builder_char(&out, '-');
    if (parts.n_whole <= 0)
        mr_builder_char(&out, '0');
    for (int64_t i = 0; i < parts.n_whole; i++)
        mr_builder_char(&out, i < n ? parts.digits[i] : '0');
    if (n > parts.n_whole) {
        mr_builder_char(&out, '.');
        for (int64_t i = parts.n_whole; i < n; i++)
            mr_builder_char(&out, i < 0 ? '0' : parts.digits[i]);
    }
    return mr_builder_text(&out).data;
}

/* Not a decimal of the target type: no number, one beyond 38 digits, or one too large for the type.
 */
static MrStatus decimal_refused(MrCastRun *run, int64_t row, int64_t at, MrText text, MrError *err)
{
    NumberParts parts;
    if (run->cast->mode != MR_CAST_ANSI || !number_parts(run->arena, text, &parts))
        return mr__cast_invalid(run, row, at, err);
    if (parts.n_whole > MR_DECIMAL_MAX_DIGITS) {
        MrText whole = text_at(run->in, at);
        return MR_FAIL(err, MR_COND_NUMERIC_OUT_OF_SUPPORTED_RANGE, "value",
                       mr_arena_strn(run->arena, whole.data, whole.size_bytes));
    }
    return mr__raise_decimal(run, mr__number_plain(run->arena, text), err);
}

static MrStatus string_to_decimal(MrCastRun *run, MrError *err)
{
    const MrType *to = run->cast->to;
    const bool small = mr_type_physical(to) == MR_PHYS_I64;
    for (MR_CAST_EACH(run, row, at)) {
        MrI128 value;
        MrText text = mr_text_trim_all(text_at(run->in, at));
        bool fits = mr_text_to_decimal(text, to->precision, to->scale, &value);
        if (!fits) {
            text = ascii_digits(run->arena, text);
            fits = mr_text_to_decimal(text, to->precision, to->scale, &value);
        }
        if (!fits)
            MR_TRY(decimal_refused(run, row, at, text, err));
        else if (small)
            run->out->i64[row] = (int64_t)value;
        else
            run->out->i128[row] = value;
    }
    return MR_OK;
}

static MrStatus string_to_boolean(MrCastRun *run, MrError *err)
{
    static const struct {
        const char *word;
        int8_t value;
    } words[] = {{"true", 1}, {"false", 0}, {"t", 1},  {"f", 0}, {"1", 1},
                 {"0", 0},    {"yes", 1},   {"no", 0}, {"y", 1}, {"n", 0}};
    for (MR_CAST_EACH(run, row, at)) {
        MrText text = mr_text_trim_all(text_at(run->in, at));
        int i = 0;
        while (i < MR_COUNT(words) && !mr_text_equal_nocase(text, mr_text(words[i].word)))
            i++;
        if (i < MR_COUNT(words))
            run->out->i8[row] = words[i].value;
        else
            MR_TRY(mr__cast_invalid(run, row, at, err));
    }
    return MR_OK;
}

/* Dates and times */

/* 'today' and the like are dates in constants only. */
static bool special_us(const MrCastRun *run, int64_t at, int64_t *us)
{
    return run->in->encoding == MR_CONSTANT &&
           mr_text_to_special_us(text_at(run->in, at), run->settings->zone, run->settings->zones,
                                 run->context->now_us, us);
}

static MrStatus string_to_date(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at)) {
        int64_t us;
        if (mr_text_to_date(text_at(run->in, at), &run->out->i32[row]))
            continue;
        if (special_us(run, at, &us))
            run->out->i32[row] =
                us == 0 ? 0 : (int32_t)mr_us_to_days(mr_zone_to_local_us(run->settings->zone, us));
        else
            MR_TRY(mr__cast_invalid(run, row, at, err));
    }
    return MR_OK;
}

static MrStatus string_to_timestamp(MrCastRun *run, MrError *err)
{
    const MrSettings *settings = run->settings;
    for (MR_CAST_EACH(run, row, at)) {
        int64_t *us = &run->out->i64[row];
        if (!mr_text_to_timestamp(text_at(run->in, at), settings->zone, settings->zones,
                                  run->context->now_us, us) &&
            !special_us(run, at, us))
            MR_TRY(mr__cast_invalid(run, row, at, err));
    }
    return MR_OK;
}

static MrStatus string_to_ntz(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at)) {
        int64_t us;
        if (mr_text_to_timestamp_ntz(text_at(run->in, at), run->settings->zones, true,
                                     &run->out->i64[row]))
            continue;
        if (special_us(run, at, &us))
            run->out->i64[row] = us == 0 ? 0 : mr_zone_to_local_us(run->settings->zone, us);
        else
            MR_TRY(mr__cast_invalid(run, row, at, err));
    }
    return MR_OK;
}

static MrStatus string_to_time(MrCastRun *run, MrError *err)
{
    const int64_t unit = mr_pow10_i64[9 - run->cast->to->precision];
    for (MR_CAST_EACH(run, row, at)) {
        int64_t ns;
        if (mr_text_to_time(text_at(run->in, at), &ns))
            run->out->i64[row] = ns / unit * unit;
        else
            MR_TRY(mr__cast_invalid(run, row, at, err));
    }
    return MR_OK;
}

/* These raise in every mode but TRY, as Spark's parsers throw. */
static MrStatus string_to_interval(MrCastRun *run, MrError *err)
{
    const MrType *to = run->cast->to;
    const MrIntervalField first = (MrIntervalField)to->from, last = (MrIntervalField)to->to;
    const bool ym = to->kind == MR_TYPE_INTERVAL_YM;
    for (MR_CAST_EACH(run, row, at)) {
        MrText text = text_at(run->in, at);
        MrStatus status = ym ? mr_text_to_interval_ym(text, first, last, &run->out->i32[row], err)
                             : mr_text_to_interval_dt(text, first, last, &run->out->i64[row], err);
        if (status != MR_OK) {
            if (run->cast->mode != MR_CAST_TRY)
                return status;
            mr__cast_null(run, row);
        }
    }
    return MR_OK;
}

/* What is no interval becomes NULL in every mode. */
static MrStatus string_to_calendar_interval(MrCastRun *run, MrError *err)
{
    MrError ignored;
    for (MR_CAST_EACH(run, row, at)) {
        if (mr_text_to_interval(text_at(run->in, at), &run->out->interval[row], &ignored) != MR_OK)
            mr__cast_null(run, row);
    }
    return MR_OK;
}

MrCastLeaf mr__cast_from_string_leaf(MrCast *cast)
{
    cast->can_fail = cast->mode == MR_CAST_ANSI;
    switch (cast->to->kind) {
    case MR_TYPE_BOOLEAN:
        return string_to_boolean;
    case MR_TYPE_TINYINT:
        return string_to_i8;
    case MR_TYPE_SMALLINT:
        return string_to_i16;
    case MR_TYPE_INT:
        return string_to_i32;
    case MR_TYPE_BIGINT:
        return string_to_i64;
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE:
        return string_to_float;
    case MR_TYPE_DECIMAL:
        return string_to_decimal;
    case MR_TYPE_DATE:
        return string_to_date;
    case MR_TYPE_TIME:
        return string_to_time;
    case MR_TYPE_TIMESTAMP:
        return string_to_timestamp;
    case MR_TYPE_TIMESTAMP_NTZ:
        return string_to_ntz;
    case MR_TYPE_INTERVAL_YM:
    case MR_TYPE_INTERVAL_DT:
        cast->can_fail = cast->mode != MR_CAST_TRY;
        return string_to_interval;
    case MR_TYPE_INTERVAL:
        cast->can_fail = false;
        return string_to_calendar_interval;
    default:
        cast->can_fail = false;
        cast->total = true;
        return NULL; /* binary, and strings of another length or collation */
    }
}

/* To strings */

static MrStatus integer_to_string(MrCastRun *run, MrError *err)
{
    char text[MR_I64_TEXT_MAX];
    MrPhysical physical = mr_type_physical(run->cast->from);
    for (MR_CAST_EACH(run, row, at)) {
        int64_t value = physical == MR_PHYS_I8    ? run->in->i8[at]
                        : physical == MR_PHYS_I16 ? run->in->i16[at]
                        : physical == MR_PHYS_I32 ? run->in->i32[at]
                                                  : run->in->i64[at];
        run->out->str[row] = mr_str_own(run->arena, text, mr_i64_to_text(value, text));
    }
    return MR_OK;
}

static MrStatus date_to_string(MrCastRun *run, MrError *err)
{
    char text[MR_DATETIME_TEXT_MAX];
    for (MR_CAST_EACH(run, row, at))
        run->out->str[row] = mr_str_own(run->arena, text, mr_date_to_text(run->in->i32[at], text));
    return MR_OK;
}

static MrStatus timestamp_to_string(MrCastRun *run, MrError *err)
{
    char text[MR_DATETIME_TEXT_MAX];
    const bool ntz = run->cast->from->kind == MR_TYPE_TIMESTAMP_NTZ;
    for (MR_CAST_EACH(run, row, at)) {
        int64_t us = run->in->i64[at];
        int32_t offset_s = ntz ? 0 : mr_zone_offset_s(run->settings->zone, us);
        run->out->str[row] = mr_str_own(run->arena, text, mr_instant_to_text(us, offset_s, text));
    }
    return MR_OK;
}

/* The settings as they are, but with the rules of this cast (decimals print differently). */
static MrStatus value_to_string(MrCastRun *run, MrError *err)
{
    MrSettings settings = *run->settings;
    settings.ansi = run->cast->mode != MR_CAST_LEGACY;
    MrTextBuilder text = {.arena = run->arena};
    for (MR_CAST_EACH(run, row, at)) {
        text.size_bytes = 0;
        mr_value_text(run->in, at, MR_TEXT_CAST, &settings, &text);
        run->out->str[row] = mr_str_own(run->arena, text.data, text.size_bytes);
    }
    return MR_OK;
}

MrCastLeaf mr__cast_to_string_leaf(MrCast *cast)
{
    switch (cast->from->kind) {
    case MR_TYPE_BINARY:
        cast->total = true;
        return NULL;
    case MR_TYPE_TINYINT:
    case MR_TYPE_SMALLINT:
    case MR_TYPE_INT:
    case MR_TYPE_BIGINT:
        return integer_to_string;
    case MR_TYPE_DATE:
        return date_to_string;
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ:
        return timestamp_to_string;
    default:
        return value_to_string;
    }
}
