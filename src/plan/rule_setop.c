/* rule_setop.c - INTERSECT and EXCEPT become joins.
 *
 * Distinct: the left side's distinct rows with (without) an equal row on the right.  ALL: the n-th
 * copy of a row pairs with the n-th copy on the other side, so the copies are numbered first. */
#include "plan/rules.h"

static MrPlan *copies_number(MrPlanner *planner, MrPlan *plan)
{
    MrExpr *number = MR_NEW(planner->arena, MrExpr);
    number->kind = MR_EXPR_WINDOW;
    number->type = MR_T(INT);
    number->sql_idx = -1;
    number->window.kind = MR_WINDOW_ROW_NUMBER;
    number->window.n_partition = plan->n_cols;
    number->window.partition = MR_NEW_N(planner->arena, MrExpr *, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++)
        number->window.partition[i] = mr_plan_column_expr(planner, &plan->cols[i]);
    number->window.frame.rows = true;
    number->window.frame.from_edge = MR_FRAME_UNBOUNDED;
    number->window.frame.to_edge = MR_FRAME_CURRENT;
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, 1);
    exprs[0].column = (MrColumn){mr_planner_id(planner), "copy", MR_T(INT), false};
    exprs[0].expr = number;
    return mr_plan_window(planner, plan, exprs, 1);
}

static MrPlan *fresh_columns(MrPlanner *planner, MrPlan *plan)
{
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++) {
        cols[i] = plan->cols[i];
        cols[i].id = mr_planner_id(planner);
    }
    return mr__plan_rename(planner, plan, cols);
}

static MrStatus setop_visit(MrPlanner *planner, MrPlan *plan, void *self, MrPlan **out,
                            MrError *err)
{
    *out = plan;
    if (plan->kind != MR_PLAN_SETOP)
        return MR_OK;
    /* t EXCEPT t: both sides may have the same ids, and a column may stand twice. */
    MrPlan *left = fresh_columns(planner, plan->inputs[0]),
           *right = fresh_columns(planner, plan->inputs[1]);
    if (plan->setop.all) {
        left = copies_number(planner, left);
        right = copies_number(planner, right);
    } else {
        MrNamedExpr *keys = MR_NEW_N(planner->arena, MrNamedExpr, left->n_cols + 1);
        for (int32_t i = 0; i < left->n_cols; i++) {
            keys[i] = mr_plan_pass(planner, &left->cols[i]);
        }
        left = mr_plan_aggregate(planner, left, keys, left->n_cols, NULL, 0);
    }
    MrExpr *condition = NULL;
    for (int32_t i = 0; i < left->n_cols; i++) {
        MrExpr *sides[2] = {mr_plan_column_expr(planner, &left->cols[i]),
                            mr_plan_column_expr(planner, &right->cols[i])};
        MrExpr *equal = NULL;
        MR_TRY(mr_expr_call(planner->arena, planner->settings, "<=>", sides, 2, &equal, err));
        condition = mr_expr_and(planner->arena, condition, equal);
    }
    MrPlan *join =
        mr_plan_join(planner, plan->setop.kind == MR_SETOP_EXCEPT ? MR_JOIN_ANTI : MR_JOIN_SEMI,
                     left, right, condition);
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++) {
        exprs[i].column = plan->cols[i];
        exprs[i].expr = mr_plan_column_expr(planner, &left->cols[i]);
    }
    *out = mr_plan_project(planner, join, exprs, plan->n_cols);
    return MR_OK;
}

MrStatus mr__rule_setop(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    return mr__plan_rewrite(planner, plan, setop_visit, NULL, out, err);
}
