/* stream_identity.c - what a checkpoint is bound to: which of its entries belong to which node, and
 * the text that a later run must still have (RELIABILITY D23). */
#include "plan/physical.h"

bool mr_phys_has_state(const MrPhys *phys)
{
    switch (phys->kind) {
    case MR_PHYS_OP_AGGREGATE:
    case MR_PHYS_OP_SESSION:
    case MR_PHYS_OP_STREAM_JOIN:
    case MR_PHYS_OP_RECOMPUTE:
    case MR_PHYS_OP_BATCH_WINDOW:
    case MR_PHYS_OP_KEYED_STATE:
        return phys->streaming;
    default:
        return false;
    }
}

typedef struct Numbers {
    int32_t n_states, n_marks;
} Numbers;

/* From the leaves on: what stands above does not count.  A shared node is met again and again. */
static void number_nodes(MrPhys *phys, Numbers *numbers)
{
    if (phys->state_id > 0)
        return;
    for (int32_t i = 0; i < phys->n_inputs; i++)
        number_nodes(phys->inputs[i], numbers);
    if (phys->kind == MR_PHYS_OP_WATERMARK)
        phys->state_id = ++numbers->n_marks;
    else if (mr_phys_has_state(phys))
        phys->state_id = ++numbers->n_states;
}

void mr__number_states(MrPhys *phys)
{
    number_nodes(phys, &(Numbers){0});
}

/* -- the text --------------------------------------------------------------------------------- */

static void schema_put(MrTextBuilder *out, const MrSchema *schema)
{
    for (int32_t c = 0; c < schema->n_cols; c++)
        mr_builder_printf(out, "%s%s %s", c > 0 ? ", " : "", schema->cols[c].name,
                          mr_type_catalog_text(out->arena, schema->cols[c].type));
}

static void types_put(MrTextBuilder *out, MrExpr *const *exprs, int32_t n_exprs)
{
    for (int32_t e = 0; e < n_exprs; e++)
        mr_builder_printf(out, "%s%s", e > 0 ? ", " : "",
                          mr_type_catalog_text(out->arena, exprs[e]->type));
}

typedef struct Seen { /* shared nodes that have been visited */
    MrArena *arena;
    const MrPhys **nodes;
    int64_t n_nodes, cap_nodes;
} Seen;

static bool seen_before(Seen *seen, const MrPhys *phys)
{
    for (int64_t n = 0; n < seen->n_nodes; n++)
        if (seen->nodes[n] == phys)
            return true;
    MR_PUSH(seen->arena, seen->nodes, seen->n_nodes, seen->cap_nodes, phys);
    return false;
}

/* Sources in the order in which their positions are written. */
static void sources_put(MrTextBuilder *out, const MrPhys *phys, Seen *seen)
{
    if (seen_before(seen, phys))
        return;
    if (phys->kind == MR_PHYS_OP_SCAN && phys->scan.streaming)
        mr_builder_printf(out, "source %s%s%s\n", phys->scan.name ? phys->scan.name : "",
                          phys->scan.source->identity ? ", " : "",
                          phys->scan.source->identity ? phys->scan.source->identity : "");
    for (int32_t i = 0; i < phys->n_inputs; i++)
        sources_put(out, phys->inputs[i], seen);
}

/* What the entries of each state are made of. */
static int32_t states_put(MrTextBuilder *out, const MrPhys *phys, Seen *seen)
{
    int32_t n_states = 0;
    if (seen_before(seen, phys))
        return 0;
    for (int32_t i = 0; i < phys->n_inputs; i++)
        n_states += states_put(out, phys->inputs[i], seen);
    if (!mr_phys_has_state(phys))
        return n_states;
    mr_builder_printf(out, "state %d of %s: ", phys->state_id, mr_phys_name(phys->kind));
    if (phys->kind == MR_PHYS_OP_AGGREGATE || phys->kind == MR_PHYS_OP_SESSION) {
        types_put(out, phys->aggregate.keys, phys->aggregate.n_keys);
        mr_builder_str(out, " -> ");
        types_put(out, phys->aggregate.aggs, phys->aggregate.n_aggs);
        if (phys->aggregate.close_key >= 0)
            mr_builder_str(out, ", given when closed");
        if (phys->aggregate.evict)
            mr_builder_str(out, ", dropped when closed");
    } else {
        for (int32_t i = 0; i < phys->n_inputs; i++) {
            mr_builder_str(out, i > 0 ? " | " : "");
            schema_put(out, &phys->inputs[i]->schema);
        }
        if (phys->kind == MR_PHYS_OP_STREAM_JOIN && phys->join.final)
            mr_builder_str(out, ", given when final");
    }
    mr_builder_char(out, '\n');
    return n_states + 1;
}

static bool has_subquery(void *self, const MrExpr *expr)
{
    if (expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
        expr->kind == MR_EXPR_IN_QUERY)
        *(bool *)self = true;
    return true;
}

/* Nodes that keep nothing: what they compute may change from one run to the next. */
static bool keeps_nothing(const MrPlan *plan)
{
    bool asks = false;
    switch (plan->kind) {
    case MR_PLAN_SCAN:
    case MR_PLAN_GENERATE:
    case MR_PLAN_UNION:
    case MR_PLAN_WATERMARK:
    case MR_PLAN_SHARED:
        return true;
    case MR_PLAN_FILTER:
        mr_expr_walk(plan->filter.condition, has_subquery, &asks);
        return !asks;
    case MR_PLAN_PROJECT:
        for (int32_t c = 0; c < plan->n_cols; c++)
            mr_expr_walk(plan->project.exprs[c].expr, has_subquery, &asks);
        return !asks;
    default:
        return false;
    }
}

/* The topmost nodes that keep something, with all that feeds them. */
static void meaning_put(MrTextBuilder *out, const MrSettings *settings, const MrPlan *plan)
{
    if (!plan->streaming)
        return;
    if (!keeps_nothing(plan)) {
        mr_plan_meaning(plan, settings, out);
        return;
    }
    for (int32_t i = 0; i < plan->n_inputs; i++)
        meaning_put(out, settings, plan->inputs[i]);
}

/* Days, hours and texts of instants are those of the session's zone. */
static void zone_put(MrTextBuilder *out, const char *zone_id)
{
    static const char *const same[] = {"Etc/UTC", "GMT", "Etc/GMT", "Z", "+00:00", "Zulu", "UCT"};
    for (int64_t i = 0; zone_id && i < MR_COUNT(same); i++)
        if (strcmp(zone_id, same[i]) == 0)
            zone_id = "UTC";
    mr_builder_printf(out, "time zone %s\n", zone_id ? zone_id : "UTC");
}

void mr_stream_identity(const MrPlan *plan, const MrPhys *phys, const MrSettings *settings,
                        bool output_is_kept, MrTextBuilder *out)
{
    Seen sources = {.arena = out->arena}, states = {.arena = out->arena};
    if (output_is_kept) {
        mr_builder_str(out, "gives ");
        schema_put(out, &phys->schema);
        mr_builder_char(out, '\n');
    }
    sources_put(out, phys, &sources);
    if (states_put(out, phys, &states) == 0)
        return;
    meaning_put(out, settings, plan);
    zone_put(out, settings->zone_id);
}
