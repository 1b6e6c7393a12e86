/* command_function.c - the user's SQL functions: CREATE FUNCTION, and what the binder asks about
 * them.
 *
 * A function is kept as the text of its CREATE statement and taken apart again at each use. */
#include "session/session_int.h"

#include "sql/sql.h"

static MrStatus check_params(MrQuery *query, const MrSqlCreateFunction *create, MrError *err)
{
    for (int32_t i = 0; i < create->n_params; i++)
        for (int32_t k = 0; k < i; k++)
            if (mr_str_equal_nocase(create->params[i].name, create->params[k].name))
                return MR_FAIL(err, MR_COND_DUPLICATE_ROUTINE_PARAMETER_NAMES, "routineName",
                               create->name.parts[create->name.n_parts - 1], "names",
                               mr_quote_name(&query->arena, create->params[i].name));
    for (int32_t i = 0; i < create->n_columns; i++)
        for (int32_t k = 0; k < i; k++)
            if (mr_str_equal_nocase(create->columns[i].name, create->columns[k].name))
                return MR_FAIL(err, MR_COND_DUPLICATE_ROUTINE_RETURNS_COLUMNS, "routineName",
                               create->name.parts[create->name.n_parts - 1], "columns",
                               mr_quote_name(&query->arena, create->columns[i].name));
    return MR_OK;
}

MrStatus mr__command_create_function(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrSqlCreateFunction *create = statement->create_function;
    MrSession *session = query->session;
    MrTable function = {.kind = MR_CATALOG_FUNCTION, .created_us = query->now_us}, *old;
    if (create->has_class)
        return MR_FAIL_UNSUPPORTED(err, "functions of Java classes");
    if (create->language && !mr_str_equal_nocase(create->language, "SQL"))
        return MR_FAIL_UNSUPPORTED(err, "functions in %s", create->language);
    MR_TRY(mr__name_resolve(query, &create->name, &function.database, &function.name, err));
    if (create->temporary)
        function.database = MR_CATALOG_TEMP;
    MR_TRY(check_params(query, create, err));
    MR_TRY(mr_catalog_get(session->catalog, &query->arena, function.database, function.name, true,
                          &old, err));
    if (old && create->if_not_exists)
        return MR_OK;
    if (old && !create->or_replace)
        return MR_FAIL(err, MR_COND_ROUTINE_ALREADY_EXISTS, "routineName",
                       create->temporary
                           ? mr_quote_name(&query->arena, function.name)
                           : mr_quote_names(&query->arena,
                                            (const char *[]){MR_CATALOG_NAME, function.database,
                                                             function.name},
                                            3),
                       "newRoutineType", "routine", "existingRoutineType", "routine");
    function.sql = query->text.data;
    function.sql_database = mr_arena_str(&query->arena, session->database);
    function.comment = create->comment;
    MrOption *conf = MR_NEW_N(&query->arena, MrOption, 1);
    conf[0] = (MrOption){"spark.sql.ansi.enabled", query->settings.ansi ? "true" : "false"};
    function.sql_conf = (MrOptions){1, conf};
    return mr_catalog_put(session->catalog, &function, err);
}

static MrStatus find_entry(MrQuery *query, const MrBindPlace *place, const char *const *parts,
                           int32_t n_parts, MrTable **out, MrError *err)
{
    const char *name = parts[n_parts - 1];
    *out = NULL;
    if (n_parts == 1)
        MR_TRY(mr__meaning_look(query, place, MR_CATALOG_TEMP, name, true, out, err));
    if (*out || n_parts > 3 || (n_parts == 3 && !mr_str_equal_nocase(parts[0], MR_CATALOG_NAME)))
        return MR_OK;
    const char *database = n_parts > 1          ? parts[n_parts - 2]
                           : place->n_parts > 0 ? place->parts[place->n_parts - 1]
                                                : query->session->database;
    return mr__meaning_look(query, place, database, name, true, out, err);
}

MrStatus mr__function_find(void *self, const MrBindPlace *place, const char *const *parts,
                           int32_t n_parts, MrArena *arena, MrBindFunction *out, MrError *err)
{
    MrQuery *query = self;
    MrTable *entry;
    MrSqlStatement *statement;
    *out = (MrBindFunction){0};
    MR_TRY(find_entry(query, place, parts, n_parts, &entry, err));
    if (!entry)
        return MR_OK;
    MR_TRY(mr_sql_parse_statement(arena, mr_text(entry->sql), mr__place_sql_options(query, place),
                                  &statement, err));
    const MrSqlCreateFunction *create = statement->create_function;
    MrField *params = MR_NEW_N(arena, MrField, create->n_params);
    const char **defaults = MR_NEW_N(arena, const char *, create->n_params);
    for (int32_t i = 0; i < create->n_params; i++) {
        const MrSqlRoutineParam *param = &create->params[i];
        params[i] = (MrField){param->name, param->type, true, param->comment};
        if (param->default_value)
            defaults[i] = mr_arena_strn(arena, entry->sql + param->default_value->place.idx,
                                        param->default_value->place.len);
    }
    MrField *columns = MR_NEW_N(arena, MrField, create->n_columns);
    for (int32_t i = 0; i < create->n_columns; i++)
        columns[i] = (MrField){create->columns[i].name, create->columns[i].type, true, NULL};
    const char **names = MR_NEW_N(arena, const char *, 3);
    bool is_temp = strcmp(entry->database, MR_CATALOG_TEMP) == 0;
    if (is_temp && !place->in_view) {
        query->temp_kind = "FUNCTION";
        query->temp_name = mr_quote_name(arena, entry->name);
    }
    names[0] = MR_CATALOG_NAME;
    names[1] = entry->database;
    names[2] = entry->name;
    const char **databases = MR_NEW_N(arena, const char *, 1);
    databases[0] = entry->sql_database ? entry->sql_database : query->session->database;
    MrSettings *settings = MR_NEW(arena, MrSettings);
    *settings = *mr__place_settings(query, place);
    for (int32_t i = 0; i < entry->sql_conf.n_options; i++)
        if (strcmp(entry->sql_conf.options[i].key, "spark.sql.ansi.enabled") == 0)
            settings->ansi = mr_str_equal_nocase(entry->sql_conf.options[i].value, "true");
    *out = (MrBindFunction){.found = true,
                            .is_table = create->returns_table,
                            .parts = is_temp ? names + 2 : names,
                            .n_parts = is_temp ? 1 : 3,
                            .n_params = create->n_params,
                            .params = params,
                            .defaults = defaults,
                            .returns = create->n_columns > 0
                                           ? mr_type_struct(arena, columns, create->n_columns)
                                           : create->returns,
                            .text = {entry->sql + create->body_place.idx, create->body_place.len},
                            .body_is_query = create->query != NULL,
                            .settings = settings,
                            .place = {.catalog = MR_CATALOG_NAME,
                                      .n_parts = 1,
                                      .parts = databases,
                                      .in_view = true,
                                      .is_temp = is_temp,
                                      .meaning = place->meaning}};
    return MR_OK;
}
