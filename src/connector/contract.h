/* contract.h - what a connector is: a const table of functions and declared options.
 *
 * The code above includes this file only; registry.c names each connector, and they know nothing of
 * one another.  Connectors are passive: no threads, no sleeping.  A reader with nothing to say now
 * says MR_READ_BLOCKED.
 *
 * Positions are short opaque texts (JSON, as Spark shows offsets in progress), written into PLANNED
 * records.  A batch reads from NULL (the beginning) to what latest() says; a stream's epoch reads
 * from one position to the next.  The same (from, to) must give the same rows again, unless the
 * type says MR_CONN_NO_REPLAY (socket). */
#ifndef MR_CONNECTOR_CONTRACT_H
#define MR_CONNECTOR_CONTRACT_H

#include "column/batch.h"
#include "expr/expr.h"
#include "os/os.h"

typedef enum MrOptionKind { MR_OPT_TEXT, MR_OPT_INT, MR_OPT_BOOL, MR_OPT_DOUBLE } MrOptionKind;
typedef enum MrOptionFlags {
    MR_OPT_REQUIRED = 1 << 0,
    MR_OPT_SECRET = 1 << 1 /* never logged, never shown */
} MrOptionFlags;
typedef struct MrOptionDef {
    const char *name; /* as Spark spells it; matched without regard to case */
    MrOptionKind kind;
    uint32_t flags;
    const char *fallback; /* NULL: none */
    const char *help;
} MrOptionDef;

/* What the user gave. */
typedef struct MrOption {
    const char *key, *value;
} MrOption;
typedef struct MrOptions {
    int32_t n_options;
    const MrOption *options;
} MrOptions;
/* The value given, else the row's fallback, else NULL.  defs may be NULL: only what was given. */
const char *mr_option(const MrOptions *options, const MrOptionDef *defs, const char *name);
bool mr_option_bool(const MrOptions *options, const MrOptionDef *defs,
                    const char *name); /* checked before */
int64_t mr_option_int(const MrOptions *options, const MrOptionDef *defs, const char *name);
/* Required ones are there and values have their kinds; unknown keys are kept, as Spark does. */
MR_MUST_USE MrStatus mr_options_check(const MrOptions *options, const MrOptionDef *defs,
                                      const char *connector, MrError *err);

typedef struct MrConnectorType MrConnectorType;

/* What opening needs.  Borrowed for the life of the source or sink. */
typedef struct MrConnectorContext {
    MrOs *os;
    MrBudget *budget;
    const MrSettings *settings;
    MrOptions options;      /* path(s) under "path"; a list of paths as path, path ... repeated */
    const MrSchema *schema; /* declared by the user; NULL: the source finds it out             */
    bool streaming;
} MrConnectorContext;

/* A test that became known when the query ran: the rows wanted have, in this column, a value that
 * a join has on its other side.  NULL never passes. */
typedef struct MrRowFilter {
    int32_t col;               /* place among the output columns */
    const MrVector *min, *max; /* constants of the column's type: wanted values lie between; NULL:
                                  unknown */
    /* Those of the rows (sel or 0 .. n-1) that may be wanted, into out, which may be sel; returns
     * how many.  NULL: minimum and maximum are all. */
    int32_t (*keep)(void *self, const MrVector *vec, const uint16_t *sel, int32_t n, uint16_t *out);
    void *self;
} MrRowFilter;

/* What a scan asks for; a promise of the plan, immutable. */
typedef struct MrScanSpec {
    int32_t n_cols;      /* columns of the source wanted, in the order of the output batch  */
    const int32_t *cols; /* their numbers in the source's schema                            */
    int32_t n_filters;
    MrExpr *const *filters; /* conjuncts over the output columns (column.idx = place in cols).  A
                               reader may drop rows and whole blocks for which one is surely not
                               true; the plan filters again unless the reader says exact_filters */
    int64_t limit;          /* rows enough; INT64_MAX: all                                     */
    int32_t n_row_filters;
    const MrRowFilter
        *row_filters; /* a reader may apply them (does_row_filters) or not look at them */
} MrScanSpec;

/* Smallest part of a source that is read alone: by one worker, in any order. */
typedef struct MrSplit {
    const char *name;   /* for errors: path and range                                      */
    int64_t size_bytes; /* a guess, for balance                                            */
    const void *data;   /* the connector's own, in the arena given to plan_splits          */
    MrRowOrigin origin; /* MR_CONN_FILES */
} MrSplit;

typedef enum MrRead { MR_READ_ROWS, MR_READ_END, MR_READ_BLOCKED } MrRead;

typedef enum MrSourceLife {
    MR_SOURCE_ANY,
    MR_SOURCE_GROWS,   /* a streaming table                                */
    MR_SOURCE_REPLACED /* a materialized view: its rows come and go as one */
} MrSourceLife;

typedef struct MrSource { /* a connector's struct begins with it */
    const MrConnectorType *type;
    MrSchema schema;      /* set by open_source; partition columns come last                 */
    bool append_only;     /* rows are never changed or taken back                            */
    MrSourceLife life;    /* set by who opens it: of tables that pipelines fill              */
    const char *identity; /* what a stream that reads it is bound to beside its name; NULL: nothing
                           */
    /* What its readers met since it was opened (RELIABILITY P10): records that were malformed, and
     * files or parts of them that were left out because the user's options say so. */
    _Atomic int64_t n_bad, n_skipped;
} MrSource;
typedef struct MrSourceReader {
    MrSource *source;
    bool exact_filters;    /* set by reader_open: filters need not be applied again           */
    bool does_row_filters; /* set by reader_open: row filters need not be applied again      */
} MrSourceReader;

/* Where a source's memory goes. */
typedef struct MrMemoryOutput {
    MrStatus (*put)(void *self, MrText key, const MrText *value, MrError *err);
    void *self;
} MrMemoryOutput;

typedef struct MrSink {
    const MrConnectorType *type;
} MrSink;
typedef struct MrSinkWriter {
    MrSink *sink;
} MrSinkWriter;

typedef enum MrOutputMode {
    MR_MODE_APPEND,
    MR_MODE_UPDATE,
    MR_MODE_COMPLETE,
    MR_MODE_CHANGES /* batches with weights; in the other modes a sink never meets weights */
} MrOutputMode;
typedef enum MrSaveMode {
    MR_SAVE_ERROR,
    MR_SAVE_APPEND,
    MR_SAVE_OVERWRITE,
    MR_SAVE_IGNORE
} MrSaveMode;

/* What a sink is opened with beyond the context. */
typedef struct MrSinkSpec {
    const MrSchema *schema;
    MrOutputMode output_mode;
    MrSaveMode save_mode; /* batch; of a stream: OVERWRITE replaces what was there in epoch 0 */
    bool whole; /* an overwrite takes all that is replaced, whatever partitionOverwriteMode says */
    /* An overwrite replaces the partitions for which this is true, over partition columns alone:
     * column.idx is a place in schema.  NULL: all. */
    MrExpr *replaced;
    /* An overwrite of what the query itself reads: fails where this source has changed since it
     * was opened, as rows that came meanwhile would be gone.  NULL: it does not read it. */
    MrSource *basis;
    const char *query_id;     /* stable over restarts; batch: random                             */
    int32_t n_partition_cols; /* partitionBy                                                     */
    const int32_t *partition_cols;
} MrSinkSpec;

/* What a sink remembers of a query: its last epoch, and that epoch's lineage. */
typedef struct MrEpochMark {
    int64_t epoch;
    uint64_t lineage;
} MrEpochMark;

typedef struct MrEpochId {
    int64_t epoch;       /* Spark's batch id; a batch write is epoch 0                      */
    uint64_t lineage;    /* D17                                                              */
    int64_t time_us;     /* the epoch's batch time                                           */
    int64_t previous_us; /* DStreams: that of the epoch before; INT64_MIN: there was none      */
} MrEpochId;

typedef enum MrConnectorFlags {
    MR_CONN_BATCH_READ = 1 << 0,
    MR_CONN_STREAM_READ = 1 << 1,
    MR_CONN_BATCH_WRITE = 1 << 2,
    MR_CONN_STREAM_WRITE = 1 << 3,
    MR_CONN_NO_REPLAY = 1 << 4, /* source: what was read is gone                                 */
    MR_CONN_REPLAY_SINK =
        1 << 5,            /* sink: prepared output dies with the process (RELIABILITY 2.4) */
    MR_CONN_FILES = 1 << 6 /* source: rows come from files, which its splits name */
} MrConnectorFlags;

struct MrConnectorType {
    const char *name; /* as in format("...") and USING ... */
    const char *doc;
    uint32_t flags;
    const MrOptionDef *options; /* ended by a row without a name */

    /* Source.  open_source finds the schema; *out is closed by close_source. */
    MrStatus (*open_source)(const MrConnectorContext *context, MrSource **out, MrError *err);
    void (*close_source)(MrSource *source);
    /* The newest position there is now; a stream's limit options (maxFilesPerTrigger ...) bound how
     * far it goes beyond from (NULL: the beginning), unless unlimited.  The same as from: nothing
     * new. */
    MrStatus (*latest)(MrSource *source, const char *from, bool unlimited, MrArena *arena,
                       const char **to, MrError *err);
    /* The stream ends with what is there at the next latest, which may take more than one to give
     * (limits); what comes later is not given.  NULL: one latest gives all. */
    void (*end_here)(MrSource *source);
    /* Splits of (from, to]; from NULL: the beginning; to NULL (batch): the end as it is now. */
    MrStatus (*plan_splits)(MrSource *source, const char *from, const char *to,
                            const MrScanSpec *spec, MrArena *arena, MrSplit **out, int64_t *n_out,
                            MrError *err);
    /* Rows in all, when known without reading them; -1: unknown. */
    int64_t (*row_count)(MrSource *source);
    /* One reader per worker and split.  spec outlives it. */
    MrStatus (*reader_open)(MrSource *source, const MrSplit *split, const MrScanSpec *spec,
                            MrBudget *budget, MrSourceReader **out, MrError *err);
    /* Fills a reset batch with up to MR_BATCH_ROWS rows of spec's columns. */
    MrStatus (*read)(MrSourceReader *reader, const MrEvalContext *context, MrBatch *batch,
                     MrRead *what, MrError *err);
    void (*reader_close)(MrSourceReader *reader); /* accepts NULL */
    /* What a source that cannot replay keeps of its rows, so that a planned epoch can be run again;
     * NULL: nothing.  log_open comes first, once the checkpoint is locked: takes back what the
     * folder has behind position from.  log makes everything up to position to durable there; it
     * comes before the plan of the epoch, and acknowledge removes it. */
    MrStatus (*log_open)(MrSource *source, const char *folder, const char *from, MrError *err);
    MrStatus (*log)(MrSource *source, const char *to, MrError *err);
    /* What must be known of all that was given so far, beyond the position (of files: which ones);
     * NULL: nothing.  It rides in the state of the stream: remember puts what the epoch up to
     * position to adds (value NULL: takes away), or all; recall takes one entry back in a new
     * process, before the first latest. */
    MrStatus (*remember)(MrSource *source, const char *to, bool all, const MrMemoryOutput *out,
                         MrError *err);
    MrStatus (*recall)(MrSource *source, MrText key, const MrText *value, MrError *err);
    /* Is everything that was given up to the position still there as it was?  NULL: nobody knows.
     */
    MrStatus (*intact)(MrSource *source, const char *position, bool *out, MrError *err);
    /* What a batch source holds, as it was opened or (now) by this time, as a short text: the same
     * text, the same rows.  NULL: nobody knows. */
    MrStatus (*content)(MrSource *source, bool now, MrArena *arena, const char **out, MrError *err);
    /* Takes in what has arrived, between epochs: nobody should wait long to be read.  NULL:
     * nothing. */
    MrStatus (*poll)(MrSource *source, MrError *err);
    /* Everything up to the position is durably in the sink: it may be forgotten. */
    MrStatus (*acknowledge)(MrSource *source, const char *position, MrError *err);

    /* Sink.  One writer per worker and epoch; prepare makes its output durable but invisible and
     * appends a token; commit makes all tokens of an epoch visible and may come twice. */
    MrStatus (*open_sink)(const MrConnectorContext *context, const MrSinkSpec *spec, MrSink **out,
                          MrError *err);
    void (*close_sink)(MrSink *sink);
    MrStatus (*writer_open)(MrSink *sink, MrEpochId epoch, int32_t worker_idx, MrBudget *budget,
                            MrSinkWriter **out, MrError *err);
    MrStatus (*write)(MrSinkWriter *writer, const MrEvalContext *context, MrBatch *batch,
                      MrError *err); /* borrows */
    MrStatus (*prepare)(MrSinkWriter *writer, MrBuffer *token, MrError *err);
    void (*writer_close)(
        MrSinkWriter *writer); /* accepts NULL; not prepared: throws its output away */
    MrStatus (*commit)(MrSink *sink, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                       MrError *err);
    /* At start: the sink must hold this epoch of the query, or a later one; it lost what it held
     * when it does not (D17).  NULL: a sink without memory. */
    MrStatus (*check_mark)(MrSink *sink, MrEpochMark mark, MrError *err);
    /* Has the batch of this query been committed to where the options point?  Until the next
     * overwrite it is known.  NULL: nobody knows. */
    MrStatus (*batch_done)(const MrConnectorContext *context, MrArena *arena, const char *query_id,
                           bool *out, MrError *err);
    /* At start: throws away prepared output that no COMMITTED record names (epochs beyond
     * last_epoch). */
    MrStatus (*recover)(MrSink *sink, int64_t last_epoch, MrError *err);
};

/* NULL: no such connector.  Names are matched without regard to case; "org.apache.spark.sql.*" long
 * forms too. */
const MrConnectorType *mr_connector_find(const char *name);
extern const MrConnectorType *const mr_connectors[]; /* ended by NULL */

#endif
