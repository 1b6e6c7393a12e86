/* meaning.c - texts that keep what they mean: a frame's, and that of a view made from one.
 *
 * What a name was found to be when the text was bound first is kept with the text: views and
 * functions with their definitions, tables with their columns, variables with their values, and
 * that there was nothing.  When the text is bound again these are what it finds; data is read as
 * it is now.  A text that stands for another one (an input, a view made from a frame) is bound as
 * of itself. */
#include "session/session_int.h"

#include "sql/sql.h"

typedef struct Known Known;
struct Known {
    Known *next;
    bool function;
    const char *database, *name;
    MrTable *table; /* NULL: there was none */
};

typedef struct KnownVariable KnownVariable;
struct KnownVariable {
    KnownVariable *next;
    const char *asked;
    MrBindVariable variable;
};

typedef struct KnownSchema KnownSchema;
struct KnownSchema {
    KnownSchema *next;
    const char *key;
    MrSchema schema;
};

struct MrMeaning {
    MrCatalogBody body; /* first: views hold it */
    _Atomic int32_t n_holders;
    MrBudget *budget;
    MrArena arena; /* of all below */
    bool made;     /* what is looked up now is not kept: it came later */
    bool streaming;
    MrText text;
    MrSchema schema;
    MrSettings settings;
    MrSqlOptions sql_options;
    MrBindPlace place;
    int32_t n_left; /* see MrBindRelation */
    const char *left, *right;
    int32_t n_inputs;
    MrMeaning **inputs;
    Known *known;
    KnownVariable *variables;
    KnownSchema *schemas;
    const char *source_name;
};

static void body_hold(MrCatalogBody *body)
{
    (void)mr_meaning_hold((MrMeaning *)body);
}

static void body_let_go(MrCatalogBody *body)
{
    mr_meaning_let_go((MrMeaning *)body);
}

static void meaning_fill(MrMeaning *meaning, MrSession *session, const MrMeaningSpec *spec)
{
    MrArena *arena = &meaning->arena;
    const char **database = MR_NEW_N(arena, const char *, 1);
    meaning->text = mr_text_own(arena, spec->text);
    meaning->settings = session->settings;
    meaning->settings.zone_id = mr_arena_str(arena, session->zone_id);
    meaning->settings.database = mr_arena_str(arena, session->database);
    meaning->settings.conf = mr_conf_copy(session->conf, arena);
    meaning->sql_options = session->sql_options;
    database[0] = meaning->settings.database;
    meaning->place = (MrBindPlace){.catalog = MR_CATALOG_NAME,
                                   .n_parts = 1,
                                   .parts = database,
                                   .in_view = true,
                                   .is_temp = true,
                                   .meaning = meaning};
    meaning->inputs = MR_NEW_N(arena, MrMeaning *, spec->n_inputs + 1);
    for (int32_t i = 0; i < spec->n_inputs; i++)
        meaning->inputs[meaning->n_inputs++] = mr_meaning_hold(spec->inputs[i]);
    if (spec->left) {
        meaning->left = mr_arena_str(arena, spec->left);
        meaning->right = mr_arena_str(arena, spec->right);
        meaning->n_left = spec->inputs[0]->schema.n_cols;
    }
    if (spec->source) {
        Known *known = MR_NEW(arena, Known);
        *known = (Known){.database = MR_CATALOG_TEMP,
                         .name = MR_MEANING_SOURCE,
                         .table = mr_catalog_own(arena, spec->source)};
        meaning->source_name = mr_arena_str(arena, spec->source_name);
        meaning->known = known;
    }
}

MrStatus mr_meaning_create(MrSession *session, const MrMeaningSpec *spec, MrMeaning **out,
                           MrError *err)
{
    void *block;
    MrStatus status;
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrMeaning), &block, err));
    MrMeaning *meaning = block;
    meaning->body = (MrCatalogBody){body_hold, body_let_go};
    meaning->n_holders = 1;
    meaning->budget = &session->budget;
    mr_arena_init(&meaning->arena, &session->budget);
    mr_mutex_lock(session->lock);
    MR_GUARD_BEGIN(status, err)
        meaning_fill(meaning, session, spec);
    MR_GUARD_END(status)
    mr_mutex_unlock(session->lock);
    if (status != MR_OK)
        mr_meaning_let_go(meaning);
    else
        *out = meaning;
    return status;
}

MrMeaning *mr_meaning_hold(MrMeaning *meaning)
{
    atomic_fetch_add_explicit(&meaning->n_holders, 1, memory_order_relaxed);
    return meaning;
}

void mr_meaning_let_go(MrMeaning *meaning)
{
    /* acq_rel: who frees it sees all that the others did. */
    if (!meaning || atomic_fetch_sub_explicit(&meaning->n_holders, 1, memory_order_acq_rel) > 1)
        return;
    MrBudget *budget = meaning->budget;
    for (int32_t i = 0; i < meaning->n_inputs; i++)
        mr_meaning_let_go(meaning->inputs[i]);
    for (Known *known = meaning->known; known; known = known->next)
        if (known->table && known->table->body)
            known->table->body->let_go(known->table->body);
    mr_arena_deinit(&meaning->arena);
    mr_budget_free(budget, meaning, (int64_t)sizeof *meaning);
}

bool mr_meaning_streaming(const MrMeaning *meaning)
{
    return meaning->streaming;
}

/* ---------------------------------------------------------------- binding */

/* Plans point into it. */
static void keep(MrQuery *query, MrMeaning *meaning)
{
    MrKeptMeaning *kept = MR_NEW(&query->arena, MrKeptMeaning);
    *kept = (MrKeptMeaning){query->meanings, mr_meaning_hold(meaning)};
    query->meanings = kept;
}

void mr__meanings_let_go(MrQuery *query)
{
    for (MrKeptMeaning *kept = query->meanings; kept; kept = kept->next)
        mr_meaning_let_go(kept->meaning);
    query->meanings = NULL;
}

static MrSchema schema_own(MrArena *arena, const MrSchema *schema)
{
    MrField *cols = MR_NEW_N(arena, MrField, schema->n_cols + 1);
    for (int32_t i = 0; i < schema->n_cols; i++) {
        cols[i] = schema->cols[i];
        cols[i].name = mr_arena_str(arena, cols[i].name);
        cols[i].type = mr_type_own(arena, cols[i].type);
        cols[i].comment = NULL;
    }
    return (MrSchema){schema->n_cols, cols};
}

MrStatus mr_meaning_bind(MrMeaning *meaning, MrQuery *query, MrBoundQuery *out, MrError *err)
{
    MrSqlStatement *statement;
    keep(query, meaning);
    mr_relations_init(query);
    query->text = query->bind.text = meaning->text;
    query->settings = meaning->settings;
    query->bind.sql_options = &meaning->sql_options;
    query->bind.place = meaning->place;
    MR_TRY(mr_sql_parse_statement(&query->arena, meaning->text, &meaning->sql_options, &statement,
                                  err));
    if (statement->kind != MR_SQL_STMT_QUERY)
        return MR_FAIL_UNSUPPORTED(err, "a command as the input of a frame");
    MR_TRY(mr_query_bind_sql(query, statement->query, out, err));
    query->settings.conf = query->conf; /* how files are read and written is asked now */
    query->schema = mr_plan_schema(&query->arena, out->plan);
    if (!meaning->made) {
        meaning->schema = schema_own(&meaning->arena, &query->schema);
        meaning->streaming = out->plan->streaming;
        meaning->made = true;
    }
    return MR_OK;
}

MrStatus mr_meaning_make(MrSession *session, MrMeaning *meaning, MrError *err)
{
    MrStatus status;
    MrQuery *query;
    MrBoundQuery bound;
    MR_TRY(mr_query_create(session, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = mr_meaning_bind(meaning, query, &bound, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    return status;
}

MrStatus mr_meaning_query(MrSession *session, MrMeaning *meaning, MrQuery **out, MrError *err)
{
    MrStatus status;
    MrQuery *query;
    MrBoundQuery bound;
    mr_interrupt_over(session);
    MR_TRY(mr_query_create(session, &query, err));
    MR_GUARD_BEGIN(status, err)
        mr_guard_watch(&session->canceled);
        status = mr_meaning_bind(meaning, query, &bound, err);
        if (status == MR_OK)
            status = mr_query_set_plan(query, &bound, err);
    MR_GUARD_END(status)
    if (status != MR_OK)
        mr_query_close(query);
    else
        *out = query;
    return status;
}

MrStatus mr_meaning_put_view(MrSession *session, MrMeaning *meaning, const char *name, MrError *err)
{
    return mr_catalog_put(session->catalog,
                          &(MrTable){.kind = MR_CATALOG_VIEW,
                                     .database = MR_CATALOG_TEMP,
                                     .name = name,
                                     .schema = meaning->schema,
                                     .created_us = session->os->now_us(session->os),
                                     .body = &meaning->body},
                          err);
}

/* ---------------------------------------------------------------- what names mean */

MrMeaning *mr__meaning_input(const MrBindPlace *place, const char *const *parts, int32_t n_parts)
{
    int64_t idx;
    const MrMeaning *meaning = place->meaning;
    bool is_input = meaning && n_parts == 2 && strcmp(parts[0], MR_MEANING_INPUT) == 0 &&
                    mr_text_to_i64(mr_text(parts[1]), &idx) && idx >= 0 && idx < meaning->n_inputs;
    return is_input ? meaning->inputs[idx] : NULL;
}

MrStatus mr__meaning_relation(MrQuery *query, MrCatalogBody *body, MrBindRelation *out,
                              MrError *err)
{
    MrMeaning *meaning = (MrMeaning *)body;
    keep(query, meaning);
    query->meaning_bytes += meaning->text.size_bytes;
    if (query->meaning_bytes > MR_SQL_MAX_BYTES) /* each step may double it */
        return MR_FAIL(err, MR_COND_FAILED_TO_PARSE_TOO_COMPLEX);
    out->kind = MR_BIND_VIEW;
    out->is_frame = true;
    out->text = meaning->text;
    out->options_sql = &meaning->sql_options;
    out->settings = &meaning->settings;
    out->place = meaning->place;
    return MR_OK;
}

MrStatus mr__meaning_input_relation(MrQuery *query, MrMeaning *input, MrBindRelation *out,
                                    MrError *err)
{
    out->n_left = input->n_left;
    out->left = input->left;
    out->right = input->right;
    return mr__meaning_relation(query, &input->body, out, err);
}

const MrSettings *mr__place_settings(const MrQuery *query, const MrBindPlace *place)
{
    return place->meaning ? &place->meaning->settings : &query->settings;
}

const MrSqlOptions *mr__place_sql_options(const MrQuery *query, const MrBindPlace *place)
{
    return place->meaning ? &place->meaning->sql_options : &query->session->sql_options;
}

const char *mr__meaning_source_name(const MrBindPlace *place, const char *const *parts,
                                    int32_t n_parts)
{
    bool is_source = place->meaning && n_parts == 1 && strcmp(parts[0], MR_MEANING_SOURCE) == 0;
    return is_source ? place->meaning->source_name : NULL;
}

static const char *source_key(MrArena *arena, const MrConnectorType *type, const MrOptions *options)
{
    MrTextBuilder key = {.arena = arena};
    mr_builder_str(&key, type->name);
    for (int32_t i = 0; i < options->n_options; i++)
        mr_builder_printf(&key, "\n%s\n%s", options->options[i].key, options->options[i].value);
    return mr_builder_text(&key).data;
}

const MrSchema *mr__meaning_schema(MrQuery *query, const MrBindPlace *place,
                                   const MrConnectorType *type, const MrOptions *options)
{
    if (!place->meaning || !place->meaning->schemas)
        return NULL;
    const char *key = source_key(&query->arena, type, options);
    KnownSchema *known = place->meaning->schemas;
    while (known && strcmp(known->key, key) != 0)
        known = known->next;
    return known ? &known->schema : NULL;
}

void mr__meaning_schema_keep(const MrBindPlace *place, const MrConnectorType *type,
                             const MrOptions *options, const MrSchema *schema)
{
    MrMeaning *meaning = place->meaning;
    if (!meaning || meaning->made)
        return;
    KnownSchema *known = MR_NEW(&meaning->arena, KnownSchema);
    *known = (KnownSchema){meaning->schemas, source_key(&meaning->arena, type, options),
                           schema_own(&meaning->arena, schema)};
    meaning->schemas = known;
}

/* A table that was dropped is none, and one made anew is another one. */
static MrStatus table_still(MrQuery *query, const Known *known, MrTable **out, MrError *err)
{
    MrTable *now;
    *out = known->table;
    if (!known->table || !known->table->provider || strcmp(known->database, MR_CATALOG_TEMP) == 0)
        return MR_OK;
    MR_TRY(mr_catalog_get(query->session->catalog, &query->arena, known->database, known->name,
                          false, &now, err));
    if (!now)
        *out = NULL;
    else if (now->created_us != known->table->created_us)
        return MR_FAIL(err, MR_COND_INCOMPATIBLE_TABLE_CHANGE_AFTER_ANALYSIS__TABLE_ID_MISMATCH,
                       "tableName", mr__table_quoted(&query->arena, now), "capturedTableId",
                       mr_arena_printf(&query->arena, "%lld", (long long)known->table->created_us),
                       "currentTableId",
                       mr_arena_printf(&query->arena, "%lld", (long long)now->created_us));
    return MR_OK;
}

MrStatus mr__meaning_look(MrQuery *query, const MrBindPlace *place, const char *database,
                          const char *name, bool function, MrTable **out, MrError *err)
{
    MrMeaning *meaning = place->meaning;
    MrCatalog *catalog = query->session->catalog;
    for (Known *known = meaning ? meaning->known : NULL; known; known = known->next)
        if (known->function == function && mr_str_equal_nocase(known->database, database) &&
            mr_str_equal_nocase(known->name, name))
            return table_still(query, known, out, err);
    if (!meaning || meaning->made)
        return mr_catalog_get(catalog, &query->arena, database, name, function, out, err);
    MrArena *arena = &meaning->arena;
    Known *known = MR_NEW(arena, Known);
    *known = (Known){meaning->known, function, mr_arena_str(arena, database),
                     mr_arena_str(arena, name), NULL};
    MR_TRY(mr_catalog_get(catalog, arena, database, name, function, &known->table, err));
    if (known->table && known->table->body)
        known->table->body->hold(known->table->body);
    meaning->known = known;
    *out = known->table;
    return MR_OK;
}

static void variable_look(MrQuery *query, MrArena *arena, const char *name, MrBindVariable *out)
{
    const MrVariable *variable = *mr__variable_place(query->session, name);
    *out = (MrBindVariable){0};
    if (variable)
        *out = (MrBindVariable){true, mr_arena_str(arena, variable->name),
                                mr__variable_value(arena, variable->type, variable->value)};
}

void mr__meaning_variable(MrQuery *query, const MrBindPlace *place, const char *name,
                          MrBindVariable *out)
{
    MrMeaning *meaning = place->meaning;
    KnownVariable *known = meaning ? meaning->variables : NULL;
    while (known && !mr_str_equal_nocase(known->asked, name))
        known = known->next;
    if (known) {
        *out = known->variable;
    } else if (!meaning || meaning->made) {
        variable_look(query, &query->arena, name, out);
    } else {
        known = MR_NEW(&meaning->arena, KnownVariable);
        *known = (KnownVariable){.next = meaning->variables,
                                 .asked = mr_arena_str(&meaning->arena, name)};
        variable_look(query, &meaning->arena, name, &known->variable);
        meaning->variables = known;
        *out = known->variable;
    }
}
