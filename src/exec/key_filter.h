/* key_filter.h - which keys the finished build of a join holds, for the scans of its probe side.
 *
 * A range (integers), and bits: one for each value of a small range, which is exact, or else a
 * Bloom filter of hashes.  It may let a row pass that has no partner, never the other way round;
 * NULLs do not pass.  plan/runtime_filter.c says which joins fill one and which scans ask it. */
#ifndef MR_EXEC_KEY_FILTER_H
#define MR_EXEC_KEY_FILTER_H

#include "column/batch.h"

/* Of the keys seen so far, as int64; min > max: none. */
typedef struct MrKeyRange {
    int64_t min, max;
    int64_t n_seen; /* rows, NULL or not */
} MrKeyRange;
#define MR_KEY_RANGE_NONE ((MrKeyRange){INT64_MAX, INT64_MIN, 0})
void mr__key_range_see(MrKeyRange *range, const MrVector *vec, const uint16_t *sel, int32_t n);
void mr__key_range_merge(MrKeyRange *range, const MrKeyRange *more);

typedef struct MrKeyFilter {
    MrBudget *budget;
    MrArena arena;             /* of the constants */
    const MrVector *min, *max; /* constants; NULL: the type has no range */
    int64_t from;              /* exact: value of bit 0 */
    uint64_t n_bits;           /* exact: bits in use, one more is there and clear; 0: Bloom */
    uint64_t *words;           /* NULL: the range is all that is known */
    int64_t n_words;
    bool is_empty; /* no key at all */
} MrKeyFilter;

/* n_keys: rows whose keys will be added, 0: no bits are wanted.  A refused budget costs the bits
 * only. */
MR_MUST_USE MrStatus mr__key_filter_create(MrBudget *budget, const MrType *type,
                                           const MrKeyRange *range, int64_t n_keys,
                                           MrKeyFilter **out, MrError *err);
void mr__key_filter_destroy(MrKeyFilter *filter); /* accepts NULL */
/* Rows 0 .. n-1 of a flat vector, n <= MR_BATCH_ROWS; several threads may add at once. */
void mr__key_filter_add(MrKeyFilter *filter, const MrVector *vec, int32_t n);
/* Share of rows that pass, at a guess; when all keys are in. */
double mr__key_filter_share(const MrKeyFilter *filter);
/* Those of the rows (sel or 0 .. n-1) whose key may be there, into out; returns how many.  out may
 * be sel. */
int32_t mr__key_filter_keep(const MrKeyFilter *filter, const MrVector *vec, const uint16_t *sel,
                            int32_t n, uint16_t *out);

#endif
