/* batch.h - up to 2,048 rows that move through the engine together.
 *
 * A batch has one owner; it is handed over (a parameter called batch of push), never shared.  Its
 * vectors live in its arena or in shared buffers that it retains.  Operators filter by shortening
 * the selection and project by replacing columns; row numbers of vectors never change meanwhile.
 * Weights make a batch a Z-set delta: +1 insert, -1 retract; no weights: every row is +1. */
#ifndef MR_COLUMN_BATCH_H
#define MR_COLUMN_BATCH_H

#include "column/vector.h"

/* Read-only memory used by many batches and threads: pages, dictionaries, file blocks, build
 * tables. */
typedef struct MrShared MrShared;
struct MrShared {
    _Atomic int32_t n_refs;
    void (*destroy)(MrShared *shared); /* at the last release; frees the enclosing struct */
};
static inline void mr_shared_retain(MrShared *shared)
{
    atomic_fetch_add_explicit(&shared->n_refs, 1, memory_order_relaxed);
}
void mr_shared_release(MrShared *shared); /* accepts NULL */

typedef struct MrBatch {
    int32_t n_rows; /* rows in the vectors, 0 .. MR_BATCH_ROWS                        */
    int32_t n_sel;  /* live rows; = n_rows when sel is NULL                           */
    uint16_t *sel;  /* their numbers, rising; NULL: all                               */
    int32_t n_cols;
    MrVector **cols;
    int64_t *weights; /* by row number; NULL: all +1                                    */
    MrArena arena;
    MrShared **shared; /* retained; released with the batch                              */
    int32_t n_shared, cap_shared;
} MrBatch;

MR_MUST_USE MrStatus mr_batch_create(MrBudget *budget, MrBatch **out, MrError *err);
void mr_batch_destroy(MrBatch *batch); /* accepts NULL */
/* Empty again, arena kept, shared buffers released: readers fill the same batch over and over. */
void mr_batch_reset(MrBatch *batch);
MrBatch *mr_batch_take(MrBatch **slot); /* returns *slot and sets it to NULL */
/* The batch releases it later; the caller keeps its own reference. */
void mr_batch_retain(MrBatch *batch, MrShared *shared);
/* Keeps all of from's shared buffers alive as long as batch (vectors of from are used in batch). */
void mr_batch_retain_all(MrBatch *batch, const MrBatch *from);
/* Room for n_cols column pointers, all NULL. */
void mr_batch_set_cols(MrBatch *batch, int32_t n_cols);
/* Row number of the i-th live row. */
static inline int32_t mr_batch_row(const MrBatch *batch, int32_t i)
{
    return batch->sel ? batch->sel[i] : i;
}
/* A deep, flat copy of the live rows on another budget: nothing is shared.  *out is yours. */
MR_MUST_USE MrStatus mr_batch_copy(const MrBatch *batch, MrBudget *budget, MrBatch **out,
                                   MrError *err);
/* Appends live rows [from, from+n) of src, deep, to a flat batch with room; types must agree. */
void mr_batch_append(MrBatch *to, const MrBatch *src, int32_t from, int32_t n);

/* The columns of a batch. */
typedef struct MrSchema {
    int32_t n_cols;
    const MrField *cols;
} MrSchema;

#endif
