/* registry.c - all function tables in one place: finding rows by name, binding them.
 *
 * The index is built once per process, on first use; tables are constant. */
#include "function/function_int.h"
#include <pthread.h>

/* A new table is a line here and a line in the list below.  The tables of json_read and json_path
 * stand in format/, as their rows need its reader. */
extern const MrFunctionDef mr_functions_arithmetic[], mr_functions_compare[],
    mr_functions_bitwise[], mr_functions_bitmap[], mr_functions_conditional[],
    mr_functions_collate[], mr_functions_math[], mr_functions_hash[], mr_functions_misc[],
    mr_functions_nested[], mr_functions_time_window[], mr_functions_string_basic[],
    mr_functions_string_search[], mr_functions_string_like[], mr_functions_string_regexp[],
    mr_functions_date_field[], mr_functions_date_make[], mr_functions_date_pattern[],
    mr_functions_collection_array[], mr_functions_collection_map[], mr_functions_string_format[],
    mr_functions_decimal_format[], mr_functions_json_text[], mr_functions_json_read[],
    mr_functions_json_path[], mr_functions_string_sentences[], mr_functions_number_format[],
    mr_functions_test[];

const MrFunctionDef *const mr_function_tables[] = {
    mr_functions_arithmetic,
    mr_functions_compare,
    mr_functions_bitwise,
    mr_functions_conditional,
    mr_functions_bitmap,
    mr_functions_collate,
    mr_functions_math,
    mr_functions_hash,
    mr_functions_misc,
    mr_functions_nested,
    mr_functions_time_window,
    mr_functions_string_basic,
    mr_functions_string_search,
    mr_functions_string_like,
    mr_functions_string_regexp,
    mr_functions_date_field,
    mr_functions_date_make,
    mr_functions_date_pattern,
    mr_functions_collection_array,
    mr_functions_collection_map,
    mr_functions_string_format,
    mr_functions_decimal_format,
    mr_functions_json_text,
    mr_functions_json_read,
    mr_functions_json_path,
    mr_functions_string_sentences,
    mr_functions_number_format,
    mr_functions_test,
    NULL,
};

extern const MrAggregateDef mr_aggregates_basic[], mr_aggregates_moments[], mr_aggregates_collect[],
    mr_aggregates_quantile[], mr_aggregates_sketch[], mr_aggregates_top[], mr_aggregates_bitmap[],
    mr_aggregates_histogram[], mr_aggregates_test[];

const MrAggregateDef *const mr_aggregate_tables[] = {
    mr_aggregates_basic,   mr_aggregates_moments,
    mr_aggregates_collect, mr_aggregates_quantile,
    mr_aggregates_sketch,  mr_aggregates_top,
    mr_aggregates_bitmap,  mr_aggregates_histogram,
    mr_aggregates_test,    NULL,
};

#define INDEX_SLOTS 4096 /* power of two, several times the number of rows */
#define MAX_SAME_NAME 64

static struct {
    const MrFunctionDef
        *functions[INDEX_SLOTS]; /* rows of one name stand in the order of the tables */
    const MrAggregateDef *aggregates[INDEX_SLOTS];
} registry;
static pthread_once_t registry_once = PTHREAD_ONCE_INIT;

/* FNV-1a, 32 bits. */
static uint32_t name_hash(const char *name)
{
    uint32_t hash = 2166136261u;
    for (; *name; name++)
        hash = (hash ^ (uint8_t)*name) * 16777619u;
    return hash;
}

static void registry_build(void)
{
    int32_t n = 0;
    for (int32_t t = 0; mr_function_tables[t]; t++) {
        for (const MrFunctionDef *def = mr_function_tables[t]; def->name; def++) {
            uint32_t slot = name_hash(def->name) % INDEX_SLOTS;
            while (registry.functions[slot])
                slot = (slot + 1) % INDEX_SLOTS;
            registry.functions[slot] = def;
            MR_ASSERT(++n < INDEX_SLOTS / 2);
        }
    }
    n = 0;
    for (int32_t t = 0; mr_aggregate_tables[t]; t++) {
        for (const MrAggregateDef *def = mr_aggregate_tables[t]; def->name; def++) {
            uint32_t slot = name_hash(def->name) % INDEX_SLOTS;
            while (registry.aggregates[slot])
                slot = (slot + 1) % INDEX_SLOTS;
            registry.aggregates[slot] = def;
            MR_ASSERT(++n < INDEX_SLOTS / 2);
        }
    }
}

static int32_t functions_find(const char *name, const MrFunctionDef **out)
{
    int32_t n = 0;
    pthread_once(&registry_once, registry_build);
    for (uint32_t slot = name_hash(name) % INDEX_SLOTS; registry.functions[slot];
         slot = (slot + 1) % INDEX_SLOTS)
        if (strcmp(registry.functions[slot]->name, name) == 0 && n < MAX_SAME_NAME)
            out[n++] = registry.functions[slot];
    return n;
}

static int32_t aggregates_find(const char *name, const MrAggregateDef **out)
{
    int32_t n = 0;
    pthread_once(&registry_once, registry_build);
    for (uint32_t slot = name_hash(name) % INDEX_SLOTS; registry.aggregates[slot];
         slot = (slot + 1) % INDEX_SLOTS)
        if (strcmp(registry.aggregates[slot]->name, name) == 0 && n < MAX_SAME_NAME)
            out[n++] = registry.aggregates[slot];
    return n;
}

bool mr_function_exists(const char *name)
{
    const MrFunctionDef *rows[MAX_SAME_NAME] = {0};
    return functions_find(name, rows) > 0;
}

bool mr_aggregate_exists(const char *name)
{
    const MrAggregateDef *rows[MAX_SAME_NAME] = {0};
    return aggregates_find(name, rows) > 0;
}

bool mr_function_is_hidden(const MrSettings *settings, const char *name)
{
    const MrFunctionDef *functions[MAX_SAME_NAME] = {0};
    const MrAggregateDef *aggregates[MAX_SAME_NAME] = {0};
    if (!(functions_find(name, functions) > 0 && (functions[0]->flags & MR_FN_TEST)) &&
        !(aggregates_find(name, aggregates) > 0 && (aggregates[0]->flags & MR_AGG_TEST)))
        return false;
    size_t n = strlen(name);
    for (const char *at = settings->test_functions; at; at = strchr(at, ',')) {
        at += *at == ',';
        if (strncmp(at, name, n) == 0 && (at[n] == '\0' || at[n] == ','))
            return false;
    }
    return true;
}

static bool any_nullable(const MrBind *bind)
{
    for (int32_t i = 0; i < bind->n_args; i++) {
        const MrArgInfo *arg = &bind->args[i];
        if (arg->n_lambda_params > 0)
            continue;
        if (arg->nullable || arg->type->kind == MR_TYPE_VOID ||
            (arg->cast_to && mr__cast_may_null(bind->settings, arg->type, arg->cast_to)))
            return true;
    }
    return false;
}

/* The row of this name that takes the arguments; bind is as it was before any function's. */
static MrStatus choose(MrBind *bind, const MrSignatureSet *set, int32_t *chosen, MrError *err)
{
    if (set->n == 0)
        return MR_FAIL(err, MR_COND_UNRESOLVED_ROUTINE, "routineName",
                       mr_quote_name(bind->arena, set->name), "searchPath",
                       "[`system`.`builtin`, `system`.`session`, `spark_catalog`.`default`]");
    for (int32_t i = 0; i < bind->n_args; i++)
        bind->args[i].cast_to = bind->args[i].type;
    bind->type = NULL;
    bind->data = NULL;
    bind->call = NULL;
    bind->select = NULL;
    return mr__signature_choose(bind, set, chosen, err);
}

static MrBound *bound_create(MrBind *bind)
{
    MR_ASSERT(bind->type != NULL);
    MrBound *bound = MR_NEW(bind->arena, MrBound);
    bound->def = bind->def;
    bound->call = bind->call;
    bound->select = bind->select;
    bound->type = bind->type;
    bound->nullable = bind->nullable;
    bound->flags = bind->flags;
    bound->data = bind->data;
    bound->n_read = bind->n_read;
    return bound;
}

MrStatus mr_function_bind(MrBind *bind, const char *name, MrBound **out, MrError *err)
{
    const MrFunctionDef *rows[MAX_SAME_NAME] = {0};
    const char *signatures[MAX_SAME_NAME];
    int32_t n = functions_find(name, rows), chosen = 0;
    for (int32_t i = 0; i < n; i++)
        signatures[i] = rows[i]->signature;
    MR_TRY(choose(bind, &(MrSignatureSet){name, n, signatures}, &chosen, err));
    bind->def = rows[chosen];
    bind->flags = bind->def->flags;
    bind->call = bind->def->call;
    bind->nullable = !(bind->flags & MR_FN_NEVER_NULL) &&
                     ((bind->flags & MR_FN_MAY_NULL) != 0 || any_nullable(bind));
    if (bind->def->bind)
        MR_TRY(bind->def->bind(bind, err));
    MR_ASSERT(bind->call != NULL);
    *out = bound_create(bind);
    return MR_OK;
}

MrStatus mr_aggregate_bind(MrBind *bind, const char *name, MrAggregate **out, MrError *err)
{
    const MrAggregateDef *rows[MAX_SAME_NAME] = {0};
    const char *signatures[MAX_SAME_NAME];
    int32_t n = aggregates_find(name, rows), chosen = 0;
    for (int32_t i = 0; i < n; i++)
        signatures[i] = rows[i]->signature;
    MR_TRY(choose(bind, &(MrSignatureSet){name, n, signatures}, &chosen, err));
    MrAggregate *agg = MR_NEW(bind->arena, MrAggregate);
    agg->def = rows[chosen];
    agg->flags = agg->def->flags;
    agg->state_bytes = agg->def->state_bytes;
    agg->type = bind->type;
    agg->nullable = !(agg->flags & MR_AGG_NEVER_NULL);
    agg->n_args = bind->n_args;
    bind->def = NULL;
    if (agg->def->bind)
        MR_TRY(agg->def->bind(bind, agg, err));
    const MrType **types = MR_NEW_N(bind->arena, const MrType *, bind->n_args + 1);
    for (int32_t i = 0; i < bind->n_args; i++)
        types[i] = bind->args[i].cast_to;
    agg->arg_types = types;
    MR_ASSERT(agg->type != NULL && (agg->state_bytes & 7) == 0);
    bind->type = agg->type;
    bind->nullable = agg->nullable;
    *out = agg;
    return MR_OK;
}

const MrWindowDef *mr_window_find(const char *name)
{
    for (const MrWindowDef *def = mr_window_functions; def->name; def++)
        if (strcmp(def->name, name) == 0)
            return def;
    return NULL;
}

const MrGeneratorDef *mr_generator_find(const char *name)
{
    for (const MrGeneratorDef *def = mr_generators; def->name; def++)
        if (strcmp(def->name, name) == 0)
            return def;
    return NULL;
}

MrStatus mr_generator_bind(MrBind *bind, const MrGeneratorDef *def, MrBound **out, MrError *err)
{
    int32_t chosen = 0;
    MR_TRY(choose(bind, &(MrSignatureSet){def->name, 1, &def->signature}, &chosen, err));
    bind->def = NULL;
    bind->flags = 0;
    bind->nullable = false;
    if (def->bind)
        MR_TRY(def->bind(bind, err));
    *out = bound_create(bind);
    return MR_OK;
}
