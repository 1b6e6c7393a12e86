/* files.c - csv, json, text and parquet as connectors: four rows over one set of functions. */
#include "connector/files_int.h"

extern const MrConnectorType mr_connector_csv, mr_connector_json, mr_connector_text,
    mr_connector_parquet;

#define FILE_OPTIONS                                                                               \
    {"path", MR_OPT_TEXT, 0, NULL,                                                                 \
     "File, folder or glob to read; folder to write.  May be given more than once."},              \
        {"pathGlobFilter", MR_OPT_TEXT, 0, NULL, "Reads only files whose name matches."},          \
        {"recursiveFileLookup", MR_OPT_BOOL, 0, "false",                                           \
         "Reads all folders below; no partition columns."},                                        \
        {"basePath", MR_OPT_TEXT, 0, NULL, "Partition columns are looked for below this folder."}, \
        {"modifiedBefore", MR_OPT_TEXT, 0, NULL, "Reads only files modified before this time."},   \
        {"modifiedAfter", MR_OPT_TEXT, 0, NULL, "Reads only files modified after this time."},     \
        {"ignoreMissingFiles", MR_OPT_BOOL, 0, "false", "A file that went away is skipped."},      \
        {"ignoreCorruptFiles", MR_OPT_BOOL, 0, "false", "The rest of a damaged file is skipped."}, \
        {"maxFilesPerTrigger", MR_OPT_INT, 0, NULL,                                                \
         "Stream: new files in one micro-batch at most."},                                         \
        {"maxBytesPerTrigger", MR_OPT_TEXT, 0, MR_FILES_EPOCH_BYTES,                               \
         "Stream: bytes in one micro-batch, as a soft limit."},                                    \
        {"latestFirst", MR_OPT_BOOL, 0, "false", "Stream: the newest files first."},               \
        {"newFilesOnly", MR_OPT_BOOL, 0, "false", "Stream: not what is there at the start."},      \
        {"maxFileAge", MR_OPT_TEXT, 0, "7d",                                                       \
         "Stream: files that come older are skipped, and counted."},                               \
    {                                                                                              \
        "compression", MR_OPT_TEXT, 0, NULL,                                                       \
            "Of written files: none, gzip, deflate, zstd, lz4, snappy."                            \
    }
#define MODE_OPTIONS                                                                               \
    {"mode", MR_OPT_TEXT, 0, "PERMISSIVE",                                                         \
     "Malformed records: PERMISSIVE, DROPMALFORMED or FAILFAST."},                                 \
        {"columnNameOfCorruptRecord", MR_OPT_TEXT, 0, "_corrupt_record",                           \
         "Column that receives malformed records."},                                               \
        {"multiLine", MR_OPT_BOOL, 0, "false", "A record may span lines."},                        \
        {"encoding", MR_OPT_TEXT, 0, "UTF-8", "Of the bytes of the file."},                        \
        {"lineSep", MR_OPT_TEXT, 0, NULL, "Between records; by default \\n, \\r\\n and \\r."},     \
        {"samplingRatio", MR_OPT_DOUBLE, 0, "1.0",                                                 \
         "Part of the records that the schema is inferred from."},                                 \
        {"dateFormat", MR_OPT_TEXT, 0, NULL, "Pattern of dates."},                                 \
        {"timestampFormat", MR_OPT_TEXT, 0, NULL, "Pattern of timestamps."},                       \
        {"timeZone", MR_OPT_TEXT, 0, NULL, "Of timestamps without one; the session's."},           \
    {                                                                                              \
        "timestampNTZFormat", MR_OPT_TEXT, 0, NULL, "Pattern of timestamps without zone."          \
    }

static const MrOptionDef csv_options[] = {
    FILE_OPTIONS,
    MODE_OPTIONS,
    {"sep", MR_OPT_TEXT, 0, ",", "Separates fields; one or more characters."},
    {"quote", MR_OPT_TEXT, 0, "\"", "Quotes fields; empty: nothing does."},
    {"escape", MR_OPT_TEXT, 0, "\\", "Escapes quotes in quoted fields."},
    {"charToEscapeQuoteEscaping", MR_OPT_TEXT, 0, NULL, "Escapes the escape."},
    {"comment", MR_OPT_TEXT, 0, NULL, "Lines that begin with it are skipped."},
    {"header", MR_OPT_BOOL, 0, "false", "The first line names the columns."},
    {"inferSchema", MR_OPT_BOOL, 0, "false", "Finds the types of columns; reads the data twice."},
    {"preferDate", MR_OPT_BOOL, 0, "true", "Infers dates."},
    {"enforceSchema", MR_OPT_BOOL, 0, "true", "false: the header must agree with the schema."},
    {"ignoreLeadingWhiteSpace", MR_OPT_BOOL, 0, NULL, "Drops blanks before a field."},
    {"ignoreTrailingWhiteSpace", MR_OPT_BOOL, 0, NULL, "Drops blanks behind a field."},
    {"nullValue", MR_OPT_TEXT, 0, "", "Text that stands for NULL."},
    {"emptyValue", MR_OPT_TEXT, 0, NULL, "Text that stands for an empty string."},
    {"nanValue", MR_OPT_TEXT, 0, "NaN", "Text of a number that is none."},
    {"positiveInf", MR_OPT_TEXT, 0, "Inf", "Text of infinity."},
    {"negativeInf", MR_OPT_TEXT, 0, "-Inf", "Text of negative infinity."},
    {"maxColumns", MR_OPT_INT, 0, "20480", "Most fields in a record."},
    {"maxCharsPerColumn", MR_OPT_INT, 0, "-1", "Most characters in a field; -1: any number."},
    {"unescapedQuoteHandling", MR_OPT_TEXT, 0, "STOP_AT_DELIMITER",
     "What a stray quote in a quoted field does."},
    {"columnPruning", MR_OPT_BOOL, 0, NULL,
     "Only the wanted fields of a record are looked at; by default without multiLine."},
    {"quoteAll", MR_OPT_BOOL, 0, "false", "Writes all fields in quotes."},
    {"escapeQuotes", MR_OPT_BOOL, 0, "true", "Writes fields with quotes in quotes."},
    {0},
};
static const MrOptionDef json_options[] = {
    FILE_OPTIONS,
    MODE_OPTIONS,
    {"primitivesAsString", MR_OPT_BOOL, 0, "false", "Infers all scalars as strings."},
    {"prefersDecimal", MR_OPT_BOOL, 0, "false", "Infers fractions as decimals."},
    {"allowComments", MR_OPT_BOOL, 0, "false", "Accepts comments as in Java."},
    {"allowUnquotedFieldNames", MR_OPT_BOOL, 0, "false", "Accepts names without quotes."},
    {"allowSingleQuotes", MR_OPT_BOOL, 0, "true", "Accepts single quotes."},
    {"allowNumericLeadingZeros", MR_OPT_BOOL, 0, "false", "Accepts 007."},
    {"allowBackslashEscapingAnyCharacter", MR_OPT_BOOL, 0, "false", "Accepts any escape."},
    {"allowUnquotedControlChars", MR_OPT_BOOL, 0, "false",
     "Accepts control characters in strings."},
    {"allowNonNumericNumbers", MR_OPT_BOOL, 0, "true", "Accepts NaN and Infinity."},
    {"dropFieldIfAllNull", MR_OPT_BOOL, 0, "false", "Leaves out columns that are always NULL."},
    {"inferTimestamp", MR_OPT_BOOL, 0, "false", "Infers timestamps."},
    {"ignoreNullFields", MR_OPT_BOOL, 0, "true", "Leaves out NULL fields in writing."},
    {0},
};
static const MrOptionDef text_options[] = {
    FILE_OPTIONS,
    {"wholetext", MR_OPT_BOOL, 0, "false", "A file is one row."},
    {"lineSep", MR_OPT_TEXT, 0, NULL, "Between lines; by default \\n, \\r\\n and \\r."},
    {0},
};
static const MrOptionDef parquet_options[] = {
    FILE_OPTIONS,
    {"mergeSchema", MR_OPT_BOOL, 0, NULL, "The schema is that of all files together."},
    {"parquet.writer.version", MR_OPT_TEXT, 0, "v1",
     "Of written files: v1 (PARQUET_1_0), or v2 (PARQUET_2_0): data pages v2 and delta encodings."},
    {"parquet.enable.dictionary", MR_OPT_BOOL, 0, "true",
     "Written files have dictionaries where these pay."},
    {0},
};

#define FILE_CONNECTOR(what, title)                                                                \
    static MrStatus what##_open_source(const MrConnectorContext *context, MrSource **out,          \
                                       MrError *err)                                               \
    {                                                                                              \
        return mr__files_open_source(context, &mr_connector_##what, out, err);                     \
    }                                                                                              \
    static MrStatus what##_open_sink(const MrConnectorContext *context, const MrSinkSpec *spec,    \
                                     MrSink **out, MrError *err)                                   \
    {                                                                                              \
        return mr__files_open_sink(context, &mr_connector_##what, spec, out, err);                 \
    }                                                                                              \
    const MrConnectorType mr_connector_##what = {                                                  \
        .name = #what,                                                                             \
        .doc = title,                                                                              \
        .flags = MR_CONN_BATCH_READ | MR_CONN_STREAM_READ | MR_CONN_BATCH_WRITE |                  \
                 MR_CONN_STREAM_WRITE | MR_CONN_FILES,                                             \
        .options = what##_options,                                                                 \
        .open_source = what##_open_source,                                                         \
        .close_source = mr__files_close_source,                                                    \
        .latest = mr__files_latest,                                                                \
        .end_here = mr__files_end_here,                                                            \
        .log_open = mr__files_log_open,                                                            \
        .remember = mr__files_remember,                                                            \
        .intact = mr__files_intact,                                                                \
        .content = mr__files_content,                                                              \
        .recall = mr__files_recall,                                                                \
        .poll = mr__files_poll,                                                                    \
        .plan_splits = mr__files_plan_splits,                                                      \
        .row_count = mr__files_row_count,                                                          \
        .reader_open = mr__files_reader_open,                                                      \
        .read = mr__files_read,                                                                    \
        .reader_close = mr__files_reader_close,                                                    \
        .open_sink = what##_open_sink,                                                             \
        .close_sink = mr__files_close_sink,                                                        \
        .writer_open = mr__files_writer_open,                                                      \
        .write = mr__files_write,                                                                  \
        .prepare = mr__files_prepare,                                                              \
        .writer_close = mr__files_writer_close,                                                    \
        .commit = mr__files_commit,                                                                \
        .check_mark = mr__files_check_mark,                                                        \
        .batch_done = mr__files_batch_done,                                                        \
        .recover = mr__files_recover,                                                              \
    }

FILE_CONNECTOR(csv, "Files of comma-separated values.");
FILE_CONNECTOR(json, "Files of JSON lines, or JSON documents with multiLine.");
FILE_CONNECTOR(text, "Files of lines, each the string column \"value\".");
FILE_CONNECTOR(parquet, "Parquet files.");
