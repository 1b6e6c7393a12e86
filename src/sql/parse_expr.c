/* parse_expr.c - operators: precedence climbing for those of values, then predicates, NOT, AND and
 * OR.
 *
 * AND and OR are read in one loop into n-ary nodes; other chains lean to the left without
 * recursion. */
#include "sql/parse_int.h"

/* ---------------------------------------------------------------- values */

/* - + ~ before a primary; a minus before a number is part of it. */
static APART MrSqlExpr *signs(MrParser *parser)
{
    int32_t start = parser->at;
    int kind = mr__peek(parser);
    while (kind == MR_TOK_MINUS || kind == MR_TOK_PLUS || kind == MR_TOK_TILDE) {
        parser->at++;
        kind = mr__peek(parser);
    }
    int32_t last = parser->at;
    MrSqlExpr *expr;
    if (mr__is_number(kind) && parser->tokens[last - 1].kind == MR_TOK_MINUS) {
        last--;
        expr = mr__postfixes(parser, mr__number(parser, true, last), last);
    } else {
        expr = mr__primary(parser);
    }
    while (last-- > start) {
        MrSqlExpr *outer = mr__expr_new(parser, MR_SQL_UNARY, last);
        int op = parser->tokens[last].kind;
        outer->unary.op = op == MR_TOK_MINUS  ? MR_SQL_MINUS
                          : op == MR_TOK_PLUS ? MR_SQL_PLUS
                                              : MR_SQL_TILDE;
        outer->unary.operand = expr;
        mr__over(parser, outer, expr);
        expr = outer;
    }
    return expr;
}

static MrSqlExpr *unary(MrParser *parser)
{
    int kind = mr__peek(parser);
    bool sign = kind == MR_TOK_MINUS || kind == MR_TOK_PLUS || kind == MR_TOK_TILDE;
    return sign ? signs(parser) : mr__primary(parser);
}

enum { PREC_COMPARE = 1, PREC_OR, PREC_XOR, PREC_AND, PREC_SHIFT, PREC_ADD, PREC_MULTIPLY };

/* Do n tokens of > touch each other from here? */
static bool touching(const MrParser *parser, int32_t n)
{
    for (int32_t i = 0; i < n; i++) {
        const MrToken *token = &parser->tokens[parser->at + i];
        if (token->kind != MR_TOK_GREATER || (i > 0 && token->idx != token[-1].idx + 1))
            return false;
    }
    return true;
}

/* The operator at the next token: its precedence, 0 for none, and how many tokens it takes. */
static int binary_op(const MrParser *parser, MrSqlBinaryOp *op, int32_t *n_tokens)
{
    *n_tokens = 1;
    switch (mr__peek(parser)) {
#define OP(token, name, prec)                                                                      \
    case token:                                                                                    \
        *op = MR_SQL_OP_##name;                                                                    \
        return prec
        OP(MR_TOK_EQUAL, EQUAL, PREC_COMPARE);
        OP(MR_TOK_EQUAL_NULL, EQUAL_NULL_SAFE, PREC_COMPARE);
        OP(MR_TOK_NOT_EQUAL, NOT_EQUAL, PREC_COMPARE);
        OP(MR_TOK_BANG_EQUAL, NOT_EQUAL, PREC_COMPARE);
        OP(MR_TOK_LESS, LESS, PREC_COMPARE);
        OP(MR_TOK_LESS_EQUAL, LESS_EQUAL, PREC_COMPARE);
        OP(MR_TOK_GREATER_EQUAL, GREATER_EQUAL, PREC_COMPARE);
        OP(MR_TOK_PIPE, BIT_OR, PREC_OR);
        OP(MR_TOK_HAT, BIT_XOR, PREC_XOR);
        OP(MR_TOK_AMPERSAND, BIT_AND, PREC_AND);
        OP(MR_TOK_SHIFT_LEFT, SHIFT_LEFT, PREC_SHIFT);
        OP(MR_TOK_PLUS, ADD, PREC_ADD);
        OP(MR_TOK_MINUS, SUBTRACT, PREC_ADD);
        OP(MR_TOK_CONCAT, CONCAT, PREC_ADD);
        OP(MR_TOK_STAR, MULTIPLY, PREC_MULTIPLY);
        OP(MR_TOK_SLASH, DIVIDE, PREC_MULTIPLY);
        OP(MR_TOK_PERCENT, REMAINDER, PREC_MULTIPLY);
#undef OP
    case MR_KW_DIV:
        *op = MR_SQL_OP_DIV;
        return mr__starts_expr(mr__peek_at(parser, 1)) ? PREC_MULTIPLY : 0;
    case MR_TOK_GREATER:
        *n_tokens = touching(parser, 3) ? 3 : touching(parser, 2) ? 2 : 1;
        *op = *n_tokens == 3   ? MR_SQL_OP_SHIFT_RIGHT_UNSIGNED
              : *n_tokens == 2 ? MR_SQL_OP_SHIFT_RIGHT
                               : MR_SQL_OP_GREATER;
        return *n_tokens > 1 ? PREC_SHIFT : PREC_COMPARE;
    default:
        return 0;
    }
}

static MrSqlExpr *value_from(MrParser *parser, int least)
{
    int32_t start = parser->at, n_tokens;
    MrSqlExpr *left = unary(parser);
    MrSqlBinaryOp op;
    for (;;) {
        int prec = binary_op(parser, &op, &n_tokens);
        if (prec < least || prec == 0)
            return left;
        parser->at += n_tokens;
        MrSqlExpr *right = prec == PREC_MULTIPLY ? unary(parser) : value_from(parser, prec + 1);
        MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_BINARY, start);
        expr->binary.op = op;
        expr->binary.left = left;
        expr->binary.right = right;
        mr__over(parser, expr, left);
        mr__over(parser, expr, right);
        left = expr;
    }
}

MrSqlExpr *mr__value(MrParser *parser)
{
    mr__enter(parser);
    MrSqlExpr *expr = value_from(parser, PREC_COMPARE);
    mr__leave(parser);
    return expr;
}

/* ---------------------------------------------------------------- predicates */

/* The words of IN, without NOT, are the next tokens. */
static APART MrSqlExpr *in_expr(MrParser *parser, MrSqlExpr *value, bool negated, int32_t start)
{
    parser->at += 2;
    MrSqlExpr *expr;
    if (mr__peek(parser) == MR_TOK_RIGHT_PAREN) {
        parser->at++;
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_INVALID_SQL_SYNTAX__EMPTY_IN_PREDICATE);
    }
    MrSqlQuery *query = NULL;
    MrSqlExpr **items = NULL;
    int32_t n = 0, cap = 0, inside = parser->at;
    if (mr__is_query(parser, 0)) {
        query = mr__query(parser);
    } else {
        MrSqlExpr *first = mr__expr(parser);
        if (first->kind == MR_SQL_SUBQUERY && first->in_brackets && mr__continues_query(parser)) {
            query = mr__query_after(parser, first->query, inside);
        } else {
            MR_PUSH(parser->arena, items, n, cap, first);
            while (mr__accept(parser, MR_TOK_COMMA))
                MR_PUSH(parser->arena, items, n, cap, mr__expr(parser));
        }
    }
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    expr = mr__expr_new(parser, query != NULL ? MR_SQL_IN_QUERY : MR_SQL_IN_LIST, start);
    expr->in.value = value;
    expr->in.negated = negated;
    expr->in.query = query;
    expr->in.items = items;
    expr->in.n_items = n;
    mr__over(parser, expr, value);
    mr__over_all(parser, expr, items, n);
    return expr;
}

static APART MrSqlExpr *like_expr(MrParser *parser, MrSqlExpr *value, bool negated, int32_t start)
{
    int word = parser->tokens[parser->at++].kind, next = mr__peek(parser);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LIKE, start);
    expr->like.op = word == MR_KW_LIKE    ? MR_SQL_OP_LIKE
                    : word == MR_KW_ILIKE ? MR_SQL_OP_ILIKE
                                          : MR_SQL_OP_RLIKE;
    expr->like.negated = negated;
    expr->like.value = value;
    bool quantified = (next == MR_KW_ANY || next == MR_KW_SOME || next == MR_KW_ALL) &&
                      mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN && word != MR_KW_RLIKE;
    if (quantified) {
        expr->like.quantifier = next == MR_KW_ALL ? MR_SQL_ALL : MR_SQL_ANY;
        parser->at += 2;
        expr->like.n_patterns = mr__exprs(parser, &expr->like.patterns);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    } else {
        expr->like.patterns = mr_arena_alloc(parser->arena, sizeof *expr->like.patterns);
        expr->like.patterns[0] = mr__value(parser);
        expr->like.n_patterns = 1;
        if (word != MR_KW_RLIKE && mr__peek(parser) == MR_KW_ESCAPE && mr__is_string(parser, 1)) {
            int32_t escape = ++parser->at;
            MrText text = mr__string_text(parser);
            expr->like.escape = mr__expr_string(parser, text.data, escape);
            expr->like.escape->lit.str = text;
            if (mr_utf8_length(text.data, text.size_bytes) != 1)
                mr__fail(parser, mr__place_from(parser, escape), MR_COND_INVALID_ESCAPE_CHAR,
                         "sqlExpr", mr_arena_printf(parser->arena, "\"%s\"", text.data));
        }
    }
    expr->place = mr__place_from(parser, start);
    mr__over(parser, expr, value);
    mr__over_all(parser, expr, expr->like.patterns, expr->like.n_patterns);
    return expr;
}

static APART MrSqlExpr *between_expr(MrParser *parser, MrSqlExpr *value, bool negated,
                                     int32_t start)
{
    parser->at++;
    MrSqlExpr *low = mr__value(parser);
    mr__expect(parser, MR_KW_AND);
    MrSqlExpr *high = mr__value(parser);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_BETWEEN, start);
    expr->between.negated = negated;
    expr->between.value = value;
    expr->between.low = low;
    expr->between.high = high;
    mr__over(parser, expr, value);
    mr__over(parser, expr, low);
    mr__over(parser, expr, high);
    return expr;
}

static APART MrSqlExpr *is_expr(MrParser *parser, MrSqlExpr *value, int32_t whole)
{
    int32_t start = parser->at++;
    bool negated = mr__accept(parser, MR_KW_NOT) || mr__accept(parser, MR_TOK_BANG);
    MrSqlExpr *expr;
    if (mr__accept2(parser, MR_KW_DISTINCT, MR_KW_FROM)) {
        MrSqlExpr *right = mr__value(parser);
        expr = mr__expr_new(parser, MR_SQL_BINARY, whole);
        expr->binary.op = negated ? MR_SQL_OP_NOT_DISTINCT_FROM : MR_SQL_OP_DISTINCT_FROM;
        expr->binary.left = value;
        expr->binary.right = right;
        expr->place = mr__place_from(parser, start);
        mr__over(parser, expr, right);
    } else {
        MrSqlIs test = MR_SQL_IS_NULL;
        switch (mr__peek(parser)) {
        case MR_KW_NULL:
            break;
        case MR_KW_TRUE:
            test = MR_SQL_IS_TRUE;
            break;
        case MR_KW_FALSE:
            test = MR_SQL_IS_FALSE;
            break;
        case MR_KW_UNKNOWN:
            test = MR_SQL_IS_UNKNOWN;
            break;
        default:
            mr__fail_syntax(parser);
        }
        parser->at++;
        expr = mr__expr_new(parser, MR_SQL_IS, start);
        expr->is.test = test;
        expr->is.negated = negated;
        expr->is.value = value;
    }
    mr__over(parser, expr, value);
    return expr;
}

/* value [predicate]; the place of IN, LIKE and so on is without the value, as in Spark. */
static MrSqlExpr *predicated(MrParser *parser)
{
    int32_t whole = parser->at;
    MrSqlExpr *value = mr__value(parser);
    int32_t start = parser->at;
    int kind = mr__peek(parser), n = 0;
    if (kind == MR_KW_NOT || kind == MR_TOK_BANG)
        kind = mr__peek_at(parser, ++n);
    switch (kind) {
    case MR_KW_IN:
        if (mr__peek_at(parser, n + 1) != MR_TOK_LEFT_PAREN)
            return value;
        parser->at += n;
        return in_expr(parser, value, n > 0, start);
    case MR_KW_BETWEEN:
        parser->at += n;
        return between_expr(parser, value, n > 0, start);
    case MR_KW_LIKE:
    case MR_KW_ILIKE:
    case MR_KW_RLIKE:
        parser->at += n;
        return like_expr(parser, value, n > 0, start);
    case MR_KW_IS:
        return n > 0 ? value : is_expr(parser, value, whole);
    default:
        return value;
    }
}

static MrSqlExpr *conjunction(MrParser *parser);

static bool is_not(const MrParser *parser)
{
    return mr__peek(parser) == MR_TOK_BANG ||
           (mr__peek(parser) == MR_KW_NOT &&
            (mr__starts_expr(mr__peek_at(parser, 1)) || mr__peek_at(parser, 1) == MR_TOK_STAR));
}

static APART MrSqlExpr *nots(MrParser *parser)
{
    int32_t start = parser->at;
    while (is_not(parser))
        parser->at++;
    int32_t last = parser->at;
    MrSqlExpr *expr = predicated(parser);
    while (last-- > start) {
        MrSqlExpr *outer = mr__expr_new(parser, MR_SQL_UNARY, last);
        outer->unary.op = MR_SQL_NOT;
        outer->unary.operand = expr;
        mr__over(parser, outer, expr);
        expr = outer;
    }
    return expr;
}

static MrSqlExpr *negation(MrParser *parser)
{
    return is_not(parser) ? nots(parser) : predicated(parser);
}

/* first is read, its AND or OR is next. */
static APART MrSqlExpr *logic(MrParser *parser, MrSqlExpr *first, int word, int32_t start)
{
    MrSqlExpr **args = NULL;
    int32_t n = 0, cap = 0;
    MR_PUSH(parser->arena, args, n, cap, first);
    while (mr__accept(parser, word))
        MR_PUSH(parser->arena, args, n, cap,
                word == MR_KW_OR ? conjunction(parser) : negation(parser));
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LOGIC, start);
    expr->logic.is_or = word == MR_KW_OR;
    expr->logic.n_args = n;
    expr->logic.args = args;
    mr__over_all(parser, expr, args, n);
    return expr;
}

static MrSqlExpr *conjunction(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlExpr *first = negation(parser);
    return mr__peek(parser) == MR_KW_AND ? logic(parser, first, MR_KW_AND, start) : first;
}

MrSqlExpr *mr__expr(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlExpr *first = conjunction(parser);
    return mr__peek(parser) == MR_KW_OR ? logic(parser, first, MR_KW_OR, start) : first;
}
