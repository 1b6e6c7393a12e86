/* rules.h - the rewriting rules of the optimizer: each takes a plan and gives one with the same
 * rows and the same output columns.  Nodes are never changed, only replaced. */
#ifndef MR_PLAN_RULES_H
#define MR_PLAN_RULES_H

#include "plan/plan.h"

/* Constant expressions to literals; what all arms of an OR share stands outside of it. */
MR_MUST_USE MrStatus mr__rule_fold(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err);
/* Sub-plans used once are not shared. */
MR_MUST_USE MrStatus mr__rule_shared(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err);
/* input_file_name() and its like are computed next to the scan that they mean, and passed up from
 * there.  Fails with MULTI_SOURCES_UNSUPPORTED_FOR_EXPRESSION. */
MR_MUST_USE MrStatus mr__rule_origin(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err);
/* INTERSECT and EXCEPT to joins. */
MR_MUST_USE MrStatus mr__rule_setop(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err);
/* Subqueries and lateral joins to joins without references to an outer query. */
MR_MUST_USE MrStatus mr__rule_decorrelate(MrPlanner *planner, MrPlan *plan, MrPlan **out,
                                          MrError *err);
/* Filters towards the scans; outer joins whose NULL rows are filtered away become inner ones;
 * conditions of joins that concern one side only go to that side. */
MrPlan *mr__rule_pushdown(MrPlanner *planner, MrPlan *plan);
/* Inner joins in the order that makes the smallest intermediate results. */
MrPlan *mr__rule_join_order(MrPlanner *planner, MrPlan *plan);
/* Drops columns that nobody reads. */
MrPlan *mr__rule_prune(MrPlanner *planner, MrPlan *plan);
/* Fills rows_estimate of the whole tree. */
void mr__statistics(MrPlanner *planner, MrPlan *plan);
/* Share of rows for which a condition is true: a guess from its form. */
double mr__selectivity(const MrExpr *condition);

/* A session aggregate as windows and an ordinary aggregate with the same output columns; used when
 * the physical plan is made, for a stream keeps its sessions otherwise. */
MR_MUST_USE MrStatus mr__session_expand(MrPlanner *planner, const MrPlan *plan, MrPlan **out,
                                        MrError *err);

/* Helpers. */
MrPlan *mr__node_copy(MrPlanner *planner, const MrPlan *plan); /* the node and its list of inputs */
/* Conjuncts of a condition, NULL: none.  *out is in the arena. */
int32_t mr__conjuncts(MrArena *arena, MrExpr *condition, MrExpr ***out);
bool mr__reads_only(const MrExpr *expr, const MrPlan *plan); /* columns of this plan's output */
bool mr__reads_any(const MrExpr *expr, const MrPlan *plan);
/* The plan's inputs and the plans of subqueries in its expressions, each rewritten; then visit on
 * the node. */
typedef MrStatus (*MrPlanVisit)(MrPlanner *planner, MrPlan *plan, void *self, MrPlan **out,
                                MrError *err);
MR_MUST_USE MrStatus mr__plan_rewrite(MrPlanner *planner, MrPlan *plan, MrPlanVisit visit,
                                      void *self, MrPlan **out, MrError *err);
/* Exposes the plan's columns under the ids and names of cols. */
MrPlan *mr__plan_rename(MrPlanner *planner, MrPlan *plan, const MrColumn *cols);
bool mr__has_query(const MrExpr *expr); /* a subquery or a column of an outer query is inside */

#endif
