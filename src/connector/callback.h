/* callback.h - user functions and the caller's memory as sources and sinks.
 *
 * They carry pointers, which options cannot, so they are opened by calls of their own and not by
 * name. */
#ifndef MR_CONNECTOR_CALLBACK_H
#define MR_CONNECTOR_CALLBACK_H

#include "connector/contract.h"

/* "memory" source: batches that a test or a program appends while a stream runs; replayable. */
typedef struct MrMemorySource MrMemorySource;
MR_MUST_USE MrStatus mr_memory_source_create(MrBudget *budget, const MrSchema *schema,
                                             MrMemorySource **out, MrError *err);
void mr_memory_source_destroy(MrMemorySource *memory);
MR_MUST_USE MrStatus mr_memory_source_append(MrMemorySource *memory, const MrBatch *batch,
                                             MrError *err); /* copies */
MrSource *
mr_memory_source_open(MrMemorySource *memory); /* borrowed view; close_source leaves the rows */

/* A copy of the rows that are there now; closing it ends it. */
MR_MUST_USE MrStatus mr_memory_source_copy(MrMemorySource *memory, MrBudget *budget, MrSource **out,
                                           MrError *err);

int64_t mr_memory_source_rows(MrMemorySource *memory);

/* "memory" sink: appends each epoch to the rows, or (complete mode) replaces them.  The rows can be
 * read as a table at any time: mr_memory_source_open. */
MR_MUST_USE MrStatus mr_memory_sink_open(MrMemorySource *memory, const MrSinkSpec *spec,
                                         MrSink **out, MrError *err);
extern const MrConnectorType mr_connector_memory_sink, mr_connector_memory_source,
    mr_connector_foreach;

/* foreachBatch: called once per epoch, with all its batches, before the epoch is closed. */
typedef MrStatus (*MrForeachBatch)(void *self, const MrEpochId *epoch, MrBatch *const *batches,
                                   int32_t n_batches, const MrSchema *schema, MrError *err);
MR_MUST_USE MrStatus mr_foreach_sink_open(MrBudget *budget, MrForeachBatch call, void *self,
                                          const MrSinkSpec *spec, MrSink **out, MrError *err);

#endif
