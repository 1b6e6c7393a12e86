/* agg_spill.h - groups, and rows kept for DISTINCT and ordered aggregates, on disk.
 *
 * A table that is short of memory writes its groups and kept rows to parts by the hash of the group
 * and begins anew.  In the end a worker takes part after part: merges its groups, feeds the kept
 * rows to them, gives them out.  A part that is too big is cut again.  The rows of a DISTINCT
 * aggregate of a part that cannot be cut (few groups) are cut by the hash of the values, as they
 * are without keys from the beginning, and read in several passes when even that is not enough. */
#ifndef MR_EXEC_AGG_SPILL_H
#define MR_EXEC_AGG_SPILL_H

#include "exec/aggregate_core.h"
#include "exec/spill_rows.h"

typedef struct MrAggSpill { /* zeroed: closed */
    const MrAggPlan *plan;
    const MrOpContext *context;
    MrArena arena, scratch;
    MrBuffer states;
    const MrType **types; /* of a group: keys, states */
    MrSpillRows groups;
    MrSpillRows *sets; /* by aggregate */
    bool open;
} MrAggSpill;

/* Bytes that spilling the table would free. */
int64_t mr__agg_spill_bytes(const MrAggTable *table);
/* All that can go of the table to disk; the table begins anew. */
MR_MUST_USE MrStatus mr__agg_spill_table(MrAggSpill *spill, MrAggTable *table, MrError *err);
MR_MUST_USE MrStatus mr__agg_spill_flush(MrAggSpill *spill, MrError *err);
void mr__agg_spill_close(MrAggSpill *spill);

/* One worker that reads the parts. */
typedef struct MrAggDrain MrAggDrain;
/* spills and tables of all workers; next_part: shared by them. */
MrAggDrain *mr__agg_drain_begin(MrArena *arena, const MrAggPlan *plan, const MrOpContext *context,
                                MrAggSpill **spills, MrAggTable **tables, int32_t n,
                                _Atomic int32_t *next_part);
/* The next groups, complete, MR_BATCH_ROWS at most; good until the next call.  *n 0: the end. */
MR_MUST_USE MrStatus mr__agg_drain_next(MrAggDrain *drain, char **rows, int32_t *n, MrError *err);
void mr__agg_drain_close(MrAggDrain *drain); /* accepts NULL */

#endif
