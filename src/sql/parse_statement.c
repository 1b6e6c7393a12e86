/* parse_statement.c - which statement it is; changes of rows; small commands. */
#include "sql/parse_int.h"

MrSqlStatement *mr__statement_new(MrParser *parser, MrSqlStatementKind kind)
{
    MrSqlStatement *statement = MR_NEW(parser->arena, MrSqlStatement);
    statement->kind = kind;
    return statement;
}

bool mr__accept_if_exists(MrParser *parser)
{
    return mr__accept2(parser, MR_KW_IF, MR_KW_EXISTS);
}

bool mr__accept_if_not_exists(MrParser *parser)
{
    return mr__accept3(parser, MR_KW_IF, MR_KW_NOT, MR_KW_EXISTS) ||
           mr__accept3(parser, MR_KW_IF, MR_TOK_BANG, MR_KW_EXISTS);
}

bool mr__accept_namespace(MrParser *parser)
{
    return mr__accept(parser, MR_KW_DATABASE) || mr__accept(parser, MR_KW_SCHEMA) ||
           mr__accept(parser, MR_KW_NAMESPACE);
}

/* Everything up to the end, as words: known to Spark, not done here. */
static MrSqlStatement *recognised(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_RECOGNISED);
    int32_t start = parser->at;
    int last = 0;
    while (mr__peek(parser) != MR_TOK_END) {
        last = mr__peek(parser) == MR_TOK_SEMICOLON ? last : parser->at + 1;
        parser->at++;
    }
    statement->words = mr__source(parser, start, last);
    return statement;
}

/* ---------------------------------------------------------------- INSERT */

static void insert_directory(MrParser *parser, MrSqlInsert *insert)
{
    insert->is_directory = true;
    if (mr__is_string(parser, 0))
        insert->path = mr__string(parser);
    if (mr__accept(parser, MR_KW_USING)) {
        MrSqlName provider;
        int32_t start = parser->at;
        mr__name(parser, &provider);
        insert->provider =
            provider.n_parts == 1 ? provider.parts[0] : mr__source(parser, start, parser->at);
        if (mr__accept(parser, MR_KW_OPTIONS))
            mr__properties(parser, &insert->options);
    } else if (mr__peek(parser) == MR_KW_ROW || mr__peek(parser) == MR_KW_STORED) {
        mr__fail_unsupported(parser, parser->at, "INSERT OVERWRITE DIRECTORY with a Hive format");
    }
}

static void insert_columns(MrParser *parser, MrSqlInsert *insert)
{
    if (mr__accept2(parser, MR_KW_BY, MR_KW_NAME))
        insert->by_name = true;
    else if (mr__peek(parser) == MR_TOK_LEFT_PAREN && !mr__is_query(parser, 1) &&
             mr__peek_at(parser, 1) != MR_TOK_LEFT_PAREN)
        insert->n_columns = mr__name_list(parser, &insert->columns);
}

MrSqlInsert *mr__insert(MrParser *parser)
{
    MrSqlInsert *insert = MR_NEW(parser->arena, MrSqlInsert);
    mr__expect(parser, MR_KW_INSERT);
    mr__accept3(parser, MR_KW_WITH, MR_KW_SCHEMA, MR_KW_EVOLUTION);
    insert->overwrite = mr__accept(parser, MR_KW_OVERWRITE);
    if (!insert->overwrite)
        mr__expect(parser, MR_KW_INTO);
    insert->is_local = insert->overwrite && mr__accept2(parser, MR_KW_LOCAL, MR_KW_DIRECTORY);
    if (insert->is_local || (insert->overwrite && mr__accept(parser, MR_KW_DIRECTORY))) {
        insert_directory(parser, insert);
        return insert;
    }
    if (mr__is_name_at(parser, 1))
        mr__accept(parser, MR_KW_TABLE);
    mr__name(parser, &insert->name);
    if (mr__peek(parser) == MR_KW_WITH && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
        parser->at++;
        mr__properties(parser, &insert->options);
    }
    if (!insert->overwrite && mr__accept2(parser, MR_KW_REPLACE, MR_KW_WHERE)) {
        insert->replace_where = mr__expr(parser);
        return insert;
    }
    if (!insert->overwrite && mr__accept2(parser, MR_KW_REPLACE, MR_KW_USING)) {
        insert->n_replace_using = mr__name_list(parser, &insert->replace_using);
        return insert;
    }
    if (mr__peek(parser) == MR_KW_PARTITION && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN)
        mr__partition(parser, &insert->partition);
    insert->if_not_exists = mr__accept_if_not_exists(parser);
    insert_columns(parser, insert);
    return insert;
}

/* FROM t INSERT INTO a SELECT .. INSERT INTO b SELECT ..; the FROM is read. */
static MrSqlStatement *multi_insert(MrParser *parser, MrSqlQuery *with, MrSqlRelation *from,
                                    int32_t start)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_INSERT);
    int32_t cap = 0;
    while (mr__peek(parser) == MR_KW_INSERT) {
        MrSqlInsert *insert = mr__insert(parser);
        MrSqlQuery *query = MR_NEW(parser->arena, MrSqlQuery);
        query->recursive = with->recursive;
        query->n_ctes = with->n_ctes;
        query->ctes = with->ctes;
        if (mr__peek(parser) != MR_KW_SELECT)
            mr__fail_syntax(parser);
        insert->query = mr__query_rest(parser, query, start, from);
        MR_PUSH(parser->arena, statement->inserts.items, statement->inserts.n, cap, insert);
    }
    return statement;
}

/* ---------------------------------------------------------------- DELETE, UPDATE, MERGE */

static int32_t assignments(MrParser *parser, MrSqlAssignment **out)
{
    MrSqlAssignment *list = NULL;
    int32_t n = 0, cap = 0;
    do {
        int32_t start = parser->at;
        MrSqlAssignment item = {0};
        mr__column_name(parser, &item.name);
        mr__expect(parser, MR_TOK_EQUAL);
        item.value = mr__expr(parser);
        item.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, list, n, cap, item);
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = list;
    return n;
}

static MrSqlRelation *change_target(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlRelation *target = mr__relation_new(parser, MR_SQL_REL_TABLE, start);
    mr__name(parser, &target->table.name);
    mr__alias(parser, target);
    target->place = mr__place_from(parser, start);
    return target;
}

static MrSqlStatement *change_new(MrParser *parser, MrSqlStatementKind kind, const MrSqlQuery *with)
{
    MrSqlStatement *statement = mr__statement_new(parser, kind);
    statement->change = MR_NEW(parser->arena, MrSqlChange);
    statement->change->n_ctes = with->n_ctes;
    statement->change->ctes = with->ctes;
    return statement;
}

static MrSqlStatement *delete_from(MrParser *parser, const MrSqlQuery *with)
{
    MrSqlStatement *statement = change_new(parser, MR_SQL_STMT_DELETE, with);
    parser->at++;
    mr__expect(parser, MR_KW_FROM);
    statement->change->target = change_target(parser);
    if (mr__accept(parser, MR_KW_WHERE))
        statement->change->condition = mr__expr(parser);
    return statement;
}

static MrSqlStatement *update(MrParser *parser, const MrSqlQuery *with)
{
    MrSqlStatement *statement = change_new(parser, MR_SQL_STMT_UPDATE, with);
    parser->at++;
    statement->change->target = change_target(parser);
    mr__expect(parser, MR_KW_SET);
    statement->change->n_assignments = assignments(parser, &statement->change->assignments);
    if (mr__accept(parser, MR_KW_WHERE))
        statement->change->condition = mr__expr(parser);
    return statement;
}

static void merge_insert(MrParser *parser, MrSqlMergeClause *clause)
{
    MrSqlName *names;
    int32_t n, cap = 0;
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    n = mr__column_names(parser, &names);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    mr__expect(parser, MR_KW_VALUES);
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    for (int32_t i = 0; i < n; i++) {
        if (i > 0)
            mr__expect(parser, MR_TOK_COMMA);
        MrSqlAssignment item = {
            .name = names[i], .place = names[i].place, .value = mr__expr(parser)};
        MR_PUSH(parser->arena, clause->assignments, clause->n_assignments, cap, item);
    }
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

static void merge_clause(MrParser *parser, MrSqlMergeClause *clause)
{
    int32_t start = parser->at++;
    bool negated = mr__accept(parser, MR_KW_NOT) || mr__accept(parser, MR_TOK_BANG);
    mr__expect(parser, MR_KW_MATCHED);
    clause->match = negated ? MR_SQL_NOT_MATCHED : MR_SQL_MATCHED;
    if (negated && mr__accept2(parser, MR_KW_BY, MR_KW_SOURCE))
        clause->match = MR_SQL_NOT_MATCHED_BY_SOURCE;
    else if (negated)
        mr__accept2(parser, MR_KW_BY, MR_KW_TARGET);
    if (mr__accept(parser, MR_KW_AND))
        clause->condition = mr__expr(parser);
    mr__expect(parser, MR_KW_THEN);
    if (clause->match == MR_SQL_NOT_MATCHED) {
        mr__expect(parser, MR_KW_INSERT);
        clause->action = MR_SQL_MERGE_INSERT;
        clause->star = mr__accept(parser, MR_TOK_STAR);
        if (!clause->star)
            merge_insert(parser, clause);
    } else if (mr__accept(parser, MR_KW_DELETE)) {
        clause->action = MR_SQL_MERGE_DELETE;
    } else {
        mr__expect(parser, MR_KW_UPDATE);
        mr__expect(parser, MR_KW_SET);
        clause->action = MR_SQL_MERGE_UPDATE;
        clause->star = mr__accept(parser, MR_TOK_STAR);
        if (!clause->star)
            clause->n_assignments = assignments(parser, &clause->assignments);
    }
    clause->place = mr__place_from(parser, start);
}

static MrSqlStatement *merge(MrParser *parser, const MrSqlQuery *with)
{
    MrSqlStatement *statement = change_new(parser, MR_SQL_STMT_MERGE, with);
    MrSqlChange *change = statement->change;
    int32_t cap = 0;
    parser->at++;
    change->with_schema_evolution = mr__accept3(parser, MR_KW_WITH, MR_KW_SCHEMA, MR_KW_EVOLUTION);
    mr__expect(parser, MR_KW_INTO);
    change->target = change_target(parser);
    mr__expect(parser, MR_KW_USING);
    int32_t start = parser->at;
    if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
        change->source = mr__relation_new(parser, MR_SQL_REL_QUERY, start);
        change->source->query = mr__query(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        mr__alias(parser, change->source);
        change->source->place = mr__place_from(parser, start);
    } else {
        change->source = change_target(parser);
    }
    mr__expect(parser, MR_KW_ON);
    change->condition = mr__expr(parser);
    while (mr__peek(parser) == MR_KW_WHEN) {
        MrSqlMergeClause clause = {0};
        merge_clause(parser, &clause);
        MR_PUSH(parser->arena, change->clauses, change->n_clauses, cap, clause);
    }
    if (change->n_clauses == 0)
        mr__fail_syntax(parser);
    return statement;
}

/* ---------------------------------------------------------------- queries and what WITH may
 * precede */

static MrSqlStatement *query_statement(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlQuery *query = MR_NEW(parser->arena, MrSqlQuery);
    MrSqlStatement *statement;
    mr__ctes(parser, query);
    switch (mr__peek(parser)) {
    case MR_KW_INSERT: {
        statement = mr__statement_new(parser, MR_SQL_STMT_INSERT);
        MrSqlInsert *insert = mr__insert(parser);
        int32_t own = parser->at;
        if (query->n_ctes > 0 && mr__peek(parser) != MR_KW_WITH)
            insert->query = mr__query_rest(parser, query, own, NULL);
        else
            insert->query = mr__query(parser);
        statement->inserts.items = mr_arena_alloc(parser->arena, sizeof insert);
        statement->inserts.items[0] = insert;
        statement->inserts.n = 1;
        return statement;
    }
    case MR_KW_DELETE:
        return delete_from(parser, query);
    case MR_KW_UPDATE:
        return update(parser, query);
    case MR_KW_MERGE:
        return merge(parser, query);
    default:
        break;
    }
    MrSqlRelation *from = NULL;
    if (mr__accept(parser, MR_KW_FROM)) {
        from = mr__from(parser);
        if (mr__peek(parser) == MR_KW_INSERT)
            return multi_insert(parser, query, from, start);
    }
    statement = mr__statement_new(parser, MR_SQL_STMT_QUERY);
    statement->query = mr__query_rest(parser, query, start, from);
    return statement;
}

/* ---------------------------------------------------------------- SET, RESET */

/* The rest of the text from a token on, without blanks and semicolons at its end. */
static MrText rest_text(MrParser *parser, int32_t from)
{
    int32_t start = parser->tokens[from].idx, end = parser->text_bytes;
    parser->at = parser->n_tokens - 1;
    while (end > start && strchr(" \t\r\n;", parser->text.data[end - 1]) != NULL)
        end--;
    return (MrText){parser->text.data + start, end > start ? end - start : 0};
}

static int64_t key_end(MrText text)
{
    int64_t i = 0;
    while (i < text.size_bytes) {
        char c = text.data[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '.' || c == ':' || c == '\\'))
            break;
        i++;
    }
    return i;
}

static MrText trimmed(MrText text)
{
    while (text.size_bytes > 0 && (uint8_t)text.data[0] <= ' ')
        text = (MrText){text.data + 1, text.size_bytes - 1};
    while (text.size_bytes > 0 && (uint8_t)text.data[text.size_bytes - 1] <= ' ')
        text.size_bytes--;
    return text;
}

static bool text_has(MrText text, char c)
{
    for (int64_t i = 0; i < text.size_bytes; i++)
        if (text.data[i] == c)
            return true;
    return false;
}

static const char *own(MrParser *parser, MrText text)
{
    return mr_arena_strn(parser->arena, text.data, text.size_bytes);
}

/* SET key, SET key = any text, SET `key` = value, SET key = `value`, SET -v, SET */
static void set_config(MrParser *parser, MrSqlSet *set, int32_t start)
{
    if (mr__peek(parser) == MR_TOK_BACKQUOTED) {
        set->key = mr__name_part_plain(parser);
        set->what = MR_SQL_SET_KEY;
        if (!mr__accept(parser, MR_TOK_EQUAL))
            return;
        set->what = MR_SQL_SET_VALUE;
    } else {
        MrText text = rest_text(parser, parser->at);
        if (text.size_bytes == 0 || mr_text_equal(text, MR_TEXT("-v"))) {
            set->what = MR_SQL_SET_ALL;
            set->verbose = text.size_bytes > 0;
            return;
        }
        int64_t end = key_end(text);
        MrText value = trimmed((MrText){text.data + end, text.size_bytes - end});
        set->key = own(parser, (MrText){text.data, end});
        set->what = value.size_bytes == 0 ? MR_SQL_SET_KEY : MR_SQL_SET_VALUE;
        if (end == 0 || (value.size_bytes > 0 && value.data[0] != '=') || text_has(value, ';'))
            mr__fail(parser, mr__place_from(parser, start), MR_COND_INVALID_SET_SYNTAX);
        if (value.size_bytes == 0)
            return;
        value = trimmed((MrText){value.data + 1, value.size_bytes - 1});
        set->value = own(parser, value);
        if (value.size_bytes < 2 || value.data[0] != '`')
            return;
        parser->at = start + 1;
        while (mr__peek(parser) != MR_TOK_EQUAL)
            parser->at++;
        parser->at++;
    }
    if (mr__peek(parser) == MR_TOK_BACKQUOTED &&
        (mr__peek_at(parser, 1) == MR_TOK_END || mr__peek_at(parser, 1) == MR_TOK_SEMICOLON))
        set->value = mr__name_part_plain(parser);
    else
        set->value = own(parser, rest_text(parser, parser->at));
}

static void set_time_zone(MrParser *parser, MrSqlSet *set, int32_t start)
{
    set->what = MR_SQL_SET_TIME_ZONE;
    if (mr__is_string(parser, 0))
        set->value = mr__string(parser);
    else if (mr__accept(parser, MR_KW_LOCAL))
        set->value = "LOCAL";
    else if (mr__peek(parser) == MR_KW_INTERVAL && mr__is_interval(parser))
        set->interval = mr__interval(parser);
    else
        mr__fail(parser, mr__place_from(parser, start), MR_COND_INVALID_TIMEZONE, "timeZone",
                 own(parser, rest_text(parser, start + 3)));
}

static MrSqlStatement *set_statement(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_SET);
    MrSqlSet *set = statement->set = MR_NEW(parser->arena, MrSqlSet);
    parser->at++;
    int next = mr__peek_at(parser, 1);
    if (mr__accept2(parser, MR_KW_TIME, MR_KW_ZONE)) {
        set_time_zone(parser, set, start);
    } else if ((mr__peek(parser) == MR_KW_VAR || mr__peek(parser) == MR_KW_VARIABLE) &&
               (mr__is_name_at(parser, 1) || next == MR_TOK_LEFT_PAREN)) {
        parser->at++;
        set->what = MR_SQL_SET_VARIABLES;
        if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
            set->n_names = mr__column_names(parser, &set->names);
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
            mr__expect(parser, MR_TOK_EQUAL);
            mr__expect(parser, MR_TOK_LEFT_PAREN);
            set->query = mr__query(parser);
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
        } else {
            set->n_assignments = assignments(parser, &set->assignments);
        }
    } else if (mr__peek(parser) == MR_KW_CATALOG &&
               (mr__is_name_at(parser, 1) || mr__is_string(parser, 1))) {
        parser->at++;
        set->what = MR_SQL_SET_CATALOG;
        set->value = mr__is_string(parser, 0) ? mr__string(parser) : mr__name_part(parser);
    } else if (mr__peek(parser) == MR_KW_COLLATION && mr__is_name_at(parser, 1)) {
        parser->at++;
        set->what = MR_SQL_SET_COLLATION;
        mr__name(parser, &set->name);
    } else if (mr__peek(parser) == MR_KW_PATH && next == MR_TOK_EQUAL) {
        parser->at += 2;
        set->what = MR_SQL_SET_PATH;
        set->value = own(parser, rest_text(parser, parser->at));
    } else if (mr__peek(parser) == MR_KW_ROLE && next != MR_TOK_EQUAL) {
        parser->at = start;
        return recognised(parser);
    } else {
        set_config(parser, set, start);
    }
    return statement;
}

static MrSqlStatement *reset_statement(MrParser *parser)
{
    int32_t start = parser->at++;
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_RESET);
    if (mr__peek(parser) == MR_TOK_BACKQUOTED) {
        statement->reset.key = mr__name_part_plain(parser);
        return statement;
    }
    MrText text = rest_text(parser, parser->at);
    if (text.size_bytes == 0)
        return statement;
    if (key_end(text) != text.size_bytes)
        mr__fail(parser, mr__place_from(parser, start), MR_COND_INVALID_RESET_COMMAND_FORMAT);
    statement->reset.key = own(parser, text);
    return statement;
}

/* ---------------------------------------------------------------- small commands */

static MrSqlStatement *table_statement(MrParser *parser, MrSqlStatementKind kind)
{
    MrSqlStatement *statement = mr__statement_new(parser, kind);
    statement->table.if_exists = mr__accept_if_exists(parser);
    mr__name(parser, &statement->table.name);
    if (mr__peek(parser) == MR_KW_PARTITION && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN)
        mr__partition(parser, &statement->table.partition);
    return statement;
}

static MrSqlStatement *explain(MrParser *parser)
{
    static const struct {
        uint16_t word;
        MrSqlExplainMode mode;
    } modes[] = {
        {MR_KW_EXTENDED, MR_SQL_EXPLAIN_EXTENDED}, {MR_KW_CODEGEN, MR_SQL_EXPLAIN_CODEGEN},
        {MR_KW_COST, MR_SQL_EXPLAIN_COST},         {MR_KW_FORMATTED, MR_SQL_EXPLAIN_FORMATTED},
        {MR_KW_LOGICAL, MR_SQL_EXPLAIN_LOGICAL},   {MR_KW_ANALYZE, MR_SQL_EXPLAIN_ANALYZE}};
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_EXPLAIN);
    parser->at++;
    for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
        bool analyze_table =
            modes[i].word == MR_KW_ANALYZE &&
            (mr__peek_at(parser, 1) == MR_KW_TABLE || mr__peek_at(parser, 1) == MR_KW_TABLES);
        if (mr__peek(parser) == modes[i].word && !analyze_table) {
            statement->explain.mode = modes[i].mode;
            parser->at++;
            break;
        }
    }
    mr__enter(parser);
    statement->explain.statement = mr__statement(parser);
    mr__leave(parser);
    return statement;
}

static MrSqlStatement *use(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_USE);
    parser->at++;
    if (mr__is_name_at(parser, 1) || mr__peek_at(parser, 1) == MR_TOK_DOUBLE_QUOTED)
        statement->use.is_namespace = mr__accept_namespace(parser);
    mr__name(parser, &statement->use.name);
    return statement;
}

static MrSqlStatement *cache(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_CACHE_TABLE);
    parser->at++;
    statement->cache.lazy = mr__accept(parser, MR_KW_LAZY);
    mr__expect(parser, MR_KW_TABLE);
    mr__name(parser, &statement->cache.name);
    if (mr__accept(parser, MR_KW_OPTIONS))
        mr__properties(parser, &statement->cache.options);
    if (mr__accept(parser, MR_KW_AS) || mr__is_query(parser, 0) ||
        mr__peek(parser) == MR_TOK_LEFT_PAREN)
        statement->cache.query = mr__query(parser);
    return statement;
}

static MrSqlStatement *refresh(MrParser *parser)
{
    parser->at++;
    if (mr__peek(parser) == MR_KW_TABLE && mr__is_name_at(parser, 1)) {
        parser->at++;
        return table_statement(parser, MR_SQL_STMT_REFRESH_TABLE);
    }
    if (mr__peek(parser) == MR_KW_FUNCTION && mr__is_name_at(parser, 1)) {
        parser->at++;
        return table_statement(parser, MR_SQL_STMT_REFRESH_FUNCTION);
    }
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_REFRESH_PATH);
    if (mr__is_string(parser, 0)) {
        statement->table.path = mr__string(parser);
    } else {
        MrText path = rest_text(parser, parser->at);
        if (path.size_bytes == 0 || text_has(path, ' ')) {
            parser->at = 0;
            mr__fail(parser, mr__place_from(parser, 0), MR_COND_PARSE_SYNTAX_ERROR, "error",
                     "the path of REFRESH", "hint", "");
        }
        statement->table.path = own(parser, path);
    }
    return statement;
}

static MrSqlStatement *analyze(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_ANALYZE_TABLE);
    int32_t start = parser->at++;
    if (mr__accept(parser, MR_KW_TABLES)) {
        statement->analyze.all_tables = true;
        if (mr__accept(parser, MR_KW_IN) || mr__accept(parser, MR_KW_FROM))
            mr__name(parser, &statement->analyze.name);
    } else {
        mr__expect(parser, MR_KW_TABLE);
        mr__name(parser, &statement->analyze.name);
        if (mr__peek(parser) == MR_KW_PARTITION)
            mr__partition(parser, &statement->analyze.partition);
    }
    mr__expect(parser, MR_KW_COMPUTE);
    mr__expect(parser, MR_KW_STATISTICS);
    if (mr__accept3(parser, MR_KW_FOR, MR_KW_ALL, MR_KW_COLUMNS)) {
        statement->analyze.for_all_columns = true;
    } else if (mr__accept2(parser, MR_KW_FOR, MR_KW_COLUMNS)) {
        int32_t cap = 0;
        do {
            MR_PUSH(parser->arena, statement->analyze.columns, statement->analyze.n_columns, cap,
                    mr__name_part(parser));
        } while (mr__accept(parser, MR_TOK_COMMA));
    } else if (mr__is_name_at(parser, 0)) {
        statement->analyze.option = mr__name_part(parser);
        if (!mr_str_equal_nocase(statement->analyze.option, "NOSCAN"))
            mr__fail(parser, mr__place_from(parser, start),
                     MR_COND_INVALID_SQL_SYNTAX__ANALYZE_TABLE_UNEXPECTED_NOSCAN, "ctx",
                     statement->analyze.option);
    }
    return statement;
}

/* DECLARE [OR REPLACE] [VARIABLE] a, b [type] [DEFAULT value] */
static MrSqlStatement *declare(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_DECLARE_VARIABLE);
    int32_t start = parser->at++;
    bool is_plain_timestamp;
    statement->declare.or_replace = mr__accept2(parser, MR_KW_OR, MR_KW_REPLACE);
    if (mr__is_name_at(parser, 1) && !mr__accept(parser, MR_KW_VARIABLE))
        mr__accept(parser, MR_KW_VAR);
    statement->declare.n_names = mr__names(parser, &statement->declare.names);
    if (mr__is_name_at(parser, 0) && mr__peek(parser) != MR_KW_DEFAULT)
        statement->declare.type = mr__type(parser, &is_plain_timestamp);
    if (mr__accept(parser, MR_KW_DEFAULT) || mr__accept(parser, MR_TOK_EQUAL)) {
        int32_t value = parser->at;
        statement->declare.value = mr__expr(parser);
        statement->declare.value_place = mr__place_from(parser, value);
    }
    if (statement->declare.type == NULL && statement->declare.value == NULL)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_INVALID_SQL_SYNTAX__VARIABLE_TYPE_OR_DEFAULT_REQUIRED);
    return statement;
}

static MrSqlStatement *execute_immediate(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_EXECUTE_IMMEDIATE);
    parser->at += 2;
    statement->execute.text = mr__expr(parser);
    if (mr__accept(parser, MR_KW_INTO))
        statement->execute.n_into = mr__column_names(parser, &statement->execute.into);
    if (!mr__accept(parser, MR_KW_USING))
        return statement;
    int32_t cap = 0;
    bool brackets = mr__peek(parser) == MR_TOK_LEFT_PAREN && !mr__is_query(parser, 1);
    parser->at += brackets;
    do {
        MR_PUSH(parser->arena, statement->execute.args, statement->execute.n_args, cap,
                mr__named_expr(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    if (brackets)
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    for (int32_t i = 0; i < statement->execute.n_args; i++)
        for (int32_t j = 0; j < i; j++) {
            const MrSqlExpr *a = statement->execute.args[i], *b = statement->execute.args[j];
            if (a->kind == MR_SQL_ALIAS && b->kind == MR_SQL_ALIAS &&
                mr_str_equal_nocase(a->alias.names[0], b->alias.names[0]))
                mr__fail(parser, a->place, MR_COND_EXEC_IMMEDIATE_DUPLICATE_ARGUMENT_ALIASES,
                         "aliases", mr_quote_name(parser->arena, a->alias.names[0]));
        }
    return statement;
}

static MrSqlStatement *comment_on(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_COMMENT_ON);
    parser->at += 2;
    if (mr__accept_namespace(parser)) {
        statement->comment_on.object = MR_SQL_OBJECT_NAMESPACE;
        mr__name(parser, &statement->comment_on.name);
    } else if (mr__accept(parser, MR_KW_COLUMN)) {
        statement->comment_on.object = MR_SQL_OBJECT_TABLE;
        mr__name(parser, &statement->comment_on.column);
        statement->comment_on.name = statement->comment_on.column;
        statement->comment_on.name.n_parts--;
    } else {
        mr__expect(parser, MR_KW_TABLE);
        statement->comment_on.object = MR_SQL_OBJECT_TABLE;
        mr__name(parser, &statement->comment_on.name);
    }
    mr__expect(parser, MR_KW_IS);
    if (!mr__accept(parser, MR_KW_NULL))
        statement->comment_on.comment = mr__string(parser);
    return statement;
}

static MrSqlStatement *repair(MrParser *parser)
{
    mr__accept(parser, MR_KW_MSCK);
    mr__expect(parser, MR_KW_REPAIR);
    mr__expect(parser, MR_KW_TABLE);
    MrSqlStatement *statement = table_statement(parser, MR_SQL_STMT_REPAIR_TABLE);
    if (mr__peek_at(parser, 1) == MR_KW_PARTITIONS) {
        statement->table.path = mr__source(parser, parser->at, parser->at + 1);
        parser->at += 2;
    }
    return statement;
}

/* ---------------------------------------------------------------- DROP */

static void drop_object(MrParser *parser, MrSqlDrop *drop)
{
    if (mr__accept(parser, MR_KW_TABLE)) {
        drop->object = MR_SQL_OBJECT_TABLE;
    } else if (mr__accept(parser, MR_KW_VIEW)) {
        drop->object = MR_SQL_OBJECT_VIEW;
    } else if (mr__accept2(parser, MR_KW_MATERIALIZED, MR_KW_VIEW)) {
        drop->object = MR_SQL_OBJECT_MATERIALIZED_VIEW;
    } else if (mr__accept2(parser, MR_KW_STREAMING, MR_KW_TABLE)) {
        drop->object = MR_SQL_OBJECT_STREAMING_TABLE;
    } else if (mr__accept_namespace(parser)) {
        drop->object = MR_SQL_OBJECT_NAMESPACE;
    } else {
        drop->temporary = mr__accept(parser, MR_KW_TEMPORARY);
        if (mr__accept(parser, MR_KW_FUNCTION)) {
            drop->object = MR_SQL_OBJECT_FUNCTION;
        } else if (drop->temporary &&
                   (mr__accept(parser, MR_KW_VARIABLE) || mr__accept(parser, MR_KW_VAR))) {
            drop->object = MR_SQL_OBJECT_VARIABLE;
        } else {
            mr__fail_syntax(parser);
        }
    }
}

static MrSqlStatement *drop_statement(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_DROP);
    MrSqlDrop *drop = &statement->drop;
    parser->at++;
    drop_object(parser, drop);
    drop->if_exists = mr__accept_if_exists(parser);
    if (drop->object == MR_SQL_OBJECT_VARIABLE) {
        drop->n_names = mr__names(parser, &drop->names);
        return statement;
    }
    drop->names = mr_arena_alloc(parser->arena, sizeof *drop->names);
    drop->n_names = 1;
    mr__name(parser, drop->names);
    if (drop->object == MR_SQL_OBJECT_TABLE)
        drop->purge = mr__accept(parser, MR_KW_PURGE);
    if (drop->object == MR_SQL_OBJECT_NAMESPACE) {
        drop->cascade = mr__accept(parser, MR_KW_CASCADE);
        if (!drop->cascade)
            mr__accept(parser, MR_KW_RESTRICT);
    }
    return statement;
}

/* ---------------------------------------------------------------- which statement? */

static MrSqlStatement *clear_cache(MrParser *parser)
{
    parser->at++;
    mr__expect(parser, MR_KW_CACHE);
    return mr__statement_new(parser, MR_SQL_STMT_CLEAR_CACHE);
}

static MrSqlStatement *uncache(MrParser *parser)
{
    parser->at++;
    mr__expect(parser, MR_KW_TABLE);
    return table_statement(parser, MR_SQL_STMT_UNCACHE_TABLE);
}

static MrSqlStatement *truncate_table(MrParser *parser)
{
    parser->at++;
    mr__expect(parser, MR_KW_TABLE);
    return table_statement(parser, MR_SQL_STMT_TRUNCATE);
}

static bool is_recognised(const MrParser *parser)
{
    int next = mr__peek_at(parser, 1);
    switch (mr__peek(parser)) {
    case MR_KW_GRANT:
    case MR_KW_REVOKE:
    case MR_KW_COMMIT:
    case MR_KW_ROLLBACK:
    case MR_KW_DFS:
    case MR_KW_BEGIN:
        return true;
    case MR_KW_CALL:
        return mr__is_name_at(parser, 1);
    case MR_KW_ADD:
    case MR_KW_LIST:
        return mr__is_name_at(parser, 1);
    case MR_KW_LOAD:
        return next == MR_KW_DATA;
    case MR_KW_START:
        return next == MR_KW_TRANSACTION;
    case MR_KW_LOCK:
    case MR_KW_UNLOCK:
        return next == MR_KW_TABLE || next == MR_KW_DATABASE;
    case MR_KW_EXPORT:
    case MR_KW_IMPORT:
        return next == MR_KW_TABLE;
    case MR_KW_CREATE:
    case MR_KW_DROP:
        return next == MR_KW_ROLE || next == MR_KW_INDEX ||
               (next == MR_KW_TEMPORARY && mr__peek_at(parser, 2) == MR_KW_MACRO);
    case MR_KW_ALTER:
        return next == MR_KW_INDEX;
    case MR_KW_MAP:
    case MR_KW_REDUCE:
        return mr__is_name_at(parser, 1);
    default:
        return false;
    }
}

static MrSqlStatement *dispatch(MrParser *parser)
{
    if (is_recognised(parser))
        return recognised(parser);
    switch (mr__peek(parser)) {
    case MR_TOK_LEFT_PAREN:
    case MR_KW_SELECT:
    case MR_KW_WITH:
    case MR_KW_VALUES:
    case MR_KW_TABLE:
    case MR_KW_FROM:
    case MR_KW_INSERT:
    case MR_KW_DELETE:
    case MR_KW_UPDATE:
    case MR_KW_MERGE:
        return query_statement(parser);
    case MR_KW_EXPLAIN:
        return explain(parser);
    case MR_KW_USE:
        return use(parser);
    case MR_KW_SET:
        return set_statement(parser);
    case MR_KW_RESET:
        return reset_statement(parser);
    case MR_KW_SHOW:
        return mr__show(parser);
    case MR_KW_DESC:
    case MR_KW_DESCRIBE:
        return mr__describe(parser);
    case MR_KW_CREATE:
    case MR_KW_REPLACE:
        return mr__create(parser);
    case MR_KW_ALTER:
        return mr__alter(parser);
    case MR_KW_DROP:
        return drop_statement(parser);
    case MR_KW_CACHE:
        return cache(parser);
    case MR_KW_UNCACHE:
        return uncache(parser);
    case MR_KW_CLEAR:
        return clear_cache(parser);
    case MR_KW_REFRESH:
        return refresh(parser);
    case MR_KW_TRUNCATE:
        return truncate_table(parser);
    case MR_KW_ANALYZE:
        return analyze(parser);
    case MR_KW_DECLARE:
        return declare(parser);
    case MR_KW_MSCK:
    case MR_KW_REPAIR:
        return repair(parser);
    case MR_KW_EXECUTE:
        if (mr__peek_at(parser, 1) == MR_KW_IMMEDIATE)
            return execute_immediate(parser);
        break;
    case MR_KW_COMMENT:
        if (mr__peek_at(parser, 1) == MR_KW_ON)
            return comment_on(parser);
        break;
    default:
        break;
    }
    mr__fail_syntax(parser);
}

MrSqlStatement *mr__statement(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlStatement *statement = dispatch(parser);
    statement->place = mr__place_from(parser, start);
    return statement;
}
