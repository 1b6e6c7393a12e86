/* bind_expr.c - expressions: each with its type, its casts and its text as Spark prints it. */
#include "sql/bind_int.h"

/* ---------------------------------------------------------------- small pieces */

static void expr_place(MrExpr *expr, MrSqlPlace place)
{
    expr->sql_idx = place.idx;
    expr->sql_len = place.len;
}

typedef struct Search {
    MrExprKind kind;
    bool found;
} Search;

static bool kind_find(void *self, const MrExpr *expr)
{
    Search *search = self;
    search->found = search->found || expr->kind == search->kind;
    return !search->found;
}

bool mr__expr_has(const MrExpr *expr, MrExprKind kind)
{
    Search search = {.kind = kind};
    mr_expr_walk(expr, kind_find, &search);
    return search.found;
}

MrExpr *mr__literal_text(Binder *b, const char *text)
{
    MrStr str = mr_str_own(b->arena, text, (int64_t)strlen(text));
    MrExpr *expr = mr_expr_literal(b->arena, mr_vector_constant(b->arena, MR_T(STRING), &str));
    expr->sql = mr_arena_str(b->arena, text);
    return expr;
}

MrExpr *mr__literal_int(Binder *b, int32_t value)
{
    MrExpr *expr = mr_expr_literal(b->arena, mr_vector_constant(b->arena, MR_T(INT), &value));
    expr->sql = mr_arena_printf(b->arena, "%d", value);
    return expr;
}

/* An implicit cast does not show in the text. */
MrStatus mr__cast(Binder *b, MrExpr *expr, const MrType *to, MrExpr **out)
{
    if (mr_type_equal(expr->type, to)) {
        *out = expr;
        return MR_OK;
    }
    MrExpr *cast = NULL;
    MrCastMode mode = b->settings->ansi ? MR_CAST_ANSI : MR_CAST_LEGACY;
    MrSqlPlace place = {expr->sql_idx, expr->sql_idx >= 0 ? expr->sql_len : 0};
    MR_TRY(mr__at(b, place, mr_expr_cast(b->arena, b->settings, expr, to, mode, &cast, b->err)));
    if (cast != expr) {
        cast->sql = expr->sql;
        cast->sql_idx = expr->sql_idx;
        cast->sql_len = expr->sql_len;
    }
    *out = cast;
    return MR_OK;
}

MrStatus mr__cast_within(Binder *b, MrSqlPlace place, MrExpr *expr, const MrType *to, MrExpr **out)
{
    MrExpr *cast = NULL;
    MR_TRY(mr__cast(b, expr, to, &cast));
    if (cast != expr && cast->kind == MR_EXPR_CALL)
        expr_place(cast, place);
    *out = cast;
    return MR_OK;
}

static MrExpr *logic_expr(Binder *b, bool is_or, MrExpr **args, int32_t n_args)
{
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = is_or ? MR_EXPR_OR : MR_EXPR_AND;
    expr->type = MR_T(BOOLEAN);
    expr->n_args = n_args;
    expr->args = args;
    expr->sql_idx = -1;
    for (int32_t i = 0; i < n_args; i++)
        expr->nullable = expr->nullable || args[i]->nullable;
    return expr;
}

MrStatus mr__not(Binder *b, MrSqlPlace place, MrExpr *arg, MrExpr **out)
{
    const char *sql = mr_arena_printf(b->arena, "(NOT %s)", arg->sql);
    return mr__call_bind(b, NULL, place, "not", &arg, 1, sql, out);
}

/* ---------------------------------------------------------------- literals */

static bool has_zone(MrText text)
{
    bool in_time = false;
    for (int64_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        if (c == ':')
            in_time = true;
        else if (in_time &&
                 (c == '+' || c == '-' || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
            return true;
    }
    return false;
}

static MrStatus typed_literal(Binder *b, const MrSqlExpr *ast, MrExpr **out)
{
    const MrType *type = ast->lit.type;
    if (ast->lit.is_plain_timestamp)
        type = b->settings->timestamp_ntz && !has_zone(ast->lit.str) ? MR_T(TIMESTAMP_NTZ)
                                                                     : MR_T(TIMESTAMP);
    MrStr str = mr_str_own(b->arena, ast->lit.str.data, ast->lit.str.size_bytes);
    MrExpr *text = mr_expr_literal(b->arena, mr_vector_constant(b->arena, MR_T(STRING), &str)),
           *cast = NULL;
    const MrVector *value = NULL;
    MrStatus status = mr_expr_cast(b->arena, b->settings, text, type, MR_CAST_TRY, &cast, b->err);
    if (status == MR_OK)
        status = mr_expr_fold(b->arena, &b->eval, cast, &value, b->err);
    if (status == MR_NO_MEMORY || status == MR_CANCELED)
        return status;
    if (status != MR_OK || mr_vector_is_null(value, 0)) {
        const char *name = mr_type_sql_text(b->arena, type);
        if (type->kind == MR_TYPE_TIME)
            name = "TIME";
        *b->err = (MrError){0};
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_INVALID_TYPED_LITERAL, "valueType",
                              mr__quote_sql(b, name), "value",
                              mr_arena_printf(b->arena, "'%.*s'", (int)ast->lit.str.size_bytes,
                                              ast->lit.str.data)));
    }
    *out = mr_expr_literal(b->arena, value);
    MrTextBuilder sql = {.arena = b->arena};
    mr_value_text(value, 0, MR_TEXT_SQL, b->settings, &sql);
    (*out)->sql = mr_builder_text(&sql).data;
    return MR_OK;
}

static MrStatus literal_bind(Binder *b, const MrSqlExpr *ast, MrExpr **out)
{
    const MrType *type = ast->lit.type;
    const void *value = NULL;
    int8_t i8;
    int16_t i16;
    int32_t i32;
    float f32;
    MrStr str;
    switch (ast->lit.kind) {
    case MR_SQL_LIT_NULL:
        *out = mr_expr_null(b->arena, MR_T(VOID));
        (*out)->sql = "NULL";
        return MR_OK;
    case MR_SQL_LIT_BOOLEAN:
        *out = mr_expr_bool(b->arena, ast->lit.i64 != 0);
        (*out)->sql = ast->lit.i64 ? "true" : "false";
        return MR_OK;
    case MR_SQL_LIT_INTEGER:
        switch (type->kind) {
        case MR_TYPE_TINYINT:
            i8 = (int8_t)ast->lit.i64;
            value = &i8;
            break;
        case MR_TYPE_SMALLINT:
            i16 = (int16_t)ast->lit.i64;
            value = &i16;
            break;
        case MR_TYPE_INT:
            i32 = (int32_t)ast->lit.i64;
            value = &i32;
            break;
        default:
            value = &ast->lit.i64;
        }
        *out = mr_expr_literal(b->arena, mr_vector_constant(b->arena, type, value));
        (*out)->sql = mr_arena_printf(b->arena, "%lld", (long long)ast->lit.i64);
        return MR_OK;
    case MR_SQL_LIT_DECIMAL: {
        int64_t small = (int64_t)ast->lit.dec;
        value = mr_type_physical(type) == MR_PHYS_I64 ? (const void *)&small
                                                      : (const void *)&ast->lit.dec;
        *out = mr_expr_literal(b->arena, mr_vector_constant(b->arena, type, value));
        MrTextBuilder text = {.arena = b->arena};
        mr_value_text((*out)->literal, 0, MR_TEXT_CAST, b->settings, &text);
        (*out)->sql = mr_builder_text(&text).data;
        return MR_OK;
    }
    case MR_SQL_LIT_FLOAT: {
        char digits[MR_F64_TEXT_MAX];
        int32_t n;
        if (type->kind == MR_TYPE_FLOAT) {
            f32 = (float)ast->lit.f64;
            value = &f32;
            n = mr_f32_to_text(f32, digits);
        } else {
            value = &ast->lit.f64;
            n = mr_f64_to_text(ast->lit.f64, digits);
        }
        *out = mr_expr_literal(b->arena, mr_vector_constant(b->arena, type, value));
        (*out)->sql = mr_arena_strn(b->arena, digits, n);
        return MR_OK;
    }
    case MR_SQL_LIT_STRING:
        str = mr_str_own(b->arena, ast->lit.str.data, ast->lit.str.size_bytes);
        *out = mr_expr_literal(b->arena, mr_vector_constant(b->arena, MR_T(STRING), &str));
        (*out)->sql = mr_arena_strn(b->arena, ast->lit.str.data, ast->lit.str.size_bytes);
        return MR_OK;
    case MR_SQL_LIT_BINARY: {
        str = mr_str_own(b->arena, ast->lit.str.data, ast->lit.str.size_bytes);
        *out = mr_expr_literal(b->arena, mr_vector_constant(b->arena, MR_T(BINARY), &str));
        MrTextBuilder text = {.arena = b->arena};
        mr_builder_str(&text, "X'");
        for (int64_t i = 0; i < ast->lit.str.size_bytes; i++)
            mr_builder_printf(&text, "%02X", (unsigned char)ast->lit.str.data[i]);
        mr_builder_char(&text, '\'');
        (*out)->sql = mr_builder_text(&text).data;
        return MR_OK;
    }
    case MR_SQL_LIT_TYPED:
        return typed_literal(b, ast, out);
    }
    return MR_FAIL_INTERNAL(b->err, "literal kind %d", ast->lit.kind);
}

/* ---------------------------------------------------------------- operators */

static MrStatus binary_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    static const char *const signs[] = {
#define X(op, text) text,
        MR_SQL_BINARY_OPS(X)
#undef X
    };
    MrExpr *args[2];
    /* Chains lean to the left: down without recursion. */
    const MrSqlExpr *spine = ast;
    int32_t n = 0;
    while (spine->kind == MR_SQL_BINARY) {
        spine = spine->binary.left;
        n++;
    }
    const MrSqlExpr **nodes = MR_NEW_N(b->arena, const MrSqlExpr *, n);
    spine = ast;
    for (int32_t i = n - 1; i >= 0; i--, spine = spine->binary.left)
        nodes[i] = spine;
    MR_TRY(mr__expr_bind(b, ctx, nodes[0]->binary.left, &args[0]));
    for (int32_t i = 0; i < n; i++) {
        MR_TRY(mr__expr_bind(b, ctx, nodes[i]->binary.right, &args[1]));
        MrSqlBinaryOp op = nodes[i]->binary.op;
        MrSqlPlace place = nodes[i]->place;
        const char *l = args[0]->sql, *r = args[1]->sql;
        MrExpr *made = NULL;
        switch (op) {
        case MR_SQL_OP_CONCAT:
            MR_TRY(mr__call_bind(b, ctx, place, "concat", args, 2,
                                 mr_arena_printf(b->arena, "concat(%s, %s)", l, r), &made));
            break;
        case MR_SQL_OP_NOT_EQUAL:
            MR_TRY(mr__call_bind(b, ctx, place, "=", args, 2,
                                 mr_arena_printf(b->arena, "(%s = %s)", l, r), &made));
            MR_TRY(mr__not(b, place, made, &made));
            break;
        case MR_SQL_OP_DISTINCT_FROM:
        case MR_SQL_OP_NOT_DISTINCT_FROM:
            MR_TRY(mr__call_bind(b, ctx, place, "<=>", args, 2,
                                 mr_arena_printf(b->arena, "(%s <=> %s)", l, r), &made));
            if (op == MR_SQL_OP_DISTINCT_FROM)
                MR_TRY(mr__not(b, place, made, &made));
            break;
        default:
            MR_TRY(mr__call_bind(b, ctx, place, signs[op], args, 2,
                                 mr_arena_printf(b->arena, "(%s %s %s)", l, signs[op], r), &made));
        }
        args[0] = made;
    }
    *out = args[0];
    return MR_OK;
}

static MrStatus unary_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    MrExpr *arg = NULL;
    MR_TRY(mr__expr_bind(b, ctx, ast->unary.operand, &arg));
    switch (ast->unary.op) {
    case MR_SQL_NOT:
        if (arg->kind == MR_EXPR_IN_QUERY || arg->kind == MR_EXPR_EXISTS) {
            MrExpr *copy = MR_NEW(b->arena, MrExpr);
            *copy = *arg;
            copy->query.negated = !arg->query.negated;
            copy->sql = mr_arena_printf(b->arena, "(NOT %s)", arg->sql);
            *out = copy;
            return MR_OK;
        }
        return mr__not(b, ast->place, arg, out);
    case MR_SQL_MINUS:
        return mr__call_bind(b, ctx, ast->place, "negative", &arg, 1,
                             mr_arena_printf(b->arena, "(- %s)", arg->sql), out);
    case MR_SQL_PLUS:
        return mr__call_bind(b, ctx, ast->place, "positive", &arg, 1,
                             mr_arena_printf(b->arena, "(+ %s)", arg->sql), out);
    default:
        return mr__call_bind(b, ctx, ast->place, "~", &arg, 1,
                             mr_arena_printf(b->arena, "~%s", arg->sql), out);
    }
}

/* AND and OR of many are a balanced tree in Spark, which its text shows. */
static const char *logic_text(Binder *b, const char *word, MrExpr *const *args, int32_t low,
                              int32_t high)
{
    if (low == high)
        return args[low]->sql;
    int32_t mid = high - low == 1 ? low : low + (high - low) / 2;
    return mr_arena_printf(b->arena, "(%s %s %s)", logic_text(b, word, args, low, mid), word,
                           logic_text(b, word, args, mid + 1, high));
}

static MrStatus logic_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    int32_t n = ast->logic.n_args;
    const char *word = ast->logic.is_or ? "OR" : "AND";
    MrExpr **args = MR_NEW_N(b->arena, MrExpr *, n);
    for (int32_t i = 0; i < n; i++)
        MR_TRY(mr__expr_bind(b, ctx, ast->logic.args[i], &args[i]));
    const char *sql = logic_text(b, word, args, 0, n - 1);
    for (int32_t i = 0; i < n; i++) {
        const MrType *type = args[i]->type;
        if (type->kind == MR_TYPE_BOOLEAN)
            continue;
        if (type->kind == MR_TYPE_VOID || (type->kind == MR_TYPE_STRING && b->settings->ansi)) {
            MR_TRY(mr__cast(b, args[i], MR_T(BOOLEAN), &args[i]));
            continue;
        }
        /* The pair in which it stands. */
        int32_t low = 0, high = n - 1;
        while (high - low > 1) {
            int32_t mid = low + (high - low) / 2;
            if (i <= mid)
                high = mid;
            else
                low = mid + 1;
            if (low == high) {
                low = i > 0 ? i - 1 : i;
                high = i > 0 ? i : i + 1;
                break;
            }
        }
        const MrType *l = args[low]->type, *r = args[high]->type;
        MrSqlPlace place = {args[low]->sql_idx,
                            args[high]->sql_idx + args[high]->sql_len - args[low]->sql_idx};
        if (n == 2)
            place = ast->place;
        const char *pair =
            n == 2 ? sql
                   : mr_arena_printf(b->arena, "(%s %s %s)", args[low]->sql, word, args[high]->sql);
        if (mr_type_same_data(l, r))
            return mr__at(b, place,
                          MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__BINARY_OP_WRONG_TYPE,
                                  "sqlExpr", mr__quote_sql(b, pair), "inputType", "\"BOOLEAN\"",
                                  "actualDataType", mr__quote_type(b, l)));
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__BINARY_OP_DIFF_TYPES, "sqlExpr",
                              mr__quote_sql(b, pair), "left", mr__quote_type(b, l), "right",
                              mr__quote_type(b, r)));
    }
    *out = logic_expr(b, ast->logic.is_or, args, n);
    (*out)->sql = sql;
    return MR_OK;
}

static MrStatus between_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    MrExpr *value = NULL, *low = NULL, *high = NULL, **both = MR_NEW_N(b->arena, MrExpr *, 2);
    MR_TRY(mr__expr_bind(b, ctx, ast->between.value, &value));
    MR_TRY(mr__expr_bind(b, ctx, ast->between.low, &low));
    MR_TRY(mr__expr_bind(b, ctx, ast->between.high, &high));
    MR_TRY(mr__call_bind(b, ctx, ast->place, ">=", (MrExpr *[]){value, low}, 2,
                         mr_arena_printf(b->arena, "(%s >= %s)", value->sql, low->sql), &both[0]));
    MR_TRY(mr__call_bind(b, ctx, ast->place, "<=", (MrExpr *[]){value, high}, 2,
                         mr_arena_printf(b->arena, "(%s <= %s)", value->sql, high->sql), &both[1]));
    MrExpr *expr = logic_expr(b, false, both, 2);
    expr->sql = mr_arena_printf(b->arena, "between(%s, %s, %s)", value->sql, low->sql, high->sql);
    *out = expr;
    return ast->between.negated ? mr__not(b, ast->place, expr, out) : MR_OK;
}

static int64_t int_bytes(const MrType *type)
{
    bool is_int = type->kind == MR_TYPE_TINYINT || type->kind == MR_TYPE_SMALLINT ||
                  type->kind == MR_TYPE_INT || type->kind == MR_TYPE_BIGINT;
    return is_int ? mr_physical_bytes(mr_type_physical(type)) : 0;
}

/* Integer literals of a long list get the widest type here, so that no cast of each is folded. */
static void widen_ints(Binder *b, MrExpr **args, int32_t n)
{
    const MrType *widest = args[0]->type;
    for (int32_t i = 0; i < n; i++) {
        if (int_bytes(args[i]->type) == 0)
            return;
        widest = int_bytes(args[i]->type) > int_bytes(widest) ? args[i]->type : widest;
    }
    for (int32_t i = 1; i < n; i++) {
        const MrVector *from = args[i]->literal;
        if (args[i]->kind != MR_EXPR_LITERAL || args[i]->type->kind == widest->kind ||
            mr_vector_is_null(from, 0))
            continue;
        int64_t bytes = int_bytes(args[i]->type);
        int64_t value = bytes == 1   ? from->i8[0]
                        : bytes == 2 ? from->i16[0]
                        : bytes == 4 ? from->i32[0]
                                     : from->i64[0];
        MrExpr *wide = mr_expr_literal(b->arena, mr_vector_constant(b->arena, widest, &value));
        wide->sql = args[i]->sql;
        wide->sql_idx = args[i]->sql_idx;
        wide->sql_len = args[i]->sql_len;
        args[i] = wide; /* little-endian: the low bytes are the value */
    }
}

/* Constants are tried: most of them are casts of literals, which do not fail. */
static bool may_fail(Binder *b, const MrExpr *item)
{
    const MrVector *value;
    MrError ignored = {0};
    if (!mr_expr_can_fail(item))
        return false;
    return !mr_expr_is_constant(item) ||
           mr_expr_fold(b->arena, b->planner->context, item, &value, &ignored) != MR_OK;
}

/* An item that may fail counts only where none before it is equal: a IN (x, y, z), where y may
 * fail, is a IN (x) OR a = y OR a IN (z). */
static MrStatus in_lazily(Binder *b, MrExpr *in, MrExpr **out)
{
    MrExpr **args = in->args, **parts = MR_NEW_N(b->arena, MrExpr *, in->n_args);
    int32_t n_parts = 0;
    bool fails = false, *failing = MR_NEW_N(b->arena, bool, in->n_args);
    for (int32_t i = 1; i < in->n_args && in->kind == MR_EXPR_CALL; i++) {
        failing[i] = may_fail(b, args[i]);
        fails = fails || failing[i];
    }
    *out = in;
    if (!fails || in->kind != MR_EXPR_CALL || !mr_expr_is_pure(args[0]))
        return MR_OK;
    for (int32_t i = 1, next = 1; i < in->n_args; i = next) {
        bool one = failing[i];
        MrExpr **piece = MR_NEW_N(b->arena, MrExpr *, in->n_args);
        int32_t n = 1;
        piece[0] = args[0];
        do {
            piece[n++] = args[next++];
        } while (!one && next < in->n_args && !failing[next]);
        MR_TRY(mr_expr_call(b->arena, b->settings, one ? "=" : "in", piece, n, &parts[n_parts++],
                            b->err));
    }
    *out = n_parts == 1 ? parts[0] : logic_expr(b, true, parts, n_parts);
    (*out)->sql = in->sql;
    (*out)->sql_idx = in->sql_idx;
    (*out)->sql_len = in->sql_len;
    return MR_OK;
}

static MrStatus in_list_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    int32_t n = ast->in.n_items;
    MrExpr **args = MR_NEW_N(b->arena, MrExpr *, n + 1);
    MR_TRY(mr__expr_bind(b, ctx, ast->in.value, &args[0]));
    MrTextBuilder sql = {.arena = b->arena};
    mr_builder_printf(&sql, "(%s IN (", args[0]->sql);
    for (int32_t i = 0; i < n; i++) {
        MR_TRY(mr__expr_bind(b, ctx, ast->in.items[i], &args[i + 1]));
        mr_builder_printf(&sql, "%s%s", i ? ", " : "", args[i + 1]->sql);
    }
    mr_builder_str(&sql, "))");
    widen_ints(b, args, n + 1);
    MR_TRY(mr__call_bind(b, ctx, ast->place, "in", args, n + 1, mr_builder_text(&sql).data, out));
    MR_TRY(in_lazily(b, *out, out));
    return ast->in.negated ? mr__not(b, ast->place, *out, out) : MR_OK;
}

static MrStatus like_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    static const char *const names[] = {"like", "ilike", "rlike"};
    int32_t n = ast->like.n_patterns;
    MrExpr *value = NULL, *escape = NULL, **tests = MR_NEW_N(b->arena, MrExpr *, n);
    const char *name = names[ast->like.op];
    MR_TRY(mr__expr_bind(b, ctx, ast->like.value, &value));
    if (ast->like.escape)
        MR_TRY(mr__expr_bind(b, ctx, ast->like.escape, &escape));
    for (int32_t i = 0; i < n; i++) {
        MrExpr *args[3] = {value, NULL, escape};
        const char *sql;
        MR_TRY(mr__expr_bind(b, ctx, ast->like.patterns[i], &args[1]));
        if (ast->like.op == MR_SQL_OP_RLIKE)
            sql = mr_arena_printf(b->arena, "RLIKE(%s, %s)", value->sql, args[1]->sql);
        else if (ast->like.op == MR_SQL_OP_ILIKE)
            sql = mr_arena_printf(b->arena, "ilike(%s, %s)", value->sql, args[1]->sql);
        else
            sql = escape && strcmp(escape->sql, "\\") != 0
                      ? mr_arena_printf(b->arena, "%s LIKE %s ESCAPE '%s'", value->sql,
                                        args[1]->sql, escape->sql)
                      : mr_arena_printf(b->arena, "%s LIKE %s", value->sql, args[1]->sql);
        MR_TRY(mr__call_bind(b, ctx, ast->place, name, args, escape ? 3 : 2, sql, &tests[i]));
        if (ast->like.negated)
            MR_TRY(mr__not(b, ast->place, tests[i], &tests[i]));
    }
    if (n == 1 && ast->like.quantifier == MR_SQL_ONE) {
        *out = tests[0];
        return MR_OK;
    }
    bool is_or = ast->like.quantifier == MR_SQL_ANY;
    *out = n == 1 ? tests[0] : logic_expr(b, is_or, tests, n);
    if (n > 1)
        (*out)->sql = logic_text(b, is_or ? "OR" : "AND", tests, 0, n - 1);
    return MR_OK;
}

static MrStatus is_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    MrExpr *args[2] = {NULL, NULL};
    MR_TRY(mr__expr_bind(b, ctx, ast->is.value, &args[0]));
    bool negated = ast->is.negated;
    const char *value = args[0]->sql;
    if (ast->is.test == MR_SQL_IS_NULL || ast->is.test == MR_SQL_IS_UNKNOWN) {
        if (ast->is.test == MR_SQL_IS_UNKNOWN && args[0]->type->kind != MR_TYPE_BOOLEAN) {
            const MrType *to =
                mr_coerce_implicit(b->arena, b->settings, args[0]->type, MR_T(BOOLEAN));
            if (!to)
                return mr__at(
                    b, ast->place,
                    MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_INPUT_TYPE, "sqlExpr",
                            mr__quote_sql(b, mr_arena_printf(b->arena, "(%s IS %sUNKNOWN)", value,
                                                             negated ? "NOT " : "")),
                            "paramIndex", "first", "requiredType", "\"BOOLEAN\"", "inputSql",
                            mr__quote_sql(b, value), "inputType",
                            mr__quote_type(b, args[0]->type)));
            MR_TRY(mr__cast(b, args[0], to, &args[0]));
        }
        const char *word = ast->is.test == MR_SQL_IS_NULL ? "NULL" : "UNKNOWN";
        return mr__call_bind(
            b, ctx, ast->place, negated ? "isnotnull" : "isnull", args, 1,
            mr_arena_printf(b->arena, "(%s IS %s%s)", value, negated ? "NOT " : "", word), out);
    }
    bool truth = ast->is.test == MR_SQL_IS_TRUE;
    args[1] = mr_expr_bool(b->arena, truth);
    args[1]->sql = truth ? "true" : "false";
    MR_TRY(mr__call_bind(b, ctx, ast->place, "<=>", args, 2,
                         mr_arena_printf(b->arena, "(%s <=> %s)", value, args[1]->sql), out));
    return negated ? mr__not(b, ast->place, *out, out) : MR_OK;
}

/* ---------------------------------------------------------------- CASE */

const MrType *mr__common_type(Binder *b, MrExpr *const *exprs, int32_t n)
{
    const MrType *common = MR_T(VOID);
    for (int32_t pass = 0; pass < 2; pass++)
        for (int32_t i = 0; i < n && common; i++)
            if ((exprs[i]->type->kind == MR_TYPE_STRING) == (pass == 0))
                common = mr_coerce_common(b->arena, b->settings, common, exprs[i]->type);
    return common;
}

static MrStatus fail_diff_types(Binder *b, MrSqlPlace place, const char *sql, const char *function,
                                MrExpr *const *exprs, int32_t n)
{
    MrTextBuilder types = {.arena = b->arena};
    for (int32_t i = 0; i < n; i++)
        mr_builder_printf(&types, "%s%s", i ? ", " : "[", mr__quote_type(b, exprs[i]->type));
    mr_builder_char(&types, ']');
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__DATA_DIFF_TYPES, "sqlExpr",
                          mr__quote_sql(b, sql), "functionName", mr_quote_name(b->arena, function),
                          "dataType", mr_builder_text(&types).data));
}

/* when, then, ..., [else]: the results get one type. */
MrStatus mr__case_bind(Binder *b, MrSqlPlace place, MrExpr **args, int32_t n_args, const char *sql,
                       const char *function, MrExpr **out)
{
    MrExpr **values = MR_NEW_N(b->arena, MrExpr *, n_args);
    int32_t n = 0;
    for (int32_t i = 1; i < n_args; i += 2)
        values[n++] = args[i];
    if (n_args % 2)
        values[n++] = args[n_args - 1];
    for (int32_t i = 0; i + 1 < n_args; i += 2) {
        if (args[i]->type->kind == MR_TYPE_BOOLEAN)
            continue;
        const MrType *to = mr_coerce_implicit(b->arena, b->settings, args[i]->type, MR_T(BOOLEAN));
        if (!to) {
            static const char *const ordinals[] = {"first",  "second", "third",
                                                   "fourth", "fifth",  "sixth"};
            return mr__at(
                b, place,
                MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_INPUT_TYPE, "sqlExpr",
                        mr__quote_sql(b, sql), "paramIndex",
                        i / 2 < 6 ? ordinals[i / 2] : mr_arena_printf(b->arena, "%dth", i / 2 + 1),
                        "requiredType", "\"BOOLEAN\"", "inputSql", mr__quote_sql(b, args[i]->sql),
                        "inputType", mr__quote_type(b, args[i]->type)));
        }
        MR_TRY(mr__cast(b, args[i], to, &args[i]));
    }
    const MrType *type = mr__common_type(b, values, n);
    if (!type)
        return fail_diff_types(b, place, sql, function, values, n);
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_CASE;
    expr->type = type;
    expr->n_args = n_args;
    expr->args = args;
    expr->nullable = n_args % 2 == 0;
    for (int32_t i = 1; i < n_args; i += 2)
        MR_TRY(mr__cast_within(b, place, args[i], type, &args[i]));
    if (n_args % 2)
        MR_TRY(mr__cast_within(b, place, args[n_args - 1], type, &args[n_args - 1]));
    for (int32_t i = 1; i < n_args; i += 2)
        expr->nullable = expr->nullable || args[i]->nullable;
    if (n_args % 2)
        expr->nullable = expr->nullable || args[n_args - 1]->nullable;
    expr->sql = sql;
    expr_place(expr, place);
    *out = expr;
    return MR_OK;
}

MrStatus mr__coalesce_bind(Binder *b, MrSqlPlace place, MrExpr **args, int32_t n_args,
                           const char *sql, MrExpr **out)
{
    const MrType *type = mr__common_type(b, args, n_args);
    if (!type)
        return fail_diff_types(b, place, sql, "coalesce", args, n_args);
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_COALESCE;
    expr->type = type;
    expr->n_args = n_args;
    expr->args = MR_NEW_N(b->arena, MrExpr *, n_args);
    expr->nullable = true;
    for (int32_t i = 0; i < n_args; i++) {
        MR_TRY(mr__cast_within(b, place, args[i], type, &expr->args[i]));
        expr->nullable = expr->nullable && expr->args[i]->nullable;
    }
    expr->sql = sql;
    expr_place(expr, place);
    *out = expr;
    return MR_OK;
}

static MrStatus case_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    int32_t n = ast->cases.n_whens, n_args = 2 * n + (ast->cases.otherwise ? 1 : 0);
    MrExpr **args = MR_NEW_N(b->arena, MrExpr *, n_args), *value = NULL;
    MrTextBuilder sql = {.arena = b->arena};
    if (ast->cases.value)
        MR_TRY(mr__expr_bind(b, ctx, ast->cases.value, &value));
    mr_builder_str(&sql, "CASE");
    for (int32_t i = 0; i < n; i++) {
        const MrSqlWhen *when = &ast->cases.whens[i];
        MR_TRY(mr__expr_bind(b, ctx, when->when, &args[2 * i]));
        if (value)
            MR_TRY(
                mr__call_bind(b, ctx, ast->place, "=", (MrExpr *[]){value, args[2 * i]}, 2,
                              mr_arena_printf(b->arena, "(%s = %s)", value->sql, args[2 * i]->sql),
                              &args[2 * i]));
        MR_TRY(mr__expr_bind(b, ctx, when->then, &args[2 * i + 1]));
        mr_builder_printf(&sql, " WHEN %s THEN %s", args[2 * i]->sql, args[2 * i + 1]->sql);
    }
    if (ast->cases.otherwise) {
        MR_TRY(mr__expr_bind(b, ctx, ast->cases.otherwise, &args[2 * n]));
        mr_builder_printf(&sql, " ELSE %s", args[2 * n]->sql);
    }
    mr_builder_str(&sql, " END");
    return mr__case_bind(b, ast->place, args, n_args, mr_builder_text(&sql).data, "casewhen", out);
}

/* ---------------------------------------------------------------- casts, subscripts, structs */

static const MrType *type_own(Binder *b, const MrType *type, bool is_plain_timestamp)
{
    if (is_plain_timestamp && type->kind == MR_TYPE_TIMESTAMP && b->settings->timestamp_ntz)
        return MR_T(TIMESTAMP_NTZ);
    return type;
}

MrStatus mr__cast_written(Binder *b, MrSqlPlace place, MrExpr *arg, const MrType *type, bool is_try,
                          MrExpr **out)
{
    const char *sql = mr_arena_printf(b->arena, "%sCAST(%s AS %s)", is_try ? "TRY_" : "", arg->sql,
                                      mr_type_sql_text(b->arena, type));
    if (type->kind == MR_TYPE_STRING &&
        type->length > 0) { /* CAST(x AS CHAR(3)) is a string in Spark */
        MrType *plain = MR_NEW(b->arena, MrType);
        *plain = *type;
        plain->length = 0;
        plain->is_char = false;
        type = plain;
        sql = mr_arena_printf(b->arena, "%sCAST(%s AS STRING)", is_try ? "TRY_" : "", arg->sql);
    }
    MrCastMode mode = is_try ? MR_CAST_TRY : b->settings->ansi ? MR_CAST_ANSI : MR_CAST_LEGACY;
    MrExpr *cast = NULL;
    if (mr_type_equal(arg->type, type)) {
        cast = MR_NEW(b->arena, MrExpr);
        *cast = *arg;
    } else if (arg->type->kind == MR_TYPE_VOID) {
        cast = mr_expr_null(b->arena, type);
    } else {
        MrBound *bound = NULL;
        MR_TRY(mr__at(
            b, place,
            mr_cast_bind(b->arena, b->settings, arg->type, type, mode, arg->sql, &bound, b->err)));
        cast = MR_NEW(b->arena, MrExpr);
        cast->kind = MR_EXPR_CALL;
        cast->type = bound->type;
        cast->nullable = arg->nullable || is_try || (bound->flags & MR_FN_MAY_NULL) != 0;
        cast->n_args = 1;
        cast->args = MR_NEW_N(b->arena, MrExpr *, 1);
        cast->args[0] = arg;
        cast->bound = bound;
    }
    cast->sql = sql;
    expr_place(cast, place);
    *out = cast;
    return MR_OK;
}

MrStatus mr__subscript_bind(Binder *b, MrSqlPlace place, MrExpr *base, MrExpr *index, MrExpr **out)
{
    const MrType *type = base->type;
    if (type->kind == MR_TYPE_STRUCT ||
        (type->kind == MR_TYPE_ARRAY && index->kind == MR_EXPR_LITERAL &&
         index->type->kind == MR_TYPE_STRING && type->fields[0].type->kind == MR_TYPE_STRUCT)) {
        if (index->kind == MR_EXPR_LITERAL && index->type->kind == MR_TYPE_STRING)
            return mr__field_bind(b, place, base, index->sql, out);
    }
    const char *sql = mr_arena_printf(b->arena, "%s[%s]", base->sql, index->sql);
    if (type->kind != MR_TYPE_ARRAY && type->kind != MR_TYPE_MAP)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_INVALID_EXTRACT_BASE_FIELD_TYPE, "base",
                              mr__quote_sql(b, base->sql), "other", mr__quote_type(b, type)));
    return mr__call_bind(b, NULL, place, "[]", (MrExpr *[]){base, index}, 2, sql, out);
}

static MrStatus row_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    return mr__struct_bind(b, ctx, ast->place, "struct", ast->row.items, ast->row.n_items,
                           "named_struct", out);
}

/* ---------------------------------------------------------------- all of them */

static MrStatus param_bind(Binder *b, const MrSqlExpr *ast, MrExpr **out)
{
    const MrBindOptions *options = b->options;
    int32_t n_seen = 0;
    for (int32_t i = 0; i < options->n_params; i++) {
        const MrBindParam *param = &options->params[i];
        bool fits = ast->param.name ? param->name && strcmp(param->name, ast->param.name) == 0
                                    : !param->name && n_seen++ == ast->param.idx;
        if (!fits)
            continue;
        *out = mr_expr_literal(b->arena, param->value);
        MrTextBuilder text = {.arena = b->arena};
        if (param->value->type->kind == MR_TYPE_STRING || mr_type_is_numeric(param->value->type))
            mr_value_text(param->value, 0, MR_TEXT_CAST, b->settings, &text);
        else
            mr_value_text(param->value, 0, MR_TEXT_SQL, b->settings, &text);
        (*out)->sql = mr_vector_is_null(param->value, 0) ? "NULL" : mr_builder_text(&text).data;
        return MR_OK;
    }
    const char *name =
        ast->param.name ? ast->param.name : mr_arena_printf(b->arena, "_%d", ast->place.idx);
    return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND_UNBOUND_SQL_PARAMETER, "name", name));
}

static MrStatus expr_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    MrExpr *arg = NULL, *index = NULL;
    switch (ast->kind) {
    case MR_SQL_LITERAL:
        return literal_bind(b, ast, out);
    case MR_SQL_INTERVAL:
        return mr__interval_bind(b, ast, out);
    case MR_SQL_PARAM:
        return param_bind(b, ast, out);
    case MR_SQL_NAME: {
        MrSqlName name;
        MR_TRY(mr__name_plain(b, &ast->name, &name));
        return mr__name_bind(b, ctx, &name, ast->place, out);
    }
    case MR_SQL_STAR:
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_INVALID_USAGE_OF_STAR_OR_REGEX, "elem", "'*'",
                              "prettyName", "expression"));
    case MR_SQL_CALL:
        return mr__call_ast_bind(b, ctx, ast, out);
    case MR_SQL_UNARY:
        return unary_bind(b, ctx, ast, out);
    case MR_SQL_BINARY:
        return binary_bind(b, ctx, ast, out);
    case MR_SQL_LOGIC:
        return logic_bind(b, ctx, ast, out);
    case MR_SQL_BETWEEN:
        return between_bind(b, ctx, ast, out);
    case MR_SQL_IN_LIST:
        return in_list_bind(b, ctx, ast, out);
    case MR_SQL_LIKE:
        return like_bind(b, ctx, ast, out);
    case MR_SQL_IS:
        return is_bind(b, ctx, ast, out);
    case MR_SQL_IN_QUERY:
    case MR_SQL_EXISTS:
    case MR_SQL_SUBQUERY:
        return mr__subquery_bind(b, ctx, ast, out);
    case MR_SQL_CASE:
        return case_bind(b, ctx, ast, out);
    case MR_SQL_CAST:
        MR_TRY(mr__expr_bind(b, ctx, ast->cast.value, &arg));
        return mr__cast_written(b, ast->place, arg,
                                type_own(b, ast->cast.type, ast->cast.is_plain_timestamp),
                                ast->cast.is_try, out);
    case MR_SQL_FIELD:
        MR_TRY(mr__expr_bind(b, ctx, ast->field.base, &arg));
        return mr__field_bind(b, ast->place, arg, ast->field.name, out);
    case MR_SQL_SUBSCRIPT:
        MR_TRY(mr__expr_bind(b, ctx, ast->subscript.base, &arg));
        MR_TRY(mr__expr_bind(b, ctx, ast->subscript.index, &index));
        return mr__subscript_bind(b, ast->place, arg, index, out);
    case MR_SQL_VARIANT_PATH: {
        MR_TRY(mr__expr_bind(b, ctx, ast->path.base, &arg));
        MrExpr *args[3] = {arg, mr__literal_text(b, ast->path.path),
                           mr__literal_text(b, "variant")};
        return mr__call_bind(
            b, ctx, ast->place, "variant_get", args, 3,
            mr_arena_printf(b->arena, "variant_get(%s, %s)", arg->sql, ast->path.path), out);
    }
    case MR_SQL_COLLATE: {
        MR_TRY(mr__expr_bind(b, ctx, ast->collate.value, &arg));
        const char *name = ast->collate.collation.parts[ast->collate.collation.n_parts - 1];
        MrExpr *args[2] = {arg, mr__literal_text(b, name)};
        return mr__call_bind(b, ctx, ast->place, "collate", args, 2,
                             mr_arena_printf(b->arena, "collate(%s, %s)", arg->sql, name), out);
    }
    case MR_SQL_ROW:
        return row_bind(b, ctx, ast, out);
    case MR_SQL_ALIAS:
        return mr__expr_bind(b, ctx, ast->alias.value, out);
    case MR_SQL_LAMBDA:
        return mr__at(b, ast->place,
                      MR_FAIL(b->err,
                              MR_COND_INVALID_LAMBDA_FUNCTION_CALL__NON_HIGHER_ORDER_FUNCTION,
                              "class", "lambda"));
    case MR_SQL_TABLE_ARG:
        return mr__at(b, ast->place,
                      MR_FAIL_UNSUPPORTED(b->err, "TABLE as an argument of a function"));
    }
    return MR_FAIL_INTERNAL(b->err, "expression kind %d", ast->kind);
}

MrStatus mr__expr_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    MrExpr *expr = NULL;
    MR_TRY(expr_bind(b, ctx, ast, &expr));
    expr_place(expr, ast->place);
    if (!expr->sql)
        expr->sql = mr_expr_text(b->arena, b->settings, expr);
    *out = expr;
    return MR_OK;
}
