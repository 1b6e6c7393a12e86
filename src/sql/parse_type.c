/* parse_type.c - types in a statement.  The grammar of one type's text is column's (mr_type_parse);
 * here its tokens are found and handed over. */
#include "sql/parse_int.h"

static void type_skip(MrParser *parser);

static void skip_greater(MrParser *parser)
{
    mr__expect(parser, MR_TOK_GREATER);
}

static void struct_skip(MrParser *parser)
{
    if (mr__accept(parser, MR_TOK_NOT_EQUAL) || !mr__accept(parser, MR_TOK_LESS))
        return;
    if (mr__accept(parser, MR_TOK_GREATER))
        return;
    do {
        mr__name_part(parser);
        mr__accept(parser, MR_TOK_COLON);
        type_skip(parser);
        while (mr__peek(parser) == MR_KW_NOT || mr__peek(parser) == MR_TOK_BANG ||
               mr__peek(parser) == MR_KW_COMMENT || mr__peek(parser) == MR_KW_DEFAULT) {
            if (mr__accept(parser, MR_KW_COMMENT)) {
                mr__string(parser);
            } else if (mr__accept(parser, MR_KW_DEFAULT)) {
                mr__primary(parser);
            } else {
                parser->at++;
                mr__expect(parser, MR_KW_NULL);
            }
        }
    } while (mr__accept(parser, MR_TOK_COMMA));
    skip_greater(parser);
}

static void collate_skip(MrParser *parser)
{
    MrSqlName name;
    if (mr__accept(parser, MR_KW_COLLATE))
        mr__name(parser, &name);
}

static void interval_skip(MrParser *parser)
{
    MrSqlUnit unit;
    bool plural;
    if (!mr__unit_find(mr__peek(parser), &unit, &plural) || plural)
        return;
    parser->at++;
    if (mr__peek(parser) == MR_KW_TO && mr__unit_find(mr__peek_at(parser, 1), &unit, &plural))
        parser->at += 2;
}

static void numbers_skip(MrParser *parser)
{
    if (!mr__accept(parser, MR_TOK_LEFT_PAREN))
        return;
    do {
        mr__accept(parser, MR_TOK_MINUS);
        if (mr__peek(parser) != MR_TOK_INTEGER && !mr__is_name_at(parser, 0) &&
            !mr__is_string(parser, 0))
            mr__fail_syntax(parser);
        parser->at++;
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

static void type_skip(MrParser *parser)
{
    mr__enter(parser);
    if (mr__accept2(parser, MR_KW_ARRAY, MR_TOK_LESS)) {
        type_skip(parser);
        skip_greater(parser);
    } else if (mr__accept2(parser, MR_KW_MAP, MR_TOK_LESS)) {
        type_skip(parser);
        mr__expect(parser, MR_TOK_COMMA);
        type_skip(parser);
        skip_greater(parser);
    } else if (mr__accept(parser, MR_KW_STRUCT)) {
        struct_skip(parser);
    } else if (mr__accept(parser, MR_KW_INTERVAL)) {
        interval_skip(parser);
    } else {
        if (!mr__is_name_at(parser, 0))
            mr__fail_syntax(parser);
        parser->at++;
        numbers_skip(parser);
        collate_skip(parser);
        if (!mr__accept3(parser, MR_KW_WITHOUT, MR_KW_TIME, MR_KW_ZONE) &&
            mr__peek(parser) == MR_KW_WITH && mr__peek_at(parser, 1) == MR_KW_LOCAL)
            parser->at += 4;
    }
    mr__leave(parser);
}

/* The tokens of a type as one text; nested TIMESTAMPs become what the session's setting says. */
static MrText type_text(MrParser *parser, int32_t start)
{
    MrTextBuilder out = {.arena = parser->arena};
    for (int32_t at = start; at < parser->at; at++) {
        MrText text = mr__token_text(parser, at);
        if (at > start)
            mr_builder_char(&out, ' ');
        if (parser->tokens[at].kind == MR_KW_TIMESTAMP && parser->options->timestamp_ntz &&
            parser->tokens[at + 1].kind != MR_TOK_COLON &&
            parser->tokens[at + 1].kind != MR_KW_WITH)
            text = MR_TEXT("timestamp_ntz");
        mr_builder_put(&out, text.data, text.size_bytes);
    }
    return mr_builder_text(&out);
}

const MrType *mr__type(MrParser *parser, bool *is_plain_timestamp)
{
    int32_t start = parser->at;
    const MrType *type = NULL;
    type_skip(parser);
    *is_plain_timestamp = parser->at == start + 1 && parser->tokens[start].kind == MR_KW_TIMESTAMP;
    if (mr_type_parse(parser->arena, type_text(parser, start), false, &type, parser->err) !=
        MR_OK) {
        parser->err->sql_idx = -1;
        mr__fail_jump(parser, mr__place_from(parser, start));
    }
    return type;
}

int32_t mr__column_types(MrParser *parser, MrSqlColumn **out)
{
    MrSqlColumn *columns = NULL;
    int32_t n = 0, cap = 0;
    do {
        int32_t start = parser->at;
        MrSqlColumn column = {.name = mr__name_part(parser)};
        mr__accept(parser, MR_TOK_COLON);
        column.type = mr__type(parser, &column.is_plain_timestamp);
        if (mr__accept2(parser, MR_KW_NOT, MR_KW_NULL) ||
            mr__accept2(parser, MR_TOK_BANG, MR_KW_NULL))
            column.not_null = true;
        if (mr__accept(parser, MR_KW_COMMENT))
            column.comment = mr__string(parser);
        column.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, columns, n, cap, column);
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = columns;
    return n;
}
