/* bind_interval.c - INTERVAL literals: '1-2' YEAR TO MONTH, 3 DAYS 2 HOURS, '3 days 2 hours'. */
#include "sql/bind_int.h"
#include <ctype.h>

typedef struct Sum {
    int64_t months, days, us;
    bool has_months, has_days_us, overflow;
    MrIntervalField from, to; /* widest and narrowest unit seen */
    bool any;
} Sum;

static const struct {
    const char *name;
    MrSqlUnit unit;
} unit_names[] = {
    {"nanosecond", MR_SQL_UNIT_NANOSECOND},
    {"microsecond", MR_SQL_UNIT_MICROSECOND},
    {"millisecond", MR_SQL_UNIT_MILLISECOND},
    {"second", MR_SQL_UNIT_SECOND},
    {"minute", MR_SQL_UNIT_MINUTE},
    {"hour", MR_SQL_UNIT_HOUR},
    {"day", MR_SQL_UNIT_DAY},
    {"week", MR_SQL_UNIT_WEEK},
    {"month", MR_SQL_UNIT_MONTH},
    {"year", MR_SQL_UNIT_YEAR},
};

static void sum_field(Sum *sum, MrIntervalField field)
{
    if (!sum->any || field < sum->from)
        sum->from = field;
    if (!sum->any || field > sum->to)
        sum->to = field;
    sum->any = true;
}

static void sum_scaled(Sum *sum, int64_t *to, int64_t whole, int64_t scale)
{
    int64_t product;
    if (__builtin_mul_overflow(whole, scale, &product) || __builtin_add_overflow(*to, product, to))
        sum->overflow = true;
}

/* Adds "2.5" seconds and the like; false: no number. */
static bool sum_add(Sum *sum, const char *text, bool negate, MrSqlUnit unit)
{
    bool negative = negate;
    while (isspace((unsigned char)*text))
        text++;
    if (*text == '+' || *text == '-') {
        negative ^= *text == '-';
        text++;
    }
    int64_t whole = 0, nanos = 0;
    int32_t n_digits = 0, n_fraction = 0;
    for (; isdigit((unsigned char)*text); text++, n_digits++)
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, *text - '0', &whole)) {
            if (!(negative && whole == INT64_MIN))
                sum->overflow = true;
        }
    if (*text == '.') {
        for (text++; isdigit((unsigned char)*text); text++, n_fraction++)
            if (n_fraction < 9)
                nanos = nanos * 10 + (*text - '0');
        for (int32_t i = n_fraction; i < 9; i++)
            nanos *= 10;
        if (unit != MR_SQL_UNIT_SECOND || n_fraction > 9)
            return false;
    }
    while (isspace((unsigned char)*text))
        text++;
    if (*text || n_digits + n_fraction == 0)
        return false;
    if (negative) {
        whole = -whole;
        nanos = -nanos;
    }
    switch (unit) {
    case MR_SQL_UNIT_YEAR:
        sum_field(sum, MR_YEAR);
        sum->has_months = true;
        sum_scaled(sum, &sum->months, whole, 12);
        break;
    case MR_SQL_UNIT_QUARTER:
        sum_field(sum, MR_MONTH);
        sum->has_months = true;
        sum_scaled(sum, &sum->months, whole, 3);
        break;
    case MR_SQL_UNIT_MONTH:
        sum_field(sum, MR_MONTH);
        sum->has_months = true;
        sum_scaled(sum, &sum->months, whole, 1);
        break;
    case MR_SQL_UNIT_WEEK:
    case MR_SQL_UNIT_DAY:
    case MR_SQL_UNIT_DAYOFYEAR:
        sum_field(sum, MR_DAY);
        sum->has_days_us = true;
        sum_scaled(sum, &sum->days, whole, unit == MR_SQL_UNIT_WEEK ? 7 : 1);
        break;
    case MR_SQL_UNIT_HOUR:
        sum_field(sum, MR_HOUR);
        sum->has_days_us = true;
        sum_scaled(sum, &sum->us, whole, INT64_C(3600000000));
        break;
    case MR_SQL_UNIT_MINUTE:
        sum_field(sum, MR_MINUTE);
        sum->has_days_us = true;
        sum_scaled(sum, &sum->us, whole, INT64_C(60000000));
        break;
    case MR_SQL_UNIT_SECOND:
        sum_field(sum, MR_SECOND);
        sum->has_days_us = true;
        sum_scaled(sum, &sum->us, whole, INT64_C(1000000));
        sum_scaled(sum, &sum->us, nanos / 1000, 1);
        break;
    case MR_SQL_UNIT_MILLISECOND:
        sum_field(sum, MR_SECOND);
        sum->has_days_us = true;
        sum_scaled(sum, &sum->us, whole, 1000);
        break;
    case MR_SQL_UNIT_MICROSECOND:
        sum_field(sum, MR_SECOND);
        sum->has_days_us = true;
        sum_scaled(sum, &sum->us, whole, 1);
        break;
    default:
        sum_field(sum, MR_SECOND);
        sum->has_days_us = true;
        sum_scaled(sum, &sum->us, whole / 1000, 1);
    }
    if (sum->months > INT32_MAX || sum->months < INT32_MIN || sum->days > INT32_MAX ||
        sum->days < INT32_MIN)
        sum->overflow = true;
    return true;
}

static bool text_add(Sum *sum, const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    if (strncasecmp(text, "interval", 8) == 0 && isspace((unsigned char)text[8]))
        text += 9;
    bool any = false;
    while (*text) {
        char number[64];
        char word[32];
        size_t n = 0;
        while (isspace((unsigned char)*text))
            text++;
        if (!*text)
            break;
        if (*text == '+' || *text == '-')
            number[n++] = *text++;
        while (isspace((unsigned char)*text))
            text++;
        while ((isdigit((unsigned char)*text) || *text == '.') && n + 1 < sizeof number)
            number[n++] = *text++;
        number[n] = '\0';
        while (isspace((unsigned char)*text))
            text++;
        n = 0;
        while (isalpha((unsigned char)*text) && n + 1 < sizeof word)
            word[n++] = (char)tolower((unsigned char)*text++);
        word[n] = '\0';
        if (n > 1 && word[n - 1] == 's')
            word[--n] = '\0';
        bool found = false;
        for (int64_t i = 0; i < MR_COUNT(unit_names) && !found; i++)
            if (strcmp(unit_names[i].name, word) == 0)
                found = sum_add(sum, number, false, unit_names[i].unit);
        if (!found)
            return false;
        any = true;
    }
    return any;
}

static MrExpr *value_expr(Binder *b, const MrType *type, const void *value)
{
    MrExpr *expr = mr_expr_literal(b->arena, mr_vector_constant(b->arena, type, value));
    MrTextBuilder sql = {.arena = b->arena};
    mr_value_text(expr->literal, 0, MR_TEXT_SQL, b->settings, &sql);
    expr->sql = mr_builder_text(&sql).data;
    return expr;
}

static MrIntervalField unit_field(MrSqlUnit unit)
{
    switch (unit) {
    case MR_SQL_UNIT_YEAR:
        return MR_YEAR;
    case MR_SQL_UNIT_QUARTER:
    case MR_SQL_UNIT_MONTH:
        return MR_MONTH;
    case MR_SQL_UNIT_WEEK:
    case MR_SQL_UNIT_DAY:
    case MR_SQL_UNIT_DAYOFYEAR:
        return MR_DAY;
    case MR_SQL_UNIT_HOUR:
        return MR_HOUR;
    case MR_SQL_UNIT_MINUTE:
        return MR_MINUTE;
    default:
        return MR_SECOND;
    }
}

static MrStatus invalid(Binder *b, const MrSqlExpr *ast, const char *text)
{
    return mr__at(b, ast->place,
                  MR_FAIL(b->err, MR_COND_INVALID_INTERVAL_FORMAT__UNRECOGNIZED_NUMBER, "input",
                          text, "number", text));
}

static MrStatus range_bind(Binder *b, const MrSqlExpr *ast, MrExpr **out)
{
    const MrSqlInterval *interval = &ast->interval;
    MrIntervalField from = unit_field(interval->units[0]), to = unit_field(interval->to);
    const MrType *type = mr_type_interval(b->arena, from, to);
    const char *text = interval->values[0];
    if (interval->negated[0])
        text = text[0] == '-' ? text + 1
                              : mr_arena_printf(b->arena, "-%s", text[0] == '+' ? text + 1 : text);
    MrExpr *literal = mr__literal_text(b, text), *cast = NULL;
    const MrVector *value = NULL;
    MR_TRY(mr_expr_cast(b->arena, b->settings, literal, type, MR_CAST_TRY, &cast, b->err));
    MR_TRY(mr_expr_fold(b->arena, &b->eval, cast, &value, b->err));
    if (mr_vector_is_null(value, 0)) {
        static const char *const fields[] = {"year", "month", "day", "hour", "minute", "second"};
        return mr__at(
            b, ast->place,
            MR_FAIL(b->err, MR_COND_INVALID_INTERVAL_FORMAT__UNMATCHED_FORMAT_STRING, "input", text,
                    "intervalStr", from <= MR_MONTH ? "year-month" : "day-time", "supportedFormat",
                    "", "typeName",
                    mr_arena_printf(b->arena, "interval %s to %s", fields[from], fields[to])));
    }
    if (b->settings->legacy_interval) {
        MrInterval legacy = {0};
        if (value->type->kind == MR_TYPE_INTERVAL_YM) {
            legacy.months = value->i32[0];
        } else {
            legacy.days = (int32_t)(value->i64[0] / INT64_C(86400000000));
            legacy.us = value->i64[0] % INT64_C(86400000000);
        }
        *out = value_expr(b, MR_T(INTERVAL), &legacy);
        return MR_OK;
    }
    *out = mr_expr_literal(b->arena, value);
    MrTextBuilder sql = {.arena = b->arena};
    mr_value_text(value, 0, MR_TEXT_SQL, b->settings, &sql);
    (*out)->sql = mr_builder_text(&sql).data;
    return MR_OK;
}

MrStatus mr__interval_bind(Binder *b, const MrSqlExpr *ast, MrExpr **out)
{
    const MrSqlInterval *interval = &ast->interval;
    Sum sum = {0};
    if (interval->is_range)
        return range_bind(b, ast, out);
    if (interval->n_units == 0) {
        if (!text_add(&sum, interval->text))
            return invalid(b, ast, interval->text);
    }
    for (int32_t i = 0; i < interval->n_units; i++)
        if (!sum_add(&sum, interval->values[i], interval->negated[i], interval->units[i]))
            return invalid(b, ast, interval->values[i]);
    int64_t us = sum.us, day_us;
    if (!b->settings->legacy_interval &&
        (__builtin_mul_overflow(sum.days, INT64_C(86400000000), &day_us) ||
         __builtin_add_overflow(us, day_us, &us)))
        sum.overflow = true;
    if (sum.overflow)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_INVALID_INTERVAL_FORMAT__ARITHMETIC_EXCEPTION,
                              "input",
                              mr_arena_printf(b->arena, "%.*s", ast->place.len,
                                              b->text.data + ast->place.idx)));
    if (b->settings->legacy_interval) {
        MrInterval legacy = {(int32_t)sum.months, (int32_t)sum.days, sum.us};
        *out = value_expr(b, MR_T(INTERVAL), &legacy);
        return MR_OK;
    }
    if (sum.has_months && sum.has_days_us)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_0029, "literal",
                              mr_arena_printf(b->arena, "%.*s", ast->place.len,
                                              b->text.data + ast->place.idx)));
    if (sum.has_months) {
        int32_t months = (int32_t)sum.months;
        *out = value_expr(b, mr_type_interval(b->arena, sum.from, sum.to), &months);
    } else {
        *out = value_expr(b, mr_type_interval(b->arena, sum.from, sum.to), &us);
    }
    return MR_OK;
}

MrStatus mr__interval_us(Binder *b, MrSqlPlace place, const MrExpr *text, int64_t *out)
{
    const MrVector *value = NULL;
    Sum sum = {0};
    int64_t us = 0;
    if (!mr_expr_is_constant(text))
        return mr__at(b, place, MR_FAIL_UNSUPPORTED(b->err, "windows whose length is no constant"));
    MR_TRY(mr_expr_fold(b->arena, &b->eval, text, &value, b->err));
    if (value->type->kind == MR_TYPE_INTERVAL_DT && !mr_vector_is_null(value, 0)) {
        *out = value->i64[0];
        return MR_OK;
    }
    MrText words = value->type->kind == MR_TYPE_STRING && !mr_vector_is_null(value, 0)
                       ? mr_str_text(&value->str[0])
                       : MR_TEXT("");
    if (!text_add(&sum, mr_arena_strn(b->arena, words.data, words.size_bytes)) || sum.has_months ||
        sum.overflow || __builtin_mul_overflow(sum.days, INT64_C(86400000000), &us) ||
        __builtin_add_overflow(us, sum.us, &us))
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_CANNOT_PARSE_INTERVAL, "intervalString",
                              mr__quote_sql(b, text->sql)));
    *out = us;
    return MR_OK;
}
