/* groups.h - a hash table of packed rows: the groups of an aggregate, the rows of a distinct.
 *
 * A row is its key columns, then extra bytes: the hash, and whatever the owner keeps there
 * (states). Slots hold a 16-bit salt and a 48-bit pointer; rows never move, so that pointers to
 * them stay good. */
#ifndef MR_EXEC_GROUPS_H
#define MR_EXEC_GROUPS_H

#include "column/row.h"

#define MR_GROUP_HASH_BYTES 16 /* hash, and 8 bytes of the owner's */

typedef struct MrGroupLayout {
    MrRowLayout rows;  /* the key columns */
    int32_t hash_at;   /* uint64_t */
    int32_t user_at;   /* int64_t, for the owner */
    int32_t states_at; /* aligned to 16 */
    int32_t row_bytes; /* multiple of 16 */
} MrGroupLayout;

/* state_bytes: behind the hash, zeroed in new rows. */
void mr__group_layout_init(MrGroupLayout *layout, MrArena *arena, const MrType *const *types,
                           int32_t n_keys, int64_t state_bytes);

typedef struct MrGroups {
    const MrGroupLayout *layout;
    MrBudget *budget;
    MrArena arena; /* rows, their strings, and what states keep */
    uint64_t *slots;
    int64_t n_slots; /* power of two, or 0 */
    int64_t n_used;  /* slots that are not empty */
    int64_t n_rows;
    bool is_partial; /* not every row has a slot, or some slot a row from elsewhere */
    char **blocks;
    int64_t n_blocks, cap_blocks;
    int32_t rows_per_block;
    uint16_t pending[MR_BATCH_ROWS], fresh_sel[MR_BATCH_ROWS], compare_sel[MR_BATCH_ROWS],
        compare_of[MR_BATCH_ROWS];
    void *fresh_rows[MR_BATCH_ROWS];
    const void *compare_rows[MR_BATCH_ROWS];
    uint8_t equal[MR_BATCH_ROWS];
    uint32_t place[MR_BATCH_ROWS];
} MrGroups;

void mr__groups_init(MrGroups *groups, const MrGroupLayout *layout, MrBudget *budget);
void mr__groups_deinit(MrGroups *groups);
void mr__groups_clear(MrGroups *groups); /* empty again */
/* The rows stay, but none of them is found any more: a key that comes again gets a new row. */
void mr__groups_forget(MrGroups *groups);
/* The same, and no key will come: gives the memory of the slots back. */
void mr__groups_drop_slots(MrGroups *groups);

static inline char *mr__groups_row(const MrGroups *groups, int64_t i)
{
    return groups->blocks[i / groups->rows_per_block] +
           (i % groups->rows_per_block) * (int64_t)groups->layout->row_bytes;
}
static inline uint64_t mr__group_hash(const MrGroupLayout *layout, const char *row)
{
    uint64_t hash;
    memcpy(&hash, row + layout->hash_at, 8);
    return hash;
}
static inline int64_t *mr__group_user(const MrGroupLayout *layout, char *row)
{
    return (int64_t *)(void *)(row + layout->user_at);
}

/* rows[i]: the group of row sel[i] of the keys, made when it is new.  fresh: the i of the first row
 * of each new group, whose states the caller initialises.  hash[i] is mr_vector_hash over the keys.
 */
MR_MUST_USE MrStatus mr__groups_find(MrGroups *groups, MrVector *const *keys, const uint16_t *sel,
                                     int32_t n, const uint64_t *hash, char **rows, uint16_t *fresh,
                                     int32_t *n_fresh, MrError *err);
/* As find, but makes nothing: rows[i] NULL when there is no such group. */
void mr__groups_lookup(MrGroups *groups, MrVector *const *keys, const uint16_t *sel, int32_t n,
                       const uint64_t *hash, char **rows);
/* Rows that are not looked up: appended as they come, equal ones too. */
void mr__groups_append(MrGroups *groups, MrVector *const *cols, const uint16_t *sel, int32_t n,
                       const uint64_t *hash, char **rows);
/* Takes up a row of another table with the same layout, whose memory must live on.  Returns the row
 * that was here before it, or NULL when the row is in now.  Room was made with mr__groups_reserve.
 */
char *mr__groups_adopt(MrGroups *groups, char *row);
/* Brings the slot in which a row will be looked for into cache; the row's own hash must be there.
 */
static inline void mr__groups_prefetch_slot(const MrGroups *groups, const char *row)
{
    __builtin_prefetch(
        &groups->slots[mr__group_hash(groups->layout, row) & (uint64_t)(groups->n_slots - 1)]);
}
MR_MUST_USE MrStatus mr__groups_reserve(MrGroups *groups, int64_t n_more, MrError *err);
/* A row with this hash that equals row; it is not looked up again.  Takes its slot away. */
void mr__groups_remove(MrGroups *groups, const char *row);
/* Hash over several columns. */
void mr__hash_columns(MrVector *const *cols, int32_t n_cols, const uint16_t *sel, int32_t n,
                      uint64_t *hash);

#endif
