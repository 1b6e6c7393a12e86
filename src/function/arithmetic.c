/* arithmetic.c - + - * / % div, pmod, abs, signs, and their try_ forms, on numbers and intervals.
 *
 * ANSI on: overflow and zero divisors raise; off: integers wrap, the rest is NULL; try_: always
 * NULL. Decimals take Spark's result types.  Where both sides and the result have at most 18 digits
 * the values are int64 and nothing can overflow; results up to 38 digits are int128; where Spark
 * cuts the result type to 38 digits a slow, exact path checks each row.  Dates and times with
 * intervals are in arithmetic_time.c. */
#include "function/arithmetic_int.h"
#include <math.h>

#define CONFIG_ANSI "\"spark.sql.ansi.enabled\""

/* --- raising ---------------------------------------------------------------------------------- */

static MrStatus fail_or_null(MrCall *call, int32_t row, MrCondition condition, MrError *err)
{
    const MrArith *arith = call->bound->data;
    if (arith->null_on_fail) {
        mr_call_null(call, row);
        return MR_OK;
    }
    return MR_FAIL(err, condition, "config", CONFIG_ANSI);
}

static MrStatus arith_by_zero(MrCall *call, int32_t row, MrError *err)
{
    const MrArith *arith = call->bound->data;
    return fail_or_null(call, row,
                        arith->op == MR__ARITH_REM || arith->op == MR__ARITH_PMOD
                            ? MR_COND_REMAINDER_BY_ZERO
                            : MR_COND_DIVIDE_BY_ZERO,
                        err);
}

MrStatus mr__fail_overflow(const char *try_name, MrError *err)
{
    char alternative[100] = "";
    if (try_name)
        snprintf(alternative, sizeof alternative,
                 " Use '%s' to tolerate overflow and return NULL instead.", try_name);
    return MR_FAIL(err, MR_COND_ARITHMETIC_OVERFLOW, "message", "overflow", "alternative",
                   alternative, "config", CONFIG_ANSI);
}

static const char *const arith_symbols[] = {"+",    "-",   "*", "/",   "%",
                                            "pmod", "div", "-", "abs", "+"};
static const char *const arith_try_names[] = {
    "try_add", "try_subtract", "try_multiply", "try_divide", "try_mod",
    NULL,      NULL,           NULL,           NULL,         NULL};

static MrStatus arith_overflow(MrCall *call, int32_t row, MrError *err)
{
    const MrArith *arith = call->bound->data;
    if (arith->null_on_fail) {
        mr_call_null(call, row);
        return MR_OK;
    }
    const MrType *type = call->args[0]->type;
    const char *try_name = arith_try_names[arith->op];
    if (type->kind == MR_TYPE_INTERVAL_DT || type->kind == MR_TYPE_INTERVAL_YM) {
        if (arith->op == MR__ARITH_ABS || arith->op == MR__ARITH_NEG)
            return mr__fail_overflow(NULL, err);
        if (try_name)
            return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITH_SUGGESTION,
                           "functionName", mr_quote_name(call->arena, try_name));
        return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITHOUT_SUGGESTION);
    }
    if (type->kind == MR_TYPE_TINYINT || type->kind == MR_TYPE_SMALLINT) {
        int64_t values[2] = {0};
        for (int32_t i = 0; i < call->n_args && i < 2; i++)
            values[i] = type->kind == MR_TYPE_TINYINT ? MR_ARG(call->args[i], i8, row)
                                                      : MR_ARG(call->args[i], i16, row);
        if (call->n_args == 1) /* - and abs */
            return mr__fail_overflow(NULL, err);
        return MR_FAIL(err, MR_COND_BINARY_ARITHMETIC_OVERFLOW, "value1",
                       mr_arena_printf(call->arena, "%lldS", (long long)values[0]), "symbol",
                       arith_symbols[arith->op], "value2",
                       mr_arena_printf(call->arena, "%lldS", (long long)values[1]), "functionName",
                       mr_quote_name(call->arena, try_name ? try_name : ""));
    }
    return mr__fail_overflow(try_name, err);
}

/* --- numbers ---------------------------------------------------------------------------------- */

#define T int8_t
#define U uint8_t
#define UP uint32_t
#define WIDE int32_t
#define N(name) name##_i8
#include "function/arithmetic_int.inc.h"
#define T int16_t
#define U uint16_t
#define UP uint32_t
#define WIDE int32_t
#define N(name) name##_i16
#include "function/arithmetic_int.inc.h"
#define T int32_t
#define U uint32_t
#define UP uint32_t
#define WIDE int64_t
#define N(name) name##_i32
#include "function/arithmetic_int.inc.h"
#define T int64_t
#define U uint64_t
#define UP uint64_t
#define WIDE MrI128
#define N(name) name##_i64
#include "function/arithmetic_int.inc.h"

#define T float
#define N(name) name##_f32
#define FMOD fmodf
#define FABS fabsf
#include "function/arithmetic_float.inc.h"
#define T double
#define N(name) name##_f64
#define FMOD fmod
#define FABS fabs
#include "function/arithmetic_float.inc.h"

/* bigint / bigint as doubles: where a string was read as a bigint first. */
#define K_NAME div_i64
#define K_LEFT int64_t
#define K_RIGHT int64_t
#define K_OUT double
#define K_EXPR ((double)a / (double)b)
#define K_FLAG (-(int64_t)(b == 0) - (int64_t)(r != r && 0))
#define K_FLAG_TYPE int64_t
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"

static MrStatus idiv_raise(MrCall *call, int32_t row, MrError *err)
{
    int64_t divisor = MR_ARG(call->args[1], i64, row);
    return divisor == 0 ? arith_by_zero(call, row, err) : arith_overflow(call, row, err);
}

/* The smallest bigint by -1 does not fit: off ANSI it wraps, as in Java. */
#define K_NAME idiv_i64
#define K_LEFT int64_t
#define K_RIGHT int64_t
#define K_OUT int64_t
#define K_EXPR (b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)
#define K_FLAG (-(int64_t)(b == 0 || (b == -1 && a == INT64_MIN && r == a)))
#define K_FLAG_TYPE int64_t
#define K_RAISE idiv_raise
#include "function/binary.inc.h"
#define K_NAME idiv_wrap_i64
#define K_LEFT int64_t
#define K_RIGHT int64_t
#define K_OUT int64_t
#define K_EXPR (b == 0 ? 0 : b == -1 ? (int64_t)(0 - (uint64_t)a) : a / b)
#define K_FLAG (-(int64_t)(b == 0 || (r != r)))
#define K_FLAG_TYPE int64_t
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"

/* Months by months. */
#define K_NAME idiv_i32
#define K_LEFT int32_t
#define K_RIGHT int32_t
#define K_OUT int64_t
#define K_EXPR (b == 0 ? 0 : (int64_t)a / (int64_t)b)
#define K_FLAG (-(int64_t)(b == 0 || (r != r)))
#define K_FLAG_TYPE int64_t
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"

/* --- decimals --------------------------------------------------------------------------------- */

#define L int64_t
#define R int64_t
#define O int64_t
#define W uint64_t
#define N(name) name##_64_64_64
#include "function/arithmetic_decimal.inc.h"
#define L int64_t
#define R int64_t
#define O MrI128
#define W MrU128
#define N(name) name##_64_64_128
#include "function/arithmetic_decimal.inc.h"
#define L int64_t
#define R MrI128
#define O MrI128
#define W MrU128
#define N(name) name##_64_128_128
#include "function/arithmetic_decimal.inc.h"
#define L MrI128
#define R int64_t
#define O MrI128
#define W MrU128
#define N(name) name##_128_64_128
#include "function/arithmetic_decimal.inc.h"
#define L MrI128
#define R MrI128
#define O MrI128
#define W MrU128
#define N(name) name##_128_128_128
#include "function/arithmetic_decimal.inc.h"

/* Up to 320 bits without a sign, for sums and products of two decimals. */
typedef struct Wide {
    uint64_t limbs[5];
    bool negative;
} Wide;

static Wide wide_of(MrI128 value)
{
    MrU128 bits = value < 0 ? 0 - (MrU128)value : (MrU128)value;
    return (Wide){{(uint64_t)bits, (uint64_t)(bits >> 64)}, value < 0};
}

static void wide_mul_small(Wide *wide, uint64_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < 5; i++) {
        MrU128 product = (MrU128)wide->limbs[i] * factor + carry;
        wide->limbs[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
}

static uint64_t wide_div_small(Wide *wide, uint64_t divisor)
{
    uint64_t rest = 0;
    for (int i = 4; i >= 0; i--) {
        MrU128 part = ((MrU128)rest << 64) | wide->limbs[i];
        wide->limbs[i] = (uint64_t)(part / divisor);
        rest = (uint64_t)(part % divisor);
    }
    return rest;
}

static void wide_up(Wide *wide, int digits)
{
    for (; digits > 18; digits -= 18)
        wide_mul_small(wide, (uint64_t)mr_pow10_i64[18]);
    wide_mul_small(wide, (uint64_t)mr_pow10_i64[digits]);
}

/* Drops digits, half up: only the first digit dropped decides. */
static void wide_down(Wide *wide, int digits)
{
    if (digits <= 0)
        return;
    for (digits--; digits > 18; digits -= 18)
        wide_div_small(wide, (uint64_t)mr_pow10_i64[18]);
    wide_div_small(wide, (uint64_t)mr_pow10_i64[digits]);
    uint64_t last = wide_div_small(wide, 10);
    for (int i = 0; last >= 5 && i < 5; i++)
        if (++wide->limbs[i] != 0)
            break;
}

static Wide wide_mul(const Wide *a, const Wide *b)
{
    Wide out = {.negative = a->negative != b->negative};
    for (int i = 0; i < 2; i++) {
        uint64_t carry = 0;
        for (int k = 0; k < 2; k++) {
            MrU128 sum = (MrU128)a->limbs[i] * b->limbs[k] + out.limbs[i + k] + carry;
            out.limbs[i + k] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        out.limbs[i + 2] += carry;
    }
    return out;
}

static int wide_compare(const Wide *a, const Wide *b)
{
    for (int i = 4; i >= 0; i--)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

static Wide wide_add(const Wide *a, const Wide *b)
{
    Wide out = {.negative = a->negative};
    if (a->negative == b->negative) {
        uint64_t carry = 0;
        for (int i = 0; i < 5; i++) {
            MrU128 sum = (MrU128)a->limbs[i] + b->limbs[i] + carry;
            out.limbs[i] = (uint64_t)sum;
            carry = (uint64_t)(sum >> 64);
        }
        return out;
    }
    if (wide_compare(a, b) < 0) {
        const Wide *swap = a;
        a = b;
        b = swap;
        out.negative = a->negative;
    }
    uint64_t borrow = 0;
    for (int i = 0; i < 5; i++) {
        MrU128 rest = (MrU128)a->limbs[i] - b->limbs[i] - borrow;
        out.limbs[i] = (uint64_t)rest;
        borrow = (uint64_t)(rest >> 64) & 1;
    }
    return out;
}

/* false: more than precision digits. */
static bool wide_fits(const Wide *wide, int precision, MrI128 *out)
{
    MrU128 bits = ((MrU128)wide->limbs[1] << 64) | wide->limbs[0];
    if (wide->limbs[2] || wide->limbs[3] || wide->limbs[4] ||
        bits >= (MrU128)mr_pow10_i128[precision < 38 ? precision : 38])
        return false;
    *out = wide->negative ? -(MrI128)bits : (MrI128)bits;
    return true;
}

static const char *wide_text(MrArena *arena, Wide wide, int scale)
{
    char digits[110];
    int at = (int)sizeof digits, n = 0;
    bool zero = false;
    while (!zero || n <= scale) {
        if (n == scale && scale > 0)
            digits[--at] = '.';
        digits[--at] = (char)('0' + wide_div_small(&wide, 10));
        n++;
        zero = !(wide.limbs[0] | wide.limbs[1] | wide.limbs[2] | wide.limbs[3] | wide.limbs[4]);
    }
    if (wide.negative)
        digits[--at] = '-';
    return mr_arena_strn(arena, digits + at, (int64_t)sizeof digits - at);
}

MrStatus mr__fail_decimal(MrArena *arena, const char *value, const MrType *type, MrError *err)
{
    return MR_FAIL(err, MR_COND_NUMERIC_VALUE_OUT_OF_RANGE__WITH_SUGGESTION, "value", value,
                   "precision", mr_arena_printf(arena, "%d", type->precision), "scale",
                   mr_arena_printf(arena, "%d", type->scale), "config", CONFIG_ANSI);
}

static MrStatus dec_overflow(MrCall *call, int32_t row, Wide exact, int scale, MrError *err)
{
    const MrArith *arith = call->bound->data;
    if (arith->null_on_fail) {
        mr_call_null(call, row);
        return MR_OK;
    }
    return mr__fail_decimal(call->arena, wide_text(call->arena, exact, scale), call->out->type,
                            err);
}

/* + and - whose result type was cut to 38 digits. */
static MrStatus dec_add_exact(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    const MrType *x = call->args[0]->type, *y = call->args[1]->type, *out = call->out->type;
    int scale = x->scale > y->scale ? x->scale : y->scale;
    for (MR_EACH(call, i, row)) {
        MrI128 short_a = mr_arg_decimal(call->args[0], row),
               short_b = mr_arg_decimal(call->args[1], row), sum = 0;
        if (mr_i128_mul(short_a, arith->up_left, &short_a) &&
            mr_i128_mul(short_b, arith->up_right, &short_b) &&
            mr_i128_add(short_a, arith->op == MR__ARITH_SUB ? -short_b : short_b, &sum)) {
            sum = mr_decimal_round_down(sum, scale - out->scale);
            if (sum < mr_pow10_i128[out->precision] && sum > -mr_pow10_i128[out->precision]) {
                mr__decimal_put(call->out, row, sum);
                continue;
            }
        }
        Wide a = wide_of(mr_arg_decimal(call->args[0], row)),
             b = wide_of(mr_arg_decimal(call->args[1], row));
        wide_up(&a, scale - x->scale);
        wide_up(&b, scale - y->scale);
        if (arith->op == MR__ARITH_SUB)
            b.negative = !b.negative;
        Wide exact = wide_add(&a, &b), cut = exact;
        MrI128 value = 0;
        wide_down(&cut, scale - out->scale);
        if (wide_fits(&cut, out->precision, &value))
            mr__decimal_put(call->out, row, value);
        else
            MR_TRY(dec_overflow(call, row, exact, scale, err));
    }
    return MR_OK;
}

static MrStatus dec_mul_row(MrCall *call, int32_t row, MrError *err)
{
    const MrType *x = call->args[0]->type, *y = call->args[1]->type, *out = call->out->type;
    const int drop = x->scale + y->scale - out->scale;
    const MrI128 limit = mr_pow10_i128[out->precision];
    MrI128 left = mr_arg_decimal(call->args[0], row), right = mr_arg_decimal(call->args[1], row),
           value = 0;
    if (mr_i128_mul(left, right, &value)) {
        value = drop > 0 ? mr_decimal_round_down(value, drop) : value;
        if (value < limit && value > -limit) {
            mr__decimal_put(call->out, row, value);
            return MR_OK;
        }
    }
    Wide a = wide_of(left), b = wide_of(right);
    Wide exact = wide_mul(&a, &b), cut = exact;
    wide_down(&cut, drop);
    if (!wide_fits(&cut, out->precision, &value))
        return dec_overflow(call, row, exact, x->scale + y->scale, err);
    mr__decimal_put(call->out, row, value);
    return MR_OK;
}

/* Products whose result type was cut to 38 digits. */
static MrStatus dec_mul_exact(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        MR_TRY(dec_mul_row(call, row, err));
    return MR_OK;
}

/* The same without digits to drop: nearly all values fit int64, and then their product fits. */
#define MUL_SMALL_FLAG (-(int64_t)((a != (int64_t)a) | (b != (int64_t)b)) - (int64_t)(r != r))
#define K_NAME dec_mul_small_128_64
#define K_LEFT MrI128
#define K_RIGHT int64_t
#define K_OUT MrI128
#define K_EXPR ((MrI128)(int64_t)a * (int64_t)b)
#define K_FLAG MUL_SMALL_FLAG
#define K_FLAG_TYPE int64_t
#define K_RAISE dec_mul_row
#include "function/binary.inc.h"
#define K_NAME dec_mul_small_64_128
#define K_LEFT int64_t
#define K_RIGHT MrI128
#define K_OUT MrI128
#define K_EXPR ((MrI128)(int64_t)a * (int64_t)b)
#define K_FLAG MUL_SMALL_FLAG
#define K_FLAG_TYPE int64_t
#define K_RAISE dec_mul_row
#include "function/binary.inc.h"
#define K_NAME dec_mul_small_128_128
#define K_LEFT MrI128
#define K_RIGHT MrI128
#define K_OUT MrI128
#define K_EXPR ((MrI128)(int64_t)a * (int64_t)b)
#define K_FLAG MUL_SMALL_FLAG
#define K_FLAG_TYPE int64_t
#define K_RAISE dec_mul_row
#include "function/binary.inc.h"

static MrStatus dec_div(MrCall *call, MrError *err)
{
    const MrType *x = call->args[0]->type, *y = call->args[1]->type, *out = call->out->type;
    int up = out->scale - x->scale + y->scale; /* never negative by Spark's result types */
    for (MR_EACH(call, i, row)) {
        MrI128 a = mr_arg_decimal(call->args[0], row), b = mr_arg_decimal(call->args[1], row),
               value = 0;
        if (b == 0) {
            MR_TRY(arith_by_zero(call, row, err));
            continue;
        }
        bool fits = up >= 0 ? mr_decimal_div(a, b, up, &value) : false;
        MrI128 limit = mr_pow10_i128[out->precision];
        if (fits && value < limit && value > -limit)
            mr__decimal_put(call->out, row, value);
        else
            MR_TRY(dec_overflow(call, row, wide_of(fits ? value : a), fits ? out->scale : x->scale,
                                err));
    }
    return MR_OK;
}

/* The remainder of two decimals as integers of one scale; exact, as it is smaller than the divisor.
 */
static MrI128 dec_rem_one(MrI128 a, int a_scale, MrI128 b, int b_scale, int scale)
{
    MrI128 x, y;
    if (mr_i128_mul(a, mr_pow10_i128[scale - a_scale], &x) &&
        mr_i128_mul(b, mr_pow10_i128[scale - b_scale], &y))
        return x % y;
    /* One side does not fit at the common scale: take the digits in one by one. */
    if (scale == b_scale) {
        MrU128 size = b < 0 ? 0 - (MrU128)b : (MrU128)b;
        MrI128 first = a % b;
        MrU128 rest = first < 0 ? 0 - (MrU128)first : (MrU128)first;
        for (int i = a_scale; i < scale; i++) {
            MrU128 next = 0; /* rest * 10 mod size: a sum of two stays below 2^128 */
            for (int k = 0; k < 10; k++)
                next = (next + rest) % size;
            rest = next;
        }
        return a < 0 ? -(MrI128)rest : (MrI128)rest;
    }
    return a; /* |b| at that scale is above 38 digits, so above |a| */
}

static MrStatus dec_rem(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    const MrType *x = call->args[0]->type, *y = call->args[1]->type, *out = call->out->type;
    int scale = x->scale > y->scale ? x->scale : y->scale;
    for (MR_EACH(call, i, row)) {
        MrI128 a = mr_arg_decimal(call->args[0], row), b = mr_arg_decimal(call->args[1], row);
        if (b == 0) {
            MR_TRY(arith_by_zero(call, row, err));
            continue;
        }
        MrI128 rest = dec_rem_one(a, x->scale, b, y->scale, scale), value = 0;
        if (arith->op == MR__ARITH_PMOD && rest < 0) {
            MrI128 up_b;
            if (mr_i128_mul(b, mr_pow10_i128[scale - y->scale], &up_b))
                rest = (rest + up_b) % up_b;
        }
        if (mr_decimal_rescale(rest, scale, out->scale, out->precision, &value))
            mr__decimal_put(call->out, row, value);
        else
            MR_TRY(dec_overflow(call, row, wide_of(rest), scale, err));
    }
    return MR_OK;
}

static MrStatus dec_idiv(MrCall *call, MrError *err)
{
    const MrType *x = call->args[0]->type, *y = call->args[1]->type;
    int scale = x->scale > y->scale ? x->scale : y->scale;
    for (MR_EACH(call, i, row)) {
        MrI128 a = mr_arg_decimal(call->args[0], row), b = mr_arg_decimal(call->args[1], row), up_a,
               up_b;
        if (b == 0) {
            MR_TRY(arith_by_zero(call, row, err));
            continue;
        }
        bool fits_a = mr_i128_mul(a, mr_pow10_i128[scale - x->scale], &up_a);
        bool fits_b = mr_i128_mul(b, mr_pow10_i128[scale - y->scale], &up_b);
        MrI128 value = fits_a && fits_b ? up_a / up_b : fits_a ? 0 : MR_INT128_BEYOND;
        if (!fits_a && fits_b) { /* whole part first, then the digits behind it */
            MrI128 rest = a % b;
            if (!mr_i128_mul(a / b, mr_pow10_i128[scale - x->scale], &value))
                value = MR_INT128_BEYOND;
            else if (mr_i128_mul(rest, mr_pow10_i128[scale - x->scale], &rest))
                value += rest / b;
        }
        if (value > INT64_MAX || value < INT64_MIN)
            MR_TRY(arith_overflow(call, row, err));
        else
            call->out->i64[row] = (int64_t)value;
    }
    return MR_OK;
}

static MrStatus dec_neg(MrCall *call, MrError *err)
{
    const MrArith *arith = call->bound->data;
    for (MR_EACH(call, i, row)) {
        MrI128 value = mr_arg_decimal(call->args[0], row);
        mr__decimal_put(call->out, row, arith->op == MR__ARITH_NEG || value < 0 ? -value : value);
    }
    return MR_OK;
}

static MrStatus same_value(MrCall *call, MrError *err)
{
    call->out = call->args[0];
    return MR_OK;
}

/* --- binding ---------------------------------------------------------------------------------- */

typedef struct Kernels { /* of one type: checked, and wrapping */
    MrKernel checked[10], wrap[10];
} Kernels;

#define INT_KERNELS(s)                                                                             \
    {                                                                                              \
        {add_##s, sub_##s, mul_##s, NULL, rem_##s, pmod_##s, NULL, neg_##s, abs_##s, same_value},  \
        {                                                                                          \
            add_wrap_##s, sub_wrap_##s, mul_wrap_##s, NULL, rem_##s, pmod_##s, NULL, neg_wrap_##s, \
                abs_wrap_##s, same_value                                                           \
        }                                                                                          \
    }
#define FLOAT_KERNELS(s)                                                                           \
    {                                                                                              \
        {                                                                                          \
            add_##s,  sub_##s, mul_##s, div_##s, rem_##s,                                          \
            pmod_##s, NULL,    neg_##s, abs_##s, same_value},                                      \
        {                                                                                          \
            add_##s, sub_##s, mul_##s, div_##s, rem_##s, pmod_##s, NULL, neg_##s, abs_##s,         \
                same_value                                                                         \
        }                                                                                          \
    }
static const Kernels kernels_i8 = INT_KERNELS(i8);
static const Kernels kernels_i16 = INT_KERNELS(i16);
static const Kernels kernels_i32 = INT_KERNELS(i32);
static const Kernels kernels_i64 = INT_KERNELS(i64);
static const Kernels kernels_f32 = FLOAT_KERNELS(f32);
static const Kernels kernels_f64 = FLOAT_KERNELS(f64);

static const Kernels *kernels_of(const MrType *type)
{
    switch (type->kind) {
    case MR_TYPE_TINYINT:
        return &kernels_i8;
    case MR_TYPE_SMALLINT:
        return &kernels_i16;
    case MR_TYPE_INT:
    case MR_TYPE_INTERVAL_YM:
        return &kernels_i32;
    case MR_TYPE_BIGINT:
    case MR_TYPE_INTERVAL_DT:
        return &kernels_i64;
    case MR_TYPE_FLOAT:
        return &kernels_f32;
    case MR_TYPE_DOUBLE:
        return &kernels_f64;
    default:
        return NULL;
    }
}

MrArith *mr__arith_new(MrBind *bind, MrArithOp op, bool is_try)
{
    MrArith *arith = MR_NEW(bind->arena, MrArith);
    arith->op = op;
    arith->is_try = is_try;
    arith->null_on_fail = is_try || !bind->settings->ansi;
    bind->data = arith;
    return arith;
}

static void may_null(MrBind *bind)
{
    bind->nullable = true;
    bind->flags |= MR_FN_MAY_NULL;
}

/* A literal integer, as it stands in the text: Spark gives it no more digits than it has (but a
 * TINYINT its three). */
static bool is_integer_literal(const MrArgInfo *arg)
{
    if (!arg->value || !mr_type_is_integral(arg->type) || arg->type->kind == MR_TYPE_TINYINT)
        return false;
    const char *at = arg->sql;
    at += *at == '-';
    if (!*at)
        return false;
    for (; *at; at++)
        if (*at < '0' || *at > '9')
            return false;
    return true;
}

static const MrType *decimal_of_arg(MrBind *bind, const MrArgInfo *arg)
{
    int64_t value = 0;
    if (is_integer_literal(arg) && mr__arg_i64(arg, &value)) {
        int digits = 1;
        while (digits < 19 && (value >= mr_pow10_i64[digits] || value <= -mr_pow10_i64[digits]))
            digits++;
        return mr_type_decimal(bind->arena, digits, 0);
    }
    return mr__decimal_for(bind->arena, arg->type);
}

#define DECIMAL_SIZES(name)                                                                        \
    {                                                                                              \
        name##_64_64_64, name##_64_64_128, name##_64_128_128, name##_128_64_128,                   \
            name##_128_128_128                                                                     \
    }

static MrKernel decimal_kernel(const MrArith *arith, const MrType *x, const MrType *y,
                               const MrType *out)
{
    /* By operation and side that is multiplied, then by sizes. */
    static const MrKernel kernels[7][5] = {
        DECIMAL_SIZES(dec_add_0), DECIMAL_SIZES(dec_add_l), DECIMAL_SIZES(dec_add_r),
        DECIMAL_SIZES(dec_sub_0), DECIMAL_SIZES(dec_sub_l), DECIMAL_SIZES(dec_sub_r),
        DECIMAL_SIZES(dec_mul),
    };
    bool wide_x = x->precision > MR_DECIMAL_I64_DIGITS,
         wide_y = y->precision > MR_DECIMAL_I64_DIGITS;
    bool wide_out = out->precision > MR_DECIMAL_I64_DIGITS;
    int size = wide_x ? (wide_y ? 4 : 3) : wide_y ? 2 : wide_out ? 1 : 0;
    if (arith->op == MR__ARITH_MUL)
        return kernels[6][size];
    int side = arith->up_left != 1 ? 1 : arith->up_right != 1 ? 2 : 0;
    return kernels[3 * (arith->op == MR__ARITH_SUB) + side][size];
}

static MrStatus decimal_bind(MrBind *bind, MrArith *arith)
{
    const MrType *x = decimal_of_arg(bind, &bind->args[0]);
    const MrType *y = decimal_of_arg(bind, &bind->args[1]);
    x = x ? x : y; /* NULL takes the other side's type */
    y = y ? y : x;
    const char *allow = bind->settings->get
                            ? bind->settings->get(bind->settings->conf,
                                                  "spark.sql.decimalOperations.allowPrecisionLoss")
                            : NULL;
    bool loss = !allow || mr_str_equal_nocase(allow, "true");
    int p = 0, s = 0, whole_x = x->precision - x->scale, whole_y = y->precision - y->scale;
    bind->args[0].cast_to = x;
    bind->args[1].cast_to = y;
    bind->flags |= MR_FN_CAN_FAIL;
    if (arith->null_on_fail)
        may_null(bind);
    else
        bind->nullable = bind->args[0].nullable || bind->args[1].nullable ||
                         mr__cast_may_null(bind->settings, bind->args[0].type, x) ||
                         mr__cast_may_null(bind->settings, bind->args[1].type, y);
    switch (arith->op) {
    case MR__ARITH_ADD:
    case MR__ARITH_SUB:
        s = x->scale > y->scale ? x->scale : y->scale;
        p = (whole_x > whole_y ? whole_x : whole_y) + s + 1;
        arith->up_left = mr_pow10_i128[s - x->scale];
        arith->up_right = mr_pow10_i128[s - y->scale];
        bind->call = dec_add_exact;
        break;
    case MR__ARITH_MUL:
        p = x->precision + y->precision + 1;
        s = x->scale + y->scale;
        bind->call = dec_mul_exact;
        break;
    case MR__ARITH_DIV:
        s = x->scale + y->precision + 1 > 6 ? x->scale + y->precision + 1 : 6;
        p = whole_x + y->scale + s;
        if (!loss) {
            int whole = whole_x + y->scale < 38 ? whole_x + y->scale : 38;
            int digits = s < 38 ? s : 38, over = whole + digits - 38;
            if (over > 0)
                digits -= over / 2 + 1, whole = 38 - digits;
            p = whole + digits;
            s = digits;
        }
        bind->call = dec_div;
        may_null(bind);
        break;
    case MR__ARITH_REM:
    case MR__ARITH_PMOD:
        s = x->scale > y->scale ? x->scale : y->scale;
        p = (whole_x < whole_y ? whole_x : whole_y) + s;
        if (p == 0)
            p = 1;
        bind->call = dec_rem;
        may_null(bind);
        break;
    case MR__ARITH_IDIV:
        bind->type = MR_T(BIGINT);
        bind->call = dec_idiv;
        may_null(bind);
        return MR_OK;
    default:
        break;
    }
    bind->type =
        loss ? mr__decimal_adjusted(bind->arena, p, s) : mr__decimal_bounded(bind->arena, p, s);
    if (arith->op == MR__ARITH_MUL && p > 38 && bind->type->scale == s) {
        bool wide_x = x->precision > MR_DECIMAL_I64_DIGITS,
             wide_y = y->precision > MR_DECIMAL_I64_DIGITS;
        bind->call = wide_x && wide_y ? dec_mul_small_128_128
                     : wide_x         ? dec_mul_small_128_64
                                      : dec_mul_small_64_128;
    }
    if (p <= 38 && (arith->op <= MR__ARITH_MUL)) {
        bind->call = decimal_kernel(arith, x, y, bind->type);
        bind->flags = (bind->flags & ~(uint32_t)MR_FN_CAN_FAIL) | MR_FN_TOTAL;
    }
    return MR_OK;
}

static const char *op_types(MrArithOp op)
{
    switch (op) {
    case MR__ARITH_ADD:
    case MR__ARITH_SUB:
        return "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\" or "
               "\"INTERVAL\")";
    case MR__ARITH_DIV:
        return "(\"DOUBLE\" or \"DECIMAL\")";
    case MR__ARITH_IDIV:
        return "(\"BIGINT\" or \"DECIMAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO "
               "SECOND\")";
    default:
        return "\"NUMERIC\"";
    }
}

/* The common type is none to compute with.  Unless a string took the other side's type, Spark has
 * not come to it and names both. */
static MrStatus fail_op_type(MrBind *bind, MrArithOp op, const MrType *type, MrError *err)
{
    const MrType *x = bind->args[0].type, *y = bind->args[1].type;
    bool widened = x->kind == MR_TYPE_DECIMAL || y->kind == MR_TYPE_DECIMAL; /* to double */
    if (x->kind != MR_TYPE_STRING && y->kind != MR_TYPE_STRING && !mr_type_same_data(x, y) &&
        !widened)
        return mr__fail_diff_types(bind, err);
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__BINARY_OP_WRONG_TYPE, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "inputType", op_types(op),
                   "actualDataType", mr__quoted_type(bind->arena, type));
}

MrStatus mr__fail_diff_types(MrBind *bind, MrError *err)
{
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__BINARY_OP_DIFF_TYPES, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "left",
                   mr__quoted_type(bind->arena, bind->args[0].type), "right",
                   mr__quoted_type(bind->arena, bind->args[1].type));
}

static bool is_interval(const MrType *type)
{
    return type->kind == MR_TYPE_INTERVAL_DT || type->kind == MR_TYPE_INTERVAL_YM ||
           type->kind == MR_TYPE_INTERVAL;
}

/* Casts both sides to `type` and takes its kernel. */
static MrStatus plain_bind(MrBind *bind, MrArith *arith, const MrType *type)
{
    const Kernels *kernels = kernels_of(type);
    bool wraps = !bind->settings->ansi && !arith->is_try && !is_interval(type);
    for (int32_t i = 0; i < bind->n_args; i++)
        bind->args[i].cast_to = type;
    bind->type = type;
    bind->call = (wraps ? kernels->wrap : kernels->checked)[arith->op];
    bool divides =
        arith->op == MR__ARITH_DIV || arith->op == MR__ARITH_REM || arith->op == MR__ARITH_PMOD;
    bool floats = type->kind == MR_TYPE_FLOAT || type->kind == MR_TYPE_DOUBLE;
    if (is_interval(type) && !arith->is_try)
        arith->null_on_fail = false;
    if (divides || arith->is_try)
        may_null(bind);
    if (divides || !(wraps || floats))
        bind->flags |= MR_FN_CAN_FAIL;
    else
        bind->flags |= MR_FN_TOTAL;
    MR_ASSERT(bind->call != NULL);
    return MR_OK;
}

static MrStatus binary_bind(MrBind *bind, MrArithOp op, bool is_try, MrError *err)
{
    MrArena *arena = bind->arena;
    const MrSettings *settings = bind->settings;
    const MrType *x = bind->args[0].type, *y = bind->args[1].type;
    bool done = false;
    bind->flags |= MR_FN_NULL_IF_ANY;
    MR_TRY(mr__arith_time_bind(bind, op, is_try, &done, err));
    if (done)
        return MR_OK;
    MrArith *arith = mr__arith_new(bind, op, is_try);
    const MrType *common = NULL;
    for (int32_t i = 0; i < 2; i++)
        bind->args[i].try_cast = is_try && bind->args[i].type->kind == MR_TYPE_STRING;
    bool string_x = x->kind == MR_TYPE_STRING, string_y = y->kind == MR_TYPE_STRING;
    if (!settings->ansi && (string_x || string_y)) {
        if (string_x)
            x = MR_T(DOUBLE);
        if (string_y)
            y = MR_T(DOUBLE);
        if (op == MR__ARITH_IDIV) {
            x = string_x ? MR_T(BIGINT) : x;
            y = string_y ? MR_T(BIGINT) : y;
        }
    }
    if (op == MR__ARITH_IDIV && mr_type_is_integral(x) && mr_type_is_integral(y))
        common = MR_T(BIGINT);
    else
        common = mr_coerce_common(arena, settings, x, y);
    if (!common)
        return mr__fail_diff_types(bind, err);
    if (common->kind == MR_TYPE_VOID)
        common = op == MR__ARITH_IDIV ? MR_T(BIGINT) : MR_T(DOUBLE);
    if (common->kind == MR_TYPE_DECIMAL)
        return decimal_bind(bind, arith);
    if (op == MR__ARITH_IDIV) {
        if (common->kind == MR_TYPE_BIGINT || mr_type_is_integral(common)) {
            bind->args[0].cast_to = bind->args[1].cast_to = bind->type = MR_T(BIGINT);
            bind->call = arith->null_on_fail && !is_try ? idiv_wrap_i64 : idiv_i64;
        } else if (common->kind == MR_TYPE_INTERVAL_DT || common->kind == MR_TYPE_INTERVAL_YM) {
            bind->args[0].cast_to = bind->args[1].cast_to = common;
            bind->type = MR_T(BIGINT);
            bind->call = common->kind == MR_TYPE_INTERVAL_DT ? idiv_i64 : idiv_i32;
        } else {
            return fail_op_type(bind, op, common, err);
        }
        bind->flags |= MR_FN_CAN_FAIL;
        may_null(bind);
        return MR_OK;
    }
    bool adds = op == MR__ARITH_ADD || op == MR__ARITH_SUB;
    if (is_interval(common) && adds && common->kind != MR_TYPE_INTERVAL)
        return plain_bind(bind, arith, common);
    if (!mr_type_is_numeric(common))
        return fail_op_type(bind, op, common, err);
    if (op == MR__ARITH_DIV) {
        if (mr_type_is_integral(common) && (string_x || string_y)) {
            bind->args[0].cast_to = bind->args[1].cast_to = MR_T(BIGINT);
            bind->type = MR_T(DOUBLE);
            bind->call = div_i64;
            bind->flags |= MR_FN_CAN_FAIL;
            may_null(bind);
            return MR_OK;
        }
        common = MR_T(DOUBLE);
    }
    return plain_bind(bind, arith, common);
}

static MrStatus unary_bind(MrBind *bind, MrArithOp op, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    MrArith *arith = mr__arith_new(bind, op, false);
    bind->flags |= MR_FN_NULL_IF_ANY;
    bind->type = type;
    if (op == MR__ARITH_POS) {
        bind->call = same_value;
        bind->flags |= MR_FN_TOTAL;
        return MR_OK;
    }
    if (type->kind == MR_TYPE_DECIMAL) {
        bind->call = dec_neg;
        bind->flags |= MR_FN_TOTAL;
        return MR_OK;
    }
    if (type->kind == MR_TYPE_INTERVAL) {
        bind->call = mr__interval_negate;
        bind->flags |= MR_FN_CAN_FAIL;
        return MR_OK;
    }
    return plain_bind(bind, arith, type);
}

#define BINARY_BIND(name, op, is_try)                                                              \
    static MrStatus name##_bind(MrBind *bind, MrError *err)                                        \
    {                                                                                              \
        return binary_bind(bind, op, is_try, err);                                                 \
    }
BINARY_BIND(add, MR__ARITH_ADD, false)
BINARY_BIND(sub, MR__ARITH_SUB, false)
BINARY_BIND(mul, MR__ARITH_MUL, false)
BINARY_BIND(div, MR__ARITH_DIV, false)
BINARY_BIND(rem, MR__ARITH_REM, false)
BINARY_BIND(pmod, MR__ARITH_PMOD, false)
BINARY_BIND(idiv, MR__ARITH_IDIV, false)
BINARY_BIND(try_add, MR__ARITH_ADD, true)
BINARY_BIND(try_sub, MR__ARITH_SUB, true)
BINARY_BIND(try_mul, MR__ARITH_MUL, true)
BINARY_BIND(try_div, MR__ARITH_DIV, true)
BINARY_BIND(try_rem, MR__ARITH_REM, true)

static MrStatus neg_bind(MrBind *bind, MrError *err)
{
    return unary_bind(bind, MR__ARITH_NEG, err);
}
static MrStatus abs_bind(MrBind *bind, MrError *err)
{
    return unary_bind(bind, MR__ARITH_ABS, err);
}
static MrStatus pos_bind(MrBind *bind, MrError *err)
{
    return unary_bind(bind, MR__ARITH_POS, err);
}

#define SIGNED "numeric|interval day to second|interval year to month|interval -> bind"
#define SIGNED_ANSI "numeric|interval day to second|interval year to month -> bind"

const MrFunctionDef mr_functions_arithmetic[] = {
    {"+", "any, any -> bind", 0, NULL, add_bind, "Sum.", "1 + 2 = 3"},
    {"-", "any, any -> bind", 0, NULL, sub_bind, "Difference.", "3 - 2 = 1"},
    {"-", SIGNED, 0, NULL, neg_bind, "Negated value.", "-(1) = -1"},
    {"+", SIGNED, 0, NULL, pos_bind, "The value itself.", "+1 = 1"},
    {"*", "any, any -> bind", 0, NULL, mul_bind, "Product.", "2 * 3 = 6"},
    {"/", "any, any -> bind", 0, NULL, div_bind, "Quotient, never an integer.", "3 / 2 = 1.5D"},
    {"%", "any, any -> bind", 0, NULL, rem_bind, "Remainder, with the sign of the left side.",
     "-7 % 2 = -1"},
    {"mod", "any, any -> bind", 0, NULL, rem_bind, "Remainder, with the sign of the left side.",
     "mod(-7, 2) = -1"},
    {"div", "any, any -> bind", 0, NULL, idiv_bind, "Whole part of the quotient.", "7 div 2 = 3"},
    {"pmod", "any, any -> bind", 0, NULL, pmod_bind, "Remainder that is not negative.",
     "pmod(-10, 3) = 2"},
    {"negative", SIGNED, 0, NULL, neg_bind, "Negated value.", "negative(1) = -1"},
    {"positive", SIGNED, 0, NULL, pos_bind, "The value itself.", "positive(1) = 1"},
    {"abs", SIGNED_ANSI, 0, NULL, abs_bind, "Size without the sign.", "abs(-1) = 1"},
    {"try_add", "any, any -> bind", 0, NULL, try_add_bind, "Sum; NULL on overflow.",
     "try_add(2147483647, 1) IS NULL"},
    {"try_subtract", "any, any -> bind", 0, NULL, try_sub_bind, "Difference; NULL on overflow.",
     "try_subtract(-2147483648, 1) IS NULL"},
    {"try_multiply", "any, any -> bind", 0, NULL, try_mul_bind, "Product; NULL on overflow.",
     "try_multiply(2147483647, 2) IS NULL"},
    {"try_divide", "any, any -> bind", 0, NULL, try_div_bind,
     "Quotient; NULL when divided by zero.", "try_divide(1, 0) IS NULL"},
    {"try_mod", "any, any -> bind", 0, NULL, try_rem_bind, "Remainder; NULL when divided by zero.",
     "try_mod(1, 0) IS NULL"},
    {0},
};
