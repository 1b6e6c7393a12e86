/* bind_time_window.c - window(), session_window() and window_time(). */
#include "sql/bind_int.h"

/* What window(time, length, slide, start) or session_window(time, gap) was called with. */
struct TimeWindow {
    bool is_session;
    MrExpr *time, *gap; /* gap: of a session */
    int64_t us[4];      /* -, length, slide, start */
};

static MrStatus time_window_read(Binder *b, Ctx *ctx, const MrSqlExpr *ast, TimeWindow *out);

static bool same_time_window(const TimeWindow *x, const TimeWindow *y)
{
    return x->is_session == y->is_session && mr_expr_equal(x->time, y->time) &&
           (x->is_session ? mr_expr_equal(x->gap, y->gap)
                          : memcmp(x->us, y->us, sizeof x->us) == 0);
}

/* Calls: what mr__time_windows put among the columns is that column. */
MrStatus mr__time_window_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                              bool *done, MrExpr **out)
{
    const MrSqlCall *call = &ast->call;
    if (strcmp(name, "window_time") == 0 && call->n_args == 1) {
        MrExpr *window = NULL, *end = NULL;
        int64_t us = 1;
        MR_TRY(mr__expr_bind(b, ctx, call->args[0], &window));
        MR_TRY(mr__field_bind(b, ast->place, window, "end", &end));
        MrExpr *one =
            mr_expr_literal(b->arena, mr_vector_constant(b->arena, MR_T(INTERVAL_DT), &us));
        one->sql = "INTERVAL '00.000001' SECOND";
        *done = true;
        MR_TRY(
            mr__call_bind(b, ctx, ast->place, "-", (MrExpr *[]){end, one}, 2, "window_time", out));
        (*out)->sql = mr_arena_printf(b->arena, "window_time(%s)", window->sql);
        return MR_OK;
    }
    if (strcmp(name, "window") == 0 || strcmp(name, "session_window") == 0) {
        for (int32_t i = 0; i < ctx->scope->n_cols; i++) {
            if (!ctx->scope->cols[i].window)
                continue;
            TimeWindow own;
            MR_TRY(time_window_read(b, ctx, ast, &own));
            if (!same_time_window(&own, ctx->scope->cols[i].window))
                return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1039));
            *done = true;
            *out = mr__column_expr(b, &ctx->scope->cols[i], name, ast->place);
            return MR_OK;
        }
        return mr__at(b, ast->place, MR_FAIL_UNSUPPORTED(b->err, "%s() in this place", name));
    }
    return MR_OK;
}

/* The window() of the query: as a key, or an item of the select list. */
static const MrSqlExpr *window_find(const MrSqlExpr *ast)
{
    if (ast->kind == MR_SQL_ALIAS)
        ast = ast->alias.value;
    if (ast->kind == MR_SQL_FIELD)
        return window_find(ast->field.base);
    if (ast->kind != MR_SQL_CALL || ast->call.name.n_parts != 1)
        return NULL;
    const char *name = ast->call.name.parts[0];
    return mr_str_equal_nocase(name, "window") || mr_str_equal_nocase(name, "session_window")
               ? ast
               : NULL;
}

/* The input with one more column, rows where it is NULL left out; of a session those where it is
 * empty. */
static MrStatus window_column(Binder *b, MrSqlPlace place, Rel *from, MrPlan *plan,
                              const TimeWindow *of, MrExpr *window)
{
    const char *name = of->is_session ? "session_window" : "window";
    int32_t n = plan->n_cols;
    MrExpr *present = NULL;
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, n + 1);
    for (int32_t c = 0; c < n; c++)
        exprs[c] = mr_plan_pass(b->planner, &plan->cols[c]);
    exprs[n] = (MrNamedExpr){{mr_planner_id(b->planner), name, window->type, true}, window};
    plan = mr_plan_project(b->planner, plan, exprs, n + 1);
    MrExpr *column = mr_plan_column_expr(b->planner, &exprs[n].column);
    if (of->is_session) {
        MrExpr *edges[2];
        MR_TRY(mr__field_bind(b, place, column, "end", &edges[0]));
        MR_TRY(mr__field_bind(b, place, column, "start", &edges[1]));
        MR_TRY(mr__call_bind(b, NULL, place, ">", edges, 2,
                             "(session_window.end > session_window.start)", &present));
    } else {
        MR_TRY(mr__call_bind(b, NULL, place, "isnotnull", &column, 1,
                             mr_arena_printf(b->arena, "(%s IS NOT NULL)", name), &present));
    }
    from->plan = mr_plan_filter(b->planner, plan, present);
    ScopeCol *cols = MR_NEW_N(b->arena, ScopeCol, from->n_cols + 1);
    if (from->n_cols > 0)
        memcpy(cols, from->cols, sizeof(ScopeCol) * (size_t)from->n_cols);
    cols[from->n_cols] =
        (ScopeCol){.col = exprs[n].column, .window = of, .is_session = of->is_session};
    cols[from->n_cols].col.nullable = false;
    from->cols = cols;
    from->n_cols++;
    return MR_OK;
}

/* A time as window() and session_window() take it: of a window its last moment. */
static MrStatus window_time(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *function,
                            MrExpr **time)
{
    const MrType *type = (*time)->type;
    if (type->kind == MR_TYPE_STRUCT && type->n_fields == 2) {
        int64_t one_us = 1;
        MrExpr *end = NULL, *one = mr_expr_literal(
                                b->arena, mr_vector_constant(b->arena, MR_T(INTERVAL_DT), &one_us));
        one->sql = "";
        MR_TRY(mr__field_bind(b, ast->place, *time, "end", &end));
        return mr__call_bind(b, ctx, ast->place, "-", (MrExpr *[]){end, one}, 2, (*time)->sql,
                             time);
    }
    if (type->kind == MR_TYPE_TIMESTAMP || type->kind == MR_TYPE_TIMESTAMP_NTZ)
        return MR_OK;
    const MrType *to = mr_coerce_implicit(b->arena, b->settings, type, MR_T(TIMESTAMP));
    if (!to)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_INPUT_TYPE, "sqlExpr",
                              mr__quote_sql(b, function), "paramIndex", "first", "requiredType",
                              "(\"TIMESTAMP\" or \"TIMESTAMP_NTZ\")", "inputSql",
                              mr__quote_sql(b, (*time)->sql), "inputType",
                              mr__quote_type(b, type)));
    return mr__cast(b, *time, to, time);
}

/* The gap as an interval; a text that is none gives NULL, and its row belongs to no session. */
static MrStatus session_gap(Binder *b, const MrSqlExpr *ast, MrExpr **gap)
{
    const char *sql = (*gap)->sql;
    if ((*gap)->type->kind == MR_TYPE_INTERVAL)
        return MR_OK;
    if ((*gap)->type->kind != MR_TYPE_STRING && (*gap)->type->kind != MR_TYPE_VOID)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1040, "dt",
                              mr_type_sql_text(b->arena, (*gap)->type)));
    MR_TRY(mr_expr_cast(b->arena, b->settings, *gap, MR_T(INTERVAL), MR_CAST_TRY, gap, b->err));
    (*gap)->sql = sql;
    return MR_OK;
}

static MrStatus time_window_read(Binder *b, Ctx *ctx, const MrSqlExpr *ast, TimeWindow *out)
{
    const MrSqlCall *call = &ast->call;
    *out = (TimeWindow){.is_session = mr_str_equal_nocase(call->name.parts[0], "session_window")};
    if (out->is_session && call->n_args != 2)
        return mr__fail_count(b, ast->place, "`session_window`", "2", call->n_args);
    if (call->n_args < 2 || call->n_args > 4)
        return mr__fail_count(b, ast->place, "`window`", "[2, 3, 4]", call->n_args);
    MR_TRY(mr__expr_bind(b, ctx, call->args[0], &out->time));
    for (int32_t i = 1; i < call->n_args && !out->is_session; i++) {
        MrExpr *text = NULL;
        MR_TRY(mr__expr_bind(b, ctx, call->args[i], &text));
        MR_TRY(mr__interval_us(b, ast->place, text, &out->us[i]));
    }
    if (out->is_session)
        MR_TRY(mr__expr_bind(b, ctx, call->args[1], &out->gap));
    MR_TRY(window_time(b, ctx, ast, out->is_session ? "session_window" : "window", &out->time));
    if (out->is_session)
        return session_gap(b, ast, &out->gap);
    int64_t *us = out->us;
    if (call->n_args == 2)
        us[2] = us[1];
    if (us[1] <= 0 || us[2] <= 0 || us[2] > us[1])
        return mr__at(
            b, ast->place,
            MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__PARAMETER_CONSTRAINT_VIOLATION, "sqlExpr",
                    mr__quote_sql(b, "window"), "leftExprName", "`slide_duration`", "leftExprValue",
                    mr_arena_printf(b->arena, "%lldL", (long long)us[2]), "constraint",
                    us[2] > us[1] ? "<= " : ">", "rightExprName", "`window_duration`",
                    "rightExprValue", mr_arena_printf(b->arena, "%lldL", (long long)us[1])));
    return MR_OK;
}

/* session_window(time, gap): of one row from its time to the gap after it; the aggregate merges
 * those of a group that overlap or touch. */
static MrStatus session_column(Binder *b, const MrSqlExpr *ast, Ctx *ctx, const TimeWindow *of,
                               Rel *from)
{
    MrExpr *end = NULL, *window = NULL;
    MR_TRY(mr__call_bind(b, ctx, ast->place, "+", (MrExpr *[]){of->time, of->gap}, 2, "end", &end));
    MrExpr *args[4] = {mr__literal_text(b, "start"), of->time, mr__literal_text(b, "end"), end};
    const char *sql =
        mr_arena_printf(b->arena, "session_window(%s, %s)", of->time->sql, of->gap->sql);
    MR_TRY(mr__call_bind(b, ctx, ast->place, "named_struct", args, 4, sql, &window));
    return window_column(b, ast->place, from, from->plan, of, window);
}

/* window(time, length [, slide [, start]]) becomes a column `window` of the input: one row for each
 * window that the row's time lies in. */
MrStatus mr__time_windows(Binder *b, const MrSqlSelect *select, Scope *outer, Rel *from)
{
    const MrSqlExpr *ast = NULL;
    for (int32_t i = 0; i < select->n_groups && !ast; i++) {
        const MrSqlGroup *group = &select->groups[i];
        if (group->kind == MR_SQL_GROUP_EXPR)
            ast = window_find(group->expr);
        for (int32_t k = 0; k < group->n_sets; k++)
            for (int32_t e = 0; e < group->sets[k].n_exprs && !ast; e++)
                ast = window_find(group->sets[k].exprs[e]);
    }
    for (int32_t i = 0; i < select->n_items && !ast; i++)
        ast = window_find(select->items[i]);
    if (!ast)
        return MR_OK;
    Scope scope = {.outer = outer, .n_cols = from->n_cols, .cols = from->cols};
    Ctx ctx = {.scope = &scope};
    TimeWindow *of = MR_NEW(b->arena, TimeWindow);
    MR_TRY(time_window_read(b, &ctx, ast, of));
    if (of->is_session)
        return session_column(b, ast, &ctx, of, from);
    const int64_t *us = of->us;
    MrPlan *plan = from->plan;
    int64_t n_windows = (us[1] + us[2] - 1) / us[2];
    MrExpr *nth = mr_expr_i64(b->arena, 0);
    nth->sql = "0";
    if (n_windows > 1000)
        return mr__at(
            b, ast->place,
            MR_FAIL_UNSUPPORTED(b->err, "%lld windows for each row", (long long)n_windows));
    if (n_windows > 1) {
        int32_t n = plan->n_cols;
        MrColumn *cols = MR_NEW_N(b->arena, MrColumn, n + 1);
        if (n > 0)
            memcpy(cols, plan->cols, sizeof(MrColumn) * (size_t)n);
        cols[n] = (MrColumn){mr_planner_id(b->planner), "nth", MR_T(BIGINT), false};
        MrExpr ***projections = MR_NEW_N(b->arena, MrExpr **, n_windows);
        for (int64_t w = 0; w < n_windows; w++) {
            projections[w] = MR_NEW_N(b->arena, MrExpr *, n + 1);
            for (int32_t c = 0; c < n; c++)
                projections[w][c] = mr_plan_column_expr(b->planner, &plan->cols[c]);
            projections[w][n] = mr_expr_i64(b->arena, w);
        }
        plan = mr_plan_expand(b->planner, plan, cols, n + 1, projections, (int32_t)n_windows);
        nth = mr_plan_column_expr(b->planner, &cols[n]);
    }
    MrExpr *args[5] = {of->time, NULL, NULL, NULL, nth}, *window = NULL;
    for (int32_t i = 1; i < 4; i++) {
        args[i] = mr_expr_i64(b->arena, us[i]);
        args[i]->sql = mr_arena_printf(b->arena, "%lld", (long long)us[i]);
    }
    const char *sql = mr_arena_printf(b->arena, "window(%s, %lld, %lld, %lld)", of->time->sql,
                                      (long long)us[1], (long long)us[2], (long long)us[3]);
    MR_TRY(mr__call_bind(b, &ctx, ast->place, "time_window", args, 5, sql, &window));
    return window_column(b, ast->place, from, plan, of, window);
}
