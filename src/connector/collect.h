/* collect.h - a sink's writer that keeps its epoch's batches, for sinks that live in memory.
 *
 * prepare moves the batches to the sink, where they wait for the commit of their epoch; without one
 * they go with the next epoch or with the sink.  Such sinks replay (RELIABILITY 2.4). */
#ifndef MR_CONNECTOR_COLLECT_H
#define MR_CONNECTOR_COLLECT_H

#include "connector/contract.h"

typedef struct MrCollected {
    MrBudget *budget;
    int64_t epoch;     /* of the batches */
    MrBatch **batches; /* own */
    int64_t n_batches, cap_bytes;
    int64_t done_epoch; /* last one committed in this process; -1: none */
    uint64_t done_lineage;
} MrCollected;

typedef struct MrCollectSink { /* a collecting sink's struct begins with it */
    MrSink base;
    MrCollected collected;
} MrCollectSink;

void mr__collect_init(MrCollectSink *sink, const MrConnectorType *type, MrBudget *budget);
void mr__collect_deinit(MrCollectSink *sink);
MrStatus mr__collect_writer_open(MrSink *sink, MrEpochId epoch, int32_t worker_idx,
                                 MrBudget *budget, MrSinkWriter **out, MrError *err);
MrStatus mr__collect_write(MrSinkWriter *writer, const MrEvalContext *context, MrBatch *batch,
                           MrError *err);
MrStatus mr__collect_prepare(MrSinkWriter *writer, MrBuffer *token, MrError *err);
void mr__collect_writer_close(MrSinkWriter *writer);
/* True: the epoch is new here, and its batches are in collected (perhaps none). */
bool mr__collect_begin(MrCollectSink *sink, MrEpochId epoch);
void mr__collect_end(MrCollectSink *sink,
                     MrEpochId epoch); /* destroys the batches, notes the epoch */
MrStatus mr__collect_recover(MrSink *sink, int64_t last_epoch, MrError *err);

#endif
