/* parse.c - the parser's entries, its tokens, failures and names. */
#include "sql/parse_int.h"

/* Stack that one parse may use.  A thread has 256 KiB at least; the sanitizers' frames are larger.
 */
#if defined(__SANITIZE_ADDRESS__)
#define STACK_BYTES (2 << 20)
#else
#define STACK_BYTES (208 << 10)
#endif

/* ---------------------------------------------------------------- tokens */

bool mr__accept2(MrParser *parser, int first, int second)
{
    if (mr__peek(parser) != first || mr__peek_at(parser, 1) != second)
        return false;
    parser->at += 2;
    return true;
}

bool mr__accept3(MrParser *parser, int first, int second, int third)
{
    if (mr__peek(parser) != first || mr__peek_at(parser, 1) != second ||
        mr__peek_at(parser, 2) != third)
        return false;
    parser->at += 3;
    return true;
}

void mr__expect(MrParser *parser, int kind)
{
    if (!mr__accept(parser, kind))
        mr__fail_syntax(parser);
}

MrText mr__token_text(const MrParser *parser, int32_t at)
{
    const MrToken *token = &parser->tokens[at];
    return (MrText){parser->text.data + token->idx, token->len};
}
/* ---------------------------------------------------------------- places */

/* A token's place in the statement: a parameter's value stands where its marker does. */
static MrSqlPlace token_place(const MrParser *parser, int32_t at)
{
    const MrToken *token = &parser->tokens[at];
    if (token->idx < parser->text_bytes || parser->n_splices == 0)
        return (MrSqlPlace){token->idx, token->len};
    int32_t low = 0, high = parser->n_splices - 1;
    while (low < high) {
        int32_t middle = (low + high + 1) / 2;
        if (parser->splices[middle].idx <= token->idx)
            low = middle;
        else
            high = middle - 1;
    }
    return parser->splices[low].place;
}

MrSqlPlace mr__place_from(const MrParser *parser, int32_t start)
{
    MrSqlPlace first = token_place(parser, start);
    if (parser->at <= start)
        return first;
    MrSqlPlace last = token_place(parser, parser->at - 1);
    return (MrSqlPlace){first.idx, last.idx + last.len - first.idx};
}

const char *mr__source(MrParser *parser, int32_t start, int32_t end)
{
    if (end <= start)
        return "";
    const MrToken *first = &parser->tokens[start], *last = &parser->tokens[end - 1];
    int32_t idx = first->idx, stop = last->idx + last->len;
    if ((first->idx < parser->text_bytes) != (last->idx < parser->text_bytes)) {
        MrSqlPlace place = token_place(parser, end - 1); /* a parameter at one end: its marker */
        idx = token_place(parser, start).idx;
        stop = place.idx + place.len;
    }
    return mr_arena_strn(parser->arena, parser->text.data + idx, stop - idx);
}

/* ---------------------------------------------------------------- failing */

void mr__fail_jump(MrParser *parser, MrSqlPlace place)
{
    mr_error_at(parser->err, place.idx, place.len);
    longjmp(parser->failed, 1);
}

#define SHOWN_TOKEN_MAX 200

/* 'word', with line ends escaped, or end of input. */
static const char *token_shown(MrParser *parser, int32_t at)
{
    if (parser->tokens[at].kind == MR_TOK_END)
        return "end of input";
    MrText text = mr__token_text(parser, at);
    while (*text.data == '>' &&
           text.data + text.size_bytes < parser->text.data + parser->text.size_bytes &&
           text.data[text.size_bytes] == '>')
        text.size_bytes++; /* >> is one token to Spark */
    MrTextBuilder shown = {.arena = parser->arena};
    mr_builder_char(&shown, '\'');
    for (int64_t i = 0; i < text.size_bytes && i < SHOWN_TOKEN_MAX; i++) {
        char c = text.data[i];
        if (c == '\n' || c == '\r' || c == '\t') {
            mr_builder_char(&shown, '\\');
            c = c == '\n' ? 'n' : c == '\r' ? 'r' : 't';
        }
        mr_builder_char(&shown, c);
    }
    mr_builder_char(&shown, '\'');
    return mr_builder_text(&shown).data;
}

void mr__fail_syntax(MrParser *parser)
{
    MrSqlPlace place = token_place(parser, parser->at);
    mr__fail(parser, place, MR_COND_PARSE_SYNTAX_ERROR, "error", token_shown(parser, parser->at),
             "hint", "");
    abort(); /* not reached: tells the compiler so */
}

static void expect_end(MrParser *parser)
{
    int32_t last = parser->at;
    while (mr__accept(parser, MR_TOK_SEMICOLON))
        last = parser->at;
    if (mr__peek(parser) == MR_TOK_END)
        return;
    const char *shown = token_shown(parser, parser->at);
    if (mr__peek_at(parser, 1) != MR_TOK_END || last != parser->at)
        mr__fail_syntax(parser);
    /* One token too many is what Spark calls extra. */
    mr__fail(parser, token_place(parser, parser->at), MR_COND_PARSE_SYNTAX_ERROR, "error", shown,
             "hint", mr_arena_printf(parser->arena, ": extra input %s", shown));
}

void mr__fail_unsupported(MrParser *parser, int32_t start, const char *feature)
{
    (void)MR_FAIL_UNSUPPORTED(parser->err, "%s", feature);
    mr__fail_jump(parser, mr__place_from(parser, start));
}

static void fail_too_complex(MrParser *parser)
{
    mr__fail(parser, token_place(parser, parser->at), MR_COND_FAILED_TO_PARSE_TOO_COMPLEX);
}

void mr__enter(MrParser *parser)
{
    const char *here = __builtin_frame_address(0);
    if (++parser->depth > MR_SQL_MAX_DEPTH || parser->stack - here > STACK_BYTES)
        fail_too_complex(parser);
}

void mr__check_height(MrParser *parser, int32_t height)
{
    if (height > MR_SQL_MAX_HEIGHT)
        fail_too_complex(parser);
}

/* ---------------------------------------------------------------- names */

static bool is_name(const MrParser *parser, int kind, bool as_alias)
{
    if (kind == MR_TOK_IDENT || kind == MR_TOK_BACKQUOTED)
        return true;
    if (kind == MR_TOK_DOUBLE_QUOTED)
        return parser->options->double_quoted_identifiers;
    if (kind < (int)MR_TOK_FIRST_KEYWORD)
        return false;
    const MrKeyword *keyword = mr__keyword(kind);
    if (parser->options->ansi_keywords)
        return !keyword->reserved;
    return !as_alias || !keyword->strict;
}

bool mr__is_name_at(const MrParser *parser, int32_t n)
{
    return is_name(parser, mr__peek_at(parser, n), false);
}

bool mr__is_alias_at(const MrParser *parser, int32_t n)
{
    return is_name(parser, mr__peek_at(parser, n), true);
}

bool mr__is_identifier_clause(const MrParser *parser, int32_t n)
{
    return mr__peek_at(parser, n) == MR_KW_IDENTIFIER &&
           mr__peek_at(parser, n + 1) == MR_TOK_LEFT_PAREN;
}

/* What is in the quotes, doubled ones halved. */
static const char *unquoted(MrParser *parser, MrText text)
{
    char quote = text.data[0];
    char *out = mr_arena_alloc(parser->arena, text.size_bytes);
    int64_t n = 0;
    for (int64_t i = 1; i < text.size_bytes - 1; i++) {
        out[n++] = text.data[i];
        if (text.data[i] == quote)
            i++;
    }
    out[n] = 0;
    return out;
}

static bool is_plain_word(MrText text)
{
    for (int64_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_'))
            return false;
    }
    return true;
}

/* IDENTIFIER('a.b'): the parts of the constant; anything else goes to the binder as an expression.
 */
static void identifier_clause(MrParser *parser, MrSqlName *out)
{
    int32_t start = parser->at;
    parser->at += 2;
    int32_t first = parser->at;
    MrSqlExpr *expr = mr__expr(parser);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    if (expr->kind == MR_SQL_LITERAL && expr->lit.kind == MR_SQL_LIT_STRING) {
        MrSqlName inner;
        if (mr_sql_parse_name(parser->arena, expr->lit.str, parser->options, &inner, parser->err) !=
            MR_OK) {
            parser->err->sql_idx = -1;
            mr__fail_jump(parser, mr__place_from(parser, first));
        }
        for (int32_t i = 0; i < inner.n_parts; i++)
            mr__name_append(parser, out, inner.parts[i]);
    } else {
        out->identifier = expr;
    }
    out->place = mr__place_from(parser, start);
}

/* A name of one part where only one is possible. */
static const char *identifier_part(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlName name = {0};
    identifier_clause(parser, &name);
    if (name.n_parts == 1)
        return name.parts[0];
    if (name.identifier != NULL) {
        parser->at = start + 1;
        mr__fail_syntax(parser);
    }
    mr__fail(parser, name.place, MR_COND_IDENTIFIER_TOO_MANY_NAME_PARTS, "identifier",
             mr_quote_names(parser->arena, name.parts, name.n_parts), "limit", "1");
    abort();
}

const char *mr__name_part_plain(MrParser *parser)
{
    if (mr__is_identifier_clause(parser, 0) && mr__is_string(parser, 2) &&
        !parser->options->legacy_identifier_clause)
        return identifier_part(parser);
    if (!mr__is_name_at(parser, 0))
        mr__fail_syntax(parser);
    int kind = mr__peek(parser);
    MrText text = mr__token_text(parser, parser->at);
    parser->at++;
    if (kind == MR_TOK_BACKQUOTED || kind == MR_TOK_DOUBLE_QUOTED)
        return unquoted(parser, text);
    const char *part = mr_arena_strn(parser->arena, text.data, text.size_bytes);
    if (kind == MR_TOK_IDENT && !is_plain_word(text))
        mr__fail(parser, mr__place_from(parser, parser->at - 1), MR_COND_INVALID_IDENTIFIER,
                 "ident", part);
    return part;
}

const char *mr__name_part(MrParser *parser)
{
    int32_t start = parser->at;
    const char *part = mr__name_part_plain(parser);
    if (mr__peek(parser) != MR_TOK_MINUS || !mr__is_name_at(parser, 1))
        return part;
    while (mr__peek(parser) == MR_TOK_MINUS && mr__is_name_at(parser, 1))
        parser->at += 2;
    mr__fail(parser, mr__place_from(parser, start), MR_COND_INVALID_IDENTIFIER, "ident",
             mr__source(parser, start, parser->at));
    return part;
}

void mr__name_append(MrParser *parser, MrSqlName *name, const char *part)
{
    int32_t n = name->n_parts;
    const char **parts = name->parts;
    if (n == 0 || (n & (n - 1)) == 0) { /* powers of two are full */
        parts = mr_arena_alloc(parser->arena, (int64_t)sizeof *parts * (n == 0 ? 1 : 2 * n));
        if (n > 0)
            memcpy(parts, name->parts, sizeof *parts * (size_t)n);
    }
    parts[n] = part;
    name->parts = parts;
    name->n_parts = n + 1;
}

/* Whether the clause may begin the name, and whether it may stand inside. */
static void name_of(MrParser *parser, bool first_clause, bool more_clauses, MrSqlName *out)
{
    int32_t start = parser->at;
    *out = (MrSqlName){0};
    bool clause = first_clause && mr__is_identifier_clause(parser, 0);
    if (clause)
        identifier_clause(parser, out);
    else
        mr__name_append(parser, out, mr__name_part(parser));
    while (out->identifier == NULL && !(clause && !more_clauses) &&
           mr__accept(parser, MR_TOK_DOT)) {
        if (more_clauses && mr__is_identifier_clause(parser, 0))
            identifier_clause(parser, out);
        else
            mr__name_append(parser, out, mr__name_part(parser));
    }
    out->place = mr__place_from(parser, start);
}

void mr__name(MrParser *parser, MrSqlName *out)
{
    name_of(parser, true, !parser->options->legacy_identifier_clause, out);
}

void mr__column_name(MrParser *parser, MrSqlName *out)
{
    bool clause = !parser->options->legacy_identifier_clause;
    name_of(parser, clause, clause, out);
}

static int32_t name_list(MrParser *parser, void (*read)(MrParser *, MrSqlName *), MrSqlName **out)
{
    MrSqlName *names = NULL, name;
    int32_t n = 0, cap = 0;
    do {
        read(parser, &name);
        MR_PUSH(parser->arena, names, n, cap, name);
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = names;
    return n;
}

int32_t mr__names(MrParser *parser, MrSqlName **out)
{
    return name_list(parser, mr__name, out);
}

int32_t mr__column_names(MrParser *parser, MrSqlName **out)
{
    return name_list(parser, mr__column_name, out);
}

int32_t mr__name_list(MrParser *parser, const char ***out)
{
    const char **names = NULL;
    int32_t n = 0, cap = 0;
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    do {
        MR_PUSH(parser->arena, names, n, cap, mr__name_part(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    *out = names;
    return n;
}

/* ---------------------------------------------------------------- entries */

static const MrSqlOptions no_options;

static const MrSqlParam *param_find(const MrSqlOptions *options, MrText name, int32_t position)
{
    int32_t n = 0;
    for (int32_t i = 0; i < options->n_params; i++) {
        const MrSqlParam *param = &options->params[i];
        if (name.data == NULL
                ? param->name == NULL && n++ == position
                : param->name != NULL && mr_text_equal_nocase(name, mr_text(param->name)))
            return param;
    }
    return NULL;
}

/* a:b is a path into a variant, not a parameter: an operand touches the colon. */
static bool follows_operand(const MrParser *parser, int32_t n_tokens, int32_t idx)
{
    if (n_tokens == 0)
        return false;
    const MrToken *last = &parser->tokens[n_tokens - 1];
    return last->idx + last->len == idx &&
           (last->kind >= MR_TOK_STRING || last->kind == MR_TOK_RIGHT_PAREN ||
            last->kind == MR_TOK_RIGHT_BRACKET);
}

/* Reads all tokens; the values of parameters take the places of their markers. */
static MrStatus tokens_read(MrParser *parser, MrText text)
{
    int64_t n = 0, cap = text.size_bytes / 8 + 16;
    int32_t at = 0, n_marks = 0, cap_splices = 0;
    MrTextBuilder all = {.arena = parser->arena};
    parser->tokens = mr_arena_alloc(parser->arena, cap * (int64_t)sizeof *parser->tokens);
    parser->text_bytes = (int32_t)text.size_bytes;
    parser->text = text;
    for (;;) {
        MrToken token;
        if (!mr__lex_next(text, &at, &token)) {
            (void)MR_FAIL(parser->err, MR_COND_UNCLOSED_BRACKETED_COMMENT);
            mr_error_at(parser->err, token.idx, token.len);
            return parser->err->status;
        }
        const MrSqlParam *param = NULL;
        int32_t end = at;
        if (token.kind == MR_TOK_QUESTION) {
            param = param_find(parser->options, (MrText){0}, n_marks++);
        } else if (token.kind == MR_TOK_COLON && parser->options->n_params > 0 &&
                   !follows_operand(parser, (int32_t)n, token.idx)) {
            MrToken name;
            if (mr__lex_next(text, &end, &name) && is_name(parser, name.kind, false))
                param = param_find(parser->options, (MrText){text.data + name.idx, name.len}, 0);
        }
        if (param == NULL) {
            MR_PUSH(parser->arena, parser->tokens, n, cap, token);
            if (token.kind == MR_TOK_END)
                break;
            continue;
        }
        at = end;
        int32_t base = parser->text_bytes + (int32_t)all.size_bytes, inner = 0;
        MrText value = mr_text(param->sql);
        MR_PUSH(parser->arena, parser->splices, parser->n_splices, cap_splices,
                ((MrSplice){base, {token.idx, end - token.idx}}));
        mr_builder_put(&all, value.data, value.size_bytes);
        mr_builder_char(&all, ' ');
        while (mr__lex_next(value, &inner, &token) && token.kind != MR_TOK_END) {
            token.idx += base;
            MR_PUSH(parser->arena, parser->tokens, n, cap, token);
        }
    }
    parser->n_tokens = (int32_t)n;
    if (parser->n_splices > 0) {
        MrTextBuilder joined = {.arena = parser->arena};
        mr_builder_put(&joined, text.data, text.size_bytes);
        mr_builder_put(&joined, all.data, all.size_bytes);
        parser->text = mr_builder_text(&joined);
    }
    return MR_OK;
}

typedef void (*ParseCall)(MrParser *parser, void *out);

static MrStatus parse_all(MrArena *arena, MrText text, const MrSqlOptions *options, ParseCall call,
                          void *out, MrError *err)
{
    if (text.size_bytes > MR_SQL_MAX_BYTES)
        return MR_FAIL(err, MR_COND_FAILED_TO_PARSE_TOO_COMPLEX);
    MrParser parser = {.arena = arena,
                       .options = options == NULL ? &no_options : options,
                       .err = err,
                       .stack = __builtin_frame_address(0)};
    int64_t n_good = 0;
    int32_t n_bytes = 0;
    while (n_good < text.size_bytes && text.data[n_good] != 0 &&
           mr_utf8_next(text.data + n_good, text.size_bytes - n_good, &n_bytes) >= 0)
        n_good += n_bytes;
    if (n_good < text.size_bytes) {
        MrStatus status = MR_FAIL(err, MR_COND_PARSE_SYNTAX_ERROR, "error",
                                  "a byte that is no UTF-8 text", "hint", "");
        err->sql_idx = (int32_t)n_good;
        return status;
    }
    MR_TRY(tokens_read(&parser, text));
    if (setjmp(parser.failed) != 0)
        return err->status;
    call(&parser, out);
    expect_end(&parser);
    return MR_OK;
}

static void not_empty(MrParser *parser)
{
    if (mr__peek(parser) == MR_TOK_END)
        mr__fail(parser, mr__place_from(parser, 0), MR_COND_PARSE_EMPTY_STATEMENT);
}

static void statement_call(MrParser *parser, void *out)
{
    not_empty(parser);
    MrSqlStatement *statement = mr__statement(parser);
    statement->n_params = parser->n_marks;
    *(MrSqlStatement **)out = statement;
}

MrStatus mr_sql_parse_statement(MrArena *arena, MrText text, const MrSqlOptions *options,
                                MrSqlStatement **out, MrError *err)
{
    return parse_all(arena, text, options, statement_call, out, err);
}

static void expr_call(MrParser *parser, void *out)
{
    not_empty(parser);
    *(MrSqlExpr **)out = mr__named_expr(parser);
}

MrStatus mr_sql_parse_expr(MrArena *arena, MrText text, const MrSqlOptions *options,
                           MrSqlExpr **out, MrError *err)
{
    return parse_all(arena, text, options, expr_call, out, err);
}

typedef struct ExprsOut {
    int32_t *n;
    MrSqlExpr ***exprs;
} ExprsOut;

static void exprs_call(MrParser *parser, void *out)
{
    ExprsOut *result = out;
    not_empty(parser);
    *result->n = mr__named_exprs(parser, result->exprs);
}

MrStatus mr_sql_parse_exprs(MrArena *arena, MrText text, const MrSqlOptions *options,
                            int32_t *n_exprs, MrSqlExpr ***out, MrError *err)
{
    return parse_all(arena, text, options, exprs_call, &(ExprsOut){n_exprs, out}, err);
}

typedef struct SortsOut {
    int32_t *n;
    MrSqlSort **sorts;
} SortsOut;

static void sorts_call(MrParser *parser, void *out)
{
    SortsOut *result = out;
    not_empty(parser);
    *result->n = mr__sorts(parser, result->sorts);
}

MrStatus mr_sql_parse_sorts(MrArena *arena, MrText text, const MrSqlOptions *options,
                            int32_t *n_sorts, MrSqlSort **out, MrError *err)
{
    return parse_all(arena, text, options, sorts_call, &(SortsOut){n_sorts, out}, err);
}

static void name_call(MrParser *parser, void *out)
{
    not_empty(parser);
    mr__name(parser, out);
}

MrStatus mr_sql_parse_name(MrArena *arena, MrText text, const MrSqlOptions *options, MrSqlName *out,
                           MrError *err)
{
    return parse_all(arena, text, options, name_call, out, err);
}

static void type_call(MrParser *parser, void *out)
{
    bool is_plain_timestamp;
    *(const MrType **)out = mr__type(parser, &is_plain_timestamp);
}

MrStatus mr_sql_parse_type(MrArena *arena, MrText text, const MrSqlOptions *options,
                           const MrType **out, MrError *err)
{
    return parse_all(arena, text, options, type_call, out, err);
}
