/* bitwise_type.inc.h - the bit kernels of one integer type.
 *
 * Not a header.  Define T and N(name). */
#define K_NAME N(and)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (a & b)
#include "function/binary.inc.h"
#define K_NAME N(or)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (a | b)
#include "function/binary.inc.h"
#define K_NAME N(xor)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT T
#define K_EXPR (a ^ b)
#include "function/binary.inc.h"
#define K_NAME N(not)
#define K_IN T
#define K_OUT T
#define K_EXPR (~a)
#include "function/unary.inc.h"
/* Java widens to 64 bits first, so a negative number of any size counts its sign bits too. */
#define K_NAME N(count)
#define K_IN T
#define K_OUT int32_t
#define K_EXPR ((int32_t)__builtin_popcountll((unsigned long long)(int64_t)a))
#include "function/unary.inc.h"
#undef T
#undef N
