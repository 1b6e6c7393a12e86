/* sort_core.h - rows in, an ordered run out; several runs merged.
 *
 * A row is sorted by its normalized key, whose bytes compare as the rows do; the first eight stand
 * in the entry as a number.  Sorting is stable. */
#ifndef MR_EXEC_SORT_CORE_H
#define MR_EXEC_SORT_CORE_H

#include "exec/row_heap.h"
#include "exec/spill.h"

typedef struct MrSortEntry {
    uint64_t head;      /* first 8 bytes of the key, big-endian, zero-padded */
    const uint8_t *key; /* whole key */
    int64_t key_bytes;
    char *row;
} MrSortEntry;

/* A sorted part of a run on disk, being read: the next entry, and its row as it is stored. */
typedef struct MrSortSpilled {
    MrSpillBlock *blocks;
    int64_t n_blocks, cap_blocks, block_at, block_bytes;
    MrBuffer buf;
    MrReader reader; /* behind the entry */
    MrSortEntry entry;
    MrText row;
    bool open, at_end;
} MrSortSpilled;

typedef struct MrSortRun {
    const MrRowLayout *layout;
    const MrSortSpec *specs;
    int32_t n_keys;
    int64_t limit; /* only the first rows are wanted; INT64_MAX: all */
    MrBudget *budget;
    MrRowHeap heap;
    MrArena arena; /* scratch and entries */
    MrArena scratch;
    MrSortEntry *entries;
    int64_t n_entries, entries_bytes;
    bool fixed; /* keys have one size */
    int32_t key_bytes;
    MrBuffer key;
    bool full; /* limit rows are there: cutoff is the last of them */
    MrSortEntry cutoff;
    MrSpill spill;
    MrArena spill_arena; /* spilled parts and their lists */
    MrSortSpilled **spilled;
    int64_t n_spilled, cap_spilled;
    MrSortEntry fresh[MR_BATCH_ROWS];
    uint16_t sel[MR_BATCH_ROWS];
    uint8_t *keys[MR_BATCH_ROWS];
    char *rows[MR_BATCH_ROWS];
} MrSortRun;

void mr__sort_run_init(MrSortRun *run, const MrRowLayout *layout, MrExpr *const *keys,
                       const MrSortSpec *specs, int32_t n_keys, int64_t limit, MrBudget *budget);
void mr__sort_run_deinit(MrSortRun *run);
/* cols: what is kept of each row; keys: what it is sorted by. */
MR_MUST_USE MrStatus mr__sort_run_add(MrSortRun *run, MrVector *const *cols, MrVector *const *keys,
                                      const uint16_t *sel, int32_t n, MrError *err);
/* Puts the entries in order; more may be added and it may be called again. */
MR_MUST_USE MrStatus mr__sort_run_finish(MrSortRun *run, MrError *err);

/* Sorts what is in memory, writes it to disk and forgets it. */
MR_MUST_USE MrStatus mr__sort_run_spill(MrSortRun *run, const MrOpContext *context, MrError *err);
/* What it holds, without the room for rows to come. */
static inline int64_t mr__sort_run_bytes(const MrSortRun *run)
{
    const MrRowHeap *heap = &run->heap;
    int64_t n_free = heap->n_blocks * heap->rows_per_block - heap->n_rows;
    return heap->arena.used_bytes - n_free * heap->layout->row_bytes + run->arena.used_bytes +
           run->entries_bytes;
}
void mr__sort_run_close_spill(MrSortRun *run, const MrOpContext *context);

/* The spilled parts of some runs of one layout in one order; equal rows in the order of the runs.
 */
typedef struct MrSortMerge { /* zeroed: closed */
    const MrOpContext *context;
    MrArena arena;
    struct MrSortSource {
        MrSortRun *run;
        MrSortSpilled *part;
    } * sources;
    int32_t *heap, n_heap; /* places of sources, the least first */
    bool open;
} MrSortMerge;

/* Everything in the runs was spilled. room_bytes: for the blocks that are read at the same time;
 * more parts than fit are merged with each other first. */
MR_MUST_USE MrStatus mr__sort_merge_open(MrSortMerge *merge, const MrOpContext *context,
                                         MrSortRun *const *runs, int32_t n_runs, int64_t room_bytes,
                                         MrError *err);
void mr__sort_merge_close(MrSortMerge *merge);
static inline bool mr__sort_merge_more(const MrSortMerge *merge)
{
    return merge->n_heap > 0;
}
/* Takes the least row: into row `at` of cols (NULL: nowhere). */
MR_MUST_USE MrStatus mr__sort_merge_next(MrSortMerge *merge, MrArena *arena, MrVector **cols,
                                         int64_t at, MrError *err);

static inline int mr__sort_compare(const MrSortEntry *a, const MrSortEntry *b)
{
    if (a->head != b->head)
        return a->head < b->head ? -1 : 1;
    int64_t n = a->key_bytes < b->key_bytes ? a->key_bytes : b->key_bytes;
    int c = n > 8 ? memcmp(a->key + 8, b->key + 8, (size_t)(n - 8)) : 0;
    return c != 0 ? c : (a->key_bytes > b->key_bytes) - (a->key_bytes < b->key_bytes);
}
/* Sorts entries; scratch has room for half of them. */
void mr__sort_entries(MrSortEntry *entries, MrSortEntry *scratch, int64_t n);

#endif
