/* json_function.c - from_json: the JSON reader over texts of a column.
 *
 * A row of the function table that lives here because it is the reader that answers: values,
 * options and what counts as malformed are those of JSON files (json_value.c).  Two things differ,
 * as in Spark: an array is no record of a struct, and what is read as a string without being one is
 * copied (json_copy.c), not taken as it stands. */
#include "format/json_int.h"

#include "function/datetime_text.h"

typedef struct FromJson {
    MrJsonConfig config;
    const MrSettings *settings; /* with the zone of an option; NULL: the query's */
    MrJsonNode root;
    int32_t corrupt_field; /* -1: none */
} FromJson;

/* --- one text --- */

/* The value at at into the row.  NULL: it is not JSON, or not of the type. */
static const char *root_value(const FromJson *self, MrJsonValues *values, const char *at,
                              const char *end, MrVector *out, int32_t row)
{
    const MrType *type = out->type;
    const char *stop;
    if (type->kind == MR_TYPE_ARRAY && type->fields[0].type->kind == MR_TYPE_STRUCT &&
        *at == '{') { /* an array of one */
        mr_vector_list_reserve(values->arena, out, 1);
        MrVector *items = out->children[0];
        int32_t item = items->n_items++;
        stop = mr__json_value(values, &self->root.fields[0], at, end, items, item);
        out->list[row] = (MrSlice){item, 1};
        return stop;
    }
    if (*at != (type->kind == MR_TYPE_ARRAY ? '[' : '{')) {
        values->why = type->kind == MR_TYPE_STRUCT && *at == '[' ? "an array is not a struct"
                                                                 : "a value of another type";
        return NULL;
    }
    return mr__json_value(values, &self->root, at, end, out, row);
}

static MrStatus bad_record(const MrJsonValues *values, MrText record, bool is_array, MrError *err)
{
    const char *text = mr_arena_strn(values->arena, record.data, record.size_bytes);
    return is_array
               ? MR_FAIL(err,
                         MR_COND_MALFORMED_RECORD_IN_PARSING__CANNOT_PARSE_JSON_ARRAYS_AS_STRUCTS,
                         "badRecord", text, "failFastMode", "FAILFAST")
               : MR_FAIL(err, MR_COND_MALFORMED_RECORD_IN_PARSING__WITHOUT_SUGGESTION, "badRecord",
                         text, "failFastMode", "FAILFAST");
}

static MrStatus from_json_row(const FromJson *self, MrJsonValues *values, MrText record,
                              MrVector *out, int32_t row, MrError *err)
{
    const char *end = record.data + record.size_bytes,
               *at = mr__json_space(&self->config, record.data, end);
    if (at == end) {
        mr__json_set_null(values, out, row);
        return MR_OK;
    }
    bool is_struct = out->type->kind == MR_TYPE_STRUCT;
    values->why = NULL;
    values->failed = false;
    bool read = root_value(self, values, at, end, out, row) != NULL;
    if (read && !values->why) {
        if (self->corrupt_field >= 0)
            mr__json_set_null(values, out->children[self->corrupt_field], row);
        return MR_OK;
    }
    if (self->config.mode == MR_PARSE_FAIL)
        return bad_record(values, record, is_struct && *at == '[', err);
    if (!is_struct) {
        if (!read || values->failed)
            mr__json_set_null(values, out, row);
        return MR_OK;
    }
    for (int32_t f = 0; !read && f < out->type->n_fields; f++) /* a struct of NULLs */
        mr__json_set_null(values, out->children[f], row);
    mr__json_set_valid(out, row);
    if (self->corrupt_field >= 0) {
        MrVector *corrupt = out->children[self->corrupt_field];
        MrText text = mr_utf8_repair(values->arena, record);
        mr__json_set_valid(corrupt, row);
        corrupt->str[row] = mr_str_borrow(text.data, text.size_bytes);
    }
    return MR_OK;
}

static MrStatus from_json_call(MrCall *call, MrError *err)
{
    const FromJson *self = call->bound->data;
    MrJsonValues values = {
        .config = &self->config, .context = *call->context, .arena = call->arena};
    if (self->settings)
        values.context.settings = self->settings;
    for (MR_EACH(call, i, row)) {
        MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
        mr_poll_bytes(text.size_bytes);
        MR_TRY(
            from_json_row(self, &values, mr__json_padded(call->arena, text), call->out, row, err));
    }
    mr__json_settle(call->out, call->n_rows);
    return MR_OK;
}

/* --- binding --- */

static const char *quoted_type(const MrBind *bind, const MrType *type)
{
    return mr_arena_printf(bind->arena, "\"%s\"", mr_type_sql_text(bind->arena, type));
}

/* Options are a map; names in any case, the last of equal ones counts. */
static const char *option_get(const void *self, const char *name)
{
    const MrBind *bind = self;
    const MrVector *map = bind->n_args > 2 ? bind->args[2].value : NULL;
    if (!map)
        return NULL;
    int64_t at;
    map = mr_vector_at(map, 0, &at);
    MrSlice items = map->list[at];
    for (int32_t i = items.start + items.count; i-- > items.start;) {
        int64_t key_at, value_at;
        const MrVector *keys = mr_vector_at(map->children[0], i, &key_at),
                       *values = mr_vector_at(map->children[1], i, &value_at);
        if (mr_text_equal_nocase(mr_str_text(&keys->str[key_at]), mr_text(name))) {
            if (mr_vector_is_null(map->children[1], i))
                return NULL;
            MrText value = mr_str_text(&values->str[value_at]);
            return mr_arena_strn(bind->arena, value.data, value.size_bytes);
        }
    }
    return NULL;
}

static MrStatus options_check(const MrBind *bind, MrError *err)
{
    if (bind->n_args < 3)
        return MR_OK;
    const MrType *type = bind->args[2].type;
    if (type->kind != MR_TYPE_MAP || !bind->args[2].value ||
        mr_vector_is_null(bind->args[2].value, 0))
        return MR_FAIL(err, MR_COND_INVALID_OPTIONS__NON_MAP_FUNCTION);
    for (int32_t f = 0; f < 2; f++)
        if (type->fields[f].type->kind != MR_TYPE_STRING)
            return MR_FAIL(err, MR_COND_INVALID_OPTIONS__NON_STRING_TYPE, "mapType",
                           quoted_type(bind, type));
    return MR_OK;
}

static bool has_other_keys(const MrType *type)
{
    if (type->kind == MR_TYPE_MAP && type->fields[0].type->kind != MR_TYPE_STRING)
        return true;
    for (int32_t f = 0; f < type->n_fields; f++)
        if (has_other_keys(type->fields[f].type))
            return true;
    return false;
}

static MrStatus schema_read(const MrBind *bind, const MrType **out, MrError *err)
{
    MrArena *arena = bind->arena;
    const MrArgInfo *arg = &bind->args[1];
    if (!arg->value || arg->type->kind != MR_TYPE_STRING || mr_vector_is_null(arg->value, 0))
        return MR_FAIL(err, MR_COND_INVALID_SCHEMA__NON_STRING_LITERAL, "inputSchema",
                       mr_arena_printf(arena, "\"%s\"", arg->sql));
    int64_t at;
    const MrVector *value = mr_vector_at(arg->value, 0, &at);
    MrText schema = mr_str_text(&value->str[at]);
    if (mr_text_trim_all(schema).size_bytes == 0)
        return MR_FAIL(err, MR_COND_PARSE_EMPTY_STATEMENT);
    MrError second = {0};
    if (mr_type_parse(arena, schema, false, out, err) != MR_OK) {
        if (mr_type_parse(arena, schema, true, out, &second) != MR_OK) {
            err->sql_idx = -1; /* not a place in the query's text */
            return err->status;
        }
        *err = (MrError){0};
    }
    if ((*out)->kind == MR_TYPE_VARIANT)
        return MR_FAIL_UNSUPPORTED(err, "from_json to VARIANT");
    const char *sql = mr_arena_printf(arena, "\"%s\"", bind->sql);
    if (!mr_type_is_nested(*out))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_JSON_SCHEMA, "sqlExpr", sql,
                       "schema", quoted_type(bind, *out));
    if (has_other_keys(*out))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_JSON_MAP_KEY_TYPE, "sqlExpr", sql,
                       "schema", quoted_type(bind, *out));
    return MR_OK;
}

static MrStatus from_json_bind(MrBind *bind, MrError *err)
{
    MrArena *arena = bind->arena;
    const MrType *type = NULL;
    MR_TRY(schema_read(bind, &type, err));
    MR_TRY(options_check(bind, err));
    const MrFormatOptions options = {option_get, bind, bind->settings};
    const void *config;
    MR_TRY(mr__json_configure(arena, &options, &config, err));
    FromJson *self = MR_NEW(arena, FromJson);
    self->config = *(const MrJsonConfig *)config;
    self->config.copied = true;
    if (self->config.mode == MR_PARSE_DROP)
        return MR_FAIL(err, MR_COND_PARSE_MODE_UNSUPPORTED, "funcName", "`from_json`", "mode",
                       "DROPMALFORMED");
    if (self->config.settings != bind->settings)
        self->settings = self->config.settings;
    MR_TRY(mr__json_node_init(&self->config, arena, &self->root, type, err));
    self->corrupt_field = -1;
    for (int32_t f = 0; type->kind == MR_TYPE_STRUCT && f < type->n_fields; f++) {
        const MrField *field = &type->fields[f];
        if (strcmp(field->name, self->config.corrupt_name) != 0)
            continue;
        if (field->type->kind != MR_TYPE_STRING)
            return MR_FAIL(err, MR_COND_INVALID_CORRUPT_RECORD_TYPE, "columnName",
                           mr_quote_name(arena, field->name), "actualType",
                           quoted_type(bind, field->type));
        self->corrupt_field = f;
        self->root.names[f] = (MrText){"", -1}; /* no member of an object is called so */
    }
    bind->type = type;
    bind->nullable = true;
    bind->data = self;
    bind->n_read = 1;
    if (self->config.mode == MR_PARSE_FAIL)
        bind->flags |= MR_FN_CAN_FAIL;
    return MR_OK;
}

const MrFunctionDef mr_functions_json_read[] = {
    {"from_json", "string!, any, any? -> bind", MR_FN_NULL_IF_ANY | MR_FN_MAY_NULL, from_json_call,
     from_json_bind, "A JSON text as a typed value; options as of JSON files.",
     "from_json('{\"a\": 1e2}', 'a DECIMAL(5, 1)').a = 100"},
    {0},
};
