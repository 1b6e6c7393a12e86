/* bind_special.c - functions with rules of their own: IF, COALESCE and their kin, int(x) and other
 * casts by name, forms that print as operators. */
#include "sql/bind_int.h"

typedef struct Special {
    Binder *b;
    Ctx *ctx;
    const MrSqlExpr *ast;
    const char *name;
    MrExpr **args;
    int32_t n_args;
} Special;

static const char *plain_text(const Special *call)
{
    return mr__call_text(call->b, call->name, call->args, call->n_args, false);
}

static MrStatus plain_bind(const Special *call, const char *sql, MrExpr **out)
{
    return mr__call_bind(call->b, call->ctx, call->ast->place, call->name, call->args, call->n_args,
                         sql, out);
}

/* ---------------------------------------------------------------- conditions */

static MrStatus if_bind(const Special *call, MrExpr **out)
{
    MrExpr **args = call->args;
    const char *sql = mr_arena_printf(call->b->arena, "(IF(%s, %s, %s))", args[0]->sql,
                                      args[1]->sql, args[2]->sql);
    return mr__case_bind(call->b, call->ast->place, args, 3, sql, "if", out);
}

static MrStatus when_bind(const Special *call, MrExpr **out)
{
    MrTextBuilder sql = {.arena = call->b->arena};
    int32_t n = call->n_args;
    mr_builder_str(&sql, "CASE");
    for (int32_t i = 0; i + 1 < n; i += 2)
        mr_builder_printf(&sql, " WHEN %s THEN %s", call->args[i]->sql, call->args[i + 1]->sql);
    if (n % 2)
        mr_builder_printf(&sql, " ELSE %s", call->args[n - 1]->sql);
    mr_builder_str(&sql, " END");
    return mr__case_bind(call->b, call->ast->place, call->args, n, mr_builder_text(&sql).data,
                         "casewhen", out);
}

static MrStatus coalesce_bind(const Special *call, MrExpr **out)
{
    return mr__coalesce_bind(call->b, call->ast->place, call->args, call->n_args, plain_text(call),
                             out);
}

static MrStatus zeroifnull_bind(const Special *call, MrExpr **out)
{
    MrExpr *args[2] = {call->args[0], mr__literal_int(call->b, 0)};
    return mr__coalesce_bind(call->b, call->ast->place, args, 2, plain_text(call), out);
}

/* nvl2(a, b, c): if(a IS NOT NULL, b, c) */
static MrStatus nvl2_bind(const Special *call, MrExpr **out)
{
    Binder *b = call->b;
    MrExpr **parts = MR_NEW_N(b->arena, MrExpr *, 3);
    MR_TRY(mr__call_bind(b, call->ctx, call->ast->place, "isnotnull", &call->args[0], 1,
                         mr_arena_printf(b->arena, "(%s IS NOT NULL)", call->args[0]->sql),
                         &parts[0]));
    parts[1] = call->args[1];
    parts[2] = call->args[2];
    return mr__case_bind(b, call->ast->place, parts, 3, plain_text(call), "if", out);
}

/* nullif(a, b): if(a = b, NULL, a); nullifzero(a): nullif(a, 0) */
static MrStatus nullif_bind(const Special *call, MrExpr **out)
{
    Binder *b = call->b;
    MrExpr *value = call->args[0];
    MrExpr *other = call->n_args > 1 ? call->args[1] : mr__literal_int(b, 0);
    MrExpr **parts = MR_NEW_N(b->arena, MrExpr *, 3);
    MR_TRY(mr__call_bind(b, call->ctx, call->ast->place, "=", (MrExpr *[]){value, other}, 2,
                         mr_arena_printf(b->arena, "(%s = %s)", value->sql, other->sql),
                         &parts[0]));
    parts[1] = mr_expr_null(b->arena, value->type);
    parts[1]->sql = "NULL";
    parts[2] = value;
    return mr__case_bind(b, call->ast->place, parts, 3, plain_text(call), "if", out);
}

static MrStatus between_bind(const Special *call, MrExpr **out)
{
    static const char *const signs[] = {">=", "<="};
    Binder *b = call->b;
    MrExpr *value = call->args[0], *both[2];
    for (int32_t i = 0; i < 2; i++) {
        MrExpr *edge = call->args[1 + i];
        MR_TRY(mr__call_bind(
            b, call->ctx, call->ast->place, signs[i], (MrExpr *[]){value, edge}, 2,
            mr_arena_printf(b->arena, "(%s %s %s)", value->sql, signs[i], edge->sql), &both[i]));
    }
    *out = mr_expr_and(b->arena, both[0], both[1]);
    (*out)->sql = plain_text(call);
    return MR_OK;
}

/* ---------------------------------------------------------------- arguments that may be left out
 *
 * Kernels get all arguments.  Those that may fail are evaluated only where Spark would. */

static void guard(Binder *b, MrExpr *condition, MrExpr **arg)
{
    const MrExpr *bare = *arg;
    *arg = mr_expr_guarded(b->arena, condition, *arg);
    (*arg)->sql = bare->sql;
    (*arg)->sql_idx = bare->sql_idx;
    (*arg)->sql_len = bare->sql_len;
}

/* elt(n, a, b ...): only the n-th */
static MrStatus elt_bind(const Special *call, MrExpr **out)
{
    Binder *b = call->b;
    MR_TRY(plain_bind(call, plain_text(call), out));
    MrExpr **args = (*out)->args;
    for (int32_t i = 1; i < (*out)->n_args && mr_expr_is_pure(args[0]); i++) {
        MrExpr *chosen = NULL, *both[2] = {args[0], mr__literal_int(b, i)};
        if (!mr_expr_can_fail(args[i]))
            continue;
        MR_TRY(mr_expr_call(b->arena, b->settings, "=", both, 2, &chosen, b->err));
        guard(b, chosen, &args[i]);
    }
    return MR_OK;
}

/* nanvl(a, b): b only where a is NaN */
static MrStatus nanvl_bind(const Special *call, MrExpr **out)
{
    Binder *b = call->b;
    MR_TRY(plain_bind(call, plain_text(call), out));
    MrExpr **args = (*out)->args, *is_nan = NULL;
    if (!mr_expr_can_fail(args[1]) || !mr_expr_is_pure(args[0]))
        return MR_OK;
    MR_TRY(mr_expr_call(b->arena, b->settings, "isnan", args, 1, &is_nan, b->err));
    guard(b, is_nan, &args[1]);
    return MR_OK;
}

/* decode(a, key, result ..., other): CASE WHEN a <=> key THEN result ... ELSE other */
static MrStatus decode_bind(const Special *call, MrExpr **out)
{
    Binder *b = call->b;
    MrExpr *bound = NULL;
    MR_TRY(plain_bind(call, plain_text(call), &bound));
    bool fails = false;
    for (int32_t i = 1; i < bound->n_args; i++)
        fails = fails || mr_expr_can_fail(bound->args[i]);
    *out = bound;
    if (!fails || !mr_expr_is_pure(bound->args[0]))
        return MR_OK;
    MrExpr *cases = MR_NEW(b->arena, MrExpr);
    *cases = (MrExpr){.kind = MR_EXPR_CASE,
                      .type = bound->type,
                      .nullable = bound->nullable,
                      .n_args = bound->n_args - 1,
                      .sql = bound->sql,
                      .sql_idx = bound->sql_idx,
                      .sql_len = bound->sql_len};
    cases->args = MR_NEW_N(b->arena, MrExpr *, cases->n_args);
    for (int32_t i = 0; i < cases->n_args; i++) {
        cases->args[i] = bound->args[i + 1];
        MrExpr *both[2] = {bound->args[0], bound->args[i + 1]};
        if (i % 2 == 0 && i + 1 < cases->n_args)
            MR_TRY(mr_expr_call(b->arena, b->settings, "<=>", both, 2, &cases->args[i], b->err));
    }
    *out = cases;
    return MR_OK;
}

/* ---------------------------------------------------------------- texts of their own */

static MrStatus like_bind(const Special *call, MrExpr **out)
{
    MrExpr **args = call->args;
    return plain_bind(
        call,
        mr_arena_printf(call->b->arena, call->n_args > 2 ? "%s LIKE %s ESCAPE '%s'" : "%s LIKE %s",
                        args[0]->sql, args[1]->sql, call->n_args > 2 ? args[2]->sql : ""),
        out);
}

static MrStatus ilike_bind(const Special *call, MrExpr **out)
{
    return plain_bind(call, plain_text(call), out);
}

static MrStatus isnull_bind(const Special *call, MrExpr **out)
{
    return plain_bind(call, mr_arena_printf(call->b->arena, "(%s IS NULL)", call->args[0]->sql),
                      out);
}

static MrStatus isnotnull_bind(const Special *call, MrExpr **out)
{
    return plain_bind(call, mr_arena_printf(call->b->arena, "(%s IS NOT NULL)", call->args[0]->sql),
                      out);
}

static MrStatus positive_bind(const Special *call, MrExpr **out)
{
    return plain_bind(call, mr_arena_printf(call->b->arena, "(+ %s)", call->args[0]->sql), out);
}

static MrStatus not_bind(const Special *call, MrExpr **out)
{
    return mr__not(call->b, call->ast->place, call->args[0], out);
}

static MrStatus extract_bind(const Special *call, MrExpr **out)
{
    return plain_bind(call,
                      mr_arena_printf(call->b->arena, "extract(%s FROM %s)", call->args[0]->sql,
                                      call->args[1]->sql),
                      out);
}

static MrStatus trim_bind(const Special *call, MrExpr **out)
{
    const char *side = call->name[0] == 'l'   ? "LEADING"
                       : call->name[0] == 'r' ? "TRAILING"
                                              : "BOTH";
    return plain_bind(call,
                      mr_arena_printf(call->b->arena, "TRIM(%s %s FROM %s)", side,
                                      call->args[0]->sql, call->args[1]->sql),
                      out);
}

/* ---------------------------------------------------------------- all of them */

typedef struct SpecialDef {
    const char *name;
    int32_t min_args, max_args;
    const char
        *expected; /* numbers of arguments, for the error; NULL: others go the ordinary way */
    MrStatus (*bind)(const Special *call, MrExpr **out);
    bool only_syntax; /* extract(a FROM b), not extract(a, b) */
} SpecialDef;

static const SpecialDef specials[] = {
    {"if", 3, 3, "3", if_bind, false},
    {"iff", 3, 3, "3", if_bind, false},
    {"when", 2, INT32_MAX, NULL, when_bind, false},
    {"coalesce", 1, INT32_MAX, "> 0", coalesce_bind, false},
    {"nvl", 2, 2, "2", coalesce_bind, false},
    {"ifnull", 2, 2, "2", coalesce_bind, false},
    {"nvl2", 3, 3, "3", nvl2_bind, false},
    {"nullif", 2, 2, "2", nullif_bind, false},
    {"nullifzero", 1, 1, "1", nullif_bind, false},
    {"zeroifnull", 1, 1, "1", zeroifnull_bind, false},
    {"between", 3, 3, NULL, between_bind, false},
    {"elt", 2, INT32_MAX, NULL, elt_bind, false},
    {"nanvl", 2, 2, NULL, nanvl_bind, false},
    {"decode", 3, INT32_MAX, NULL, decode_bind, false},
    {"like", 2, 3, "[2, 3]", like_bind, false},
    {"ilike", 2, 3, "[2, 3]", ilike_bind, false},
    {"isnull", 1, 1, NULL, isnull_bind, false},
    {"isnotnull", 1, 1, NULL, isnotnull_bind, false},
    {"positive", 1, 1, NULL, positive_bind, false},
    {"not", 1, 1, NULL, not_bind, false},
    {"extract", 2, 2, NULL, extract_bind, true},
    {"trim", 2, 2, NULL, trim_bind, true},
    {"ltrim", 2, 2, NULL, trim_bind, true},
    {"rtrim", 2, 2, NULL, trim_bind, true},
};

static const SpecialDef *special_find(const char *name)
{
    for (int64_t i = 0; i < MR_COUNT(specials); i++)
        if (strcmp(specials[i].name, name) == 0)
            return &specials[i];
    return NULL;
}

/* int(x) and the like are casts. */
static const MrType *cast_function(const char *name)
{
    static const struct {
        const char *name;
        MrTypeKind kind;
    } casts[] = {{"boolean", MR_TYPE_BOOLEAN},   {"tinyint", MR_TYPE_TINYINT},
                 {"smallint", MR_TYPE_SMALLINT}, {"int", MR_TYPE_INT},
                 {"bigint", MR_TYPE_BIGINT},     {"float", MR_TYPE_FLOAT},
                 {"double", MR_TYPE_DOUBLE},     {"decimal", MR_TYPE_DECIMAL},
                 {"date", MR_TYPE_DATE},         {"timestamp", MR_TYPE_TIMESTAMP},
                 {"binary", MR_TYPE_BINARY},     {"string", MR_TYPE_STRING}};
    for (int64_t i = 0; i < MR_COUNT(casts); i++)
        if (strcmp(casts[i].name, name) == 0)
            return &mr_types[casts[i].kind];
    return NULL;
}

bool mr__is_special(const char *name)
{
    return special_find(name) || cast_function(name) || strcmp(name, "struct") == 0;
}

MrStatus mr__special_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                          const Args *args, bool *done, MrExpr **out)
{
    const SpecialDef *def = special_find(name);
    const MrType *type = cast_function(name);
    const char *quoted = mr_quote_name(b->arena, name);
    *done = true;
    if (def && (ast->call.is_syntax || !def->only_syntax)) {
        Special call = {b, ctx, ast, name, args->exprs, args->n};
        if (args->n >= def->min_args && args->n <= def->max_args)
            return def->bind(&call, out);
        if (def->expected)
            return mr__fail_count(b, ast->place, quoted, def->expected, args->n);
    } else if (type) {
        if (args->n != 1)
            return mr__fail_count(b, ast->place, quoted, "1", args->n);
        if (type->kind == MR_TYPE_TIMESTAMP && b->settings->timestamp_ntz)
            type = MR_T(TIMESTAMP_NTZ);
        MR_TRY(mr__cast_written(b, ast->place, args->exprs[0], type, false, out));
        (*out)->sql = args->exprs[0]->sql; /* no cast that the user wrote: it does not show */
        return MR_OK;
    }
    *done = false;
    return MR_OK;
}
