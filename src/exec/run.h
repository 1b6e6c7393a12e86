/* run.h - running a physical plan: pipelines, workers, epochs.
 *
 * A run holds the operator instances and shared parts of one plan.  A batch is one mr_run_epoch
 * whose barrier says ended.  A stream calls mr_run_epoch again and again with new splits; operators
 * keep their state in between.  Small epochs run on the calling thread. */
#ifndef MR_EXEC_RUN_H
#define MR_EXEC_RUN_H

#include "exec/op.h"

typedef struct MrRun MrRun;

typedef struct MrRunOptions {
    MrOs *os;
    MrBudget *budget; /* the query's; operators get children of it        */
    const MrSettings *settings;
    int32_t n_workers; /* 0: cores                                          */
    const char *spill_dir;
    const _Atomic bool *canceled; /* polled per batch: MR_CANCELED within 50 ms         */
    int32_t batch_rows;           /* tests: rows per batch of scans and values; 0: MR_BATCH_ROWS */
} MrRunOptions;

MR_MUST_USE MrStatus mr_run_create(const MrPhys *phys, const MrRunOptions *options, MrRun **out,
                                   MrError *err);
void mr_run_destroy(MrRun *run); /* accepts NULL */

/* Gives the scan with this plan id what to read in the next epoch; borrowed until the epoch ends.
 * Not called for a scan: in a batch it reads everything, in a stream nothing. */
void mr_run_set_splits(MrRun *run, int32_t scan_id, const MrSplit *splits, int64_t n_splits);

/* Where result batches go.  consume is called by several workers at once (worker_idx tells which)
 * and takes the batch, which may point into the run's tables until the run (a stream: the epoch)
 * ends.  ordered: by one worker only, in the plan's order (set when the plan's root sorts). */
typedef struct MrRunOutput {
    MrStatus (*consume)(void *self, int32_t worker_idx, const MrEvalContext *context,
                        MrBatch *batch, MrError *err);
    void *self;
} MrRunOutput;

/* now_us: current_timestamp of the epoch; seed: of its random functions. */
MR_MUST_USE MrStatus mr_run_epoch(MrRun *run, const MrBarrier *barrier, int64_t now_us,
                                  uint64_t seed, const MrRunOutput *output, MrError *err);
/* The run's result one batch at a time for a caller who pulls (a cursor): starts the batch in the
 * background on n_workers threads with a bounded queue.  *out NULL: the end.  The batch is yours
 * and must be destroyed before the run, whose tables may hold its strings. */
MR_MUST_USE MrStatus mr_run_next(MrRun *run, int64_t now_us, uint64_t seed, MrBatch **out,
                                 MrError *err);

/* Highest event time seen by the WATERMARK operator with this plan id, minus its delay;
 * MR_TIME_MIN: none. */
int64_t mr_run_watermark_us(MrRun *run, int32_t watermark_id);
/* What it has seen in this epoch. */
MrEventTimes mr_run_event_times(MrRun *run, int32_t watermark_id, int64_t epoch);
/* Every operator with state, in plan order. */
MR_MUST_USE MrStatus mr_run_save_changes(MrRun *run, MrStateWriter *to, MrError *err);
MR_MUST_USE MrStatus mr_run_snapshot(MrRun *run, MrStateWriter *to, MrError *err);
/* One entry read back; operator_id is the state id it was written under. */
MR_MUST_USE MrStatus mr_run_apply(MrRun *run, int32_t operator_id, int32_t table, MrText key,
                                  const MrText *value, MrError *err);
/* Between epochs; false: no such node, or it does not count. */
MR_MUST_USE bool mr_run_count_state(MrRun *run, int32_t phys_id, MrStateCount *out);
/* Sums over the workers; NULL: no such node. */
MR_MUST_USE bool mr_run_metrics(MrRun *run, int32_t phys_id, MrOpMetrics *out);

#endif
