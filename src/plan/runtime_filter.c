/* runtime_filter.c - which scans may ask the finished build of a join for its keys.
 *
 * A row of the probe side without a partner gives nothing in an inner, semi or right join, nor in a
 * join whose kind keeps rows of the built side only.  So the scan that its key column comes from
 * may leave it out, as long as nothing in between would notice: an operator that counts, numbers or
 * limits rows, one that could fail on the row, or a join that gives something for want of a match.
 * Only plain keys (=, not <=>), which NULLs never match.  Not in streams, whose watermarks see all
 * rows, and not into sub-plans that others read too. */
#include "plan/physical.h"

typedef struct Place {
    MrArena *arena;
    int32_t next_id;
    int32_t *shared; /* sub-plans that were met */
    int64_t n_shared, cap_shared;
    /* The filter at hand. */
    int32_t id;
    int64_t rows_estimate;
    bool any;
} Place;

/* Dropping rows before the expression is not noticed. */
static bool is_quiet(const MrExpr *expr)
{
    return !expr || (mr_expr_is_pure(expr) && !mr_expr_can_fail(expr));
}

static bool all_quiet(MrExpr *const *exprs, int32_t n)
{
    for (int32_t e = 0; e < n; e++)
        if (!is_quiet(exprs[e]))
            return false;
    return true;
}

static void ask_scan(Place *place, MrPhys *scan, int32_t col)
{
    const MrScanSpec *spec = &scan->scan.spec;
    if (scan->scan.streaming || scan->streaming || spec->limit != INT64_MAX ||
        !all_quiet(spec->filters, spec->n_filters))
        return;
    int32_t n = scan->scan.n_key_filters;
    MrPhysKeyFilter *filters = MR_NEW_N(place->arena, MrPhysKeyFilter, n + 1);
    if (n > 0)
        memcpy(filters, scan->scan.key_filters, (size_t)n * sizeof *filters);
    filters[n] = (MrPhysKeyFilter){.id = place->id, .at = col, .rows_estimate = -1};
    scan->scan.key_filters = filters;
    scan->scan.n_key_filters = n + 1;
    place->any = true;
    if (scan->rows_estimate < 0 || place->rows_estimate < 0)
        place->rows_estimate = -1;
    else
        place->rows_estimate += scan->rows_estimate;
}

static void ask_node(Place *place, MrPhys *node, int32_t col);

static void ask_join(Place *place, MrPhys *join, int32_t col)
{
    MrJoinKind kind = join->join.kind;
    int32_t n_probe = join->inputs[0]->schema.n_cols, from = join->join.out_cols[col];
    bool keeps_built = (kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI) && join->join.build_left;
    if (!is_quiet(join->join.rest) || !all_quiet(join->join.left_keys, join->join.n_keys) ||
        !all_quiet(join->join.right_keys, join->join.n_keys))
        return;
    if (from < n_probe) {
        /* Without the row its partners may seem to have none: not where that gives rows. */
        if (!keeps_built && kind != MR_JOIN_RIGHT && kind != MR_JOIN_FULL && kind != MR_JOIN_SINGLE)
            ask_node(place, join->inputs[0], from);
    } else if (from < n_probe + join->inputs[1]->schema.n_cols) {
        if (keeps_built || kind == MR_JOIN_INNER || kind == MR_JOIN_RIGHT)
            ask_node(place, join->inputs[1], from - n_probe);
    }
}

/* Rows of node may be left out when column col is not among the keys: who reads it? */
static void ask_node(Place *place, MrPhys *node, int32_t col)
{
    switch (node->kind) {
    case MR_PHYS_OP_SCAN:
        ask_scan(place, node, col);
        break;
    case MR_PHYS_OP_FILTER:
        if (is_quiet(node->filter.condition))
            ask_node(place, node->inputs[0], col);
        break;
    case MR_PHYS_OP_PROJECT: {
        const MrExpr *expr = node->project.exprs[col];
        if (expr->kind == MR_EXPR_COLUMN && all_quiet(node->project.exprs, node->schema.n_cols))
            ask_node(place, node->inputs[0], expr->column.idx);
        break;
    }
    case MR_PHYS_OP_UNION:
        for (int32_t i = 0; i < node->n_inputs; i++)
            ask_node(place, node->inputs[i], col);
        break;
    case MR_PHYS_OP_HASH_JOIN:
    case MR_PHYS_OP_LOOP_JOIN:
        ask_join(place, node, col);
        break;
    default:
        break;
    }
}

/* Probe rows without a partner give nothing. */
static bool drops_unmatched(const MrPhys *join)
{
    MrJoinKind kind = join->join.kind;
    return kind == MR_JOIN_INNER || kind == MR_JOIN_SEMI || kind == MR_JOIN_RIGHT ||
           (kind == MR_JOIN_ANTI && join->join.build_left);
}

static void place_join(Place *place, MrPhys *join)
{
    MrPhysKeyFilter *filters = MR_NEW_N(place->arena, MrPhysKeyFilter, join->join.n_keys);
    int32_t n = 0;
    for (int32_t k = 0; k < join->join.n_keys; k++) {
        const MrExpr *key = join->join.left_keys[k];
        if (join->join.null_safe[k] || key->kind != MR_EXPR_COLUMN)
            continue;
        place->id = place->next_id;
        place->rows_estimate = 0;
        place->any = false;
        ask_node(place, join->inputs[0], key->column.idx);
        if (!place->any)
            continue;
        place->next_id++;
        filters[n++] =
            (MrPhysKeyFilter){.id = place->id, .at = k, .rows_estimate = place->rows_estimate};
    }
    join->join.key_filters = filters;
    join->join.n_key_filters = n;
}

/* True the first time that the shared sub-plan is met: it has as many ways down as uses. */
static bool first_use(Place *place, int32_t shared_id)
{
    for (int64_t s = 0; s < place->n_shared; s++)
        if (place->shared[s] == shared_id)
            return false;
    MR_PUSH(place->arena, place->shared, place->n_shared, place->cap_shared, shared_id);
    return true;
}

static void place_node(Place *place, MrPhys *node)
{
    if (node->kind == MR_PHYS_OP_SHARED && !first_use(place, node->shared.shared_id))
        return;
    if (node->kind == MR_PHYS_OP_HASH_JOIN && !node->streaming && !node->join.key_filters &&
        drops_unmatched(node))
        place_join(place, node);
    for (int32_t i = 0; i < node->n_inputs; i++)
        place_node(place, node->inputs[i]);
    if (node->kind == MR_PHYS_OP_RECOMPUTE && node->recompute.plan)
        place_node(place, node->recompute.plan);
}

void mr__key_filters_place(MrArena *arena, MrPhys *root)
{
    Place place = {.arena = arena};
    place_node(&place, root);
}
