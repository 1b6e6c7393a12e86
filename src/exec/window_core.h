/* window_core.h - window functions over the sorted rows of some partitions, as long columns. */
#ifndef MR_EXEC_WINDOW_CORE_H
#define MR_EXEC_WINDOW_CORE_H

#include "exec/exec_int.h"

/* What a function knows of a partition that comes in pieces. */
typedef struct MrWindowCarry {
    int64_t n_before, dense;
    MrArena arena; /* of the state */
    bool open;
    char *state;
} MrWindowCarry;

typedef struct MrWindowRows {
    int64_t n_rows;
    int32_t n_partition, n_order;
    MrVector **partition; /* columns of all rows, in sorted order */
    MrVector **order;
    const MrSortSpec *specs; /* of order */
    MrArena *arena;          /* results and scratch */
    MrBudget *budget;
    const MrEvalContext *eval;
    bool continues, goes_on; /* the first partition began before; the last, and only, one goes on */
    MrWindowCarry *carry;    /* of the function that is computed; NULL: partitions are whole */
} MrWindowRows;

/* True when the function looks back only, so that a partition may come in pieces that end between
 * peers; *peers false: anywhere. */
bool mr__window_streams(const MrExpr *expr, bool *peers);
void mr__window_carry_close(MrWindowCarry *carry);

/* Where the partition and the peers (equal in order) of each row begin and end; made once for all
 * functions. */
typedef struct MrWindowBounds {
    int64_t *partition_from, *partition_to, *peer_from, *peer_to; /* by row */
} MrWindowBounds;

void mr__window_bounds(const MrWindowRows *rows, MrWindowBounds *bounds);
/* args and filter (NULL: none): columns of all rows.  *out: the result, a flat vector of n_rows. */
MR_MUST_USE MrStatus mr__window_compute(const MrWindowRows *rows, const MrWindowBounds *bounds,
                                        const MrExpr *expr, MrVector **args, MrVector *filter,
                                        MrVector **out, MrError *err);

#endif
