/* date_field.c - fields of dates, times and intervals; days, months and units added; truncation;
 * seconds since 1970.
 *
 * A timestamp is turned into what the clock shows in the session's zone; all fields are computed
 * from those microseconds. */
#include "function/date_int.h"

MrStatus mr__null_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        mr_call_null(call, row);
    return MR_OK;
}

MrStatus mr__same_call(MrCall *call, MrError *err)
{
    const MrVector *arg = call->args[0];
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(arg, row))
            mr_call_null(call, row);
        else
            mr_vector_copy_row(call->arena, arg, mr_arg_row(arg, row), call->out, row);
    }
    return MR_OK;
}

void mr__bind_cast(MrBind *bind, int32_t arg_idx, const MrType *type)
{
    MrArgInfo *arg = &bind->args[arg_idx];
    if (mr__cast_may_null(bind->settings, arg->type, type))
        bind->nullable = true;
    arg->cast_to = type;
}

MrStatus mr__zone_named(const MrCall *call, MrText id, const MrZone **out, MrError *err)
{
    return mr_zone_find(call->context->settings->zones,
                        mr_arena_strn(call->arena, id.data, id.size_bytes), out, err);
}

/* --- fields ----------------------------------------------------------------------------------- */

typedef enum Field {
    FIELD_YEAR,
    FIELD_YEAR_OF_WEEK,
    FIELD_QUARTER,
    FIELD_MONTH,
    FIELD_WEEK,
    FIELD_DAY,
    FIELD_DAY_OF_WEEK,     /* Sunday is 1 */
    FIELD_DAY_OF_WEEK_ISO, /* Monday is 1 */
    FIELD_WEEKDAY,         /* Monday is 0 */
    FIELD_DAY_OF_YEAR,
    FIELD_HOUR,
    FIELD_MINUTE,
    FIELD_SECOND,
    FIELD_SECOND_FRACTION /* unscaled decimal(8,6) */
} Field;

static int64_t weekday_of(int64_t days) /* Monday is 0 */
{
    return mr__floor_mod(days + 3, 7);
}

/* The week belongs to the year of its Thursday (ISO 8601). */
static int64_t iso_year(int64_t days, int64_t *week)
{
    int64_t thursday = days - weekday_of(days) + 3;
    int64_t year = mr_days_to_civil(thursday).year;
    *week = (thursday - mr_civil_to_days(year, 1, 1)) / 7 + 1;
    return year;
}

static int64_t field_of_days(Field field, int64_t days)
{
    int64_t week;
    switch (field) {
    case FIELD_YEAR:
        return mr_days_to_civil(days).year;
    case FIELD_YEAR_OF_WEEK:
        return iso_year(days, &week);
    case FIELD_QUARTER:
        return (mr_days_to_civil(days).month + 2) / 3;
    case FIELD_MONTH:
        return mr_days_to_civil(days).month;
    case FIELD_WEEK:
        (void)iso_year(days, &week);
        return week;
    case FIELD_DAY:
        return mr_days_to_civil(days).day;
    case FIELD_DAY_OF_WEEK:
        return (weekday_of(days) + 1) % 7 + 1;
    case FIELD_DAY_OF_WEEK_ISO:
        return weekday_of(days) + 1;
    case FIELD_WEEKDAY:
        return weekday_of(days);
    case FIELD_DAY_OF_YEAR:
        return days - mr_civil_to_days(mr_days_to_civil(days).year, 1, 1) + 1;
    default:
        return 0;
    }
}

static int64_t field_of_us(Field field, int64_t us_of_day)
{
    switch (field) {
    case FIELD_HOUR:
        return us_of_day / MR_US_PER_HOUR;
    case FIELD_MINUTE:
        return us_of_day / MR_US_PER_MINUTE % 60;
    case FIELD_SECOND:
        return us_of_day / MR_US_PER_SECOND % 60;
    default:
        return us_of_day % MR_US_PER_MINUTE;
    }
}

/* Fields of intervals keep their sign. */
static int64_t field_of_interval(Field field, const MrType *type, MrInterval value)
{
    switch (field) {
    case FIELD_YEAR:
        return value.months / 12;
    case FIELD_QUARTER:
        return value.months % 12 / 3 + 1;
    case FIELD_MONTH:
        return value.months % 12;
    case FIELD_DAY:
        return type->kind == MR_TYPE_INTERVAL ? value.days : value.us / MR_US_PER_DAY;
    case FIELD_HOUR:
        return (type->kind == MR_TYPE_INTERVAL ? value.us : value.us % MR_US_PER_DAY) /
               MR_US_PER_HOUR;
    case FIELD_MINUTE:
        return value.us % MR_US_PER_HOUR / MR_US_PER_MINUTE;
    default:
        return value.us % MR_US_PER_MINUTE;
    }
}

static MrStatus field_call(MrCall *call, MrError *err)
{
    Field field = *(const Field *)call->bound->data;
    const MrVector *vec = call->args[call->n_args - 1];
    const MrZone *zone = mr__zone_of(call, vec->type);
    for (MR_EACH(call, i, row)) {
        int64_t value;
        switch (vec->type->kind) {
        case MR_TYPE_DATE:
            value = field_of_days(field, MR_ARG(vec, i32, row));
            break;
        case MR_TYPE_TIME:
            value = field_of_us(field, MR_ARG(vec, i64, row) / 1000);
            break;
        case MR_TYPE_INTERVAL:
            value = field_of_interval(field, vec->type, MR_ARG(vec, interval, row));
            break;
        case MR_TYPE_INTERVAL_YM:
            value =
                field_of_interval(field, vec->type, (MrInterval){.months = MR_ARG(vec, i32, row)});
            break;
        case MR_TYPE_INTERVAL_DT:
            value = field_of_interval(field, vec->type, (MrInterval){.us = MR_ARG(vec, i64, row)});
            break;
        default: {
            int64_t us = mr__local_us(zone, MR_ARG(vec, i64, row));
            value = field < FIELD_HOUR ? field_of_days(field, mr_us_to_days(us))
                                       : field_of_us(field, mr__floor_mod(us, MR_US_PER_DAY));
        }
        }
        if (call->out->type->kind == MR_TYPE_DECIMAL)
            call->out->i64[row] = value;
        else if (call->out->type->kind == MR_TYPE_TINYINT)
            call->out->i8[row] = (int8_t)value;
        else
            call->out->i32[row] = (int32_t)value;
    }
    return MR_OK;
}

static const struct {
    const char *name;
    Field field;
} field_functions[] = {
    {"year", FIELD_YEAR},
    {"quarter", FIELD_QUARTER},
    {"month", FIELD_MONTH},
    {"weekofyear", FIELD_WEEK},
    {"day", FIELD_DAY},
    {"dayofmonth", FIELD_DAY},
    {"weekday", FIELD_WEEKDAY},
    {"dayofweek", FIELD_DAY_OF_WEEK},
    {"dayofyear", FIELD_DAY_OF_YEAR},
    {"hour", FIELD_HOUR},
    {"minute", FIELD_MINUTE},
    {"second", FIELD_SECOND},
};

static MrStatus field_bind(MrBind *bind, MrError *err)
{
    for (int64_t i = 0; i < MR_COUNT(field_functions); i++)
        if (strcmp(field_functions[i].name, bind->def->name) == 0)
            bind->data = &field_functions[i].field;
    if (bind->args[0].type->kind == MR_TYPE_TIME)
        bind->nullable = true; /* Spark computes it by a static call */
    return MR_OK;
}

/* Names that EXTRACT and date_part take; those with interval are taken for intervals too. */
static const struct {
    const char *name;
    Field field;
    bool interval;
} extract_names[] = {
    {"YEAR", FIELD_YEAR, true},
    {"Y", FIELD_YEAR, true},
    {"YEARS", FIELD_YEAR, true},
    {"YR", FIELD_YEAR, true},
    {"YRS", FIELD_YEAR, true},
    {"YEAROFWEEK", FIELD_YEAR_OF_WEEK, false},
    {"QUARTER", FIELD_QUARTER, true},
    {"QTR", FIELD_QUARTER, true},
    {"MONTH", FIELD_MONTH, true},
    {"MON", FIELD_MONTH, true},
    {"MONS", FIELD_MONTH, true},
    {"MONTHS", FIELD_MONTH, true},
    {"WEEK", FIELD_WEEK, false},
    {"W", FIELD_WEEK, false},
    {"WEEKS", FIELD_WEEK, false},
    {"DAY", FIELD_DAY, true},
    {"D", FIELD_DAY, true},
    {"DAYS", FIELD_DAY, true},
    {"DAYOFWEEK", FIELD_DAY_OF_WEEK, false},
    {"DOW", FIELD_DAY_OF_WEEK, false},
    {"DAYOFWEEK_ISO", FIELD_DAY_OF_WEEK_ISO, false},
    {"DOW_ISO", FIELD_DAY_OF_WEEK_ISO, false},
    {"DOY", FIELD_DAY_OF_YEAR, false},
    {"HOUR", FIELD_HOUR, true},
    {"H", FIELD_HOUR, true},
    {"HOURS", FIELD_HOUR, true},
    {"HR", FIELD_HOUR, true},
    {"HRS", FIELD_HOUR, true},
    {"MINUTE", FIELD_MINUTE, true},
    {"M", FIELD_MINUTE, true},
    {"MIN", FIELD_MINUTE, true},
    {"MINS", FIELD_MINUTE, true},
    {"MINUTES", FIELD_MINUTE, true},
    {"SECOND", FIELD_SECOND_FRACTION, true},
    {"S", FIELD_SECOND_FRACTION, true},
    {"SEC", FIELD_SECOND_FRACTION, true},
    {"SECONDS", FIELD_SECOND_FRACTION, true},
    {"SECS", FIELD_SECOND_FRACTION, true},
};

/* Does an interval of this type have the field? */
static bool interval_has(const MrType *type, Field field)
{
    if (type->kind == MR_TYPE_INTERVAL)
        return true;
    MrIntervalField at;
    switch (field) {
    case FIELD_YEAR:
        at = MR_YEAR;
        break;
    case FIELD_MONTH:
        at = MR_MONTH;
        break;
    case FIELD_DAY:
        at = MR_DAY;
        break;
    case FIELD_HOUR:
        at = MR_HOUR;
        break;
    case FIELD_MINUTE:
        at = MR_MINUTE;
        break;
    case FIELD_SECOND_FRACTION:
        at = MR_SECOND;
        break;
    default:
        return false;
    }
    return type->from <= at && at <= type->to;
}

static MrStatus extract_bind(MrBind *bind, MrError *err)
{
    const char *function = bind->def->name;
    const MrArgInfo *arg = &bind->args[0];
    const MrType *type = bind->args[1].type;
    MrText name;
    if (!arg->value || (arg->type->kind != MR_TYPE_STRING && arg->type->kind != MR_TYPE_VOID))
        return MR_FAIL(err, MR_COND_NON_FOLDABLE_ARGUMENT, "funcName",
                       mr_quote_name(bind->arena, function), "paramName", "`field`", "paramType",
                       "\"STRING\"");
    if (!mr__arg_text(arg, &name)) {
        bind->type = MR_T(DOUBLE);
        bind->nullable = true;
        bind->call = mr__null_call;
        return MR_OK;
    }
    bind->nullable = bind->args[1].nullable || type->kind == MR_TYPE_VOID;
    bool is_interval = type->kind == MR_TYPE_INTERVAL || type->kind == MR_TYPE_INTERVAL_DT ||
                       type->kind == MR_TYPE_INTERVAL_YM;
    const Field *field = NULL;
    for (int64_t i = 0; i < MR_COUNT(extract_names); i++) {
        if (!mr_text_equal_nocase(name, mr_text(extract_names[i].name)))
            continue;
        if (is_interval ? extract_names[i].interval && interval_has(type, extract_names[i].field)
                        : type->kind != MR_TYPE_TIME || extract_names[i].field >= FIELD_HOUR)
            field = &extract_names[i].field;
    }
    if (!field)
        return MR_FAIL(
            err, MR_COND_INVALID_EXTRACT_FIELD, "field",
            mr_quote_name(bind->arena, mr_arena_strn(bind->arena, name.data, name.size_bytes)),
            "expr", mr__quoted_expr(bind->arena, bind->args[1].sql));
    bind->data = field;
    bind->call = field_call;
    if (*field == FIELD_SECOND_FRACTION)
        bind->type = mr_type_decimal(bind->arena, 8, 6);
    else
        bind->type =
            is_interval && *field != FIELD_YEAR && *field != FIELD_DAY ? MR_T(TINYINT) : MR_T(INT);
    if (is_interval)
        return MR_OK;
    if (type->kind == MR_TYPE_TIME) {
        bind->nullable = true;
        return MR_OK;
    }
    bool wants_time = *field >= FIELD_HOUR;
    if (wants_time && type->kind != MR_TYPE_TIMESTAMP && type->kind != MR_TYPE_TIMESTAMP_NTZ)
        type = MR_T(TIMESTAMP);
    if (!wants_time && type->kind != MR_TYPE_TIMESTAMP && type->kind != MR_TYPE_TIMESTAMP_NTZ)
        type = MR_T(DATE);
    if (!mr_type_equal(type, bind->args[1].type) &&
        !mr_coerce_implicit(bind->arena, bind->settings, bind->args[1].type, type))
        return mr__fail_input_type(bind, 1, mr__quoted_type(bind->arena, type), err);
    mr__bind_cast(bind, 1, type);
    return MR_OK;
}

/* --- days and months -------------------------------------------------------------------------- */

static MrStatus date_add_call(MrCall *call, MrError *err)
{
    bool minus = strcmp(call->bound->def->name, "date_sub") == 0;
    for (MR_EACH(call, i, row)) {
        int64_t n = mr_arg_integer(call->args[1], row), days = MR_ARG(call->args[0], i32, row);
        call->out->i32[row] = (int32_t)(minus ? days - n : days + n);
    }
    return MR_OK;
}

/* Wider numbers are not taken; texts are. */
static MrStatus date_add_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[1].type;
    if (mr_type_is_numeric(type) && type->kind != MR_TYPE_INT && type->kind != MR_TYPE_SMALLINT &&
        type->kind != MR_TYPE_TINYINT)
        return mr__fail_input_type(bind, 1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")", err);
    return MR_OK;
}

static MrStatus date_diff_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i32[row] =
            (int32_t)((int64_t)MR_ARG(call->args[0], i32, row) - MR_ARG(call->args[1], i32, row));
    return MR_OK;
}

static MrStatus add_months_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i32[row] = (int32_t)mr_days_add_months(MR_ARG(call->args[0], i32, row),
                                                          MR_ARG(call->args[1], i32, row));
    return MR_OK;
}

static MrStatus last_day_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrCivil civil = mr_days_to_civil(MR_ARG(call->args[0], i32, row));
        call->out->i32[row] = (int32_t)mr_civil_to_days(civil.year, civil.month,
                                                        mr_month_days(civil.year, civil.month));
    }
    return MR_OK;
}

static MrStatus next_day_call(MrCall *call, MrError *err)
{
    static const char *const names[] = {"MO,MON,MONDAY",   "TU,TUE,TUESDAY", "WE,WED,WEDNESDAY",
                                        "TH,THU,THURSDAY", "FR,FRI,FRIDAY",  "SA,SAT,SATURDAY",
                                        "SU,SUN,SUNDAY"};
    for (MR_EACH(call, i, row)) {
        MrText name = mr__arg_str(call, 1, row);
        int64_t day = -1, days = MR_ARG(call->args[0], i32, row);
        for (int32_t k = 0; k < 7; k++) {
            MrText all = mr_text(names[k]);
            MrText forms[] = {{all.data, 2}, {all.data + 3, 3}, {all.data + 7, all.size_bytes - 7}};
            for (int32_t j = 0; j < 3; j++)
                if (mr_text_equal_nocase(name, forms[j]))
                    day = k;
        }
        if (day >= 0)
            call->out->i32[row] =
                (int32_t)(days + 1 + mr__floor_mod(day - 1 - weekday_of(days), 7));
        else if (call->context->settings->ansi)
            return MR_FAIL(err, MR_COND_ILLEGAL_DAY_OF_WEEK, "string",
                           mr_arena_strn(call->arena, name.data, name.size_bytes));
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

/* Whole months when the days are equal or both last; else days count as 1/31 each. */
static MrStatus months_between_call(MrCall *call, MrError *err)
{
    const MrZone *zone = call->context->settings->zone;
    for (MR_EACH(call, i, row)) {
        int64_t us[2];
        MrCivil civil[2];
        bool last[2];
        bool round_off = call->n_args < 3 || MR_ARG(call->args[2], i8, row);
        for (int32_t k = 0; k < 2; k++) {
            us[k] = mr__local_us(zone, MR_ARG(call->args[k], i64, row));
            civil[k] = mr_days_to_civil(mr_us_to_days(us[k]));
            last[k] = civil[k].day == mr_month_days(civil[k].year, civil[k].month);
        }
        double months =
            (double)((civil[0].year - civil[1].year) * 12 + civil[0].month - civil[1].month);
        if (civil[0].day != civil[1].day && !(last[0] && last[1])) {
            int64_t seconds[2]; /* that passed since midnight, of a short or long day too */
            for (int32_t k = 0; k < 2; k++)
                seconds[k] = (MR_ARG(call->args[k], i64, row) -
                              mr__utc_us(zone, mr_us_to_days(us[k]) * MR_US_PER_DAY)) /
                             MR_US_PER_SECOND;
            int64_t diff = (civil[0].day - civil[1].day) * INT64_C(86400) + seconds[0] - seconds[1];
            months += (double)diff / (31.0 * 86400);
            if (round_off) {
                double scaled = months * 1e8;
                months = (double)(int64_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5) / 1e8;
            }
        }
        call->out->f64[row] = months;
    }
    return MR_OK;
}

/* --- truncation ------------------------------------------------------------------------------- */

typedef enum TruncLevel {
    TRUNC_NONE,
    TRUNC_US,
    TRUNC_MS,
    TRUNC_SECOND,
    TRUNC_MINUTE,
    TRUNC_HOUR,
    TRUNC_DAY,
    TRUNC_WEEK,
    TRUNC_MONTH,
    TRUNC_QUARTER,
    TRUNC_YEAR
} TruncLevel;

static TruncLevel trunc_level(MrText name)
{
    static const struct {
        const char *name;
        TruncLevel level;
    } names[] = {{"MICROSECOND", TRUNC_US}, {"MILLISECOND", TRUNC_MS}, {"SECOND", TRUNC_SECOND},
                 {"MINUTE", TRUNC_MINUTE},  {"HOUR", TRUNC_HOUR},      {"DAY", TRUNC_DAY},
                 {"DD", TRUNC_DAY},         {"WEEK", TRUNC_WEEK},      {"MON", TRUNC_MONTH},
                 {"MONTH", TRUNC_MONTH},    {"MM", TRUNC_MONTH},       {"QUARTER", TRUNC_QUARTER},
                 {"YEAR", TRUNC_YEAR},      {"YYYY", TRUNC_YEAR},      {"YY", TRUNC_YEAR}};
    for (int64_t i = 0; i < MR_COUNT(names); i++)
        if (mr_text_equal_nocase(name, mr_text(names[i].name)))
            return names[i].level;
    return TRUNC_NONE;
}

static int64_t days_trunc(TruncLevel level, int64_t days)
{
    MrCivil civil = mr_days_to_civil(days);
    switch (level) {
    case TRUNC_WEEK:
        return days - weekday_of(days);
    case TRUNC_MONTH:
        return days - civil.day + 1;
    case TRUNC_QUARTER:
        return mr_civil_to_days(civil.year, (civil.month - 1) / 3 * 3 + 1, 1);
    case TRUNC_YEAR:
        return mr_civil_to_days(civil.year, 1, 1);
    default:
        return days;
    }
}

static MrStatus trunc_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        TruncLevel level = trunc_level(mr__arg_str(call, 1, row));
        if (level < TRUNC_WEEK)
            mr_call_null(call, row);
        else
            call->out->i32[row] = (int32_t)days_trunc(level, MR_ARG(call->args[0], i32, row));
    }
    return MR_OK;
}

static MrStatus date_trunc_call(MrCall *call, MrError *err)
{
    static const int64_t units[] = {1, 1, 1000, MR_US_PER_SECOND, MR_US_PER_MINUTE, MR_US_PER_HOUR};
    const MrZone *zone = mr__zone_of(call, call->args[1]->type);
    for (MR_EACH(call, i, row)) {
        TruncLevel level = trunc_level(mr__arg_str(call, 0, row));
        int64_t us = MR_ARG(call->args[1], i64, row);
        if (level == TRUNC_NONE) {
            mr_call_null(call, row);
        } else if (level <= TRUNC_HOUR) {
            call->out->i64[row] = us - mr__floor_mod(mr__local_us(zone, us), units[level]);
        } else {
            int64_t days = days_trunc(level, mr_us_to_days(mr__local_us(zone, us)));
            call->out->i64[row] = mr__utc_us(zone, days * MR_US_PER_DAY);
        }
    }
    return MR_OK;
}

/* --- units added and counted ------------------------------------------------------------------ */

typedef struct Unit {
    const char *name;
    int64_t months, us; /* of one; either */
} Unit;

static const Unit units[] = {
    {"MICROSECOND", 0, 1},
    {"MILLISECOND", 0, 1000},
    {"SECOND", 0, MR_US_PER_SECOND},
    {"MINUTE", 0, MR_US_PER_MINUTE},
    {"HOUR", 0, MR_US_PER_HOUR},
    {"DAY", 0, MR_US_PER_DAY},
    {"DAYOFYEAR", 0, MR_US_PER_DAY},
    {"WEEK", 0, 7 * MR_US_PER_DAY},
    {"MONTH", 1, 0},
    {"QUARTER", 3, 0},
    {"YEAR", 12, 0},
};

static MrStatus unit_bind(MrBind *bind, MrError *err)
{
    MrText name;
    if (mr__arg_text(&bind->args[0], &name))
        for (int64_t i = 0; i < MR_COUNT(units); i++)
            if (mr_text_equal_nocase(name, mr_text(units[i].name)))
                bind->data = &units[i];
    bool of_year = bind->data && strcmp(((const Unit *)bind->data)->name, "DAYOFYEAR") == 0;
    if (!bind->data || (of_year && strcmp(bind->def->name, "timestampdiff") == 0))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__DATETIME_UNIT, "parameter", "`unit`",
                       "functionName", mr_quote_name(bind->arena, bind->def->name), "invalidValue",
                       mr_arena_printf(bind->arena, "'%s'", bind->args[0].sql));
    return MR_OK;
}

static MrStatus timestampadd_call(MrCall *call, MrError *err)
{
    const Unit *unit = call->bound->data;
    const MrZone *zone = mr__zone_of(call, call->args[2]->type);
    for (MR_EACH(call, i, row)) {
        int64_t n = mr_arg_integer(call->args[1], row), us = MR_ARG(call->args[2], i64, row),
                days = 0, sum;
        bool of_days = unit->us >= MR_US_PER_DAY;
        MrTimeShift by = {0};
        bool fits = unit->months
                        ? n >= -10000000 && n <= 10000000 /* more than all years that there are */
                    : of_days ? !__builtin_mul_overflow(n, unit->us / MR_US_PER_DAY, &days) &&
                                    days >= -1000000000 && days <= 1000000000
                              : !__builtin_mul_overflow(n, unit->us, &by.us);
        by.months = fits ? n * unit->months : 0;
        by.days = fits ? days : 0;
        if (!fits || !mr_zone_add(zone, us, by, &sum))
            return MR_FAIL(err, MR_COND_DATETIME_OVERFLOW, "operation",
                           mr_arena_printf(call->arena, "add %lld %s", (long long)n, unit->name));
        call->out->i64[row] = sum;
    }
    return MR_OK;
}

static MrStatus fail_long_overflow(MrError *err)
{
    return MR_FAIL(err, MR_COND_ARITHMETIC_OVERFLOW, "message", "long overflow", "alternative", "",
                   "config", "\"spark.sql.ansi.enabled\"");
}

/* Whole units from the second argument to the third, on the clocks of the zone. */
static MrStatus timestampdiff_call(MrCall *call, MrError *err)
{
    const Unit *unit = call->bound->data;
    const MrZone *zone = mr__zone_of(call, call->args[1]->type);
    for (MR_EACH(call, i, row)) {
        int64_t from = mr__local_us(zone, MR_ARG(call->args[1], i64, row)),
                to = mr__local_us(zone, MR_ARG(call->args[2], i64, row)), passed;
        if (__builtin_sub_overflow(to, from, &passed))
            return fail_long_overflow(err);
        if (!unit->months) {
            call->out->i64[row] = passed / unit->us;
            continue;
        }
        MrCivil a = mr_days_to_civil(mr_us_to_days(from)), b = mr_days_to_civil(mr_us_to_days(to));
        int64_t in_a = a.day * MR_US_PER_DAY + mr__floor_mod(from, MR_US_PER_DAY);
        int64_t in_b = b.day * MR_US_PER_DAY + mr__floor_mod(to, MR_US_PER_DAY);
        int64_t months = (b.year - a.year) * 12 + b.month - a.month;
        if (months > 0 && in_b < in_a)
            months--;
        else if (months < 0 && in_b > in_a)
            months++;
        call->out->i64[row] = months / unit->months;
    }
    return MR_OK;
}

/* --- since 1970 ------------------------------------------------------------------------------- */

typedef struct Scale {
    const char *name;
    int64_t us;
} Scale;

static const Scale scales[] = {
    {"unix_seconds", MR_US_PER_SECOND},      {"unix_millis", 1000},      {"unix_micros", 1},
    {"timestamp_seconds", MR_US_PER_SECOND}, {"timestamp_millis", 1000}, {"timestamp_micros", 1},
};

static MrStatus scale_bind(MrBind *bind, MrError *err)
{
    for (int64_t i = 0; i < MR_COUNT(scales); i++)
        if (strcmp(scales[i].name, bind->def->name) == 0)
            bind->data = &scales[i];
    return MR_OK;
}

static MrStatus unix_call(MrCall *call, MrError *err)
{
    const Scale *scale = call->bound->data;
    for (MR_EACH(call, i, row))
        call->out->i64[row] = mr__floor_div(MR_ARG(call->args[0], i64, row), scale->us);
    return MR_OK;
}

static MrStatus timestamp_of_int_call(MrCall *call, MrError *err)
{
    const Scale *scale = call->bound->data;
    for (MR_EACH(call, i, row))
        if (__builtin_mul_overflow(mr_arg_integer(call->args[0], row), scale->us,
                                   &call->out->i64[row]))
            return fail_long_overflow(err);
    return MR_OK;
}

static MrStatus timestamp_of_double_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        double seconds = call->args[0]->type->kind == MR_TYPE_FLOAT
                             ? (double)MR_ARG(call->args[0], f32, row)
                             : MR_ARG(call->args[0], f64, row);
        if (seconds != seconds || seconds - seconds != 0) {
            mr_call_null(call, row);
            continue;
        }
        double us = seconds * 1e6;
        call->out->i64[row] = us >= 0x1p63 ? INT64_MAX : us <= -0x1p63 ? INT64_MIN : (int64_t)us;
    }
    return MR_OK;
}

static MrStatus timestamp_of_decimal_call(MrCall *call, MrError *err)
{
    int scale = call->args[0]->type->scale;
    for (MR_EACH(call, i, row)) {
        MrI128 value = mr_arg_decimal(call->args[0], row);
        for (int k = scale; k < 6; k++)
            if (__builtin_mul_overflow(value, (MrI128)10, &value))
                return fail_long_overflow(err);
        for (int k = scale; k > 6; k--) {
            if (value % 10)
                return MR_FAIL(err, MR_COND_INTERNAL_ERROR, "message", "Rounding necessary");
            value /= 10;
        }
        if (value > INT64_MAX || value < INT64_MIN)
            return fail_long_overflow(err);
        call->out->i64[row] = (int64_t)value;
    }
    return MR_OK;
}

/* --- the present and zones -------------------------------------------------------------------- */

static MrStatus now_call(MrCall *call, MrError *err)
{
    int64_t us = call->context->now_us;
    for (MR_EACH(call, i, row)) {
        switch (call->out->type->kind) {
        case MR_TYPE_DATE:
            call->out->i32[row] =
                (int32_t)mr_us_to_days(mr__local_us(call->context->settings->zone, us));
            break;
        case MR_TYPE_TIMESTAMP_NTZ:
            call->out->i64[row] = mr__local_us(call->context->settings->zone, us);
            break;
        case MR_TYPE_TIME:
            call->out->i64[row] =
                mr__floor_mod(mr__local_us(call->context->settings->zone, us), MR_US_PER_DAY) *
                1000;
            break;
        default:
            call->out->i64[row] = us;
        }
    }
    return MR_OK;
}

static MrStatus now_bind(MrBind *bind, MrError *err)
{
    if (bind->n_args && bind->type->kind == MR_TYPE_TIME) {
        int64_t precision;
        if (!mr__arg_i64(&bind->args[0], &precision) || precision < 0 || precision > 6)
            return MR_FAIL_UNSUPPORTED(err, "current_time of that precision");
        MrType *type = MR_NEW(bind->arena, MrType);
        *type = *MR_T(TIME);
        type->precision = (uint8_t)precision;
        bind->type = type;
    }
    return MR_OK;
}

static MrStatus current_timezone_call(MrCall *call, MrError *err)
{
    MrText id = mr_text(call->context->settings->zone_id);
    for (MR_EACH(call, i, row))
        mr__put_text(call, row, mr_text_own(call->arena, id));
    return MR_OK;
}

static MrStatus utc_shift_call(MrCall *call, MrError *err)
{
    bool from = call->bound->def->name[0] == 'f';
    for (MR_EACH(call, i, row)) {
        const MrZone *zone = NULL;
        int64_t us = MR_ARG(call->args[0], i64, row);
        MR_TRY(mr__zone_named(call, mr__arg_str(call, 1, row), &zone, err));
        call->out->i64[row] = from ? mr_zone_to_local_us(zone, us) : mr_zone_to_utc_us(zone, us);
    }
    return MR_OK;
}

static MrStatus convert_timezone_call(MrCall *call, MrError *err)
{
    int32_t n = call->n_args;
    for (MR_EACH(call, i, row)) {
        const MrZone *from = call->context->settings->zone, *to = NULL;
        if (n == 3)
            MR_TRY(mr__zone_named(call, mr__arg_str(call, 0, row), &from, err));
        MR_TRY(mr__zone_named(call, mr__arg_str(call, n - 2, row), &to, err));
        call->out->i64[row] =
            mr_zone_to_local_us(to, mr_zone_to_utc_us(from, MR_ARG(call->args[n - 1], i64, row)));
    }
    return MR_OK;
}

static MrStatus convert_timezone_bind(MrBind *bind, MrError *err)
{
    if (bind->n_args == 2)
        bind->sql = mr_arena_printf(bind->arena, "convert_timezone(current_timezone(), %s, %s)",
                                    bind->args[0].sql, bind->args[1].sql);
    return MR_OK;
}

static MrStatus day_name_call(MrCall *call, MrError *err)
{
    static const char *const names[] = {"Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"};
    for (MR_EACH(call, i, row))
        mr__put_str(call, row, names[weekday_of(MR_ARG(call->args[0], i32, row))], 3);
    return MR_OK;
}

static MrStatus month_name_call(MrCall *call, MrError *err)
{
    static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    for (MR_EACH(call, i, row))
        mr__put_str(call, row,
                    names + 3 * (mr_days_to_civil(MR_ARG(call->args[0], i32, row)).month - 1), 3);
    return MR_OK;
}

/* The moment before the end of the window that window() made. */
static MrStatus window_time_call(MrCall *call, MrError *err)
{
    const MrVector *end = call->args[0]->children[1];
    for (MR_EACH(call, i, row))
        call->out->i64[row] = end->i64[mr_arg_row(call->args[0], row)] - 1;
    return MR_OK;
}

static MrStatus window_time_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].type;
    if (type->n_fields != 2 || mr_type_physical(type->fields[1].type) != MR_PHYS_I64)
        return mr__fail_input_type(bind, 0, "\"STRUCT<start: TIMESTAMP, end: TIMESTAMP>\"", err);
    bind->type = type->fields[1].type;
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
#define DAY_ROW(name, doc, example)                                                                \
    {                                                                                              \
        name, "date -> int", STRICT, field_call, field_bind, doc, example                          \
    }
#define TIME_ROWS(name, doc, example)                                                              \
    {name, "timestamp -> int", STRICT, field_call, field_bind, doc, example},                      \
        {name, "timestamp_ntz! -> int", STRICT, field_call, field_bind, doc, NULL},                \
    {                                                                                              \
        name, "time! -> int", STRICT, field_call, field_bind, doc, NULL                            \
    }
#define NOW_ROW(name, type, doc)                                                                   \
    {                                                                                              \
        name, "-> " type, MR_FN_STABLE | MR_FN_NEVER_NULL, now_call, now_bind, doc, NULL           \
    }

const MrFunctionDef mr_functions_date_field[] = {
    DAY_ROW("year", "Year.", "year(DATE'2020-02-03') = 2020"),
    DAY_ROW("quarter", "Quarter, 1 to 4.", "quarter(DATE'2020-02-03') = 1"),
    DAY_ROW("month", "Month, 1 to 12.", "month(DATE'2020-02-03') = 2"),
    DAY_ROW("weekofyear", "Week of the year (ISO 8601).", "weekofyear(DATE'2020-02-03') = 6"),
    DAY_ROW("day", "Day of the month.", "day(DATE'2020-02-03') = 3"),
    DAY_ROW("dayofmonth", "Day of the month.", "dayofmonth(DATE'2020-02-03') = 3"),
    DAY_ROW("dayofweek", "Day of the week, Sunday being 1.", "dayofweek(DATE'2020-02-03') = 2"),
    DAY_ROW("weekday", "Day of the week, Monday being 0.", "weekday(DATE'2020-02-03') = 0"),
    DAY_ROW("dayofyear", "Day of the year.", "dayofyear(DATE'2020-02-03') = 34"),
    TIME_ROWS("hour", "Hour.", "hour(TIMESTAMP'2020-02-03 04:05:06') = 4"),
    TIME_ROWS("minute", "Minute.", "minute(TIMESTAMP'2020-02-03 04:05:06') = 5"),
    TIME_ROWS("second", "Second.", "second(TIMESTAMP'2020-02-03 04:05:06') = 6"),
    {"extract", "any, any -> bind", STRICT, NULL, extract_bind,
     "A field of a date, time or interval.", "extract(YEAR FROM DATE'2020-02-03') = 2020"},
    {"date_part", "any, any -> bind", STRICT, NULL, extract_bind,
     "A field of a date, time or interval.", "date_part('MONTH', DATE'2020-02-03') = 2"},
    {"datepart", "any, any -> bind", STRICT, NULL, extract_bind,
     "A field of a date, time or interval.", "datepart('MONTH', DATE'2020-02-03') = 2"},
    {"date_add", "date, int|smallint|tinyint -> date", STRICT, date_add_call, date_add_bind,
     "Days later.", "date_add(DATE'2020-02-28', 2) = DATE'2020-03-01'"},
    {"dateadd", "date, int|smallint|tinyint -> date", STRICT, date_add_call, date_add_bind,
     "Days later.", "dateadd(DATE'2020-02-28', 2) = DATE'2020-03-01'"},
    {"date_sub", "date, int|smallint|tinyint -> date", STRICT, date_add_call, date_add_bind,
     "Days earlier.", "date_sub(DATE'2020-03-01', 1) = DATE'2020-02-29'"},
    {"datediff", "date, date -> int", STRICT, date_diff_call, NULL,
     "Days from the second to the first.", "datediff(DATE'2020-03-01', DATE'2020-02-01') = 29"},
    {"date_diff", "date, date -> int", STRICT, date_diff_call, NULL,
     "Days from the second to the first.", "date_diff(DATE'2020-03-01', DATE'2020-02-01') = 29"},
    {"add_months", "date, int -> date", STRICT, add_months_call, NULL, "Months later.",
     "add_months(DATE'2020-01-31', 1) = DATE'2020-02-29'"},
    {"last_day", "date -> date", STRICT, last_day_call, NULL, "Last day of the month.",
     "last_day(DATE'2020-02-03') = DATE'2020-02-29'"},
    {"next_day", "date, string -> date", STRICT | MR_FN_MAY_NULL | MR_FN_CAN_FAIL, next_day_call,
     NULL, "The first such day of the week after a date.",
     "next_day(DATE'2020-02-03', 'MO') = DATE'2020-02-10'"},
    {"months_between", "timestamp, timestamp, boolean? -> double", STRICT, months_between_call,
     NULL, "Months from the second to the first.",
     "months_between(DATE'2020-03-31', DATE'2020-02-29') = 1"},
    {"trunc", "date, string -> date", STRICT | MR_FN_MAY_NULL, trunc_call, NULL,
     "First day of the year, month, week ...", "trunc(DATE'2020-02-03', 'MM') = DATE'2020-02-01'"},
    {"date_trunc", "string, timestamp -> timestamp", STRICT | MR_FN_MAY_NULL, date_trunc_call, NULL,
     "Beginning of the year, month, day, hour ...",
     "date_trunc('DAY', TIMESTAMP'2020-02-03 04:05:06') = TIMESTAMP'2020-02-03'"},
    {"timestampadd", "any, bigint, timestamp_ntz! -> timestamp_ntz", STRICT | MR_FN_CAN_FAIL,
     timestampadd_call, unit_bind, "Units later.", NULL},
    {"timestampadd", "any, bigint, timestamp -> timestamp", STRICT | MR_FN_CAN_FAIL,
     timestampadd_call, unit_bind, "Units later.",
     "timestampadd(DAY, 1, TIMESTAMP'2020-02-03') = TIMESTAMP'2020-02-04'"},
    {"timestampdiff", "any, timestamp, timestamp -> bigint", STRICT, timestampdiff_call, unit_bind,
     "Whole units between two moments.",
     "timestampdiff(DAY, TIMESTAMP'2020-02-03', TIMESTAMP'2020-02-05') = 2"},
    {"unix_seconds", "timestamp! -> bigint", STRICT, unix_call, scale_bind,
     "Seconds since 1970 UTC.", NULL},
    {"unix_millis", "timestamp! -> bigint", STRICT, unix_call, scale_bind,
     "Milliseconds since 1970 UTC.", NULL},
    {"unix_micros", "timestamp! -> bigint", STRICT, unix_call, scale_bind,
     "Microseconds since 1970 UTC.", NULL},
    {"unix_date", "date! -> int", STRICT, mr__same_call, NULL, "Days since 1970.",
     "unix_date(DATE'1970-01-02') = 1"},
    {"date_from_unix_date", "int -> date", STRICT, mr__same_call, NULL,
     "The date so many days after 1970-01-01.", "date_from_unix_date(1) = DATE'1970-01-02'"},
    {"timestamp_seconds", "integral! -> timestamp", STRICT | MR_FN_CAN_FAIL, timestamp_of_int_call,
     scale_bind, "The moment so many seconds after 1970 UTC.",
     "unix_seconds(timestamp_seconds(5)) = 5"},
    {"timestamp_seconds", "decimal! -> timestamp", STRICT | MR_FN_CAN_FAIL,
     timestamp_of_decimal_call, NULL, "The moment so many seconds after 1970 UTC.", NULL},
    {"timestamp_seconds", "numeric -> timestamp", STRICT | MR_FN_MAY_NULL, timestamp_of_double_call,
     NULL, "The moment so many seconds after 1970 UTC.", NULL},
    {"timestamp_millis", "integral -> timestamp", STRICT | MR_FN_CAN_FAIL, timestamp_of_int_call,
     scale_bind, "The moment so many milliseconds after 1970 UTC.",
     "unix_millis(timestamp_millis(5)) = 5"},
    {"timestamp_micros", "integral -> timestamp", STRICT | MR_FN_CAN_FAIL, timestamp_of_int_call,
     scale_bind, "The moment so many microseconds after 1970 UTC.",
     "unix_micros(timestamp_micros(5)) = 5"},
    NOW_ROW("current_date", "date", "Today."),
    NOW_ROW("curdate", "date", "Today."),
    NOW_ROW("current_timestamp", "timestamp", "The moment when the query, or its epoch, began."),
    NOW_ROW("now", "timestamp", "The moment when the query, or its epoch, began."),
    NOW_ROW("localtimestamp", "timestamp_ntz",
            "The wall clock when the query, or its epoch, began."),
    {"current_time", "int? -> time", MR_FN_STABLE | MR_FN_NEVER_NULL, now_call, now_bind,
     "The time of day.", NULL},
    {"current_timezone", "-> string", MR_FN_NEVER_NULL, current_timezone_call, NULL,
     "The session's time zone.", NULL},
    {"from_utc_timestamp", "timestamp, string -> timestamp", STRICT | MR_FN_CAN_FAIL,
     utc_shift_call, NULL, "What the clock of a zone shows when it is so in UTC.", NULL},
    {"to_utc_timestamp", "timestamp, string -> timestamp", STRICT | MR_FN_CAN_FAIL, utc_shift_call,
     NULL, "What the clock of UTC shows when it is so in a zone.", NULL},
    {"convert_timezone", "string, timestamp_ntz -> timestamp_ntz", STRICT | MR_FN_CAN_FAIL,
     convert_timezone_call, convert_timezone_bind, "The clock of another zone.", NULL},
    {"convert_timezone", "string, string, timestamp_ntz -> timestamp_ntz", STRICT | MR_FN_CAN_FAIL,
     convert_timezone_call, convert_timezone_bind, "The clock of another zone.", NULL},
    {"dayname", "date -> string", STRICT, day_name_call, NULL, "Mon, Tue ...",
     "dayname(DATE'2020-02-03') = 'Mon'"},
    {"monthname", "date -> string", STRICT, month_name_call, NULL, "Jan, Feb ...",
     "monthname(DATE'2020-02-03') = 'Feb'"},
    {"window_time", "struct -> bind", STRICT, window_time_call, window_time_bind,
     "Event time of a window.", NULL},
    {0},
};
