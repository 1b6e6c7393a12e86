/* millrace.h - Spark SQL, frames and streams for C and C++.
 *
 * Threads: one call at a time per session.  Version: MR_VERSION; calls are added, not changed.
 * Data leaves through the Arrow C data and stream interfaces.  Every function that can fail returns
 * MrStatus and takes an MrError last; on failure nothing is written to an out argument. */
#ifndef MILLRACE_H
#define MILLRACE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define MR_VERSION "0.1.0"

#define MR_API __attribute__((visibility("default")))
#define MR_MUST_USE __attribute__((warn_unused_result))

/* What the caller should do. */
typedef enum MrStatus {
    MR_OK = 0,
    MR_INVALID,   /* the user's SQL, option or data is wrong: do not retry */
    MR_NO_MEMORY, /* a budget said no: spill, shrink, or fail the query    */
    MR_IO,        /* an outside system failed: a retry may work            */
    MR_CORRUPT,   /* bytes fail their own checks: a retry will not help    */
    MR_CANCELED   /* the query was stopped                                 */
} MrStatus;

/* What the user should know, in Spark's terms.  It lives in the caller's storage, so reporting needs
 * no memory.  {0} is "no error". */
typedef struct MrError {
    MrStatus status;
    int32_t condition;    /* an MrCondition, a row of MR_CONDITIONS: name, SQLSTATE, text      */
    int32_t sql_idx;      /* first byte in the query text that is meant; -1: none              */
    int32_t sql_len;      /* bytes of the query text that are meant                            */
    int32_t params_bytes; /* used bytes of params                                              */
    char params[1000];    /* name, value, name, value, each ended by NUL; long values are cut  */
    char trail[500];      /* "in ..." lines, innermost first: split, operator, query           */
} MrError;

/* "DIVIDE_BY_ZERO", "22012"; a constant string. */
MR_API const char *mr_error_condition(const MrError *err);
MR_API const char *mr_error_sqlstate(const MrError *err);

/* Writes "[CONDITION] text. SQLSTATE: xxxxx" and the trail into text, always ended by NUL; returns the
 * bytes that the whole message needs without the NUL, as snprintf does. */
MR_API int64_t mr_error_message(const MrError *err, char *text, int64_t size_bytes);

#ifdef __cplusplus
}
#endif
#endif
