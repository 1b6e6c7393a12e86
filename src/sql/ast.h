/* ast.h - the syntax tree of Spark SQL 4.2 and of Millrace's pipeline statements.
 *
 * All nodes live in one arena and are written by the parser only.  Every node has its place in the
 * text, as Spark's contexts want it: an operator's place runs from its first operand's first token
 * (brackets included) to its last one's last; the place of an expression in brackets is without
 * them. A text is NUL-terminated.  A missing child is NULL, a missing list has n = 0.
 *
 * Long chains do not make deep trees where that matters: AND, OR and equal set operations are
 * n-ary. What is left is at most MR_SQL_MAX_DEPTH levels of nesting, and chains of operators that
 * lean to the left of at most MR_SQL_MAX_HEIGHT. */
#ifndef MR_SQL_AST_H
#define MR_SQL_AST_H

#include "column/type.h"

#define MR_SQL_MAX_BYTES (16 << 20)
#define MR_SQL_MAX_DEPTH 500
#define MR_SQL_MAX_HEIGHT 4000

typedef struct MrSqlExpr MrSqlExpr;
typedef struct MrSqlQuery MrSqlQuery;
typedef struct MrSqlRelation MrSqlRelation;
typedef struct MrSqlStatement MrSqlStatement;

/* First byte and number of bytes in the statement's text.  mr_error_at takes them. */
typedef struct MrSqlPlace {
    int32_t idx, len;
} MrSqlPlace;

/* a.b.c; IDENTIFIER('a.b') is already taken apart.  IDENTIFIER(of anything else): n_parts is 0 and
 * identifier is the expression, to be folded by the binder into a name text. */
typedef struct MrSqlName {
    MrSqlPlace place;
    int32_t n_parts;
    const char **parts;
    const MrSqlExpr *identifier;
} MrSqlName;

/* ---------------------------------------------------------------- expressions */

typedef enum MrSqlExprKind {
    MR_SQL_LITERAL,   /* lit                                                                     */
    MR_SQL_INTERVAL,  /* interval                                                                */
    MR_SQL_PARAM,     /* param: :name or ?                                                       */
    MR_SQL_NAME,      /* name: a column, field, variable, or (one part) current_date and the like
                         without brackets, which Spark tries when no column is found; DEFAULT in
                         VALUES, UPDATE SET, MERGE and SET VAR                                   */
    MR_SQL_STAR,      /* star                                                                    */
    MR_SQL_CALL,      /* call                                                                    */
    MR_SQL_UNARY,     /* unary: - + ~ NOT                                                        */
    MR_SQL_BINARY,    /* binary                                                                  */
    MR_SQL_LOGIC,     /* logic: AND, OR of 2 .. n operands                                       */
    MR_SQL_BETWEEN,   /* between                                                                 */
    MR_SQL_IN_LIST,   /* in                                                                      */
    MR_SQL_IN_QUERY,  /* in                                                                      */
    MR_SQL_LIKE,      /* like: LIKE, ILIKE, RLIKE; also ANY/ALL of a list                        */
    MR_SQL_IS,        /* is: [NOT] NULL, TRUE, FALSE, UNKNOWN; IS DISTINCT FROM is BINARY        */
    MR_SQL_EXISTS,    /* query                                                                   */
    MR_SQL_SUBQUERY,  /* query: scalar                                                           */
    MR_SQL_CASE,      /* cases                                                                   */
    MR_SQL_CAST,      /* cast: CAST, TRY_CAST, ::                                                */
    MR_SQL_FIELD,     /* field: base.name where base is no plain name                            */
    MR_SQL_SUBSCRIPT, /* subscript: base[index]                                                  */
    MR_SQL_VARIANT_PATH, /* path: base:a.b[0] */
    MR_SQL_COLLATE,  /* collate                                                                 */
    MR_SQL_LAMBDA,   /* lambda                                                                  */
    MR_SQL_ROW,      /* row: (a, b AS x): a struct                                              */
    MR_SQL_ALIAS,    /* alias: in select lists, struct(..), rows, PIVOT                         */
    MR_SQL_TABLE_ARG /* table_arg: TABLE(t) or TABLE(query) as an argument of a table function  */
} MrSqlExprKind;

typedef enum MrSqlLiteralKind {
    MR_SQL_LIT_NULL,
    MR_SQL_LIT_BOOLEAN, /* i64                                                          */
    MR_SQL_LIT_INTEGER, /* type tinyint .. bigint; i64                                  */
    MR_SQL_LIT_DECIMAL, /* type decimal(p,s); dec: unscaled                             */
    MR_SQL_LIT_FLOAT,   /* type float or double; f64                                    */
    MR_SQL_LIT_STRING,  /* str, escapes resolved, adjacent literals joined              */
    MR_SQL_LIT_BINARY,  /* X'..': str                                                   */
    MR_SQL_LIT_TYPED    /* DATE'..' TIME'..' TIMESTAMP'..' TIMESTAMP_NTZ'..': type says
                           which, str is the text; TIMESTAMP_LTZ has type timestamp.  A plain
                           TIMESTAMP has is_plain_timestamp set: its type depends on
                           spark.sql.timestampType                                      */
} MrSqlLiteralKind;

/* Units of intervals, extract and datediff, in Spark's spelling for messages. */
#define MR_SQL_UNITS(X)                                                                            \
    X(NANOSECOND)                                                                                  \
    X(MICROSECOND)                                                                                 \
    X(MILLISECOND)                                                                                 \
    X(SECOND) X(MINUTE) X(HOUR) X(DAY) X(DAYOFYEAR) X(WEEK) X(MONTH) X(QUARTER) X(YEAR)
typedef enum MrSqlUnit {
#define X(unit) MR_SQL_UNIT_##unit,
    MR_SQL_UNITS(X)
#undef X
        MR_SQL_N_UNITS
} MrSqlUnit;

/* INTERVAL 3 DAYS -2 HOURS: n_units values with their units.  INTERVAL '1-2' YEAR TO MONTH: one
 * value, unit YEAR, to MONTH.  INTERVAL '3 days 2 hours' (text form): n_units 0 and text. */
typedef struct MrSqlInterval {
    int32_t n_units;
    const char **values; /* as written, with sign: "3", "-2.5", of strings what is in the quotes */
    const bool *negated; /* a sign stood before the value, besides any inside the quotes         */
    const MrSqlUnit *units;
    bool is_range;  /* unit TO unit: to                                                     */
    bool is_single; /* one unit and no TO, value in quotes: '3' DAY                         */
    MrSqlUnit to;
    const char *text;
} MrSqlInterval;

/* Precedence as in Spark, low to high: OR, AND, NOT, predicates and comparisons, |, ^, &, shifts,
 * + - ||, * / % DIV, unary. */
/* clang-format never settles on this list. */
/* clang-format off */
#define MR_SQL_BINARY_OPS(X)                                                                       \
    X(ADD, "+") X(SUBTRACT, "-") X(MULTIPLY, "*") X(DIVIDE, "/") X(REMAINDER, "%") X(DIV, "div")     \
    X(CONCAT, "||") X(BIT_AND, "&") X(BIT_OR, "|") X(BIT_XOR, "^") X(SHIFT_LEFT, "<<")               \
    X(SHIFT_RIGHT, ">>") X(SHIFT_RIGHT_UNSIGNED, ">>>") X(EQUAL, "=") X(NOT_EQUAL, "<>")             \
    X(LESS, "<") X(LESS_EQUAL, "<=") X(GREATER, ">") X(GREATER_EQUAL, ">=")                          \
    X(EQUAL_NULL_SAFE, "<=>") X(DISTINCT_FROM, "IS DISTINCT FROM")                                   \
    X(NOT_DISTINCT_FROM, "IS NOT DISTINCT FROM")
/* clang-format on */
typedef enum MrSqlBinaryOp {
#define X(op, text) MR_SQL_OP_##op,
    MR_SQL_BINARY_OPS(X)
#undef X
        MR_SQL_N_BINARY_OPS
} MrSqlBinaryOp;

typedef enum MrSqlUnaryOp { MR_SQL_MINUS, MR_SQL_PLUS, MR_SQL_TILDE, MR_SQL_NOT } MrSqlUnaryOp;
typedef enum MrSqlIs { MR_SQL_IS_NULL, MR_SQL_IS_TRUE, MR_SQL_IS_FALSE, MR_SQL_IS_UNKNOWN } MrSqlIs;
typedef enum MrSqlLikeOp { MR_SQL_OP_LIKE, MR_SQL_OP_ILIKE, MR_SQL_OP_RLIKE } MrSqlLikeOp;
typedef enum MrSqlQuantifier {
    MR_SQL_ONE,
    MR_SQL_ANY,
    MR_SQL_ALL
} MrSqlQuantifier; /* SOME = ANY */
typedef enum MrSqlNulls { MR_SQL_NULLS_UNSAID, MR_SQL_NULLS_FIRST, MR_SQL_NULLS_LAST } MrSqlNulls;
typedef enum MrSqlNullRule {
    MR_SQL_NULLS_DEFAULT,
    MR_SQL_IGNORE_NULLS,
    MR_SQL_RESPECT_NULLS
} MrSqlNullRule;

typedef struct MrSqlSort {
    MrSqlPlace place;
    MrSqlExpr *expr;
    bool descending;
    MrSqlNulls nulls;
} MrSqlSort;

typedef enum MrSqlBoundKind {
    MR_SQL_UNBOUNDED_PRECEDING,
    MR_SQL_PRECEDING, /* expr */
    MR_SQL_CURRENT_ROW,
    MR_SQL_FOLLOWING, /* expr */
    MR_SQL_UNBOUNDED_FOLLOWING
} MrSqlBoundKind;

typedef struct MrSqlBound {
    MrSqlPlace place;
    MrSqlBoundKind kind;
    MrSqlExpr *expr;
} MrSqlBound;

/* OVER name, OVER (...), or one of WINDOW name AS (...). */
typedef struct MrSqlWindow {
    MrSqlPlace place;
    const char *name; /* in WINDOW: the name defined                              */
    const char *ref;  /* the window referred to: OVER w, (w), WINDOW a AS b; NULL */
    int32_t n_partition, n_order;
    MrSqlExpr **partition;
    MrSqlSort *order;
    bool has_frame;
    bool is_range;         /* RANGE rather than ROWS                                      */
    MrSqlBound start, end; /* without BETWEEN the end is CURRENT_ROW              */
    MrSqlPlace frame_place;
} MrSqlWindow;

/* The forms with their own syntax become calls, as in Spark:
 *   EXTRACT(f FROM s)              extract('f', s)          TRIM(BOTH x FROM s)  trim(x, s); ltrim,
 * rtrim SUBSTRING(s FROM a FOR n)      substring(s, a, n)       POSITION(a IN s)     locate(a, s)
 *   OVERLAY(s PLACING r FROM a)    overlay(s, r, a [, n])   CEIL(x TO n)         ceil(x, n)
 *   TIMESTAMPADD(unit, n, t)       timestampadd('unit', n, t); also DATEADD, DATE_ADD,
 * TIMESTAMPDIFF, DATEDIFF, DATE_DIFF, TIMEDIFF with a unit s AT TIME ZONE z               is not
 * Spark's and fails FIRST(x IGNORE NULLS)          nulls is set STRUCT(a, b AS x) arguments may be
 * ALIAS CURRENT_DATE without brackets  a NAME (see there), but with ANSI keywords on a call
 * without_brackets */
typedef struct MrSqlCall {
    MrSqlName name;
    int32_t n_args;
    MrSqlExpr **args;       /* count(*): one STAR without qualifier    */
    const char **arg_names; /* NULL, or one a argument, each NULL or the name of name => value */
    bool distinct;
    bool without_brackets;
    bool is_syntax; /* made from special syntax, see above     */
    MrSqlNullRule nulls;
    MrSqlExpr *filter;
    int32_t n_within; /* WITHIN GROUP (ORDER BY ...)             */
    MrSqlSort *within;
    MrSqlWindow *over; /* NULL: no OVER                           */
} MrSqlCall;

typedef struct MrSqlWhen {
    MrSqlExpr *when, *then;
} MrSqlWhen;

struct MrSqlExpr {
    MrSqlExprKind kind;
    MrSqlPlace place;
    int32_t height; /* 1 for a leaf; at most MR_SQL_MAX_HEIGHT */
    bool in_brackets;
    union {
        struct {
            MrSqlLiteralKind kind;
            bool is_plain_timestamp;
            const MrType *type; /* of NULL: void; of strings: string */
            MrText str;
            union {
                int64_t i64;
                double f64;
                MrI128 dec;
            };
        } lit;
        MrSqlInterval interval;
        struct {
            const char *name; /* NULL: ? */
            int32_t idx;      /* of ?: its number in the statement, from 0 */
        } param;
        MrSqlName name;
        struct {
            MrSqlName qualifier; /* n_parts 0: none */
            bool has_except;
            int32_t n_except;
            MrSqlName *except;
        } star;
        MrSqlCall call;
        struct {
            MrSqlUnaryOp op;
            MrSqlExpr *operand;
        } unary;
        struct {
            MrSqlBinaryOp op;
            MrSqlExpr *left, *right;
        } binary;
        struct {
            bool is_or;
            int32_t n_args;
            MrSqlExpr **args;
        } logic;
        struct {
            bool negated;
            MrSqlExpr *value, *low, *high;
        } between;
        struct { /* value is a ROW for (a, b) IN ... */
            bool negated;
            MrSqlExpr *value;
            int32_t n_items;
            MrSqlExpr **items;
            MrSqlQuery *query;
        } in;
        struct {
            MrSqlLikeOp op;
            bool negated;
            MrSqlQuantifier quantifier;
            MrSqlExpr *value;
            MrSqlExpr *escape;  /* a string literal, or NULL */
            int32_t n_patterns; /* 1, or the list of ANY, ALL */
            MrSqlExpr **patterns;
        } like;
        struct {
            MrSqlIs test;
            bool negated;
            MrSqlExpr *value;
        } is;
        MrSqlQuery *query;
        struct {
            MrSqlExpr *value; /* NULL: CASE WHEN condition */
            int32_t n_whens;
            MrSqlWhen *whens;
            MrSqlExpr *otherwise; /* NULL: no ELSE */
        } cases;
        struct {
            MrSqlExpr *value;
            const MrType *type;
            bool is_try, is_colons;
            bool is_plain_timestamp; /* the type's text was TIMESTAMP: see literals */
        } cast;
        struct {
            MrSqlExpr *base;
            const char *name;
        } field;
        struct {
            MrSqlExpr *base, *index;
        } subscript;
        struct {
            MrSqlExpr *base;
            const char *path; /* as variant_get wants it: $.a.b[0]['c d'] */
        } path;
        struct {
            MrSqlExpr *value;
            MrSqlName collation;
        } collate;
        struct {
            int32_t n_params;
            const char **params;
            MrSqlExpr *body;
        } lambda;
        struct {
            int32_t n_items;
            MrSqlExpr **items;
        } row;
        struct {
            MrSqlExpr *value;
            int32_t n_names; /* 1, or more for x AS (a, b) */
            const char **names;
            bool is_list; /* the names stood in brackets */
        } alias;
        struct {
            MrSqlRelation *table; /* a TABLE or SUBQUERY */
            int32_t n_partition, n_order;
            MrSqlExpr **partition;
            MrSqlSort *order;
            bool single_partition;
        } table_arg;
    };
};

/* ---------------------------------------------------------------- relations */

typedef enum MrSqlRelationKind {
    MR_SQL_REL_TABLE,        /* table: a name; csv.`/path` is just two parts            */
    MR_SQL_REL_QUERY,        /* query: (SELECT ...)                                     */
    MR_SQL_REL_VALUES,       /* values                                                  */
    MR_SQL_REL_FUNCTION,     /* call: range(10)                                         */
    MR_SQL_REL_JOIN,         /* join                                                    */
    MR_SQL_REL_LATERAL_VIEW, /* view: input LATERAL VIEW [OUTER] explode(x) t AS c      */
    MR_SQL_REL_PIVOT,        /* pivot                                                   */
    MR_SQL_REL_UNPIVOT,      /* unpivot                                                 */
    MR_SQL_REL_BRACKETS      /* input: (a JOIN b) when it has its own alias or sample   */
} MrSqlRelationKind;

typedef enum MrSqlJoinType {
    MR_SQL_JOIN_INNER,
    MR_SQL_JOIN_CROSS, /* CROSS JOIN; a comma is CROSS with is_comma */
    MR_SQL_JOIN_LEFT,
    MR_SQL_JOIN_RIGHT,
    MR_SQL_JOIN_FULL,
    MR_SQL_JOIN_SEMI,
    MR_SQL_JOIN_ANTI
} MrSqlJoinType;

typedef enum MrSqlSampleKind {
    MR_SQL_SAMPLE_NONE,
    MR_SQL_SAMPLE_PERCENT, /* percent as given, may be negative */
    MR_SQL_SAMPLE_ROWS,    /* rows: an expression               */
    MR_SQL_SAMPLE_BUCKET,  /* BUCKET x OUT OF y                 */
    MR_SQL_SAMPLE_BYTES    /* rejected by the binder            */
} MrSqlSampleKind;

typedef struct MrSqlProperty {
    MrSqlPlace place;
    const char *key;
    const char *value; /* NULL: no value written */
} MrSqlProperty;

typedef struct MrSqlProperties {
    MrSqlPlace place;
    int32_t n;
    MrSqlProperty *items;
} MrSqlProperties;

/* One name = constant of PARTITION (...); value NULL: dynamic. */
typedef struct MrSqlPartitionValue {
    MrSqlPlace place;
    const char *name;
    MrSqlExpr *value;
} MrSqlPartitionValue;

typedef struct MrSqlPartition {
    MrSqlPlace place;
    int32_t n;
    MrSqlPartitionValue *items;
} MrSqlPartition;

struct MrSqlRelation {
    MrSqlRelationKind kind;
    MrSqlPlace place;
    int32_t height;
    const char *alias; /* NULL: none */
    int32_t n_columns; /* aliases of columns */
    const char **columns;
    bool lateral; /* QUERY, FUNCTION */
    struct {
        MrSqlSampleKind kind;
        MrSqlPlace place;
        double percent;
        MrSqlExpr *rows;
        int64_t bucket, n_buckets;
        bool has_seed;
        int64_t seed;
    } sample;
    struct { /* WATERMARK expr [AS name] DELAY OF interval */
        MrSqlPlace place;
        MrSqlExpr *expr; /* NULL: none; an ALIAS or plain expression */
        MrSqlExpr *delay;
    } watermark;
    union {
        struct {
            MrSqlName name;
            bool is_stream;          /* STREAM t, STREAM(t)         */
            MrSqlExpr *version;      /* VERSION AS OF               */
            MrSqlExpr *timestamp;    /* TIMESTAMP AS OF             */
            MrSqlProperties options; /* WITH (k = v)                */
            MrSqlName identified_by; /* STREAM t IDENTIFIED BY name */
        } table;
        MrSqlQuery *query;
        struct {
            int32_t n_rows;
            MrSqlExpr **rows; /* each a ROW, or one expression for a single column */
        } values;
        struct {
            MrSqlExpr *call; /* kind CALL */
            bool is_stream;
        } function;
        struct {
            MrSqlJoinType type;
            bool natural, is_comma;
            MrSqlRelation *left, *right;
            MrSqlExpr *on; /* NULL: none */
            int32_t n_using;
            const char **using_columns;
            bool is_nearest; /* [APPROX | EXACT] NEAREST [n] BY {SIMILARITY | DISTANCE} ranking */
            bool is_exact, is_distance;
            int64_t n_nearest;
            MrSqlExpr *ranking;
        } join;
        struct {
            MrSqlRelation *input; /* NULL in FROM-less SELECT */
            bool outer;
            MrSqlExpr *call;
            const char *table;
            int32_t n_columns;
            const char **columns;
        } view;
        struct {
            MrSqlRelation *input;
            int32_t n_aggregates;
            MrSqlExpr **aggregates; /* may be ALIAS */
            int32_t n_columns;
            MrSqlName *columns; /* FOR c IN or FOR (a, b) IN */
            int32_t n_values;
            MrSqlExpr **values; /* may be ALIAS (of ROW) */
        } pivot;
        struct {
            MrSqlRelation *input;
            bool include_nulls;
            const char *name_column;
            int32_t n_value_columns;
            const char **value_columns; /* one, or as many as each set has */
            bool is_multi;
            int32_t n_sets;
            struct MrSqlUnpivotSet {
                int32_t n_columns;
                MrSqlExpr **columns; /* NAMEs */
                const char *alias;
            } * sets;
        } unpivot;
        MrSqlRelation *input;
    };
};

/* ---------------------------------------------------------------- queries */

typedef struct MrSqlCte {
    MrSqlPlace place;
    const char *name;
    int32_t n_columns;
    const char **columns;
    bool has_max_level;
    int64_t max_level; /* MAX RECURSION LEVEL n */
    MrSqlQuery *query;
} MrSqlCte;

typedef struct MrSqlHint {
    MrSqlPlace place;
    const char *name;
    int32_t n_args;
    MrSqlExpr **args;
} MrSqlHint;

typedef enum MrSqlGroupKind {
    MR_SQL_GROUP_EXPR,
    MR_SQL_GROUP_ROLLUP, /* sets: its elements, each a list of 1 .. n expressions      */
    MR_SQL_GROUP_CUBE,
    MR_SQL_GROUP_SETS /* GROUPING SETS: elements are themselves groups, see nested  */
} MrSqlGroupKind;

typedef struct MrSqlGroup MrSqlGroup;
struct MrSqlGroup {
    MrSqlGroupKind kind;
    MrSqlPlace place;
    MrSqlExpr *expr; /* EXPR */
    int32_t n_sets;
    struct MrSqlGroupSet {
        int32_t n_exprs; /* 0: () */
        MrSqlExpr **exprs;
        MrSqlGroup *nested; /* in GROUPING SETS: a ROLLUP, CUBE or GROUPING SETS instead of exprs */
    } * sets;
};

typedef struct MrSqlSelect {
    MrSqlPlace place;
    bool distinct;
    int32_t n_hints;
    MrSqlHint *hints;
    int32_t n_items;
    MrSqlExpr **items;   /* expressions, ALIAS or STAR */
    MrSqlRelation *from; /* with its LATERAL VIEWs and PIVOT; NULL: one row */
    MrSqlExpr *where;
    bool has_group, group_all;
    int32_t n_groups;
    MrSqlGroup *groups;
    int32_t n_group_exprs;   /* GROUP BY a, b GROUPING SETS (..) (old form): a, b; the one group  */
    MrSqlExpr **group_exprs; /* in groups is the SETS.  WITH ROLLUP and WITH CUBE need no such    */
    MrSqlPlace group_place;
    MrSqlExpr *having;
    MrSqlExpr *qualify;
    int32_t n_windows;
    MrSqlWindow *windows;
} MrSqlSelect;

typedef enum MrSqlBodyKind {
    MR_SQL_BODY_SELECT,   /* select                                                           */
    MR_SQL_BODY_RELATION, /* relation: VALUES ..., TABLE t, FROM t (without SELECT, only pipes) */
    MR_SQL_BODY_QUERY,    /* query in brackets                                                */
    MR_SQL_BODY_SET       /* set operation                                                    */
} MrSqlBodyKind;

typedef enum MrSqlSetOp {
    MR_SQL_UNION,
    MR_SQL_EXCEPT,
    MR_SQL_INTERSECT
} MrSqlSetOp; /* MINUS = EXCEPT */

typedef struct MrSqlBody MrSqlBody;
struct MrSqlBody {
    MrSqlBodyKind kind;
    MrSqlPlace place;
    int32_t height;
    union {
        MrSqlSelect *select;
        MrSqlRelation *relation;
        MrSqlQuery *query;
        struct {
            MrSqlSetOp op;
            bool all, by_name;
            int32_t n_inputs; /* 2; more for UNIONs of one kind, which associate to the left */
            MrSqlBody **inputs;
        } set;
    };
};

/* What follows |>.  Each step reads what stands before it. */
typedef enum MrSqlPipeKind {
    MR_SQL_PIPE_SELECT,   /* select with items and windows, from NULL   */
    MR_SQL_PIPE_EXTEND,   /* exprs                                      */
    MR_SQL_PIPE_SET,      /* names, exprs                               */
    MR_SQL_PIPE_DROP,     /* names                                      */
    MR_SQL_PIPE_AS,       /* name                                       */
    MR_SQL_PIPE_WHERE,    /* expr                                       */
    MR_SQL_PIPE_RELATION, /* relation: a JOIN, PIVOT, UNPIVOT, sample (BRACKETS) or LATERAL VIEW
                             whose innermost left input is NULL         */
    MR_SQL_PIPE_SET_OP,   /* set: op, all, by_name and the right side   */
    MR_SQL_PIPE_ORDER,    /* query: its order, sort, limit ... only     */
    MR_SQL_PIPE_AGGREGATE /* select: items and groups                   */
} MrSqlPipeKind;

typedef struct MrSqlPipe MrSqlPipe;
struct MrSqlPipe {
    MrSqlPipeKind kind;
    MrSqlPlace place;
    MrSqlSelect *select;
    int32_t n_exprs;
    MrSqlExpr **exprs;
    int32_t n_names;
    MrSqlName *names;
    const char *name;
    MrSqlExpr *expr;
    MrSqlRelation *relation;
    struct {
        MrSqlSetOp op;
        bool all, by_name;
        MrSqlBody *right;
    } set;
    MrSqlQuery *query;
};

struct MrSqlQuery {
    MrSqlPlace place;
    bool recursive;
    int32_t n_ctes;
    MrSqlCte *ctes;
    MrSqlBody *body;
    int32_t n_order, n_sort, n_cluster, n_distribute;
    bool order_by_all; /* ORDER BY ALL is parsed as a NAME; set when it is the only item */
    MrSqlSort *order, *sort;
    MrSqlExpr **cluster, **distribute;
    int32_t n_windows;
    MrSqlWindow *windows;
    bool limit_all;
    MrSqlExpr *limit, *offset;
    int32_t n_pipes;
    MrSqlPipe *pipes;
};

/* ---------------------------------------------------------------- statements */

typedef struct MrSqlColumn {
    MrSqlPlace place;
    const char *name;
    MrSqlName path;     /* ALTER TABLE ADD COLUMN a.b INT: all parts; else one */
    const MrType *type; /* NULL: a view's column list */
    bool is_plain_timestamp;
    bool not_null;
    const char *comment;
    MrSqlExpr *default_value;
    MrSqlPlace default_place;
    MrSqlExpr *generated; /* GENERATED ALWAYS AS (expr) */
    bool is_identity;
    bool position_first; /* ALTER TABLE */
    const char *position_after;
} MrSqlColumn;

/* PARTITIONED BY a, years(b), bucket(4, c); or with types (Hive's form) as columns. */
typedef struct MrSqlTransform {
    MrSqlPlace place;
    const char *name; /* "identity", "years", "bucket" ... */
    int32_t n_args;
    MrSqlExpr **args;    /* NAMEs and literals */
    MrSqlColumn *column; /* PARTITIONED BY (a INT) */
} MrSqlTransform;

typedef enum MrSqlTableKind {
    MR_SQL_TABLE_PLAIN,
    MR_SQL_TABLE_STREAMING,        /* CREATE STREAMING TABLE   */
    MR_SQL_TABLE_MATERIALIZED_VIEW /* CREATE MATERIALIZED VIEW */
} MrSqlTableKind;

typedef struct MrSqlCreateTable {
    MrSqlTableKind table_kind;
    bool or_replace, if_not_exists, temporary, external;
    bool is_replace; /* REPLACE TABLE, without CREATE */
    bool or_refresh; /* CREATE OR REFRESH STREAMING TABLE */
    MrSqlName name;
    int32_t n_columns;
    MrSqlColumn *columns;
    const char *provider; /* USING; NULL: none */
    MrSqlProperties options, properties;
    int32_t n_partitions;
    MrSqlTransform *partitions;
    int32_t n_cluster; /* CLUSTER BY (a, b) */
    MrSqlName *cluster;
    int32_t n_bucket_columns; /* CLUSTERED BY (a) [SORTED BY (b)] INTO n BUCKETS */
    const char **bucket_columns;
    int32_t n_bucket_sort;
    MrSqlSort *bucket_sort;
    int64_t n_buckets;
    const char *location, *comment, *collation;
    bool has_hive_clause; /* ROW FORMAT, STORED AS ..: a Hive table */
    const char *stored_as;
    bool has_constraints; /* PRIMARY KEY, CHECK .. were written: read over */
    MrSqlName like;       /* CREATE TABLE a LIKE b: n_parts > 0 */
    MrSqlQuery *query;    /* AS */
} MrSqlCreateTable;

typedef struct MrSqlCreateView {
    bool or_replace, if_not_exists, temporary, global;
    MrSqlName name;
    int32_t n_columns;
    MrSqlColumn *columns; /* names and comments; with USING names and types */
    const char *comment, *collation;
    MrSqlProperties properties;
    const char *schema_binding; /* "BINDING" "COMPENSATION" "EVOLUTION" "TYPE EVOLUTION" or NULL */
    const char *provider;       /* CREATE TEMPORARY VIEW v USING csv OPTIONS (...) */
    MrSqlProperties options;
    MrSqlQuery *query;
    bool is_alter; /* ALTER VIEW v AS query */
} MrSqlCreateView;

typedef struct MrSqlRoutineParam {
    MrSqlPlace place;
    const char *name;
    const MrType *type;
    MrSqlExpr *default_value;
    const char *comment;
    bool not_null;
} MrSqlRoutineParam;

typedef struct MrSqlCreateFunction {
    bool or_replace, if_not_exists, temporary;
    MrSqlName name;
    bool has_class; /* AS 'class' [USING JAR ..]: not for us */
    const char *class_name;
    int32_t n_params;
    MrSqlRoutineParam *params;
    bool returns_table;
    const MrType *returns; /* NULL: inferred */
    int32_t n_columns;     /* RETURNS TABLE (a INT, ...) */
    MrSqlColumn *columns;
    MrSqlExpr *body;   /* RETURN expr */
    MrSqlQuery *query; /* RETURN query */
    MrSqlPlace body_place;
    const char *language, *comment, *collation; /* NULL: not said */
    int8_t deterministic; /* 1 DETERMINISTIC, -1 NOT DETERMINISTIC, 0 not said */
    int8_t reads_sql;     /* 1 READS SQL DATA, -1 CONTAINS SQL, 0 not said     */
} MrSqlCreateFunction;

typedef struct MrSqlInsert {
    bool overwrite;
    bool by_name;
    bool if_not_exists; /* PARTITION (..) IF NOT EXISTS */
    bool is_directory;  /* INSERT OVERWRITE [LOCAL] DIRECTORY */
    bool is_local;
    MrSqlName name;
    MrSqlPartition partition;
    int32_t n_columns; /* INSERT INTO t (a, b) */
    const char **columns;
    MrSqlExpr *replace_where;
    int32_t n_replace_using;
    const char **replace_using;
    MrSqlProperties options; /* t WITH (..), or those of a directory */
    const char *path, *provider;
    MrSqlQuery *query; /* carries the WITH written before INSERT */
} MrSqlInsert;

typedef struct MrSqlAssignment {
    MrSqlPlace place;
    MrSqlName name;
    MrSqlExpr *value;
} MrSqlAssignment;

typedef enum MrSqlMergeMatch {
    MR_SQL_MATCHED,
    MR_SQL_NOT_MATCHED, /* BY TARGET */
    MR_SQL_NOT_MATCHED_BY_SOURCE
} MrSqlMergeMatch;
typedef enum MrSqlMergeAction {
    MR_SQL_MERGE_DELETE,
    MR_SQL_MERGE_UPDATE,
    MR_SQL_MERGE_INSERT
} MrSqlMergeAction;

typedef struct MrSqlMergeClause {
    MrSqlPlace place;
    MrSqlMergeMatch match;
    MrSqlExpr *condition;
    MrSqlMergeAction action;
    bool star; /* UPDATE SET *, INSERT * */
    int32_t n_assignments;
    MrSqlAssignment *assignments; /* of INSERT: column and value */
} MrSqlMergeClause;

typedef struct MrSqlChange { /* DELETE, UPDATE, MERGE */
    MrSqlRelation *target;   /* a TABLE, maybe with alias */
    int32_t n_ctes;
    MrSqlCte *ctes;
    MrSqlRelation *source; /* MERGE */
    bool with_schema_evolution;
    MrSqlExpr *condition;  /* WHERE, ON */
    int32_t n_assignments; /* UPDATE */
    MrSqlAssignment *assignments;
    int32_t n_clauses; /* MERGE */
    MrSqlMergeClause *clauses;
} MrSqlChange;

typedef enum MrSqlObject {
    MR_SQL_OBJECT_TABLE,
    MR_SQL_OBJECT_VIEW,
    MR_SQL_OBJECT_NAMESPACE, /* DATABASE, SCHEMA, NAMESPACE */
    MR_SQL_OBJECT_FUNCTION,
    MR_SQL_OBJECT_VARIABLE,
    MR_SQL_OBJECT_MATERIALIZED_VIEW,
    MR_SQL_OBJECT_STREAMING_TABLE
} MrSqlObject;

typedef struct MrSqlDrop {
    MrSqlObject object;
    bool if_exists, temporary, purge, cascade;
    int32_t n_names; /* 1; DROP TEMPORARY VARIABLE a, b: more */
    MrSqlName *names;
} MrSqlDrop;

typedef enum MrSqlShowKind {
    MR_SQL_SHOW_TABLES,         /* in, pattern                                        */
    MR_SQL_SHOW_TABLE_EXTENDED, /* in, pattern, partition                          */
    MR_SQL_SHOW_VIEWS,
    MR_SQL_SHOW_NAMESPACES,
    MR_SQL_SHOW_COLUMNS,      /* name, in                                           */
    MR_SQL_SHOW_PARTITIONS,   /* name, partition                                    */
    MR_SQL_SHOW_FUNCTIONS,    /* scope: USER, SYSTEM, ALL or NULL; in; pattern or name */
    MR_SQL_SHOW_PROPERTIES,   /* name, key                                          */
    MR_SQL_SHOW_CREATE_TABLE, /* name, as_serde                                    */
    MR_SQL_SHOW_CURRENT_NAMESPACE,
    MR_SQL_SHOW_CATALOGS,
    MR_SQL_SHOW_PROCEDURES,
} MrSqlShowKind;

typedef struct MrSqlShow {
    MrSqlShowKind what;
    MrSqlName name, in;
    const char *pattern, *scope, *key;
    MrSqlPartition partition;
    bool as_serde, as_json;
} MrSqlShow;

typedef enum MrSqlDescribeKind {
    MR_SQL_DESCRIBE_TABLE, /* name, partition, column */
    MR_SQL_DESCRIBE_FUNCTION,
    MR_SQL_DESCRIBE_NAMESPACE,
    MR_SQL_DESCRIBE_QUERY,
    MR_SQL_DESCRIBE_PROCEDURE
} MrSqlDescribeKind;

typedef struct MrSqlDescribe {
    MrSqlDescribeKind what;
    bool extended, formatted, as_json;
    MrSqlName name, column;
    MrSqlPartition partition;
    MrSqlQuery *query;
} MrSqlDescribe;

typedef enum MrSqlSetKind {
    MR_SQL_SET_ALL,       /* SET; SET -v has verbose */
    MR_SQL_SET_KEY,       /* SET key                 */
    MR_SQL_SET_VALUE,     /* SET key = value         */
    MR_SQL_SET_TIME_ZONE, /* value: text, or "LOCAL"; or interval */
    MR_SQL_SET_VARIABLES, /* assignments, or names and query      */
    MR_SQL_SET_CATALOG,   /* value                   */
    MR_SQL_SET_COLLATION, /* name                   */
    MR_SQL_SET_PATH       /* value: the text after = */
} MrSqlSetKind;

typedef struct MrSqlSet {
    MrSqlSetKind what;
    bool verbose;
    const char *key, *value;
    MrSqlExpr *interval;
    MrSqlName name;
    int32_t n_assignments;
    MrSqlAssignment *assignments;
    int32_t n_names;
    MrSqlName *names;
    MrSqlQuery *query;
} MrSqlSet;

typedef enum MrSqlAlterKind {
    MR_SQL_ALTER_RENAME,           /* to                                                  */
    MR_SQL_ALTER_ADD_COLUMNS,      /* columns                                             */
    MR_SQL_ALTER_REPLACE_COLUMNS,  /* columns                                             */
    MR_SQL_ALTER_DROP_COLUMNS,     /* names, if_exists                                    */
    MR_SQL_ALTER_RENAME_COLUMN,    /* names[0], new_name                                  */
    MR_SQL_ALTER_COLUMN,           /* columns[0].path; what changes stands in column_*    */
    MR_SQL_ALTER_CHANGE_COLUMN,    /* Hive: names[0], columns[0]                          */
    MR_SQL_ALTER_SET_PROPERTIES,   /* properties                                          */
    MR_SQL_ALTER_UNSET_PROPERTIES, /* properties (keys), if_exists                        */
    MR_SQL_ALTER_SET_LOCATION,     /* location, partition                                 */
    MR_SQL_ALTER_ADD_PARTITION,    /* partitions with locations, if_not_exists            */
    MR_SQL_ALTER_DROP_PARTITION,   /* partitions, if_exists, purge                        */
    MR_SQL_ALTER_RENAME_PARTITION, /* partitions[0] to partitions[1]                      */
    MR_SQL_ALTER_RECOVER_PARTITIONS,
    MR_SQL_ALTER_SET_SERDE,
    MR_SQL_ALTER_CLUSTER_BY,     /* names; none: CLUSTER BY NONE                        */
    MR_SQL_ALTER_SCHEMA_BINDING, /* value                                               */
    MR_SQL_ALTER_COLLATION,      /* value                                               */
    MR_SQL_ALTER_CONSTRAINT
} MrSqlAlterKind;

typedef struct MrSqlAlter {
    MrSqlAlterKind what;
    MrSqlObject object; /* TABLE, VIEW, NAMESPACE */
    MrSqlName name, to;
    bool if_exists, if_not_exists, purge;
    int32_t n_columns;
    MrSqlColumn *columns;
    bool column_type, column_comment,
        column_position; /* ALTER_COLUMN: which of columns[0] are set */
    bool column_set_not_null, column_drop_not_null, column_set_default, column_drop_default;
    int32_t n_names;
    MrSqlName *names;
    const char *new_name, *location, *value;
    MrSqlProperties properties;
    int32_t n_partitions;
    MrSqlPartition *partitions;
    const char **partition_locations;
} MrSqlAlter;

typedef enum MrSqlExplainMode {
    MR_SQL_EXPLAIN_SIMPLE,
    MR_SQL_EXPLAIN_EXTENDED,
    MR_SQL_EXPLAIN_CODEGEN,
    MR_SQL_EXPLAIN_COST,
    MR_SQL_EXPLAIN_FORMATTED,
    MR_SQL_EXPLAIN_LOGICAL,
    MR_SQL_EXPLAIN_ANALYZE
} MrSqlExplainMode;

typedef enum MrSqlStatementKind {
    MR_SQL_STMT_QUERY,            /* query                                                */
    MR_SQL_STMT_CREATE_TABLE,     /* create_table; also streaming tables, materialized views */
    MR_SQL_STMT_CREATE_VIEW,      /* create_view; also ALTER VIEW AS                      */
    MR_SQL_STMT_CREATE_FUNCTION,  /* create_function                                      */
    MR_SQL_STMT_CREATE_NAMESPACE, /* create_namespace                                     */
    MR_SQL_STMT_CREATE_FLOW,      /* flow: CREATE FLOW f AS INSERT INTO t BY NAME query   */
    MR_SQL_STMT_INSERT,           /* inserts: one; FROM t INSERT .. INSERT ..: several    */
    MR_SQL_STMT_DELETE,           /* change                                               */
    MR_SQL_STMT_UPDATE,
    MR_SQL_STMT_MERGE,
    MR_SQL_STMT_DROP,          /* drop                                                 */
    MR_SQL_STMT_ALTER,         /* alter                                                */
    MR_SQL_STMT_SHOW,          /* show                                                 */
    MR_SQL_STMT_DESCRIBE,      /* describe                                             */
    MR_SQL_STMT_SET,           /* set                                                  */
    MR_SQL_STMT_RESET,         /* reset: key, or NULL for all                          */
    MR_SQL_STMT_USE,           /* use                                                  */
    MR_SQL_STMT_EXPLAIN,       /* explain                                              */
    MR_SQL_STMT_CACHE_TABLE,   /* cache                                                */
    MR_SQL_STMT_UNCACHE_TABLE, /* table                                                */
    MR_SQL_STMT_CLEAR_CACHE,
    MR_SQL_STMT_REFRESH_TABLE,     /* table                                                */
    MR_SQL_STMT_REFRESH_FUNCTION,  /* table                                                */
    MR_SQL_STMT_REFRESH_PATH,      /* table.path                                           */
    MR_SQL_STMT_TRUNCATE,          /* table, with partition                                */
    MR_SQL_STMT_ANALYZE_TABLE,     /* analyze                                              */
    MR_SQL_STMT_REPAIR_TABLE,      /* table, path: ADD, DROP, SYNC                         */
    MR_SQL_STMT_DECLARE_VARIABLE,  /* declare                                              */
    MR_SQL_STMT_EXECUTE_IMMEDIATE, /* execute                                             */
    MR_SQL_STMT_COMMENT_ON,        /* comment_on                                           */
    MR_SQL_STMT_RECOGNISED         /* words: what Spark knows and Millrace does not do     */
} MrSqlStatementKind;

struct MrSqlStatement {
    MrSqlStatementKind kind;
    MrSqlPlace place;
    int32_t n_params; /* number of ? in it */
    union {
        MrSqlQuery *query;
        MrSqlCreateTable *create_table;
        MrSqlCreateView *create_view;
        MrSqlCreateFunction *create_function;
        struct {
            bool if_not_exists;
            MrSqlName name;
            const char *comment, *location, *collation;
            MrSqlProperties properties;
        } create_namespace;
        struct {
            MrSqlName name;
            const char *comment;
            MrSqlInsert *insert;
        } flow;
        struct {
            int32_t n;
            MrSqlInsert **items;
        } inserts;
        MrSqlChange *change;
        MrSqlDrop drop;
        MrSqlAlter *alter;
        MrSqlShow *show;
        MrSqlDescribe *describe;
        MrSqlSet *set;
        struct {
            const char *key;
        } reset;
        struct {
            bool is_namespace; /* USE DATABASE x rather than USE x */
            MrSqlName name;
        } use;
        struct {
            MrSqlExplainMode mode;
            MrSqlStatement *statement;
        } explain;
        struct {
            MrSqlName name;
            bool lazy;
            MrSqlProperties options;
            MrSqlQuery *query;
        } cache;
        struct {
            MrSqlName name;
            bool if_exists;
            const char *path;
            MrSqlPartition partition;
        } table;
        struct {
            bool all_tables; /* ANALYZE TABLES IN name */
            MrSqlName name;
            MrSqlPartition partition;
            const char *option; /* NOSCAN, or what else stood there */
            bool for_all_columns;
            int32_t n_columns;
            const char **columns;
        } analyze;
        struct {
            bool or_replace;
            int32_t n_names;
            MrSqlName *names;
            const MrType *type; /* NULL: that of the value */
            MrSqlExpr *value;   /* NULL: NULL */
            MrSqlPlace value_place;
        } declare;
        struct {
            MrSqlExpr *text;
            int32_t n_into;
            MrSqlName *into;
            int32_t n_args;
            MrSqlExpr **args; /* may be ALIAS: named arguments */
        } execute;
        struct {
            MrSqlObject object;
            MrSqlName name;
            MrSqlName column;    /* COMMENT ON COLUMN: name is all but the last part of it */
            const char *comment; /* NULL: IS NULL */
        } comment_on;
        const char *words;
    };
};

#endif
