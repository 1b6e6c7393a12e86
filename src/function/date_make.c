/* date_make.c - dates, times, timestamps and intervals from their parts; functions of TIME. */
#include "function/date_int.h"
#include <stdio.h>

/* What is wrong with the parts; message[0] is '\0' when nothing is. */
typedef struct PartsError {
    char message[160];
} PartsError;

static bool part_in(PartsError *fault, const char *field, int64_t low, int64_t high, int64_t value)
{
    if (value >= low && value <= high)
        return true;
    (void)snprintf(fault->message, sizeof fault->message,
                   "Invalid value for %s (valid values %lld - %lld): %lld", field, (long long)low,
                   (long long)high, (long long)value);
    return false;
}

static bool date_make(PartsError *fault, int64_t year, int64_t month, int64_t day, int64_t *days)
{
    static const char *const months[] = {"JANUARY",   "FEBRUARY", "MARCH",    "APRIL",
                                         "MAY",       "JUNE",     "JULY",     "AUGUST",
                                         "SEPTEMBER", "OCTOBER",  "NOVEMBER", "DECEMBER"};
    if (!part_in(fault, "Year", -999999999, 999999999, year) ||
        !part_in(fault, "MonthOfYear", 1, 12, month))
        return false;
    if (day < 1 || day > 31) {
        (void)snprintf(fault->message, sizeof fault->message,
                       "Invalid value for DayOfMonth (valid values 1 - 28/31): %lld",
                       (long long)day);
        return false;
    }
    if (day > mr_month_days(year, (int32_t)month)) {
        if (day == 29)
            (void)snprintf(fault->message, sizeof fault->message,
                           "Invalid date 'February 29' as '%lld' is not a leap year",
                           (long long)year);
        else
            (void)snprintf(fault->message, sizeof fault->message, "Invalid date '%s %lld'",
                           months[month - 1], (long long)day);
        return false;
    }
    *days = mr_civil_to_days(year, (int32_t)month, (int32_t)day);
    return true;
}

static MrStatus fail_parts(const PartsError *fault, MrError *err)
{
    return MR_FAIL(err, MR_COND_DATETIME_FIELD_OUT_OF_BOUNDS__WITH_SUGGESTION, "rangeMessage",
                   fault->message, "ansiConfig", "\"spark.sql.ansi.enabled\"");
}

static MrStatus make_date_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        PartsError fault = {{0}};
        int64_t days = 0;
        if (date_make(&fault, MR_ARG(call->args[0], i32, row), MR_ARG(call->args[1], i32, row),
                      MR_ARG(call->args[2], i32, row), &days) &&
            days <= INT32_MAX && days >= INT32_MIN)
            call->out->i32[row] = (int32_t)days;
        else if (call->context->settings->ansi)
            return fail_parts(&fault, err);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus ansi_nullable_bind(MrBind *bind, MrError *err)
{
    if (!bind->settings->ansi)
        bind->nullable = true;
    return MR_OK;
}

/* --- timestamps ------------------------------------------------------------------------------- */

/* Six parts, or a date and a time; then perhaps a zone. */
static MrStatus make_timestamp_call(MrCall *call, MrError *err)
{
    bool is_try = strncmp(call->bound->def->name, "try_", 4) == 0;
    bool of_parts = call->n_args >= 6, with_zone = call->n_args == 7 || call->n_args == 3;
    for (MR_EACH(call, i, row)) {
        PartsError fault = {{0}};
        const MrZone *zone = mr__zone_of(call, call->out->type);
        int64_t days = 0, us = 0;
        bool valid = true;
        if (with_zone && zone)
            MR_TRY(mr__zone_named(call, mr__arg_str(call, call->n_args - 1, row), &zone, err));
        if (of_parts) {
            MrI128 seconds_us = mr_arg_decimal(call->args[5], row);
            int64_t hour = MR_ARG(call->args[3], i32, row),
                    minute = MR_ARG(call->args[4], i32, row);
            int64_t second = mr__floor_div((int64_t)seconds_us, MR_US_PER_SECOND);
            int64_t fraction = mr__floor_mod((int64_t)seconds_us, MR_US_PER_SECOND);
            if (second == 60 && fraction) {
                if (!is_try && call->context->settings->ansi)
                    return MR_FAIL(err, MR_COND_INVALID_FRACTION_OF_SECOND, "secAndMicros",
                                   mr_arena_printf(call->arena, "%lld.%06lld", (long long)second,
                                                   (long long)fraction));
                valid = false;
            }
            valid =
                valid &&
                date_make(&fault, MR_ARG(call->args[0], i32, row), MR_ARG(call->args[1], i32, row),
                          MR_ARG(call->args[2], i32, row), &days) &&
                part_in(&fault, "HourOfDay", 0, 23, hour) &&
                part_in(&fault, "MinuteOfHour", 0, 59, minute) &&
                (second == 60 || part_in(&fault, "SecondOfMinute", 0, 59, second));
            us = hour * MR_US_PER_HOUR + minute * MR_US_PER_MINUTE + second * MR_US_PER_SECOND +
                 fraction;
        } else {
            days = MR_ARG(call->args[0], i32, row);
            us = call->n_args > 1 ? MR_ARG(call->args[1], i64, row) / 1000 : 0;
        }
        int64_t whole = 0;
        if (valid && (__builtin_mul_overflow(days, MR_US_PER_DAY, &whole) ||
                      __builtin_add_overflow(whole, us, &whole))) {
            valid = false;
            (void)snprintf(fault.message, sizeof fault.message, "long overflow");
        }
        if (valid)
            call->out->i64[row] = mr__utc_us(zone, whole);
        else if (!is_try && call->context->settings->ansi)
            return fail_parts(&fault, err);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus make_timestamp_bind(MrBind *bind, MrError *err)
{
    const char *name = bind->def->name;
    size_t n = strlen(name);
    bool is_try = strncmp(name, "try_", 4) == 0;
    bool ntz = strcmp(name + n - 4, "_ntz") == 0;
    bool ltz = strcmp(name + n - 4, "_ltz") == 0;
    bind->type =
        ntz || (!ltz && bind->settings->timestamp_ntz) ? MR_T(TIMESTAMP_NTZ) : MR_T(TIMESTAMP);
    if (bind->n_args >= 6 && (is_try || !bind->settings->ansi))
        bind->nullable = true;
    return MR_OK;
}

/* --- intervals -------------------------------------------------------------------------------- */

static MrStatus fail_interval(const char *function, MrError *err)
{
    if (function)
        return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITH_SUGGESTION, "functionName",
                       function);
    return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITHOUT_SUGGESTION);
}

static int64_t part_or_zero(const MrCall *call, int32_t arg_idx, int32_t row)
{
    return call->n_args > arg_idx ? MR_ARG(call->args[arg_idx], i32, row) : 0;
}

static MrStatus make_interval_call(MrCall *call, MrError *err)
{
    bool is_try = call->bound->def->name[0] == 't';
    for (MR_EACH(call, i, row)) {
        int64_t months = part_or_zero(call, 0, row) * 12 + part_or_zero(call, 1, row);
        int64_t days = part_or_zero(call, 2, row) * 7 + part_or_zero(call, 3, row);
        MrI128 us = (MrI128)part_or_zero(call, 4, row) * MR_US_PER_HOUR +
                    (MrI128)part_or_zero(call, 5, row) * MR_US_PER_MINUTE;
        if (call->n_args > 6)
            us += mr_arg_decimal(call->args[6], row);
        if (months == (int32_t)months && days == (int32_t)days && us == (int64_t)us)
            call->out->interval[row] = (MrInterval){(int32_t)months, (int32_t)days, (int64_t)us};
        else if (!is_try && call->context->settings->ansi)
            return fail_interval(NULL, err);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus make_interval_bind(MrBind *bind, MrError *err)
{
    bind->type = MR_T(INTERVAL);
    if (!bind->settings->ansi)
        bind->nullable = true;
    if (bind->n_args < 7) {
        MrTextBuilder sql = {.arena = bind->arena};
        mr_builder_printf(&sql, "%s(", bind->def->name);
        for (int32_t i = 0; i < 7; i++)
            mr_builder_printf(&sql, "%s%s", i ? ", " : "",
                              i < bind->n_args ? bind->args[i].sql
                              : i < 6          ? "0"
                                               : "0.000000");
        mr_builder_char(&sql, ')');
        bind->sql = mr_builder_text(&sql).data;
    }
    return MR_OK;
}

static MrStatus make_dt_interval_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrI128 us = (MrI128)part_or_zero(call, 0, row) * MR_US_PER_DAY +
                    (MrI128)part_or_zero(call, 1, row) * MR_US_PER_HOUR +
                    (MrI128)part_or_zero(call, 2, row) * MR_US_PER_MINUTE;
        if (call->n_args > 3)
            us += mr_arg_decimal(call->args[3], row);
        if (us != (int64_t)us)
            return fail_interval(NULL, err);
        call->out->i64[row] = (int64_t)us;
    }
    return MR_OK;
}

static MrStatus make_ym_interval_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t months = part_or_zero(call, 0, row) * 12 + part_or_zero(call, 1, row);
        if (months != (int32_t)months)
            return fail_interval(NULL, err);
        call->out->i32[row] = (int32_t)months;
    }
    return MR_OK;
}

/* --- TIME ------------------------------------------------------------------------------------- */

static MrStatus fail_time_parts(const char *message, MrError *err)
{
    return MR_FAIL(err, MR_COND_DATETIME_FIELD_OUT_OF_BOUNDS__WITHOUT_SUGGESTION, "rangeMessage",
                   message);
}

static MrStatus nullable_bind(MrBind *bind, MrError *err)
{
    bind->nullable = true;
    return MR_OK;
}

static MrStatus make_time_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        PartsError fault = {{0}};
        int64_t hour = MR_ARG(call->args[0], i32, row), minute = MR_ARG(call->args[1], i32, row);
        int64_t us = (int64_t)mr_arg_decimal(call->args[2], row);
        if (!part_in(&fault, "HourOfDay", 0, 23, hour) ||
            !part_in(&fault, "MinuteOfHour", 0, 59, minute) ||
            !part_in(&fault, "SecondOfMinute", 0, 59, mr__floor_div(us, MR_US_PER_SECOND)))
            return fail_time_parts(fault.message, err);
        call->out->i64[row] = (hour * MR_US_PER_HOUR + minute * MR_US_PER_MINUTE + us) * 1000;
    }
    return MR_OK;
}

/* Nanoseconds of one: of time_from_seconds, time_to_millis ... */
static const struct {
    const char *name;
    int64_t ns;
} time_scales[] = {
    {"time_from_seconds", 1000000000}, {"time_from_millis", 1000000}, {"time_from_micros", 1000},
    {"time_to_seconds", 1000000000},   {"time_to_millis", 1000000},   {"time_to_micros", 1000},
};

static MrStatus time_scale_bind(MrBind *bind, MrError *err)
{
    for (int64_t i = 0; i < MR_COUNT(time_scales); i++)
        if (strcmp(time_scales[i].name, bind->def->name) == 0)
            bind->data = &time_scales[i].ns;
    bind->nullable = true;
    return MR_OK;
}

static MrStatus time_from_call(MrCall *call, MrError *err)
{
    int64_t ns_of_one = *(const int64_t *)call->bound->data;
    const MrType *type = call->args[0]->type;
    for (MR_EACH(call, i, row)) {
        MrI128 ns;
        if (type->kind == MR_TYPE_DECIMAL) {
            MrI128 scale = 1;
            for (int k = 0; k < type->scale; k++)
                scale *= 10;
            if (__builtin_mul_overflow(mr_arg_decimal(call->args[0], row), (MrI128)ns_of_one, &ns))
                ns = INT64_MAX;
            else
                ns /= scale;
        } else if (type->kind == MR_TYPE_DOUBLE || type->kind == MR_TYPE_FLOAT) {
            double value = type->kind == MR_TYPE_FLOAT ? (double)MR_ARG(call->args[0], f32, row)
                                                       : MR_ARG(call->args[0], f64, row);
            double scaled = value * (double)ns_of_one;
            ns = scaled != scaled ? 0
                 : scaled > 9e18  ? INT64_MAX
                 : scaled < -9e18 ? INT64_MIN
                                  : (int64_t)scaled;
        } else {
            ns = (MrI128)mr_arg_integer(call->args[0], row) * ns_of_one;
        }
        if (ns < 0 || ns >= MR_NS_PER_DAY) {
            char message[160];
            MrI128 shown = ns > INT64_MAX ? INT64_MAX : ns < INT64_MIN ? INT64_MIN : ns;
            (void)snprintf(message, sizeof message,
                           "Invalid TIME value: must be between 00:00:00 and 23:59:59.999999999, "
                           "but got %lld nanoseconds",
                           (long long)shown);
            return fail_time_parts(message, err);
        }
        call->out->i64[row] = (int64_t)ns / 1000 * 1000;
    }
    return MR_OK;
}

static MrStatus time_to_call(MrCall *call, MrError *err)
{
    int64_t ns_of_one = *(const int64_t *)call->bound->data;
    for (MR_EACH(call, i, row)) {
        int64_t ns = MR_ARG(call->args[0], i64, row);
        if (call->out->type->kind == MR_TYPE_DECIMAL)
            call->out->i64[row] = ns / 1000; /* decimal(14,6) seconds */
        else
            call->out->i64[row] = ns / ns_of_one;
    }
    return MR_OK;
}

static const struct {
    const char *name;
    int64_t ns;
} time_units[] = {
    {"HOUR", INT64_C(3600000000000)},
    {"MINUTE", INT64_C(60000000000)},
    {"SECOND", 1000000000},
    {"MILLISECOND", 1000000},
    {"MICROSECOND", 1000},
};

static MrStatus time_unit_find(const MrCall *call, int32_t row, int64_t *ns, MrError *err)
{
    MrText name = mr__arg_str(call, 0, row);
    for (int64_t i = 0; i < MR_COUNT(time_units); i++) {
        if (mr_text_equal_nocase(name, mr_text(time_units[i].name))) {
            *ns = time_units[i].ns;
            return MR_OK;
        }
    }
    return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__TIME_UNIT, "parameter", "`unit`",
                   "functionName", mr_quote_name(call->arena, call->bound->def->name),
                   "invalidValue",
                   mr_arena_printf(call->arena, "'%.*s'", (int)name.size_bytes, name.data));
}

static MrStatus time_trunc_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t unit = 1, ns = MR_ARG(call->args[1], i64, row);
        MR_TRY(time_unit_find(call, row, &unit, err));
        call->out->i64[row] = ns - ns % unit;
    }
    return MR_OK;
}

static MrStatus time_diff_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t unit = 1;
        MR_TRY(time_unit_find(call, row, &unit, err));
        call->out->i64[row] =
            (MR_ARG(call->args[2], i64, row) - MR_ARG(call->args[1], i64, row)) / unit;
    }
    return MR_OK;
}

static MrStatus time_same_bind(MrBind *bind, MrError *err)
{
    bind->type = bind->args[1].cast_to;
    bind->nullable = true;
    return MR_OK;
}

#define STRICT (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)
#define PARTS "int, int, int, int, int, decimal(16,6)"
#define TIMESTAMP_ROWS(name, doc)                                                                  \
    {                                                                                              \
        name, PARTS ", string? -> bind", STRICT, make_timestamp_call, make_timestamp_bind, doc,    \
        NULL},                                                                                     \
    {                                                                                              \
        name, "date!, time?, string? -> bind", STRICT, make_timestamp_call, make_timestamp_bind,   \
            doc, NULL                                                                              \
    }
#define NTZ_ROWS(name, doc)                                                                        \
    {name, PARTS " -> bind", STRICT, make_timestamp_call, make_timestamp_bind, doc, NULL},         \
    {                                                                                              \
        name, "date!, time -> bind", STRICT, make_timestamp_call, make_timestamp_bind, doc, NULL   \
    }

const MrFunctionDef mr_functions_date_make[] = {
    {"make_date", "int, int, int -> date", STRICT, make_date_call, ansi_nullable_bind,
     "A date of year, month and day.", "make_date(2020, 2, 3) = DATE'2020-02-03'"},
    TIMESTAMP_ROWS("make_timestamp", "A timestamp of its parts."),
    TIMESTAMP_ROWS("make_timestamp_ltz", "A timestamp of its parts."),
    NTZ_ROWS("make_timestamp_ntz", "A timestamp without zone of its parts."),
    TIMESTAMP_ROWS("try_make_timestamp", "A timestamp of its parts, or NULL."),
    TIMESTAMP_ROWS("try_make_timestamp_ltz", "A timestamp of its parts, or NULL."),
    NTZ_ROWS("try_make_timestamp_ntz", "A timestamp without zone of its parts, or NULL."),
    {"make_interval", "int?, int?, int?, int?, int?, int?, decimal(18,6)? -> bind", STRICT,
     make_interval_call, make_interval_bind,
     "An interval of years, months, weeks, days, hours, minutes and seconds.", NULL},
    {"try_make_interval", "int?, int?, int?, int?, int?, int?, decimal(18,6)? -> bind",
     STRICT | MR_FN_MAY_NULL, make_interval_call, make_interval_bind,
     "An interval of its parts, or NULL.", NULL},
    {"make_dt_interval", "int?, int?, int?, decimal(18,6)? -> interval day to second", STRICT,
     make_dt_interval_call, NULL, "An interval of days, hours, minutes and seconds.",
     "make_dt_interval(1) = INTERVAL '1' DAY"},
    {"make_ym_interval", "int?, int? -> interval year to month", STRICT, make_ym_interval_call,
     NULL, "An interval of years and months.",
     "make_ym_interval(1, 2) = INTERVAL '1-2' YEAR TO MONTH"},
    {"make_time", "int, int, decimal(16,6) -> time(6)", STRICT, make_time_call, nullable_bind,
     "A time of its parts.", NULL},
    {"time_from_seconds", "numeric -> time(6)", STRICT, time_from_call, time_scale_bind,
     "The time so long after midnight.", NULL},
    {"time_from_millis", "integral -> time(6)", STRICT, time_from_call, time_scale_bind,
     "The time so long after midnight.", NULL},
    {"time_from_micros", "integral -> time(6)", STRICT, time_from_call, time_scale_bind,
     "The time so long after midnight.", NULL},
    {"time_to_seconds", "time -> decimal(14,6)", STRICT, time_to_call, time_scale_bind,
     "Seconds since midnight.", NULL},
    {"time_to_millis", "time -> bigint", STRICT, time_to_call, time_scale_bind,
     "Milliseconds since midnight.", NULL},
    {"time_to_micros", "time -> bigint", STRICT, time_to_call, time_scale_bind,
     "Microseconds since midnight.", NULL},
    {"time_trunc", "string, time -> bind", STRICT, time_trunc_call, time_same_bind,
     "Beginning of the hour, minute ...", NULL},
    {"time_diff", "string, time, time -> bigint", STRICT, time_diff_call, nullable_bind,
     "Whole units between two times.", NULL},
    {0},
};
