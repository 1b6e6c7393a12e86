/* parse_primary.c - what operators stand between: literals, names, brackets, CASE, EXISTS, and what
 * follows these ([0], .a, ::int).
 *
 * A word with a form of its own is tried as that when what follows fits, and is a name or a
 * function otherwise. */
#include "sql/parse_int.h"

/* ---------------------------------------------------------------- nodes */

MrSqlExpr *mr__expr_new(MrParser *parser, MrSqlExprKind kind, int32_t start)
{
    MrSqlExpr *expr = MR_NEW(parser->arena, MrSqlExpr);
    expr->kind = kind;
    expr->place = mr__place_from(parser, start);
    expr->height = 1;
    return expr;
}

void mr__over(MrParser *parser, MrSqlExpr *expr, const MrSqlExpr *child)
{
    if (child != NULL && child->height >= expr->height) {
        expr->height = child->height + 1;
        mr__check_height(parser, expr->height);
    }
}

void mr__over_all(MrParser *parser, MrSqlExpr *expr, MrSqlExpr *const *children, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        mr__over(parser, expr, children[i]);
}

MrSqlExpr *mr__expr_string(MrParser *parser, const char *text, int32_t start)
{
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LITERAL, start);
    expr->lit.kind = MR_SQL_LIT_STRING;
    expr->lit.type = MR_T(STRING);
    expr->lit.str = mr_text(text);
    return expr;
}

MrSqlExpr *mr__expr_name(MrParser *parser, const char *name, int32_t start)
{
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_NAME, start);
    mr__name_append(parser, &expr->name, name);
    expr->name.place = expr->place;
    return expr;
}

/* Could an expression start with this token?  Words could, but those between operands and clauses
 * are taken for what they usually are. */
bool mr__starts_expr(int kind)
{
    switch (kind) {
    case MR_TOK_LEFT_PAREN:
    case MR_TOK_BANG:
    case MR_TOK_PLUS:
    case MR_TOK_MINUS:
    case MR_TOK_TILDE:
    case MR_TOK_COLON:
    case MR_TOK_QUESTION:
    case MR_TOK_STRING:
    case MR_TOK_DOUBLE_QUOTED:
    case MR_TOK_IDENT:
    case MR_TOK_BACKQUOTED:
        return true;
    case MR_KW_FROM:
    case MR_KW_AS:
    case MR_KW_WHERE:
    case MR_KW_GROUP:
    case MR_KW_HAVING:
    case MR_KW_ORDER:
    case MR_KW_UNION:
    case MR_KW_EXCEPT:
    case MR_KW_MINUS:
    case MR_KW_INTERSECT:
    case MR_KW_AND:
    case MR_KW_OR:
    case MR_KW_THEN:
    case MR_KW_ELSE:
    case MR_KW_END:
    case MR_KW_WHEN:
    case MR_KW_IN:
    case MR_KW_IS:
    case MR_KW_LIKE:
    case MR_KW_ILIKE:
    case MR_KW_RLIKE:
    case MR_KW_BETWEEN:
    case MR_KW_LIMIT:
    case MR_KW_DIV:
    case MR_KW_ASC:
    case MR_KW_DESC:
        return false;
    default:
        return mr__is_number(kind) || kind >= (int)MR_TOK_FIRST_KEYWORD;
    }
}

/* ---------------------------------------------------------------- lists */

int32_t mr__exprs(MrParser *parser, MrSqlExpr ***out)
{
    MrSqlExpr **exprs = NULL;
    int32_t n = 0, cap = 0;
    do {
        MR_PUSH(parser->arena, exprs, n, cap, mr__expr(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = exprs;
    return n;
}

/* expr [AS] name, expr [AS] (a, b) */
static APART MrSqlExpr *alias_of(MrParser *parser, MrSqlExpr *value, int32_t start)
{
    bool as = mr__accept(parser, MR_KW_AS);
    MrSqlExpr *expr;
    if (mr__peek(parser) == MR_TOK_LEFT_PAREN && (as || mr__is_name_at(parser, 1))) {
        expr = mr__expr_new(parser, MR_SQL_ALIAS, start);
        expr->alias.n_names = mr__name_list(parser, &expr->alias.names);
        expr->alias.is_list = true;
    } else if (as || (mr__is_name_at(parser, 0) && !mr__is_clause(parser))) {
        expr = mr__expr_new(parser, MR_SQL_ALIAS, start);
        expr->alias.names = mr_arena_alloc(parser->arena, sizeof *expr->alias.names);
        expr->alias.names[0] = mr__name_part(parser);
        expr->alias.n_names = 1;
    } else {
        return value;
    }
    expr->alias.value = value;
    expr->place = mr__place_from(parser, start);
    mr__over(parser, expr, value);
    return expr;
}

MrSqlExpr *mr__named_expr(MrParser *parser)
{
    int32_t start = parser->at;
    return alias_of(parser, mr__expr(parser), start);
}

int32_t mr__named_exprs(MrParser *parser, MrSqlExpr ***out)
{
    MrSqlExpr **exprs = NULL;
    int32_t n = 0, cap = 0;
    do {
        MR_PUSH(parser->arena, exprs, n, cap, mr__named_expr(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = exprs;
    return n;
}

void mr__sort(MrParser *parser, MrSqlSort *out)
{
    int32_t start = parser->at;
    *out = (MrSqlSort){.expr = mr__expr(parser)};
    if (mr__accept(parser, MR_KW_DESC))
        out->descending = true;
    else
        mr__accept(parser, MR_KW_ASC);
    if (mr__accept2(parser, MR_KW_NULLS, MR_KW_FIRST))
        out->nulls = MR_SQL_NULLS_FIRST;
    else if (mr__accept2(parser, MR_KW_NULLS, MR_KW_LAST))
        out->nulls = MR_SQL_NULLS_LAST;
    out->place = mr__place_from(parser, start);
}

int32_t mr__sorts(MrParser *parser, MrSqlSort **out)
{
    MrSqlSort *sorts = NULL, sort;
    int32_t n = 0, cap = 0;
    do {
        mr__sort(parser, &sort);
        MR_PUSH(parser->arena, sorts, n, cap, sort);
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = sorts;
    return n;
}

/* ---------------------------------------------------------------- brackets */

static APART MrSqlExpr *typed_literal(MrParser *parser);

static APART bool is_lambda_list(const MrParser *parser)
{
    int32_t n = 1;
    while (mr__is_name_at(parser, n)) {
        n++;
        if (mr__peek_at(parser, n) == MR_TOK_RIGHT_PAREN)
            return mr__peek_at(parser, n + 1) == MR_TOK_ARROW;
        if (mr__peek_at(parser, n++) != MR_TOK_COMMA)
            return false;
    }
    return false;
}

static APART MrSqlExpr *lambda_expr(MrParser *parser)
{
    int32_t start = parser->at, n = 0, cap = 0;
    const char **params = NULL;
    bool brackets = mr__accept(parser, MR_TOK_LEFT_PAREN);
    do {
        MR_PUSH(parser->arena, params, n, cap, mr__name_part_plain(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    if (brackets)
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    mr__expect(parser, MR_TOK_ARROW);
    MrSqlExpr *body = mr__expr(parser);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LAMBDA, start);
    expr->lambda.n_params = n;
    expr->lambda.params = params;
    expr->lambda.body = body;
    mr__over(parser, expr, body);
    return expr;
}

static APART MrSqlExpr *subquery_expr(MrParser *parser, MrSqlQuery *query, int32_t start)
{
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_SUBQUERY, start);
    expr->query = query;
    expr->in_brackets = true;
    return expr;
}

static APART MrSqlExpr *row_expr(MrParser *parser, MrSqlExpr *first, int32_t start)
{
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_ROW, start);
    int32_t cap = 0;
    MR_PUSH(parser->arena, expr->row.items, expr->row.n_items, cap, first);
    while (mr__accept(parser, MR_TOK_COMMA))
        MR_PUSH(parser->arena, expr->row.items, expr->row.n_items, cap, mr__named_expr(parser));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    expr->place = mr__place_from(parser, start);
    mr__over_all(parser, expr, expr->row.items, expr->row.n_items);
    return expr;
}

/* (SELECT 'a', 'b'): Spark takes SELECT 'a' for a literal of a type named SELECT here. */
static APART void refuse_typed_select(MrParser *parser)
{
    int32_t n = 1;
    if (mr__peek(parser) != MR_KW_SELECT)
        return;
    while (mr__is_string(parser, n) && mr__peek_at(parser, n + 1) == MR_TOK_COMMA)
        n += 2;
    if (n > 1 && mr__is_string(parser, n) && mr__peek_at(parser, n + 1) == MR_TOK_RIGHT_PAREN)
        typed_literal(parser);
}

/* ( query )  ( a, b )  ( a )  (a, b) -> c */
/* The first expression is read, no closing bracket follows: (a AS x, b), or a set operation. */
static APART MrSqlExpr *bracket_rest(MrParser *parser, MrSqlExpr *first, int32_t start)
{
    if (first->kind == MR_SQL_SUBQUERY && first->in_brackets && mr__continues_query(parser))
        return subquery_expr(parser, mr__query_after(parser, first->query, start + 1), start);
    first = alias_of(parser, first, start + 1);
    if (mr__peek(parser) != MR_TOK_COMMA) {
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        parser->at--;
        mr__fail_syntax(parser); /* one thing with a name is no row */
    }
    return row_expr(parser, first, start);
}

static MrSqlExpr *bracket_expr(MrParser *parser)
{
    int32_t start = parser->at;
    if (is_lambda_list(parser))
        return lambda_expr(parser);
    parser->at++;
    refuse_typed_select(parser);
    if (mr__is_query(parser, 0))
        return subquery_expr(parser, mr__query(parser), start);
    MrSqlExpr *first = mr__expr(parser);
    if (!mr__accept(parser, MR_TOK_RIGHT_PAREN))
        return bracket_rest(parser, first, start);
    if (first->kind != MR_SQL_SUBQUERY)
        first->in_brackets = true;
    return first;
}

/* ---------------------------------------------------------------- words */

static void fail_typed_literal(MrParser *parser, int32_t start, const char *type, MrText value)
{
    mr__fail(parser, mr__place_from(parser, start), MR_COND_INVALID_TYPED_LITERAL, "valueType",
             mr_arena_printf(parser->arena, "\"%s\"", type), "value",
             mr_arena_printf(parser->arena, "'%.*s'",
                             (int)(value.size_bytes < 200 ? value.size_bytes : 200), value.data));
}

static void binary_literal(MrParser *parser, MrSqlExpr *expr, MrText hex, int32_t start)
{
    int64_t n = (hex.size_bytes + 1) / 2;
    char *bytes = mr_arena_alloc(parser->arena, n);
    for (int64_t i = 0; i < n; i++) {
        int value = 0;
        for (int64_t j = 2 * i - hex.size_bytes % 2; j < 2 * i + 2 - hex.size_bytes % 2; j++) {
            int digit = j < 0 ? 0 : mr_hex_digit(hex.data[j]);
            if (digit < 0)
                fail_typed_literal(parser, start, "X", hex);
            value = 16 * value + digit;
        }
        bytes[i] = (char)value;
    }
    expr->lit.kind = MR_SQL_LIT_BINARY;
    expr->lit.type = MR_T(BINARY);
    expr->lit.str = (MrText){bytes, n};
}

/* DATE '2020-01-01': the word is the next token, a string the one after it. */
static APART MrSqlExpr *typed_literal(MrParser *parser)
{
    int32_t start = parser->at;
    const char *word = mr_arena_lower(parser->arena, mr__token_text(parser, parser->at++));
    int kind = parser->tokens[start].kind;
    MrText text = mr__string_text(parser);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LITERAL, start);
    expr->lit.kind = MR_SQL_LIT_TYPED;
    expr->lit.str = text;
    switch (kind) {
    case MR_KW_DATE:
        expr->lit.type = MR_T(DATE);
        break;
    case MR_KW_TIME:
        expr->lit.type = MR_T(TIME);
        break;
    case MR_KW_TIMESTAMP:
        expr->lit.type = parser->options->timestamp_ntz ? MR_T(TIMESTAMP_NTZ) : MR_T(TIMESTAMP);
        expr->lit.is_plain_timestamp = true;
        break;
    case MR_KW_TIMESTAMP_LTZ:
        expr->lit.type = MR_T(TIMESTAMP);
        break;
    case MR_KW_TIMESTAMP_NTZ:
        expr->lit.type = MR_T(TIMESTAMP_NTZ);
        break;
    case MR_KW_X:
        binary_literal(parser, expr, text, start);
        break;
    default: {
        char *upper = mr_arena_str(parser->arena, word);
        for (char *c = upper; *c != 0; c++)
            if (*c >= 'a' && *c <= 'z')
                *c = (char)(*c - 32);
        mr__fail(parser, expr->place, MR_COND_UNSUPPORTED_TYPED_LITERAL, "unsupportedType",
                 mr_arena_printf(parser->arena, "\"%s\"", upper), "supportedTypes",
                 "\"DATE\", \"TIMESTAMP_NTZ\", \"TIMESTAMP_LTZ\", \"TIMESTAMP\", \"INTERVAL\", "
                 "\"X\", \"TIME\"");
    }
    }
    return expr;
}

static void star_except(MrParser *parser, MrSqlExpr *expr)
{
    if (mr__peek(parser) != MR_KW_EXCEPT || mr__peek_at(parser, 1) != MR_TOK_LEFT_PAREN ||
        mr__is_query(parser, 2) || mr__peek_at(parser, 2) == MR_TOK_LEFT_PAREN)
        return;
    parser->at += 2;
    expr->star.has_except = true;
    expr->star.n_except = mr__column_names(parser, &expr->star.except);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

/* A name, a call, a qualified star, a lambda or a typed literal. */
static APART MrSqlExpr *name_expr(MrParser *parser)
{
    int32_t start = parser->at;
    if (mr__peek_at(parser, 1) == MR_TOK_ARROW)
        return lambda_expr(parser);
    if (mr__is_string(parser, 1) && mr__is_name_at(parser, 0))
        return typed_literal(parser);
    MrSqlName name = {0};
    bool clause = mr__is_identifier_clause(parser, 0);
    if (clause)
        mr__name(parser, &name); /* also takes what follows the clause */
    else
        mr__name_append(parser, &name, mr__name_part_plain(parser));
    while (!clause && mr__peek(parser) == MR_TOK_DOT) {
        if (mr__peek_at(parser, 1) == MR_TOK_STAR) {
            parser->at += 2;
            name.place = mr__place_from(parser, start);
            MrSqlExpr *star = mr__expr_new(parser, MR_SQL_STAR, start);
            star->star.qualifier = name;
            star_except(parser, star);
            star->place = mr__place_from(parser, start);
            return star;
        }
        parser->at++;
        if (mr__is_identifier_clause(parser, 0) && mr__is_string(parser, 2)) {
            MrSqlName rest;
            mr__name(parser, &rest);
            for (int32_t i = 0; i < rest.n_parts; i++)
                mr__name_append(parser, &name, rest.parts[i]);
        } else {
            mr__name_append(parser, &name, mr__name_part_plain(parser));
        }
    }
    name.place = mr__place_from(parser, start);
    if (mr__peek(parser) == MR_TOK_LEFT_PAREN)
        return mr__call_of(parser, &name, NULL, start);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_NAME, start);
    expr->name = name;
    return expr;
}

static APART MrSqlExpr *word_literal(MrParser *parser, MrSqlLiteralKind kind, int64_t value)
{
    int32_t start = parser->at++;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LITERAL, start);
    expr->lit.kind = kind;
    expr->lit.type = kind == MR_SQL_LIT_NULL ? MR_T(VOID) : MR_T(BOOLEAN);
    expr->lit.i64 = value;
    return expr;
}

static bool is_ansi_niladic(int kind)
{
    return kind == MR_KW_CURRENT_DATE || kind == MR_KW_CURRENT_TIMESTAMP ||
           kind == MR_KW_CURRENT_TIME || kind == MR_KW_CURRENT_USER || kind == MR_KW_USER ||
           kind == MR_KW_SESSION_USER;
}

static APART MrSqlExpr *case_expr(MrParser *parser)
{
    int32_t start = parser->at++, cap = 0;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_CASE, start);
    if (mr__peek(parser) != MR_KW_WHEN)
        expr->cases.value = mr__expr(parser);
    while (mr__accept(parser, MR_KW_WHEN)) {
        MrSqlWhen when;
        when.when = mr__expr(parser);
        mr__expect(parser, MR_KW_THEN);
        when.then = mr__expr(parser);
        mr__over(parser, expr, when.when);
        mr__over(parser, expr, when.then);
        MR_PUSH(parser->arena, expr->cases.whens, expr->cases.n_whens, cap, when);
    }
    if (expr->cases.n_whens == 0)
        mr__fail_syntax(parser);
    if (mr__accept(parser, MR_KW_ELSE))
        expr->cases.otherwise = mr__expr(parser);
    mr__expect(parser, MR_KW_END);
    mr__over(parser, expr, expr->cases.value);
    mr__over(parser, expr, expr->cases.otherwise);
    expr->place = mr__place_from(parser, start);
    return expr;
}

static APART MrSqlExpr *keyword_expr(MrParser *parser)
{
    int next = mr__peek_at(parser, 1);
    switch (mr__peek(parser)) {
    case MR_KW_NULL:
        return word_literal(parser, MR_SQL_LIT_NULL, 0);
    case MR_KW_TRUE:
        if (next != MR_TOK_DOT)
            return word_literal(parser, MR_SQL_LIT_BOOLEAN, 1);
        break;
    case MR_KW_FALSE:
        if (next != MR_TOK_DOT)
            return word_literal(parser, MR_SQL_LIT_BOOLEAN, 0);
        break;
    case MR_KW_INTERVAL:
        if (mr__is_interval(parser))
            return mr__interval(parser);
        break;
    case MR_KW_CASE:
        if (next == MR_KW_WHEN || mr__starts_expr(next) || next == MR_TOK_STAR)
            return case_expr(parser);
        break;
    case MR_KW_EXISTS:
        if (next == MR_TOK_LEFT_PAREN &&
            (mr__is_query(parser, 2) ||
             (mr__peek_at(parser, 2) == MR_TOK_LEFT_PAREN && mr__is_query(parser, 3)))) {
            int32_t start = parser->at;
            parser->at += 2;
            MrSqlQuery *query = mr__query(parser);
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
            MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_EXISTS, start);
            expr->query = query;
            return expr;
        }
        break;
    default:
        if (next == MR_TOK_LEFT_PAREN) {
            MrSqlExpr *form = mr__form(parser);
            if (form != NULL)
                return form;
        } else if (parser->options->ansi_keywords && is_ansi_niladic(mr__peek(parser))) {
            MrSqlExpr *call = mr__syntax_call(
                parser, mr_arena_lower(parser->arena, mr__token_text(parser, parser->at)),
                parser->at, NULL, 0);
            parser->at++;
            call->call.without_brackets = true;
            return call;
        }
    }
    return name_expr(parser);
}

/* ---------------------------------------------------------------- primaries */

static APART MrSqlExpr *param_expr(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_PARAM, start);
    if (mr__accept(parser, MR_TOK_QUESTION)) {
        expr->param.idx = parser->n_marks++;
    } else {
        MrText name = mr__token_text(parser, parser->at + 1);
        parser->at += 2;
        expr->param.name = mr_arena_strn(parser->arena, name.data, name.size_bytes);
    }
    expr->place = mr__place_from(parser, start);
    return expr;
}

static APART MrSqlExpr *string_expr(MrParser *parser)
{
    int32_t start = parser->at;
    if (mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN ||
        (mr__peek_at(parser, 1) == MR_TOK_DOT && mr__peek_at(parser, 3) == MR_TOK_LEFT_PAREN))
        mr__fail_syntax(parser); /* "f"(): strings name no functions */
    MrText text = mr__string_text(parser);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LITERAL, start);
    expr->lit.kind = MR_SQL_LIT_STRING;
    expr->lit.type = MR_T(STRING);
    expr->lit.str = text;
    return expr;
}

static APART MrSqlExpr *star_expr(MrParser *parser)
{
    int32_t start = parser->at++;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_STAR, start);
    star_except(parser, expr);
    expr->place = mr__place_from(parser, start);
    return expr;
}

static MrSqlExpr *atom(MrParser *parser)
{
    int32_t start = parser->at;
    int kind = mr__peek(parser);
    if (kind == MR_TOK_LEFT_PAREN)
        return bracket_expr(parser);
    if (mr__is_number(kind))
        return mr__number(parser, false, start);
    if (mr__is_string(parser, 0))
        return string_expr(parser);
    if (kind == MR_TOK_QUESTION || (kind == MR_TOK_COLON && mr__is_name_at(parser, 1)))
        return param_expr(parser);
    if (kind == MR_TOK_STAR)
        return star_expr(parser);
    if (kind >= (int)MR_TOK_FIRST_KEYWORD)
        return keyword_expr(parser);
    return name_expr(parser);
}

/* a:b.c[0]['d e']; the colon is the next token. */
static APART MrSqlExpr *variant_path(MrParser *parser, MrSqlExpr *base, int32_t start)
{
    MrTextBuilder path = {.arena = parser->arena};
    bool first = true;
    parser->at++;
    mr_builder_char(&path, '$');
    for (;; first = false) {
        if (mr__accept(parser, MR_TOK_LEFT_BRACKET)) {
            if (mr__is_string(parser, 0))
                mr_builder_printf(&path, "['%s']", mr__string(parser));
            else if (mr__accept(parser, MR_TOK_STAR))
                mr_builder_str(&path, "[*]");
            else
                mr_builder_printf(&path, "[%lld]", (long long)mr__integer(parser));
            mr__expect(parser, MR_TOK_RIGHT_BRACKET);
        } else if (first || (mr__peek(parser) == MR_TOK_DOT && mr__is_name_at(parser, 1))) {
            if (!first)
                parser->at++;
            bool quoted = mr__peek(parser) == MR_TOK_BACKQUOTED;
            const char *part = mr__name_part_plain(parser);
            mr_builder_printf(&path, quoted ? "['%s']" : ".%s", part);
        } else {
            break;
        }
    }
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_VARIANT_PATH, start);
    expr->path.base = base;
    expr->path.path = mr_builder_text(&path).data;
    mr__over(parser, expr, base);
    return expr;
}

static APART MrSqlExpr *subscript(MrParser *parser, MrSqlExpr *base, int32_t start)
{
    parser->at++;
    MrSqlExpr *index = mr__value(parser);
    mr__expect(parser, MR_TOK_RIGHT_BRACKET);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_SUBSCRIPT, start);
    expr->subscript.base = base;
    expr->subscript.index = index;
    mr__over(parser, expr, base);
    mr__over(parser, expr, index);
    return expr;
}

/* .name behind anything; names are put together, as (a).b is a.b in Spark too. */
static APART MrSqlExpr *field(MrParser *parser, MrSqlExpr *base, int32_t start)
{
    parser->at++;
    const char *name = mr__name_part_plain(parser);
    MrSqlExpr *expr;
    if (base->kind == MR_SQL_NAME && base->name.identifier == NULL) {
        expr = mr__expr_new(parser, MR_SQL_NAME, start);
        for (int32_t i = 0; i < base->name.n_parts; i++)
            mr__name_append(parser, &expr->name, base->name.parts[i]);
        mr__name_append(parser, &expr->name, name);
        expr->name.place = expr->place;
        return expr;
    }
    expr = mr__expr_new(parser, MR_SQL_FIELD, start);
    expr->field.base = base;
    expr->field.name = name;
    mr__over(parser, expr, base);
    return expr;
}

static APART MrSqlExpr *colon_cast(MrParser *parser, MrSqlExpr *base, int32_t start)
{
    parser->at++;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_CAST, start);
    expr->cast.value = base;
    expr->cast.is_colons = true;
    expr->cast.type = mr__type(parser, &expr->cast.is_plain_timestamp);
    expr->place = mr__place_from(parser, start);
    mr__over(parser, expr, base);
    return expr;
}

static APART MrSqlExpr *collate(MrParser *parser, MrSqlExpr *base, int32_t start)
{
    parser->at++;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_COLLATE, start);
    expr->collate.value = base;
    mr__name(parser, &expr->collate.collation);
    expr->place = mr__place_from(parser, start);
    mr__over(parser, expr, base);
    return expr;
}

MrSqlExpr *mr__postfixes(MrParser *parser, MrSqlExpr *expr, int32_t start)
{
    for (;;) {
        switch (mr__peek(parser)) {
        case MR_TOK_LEFT_BRACKET:
            expr = subscript(parser, expr, start);
            continue;
        case MR_TOK_DOUBLE_COLON:
            expr = colon_cast(parser, expr, start);
            continue;
        case MR_TOK_DOT:
            if (!mr__is_name_at(parser, 1))
                mr__fail_syntax(parser);
            expr = field(parser, expr, start);
            continue;
        case MR_TOK_COLON:
            expr = variant_path(parser, expr, start);
            continue;
        case MR_KW_COLLATE:
            if (mr__is_name_at(parser, 1)) {
                expr = collate(parser, expr, start);
                continue;
            }
            return expr;
        default:
            return expr;
        }
    }
}

MrSqlExpr *mr__primary(MrParser *parser)
{
    int32_t start = parser->at;
    return mr__postfixes(parser, atom(parser), start);
}
