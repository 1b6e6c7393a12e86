/* optimize.c - the rules in their order. */
#include "plan/rules.h"

typedef MrStatus (*MrRule)(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err);

static const struct {
    const char *name;
    MrRule rule;
} rules[] = {
    {"constants", mr__rule_fold},
    {"shared sub-plans", mr__rule_shared},
    {"origins of rows to scans", mr__rule_origin},
    {"set operations to joins", mr__rule_setop},
    {"subqueries to joins", mr__rule_decorrelate},
};

MrStatus mr_plan_optimize(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    for (int64_t i = 0; i < MR_COUNT(rules); i++)
        MR_TRY(rules[i].rule(planner, plan, &plan, err));
    plan = mr__rule_pushdown(planner, plan);
    mr__statistics(planner, plan);
    plan = mr__rule_join_order(planner, plan);
    plan = mr__rule_prune(planner, plan);
    mr__statistics(planner, plan);
    *out = plan;
    return MR_OK;
}

/* ---------------------------------------------------------------- what rules share */

typedef struct Rewrite {
    MrPlanner *planner;
    MrPlanVisit visit;
    void *self;
    MrError *err;
    MrStatus status;
    /* Bodies of SHARED are mapped once, and so is a subquery that stands twice (nullif, BETWEEN).
     */
    const MrPlan **bodies;
    MrPlan **mapped;
    int64_t n, cap, n_mapped, cap_mapped;
} Rewrite;

static MrStatus rewrite(Rewrite *r, MrPlan *plan, MrPlan **out);

static MrStatus rewrite_once(Rewrite *r, MrPlan *plan, MrPlan **out)
{
    for (int64_t k = 0; k < r->n; k++)
        if (r->bodies[k] == plan) {
            *out = r->mapped[k];
            return MR_OK;
        }
    MR_TRY(rewrite(r, plan, out));
    MR_PUSH(r->planner->arena, r->bodies, r->n, r->cap, plan);
    MR_PUSH(r->planner->arena, r->mapped, r->n_mapped, r->cap_mapped, *out);
    return MR_OK;
}

static MrExpr *subquery_visit(void *self, MrExpr *expr)
{
    Rewrite *r = self;
    MrPlan *made = expr->query.plan;
    if (r->status == MR_OK && (expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                               expr->kind == MR_EXPR_IN_QUERY)) {
        r->status = rewrite_once(r, expr->query.plan, &made);
        expr->query.plan = made;
    }
    return expr;
}

static bool query_find(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
             expr->kind == MR_EXPR_IN_QUERY;
    return !*found;
}

static MrExpr *expr_rewrite(void *self, MrExpr *expr)
{
    Rewrite *r = self;
    bool found = false;
    mr_expr_walk(expr, query_find, &found);
    return found ? mr_expr_map(r->planner->arena, expr, subquery_visit, r) : expr;
}

static MrStatus rewrite(Rewrite *r, MrPlan *plan, MrPlan **out)
{
    MrPlan **inputs = MR_NEW_N(r->planner->arena, MrPlan *, plan->n_inputs + 1);
    bool changed = false;
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        if (plan->kind == MR_PLAN_SHARED)
            MR_TRY(rewrite_once(r, plan->inputs[i], &inputs[i]));
        else
            MR_TRY(rewrite(r, plan->inputs[i], &inputs[i]));
        changed = changed || inputs[i] != plan->inputs[i];
    }
    MrPlan *made = mr_plan_map_exprs(r->planner, plan, expr_rewrite, r);
    MR_TRY(r->status);
    if (changed)
        made = mr_plan_with_inputs(r->planner, made, inputs);
    return r->visit(r->planner, made, r->self, out, r->err);
}

MrStatus mr__plan_rewrite(MrPlanner *planner, MrPlan *plan, MrPlanVisit visit, void *self,
                          MrPlan **out, MrError *err)
{
    Rewrite r = {.planner = planner, .visit = visit, .self = self, .err = err};
    return rewrite(&r, plan, out);
}

MrPlan *mr__plan_rename(MrPlanner *planner, MrPlan *plan, const MrColumn *cols)
{
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++) {
        exprs[i].column = cols[i];
        exprs[i].expr = mr_plan_column_expr(planner, &plan->cols[i]);
    }
    return mr_plan_project(planner, plan, exprs, plan->n_cols);
}
