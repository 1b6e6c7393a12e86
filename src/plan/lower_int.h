/* lower_int.h - what the files that make the physical plan share. */
#ifndef MR_PLAN_LOWER_INT_H
#define MR_PLAN_LOWER_INT_H

#include "plan/physical.h"
#include "plan/rules.h"

typedef struct Lower {
    MrPlanner *planner;
    MrArena *arena;
    const MrLowerOptions *options;
    int32_t next_phys_id;
    int32_t *places; /* column id -> place in the input at hand, -1: not there */
    int32_t n_ids;   /* that places and event_time have room for */
    int32_t missing_id;
    bool subquery_left;
    MrPhys **shared; /* by shared_id */
    /* Streams. */
    bool streaming; /* else: as a batch, also inside the plan of a RECOMPUTE                   */
    bool per_epoch; /* each epoch is a batch of its own                                        */
    bool complete;  /* complete mode, above the aggregates that keep the result               */
    const MrPlan **feeds; /* inputs of the RECOMPUTE whose plan is being lowered */
    int32_t n_feeds;
    bool *event_time; /* by column id: a watermark bounds it                                      */
} Lower;

/* lower.c */
MR_MUST_USE MrStatus mr__lower_node(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err);
MrPhys *mr__phys_new(Lower *self, MrPhysKind kind, const MrPlan *plan, int32_t n_inputs);
void mr__places_set(Lower *self, const MrColumn *cols, int32_t n_cols, int32_t from);
void mr__places_clear(Lower *self, const MrColumn *cols, int32_t n_cols);
/* Places for the columns of expr; NULL stays NULL. */
MR_MUST_USE MrStatus mr__lower_expr(Lower *self, MrExpr *expr, MrExpr **out, MrError *err);
MR_MUST_USE MrStatus mr__lower_exprs(Lower *self, MrExpr *const *exprs, int32_t n, MrExpr ***out,
                                     MrError *err);
/* The sort below a limit, with projections between them; NULL: none. */
const MrPlan *mr__limited_sort(const MrPlan *limit, int32_t *n_projects);

/* lower_join.c */
MR_MUST_USE MrStatus mr__lower_join(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err);
/* The join has at least one key, so that two states can be probed. */
bool mr__has_equal_key(Lower *self, const MrPlan *plan);

/* lower_stream.c: nodes of a stream */
bool mr__gives_changes(Lower *self, const MrPlan *plan); /* it takes rows back that it gave */
bool mr__recomputes(Lower *self, const MrPlan *plan);    /* no incremental rule serves here */
MR_MUST_USE MrStatus mr__lower_recompute(Lower *self, const MrPlan *plan, MrPhys **out,
                                         MrError *err);
MR_MUST_USE MrStatus mr__lower_stream_aggregate(Lower *self, const MrPlan *plan, MrPhys *phys,
                                                MrError *err);
/* Which output columns a watermark bounds, and how far behind it they may be. */
void mr__note_times(Lower *self, const MrPlan *plan, MrPhys *phys);

#endif
