/* sort_core.c - see sort_core.h. */
#include "exec/sort_core.h"

void mr__sort_run_init(MrSortRun *run, const MrRowLayout *layout, MrExpr *const *keys,
                       const MrSortSpec *specs, int32_t n_keys, int64_t limit, MrBudget *budget)
{
    run->layout = layout;
    run->specs = specs;
    run->n_keys = n_keys;
    run->limit = limit;
    run->budget = budget;
    run->entries = NULL;
    run->n_entries = run->entries_bytes = 0;
    run->full = false;
    mr__row_heap_init(&run->heap, layout, budget);
    mr_arena_init(&run->arena, budget);
    mr_arena_init(&run->scratch, budget);
    mr_arena_init(&run->spill_arena, budget);
    mr_buffer_init(&run->key, budget, INT64_MAX);
    run->fixed = true;
    run->key_bytes = 0;
    for (int32_t k = 0; k < n_keys; k++) {
        int32_t bytes = mr_sort_key_bytes(keys[k]->type);
        run->fixed = run->fixed && bytes > 0;
        run->key_bytes += bytes;
    }
}

void mr__sort_run_deinit(MrSortRun *run)
{
    if (!run->layout)
        return;
    mr_budget_free(run->budget, run->entries, run->entries_bytes);
    mr__row_heap_deinit(&run->heap);
    mr_arena_deinit(&run->arena);
    mr_buffer_deinit(&run->key);
    for (int64_t p = 0; p < run->n_spilled; p++)
        mr_buffer_deinit(&run->spilled[p]->buf);
    mr_arena_deinit(&run->scratch);
    mr_arena_deinit(&run->spill_arena);
    run->layout = NULL;
}

void mr__sort_run_close_spill(MrSortRun *run, const MrOpContext *context)
{
    mr__spill_close(&run->spill, context);
}

static uint64_t key_head(const uint8_t *key, int64_t n_bytes)
{
    uint64_t head = 0;
    memcpy(&head, key, n_bytes < 8 ? (size_t)n_bytes : 8);
    return __builtin_bswap64(head);
}

/* Keys of rows sel[0 .. n-1] into run->fresh. */
static MrStatus make_keys(MrSortRun *run, MrVector *const *keys, const uint16_t *sel, int32_t n,
                          MrError *err)
{
    if (run->fixed) {
        int32_t stride = (run->key_bytes + 7) & ~7, at = 0;
        uint8_t *bytes = mr_arena_alloc(&run->arena, (int64_t)n * stride);
        for (int32_t i = 0; i < n; i++)
            run->keys[i] = bytes + (int64_t)i * stride;
        for (int32_t k = 0; k < run->n_keys; k++) {
            mr_sort_key_put_many(keys[k], sel, n, run->specs[k], run->keys, at);
            at += mr_sort_key_bytes(keys[k]->type);
        }
        for (int32_t i = 0; i < n; i++)
            run->fresh[i] = (MrSortEntry){key_head(run->keys[i], run->key_bytes), run->keys[i],
                                          run->key_bytes, NULL};
        return MR_OK;
    }
    for (int32_t i = 0; i < n; i++) {
        run->key.size_bytes = 0;
        for (int32_t k = 0; k < run->n_keys; k++)
            MR_TRY(mr_sort_key_put(keys[k], sel ? sel[i] : i, run->specs[k], &run->key, err));
        uint8_t *key = mr_arena_alloc(&run->arena, run->key.size_bytes + 1);
        memcpy(key, run->key.data, (size_t)run->key.size_bytes);
        run->fresh[i] =
            (MrSortEntry){key_head(key, run->key.size_bytes), key, run->key.size_bytes, NULL};
    }
    return MR_OK;
}

static MrStatus entries_reserve(MrSortRun *run, int64_t n_more, MrError *err)
{
    int64_t need_bytes = (run->n_entries + n_more) * (int64_t)sizeof(MrSortEntry);
    if (need_bytes <= run->entries_bytes)
        return MR_OK;
    int64_t new_bytes = need_bytes > 2 * run->entries_bytes ? need_bytes : 2 * run->entries_bytes;
    void *entries = run->entries;
    MR_TRY(mr_budget_resize(run->budget, &entries, &run->entries_bytes, new_bytes, err));
    run->entries = entries;
    return MR_OK;
}

/* Rows that were displaced still take memory: the kept ones move to a heap of their own. */
static void heap_renew(MrSortRun *run)
{
    MrRowHeap fresh;
    MrArena keys;
    MrVector **cols = MR_NEW_N(&run->arena, MrVector *, run->layout->n_cols + 1);
    char **rows = mr_arena_alloc(&run->arena, MR_BATCH_ROWS * (int64_t)sizeof *rows);
    mr__row_heap_init(&fresh, run->layout, run->budget);
    for (int64_t from = 0; from < run->n_entries; from += MR_BATCH_ROWS) {
        int32_t n = run->n_entries - from < MR_BATCH_ROWS ? (int32_t)(run->n_entries - from)
                                                          : MR_BATCH_ROWS;
        for (int32_t i = 0; i < n; i++)
            rows[i] = run->entries[from + i].row;
        for (int32_t c = 0; c < run->layout->n_cols; c++)
            cols[c] = mr_rows_gather(run->layout, c, (const void *const *)rows, n, &run->arena);
        mr__row_heap_append(&fresh, cols, NULL, n, rows);
        for (int32_t i = 0; i < n; i++)
            run->entries[from + i].row = rows[i];
    }
    mr_arena_init(&keys, run->budget);
    for (int64_t i = 0; i < run->n_entries; i++) {
        uint8_t *key = mr_arena_alloc(&keys, run->entries[i].key_bytes + 1);
        memcpy(key, run->entries[i].key, (size_t)run->entries[i].key_bytes);
        run->entries[i].key = key;
    }
    mr__row_heap_deinit(&run->heap);
    mr_arena_deinit(&run->arena);
    run->heap = fresh;
    run->arena = keys;
}

MrStatus mr__sort_run_add(MrSortRun *run, MrVector *const *cols, MrVector *const *keys,
                          const uint16_t *sel, int32_t n, MrError *err)
{
    MR_TRY(make_keys(run, keys, sel, n, err));
    if (run->full) { /* what comes after the last wanted row is not kept */
        int32_t n_kept = 0;
        for (int32_t i = 0; i < n; i++) {
            if (mr__sort_compare(&run->fresh[i], &run->cutoff) >= 0)
                continue;
            run->sel[n_kept] = sel ? sel[i] : (uint16_t)i;
            run->fresh[n_kept++] = run->fresh[i];
        }
        n = n_kept;
        sel = run->sel;
        if (n == 0)
            return MR_OK;
    }
    MR_TRY(entries_reserve(run, n, err));
    mr__row_heap_append(&run->heap, cols, sel, n, run->rows);
    for (int32_t i = 0; i < n; i++) {
        run->fresh[i].row = run->rows[i];
        run->entries[run->n_entries++] = run->fresh[i];
    }
    if (run->limit < INT64_MAX / 4 && run->n_entries >= 2 * run->limit + 4096) {
        MR_TRY(mr__sort_run_finish(run, err));
        if (run->heap.n_rows > 4 * (run->limit + 4096))
            heap_renew(run);
        run->full = run->limit > 0 && run->n_entries == run->limit;
        if (run->full)
            run->cutoff = run->entries[run->n_entries - 1];
    }
    return MR_OK;
}

static void insertion_sort(MrSortEntry *entries, int64_t n)
{
    for (int64_t i = 1; i < n; i++) {
        MrSortEntry entry = entries[i];
        int64_t at = i;
        for (; at > 0 && mr__sort_compare(&entry, &entries[at - 1]) < 0; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
}

void mr__sort_entries(MrSortEntry *entries, MrSortEntry *scratch, int64_t n)
{
    if (n <= 16) {
        insertion_sort(entries, n);
        return;
    }
    int64_t half = n / 2;
    mr__sort_entries(entries, scratch, half);
    mr__sort_entries(entries + half, scratch, n - half);
    if (mr__sort_compare(&entries[half - 1], &entries[half]) <= 0)
        return;
    mr_copy(scratch, entries, half * (int64_t)sizeof *entries);
    int64_t a = 0, b = half, to = 0;
    while (a < half && b < n) {
        mr_poll_item(to);
        entries[to++] =
            mr__sort_compare(&scratch[a], &entries[b]) <= 0 ? scratch[a++] : entries[b++];
    }
    while (a < half)
        entries[to++] = scratch[a++];
}

MrStatus mr__sort_run_finish(MrSortRun *run, MrError *err)
{
    void *scratch = NULL;
    int64_t scratch_bytes = (run->n_entries / 2 + 1) * (int64_t)sizeof(MrSortEntry);
    if (run->n_entries < 2)
        return MR_OK;
    MrStatus status;
    MR_TRY(mr_budget_alloc(run->budget, scratch_bytes, &scratch, err));
    MR_GUARD_BEGIN(status, err)
        mr__sort_entries(run->entries, scratch, run->n_entries);
    MR_GUARD_END(status)
    mr_budget_free(run->budget, scratch, scratch_bytes);
    MR_TRY(status);
    if (run->n_entries > run->limit)
        run->n_entries = run->limit;
    return MR_OK;
}

/* -- on disk ---------------------------------------------------------------------------------- */

static MrStatus part_flush(MrSortRun *run, MrSortSpilled *part, const MrOpContext *context,
                           MrError *err)
{
    MrSpillBlock block;
    if (part->buf.size_bytes == 0)
        return MR_OK;
    if (part->buf.size_bytes > part->block_bytes)
        part->block_bytes = part->buf.size_bytes;
    MR_TRY(
        mr__spill_write(&run->spill, context, part->buf.data, part->buf.size_bytes, &block, err));
    MR_PUSH(&run->spill_arena, part->blocks, part->n_blocks, part->cap_blocks, block);
    part->buf.size_bytes = 0;
    return MR_OK;
}

/* Blocks of small parts are small: many of them are read at the same time. */
static int64_t block_bytes(int64_t part_bytes)
{
    int64_t bytes = part_bytes / 16;
    return bytes < MR_SPILL_BLOCK_BYTES / 16 ? MR_SPILL_BLOCK_BYTES / 16
           : bytes > MR_SPILL_BLOCK_BYTES    ? MR_SPILL_BLOCK_BYTES
                                             : bytes;
}

static MrSortSpilled *part_new(MrSortRun *run)
{
    MrSortSpilled *part = MR_NEW(&run->spill_arena, MrSortSpilled);
    mr_buffer_init(&part->buf, run->budget, INT64_MAX);
    return part;
}

/* An entry: key and stored row, each with its length. */
static MrStatus entry_put(MrBuffer *buf, const MrSortEntry *entry, MrVector *const *cols,
                          int32_t n_cols, int64_t row, MrError *err)
{
    MR_TRY(mr_buffer_put_text(buf, (MrText){(const char *)entry->key, entry->key_bytes}, err));
    int64_t size_at = buf->size_bytes;
    MR_TRY(mr_buffer_put_u32(buf, 0, err));
    MR_TRY(mr_row_store(cols, n_cols, row, buf, err));
    uint32_t size = (uint32_t)(buf->size_bytes - size_at - 4);
    memcpy(buf->data + size_at, &size, 4);
    return MR_OK;
}

MrStatus mr__sort_run_spill(MrSortRun *run, const MrOpContext *context, MrError *err)
{
    if (run->n_entries == 0)
        return MR_OK;
    MR_TRY(mr__sort_run_finish(run, err));
    int64_t flush_bytes = block_bytes(mr__sort_run_bytes(run));
    MrSortSpilled *part = part_new(run);
    MR_PUSH(&run->spill_arena, run->spilled, run->n_spilled, run->cap_spilled, part);
    MrVector **cols = MR_NEW_N(&run->spill_arena, MrVector *, run->layout->n_cols + 1);
    const int32_t chunk = 256;
    for (int64_t from = 0; from < run->n_entries; from += chunk) {
        int32_t n = run->n_entries - from < chunk ? (int32_t)(run->n_entries - from) : chunk;
        mr_arena_reset(&run->scratch);
        for (int32_t i = 0; i < n; i++)
            run->rows[i] = run->entries[from + i].row;
        for (int32_t c = 0; c < run->layout->n_cols; c++)
            cols[c] =
                mr_rows_gather(run->layout, c, (const void *const *)run->rows, n, &run->scratch);
        for (int32_t i = 0; i < n; i++) {
            MR_TRY(
                entry_put(&part->buf, &run->entries[from + i], cols, run->layout->n_cols, i, err));
            if (part->buf.size_bytes >= flush_bytes)
                MR_TRY(part_flush(run, part, context, err));
        }
    }
    MR_TRY(part_flush(run, part, context, err));
    mr_buffer_deinit(&part->buf);
    mr_buffer_init(&part->buf, run->budget, INT64_MAX);
    if (run->full) { /* the rows behind the last wanted one still need not be kept */
        uint8_t *key = mr_arena_alloc(&run->spill_arena, run->cutoff.key_bytes + 1);
        memcpy(key, run->cutoff.key, (size_t)run->cutoff.key_bytes);
        run->cutoff.key = key;
    }
    mr_budget_free(run->budget, run->entries, run->entries_bytes);
    run->entries = NULL;
    run->n_entries = run->entries_bytes = 0;
    mr__row_heap_deinit(&run->heap);
    mr__row_heap_init(&run->heap, run->layout, run->budget);
    mr_arena_deinit(&run->arena);
    mr_arena_deinit(&run->scratch);
    mr_memory_give_back();
    return MR_OK;
}

/* -- merging ---------------------------------------------------------------------------------- */

typedef struct MrSortSource Source;

/* Steps to the first or next entry of a part. */
static MrStatus part_next(MrSortRun *run, MrSortSpilled *part, const MrOpContext *context,
                          MrError *err)
{
    MrText key;
    uint32_t row_bytes;
    const uint8_t *row;
    if (!part->open || part->reader.at == part->reader.end) {
        if (part->block_at == part->n_blocks) {
            part->at_end = true;
            mr_buffer_deinit(&part->buf);
            return MR_OK;
        }
        MR_TRY(
            mr__spill_read(&run->spill, context, &part->blocks[part->block_at++], &part->buf, err));
        part->reader = (MrReader){(const uint8_t *)part->buf.data,
                                  (const uint8_t *)part->buf.data + part->buf.size_bytes, false};
        part->open = true;
    }
    if (!mr_reader_text(&part->reader, &key) || !mr_reader_u32(&part->reader, &row_bytes) ||
        !mr_reader_bytes(&part->reader, row_bytes, &row))
        return MR_FAIL_INTERNAL(err, "a spilled row is cut short");
    part->entry = (MrSortEntry){key_head((const uint8_t *)key.data, key.size_bytes),
                                (const uint8_t *)key.data, key.size_bytes, NULL};
    part->row = (MrText){(const char *)row, row_bytes};
    return MR_OK;
}

static bool source_before(const MrSortMerge *merge, int32_t a, int32_t b)
{
    int c = mr__sort_compare(&merge->sources[a].part->entry, &merge->sources[b].part->entry);
    return c != 0 ? c < 0 : a < b;
}

static void heap_sink(MrSortMerge *merge, int32_t at)
{
    int32_t *heap = merge->heap, moved = heap[at];
    for (;;) {
        int32_t child = 2 * at + 1;
        if (child >= merge->n_heap)
            break;
        if (child + 1 < merge->n_heap && source_before(merge, heap[child + 1], heap[child]))
            child++;
        if (!source_before(merge, heap[child], moved))
            break;
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

static MrStatus heap_make(MrSortMerge *merge, int32_t n_sources, MrError *err)
{
    merge->n_heap = 0;
    for (int32_t s = 0; s < n_sources; s++) {
        const Source *source = &merge->sources[s];
        MR_TRY(part_next(source->run, source->part, merge->context, err));
        if (!source->part->at_end)
            merge->heap[merge->n_heap++] = s;
    }
    for (int32_t at = merge->n_heap / 2 - 1; at >= 0; at--)
        heap_sink(merge, at);
    return MR_OK;
}

/* Behind the least entry. */
static MrStatus heap_step(MrSortMerge *merge, MrError *err)
{
    const Source *source = &merge->sources[merge->heap[0]];
    MR_TRY(part_next(source->run, source->part, merge->context, err));
    if (source->part->at_end)
        merge->heap[0] = merge->heap[--merge->n_heap];
    if (merge->n_heap > 0)
        heap_sink(merge, 0);
    return MR_OK;
}

/* Merges parts [from, to) of a run into one, which takes the place of the first. */
static MrStatus parts_join(MrSortMerge *merge, MrSortRun *run, int64_t from, int64_t to,
                           MrError *err)
{
    int64_t n_rows = 0;
    MrSortSpilled *joined = part_new(run);
    for (int64_t p = from; p < to; p++)
        merge->sources[p - from] = (Source){run, run->spilled[p]};
    /* In the list now, so that its buffer is given back whatever happens. */
    MR_PUSH(&run->spill_arena, run->spilled, run->n_spilled, run->cap_spilled, joined);
    MR_TRY(heap_make(merge, (int32_t)(to - from), err));
    while (merge->n_heap > 0) {
        const MrSortSpilled *part = merge->sources[merge->heap[0]].part;
        const MrOpContext *context = merge->context;
        if ((n_rows++ & 4095) == 0 && context->eval->canceled && *context->eval->canceled)
            return MR_FAIL(err, MR_COND_OPERATION_CANCELED);
        MR_TRY(mr_buffer_put_text(
            &joined->buf, (MrText){(const char *)part->entry.key, part->entry.key_bytes}, err));
        MR_TRY(mr_buffer_put_u32(&joined->buf, (uint32_t)part->row.size_bytes, err));
        MR_TRY(mr_buffer_put(&joined->buf, part->row.data, part->row.size_bytes, err));
        if (joined->buf.size_bytes >= MR_SPILL_BLOCK_BYTES)
            MR_TRY(part_flush(run, joined, context, err));
        MR_TRY(heap_step(merge, err));
    }
    MR_TRY(part_flush(run, joined, merge->context, err));
    mr_buffer_deinit(&joined->buf);
    mr_buffer_init(&joined->buf, run->budget, INT64_MAX);
    run->n_spilled--;
    run->spilled[from] = joined;
    return MR_OK;
}

/* Fewer parts, until all their blocks take room_bytes at most. */
static MrStatus run_compact(MrSortMerge *merge, MrSortRun *run, int64_t room_bytes, MrError *err)
{
    for (;;) {
        int64_t bytes = 0, most = 1;
        for (int64_t p = 0; p < run->n_spilled; p++) {
            bytes += run->spilled[p]->block_bytes;
            most = run->spilled[p]->block_bytes > most ? run->spilled[p]->block_bytes : most;
        }
        int64_t n_join = room_bytes / most > 8 ? room_bytes / most : 8, n_kept = 0;
        if (bytes <= room_bytes || run->n_spilled <= 8)
            return MR_OK;
        int64_t n_parts = run->n_spilled;
        for (int64_t from = 0; from < n_parts; from += n_join) {
            int64_t to = from + n_join < n_parts ? from + n_join : n_parts;
            if (to - from > 1)
                MR_TRY(parts_join(merge, run, from, to, err));
        }
        for (int64_t from = 0; from < n_parts; from += n_join)
            run->spilled[n_kept++] = run->spilled[from];
        run->n_spilled = n_kept;
    }
}

MrStatus mr__sort_merge_open(MrSortMerge *merge, const MrOpContext *context, MrSortRun *const *runs,
                             int32_t n_runs, int64_t room_bytes, MrError *err)
{
    int32_t n_sources = 0;
    *merge = (MrSortMerge){.context = context, .open = true};
    mr_arena_init(&merge->arena, context->budget);
    for (int32_t r = 0; r < n_runs; r++)
        n_sources += (int32_t)runs[r]->n_spilled;
    merge->sources = MR_NEW_N(&merge->arena, Source, n_sources + 1);
    merge->heap = MR_NEW_N(&merge->arena, int32_t, n_sources + 1);
    for (int32_t r = 0; r < n_runs; r++)
        MR_TRY(run_compact(merge, runs[r], room_bytes / n_runs, err));
    n_sources = 0;
    for (int32_t r = 0; r < n_runs; r++)
        for (int64_t p = 0; p < runs[r]->n_spilled; p++)
            merge->sources[n_sources++] = (Source){runs[r], runs[r]->spilled[p]};
    return heap_make(merge, n_sources, err);
}

void mr__sort_merge_close(MrSortMerge *merge)
{
    if (merge->open)
        mr_arena_deinit(&merge->arena);
    *merge = (MrSortMerge){0};
}

MrStatus mr__sort_merge_next(MrSortMerge *merge, MrArena *arena, MrVector **cols, int64_t at,
                             MrError *err)
{
    const Source *source = &merge->sources[merge->heap[0]];
    const MrText row = source->part->row;
    MrReader reader = {(const uint8_t *)row.data, (const uint8_t *)row.data + row.size_bytes,
                       false};
    if (cols)
        MR_TRY(mr_row_load(&reader, arena, cols, source->run->layout->n_cols, at, err));
    return heap_step(merge, err);
}
