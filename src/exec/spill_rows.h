/* spill_rows.h - rows on disk, part by part: what joins put aside.
 *
 * One writer; afterwards any number of readers at once.  A part is a list of blocks in the order in
 * which they were written. */
#ifndef MR_EXEC_SPILL_ROWS_H
#define MR_EXEC_SPILL_ROWS_H

#include "exec/spill.h"

typedef struct MrSpillPart {
    MrSpillBlock *blocks;
    int64_t n_blocks, cap_blocks;
    MrBuffer buf; /* not written yet */
    int64_t n_rows, size_bytes;
} MrSpillPart;

typedef struct MrSpillRows { /* zeroed: closed */
    const MrOpContext *context;
    const MrType *const *types;
    int32_t n_cols, n_parts;
    int64_t block_bytes;
    MrSpill file;
    MrArena arena;
    MrSpillPart *parts;
    bool open;
} MrSpillRows;

/* types must live as long as the rows. */
void mr__spill_rows_open(MrSpillRows *rows, const MrOpContext *context, const MrType *const *types,
                         int32_t n_cols, int32_t n_parts);
void mr__spill_rows_close(MrSpillRows *rows);
/* Appends rows sel[0 .. n-1] (NULL: 0 .. n-1) to parts part_of[i]. */
MR_MUST_USE MrStatus mr__spill_rows_add(MrSpillRows *rows, MrVector *const *cols,
                                        const uint16_t *sel, int32_t n, const uint8_t *part_of,
                                        MrError *err);
/* Writes what is in the buffers and frees them; before reading. */
MR_MUST_USE MrStatus mr__spill_rows_flush(MrSpillRows *rows, MrError *err);

/* Reads one part of several writers, one after the other. */
typedef struct MrSpillReader {
    const MrOpContext *context; /* the reader's */
    MrSpillRows *const *from;
    int32_t n_from, from_at, part_idx;
    int64_t block_at;
    MrBuffer buf;
    MrReader reader;
    bool open;
} MrSpillReader;

void mr__spill_reader_open(MrSpillReader *reader, const MrOpContext *context,
                           MrSpillRows *const *from, int32_t n_from, int32_t part_idx);
bool mr__spill_reader_more(MrSpillReader *reader);
void mr__spill_reader_close(MrSpillReader *reader);
/* The next rows, MR_BATCH_ROWS at most, as flat vectors in the arena; *n 0: the end. */
MR_MUST_USE MrStatus mr__spill_reader_next(MrSpillReader *reader, MrArena *arena, MrVector **cols,
                                           int32_t *n, MrError *err);

#endif
