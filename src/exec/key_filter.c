/* key_filter.c - see key_filter.h. */
#include "exec/key_filter.h"

#define HASH_SEED UINT64_C(0x6b6579)
#define EXACT_SMALL_BITS (INT64_C(1) << 18) /* always worth it: 32 KiB                  */
#define EXACT_BITS_A_KEY 128                /* eight times what the Bloom filter takes  */
#define BLOOM_KEYS_A_WORD 4                 /* 16 bits a key: one in a hundred is wrong */
#define BLOOM_MIN_WORDS 512                 /* few keys: next to none is wrong          */
#define MAX_WORDS ((INT64_C(16) << 20) / (int64_t)sizeof(uint64_t))

/* -- the range -------------------------------------------------------------------------------- */

static bool has_range(const MrType *type)
{
    switch (mr_type_physical(type)) {
    case MR_PHYS_I8:
    case MR_PHYS_I16:
    case MR_PHYS_I32:
    case MR_PHYS_I64:
        return true;
    default:
        return false;
    }
}

#define RANGE_LOOP(field)                                                                          \
    for (int32_t i = 0; i < n; i++) {                                                              \
        int64_t row = sel ? sel[i] : i, value = vec->field[row];                                   \
        bool valid = !vec->validity || mr_bit_get(vec->validity, row);                             \
        min = valid && value < min ? value : min;                                                  \
        max = valid && value > max ? value : max;                                                  \
    }

void mr__key_range_see(MrKeyRange *range, const MrVector *vec, const uint16_t *sel, int32_t n)
{
    int64_t min = range->min, max = range->max;
    range->n_seen += n;
    if (!has_range(vec->type) || n == 0)
        return;
    if (vec->encoding != MR_FLAT) {
        for (int32_t i = 0; i < n; i++) {
            int64_t row = sel ? sel[i] : i, at;
            if (mr_vector_is_null(vec, row))
                continue;
            const MrVector *holder = mr_vector_at(vec, row, &at);
            int64_t value = mr_vector_integer(holder, at);
            min = value < min ? value : min;
            max = value > max ? value : max;
        }
    } else {
        switch (mr_type_physical(vec->type)) {
        case MR_PHYS_I8:
            RANGE_LOOP(i8)
            break;
        case MR_PHYS_I16:
            RANGE_LOOP(i16)
            break;
        case MR_PHYS_I32:
            RANGE_LOOP(i32)
            break;
        default:
            RANGE_LOOP(i64)
            break;
        }
    }
    range->min = min;
    range->max = max;
}

void mr__key_range_merge(MrKeyRange *range, const MrKeyRange *more)
{
    range->min = more->min < range->min ? more->min : range->min;
    range->max = more->max > range->max ? more->max : range->max;
    range->n_seen += more->n_seen;
}

/* -- life ------------------------------------------------------------------------------------- */

static const MrVector *int_constant(MrArena *arena, const MrType *type, int64_t value)
{
    int8_t i8 = (int8_t)value;
    int16_t i16 = (int16_t)value;
    int32_t i32 = (int32_t)value;
    switch (mr_type_physical(type)) {
    case MR_PHYS_I8:
        return mr_vector_constant(arena, type, &i8);
    case MR_PHYS_I16:
        return mr_vector_constant(arena, type, &i16);
    case MR_PHYS_I32:
        return mr_vector_constant(arena, type, &i32);
    default:
        return mr_vector_constant(arena, type, &value);
    }
}

/* How many words, and whether a bit stands for one value. */
static void bits_plan(MrKeyFilter *filter, bool ranged, const MrKeyRange *range, int64_t n_keys)
{
    uint64_t span = (uint64_t)range->max - (uint64_t)range->min;
    filter->n_words = (n_keys + BLOOM_KEYS_A_WORD - 1) / BLOOM_KEYS_A_WORD;
    if (filter->n_words < BLOOM_MIN_WORDS)
        filter->n_words = BLOOM_MIN_WORDS;
    if (ranged && span < (uint64_t)MAX_WORDS * 64 - 2 &&
        (span < (uint64_t)EXACT_SMALL_BITS || span / EXACT_BITS_A_KEY < (uint64_t)n_keys)) {
        filter->from = range->min;
        filter->n_bits = span + 1;
        filter->n_words = (int64_t)(filter->n_bits / 64) + 1;
    }
}

MrStatus mr__key_filter_create(MrBudget *budget, const MrType *type, const MrKeyRange *range,
                               int64_t n_keys, MrKeyFilter **out, MrError *err)
{
    void *block = NULL;
    MR_TRY(mr_budget_alloc_zeroed(budget, (int64_t)sizeof(MrKeyFilter), &block, err));
    MrKeyFilter *filter = block;
    bool ranged = has_range(type);
    filter->budget = budget;
    mr_arena_init(&filter->arena, budget);
    filter->is_empty = range->n_seen == 0 || (ranged && range->min > range->max);
    *out = filter;
    if (filter->is_empty)
        return MR_OK;
    MrStatus guarded = MR_OK;
    MR_GUARD_BEGIN(guarded, err)
        if (ranged) {
            filter->min = int_constant(&filter->arena, type, range->min);
            filter->max = int_constant(&filter->arena, type, range->max);
        }
    MR_GUARD_END(guarded)
    if (guarded != MR_OK) {
        mr__key_filter_destroy(filter);
        *out = NULL;
        return guarded;
    }
    if (n_keys == 0)
        return MR_OK;
    bits_plan(filter, ranged, range, n_keys);
    MrError refused;
    block = NULL;
    if (filter->n_words > MAX_WORDS ||
        mr_budget_alloc_zeroed(budget, filter->n_words * (int64_t)sizeof(uint64_t), &block,
                               &refused) != MR_OK)
        filter->n_bits = 0;
    filter->words = block;
    return MR_OK;
}

void mr__key_filter_destroy(MrKeyFilter *filter)
{
    if (!filter)
        return;
    mr_budget_free(filter->budget, filter->words, filter->n_words * (int64_t)sizeof(uint64_t));
    mr_arena_deinit(&filter->arena);
    mr_budget_free(filter->budget, filter, (int64_t)sizeof *filter);
}

/* -- the bits --------------------------------------------------------------------------------- */

static inline uint64_t bloom_bits(uint64_t hash)
{
    return UINT64_C(1) << (hash & 63) | UINT64_C(1) << (hash >> 6 & 63) |
           UINT64_C(1) << (hash >> 12 & 63) | UINT64_C(1) << (hash >> 18 & 63);
}
static inline uint64_t bloom_word(const MrKeyFilter *filter, uint64_t hash)
{
    return ((hash >> 32) * (uint64_t)filter->n_words) >> 32;
}

/* Many rows of a key are the same: look before the bus is locked. */
static inline void word_set(uint64_t *word, uint64_t bits)
{
    if ((__atomic_load_n(word, __ATOMIC_RELAXED) & bits) != bits)
        __atomic_fetch_or(word, bits, __ATOMIC_RELAXED); /* read in a later phase */
}

void mr__key_filter_add(MrKeyFilter *filter, const MrVector *vec, int32_t n)
{
    uint64_t hash[MR_BATCH_ROWS];
    if (!filter->words)
        return;
    if (filter->n_bits == 0)
        mr_vector_hash(vec, NULL, n, HASH_SEED, false, hash);
    for (int32_t i = 0; i < n; i++) {
        if (vec->validity && !mr_bit_get(vec->validity, i))
            continue;
        if (filter->n_bits == 0) {
            word_set(&filter->words[bloom_word(filter, hash[i])], bloom_bits(hash[i]));
        } else {
            uint64_t bit = (uint64_t)mr_vector_integer(vec, i) - (uint64_t)filter->from;
            word_set(&filter->words[bit >> 6], UINT64_C(1) << (bit & 63));
        }
    }
}

double mr__key_filter_share(const MrKeyFilter *filter)
{
    int64_t n_set = 0;
    if (filter->n_bits == 0)
        return 0.5;
    for (int64_t w = 0; w < filter->n_words; w++)
        n_set += __builtin_popcountll(filter->words[w]);
    return (double)n_set / (double)filter->n_bits;
}

#define KEEP_LOOP(field)                                                                           \
    for (int32_t i = 0; i < n; i++) {                                                              \
        const uint16_t row = sel ? sel[i] : (uint16_t)i;                                           \
        uint64_t bit = (uint64_t)(int64_t)vec->field[row] - from;                                  \
        bit = bit < n_bits ? bit : n_bits;                                                         \
        out[n_kept] = row;                                                                         \
        n_kept += (int32_t)(words[bit >> 6] >> (bit & 63) & 1);                                    \
    }

static int32_t keep_exact(const MrKeyFilter *filter, const MrVector *vec, const uint16_t *sel,
                          int32_t n, uint16_t *out)
{
    const uint64_t from = (uint64_t)filter->from, n_bits = filter->n_bits, *words = filter->words;
    int32_t n_kept = 0;
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_I8:
        KEEP_LOOP(i8)
        break;
    case MR_PHYS_I16:
        KEEP_LOOP(i16)
        break;
    case MR_PHYS_I32:
        KEEP_LOOP(i32)
        break;
    default:
        KEEP_LOOP(i64)
        break;
    }
    return n_kept;
}

static int32_t keep_bloom(const MrKeyFilter *filter, const MrVector *vec, const uint16_t *sel,
                          int32_t n, uint16_t *out)
{
    uint64_t hash[MR_BATCH_ROWS];
    int32_t n_kept = 0;
    mr_vector_hash(vec, sel, n, HASH_SEED, false, hash);
    for (int32_t i = 0; i < n; i++) {
        uint64_t bits = bloom_bits(hash[i]);
        out[n_kept] = sel ? sel[i] : (uint16_t)i;
        n_kept += (filter->words[bloom_word(filter, hash[i])] & bits) == bits;
    }
    return n_kept;
}

static int32_t keep_valid(const MrVector *vec, const uint16_t *sel, int32_t n, uint16_t *out)
{
    int32_t n_kept = 0;
    for (int32_t i = 0; i < n; i++) {
        const uint16_t row = sel ? sel[i] : (uint16_t)i;
        out[n_kept] = row;
        n_kept += !mr_vector_is_null(vec, row);
    }
    return n_kept;
}

static bool may_have_nulls(const MrVector *vec)
{
    return vec->validity || vec->type->kind == MR_TYPE_VOID ||
           (vec->encoding == MR_DICTIONARY && vec->dict->validity);
}

int32_t mr__key_filter_keep(const MrKeyFilter *filter, const MrVector *vec, const uint16_t *sel,
                            int32_t n, uint16_t *out)
{
    if (filter->is_empty || n == 0)
        return 0;
    if (may_have_nulls(vec)) {
        n = keep_valid(vec, sel, n, out);
        sel = out;
    }
    bool exact = filter->n_bits > 0 && vec->encoding == MR_FLAT;
    if (exact)
        return keep_exact(filter, vec, sel, n, out);
    if (filter->words && filter->n_bits == 0)
        return keep_bloom(filter, vec, sel, n, out);
    if (filter->words && vec->encoding == MR_CONSTANT && n > 0) {
        MrVector flat = *vec;
        uint16_t zero = 0;
        flat.encoding = MR_FLAT;
        if (keep_exact(filter, &flat, NULL, 1, &zero) == 0)
            return 0;
    }
    if (sel != out)
        for (int32_t i = 0; i < n; i++)
            out[i] = sel ? sel[i] : (uint16_t)i;
    return n;
}
