/* bind.h - syntax tree to logical plan: names, types, coercions, semantic errors, as Spark's
 * analyzer.
 *
 * What exists outside the text is asked for through MrBindCatalog.  Everything made lives in the
 * planner's arena; the arena's guard must stand around the calls (base/arena.h). */
#ifndef MR_SQL_BIND_H
#define MR_SQL_BIND_H

#include "plan/plan.h"
#include "sql/ast.h"
#include "sql/sql.h"

/* What a relation's name stands for. */
typedef enum MrBindRelationKind {
    MR_BIND_NOTHING, /* no such table or view                                  */
    MR_BIND_SOURCE,  /* a table: type, options, source, schema                 */
    MR_BIND_VIEW     /* a view: its text, bound again at each use              */
} MrBindRelationKind;

/* Where names without a qualifier are looked up. */
typedef struct MrBindPlace {
    const char *catalog; /* spark_catalog */
    int32_t n_parts;     /* of the namespace: 1, "default" */
    const char *const *parts;
    /* A view sees the temporary views that it read when it was made. */
    bool in_view;
    bool is_temp; /* a temporary function sees every one */
    int32_t n_temps;
    const char *const *temps;
    /* Names mean what they meant in that text; NULL: what they mean now.  For the catalog only. */
    struct MrMeaning *meaning;
} MrBindPlace;

typedef struct MrBindRelation {
    MrBindRelationKind kind;
    int32_t n_parts; /* full name: spark_catalog, default, t; a temporary view: t; global_temp, t */
    const char *const *parts;
    const char *name; /* of a source, in EXPLAIN and for checkpoints; NULL: the full name */
    /* SOURCE */
    const MrConnectorType *type;
    MrOptions options;
    MrSource *source;       /* open, owned by the query                                   */
    const MrSchema *schema; /* as declared (char(n), NOT NULL ...); NULL: source->schema  */
    bool streaming;         /* read as a stream: STREAM t, or because the catalog wants it */
    /* VIEW */
    MrText text;                     /* of the query */
    const MrSqlOptions *options_sql; /* to parse it with; NULL: as the query                */
    const MrSettings *settings;      /* captured with it; NULL: the session's               */
    MrBindPlace place;
    int32_t n_columns;      /* columns of the view: names, and types when types is set    */
    const MrField *columns; /* NULL: as the query gives them                              */
    const char *const
        *query_columns; /* names of the query's output when the view was made; NULL: by place */
    bool is_temp;
    bool schema_binding; /* types must still be right: cast is refused (BINDING)       */
    bool is_frame;       /* made of what was there before: it cannot be part of itself */
    /* A join whose sides are still named: the first n_left columns are of the one; NULL: none. */
    int32_t n_left;
    const char *left, *right;
} MrBindRelation;

/* A SQL function of the user. */
typedef struct MrBindFunction {
    bool found;
    bool is_table;
    const char *const *parts; /* full name */
    int32_t n_parts;
    int32_t n_params;
    const MrField *params;
    const char *const *defaults; /* SQL text of each; NULL: none */
    const MrType *returns; /* a table function: struct of its columns; NULL: as the body gives */
    MrText text;           /* of the body: an expression or a query */
    bool body_is_query;
    const MrSettings *settings;
    MrBindPlace place;
} MrBindFunction;

typedef struct MrBindVariable {
    bool found;
    const char *name;      /* last part */
    const MrVector *value; /* constant; borrowed for the query */
} MrBindVariable;

typedef struct MrBindCatalog {
    void *self;
    /* Table or view by name; streaming: STREAM t.  Options: WITH (..) of the reference. */
    MrStatus (*find_relation)(void *self, const MrBindPlace *place, const char *const *parts,
                              int32_t n_parts, const MrOptions *options, bool streaming,
                              MrArena *arena, MrBindRelation *out, MrError *err);
    /* Opens csv.`path` and the like. */
    MrStatus (*open_source)(void *self, const MrConnectorType *type, const MrOptions *options,
                            const MrSchema *schema, bool streaming, MrSource **out, MrError *err);
    /* NULL: there are none. */
    MrStatus (*find_function)(void *self, const MrBindPlace *place, const char *const *parts,
                              int32_t n_parts, MrArena *arena, MrBindFunction *out, MrError *err);
    MrStatus (*find_variable)(void *self, const MrBindPlace *place, const char *const *parts,
                              int32_t n_parts, MrArena *arena, MrBindVariable *out, MrError *err);
} MrBindCatalog;

/* A value of :name or ?. */
typedef struct MrBindParam {
    const char *name; /* NULL: positional */
    const MrVector *value;
} MrBindParam;

typedef struct MrBindOptions {
    MrPlanner *planner;
    const MrBindCatalog *catalog;
    MrText text;                     /* what was parsed: places are in it; for hints in errors */
    const MrSqlOptions *sql_options; /* how views are parsed; NULL: the default */
    MrBindPlace place;
    int32_t n_params;
    const MrBindParam *params;
    /* The query becomes the text of this view, which it may not read; 0: of none. */
    int32_t n_view_parts;
    const char *const *view_parts;
} MrBindOptions;

typedef struct MrBoundQuery {
    MrPlan *plan; /* output names and types: plan->cols */
    bool ordered; /* the order of rows is part of the answer: see golden */
    /* INSERT OVERWRITE ... PARTITION (p = 1): true for the partitions that go; column.idx is a
     * place in the target's columns.  NULL: all go. */
    MrExpr *replaced;
} MrBoundQuery;

MR_MUST_USE MrStatus mr_bind_query(const MrBindOptions *options, const MrSqlQuery *query,
                                   MrBoundQuery *out, MrError *err);

/* The value of an expression without columns (DEFAULT, SET VAR, LIMIT ...); to: cast by the rules
 * of storing; NULL: none. */
MR_MUST_USE MrStatus mr_bind_value(const MrBindOptions *options, const MrSqlExpr *expr,
                                   const MrType *to, const MrVector **out, MrError *err);

/* Name text of IDENTIFIER(expr) and of plain names: out is plain. */
MR_MUST_USE MrStatus mr_bind_name(const MrBindOptions *options, const MrSqlName *name,
                                  MrSqlName *out, MrError *err);

/* The query of INSERT INTO / OVERWRITE: its columns put in the table's order, defaults filled in,
 * cast by Spark's store assignment (ANSI).  Partition values of PARTITION (p = 1) become columns.
 */
typedef struct MrBindTarget {
    const char *table; /* `spark_catalog`.`default`.`t`, for errors */
    int32_t n_columns;
    const MrField *columns;
    const char *const
        *defaults; /* SQL text by column; NULL: no defaults at all; an entry NULL: NULL */
    int32_t n_partition_columns; /* the last ones */
} MrBindTarget;
MR_MUST_USE MrStatus mr_bind_insert(const MrBindOptions *options, const MrSqlInsert *insert,
                                    const MrBindTarget *target, MrBoundQuery *out, MrError *err);
/* Casts a plan's columns to a table's, by place or by name. */
MR_MUST_USE MrStatus mr_bind_store(const MrBindOptions *options, MrPlan *plan,
                                   const MrBindTarget *target, bool by_name, MrPlan **out,
                                   MrError *err);

#endif
