/* bind_query.c - whole queries: WITH, set operations, ORDER BY and LIMIT over them, pipes. */
#include "sql/bind_int.h"

#define RECURSION_MAX_LEVELS 100
#define RECURSION_MAX_ROWS 1000000

/* ---------------------------------------------------------------- set operations */

static const char *ordinal_word(Binder *b, int32_t n)
{
    static const char *const words[] = {"zeroth", "first",   "second", "third", "fourth", "fifth",
                                        "sixth",  "seventh", "eighth", "ninth", "tenth"};
    return n <= 10 ? words[n] : mr_arena_printf(b->arena, "%dth", n);
}

/* True when the type is shown otherwise, though its bytes are the same: names of fields, units of
 * intervals. */
static bool shown_otherwise(const MrType *a, const MrType *b)
{
    if (a->from != b->from || a->to != b->to)
        return true;
    for (int32_t i = 0; i < a->n_fields && i < b->n_fields; i++)
        if (!mr_str_equal_nocase(a->fields[i].name, b->fields[i].name) ||
            shown_otherwise(a->fields[i].type, b->fields[i].type))
            return true;
    return false;
}

static MrPlan *plan_cast(Binder *b, MrPlan *plan, const MrType *const *types, MrStatus *status)
{
    bool differs = false;
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols && *status == MR_OK; i++) {
        exprs[i] = mr_plan_pass(b->planner, &plan->cols[i]);
        if (mr_type_same_data(plan->cols[i].type, types[i]) &&
            !shown_otherwise(plan->cols[i].type, types[i]))
            continue;
        *status = mr__cast(b, exprs[i].expr, types[i], &exprs[i].expr);
        if (*status != MR_OK)
            break;
        exprs[i].column.id = mr_planner_id(b->planner);
        exprs[i].column.type = types[i];
        exprs[i].column.nullable = exprs[i].expr->nullable;
        differs = true;
    }
    return differs && *status == MR_OK ? mr_plan_project(b->planner, plan, exprs, plan->n_cols)
                                       : plan;
}

/* Same number of columns, one type for each. */
static MrStatus set_types(Binder *b, MrSqlPlace place, const char *name, MrPlan **plans, int32_t n)
{
    int32_t n_cols = plans[0]->n_cols;
    const MrType **types = MR_NEW_N(b->arena, const MrType *, n_cols + 1);
    for (int32_t i = 1; i < n; i++)
        if (plans[i]->n_cols != n_cols)
            return mr__at(b, place,
                          MR_FAIL(b->err, MR_COND_NUM_COLUMNS_MISMATCH, "operator", name,
                                  "firstNumColumns", mr_arena_printf(b->arena, "%d", n_cols),
                                  "invalidOrdinalNum", ordinal_word(b, i + 1), "invalidNumColumns",
                                  mr_arena_printf(b->arena, "%d", plans[i]->n_cols)));
    for (int32_t c = 0; c < n_cols; c++) {
        types[c] = plans[0]->cols[c].type;
        for (int32_t i = 1; i < n; i++) {
            const MrType *other = plans[i]->cols[c].type;
            const MrType *type = mr_coerce_common(b->arena, b->settings, types[c], other);
            if (!type && strcmp(name, "UNION") == 0 && mr_type_same_data(types[c], other))
                type = types[c]; /* fields are named as in the first */
            if (!type)
                return mr__at(b, place,
                              MR_FAIL(b->err, MR_COND_INCOMPATIBLE_COLUMN_TYPE, "operator", name,
                                      "columnOrdinalNumber", ordinal_word(b, c + 1),
                                      "tableOrdinalNumber", ordinal_word(b, i + 1), "dataType1",
                                      mr__quote_type(b, other), "dataType2",
                                      mr__quote_type(b, plans[0]->cols[c].type), "hint", ""));
            types[c] = type;
        }
    }
    MrStatus status = MR_OK;
    for (int32_t i = 0; i < n && status == MR_OK; i++)
        plans[i] = plan_cast(b, plans[i], types, &status);
    return status;
}

/* UNION BY NAME: the right side's columns in the left one's order. */
static MrStatus by_name(Binder *b, MrSqlPlace place, const MrPlan *left, MrPlan *right,
                        MrPlan **out)
{
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, left->n_cols + 1);
    if (left->n_cols != right->n_cols)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_NUM_COLUMNS_MISMATCH, "operator", "UNION",
                              "firstNumColumns", mr_arena_printf(b->arena, "%d", left->n_cols),
                              "invalidOrdinalNum", "second", "invalidNumColumns",
                              mr_arena_printf(b->arena, "%d", right->n_cols)));
    for (int32_t i = 0; i < left->n_cols; i++) {
        int32_t at = -1;
        for (int32_t k = 0; k < right->n_cols; k++)
            if (mr__name_equal(b, left->cols[i].name, right->cols[k].name))
                at = k;
        if (at < 0) {
            Rel rel = {0};
            mr__rel_from_plan(b, right, NULL, 0, &rel);
            Scope scope = {.n_cols = rel.n_cols, .cols = rel.cols};
            return mr__fail_unresolved(b, &scope, &left->cols[i].name, 1, place);
        }
        exprs[i] = mr_plan_pass(b->planner, &right->cols[at]);
    }
    *out = mr_plan_project(b->planner, right, exprs, left->n_cols);
    return MR_OK;
}

static MrStatus set_combine(Binder *b, MrSqlPlace place, MrSqlSetOp op, bool all, bool named,
                            MrPlan **plans, int32_t n, Rel *out)
{
    static const char *const names[] = {"UNION", "EXCEPT", "INTERSECT"};
    const char *name =
        all && op != MR_SQL_UNION ? mr_arena_printf(b->arena, "%s ALL", names[op]) : names[op];
    for (int32_t i = 1; named && i < n; i++)
        MR_TRY(by_name(b, place, plans[0], plans[i], &plans[i]));
    MR_TRY(set_types(b, place, name, plans, n));
    MrPlan *plan;
    if (op == MR_SQL_UNION) {
        plan = mr_plan_union(b->planner, plans, n);
        if (!all)
            MR_TRY(mr__at(b, place, mr__distinct(b, plan, &plan)));
    } else {
        MrPlan *ignored = NULL;
        MR_TRY(mr__at(b, place,
                      mr__distinct(b, plans[0], &ignored))); /* types that have no equality */
        plan = plans[0];
        for (int32_t i = 1; i < n; i++)
            plan = mr_plan_setop(b->planner, op == MR_SQL_EXCEPT, all, plan, plans[i]);
    }
    mr__rel_from_plan(b, plan, NULL, 0, out);
    return MR_OK;
}

static MrStatus body_bind(Binder *b, const MrSqlBody *body, const MrSqlQuery *query, Scope *outer,
                          Rel *out)
{
    switch (body->kind) {
    case MR_SQL_BODY_SELECT:
        return mr__select_bind(b, body->select, query, NULL, outer, out);
    case MR_SQL_BODY_RELATION:
        MR_TRY(mr__relation_bind(b, body->relation, outer, out));
        out->plan = mr__rel_project(b, out);
        return MR_OK;
    case MR_SQL_BODY_QUERY:
        return mr__query_bind(b, body->query, outer, out);
    case MR_SQL_BODY_SET: {
        int32_t n = body->set.n_inputs;
        MrPlan **plans = MR_NEW_N(b->arena, MrPlan *, n + 1);
        for (int32_t i = 0; i < n; i++) {
            Rel rel = {0};
            MR_TRY(body_bind(b, body->set.inputs[i], NULL, outer, &rel));
            plans[i] = rel.plan;
        }
        return set_combine(b, body->place, body->set.op, body->set.all, body->set.by_name, plans, n,
                           out);
    }
    }
    return MR_FAIL_INTERNAL(b->err, "query body %d", body->kind);
}

/* ---------------------------------------------------------------- WITH */

static bool names_itself(Binder *b, const char *name, const MrSqlQuery *query);

static bool relation_names(Binder *b, const char *name, const MrSqlRelation *rel)
{
    if (!rel)
        return false;
    switch (rel->kind) {
    case MR_SQL_REL_TABLE:
        return rel->table.name.n_parts == 1 && mr__name_equal(b, rel->table.name.parts[0], name);
    case MR_SQL_REL_QUERY:
        return names_itself(b, name, rel->query);
    case MR_SQL_REL_JOIN:
        return relation_names(b, name, rel->join.left) || relation_names(b, name, rel->join.right);
    case MR_SQL_REL_LATERAL_VIEW:
        return relation_names(b, name, rel->view.input);
    case MR_SQL_REL_PIVOT:
        return relation_names(b, name, rel->pivot.input);
    case MR_SQL_REL_UNPIVOT:
        return relation_names(b, name, rel->unpivot.input);
    case MR_SQL_REL_BRACKETS:
        return relation_names(b, name, rel->input);
    default:
        return false;
    }
}

static bool body_names(Binder *b, const char *name, const MrSqlBody *body)
{
    switch (body->kind) {
    case MR_SQL_BODY_SELECT:
        return relation_names(b, name, body->select->from);
    case MR_SQL_BODY_RELATION:
        return relation_names(b, name, body->relation);
    case MR_SQL_BODY_QUERY:
        return names_itself(b, name, body->query);
    case MR_SQL_BODY_SET:
        for (int32_t i = 0; i < body->set.n_inputs; i++)
            if (body_names(b, name, body->set.inputs[i]))
                return true;
        return false;
    }
    return false;
}

static bool names_itself(Binder *b, const char *name, const MrSqlQuery *query)
{
    for (int32_t i = 0; i < query->n_ctes; i++)
        if (names_itself(b, name, query->ctes[i].query))
            return true;
    return body_names(b, name, query->body);
}

static MrStatus cte_columns(Binder *b, Cte *cte, Rel *rel)
{
    const MrSqlCte *ast = cte->ast;
    if (ast->n_columns > 0 && ast->n_columns != rel->plan->n_cols)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_ASSIGNMENT_ARITY_MISMATCH, "numTarget",
                              mr_arena_printf(b->arena, "%d", ast->n_columns), "numExpr",
                              mr_arena_printf(b->arena, "%d", rel->plan->n_cols)));
    cte->plan = rel->plan;
    cte->n_cols = rel->plan->n_cols;
    cte->cols = MR_NEW_N(b->arena, ScopeCol, cte->n_cols + 1);
    for (int32_t i = 0; i < cte->n_cols; i++) {
        cte->cols[i] = (ScopeCol){.col = rel->plan->cols[i]};
        if (ast->n_columns > 0)
            cte->cols[i].col.name = ast->columns[i];
    }
    return MR_OK;
}

static MrStatus cte_add(Binder *b, const MrSqlCte *ast, bool recursive, Scope *outer);

static MrStatus recursive_bind(Binder *b, Cte *cte, Scope *outer)
{
    const MrSqlCte *ast = cte->ast;
    const MrSqlBody *body = ast->query->body;
    while (body->kind == MR_SQL_BODY_QUERY && body->query->n_ctes == 0)
        body = body->query->body;
    Cte *saved = b->ctes;
    for (int32_t i = 0; i < ast->query->n_ctes; i++)
        MR_TRY(cte_add(b, &ast->query->ctes[i], ast->query->recursive, outer));
    if (body->kind != MR_SQL_BODY_SET || body->set.op != MR_SQL_UNION)
        return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND_INVALID_RECURSIVE_CTE));
    int32_t n = body->set.n_inputs;
    MrPlan **anchors = MR_NEW_N(b->arena, MrPlan *, n + 1),
           **steps = MR_NEW_N(b->arena, MrPlan *, n + 1);
    int32_t n_anchors = 0, n_steps = 0;
    for (int32_t i = 0; i < n; i++) {
        if (body_names(b, cte->name, body->set.inputs[i]))
            continue;
        Rel rel = {0};
        MR_TRY(body_bind(b, body->set.inputs[i], NULL, outer, &rel));
        anchors[n_anchors++] = rel.plan;
    }
    if (n_anchors == 0)
        return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND_INVALID_RECURSIVE_CTE));
    Rel anchor = {0};
    if (n_anchors == 1) {
        anchor.plan = anchors[0];
    } else {
        MR_TRY(set_combine(b, body->place, MR_SQL_UNION, true, false, anchors, n_anchors, &anchor));
    }
    if (ast->n_columns > 0 && ast->n_columns != anchor.plan->n_cols)
        return cte_columns(b, cte, &anchor);
    cte->is_recursive = true;
    cte->recursion_id = b->planner->next_shared_id++;
    cte->n_cols = anchor.plan->n_cols;
    cte->ref_cols = MR_NEW_N(b->arena, MrColumn, cte->n_cols + 1);
    for (int32_t i = 0; i < cte->n_cols; i++) {
        cte->ref_cols[i] = anchor.plan->cols[i];
        cte->ref_cols[i].nullable = true;
        if (ast->n_columns > 0)
            cte->ref_cols[i].name = ast->columns[i];
    }
    cte->in_step = true;
    cte->next = b->ctes;
    b->ctes = cte;
    for (int32_t i = 0; i < n; i++) {
        if (!body_names(b, cte->name, body->set.inputs[i]))
            continue;
        Rel rel = {0};
        MR_TRY(body_bind(b, body->set.inputs[i], NULL, outer, &rel));
        steps[n_steps++] = rel.plan;
    }
    cte->in_step = false;
    b->ctes = saved;
    Rel step = {0};
    if (n_steps == 1)
        step.plan = steps[0];
    else
        MR_TRY(set_combine(b, body->place, MR_SQL_UNION, true, false, steps, n_steps, &step));
    /* The anchor says the types. */
    if (step.plan->n_cols != cte->n_cols)
        return mr__at(b, body->place,
                      MR_FAIL(b->err, MR_COND_NUM_COLUMNS_MISMATCH, "operator", "UNION",
                              "firstNumColumns", mr_arena_printf(b->arena, "%d", cte->n_cols),
                              "invalidOrdinalNum", "second", "invalidNumColumns",
                              mr_arena_printf(b->arena, "%d", step.plan->n_cols)));
    const MrType **types = MR_NEW_N(b->arena, const MrType *, cte->n_cols + 1);
    for (int32_t i = 0; i < cte->n_cols; i++)
        types[i] = anchor.plan->cols[i].type;
    MrStatus status = MR_OK;
    step.plan = plan_cast(b, step.plan, types, &status);
    MR_TRY(status);
    int64_t levels = ast->has_max_level ? ast->max_level
                                        : mr__setting_i64(b, "spark.sql.cteRecursionLevelLimit",
                                                          RECURSION_MAX_LEVELS);
    int64_t rows = mr__setting_i64(b, "spark.sql.cteRecursionRowLimit", RECURSION_MAX_ROWS);
    Rel rel = {0};
    rel.plan = mr_plan_recursion(b->planner, anchor.plan, step.plan, cte->recursion_id,
                                 body->set.all, levels, rows);
    cte->is_recursive = false;
    return cte_columns(b, cte, &rel);
}

/* Binds a CTE and puts it before those that are there. */
static MrStatus cte_add(Binder *b, const MrSqlCte *ast, bool recursive, Scope *outer)
{
    Cte *cte = MR_NEW(b->arena, Cte);
    cte->name = ast->name;
    cte->ast = ast;
    if (recursive && names_itself(b, ast->name, ast->query)) {
        MR_TRY(recursive_bind(b, cte, outer));
    } else {
        Rel rel = {0};
        MR_TRY(mr__query_bind(b, ast->query, outer, &rel));
        MR_TRY(cte_columns(b, cte, &rel));
    }
    cte->shared_id = b->planner->next_shared_id++;
    cte->next = b->ctes;
    b->ctes = cte;
    return MR_OK;
}

MrStatus mr__cte_use(Binder *b, Cte *cte, const MrSqlRelation *ast, Rel *out)
{
    const char **qual = MR_NEW_N(b->arena, const char *, 1);
    qual[0] = cte->name;
    if (cte->in_step) {
        MrColumn *cols = MR_NEW_N(b->arena, MrColumn, cte->n_cols + 1);
        for (int32_t i = 0; i < cte->n_cols; i++) {
            cols[i] = cte->ref_cols[i];
            cols[i].id = mr_planner_id(b->planner);
        }
        cte->n_refs++;
        mr__rel_from_plan(b,
                          mr_plan_recursion_ref(b->planner, cols, cte->n_cols, cte->recursion_id),
                          qual, 1, out);
        return MR_OK;
    }
    MrPlan *plan = mr_plan_shared(b->planner, cte->plan, cte->shared_id);
    MrColumn *cols = MR_NEW_N(b->arena, MrColumn, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++) {
        cols[i] = plan->cols[i];
        cols[i].name = cte->cols[i].col.name;
    }
    plan->cols = cols;
    mr__rel_from_plan(b, plan, qual, 1, out);
    return MR_OK;
}

/* ---------------------------------------------------------------- ORDER BY, LIMIT */

static MrStatus limit_fail(Binder *b, const MrSqlExpr *ast, const char *name, const MrExpr *expr,
                           const char *how, const char *extra)
{
    if (strcmp(how, "unfoldable") == 0)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_INVALID_LIMIT_LIKE_EXPRESSION__IS_UNFOLDABLE, "name",
                              name, "expr", mr__quote_sql(b, expr->sql)));
    if (strcmp(how, "type") == 0)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_INVALID_LIMIT_LIKE_EXPRESSION__DATA_TYPE, "name",
                              name, "expr", mr__quote_sql(b, expr->sql), "dataType",
                              mr__quote_type(b, expr->type)));
    if (strcmp(how, "null") == 0)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_INVALID_LIMIT_LIKE_EXPRESSION__IS_NULL, "name", name,
                              "expr", mr__quote_sql(b, expr->sql)));
    return mr__at(b, ast->place,
                  MR_FAIL(b->err, MR_COND_INVALID_LIMIT_LIKE_EXPRESSION__IS_NEGATIVE, "name", name,
                          "expr", mr__quote_sql(b, expr->sql), "v", extra));
}

MrStatus mr__limit_value(Binder *b, const MrSqlExpr *ast, const char *name, int64_t *out)
{
    Scope none = {0};
    Ctx ctx = {.scope = &none};
    MrExpr *expr = NULL;
    const MrVector *value = NULL;
    /* A name here is never a column: Spark says that the expression is not constant. */
    MR_TRY(mr__expr_bind(b, &ctx, ast, &expr));
    if (ctx.has_query || ctx.has_aggregate || !mr_expr_is_constant(expr))
        return limit_fail(b, ast, name, expr, "unfoldable", "");
    if (expr->type->kind != MR_TYPE_INT && expr->type->kind != MR_TYPE_TINYINT &&
        expr->type->kind != MR_TYPE_SMALLINT)
        return limit_fail(b, ast, name, expr, "type", "");
    MR_TRY(mr__at(b, ast->place, mr_expr_fold(b->arena, &b->eval, expr, &value, b->err)));
    if (mr_vector_is_null(value, 0))
        return limit_fail(b, ast, name, expr, "null", "");
    int64_t n = value->type->kind == MR_TYPE_INT        ? value->i32[0]
                : value->type->kind == MR_TYPE_SMALLINT ? value->i16[0]
                                                        : value->i8[0];
    if (n < 0)
        return limit_fail(b, ast, name, expr, "negative",
                          mr_arena_printf(b->arena, "%lld", (long long)n));
    *out = n;
    return MR_OK;
}

MrSortSpec mr__sort_spec(const MrSqlSort *sort)
{
    bool nulls_first =
        sort->nulls == MR_SQL_NULLS_UNSAID ? !sort->descending : sort->nulls == MR_SQL_NULLS_FIRST;
    return (MrSortSpec){.descending = sort->descending, .nulls_first = nulls_first};
}

static MrStatus order_over(Binder *b, const MrSqlQuery *query, Scope *outer, Rel *rel)
{
    int32_t n = query->n_order > 0  ? query->n_order
                : query->n_sort > 0 ? query->n_sort
                                    : query->n_cluster;
    if (n == 0)
        return MR_OK;
    Scope scope = {.outer = outer, .n_cols = rel->n_cols, .cols = rel->cols};
    Ctx ctx = {.scope = &scope, .windows = query->windows, .n_windows = query->n_windows};
    bool all = query->order_by_all && !mr__names_all(b, NULL, 0, &scope);
    if (all)
        n = rel->plan->n_cols;
    MrSortKey *keys = MR_NEW_N(b->arena, MrSortKey, n + 1);
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, rel->plan->n_cols + n + 1);
    int32_t n_in = rel->plan->n_cols, n_all = n_in;
    for (int32_t i = 0; i < n_in; i++) {
        exprs[i] = mr_plan_pass(b->planner, &rel->plan->cols[i]);
    }
    for (int32_t i = 0; i < n; i++) {
        if (all) {
            keys[i].expr = mr_plan_column_expr(b->planner, &rel->plan->cols[i]);
            keys[i].spec = mr__sort_spec(&query->order[0]);
            continue;
        }
        const MrSqlSort *sort = query->n_order > 0  ? &query->order[i]
                                : query->n_sort > 0 ? &query->sort[i]
                                                    : NULL;
        const MrSqlExpr *ast = sort ? sort->expr : query->cluster[i];
        int64_t ordinal = 0;
        keys[i].spec = (MrSortSpec){false, true};
        if (sort)
            keys[i].spec = mr__sort_spec(sort);
        MR_TRY(mr__order_ordinal(b, ast, n_in, &ordinal));
        if (ordinal > 0) {
            keys[i].expr = mr_plan_column_expr(b->planner, &rel->plan->cols[ordinal - 1]);
            continue;
        }
        MR_TRY(mr__expr_bind(b, &ctx, ast, &keys[i].expr));
        MR_TRY(mr__order_check(b, ast->place, keys[i].expr, keys[i].spec));
        if (ctx.has_aggregate)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_UNSUPPORTED_EXPR_FOR_OPERATOR, "invalidExprSqls",
                                  mr__quote_sql(b, keys[i].expr->sql)));
        if (keys[i].expr->kind != MR_EXPR_COLUMN) {
            exprs[n_all].column = (MrColumn){mr_planner_id(b->planner), keys[i].expr->sql,
                                             keys[i].expr->type, keys[i].expr->nullable};
            exprs[n_all].expr = keys[i].expr;
            keys[i].expr = mr_plan_column_expr(b->planner, &exprs[n_all].column);
            n_all++;
        }
    }
    MrPlan *plan = rel->plan;
    if (n_all > n_in)
        plan = mr_plan_project(b->planner, plan, exprs, n_all);
    plan = mr_plan_sort(b->planner, plan, keys, n, query->n_order > 0);
    if (n_all > n_in) {
        MrNamedExpr *kept = MR_NEW_N(b->arena, MrNamedExpr, n_in + 1);
        for (int32_t i = 0; i < n_in; i++) {
            kept[i] = mr_plan_pass(b->planner, &exprs[i].column);
        }
        plan = mr_plan_project(b->planner, plan, kept, n_in);
    }
    rel->plan = plan;
    return MR_OK;
}

static MrStatus limits_bind(Binder *b, const MrSqlQuery *query, Rel *rel)
{
    int64_t limit = INT64_MAX, offset = 0;
    if (query->limit && !query->limit_all)
        MR_TRY(mr__limit_value(b, query->limit, "limit", &limit));
    if (query->offset)
        MR_TRY(mr__limit_value(b, query->offset, "offset", &offset));
    if (limit < INT64_MAX || offset > 0)
        rel->plan = mr_plan_limit(b->planner, rel->plan, limit, offset);
    return MR_OK;
}

/* ---------------------------------------------------------------- pipes */

static MrStatus pipe_exprs(Binder *b, const MrSqlPipe *pipe, Scope *outer, Rel *rel)
{
    /* EXTEND adds columns, SET replaces them, DROP takes them away. */
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, rel->n_cols + pipe->n_exprs + 1);
    ScopeCol *cols = MR_NEW_N(b->arena, ScopeCol, rel->n_cols + pipe->n_exprs + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < rel->n_cols; i++) {
        if (rel->cols[i].hidden)
            continue;
        cols[n] = rel->cols[i];
        exprs[n].column = rel->cols[i].col;
        exprs[n++].expr =
            mr__column_expr(b, &rel->cols[i], rel->cols[i].col.name, (MrSqlPlace){-1, 0});
    }
    Scope scope = {.outer = outer, .n_cols = rel->n_cols, .cols = rel->cols};
    if (pipe->kind == MR_SQL_PIPE_DROP) {
        for (int32_t d = 0; d < pipe->n_names; d++) {
            const MrSqlName *name = &pipe->names[d];
            Ctx ctx = {.scope = &scope};
            MrExpr *found = NULL;
            MR_TRY(mr__name_bind(b, &ctx, name, name->place, &found));
            int32_t kept = 0;
            for (int32_t i = 0; i < n; i++)
                if (found->kind != MR_EXPR_COLUMN || exprs[i].column.id != found->column.id) {
                    exprs[kept] = exprs[i];
                    cols[kept++] = cols[i];
                }
            n = kept;
        }
    } else {
        for (int32_t i = 0; i < pipe->n_exprs; i++) {
            const MrSqlExpr *ast = pipe->exprs[i];
            const MrSqlExpr *value = ast->kind == MR_SQL_ALIAS ? ast->alias.value : ast;
            Ctx ctx = {.scope = &scope};
            MrExpr *expr = NULL;
            MR_TRY(mr__expr_bind(b, &ctx, value, &expr));
            if (ctx.has_aggregate) {
                return mr__at(b, ast->place,
                              MR_FAIL(b->err, MR_COND_PIPE_OPERATOR_CONTAINS_AGGREGATE_FUNCTION,
                                      "expr", expr->sql, "clause",
                                      pipe->kind == MR_SQL_PIPE_SET ? "SET" : "EXTEND"));
            }
            if (ctx.has_window)
                return mr__at(b, ast->place,
                              MR_FAIL_UNSUPPORTED(b->err, "window functions in |> EXTEND and SET"));
            int32_t at = n;
            const char *name = ast->kind == MR_SQL_ALIAS ? ast->alias.names[0] : expr->sql;
            if (expr->kind == MR_EXPR_COLUMN && ast->kind != MR_SQL_ALIAS)
                name = expr->column.name;
            if (pipe->kind == MR_SQL_PIPE_SET) {
                name = pipe->names[i].parts[pipe->names[i].n_parts - 1];
                for (at = 0; at < n && !mr__name_equal(b, cols[at].col.name, name); at++)
                    ;
                if (at == n)
                    return mr__fail_unresolved(b, &scope, (const char *const *)pipe->names[i].parts,
                                               pipe->names[i].n_parts, pipe->names[i].place);
                name = cols[at].col.name;
            } else {
                n++;
            }
            exprs[at].column =
                (MrColumn){mr_planner_id(b->planner), name, expr->type, expr->nullable};
            exprs[at].expr = expr;
            cols[at] = (ScopeCol){.col = exprs[at].column};
        }
    }
    rel->plan = mr_plan_project(b->planner, rel->plan, exprs, n);
    for (int32_t i = 0; i < n; i++) {
        cols[i].col = exprs[i].column;
        cols[i].expr = NULL;
    }
    rel->cols = cols;
    rel->n_cols = n;
    return MR_OK;
}

static MrStatus pipe_aggregate(Binder *b, const MrSqlPipe *pipe, Scope *outer, Rel *rel)
{
    /* As SELECT keys, items GROUP BY keys. */
    MrSqlSelect select = *pipe->select;
    int32_t n_keys = 0;
    for (int32_t i = 0; i < select.n_groups; i++)
        n_keys += select.groups[i].kind == MR_SQL_GROUP_EXPR;
    MrSqlExpr **items = MR_NEW_N(b->arena, MrSqlExpr *, n_keys + select.n_items + 1);
    MrSqlGroup *groups = MR_NEW_N(b->arena, MrSqlGroup, select.n_groups + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < select.n_groups; i++) {
        groups[i] = select.groups[i];
        if (select.groups[i].kind != MR_SQL_GROUP_EXPR)
            continue;
        MrSqlExpr *expr = select.groups[i].expr;
        items[n++] = expr;
        if (expr->kind == MR_SQL_ALIAS)
            groups[i].expr = expr->alias.value;
    }
    for (int32_t i = 0; i < select.n_items; i++)
        items[n++] = select.items[i];
    select.items = items;
    select.n_items = n;
    select.groups = groups;
    select.from = NULL;
    select.has_group = true;
    Rel out = {0};
    MR_TRY(mr__select_bind(b, &select, NULL, rel, outer, &out));
    *rel = out;
    return MR_OK;
}

static MrStatus pipe_bind(Binder *b, const MrSqlPipe *pipe, Scope *outer, Rel *rel)
{
    Rel out = {0};
    switch (pipe->kind) {
    case MR_SQL_PIPE_SELECT: {
        MR_TRY(mr__select_bind(b, pipe->select, NULL, rel, outer, &out));
        *rel = out;
        return MR_OK;
    }
    case MR_SQL_PIPE_EXTEND:
    case MR_SQL_PIPE_SET:
    case MR_SQL_PIPE_DROP:
        return pipe_exprs(b, pipe, outer, rel);
    case MR_SQL_PIPE_AS: {
        const char **qual = MR_NEW_N(b->arena, const char *, 1);
        qual[0] = pipe->name;
        for (int32_t i = 0; i < rel->n_cols; i++) {
            rel->cols[i].qual = qual;
            rel->cols[i].n_qual = 1;
        }
        return MR_OK;
    }
    case MR_SQL_PIPE_WHERE: {
        Scope scope = {.outer = outer, .n_cols = rel->n_cols, .cols = rel->cols};
        Ctx ctx = {.scope = &scope};
        MrExpr *expr = NULL;
        MR_TRY(mr__expr_bind(b, &ctx, pipe->expr, &expr));
        MR_TRY(mr__condition(b, pipe->expr->place, expr, &expr));
        if (ctx.has_aggregate || ctx.has_window)
            return mr__at(
                b, pipe->expr->place,
                MR_FAIL(b->err, MR_COND_INVALID_WHERE_CONDITION, "condition",
                        mr__quote_sql(b, expr->sql), "expressionList",
                        mr__expr_list_text(
                            b, expr, ctx.has_aggregate ? MR_EXPR_AGGREGATE : MR_EXPR_WINDOW)));
        rel->plan = mr_plan_filter(b->planner, rel->plan, expr);
        return MR_OK;
    }
    case MR_SQL_PIPE_RELATION:
        MR_TRY(mr__relation_bind_over(b, pipe->relation, outer, rel, &out));
        *rel = out;
        return MR_OK;
    case MR_SQL_PIPE_SET_OP: {
        MrPlan *plans[2] = {mr__rel_project(b, rel), NULL};
        MR_TRY(body_bind(b, pipe->set.right, NULL, outer, &out));
        plans[1] = out.plan;
        return set_combine(b, pipe->place, pipe->set.op, pipe->set.all, pipe->set.by_name, plans, 2,
                           rel);
    }
    case MR_SQL_PIPE_ORDER:
        MR_TRY(order_over(b, pipe->query, outer, rel));
        return limits_bind(b, pipe->query, rel);
    case MR_SQL_PIPE_AGGREGATE:
        return pipe_aggregate(b, pipe, outer, rel);
    }
    return MR_FAIL_INTERNAL(b->err, "pipe kind %d", pipe->kind);
}

/* ---------------------------------------------------------------- queries */

MrStatus mr__query_bind(Binder *b, const MrSqlQuery *query, Scope *outer, Rel *out)
{
    Cte *saved = b->ctes;
    for (int32_t i = 0; i < query->n_ctes; i++) {
        for (int32_t k = 0; k < i; k++)
            if (mr__name_equal(b, query->ctes[i].name, query->ctes[k].name))
                return mr__at(b, query->place,
                              MR_FAIL(b->err, MR_COND_DUPLICATED_CTE_NAMES, "duplicateNames",
                                      mr_quote_name(b->arena, query->ctes[i].name)));
        MR_TRY(cte_add(b, &query->ctes[i], query->recursive, outer));
    }
    Rel rel = {0};
    if (query->body->kind == MR_SQL_BODY_SELECT) {
        MR_TRY(body_bind(b, query->body, query, outer, &rel));
    } else if (query->body->kind == MR_SQL_BODY_RELATION) {
        MR_TRY(mr__relation_bind(b, query->body->relation, outer, &rel));
        if (query->n_pipes == 0) {
            MrPlan *plan = mr__rel_project(b, &rel);
            if (plan != rel.plan) { /* the names of the relation stay */
                int32_t n = 0;
                for (int32_t i = 0; i < rel.n_cols; i++)
                    if (!rel.cols[i].hidden) {
                        rel.cols[n] = rel.cols[i];
                        rel.cols[n].expr = NULL;
                        rel.cols[n].col = plan->cols[n];
                        n++;
                    }
                rel.n_cols = n;
                rel.plan = plan;
            }
        }
        MR_TRY(order_over(b, query, outer, &rel));
    } else {
        MR_TRY(body_bind(b, query->body, NULL, outer, &rel));
        MR_TRY(order_over(b, query, outer, &rel));
    }
    MR_TRY(limits_bind(b, query, &rel));
    if (query->n_pipes > 0) {
        for (int32_t i = 0; i < query->n_pipes; i++)
            MR_TRY(pipe_bind(b, &query->pipes[i], outer, &rel));
        MrPlan *plan = mr__rel_project(b, &rel);
        mr__rel_from_plan(b, plan, NULL, 0, &rel);
    }
    b->ctes = saved;
    *out = rel;
    return MR_OK;
}
