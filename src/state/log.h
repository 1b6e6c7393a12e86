/* log.h - a log of records in preallocated segments, for one writer; bytes in docs/FORMATS.md.
 *
 * Records are collected with mr_log_add and made durable together by mr_log_flush: one write, one
 * sync. After any failure the log is finished: every later call fails, and only a new open reads
 * what lasts. */
#ifndef MR_STATE_LOG_H
#define MR_STATE_LOG_H

#include "os/os.h"

typedef struct MrLog MrLog;

enum { MR_LOG_SEGMENT = 1, MR_LOG_PLANNED = 2, MR_LOG_COMMITTED = 3, MR_LOG_MARK = 4 };

#define MR_LOG_PAYLOAD_MAX (INT64_C(64) << 20)

typedef struct MrLogOptions {
    MrOs *os;
    MrBudget *budget;
    const char *folder;    /* exists; nothing else lies in it */
    int64_t segment_bytes; /* 0: 1 MiB                        */
} MrLogOptions;

typedef struct MrLogVisitor {
    void *self;
    /* The base comes first, once, also when it is empty; then the records in order.  Texts are
     * borrowed. */
    MrStatus (*base)(void *self, MrText base, MrError *err);
    MrStatus (*record)(void *self, uint8_t type, MrText payload, MrError *err);
} MrLogVisitor;

/* Reads all that lasts, then begins a new segment under the next run number.  The caller holds the
 * lock. Fails with MR_CORRUPT when acknowledged records are damaged or missing; nothing is written
 * then. */
MR_MUST_USE MrStatus mr_log_open(const MrLogOptions *options, const MrLogVisitor *visitor,
                                 MrLog **out, MrError *err);
/* The same reading, writing nothing: for `checkpoint show` and `verify`. */
MR_MUST_USE MrStatus mr_log_read(const MrLogOptions *options, const MrLogVisitor *visitor,
                                 int64_t *n_segments, int64_t *n_bytes, MrError *err);
void mr_log_close(MrLog *log); /* accepts NULL; what was not flushed is forgotten */

MR_MUST_USE MrStatus mr_log_add(MrLog *log, uint8_t type, MrText payload, MrError *err);
/* Durable on return.  Fails with CONCURRENT_STREAM_LOG_UPDATE when another run has taken over. */
MR_MUST_USE MrStatus mr_log_flush(MrLog *log, MrDurableStep step, MrError *err);
/* Begins a segment that stands for all before it, durable on return, and removes the older ones. */
MR_MUST_USE MrStatus mr_log_rebase(MrLog *log, MrText base, MrError *err);

/* Bytes of records since the base, and segments they lie in. */
int64_t mr_log_bytes(const MrLog *log);
int64_t mr_log_n_segments(const MrLog *log);

#endif
