/* math.c - functions of numbers.
 *
 * Elementary functions give NaN and infinities as Java does; logarithms outside their domain are
 * NULL. round and its kin work in decimal, on the shortest text of a double, as Spark's BigDecimal
 * does. */
#include "function/arithmetic_int.h"
#include "function/string_int.h"
#include <math.h>
#include <stdlib.h>

#define K_NAME sqrt_call
#define K_IN double
#define K_OUT double
#define K_EXPR (sqrt(a))
#include "function/unary.inc.h"
#define K_NAME cbrt_call
#define K_IN double
#define K_OUT double
#define K_EXPR ((double)cbrtl(a)) /* glibc's cbrt(27) is not 3 */
#include "function/unary.inc.h"
#define K_NAME exp_call
#define K_IN double
#define K_OUT double
#define K_EXPR (exp(a))
#include "function/unary.inc.h"
#define K_NAME expm1_call
#define K_IN double
#define K_OUT double
#define K_EXPR (expm1(a))
#include "function/unary.inc.h"
#define K_NAME sin_call
#define K_IN double
#define K_OUT double
#define K_EXPR (sin(a))
#include "function/unary.inc.h"
#define K_NAME cos_call
#define K_IN double
#define K_OUT double
#define K_EXPR (cos(a))
#include "function/unary.inc.h"
#define K_NAME tan_call
#define K_IN double
#define K_OUT double
#define K_EXPR (tan(a))
#include "function/unary.inc.h"
#define K_NAME cot_call
#define K_IN double
#define K_OUT double
#define K_EXPR (1 / tan(a))
#include "function/unary.inc.h"
#define K_NAME sec_call
#define K_IN double
#define K_OUT double
#define K_EXPR (1 / cos(a))
#include "function/unary.inc.h"
#define K_NAME csc_call
#define K_IN double
#define K_OUT double
#define K_EXPR (1 / sin(a))
#include "function/unary.inc.h"
#define K_NAME asin_call
#define K_IN double
#define K_OUT double
#define K_EXPR (asin(a))
#include "function/unary.inc.h"
#define K_NAME acos_call
#define K_IN double
#define K_OUT double
#define K_EXPR (acos(a))
#include "function/unary.inc.h"
#define K_NAME atan_call
#define K_IN double
#define K_OUT double
#define K_EXPR (atan(a))
#include "function/unary.inc.h"
#define K_NAME sinh_call
#define K_IN double
#define K_OUT double
#define K_EXPR (sinh(a))
#include "function/unary.inc.h"
#define K_NAME cosh_call
#define K_IN double
#define K_OUT double
#define K_EXPR (cosh(a))
#include "function/unary.inc.h"
#define K_NAME tanh_call
#define K_IN double
#define K_OUT double
#define K_EXPR (tanh(a))
#include "function/unary.inc.h"
/* By their formulas, as Spark computes them. */
#define K_NAME asinh_call
#define K_IN double
#define K_OUT double
#define K_EXPR                                                                                     \
    (isinf(a) && a < 0 ? a : a < 0 ? -log(-a + sqrt(a * a + 1.0)) : log(a + sqrt(a * a + 1.0)))
#include "function/unary.inc.h"
#define K_NAME acosh_call
#define K_IN double
#define K_OUT double
#define K_EXPR (a < 1 ? NAN : log(a + sqrt(a * a - 1.0)))
#include "function/unary.inc.h"
#define K_NAME atanh_call
#define K_IN double
#define K_OUT double
#define K_EXPR (0.5 * (log1p(a) - log1p(-a)))
#include "function/unary.inc.h"
#define K_NAME degrees_call
#define K_IN double
#define K_OUT double
#define K_EXPR (a * (180.0 / M_PI))
#include "function/unary.inc.h"
#define K_NAME radians_call
#define K_IN double
#define K_OUT double
#define K_EXPR (a * (M_PI / 180.0))
#include "function/unary.inc.h"
#define K_NAME rint_call
#define K_IN double
#define K_OUT double
#define K_EXPR (rint(a))
#include "function/unary.inc.h"
#define K_NAME sign_f64
#define K_IN double
#define K_OUT double
#define K_EXPR (a > 0 ? 1.0 : a < 0 ? -1.0 : a)
#include "function/unary.inc.h"
#define K_NAME sign_i64
#define K_IN int64_t
#define K_OUT double
#define K_EXPR ((a > 0) - (a < 0))
#include "function/unary.inc.h"
#define K_NAME sign_i32
#define K_IN int32_t
#define K_OUT double
#define K_EXPR ((a > 0) - (a < 0))
#include "function/unary.inc.h"
/* Java: 1 or -1 to an infinite power, or to NaN, is not a number. */
static inline double java_pow(double a, double b)
{
    if (b != b || (isinf(b) && fabs(a) == 1))
        return b == 0 ? 1 : NAN;
    return pow(a, b);
}
#define K_NAME pow_call
#define K_LEFT double
#define K_RIGHT double
#define K_OUT double
#define K_EXPR (java_pow(a, b))
#include "function/binary.inc.h"
#define K_NAME atan2_call
#define K_LEFT double
#define K_RIGHT double
#define K_OUT double
#define K_EXPR (atan2(a + 0.0, b + 0.0))
#include "function/binary.inc.h"
#define K_NAME hypot_call
#define K_LEFT double
#define K_RIGHT double
#define K_OUT double
#define K_EXPR (hypot(a, b))
#include "function/binary.inc.h"

static MrStatus sign_bind(MrBind *bind, MrError *err)
{
    MrTypeKind kind = bind->args[0].cast_to->kind;
    bind->call = kind == MR_TYPE_INTERVAL_YM   ? sign_i32
                 : kind == MR_TYPE_INTERVAL_DT ? sign_i64
                                               : sign_f64;
    return MR_OK;
}

/* Logarithms: NULL where there is none. */
#define LOG_CALL(name, bad, expr)                                                                  \
    static MrStatus name(MrCall *call, MrError *err)                                               \
    {                                                                                              \
        for (MR_EACH(call, i, row)) {                                                              \
            double a = MR_ARG(call->args[0], f64, row);                                            \
            if (bad)                                                                               \
                mr_call_null(call, row);                                                           \
            else                                                                                   \
                call->out->f64[row] = (expr);                                                      \
        }                                                                                          \
        return MR_OK;                                                                              \
    }
LOG_CALL(ln_call, a <= 0, log(a))
LOG_CALL(log2_call, a <= 0, log(a) / log(2.0))
LOG_CALL(log10_call, a <= 0, log10(a))
LOG_CALL(log1p_call, a <= -1, log1p(a))

static MrStatus log_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        double base = MR_ARG(call->args[0], f64, row), a = MR_ARG(call->args[1], f64, row);
        if (base <= 0 || a <= 0)
            mr_call_null(call, row);
        else
            call->out->f64[row] = log(a) / log(base);
    }
    return MR_OK;
}

static MrStatus e_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->f64[row] = M_E;
    return MR_OK;
}

static MrStatus pi_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->f64[row] = M_PI;
    return MR_OK;
}

static MrStatus factorial_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int32_t n = MR_ARG(call->args[0], i32, row);
        int64_t product = 1;
        for (int64_t k = 2; k <= n && n <= 20; k++)
            product *= k;
        if (n < 0 || n > 20)
            mr_call_null(call, row);
        else
            call->out->i64[row] = product;
    }
    return MR_OK;
}

/* --- rounding --------------------------------------------------------------------------------- */

typedef enum RoundMode { ROUND_HALF_UP, ROUND_HALF_EVEN, ROUND_CEILING, ROUND_FLOOR } RoundMode;

typedef struct RoundData {
    RoundMode mode;
    int32_t digits; /* behind the point; negative: before it */
    bool ansi;
} RoundData;

/* Drops digits at the right end: value / 10^digits, rounded. */
static MrI128 round_drop(MrI128 value, int digits, RoundMode mode)
{
    if (digits <= 0)
        return value;
    if (digits > 38) /* nothing is left but the direction */
        return mode == ROUND_CEILING && value > 0 ? 1 : mode == ROUND_FLOOR && value < 0 ? -1 : 0;
    MrI128 unit = mr_pow10_i128[digits], q = value / unit, r = value % unit;
    if (r == 0)
        return q;
    bool negative = r < 0;
    MrI128 size = negative ? -r : r, other = unit - size;
    bool away = mode == ROUND_CEILING ? !negative
                : mode == ROUND_FLOOR
                    ? negative
                    : size > other || (size == other && (mode == ROUND_HALF_UP || q % 2 != 0));
    return away ? q + (negative ? -1 : 1) : q;
}

static MrStatus round_decimal(MrCall *call, MrError *err)
{
    const RoundData *data = call->bound->data;
    const MrType *in = call->args[0]->type, *out = call->out->type;
    for (MR_EACH(call, i, row)) {
        MrI128 value =
            round_drop(mr_arg_decimal(call->args[0], row), in->scale - data->digits, data->mode);
        /* It now has data->digits digits behind the point, and the result out->scale. */
        int up = data->digits < in->scale ? out->scale - data->digits : out->scale - in->scale;
        if (up > 38 || !mr_i128_mul(value, mr_pow10_i128[up > 0 ? up : 0], &value) ||
            value >= mr_pow10_i128[out->precision] || value <= -mr_pow10_i128[out->precision]) {
            if (value == 0) {
                mr__decimal_put(call->out, row, 0);
                continue;
            }
            if (!data->ansi) {
                mr_call_null(call, row);
                continue;
            }
            char text[MR_DECIMAL_TEXT_MAX];
            int32_t size = mr_decimal_to_text(mr_arg_decimal(call->args[0], row), in->scale, text);
            return mr__fail_decimal(call->arena, mr_arena_strn(call->arena, text, size), out, err);
        }
        mr__decimal_put(call->out, row, value);
    }
    return MR_OK;
}

static MrStatus round_integer(MrCall *call, MrError *err)
{
    const RoundData *data = call->bound->data;
    const MrVector *arg = call->args[0];
    if (data->digits >= 0) {
        call->out = call->args[0];
        return MR_OK;
    }
    for (MR_EACH(call, i, row)) {
        MrPhysical physical = mr_type_physical(arg->type);
        int64_t value = physical == MR_PHYS_I8    ? MR_ARG(arg, i8, row)
                        : physical == MR_PHYS_I16 ? MR_ARG(arg, i16, row)
                        : physical == MR_PHYS_I32 ? MR_ARG(arg, i32, row)
                                                  : MR_ARG(arg, i64, row);
        MrI128 rounded = round_drop(value, -data->digits, data->mode);
        rounded = rounded == 0 ? 0 : rounded * mr_pow10_i128[-data->digits];
        int bits = physical == MR_PHYS_I8    ? 7
                   : physical == MR_PHYS_I16 ? 15
                   : physical == MR_PHYS_I32 ? 31
                                             : 63;
        MrI128 limit = (MrI128)1 << bits;
        if ((rounded >= limit || rounded < -limit) && data->ansi)
            return mr__fail_overflow(NULL, err);
        switch (physical) {
        case MR_PHYS_I8:
            call->out->i8[row] = (int8_t)rounded;
            break;
        case MR_PHYS_I16:
            call->out->i16[row] = (int16_t)rounded;
            break;
        case MR_PHYS_I32:
            call->out->i32[row] = (int32_t)rounded;
            break;
        default:
            call->out->i64[row] = (int64_t)rounded;
        }
    }
    return MR_OK;
}

/* Rounds the shortest decimal text of a double (or float). */
static double round_text(const char *text, int32_t size, double value, const RoundData *data)
{
    char digits[48], out[64];
    int32_t n = 0, exponent = 0, at = 0, point = -1;
    bool negative = size > 0 && text[0] == '-';
    for (at = negative; at < size && text[at] != 'E'; at++) {
        if (text[at] == '.')
            point = n;
        else if (n < (int32_t)sizeof digits - 2)
            digits[n++] = text[at];
    }
    if (at < size)
        exponent = (int32_t)strtol(text + at + 1, NULL, 10);
    if (point < 0)
        point = n;
    int64_t scale = (int64_t)n - point - exponent; /* digits behind the point */
    if (scale <= data->digits || n > 36)
        return value;
    MrI128 unscaled = 0;
    for (int32_t i = 0; i < n; i++)
        unscaled = unscaled * 10 + (digits[i] - '0');
    MrI128 rounded =
        round_drop(negative ? -unscaled : unscaled,
                   scale - data->digits > 100 ? 100 : (int)(scale - data->digits), data->mode);
    if (rounded == 0)
        return 0.0;
    char whole[MR_DECIMAL_TEXT_MAX];
    int32_t whole_size = mr_decimal_to_text(rounded, 0, whole);
    snprintf(out, sizeof out, "%.*sE%d", whole_size, whole, -data->digits);
    return strtod(out, NULL);
}

static MrStatus round_f64(MrCall *call, MrError *err)
{
    const RoundData *data = call->bound->data;
    for (MR_EACH(call, i, row)) {
        double value = MR_ARG(call->args[0], f64, row);
        char text[MR_F64_TEXT_MAX];
        call->out->f64[row] =
            isfinite(value) ? round_text(text, mr_f64_to_text(value, text), value, data) : value;
    }
    return MR_OK;
}

static MrStatus round_f32(MrCall *call, MrError *err)
{
    const RoundData *data = call->bound->data;
    for (MR_EACH(call, i, row)) {
        float value = MR_ARG(call->args[0], f32, row);
        char text[MR_F64_TEXT_MAX];
        call->out->f32[row] =
            isfinite(value) ? (float)round_text(text, mr_f32_to_text(value, text), value, data)
                            : value;
    }
    return MR_OK;
}

/* decimal(p, s) rounded to `digits` behind the point. */
static const MrType *round_type(MrBind *bind, const MrType *type, int32_t digits)
{
    int whole = type->precision - type->scale + 1;
    if (digits < 0) {
        int precision = whole > -digits + 1 ? whole : -digits + 1;
        return mr_type_decimal(bind->arena, precision < 38 ? precision : 38, 0);
    }
    int scale = type->scale < digits ? type->scale : digits;
    return mr_type_decimal(bind->arena, whole + scale < 38 ? whole + scale : 38, scale);
}

/* A double beyond bigint becomes the nearest bigint, as in Java. */
static int64_t to_bigint(double value)
{
    return value != value                    ? 0
           : value >= 9223372036854775808.0  ? INT64_MAX
           : value <= -9223372036854775808.0 ? INT64_MIN
                                             : (int64_t)value;
}

/* The digits that round() and bround() keep: a constant that can become an int.  NULL: the result
 * is NULL too. */
static MrStatus round_digits(MrBind *bind, int64_t *digits, MrError *err)
{
    const MrArgInfo *arg = &bind->args[1];
    const MrVector *value = arg->value;
    MrText text;
    *digits = 0;
    if (!value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`scale`", "inputType",
                       "\"INT\"", "inputExpr", mr__quoted_expr(bind->arena, arg->sql));
    if (mr_vector_is_null(value, 0)) {
        bind->flags |= MR_FN_MAY_NULL;
        return MR_OK;
    }
    switch (value->type->kind) {
    case MR_TYPE_DOUBLE:
        *digits = to_bigint(value->f64[0]);
        break;
    case MR_TYPE_FLOAT:
        *digits = to_bigint((double)value->f32[0]);
        break;
    case MR_TYPE_DECIMAL:
        *digits = (int64_t)(mr_arg_decimal(value, 0) / mr_pow10_i128[value->type->scale]);
        break;
    case MR_TYPE_STRING:
        if (!mr__arg_text(arg, &text) || !mr_text_to_i64(text, digits))
            return MR_FAIL(err, MR_COND_CAST_INVALID_INPUT, "expression",
                           mr_arena_printf(bind->arena, "'%s'", arg->sql), "sourceType",
                           "\"STRING\"", "targetType", "\"INT\"", "ansiConfig",
                           "\"spark.sql.ansi.enabled\"");
        break;
    default:
        (void)mr__arg_i64(arg, digits);
    }
    return MR_OK;
}

static MrStatus round_bind_as(MrBind *bind, RoundMode mode, int64_t digits, MrError *err)
{
    RoundData *data = MR_NEW(bind->arena, RoundData);
    const MrType *type = bind->args[0].cast_to;
    data->mode = mode;
    data->ansi = bind->settings->ansi;
    data->digits = digits > 400 ? 400 : digits < -400 ? -400 : (int32_t)digits;
    bind->data = data;
    bind->type = type;
    switch (type->kind) {
    case MR_TYPE_DECIMAL:
        bind->type = round_type(bind, type, data->digits);
        bind->call = round_decimal;
        bind->flags |= MR_FN_CAN_FAIL;
        break;
    case MR_TYPE_FLOAT:
        bind->call = round_f32;
        break;
    case MR_TYPE_DOUBLE:
        bind->call = round_f64;
        break;
    default:
        bind->call = round_integer;
        bind->flags |= MR_FN_CAN_FAIL;
    }
    return MR_OK;
}

static MrStatus round_bind(MrBind *bind, MrError *err)
{
    int64_t digits = 0;
    if (bind->n_args > 1)
        MR_TRY(round_digits(bind, &digits, err));
    return round_bind_as(bind, ROUND_HALF_UP, digits, err);
}

static MrStatus bround_bind(MrBind *bind, MrError *err)
{
    int64_t digits = 0;
    if (bind->n_args > 1)
        MR_TRY(round_digits(bind, &digits, err));
    return round_bind_as(bind, ROUND_HALF_EVEN, digits, err);
}

/* ceil and floor to whole numbers. */
static MrStatus ceil_f64(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i64[row] = to_bigint(ceil(MR_ARG(call->args[0], f64, row)));
    return MR_OK;
}
static MrStatus floor_f64(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i64[row] = to_bigint(floor(MR_ARG(call->args[0], f64, row)));
    return MR_OK;
}
static MrStatus same_call(MrCall *call, MrError *err)
{
    call->out = call->args[0];
    return MR_OK;
}

static MrStatus whole_bind(MrBind *bind, RoundMode mode, MrKernel of_double, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    if (bind->n_args > 1) { /* Spark takes no other type here, and no NULL: it does not cast */
        const MrVector *digits = bind->args[1].value;
        if (!digits || digits->type->kind != MR_TYPE_INT || mr_vector_is_null(digits, 0))
            return MR_FAIL(err, MR_COND_NON_FOLDABLE_ARGUMENT, "funcName",
                           mr_quote_name(bind->arena, bind->def->name), "paramName", "`scale`",
                           "paramType", "\"INT\"");
        if (type->kind != MR_TYPE_DECIMAL)
            bind->args[0].cast_to = mr__decimal_for(bind->arena, type);
        return round_bind_as(bind, mode, digits->i32[0], err);
    }
    if (bind->args[0].type->kind == MR_TYPE_VOID)
        type = bind->args[0].cast_to = MR_T(BIGINT);
    if (mr_type_is_integral(type)) {
        bind->args[0].cast_to = bind->type = MR_T(BIGINT);
        bind->call = same_call;
        return MR_OK;
    }
    if (type->kind != MR_TYPE_DECIMAL) {
        bind->args[0].cast_to = MR_T(DOUBLE);
        bind->type = MR_T(BIGINT);
        bind->call = of_double;
        return MR_OK;
    }
    MR_TRY(round_bind_as(bind, mode, 0, err));
    int precision = type->precision - type->scale + 1;
    bind->type =
        type->scale == 0 ? type : mr_type_decimal(bind->arena, precision < 38 ? precision : 38, 0);
    return MR_OK;
}
static MrStatus ceil_bind(MrBind *bind, MrError *err)
{
    return whole_bind(bind, ROUND_CEILING, ceil_f64, err);
}
static MrStatus floor_bind(MrBind *bind, MrError *err)
{
    return whole_bind(bind, ROUND_FLOOR, floor_f64, err);
}

/* --- digits in other bases -------------------------------------------------------------------- */

static const char digits_upper[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";

static MrStatus bin_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        uint64_t value = (uint64_t)MR_ARG(call->args[0], i64, row);
        char text[64];
        int32_t at = 64;
        do {
            text[--at] = (char)('0' + (value & 1));
            value >>= 1;
        } while (value);
        call->out->str[row] = mr_str_own(call->arena, text + at, 64 - at);
    }
    return MR_OK;
}

static MrStatus hex_call(MrCall *call, MrError *err)
{
    const MrVector *arg = call->args[0];
    for (MR_EACH(call, i, row)) {
        if (arg->type->kind == MR_TYPE_BIGINT) {
            uint64_t value = (uint64_t)MR_ARG(arg, i64, row);
            char text[16];
            int32_t at = 16;
            do {
                text[--at] = digits_upper[value & 15];
                value >>= 4;
            } while (value);
            call->out->str[row] = mr_str_own(call->arena, text + at, 16 - at);
            continue;
        }
        MrText bytes = mr_str_text(&MR_ARG(arg, str, row));
        MR_TRY(mr__text_check(call, 2 * bytes.size_bytes, err));
        char *text = mr_arena_alloc(call->arena, 2 * bytes.size_bytes + 1);
        for (int64_t from = 0, end; from < bytes.size_bytes; from = end) {
            end = mr_poll_piece(from, bytes.size_bytes);
            for (int64_t k = from; k < end; k++) {
                text[2 * k] = digits_upper[(uint8_t)bytes.data[k] >> 4];
                text[2 * k + 1] = digits_upper[(uint8_t)bytes.data[k] & 15];
            }
        }
        call->out->str[row] = mr_str_borrow(text, 2 * bytes.size_bytes);
    }
    return MR_OK;
}

static int32_t digit_value(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'z' ? c - 'a' + 10
           : c >= 'A' && c <= 'Z' ? c - 'A' + 10
                                  : 99;
}

static MrStatus unhex_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
        char *bytes = mr_arena_alloc(call->arena, text.size_bytes / 2 + 2);
        int64_t n = 0, at = 0;
        bool bad = false;
        if (text.size_bytes % 2) { /* the first digit stands alone */
            int32_t low = digit_value(text.data[at++]);
            bad = low > 15;
            bytes[n++] = (char)low;
        }
        for (; at < text.size_bytes && !bad; at += 2) {
            int32_t high = digit_value(text.data[at]), low = digit_value(text.data[at + 1]);
            bad = high > 15 || low > 15;
            mr_poll_item(n);
            bytes[n++] = (char)(high * 16 + low);
        }
        if (bad)
            mr_call_null(call, row);
        else
            call->out->str[row] = mr_str_borrow(bytes, n);
    }
    return MR_OK;
}

/* Hive's conv: unsigned 64 bits; a negative target base shows the number with a sign. */
static MrStatus conv_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
        int32_t from = MR_ARG(call->args[1], i32, row), to = MR_ARG(call->args[2], i32, row);
        while (text.size_bytes && text.data[0] == ' ') {
            text.data++;
            text.size_bytes--;
        }
        while (text.size_bytes && text.data[text.size_bytes - 1] == ' ')
            text.size_bytes--;
        if (from < 2 || from > 36 || to == INT32_MIN || abs(to) < 2 || abs(to) > 36 ||
            text.size_bytes == 0) {
            mr_call_null(call, row);
            continue;
        }
        bool negative = text.data[0] == '-', overflow = false;
        uint64_t value = 0;
        for (int64_t k = negative; k < text.size_bytes; k++) {
            int32_t digit = digit_value(text.data[k]);
            if (digit >= from)
                break;
            if (__builtin_mul_overflow(value, (uint64_t)from, &value) ||
                __builtin_add_overflow(value, (uint64_t)digit, &value))
                overflow = true;
        }
        if (overflow) {
            if (call->context->settings->ansi)
                return mr__fail_overflow(NULL, err);
            value = UINT64_MAX;
        } else if (negative && to > 0) {
            value = (int64_t)value < 0 ? UINT64_MAX : 0 - value;
        }
        if (to < 0 && !negative && (int64_t)value < 0) {
            value = 0 - value;
            negative = true;
        } else if (to < 0 && negative && (int64_t)value < 0) {
            value = UINT64_C(1) << 63;
        }
        char out[66];
        int32_t at = 66;
        uint64_t base = (uint64_t)abs(to);
        do {
            out[--at] = digits_upper[value % base];
            value /= base;
        } while (value);
        if (negative && to < 0 && !(66 - at == 1 && out[at] == '0'))
            out[--at] = '-';
        call->out->str[row] = mr_str_own(call->arena, out + at, 66 - at);
    }
    return MR_OK;
}

/* --- width_bucket ----------------------------------------------------------------------------- */

static double bucket_number(const MrVector *vec, int32_t row)
{
    return vec->type->kind == MR_TYPE_INTERVAL_YM   ? MR_ARG(vec, i32, row)
           : vec->type->kind == MR_TYPE_INTERVAL_DT ? (double)MR_ARG(vec, i64, row)
                                                    : MR_ARG(vec, f64, row);
}

static MrStatus width_bucket_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        double value = bucket_number(call->args[0], row), low = bucket_number(call->args[1], row);
        double high = bucket_number(call->args[2], row);
        int64_t n = MR_ARG(call->args[3], i64, row);
        if (n <= 0 || n == INT64_MAX || value != value || low == high || !isfinite(low) ||
            !isfinite(high)) {
            mr_call_null(call, row);
            continue;
        }
        double least = low < high ? low : high, most = low < high ? high : low;
        if (low < high)
            call->out->i64[row] = value < least ? 0
                                  : value >= most
                                      ? n + 1
                                      : (int64_t)((double)n * (value - least) / (most - least)) + 1;
        else
            call->out->i64[row] = value > most ? 0
                                  : value <= least
                                      ? n + 1
                                      : (int64_t)((double)n * (most - value) / (most - least)) + 1;
    }
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
#define MATH(name, call, doc, example)                                                             \
    {                                                                                              \
        name, "double -> double", STRICT | MR_FN_MAY_NULL | MR_FN_TOTAL, call, NULL, doc, example  \
    }
static MrStatus log_bind(MrBind *bind, MrError *err)
{
    bind->sql = bind->n_args == 1 ? mr_arena_printf(bind->arena, "LOG(E(), %s)", bind->args[0].sql)
                                  : mr_arena_printf(bind->arena, "LOG(%s, %s)", bind->args[0].sql,
                                                    bind->args[1].sql);
    return MR_OK;
}

#define LOGS(name, call, doc, example)                                                             \
    {                                                                                              \
        name, "double -> double", STRICT | MR_FN_MAY_NULL, call, NULL, doc, example                \
    }
#define MATH2(name, call, doc, example)                                                            \
    {                                                                                              \
        name, "double, double -> double", STRICT | MR_FN_TOTAL, call, NULL, doc, example           \
    }

const MrFunctionDef mr_functions_math[] = {
    MATH("sqrt", sqrt_call, "Square root.", "sqrt(4) = 2.0D"),
    MATH("cbrt", cbrt_call, "Cube root.", "cbrt(27.0) = 3.0D"),
    MATH("exp", exp_call, "e to a power.", "exp(0) = 1.0D"),
    MATH("expm1", expm1_call, "exp(x) - 1, exact near 0.", "expm1(0) = 0.0D"),
    MATH("sin", sin_call, "Sine.", "sin(0) = 0.0D"),
    MATH("cos", cos_call, "Cosine.", "cos(0) = 1.0D"),
    MATH("tan", tan_call, "Tangent.", "tan(0) = 0.0D"),
    MATH("cot", cot_call, "Cotangent.", "cot(1) = 1.0D / tan(1)"),
    MATH("sec", sec_call, "Secant.", "sec(0) = 1.0D"),
    MATH("csc", csc_call, "Cosecant.", "csc(1) = 1.0D / sin(1)"),
    MATH("asin", asin_call, "Arc sine.", "asin(0) = 0.0D"),
    MATH("acos", acos_call, "Arc cosine.", "acos(1) = 0.0D"),
    MATH("atan", atan_call, "Arc tangent.", "atan(0) = 0.0D"),
    MATH("sinh", sinh_call, "Hyperbolic sine.", "sinh(0) = 0.0D"),
    MATH("cosh", cosh_call, "Hyperbolic cosine.", "cosh(0) = 1.0D"),
    MATH("tanh", tanh_call, "Hyperbolic tangent.", "tanh(0) = 0.0D"),
    MATH("asinh", asinh_call, "Inverse hyperbolic sine.", "asinh(0) = 0.0D"),
    MATH("acosh", acosh_call, "Inverse hyperbolic cosine.", "acosh(1) = 0.0D"),
    MATH("atanh", atanh_call, "Inverse hyperbolic tangent.", "atanh(0) = 0.0D"),
    MATH("degrees", degrees_call, "Radians as degrees.", "degrees(pi()) = 180.0D"),
    MATH("radians", radians_call, "Degrees as radians.", "radians(180) = pi()"),
    MATH("rint", rint_call, "The nearest whole number, to even.", "rint(12.3456) = 12.0D"),
    {"sign", "double|interval year to month|interval day to second -> double",
     STRICT | MR_FN_MAY_NULL | MR_FN_TOTAL, NULL, sign_bind, "-1, 0 or 1.", "sign(40) = 1.0D"},
    {"signum", "double|interval year to month|interval day to second -> double",
     STRICT | MR_FN_MAY_NULL | MR_FN_TOTAL, NULL, sign_bind, "-1, 0 or 1.", "signum(40) = 1.0D"},
    MATH2("pow", pow_call, "Power.", "pow(2, 3) = 8.0D"),
    MATH2("power", pow_call, "Power.", "power(2, 3) = 8.0D"),
    MATH2("atan2", atan2_call, "Angle of a point (y, x).", "atan2(0, 1) = 0.0D"),
    MATH2("hypot", hypot_call, "sqrt(a^2 + b^2).", "hypot(3, 4) = 5.0D"),
    LOGS("ln", ln_call, "Natural logarithm.", "ln(1) = 0.0D"),
    {"log", "double -> double", STRICT | MR_FN_MAY_NULL, ln_call, log_bind, "Natural logarithm.",
     "log(1) = 0.0D"},
    {"log", "double, double -> double", STRICT | MR_FN_MAY_NULL, log_call, log_bind,
     "Logarithm to a base.", "log(10, 100) = 2.0D"},
    LOGS("log2", log2_call, "Logarithm to base 2.", "log2(2) = 1.0D"),
    LOGS("log10", log10_call, "Logarithm to base 10.", "log10(10) = 1.0D"),
    LOGS("log1p", log1p_call, "ln(1 + x), exact near 0.", "log1p(0) = 0.0D"),
    {"e", "-> double", MR_FN_NEVER_NULL | MR_FN_TOTAL, e_call, NULL, "Euler's number.",
     "e() = exp(1)"},
    {"pi", "-> double", MR_FN_NEVER_NULL | MR_FN_TOTAL, pi_call, NULL, "Pi.", "pi() = acos(-1)"},
    {"factorial", "int -> bigint", STRICT | MR_FN_MAY_NULL, factorial_call, NULL,
     "n!, for n from 0 to 20.", "factorial(5) = 120"},
    {"round", "numeric, int? -> bind", STRICT | MR_FN_MAY_NULL, NULL, round_bind,
     "Rounded to digits behind the point, halves away from zero.", "round(2.5, 0) = 3"},
    {"bround", "numeric, int? -> bind", STRICT | MR_FN_MAY_NULL, NULL, bround_bind,
     "Rounded to digits behind the point, halves to even.", "bround(2.5, 0) = 2"},
    {"ceil", "double|decimal|bigint -> bind", STRICT | MR_FN_MAY_NULL, NULL, ceil_bind,
     "The least whole number that is not below.", "ceil(-0.1) = 0"},
    {"ceil", "decimal, any -> bind", STRICT | MR_FN_MAY_NULL, NULL, ceil_bind,
     "Rounded up at a digit.", "ceil(3.1411, 3) = 3.142"},
    {"ceiling", "double|decimal|bigint -> bind", STRICT | MR_FN_MAY_NULL, NULL, ceil_bind,
     "The least whole number that is not below.", "ceiling(-0.1) = 0"},
    {"ceiling", "decimal, any -> bind", STRICT | MR_FN_MAY_NULL, NULL, ceil_bind,
     "Rounded up at a digit.", "ceiling(3.1411, 3) = 3.142"},
    {"floor", "double|decimal|bigint -> bind", STRICT | MR_FN_MAY_NULL, NULL, floor_bind,
     "The greatest whole number that is not above.", "floor(-0.1) = -1"},
    {"floor", "decimal, any -> bind", STRICT | MR_FN_MAY_NULL, NULL, floor_bind,
     "Rounded down at a digit.", "floor(3.1411, 3) = 3.141"},
    {"bin", "bigint -> string", STRICT, bin_call, NULL, "Binary digits.", "bin(13) = '1101'"},
    {"hex", "bigint|binary|string -> string", STRICT, hex_call, NULL, "Hexadecimal digits.",
     "hex(17) = '11'"},
    {"unhex", "string -> binary", STRICT | MR_FN_MAY_NULL, unhex_call, NULL,
     "The bytes of hexadecimal digits.", "unhex('537061726B') = binary('Spark')"},
    {"conv", "string, int, int -> string", STRICT | MR_FN_MAY_NULL | MR_FN_CAN_FAIL, conv_call,
     NULL, "Digits of one base in another.", "conv('100', 2, 10) = '4'"},
    {"width_bucket", "double, double, double, bigint -> bigint", STRICT | MR_FN_MAY_NULL,
     width_bucket_call, NULL, "Number of the bucket of an equi-width histogram.",
     "width_bucket(5.3, 0.2, 10.6, 5) = 3"},
    {"width_bucket",
     "interval year to month, interval year to month, interval year to month, bigint -> bigint",
     STRICT | MR_FN_MAY_NULL, width_bucket_call, NULL,
     "Number of the bucket of an equi-width histogram.", NULL},
    {"width_bucket",
     "interval day to second, interval day to second, interval day to second, bigint -> bigint",
     STRICT | MR_FN_MAY_NULL, width_bucket_call, NULL,
     "Number of the bucket of an equi-width histogram.", NULL},
    {0},
};
