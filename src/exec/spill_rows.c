/* spill_rows.c - see spill_rows.h. */
#include "exec/spill_rows.h"

#define BLOCK_LEAST (INT64_C(4) << 10)
#define BLOCK_MOST (INT64_C(64) << 10)
#define BATCH_BYTES (INT64_C(512) << 10) /* rows that are read at once end soon behind it */

void mr__spill_rows_open(MrSpillRows *rows, const MrOpContext *context, const MrType *const *types,
                         int32_t n_cols, int32_t n_parts)
{
    *rows = (MrSpillRows){.context = context, .types = types, .n_cols = n_cols};
    mr_arena_init(&rows->arena, context->budget);
    rows->open = true;
    /* The buffers of all workers, which double as they grow, take a small share of what is left. */
    rows->block_bytes =
        mr_budget_left(context->budget) / (16 * (int64_t)n_parts * context->n_workers);
    if (rows->block_bytes < BLOCK_LEAST)
        rows->block_bytes = BLOCK_LEAST;
    if (rows->block_bytes > BLOCK_MOST)
        rows->block_bytes = BLOCK_MOST;
    rows->parts = MR_NEW_N(&rows->arena, MrSpillPart, n_parts);
    for (; rows->n_parts < n_parts; rows->n_parts++)
        mr_buffer_init(&rows->parts[rows->n_parts].buf, context->budget, INT64_MAX);
}

void mr__spill_rows_close(MrSpillRows *rows)
{
    if (!rows->open)
        return;
    for (int32_t p = 0; p < rows->n_parts; p++)
        mr_buffer_deinit(&rows->parts[p].buf);
    mr__spill_close(&rows->file, rows->context);
    mr_arena_deinit(&rows->arena);
    *rows = (MrSpillRows){0};
}

static MrStatus part_flush(MrSpillRows *rows, MrSpillPart *part, MrError *err)
{
    MrSpillBlock block;
    if (part->buf.size_bytes == 0)
        return MR_OK;
    MR_TRY(mr__spill_write(&rows->file, rows->context, part->buf.data, part->buf.size_bytes, &block,
                           err));
    MR_PUSH(&rows->arena, part->blocks, part->n_blocks, part->cap_blocks, block);
    part->size_bytes += part->buf.size_bytes;
    part->buf.size_bytes = 0;
    return MR_OK;
}

MrStatus mr__spill_rows_add(MrSpillRows *rows, MrVector *const *cols, const uint16_t *sel,
                            int32_t n, const uint8_t *part_of, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        MrSpillPart *part = &rows->parts[part_of[i]];
        if (rows->n_cols == 0) /* a row of nothing still counts */
            MR_TRY(mr_buffer_put_u8(&part->buf, 0, err));
        else
            MR_TRY(mr_row_store(cols, rows->n_cols, sel ? sel[i] : i, &part->buf, err));
        part->n_rows++;
        if (part->buf.size_bytes >= rows->block_bytes)
            MR_TRY(part_flush(rows, part, err));
    }
    return MR_OK;
}

MrStatus mr__spill_rows_flush(MrSpillRows *rows, MrError *err)
{
    for (int32_t p = 0; p < rows->n_parts; p++) {
        MR_TRY(part_flush(rows, &rows->parts[p], err));
        mr_buffer_deinit(&rows->parts[p].buf);
        mr_buffer_init(&rows->parts[p].buf, rows->context->budget, INT64_MAX);
    }
    return MR_OK;
}

void mr__spill_reader_open(MrSpillReader *reader, const MrOpContext *context,
                           MrSpillRows *const *from, int32_t n_from, int32_t part_idx)
{
    *reader = (MrSpillReader){
        .context = context, .from = from, .n_from = n_from, .part_idx = part_idx, .open = true};
    mr_buffer_init(&reader->buf, context->budget, INT64_MAX);
}

void mr__spill_reader_close(MrSpillReader *reader)
{
    if (reader->open)
        mr_buffer_deinit(&reader->buf);
    reader->open = false;
}

/* Steps over writers that have no block left. */
static bool block_there(MrSpillReader *reader)
{
    for (; reader->from_at < reader->n_from; reader->from_at++, reader->block_at = 0) {
        const MrSpillRows *rows = reader->from[reader->from_at];
        if (rows->open && reader->block_at < rows->parts[reader->part_idx].n_blocks)
            return true;
    }
    return false;
}

bool mr__spill_reader_more(MrSpillReader *reader)
{
    return reader->reader.at < reader->reader.end || block_there(reader);
}

static MrStatus block_next(MrSpillReader *reader, MrError *err)
{
    const MrSpillRows *rows = reader->from[reader->from_at];
    MR_TRY(mr__spill_read(&rows->file, reader->context,
                          &rows->parts[reader->part_idx].blocks[reader->block_at++], &reader->buf,
                          err));
    reader->reader = (MrReader){(const uint8_t *)reader->buf.data,
                                (const uint8_t *)reader->buf.data + reader->buf.size_bytes, false};
    return MR_OK;
}

MrStatus mr__spill_reader_next(MrSpillReader *reader, MrArena *arena, MrVector **cols, int32_t *n,
                               MrError *err)
{
    const MrSpillRows *any = reader->from[0];
    int64_t n_bytes = 0;
    *n = 0;
    if (reader->context->eval->canceled && *reader->context->eval->canceled)
        return MR_FAIL(err, MR_COND_OPERATION_CANCELED);
    for (int32_t f = 0; f < reader->n_from && !any->open; f++)
        any = reader->from[f];
    while (*n < MR_BATCH_ROWS && n_bytes < BATCH_BYTES && mr__spill_reader_more(reader)) {
        if (reader->reader.at == reader->reader.end)
            MR_TRY(block_next(reader, err));
        if (*n == 0)
            for (int32_t c = 0; c < any->n_cols; c++)
                cols[c] = mr_vector_create(arena, any->types[c], MR_BATCH_ROWS);
        const uint8_t *row = reader->reader.at;
        uint8_t nothing;
        if (any->n_cols == 0)
            (void)mr_reader_u8(&reader->reader, &nothing);
        else
            MR_TRY(mr_row_load(&reader->reader, arena, cols, any->n_cols, *n, err));
        n_bytes += reader->reader.at - row;
        ++*n;
    }
    for (int32_t c = 0; c<any->n_cols && * n> 0; c++)
        cols[c]->n_items = *n;
    return MR_OK;
}
