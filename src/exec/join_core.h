/* join_core.h - the built side of a join: packed rows, and buckets that find them by key.
 *
 * A bucket is a 48-bit pointer to a chain of rows and 16 bits of tags of their hashes, so that most
 * probes without a match end without touching a row. */
#ifndef MR_EXEC_JOIN_CORE_H
#define MR_EXEC_JOIN_CORE_H

#include "exec/row_heap.h"

typedef struct MrJoinRow { /* behind the columns of a built row */
    uint64_t hash;
    char *next;
    uint64_t flags;
} MrJoinRow;
#define MR_JOIN_MATCHED 1
#define MR_JOIN_NO_KEY 2 /* a key is NULL: kept for RIGHT and FULL, never found */

typedef struct MrJoinTable {
    MrRowLayout layout; /* key columns, then payload */
    MrRowLayout keys;   /* the same rows, key columns only */
    int32_t tail_at;    /* of MrJoinRow */
    uint64_t *buckets;
    int64_t n_buckets;
    MrBudget *budget;
} MrJoinTable;

void mr__join_table_init(MrJoinTable *table, MrArena *arena, MrBudget *budget,
                         const MrType *const *types, int32_t n_keys, int32_t n_cols);
void mr__join_table_deinit(MrJoinTable *table);
static inline MrJoinRow *mr__join_row(const MrJoinTable *table, char *row)
{
    return (MrJoinRow *)(void *)(row + table->tail_at);
}
/* Buckets for n_rows; empty. */
MR_MUST_USE MrStatus mr__join_table_size(MrJoinTable *table, int64_t n_rows, MrError *err);
/* Links rows [from, to) of a heap; several threads may do so at once, for different rows. */
void mr__join_table_insert(MrJoinTable *table, const MrRowHeap *heap, int64_t from, int64_t to);

#define MR_JOIN_POINTER ((UINT64_C(1) << 48) - 1)
static inline uint64_t mr__join_tag(uint64_t hash)
{
    return UINT64_C(1) << (48 + (hash >> 60));
}
/* First row of the chain that may hold the hash, or NULL. */
static inline char *mr__join_head(const MrJoinTable *table, uint64_t hash)
{
    uint64_t bucket = table->buckets[hash & (uint64_t)(table->n_buckets - 1)];
    return bucket & mr__join_tag(hash) ? (char *)(uintptr_t)(bucket & MR_JOIN_POINTER) : NULL;
}

#endif
