/* lineage.c - see lineage.h. */
#include "rdd/lineage_int.h"

#include "function/user_function.h"

static const MrField pair_fields[] = {{.name = "key", .type = MR_T(BINARY), .nullable = true},
                                      {.name = "value", .type = MR_T(BINARY), .nullable = true}};
const MrSchema mr_lineage_schema = {2, pair_fields};

/* -- nodes ------------------------------------------------------------------------------------ */

static int64_t text_bytes(const char *text)
{
    return text ? (int64_t)strlen(text) + 1 : 0;
}

static const char *text_put(char **at, const char *text)
{
    if (!text)
        return NULL;
    char *copy = *at;
    *at = stpcpy(copy, text) + 1;
    return copy;
}

static MrStatus lineage_check(const MrLineage *like, int32_t *depth, MrError *err)
{
    *depth = 1;
    for (int32_t i = 0; i < like->n_inputs; i++)
        if (like->inputs[i]->depth >= *depth)
            *depth = like->inputs[i]->depth + 1;
    if (*depth > MR_LINEAGE_DEPTH)
        return MR_FAIL_UNSUPPORTED(err, "an RDD of more than %d steps", MR_LINEAGE_DEPTH);
    return MR_OK;
}

MrStatus mr_lineage_make(MrBudget *budget, const MrLineage *like, MrLineage **out, MrError *err)
{
    void *block = NULL;
    int32_t depth = 0;
    int64_t n_options = like->options.n_options;
    int64_t size_bytes = (int64_t)sizeof(MrLineage) + n_options * (int64_t)sizeof(MrOption) +
                         text_bytes(like->connector);
    for (int64_t i = 0; i < n_options; i++)
        size_bytes +=
            text_bytes(like->options.options[i].key) + text_bytes(like->options.options[i].value);
    MrStatus status = lineage_check(like, &depth, err);
    if (status == MR_OK)
        status = mr_budget_alloc_zeroed(budget, size_bytes, &block, err);
    if (status != MR_OK) {
        mr_memory_source_destroy(like->rows);
        return status;
    }
    MrLineage *lineage = block;
    MrOption *options = (MrOption *)(lineage + 1);
    char *at = (char *)(options + n_options);
    *lineage = *like;
    for (int64_t i = 0; i < n_options; i++)
        options[i] = (MrOption){text_put(&at, like->options.options[i].key),
                                text_put(&at, like->options.options[i].value)};
    lineage->options.options = options;
    lineage->connector = text_put(&at, like->connector);
    for (int32_t i = 0; i < like->n_inputs; i++) {
        mr_lineage_retain(like->inputs[i]);
        lineage->streaming |= like->inputs[i]->streaming;
    }
    lineage->depth = depth;
    lineage->budget = budget;
    lineage->block_bytes = size_bytes;
    atomic_store_explicit(&lineage->n_refs, 1, memory_order_relaxed);
    *out = lineage;
    return MR_OK;
}

MrLineage *mr_lineage_retain(MrLineage *lineage)
{
    atomic_fetch_add_explicit(&lineage->n_refs, 1, memory_order_relaxed);
    return lineage;
}

void mr_lineage_release(MrLineage *lineage)
{
    /* acq_rel: what others did with the node happened before its end */
    if (!lineage || atomic_fetch_sub_explicit(&lineage->n_refs, 1, memory_order_acq_rel) > 1)
        return;
    for (int32_t i = 0; i < lineage->n_inputs; i++)
        mr_lineage_release(lineage->inputs[i]);
    mr_memory_source_destroy(lineage->rows);
    mr_budget_free(lineage->budget, lineage, lineage->block_bytes);
}

/* -- plans ------------------------------------------------------------------------------------ */

typedef struct Use { /* of a node in the plans at hand */
    const MrLineage *lineage;
    int32_t n_uses;
    int32_t shared_id; /* 0: none yet */
    MrPlan *plan;      /* NULL: not made yet */
} Use;

typedef struct Builder {
    MrPlanner *planner;
    MrArena *arena;
    const MrLineageSources *sources;
    Use *uses; /* by a hash of the address; open addressing */
    int64_t n_uses, n_slots;
    MrError *err;
} Builder;

static Use *use_place(Builder *self, const MrLineage *lineage)
{
    uint64_t at = ((uintptr_t)lineage >> 6) * UINT64_C(0x9E3779B97F4A7C15);
    for (at >>= 20;; at++) {
        Use *use = &self->uses[at & (uint64_t)(self->n_slots - 1)];
        if (!use->lineage || use->lineage == lineage)
            return use;
    }
}

static void uses_grow(Builder *self)
{
    Use *old = self->uses;
    int64_t n_old = self->n_slots;
    self->n_slots = n_old ? 2 * n_old : 64;
    self->uses = MR_NEW_N(self->arena, Use, self->n_slots);
    for (int64_t i = 0; i < n_old; i++)
        if (old[i].lineage)
            *use_place(self, old[i].lineage) = old[i];
}

static void uses_count(Builder *self, const MrLineage *lineage)
{
    if (2 * (self->n_uses + 1) > self->n_slots)
        uses_grow(self);
    Use *use = use_place(self, lineage);
    if (use->n_uses++ > 0)
        return; /* computed once, and so are its inputs */
    use->lineage = lineage;
    self->n_uses++;
    for (int32_t i = 0; i < lineage->n_inputs; i++)
        uses_count(self, lineage->inputs[i]);
}

static MrStatus plan_of(Builder *self, const MrLineage *lineage, MrPlan **out);

static MrExpr *column(Builder *self, const MrPlan *plan, int32_t idx)
{
    return mr_plan_column_expr(self->planner, &plan->cols[idx]);
}

/* A projection to key and value. */
static MrPlan *pair_of(Builder *self, MrPlan *input, MrExpr *key, MrExpr *value)
{
    MrNamedExpr *exprs = MR_NEW_N(self->arena, MrNamedExpr, 2);
    MrExpr *both[2] = {key, value};
    for (int32_t i = 0; i < 2; i++)
        exprs[i] = (MrNamedExpr){
            {mr_planner_id(self->planner), pair_fields[i].name, pair_fields[i].type, true},
            both[i]};
    return mr_plan_project(self->planner, input, exprs, 2);
}

static MrExpr *call(Builder *self, const MrBound *bound, MrExpr *a, MrExpr *b)
{
    MrExpr *expr = MR_NEW(self->arena, MrExpr);
    expr->kind = MR_EXPR_CALL;
    expr->type = bound->type;
    expr->nullable = bound->nullable;
    expr->sql_idx = -1;
    expr->bound = bound;
    expr->n_args = 2;
    expr->args = MR_NEW_N(self->arena, MrExpr *, 2);
    expr->args[0] = a;
    expr->args[1] = b;
    return expr;
}

static MrExpr *aggregate(Builder *self, const MrAggregate *agg, MrExpr *arg)
{
    MrExpr *expr = MR_NEW(self->arena, MrExpr);
    expr->kind = MR_EXPR_AGGREGATE;
    expr->type = agg->type;
    expr->nullable = agg->nullable;
    expr->sql_idx = -1;
    expr->n_args = 1;
    expr->args = MR_NEW_N(self->arena, MrExpr *, 1);
    expr->args[0] = arg;
    expr->aggregate.agg = agg;
    return expr;
}

static MrUserFunction *function(Builder *self, const MrLineage *lineage, const char *name)
{
    MrUserFunction *made = MR_NEW(self->arena, MrUserFunction);
    made->name = name;
    made->self = lineage->self;
    return made;
}

/* The column of a connector's rows that holds lines; the rest (partitions of folders) is left. */
static MrStatus source_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    const MrConnectorType *type =
        lineage->rows ? &mr_connector_memory_source : mr_connector_find(lineage->connector);
    MrPlan *scan = MR_NEW(self->arena, MrPlan);
    MrSource *source = lineage->rows ? mr_memory_source_open(lineage->rows) : NULL;
    MrExpr *value;
    if (!source && !type)
        return MR_FAIL(self->err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", lineage->connector);
    if (!source)
        MR_TRY(self->sources->open(self->sources->self, type, &lineage->options, NULL,
                                   lineage->streaming, &source, self->err));
    int32_t n_cols = lineage->rows ? 2 : 1;
    MrColumn *cols = MR_NEW_N(self->arena, MrColumn, n_cols);
    scan->kind = MR_PLAN_SCAN;
    scan->inputs = MR_NEW_N(self->arena, MrPlan *, 1);
    scan->streaming = scan->scan.streaming = lineage->streaming;
    scan->rows_estimate = -1;
    scan->scan.source_cols = MR_NEW_N(self->arena, int32_t, n_cols);
    for (int32_t c = 0; c < n_cols; c++) {
        const MrField *field = &source->schema.cols[c];
        cols[c] = (MrColumn){mr_planner_id(self->planner), field->name, field->type, true};
        scan->scan.source_cols[c] = c;
    }
    scan->n_cols = n_cols;
    scan->cols = cols;
    scan->scan.name = lineage->rows ? "rows" : mr_option(&lineage->options, NULL, "path");
    scan->scan.name = scan->scan.name ? scan->scan.name : type->name;
    scan->scan.type = type;
    scan->scan.options = lineage->options;
    scan->scan.source = source;
    scan->scan.limit = INT64_MAX;
    *out = scan;
    if (lineage->rows)
        return MR_OK;
    MR_TRY(mr_expr_cast(self->arena, self->planner->settings, column(self, scan, 0), MR_T(BINARY),
                        MR_CAST_ANSI, &value, self->err));
    *out = pair_of(self, scan, mr_expr_null(self->arena, MR_T(BINARY)), value);
    return MR_OK;
}

static MrStatus map_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    const MrGeneratorDef *def = lineage->kind == MR_LINEAGE_MAP        ? &mr_user_map
                                : lineage->kind == MR_LINEAGE_FLAT_MAP ? &mr_user_flat_map
                                                                       : &mr_user_map_to_pair;
    MrUserFunction *user = function(self, lineage, def->name);
    MrPlan *input = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    user->map = lineage->map;
    MrExpr **args = MR_NEW_N(self->arena, MrExpr *, 2);
    args[0] = column(self, input, 0);
    args[1] = column(self, input, 1);
    MrPlan *made = mr_plan_generate(self->planner, input, def,
                                    mr_user_generator_bind(self->arena, user), args, 2, false);
    *out = pair_of(self, made, column(self, made, 2), column(self, made, 3));
    return MR_OK;
}

static MrStatus filter_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    MrUserFunction *user = function(self, lineage, "filter");
    MrPlan *input = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    user->filter = lineage->filter;
    *out = mr_plan_filter(self->planner, input,
                          call(self, mr_user_filter_bind(self->arena, user), column(self, input, 0),
                               column(self, input, 1)));
    return MR_OK;
}

static MrPlan *aggregate_plan(Builder *self, MrPlan *input, const int32_t *key_cols, int32_t n_keys,
                              MrExpr *agg)
{
    MrNamedExpr *keys = MR_NEW_N(self->arena, MrNamedExpr, n_keys + 1);
    MrNamedExpr *aggs = MR_NEW_N(self->arena, MrNamedExpr, 1);
    for (int32_t k = 0; k < n_keys; k++)
        keys[k] = (MrNamedExpr){
            {mr_planner_id(self->planner), pair_fields[k].name, pair_fields[k].type, true},
            column(self, input, key_cols[k])};
    if (agg)
        aggs[0] =
            (MrNamedExpr){{mr_planner_id(self->planner), "value", agg->type, agg->nullable}, agg};
    return mr_plan_aggregate(self->planner, input, keys, n_keys, aggs, agg ? 1 : 0);
}

static MrStatus reduce_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    static const int32_t by_key[] = {0};
    MrUserFunction *user = function(self, lineage, "reduce_by_key");
    MrPlan *input = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    user->reduce = lineage->reduce;
    MrExpr *agg = aggregate(self, mr_user_reduce_bind(self->arena, user), column(self, input, 1));
    *out = aggregate_plan(self, input, by_key, lineage->all ? 0 : 1, agg);
    if (lineage->all)
        *out = pair_of(self, *out, mr_expr_null(self->arena, MR_T(BINARY)), column(self, *out, 0));
    return MR_OK;
}

static MrStatus count_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    static const int32_t by_value[] = {1};
    const MrSettings *settings = self->planner->settings;
    MrExpr *one = mr_expr_i64(self->arena, 1);
    MrArgInfo arg = {.type = one->type, .cast_to = one->type, .value = one->literal, .sql = "1"};
    MrBind bind = {
        .settings = settings, .arena = self->arena, .n_args = 1, .args = &arg, .sql = "count(1)"};
    MrAggregate *count = NULL;
    MrPlan *input = NULL;
    MrExpr *digits = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    MR_TRY(mr_aggregate_bind(&bind, "count", &count, self->err));
    MrPlan *made = aggregate_plan(self, input, by_value, 1, aggregate(self, count, one));
    MR_TRY(mr_expr_cast(self->arena, settings, column(self, made, 1), MR_T(STRING), MR_CAST_ANSI,
                        &digits, self->err));
    MR_TRY(mr_expr_cast(self->arena, settings, digits, MR_T(BINARY), MR_CAST_ANSI, &digits,
                        self->err));
    *out = pair_of(self, made, column(self, made, 0), digits);
    return MR_OK;
}

static MrStatus join_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    MrUserFunction *user = function(self, lineage, mr_user_join.name);
    MrPlan *left = NULL, *right = NULL;
    MrExpr *condition = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &left));
    MR_TRY(plan_of(self, lineage->inputs[1], &right));
    user->join = lineage->join;
    MrExpr *sides[2] = {column(self, left, 0), column(self, right, 0)};
    MR_TRY(
        mr_expr_call(self->arena, self->planner->settings, "=", sides, 2, &condition, self->err));
    MrPlan *made = mr_plan_join(self->planner, lineage->join_kind, left, right, condition);
    MrExpr *key = MR_NEW(self->arena, MrExpr);
    *key = (MrExpr){.kind = MR_EXPR_COALESCE,
                    .type = MR_T(BINARY),
                    .nullable = true,
                    .sql_idx = -1,
                    .n_args = 2,
                    .args = MR_NEW_N(self->arena, MrExpr *, 2)};
    key->args[0] = column(self, made, 0);
    key->args[1] = column(self, made, 2);
    MrExpr **args = MR_NEW_N(self->arena, MrExpr *, 3);
    args[0] = key;
    args[1] = column(self, made, 1);
    args[2] = column(self, made, 3);
    MrPlan *rows = mr_plan_generate(self->planner, made, &mr_user_join,
                                    mr_user_generator_bind(self->arena, user), args, 3, false);
    *out = pair_of(self, rows, column(self, rows, 4), column(self, rows, 5));
    return MR_OK;
}

static MrStatus union_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    MrPlan **inputs = MR_NEW_N(self->arena, MrPlan *, 2);
    for (int32_t i = 0; i < 2; i++)
        MR_TRY(plan_of(self, lineage->inputs[i], &inputs[i]));
    *out = mr_plan_union(self->planner, inputs, 2);
    return MR_OK;
}

static MrStatus distinct_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    static const int32_t by_all[] = {0, 1};
    MrPlan *input = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    *out = aggregate_plan(self, input, by_all, 2, NULL);
    return MR_OK;
}

static MrStatus sort_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    MrPlan *input = NULL;
    MrSortKey *key = MR_NEW(self->arena, MrSortKey);
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    key->expr = column(self, input, 0);
    key->spec =
        (MrSortSpec){.descending = lineage->descending, .nulls_first = !lineage->descending};
    *out = mr_plan_sort(self->planner, input, key, 1, true);
    return MR_OK;
}

static MrPlan *reduced(Builder *self, const MrLineage *lineage, MrPlan *input)
{
    static const int32_t by_key[] = {0};
    MrUserFunction *user = function(self, lineage, "reduce_by_key_and_window");
    user->reduce = lineage->reduce;
    MrExpr *agg = aggregate(self, mr_user_reduce_bind(self->arena, user), column(self, input, 1));
    return aggregate_plan(self, input, by_key, 1, agg);
}

static MrPlan *filtered(Builder *self, const MrLineage *lineage, MrPlan *input)
{
    MrUserFunction *user = function(self, lineage, "reduce_by_key_and_window");
    user->filter = lineage->filter;
    return mr_plan_filter(self->planner, input,
                          call(self, mr_user_filter_bind(self->arena, user), column(self, input, 0),
                               column(self, input, 1)));
}

/* One value a key over a window.  With an inverse: each batch is reduced, and what comes and leaves
 * goes into the key's state; without: all that is in the window is reduced anew. */
static MrStatus reduce_window_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    MrPlan *input = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    MrPlan *batch = reduced(self, lineage, input);
    *out = mr_plan_batch_window(self->planner, batch, lineage->length_us, lineage->slide_us,
                                lineage->inverse != NULL);
    if (lineage->inverse) {
        *out =
            mr_plan_keyed_state(self->planner, *out, mr__lineage_keyed_state(self->arena, lineage));
        return MR_OK;
    }
    *out = reduced(self, lineage, *out);
    if (lineage->filter)
        *out = filtered(self, lineage, *out);
    return MR_OK;
}

static MrStatus window_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    MrPlan *input = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    *out = mr_plan_batch_window(self->planner, input, lineage->length_us, lineage->slide_us, false);
    return MR_OK;
}

static MrStatus state_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    MrPlan *input = NULL;
    MR_TRY(plan_of(self, lineage->inputs[0], &input));
    *out = mr_plan_keyed_state(self->planner, input, mr__lineage_keyed_state(self->arena, lineage));
    return MR_OK;
}

static MrStatus node_plan(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    switch (lineage->kind) {
    case MR_LINEAGE_SOURCE:
    case MR_LINEAGE_ROWS:
        return source_plan(self, lineage, out);
    case MR_LINEAGE_MAP:
    case MR_LINEAGE_FLAT_MAP:
    case MR_LINEAGE_MAP_TO_PAIR:
        return map_plan(self, lineage, out);
    case MR_LINEAGE_FILTER:
        return filter_plan(self, lineage, out);
    case MR_LINEAGE_REDUCE:
        return reduce_plan(self, lineage, out);
    case MR_LINEAGE_COUNT:
        return count_plan(self, lineage, out);
    case MR_LINEAGE_JOIN:
        return join_plan(self, lineage, out);
    case MR_LINEAGE_UNION:
        return union_plan(self, lineage, out);
    case MR_LINEAGE_DISTINCT:
        return distinct_plan(self, lineage, out);
    case MR_LINEAGE_SORT:
        return sort_plan(self, lineage, out);
    case MR_LINEAGE_WINDOW:
        return window_plan(self, lineage, out);
    case MR_LINEAGE_REDUCE_WINDOW:
        return reduce_window_plan(self, lineage, out);
    case MR_LINEAGE_STATE:
        return state_plan(self, lineage, out);
    }
    return MR_FAIL_INTERNAL(self->err, "lineage %d has no plan", (int)lineage->kind);
}

static MrStatus plan_of(Builder *self, const MrLineage *lineage, MrPlan **out)
{
    bool again = lineage->n_inputs == 0 && !lineage->streaming; /* read again, not kept */
    Use *use = use_place(self, lineage);
    if (again || use->n_uses == 1)
        return node_plan(self, lineage, out);
    if (!use->plan) {
        MrPlan *plan = NULL;
        MR_TRY(node_plan(self, lineage, &plan));
        use->plan = plan;
        use->shared_id = self->planner->next_shared_id++;
    }
    *out = mr_plan_shared(self->planner, use->plan, use->shared_id);
    return MR_OK;
}

MrStatus mr_lineage_plan(MrPlanner *planner, const MrLineageSources *sources,
                         MrLineage *const *lineages, int32_t n, MrPlan **plans, MrError *err)
{
    Builder self = {.planner = planner, .arena = planner->arena, .sources = sources, .err = err};
    for (int32_t i = 0; i < n; i++)
        uses_count(&self, lineages[i]);
    for (int32_t i = 0; i < n; i++)
        MR_TRY(plan_of(&self, lineages[i], &plans[i]));
    return MR_OK;
}

MrPlan *mr_lineage_lines(MrPlanner *planner, MrPlan *plan)
{
    Builder self = {.planner = planner, .arena = planner->arena};
    MrExpr *line = call(&self, mr_user_line_bind(planner->arena), column(&self, plan, 0),
                        column(&self, plan, 1));
    MrNamedExpr *expr = MR_NEW(planner->arena, MrNamedExpr);
    *expr = (MrNamedExpr){{mr_planner_id(planner), "value", line->type, false}, line};
    return mr_plan_project(planner, plan, expr, 1);
}
