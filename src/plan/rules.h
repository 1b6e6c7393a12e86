/* rules.h - the rewriting rules of the optimizer: each takes a plan and gives one with the same rows and the
 * same output columns.  Nodes are never changed, only replaced. */
#ifndef MR_PLAN_RULES_H
#define MR_PLAN_RULES_H

#include "plan/plan.h"

/* Filters towards the scans; outer joins whose NULL rows are filtered away become inner ones; conditions of joins
 * that concern one side only go to that side. */
MrPlan *mr__rule_pushdown(MrPlanner *planner, MrPlan *plan);
/* Inner joins in the order that makes the smallest intermediate results. */
MrPlan *mr__rule_join_order(MrPlanner *planner, MrPlan *plan);
/* Drops columns that nobody reads. */
MrPlan *mr__rule_prune(MrPlanner *planner, MrPlan *plan);
/* Fills rows_estimate of the whole tree. */
void mr__statistics(MrPlan *plan);
/* Share of rows for which a condition is true: a guess from its form. */
double mr__selectivity(const MrExpr *condition);

/* Helpers. */
MrPlan *mr__node_copy(MrPlanner *planner, const MrPlan *plan); /* the node and its list of inputs */
/* Conjuncts of a condition, NULL: none.  *out is in the arena. */
int32_t mr__conjuncts(MrArena *arena, MrExpr *condition, MrExpr ***out);
bool mr__reads_only(const MrExpr *expr, const MrPlan *plan);   /* columns of this plan's output */
bool mr__reads_any(const MrExpr *expr, const MrPlan *plan);
bool mr__has_query(const MrExpr *expr); /* a subquery or a column of an outer query is inside */

#endif
