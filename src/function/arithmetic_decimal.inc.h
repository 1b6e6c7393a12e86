/* arithmetic_decimal.inc.h - sums and products of decimals whose result type holds every value.
 *
 * Not a header.  Define L, R, O (int64_t or MrI128: left, right, out) and N(name). */
#define K_NAME N(dec_add)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_LOCALS                                                                                   \
    const MrArith *arith = call->bound->data;                                                      \
    const O up_a = (O)arith->up_left, up_b = (O)arith->up_right;
#define K_EXPR ((O)a * up_a + (O)b * up_b)
#include "function/binary.inc.h"
#define K_NAME N(dec_sub)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_LOCALS                                                                                   \
    const MrArith *arith = call->bound->data;                                                      \
    const O up_a = (O)arith->up_left, up_b = (O)arith->up_right;
#define K_EXPR ((O)a * up_a - (O)b * up_b)
#include "function/binary.inc.h"
#define K_NAME N(dec_mul)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_EXPR ((O)a * (O)b)
#include "function/binary.inc.h"
#undef L
#undef R
#undef O
#undef N
