/* nested.c - building and opening arrays, maps and structs: array(), map(), struct(), x.field,
 * x[i].
 *
 * "." and "[]" are what the binder makes of x.field and x[i]; the field is given by its number. */
#include "function/function_int.h"

/* ---------------------------------------------------------------- struct */

static MrStatus struct_types(MrBind *bind, int32_t first, int32_t step, MrError *err)
{
    int32_t n = 0;
    MrField *fields = MR_NEW_N(bind->arena, MrField, bind->n_args + 1);
    for (int32_t i = first; i < bind->n_args; i += step, n++) {
        const MrArgInfo *arg = &bind->args[i];
        fields[n].type = arg->type;
        fields[n].nullable = arg->nullable;
        if (step == 1) {
            fields[n].name = arg->name ? arg->name : mr_arena_printf(bind->arena, "col%d", n + 1);
            continue;
        }
        MrText name = {0};
        const MrArgInfo *key = &bind->args[i - 1];
        if (!key->value || key->type->kind != MR_TYPE_STRING)
            return MR_FAIL(
                err, MR_COND_DATATYPE_MISMATCH__CREATE_NAMED_STRUCT_WITHOUT_FOLDABLE_STRING,
                "sqlExpr", mr__quoted_expr(bind->arena, bind->sql), "inputExprs",
                mr_arena_printf(bind->arena, "[%s]", mr__quoted_expr(bind->arena, key->sql)));
        if (!mr__arg_text(key, &name))
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_NULL, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "exprName",
                           mr__quoted_expr(bind->arena, key->sql));
        fields[n].name = mr_arena_strn(bind->arena, name.data, name.size_bytes);
    }
    bind->type = mr_type_struct(bind->arena, fields, n);
    bind->nullable = false;
    return MR_OK;
}

static MrStatus struct_bind(MrBind *bind, MrError *err)
{
    return struct_types(bind, 0, 1, err);
}

static MrStatus named_struct_bind(MrBind *bind, MrError *err)
{
    if (bind->n_args % 2 != 0)
        return MR_FAIL(err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName",
                       "`named_struct`", "expectedNum", "2n (n > 0)", "actualNum",
                       mr_arena_printf(bind->arena, "%d", bind->n_args), "docroot",
                       "https://spark.apache.org/docs/latest");
    return struct_types(bind, 1, 2, err);
}

static void struct_fill(MrCall *call, int32_t first, int32_t step)
{
    int32_t n = 0;
    for (int32_t c = first; c < call->n_args; c += step, n++) {
        MrVector *child = call->out->children[n];
        child->n_items = call->n_rows;
        for (MR_EACH(call, i, row))
            mr_vector_copy_row(call->arena, call->args[c], mr_arg_row(call->args[c], row), child,
                               row);
    }
}

static MrStatus struct_call(MrCall *call, MrError *err)
{
    struct_fill(call, 0, 1);
    return MR_OK;
}

static MrStatus named_struct_call(MrCall *call, MrError *err)
{
    struct_fill(call, 1, 2);
    return MR_OK;
}

/* ---------------------------------------------------------------- array, map */

static MrStatus fail_types(MrBind *bind, const char *name, int32_t first, int32_t step,
                           MrError *err)
{
    MrTextBuilder types = {.arena = bind->arena};
    for (int32_t i = first; i < bind->n_args; i += step)
        mr_builder_printf(&types, "%s%s", i == first ? "[" : ", ",
                          mr__quoted_type(bind->arena, bind->args[i].type));
    mr_builder_char(&types, ']');
    if (step == 2)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__CREATE_MAP_KEY_DIFF_TYPES, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName", "`map`", "dataType",
                       mr_builder_text(&types).data);
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__DATA_DIFF_TYPES, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "functionName", name, "dataType",
                   mr_builder_text(&types).data);
}

static MrStatus array_bind(MrBind *bind, MrError *err)
{
    const MrType *element = bind->n_args > 0 ? mr__bind_common(bind, 0) : MR_T(VOID);
    if (!element)
        return fail_types(bind, "`array`", 0, 1, err);
    bool nullable = false;
    for (int32_t i = 0; i < bind->n_args; i++)
        nullable = nullable || bind->args[i].nullable;
    bind->type = mr_type_array(bind->arena, element, nullable);
    bind->nullable = false;
    return MR_OK;
}

static void child_put(MrCall *call, MrVector *child, MrVector *arg, int32_t row)
{
    int64_t at = child->n_items++;
    mr_vector_copy_row(call->arena, arg, mr_arg_row(arg, row), child, at);
}

static MrStatus array_call(MrCall *call, MrError *err)
{
    MrVector *child = call->out->children[0];
    mr_vector_list_reserve(call->arena, call->out, (int64_t)call->n * call->n_args);
    for (MR_EACH(call, i, row)) {
        call->out->list[row] = (MrSlice){child->n_items, call->n_args};
        for (int32_t c = 0; c < call->n_args; c++)
            child_put(call, child, call->args[c], row);
    }
    return MR_OK;
}

static const MrType *common_of(MrBind *bind, int32_t first, bool *nullable)
{
    const MrType *common = NULL;
    for (int32_t i = first; i < bind->n_args; i += 2) {
        const MrType *type = bind->args[i].type;
        common = common ? mr_coerce_common(bind->arena, bind->settings, common, type) : type;
        if (!common)
            return NULL;
        *nullable = *nullable || bind->args[i].nullable;
    }
    for (int32_t i = first; i < bind->n_args; i += 2)
        bind->args[i].cast_to = common;
    return common ? common : MR_T(VOID);
}

static MrStatus map_bind(MrBind *bind, MrError *err)
{
    bool key_null = false, value_null = false;
    if (bind->n_args % 2 != 0)
        return MR_FAIL(err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName", "`map`",
                       "expectedNum", "2n (n > 0)", "actualNum",
                       mr_arena_printf(bind->arena, "%d", bind->n_args), "docroot",
                       "https://spark.apache.org/docs/latest");
    const MrType *key = common_of(bind, 0, &key_null);
    if (!key)
        return fail_types(bind, "`map`", 0, 2, err);
    const MrType *value = common_of(bind, 1, &value_null);
    if (!value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__CREATE_MAP_VALUE_DIFF_TYPES, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName", "`map`", "dataType",
                       "");
    if (key->kind == MR_TYPE_MAP)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_MAP_KEY_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "keyType",
                       mr__quoted_type(bind->arena, key));
    bind->type = mr_type_map(bind->arena, key, value, value_null);
    bind->nullable = false;
    return MR_OK;
}

static MrStatus map_call(MrCall *call, MrError *err)
{
    MrVector *keys = call->out->children[0], *values = call->out->children[1];
    const MrSettings *settings = call->context->settings;
    const char *policy =
        settings->get ? settings->get(settings->conf, "spark.sql.mapKeyDedupPolicy") : NULL;
    bool last_wins = policy && mr_str_equal_nocase(policy, "LAST_WIN");
    mr_vector_list_reserve(call->arena, call->out, (int64_t)call->n * call->n_args / 2);
    for (MR_EACH(call, i, row)) {
        int32_t start = keys->n_items;
        for (int32_t c = 0; c < call->n_args; c += 2) {
            MrVector *key = call->args[c];
            if (mr_arg_null(key, row))
                return MR_FAIL(err, MR_COND_NULL_MAP_KEY);
            int32_t known = -1;
            for (int32_t k = start; k < keys->n_items && known < 0; k++)
                if (mr_vector_compare(keys, k, key, mr_arg_row(key, row)) == 0)
                    known = k;
            if (known >= 0 && !last_wins) {
                MrTextBuilder text = {.arena = call->arena};
                mr_value_text(key, mr_arg_row(key, row), MR_TEXT_CAST, settings, &text);
                return MR_FAIL(err, MR_COND_DUPLICATED_MAP_KEY, "key", mr_builder_text(&text).data,
                               "mapKeyDedupPolicy", "\"spark.sql.mapKeyDedupPolicy\"");
            }
            if (known >= 0) {
                mr_vector_copy_row(call->arena, call->args[c + 1],
                                   mr_arg_row(call->args[c + 1], row), values, known);
                continue;
            }
            child_put(call, keys, key, row);
            child_put(call, values, call->args[c + 1], row);
        }
        call->out->list[row] = (MrSlice){start, keys->n_items - start};
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- x.field */

static const MrType *field_holder(const MrType *type)
{
    return type->kind == MR_TYPE_ARRAY ? type->fields[0].type : type;
}

static MrStatus field_bind(MrBind *bind, MrError *err)
{
    int64_t ordinal = 0;
    const MrType *type = bind->args[0].type, *holder = field_holder(type);
    if (holder->kind != MR_TYPE_STRUCT || !mr__arg_i64(&bind->args[1], &ordinal) || ordinal < 0 ||
        ordinal >= holder->n_fields)
        return MR_FAIL_INTERNAL(err, "no such field in %s", bind->args[0].sql);
    const MrField *field = &holder->fields[ordinal];
    int32_t *data = MR_NEW(bind->arena, int32_t);
    *data = (int32_t)ordinal;
    bind->data = data;
    bind->nullable = bind->args[0].nullable || (type->kind == MR_TYPE_STRUCT && field->nullable);
    bind->type =
        type->kind == MR_TYPE_ARRAY
            ? mr_type_array(bind->arena, field->type, type->fields[0].nullable || field->nullable)
            : field->type;
    return MR_OK;
}

/* The field's vector, NULL also where the struct is. */
static MrVector *field_vector(MrArena *arena, const MrVector *holder, int32_t ordinal,
                              int64_t n_rows)
{
    MrVector *child = holder->children[ordinal];
    if (!holder->validity)
        return child;
    MrVector *vec = MR_NEW(arena, MrVector);
    *vec = *child;
    int64_t n_words = MR_BITMAP_WORDS(n_rows);
    vec->validity = MR_NEW_N(arena, uint64_t, n_words + 1);
    for (int64_t w = 0; w < n_words; w++)
        vec->validity[w] =
            holder->validity[w] & (child->validity ? child->validity[w] : ~UINT64_C(0));
    return vec;
}

static MrStatus field_call(MrCall *call, MrError *err)
{
    const MrVector *arg = call->args[0];
    int32_t ordinal = *(const int32_t *)call->bound->data;
    if (arg->encoding == MR_FLAT && arg->type->kind == MR_TYPE_STRUCT &&
        arg->children[ordinal]->encoding == MR_FLAT) {
        call->out = field_vector(call->arena, arg, ordinal, call->n_rows);
        return MR_OK;
    }
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(arg, row)) {
            mr_call_null(call, row);
            continue;
        }
        int32_t at = mr_arg_row(arg, row);
        if (arg->type->kind == MR_TYPE_STRUCT) {
            mr_vector_copy_row(call->arena, arg->children[ordinal], at, call->out, row);
            continue;
        }
        const MrVector *items = arg->children[0];
        MrSlice slice = arg->list[at];
        MrVector *child = call->out->children[0];
        mr_vector_list_reserve(call->arena, call->out, slice.count);
        call->out->list[row] = (MrSlice){child->n_items, slice.count};
        for (int32_t k = 0; k < slice.count; k++) {
            int64_t to = child->n_items++;
            if (mr_vector_is_null(items, slice.start + k))
                mr_vector_set_null(call->arena, child, to, child->n_items);
            else
                mr_vector_copy_row(call->arena, items->children[ordinal], slice.start + k, child,
                                   to);
        }
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- x[i] */

static MrStatus item_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].type, *index = bind->args[1].type;
    bind->nullable = true;
    if (type->kind == MR_TYPE_ARRAY) {
        if (!mr_type_is_integral(index) && index->kind != MR_TYPE_VOID &&
            !mr_coerce_implicit(bind->arena, bind->settings, index, MR_T(INT)))
            return mr__fail_input_type(bind, 1, "\"INTEGRAL\"", err);
        if (!mr_type_is_integral(index) && index->kind != MR_TYPE_VOID)
            return mr__fail_input_type(bind, 1, "\"INTEGRAL\"", err);
        bind->args[1].cast_to = MR_T(BIGINT);
        bind->type = type->fields[0].type;
        bind->flags |= MR_FN_CAN_FAIL;
        return MR_OK;
    }
    if (type->kind != MR_TYPE_MAP)
        return MR_FAIL(err, MR_COND_INVALID_EXTRACT_BASE_FIELD_TYPE, "base",
                       mr__quoted_expr(bind->arena, bind->args[0].sql), "other",
                       mr__quoted_type(bind->arena, type));
    const MrType *key = type->fields[0].type;
    if (!mr_type_same_data(key, index) &&
        !mr_coerce_implicit(bind->arena, bind->settings, index, key))
        return mr__fail_input_type(bind, 1, mr__quoted_type(bind->arena, key), err);
    bind->args[1].cast_to = key;
    bind->type = type->fields[1].type;
    return MR_OK;
}

static MrStatus item_call(MrCall *call, MrError *err)
{
    MrVector *holder = call->args[0], *index = call->args[1];
    bool ansi = call->context->settings->ansi;
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(holder, row) || mr_arg_null(index, row)) {
            mr_call_null(call, row);
            continue;
        }
        MrSlice slice = MR_ARG(holder, list, row);
        if (holder->type->kind == MR_TYPE_ARRAY) {
            int64_t at = MR_ARG(index, i64, row);
            if (at >= 0 && at < slice.count) {
                mr_vector_copy_row(call->arena, holder->children[0], slice.start + at, call->out,
                                   row);
                continue;
            }
            if (ansi)
                return MR_FAIL(err, MR_COND_INVALID_ARRAY_INDEX, "indexValue",
                               mr_arena_printf(call->arena, "%lld", (long long)at), "arraySize",
                               mr_arena_printf(call->arena, "%d", slice.count), "ansiConfig",
                               "\"spark.sql.ansi.enabled\"");
            mr_call_null(call, row);
            continue;
        }
        int32_t found = -1;
        for (int32_t k = 0; k < slice.count && found < 0; k++)
            if (mr_vector_compare(holder->children[0], slice.start + k, index,
                                  mr_arg_row(index, row)) == 0)
                found = slice.start + k;
        if (found < 0)
            mr_call_null(call, row);
        else
            mr_vector_copy_row(call->arena, holder->children[1], found, call->out, row);
    }
    return MR_OK;
}

const MrFunctionDef mr_functions_nested[] = {
    {"struct", "any* -> bind", 0, struct_call, struct_bind, "A struct of the values.",
     "struct(1, 2).col2 = 2"},
    {"named_struct", "any* -> bind", 0, named_struct_call, named_struct_bind,
     "A struct of names and values in turn.", "named_struct('a', 1).a = 1"},
    {"array", "any* -> bind", 0, array_call, array_bind, "An array of the values.",
     "array(1, 2)[1] = 2"},
    {"map", "any* -> bind", MR_FN_CAN_FAIL, map_call, map_bind, "A map of keys and values in turn.",
     "map('a', 1)['a'] = 1"},
    {".", "any, int -> bind", 0, field_call, field_bind,
     "A field of a struct, or of all structs of an array.", "struct(1).col1 = 1"},
    {"[]", "any, any -> bind", 0, item_call, item_bind, "An element of an array, or a map's value.",
     "array(1, 2)[0] = 1"},
    {0},
};
