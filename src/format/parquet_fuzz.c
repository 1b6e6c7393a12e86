/* parquet_fuzz.c - any bytes as a Parquet file: footer, pages, levels, pruning.
 *
 * Input: 4 bytes, little-endian: the footer's length; then the file without its last 8 bytes, which
 * are put on here, so that a mutation that changes the length still has a footer.  Everything is
 * read: all columns, with a filter and a predicate, then once more without.  Seeds are not
 * compressed and this build does not look at a page's CRC, so that mutated pages get beyond both;
 * Snappy is fed on its own as well. */
#include "format/parquet_int.h"
#include <snappy-c.h>

typedef struct Bytes {
    const uint8_t *data;
} Bytes;

static MrStatus bytes_read(void *self, int64_t offset, void *data, int64_t size_bytes, MrError *err)
{
    memcpy(data, ((Bytes *)self)->data + offset, (size_t)size_bytes);
    return MR_OK;
}

static uint64_t sink; /* so that reading values is not optimised away */

static void vector_touch(const MrVector *vec, int64_t row, int depth)
{
    if (mr_vector_is_null(vec, row))
        return;
    int64_t at;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    switch (mr_type_physical(holder->type)) {
    case MR_PHYS_STR: {
        MrText text = mr_str_text(&holder->str[at]);
        for (int64_t i = 0; i < text.size_bytes; i += 16)
            sink += (uint8_t)text.data[i];
        if (text.size_bytes > 0)
            sink += (uint8_t)text.data[text.size_bytes - 1];
        break;
    }
    case MR_PHYS_LIST:
        for (int32_t i = 0; i < holder->list[at].count; i++)
            for (int32_t c = 0; c < holder->type->n_fields; c++)
                vector_touch(holder->children[c], holder->list[at].start + i, depth + 1);
        break;
    case MR_PHYS_STRUCT:
        for (int32_t c = 0; c < holder->type->n_fields; c++)
            vector_touch(holder->children[c], at, depth + 1);
        break;
    default: {
        int32_t width = mr_physical_bytes(mr_type_physical(holder->type));
        uint8_t value[16];
        memcpy(value, (const char *)holder->data + at * width, (size_t)width);
        sink += value[0];
        break;
    }
    }
}

static MrStatus every_third(void *self, MrBatch *batch, MrError *err)
{
    uint16_t *sel = mr_arena_alloc(&batch->arena, 2 * MR_BATCH_ROWS);
    int32_t n = 0;
    for (int32_t i = 0; i < batch->n_sel; i++)
        if (mr_batch_row(batch, i) / 100 % 3 == 1 || mr_batch_row(batch, i) % 7 == 0)
            sel[n++] = (uint16_t)mr_batch_row(batch, i);
    batch->sel = sel;
    batch->n_sel = n;
    return MR_OK;
}

static void scan_all(MrBudget *budget, MrParquetFile *file, bool filtered)
{
    const MrSchema *schema = mr_parquet_schema(file);
    MrError err = {0};
    MrArena arena;
    MrParquetScan *scan = NULL;
    MrBatch *batch = NULL;
    mr_arena_init(&arena, budget);
    if (schema->n_cols > 200 || mr_parquet_n_row_groups(file) > 50) {
        mr_arena_deinit(&arena);
        return;
    }
    MrParquetColumn cols[200];
    MrParquetPredicate predicates[200];
    int32_t n_predicates = 0;
    for (int32_t i = 0; i < schema->n_cols; i++) {
        MrParquetStats stats;
        cols[i] = (MrParquetColumn){.col_idx = i, .stage = filtered ? i & 1 : 0};
        MrStatus status;
        MR_GUARD_BEGIN(status, &err)
            mr_parquet_column_stats(file, -1, i, &arena, &stats);
        MR_GUARD_END(status)
        if (filtered && status == MR_OK && stats.min && i % 3 == 0)
            predicates[n_predicates++] = (MrParquetPredicate){
                .column = i, .test = (MrParquetTest)(i % 7), .values = stats.min, .n_values = 1};
    }
    MrParquetFilter filter = {every_third, NULL};
    MrParquetScanOptions options = {.budget = budget,
                                    .n_cols = schema->n_cols,
                                    .cols = cols,
                                    .n_filters = filtered,
                                    .filters = &filter};
    if (mr_parquet_scan_create(file, &options, &scan, &err) != MR_OK ||
        mr_batch_create(budget, &batch, &err) != MR_OK)
        goto done;
    for (int32_t g = 0; g < mr_parquet_n_row_groups(file); g++) {
        bool more = true;
        int64_t n_rows = 0; /* a file may claim more rows than there is time for */
        if (mr_parquet_scan_start(scan, g, predicates, n_predicates, NULL, &err) != MR_OK)
            continue;
        while (more && n_rows < 100000) {
            if (mr_parquet_scan_next(scan, batch, &more, &err) != MR_OK)
                break;
            n_rows += batch->n_rows;
            for (int32_t c = 0; c < batch->n_cols; c++)
                for (int32_t i = 0; i < batch->n_sel; i += 5)
                    vector_touch(batch->cols[c], mr_batch_row(batch, i), 0);
        }
    }
done:
    mr_batch_destroy(batch);
    mr_parquet_scan_destroy(scan);
    mr_arena_deinit(&arena);
}

/* Ours must say what libsnappy says. */
static void snappy_check(MrBudget *budget, const uint8_t *data, int64_t size)
{
    size_t n;
    void *block, *expected;
    MrError err = {0};
    if (snappy_uncompressed_length((const char *)data, (size_t)size, &n) != SNAPPY_OK ||
        n > 1 << 20)
        return;
    int64_t cap = (int64_t)n + MR_PQ_SLACK_BYTES;
    if (mr_budget_alloc_zeroed(budget, cap, &block, &err) != MR_OK)
        return;
    if (mr_budget_alloc_zeroed(budget, cap, &expected, &err) == MR_OK) {
        bool theirs =
            snappy_uncompress((const char *)data, (size_t)size, expected, &n) == SNAPPY_OK;
        for (int numbers = 0; numbers < 2; numbers++) {
            bool ours = mr__snappy_decompress(data, size, block, cap - MR_PQ_SLACK_BYTES, numbers);
            MR_ASSERT(ours == theirs && (!ours || memcmp(block, expected, n) == 0));
        }
        mr_budget_free(budget, expected, cap);
    }
    mr_budget_free(budget, block, cap);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 8)
        return 0;
    MrBudget budget;
    MrError err = {0};
    MrBuffer bytes;
    uint32_t footer_bytes;
    mr_budget_init(&budget, "fuzz", NULL, (int64_t)128 << 20);
    memcpy(&footer_bytes, data, 4);
    footer_bytes %= (uint32_t)(size - 3);
    snappy_check(&budget, data + 4, (int64_t)size - 4);
    mr_buffer_init(&bytes, &budget, INT32_MAX);
    if (mr_buffer_put(&bytes, data + 4, (int64_t)size - 4, &err) == MR_OK &&
        mr_buffer_put_u32(&bytes, footer_bytes, &err) == MR_OK &&
        mr_buffer_put(&bytes, "PAR1", 4, &err) == MR_OK) {
        Bytes self = {(const uint8_t *)bytes.data};
        MrInput input = {
            .size_bytes = bytes.size_bytes, .read_at = bytes_read, .self = &self, .name = "fuzz"};
        MrParquetFile *file;
        if (mr_parquet_open(&budget, &input, &file, &err) == MR_OK) {
            scan_all(&budget, file, true);
            scan_all(&budget, file, false);
            mr_parquet_close(file);
        }
    }
    mr_buffer_deinit(&bytes);
    mr_budget_deinit(&budget);
    return 0;
}
