/* binary.inc.h - two columns in, one out; each side flat or constant.
 *
 * Not a header.  Define K_NAME, K_LEFT, K_RIGHT, K_OUT and K_EXPR (on a and b), then include:
 *     #define K_NAME add_f64
 *     #define K_LEFT double
 *     #define K_RIGHT double
 *     #define K_OUT double
 *     #define K_EXPR (a + b)
 *     #include "function/binary.inc.h"
 * K_LOCALS, if defined, declares what K_EXPR needs besides.  K_EXPR must be safe for any bits: rows that are not asked are computed too when most are asked.
 * An operation that can fail also defines K_FLAG (on a, b and the result r), negative when it failed,
 * of type K_FLAG_TYPE, and K_RAISE (on call, row, err), which says what then: a status.  The flags of
 * all rows are or-ed, and only when that is negative the rows are looked at one by one. */
static MrStatus K_NAME(MrCall *call, MrError *err)
{
    const MrVector *left = call->args[0], *right = call->args[1];
    const K_LEFT *restrict x = left->data;
    const K_RIGHT *restrict y = right->data;
    K_OUT *restrict out = call->out->data;
#ifdef K_LOCALS
    K_LOCALS
#endif
    bool x_const = left->encoding == MR_CONSTANT, y_const = right->encoding == MR_CONSTANT;
#ifdef K_FLAG
    K_FLAG_TYPE flags = 0;
#define K_SET(i)                                                                                   \
    const K_OUT r = (K_OUT)(K_EXPR);                                                               \
    flags |= (K_FLAG);                                                                             \
    out[i] = r
#else
#define K_SET(i) out[i] = (K_OUT)(K_EXPR)
#endif
    if (call->sel && 2 * call->n < call->n_rows) {
        for (int32_t i = 0; i < call->n; i++) {
            const int32_t row = call->sel[i];
            const K_LEFT a = x[x_const ? 0 : row];
            const K_RIGHT b = y[y_const ? 0 : row];
            K_SET(row);
        }
    } else if (x_const && !y_const) {
        const K_LEFT a = x[0];
        for (int32_t i = 0; i < call->n_rows; i++) {
            const K_RIGHT b = y[i];
            K_SET(i);
        }
    } else if (y_const && !x_const) {
        const K_RIGHT b = y[0];
        for (int32_t i = 0; i < call->n_rows; i++) {
            const K_LEFT a = x[i];
            K_SET(i);
        }
    } else {
        const int32_t n = x_const ? 1 : call->n_rows; /* two constants: one row */
        for (int32_t i = 0; i < n; i++) {
            const K_LEFT a = x[i];
            const K_RIGHT b = y[i];
            K_SET(i);
        }
        for (int32_t i = n; i < call->n_rows; i++)
            out[i] = out[0];
    }
#ifdef K_FLAG
    if (flags < 0) {
        for (MR_EACH(call, i, row)) {
            const K_LEFT a = x[x_const ? 0 : row];
            const K_RIGHT b = y[y_const ? 0 : row];
            const K_OUT r = (K_OUT)(K_EXPR);
            if ((K_FLAG) < 0)
                MR_TRY(K_RAISE(call, row, err));
        }
    }
#endif
    return MR_OK;
}
#undef K_SET
#undef K_LOCALS
#undef K_NAME
#undef K_LEFT
#undef K_RIGHT
#undef K_OUT
#undef K_EXPR
#ifdef K_FLAG
#undef K_FLAG
#undef K_FLAG_TYPE
#undef K_RAISE
#endif
