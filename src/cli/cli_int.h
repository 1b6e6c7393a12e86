/* cli_int.h - what the files of the millrace command share. */
#ifndef MR_CLI_CLI_INT_H
#define MR_CLI_CLI_INT_H

#include "session/session.h"

#include <stdio.h>

typedef enum MrFormat {
    MR_FORMAT_AUTO, /* boxed on a terminal, tab-separated into a pipe */
    MR_FORMAT_TABLE,
    MR_FORMAT_TSV,
    MR_FORMAT_CSV,
    MR_FORMAT_JSON,
    MR_FORMAT_MARKDOWN,
    MR_FORMAT_ARROW,
    MR_FORMAT_GOLDEN,
    MR_N_FORMATS
} MrFormat;

/* Exit codes of the command (RELIABILITY part 5). */
enum { MR_EXIT_OK = 0, MR_EXIT_FAILED = 1, MR_EXIT_USAGE = 2, MR_EXIT_INTERRUPTED = 130 };

MrFormat mr__format_find(const char *name); /* MR_N_FORMATS: none */

/* Prints all rows of the query. */
MR_MUST_USE MrStatus mr__print_query(MrSession *session, MrQuery *query, MrFormat format, FILE *out,
                                     MrError *err);
/* What errno says of standard output; without a message (err is "no error") when its reader left,
 * OPERATION_CANCELED when Ctrl-C ended a write that waited for the reader. */
MR_MUST_USE MrStatus mr__output_failed(MrError *err);
/* A line on standard error.  Bytes that are no UTF-8 become U+FFFD, controls blanks; line ends
 * stay. */
void mr__say(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* The message on standard error, with the place in the text marked; file: where the text is from,
 * NULL: nowhere. */
void mr__print_error(const MrError *err, MrText sql, const char *file);

/* Runs the statements of a script; stops at the first error.  Returns an exit code. */
int mr__run_script(MrSession *session, MrText script, const char *file, MrFormat format);
int mr__run_golden(MrSession *session); /* JSON lines in and out: the conformance protocol */
int mr__run_shell(MrSession *session, MrFormat format);

/* progress: StreamingQueryProgress as JSON lines on standard output. */
int mr__run_pipeline(MrSession *session, const char *path, bool continuous, bool quiet,
                     bool progress);

/* From Ctrl-C on, the query that runs is canceled rather than the process ended. */
void mr__catch_interrupts(MrSession *session);
/* Whether Ctrl-C was pressed since the program, or the shell's last prompt, began. */
bool mr__interrupted(void);

#endif
