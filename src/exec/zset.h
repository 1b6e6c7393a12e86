/* zset.h - a multiset of rows with weights that a stream keeps: inputs of a recompute, sides of a
 * join. */
#ifndef MR_EXEC_ZSET_H
#define MR_EXEC_ZSET_H

#include "exec/batch_list.h"
#include "exec/groups.h"
#include "state/state.h"

/* Behind the columns of a row; the weight is the group's user word. */
typedef struct MrZRow {
    int64_t before;  /* weight at the last epoch's end, for what is diffed; of a join's row: the
                        weight under which the row alone (its columns, NULLs) was given out */
    int64_t matches; /* of a join that counts: the weights of the rows that match it */
    char *next;      /* of a chain of the owner                            */
    int64_t number;  /* rises from row to row as they come: an order that outlives the process */
    int64_t dirty;   /* number of the epoch that changed it                */
    uint64_t hash;   /* of the owner                                       */
    int64_t gone;    /* it was removed                                     */
} MrZRow;

typedef struct MrZSet {
    MrArena arena; /* layout */
    MrGroupLayout layout;
    MrGroups groups;
    const MrType **types;
    int32_t n_cols;
    MrBudget *budget;
    bool open;
    bool counts; /* matches and before belong to the state */
    int64_t last_number;
    int64_t n_removed; /* in this epoch */
    int64_t n_gone;    /* rows that were removed: their memory returns when the set is compacted */
    char **dirty;      /* rows changed in this epoch */
    int64_t n_dirty, cap_dirty;
    MrArena scratch; /* of the epoch */
    int64_t epoch;
    uint64_t hash[MR_BATCH_ROWS];
    char *rows[MR_BATCH_ROWS];
    uint16_t fresh[MR_BATCH_ROWS];
} MrZSet;

void mr__zset_init(MrZSet *set, const MrSchema *schema, MrBudget *budget);
void mr__zset_deinit(MrZSet *set);
void mr__zset_epoch(MrZSet *set); /* a new epoch: nothing is dirty */
static inline int64_t *mr__zset_weight(const MrZSet *set, char *row)
{
    return mr__group_user(&set->layout, row);
}
static inline MrZRow *mr__zset_row(const MrZSet *set, char *row)
{
    return (MrZRow *)(void *)(row + set->layout.states_at);
}
/* The row is among the changes of the epoch. */
void mr__zset_touch(MrZSet *set, char *row);
/* Rows that this epoch touched and that are still there. */
int64_t mr__zset_n_updated(const MrZSet *set);
/* Takes a row out: its weight is 0, it is not found again, and its memory stays until compact. */
void mr__zset_remove(MrZSet *set, char *row);
/* Moves the rows with a weight into a new table when most have none; true in *moved: rows that the
 * owner points to are no more.  Nothing may be dirty. */
MR_MUST_USE MrStatus mr__zset_compact(MrZSet *set, bool *moved, MrError *err);
/* Adds weight (times the batch's weights) to the rows of a batch; set->rows has them, the first
 * *n_fresh places of set->fresh tell which are new. */
MR_MUST_USE MrStatus mr__zset_add(MrZSet *set, MrBatch *batch, int64_t weight, int32_t *n_fresh,
                                  MrError *err);
/* A batch of rows with weights. */
MR_MUST_USE MrStatus mr__zset_batch(const MrZSet *set, char *const *rows, const int64_t *weights,
                                    int32_t n, MrBudget *budget, MrBatch **out, MrError *err);
/* State: key is the row, value its weight, its number, and what counts.  apply of a deletion (value
 * NULL): *row is NULL when there is none, else its weight is 0. */
MR_MUST_USE MrStatus mr__zset_save(MrZSet *set, int32_t table, bool all, MrStateWriter *to,
                                   MrError *err);
MR_MUST_USE MrStatus mr__zset_apply(MrZSet *set, MrText key, const MrText *value, char **row,
                                    bool *fresh, MrError *err);

#endif
