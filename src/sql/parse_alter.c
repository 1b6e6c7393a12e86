/* parse_alter.c - ALTER of tables, views and schemas. */
#include "sql/parse_int.h"

/* FIRST, AFTER c */
static bool column_position(MrParser *parser, MrSqlColumn *column)
{
    if (mr__accept(parser, MR_KW_FIRST)) {
        column->position_first = true;
        return true;
    }
    if (!mr__accept(parser, MR_KW_AFTER))
        return false;
    column->position_after = mr__name_part(parser);
    return true;
}

/* a.b INT NOT NULL DEFAULT 1 COMMENT 'x' AFTER c, ... */
static void added_columns(MrParser *parser, MrSqlAlter *alter)
{
    int32_t cap = 0;
    bool brackets = mr__accept(parser, MR_TOK_LEFT_PAREN);
    do {
        int32_t start = parser->at;
        MrSqlColumn column = {0};
        mr__column_name(parser, &column.path);
        column.name = column.path.n_parts > 0 ? column.path.parts[column.path.n_parts - 1] : "";
        mr__accept(parser, MR_TOK_COLON);
        column.type = mr__type(parser, &column.is_plain_timestamp);
        for (;;) {
            if (mr__accept2(parser, MR_KW_NOT, MR_KW_NULL)) {
                column.not_null = true;
            } else if (mr__accept(parser, MR_KW_COMMENT)) {
                column.comment = mr__string(parser);
            } else if (mr__accept(parser, MR_KW_DEFAULT)) {
                int32_t value = parser->at;
                column.default_value = mr__expr(parser);
                column.default_place = mr__place_from(parser, value);
            } else if (!column_position(parser, &column)) {
                break;
            }
        }
        column.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, alter->columns, alter->n_columns, cap, column);
    } while (mr__accept(parser, MR_TOK_COMMA));
    if (brackets)
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

/* PARTITION (..) [LOCATION '..'] ... */
static void partitions(MrParser *parser, MrSqlAlter *alter, bool commas)
{
    int32_t cap = 0, n_locations = 0, cap_locations = 0;
    do {
        MrSqlPartition partition;
        mr__partition(parser, &partition);
        MR_PUSH(parser->arena, alter->partitions, alter->n_partitions, cap, partition);
        const char *location = mr__accept(parser, MR_KW_LOCATION) ? mr__string(parser) : NULL;
        MR_PUSH(parser->arena, alter->partition_locations, n_locations, cap_locations, location);
    } while (commas ? mr__accept(parser, MR_TOK_COMMA) : mr__peek(parser) == MR_KW_PARTITION);
}

static void alter_add(MrParser *parser, MrSqlAlter *alter)
{
    parser->at++;
    alter->if_not_exists = mr__accept_if_not_exists(parser);
    if (mr__peek(parser) == MR_KW_PARTITION) {
        alter->what = MR_SQL_ALTER_ADD_PARTITION;
        partitions(parser, alter, false);
    } else if (mr__accept(parser, MR_KW_COLUMN) || mr__accept(parser, MR_KW_COLUMNS)) {
        alter->what = MR_SQL_ALTER_ADD_COLUMNS;
        added_columns(parser, alter);
    } else if (mr__peek(parser) == MR_KW_CONSTRAINT || mr__peek(parser) == MR_KW_PRIMARY ||
               mr__peek(parser) == MR_KW_UNIQUE || mr__peek(parser) == MR_KW_CHECK ||
               mr__peek(parser) == MR_KW_FOREIGN) {
        alter->what = MR_SQL_ALTER_CONSTRAINT;
        while (mr__peek(parser) != MR_TOK_END && mr__peek(parser) != MR_TOK_SEMICOLON)
            parser->at++;
    } else {
        mr__fail_syntax(parser);
    }
}

static void alter_drop(MrParser *parser, MrSqlAlter *alter)
{
    parser->at++;
    if (mr__accept(parser, MR_KW_COLUMN) || mr__accept(parser, MR_KW_COLUMNS)) {
        alter->what = MR_SQL_ALTER_DROP_COLUMNS;
        alter->if_exists = mr__accept_if_exists(parser);
        bool brackets = mr__accept(parser, MR_TOK_LEFT_PAREN);
        alter->n_names = mr__column_names(parser, &alter->names);
        if (brackets)
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
        return;
    }
    if (mr__accept(parser, MR_KW_CONSTRAINT)) {
        alter->what = MR_SQL_ALTER_CONSTRAINT;
        alter->if_exists = mr__accept_if_exists(parser);
        mr__name_part(parser);
        if (!mr__accept(parser, MR_KW_RESTRICT))
            mr__accept(parser, MR_KW_CASCADE);
        return;
    }
    alter->what = MR_SQL_ALTER_DROP_PARTITION;
    alter->if_exists = mr__accept_if_exists(parser);
    partitions(parser, alter, true);
    alter->purge = mr__accept(parser, MR_KW_PURGE);
}

static void fail_no_change(MrParser *parser, int32_t start)
{
    mr__fail(
        parser, mr__place_from(parser, start), MR_COND_INVALID_STATEMENT_OR_CLAUSE, "operation",
        "ALTER TABLE table CHANGE COLUMN requires a TYPE, a SET/DROP, a COMMENT, or a FIRST/AFTER");
}

/* ALTER [COLUMN] c TYPE INT, SET NOT NULL, DROP DEFAULT ...; CHANGE c d INT COMMENT 'x' (Hive's
 * form) */
static void alter_column(MrParser *parser, MrSqlAlter *alter, int32_t start)
{
    parser->at++;
    mr__accept(parser, MR_KW_COLUMN);
    MrSqlColumn *column = alter->columns = MR_NEW(parser->arena, MrSqlColumn);
    alter->n_columns = 1;
    alter->what = MR_SQL_ALTER_COLUMN;
    int32_t own = parser->at;
    mr__column_name(parser, &column->path);
    column->name = column->path.n_parts > 0 ? column->path.parts[column->path.n_parts - 1] : "";
    if (mr__accept(parser, MR_KW_TYPE)) {
        alter->column_type = true;
        column->type = mr__type(parser, &column->is_plain_timestamp);
    } else if (mr__accept(parser, MR_KW_COMMENT)) {
        alter->column_comment = true;
        column->comment = mr__string(parser);
    } else if (column_position(parser, column)) {
        alter->column_position = true;
    } else if (mr__accept3(parser, MR_KW_SET, MR_KW_NOT, MR_KW_NULL)) {
        alter->column_set_not_null = true;
    } else if (mr__accept3(parser, MR_KW_DROP, MR_KW_NOT, MR_KW_NULL)) {
        alter->column_drop_not_null = true;
    } else if (mr__accept2(parser, MR_KW_SET, MR_KW_DEFAULT)) {
        alter->column_set_default = true;
        int32_t value = parser->at;
        column->default_value = mr__expr(parser);
        column->default_place = mr__place_from(parser, value);
    } else if (mr__accept2(parser, MR_KW_DROP, MR_KW_DEFAULT)) {
        alter->column_drop_default = true;
    } else if (mr__is_name_at(parser, 0)) {
        alter->what = MR_SQL_ALTER_CHANGE_COLUMN;
        alter->names = mr_arena_alloc(parser->arena, sizeof *alter->names);
        alter->names[0] = column->path;
        alter->n_names = 1;
        column->name = mr__name_part(parser);
        mr__accept(parser, MR_TOK_COLON);
        column->type = mr__type(parser, &column->is_plain_timestamp);
        if (mr__accept2(parser, MR_KW_NOT, MR_KW_NULL))
            column->not_null = true;
        if (mr__accept(parser, MR_KW_COMMENT))
            column->comment = mr__string(parser);
        alter->column_position = column_position(parser, column);
    } else {
        fail_no_change(parser, start);
    }
    column->place = mr__place_from(parser, own);
    if (mr__peek(parser) == MR_TOK_COMMA)
        mr__fail_unsupported(parser, start, "ALTER TABLE of several columns at once");
}

static void alter_set(MrParser *parser, MrSqlAlter *alter)
{
    parser->at++;
    if (mr__accept(parser, MR_KW_TBLPROPERTIES) || mr__accept(parser, MR_KW_DBPROPERTIES) ||
        mr__accept(parser, MR_KW_PROPERTIES)) {
        alter->what = MR_SQL_ALTER_SET_PROPERTIES;
        mr__properties(parser, &alter->properties);
    } else if (mr__accept(parser, MR_KW_LOCATION)) {
        alter->what = MR_SQL_ALTER_SET_LOCATION;
        alter->location = mr__string(parser);
    } else if (mr__accept(parser, MR_KW_SERDE)) {
        alter->what = MR_SQL_ALTER_SET_SERDE;
        alter->value = mr__string(parser);
        if (mr__accept2(parser, MR_KW_WITH, MR_KW_SERDEPROPERTIES))
            mr__properties(parser, &alter->properties);
    } else if (mr__accept(parser, MR_KW_SERDEPROPERTIES)) {
        alter->what = MR_SQL_ALTER_SET_SERDE;
        mr__properties(parser, &alter->properties);
    } else {
        mr__fail_syntax(parser);
    }
}

static void alter_cluster(MrParser *parser, MrSqlAlter *alter)
{
    parser->at += 2;
    alter->what = MR_SQL_ALTER_CLUSTER_BY;
    if (mr__accept(parser, MR_KW_NONE))
        return;
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    alter->n_names = mr__column_names(parser, &alter->names);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

static void alter_rename(MrParser *parser, MrSqlAlter *alter)
{
    parser->at++;
    if (mr__accept(parser, MR_KW_COLUMN)) {
        alter->what = MR_SQL_ALTER_RENAME_COLUMN;
        alter->names = mr_arena_alloc(parser->arena, sizeof *alter->names);
        alter->n_names = 1;
        mr__column_name(parser, alter->names);
        mr__expect(parser, MR_KW_TO);
        alter->new_name = mr__name_part(parser);
        return;
    }
    mr__expect(parser, MR_KW_TO);
    if (alter->n_partitions > 0) {
        MrSqlPartition *both = MR_NEW_N(parser->arena, MrSqlPartition, 2);
        both[0] = alter->partitions[0];
        mr__partition(parser, &both[1]);
        alter->partitions = both;
        alter->n_partitions = 2;
        alter->what = MR_SQL_ALTER_RENAME_PARTITION;
        return;
    }
    alter->what = MR_SQL_ALTER_RENAME;
    mr__column_name(parser, &alter->to);
}

/* ALTER VIEW v AS query, ALTER VIEW v WITH SCHEMA ... */
static MrSqlStatement *alter_view(MrParser *parser, const MrSqlName *name)
{
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_CREATE_VIEW);
    MrSqlCreateView *view = statement->create_view = MR_NEW(parser->arena, MrSqlCreateView);
    view->is_alter = true;
    view->or_replace = true;
    view->name = *name;
    mr__accept(parser, MR_KW_AS);
    view->query = mr__query(parser);
    return statement;
}

static void alter_binding(MrParser *parser, MrSqlAlter *alter)
{
    int32_t start = parser->at + 2;
    parser->at += 2;
    alter->what = MR_SQL_ALTER_SCHEMA_BINDING;
    if (!mr__accept(parser, MR_KW_BINDING) && !mr__accept(parser, MR_KW_COMPENSATION) &&
        !mr__accept(parser, MR_KW_EVOLUTION) && !mr__accept2(parser, MR_KW_TYPE, MR_KW_EVOLUTION))
        mr__fail_syntax(parser);
    alter->value = mr__source(parser, start, parser->at);
}

MrSqlStatement *mr__alter(MrParser *parser)
{
    int32_t start = parser->at++;
    MrSqlStatement *statement = mr__statement_new(parser, MR_SQL_STMT_ALTER);
    MrSqlAlter *alter = statement->alter = MR_NEW(parser->arena, MrSqlAlter);
    if (mr__accept_namespace(parser))
        alter->object = MR_SQL_OBJECT_NAMESPACE;
    else if (mr__accept(parser, MR_KW_VIEW))
        alter->object = MR_SQL_OBJECT_VIEW;
    else
        mr__expect(parser, MR_KW_TABLE);
    mr__name(parser, &alter->name);
    if (alter->object == MR_SQL_OBJECT_VIEW &&
        (mr__peek(parser) == MR_KW_AS || mr__is_query(parser, 0) ||
         mr__peek(parser) == MR_TOK_LEFT_PAREN) &&
        !(mr__peek(parser) == MR_KW_WITH && mr__peek_at(parser, 1) == MR_KW_SCHEMA))
        return alter_view(parser, &alter->name);
    if (mr__peek(parser) == MR_KW_PARTITION && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
        alter->partitions = mr_arena_alloc(parser->arena, sizeof *alter->partitions);
        alter->n_partitions = 1;
        mr__partition(parser, alter->partitions);
    }
    switch (mr__peek(parser)) {
    case MR_KW_ADD:
        alter_add(parser, alter);
        break;
    case MR_KW_DROP:
        alter_drop(parser, alter);
        break;
    case MR_KW_RENAME:
        alter_rename(parser, alter);
        break;
    case MR_KW_SET:
        alter_set(parser, alter);
        break;
    case MR_KW_ALTER:
    case MR_KW_CHANGE:
        alter_column(parser, alter, start);
        break;
    case MR_KW_UNSET:
        parser->at++;
        alter->what = MR_SQL_ALTER_UNSET_PROPERTIES;
        if (!mr__accept(parser, MR_KW_TBLPROPERTIES) && !mr__accept(parser, MR_KW_DBPROPERTIES))
            mr__expect(parser, MR_KW_PROPERTIES);
        alter->if_exists = mr__accept_if_exists(parser);
        mr__properties(parser, &alter->properties);
        break;
    case MR_KW_REPLACE:
        parser->at++;
        mr__expect(parser, MR_KW_COLUMNS);
        alter->what = MR_SQL_ALTER_REPLACE_COLUMNS;
        added_columns(parser, alter);
        break;
    case MR_KW_RECOVER:
        parser->at++;
        mr__expect(parser, MR_KW_PARTITIONS);
        alter->what = MR_SQL_ALTER_RECOVER_PARTITIONS;
        break;
    case MR_KW_CLUSTER:
        alter_cluster(parser, alter);
        break;
    case MR_KW_WITH:
        if (mr__peek_at(parser, 1) != MR_KW_SCHEMA)
            mr__fail_syntax(parser);
        alter_binding(parser, alter);
        break;
    case MR_KW_DEFAULT: {
        parser->at++;
        mr__expect(parser, MR_KW_COLLATION);
        MrSqlName collation;
        int32_t own = parser->at;
        mr__name(parser, &collation);
        alter->what = MR_SQL_ALTER_COLLATION;
        alter->value = mr__source(parser, own, parser->at);
        break;
    }
    default:
        mr__fail_syntax(parser);
    }
    return statement;
}
