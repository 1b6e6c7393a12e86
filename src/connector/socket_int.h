/* socket_int.h - what a socket has given, kept until its epochs are closed.
 *
 * One file for the lines of an epoch, written before its plan (D1, D2): a plan that names lines
 * finds them.  Bytes: docs/FORMATS.md, "Received lines". */
#ifndef MR_CONNECTOR_SOCKET_INT_H
#define MR_CONNECTOR_SOCKET_INT_H

#include "os/os.h"

typedef struct MrSocketLine {
    int64_t time_us; /* of arrival */
    MrText text;
} MrSocketLine;

typedef struct MrSocketLog {
    MrOs *os;
    MrBudget *budget;
    char folder[MR_PATH_MAX]; /* "": there is no log */
    MrBuffer files;           /* numbers of the first line and the one behind the last, pairs */
    int64_t until;            /* lines before it are logged */
} MrSocketLog;

void mr__socket_log_close(MrSocketLog *log); /* a zeroed one too */
/* Calls take with every line that is there from number done on, in order, and removes files of
 * lines before.  A file that fails its checks, or a gap, is
 * CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED or MALFORMED_LOG_FILE. */
MR_MUST_USE MrStatus mr__socket_log_open(
    MrSocketLog *log, MrOs *os, MrBudget *budget, const char *folder, int64_t done,
    MrStatus (*take)(void *self, const MrSocketLine *line, MrError *err), void *self, MrError *err);
/* A file that is being made: begin, lines, end; durable when end returns. */
MR_MUST_USE MrStatus mr__socket_log_begin(MrSocketLog *log, MrBuffer *out, int64_t n_lines,
                                          MrError *err);
MR_MUST_USE MrStatus mr__socket_log_line(MrBuffer *out, const MrSocketLine *line, MrError *err);
MR_MUST_USE MrStatus mr__socket_log_end(MrSocketLog *log, MrBuffer *out, int64_t n_lines,
                                        MrError *err);
/* Files of lines before the number go (D9). */
MR_MUST_USE MrStatus mr__socket_log_forget(MrSocketLog *log, int64_t done, MrError *err);

#endif
