/* int128.h - 128-bit integers: unscaled decimals up to 38 digits. */
#ifndef MR_BASE_INT128_H
#define MR_BASE_INT128_H

#include "base/text.h"

__extension__ typedef __int128 MrI128;
__extension__ typedef unsigned __int128 MrU128;

#define MR_DECIMAL_MAX_DIGITS 38
#define MR_DECIMAL_I64_DIGITS 18

extern const MrI128 mr_pow10_i128[MR_DECIMAL_MAX_DIGITS + 1];
extern const int64_t mr_pow10_i64[19];

bool mr_i128_add(MrI128 a, MrI128 b, MrI128 *out); /* false: overflow */
bool mr_i128_mul(MrI128 a, MrI128 b, MrI128 *out);
/* a * 10^up / b or a / 10^down rounded half up (away from zero), without losing bits in between. */
bool mr_decimal_div(MrI128 a, MrI128 b, int up_digits, MrI128 *out); /* b != 0 */
MrI128 mr_decimal_round_down(MrI128 value, int digits);              /* drops digits, half up */
/* Brings an unscaled value from one scale to another, checked against precision digits. */
bool mr_decimal_rescale(MrI128 value, int from_scale, int to_scale, int to_precision, MrI128 *out);

#define MR_DECIMAL_TEXT_MAX 48
int32_t mr_decimal_to_text(MrI128 value, int scale, char *out); /* plain, with its scale */
/* Decimal text, also with an exponent; rounds half up to scale.  false: no number or too large. */
bool mr_text_to_decimal(MrText text, int precision, int scale, MrI128 *out);
double mr_decimal_to_f64(MrI128 value, int scale);
bool mr_f64_to_decimal(double value, int precision, int scale, MrI128 *out);

#endif
