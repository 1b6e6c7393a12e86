/* user_function.h - C functions of the user as rows of functions: generators, a filter, an
 * aggregate.
 *
 * Rows are two columns, key and value, both BINARY; a NULL is bytes without data.  Nothing here
 * jumps over a frame of the user: memory is asked for with mr_arena_try, and a refusal is noted in
 * the emitter.  Functions are volatile to the rules: not folded, moved, or called for other rows
 * than written. */
#ifndef MR_FUNCTION_USER_FUNCTION_H
#define MR_FUNCTION_USER_FUNCTION_H

#include "function/aggregate.h"

/* A function and what it is for; in the plan's arena. */
typedef struct MrUserFunction {
    const char *name; /* of the step: "map", "flat_map", "map_to_pair", "join", "filter" ... */
    union {
        MrMapFunction map;
        MrFilterFunction filter;
        MrReduceFunction reduce;
        MrJoinFunction join;
        MrStateFunction update;
    };
    void *self;
} MrUserFunction;

/* args: key, value.  map and map_to_pair: exactly one row for each; map_to_pair: with a key. */
extern const MrGeneratorDef mr_user_map, mr_user_flat_map, mr_user_map_to_pair;
extern const MrGeneratorDef mr_user_join; /* args: key, left, right */
MrBound *mr_user_generator_bind(MrArena *arena, const MrUserFunction *function);
MrBound *mr_user_filter_bind(MrArena *arena, const MrUserFunction *function); /* key, value */
/* The line that a row is in a text file: "(key,value)", or the value alone; key, value. */
MrBound *mr_user_line_bind(MrArena *arena);
/* One argument, the value; NULL when there were no rows.  The state is the value so far. */
MrAggregate *mr_user_reduce_bind(MrArena *arena, const MrUserFunction *function);

/* Rows that a function has put out. */
typedef struct MrEmitted {
    MrStr key, value;
    bool has_key, has_value;
} MrEmitted;

struct MrEmitter {
    const char *name;             /* of the step, for errors */
    const _Atomic bool *canceled; /* NULL: cannot be */
    MrError *err;                 /* of the call at hand */
    MrArena *arena;               /* of what the rows need */
    MrEmitted *rows;
    int64_t n_rows, cap_rows;
    int64_t n_most; /* more rows than these are counted, not kept */
    char *place;    /* n_most 1: where a value of up to place_bytes goes; grows from the arena */
    int64_t place_bytes;
    const _Atomic bool *watched; /* by the guard around the function, which must not be jumped over:
                                    while it runs, the flag is looked at between its rows only */
    MrStatus failed;
};

/* For functions of which one row is wanted, its key not looked at; row: where it goes. */
static inline MrEmitter mr_emitter_one(const char *name, const _Atomic bool *canceled,
                                       MrArena *arena, MrEmitted *row)
{
    return (MrEmitter){.name = name,
                       .canceled = canceled,
                       .arena = arena,
                       .rows = row,
                       .cap_rows = 1,
                       .n_most = 1};
}
/* Before each call of a user's function; fails when the query was canceled. */
MR_MUST_USE MrStatus mr_emitter_begin(MrEmitter *emitter, MrError *err);
/* After it: what the call means, given what it returned.  *err has an error when it failed. */
MR_MUST_USE MrStatus mr_emitter_end(MrEmitter *emitter, MrStatus returned, MrError *err);
/* FAILED_EXECUTE_UDF with a reason of ours. */
MrStatus mr_user_fail(const char *name, MrError *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* NULL to absent.  vec: flat or constant. */
static inline MrBytes mr_user_bytes(const MrVector *vec, int32_t row)
{
    if (mr_arg_null(vec, row))
        return (MrBytes){0};
    const MrStr *str = &vec->str[mr_arg_row(vec, row)];
    return (MrBytes){mr_str_data(str), str->size_bytes};
}
static inline MrBytes mr_emitted_value(const MrEmitted *row)
{
    return row->has_value ? (MrBytes){mr_str_data(&row->value), row->value.size_bytes}
                          : (MrBytes){0};
}

#endif
