/* decorrelate_pull.c - a subquery without references to P, the plan around it, where it is cheap.
 *
 * Filters that refer to P move up into the condition of the join with P.  Through an aggregate only
 * equalities move: their inner side becomes a key.  What does not go is left to
 * decorrelate_depend.c. */
#include "plan/decorrelate_int.h"

typedef struct Find {
    const MrPlan *over;
    bool found;
} Find;

static bool outer_find(void *self, const MrExpr *expr)
{
    Find *find = self;
    find->found = find->found || (expr->kind == MR_EXPR_OUTER &&
                                  mr_plan_column_find(find->over, expr->column.id) >= 0);
    return !find->found;
}

static bool expr_refers(const MrExpr *expr, const MrPlan *over)
{
    Find find = {over, false};
    mr_expr_walk(expr, outer_find, &find);
    return find.found;
}

bool mr__plan_refers(const MrPlan *plan, const MrPlan *over)
{
    Find find = {over, false};
    mr_plan_each_expr(plan, outer_find, &find);
    return find.found;
}

static bool column_any(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_COLUMN;
    return !*found;
}

static bool reads_columns(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, column_any, &found);
    return found;
}

/* References to P become columns. */
static MrExpr *outer_to_column(void *self, MrExpr *expr)
{
    const MrPlan *over = self;
    if (expr->kind == MR_EXPR_OUTER && mr_plan_column_find(over, expr->column.id) >= 0)
        expr->kind = MR_EXPR_COLUMN;
    return expr;
}

static MrExpr *expr_localize(MrPlanner *planner, MrExpr *expr, const MrPlan *over)
{
    return mr_expr_map(planner->arena, expr, outer_to_column, (void *)over);
}

MrStatus mr__empty_value(MrPlanner *planner, const MrAggregate *agg, MrExpr **out, MrError *err)
{
    char *state = mr_arena_zeroed(planner->arena, agg->state_bytes + 16);
    MrAggregateCall call = {
        .context = planner->context, .agg = agg, .n = 0, .arena = planner->arena};
    MrVector *vec = mr_vector_create(planner->arena, agg->type, 1);
    if (agg->def->init)
        agg->def->init(agg, state);
    MR_TRY(agg->def->finish(&call, &state, 0, 1, vec, err));
    if (mr_vector_is_null(vec, 0)) {
        *out = mr_expr_null(planner->arena, agg->type);
        return MR_OK;
    }
    vec->encoding = MR_CONSTANT;
    vec->n_items = 1;
    *out = mr_expr_literal(planner->arena, vec);
    return MR_OK;
}

typedef struct Pull {
    MrPlanner *planner;
    const MrPlan *over; /* P */
    MrExpr **preds;     /* what moves up */
    int64_t n, cap;
    bool through_scalar; /* an aggregate without keys was passed */
} Pull;

typedef struct Needs {
    MrPlanner *planner;
    const MrPlan *from, *have;
    MrColumn *cols;
    int64_t n, cap;
} Needs;

static bool needs_note(void *self, const MrExpr *expr)
{
    Needs *needs = self;
    if (expr->kind != MR_EXPR_COLUMN || mr_plan_column_find(needs->have, expr->column.id) >= 0)
        return true;
    int32_t at = mr_plan_column_find(needs->from, expr->column.id);
    for (int64_t i = 0; i < needs->n; i++)
        if (needs->cols[i].id == expr->column.id)
            return true;
    if (at >= 0)
        MR_PUSH(needs->planner->arena, needs->cols, needs->n, needs->cap, needs->from->cols[at]);
    return true;
}

static MrPlan *pull(Pull *p, MrPlan *plan);

/* Conjuncts that refer to P move up; the rest stays, NULL when nothing does. */
static MrExpr *conjuncts_pull(Pull *p, MrExpr *condition)
{
    MrArena *arena = p->planner->arena;
    MrExpr **parts = NULL, *rest = NULL;
    int32_t n = condition ? mr__conjuncts(arena, condition, &parts) : 0;
    for (int32_t i = 0; i < n; i++) {
        if (expr_refers(parts[i], p->over))
            MR_PUSH(arena, p->preds, p->n, p->cap, parts[i]);
        else
            rest = mr_expr_and(arena, rest, parts[i]);
    }
    return rest;
}

static MrPlan *pull_filter(Pull *p, MrPlan *plan)
{
    MrPlan *input = pull(p, plan->inputs[0]);
    MrExpr *rest = input ? conjuncts_pull(p, plan->filter.condition) : NULL;
    return rest ? mr_plan_filter(p->planner, input, rest) : input;
}

/* What moves up may read columns that the projection drops: it passes them on. */
static MrPlan *pull_project(Pull *p, MrPlan *plan)
{
    MrPlanner *planner = p->planner;
    for (int32_t i = 0; i < plan->n_cols; i++)
        if (expr_refers(plan->project.exprs[i].expr, p->over))
            return NULL;
    MrPlan *input = pull(p, plan->inputs[0]);
    if (!input)
        return NULL;
    Needs needs = {.planner = planner, .from = input, .have = plan};
    for (int64_t i = 0; i < p->n; i++)
        mr_expr_walk(p->preds[i], needs_note, &needs);
    int32_t n = plan->n_cols;
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, n + needs.n + 1);
    for (int32_t i = 0; i < n; i++)
        exprs[i] = plan->project.exprs[i];
    for (int64_t i = 0; i < needs.n; i++)
        exprs[n + i] = mr_plan_pass(planner, &needs.cols[i]);
    return mr_plan_project(planner, input, exprs, n + (int32_t)needs.n);
}

/* Of an outer join only the side goes whose rows all come out; of an inner join both and the
 * condition. */
static MrPlan *pull_join(Pull *p, MrPlan *plan)
{
    MrPlanner *planner = p->planner;
    MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
    MrExpr *condition = plan->join.condition;
    if (plan->join.kind == MR_JOIN_INNER) {
        left = pull(p, left);
        right = left ? pull(p, right) : NULL;
        return right
                   ? mr_plan_join(planner, MR_JOIN_INNER, left, right, conjuncts_pull(p, condition))
                   : NULL;
    }
    if (plan->join.kind == MR_JOIN_RIGHT || plan->join.kind == MR_JOIN_FULL ||
        mr__plan_refers(right, p->over) || (condition && expr_refers(condition, p->over)))
        return NULL;
    left = pull(p, left);
    if (!left)
        return NULL;
    MrPlan *join = mr_plan_join(planner, plan->join.kind, left, right, condition);
    if (plan->join.kind == MR_JOIN_MARK) {
        MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, join->n_cols + 1);
        memcpy(cols, join->cols, sizeof(MrColumn) * (size_t)join->n_cols);
        cols[join->n_cols - 1].id = join->join.mark_id = plan->join.mark_id;
        join->cols = cols;
    }
    return join;
}

/* outer = inner: the inner side becomes a key, and the equality is above the aggregate one of P and
 * that key.  False: it is no such equality. */
static bool key_pull(Pull *p, MrExpr *pred, MrNamedExpr *key)
{
    MrPlanner *planner = p->planner;
    const char *name = pred->kind == MR_EXPR_CALL && pred->bound->def ? pred->bound->def->name : "";
    if ((strcmp(name, "=") != 0 && strcmp(name, "<=>") != 0) || pred->n_args != 2)
        return false;
    int32_t side = expr_refers(pred->args[0], p->over) ? 0 : 1;
    MrExpr *inner = pred->args[1 - side];
    if (reads_columns(pred->args[side]) || expr_refers(inner, p->over))
        return false;
    int32_t id = inner->kind == MR_EXPR_COLUMN ? inner->column.id : mr_planner_id(planner);
    const char *text = inner->sql ? inner->sql : "key";
    *key = (MrNamedExpr){{id, text, inner->type, inner->nullable}, inner};
    MrExpr *moved = MR_NEW(planner->arena, MrExpr);
    *moved = *pred;
    moved->args = MR_NEW_N(planner->arena, MrExpr *, 2);
    moved->args[side] = pred->args[side];
    moved->args[1 - side] = mr_plan_column_expr(planner, &key->column);
    MR_PUSH(planner->arena, p->preds, p->n, p->cap, moved);
    return true;
}

static MrPlan *pull_aggregate(Pull *p, MrPlan *plan)
{
    MrPlanner *planner = p->planner;
    Pull own = {.planner = planner, .over = p->over};
    int32_t n = plan->aggregate.n_keys;
    for (int32_t i = 0; i < n; i++)
        if (expr_refers(plan->aggregate.keys[i].expr, p->over))
            return NULL;
    for (int32_t i = 0; i < plan->aggregate.n_aggs; i++)
        if (expr_refers(plan->aggregate.aggs[i].expr, p->over))
            return NULL;
    MrPlan *input = pull(&own, plan->inputs[0]);
    if (!input || own.through_scalar)
        return NULL;
    MrNamedExpr *keys = MR_NEW_N(planner->arena, MrNamedExpr, n + own.n + 1);
    for (int32_t i = 0; i < n; i++)
        keys[i] = plan->aggregate.keys[i];
    for (int64_t i = 0; i < own.n; i++)
        if (!key_pull(p, own.preds[i], &keys[n + i]))
            return NULL;
    if (n == 0 && plan->aggregate.n_aggs > 0)
        p->through_scalar = true;
    MrPlan *agg = mr_plan_aggregate(planner, input, keys, n + (int32_t)own.n, plan->aggregate.aggs,
                                    plan->aggregate.n_aggs);
    agg->aggregate.session_key = plan->aggregate.session_key;
    return agg;
}

/* NULL: it does not go. */
static MrPlan *pull(Pull *p, MrPlan *plan)
{
    if (!mr__plan_refers(plan, p->over))
        return plan;
    switch (plan->kind) {
    case MR_PLAN_FILTER:
        return pull_filter(p, plan);
    case MR_PLAN_PROJECT:
        return pull_project(p, plan);
    case MR_PLAN_JOIN:
        return pull_join(p, plan);
    case MR_PLAN_AGGREGATE:
        return pull_aggregate(p, plan);
    case MR_PLAN_SORT:
        for (int32_t i = 0; i < plan->sort.n_keys; i++)
            if (expr_refers(plan->sort.keys[i].expr, p->over))
                return NULL;
        return plan->sort.limit == INT64_MAX ? pull(p, plan->inputs[0]) : NULL;
    default:
        return NULL;
    }
}

/* What a query over an aggregate without keys gives where no row came in: *out NULL: no row, or
 * NULL. *known false: cannot be said. */
typedef struct Empty {
    MrPlanner *planner;
    int32_t *ids;
    MrExpr **values;
    int64_t n, cap, n_values, cap_values;
} Empty;

static MrExpr *empty_visit(void *self, MrExpr *expr)
{
    Empty *empty = self;
    if (expr->kind == MR_EXPR_COLUMN)
        for (int64_t i = 0; i < empty->n; i++)
            if (empty->ids[i] == expr->column.id)
                return empty->values[i];
    return expr;
}

static MrStatus empty_result(MrPlanner *planner, const MrPlan *plan, MrExpr **out, bool *known,
                             MrError *err)
{
    const MrPlan *chain[32];
    int32_t n = 0;
    *known = false;
    *out = NULL;
    while (plan->kind == MR_PLAN_PROJECT || plan->kind == MR_PLAN_FILTER ||
           plan->kind == MR_PLAN_SORT) {
        if (n == 32)
            return MR_OK;
        chain[n++] = plan;
        plan = plan->inputs[0];
    }
    if (plan->kind != MR_PLAN_AGGREGATE || plan->aggregate.n_keys > 0)
        return MR_OK;
    Empty empty = {.planner = planner};
    for (int32_t i = 0; i < plan->aggregate.n_aggs; i++) {
        MrExpr *value = NULL;
        MR_TRY(mr__empty_value(planner, plan->aggregate.aggs[i].expr->aggregate.agg, &value, err));
        MR_PUSH(planner->arena, empty.ids, empty.n, empty.cap, plan->aggregate.aggs[i].column.id);
        MR_PUSH(planner->arena, empty.values, empty.n_values, empty.cap_values, value);
    }
    bool has_filter = false;
    while (n-- > 0) {
        plan = chain[n];
        if (plan->kind == MR_PLAN_FILTER) {
            has_filter = true;
            continue;
        }
        for (int32_t i = 0; plan->kind == MR_PLAN_PROJECT && i < plan->n_cols; i++) {
            MrExpr *value =
                mr_expr_map(planner->arena, plan->project.exprs[i].expr, empty_visit, &empty);
            const MrVector *folded = NULL;
            MrError ignored = {0};
            if (!mr_expr_is_constant(value) ||
                mr_expr_fold(planner->arena, planner->context, value, &folded, &ignored) != MR_OK)
                return MR_OK;
            MR_PUSH(planner->arena, empty.ids, empty.n, empty.cap,
                    plan->project.exprs[i].column.id);
            MR_PUSH(planner->arena, empty.values, empty.n_values, empty.cap_values,
                    mr_expr_literal(planner->arena, folded));
        }
    }
    for (int64_t i = empty.n - 1; i >= 0; i--)
        if (empty.ids[i] == plan->cols[0].id) {
            *out = empty.values[i]->nullable ? NULL : empty.values[i];
            *known = !has_filter || !*out;
            return MR_OK;
        }
    return MR_OK;
}

MrStatus mr__query_pull(MrPlanner *planner, const MrPlan *over, MrPlan *query, bool scalar,
                        MrPlan **out, MrExpr **condition, MrExpr **empty, MrError *err)
{
    Pull p = {.planner = planner, .over = over};
    MrPlan *pulled = pull(&p, query);
    bool known = !p.through_scalar;
    *out = NULL;
    if (pulled && p.through_scalar && scalar)
        MR_TRY(empty_result(planner, query, empty, &known, err));
    if (!pulled || !known) {
        *empty = NULL;
        return MR_OK;
    }
    for (int64_t i = 0; i < p.n; i++)
        *condition =
            mr_expr_and(planner->arena, *condition, expr_localize(planner, p.preds[i], over));
    *out = pulled;
    return MR_OK;
}
