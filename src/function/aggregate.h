/* aggregate.h - aggregate functions: a state per group, updated by runs of rows.
 *
 * A state is state_bytes of plain memory inside a packed row, zeroed and then passed to init.  What
 * grows (lists, sets, sketches) lies in the arena given with the call, which lives as long as the
 * states do.  The same functions serve grouping, partial and final aggregation, windows and
 * streams. */
#ifndef MR_FUNCTION_AGGREGATE_H
#define MR_FUNCTION_AGGREGATE_H

#include "function/function.h"

typedef enum MrAggregateFlags {
    MR_AGG_SKIPS_NULL = 1 << 0,       /* rows with a NULL argument are left out before update */
    MR_AGG_RETRACTS = 1 << 1,         /* update is right for weights < 0                      */
    MR_AGG_ORDERED = 1 << 2,          /* the answer depends on the order of the rows          */
    MR_AGG_NEVER_NULL = 1 << 3,       /* count                                                */
    MR_AGG_IGNORES_DISTINCT = 1 << 4, /* min, max: DISTINCT changes nothing                   */
    MR_AGG_TEST = 1 << 5              /* only there when named by --functions                 */
} MrAggregateFlags;

typedef struct MrAggregateDef MrAggregateDef;
typedef struct MrAggregate MrAggregate;

typedef struct MrAggregateCall {
    const MrEvalContext *context;
    const MrAggregate *agg;
    MrVector **args;        /* flat or constant               */
    int32_t n;              /* rows                           */
    const uint16_t *sel;    /* their numbers; NULL: 0 .. n-1  */
    const int64_t *weights; /* by row number; NULL: all +1    */
    MrArena *arena;         /* as long as the states          */
} MrAggregateCall;

struct MrAggregateDef {
    const char *name;
    const char *signature; /* as in function.h */
    uint32_t flags;
    int32_t state_bytes; /* multiple of 8; bind may set another in MrAggregate */
    void (*init)(const MrAggregate *agg, void *state); /* NULL: zeroes are right */
    /* The i-th row goes to the state at groups[i] + offset. */
    MrStatus (*update)(MrAggregateCall *call, char *const *groups, int32_t offset, MrError *err);
    /* All rows go to one state; NULL: update is used. */
    MrStatus (*update_one)(MrAggregateCall *call, void *state, MrError *err);
    MrStatus (*merge)(MrAggregateCall *call, void *to, const void *from, MrError *err);
    /* Results of n states into rows 0 .. n-1 of out (flat, made).  Leaves the states as they are.
     */
    MrStatus (*finish)(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                       MrVector *out, MrError *err);
    /* To bytes and back, for spilling and durable state. */
    MrStatus (*save)(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err);
    MrStatus (*load)(MrAggregateCall *call, MrReader *reader, void *state, MrError *err);
    /* NULL: nothing to choose.  Sets agg's fields. */
    MrStatus (*bind)(MrBind *bind, MrAggregate *agg, MrError *err);
    const char *doc;
    const char *example;
};

/* An aggregate chosen for given argument types; immutable, in the plan's arena. */
struct MrAggregate {
    const MrAggregateDef *def;
    const MrType *type;
    bool nullable;
    uint32_t flags;
    int32_t state_bytes;
    const void *data;
    int32_t n_args;
    const MrType *const *arg_types;
};

extern const MrAggregateDef *const mr_aggregate_tables[];
bool mr_aggregate_exists(const char *name);
MR_MUST_USE MrStatus mr_aggregate_bind(MrBind *bind, const char *name, MrAggregate **out,
                                       MrError *err);

/* Window functions that are no aggregates: the operator computes them from places in a partition.
 */
typedef enum MrWindowKind {
    MR_WINDOW_ROW_NUMBER,
    MR_WINDOW_RANK,
    MR_WINDOW_DENSE_RANK,
    MR_WINDOW_PERCENT_RANK,
    MR_WINDOW_CUME_DIST,
    MR_WINDOW_NTILE,
    MR_WINDOW_LAG,
    MR_WINDOW_LEAD,
    MR_WINDOW_FIRST_VALUE,
    MR_WINDOW_LAST_VALUE,
    MR_WINDOW_NTH_VALUE,
    MR_WINDOW_AGGREGATE
} MrWindowKind;
typedef struct MrWindowDef {
    const char *name;
    MrWindowKind kind;
    const char *signature;
    const char *doc;
    const char *example;
} MrWindowDef;
extern const MrWindowDef mr_window_functions[]; /* ended by a row without a name */
const MrWindowDef *mr_window_find(const char *name);
/* Casts for the arguments and the result type; bind as for mr_function_bind. */
MR_MUST_USE MrStatus mr_window_bind(MrBind *bind, const MrWindowDef *def, MrError *err);

/* Generators: rows out of one row (explode).  The result type is a struct of the output columns. */
typedef struct MrGeneratorCall {
    const MrEvalContext *context;
    const MrBound *bound;
    MrVector **args; /* flat or constant */
    int32_t n_rows;  /* flat length      */
    MrArena *arena;
    /* For generators with begin: *memo is NULL at first, belongs to this operator instance, and
     * points into memo_arena; row_arena is empty before each begin. */
    void **memo;
    MrArena *memo_arena, *row_arena;
} MrGeneratorCall;
typedef struct MrGeneratorDef {
    const char *name;
    const char *signature;
    MrBindCall bind; /* sets bind->type to a struct */
    /* How many rows input row `row` gives. */
    int64_t (*count)(MrGeneratorCall *call, int64_t row);
    /* Writes rows [from, from+n) of what input row `row` gives to rows at.. of the out columns
     * (flat, made); strings may be shared with the arguments. */
    MrStatus (*emit)(MrGeneratorCall *call, int64_t row, int64_t from, int64_t n, MrVector **out,
                     int64_t at, MrError *err);
    const char *doc;
    const char *example;
    /* Once for each input row, before count; may fail.  NULL: nothing to do. */
    MrStatus (*begin)(MrGeneratorCall *call, int64_t row, MrError *err);
} MrGeneratorDef;
extern const MrGeneratorDef mr_generators[]; /* ended by a row without a name */
const MrGeneratorDef *mr_generator_find(const char *name);
MR_MUST_USE MrStatus mr_generator_bind(MrBind *bind, const MrGeneratorDef *def, MrBound **out,
                                       MrError *err);

#endif
