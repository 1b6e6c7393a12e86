/* lower.c - from the logical plan to the physical one: algorithms are chosen, columns get places.
 */
#include "plan/physical.h"
#include "plan/rules.h"

typedef struct Lower {
    MrPlanner *planner;
    MrArena *arena;
    const MrLowerOptions *options;
    int32_t next_phys_id;
    int32_t *places; /* column id -> place in the input at hand, -1: not there */
    int32_t n_ids;   /* that places and event_time have room for */
    int32_t missing_id;
    bool subquery_left;
    MrPhys **shared; /* by shared_id */
    /* Streams. */
    bool streaming; /* else: as a batch, also inside the plan of a RECOMPUTE                   */
    bool per_epoch; /* each epoch is a batch of its own                                        */
    bool complete;  /* complete mode, above the aggregates that keep the result               */
    const MrPlan **feeds; /* inputs of the RECOMPUTE whose plan is being lowered */
    int32_t n_feeds;
    bool *event_time; /* by column id: a watermark bounds it                                      */
} Lower;

#define MR_RECOMPUTE_INPUTS 64

static MrStatus lower_node(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err);
static bool gives_changes(Lower *self, const MrPlan *plan);
static bool needs_recompute(Lower *self, const MrPlan *plan);

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

/* Room for the columns that the planner has made by now. */
static void columns_grow(Lower *self)
{
    int32_t n_ids = self->planner->next_id + 1;
    int32_t *places = MR_NEW_N(self->arena, int32_t, n_ids);
    bool *event_time = MR_NEW_N(self->arena, bool, n_ids);
    for (int32_t id = 0; id < n_ids; id++)
        places[id] = id < self->n_ids ? self->places[id] : -1;
    if (self->n_ids > 0)
        memcpy(event_time, self->event_time, sizeof(bool) * (size_t)self->n_ids);
    self->places = places;
    self->event_time = event_time;
    self->n_ids = n_ids;
}

static MrExpr *lower_visit(void *arg, MrExpr *expr)
{
    Lower *self = arg;
    if (expr->kind == MR_EXPR_COLUMN) {
        expr->column.idx = self->places[expr->column.id];
        if (expr->column.idx < 0)
            self->missing_id = expr->column.id;
    } else if (expr->kind == MR_EXPR_OUTER || expr->kind == MR_EXPR_SCALAR_QUERY ||
               expr->kind == MR_EXPR_EXISTS || expr->kind == MR_EXPR_IN_QUERY) {
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

static MrStatus lower_exprs(Lower *self, MrExpr *const *exprs, int32_t n, MrExpr ***out,
                            MrError *err)
{
    *out = MR_NEW_N(self->arena, MrExpr *, n > 0 ? n : 1);
    for (int32_t e = 0; e < n; e++)
        MR_TRY(lower_expr(self, exprs[e], &(*out)[e], err));
    return MR_OK;
}

static MrStatus lower_named(Lower *self, const MrNamedExpr *exprs, int32_t n, MrExpr ***out,
                            MrError *err)
{
    *out = MR_NEW_N(self->arena, MrExpr *, n > 0 ? n : 1);
    for (int32_t e = 0; e < n; e++)
        MR_TRY(lower_expr(self, exprs[e].expr, &(*out)[e], err));
    return MR_OK;
}

/* -- nodes ------------------------------------------------------------------------------------ */

/* Nodes that go on from one epoch to the next when each epoch is a batch of its own. */
static bool lives_on(MrPhysKind kind)
{
    switch (kind) {
    case MR_PHYS_OP_SCAN:
    case MR_PHYS_OP_PROJECT:
    case MR_PHYS_OP_FILTER:
    case MR_PHYS_OP_GENERATE:
    case MR_PHYS_OP_UNION:
    case MR_PHYS_OP_SHARED:
    case MR_PHYS_OP_BATCH_WINDOW:
    case MR_PHYS_OP_KEYED_STATE:
        return true;
    default:
        return false;
    }
}

static MrPhys *phys_new(Lower *self, MrPhysKind kind, const MrPlan *plan, int32_t n_inputs)
{
    MrPhys *phys = MR_NEW(self->arena, MrPhys);
    phys->kind = kind;
    phys->id = self->next_phys_id++;
    phys->n_inputs = n_inputs;
    phys->inputs = MR_NEW_N(self->arena, MrPhys *, n_inputs > 0 ? n_inputs : 1);
    phys->streaming = plan->streaming && self->streaming && !self->complete &&
                      (!self->per_epoch || lives_on(kind));
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
    phys->values.rows =
        MR_NEW_N(self->arena, MrExpr **, plan->values.n_rows > 0 ? plan->values.n_rows : 1);
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

static MrStatus lower_sort(Lower *self, const MrPlan *plan, int64_t limit, int64_t offset,
                           MrPhys **out, MrError *err)
{
    MrPhys *phys = phys_new(self, MR_PHYS_OP_SORT, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->sort.n_keys = plan->sort.n_keys;
    phys->sort.keys =
        MR_NEW_N(self->arena, MrSortKey, plan->sort.n_keys > 0 ? plan->sort.n_keys : 1);
    for (int32_t k = 0; k < plan->sort.n_keys; k++) {
        phys->sort.keys[k].spec = plan->sort.keys[k].spec;
        MR_TRY(lower_expr(self, plan->sort.keys[k].expr, &phys->sort.keys[k].expr, err));
    }
    phys->sort.limit = limit < plan->sort.limit ? limit : plan->sort.limit;
    phys->sort.offset = offset;
    *out = phys;
    return MR_OK;
}

/* The sort whose first rows a LIMIT takes, also with projections in between; NULL: none. */
static const MrPlan *limited_sort(const MrPlan *limit, int32_t *n_projects)
{
    const MrPlan *sort = limit->inputs[0];
    for (*n_projects = 0; sort->kind == MR_PLAN_PROJECT; ++*n_projects)
        sort = sort->inputs[0];
    return sort->kind == MR_PLAN_SORT && sort->sort.global ? sort : NULL;
}

/* LIMIT over SORT, also with projections in between: a top-N sort.  Deeper sorts are not asked for.
 */
static MrStatus lower_limit(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    int32_t n_projects = 0;
    const MrPlan *sort = limited_sort(plan, &n_projects);
    if (sort && sort->sort.limit == INT64_MAX) {
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
            MR_TRY(lower_named(self, project->project.exprs, project->n_cols, &above->project.exprs,
                               err));
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

/* A watermark bounds the expression: the event-time column itself, or a window made of it. */
static bool event_time_visit(void *arg, const MrExpr *expr)
{
    bool **state = (bool **)arg;
    if (expr->kind == MR_EXPR_COLUMN && state[0][expr->column.id])
        *state[1] = true;
    return true;
}

static bool is_event_time(Lower *self, const MrExpr *expr)
{
    if (expr->kind == MR_EXPR_COLUMN)
        return self->event_time[expr->column.id];
    bool found = false;
    bool *state[2] = {self->event_time, &found};
    if (expr->type->kind == MR_TYPE_STRUCT && expr->type->n_fields == 2 &&
        strcmp(expr->type->fields[0].name, "start") == 0 &&
        strcmp(expr->type->fields[1].name, "end") == 0)
        mr_expr_walk(expr, event_time_visit, state);
    return found;
}

/* Notes which output columns of a node of the stream are bounded by a watermark. */
static void note_event_time(Lower *self, const MrPlan *plan)
{
    if (plan->kind == MR_PLAN_WATERMARK)
        self->event_time[plan->watermark.column_id] = true;
    for (int32_t c = 0; plan->kind == MR_PLAN_PROJECT && c < plan->n_cols; c++)
        self->event_time[plan->cols[c].id] |= is_event_time(self, plan->project.exprs[c].expr);
    for (int32_t k = 0; plan->kind == MR_PLAN_AGGREGATE && k < plan->aggregate.n_keys; k++)
        self->event_time[plan->cols[k].id] |= is_event_time(self, plan->aggregate.keys[k].expr);
    for (int32_t c = 0; plan->kind == MR_PLAN_UNION && c < plan->n_cols; c++)
        for (int32_t i = 0; i < plan->n_inputs; i++)
            self->event_time[plan->cols[c].id] |= self->event_time[plan->inputs[i]->cols[c].id];
    for (int32_t c = 0; plan->kind == MR_PLAN_SHARED && c < plan->n_cols; c++)
        self->event_time[plan->cols[c].id] |= self->event_time[plan->inputs[0]->cols[c].id];
}

static MrStatus lower_stream_aggregate(Lower *self, const MrPlan *plan, MrPhys *phys, MrError *err)
{
    bool has_changes = gives_changes(self, plan->inputs[0]);
    phys->aggregate.changes_in = has_changes;
    int32_t session_key = plan->aggregate.session_key;
    bool gives_early = plan->aggregate.n_aggs == 0 && session_key < 0; /* a key alone is final */
    for (int32_t k = 0; k < plan->aggregate.n_keys && !has_changes; k++)
        if (phys->aggregate.time_key < 0 && (session_key < 0 || session_key == k) &&
            is_event_time(self, plan->aggregate.keys[k].expr))
            phys->aggregate.time_key = k;
    if (self->complete) {
        phys->aggregate.complete = true;
        phys->aggregate.time_key = -1; /* everything is kept */
    } else if (self->options->output_mode == MR_MODE_APPEND) {
        if (phys->aggregate.time_key < 0 && (!gives_early || has_changes))
            return MR_FAIL(err, MR_COND_UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK,
                           "outputMode", "append", "statefulOperator", "aggregations");
        if (!gives_early)
            phys->aggregate.close_key = phys->aggregate.time_key;
        else
            phys->aggregate.evict = phys->aggregate.time_key >= 0;
    } else if (self->options->output_mode != MR_MODE_CHANGES) {
        phys->aggregate.evict = phys->aggregate.time_key >= 0;
    } else {
        phys->aggregate.time_key = -1; /* changes: no group is ever final */
    }
    phys->streaming = true;
    return MR_OK;
}

/* Groups of -0.0 and 0.0 are one, and come out as 0.0 (Spark's NormalizeFloatingNumbers). */
static MrStatus positive_zeros(Lower *self, MrExpr **keys, int32_t n_keys, MrError *err)
{
    for (int32_t k = 0; k < n_keys; k++) {
        const MrType *type = keys[k]->type;
        double f64 = 0;
        float f32 = 0;
        if (type->kind != MR_TYPE_DOUBLE && type->kind != MR_TYPE_FLOAT)
            continue;
        MrVector *zero = mr_vector_constant(self->arena, type,
                                            type->kind == MR_TYPE_DOUBLE ? (void *)&f64 : &f32);
        MrExpr *args[2] = {keys[k], mr_expr_literal(self->arena, zero)};
        MR_TRY(mr_expr_call(self->arena, self->planner->settings, "+", args, 2, &keys[k], err));
    }
    return MR_OK;
}

static MrStatus lower_aggregate(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    bool complete = self->complete, stream = self->streaming && plan->streaming && !self->per_epoch;
    bool sessions = plan->aggregate.session_key >= 0;
    if (sessions && !stream) {
        MrPlan *expanded = NULL;
        MR_TRY(mr__session_expand(self->planner, plan, &expanded, err));
        columns_grow(self);
        return lower_node(self, expanded, out, err);
    }
    MrPhys *phys = phys_new(self, sessions ? MR_PHYS_OP_SESSION : MR_PHYS_OP_AGGREGATE, plan, 1);
    phys->aggregate.session_key = plan->aggregate.session_key;
    self->complete = false; /* below it changes come */
    MR_TRY(lower_input(self, plan, phys, err));
    self->complete = complete;
    phys->aggregate.n_keys = plan->aggregate.n_keys;
    phys->aggregate.n_aggs = plan->aggregate.n_aggs;
    phys->aggregate.close_key = phys->aggregate.time_key = -1;
    MR_TRY(lower_named(self, plan->aggregate.keys, plan->aggregate.n_keys, &phys->aggregate.keys,
                       err));
    MR_TRY(positive_zeros(self, phys->aggregate.keys, phys->aggregate.n_keys, err));
    MR_TRY(lower_named(self, plan->aggregate.aggs, plan->aggregate.n_aggs, &phys->aggregate.aggs,
                       err));
    if (stream)
        MR_TRY(lower_stream_aggregate(self, plan, phys, err));
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

/* The sides of an equality whose one argument reads the left input only and the other the right
 * only. */
static bool equal_key(Lower *self, const MrExpr *expr, int32_t n_left, MrExpr **left,
                      MrExpr **right, bool *null_safe)
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

/* p of coalesce(p, false), which is never NULL. */
static const MrExpr *sure_part(const MrExpr *expr, bool *is_sure)
{
    if (expr->kind != MR_EXPR_COALESCE || expr->n_args != 2 ||
        expr->args[1]->kind != MR_EXPR_LITERAL || expr->args[1]->type->kind != MR_TYPE_BOOLEAN ||
        mr_vector_is_null(expr->args[1]->literal, 0) || expr->args[1]->literal->i8[0])
        return expr;
    *is_sure = true;
    return expr->args[0];
}

/* The join has at least one key, so that two states can be probed. */
static bool has_equal_key(Lower *self, const MrPlan *plan)
{
    MrExpr *left = NULL, *right = NULL, *condition = plan->join.condition;
    bool null_safe = false, found = false;
    const MrPlan *l = plan->inputs[0], *r = plan->inputs[1];
    if (!condition || plan->join.lateral)
        return false;
    places_set(self, l->cols, l->n_cols, 0);
    places_set(self, r->cols, r->n_cols, l->n_cols);
    int32_t n = condition->kind == MR_EXPR_AND ? condition->n_args : 1;
    for (int32_t c = 0; c < n && !found; c++)
        found = equal_key(self, condition->kind == MR_EXPR_AND ? condition->args[c] : condition,
                          l->n_cols, &left, &right, &null_safe);
    places_clear(self, l->cols, l->n_cols);
    places_clear(self, r->cols, r->n_cols);
    return found;
}

/* A sum of event times and lengths of time: l - r + 5 minutes. */
typedef struct TimeSum {
    int32_t n_cols;
    int32_t ids[2];
    int signs[2];
    int64_t us;
} TimeSum;

static bool time_sum(const MrExpr *expr, int sign, TimeSum *sum)
{
    int64_t us = 0;
    if (expr->kind == MR_EXPR_COLUMN) {
        if (sum->n_cols == 2 ||
            (expr->type->kind != MR_TYPE_TIMESTAMP && expr->type->kind != MR_TYPE_TIMESTAMP_NTZ))
            return false;
        sum->ids[sum->n_cols] = expr->column.id;
        sum->signs[sum->n_cols++] = sign;
        return true;
    }
    if (expr->kind == MR_EXPR_LITERAL) {
        if (mr_vector_is_null(expr->literal, 0))
            return false;
        if (expr->type->kind == MR_TYPE_INTERVAL_DT)
            us = expr->literal->i64[0];
        else if (expr->type->kind == MR_TYPE_INTERVAL && expr->literal->interval[0].months == 0 &&
                 expr->literal->interval[0].days == 0)
            us = expr->literal->interval[0].us;
        else
            return false;
        return !__builtin_mul_overflow(us, sign, &us) &&
               !__builtin_add_overflow(sum->us, us, &sum->us);
    }
    if (expr->kind != MR_EXPR_CALL || expr->n_args != 2)
        return false;
    const char *name = expr->bound->def->name;
    bool minus = strcmp(name, "-") == 0;
    return (minus || strcmp(name, "+") == 0) && time_sum(expr->args[0], sign, sum) &&
           time_sum(expr->args[1], minus ? -sign : sign, sum);
}

static void side_bound(int32_t *time_col, int64_t *keep_us, int32_t col, int64_t us)
{
    if (*time_col >= 0 && *keep_us <= us)
        return;
    *time_col = col;
    *keep_us = us;
}

/* What a comparison of the sides' times says of how long rows of each can match: l - r + us >= 0
 * means that a left row matches no right row later than l + us.  The later side must have a
 * watermark. */
static void range_bound(Lower *self, const MrExpr *expr, int32_t n_left, MrPhys *phys)
{
    static const char *const names[] = {">", ">=", "<", "<=", "=", "==", "<=>"};
    TimeSum sum = {0};
    int32_t op = -1;
    if (expr->kind != MR_EXPR_CALL || expr->n_args != 2)
        return;
    for (int32_t i = 0; i < (int32_t)MR_COUNT(names); i++)
        if (strcmp(expr->bound->def->name, names[i]) == 0)
            op = i;
    if (op < 0 || !time_sum(expr->args[0], 1, &sum) || !time_sum(expr->args[1], -1, &sum) ||
        sum.n_cols != 2 || sum.signs[0] == sum.signs[1] || sum.us == INT64_MIN)
        return;
    int32_t l = self->places[sum.ids[0]] < n_left ? 0 : 1;
    int32_t left = self->places[sum.ids[l]], right = self->places[sum.ids[1 - l]];
    if (left >= n_left || right < n_left)
        return;
    bool at_least = op < 2 || op > 3, at_most = op >= 2;
    if (sum.signs[l] < 0) {
        bool swap = at_least;
        at_least = at_most;
        at_most = swap;
        sum.us = -sum.us;
    }
    if (at_least && self->event_time[sum.ids[1 - l]]) {
        side_bound(&phys->join.left_time_col, &phys->join.left_keep_us, left, sum.us);
        phys->join.right_late_col = right - n_left;
    }
    if (at_most && self->event_time[sum.ids[l]]) {
        side_bound(&phys->join.right_time_col, &phys->join.right_keep_us, right - n_left, -sum.us);
        phys->join.left_late_col = left;
    }
}

/* Bounds of both states; the columns' places are those of the condition.  Equal event times bound
 * both sides, whichever of them has the watermark, as in Spark. */
static void join_bounds(Lower *self, const MrPlan *plan, MrExpr *const *conjuncts,
                        int32_t n_conjuncts, MrPhys *phys)
{
    int32_t n_left = plan->inputs[0]->n_cols, n_all = n_left + plan->inputs[1]->n_cols;
    if (self->options->output_mode == MR_MODE_CHANGES || gives_changes(self, plan->inputs[0]) ||
        gives_changes(self, plan->inputs[1]))
        return; /* nothing is late, nothing ever final */
    for (int32_t c = 0; c < n_conjuncts; c++)
        range_bound(self, conjuncts[c], n_left, phys);
    for (int32_t c = 0; c < n_conjuncts; c++) {
        MrExpr *left = NULL, *right = NULL;
        bool null_safe = false;
        if (!equal_key(self, conjuncts[c], n_left, &left, &right, &null_safe) ||
            left->kind != MR_EXPR_COLUMN || right->kind != MR_EXPR_COLUMN)
            continue;
        bool left_bound = self->event_time[left->column.id];
        bool right_bound = self->event_time[right->column.id];
        if (!left_bound && !right_bound)
            continue;
        phys->join.left_time_col = self->places[left->column.id];
        phys->join.right_time_col = self->places[right->column.id] - n_left;
        phys->join.left_keep_us = phys->join.right_keep_us = 0;
        phys->join.left_late_col = left_bound ? phys->join.left_time_col : -1;
        phys->join.right_late_col = right_bound ? phys->join.right_time_col : -1;
        break;
    }
    for (int32_t c = 0; c < n_all; c++) { /* no bound asks for it, but late is late */
        const MrPlan *side = plan->inputs[c >= n_left];
        int32_t place = c >= n_left ? c - n_left : c;
        int32_t *late = c >= n_left ? &phys->join.right_late_col : &phys->join.left_late_col;
        if (*late < 0 && self->event_time[side->cols[place].id])
            *late = place;
    }
}

static const char *outer_name(MrJoinKind kind)
{
    return kind == MR_JOIN_LEFT    ? "LeftOuter"
           : kind == MR_JOIN_RIGHT ? "RightOuter"
           : kind == MR_JOIN_FULL  ? "FullOuter"
           : kind == MR_JOIN_SEMI  ? "LeftSemi"
                                   : "LeftAnti";
}

/* Append mode: what stands alone must become final some day (Spark's rule). */
static MrStatus join_final(Lower *self, MrPhys *phys, MrError *err)
{
    MrJoinKind kind = phys->join.kind;
    bool left = phys->join.left_time_col >= 0, right = phys->join.right_time_col >= 0;
    phys->join.final = self->options->output_mode == MR_MODE_APPEND;
    if (!phys->join.final || kind == MR_JOIN_INNER ||
        (kind == MR_JOIN_RIGHT  ? right
         : kind == MR_JOIN_FULL ? left || right
                                : left))
        return MR_OK;
    return MR_FAIL(
        err, MR_COND__LEGACY_ERROR_TEMP_3102, "msg",
        mr_arena_printf(self->arena,
                        "A %s join of two streams needs, in append mode, a watermark on a "
                        "join key, or one on the other side and a condition that bounds "
                        "the time between matching rows",
                        outer_name(kind)));
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
    /* Where a pair may be unknown, keys are what is known (<=>, or an = that is false for NULL), or
     * one plain = that is the whole condition. */
    bool three_valued = kind == MR_JOIN_MARK || kind == MR_JOIN_ANTI_NULL;
    MrExpr *rest = NULL;
    for (int32_t c = 0; c < n_conjuncts; c++) {
        bool is_sure = !three_valued || n_conjuncts == 1;
        const MrExpr *equal = three_valued ? sure_part(conjuncts[c], &is_sure) : conjuncts[c];
        if (equal_key(self, equal, left->n_cols, &left_keys[n_keys], &right_keys[n_keys],
                      &null_safe[n_keys]) &&
            (is_sure || null_safe[n_keys]))
            n_keys++;
        else
            rest = mr_expr_and(self->arena, rest, conjuncts[c]);
    }
    phys->join.sure_keys =
        three_valued && (n_conjuncts > 1 || (condition && condition->kind == MR_EXPR_COALESCE));
    bool changes = self->streaming && !self->complete && !self->per_epoch;
    bool both_stream = changes && left->streaming && right->streaming;
    if (n_keys == 0 ||
        both_stream) /* a stream join finds pairs by hash and tests all of the condition */
        rest = condition;

    bool build_left = !three_valued && kind != MR_JOIN_SINGLE && left->rows_estimate >= 0 &&
                      right->rows_estimate >= 0 && left->rows_estimate < right->rows_estimate;
    if (changes && plan->streaming)
        build_left = !left->streaming; /* the static side */
    int32_t n_left = left->n_cols, n_right = right->n_cols;
    int32_t *out_cols = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    bool left_only = kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI || kind == MR_JOIN_ANTI_NULL ||
                     kind == MR_JOIN_MARK;
    for (int32_t c = 0; c < plan->n_cols; c++) {
        int32_t id = plan->cols[c].id;
        if (kind == MR_JOIN_MARK && id == plan->join.mark_id)
            out_cols[c] = n_left + n_right;
        else if (left_only && self->places[id] >= n_left)
            return MR_FAIL_INTERNAL(err, "a semi join gives a column of its right side");
        else if (self->places[id] < 0)
            return MR_FAIL_INTERNAL(err, "a join gives a column that it does not have: %s",
                                    plan->cols[c].name);
        else
            out_cols[c] = self->places[id];
        if (build_left) /* probe columns come first */
            out_cols[c] = out_cols[c] < n_left ? out_cols[c] + n_right : out_cols[c] - n_left;
    }
    phys->join.left_time_col = phys->join.right_time_col = -1;
    phys->join.left_late_col = phys->join.right_late_col = -1;
    phys->join.kind = build_left ? join_exchanged(kind) : kind;
    if (both_stream) {
        join_bounds(self, plan, conjuncts, n_conjuncts, phys);
        MR_TRY(join_final(self, phys, err));
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
    if (both_stream)
        phys->kind = MR_PHYS_OP_STREAM_JOIN;
    phys->inputs[0] = build_left ? phys_right : phys_left;
    phys->inputs[1] = build_left ? phys_left : phys_right;
    phys->join.n_keys = n_keys;
    phys->join.left_keys = build_left ? right_keys : left_keys;
    phys->join.right_keys = build_left ? left_keys : right_keys;
    phys->join.null_safe = null_safe;
    phys->join.out_cols = out_cols;
    phys->join.build_left = build_left;
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

/* The input columns that a generator passes on. */
static void lower_keep(Lower *self, const MrPlan *plan, MrPhys *phys)
{
    int32_t n_keep = plan->n_cols - plan->generate.bound->type->n_fields;
    int32_t *keep = MR_NEW_N(self->arena, int32_t, n_keep + 1);
    for (int32_t c = 0; c < n_keep; c++)
        keep[c] = self->places[plan->cols[c].id];
    phys->generate.n_keep = n_keep;
    phys->generate.keep = keep;
}

/* What a DStream keeps from batch to batch. */
static MrStatus lower_batches(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    bool window = plan->kind == MR_PLAN_BATCH_WINDOW;
    if (!self->per_epoch)
        return MR_FAIL_UNSUPPORTED(err, "windows and states of DStreams outside of one");
    MrPhys *phys =
        phys_new(self, window ? MR_PHYS_OP_BATCH_WINDOW : MR_PHYS_OP_KEYED_STATE, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    if (window) {
        phys->batch_window.length_us = plan->batch_window.length_us;
        phys->batch_window.slide_us = plan->batch_window.slide_us;
        phys->batch_window.deltas = plan->batch_window.deltas;
    } else {
        phys->keyed_state = plan->keyed_state;
    }
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
            MR_TRY(lower_exprs(self, plan->expand.projections[p], plan->n_cols,
                               &phys->expand.projections[p], err));
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
        lower_keep(self, plan, phys);
        MR_TRY(lower_exprs(self, plan->generate.args, plan->generate.n_args, &phys->generate.args,
                           err));
        break;
    case MR_PLAN_WATERMARK:
        if (!plan->streaming || !self->streaming)
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
    case MR_PLAN_BATCH_WINDOW:
    case MR_PLAN_KEYED_STATE:
        return lower_batches(self, plan, out, err);
    }
    if (!phys)
        return MR_FAIL_INTERNAL(err, "plan node %d has no operator", (int)plan->kind);
    *out = phys;
    return MR_OK;
}

/* -- streams ---------------------------------------------------------------------------------- */

/* True when the node, as a stream, takes rows back that it gave. */
static bool gives_changes(Lower *self, const MrPlan *plan)
{
    if (!plan->streaming || self->per_epoch)
        return false;
    if (needs_recompute(self, plan))
        return true;
    if (plan->kind == MR_PLAN_SCAN)
        return plan->scan.source && !plan->scan.source->append_only;
    if (plan->kind == MR_PLAN_AGGREGATE) {
        bool below = gives_changes(self, plan->inputs[0]);
        bool final = self->options->output_mode == MR_MODE_APPEND; /* or it is refused */
        bool grows = plan->aggregate.n_aggs > 0 || plan->aggregate.session_key >= 0;
        return below || (grows && !final);
    }
    if (plan->kind == MR_PLAN_JOIN && plan->inputs[0]->streaming && plan->inputs[1]->streaming &&
        plan->join.kind != MR_JOIN_INNER && plan->join.kind != MR_JOIN_SEMI &&
        self->options->output_mode != MR_MODE_APPEND)
        return true; /* a row that stood alone finds a match */
    for (int32_t i = 0; i < plan->n_inputs; i++)
        if (gives_changes(self, plan->inputs[i]))
            return true;
    return false;
}

/* No incremental rule for this node of a stream. */
static bool needs_recompute(Lower *self, const MrPlan *plan)
{
    if (self->per_epoch)
        return false;
    switch (plan->kind) {
    case MR_PLAN_SORT:
    case MR_PLAN_LIMIT:
    case MR_PLAN_WINDOW:
    case MR_PLAN_RECURSION:
    case MR_PLAN_SETOP:
        return true;
    case MR_PLAN_SAMPLE:
        return gives_changes(self, plan->inputs[0]);
    case MR_PLAN_UNION: /* a static input is to be seen once */
        for (int32_t i = 0; i < plan->n_inputs; i++)
            if (!plan->inputs[i]->streaming)
                return true;
        return false;
    case MR_PLAN_AGGREGATE: {
        bool has_changes = gives_changes(self, plan->inputs[0]);
        if (has_changes && plan->aggregate.session_key >= 0) /* a session may fall apart */
            return true;
        for (int32_t a = 0; a < plan->aggregate.n_aggs; a++) {
            const MrExpr *agg = plan->aggregate.aggs[a].expr;
            uint32_t flags = agg->aggregate.agg->flags;
            if ((agg->aggregate.distinct && !(flags & MR_AGG_IGNORES_DISTINCT)) ||
                agg->aggregate.n_order > 0 || (has_changes && !(flags & MR_AGG_RETRACTS)))
                return true;
        }
        return false;
    }
    case MR_PLAN_JOIN: {
        bool left = plan->inputs[0]->streaming, right = plan->inputs[1]->streaming;
        MrJoinKind kind = plan->join.kind;
        if (left && right)
            return kind > MR_JOIN_ANTI || !has_equal_key(self, plan);
        if (left)
            return kind == MR_JOIN_RIGHT || kind == MR_JOIN_FULL;
        return kind != MR_JOIN_INNER && kind != MR_JOIN_RIGHT;
    }
    default:
        return false;
    }
}

static const char *plan_kind_name(MrPlanKind kind)
{
    switch (kind) {
    case MR_PLAN_SORT:
        return "a sort";
    case MR_PLAN_LIMIT:
        return "a limit";
    case MR_PLAN_WINDOW:
        return "a window function";
    case MR_PLAN_JOIN:
        return "a join of this kind";
    case MR_PLAN_AGGREGATE:
        return "an aggregate with DISTINCT or order, or over changes,";
    default:
        return "an operation of this kind";
    }
}

/* Feeds of a node that is recomputed: its streaming inputs; of a limit of a sort that of the sort,
 * for what is fed has no order; of a recursion, whose step is not a plan on its own, the streams
 * that are read inside. */
static void find_feeds(const MrPlan *plan, bool leaves, const MrPlan **feeds, int32_t *n)
{
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        const MrPlan *input = plan->inputs[i];
        bool known = false;
        if (!input->streaming)
            continue;
        if (leaves && input->kind != MR_PLAN_SCAN && input->kind != MR_PLAN_WATERMARK) {
            find_feeds(input, true, feeds, n);
            continue;
        }
        for (int32_t f = 0; f < *n; f++)
            known = known || feeds[f] == input;
        if (!known && *n < MR_RECOMPUTE_INPUTS)
            feeds[(*n)++] = input;
    }
}

static MrStatus lower_recompute(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    const MrPlan **feeds = MR_NEW_N(self->arena, const MrPlan *, MR_RECOMPUTE_INPUTS);
    int32_t n_feeds = 0;
    bool complete = self->complete;
    if (self->options->output_mode == MR_MODE_APPEND)
        return MR_FAIL(
            err, MR_COND_STREAMING_OUTPUT_MODE__UNSUPPORTED_OPERATION, "outputMode", "append",
            "operation",
            mr_arena_printf(self->arena, "%s over a stream", plan_kind_name(plan->kind)));
    int32_t n_projects;
    const MrPlan *sort = plan->kind == MR_PLAN_LIMIT ? limited_sort(plan, &n_projects) : NULL;
    find_feeds(sort ? sort : plan, plan->kind == MR_PLAN_RECURSION, feeds, &n_feeds);
    MrPhys *phys = phys_new(self, MR_PHYS_OP_RECOMPUTE, plan, n_feeds);
    phys->streaming = true;
    phys->recompute.complete = complete;
    self->complete = false;
    for (int32_t f = 0; f < n_feeds; f++)
        MR_TRY(lower_node(self, feeds[f], &phys->inputs[f], err));
    Lower outer = *self;
    self->streaming = false;
    self->feeds = feeds;
    self->n_feeds = n_feeds;
    self->shared = MR_NEW_N(self->arena, MrPhys *, self->planner->next_shared_id + 1);
    MR_TRY(lower_node(self, plan, &phys->recompute.plan, err));
    self->streaming = outer.streaming;
    self->feeds = outer.feeds;
    self->n_feeds = outer.n_feeds;
    self->shared = outer.shared;
    self->complete = complete;
    *out = phys;
    return MR_OK;
}

/* True when a streaming aggregate stands somewhere on each way down to the streams. */
static bool aggregates_stream(const MrPlan *plan)
{
    if (!plan->streaming || plan->kind == MR_PLAN_AGGREGATE)
        return true;
    for (int32_t i = 0; i < plan->n_inputs; i++)
        if (!aggregates_stream(plan->inputs[i]))
            return false;
    return plan->n_inputs > 0;
}

static int64_t max_i64(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* How far behind the watermark event times may be above a node: a join gives rows that it kept. */
static int64_t output_lag(const MrPhys *phys)
{
    int64_t keep_us = 0, lag_us;
    if (phys->kind == MR_PHYS_OP_STREAM_JOIN) {
        keep_us =
            phys->join.left_time_col >= 0 ? max_i64(keep_us, phys->join.left_keep_us) : keep_us;
        keep_us =
            phys->join.right_time_col >= 0 ? max_i64(keep_us, phys->join.right_keep_us) : keep_us;
    }
    return __builtin_add_overflow(phys->lag_us, keep_us, &lag_us) ? INT64_MAX : lag_us;
}

static MrStatus lower_node(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    for (int32_t f = 0; f < self->n_feeds && !self->streaming; f++) {
        if (self->feeds[f] == plan) {
            *out = phys_new(self, MR_PHYS_OP_FEED, plan, 0);
            (*out)->feed.input_idx = f;
            return MR_OK;
        }
    }
    if (self->streaming && plan->streaming) {
        bool recomputes = self->complete
                              ? !aggregates_stream(plan) ||
                                    (plan->kind == MR_PLAN_AGGREGATE && needs_recompute(self, plan))
                              : needs_recompute(self, plan);
        if (recomputes)
            return lower_recompute(self, plan, out, err);
    }
    MR_TRY(lower_kind(self, plan, out, err));
    for (int32_t i = 0; i < plan->n_inputs; i++)
        places_clear(self, plan->inputs[i]->cols, plan->inputs[i]->n_cols);
    if (self->streaming && plan->streaming) {
        note_event_time(self, plan);
        for (int32_t i = 0; i < (*out)->n_inputs; i++)
            (*out)->lag_us = max_i64((*out)->lag_us, output_lag(((*out)->inputs[i])));
    }
    return MR_OK;
}

MrStatus mr_plan_lower(MrPlanner *planner, const MrPlan *plan, const MrLowerOptions *options,
                       MrPhys **out, MrError *err)
{
    Lower self = {.planner = planner,
                  .arena = planner->arena,
                  .options = options,
                  .streaming = options->streaming,
                  .per_epoch = options->streaming && options->per_epoch};
    self.complete = options->streaming && options->output_mode == MR_MODE_COMPLETE;
    columns_grow(&self);
    self.shared = MR_NEW_N(planner->arena, MrPhys *, planner->next_shared_id + 1);
    MR_TRY(lower_node(&self, plan, out, err));
    mr__key_filters_place(self.arena, *out);
    if (options->streaming)
        mr__number_states(*out);
    return MR_OK;
}
