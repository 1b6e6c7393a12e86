/* bitmap.h - validity bitmaps: 64-bit words, bit set = value present. */
#ifndef MR_BASE_BITMAP_H
#define MR_BASE_BITMAP_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define MR_BITMAP_WORDS(n_bits) (((n_bits) + 63) / 64)

static inline bool mr_bit_get(const uint64_t *bits, int64_t i)
{
    return (bits[i >> 6] >> (i & 63)) & 1;
}
static inline void mr_bit_set(uint64_t *bits, int64_t i)
{
    bits[i >> 6] |= UINT64_C(1) << (i & 63);
}
static inline void mr_bit_clear(uint64_t *bits, int64_t i)
{
    bits[i >> 6] &= ~(UINT64_C(1) << (i & 63));
}
static inline void mr_bit_put(uint64_t *bits, int64_t i, bool on)
{
    uint64_t mask = UINT64_C(1) << (i & 63);
    bits[i >> 6] = on ? bits[i >> 6] | mask : bits[i >> 6] & ~mask;
}
static inline void mr_bits_fill(uint64_t *bits, int64_t n_bits, bool on)
{
    memset(bits, on ? 0xff : 0, (size_t)(8 * MR_BITMAP_WORDS(n_bits)));
}

#endif
