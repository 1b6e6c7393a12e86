/* parquet.h - Parquet files to batches and back.
 *
 * Reading: open a file once (its footer is parsed and kept, read-only, for all threads), then let
 * each worker own one MrParquetScan and start it on one row group after the other:
 *
 *     mr_parquet_open(budget, &input, &file, err);
 *     mr_parquet_scan_create(file, &options, &scan, err);          // per worker
 *     mr_parquet_scan_start(scan, row_group, predicates, n, &skipped, err);
 *     while (mr_parquet_scan_next(scan, batch, &more, err) == MR_OK && more) ...
 *     mr_parquet_scan_destroy(scan);
 *     mr_parquet_close(file);
 *
 * Rows are dropped as early as can be: predicates (column, operator, constants) rule out row groups
 * by their statistics and dictionaries and runs of rows by the page index; then filters, given the
 * columns of their stage, shorten the batch's selection before later columns are decoded.
 * Predicates are hints: rows that fail them may still come out.  Filters are exact.
 *
 * Strings come out as dictionary vectors where the file has a dictionary (dict_id: the column
 * chunk), else as views into pages that the batch retains.  Other types come out flat.
 *
 * Writing: MrParquetWriter takes batches and writes row group after row group; finish writes the
 * footer.  Damaged files end in FAILED_READ_FILE.*, whatever their bytes. */
#ifndef MR_FORMAT_PARQUET_H
#define MR_FORMAT_PARQUET_H

#include "column/batch.h"
#include "format/input.h"

/* RELIABILITY H: what a file may ask of us. */
#define MR_PARQUET_MAX_FOOTER_BYTES ((int64_t)64 << 20)
#define MR_PARQUET_MAX_PAGE_BYTES ((int64_t)256 << 20)
#define MR_PARQUET_MAX_COLUMNS 100000
#define MR_PARQUET_MAX_DEPTH 100

typedef struct MrParquetFile MrParquetFile;

/* Reads the footer.  *input is copied; what it points to outlives the file (and all its scans).
 * *out holds one reference.  Fails with FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER. */
MR_MUST_USE MrStatus mr_parquet_open(MrBudget *budget, const MrInput *input, MrParquetFile **out,
                                     MrError *err);
void mr_parquet_retain(MrParquetFile *file);
void mr_parquet_close(MrParquetFile *file); /* gives one reference back; accepts NULL */

/* The file's columns as Spark types; Spark's own schema in the file's metadata decides where it
 * fits the data (char, varchar, intervals, timestamp_ntz).  Lives as long as the file. */
const MrSchema *mr_parquet_schema(const MrParquetFile *file);
/* Number of the column with this name, or -1.  Without case: an exact match goes first. */
int32_t mr_parquet_find_column(const MrParquetFile *file, MrText name, bool case_sensitive);
int64_t mr_parquet_n_rows(const MrParquetFile *file);
int32_t mr_parquet_n_row_groups(const MrParquetFile *file);
int64_t mr_parquet_row_group_bytes(const MrParquetFile *file, int32_t row_group); /* compressed */

/* What the footer says of a whole column (flat ones only); row_group -1: of the file. */
typedef struct MrParquetStats {
    int64_t n_rows;
    int64_t n_nulls;           /* -1: unknown                                             */
    const MrVector *min, *max; /* constants of the schema's type; NULL: unknown.  May be wider than
                                 the values (cut strings); exact says that both are values.    */
    bool exact;
    int64_t n_distinct; /* an estimate from dictionaries' statistics; -1: unknown     */
    int64_t size_bytes; /* compressed                                               */
} MrParquetStats;
void mr_parquet_column_stats(const MrParquetFile *file, int32_t row_group, int32_t col_idx,
                             MrArena *arena, MrParquetStats *out);

typedef struct MrParquetColumn {
    int32_t col_idx;    /* in the file's schema; -1: not in the file, all NULL               */
    const MrType *type; /* wanted; NULL: the file's.  Widening is done (int to bigint, decimal of
                           more digits, date to timestamp_ntz ...), also inside nested types, whose
                           fields go by name; else PARQUET_COLUMN_DATA_TYPE_MISMATCH */
    int32_t stage;      /* decoded before filters[stage] is called; n_filters or more: after all */
} MrParquetColumn;

/* Shortens the selection of batch, whose columns of stages up to this one are filled in for the
 * rows still live; the others are NULL pointers. */
typedef struct MrParquetFilter {
    MrStatus (*call)(void *self, MrBatch *batch, MrError *err);
    void *self;
} MrParquetFilter;

typedef enum MrParquetTest {
    MR_PARQUET_EQ, /* also IN: any of the values */
    MR_PARQUET_LT,
    MR_PARQUET_LE,
    MR_PARQUET_GT,
    MR_PARQUET_GE,
    MR_PARQUET_IS_NULL,
    MR_PARQUET_NOT_NULL
} MrParquetTest;

/* One conjunct.  A row for which it is surely false or NULL may be dropped. */
typedef struct MrParquetPredicate {
    int32_t column; /* place in options.cols; flat types only */
    MrParquetTest test;
    const MrVector *values; /* flat or constant, of the column's wanted type; NULLs never match */
    int32_t n_values;       /* 1 except with EQ                                      */
} MrParquetPredicate;

typedef struct MrParquetScanOptions { /* borrowed for the life of the scan, with all it points to */
    MrBudget *budget;
    int32_t n_cols; /* 0: only row counts come out */
    const MrParquetColumn *cols;
    int32_t n_filters;
    const MrParquetFilter *filters;
} MrParquetScanOptions;

typedef struct MrParquetScan MrParquetScan;

/* Retains the file.  One thread at a time. */
MR_MUST_USE MrStatus mr_parquet_scan_create(MrParquetFile *file,
                                            const MrParquetScanOptions *options,
                                            MrParquetScan **out, MrError *err);
void mr_parquet_scan_destroy(MrParquetScan *scan); /* accepts NULL */
/* Turns to a row group.  *skipped: no row of it can pass the predicates (next gives none). */
MR_MUST_USE MrStatus mr_parquet_scan_start(MrParquetScan *scan, int32_t row_group,
                                           const MrParquetPredicate *predicates,
                                           int32_t n_predicates, bool *skipped, MrError *err);
/* Resets the batch and fills it with the next rows of which at least one is live; *more is false
 * when the row group has no more (the batch is then empty).  Batches stay good after the scan has
 * gone on. */
MR_MUST_USE MrStatus mr_parquet_scan_next(MrParquetScan *scan, MrBatch *batch, bool *more,
                                          MrError *err);
/* Number within the file of row 0 of the last batch. */
int64_t mr_parquet_scan_row(const MrParquetScan *scan);

typedef struct MrParquetScanCounts { /* since create */
    int64_t n_rows_read;             /* went into a batch, live or not                    */
    int64_t n_rows_pruned;           /* ruled out by statistics, dictionaries, page index */
    int64_t n_row_groups_pruned;
    int64_t n_bytes_read;
    int64_t n_pages_read, n_pages_skipped;
} MrParquetScanCounts;
MrParquetScanCounts mr_parquet_scan_counts(const MrParquetScan *scan);

typedef enum MrParquetCodec { /* the format's numbers */
                              MR_PARQUET_NONE = 0,
                              MR_PARQUET_SNAPPY = 1,
                              MR_PARQUET_GZIP = 2,
                              MR_PARQUET_LZO = 3,    /* not supported */
                              MR_PARQUET_BROTLI = 4, /* reading only  */
                              MR_PARQUET_LZ4 = 5,    /* Hadoop's framing; reading only */
                              MR_PARQUET_ZSTD = 6,
                              MR_PARQUET_LZ4_RAW = 7
} MrParquetCodec;

/* By Spark's names (none, uncompressed, snappy, gzip, zstd, lz4, lz4_raw), any case.  Fails with
 * CODEC_NOT_AVAILABLE. */
MR_MUST_USE MrStatus mr_parquet_codec_find(const char *name, MrParquetCodec *out, MrError *err);

typedef struct MrParquetWriteOptions {
    MrParquetCodec codec;
    int64_t row_group_rows; /* 0: 1,048,576; a row group also ends at 128 MiB    */
    int64_t page_bytes;     /* 0: 1 MiB before compression                      */
    int64_t page_rows;      /* 0: 20,000                                        */
    bool no_dictionary;
    bool v2; /* data pages v2; deltas and RLE rather than plain values, as parquet-mr's v2 */
    bool int96_timestamps; /* timestamps as INT96 rather than TIMESTAMP_MICROS */
    bool legacy_decimals;  /* all decimals as fixed-length bytes               */
} MrParquetWriteOptions;

typedef struct MrParquetWriter MrParquetWriter;

/* The schema and the options are copied; *output is copied, what it points to outlives the writer.
 */
MR_MUST_USE MrStatus mr_parquet_writer_create(MrBudget *budget, const MrSchema *schema,
                                              const MrParquetWriteOptions *options,
                                              const MrOutput *output, MrParquetWriter **out,
                                              MrError *err);
/* Takes the live rows of a batch of the schema's columns.  Weights are not looked at. */
MR_MUST_USE MrStatus mr_parquet_write(MrParquetWriter *writer, const MrBatch *batch, MrError *err);
/* Writes what is left and the footer.  Nothing may be written after it. */
MR_MUST_USE MrStatus mr_parquet_finish(MrParquetWriter *writer, MrError *err);
int64_t mr_parquet_writer_bytes(const MrParquetWriter *writer); /* given to output so far */
void mr_parquet_writer_destroy(MrParquetWriter *writer); /* accepts NULL; without finish: no file */

#endif
