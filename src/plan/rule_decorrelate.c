/* rule_decorrelate.c - subqueries and lateral joins become joins without references to an outer
 * query.
 *
 * A subquery in an expression of a node over P is joined to P: EXISTS and IN by a mark join (semi
 * and anti joins where they are conjuncts of a filter), a scalar subquery by a single join.
 * References to P are removed in one of two ways:
 *
 *   pull     filters that refer to P move up into the join's condition.  Through an aggregate only
 *            equalities move: their inner side becomes a key.  Cheap, but it does not always go.
 *   depend   the distinct values D of the columns referred to are joined to the leaves of the
 * subquery, whose result is then known for each value of D (Neumann and Kemper, "Unnesting
 * arbitrary queries").  It always goes, but P is computed once and read twice.
 *
 * Inner subqueries come first; references to queries further out stay until those are reached. */
#include "plan/rules.h"

typedef struct Outer { /* one subquery and the plan it refers to */
    MrPlanner *planner;
    MrError *err;
    const MrPlan *over; /* P */
    /* D: */
    int32_t n_cols;
    const MrColumn *cols; /* columns of P that are referred to */
    MrPlan *domain;
} Outer;

/* ---------------------------------------------------------------- references */

typedef struct Find {
    const MrPlan *over;
    bool found;
} Find;

static bool outer_find(void *self, const MrExpr *expr)
{
    Find *find = self;
    find->found = find->found || (expr->kind == MR_EXPR_OUTER &&
                                  mr_plan_column_find(find->over, expr->column.id) >= 0);
    return !find->found;
}

static bool expr_refers(const MrExpr *expr, const MrPlan *over)
{
    Find find = {over, false};
    mr_expr_walk(expr, outer_find, &find);
    return find.found;
}

static bool plan_refers(const MrPlan *plan, const MrPlan *over)
{
    Find find = {over, false};
    mr_plan_each_expr(plan, outer_find, &find);
    return find.found;
}

static bool column_any(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_COLUMN;
    return !*found;
}

static bool reads_columns(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, column_any, &found);
    return found;
}

/* References to P become columns. */
static MrExpr *outer_to_column(void *self, MrExpr *expr)
{
    const MrPlan *over = self;
    if (expr->kind == MR_EXPR_OUTER && mr_plan_column_find(over, expr->column.id) >= 0)
        expr->kind = MR_EXPR_COLUMN;
    return expr;
}

static MrExpr *expr_localize(MrPlanner *planner, MrExpr *expr, const MrPlan *over)
{
    return mr_expr_map(planner->arena, expr, outer_to_column, (void *)over);
}

static MrStatus equal_expr(MrPlanner *planner, const char *sign, MrExpr *left, MrExpr *right,
                           MrExpr **out, MrError *err)
{
    return mr_expr_call(planner->arena, planner->settings, sign, (MrExpr *[]){left, right}, 2, out,
                        err);
}

static MrNamedExpr pass_column(MrPlanner *planner, const MrColumn *col)
{
    return (MrNamedExpr){*col, mr_plan_column_expr(planner, col)};
}

/* ---------------------------------------------------------------- depend */

typedef struct Mapped {
    Outer *outer;
    const MrColumn *d; /* what stands for outer->cols here */
} Mapped;

static MrExpr *mapped_visit(void *self, MrExpr *expr)
{
    Mapped *map = self;
    if (expr->kind != MR_EXPR_OUTER)
        return expr;
    for (int32_t i = 0; i < map->outer->n_cols; i++)
        if (map->outer->cols[i].id == expr->column.id) {
            expr->kind = MR_EXPR_COLUMN;
            expr->column.id = map->d[i].id;
        }
    return expr;
}

static MrExpr *mapped_expr(void *self, MrExpr *expr)
{
    Mapped *map = self;
    return mr_expr_map(map->outer->planner->arena, expr, mapped_visit, map);
}

static MrPlan *domain_use(Outer *outer, MrColumn **d)
{
    MrPlan *plan = mr_plan_copy(outer->planner, outer->domain);
    *d = MR_NEW_N(outer->planner->arena, MrColumn, outer->n_cols + 1);
    for (int32_t i = 0; i < outer->n_cols; i++)
        (*d)[i] = plan->cols[i];
    return plan;
}

static MrStatus domains_equal(Outer *outer, const MrColumn *a, const MrColumn *b,
                              MrExpr **condition)
{
    for (int32_t i = 0; i < outer->n_cols; i++) {
        MrExpr *equal = NULL;
        MR_TRY(equal_expr(outer->planner, "<=>", mr_plan_column_expr(outer->planner, &a[i]),
                          mr_plan_column_expr(outer->planner, &b[i]), &equal, outer->err));
        *condition = mr_expr_and(outer->planner->arena, *condition, equal);
    }
    return MR_OK;
}

static MrStatus depend(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d);

/* The value an aggregate has when there are no rows. */
static MrStatus empty_value(MrPlanner *planner, const MrAggregate *agg, MrExpr **out, MrError *err)
{
    char *state = mr_arena_zeroed(planner->arena, agg->state_bytes + 16);
    MrAggregateCall call = {
        .context = planner->context, .agg = agg, .n = 0, .arena = planner->arena};
    MrVector *vec = mr_vector_create(planner->arena, agg->type, 1);
    if (agg->def->init)
        agg->def->init(agg, state);
    MR_TRY(agg->def->finish(&call, &state, 0, 1, vec, err));
    if (mr_vector_is_null(vec, 0)) {
        *out = mr_expr_null(planner->arena, agg->type);
        return MR_OK;
    }
    vec->encoding = MR_CONSTANT;
    vec->n_items = 1;
    *out = mr_expr_literal(planner->arena, vec);
    return MR_OK;
}

static MrStatus depend_aggregate(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    MrPlan *input = NULL;
    MrColumn *in_d = NULL;
    MR_TRY(depend(outer, plan->inputs[0], &input, &in_d));
    Mapped map = {outer, in_d};
    MrPlan *mapped = mr_plan_map_exprs(planner, plan, mapped_expr, &map);
    int32_t n = plan->aggregate.n_keys, n_all = n + outer->n_cols;
    MrNamedExpr *keys = MR_NEW_N(planner->arena, MrNamedExpr, n_all + 1);
    for (int32_t i = 0; i < n; i++)
        keys[i] = mapped->aggregate.keys[i];
    for (int32_t i = 0; i < outer->n_cols; i++)
        keys[n + i] = pass_column(planner, &in_d[i]);
    MrPlan *agg = mr_plan_aggregate(planner, input, keys, n_all, mapped->aggregate.aggs,
                                    plan->aggregate.n_aggs);
    agg->aggregate.session_key = plan->aggregate.session_key;
    if (n > 0 || plan->aggregate.n_aggs == 0) {
        *out = agg;
        *d = in_d;
        return MR_OK;
    }
    /* Without keys there is a row also where no row comes in. */
    MrColumn *dom_d = NULL;
    MrPlan *domain = domain_use(outer, &dom_d);
    MrExpr *condition = NULL;
    MrColumn marker = {mr_planner_id(planner), "present", MR_T(BOOLEAN), false};
    int32_t n_aggs = plan->aggregate.n_aggs;
    MrNamedExpr *marked = MR_NEW_N(planner->arena, MrNamedExpr, agg->n_cols + 2);
    for (int32_t i = 0; i < agg->n_cols; i++)
        marked[i] = pass_column(planner, &agg->cols[i]);
    for (int32_t i = 0; i < n_aggs; i++)
        marked[outer->n_cols + i].column.id = mr_planner_id(planner);
    marked[agg->n_cols] = (MrNamedExpr){marker, mr_expr_bool(planner->arena, true)};
    MrPlan *right = mr_plan_project(planner, agg, marked, agg->n_cols + 1);
    MR_TRY(domains_equal(outer, dom_d, in_d, &condition));
    MrPlan *join = mr_plan_join(planner, MR_JOIN_LEFT, domain, right, condition);
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, n_aggs + outer->n_cols + 1);
    for (int32_t i = 0; i < n_aggs; i++) {
        const MrAggregate *kind = plan->aggregate.aggs[i].expr->aggregate.agg;
        MrColumn value = marked[outer->n_cols + i].column;
        MrExpr *expr = NULL, *empty = NULL;
        value.nullable = true;
        expr = mr_plan_column_expr(planner, &value);
        MR_TRY(empty_value(planner, kind, &empty, outer->err));
        if (!empty->nullable) {
            MrColumn seen = marker;
            seen.nullable = true;
            MrExpr *present = mr_plan_column_expr(planner, &seen),
                   *choice = MR_NEW(planner->arena, MrExpr);
            choice->kind = MR_EXPR_CASE;
            choice->type = expr->type;
            choice->nullable = plan->aggregate.aggs[i].column.nullable;
            choice->sql_idx = -1;
            choice->n_args = 3;
            choice->args = MR_NEW_N(planner->arena, MrExpr *, 3);
            choice->args[0] = present;
            choice->args[1] = expr;
            choice->args[2] = empty;
            expr = choice;
        }
        exprs[i].column = plan->aggregate.aggs[i].column;
        exprs[i].expr = expr;
    }
    for (int32_t i = 0; i < outer->n_cols; i++)
        exprs[n_aggs + i] = pass_column(planner, &dom_d[i]);
    *out = mr_plan_project(planner, join, exprs, n_aggs + outer->n_cols);
    *d = dom_d;
    return MR_OK;
}

static MrStatus depend_join(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
    MrColumn *left_d = NULL, *right_d = NULL;
    bool left_refers = plan_refers(left, outer->over),
         right_refers = plan_refers(right, outer->over);
    MrJoinKind kind = plan->join.kind;
    if (kind == MR_JOIN_FULL || (kind == MR_JOIN_RIGHT && left_refers) ||
        (kind != MR_JOIN_RIGHT && kind != MR_JOIN_INNER) || left_refers ||
        (kind == MR_JOIN_INNER && !right_refers))
        MR_TRY(depend(outer, left, &left, &left_d));
    if (kind == MR_JOIN_FULL || kind == MR_JOIN_RIGHT || right_refers)
        MR_TRY(depend(outer, right, &right, &right_d));
    MrColumn *here = left_d ? left_d : right_d;
    if (kind == MR_JOIN_RIGHT)
        here = right_d;
    Mapped map = {outer, here};
    MrExpr *condition = plan->join.condition ? mapped_expr(&map, plan->join.condition) : NULL;
    if (left_d && right_d)
        MR_TRY(domains_equal(outer, left_d, right_d, &condition));
    MrPlan *join = mr_plan_join(planner, kind, left, right, condition);
    if (kind == MR_JOIN_MARK) {
        MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, join->n_cols + 1);
        memcpy(cols, join->cols, sizeof(MrColumn) * (size_t)join->n_cols);
        cols[join->n_cols - 1].id = plan->join.mark_id;
        join->cols = cols;
        join->join.mark_id = plan->join.mark_id;
    }
    if (kind == MR_JOIN_FULL) {
        MrNamedExpr *exprs =
            MR_NEW_N(planner->arena, MrNamedExpr, join->n_cols + outer->n_cols + 1);
        int32_t n = 0;
        for (int32_t i = 0; i < join->n_cols; i++)
            exprs[n++] = pass_column(planner, &join->cols[i]);
        MrColumn *both = MR_NEW_N(planner->arena, MrColumn, outer->n_cols + 1);
        for (int32_t i = 0; i < outer->n_cols; i++) {
            MrExpr *first = MR_NEW(planner->arena, MrExpr);
            first->kind = MR_EXPR_COALESCE;
            first->type = left_d[i].type;
            first->nullable = true;
            first->sql_idx = -1;
            first->n_args = 2;
            first->args = MR_NEW_N(planner->arena, MrExpr *, 2);
            first->args[0] = mr_plan_column_expr(planner, &left_d[i]);
            first->args[1] = mr_plan_column_expr(planner, &right_d[i]);
            both[i] = (MrColumn){mr_planner_id(planner), left_d[i].name, left_d[i].type, true};
            exprs[n++] = (MrNamedExpr){both[i], first};
        }
        join = mr_plan_project(planner, join, exprs, n);
        here = both;
    }
    *out = join;
    *d = here;
    return MR_OK;
}

static MrExpr *window_make(MrPlanner *planner, const MrColumn *d, int32_t n, const MrPlan *sort)
{
    MrExpr *expr = MR_NEW(planner->arena, MrExpr);
    expr->kind = MR_EXPR_WINDOW;
    expr->type = MR_T(INT);
    expr->sql_idx = -1;
    expr->window.kind = MR_WINDOW_ROW_NUMBER;
    expr->window.n_partition = n;
    expr->window.partition = MR_NEW_N(planner->arena, MrExpr *, n + 1);
    for (int32_t i = 0; i < n; i++)
        expr->window.partition[i] = mr_plan_column_expr(planner, &d[i]);
    if (sort && sort->kind == MR_PLAN_SORT) {
        expr->window.order = sort->sort.keys;
        expr->window.n_order = sort->sort.n_keys;
    }
    expr->window.frame.rows = true;
    expr->window.frame.from_edge = MR_FRAME_UNBOUNDED;
    expr->window.frame.to_edge = MR_FRAME_CURRENT;
    return expr;
}

/* LIMIT for each value of D: rows are numbered. */
static MrStatus depend_limit(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    MrPlan *input = NULL;
    MR_TRY(depend(outer, plan->inputs[0], &input, d));
    /* PROJECT over SORT: the order is below. */
    const MrPlan *sort = input;
    MrNamedExpr *number = MR_NEW_N(planner->arena, MrNamedExpr, 1);
    number->column = (MrColumn){mr_planner_id(planner), "row", MR_T(INT), false};
    MrPlan *base = input;
    MrPlan *above = NULL;
    if (input->kind == MR_PLAN_PROJECT && input->inputs[0]->kind == MR_PLAN_SORT) {
        above = input;
        base = input->inputs[0];
        sort = base;
    }
    number->expr = window_make(planner, *d, outer->n_cols, sort);
    if (base->kind == MR_PLAN_SORT)
        base = base->inputs[0]; /* the window sorts */
    MrPlan *window = mr_plan_window(planner, base, number, 1);
    if (above) {
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, above->n_cols + 1);
        for (int32_t i = 0; i < above->n_cols; i++)
            exprs[i] = above->project.exprs[i];
        exprs[above->n_cols] = pass_column(planner, &number->column);
        window = mr_plan_project(planner, window, exprs, above->n_cols + 1);
    }
    MrExpr *condition = NULL, *part = NULL;
    int64_t from = plan->limit.offset, to;
    if (from > 0) {
        MR_TRY(equal_expr(planner, ">", mr_plan_column_expr(planner, &number->column),
                          mr_expr_i64(planner->arena, from), &part, outer->err));
        condition = mr_expr_and(planner->arena, condition, part);
    }
    if (plan->limit.limit < INT64_MAX && !__builtin_add_overflow(from, plan->limit.limit, &to)) {
        MR_TRY(equal_expr(planner, "<=", mr_plan_column_expr(planner, &number->column),
                          mr_expr_i64(planner->arena, to), &part, outer->err));
        condition = mr_expr_and(planner->arena, condition, part);
    }
    *out = condition ? mr_plan_filter(planner, window, condition) : window;
    return MR_OK;
}

static MrStatus depend_union(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    int32_t n = plan->n_cols;
    MrPlan **inputs = MR_NEW_N(planner->arena, MrPlan *, plan->n_inputs + 1);
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        MrColumn *in_d = NULL;
        MR_TRY(depend(outer, plan->inputs[i], &inputs[i], &in_d));
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, n + outer->n_cols + 1);
        for (int32_t c = 0; c < n; c++)
            exprs[c] = pass_column(planner, &plan->inputs[i]->cols[c]);
        for (int32_t c = 0; c < outer->n_cols; c++)
            exprs[n + c] = pass_column(planner, &in_d[c]);
        inputs[i] = mr_plan_project(planner, inputs[i], exprs, n + outer->n_cols);
    }
    MrPlan *made = mr_plan_union(planner, inputs, plan->n_inputs);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, n + outer->n_cols + 1);
    memcpy(cols, made->cols, sizeof(MrColumn) * (size_t)made->n_cols);
    for (int32_t c = 0; c < n; c++)
        cols[c].id = plan->cols[c].id;
    made->cols = cols;
    *d = cols + n;
    *out = made;
    return MR_OK;
}

static MrStatus depend_values(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    int32_t n = plan->n_cols, n_rows = plan->values.n_rows;
    MrPlan **rows = MR_NEW_N(planner->arena, MrPlan *, n_rows + 1);
    for (int32_t r = 0; r < n_rows; r++) {
        MrColumn *in_d = NULL;
        MrPlan *domain = domain_use(outer, &in_d);
        Mapped map = {outer, in_d};
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, n + outer->n_cols + 1);
        for (int32_t c = 0; c < n; c++) {
            exprs[c].column = plan->cols[c];
            if (n_rows > 1)
                exprs[c].column.id = mr_planner_id(planner);
            exprs[c].expr = mapped_expr(&map, plan->values.rows[r][c]);
        }
        for (int32_t c = 0; c < outer->n_cols; c++)
            exprs[n + c] = pass_column(planner, &in_d[c]);
        rows[r] = mr_plan_project(planner, domain, exprs, n + outer->n_cols);
        if (n_rows == 1) {
            *out = rows[0];
            *d = in_d;
            return MR_OK;
        }
    }
    MrPlan *made = mr_plan_union(planner, rows, n_rows);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, n + outer->n_cols + 1);
    memcpy(cols, made->cols, sizeof(MrColumn) * (size_t)made->n_cols);
    for (int32_t c = 0; c < n; c++)
        cols[c].id = plan->cols[c].id;
    made->cols = cols;
    *d = cols + n;
    *out = made;
    return MR_OK;
}

static MrStatus depend(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    MrPlan *input = NULL;
    if (!plan_refers(plan, outer->over)) {
        MrPlan *domain = domain_use(outer, d);
        *out = plan->kind == MR_PLAN_VALUES && plan->n_cols == 0 && plan->values.n_rows == 1
                   ? domain
                   : mr_plan_join(planner, MR_JOIN_INNER, domain, plan, NULL);
        return MR_OK;
    }
    switch (plan->kind) {
    case MR_PLAN_AGGREGATE:
        return depend_aggregate(outer, plan, out, d);
    case MR_PLAN_JOIN:
        return depend_join(outer, plan, out, d);
    case MR_PLAN_LIMIT:
        return depend_limit(outer, plan, out, d);
    case MR_PLAN_UNION:
        return depend_union(outer, plan, out, d);
    case MR_PLAN_VALUES:
        return depend_values(outer, plan, out, d);
    case MR_PLAN_SHARED:
        return depend(outer,
                      mr__plan_rename(planner, mr_plan_copy(planner, plan->inputs[0]), plan->cols),
                      out, d);
    case MR_PLAN_FILTER:
    case MR_PLAN_SORT:
    case MR_PLAN_SAMPLE:
    case MR_PLAN_WATERMARK:
    case MR_PLAN_PROJECT:
    case MR_PLAN_WINDOW:
    case MR_PLAN_GENERATE:
    case MR_PLAN_EXPAND:
        break;
    default:
        return MR_FAIL_UNSUPPORTED(outer->err, "references to an outer query in this place");
    }
    MR_TRY(depend(outer, plan->inputs[0], &input, d));
    Mapped map = {outer, *d};
    MrPlan *mapped = mr_plan_map_exprs(planner, plan, mapped_expr, &map);
    switch (plan->kind) {
    case MR_PLAN_PROJECT: {
        MrNamedExpr *exprs =
            MR_NEW_N(planner->arena, MrNamedExpr, plan->n_cols + outer->n_cols + 1);
        for (int32_t i = 0; i < plan->n_cols; i++)
            exprs[i] = mapped->project.exprs[i];
        for (int32_t i = 0; i < outer->n_cols; i++)
            exprs[plan->n_cols + i] = pass_column(planner, &(*d)[i]);
        *out = mr_plan_project(planner, input, exprs, plan->n_cols + outer->n_cols);
        return MR_OK;
    }
    case MR_PLAN_EXPAND: {
        int32_t n = plan->n_cols, n_all = n + outer->n_cols;
        MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, n_all + 1);
        memcpy(cols, plan->cols, sizeof(MrColumn) * (size_t)n);
        MrExpr ***projections = MR_NEW_N(planner->arena, MrExpr **, plan->expand.n_projections + 1);
        for (int32_t i = 0; i < outer->n_cols; i++)
            cols[n + i] = (*d)[i];
        for (int32_t p = 0; p < plan->expand.n_projections; p++) {
            projections[p] = MR_NEW_N(planner->arena, MrExpr *, n_all + 1);
            memcpy(projections[p], mapped->expand.projections[p], sizeof(MrExpr *) * (size_t)n);
            for (int32_t i = 0; i < outer->n_cols; i++)
                projections[p][n + i] = mr_plan_column_expr(planner, &(*d)[i]);
        }
        *out = mr_plan_expand(planner, input, cols, n_all, projections, plan->expand.n_projections);
        return MR_OK;
    }
    case MR_PLAN_WINDOW: {
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->window.n_exprs + 1);
        for (int32_t i = 0; i < plan->window.n_exprs; i++) {
            MrExpr *expr = MR_NEW(planner->arena, MrExpr);
            *expr = *mapped->window.exprs[i].expr;
            int32_t n = expr->window.n_partition;
            MrExpr **partition = MR_NEW_N(planner->arena, MrExpr *, n + outer->n_cols + 1);
            for (int32_t k = 0; k < n; k++)
                partition[k] = expr->window.partition[k];
            for (int32_t k = 0; k < outer->n_cols; k++)
                partition[n + k] = mr_plan_column_expr(planner, &(*d)[k]);
            expr->window.partition = partition;
            expr->window.n_partition = n + outer->n_cols;
            exprs[i] = (MrNamedExpr){mapped->window.exprs[i].column, expr};
        }
        *out = mr_plan_window(planner, input, exprs, plan->window.n_exprs);
        return MR_OK;
    }
    case MR_PLAN_GENERATE: {
        MrPlan *made =
            mr_plan_generate(planner, input, plan->generate.def, plan->generate.bound,
                             mapped->generate.args, plan->generate.n_args, plan->generate.outer);
        MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, made->n_cols + 1);
        int32_t n_old = plan->inputs[0]->n_cols, n_new = plan->n_cols - n_old;
        memcpy(cols, made->cols, sizeof(MrColumn) * (size_t)made->n_cols);
        memcpy(cols + made->n_cols - n_new, plan->cols + n_old, sizeof(MrColumn) * (size_t)n_new);
        made->cols = cols;
        *out = made;
        return MR_OK;
    }
    default: {
        MrPlan *made = mr_plan_with_inputs(planner, mapped, &input);
        made->cols = input->cols;
        made->n_cols = input->n_cols;
        *out = made;
        return MR_OK;
    }
    }
}

/* ---------------------------------------------------------------- pull */

typedef struct Pull {
    Outer *outer;
    MrExpr **preds;
    int64_t n, cap;
    bool through_scalar; /* an aggregate without keys was passed */
} Pull;

typedef struct Needs {
    MrPlanner *planner;
    const MrPlan *from, *have;
    MrColumn *cols;
    int64_t n, cap;
} Needs;

static bool needs_note(void *self, const MrExpr *expr)
{
    Needs *needs = self;
    if (expr->kind != MR_EXPR_COLUMN || mr_plan_column_find(needs->have, expr->column.id) >= 0)
        return true;
    int32_t at = mr_plan_column_find(needs->from, expr->column.id);
    for (int64_t i = 0; i < needs->n; i++)
        if (needs->cols[i].id == expr->column.id)
            return true;
    if (at >= 0)
        MR_PUSH(needs->planner->arena, needs->cols, needs->n, needs->cap, needs->from->cols[at]);
    return true;
}

/* NULL: it does not go. */
static MrPlan *pull(Pull *p, MrPlan *plan)
{
    MrPlanner *planner = p->outer->planner;
    const MrPlan *over = p->outer->over;
    if (!plan_refers(plan, over))
        return plan;
    switch (plan->kind) {
    case MR_PLAN_FILTER: {
        MrPlan *input = pull(p, plan->inputs[0]);
        if (!input)
            return NULL;
        MrExpr **parts = NULL, *rest = NULL;
        int32_t n = mr__conjuncts(planner->arena, plan->filter.condition, &parts);
        for (int32_t i = 0; i < n; i++) {
            if (expr_refers(parts[i], over))
                MR_PUSH(planner->arena, p->preds, p->n, p->cap, parts[i]);
            else
                rest = mr_expr_and(planner->arena, rest, parts[i]);
        }
        return rest ? mr_plan_filter(planner, input, rest) : input;
    }
    case MR_PLAN_PROJECT: {
        for (int32_t i = 0; i < plan->n_cols; i++)
            if (expr_refers(plan->project.exprs[i].expr, over))
                return NULL;
        MrPlan *input = pull(p, plan->inputs[0]);
        if (!input)
            return NULL;
        Needs needs = {.planner = planner, .from = input, .have = plan};
        for (int64_t i = 0; i < p->n; i++)
            mr_expr_walk(p->preds[i], needs_note, &needs);
        int32_t n = plan->n_cols;
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, n + needs.n + 1);
        for (int32_t i = 0; i < n; i++)
            exprs[i] = plan->project.exprs[i];
        for (int64_t i = 0; i < needs.n; i++)
            exprs[n + i] = pass_column(planner, &needs.cols[i]);
        return mr_plan_project(planner, input, exprs, n + (int32_t)needs.n);
    }
    case MR_PLAN_SORT:
        for (int32_t i = 0; i < plan->sort.n_keys; i++)
            if (expr_refers(plan->sort.keys[i].expr, over))
                return NULL;
        return plan->sort.limit == INT64_MAX ? pull(p, plan->inputs[0]) : NULL;
    case MR_PLAN_JOIN: {
        MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
        MrExpr *condition = plan->join.condition;
        if (plan->join.kind == MR_JOIN_INNER) {
            left = pull(p, left);
            right = left ? pull(p, right) : NULL;
            if (!right)
                return NULL;
            MrExpr **parts = NULL, *rest = NULL;
            int32_t n = condition ? mr__conjuncts(planner->arena, condition, &parts) : 0;
            for (int32_t i = 0; i < n; i++) {
                if (expr_refers(parts[i], over))
                    MR_PUSH(planner->arena, p->preds, p->n, p->cap, parts[i]);
                else
                    rest = mr_expr_and(planner->arena, rest, parts[i]);
            }
            return mr_plan_join(planner, MR_JOIN_INNER, left, right, rest);
        }
        if (plan->join.kind == MR_JOIN_RIGHT || plan->join.kind == MR_JOIN_FULL ||
            plan_refers(right, over) || (condition && expr_refers(condition, over)))
            return NULL;
        left = pull(p, left);
        if (!left)
            return NULL;
        MrPlan *join = mr_plan_join(planner, plan->join.kind, left, right, condition);
        if (plan->join.kind == MR_JOIN_MARK) {
            MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, join->n_cols + 1);
            memcpy(cols, join->cols, sizeof(MrColumn) * (size_t)join->n_cols);
            cols[join->n_cols - 1].id = join->join.mark_id = plan->join.mark_id;
            join->cols = cols;
        }
        return join;
    }
    case MR_PLAN_AGGREGATE: {
        Pull own = {.outer = p->outer};
        Find find = {over, false};
        for (int32_t i = 0; i < plan->aggregate.n_keys; i++)
            mr_expr_walk(plan->aggregate.keys[i].expr, outer_find, &find);
        for (int32_t i = 0; i < plan->aggregate.n_aggs; i++)
            mr_expr_walk(plan->aggregate.aggs[i].expr, outer_find, &find);
        MrPlan *input = find.found ? NULL : pull(&own, plan->inputs[0]);
        if (!input || own.through_scalar)
            return NULL;
        int32_t n = plan->aggregate.n_keys;
        MrNamedExpr *keys = MR_NEW_N(planner->arena, MrNamedExpr, n + own.n + 1);
        for (int32_t i = 0; i < n; i++)
            keys[i] = plan->aggregate.keys[i];
        for (int64_t i = 0; i < own.n; i++) {
            MrExpr *pred = own.preds[i];
            const char *name =
                pred->kind == MR_EXPR_CALL && pred->bound->def ? pred->bound->def->name : "";
            if ((strcmp(name, "=") != 0 && strcmp(name, "<=>") != 0) || pred->n_args != 2)
                return NULL;
            int32_t side = expr_refers(pred->args[0], over) ? 0 : 1;
            if (reads_columns(pred->args[side]) || expr_refers(pred->args[1 - side], over))
                return NULL;
            MrExpr *inner = pred->args[1 - side];
            keys[n + i].column = (MrColumn){
                inner->kind == MR_EXPR_COLUMN ? inner->column.id : mr_planner_id(planner),
                inner->sql ? inner->sql : "key", inner->type, inner->nullable};
            keys[n + i].expr = inner;
            MrExpr *moved = MR_NEW(planner->arena, MrExpr);
            *moved = *pred;
            moved->args = MR_NEW_N(planner->arena, MrExpr *, 2);
            moved->args[side] = pred->args[side];
            moved->args[1 - side] = mr_plan_column_expr(planner, &keys[n + i].column);
            MR_PUSH(planner->arena, p->preds, p->n, p->cap, moved);
        }
        if (n == 0 && plan->aggregate.n_aggs > 0)
            p->through_scalar = true;
        MrPlan *agg = mr_plan_aggregate(planner, input, keys, n + (int32_t)own.n,
                                        plan->aggregate.aggs, plan->aggregate.n_aggs);
        agg->aggregate.session_key = plan->aggregate.session_key;
        return agg;
    }
    default:
        return NULL;
    }
}

/* What a query over an aggregate without keys gives where no row came in: *out NULL: no row, or
 * NULL. *known false: cannot be said. */
typedef struct Empty {
    MrPlanner *planner;
    int32_t *ids;
    MrExpr **values;
    int64_t n, cap, n_values, cap_values;
} Empty;

static MrExpr *empty_visit(void *self, MrExpr *expr)
{
    Empty *empty = self;
    if (expr->kind == MR_EXPR_COLUMN)
        for (int64_t i = 0; i < empty->n; i++)
            if (empty->ids[i] == expr->column.id)
                return empty->values[i];
    return expr;
}

static MrStatus empty_result(MrPlanner *planner, const MrPlan *plan, MrExpr **out, bool *known,
                             MrError *err)
{
    const MrPlan *chain[32];
    int32_t n = 0;
    *known = false;
    *out = NULL;
    while (plan->kind == MR_PLAN_PROJECT || plan->kind == MR_PLAN_FILTER ||
           plan->kind == MR_PLAN_SORT) {
        if (n == 32)
            return MR_OK;
        chain[n++] = plan;
        plan = plan->inputs[0];
    }
    if (plan->kind != MR_PLAN_AGGREGATE || plan->aggregate.n_keys > 0)
        return MR_OK;
    Empty empty = {.planner = planner};
    for (int32_t i = 0; i < plan->aggregate.n_aggs; i++) {
        MrExpr *value = NULL;
        MR_TRY(empty_value(planner, plan->aggregate.aggs[i].expr->aggregate.agg, &value, err));
        MR_PUSH(planner->arena, empty.ids, empty.n, empty.cap, plan->aggregate.aggs[i].column.id);
        MR_PUSH(planner->arena, empty.values, empty.n_values, empty.cap_values, value);
    }
    bool has_filter = false;
    while (n-- > 0) {
        plan = chain[n];
        if (plan->kind == MR_PLAN_FILTER) {
            has_filter = true;
            continue;
        }
        for (int32_t i = 0; plan->kind == MR_PLAN_PROJECT && i < plan->n_cols; i++) {
            MrExpr *value =
                mr_expr_map(planner->arena, plan->project.exprs[i].expr, empty_visit, &empty);
            const MrVector *folded = NULL;
            MrError ignored = {0};
            if (!mr_expr_is_constant(value) ||
                mr_expr_fold(planner->arena, planner->context, value, &folded, &ignored) != MR_OK)
                return MR_OK;
            MR_PUSH(planner->arena, empty.ids, empty.n, empty.cap,
                    plan->project.exprs[i].column.id);
            MR_PUSH(planner->arena, empty.values, empty.n_values, empty.cap_values,
                    mr_expr_literal(planner->arena, folded));
        }
    }
    for (int64_t i = empty.n - 1; i >= 0; i--)
        if (empty.ids[i] == plan->cols[0].id) {
            *out = empty.values[i]->nullable ? NULL : empty.values[i];
            *known = !has_filter || !*out;
            return MR_OK;
        }
    return MR_OK;
}

/* ---------------------------------------------------------------- one subquery */

typedef struct Used {
    const MrPlan *over;
    MrPlanner *planner;
    MrColumn *cols;
    int64_t n, cap;
} Used;

static bool used_note(void *self, const MrExpr *expr)
{
    Used *used = self;
    int32_t at =
        expr->kind == MR_EXPR_OUTER ? mr_plan_column_find(used->over, expr->column.id) : -1;
    for (int64_t i = 0; at >= 0 && i < used->n; i++)
        if (used->cols[i].id == expr->column.id)
            return true;
    if (at >= 0)
        MR_PUSH(used->planner->arena, used->cols, used->n, used->cap, used->over->cols[at]);
    return true;
}

/* P is shared: once as it stands (*over keeps its ids), once for D. */
static void domain_make(Outer *outer, MrPlan *query, MrPlan **over)
{
    MrPlanner *planner = outer->planner;
    Used used = {.over = *over, .planner = planner};
    mr_plan_each_expr(query, used_note, &used);
    outer->n_cols = (int32_t)used.n;
    outer->cols = used.cols;
    MrPlan *body = *over;
    int32_t shared_id = planner->next_shared_id++;
    MrPlan *first = mr_plan_shared(planner, body, shared_id),
           *second = mr_plan_shared(planner, body, shared_id);
    MrNamedExpr *keys = MR_NEW_N(planner->arena, MrNamedExpr, used.n + 1);
    for (int64_t i = 0; i < used.n; i++) {
        int32_t at = mr_plan_column_find(body, used.cols[i].id);
        keys[i].column = used.cols[i];
        keys[i].column.id = mr_planner_id(planner);
        keys[i].expr = mr_plan_column_expr(planner, &second->cols[at]);
    }
    outer->domain = mr_plan_aggregate(planner, second, keys, (int32_t)used.n, NULL, 0);
    *over = mr__plan_rename(planner, first, body->cols);
}

/* Makes the subquery free of references to *over; *condition joins the two. */
static MrStatus query_free(MrPlanner *planner, MrPlan **over, MrPlan *query, bool may_pull,
                           bool scalar, MrPlan **out, MrExpr **condition, MrExpr **empty,
                           MrError *err)
{
    Outer outer = {.planner = planner, .err = err, .over = *over};
    *condition = NULL;
    *empty = NULL;
    if (!plan_refers(query, *over)) {
        *out = query;
        return MR_OK;
    }
    if (may_pull) {
        Pull p = {.outer = &outer};
        MrPlan *pulled = pull(&p, query);
        bool known = true;
        if (pulled && p.through_scalar) {
            known = false;
            if (scalar)
                MR_TRY(empty_result(planner, query, empty, &known, err));
        }
        if (pulled && known) {
            for (int64_t i = 0; i < p.n; i++)
                *condition = mr_expr_and(planner->arena, *condition,
                                         expr_localize(planner, p.preds[i], *over));
            *out = pulled;
            return MR_OK;
        }
        *empty = NULL;
    }
    domain_make(&outer, query, over);
    MrColumn *d = NULL;
    MR_TRY(depend(&outer, query, out, &d));
    return domains_equal(&outer, outer.cols, d, condition);
}

/* ---------------------------------------------------------------- a node's subqueries */

typedef struct Attach {
    MrPlanner *planner;
    MrError *err;
    MrStatus status;
    MrPlan *over; /* grows by a join with each subquery */
    const MrExpr **seen;
    MrExpr **made;
    int64_t n, cap, n_made, cap_made;
} Attach;

static MrStatus in_condition(MrPlanner *planner, const MrExpr *expr, const MrColumn *cols,
                             MrExpr **condition, MrError *err)
{
    for (int32_t i = 0; i < expr->n_args; i++) {
        MrExpr *equal = NULL;
        MR_TRY(equal_expr(planner, "=", expr->args[i], mr_plan_column_expr(planner, &cols[i]),
                          &equal, err));
        *condition = mr_expr_and(planner->arena, *condition, equal);
    }
    return MR_OK;
}

/* What relates a subquery's rows to the outer row holds or does not: unknown is not.  Only the
 * comparison of IN itself has three values. */
static MrExpr *correlation_sure(MrPlanner *planner, MrExpr *condition)
{
    MrExpr **parts = NULL, *sure = NULL;
    int32_t n = mr__conjuncts(planner->arena, condition, &parts);
    for (int32_t i = 0; i < n; i++) {
        MrExpr *part = parts[i];
        if (part->kind != MR_EXPR_CALL || strcmp(part->bound->def->name, "<=>") != 0) {
            part = MR_NEW(planner->arena, MrExpr);
            part->kind = MR_EXPR_COALESCE;
            part->type = MR_T(BOOLEAN);
            part->sql = parts[i]->sql;
            part->sql_idx = -1;
            part->n_args = 2;
            part->args = MR_NEW_N(planner->arena, MrExpr *, 2);
            part->args[0] = parts[i];
            part->args[1] = mr_expr_bool(planner->arena, false);
        }
        sure = mr_expr_and(planner->arena, sure, part);
    }
    return sure;
}

static MrExpr *not_expr(MrPlanner *planner, MrExpr *arg, MrStatus *status, MrError *err)
{
    MrExpr *out = arg;
    if (*status == MR_OK)
        *status = mr_expr_call(planner->arena, planner->settings, "not", &arg, 1, &out, err);
    return out;
}

static MrStatus attach_one(Attach *a, MrExpr *expr, MrExpr **out)
{
    MrPlanner *planner = a->planner;
    MrPlan *query = expr->query.plan, *free_query = NULL;
    MrExpr *condition = NULL, *empty = NULL;
    if (expr->kind == MR_EXPR_SCALAR_QUERY) {
        MR_TRY(query_free(planner, &a->over, query, true, true, &free_query, &condition, &empty,
                          a->err));
        MrColumn value = query->cols[0];
        value.nullable = true;
        if (mr_plan_column_find(a->over, value.id) >= 0) { /* SELECT (SELECT x FROM ..) twice */
            free_query = mr_plan_copy(planner, free_query);
            if (condition)
                return MR_FAIL_INTERNAL(a->err, "a subquery's columns are there already");
            value = free_query->cols[0];
            value.nullable = true;
        }
        if (!empty) {
            a->over = mr_plan_join(planner, MR_JOIN_SINGLE, a->over, free_query, condition);
            *out = mr_plan_column_expr(planner, &value);
        } else {
            MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, free_query->n_cols + 2);
            for (int32_t i = 0; i < free_query->n_cols; i++)
                exprs[i] = pass_column(planner, &free_query->cols[i]);
            MrColumn marker = {mr_planner_id(planner), "present", MR_T(BOOLEAN), false};
            exprs[free_query->n_cols] = (MrNamedExpr){marker, mr_expr_bool(planner->arena, true)};
            MrPlan *marked = mr_plan_project(planner, free_query, exprs, free_query->n_cols + 1);
            a->over = mr_plan_join(planner, MR_JOIN_SINGLE, a->over, marked, condition);
            marker.nullable = true;
            MrExpr *choice = MR_NEW(planner->arena, MrExpr);
            choice->kind = MR_EXPR_CASE;
            choice->type = expr->type;
            choice->nullable = true;
            choice->sql_idx = -1;
            choice->n_args = 3;
            choice->args = MR_NEW_N(planner->arena, MrExpr *, 3);
            choice->args[0] = mr_plan_column_expr(planner, &marker);
            choice->args[1] = mr_plan_column_expr(planner, &value);
            choice->args[2] = empty;
            *out = choice;
        }
        (*out)->sql = expr->sql;
        return MR_OK;
    }
    bool exists = expr->kind == MR_EXPR_EXISTS;
    MR_TRY(
        query_free(planner, &a->over, query, true, false, &free_query, &condition, &empty, a->err));
    condition = correlation_sure(planner, condition);
    if (!exists)
        MR_TRY(in_condition(planner, expr, query->cols, &condition, a->err));
    a->over = mr_plan_join(planner, MR_JOIN_MARK, a->over, free_query, condition);
    *out = mr_plan_column_expr(planner, &a->over->cols[a->over->n_cols - 1]);
    if (exists) {
        MrExpr *sure = MR_NEW(planner->arena, MrExpr);
        sure->kind = MR_EXPR_COALESCE;
        sure->type = MR_T(BOOLEAN);
        sure->sql_idx = -1;
        sure->n_args = 2;
        sure->args = MR_NEW_N(planner->arena, MrExpr *, 2);
        sure->args[0] = *out;
        sure->args[1] = mr_expr_bool(planner->arena, false);
        *out = sure;
    }
    MrStatus status = MR_OK;
    if (expr->query.negated)
        *out = not_expr(planner, *out, &status, a->err);
    (*out)->sql = expr->sql;
    return status;
}

static MrExpr *attach_visit(void *self, MrExpr *expr)
{
    Attach *a = self;
    bool is_query = expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                    expr->kind == MR_EXPR_IN_QUERY;
    if (!is_query || a->status != MR_OK)
        return expr;
    for (int64_t i = 0; i < a->n && expr->kind != MR_EXPR_IN_QUERY; i++)
        if (a->seen[i]->query.plan == expr->query.plan &&
            a->seen[i]->query.negated == expr->query.negated)
            return a->made[i];
    MrExpr *made = expr;
    a->status = attach_one(a, expr, &made);
    MR_PUSH(a->planner->arena, a->seen, a->n, a->cap, expr);
    MR_PUSH(a->planner->arena, a->made, a->n_made, a->cap_made, made);
    return made;
}

static MrExpr *attach_expr(void *self, MrExpr *expr)
{
    Attach *a = self;
    return mr_expr_map(a->planner->arena, expr, attach_visit, a);
}

static bool query_find(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
             expr->kind == MR_EXPR_IN_QUERY;
    return !*found;
}

static bool has_query(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, query_find, &found);
    return found;
}

static MrExpr *query_check(void *self, MrExpr *expr)
{
    bool *found = self;
    *found = *found || has_query(expr);
    return expr;
}

/* A conjunct that is EXISTS or IN itself: a semi or anti join. */
static MrStatus filter_conjunct(Attach *a, MrExpr *expr, bool *done)
{
    MrPlanner *planner = a->planner;
    *done = false;
    bool negated = false;
    while (expr->kind == MR_EXPR_CALL && expr->bound->def &&
           strcmp(expr->bound->def->name, "not") == 0) {
        expr = expr->args[0];
        negated = !negated;
    }
    if (expr->kind != MR_EXPR_EXISTS && expr->kind != MR_EXPR_IN_QUERY)
        return MR_OK;
    negated ^= expr->query.negated;
    for (int32_t i = 0; i < expr->n_args; i++)
        if (has_query(expr->args[i]))
            return MR_OK;
    MrPlan *query = NULL;
    MrExpr *condition = NULL, *empty = NULL;
    bool exists = expr->kind == MR_EXPR_EXISTS;
    MR_TRY(query_free(planner, &a->over, expr->query.plan, true, false, &query, &condition, &empty,
                      a->err));
    if (!exists && negated)
        condition = correlation_sure(planner, condition);
    if (!exists)
        MR_TRY(in_condition(planner, expr, expr->query.plan->cols, &condition, a->err));
    MrJoinKind kind = !negated ? MR_JOIN_SEMI : exists ? MR_JOIN_ANTI : MR_JOIN_ANTI_NULL;
    a->over = mr_plan_join(planner, kind, a->over, query, condition);
    *done = true;
    return MR_OK;
}

static MrPlan *columns_keep(MrPlanner *planner, MrPlan *plan, const MrColumn *cols, int32_t n)
{
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, n + 1);
    for (int32_t i = 0; i < n; i++)
        exprs[i] = pass_column(planner, &cols[i]);
    return mr_plan_project(planner, plan, exprs, n);
}

static MrStatus lateral_visit(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    MrPlan *left = plan->inputs[0], *right = NULL;
    MrExpr *condition = NULL, *empty = NULL;
    MrJoinKind kind = plan->join.kind;
    if (kind != MR_JOIN_INNER && kind != MR_JOIN_LEFT)
        return MR_FAIL_UNSUPPORTED(err, "this kind of lateral join");
    bool may_pull = true;
    MrPlan *query = plan->inputs[1];
    Outer outer = {.planner = planner, .err = err, .over = left};
    if (may_pull && plan_refers(query, left)) {
        Pull p = {.outer = &outer};
        MrPlan *pulled = pull(&p, query);
        if (!pulled || p.through_scalar)
            may_pull = false;
    }
    MR_TRY(query_free(planner, &left, query, may_pull, false, &right, &condition, &empty, err));
    condition = mr_expr_and(planner->arena, condition, plan->join.condition);
    MrPlan *join = mr_plan_join(planner, kind, left, right, condition);
    *out = columns_keep(planner, join, plan->cols, plan->n_cols);
    return MR_OK;
}

static bool side_find(void *self, const MrExpr *expr)
{
    Find *find = self;
    bool is_query = expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                    expr->kind == MR_EXPR_IN_QUERY;
    find->found =
        find->found ||
        (expr->kind == MR_EXPR_COLUMN && mr_plan_column_find(find->over, expr->column.id) >= 0) ||
        (is_query && plan_refers(expr->query.plan, find->over));
    return !find->found;
}

/* True when a subquery, its arguments too, reads a column of this plan. */
static bool query_reads(const MrExpr *expr, const MrPlan *plan)
{
    Find find = {plan, false};
    mr_expr_walk(expr, side_find, &find);
    return find.found;
}

/* A subquery in the condition of an outer join belongs to the one side that it reads. */
static MrExpr *side_visit(void *self, MrExpr *expr)
{
    Attach *sides = self;
    bool is_query = expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                    expr->kind == MR_EXPR_IN_QUERY;
    if (!is_query || sides[0].status != MR_OK || sides[1].status != MR_OK)
        return expr;
    bool left = query_reads(expr, sides[0].over), right = query_reads(expr, sides[1].over);
    if (!left || !right)
        return attach_visit(&sides[left ? 0 : 1], expr);
    sides[0].status = MR_FAIL(
        sides[0].err,
        MR_COND_UNSUPPORTED_SUBQUERY_EXPRESSION_CATEGORY__UNSUPPORTED_CORRELATED_EXPRESSION_IN_JOIN_CONDITION,
        "subqueryExpression", expr->sql ? expr->sql : "");
    return expr;
}

static MrStatus decorrelate_visit(MrPlanner *planner, MrPlan *plan, void *self, MrPlan **out,
                                  MrError *err)
{
    MrExpr *on = plan->kind == MR_PLAN_JOIN ? plan->join.condition : NULL;
    if (on && plan->join.lateral && plan->join.kind == MR_JOIN_INNER && has_query(on)) {
        MrPlan *bare = mr__node_copy(planner, plan);
        bare->join.condition = NULL;
        MR_TRY(lateral_visit(planner, bare, &bare, err));
        plan = mr_plan_filter(planner, bare, on);
    } else if (plan->kind == MR_PLAN_JOIN && plan->join.lateral) {
        MR_TRY(lateral_visit(planner, plan, &plan, err));
    }
    bool found = false;
    *out = plan;
    (void)mr_plan_map_exprs(planner, plan, query_check, &found);
    if (!found)
        return MR_OK;
    if (plan->kind == MR_PLAN_VALUES)
        return MR_FAIL_UNSUPPORTED(err, "subqueries in VALUES");
    Attach a = {.planner = planner, .err = err};
    if (plan->kind == MR_PLAN_JOIN) {
        if (plan->join.kind == MR_JOIN_INNER) {
            MrExpr **parts = NULL, *plain = NULL, *rest = NULL;
            int32_t n = mr__conjuncts(planner->arena, plan->join.condition, &parts);
            for (int32_t i = 0; i < n; i++) {
                if (has_query(parts[i]))
                    rest = mr_expr_and(planner->arena, rest, parts[i]);
                else
                    plain = mr_expr_and(planner->arena, plain, parts[i]);
            }
            MrPlan *join =
                mr_plan_join(planner, MR_JOIN_INNER, plan->inputs[0], plan->inputs[1], plain);
            return decorrelate_visit(planner, mr_plan_filter(planner, join, rest), self, out, err);
        }
        Attach sides[2];
        for (int32_t i = 0; i < 2; i++)
            sides[i] = (Attach){.planner = planner, .err = err, .over = plan->inputs[i]};
        MrExpr *condition = mr_expr_map(planner->arena, plan->join.condition, side_visit, sides);
        MR_TRY(sides[0].status);
        MR_TRY(sides[1].status);
        MrPlan *join =
            mr_plan_join(planner, plan->join.kind, sides[0].over, sides[1].over, condition);
        *out = columns_keep(planner, join, plan->cols, plan->n_cols);
        return MR_OK;
    }
    a.over = plan->inputs[0];
    if (plan->kind == MR_PLAN_FILTER) {
        MrExpr **parts = NULL, *rest = NULL;
        int32_t n = mr__conjuncts(planner->arena, plan->filter.condition, &parts);
        /* What needs no subquery filters first. */
        MrExpr *plain = NULL;
        for (int32_t i = 0; i < n; i++)
            if (!has_query(parts[i]))
                plain = mr_expr_and(planner->arena, plain, parts[i]);
        if (plain)
            a.over = mr_plan_filter(planner, a.over, plain);
        for (int32_t i = 0; i < n; i++) {
            bool done = false;
            if (!has_query(parts[i]))
                continue;
            MR_TRY(filter_conjunct(&a, parts[i], &done));
            if (!done)
                rest = mr_expr_and(planner->arena, rest, parts[i]);
        }
        if (rest) {
            rest = attach_expr(&a, rest);
            MR_TRY(a.status);
            a.over = mr_plan_filter(planner, a.over, rest);
        }
        *out = columns_keep(planner, a.over, plan->cols, plan->n_cols);
        return MR_OK;
    }
    MrPlan *mapped = mr_plan_map_exprs(planner, plan, attach_expr, &a);
    MR_TRY(a.status);
    MrPlan *made = mr_plan_with_inputs(planner, mapped, &a.over);
    if (plan->kind == MR_PLAN_PROJECT || plan->kind == MR_PLAN_AGGREGATE ||
        plan->kind == MR_PLAN_EXPAND) {
        *out = made;
        return MR_OK;
    }
    /* The node passes its input's columns on: those of the subqueries go. */
    if (plan->kind == MR_PLAN_WINDOW || plan->kind == MR_PLAN_GENERATE) {
        int32_t n_in = plan->inputs[0]->n_cols, n_new = plan->n_cols - n_in;
        MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, a.over->n_cols + n_new + 1);
        memcpy(cols, a.over->cols, sizeof(MrColumn) * (size_t)a.over->n_cols);
        memcpy(cols + a.over->n_cols, plan->cols + n_in, sizeof(MrColumn) * (size_t)n_new);
        made->cols = cols;
        made->n_cols = a.over->n_cols + n_new;
    } else {
        made->cols = a.over->cols;
        made->n_cols = a.over->n_cols;
    }
    *out = columns_keep(planner, made, plan->cols, plan->n_cols);
    return MR_OK;
}

MrStatus mr__rule_decorrelate(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err)
{
    return mr__plan_rewrite(planner, plan, decorrelate_visit, NULL, out, err);
}
