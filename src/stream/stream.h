/* stream.h - a query without end: triggers, epochs, watermarks, recovery, progress.
 *
 * Passive: mr_stream_step runs at most one epoch on the calling thread (and the run's workers) and
 * returns. The order of an epoch's durable steps is that of docs/ARCHITECTURE.md, "Life of an
 * epoch". */
#ifndef MR_STREAM_STREAM_H
#define MR_STREAM_STREAM_H

#include "exec/run.h"

typedef struct MrStream MrStream;

typedef enum MrTriggerKind {
    MR_TRIGGER_DEFAULT,         /* as fast as data comes                              */
    MR_TRIGGER_PROCESSING_TIME, /* every interval_us                                  */
    MR_TRIGGER_AVAILABLE_NOW,   /* what is there now, in epochs bounded by the sources' limits; then
                                   the end */
    MR_TRIGGER_ONCE,            /* what is there now, in one epoch; then the end      */
    MR_TRIGGER_BATCH_INTERVAL   /* DStreams: an epoch at each multiple of interval_us since 1970,
                                   also without data; that is its batch time.  When one takes
                                   longer, the multiples that passed meanwhile are one epoch */
} MrTriggerKind;

typedef struct MrStreamOptions {
    MrOs *os;
    MrBudget *budget;
    const MrSettings *settings;
    const MrPhys *phys;      /* lowered for streaming; outlives the stream                */
    const char *name;        /* NULL: none */
    const char *checkpoint;  /* folder; NULL: nothing is durable                           */
    const char *fingerprint; /* of the plan: see mr_checkpoint_open */
    int64_t snapshot_bytes;  /* 0: default                                                 */
    MrTriggerKind trigger;
    int64_t interval_us; /* PROCESSING_TIME, BATCH_INTERVAL */
    MrOutputMode output_mode;
    /* Opens the sink, once the query's id is known (from the checkpoint); the stream closes it. */
    const MrConnectorType *sink_type;
    MrStatus (*open_sink)(void *self, const char *query_id, MrSink **out, MrError *err);
    void *self;
    const _Atomic bool *canceled;
    int32_t n_workers; /* 0: cores */
    const char *spill_dir;
    int32_t batch_rows; /* tests; 0: MR_BATCH_ROWS */
    /* Called after each epoch with Spark's StreamingQueryProgress as JSON; NULL: nobody listens. */
    void (*progress)(void *self, MrText json);
    void *progress_self;
} MrStreamOptions;

/* Locks the checkpoint, loads state, finishes or prepares to replay the last epoch. */
MR_MUST_USE MrStatus mr_stream_open(const MrStreamOptions *options, MrStream **out, MrError *err);
void mr_stream_close(MrStream *stream); /* accepts NULL */

typedef enum MrStreamStep {
    MR_STREAM_WORKED, /* an epoch was run                                         */
    MR_STREAM_IDLE,   /* nothing new: try again after mr_stream_wait_us           */
    MR_STREAM_EARLY,  /* the trigger's time has not come, and nobody looked: likewise */
    MR_STREAM_ENDED   /* availableNow, once: all that was there has been processed */
} MrStreamStep;
MR_MUST_USE MrStatus mr_stream_step(MrStream *stream, MrStreamStep *step, MrError *err);
/* How long to wait before the next step: until the trigger's time, or 1 ms of polling. */
int64_t mr_stream_wait_us(const MrStream *stream);

/* Is everything that the sources have given still there as it was?  False, too, for sources that
 * cannot tell. */
MR_MUST_USE MrStatus mr_stream_intact(MrStream *stream, bool *out, MrError *err);

int64_t mr_stream_epoch(const MrStream *stream); /* the last one finished; -1: none */
/* Since the stream was opened. */
typedef struct MrStreamTotals {
    int64_t input_rows;
    int64_t late_rows;              /* dropped by watermarks */
    int64_t null_times, ahead_rows; /* event times that are NULL, or more than a day ahead */
} MrStreamTotals;
MrStreamTotals mr_stream_totals(const MrStream *stream);
int64_t mr_stream_state_rows(const MrStream *stream); /* that its operators keep */

#endif
