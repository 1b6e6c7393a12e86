/* hash.c - XXH3 and XXH64 from the xxhash header, Spark's Murmur3, CRC32C. */
#include "base/hash.h"
#include "base/arena.h"
#include <string.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t mr_hash_bytes(const void *data, int64_t size_bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(data, (size_t)size_bytes, seed);
}

uint64_t mr_hash_stable(const void *data, int64_t size_bytes, uint64_t seed)
{
    return XXH64(data, (size_t)size_bytes, seed);
}

static inline uint32_t rotate_left(uint32_t x, int n)
{
    return (x << n) | (x >> (32 - n));
}

static inline uint32_t murmur3_mix(uint32_t hash, uint32_t word)
{
    word *= UINT32_C(0xcc9e2d51);
    word = rotate_left(word, 15);
    word *= UINT32_C(0x1b873593);
    hash ^= word;
    hash = rotate_left(hash, 13);
    return hash * 5 + UINT32_C(0xe6546b64);
}

static inline uint32_t murmur3_end(uint32_t hash, uint32_t size_bytes)
{
    hash ^= size_bytes;
    hash ^= hash >> 16;
    hash *= UINT32_C(0x85ebca6b);
    hash ^= hash >> 13;
    hash *= UINT32_C(0xc2b2ae35);
    return hash ^ (hash >> 16);
}

uint32_t mr_murmur3_i32(int32_t value, uint32_t seed)
{
    return murmur3_end(murmur3_mix(seed, (uint32_t)value), 4);
}

uint32_t mr_murmur3_i64(int64_t value, uint32_t seed)
{
    uint32_t hash = murmur3_mix(seed, (uint32_t)value);
    return murmur3_end(murmur3_mix(hash, (uint32_t)((uint64_t)value >> 32)), 8);
}

uint32_t mr_murmur3_bytes(const void *data, int64_t size_bytes, uint32_t seed)
{
    const uint8_t *bytes = data;
    uint32_t hash = seed;
    int64_t i = 0;
    while (i + 4 <= size_bytes) {
        int64_t end = mr_poll_piece(i, size_bytes);
        for (; i + 4 <= end; i += 4) {
            uint32_t word;
            memcpy(&word, bytes + i, 4);
            hash = murmur3_mix(hash, word);
        }
    }
    for (; i < size_bytes; i++) /* Spark's own tail: each byte is a signed word */
        hash = murmur3_mix(hash, (uint32_t)(int32_t)(int8_t)bytes[i]);
    return murmur3_end(hash, (uint32_t)size_bytes);
}

static const uint32_t crc32c_table[256] = {
#include "base/crc32c_table.inc.h"
};

static uint32_t crc32c_plain(const uint8_t *bytes, int64_t size_bytes, uint32_t crc)
{
    for (int64_t i = 0; i < size_bytes; i++)
        crc = (crc >> 8) ^ crc32c_table[(crc ^ bytes[i]) & 0xff];
    return crc;
}

#ifdef __x86_64__
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse(const uint8_t *bytes,
                                                             int64_t size_bytes, uint32_t crc)
{
    uint64_t wide = crc;
    int64_t i = 0;
    for (; i + 8 <= size_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, 8);
        wide = __builtin_ia32_crc32di(wide, word);
    }
    crc = (uint32_t)wide;
    for (; i < size_bytes; i++)
        crc = __builtin_ia32_crc32qi(crc, bytes[i]);
    return crc;
}
#endif

uint32_t mr_crc32c(const void *data, int64_t size_bytes, uint32_t crc)
{
#ifdef __x86_64__
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_sse(data, size_bytes, ~crc);
#endif
    return ~crc32c_plain(data, size_bytes, ~crc);
}
