#include "base/bitmap.h"

int64_t mr_bits_count(const uint64_t *bits, int64_t n_bits)
{
    int64_t n_words = n_bits / 64, n_set = 0;
    for (int64_t i = 0; i < n_words; i++)
        n_set += __builtin_popcountll(bits[i]);
    if ((n_bits & 63) != 0)
        n_set += __builtin_popcountll(bits[n_words] & (UINT64_MAX >> (64 - (n_bits & 63))));
    return n_set;
}
