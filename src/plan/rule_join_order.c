/* rule_join_order.c - inner joins in a good order.
 *
 * A tree of inner joins is taken apart into relations and conditions.  Up to 12 relations the best
 * bushy tree is found by dynamic programming over sets, beyond that greedily; its cost is the sum
 * of the sizes of all intermediate results.  Columns that are equal to one another form a class;
 * its smallest relation, before filters, is taken for the one whose key it is, so that an equality
 * keeps 1 / size of that relation. */
#include "plan/rules.h"

#define DP_MAX 12
#define RELATIONS_MAX 60

typedef struct Relation {
    MrPlan *plan;
    double rows, base_rows; /* with and without filters */
} Relation;

typedef struct Edge {
    MrExpr *expr;
    uint64_t set; /* relations that it reads */
    bool equal;   /* joins two relations by equality */
    int32_t a, b;
    int32_t class_idx; /* of columns equal to one another; -1: not of plain columns */
    double share;
} Edge;

typedef struct Order {
    MrPlanner *planner;
    Relation relations[RELATIONS_MAX];
    int32_t n_relations;
    Edge *edges;
    int64_t n_edges, cap_edges;
    MrPlan **shared;
} Order;

typedef struct Best {
    double cost, rows;
    uint64_t left; /* 0: a relation */
    bool there;
} Best;

static MrPlan *reorder(MrPlanner *planner, MrPlan *plan, MrPlan **shared);

/* Size of the relation that a column of the plan stems from, filters left out. */
static double base_rows(MrPlanner *planner, const MrPlan *plan)
{
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        return mr_plan_source_rows(planner, plan);
    case MR_PLAN_FILTER:
    case MR_PLAN_PROJECT:
    case MR_PLAN_SORT:
    case MR_PLAN_WATERMARK:
        return base_rows(planner, plan->inputs[0]);
    case MR_PLAN_JOIN:
        if (plan->join.kind == MR_JOIN_SEMI || plan->join.kind == MR_JOIN_ANTI ||
            plan->join.kind == MR_JOIN_LEFT)
            return base_rows(planner, plan->inputs[0]);
        return (double)plan->rows_estimate;
    default:
        return (double)plan->rows_estimate;
    }
}

static bool collect(Order *self, MrPlan *plan)
{
    if (plan->kind == MR_PLAN_JOIN && plan->join.kind == MR_JOIN_INNER && !plan->join.lateral) {
        MrExpr **list = NULL;
        int32_t n = mr__conjuncts(self->planner->arena, plan->join.condition, &list);
        if (!collect(self, plan->inputs[0]) || !collect(self, plan->inputs[1]))
            return false;
        for (int32_t c = 0; c < n; c++) {
            Edge edge = {.expr = list[c]};
            MR_PUSH(self->planner->arena, self->edges, self->n_edges, self->cap_edges, edge);
        }
        return true;
    }
    if (self->n_relations == RELATIONS_MAX)
        return false;
    MrPlan *below = reorder(self->planner, plan, self->shared);
    mr__statistics(self->planner, below);
    double base = base_rows(self->planner, below), rows = (double)below->rows_estimate;
    self->relations[self->n_relations++] = (Relation){below, rows, base > rows ? base : rows};
    return true;
}

static bool have_common_column(const MrExpr *a, const MrExpr *b)
{
    for (int32_t i = 0; i < 2; i++)
        for (int32_t j = 0; j < 2; j++)
            if (a->args[i]->kind == MR_EXPR_COLUMN && b->args[j]->kind == MR_EXPR_COLUMN &&
                a->args[i]->column.id == b->args[j]->column.id)
                return true;
    return false;
}

static void edges_init(Order *self)
{
    for (int64_t e = 0; e < self->n_edges; e++) {
        Edge *edge = &self->edges[e];
        for (int32_t r = 0; r < self->n_relations; r++)
            if (mr__reads_any(edge->expr, self->relations[r].plan))
                edge->set |= UINT64_C(1) << r;
        edge->share = mr__selectivity(edge->expr);
        const MrExpr *expr = edge->expr;
        if (expr->kind != MR_EXPR_CALL || expr->n_args != 2 ||
            __builtin_popcountll(edge->set) != 2 ||
            (strcmp(expr->bound->def->name, "=") != 0 &&
             strcmp(expr->bound->def->name, "<=>") != 0))
            continue;
        edge->a = __builtin_ctzll(edge->set);
        edge->b = 63 - __builtin_clzll(edge->set);
        const MrPlan *a = self->relations[edge->a].plan, *b = self->relations[edge->b].plan;
        if (!(mr__reads_only(expr->args[0], a) && mr__reads_only(expr->args[1], b)) &&
            !(mr__reads_only(expr->args[0], b) && mr__reads_only(expr->args[1], a)))
            continue;
        edge->equal = true;
        edge->class_idx = (int32_t)e;
    }
    /* Edges with a column in common are of one class. */
    for (int64_t e = 0; e < self->n_edges; e++)
        for (int64_t f = 0; f < e && self->edges[e].equal; f++)
            if (self->edges[f].equal && self->edges[f].class_idx != self->edges[e].class_idx &&
                have_common_column(self->edges[e].expr, self->edges[f].expr)) {
                int32_t from = self->edges[e].class_idx, to = self->edges[f].class_idx;
                for (int64_t g = 0; g < self->n_edges; g++)
                    if (self->edges[g].equal && self->edges[g].class_idx == from)
                        self->edges[g].class_idx = to;
            }
    for (int64_t e = 0; e < self->n_edges; e++) {
        double small = 1e18;
        for (int64_t f = 0; f < self->n_edges && self->edges[e].equal; f++) {
            const Edge *edge = &self->edges[f];
            if (!edge->equal || edge->class_idx != self->edges[e].class_idx)
                continue;
            double a = self->relations[edge->a].base_rows, b = self->relations[edge->b].base_rows;
            small = a < small ? a : small;
            small = b < small ? b : small;
        }
        if (self->edges[e].equal)
            self->edges[e].share = 1 / (small < 1 ? 1 : small);
    }
}

/* Share of left x right that the conditions between them keep; *joined: there is an equality. */
static double share_between(const Order *self, uint64_t left, uint64_t right, bool *joined)
{
    double share = 1;
    uint64_t both = left | right;
    *joined = false;
    for (int64_t e = 0; e < self->n_edges; e++) {
        const Edge *edge = &self->edges[e];
        if ((edge->set & ~both) || !(edge->set & left) || !(edge->set & right))
            continue;
        if (edge->equal) {
            bool again = false; /* a class counts once; several keys of two relations are one key of
                                   the smaller */
            double limit = 0;
            for (int64_t f = 0; f < e; f++) {
                const Edge *before = &self->edges[f];
                if (!before->equal || (before->set & ~both) || !(before->set & left) ||
                    !(before->set & right))
                    continue;
                again = again || before->class_idx == edge->class_idx;
                if (before->set == edge->set) {
                    double a = self->relations[edge->a].base_rows,
                           b = self->relations[edge->b].base_rows;
                    limit = 1 / (a < b ? a : b);
                }
            }
            if (!again && limit > 0)
                share = share * edge->share < limit && share > limit ? limit
                        : share > limit                              ? share * edge->share
                                                                     : share;
            else if (!again)
                share *= edge->share;
            *joined = true;
        } else {
            share *= edge->share;
        }
    }
    return share;
}

/* The conditions that can be tested once left and right are joined, and not before. */
static MrPlan *join_of(Order *self, MrPlan *left, uint64_t left_set, MrPlan *right,
                       uint64_t right_set)
{
    MrExpr *condition = NULL;
    for (int64_t e = 0; e < self->n_edges; e++) {
        const Edge *edge = &self->edges[e];
        if (!(edge->set & ~(left_set | right_set)) && (edge->set & ~left_set) &&
            (edge->set & ~right_set))
            condition = mr_expr_and(self->planner->arena, condition, edge->expr);
    }
    MrPlan *join = mr_plan_join(self->planner, MR_JOIN_INNER, left, right, condition);
    return join;
}

static MrPlan *build(Order *self, const Best *best, uint64_t set)
{
    if (best[set].left == 0)
        return self->relations[__builtin_ctzll(set)].plan;
    uint64_t left = best[set].left, right = set & ~left;
    MrPlan *join = join_of(self, build(self, best, left), left, build(self, best, right), right);
    join->rows_estimate = best[set].rows < 1      ? 1
                          : best[set].rows > 1e15 ? (int64_t)1e15
                                                  : (int64_t)best[set].rows;
    return join;
}

static MrPlan *order_dp(Order *self)
{
    uint64_t n_sets = UINT64_C(1) << self->n_relations;
    Best *best = MR_NEW_N(self->planner->arena, Best, n_sets);
    for (int32_t r = 0; r < self->n_relations; r++)
        best[UINT64_C(1) << r] = (Best){0, self->relations[r].rows, 0, true};
    for (uint64_t set = 3; set < n_sets; set++) {
        if ((set & (set - 1)) == 0)
            continue;
        uint64_t lowest = set & (~set + 1);
        /* First only trees without cross products; they are allowed when there is no other. */
        for (int pass = 0; pass < 2 && !best[set].there; pass++) {
            for (uint64_t left = (set - 1) & set; left > 0; left = (left - 1) & set) {
                uint64_t right = set & ~left;
                bool joined = false;
                if (!(left & lowest) || !best[left].there || !best[right].there)
                    continue;
                double share = share_between(self, left, right, &joined);
                if (!joined && pass == 0)
                    continue;
                double rows = best[left].rows * best[right].rows * share;
                /* The built side costs more than the probing one. */
                double built =
                    best[left].rows < best[right].rows ? best[left].rows : best[right].rows;
                double cost = best[left].cost + best[right].cost + rows + built;
                if (!best[set].there || cost < best[set].cost)
                    best[set] = (Best){cost, rows, left, true};
            }
        }
    }
    return build(self, best, n_sets - 1);
}

static MrPlan *order_greedy(Order *self)
{
    int32_t n = self->n_relations;
    MrPlan *plans[RELATIONS_MAX];
    uint64_t sets[RELATIONS_MAX];
    double rows[RELATIONS_MAX];
    for (int32_t r = 0; r < n; r++) {
        plans[r] = self->relations[r].plan;
        sets[r] = UINT64_C(1) << r;
        rows[r] = self->relations[r].rows;
    }
    while (n > 1) {
        int32_t best_a = 0, best_b = 1;
        double best_rows = -1;
        bool best_joined = false;
        for (int32_t a = 0; a < n; a++) {
            for (int32_t b = a + 1; b < n; b++) {
                bool joined = false;
                double result = rows[a] * rows[b] * share_between(self, sets[a], sets[b], &joined);
                if (best_rows < 0 || (joined && !best_joined) ||
                    (joined == best_joined && result < best_rows)) {
                    best_a = a;
                    best_b = b;
                    best_rows = result;
                    best_joined = joined;
                }
            }
        }
        plans[best_a] = join_of(self, plans[best_a], sets[best_a], plans[best_b], sets[best_b]);
        plans[best_a]->rows_estimate = best_rows < 1      ? 1
                                       : best_rows > 1e15 ? (int64_t)1e15
                                                          : (int64_t)best_rows;
        sets[best_a] |= sets[best_b];
        rows[best_a] = best_rows;
        n--;
        plans[best_b] = plans[n];
        sets[best_b] = sets[n];
        rows[best_b] = rows[n];
    }
    return plans[0];
}

static MrPlan *reorder_inputs(MrPlanner *planner, MrPlan *plan, MrPlan **shared)
{
    MrPlan *copy = mr__node_copy(planner, plan);
    if (plan->kind == MR_PLAN_SHARED) {
        MrPlan **once = &shared[plan->shared.shared_id];
        if (!*once)
            *once = reorder(planner, plan->inputs[0], shared);
        copy->inputs[0] = *once;
        return copy;
    }
    for (int32_t i = 0; i < plan->n_inputs; i++)
        copy->inputs[i] = reorder(planner, plan->inputs[i], shared);
    return copy;
}

static MrPlan *reorder(MrPlanner *planner, MrPlan *plan, MrPlan **shared)
{
    if (plan->kind != MR_PLAN_JOIN || plan->join.kind != MR_JOIN_INNER || plan->join.lateral ||
        plan->streaming)
        return reorder_inputs(planner, plan, shared);
    Order *self = MR_NEW(planner->arena, Order);
    self->planner = planner;
    self->shared = shared;
    if (!collect(self, plan) || self->n_relations < 2)
        return reorder_inputs(planner, plan, shared);
    edges_init(self);
    for (int64_t e = 0; e < self->n_edges; e++)
        if (__builtin_popcountll(self->edges[e].set) < 2 || !mr_expr_is_pure(self->edges[e].expr))
            return reorder_inputs(planner, plan, shared); /* a condition that was not to be moved */
    MrPlan *ordered = self->n_relations <= DP_MAX ? order_dp(self) : order_greedy(self);
    /* The same columns in the same order: a join gives its columns by id. */
    ordered->cols = plan->cols;
    ordered->n_cols = plan->n_cols;
    return ordered;
}

MrPlan *mr__rule_join_order(MrPlanner *planner, MrPlan *plan)
{
    return reorder(planner, plan, MR_NEW_N(planner->arena, MrPlan *, planner->next_shared_id + 1));
}
