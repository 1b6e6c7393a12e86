/* decorrelate_int.h - two ways to make a subquery free of references to P, the plan around it. */
#ifndef MR_PLAN_DECORRELATE_INT_H
#define MR_PLAN_DECORRELATE_INT_H

#include "plan/rules.h"

bool mr__plan_refers(const MrPlan *plan, const MrPlan *over); /* to a column of over */

/* Filters that refer to over move into *condition, which joins the two.  *out NULL: it does not go.
 * *empty, of a scalar subquery: its value where it has no row; NULL: NULL. */
MR_MUST_USE MrStatus mr__query_pull(MrPlanner *planner, const MrPlan *over, MrPlan *query,
                                    bool scalar, MrPlan **out, MrExpr **condition, MrExpr **empty,
                                    MrError *err);
/* The subquery's rows for each value of the columns referred to; it always goes. */
MR_MUST_USE MrStatus mr__query_depend(MrPlanner *planner, MrPlan **over, MrPlan *query,
                                      MrPlan **out, MrExpr **condition, MrError *err);

/* The value an aggregate has when there are no rows. */
MR_MUST_USE MrStatus mr__empty_value(MrPlanner *planner, const MrAggregate *agg, MrExpr **out,
                                     MrError *err);

#endif
