/* compact.c - from a byte for each row to the numbers of the rows. */
#include "function/function_int.h"
#include <pthread.h>

/* For each mask of 8 rows the numbers of its bits, then anything. */
static uint16_t compact_table[256][8];
static pthread_once_t compact_once = PTHREAD_ONCE_INIT;

static void compact_build(void)
{
    for (int32_t mask = 0; mask < 256; mask++)
        for (int32_t bit = 0, n = 0; bit < 8; bit++)
            if (mask >> bit & 1)
                compact_table[mask][n++] = (uint16_t)bit;
}

typedef uint16_t Rows8 __attribute__((vector_size(16)));

int32_t mr__rows_compact(const uint8_t *keep, int32_t n, uint16_t base, uint16_t *sel)
{
    int32_t n_out = 0, i = 0;
    pthread_once(&compact_once, compact_build);
    for (; i + 8 <= n; i += 8) {
        uint64_t bytes;
        Rows8 rows;
        memcpy(&bytes, keep + i, 8);
        /* Eight bytes of 0 or 1 to eight bits: the product gathers them in its top byte. */
        uint64_t mask = bytes * UINT64_C(0x0102040810204080) >> 56;
        memcpy(&rows, compact_table[mask], 16);
        rows += (uint16_t)(base + i);
        memcpy(sel + n_out, &rows, 16);
        n_out += __builtin_popcount((uint32_t)mask);
    }
    for (; i < n; i++) {
        sel[n_out] = (uint16_t)(base + i);
        n_out += keep[i];
    }
    return n_out;
}
