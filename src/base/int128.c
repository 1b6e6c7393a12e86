/* int128.c - decimals: 128-bit unscaled values, wider ones where a step in between needs them. */
#include "base/int128.h"
#include <math.h>

const int64_t mr_pow10_i64[19] = {
    INT64_C(1),
    INT64_C(10),
    INT64_C(100),
    INT64_C(1000),
    INT64_C(10000),
    INT64_C(100000),
    INT64_C(1000000),
    INT64_C(10000000),
    INT64_C(100000000),
    INT64_C(1000000000),
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    INT64_C(1000000000000000000),
};

#define E18 INT64_C(1000000000000000000)
#define WIDE(n) ((MrI128)E18 * INT64_C(n))
#define WIDER(n) ((MrI128)E18 * E18 * INT64_C(n))
const MrI128 mr_pow10_i128[MR_DECIMAL_MAX_DIGITS + 1] = {
    1,
    10,
    100,
    1000,
    10000,
    100000,
    1000000,
    10000000,
    100000000,
    1000000000,
    INT64_C(10000000000),
    INT64_C(100000000000),
    INT64_C(1000000000000),
    INT64_C(10000000000000),
    INT64_C(100000000000000),
    INT64_C(1000000000000000),
    INT64_C(10000000000000000),
    INT64_C(100000000000000000),
    E18,
    WIDE(10),
    WIDE(100),
    WIDE(1000),
    WIDE(10000),
    WIDE(100000),
    WIDE(1000000),
    WIDE(10000000),
    WIDE(100000000),
    WIDE(1000000000),
    WIDE(10000000000),
    WIDE(100000000000),
    WIDE(1000000000000),
    WIDE(10000000000000),
    WIDE(100000000000000),
    WIDE(1000000000000000),
    WIDE(10000000000000000),
    WIDE(100000000000000000),
    WIDER(1),
    WIDER(10),
    WIDER(100),
};

bool mr_i128_add(MrI128 a, MrI128 b, MrI128 *out)
{
    return !__builtin_add_overflow(a, b, out);
}

bool mr_i128_mul(MrI128 a, MrI128 b, MrI128 *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static MrU128 magnitude(MrI128 value)
{
    return value < 0 ? 0 - (MrU128)value : (MrU128)value;
}

#define MAX_I128 ((MrU128)(~(MrU128)0 >> 1))

static bool with_sign(MrU128 value, bool negative, MrI128 *out)
{
    if (value > MAX_I128)
        return false;
    *out = negative ? -(MrI128)value : (MrI128)value;
    return true;
}

/* Natural numbers of up to 512 bits: little-endian limbs. */
#define N_LIMBS 8
typedef struct Big {
    uint64_t limbs[N_LIMBS];
} Big;

static void big_mul(Big *big, uint64_t factor)
{
    uint64_t carry = 0;
    for (int i = 0; i < N_LIMBS; i++) {
        MrU128 product = (MrU128)big->limbs[i] * factor + carry;
        big->limbs[i] = (uint64_t)product;
        carry = (uint64_t)(product >> 64);
    }
}

static Big big_of(MrU128 value, int up_digits)
{
    Big big = {{(uint64_t)value, (uint64_t)(value >> 64)}};
    for (; up_digits >= 18; up_digits -= 18)
        big_mul(&big, (uint64_t)E18);
    big_mul(&big, (uint64_t)mr_pow10_i64[up_digits]);
    return big;
}

static int big_compare(const Big *a, const Big *b)
{
    for (int i = N_LIMBS - 1; i >= 0; i--)
        if (a->limbs[i] != b->limbs[i])
            return a->limbs[i] < b->limbs[i] ? -1 : 1;
    return 0;
}

/* a / b, rounded half up; false when it is far beyond 127 bits. */
static bool big_div(const Big *a, const Big *b, MrU128 *out)
{
    Big rest = {{0}};
    MrU128 quotient = 0;
    bool small = true;
    for (int i = 1; i < N_LIMBS; i++)
        small = small && b->limbs[i] == 0;
    if (small) {
        uint64_t divisor = b->limbs[0], remainder = 0;
        for (int i = N_LIMBS - 1; i >= 0; i--) {
            MrU128 part = (MrU128)remainder << 64 | a->limbs[i];
            MrU128 digit = part / divisor;
            remainder = (uint64_t)(part % divisor);
            if (i > 1 && digit != 0)
                return false;
            quotient = quotient << 64 | digit;
        }
        rest.limbs[0] = remainder;
    } else {
        for (int i = 64 * N_LIMBS - 1; i >= 0; i--) {
            for (int j = N_LIMBS - 1; j > 0; j--)
                rest.limbs[j] = rest.limbs[j] << 1 | rest.limbs[j - 1] >> 63;
            rest.limbs[0] = rest.limbs[0] << 1 | (a->limbs[i / 64] >> (i % 64) & 1);
            if ((quotient >> 126) != 0)
                return false;
            quotient <<= 1;
            if (big_compare(&rest, b) >= 0) {
                uint64_t borrow = 0;
                for (int j = 0; j < N_LIMBS; j++) {
                    MrU128 difference = (MrU128)rest.limbs[j] - b->limbs[j] - borrow;
                    rest.limbs[j] = (uint64_t)difference;
                    borrow = (uint64_t)(difference >> 64) & 1;
                }
                quotient |= 1;
            }
        }
    }
    big_mul(&rest, 2);
    if (big_compare(&rest, b) >= 0)
        quotient++;
    *out = quotient;
    return true;
}

static MrU128 div_half_up(MrU128 a, MrU128 b)
{
    MrU128 quotient, rest;
    if (((a | b) >> 64) == 0) {
        quotient = (uint64_t)a / (uint64_t)b;
        rest = (uint64_t)a % (uint64_t)b;
    } else {
        quotient = a / b;
        rest = a % b;
    }
    return quotient + (rest >= b - rest);
}

bool mr_decimal_div(MrI128 a, MrI128 b, int up_digits, MrI128 *out)
{
    bool negative = (a < 0) != (b < 0);
    MrU128 top = magnitude(a), bottom = magnitude(b), quotient, scaled;
    if (top == 0) {
        *out = 0;
        return true;
    }
    if (up_digits >= 0 && up_digits <= MR_DECIMAL_MAX_DIGITS &&
        !__builtin_mul_overflow(top, (MrU128)mr_pow10_i128[up_digits], &scaled))
        return with_sign(div_half_up(scaled, bottom), negative, out);
    if (up_digits < -100) {
        *out = 0;
        return true;
    }
    if (up_digits > 115) /* beyond every decimal: 10^115 / 2^127 > 10^38 */
        return false;
    Big big_top = big_of(top, up_digits > 0 ? up_digits : 0);
    Big big_bottom = big_of(bottom, up_digits < 0 ? -up_digits : 0);
    if (!big_div(&big_top, &big_bottom, &quotient))
        return false;
    return with_sign(quotient, negative, out);
}

MrI128 mr_decimal_round_down(MrI128 value, int digits)
{
    if (digits <= 0)
        return value;
    if (digits > MR_DECIMAL_MAX_DIGITS)
        return 0; /* 2^127 / 10^39 < 0.5 */
    MrU128 rounded = div_half_up(magnitude(value), (MrU128)mr_pow10_i128[digits]);
    return value < 0 ? -(MrI128)rounded : (MrI128)rounded;
}

bool mr_decimal_rescale(MrI128 value, int from_scale, int to_scale, int to_precision, MrI128 *out)
{
    MrI128 result = value;
    int up = to_scale - from_scale;
    if (up > MR_DECIMAL_MAX_DIGITS) {
        if (value != 0)
            return false;
    } else if (up > 0) {
        if (__builtin_mul_overflow(value, mr_pow10_i128[up], &result))
            return false;
    } else if (up < 0) {
        result = mr_decimal_round_down(value, -up);
    }
    MrI128 limit = mr_pow10_i128[to_precision];
    if (result >= limit || result <= -limit)
        return false;
    *out = result;
    return true;
}

int32_t mr_decimal_to_text(MrI128 value, int scale, char *out)
{
    char digits[MR_DECIMAL_TEXT_MAX];
    int n_digits = 0;
    MrU128 rest = magnitude(value);
    uint64_t low = 0;
    while (rest != 0 || n_digits <= scale) { /* backwards, 18 digits at a time */
        int n_block = 18;
        if ((rest >> 64) == 0 && (uint64_t)rest < (uint64_t)E18) {
            low = (uint64_t)rest;
            rest = 0;
            n_block = 1;
        } else {
            low = (uint64_t)(rest % (MrU128)E18);
            rest /= (MrU128)E18;
        }
        for (int i = 0; i < n_block || low != 0; i++) {
            digits[n_digits++] = (char)('0' + low % 10);
            low /= 10;
        }
    }
    char *at = out;
    if (value < 0)
        *at++ = '-';
    for (int i = n_digits - 1; i >= 0; i--) {
        *at++ = digits[i];
        if (i == scale && scale > 0)
            *at++ = '.';
    }
    return (int32_t)(at - out);
}

bool mr_text_to_decimal(MrText text, int precision, int scale, MrI128 *out)
{
    const char *at = text.data, *end = text.data + text.size_bytes;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *start = at;
    int64_t n_digits = 0, n_whole = 0; /* n_whole: of the digits from the first that is not 0 */
    int64_t n_significant = 0;
    bool point = false, any = false;
    for (; at < end; at++) {
        if (*at >= '0' && *at <= '9') {
            any = true;
            n_digits++;
            if (n_significant > 0 || *at != '0')
                n_significant++;
            else if (point)
                n_whole--;
            if (!point && n_significant > 0)
                n_whole++;
        } else if (*at == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    const char *digits_end = at;
    if (!any)
        return false;
    int64_t exponent = 0;
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool e_negative = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        if (at == end)
            return false;
        for (; at < end; at++) {
            if (*at < '0' || *at > '9')
                return false;
            if (exponent < INT32_MAX)
                exponent = exponent * 10 + (*at - '0');
        }
        exponent = e_negative ? -exponent : exponent;
    }
    if (at != end)
        return false;
    if (n_significant == 0) {
        *out = 0;
        return true;
    }
    int64_t n_keep = n_whole + exponent + scale; /* significant digits up to the last place kept */
    if (n_keep > MR_DECIMAL_MAX_DIGITS)
        return false;
    MrU128 value = 0;
    int64_t n_seen = 0;
    bool round_up = false;
    for (at = start; at < digits_end && n_keep >= 0 && n_seen <= n_keep; at++) {
        if (*at == '.' || (n_seen == 0 && *at == '0'))
            continue;
        if (n_seen == n_keep)
            round_up = *at >= '5';
        else
            value = value * 10 + (unsigned)(*at - '0');
        n_seen++;
    }
    for (; n_seen < n_keep; n_seen++)
        value *= 10;
    value += round_up;
    if (value >= (MrU128)mr_pow10_i128[precision])
        return false;
    *out = negative ? -(MrI128)value : (MrI128)value;
    return true;
}

double mr_decimal_to_f64(MrI128 value, int scale)
{
    static const double exact_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (magnitude(value) <= (MrU128)1 << 53 && scale >= 0 && scale <= 22)
        return (double)(int64_t)value / exact_pow10[scale]; /* one rounding */
    char text[MR_DECIMAL_TEXT_MAX];
    double result = 0;
    mr_text_to_f64((MrText){text, mr_decimal_to_text(value, scale, text)}, &result);
    return result;
}

bool mr_f64_to_decimal(double value, int precision, int scale, MrI128 *out)
{
    char text[MR_F64_TEXT_MAX];
    if (!isfinite(value))
        return false;
    return mr_text_to_decimal((MrText){text, mr_f64_to_text(value, text)}, precision, scale, out);
}
