/* text_value.c - fast paths for the texts that files are full of; the engine's casts for the rest.
 */
#include "format/text_value.h"

#include "function/datetime_text.h"

/* Eight ASCII digits to their value (little-endian load): pairs, fours, eight. */
static inline bool is_8_digits(uint64_t word)
{
    return ((word & (word + UINT64_C(0x0606060606060606)) & UINT64_C(0xF0F0F0F0F0F0F0F0)) ^
            UINT64_C(0x3030303030303030)) == 0;
}
static inline uint64_t value_8_digits(uint64_t word)
{
    word = (word & UINT64_C(0x0F0F0F0F0F0F0F0F)) * 2561 >> 8;
    word = (word & UINT64_C(0x00FF00FF00FF00FF)) * 6553601 >> 16;
    return (word & UINT64_C(0x0000FFFF0000FFFF)) * UINT64_C(42949672960001) >> 32;
}

bool mr_digits_i64(const char *at, const char *end, int64_t *value, const char **stop)
{
    bool negative = false;
    if (at < end && (*at == '-' || *at == '+'))
        negative = *at++ == '-';
    const char *begin = at;
    uint64_t sum = 0;
    if (end - at >= 8) { /* 16 digits at most here: no overflow */
        uint64_t word;
        memcpy(&word, at, 8);
        if (is_8_digits(word)) {
            sum = value_8_digits(word);
            at += 8;
            if (end - at >= 8) {
                memcpy(&word, at, 8);
                if (is_8_digits(word)) {
                    sum = sum * 100000000 + value_8_digits(word);
                    at += 8;
                }
            }
        }
    }
    while (at < end && (unsigned char)(*at - '0') < 10) {
        if (__builtin_mul_overflow(sum, (uint64_t)10, &sum) ||
            __builtin_add_overflow(sum, (uint64_t)(*at - '0'), &sum))
            return false;
        at++;
    }
    *stop = at;
    if (at == begin || sum > (uint64_t)INT64_MAX + negative)
        return false;
    *value = negative ? (int64_t)(0 - sum) : (int64_t)sum;
    return true;
}

/* Howard Hinnant's days_from_civil: days since 1970-01-01 of a proleptic Gregorian date. */
static int32_t civil_days(int32_t year, int32_t month, int32_t day)
{
    year -= month <= 2;
    int32_t era = (year >= 0 ? year : year - 399) / 400;
    int32_t year_of_era = year - era * 400;
    int32_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* n digits at at, or -1. */
static int32_t fixed_digits(const char *at, int n)
{
    int32_t value = 0;
    for (int i = 0; i < n; i++) {
        unsigned digit = (unsigned char)at[i] - (unsigned)'0';
        if (digit > 9)
            return -1;
        value = value * 10 + (int32_t)digit;
    }
    return value;
}

static bool iso_day(const char *at, int32_t *days)
{
    static const int8_t month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    int32_t year = fixed_digits(at, 4), month = fixed_digits(at + 5, 2),
            day = fixed_digits(at + 8, 2);
    if (at[4] != '-' || at[7] != '-' || year < 0 || month < 1 || month > 12 || day < 1)
        return false;
    bool leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    if (day > month_days[month - 1] + (month == 2 && leap))
        return false;
    *days = civil_days(year, month, day);
    return true;
}

static bool iso_date(MrText text, int32_t *days)
{
    return text.size_bytes == 10 && iso_day(text.data, days);
}

/* Whole-text forms: yyyy-MM-dd, and yyyy-MM-dd[T ]HH:mm[:ss[.f{1,9}]][Z|+hh:mm].  has_zone false:
 * local. */
static bool iso_timestamp(MrText text, int64_t *us, bool *has_zone)
{
    const char *at = text.data, *end = at + text.size_bytes;
    int32_t days;
    if (text.size_bytes < 16 || !iso_day(at, &days) || (at[10] != ' ' && at[10] != 'T') ||
        at[13] != ':')
        return false;
    int32_t hour = fixed_digits(at + 11, 2), minute = fixed_digits(at + 14, 2), second = 0,
            fraction = 0;
    at += 16;
    if (end - at >= 3 && *at == ':') {
        second = fixed_digits(at + 1, 2);
        at += 3;
        if (end - at >= 2 && *at == '.') {
            int n = 0;
            for (at++; at < end && (unsigned char)(*at - '0') < 10; at++, n++)
                fraction =
                    n < 6 ? fraction * 10 + (*at - '0') : fraction; /* beyond microseconds: cut */
            if (n == 0 || n > 9)
                return false;
            for (; n < 6; n++)
                fraction *= 10;
        }
    }
    if (hour < 0 || hour > 23 || minute < 0 || minute > 59 || second < 0 || second > 59)
        return false;
    int64_t offset_min = 0;
    *has_zone = at < end;
    if (end - at == 1 && *at == 'Z') {
        at++;
    } else if (end - at == 6 && (*at == '+' || *at == '-') && at[3] == ':') {
        int32_t zone_hour = fixed_digits(at + 1, 2), zone_minute = fixed_digits(at + 4, 2);
        if (zone_hour < 0 || zone_hour > 17 || zone_minute < 0 || zone_minute > 59)
            return false;
        offset_min = (*at == '-' ? -1 : 1) * (zone_hour * 60 + zone_minute);
        at += 6;
    }
    if (at != end)
        return false;
    *us = (((int64_t)days * 24 + hour) * 60 + minute - offset_min) * 60000000 +
          second * INT64_C(1000000) + fraction;
    return true;
}

/* Binds a function of (string, constant pattern). */
static MrStatus pattern_bind(MrTextValue *self, MrArena *arena, const char *name,
                             const char *format, MrError *err)
{
    MrStr pattern = mr_str_own(arena, format, (int64_t)strlen(format));
    self->pattern = mr_vector_constant(arena, MR_T(STRING), &pattern);
    MrArgInfo *args = MR_NEW_N(arena, MrArgInfo, 2);
    args[0] = (MrArgInfo){.type = MR_T(STRING), .nullable = true, .sql = "value"};
    args[1] = (MrArgInfo){.type = MR_T(STRING), .value = self->pattern, .sql = format};
    MrBind bind = {
        .settings = self->settings, .arena = arena, .n_args = 2, .args = args, .sql = name};
    MrBound *bound;
    MR_TRY(mr_function_bind(&bind, name, &bound, err));
    self->bound = bound;
    return MR_OK;
}

MrStatus mr_text_value_init(MrTextValue *self, MrArena *arena, const MrSettings *settings,
                            const MrType *type, const char *format, MrError *err)
{
    const char *zone = settings && settings->zone_id ? settings->zone_id : "UTC";
    *self = (MrTextValue){.type = type, .settings = settings};
    self->iso = !format || (type->kind == MR_TYPE_DATE && strcmp(format, "yyyy-MM-dd") == 0);
    self->utc = strcmp(zone, "UTC") == 0 || strcmp(zone, "Etc/UTC") == 0 ||
                strcmp(zone, "Z") == 0 || strcmp(zone, "GMT") == 0 || strcmp(zone, "+00:00") == 0;
    switch (type->kind) {
    case MR_TYPE_STRING:
    case MR_TYPE_BINARY:
    case MR_TYPE_VOID:
        return MR_OK;
    case MR_TYPE_DATE:
        if (format)
            return pattern_bind(self, arena, "try_to_date", format, err);
        break;
    case MR_TYPE_TIMESTAMP:
        if (format)
            return pattern_bind(self, arena, "try_to_timestamp", format, err);
        break;
    case MR_TYPE_TIMESTAMP_NTZ:
        return format ? pattern_bind(self, arena, "to_timestamp_ntz", format, err) : MR_OK;
    default:
        break;
    }
    if (mr_type_is_nested(type))
        return MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "text",
                       "columnName", "value", "columnType", mr_type_sql_text(arena, type));
    MrBound *bound;
    MR_TRY(mr_cast_bind(arena, settings, MR_T(STRING), type, MR_CAST_TRY, "value", &bound, err));
    self->bound = bound;
    return MR_OK;
}

/* Runs the bound function over one value. */
static bool slow_set(const MrTextValue *self, const MrEvalContext *context, MrArena *arena,
                     MrText text, MrVector *vec, int64_t row)
{
    MrStr str = mr_str_borrow(text.data, text.size_bytes);
    MrVector *args[2] = {mr_vector_constant(arena, MR_T(STRING), &str), self->pattern};
    MrVector *out = mr_vector_create(arena, self->bound->type, 1);
    MrCall call = {.context = context,
                   .bound = self->bound,
                   .n_args = self->pattern ? 2 : 1,
                   .args = args,
                   .n = 1,
                   .n_rows = 1,
                   .out = out,
                   .arena = arena};
    MrError ignored = {0};
    if (self->bound->call(&call, &ignored) != MR_OK || mr_vector_is_null(call.out, 0))
        return false;
    mr_vector_copy_row(arena, call.out, 0, vec, row);
    return true;
}

static bool text_is(MrText text, const char *word)
{
    return mr_text_equal_nocase(text, mr_text(word));
}

bool mr_text_value_set(const MrTextValue *self, const MrEvalContext *context, MrArena *arena,
                       MrText text, MrVector *vec, int64_t row)
{
    const char *end = text.data + text.size_bytes, *stop;
    int64_t i64;
    switch (self->type->kind) {
    case MR_TYPE_STRING:
        if (self->type->is_char) { /* filled up; what is longer was not checked when it came */
            int64_t n_pad = self->type->length - mr_utf8_length(text.data, text.size_bytes);
            if (n_pad > 0) {
                char *padded = mr_arena_alloc(arena, text.size_bytes + n_pad);
                memcpy(padded, text.data, (size_t)text.size_bytes);
                memset(padded + text.size_bytes, ' ', (size_t)n_pad);
                text = (MrText){padded, text.size_bytes + n_pad};
            }
        }
        vec->str[row] = mr_str_borrow(text.data, text.size_bytes);
        return true;
    case MR_TYPE_BINARY:
        vec->str[row] = mr_str_borrow(text.data, text.size_bytes);
        return true;
    case MR_TYPE_BOOLEAN:
        if (!text_is(text, "true") && !text_is(text, "false"))
            return false;
        vec->i8[row] = text.size_bytes == 4;
        return true;
    case MR_TYPE_TINYINT:
    case MR_TYPE_SMALLINT:
    case MR_TYPE_INT:
    case MR_TYPE_BIGINT:
        if (!mr_digits_i64(text.data, end, &i64, &stop) || stop != end)
            return false;
        switch (self->type->kind) {
        case MR_TYPE_TINYINT:
            vec->i8[row] = (int8_t)i64;
            return vec->i8[row] == i64;
        case MR_TYPE_SMALLINT:
            vec->i16[row] = (int16_t)i64;
            return vec->i16[row] == i64;
        case MR_TYPE_INT:
            vec->i32[row] = (int32_t)i64;
            return vec->i32[row] == i64;
        default:
            vec->i64[row] = i64;
            return true;
        }
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE: {
        double f64;
        if (!mr_text_to_f64_java(text, self->type->kind == MR_TYPE_FLOAT, &f64))
            return false;
        if (self->type->kind == MR_TYPE_DOUBLE)
            vec->f64[row] = f64;
        else
            vec->f32[row] = (float)f64;
        return true;
    }
    case MR_TYPE_DECIMAL: {
        MrI128 value;
        if (!mr_text_to_decimal(text, self->type->precision, self->type->scale, &value))
            return false;
        if (mr_type_physical(self->type) == MR_PHYS_I64)
            vec->i64[row] = (int64_t)value;
        else
            vec->i128[row] = value;
        return true;
    }
    case MR_TYPE_DATE:
        if (self->iso && iso_date(text, &vec->i32[row]))
            return true;
        break;
    case MR_TYPE_TIMESTAMP:
    case MR_TYPE_TIMESTAMP_NTZ: {
        bool has_zone;
        if (self->iso && iso_timestamp(text, &i64, &has_zone) &&
            (self->type->kind == MR_TYPE_TIMESTAMP ? has_zone || self->utc : !has_zone)) {
            vec->i64[row] = i64;
            return true;
        }
        if (!self->bound) /* TIMESTAMP_NTZ: a zone in the text does not fit */
            return mr_text_to_timestamp_ntz(text, NULL, false, &vec->i64[row]);
        break;
    }
    default:
        break;
    }
    return self->bound && slow_set(self, context, arena, text, vec, row);
}
