/* variables.c - session variables: DECLARE, SET VAR, EXECUTE IMMEDIATE's targets. */
#include "session/session_int.h"

#include "sql/sql.h"

MrVariable **mr__variable_place(MrSession *session, const char *name)
{
    MrVariable **at = &session->variables;
    while (*at && !mr_str_equal_nocase((*at)->name, name))
        at = &(*at)->next;
    return at;
}

static void variable_free(MrSession *session, MrVariable *variable)
{
    mr_arena_deinit(&variable->arena);
    mr_budget_free(&session->budget, variable, (int64_t)sizeof *variable);
}

void mr__variables_clear(MrSession *session)
{
    while (session->variables) {
        MrVariable *gone = session->variables;
        session->variables = gone->next;
        variable_free(session, gone);
    }
}

const MrVector *mr__variable_value(MrArena *arena, const MrType *type, const MrVector *value)
{
    MrVector *flat = mr_vector_create(arena, mr_type_own(arena, type), 1);
    mr_vector_copy_row(arena, value, 0, flat, 0);
    flat->encoding = MR_CONSTANT;
    for (int32_t i = 0; type->kind == MR_TYPE_STRUCT && i < type->n_fields; i++)
        flat->children[i]->encoding = MR_CONSTANT;
    flat->n_items = 1;
    return flat;
}

static void variable_fill(MrVariable *variable, const char *name, const MrType *type,
                          const MrVector *value)
{
    variable->name = mr_arena_str(&variable->arena, name);
    variable->value = mr__variable_value(&variable->arena, type, value);
    variable->type = variable->value->type;
}

/* Puts the variable in place of an older one of that name. */
static MrStatus variable_set(MrSession *session, const char *name, const MrType *type,
                             const MrVector *value, MrError *err)
{
    void *block;
    MrStatus status;
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrVariable), &block, err));
    MrVariable *variable = block;
    mr_arena_init(&variable->arena, &session->budget);
    MR_GUARD_BEGIN(status, err)
        variable_fill(variable, name, type, value);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        variable_free(session, variable);
        return status;
    }
    MrVariable **place = mr__variable_place(session, name), *old = *place;
    variable->next = old ? old->next : NULL;
    *place = variable;
    if (old)
        variable_free(session, old);
    return MR_OK;
}

MrStatus mr__command_declare(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    MrArena *arena = &query->arena;
    const MrVector *value = NULL;
    const MrType *type = statement->declare.type;
    if (statement->declare.value)
        MR_TRY(mr_bind_value(&query->bind, statement->declare.value, type, &value, err));
    if (!type)
        type = value ? value->type : MR_T(VOID);
    if (!value)
        value = mr_vector_constant(arena, type, NULL);
    for (int32_t i = 0; i < statement->declare.n_names; i++) {
        const MrSqlName *given = &statement->declare.names[i];
        const char *name = given->parts[given->n_parts - 1];
        if (!statement->declare.or_replace && *mr__variable_place(query->session, name))
            return MR_FAIL(err, MR_COND_VARIABLE_ALREADY_EXISTS, "variableName",
                           mr_quote_names(arena, (const char *[]){"system", "session", name}, 3));
        MR_TRY(variable_set(query->session, name, type, value, err));
    }
    return MR_OK;
}

static MrStatus need_variable(MrQuery *query, const MrSqlName *name, MrVariable **out, MrError *err)
{
    *out = *mr__variable_place(query->session, name->parts[name->n_parts - 1]);
    if (*out)
        return MR_OK;
    return MR_FAIL(err, MR_COND_UNRESOLVED_VARIABLE, "variableName",
                   mr_quote_name(&query->arena, name->parts[name->n_parts - 1]), "searchPath",
                   "`SYSTEM`.`SESSION`");
}

/* The one row of a query, or NULLs; more rows are an error. */
static MrStatus one_row(MrQuery *query, const MrSqlQuery *sql, MrVector ***values,
                        int32_t *n_values, MrError *err)
{
    MrBoundQuery bound;
    MrStatus status = MR_OK;
    MrArena *arena = &query->arena;
    int64_t n_rows = 0;
    MR_TRY(mr_query_bind_sql(query, sql, &bound, err));
    MrSchema none = query->schema;
    MR_TRY(
        mr_query_set_plan(query, &bound, err)); /* the run belongs to the query and ends with it */
    *n_values = query->schema.n_cols;
    *values = MR_NEW_N(arena, MrVector *, *n_values);
    for (int32_t c = 0; c < *n_values; c++)
        (*values)[c] = mr_vector_constant(arena, query->schema.cols[c].type, NULL);
    for (;;) {
        MrBatch *batch;
        MR_TRY(mr_query_next(query, &batch, err));
        if (!batch)
            break;
        for (int32_t c = 0; n_rows == 0 && batch->n_sel > 0 && c < *n_values; c++) {
            MrVector *flat = mr_vector_create(arena, query->schema.cols[c].type, 1);
            mr_vector_copy_row(arena, batch->cols[c], mr_batch_row(batch, 0), flat, 0);
            flat->encoding = MR_CONSTANT;
            (*values)[c] = flat;
        }
        n_rows += batch->n_sel;
        mr_batch_destroy(batch);
    }
    mr_run_destroy(query->run);
    query->run = NULL;
    query->schema = none;
    if (n_rows > 1)
        return MR_FAIL(err, MR_COND_ROW_SUBQUERY_TOO_MANY_ROWS);
    return status;
}

static MrStatus assign(MrQuery *query, const MrSqlName *name, const MrVector *value, MrError *err)
{
    MrVariable *variable;
    MR_TRY(need_variable(query, name, &variable, err));
    MrExpr *expr = mr_expr_literal(&query->arena, value);
    const MrVector *cast;
    MR_TRY(mr_expr_cast(&query->arena, &query->settings, expr, variable->type, MR_CAST_ANSI, &expr,
                        err));
    MR_TRY(mr_expr_fold(&query->arena, &query->eval, expr, &cast, err));
    return variable_set(query->session, variable->name, variable->type, cast, err);
}

static MrStatus set_variables(MrQuery *query, const MrSqlSet *set, MrError *err)
{
    if (set->query) {
        MrVector **values;
        int32_t n_values;
        MR_TRY(one_row(query, set->query, &values, &n_values, err));
        if (n_values != set->n_names)
            return MR_FAIL_INTERNAL(err, "SET VAR names %d variables for %d columns", set->n_names,
                                    n_values);
        for (int32_t i = 0; i < n_values; i++)
            MR_TRY(assign(query, &set->names[i], values[i], err));
        return MR_OK;
    }
    for (int32_t i = 0; i < set->n_assignments; i++) {
        const MrSqlAssignment *assignment = &set->assignments[i];
        MrVariable *variable;
        const MrVector *value;
        MR_TRY(need_variable(query, &assignment->name, &variable, err));
        MR_TRY(mr_bind_value(&query->bind, assignment->value, variable->type, &value, err));
        MR_TRY(variable_set(query->session, variable->name, variable->type, value, err));
    }
    return MR_OK;
}

/* SET key, SET key = value, SET TIME ZONE, SET VAR. */
MrStatus mr__command_set(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrSqlSet *set = statement->set;
    MrSession *session = query->session;
    if (set->what == MR_SQL_SET_VARIABLES)
        return set_variables(query, set, err);
    if (set->what == MR_SQL_SET_CATALOG || set->what == MR_SQL_SET_COLLATION ||
        set->what == MR_SQL_SET_PATH)
        return MR_FAIL_UNSUPPORTED(err, "this form of SET");
    MR_TRY(mr__result_schema(query, "key string not null, value string not null", err));
    if (set->what == MR_SQL_SET_ALL) {
        for (int32_t i = 0; i < mr_conf_n_set(session->conf); i++) {
            MrOption option = mr_conf_set_at(session->conf, i);
            mr__result_row(query, 2, option.key, option.value);
        }
        return MR_OK;
    }
    const char *key = set->what == MR_SQL_SET_TIME_ZONE ? "spark.sql.session.timeZone" : set->key;
    const char *value = set->value;
    if (set->what == MR_SQL_SET_KEY) {
        value = mr_session_conf(session, key);
        mr__result_row(query, 2, key, value ? value : "<undefined>");
        return MR_OK;
    }
    if (set->interval) { /* SET TIME ZONE INTERVAL 8 HOURS */
        const MrVector *interval;
        MR_TRY(mr_bind_value(&query->bind, set->interval, NULL, &interval, err));
        if (interval->type->kind != MR_TYPE_INTERVAL_DT)
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__TIMEZONE_INTERVAL_OUT_OF_RANGE,
                           "input", "");
        int64_t s = interval->i64[0] / 1000000, minutes = (s < 0 ? -s : s) / 60;
        value = mr_arena_printf(&query->arena, "%c%02lld:%02lld", s < 0 ? '-' : '+',
                                (long long)(minutes / 60), (long long)(minutes % 60));
    } else if (set->what == MR_SQL_SET_TIME_ZONE && mr_str_equal_nocase(value, "LOCAL")) {
        MR_TRY(mr__session_unset(session, key, err));
        value = session->zone_id;
    }
    const MrConfDef *def = mr_conf_find(key);
    if (def && def->is_static)
        return MR_FAIL(err, MR_COND_CANNOT_MODIFY_STATIC_CONFIG, "key",
                       mr_arena_printf(&query->arena, "\"%s\"", key));
    MR_TRY(mr_session_set_conf(session, key, value, err));
    mr__result_row(query, 2, key, value);
    return MR_OK;
}

MrStatus mr__command_reset(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrConfDef *def = statement->reset.key ? mr_conf_find(statement->reset.key) : NULL;
    if (def && def->is_static)
        return MR_FAIL(err, MR_COND_CANNOT_MODIFY_STATIC_CONFIG, "key",
                       mr_arena_printf(&query->arena, "\"%s\"", def->key));
    return mr__session_unset(query->session, statement->reset.key, err);
}

MrStatus mr__command_execute(MrQuery *query, const MrSqlStatement *statement, MrError *err)
{
    const MrVector *text;
    MR_TRY(mr_bind_value(&query->bind, statement->execute.text, MR_T(STRING), &text, err));
    if (mr_vector_is_null(text, 0))
        return MR_FAIL(err, MR_COND_NULL_QUERY_STRING_EXECUTE_IMMEDIATE, "varName", "");
    if (statement->execute.n_into > 0)
        return MR_FAIL_UNSUPPORTED(err, "EXECUTE IMMEDIATE ... INTO");
    MrBindParam *params = MR_NEW_N(&query->arena, MrBindParam, statement->execute.n_args);
    for (int32_t i = 0; i < statement->execute.n_args; i++) {
        const MrSqlExpr *arg = statement->execute.args[i];
        bool named = arg->kind == MR_SQL_ALIAS;
        params[i].name = named ? arg->alias.names[0] : NULL;
        MR_TRY(mr_bind_value(&query->bind, named ? arg->alias.value : arg, NULL, &params[i].value,
                             err));
    }
    query->bind.n_params = statement->execute.n_args;
    query->bind.params = params;
    return mr__query_run_text(query, mr_str_text(&text->str[0]), err);
}
