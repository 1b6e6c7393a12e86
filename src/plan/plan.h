/* plan.h - the logical plan: what a query means, before it is said how.
 *
 * A tree of nodes in the query's arena, immutable once built; rules build new nodes.  Columns are
 * known by ids that are unique in the query, so that rules can move expressions without
 * renumbering; every node lists its output columns.  One plan for every door, batch and stream. */
#ifndef MR_PLAN_PLAN_H
#define MR_PLAN_PLAN_H

#include "connector/contract.h"
#include "expr/expr.h"

typedef struct MrColumn {
    int32_t id;
    const char *name;
    const MrType *type;
    bool nullable;
} MrColumn;

typedef enum MrPlanKind {
    MR_PLAN_SCAN,      /* a source                                                          */
    MR_PLAN_VALUES,    /* rows of expressions without columns; 0 columns, 1 row: no FROM     */
    MR_PLAN_RANGE,     /* bigint from start to end by step                                  */
    MR_PLAN_PROJECT,   /* exprs                                                             */
    MR_PLAN_FILTER,    /* one boolean                                                       */
    MR_PLAN_AGGREGATE, /* keys and aggregates; no aggregates: distinct                      */
    MR_PLAN_EXPAND,    /* several projections of each row: grouping sets                    */
    MR_PLAN_JOIN,
    MR_PLAN_SORT,
    MR_PLAN_LIMIT,     /* limit and offset                                                  */
    MR_PLAN_UNION,     /* all; columns by place                                             */
    MR_PLAN_SETOP,     /* INTERSECT, EXCEPT, with or without ALL; rules turn them into joins or
                          aggregates */
    MR_PLAN_WINDOW,    /* input columns, then window expressions of one partitioning and order */
    MR_PLAN_GENERATE,  /* input columns (once pruned: some of them), then the generator's   */
    MR_PLAN_WATERMARK, /* notes the event-time column and its delay                         */
    MR_PLAN_SAMPLE,
    MR_PLAN_SHARED,    /* a sub-plan used more than once (CTE): computed once               */
    MR_PLAN_RECURSION, /* WITH RECURSIVE: anchor, step                                      */
    MR_PLAN_RECURSION_REF,
    MR_PLAN_BATCH_WINDOW, /* DStreams: the rows of the batches of some time                 */
    MR_PLAN_KEYED_STATE   /* DStreams: a state for each key                                 */
} MrPlanKind;

/* Of a query: rules and operators walk it by recursion (RELIABILITY H2). */
#define MR_PLAN_DEPTH_MAX 5000

typedef enum MrJoinKind {
    MR_JOIN_INNER,
    MR_JOIN_LEFT,
    MR_JOIN_RIGHT,
    MR_JOIN_FULL,
    MR_JOIN_SEMI,      /* left rows with a match; output: left columns        */
    MR_JOIN_ANTI,      /* left rows without one                               */
    MR_JOIN_ANTI_NULL, /* NOT IN: none matches and none is unknown            */
    MR_JOIN_MARK,      /* left columns and a boolean: matched (NULL: unknown) */
    MR_JOIN_SINGLE     /* scalar subquery: left join that fails on a second match
                          (SCALAR_SUBQUERY_TOO_MANY_ROWS) */
} MrJoinKind;

typedef struct MrNamedExpr { /* one output column and what it is computed from */
    MrColumn column;
    MrExpr *expr;
} MrNamedExpr;

/* What the functions of a keyed state may use. */
typedef struct MrKeyedCall {
    MrArena *arena; /* for results; forgotten when the next key is called */
    const _Atomic bool *canceled;
} MrKeyedCall;
/* What happens to the state of a key.  Texts with data NULL are not there: a NULL key or value, no
 * state.  Functions are called by several threads at once, for different keys. */
typedef struct MrKeyedState {
    const char *name; /* for EXPLAIN */
    void *self;
    /* Called in every epoch for every key that has a state or new values.  *out is the new state;
     * data NULL: the key goes. */
    MrStatus (*update)(void *self, const MrKeyedCall *call, MrText key, const MrText *values,
                       int64_t n_values, MrText state, MrText *out, MrError *err);
    /* Or, update NULL: rows that come (weight +1) are reduced into the state, rows that leave (-1)
     * are taken out of it; filter (NULL: none) then says which keys stay. */
    MrStatus (*reduce)(void *self, const MrKeyedCall *call, MrText a, MrText b, MrText *out,
                       MrError *err);
    MrStatus (*inverse)(void *self, const MrKeyedCall *call, MrText a, MrText b, MrText *out,
                        MrError *err);
    MrStatus (*filter)(void *self, const MrKeyedCall *call, MrText key, MrText value, bool *keep,
                       MrError *err);
    int64_t slide_us; /* in epochs that reach a multiple of it; else it gives nothing */
} MrKeyedState;

struct MrPlan {
    MrPlanKind kind;
    int32_t n_inputs;
    MrPlan **inputs;
    int32_t n_cols;
    const MrColumn *cols;  /* output */
    bool streaming;        /* some source below is read as a stream */
    int32_t depth;         /* nodes on the longest way down, as the binder made it */
    int64_t rows_estimate; /* by statistics.c; -1: not yet */
    union {
        struct {
            const char *name; /* table or path, for EXPLAIN and errors              */
            const MrConnectorType *type;
            MrOptions options;
            MrSource *source;     /* open; owned by the query                            */
            int32_t *source_cols; /* of each output column: its number in source->schema */
            MrExpr **filters;     /* pushed down; over output column ids                 */
            int32_t n_filters;
            int64_t limit; /* INT64_MAX: none                                     */
            bool streaming;
        } scan;
        struct {
            MrExpr ***rows; /* rows[r][c] */
            int32_t n_rows;
        } values;
        struct {
            int64_t start, end, step;
        } range;
        struct {
            MrNamedExpr *exprs; /* n_cols of them */
        } project;
        struct {
            MrExpr *condition;
        } filter;
        struct {
            MrNamedExpr *keys; /* first output columns  */
            int32_t n_keys;
            MrNamedExpr *aggs; /* MR_EXPR_AGGREGATE each; the other output columns */
            int32_t n_aggs;
            /* The key that is a session window: a row's own reaches from its time to the gap after
             * it; those of the other keys' group that overlap or touch are one group, whose key is
             * their union.  -1: none. */
            int32_t session_key;
        } aggregate;
        struct {
            MrExpr ***projections; /* [projection][col] */
            int32_t n_projections;
        } expand;
        struct {
            MrJoinKind kind;
            MrExpr *condition; /* NULL: true.  Rules split it into equal keys and the rest */
            bool lateral;      /* the right side has MR_EXPR_OUTER columns of the left     */
            int32_t mark_id;
        } join;
        struct {
            MrSortKey *keys;
            int32_t n_keys;
            int64_t limit; /* top-N when < INT64_MAX (set by a rule) */
            bool global;   /* false: SORT BY                         */
        } sort;
        struct {
            int64_t limit, offset; /* INT64_MAX: no limit */
        } limit;
        struct {
            enum { MR_SETOP_INTERSECT, MR_SETOP_EXCEPT } kind;
            bool all;
        } setop;
        struct {
            MrNamedExpr *exprs; /* MR_EXPR_WINDOW each, same partition and order */
            int32_t n_exprs;
        } window;
        struct {
            const MrGeneratorDef *def;
            const MrBound *bound;
            MrExpr **args;
            int32_t n_args;
            bool outer; /* a row of NULLs when there is none */
        } generate;
        struct {
            int32_t column_id;
            int64_t delay_us; /* of months: 31 days each, as Spark */
        } watermark;
        struct {
            double from, to; /* share of the rows */
            uint64_t seed;
            bool replace;
        } sample;
        struct {
            int32_t shared_id; /* equal id, same sub-plan (inputs[0], one object); the output
                                  columns of each use have ids of their own, by place */
        } shared;
        struct {
            int32_t recursion_id; /* RECURSION: inputs anchor, step; RECURSION_REF: none    */
            bool all;             /* UNION ALL */
            int64_t max_levels, max_rows;
        } recursion;
        struct {
            int64_t length_us, slide_us;
            bool deltas; /* what came in since the last window, and with weight -1 what left */
        } batch_window;
        const MrKeyedState *keyed_state; /* columns: key, value; binary */
    };
};

/* One per query being compiled. */
typedef struct MrPlanner {
    MrArena *arena;
    const MrSettings *settings;
    const MrEvalContext *context;
    int32_t next_id; /* of columns */
    int32_t next_shared_id;
} MrPlanner;

static inline int32_t mr_planner_id(MrPlanner *planner)
{
    return planner->next_id++;
}

/* Makers: check nothing, set output columns from the inputs where they follow from them. */
MrPlan *mr_plan_values_one(MrPlanner *planner); /* one row, no columns */
MrPlan *mr_plan_values(MrPlanner *planner, const MrColumn *cols, int32_t n_cols, MrExpr ***rows,
                       int32_t n_rows);
MrPlan *mr_plan_range(MrPlanner *planner, const MrColumn *col, int64_t start, int64_t end,
                      int64_t step);
MrPlan *mr_plan_project(MrPlanner *planner, MrPlan *input, MrNamedExpr *exprs, int32_t n_exprs);
MrPlan *mr_plan_filter(MrPlanner *planner, MrPlan *input, MrExpr *condition);
MrPlan *mr_plan_aggregate(MrPlanner *planner, MrPlan *input, MrNamedExpr *keys, int32_t n_keys,
                          MrNamedExpr *aggs, int32_t n_aggs);
MrPlan *mr_plan_expand(MrPlanner *planner, MrPlan *input, const MrColumn *cols, int32_t n_cols,
                       MrExpr ***projections, int32_t n_projections);
MrPlan *mr_plan_join(MrPlanner *planner, MrJoinKind kind, MrPlan *left, MrPlan *right,
                     MrExpr *condition);
MrPlan *mr_plan_sort(MrPlanner *planner, MrPlan *input, MrSortKey *keys, int32_t n_keys,
                     bool global);
MrPlan *mr_plan_limit(MrPlanner *planner, MrPlan *input, int64_t limit, int64_t offset);
MrPlan *mr_plan_union(MrPlanner *planner, MrPlan **inputs,
                      int32_t n_inputs); /* new column ids, as the next */
MrPlan *mr_plan_setop(MrPlanner *planner, bool is_except, bool all, MrPlan *left, MrPlan *right);
MrPlan *mr_plan_window(MrPlanner *planner, MrPlan *input, MrNamedExpr *exprs, int32_t n_exprs);
MrPlan *mr_plan_generate(MrPlanner *planner, MrPlan *input, const MrGeneratorDef *def,
                         const MrBound *bound, MrExpr **args, int32_t n_args, bool outer);
MrPlan *mr_plan_watermark(MrPlanner *planner, MrPlan *input, int32_t column_id, int64_t delay_us);
MrPlan *mr_plan_sample(MrPlanner *planner, MrPlan *input, double from, double to, uint64_t seed,
                       bool replace);
MrPlan *mr_plan_shared(MrPlanner *planner, MrPlan *input, int32_t shared_id);
MrPlan *mr_plan_recursion(MrPlanner *planner, MrPlan *anchor, MrPlan *step, int32_t recursion_id,
                          bool all, int64_t max_levels, int64_t max_rows);
MrPlan *mr_plan_recursion_ref(MrPlanner *planner, const MrColumn *cols, int32_t n_cols,
                              int32_t recursion_id);
MrPlan *mr_plan_batch_window(MrPlanner *planner, MrPlan *input, int64_t length_us, int64_t slide_us,
                             bool deltas);
MrPlan *mr_plan_keyed_state(MrPlanner *planner, MrPlan *input,
                            const MrKeyedState *state); /* new column ids */
/* A copy over other inputs, of the same number and with the same columns. */
MrPlan *mr_plan_with_inputs(MrPlanner *planner, const MrPlan *plan, MrPlan *const *inputs);
MrExpr *mr_plan_column_expr(MrPlanner *planner, const MrColumn *column);
/* The column as it is, for a PROJECT or as a key. */
MrNamedExpr mr_plan_pass(MrPlanner *planner, const MrColumn *column);
int32_t mr_plan_column_find(const MrPlan *plan, int32_t id); /* its place in the output; -1: none */
/* Calls visit on every expression of the plan and of the plans of its subqueries, as mr_expr_walk
 * does. */
void mr_plan_each_expr(const MrPlan *plan, bool (*visit)(void *self, const MrExpr *expr),
                       void *self);
/* The expressions of the node itself, in place: rules may put others there in a node of their own.
 */
typedef MrExpr *(*MrPlanExprMap)(void *self, MrExpr *expr);
/* A copy of the node (same inputs) whose expressions are mapped; sub-plans inside them are not
 * entered. */
MrPlan *mr_plan_map_exprs(MrPlanner *planner, const MrPlan *plan, MrPlanExprMap map, void *self);
/* A copy with new ids throughout; sub-plans shared inside it stay shared. */
MrPlan *mr_plan_copy(MrPlanner *planner, const MrPlan *plan);

/* Rules, in order: fold, subqueries to joins (decorrelation), set operations to joins, filters
 * down, join order, prune columns, limits and top-N down, filters and columns into scans.  Same
 * rows, same types. */
MR_MUST_USE MrStatus mr_plan_optimize(MrPlanner *planner, MrPlan *plan, MrPlan **out, MrError *err);

/* Rows of a scan's source before filters: known, or guessed from its size. */
double mr_plan_source_rows(MrPlanner *planner, const MrPlan *scan);

/* EXPLAIN's text of a logical plan. */
void mr_plan_text(const MrPlan *plan, const MrSettings *settings, MrTextBuilder *out);
/* The same without column ids, columns that only pass and watermark delays: equal for one query
 * that is bound twice.  Expressions stand for what they compute. */
void mr_plan_meaning(const MrPlan *plan, const MrSettings *settings, MrTextBuilder *out);

#endif
