/* type_parse.c - reads the texts of types: Spark's DDL form and its catalog form.
 *
 * Names of types and keywords in any case, identifiers bare or in backquotes.  A place in an error
 * is a byte of the text given here. */
#include "column/collation.h"
#include "column/type.h"
#include <stdio.h>

#define MAX_DEPTH 200

typedef enum TokenKind {
    TOKEN_END,
    TOKEN_NAME,
    TOKEN_QUOTED_NAME,
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_SIGN
} TokenKind;

typedef struct Token {
    TokenKind kind;
    MrText text; /* without quotes, escapes resolved */
    MrText raw;  /* as written                       */
} Token;

typedef struct TypeParser {
    MrArena *arena;
    MrText all;
    int64_t at; /* behind the token */
    Token token;
    int depth;
    MrError *err;
} TypeParser;

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
    return is_digit(c) || c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (unsigned char)c >= 0x80;
}

static MrStatus fail_at_token(TypeParser *parser, MrStatus status)
{
    mr_error_at(parser->err, (int32_t)(parser->token.raw.data - parser->all.data),
                (int32_t)parser->token.raw.size_bytes);
    return status;
}

static MrStatus fail_syntax(TypeParser *parser)
{
    const char *what =
        parser->token.kind == TOKEN_END
            ? "end of input"
            : mr_arena_printf(parser->arena, "'%.*s'", (int)parser->token.raw.size_bytes,
                              parser->token.raw.data);
    return fail_at_token(
        parser, MR_FAIL(parser->err, MR_COND_PARSE_SYNTAX_ERROR, "error", what, "hint", ""));
}

/* Reads up to the closing quote: doubled quotes in backquotes, backslashes in strings. */
static MrStatus next_quoted(TypeParser *parser, char quote)
{
    const char *data = parser->all.data;
    int64_t start = parser->at - 1;
    MrTextBuilder text = {.arena = parser->arena};
    mr_builder_put(&text, "", 0);
    for (; parser->at < parser->all.size_bytes; parser->at++) {
        char c = data[parser->at];
        bool more = parser->at + 1 < parser->all.size_bytes;
        if (c == quote) {
            if (quote == '`' && more && data[parser->at + 1] == quote) {
                parser->at++;
            } else {
                parser->at++;
                parser->token.text = mr_builder_text(&text);
                parser->token.raw = (MrText){data + start, parser->at - start};
                return MR_OK;
            }
        } else if (c == '\\' && quote != '`' && more) {
            c = data[++parser->at];
            c = c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c;
        }
        mr_builder_char(&text, c);
    }
    parser->token.raw = (MrText){data + start, 1};
    return fail_syntax(parser);
}

static MrStatus next_token(TypeParser *parser)
{
    const char *data = parser->all.data;
    int64_t n = parser->all.size_bytes;
    Token *token = &parser->token;
    while (parser->at < n && is_space(data[parser->at]))
        parser->at++;
    int64_t start = parser->at;
    if (start == n) {
        *token = (Token){.kind = TOKEN_END, .raw = {data + n, 0}};
        return MR_OK;
    }
    char c = data[parser->at++];
    if (c == '`' || c == '\'' || c == '"') {
        token->kind = c == '`' ? TOKEN_QUOTED_NAME : TOKEN_STRING;
        return next_quoted(parser, c);
    }
    token->kind = TOKEN_SIGN;
    if (is_name_char(c)) {
        bool digits = is_digit(c);
        for (; parser->at < n && is_name_char(data[parser->at]); parser->at++)
            digits &= is_digit(data[parser->at]);
        token->kind = digits ? TOKEN_NUMBER : TOKEN_NAME;
    }
    token->text = token->raw = (MrText){data + start, parser->at - start};
    return MR_OK;
}

static bool at_sign(const TypeParser *parser, char sign)
{
    return parser->token.kind == TOKEN_SIGN && parser->token.text.data[0] == sign;
}

static bool at_word(const TypeParser *parser, const char *word)
{
    return parser->token.kind == TOKEN_NAME &&
           mr_text_equal_nocase(parser->token.text, mr_text(word));
}

static MrStatus expect_sign(TypeParser *parser, char sign)
{
    if (!at_sign(parser, sign))
        return fail_syntax(parser);
    return next_token(parser);
}

static MrStatus expect_word(TypeParser *parser, const char *word)
{
    if (!at_word(parser, word))
        return fail_syntax(parser);
    return next_token(parser);
}

static MrStatus parse_type(TypeParser *parser, const MrType **out);

/* "(" number ["," number] ")", up to max numbers; *n is how many were there. */
static MrStatus parse_numbers(TypeParser *parser, int max, int64_t *numbers, int *n)
{
    *n = 0;
    if (!at_sign(parser, '('))
        return MR_OK;
    do {
        MR_TRY(next_token(parser));
        if (parser->token.kind != TOKEN_NUMBER || *n == max)
            return fail_syntax(parser);
        if (!mr_text_to_i64(parser->token.text, &numbers[*n]) || numbers[*n] > INT32_MAX)
            numbers[*n] = INT32_MAX; /* too large for any use */
        (*n)++;
        MR_TRY(next_token(parser));
    } while (at_sign(parser, ','));
    return expect_sign(parser, ')');
}

static MrStatus parse_decimal(TypeParser *parser, const MrType **out)
{
    int64_t numbers[2] = {10, 0};
    int n;
    MR_TRY(parse_numbers(parser, 2, numbers, &n));
    if (numbers[0] > MR_DECIMAL_MAX_DIGITS)
        return mr_error_raise(parser->err, MR_COND_DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION,
                              "precision",
                              mr_arena_printf(parser->arena, "%lld", (long long)numbers[0]),
                              "maxPrecision", "38", (const char *)NULL);
    if (numbers[1] > numbers[0])
        return MR_FAIL(parser->err, MR_COND__LEGACY_ERROR_TEMP_1228, "scale",
                       mr_arena_printf(parser->arena, "%lld", (long long)numbers[1]), "precision",
                       mr_arena_printf(parser->arena, "%lld", (long long)numbers[0]));
    if (numbers[0] == 0)
        return fail_syntax(parser);
    *out =
        n == 0 ? MR_T(DECIMAL) : mr_type_decimal(parser->arena, (int)numbers[0], (int)numbers[1]);
    return MR_OK;
}

static MrStatus parse_collate(TypeParser *parser, MrType *type)
{
    if (!at_word(parser, "collate"))
        return MR_OK;
    MR_TRY(next_token(parser));
    MrTextBuilder name = {.arena = parser->arena};
    for (;;) {
        if (parser->token.kind != TOKEN_NAME && parser->token.kind != TOKEN_QUOTED_NAME)
            return fail_syntax(parser);
        mr_builder_put(&name, parser->token.text.data, parser->token.text.size_bytes);
        MR_TRY(next_token(parser));
        if (!at_sign(parser, '.'))
            break;
        mr_builder_char(&name, '.');
        MR_TRY(next_token(parser));
    }
    int32_t collation = mr_collation_find(mr_builder_text(&name));
    if (collation < 0)
        return MR_FAIL(parser->err, MR_COND_COLLATION_INVALID_NAME, "collationName",
                       mr_builder_text(&name).data, "proposals",
                       mr_collation_propose(parser->arena, mr_builder_text(&name)));
    type->collation = (uint16_t)collation;
    type->precision = collation == MR_COLLATION_BINARY;
    return MR_OK;
}

static MrStatus parse_string(TypeParser *parser, Token name, const MrType **out)
{
    bool is_char = mr_text_equal_nocase(name.text, MR_TEXT("char")) ||
                   mr_text_equal_nocase(name.text, MR_TEXT("character"));
    bool is_varchar = mr_text_equal_nocase(name.text, MR_TEXT("varchar"));
    MrType *type = MR_NEW(parser->arena, MrType);
    type->kind = MR_TYPE_STRING;
    if (is_char || is_varchar) {
        int64_t length;
        int n;
        MR_TRY(parse_numbers(parser, 1, &length, &n));
        if (n == 0) {
            MrTextBuilder text = {.arena = parser->arena};
            mr_builder_str(&text, is_varchar                  ? "\"VARCHAR\""
                                  : name.text.size_bytes == 4 ? "\"CHAR\""
                                                              : "\"CHARACTER\"");
            return MR_FAIL(parser->err, MR_COND_DATATYPE_MISSING_SIZE, "type",
                           mr_builder_text(&text).data);
        }
        if (length == 0)
            return fail_syntax(parser);
        type->is_char = is_char;
        type->length = (int32_t)length;
    }
    MR_TRY(parse_collate(parser, type));
    *out = type->length == 0 && type->collation == 0 && type->precision == 0 ? MR_T(STRING) : type;
    return MR_OK;
}

static bool take_interval_field(const TypeParser *parser, MrIntervalField *out)
{
    static const char *const names[] = {"year", "month", "day", "hour", "minute", "second"};
    for (int i = 0; i < MR_COUNT(names); i++) {
        if (at_word(parser, names[i])) {
            *out = (MrIntervalField)i;
            return true;
        }
    }
    return false;
}

static MrStatus parse_interval(TypeParser *parser, const MrType **out)
{
    MrIntervalField from, to;
    if (!take_interval_field(parser, &from)) {
        *out = MR_T(INTERVAL);
        return MR_OK;
    }
    to = from;
    MR_TRY(next_token(parser));
    if (at_word(parser, "to")) {
        MR_TRY(next_token(parser));
        if (!take_interval_field(parser, &to))
            return fail_syntax(parser);
        if (to <= from || (from <= MR_MONTH) != (to <= MR_MONTH))
            return fail_syntax(parser);
        MR_TRY(next_token(parser));
    }
    *out = mr_type_interval(parser->arena, from, to);
    return MR_OK;
}

/* name [":"] type ["NOT" "NULL"] ["COMMENT" string], ... up to the end token. */
static MrStatus parse_fields(TypeParser *parser, const MrType **out)
{
    MrField *fields = NULL;
    int32_t n = 0, cap = 0;
    for (;;) {
        MrField field = {.nullable = true};
        if (parser->token.kind != TOKEN_NAME && parser->token.kind != TOKEN_QUOTED_NAME &&
            parser->token.kind != TOKEN_NUMBER)
            return fail_syntax(parser);
        field.name =
            mr_arena_strn(parser->arena, parser->token.text.data, parser->token.text.size_bytes);
        MR_TRY(next_token(parser));
        if (at_sign(parser, ':'))
            MR_TRY(next_token(parser));
        MR_TRY(parse_type(parser, &field.type));
        if (at_word(parser, "not")) {
            MR_TRY(next_token(parser));
            MR_TRY(expect_word(parser, "null"));
            field.nullable = false;
        }
        if (at_word(parser, "comment")) {
            MR_TRY(next_token(parser));
            if (parser->token.kind != TOKEN_STRING)
                return fail_syntax(parser);
            field.comment = mr_arena_strn(parser->arena, parser->token.text.data,
                                          parser->token.text.size_bytes);
            MR_TRY(next_token(parser));
        }
        MR_PUSH(parser->arena, fields, n, cap, field);
        if (!at_sign(parser, ','))
            break;
        MR_TRY(next_token(parser));
    }
    *out = mr_type_struct(parser->arena, fields, n);
    return MR_OK;
}

static MrStatus parse_array(TypeParser *parser, const MrType **out)
{
    const MrType *element;
    if (!at_sign(parser, '<'))
        return fail_at_token(parser, MR_FAIL(parser->err, MR_COND_INCOMPLETE_TYPE_DEFINITION__ARRAY,
                                             "elementType", "<INT>"));
    MR_TRY(next_token(parser));
    MR_TRY(parse_type(parser, &element));
    *out = mr_type_array(parser->arena, element, true);
    return expect_sign(parser, '>');
}

static MrStatus parse_map(TypeParser *parser, const MrType **out)
{
    const MrType *key, *value;
    if (!at_sign(parser, '<'))
        return fail_at_token(parser, MR_FAIL(parser->err, MR_COND_INCOMPLETE_TYPE_DEFINITION__MAP));
    MR_TRY(next_token(parser));
    MR_TRY(parse_type(parser, &key));
    MR_TRY(expect_sign(parser, ','));
    MR_TRY(parse_type(parser, &value));
    *out = mr_type_map(parser->arena, key, value, true);
    return expect_sign(parser, '>');
}

static MrStatus parse_struct(TypeParser *parser, const MrType **out)
{
    if (!at_sign(parser, '<'))
        return fail_at_token(parser,
                             MR_FAIL(parser->err, MR_COND_INCOMPLETE_TYPE_DEFINITION__STRUCT));
    MR_TRY(next_token(parser));
    if (at_sign(parser, '>'))
        *out = mr_type_struct(parser->arena, NULL, 0);
    else
        MR_TRY(parse_fields(parser, out));
    return expect_sign(parser, '>');
}

static MrStatus parse_without_zone(TypeParser *parser, bool *found)
{
    *found = at_word(parser, "without");
    if (!*found)
        return MR_OK;
    MR_TRY(next_token(parser));
    MR_TRY(expect_word(parser, "time"));
    return expect_word(parser, "zone");
}

/* TIMESTAMP [WITHOUT TIME ZONE | WITH LOCAL TIME ZONE] */
static MrStatus parse_timestamp(TypeParser *parser, const MrType **out)
{
    bool without;
    MR_TRY(parse_without_zone(parser, &without));
    if (without)
        *out = MR_T(TIMESTAMP_NTZ);
    if (!without && at_word(parser, "with")) {
        MR_TRY(next_token(parser));
        MR_TRY(expect_word(parser, "local"));
        MR_TRY(expect_word(parser, "time"));
        MR_TRY(expect_word(parser, "zone"));
    }
    return MR_OK;
}

static MrStatus parse_time(TypeParser *parser, const MrType **out)
{
    int64_t precision = 6;
    int n;
    bool without;
    MR_TRY(parse_numbers(parser, 1, &precision, &n));
    MR_TRY(parse_without_zone(parser, &without));
    if (precision > 6)
        return mr_error_raisef(parser->err, MR_COND_UNSUPPORTED_TIME_PRECISION, "precision", "%lld",
                               (long long)precision);
    MrType *type = MR_NEW(parser->arena, MrType);
    *type = *MR_T(TIME);
    type->precision = (uint8_t)precision;
    *out = type;
    return MR_OK;
}

static const struct {
    const char *name;
    MrTypeKind kind;
} type_names[] = {
    {"void", MR_TYPE_VOID},
    {"null", MR_TYPE_VOID},
    {"boolean", MR_TYPE_BOOLEAN},
    {"tinyint", MR_TYPE_TINYINT},
    {"byte", MR_TYPE_TINYINT},
    {"smallint", MR_TYPE_SMALLINT},
    {"short", MR_TYPE_SMALLINT},
    {"int", MR_TYPE_INT},
    {"integer", MR_TYPE_INT},
    {"bigint", MR_TYPE_BIGINT},
    {"long", MR_TYPE_BIGINT},
    {"float", MR_TYPE_FLOAT},
    {"real", MR_TYPE_FLOAT},
    {"double", MR_TYPE_DOUBLE},
    {"decimal", MR_TYPE_DECIMAL},
    {"dec", MR_TYPE_DECIMAL},
    {"numeric", MR_TYPE_DECIMAL},
    {"string", MR_TYPE_STRING},
    {"char", MR_TYPE_STRING},
    {"character", MR_TYPE_STRING},
    {"varchar", MR_TYPE_STRING},
    {"binary", MR_TYPE_BINARY},
    {"date", MR_TYPE_DATE},
    {"time", MR_TYPE_TIME},
    {"timestamp", MR_TYPE_TIMESTAMP},
    {"timestamp_ltz", MR_TYPE_TIMESTAMP},
    {"timestamp_ntz", MR_TYPE_TIMESTAMP_NTZ},
    {"interval", MR_TYPE_INTERVAL},
    {"array", MR_TYPE_ARRAY},
    {"map", MR_TYPE_MAP},
    {"struct", MR_TYPE_STRUCT},
    {"variant", MR_TYPE_VARIANT},
};

static MrStatus fail_unknown(TypeParser *parser, Token name)
{
    char *text =
        mr_arena_printf(parser->arena, "\"%.*s\"", (int)name.raw.size_bytes, name.raw.data);
    for (char *p = text; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    parser->token = name;
    return fail_at_token(parser,
                         MR_FAIL(parser->err, MR_COND_UNSUPPORTED_DATATYPE, "typeName", text));
}

static MrStatus parse_named_type(TypeParser *parser, const MrType **out)
{
    Token name = parser->token;
    if (name.kind != TOKEN_NAME && name.kind != TOKEN_QUOTED_NAME)
        return fail_syntax(parser);
    int64_t i = 0;
    while (i < MR_COUNT(type_names) &&
           !mr_text_equal_nocase(name.text, mr_text(type_names[i].name)))
        i++;
    MR_TRY(next_token(parser));
    if (i == MR_COUNT(type_names) || name.kind == TOKEN_QUOTED_NAME)
        return fail_unknown(parser, name);
    *out = &mr_types[type_names[i].kind];
    switch (type_names[i].kind) {
    case MR_TYPE_DECIMAL:
        return parse_decimal(parser, out);
    case MR_TYPE_STRING:
        return parse_string(parser, name, out);
    case MR_TYPE_TIME:
        return parse_time(parser, out);
    case MR_TYPE_TIMESTAMP:
        return parse_timestamp(parser, out);
    case MR_TYPE_INTERVAL:
        return parse_interval(parser, out);
    case MR_TYPE_ARRAY:
        return parse_array(parser, out);
    case MR_TYPE_MAP:
        return parse_map(parser, out);
    case MR_TYPE_STRUCT:
        return parse_struct(parser, out);
    default:
        if (at_sign(parser, '(')) /* no parameters here: the name and its numbers are no type */
            return fail_unknown(parser, name);
        return MR_OK;
    }
}

static MrStatus parse_type(TypeParser *parser, const MrType **out)
{
    if (++parser->depth > MAX_DEPTH)
        return MR_FAIL_UNSUPPORTED(parser->err, "types nested more than %d deep", MAX_DEPTH);
    MrStatus status = parse_named_type(parser, out);
    parser->depth--;
    return status;
}

MrStatus mr_type_parse(MrArena *arena, MrText text, bool schema, const MrType **out, MrError *err)
{
    TypeParser parser = {.arena = arena, .all = text, .err = err};
    const MrType *type;
    MR_TRY(next_token(&parser));
    if (schema && parser.token.kind == TOKEN_END)
        type = mr_type_struct(arena, NULL, 0);
    else
        MR_TRY(schema ? parse_fields(&parser, &type) : parse_type(&parser, &type));
    if (parser.token.kind != TOKEN_END)
        return fail_syntax(&parser);
    *out = type;
    return MR_OK;
}
