/* bind_aggregate.c - calls of aggregate functions: DISTINCT, FILTER, WITHIN GROUP, IGNORE NULLS;
 * those that stand in a subquery and belong to the query around it. */
#include "sql/bind_int.h"

bool mr__is_inverse_distribution(const char *name)
{
    return strcmp(name, "percentile_cont") == 0 || strcmp(name, "percentile_disc") == 0 ||
           strcmp(name, "mode") == 0;
}

static bool takes_ignore_nulls(const char *name)
{
    static const char *const names[] = {"first",     "last",         "first_value", "last_value",
                                        "any_value", "nth_value",    "lead",        "lag",
                                        "array_agg", "collect_list", "collect_set", NULL};
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

typedef struct Level {
    int32_t id; /* of some outer column, -1: none */
    bool own;   /* a column of the query itself */
} Level;

static bool level_note(void *self, const MrExpr *expr)
{
    Level *level = self;
    if (expr->kind == MR_EXPR_OUTER)
        level->id = expr->column.id;
    level->own = level->own || expr->kind == MR_EXPR_COLUMN || expr->kind == MR_EXPR_AGGREGATE;
    return true;
}

static MrExpr *outer_back(void *self, MrExpr *expr)
{
    const Scope *scope = self;
    if (expr->kind == MR_EXPR_OUTER)
        for (int32_t i = 0; i < scope->n_cols; i++)
            if (scope->cols[i].col.id == expr->column.id) {
                expr->kind = MR_EXPR_COLUMN;
                expr->sql = expr->column.name;
            }
    return expr;
}

/* max(outer.x) in a subquery is an aggregate of the outer query: here it is a column of that. */
static bool outer_aggregate(Binder *b, Ctx *ctx, MrExpr *expr, MrExpr **out)
{
    Level level = {-1, false};
    for (int32_t i = 0; i < expr->n_args; i++)
        mr_expr_walk(expr->args[i], level_note, &level);
    if (expr->aggregate.filter)
        mr_expr_walk(expr->aggregate.filter, level_note, &level);
    if (level.own || level.id < 0)
        return false;
    for (Scope *scope = ctx->scope->outer; scope; scope = scope->opaque ? NULL : scope->outer) {
        for (int32_t i = 0; i < scope->n_cols; i++) {
            if (scope->cols[i].col.id != level.id)
                continue;
            MrExpr *agg = mr_expr_map(b->arena, expr, outer_back, scope);
            MrNamedExpr named = {{mr_planner_id(b->planner), expr->sql, expr->type, expr->nullable},
                                 agg};
            MR_PUSH(b->arena, scope->inner_aggs, scope->n_inner_aggs, scope->cap_inner_aggs, named);
            MrExpr *column = mr_plan_column_expr(b->planner, &named.column);
            column->kind = MR_EXPR_OUTER;
            column->sql = mr_arena_printf(b->arena, "outer(%s)", expr->sql);
            ctx->has_outer = true;
            *out = column;
            return true;
        }
    }
    return false;
}

typedef struct Call {
    const MrSqlExpr *ast;
    const char *name;
    Args args;
    MrExpr *filter;
    MrSortKey *order; /* WITHIN GROUP */
    int32_t n_order;
    bool ignore_nulls;
    bool nested; /* an aggregate stands in its arguments */
} Call;

static void args_one(Binder *b, Args *args, MrExpr *value)
{
    *args = (Args){.n = 1};
    args->exprs = MR_NEW_N(b->arena, MrExpr *, 2);
    args->names = MR_NEW_N(b->arena, const char *, 1);
    args->asts = MR_NEW_N(b->arena, const MrSqlExpr *, 1);
    args->exprs[0] = value;
}

/* count(*) is count(1), count() counts nothing. */
static MrStatus values_bind(Binder *b, Ctx *ctx, Call *call)
{
    const MrSqlCall *ast = &call->ast->call;
    bool is_count = strcmp(call->name, "count") == 0;
    if (is_count && ast->n_args == 1 && ast->args[0]->kind == MR_SQL_STAR &&
        ast->args[0]->star.qualifier.n_parts == 0 && !ast->args[0]->star.has_except &&
        !ast->distinct) {
        args_one(b, &call->args, mr__literal_int(b, 1));
        return MR_OK;
    }
    MR_TRY(mr__args_bind(b, ctx, ast->args, ast->n_args, &call->args));
    if (is_count && call->args.n == 0) {
        MrExpr *nothing = mr_expr_null(b->arena, MR_T(INT));
        nothing->sql = "";
        args_one(b, &call->args, nothing);
    }
    return MR_OK;
}

/* All that is written in the call. */
static MrStatus parts_bind(Binder *b, Ctx *ctx, Call *call)
{
    const MrSqlCall *ast = &call->ast->call;
    bool over = ast->over != NULL;
    bool was_in_aggregate = ctx->in_aggregate, were_off = ctx->outputs_off,
         had_aggregate = ctx->has_aggregate;
    ctx->in_aggregate = !over || ctx->in_aggregate;
    ctx->outputs_off = true;
    ctx->has_aggregate = false;
    MR_TRY(values_bind(b, ctx, call));
    if (ast->filter)
        MR_TRY(mr__expr_bind(b, ctx, ast->filter, &call->filter));
    call->n_order = ast->n_within;
    call->order = MR_NEW_N(b->arena, MrSortKey, call->n_order + 1);
    for (int32_t i = 0; i < call->n_order; i++) {
        MR_TRY(mr__expr_bind(b, ctx, ast->within[i].expr, &call->order[i].expr));
        call->order[i].spec = mr__sort_spec(&ast->within[i]);
    }
    for (int32_t i = 0; !over && i < call->args.n; i++)
        if (mr__expr_has(call->args.exprs[i], MR_EXPR_WINDOW))
            return mr__at(b, call->ast->place, MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1031));
    call->nested = ctx->has_aggregate;
    ctx->has_aggregate = had_aggregate || (over && call->nested); /* sum(count(x)) OVER () */
    ctx->in_aggregate = was_in_aggregate;
    ctx->outputs_off = were_off;
    call->ignore_nulls = ast->nulls == MR_SQL_IGNORE_NULLS;
    return MR_OK;
}

/* The function of windows by this name, NULL: an aggregate serves. */
static const MrWindowDef *window_function(const char *name)
{
    if (strcmp(name, "first") == 0 || strcmp(name, "any_value") == 0)
        name = "first_value";
    else if (strcmp(name, "last") == 0)
        name = "last_value";
    return mr_window_find(name);
}

/* first_value(x, true): the last argument says whether NULLs are passed over. */
static void ignore_nulls_take(Call *call, const MrWindowDef *def)
{
    int32_t n_values = def->kind == MR_WINDOW_NTH_VALUE ? 2 : 1;
    if ((def->kind == MR_WINDOW_FIRST_VALUE || def->kind == MR_WINDOW_LAST_VALUE ||
         def->kind == MR_WINDOW_NTH_VALUE) &&
        call->args.n == n_values + 1 && call->args.exprs[n_values]->kind == MR_EXPR_LITERAL &&
        call->args.exprs[n_values]->type->kind == MR_TYPE_BOOLEAN) {
        call->ignore_nulls = call->ignore_nulls || call->args.exprs[n_values]->literal->i8[0] != 0;
        call->args.n = n_values;
    }
}

static MrExpr *flag_expr(Binder *b, bool value)
{
    MrExpr *flag = mr_expr_bool(b->arena, value);
    flag->sql = value ? "true" : "false";
    return flag;
}

/* Aggregates take IGNORE NULLS as a last argument; those that collect do so anyway. */
static void ignore_nulls_add(Binder *b, Call *call)
{
    Args *args = &call->args;
    MrExpr **more = MR_NEW_N(b->arena, MrExpr *, args->n + 1);
    memcpy(more, args->exprs, sizeof(MrExpr *) * (size_t)args->n);
    more[args->n] = flag_expr(b, true);
    args->exprs = more;
    if (strncmp(call->name, "collect", 7) != 0 && strcmp(call->name, "array_agg") != 0)
        args->n++;
}

static const char *written_text(Binder *b, const Call *call)
{
    const Args *args = &call->args;
    bool is_mode = strcmp(call->name, "mode") == 0;
    MrTextBuilder sql = {.arena = b->arena};
    if (is_mode && call->n_order == 0 && args->n == 2 && args->exprs[1]->kind == MR_EXPR_LITERAL) {
        const MrVector *flag = args->exprs[1]->literal;
        bool lowest =
            flag->type->kind == MR_TYPE_BOOLEAN && !mr_vector_is_null(flag, 0) && flag->i8[0];
        return mr_arena_printf(b->arena,
                               lowest ? "mode() WITHIN GROUP (ORDER BY %s DESC)" : "mode(%s)",
                               args->exprs[0]->sql);
    }
    mr_builder_str(&sql,
                   mr__call_text(b, call->name, args->exprs, args->n, call->ast->call.distinct));
    if (call->ignore_nulls)
        mr_builder_str(&sql, " ignore nulls");
    if (call->n_order > 0) {
        mr_builder_str(&sql, " WITHIN GROUP (ORDER BY ");
        if (mr__is_inverse_distribution(call->name)) {
            bool descending = call->order[0].spec.descending != is_mode; /* as Spark prints it */
            mr_builder_printf(&sql, "%s%s", call->order[0].expr->sql, descending ? " DESC" : "");
        } else {
            mr__sorts_text(&sql, call->order, call->n_order);
        }
        mr_builder_char(&sql, ')');
    }
    return mr_builder_text(&sql).data;
}

/* percentile_cont and the like want one order; mode may do without. */
static MrStatus within_check(Binder *b, const Call *call)
{
    bool is_mode = strcmp(call->name, "mode") == 0;
    if (!mr__is_inverse_distribution(call->name) || (is_mode && call->n_order == 0))
        return MR_OK;
    const char *function = mr_quote_name(b->arena, call->name);
    MrSqlPlace place = call->ast->place;
    if (call->ast->call.distinct)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_INVALID_WITHIN_GROUP_EXPRESSION__DISTINCT_UNSUPPORTED,
                              "funcName", function));
    if (call->n_order == 0)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_INVALID_WITHIN_GROUP_EXPRESSION__WITHIN_GROUP_MISSING,
                              "funcName", function));
    if (call->n_order > 1 || (is_mode && call->args.n > 0))
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_INVALID_WITHIN_GROUP_EXPRESSION__WRONG_NUM_ORDERINGS,
                              "funcName", function, "expectedNum",
                              is_mode && call->args.n > 0 ? "0" : "1", "actualNum",
                              mr_arena_printf(b->arena, "%d", call->n_order)));
    return MR_OK;
}

/* WITHIN GROUP becomes arguments: percentile_cont(v, 0.5, descending), mode(v, true, descending).
 */
static void within_add(Binder *b, Call *call)
{
    Args *args = &call->args;
    MrExpr **more = MR_NEW_N(b->arena, MrExpr *, args->n + 3);
    int32_t n = 0;
    more[n++] = call->order[0].expr;
    for (int32_t i = 0; i < args->n; i++)
        more[n++] = args->exprs[i];
    if (strcmp(call->name, "mode") == 0)
        more[n++] = flag_expr(b, true);
    more[n++] = flag_expr(b, call->order[0].spec.descending);
    *args = (Args){.n = n, .exprs = more};
}

static MrStatus filter_check(Binder *b, MrSqlPlace place, const MrExpr *filter, const char *text)
{
    if (filter->type->kind != MR_TYPE_BOOLEAN)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_INVALID_AGGREGATE_FILTER__NOT_BOOLEAN, "filterExpr",
                              mr__quote_sql(b, filter->sql), "funcExpr", mr__quote_sql(b, text)));
    if (mr__expr_has(filter, MR_EXPR_AGGREGATE))
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_INVALID_AGGREGATE_FILTER__CONTAINS_AGGREGATE,
                              "filterExpr", mr__quote_sql(b, filter->sql), "funcExpr",
                              mr__quote_sql(b, text), "aggExpr", mr__quote_sql(b, filter->sql)));
    return MR_OK;
}

static MrStatus aggregate_expr(Binder *b, Call *call, MrExpr **out)
{
    const char *text = written_text(b, call);
    MrSqlPlace place = call->ast->place;
    if (call->ignore_nulls)
        ignore_nulls_add(b, call);
    MR_TRY(within_check(b, call));
    bool within = call->n_order > 0 && mr__is_inverse_distribution(call->name);
    if (within)
        within_add(b, call);
    MrBind bind;
    MrAggregate *agg = NULL;
    Args *args = &call->args;
    mr__bind_init(b, &bind, args->exprs, args->names, args->n, text);
    MR_TRY(mr__at(b, place, mr_aggregate_bind(&bind, call->name, &agg, b->err)));
    MR_TRY(mr__args_cast(b, place, &bind, args->exprs));
    if (within)
        call->order[0].expr = args->exprs[0];
    if (call->filter) {
        MR_TRY(filter_check(b, place, call->filter, text));
        text = mr_arena_printf(b->arena, "%s FILTER (WHERE %s)", text, call->filter->sql);
    }
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_AGGREGATE;
    expr->type = agg->type;
    expr->nullable = agg->nullable;
    expr->n_args = args->n;
    expr->args = args->exprs;
    expr->sql_idx = place.idx;
    expr->sql_len = place.len;
    expr->sql = text;
    expr->aggregate.agg = agg;
    expr->aggregate.distinct = call->ast->call.distinct && !(agg->flags & MR_AGG_IGNORES_DISTINCT);
    expr->aggregate.filter = call->filter;
    expr->aggregate.order = call->order;
    expr->aggregate.n_order = call->n_order;
    *out = expr;
    return MR_OK;
}

MrStatus mr__aggregate_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                            MrExpr **out)
{
    Call call = {.ast = ast, .name = name};
    MR_TRY(parts_bind(b, ctx, &call));
    if (ast->call.nulls != MR_SQL_NULLS_DEFAULT && !takes_ignore_nulls(name))
        return mr__fail_call_syntax(b, ast->place, name,
                                    call.ignore_nulls ? "IGNORE NULLS" : "RESPECT NULLS");
    bool over = ast->call.over != NULL;
    WindowCall window = {.ast = ast, .name = name, .args = &call.args, .filter = call.filter};
    if (over && !ast->call.filter)
        window.def = window_function(name);
    if (window.def) {
        ignore_nulls_take(&call, window.def);
        window.ignore_nulls = call.ignore_nulls;
        return mr__window_call(b, ctx, &window, out);
    }
    if (!mr_aggregate_exists(name)) {
        if (!mr_window_find(name))
            return mr__fail_call_syntax(b, ast->place, name,
                                        ast->call.distinct ? "DISTINCT" : "OVER clause");
        const char *sql = mr__call_text(b, name, call.args.exprs, call.args.n, ast->call.distinct);
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE, "funcName",
                              mr__quote_sql(b, sql)));
    }
    MrExpr *expr = NULL;
    MR_TRY(aggregate_expr(b, &call, &expr));
    if (over) {
        window.agg = expr;
        window.ignore_nulls = call.ignore_nulls;
        return mr__window_call(b, ctx, &window, out);
    }
    if (call.nested)
        return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND_NESTED_AGGREGATE_FUNCTION));
    if (!ctx->in_window && outer_aggregate(b, ctx, expr, out))
        return MR_OK;
    ctx->has_aggregate = true;
    *out = expr;
    return MR_OK;
}
