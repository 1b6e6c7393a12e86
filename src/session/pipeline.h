/* pipeline.h - pipelines: CREATE STREAMING TABLE, CREATE MATERIALIZED VIEW, CREATE FLOW, run
 * together.
 *
 * Statements run in the order of the text; flows run when the text has been read.  Tables, views
 * and the flows' checkpoints lie under the warehouse folder, so that a later run goes on where this
 * one stopped. */
#ifndef MR_SESSION_PIPELINE_H
#define MR_SESSION_PIPELINE_H

#include "session/session.h"

typedef struct MrPipelineOptions {
    MrText script;
    bool continuous;          /* until *stop; else until all flows have processed what is there */
    const _Atomic bool *stop; /* an orderly stop at the next border of an epoch */
    /* One line of news for people; NULL: nobody listens. */
    void (*news)(void *self, const char *line);
    /* StreamingQueryProgress as JSON; NULL: nobody listens. */
    void (*progress)(void *self, MrText json);
    void *self;
} MrPipelineOptions;

/* Fails with CONCURRENT_STREAM_LOG_UPDATE when another process runs a pipeline on this warehouse.
 */
MR_MUST_USE MrStatus mr_pipeline_run(MrSession *session, const MrPipelineOptions *options,
                                     MrError *err);

#endif
