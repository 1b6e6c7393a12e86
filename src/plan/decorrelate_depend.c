/* decorrelate_depend.c - a subquery without references to P, the plan around it, for any subquery.
 *
 * The distinct values D of the columns referred to are joined to the leaves of the subquery, whose
 * result is then known for each value of D (Neumann and Kemper, "Unnesting arbitrary queries").  P
 * is computed once and read twice. */
#include "plan/decorrelate_int.h"

typedef struct Outer { /* one subquery and the plan it refers to */
    MrPlanner *planner;
    MrError *err;
    const MrPlan *over; /* P */
    /* D: */
    int32_t n_cols;
    const MrColumn *cols; /* columns of P that are referred to */
    MrPlan *domain;
} Outer;

static MrStatus equal_expr(MrPlanner *planner, const char *sign, MrExpr *left, MrExpr *right,
                           MrExpr **out, MrError *err)
{
    return mr_expr_call(planner->arena, planner->settings, sign, (MrExpr *[]){left, right}, 2, out,
                        err);
}

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
        keys[n + i] = mr_plan_pass(planner, &in_d[i]);
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
        marked[i] = mr_plan_pass(planner, &agg->cols[i]);
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
        MR_TRY(mr__empty_value(planner, kind, &empty, outer->err));
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
        exprs[n_aggs + i] = mr_plan_pass(planner, &dom_d[i]);
    *out = mr_plan_project(planner, join, exprs, n_aggs + outer->n_cols);
    *d = dom_d;
    return MR_OK;
}

static MrStatus depend_join(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
    MrColumn *left_d = NULL, *right_d = NULL;
    bool left_refers = mr__plan_refers(left, outer->over),
         right_refers = mr__plan_refers(right, outer->over);
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
            exprs[n++] = mr_plan_pass(planner, &join->cols[i]);
        MrColumn *both = MR_NEW_N(planner->arena, MrColumn, outer->n_cols + 1);
        for (int32_t i = 0; i < outer->n_cols; i++) {
            MrExpr *first =
                mr_expr_coalesce(planner->arena, mr_plan_column_expr(planner, &left_d[i]),
                                 mr_plan_column_expr(planner, &right_d[i]));
            first->nullable = true;
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
        exprs[above->n_cols] = mr_plan_pass(planner, &number->column);
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

/* The union of inputs that are plan's columns and D each; it keeps the ids of plan's columns. */
static MrPlan *union_make(Outer *outer, const MrPlan *plan, MrPlan **inputs, int32_t n_inputs,
                          MrColumn **d)
{
    MrPlan *made = mr_plan_union(outer->planner, inputs, n_inputs);
    MrColumn *cols = MR_NEW_N(outer->planner->arena, MrColumn, made->n_cols + 1);
    memcpy(cols, made->cols, sizeof(MrColumn) * (size_t)made->n_cols);
    for (int32_t c = 0; c < plan->n_cols; c++)
        cols[c].id = plan->cols[c].id;
    made->cols = cols;
    *d = cols + plan->n_cols;
    return made;
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
            exprs[c] = mr_plan_pass(planner, &plan->inputs[i]->cols[c]);
        for (int32_t c = 0; c < outer->n_cols; c++)
            exprs[n + c] = mr_plan_pass(planner, &in_d[c]);
        inputs[i] = mr_plan_project(planner, inputs[i], exprs, n + outer->n_cols);
    }
    *out = union_make(outer, plan, inputs, plan->n_inputs, d);
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
            exprs[n + c] = mr_plan_pass(planner, &in_d[c]);
        rows[r] = mr_plan_project(planner, domain, exprs, n + outer->n_cols);
        if (n_rows == 1) {
            *out = rows[0];
            *d = in_d;
            return MR_OK;
        }
    }
    *out = union_make(outer, plan, rows, n_rows, d);
    return MR_OK;
}

static MrPlan *depend_project(Outer *outer, const MrPlan *plan, const MrPlan *mapped, MrPlan *input,
                              const MrColumn *d)
{
    int32_t n = plan->n_cols;
    MrNamedExpr *exprs = MR_NEW_N(outer->planner->arena, MrNamedExpr, n + outer->n_cols + 1);
    for (int32_t i = 0; i < n; i++)
        exprs[i] = mapped->project.exprs[i];
    for (int32_t i = 0; i < outer->n_cols; i++)
        exprs[n + i] = mr_plan_pass(outer->planner, &d[i]);
    return mr_plan_project(outer->planner, input, exprs, n + outer->n_cols);
}

static MrPlan *depend_expand(Outer *outer, const MrPlan *plan, const MrPlan *mapped, MrPlan *input,
                             const MrColumn *d)
{
    MrPlanner *planner = outer->planner;
    int32_t n = plan->n_cols, n_all = n + outer->n_cols, n_rows = plan->expand.n_projections;
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, n_all + 1);
    memcpy(cols, plan->cols, sizeof(MrColumn) * (size_t)n);
    for (int32_t i = 0; i < outer->n_cols; i++)
        cols[n + i] = d[i];
    MrExpr ***projections = MR_NEW_N(planner->arena, MrExpr **, n_rows + 1);
    for (int32_t p = 0; p < n_rows; p++) {
        projections[p] = MR_NEW_N(planner->arena, MrExpr *, n_all + 1);
        memcpy(projections[p], mapped->expand.projections[p], sizeof(MrExpr *) * (size_t)n);
        for (int32_t i = 0; i < outer->n_cols; i++)
            projections[p][n + i] = mr_plan_column_expr(planner, &d[i]);
    }
    return mr_plan_expand(planner, input, cols, n_all, projections, n_rows);
}

/* Each value of D is a partition of its own. */
static MrPlan *depend_window(Outer *outer, const MrPlan *plan, const MrPlan *mapped, MrPlan *input,
                             const MrColumn *d)
{
    MrPlanner *planner = outer->planner;
    MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, plan->window.n_exprs + 1);
    for (int32_t i = 0; i < plan->window.n_exprs; i++) {
        MrExpr *expr = MR_NEW(planner->arena, MrExpr);
        *expr = *mapped->window.exprs[i].expr;
        int32_t n = expr->window.n_partition;
        MrExpr **partition = MR_NEW_N(planner->arena, MrExpr *, n + outer->n_cols + 1);
        for (int32_t k = 0; k < n; k++)
            partition[k] = expr->window.partition[k];
        for (int32_t k = 0; k < outer->n_cols; k++)
            partition[n + k] = mr_plan_column_expr(planner, &d[k]);
        expr->window.partition = partition;
        expr->window.n_partition = n + outer->n_cols;
        exprs[i] = (MrNamedExpr){mapped->window.exprs[i].column, expr};
    }
    return mr_plan_window(planner, input, exprs, plan->window.n_exprs);
}

static MrPlan *depend_generate(Outer *outer, const MrPlan *plan, const MrPlan *mapped,
                               MrPlan *input)
{
    MrPlanner *planner = outer->planner;
    MrPlan *made =
        mr_plan_generate(planner, input, plan->generate.def, plan->generate.bound,
                         mapped->generate.args, plan->generate.n_args, plan->generate.outer);
    MrColumn *cols = MR_NEW_N(planner->arena, MrColumn, made->n_cols + 1);
    int32_t n_old = plan->inputs[0]->n_cols, n_new = plan->n_cols - n_old;
    memcpy(cols, made->cols, sizeof(MrColumn) * (size_t)made->n_cols);
    memcpy(cols + made->n_cols - n_new, plan->cols + n_old, sizeof(MrColumn) * (size_t)n_new);
    made->cols = cols;
    return made;
}

/* Nodes of one input that need D only below: it goes through them. */
static MrStatus depend_through(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlan *input = NULL;
    MR_TRY(depend(outer, plan->inputs[0], &input, d));
    Mapped map = {outer, *d};
    MrPlan *mapped = mr_plan_map_exprs(outer->planner, plan, mapped_expr, &map);
    switch (plan->kind) {
    case MR_PLAN_PROJECT:
        *out = depend_project(outer, plan, mapped, input, *d);
        break;
    case MR_PLAN_EXPAND:
        *out = depend_expand(outer, plan, mapped, input, *d);
        break;
    case MR_PLAN_WINDOW:
        *out = depend_window(outer, plan, mapped, input, *d);
        break;
    case MR_PLAN_GENERATE:
        *out = depend_generate(outer, plan, mapped, input);
        break;
    default:
        *out = mr_plan_with_inputs(outer->planner, mapped, &input);
        (*out)->cols = input->cols;
        (*out)->n_cols = input->n_cols;
    }
    return MR_OK;
}

static MrStatus depend(Outer *outer, MrPlan *plan, MrPlan **out, MrColumn **d)
{
    MrPlanner *planner = outer->planner;
    if (!mr__plan_refers(plan, outer->over)) {
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
        return depend_through(outer, plan, out, d);
    default:
        return MR_FAIL_UNSUPPORTED(outer->err, "references to an outer query in this place");
    }
}

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

MrStatus mr__query_depend(MrPlanner *planner, MrPlan **over, MrPlan *query, MrPlan **out,
                          MrExpr **condition, MrError *err)
{
    Outer outer = {.planner = planner, .err = err, .over = *over};
    MrColumn *d = NULL;
    domain_make(&outer, query, over);
    MR_TRY(depend(&outer, query, out, &d));
    return domains_equal(&outer, outer.cols, d, condition);
}
