/* statistics.c - how many rows a node gives: exact for sources that know, guesses from the form
 * elsewhere. */
#include "plan/rules.h"

#define UNKNOWN_ROWS 1000000.0 /* of a source that does not say */
#define ROW_BYTES 100.0        /* of text files, at a guess     */

static bool call_named(const MrExpr *expr, const char *name)
{
    return expr->kind == MR_EXPR_CALL && strcmp(expr->bound->def->name, name) == 0;
}

/* A pattern with some letters in it keeps about what an equality does. */
static double like_selectivity(const MrExpr *condition)
{
    const MrExpr *pattern = condition->args[1];
    int32_t n_letters = 0;
    if (pattern->kind != MR_EXPR_LITERAL || pattern->literal->validity || !pattern->literal->str)
        return 0.2;
    MrText text = mr_str_text(&pattern->literal->str[0]);
    for (int64_t i = 0; i < text.size_bytes; i++)
        n_letters += text.data[i] != '%' && text.data[i] != '_';
    return n_letters >= 3 ? 0.05 : 0.2;
}

double mr__selectivity(const MrExpr *condition)
{
    double share;
    switch (condition->kind) {
    case MR_EXPR_AND:
        share = 1;
        for (int32_t a = 0; a < condition->n_args; a++)
            share *= mr__selectivity(condition->args[a]);
        return share;
    case MR_EXPR_OR:
        share = 1;
        for (int32_t a = 0; a < condition->n_args; a++)
            share *= 1 - mr__selectivity(condition->args[a]);
        return 1 - share;
    case MR_EXPR_LITERAL:
        return condition->literal->validity || !condition->literal->i8 || !condition->literal->i8[0]
                   ? 0.0
                   : 1.0;
    case MR_EXPR_CALL:
        break;
    default:
        return 0.5;
    }
    if (condition->n_args == 1 && (call_named(condition, "not") || call_named(condition, "!")))
        return 1 - mr__selectivity(condition->args[0]);
    if (call_named(condition, "=") || call_named(condition, "<=>")) {
        bool two_columns =
            !mr_expr_is_constant(condition->args[0]) && !mr_expr_is_constant(condition->args[1]);
        return two_columns ? 0.1 : 0.05;
    }
    if (call_named(condition, "<") || call_named(condition, "<=") || call_named(condition, ">") ||
        call_named(condition, ">="))
        return 0.35;
    if (call_named(condition, "in")) {
        share = 0.05 * (condition->n_args - 1);
        return share < 0.5 ? share : 0.5;
    }
    if (call_named(condition, "isnotnull"))
        return 0.95;
    if (call_named(condition, "isnull"))
        return 0.05;
    if (call_named(condition, "like"))
        return like_selectivity(condition);
    return 0.2; /* other tests */
}

double mr_plan_source_rows(MrPlanner *planner, const MrPlan *plan)
{
    MrSource *source = plan->scan.source;
    int64_t n = source && source->type->row_count ? source->type->row_count(source) : -1;
    if (n >= 0)
        return (double)n;
    if (!source || plan->scan.streaming || !source->type->plan_splits)
        return UNKNOWN_ROWS;
    MrScanSpec spec = {.n_cols = plan->n_cols, .cols = plan->scan.source_cols, .limit = INT64_MAX};
    MrSplit *splits = NULL;
    MrError err = {0};
    double size_bytes = 0;
    if (source->type->plan_splits(source, NULL, NULL, &spec, planner->arena, &splits, &n, &err) !=
        MR_OK)
        return UNKNOWN_ROWS; /* reading will say what is wrong */
    for (int64_t s = 0; s < n; s++)
        size_bytes += (double)splits[s].size_bytes;
    return n == 0 ? 0 : size_bytes > 0 ? size_bytes / ROW_BYTES : UNKNOWN_ROWS;
}

static double scan_rows(MrPlanner *planner, const MrPlan *plan)
{
    double rows = mr_plan_source_rows(planner, plan);
    for (int32_t f = 0; f < plan->scan.n_filters; f++)
        rows *= mr__selectivity(plan->scan.filters[f]);
    return rows;
}

static double join_rows(const MrPlan *plan, double left, double right)
{
    MrExpr *condition = plan->join.condition;
    double small = left < right ? left : right, large = left < right ? right : left, rows;
    bool equal = false;
    if (condition) {
        int32_t n = condition->kind == MR_EXPR_AND ? condition->n_args : 1;
        for (int32_t c = 0; c < n; c++) {
            const MrExpr *one = condition->kind == MR_EXPR_AND ? condition->args[c] : condition;
            equal = equal || call_named(one, "=") || call_named(one, "<=>");
        }
    }
    rows = equal ? large : left * right * (condition ? mr__selectivity(condition) : 1);
    (void)small;
    switch (plan->join.kind) {
    case MR_JOIN_INNER:
        return rows;
    case MR_JOIN_LEFT:
        return rows > left ? rows : left;
    case MR_JOIN_RIGHT:
        return rows > right ? rows : right;
    case MR_JOIN_FULL:
        return rows > left + right ? rows : left + right;
    case MR_JOIN_SEMI:
    case MR_JOIN_ANTI:
    case MR_JOIN_ANTI_NULL:
        return left * 0.5;
    case MR_JOIN_MARK:
    case MR_JOIN_SINGLE:
        return left;
    }
    return rows;
}

void mr__statistics(MrPlanner *planner, MrPlan *plan)
{
    double rows = 1, first = 1;
    for (int32_t i = 0; i < plan->n_inputs; i++)
        if (plan->inputs[i]->rows_estimate < 0)
            mr__statistics(planner, plan->inputs[i]);
    if (plan->n_inputs > 0)
        rows = first = (double)plan->inputs[0]->rows_estimate;
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        rows = scan_rows(planner, plan);
        break;
    case MR_PLAN_VALUES:
        rows = plan->values.n_rows;
        break;
    case MR_PLAN_RANGE:
        rows = ((double)plan->range.end - (double)plan->range.start) /
               (double)(plan->range.step != 0 ? plan->range.step : 1);
        break;
    case MR_PLAN_FILTER:
        rows = first * mr__selectivity(plan->filter.condition);
        break;
    case MR_PLAN_AGGREGATE:
        rows = plan->aggregate.n_keys == 0 ? 1 : first / 4;
        break;
    case MR_PLAN_EXPAND:
        rows = first * plan->expand.n_projections;
        break;
    case MR_PLAN_JOIN:
        rows = join_rows(plan, first, (double)plan->inputs[1]->rows_estimate);
        break;
    case MR_PLAN_SORT:
        rows = first < (double)plan->sort.limit ? first : (double)plan->sort.limit;
        break;
    case MR_PLAN_LIMIT:
        rows = first < (double)plan->limit.limit ? first : (double)plan->limit.limit;
        break;
    case MR_PLAN_UNION:
        for (int32_t i = 1; i < plan->n_inputs; i++)
            rows += (double)plan->inputs[i]->rows_estimate;
        break;
    case MR_PLAN_GENERATE:
        rows = first * 4;
        break;
    case MR_PLAN_SAMPLE:
        rows = first * (plan->sample.to - plan->sample.from);
        break;
    case MR_PLAN_RECURSION:
        rows = first * 100;
        break;
    default:
        break;
    }
    plan->rows_estimate = rows < 1 ? 1 : rows > 1e15 ? (int64_t)1e15 : (int64_t)rows;
}
