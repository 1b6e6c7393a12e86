/* kept_rows.h - what the aggregates of a stream have in common: rows of groups or sessions that are
 * kept from epoch to epoch, in parts by the hash of their keys, so that workers merge side by side.
 *
 * A part gathers in an epoch which rows were touched, what goes out, and the stored keys of rows
 * that are no more.  How a row is found, when it ends and what stands before its states is the
 * operator's affair. */
#ifndef MR_EXEC_KEPT_ROWS_H
#define MR_EXEC_KEPT_ROWS_H

#include "exec/aggregate_core.h"

#define MR_KEPT_PARTS 16

typedef struct MrKeptPart {
    MrBudget *budget;
    char **touched;
    int64_t n_touched, cap_touched;
    MrBatchList out;
    MrBuffer deleted;  /* stored keys, each a text */
    MrArena scratch;   /* of an epoch */
    int64_t n_dead;    /* rows that are no more, their memory still held */
    int64_t n_removed; /* in this epoch */
} MrKeptPart;

void mr__kept_init(MrKeptPart *part, const MrOpContext *context);
void mr__kept_deinit(MrKeptPart *part);
/* Nothing is touched, out, deleted. */
void mr__kept_epoch(MrKeptPart *part);
void mr__kept_touch(MrKeptPart *part, char *row);

/* Columns of n rows into the batch. */
typedef MrStatus (*MrKeptFinish)(const void *self, const MrEvalContext *eval, char *const *rows,
                                 int32_t n, MrBatch *batch, MrError *err);
/* Gives out rows with this weight, as copies: the state goes on changing while they travel. */
MR_MUST_USE MrStatus mr__kept_emit(MrKeptPart *part, const MrOpContext *context, char *const *rows,
                                   int64_t n_rows, int64_t weight, MrKeptFinish finish,
                                   const void *self, MrError *err);

/* What is given out, one batch after the other, by several workers; *part_idx begins at -1. */
typedef struct MrKeptCursor {
    int32_t part_idx;
    int64_t at;
} MrKeptCursor;
/* next_part is shared by the cursors; NULL: the end. */
MrBatch *mr__kept_next(MrKeptPart *const *parts, _Atomic int32_t *next_part, MrKeptCursor *cursor);

/* The keys of a row, and room for one more column, in the part's scratch. */
MrVector **mr__kept_keys(MrKeptPart *part, const MrAggPlan *plan, char *row);
/* Notes the stored form of a key as deleted. */
MR_MUST_USE MrStatus mr__kept_delete(MrKeptPart *part, MrVector **keys, int32_t n_keys,
                                     MrError *err);
/* Deletions first: another row may have the key again. */
MR_MUST_USE MrStatus mr__kept_save_deleted(const MrKeptPart *part, MrStateWriter *to, MrError *err);
/* Key -> numbers of the operator's own, whether shown, the states of the row: an entry of table 0.
 */
MR_MUST_USE MrStatus mr__kept_put(MrKeptPart *part, const MrAggPlan *plan, MrVector **keys,
                                  int32_t n_keys, const int64_t *numbers, int32_t n_numbers,
                                  bool shown, const char *row, MrStateWriter *to, MrError *err);
/* The value of such an entry into a row whose arena lives as long. */
MR_MUST_USE MrStatus mr__kept_load(const MrAggPlan *plan, const MrEvalContext *eval, MrArena *arena,
                                   const MrText *value, int64_t *numbers, int32_t n_numbers,
                                   bool *shown, char *row, MrError *err);
/* Keys of an entry, n_more columns of BIGINT behind those of the plan. */
MR_MUST_USE MrStatus mr__kept_read_keys(const MrAggPlan *plan, int32_t n_more, MrText key,
                                        MrArena *scratch, MrVector ***out, uint64_t *hash,
                                        MrError *err);
/* Applies the entries of a writer. */
MR_MUST_USE MrStatus mr__kept_replay(const MrStateWriter *from,
                                     MrStatus (*apply)(void *self, MrText key, const MrText *value,
                                                       MrError *err),
                                     void *self, MrError *err);

static inline int32_t mr__kept_part_of(uint64_t hash)
{
    return mr__agg_part(hash, MR_KEPT_PARTS);
}

/* The rows of a worker's table, part by part. */
typedef struct MrPartedRows {
    char **rows;
    int64_t from[MR_KEPT_PARTS + 1]; /* rows[from[p]] .. rows[from[p + 1] - 1] are part p's */
    int64_t cap;
} MrPartedRows;
/* is_dead (NULL: none): rows that are left out. */
void mr__part_rows(MrPartedRows *self, const MrGroups *groups, MrArena *arena,
                   bool (*is_dead)(const MrGroups *groups, char *row));

#endif
