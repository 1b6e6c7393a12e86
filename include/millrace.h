/* millrace.h - Spark SQL, frames and streams for C and C++.
 *
 * Threads: one call at a time per session and what was made from it, unless a comment says more.
 * Several sessions are independent.  Version: MR_VERSION; calls are added, not changed; new members
 * of structs go last.
 * Data leaves and comes in through the Arrow C stream interface.
 *
 * What holds where nothing else is said:
 *   - Every function that can fail returns MrStatus and takes an MrError last.  On failure nothing
 *     is written to an out argument.
 *   - Texts are UTF-8, end in NUL and are borrowed for the call.  Handles, out arguments and err
 *     must not be NULL; a text or function that is NULL, and a number out of its range, fail with
 *     INVALID_PARAMETER_VALUE.  NULL options are all zero.
 *   - What a call makes is yours, to be ended by the close or free beside it.  Handles may be
 * closed in any order: the session lives until the last of them is.  Close each once.
 *   - Any call may fail with MR_NO_MEMORY, and one that runs a query with MR_CANCELED, or with what
 *     the query's data is to blame for (DIVIDE_BY_ZERO ...).  Since: 0.1. */
#ifndef MILLRACE_H
#define MILLRACE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MR_VERSION "0.1.0"

#define MR_API __attribute__((visibility("default")))
#define MR_MUST_USE __attribute__((warn_unused_result))

/* What the caller should do. */
typedef enum MrStatus {
    MR_OK = 0,
    MR_INVALID,   /* the user's SQL, option or data is wrong: do not retry */
    MR_NO_MEMORY, /* a budget said no: spill, shrink, or fail the query    */
    MR_IO,        /* an outside system failed: a retry may work            */
    MR_CORRUPT,   /* bytes fail their own checks: a retry will not help    */
    MR_CANCELED   /* the query was stopped                                 */
} MrStatus;

/* What the user should know, in Spark's terms.  It lives in the caller's storage, so reporting
 * needs no memory.  {0} is "no error". */
typedef struct MrError {
    MrStatus status;
    int32_t condition;    /* an MrCondition, a row of MR_CONDITIONS: name, SQLSTATE, text      */
    int32_t sql_idx;      /* first byte in the query text that is meant; -1: none              */
    int32_t sql_len;      /* bytes of the query text that are meant                            */
    int32_t params_bytes; /* used bytes of params                                              */
    char params[1000];    /* name, value, name, value, each ended by NUL; long values are cut  */
    char trail[500];      /* "in ..." lines, innermost first: split, operator, query           */
} MrError;

/* "DIVIDE_BY_ZERO", "22012"; a constant string.  Without an error: "" and "00000". */
MR_API const char *mr_error_condition(const MrError *err);
MR_API const char *mr_error_sqlstate(const MrError *err);

/* Writes "[CONDITION] text. SQLSTATE: xxxxx" and the trail into text, always ended by NUL; returns
 * the bytes that the whole message needs without the NUL, as snprintf does. */
MR_API int64_t mr_error_message(const MrError *err, char *text, int64_t size_bytes);

/* ---------------------------------------------------------------- sessions */

typedef struct MrSession MrSession;
typedef struct MrFrame MrFrame;
typedef struct MrStreamingQuery MrStreamingQuery;

/* All members may be left zero.  Texts are borrowed for the call. */
typedef struct MrSessionOptions {
    const char *warehouse; /* folder of tables; NULL: spark-warehouse in the current folder     */
    int64_t memory_limit_bytes; /* 0: 70 % of the machine's */
    int32_t n_threads; /* 0: as many as cores                                               */
} MrSessionOptions;

/* Opens a session; at most 1,024 threads.  Tables are looked for when they are asked for: the
 * folder need not be there.  Fails with MR_NO_MEMORY or MR_IO.   Example: example/first_query.c */
MR_API MR_MUST_USE MrStatus mr_session_open(const MrSessionOptions *options, MrSession **session,
                                            MrError *err);
/* Gives the session up; it ends when all that was made from it is closed, too, arrays and schemas
 * included: what nobody releases keeps it for the rest of the process.  NULL is fine. */
MR_API void mr_session_close(MrSession *session);
/* Sets one of Spark's or Millrace's settings, as SET does; unknown keys are kept, but those of
 * ours.  Queries that run keep what they began with.  Fails with INVALID_CONF_VALUE. */
MR_API MR_MUST_USE MrStatus mr_session_conf_set(MrSession *session, const char *key,
                                                const char *value, MrError *err);
/* From any thread or a signal handler: what runs in the session fails with OPERATION_CANCELED
 * within 50 ms; so do all its streaming queries and contexts, also those that wait for data.  What
 * begins after the call is not meant by it.  A function of yours that runs is waited for. */
MR_API void mr_session_interrupt(MrSession *session);

/* Runs a command (CREATE, INSERT, SET ...), or binds a query, which runs each time the frame is
 * read.
 *
 *   sql    at most 16 MiB; one statement, semicolons may follow
 *   frame  end it with mr_frame_close(); of a command: its rows, often none
 *
 * Fails with MR_INVALID: the condition is Spark's, err->sql_idx its place in sql.
 * Source: Spark SQL reference, ANSI on.   Example: example/first_query.c */
MR_API MR_MUST_USE MrStatus mr_session_sql(MrSession *session, const char *sql, MrFrame **frame,
                                           MrError *err);

/* ---------------------------------------------------------------- frames
 *
 * A frame is a query that has not run yet.  Each call makes a new frame, to be ended with
 * mr_frame_close(), from old ones, which stay as they are and may be closed; names and types are
 * checked at once.  A frame runs each time it is read.
 * What a text means is decided when its frame is made: the views, functions, variables, settings
 * and columns that it finds then are its own, whatever replaces, drops or sets them later.  Rows
 * are read as they are when it runs.  When a table was dropped meanwhile, reading it fails with
 * TABLE_OR_VIEW_NOT_FOUND; when it was made anew, with
 * INCOMPATIBLE_TABLE_CHANGE_AFTER_ANALYSIS.TABLE_ID_MISMATCH.
 * Texts are Spark SQL, as in selectExpr and where: each must be whole by itself
 * (PARSE_SYNTAX_ERROR), and err->sql_idx is a place in it.  A command's frame can be read, but not
 * built upon. Source: Spark's Dataset API for what each call means. */

/* An option of a source or sink by its name in Spark, in any case: {"header", "true"}. */
typedef struct MrKeyValue {
    const char *key, *value;
} MrKeyValue;

typedef struct MrReadOptions {
    const char *format; /* "parquet" (NULL), "csv", "json", "text"; also "socket", "rate",
                           "rate-micro-batch" when streaming */
    const char *path;   /* a file, a folder, a glob; NULL: none                              */
    const char *schema; /* "a INT, b STRING"; NULL: found out                                */
    const MrKeyValue *options; /* n_options of them */
    int32_t n_options;
    bool streaming; /* as spark.readStream                                               */
} MrReadOptions;
/* A frame over a source; its schema is found out now, its rows are read when the frame is.  Fails
 * with DATA_SOURCE_NOT_FOUND, PATH_NOT_FOUND, UNABLE_TO_INFER_SCHEMA, INVALID_PARAMETER_VALUE (an
 * option) and those of the schema's text. */
MR_API MR_MUST_USE MrStatus mr_session_read(MrSession *session, const MrReadOptions *options,
                                            MrFrame **frame, MrError *err);

/* exprs: "a, b + 1 AS c, *". */
MR_API MR_MUST_USE MrStatus mr_frame_select(MrFrame *frame, const char *exprs, MrFrame **out,
                                            MrError *err);
/* Rows of which condition ("a > 1 AND b IS NOT NULL") is true. */
MR_API MR_MUST_USE MrStatus mr_frame_filter(MrFrame *frame, const char *condition, MrFrame **out,
                                            MrError *err);
/* keys "a, b % 2 AS odd" (NULL or "": one group, also without rows), aggregates
 * "sum(x) AS total, count(*)".  Columns: the keys, then the aggregates. */
MR_API MR_MUST_USE MrStatus mr_frame_group(MrFrame *frame, const char *keys, const char *aggregates,
                                           MrFrame **out, MrError *err);
/* kind: "inner", "left", "right", "full", "left semi", "left anti", "cross", or Spark's other names
 * of them, in any case; else UNSUPPORTED_JOIN_TYPE.  In condition, and in the next call over the
 * result, the frames are named l and r: "l.id = r.id"; NULL only with cross.  Columns: the left
 * frame's, then (but of semi and anti) the right one's, so that names may come twice. */
MR_API MR_MUST_USE MrStatus mr_frame_join(MrFrame *left, MrFrame *right, const char *kind,
                                          const char *condition, MrFrame **out, MrError *err);
/* keys: "a, b DESC NULLS LAST". */
MR_API MR_MUST_USE MrStatus mr_frame_order(MrFrame *frame, const char *keys, MrFrame **out,
                                           MrError *err);
/* n_rows: 0 .. 2,147,483,647, else INVALID_LIMIT_LIKE_EXPRESSION. */
MR_API MR_MUST_USE MrStatus mr_frame_limit(MrFrame *frame, int64_t n_rows, MrFrame **out,
                                           MrError *err);
/* All rows of both, columns by their places; NUM_COLUMNS_MISMATCH, INCOMPATIBLE_COLUMN_TYPE. */
MR_API MR_MUST_USE MrStatus mr_frame_union(MrFrame *first, MrFrame *second, MrFrame **out,
                                           MrError *err);
/* Equal rows once; NULLs are equal here. */
MR_API MR_MUST_USE MrStatus mr_frame_distinct(MrFrame *frame, MrFrame **out, MrError *err);
/* Of a streaming frame: rows more than delay ("10 seconds", not negative) behind the highest
 * time_column are late.  Fails with EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE. */
MR_API MR_MUST_USE MrStatus mr_frame_watermark(MrFrame *frame, const char *time_column,
                                               const char *delay, MrFrame **out, MrError *err);
/* Makes the frame known to SQL under a name (one part, any characters), for this session, instead
 * of a view that had it; the frame may read that view.  The view means what the frame does. */
MR_API MR_MUST_USE MrStatus mr_frame_create_view(MrFrame *frame, const char *name, MrError *err);
MR_API void mr_frame_close(MrFrame *frame); /* NULL is fine */

struct ArrowArrayStream; /* Arrow specification, "C stream interface" */
/* Runs the frame while the stream is read; its arrays are structs of up to 2,048 rows, one child a
 * column.  The stream, its schema and its arrays are yours, each released as Arrow has it, in any
 * order; one thread at a time, but arrays are released on any.  A failure while reading is EIO, or
 * ENOMEM, and get_last_error has the message. */
MR_API MR_MUST_USE MrStatus mr_frame_arrow(MrFrame *frame, struct ArrowArrayStream *out,
                                           MrError *err);

/* A frame of the rows that the stream gives: they are copied and kept until the session ends.  The
 * stream is taken: it is released here, also when the call fails.  Fails with
 * UNSUPPORTED_ARROWTYPE, MR_NO_MEMORY, or IO_ERROR with the stream's own message. */
MR_API MR_MUST_USE MrStatus mr_session_arrow(MrSession *session, struct ArrowArrayStream *rows,
                                             MrFrame **frame, MrError *err);

typedef struct MrShowOptions {
    int32_t n_rows; /* 0: 20; not negative */
    bool keep_long; /* cells of more than 20 characters are shown whole */
} MrShowOptions;
/* Prints a table as Spark's show() does.  Like the other calls that read, it refuses a streaming
 * frame (UNSUPPORTED_FEATURE): mr_frame_start runs those. */
MR_API MR_MUST_USE MrStatus mr_frame_show(MrFrame *frame, const MrShowOptions *options, FILE *to,
                                          MrError *err);
MR_API MR_MUST_USE MrStatus mr_frame_count(MrFrame *frame, int64_t *n_rows, MrError *err);

typedef struct MrWriteOptions {
    const char *format;        /* NULL: parquet                                          */
    const char *path;          /* a folder                                               */
    const char *mode;          /* "error" (NULL), "append", "overwrite", "ignore"         */
    const MrKeyValue *options; /* n_options of them                                      */
    int32_t n_options;
    const char *partition_by; /* "a, b"; NULL: not partitioned                           */
} MrWriteOptions;
/* Runs the frame and writes its rows, one file a worker; readers see all of them or none.  Fails
 * with PATH_ALREADY_EXISTS (mode error), INVALID_SAVE_MODE, DATA_SOURCE_NOT_FOUND, MR_IO. */
MR_API MR_MUST_USE MrStatus mr_frame_write(MrFrame *frame, const MrWriteOptions *options,
                                           MrError *err);

/* ---------------------------------------------------------------- streaming queries */

typedef struct MrStreamStart {
    const char *format; /* "parquet" (NULL), "csv", "json", "text", "console", "noop"; "memory": the
                           rows are a table of the query's name, for this session */
    const char *path;   /* of file formats                                                     */
    const char *name;   /* of the query; NULL: none                                            */
    const char *output_mode; /* "append" (NULL), "update", "complete" */
    const char *checkpoint;  /* folder; NULL: nothing survives the process  */
    int64_t interval_ms; /* processingTime trigger; 0: as fast as data comes                    */
    bool available_now;  /* process what is there in epochs as large as the source's options let
                            them be, then end */
    bool once;           /* process what is there in one epoch, then end */
    const MrKeyValue *options; /* n_options of them */
    int32_t n_options;
    /* NULL, or instead of a format: called on the query's thread once an epoch with all its rows;
     * at least once after a crash, with the same epoch and rows.  rows is borrowed for the call;
     * arrays taken from it are yours to release.  Anything but MR_OK fails the query: with the
     * error it wrote into err, or else FOREACH_BATCH_USER_FUNCTION_ERROR.  It may use the session,
     * when no other thread does, and stop its query. */
    MrStatus (*foreach_batch)(void *self, int64_t epoch, struct ArrowArrayStream *rows,
                              MrError *err);
    void *self;
} MrStreamStart;

/* Starts the query on a thread of its own.  *query is yours, end it with
 * mr_streaming_query_close(); the frame may be closed.  Fails with WRITE_STREAM_NOT_ALLOWED (the
 * frame is not streaming), STREAMING_OUTPUT_MODE, DATA_SOURCE_NOT_FOUND,
 * CONCURRENT_STREAM_LOG_UPDATE (another process or query has the checkpoint), and when the
 * checkpoint is of another query or damaged (MR_CORRUPT). */
MR_API MR_MUST_USE MrStatus mr_frame_start(MrFrame *frame, const MrStreamStart *options,
                                           MrStreamingQuery **query, MrError *err);
/* Waits until the query ends by itself, fails (its error is given, at each call) or timeout_ms
 * passes (< 0: for ever); *ended says whether it has ended, also when it failed.  This call and the
 * next three may come from any thread.  A foreach_batch that calls one of them for its own query
 * does not wait. */
MR_API MR_MUST_USE MrStatus mr_streaming_query_await(MrStreamingQuery *query, int64_t timeout_ms,
                                                     bool *ended, MrError *err);
/* Waits until all that was there at the call has been processed, or the query has ended. */
MR_API MR_MUST_USE MrStatus mr_streaming_query_process_all(MrStreamingQuery *query, MrError *err);
/* Asks it to stop at the border of an epoch, and waits for that; fails when the query has failed.
 * One that has ended, in any way, holds its checkpoint and its name no longer. */
MR_API MR_MUST_USE MrStatus mr_streaming_query_stop(MrStreamingQuery *query, MrError *err);
/* The last progress as JSON with Spark's field names; "" before the first epoch.  Borrowed until
 * the next call. */
MR_API const char *mr_streaming_query_progress(MrStreamingQuery *query);
/* Stops it first; not from its own foreach_batch.  NULL is fine. */
MR_API void mr_streaming_query_close(MrStreamingQuery *query);

/* ---------------------------------------------------------------- RDDs
 *
 * An RDD is a collection of rows that has not been computed yet; a row is a key and a value, both
 * any bytes.  Rows of text files and sockets are lines: the value, without a key.  As with frames,
 * each call makes a new RDD from old ones, and nothing runs until an action (collect, count, take,
 * reduce, foreach_partition, save).  An RDD runs on the engine of SQL: in parallel, within the
 * session's memory limit, spilling where it must.
 *
 * Your functions are called by several threads at once, each row as often as the plan needs it, so
 * they must not change what self points to without a lock, nor keep the bytes that they are given
 * after they return.  One that returns anything but MR_OK fails the action: with the error it wrote
 * into err, or else FAILED_EXECUTE_UDF; MR_CANCELED is OPERATION_CANCELED.
 * Source: Spark's RDD programming guide for what each transformation means. */

/* Borrowed bytes, fewer than 2 GiB and not negative; data NULL: there is none (no key, the absent
 * side of an outer join, no state).  Not ended by NUL. */
typedef struct MrBytes {
    const char *data;
    int64_t size_bytes;
} MrBytes;
typedef struct MrPair {
    MrBytes key, value;
} MrPair;
/* The bytes of a text that ends in NUL, without it. */
MR_API MrBytes mr_bytes(const char *text);
/* A whole number in decimal digits, as counts are given; false: it is none, *out stays. */
MR_API bool mr_bytes_to_i64(MrBytes bytes, int64_t *out);
MR_API bool mr_bytes_to_f64(MrBytes bytes, double *out);

/* Where a function puts rows.  The bytes are copied.  The results say MR_NO_MEMORY when the query's
 * budget does, MR_CANCELED when it was interrupted: return that then. */
typedef struct MrEmitter MrEmitter;
MR_API MrStatus mr_emit(MrEmitter *to, MrBytes key, MrBytes value);
MR_API MrStatus mr_emit_i64(MrEmitter *to, MrBytes key, int64_t value); /* decimal digits */
/* For a function that fails: USER_RAISED_EXCEPTION with a message.  Returns MR_INVALID. */
MR_API MrStatus mr_error_set(MrError *err, const char *message);

/* Of map: emits one row.  Of flat_map: any number.  row is borrowed for the call. */
typedef MrStatus (*MrMapFunction)(void *self, const MrPair *row, MrEmitter *to, MrError *err);
typedef MrStatus (*MrFilterFunction)(void *self, const MrPair *row, bool *keep, MrError *err);
/* Two values of one key into one: emits one row, whose key is not looked at.  Must be associative
 * and commutative: the engine chooses the order.  The inverse of a window's reduce takes b out of
 * a. */
typedef MrStatus (*MrReduceFunction)(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *err);
/* Called for each pair of rows with the same key; emits any number of rows. */
typedef MrStatus (*MrJoinFunction)(void *self, MrBytes key, MrBytes left, MrBytes right,
                                   MrEmitter *to, MrError *err);
/* A key's new values of a batch and its state: emits one row, whose value is the new state, or
 * nothing: the key is forgotten. */
typedef MrStatus (*MrStateFunction)(void *self, MrBytes key, const MrBytes *values,
                                    int64_t n_values, MrBytes state, MrEmitter *to, MrError *err);

/* Ready-made: the sum of two whole numbers in decimal digits, and its inverse.  Fail with
 * CAST_INVALID_INPUT for other bytes and ARITHMETIC_OVERFLOW. */
MR_API MrStatus mr_reduce_sum_i64(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *err);
MR_API MrStatus mr_inverse_sum_i64(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *err);

/* The rows of one partition, on one thread: call next until it gives false in *more.  A row is
 * borrowed until the next call.  It fails when the action does: there will be no more rows, but
 * this is not their end. */
typedef struct MrPartition MrPartition;
MR_API MR_MUST_USE MrStatus mr_partition_next(MrPartition *partition, MrPair *row, bool *more,
                                              MrError *err);
typedef MrStatus (*MrPartitionFunction)(void *self, int32_t partition_idx, MrPartition *rows,
                                        MrError *err);

/* Each *out is yours, end it with mr_rdd_close(); the RDDs it was made from may be closed before
 * it.  self must live until the last action.  At most 500 steps in a row.
 * Example of all: example/rdd_word_count.c
 *
 * The rows of parallelize are copied. */
typedef struct MrRdd MrRdd;
MR_API MR_MUST_USE MrStatus mr_rdd_parallelize(MrSession *session, const MrPair *rows,
                                               int64_t n_rows, MrRdd **out, MrError *err);
/* Lines of a file, a folder, a glob; compressed or not.  Fails with PATH_NOT_FOUND. */
MR_API MR_MUST_USE MrStatus mr_rdd_text_file(MrSession *session, const char *path, MrRdd **out,
                                             MrError *err);
MR_API MR_MUST_USE MrStatus mr_rdd_map(MrRdd *rdd, MrMapFunction map, void *self, MrRdd **out,
                                       MrError *err);
MR_API MR_MUST_USE MrStatus mr_rdd_flat_map(MrRdd *rdd, MrMapFunction map, void *self, MrRdd **out,
                                            MrError *err);
/* As map; a row without a key fails the action. */
MR_API MR_MUST_USE MrStatus mr_rdd_map_to_pair(MrRdd *rdd, MrMapFunction map, void *self,
                                               MrRdd **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_rdd_filter(MrRdd *rdd, MrFilterFunction filter, void *self,
                                          MrRdd **out, MrError *err);
/* One row a key; rows without a key are one group. */
MR_API MR_MUST_USE MrStatus mr_rdd_reduce_by_key(MrRdd *rdd, MrReduceFunction reduce, void *self,
                                                 MrRdd **out, MrError *err);
/* How often each value comes: the value as the key, the count in decimal digits as the value. */
MR_API MR_MUST_USE MrStatus mr_rdd_count_by_value(MrRdd *rdd, MrRdd **out, MrError *err);
/* kind: as of frames, without semi, anti and cross; rows without a key match nothing.  The absent
 * side of an outer join has data NULL. */
MR_API MR_MUST_USE MrStatus mr_rdd_join(MrRdd *left, MrRdd *right, const char *kind,
                                        MrJoinFunction join, void *self, MrRdd **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_rdd_union(MrRdd *first, MrRdd *second, MrRdd **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_rdd_distinct(MrRdd *rdd, MrRdd **out, MrError *err);
/* By bytes, unsigned, the shorter first; rows without a key before all, descending: after all. */
MR_API MR_MUST_USE MrStatus mr_rdd_sort_by_key(MrRdd *rdd, bool descending, MrRdd **out,
                                               MrError *err);
MR_API void mr_rdd_close(MrRdd *rdd); /* NULL is fine */

/* Actions: each computes the RDD anew.  *rows is one block of the session's memory, yours, end it
 * with mr_rows_free(); NULL when there are none.  In no order unless sorted.  For convenience all
 * bytes in it are followed by a NUL, which is not counted. */
MR_API MR_MUST_USE MrStatus mr_rdd_collect(MrRdd *rdd, MrPair **rows, int64_t *n_rows,
                                           MrError *err);
MR_API MR_MUST_USE MrStatus mr_rdd_take(MrRdd *rdd, int64_t n, MrPair **rows, int64_t *n_rows,
                                        MrError *err);
MR_API void mr_rows_free(MrPair *rows); /* NULL is fine */
MR_API MR_MUST_USE MrStatus mr_rdd_count(MrRdd *rdd, int64_t *n_rows, MrError *err);
/* Of all values; *row as from collect, data NULL in value for an RDD without rows. */
MR_API MR_MUST_USE MrStatus mr_rdd_reduce(MrRdd *rdd, MrReduceFunction reduce, void *self,
                                          MrPair **row, MrError *err);
/* Calls the function once a partition, several at once, each on a thread of its own; at least one
 * partition.  A function that does not want all rows just returns. */
MR_API MR_MUST_USE MrStatus mr_rdd_foreach_partition(MrRdd *rdd, MrPartitionFunction function,
                                                     void *self, MrError *err);
/* One file a partition; "(key,value)" lines, or the value alone where there is no key.  Readers see
 * all of them or none; the folder must not be there yet (PATH_ALREADY_EXISTS). */
MR_API MR_MUST_USE MrStatus mr_rdd_save_as_text_file(MrRdd *rdd, const char *path, MrError *err);

/* ---------------------------------------------------------------- DStreams
 *
 * A DStream is an RDD for each batch interval.  Build the graph of a context, then start it: one
 * streaming query on a thread of its own runs a batch at each multiple of the interval since 1970
 * (also when nothing came), with the outputs in the order in which they were made.  When a batch
 * takes longer than the interval the next one, with the last time that has passed, takes all that
 * came meanwhile.  Streams belong to their context and end with it; what self points to must live
 * as long.  Functions are called as those of RDDs are.  While a context runs, the session is its
 * outputs' to use; other threads only await and stop.
 * Examples: example/network_word_count.c, stock_alerts.c, celsius.c, log_filter.c,
 * checkpointed_counts.c */

typedef struct MrStreamContext MrStreamContext;
typedef struct MrDStream MrDStream;

/* interval_ms: 1 .. 86,400,000. */
MR_API MR_MUST_USE MrStatus mr_stream_context_open(MrSession *session, int64_t interval_ms,
                                                   MrStreamContext **out, MrError *err);
/* As Spark's getOrCreate: opens a context that keeps its positions, windows and states in the
 * folder, and goes on from there when there is something.  build makes the graph; functions cannot
 * be stored, so it is called in either case, and the graph must have the same shape as before
 * (STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA names what differs).  Lines of a socket
 * are logged before their batch runs, so a batch that was cut off runs again with the same lines
 * and the same time. */
MR_API MR_MUST_USE MrStatus
mr_stream_context_restore(MrSession *session, int64_t interval_ms, const char *folder,
                          MrStatus (*build)(void *self, MrStreamContext *context, MrError *err),
                          void *self, MrStreamContext **out, MrError *err);
/* Keeps positions, windows and states in the folder, as restore does; before start. */
MR_API MR_MUST_USE MrStatus mr_stream_context_checkpoint(MrStreamContext *context,
                                                         const char *folder, MrError *err);
MR_API MR_MUST_USE MrStatus mr_stream_context_start(MrStreamContext *context, MrError *err);
/* As mr_streaming_query_await. */
MR_API MR_MUST_USE MrStatus mr_stream_context_await(MrStreamContext *context, int64_t timeout_ms,
                                                    bool *ended, MrError *err);
/* Waits for the batch that runs; gracefully: and for the next one, with all that has been received.
 * Called by a function of the context itself it does not wait. */
MR_API MR_MUST_USE MrStatus mr_stream_context_stop(MrStreamContext *context, bool gracefully,
                                                   MrError *err);
MR_API void mr_stream_context_close(MrStreamContext *context); /* stops it first; NULL is fine */

/* Sources.  A *out belongs to the context: it is not closed.
 *
 * Lines from a TCP connection; where there is none, or when it ends, it is tried again every 2 s.
 */
MR_API MR_MUST_USE MrStatus mr_dstream_socket_text(MrStreamContext *context, const char *host,
                                                   int32_t port, MrDStream **out, MrError *err);
/* Lines of the files that are moved into the folder after the start, and, when a context goes on
 * from a checkpoint, after its end. */
MR_API MR_MUST_USE MrStatus mr_dstream_text_files(MrStreamContext *context, const char *folder,
                                                  MrDStream **out, MrError *err);

/* Of each batch's RDD, as the calls of the same name for RDDs. */
MR_API MR_MUST_USE MrStatus mr_dstream_map(MrDStream *stream, MrMapFunction map, void *self,
                                           MrDStream **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_flat_map(MrDStream *stream, MrMapFunction map, void *self,
                                                MrDStream **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_map_to_pair(MrDStream *stream, MrMapFunction map, void *self,
                                                   MrDStream **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_filter(MrDStream *stream, MrFilterFunction filter,
                                              void *self, MrDStream **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_reduce_by_key(MrDStream *stream, MrReduceFunction reduce,
                                                     void *self, MrDStream **out, MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_count_by_value(MrDStream *stream, MrDStream **out,
                                                      MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_join(MrDStream *left, MrDStream *right, const char *kind,
                                            MrJoinFunction join, void *self, MrDStream **out,
                                            MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_union(MrDStream *first, MrDStream *second, MrDStream **out,
                                             MrError *err);

/* The rows of the last length_ms, every slide_ms: both multiples of the interval, or of the slide
 * of a stream of windows (INVALID_PARAMETER_VALUE names them); windows end at multiples of slide_ms
 * since 1970.  Between them the stream and what is made of it has no RDD, so that its outputs do
 * not run.  Streams with different slides cannot be joined. */
MR_API MR_MUST_USE MrStatus mr_dstream_window(MrDStream *stream, int64_t length_ms,
                                              int64_t slide_ms, MrDStream **out, MrError *err);
/* One value a key over the window.  inverse NULL: the batches' results of the window are reduced
 * anew each time.  With an inverse: what came in is reduced in, what left is taken out; filter
 * (NULL: none) then says which keys stay. */
MR_API MR_MUST_USE MrStatus mr_dstream_reduce_by_key_and_window(
    MrDStream *stream, MrReduceFunction reduce, MrReduceFunction inverse, MrFilterFunction filter,
    void *self, int64_t length_ms, int64_t slide_ms, MrDStream **out, MrError *err);
/* A state for each key.  Called in every batch for every key that has a state or new values: emits
 * one row, whose value is the new state, or nothing: the key is forgotten.  The output has every
 * key and its state. */
MR_API MR_MUST_USE MrStatus mr_dstream_update_state_by_key(MrDStream *stream,
                                                           MrStateFunction update, void *self,
                                                           MrDStream **out, MrError *err);

/* Outputs: what nothing asks for is not computed.  Each runs at least once a batch, after a crash
 * with the same time and rows.
 *
 * print: the first n_rows (0: 10) as Spark's print() shows them, under a line with the time. */
MR_API MR_MUST_USE MrStatus mr_dstream_print(MrDStream *stream, int32_t n_rows, FILE *to,
                                             MrError *err);
/* rdd is borrowed for the call: transform it, and run any actions. */
typedef MrStatus (*MrRddFunction)(void *self, int64_t time_ms, MrRdd *rdd, MrError *err);
MR_API MR_MUST_USE MrStatus mr_dstream_foreach_rdd(MrDStream *stream, MrRddFunction function,
                                                   void *self, MrError *err);

#ifdef __cplusplus
}
#endif
#endif
