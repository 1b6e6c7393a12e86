/* vector_hash.c - hashes of rows for hash tables and shards.
 *
 * A value has one hash whatever its encoding: integers by value, zeros and NaNs made alike, strings
 * of up to 12 bytes as two words, longer ones by XXH3.  A further column is mixed into the hash of
 * the columns before it, so a dictionary is hashed once per distinct value and its hashes are
 * looked up. */
#include "base/hash.h"
#include "column/collation.h"
#include "column/vector.h"

#define NULL_WORD UINT64_C(0x6E756C6C6E756C6C)
#define NEST_WORD UINT64_C(0x6E65737465642121)
#define STRUCT_CHUNK 256

static inline uint64_t hash_mix(uint64_t before, uint64_t value)
{
    return (before << 23 | before >> 41) * UINT64_C(0x9E3779B97F4A7C15) ^ value;
}

static inline uint64_t hash_f64(double value, uint64_t seed)
{
    uint64_t bits;
    value = value == 0 ? 0.0 : value;                   /* -0.0 */
    value = value == value ? value : __builtin_nan(""); /* one NaN for all */
    memcpy(&bits, &value, 8);
    return mr_hash_u64(bits, seed);
}

static inline uint64_t hash_i128(MrI128 value, uint64_t seed)
{
    return mr_hash_u64((uint64_t)((MrU128)value >> 64), mr_hash_u64((uint64_t)value, seed));
}

static inline uint64_t hash_interval(MrInterval value, uint64_t seed)
{
    uint64_t head = (uint64_t)(uint32_t)value.months << 32 | (uint32_t)value.days;
    return mr_hash_u64((uint64_t)value.us, mr_hash_u64(head, seed));
}

static inline uint64_t hash_str(const MrStr *str, uint64_t seed)
{
    uint64_t words[2];
    if (str->size_bytes > MR_STR_INLINE)
        return mr_hash_bytes(str->data, str->size_bytes, seed);
    memcpy(words, str, 16);
    return mr_hash_u64(words[1], mr_hash_u64(words[0], seed));
}

static uint64_t hash_collated(const MrVector *vec, int64_t at, uint64_t seed)
{
    return mr_collation_hash(vec->type->collation, mr_str_text(&vec->str[at]), seed);
}

/* One row, any type. */
static uint64_t hash_row(const MrVector *vec, int64_t row, uint64_t seed)
{
    if (mr_vector_is_null(vec, row))
        return mr_hash_u64(NULL_WORD, seed);
    int64_t at;
    vec = mr_vector_at(vec, row, &at);
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_VOID:
        return mr_hash_u64(NULL_WORD, seed);
    case MR_PHYS_I8:
        return mr_hash_u64((uint64_t)vec->i8[at], seed);
    case MR_PHYS_I16:
        return mr_hash_u64((uint64_t)vec->i16[at], seed);
    case MR_PHYS_I32:
        return mr_hash_u64((uint64_t)vec->i32[at], seed);
    case MR_PHYS_I64:
        return mr_hash_u64((uint64_t)vec->i64[at], seed);
    case MR_PHYS_I128:
        return hash_i128(vec->i128[at], seed);
    case MR_PHYS_F32:
        return hash_f64(vec->f32[at], seed);
    case MR_PHYS_F64:
        return hash_f64(vec->f64[at], seed);
    case MR_PHYS_STR:
        return vec->type->collation ? hash_collated(vec, at, seed) : hash_str(&vec->str[at], seed);
    case MR_PHYS_INTERVAL:
        return hash_interval(vec->interval[at], seed);
    case MR_PHYS_LIST: {
        MrSlice slice = vec->list[at];
        uint64_t hash = mr_hash_u64((uint64_t)slice.count, seed);
        for (int32_t i = 0; i < slice.count; i++) {
            for (int32_t j = 0; j < vec->type->n_fields; j++)
                hash = hash_mix(hash, hash_row(vec->children[j], slice.start + i, seed));
        }
        return hash;
    }
    case MR_PHYS_STRUCT: {
        uint64_t hash = mr_hash_u64(NEST_WORD, seed);
        for (int32_t i = 0; i < vec->type->n_fields; i++)
            hash = hash_mix(hash, hash_row(vec->children[i], at, seed));
        return hash;
    }
    }
    return 0;
}

/* The loops: one for each of {all rows, selected rows} x {first column, further column}. */
#define HASH_LOOP(index, value)                                                                    \
    for (int64_t i = 0; i < n; i++) {                                                              \
        const int64_t r = (index);                                                                 \
        const uint64_t h = (value);                                                                \
        hash[i] = combine ? hash_mix(hash[i], h) : h;                                              \
    }
#define HASH_ROWS(value)                                                                           \
    do {                                                                                           \
        const uint64_t *valid = vec->validity;                                                     \
        const uint64_t null_hash = mr_hash_u64(NULL_WORD, seed);                                   \
        if (!valid) {                                                                              \
            if (sel)                                                                               \
                HASH_LOOP(sel[i], value)                                                           \
            else                                                                                   \
                HASH_LOOP(i, value)                                                                \
        } else {                                                                                   \
            if (sel)                                                                               \
                HASH_LOOP(sel[i], mr_bit_get(valid, r) ? (value) : null_hash)                      \
            else                                                                                   \
                HASH_LOOP(i, mr_bit_get(valid, r) ? (value) : null_hash)                           \
        }                                                                                          \
    } while (0)

static inline __attribute__((always_inline)) void hash_flat(const MrVector *vec,
                                                            const uint16_t *sel, int64_t n,
                                                            uint64_t seed, bool combine,
                                                            uint64_t *hash)
{
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_I8:
        HASH_ROWS(mr_hash_u64((uint64_t)vec->i8[r], seed));
        break;
    case MR_PHYS_I16:
        HASH_ROWS(mr_hash_u64((uint64_t)vec->i16[r], seed));
        break;
    case MR_PHYS_I32:
        HASH_ROWS(mr_hash_u64((uint64_t)vec->i32[r], seed));
        break;
    case MR_PHYS_I64:
        HASH_ROWS(mr_hash_u64((uint64_t)vec->i64[r], seed));
        break;
    case MR_PHYS_I128:
        HASH_ROWS(hash_i128(vec->i128[r], seed));
        break;
    case MR_PHYS_F32:
        HASH_ROWS(hash_f64(vec->f32[r], seed));
        break;
    case MR_PHYS_F64:
        HASH_ROWS(hash_f64(vec->f64[r], seed));
        break;
    case MR_PHYS_STR:
        if (vec->type->collation)
            HASH_ROWS(hash_collated(vec, r, seed));
        else
            HASH_ROWS(hash_str(&vec->str[r], seed));
        break;
    default:
        if (sel)
            HASH_LOOP(sel[i], hash_row(vec, r, seed))
        else
            HASH_LOOP(i, hash_row(vec, r, seed))
    }
}

/* A struct of flat rows, child by child over a piece of the rows at a time. */
static void hash_struct(const MrVector *vec, const uint16_t *sel, int64_t n, uint64_t seed,
                        bool combine, uint64_t *hash)
{
    uint64_t piece[STRUCT_CHUNK];
    uint16_t rows[STRUCT_CHUNK];
    const uint64_t struct_hash = mr_hash_u64(NEST_WORD, seed),
                   null_hash = mr_hash_u64(NULL_WORD, seed);
    for (int64_t from = 0; from < n; from += STRUCT_CHUNK) {
        int64_t n_piece = n - from < STRUCT_CHUNK ? n - from : STRUCT_CHUNK;
        for (int64_t i = 0; i < n_piece; i++) {
            rows[i] = sel ? sel[from + i] : (uint16_t)(from + i);
            piece[i] = struct_hash;
        }
        for (int32_t k = 0; k < vec->type->n_fields; k++)
            mr_vector_hash(vec->children[k], rows, n_piece, seed, true, piece);
        for (int64_t i = 0; i < n_piece; i++) {
            uint64_t h =
                vec->validity && !mr_bit_get(vec->validity, rows[i]) ? null_hash : piece[i];
            hash[from + i] = combine ? hash_mix(hash[from + i], h) : h;
        }
    }
}

/* Dictionaries that are no longer than the rows: their hashes first, then a look-up a row. */
static __attribute__((noinline)) void hash_dictionary(const MrVector *vec, const uint16_t *sel,
                                                      int64_t n, uint64_t seed, bool combine,
                                                      uint64_t *hash)
{
    uint64_t by_code[MR_BATCH_ROWS];
    mr_vector_hash(vec->dict, NULL, vec->dict->n_items, seed, false, by_code);
    HASH_ROWS(by_code[vec->codes[r]]);
}

void mr_vector_hash(const MrVector *vec, const uint16_t *sel, int64_t n, uint64_t seed,
                    bool combine, uint64_t *hash)
{
    if (vec->encoding == MR_CONSTANT || vec->type->kind == MR_TYPE_VOID) {
        const uint64_t h = hash_row(vec, 0, seed);
        for (int64_t i = 0; i < n; i++)
            hash[i] = combine ? hash_mix(hash[i], h) : h;
    } else if (vec->encoding == MR_DICTIONARY) {
        if (vec->dict->n_items <= MR_BATCH_ROWS && vec->dict->n_items <= n)
            hash_dictionary(vec, sel, n, seed, combine, hash);
        else
            HASH_ROWS(hash_row(vec->dict, vec->codes[r], seed));
    } else if (mr_type_physical(vec->type) == MR_PHYS_STRUCT && (sel || n <= UINT16_MAX)) {
        hash_struct(vec, sel, n, seed, combine, hash);
    } else if (combine) {
        hash_flat(vec, sel, n, seed, true, hash);
    } else {
        hash_flat(vec, sel, n, seed, false, hash);
    }
}
