/* exec_int.h - what the files of this folder share: the operators' tables and small helpers. */
#ifndef MR_EXEC_EXEC_INT_H
#define MR_EXEC_EXEC_INT_H

#include "exec/batch_list.h"
#include "exec/op.h"
#include "exec/run.h"

extern const MrOpType mr__op_scan, mr__op_values, mr__op_range, mr__op_project, mr__op_filter,
    mr__op_aggregate, mr__op_stream_aggregate, mr__op_session, mr__op_expand, mr__op_hash_join,
    mr__op_loop_join, mr__op_stream_join, mr__op_sort, mr__op_limit, mr__op_union, mr__op_window,
    mr__op_generate, mr__op_sample, mr__op_watermark, mr__op_late_drop, mr__op_recompute,
    mr__op_batch_window, mr__op_keyed_state;
/* A sink that keeps what it gets, and a leaf that gives batches of a list. */
extern const MrOpType mr__op_collect, mr__op_replay;

/* What the collector of this epoch has got; valid until its next epoch_end. */
MrBatchList *mr__collect_list(void *shared);
/* The batches that the replay gives in its next phase; borrowed. */
void mr__replay_set(void *shared, MrBatchList *list);
int64_t mr__watermark_us(void *shared);
MrEventTimes mr__watermark_times(void *shared, int64_t epoch);

/* When a row of this column is over: the end of a window, the midnight of a date, or the time
 * itself; NULL: INT64_MAX. */
int64_t mr__event_time_us(const MrVector *vec, int64_t row);
/* Drops the rows of the batch that are over by late_us (MR_TIME_MIN: none); how many. */
int32_t mr__drop_late(MrBatch *batch, const MrVector *time, int64_t late_us);
/* The epoch's marks as this operator's input has them: behind a join they lag (MrPhys). */
int64_t mr__late_us(const MrOp *op);
int64_t mr__evict_us(const MrOp *op);

/* For a nested run: rows for FEED leaves with this input_idx; borrowed until the epoch ends. */
void mr__run_set_feed(MrRun *run, int32_t input_idx, MrBatchList *list);

/* A program and its results; zeroed is none. */
typedef struct MrEvaluator {
    MrProgram *program;
    MrVector **out;
    int32_t n_exprs;
} MrEvaluator;
/* exprs may be none: then there is no program.  arena keeps the result list. */
MR_MUST_USE MrStatus mr__evaluator_open(MrEvaluator *evaluator, const MrOpContext *context,
                                        MrArena *arena, MrExpr *const *exprs, int32_t n_exprs,
                                        MrError *err);
void mr__evaluator_close(MrEvaluator *evaluator);
/* Results in evaluator->out. */
MR_MUST_USE MrStatus mr__evaluator_run(MrEvaluator *evaluator, const MrOpContext *context,
                                       MrBatch *batch, MrError *err);
/* Results as flat or constant vectors, which kernels want. */
MR_MUST_USE MrStatus mr__evaluator_run_flat(MrEvaluator *evaluator, const MrOpContext *context,
                                            MrBatch *batch, MrError *err);

/* Rows seen so far; one thread. */
typedef struct MrDistinct MrDistinct;
MR_MUST_USE MrStatus mr__distinct_create(const MrOpContext *context, const MrSchema *schema,
                                         MrDistinct **out, MrError *err);
/* Keeps the rows of the list that were not seen before. */
MR_MUST_USE MrStatus mr__distinct_filter(MrDistinct *distinct, MrBatchList *list, MrError *err);
void mr__distinct_destroy(MrDistinct *distinct); /* accepts NULL */

#endif
