/* bind_join.c - joins in FROM: ON, USING, NATURAL, LATERAL, and those to the nearest rows. */
#include "sql/bind_int.h"

static ScopeCol *cols_concat(Binder *b, const Rel *left, const Rel *right, int32_t *n)
{
    ScopeCol *cols = MR_NEW_N(b->arena, ScopeCol, left->n_cols + right->n_cols + 1);
    if (left->n_cols > 0)
        memcpy(cols, left->cols, sizeof(ScopeCol) * (size_t)left->n_cols);
    if (right->n_cols > 0)
        memcpy(cols + left->n_cols, right->cols, sizeof(ScopeCol) * (size_t)right->n_cols);
    *n = left->n_cols + right->n_cols;
    return cols;
}

/* The columns get the nullability that the join gives them. */
static void cols_refresh(const MrPlan *plan, ScopeCol *cols, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        int32_t at = mr_plan_column_find(plan, cols[i].col.id);
        if (at >= 0)
            cols[i].col.nullable = cols[i].col.nullable || plan->cols[at].nullable;
    }
}

static MrExpr *left_to_outer(void *self, MrExpr *expr)
{
    const MrPlan *left = self;
    if (expr->kind == MR_EXPR_COLUMN && mr_plan_column_find(left, expr->column.id) >= 0)
        expr->kind = MR_EXPR_OUTER;
    return expr;
}

/* The n rows of the right side that rank first for each row of the left: a lateral join with ORDER
 * BY .. LIMIT n. */
static MrStatus nearest_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, MrJoinKind kind,
                             const Rel *left, const Rel *right, Rel *out)
{
    Scope scope = {.outer = outer};
    scope.cols = cols_concat(b, left, right, &scope.n_cols);
    Ctx ctx = {.scope = &scope};
    MrExpr *rank = NULL;
    const MrSqlExpr *ranking = ast->join.ranking;
    MR_TRY(mr__expr_bind(b, &ctx, ranking, &rank));
    if (!mr_type_is_orderable(rank->type))
        return mr__at(b, ranking->place,
                      MR_FAIL(b->err, MR_COND_NEAREST_BY_JOIN__NON_ORDERABLE_RANKING_EXPRESSION,
                              "expression", mr__quote_sql(b, rank->sql), "type",
                              mr__quote_type(b, rank->type)));
    rank = mr_expr_map(b->arena, rank, left_to_outer, left->plan);
    MrSortKey *key = MR_NEW_N(b->arena, MrSortKey, 1);
    *key = (MrSortKey){rank, {!ast->join.is_distance, false}};
    MrPlan *plan = mr_plan_sort(b->planner, right->plan, key, 1, true);
    plan = mr_plan_limit(b->planner, plan, ast->join.n_nearest, 0);
    plan = mr_plan_join(b->planner, kind, left->plan, plan, NULL);
    plan->join.lateral = true;
    out->plan = plan;
    out->cols = scope.cols;
    out->n_cols = scope.n_cols;
    cols_refresh(plan, out->cols, out->n_cols);
    return MR_OK;
}

/* The columns of USING or of a NATURAL join. */
typedef struct Using {
    int32_t n;
    const char *const *names;
    int32_t *left, *right; /* their places on the sides */
} Using;

static int32_t using_find(const Binder *b, const Rel *rel, const char *name, int32_t *n_found)
{
    int32_t found = -1;
    *n_found = 0;
    for (int32_t i = 0; i < rel->n_cols; i++)
        if (!rel->cols[i].hidden && mr__name_equal(b, rel->cols[i].col.name, name)) {
            found = i;
            ++*n_found;
        }
    return found;
}

static MrStatus using_fail(Binder *b, const MrSqlRelation *ast, const char *name, const char *side,
                           const Rel *rel)
{
    MrTextBuilder list = {.arena = b->arena};
    const char **names = MR_NEW_N(b->arena, const char *, rel->n_cols + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < rel->n_cols; i++)
        if (!rel->cols[i].hidden)
            names[n++] = rel->cols[i].col.name;
    for (int32_t i = 1; i < n; i++) /* sorted */
        for (int32_t k = i; k > 0 && strcmp(names[k], names[k - 1]) < 0; k--) {
            const char *swap = names[k];
            names[k] = names[k - 1];
            names[k - 1] = swap;
        }
    for (int32_t i = 0; i < n; i++)
        mr_builder_printf(&list, "%s%s", i ? ", " : "", mr_quote_name(b->arena, names[i]));
    return mr__at(b, ast->place,
                  MR_FAIL(b->err, MR_COND_UNRESOLVED_USING_COLUMN_FOR_JOIN, "colName",
                          mr_quote_name(b->arena, name), "side", side, "suggestion",
                          mr_builder_text(&list).data));
}

/* The columns whose names both sides have. */
static void natural_names(Binder *b, const Rel *left, const Rel *right, Using *using)
{
    const char **names = MR_NEW_N(b->arena, const char *, left->n_cols + 1);
    using->names = names;
    for (int32_t i = 0; i < left->n_cols; i++) {
        int32_t n_found = 0;
        if (!left->cols[i].hidden && using_find(b, right, left->cols[i].col.name, &n_found) >= 0)
            names[using->n++] = left->cols[i].col.name;
    }
}

static MrStatus using_bind(Binder *b, const MrSqlRelation *ast, const Rel *left, const Rel *right,
                           Using *using, MrExpr **condition)
{
    using->names = (const char *const *)ast->join.using_columns;
    using->n = ast->join.n_using;
    if (ast->join.natural) {
        using->n = 0;
        natural_names(b, left, right, using);
    }
    using->left = MR_NEW_N(b->arena, int32_t, using->n + 1);
    using->right = MR_NEW_N(b->arena, int32_t, using->n + 1);
    for (int32_t i = 0; i < using->n; i++) {
        const char *name = using->names[i];
        int32_t n_left = 0, n_right = 0;
        using->left[i] = using_find(b, left, name, &n_left);
        using->right[i] = using_find(b, right, name, &n_right);
        if (n_left == 0)
            return using_fail(b, ast, name, "left", left);
        if (n_right == 0)
            return using_fail(b, ast, name, "right", right);
        if (n_left > 1 || n_right > 1) { /* raises that the name is ambiguous */
            const Rel *many = n_left > 1 ? left : right;
            Scope scope = {.n_cols = many->n_cols, .cols = many->cols};
            Ctx ctx = {.scope = &scope};
            MrSqlName parts = {.n_parts = 1, .parts = &name};
            MrExpr *ignored = NULL;
            MR_TRY(mr__name_bind(b, &ctx, &parts, ast->place, &ignored));
        }
        MrExpr *sides[2] = {mr__column_expr(b, &left->cols[using->left[i]], name, ast->place),
                            mr__column_expr(b, &right->cols[using->right[i]], name, ast->place)};
        MrExpr *equal = NULL;
        MR_TRY(mr__call_bind(b, NULL, ast->place, "=", sides, 2,
                             mr_arena_printf(b->arena, "(%s = %s)", name, name), &equal));
        *condition = mr_expr_and(b->arena, *condition, equal);
    }
    return MR_OK;
}

/* The keys first, once; the sides' own stay reachable as t.key.  rel: the columns of both sides. */
static MrStatus using_columns(Binder *b, MrSqlPlace place, MrJoinKind kind, const Using *using,
                              int32_t n_left, Rel *rel)
{
    ScopeCol *cols = MR_NEW_N(b->arena, ScopeCol, rel->n_cols + using->n + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < using->n; i++) {
        const ScopeCol *left = &rel->cols[using->left[i]];
        const ScopeCol *right = &rel->cols[n_left + using->right[i]];
        ScopeCol *key = &cols[n++];
        *key = kind == MR_JOIN_RIGHT ? *right : *left;
        if (kind != MR_JOIN_FULL)
            continue;
        MrExpr *sides[2] = {mr__column_expr(b, left, left->col.name, place),
                            mr__column_expr(b, right, right->col.name, place)};
        const char *name = using->names[i];
        MR_TRY(mr__coalesce_bind(b, place, sides, 2,
                                 mr_arena_printf(b->arena, "coalesce(%s, %s)", name, name),
                                 &key->expr));
        key->col.type = key->expr->type;
        key->col.nullable = key->expr->nullable;
        key->n_qual = 0;
    }
    for (int32_t i = 0; i < rel->n_cols; i++) {
        ScopeCol col = rel->cols[i];
        for (int32_t k = 0; k < using->n; k++)
            col.hidden = col.hidden || i == using->left[k] || i == n_left + using->right[k];
        cols[n++] = col;
    }
    rel->cols = cols;
    rel->n_cols = n;
    if (kind != MR_JOIN_FULL)
        return MR_OK;
    /* What is coalesced is computed once, here. */
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, rel->plan->n_cols + using->n + 1);
    int32_t n_exprs = 0;
    for (int32_t c = 0; c < rel->plan->n_cols; c++)
        exprs[n_exprs++] = mr_plan_pass(b->planner, &rel->plan->cols[c]);
    for (int32_t k = 0; k < using->n; k++) {
        cols[k].col.id = mr_planner_id(b->planner);
        exprs[n_exprs++] = (MrNamedExpr){cols[k].col, cols[k].expr};
        cols[k].expr = NULL;
    }
    rel->plan = mr_plan_project(b->planner, rel->plan, exprs, n_exprs);
    return MR_OK;
}

static MrStatus on_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, const Rel *left,
                        const Rel *right, MrExpr **out)
{
    const MrSqlExpr *on = ast->join.on;
    Scope scope = {.outer = outer};
    scope.cols = cols_concat(b, left, right, &scope.n_cols);
    Ctx ctx = {.scope = &scope};
    MrExpr *condition = NULL;
    MR_TRY(mr__expr_bind(b, &ctx, on, &condition));
    if (condition->type->kind != MR_TYPE_BOOLEAN) {
        const MrType *to =
            mr_coerce_implicit(b->arena, b->settings, condition->type, MR_T(BOOLEAN));
        if (!to)
            return mr__at(b, on->place,
                          MR_FAIL(b->err, MR_COND_JOIN_CONDITION_IS_NOT_BOOLEAN_TYPE,
                                  "joinCondition", mr__quote_sql(b, condition->sql),
                                  "conditionType", mr__quote_type(b, condition->type)));
        MR_TRY(mr__cast(b, condition, to, &condition));
    }
    bool has_aggregate = mr__expr_has(condition, MR_EXPR_AGGREGATE);
    if (mr__is_of_groups(condition) && !has_aggregate)
        return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND_UNSUPPORTED_GROUPING_EXPRESSION));
    if (has_aggregate || mr__expr_has(condition, MR_EXPR_WINDOW))
        return mr__at(
            b, on->place,
            MR_FAIL(b->err, MR_COND_UNSUPPORTED_EXPR_FOR_OPERATOR, "invalidExprSqls",
                    mr__expr_list_text(b, condition,
                                       has_aggregate ? MR_EXPR_AGGREGATE : MR_EXPR_WINDOW)));
    *out = condition;
    return MR_OK;
}

static MrJoinKind join_kind(MrSqlJoinType type)
{
    switch (type) {
    case MR_SQL_JOIN_LEFT:
        return MR_JOIN_LEFT;
    case MR_SQL_JOIN_RIGHT:
        return MR_JOIN_RIGHT;
    case MR_SQL_JOIN_FULL:
        return MR_JOIN_FULL;
    case MR_SQL_JOIN_SEMI:
        return MR_JOIN_SEMI;
    case MR_SQL_JOIN_ANTI:
        return MR_JOIN_ANTI;
    default:
        return MR_JOIN_INNER;
    }
}

MrStatus mr__join_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *input, Rel *out)
{
    Rel left = {0}, right = {0};
    if (ast->join.left)
        MR_TRY(mr__relation_bind_over(b, ast->join.left, outer, input, &left));
    else if (input)
        left = *input;
    const MrSqlRelation *right_ast = ast->join.right;
    Scope left_scope = {.outer = outer, .n_cols = left.n_cols, .cols = left.cols};
    MR_TRY(mr__relation_bind(b, right_ast, right_ast->lateral ? &left_scope : outer, &right));
    MrJoinKind kind = join_kind(ast->join.type);
    if (ast->join.is_nearest)
        return nearest_bind(b, ast, outer, kind, &left, &right, out);
    MrExpr *condition = NULL;
    Using using = {0};
    MR_TRY(using_bind(b, ast, &left, &right, &using, &condition));
    if (ast->join.on)
        MR_TRY(on_bind(b, ast, outer, &left, &right, &condition));
    out->plan = mr_plan_join(b->planner, kind, left.plan, right.plan, condition);
    out->plan->join.lateral = right_ast->lateral;
    if (kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI) {
        out->cols = left.cols;
        out->n_cols = left.n_cols;
        return MR_OK;
    }
    out->cols = cols_concat(b, &left, &right, &out->n_cols);
    cols_refresh(out->plan, out->cols, out->n_cols);
    return using.n > 0 ? using_columns(b, ast->place, kind, &using, left.n_cols, out) : MR_OK;
}
