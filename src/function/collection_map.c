/* collection_map.c - functions of maps. */
#include "function/collection_int.h"

static bool map_last_wins(const MrCall *call)
{
    const MrSettings *settings = call->context->settings;
    const char *policy =
        settings->get ? settings->get(settings->conf, "spark.sql.mapKeyDedupPolicy") : NULL;
    return policy && mr_str_equal_nocase(policy, "LAST_WIN");
}

static MrStatus fail_map_key(MrCall *call, const MrVector *keys, int64_t at, MrError *err)
{
    MrTextBuilder text = {.arena = call->arena};
    mr_value_text(keys, at, MR_TEXT_CAST, call->context->settings, &text);
    return MR_FAIL(err, MR_COND_DUPLICATED_MAP_KEY, "key", mr_builder_text(&text).data,
                   "mapKeyDedupPolicy", "\"spark.sql.mapKeyDedupPolicy\"");
}

/* Puts a pair into the map of a row that is being made; value_from NULL: a NULL value. */
static MrStatus map_put(MrCall *call, int32_t row, const MrVector *key_from, int64_t key_at,
                        const MrVector *value_from, int64_t value_at, MrError *err)
{
    MrVector *keys = call->out->children[0], *values = call->out->children[1];
    MrSlice *slice = &call->out->list[row];
    if (mr_vector_is_null(key_from, key_at))
        return MR_FAIL(err, MR_COND_NULL_MAP_KEY);
    for (int32_t k = slice->start; k < slice->start + slice->count; k++) {
        mr_poll_item(k);
        if (mr_vector_compare(keys, k, key_from, key_at) != 0)
            continue;
        if (!map_last_wins(call))
            return fail_map_key(call, key_from, key_at, err);
        if (!value_from || mr_vector_is_null(value_from, value_at))
            mr_vector_set_null(call->arena, values, k, values->n_items);
        else
            mr_vector_copy_row(call->arena, value_from, value_at, values, k);
        return MR_OK;
    }
    mr_vector_list_reserve(call->arena, call->out, 1);
    mr__child_put(call, keys, key_from, key_at);
    mr__child_put(call, values, value_from, value_at);
    slice->count++;
    return MR_OK;
}

static MrStatus map_from_arrays_call(MrCall *call, MrError *err)
{
    const MrVector *keys = call->args[0], *values = call->args[1];
    for (MR_EACH(call, i, row)) {
        MrSlice k = MR_ARG(keys, list, row), v = MR_ARG(values, list, row);
        if (k.count != v.count)
            return MR_FAIL_INTERNAL(
                err, "The key array and value array of MapData must have the same length.");
        mr__list_begin(call, row, k.count);
        for (int32_t j = 0; j < k.count; j++)
            MR_TRY(map_put(call, row, keys->children[0], k.start + j, values->children[0],
                           v.start + j, err));
    }
    return MR_OK;
}

static MrStatus map_from_arrays_bind(MrBind *bind, MrError *err)
{
    bind->type = mr_type_map(bind->arena, bind->args[0].cast_to->fields[0].type,
                             bind->args[1].cast_to->fields[0].type,
                             bind->args[1].cast_to->fields[0].nullable);
    return MR_OK;
}

static MrStatus map_from_entries_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *entries = list->children[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        bool any_null = false;
        for (int32_t k = 0; k < slice.count; k++)
            any_null = any_null || mr_vector_is_null(entries, slice.start + k);
        if (any_null) {
            mr_call_null(call, row);
            continue;
        }
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++)
            MR_TRY(map_put(call, row, entries->children[0], slice.start + k, entries->children[1],
                           slice.start + k, err));
    }
    return MR_OK;
}

static MrStatus map_from_entries_bind(MrBind *bind, MrError *err)
{
    const MrType *entry = bind->args[0].cast_to->fields[0].type;
    if (entry->kind != MR_TYPE_STRUCT || entry->n_fields != 2)
        return mr__fail_input_type(bind, 0, "\"ARRAY\" of pair \"STRUCT\"", err);
    bind->type = mr_type_map(bind->arena, entry->fields[0].type, entry->fields[1].type,
                             entry->fields[1].nullable);
    bind->nullable = bind->nullable || bind->args[0].cast_to->fields[0].nullable;
    return MR_OK;
}

static MrStatus map_concat_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        mr__list_begin(call, row, 8);
        for (int32_t c = 0; c < call->n_args; c++) {
            const MrVector *map = call->args[c];
            MrSlice slice = MR_ARG(map, list, row);
            for (int32_t k = 0; k < slice.count; k++)
                MR_TRY(map_put(call, row, map->children[0], slice.start + k, map->children[1],
                               slice.start + k, err));
        }
    }
    return MR_OK;
}

static MrStatus map_concat_bind(MrBind *bind, MrError *err)
{
    if (bind->n_args == 0) {
        bind->type = mr_type_map(bind->arena, MR_T(STRING), MR_T(STRING), false);
        return MR_OK;
    }
    for (int32_t i = 0; i < bind->n_args; i++)
        if (bind->args[i].type->kind != MR_TYPE_MAP && bind->args[i].type->kind != MR_TYPE_VOID)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__MAP_CONCAT_DIFF_TYPES, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "functionName", "`map_concat`",
                           "dataType", mr__quoted_type(bind->arena, bind->args[i].type));
    bind->type = mr__bind_common(bind, 0);
    if (!bind->type || bind->type->kind != MR_TYPE_MAP)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__MAP_CONCAT_DIFF_TYPES, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName", "`map_concat`",
                       "dataType", "");
    return MR_OK;
}

static MrStatus map_side_call(MrCall *call, MrError *err)
{
    const MrVector *map = call->args[0];
    int32_t side = strcmp(call->bound->def->name, "map_values") == 0;
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(map, list, row);
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++)
            mr__list_put(call, row, map->children[side], slice.start + k);
    }
    return MR_OK;
}

static MrStatus map_side_bind(MrBind *bind, MrError *err)
{
    int32_t side = strcmp(bind->def->name, "map_values") == 0;
    const MrType *map = bind->args[0].cast_to;
    bind->type =
        mr_type_array(bind->arena, map->fields[side].type, side ? map->fields[1].nullable : false);
    return MR_OK;
}

static MrStatus map_entries_call(MrCall *call, MrError *err)
{
    const MrVector *map = call->args[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(map, list, row);
        mr__list_begin(call, row, slice.count);
        MrVector *items = call->out->children[0];
        for (int32_t k = 0; k < slice.count; k++) {
            int64_t to = items->n_items++;
            for (int32_t side = 0; side < 2; side++) {
                MrVector *child = items->children[side];
                child->n_items = items->n_items;
                if (mr_vector_is_null(map->children[side], slice.start + k))
                    mr_vector_set_null(call->arena, child, to,
                                       items->cap_items > to ? items->cap_items : to + 1);
                else
                    mr_vector_copy_row(call->arena, map->children[side], slice.start + k, child,
                                       to);
            }
        }
        call->out->list[row].count = slice.count;
    }
    return MR_OK;
}

static MrStatus map_entries_bind(MrBind *bind, MrError *err)
{
    const MrType *map = bind->args[0].cast_to;
    MrField fields[2] = {
        {.name = "key", .type = map->fields[0].type},
        {.name = "value", .type = map->fields[1].type, .nullable = map->fields[1].nullable}};
    bind->type = mr_type_array(bind->arena, mr_type_struct(bind->arena, fields, 2), false);
    return MR_OK;
}

static MrStatus map_contains_key_call(MrCall *call, MrError *err)
{
    const MrVector *map = call->args[0], *key = call->args[1];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(map, list, row);
        bool found = false;
        for (int32_t k = 0; k < slice.count && !found; k++)
            found = mr_vector_compare(map->children[0], slice.start + k, key,
                                      mr_arg_row(key, row)) == 0;
        call->out->i8[row] = found;
    }
    return MR_OK;
}

/* Delimiters are taken as they stand; Spark takes them as patterns, which is the same for plain
 * ones. */
static MrStatus str_to_map_call(MrCall *call, MrError *err)
{
    MrVector *key = mr_vector_create(call->arena, MR_T(STRING), 1),
             *value = mr_vector_create(call->arena, MR_T(STRING), 1);
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        MrText pair = call->n_args > 1 ? mr__arg_str(call, 1, row) : MR_TEXT(",");
        MrText between = call->n_args > 2 ? mr__arg_str(call, 2, row) : MR_TEXT(":");
        if (pair.size_bytes > 1 && pair.data[0] == '\\')
            pair = (MrText){pair.data + 1, pair.size_bytes - 1};
        if (between.size_bytes > 1 && between.data[0] == '\\')
            between = (MrText){between.data + 1, between.size_bytes - 1};
        mr__list_begin(call, row, 4);
        for (int64_t at = 0; at <= text.size_bytes;) {
            int64_t end = pair.size_bytes ? mr__text_find(text, pair, at)
                          : at < text.size_bytes
                              ? at + mr__char_bytes(text.data + at, text.size_bytes - at)
                              : -1;
            MrText item = {text.data + at, (end < 0 ? text.size_bytes : end) - at};
            int64_t cut = between.size_bytes ? mr__text_find(item, between, 0)
                          : item.size_bytes  ? mr__char_bytes(item.data, item.size_bytes)
                                             : -1;
            key->str[0] = mr_str_borrow(item.data, cut < 0 ? item.size_bytes : cut);
            if (cut >= 0)
                value->str[0] = mr_str_borrow(item.data + cut + between.size_bytes,
                                              item.size_bytes - cut - between.size_bytes);
            MR_TRY(map_put(call, row, key, 0, cut < 0 ? NULL : value, 0, err));
            if (end < 0 || (pair.size_bytes == 0 && end >= text.size_bytes))
                break;
            at = end + pair.size_bytes;
        }
    }
    return MR_OK;
}

static MrStatus str_to_map_bind(MrBind *bind, MrError *err)
{
    bind->type = mr_type_map(bind->arena, MR_T(STRING), MR_T(STRING), true);
    return MR_OK;
}

/* --- lambdas ---------------------------------------------------------------------------------- */

/* The elements of the lists of all rows, one after the other. */
typedef struct Flat {
    int32_t n;
    int32_t *items; /* place in the child         */
    int32_t *rows;  /* row of the call            */
    int32_t *nth;   /* place in its list, from 0  */
} Flat;

static MrStatus flat_make(MrCall *call, const MrVector *list, Flat *out, MrError *err)
{
    int64_t n = 0;
    for (MR_EACH(call, i, row))
        n += MR_ARG(list, list, row).count;
    if (n > INT32_MAX / 16)
        return MR_FAIL_UNSUPPORTED(err, "a lambda over so many elements at once");
    out->items = mr_arena_alloc(call->arena, 4 * n + 4);
    out->rows = mr_arena_alloc(call->arena, 4 * n + 4);
    out->nth = mr_arena_alloc(call->arena, 4 * n + 4);
    out->n = 0;
    for (MR_EACH(call, j, each)) {
        MrSlice slice = MR_ARG(list, list, each);
        for (int32_t k = 0; k < slice.count; k++) {
            mr_poll_item(k);
            out->items[out->n] = slice.start + k;
            out->rows[out->n] = each;
            out->nth[out->n++] = k;
        }
    }
    return MR_OK;
}

static MrVector *numbers(MrCall *call, const Flat *flat)
{
    MrVector *vec = mr_vector_create(call->arena, MR_T(INT), (int64_t)flat->n + 1);
    mr_copy(vec->i32, flat->nth, 4 * (int64_t)flat->n);
    vec->n_items = flat->n;
    return vec;
}

static MrStatus lambda_of_list(MrCall *call, int32_t n_params, Flat *flat, MrVector **out,
                               MrError *err)
{
    const MrVector *list = call->args[0];
    MR_TRY(flat_make(call, list, flat, err));
    if (flat->n == 0)
        return MR_OK;
    MrVector *params[2] = {
        mr_vector_take_rows(call->arena, list->children[0], flat->items, flat->n), NULL};
    if (list->type->kind == MR_TYPE_MAP)
        params[1] = mr_vector_take_rows(call->arena, list->children[1], flat->items, flat->n);
    else if (n_params > 1)
        params[1] = numbers(call, flat);
    return call->apply(call, 1, params, n_params, flat->rows, flat->n, out, err);
}

static bool is_true(const MrVector *vec, int64_t row)
{
    int64_t at;
    if (mr_vector_is_null(vec, row))
        return false;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    return holder->i8[at] != 0;
}

/* Number of parameters that the lambda was written with. */
static int32_t lambda_params(const MrCall *call)
{
    return *(const int32_t *)call->bound->data;
}

static MrStatus transform_call(MrCall *call, MrError *err)
{
    Flat flat;
    MrVector *result = NULL;
    MR_TRY(lambda_of_list(call, lambda_params(call), &flat, &result, err));
    int32_t at = 0;
    for (MR_EACH(call, i, row)) {
        int32_t n = MR_ARG(call->args[0], list, row).count;
        mr__list_begin(call, row, n);
        for (int32_t k = 0; k < n; k++, at++)
            mr__list_put(call, row, result, at);
    }
    return MR_OK;
}

static MrStatus filter_call(MrCall *call, MrError *err)
{
    Flat flat;
    MrVector *result = NULL;
    const MrVector *list = call->args[0];
    MR_TRY(lambda_of_list(call, lambda_params(call), &flat, &result, err));
    int32_t at = 0;
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++, at++) {
            mr_poll_item(k);
            if (!is_true(result, at))
                continue;
            for (int32_t side = 0; side < list->type->n_fields; side++)
                mr__child_put(call, call->out->children[side], list->children[side],
                              slice.start + k);
            call->out->list[row].count++;
        }
    }
    return MR_OK;
}

/* What exists and forall know of a row. */
typedef struct Verdict {
    bool decided, null_seen;
} Verdict;

static void verdict_take(Verdict *verdict, bool forall, const MrVector *result, int64_t at)
{
    if (mr_vector_is_null(result, at))
        verdict->null_seen = true;
    else if (is_true(result, at) != forall)
        verdict->decided = true;
}

/* The first elements of all rows, then the second ones of the rows that are not decided ...: for
 * an element that fails counts only where none before it decides. */
static MrStatus quantify_in_order(MrCall *call, bool forall, Verdict *verdicts, MrError *err)
{
    const MrVector *list = call->args[0];
    int32_t *items = mr_arena_alloc(call->arena, call->n * (int64_t)sizeof *items);
    int32_t *rows = mr_arena_alloc(call->arena, call->n * (int64_t)sizeof *rows);
    int32_t *numbers = mr_arena_alloc(call->arena, call->n * (int64_t)sizeof *numbers);
    for (int32_t k = 0;; k++) {
        int32_t n = 0;
        mr_poll_item(k);
        for (MR_EACH(call, i, row)) {
            MrSlice slice = MR_ARG(list, list, row);
            if (verdicts[i].decided || k >= slice.count)
                continue;
            items[n] = (int32_t)(slice.start + k);
            rows[n] = row;
            numbers[n++] = i;
        }
        if (n == 0)
            return MR_OK;
        MrVector *result = NULL;
        MrVector *param = mr_vector_take_rows(call->arena, list->children[0], items, n);
        MR_TRY(call->apply(call, 1, &param, 1, rows, n, &result, err));
        for (int32_t j = 0; j < n; j++)
            verdict_take(&verdicts[numbers[j]], forall, result, j);
    }
}

/* exists and forall, with three values. */
static MrStatus quantifier_call(MrCall *call, MrError *err)
{
    bool forall = call->bound->def->name[0] == 'f';
    Flat flat;
    MrVector *result = NULL;
    Verdict *verdicts = MR_NEW_N(call->arena, Verdict, call->n + 1);
    MrStatus status = lambda_of_list(call, 1, &flat, &result, err);
    if (status == MR_INVALID) {
        *err = (MrError){.sql_idx = -1};
        MR_TRY(quantify_in_order(call, forall, verdicts, err));
    } else {
        MR_TRY(status);
        int32_t at = 0;
        for (MR_EACH(call, i, row))
            for (int32_t n = MR_ARG(call->args[0], list, row).count; n > 0; n--, at++)
                verdict_take(&verdicts[i], forall, result, at);
    }
    for (MR_EACH(call, i, row)) {
        if (!verdicts[i].decided && verdicts[i].null_seen)
            mr_call_null(call, row);
        else
            call->out->i8[row] = verdicts[i].decided != forall;
    }
    return MR_OK;
}

static MrStatus lambda_count(MrBind *bind, int32_t arg_idx, int32_t least, int32_t most,
                             MrError *err)
{
    int32_t *n = MR_NEW(bind->arena, int32_t);
    *n = bind->args[arg_idx].n_lambda_params;
    if (*n < least || *n > most)
        return MR_FAIL(err, MR_COND_INVALID_LAMBDA_FUNCTION_CALL__NUM_ARGS_MISMATCH,
                       "expectedNumArgs", mr_arena_printf(bind->arena, "%d", *n), "actualNumArgs",
                       mr_arena_printf(bind->arena, "%d", most));
    bind->data = n;
    return MR_OK;
}

static MrStatus must_be_boolean(MrBind *bind, int32_t arg_idx, MrError *err)
{
    if (bind->args[arg_idx].type->kind == MR_TYPE_BOOLEAN)
        return MR_OK;
    if (!mr_coerce_implicit(bind->arena, bind->settings, bind->args[arg_idx].type, MR_T(BOOLEAN)))
        return mr__fail_input_type(bind, arg_idx, "\"BOOLEAN\"", err);
    bind->args[arg_idx].cast_to = MR_T(BOOLEAN);
    return MR_OK;
}

static MrStatus list_lambda_bind(MrBind *bind, MrError *err)
{
    const char *name = bind->def->name;
    const MrType *list = bind->args[0].cast_to;
    bool is_map = list->kind == MR_TYPE_MAP, is_transform = strncmp(name, "transform", 9) == 0;
    bool may_number = strcmp(name, "transform") == 0 || strcmp(name, "filter") == 0;
    MR_TRY(lambda_count(bind, 1, is_map ? 2 : 1, is_map || may_number ? 2 : 1, err));
    const MrType *params[2] = {list->fields[0].type, is_map ? list->fields[1].type : MR_T(INT)};
    bool nullable[2] = {is_map ? false : list->fields[0].nullable,
                        is_map ? list->fields[1].nullable : false};
    int32_t n = bind->args[1].n_lambda_params;
    MR_TRY(bind->bind_lambda(bind, 1, params, nullable, n, err));
    bind->args[1].cast_to = bind->args[1].type;
    const MrArgInfo *lambda = &bind->args[1];
    if (!is_transform)
        MR_TRY(must_be_boolean(bind, 1, err));
    bind->nullable = bind->args[0].nullable || bind->args[0].type->kind == MR_TYPE_VOID;
    if (strcmp(name, "transform") == 0)
        bind->type = mr_type_array(bind->arena, lambda->type, lambda->nullable);
    else if (strcmp(name, "transform_keys") == 0)
        bind->type =
            mr_type_map(bind->arena, lambda->type, list->fields[1].type, list->fields[1].nullable);
    else if (strcmp(name, "transform_values") == 0)
        bind->type = mr_type_map(bind->arena, list->fields[0].type, lambda->type, lambda->nullable);
    else if (strcmp(name, "filter") == 0 || strcmp(name, "map_filter") == 0)
        bind->type = list;
    else
        bind->nullable = bind->nullable || lambda->nullable;
    return MR_OK;
}

static MrStatus transform_map_call(MrCall *call, MrError *err)
{
    bool of_keys = call->bound->def->name[10] == 'k';
    const MrVector *map = call->args[0];
    Flat flat;
    MrVector *result = NULL;
    MR_TRY(lambda_of_list(call, 2, &flat, &result, err));
    int32_t at = 0;
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(map, list, row);
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++, at++) {
            if (of_keys)
                MR_TRY(map_put(call, row, result, at, map->children[1], slice.start + k, err));
            else
                MR_TRY(map_put(call, row, map->children[0], slice.start + k, result, at, err));
        }
    }
    return MR_OK;
}

/* Both lists side by side, the shorter one filled up with NULLs. */
static MrStatus zip_with_call(MrCall *call, MrError *err)
{
    const MrVector *a = call->args[0], *b = call->args[1];
    int64_t n = 0;
    for (MR_EACH(call, i, row)) {
        int32_t x = MR_ARG(a, list, row).count, y = MR_ARG(b, list, row).count;
        n += x > y ? x : y;
    }
    if (n > INT32_MAX / 16)
        return MR_FAIL_UNSUPPORTED(err, "a lambda over so many elements at once");
    MrVector *params[2] = {mr_vector_create(call->arena, a->type->fields[0].type, n + 1),
                           mr_vector_create(call->arena, b->type->fields[0].type, n + 1)};
    params[0]->n_items = params[1]->n_items = (int32_t)n;
    int32_t *rows = mr_arena_alloc(call->arena, 4 * n + 4), at = 0;
    for (MR_EACH(call, j, each)) {
        MrSlice x = MR_ARG(a, list, each), y = MR_ARG(b, list, each);
        for (int32_t k = 0; k < x.count || k < y.count; k++, at++) {
            mr_poll_item(k);
            rows[at] = each;
            if (k < x.count && !mr_vector_is_null(a->children[0], x.start + k))
                mr_vector_copy_row(call->arena, a->children[0], x.start + k, params[0], at);
            else
                mr_vector_set_null(call->arena, params[0], at, n);
            if (k < y.count && !mr_vector_is_null(b->children[0], y.start + k))
                mr_vector_copy_row(call->arena, b->children[0], y.start + k, params[1], at);
            else
                mr_vector_set_null(call->arena, params[1], at, n);
        }
    }
    MrVector *result = NULL;
    if (n)
        MR_TRY(call->apply(call, 2, params, 2, rows, (int32_t)n, &result, err));
    at = 0;
    for (MR_EACH(call, k, to)) {
        int32_t x = MR_ARG(a, list, to).count, y = MR_ARG(b, list, to).count, most = x > y ? x : y;
        mr__list_begin(call, to, most);
        for (int32_t j = 0; j < most; j++, at++)
            mr__list_put(call, to, result, at);
    }
    return MR_OK;
}

static MrStatus zip_with_bind(MrBind *bind, MrError *err)
{
    const MrType *params[2] = {bind->args[0].cast_to->fields[0].type,
                               bind->args[1].cast_to->fields[0].type};
    MR_TRY(lambda_count(bind, 2, 2, 2, err));
    MR_TRY(bind->bind_lambda(bind, 2, params, (bool[]){true, true}, 2, err));
    bind->args[2].cast_to = bind->args[2].type;
    bind->type = mr_type_array(bind->arena, bind->args[2].type, bind->args[2].nullable);
    bind->nullable = bind->args[0].nullable || bind->args[1].nullable ||
                     bind->args[0].type->kind == MR_TYPE_VOID ||
                     bind->args[1].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

/* Keys of both maps, in their order. */
static MrStatus map_zip_with_call(MrCall *call, MrError *err)
{
    const MrVector *a = call->args[0], *b = call->args[1];
    for (MR_EACH(call, i, row)) {
        MrSlice x = MR_ARG(a, list, row), y = MR_ARG(b, list, row);
        int64_t most = (int64_t)x.count + y.count;
        int32_t n = 0, *rows = mr_arena_alloc(call->arena, 4 * most + 4);
        MrVector *params[3] = {mr_vector_create(call->arena, a->type->fields[0].type, most + 1),
                               mr_vector_create(call->arena, a->type->fields[1].type, most + 1),
                               mr_vector_create(call->arena, b->type->fields[1].type, most + 1)};
        for (int32_t k = 0; k < 3; k++)
            params[k]->n_items = (int32_t)most;
        for (int32_t side = 0; side < 2; side++) {
            const MrVector *map = side ? b : a, *other = side ? a : b;
            MrSlice own = side ? y : x, others = side ? x : y;
            for (int32_t k = 0; k < own.count; k++) {
                int32_t found = -1;
                for (int32_t j = 0; j < others.count && found < 0; mr_poll_item(j++))
                    if (mr_vector_compare(other->children[0], others.start + j, map->children[0],
                                          own.start + k) == 0)
                        found = others.start + j;
                if (side && found >= 0)
                    continue; /* came with the first map */
                mr_vector_copy_row(call->arena, map->children[0], own.start + k, params[0], n);
                if (mr_vector_is_null(map->children[1], own.start + k))
                    mr_vector_set_null(call->arena, params[1 + side], n, most + 1);
                else
                    mr_vector_copy_row(call->arena, map->children[1], own.start + k,
                                       params[1 + side], n);
                if (found < 0 || mr_vector_is_null(other->children[1], found))
                    mr_vector_set_null(call->arena, params[2 - side], n, most + 1);
                else
                    mr_vector_copy_row(call->arena, other->children[1], found, params[2 - side], n);
                rows[n++] = row;
            }
        }
        MrVector *result = NULL;
        if (n)
            MR_TRY(call->apply(call, 2, params, 3, rows, n, &result, err));
        mr__list_begin(call, row, n);
        for (int32_t k = 0; k < n; k++) {
            mr__child_put(call, call->out->children[0], params[0], k);
            mr__child_put(call, call->out->children[1], result, k);
        }
        call->out->list[row].count = n;
    }
    return MR_OK;
}

static MrStatus map_zip_with_bind(MrBind *bind, MrError *err)
{
    const MrType *a = bind->args[0].cast_to, *b = bind->args[1].cast_to;
    const MrType *params[3] = {a->fields[0].type, a->fields[1].type, b->fields[1].type};
    MR_TRY(lambda_count(bind, 2, 3, 3, err));
    MR_TRY(bind->bind_lambda(bind, 2, params, (bool[]){false, true, true}, 3, err));
    bind->args[2].cast_to = bind->args[2].type;
    bind->type =
        mr_type_map(bind->arena, a->fields[0].type, bind->args[2].type, bind->args[2].nullable);
    bind->nullable = bind->args[0].nullable || bind->args[1].nullable ||
                     bind->args[0].type->kind == MR_TYPE_VOID ||
                     bind->args[1].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

/* Step by step over all rows at once: the n-th elements of those that have so many. */
static MrStatus aggregate_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *zero = call->args[1];
    MrArena *arena = call->arena;
    int32_t most = 0, *rows = mr_arena_alloc(arena, 4 * (int64_t)call->n + 4);
    int32_t *items = mr_arena_alloc(arena, 4 * (int64_t)call->n + 4);
    MrVector *state = mr_vector_create(arena, zero->type, call->n_rows);
    state->n_items = call->n_rows;
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(list, row))
            continue;
        int32_t n = MR_ARG(list, list, row).count;
        most = n > most ? n : most;
        if (mr_arg_null(zero, row))
            mr_vector_set_null(arena, state, row, call->n_rows);
        else
            mr_vector_copy_row(arena, zero, mr_arg_row(zero, row), state, row);
    }
    for (int32_t step = 0; step < most; step++) {
        int32_t n = 0;
        for (MR_EACH(call, j, each)) {
            if (mr_arg_null(list, each) || MR_ARG(list, list, each).count <= step)
                continue;
            items[n] = MR_ARG(list, list, each).start + step;
            rows[n++] = each;
        }
        MrVector *params[2] = {mr_vector_take_rows(arena, state, rows, n),
                               mr_vector_take_rows(arena, list->children[0], items, n)};
        MrVector *result = NULL;
        MR_TRY(call->apply(call, 2, params, 2, rows, n, &result, err));
        for (int32_t k = 0; k < n; k++) {
            if (mr_vector_is_null(result, k))
                mr_vector_set_null(arena, state, rows[k], call->n_rows);
            else
                mr_vector_copy_row(arena, result, k, state, rows[k]);
        }
    }
    MrVector *result = state;
    int32_t n = 0;
    for (MR_EACH(call, k, each))
        if (!mr_arg_null(list, each))
            rows[n++] = each;
    if (call->n_args > 3 && n) {
        MrVector *param = mr_vector_take_rows(arena, state, rows, n);
        MR_TRY(call->apply(call, 3, &param, 1, rows, n, &result, err));
    }
    n = 0;
    for (MR_EACH(call, m, to)) {
        if (mr_arg_null(list, to))
            mr_call_null(call, to);
        else
            mr__pick(call, to, result, call->n_args > 3 ? n++ : to);
    }
    return MR_OK;
}

static MrStatus aggregate_bind(MrBind *bind, MrError *err)
{
    const MrType *list = bind->args[0].cast_to, *state = bind->args[1].type;
    MR_TRY(lambda_count(bind, 2, 2, 2, err));
    MR_TRY(bind->bind_lambda(bind, 2, (const MrType *[]){state, list->fields[0].type},
                             (bool[]){true, list->fields[0].nullable}, 2, err));
    bind->args[2].cast_to = bind->args[2].type;
    if (!mr_type_same_data(state, bind->args[2].type)) {
        if (state->kind != MR_TYPE_VOID)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_INPUT_TYPE, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "paramIndex", "third",
                           "requiredType", mr__quoted_type(bind->arena, state), "inputSql",
                           "\"lambdafunction\"", "inputType",
                           mr__quoted_type(bind->arena, bind->args[2].type));
        state = bind->args[2].type;
        bind->args[1].cast_to = state;
    }
    bind->type = state;
    bind->nullable = bind->args[0].nullable || bind->args[2].nullable;
    if (bind->n_args > 3) {
        if (bind->args[3].n_lambda_params != 1)
            return MR_FAIL(err, MR_COND_INVALID_LAMBDA_FUNCTION_CALL__NUM_ARGS_MISMATCH,
                           "expectedNumArgs",
                           mr_arena_printf(bind->arena, "%d", bind->args[3].n_lambda_params),
                           "actualNumArgs", "1");
        MR_TRY(bind->bind_lambda(bind, 3, &state, (bool[]){true}, 1, err));
        bind->args[3].cast_to = bind->type = bind->args[3].type;
        bind->nullable = bind->args[0].nullable || bind->args[3].nullable;
    }
    return MR_OK;
}

/* Insertion by halves: a comparison is a call of the lambda. */
static MrStatus array_sort_by_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        int32_t *order = mr_arena_alloc(call->arena, 4 * (int64_t)slice.count + 4);
        for (int32_t k = 0; k < slice.count; k++) {
            int32_t low = 0, high = k, own = slice.start + k;
            while (low < high) {
                int32_t middle = (low + high) / 2;
                MrVector *result = NULL;
                MrVector *params[2] = {
                    mr_vector_take_rows(call->arena, list->children[0], &own, 1),
                    mr_vector_take_rows(call->arena, list->children[0], &order[middle], 1)};
                MR_TRY(call->apply(call, 1, params, 2, &row, 1, &result, err));
                if (mr_vector_is_null(result, 0))
                    return MR_FAIL(err, MR_COND_COMPARATOR_RETURNS_NULL, "firstValue", "",
                                   "secondValue", "");
                int64_t at;
                const MrVector *holder = mr_vector_at(result, 0, &at);
                if (holder->i32[at] < 0)
                    high = middle;
                else
                    low = middle + 1;
            }
            memmove(order + low + 1, order + low, 4 * (size_t)(k - low));
            order[low] = own;
        }
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++)
            mr__list_put(call, row, list->children[0], order[k]);
    }
    return MR_OK;
}

static MrStatus array_sort_by_bind(MrBind *bind, MrError *err)
{
    const MrType *item = bind->args[0].cast_to->fields[0].type;
    bool nullable = bind->args[0].cast_to->fields[0].nullable;
    MR_TRY(lambda_count(bind, 1, 2, 2, err));
    MR_TRY(bind->bind_lambda(bind, 1, (const MrType *[]){item, item}, (bool[]){nullable, nullable},
                             2, err));
    if (bind->args[1].type->kind != MR_TYPE_INT)
        return mr__fail_input_type(bind, 1, "\"INT\"", err);
    bind->args[1].cast_to = bind->args[1].type;
    bind->nullable = bind->args[0].nullable;
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
#define FAILS (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)

const MrFunctionDef mr_functions_collection_map[] = {
    {"map_from_arrays", "array<T>, array<U> -> bind", FAILS, map_from_arrays_call,
     map_from_arrays_bind, "A map of keys and values.",
     "map_from_arrays(array('a'), array(1))['a'] = 1"},
    {"map_from_entries", "array<struct> -> bind", FAILS, map_from_entries_call,
     map_from_entries_bind, "A map of pairs.", "map_from_entries(array(struct('a', 1)))['a'] = 1"},
    {"map_concat", "any* -> bind", FAILS, map_concat_call, map_concat_bind, "Maps together.",
     "size(map_concat(map('a', 1), map('b', 2))) = 2"},
    {"map_keys", "map<K, V> -> bind", STRICT, map_side_call, map_side_bind, "The keys.",
     "map_keys(map('a', 1))[0] = 'a'"},
    {"map_values", "map<K, V> -> bind", STRICT, map_side_call, map_side_bind, "The values.",
     "map_values(map('a', 1))[0] = 1"},
    {"map_entries", "map<K, V> -> bind", STRICT, map_entries_call, map_entries_bind, "The pairs.",
     "map_entries(map('a', 1))[0].value = 1"},
    {"map_contains_key", "map<K, V>, K -> boolean", STRICT, map_contains_key_call, NULL,
     "Is the key there?", "map_contains_key(map('a', 1), 'a')"},
    {"str_to_map", "string!, string!?, string!? -> bind", FAILS, str_to_map_call, str_to_map_bind,
     "A map of a text of pairs.", "str_to_map('a:1,b:2')['b'] = '2'"},
    {"transform", "array<T>, lambda -> bind", STRICT, transform_call, list_lambda_bind,
     "A function of each element.", "transform(array(1, 2), x -> x + 1)[1] = 3"},
    {"filter", "array<T>, lambda -> bind", STRICT, filter_call, list_lambda_bind,
     "The elements for which it is true.", "size(filter(array(1, 2), x -> x > 1)) = 1"},
    {"exists", "array<T>, lambda -> boolean", STRICT, quantifier_call, list_lambda_bind,
     "Is it true for some element?", "exists(array(1, 2), x -> x > 1)"},
    {"forall", "array<T>, lambda -> boolean", STRICT, quantifier_call, list_lambda_bind,
     "Is it true for all elements?", "forall(array(1, 2), x -> x > 0)"},
    {"map_filter", "map<K, V>, lambda -> bind", STRICT, filter_call, list_lambda_bind,
     "The pairs for which it is true.",
     "size(map_filter(map('a', 1, 'b', 2), (k, v) -> v > 1)) = 1"},
    {"transform_keys", "map<K, V>, lambda -> bind", FAILS, transform_map_call, list_lambda_bind,
     "A function of each pair as its key.",
     "transform_keys(map('a', 1), (k, v) -> upper(k))['A'] = 1"},
    {"transform_values", "map<K, V>, lambda -> bind", STRICT, transform_map_call, list_lambda_bind,
     "A function of each pair as its value.",
     "transform_values(map('a', 1), (k, v) -> v + 1)['a'] = 2"},
    {"zip_with", "array<T>, array<U>, lambda -> bind", STRICT, zip_with_call, zip_with_bind,
     "A function of the elements of two arrays.",
     "zip_with(array(1), array(2), (x, y) -> x + y)[0] = 3"},
    {"map_zip_with", "map<K, V>, map<K, U>, lambda -> bind", STRICT, map_zip_with_call,
     map_zip_with_bind, "A function of the values of two maps.",
     "map_zip_with(map(1, 2), map(1, 3), (k, x, y) -> x + y)[1] = 5"},
    {"aggregate", "array<T>, any, lambda, lambda? -> bind", 0, aggregate_call, aggregate_bind,
     "Elements taken together, step by step.",
     "aggregate(array(1, 2), 0, (acc, x) -> acc + x) = 3"},
    {"reduce", "array<T>, any, lambda, lambda? -> bind", 0, aggregate_call, aggregate_bind,
     "Elements taken together, step by step.", "reduce(array(1, 2), 0, (acc, x) -> acc + x) = 3"},
    {"array_sort", "array<T>, lambda -> same", FAILS, array_sort_by_call, array_sort_by_bind,
     "In the order that a comparison gives.", "array_sort(array(1, 2), (x, y) -> y - x)[0] = 2"},
    {0},
};
