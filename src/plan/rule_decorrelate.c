/* rule_decorrelate.c - subqueries become joins. */
#include "plan/rules.h"

static bool query_find(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
             expr->kind == MR_EXPR_IN_QUERY;
    return !*found;
}

static MrStatus decorrelate_visit(MrPlanner *planner, MrPlan *plan, void *self, MrPlan **out, MrError *err)
{
    bool found = false;
    mr_plan_each_expr(plan, query_find, &found);
    if (found)
        return MR_FAIL_UNSUPPORTED(err, "subqueries");
    *out = plan;
    return MR_OK;
}

MrStatus mr__rule_decorrelate(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    return mr__plan_rewrite(planner, plan, decorrelate_visit, NULL, out, err);
}
