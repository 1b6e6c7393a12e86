/* function.h - scalar functions: rows of tables, and what a kernel sees.
 *
 * A function is a row: name, signature, NULL policy, kernel, doc, example.  Several rows may share
 * a name; the first whose signature accepts the arguments (with Spark's implicit casts) is taken.
 * The binder, EXPLAIN, the manual, completion and the fuzzer read the same rows.
 *
 * Signatures: "string, int -> string".  An argument is a type name, or a class (any, numeric,
 * integral, fractional, decimal, datetime, interval, string_or_binary, ordered), or a variable (T,
 * U, K, V: bound by the first argument, widened to the common type over all), or array<..>,
 * map<..,..>, struct.  Suffix ? : may be left out (then all later ones too); suffix * : last one,
 * any number of times; suffix ! : no implicit cast to it (array!, string!).  "a|b": either. lambda:
 * a function argument.  A row that takes the arguments without casts goes before one that casts.
 * "-> same" gives the first argument's type, "-> bind" leaves the type to the row's bind call.
 *
 * Kernels see flat or constant vectors and the rows to compute.  For MR_FN_NULL_IF_ANY rows with a
 * NULL argument are already NULL in out and are not among the rows.  A kernel that cannot fail and
 * is safe on any bits says MR_FN_TOTAL: then it may be run over rows outside the selection too
 * (n_rows in all), and over NULL rows, which lets gcc make vector code of it.  A kernel that may
 * take long for one row polls (base/arena.h): builders, lists and mr__arg_str do it for most. */
#ifndef MR_FUNCTION_FUNCTION_H
#define MR_FUNCTION_FUNCTION_H

#include "column/batch.h"

typedef struct MrZone MrZone; /* function/time_zone.h */

/* What a query was bound with; one per session, immutable while a query uses it. */
typedef struct MrSettings {
    bool ansi;            /* spark.sql.ansi.enabled            */
    bool timestamp_ntz;   /* spark.sql.timestampType           */
    bool case_sensitive;  /* spark.sql.caseSensitive           */
    bool legacy_interval; /* spark.sql.legacy.interval.enabled */
    const char *zone_id;  /* spark.sql.session.timeZone        */
    const MrZone *zone;
    struct MrZones *zones; /* other zones, by id */
    const char *user, *database;
    const char *test_functions; /* names of --functions, separated by commas; NULL: none */
    /* Any other key: its value, or NULL when it is not set and has no default. */
    const char *(*get)(const void *conf, const char *key);
    const void *conf;
} MrSettings;

/* What stays the same for one run of a query, or one epoch of a stream. */
/* The file that rows come from. */
typedef struct MrRowOrigin {
    const char *uri;          /* "file:///a%20b/c.csv"; NULL: no file */
    int64_t from, size_bytes; /* the piece of it that is read as one */
} MrRowOrigin;

typedef struct MrEvalContext {
    const MrSettings *settings;
    int64_t now_us;    /* current_timestamp(): of the query, or of the epoch's PLANNED record */
    uint64_t seed;     /* of functions without one of their own                               */
    int32_t shard_idx; /* worker; spark_partition_id                                          */
    const _Atomic bool *canceled; /* NULL: cannot be canceled                                 */
    const MrRowOrigin *origin;    /* of the rows at hand, next to a scan; NULL: none           */
} MrEvalContext;

typedef struct MrFunctionDef MrFunctionDef;
typedef struct MrBind MrBind;
typedef struct MrBound MrBound;
typedef struct MrCall MrCall;
typedef MrStatus (*MrBindCall)(MrBind *bind, MrError *err);
typedef MrStatus (*MrKernel)(MrCall *call, MrError *err);
/* Writes the numbers of the call's rows where it is true, rising, and returns how many.  For
 * boolean functions that cannot fail; NULLs may be computed too, the evaluator drops them
 * afterwards.  sel has room for 16 numbers more than the call has rows. */
typedef int32_t (*MrSelectKernel)(MrCall *call, uint16_t *sel);

typedef enum MrFunctionFlags {
    MR_FN_NULL_IF_ANY = 1 << 0, /* a NULL argument gives NULL; kernel sees only other rows      */
    MR_FN_TOTAL = 1 << 1,       /* cannot fail, safe for any bits                               */
    MR_FN_STABLE = 1 << 2,      /* same within one run or epoch (current_date): folded per run  */
    MR_FN_VOLATILE = 1 << 3,    /* may differ per row (rand): never folded, shared or moved     */
    MR_FN_NEVER_NULL = 1 << 4,  /* result is not nullable even when the arguments are           */
    MR_FN_MAY_NULL = 1 << 5,    /* may give NULL for arguments that are not                     */
    MR_FN_CAN_FAIL = 1 << 6,    /* may raise for some rows: not evaluated speculatively         */
    MR_FN_TEST = 1 << 7,        /* only there when named by --functions                         */
    MR_FN_ORIGIN = 1 << 8       /* reads context->origin: the plan computes it next to the scan */
} MrFunctionFlags;

struct MrFunctionDef {
    const char *name; /* lower case; operators by their sign: "+", "=", "||" */
    const char *signature;
    uint32_t flags;
    MrKernel call;   /* NULL: bind chooses */
    MrBindCall bind; /* after the signature; NULL: nothing to choose */
    const char *doc;
    const char *example; /* "upper('ab') = 'AB'": run as a test */
};

/* What the binder knows of one argument. */
typedef struct MrArgInfo {
    const MrType *type;    /* in: as written.  A lambda: NULL until bind_lambda            */
    const MrType *cast_to; /* out: what the binder must cast it to; = type: no cast        */
    bool nullable;
    bool try_cast;           /* out: a value that the cast refuses is NULL                   */
    const MrVector *value;   /* constant of a foldable argument, of type; NULL: not foldable */
    const char *sql;         /* its text as Spark prints it: "a", "(a + 1)"                  */
    const char *name;        /* of a column or alias, for struct fields; NULL: none          */
    int32_t n_lambda_params; /* > 0: a lambda                                                */
} MrArgInfo;

struct MrBind {
    const MrFunctionDef *def;
    const MrSettings *settings;
    MrArena *arena; /* lives as long as the plan */
    int32_t n_args;
    MrArgInfo *args;
    const char
        *sql; /* the whole call as Spark prints it, for errors and names; bind may change it */
    /* Gives the types of a lambda's parameters; sets args[arg_idx].type and .nullable to its
     * result's. */
    MrStatus (*bind_lambda)(MrBind *bind, int32_t arg_idx, const MrType *const *params,
                            const bool *nullable, int32_t n_params, MrError *err);
    void *binder;
    /* out; preset from the signature and the flags */
    const MrType *type;
    bool nullable;
    MrKernel call;
    MrSelectKernel select; /* filters take it instead of call; NULL: none */
    const void *data;      /* anything for the kernel: compiled pattern ... */
    int32_t n_read;        /* arguments that call reads, the others stand in data; 0: all */
    uint32_t flags;        /* the row's; bind may add MR_FN_CAN_FAIL, MR_FN_MAY_NULL ... */
};

/* A function chosen for given argument types; immutable, in the plan's arena. */
struct MrBound {
    const MrFunctionDef *def;
    MrKernel call;
    MrSelectKernel select; /* NULL: none */
    const MrType *type;
    bool nullable;
    uint32_t flags;
    const void *data;
    int32_t n_read; /* arguments that call reads, the others stand in data; 0: all */
};

struct MrCall {
    const MrEvalContext *context;
    const MrBound *bound;
    int32_t n_args;
    MrVector **args; /* flat or constant, of the types that bind asked for; a lambda's is NULL */
    int32_t n;       /* rows to compute                                                        */
    const uint16_t *sel; /* their numbers; NULL: 0 .. n-1 */
    int32_t n_rows; /* length of the flat vectors                                             */
    MrVector *out;  /* flat, made, no NULLs yet beyond those of NULL_IF_ANY; the kernel may
                       share an argument's data, or replace the vector as a whole             */
    MrArena *arena; /* where out lives: the batch's                                           */
    /* Runs a lambda over n_items elements.  params: flat vectors of n_items; rows[i]: the row of
     * this call that element i belongs to (for captured columns).  *out: any encoding. */
    MrStatus (*apply)(MrCall *call, int32_t arg_idx, MrVector **params, int32_t n_params,
                      const int32_t *rows, int32_t n_items, MrVector **out, MrError *err);
    void *evaluator;
    /* What a kernel keeps from batch to batch (a random generator, a buffer): *memo is NULL at
     * first, belongs to this place in this operator instance, and points into memo_arena. */
    void **memo;
    MrArena *memo_arena;
};

/* for (MR_EACH(call, i, row)) : row is the number of the i-th row to compute. */
#define MR_EACH(call, i, row)                                                                      \
    int32_t i = 0, row = 0;                                                                        \
    i < (call)->n && (row = (call)->sel ? (call)->sel[i] : i, true);                               \
    i++
/* Row of an argument: constants have just one. */
static inline int32_t mr_arg_row(const MrVector *vec, int32_t row)
{
    return vec->encoding == MR_CONSTANT ? 0 : row;
}
#define MR_ARG(vec, member, row) ((vec)->member[mr_arg_row(vec, row)])
/* An integer of any width, a boolean, date, timestamp, interval too. */
static inline int64_t mr_arg_integer(const MrVector *vec, int32_t row)
{
    return mr_vector_integer(vec, mr_arg_row(vec, row));
}
/* The unscaled value. */
static inline MrI128 mr_arg_decimal(const MrVector *vec, int32_t row)
{
    return vec->type->precision <= MR_DECIMAL_I64_DIGITS ? MR_ARG(vec, i64, row)
                                                         : MR_ARG(vec, i128, row);
}
static inline bool mr_arg_null(const MrVector *vec, int32_t row)
{
    return vec->type->kind == MR_TYPE_VOID ||
           (vec->validity && !mr_bit_get(vec->validity, mr_arg_row(vec, row)));
}
static inline void mr_call_null(MrCall *call, int32_t row)
{
    mr_vector_set_null(call->arena, call->out, row, call->n_rows);
}

/* All scalar functions: tables of rows, each ended by a row without a name; NULL ends the list. */
extern const MrFunctionDef *const mr_function_tables[];

/* Chooses the row, resolves implicit casts and types.  The caller has set n_args, args, settings,
 * arena, sql, bind_lambda.  Fails with Spark's UNRESOLVED_ROUTINE,
 * WRONG_NUM_ARGS.WITHOUT_SUGGESTION, DATATYPE_MISMATCH.* ... */
MR_MUST_USE MrStatus mr_function_bind(MrBind *bind, const char *name, MrBound **out, MrError *err);
bool mr_function_exists(const char *name);
/* A scalar or aggregate function of the tests that --functions did not name. */
bool mr_function_is_hidden(const MrSettings *settings, const char *name);

/* Spark's coercions (function/coerce.c), shared by all: the implicit cast of a value to what is
 * expected, or NULL; the common type of two (arithmetic, comparison, CASE, UNION), or NULL. */
const MrType *mr_coerce_implicit(MrArena *arena, const MrSettings *settings, const MrType *from,
                                 const MrType *to);
const MrType *mr_coerce_common(MrArena *arena, const MrSettings *settings, const MrType *a,
                               const MrType *b);
/* True when every value of `from` is one of `to`, or its text. */
bool mr_coerce_is_up(const MrType *from, const MrType *to);

/* A text into a column of char(n) or varchar(n) (function/char_store.c); fails with
 * EXCEED_LIMIT_LENGTH. */
MrBound *mr_char_store_bind(MrArena *arena, const MrType *to);

/* Casts (function/cast.c).  A cast is a bound function too: one argument. */
typedef enum MrCastMode { MR_CAST_ANSI, MR_CAST_LEGACY, MR_CAST_TRY } MrCastMode;
/* Fails with DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION etc. when the types cannot be cast.  sql:
 * the text of what is cast, without the CAST around it. */
MR_MUST_USE MrStatus mr_cast_bind(MrArena *arena, const MrSettings *settings, const MrType *from,
                                  const MrType *to, MrCastMode mode, const char *sql, MrBound **out,
                                  MrError *err);

/* Values as text (function/value_text.c). */
typedef enum MrTextStyle {
    MR_TEXT_CAST, /* cast(x AS STRING)                     */
    MR_TEXT_SHOW, /* show() and the console: as cast, but NULL inside of others and bytes as [4D 52]
                   */
    MR_TEXT_HIVE, /* Hive result strings, as in spark-sql  */
    MR_TEXT_SQL,  /* a SQL literal, as in column names     */
    MR_TEXT_JSON  /* to_json and --format json             */
} MrTextStyle;
void mr_value_text(const MrVector *vec, int64_t row, MrTextStyle style, const MrSettings *settings,
                   MrTextBuilder *out);
/* The same with patterns for dates and times, inside of others too; NULL: as usual. */
typedef struct MrTextFormats {
    const struct MrDatePattern *date, *timestamp, *timestamp_ntz; /* function/datetime_text.h */
} MrTextFormats;
void mr_value_text_by(const MrVector *vec, int64_t row, MrTextStyle style,
                      const MrSettings *settings, const MrTextFormats *formats, MrTextBuilder *out);

#endif
