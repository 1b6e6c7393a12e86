/* run_context.h - what the examples of streams have in common: running until told to stop. */
#ifndef RUN_CONTEXT_H
#define RUN_CONTEXT_H

#include <millrace.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Returns at once when status says that something failed: the calls below one another read better
 * so. */
#define TRY(call)                                                                                  \
    do {                                                                                           \
        MrStatus try_status = (call);                                                              \
        if (try_status != MR_OK)                                                                   \
            return try_status;                                                                     \
    } while (0)

static volatile sig_atomic_t interrupted;

static inline void on_signal(int number)
{
    (void)number;
    interrupted = 1;
}

/* Runs for so many seconds, 0: until Ctrl-C; then ends with the batch of all that has come. */
static inline MrStatus run_context(MrStreamContext *context, double seconds, MrError *err)
{
    bool ended = false;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    TRY(mr_stream_context_start(context, err));
    for (double waited = 0; !ended && !interrupted && (seconds <= 0 || waited < seconds);
         waited += 0.1)
        TRY(mr_stream_context_await(context, 100, &ended, err));
    return mr_stream_context_stop(context, true, err);
}

/* What main() gives back. */
static inline int result(MrStatus status, const MrError *err)
{
    char text[2000];
    if (status == MR_OK)
        return 0;
    mr_error_message(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    return 1;
}

#endif
