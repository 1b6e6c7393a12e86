/* callback.h - user functions and the caller's memory as sources and sinks.
 *
 * These are connectors like the others, but they carry pointers, which options cannot: the pointer is
 * registered under a name first, and the option "handle" gives the name. */
#ifndef MR_CONNECTOR_CALLBACK_H
#define MR_CONNECTOR_CALLBACK_H

#include "connector/contract.h"

/* "memory" source: batches that a test or a program appends while a stream runs; replayable. */
typedef struct MrMemorySource MrMemorySource;
MR_MUST_USE MrStatus mr_memory_source_create(MrBudget *budget, const MrSchema *schema, MrMemorySource **out, MrError *err);
void mr_memory_source_destroy(MrMemorySource *memory);
MR_MUST_USE MrStatus mr_memory_source_append(MrMemorySource *memory, const MrBatch *batch, MrError *err); /* copies */
MrSource *mr_memory_source_open(MrMemorySource *memory); /* borrowed view; close_source leaves the rows */

/* foreachBatch: called once per epoch, with all its batches, before the epoch is closed. */
typedef MrStatus (*MrForeachBatch)(void *self, int64_t epoch, MrBatch *const *batches, int32_t n_batches,
                                   const MrSchema *schema, MrError *err);
MR_MUST_USE MrStatus mr_foreach_sink_open(MrBudget *budget, MrForeachBatch call, void *self, const MrSinkSpec *spec,
                                          MrSink **out, MrError *err);

#endif
