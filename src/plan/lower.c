/* lower.c - from the logical plan to the physical one: algorithms are chosen, columns get places. */
#include "plan/physical.h"

typedef struct Lower {
    MrPlanner *planner;
    MrArena *arena;
    const MrLowerOptions *options;
    int32_t next_phys_id;
    int32_t *places; /* column id -> place in the input at hand, -1: not there */
    int32_t missing_id;
    bool subquery_left;
    MrPhys **shared; /* by shared_id */
} Lower;

static MrStatus lower_node(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err);

/* -- columns ---------------------------------------------------------------------------------- */

static void places_set(Lower *self, const MrColumn *cols, int32_t n_cols, int32_t from)
{
    for (int32_t c = 0; c < n_cols; c++)
        self->places[cols[c].id] = from + c;
}

static void places_clear(Lower *self, const MrColumn *cols, int32_t n_cols)
{
    for (int32_t c = 0; c < n_cols; c++)
        self->places[cols[c].id] = -1;
}

static MrExpr *lower_visit(void *arg, MrExpr *expr)
{
    Lower *self = arg;
    if (expr->kind == MR_EXPR_COLUMN) {
        expr->column.idx = self->places[expr->column.id];
        if (expr->column.idx < 0)
            self->missing_id = expr->column.id;
    } else if (expr->kind == MR_EXPR_OUTER || expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
               expr->kind == MR_EXPR_IN_QUERY) {
        self->subquery_left = true;
    }
    return expr;
}

/* Places for the columns of expr; NULL stays NULL. */
static MrStatus lower_expr(Lower *self, MrExpr *expr, MrExpr **out, MrError *err)
{
    *out = NULL;
    if (!expr)
        return MR_OK;
    self->missing_id = -1;
    self->subquery_left = false;
    *out = mr_expr_map(self->arena, expr, lower_visit, self);
    if (self->subquery_left)
        return MR_FAIL_UNSUPPORTED(err, "this correlated subquery: %s",
                                   mr_expr_text(self->arena, self->planner->settings, expr));
    if (self->missing_id >= 0)
        return MR_FAIL_INTERNAL(err, "column %d is not in the input of %s", self->missing_id,
                                mr_expr_text(self->arena, self->planner->settings, expr));
    return MR_OK;
}

static MrStatus lower_exprs(Lower *self, MrExpr *const *exprs, int32_t n, MrExpr ***out, MrError *err)
{
    *out = MR_NEW_N(self->arena, MrExpr *, n > 0 ? n : 1);
    for (int32_t e = 0; e < n; e++)
        MR_TRY(lower_expr(self, exprs[e], &(*out)[e], err));
    return MR_OK;
}

static MrStatus lower_named(Lower *self, const MrNamedExpr *exprs, int32_t n, MrExpr ***out, MrError *err)
{
    *out = MR_NEW_N(self->arena, MrExpr *, n > 0 ? n : 1);
    for (int32_t e = 0; e < n; e++)
        MR_TRY(lower_expr(self, exprs[e].expr, &(*out)[e], err));
    return MR_OK;
}

/* -- nodes ------------------------------------------------------------------------------------ */

static MrPhys *phys_new(Lower *self, MrPhysKind kind, const MrPlan *plan, int32_t n_inputs)
{
    MrPhys *phys = MR_NEW(self->arena, MrPhys);
    phys->kind = kind;
    phys->id = self->next_phys_id++;
    phys->n_inputs = n_inputs;
    phys->inputs = MR_NEW_N(self->arena, MrPhys *, n_inputs > 0 ? n_inputs : 1);
    phys->streaming = plan->streaming && self->options->streaming;
    phys->rows_estimate = plan->rows_estimate;
    MrField *fields = MR_NEW_N(self->arena, MrField, plan->n_cols > 0 ? plan->n_cols : 1);
    for (int32_t c = 0; c < plan->n_cols; c++)
        fields[c] = (MrField){plan->cols[c].name, plan->cols[c].type, plan->cols[c].nullable, NULL};
    phys->schema = (MrSchema){plan->n_cols, fields};
    return phys;
}

static MrStatus lower_scan(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    MrPhys *phys = phys_new(self, MR_PHYS_OP_SCAN, plan, 0);
    MrExpr **filters = NULL;
    places_set(self, plan->cols, plan->n_cols, 0);
    MR_TRY(lower_exprs(self, plan->scan.filters, plan->scan.n_filters, &filters, err));
    places_clear(self, plan->cols, plan->n_cols);
    phys->scan.name = plan->scan.name;
    phys->scan.source = plan->scan.source;
    phys->scan.streaming = plan->scan.streaming;
    phys->scan.spec = (MrScanSpec){.n_cols = plan->n_cols,
                                   .cols = plan->scan.source_cols,
                                   .n_filters = plan->scan.n_filters,
                                   .filters = filters,
                                   .limit = plan->scan.limit};
    *out = phys;
    return MR_OK;
}

static MrStatus lower_values(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    MrPhys *phys = phys_new(self, MR_PHYS_OP_VALUES, plan, 0);
    phys->values.n_rows = plan->values.n_rows;
    phys->values.rows = MR_NEW_N(self->arena, MrExpr **, plan->values.n_rows > 0 ? plan->values.n_rows : 1);
    for (int32_t r = 0; r < plan->values.n_rows; r++)
        MR_TRY(lower_exprs(self, plan->values.rows ? plan->values.rows[r] : NULL, plan->n_cols,
                           &phys->values.rows[r], err));
    *out = phys;
    return MR_OK;
}

/* Lowers the only input and makes its columns known. */
static MrStatus lower_input(Lower *self, const MrPlan *plan, MrPhys *phys, MrError *err)
{
    MR_TRY(lower_node(self, plan->inputs[0], &phys->inputs[0], err));
    places_set(self, plan->inputs[0]->cols, plan->inputs[0]->n_cols, 0);
    return MR_OK;
}

static MrStatus lower_sort(Lower *self, const MrPlan *plan, int64_t limit, int64_t offset, MrPhys **out, MrError *err)
{
    MrPhys *phys = phys_new(self, MR_PHYS_OP_SORT, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->sort.n_keys = plan->sort.n_keys;
    phys->sort.keys = MR_NEW_N(self->arena, MrSortKey, plan->sort.n_keys > 0 ? plan->sort.n_keys : 1);
    for (int32_t k = 0; k < plan->sort.n_keys; k++) {
        phys->sort.keys[k].spec = plan->sort.keys[k].spec;
        MR_TRY(lower_expr(self, plan->sort.keys[k].expr, &phys->sort.keys[k].expr, err));
    }
    phys->sort.limit = limit < plan->sort.limit ? limit : plan->sort.limit;
    phys->sort.offset = offset;
    *out = phys;
    return MR_OK;
}

/* LIMIT over SORT, also with projections in between: a top-N sort.  Deeper sorts are not asked for. */
static MrStatus lower_limit(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    const MrPlan *sort = plan->inputs[0];
    int32_t n_projects = 0;
    while (sort->kind == MR_PLAN_PROJECT) {
        sort = sort->inputs[0];
        n_projects++;
    }
    if (sort->kind == MR_PLAN_SORT && sort->sort.global && sort->sort.limit == INT64_MAX) {
        MrPhys *phys = NULL;
        MR_TRY(lower_sort(self, sort, plan->limit.limit, plan->limit.offset, &phys, err));
        places_clear(self, sort->inputs[0]->cols, sort->inputs[0]->n_cols);
        for (; n_projects > 0; n_projects--) {
            const MrPlan *project = plan->inputs[0];
            for (int32_t p = 1; p < n_projects; p++)
                project = project->inputs[0];
            MrPhys *above = phys_new(self, MR_PHYS_OP_PROJECT, project, 1);
            above->inputs[0] = phys;
            places_set(self, project->inputs[0]->cols, project->inputs[0]->n_cols, 0);
            MR_TRY(lower_named(self, project->project.exprs, project->n_cols, &above->project.exprs, err));
            places_clear(self, project->inputs[0]->cols, project->inputs[0]->n_cols);
            phys = above;
        }
        *out = phys;
        return MR_OK;
    }
    MrPhys *phys = phys_new(self, MR_PHYS_OP_LIMIT, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->limit.limit = plan->limit.limit;
    phys->limit.offset = plan->limit.offset;
    *out = phys;
    return MR_OK;
}

static MrStatus lower_aggregate(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    MrPhys *phys = phys_new(self, MR_PHYS_OP_AGGREGATE, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->aggregate.n_keys = plan->aggregate.n_keys;
    phys->aggregate.n_aggs = plan->aggregate.n_aggs;
    phys->aggregate.close_key = phys->aggregate.time_key = -1;
    MR_TRY(lower_named(self, plan->aggregate.keys, plan->aggregate.n_keys, &phys->aggregate.keys, err));
    MR_TRY(lower_named(self, plan->aggregate.aggs, plan->aggregate.n_aggs, &phys->aggregate.aggs, err));
    *out = phys;
    return MR_OK;
}

/* -- joins ------------------------------------------------------------------------------------ */

typedef struct Sides {
    const int32_t *places;
    int32_t n_left;
    bool left, right;
} Sides;

static bool sides_visit(void *arg, const MrExpr *expr)
{
    Sides *sides = arg;
    if (expr->kind == MR_EXPR_COLUMN) {
        if (sides->places[expr->column.id] < sides->n_left)
            sides->left = true;
        else
            sides->right = true;
    }
    return true;
}

static Sides expr_sides(Lower *self, const MrExpr *expr, int32_t n_left)
{
    Sides sides = {.places = self->places, .n_left = n_left};
    mr_expr_walk(expr, sides_visit, &sides);
    return sides;
}

/* The sides of an equality whose one argument reads the left input only and the other the right only. */
static bool equal_key(Lower *self, const MrExpr *expr, int32_t n_left, MrExpr **left, MrExpr **right, bool *null_safe)
{
    if (expr->kind != MR_EXPR_CALL || expr->n_args != 2)
        return false;
    const char *name = expr->bound->def->name;
    *null_safe = strcmp(name, "<=>") == 0;
    if (!*null_safe && strcmp(name, "=") != 0 && strcmp(name, "==") != 0)
        return false;
    if (!mr_type_same_data(expr->args[0]->type, expr->args[1]->type) || !mr_expr_is_pure(expr))
        return false;
    Sides a = expr_sides(self, expr->args[0], n_left), b = expr_sides(self, expr->args[1], n_left);
    if (a.left && !a.right && b.right && !b.left) {
        *left = expr->args[0];
        *right = expr->args[1];
        return true;
    }
    if (a.right && !a.left && b.left && !b.right) {
        *left = expr->args[1];
        *right = expr->args[0];
        return true;
    }
    return false;
}

static MrJoinKind join_exchanged(MrJoinKind kind)
{
    return kind == MR_JOIN_LEFT ? MR_JOIN_RIGHT : kind == MR_JOIN_RIGHT ? MR_JOIN_LEFT : kind;
}

static MrStatus lower_join(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    const MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
    MrJoinKind kind = plan->join.kind;
    MrPhys *phys_left = NULL, *phys_right = NULL;

    if (plan->join.lateral)
        return MR_FAIL_UNSUPPORTED(err, "this lateral join");
    MR_TRY(lower_node(self, left, &phys_left, err));
    MR_TRY(lower_node(self, right, &phys_right, err));
    MrPhys *phys = phys_new(self, MR_PHYS_OP_LOOP_JOIN, plan, 2);

    /* Conjuncts: keys and the rest. */
    places_set(self, left->cols, left->n_cols, 0);
    places_set(self, right->cols, right->n_cols, left->n_cols);
    MrExpr *condition = plan->join.condition;
    MrExpr **conjuncts = &condition;
    int32_t n_conjuncts = condition ? 1 : 0;
    if (condition && condition->kind == MR_EXPR_AND) {
        conjuncts = condition->args;
        n_conjuncts = condition->n_args;
    }
    MrExpr **left_keys = MR_NEW_N(self->arena, MrExpr *, n_conjuncts + 1);
    MrExpr **right_keys = MR_NEW_N(self->arena, MrExpr *, n_conjuncts + 1);
    bool *null_safe = MR_NEW_N(self->arena, bool, n_conjuncts + 1);
    int32_t n_keys = 0;
    MrExpr *rest = NULL;
    for (int32_t c = 0; c < n_conjuncts; c++) {
        if (equal_key(self, conjuncts[c], left->n_cols, &left_keys[n_keys], &right_keys[n_keys], &null_safe[n_keys]))
            n_keys++;
        else
            rest = mr_expr_and(self->arena, rest, conjuncts[c]);
    }
    /* Three-valued matching needs the whole condition unless one plain key is all of it. */
    bool three_valued = kind == MR_JOIN_MARK || kind == MR_JOIN_ANTI_NULL;
    if (three_valued && (n_keys != 1 || rest))
        n_keys = 0;
    if (n_keys == 0)
        rest = condition;

    bool build_left = !three_valued && kind != MR_JOIN_SINGLE && left->rows_estimate >= 0 &&
                      right->rows_estimate >= 0 && left->rows_estimate < right->rows_estimate;
    int32_t n_left = left->n_cols, n_right = right->n_cols;
    int32_t *out_cols = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    bool left_only = kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI || kind == MR_JOIN_ANTI_NULL || kind == MR_JOIN_MARK;
    for (int32_t c = 0; c < plan->n_cols; c++) {
        int32_t id = plan->cols[c].id;
        if (kind == MR_JOIN_MARK && id == plan->join.mark_id)
            out_cols[c] = n_left + n_right;
        else if (left_only && self->places[id] >= n_left)
            return MR_FAIL_INTERNAL(err, "a semi join gives a column of its right side");
        else if (self->places[id] < 0)
            return MR_FAIL_INTERNAL(err, "a join gives a column that it does not have: %s", plan->cols[c].name);
        else
            out_cols[c] = self->places[id];
        if (build_left) /* probe columns come first */
            out_cols[c] = out_cols[c] < n_left ? out_cols[c] + n_right : out_cols[c] - n_left;
    }
    if (build_left) {
        places_set(self, right->cols, n_right, 0);
        places_set(self, left->cols, n_left, n_right);
    }
    MR_TRY(lower_expr(self, rest, &phys->join.rest, err));
    places_clear(self, left->cols, n_left);
    places_clear(self, right->cols, n_right);
    places_set(self, left->cols, n_left, 0);
    MR_TRY(lower_exprs(self, left_keys, n_keys, &left_keys, err));
    places_clear(self, left->cols, n_left);
    places_set(self, right->cols, n_right, 0);
    MR_TRY(lower_exprs(self, right_keys, n_keys, &right_keys, err));
    places_clear(self, right->cols, n_right);

    phys->kind = n_keys > 0 ? MR_PHYS_OP_HASH_JOIN : MR_PHYS_OP_LOOP_JOIN;
    phys->inputs[0] = build_left ? phys_right : phys_left;
    phys->inputs[1] = build_left ? phys_left : phys_right;
    phys->join.kind = build_left ? join_exchanged(kind) : kind;
    phys->join.n_keys = n_keys;
    phys->join.left_keys = build_left ? right_keys : left_keys;
    phys->join.right_keys = build_left ? left_keys : right_keys;
    phys->join.null_safe = null_safe;
    phys->join.out_cols = out_cols;
    phys->join.build_left = build_left;
    phys->join.left_time_col = phys->join.right_time_col = -1;
    *out = phys;
    return MR_OK;
}

static MrStatus lower_window(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    MrPhys *phys = phys_new(self, MR_PHYS_OP_WINDOW, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->window.n_exprs = plan->window.n_exprs;
    MR_TRY(lower_named(self, plan->window.exprs, plan->window.n_exprs, &phys->window.exprs, err));
    *out = phys;
    return MR_OK;
}

static MrStatus lower_shared(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    int32_t id = plan->shared.shared_id;
    MrPhys *phys = phys_new(self, MR_PHYS_OP_SHARED, plan, 1);
    if (!self->shared[id])
        MR_TRY(lower_node(self, plan->inputs[0], &self->shared[id], err));
    phys->inputs[0] = self->shared[id];
    phys->shared.shared_id = id;
    *out = phys;
    return MR_OK;
}

static MrStatus lower_kind(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    MrPhys *phys = NULL;
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        return lower_scan(self, plan, out, err);
    case MR_PLAN_VALUES:
        return lower_values(self, plan, out, err);
    case MR_PLAN_RANGE:
        phys = phys_new(self, MR_PHYS_OP_RANGE, plan, 0);
        phys->range.start = plan->range.start;
        phys->range.end = plan->range.end;
        phys->range.step = plan->range.step;
        break;
    case MR_PLAN_PROJECT:
        phys = phys_new(self, MR_PHYS_OP_PROJECT, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        MR_TRY(lower_named(self, plan->project.exprs, plan->n_cols, &phys->project.exprs, err));
        break;
    case MR_PLAN_FILTER:
        phys = phys_new(self, MR_PHYS_OP_FILTER, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        MR_TRY(lower_expr(self, plan->filter.condition, &phys->filter.condition, err));
        break;
    case MR_PLAN_AGGREGATE:
        return lower_aggregate(self, plan, out, err);
    case MR_PLAN_EXPAND:
        phys = phys_new(self, MR_PHYS_OP_EXPAND, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->expand.n_projections = plan->expand.n_projections;
        phys->expand.projections = MR_NEW_N(self->arena, MrExpr **, plan->expand.n_projections + 1);
        for (int32_t p = 0; p < plan->expand.n_projections; p++)
            MR_TRY(lower_exprs(self, plan->expand.projections[p], plan->n_cols, &phys->expand.projections[p], err));
        break;
    case MR_PLAN_JOIN:
        return lower_join(self, plan, out, err);
    case MR_PLAN_SORT:
        return lower_sort(self, plan, INT64_MAX, 0, out, err);
    case MR_PLAN_LIMIT:
        return lower_limit(self, plan, out, err);
    case MR_PLAN_UNION:
        phys = phys_new(self, MR_PHYS_OP_UNION, plan, plan->n_inputs);
        for (int32_t i = 0; i < plan->n_inputs; i++)
            MR_TRY(lower_node(self, plan->inputs[i], &phys->inputs[i], err));
        break;
    case MR_PLAN_SETOP:
        return MR_FAIL_INTERNAL(err, "a set operation reached the physical plan");
    case MR_PLAN_WINDOW:
        return lower_window(self, plan, out, err);
    case MR_PLAN_GENERATE:
        phys = phys_new(self, MR_PHYS_OP_GENERATE, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->generate.def = plan->generate.def;
        phys->generate.bound = plan->generate.bound;
        phys->generate.n_args = plan->generate.n_args;
        phys->generate.outer = plan->generate.outer;
        MR_TRY(lower_exprs(self, plan->generate.args, plan->generate.n_args, &phys->generate.args, err));
        break;
    case MR_PLAN_WATERMARK:
        if (!plan->streaming || !self->options->streaming)
            return lower_node(self, plan->inputs[0], out, err);
        phys = phys_new(self, MR_PHYS_OP_WATERMARK, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->watermark.time_col = self->places[plan->watermark.column_id];
        phys->watermark.delay_us = plan->watermark.delay_us;
        if (phys->watermark.time_col < 0)
            return MR_FAIL_INTERNAL(err, "the watermark's column is not in its input");
        break;
    case MR_PLAN_SAMPLE:
        phys = phys_new(self, MR_PHYS_OP_SAMPLE, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->sample.from = plan->sample.from;
        phys->sample.to = plan->sample.to;
        phys->sample.seed = plan->sample.seed;
        phys->sample.replace = plan->sample.replace;
        break;
    case MR_PLAN_SHARED:
        return lower_shared(self, plan, out, err);
    case MR_PLAN_RECURSION:
        phys = phys_new(self, MR_PHYS_OP_RECURSION, plan, 2);
        MR_TRY(lower_node(self, plan->inputs[0], &phys->inputs[0], err));
        MR_TRY(lower_node(self, plan->inputs[1], &phys->inputs[1], err));
        phys->recursion.recursion_id = plan->recursion.recursion_id;
        phys->recursion.all = plan->recursion.all;
        phys->recursion.max_levels = plan->recursion.max_levels;
        phys->recursion.max_rows = plan->recursion.max_rows;
        break;
    case MR_PLAN_RECURSION_REF:
        phys = phys_new(self, MR_PHYS_OP_RECURSION_REF, plan, 0);
        phys->recursion.recursion_id = plan->recursion.recursion_id;
        break;
    }
    if (!phys)
        return MR_FAIL_INTERNAL(err, "plan node %d has no operator", (int)plan->kind);
    *out = phys;
    return MR_OK;
}

static MrStatus lower_node(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    MR_TRY(lower_kind(self, plan, out, err));
    for (int32_t i = 0; i < plan->n_inputs; i++)
        places_clear(self, plan->inputs[i]->cols, plan->inputs[i]->n_cols);
    return MR_OK;
}

MrStatus mr_plan_lower(MrPlanner *planner, const MrPlan *plan, const MrLowerOptions *options, MrPhys **out,
                       MrError *err)
{
    Lower self = {.planner = planner, .arena = planner->arena, .options = options};
    self.places = MR_NEW_N(planner->arena, int32_t, planner->next_id + 1);
    self.shared = MR_NEW_N(planner->arena, MrPhys *, planner->next_shared_id + 1);
    for (int32_t id = 0; id <= planner->next_id; id++)
        self.places[id] = -1;
    return lower_node(&self, plan, out, err);
}
