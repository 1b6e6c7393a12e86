/* arithmetic_decimal.inc.h - sums and products of decimals whose result type holds every value.
 *
 * Not a header.  Define L, R, O (int64_t or MrI128: left, right, out), W (O without a sign) and N(name).  Of two scales one is
 * the result's, so at most one side is multiplied: _l the left, _r the right, _0 neither.  What lies
 * in the rows that are NULL is computed too, so it must be allowed to overflow: hence W. */
#define WIDE(x) ((W)(O)(x))
#define UP_LEFT                                                                                    \
    const MrArith *arith = call->bound->data;                                                      \
    const O up = (O)arith->up_left;
#define UP_RIGHT                                                                                   \
    const MrArith *arith = call->bound->data;                                                      \
    const O up = (O)arith->up_right;
#define K_NAME N(dec_add_0)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_EXPR ((O)(WIDE(a) + WIDE(b)))
#include "function/binary.inc.h"
#define K_NAME N(dec_add_l)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_LOCALS UP_LEFT
#define K_EXPR ((O)(WIDE(a) * (W)up + WIDE(b)))
#include "function/binary.inc.h"
#define K_NAME N(dec_add_r)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_LOCALS UP_RIGHT
#define K_EXPR ((O)(WIDE(a) + WIDE(b) * (W)up))
#include "function/binary.inc.h"
#define K_NAME N(dec_sub_0)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_EXPR ((O)(WIDE(a) - WIDE(b)))
#include "function/binary.inc.h"
#define K_NAME N(dec_sub_l)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_LOCALS UP_LEFT
#define K_EXPR ((O)(WIDE(a) * (W)up - WIDE(b)))
#include "function/binary.inc.h"
#define K_NAME N(dec_sub_r)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_LOCALS UP_RIGHT
#define K_EXPR ((O)(WIDE(a) - WIDE(b) * (W)up))
#include "function/binary.inc.h"
#define K_NAME N(dec_mul)
#define K_LEFT L
#define K_RIGHT R
#define K_OUT O
#define K_EXPR ((O)(WIDE(a) * WIDE(b)))
#include "function/binary.inc.h"
#undef UP_LEFT
#undef UP_RIGHT
#undef WIDE
#undef L
#undef R
#undef O
#undef W
#undef N
