/* session.c - sessions of a batch, by a sort.
 *
 * Rows of the other keys' group in the order of time; one that begins after all before it have
 * ended begins a session.  Their number stands for the session in an ordinary aggregate, which so
 * may have DISTINCT and ORDER BY, and spills. */
#include "plan/rules.h"

static MrStatus bind_aggregate(MrPlanner *planner, const char *name, MrExpr *arg, MrExprKind kind,
                               MrNamedExpr *out, MrError *err)
{
    MrArgInfo info = {
        .type = arg->type, .cast_to = arg->type, .nullable = arg->nullable, .sql = name};
    MrBind bind = {.settings = planner->settings,
                   .arena = planner->arena,
                   .n_args = 1,
                   .args = &info,
                   .sql = name};
    MrAggregate *agg = NULL;
    MR_TRY(mr_aggregate_bind(&bind, name, &agg, err));
    MrExpr *expr = MR_NEW(planner->arena, MrExpr);
    expr->kind = kind;
    expr->type = agg->type;
    expr->nullable = true;
    expr->sql = name;
    expr->sql_idx = -1;
    expr->n_args = 1;
    expr->args = MR_NEW_N(planner->arena, MrExpr *, 1);
    expr->args[0] = arg;
    if (kind == MR_EXPR_WINDOW) {
        expr->window.kind = MR_WINDOW_AGGREGATE;
        expr->window.agg = agg;
        expr->window.frame.rows = true;
        expr->window.frame.from_edge = MR_FRAME_UNBOUNDED;
        expr->window.frame.to_edge = MR_FRAME_CURRENT;
    } else {
        expr->aggregate.agg = agg;
    }
    *out = (MrNamedExpr){{mr_planner_id(planner), name, agg->type, true}, expr};
    return MR_OK;
}

static MrStatus field_of(MrPlanner *planner, MrExpr *base, int32_t ordinal, MrExpr **out,
                         MrError *err)
{
    MrExpr *args[2] = {
        base,
        mr_expr_literal(planner->arena, mr_vector_constant(planner->arena, MR_T(INT), &ordinal))};
    return mr_expr_call(planner->arena, planner->settings, ".", args, 2, out, err);
}

static MrExpr *text_literal(MrPlanner *planner, const char *text)
{
    MrStr str = mr_str_own(planner->arena, text, (int64_t)strlen(text));
    return mr_expr_literal(planner->arena, mr_vector_constant(planner->arena, MR_T(STRING), &str));
}

/* 1 for a row that begins a session. */
static MrStatus begins_make(MrPlanner *planner, MrExpr *start, const MrColumn *before, MrExpr **out,
                            MrError *err)
{
    MrExpr *sides[2] = {start, mr_plan_column_expr(planner, before)}, *later = NULL;
    MR_TRY(mr_expr_call(planner->arena, planner->settings, ">", sides, 2, &later, err));
    MrExpr *choice = MR_NEW(planner->arena, MrExpr);
    choice->kind = MR_EXPR_CASE;
    choice->type = MR_T(BIGINT);
    choice->sql_idx = -1;
    choice->n_args = 3;
    choice->args = MR_NEW_N(planner->arena, MrExpr *, 3);
    choice->args[0] = later;
    choice->args[1] = mr_expr_i64(planner->arena, 1);
    choice->args[2] = mr_expr_i64(planner->arena, 0);
    *out = choice;
    return MR_OK;
}

MrStatus mr__session_expand(MrPlanner *planner, const MrPlan *plan, MrPlan **out, MrError *err)
{
    int32_t at = plan->aggregate.session_key, n_keys = plan->aggregate.n_keys, n_others = 0;
    int32_t n_aggs = plan->aggregate.n_aggs;
    MrExpr *start = NULL, *end = NULL, *begins = NULL;
    MrExpr **others = MR_NEW_N(planner->arena, MrExpr *, n_keys + 1);
    MrNamedExpr *before = MR_NEW_N(planner->arena, MrNamedExpr, 1),
                *session = MR_NEW_N(planner->arena, MrNamedExpr, 1);
    MR_TRY(field_of(planner, plan->aggregate.keys[at].expr, 0, &start, err));
    MR_TRY(field_of(planner, plan->aggregate.keys[at].expr, 1, &end, err));
    for (int32_t k = 0; k < n_keys; k++)
        if (k != at)
            others[n_others++] = plan->aggregate.keys[k].expr;
    MrSortKey *order = MR_NEW_N(planner->arena, MrSortKey, 1);
    *order = (MrSortKey){start, {false, true}};

    MR_TRY(bind_aggregate(planner, "max", end, MR_EXPR_WINDOW, before, err));
    before->expr->window.frame.to_edge = MR_FRAME_OFFSET;
    before->expr->window.frame.to = mr_expr_literal(
        planner->arena, mr_vector_constant(planner->arena, MR_T(INT), &(int32_t){-1}));
    before->expr->window.partition = others;
    before->expr->window.n_partition = n_others;
    before->expr->window.order = order;
    before->expr->window.n_order = 1;
    MrPlan *made = mr_plan_window(planner, plan->inputs[0], before, 1);

    MR_TRY(begins_make(planner, start, &before->column, &begins, err));
    MR_TRY(bind_aggregate(planner, "sum", begins, MR_EXPR_WINDOW, session, err));
    session->expr->window.partition = others;
    session->expr->window.n_partition = n_others;
    session->expr->window.order = order;
    session->expr->window.n_order = 1;
    made = mr_plan_window(planner, made, session, 1);

    MrNamedExpr *keys = MR_NEW_N(planner->arena, MrNamedExpr, n_keys + 1);
    MrNamedExpr *aggs = MR_NEW_N(planner->arena, MrNamedExpr, n_aggs + 2);
    for (int32_t k = 0; k < n_keys; k++)
        keys[k] = plan->aggregate.keys[k];
    keys[at] = mr_plan_pass(planner, &session->column);
    for (int32_t a = 0; a < n_aggs; a++)
        aggs[a] = plan->aggregate.aggs[a];
    MR_TRY(bind_aggregate(planner, "min", start, MR_EXPR_AGGREGATE, &aggs[n_aggs], err));
    MR_TRY(bind_aggregate(planner, "max", end, MR_EXPR_AGGREGATE, &aggs[n_aggs + 1], err));
    made = mr_plan_aggregate(planner, made, keys, n_keys, aggs, n_aggs + 2);

    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + 1);
    for (int32_t c = 0; c < plan->n_cols; c++)
        exprs[c] = (MrNamedExpr){plan->cols[c], mr_plan_column_expr(planner, &made->cols[c])};
    MrExpr *args[4] = {
        text_literal(planner, "start"), mr_plan_column_expr(planner, &made->cols[plan->n_cols]),
        text_literal(planner, "end"), mr_plan_column_expr(planner, &made->cols[plan->n_cols + 1])};
    MR_TRY(mr_expr_call(planner->arena, planner->settings, "named_struct", args, 4, &exprs[at].expr,
                        err));
    *out = mr_plan_project(planner, made, exprs, plan->n_cols);
    return MR_OK;
}
