/* parquet_delta.c - plain values to the delta encodings.
 *
 * Blocks of 128 deltas in four miniblocks, as parquet-mr writes them.  Differences wrap around in
 * the width of the stored type, so that no pair of neighbours is too far apart. */
#include "format/parquet_encode_int.h"

#define BLOCK_VALUES 128
#define MINI_VALUES 32
#define N_MINIS (BLOCK_VALUES / MINI_VALUES)
#define BLOCK_MAX_BYTES (10 + N_MINIS + 8 * BLOCK_VALUES)

static uint64_t zigzag(int64_t value)
{
    return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

/* A miniblock of values of width bits; writes 4 * width bytes. */
static char *mini_pack(const uint64_t *values, int width, char *to)
{
    uint64_t word = 0;
    int n_bits = 0; /* in word, below 64 */
    for (int i = 0; width > 0 && i < MINI_VALUES; i++) {
        word |= values[i] << n_bits;
        n_bits += width;
        if (n_bits >= 64) {
            memcpy(to, &word, 8);
            to += 8;
            n_bits -= 64;
            word = n_bits > 0 ? values[i] >> (width - n_bits) : 0;
        }
    }
    memcpy(to, &word, (size_t)n_bits / 8);
    return to + n_bits / 8;
}

/* n deltas; those up to the end of the block are written over. */
static MrStatus block_put(int64_t *deltas, int64_t n, MrBuffer *out, MrError *err)
{
    int64_t min = deltas[0];
    for (int64_t i = 1; i < n; i++)
        min = deltas[i] < min ? deltas[i] : min;
    MR_TRY(mr_buffer_reserve(out, BLOCK_MAX_BYTES, err));
    MR_TRY(mr_buffer_put_varint(out, zigzag(min), err));
    uint64_t above[BLOCK_VALUES];
    for (int64_t i = 0; i < BLOCK_VALUES; i++)
        above[i] = i < n ? (uint64_t)deltas[i] - (uint64_t)min : 0;
    char *widths = out->data + out->size_bytes, *to = widths + N_MINIS;
    for (int64_t m = 0; m < N_MINIS; m++) {
        const uint64_t *mini = above + m * MINI_VALUES;
        uint64_t bits = 0;
        for (int i = 0; i < MINI_VALUES; i++)
            bits |= mini[i];
        int width = bits == 0 ? 0 : 64 - __builtin_clzll(bits);
        widths[m] = (char)width;
        to = mini_pack(mini, width, to);
    }
    out->size_bytes = to - out->data;
    return MR_OK;
}

MrStatus mr__delta_write(const void *values, int32_t value_bytes, int64_t n, MrBuffer *out,
                         MrError *err)
{
    const int32_t *i32 = values;
    const int64_t *i64 = values;
    bool narrow = value_bytes == 4;
    int64_t first = n == 0 ? 0 : narrow ? i32[0] : i64[0];
    MR_TRY(mr_buffer_put_varint(out, BLOCK_VALUES, err));
    MR_TRY(mr_buffer_put_varint(out, N_MINIS, err));
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)n, err));
    MR_TRY(mr_buffer_put_varint(out, zigzag(first), err));
    for (int64_t at = 1; at < n; at += BLOCK_VALUES) {
        int64_t deltas[BLOCK_VALUES], k = n - at < BLOCK_VALUES ? n - at : BLOCK_VALUES;
        if (narrow)
            for (int64_t i = 0; i < k; i++)
                deltas[i] = (int32_t)((uint32_t)i32[at + i] - (uint32_t)i32[at + i - 1]);
        else
            for (int64_t i = 0; i < k; i++)
                deltas[i] = (int64_t)((uint64_t)i64[at + i] - (uint64_t)i64[at + i - 1]);
        MR_TRY(block_put(deltas, k, out, err));
    }
    return MR_OK;
}

static int64_t shared_prefix(MrText a, MrText b)
{
    int64_t n = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes, i = 0;
    uint64_t x, y;
    for (; i + 8 <= n; i += 8) {
        memcpy(&x, a.data + i, 8);
        memcpy(&y, b.data + i, 8);
        if (x != y)
            return i + __builtin_ctzll(x ^ y) / 8;
    }
    while (i < n && a.data[i] == b.data[i])
        i++;
    return i;
}

/* Turns to the next plain value. */
static MrText plain_next(const char **at, int32_t value_bytes)
{
    uint32_t size = (uint32_t)value_bytes;
    if (value_bytes == 0) {
        memcpy(&size, *at, 4);
        *at += 4;
    }
    MrText value = {*at, size};
    *at += size;
    return value;
}

MrStatus mr__delta_strings_write(const char *plain, int32_t value_bytes, int64_t n,
                                 MrBuffer *scratch, MrBuffer *out, MrError *err)
{
    scratch->size_bytes = 0;
    MR_TRY(mr_buffer_reserve(scratch, 8 * n, err));
    int32_t *prefixes = (int32_t *)(void *)scratch->data, *suffixes = prefixes + n;
    const char *at = plain;
    MrText before = {"", 0};
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++) {
        MrText value = plain_next(&at, value_bytes);
        prefixes[i] = (int32_t)shared_prefix(before, value);
        suffixes[i] = (int32_t)value.size_bytes - prefixes[i];
        size += suffixes[i];
        before = value;
    }
    MR_TRY(mr__delta_write(prefixes, 4, n, out, err));
    MR_TRY(mr__delta_write(suffixes, 4, n, out, err));
    MR_TRY(mr_buffer_reserve(out, size, err));
    char *to = out->data + out->size_bytes;
    at = plain;
    for (int64_t i = 0; i < n; i++) {
        MrText value = plain_next(&at, value_bytes);
        memcpy(to, value.data + prefixes[i], (size_t)suffixes[i]);
        to += suffixes[i];
    }
    out->size_bytes += size;
    return MR_OK;
}
