/* aggregate_core.h - groups with aggregate states: rows in, states updated, merged, finished. */
#ifndef MR_EXEC_AGGREGATE_CORE_H
#define MR_EXEC_AGGREGATE_CORE_H

#include "exec/exec_int.h"
#include "exec/groups.h"

typedef struct MrAggSpec {
    const MrAggregate *agg;
    int32_t state_at; /* in a group's row */
    int32_t arg_from, n_args, filter_at, order_from,
        n_order; /* places among the expressions; filter -1: none */
    bool distinct,
        deferred; /* deferred: its rows are kept and updated at the end: DISTINCT, ORDER BY */
    const MrSortSpec *order;
    MrGroupLayout set; /* deferred: group keys, arguments, order keys */
} MrAggSpec;

/* What stands before the states of a group that a stream keeps. */
typedef struct MrGroupHead {
    int64_t close_us; /* its window's end; INT64_MAX: never */
    int64_t touched;  /* number of the epoch that changed it */
    int64_t shown;    /* its row was given out */
    int64_t unused;   /* the states behind it begin at a multiple of 16 */
} MrGroupHead;

typedef struct MrAggPlan { /* of a plan node; read-only once made */
    int32_t n_keys, n_aggs, n_exprs;
    MrAggSpec *specs;
    MrExpr **exprs; /* keys, then arguments, filters, order keys */
    const MrType **key_types;
    MrGroupLayout layout;
    bool any_deferred, head;
} MrAggPlan;

void mr__agg_plan_init(MrAggPlan *plan, MrArena *arena, const MrPhys *phys);
/* For an owner who keeps head_bytes (a multiple of 16) of his own before the states, and finds the
 * rows' groups himself. */
void mr__agg_plan_init_own(MrAggPlan *plan, MrArena *arena, const MrPhys *phys, int32_t head_bytes);

#define MR_AGG_SPLIT_GROUPS 32

/* The groups of one worker.
 *
 * Where equal keys stand close together (rows that were written in the order of the key, or nearly
 * so), old groups are not met again: then the table forgets them and begins another generation in
 * the same slots, which stay in cache.  A key that does come back has a row in each generation,
 * which are merged in the end like those of two workers. */
typedef struct MrAggTable {
    const MrAggPlan *plan;
    const MrOpContext *context;
    MrGroups groups;
    MrGroups *sets; /* of each deferred aggregate, by its place among the aggregates */
    MrArena arena;
    char *single;                       /* the group of an aggregate without keys */
    int64_t generation_from;            /* its first row; > 0: there are several */
    int64_t n_seen, n_hits, n_old_hits; /* of the last quarter of a generation: rows, those whose
                                           group was there, and was there for long */
    bool may_forget;
    /* Codes of dictionary keys -> group, while the dictionaries stay the same. */
    uint64_t code_ids[3];
    char **code_map;
    int64_t n_codes, cap_codes;
    uint64_t hash[MR_BATCH_ROWS], set_hash[MR_BATCH_ROWS];
    char *rows[MR_BATCH_ROWS], *some_rows[MR_BATCH_ROWS], *set_rows[MR_BATCH_ROWS];
    uint16_t fresh[MR_BATCH_ROWS], some_sel[MR_BATCH_ROWS], missing[MR_BATCH_ROWS];
    uint32_t codes[MR_BATCH_ROWS];
    /* The rows of a batch with few groups, group by group: each is updated as if it were the only
     * one, without a look at its state for every row. */
    int32_t n_split; /* 0: not split */
    int32_t split_from[MR_AGG_SPLIT_GROUPS + 1];
    char *split_rows[MR_AGG_SPLIT_GROUPS];
    uint16_t split_sel[MR_BATCH_ROWS];
} MrAggTable;

MR_MUST_USE MrStatus mr__agg_table_init(MrAggTable *table, const MrAggPlan *plan,
                                        const MrOpContext *context, MrError *err);
void mr__agg_table_deinit(MrAggTable *table);
/* Empty again; without keys the one group is there anew. */
void mr__agg_table_clear(MrAggTable *table);
/* exprs: the plan's expressions over the batch, any encoding. */
MR_MUST_USE MrStatus mr__agg_table_update(MrAggTable *table, MrBatch *batch, MrVector **exprs,
                                          MrError *err);
/* The same for rows whose groups are in table->rows already; no DISTINCT and no order. */
MR_MUST_USE MrStatus mr__agg_table_update_rows(MrAggTable *table, MrBatch *batch, MrVector **exprs,
                                               MrError *err);
void mr__agg_init_states(const MrAggPlan *plan, char *row);
/* Adds the states of from to those of to; arena lives as long as to. */
MR_MUST_USE MrStatus mr__agg_merge(const MrAggPlan *plan, const MrEvalContext *context,
                                   MrArena *arena, char *to, char *from, MrError *err);
/* Columns of groups into batch, whose columns are set: keys, then results. */
MR_MUST_USE MrStatus mr__agg_finish(const MrAggPlan *plan, const MrEvalContext *context,
                                    const MrSchema *schema, char *const *rows, int32_t n,
                                    MrBatch *batch, MrError *err);
/* Updates the groups of `groups` with the rows kept for deferred aggregates: those of all sets of
 * this aggregate whose group hash lies in part `part_idx` of n_parts. */
MR_MUST_USE MrStatus mr__agg_deferred(const MrAggPlan *plan, int32_t agg_idx, MrGroups *const *sets,
                                      int32_t n_sets, int32_t part_idx, int32_t n_parts,
                                      MrGroups *groups, char *single, const MrOpContext *context,
                                      MrError *err);
/* Feeds kept rows, in their order, to the states of their groups. */
MR_MUST_USE MrStatus mr__agg_feed(const MrAggPlan *plan, const MrAggSpec *spec, char **kept,
                                  int64_t n_kept, MrGroups *groups, char *single,
                                  const MrOpContext *context, MrArena *arena, MrError *err);
static inline int32_t mr__agg_part(uint64_t hash, int32_t n_parts)
{
    return (int32_t)((hash >> 40) & (uint64_t)(n_parts - 1));
}

#endif
