/* api_int.h - what the files of this folder share. */
#ifndef MR_API_API_INT_H
#define MR_API_API_INT_H

#include "column/arrow.h"
#include "rdd/lineage.h"
#include "session/query.h"

/* ---- handle.c: who holds a session */
MrSession *mr__session_hold(MrSession *session);
void mr__session_let_go(MrSession *session); /* ends it when nobody holds it any more */
/* Arrays and schemas that become the caller's hold it, too. */
MrArrowOwner mr__session_arrow_owner(MrSession *session);

/* ---- handle.c: mistakes in a call, as INVALID_PARAMETER_VALUE */
MR_MUST_USE MrStatus mr__bad_parameter(const char *function, const char *parameter,
                                       const char *expected, const char *actual, MrError *err);
MR_MUST_USE MrStatus mr__bad_number(const char *function, const char *parameter,
                                    const char *expected, int64_t actual, MrError *err);
/* A text or a function that is needed. */
MR_MUST_USE MrStatus mr__given(bool given, const char *function, const char *parameter,
                               MrError *err);

/* ---- frame.c */
/* "inner", "left", "right", "full", "left semi", "left anti", "cross" for any of Spark's names of
 * them, in any case, with "_", blanks or neither; NULL: it is none. */
const char *mr__join_name(const char *kind);

/* ---- rdd.c */
/* The plans of lineages, with their sources opened for the query; see mr_lineage_plan. */
MR_MUST_USE MrStatus mr__lineage_plans(MrQuery *query, MrLineage *const *lineages, int32_t n,
                                       MrPlan **plans, MrError *err);
/* An RDD over the lineage, which it retains. */
MR_MUST_USE MrStatus mr__rdd_create(MrSession *session, MrLineage *lineage, MrRdd **out,
                                    MrError *err);
/* The lineage's kind for a join of the public header. */
MR_MUST_USE MrStatus mr__rdd_join_kind(const char *kind, MrJoinKind *out, MrError *err);

#endif
