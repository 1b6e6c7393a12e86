/* bind_select.c - SELECT: its clauses are bound over FROM, then cut into the plan's nodes.
 *
 *   FROM -> WHERE -> [EXPAND] -> AGGREGATE -> HAVING -> WINDOW.. -> QUALIFY -> GENERATE -> PROJECT
 *        -> DISTINCT -> SORT -> drop what only the sort needed */
#include "sql/bind_int.h"

/* ---------------------------------------------------------------- the select list */

static void item_add(Select *s, const char *name, bool is_alias, MrExpr *expr, MrSqlPlace place)
{
    Item item = {name, is_alias, expr, place};
    MR_PUSH(s->b->arena, s->items, s->n_items, s->cap_items, item);
    NamedItem named = {name, expr};
    MR_PUSH(s->b->arena, s->names, s->n_names, s->cap_names, named);
}

const char *mr__auto_name(const MrExpr *expr)
{
    if (expr->kind == MR_EXPR_OUTER || (expr->kind == MR_EXPR_COLUMN && expr->column.id >= 0))
        return expr->column.name;
    if (expr->kind == MR_EXPR_CALL && expr->bound->def &&
        strcmp(expr->bound->def->name, ".") == 0) {
        const MrExpr *base = expr->args[0];
        while (base->kind == MR_EXPR_CALL && base->bound->def &&
               strcmp(base->bound->def->name, ".") == 0)
            base = base->args[0];
        if (base->kind == MR_EXPR_COLUMN || base->kind == MR_EXPR_OUTER)
            return expr->args[1]->sql;
    }
    /* A cast of a column keeps the column's name. */
    if (expr->kind == MR_EXPR_CALL && expr->bound->def && expr->args[0] &&
        expr->args[0]->kind == MR_EXPR_COLUMN && expr->args[0]->column.id >= 0 &&
        (strcmp(expr->bound->def->name, "cast") == 0 ||
         strcmp(expr->bound->def->name, "try_cast") == 0))
        return expr->args[0]->column.name;
    return expr->sql;
}

static MrStatus generator_items(Select *s, const MrSqlExpr *ast, const Generator *gen)
{
    Binder *b = s->b;
    const MrType *type = gen->bound->type;
    ItemGenerator item = {gen, MR_NEW_N(b->arena, MrColumn, type->n_fields + 1), type->n_fields};
    MR_PUSH(b->arena, s->generators, s->n_generators, s->cap_generators, item);
    bool is_alias = ast->kind == MR_SQL_ALIAS;
    if (is_alias && ast->alias.n_names != type->n_fields &&
        !(ast->alias.n_names == 1 && type->n_fields == 1))
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_UDTF_ALIAS_NUMBER_MISMATCH, "aliasesSize",
                              mr_arena_printf(b->arena, "%d", type->n_fields), "aliasesNames",
                              mr__names_list(b, ast->alias.names, ast->alias.n_names)));
    for (int32_t i = 0; i < type->n_fields; i++) {
        const MrField *field = &type->fields[i];
        const char *name = is_alias ? ast->alias.names[i] : field->name;
        item.cols[i] =
            (MrColumn){mr_planner_id(b->planner), name, field->type, field->nullable || gen->outer};
        item_add(s, name, is_alias, mr_plan_column_expr(b->planner, &item.cols[i]), ast->place);
    }
    return MR_OK;
}

static MrStatus items_bind(Select *s)
{
    Binder *b = s->b;
    int32_t n_aliases = 0;
    for (int32_t i = 0; i < s->ast->n_items; i++)
        if (s->ast->items[i]->kind == MR_SQL_ALIAS)
            n_aliases += s->ast->items[i]->alias.n_names;
    NamedItem *laterals = MR_NEW_N(b->arena, NamedItem, n_aliases + 1);
    s->ctx.scope->laterals = laterals;
    s->ctx.scope->laterals_are_aliases = true;
    for (int32_t i = 0; i < s->ast->n_items; i++) {
        const MrSqlExpr *ast = s->ast->items[i];
        if (ast->kind == MR_SQL_STAR) {
            MrExpr **exprs = NULL;
            const char **names = NULL;
            int32_t n = 0;
            MR_TRY(mr__star_expand(b, &s->ctx, ast, &exprs, &names, &n));
            for (int32_t k = 0; k < n; k++)
                item_add(s, names[k], false, exprs[k], ast->place);
            continue;
        }
        const MrSqlExpr *value = ast->kind == MR_SQL_ALIAS ? ast->alias.value : ast;
        MrExpr *expr = NULL;
        s->ctx.allow_generator = value->kind == MR_SQL_CALL;
        s->ctx.generator = NULL;
        s->ctx.has_outer = s->ctx.has_lateral = false;
        MR_TRY(mr__expr_bind(b, &s->ctx, value, &expr));
        s->ctx.allow_generator = false;
        if (s->ctx.generator) {
            int64_t first = s->n_items;
            MR_TRY(generator_items(s, ast, s->ctx.generator));
            for (int64_t k = first; ast->kind == MR_SQL_ALIAS && k < s->n_items; k++)
                laterals[s->scope.n_laterals++] = (NamedItem){s->items[k].name, s->items[k].expr};
            continue;
        }
        if (ast->kind == MR_SQL_ALIAS) {
            if (ast->alias.n_names != 1)
                return mr__at(b, ast->place,
                              MR_FAIL(b->err, MR_COND_MULTI_ALIAS_WITHOUT_GENERATOR, "expr",
                                      mr__quote_sql(b, expr->sql), "names",
                                      mr__names_list(b, ast->alias.names, ast->alias.n_names)));
            item_add(s, ast->alias.names[0], true, expr, ast->place);
            laterals[s->scope.n_laterals++] = (NamedItem){ast->alias.names[0], expr};
        } else {
            bool named = ast->kind == MR_SQL_NAME &&
                         (ast->name.n_parts > 1 || (ast->name.n_parts > 0 && s->ctx.has_lateral));
            item_add(s, named ? ast->name.parts[ast->name.n_parts - 1] : mr__auto_name(expr), false,
                     expr, ast->place);
        }
    }
    s->ctx.scope->laterals = NULL;
    s->ctx.scope->n_laterals = 0;
    s->ctx.scope->laterals_are_aliases = false;
    return MR_OK;
}

MrExpr *mr__column_like(Select *s, const MrColumn *col, const MrExpr *expr)
{
    MrExpr *ref = mr_plan_column_expr(s->b->planner, col);
    ref->sql = expr->sql;
    ref->sql_idx = expr->sql_idx;
    ref->sql_len = expr->sql_len;
    return ref;
}

bool mr__is_generated(const Select *s, int32_t id)
{
    for (int64_t g = 0; g < s->n_generators; g++)
        for (int32_t i = 0; i < s->generators[g].n_cols; i++)
            if (s->generators[g].cols[i].id == id)
                return true;
    return false;
}

/* ---------------------------------------------------------------- windows */

static bool same_window(const MrExpr *a, const MrExpr *b)
{
    if (a->window.n_partition != b->window.n_partition || a->window.n_order != b->window.n_order)
        return false;
    for (int32_t i = 0; i < a->window.n_partition; i++)
        if (!mr__same_expr(a->window.partition[i], b->window.partition[i]))
            return false;
    for (int32_t i = 0; i < a->window.n_order; i++)
        if (!mr__same_expr(a->window.order[i].expr, b->window.order[i].expr) ||
            a->window.order[i].spec.descending != b->window.order[i].spec.descending ||
            a->window.order[i].spec.nulls_first != b->window.order[i].spec.nulls_first)
            return false;
    return true;
}

static MrExpr *window_take(void *self, MrExpr *expr)
{
    Select *s = self;
    if (expr->kind != MR_EXPR_WINDOW)
        return expr;
    for (int64_t i = 0; i < s->n_windows; i++)
        if (mr__same_expr(s->windows[i].expr, expr))
            return mr__column_like(s, &s->windows[i].column, expr);
    MrNamedExpr window = {{mr_planner_id(s->b->planner), expr->sql, expr->type, expr->nullable},
                          expr};
    MR_PUSH(s->b->arena, s->windows, s->n_windows, s->cap_windows, window);
    return mr__column_like(s, &window.column, expr);
}

/* Everything above the windows, rewritten over them; the plan gets a WINDOW for each partition and
 * order. */
static void windows_make(Select *s, MrExpr **qualify)
{
    for (int64_t i = 0; i < s->n_items; i++)
        s->items[i].expr = mr_expr_map(s->b->arena, s->items[i].expr, window_take, s);
    if (*qualify)
        *qualify = mr_expr_map(s->b->arena, *qualify, window_take, s);
    for (int32_t i = 0; i < s->n_sort; i++)
        s->sort_exprs[i] = mr_expr_map(s->b->arena, s->sort_exprs[i], window_take, s);
    bool *done = MR_NEW_N(s->b->arena, bool, s->n_windows + 1);
    for (int64_t i = 0; i < s->n_windows; i++) {
        if (done[i])
            continue;
        MrNamedExpr *exprs = MR_NEW_N(s->b->arena, MrNamedExpr, s->n_windows);
        int32_t n = 0;
        for (int64_t k = i; k < s->n_windows; k++) {
            if (!done[k] && same_window(s->windows[i].expr, s->windows[k].expr)) {
                exprs[n++] = s->windows[k];
                done[k] = true;
            }
        }
        s->plan = mr_plan_window(s->b->planner, s->plan, exprs, n);
    }
}

/* ---------------------------------------------------------------- conditions */

MrStatus mr__condition(Binder *b, MrSqlPlace place, MrExpr *expr, MrExpr **out)
{
    if (expr->type->kind != MR_TYPE_BOOLEAN) {
        const MrType *to =
            expr->type->kind == MR_TYPE_VOID || expr->type->kind == MR_TYPE_STRING
                ? mr_coerce_implicit(b->arena, b->settings, expr->type, MR_T(BOOLEAN))
                : NULL;
        if (!to)
            return mr__at(b, place,
                          MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__FILTER_NOT_BOOLEAN, "sqlExpr",
                                  mr__quote_sql(b, expr->sql), "filter",
                                  mr__quote_sql(b, expr->sql), "type",
                                  mr__quote_type(b, expr->type)));
        MR_TRY(mr__cast(b, expr, to, &expr));
    }
    *out = expr;
    return MR_OK;
}

static MrStatus no_windows(Binder *b, const char *clause, const MrExpr *expr)
{
    if (!mr__expr_has(expr, MR_EXPR_WINDOW))
        return MR_OK;
    return MR_FAIL(b->err, MR_COND_WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE, "clauseName", clause);
}

static MrStatus where_check(Binder *b, MrSqlPlace place, const MrExpr *expr)
{
    MR_TRY(no_windows(b, "WHERE", expr));
    if (!mr__is_of_groups(expr))
        return MR_OK;
    if (!mr__expr_has(expr, MR_EXPR_AGGREGATE))
        return mr__at(b, place, MR_FAIL(b->err, MR_COND_UNSUPPORTED_GROUPING_EXPRESSION));
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_INVALID_WHERE_CONDITION, "condition",
                          mr__quote_sql(b, expr->sql), "expressionList",
                          mr__expr_list_text(b, expr, MR_EXPR_AGGREGATE)));
}

/* ---------------------------------------------------------------- ORDER BY */

bool mr__is_ordinal(const MrSqlExpr *ast, int64_t *out)
{
    bool negative = ast->kind == MR_SQL_UNARY && ast->unary.op == MR_SQL_MINUS;
    if (negative)
        ast = ast->unary.operand;
    if (ast->kind != MR_SQL_LITERAL || ast->lit.kind != MR_SQL_LIT_INTEGER ||
        ast->lit.type->kind != MR_TYPE_INT)
        return false;
    *out = negative ? -ast->lit.i64 : ast->lit.i64;
    return true;
}

MrStatus mr__order_ordinal(Binder *b, const MrSqlExpr *ast, int64_t n_items, int64_t *out)
{
    int64_t ordinal = 0;
    *out = 0;
    if (!mr__is_ordinal(ast, &ordinal) || !mr__setting_bool(b, "spark.sql.orderByOrdinal", true))
        return MR_OK;
    if (ordinal < 1 || ordinal > n_items)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_ORDER_BY_POS_OUT_OF_RANGE, "index",
                              mr_arena_printf(b->arena, "%lld", (long long)ordinal), "size",
                              mr_arena_printf(b->arena, "%lld", (long long)n_items)));
    *out = ordinal;
    return MR_OK;
}

MrStatus mr__order_check(Binder *b, MrSqlPlace place, const MrExpr *expr, MrSortSpec spec)
{
    if (mr_type_is_orderable(expr->type))
        return MR_OK;
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "functionName",
                          "`sortorder`", "dataType", mr__quote_type(b, expr->type), "sqlExpr",
                          mr__quote_sql(b, mr_arena_printf(b->arena, "%s %s NULLS %s", expr->sql,
                                                           spec.descending ? "DESC" : "ASC",
                                                           spec.nulls_first ? "FIRST" : "LAST"))));
}

/* ALL is a name when something has it. */
bool mr__names_all(const Binder *b, const NamedItem *items, int64_t n_items, const Scope *scope)
{
    for (int64_t i = 0; i < n_items; i++)
        if (mr__name_equal(b, items[i].name, "all"))
            return true;
    for (int32_t i = 0; i < scope->n_cols; i++)
        if (!scope->cols[i].hidden && mr__name_equal(b, scope->cols[i].col.name, "all"))
            return true;
    return false;
}

static MrStatus order_bind(Select *s, const MrSqlQuery *query)
{
    Binder *b = s->b;
    int32_t n = query->n_order;
    if (query->order_by_all && !mr__names_all(b, s->names, s->n_names, &s->scope)) {
        s->n_sort = (int32_t)s->n_items;
        s->sort_exprs = MR_NEW_N(b->arena, MrExpr *, s->n_sort + 1);
        s->sort_specs = MR_NEW_N(b->arena, MrSortSpec, s->n_sort + 1);
        for (int32_t i = 0; i < s->n_sort; i++) {
            s->sort_exprs[i] = s->items[i].expr;
            s->sort_specs[i] = mr__sort_spec(&query->order[0]);
        }
        return MR_OK;
    }
    const MrSqlSort *order = query->order;
    MrSqlSort *cluster = NULL;
    if (n == 0 && query->n_sort > 0) {
        n = query->n_sort;
        order = query->sort;
    } else if (n == 0 && query->n_cluster > 0) {
        n = query->n_cluster;
        cluster = MR_NEW_N(b->arena, MrSqlSort, n);
        for (int32_t i = 0; i < n; i++)
            cluster[i] = (MrSqlSort){.place = query->cluster[i]->place, .expr = query->cluster[i]};
        order = cluster;
    }
    s->n_sort = n;
    s->sort_exprs = MR_NEW_N(b->arena, MrExpr *, n + 1);
    s->sort_specs = MR_NEW_N(b->arena, MrSortSpec, n + 1);
    s->scope.outputs = s->names;
    s->scope.n_outputs = (int32_t)s->n_names;
    int32_t n_cols = s->scope.n_cols;
    ScopeCol *cols = s->scope.cols;
    if (s->ast->distinct) { /* only what is selected may be sorted by */
        s->scope.n_cols = 0;
    }
    MrStatus status = MR_OK;
    for (int32_t i = 0; status == MR_OK && i < n; i++) {
        int64_t ordinal = 0;
        s->sort_specs[i] = mr__sort_spec(&order[i]);
        if (status == MR_OK)
            status = mr__order_ordinal(b, order[i].expr, s->n_items, &ordinal);
        if (status != MR_OK)
            break;
        if (ordinal > 0) {
            s->sort_exprs[i] = s->items[ordinal - 1].expr;
        } else if (s->ast->distinct) {
            ScopeCol *out_cols = MR_NEW_N(b->arena, ScopeCol, s->n_items + 1);
            for (int64_t k = 0; k < s->n_items; k++)
                out_cols[k] =
                    (ScopeCol){.col = {-1, s->items[k].name, s->items[k].expr->type, true},
                               .expr = s->items[k].expr};
            /* Names qualified with their table still mean the selected column. */
            for (int64_t k = 0; k < s->n_items; k++)
                for (int32_t c = 0; c < n_cols; c++)
                    if (s->items[k].expr->kind == MR_EXPR_COLUMN &&
                        s->items[k].expr->column.id == cols[c].col.id) {
                        out_cols[k].qual = cols[c].qual;
                        out_cols[k].n_qual = cols[c].n_qual;
                    }
            s->scope.cols = out_cols;
            s->scope.n_cols = (int32_t)s->n_items;
            s->scope.n_outputs = 0;
            status = mr__expr_bind(b, &s->ctx, order[i].expr, &s->sort_exprs[i]);
        } else {
            status = mr__expr_bind(b, &s->ctx, order[i].expr, &s->sort_exprs[i]);
        }
        if (status == MR_OK)
            status = mr__order_check(b, order[i].place, s->sort_exprs[i], s->sort_specs[i]);
    }
    s->scope.cols = cols;
    s->scope.n_cols = n_cols;
    s->scope.outputs = NULL;
    s->scope.n_outputs = 0;
    return status;
}

/* ---------------------------------------------------------------- all together */

MrStatus mr__distinct(Binder *b, MrPlan *plan, MrPlan **out)
{
    MrNamedExpr *keys = MR_NEW_N(b->arena, MrNamedExpr, plan->n_cols + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < plan->n_cols; i++) {
        const MrType *type = plan->cols[i].type;
        if (type->kind == MR_TYPE_MAP)
            return MR_FAIL(b->err, MR_COND_UNSUPPORTED_FEATURE__SET_OPERATION_ON_MAP_TYPE,
                           "colName", mr_quote_name(b->arena, plan->cols[i].name), "dataType",
                           mr__quote_type(b, type));
        if (type->kind == MR_TYPE_VARIANT)
            return MR_FAIL(b->err, MR_COND_UNSUPPORTED_FEATURE__SET_OPERATION_ON_VARIANT_TYPE,
                           "colName", mr_quote_name(b->arena, plan->cols[i].name), "dataType",
                           mr__quote_type(b, type));
        keys[n++] = mr_plan_pass(b->planner, &plan->cols[i]);
    }
    *out = mr_plan_aggregate(b->planner, plan, keys, n, NULL, 0);
    return MR_OK;
}

typedef struct Replace {
    Binder *b;
    const MrNamedExpr *exprs;
    int32_t n;
} Replace;

static MrExpr *replace_visit(Replace *r, MrExpr *expr)
{
    for (int32_t i = 0; i < r->n; i++)
        if (mr__same_expr(r->exprs[i].expr, expr))
            return mr_plan_column_expr(r->b->planner, &r->exprs[i].column);
    if (expr->n_args == 0)
        return expr;
    MrExpr *copy = MR_NEW(r->b->arena, MrExpr);
    *copy = *expr;
    copy->args = MR_NEW_N(r->b->arena, MrExpr *, expr->n_args);
    for (int32_t i = 0; i < expr->n_args; i++)
        copy->args[i] = replace_visit(r, expr->args[i]);
    return copy;
}

/* Parts of the expression that equal one of exprs become its column. */
static MrExpr *expr_replace(Binder *b, MrExpr *expr, const MrNamedExpr *exprs, int32_t n)
{
    Replace replace = {b, exprs, n};
    return replace_visit(&replace, expr);
}

static MrStatus final_make(Select *s, const MrSqlQuery *query, Rel *out)
{
    Binder *b = s->b;
    int32_t n = (int32_t)s->n_items, n_all = n;
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, n + s->n_sort + 1);
    for (int32_t i = 0; i < n; i++) {
        const Item *item = &s->items[i];
        bool plain = item->expr->kind == MR_EXPR_COLUMN &&
                     (!item->is_alias || mr__is_generated(s, item->expr->column.id));
        exprs[i].column = (MrColumn){plain ? item->expr->column.id : mr_planner_id(b->planner),
                                     item->name, item->expr->type, item->expr->nullable};
        exprs[i].expr = item->expr;
    }
    MrSortKey *keys = MR_NEW_N(b->arena, MrSortKey, s->n_sort + 1);
    for (int32_t i = 0; i < s->n_sort; i++) {
        int32_t at = -1;
        for (int32_t k = 0; k < n_all && at < 0; k++)
            if (mr__same_expr(exprs[k].expr, s->sort_exprs[i]) && mr_expr_is_pure(exprs[k].expr))
                at = k;
        for (int32_t k = 0; k < n && at < 0; k++) /* rand() AS r ORDER BY r: the very column */
            if (s->sort_exprs[i] == exprs[k].expr ||
                (exprs[k].expr->kind == s->sort_exprs[i]->kind &&
                 exprs[k].expr->args == s->sort_exprs[i]->args && exprs[k].expr->n_args > 0))
                at = k;
        if (at < 0) {
            MrExpr *expr = s->sort_exprs[i];
            at = n_all++;
            exprs[at].column = (MrColumn){expr->kind == MR_EXPR_COLUMN ? expr->column.id
                                                                       : mr_planner_id(b->planner),
                                          expr->sql, expr->type, expr->nullable};
            exprs[at].expr = expr;
        }
        keys[i].expr = mr_plan_column_expr(b->planner, &exprs[at].column);
        keys[i].spec = s->sort_specs[i];
    }
    MrPlan *plan = s->plan;
    if (s->ast->distinct && n_all > n) {
        /* ORDER BY an expression over what is selected: computed after DISTINCT. */
        plan = mr_plan_project(b->planner, plan, exprs, n);
        MR_TRY(mr__distinct(b, plan, &plan));
        MrNamedExpr *more = MR_NEW_N(b->arena, MrNamedExpr, n_all);
        for (int32_t i = 0; i < n; i++) {
            more[i] = mr_plan_pass(b->planner, &exprs[i].column);
        }
        for (int32_t i = n; i < n_all; i++) {
            more[i] = exprs[i];
            more[i].expr = expr_replace(b, exprs[i].expr, exprs, n);
        }
        plan = mr_plan_project(b->planner, plan, more, n_all);
    } else {
        plan = mr_plan_project(b->planner, plan, exprs, n_all);
        if (s->ast->distinct)
            MR_TRY(mr__distinct(b, plan, &plan));
    }
    if (s->n_sort > 0) {
        plan = mr_plan_sort(b->planner, plan, keys, s->n_sort, query->n_order > 0);
        if (n_all > n) {
            MrNamedExpr *kept = MR_NEW_N(b->arena, MrNamedExpr, n + 1);
            for (int32_t i = 0; i < n; i++) {
                kept[i] = mr_plan_pass(b->planner, &exprs[i].column);
            }
            plan = mr_plan_project(b->planner, plan, kept, n);
        }
    }
    out->plan = plan;
    out->n_cols = n;
    out->cols = MR_NEW_N(b->arena, ScopeCol, n + 1);
    for (int32_t i = 0; i < n; i++)
        out->cols[i] = (ScopeCol){.col = plan->cols[i]};
    return MR_OK;
}

static MrStatus where_bind(Select *s)
{
    Binder *b = s->b;
    const MrSqlExpr *ast = s->ast->where;
    Ctx ctx = s->ctx;
    MrExpr *where = NULL;
    MR_TRY(mr__expr_bind(b, &ctx, ast, &where));
    MR_TRY(mr__condition(b, ast->place, where, &where));
    MR_TRY(where_check(b, ast->place, where));
    s->plan = mr_plan_filter(b->planner, s->plan, where);
    return MR_OK;
}

/* HAVING sees the keys that are columns first, then the select list. */
static MrStatus having_bind(Select *s, MrExpr **out)
{
    Binder *b = s->b;
    int32_t *ids = MR_NEW_N(b->arena, int32_t, s->n_keys + 1);
    for (int64_t i = 0; i < s->n_keys; i++)
        if (s->keys[i].expr->kind == MR_EXPR_COLUMN)
            ids[s->scope.n_first_ids++] = s->keys[i].expr->column.id;
    s->scope.first_ids = ids;
    s->scope.outputs = s->names;
    s->scope.n_outputs = (int32_t)s->n_names;
    MR_TRY(mr__expr_bind(b, &s->ctx, s->ast->having, out));
    s->scope.n_first_ids = 0;
    s->scope.n_outputs = 0;
    s->scope.outputs = NULL;
    MR_TRY(no_windows(b, "HAVING", *out));
    if ((*out)->type->kind == MR_TYPE_BOOLEAN)
        return MR_OK;
    /* Spark casts it as if it were written. */
    return mr__cast_written(b, s->ast->having->place, *out, MR_T(BOOLEAN), false, out);
}

static MrStatus qualify_bind(Select *s, MrExpr **out)
{
    s->scope.laterals = s->names;
    s->scope.n_laterals = (int32_t)s->n_names;
    MR_TRY(mr__expr_bind(s->b, &s->ctx, s->ast->qualify, out));
    s->scope.laterals = NULL;
    s->scope.n_laterals = 0;
    return mr__condition(s->b, s->ast->qualify->place, *out, out);
}

static void generators_make(Select *s)
{
    Binder *b = s->b;
    for (int64_t i = 0; i < s->n_generators; i++) {
        const Generator *gen = s->generators[i].call;
        int32_t n = s->generators[i].n_cols;
        s->plan = mr_plan_generate(b->planner, s->plan, gen->def, gen->bound, gen->args,
                                   gen->n_args, gen->outer);
        MrColumn *cols = MR_NEW_N(b->arena, MrColumn, s->plan->n_cols);
        memcpy(cols, s->plan->cols, sizeof(MrColumn) * (size_t)s->plan->n_cols);
        memcpy(cols + s->plan->n_cols - n, s->generators[i].cols, sizeof(MrColumn) * (size_t)n);
        s->plan->cols = cols;
    }
}

MrStatus mr__select_bind(Binder *b, const MrSqlSelect *ast, const MrSqlQuery *query, Rel *input,
                         Scope *outer, Rel *out)
{
    Select s = {.b = b, .ast = ast};
    Rel from = {0};
    MrExpr *having = NULL, *qualify = NULL;
    if (input)
        from = *input;
    else if (ast->from)
        MR_TRY(mr__relation_bind(b, ast->from, outer, &from));
    else
        from.plan = mr_plan_values_one(b->planner);
    MR_TRY(mr__time_windows(b, ast, outer, &from));
    s.plan = from.plan;
    s.scope = (Scope){.outer = outer, .n_cols = from.n_cols, .cols = from.cols};
    s.ctx = (Ctx){.scope = &s.scope, .windows = ast->windows, .n_windows = ast->n_windows};
    if (ast->n_windows == 0 && query && query->n_windows > 0) {
        s.ctx.windows = query->windows;
        s.ctx.n_windows = query->n_windows;
    }
    if (ast->where)
        MR_TRY(where_bind(&s));
    MR_TRY(items_bind(&s));
    if (ast->has_group)
        MR_TRY(mr__groups_bind(&s));
    if (ast->having)
        MR_TRY(having_bind(&s, &having));
    if (ast->qualify)
        MR_TRY(qualify_bind(&s, &qualify));
    if (query && (query->n_order > 0 || query->n_sort > 0 || query->n_cluster > 0))
        MR_TRY(order_bind(&s, query));
    if (ast->has_group || s.ctx.has_aggregate || having || s.scope.n_inner_aggs > 0)
        MR_TRY(mr__groups_make(&s, &having, &qualify));
    if (s.ctx.has_window)
        windows_make(&s, &qualify);
    if (qualify)
        s.plan = mr_plan_filter(b->planner, s.plan, qualify);
    generators_make(&s);
    return final_make(&s, query, out);
}
