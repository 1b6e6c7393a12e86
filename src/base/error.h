/* error.h - raising, passing on and decorating errors.
 *
 * MrStatus and MrError are public and stand in millrace.h.  Raising never allocates.  The rows of
 * conditions.inc.h carry Spark's names, SQLSTATEs and parameter names; the sentences are ours. */
#ifndef MR_BASE_ERROR_H
#define MR_BASE_ERROR_H

#include <millrace.h>
#include <stddef.h>
#include <stdlib.h>

/* A sub-condition MAIN.SUB is spelled MAIN__SUB here. */
typedef enum MrCondition {
    MR_COND_NONE = 0,
#define X(id, name, sqlstate, status, params, text) MR_COND_##id,
#include "base/conditions.inc.h"
#undef X
    MR_N_CONDITIONS
} MrCondition;

typedef struct MrConditionDef {
    const char *name;     /* "DATATYPE_MISMATCH.BINARY_OP_WRONG_TYPE" */
    const char *sqlstate; /* five characters                          */
    MrStatus status;
    const char *params; /* parameter names, separated by commas     */
    const char *text;   /* our sentence with <param>s; "" : made from the name and the parameters */
} MrConditionDef;

extern const MrConditionDef mr_conditions[MR_N_CONDITIONS];

/* Finds a condition by its name; MR_COND_NONE when there is none. */
MrCondition mr_condition_find(const char *name);

/* Fills *err and returns its status.  The variable part is name, value, name, value, ..., all
 * const char *, ended by NULL.  Use it through MR_FAIL. */
MrStatus mr_error_raise(MrError *err, MrCondition condition, ...) __attribute__((sentinel));

/* The same with a printf-style value for one parameter. */
MrStatus mr_error_raisef(MrError *err, MrCondition condition, const char *param, const char *format,
                         ...) __attribute__((format(printf, 4, 5)));

/* Our own fault found at run time, with no condition of Spark: INTERNAL_ERROR with a message. */
#define MR_FAIL_INTERNAL(err, ...)                                                                 \
    mr_error_raisef(err, MR_COND_INTERNAL_ERROR, "message", __VA_ARGS__)

/* What we do not do yet: UNSUPPORTED_FEATURE with the feature's name. */
#define MR_FAIL_UNSUPPORTED(err, ...)                                                              \
    mr_error_raisef(err, MR_COND_UNSUPPORTED_FEATURE__MILLRACE, "feature", __VA_ARGS__)

/* MR_FAIL(err, MR_COND_TABLE_OR_VIEW_NOT_FOUND, "relationName", name) */
#define MR_FAIL(err, condition, ...)                                                               \
    mr_error_raise(err, condition, ##__VA_ARGS__, (const char *)NULL)

/* Adds one "in ..." line to the trail; drops it when the trail is full. */
void mr_error_add(MrError *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Notes the place in the query text, unless a place is already noted. */
void mr_error_at(MrError *err, int32_t sql_idx, int32_t sql_len);

/* The value of a parameter, or NULL. */
const char *mr_error_param(const MrError *err, const char *name);

/* Leaves a function that owns nothing. */
#define MR_TRY(call)                                                                               \
    do {                                                                                           \
        MrStatus mr_try_status = (call);                                                           \
        if (mr_try_status != MR_OK)                                                                \
            return mr_try_status;                                                                  \
    } while (0)

/* Jumps to done:, where success goes too; needs `MrStatus status = MR_OK`. */
#define MR_GO(call)                                                                                \
    do {                                                                                           \
        status = (call);                                                                           \
        if (status != MR_OK)                                                                       \
            goto done;                                                                             \
    } while (0)

/* For our own mistakes only; input never gets here. */
_Noreturn void mr_assert_failed(const char *expr, const char *file, int line);
#define MR_ASSERT(x) ((x) ? (void)0 : mr_assert_failed(#x, __FILE__, __LINE__))
#ifdef NDEBUG
#define MR_ASSERT_DEBUG(x) ((void)sizeof(x))
#else
#define MR_ASSERT_DEBUG(x) MR_ASSERT(x)
#endif

#define MR_COUNT(array) ((int64_t)(sizeof(array) / sizeof((array)[0])))

#endif
