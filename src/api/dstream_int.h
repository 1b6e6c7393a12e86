/* dstream_int.h - a DStream context without its thread: tests drive it step by step. */
#ifndef MR_API_DSTREAM_INT_H
#define MR_API_DSTREAM_INT_H

#include "api/api_int.h"

/* Plans the graph and opens its stream, as start does before it starts the thread. */
MR_MUST_USE MrStatus mr__stream_context_open(MrStreamContext *context, MrError *err);
/* See mr_stream_step, mr_stream_wait_us. */
MR_MUST_USE MrStatus mr__stream_context_step(MrStreamContext *context, MrStreamStep *step,
                                             MrError *err);
int64_t mr__stream_context_wait_us(const MrStreamContext *context);

#endif
