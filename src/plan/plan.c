/* plan.c - makers of logical plan nodes: they set the output columns where these follow from the
 * inputs. */
#include "plan/plan.h"

static MrPlan *plan_new(MrPlanner *planner, MrPlanKind kind, int32_t n_inputs,
                        MrPlan *const *inputs)
{
    MrPlan *plan = MR_NEW(planner->arena, MrPlan);
    plan->kind = kind;
    plan->n_inputs = n_inputs;
    plan->rows_estimate = -1;
    if (n_inputs > 0) {
        plan->inputs = MR_NEW_N(planner->arena, MrPlan *, n_inputs);
        memcpy(plan->inputs, inputs, sizeof(MrPlan *) * (size_t)n_inputs);
    }
    for (int32_t i = 0; i < n_inputs; i++) {
        plan->streaming = plan->streaming || inputs[i]->streaming;
        plan->depth = plan->depth > inputs[i]->depth ? plan->depth : inputs[i]->depth + 1;
    }
    return plan;
}

static MrPlan *plan_over(MrPlanner *planner, MrPlanKind kind, MrPlan *input)
{
    MrPlan *plan = plan_new(planner, kind, 1, &input);
    plan->n_cols = input->n_cols;
    plan->cols = input->cols;
    return plan;
}

MrPlan *mr_plan_values_one(MrPlanner *planner)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_VALUES, 0, NULL);
    plan->values.n_rows = 1;
    plan->values.rows = MR_NEW_N(planner->arena, MrExpr **, 1);
    return plan;
}

MrPlan *mr_plan_values(MrPlanner *planner, const MrColumn *cols, int32_t n_cols, MrExpr ***rows,
                       int32_t n_rows)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_VALUES, 0, NULL);
    plan->n_cols = n_cols;
    plan->cols = cols;
    plan->values.rows = rows;
    plan->values.n_rows = n_rows;
    return plan;
}

MrPlan *mr_plan_range(MrPlanner *planner, const MrColumn *col, int64_t start, int64_t end,
                      int64_t step)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_RANGE, 0, NULL);
    plan->n_cols = 1;
    plan->cols = col;
    plan->range.start = start;
    plan->range.end = end;
    plan->range.step = step;
    return plan;
}

MrPlan *mr_plan_project(MrPlanner *planner, MrPlan *input, MrNamedExpr *exprs, int32_t n_exprs)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_PROJECT, 1, &input);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, n_exprs + 1);
    for (int32_t i = 0; i < n_exprs; i++)
        cols[i] = exprs[i].column;
    plan->n_cols = n_exprs;
    plan->cols = cols;
    plan->project.exprs = exprs;
    return plan;
}

MrPlan *mr_plan_filter(MrPlanner *planner, MrPlan *input, MrExpr *condition)
{
    MrPlan *plan = plan_over(planner, MR_PLAN_FILTER, input);
    plan->filter.condition = condition;
    return plan;
}

MrPlan *mr_plan_aggregate(MrPlanner *planner, MrPlan *input, MrNamedExpr *keys, int32_t n_keys,
                          MrNamedExpr *aggs, int32_t n_aggs)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_AGGREGATE, 1, &input);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, n_keys + n_aggs + 1);
    for (int32_t i = 0; i < n_keys; i++)
        cols[i] = keys[i].column;
    for (int32_t i = 0; i < n_aggs; i++)
        cols[n_keys + i] = aggs[i].column;
    plan->n_cols = n_keys + n_aggs;
    plan->cols = cols;
    plan->aggregate.keys = keys;
    plan->aggregate.n_keys = n_keys;
    plan->aggregate.aggs = aggs;
    plan->aggregate.n_aggs = n_aggs;
    plan->aggregate.session_key = -1;
    return plan;
}

MrPlan *mr_plan_expand(MrPlanner *planner, MrPlan *input, const MrColumn *cols, int32_t n_cols,
                       MrExpr ***projections, int32_t n_projections)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_EXPAND, 1, &input);
    plan->n_cols = n_cols;
    plan->cols = cols;
    plan->expand.projections = projections;
    plan->expand.n_projections = n_projections;
    return plan;
}

MrPlan *mr_plan_join(MrPlanner *planner, MrJoinKind kind, MrPlan *left, MrPlan *right,
                     MrExpr *condition)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_JOIN, 2, (MrPlan *[]){left, right});
    bool left_null = kind == MR_JOIN_RIGHT || kind == MR_JOIN_FULL;
    bool right_null = kind == MR_JOIN_LEFT || kind == MR_JOIN_FULL || kind == MR_JOIN_SINGLE;
    bool right_out = kind == MR_JOIN_INNER || left_null || right_null;
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, left->n_cols + right->n_cols + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < left->n_cols; i++) {
        cols[n] = left->cols[i];
        cols[n++].nullable |= left_null;
    }
    for (int32_t i = 0; right_out && i < right->n_cols; i++) {
        cols[n] = right->cols[i];
        cols[n++].nullable |= right_null;
    }
    if (kind == MR_JOIN_MARK) {
        plan->join.mark_id = mr_planner_id(planner);
        cols[n++] = (MrColumn){plan->join.mark_id, "mark", MR_T(BOOLEAN), true};
    }
    plan->n_cols = n;
    plan->cols = cols;
    plan->join.kind = kind;
    plan->join.condition = condition;
    return plan;
}

MrPlan *mr_plan_sort(MrPlanner *planner, MrPlan *input, MrSortKey *keys, int32_t n_keys,
                     bool global)
{
    MrPlan *plan = plan_over(planner, MR_PLAN_SORT, input);
    plan->sort.keys = keys;
    plan->sort.n_keys = n_keys;
    plan->sort.limit = INT64_MAX;
    plan->sort.global = global;
    return plan;
}

MrPlan *mr_plan_limit(MrPlanner *planner, MrPlan *input, int64_t limit, int64_t offset)
{
    MrPlan *plan = plan_over(planner, MR_PLAN_LIMIT, input);
    plan->limit.limit = limit;
    plan->limit.offset = offset;
    return plan;
}

static void cols_merge(MrPlanner *planner, MrPlan *plan, bool all_nullable)
{
    const MrPlan *first = plan->inputs[0];
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, first->n_cols + 1);
    for (int32_t c = 0; c < first->n_cols; c++) {
        cols[c] = first->cols[c];
        cols[c].id = mr_planner_id(planner);
        for (int32_t i = 1; all_nullable && i < plan->n_inputs; i++)
            cols[c].nullable |= plan->inputs[i]->cols[c].nullable;
    }
    plan->n_cols = first->n_cols;
    plan->cols = cols;
}

MrPlan *mr_plan_union(MrPlanner *planner, MrPlan **inputs, int32_t n_inputs)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_UNION, n_inputs, inputs);
    cols_merge(planner, plan, true);
    return plan;
}

MrPlan *mr_plan_setop(MrPlanner *planner, bool is_except, bool all, MrPlan *left, MrPlan *right)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_SETOP, 2, (MrPlan *[]){left, right});
    cols_merge(planner, plan, false);
    plan->setop.kind = is_except ? MR_SETOP_EXCEPT : MR_SETOP_INTERSECT;
    plan->setop.all = all;
    return plan;
}

MrPlan *mr_plan_window(MrPlanner *planner, MrPlan *input, MrNamedExpr *exprs, int32_t n_exprs)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_WINDOW, 1, &input);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, input->n_cols + n_exprs + 1);
    if (input->n_cols > 0)
        memcpy(cols, input->cols, sizeof(MrColumn) * (size_t)input->n_cols);
    for (int32_t i = 0; i < n_exprs; i++)
        cols[input->n_cols + i] = exprs[i].column;
    plan->n_cols = input->n_cols + n_exprs;
    plan->cols = cols;
    plan->window.exprs = exprs;
    plan->window.n_exprs = n_exprs;
    return plan;
}

MrPlan *mr_plan_generate(MrPlanner *planner, MrPlan *input, const MrGeneratorDef *def,
                         const MrBound *bound, MrExpr **args, int32_t n_args, bool outer)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_GENERATE, 1, &input);
    int32_t n_new = bound->type->n_fields;
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, input->n_cols + n_new + 1);
    if (input->n_cols > 0)
        memcpy(cols, input->cols, sizeof(MrColumn) * (size_t)input->n_cols);
    for (int32_t i = 0; i < n_new; i++) {
        const MrField *field = &bound->type->fields[i];
        cols[input->n_cols + i] =
            (MrColumn){mr_planner_id(planner), field->name, field->type, field->nullable || outer};
    }
    plan->n_cols = input->n_cols + n_new;
    plan->cols = cols;
    plan->generate.def = def;
    plan->generate.bound = bound;
    plan->generate.args = args;
    plan->generate.n_args = n_args;
    plan->generate.outer = outer;
    return plan;
}

MrPlan *mr_plan_watermark(MrPlanner *planner, MrPlan *input, int32_t column_id, int64_t delay_us)
{
    MrPlan *plan = plan_over(planner, MR_PLAN_WATERMARK, input);
    plan->watermark.column_id = column_id;
    plan->watermark.delay_us = delay_us;
    return plan;
}

MrPlan *mr_plan_sample(MrPlanner *planner, MrPlan *input, double from, double to, uint64_t seed,
                       bool replace)
{
    MrPlan *plan = plan_over(planner, MR_PLAN_SAMPLE, input);
    plan->sample.from = from;
    plan->sample.to = to;
    plan->sample.seed = seed;
    plan->sample.replace = replace;
    return plan;
}

MrPlan *mr_plan_shared(MrPlanner *planner, MrPlan *input, int32_t shared_id)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_SHARED, 1, &input);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, input->n_cols + 1);
    for (int32_t i = 0; i < input->n_cols; i++) {
        cols[i] = input->cols[i];
        cols[i].id = mr_planner_id(planner);
    }
    plan->n_cols = input->n_cols;
    plan->cols = cols;
    plan->shared.shared_id = shared_id;
    return plan;
}

MrPlan *mr_plan_recursion(MrPlanner *planner, MrPlan *anchor, MrPlan *step, int32_t recursion_id,
                          bool all, int64_t max_levels, int64_t max_rows)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_RECURSION, 2, (MrPlan *[]){anchor, step});
    cols_merge(planner, plan, true);
    plan->recursion.recursion_id = recursion_id;
    plan->recursion.all = all;
    plan->recursion.max_levels = max_levels;
    plan->recursion.max_rows = max_rows;
    return plan;
}

MrPlan *mr_plan_recursion_ref(MrPlanner *planner, const MrColumn *cols, int32_t n_cols,
                              int32_t recursion_id)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_RECURSION_REF, 0, NULL);
    plan->n_cols = n_cols;
    plan->cols = cols;
    plan->recursion.recursion_id = recursion_id;
    return plan;
}

MrPlan *mr_plan_batch_window(MrPlanner *planner, MrPlan *input, int64_t length_us, int64_t slide_us,
                             bool deltas)
{
    MrPlan *plan = plan_over(planner, MR_PLAN_BATCH_WINDOW, input);
    plan->batch_window.length_us = length_us;
    plan->batch_window.slide_us = slide_us;
    plan->batch_window.deltas = deltas;
    return plan;
}

MrPlan *mr_plan_keyed_state(MrPlanner *planner, MrPlan *input, const MrKeyedState *state)
{
    MrPlan *plan = plan_new(planner, MR_PLAN_KEYED_STATE, 1, &input);
    cols_merge(planner, plan, false);
    plan->keyed_state = state;
    return plan;
}

MrPlan *mr_plan_with_inputs(MrPlanner *planner, const MrPlan *plan, MrPlan *const *inputs)
{
    MrPlan *copy = MR_NEW(planner->arena, MrPlan);
    *copy = *plan;
    copy->rows_estimate = -1;
    if (plan->n_inputs > 0) {
        copy->inputs = MR_NEW_N(planner->arena, MrPlan *, plan->n_inputs);
        memcpy(copy->inputs, inputs, sizeof(MrPlan *) * (size_t)plan->n_inputs);
    }
    return copy;
}

MrExpr *mr_plan_column_expr(MrPlanner *planner, const MrColumn *column)
{
    MrExpr *expr =
        mr_expr_column(planner->arena, column->id, column->name, column->type, column->nullable);
    expr->sql = column->name;
    return expr;
}

MrNamedExpr mr_plan_pass(MrPlanner *planner, const MrColumn *column)
{
    return (MrNamedExpr){*column, mr_plan_column_expr(planner, column)};
}

int32_t mr_plan_column_find(const MrPlan *plan, int32_t id)
{
    for (int32_t i = 0; i < plan->n_cols; i++)
        if (plan->cols[i].id == id)
            return i;
    return -1;
}
