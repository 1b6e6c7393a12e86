/* rule_decorrelate.c - subqueries and lateral joins become joins without references to an outer
 * query.
 *
 * A subquery in an expression of a node over P is joined to P: EXISTS and IN by a mark join (semi
 * and anti joins where they are conjuncts of a filter), a scalar subquery by a single join.
 * References to P are removed in one of two ways: decorrelate_pull.c, and where that does not go
 * decorrelate_depend.c.
 *
 * Inner subqueries come first; references to queries further out stay until those are reached. */
#include "plan/decorrelate_int.h"

/* Makes the subquery free of references to *over; *condition joins the two. */
static MrStatus query_free(MrPlanner *planner, MrPlan **over, MrPlan *query, bool scalar,
                           MrPlan **out, MrExpr **condition, MrExpr **empty, MrError *err)
{
    *condition = NULL;
    *empty = NULL;
    *out = query;
    if (!mr__plan_refers(query, *over))
        return MR_OK;
    MR_TRY(mr__query_pull(planner, *over, query, scalar, out, condition, empty, err));
    return *out ? MR_OK : mr__query_depend(planner, over, query, out, condition, err);
}

typedef struct Attach {
    MrPlanner *planner;
    MrError *err;
    MrStatus status;
    MrPlan *over; /* grows by a join with each subquery */
    const MrExpr **seen;
    MrExpr **made;
    int64_t n, cap, n_made, cap_made;
} Attach;

static MrStatus in_condition(MrPlanner *planner, const MrExpr *expr, const MrColumn *cols,
                             MrExpr **condition, MrError *err)
{
    for (int32_t i = 0; i < expr->n_args; i++) {
        MrExpr *equal = NULL;
        MrExpr *sides[2] = {expr->args[i], mr_plan_column_expr(planner, &cols[i])};
        MR_TRY(mr_expr_call(planner->arena, planner->settings, "=", sides, 2, &equal, err));
        *condition = mr_expr_and(planner->arena, *condition, equal);
    }
    return MR_OK;
}

/* What relates a subquery's rows to the outer row holds or does not: unknown is not.  Only the
 * comparison of IN itself has three values. */
static MrExpr *correlation_sure(MrPlanner *planner, MrExpr *condition)
{
    MrExpr **parts = NULL, *sure = NULL;
    int32_t n = mr__conjuncts(planner->arena, condition, &parts);
    for (int32_t i = 0; i < n; i++) {
        MrExpr *part = parts[i];
        if (part->kind != MR_EXPR_CALL || strcmp(part->bound->def->name, "<=>") != 0)
            part = mr_expr_coalesce(planner->arena, part, mr_expr_bool(planner->arena, false));
        sure = mr_expr_and(planner->arena, sure, part);
    }
    return sure;
}

static MrExpr *not_expr(MrPlanner *planner, MrExpr *arg, MrStatus *status, MrError *err)
{
    MrExpr *out = arg;
    if (*status == MR_OK)
        *status = mr_expr_call(planner->arena, planner->settings, "not", &arg, 1, &out, err);
    return out;
}

static MrStatus attach_one(Attach *a, MrExpr *expr, MrExpr **out)
{
    MrPlanner *planner = a->planner;
    MrPlan *query = expr->query.plan, *free_query = NULL;
    MrExpr *condition = NULL, *empty = NULL;
    if (expr->kind == MR_EXPR_SCALAR_QUERY) {
        if (mr_plan_column_find(a->over, query->cols[0].id) >= 0)
            query = mr_plan_copy(planner, query); /* its columns are there already */
        MR_TRY(query_free(planner, &a->over, query, true, &free_query, &condition, &empty, a->err));
        MrColumn value = query->cols[0];
        value.nullable = true;
        if (!empty) {
            a->over = mr_plan_join(planner, MR_JOIN_SINGLE, a->over, free_query, condition);
            *out = mr_plan_column_expr(planner, &value);
        } else {
            MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, free_query->n_cols + 2);
            for (int32_t i = 0; i < free_query->n_cols; i++)
                exprs[i] = mr_plan_pass(planner, &free_query->cols[i]);
            MrColumn marker = {mr_planner_id(planner), "present", MR_T(BOOLEAN), false};
            exprs[free_query->n_cols] = (MrNamedExpr){marker, mr_expr_bool(planner->arena, true)};
            MrPlan *marked = mr_plan_project(planner, free_query, exprs, free_query->n_cols + 1);
            a->over = mr_plan_join(planner, MR_JOIN_SINGLE, a->over, marked, condition);
            marker.nullable = true;
            MrExpr *choice = MR_NEW(planner->arena, MrExpr);
            choice->kind = MR_EXPR_CASE;
            choice->type = expr->type;
            choice->nullable = true;
            choice->sql_idx = -1;
            choice->n_args = 3;
            choice->args = MR_NEW_N(planner->arena, MrExpr *, 3);
            choice->args[0] = mr_plan_column_expr(planner, &marker);
            choice->args[1] = mr_plan_column_expr(planner, &value);
            choice->args[2] = empty;
            *out = choice;
        }
        (*out)->sql = expr->sql;
        return MR_OK;
    }
    bool exists = expr->kind == MR_EXPR_EXISTS;
    MR_TRY(query_free(planner, &a->over, query, false, &free_query, &condition, &empty, a->err));
    condition = correlation_sure(planner, condition);
    if (!exists)
        MR_TRY(in_condition(planner, expr, query->cols, &condition, a->err));
    a->over = mr_plan_join(planner, MR_JOIN_MARK, a->over, free_query, condition);
    *out = mr_plan_column_expr(planner, &a->over->cols[a->over->n_cols - 1]);
    if (exists)
        *out = mr_expr_coalesce(planner->arena, *out, mr_expr_bool(planner->arena, false));
    MrStatus status = MR_OK;
    if (expr->query.negated)
        *out = not_expr(planner, *out, &status, a->err);
    (*out)->sql = expr->sql;
    return status;
}

static MrExpr *attach_visit(void *self, MrExpr *expr)
{
    Attach *a = self;
    bool is_query = expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                    expr->kind == MR_EXPR_IN_QUERY;
    if (!is_query || a->status != MR_OK)
        return expr;
    for (int64_t i = 0; i < a->n && expr->kind != MR_EXPR_IN_QUERY; i++)
        if (a->seen[i]->query.plan == expr->query.plan &&
            a->seen[i]->query.negated == expr->query.negated)
            return a->made[i];
    MrExpr *made = expr;
    a->status = attach_one(a, expr, &made);
    MR_PUSH(a->planner->arena, a->seen, a->n, a->cap, expr);
    MR_PUSH(a->planner->arena, a->made, a->n_made, a->cap_made, made);
    return made;
}

static MrExpr *attach_expr(void *self, MrExpr *expr)
{
    Attach *a = self;
    return mr_expr_map(a->planner->arena, expr, attach_visit, a);
}

static bool query_find(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
             expr->kind == MR_EXPR_IN_QUERY;
    return !*found;
}

static bool has_query(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, query_find, &found);
    return found;
}

static MrExpr *query_check(void *self, MrExpr *expr)
{
    bool *found = self;
    *found = *found || has_query(expr);
    return expr;
}

/* A conjunct that is EXISTS or IN itself: a semi or anti join. */
static MrStatus filter_conjunct(Attach *a, MrExpr *expr, bool *done)
{
    MrPlanner *planner = a->planner;
    *done = false;
    bool negated = false;
    while (expr->kind == MR_EXPR_CALL && expr->bound->def &&
           strcmp(expr->bound->def->name, "not") == 0) {
        expr = expr->args[0];
        negated = !negated;
    }
    if (expr->kind != MR_EXPR_EXISTS && expr->kind != MR_EXPR_IN_QUERY)
        return MR_OK;
    negated ^= expr->query.negated;
    for (int32_t i = 0; i < expr->n_args; i++)
        if (has_query(expr->args[i]))
            return MR_OK;
    MrPlan *query = NULL;
    MrExpr *condition = NULL, *empty = NULL;
    bool exists = expr->kind == MR_EXPR_EXISTS;
    MR_TRY(
        query_free(planner, &a->over, expr->query.plan, false, &query, &condition, &empty, a->err));
    if (!exists && negated)
        condition = correlation_sure(planner, condition);
    if (!exists)
        MR_TRY(in_condition(planner, expr, expr->query.plan->cols, &condition, a->err));
    MrJoinKind kind = !negated ? MR_JOIN_SEMI : exists ? MR_JOIN_ANTI : MR_JOIN_ANTI_NULL;
    a->over = mr_plan_join(planner, kind, a->over, query, condition);
    *done = true;
    return MR_OK;
}

static MrPlan *columns_keep(MrPlanner *planner, MrPlan *plan, const MrColumn *cols, int32_t n)
{
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, n + 1);
    for (int32_t i = 0; i < n; i++)
        exprs[i] = mr_plan_pass(planner, &cols[i]);
    return mr_plan_project(planner, plan, exprs, n);
}

static MrStatus lateral_visit(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    MrPlan *left = plan->inputs[0], *right = NULL;
    MrExpr *condition = NULL, *empty = NULL;
    MrJoinKind kind = plan->join.kind;
    if (kind != MR_JOIN_INNER && kind != MR_JOIN_LEFT)
        return MR_FAIL_UNSUPPORTED(err, "this kind of lateral join");
    MR_TRY(query_free(planner, &left, plan->inputs[1], false, &right, &condition, &empty, err));
    condition = mr_expr_and(planner->arena, condition, plan->join.condition);
    MrPlan *join = mr_plan_join(planner, kind, left, right, condition);
    *out = columns_keep(planner, join, plan->cols, plan->n_cols);
    return MR_OK;
}

typedef struct Find {
    const MrPlan *over;
    bool found;
} Find;

static bool side_find(void *self, const MrExpr *expr)
{
    Find *find = self;
    bool is_query = expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                    expr->kind == MR_EXPR_IN_QUERY;
    find->found =
        find->found ||
        (expr->kind == MR_EXPR_COLUMN && mr_plan_column_find(find->over, expr->column.id) >= 0) ||
        (is_query && mr__plan_refers(expr->query.plan, find->over));
    return !find->found;
}

/* True when a subquery, its arguments too, reads a column of this plan. */
static bool query_reads(const MrExpr *expr, const MrPlan *plan)
{
    Find find = {plan, false};
    mr_expr_walk(expr, side_find, &find);
    return find.found;
}

/* A subquery in the condition of an outer join belongs to the one side that it reads. */
static MrExpr *side_visit(void *self, MrExpr *expr)
{
    Attach *sides = self;
    bool is_query = expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                    expr->kind == MR_EXPR_IN_QUERY;
    if (!is_query || sides[0].status != MR_OK || sides[1].status != MR_OK)
        return expr;
    bool left = query_reads(expr, sides[0].over), right = query_reads(expr, sides[1].over);
    if (!left || !right)
        return attach_visit(&sides[left ? 0 : 1], expr);
    sides[0].status = MR_FAIL(
        sides[0].err,
        MR_COND_UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY__UNSUPPORTED_CORRELATED_EXPRESSION_IN_JOIN_CONDITION,
        "subqueryExpression", expr->sql ? expr->sql : "");
    return expr;
}

/* Conjuncts with a subquery in them, and those without. */
static void conjuncts_split(MrArena *arena, MrExpr *condition, MrExpr **plain, MrExpr **with_query)
{
    MrExpr **parts = NULL;
    int32_t n = mr__conjuncts(arena, condition, &parts);
    for (int32_t i = 0; i < n; i++) {
        MrExpr **to = has_query(parts[i]) ? with_query : plain;
        *to = mr_expr_and(arena, *to, parts[i]);
    }
}

static MrStatus outer_join_visit(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    Attach sides[2];
    for (int32_t i = 0; i < 2; i++)
        sides[i] = (Attach){.planner = planner, .err = err, .over = plan->inputs[i]};
    MrExpr *condition = mr_expr_map(planner->arena, plan->join.condition, side_visit, sides);
    MR_TRY(sides[0].status);
    MR_TRY(sides[1].status);
    MrPlan *join = mr_plan_join(planner, plan->join.kind, sides[0].over, sides[1].over, condition);
    *out = columns_keep(planner, join, plan->cols, plan->n_cols);
    return MR_OK;
}

/* What needs no subquery filters first. */
static MrStatus filter_visit(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    MrArena *arena = planner->arena;
    Attach a = {.planner = planner, .err = err, .over = plan->inputs[0]};
    MrExpr *plain = NULL, *with_query = NULL, *rest = NULL, **parts = NULL;
    conjuncts_split(arena, plan->filter.condition, &plain, &with_query);
    if (plain)
        a.over = mr_plan_filter(planner, a.over, plain);
    int32_t n = mr__conjuncts(arena, with_query, &parts);
    for (int32_t i = 0; i < n; i++) {
        bool done = false;
        MR_TRY(filter_conjunct(&a, parts[i], &done));
        if (!done)
            rest = mr_expr_and(arena, rest, parts[i]);
    }
    if (rest) {
        rest = attach_expr(&a, rest);
        MR_TRY(a.status);
        a.over = mr_plan_filter(planner, a.over, rest);
    }
    *out = columns_keep(planner, a.over, plan->cols, plan->n_cols);
    return MR_OK;
}

/* A node of one input: that is joined to the subqueries in its expressions. */
static MrStatus node_visit(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    Attach a = {.planner = planner, .err = err, .over = plan->inputs[0]};
    MrPlan *mapped = mr_plan_map_exprs(planner, plan, attach_expr, &a);
    MR_TRY(a.status);
    MrPlan *made = mr_plan_with_inputs(planner, mapped, &a.over);
    *out = made;
    if (plan->kind == MR_PLAN_PROJECT || plan->kind == MR_PLAN_AGGREGATE ||
        plan->kind == MR_PLAN_EXPAND)
        return MR_OK;
    /* The node passes its input's columns on: those of the subqueries go. */
    made->cols = a.over->cols;
    made->n_cols = a.over->n_cols;
    if (plan->kind == MR_PLAN_WINDOW || plan->kind == MR_PLAN_GENERATE) {
        int32_t n_in = plan->inputs[0]->n_cols, n_new = plan->n_cols - n_in;
        MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, a.over->n_cols + n_new + 1);
        memcpy(cols, a.over->cols, sizeof(MrColumn) * (size_t)a.over->n_cols);
        memcpy(cols + a.over->n_cols, plan->cols + n_in, sizeof(MrColumn) * (size_t)n_new);
        made->cols = cols;
        made->n_cols += n_new;
    }
    *out = columns_keep(planner, made, plan->cols, plan->n_cols);
    return MR_OK;
}

static MrStatus decorrelate_visit(MrPlanner *planner, MrPlan *plan, void *self, MrPlan **out,
                                  MrError *err)
{
    MrExpr *on = plan->kind == MR_PLAN_JOIN ? plan->join.condition : NULL;
    if (on && plan->join.lateral && plan->join.kind == MR_JOIN_INNER && has_query(on)) {
        MrPlan *bare = mr__node_copy(planner, plan);
        bare->join.condition = NULL;
        MR_TRY(lateral_visit(planner, bare, &bare, err));
        plan = mr_plan_filter(planner, bare, on);
    } else if (plan->kind == MR_PLAN_JOIN && plan->join.lateral) {
        MR_TRY(lateral_visit(planner, plan, &plan, err));
    }
    bool found = false;
    *out = plan;
    (void)mr_plan_map_exprs(planner, plan, query_check, &found);
    if (!found)
        return MR_OK;
    if (plan->kind == MR_PLAN_VALUES)
        return MR_FAIL_UNSUPPORTED(err, "subqueries in VALUES");
    if (plan->kind == MR_PLAN_FILTER)
        return filter_visit(planner, plan, out, err);
    if (plan->kind == MR_PLAN_JOIN && plan->join.kind != MR_JOIN_INNER)
        return outer_join_visit(planner, plan, out, err);
    if (plan->kind == MR_PLAN_JOIN) { /* the subqueries' part is a filter over the rest */
        MrExpr *plain = NULL, *with_query = NULL;
        conjuncts_split(planner->arena, plan->join.condition, &plain, &with_query);
        MrPlan *join =
            mr_plan_join(planner, MR_JOIN_INNER, plan->inputs[0], plan->inputs[1], plain);
        return filter_visit(planner, mr_plan_filter(planner, join, with_query), out, err);
    }
    return node_visit(planner, plan, out, err);
}

MrStatus mr__rule_decorrelate(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    return mr__plan_rewrite(planner, plan, decorrelate_visit, NULL, out, err);
}
