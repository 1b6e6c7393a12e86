/* expr.h - bound expressions and their evaluation.
 *
 * A bound expression knows its type and nullability; casts are explicit; columns are known by id
 * (unique in a query) and, once a plan is lowered, by their place in the input batch.  Expressions
 * are immutable and live in the plan's arena; rules build new ones.  Subqueries, aggregates and
 * window calls appear in logical plans only; what is evaluated holds none of them. */
#ifndef MR_EXPR_EXPR_H
#define MR_EXPR_EXPR_H

#include "column/row.h"
#include "function/aggregate.h"

typedef enum MrExprKind {
    MR_EXPR_LITERAL,
    MR_EXPR_COLUMN,
    MR_EXPR_OUTER, /* column of an outer query, before decorrelation             */
    MR_EXPR_CALL,  /* function or cast                                           */
    MR_EXPR_AND,   /* n arguments; later ones only see rows still undecided      */
    MR_EXPR_OR,
    MR_EXPR_CASE, /* when, then, when, then, ..., [else]; IF is a CASE          */
    MR_EXPR_COALESCE,
    MR_EXPR_LAMBDA, /* args[0] is the body                                       */
    MR_EXPR_LAMBDA_PARAM,
    MR_EXPR_AGGREGATE, /* logical plans only, from here on                       */
    MR_EXPR_WINDOW,
    MR_EXPR_SCALAR_QUERY,
    MR_EXPR_EXISTS,
    MR_EXPR_IN_QUERY /* args: the left side(s)                                   */
} MrExprKind;

typedef struct MrPlan MrPlan; /* plan/plan.h */
typedef struct MrExpr MrExpr;

typedef struct MrSortKey {
    MrExpr *expr;
    MrSortSpec spec;
} MrSortKey;

typedef enum MrFrameEdge { MR_FRAME_UNBOUNDED, MR_FRAME_CURRENT, MR_FRAME_OFFSET } MrFrameEdge;
typedef struct MrWindowFrame { /* of a window */
    bool rows;                 /* else RANGE */
    MrFrameEdge from_edge, to_edge;
    MrExpr *from, *to; /* OFFSET: a constant, negative = preceding */
} MrWindowFrame;

struct MrExpr {
    MrExprKind kind;
    const MrType *type;
    bool nullable;
    int32_t sql_idx, sql_len; /* place in the query text; -1, 0: none */
    const MrVector *folded;   /* its value, once the binder asked for it; NULL: not known */
    const char
        *sql; /* its text as Spark prints it, set by the binder; NULL: mr_expr_text makes it */
    int32_t n_args;
    MrExpr **args;
    MrExpr **room; /* of mr_expr_and: equal to args when that has room for more; see there */
    union {
        const MrVector *literal; /* constant */
        struct {
            int32_t id;  /* unique in the query                         */
            int32_t idx; /* place in the input batch; -1 before lowering */
            const char *name;
        } column;             /* COLUMN, OUTER, LAMBDA_PARAM (idx: number of the parameter) */
        const MrBound *bound; /* CALL */
        struct {
            int32_t n_params;
            const int32_t *param_ids; /* ids of the LAMBDA_PARAMs in the body */
        } lambda;
        struct {
            const MrAggregate *agg;
            bool distinct;
            MrExpr *filter;   /* NULL: none */
            MrSortKey *order; /* WITHIN GROUP, or order of collect_list */
            int32_t n_order;
        } aggregate;
        struct {
            MrWindowKind kind;
            const MrAggregate *agg; /* MR_WINDOW_AGGREGATE */
            bool ignore_nulls, distinct;
            MrExpr *filter;
            MrExpr **partition;
            int32_t n_partition;
            MrSortKey *order;
            int32_t n_order;
            MrWindowFrame frame;
        } window;
        struct {
            MrPlan *plan;
            bool negated; /* NOT IN, NOT EXISTS */
        } query;
    };
};

MrExpr *mr_expr_literal(MrArena *arena, const MrVector *constant);
MrExpr *mr_expr_null(MrArena *arena, const MrType *type);
MrExpr *mr_expr_bool(MrArena *arena, bool value);
MrExpr *mr_expr_i64(MrArena *arena, int64_t value);             /* bigint */
MrExpr *mr_expr_coalesce(MrArena *arena, MrExpr *a, MrExpr *b); /* of one type */
MrExpr *mr_expr_column(MrArena *arena, int32_t id, const char *name, const MrType *type,
                       bool nullable);
/* Binds a function by name over bound arguments (no lambdas), casting them as it asks. */
MR_MUST_USE MrStatus mr_expr_call(MrArena *arena, const MrSettings *settings, const char *name,
                                  MrExpr **args, int32_t n_args, MrExpr **out, MrError *err);
MR_MUST_USE MrStatus mr_expr_cast(MrArena *arena, const MrSettings *settings, MrExpr *arg,
                                  const MrType *to, MrCastMode mode, MrExpr **out, MrError *err);
/* The text as a column of char(n) or varchar(n) keeps it; other types: as it is. */
MrExpr *mr_expr_char_store(MrArena *arena, MrExpr *text, const MrType *to);
MrExpr *mr_expr_and(MrArena *arena, MrExpr *a,
                    MrExpr *b); /* flattens; either may be NULL: the other */
/* expr where condition is true, else NULL without evaluating it. */
MrExpr *mr_expr_guarded(MrArena *arena, MrExpr *condition, MrExpr *expr);
/* Contains a call that makes long lists out of numbers (sequence, array_repeat): computed when it
 * is run, where it can be canceled, and not while planning. */
bool mr_expr_may_grow(const MrExpr *expr);
uint64_t mr_expr_hash(const MrExpr *expr); /* alike when equal */
bool mr_expr_equal(const MrExpr *a, const MrExpr *b);
/* No volatile function inside, and none that reads where a row comes from: may be moved. */
bool mr_expr_is_pure(const MrExpr *expr);
bool mr_expr_can_fail(const MrExpr *expr); /* may raise: not to be moved to rows it would not see */
bool mr_expr_is_constant(const MrExpr *expr); /* no column, no volatile or stable function */
/* Text as Spark prints it in column names and EXPLAIN: "(a + 1)", "upper(name)". */
const char *mr_expr_text(MrArena *arena, const MrSettings *settings, const MrExpr *expr);
/* What is computed, not what it is called: casts, SQL functions by their bodies. */
const char *mr_expr_structure(MrArena *arena, const MrSettings *settings, const MrExpr *expr);

/* Rebuilds an expression bottom-up: visit gets a copy whose arguments are already visited and
 * returns what replaces it. */
typedef MrExpr *(*MrExprVisit)(void *self, MrExpr *expr);
MrExpr *mr_expr_map(MrArena *arena, MrExpr *expr, MrExprVisit visit, void *self);
/* Calls visit on every node, parents first (filters, orders, partitions and frames included; plans
 * of subqueries not); false stops going down there. */
void mr_expr_walk(const MrExpr *expr, bool (*visit)(void *self, const MrExpr *expr), void *self);

/* Evaluates a constant expression. */
MR_MUST_USE MrStatus mr_expr_fold(MrArena *arena, const MrEvalContext *context, const MrExpr *expr,
                                  const MrVector **out, MrError *err);

/* A program: expressions over one input schema, common subexpressions found once.  One per operator
 * instance; it keeps scratch memory between batches.  Columns are read by column.idx. */
typedef struct MrProgram MrProgram;
MR_MUST_USE MrStatus mr_program_create(MrBudget *budget, MrExpr *const *exprs, int32_t n_exprs,
                                       MrProgram **out, MrError *err);
void mr_program_destroy(MrProgram *program); /* accepts NULL */
/* out[i]: any encoding, in the batch's arena, right for the batch's live rows. */
MR_MUST_USE MrStatus mr_program_eval(MrProgram *program, const MrEvalContext *context,
                                     MrBatch *batch, MrVector **out, MrError *err);
/* For a program of one boolean: keeps the live rows where it is true. */
MR_MUST_USE MrStatus mr_program_filter(MrProgram *program, const MrEvalContext *context,
                                       MrBatch *batch, MrError *err);

#endif
