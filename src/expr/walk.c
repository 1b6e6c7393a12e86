/* walk.c - going through expressions: visiting, rebuilding, comparing, asking. */
#include "base/hash.h"
#include "expr/expr.h"

/* Calls each with every expression that stands directly in expr. */
static void children_each(const MrExpr *expr, void (*each)(void *self, MrExpr *child), void *self)
{
    for (int32_t i = 0; i < expr->n_args; i++)
        each(self, expr->args[i]);
    if (expr->kind == MR_EXPR_AGGREGATE) {
        if (expr->aggregate.filter)
            each(self, expr->aggregate.filter);
        for (int32_t i = 0; i < expr->aggregate.n_order; i++)
            each(self, expr->aggregate.order[i].expr);
    }
    if (expr->kind == MR_EXPR_WINDOW) {
        if (expr->window.filter)
            each(self, expr->window.filter);
        for (int32_t i = 0; i < expr->window.n_partition; i++)
            each(self, expr->window.partition[i]);
        for (int32_t i = 0; i < expr->window.n_order; i++)
            each(self, expr->window.order[i].expr);
        if (expr->window.frame.from)
            each(self, expr->window.frame.from);
        if (expr->window.frame.to)
            each(self, expr->window.frame.to);
    }
}

typedef struct Walk {
    bool (*visit)(void *self, const MrExpr *expr);
    void *self;
} Walk;

static void walk_child(void *self, MrExpr *child)
{
    Walk *walk = self;
    mr_expr_walk(child, walk->visit, walk->self);
}

void mr_expr_walk(const MrExpr *expr, bool (*visit)(void *self, const MrExpr *expr), void *self)
{
    Walk walk = {visit, self};
    if (visit(self, expr))
        children_each(expr, walk_child, &walk);
}

static MrSortKey *keys_map(MrArena *arena, const MrSortKey *keys, int32_t n, MrExprVisit visit,
                           void *self)
{
    MrSortKey *copy = MR_NEW_N(arena, MrSortKey, n + 1);
    for (int32_t i = 0; i < n; i++)
        copy[i] = (MrSortKey){mr_expr_map(arena, keys[i].expr, visit, self), keys[i].spec};
    return copy;
}

MrExpr *mr_expr_map(MrArena *arena, MrExpr *expr, MrExprVisit visit, void *self)
{
    MrExpr *copy = mr_arena_alloc(arena, (int64_t)sizeof *copy);
    *copy = *expr;
    copy->args = MR_NEW_N(arena, MrExpr *, expr->n_args + 1);
    for (int32_t i = 0; i < expr->n_args; i++)
        copy->args[i] = mr_expr_map(arena, expr->args[i], visit, self);
    if (expr->kind == MR_EXPR_AGGREGATE) {
        if (expr->aggregate.filter)
            copy->aggregate.filter = mr_expr_map(arena, expr->aggregate.filter, visit, self);
        copy->aggregate.order =
            keys_map(arena, expr->aggregate.order, expr->aggregate.n_order, visit, self);
    }
    if (expr->kind == MR_EXPR_WINDOW) {
        if (expr->window.filter)
            copy->window.filter = mr_expr_map(arena, expr->window.filter, visit, self);
        copy->window.partition = MR_NEW_N(arena, MrExpr *, expr->window.n_partition + 1);
        for (int32_t i = 0; i < expr->window.n_partition; i++)
            copy->window.partition[i] = mr_expr_map(arena, expr->window.partition[i], visit, self);
        copy->window.order = keys_map(arena, expr->window.order, expr->window.n_order, visit, self);
        if (expr->window.frame.from)
            copy->window.frame.from = mr_expr_map(arena, expr->window.frame.from, visit, self);
        if (expr->window.frame.to)
            copy->window.frame.to = mr_expr_map(arena, expr->window.frame.to, visit, self);
    }
    return visit(self, copy);
}

/* Are two bound functions the same?  What bind made of equal arguments is equal, so the row, the
 * kernel and the type decide; data is compared by place, and else by nothing at all. */
static bool bound_equal(const MrBound *a, const MrBound *b)
{
    return a == b || (a->def == b->def && a->call == b->call && a->select == b->select &&
                      mr_type_equal(a->type, b->type) && a->flags == b->flags &&
                      (a->data == b->data || (a->data && b->data && a->def && b->def)));
}

static bool exprs_equal(MrExpr *const *a, int32_t n_a, MrExpr *const *b, int32_t n_b)
{
    if (n_a != n_b)
        return false;
    for (int32_t i = 0; i < n_a; i++)
        if (!mr_expr_equal(a[i], b[i]))
            return false;
    return true;
}

static bool opt_equal(const MrExpr *a, const MrExpr *b)
{
    return a && b ? mr_expr_equal(a, b) : a == b;
}

static bool keys_equal(const MrSortKey *a, int32_t n_a, const MrSortKey *b, int32_t n_b)
{
    if (n_a != n_b)
        return false;
    for (int32_t i = 0; i < n_a; i++)
        if (a[i].spec.descending != b[i].spec.descending ||
            a[i].spec.nulls_first != b[i].spec.nulls_first || !mr_expr_equal(a[i].expr, b[i].expr))
            return false;
    return true;
}

static bool agg_equal(const MrAggregate *a, const MrAggregate *b)
{
    return a == b || (a && b && a->def == b->def && mr_type_equal(a->type, b->type));
}

bool mr_expr_equal(const MrExpr *a, const MrExpr *b)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || !mr_type_equal(a->type, b->type))
        return false;
    if (!exprs_equal(a->args, a->n_args, b->args, b->n_args))
        return false;
    switch (a->kind) {
    case MR_EXPR_LITERAL:
        if (mr_vector_is_null(a->literal, 0) || mr_vector_is_null(b->literal, 0))
            return mr_vector_is_null(a->literal, 0) && mr_vector_is_null(b->literal, 0);
        /* -0.0 and 0.0 compare alike but are not the same value. */
        if (a->type->kind == MR_TYPE_DOUBLE)
            return memcmp(a->literal->data, b->literal->data, 8) == 0;
        if (a->type->kind == MR_TYPE_FLOAT)
            return memcmp(a->literal->data, b->literal->data, 4) == 0;
        if (mr_type_is_nested(a->type) || a->type->kind == MR_TYPE_VARIANT)
            return a->literal == b->literal;
        return mr_vector_row_equal(a->literal, 0, b->literal, 0);
    case MR_EXPR_COLUMN:
    case MR_EXPR_OUTER:
    case MR_EXPR_LAMBDA_PARAM:
        return a->column.id == b->column.id && a->column.idx == b->column.idx;
    case MR_EXPR_CALL:
        return !(a->bound->flags & MR_FN_VOLATILE) && bound_equal(a->bound, b->bound);
    case MR_EXPR_AND:
    case MR_EXPR_OR:
    case MR_EXPR_CASE:
    case MR_EXPR_COALESCE:
        return true;
    case MR_EXPR_LAMBDA:
        return a->lambda.n_params == b->lambda.n_params &&
               memcmp(a->lambda.param_ids, b->lambda.param_ids,
                      sizeof(int32_t) * (size_t)a->lambda.n_params) == 0;
    case MR_EXPR_AGGREGATE:
        return agg_equal(a->aggregate.agg, b->aggregate.agg) &&
               a->aggregate.distinct == b->aggregate.distinct &&
               opt_equal(a->aggregate.filter, b->aggregate.filter) &&
               keys_equal(a->aggregate.order, a->aggregate.n_order, b->aggregate.order,
                          b->aggregate.n_order);
    case MR_EXPR_WINDOW:
        return a->window.kind == b->window.kind && agg_equal(a->window.agg, b->window.agg) &&
               a->window.ignore_nulls == b->window.ignore_nulls &&
               a->window.distinct == b->window.distinct &&
               opt_equal(a->window.filter, b->window.filter) &&
               exprs_equal(a->window.partition, a->window.n_partition, b->window.partition,
                           b->window.n_partition) &&
               keys_equal(a->window.order, a->window.n_order, b->window.order, b->window.n_order) &&
               a->window.frame.rows == b->window.frame.rows &&
               a->window.frame.from_edge == b->window.frame.from_edge &&
               a->window.frame.to_edge == b->window.frame.to_edge &&
               opt_equal(a->window.frame.from, b->window.frame.from) &&
               opt_equal(a->window.frame.to, b->window.frame.to);
    case MR_EXPR_SCALAR_QUERY:
    case MR_EXPR_EXISTS:
    case MR_EXPR_IN_QUERY:
        return a->query.plan == b->query.plan && a->query.negated == b->query.negated;
    }
    return false;
}

uint64_t mr_expr_hash(const MrExpr *expr)
{
    uint64_t hash = mr_hash_u64((uint64_t)expr->kind * 64 + expr->type->kind, 1);
    switch (expr->kind) {
    case MR_EXPR_COLUMN:
    case MR_EXPR_OUTER:
    case MR_EXPR_LAMBDA_PARAM:
        hash = mr_hash_u64((uint64_t)expr->column.id, hash);
        break;
    case MR_EXPR_CALL:
        hash = mr_hash_u64((uint64_t)(uintptr_t)expr->bound->def, hash);
        break;
    case MR_EXPR_LITERAL:
        if (!mr_type_is_nested(expr->type) && expr->type->kind != MR_TYPE_VARIANT) {
            uint64_t value = 0;
            mr_vector_hash(expr->literal, NULL, 1, 0, false, &value);
            hash = mr_hash_u64(value, hash);
        }
        break;
    default:
        break;
    }
    for (int32_t i = 0; i < expr->n_args; i++)
        hash = mr_hash_u64(mr_expr_hash(expr->args[i]), hash);
    return hash;
}

static bool volatile_visit(void *self, const MrExpr *expr)
{
    bool *found = self;
    if (expr->kind == MR_EXPR_CALL && (expr->bound->flags & (MR_FN_VOLATILE | MR_FN_ORIGIN)))
        *found = true;
    return !*found;
}

bool mr_expr_is_pure(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, volatile_visit, &found);
    return !found;
}

static bool can_fail_visit(void *self, const MrExpr *expr)
{
    bool *found = self;
    if ((expr->kind == MR_EXPR_CALL && (expr->bound->flags & MR_FN_CAN_FAIL)) ||
        expr->kind == MR_EXPR_SCALAR_QUERY)
        *found = true;
    return !*found;
}

bool mr_expr_can_fail(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, can_fail_visit, &found);
    return found;
}

static bool grows_visit(void *self, const MrExpr *expr)
{
    bool *found = self;
    if (expr->kind == MR_EXPR_CALL && expr->type->kind == MR_TYPE_ARRAY &&
        (strcmp(expr->bound->def->name, "sequence") == 0 ||
         strcmp(expr->bound->def->name, "array_repeat") == 0))
        *found = true;
    return !*found;
}

bool mr_expr_may_grow(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, grows_visit, &found);
    return found;
}

typedef struct Constancy {
    bool found; /* something that changes */
    int32_t n_lambdas;
    const MrExpr *lambdas[32]; /* met on the way down: their parameters are their own */
} Constancy;

static bool param_is_own(const Constancy *self, int32_t id)
{
    for (int32_t i = 0; i < self->n_lambdas; i++)
        for (int32_t k = 0; k < self->lambdas[i]->lambda.n_params; k++)
            if (self->lambdas[i]->lambda.param_ids[k] == id)
                return true;
    return false;
}

static bool not_constant_visit(void *arg, const MrExpr *expr)
{
    Constancy *self = arg;
    switch (expr->kind) {
    case MR_EXPR_LITERAL:
    case MR_EXPR_AND:
    case MR_EXPR_OR:
    case MR_EXPR_CASE:
    case MR_EXPR_COALESCE:
        break;
    case MR_EXPR_LAMBDA:
        if (self->n_lambdas < MR_COUNT(self->lambdas))
            self->lambdas[self->n_lambdas++] = expr;
        break;
    case MR_EXPR_LAMBDA_PARAM:
        if (!param_is_own(self, expr->column.id))
            self->found = true;
        break;
    case MR_EXPR_CALL:
        if (expr->bound->flags & (MR_FN_VOLATILE | MR_FN_STABLE | MR_FN_ORIGIN))
            self->found = true;
        break;
    default:
        self->found = true;
    }
    return !self->found;
}

bool mr_expr_is_constant(const MrExpr *expr)
{
    Constancy self = {0};
    mr_expr_walk(expr, not_constant_visit, &self);
    return !self.found;
}
