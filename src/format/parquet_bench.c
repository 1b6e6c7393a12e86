/* parquet_bench.c - values per second out of a Parquet file, on one core.
 *
 *     parquet_bench FILE [column,column,...] [repetitions]
 *
 * The file is read into memory first, so that the disk does not count; each column's vectors are
 * touched once.  Without columns all are read. */
#include "format/parquet.h"
#include <stdio.h>
#include <time.h>

static MrStatus memory_read(void *self, int64_t offset, void *data, int64_t size_bytes,
                            MrError *err)
{
    memcpy(data, (const char *)self + offset, (size_t)size_bytes);
    return MR_OK;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static int fail(const MrError *err)
{
    char text[1000];
    mr_error_message(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 1;
}

int main(int argc, char **argv)
{
    MrBudget budget;
    MrError err = {0};
    FILE *in = argc > 1 ? fopen(argv[1], "rb") : NULL;
    if (!in) {
        fprintf(stderr, "usage: parquet_bench FILE [column,column,...] [repetitions]\n");
        return 2;
    }
    mr_budget_init(&budget, "bench", NULL, INT64_MAX);
    fseek(in, 0, SEEK_END);
    int64_t size = ftell(in);
    rewind(in);
    MrBuffer bytes;
    mr_buffer_init(&bytes, &budget, size);
    if (mr_buffer_reserve(&bytes, size, &err) != MR_OK)
        return fail(&err);
    if (fread(bytes.data, 1, (size_t)size, in) != (size_t)size)
        return 1;
    fclose(in);

    MrInput input = {
        .size_bytes = size, .read_at = memory_read, .self = bytes.data, .name = argv[1]};
    MrParquetFile *file;
    if (mr_parquet_open(&budget, &input, &file, &err) != MR_OK)
        return fail(&err);
    MrParquetColumn cols[1000];
    int32_t n_cols = 0;
    char *names = argc > 2 && argv[2][0] ? argv[2] : NULL;
    for (char *name = names ? strtok(names, ",") : NULL; name; name = strtok(NULL, ","))
        cols[n_cols++] =
            (MrParquetColumn){.col_idx = mr_parquet_find_column(file, mr_text(name), false)};
    for (int32_t i = 0; !names && i < mr_parquet_schema(file)->n_cols && i < 1000; i++)
        cols[n_cols++] = (MrParquetColumn){.col_idx = i};
    MrParquetScan *scan;
    MrBatch *batch;
    MrParquetScanOptions options = {.budget = &budget, .n_cols = n_cols, .cols = cols};
    if (mr_parquet_scan_create(file, &options, &scan, &err) != MR_OK ||
        mr_batch_create(&budget, &batch, &err) != MR_OK)
        return fail(&err);
    int n_runs = argc > 3 ? atoi(argv[3]) : 3;
    for (int run = 0; run < n_runs; run++) {
        double start = now_s();
        int64_t n_rows = 0, n_batches = 0;
        for (int32_t g = 0; g < mr_parquet_n_row_groups(file); g++) {
            bool more;
            if (mr_parquet_scan_start(scan, g, NULL, 0, NULL, &err) != MR_OK)
                return fail(&err);
            for (;; n_batches++) {
                if (mr_parquet_scan_next(scan, batch, &more, &err) != MR_OK)
                    return fail(&err);
                if (!more)
                    break;
                n_rows += batch->n_sel;
            }
        }
        double s = now_s() - start;
        printf("%lld rows x %d columns in %.1f ms: %.0f M values/s\n", (long long)n_rows,
               (int)n_cols, s * 1e3, (double)n_rows * n_cols / s * 1e-6);
    }
    mr_batch_destroy(batch);
    mr_parquet_scan_destroy(scan);
    mr_parquet_close(file);
    mr_buffer_deinit(&bytes);
    mr_budget_deinit(&budget);
    return 0;
}
