/* op.h - the operator contract.
 *
 * An operator is passive: fed and drained by one thread at a time.  It does not block, sleep, start
 * threads or read a clock.  A plan node has one instance per worker, and one shared part for all of
 * them (a join's build table, an aggregate's merged groups).  Life of an instance:
 *
 *     open (push | pull | barrier)* close          per epoch: pushes and pulls, then one barrier
 * per input
 *
 * push takes the batch.  After a push the runner pulls until MR_STEP_NEED_INPUT.  When a worker's
 * input is at its end for this epoch it calls barrier; when all workers have, the runner calls
 * finish_task for task 0 .. n-1 on any workers (merging, partition by partition) and then pulls
 * each instance again until MR_STEP_NEED_INPUT: a blocking operator gives its rows now.  Input 1 of
 * a join is fed and finished before input 0; otherwise inputs come in order.  A leaf has no input:
 * it is pulled until MR_STEP_NEED_INPUT. A call that fails, or jumps to the runner's guard, leaves
 * the operator only to be closed; so push notes the batch in the instance before it does anything
 * else.  A batch is one epoch whose barrier says ended; in a stream the same operator keeps its
 * table and gives the changes since the last epoch.
 *
 * State of streams belongs to the shared part: save_changes appends what changed since the last
 * epoch, snapshot all of it, and apply takes either back, entry by entry, in the order in which
 * they were written. */
#ifndef MR_EXEC_OP_H
#define MR_EXEC_OP_H

#include "plan/physical.h"
#include "state/state.h"

typedef enum MrStep { MR_STEP_OUTPUT, MR_STEP_NEED_INPUT, MR_STEP_BLOCKED } MrStep;

/* The border of an epoch.  Times in microseconds since 1970 UTC; MR_TIME_MIN: no watermark yet. */
#define MR_TIME_MIN INT64_MIN
typedef struct MrBarrier {
    int64_t epoch;
    int64_t late_us;  /* rows at or before it are late: the watermark of the previous epoch (T3) */
    int64_t evict_us; /* state at or before it is closed: the watermark of this epoch            */
    bool ended;       /* there will be no more input: a batch                                    */
    /* DStreams: the batch time of the epoch, and of the one before (MR_TIME_MIN: there was none).
     */
    int64_t time_us, previous_us;
} MrBarrier;

/* The last multiple of slide_us that a DStream's epoch has reached, or false: none since the epoch
 * before. Batches that were skipped do not take the border with them. */
static inline bool mr_barrier_slides(const MrBarrier *barrier, int64_t slide_us, int64_t *end_us)
{
    int64_t rest_us = barrier->time_us % slide_us;
    *end_us = barrier->time_us - (rest_us < 0 ? rest_us + slide_us : rest_us);
    return barrier->previous_us == MR_TIME_MIN ? rest_us == 0 : barrier->previous_us < *end_us;
}

/* Counters of one instance; the runner adds rows and times, the operator the rest. */
typedef struct MrOpMetrics {
    int64_t rows_in, rows_out, batches_out, time_ns, bytes_read, spilled_bytes, late_rows,
        state_rows, memory_bytes;
} MrOpMetrics;

/* What an instance may use; lives as long as the run. */
typedef struct MrOpContext {
    MrOs *os;               /* spill files only */
    MrBudget *budget;       /* of the operator: tables, states                     */
    MrBudget *batch_budget; /* of the query: batches that go on, which may outlive the run */
    MrEvalContext *eval;    /* of this worker */
    int32_t worker_idx, n_workers;
    const char *spill_dir;
    MrOpMetrics *metrics;
    const MrBarrier *barrier;         /* of the epoch that is being fed (late_us, evict_us) */
    struct MrKeyFilter **key_filters; /* of the run, by MrPhysKeyFilter.id; NULL: not built */
    int32_t batch_rows; /* most rows of a batch that a leaf gives: 1 .. MR_BATCH_ROWS */
} MrOpContext;

/* What an operator's state holds, and what the last epoch did to it. */
typedef struct MrStateCount {
    int64_t rows, updated, removed;
} MrStateCount;

/* Event times that a WATERMARK has seen in an epoch (RELIABILITY T5). */
typedef struct MrEventTimes {
    int64_t n, n_null; /* times, NULLs: they never close anything */
    int64_t n_ahead;   /* more than a day later than the epoch's own time */
    int64_t min_us, max_us;
    double sum_us;
} MrEventTimes;

typedef struct MrOpType MrOpType;
typedef struct MrOp {
    const MrOpType *type;
    const MrPhys *phys;
    const MrOpContext *context;
    void *shared; /* of the plan node; NULL: none */
    bool sated;   /* set by the operator: more input in this epoch would be thrown away (LIMIT) */
} MrOp;

struct MrOpType {
    const char *name;     /* as EXPLAIN shows it */
    int32_t size_bytes;   /* of an instance, zeroed by the runner; begins with MrOp */
    int32_t shared_bytes; /* 0: no shared part; zeroed by the runner */
    int32_t n_inputs;     /* -1: any number */
    bool blocking;        /* gives its rows after the barrier: ends a pipeline */
    bool serial;          /* one worker only */
    MrStatus (*shared_open)(void *shared, const MrPhys *phys, const MrOpContext *context,
                            MrError *err);
    void (*shared_close)(void *shared); /* also after a failed shared_open */
    /* Leaves: an epoch begins.  splits NULL: everything in a batch, nothing in a stream.
     * *n_morsels: how many workers are of use at most; 0: so few rows that no thread should be
     * started for them. */
    MrStatus (*start)(void *shared, const MrSplit *splits, int64_t n_splits, int64_t *n_morsels,
                      MrError *err);
    MrStatus (*open)(MrOp *op, MrError *err);
    void (*close)(MrOp *op); /* also after a failed open */
    MrStatus (*push)(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err);
    MrStatus (*pull)(MrOp *op, MrBatch **out, MrStep *step, MrError *err);
    MrStatus (*barrier)(MrOp *op, int32_t input_idx, const MrBarrier *barrier, MrError *err);
    /* After all workers' barriers of input input_idx.  NULL: nothing to do. */
    int32_t (*n_finish_tasks)(void *shared, int32_t input_idx);
    MrStatus (*finish_task)(MrOp *op, int32_t input_idx, int32_t task_idx, const MrBarrier *barrier,
                            MrError *err);
    /* The epoch is over: forget what belongs to it only.  NULL: nothing. */
    MrStatus (*epoch_end)(void *shared, const MrBarrier *barrier, MrError *err);
    /* All three or none. */
    MrStatus (*save_changes)(void *shared, MrStateWriter *to, MrError *err);
    MrStatus (*snapshot)(void *shared, MrStateWriter *to, MrError *err);
    MrStatus (*apply)(void *shared, int32_t table, MrText key, const MrText *value,
                      MrError *err);           /* value NULL: deleted */
    MrStateCount (*count)(const void *shared); /* between epochs; NULL: it does not say */
};

/* The operator of a plan node. */
const MrOpType *mr_op_type(const MrPhys *phys);

#endif
