/* plan_walk.c - visiting, mapping and copying logical plans. */
#include "plan/plan.h"

/* ---------------------------------------------------------------- mapping one node's expressions
 */

static MrExpr **list_map(MrPlanner *planner, MrExpr *const *exprs, int32_t n, MrPlanExprMap map,
                         void *self)
{
    MrExpr **copy = MR_NEW_N(planner->arena, MrExpr *, n + 1);
    for (int32_t i = 0; i < n; i++)
        copy[i] = map(self, exprs[i]);
    return copy;
}

static MrNamedExpr *named_map(MrPlanner *planner, const MrNamedExpr *exprs, int32_t n,
                              MrPlanExprMap map, void *self)
{
    MrNamedExpr *copy = MR_NEW_N(planner->arena, MrNamedExpr, n + 1);
    for (int32_t i = 0; i < n; i++) {
        copy[i] = exprs[i];
        copy[i].expr = map(self, exprs[i].expr);
    }
    return copy;
}

MrPlan *mr_plan_map_exprs(MrPlanner *planner, const MrPlan *plan, MrPlanExprMap map, void *self)
{
    MrPlan *copy = MR_NEW(planner->arena, MrPlan);
    *copy = *plan;
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        copy->scan.filters = list_map(planner, plan->scan.filters, plan->scan.n_filters, map, self);
        break;
    case MR_PLAN_VALUES:
        copy->values.rows = MR_NEW_N(planner->arena, MrExpr **, plan->values.n_rows + 1);
        for (int32_t r = 0; r < plan->values.n_rows; r++)
            copy->values.rows[r] = list_map(planner, plan->values.rows[r], plan->n_cols, map, self);
        break;
    case MR_PLAN_PROJECT:
        copy->project.exprs = named_map(planner, plan->project.exprs, plan->n_cols, map, self);
        break;
    case MR_PLAN_FILTER:
        copy->filter.condition = map(self, plan->filter.condition);
        break;
    case MR_PLAN_AGGREGATE:
        copy->aggregate.keys =
            named_map(planner, plan->aggregate.keys, plan->aggregate.n_keys, map, self);
        copy->aggregate.aggs =
            named_map(planner, plan->aggregate.aggs, plan->aggregate.n_aggs, map, self);
        break;
    case MR_PLAN_EXPAND:
        copy->expand.projections =
            MR_NEW_N(planner->arena, MrExpr **, plan->expand.n_projections + 1);
        for (int32_t p = 0; p < plan->expand.n_projections; p++)
            copy->expand.projections[p] =
                list_map(planner, plan->expand.projections[p], plan->n_cols, map, self);
        break;
    case MR_PLAN_JOIN:
        if (plan->join.condition)
            copy->join.condition = map(self, plan->join.condition);
        break;
    case MR_PLAN_SORT:
        copy->sort.keys = MR_NEW_N(planner->arena, MrSortKey, plan->sort.n_keys + 1);
        for (int32_t i = 0; i < plan->sort.n_keys; i++) {
            copy->sort.keys[i] = plan->sort.keys[i];
            copy->sort.keys[i].expr = map(self, plan->sort.keys[i].expr);
        }
        break;
    case MR_PLAN_WINDOW:
        copy->window.exprs =
            named_map(planner, plan->window.exprs, plan->window.n_exprs, map, self);
        break;
    case MR_PLAN_GENERATE:
        copy->generate.args =
            list_map(planner, plan->generate.args, plan->generate.n_args, map, self);
        break;
    default:
        break;
    }
    return copy;
}

/* ---------------------------------------------------------------- visiting */

typedef struct Each {
    bool (*visit)(void *self, const MrExpr *expr);
    void *self;
} Each;

static bool each_visit(void *self, const MrExpr *expr)
{
    Each *each = self;
    if (!each->visit(each->self, expr))
        return false;
    if (expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
        expr->kind == MR_EXPR_IN_QUERY)
        mr_plan_each_expr(expr->query.plan, each->visit, each->self);
    return true;
}

static void each_list(MrExpr *const *exprs, int32_t n, Each *each)
{
    for (int32_t i = 0; i < n; i++)
        mr_expr_walk(exprs[i], each_visit, each);
}

static void each_named(const MrNamedExpr *exprs, int32_t n, Each *each)
{
    for (int32_t i = 0; i < n; i++)
        mr_expr_walk(exprs[i].expr, each_visit, each);
}

void mr_plan_each_expr(const MrPlan *plan, bool (*visit)(void *self, const MrExpr *expr),
                       void *self)
{
    Each each = {visit, self};
    for (int32_t i = 0; i < plan->n_inputs; i++)
        mr_plan_each_expr(plan->inputs[i], visit, self);
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        each_list(plan->scan.filters, plan->scan.n_filters, &each);
        break;
    case MR_PLAN_VALUES:
        for (int32_t r = 0; r < plan->values.n_rows; r++)
            each_list(plan->values.rows[r], plan->n_cols, &each);
        break;
    case MR_PLAN_PROJECT:
        each_named(plan->project.exprs, plan->n_cols, &each);
        break;
    case MR_PLAN_FILTER:
        mr_expr_walk(plan->filter.condition, each_visit, &each);
        break;
    case MR_PLAN_AGGREGATE:
        each_named(plan->aggregate.keys, plan->aggregate.n_keys, &each);
        each_named(plan->aggregate.aggs, plan->aggregate.n_aggs, &each);
        break;
    case MR_PLAN_EXPAND:
        for (int32_t p = 0; p < plan->expand.n_projections; p++)
            each_list(plan->expand.projections[p], plan->n_cols, &each);
        break;
    case MR_PLAN_JOIN:
        if (plan->join.condition)
            mr_expr_walk(plan->join.condition, each_visit, &each);
        break;
    case MR_PLAN_SORT:
        for (int32_t i = 0; i < plan->sort.n_keys; i++)
            mr_expr_walk(plan->sort.keys[i].expr, each_visit, &each);
        break;
    case MR_PLAN_WINDOW:
        each_named(plan->window.exprs, plan->window.n_exprs, &each);
        break;
    case MR_PLAN_GENERATE:
        each_list(plan->generate.args, plan->generate.n_args, &each);
        break;
    default:
        break;
    }
}

/* ---------------------------------------------------------------- copying */

typedef struct Copy {
    MrPlanner *planner;
    int32_t *from, *to; /* ids */
    int64_t n, cap, n_to, cap_to;
    /* A subquery that stands twice (nullif, BETWEEN) is one in the copy too. */
    const MrPlan **queries;
    MrPlan **copies;
    int64_t n_queries, cap_queries, n_copies, cap_copies;
} Copy;

static MrPlan *plan_copy(Copy *copy, const MrPlan *plan);

static int32_t id_find(const Copy *copy, int32_t id)
{
    for (int64_t i = copy->n - 1; i >= 0; i--)
        if (copy->from[i] == id)
            return copy->to[i];
    return id; /* of an outer query */
}

static int32_t id_new(Copy *copy, int32_t id)
{
    for (int64_t i = copy->n - 1; i >= 0; i--)
        if (copy->from[i] == id)
            return copy->to[i];
    int32_t made = mr_planner_id(copy->planner);
    MR_PUSH(copy->planner->arena, copy->from, copy->n, copy->cap, id);
    MR_PUSH(copy->planner->arena, copy->to, copy->n_to, copy->cap_to, made);
    return made;
}

static MrPlan *query_copy(Copy *copy, const MrPlan *query)
{
    for (int64_t i = 0; i < copy->n_queries; i++)
        if (copy->queries[i] == query)
            return copy->copies[i];
    MrPlan *made = plan_copy(copy, query);
    MR_PUSH(copy->planner->arena, copy->queries, copy->n_queries, copy->cap_queries, query);
    MR_PUSH(copy->planner->arena, copy->copies, copy->n_copies, copy->cap_copies, made);
    return made;
}

static MrExpr *expr_visit(void *self, MrExpr *expr)
{
    Copy *copy = self;
    if (expr->kind == MR_EXPR_COLUMN || expr->kind == MR_EXPR_OUTER)
        expr->column.id = id_find(copy, expr->column.id);
    else if (expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
             expr->kind == MR_EXPR_IN_QUERY)
        expr->query.plan = query_copy(copy, expr->query.plan);
    return expr;
}

static MrExpr *expr_copy(void *self, MrExpr *expr)
{
    Copy *copy = self;
    return mr_expr_map(copy->planner->arena, expr, expr_visit, copy);
}

static void named_ids(Copy *copy, MrNamedExpr *exprs, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        exprs[i].column.id = id_new(copy, exprs[i].column.id);
}

static MrPlan *plan_copy(Copy *copy, const MrPlan *plan)
{
    MrArena *arena = copy->planner->arena;
    MrPlan **inputs = MR_NEW_N(arena, MrPlan *, plan->n_inputs + 1);
    if (plan->kind == MR_PLAN_SHARED) {
        /* The body is computed once for all, with the ids it has. */
        MrPlan *made = MR_NEW(arena, MrPlan);
        *made = *plan;
        MrColumn *cols = MR_NEW_N(arena, MrColumn, plan->n_cols + 1);
        for (int32_t i = 0; i < plan->n_cols; i++) {
            cols[i] = plan->cols[i];
            cols[i].id = id_new(copy, plan->cols[i].id);
        }
        made->cols = cols;
        return made;
    }
    for (int32_t i = 0; i < plan->n_inputs; i++)
        inputs[i] = plan_copy(copy, plan->inputs[i]);
    MrPlan *made = mr_plan_map_exprs(copy->planner, plan, expr_copy, copy);
    made->inputs = inputs;
    MrColumn *cols = MR_NEW_N(arena, MrColumn, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++) {
        cols[i] = plan->cols[i];
        cols[i].id = id_new(copy, plan->cols[i].id);
    }
    made->cols = cols;
    switch (plan->kind) {
    case MR_PLAN_PROJECT:
        named_ids(copy, made->project.exprs, plan->n_cols);
        break;
    case MR_PLAN_AGGREGATE:
        named_ids(copy, made->aggregate.keys, plan->aggregate.n_keys);
        named_ids(copy, made->aggregate.aggs, plan->aggregate.n_aggs);
        break;
    case MR_PLAN_WINDOW:
        named_ids(copy, made->window.exprs, plan->window.n_exprs);
        break;
    case MR_PLAN_JOIN:
        if (plan->join.kind == MR_JOIN_MARK)
            made->join.mark_id = id_new(copy, plan->join.mark_id);
        break;
    case MR_PLAN_WATERMARK:
        made->watermark.column_id = id_new(copy, plan->watermark.column_id);
        break;
    default:
        break;
    }
    return made;
}

MrPlan *mr_plan_copy(MrPlanner *planner, const MrPlan *plan)
{
    Copy copy = {.planner = planner};
    return plan_copy(&copy, plan);
}
