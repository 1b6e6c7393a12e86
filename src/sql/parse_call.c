/* parse_call.c - calls, and the forms with words in the brackets: CAST, EXTRACT, TRIM ...  Such a
 * word is an ordinary function where its form does not follow. */
#include "sql/parse_int.h"

/* What may follow the closing bracket: WITHIN GROUP, FILTER, IGNORE NULLS, OVER. */
static APART void call_tail(MrParser *parser, MrSqlCall *call)
{
    if (mr__accept2(parser, MR_KW_WITHIN, MR_KW_GROUP)) {
        mr__expect(parser, MR_TOK_LEFT_PAREN);
        mr__expect(parser, MR_KW_ORDER);
        mr__expect(parser, MR_KW_BY);
        call->n_within = mr__sorts(parser, &call->within);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
    if (mr__accept3(parser, MR_KW_FILTER, MR_TOK_LEFT_PAREN, MR_KW_WHERE)) {
        call->filter = mr__expr(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
    if (mr__accept2(parser, MR_KW_IGNORE, MR_KW_NULLS))
        call->nulls = MR_SQL_IGNORE_NULLS;
    else if (mr__accept2(parser, MR_KW_RESPECT, MR_KW_NULLS))
        call->nulls = MR_SQL_RESPECT_NULLS;
    if (mr__peek(parser) == MR_KW_OVER &&
        (mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN || mr__is_name_at(parser, 1))) {
        parser->at++;
        call->over = MR_NEW(parser->arena, MrSqlWindow);
        mr__window(parser, call->over);
    }
}

static void arg_name(MrParser *parser, MrSqlCall *call, int32_t n, const char *name)
{
    /* Named arguments are few: the array is made when the first one comes, with room for 64. */
    if (call->arg_names == NULL)
        call->arg_names = mr_arena_zeroed(parser->arena, (int64_t)sizeof(char *) * (n + 64));
    call->arg_names[n] = name;
}

static MrSqlExpr *call_arg(MrParser *parser, MrSqlCall *call, int32_t n)
{
    if (mr__is_name_at(parser, 0) && mr__peek_at(parser, 1) == MR_TOK_FAT_ARROW) {
        if (n >= 64)
            mr__fail_syntax(parser);
        arg_name(parser, call, n, mr__name_part_plain(parser));
        parser->at++;
    } else if (call->arg_names != NULL && n < 64) {
        arg_name(parser, call, n, NULL);
    }
    if (mr__peek(parser) == MR_KW_TABLE &&
        (mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN || mr__is_name_at(parser, 1)))
        return mr__table_arg(parser);
    return mr__expr(parser);
}

/* The arguments and the closing bracket; first: an argument read already, or NULL. */
static APART void call_args(MrParser *parser, MrSqlCall *call, MrSqlExpr *first)
{
    int32_t cap = 0;
    if (first == NULL && mr__accept(parser, MR_TOK_RIGHT_PAREN))
        return;
    if (first == NULL &&
        mr__starts_expr(mr__peek_at(parser, 1) == MR_TOK_STAR ? MR_TOK_STRING
                                                              : mr__peek_at(parser, 1))) {
        if (mr__peek(parser) == MR_KW_DISTINCT) {
            call->distinct = true;
            parser->at++;
        } else if (mr__peek(parser) == MR_KW_ALL) {
            parser->at++;
        }
    }
    if (first != NULL) {
        MR_PUSH(parser->arena, call->args, call->n_args, cap, first);
        if (!mr__accept(parser, MR_TOK_COMMA))
            goto close;
    }
    do {
        MrSqlExpr *arg = call_arg(parser, call, call->n_args);
        MR_PUSH(parser->arena, call->args, call->n_args, cap, arg);
    } while (mr__accept(parser, MR_TOK_COMMA));
close:
    if (mr__accept2(parser, MR_KW_IGNORE, MR_KW_NULLS))
        call->nulls = MR_SQL_IGNORE_NULLS;
    else if (mr__accept2(parser, MR_KW_RESPECT, MR_KW_NULLS))
        call->nulls = MR_SQL_RESPECT_NULLS;
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

static APART void call_finish(MrParser *parser, MrSqlExpr *expr, int32_t start)
{
    MrSqlCall *call = &expr->call;
    expr->place = mr__place_from(parser, start);
    mr__over_all(parser, expr, call->args, call->n_args);
    mr__over(parser, expr, call->filter);
    for (int32_t i = 0; i < call->n_within; i++)
        mr__over(parser, expr, call->within[i].expr);
    if (call->over != NULL) {
        mr__over_all(parser, expr, call->over->partition, call->over->n_partition);
        for (int32_t i = 0; i < call->over->n_order; i++)
            mr__over(parser, expr, call->over->order[i].expr);
    }
}

/* The name is read, its bracket is next. */
MrSqlExpr *mr__call_of(MrParser *parser, const MrSqlName *name, MrSqlExpr *first, int32_t start)
{
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_CALL, start);
    expr->call.name = *name;
    if (first == NULL)
        mr__expect(parser, MR_TOK_LEFT_PAREN);
    call_args(parser, &expr->call, first);
    call_tail(parser, &expr->call);
    call_finish(parser, expr, start);
    return expr;
}

MrSqlExpr *mr__call(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlName name;
    mr__name(parser, &name);
    return mr__call_of(parser, &name, NULL, start);
}

/* A call made from special syntax: the bracket is closed by the caller. */
APART MrSqlExpr *mr__syntax_call(MrParser *parser, const char *name, int32_t start,
                                 MrSqlExpr *const *args, int32_t n_args)
{
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_CALL, start);
    mr__name_append(parser, &expr->call.name, name);
    expr->call.is_syntax = true;
    expr->call.args = mr_arena_alloc(parser->arena, (int64_t)sizeof *args * (n_args + 1));
    for (int32_t i = 0; i < n_args; i++)
        expr->call.args[i] = args[i];
    expr->call.n_args = n_args;
    call_finish(parser, expr, start);
    return expr;
}

/* The first argument of position(, substring( and the like is read; the ordinary call goes on. */
static MrSqlExpr *plain_call(MrParser *parser, MrSqlExpr *first, int32_t start)
{
    MrSqlName name = {0};
    MrText word = mr__token_text(parser, start);
    mr__name_append(parser, &name, mr_arena_strn(parser->arena, word.data, word.size_bytes));
    return mr__call_of(parser, &name, first, start);
}

/* ---------------------------------------------------------------- forms with words in the brackets
 */

static APART MrSqlExpr *cast_expr(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_CAST, start);
    expr->cast.is_try = mr__peek(parser) == MR_KW_TRY_CAST;
    parser->at += 2;
    expr->cast.value = mr__expr(parser);
    mr__expect(parser, MR_KW_AS);
    expr->cast.type = mr__type(parser, &expr->cast.is_plain_timestamp);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    expr->place = mr__place_from(parser, start);
    mr__over(parser, expr, expr->cast.value);
    return expr;
}

static APART MrSqlExpr *extract_expr(MrParser *parser)
{
    int32_t start = parser->at;
    parser->at += 2;
    MrSqlExpr *args[2];
    int32_t field = parser->at;
    args[0] = mr__expr_string(parser, mr__name_part_plain(parser), field);
    args[0]->place = mr__place_from(parser, field);
    parser->at++; /* FROM */
    args[1] = mr__value(parser);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    return mr__syntax_call(parser, "extract", start, args, 2);
}

static APART MrSqlExpr *position_expr(MrParser *parser)
{
    int32_t start = parser->at;
    parser->at += 2;
    if (mr__peek(parser) == MR_TOK_RIGHT_PAREN || mr__peek_at(parser, 1) == MR_TOK_FAT_ARROW) {
        parser->at--;
        return plain_call(parser, NULL, start);
    }
    MrSqlExpr *args[2] = {mr__value(parser)};
    if (!mr__accept(parser, MR_KW_IN))
        return plain_call(parser, args[0], start);
    args[1] = mr__value(parser);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    return mr__syntax_call(parser, "locate", start, args, 2);
}

static APART MrSqlExpr *substring_expr(MrParser *parser)
{
    int32_t start = parser->at, n = 2;
    parser->at += 2;
    if (mr__peek(parser) == MR_TOK_RIGHT_PAREN || mr__peek_at(parser, 1) == MR_TOK_FAT_ARROW) {
        parser->at--;
        return plain_call(parser, NULL, start);
    }
    MrSqlExpr *args[3] = {mr__value(parser)};
    if (!mr__accept(parser, MR_KW_FROM))
        return plain_call(parser, args[0], start);
    args[1] = mr__value(parser);
    if (mr__accept(parser, MR_KW_FOR))
        args[n++] = mr__value(parser);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    return mr__syntax_call(parser, "substring", start, args, n);
}

static APART MrSqlExpr *trim_expr(MrParser *parser)
{
    int32_t start = parser->at;
    const char *name = "trim";
    parser->at += 2;
    int side = mr__peek(parser), next = mr__peek_at(parser, 1);
    bool has_side = (side == MR_KW_BOTH || side == MR_KW_LEADING || side == MR_KW_TRAILING) &&
                    (next == MR_KW_FROM || mr__starts_expr(next)) && next != MR_TOK_LEFT_BRACKET;
    if (has_side) {
        name = side == MR_KW_LEADING ? "ltrim" : side == MR_KW_TRAILING ? "rtrim" : "trim";
        parser->at++;
    } else if (side == MR_TOK_RIGHT_PAREN || next == MR_TOK_FAT_ARROW) {
        parser->at--;
        return plain_call(parser, NULL, start);
    }
    MrSqlExpr *args[2];
    int32_t n = 0;
    if (mr__peek(parser) != MR_KW_FROM)
        args[n++] = mr__value(parser);
    if (!has_side && n == 1 && mr__peek(parser) != MR_KW_FROM)
        return plain_call(parser, args[0], start);
    mr__expect(parser, MR_KW_FROM);
    args[n++] = mr__value(parser);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    return mr__syntax_call(parser, name, start, args, n);
}

static APART MrSqlExpr *overlay_expr(MrParser *parser)
{
    int32_t start = parser->at, n = 3;
    parser->at += 2;
    MrSqlExpr *args[4] = {mr__value(parser)};
    if (!mr__accept(parser, MR_KW_PLACING))
        return plain_call(parser, args[0], start);
    args[1] = mr__value(parser);
    mr__expect(parser, MR_KW_FROM);
    args[2] = mr__value(parser);
    if (mr__accept(parser, MR_KW_FOR))
        args[n++] = mr__value(parser);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    return mr__syntax_call(parser, "overlay", start, args, n);
}

/* DATEADD('MONTH', 1, d): the unit must be a word. */
static void check_unit_arg(MrParser *parser, const MrSqlExpr *expr, int32_t start)
{
    const MrSqlCall *call = &expr->call;
    if (call->n_args != 3 || call->args[0]->kind != MR_SQL_LITERAL ||
        call->args[0]->lit.kind != MR_SQL_LIT_STRING)
        return;
    MrText unit = call->args[0]->lit.str;
    mr__fail(
        parser, expr->place, MR_COND_INVALID_PARAMETER_VALUE__DATETIME_UNIT, "functionName",
        mr_quote_name(parser->arena, mr_arena_lower(parser->arena, mr__token_text(parser, start))),
        "parameter", "`unit`", "invalidValue",
        mr_arena_printf(parser->arena, "'%.*s'",
                        (int)(unit.size_bytes < 200 ? unit.size_bytes : 200), unit.data));
}

static bool is_unit_arg(const MrParser *parser)
{
    MrSqlUnit unit;
    bool plural;
    return mr__unit_find(mr__peek_at(parser, 2), &unit, &plural) && !plural &&
           unit != MR_SQL_UNIT_NANOSECOND && mr__peek_at(parser, 3) == MR_TOK_COMMA;
}

/* TIMESTAMPADD(DAY, 1, t) and its kin; the word alone may be a column too: date_add(day, 1). */
static APART MrSqlExpr *unit_call(MrParser *parser, const char *name)
{
    int32_t start = parser->at;
    MrSqlExpr *expr;
    if (!is_unit_arg(parser)) {
        parser->at++;
        MrSqlName plain = {0};
        MrText word = mr__token_text(parser, start);
        mr__name_append(parser, &plain, mr_arena_strn(parser->arena, word.data, word.size_bytes));
        expr = mr__call_of(parser, &plain, NULL, start);
        check_unit_arg(parser, expr, start);
        return expr;
    }
    parser->at += 2;
    int32_t unit = parser->at;
    const char *word = mr__name_part_plain(parser);
    parser->at++; /* the comma */
    MrSqlExpr *args[3];
    args[1] = mr__value(parser);
    if (!mr__accept(parser, MR_TOK_COMMA)) {
        args[0] = mr__expr_name(parser, word, unit);
        args[0]->place = args[0]->name.place =
            (MrSqlPlace){parser->tokens[unit].idx, parser->tokens[unit].len};
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        MrText plain = mr__token_text(parser, start);
        expr = mr__syntax_call(parser, mr_arena_strn(parser->arena, plain.data, plain.size_bytes),
                               start, args, 2);
        expr->call.is_syntax = false;
        return expr;
    }
    args[0] = mr__expr_string(parser, word, unit);
    args[2] = mr__value(parser);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    return mr__syntax_call(parser, name, start, args, 3);
}

static APART MrSqlExpr *struct_expr(MrParser *parser)
{
    int32_t start = parser->at;
    parser->at += 2;
    MrSqlExpr **args = NULL;
    int32_t n = 0;
    if (mr__peek(parser) != MR_TOK_RIGHT_PAREN)
        n = mr__named_exprs(parser, &args);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_CALL, start);
    MrText word = mr__token_text(parser, start);
    mr__name_append(parser, &expr->call.name,
                    mr_arena_strn(parser->arena, word.data, word.size_bytes));
    expr->call.args = args;
    expr->call.n_args = n;
    call_tail(parser, &expr->call);
    call_finish(parser, expr, start);
    return expr;
}

/* A word followed by a bracket that has a form of its own; NULL: an ordinary function. */
MrSqlExpr *mr__form(MrParser *parser)
{
    switch (mr__peek(parser)) {
    case MR_KW_CAST:
    case MR_KW_TRY_CAST:
        return cast_expr(parser);
    case MR_KW_STRUCT:
        return struct_expr(parser);
    case MR_KW_POSITION:
        return position_expr(parser);
    case MR_KW_SUBSTR:
    case MR_KW_SUBSTRING:
        return substring_expr(parser);
    case MR_KW_TRIM:
        return trim_expr(parser);
    case MR_KW_OVERLAY:
        return overlay_expr(parser);
    case MR_KW_EXTRACT:
        if (mr__is_name_at(parser, 2) && mr__peek_at(parser, 3) == MR_KW_FROM)
            return extract_expr(parser);
        return NULL;
    case MR_KW_TIMESTAMPADD:
    case MR_KW_DATEADD:
    case MR_KW_DATE_ADD:
        return unit_call(parser, "timestampadd");
    case MR_KW_TIMESTAMPDIFF:
    case MR_KW_DATEDIFF:
    case MR_KW_DATE_DIFF:
    case MR_KW_TIMEDIFF:
        return unit_call(parser, "timestampdiff");
    default:
        return NULL;
    }
}
