/* hash.h - checksums and hashes: one for tables (seeded), Spark's for results, CRC32C for files. */
#ifndef MR_BASE_HASH_H
#define MR_BASE_HASH_H

#include <stdint.h>

/* Table hash of one word: a multiply and a fold.  Not stable between versions; never stored. */
static inline uint64_t mr_hash_u64(uint64_t value, uint64_t seed)
{
    __extension__ unsigned __int128 product =
        (unsigned __int128)(value ^ seed ^ UINT64_C(0x9E3779B97F4A7C15)) *
        UINT64_C(0xA0761D6478BD642F);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}
uint64_t mr_hash_bytes(const void *data, int64_t size_bytes, uint64_t seed); /* XXH3 */

/* Stable: shards of keyed state, file names. */
uint64_t mr_hash_stable(const void *data, int64_t size_bytes, uint64_t seed); /* XXH64 */

/* Spark's hash(): Murmur3 x86 32, whose tail is mixed byte by byte as Spark does. */
uint32_t mr_murmur3_bytes(const void *data, int64_t size_bytes, uint32_t seed);
uint32_t mr_murmur3_i32(int32_t value, uint32_t seed);
uint32_t mr_murmur3_i64(int64_t value, uint32_t seed);

/* Castagnoli; crc 0 to begin, or the CRC of what came before. */
uint32_t mr_crc32c(const void *data, int64_t size_bytes, uint32_t crc);

#endif
