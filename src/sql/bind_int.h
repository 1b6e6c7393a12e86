/* bind_int.h - what the binder's files share.
 *
 * Expressions are bound over the columns of the FROM clause first, aggregates and window calls
 * standing inside them; bind_group.c and bind_select.c then cut them into the plan's nodes.  Every
 * bound expression carries its text (MrExpr.sql), which names columns and speaks in errors. */
#ifndef MR_SQL_BIND_INT_H
#define MR_SQL_BIND_INT_H

#include "sql/bind.h"

typedef struct Cte Cte;
typedef struct Binder Binder;

typedef struct TimeWindow TimeWindow; /* bind_time_window.c */

typedef struct ScopeCol { /* a column that can be named */
    MrColumn col;
    int32_t n_qual;
    const char *const *qual;  /* spark_catalog, default, t */
    const TimeWindow *window; /* what window(..) in this query means; NULL: another column */
    bool is_session;          /* it is a session_window: one row's, groups merge those that touch */
    bool hidden;              /* not in *: key of a USING join; still t.key */
    MrExpr
        *expr; /* what the name means when it is not just col; NULL: col (USING of a FULL join) */
} ScopeCol;

typedef struct Rel { /* a bound relation */
    MrPlan *plan;
    int32_t n_cols;
    ScopeCol *cols;
    bool ordered;
} Rel;

typedef struct NamedItem { /* an item of a select list, or an alias that may be referred to */
    const char *name;
    MrExpr *expr; /* NULL: not bound yet */
} NamedItem;

typedef struct Scope Scope;
struct Scope {
    Scope *outer;
    int32_t n_cols;
    ScopeCol *cols;
    const NamedItem *outputs; /* tried before cols: ORDER BY, HAVING after the select list */
    int32_t n_outputs;
    const NamedItem
        *laterals; /* tried after cols: aliases to the left in the select list, GROUP BY alias */
    int32_t n_laterals;
    bool laterals_are_aliases; /* of the select list; else of GROUP BY, QUALIFY */
    const int32_t *first_ids;  /* columns that go before outputs: the keys, for HAVING */
    int32_t n_first_ids;
    MrNamedExpr
        *inner_aggs; /* aggregates over its columns that stand in subqueries; NULL: none may */
    int64_t n_inner_aggs, cap_inner_aggs;
    struct BoundQuery *queries; /* subqueries of this SELECT, by their text */
    int64_t n_queries, cap_queries;
    bool opaque; /* body of a function or view: outer is not looked at */
};

typedef struct LambdaVars LambdaVars;
struct LambdaVars {
    LambdaVars *outer;
    int32_t n;
    const char *const *names;
    MrExpr **params;
};

/* What is being bound: which parts may stand there, and what was found. */
typedef struct Ctx {
    Scope *scope;
    LambdaVars *lambdas;
    const MrSqlWindow *windows; /* of the WINDOW clause */
    int32_t n_windows;
    bool in_aggregate, in_window;
    bool allow_generator;
    bool outputs_off; /* inside an aggregate: outputs are not tried first */
    /* found */
    bool has_aggregate, has_window, has_generator, has_query, has_lateral, has_outer;
    const struct Generator *generator;
} Ctx;

/* explode(..) in a select list, to be put below it. */
typedef struct Generator {
    const MrGeneratorDef *def;
    const MrBound *bound;
    MrExpr **args;
    int32_t n_args;
    bool outer;
    const char *sql;
} Generator;

struct Cte {
    Cte *next;
    const char *name;
    const MrSqlCte *ast;
    Scope *outer;   /* of the query that holds it */
    int32_t n_uses; /* counted before binding */
    MrPlan *plan;   /* bound once when shared */
    ScopeCol *cols;
    int32_t n_cols;
    int32_t shared_id;
    bool bound, ordered;
    /* recursion */
    bool is_recursive, in_step;
    int32_t recursion_id, n_refs;
    MrColumn *ref_cols;
};

struct Binder {
    const MrBindOptions *options;
    const MrBindCatalog *catalog;
    MrPlanner *planner;
    MrArena *arena;
    const MrSettings *settings;
    MrEvalContext eval; /* of constants: with these settings */
    MrText text;
    MrBindPlace place;
    MrError *err;
    Cte *ctes;
    int32_t depth;               /* of views and functions */
    int32_t frame_depth;         /* of frames: views in which none can be part of itself */
    const struct ViewUse *views; /* whose text is bound here, the innermost first */
};

/* Ids of the columns that stand for grouping(x) and grouping_id(..) until the keys are known. */
#define MR__GROUPING (-100)
#define MR__GROUPING_ID (-101)

/* bind.c */
void mr__binder_init(Binder *b, const MrBindOptions *options, MrError *err);
bool mr__setting_bool(const Binder *b, const char *key, bool fallback);
int64_t mr__setting_i64(const Binder *b, const char *key, int64_t fallback);
const char *mr__double_text(Binder *b, double value);
/* Texts of the outermost sub-expressions of a kind, by commas. */
const char *mr__expr_list_text(Binder *b, const MrExpr *expr, MrExprKind kind);
MR_MUST_USE MrStatus mr__name_plain(Binder *b, const MrSqlName *name, MrSqlName *out);

/* The body of a view or function is bound where, and with the settings with which, it was made
 * (settings NULL: as now).  Enter, bind b->text, leave. */
Binder mr__body_enter(Binder *b, const MrBindPlace *place, MrText text, const MrSettings *settings);
void mr__body_leave(Binder *b, const Binder *saved);
MR_MUST_USE MrStatus mr__body_query(Binder *b, const MrSqlOptions *options, Scope *outer, Rel *out);

/* bind_name.c */
bool mr__name_equal(const Binder *b, const char *x, const char *y);
const char *mr__quote_sql(Binder *b, const char *sql);     /* "(a + 1)" in quotes */
const char *mr__quote_type(Binder *b, const MrType *type); /* "INT" in quotes */
const char *mr__name_dotted(Binder *b, const char *const *parts, int32_t n_parts); /* a.b */
MrStatus mr__at(Binder *b, MrSqlPlace place, MrStatus status); /* notes the place of a failure */
MrExpr *mr__column_expr(Binder *b, const ScopeCol *col, const char *name, MrSqlPlace place);
MrStatus mr__fail_unresolved(Binder *b, const Scope *scope, const char *const *parts,
                             int32_t n_parts, MrSqlPlace place);
MR_MUST_USE MrStatus mr__name_bind(Binder *b, Ctx *ctx, const MrSqlName *name, MrSqlPlace place,
                                   MrExpr **out);
MR_MUST_USE MrStatus mr__field_bind(Binder *b, MrSqlPlace place, MrExpr *base, const char *name,
                                    MrExpr **out);
MR_MUST_USE MrStatus mr__star_expand(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr ***out,
                                     const char ***names, int32_t *n_out);

/* bind_expr.c */
bool mr__expr_has(const MrExpr *expr, MrExprKind kind);
MR_MUST_USE MrStatus mr__expr_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out);
MrExpr *mr__literal_text(Binder *b, const char *text);
MrExpr *mr__literal_int(Binder *b, int32_t value);
MR_MUST_USE MrStatus mr__cast(Binder *b, MrExpr *expr, const MrType *to,
                              MrExpr **out); /* implicit */
/* The same for an argument: its failures name the place of the call around it, as Spark's do. */
MR_MUST_USE MrStatus mr__cast_within(Binder *b, MrSqlPlace place, MrExpr *expr, const MrType *to,
                                     MrExpr **out);
MR_MUST_USE MrStatus mr__cast_written(Binder *b, MrSqlPlace place, MrExpr *arg, const MrType *type,
                                      bool is_try, MrExpr **out);
MR_MUST_USE MrStatus mr__not(Binder *b, MrSqlPlace place, MrExpr *arg, MrExpr **out);
const MrType *mr__common_type(Binder *b, MrExpr *const *exprs, int32_t n); /* NULL: none */
MR_MUST_USE MrStatus mr__case_bind(Binder *b, MrSqlPlace place, MrExpr **args, int32_t n_args,
                                   const char *sql, const char *function, MrExpr **out);
MR_MUST_USE MrStatus mr__coalesce_bind(Binder *b, MrSqlPlace place, MrExpr **args, int32_t n_args,
                                       const char *sql, MrExpr **out);
MR_MUST_USE MrStatus mr__subscript_bind(Binder *b, MrSqlPlace place, MrExpr *base, MrExpr *index,
                                        MrExpr **out);

/* bind_subquery.c */
MR_MUST_USE MrStatus mr__subquery_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out);

/* bind_interval.c */
/* Microseconds of "10 minutes"; months do not go. */
MR_MUST_USE MrStatus mr__interval_us(Binder *b, MrSqlPlace place, const MrExpr *text, int64_t *out);
MR_MUST_USE MrStatus mr__interval_bind(Binder *b, const MrSqlExpr *ast, MrExpr **out);

/* bind_call.c */
typedef struct Args {
    int32_t n;
    MrExpr **exprs;     /* NULL: a lambda, bound when the function asks for it */
    const char **names; /* of aliases */
    const MrSqlExpr **asts;
    bool has_lambda;
} Args;

MR_MUST_USE MrStatus mr__args_bind(Binder *b, Ctx *ctx, MrSqlExpr *const *asts, int32_t n_asts,
                                   Args *out);
/* To the types that binding asked for. */
MR_MUST_USE MrStatus mr__args_cast(Binder *b, MrSqlPlace place, const MrBind *bind, MrExpr **args);
MR_MUST_USE MrStatus mr__call_bind(Binder *b, Ctx *ctx, MrSqlPlace place, const char *name,
                                   MrExpr *const *args, int32_t n_args, const char *sql,
                                   MrExpr **out);
MR_MUST_USE MrStatus mr__call_ast_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out);
MR_MUST_USE MrStatus mr__struct_bind(Binder *b, Ctx *ctx, MrSqlPlace place, const char *name,
                                     MrSqlExpr *const *items, int32_t n_items, const char *shown,
                                     MrExpr **out);
void mr__bind_init(Binder *b, MrBind *bind, MrExpr *const *args, const char *const *names,
                   int32_t n_args, const char *sql);
const MrGeneratorDef *mr__generator_named(Binder *b, const char *name, const char **base,
                                          bool *outer);
/* As many arguments do not go; function: in quotes. */
MrStatus mr__fail_count(Binder *b, MrSqlPlace place, const char *function, const char *expected,
                        int32_t n_args);
/* name() does not take DISTINCT, FILTER or the like. */
MrStatus mr__fail_call_syntax(Binder *b, MrSqlPlace place, const char *name, const char *syntax);

/* bind_call_text.c: the call as Spark prints it */
const char *mr__call_text(Binder *b, const char *name, MrExpr *const *args, int32_t n_args,
                          bool distinct);
void mr__sorts_text(MrTextBuilder *out, const MrSortKey *keys, int32_t n);

/* bind_special.c; *done: it was one of them */
bool mr__is_special(const char *name);
MR_MUST_USE MrStatus mr__special_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                                      const Args *args, bool *done, MrExpr **out);

/* bind_aggregate.c: aggregate functions, and window functions by way of bind_window.c */
MR_MUST_USE MrStatus mr__aggregate_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                                        MrExpr **out);
bool mr__is_inverse_distribution(const char *name); /* they take WITHIN GROUP */

/* bind_window.c */
typedef struct WindowCall {
    const MrSqlExpr *ast;
    const char *name;
    const Args *args;
    const MrWindowDef *def; /* a function of windows only, or .. */
    MrExpr *agg;            /* .. an aggregate, bound */
    MrExpr *filter;
    bool ignore_nulls;
} WindowCall;

MR_MUST_USE MrStatus mr__window_call(Binder *b, Ctx *ctx, const WindowCall *call, MrExpr **out);

/* bind_udf.c */
MR_MUST_USE MrStatus mr__udf_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast,
                                  const MrBindFunction *function, MrExpr **out);
MR_MUST_USE MrStatus mr__udf_table(Binder *b, Ctx *ctx, const MrSqlExpr *ast,
                                   const MrBindFunction *function, Rel *out);

/* bind_time_window.c; *done: the call is a column of FROM, or made of one */
MR_MUST_USE MrStatus mr__time_window_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast,
                                          const char *name, bool *done, MrExpr **out);
MR_MUST_USE MrStatus mr__time_windows(Binder *b, const MrSqlSelect *select, Scope *outer,
                                      Rel *from);

/* A SELECT while it is bound. */
typedef struct Key {
    MrExpr *expr; /* over FROM */
    MrColumn out; /* after aggregation */
} Key;

typedef struct Item {
    const char *name;
    bool is_alias;
    MrExpr *expr;
    MrSqlPlace place;
} Item;

typedef struct ItemGenerator { /* explode(..) in the select list */
    const Generator *call;
    MrColumn *cols;
    int32_t n_cols;
} ItemGenerator;

typedef struct Select {
    Binder *b;
    const MrSqlSelect *ast;
    Scope scope;
    Ctx ctx;
    MrPlan *plan;
    Item *items;
    int64_t n_items, cap_items;
    NamedItem *names; /* of the items, for name resolution */
    int64_t n_names, cap_names;
    /* grouping */
    Key *keys;
    int64_t n_keys, cap_keys;
    MrNamedExpr *aggs;
    int64_t n_aggs, cap_aggs;
    bool only_total;
    bool after_items; /* HAVING, QUALIFY, ORDER BY are rewritten */
    bool has_sets;
    uint64_t *sets; /* bit i: key i is in the set */
    int64_t n_sets;
    MrColumn gid;
    /* windows */
    MrNamedExpr *windows;
    int64_t n_windows, cap_windows;
    /* generators: each one's rows for every row of those before it */
    ItemGenerator *generators;
    int64_t n_generators, cap_generators;
    /* order */
    MrExpr **sort_exprs;
    MrSortSpec *sort_specs;
    int32_t n_sort;
} Select;

/* bind_group.c */
bool mr__is_of_groups(const MrExpr *expr); /* an aggregate, or grouping(x), stands in it */
bool mr__same_expr(const MrExpr *x,
                   const MrExpr *y); /* mr_expr_equal, up to the order of operands */
MR_MUST_USE MrStatus mr__grouping_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                                       MrExpr **out);
MR_MUST_USE MrStatus mr__groups_bind(Select *s);
MR_MUST_USE MrStatus mr__groups_make(Select *s, MrExpr **having, MrExpr **qualify);
/* Keys and expressions over aggregates, computed: the plan's columns are the keys, then the
 * expressions. */
MR_MUST_USE MrStatus mr__aggregate_over(Binder *b, MrPlan *input, MrExpr *const *keys,
                                        int32_t n_keys, MrExpr *const *exprs, int32_t n_exprs,
                                        MrPlan **out);

/* bind_select.c; input: what stands before a pipe, NULL: the select's own FROM */
MR_MUST_USE MrStatus mr__select_bind(Binder *b, const MrSqlSelect *ast, const MrSqlQuery *query,
                                     Rel *input, Scope *outer, Rel *out);
MR_MUST_USE MrStatus mr__condition(Binder *b, MrSqlPlace place, MrExpr *expr, MrExpr **out);
bool mr__is_ordinal(const MrSqlExpr *ast, int64_t *out); /* GROUP BY 1, ORDER BY -1 */
MR_MUST_USE MrStatus mr__order_ordinal(Binder *b, const MrSqlExpr *ast, int64_t n_items,
                                       int64_t *out);
MR_MUST_USE MrStatus mr__order_check(Binder *b, MrSqlPlace place, const MrExpr *expr,
                                     MrSortSpec spec);
bool mr__names_all(const Binder *b, const NamedItem *items, int64_t n_items, const Scope *scope);
MR_MUST_USE MrStatus mr__distinct(Binder *b, MrPlan *plan, MrPlan **out);
const char *mr__auto_name(const MrExpr *expr); /* of an item without AS */
MrExpr *mr__column_like(Select *s, const MrColumn *col, const MrExpr *expr); /* with expr's text */
bool mr__is_generated(const Select *s, int32_t id); /* a column of explode(..) or its like */

/* bind_relation.c */
void mr__rel_from_plan(Binder *b, MrPlan *plan, const char *const *qual, int32_t n_qual, Rel *out);
MrPlan *mr__rel_project(Binder *b, const Rel *rel);
const char *mr__names_list(Binder *b, const char *const *names, int32_t n);
MR_MUST_USE MrStatus mr__relation_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *out);
MR_MUST_USE MrStatus mr__relation_bind_over(Binder *b, const MrSqlRelation *ast, Scope *outer,
                                            Rel *input, Rel *out);

/* bind_join.c */
MR_MUST_USE MrStatus mr__join_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *input,
                                   Rel *out);

/* bind_pivot.c */
MR_MUST_USE MrStatus mr__pivot_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over,
                                    Rel *out);
MR_MUST_USE MrStatus mr__unpivot_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over,
                                      Rel *out);

/* bind_query.c */
MrSortSpec mr__sort_spec(const MrSqlSort *sort);
MR_MUST_USE MrStatus mr__query_bind(Binder *b, const MrSqlQuery *query, Scope *outer, Rel *out);
MR_MUST_USE MrStatus mr__cte_use(Binder *b, Cte *cte, const MrSqlRelation *ast, Rel *out);
MR_MUST_USE MrStatus mr__limit_value(Binder *b, const MrSqlExpr *ast, const char *name,
                                     int64_t *out);

/* bind_store.c; table NULL: no table to name in errors */
MR_MUST_USE MrStatus mr__store_cast(Binder *b, MrExpr *expr, const MrType *to, const char *table,
                                    const char *column, MrExpr **out);

#endif
