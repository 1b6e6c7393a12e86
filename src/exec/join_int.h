/* join_int.h - what op_join.c and join_spill.c share.
 *
 * A join that does not fit is cut by the hash of its keys into parts.  Built rows of all parts go
 * to disk; when all are there, as many parts as fit come back into memory and are probed as always
 * (hybrid).  Probe rows of the other parts go to disk, too, and when the probe side is at its end
 * each worker takes part after part: loads its built rows, probes, forgets.  A part that is too big
 * is cut again; one that cannot be cut (a single key) is loaded piece by piece, and its probe rows
 * are read once per piece with what is known of each in marks. */
#ifndef MR_EXEC_JOIN_INT_H
#define MR_EXEC_JOIN_INT_H

#include "exec/exec_int.h"
#include "exec/groups.h"
#include "exec/join_core.h"
#include "exec/key_filter.h"
#include "exec/spill_rows.h"

#define MR_JOIN_PARTS 32
#define MR_JOIN_LEVELS 5 /* of cutting; each takes 5 bits of the hash */

typedef struct MrJoin MrJoin;
typedef struct MrJoinDrain MrJoinDrain;

/* Built rows in memory: all of them, or those of a part. */
typedef struct MrJoinBuilt {
    MrJoinTable *table;
    MrRowHeap **heaps;
    int32_t n_heaps;
    int64_t n_rows;
} MrJoinBuilt;

typedef struct MrJoinShared {
    const MrPhys *phys;
    MrArena arena;
    MrJoinTable table;
    int32_t n_probe, n_build; /* columns of the inputs */
    int32_t *build_at;        /* of each built column: its place in the rows, -1: not needed */
    bool *probe_needed;       /* of each probe column: in the output or the rest */
    int32_t n_layout;
    int32_t *layout_from;  /* of each layout column behind the keys: built column */
    bool loop;             /* no keys */
    bool keep_built;       /* rows of the built side are given in the end */
    bool tracks;           /* what happened to each probe row matters */
    _Atomic bool has_null; /* a built row has a NULL key */
    MrJoin **workers;
    int32_t n_workers;
    int32_t n_open;
    struct MrKeyFilter **key_filters; /* of the run; ours are owned here */
    MrJoinBuilt built;
    int64_t n_built; /* rows, those on disk included */
    MrStatus status; /* of making the buckets */
    MrError err;
    _Atomic int64_t next_built; /* end: slices of the built rows */
    /* Spilling. */
    _Atomic bool spilling;
    bool *resident;        /* of each part: in memory after all */
    MrRowHeap *part_heaps; /* MR_JOIN_PARTS; open while spilling */
    bool part_heaps_open;
    int32_t resident_list[MR_JOIN_PARTS], n_resident;
    const MrType **layout_types, **probe_types;
    int32_t *probe_at; /* of each probe column: its place in a row on disk, -1: not there */
    int32_t n_probe_cols, *probe_from; /* of each place behind the keys: probe column */
    _Atomic int32_t next_part;
} MrJoinShared;

struct MrJoin {
    MrOp op;
    MrArena arena;
    MrEvaluator build_keys, probe_keys;
    MrProgram *rest;
    MrRowHeap heap;
    bool heap_open, ended;
    MrBatch *held; /* being built from */
    /* Probing. */
    MrBatch *probe; /* owned unless it is in probe_held */
    MrHeldBatch *probe_held;
    MrBatch *given, *tested;
    bool probing;
    int32_t n_active, n_pairs;
    int64_t built_at;  /* loop: next built row */
    int32_t worker_at; /* loop: whose heap */
    const MrJoinBuilt *built;
    MrVector **keys;     /* of the probe batch */
    MrVector **combined; /* probe columns, built columns, mark */
    uint64_t hash[MR_BATCH_ROWS];
    char *active_rows[MR_BATCH_ROWS];
    uint16_t active[MR_BATCH_ROWS], active_sel[MR_BATCH_ROWS];
    char *pair_rows[MR_BATCH_ROWS];
    uint16_t pairs[MR_BATCH_ROWS]; /* places among the live rows */
    uint8_t equal[MR_BATCH_ROWS], matched[MR_BATCH_ROWS], unknown[MR_BATCH_ROWS];
    uint16_t live[MR_BATCH_ROWS]; /* row number of each live row */
    int32_t n_live;
    int32_t take[MR_BATCH_ROWS];
    char *row_of[MR_BATCH_ROWS];
    MrKeyRange *ranges; /* of the keys that scans ask for */
    /* Rows of the built side at the end. */
    bool finishing;
    /* Spilling. */
    MrSpillRows build_out, probe_out;
    MrJoinDrain *drain;
    MrArena scratch;
    uint8_t part_of[MR_BATCH_ROWS];
};

/* op_join.c */
bool mr__join_key_is_null(const MrPhys *phys, MrVector *const *keys, int64_t row);
/* Keeps rows of layout columns in a heap; hash and unknown are set for them. */
void mr__join_keep(MrJoin *self, MrRowHeap *heap, MrVector *const *cols, const uint16_t *sel,
                   int32_t n);
/* Begins to probe self->probe, whose keys are self->keys, with self->live and self->hash set. */
void mr__join_probe_begin(MrJoin *self);
MR_MUST_USE MrStatus mr__join_probe_pull(MrJoin *self, MrBatch **out, MrError *err);
/* The rows of [from, to) of a heap that the kind gives in the end; *out NULL: none. */
MR_MUST_USE MrStatus mr__join_built_rows(MrJoin *self, const MrRowHeap *heap, int64_t from,
                                         int64_t to, MrBatch **out, MrError *err);

/* join_spill.c */
void mr__join_spill_init(MrJoinShared *shared);
/* True when the worker's built rows had better go to disk. */
bool mr__join_spill_wanted(const MrJoin *self);
/* The worker's heap to disk, which is empty then. */
MR_MUST_USE MrStatus mr__join_spill_heap(MrJoin *self, MrError *err);
/* Rows of layout columns to disk; hash is set. */
MR_MUST_USE MrStatus mr__join_spill_build(MrJoin *self, MrVector *const *cols, const uint16_t *sel,
                                          int32_t n, MrError *err);
MR_MUST_USE MrStatus mr__join_spill_build_end(MrJoin *self, MrError *err);
/* All built rows are there: chooses the parts that come back. */
MR_MUST_USE MrStatus mr__join_spill_choose(MrJoinShared *shared, MrError *err);
/* Brings the i-th of them back. */
MR_MUST_USE MrStatus mr__join_spill_load(MrJoin *self, int32_t i, MrError *err);
/* Puts the live rows of parts on disk aside; the others stay. */
MR_MUST_USE MrStatus mr__join_spill_probe(MrJoin *self, MrError *err);
MR_MUST_USE MrStatus mr__join_spill_probe_end(MrJoin *self, MrError *err);
/* What the parts on disk give; *out NULL: no more. */
MR_MUST_USE MrStatus mr__join_spill_pull(MrJoin *self, MrBatch **out, MrError *err);
/* True while a part is probed piece by piece and what happened to its probe rows matters. */
bool mr__join_in_pieces(const MrJoin *self);
/* Then: notes it for the next piece.  False: this was the last. */
bool mr__join_marks_keep(MrJoin *self);
void mr__join_spill_close(MrJoin *self);
void mr__join_spill_reset(MrJoinShared *shared);

#endif
