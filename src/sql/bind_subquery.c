/* bind_subquery.c - subqueries in expressions: (SELECT ..), EXISTS, IN. */
#include "sql/bind_int.h"

typedef struct OuterNames {
    Binder *b;
    const MrExpr *seen[64];
    int32_t n;
} OuterNames;

static bool outer_note(void *self, const MrExpr *expr)
{
    OuterNames *names = self;
    if (expr->kind == MR_EXPR_OUTER) {
        if (names->n < 64)
            names->seen[names->n++] = expr;
    }
    return true;
}

static bool scope_has(const Scope *scope, int32_t id)
{
    for (int32_t i = 0; i < scope->n_cols; i++)
        if (scope->cols[i].col.id == id)
            return true;
    return false;
}

/* "a, b": the columns of the nearest query outside that the plan refers to. */
static const char *outer_text(Binder *b, const Ctx *ctx, const MrPlan *plan)
{
    OuterNames names = {.b = b};
    mr_plan_each_expr(plan, outer_note, &names);
    MrTextBuilder out = {.arena = b->arena};
    int32_t n = 0;
    for (int32_t i = 0; i < names.n; i++)
        if (scope_has(ctx->scope, names.seen[i]->column.id))
            mr_builder_printf(&out, "%s%s", n++ ? ", " : "", names.seen[i]->column.name);
    return mr_builder_text(&out).data;
}

typedef struct BoundQuery {
    MrText text;
    MrSqlExprKind kind;
    MrPlan *plan;
} BoundQuery;

static bool is_volatile(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || (expr->kind == MR_EXPR_CALL && (expr->bound->flags & MR_FN_VOLATILE));
    return !*found;
}

/* The same text in the same SELECT is the same subquery: GROUP BY finds it in the select list, and
 * it runs once.  expr: bound, but for its type's sake. */
static void subquery_share(Binder *b, Scope *scope, const MrSqlExpr *ast, MrExpr *expr)
{
    bool found = false;
    MrText text = {b->text.data + ast->place.idx, ast->place.len};
    if (ast->place.idx < 0 || ast->place.idx + ast->place.len > b->text.size_bytes)
        return;
    mr_plan_each_expr(expr->query.plan, is_volatile, &found);
    if (found)
        return;
    for (int64_t i = 0; i < scope->n_queries; i++) {
        const BoundQuery *old = &scope->queries[i];
        bool same = old->kind == ast->kind && old->plan->n_cols == expr->query.plan->n_cols &&
                    mr_text_equal(old->text, text);
        for (int32_t c = 0; same && c < old->plan->n_cols; c++)
            same = mr_type_equal(old->plan->cols[c].type, expr->query.plan->cols[c].type);
        if (same) {
            expr->query.plan = old->plan;
            return;
        }
    }
    BoundQuery query = {text, ast->kind, expr->query.plan};
    MR_PUSH(b->arena, scope->queries, scope->n_queries, scope->cap_queries, query);
}

/* The left side's type does not go with the right side's. */
static MrStatus fail_types(Binder *b, MrSqlPlace place, const MrExpr *expr, int32_t at)
{
    const MrPlan *plan = expr->query.plan;
    const MrExpr *value = expr->args[at];
    const MrColumn *col = &plan->cols[at];
    MrTextBuilder left = {.arena = b->arena}, right = {.arena = b->arena};
    for (int32_t i = 0; i < plan->n_cols; i++) {
        mr_builder_printf(&left, "%s%s", i ? ", " : "", mr__quote_type(b, expr->args[i]->type));
        mr_builder_printf(&right, "%s%s", i ? ", " : "", mr__quote_type(b, plan->cols[i].type));
    }
    const char *bad = mr_arena_printf(b->arena, "(\"%s:%s\", \"%s:%s\")", value->sql,
                                      mr_type_sql_text(b->arena, value->type), col->name,
                                      mr_type_sql_text(b->arena, col->type));
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__IN_SUBQUERY_DATA_TYPE_MISMATCH,
                          "sqlExpr", mr__quote_sql(b, expr->sql), "mismatchedColumns", bad,
                          "leftType", mr_builder_text(&left).data, "rightType",
                          mr_builder_text(&right).data));
}

static MrStatus fail_length(Binder *b, MrSqlPlace place, const MrExpr *expr)
{
    const MrPlan *plan = expr->query.plan;
    MrTextBuilder left = {.arena = b->arena}, right = {.arena = b->arena};
    for (int32_t i = 0; i < expr->n_args; i++)
        mr_builder_printf(&left, "%s%s", i ? ", " : "", mr__quote_sql(b, expr->args[i]->sql));
    for (int32_t i = 0; i < plan->n_cols; i++)
        mr_builder_printf(&right, "%s%s", i ? ", " : "", mr__quote_sql(b, plan->cols[i].name));
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__IN_SUBQUERY_LENGTH_MISMATCH, "sqlExpr",
                          mr__quote_sql(b, expr->sql), "leftLength",
                          mr_arena_printf(b->arena, "%d", expr->n_args), "rightLength",
                          mr_arena_printf(b->arena, "%d", plan->n_cols), "leftColumns",
                          mr_builder_text(&left).data, "rightColumns",
                          mr_builder_text(&right).data));
}

/* Both sides of IN get one type, column by column. */
static MrStatus in_types(Binder *b, MrSqlPlace place, MrExpr *expr)
{
    MrPlan *plan = expr->query.plan;
    if (expr->n_args != plan->n_cols)
        return fail_length(b, place, expr);
    bool differs = false;
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++) {
        const MrColumn *col = &plan->cols[i];
        exprs[i] = mr_plan_pass(b->planner, col);
        if (mr_type_same_data(expr->args[i]->type, col->type))
            continue;
        const MrType *type =
            mr_coerce_common(b->arena, b->settings, expr->args[i]->type, col->type);
        if (!type)
            return fail_types(b, place, expr, i);
        MR_TRY(mr__cast(b, expr->args[i], type, &expr->args[i]));
        MR_TRY(mr__cast(b, exprs[i].expr, type, &exprs[i].expr));
        exprs[i].column.id = mr_planner_id(b->planner);
        exprs[i].column.type = type;
        exprs[i].column.nullable = exprs[i].expr->nullable;
        differs = true;
    }
    if (differs)
        expr->query.plan = mr_plan_project(b->planner, plan, exprs, plan->n_cols);
    return MR_OK;
}

MrStatus mr__subquery_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    Rel rel = {0};
    int64_t n_inner_aggs = ctx->scope->n_inner_aggs;
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    const MrSqlQuery *query = ast->kind == MR_SQL_IN_QUERY ? ast->in.query : ast->query;
    ctx->has_query = true;
    expr->sql_idx = -1;
    if (ast->kind == MR_SQL_IN_QUERY) {
        const MrSqlExpr *value = ast->in.value;
        if (value->kind == MR_SQL_ROW) {
            expr->n_args = value->row.n_items;
            expr->args = MR_NEW_N(b->arena, MrExpr *, expr->n_args);
            for (int32_t i = 0; i < expr->n_args; i++)
                MR_TRY(mr__expr_bind(b, ctx, value->row.items[i], &expr->args[i]));
        } else {
            expr->n_args = 1;
            expr->args = MR_NEW_N(b->arena, MrExpr *, 1);
            MR_TRY(mr__expr_bind(b, ctx, value, &expr->args[0]));
        }
    }
    MR_TRY(mr__query_bind(b, query, ctx->scope, &rel));
    const char *outer = outer_text(b, ctx, rel.plan);
    expr->query.plan = rel.plan;
    switch (ast->kind) {
    case MR_SQL_SUBQUERY:
        if (rel.plan->n_cols != 1)
            return mr__at(
                b, ast->place,
                MR_FAIL(
                    b->err,
                    MR_COND_INVALID_SUBQUERY_EXPRESSION__SCALAR_SUBQUERY_RETURN_MORE_THAN_ONE_OUTPUT_COLUMN,
                    "number", mr_arena_printf(b->arena, "%d", rel.plan->n_cols)));
        expr->kind = MR_EXPR_SCALAR_QUERY;
        expr->type = rel.plan->cols[0].type;
        expr->nullable = true;
        expr->sql = mr_arena_printf(b->arena, "scalarsubquery(%s)", outer);
        break;
    case MR_SQL_EXISTS:
        expr->kind = MR_EXPR_EXISTS;
        expr->type = MR_T(BOOLEAN);
        expr->sql = mr_arena_printf(b->arena, "exists(%s)", outer);
        break;
    default: {
        MrTextBuilder left = {.arena = b->arena};
        for (int32_t i = 0; i < expr->n_args; i++)
            mr_builder_printf(&left, "%s%s", i ? ", " : "", expr->args[i]->sql);
        const char *l = mr_builder_text(&left).data;
        expr->kind = MR_EXPR_IN_QUERY;
        expr->type = MR_T(BOOLEAN);
        expr->nullable = true;
        expr->sql = mr_arena_printf(b->arena,
                                    expr->n_args > 1 ? "(named_struct(%s) IN (listquery(%s)))"
                                                     : "(%s IN (listquery(%s)))",
                                    l, outer);
        MR_TRY(in_types(b, ast->place, expr));
        if (ast->in.negated) {
            expr->query.negated = true;
            expr->sql = mr_arena_printf(b->arena, "(NOT %s)", expr->sql);
        }
    }
    }
    if (ctx->scope->n_inner_aggs == n_inner_aggs)
        subquery_share(b, ctx->scope, ast, expr);
    *out = expr;
    return MR_OK;
}
