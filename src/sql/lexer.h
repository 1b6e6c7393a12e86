/* lexer.h - text to tokens.
 *
 * Lexing cannot fail, except for a bracketed comment without an end: what fits nowhere becomes a
 * token UNKNOWN of one character, since SET takes any text.  White space and comments are dropped;
 * hints (slash, star, plus) are not comments. */
#ifndef MR_SQL_LEXER_H
#define MR_SQL_LEXER_H

#include "sql/sql.h"

typedef enum MrTokenKind {
    MR_TOK_END,
    MR_TOK_SEMICOLON,
    MR_TOK_LEFT_PAREN,
    MR_TOK_RIGHT_PAREN,
    MR_TOK_COMMA,
    MR_TOK_DOT,
    MR_TOK_LEFT_BRACKET,
    MR_TOK_RIGHT_BRACKET,
    MR_TOK_LEFT_BRACE,
    MR_TOK_RIGHT_BRACE,
    MR_TOK_BANG,
    MR_TOK_EQUAL,      /* = == */
    MR_TOK_EQUAL_NULL, /* <=>  */
    MR_TOK_NOT_EQUAL,  /* <> */
    MR_TOK_BANG_EQUAL, /* != */
    MR_TOK_LESS,
    MR_TOK_LESS_EQUAL,    /* <= !> */
    MR_TOK_GREATER,       /* one at a time: >> and >>> are two and three that touch */
    MR_TOK_GREATER_EQUAL, /* >= !< */
    MR_TOK_SHIFT_LEFT,
    MR_TOK_PLUS,
    MR_TOK_MINUS,
    MR_TOK_STAR,
    MR_TOK_SLASH,
    MR_TOK_PERCENT,
    MR_TOK_TILDE,
    MR_TOK_AMPERSAND,
    MR_TOK_PIPE,
    MR_TOK_CONCAT,    /* || */
    MR_TOK_PIPE_STEP, /* |> */
    MR_TOK_HAT,
    MR_TOK_COLON,
    MR_TOK_DOUBLE_COLON,
    MR_TOK_ARROW,     /* -> */
    MR_TOK_FAT_ARROW, /* => */
    MR_TOK_HINT_START,
    MR_TOK_HINT_END,
    MR_TOK_QUESTION,
    MR_TOK_STRING,        /* '..' or r'..' or r".." */
    MR_TOK_DOUBLE_QUOTED, /* ".."                   */
    MR_TOK_INTEGER,       /* 12   */
    MR_TOK_BIGINT,        /* 12L  */
    MR_TOK_SMALLINT,      /* 12S  */
    MR_TOK_TINYINT,       /* 12Y  */
    MR_TOK_DECIMAL,       /* 1.2  */
    MR_TOK_EXPONENT,      /* 1e2  */
    MR_TOK_FLOAT,         /* 1F   */
    MR_TOK_DOUBLE,        /* 1D   */
    MR_TOK_BIG_DECIMAL,   /* 1BD  */
    MR_TOK_IDENT,
    MR_TOK_BACKQUOTED,
    MR_TOK_UNKNOWN,
    MR_TOK_BEFORE_KEYWORDS,
#define X(name, text, reserved, strict) MR_KW_##name,
#include "sql/keyword.inc.h"
#undef X
    MR_TOK_N_KINDS,
    MR_TOK_FIRST_KEYWORD = MR_TOK_BEFORE_KEYWORDS + 1
} MrTokenKind;

typedef struct MrToken {
    int32_t idx; /* first byte                            */
    int32_t len;
    uint16_t kind;
} MrToken;

/* The next token at or after *at; *at moves behind it.  false: a comment without end; the token is
 * then that comment. */
bool mr__lex_next(MrText text, int32_t *at, MrToken *token);

typedef struct MrKeyword {
    const char *text;
    bool reserved, strict;
} MrKeyword;
extern const MrKeyword mr__keywords[];
static inline const MrKeyword *mr__keyword(int kind)
{
    return &mr__keywords[kind - MR_TOK_FIRST_KEYWORD];
}

#endif
