/* select.inc.h - the numbers of the rows where a comparison of two columns holds.
 *
 * Not a header.  Define K_NAME, K_LEFT, K_RIGHT and K_EXPR (on a and b), then include.  There is no
 * branch on the data, so nothing to mispredict.  sel has room for 16 numbers more than there are rows. */
#define K_BLOCK 1024
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
    } else {
        /* Blocks that stay in cache: first a byte for each row, then the numbers of those that hold. */
        uint8_t keep[K_BLOCK];
        for (int32_t from = 0; from < call->n; from += K_BLOCK) {
            const int32_t end = call->n - from < K_BLOCK ? call->n - from : K_BLOCK;
            if (y_const) {
                const K_RIGHT b = y[0];
                for (int32_t i = 0; i < end; i++) {
                    const K_LEFT a = x[from + i];
                    keep[i] = (K_EXPR);
                }
            } else if (x_const) {
                const K_LEFT a = x[0];
                for (int32_t i = 0; i < end; i++) {
                    const K_RIGHT b = y[from + i];
                    keep[i] = (K_EXPR);
                }
            } else {
                for (int32_t i = 0; i < end; i++) {
                    const K_LEFT a = x[from + i];
                    const K_RIGHT b = y[from + i];
                    keep[i] = (K_EXPR);
                }
            }
            n += mr__rows_compact(keep, end, (uint16_t)from, sel + n);
        }
    }
    return n;
}
#undef K_NAME
#undef K_LEFT
#undef K_RIGHT
#undef K_EXPR
#undef K_BLOCK
