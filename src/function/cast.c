/* cast.c - which types may be cast to which, and casts of nested values.
 *
 * The leaves stand in cast_number.c, cast_datetime.c and cast_string.c.  Source of the rules:
 * Spark's Cast.canAnsiCast and canCast, and the recorded answers of the cast matrix. */
#include "function/cast_int.h"

static bool is_string(const MrType *type)
{
    return type->kind == MR_TYPE_STRING;
}

static bool is_exact(const MrType *type) /* integral or decimal */
{
    return mr_type_is_integral(type) || type->kind == MR_TYPE_DECIMAL;
}

static bool is_interval(const MrType *type)
{
    return type->kind == MR_TYPE_INTERVAL_YM || type->kind == MR_TYPE_INTERVAL_DT;
}

static bool castable_to_datetime(const MrType *from, const MrType *to, bool ansi)
{
    switch (to->kind) {
    case MR_TYPE_TIMESTAMP:
        return is_string(from) || from->kind == MR_TYPE_DATE ||
               from->kind == MR_TYPE_TIMESTAMP_NTZ || mr_type_is_numeric(from) ||
               (!ansi && from->kind == MR_TYPE_BOOLEAN);
    case MR_TYPE_TIMESTAMP_NTZ:
        return is_string(from) || from->kind == MR_TYPE_DATE || from->kind == MR_TYPE_TIMESTAMP;
    case MR_TYPE_DATE:
        return is_string(from) || from->kind == MR_TYPE_TIMESTAMP ||
               from->kind == MR_TYPE_TIMESTAMP_NTZ;
    case MR_TYPE_TIME:
        return is_string(from) || from->kind == MR_TYPE_TIME;
    default:
        return false;
    }
}

static bool castable_to_numeric(const MrType *from, const MrType *to, bool ansi)
{
    if (is_string(from) || from->kind == MR_TYPE_BOOLEAN || mr_type_is_numeric(from) ||
        from->kind == MR_TYPE_TIMESTAMP)
        return true;
    if (is_interval(from) || from->kind == MR_TYPE_TIME)
        return is_exact(to);
    return !ansi && from->kind == MR_TYPE_DATE;
}

static bool castable(const MrType *from, const MrType *to, bool ansi)
{
    if (mr_type_equal(from, to) || from->kind == MR_TYPE_VOID || is_string(to))
        return true;
    if (mr_type_is_numeric(to))
        return castable_to_numeric(from, to, ansi);
    switch (to->kind) {
    case MR_TYPE_BOOLEAN:
        return is_string(from) || mr_type_is_numeric(from) ||
               (!ansi && (from->kind == MR_TYPE_DATE || from->kind == MR_TYPE_TIMESTAMP));
    case MR_TYPE_BINARY:
        return is_string(from) || (!ansi && mr_type_is_integral(from));
    case MR_TYPE_INTERVAL:
        return is_string(from);
    case MR_TYPE_INTERVAL_YM:
    case MR_TYPE_INTERVAL_DT:
        return is_string(from) || from->kind == to->kind || is_exact(from);
    case MR_TYPE_ARRAY:
    case MR_TYPE_MAP:
    case MR_TYPE_STRUCT:
        if (from->kind != to->kind || from->n_fields != to->n_fields)
            return false;
        for (int32_t i = 0; i < to->n_fields; i++) {
            const MrField *x = &from->fields[i], *y = &to->fields[i];
            if (!castable(x->type, y->type, ansi) || (x->nullable && !y->nullable))
                return false;
        }
        return true;
    default:
        return castable_to_datetime(from, to, ansi);
    }
}

static const char *function_instead(const MrType *from, const MrType *to)
{
    if (mr_type_is_numeric(from) && to->kind == MR_TYPE_DATE)
        return "`DATE_FROM_UNIX_DATE`";
    if (mr_type_is_numeric(from) && to->kind == MR_TYPE_TIMESTAMP)
        return "`TIMESTAMP_SECONDS`";
    if (from->kind == MR_TYPE_DATE && mr_type_is_numeric(to))
        return "`UNIX_DATE`";
    if (from->kind == MR_TYPE_TIMESTAMP && mr_type_is_numeric(to))
        return "`UNIX_SECONDS`, `UNIX_MILLIS`, `UNIX_MICROS`";
    return NULL;
}

static MrStatus fail_types(MrArena *arena, const MrType *from, const MrType *to, MrCastMode mode,
                           const char *sql, MrError *err)
{
    const char *src = mr__quoted_type(arena, from), *target = mr__quoted_type(arena, to);
    const char *instead = function_instead(from, to);
    /* The cast itself is named unless its type is nested: then what is cast. */
    const char *expr =
        mr_type_is_nested(to) && to->kind != MR_TYPE_VARIANT
            ? mr__quoted_expr(arena, sql)
            : mr__quoted_expr(arena, mr_arena_printf(arena, "%sCAST(%s AS %s)",
                                                     mode == MR_CAST_TRY ? "TRY_" : "", sql,
                                                     mr_type_sql_text(arena, to)));
    if (instead)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__CAST_WITH_FUNC_SUGGESTION, "sqlExpr", expr,
                       "srcType", src, "targetType", target, "functionNames", instead);
    if (mode == MR_CAST_ANSI && castable(from, to, false))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__CAST_WITH_CONF_SUGGESTION, "sqlExpr", expr,
                       "srcType", src, "targetType", target, "config", "\"spark.sql.ansi.enabled\"",
                       "configVal", "'false'");
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__CAST_WITHOUT_SUGGESTION, "sqlExpr", expr,
                   "srcType", src, "targetType", target);
}

/* What a failed row becomes */

void mr__cast_null(MrCastRun *run, int64_t row)
{
    mr_vector_set_null(run->arena, run->out, row, run->n_rows);
}

#define ANSI_CONFIG "\"spark.sql.ansi.enabled\""

MrStatus mr__cast_invalid(MrCastRun *run, int64_t row, int64_t at, MrError *err)
{
    if (run->cast->mode == MR_CAST_ANSI)
        return MR_FAIL(err, MR_COND_CAST_INVALID_INPUT, "expression",
                       mr__value_for_error(run->arena, run->in, at, run->settings), "sourceType",
                       mr__quoted_type(run->arena, run->cast->from), "targetType",
                       mr__quoted_type(run->arena, run->cast->to), "ansiConfig", ANSI_CONFIG);
    mr__cast_null(run, row);
    return MR_OK;
}

MrStatus mr__raise_overflow(MrCastRun *run, int64_t at, MrError *err)
{
    return MR_FAIL(err, MR_COND_CAST_OVERFLOW, "value",
                   mr__value_for_error(run->arena, run->in, at, run->settings), "sourceType",
                   mr__quoted_type(run->arena, run->cast->from), "targetType",
                   mr__quoted_type(run->arena, run->cast->to), "ansiConfig", ANSI_CONFIG);
}

MrStatus mr__cast_overflow(MrCastRun *run, int64_t row, int64_t at, MrError *err)
{
    if (run->cast->mode == MR_CAST_ANSI)
        return mr__raise_overflow(run, at, err);
    mr__cast_null(run, row);
    return MR_OK;
}

const char *mr__decimal_plain(MrArena *arena, MrI128 value, int scale)
{
    char text[MR_DECIMAL_TEXT_MAX];
    return mr_arena_strn(arena, text, mr_decimal_to_text(value, scale, text));
}

MrStatus mr__raise_decimal(MrCastRun *run, const char *plain, MrError *err)
{
    const MrType *to = run->cast->to;
    return MR_FAIL(err, MR_COND_NUMERIC_VALUE_OUT_OF_RANGE__WITH_SUGGESTION, "value", plain,
                   "precision", mr_arena_printf(run->arena, "%d", to->precision), "scale",
                   mr_arena_printf(run->arena, "%d", to->scale), "config", ANSI_CONFIG);
}

MrStatus mr__cast_put_decimal(MrCastRun *run, int64_t row, bool fits, MrI128 value,
                              const char *plain, MrError *err)
{
    if (fits) {
        if (mr_type_physical(run->cast->to) == MR_PHYS_I64)
            run->out->i64[row] = (int64_t)value;
        else
            run->out->i128[row] = value;
        return MR_OK;
    }
    if (run->cast->mode == MR_CAST_ANSI)
        return mr__raise_decimal(run, plain, err);
    mr__cast_null(run, row);
    return MR_OK;
}

/* Building */

static MrStatus cast_create(MrArena *arena, const MrType *from, const MrType *to, MrCastMode mode,
                            MrCast **out, MrError *err);

static MrStatus nested_create(MrArena *arena, MrCast *cast, MrError *err)
{
    cast->children = MR_NEW_N(arena, MrCast *, cast->to->n_fields);
    cast->total = false;
    for (int32_t i = 0; i < cast->to->n_fields; i++) {
        const MrType *from = cast->from->fields[i].type, *to = cast->to->fields[i].type;
        if (mr_type_equal(from, to))
            continue;
        MR_TRY(cast_create(arena, from, to, cast->mode, &cast->children[i], err));
        cast->can_fail |= cast->children[i]->can_fail;
    }
    return MR_OK;
}

static MrStatus cast_create(MrArena *arena, const MrType *from, const MrType *to, MrCastMode mode,
                            MrCast **out, MrError *err)
{
    MrCast *cast = MR_NEW(arena, MrCast);
    *cast = (MrCast){.from = from, .to = to, .mode = mode};
    *out = cast;
    if (from->kind == MR_TYPE_VARIANT || to->kind == MR_TYPE_VARIANT)
        return MR_FAIL_UNSUPPORTED(err, "casts of variants");
    if (from->kind == MR_TYPE_VOID)
        return MR_OK;
    if (mr_type_equal(from, to)) {
        cast->total = true;
        return MR_OK;
    }
    if (mr_type_is_nested(to))
        return nested_create(arena, cast, err);
    if (is_string(from))
        cast->leaf = mr__cast_from_string_leaf(cast);
    else if (is_string(to))
        cast->leaf = mr__cast_to_string_leaf(cast);
    else if ((mr_type_is_numeric(from) || from->kind == MR_TYPE_BOOLEAN) &&
             (mr_type_is_numeric(to) || to->kind == MR_TYPE_BOOLEAN || to->kind == MR_TYPE_BINARY))
        cast->leaf = mr__cast_number_leaf(cast);
    else
        cast->leaf = mr__cast_datetime_leaf(cast);
    return MR_OK;
}

/* Running */

static MrStatus cast_run(MrCastRun *run, MrError *err);

/* A vector of the target's type whose rows are NULL where the input's are. */
static MrVector *out_create(MrArena *arena, const MrType *type, const MrVector *in, int64_t n_rows)
{
    MrVector *out = mr_vector_create(arena, type, n_rows);
    if (in->type->kind == MR_TYPE_VOID || (in->encoding == MR_CONSTANT && in->validity)) {
        bool null = mr_vector_is_null(in, 0);
        out->validity = mr_arena_alloc(arena, 8 * MR_BITMAP_WORDS(n_rows) + 8);
        mr_bits_fill(out->validity, n_rows, !null);
    } else if (in->validity) {
        out->validity = mr_arena_alloc(arena, 8 * MR_BITMAP_WORDS(n_rows) + 8);
        memcpy(out->validity, in->validity, (size_t)(8 * MR_BITMAP_WORDS(n_rows)));
    }
    return out;
}

/* Casts a child (flat, n rows, all wanted) and returns what takes its place. */
static MrStatus child_run(const MrCastRun *outer, const MrCast *cast, MrVector *in,
                          const uint16_t *sel, int64_t n, int64_t n_rows, MrVector **out,
                          MrError *err)
{
    if (!cast) {
        *out = in;
        return MR_OK;
    }
    MrCastRun run = *outer;
    run.cast = cast;
    run.in = in;
    run.sel = sel;
    run.n = n;
    run.n_rows = n_rows;
    run.out = out_create(run.arena, cast->to, in, n_rows);
    MR_TRY(cast_run(&run, err));
    *out = run.out;
    return MR_OK;
}

/* The elements of the rows to cast, and only they, moved together. */
static MrStatus list_run(MrCastRun *run, MrError *err)
{
    MrArena *arena = run->arena;
    int64_t n = 0;
    for (MR_CAST_EACH(run, row, at))
        n += run->in->list[at].count;
    int32_t *elements = mr_arena_alloc(arena, n * 4);
    n = 0;
    for (MR_CAST_EACH(run, row, at)) {
        MrSlice slice = run->in->list[at];
        run->out->list[row] = (MrSlice){(int32_t)n, slice.count};
        for (int32_t i = 0; i < slice.count; i++)
            elements[n++] = slice.start + i;
    }
    for (int32_t c = 0; c < run->cast->to->n_fields; c++) {
        MrVector *taken = mr_vector_take_rows(arena, run->in->children[c], elements, n);
        MR_TRY(
            child_run(run, run->cast->children[c], taken, NULL, n, n, &run->out->children[c], err));
    }
    return MR_OK;
}

/* A child may hold anything where its struct is NULL: such rows are made NULL, so no cast sees
 * them. */
static MrVector *child_of_struct(MrCastRun *run, int32_t c)
{
    MrArena *arena = run->arena;
    MrVector *child = run->in->children[c];
    int64_t n_rows = run->in->encoding == MR_CONSTANT ? 1 : run->n_rows;
    child = mr_vector_flatten(arena, child, NULL, 0, n_rows);
    if (!run->in->validity)
        return child;
    MrVector *masked = MR_NEW(arena, MrVector);
    *masked = *child;
    masked->cap_items = 0;
    int64_t n_words = MR_BITMAP_WORDS(n_rows);
    masked->validity = mr_arena_alloc(arena, 8 * n_words);
    for (int64_t w = 0; w < n_words; w++)
        masked->validity[w] =
            run->in->validity[w] & (child->validity ? child->validity[w] : UINT64_MAX);
    return masked;
}

static MrStatus struct_run(MrCastRun *run, MrError *err)
{
    for (int32_t c = 0; c < run->cast->to->n_fields; c++) {
        MrVector *child = child_of_struct(run, c);
        if (run->in->encoding == MR_CONSTANT) {
            MR_TRY(child_run(run, run->cast->children[c], child, NULL, 1, 1, &child, err));
            MrVector *one = MR_NEW(run->arena, MrVector);
            *one = *child;
            one->encoding = MR_CONSTANT;
            run->out->children[c] = mr_vector_flatten(run->arena, one, NULL, 0, run->n_rows);
        } else {
            MR_TRY(child_run(run, run->cast->children[c], child, run->sel, run->n, run->n_rows,
                             &run->out->children[c], err));
        }
    }
    return MR_OK;
}

/* The same bytes under another name. */
static MrStatus share_run(MrCastRun *run)
{
    const MrVector *in = run->in;
    if (in->encoding == MR_FLAT) {
        run->out->data = in->data;
        run->out->children = in->children;
        run->out->cap_items = 0;
        return MR_OK;
    }
    for (MR_CAST_EACH(run, row, at))
        mr_vector_copy_row(run->arena, in, at, run->out, row);
    return MR_OK;
}

static MrStatus cast_run(MrCastRun *run, MrError *err)
{
    if (run->cast->from->kind == MR_TYPE_VOID) {
        for (int64_t i = 0; i < run->n; i++)
            mr__cast_null(run, mr__cast_row(run, i));
        return MR_OK;
    }
    if (run->cast->children)
        return mr_type_physical(run->cast->to) == MR_PHYS_LIST ? list_run(run, err)
                                                               : struct_run(run, err);
    return run->cast->leaf ? run->cast->leaf(run, err) : share_run(run);
}

static MrStatus cast_call(MrCall *call, MrError *err)
{
    MrCastRun run = {
        .cast = call->bound->data,
        .context = call->context,
        .settings = call->context->settings,
        .arena = call->arena,
        .in = call->args[0],
        .out = call->out,
        .sel = call->sel,
        .n = call->n,
        .n_rows = call->n_rows,
    };
    if (run.cast->total && !run.sel)
        run.n = call->n_rows;
    return cast_run(&run, err);
}

static const MrFunctionDef cast_def = {
    .name = "cast",
    .signature = "any -> bind",
    .flags = MR_FN_NULL_IF_ANY,
    .call = cast_call,
    .doc = "The value as another type.",
    .example = "cast('10' AS INT) = 10",
};
static const MrFunctionDef try_cast_def = {
    .name = "try_cast",
    .signature = "any -> bind",
    .flags = MR_FN_NULL_IF_ANY,
    .call = cast_call,
    .doc = "The value as another type, NULL where that fails.",
    .example = "try_cast('a' AS INT) IS NULL",
};

MrStatus mr_cast_bind(MrArena *arena, const MrSettings *settings, const MrType *from,
                      const MrType *to, MrCastMode mode, const char *sql, MrBound **out,
                      MrError *err)
{
    MrCast *cast;
    if (!castable(from, to, mode != MR_CAST_LEGACY) && from->kind != MR_TYPE_VARIANT &&
        to->kind != MR_TYPE_VARIANT)
        return fail_types(arena, from, to, mode, sql, err);
    MR_TRY(cast_create(arena, from, to, mode, &cast, err));
    MrBound *bound = MR_NEW(arena, MrBound);
    bound->def = mode == MR_CAST_TRY ? &try_cast_def : &cast_def;
    bound->call = cast_call;
    bound->type = to;
    bound->data = cast;
    bound->flags = MR_FN_NULL_IF_ANY;
    bool may_null =
        mode == MR_CAST_TRY ? !mr_type_equal(from, to) : mr__cast_may_null(settings, from, to);
    if (cast->total)
        bound->flags |= MR_FN_TOTAL;
    if (cast->can_fail && mode != MR_CAST_TRY)
        bound->flags |= MR_FN_CAN_FAIL;
    if (may_null)
        bound->flags |= MR_FN_MAY_NULL;
    bound->nullable = may_null;
    *out = bound;
    return MR_OK;
}
