/* cast_datetime.c - casts from and to dates, times, timestamps and intervals. */
#include "function/calendar.h"
#include "function/cast_int.h"
#include "function/datetime_text.h"

#define NS_PER_SECOND INT64_C(1000000000)

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* Among datetimes */

static MrStatus date_to_timestamp(MrCastRun *run, MrError *err)
{
    const MrZone *zone = run->settings->zone;
    for (MR_CAST_EACH(run, row, at))
        run->out->i64[row] = mr_zone_to_utc_us(zone, run->in->i32[at] * MR_US_PER_DAY);
    return MR_OK;
}

static MrStatus date_to_ntz(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at))
        run->out->i64[row] = (int64_t)((uint64_t)run->in->i32[at] * (uint64_t)MR_US_PER_DAY);
    return MR_OK;
}

static MrStatus timestamp_to_date(MrCastRun *run, MrError *err)
{
    const MrZone *zone = run->settings->zone;
    for (MR_CAST_EACH(run, row, at))
        run->out->i32[row] = (int32_t)mr_us_to_days(mr_zone_to_local_us(zone, run->in->i64[at]));
    return MR_OK;
}

static MrStatus ntz_to_date(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at))
        run->out->i32[row] = (int32_t)mr_us_to_days(run->in->i64[at]);
    return MR_OK;
}

static MrStatus timestamp_to_ntz(MrCastRun *run, MrError *err)
{
    const MrZone *zone = run->settings->zone;
    for (MR_CAST_EACH(run, row, at))
        run->out->i64[row] = mr_zone_to_local_us(zone, run->in->i64[at]);
    return MR_OK;
}

static MrStatus ntz_to_timestamp(MrCastRun *run, MrError *err)
{
    const MrZone *zone = run->settings->zone;
    for (MR_CAST_EACH(run, row, at))
        run->out->i64[row] = mr_zone_to_utc_us(zone, run->in->i64[at]);
    return MR_OK;
}

static MrStatus time_to_time(MrCastRun *run, MrError *err)
{
    const int64_t unit = mr_pow10_i64[9 - run->cast->to->precision];
    for (MR_CAST_EACH(run, row, at))
        run->out->i64[row] = run->in->i64[at] / unit * unit;
    return MR_OK;
}

/* Numbers to timestamps: seconds */

static int64_t seconds_to_us(int64_t seconds)
{
    int64_t us;
    if (__builtin_mul_overflow(seconds, MR_US_PER_SECOND, &us))
        return seconds < 0 ? INT64_MIN : INT64_MAX;
    return us;
}

static MrStatus integer_to_timestamp(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at))
        run->out->i64[row] = seconds_to_us(mr_vector_integer(run->in, at));
    return MR_OK;
}

static MrStatus boolean_to_timestamp(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at)) /* Spark: one microsecond */
        run->out->i64[row] = run->in->i8[at];
    return MR_OK;
}

static MrStatus float_to_timestamp(MrCastRun *run, MrError *err)
{
    const bool is_float = run->cast->from->kind == MR_TYPE_FLOAT,
               ansi = run->cast->mode != MR_CAST_LEGACY;
    for (MR_CAST_EACH(run, row, at)) {
        double seconds = is_float ? (double)run->in->f32[at] : run->in->f64[at];
        double us = seconds * 1e6;
        if (!__builtin_isfinite(seconds)) {
            MR_TRY(mr__cast_invalid(run, row, at, err));
        } else if (us >= -9223372036854775808.0 && us < 9223372036854775808.0) {
            run->out->i64[row] = (int64_t)us;
        } else if (!ansi) {
            run->out->i64[row] = us < 0 ? INT64_MIN : INT64_MAX;
        } else if (run->cast->mode == MR_CAST_TRY) {
            mr__cast_null(run, row);
        } else { /* Spark names the product, as a DOUBLE that is no BIGINT */
            MrVector *product = mr_vector_constant(run->arena, MR_T(DOUBLE), &us);
            MrCast named = {.from = MR_T(DOUBLE), .to = MR_T(BIGINT), .mode = MR_CAST_ANSI};
            MrCastRun other = {
                .cast = &named, .in = product, .arena = run->arena, .settings = run->settings};
            return mr__raise_overflow(&other, 0, err);
        }
    }
    return MR_OK;
}

/* Scala's BigDecimal keeps 34 digits, half to even. */
static MrI128 round_to_34_digits(MrI128 value)
{
    int n_digits = MR_DECIMAL_MAX_DIGITS;
    MrI128 absolute = value < 0 ? -value : value;
    while (n_digits > 34 && absolute < mr_pow10_i128[n_digits - 1])
        n_digits--;
    const MrI128 unit = mr_pow10_i128[n_digits - 34];
    MrI128 kept = absolute / unit, rest = absolute % unit * 2;
    kept += rest > unit || (rest == unit && kept % 2 != 0);
    return (value < 0 ? -kept : kept) * unit;
}

static MrStatus decimal_to_timestamp(MrCastRun *run, MrError *err)
{
    const int scale = run->cast->from->scale;
    for (MR_CAST_EACH(run, row, at)) {
        MrI128 value = round_to_34_digits(mr__decimal_at(run->in, at));
        /* BigDecimal.longValue: the low 64 bits of what is too large */
        run->out->i64[row] = scale > 6
                                 ? (int64_t)(value / mr_pow10_i128[scale - 6])
                                 : (int64_t)((MrU128)value * (MrU128)mr_pow10_i128[6 - scale]);
    }
    return MR_OK;
}

/* Whole numbers out of times and intervals */

static MrStatus put_integer(MrCastRun *run, int64_t row, int64_t at, int64_t value,
                            bool always_raise, MrError *err)
{
    bool fits = true;
    switch (mr_type_physical(run->cast->to)) {
    case MR_PHYS_I8:
        fits = value == (int8_t)value;
        run->out->i8[row] = (int8_t)value;
        break;
    case MR_PHYS_I16:
        fits = value == (int16_t)value;
        run->out->i16[row] = (int16_t)value;
        break;
    case MR_PHYS_I32:
        fits = value == (int32_t)value;
        run->out->i32[row] = (int32_t)value;
        break;
    default:
        run->out->i64[row] = value;
    }
    if (fits)
        return MR_OK;
    if (always_raise && run->cast->mode != MR_CAST_TRY)
        return mr__raise_overflow(run, at, err);
    return mr__cast_overflow(run, row, at, err);
}

static MrStatus timestamp_to_integer(MrCastRun *run, MrError *err)
{
    const bool legacy = run->cast->mode == MR_CAST_LEGACY; /* cuts off high bits */
    for (MR_CAST_EACH(run, row, at)) {
        int64_t seconds = floor_div(run->in->i64[at], MR_US_PER_SECOND);
        if (legacy) {
            MrPhysical physical = mr_type_physical(run->cast->to);
            seconds = physical == MR_PHYS_I8    ? (int8_t)seconds
                      : physical == MR_PHYS_I16 ? (int16_t)seconds
                      : physical == MR_PHYS_I32 ? (int32_t)seconds
                                                : seconds;
        }
        MR_TRY(put_integer(run, row, at, seconds, false, err));
    }
    return MR_OK;
}

static MrStatus timestamp_to_float(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at)) {
        double seconds = (double)run->in->i64[at] / 1e6;
        if (run->cast->to->kind == MR_TYPE_FLOAT)
            run->out->f32[row] = (float)seconds;
        else
            run->out->f64[row] = seconds;
    }
    return MR_OK;
}

static MrStatus timestamp_to_boolean(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at))
        run->out->i8[row] = run->in->i64[at] != 0;
    return MR_OK;
}

static MrStatus all_to_null(MrCastRun *run, MrError *err)
{
    for (int64_t i = 0; i < run->n; i++)
        mr__cast_null(run, mr__cast_row(run, i));
    return MR_OK;
}

static MrStatus time_to_integer(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at))
        MR_TRY(put_integer(run, row, at, run->in->i64[at] / NS_PER_SECOND, false, err));
    return MR_OK;
}

/* value * 10^-scale as the target decimal; raise: an error in legacy mode too */
static MrStatus put_decimal(MrCastRun *run, int64_t row, MrI128 value, int scale, bool always_raise,
                            MrError *err)
{
    const MrType *to = run->cast->to;
    MrI128 result = 0;
    bool fits = mr_decimal_rescale(value, scale, to->scale, to->precision, &result);
    const char *plain = fits ? NULL : mr__decimal_plain(run->arena, value, scale);
    if (!fits && always_raise && run->cast->mode != MR_CAST_TRY)
        return mr__raise_decimal(run, plain, err);
    return mr__cast_put_decimal(run, row, fits, result, plain, err);
}

static MrStatus timestamp_to_decimal(MrCastRun *run, MrError *err)
{
    const MrType *to = run->cast->to;
    for (MR_CAST_EACH(run, row, at)) { /* Spark goes through a double */
        double seconds = (double)run->in->i64[at] / 1e6;
        MrI128 value = 0;
        bool fits = mr_f64_to_decimal(seconds, to->precision, to->scale, &value);
        char text[MR_F64_TEXT_MAX];
        const char *plain =
            fits ? NULL
                 : mr__number_plain(run->arena, (MrText){text, mr_f64_to_text(seconds, text)});
        MR_TRY(mr__cast_put_decimal(run, row, fits, value, plain, err));
    }
    return MR_OK;
}

static MrStatus time_to_decimal(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at))
        MR_TRY(put_decimal(run, row, run->in->i64[at], 9, false, err));
    return MR_OK;
}

static const int64_t unit_us[] = {
    0, 0, MR_US_PER_DAY, MR_US_PER_HOUR, MR_US_PER_MINUTE, MR_US_PER_SECOND};

static MrStatus interval_to_integer(MrCastRun *run, MrError *err)
{
    const MrType *from = run->cast->from;
    for (MR_CAST_EACH(run, row, at)) {
        int64_t value = from->kind == MR_TYPE_INTERVAL_YM
                            ? run->in->i32[at] / (from->to == MR_YEAR ? 12 : 1)
                            : run->in->i64[at] / unit_us[from->to];
        MR_TRY(put_integer(run, row, at, value, true, err));
    }
    return MR_OK;
}

static MrStatus interval_to_decimal(MrCastRun *run, MrError *err)
{
    const MrType *from = run->cast->from;
    for (MR_CAST_EACH(run, row, at)) {
        if (from->kind == MR_TYPE_INTERVAL_YM)
            MR_TRY(put_decimal(run, row, run->in->i32[at] / (from->to == MR_YEAR ? 12 : 1), 0, true,
                               err));
        else if (from->to == MR_SECOND)
            MR_TRY(put_decimal(run, row, run->in->i64[at], 6, true, err));
        else
            MR_TRY(put_decimal(run, row, run->in->i64[at] / unit_us[from->to], 0, true, err));
    }
    return MR_OK;
}

static MrStatus interval_to_interval(MrCastRun *run, MrError *err)
{
    const MrType *to = run->cast->to;
    for (MR_CAST_EACH(run, row, at)) {
        if (to->kind == MR_TYPE_INTERVAL_YM)
            run->out->i32[row] =
                to->to == MR_YEAR ? run->in->i32[at] - run->in->i32[at] % 12 : run->in->i32[at];
        else
            run->out->i64[row] = to->to == MR_SECOND
                                     ? run->in->i64[at]
                                     : run->in->i64[at] - run->in->i64[at] % unit_us[to->to];
    }
    return MR_OK;
}

/* Numbers to intervals: counts of the type's last field */

static MrStatus put_interval(MrCastRun *run, int64_t row, int64_t at, bool fits, MrI128 value,
                             MrError *err)
{
    if (run->cast->to->kind == MR_TYPE_INTERVAL_YM) {
        run->out->i32[row] = (int32_t)value;
        fits &= value == (int32_t)value;
    } else {
        run->out->i64[row] = (int64_t)value;
        fits &= value == (int64_t)value;
    }
    if (fits)
        return MR_OK;
    if (run->cast->mode != MR_CAST_TRY)
        return mr__raise_overflow(run, at, err);
    mr__cast_null(run, row);
    return MR_OK;
}

static int64_t interval_unit(const MrType *type)
{
    return type->kind == MR_TYPE_INTERVAL_DT ? unit_us[type->to] : type->to == MR_YEAR ? 12 : 1;
}

static MrStatus integer_to_interval(MrCastRun *run, MrError *err)
{
    const int64_t unit = interval_unit(run->cast->to);
    for (MR_CAST_EACH(run, row, at))
        MR_TRY(
            put_interval(run, row, at, true, (MrI128)mr_vector_integer(run->in, at) * unit, err));
    return MR_OK;
}

static MrStatus decimal_to_interval(MrCastRun *run, MrError *err)
{
    const MrType *to = run->cast->to;
    const int scale = run->cast->from->scale;
    for (MR_CAST_EACH(run, row, at)) {
        MrI128 result;
        bool fits = mr_i128_mul(mr__decimal_at(run->in, at), interval_unit(to), &result);
        result = fits ? mr_decimal_round_down(result, scale) : 0;
        MR_TRY(put_interval(run, row, at, fits, result, err));
    }
    return MR_OK;
}

static MrCastLeaf from_interval_leaf(const MrType *to)
{
    if (mr_type_is_integral(to))
        return interval_to_integer;
    return to->kind == MR_TYPE_DECIMAL ? interval_to_decimal : interval_to_interval;
}

static MrCastLeaf from_timestamp_leaf(const MrType *to)
{
    switch (to->kind) {
    case MR_TYPE_DATE:
        return timestamp_to_date;
    case MR_TYPE_TIMESTAMP_NTZ:
        return timestamp_to_ntz;
    case MR_TYPE_BOOLEAN:
        return timestamp_to_boolean;
    case MR_TYPE_DECIMAL:
        return timestamp_to_decimal;
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE:
        return timestamp_to_float;
    default:
        return timestamp_to_integer;
    }
}

static MrCastLeaf from_number_leaf(const MrType *from, const MrType *to)
{
    if (to->kind != MR_TYPE_TIMESTAMP)
        return from->kind == MR_TYPE_DECIMAL ? decimal_to_interval : integer_to_interval;
    switch (from->kind) {
    case MR_TYPE_BOOLEAN:
        return boolean_to_timestamp;
    case MR_TYPE_DECIMAL:
        return decimal_to_timestamp;
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE:
        return float_to_timestamp;
    default:
        return integer_to_timestamp;
    }
}

MrCastLeaf mr__cast_datetime_leaf(MrCast *cast)
{
    const MrType *from = cast->from, *to = cast->to;
    cast->can_fail = true;
    switch (from->kind) {
    case MR_TYPE_DATE:
        cast->can_fail = false;
        return to->kind == MR_TYPE_TIMESTAMP       ? date_to_timestamp
               : to->kind == MR_TYPE_TIMESTAMP_NTZ ? date_to_ntz
                                                   : all_to_null;
    case MR_TYPE_TIMESTAMP:
        cast->can_fail = mr_type_is_numeric(to) && cast->mode == MR_CAST_ANSI;
        return from_timestamp_leaf(to);
    case MR_TYPE_TIMESTAMP_NTZ:
        cast->can_fail = false;
        return to->kind == MR_TYPE_DATE ? ntz_to_date : ntz_to_timestamp;
    case MR_TYPE_TIME:
        cast->can_fail = to->kind != MR_TYPE_TIME && cast->mode == MR_CAST_ANSI;
        return to->kind == MR_TYPE_TIME      ? time_to_time
               : to->kind == MR_TYPE_DECIMAL ? time_to_decimal
                                             : time_to_integer;
    case MR_TYPE_INTERVAL_YM:
    case MR_TYPE_INTERVAL_DT:
        return from_interval_leaf(to);
    default:
        return from_number_leaf(from, to);
    }
}
