/* spill.c - see spill.h. */
#include "exec/spill.h"

#include "base/hash.h"

#define LEFT_BYTES (INT64_C(4) << 20)
#define TABLE_BYTES (INT64_C(256) << 10) /* smaller tables are not worth a file */

bool mr__spill_wanted(const MrOpContext *context, int64_t table_bytes)
{
    if (!context->spill_dir || table_bytes < TABLE_BYTES)
        return false;
    int64_t left = mr_budget_left(context->budget);
    /* What is left must hold the growth of every worker's table until its next look.  A small limit
     * never leaves that much: there a table must be worth the work, or each row goes by itself. */
    return left < table_bytes ||
           (left < LEFT_BYTES * (context->n_workers + 1) && left / 4 < table_bytes);
}

MrStatus mr__spill_write(MrSpill *spill, const MrOpContext *context, const void *data,
                         int64_t size_bytes, MrSpillBlock *out, MrError *err)
{
    if (!spill->file) { /* without a name, in the folder */
        MR_TRY(context->os->make_dir(context->os, context->spill_dir, err));
        MR_TRY(context->os->file_open(context->os, context->spill_dir, MR_FILE_SCRATCH,
                                      &spill->file, err));
    }
    MR_TRY(context->os->file_write_at(spill->file, spill->size_bytes, data, size_bytes, err));
    *out = (MrSpillBlock){spill->size_bytes, size_bytes, mr_crc32c(data, size_bytes, 0)};
    spill->size_bytes += size_bytes;
    context->metrics->spilled_bytes += size_bytes;
    return MR_OK;
}

MrStatus mr__spill_read(const MrSpill *spill, const MrOpContext *context, const MrSpillBlock *block,
                        MrBuffer *buf, MrError *err)
{
    int64_t n_read = 0;
    buf->size_bytes = 0;
    MR_TRY(mr_buffer_reserve(buf, block->size_bytes, err));
    MR_TRY(context->os->file_read_at(spill->file, block->offset, buf->data, block->size_bytes,
                                     &n_read, err));
    if (n_read != block->size_bytes || mr_crc32c(buf->data, n_read, 0) != block->crc)
        return MR_FAIL_INTERNAL(err, "a spill file of %lld bytes is damaged at byte %lld",
                                (long long)spill->size_bytes, (long long)block->offset);
    buf->size_bytes = n_read;
    return MR_OK;
}

void mr__spill_close(MrSpill *spill, const MrOpContext *context)
{
    if (spill->file)
        context->os->file_close(spill->file);
    spill->file = NULL;
}
