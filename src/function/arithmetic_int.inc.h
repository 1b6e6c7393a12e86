/* arithmetic_int.inc.h - the arithmetic kernels of one integer type.
 *
 * Not a header.  Define T (int8_t ..), U (its unsigned twin), WIDE (holds any product, or nothing for
 * 64 bits), and N(name) giving the name with the type's suffix; T_MIN. */
#define K_NAME N(add_wrap)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR ((T)((U)a + (U)b))
#include "function/binary.inc.h"
#define K_NAME N(add)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR ((T)((U)a + (U)b))
#define K_FLAG ((T)((a ^ r) & (b ^ r)))
#define K_FLAG_TYPE T
#define K_RAISE arith_overflow
#include "function/binary.inc.h"
#define K_NAME N(sub_wrap)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR ((T)((U)a - (U)b))
#include "function/binary.inc.h"
#define K_NAME N(sub)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR ((T)((U)a - (U)b))
#define K_FLAG ((T)((a ^ b) & (a ^ r)))
#define K_FLAG_TYPE T
#define K_RAISE arith_overflow
#include "function/binary.inc.h"
#define K_NAME N(mul_wrap)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR ((T)((UP)a * (UP)b))
#include "function/binary.inc.h"
#define K_NAME N(mul)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR ((T)((UP)a * (UP)b))
#define K_FLAG ((T) - ((WIDE)a * (WIDE)b != (WIDE)r))
#define K_FLAG_TYPE T
#define K_RAISE arith_overflow
#include "function/binary.inc.h"
#define K_NAME N(rem)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (b == 0 || b == -1 ? 0 : a % b)
#define K_FLAG ((T)(-(b == 0) - (r != r)))
#define K_FLAG_TYPE T
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"
#define K_NAME N(pmod)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (b == 0 || b == -1 ? 0 : a % b < 0 ? ((WIDE)(a % b) + b) % b : a % b)
#define K_FLAG ((T)(-(b == 0) - (r != r)))
#define K_FLAG_TYPE T
#define K_RAISE arith_by_zero
#include "function/binary.inc.h"
#define K_NAME N(neg_wrap)
#define K_IN T
#define K_OUT T
#define K_EXPR ((T)((U)0 - (U)a))
#include "function/unary.inc.h"
#define K_NAME N(neg)
#define K_IN T
#define K_OUT T
#define K_EXPR ((T)((U)0 - (U)a))
#define K_FLAG (a & r)
#define K_RAISE arith_overflow
#include "function/unary.inc.h"
#define K_NAME N(abs_wrap)
#define K_IN T
#define K_OUT T
#define K_EXPR (a < 0 ? (T)((U)0 - (U)a) : a)
#include "function/unary.inc.h"
#define K_NAME N(abs)
#define K_IN T
#define K_OUT T
#define K_EXPR (a < 0 ? (T)((U)0 - (U)a) : a)
#define K_FLAG r
#define K_RAISE arith_overflow
#include "function/unary.inc.h"
#undef T
#undef U
#undef UP
#undef WIDE
#undef N
