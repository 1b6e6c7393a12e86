/* parse_create.c - CREATE: tables, streaming tables, materialized views, views, functions, schemas.
 */
#include "sql/parse_int.h"

/* ---------------------------------------------------------------- columns */

static void generated_column(MrParser *parser, MrSqlColumn *column)
{
    if (mr__accept2(parser, MR_KW_BY, MR_KW_DEFAULT) || mr__accept(parser, MR_KW_ALWAYS)) {
        mr__expect(parser, MR_KW_AS);
        if (mr__accept(parser, MR_KW_IDENTITY)) {
            column->is_identity = true;
            int32_t depth = 0;
            do { /* (START WITH n INCREMENT BY m) */
                depth += mr__peek(parser) == MR_TOK_LEFT_PAREN;
                depth -= mr__peek(parser) == MR_TOK_RIGHT_PAREN;
                if (depth > 0 || mr__peek(parser) == MR_TOK_RIGHT_PAREN)
                    parser->at += mr__peek(parser) != MR_TOK_END;
            } while (depth > 0 && mr__peek(parser) != MR_TOK_END);
            return;
        }
        mr__expect(parser, MR_TOK_LEFT_PAREN);
        column->generated = mr__expr(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        return;
    }
    mr__fail_syntax(parser);
}

static void brackets_skip(MrParser *parser)
{
    int32_t depth = 0;
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    for (depth = 1; depth > 0; parser->at++) {
        int kind = mr__peek(parser);
        if (kind == MR_TOK_END)
            mr__fail_syntax(parser);
        depth += (kind == MR_TOK_LEFT_PAREN) - (kind == MR_TOK_RIGHT_PAREN);
    }
}

/* PRIMARY KEY, UNIQUE, CHECK (..), REFERENCES t (..), FOREIGN KEY (..), with or without CONSTRAINT
 * name: read over.  false: none stands here. */
static bool constraint_skip(MrParser *parser)
{
    MrSqlName name;
    if (mr__peek(parser) == MR_KW_CONSTRAINT && mr__is_name_at(parser, 1)) {
        parser->at++;
        mr__name_part(parser);
    }
    if (mr__accept2(parser, MR_KW_PRIMARY, MR_KW_KEY) ||
        mr__accept2(parser, MR_KW_FOREIGN, MR_KW_KEY) || mr__accept(parser, MR_KW_UNIQUE)) {
        if (mr__peek(parser) == MR_TOK_LEFT_PAREN)
            brackets_skip(parser);
    } else if (mr__peek(parser) == MR_KW_CHECK && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
        parser->at++;
        brackets_skip(parser);
    } else if (mr__peek(parser) != MR_KW_REFERENCES) {
        return false;
    }
    if (mr__accept(parser, MR_KW_REFERENCES)) {
        mr__name(parser, &name);
        if (mr__peek(parser) == MR_TOK_LEFT_PAREN)
            brackets_skip(parser);
    }
    while (mr__accept2(parser, MR_KW_NOT, MR_KW_ENFORCED) || mr__accept(parser, MR_KW_ENFORCED) ||
           mr__accept(parser, MR_KW_RELY) || mr__accept(parser, MR_KW_NORELY))
        continue;
    return true;
}

static void column_options(MrParser *parser, MrSqlColumn *column, bool *has_constraints)
{
    for (;;) {
        if (mr__accept2(parser, MR_KW_NOT, MR_KW_NULL) ||
            mr__accept2(parser, MR_TOK_BANG, MR_KW_NULL)) {
            column->not_null = true;
        } else if (mr__accept(parser, MR_KW_COMMENT)) {
            column->comment = mr__string(parser);
        } else if (mr__accept(parser, MR_KW_DEFAULT)) {
            int32_t start = parser->at;
            column->default_value = mr__expr(parser);
            column->default_place = mr__place_from(parser, start);
        } else if (mr__accept(parser, MR_KW_GENERATED)) {
            generated_column(parser, column);
        } else if (constraint_skip(parser)) {
            *has_constraints = true;
        } else {
            return;
        }
    }
}

static int32_t column_defs(MrParser *parser, MrSqlColumn **out, bool *has_constraints)
{
    MrSqlColumn *columns = NULL;
    int32_t n = 0, cap = 0;
    do {
        int32_t start = parser->at;
        int next = mr__peek_at(parser, 1);
        if ((mr__peek(parser) == MR_KW_CONSTRAINT && mr__is_name_at(parser, 2)) ||
            (mr__peek(parser) == MR_KW_PRIMARY && next == MR_KW_KEY) ||
            (mr__peek(parser) == MR_KW_FOREIGN && next == MR_KW_KEY) ||
            ((mr__peek(parser) == MR_KW_UNIQUE || mr__peek(parser) == MR_KW_CHECK) &&
             next == MR_TOK_LEFT_PAREN)) {
            *has_constraints |= constraint_skip(parser);
            continue;
        }
        MrSqlColumn column = {.name = mr__name_part(parser)};
        column.type = mr__type(parser, &column.is_plain_timestamp);
        column_options(parser, &column, has_constraints);
        column.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, columns, n, cap, column);
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = columns;
    return n;
}

/* Names with comments, as a view has them. */
static int32_t view_columns(MrParser *parser, MrSqlColumn **out)
{
    MrSqlColumn *columns = NULL;
    int32_t n = 0, cap = 0;
    do {
        int32_t start = parser->at;
        MrSqlColumn column = {.name = mr__name_part(parser)};
        if (mr__accept(parser, MR_KW_COMMENT))
            column.comment = mr__string(parser);
        column.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, columns, n, cap, column);
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = columns;
    return n;
}

/* ---------------------------------------------------------------- tables */

static const char *provider_name(MrParser *parser)
{
    MrSqlName name;
    int32_t start = parser->at;
    mr__name(parser, &name);
    return name.n_parts == 1 ? name.parts[0] : mr__source(parser, start, parser->at);
}

static void partitioned_by(MrParser *parser, MrSqlCreateTable *table)
{
    int32_t cap = 0;
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    do {
        int32_t start = parser->at, cap_args = 0;
        MrSqlTransform item = {0};
        if (mr__is_name_at(parser, 0) && mr__is_name_at(parser, 1)) {
            bool has_constraints = false;
            item.column = MR_NEW(parser->arena, MrSqlColumn);
            item.column->name = mr__name_part(parser);
            item.column->type = mr__type(parser, &item.column->is_plain_timestamp);
            column_options(parser, item.column, &has_constraints);
            item.column->place = mr__place_from(parser, start);
            item.name = "identity";
        } else if (mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
            item.name = mr__name_part(parser);
            parser->at++;
            do {
                MR_PUSH(parser->arena, item.args, item.n_args, cap_args, mr__primary(parser));
            } while (mr__accept(parser, MR_TOK_COMMA));
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
        } else {
            MrSqlName name;
            mr__name(parser, &name);
            MrSqlExpr *column = mr__expr_new(parser, MR_SQL_NAME, start);
            column->name = name;
            item.name = "identity";
            MR_PUSH(parser->arena, item.args, item.n_args, cap_args, column);
        }
        item.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, table->partitions, table->n_partitions, cap, item);
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

static void clustered_by(MrParser *parser, MrSqlCreateTable *table)
{
    table->n_bucket_columns = mr__name_list(parser, &table->bucket_columns);
    if (mr__accept2(parser, MR_KW_SORTED, MR_KW_BY)) {
        mr__expect(parser, MR_TOK_LEFT_PAREN);
        table->n_bucket_sort = mr__sorts(parser, &table->bucket_sort);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
    mr__expect(parser, MR_KW_INTO);
    table->n_buckets = mr__integer(parser);
    mr__expect(parser, MR_KW_BUCKETS);
}

/* ROW FORMAT .., STORED AS .., SKEWED BY ..: Hive's.  What can be read (STORED AS parquet) is kept.
 */
static bool hive_clause(MrParser *parser, MrSqlCreateTable *table)
{
    if (mr__accept2(parser, MR_KW_STORED, MR_KW_AS)) {
        table->has_hive_clause = true;
        if (mr__accept(parser, MR_KW_INPUTFORMAT)) {
            mr__string(parser);
            mr__expect(parser, MR_KW_OUTPUTFORMAT);
            mr__string(parser);
        } else {
            table->stored_as = mr__name_part(parser);
        }
    } else if (mr__accept2(parser, MR_KW_STORED, MR_KW_BY)) {
        table->has_hive_clause = true;
        mr__string(parser);
    } else if (mr__accept3(parser, MR_KW_ROW, MR_KW_FORMAT, MR_KW_SERDE)) {
        table->has_hive_clause = true;
        mr__string(parser);
    } else if (mr__accept3(parser, MR_KW_ROW, MR_KW_FORMAT, MR_KW_DELIMITED)) {
        table->has_hive_clause = true;
        while (mr__peek(parser) == MR_KW_FIELDS || mr__peek(parser) == MR_KW_ESCAPED ||
               mr__peek(parser) == MR_KW_COLLECTION || mr__peek(parser) == MR_KW_MAP ||
               mr__peek(parser) == MR_KW_LINES || mr__peek(parser) == MR_KW_NULL) {
            while (!mr__is_string(parser, 0)) {
                if (mr__peek(parser) == MR_TOK_END)
                    mr__fail_syntax(parser);
                parser->at++;
            }
            mr__string(parser);
        }
    } else {
        return false;
    }
    if (mr__accept2(parser, MR_KW_WITH, MR_KW_SERDEPROPERTIES)) {
        MrSqlProperties ignored;
        mr__properties(parser, &ignored);
    }
    return true;
}

static void fail_twice(MrParser *parser, int32_t start, const char *clause)
{
    mr__fail(parser, mr__place_from(parser, start), MR_COND_DUPLICATE_CLAUSES, "clauseName",
             clause);
}

static bool table_clause(MrParser *parser, MrSqlCreateTable *table, int32_t start)
{
    if (mr__accept(parser, MR_KW_USING)) {
        table->provider = provider_name(parser);
    } else if (mr__peek(parser) == MR_KW_OPTIONS && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
        if (table->options.n > 0)
            fail_twice(parser, start, "OPTIONS");
        parser->at++;
        mr__expr_properties(parser, &table->options);
    } else if (mr__accept2(parser, MR_KW_PARTITIONED, MR_KW_BY)) {
        if (table->n_partitions > 0)
            fail_twice(parser, start, "PARTITIONED BY");
        partitioned_by(parser, table);
    } else if (mr__accept2(parser, MR_KW_CLUSTERED, MR_KW_BY)) {
        if (table->n_buckets > 0)
            fail_twice(parser, start, "CLUSTERED BY");
        clustered_by(parser, table);
    } else if (mr__accept2(parser, MR_KW_CLUSTER, MR_KW_BY)) {
        mr__expect(parser, MR_TOK_LEFT_PAREN);
        table->n_cluster = mr__column_names(parser, &table->cluster);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    } else if (mr__accept(parser, MR_KW_LOCATION)) {
        if (table->location != NULL)
            fail_twice(parser, start, "LOCATION");
        table->location = mr__string(parser);
    } else if (mr__accept(parser, MR_KW_COMMENT)) {
        if (table->comment != NULL)
            fail_twice(parser, start, "COMMENT");
        table->comment = mr__string(parser);
    } else if (mr__accept(parser, MR_KW_TBLPROPERTIES)) {
        if (table->properties.n > 0)
            fail_twice(parser, start, "TBLPROPERTIES");
        mr__properties(parser, &table->properties);
    } else if (mr__accept2(parser, MR_KW_DEFAULT, MR_KW_COLLATION)) {
        MrSqlName collation;
        int32_t own = parser->at;
        mr__name(parser, &collation);
        table->collation = mr__source(parser, own, parser->at);
    } else {
        return hive_clause(parser, table);
    }
    return true;
}

/* LOCATION and the option path are one; the last of them would not say that there was another. */
static void check_paths(MrParser *parser, const MrSqlCreateTable *table, int32_t start)
{
    const char *first = table->location;
    for (int32_t i = 0; i < table->options.n; i++) {
        const MrSqlProperty *option = &table->options.items[i];
        if (!mr_str_equal_nocase(option->key, "path") || !option->value)
            continue;
        if (first)
            mr__fail(parser, mr__place_from(parser, start), MR_COND__LEGACY_ERROR_TEMP_0032,
                     "pathOne", first, "pathTwo", option->value);
        first = option->value;
    }
}

/* CREATE is read, with what stood between it and TABLE or VIEW. */
static MrSqlStatement *create_table(MrParser *parser, const MrSqlCreateTable *words, int32_t start)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_CREATE_TABLE);
    MrSqlCreateTable *table = statement->create_table = MR_NEW(parser->arena, MrSqlCreateTable);
    *table = *words;
    table->if_not_exists = mr__accept_if_not_exists(parser);
    mr__name(parser, &table->name);
    if (mr__accept(parser, MR_KW_LIKE))
        mr__name(parser, &table->like);
    if (mr__peek(parser) == MR_TOK_LEFT_PAREN && !mr__is_query(parser, 1) &&
        mr__peek_at(parser, 1) != MR_TOK_LEFT_PAREN) {
        parser->at++;
        table->n_columns = column_defs(parser, &table->columns, &table->has_constraints);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
    while (table_clause(parser, table, start))
        continue;
    check_paths(parser, table, start);
    if (table->or_replace && table->if_not_exists)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_INVALID_SQL_SYNTAX__CREATE_ROUTINE_WITH_IF_NOT_EXISTS_AND_REPLACE);
    if (mr__accept(parser, MR_KW_AS) || mr__is_query(parser, 0) ||
        mr__peek(parser) == MR_TOK_LEFT_PAREN)
        table->query = mr__query(parser);
    return statement;
}

/* ---------------------------------------------------------------- views */

static bool view_clause(MrParser *parser, MrSqlCreateView *view)
{
    if (mr__accept(parser, MR_KW_COMMENT)) {
        view->comment = mr__string(parser);
    } else if (mr__accept(parser, MR_KW_TBLPROPERTIES)) {
        mr__properties(parser, &view->properties);
    } else if (mr__accept2(parser, MR_KW_WITH, MR_KW_SCHEMA)) {
        if (mr__accept(parser, MR_KW_BINDING))
            view->schema_binding = "BINDING";
        else if (mr__accept(parser, MR_KW_COMPENSATION))
            view->schema_binding = "COMPENSATION";
        else if (mr__accept(parser, MR_KW_EVOLUTION))
            view->schema_binding = "EVOLUTION";
        else if (mr__accept2(parser, MR_KW_TYPE, MR_KW_EVOLUTION))
            view->schema_binding = "TYPE EVOLUTION";
        else
            mr__fail_syntax(parser);
    } else if (mr__accept2(parser, MR_KW_PARTITIONED, MR_KW_ON)) {
        const char **ignored;
        mr__name_list(parser, &ignored);
    } else if (mr__accept2(parser, MR_KW_DEFAULT, MR_KW_COLLATION)) {
        MrSqlName collation;
        int32_t own = parser->at;
        mr__name(parser, &collation);
        view->collation = mr__source(parser, own, parser->at);
    } else {
        return false;
    }
    return true;
}

static MrSqlStatement *create_view(MrParser *parser, const MrSqlCreateView *words, int32_t start)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_CREATE_VIEW);
    MrSqlCreateView *view = statement->create_view = MR_NEW(parser->arena, MrSqlCreateView);
    *view = *words;
    view->if_not_exists = mr__accept_if_not_exists(parser);
    mr__name(parser, &view->name);
    if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
        int32_t n = mr__is_identifier_clause(parser, 0) ? 4 : 1;
        int next = mr__peek_at(parser, n);
        if (next == MR_TOK_COMMA || next == MR_TOK_RIGHT_PAREN || next == MR_KW_COMMENT)
            view->n_columns = view_columns(parser, &view->columns);
        else
            view->n_columns = mr__column_types(parser, &view->columns);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
    if (mr__accept(parser, MR_KW_USING)) {
        view->provider = provider_name(parser);
        if (mr__accept(parser, MR_KW_OPTIONS))
            mr__properties(parser, &view->options);
        return statement;
    }
    while (view_clause(parser, view))
        continue;
    if (mr__accept2(parser, MR_KW_WITH, MR_KW_METRICS))
        mr__fail_unsupported(parser, start, "CREATE VIEW WITH METRICS");
    mr__expect(parser, MR_KW_AS);
    view->query = mr__query(parser);
    return statement;
}

/* ---------------------------------------------------------------- functions */

static void function_params(MrParser *parser, MrSqlCreateFunction *function, int32_t start)
{
    int32_t cap = 0;
    do {
        int32_t own = parser->at;
        bool has_constraints = false;
        MrSqlColumn column = {.name = mr__name_part(parser)};
        column.type = mr__type(parser, &column.is_plain_timestamp);
        column_options(parser, &column, &has_constraints);
        if (column.generated != NULL || column.is_identity)
            mr__fail(parser, mr__place_from(parser, start),
                     MR_COND_INVALID_SQL_SYNTAX__CREATE_FUNC_WITH_GENERATED_COLUMNS_AS_PARAMETERS);
        if (has_constraints)
            mr__fail(parser, mr__place_from(parser, start),
                     MR_COND_INVALID_SQL_SYNTAX__CREATE_FUNC_WITH_COLUMN_CONSTRAINTS);
        MrSqlRoutineParam param = {.place = mr__place_from(parser, own),
                                   .name = column.name,
                                   .type = column.type,
                                   .default_value = column.default_value,
                                   .comment = column.comment,
                                   .not_null = column.not_null};
        MR_PUSH(parser->arena, function->params, function->n_params, cap, param);
    } while (mr__accept(parser, MR_TOK_COMMA));
}

static bool function_clause(MrParser *parser, MrSqlCreateFunction *function)
{
    if (mr__accept(parser, MR_KW_LANGUAGE))
        function->language = mr__name_part(parser);
    else if (mr__accept(parser, MR_KW_SPECIFIC))
        mr__name_part(parser);
    else if (mr__accept(parser, MR_KW_DETERMINISTIC))
        function->deterministic = 1;
    else if (mr__accept2(parser, MR_KW_NOT, MR_KW_DETERMINISTIC))
        function->deterministic = -1;
    else if (mr__accept2(parser, MR_KW_CONTAINS, MR_KW_SQL))
        function->reads_sql = -1;
    else if (mr__accept3(parser, MR_KW_READS, MR_KW_SQL, MR_KW_DATA))
        function->reads_sql = 1;
    else if (mr__accept2(parser, MR_KW_NO, MR_KW_SQL) ||
             mr__accept3(parser, MR_KW_MODIFIES, MR_KW_SQL, MR_KW_DATA))
        function->reads_sql = 0;
    else if (mr__accept(parser, MR_KW_COMMENT))
        function->comment = mr__string(parser);
    else if (mr__accept3(parser, MR_KW_SQL, MR_KW_SECURITY, MR_KW_INVOKER) ||
             mr__accept3(parser, MR_KW_SQL, MR_KW_SECURITY, MR_KW_DEFINER))
        return true;
    else if (mr__accept3(parser, MR_KW_RETURNS, MR_KW_NULL, MR_KW_ON) ||
             mr__accept2(parser, MR_KW_CALLED, MR_KW_ON)) {
        mr__expect(parser, MR_KW_NULL);
        mr__expect(parser, MR_KW_INPUT);
    } else if (mr__accept2(parser, MR_KW_DEFAULT, MR_KW_COLLATION))
        function->collation = mr__name_part(parser);
    else
        return false;
    return true;
}

static void function_returns(MrParser *parser, MrSqlCreateFunction *function)
{
    bool is_plain_timestamp;
    if (!mr__accept(parser, MR_KW_RETURNS))
        return;
    if (mr__accept(parser, MR_KW_TABLE)) {
        function->returns_table = true;
        if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
            function->n_columns = mr__column_types(parser, &function->columns);
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
        }
    } else {
        function->returns = mr__type(parser, &is_plain_timestamp);
    }
}

static MrSqlStatement *create_function(MrParser *parser, bool or_replace, bool temporary,
                                       int32_t start)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_CREATE_FUNCTION);
    MrSqlCreateFunction *function = statement->create_function =
        MR_NEW(parser->arena, MrSqlCreateFunction);
    function->or_replace = or_replace;
    function->temporary = temporary;
    function->if_not_exists = mr__accept_if_not_exists(parser);
    mr__name(parser, &function->name);
    if (mr__accept(parser, MR_KW_AS)) {
        function->has_class = true;
        function->class_name = mr__string(parser);
        if (mr__accept(parser, MR_KW_USING)) {
            do {
                mr__name_part(parser);
                mr__string(parser);
            } while (mr__accept(parser, MR_TOK_COMMA));
        }
        return statement;
    }
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    if (!mr__accept(parser, MR_TOK_RIGHT_PAREN)) {
        function_params(parser, function, start);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
    function_returns(parser, function);
    while (function_clause(parser, function))
        continue;
    if (function->or_replace && function->if_not_exists)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_INVALID_SQL_SYNTAX__CREATE_ROUTINE_WITH_IF_NOT_EXISTS_AND_REPLACE);
    if (temporary && function->if_not_exists)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_INVALID_SQL_SYNTAX__CREATE_TEMP_FUNC_WITH_IF_NOT_EXISTS);
    mr__expect(parser, MR_KW_RETURN);
    int32_t body = parser->at;
    if (function->returns_table && !mr__is_query(parser, 0) &&
        mr__peek(parser) != MR_TOK_LEFT_PAREN) {
        mr__expr(parser);
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_USER_DEFINED_FUNCTIONS__SQL_TABLE_UDF_BODY_MUST_BE_A_QUERY, "name",
                 function->name.n_parts > 0 ? function->name.parts[function->name.n_parts - 1]
                                            : "");
    }
    if (function->returns_table || mr__is_query(parser, 0))
        function->query = mr__query(parser);
    else
        function->body = mr__expr(parser);
    function->body_place = mr__place_from(parser, body);
    return statement;
}

/* ---------------------------------------------------------------- schemas, flows */

static MrSqlStatement *create_namespace(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_CREATE_NAMESPACE);
    statement->create_namespace.if_not_exists = mr__accept_if_not_exists(parser);
    mr__name(parser, &statement->create_namespace.name);
    for (;;) {
        if (mr__accept(parser, MR_KW_COMMENT)) {
            statement->create_namespace.comment = mr__string(parser);
        } else if (mr__accept(parser, MR_KW_LOCATION)) {
            statement->create_namespace.location = mr__string(parser);
        } else if (mr__accept2(parser, MR_KW_WITH, MR_KW_DBPROPERTIES) ||
                   mr__accept2(parser, MR_KW_WITH, MR_KW_PROPERTIES)) {
            mr__properties(parser, &statement->create_namespace.properties);
        } else if (mr__accept2(parser, MR_KW_DEFAULT, MR_KW_COLLATION)) {
            MrSqlName collation;
            int32_t own = parser->at;
            mr__name(parser, &collation);
            statement->create_namespace.collation = mr__source(parser, own, parser->at);
        } else {
            return statement;
        }
    }
}

/* CREATE FLOW f [COMMENT 'x'] AS INSERT INTO [ONCE] t BY NAME query */
static MrSqlStatement *create_flow(MrParser *parser)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_CREATE_FLOW);
    mr__name(parser, &statement->flow.name);
    if (mr__accept(parser, MR_KW_COMMENT))
        statement->flow.comment = mr__string(parser);
    mr__expect(parser, MR_KW_AS);
    statement->flow.insert = mr__insert(parser);
    statement->flow.insert->query = mr__query(parser);
    return statement;
}

/* ---------------------------------------------------------------- which? */

MrSqlStatement *mr__create(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlCreateTable table = {0};
    MrSqlCreateView view = {0};
    table.is_replace = mr__accept(parser, MR_KW_REPLACE);
    if (!table.is_replace)
        parser->at++;
    table.or_replace = mr__accept2(parser, MR_KW_OR, MR_KW_REPLACE);
    table.or_refresh = !table.or_replace && mr__accept2(parser, MR_KW_OR, MR_KW_REFRESH);
    view.or_replace = table.or_replace;
    view.global = mr__accept2(parser, MR_KW_GLOBAL, MR_KW_TEMPORARY);
    view.temporary = !view.global && mr__accept(parser, MR_KW_TEMPORARY);
    table.temporary = view.temporary;
    table.external = mr__accept(parser, MR_KW_EXTERNAL);
    if (mr__accept(parser, MR_KW_TABLE))
        return create_table(parser, &table, start);
    if (!table.is_replace && !table.external) {
        if (mr__accept2(parser, MR_KW_STREAMING, MR_KW_TABLE)) {
            table.table_kind = MR_SQL_TABLE_STREAMING;
            return create_table(parser, &table, start);
        }
        if (mr__accept2(parser, MR_KW_MATERIALIZED, MR_KW_VIEW)) {
            table.table_kind = MR_SQL_TABLE_MATERIALIZED_VIEW;
            return create_table(parser, &table, start);
        }
        if (mr__accept(parser, MR_KW_VIEW))
            return create_view(parser, &view, start);
        if (!view.global && mr__accept(parser, MR_KW_FUNCTION))
            return create_function(parser, table.or_replace, view.temporary, start);
        if (!table.or_replace && !view.temporary && !view.global) {
            if (mr__accept_namespace(parser))
                return create_namespace(parser);
            if (mr__accept(parser, MR_KW_FLOW))
                return create_flow(parser);
        }
    }
    mr__fail_syntax(parser);
}
