/* rule_pushdown.c - filters go down as far as they can.
 *
 * A condition that may fail is only moved over nodes below which it sees the same rows
 * (projections, sorts); over joins, aggregates and unions only pure conditions that cannot fail are
 * moved. */
#include "plan/rules.h"

#define FEW_PREDS 16 /* are compared one by one */

typedef struct Preds {
    MrExpr **list;
    int64_t n, cap;
    int32_t *slots; /* of a long list: places by hash, plus one; 0: none */
    int64_t n_slots, n_indexed;
} Preds;

typedef struct Push {
    MrPlanner *planner;
    MrArena *arena;
    MrPlan **shared; /* rewritten sub-plans by shared_id */
} Push;

static MrPlan *push(Push *self, MrPlan *plan, Preds preds);

/* -- helpers ---------------------------------------------------------------------------------- */

MrPlan *mr__node_copy(MrPlanner *planner, const MrPlan *plan)
{
    MrPlan *copy = MR_NEW(planner->arena, MrPlan);
    *copy = *plan;
    copy->inputs = MR_NEW_N(planner->arena, MrPlan *, plan->n_inputs + 1);
    for (int32_t i = 0; i < plan->n_inputs; i++)
        copy->inputs[i] = plan->inputs[i];
    return copy;
}

int32_t mr__conjuncts(MrArena *arena, MrExpr *condition, MrExpr ***out)
{
    if (!condition) {
        *out = NULL;
        return 0;
    }
    if (condition->kind != MR_EXPR_AND) {
        *out = MR_NEW_N(arena, MrExpr *, 1);
        (*out)[0] = condition;
        return 1;
    }
    Preds all = {0};
    for (int32_t a = 0; a < condition->n_args; a++) {
        MrExpr **some = NULL;
        int32_t n = mr__conjuncts(arena, condition->args[a], &some);
        for (int32_t s = 0; s < n; s++)
            MR_PUSH(arena, all.list, all.n, all.cap, some[s]);
    }
    *out = all.list;
    return (int32_t)all.n;
}

typedef struct Reads {
    const MrPlan *plan;
    bool inside, outside;
} Reads;

static bool reads_visit(void *arg, const MrExpr *expr)
{
    Reads *reads = arg;
    if (expr->kind != MR_EXPR_COLUMN)
        return true;
    for (int32_t c = 0; c < reads->plan->n_cols; c++) {
        if (reads->plan->cols[c].id == expr->column.id) {
            reads->inside = true;
            return true;
        }
    }
    reads->outside = true;
    return true;
}

static bool query_visit(void *arg, const MrExpr *expr)
{
    bool *found = arg;
    *found = *found || expr->kind == MR_EXPR_OUTER || expr->kind == MR_EXPR_SCALAR_QUERY ||
             expr->kind == MR_EXPR_EXISTS || expr->kind == MR_EXPR_IN_QUERY;
    return !*found;
}

bool mr__has_query(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, query_visit, &found);
    return found;
}

bool mr__reads_only(const MrExpr *expr, const MrPlan *plan)
{
    Reads reads = {.plan = plan};
    mr_expr_walk(expr, reads_visit, &reads);
    return !reads.outside;
}

bool mr__reads_any(const MrExpr *expr, const MrPlan *plan)
{
    Reads reads = {.plan = plan};
    mr_expr_walk(expr, reads_visit, &reads);
    return reads.inside;
}

/* The slot of an expression equal to pred, or an empty one. */
static int32_t *preds_slot(const Preds *preds, const MrExpr *pred)
{
    int64_t slot = (int64_t)(mr_expr_hash(pred) & (uint64_t)(preds->n_slots - 1));
    while (preds->slots[slot] > 0 && !mr_expr_equal(preds->list[preds->slots[slot] - 1], pred))
        slot = (slot + 1) & (preds->n_slots - 1);
    return &preds->slots[slot];
}

static void preds_index(Push *self, Preds *preds)
{
    preds->n_slots = 64;
    while (preds->n_slots < 4 * preds->n)
        preds->n_slots *= 2;
    preds->slots = MR_NEW_N(self->arena, int32_t, preds->n_slots);
    for (int64_t p = 0; p < preds->n; p++)
        *preds_slot(preds, preds->list[p]) = (int32_t)p + 1;
    preds->n_indexed = preds->n;
}

static void preds_add(Push *self, Preds *preds, MrExpr *pred)
{
    if (preds->n < FEW_PREDS) {
        for (int64_t p = 0; p < preds->n; p++)
            if (mr_expr_equal(preds->list[p], pred) && mr_expr_is_pure(pred))
                return;
    } else {
        if (preds->n_indexed != preds->n || 2 * (preds->n + 1) > preds->n_slots)
            preds_index(self, preds);
        int32_t *slot = preds_slot(preds, pred);
        if (*slot > 0 && mr_expr_is_pure(pred))
            return;
        *slot = (int32_t)preds->n + 1; /* of equal ones that are not pure the last */
        preds->n_indexed++;
    }
    MR_PUSH(self->arena, preds->list, preds->n, preds->cap, pred);
}

static void preds_add_all(Push *self, Preds *preds, MrExpr *condition)
{
    MrExpr **list = NULL;
    int32_t n = mr__conjuncts(self->arena, condition, &list);
    for (int32_t i = 0; i < n; i++)
        preds_add(self, preds, list[i]);
}

static MrExpr *preds_and(Push *self, const Preds *preds)
{
    MrExpr *all = NULL;
    for (int64_t p = 0; p < preds->n; p++)
        all = mr_expr_and(self->arena, all, preds->list[p]);
    return all;
}

/* The filter above plan, when there is something to filter. */
static MrPlan *filtered(Push *self, MrPlan *plan, const Preds *preds)
{
    return preds->n > 0 ? mr_plan_filter(self->planner, plan, preds_and(self, preds)) : plan;
}

static bool is_safe(const MrExpr *pred)
{
    return mr_expr_is_pure(pred) && !mr_expr_can_fail(pred) && !mr__has_query(pred);
}

typedef struct Replace {
    const MrColumn *from;
    MrExpr *const *to;
    const MrNamedExpr *named; /* instead of from and to */
    int32_t n;
} Replace;

static MrExpr *replace_visit(void *arg, MrExpr *expr)
{
    const Replace *replace = arg;
    if (expr->kind != MR_EXPR_COLUMN)
        return expr;
    for (int32_t i = 0; i < replace->n; i++) {
        int32_t id = replace->named ? replace->named[i].column.id : replace->from[i].id;
        if (id == expr->column.id)
            return replace->named ? replace->named[i].expr : replace->to[i];
    }
    return expr;
}

/* -- joins ------------------------------------------------------------------------------------ */

/* True when expr is NULL whenever all columns of side are NULL. */
static bool null_with_side(const MrExpr *expr, const MrPlan *side)
{
    switch (expr->kind) {
    case MR_EXPR_COLUMN:
        for (int32_t c = 0; c < side->n_cols; c++)
            if (side->cols[c].id == expr->column.id)
                return true;
        return false;
    case MR_EXPR_CALL:
        if (!(expr->bound->flags & MR_FN_NULL_IF_ANY))
            return false;
        for (int32_t a = 0; a < expr->n_args; a++)
            if (null_with_side(expr->args[a], side))
                return true;
        return false;
    case MR_EXPR_AND: /* one side may decide alone: all must be NULL */
    case MR_EXPR_OR:
        for (int32_t a = 0; a < expr->n_args; a++)
            if (!null_with_side(expr->args[a], side))
                return false;
        return expr->n_args > 0;
    default:
        return false;
    }
}

/* True when expr, as a filter, lets no row pass whose columns of side are all NULL.  That is less
 * than being NULL: what is only not true here may be true under a NOT. */
static bool rejects_null(const MrExpr *expr, const MrPlan *side)
{
    if (expr->kind == MR_EXPR_AND || expr->kind == MR_EXPR_OR) {
        bool any = expr->kind == MR_EXPR_AND;
        for (int32_t a = 0; a < expr->n_args; a++)
            if (rejects_null(expr->args[a], side) == any)
                return any;
        return !any && expr->n_args > 0;
    }
    if (expr->kind == MR_EXPR_CALL && strcmp(expr->bound->def->name, "isnotnull") == 0)
        return null_with_side(expr->args[0], side);
    return null_with_side(expr, side);
}

/* x = y and a condition on x alone: the same condition on y. */
static void add_transitive(Push *self, Preds *pool, const MrPlan *left, const MrPlan *right)
{
    int64_t n = pool->n;
    for (int64_t e = 0; e < n; e++) {
        MrExpr *equal = pool->list[e];
        if (equal->kind != MR_EXPR_CALL || equal->n_args != 2 ||
            strcmp(equal->bound->def->name, "=") != 0 || equal->args[0]->kind != MR_EXPR_COLUMN ||
            equal->args[1]->kind != MR_EXPR_COLUMN ||
            !mr_type_same_data(equal->args[0]->type, equal->args[1]->type))
            continue;
        for (int32_t from = 0; from < 2; from++) {
            MrExpr *x = equal->args[from], *y = equal->args[1 - from];
            MrColumn x_col = {.id = x->column.id};
            MrPlan only = {.n_cols = 1, .cols = &x_col};
            if (mr__reads_any(x, left) == mr__reads_any(y, left) &&
                mr__reads_any(x, right) == mr__reads_any(y, right))
                continue;
            for (int64_t p = 0; p < n; p++) {
                MrExpr *pred = pool->list[p];
                if (p == e || !is_safe(pred) || !mr__reads_any(pred, &only) ||
                    !mr__reads_only(pred, &only))
                    continue;
                Replace replace = {.from = &x_col, .to = &y, .n = 1};
                preds_add(self, pool, mr_expr_map(self->arena, pred, replace_visit, &replace));
            }
        }
    }
}

/* What an OR over both sides says of one side alone: the OR of what each arm says of it. */
static MrExpr *side_of_or(Push *self, MrExpr *pred, const MrPlan *side)
{
    if (pred->kind != MR_EXPR_OR || !is_safe(pred))
        return NULL;
    MrExpr *some = mr_arena_alloc(self->arena, (int64_t)sizeof *some);
    *some = *pred;
    some->args = MR_NEW_N(self->arena, MrExpr *, pred->n_args + 1);
    for (int32_t a = 0; a < pred->n_args; a++) {
        MrExpr **list = NULL;
        int32_t n = mr__conjuncts(self->arena, pred->args[a], &list);
        for (int32_t c = 0; c < n; c++)
            if (mr__reads_only(list[c], side))
                some->args[a] = mr_expr_and(self->arena, some->args[a], list[c]);
        if (!some->args[a])
            return NULL;
    }
    return some;
}

/* Groups that are filtered are few: worth a semi join early. */
static bool is_filtered_aggregate(const MrPlan *plan)
{
    bool filter = false;
    while (plan->kind == MR_PLAN_PROJECT || plan->kind == MR_PLAN_FILTER) {
        filter = filter || plan->kind == MR_PLAN_FILTER;
        plan = plan->inputs[0];
    }
    return filter && plan->kind == MR_PLAN_AGGREGATE;
}

/* A semi or anti join whose condition reads one input of the inner join on its left goes down to
 * that input. */
static MrPlan *sink_semi(Push *self, MrPlan *left, const MrPlan *semi)
{
    MrExpr *condition = semi->join.condition;
    if (left->kind == MR_PLAN_FILTER) {
        MrPlan *below = sink_semi(self, left->inputs[0], semi);
        if (!below)
            return NULL;
        MrPlan *copy = mr__node_copy(self->planner, left);
        copy->inputs[0] = below;
        return copy;
    }
    if (left->kind != MR_PLAN_JOIN || left->join.kind != MR_JOIN_INNER || left->join.lateral)
        return NULL;
    for (int32_t i = 0; i < 2; i++) {
        if (mr__reads_any(condition, left->inputs[1 - i]) ||
            !mr__reads_any(condition, left->inputs[i]))
            continue;
        MrPlan *copy = mr__node_copy(self->planner, left);
        copy->inputs[i] = sink_semi(self, left->inputs[i], semi);
        if (!copy->inputs[i])
            copy->inputs[i] = mr_plan_join(self->planner, semi->join.kind, left->inputs[i],
                                           semi->inputs[1], condition);
        return copy;
    }
    return NULL;
}

static MrPlan *push_join_at(Push *self, MrPlan *plan, Preds preds)
{
    MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
    MrJoinKind kind = plan->join.kind;
    Preds to_left = {0}, to_right = {0}, stay = {0}, on = {0}, conditions = {0};

    for (int64_t p = 0; p < preds.n; p++) {
        if ((kind == MR_JOIN_LEFT || kind == MR_JOIN_FULL) && rejects_null(preds.list[p], right))
            kind = kind == MR_JOIN_LEFT ? MR_JOIN_INNER : MR_JOIN_RIGHT;
        if ((kind == MR_JOIN_RIGHT || kind == MR_JOIN_FULL) && rejects_null(preds.list[p], left))
            kind = kind == MR_JOIN_RIGHT ? MR_JOIN_INNER : MR_JOIN_LEFT;
    }
    preds_add_all(self, &conditions, plan->join.condition);
    if (kind == MR_JOIN_INNER && !plan->join.lateral) {
        /* Filters and conditions are one pool. */
        Preds pool = {0};
        for (int64_t c = 0; c < conditions.n; c++)
            preds_add(self, &pool, conditions.list[c]);
        for (int64_t p = 0; p < preds.n; p++) {
            if (is_safe(preds.list[p]))
                preds_add(self, &pool, preds.list[p]);
            else
                preds_add(self, &stay, preds.list[p]);
        }
        add_transitive(self, &pool, left, right);
        for (int64_t p = 0; p < pool.n; p++) {
            MrExpr *pred = pool.list[p];
            if (is_safe(pred) && mr__reads_only(pred, left))
                preds_add(self, &to_left, pred);
            else if (is_safe(pred) && mr__reads_only(pred, right))
                preds_add(self, &to_right, pred);
            else
                preds_add(self, &on, pred);
            if (on.n > 0 && on.list[on.n - 1] == pred) {
                MrExpr *of_left = side_of_or(self, pred, left),
                       *of_right = side_of_or(self, pred, right);
                if (of_left)
                    preds_add(self, &to_left, of_left);
                if (of_right)
                    preds_add(self, &to_right, of_right);
            }
        }
    } else {
        bool left_kept = kind != MR_JOIN_RIGHT && kind != MR_JOIN_FULL;
        for (int64_t p = 0; p < preds.n; p++) {
            MrExpr *pred = preds.list[p];
            if (is_safe(pred) && left_kept && mr__reads_only(pred, left))
                preds_add(self, &to_left, pred);
            else if (is_safe(pred) && kind == MR_JOIN_RIGHT && mr__reads_only(pred, right))
                preds_add(self, &to_right, pred);
            else
                preds_add(self, &stay, pred);
        }
        bool right_filters = kind == MR_JOIN_LEFT || kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI;
        bool left_filters = kind == MR_JOIN_RIGHT || kind == MR_JOIN_SEMI;
        if (kind == MR_JOIN_SEMI ||
            kind == MR_JOIN_LEFT) { /* x = y carries filters of x over to y */
            for (int64_t p = 0; p < to_left.n; p++)
                preds_add(self, &conditions, to_left.list[p]);
            add_transitive(self, &conditions, left, right);
        }
        for (int64_t p = 0; p < conditions.n; p++) {
            MrExpr *pred = conditions.list[p];
            bool given_left = false;
            for (int64_t l = 0; l < to_left.n; l++)
                given_left = given_left || to_left.list[l] == pred;
            if (given_left)
                continue; /* it is filtered below already */
            if (is_safe(pred) && right_filters && !plan->join.lateral &&
                mr__reads_only(pred, right))
                preds_add(self, &to_right, pred);
            else if (is_safe(pred) && left_filters && mr__reads_only(pred, left))
                preds_add(self, &to_left, pred);
            else
                preds_add(self, &on, pred);
        }
    }
    MrPlan *copy = mr__node_copy(self->planner, plan);
    copy->join.kind = kind;
    copy->join.condition = preds_and(self, &on);
    copy->inputs[0] = push(self, left, to_left);
    copy->inputs[1] = push(self, right, to_right);
    return filtered(self, copy, &stay);
}

static MrPlan *push_join(Push *self, MrPlan *plan, Preds preds)
{
    if ((plan->join.kind == MR_JOIN_SEMI || plan->join.kind == MR_JOIN_ANTI) &&
        plan->join.condition && !plan->join.lateral && is_safe(plan->join.condition) &&
        is_filtered_aggregate(plan->inputs[1])) {
        MrPlan *sunk = sink_semi(self, plan->inputs[0], plan);
        if (sunk)
            return push(self, sunk, preds);
    }
    return push_join_at(self, plan, preds);
}

/* -- the other nodes -------------------------------------------------------------------------- */

static MrPlan *push_inputs(Push *self, MrPlan *plan)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    for (int32_t i = 0; i < plan->n_inputs; i++)
        copy->inputs[i] = push(self, plan->inputs[i], (Preds){0});
    return copy;
}

/* Splits preds into those that pass and those that stay. */
static MrPlan *push_passing(Push *self, MrPlan *plan, const Preds *pass, const Preds *stay)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    copy->inputs[0] = push(self, plan->inputs[0], *pass);
    return filtered(self, copy, stay);
}

static MrPlan *push_project(Push *self, MrPlan *plan, const Preds *preds)
{
    Preds pass = {0}, stay = {0};
    for (int64_t p = 0; p < preds->n; p++) {
        Replace replace = {.named = plan->project.exprs, .n = plan->n_cols};
        MrExpr *pred = mr_expr_map(self->arena, preds->list[p], replace_visit, &replace);
        if (mr_expr_is_pure(preds->list[p]) && mr_expr_is_pure(pred) && !mr__has_query(pred))
            preds_add(self, &pass, pred);
        else
            preds_add(self, &stay, preds->list[p]);
    }
    return push_passing(self, plan, &pass, &stay);
}

static MrPlan *push_aggregate(Push *self, MrPlan *plan, const Preds *preds)
{
    Preds pass = {0}, stay = {0};
    MrColumn *cols = MR_NEW_N(self->arena, MrColumn, plan->aggregate.n_keys + 1);
    MrPlan keys = {.cols = cols};
    for (int32_t k = 0; k < plan->aggregate.n_keys; k++)
        if (k != plan->aggregate.session_key) /* a session is not that of its rows */
            cols[keys.n_cols++] = plan->aggregate.keys[k].column;
    for (int64_t p = 0; p < preds->n; p++) {
        Replace replace = {.named = plan->aggregate.keys, .n = plan->aggregate.n_keys};
        MrExpr *pred = preds->list[p];
        if (plan->aggregate.n_keys > 0 && mr__reads_any(pred, &keys) &&
            mr__reads_only(pred, &keys) && is_safe(pred)) {
            MrExpr *below = mr_expr_map(self->arena, pred, replace_visit, &replace);
            if (is_safe(below)) {
                preds_add(self, &pass, below);
                continue;
            }
        }
        preds_add(self, &stay, pred);
    }
    return push_passing(self, plan, &pass, &stay);
}

static MrPlan *push_union(Push *self, MrPlan *plan, const Preds *preds)
{
    MrPlan *copy = mr__node_copy(self->planner, plan);
    Preds stay = {0};
    for (int64_t p = 0; p < preds->n; p++)
        if (!is_safe(preds->list[p]))
            preds_add(self, &stay, preds->list[p]);
    for (int32_t i = 0; i < plan->n_inputs; i++) {
        const MrPlan *input = plan->inputs[i];
        MrExpr **to = MR_NEW_N(self->arena, MrExpr *, plan->n_cols + 1);
        Preds pass = {0};
        for (int32_t c = 0; c < plan->n_cols; c++)
            to[c] = mr_plan_column_expr(self->planner, &input->cols[c]);
        Replace replace = {.from = plan->cols, .to = to, .n = plan->n_cols};
        for (int64_t p = 0; p < preds->n; p++)
            if (is_safe(preds->list[p]))
                preds_add(self, &pass,
                          mr_expr_map(self->arena, preds->list[p], replace_visit, &replace));
        copy->inputs[i] = push(self, plan->inputs[i], pass);
    }
    return filtered(self, copy, &stay);
}

/* Conditions on columns by which all window expressions are partitioned keep or drop whole
 * partitions. */
static MrPlan *push_window(Push *self, MrPlan *plan, const Preds *preds)
{
    Preds pass = {0}, stay = {0};
    const MrExpr *first = plan->window.n_exprs > 0 ? plan->window.exprs[0].expr : NULL;
    int32_t n_partition = first ? first->window.n_partition : 0;
    MrColumn *cols = MR_NEW_N(self->arena, MrColumn, n_partition + 1);
    MrPlan keys = {.cols = cols};
    for (int32_t k = 0; k < n_partition; k++)
        if (first->window.partition[k]->kind == MR_EXPR_COLUMN)
            cols[keys.n_cols++].id = first->window.partition[k]->column.id;
    for (int64_t p = 0; p < preds->n; p++) {
        MrExpr *pred = preds->list[p];
        if (is_safe(pred) && mr__reads_any(pred, &keys) && mr__reads_only(pred, &keys))
            preds_add(self, &pass, pred);
        else
            preds_add(self, &stay, pred);
    }
    return push_passing(self, plan, &pass, &stay);
}

static MrPlan *push_generate(Push *self, MrPlan *plan, const Preds *preds)
{
    Preds pass = {0}, stay = {0};
    for (int64_t p = 0; p < preds->n; p++) {
        if (is_safe(preds->list[p]) && mr__reads_only(preds->list[p], plan->inputs[0]))
            preds_add(self, &pass, preds->list[p]);
        else
            preds_add(self, &stay, preds->list[p]);
    }
    return push_passing(self, plan, &pass, &stay);
}

static MrPlan *push_scan(Push *self, MrPlan *plan, const Preds *preds)
{
    Preds pass = {0}, stay = {0};
    for (int32_t f = 0; f < plan->scan.n_filters; f++)
        preds_add(self, &pass, plan->scan.filters[f]);
    for (int64_t p = 0; p < preds->n; p++)
        preds_add(self, is_safe(preds->list[p]) ? &pass : &stay, preds->list[p]);
    MrPlan *copy = mr__node_copy(self->planner, plan);
    copy->scan.filters = pass.list;
    copy->scan.n_filters = (int32_t)pass.n;
    return filtered(self, copy, &stay);
}

/* plan with the rows for which all preds are true. */
static MrPlan *push(Push *self, MrPlan *plan, Preds preds)
{
    switch (plan->kind) {
    case MR_PLAN_FILTER: {
        Preds all = {0};
        /* The lower filter was evaluated first. */
        preds_add_all(self, &all, plan->filter.condition);
        for (int64_t p = 0; p < preds.n; p++)
            preds_add(self, &all, preds.list[p]);
        return push(self, plan->inputs[0], all);
    }
    case MR_PLAN_PROJECT:
        return push_project(self, plan, &preds);
    case MR_PLAN_SORT:
        if (plan->sort.limit == INT64_MAX) {
            Preds none = {0};
            return push_passing(self, plan, &preds, &none);
        }
        return filtered(self, push_inputs(self, plan), &preds);
    case MR_PLAN_AGGREGATE:
        return push_aggregate(self, plan, &preds);
    case MR_PLAN_JOIN:
        return push_join(self, plan, preds);
    case MR_PLAN_UNION:
        return push_union(self, plan, &preds);
    case MR_PLAN_WINDOW:
        return push_window(self, plan, &preds);
    case MR_PLAN_GENERATE:
        return push_generate(self, plan, &preds);
    case MR_PLAN_SCAN:
        return push_scan(self, plan, &preds);
    case MR_PLAN_SHARED: { /* filters of one use are no business of the others */
        MrPlan *copy = mr__node_copy(self->planner, plan);
        MrPlan **once = &self->shared[plan->shared.shared_id];
        if (!*once)
            *once = push(self, plan->inputs[0], (Preds){0});
        copy->inputs[0] = *once;
        return filtered(self, copy, &preds);
    }
    default:
        return filtered(self, push_inputs(self, plan), &preds);
    }
}

MrPlan *mr__rule_pushdown(MrPlanner *planner, MrPlan *plan)
{
    Push self = {planner, planner->arena,
                 MR_NEW_N(planner->arena, MrPlan *, planner->next_shared_id + 1)};
    return push(&self, plan, (Preds){0});
}
