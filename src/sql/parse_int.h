/* parse_int.h - the parser's state and the pieces its files share.
 *
 * Recursive descent over an array of tokens.  A failure fills the MrError and jumps to the entry
 * (parse.c): the parser owns nothing outside the arena, and a call for each of its few hundred
 * productions need not be checked.  A word may nearly always be a name too; each production looks
 * as many tokens ahead as it needs to know which. */
#ifndef MR_SQL_PARSE_INT_H
#define MR_SQL_PARSE_INT_H

#include "sql/lexer.h"

/* Kept out of the frames of the functions that recurse: 500 levels of brackets fit into 208 KiB. */
#define APART __attribute__((noinline))

typedef struct MrSplice { /* a parameter's value in the text */
    int32_t idx;          /* where its SQL begins behind the statement's text */
    MrSqlPlace place;     /* of the marker                                    */
} MrSplice;

typedef struct MrParser {
    MrArena *arena;
    const MrSqlOptions *options;
    MrError *err;
    MrText text;        /* the statement, then the values of its parameters  */
    int32_t text_bytes; /* of the statement alone                            */
    int32_t n_tokens;   /* the last is END                                   */
    MrToken *tokens;
    int32_t at; /* the next token                                    */
    int32_t depth;
    int32_t n_marks; /* ? so far                                          */
    int32_t n_splices;
    MrSplice *splices;
    const char *stack; /* where the entry's frame stood                     */
    jmp_buf failed;
} MrParser;

/* ---- parse.c: tokens */

static inline int mr__peek(const MrParser *parser)
{
    return parser->tokens[parser->at].kind;
}
/* The kind of the n-th token from here; END behind the end. */
static inline int mr__peek_at(const MrParser *parser, int32_t n)
{
    int32_t at = parser->at + n;
    return parser->tokens[at < parser->n_tokens ? at : parser->n_tokens - 1].kind;
}
static inline bool mr__accept(MrParser *parser, int kind)
{
    if (mr__peek(parser) != kind)
        return false;
    parser->at++;
    return true;
}
/* All of them or nothing. */
bool mr__accept2(MrParser *parser, int first, int second);
bool mr__accept3(MrParser *parser, int first, int second, int third);
void mr__expect(MrParser *parser, int kind);
MrText mr__token_text(const MrParser *parser, int32_t at);

/* ---- failing.  None of these returns. */
_Noreturn void mr__fail_syntax(MrParser *parser);                 /* at the next token */
_Noreturn void mr__fail_jump(MrParser *parser, MrSqlPlace place); /* err is filled    */
#define mr__fail(parser, place, condition, ...)                                                    \
    do {                                                                                           \
        mr_error_raise((parser)->err, condition, ##__VA_ARGS__, (const char *)NULL);               \
        mr__fail_jump(parser, place);                                                              \
    } while (0)
_Noreturn void mr__fail_unsupported(MrParser *parser, int32_t start, const char *feature);

/* ---- depth */
void mr__enter(MrParser *parser);
static inline void mr__leave(MrParser *parser)
{
    parser->depth--;
}
void mr__check_height(MrParser *parser, int32_t height);

/* The place from token start to the last one read. */
MrSqlPlace mr__place_from(const MrParser *parser, int32_t start);
/* The text between two tokens, the second one left out, as it was written. */
const char *mr__source(MrParser *parser, int32_t start, int32_t end);

/* ---- names */
bool mr__is_name_at(const MrParser *parser, int32_t n);  /* may the n-th token be a name?    */
bool mr__is_alias_at(const MrParser *parser, int32_t n); /* ... and a table's alias          */
bool mr__is_identifier_clause(const MrParser *parser, int32_t n); /* IDENTIFIER ( */
const char *mr__name_part(MrParser *parser);            /* one part, INVALID_IDENTIFIER for a-b */
const char *mr__name_part_plain(MrParser *parser);      /* one part in an expression        */
void mr__name(MrParser *parser, MrSqlName *out);        /* a.b.c or IDENTIFIER(...)         */
void mr__column_name(MrParser *parser, MrSqlName *out); /* the same, without the clause where
                                                           the old rules are asked for      */
void mr__name_append(MrParser *parser, MrSqlName *name, const char *part);
/* (a, b): 1 .. n names in brackets. */
int32_t mr__name_list(MrParser *parser, const char ***out);
int32_t mr__names(MrParser *parser, MrSqlName **out);        /* objects: a.b, c  */
int32_t mr__column_names(MrParser *parser, MrSqlName **out); /* columns: a.b, c  */

/* ---- parse_literal.c */
bool mr__is_string(const MrParser *parser, int32_t n);
const char *mr__string(MrParser *parser); /* adjacent ones joined */
MrText mr__string_text(MrParser *parser);
int64_t mr__integer(MrParser *parser); /* INTEGER token, 0 .. 2^63-1 */
bool mr__is_number(int kind);
MrSqlExpr *mr__number(MrParser *parser, bool negative, int32_t start);
bool mr__is_interval(const MrParser *parser); /* at INTERVAL: a literal? */
MrSqlExpr *mr__interval(MrParser *parser);
bool mr__unit_find(int keyword, MrSqlUnit *unit, bool *plural);
void mr__properties(MrParser *parser, MrSqlProperties *out); /* (k = v, ...)    */
void mr__expr_properties(MrParser *parser,
                         MrSqlProperties *out); /* values may be folded constants */
const char *mr__property_key(MrParser *parser);
void mr__partition(MrParser *parser, MrSqlPartition *out); /* PARTITION (...) */

/* ---- parse_type.c */
const MrType *mr__type(MrParser *parser, bool *is_plain_timestamp);
int32_t mr__column_types(MrParser *parser, MrSqlColumn **out); /* a INT NOT NULL COMMENT 'x', ... */

/* ---- parse_expr.c, parse_primary.c */
MrSqlExpr *mr__expr(MrParser *parser);
MrSqlExpr *mr__value(MrParser *parser); /* without AND, OR, NOT and predicates */
MrSqlExpr *mr__primary(MrParser *parser);
MrSqlExpr *mr__postfixes(MrParser *parser, MrSqlExpr *expr, int32_t start); /* [0] .a ::int ... */
MrSqlExpr *mr__expr_new(MrParser *parser, MrSqlExprKind kind, int32_t start);
MrSqlExpr *mr__expr_string(MrParser *parser, const char *text, int32_t start); /* a literal */
/* Notes a child, which may be NULL: the parent is higher. */
void mr__over(MrParser *parser, MrSqlExpr *expr, const MrSqlExpr *child);
void mr__over_all(MrParser *parser, MrSqlExpr *expr, MrSqlExpr *const *children, int32_t n);
MrSqlExpr *mr__named_expr(MrParser *parser); /* with [AS] alias */
int32_t mr__named_exprs(MrParser *parser, MrSqlExpr ***out);
int32_t mr__exprs(MrParser *parser, MrSqlExpr ***out); /* a, b, ... */
void mr__sort(MrParser *parser, MrSqlSort *out);
int32_t mr__sorts(MrParser *parser, MrSqlSort **out);
MrSqlExpr *mr__expr_name(MrParser *parser, const char *name, int32_t start);
bool mr__starts_expr(int kind);

/* ---- parse_call.c */
MrSqlExpr *mr__call(MrParser *parser); /* name(args) as a table function */
/* The name is read, its bracket is next; or the bracket and the first argument are read too. */
MrSqlExpr *mr__call_of(MrParser *parser, const MrSqlName *name, MrSqlExpr *first, int32_t start);
/* A call made from special syntax: the bracket is closed by the caller. */
MrSqlExpr *mr__syntax_call(MrParser *parser, const char *name, int32_t start,
                           MrSqlExpr *const *args, int32_t n_args);
/* CAST( .. ) and the like, at such a word; NULL: it is an ordinary function. */
MrSqlExpr *mr__form(MrParser *parser);

/* ---- parse_query.c */
bool mr__is_query(const MrParser *parser, int32_t n); /* does a query start at the n-th token? */
MrSqlQuery *mr__query(MrParser *parser);
void mr__ctes(MrParser *parser, MrSqlQuery *query);
/* The rest of a query whose WITH was read and which starts at token start; from: read already, or
 * NULL. */
MrSqlQuery *mr__query_rest(MrParser *parser, MrSqlQuery *query, int32_t start, MrSqlRelation *from);
/* Goes on behind a bracketed query that turned out to be the first of a set operation. */
MrSqlQuery *mr__query_after(MrParser *parser, MrSqlQuery *first, int32_t start);
bool mr__continues_query(const MrParser *parser);
bool mr__is_clause(
    const MrParser *parser); /* does the next word start a clause rather than an alias? */
void mr__window(MrParser *parser, MrSqlWindow *out);

/* ---- parse_relation.c */
MrSqlRelation *mr__from(MrParser *parser); /* FROM a, b LATERAL VIEW ..; FROM is read */
MrSqlRelation *mr__relation_rest(MrParser *parser, MrSqlRelation *left, int32_t start);
MrSqlRelation *mr__lateral_views(MrParser *parser, MrSqlRelation *input, int32_t start);
MrSqlRelation *mr__values(MrParser *parser, bool with_alias); /* VALUES is the next token */
void mr__alias(MrParser *parser, MrSqlRelation *relation);
MrSqlRelation *mr__relation_new(MrParser *parser, MrSqlRelationKind kind, int32_t start);
MrSqlExpr *mr__table_arg(MrParser *parser); /* TABLE is the next token */

/* ---- parse_statement.c, parse_create.c, parse_alter.c, parse_show.c */
MrSqlStatement *mr__statement(MrParser *parser);
MrSqlStatement *mr__statement_new(MrParser *parser, MrSqlStatementKind kind);
MrSqlStatement *mr__create(MrParser *parser);
MrSqlStatement *mr__alter(MrParser *parser);
MrSqlStatement *mr__show(MrParser *parser);
MrSqlStatement *mr__describe(MrParser *parser);
MrSqlInsert *mr__insert(MrParser *parser); /* without its query */
bool mr__accept_if_exists(MrParser *parser);
bool mr__accept_if_not_exists(MrParser *parser);
bool mr__accept_namespace(MrParser *parser); /* DATABASE, SCHEMA, NAMESPACE */

#endif
