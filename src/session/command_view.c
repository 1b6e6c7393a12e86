/* command_view.c - views and databases: CREATE and USE. */
#include "session/session_int.h"

#include "sql/sql.h"

/* A view keeps its text, and the columns that the text gives now. */
static MrStatus view_columns(MrQuery *query, const MrSqlCreateView *create, MrTable *view,
                             MrError *err)
{
    MrBoundQuery bound;
    MrArena *arena = &query->arena;
    const char *parts[] = {MR_CATALOG_NAME, view->database, view->name};
    bool is_temp = strcmp(view->database, MR_CATALOG_TEMP) == 0,
         is_global = strcmp(view->database, MR_CATALOG_GLOBAL_TEMP) == 0;
    query->bind.n_view_parts = is_temp ? 1 : is_global ? 2 : 3;
    query->bind.view_parts = parts + 3 - query->bind.n_view_parts;
    MrStatus status = mr_query_bind_sql(query, create->query, &bound, err);
    query->bind.n_view_parts = 0;
    MR_TRY(status);
    const MrPlan *plan = bound.plan;
    if (create->n_columns > 0 && create->n_columns != plan->n_cols) {
        MrTextBuilder names = {.arena = arena}, columns = {.arena = arena};
        for (int32_t i = 0; i < plan->n_cols; i++) {
            mr_builder_str(&names, i ? ", " : "");
            mr_builder_name(&names, plan->cols[i].name);
        }
        for (int32_t i = 0; i < create->n_columns; i++) {
            mr_builder_str(&columns, i ? ", " : "");
            mr_builder_name(&columns, create->columns[i].name);
        }
        return MR_FAIL(err,
                       create->n_columns > plan->n_cols
                           ? MR_COND_CREATE_VIEW_COLUMN_ARITY_MISMATCH__NOT_ENOUGH_DATA_COLUMNS
                           : MR_COND_CREATE_VIEW_COLUMN_ARITY_MISMATCH__TOO_MANY_DATA_COLUMNS,
                       "viewName", mr__table_quoted(arena, view), "viewColumns",
                       mr_builder_text(&columns).data, "dataColumns", mr_builder_text(&names).data);
    }
    MrField *cols = MR_NEW_N(arena, MrField, plan->n_cols);
    const char **query_names = MR_NEW_N(arena, const char *, plan->n_cols);
    for (int32_t i = 0; i < plan->n_cols; i++) {
        query_names[i] = plan->cols[i].name;
        const char *name = create->n_columns > 0 ? create->columns[i].name : plan->cols[i].name;
        for (int32_t k = 0; k < i; k++)
            if (mr_str_equal_nocase(cols[k].name, name))
                return MR_FAIL(err, MR_COND_COLUMN_ALREADY_EXISTS, "columnName",
                               mr_quote_name(arena, name));
        cols[i] = (MrField){name, plan->cols[i].type, plan->cols[i].nullable,
                            create->n_columns > 0 ? create->columns[i].comment : NULL};
    }
    view->schema = (MrSchema){plan->n_cols, cols};
    view->query_names = query_names;
    return MR_OK;
}

/* CREATE TEMPORARY VIEW v (a INT) USING csv OPTIONS (path '...') */
static MrStatus view_of_source(MrQuery *query, const MrSqlCreateView *create, MrTable *view,
                               MrError *err)
{
    MrArena *arena = &query->arena;
    MrField *cols = MR_NEW_N(arena, MrField, create->n_columns);
    for (int32_t i = 0; i < create->n_columns; i++)
        cols[i] = (MrField){create->columns[i].name, create->columns[i].type, true,
                            create->columns[i].comment};
    view->schema = (MrSchema){create->n_columns, cols};
    view->provider = create->provider;
    view->options = mr__options_own(arena, &create->options);
    const MrConnectorType *type = mr_connector_find(create->provider);
    if (!type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", create->provider);
    MrSource *source;
    MR_TRY(mr_query_open_source(query, type, &view->options,
                                create->n_columns > 0 ? &view->schema : NULL, false, &source, err));
    view->schema = source->schema; /* with what the source adds: partition columns */
    return MR_OK;
}

MrStatus mr__command_create_view(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrSqlCreateView *create = statement->create_view;
    MrSession *session = query->session;
    MrArena *arena = &query->arena;
    MrTable view = {.kind = MR_CATALOG_VIEW, .created_us = query->now_us}, *old;
    MR_TRY(mr__name_resolve(query, &create->name, &view.database, &view.name, err));
    bool is_temp = create->temporary || create->global;
    if (is_temp)
        view.database = create->global ? MR_CATALOG_GLOBAL_TEMP : MR_CATALOG_TEMP;
    else
        MR_TRY(mr__name_check(query, view.name, err));
    MR_TRY(mr_catalog_get(session->catalog, arena, view.database, view.name, false, &old, err));
    if (create->is_alter && !old) {
        MR_TRY(mr__table_need(query, &create->name, &old, err));
        view.database = old->database;
    }
    if (old && create->if_not_exists)
        return MR_OK;
    if (old && !create->or_replace && !create->is_alter)
        return MR_FAIL(err,
                       is_temp ? MR_COND_TEMP_TABLE_OR_VIEW_ALREADY_EXISTS
                               : MR_COND_TABLE_OR_VIEW_ALREADY_EXISTS,
                       "relationName",
                       is_temp ? mr_quote_name(arena, old->name) : mr__table_quoted(arena, old));
    if (old && old->kind != MR_CATALOG_VIEW)
        return MR_FAIL(err, MR_COND_EXPECT_VIEW_NOT_TABLE__NO_ALTERNATIVE, "tableName",
                       mr__table_quoted(arena, old), "operation",
                       create->is_alter ? "ALTER VIEW ... AS" : "CREATE OR REPLACE VIEW");
    view.comment = create->comment;
    view.collation = create->collation;
    view.properties = mr__options_own(arena, &create->properties);
    if (create->provider) {
        MR_TRY(view_of_source(query, create, &view, err));
    } else {
        view.sql = mr__source_text(query, create->query->place);
        view.sql_database = mr_arena_str(arena, session->database);
        MrOption *conf = MR_NEW_N(arena, MrOption, 1);
        conf[0] = (MrOption){"spark.sql.ansi.enabled", query->settings.ansi ? "true" : "false"};
        view.sql_conf = (MrOptions){1, conf};
        view.schema_mode = create->is_alter ? old->schema_mode : create->schema_binding;
        query->temp_name = NULL;
        query->n_temps = 0;
        MR_TRY(view_columns(query, create, &view, err));
        if (is_temp) {
            view.n_temps = query->n_temps;
            view.temps = query->temps;
        }
        if (!is_temp && query->temp_name && strcmp(view.database, MR_CATALOG_TEMP) != 0)
            return MR_FAIL(err, MR_COND_INVALID_TEMP_OBJ_REFERENCE, "objName",
                           mr__table_quoted(arena, &view), "obj", "VIEW", "tempObjName",
                           query->temp_name, "tempObj", query->temp_kind);
    }
    return mr_catalog_put(session->catalog, &view, err);
}

MrStatus mr__command_create_namespace(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    MrSession *session = query->session;
    MrArena *arena = &query->arena;
    MrSqlName plain;
    MrDatabase *old,
        database = {.comment = statement->create_namespace.comment,
                    .location = statement->create_namespace.location,
                    .collation = statement->create_namespace.collation,
                    .properties = mr__options_own(arena, &statement->create_namespace.properties)};
    MR_TRY(mr_bind_name(&query->bind, &statement->create_namespace.name, &plain, err));
    database.name = plain.parts[plain.n_parts - 1];
    MR_TRY(mr__name_check(query, database.name, err));
    MR_TRY(mr_catalog_get_database(session->catalog, arena, database.name, &old, err));
    if (old)
        return statement->create_namespace.if_not_exists
                   ? MR_OK
                   : MR_FAIL(err, MR_COND_SCHEMA_ALREADY_EXISTS, "schemaName",
                             mr_quote_name(arena, database.name));
    if (!database.location)
        database.location = mr_arena_printf(arena, "%s/%s.db",
                                            mr_catalog_warehouse(session->catalog), database.name);
    return mr_catalog_put_database(session->catalog, &database, err);
}

MrStatus mr__command_use(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    MrSession *session = query->session;
    MrSqlName plain;
    MrDatabase *database;
    MR_TRY(mr_bind_name(&query->bind, &statement->use.name, &plain, err));
    const char *name = plain.parts[plain.n_parts - 1];
    if (plain.n_parts == 1 && !statement->use.is_namespace &&
        mr_str_equal_nocase(name, MR_CATALOG_NAME))
        return MR_OK;
    MR_TRY(mr_catalog_get_database(session->catalog, &query->arena, name, &database, err));
    if (!database || strlen(name) >= sizeof session->database)
        return MR_FAIL(err, MR_COND_SCHEMA_NOT_FOUND, "schemaName",
                       mr_quote_names(&query->arena, (const char *[]){MR_CATALOG_NAME, name}, 2));
    mr_mutex_lock(session->lock);
    strcpy(session->database, database->name);
    mr_mutex_unlock(session->lock);
    return MR_OK;
}
