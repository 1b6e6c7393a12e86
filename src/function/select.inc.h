/* select.inc.h - the numbers of the rows where a comparison of two columns holds.
 *
 * Not a header.  Define K_NAME, K_LEFT, K_RIGHT and K_EXPR (on a and b), then include.  Every row's number
 * is written and the place moves on when it holds, so there is nothing to mispredict. */
static int32_t K_NAME(MrCall *call, uint16_t *restrict sel)
{
    const MrVector *left = call->args[0], *right = call->args[1];
    const K_LEFT *restrict x = left->data;
    const K_RIGHT *restrict y = right->data;
    bool x_const = left->encoding == MR_CONSTANT, y_const = right->encoding == MR_CONSTANT;
    int32_t n = 0;
    if (call->sel && y_const) {
        const K_RIGHT b = y[0];
        for (int32_t i = 0; i < call->n; i++) {
            const uint16_t row = call->sel[i];
            const K_LEFT a = x[row];
            sel[n] = row;
            n += (K_EXPR);
        }
    } else if (call->sel) {
        for (int32_t i = 0; i < call->n; i++) {
            const uint16_t row = call->sel[i];
            const K_LEFT a = x[x_const ? 0 : row];
            const K_RIGHT b = y[row];
            sel[n] = row;
            n += (K_EXPR);
        }
    } else if (y_const) {
        const K_RIGHT b = y[0];
        for (int32_t i = 0; i < call->n; i++) {
            const K_LEFT a = x[i];
            sel[n] = (uint16_t)i;
            n += (K_EXPR);
        }
    } else {
        for (int32_t i = 0; i < call->n; i++) {
            const K_LEFT a = x[x_const ? 0 : i];
            const K_RIGHT b = y[i];
            sel[n] = (uint16_t)i;
            n += (K_EXPR);
        }
    }
    return n;
}
#undef K_NAME
#undef K_LEFT
#undef K_RIGHT
#undef K_EXPR
