/* compare_type.inc.h - the six comparisons of one type, as values and as selections.
 *
 * Not a header.  Define T, N(name), EQ(a, b) and LT(a, b). */
#define K_NAME N(eq)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT int8_t
#define K_EXPR (EQ(a, b))
#include "function/binary.inc.h"
#define K_NAME N(ne)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT int8_t
#define K_EXPR (!(EQ(a, b)))
#include "function/binary.inc.h"
#define K_NAME N(lt)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT int8_t
#define K_EXPR (LT(a, b))
#include "function/binary.inc.h"
#define K_NAME N(le)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT int8_t
#define K_EXPR (!(LT(b, a)))
#include "function/binary.inc.h"
#define K_NAME N(eq_select)
#define K_LEFT T
#define K_RIGHT T
#define K_EXPR (EQ(a, b))
#include "function/select.inc.h"
#define K_NAME N(ne_select)
#define K_LEFT T
#define K_RIGHT T
#define K_EXPR (!(EQ(a, b)))
#include "function/select.inc.h"
#define K_NAME N(lt_select)
#define K_LEFT T
#define K_RIGHT T
#define K_EXPR (LT(a, b))
#include "function/select.inc.h"
#define K_NAME N(le_select)
#define K_LEFT T
#define K_RIGHT T
#define K_EXPR (!(LT(b, a)))
#include "function/select.inc.h"
#define K_NAME N(gt)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT int8_t
#define K_EXPR (LT(b, a))
#include "function/binary.inc.h"
#define K_NAME N(ge)
#define K_LEFT T
#define K_RIGHT T
#define K_OUT int8_t
#define K_EXPR (!(LT(a, b)))
#include "function/binary.inc.h"
#define K_NAME N(gt_select)
#define K_LEFT T
#define K_RIGHT T
#define K_EXPR (LT(b, a))
#include "function/select.inc.h"
#define K_NAME N(ge_select)
#define K_LEFT T
#define K_RIGHT T
#define K_EXPR (!(LT(a, b)))
#include "function/select.inc.h"
#undef T
#undef N
#undef EQ
#undef LT
