/* lower_stream.c - what a plan that is a stream needs beside its operators: which nodes take rows
 * back, which are recomputed, which columns a watermark bounds. */
#include "plan/lower_int.h"

#define RECOMPUTE_INPUTS 64

static bool needs_recompute(Lower *self, const MrPlan *plan);

/* True when the node, as a stream, takes rows back that it gave. */
bool mr__gives_changes(Lower *self, const MrPlan *plan)
{
    if (!plan->streaming || self->per_epoch)
        return false;
    if (needs_recompute(self, plan))
        return true;
    if (plan->kind == MR_PLAN_SCAN)
        return plan->scan.source && !plan->scan.source->append_only;
    if (plan->kind == MR_PLAN_AGGREGATE) {
        bool below = mr__gives_changes(self, plan->inputs[0]);
        bool final = self->options->output_mode == MR_MODE_APPEND; /* or it is refused */
        bool grows = plan->aggregate.n_aggs > 0 || plan->aggregate.session_key >= 0;
        return below || (grows && !final);
    }
    if (plan->kind == MR_PLAN_JOIN && plan->inputs[0]->streaming && plan->inputs[1]->streaming &&
        plan->join.kind != MR_JOIN_INNER && plan->join.kind != MR_JOIN_SEMI &&
        self->options->output_mode != MR_MODE_APPEND)
        return true; /* a row that stood alone finds a match */
    for (int32_t i = 0; i < plan->n_inputs; i++)
        if (mr__gives_changes(self, plan->inputs[i]))
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
        return mr__gives_changes(self, plan->inputs[0]);
    case MR_PLAN_UNION: /* a static input is to be seen once */
        for (int32_t i = 0; i < plan->n_inputs; i++)
            if (!plan->inputs[i]->streaming)
                return true;
        return false;
    case MR_PLAN_AGGREGATE: {
        bool has_changes = mr__gives_changes(self, plan->inputs[0]);
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
            return kind > MR_JOIN_ANTI || !mr__has_equal_key(self, plan);
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
        if (!known && *n < RECOMPUTE_INPUTS)
            feeds[(*n)++] = input;
    }
}

MrStatus mr__lower_recompute(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    const MrPlan **feeds = MR_NEW_N(self->arena, const MrPlan *, RECOMPUTE_INPUTS);
    int32_t n_feeds = 0;
    bool complete = self->complete;
    if (self->options->output_mode == MR_MODE_APPEND)
        return MR_FAIL(
            err, MR_COND_STREAMING_OUTPUT_MODE__UNSUPPORTED_OPERATION, "outputMode", "append",
            "operation",
            mr_arena_printf(self->arena, "%s over a stream", plan_kind_name(plan->kind)));
    int32_t n_projects;
    const MrPlan *sort = plan->kind == MR_PLAN_LIMIT ? mr__limited_sort(plan, &n_projects) : NULL;
    find_feeds(sort ? sort : plan, plan->kind == MR_PLAN_RECURSION, feeds, &n_feeds);
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_RECOMPUTE, plan, n_feeds);
    phys->streaming = true;
    phys->recompute.complete = complete;
    self->complete = false;
    for (int32_t f = 0; f < n_feeds; f++)
        MR_TRY(mr__lower_node(self, feeds[f], &phys->inputs[f], err));
    Lower outer = *self;
    self->streaming = false;
    self->feeds = feeds;
    self->n_feeds = n_feeds;
    self->shared = MR_NEW_N(self->arena, MrPhys *, self->planner->next_shared_id + 1);
    MR_TRY(mr__lower_node(self, plan, &phys->recompute.plan, err));
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

bool mr__recomputes(Lower *self, const MrPlan *plan)
{
    if (!self->complete)
        return needs_recompute(self, plan);
    return !aggregates_stream(plan) ||
           (plan->kind == MR_PLAN_AGGREGATE && needs_recompute(self, plan));
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

MrStatus mr__lower_stream_aggregate(Lower *self, const MrPlan *plan, MrPhys *phys, MrError *err)
{
    bool has_changes = mr__gives_changes(self, plan->inputs[0]);
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

void mr__note_times(Lower *self, const MrPlan *plan, MrPhys *phys)
{
    note_event_time(self, plan);
    for (int32_t i = 0; i < phys->n_inputs; i++)
        phys->lag_us = max_i64(phys->lag_us, output_lag(phys->inputs[i]));
}
