/* plan_text.c - logical plans as text, a line a node, inputs indented below: for EXPLAIN, and as
 * what must stay the same while a stream keeps its state. */
#include "plan/plan.h"

static const char *const join_names[] = {"Inner",    "LeftOuter", "RightOuter",        "FullOuter",
                                         "LeftSemi", "LeftAnti",  "LeftAntiNullAware", "Mark",
                                         "Single"};

typedef struct PlanText {
    MrTextBuilder *out;
    const MrSettings *settings;
    bool meaning; /* without what may differ between two readings of one text: ids, columns that
                     just pass, watermark delays */
} PlanText;

static void expr_put(const PlanText *text, const MrExpr *expr)
{
    mr_builder_str(text->out, (text->meaning ? mr_expr_structure : mr_expr_text)(
                                  text->out->arena, text->settings, expr));
}

static void col_put(const PlanText *text, const MrColumn *col)
{
    mr_builder_str(text->out, col->name);
    if (!text->meaning)
        mr_builder_printf(text->out, "#%d", col->id);
}

static void cols_put(const PlanText *text, const MrColumn *cols, int32_t n)
{
    mr_builder_char(text->out, '[');
    for (int32_t i = 0; i < n; i++) {
        mr_builder_str(text->out, i ? ", " : "");
        col_put(text, &cols[i]);
    }
    mr_builder_char(text->out, ']');
}

static void named_put(const PlanText *text, const MrNamedExpr *exprs, int32_t n, bool all)
{
    MrTextBuilder *out = text->out;
    const char *comma = "";
    mr_builder_char(out, '[');
    for (int32_t i = 0; i < n; i++) {
        const MrExpr *expr = exprs[i].expr;
        bool computed = expr->kind != MR_EXPR_COLUMN || expr->column.id != exprs[i].column.id;
        if (!all && !computed)
            continue;
        mr_builder_str(out, comma);
        comma = ", ";
        if (computed) {
            expr_put(text, expr);
            mr_builder_str(out, " AS ");
        }
        col_put(text, &exprs[i].column);
    }
    mr_builder_char(out, ']');
}

static void node_put(const PlanText *text, const MrPlan *plan)
{
    MrTextBuilder *out = text->out;
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        mr_builder_printf(out, "Relation %s ", plan->scan.name ? plan->scan.name : "");
        if (!text->meaning)
            cols_put(text, plan->cols, plan->n_cols);
        for (int32_t i = 0; i < plan->scan.n_filters; i++) {
            mr_builder_str(out, i ? ", " : " filters: ");
            expr_put(text, plan->scan.filters[i]);
        }
        break;
    case MR_PLAN_VALUES:
        if (plan->n_cols == 0) {
            mr_builder_str(out, "OneRowRelation");
            break;
        }
        mr_builder_str(out, "LocalRelation ");
        cols_put(text, plan->cols, plan->n_cols);
        for (int32_t r = 0; r < plan->values.n_rows && text->meaning; r++) {
            mr_builder_str(out, r > 0 ? ", (" : " (");
            for (int32_t c = 0; c < plan->n_cols; c++) {
                mr_builder_str(out, c > 0 ? ", " : "");
                expr_put(text, plan->values.rows[r][c]);
            }
            mr_builder_char(out, ')');
        }
        break;
    case MR_PLAN_RANGE:
        mr_builder_printf(out, "Range (%lld, %lld, step=%lld)", (long long)plan->range.start,
                          (long long)plan->range.end, (long long)plan->range.step);
        break;
    case MR_PLAN_PROJECT:
        mr_builder_str(out, "Project ");
        named_put(text, plan->project.exprs, plan->n_cols, !text->meaning);
        break;
    case MR_PLAN_FILTER:
        mr_builder_str(out, "Filter ");
        expr_put(text, plan->filter.condition);
        break;
    case MR_PLAN_AGGREGATE:
        mr_builder_str(out, "Aggregate ");
        named_put(text, plan->aggregate.keys, plan->aggregate.n_keys, true);
        mr_builder_str(out, ", ");
        named_put(text, plan->aggregate.aggs, plan->aggregate.n_aggs, true);
        if (plan->aggregate.session_key >= 0) {
            mr_builder_str(out, ", sessions of ");
            col_put(text, &plan->cols[plan->aggregate.session_key]);
        }
        break;
    case MR_PLAN_EXPAND:
        mr_builder_printf(out, "Expand %d projections, ", plan->expand.n_projections);
        cols_put(text, plan->cols, plan->n_cols);
        break;
    case MR_PLAN_JOIN:
        mr_builder_printf(out, "%s%s", plan->join.lateral ? "LateralJoin " : "Join ",
                          join_names[plan->join.kind]);
        if (plan->join.condition) {
            mr_builder_str(out, ", ");
            expr_put(text, plan->join.condition);
        }
        break;
    case MR_PLAN_SORT:
        mr_builder_str(out, "Sort [");
        for (int32_t i = 0; i < plan->sort.n_keys; i++) {
            const MrSortKey *key = &plan->sort.keys[i];
            if (i > 0)
                mr_builder_str(out, ", ");
            expr_put(text, key->expr);
            mr_builder_printf(out, " %s NULLS %s", key->spec.descending ? "DESC" : "ASC",
                              key->spec.nulls_first ? "FIRST" : "LAST");
        }
        mr_builder_printf(out, "], %s", plan->sort.global ? "true" : "false");
        if (plan->sort.limit < INT64_MAX)
            mr_builder_printf(out, ", top %lld", (long long)plan->sort.limit);
        break;
    case MR_PLAN_LIMIT:
        if (plan->limit.limit < INT64_MAX)
            mr_builder_printf(out, "Limit %lld", (long long)plan->limit.limit);
        else
            mr_builder_str(out, "Limit all");
        if (plan->limit.offset > 0)
            mr_builder_printf(out, ", offset %lld", (long long)plan->limit.offset);
        break;
    case MR_PLAN_UNION:
        mr_builder_str(out, "Union");
        break;
    case MR_PLAN_SETOP:
        mr_builder_printf(out, "%s%s", plan->setop.kind == MR_SETOP_EXCEPT ? "Except" : "Intersect",
                          plan->setop.all ? " All" : "");
        break;
    case MR_PLAN_WINDOW:
        mr_builder_str(out, "Window ");
        named_put(text, plan->window.exprs, plan->window.n_exprs, true);
        break;
    case MR_PLAN_GENERATE:
        mr_builder_printf(out, "Generate %s(", plan->generate.def->name);
        for (int32_t i = 0; i < plan->generate.n_args; i++) {
            if (i > 0)
                mr_builder_str(out, ", ");
            expr_put(text, plan->generate.args[i]);
        }
        mr_builder_printf(out, ")%s, ", plan->generate.outer ? ", outer" : "");
        cols_put(text, plan->cols + plan->inputs[0]->n_cols,
                 plan->n_cols - plan->inputs[0]->n_cols);
        break;
    case MR_PLAN_WATERMARK:
        mr_builder_str(out, "EventTimeWatermark ");
        col_put(text, &plan->cols[mr_plan_column_find(plan, plan->watermark.column_id)]);
        if (!text->meaning)
            mr_builder_printf(out, ", %lld us", (long long)plan->watermark.delay_us);
        break;
    case MR_PLAN_SAMPLE:
        mr_builder_printf(out, "Sample %g, %g, %s, %llu", plan->sample.from, plan->sample.to,
                          plan->sample.replace ? "true" : "false",
                          (unsigned long long)plan->sample.seed);
        break;
    case MR_PLAN_SHARED:
        if (text->meaning)
            mr_builder_str(out, "Shared ");
        else
            mr_builder_printf(out, "Shared %d ", plan->shared.shared_id);
        cols_put(text, plan->cols, plan->n_cols);
        break;
    case MR_PLAN_RECURSION:
        mr_builder_printf(out, "Recursion %d%s", plan->recursion.recursion_id,
                          plan->recursion.all ? " all" : "");
        break;
    case MR_PLAN_RECURSION_REF:
        mr_builder_printf(out, "RecursionRef %d ", plan->recursion.recursion_id);
        cols_put(text, plan->cols, plan->n_cols);
        break;
    case MR_PLAN_BATCH_WINDOW:
        mr_builder_printf(
            out, "BatchWindow %lld us every %lld us%s", (long long)plan->batch_window.length_us,
            (long long)plan->batch_window.slide_us, plan->batch_window.deltas ? ", changes" : "");
        break;
    case MR_PLAN_KEYED_STATE:
        mr_builder_printf(out, "KeyedState %s ", plan->keyed_state->name);
        cols_put(text, plan->cols, plan->n_cols);
        break;
    }
}

typedef struct Subqueries {
    const PlanText *text;
    int32_t depth;
} Subqueries;

static void plan_put(const PlanText *text, const MrPlan *plan, int32_t depth);

static bool subquery_put(void *self, const MrExpr *expr)
{
    Subqueries *sub = self;
    if (expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
        expr->kind == MR_EXPR_IN_QUERY) {
        for (int32_t i = 0; i < sub->depth; i++)
            mr_builder_str(sub->text->out, "   ");
        mr_builder_str(sub->text->out, ": subquery\n");
        plan_put(sub->text, expr->query.plan, sub->depth + 1);
    }
    return true;
}

static void plan_put(const PlanText *text, const MrPlan *plan, int32_t depth)
{
    for (int32_t i = 0; i < depth; i++)
        mr_builder_str(text->out, i + 1 < depth ? "   " : "+- ");
    node_put(text, plan);
    mr_builder_char(text->out, '\n');
    Subqueries sub = {text, depth + 1};
    if (plan->kind == MR_PLAN_FILTER)
        mr_expr_walk(plan->filter.condition, subquery_put, &sub);
    for (int32_t i = 0; plan->kind == MR_PLAN_PROJECT && i < plan->n_cols; i++)
        mr_expr_walk(plan->project.exprs[i].expr, subquery_put, &sub);
    for (int32_t i = 0; i < plan->n_inputs; i++)
        plan_put(text, plan->inputs[i], depth + 1);
}

void mr_plan_text(const MrPlan *plan, const MrSettings *settings, MrTextBuilder *out)
{
    plan_put(&(PlanText){out, settings, false}, plan, 0);
}

void mr_plan_meaning(const MrPlan *plan, const MrSettings *settings, MrTextBuilder *out)
{
    plan_put(&(PlanText){out, settings, true}, plan, 0);
}
