/* rule_shared.c - sub-plans that are used once, or that depend on an outer query, are not shared
 * but stand where they are used. */
#include "plan/rules.h"

typedef struct Uses {
    MrPlanner *planner;
    int32_t *ids, *counts;
    int64_t n, cap, n_counts, cap_counts;
} Uses;

static int64_t use_find(Uses *uses, int32_t id)
{
    for (int64_t i = 0; i < uses->n; i++)
        if (uses->ids[i] == id)
            return i;
    MR_PUSH(uses->planner->arena, uses->ids, uses->n, uses->cap, id);
    MR_PUSH(uses->planner->arena, uses->counts, uses->n_counts, uses->cap_counts, 0);
    return uses->n - 1;
}

static void plan_count(Uses *uses, const MrPlan *plan);

static bool expr_count(void *self, const MrExpr *expr)
{
    if (expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
        expr->kind == MR_EXPR_IN_QUERY)
        plan_count(self, expr->query.plan);
    return true;
}

static MrExpr *expr_each(void *self, MrExpr *expr)
{
    mr_expr_walk(expr, expr_count, self);
    return expr;
}

static void plan_count(Uses *uses, const MrPlan *plan)
{
    if (plan->kind == MR_PLAN_SHARED) {
        int64_t at = use_find(uses, plan->shared.shared_id);
        if (++uses->counts[at] > 1)
            return; /* what it holds is computed once all the same */
    }
    for (int32_t i = 0; i < plan->n_inputs; i++)
        plan_count(uses, plan->inputs[i]);
    (void)mr_plan_map_exprs(uses->planner, plan, expr_each, uses);
}

typedef struct Bound {
    bool outer;
} Bound;

static bool outer_find(void *self, const MrExpr *expr)
{
    Bound *bound = self;
    bound->outer = bound->outer || expr->kind == MR_EXPR_OUTER;
    return !bound->outer;
}

static bool has_ref(const MrPlan *plan)
{
    if (plan->kind == MR_PLAN_RECURSION_REF)
        return true;
    for (int32_t i = 0; i < plan->n_inputs; i++)
        if (has_ref(plan->inputs[i]))
            return true;
    return false;
}

static MrStatus shared_visit(MrPlanner *planner, MrPlan *plan, void *self, MrPlan **out,
                             MrError *err)
{
    Uses *uses = self;
    *out = plan;
    if (plan->kind != MR_PLAN_SHARED)
        return MR_OK;
    int64_t at = use_find(uses, plan->shared.shared_id);
    bool once = uses->counts[at] <= 1;
    Bound bound = {false};
    mr_plan_each_expr(plan->inputs[0], outer_find, &bound);
    if (once)
        *out = mr__plan_rename(planner, plan->inputs[0], plan->cols);
    else if (bound.outer || has_ref(plan->inputs[0]) || plan->inputs[0]->kind == MR_PLAN_VALUES)
        *out = mr__plan_rename(planner, mr_plan_copy(planner, plan->inputs[0]), plan->cols);
    return MR_OK;
}

MrStatus mr__rule_shared(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    Uses uses = {.planner = planner};
    plan_count(&uses, plan);
    return mr__plan_rewrite(planner, plan, shared_visit, &uses, out, err);
}
