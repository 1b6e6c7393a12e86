/* rule_shared.c - sub-plans that are used once, or that depend on an outer query, are not shared
 * but stand where they are used. */
#include "plan/rules.h"

typedef struct Uses {
    MrPlanner *planner;
    int32_t *ids, *counts;
    enum { UNKNOWN, FREE, TIED } * tied;
    int64_t n, cap, n_counts, cap_counts, n_tied, cap_tied;
} Uses;

static int64_t use_find(Uses *uses, int32_t id)
{
    for (int64_t i = 0; i < uses->n; i++)
        if (uses->ids[i] == id)
            return i;
    MR_PUSH(uses->planner->arena, uses->ids, uses->n, uses->cap, id);
    MR_PUSH(uses->planner->arena, uses->counts, uses->n_counts, uses->cap_counts, 0);
    MR_PUSH(uses->planner->arena, uses->tied, uses->n_tied, uses->cap_tied, UNKNOWN);
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

static bool plan_tied(Uses *uses, const MrPlan *plan);

typedef struct Tied {
    Uses *uses;
    bool found;
} Tied;

static bool expr_tied(void *self, const MrExpr *expr)
{
    Tied *tied = self;
    bool query = expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                 expr->kind == MR_EXPR_IN_QUERY;
    tied->found = tied->found || expr->kind == MR_EXPR_OUTER ||
                  (query && plan_tied(tied->uses, expr->query.plan));
    return !tied->found;
}

static MrExpr *expr_each_tied(void *self, MrExpr *expr)
{
    mr_expr_walk(expr, expr_tied, self);
    return expr;
}

/* True when the plan refers to an outer query or to a recursion: it cannot be computed once.  What
 * is shared is looked at once, for a plan may have very many ways down. */
static bool plan_tied(Uses *uses, const MrPlan *plan)
{
    Tied tied = {uses, plan->kind == MR_PLAN_RECURSION_REF};
    int64_t at = -1;
    if (plan->kind == MR_PLAN_SHARED) {
        at = use_find(uses, plan->shared.shared_id);
        if (uses->tied[at])
            return uses->tied[at] == TIED;
    }
    (void)mr_plan_map_exprs(uses->planner, plan, expr_each_tied, &tied);
    for (int32_t i = 0; i < plan->n_inputs && !tied.found; i++)
        tied.found = plan_tied(uses, plan->inputs[i]);
    if (at >= 0)
        uses->tied[at] = tied.found ? TIED : FREE;
    return tied.found;
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
    if (once)
        *out = mr__plan_rename(planner, plan->inputs[0], plan->cols);
    else if (plan->inputs[0]->kind == MR_PLAN_VALUES || plan_tied(uses, plan))
        *out = mr__plan_rename(planner, mr_plan_copy(planner, plan->inputs[0]), plan->cols);
    return MR_OK;
}

MrStatus mr__rule_shared(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    Uses uses = {.planner = planner};
    plan_count(&uses, plan);
    return mr__plan_rewrite(planner, plan, shared_visit, &uses, out, err);
}
