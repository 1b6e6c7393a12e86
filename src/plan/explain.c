/* explain.c - EXPLAIN's text of a physical plan. */
#include "plan/physical.h"

static const char *const names[] = {
    [MR_PHYS_OP_SCAN] = "Scan",
    [MR_PHYS_OP_VALUES] = "Values",
    [MR_PHYS_OP_RANGE] = "Range",
    [MR_PHYS_OP_PROJECT] = "Project",
    [MR_PHYS_OP_FILTER] = "Filter",
    [MR_PHYS_OP_AGGREGATE] = "HashAggregate",
    [MR_PHYS_OP_SESSION] = "SessionAggregate",
    [MR_PHYS_OP_EXPAND] = "Expand",
    [MR_PHYS_OP_HASH_JOIN] = "HashJoin",
    [MR_PHYS_OP_LOOP_JOIN] = "LoopJoin",
    [MR_PHYS_OP_STREAM_JOIN] = "StreamJoin",
    [MR_PHYS_OP_SORT] = "Sort",
    [MR_PHYS_OP_LIMIT] = "Limit",
    [MR_PHYS_OP_UNION] = "Union",
    [MR_PHYS_OP_WINDOW] = "Window",
    [MR_PHYS_OP_GENERATE] = "Generate",
    [MR_PHYS_OP_SAMPLE] = "Sample",
    [MR_PHYS_OP_WATERMARK] = "Watermark",
    [MR_PHYS_OP_LATE_DROP] = "LateDrop",
    [MR_PHYS_OP_RECOMPUTE] = "Recompute",
    [MR_PHYS_OP_FEED] = "Feed",
    [MR_PHYS_OP_SHARED] = "Shared",
    [MR_PHYS_OP_RECURSION] = "Recursion",
    [MR_PHYS_OP_RECURSION_REF] = "RecursionRef",
    [MR_PHYS_OP_BATCH_WINDOW] = "BatchWindow",
    [MR_PHYS_OP_KEYED_STATE] = "KeyedState",
};

const char *mr_phys_name(MrPhysKind kind)
{
    return names[kind];
}

typedef struct Explain {
    const MrSettings *settings;
    MrTextBuilder *out;
    void (*note)(void *self, const MrPhys *phys, MrTextBuilder *out);
    void *self;
} Explain;

static void put_expr(Explain *explain, const MrExpr *expr)
{
    mr_builder_str(explain->out, mr_expr_text(explain->out->arena, explain->settings, expr));
}

static void put_exprs(Explain *explain, MrExpr *const *exprs, int32_t n)
{
    mr_builder_char(explain->out, '[');
    for (int32_t e = 0; e < n; e++) {
        if (e > 0)
            mr_builder_str(explain->out, ", ");
        put_expr(explain, exprs[e]);
    }
    mr_builder_char(explain->out, ']');
}

static const char *join_name(MrJoinKind kind)
{
    static const char *const join_names[] = {"Inner",         "LeftOuter", "RightOuter",
                                             "FullOuter",     "LeftSemi",  "LeftAnti",
                                             "NullAwareAnti", "Mark",      "Single"};
    return join_names[kind];
}

static void put_join(Explain *explain, const MrPhys *phys)
{
    mr_builder_printf(explain->out, " %s", join_name(phys->join.kind));
    if (phys->join.build_left)
        mr_builder_str(explain->out, " (sides exchanged)");
    if (phys->join.n_keys > 0) {
        mr_builder_char(explain->out, ' ');
        put_exprs(explain, phys->join.left_keys, phys->join.n_keys);
        mr_builder_str(explain->out, " = ");
        put_exprs(explain, phys->join.right_keys, phys->join.n_keys);
    }
    if (phys->join.rest) {
        mr_builder_str(explain->out, " on ");
        put_expr(explain, phys->join.rest);
    }
}

/* How long the rows of each side of a stream join are kept. */
static void put_bounds(Explain *explain, const MrPhys *phys)
{
    for (int s = 0; s < 2; s++) {
        int32_t col = s == 0 ? phys->join.left_time_col : phys->join.right_time_col;
        int64_t keep_us = s == 0 ? phys->join.left_keep_us : phys->join.right_keep_us;
        mr_builder_printf(explain->out, ", %s", s == 0 ? "left" : "right");
        if (col < 0)
            mr_builder_str(explain->out, " kept for ever");
        else
            mr_builder_printf(explain->out, " kept until %s %c %g s",
                              phys->inputs[s]->schema.cols[col].name, keep_us < 0 ? '-' : '+',
                              (double)(keep_us < 0 ? -keep_us : keep_us) / 1e6);
    }
}

static void put_keys(Explain *explain, const MrSortKey *keys, int32_t n_keys)
{
    mr_builder_str(explain->out, " [");
    for (int32_t k = 0; k < n_keys; k++) {
        if (k > 0)
            mr_builder_str(explain->out, ", ");
        put_expr(explain, keys[k].expr);
        mr_builder_str(explain->out, keys[k].spec.descending ? " DESC" : " ASC");
        mr_builder_str(explain->out, keys[k].spec.nulls_first ? " NULLS FIRST" : " NULLS LAST");
    }
    mr_builder_char(explain->out, ']');
}

static void put_details(Explain *explain, const MrPhys *phys)
{
    switch (phys->kind) {
    case MR_PHYS_OP_SCAN:
        mr_builder_printf(explain->out, " %s [", phys->scan.name ? phys->scan.name : "");
        for (int32_t c = 0; c < phys->schema.n_cols; c++)
            mr_builder_printf(explain->out, "%s%s", c > 0 ? ", " : "", phys->schema.cols[c].name);
        mr_builder_char(explain->out, ']');
        if (phys->scan.spec.n_filters > 0) {
            mr_builder_str(explain->out, " where ");
            put_exprs(explain, phys->scan.spec.filters, phys->scan.spec.n_filters);
        }
        if (phys->scan.n_key_filters > 0) {
            mr_builder_str(explain->out, " and joined by [");
            for (int32_t f = 0; f < phys->scan.n_key_filters; f++)
                mr_builder_printf(explain->out, "%s%s", f > 0 ? ", " : "",
                                  phys->schema.cols[phys->scan.key_filters[f].at].name);
            mr_builder_char(explain->out, ']');
        }
        break;
    case MR_PHYS_OP_PROJECT:
        mr_builder_char(explain->out, ' ');
        put_exprs(explain, phys->project.exprs, phys->schema.n_cols);
        break;
    case MR_PHYS_OP_FILTER:
        mr_builder_char(explain->out, ' ');
        put_expr(explain, phys->filter.condition);
        break;
    case MR_PHYS_OP_AGGREGATE:
    case MR_PHYS_OP_SESSION:
        mr_builder_str(explain->out, " keys ");
        put_exprs(explain, phys->aggregate.keys, phys->aggregate.n_keys);
        mr_builder_char(explain->out, ' ');
        put_exprs(explain, phys->aggregate.aggs, phys->aggregate.n_aggs);
        if (phys->aggregate.close_key >= 0)
            mr_builder_str(explain->out, " (groups when closed)");
        break;
    case MR_PHYS_OP_HASH_JOIN:
    case MR_PHYS_OP_LOOP_JOIN:
    case MR_PHYS_OP_STREAM_JOIN:
        put_join(explain, phys);
        if (phys->kind == MR_PHYS_OP_STREAM_JOIN)
            put_bounds(explain, phys);
        break;
    case MR_PHYS_OP_SORT:
        put_keys(explain, phys->sort.keys, phys->sort.n_keys);
        if (phys->sort.limit != INT64_MAX)
            mr_builder_printf(explain->out, " first %lld", (long long)phys->sort.limit);
        break;
    case MR_PHYS_OP_LIMIT:
        if (phys->limit.limit != INT64_MAX)
            mr_builder_printf(explain->out, " %lld", (long long)phys->limit.limit);
        if (phys->limit.offset > 0)
            mr_builder_printf(explain->out, " after %lld", (long long)phys->limit.offset);
        break;
    case MR_PHYS_OP_WINDOW:
        mr_builder_char(explain->out, ' ');
        put_exprs(explain, phys->window.exprs, phys->window.n_exprs);
        break;
    case MR_PHYS_OP_SHARED:
        mr_builder_printf(explain->out, " #%d", phys->shared.shared_id);
        break;
    case MR_PHYS_OP_GENERATE:
        mr_builder_printf(explain->out, " %s ", phys->generate.def->name);
        put_exprs(explain, phys->generate.args, phys->generate.n_args);
        break;
    case MR_PHYS_OP_RANGE:
        mr_builder_printf(explain->out, " %lld to %lld by %lld", (long long)phys->range.start,
                          (long long)phys->range.end, (long long)phys->range.step);
        break;
    case MR_PHYS_OP_RECOMPUTE:
        mr_builder_str(explain->out,
                       " (keeps its inputs and computes all of it again in every epoch)");
        break;
    case MR_PHYS_OP_BATCH_WINDOW:
        mr_builder_printf(
            explain->out, " %lld us every %lld us%s", (long long)phys->batch_window.length_us,
            (long long)phys->batch_window.slide_us, phys->batch_window.deltas ? " (changes)" : "");
        break;
    case MR_PHYS_OP_KEYED_STATE:
        mr_builder_printf(explain->out, " %s", phys->keyed_state->name);
        break;
    default:
        break;
    }
}

static void put_node(Explain *explain, const MrPhys *phys, int32_t depth)
{
    for (int32_t d = 0; d < depth; d++)
        mr_builder_str(explain->out, d + 1 < depth ? "   " : "+- ");
    mr_builder_str(explain->out, mr_phys_name(phys->kind));
    put_details(explain, phys);
    if (phys->streaming)
        mr_builder_str(explain->out, " (stream)");
    if (explain->note)
        explain->note(explain->self, phys, explain->out);
    mr_builder_char(explain->out, '\n');
    for (int32_t i = 0; i < phys->n_inputs; i++)
        put_node(explain, phys->inputs[i], depth + 1);
    if (phys->kind == MR_PHYS_OP_RECOMPUTE && phys->recompute.plan)
        put_node(explain, phys->recompute.plan, depth + 1);
}

void mr_phys_text(const MrPhys *phys, const MrSettings *settings, MrTextBuilder *out,
                  void (*note)(void *self, const MrPhys *phys, MrTextBuilder *out), void *self)
{
    Explain explain = {settings, out, note, self};
    put_node(&explain, phys, 0);
}
