/* parse_show.c - SHOW and DESCRIBE. */
#include "sql/parse_int.h"

static void show_in(MrParser *parser, MrSqlShow *show)
{
    if (mr__accept(parser, MR_KW_IN) || mr__accept(parser, MR_KW_FROM))
        mr__name(parser, &show->in);
}

/* [LIKE] 'pattern' */
static void show_pattern(MrParser *parser, MrSqlShow *show)
{
    if (mr__accept(parser, MR_KW_LIKE) || mr__is_string(parser, 0))
        show->pattern = mr__string(parser);
}

static void show_functions(MrParser *parser, MrSqlShow *show, int32_t start)
{
    show->what = MR_SQL_SHOW_FUNCTIONS;
    if (mr__peek(parser) != MR_KW_FUNCTIONS) {
        show->scope = mr__name_part(parser);
        if (!mr_str_equal_nocase(show->scope, "user") &&
            !mr_str_equal_nocase(show->scope, "system") && !mr_str_equal_nocase(show->scope, "all"))
            mr__fail(parser, mr__place_from(parser, start),
                     MR_COND_INVALID_SQL_SYNTAX__SHOW_FUNCTIONS_INVALID_SCOPE, "scope",
                     mr_quote_name(parser->arena, show->scope));
    }
    mr__expect(parser, MR_KW_FUNCTIONS);
    show_in(parser, show);
    bool like = mr__accept(parser, MR_KW_LIKE);
    if (mr__is_string(parser, 0))
        show->pattern = mr__string(parser);
    else if (like || mr__is_name_at(parser, 0))
        mr__name(parser, &show->name);
}

static void show_tables(MrParser *parser, MrSqlShow *show, MrSqlShowKind what)
{
    parser->at++;
    show->what = what;
    show_in(parser, show);
    show_pattern(parser, show);
}

static void show_table_extended(MrParser *parser, MrSqlShow *show)
{
    parser->at += 2;
    show->what = MR_SQL_SHOW_TABLE_EXTENDED;
    show_in(parser, show);
    mr__expect(parser, MR_KW_LIKE);
    show->pattern = mr__string(parser);
    if (mr__peek(parser) == MR_KW_PARTITION)
        mr__partition(parser, &show->partition);
}

static void show_properties(MrParser *parser, MrSqlShow *show)
{
    parser->at++;
    show->what = MR_SQL_SHOW_PROPERTIES;
    mr__name(parser, &show->name);
    if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
        show->key = mr__property_key(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
}

static MrSqlStatement *show_recognised(MrParser *parser, int32_t start)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_RECOGNISED);
    while (mr__peek(parser) != MR_TOK_END && mr__peek(parser) != MR_TOK_SEMICOLON)
        parser->at++;
    statement->words = mr__source(parser, start, parser->at);
    return statement;
}

MrSqlStatement *mr__show(MrParser *parser)
{
    int32_t start = parser->at++;
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_SHOW);
    MrSqlShow *show = statement->show = MR_NEW(parser->arena, MrSqlShow);
    int next = mr__peek_at(parser, 1);
    switch (mr__peek(parser)) {
    case MR_KW_TABLES:
        show_tables(parser, show, MR_SQL_SHOW_TABLES);
        break;
    case MR_KW_VIEWS:
        show_tables(parser, show, MR_SQL_SHOW_VIEWS);
        break;
    case MR_KW_DATABASES:
    case MR_KW_SCHEMAS:
    case MR_KW_NAMESPACES:
        show_tables(parser, show, MR_SQL_SHOW_NAMESPACES);
        break;
    case MR_KW_CATALOGS:
        show_tables(parser, show, MR_SQL_SHOW_CATALOGS);
        break;
    case MR_KW_PROCEDURES:
        show_tables(parser, show, MR_SQL_SHOW_PROCEDURES);
        break;
    case MR_KW_TBLPROPERTIES:
        show_properties(parser, show);
        break;
    case MR_KW_TABLE:
        if (next != MR_KW_EXTENDED) {
            parser->at++;
            mr__fail_syntax(parser);
        }
        show_table_extended(parser, show);
        break;
    case MR_KW_COLUMNS:
        parser->at++;
        show->what = MR_SQL_SHOW_COLUMNS;
        if (!mr__accept(parser, MR_KW_IN))
            mr__expect(parser, MR_KW_FROM);
        mr__name(parser, &show->name);
        show_in(parser, show);
        break;
    case MR_KW_PARTITIONS:
        parser->at++;
        show->what = MR_SQL_SHOW_PARTITIONS;
        mr__name(parser, &show->name);
        if (mr__peek(parser) == MR_KW_PARTITION)
            mr__partition(parser, &show->partition);
        break;
    case MR_KW_CREATE:
        parser->at++;
        mr__expect(parser, MR_KW_TABLE);
        show->what = MR_SQL_SHOW_CREATE_TABLE;
        mr__name(parser, &show->name);
        show->as_serde = mr__accept2(parser, MR_KW_AS, MR_KW_SERDE);
        break;
    case MR_KW_CURRENT:
        if (next == MR_KW_ROLES)
            return show_recognised(parser, start);
        parser->at++;
        if (!mr__accept_namespace(parser))
            mr__fail_syntax(parser);
        show->what = MR_SQL_SHOW_CURRENT_NAMESPACE;
        break;
    case MR_KW_GRANT:
    case MR_KW_ROLE:
    case MR_KW_ROLES:
    case MR_KW_PRINCIPALS:
    case MR_KW_COMPACTIONS:
    case MR_KW_TRANSACTIONS:
    case MR_KW_INDEXES:
    case MR_KW_LOCKS:
    case MR_KW_COLLATIONS:
        return show_recognised(parser, start);
    default:
        if (mr__peek(parser) != MR_KW_FUNCTIONS && next != MR_KW_FUNCTIONS) {
            parser->at += mr__is_name_at(parser, 0);
            mr__fail_syntax(parser);
        }
        show_functions(parser, show, start);
    }
    return statement;
}

/* ---------------------------------------------------------------- DESCRIBE */

/* A name, a string, or an operator: DESCRIBE FUNCTION <=> */
static void function_name(MrParser *parser, MrSqlName *out)
{
    int32_t start = parser->at;
    if (mr__is_string(parser, 0)) {
        mr__name_append(parser, out, mr__string(parser));
    } else if (mr__is_name_at(parser, 0)) {
        mr__name(parser, out);
        return;
    } else {
        while (mr__peek(parser) != MR_TOK_END && mr__peek(parser) != MR_TOK_SEMICOLON &&
               (parser->at == start ||
                parser->tokens[parser->at].idx ==
                    parser->tokens[parser->at - 1].idx + parser->tokens[parser->at - 1].len))
            parser->at++;
        mr__name_append(parser, out, mr__source(parser, start, parser->at));
    }
    out->place = mr__place_from(parser, start);
}

static void describe_table(MrParser *parser, MrSqlDescribe *describe)
{
    describe->what = MR_SQL_DESCRIBE_TABLE;
    describe->extended = mr__is_name_at(parser, 1) && mr__accept(parser, MR_KW_EXTENDED);
    if (!describe->extended)
        describe->formatted = mr__is_name_at(parser, 1) && mr__accept(parser, MR_KW_FORMATTED);
    mr__name(parser, &describe->name);
    if (mr__peek(parser) == MR_KW_PARTITION && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN)
        mr__partition(parser, &describe->partition);
    if (mr__is_name_at(parser, 0) && mr__peek(parser) != MR_KW_AS)
        mr__column_name(parser, &describe->column);
    describe->as_json = mr__accept2(parser, MR_KW_AS, MR_KW_JSON);
}

MrSqlStatement *mr__describe(MrParser *parser)
{
    parser->at++;
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_DESCRIBE);
    MrSqlDescribe *describe = statement->describe = MR_NEW(parser->arena, MrSqlDescribe);
    int next = mr__peek_at(parser, 1);
    bool more = next != MR_TOK_END && next != MR_TOK_SEMICOLON && next != MR_TOK_DOT;
    if (mr__peek(parser) == MR_KW_FUNCTION && more) {
        parser->at++;
        describe->what = MR_SQL_DESCRIBE_FUNCTION;
        describe->extended =
            mr__peek_at(parser, 1) != MR_TOK_END && mr__accept(parser, MR_KW_EXTENDED);
        function_name(parser, &describe->name);
    } else if (mr__peek(parser) == MR_KW_PROCEDURE && more) {
        parser->at++;
        describe->what = MR_SQL_DESCRIBE_PROCEDURE;
        mr__name(parser, &describe->name);
    } else if (more && mr__is_name_at(parser, 1) && mr__accept_namespace(parser)) {
        describe->what = MR_SQL_DESCRIBE_NAMESPACE;
        describe->extended = mr__is_name_at(parser, 1) && mr__accept(parser, MR_KW_EXTENDED);
        mr__name(parser, &describe->name);
    } else if (mr__peek(parser) == MR_KW_QUERY &&
               (mr__is_query(parser, 1) || next == MR_TOK_LEFT_PAREN)) {
        parser->at++;
        describe->what = MR_SQL_DESCRIBE_QUERY;
        describe->query = mr__query(parser);
    } else if (mr__peek(parser) != MR_KW_TABLE &&
               (mr__is_query(parser, 0) || mr__peek(parser) == MR_TOK_LEFT_PAREN)) {
        describe->what = MR_SQL_DESCRIBE_QUERY;
        describe->query = mr__query(parser);
    } else {
        if (mr__is_name_at(parser, 1))
            mr__accept(parser, MR_KW_TABLE);
        describe_table(parser, describe);
    }
    return statement;
}
