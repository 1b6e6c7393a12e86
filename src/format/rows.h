/* rows.h - formats that are text: CSV, JSON and plain lines, bytes to rows and rows to bytes.
 *
 * One table of functions per format, so that whoever has the bytes (files, a socket, Kafka values)
 * treats them alike.  The owner of the bytes cuts them into chunks that end at a line border (or
 * hands over a whole file, when the format says so) and calls fill until the batch is full. Strings
 * of a batch point into the chunk: its owner is retained by the batch. */
#ifndef MR_FORMAT_ROWS_H
#define MR_FORMAT_ROWS_H

#include "column/batch.h"
#include "expr/expr.h"
#include "format/input.h"

/* The memory that a chunk lies in ends in this many zero bytes: kernels load 32 at a time, and a
 * zero stops every search. */
#define MR_CHUNK_PAD 64
/* A record may not be longer (RELIABILITY 3.3). */
#define MR_RECORD_MAX_BYTES (128 << 20)

/* The options that the user gave; NULL: not given. */
typedef struct MrFormatOptions {
    const char *(*get)(const void *self, const char *name);
    const void *self;
    const MrSettings *settings;
} MrFormatOptions;
/* The value, or fallback.  A bad boolean or number is the caller's check (connector options). */
const char *mr_format_option(const MrFormatOptions *options, const char *name,
                             const char *fallback);
bool mr_format_option_bool(const MrFormatOptions *options, const char *name, bool fallback);
MR_MUST_USE MrStatus mr_format_option_int(const MrFormatOptions *options, const char *name,
                                          int64_t fallback, int64_t *out, MrError *err);

/* The settings that values are read and written with: the session's, or with the zone of timeZone.
 */
MR_MUST_USE MrStatus mr_format_option_settings(MrArena *arena, const MrFormatOptions *options,
                                               const MrSettings **out, MrError *err);

/* Character encodings of files. */
typedef enum MrEncodingId {
    MR_ENC_UTF8,
    MR_ENC_LATIN1,
    MR_ENC_ASCII,
    MR_ENC_UTF16,
    MR_ENC_UTF16LE,
    MR_ENC_UTF16BE,
    MR_ENC_UTF32,
    MR_ENC_UTF32LE,
    MR_ENC_UTF32BE
} MrEncodingId;

/* What the text formats ask for of dates and times, and the patterns that write them.  A pattern
 * that cannot write is left out here; mr_row_times_check tells, when there is something to write.
 */
typedef struct MrRowTimes {
    const char *date, *timestamp, *timestamp_ntz; /* as given; NULL: not */
    MrTextFormats formats;
} MrRowTimes;
void mr_row_times_init(MrArena *arena, const MrFormatOptions *options, MrRowTimes *out);
/* Also that the file is to be UTF-8: others can be read only. */
MR_MUST_USE MrStatus mr_row_times_check(const MrRowTimes *times, MrEncodingId encoding,
                                        MrError *err);

typedef enum MrParseMode { MR_PARSE_PERMISSIVE, MR_PARSE_DROP, MR_PARSE_FAIL } MrParseMode;
MR_MUST_USE MrStatus mr_format_option_mode(const MrFormatOptions *options, MrParseMode *out,
                                           MrError *err);

/* "encoding", or its older name "charset". */
MR_MUST_USE MrStatus mr_format_option_encoding(const MrFormatOptions *options, const char *format,
                                               MrEncodingId *out, MrError *err);
/* "samplingRatio": which part of the records tells the schema. */
MR_MUST_USE MrStatus mr_format_option_sampling(const MrFormatOptions *options, const char *format,
                                               double *out, MrError *err);
/* The column of malformed records: the option, else the setting, else Spark's default. */
const char *mr_format_option_corrupt_name(MrArena *arena, const MrFormatOptions *options);

typedef struct MrChunk {
    const char *at, *end; /* what is left; fill moves at                                 */
    const char *begin;    /* where offset is                                             */
    int64_t offset;       /* of begin in the file, for messages                          */
    MrShared *owner;      /* keeps the bytes; NULL: they live as long as the reader      */
    const char *file;     /* for messages                                                */
    bool starts_file;     /* byte 0 of the file is at begin: BOM, header                 */
    bool last;            /* nothing follows: a record that is not closed ends at end    */
} MrChunk;

/* FAILFAST met a malformed record of the chunk. */
MrStatus mr_record_fail(const MrChunk *chunk, MrText record, const char *why, MrError *err);

/* What of the rows is wanted; outlives the reader. */
typedef struct MrRowSpec {
    const MrSchema *schema; /* of the file (without partition columns)                     */
    int32_t n_cols;
    const int32_t *cols; /* numbers in schema, in the order of the batch                */
    int32_t n_filters;
    MrExpr *const *filters; /* as in MrScanSpec: column.idx is a place in cols             */
} MrRowSpec;

typedef struct MrRowFormat MrRowFormat;
typedef struct MrRowReader MrRowReader;
struct MrRowReader {
    const MrRowFormat *format;
    bool exact_filters; /* rows for which a filter is not true do not come out             */
    int64_t n_bad;      /* records that were malformed                                     */
    int64_t n_rows;     /* so far in the batch                                             */
};

/* How a file must be cut. */
typedef struct MrRowCut {
    const char *line_sep;  /* NULL: \n, \r\n and \r                                        */
    bool whole_file;       /* one chunk per file                                           */
    bool no_ranges;        /* chunks at line borders, but from the first byte on: a file is
                              read by one reader                                           */
    MrEncodingId encoding; /* other than UTF-8 is converted first                         */
} MrRowCut;

struct MrRowFormat {
    const char *name;
    /* Reads and checks the options; the result is immutable and lives in the arena. */
    MrStatus (*configure)(MrArena *arena, const MrFormatOptions *options, const void **config,
                          MrError *err);
    void (*cut)(const void *config, MrRowCut *out);

    /* Schema inference: begin, feed every chunk that is looked at, end. */
    MrStatus (*infer_begin)(const void *config, MrBudget *budget, void **infer, MrError *err);
    MrStatus (*infer_feed)(void *infer, const MrEvalContext *context, MrChunk *chunk, MrError *err);
    MrStatus (*infer_end)(void *infer, MrArena *arena, MrSchema *out, MrError *err);
    void (*infer_destroy)(void *infer); /* accepts NULL */

    /* One reader at a time per thread.  start makes the batch's vectors; fill appends rows until
     * the batch holds MR_BATCH_ROWS or the chunk is used up (at = end, or at the start of a record
     * that is not complete and not last); finish sets n_rows. */
    MrStatus (*reader_open)(const void *config, const MrRowSpec *spec, MrBudget *budget,
                            MrRowReader **out, MrError *err);
    MrStatus (*file_begin)(MrRowReader *reader, const char *file, MrError *err);
    void (*start)(MrRowReader *reader, MrBatch *batch);
    MrStatus (*fill)(MrRowReader *reader, const MrEvalContext *context, MrBatch *batch,
                     MrChunk *chunk, MrError *err);
    void (*finish)(MrRowReader *reader, MrBatch *batch);
    void (*reader_close)(MrRowReader *reader); /* accepts NULL */

    /* Writing.  config as above; head goes before the first row of a file. */
    MrStatus (*write_check)(const void *config, const MrSchema *schema, MrError *err);
    MrStatus (*write_head)(const void *config, const MrSchema *schema, MrBuffer *out, MrError *err);
    /* Live rows of the batch; cols: numbers of the columns to write, schema: all of the batch. */
    MrStatus (*write_rows)(const void *config, const MrEvalContext *context, const MrSchema *schema,
                           const int32_t *cols, int32_t n_cols, const MrBatch *batch, MrBuffer *out,
                           MrError *err);
};

extern const MrRowFormat mr_format_csv, mr_format_json, mr_format_text;

/* NULL: no such text format. */
const MrRowFormat *mr_row_format_find(const char *name);

/* First byte of the next line at or behind at (end when there is none): *line_end is where this one
 * stops. */
const char *mr_line_next(const char *at, const char *end, const char *line_sep,
                         const char **line_end);

/* Appends UTF-8; broken input gives U+FFFD. */
MR_MUST_USE MrStatus mr_encoding_to_utf8(MrEncodingId encoding, const char *data,
                                         int64_t size_bytes, MrBuffer *out, MrError *err);
/* A copy in the arena with U+FFFD for each broken byte; the text itself when it is valid. */
MrText mr_utf8_repair(MrArena *arena, MrText text);

#endif
