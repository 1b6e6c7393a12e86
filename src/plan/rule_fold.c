/* rule_fold.c - expressions without columns are computed once; conditions get simpler.
 *
 * An expression that fails is left as it is, so that it fails only if a row gets there. */
#include "plan/rules.h"

typedef struct Fold {
    MrPlanner *planner;
    MrArena *arena;
} Fold;

static bool literal_bool(const MrExpr *expr, bool *value)
{
    if (expr->kind != MR_EXPR_LITERAL || expr->type->kind != MR_TYPE_BOOLEAN ||
        mr_vector_is_null(expr->literal, 0))
        return false;
    *value = expr->literal->i8[0] != 0;
    return true;
}

static bool lambda_visit(void *arg, const MrExpr *expr)
{
    bool *found = arg;
    *found = *found || expr->kind == MR_EXPR_LAMBDA || expr->kind == MR_EXPR_LAMBDA_PARAM ||
             expr->kind == MR_EXPR_AGGREGATE || expr->kind == MR_EXPR_WINDOW ||
             expr->kind == MR_EXPR_OUTER;
    return !*found;
}

static bool has_conjunct(MrExpr *const *list, int32_t n, const MrExpr *conjunct)
{
    for (int32_t i = 0; i < n; i++)
        if (mr_expr_equal(list[i], conjunct))
            return true;
    return false;
}

/* (a AND x) OR (a AND y) is a AND (x OR y). */
static MrExpr *factor_or(Fold *self, MrExpr *expr)
{
    MrExpr ***arms = MR_NEW_N(self->arena, MrExpr **, expr->n_args);
    int32_t *n = MR_NEW_N(self->arena, int32_t, expr->n_args);
    MrExpr *common = NULL;
    for (int32_t a = 0; a < expr->n_args; a++)
        n[a] = mr__conjuncts(self->arena, expr->args[a], &arms[a]);
    MrExpr **shared = MR_NEW_N(self->arena, MrExpr *, n[0] + 1);
    int32_t n_shared = 0;
    for (int32_t c = 0; c < n[0]; c++) {
        bool in_all = mr_expr_is_pure(arms[0][c]) && !mr_expr_can_fail(arms[0][c]) &&
                      !mr__has_query(arms[0][c]);
        for (int32_t a = 1; a < expr->n_args && in_all; a++)
            in_all = has_conjunct(arms[a], n[a], arms[0][c]);
        if (in_all && !has_conjunct(shared, n_shared, arms[0][c])) {
            shared[n_shared++] = arms[0][c];
            common = mr_expr_and(self->arena, common, arms[0][c]);
        }
    }
    if (!common)
        return expr;
    MrExpr *rest = mr_arena_alloc(self->arena, (int64_t)sizeof *rest);
    *rest = *expr;
    rest->args = MR_NEW_N(self->arena, MrExpr *, expr->n_args);
    for (int32_t a = 0; a < expr->n_args; a++) {
        MrExpr *arm = NULL;
        for (int32_t c = 0; c < n[a]; c++)
            if (!has_conjunct(shared, n_shared, arms[a][c]))
                arm = mr_expr_and(self->arena, arm, arms[a][c]);
        if (!arm)
            return common; /* one arm is what they share */
        rest->args[a] = arm;
    }
    return mr_expr_and(self->arena, common, rest);
}

#define LONG_LIST 4

static bool is_call(const MrExpr *expr, const char *name)
{
    return expr->kind == MR_EXPR_CALL && strcmp(expr->bound->def->name, name) == 0;
}

/* The call again, now that its arguments are literals; expr itself when that fails. */
static MrExpr *bind_again(Fold *self, const char *name, MrExpr **args, int32_t n_args, MrExpr *expr)
{
    MrExpr *out = NULL;
    MrError err = {0};
    if (mr_expr_call(self->arena, self->planner->settings, name, args, n_args, &out, &err) != MR_OK)
        return expr;
    out->sql = expr->sql;
    out->sql_idx = expr->sql_idx;
    out->sql_len = expr->sql_len;
    return out;
}

/* x IN (...) whose values had to be cast: a set after all. */
static MrExpr *fold_in(Fold *self, MrExpr *expr)
{
    if (expr->n_args <= LONG_LIST || expr->bound->n_read > 0)
        return expr;
    for (int32_t a = 1; a < expr->n_args; a++)
        if (expr->args[a]->kind != MR_EXPR_LITERAL)
            return expr;
    return bind_again(self, "in", expr->args, expr->n_args, expr);
}

/* x = 1 OR x = 2 OR ... is x IN (1, 2, ...), and x <> 1 AND x <> 2 AND ... its negation. */
static MrExpr *fold_to_in(Fold *self, MrExpr *expr, bool negated)
{
    if (expr->n_args <= LONG_LIST)
        return expr;
    MrExpr **args = MR_NEW_N(self->arena, MrExpr *, expr->n_args + 1);
    for (int32_t a = 0; a < expr->n_args; a++) {
        const MrExpr *equal = expr->args[a];
        if (negated && !is_call(equal, "not"))
            return expr;
        equal = negated ? equal->args[0] : equal;
        if (!is_call(equal, "=") || equal->args[0]->kind != MR_EXPR_COLUMN ||
            equal->args[1]->kind != MR_EXPR_LITERAL ||
            !mr_type_equal(equal->args[1]->type, equal->args[0]->type) ||
            (a > 0 && !mr_expr_equal(equal->args[0], args[0])))
            return expr;
        args[0] = equal->args[0];
        args[a + 1] = equal->args[1];
    }
    MrExpr *in = bind_again(self, "in", args, expr->n_args + 1, expr);
    return in == expr || !negated ? in : bind_again(self, "not", &in, 1, expr);
}

static MrExpr *fold_visit(void *arg, MrExpr *expr)
{
    Fold *self = arg;
    bool value = false, inside = false;
    if (expr->kind == MR_EXPR_AND) {
        MrExpr *all = NULL;
        int32_t n_dropped = 0;
        for (int32_t a = 0; a < expr->n_args; a++)
            n_dropped += literal_bool(expr->args[a], &value) && value;
        for (int32_t a = 0; a < expr->n_args && n_dropped > 0; a++)
            if (!literal_bool(expr->args[a], &value) || !value)
                all = mr_expr_and(self->arena, all, expr->args[a]);
        if (n_dropped > 0)
            return all ? all : mr_expr_bool(self->arena, true);
        return fold_to_in(self, expr, true);
    }
    if (expr->kind == MR_EXPR_OR && expr->n_args > 1) {
        MrExpr *in = fold_to_in(self, expr, false);
        return in != expr ? in : factor_or(self, expr);
    }
    if (is_call(expr, "in") && !mr_expr_is_constant(expr))
        return fold_in(self, expr);
    if (expr->kind != MR_EXPR_CALL && expr->kind != MR_EXPR_CASE && expr->kind != MR_EXPR_COALESCE)
        return expr;
    if (!mr_expr_is_constant(expr) || mr__has_query(expr) || mr_expr_may_grow(expr))
        return expr;
    mr_expr_walk(expr, lambda_visit, &inside);
    if (inside)
        return expr;
    const MrVector *constant = NULL;
    MrError err = {0};
    if (mr_expr_fold(self->arena, self->planner->context, expr, &constant, &err) != MR_OK)
        return expr;
    MrExpr *literal = mr_expr_literal(self->arena, constant);
    literal->sql_idx = expr->sql_idx;
    literal->sql_len = expr->sql_len;
    return literal;
}

static MrExpr *fold_expr(void *arg, MrExpr *expr)
{
    Fold *self = arg;
    return expr ? mr_expr_map(self->arena, expr, fold_visit, self) : expr;
}

static MrStatus fold_node(MrPlanner *planner, MrPlan *plan, void *arg, MrPlan **out, MrError *err)
{
    *out = mr_plan_map_exprs(planner, plan, fold_expr, arg);
    return MR_OK;
}

MrStatus mr__rule_fold(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    Fold self = {planner, planner->arena};
    if (!planner->context) {
        *out = plan;
        return MR_OK;
    }
    return mr__plan_rewrite(planner, plan, fold_node, &self, out, err);
}
