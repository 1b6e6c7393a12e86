/* bind_special.c - functions with rules of their own: IF, COALESCE and their kin, int(x) and other
 * casts by name, forms that print as operators. */
#include "sql/bind_int.h"

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
    static const char *const names[] = {"if",     "iff",     "when",   "coalesce",   "nvl",
                                        "ifnull", "nvl2",    "nullif", "nullifzero", "zeroifnull",
                                        "struct", "between", "like",   "ilike",      NULL};
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return cast_function(name) != NULL;
}

static MrStatus num_args_fail(Binder *b, MrSqlPlace place, const char *name, const char *expected,
                              int32_t actual)
{
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName",
                          mr_quote_name(b->arena, name), "expectedNum", expected, "actualNum",
                          mr_arena_printf(b->arena, "%d", actual), "docroot",
                          "https://spark.apache.org/docs/latest"));
}

/* *done: it was one of them. */
MrStatus mr__special_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                          const Args *args, bool *done, MrExpr **out)
{
    MrExpr **e = args->exprs;
    int32_t n = args->n;
    *done = true;
    if (strcmp(name, "if") == 0 || strcmp(name, "iff") == 0) {
        if (n != 3)
            return num_args_fail(b, ast->place, name, "3", n);
        return mr__case_bind(
            b, ast->place, e, 3,
            mr_arena_printf(b->arena, "(IF(%s, %s, %s))", e[0]->sql, e[1]->sql, e[2]->sql), "if",
            out);
    }
    if (strcmp(name, "when") == 0 && n >= 2) {
        MrTextBuilder sql = {.arena = b->arena};
        mr_builder_str(&sql, "CASE");
        for (int32_t i = 0; i + 1 < n; i += 2)
            mr_builder_printf(&sql, " WHEN %s THEN %s", e[i]->sql, e[i + 1]->sql);
        if (n % 2)
            mr_builder_printf(&sql, " ELSE %s", e[n - 1]->sql);
        mr_builder_str(&sql, " END");
        return mr__case_bind(b, ast->place, e, n, mr_builder_text(&sql).data, "casewhen", out);
    }
    if (strcmp(name, "coalesce") == 0) {
        if (n == 0)
            return num_args_fail(b, ast->place, name, "> 0", n);
        return mr__coalesce_bind(b, ast->place, e, n, mr__call_text(b, name, e, n, false), out);
    }
    if (strcmp(name, "nvl") == 0 || strcmp(name, "ifnull") == 0) {
        if (n != 2)
            return num_args_fail(b, ast->place, name, "2", n);
        return mr__coalesce_bind(b, ast->place, e, n, mr__call_text(b, name, e, n, false), out);
    }
    if (strcmp(name, "nvl2") == 0 || strcmp(name, "nullif") == 0 ||
        strcmp(name, "nullifzero") == 0 || strcmp(name, "zeroifnull") == 0) {
        bool two = strcmp(name, "nullif") == 0, three = strcmp(name, "nvl2") == 0;
        int32_t want = three ? 3 : two ? 2 : 1;
        if (n != want)
            return num_args_fail(b, ast->place, name, three ? "3" : two ? "2" : "1", n);
        const char *sql = mr__call_text(b, name, e, n, false);
        if (strcmp(name, "zeroifnull") == 0) {
            MrExpr *zero = mr__literal_int(b, 0);
            return mr__coalesce_bind(b, ast->place, (MrExpr *[]){e[0], zero}, 2, sql, out);
        }
        MrExpr **parts = MR_NEW_N(b->arena, MrExpr *, 3);
        if (three) {
            MR_TRY(mr__call_bind(b, ctx, ast->place, "isnotnull", &e[0], 1,
                                 mr_arena_printf(b->arena, "(%s IS NOT NULL)", e[0]->sql),
                                 &parts[0]));
            parts[1] = e[1];
            parts[2] = e[2];
        } else {
            MrExpr *other = two ? e[1] : mr__literal_int(b, 0);
            MR_TRY(mr__call_bind(b, ctx, ast->place, "=", (MrExpr *[]){e[0], other}, 2,
                                 mr_arena_printf(b->arena, "(%s = %s)", e[0]->sql, other->sql),
                                 &parts[0]));
            parts[1] = mr_expr_null(b->arena, e[0]->type);
            parts[1]->sql = "NULL";
            parts[2] = e[0];
        }
        return mr__case_bind(b, ast->place, parts, 3, sql, "if", out);
    }
    if (strcmp(name, "between") == 0 && n == 3) {
        MrExpr **both = MR_NEW_N(b->arena, MrExpr *, 2);
        MR_TRY(mr__call_bind(b, ctx, ast->place, ">=", (MrExpr *[]){e[0], e[1]}, 2,
                             mr_arena_printf(b->arena, "(%s >= %s)", e[0]->sql, e[1]->sql),
                             &both[0]));
        MR_TRY(mr__call_bind(b, ctx, ast->place, "<=", (MrExpr *[]){e[0], e[2]}, 2,
                             mr_arena_printf(b->arena, "(%s <= %s)", e[0]->sql, e[2]->sql),
                             &both[1]));
        *out = mr_expr_and(b->arena, both[0], both[1]);
        (*out)->sql = mr__call_text(b, name, e, n, false);
        return MR_OK;
    }
    const MrType *type = cast_function(name);
    if (type) {
        if (n != 1)
            return num_args_fail(b, ast->place, name, "1", n);
        if (type->kind == MR_TYPE_TIMESTAMP && b->settings->timestamp_ntz)
            type = MR_T(TIMESTAMP_NTZ);
        MR_TRY(mr__cast_written(b, ast->place, e[0], type, false, out));
        (*out)->sql = e[0]->sql; /* no cast that the user wrote: it does not show */
        return MR_OK;
    }
    if (strcmp(name, "like") == 0 || strcmp(name, "ilike") == 0) {
        if (n < 2 || n > 3)
            return num_args_fail(b, ast->place, name, "[2, 3]", n);
        const char *sql =
            strcmp(name, "ilike") == 0
                ? mr__call_text(b, name, e, n, false)
                : mr_arena_printf(b->arena, n > 2 ? "%s LIKE %s ESCAPE '%s'" : "%s LIKE %s",
                                  e[0]->sql, e[1]->sql, n > 2 ? e[2]->sql : "");
        return mr__call_bind(b, ctx, ast->place, name, e, n, sql, out);
    }
    if ((strcmp(name, "isnull") == 0 || strcmp(name, "isnotnull") == 0) && n == 1)
        return mr__call_bind(b, ctx, ast->place, name, e, n,
                             mr_arena_printf(b->arena, "(%s IS %sNULL)", e[0]->sql,
                                             name[2] == 'n' && name[3] == 'o' ? "NOT " : ""),
                             out);
    if (strcmp(name, "positive") == 0 && n == 1)
        return mr__call_bind(b, ctx, ast->place, name, e, n,
                             mr_arena_printf(b->arena, "(+ %s)", e[0]->sql), out);
    if (strcmp(name, "not") == 0 && n == 1)
        return mr__not(b, ast->place, e[0], out);
    if (ast->call.is_syntax && strcmp(name, "extract") == 0 && n == 2)
        return mr__call_bind(b, ctx, ast->place, name, e, n,
                             mr_arena_printf(b->arena, "extract(%s FROM %s)", e[0]->sql, e[1]->sql),
                             out);
    if (ast->call.is_syntax && n == 2 &&
        (strcmp(name, "trim") == 0 || strcmp(name, "ltrim") == 0 || strcmp(name, "rtrim") == 0)) {
        const char *side = name[0] == 'l' ? "LEADING" : name[0] == 'r' ? "TRAILING" : "BOTH";
        return mr__call_bind(
            b, ctx, ast->place, name, e, n,
            mr_arena_printf(b->arena, "TRIM(%s %s FROM %s)", side, e[0]->sql, e[1]->sql), out);
    }
    *done = false;
    return MR_OK;
}
