/* spill.h - a scratch file of one operator instance: blocks with checksums, gone with the process.
 */
#ifndef MR_EXEC_SPILL_H
#define MR_EXEC_SPILL_H

#include "exec/op.h"

typedef struct MrSpillBlock {
    int64_t offset, size_bytes;
    uint32_t crc;
} MrSpillBlock;

typedef struct MrSpill { /* zeroed: no file yet */
    MrFile *file;
    int64_t size_bytes;
} MrSpill;

#define MR_SPILL_BLOCK_BYTES (INT64_C(256) << 10)

/* True when so little of the budget is left that a table of table_bytes had better go to disk. */
bool mr__spill_wanted(const MrOpContext *context, int64_t table_bytes);
MR_MUST_USE MrStatus mr__spill_write(MrSpill *spill, const MrOpContext *context, const void *data,
                                     int64_t size_bytes, MrSpillBlock *out, MrError *err);
/* The block into buf, which is emptied first. */
MR_MUST_USE MrStatus mr__spill_read(const MrSpill *spill, const MrOpContext *context,
                                    const MrSpillBlock *block, MrBuffer *buf, MrError *err);
void mr__spill_close(MrSpill *spill, const MrOpContext *context);

#endif
