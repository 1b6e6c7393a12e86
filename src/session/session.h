/* session.h - the facade: text in, batches out; configuration, catalog, running queries.
 *
 * Every door (shell, C API, Spark Connect, web) talks to this and to nothing below it.  One call at
 * a time per session, but mr_session_cancel, which any thread and a signal handler may call. */
#ifndef MR_SESSION_SESSION_H
#define MR_SESSION_SESSION_H

#include "catalog/catalog.h"
#include "column/arrow_ipc.h" /* what a door may make of batches */
#include "exec/run.h"

typedef struct MrSession MrSession;
typedef struct MrQuery MrQuery;

typedef struct MrSessionConfig {
    MrOs *os;                   /* NULL: the real one                                 */
    const char *warehouse;      /* NULL: spark-warehouse in the current folder         */
    int64_t memory_limit_bytes; /* 0: 70 % of the machine's                            */
    int32_t n_threads;          /* 0: cores                                            */
    const char *test_functions; /* names separated by commas, as --functions has them; NULL: none */
    _Atomic int64_t *fail_countdown; /* tests: see MrBudget; NULL: none                */
} MrSessionConfig;

MR_MUST_USE MrStatus mr_session_create(const MrSessionConfig *config, MrSession **out,
                                       MrError *err);
void mr_session_destroy(MrSession *session); /* accepts NULL; ends its queries first */

/* Settings (SET k = v, --conf).  Unknown keys are kept, as Spark does; known ones are checked. */
MR_MUST_USE MrStatus mr_session_set_conf(MrSession *session, const char *key, const char *value,
                                         MrError *err);
/* As the session begins (--conf): what RESET goes back to. */
MR_MUST_USE MrStatus mr_session_start_conf(MrSession *session, const char *key, const char *value,
                                           MrError *err);
const char *mr_session_conf(const MrSession *session,
                            const char *key); /* value or default; NULL: neither */

/* Runs one statement.  A command is done when this returns and its rows are held in memory; a query
 * runs while it is read.  text is copied.  *out is yours to close. */
MR_MUST_USE MrStatus mr_session_query(MrSession *session, MrText text, MrQuery **out, MrError *err);
void mr_query_close(MrQuery *query);                   /* accepts NULL; stops it */
const MrSchema *mr_query_schema(const MrQuery *query); /* 0 columns: a command without a result */
bool mr_query_is_ordered(const MrQuery *query);  /* the order of the rows is part of the answer */
bool mr_query_is_describe(const MrQuery *query); /* rows of DESCRIBE, which Spark's shell pads */
/* Rows that its sources could not read as asked, so far (RELIABILITY P10). */
typedef struct MrLosses {
    int64_t n_bad;     /* malformed records: NULLs, or dropped, by their mode */
    int64_t n_skipped; /* damaged or missing files, or parts of them, that the options let pass */
} MrLosses;
MrLosses mr_query_losses(const MrQuery *query);
/* ", 2 malformed records, 1 file skipped"; "" when there are none. */
#define MR_LOSSES_TEXT_BYTES 100
const char *mr_losses_text(MrLosses losses, char out[MR_LOSSES_TEXT_BYTES]);
/* *out NULL: the end.  The batch is yours. */
MR_MUST_USE MrStatus mr_query_next(MrQuery *query, MrBatch **out, MrError *err);

/* Statements of a script, in order, cut at semicolons; texts are borrowed from script. */
MR_MUST_USE MrStatus mr_session_split(MrSession *session, MrArena *arena, MrText script,
                                      int32_t *n_out, MrText **out, MrError *err);
/* Whether a shell should wait for more lines. */
bool mr_session_is_complete(MrText script);

/* Asks the running query to stop: it fails with OPERATION_CANCELED within 200 ms or so. */
void mr_session_cancel(MrSession *session);
/* The flag that this sets, to be watched while rows are shown (mr_guard_watch). */
const _Atomic bool *mr_session_canceled(const MrSession *session);
/* A cancel is over when the next query begins; between these two calls only with the second: none
 * is lost between two statements of a script. */
void mr_session_script_begin(MrSession *session);
void mr_session_script_end(MrSession *session);

const MrSettings *mr_session_settings(const MrSession *session);
MrBudget *mr_session_budget(MrSession *session);
MrOs *mr_session_os(MrSession *session);

/* The Java exception class that Spark would throw for this error. */
const char *mr_error_class(const MrError *err);

/* A checkpoint folder as text, read without its lock and left as it is.  verify: every file that
 * the log names is read and its hash compared, and the epochs are not listed; fails naming the file
 * that is damaged. */
MR_MUST_USE MrStatus mr_session_checkpoint_text(MrSession *session, const char *path, bool verify,
                                                MrTextBuilder *out, MrError *err);

#endif
