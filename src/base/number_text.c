/* number_text.c - numbers to text as Java prints them, and back.
 *
 * Printing: the Schubfach method (R. Giulietti, "The Schubfach way to render doubles"), which Java
 * uses since 19: the shortest decimal that reads back as the same number, the closest of those, and
 * at least two digits.  Reading: Eisel-Lemire (D. Lemire, "Number parsing at a gigabyte per
 * second", 2021) for up to 19 digits; what it cannot decide goes to strtod in the C locale.  Both
 * share one table of 128-bit powers of ten. */
#include "base/text.h"
#include <locale.h>
#include <math.h>
#include <stdio.h>

__extension__ typedef unsigned __int128 Wide;

typedef struct Pow10 {
    uint64_t high, low;
} Pow10;

#define POW10_MIN (-342)
#define POW10_MAX 325

static const Pow10 pow10_table[POW10_MAX - POW10_MIN + 1] = {
#include "base/pow10_table.inc.h"
};

/* 10^k rounded up to 128 bits. */
static Pow10 pow10_up(int k)
{
    Pow10 g = pow10_table[k - POW10_MIN];
    if (k < 0 || k > 55) { /* the others are exact */
        g.low++;
        g.high += g.low == 0;
    }
    return g;
}

/* floor(x / 2^n), also for negative x. */
static int floor_shift(int x, int n)
{
    return (int)((unsigned)((x >> n))); /* gcc shifts the sign in */
}

static int floor_log2_pow10(int e)
{
    return floor_shift(e * 1741647, 19);
}

static uint64_t round_to_odd_64(Pow10 g, uint64_t cp)
{
    Wide x = (Wide)g.low * cp;
    Wide y = (Wide)g.high * cp + (uint64_t)(x >> 64);
    return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

static uint32_t round_to_odd_32(uint64_t g, uint32_t cp)
{
    Wide p = (Wide)g * cp;
    return (uint32_t)(p >> 64) | ((uint32_t)(p >> 32) > 1);
}

typedef struct Decimal {
    uint64_t digits;
    int exponent; /* value = digits * 10^exponent */
} Decimal;

/* The choice among the candidates, the same for both widths: everything in quarters. */
static Decimal decimal_choose(uint64_t lower, uint64_t vb, uint64_t upper, int k)
{
    uint64_t s = vb / 4;
    if (s >= 100) {
        uint64_t sp = s / 10;
        bool up_inside = lower <= 40 * sp;
        bool wp_inside = 40 * sp + 40 <= upper;
        if (up_inside != wp_inside)
            return (Decimal){sp + wp_inside, k + 1};
    }
    bool u_inside = lower <= 4 * s;
    bool w_inside = 4 * s + 4 <= upper;
    if (u_inside != w_inside)
        return (Decimal){s + w_inside, k};
    uint64_t mid = 4 * s + 2;
    bool round_up = vb > mid || (vb == mid && (s & 1) != 0);
    return (Decimal){s + round_up, k};
}

static Decimal decimal_of_f64(uint64_t fraction, int biased)
{
    uint64_t c = fraction;
    int q = 1 - 1075, tens = 0;
    if (biased != 0) {
        c |= UINT64_C(1) << 52;
        q = biased - 1075;
        if (q <= 0 && -q < 53 && (c & ((UINT64_C(1) << -q) - 1)) == 0)
            return (Decimal){c >> -q, 0};
    } else if (c < 3) { /* too few digits otherwise: 4.9E-324, not 5E-324 */
        c *= 10;
        tens = -1;
    }
    bool odd = (c & 1) != 0;
    bool lower_is_closer = fraction == 0 && biased > 1;
    int k = floor_shift(q * 1262611 - (lower_is_closer ? 524031 : 0), 22);
    int h = q + floor_log2_pow10(-k) + 1;
    Pow10 g = pow10_up(-k);
    uint64_t lower = round_to_odd_64(g, (4 * c - 2 + lower_is_closer) << h) + odd;
    uint64_t vb = round_to_odd_64(g, (4 * c) << h);
    uint64_t upper = round_to_odd_64(g, (4 * c + 2) << h) - odd;
    return decimal_choose(lower, vb, upper, k + tens);
}

static Decimal decimal_of_f32(uint32_t fraction, int biased)
{
    uint32_t c = fraction;
    int q = 1 - 150, tens = 0;
    if (biased != 0) {
        c |= UINT32_C(1) << 23;
        q = biased - 150;
        if (q <= 0 && -q < 24 && (c & ((UINT32_C(1) << -q) - 1)) == 0)
            return (Decimal){c >> -q, 0};
    } else if (c < 8) {
        c *= 10;
        tens = -1;
    }
    bool odd = (c & 1) != 0;
    bool lower_is_closer = fraction == 0 && biased > 1;
    int k = floor_shift(q * 1262611 - (lower_is_closer ? 524031 : 0), 22);
    int h = q + floor_log2_pow10(-k) + 1;
    Pow10 wide = pow10_up(-k);
    uint64_t g = wide.high + (wide.low != 0);
    uint32_t lower = round_to_odd_32(g, (4 * c - 2 + lower_is_closer) << h) + odd;
    uint32_t vb = round_to_odd_32(g, (4 * c) << h);
    uint32_t upper = round_to_odd_32(g, (4 * c + 2) << h) - odd;
    return decimal_choose(lower, vb, upper, k + tens);
}

static const char digit_pairs[] = "0001020304050607080910111213141516171819"
                                  "2021222324252627282930313233343536373839"
                                  "4041424344454647484950515253545556575859"
                                  "6061626364656667686970717273747576777879"
                                  "8081828384858687888990919293949596979899";

/* Writes the digits so that they end at end; returns where they begin. */
static char *digits_before(char *end, uint64_t value)
{
    while (value >= 100) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * (value % 100), 2);
        value /= 100;
    }
    if (value >= 10) {
        end -= 2;
        memcpy(end, digit_pairs + 2 * value, 2);
    } else {
        *--end = (char)('0' + value);
    }
    return end;
}

int32_t mr_i64_to_text(int64_t value, char *out)
{
    char digits[MR_I64_TEXT_MAX];
    uint64_t magnitude = value < 0 ? 0 - (uint64_t)value : (uint64_t)value;
    char *start = digits_before(digits + sizeof digits, magnitude);
    int32_t n = 0;
    if (value < 0)
        out[n++] = '-';
    int32_t n_digits = (int32_t)(digits + sizeof digits - start);
    memcpy(out + n, start, (size_t)n_digits);
    return n + n_digits;
}

/* Java's form: plain from 1E-3 up to below 1E7, else one digit, a point, digits and an exponent. */
static int32_t decimal_to_java(Decimal value, bool negative, char *out)
{
    char digits[20], *start;
    char *at = out;
    if (negative)
        *at++ = '-';
    start = digits_before(digits + sizeof digits, value.digits);
    int n_digits = (int)(digits + sizeof digits - start);
    int point = n_digits + value.exponent; /* digits before the point */
    while (n_digits > 1 && start[n_digits - 1] == '0')
        n_digits--;
    if (point > 0 && point <= 7) {
        int n_whole = n_digits < point ? n_digits : point;
        memcpy(at, start, (size_t)n_whole);
        memset(at + n_whole, '0', (size_t)(point - n_whole));
        at += point;
        *at++ = '.';
        if (n_digits > point) {
            memcpy(at, start + point, (size_t)(n_digits - point));
            at += n_digits - point;
        } else {
            *at++ = '0';
        }
    } else if (point <= 0 && point > -3) {
        *at++ = '0';
        *at++ = '.';
        memset(at, '0', (size_t)-point);
        at += -point;
        memcpy(at, start, (size_t)n_digits);
        at += n_digits;
    } else {
        *at++ = start[0];
        *at++ = '.';
        if (n_digits > 1) {
            memcpy(at, start + 1, (size_t)(n_digits - 1));
            at += n_digits - 1;
        } else {
            *at++ = '0';
        }
        *at++ = 'E';
        at += mr_i64_to_text(point - 1, at);
    }
    return (int32_t)(at - out);
}

static int32_t special_to_text(const char *text, char *out)
{
    size_t size = strlen(text);
    memcpy(out, text, size);
    return (int32_t)size;
}

int32_t mr_f64_to_text(double value, char *out)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool negative = (bits >> 63) != 0;
    int biased = (int)(bits >> 52 & 0x7ff);
    uint64_t fraction = bits & ((UINT64_C(1) << 52) - 1);
    if (biased == 0x7ff)
        return special_to_text(fraction != 0 ? "NaN" : negative ? "-Infinity" : "Infinity", out);
    if (biased == 0 && fraction == 0)
        return special_to_text(negative ? "-0.0" : "0.0", out);
    return decimal_to_java(decimal_of_f64(fraction, biased), negative, out);
}

int32_t mr_f32_to_text(float value, char *out)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bool negative = (bits >> 31) != 0;
    int biased = (int)(bits >> 23 & 0xff);
    uint32_t fraction = bits & ((UINT32_C(1) << 23) - 1);
    if (biased == 0xff)
        return special_to_text(fraction != 0 ? "NaN" : negative ? "-Infinity" : "Infinity", out);
    if (biased == 0 && fraction == 0)
        return special_to_text(negative ? "-0.0" : "0.0", out);
    return decimal_to_java(decimal_of_f32(fraction, biased), negative, out);
}

bool mr_text_to_i64(MrText text, int64_t *out)
{
    const char *at = text.data, *end = text.data + text.size_bytes;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    if (at == end)
        return false;
    uint64_t magnitude = 0;
    const uint64_t limit = (uint64_t)INT64_MAX + negative;
    const char *safe = end - at > 18 ? at + 18 : end; /* 18 digits always fit */
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - (unsigned)'0';
        if (digit > 9 || (at >= safe && magnitude > (limit - digit) / 10))
            return false;
        magnitude = magnitude * 10 + digit;
    }
    *out = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool mr_text_to_size(MrText text, int64_t *out)
{
    static const char units[] = "kmgtp";
    int64_t n, factor = 1;
    const char *last = text.data + text.size_bytes - 1;
    if (text.size_bytes > 2 && (*last | 32) == 'b') /* 512mb */
        last--;
    const char *unit = text.size_bytes > 1 ? strchr(units, *last | 32) : NULL;
    for (const char *at = units; unit && at <= unit; at++)
        factor *= 1024;
    if (unit)
        text.size_bytes = last - text.data;
    if (!mr_text_to_i64(text, &n) || n < 0)
        return false;
    return !__builtin_mul_overflow(n, factor, out);
}

/* w * 10^q to the nearest double, ties to even; false when the table is not exact enough. */
static bool eisel_lemire(uint64_t w, int q, double *out)
{
    if (w == 0 || q < POW10_MIN) {
        *out = 0;
        return true;
    }
    if (q > 308) {
        *out = INFINITY;
        return true;
    }
    int lz = __builtin_clzll(w);
    w <<= lz;
    Pow10 g = pow10_table[q - POW10_MIN];
    if (q < 0) { /* the method wants reciprocals rounded up */
        g.low++;
        g.high += g.low == 0;
    }
    Wide product = (Wide)w * g.high;
    uint64_t upper = (uint64_t)(product >> 64), lower = (uint64_t)product;
    if ((upper & 0x1ff) == 0x1ff) {
        Wide second = (Wide)w * g.low;
        uint64_t carry = (uint64_t)(second >> 64);
        lower += carry;
        upper += lower < carry;
    }
    if (lower == UINT64_MAX && (q < -27 || q > 55))
        return false;
    int upper_bit = (int)(upper >> 63);
    uint64_t mantissa = upper >> (upper_bit + 64 - 52 - 3);
    int exponent = floor_shift((152170 + 65536) * q, 16) + 63 + upper_bit - lz + 1023;
    if (exponent <= 0) { /* subnormal */
        if (-exponent + 1 >= 64) {
            *out = 0;
            return true;
        }
        mantissa >>= -exponent + 1;
        mantissa += mantissa & 1;
        mantissa >>= 1;
        exponent = mantissa < (UINT64_C(1) << 52) ? 0 : 1;
    } else {
        if (lower <= 1 && q >= -4 && q <= 23 && (mantissa & 3) == 1 &&
            (mantissa << (upper_bit + 64 - 52 - 3)) == upper)
            mantissa &= ~UINT64_C(1); /* a tie: to even */
        mantissa += mantissa & 1;
        mantissa >>= 1;
        if (mantissa >= (UINT64_C(2) << 52)) {
            mantissa = UINT64_C(1) << 52;
            exponent++;
        }
        if (exponent >= 0x7ff) {
            *out = INFINITY;
            return true;
        }
    }
    uint64_t bits = (mantissa & ((UINT64_C(1) << 52) - 1)) | (uint64_t)exponent << 52;
    memcpy(out, &bits, sizeof bits);
    return true;
}

static double parse_exactly(const char *start, const char *end)
{
    /* The text is checked already.  Beyond 800 digits only "is there more" matters, and an exponent
     * that such texts could have is still in the last bytes: so long ones are shortened by hand. */
    char text[1024];
    int64_t size = end - start;
    static locale_t c_locale; /* the C locale is built in: every call gives the same one */
    locale_t locale = __atomic_load_n(&c_locale, __ATOMIC_RELAXED);
    if (locale == (locale_t)0) {
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        __atomic_store_n(&c_locale, locale, __ATOMIC_RELAXED);
    }
    if (size < (int64_t)sizeof text) {
        memcpy(text, start, (size_t)size);
        text[size] = '\0';
        return strtod_l(text, NULL, locale);
    }
    int64_t n = 0, exponent = 0, given = 0;
    bool point = false, more = false, started = false;
    const char *at = start;
    for (; at < end && *at != 'e' && *at != 'E'; at++) {
        if (*at == '.') {
            point = true;
            continue;
        }
        started = started || *at != '0';
        if (started && n < 800)
            text[n++] = *at;
        else if (started) {
            more = more || *at != '0';
            exponent++;
        }
        exponent -= point;
    }
    if (at < end) {
        const char *e = at + 1;
        bool negative = *e == '-';
        if (*e == '-' || *e == '+')
            e++;
        for (; e < end && given < 100000000; e++)
            given = given * 10 + (*e - '0');
        given = negative ? -given : given;
    }
    if (more)
        text[n++] = '1', exponent--;
    if (n == 0)
        return 0;
    snprintf(text + n, sizeof text - (size_t)n, "e%lld", (long long)(exponent + given));
    return strtod_l(text, NULL, locale);
}

static bool special_from_text(MrText text, double *out)
{
    static const struct {
        const char *name;
        double value;
    } names[] = {{"nan", NAN}, {"infinity", INFINITY}, {"inf", INFINITY}};
    bool negative = text.size_bytes > 0 && text.data[0] == '-';
    if (text.size_bytes > 0 && (text.data[0] == '-' || text.data[0] == '+')) {
        text.data++;
        text.size_bytes--;
    }
    for (int64_t i = 0; i < MR_COUNT(names); i++) {
        if (mr_text_equal_nocase(text, mr_text(names[i].name))) {
            *out = negative ? -names[i].value : names[i].value;
            return true;
        }
    }
    return false;
}

bool mr_text_to_f64(MrText text, double *out)
{
    static const double exact_pow10[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                         1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                         1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    const char *at = text.data, *end = text.data + text.size_bytes;
    bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+'))
        at++;
    const char *start = at;
    uint64_t w = 0;
    int64_t n_digits = 0, n_significant = 0, exponent = 0;
    bool point = false;
    for (; at < end; at++) {
        unsigned digit = (unsigned char)*at - (unsigned)'0';
        if (digit <= 9) {
            n_digits++;
            n_significant += n_significant > 0 || digit != 0;
            if (n_significant <= 19)
                w = w * 10 + digit;
            exponent -= point;
        } else if (*at == '.' && !point) {
            point = true;
        } else {
            break;
        }
    }
    if (n_digits == 0)
        return special_from_text(text, out);
    if (at < end && (*at == 'e' || *at == 'E')) {
        at++;
        bool e_negative = at < end && *at == '-';
        if (at < end && (*at == '-' || *at == '+'))
            at++;
        if (at == end)
            return false;
        int64_t e = 0;
        for (; at < end; at++) {
            unsigned digit = (unsigned char)*at - (unsigned)'0';
            if (digit > 9)
                return false;
            if (e < 100000000)
                e = e * 10 + digit;
        }
        exponent += e_negative ? -e : e;
    }
    if (at != end)
        return false;
    double value = 0;
    if (n_significant > 19) {
        value = parse_exactly(start, end);
    } else if (w < (UINT64_C(1) << 53) && exponent >= -22 && exponent <= 22) {
        value =
            exponent < 0 ? (double)w / exact_pow10[-exponent] : (double)w * exact_pow10[exponent];
    } else {
        int q = exponent < -10000 ? -10000 : exponent > 10000 ? 10000 : (int)exponent;
        if (!eisel_lemire(w, q, &value))
            value = parse_exactly(start, end);
    }
    *out = negative ? -value : value;
    return true;
}

bool mr_text_to_f64_java(MrText text, bool is_float, double *out)
{
    while (text.size_bytes > 0 && (unsigned char)*text.data <= ' ')
        text.data++, text.size_bytes--;
    while (text.size_bytes > 0 && (unsigned char)text.data[text.size_bytes - 1] <= ' ')
        text.size_bytes--;
    if (text.size_bytes == 0)
        return false;
    bool negative = *text.data == '-';
    MrText word = text;
    if (*word.data == '-' || *word.data == '+')
        word.data++, word.size_bytes--;
    if (mr_text_equal(word, MR_TEXT("NaN")) || mr_text_equal(word, MR_TEXT("Infinity"))) {
        *out = *word.data == 'N' ? __builtin_nan("")
               : negative        ? -__builtin_inf()
                                 : __builtin_inf();
        return true;
    }
    char last = text.data[text.size_bytes - 1];
    if (last == 'd' || last == 'D' || last == 'f' || last == 'F')
        text.size_bytes--;
    char digit = text.size_bytes > 0 ? text.data[text.size_bytes - 1] : 0;
    if (((digit < '0' || digit > '9') && digit != '.') || !mr_text_to_f64(text, out))
        return false;
    char copy[64];
    if (is_float && text.size_bytes < (int64_t)sizeof copy) { /* rounded once, not twice */
        memcpy(copy, text.data, (size_t)text.size_bytes);
        copy[text.size_bytes] = 0;
        *out = (double)strtof(copy, NULL);
    }
    return true;
}
