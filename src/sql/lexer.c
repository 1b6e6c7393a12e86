/* lexer.c - text to tokens, and a script to statements. */
#include "sql/lexer.h"

#define RESERVED true
#define FREE false
#define STRICT true
#define ALIAS false
const MrKeyword mr__keywords[] = {
#define X(name, text, reserved, strict) {text, reserved, strict},
#include "sql/keyword.inc.h"
#undef X
};
#undef RESERVED
#undef FREE
#undef STRICT
#undef ALIAS

#define KEYWORD_MAX 24

/* The keyword of a word, any case; MR_TOK_IDENT when it is none. */
static MrTokenKind keyword_find(const char *word, int32_t len)
{
    char upper[KEYWORD_MAX];
    if (len >= KEYWORD_MAX)
        return MR_TOK_IDENT;
    for (int32_t i = 0; i < len; i++)
        upper[i] = word[i] >= 'a' && word[i] <= 'z' ? (char)(word[i] - 32) : word[i];
    upper[len] = 0;
    int low = 0, high = (int)MR_COUNT(mr__keywords);
    while (low < high) {
        int middle = (low + high) / 2;
        int order = strcmp(upper, mr__keywords[middle].text);
        if (order == 0)
            return (MrTokenKind)(MR_TOK_FIRST_KEYWORD + middle);
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    if (strcmp(upper, "TEMP") == 0)
        return MR_KW_TEMPORARY;
    if (strcmp(upper, "REGEXP") == 0)
        return MR_KW_RLIKE;
    return MR_TOK_IDENT;
}

static bool is_digit(int c)
{
    return c >= '0' && c <= '9';
}

static bool is_letter(int c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* The byte at a place, 0 behind the end. */
static int byte_at(MrText text, int32_t at)
{
    return at < text.size_bytes ? (uint8_t)text.data[at] : 0;
}

/* Bytes of white space at a place: ASCII, the blanks of Unicode that Spark knows, and an editor's
 * mark at the begin of a file. */
static int32_t space_bytes(MrText text, int32_t at)
{
    int c = byte_at(text, at);
    if (at < text.size_bytes && (c == ' ' || (c >= '\t' && c <= '\r')))
        return 1;
    if (c < 0xc2)
        return 0;
    int32_t n_bytes;
    int32_t code = mr_utf8_next(text.data + at, text.size_bytes - at, &n_bytes);
    bool space = code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) ||
                 code == 0x2028 || code == 0x202f || code == 0x205f || code == 0x3000 ||
                 (code == 0xfeff && at == 0);
    return space ? n_bytes : 0;
}

/* Behind a bracketed comment that starts at a place; -1: it has no end. */
static int32_t comment_end(MrText text, int32_t at)
{
    int32_t depth = 0;
    while (at < text.size_bytes) {
        int c = byte_at(text, at), next = byte_at(text, at + 1);
        if (c == '/' && next == '*' && (depth == 0 || byte_at(text, at + 2) != '+')) {
            depth++;
            at += 2;
        } else if (c == '*' && next == '/') {
            at += 2;
            if (--depth == 0)
                return at;
        } else {
            at++;
        }
    }
    return -1;
}

static int32_t line_end(MrText text, int32_t at)
{
    while (at < text.size_bytes) {
        int c = byte_at(text, at);
        if (c == '\\' && byte_at(text, at + 1) == '\n')
            at += 2;
        else if (c == '\n' || c == '\r')
            break;
        else
            at++;
    }
    return at;
}

/* Behind a quoted text; at stands on the first quote.  -1: no end. */
static int32_t quoted_end(MrText text, int32_t at, bool backslash)
{
    int quote = byte_at(text, at++);
    while (at < text.size_bytes) {
        int c = byte_at(text, at);
        if (c == quote) {
            if (!backslash && quote != '`')
                return at + 1;
            if (byte_at(text, at + 1) != quote || at + 1 >= text.size_bytes)
                return at + 1;
            at += 2;
        } else if (c == '\\' && backslash) {
            if (at + 1 >= text.size_bytes)
                return -1;
            at += 2;
        } else {
            at++;
        }
    }
    return -1;
}

/* Letters, digits, _ and any letter beyond ASCII. */
static int32_t word_end(MrText text, int32_t at)
{
    while (at < text.size_bytes) {
        int c = byte_at(text, at);
        if (is_letter(c) || is_digit(c) || c == '_')
            at++;
        else if (c >= 0x80 && space_bytes(text, at) == 0) {
            int32_t n_bytes;
            mr_utf8_next(text.data + at, text.size_bytes - at, &n_bytes);
            at += n_bytes;
        } else
            break;
    }
    return at;
}

static bool continues_number(MrText text, int32_t at)
{
    int c = byte_at(text, at);
    return is_letter(c) || is_digit(c) || c == '_';
}

static int32_t digits_end(MrText text, int32_t at)
{
    while (is_digit(byte_at(text, at)))
        at++;
    return at;
}

/* Behind an exponent, or at itself when there is none. */
static int32_t exponent_end(MrText text, int32_t at)
{
    if ((byte_at(text, at) | 32) != 'e')
        return at;
    int32_t digits = at + 1;
    if (byte_at(text, digits) == '+' || byte_at(text, digits) == '-')
        digits++;
    int32_t end = digits_end(text, digits);
    return end > digits ? end : at;
}

/* A number from its first digit or point; false: no number, a word like 1a or a lone point. */
static bool lex_number(MrText text, int32_t at, MrToken *token)
{
    int32_t whole = digits_end(text, at);
    int32_t end = whole;
    bool point = byte_at(text, whole) == '.';
    if (point) {
        end = digits_end(text, whole + 1);
        if (whole == at && end == whole + 1)
            return false;
    }
    int32_t mantissa = end;
    end = exponent_end(text, end);
    bool exponent = end > mantissa;
    int suffix = byte_at(text, end) | 32;
    MrTokenKind kind = exponent ? MR_TOK_EXPONENT : point ? MR_TOK_DECIMAL : MR_TOK_INTEGER;
    int32_t more = 0;
    if (suffix == 'b' && (byte_at(text, end + 1) | 32) == 'd')
        kind = MR_TOK_BIG_DECIMAL, more = 2;
    else if (suffix == 'd')
        kind = MR_TOK_DOUBLE, more = 1;
    else if (suffix == 'f')
        kind = MR_TOK_FLOAT, more = 1;
    else if (!point && !exponent && suffix == 'l')
        kind = MR_TOK_BIGINT, more = 1;
    else if (!point && !exponent && suffix == 's')
        kind = MR_TOK_SMALLINT, more = 1;
    else if (!point && !exponent && suffix == 'y')
        kind = MR_TOK_TINYINT, more = 1;
    end += more;
    if (continues_number(text, end)) {
        if (whole == at)
            return false;
        if (point) { /* 1.a: an integer, then a point */
            token->kind = MR_TOK_INTEGER;
            token->len = whole - at;
            return true;
        }
        return false;
    }
    token->kind = (uint16_t)kind;
    token->len = end - at;
    return true;
}

static const struct {
    char text[4];
    uint16_t kind;
} lex_signs[] = {/* longest first */
                 {"<=>", MR_TOK_EQUAL_NULL},
                 {"/*+", MR_TOK_HINT_START},
                 {"<>", MR_TOK_NOT_EQUAL},
                 {"!=", MR_TOK_BANG_EQUAL},
                 {"<=", MR_TOK_LESS_EQUAL},
                 {"!>", MR_TOK_LESS_EQUAL},
                 {">=", MR_TOK_GREATER_EQUAL},
                 {"!<", MR_TOK_GREATER_EQUAL},
                 {"<<", MR_TOK_SHIFT_LEFT},
                 {"==", MR_TOK_EQUAL},
                 {"=>", MR_TOK_FAT_ARROW},
                 {"||", MR_TOK_CONCAT},
                 {"|>", MR_TOK_PIPE_STEP},
                 {"::", MR_TOK_DOUBLE_COLON},
                 {"->", MR_TOK_ARROW},
                 {"*/", MR_TOK_HINT_END},
                 {";", MR_TOK_SEMICOLON},
                 {"(", MR_TOK_LEFT_PAREN},
                 {")", MR_TOK_RIGHT_PAREN},
                 {",", MR_TOK_COMMA},
                 {".", MR_TOK_DOT},
                 {"[", MR_TOK_LEFT_BRACKET},
                 {"]", MR_TOK_RIGHT_BRACKET},
                 {"{", MR_TOK_LEFT_BRACE},
                 {"}", MR_TOK_RIGHT_BRACE},
                 {"!", MR_TOK_BANG},
                 {"=", MR_TOK_EQUAL},
                 {"<", MR_TOK_LESS},
                 {">", MR_TOK_GREATER},
                 {"+", MR_TOK_PLUS},
                 {"-", MR_TOK_MINUS},
                 {"*", MR_TOK_STAR},
                 {"/", MR_TOK_SLASH},
                 {"%", MR_TOK_PERCENT},
                 {"~", MR_TOK_TILDE},
                 {"&", MR_TOK_AMPERSAND},
                 {"|", MR_TOK_PIPE},
                 {"^", MR_TOK_HAT},
                 {":", MR_TOK_COLON},
                 {"?", MR_TOK_QUESTION}};

static bool lex_sign(MrText text, MrToken *token)
{
    for (size_t i = 0; i < sizeof lex_signs / sizeof lex_signs[0]; i++) {
        int32_t len = (int32_t)strlen(lex_signs[i].text);
        if (len <= text.size_bytes - token->idx &&
            memcmp(text.data + token->idx, lex_signs[i].text, (size_t)len) == 0) {
            token->kind = lex_signs[i].kind;
            token->len = len;
            return true;
        }
    }
    return false;
}

/* s3://bucket/path without quotes: one word, which is no good name (INVALID_IDENTIFIER). */
static int32_t address_end(MrText text, int32_t at)
{
    while (at < text.size_bytes && (is_letter(byte_at(text, at)) || is_digit(byte_at(text, at)) ||
                                    strchr("_/-.?=&#%", byte_at(text, at)) != NULL))
        at++;
    return at;
}

static void lex_word(MrText text, MrToken *token)
{
    int32_t at = token->idx, end = word_end(text, at);
    int c = byte_at(text, at) | 32;
    if (c == 'r' && end == at + 1 && (byte_at(text, end) == '\'' || byte_at(text, end) == '"')) {
        int32_t raw_end = quoted_end(text, end, false);
        if (raw_end > 0) {
            token->kind = MR_TOK_STRING;
            token->len = raw_end - at;
            return;
        }
    }
    if (byte_at(text, end) == ':' && byte_at(text, end + 1) == '/' &&
        byte_at(text, end + 2) == '/') {
        int32_t address = address_end(text, end + 3);
        if (address > end + 3) {
            token->kind = MR_TOK_IDENT;
            token->len = address - at;
            return;
        }
    }
    token->len = end - at;
    token->kind = (uint16_t)keyword_find(text.data + at, token->len);
}

bool mr__lex_next(MrText text, int32_t *place, MrToken *token)
{
    int32_t at = *place;
    for (;;) {
        int32_t space = space_bytes(text, at);
        if (space > 0) {
            at += space;
        } else if (byte_at(text, at) == '-' && byte_at(text, at + 1) == '-') {
            at = line_end(text, at);
        } else if (byte_at(text, at) == '/' && byte_at(text, at + 1) == '*' &&
                   byte_at(text, at + 2) != '+') {
            int32_t end = comment_end(text, at);
            if (end < 0) {
                *token = (MrToken){at, (int32_t)text.size_bytes - at, MR_TOK_UNKNOWN};
                *place = (int32_t)text.size_bytes;
                return false;
            }
            at = end;
        } else {
            break;
        }
    }
    *token = (MrToken){at, 0, MR_TOK_END};
    if (at >= text.size_bytes) {
        *place = at;
        return true;
    }
    int c = byte_at(text, at);
    int32_t end = -1;
    if (is_letter(c) || c == '_' || c >= 0x80) {
        lex_word(text, token);
    } else if (is_digit(c)) {
        if (!lex_number(text, at, token))
            lex_word(text, token);
    } else if (c == '.' && is_digit(byte_at(text, at + 1)) && lex_number(text, at, token)) {
        /* .5 */
    } else if ((c == '\'' || c == '"') && (end = quoted_end(text, at, true)) > 0) {
        token->kind = c == '"' ? MR_TOK_DOUBLE_QUOTED : MR_TOK_STRING;
        token->len = end - at;
    } else if (c == '`' && (end = quoted_end(text, at, false)) > 0) {
        token->kind = MR_TOK_BACKQUOTED;
        token->len = end - at;
    } else if (!lex_sign(text, token)) {
        token->kind = MR_TOK_UNKNOWN;
        token->len = 1;
    }
    *place = at + token->len;
    return true;
}

/* Behind the statement that starts at a place: its semicolon's place in *semicolon, -1 at the end.
 * *has_code: there is more than blanks and comments. */
static int32_t statement_end(MrText script, int32_t at, int32_t *semicolon, bool *has_code,
                             bool *open)
{
    *has_code = false;
    *open = false;
    *semicolon = -1;
    while (at < script.size_bytes) {
        int c = byte_at(script, at), next = byte_at(script, at + 1);
        int32_t end = at + 1;
        if (c == ';') {
            *semicolon = at;
            return at + 1;
        }
        if (c == '-' && next == '-') {
            end = line_end(script, at);
        } else if (c == '/' && next == '*') {
            end = comment_end(script, at);
            if (byte_at(script, at + 2) == '+')
                *has_code = true;
        } else if (c == '\'' || c == '"' || c == '`') {
            bool raw = c != '`' && at > 0 && (script.data[at - 1] | 32) == 'r' &&
                       (at == 1 || !continues_number(script, at - 2));
            end = quoted_end(script, at, c != '`' && !raw);
            *has_code = true;
        } else if (c == '\\' && next == ';') {
            end = at + 2;
            *has_code = true;
        } else if (space_bytes(script, at) == 0) {
            *has_code = true;
        }
        if (end < 0) {
            *open = true;
            *has_code = true; /* the parser says what is wrong with it */
            return (int32_t)script.size_bytes;
        }
        at = end;
    }
    return at;
}

MrStatus mr_sql_split(MrArena *arena, MrText script, int32_t *n_statements, MrText **out,
                      MrError *err)
{
    if (script.size_bytes > MR_SQL_MAX_BYTES)
        return MR_FAIL(err, MR_COND_FAILED_TO_PARSE_TOO_COMPLEX);
    MrText *statements = NULL;
    int64_t n = 0, cap = 0;
    int32_t at = 0;
    while (at < script.size_bytes) {
        int32_t semicolon, start = at;
        bool has_code, open;
        at = statement_end(script, at, &semicolon, &has_code, &open);
        int32_t end = semicolon >= 0 ? semicolon : at;
        while (start < end && space_bytes(script, start) > 0)
            start += space_bytes(script, start);
        while (end > start && strchr(" \t\r\n\f\v", script.data[end - 1]) != NULL)
            end--;
        if (has_code)
            MR_PUSH(arena, statements, n, cap, ((MrText){script.data + start, end - start}));
    }
    *n_statements = (int32_t)n;
    *out = statements;
    return MR_OK;
}

bool mr_sql_is_complete(MrText script)
{
    int32_t at = 0;
    while (at < script.size_bytes) {
        int32_t semicolon;
        bool has_code, open;
        at = statement_end(script, at, &semicolon, &has_code, &open);
        if (semicolon < 0)
            return !has_code && !open;
    }
    return true;
}
