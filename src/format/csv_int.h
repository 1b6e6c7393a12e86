/* csv_int.h - what the CSV reader, the inference and the writer share: options and fields. */
#ifndef MR_FORMAT_CSV_INT_H
#define MR_FORMAT_CSV_INT_H

#include "format/rows.h"
#include "format/text_value.h"

typedef enum MrCsvUnescaped {
    MR_CSV_STOP_AT_DELIMITER,
    MR_CSV_STOP_AT_CLOSING_QUOTE,
    MR_CSV_BACK_TO_DELIMITER,
    MR_CSV_SKIP_VALUE,
    MR_CSV_RAISE_ERROR
} MrCsvUnescaped;

typedef struct MrCsvConfig {
    MrParseMode mode;
    const MrSettings *settings;
    const char *sep;
    int32_t n_sep;
    char quote, escape, escape_escape, comment; /* 0: none */
    bool header, leading_trim, trailing_trim, multi_line, enforce_schema, infer, prefer_date,
        column_pruning, quote_all, escape_quotes, write_leading_trim, write_trailing_trim;
    MrCsvUnescaped unescaped;
    const char *line_sep, *write_line_sep, *corrupt_name;
    MrText null_value, empty_value, nan_value, positive_inf, negative_inf, write_empty;
    MrRowTimes times;
    double sampling_ratio;
    int64_t max_columns, max_chars;
    MrEncodingId encoding;
} MrCsvConfig;

typedef struct MrCsvField {
    MrText text; /* unescaped; in the chunk or the arena */
    bool quoted;
} MrCsvField;

typedef enum MrCsvStop {
    MR_CSV_MORE, /* a separator was read: another field follows      */
    MR_CSV_ROW,  /* the record ended here                            */
    MR_CSV_OPEN, /* a quoted field is not closed at end              */
    MR_CSV_BAD   /* RAISE_ERROR                                      */
} MrCsvStop;

/* One field of the record at *at.  end: of the record, or (multiLine) of the bytes there are. arena
 * NULL: the text is not wanted, just its end. */
MrCsvStop mr__csv_field(const MrCsvConfig *config, const char **at, const char *end, MrArena *arena,
                        MrCsvField *out);
/* The next record that is neither blank nor a comment: its start, and in *line_end its end, unless
 * multiLine.  NULL: none. */
const char *mr__csv_record(const MrCsvConfig *config, const char **at, const char *end,
                           const char **line_end);
/* (multiLine) Moves over one line end. */
const char *mr__csv_line_over(const MrCsvConfig *config, const char *at, const char *end);
/* NULL as Spark sees it: empty, or equal to nullValue. */
bool mr__csv_is_null(const MrCsvConfig *config, const MrCsvField *field);
/* Readers of values with CSV's formats. */
MrStatus mr__csv_value_init(const MrCsvConfig *config, MrTextValue *value, MrArena *arena,
                            const MrType *type, MrError *err);
bool mr__csv_value_set(const MrCsvConfig *config, const MrTextValue *value,
                       const MrEvalContext *context, MrArena *arena, MrText text, MrVector *vec,
                       int64_t row);

MrStatus mr__csv_infer_begin(const void *config, MrBudget *budget, void **infer, MrError *err);
MrStatus mr__csv_infer_feed(void *infer, const MrEvalContext *context, MrChunk *chunk,
                            MrError *err);
MrStatus mr__csv_infer_end(void *infer, MrArena *arena, MrSchema *out, MrError *err);
void mr__csv_infer_destroy(void *infer);
MrStatus mr__csv_write_check(const void *config, const MrSchema *schema, MrError *err);
MrStatus mr__csv_write_head(const void *config, const MrSchema *schema, MrBuffer *out,
                            MrError *err);
MrStatus mr__csv_write_rows(const void *config, const MrEvalContext *context,
                            const MrSchema *schema, const int32_t *cols, int32_t n_cols,
                            const MrBatch *batch, MrBuffer *out, MrError *err);

#endif
