/* row.h - packed rows: the same bytes in hash tables, sort runs, state and spill files.
 *
 * A row in memory: validity bits (1 = present), then each column at a fixed offset, aligned to its
 * size up to 8 (16-byte values to 8).  Strings are MrStr whose bytes lie in the arena given at
 * scatter; nested values are a MrStr over their serialized form.  A stored row (MrBuffer) is the
 * same values without pointers: validity bits, fixed values, strings as varint length and bytes. */
#ifndef MR_COLUMN_ROW_H
#define MR_COLUMN_ROW_H

#include "column/batch.h"

typedef struct MrRowLayout {
    int32_t n_cols;
    const MrType **types;
    int32_t *offsets;  /* of each column's value       */
    int32_t row_bytes; /* multiple of 8                */
    bool has_pointers; /* some column is a string or nested */
} MrRowLayout;

void mr_row_layout_init(
    MrRowLayout *layout, MrArena *arena, const MrType *const *types, int32_t n_cols,
    int32_t extra_bytes); /* room behind the columns, at row_bytes - extra_bytes */

static inline bool mr_row_is_null(const void *row, int32_t col_idx)
{
    return !((((const uint8_t *)row)[col_idx >> 3] >> (col_idx & 7)) & 1);
}

/* Writes the rows (sel or 0 .. n-1) of the columns into rows[i]; long strings are copied to arena.
 */
void mr_rows_scatter(const MrRowLayout *layout, MrVector *const *cols, const uint16_t *sel,
                     int32_t n, void *const *rows, MrArena *arena);
/* Reads column col_idx of rows[0 .. n-1] into a flat vector (created here).  Strings are borrowed
 * from the rows. */
MrVector *mr_rows_gather(const MrRowLayout *layout, int32_t col_idx, const void *const *rows,
                         int64_t n, MrArena *arena);
/* For each i: equal[i] = 1 when rows[i] equals row sel[i] of the columns, else 0.  NULLs are equal.
 */
void mr_rows_match(const MrRowLayout *layout, MrVector *const *cols, const uint16_t *sel, int32_t n,
                   const void *const *rows, uint8_t *equal);
int mr_row_compare(const MrRowLayout *layout, const void *a,
                   const void *b); /* column by column, Spark's order */

/* One row of vectors to stored bytes and back (one batch row into flat vectors' row `at`). */
MR_MUST_USE MrStatus mr_row_store(MrVector *const *cols, int32_t n_cols, int64_t row, MrBuffer *out,
                                  MrError *err);
MR_MUST_USE MrStatus mr_row_load(MrReader *reader, MrArena *arena, MrVector **cols, int32_t n_cols,
                                 int64_t at, MrError *err);

/* Order-preserving keys: memcmp of two keys orders the rows.  One call appends column after column.
 */
typedef struct MrSortSpec {
    bool descending;
    bool nulls_first;
} MrSortSpec;
/* Bytes of a fixed-size key of this type (with its NULL byte), or 0 when the size varies. */
int32_t mr_sort_key_bytes(const MrType *type);
MR_MUST_USE MrStatus mr_sort_key_put(const MrVector *vec, int64_t row, MrSortSpec spec,
                                     MrBuffer *out, MrError *err);
/* Fixed-size columns, many rows at once: keys[i] + offset receives the key of row sel[i]. */
void mr_sort_key_put_many(const MrVector *vec, const uint16_t *sel, int32_t n, MrSortSpec spec,
                          uint8_t *const *keys, int32_t offset);

#endif
