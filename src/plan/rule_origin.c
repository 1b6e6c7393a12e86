/* rule_origin.c - input_file_name() and its like: computed next to the scan, passed up from there.
 *
 * A scan knows the file of its rows; what stands above a join or a sort does not.  So the call
 * moves into a projection of the scan, and where it stood is a column.  Rows that are made of
 * several (groups, set operations), or of none, have no file: '' and -1, as in Spark. */
#include "plan/rules.h"

/* Sources of files whose rows meet in a row of the plan; those of a union do not.
 * Source: Spark's PreReadCheck. */
static int64_t sources_count(const MrPlan *plan)
{
    int64_t n = plan->kind == MR_PLAN_SCAN && (plan->scan.type->flags & MR_CONN_FILES) ? 1 : 0;
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        int64_t of_input = sources_count(plan->inputs[i]);
        n = plan->kind == MR_PLAN_UNION ? (n > 0 || of_input > 0) : n + of_input;
    }
    return n;
}

/* The node over other inputs; columns that these have gained pass on where its own are theirs. */
static MrPlan *remade(MrPlanner *planner, const MrPlan *plan, MrPlan *const *inputs)
{
    MrPlan *made = mr_plan_with_inputs(planner, plan, inputs);
    int32_t n_gained = 0;
    switch (plan->kind) {
    case MR_PLAN_FILTER:
    case MR_PLAN_SORT:
    case MR_PLAN_LIMIT:
    case MR_PLAN_WINDOW:
    case MR_PLAN_GENERATE:
    case MR_PLAN_WATERMARK:
    case MR_PLAN_SAMPLE:
    case MR_PLAN_JOIN:
        break;
    default:
        return made;
    }
    bool left_only = plan->kind == MR_PLAN_JOIN &&
                     (plan->join.kind == MR_JOIN_SEMI || plan->join.kind == MR_JOIN_ANTI ||
                      plan->join.kind == MR_JOIN_ANTI_NULL || plan->join.kind == MR_JOIN_MARK);
    int32_t n_passing = left_only ? 1 : plan->n_inputs;
    for (int32_t i = 0; i < n_passing; i++)
        n_gained += inputs[i]->n_cols - plan->inputs[i]->n_cols;
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, plan->n_cols + n_gained + 1);
    int32_t n = 0, from = 0;
    for (int32_t i = 0; i < n_passing; i++) { /* a join's right side follows its left one */
        int32_t n_old = plan->inputs[i]->n_cols;
        for (int32_t c = 0; c < n_old; c++)
            cols[n++] = plan->cols[from + c];
        from += n_old;
        bool nullable = plan->kind == MR_PLAN_JOIN &&
                        (plan->join.kind == MR_JOIN_FULL ||
                         plan->join.kind == (i == 0 ? MR_JOIN_RIGHT : MR_JOIN_LEFT) ||
                         (i == 1 && plan->join.kind == MR_JOIN_SINGLE));
        for (int32_t c = n_old; c < inputs[i]->n_cols; c++) {
            cols[n] = inputs[i]->cols[c];
            cols[n++].nullable |= nullable;
        }
    }
    for (; from < plan->n_cols; from++) /* a generator's, a window's, the mark */
        cols[n++] = plan->cols[from];
    made->cols = cols;
    made->n_cols = n;
    return made;
}

/* The call's value for rows without a file. */
static MrExpr *none_value(MrPlanner *planner, const MrExpr *call)
{
    if (call->type->kind == MR_TYPE_STRING)
        return mr_expr_literal(planner->arena,
                               mr_vector_constant(planner->arena, call->type, &(MrStr){0}));
    return mr_expr_i64(planner->arena, -1);
}

/* Every column of the plan, and one more. */
static MrPlan *with_column(MrPlanner *planner, MrPlan *plan, MrColumn column, MrExpr *expr)
{
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + 1);
    for (int32_t c = 0; c < plan->n_cols; c++)
        exprs[c] = mr_plan_pass(planner, &plan->cols[c]);
    exprs[plan->n_cols] = (MrNamedExpr){column, expr};
    return mr_plan_project(planner, plan, exprs, plan->n_cols + 1);
}

static MrPlan *provide(MrPlanner *planner, MrPlan *plan, MrExpr *call, MrColumn *column);

static MrPlan *provide_union(MrPlanner *planner, MrPlan *plan, MrExpr *call, MrColumn *column)
{
    MrPlan **arms = MR_NEW_N(planner->arena, MrPlan *, plan->n_inputs);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, plan->n_cols + 1);
    *column =
        (MrColumn){mr_planner_id(planner), call->sql ? call->sql : "origin", call->type, false};
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        MrColumn own = {.id = -1};
        MrPlan *arm = provide(planner, plan->inputs[i], call, &own);
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + 1);
        for (int32_t c = 0; c < plan->n_cols; c++) /* by place: what arm gained comes last */
            exprs[c] = mr_plan_pass(planner, &plan->inputs[i]->cols[c]);
        exprs[plan->n_cols].column = own.id >= 0 ? own : *column;
        exprs[plan->n_cols].column.id = mr_planner_id(planner);
        exprs[plan->n_cols].expr =
            own.id >= 0 ? mr_plan_column_expr(planner, &own) : none_value(planner, call);
        column->nullable |= own.id >= 0 && own.nullable;
        arms[i] = mr_plan_project(planner, arm, exprs, plan->n_cols + 1);
    }
    memcpy(cols, plan->cols, sizeof(MrColumn) * (size_t)plan->n_cols);
    cols[plan->n_cols] = *column;
    MrPlan *made = mr_plan_with_inputs(planner, plan, arms);
    made->cols = cols;
    made->n_cols = plan->n_cols + 1;
    return made;
}

static MrPlan *provide_expand(MrPlanner *planner, MrPlan *plan, MrExpr *call, MrColumn *column)
{
    MrPlan *input = provide(planner, plan->inputs[0], call, column);
    if (column->id < 0)
        return plan;
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, plan->n_cols + 1);
    MrExpr ***rows = MR_NEW_N(planner->arena, MrExpr **, plan->expand.n_projections);
    memcpy(cols, plan->cols, sizeof(MrColumn) * (size_t)plan->n_cols);
    for (int32_t p = 0; p < plan->expand.n_projections; p++) {
        rows[p] = MR_NEW_N(planner->arena, MrExpr *, plan->n_cols + 1);
        memcpy(rows[p], plan->expand.projections[p], sizeof(MrExpr *) * (size_t)plan->n_cols);
        rows[p][plan->n_cols] = mr_plan_column_expr(planner, column);
    }
    column->id = mr_planner_id(planner);
    cols[plan->n_cols] = *column;
    return mr_plan_expand(planner, input, cols, plan->n_cols + 1, rows, plan->expand.n_projections);
}

/* The plan with a column more that has the call's value; column->id stays -1 when its rows have no
 * file, or their sources none. */
static MrPlan *provide(MrPlanner *planner, MrPlan *plan, MrExpr *call, MrColumn *column)
{
    if (sources_count(plan) == 0)
        return plan;
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        *column =
            (MrColumn){mr_planner_id(planner), call->sql ? call->sql : "origin", call->type, false};
        return with_column(planner, plan, *column, call);
    case MR_PLAN_PROJECT: {
        MrPlan *input = provide(planner, plan->inputs[0], call, column);
        if (column->id < 0)
            return plan;
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + 1);
        memcpy(exprs, plan->project.exprs, sizeof *exprs * (size_t)plan->n_cols);
        exprs[plan->n_cols] = mr_plan_pass(planner, column);
        return mr_plan_project(planner, input, exprs, plan->n_cols + 1);
    }
    case MR_PLAN_UNION:
        return provide_union(planner, plan, call, column);
    case MR_PLAN_EXPAND:
        return provide_expand(planner, plan, call, column);
    case MR_PLAN_SHARED: /* this use alone has the column: what is shared is read once more */
        return provide(planner,
                       mr__plan_rename(planner, mr_plan_copy(planner, plan->inputs[0]), plan->cols),
                       call, column);
    case MR_PLAN_FILTER:
    case MR_PLAN_SORT:
    case MR_PLAN_LIMIT:
    case MR_PLAN_WINDOW:
    case MR_PLAN_GENERATE:
    case MR_PLAN_WATERMARK:
    case MR_PLAN_SAMPLE:
    case MR_PLAN_JOIN: {
        MrPlan *inputs[2] = {0};
        for (int32_t i = 0; i < plan->n_inputs; i++)
            inputs[i] =
                column->id < 0 ? provide(planner, plan->inputs[i], call, column) : plan->inputs[i];
        if (column->id < 0)
            return plan;
        MrPlan *made = remade(planner, plan, inputs);
        int32_t at = mr_plan_column_find(made, column->id);
        column->id = at < 0 ? -1 : column->id; /* the right side of a semi join is not there */
        column->nullable = at >= 0 && made->cols[at].nullable;
        return made;
    }
    default:
        return plan;
    }
}

typedef struct Calls { /* of one node */
    MrPlanner *planner;
    MrExpr *calls[3]; /* distinct ones */
    MrColumn cols[3];
    int32_t n;
} Calls;

static int32_t call_find(const Calls *self, const MrExpr *expr)
{
    int32_t i = 0;
    while (i < self->n && self->calls[i]->bound->def != expr->bound->def)
        i++;
    return i;
}

static bool call_note(void *arg, const MrExpr *expr)
{
    Calls *self = arg;
    if (expr->kind == MR_EXPR_CALL && (expr->bound->flags & MR_FN_ORIGIN)) {
        int32_t i = call_find(self, expr);
        if (i == self->n && i < MR_COUNT(self->calls)) {
            self->calls[self->n] = MR_NEW(self->planner->arena, MrExpr);
            *self->calls[self->n++] = *expr;
        }
    }
    return true;
}

static MrExpr *expr_note(void *arg, MrExpr *expr)
{
    mr_expr_walk(expr, call_note, arg);
    return expr;
}

static MrExpr *call_replace(void *arg, MrExpr *expr)
{
    Calls *self = arg;
    if (expr->kind != MR_EXPR_CALL || !(expr->bound->flags & MR_FN_ORIGIN))
        return expr;
    int32_t i = call_find(self, expr);
    MrExpr *none = none_value(self->planner, expr);
    if (self->cols[i].id < 0)
        return none;
    MrExpr *column = mr_plan_column_expr(self->planner, &self->cols[i]);
    return self->cols[i].nullable ? mr_expr_coalesce(self->planner->arena, column, none) : column;
}

static MrExpr *expr_replace(void *arg, MrExpr *expr)
{
    Calls *self = arg;
    return mr_expr_map(self->planner->arena, expr, call_replace, self);
}

static MrStatus origin_visit(MrPlanner *planner, MrPlan *plan, void *self, MrPlan **out,
                             MrError *err)
{
    Calls calls = {.planner = planner};
    *out = plan;
    (void)mr_plan_map_exprs(planner, plan, expr_note, &calls);
    if (calls.n == 0)
        return MR_OK;
    if (sources_count(plan) > 1)
        return MR_FAIL(
            err, MR_COND_MULTI_SOURCES_UNSUPPORTED_FOR_EXPRESSION, "expr",
            mr_arena_printf(planner->arena, "\"%s()\"", calls.calls[0]->bound->def->name));
    if (plan->kind == MR_PLAN_PROJECT && plan->inputs[0]->kind == MR_PLAN_SCAN &&
        sources_count(plan) == 1)
        return MR_OK; /* where it belongs */
    MrPlan **inputs = MR_NEW_N(planner->arena, MrPlan *, plan->n_inputs + 1);
    for (int32_t i = 0; i < plan->n_inputs; i++)
        inputs[i] = plan->inputs[i];
    for (int32_t c = 0; c < calls.n; c++) {
        calls.cols[c].id = -1;
        for (int32_t i = 0; i < plan->n_inputs && calls.cols[c].id < 0; i++)
            inputs[i] = provide(planner, inputs[i], calls.calls[c], &calls.cols[c]);
    }
    MrPlan *made = remade(planner, mr_plan_map_exprs(planner, plan, expr_replace, &calls), inputs);
    if (made->n_cols > plan->n_cols) {
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + 1);
        for (int32_t c = 0; c < plan->n_cols; c++)
            exprs[c] = mr_plan_pass(planner, &plan->cols[c]);
        made = mr_plan_project(planner, made, exprs, plan->n_cols);
    }
    *out = made;
    return MR_OK;
}

MrStatus mr__rule_origin(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    return mr__plan_rewrite(planner, plan, origin_visit, NULL, out, err);
}
