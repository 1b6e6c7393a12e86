/* lower.c - from the logical plan to the physical one: algorithms are chosen, columns get places.
 */
#include "plan/lower_int.h"

/* -- columns ---------------------------------------------------------------------------------- */

void mr__places_set(Lower *self, const MrColumn *cols, int32_t n_cols, int32_t from)
{
    for (int32_t c = 0; c < n_cols; c++)
        self->places[cols[c].id] = from + c;
}

void mr__places_clear(Lower *self, const MrColumn *cols, int32_t n_cols)
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
MrStatus mr__lower_expr(Lower *self, MrExpr *expr, MrExpr **out, MrError *err)
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

MrStatus mr__lower_exprs(Lower *self, MrExpr *const *exprs, int32_t n, MrExpr ***out, MrError *err)
{
    *out = MR_NEW_N(self->arena, MrExpr *, n > 0 ? n : 1);
    for (int32_t e = 0; e < n; e++)
        MR_TRY(mr__lower_expr(self, exprs[e], &(*out)[e], err));
    return MR_OK;
}

static MrStatus lower_named(Lower *self, const MrNamedExpr *exprs, int32_t n, MrExpr ***out,
                            MrError *err)
{
    *out = MR_NEW_N(self->arena, MrExpr *, n > 0 ? n : 1);
    for (int32_t e = 0; e < n; e++)
        MR_TRY(mr__lower_expr(self, exprs[e].expr, &(*out)[e], err));
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

MrPhys *mr__phys_new(Lower *self, MrPhysKind kind, const MrPlan *plan, int32_t n_inputs)
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
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_SCAN, plan, 0);
    MrExpr **filters = NULL;
    mr__places_set(self, plan->cols, plan->n_cols, 0);
    MR_TRY(mr__lower_exprs(self, plan->scan.filters, plan->scan.n_filters, &filters, err));
    mr__places_clear(self, plan->cols, plan->n_cols);
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
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_VALUES, plan, 0);
    phys->values.n_rows = plan->values.n_rows;
    phys->values.rows =
        MR_NEW_N(self->arena, MrExpr **, plan->values.n_rows > 0 ? plan->values.n_rows : 1);
    for (int32_t r = 0; r < plan->values.n_rows; r++)
        MR_TRY(mr__lower_exprs(self, plan->values.rows ? plan->values.rows[r] : NULL, plan->n_cols,
                               &phys->values.rows[r], err));
    *out = phys;
    return MR_OK;
}

/* Lowers the only input and makes its columns known. */
static MrStatus lower_input(Lower *self, const MrPlan *plan, MrPhys *phys, MrError *err)
{
    MR_TRY(mr__lower_node(self, plan->inputs[0], &phys->inputs[0], err));
    mr__places_set(self, plan->inputs[0]->cols, plan->inputs[0]->n_cols, 0);
    return MR_OK;
}

static MrStatus lower_sort(Lower *self, const MrPlan *plan, int64_t limit, int64_t offset,
                           MrPhys **out, MrError *err)
{
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_SORT, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->sort.n_keys = plan->sort.n_keys;
    phys->sort.keys =
        MR_NEW_N(self->arena, MrSortKey, plan->sort.n_keys > 0 ? plan->sort.n_keys : 1);
    for (int32_t k = 0; k < plan->sort.n_keys; k++) {
        phys->sort.keys[k].spec = plan->sort.keys[k].spec;
        MR_TRY(mr__lower_expr(self, plan->sort.keys[k].expr, &phys->sort.keys[k].expr, err));
    }
    phys->sort.limit = limit < plan->sort.limit ? limit : plan->sort.limit;
    phys->sort.offset = offset;
    *out = phys;
    return MR_OK;
}

/* The sort whose first rows a LIMIT takes, also with projections in between; NULL: none. */
const MrPlan *mr__limited_sort(const MrPlan *limit, int32_t *n_projects)
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
    const MrPlan *sort = mr__limited_sort(plan, &n_projects);
    if (sort && sort->sort.limit == INT64_MAX) {
        MrPhys *phys = NULL;
        MR_TRY(lower_sort(self, sort, plan->limit.limit, plan->limit.offset, &phys, err));
        mr__places_clear(self, sort->inputs[0]->cols, sort->inputs[0]->n_cols);
        for (; n_projects > 0; n_projects--) {
            const MrPlan *project = plan->inputs[0];
            for (int32_t p = 1; p < n_projects; p++)
                project = project->inputs[0];
            MrPhys *above = mr__phys_new(self, MR_PHYS_OP_PROJECT, project, 1);
            above->inputs[0] = phys;
            mr__places_set(self, project->inputs[0]->cols, project->inputs[0]->n_cols, 0);
            MR_TRY(lower_named(self, project->project.exprs, project->n_cols, &above->project.exprs,
                               err));
            mr__places_clear(self, project->inputs[0]->cols, project->inputs[0]->n_cols);
            phys = above;
        }
        *out = phys;
        return MR_OK;
    }
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_LIMIT, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->limit.limit = plan->limit.limit;
    phys->limit.offset = plan->limit.offset;
    *out = phys;
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
        return mr__lower_node(self, expanded, out, err);
    }
    MrPhys *phys =
        mr__phys_new(self, sessions ? MR_PHYS_OP_SESSION : MR_PHYS_OP_AGGREGATE, plan, 1);
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
        MR_TRY(mr__lower_stream_aggregate(self, plan, phys, err));
    *out = phys;
    return MR_OK;
}

static MrStatus lower_window(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_WINDOW, plan, 1);
    MR_TRY(lower_input(self, plan, phys, err));
    phys->window.n_exprs = plan->window.n_exprs;
    MR_TRY(lower_named(self, plan->window.exprs, plan->window.n_exprs, &phys->window.exprs, err));
    *out = phys;
    return MR_OK;
}

static MrStatus lower_shared(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    int32_t id = plan->shared.shared_id;
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_SHARED, plan, 1);
    if (!self->shared[id])
        MR_TRY(mr__lower_node(self, plan->inputs[0], &self->shared[id], err));
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
        mr__phys_new(self, window ? MR_PHYS_OP_BATCH_WINDOW : MR_PHYS_OP_KEYED_STATE, plan, 1);
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
        phys = mr__phys_new(self, MR_PHYS_OP_RANGE, plan, 0);
        phys->range.start = plan->range.start;
        phys->range.end = plan->range.end;
        phys->range.step = plan->range.step;
        break;
    case MR_PLAN_PROJECT:
        phys = mr__phys_new(self, MR_PHYS_OP_PROJECT, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        MR_TRY(lower_named(self, plan->project.exprs, plan->n_cols, &phys->project.exprs, err));
        break;
    case MR_PLAN_FILTER:
        phys = mr__phys_new(self, MR_PHYS_OP_FILTER, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        MR_TRY(mr__lower_expr(self, plan->filter.condition, &phys->filter.condition, err));
        break;
    case MR_PLAN_AGGREGATE:
        return lower_aggregate(self, plan, out, err);
    case MR_PLAN_EXPAND:
        phys = mr__phys_new(self, MR_PHYS_OP_EXPAND, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->expand.n_projections = plan->expand.n_projections;
        phys->expand.projections = MR_NEW_N(self->arena, MrExpr **, plan->expand.n_projections + 1);
        for (int32_t p = 0; p < plan->expand.n_projections; p++)
            MR_TRY(mr__lower_exprs(self, plan->expand.projections[p], plan->n_cols,
                                   &phys->expand.projections[p], err));
        break;
    case MR_PLAN_JOIN:
        return mr__lower_join(self, plan, out, err);
    case MR_PLAN_SORT:
        return lower_sort(self, plan, INT64_MAX, 0, out, err);
    case MR_PLAN_LIMIT:
        return lower_limit(self, plan, out, err);
    case MR_PLAN_UNION:
        phys = mr__phys_new(self, MR_PHYS_OP_UNION, plan, plan->n_inputs);
        for (int32_t i = 0; i < plan->n_inputs; i++)
            MR_TRY(mr__lower_node(self, plan->inputs[i], &phys->inputs[i], err));
        break;
    case MR_PLAN_SETOP:
        return MR_FAIL_INTERNAL(err, "a set operation reached the physical plan");
    case MR_PLAN_WINDOW:
        return lower_window(self, plan, out, err);
    case MR_PLAN_GENERATE:
        phys = mr__phys_new(self, MR_PHYS_OP_GENERATE, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->generate.def = plan->generate.def;
        phys->generate.bound = plan->generate.bound;
        phys->generate.n_args = plan->generate.n_args;
        phys->generate.outer = plan->generate.outer;
        lower_keep(self, plan, phys);
        MR_TRY(mr__lower_exprs(self, plan->generate.args, plan->generate.n_args,
                               &phys->generate.args, err));
        break;
    case MR_PLAN_WATERMARK:
        if (!plan->streaming || !self->streaming)
            return mr__lower_node(self, plan->inputs[0], out, err);
        phys = mr__phys_new(self, MR_PHYS_OP_WATERMARK, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->watermark.time_col = self->places[plan->watermark.column_id];
        phys->watermark.delay_us = plan->watermark.delay_us;
        if (phys->watermark.time_col < 0)
            return MR_FAIL_INTERNAL(err, "the watermark's column is not in its input");
        break;
    case MR_PLAN_SAMPLE:
        phys = mr__phys_new(self, MR_PHYS_OP_SAMPLE, plan, 1);
        MR_TRY(lower_input(self, plan, phys, err));
        phys->sample.from = plan->sample.from;
        phys->sample.to = plan->sample.to;
        phys->sample.seed = plan->sample.seed;
        phys->sample.replace = plan->sample.replace;
        break;
    case MR_PLAN_SHARED:
        return lower_shared(self, plan, out, err);
    case MR_PLAN_RECURSION:
        phys = mr__phys_new(self, MR_PHYS_OP_RECURSION, plan, 2);
        MR_TRY(mr__lower_node(self, plan->inputs[0], &phys->inputs[0], err));
        MR_TRY(mr__lower_node(self, plan->inputs[1], &phys->inputs[1], err));
        phys->recursion.recursion_id = plan->recursion.recursion_id;
        phys->recursion.all = plan->recursion.all;
        phys->recursion.max_levels = plan->recursion.max_levels;
        phys->recursion.max_rows = plan->recursion.max_rows;
        break;
    case MR_PLAN_RECURSION_REF:
        phys = mr__phys_new(self, MR_PHYS_OP_RECURSION_REF, plan, 0);
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

MrStatus mr__lower_node(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    for (int32_t f = 0; f < self->n_feeds && !self->streaming; f++) {
        if (self->feeds[f] == plan) {
            *out = mr__phys_new(self, MR_PHYS_OP_FEED, plan, 0);
            (*out)->feed.input_idx = f;
            return MR_OK;
        }
    }
    bool stream = self->streaming && plan->streaming;
    if (stream && mr__recomputes(self, plan))
        return mr__lower_recompute(self, plan, out, err);
    MR_TRY(lower_kind(self, plan, out, err));
    for (int32_t i = 0; i < plan->n_inputs; i++)
        mr__places_clear(self, plan->inputs[i]->cols, plan->inputs[i]->n_cols);
    if (stream)
        mr__note_times(self, plan, *out);
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
    MR_TRY(mr__lower_node(&self, plan, out, err));
    mr__key_filters_place(self.arena, *out);
    if (options->streaming)
        mr__number_states(*out);
    return MR_OK;
}
