/* unary.inc.h - one column in, one out.
 *
 * Not a header.  Define K_NAME, K_IN, K_OUT and K_EXPR (on a), then include; K_FLAG (on a and r,
 * negative when it failed) and K_RAISE as in binary.inc.h. */
static MrStatus K_NAME(MrCall *call, MrError *err)
{
    const MrVector *arg = call->args[0];
    const K_IN *restrict x = arg->data;
    K_OUT *restrict out = call->out->data;
    bool x_const = arg->encoding == MR_CONSTANT;
#ifdef K_FLAG
    K_OUT flags = 0;
#define K_SET(i)                                                                                   \
    const K_OUT r = (K_OUT)(K_EXPR);                                                               \
    flags |= (K_OUT)(K_FLAG);                                                                      \
    out[i] = r
#else
#define K_SET(i) out[i] = (K_OUT)(K_EXPR)
#endif
    if (x_const || (call->sel && 2 * call->n < call->n_rows)) {
        for (MR_EACH(call, i, row)) {
            const K_IN a = x[x_const ? 0 : row];
            K_SET(row);
        }
    } else {
        for (int32_t i = 0; i < call->n_rows; i++) {
            const K_IN a = x[i];
            K_SET(i);
        }
    }
#ifdef K_FLAG
    if (flags < 0) {
        for (MR_EACH(call, i, row)) {
            const K_IN a = x[x_const ? 0 : row];
            const K_OUT r = (K_OUT)(K_EXPR);
            if ((K_OUT)(K_FLAG) < 0)
                MR_TRY(K_RAISE(call, row, err));
        }
    }
#endif
    return MR_OK;
}
#undef K_SET
#undef K_NAME
#undef K_IN
#undef K_OUT
#undef K_EXPR
#ifdef K_FLAG
#undef K_FLAG
#undef K_RAISE
#endif
