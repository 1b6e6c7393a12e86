/* arrow_ipc.h - the Arrow IPC streaming format (Arrow specification, "IPC streaming format"): what
 * the C data interface holds, as bytes that another process reads. */
#ifndef MR_COLUMN_ARROW_IPC_H
#define MR_COLUMN_ARROW_IPC_H

#include "column/arrow.h"

/* Append one message each.  A stream is a schema, batches of that schema, and the end.  They take
 * what arrow_export.c makes: no dictionaries, no views, offset 0.  Fail with MR_NO_MEMORY. */
MR_MUST_USE MrStatus mr_arrow_ipc_schema(const struct ArrowSchema *schema, MrBuffer *out,
                                         MrError *err);
MR_MUST_USE MrStatus mr_arrow_ipc_batch(const struct ArrowSchema *schema,
                                        const struct ArrowArray *batch, MrBuffer *out,
                                        MrError *err);
MR_MUST_USE MrStatus mr_arrow_ipc_end(MrBuffer *out, MrError *err);

#endif
