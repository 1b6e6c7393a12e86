/* physical.h - the physical plan: operators with all column places resolved.  Immutable, shared by
 * all workers.  exec/ maps each kind to an operator (exec/operators.c) and cuts the tree into
 * pipelines. */
#ifndef MR_PLAN_PHYSICAL_H
#define MR_PLAN_PHYSICAL_H

#include "plan/plan.h"

typedef enum MrPhysKind {
    MR_PHYS_OP_SCAN,
    MR_PHYS_OP_VALUES,
    MR_PHYS_OP_RANGE,
    MR_PHYS_OP_PROJECT,
    MR_PHYS_OP_FILTER,
    MR_PHYS_OP_AGGREGATE, /* hash; keeps its table as state in a stream */
    MR_PHYS_OP_SESSION,   /* a stream's session windows: aggregate, where session_key merges */
    MR_PHYS_OP_EXPAND,
    MR_PHYS_OP_HASH_JOIN,   /* input 0 probes, input 1 is built   */
    MR_PHYS_OP_LOOP_JOIN,   /* no equal keys   */
    MR_PHYS_OP_STREAM_JOIN, /* both sides are kept as state */
    MR_PHYS_OP_SORT, /* also top-N                                                             */
    MR_PHYS_OP_LIMIT,
    MR_PHYS_OP_UNION,
    MR_PHYS_OP_WINDOW,
    MR_PHYS_OP_GENERATE,
    MR_PHYS_OP_SAMPLE,
    MR_PHYS_OP_WATERMARK, /* sees event times; drops nothing */
    MR_PHYS_OP_LATE_DROP, /* drops rows at or behind the late mark, and counts them */
    MR_PHYS_OP_RECOMPUTE, /* the fallback: keeps its inputs, runs a plan over them as a batch, emits
                             the difference */
    MR_PHYS_OP_FEED, /* in the plan of a RECOMPUTE: the rows that were kept of one of its inputs */
    MR_PHYS_OP_SHARED,
    MR_PHYS_OP_RECURSION,
    MR_PHYS_OP_RECURSION_REF,
    MR_PHYS_OP_BATCH_WINDOW,
    MR_PHYS_OP_KEYED_STATE
} MrPhysKind;

/* A join's finished build tells a scan of the probe side which keys it holds.  Advice: the join
 * tests all of it again. */
typedef struct MrPhysKeyFilter {
    int32_t id;            /* unique in the plan; the join's and the scan's agree */
    int32_t at;            /* join: key; scan: output column                      */
    int64_t rows_estimate; /* join: rows of the scans that ask it; -1: unknown    */
} MrPhysKeyFilter;

typedef struct MrPhys MrPhys;
struct MrPhys {
    MrPhysKind kind;
    int32_t id;       /* unique in the plan; names the operator's metrics */
    int32_t state_id; /* names its entries in a checkpoint: nodes with state (and, by themselves,
                         watermarks) counted from the leaves on, from 1; 0: none */
    int32_t n_inputs;
    MrPhys **inputs;
    MrSchema schema; /* output */
    bool streaming;  /* runs once per epoch and keeps state between them */
    int64_t rows_estimate;
    int64_t lag_us; /* stream: how far the event times of its input may be behind the watermark,
                       because of joins below that keep rows longer */
    union {         /* expressions read the columns of the input by column.idx; a join's
                       conditions read left columns, then right columns */
        struct {
            const char *name;
            MrSource *source;
            MrScanSpec spec;
            bool streaming;
            int32_t n_key_filters;
            MrPhysKeyFilter *key_filters;
        } scan;
        struct {
            MrExpr ***rows;
            int32_t n_rows;
        } values;
        struct {
            int64_t start, end, step;
        } range;
        struct {
            MrExpr **exprs;
        } project;
        struct {
            MrExpr *condition;
        } filter;
        struct {
            int32_t n_keys, n_aggs;
            MrExpr **keys;       /* over the input                                   */
            MrExpr **aggs;       /* MR_EXPR_AGGREGATE; their args are over the input */
            bool changes_in;     /* the input has retractions                        */
            int32_t close_key;   /* stream, append mode: the key (a window struct or a timestamp)
                                    whose groups are emitted once and dropped when the watermark
                                    passes; -1: emit changes */
            int32_t time_key;    /* stream: the key that the watermark closes: later rows of closed
                                    groups are dropped  and counted; -1: none */
            int32_t session_key; /* SESSION: the key that is a row's own session; else -1 */
            bool complete;       /* complete mode: all groups in every epoch, as inserts */
            bool evict; /* update mode with a watermark: closed groups are dropped silently */
        } aggregate;
        struct {
            MrExpr ***projections;
            int32_t n_projections;
        } expand;
        struct {
            MrJoinKind kind;
            int32_t n_keys;        /* equal keys; 0 for LOOP_JOIN       */
            MrExpr **left_keys;    /* over the left input                */
            MrExpr **right_keys;   /* over the right input               */
            const bool *null_safe; /* key by key: <=>                    */
            bool sure_keys; /* NullAwareAnti, Mark: a NULL key is no match, not an unknown one */
            MrExpr *rest;   /* over both; NULL: true.  LOOP_JOIN: the whole condition */
            /* Output column c is column out_cols[c] of left columns ++ right columns (++ the mark).
             * SEMI and ANTI have left columns only; with build_left they are those of the built
             * side. */
            const int32_t *out_cols;
            /* The logical left side was the smaller one and is built: input 0 is the logical right.
             * kind is still the logical one as seen from the inputs: LEFT and RIGHT are exchanged
             * already; SEMI, ANTI: the rows of input 1 are kept. */
            bool build_left;
            /* STREAM_JOIN: state of a side is dropped when the watermark proves that no row will
             * match: time column of each side (-1: kept for ever) and how long it must be kept. */
            int32_t left_time_col, right_time_col;
            int64_t left_keep_us, right_keep_us;
            int32_t left_late_col, right_late_col; /* later rows are dropped; -1: none are */
            bool final; /* append mode: a row without matches is given when it is dropped */
            int32_t n_key_filters; /* HASH_JOIN */
            MrPhysKeyFilter *key_filters;
        } join;
        struct {
            int32_t n_keys;
            MrSortKey *keys;
            int64_t limit, offset; /* INT64_MAX, 0: all */
        } sort;
        struct {
            int64_t limit, offset;
        } limit;
        struct {
            int32_t n_exprs;
            MrExpr **exprs; /* MR_EXPR_WINDOW, same partition and order; all parts over the input */
        } window;
        struct {
            const MrGeneratorDef *def;
            const MrBound *bound;
            int32_t n_args;
            MrExpr **args;
            bool outer;
            int32_t n_keep;
            const int32_t *keep; /* input columns that are passed on */
        } generate;
        struct {
            double from, to;
            uint64_t seed;
            bool replace;
        } sample;
        struct {
            int32_t time_col; /* timestamp, or window struct (its end) */
            int64_t delay_us;
        } watermark; /* and LATE_DROP */
        struct {
            MrPhys *plan;  /* batch; its FEED leaves name inputs */
            bool complete; /* the whole result in every epoch, as inserts */
        } recompute;
        struct {
            int32_t input_idx;
        } feed;
        struct {
            int32_t shared_id;
        } shared;
        struct {
            int32_t recursion_id;
            bool all;
            int64_t max_levels, max_rows;
        } recursion;
        struct {
            int64_t length_us, slide_us;
            bool deltas;
        } batch_window;
        const MrKeyedState *keyed_state;
    };
};

typedef struct MrLowerOptions {
    bool streaming; /* lower for a stream: state is kept, RECOMPUTE where there is no rule  */
    MrOutputMode output_mode; /* append: proves finality or fails with Spark's condition */
    bool per_epoch; /* a stream whose every epoch is a batch of its own (DStreams): aggregates,
                       joins and sorts begin anew; only scans, BATCH_WINDOW and KEYED_STATE live on
                     */
} MrLowerOptions;

/* Optimized logical plan to physical plan. */
MR_MUST_USE MrStatus mr_plan_lower(MrPlanner *planner, const MrPlan *plan,
                                   const MrLowerOptions *options, MrPhys **out, MrError *err);

/* Keeps something from epoch to epoch. */
bool mr_phys_has_state(const MrPhys *phys);
/* What a checkpoint is bound to, as lines: the columns that go out, where the sink keeps them; the
 * sources; what each state is made of; and the meaning of the topmost nodes with state and all that
 * feeds them.  What stands above those, and all of a query without state, may change from one run
 * to the next.  plan: as it was bound, before the rules. */
void mr_stream_identity(const MrPlan *plan, const MrPhys *phys, const MrSettings *settings,
                        bool output_is_kept, MrTextBuilder *out);
/* Sets state_id (stream_identity.c); mr_plan_lower has done so. */
void mr__number_states(MrPhys *phys);

/* Lets scans ask the joins above them (runtime_filter.c); mr_plan_lower has done so. */
void mr__key_filters_place(MrArena *arena, MrPhys *root);

/* Name as EXPLAIN shows it: "HashJoin". */
const char *mr_phys_name(MrPhysKind kind);
/* EXPLAIN's tree.  note(self, phys, out) may add text to each line (rows and times of ANALYZE);
 * NULL: none. */
void mr_phys_text(const MrPhys *phys, const MrSettings *settings, MrTextBuilder *out,
                  void (*note)(void *self, const MrPhys *phys, MrTextBuilder *out), void *self);

#endif
