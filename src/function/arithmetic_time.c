/* arithmetic_time.c - dates, times, timestamps and intervals with each other and with numbers.
 *
 * Which pairs there are, and what each gives, follows Spark's resolution of binary operators: an
 * interval on either side of + is added to the other; DATE + n adds days; differences of dates are
 * INTERVAL DAY, of timestamps INTERVAL DAY TO SECOND (in local time, so that a day is a day). */
#include "function/arithmetic_int.h"
#include "function/calendar.h"
#include "function/time_zone.h"
#include <math.h>

#define NS_PER_DAY INT64_C(86400000000000)

static bool is_stamp(const MrType *type)
{
    return type->kind == MR_TYPE_TIMESTAMP || type->kind == MR_TYPE_TIMESTAMP_NTZ;
}

static MrStatus fail_row(MrCall *call, int32_t row, MrCondition condition, MrError *err)
{
    const MrArith *arith = call->bound->data;
    if (arith->is_try) {
        mr_call_null(call, row);
        return MR_OK;
    }
    return MR_FAIL(err, condition);
}

static MrStatus fail_time(MrCall *call, int32_t row, MrError *err)
{
    const MrArith *arith = call->bound->data;
    if (arith->is_try) {
        mr_call_null(call, row);
        return MR_OK;
    }
    return mr__fail_overflow(NULL, err);
}

/* --- date with something ---------------------------------------------------------------------- */

static MrStatus date_days(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    for (MR_EACH(call, i, row)) {
        int64_t days = mr_arg_integer(call->args[1], row), date = MR_ARG(call->args[0], i32, row);
        call->out->i32[row] = (int32_t)(arith->op == MR__ARITH_SUB ? date - days : date + days);
    }
    return MR_OK;
}

/* DATE and INTERVAL DAY: whole days, so the sum is a date. */
static MrStatus date_day_interval(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    for (MR_EACH(call, i, row)) {
        int64_t days = MR_ARG(call->args[1], i64, row) / MR_US_PER_DAY;
        int64_t date = MR_ARG(call->args[0], i32, row);
        call->out->i32[row] = (int32_t)(arith->op == MR__ARITH_SUB ? date - days : date + days);
    }
    return MR_OK;
}

static MrStatus date_minus_date(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t us,
            days = (int64_t)MR_ARG(call->args[0], i32, row) - MR_ARG(call->args[1], i32, row);
        if (__builtin_mul_overflow(days, MR_US_PER_DAY, &us))
            MR_TRY(fail_time(call, row, err));
        else
            call->out->i64[row] = us;
    }
    return MR_OK;
}

static MrStatus date_minus_date_legacy(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int32_t to = MR_ARG(call->args[0], i32, row), from = MR_ARG(call->args[1], i32, row);
        MrCivil a = mr_days_to_civil(from), b = mr_days_to_civil(to);
        /* java.time's Period: whole months between, then days. */
        int64_t months = (b.year - a.year) * 12 + b.month - a.month;
        int32_t days = b.day - a.day;
        if (months > 0 && days < 0) {
            months--;
            days = (int32_t)(to - mr_days_add_months(from, months));
        } else if (months < 0 && days > 0) {
            months++;
            days -= mr_month_days(b.year, b.month);
        }
        call->out->interval[row] = (MrInterval){(int32_t)months, days, 0};
    }
    return MR_OK;
}

static MrStatus date_months(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    for (MR_EACH(call, i, row)) {
        int64_t months = MR_ARG(call->args[1], i32, row);
        int64_t days = mr_days_add_months(MR_ARG(call->args[0], i32, row),
                                          arith->op == MR__ARITH_SUB ? -months : months);
        if (days > INT32_MAX || days < INT32_MIN)
            MR_TRY(fail_time(call, row, err));
        else
            call->out->i32[row] = (int32_t)days;
    }
    return MR_OK;
}

static MrStatus date_interval(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    int32_t sign = arith->op == MR__ARITH_SUB ? -1 : 1;
    for (MR_EACH(call, i, row)) {
        MrInterval by = MR_ARG(call->args[1], interval, row);
        if (by.us != 0 && call->context->settings->ansi) {
            if (arith->is_try) {
                mr_call_null(call, row);
                continue;
            }
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_WITH_MICROSECONDS_ADDITION);
        }
        int64_t days =
            mr_days_add_months(MR_ARG(call->args[0], i32, row), (int64_t)sign * by.months) +
            (int64_t)sign * by.days;
        if (by.us != 0)
            days = mr_us_to_days(days * MR_US_PER_DAY + sign * by.us);
        if (days > INT32_MAX || days < INT32_MIN)
            MR_TRY(fail_time(call, row, err));
        else
            call->out->i32[row] = (int32_t)days;
    }
    return MR_OK;
}

/* --- timestamps ------------------------------------------------------------------------------- */

static const MrZone *zone_of(const MrCall *call, const MrType *type)
{
    return type->kind == MR_TYPE_TIMESTAMP ? call->context->settings->zone : NULL;
}

static MrStatus stamp_interval(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    const MrVector *by = call->args[1];
    const MrZone *zone = zone_of(call, call->args[0]->type);
    int64_t sign = arith->op == MR__ARITH_SUB ? -1 : 1;
    for (MR_EACH(call, i, row)) {
        int64_t us = MR_ARG(call->args[0], i64, row), sum = 0, months = 0, days = 0, more = 0;
        bool fits = true;
        if (by->type->kind == MR_TYPE_INTERVAL_YM) {
            months = sign * MR_ARG(by, i32, row);
        } else if (by->type->kind == MR_TYPE_INTERVAL_DT) {
            fits = !__builtin_mul_overflow(sign, MR_ARG(by, i64, row), &more);
            days = more / MR_US_PER_DAY;
            more -= days * MR_US_PER_DAY;
        } else {
            MrInterval value = MR_ARG(by, interval, row);
            months = sign * value.months;
            days = sign * value.days;
            fits = !__builtin_mul_overflow(sign, value.us, &more);
        }
        if (fits && mr_zone_add(zone, us, (MrTimeShift){months, days, more}, &sum))
            call->out->i64[row] = sum;
        else
            MR_TRY(fail_time(call, row, err));
    }
    return MR_OK;
}

/* The same for a timestamp that was a text: the sum as a text. */
static MrStatus text_interval(MrCall *call, MrError *err)
{
    MrVector *out = call->out;
    MrVector *sums = mr_vector_create(call->arena, MR_T(TIMESTAMP), call->n_rows);
    call->out = sums;
    MrStatus status = stamp_interval(call, err);
    call->out = out;
    MR_TRY(status);
    for (MR_EACH(call, i, row)) {
        if (mr_vector_is_null(sums, row)) {
            mr_call_null(call, row);
            continue;
        }
        MrTextBuilder text = {.arena = call->arena};
        mr_value_text(sums, row, MR_TEXT_CAST, call->context->settings, &text);
        out->str[row] = mr_str_borrow(text.data, text.size_bytes);
    }
    return MR_OK;
}

static MrStatus stamp_minus_stamp(MrCall *call, MrError *err)
{
    const MrZone *zone = zone_of(call, call->args[0]->type);
    bool legacy = call->out->type->kind == MR_TYPE_INTERVAL;
    for (MR_EACH(call, i, row)) {
        int64_t to = MR_ARG(call->args[0], i64, row), from = MR_ARG(call->args[1], i64, row), us;
        if (legacy) {
            call->out->interval[row] = (MrInterval){.us = to - from};
            continue;
        }
        if (zone) {
            to = mr_zone_to_local_us(zone, to);
            from = mr_zone_to_local_us(zone, from);
        }
        if (__builtin_sub_overflow(to, from, &us))
            MR_TRY(fail_time(call, row, err));
        else
            call->out->i64[row] = us;
    }
    return MR_OK;
}

/* --- times of day ----------------------------------------------------------------------------- */

static MrStatus time_interval(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    for (MR_EACH(call, i, row)) {
        int64_t ns = MR_ARG(call->args[0], i64, row), us = MR_ARG(call->args[1], i64, row), sum;
        us = arith->op == MR__ARITH_SUB ? -us : us;
        if (!__builtin_mul_overflow(us, INT64_C(1000), &sum) &&
            !__builtin_add_overflow(sum, ns, &sum) && sum >= 0 && sum < NS_PER_DAY) {
            call->out->i64[row] = sum;
            continue;
        }
        if (arith->is_try) {
            mr_call_null(call, row);
            continue;
        }
        MrTextBuilder text = {.arena = call->arena};
        mr_builder_printf(&text, "add INTERVAL '%lld", (long long)(us / MR_US_PER_SECOND));
        if (us % MR_US_PER_SECOND) {
            char digits[8];
            snprintf(digits, sizeof digits, "%06d", (int)(llabs(us) % MR_US_PER_SECOND));
            for (int k = 5; k > 0 && digits[k] == '0'; k--)
                digits[k] = '\0';
            mr_builder_printf(&text, ".%s", digits);
        }
        mr_builder_str(&text, "' SECOND to the time value ");
        mr_value_text(call->args[0], mr_arg_row(call->args[0], row), MR_TEXT_SQL,
                      call->context->settings, &text);
        return MR_FAIL(err, MR_COND_DATETIME_OVERFLOW, "operation", mr_builder_text(&text).data);
    }
    return MR_OK;
}

static MrStatus time_minus_time(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i64[row] =
            (MR_ARG(call->args[0], i64, row) - MR_ARG(call->args[1], i64, row)) / 1000;
    return MR_OK;
}

/* --- intervals with intervals and numbers ----------------------------------------------------- */

static bool interval_add(MrInterval a, MrInterval b, MrInterval *out)
{
    return !__builtin_add_overflow(a.months, b.months, &out->months) &&
           !__builtin_add_overflow(a.days, b.days, &out->days) &&
           !__builtin_add_overflow(a.us, b.us, &out->us);
}

static bool interval_sub(MrInterval a, MrInterval b, MrInterval *out)
{
    return !__builtin_sub_overflow(a.months, b.months, &out->months) &&
           !__builtin_sub_overflow(a.days, b.days, &out->days) &&
           !__builtin_sub_overflow(a.us, b.us, &out->us);
}

static MrStatus interval_interval(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    for (MR_EACH(call, i, row)) {
        MrInterval a = MR_ARG(call->args[0], interval, row),
                   b = MR_ARG(call->args[1], interval, row);
        MrInterval *out = &call->out->interval[row];
        if (arith->op == MR__ARITH_SUB ? interval_sub(a, b, out) : interval_add(a, b, out))
            continue;
        if (arith->is_try)
            mr_call_null(call, row);
        else
            return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITH_SUGGESTION,
                           "functionName",
                           arith->op == MR__ARITH_SUB ? "`try_subtract`" : "`try_add`");
    }
    return MR_OK;
}

MrStatus mr__interval_negate(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrInterval *out = &call->out->interval[row];
        if (!interval_sub((MrInterval){0}, MR_ARG(call->args[0], interval, row), out)) {
            if (call->context->settings->ansi)
                return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITHOUT_SUGGESTION);
            MrInterval in = MR_ARG(call->args[0], interval, row);
            *out = (MrInterval){(int32_t)(0u - (uint32_t)in.months),
                                (int32_t)(0u - (uint32_t)in.days), (int64_t)(0u - (uint64_t)in.us)};
        }
    }
    return MR_OK;
}

static int64_t round_half_up(double value, bool *fits)
{
    double rounded = value < 0 ? -floor(-value + 0.5) : floor(value + 0.5);
    if (fabs(value) >= 4503599627370496.0) /* 2^52: no fraction left */
        rounded = value;
    *fits = rounded >= -9223372036854775808.0 && rounded < 9223372036854775808.0;
    return *fits ? (int64_t)rounded : 0;
}

/* Division half away from zero. */
static int64_t div_half_up(int64_t a, int64_t b)
{
    int64_t q = a / b, r = a % b;
    uint64_t size_r = r < 0 ? 0 - (uint64_t)r : (uint64_t)r;
    uint64_t size_b = b < 0 ? 0 - (uint64_t)b : (uint64_t)b;
    if (size_r >= size_b - size_r)
        q += (a < 0) == (b < 0) ? 1 : -1;
    return q;
}

/* Scales one interval in its smallest unit by the number in the second argument. */
static MrStatus interval_scale(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    const MrVector *number = call->args[1];
    bool months = call->args[0]->type->kind == MR_TYPE_INTERVAL_YM;
    bool divide = arith->op == MR__ARITH_DIV;
    for (MR_EACH(call, i, row)) {
        int64_t value = months ? MR_ARG(call->args[0], i32, row) : MR_ARG(call->args[0], i64, row);
        int64_t out = 0;
        bool fits = true, zero = false;
        if (number->type->kind == MR_TYPE_DOUBLE) {
            double by = MR_ARG(number, f64, row);
            zero = divide && by == 0;
            if (!zero)
                out = round_half_up(divide ? (double)value / by : (double)value * by, &fits);
        } else if (number->type->kind == MR_TYPE_DECIMAL) {
            int scale = number->type->scale;
            MrI128 by = number->type->precision <= 18 ? MR_ARG(number, i64, row)
                                                      : MR_ARG(number, i128, row);
            MrI128 wide = 0;
            zero = divide && by == 0;
            if (!zero && divide)
                fits = mr_decimal_div(value, by, scale, &wide);
            else if (!zero) {
                fits = mr_i128_mul(value, by, &wide);
                wide = fits ? mr_decimal_round_down(wide, scale) : 0;
            }
            fits = fits && wide >= INT64_MIN && wide <= INT64_MAX;
            out = (int64_t)wide;
        } else {
            int64_t by = MR_ARG(number, i64, row);
            zero = divide && by == 0;
            if (divide && by == -1)
                fits = !__builtin_sub_overflow(INT64_C(0), value, &out);
            else if (divide && !zero)
                out = div_half_up(value, by);
            else if (!divide)
                fits = !__builtin_mul_overflow(value, by, &out);
        }
        if (zero) {
            MR_TRY(fail_row(call, row, MR_COND_INTERVAL_DIVIDED_BY_ZERO, err));
            continue;
        }
        if (!fits || (months && (out > INT32_MAX || out < INT32_MIN))) {
            if (divide)
                MR_TRY(fail_row(call, row, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITHOUT_SUGGESTION,
                                err));
            else
                MR_TRY(fail_time(call, row, err));
        } else if (months) {
            call->out->i32[row] = (int32_t)out;
        } else {
            call->out->i64[row] = out;
        }
    }
    return MR_OK;
}

static MrStatus legacy_scale(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    for (MR_EACH(call, i, row)) {
        MrInterval value = MR_ARG(call->args[0], interval, row);
        double by = MR_ARG(call->args[1], f64, row);
        if (arith->op == MR__ARITH_DIV && by == 0) {
            if (arith->null_on_fail)
                mr_call_null(call, row);
            else
                return MR_FAIL(err, MR_COND_INTERVAL_DIVIDED_BY_ZERO);
            continue;
        }
        bool divide = arith->op == MR__ARITH_DIV, fits = true;
        double months = divide ? value.months / by : value.months * by;
        double days = divide ? value.days / by : value.days * by;
        double us = divide ? (double)value.us / by : (double)value.us * by;
        double whole_days = trunc(days);
        int64_t us_out = round_half_up(us + (days - whole_days) * (double)MR_US_PER_DAY, &fits);
        if (!fits || fabs(months) >= 2147483648.0 || fabs(whole_days) >= 2147483648.0) {
            if (arith->null_on_fail)
                mr_call_null(call, row);
            else
                return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITHOUT_SUGGESTION);
            continue;
        }
        call->out->interval[row] = (MrInterval){(int32_t)months, (int32_t)whole_days, us_out};
    }
    return MR_OK;
}

/* --- binding ---------------------------------------------------------------------------------- */

static void swap_args(MrBind *bind)
{
    MrArgInfo first = bind->args[0];
    bind->args[0] = bind->args[1];
    bind->args[1] = first;
}

/* The kernels take the interval, the number or the days as second argument.  A + with them first is
 * computed by a twin that swaps. */
static MrStatus swapped(MrCall *call, MrKernel kernel, MrError *err)
{
    MrVector *args[2] = {call->args[1], call->args[0]}, **asked = call->args;
    call->args = args;
    MrStatus status = kernel(call, err);
    call->args = asked;
    return status;
}
#define SWAPPED(name)                                                                              \
    static MrStatus name##_swapped(MrCall *call, MrError *err)                                     \
    {                                                                                              \
        return swapped(call, name, err);                                                           \
    }
SWAPPED(date_days)
SWAPPED(date_day_interval)
SWAPPED(date_months)
SWAPPED(date_interval)
SWAPPED(stamp_interval)
SWAPPED(text_interval)
SWAPPED(time_interval)
SWAPPED(interval_scale)
SWAPPED(legacy_scale)

static MrStatus fail_stamp_input(MrBind *bind, int32_t arg_idx, MrError *err)
{
    return mr__fail_input_type(bind, arg_idx, "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\"",
                               err);
}

/* Sets what all of these share. */
static void time_finish(MrBind *bind, MrKernel kernel, const MrType *type)
{
    const MrArith *arith = bind->data;
    bind->call = kernel;
    bind->type = type;
    bind->flags |= MR_FN_CAN_FAIL;
    bind->nullable = arith->is_try;
    for (int32_t i = 0; i < 2; i++)
        bind->nullable =
            bind->nullable || bind->args[i].nullable || bind->args[i].type->kind == MR_TYPE_VOID ||
            mr__cast_may_null(bind->settings, bind->args[i].type, bind->args[i].cast_to);
    if (arith->is_try)
        bind->flags |= MR_FN_MAY_NULL;
}

/* The type with a number: bigint, double, or its own decimal.  NULL: no number. */
static const MrType *scale_type(const MrType *type)
{
    if (mr_type_is_integral(type))
        return MR_T(BIGINT);
    if (type->kind == MR_TYPE_DECIMAL)
        return type;
    return type->kind == MR_TYPE_FLOAT || type->kind == MR_TYPE_DOUBLE ||
                   type->kind == MR_TYPE_STRING || type->kind == MR_TYPE_VOID
               ? MR_T(DOUBLE)
               : NULL;
}

static MrStatus scale_bind(MrBind *bind, MrArithOp op, bool was_swapped, MrError *err)
{
    const MrType *interval = bind->args[0].type, *number = scale_type(bind->args[1].type);
    bool legacy = interval->kind == MR_TYPE_INTERVAL;
    bool times = op == MR__ARITH_MUL;
    bind->sql =
        legacy ? mr_arena_printf(bind->arena, "%s_interval(%s, %s)", times ? "multiply" : "divide",
                                 bind->args[0].sql, bind->args[1].sql)
               : mr_arena_printf(bind->arena, "(%s %s %s)", bind->args[0].sql, times ? "*" : "/",
                                 bind->args[1].sql);
    if (!number)
        return mr__fail_input_type(bind, 1, legacy ? "\"DOUBLE\"" : "\"NUMERIC\"", err);
    bind->args[1].cast_to = legacy ? MR_T(DOUBLE) : number;
    MrKernel kernel = legacy ? (was_swapped ? legacy_scale_swapped : legacy_scale)
                             : (was_swapped ? interval_scale_swapped : interval_scale);
    time_finish(bind, kernel, legacy ? interval : MR_T(VOID) + interval->kind);
    return MR_OK;
}

/* something + interval, something - interval; args[0] is the something. */
static MrStatus add_interval_bind(MrBind *bind, MrArithOp op, bool was_swapped, MrError *err)
{
    const MrType *base = bind->args[0].type, *by = bind->args[1].type;
    const char *sign = op == MR__ARITH_SUB ? "-" : "+";
    bind->sql =
        mr_arena_printf(bind->arena, "%s %s %s", bind->args[0].sql, sign, bind->args[1].sql);
    if (base->kind == MR_TYPE_TIME && by->kind == MR_TYPE_INTERVAL_DT) {
        time_finish(bind, was_swapped ? time_interval_swapped : time_interval, base);
        return MR_OK;
    }
    if (base->kind == MR_TYPE_DATE && by->kind == MR_TYPE_INTERVAL_YM) {
        time_finish(bind, was_swapped ? date_months_swapped : date_months, base);
        return MR_OK;
    }
    if (base->kind == MR_TYPE_DATE && by->kind == MR_TYPE_INTERVAL) {
        time_finish(bind, was_swapped ? date_interval_swapped : date_interval, base);
        return MR_OK;
    }
    if (base->kind == MR_TYPE_DATE && by->from == MR_DAY && by->to == MR_DAY) {
        const char *days =
            mr_arena_printf(bind->arena, "extractansiintervaldays(%s)", bind->args[1].sql);
        bind->sql = mr_arena_printf(
            bind->arena, op == MR__ARITH_SUB ? "date_add(%s, (- %s))" : "date_add(%s, %s)",
            bind->args[0].sql, days);
        time_finish(bind, was_swapped ? date_day_interval_swapped : date_day_interval, base);
        return MR_OK;
    }
    MrKernel kernel = was_swapped ? stamp_interval_swapped : stamp_interval;
    if (is_stamp(base)) {
        time_finish(bind, kernel, base);
        return MR_OK;
    }
    if (base->kind == MR_TYPE_DATE || base->kind == MR_TYPE_VOID || base->kind == MR_TYPE_STRING) {
        bool text = base->kind == MR_TYPE_STRING; /* then the sum is a text again */
        bind->args[0].cast_to = MR_T(TIMESTAMP);
        time_finish(bind, text ? (was_swapped ? text_interval_swapped : text_interval) : kernel,
                    text ? base : MR_T(TIMESTAMP));
        return MR_OK;
    }
    return fail_stamp_input(bind, 0, err);
}

MrStatus mr__arith_time_bind(MrBind *bind, MrArithOp op, bool is_try, bool *done, MrError *err)
{
    const MrType *x = bind->args[0].type, *y = bind->args[1].type;
#define IS(type, name) ((type)->kind == MR_TYPE_##name)
#define IS_INTERVAL(type) (IS(type, INTERVAL) || IS(type, INTERVAL_DT) || IS(type, INTERVAL_YM))
    bool adds = op == MR__ARITH_ADD || op == MR__ARITH_SUB;
    bool scales = op == MR__ARITH_MUL || op == MR__ARITH_DIV;
    bool times = x->kind == MR_TYPE_DATE || y->kind == MR_TYPE_DATE || is_stamp(x) || is_stamp(y) ||
                 IS(x, TIME) || IS(y, TIME);
    *done = true;
    if (!(adds && (times || IS_INTERVAL(x) || IS_INTERVAL(y))) &&
        !(scales && (IS_INTERVAL(x) || IS_INTERVAL(y)))) {
        *done = false;
        return MR_OK;
    }
    MrArith *arith = mr__arith_new(bind, op, is_try);
    if (scales) {
        if (IS_INTERVAL(x) && (op == MR__ARITH_MUL || !IS(x, VOID)))
            return scale_bind(bind, op, false, err);
        if (op == MR__ARITH_DIV) {
            *done = false; /* number / interval: no such operator */
            return MR_OK;
        }
        swap_args(bind);
        MrStatus status = scale_bind(bind, op, true, err);
        if (status == MR_OK)
            swap_args(bind);
        return status;
    }
    if ((IS(x, TIME) && IS(y, INTERVAL_YM)) || (IS(x, INTERVAL_YM) && IS(y, TIME)))
        return mr__fail_diff_types(bind, err);
    bool both = (IS(x, INTERVAL_DT) && (IS(y, INTERVAL_DT) || IS(y, VOID))) ||
                (IS(x, INTERVAL_YM) && (IS(y, INTERVAL_YM) || IS(y, VOID))) ||
                (IS(x, VOID) && (IS(y, INTERVAL_DT) || IS(y, INTERVAL_YM)));
    if (both) { /* plain sums of months or microseconds */
        *done = false;
        return MR_OK;
    }
    if ((IS(x, INTERVAL) || IS(x, VOID)) && (IS(y, INTERVAL) || IS(y, VOID))) {
        bind->args[0].cast_to = bind->args[1].cast_to = MR_T(INTERVAL);
        if (!bind->settings->ansi)
            arith->null_on_fail = false;
        time_finish(bind, interval_interval, MR_T(INTERVAL));
        return MR_OK;
    }
    if (IS_INTERVAL(y) && !(IS(y, INTERVAL_YM) && !(times || IS(x, VOID)))) {
        if (!(IS_INTERVAL(x) && IS(y, INTERVAL_YM)))
            return add_interval_bind(bind, op, false, err);
    }
    if (op == MR__ARITH_ADD && IS_INTERVAL(x) && !(IS(x, INTERVAL_YM) && !times)) {
        swap_args(bind);
        MrStatus status = add_interval_bind(bind, op, true, err);
        if (status == MR_OK)
            swap_args(bind);
        return status;
    }
    if (!times) {
        *done = false;
        return MR_OK;
    }
    if (op == MR__ARITH_SUB && (is_stamp(x) || is_stamp(y))) {
        const MrType *other = is_stamp(x) ? y : x, *stamp = is_stamp(x) ? x : y;
        const MrArgInfo *info = &bind->args[is_stamp(x) ? 1 : 0];
        bool text = IS(other, STRING) && (info->value || bind->settings->ansi);
        if (!is_stamp(other) && !IS(other, DATE) && !text && !IS(other, VOID))
            return fail_stamp_input(bind, is_stamp(x) ? 1 : 0, err);
        if (is_stamp(other) && other->kind != stamp->kind)
            stamp = MR_T(TIMESTAMP_NTZ); /* what the clocks show */
        bind->args[0].cast_to = bind->args[1].cast_to = stamp;
        time_finish(bind, stamp_minus_stamp,
                    bind->settings->legacy_interval ? MR_T(INTERVAL) : MR_T(INTERVAL_DT));
        return MR_OK;
    }
    if (op == MR__ARITH_SUB && IS(x, TIME) && (IS(y, TIME) || IS(y, STRING) || IS(y, VOID))) {
        bind->args[1].cast_to = IS(y, TIME) ? y : x;
    } else if (op == MR__ARITH_SUB && IS(y, TIME) && (IS(x, STRING) || IS(x, VOID))) {
        bind->args[0].cast_to = y;
    } else if (IS(x, TIME) || IS(y, TIME)) {
        if (op == MR__ARITH_ADD && (IS(x, VOID) || IS(y, VOID))) {
            bool first = IS(x, VOID);
            if (first)
                swap_args(bind);
            bind->sql =
                mr_arena_printf(bind->arena, "%s + %s", bind->args[0].sql, bind->args[1].sql);
            bind->args[1].cast_to = MR_T(INTERVAL_DT);
            time_finish(bind, first ? time_interval_swapped : time_interval, bind->args[0].type);
            if (first)
                swap_args(bind);
            return MR_OK;
        }
        if (!IS(x, DATE) && !IS(y, DATE)) {
            *done = false;
            return MR_OK;
        }
    }
    if (op == MR__ARITH_SUB && (IS(x, TIME) || IS(y, TIME)) && !IS(x, DATE) && !IS(y, DATE)) {
        bind->sql = mr_arena_printf(bind->arena, "%s - %s", bind->args[0].sql, bind->args[1].sql);
        time_finish(bind, time_minus_time, mr_type_interval(bind->arena, MR_HOUR, MR_SECOND));
        return MR_OK;
    }
    if (op == MR__ARITH_ADD && (is_stamp(x) || is_stamp(y))) {
        bool first = !is_stamp(x);
        if (!IS(first ? x : y, VOID)) {
            *done = false;
            return MR_OK;
        }
        if (first)
            swap_args(bind);
        bind->args[1].cast_to = MR_T(INTERVAL_DT);
        bind->sql = mr_arena_printf(bind->arena, "%s + %s", bind->args[0].sql, bind->args[1].sql);
        time_finish(bind, first ? stamp_interval_swapped : stamp_interval, bind->args[0].type);
        if (first)
            swap_args(bind);
        return MR_OK;
    }
    if (op == MR__ARITH_SUB && (IS(y, DATE) || (IS(x, DATE) && (IS(y, STRING) || IS(y, VOID))))) {
        if (!IS(x, DATE) && !IS(x, STRING) && !IS(x, VOID))
            return mr__fail_input_type(bind, 0, "\"DATE\"", err);
        bind->args[0].cast_to = bind->args[1].cast_to = MR_T(DATE);
        if (bind->settings->legacy_interval)
            time_finish(bind, date_minus_date_legacy, MR_T(INTERVAL));
        else
            time_finish(bind, date_minus_date, mr_type_interval(bind->arena, MR_DAY, MR_DAY));
        return MR_OK;
    }
    bool first = !IS(x, DATE);
    if (first)
        swap_args(bind);
    const MrType *days = bind->args[1].type;
    bind->sql = mr_arena_printf(bind->arena, "date_%s(%s, %s)", op == MR__ARITH_SUB ? "sub" : "add",
                                bind->args[0].sql, bind->args[1].sql);
    if (!IS(days, TINYINT) && !IS(days, SMALLINT) && !IS(days, INT) && !IS(days, VOID) &&
        !(IS(days, STRING) && !bind->settings->ansi))
        return mr__fail_input_type(bind, 1, "(\"INT\" or \"SMALLINT\" or \"TINYINT\")", err);
    if (IS(days, VOID) || IS(days, STRING))
        bind->args[1].cast_to = MR_T(INT);
    time_finish(bind, first ? date_days_swapped : date_days, MR_T(DATE));
    if (first)
        swap_args(bind);
    return MR_OK;
#undef IS
#undef IS_INTERVAL
}
