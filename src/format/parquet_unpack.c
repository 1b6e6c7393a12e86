/* parquet_unpack.c - bit-packed integers, the RLE hybrid, DELTA_BINARY_PACKED.
 *
 * Source: Parquet format, Encodings.md.  Packed values are little-endian, lowest bit first; eight
 * values of W bits take W bytes, so every eighth value starts at a byte.  All loads may touch up to
 * MR_PQ_SLACK_BYTES behind the data, which page buffers have. */
#include "format/parquet_int.h"
#ifdef __AVX2__
#include <immintrin.h>
#endif

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t word;
    memcpy(&word, at, 8);
    return word;
}

/* Up to 57 bits from a bit position. */
static inline uint64_t bits_at(const uint8_t *src, int64_t bit, uint64_t mask)
{
    return load_u64(src + (bit >> 3)) >> (bit & 7) & mask;
}

#ifdef __AVX2__
/* Eight values at a time: a byte shuffle brings each value's bytes into its lane, a shift per lane
 * brings it down.  Four values of up to 25 bits fit 16 bytes at any start within a byte. */
static void unpack_avx2(const uint8_t *src, int width, int64_t n, uint32_t *out)
{
    uint8_t shuffle[32];
    uint32_t shifts[8];
    int half = width / 2; /* byte where value 4 starts */
    for (int i = 0; i < 8; i++) {
        int bit = i * width - (i < 4 ? 0 : 8 * half);
        shifts[i] = (uint32_t)(bit & 7);
        for (int b = 0; b < 4; b++)
            shuffle[4 * i + b] = (uint8_t)(bit / 8 + b);
    }
    __m256i order = _mm256_loadu_si256((const __m256i *)shuffle);
    __m256i shift = _mm256_loadu_si256((const __m256i *)shifts);
    __m256i mask = _mm256_set1_epi32((int)((UINT32_C(1) << width) - 1));
    for (int64_t i = 0; i + 8 <= n; i += 8, src += width) {
        __m256i bytes =
            _mm256_inserti128_si256(_mm256_castsi128_si256(_mm_loadu_si128((const __m128i *)src)),
                                    _mm_loadu_si128((const __m128i *)(src + half)), 1);
        __m256i values = _mm256_srlv_epi32(_mm256_shuffle_epi8(bytes, order), shift);
        _mm256_storeu_si256((__m256i *)(out + i), _mm256_and_si256(values, mask));
    }
}
#endif

void mr__unpack_u32(const uint8_t *src, int width, int64_t skip, int64_t n, uint32_t *out)
{
    if (width == 0) {
        memset(out, 0, (size_t)n * 4);
        return;
    }
    uint64_t mask = (UINT64_C(1) << width) - 1;
    int64_t i = 0;
#ifdef __AVX2__
    if (width <= 25) {
        for (; i < n && ((skip + i) & 7) != 0; i++)
            out[i] = (uint32_t)bits_at(src, (skip + i) * width, mask);
        int64_t n_eights = (n - i) & ~(int64_t)7;
        unpack_avx2(src + (skip + i) / 8 * width, width, n_eights, out + i);
        i += n_eights;
    }
#endif
    for (; i < n; i++)
        out[i] = (uint32_t)bits_at(src, (skip + i) * width, mask);
}

void mr__unpack_u64(const uint8_t *src, int width, int64_t skip, int64_t n, uint64_t *out)
{
    if (width == 0) {
        memset(out, 0, (size_t)n * 8);
        return;
    }
    uint64_t mask = width == 64 ? UINT64_MAX : (UINT64_C(1) << width) - 1;
    for (int64_t i = 0; i < n; i++) {
        int64_t bit = (skip + i) * width;
        int shift = (int)(bit & 7);
        uint64_t word = load_u64(src + (bit >> 3)) >> shift;
        if (width > 57 && shift)
            word |= (uint64_t)src[(bit >> 3) + 8] << (64 - shift);
        out[i] = word & mask;
    }
}

/* Varints here are at most 5 bytes for runs and 10 for deltas. */
static bool varint_read(const uint8_t **at, const uint8_t *end, uint64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64 && *at < end; shift += 7) {
        uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    return false;
}

void mr__rle_init(MrRle *rle, const uint8_t *data, const uint8_t *end, int width)
{
    *rle = (MrRle){.at = data, .end = end, .width = width};
}

/* Turns to the next run; false: there is none. */
static bool rle_next(MrRle *rle)
{
    uint64_t head;
    if (!varint_read(&rle->at, rle->end, &head) || head > UINT32_MAX)
        return false;
    if (head & 1) {
        int64_t n = (int64_t)(head >> 1) * 8, size = (int64_t)(head >> 1) * rle->width;
        int64_t left = rle->end - rle->at;
        if (size > left) { /* a last group that is cut: some writers do it */
            n = left * 8 / rle->width;
            size = left;
        }
        rle->packed = rle->at;
        rle->packed_at = 0;
        rle->run_left = n;
        rle->at += size;
        return true;
    }
    int n_bytes = (rle->width + 7) / 8;
    if (rle->end - rle->at < n_bytes)
        return false;
    rle->run_value = 0;
    for (int i = 0; i < n_bytes; i++)
        rle->run_value |= (uint32_t)rle->at[i] << (8 * i);
    if (rle->width < 32 && rle->run_value >> rle->width)
        return false;
    rle->at += n_bytes;
    rle->packed = NULL;
    rle->run_left = (int64_t)(head >> 1);
    return true;
}

bool mr__rle_read(MrRle *rle, int64_t n, uint32_t *out)
{
    while (n > 0) {
        if (rle->run_left == 0) {
            if (!rle_next(rle))
                return false;
            continue;
        }
        int64_t k = n < rle->run_left ? n : rle->run_left;
        if (rle->packed) {
            mr__unpack_u32(rle->packed, rle->width, rle->packed_at, k, out);
            rle->packed_at += k;
        } else {
            for (int64_t i = 0; i < k; i++)
                out[i] = rle->run_value;
        }
        rle->run_left -= k;
        out += k;
        n -= k;
    }
    return true;
}

bool mr__rle_read_u8(MrRle *rle, int64_t n, uint8_t *out)
{
    while (n > 0) {
        if (rle->run_left == 0) {
            if (!rle_next(rle))
                return false;
            continue;
        }
        int64_t k = n < rle->run_left ? n : rle->run_left;
        if (rle->packed) {
            uint64_t mask = (UINT64_C(1) << rle->width) - 1;
            for (int64_t i = 0; i < k; i++)
                out[i] = (uint8_t)bits_at(rle->packed, (rle->packed_at + i) * rle->width, mask);
            rle->packed_at += k;
        } else {
            memset(out, (int)rle->run_value, (size_t)k);
        }
        rle->run_left -= k;
        out += k;
        n -= k;
    }
    return true;
}

bool mr__rle_skip(MrRle *rle, int64_t n)
{
    while (n > 0) {
        if (rle->run_left == 0) {
            if (!rle_next(rle))
                return false;
            continue;
        }
        int64_t k = n < rle->run_left ? n : rle->run_left;
        rle->packed_at += k;
        rle->run_left -= k;
        n -= k;
    }
    return true;
}

/* Sets or clears n <= 57 bits at a place. */
static void bits_put(uint64_t *bits, int64_t at, uint64_t value, int64_t n)
{
    uint64_t mask = (UINT64_C(1) << n) - 1;
    int64_t word = at >> 6, shift = at & 63;
    bits[word] = (bits[word] & ~(mask << shift)) | value << shift;
    if (shift + n > 64)
        bits[word + 1] = (bits[word + 1] & ~(mask >> (64 - shift))) | value >> (64 - shift);
}

bool mr__rle_read_bits(MrRle *rle, int64_t n, uint64_t *bits, int64_t at, int64_t *n_set)
{
    while (n > 0) {
        if (rle->run_left == 0) {
            if (!rle_next(rle))
                return false;
            continue;
        }
        int64_t k = n < rle->run_left ? n : rle->run_left;
        for (int64_t done = 0; done < k;) {
            int64_t step = k - done < 56 ? k - done : 56;
            uint64_t mask = (UINT64_C(1) << step) - 1;
            uint64_t value = rle->packed      ? bits_at(rle->packed, rle->packed_at + done, mask)
                             : rle->run_value ? mask
                                              : 0;
            bits_put(bits, at + done, value, step);
            *n_set += __builtin_popcountll(value);
            done += step;
        }
        rle->packed_at += k;
        rle->run_left -= k;
        at += k;
        n -= k;
    }
    return true;
}

bool mr__delta_init(MrDelta *delta, const uint8_t *data, const uint8_t *end)
{
    uint64_t block_values, n_minis, n_values, first;
    *delta = (MrDelta){.at = data, .end = end, .first = true};
    if (!varint_read(&delta->at, end, &block_values) || !varint_read(&delta->at, end, &n_minis) ||
        !varint_read(&delta->at, end, &n_values) || !varint_read(&delta->at, end, &first))
        return false;
    /* The format asks for blocks of multiples of 128 and miniblocks of multiples of 32. */
    if (block_values == 0 || block_values > 1 << 20 || n_minis == 0 || n_minis > block_values ||
        block_values % n_minis != 0 || block_values / n_minis % 8 != 0 || n_values > INT32_MAX)
        return false;
    delta->block_values = (int64_t)block_values;
    delta->mini_values = (int64_t)(block_values / n_minis);
    delta->n_minis = (int32_t)n_minis;
    delta->n_left = (int64_t)n_values;
    delta->last = (first >> 1) ^ -(first & 1);
    return true;
}

/* Turns to the next miniblock. */
static bool delta_next(MrDelta *delta)
{
    if (delta->block_left == 0) {
        uint64_t min;
        if (!varint_read(&delta->at, delta->end, &min) || delta->end - delta->at < delta->n_minis)
            return false;
        delta->min_delta = (min >> 1) ^ -(min & 1);
        delta->widths = delta->at;
        delta->at += delta->n_minis;
        delta->mini_idx = 0;
        delta->block_left = delta->block_values;
    } else {
        delta->mini_idx++;
    }
    int width = delta->widths[delta->mini_idx];
    if (width > 64)
        return false;
    int64_t size = delta->mini_values / 8 * width, left = delta->end - delta->at;
    delta->mini_left = delta->mini_values;
    if (size > left) { /* the last miniblock may be cut behind its last value */
        if (delta->n_left > left * 8 / width)
            return false;
        size = left;
    }
    delta->packed = delta->at;
    delta->at += size;
    delta->width = width;
    delta->mini_at = 0;
    delta->block_left -= delta->mini_values;
    return true;
}

bool mr__delta_read(MrDelta *delta, int64_t n, int64_t *out)
{
    if (n > delta->n_left)
        return false;
    if (n > 0 && delta->first) {
        *out++ = (int64_t)delta->last;
        delta->first = false;
        delta->n_left--;
        n--;
    }
    while (n > 0) {
        if (delta->mini_left == 0) {
            if (!delta_next(delta))
                return false;
            continue;
        }
        int64_t k = n < delta->mini_left ? n : delta->mini_left;
        mr__unpack_u64(delta->packed, delta->width, delta->mini_at, k, (uint64_t *)out);
        uint64_t last = delta->last, min = delta->min_delta;
        for (int64_t i = 0; i < k; i++) {
            last += min + (uint64_t)out[i];
            out[i] = (int64_t)last;
        }
        delta->last = last;
        delta->mini_at += k;
        delta->mini_left -= k;
        delta->n_left -= k;
        out += k;
        n -= k;
    }
    return true;
}

bool mr__delta_skip(MrDelta *delta, int64_t n)
{
    int64_t values[256];
    while (n > 0) {
        int64_t k = n < 256 ? n : 256;
        if (!mr__delta_read(delta, k, values))
            return false;
        n -= k;
    }
    return true;
}

const uint8_t *mr__delta_end(const MrDelta *delta)
{
    return delta->at;
}
