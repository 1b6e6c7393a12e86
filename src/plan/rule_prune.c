/* rule_prune.c - columns that nobody reads are not computed, joined or read. */
#include "plan/rules.h"

typedef struct Prune {
    MrPlanner *planner;
    MrArena *arena;
    MrPlan **shared;
} Prune;

typedef struct Needs {
    bool *ids; /* by column id */
    int32_t n;
} Needs;

static MrPlan *prune(Prune *self, MrPlan *plan, const Needs *needs);

static Needs needs_new(Prune *self)
{
    int32_t n = self->planner->next_id + 1;
    return (Needs){MR_NEW_N(self->arena, bool, n), n};
}

static Needs needs_copy(Prune *self, const Needs *from)
{
    Needs copy = needs_new(self);
    memcpy(copy.ids, from->ids, (size_t)(from->n < copy.n ? from->n : copy.n));
    return copy;
}

static bool needs_visit(void *arg, const MrExpr *expr)
{
    Needs *needs = arg;
    if (expr->kind == MR_EXPR_COLUMN || expr->kind == MR_EXPR_OUTER)
        needs->ids[expr->column.id] = true;
    return true;
}

static void needs_expr(Needs *needs, const MrExpr *expr)
{
    if (expr)
        mr_expr_walk(expr, needs_visit, needs);
}

static Needs needs_all(Prune *self, const MrPlan *plan)
{
    Needs needs = needs_new(self);
    for (int32_t c = 0; c < plan->n_cols; c++)
        needs.ids[plan->cols[c].id] = true;
    return needs;
}

/* The columns of plan that are needed, in their order. */
static int32_t keep_cols(Prune *self, const MrPlan *plan, const Needs *needs, const MrColumn **out,
                         int32_t *places)
{
    MrColumn *cols = MR_NEW_N(self->arena, MrColumn, plan->n_cols + 1);
    int32_t n = 0;
    for (int32_t c = 0; c < plan->n_cols; c++) {
        if (!needs->ids[plan->cols[c].id])
            continue;
        if (places)
            places[n] = c;
        cols[n++] = plan->cols[c];
    }
    *out = cols;
    return n;
}

/* A node that passes its input's columns on, then has some of its own. */
static void pass_cols(Prune *self, MrPlan *copy, const MrColumn *own, int32_t n_own)
{
    const MrPlan *input = copy->inputs[0];
    MrColumn *cols = MR_NEW_N(self->arena, MrColumn, input->n_cols + n_own + 1);
    for (int32_t c = 0; c < input->n_cols; c++)
        cols[c] = input->cols[c];
    for (int32_t c = 0; c < n_own; c++)
        cols[input->n_cols + c] = own[c];
    copy->cols = cols;
    copy->n_cols = input->n_cols + n_own;
}

static MrPlan *prune_scan(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    Needs all = needs_copy(self, needs);
    int32_t *places = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    for (int32_t f = 0; f < plan->scan.n_filters; f++)
        needs_expr(&all, plan->scan.filters[f]);
    copy->n_cols = keep_cols(self, plan, &all, &copy->cols, places);
    copy->scan.source_cols = MR_NEW_N(self->arena, int32_t, copy->n_cols + 1);
    for (int32_t c = 0; c < copy->n_cols; c++)
        copy->scan.source_cols[c] = plan->scan.source_cols[places[c]];
    return copy;
}

static MrPlan *prune_project(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    int32_t *places = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    Needs below = needs_new(self);
    copy->n_cols = keep_cols(self, plan, needs, &copy->cols, places);
    copy->project.exprs = MR_NEW_N(self->arena, MrNamedExpr, copy->n_cols + 1);
    for (int32_t c = 0; c < copy->n_cols; c++) {
        copy->project.exprs[c] = plan->project.exprs[places[c]];
        needs_expr(&below, copy->project.exprs[c].expr);
    }
    copy->inputs[0] = prune(self, plan->inputs[0], &below);
    return copy;
}

static MrPlan *prune_values(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    int32_t *places = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    copy->n_cols = keep_cols(self, plan, needs, &copy->cols, places);
    copy->values.rows = MR_NEW_N(self->arena, MrExpr **, plan->values.n_rows + 1);
    for (int32_t r = 0; r < plan->values.n_rows; r++) {
        copy->values.rows[r] = MR_NEW_N(self->arena, MrExpr *, copy->n_cols + 1);
        for (int32_t c = 0; c < copy->n_cols; c++)
            copy->values.rows[r][c] = plan->values.rows[r][places[c]];
    }
    return copy;
}

static MrPlan *prune_aggregate(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    MrColumn *cols = MR_NEW_N(self->arena, MrColumn, plan->n_cols + 1);
    Needs below = needs_new(self);
    int32_t n = 0;
    for (int32_t k = 0; k < plan->aggregate.n_keys; k++) {
        cols[n++] = plan->cols[k];
        needs_expr(&below, plan->aggregate.keys[k].expr);
    }
    copy->aggregate.aggs = MR_NEW_N(self->arena, MrNamedExpr, plan->aggregate.n_aggs + 1);
    copy->aggregate.n_aggs = 0;
    for (int32_t a = 0; a < plan->aggregate.n_aggs; a++) {
        if (!needs->ids[plan->cols[plan->aggregate.n_keys + a].id])
            continue;
        cols[n++] = plan->cols[plan->aggregate.n_keys + a];
        copy->aggregate.aggs[copy->aggregate.n_aggs++] = plan->aggregate.aggs[a];
        needs_expr(&below, plan->aggregate.aggs[a].expr);
    }
    copy->cols = cols;
    copy->n_cols = n;
    copy->inputs[0] = prune(self, plan->inputs[0], &below);
    return copy;
}

static MrPlan *prune_expand(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    int32_t *places = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    Needs below = needs_new(self);
    copy->n_cols = keep_cols(self, plan, needs, &copy->cols, places);
    copy->expand.projections = MR_NEW_N(self->arena, MrExpr **, plan->expand.n_projections + 1);
    for (int32_t p = 0; p < plan->expand.n_projections; p++) {
        copy->expand.projections[p] = MR_NEW_N(self->arena, MrExpr *, copy->n_cols + 1);
        for (int32_t c = 0; c < copy->n_cols; c++) {
            copy->expand.projections[p][c] = plan->expand.projections[p][places[c]];
            needs_expr(&below, copy->expand.projections[p][c]);
        }
    }
    copy->inputs[0] = prune(self, plan->inputs[0], &below);
    return copy;
}

static MrPlan *prune_join(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    Needs below = needs_copy(self, needs);
    needs_expr(&below, plan->join.condition);
    if (plan->join.lateral) /* columns of the left may be read anywhere in the right */
        below = needs_all(self, plan->inputs[0]);
    if (plan->join.lateral)
        for (int32_t c = 0; c < plan->inputs[1]->n_cols; c++)
            below.ids[plan->inputs[1]->cols[c].id] = true;
    copy->n_cols = keep_cols(self, plan, needs, &copy->cols, NULL);
    copy->inputs[0] = prune(self, plan->inputs[0], &below);
    copy->inputs[1] = prune(self, plan->inputs[1], &below);
    return copy;
}

/* Unions and set operations match columns by place. */
static MrPlan *prune_union(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    int32_t *places = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    copy->n_cols = keep_cols(self, plan, needs, &copy->cols, places);
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        Needs below = needs_new(self);
        for (int32_t c = 0; c < copy->n_cols; c++)
            below.ids[plan->inputs[i]->cols[places[c]].id] = true;
        MrPlan *input = prune(self, plan->inputs[i], &below);
        /* The same places again, when the input kept more than was asked for. */
        MrNamedExpr *exprs = MR_NEW_N(self->arena, MrNamedExpr, copy->n_cols + 1);
        bool same = input->n_cols == copy->n_cols;
        for (int32_t c = 0; c < copy->n_cols; c++) {
            const MrColumn *col = &plan->inputs[i]->cols[places[c]];
            exprs[c] = (MrNamedExpr){*col, mr_plan_column_expr(self->planner, col)};
            same = same && input->cols[c].id == col->id;
        }
        copy->inputs[i] = same ? input : mr_plan_project(self->planner, input, exprs, copy->n_cols);
    }
    return copy;
}

static MrPlan *prune_all(Prune *self, MrPlan *plan)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        Needs below = needs_all(self, plan->inputs[i]);
        copy->inputs[i] = prune(self, plan->inputs[i], &below);
    }
    return copy;
}

static MrPlan *prune_window(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    Needs below = needs_copy(self, needs);
    int32_t n_in = plan->inputs[0]->n_cols, n = 0;
    MrColumn *own = MR_NEW_N(self->arena, MrColumn, plan->window.n_exprs + 1);
    copy->window.exprs = MR_NEW_N(self->arena, MrNamedExpr, plan->window.n_exprs + 1);
    for (int32_t e = 0; e < plan->window.n_exprs; e++) {
        if (!needs->ids[plan->cols[n_in + e].id])
            continue;
        own[n] = plan->cols[n_in + e];
        copy->window.exprs[n++] = plan->window.exprs[e];
        needs_expr(&below, plan->window.exprs[e].expr);
    }
    copy->window.n_exprs = n;
    if (n == 0)
        return prune(self, plan->inputs[0], needs);
    copy->inputs[0] = prune(self, plan->inputs[0], &below);
    pass_cols(self, copy, own, n);
    return copy;
}

static MrPlan *prune_pass(Prune *self, MrPlan *plan, Needs below, int32_t n_own)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    const MrColumn *own = plan->cols + (plan->n_cols - n_own);
    copy->inputs[0] = prune(self, plan->inputs[0], &below);
    pass_cols(self, copy, own, n_own);
    return copy;
}

/* Of the input's columns those that are read above go through; the arguments are read here only. */
static MrPlan *prune_generate(Prune *self, MrPlan *plan, const Needs *needs)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    Needs below = needs_copy(self, needs);
    int32_t n_new = plan->generate.bound->type->n_fields, n_in = plan->n_cols - n_new, n = 0;
    MrColumn *cols = MR_NEW_N(self->arena, MrColumn, plan->n_cols + 1);
    for (int32_t a = 0; a < plan->generate.n_args; a++)
        needs_expr(&below, plan->generate.args[a]);
    copy->inputs[0] = prune(self, plan->inputs[0], &below);
    for (int32_t c = 0; c < plan->n_cols; c++)
        if (c >= n_in || needs->ids[plan->cols[c].id])
            cols[n++] = plan->cols[c];
    copy->cols = cols;
    copy->n_cols = n;
    return copy;
}

static MrPlan *prune(Prune *self, MrPlan *plan, const Needs *needs)
{
    Needs below = needs_copy(self, needs);
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        return prune_scan(self, plan, needs);
    case MR_PLAN_VALUES:
        return plan->n_cols > 0 ? prune_values(self, plan, needs) : plan;
    case MR_PLAN_PROJECT:
        return prune_project(self, plan, needs);
    case MR_PLAN_FILTER:
        needs_expr(&below, plan->filter.condition);
        return prune_pass(self, plan, below, 0);
    case MR_PLAN_AGGREGATE:
        if (plan->aggregate.n_aggs == 0)
            break;
        return prune_aggregate(self, plan, needs);
    case MR_PLAN_EXPAND:
        return prune_expand(self, plan, needs);
    case MR_PLAN_JOIN:
        return prune_join(self, plan, needs);
    case MR_PLAN_SORT:
        for (int32_t k = 0; k < plan->sort.n_keys; k++)
            needs_expr(&below, plan->sort.keys[k].expr);
        return prune_pass(self, plan, below, 0);
    case MR_PLAN_LIMIT:
    case MR_PLAN_SAMPLE:
        return prune_pass(self, plan, below, 0);
    case MR_PLAN_WATERMARK:
        below.ids[plan->watermark.column_id] = true;
        return prune_pass(self, plan, below, 0);
    case MR_PLAN_UNION:
        return prune_union(self, plan, needs);
    case MR_PLAN_WINDOW:
        return prune_window(self, plan, needs);
    case MR_PLAN_GENERATE:
        return prune_generate(self, plan, needs);
    case MR_PLAN_SHARED: {
        MrPlan *copy = mr__node_copy(self->planner, plan);
        MrPlan **once = &self->shared[plan->shared.shared_id];
        if (!*once) {
            Needs all = needs_all(self, plan->inputs[0]);
            *once = prune(self, plan->inputs[0], &all);
        }
        copy->inputs[0] = *once;
        return copy;
    }
    default:
        break;
    }
    return prune_all(self, plan);
}

MrPlan *mr__rule_prune(MrPlanner *planner, MrPlan *plan)
{
    Prune self = {planner, planner->arena,
                  MR_NEW_N(planner->arena, MrPlan *, planner->next_shared_id + 1)};
    Needs all = needs_all(&self, plan);
    return prune(&self, plan, &all);
}
