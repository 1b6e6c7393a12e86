/* arithmetic_float.inc.h - the arithmetic kernels of one floating-point type.
 *
 * Not a header.  Define T, N(name), FMOD and FABS. */
#define K_NAME N(add)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (a + b)
#include "function/binary.inc.h"
#define K_NAME N(sub)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (a - b)
#include "function/binary.inc.h"
#define K_NAME N(mul)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (a * b)
#include "function/binary.inc.h"
#define K_NAME N(div)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (a / b)
#define K_FLAG (-(int32_t)(b == 0) - (int32_t)(r != r && 0))
#define K_FLAG_TYPE int32_t
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"
#define K_NAME N(rem)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (FMOD(a, b))
#define K_FLAG (-(int32_t)(b == 0) - (int32_t)(r != r && 0))
#define K_FLAG_TYPE int32_t
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"
#define K_NAME N(pmod)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (FMOD(a, b) < 0 ? FMOD(FMOD(a, b) + b, b) : FMOD(a, b))
#define K_FLAG (-(int32_t)(b == 0) - (int32_t)(r != r && 0))
#define K_FLAG_TYPE int32_t
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"
#define K_NAME N(neg)
#define K_IN T
#define K_OUT T
#define K_EXPR (-a)
#include "function/unary.inc.h"
#define K_NAME N(abs)
#define K_IN T
#define K_OUT T
#define K_EXPR (FABS(a))
#include "function/unary.inc.h"
#undef T
#undef N
#undef FMOD
#undef FABS
