/* collection_array.c - functions of arrays: elements, parts, sets, order, sequences.
 *
 * Sets are hash tables over the elements of one row; NULL equals NULL there, as in Spark. */
#include "base/hash.h"
#include "function/collection_int.h"

/* --- size and elements ------------------------------------------------------------------------ */

static MrStatus size_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (!mr_arg_null(call->args[0], row))
            call->out->i32[row] = MR_ARG(call->args[0], list, row).count;
        else if (call->context->settings->ansi || strcmp(call->bound->def->name, "array_size") == 0)
            mr_call_null(call, row);
        else
            call->out->i32[row] = -1; /* spark.sql.legacy.sizeOfNull */
    }
    return MR_OK;
}

static int32_t list_find(const MrVector *items, MrSlice slice, const MrVector *value, int64_t at)
{
    for (int32_t k = 0; k < slice.count; k++) {
        mr_poll_item(k);
        if (!mr_vector_is_null(items, slice.start + k) &&
            mr_vector_compare(items, slice.start + k, value, at) == 0)
            return k;
    }
    return -1;
}

static bool has_null(const MrVector *items, MrSlice slice)
{
    for (int32_t k = 0; k < slice.count; k++)
        if (mr_vector_is_null(items, slice.start + k))
            return true;
    return false;
}

static MrStatus array_contains_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *value = call->args[1];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        bool found = list_find(list->children[0], slice, value, mr_arg_row(value, row)) >= 0;
        if (!found && has_null(list->children[0], slice))
            mr_call_null(call, row);
        else
            call->out->i8[row] = found;
    }
    return MR_OK;
}

static MrStatus contains_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    bind->nullable = bind->nullable || type->fields[0].nullable;
    return MR_OK;
}

static MrStatus array_position_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *value = call->args[1];
    for (MR_EACH(call, i, row))
        call->out->i64[row] =
            list_find(list->children[0], MR_ARG(list, list, row), value, mr_arg_row(value, row)) +
            1;
    return MR_OK;
}

/* element_at: from 1, negative from the end.  get: from 0, NULL outside. */
static MrStatus element_at_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *index = call->args[1];
    const char *name = call->bound->def->name;
    bool is_get = *name == 'g', is_try = *name == 't';
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        int64_t want = MR_ARG(index, i32, row), at = is_get     ? want
                                                     : want > 0 ? want - 1
                                                                : slice.count + want;
        if (!is_get && want == 0)
            return MR_FAIL(err, MR_COND_INVALID_INDEX_OF_ZERO);
        if (at >= 0 && at < slice.count)
            mr__pick(call, row, list->children[0], slice.start + at);
        else if (is_get || is_try || !call->context->settings->ansi)
            mr_call_null(call, row);
        else
            return MR_FAIL(err, MR_COND_INVALID_ARRAY_INDEX_IN_ELEMENT_AT, "indexValue",
                           mr_arena_printf(call->arena, "%lld", (long long)want), "arraySize",
                           mr_arena_printf(call->arena, "%d", slice.count), "ansiConfig",
                           "\"spark.sql.ansi.enabled\"");
    }
    return MR_OK;
}

static MrStatus map_value_call(MrCall *call, MrError *err)
{
    const MrVector *map = call->args[0], *key = call->args[1];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(map, list, row);
        int32_t at = list_find(map->children[0], slice, key, mr_arg_row(key, row));
        if (at < 0)
            mr_call_null(call, row);
        else
            mr__pick(call, row, map->children[1], slice.start + at);
    }
    return MR_OK;
}

static MrStatus nullable_bind(MrBind *bind, MrError *err)
{
    bind->nullable = true;
    return MR_OK;
}

/* --- parts ------------------------------------------------------------------------------------ */

static MrStatus slice_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        int64_t start = MR_ARG(call->args[1], i32, row), n = MR_ARG(call->args[2], i32, row);
        if (start == 0)
            return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__START, "parameter", "`start`",
                           "functionName", "`slice`");
        if (n < 0)
            return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__LENGTH, "parameter", "`length`",
                           "functionName", "`slice`", "length",
                           mr_arena_printf(call->arena, "%lld", (long long)n));
        int64_t at = start > 0 ? start - 1 : slice.count + start;
        if (at < 0 || at >= slice.count)
            n = 0;
        else if (n > slice.count - at)
            n = slice.count - at;
        mr__list_begin(call, row, n);
        for (int64_t k = 0; k < n; k++)
            mr__list_put(call, row, list->children[0], slice.start + at + k);
    }
    return MR_OK;
}

static void list_copy(MrCall *call, int32_t row, const MrVector *list)
{
    MrSlice slice = MR_ARG(list, list, row);
    for (int32_t k = 0; k < slice.count; k++)
        mr__list_put(call, row, list->children[0], slice.start + k);
}

static MrStatus array_append_call(MrCall *call, MrError *err)
{
    bool first = strcmp(call->bound->def->name, "array_prepend") == 0;
    const MrVector *list = call->args[0], *value = call->args[1];
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(list, row)) {
            mr_call_null(call, row);
            continue;
        }
        mr__list_begin(call, row, (int64_t)MR_ARG(list, list, row).count + 1);
        if (first)
            mr__list_put(call, row, mr_arg_null(value, row) ? NULL : value, mr_arg_row(value, row));
        list_copy(call, row, list);
        if (!first)
            mr__list_put(call, row, mr_arg_null(value, row) ? NULL : value, mr_arg_row(value, row));
    }
    return MR_OK;
}

static MrStatus array_append_bind(MrBind *bind, MrError *err)
{
    bind->nullable = bind->args[0].nullable || bind->args[0].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

static MrStatus fail_size(MrCall *call, int64_t n, MrError *err)
{
    char max[24];
    max[mr_i64_to_text(MR__ARRAY_MAX, max)] = '\0';
    return MR_FAIL(err, MR_COND_COLLECTION_SIZE_LIMIT_EXCEEDED__FUNCTION, "functionName",
                   mr_quote_name(call->arena, call->bound->def->name), "numberOfElements",
                   mr_arena_printf(call->arena, "%lld", (long long)n), "maxRoundedArrayLength",
                   max);
}

static MrStatus array_insert_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *value = call->args[2];
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(list, row) || mr_arg_null(call->args[1], row)) {
            mr_call_null(call, row);
            continue;
        }
        MrSlice slice = MR_ARG(list, list, row);
        int64_t pos = MR_ARG(call->args[1], i32, row);
        if (pos == 0)
            return MR_FAIL(err, MR_COND_INVALID_INDEX_OF_ZERO);
        int64_t at = pos > 0 ? pos - 1 : slice.count + pos + 1; /* place of the new one */
        int64_t before = at < 0 ? -at : 0;
        int64_t size = at < 0 ? slice.count + 1 - at : at > slice.count ? at + 1 : slice.count + 1;
        if (size > MR__ARRAY_MAX)
            return fail_size(call, size, err);
        mr__list_begin(call, row, size);
        const MrVector *item = mr_arg_null(value, row) ? NULL : value;
        if (at < 0) { /* before the first: NULLs between */
            mr__list_put(call, row, item, mr_arg_row(value, row));
            for (int64_t k = 1; k <= before; k++)
                mr__list_put(call, row, NULL, 0);
            list_copy(call, row, list);
            continue;
        }
        for (int64_t k = 0; k < size; k++) {
            if (k == at)
                mr__list_put(call, row, item, mr_arg_row(value, row));
            else if (k < at)
                mr__list_put(call, row, k < slice.count ? list->children[0] : NULL,
                             slice.start + k);
            else
                mr__list_put(call, row, list->children[0], slice.start + k - 1);
        }
    }
    return MR_OK;
}

static MrStatus array_remove_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *value = call->args[1], *items = list->children[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++)
            if (mr_vector_is_null(items, slice.start + k) ||
                mr_vector_compare(items, slice.start + k, value, mr_arg_row(value, row)) != 0)
                mr__list_put(call, row, items, slice.start + k);
            else
                mr_poll_item(k);
    }
    return MR_OK;
}

static MrStatus array_compact_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++)
            if (!mr_vector_is_null(list->children[0], slice.start + k))
                mr__list_put(call, row, list->children[0], slice.start + k);
    }
    return MR_OK;
}

static MrStatus array_repeat_call(MrCall *call, MrError *err)
{
    const MrVector *value = call->args[0];
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(call->args[1], row)) {
            mr_call_null(call, row);
            continue;
        }
        int64_t n = MR_ARG(call->args[1], i32, row);
        if (n > MR__ARRAY_MAX)
            return fail_size(call, n, err);
        n = n < 0 ? 0 : n;
        mr__list_begin(call, row, n);
        for (int64_t k = 0; k < n; k++)
            mr__list_put(call, row, mr_arg_null(value, row) ? NULL : value, mr_arg_row(value, row));
    }
    return MR_OK;
}

static MrStatus array_repeat_bind(MrBind *bind, MrError *err)
{
    bind->type = mr_type_array(bind->arena, bind->args[0].type, bind->args[0].nullable);
    bind->nullable = bind->args[1].nullable || bind->args[1].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

static MrStatus flatten_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0], *inner = list->children[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        int64_t n = 0;
        if (has_null(inner, slice)) {
            mr_call_null(call, row);
            continue;
        }
        for (int32_t k = 0; k < slice.count; k++)
            n += inner->list[slice.start + k].count;
        if (n > MR__ARRAY_MAX)
            return fail_size(call, n, err);
        mr__list_begin(call, row, n);
        for (int32_t k = 0; k < slice.count; k++) {
            MrSlice part = inner->list[slice.start + k];
            for (int32_t j = 0; j < part.count; j++)
                mr__list_put(call, row, inner->children[0], part.start + j);
        }
    }
    return MR_OK;
}

static MrStatus flatten_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    if (type->fields[0].type->kind != MR_TYPE_ARRAY)
        return mr__fail_input_type(bind, 0, "\"ARRAY\" of \"ARRAY\"", err);
    bind->type = type->fields[0].type;
    bind->nullable = bind->nullable || type->fields[0].nullable;
    return MR_OK;
}

static MrStatus array_join_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        MrText between = mr__arg_str(call, 1, row);
        MrTextBuilder out = {.arena = call->arena};
        bool first = true;
        for (int32_t k = 0; k < slice.count; k++) {
            int64_t at = slice.start + k;
            bool is_null = mr_vector_is_null(list->children[0], at);
            if (is_null && call->n_args < 3)
                continue;
            const MrVector *items = mr_vector_at(list->children[0], at, &at);
            MrText text = is_null ? mr__arg_str(call, 2, row) : mr_str_text(&items->str[at]);
            if (!first)
                mr_builder_put(&out, between.data, between.size_bytes);
            first = false;
            mr_builder_put(&out, text.data, text.size_bytes);
            MR_TRY(mr__text_check(call, out.size_bytes, err));
        }
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

/* --- order ------------------------------------------------------------------------------------ */

/* Merges [from, mid) and [mid, to) of in to out. */
static void places_merge(const int32_t *in, int64_t from, int64_t mid, int64_t to, int32_t *out,
                         MrPlaceCompare compare, const void *self)
{
    int64_t a = from, b = mid;
    for (int64_t at = from; at < to; at++) {
        mr_poll_item(at);
        bool left = a < mid && (b == to || compare(in[a], in[b], self) <= 0);
        out[at] = left ? in[a++] : in[b++];
    }
}

void mr__sort_places(MrArena *arena, int32_t *places, int64_t n, MrPlaceCompare compare,
                     const void *self)
{
    enum { RUN = 16 };
    for (int64_t from = 0; from < n; from += RUN) { /* runs by insertion */
        int64_t to = from + RUN < n ? from + RUN : n;
        for (int64_t i = from + 1; i < to; i++) {
            int32_t moved = places[i];
            int64_t at = i;
            for (; at > from && compare(places[at - 1], moved, self) > 0; at--)
                places[at] = places[at - 1];
            places[at] = moved;
        }
    }
    if (n <= RUN)
        return;
    int32_t *in = places, *out = mr_arena_alloc(arena, 4 * n);
    for (int64_t size = RUN; size < n; size *= 2) {
        for (int64_t from = 0; from < n; from += 2 * size) {
            int64_t mid = from + size < n ? from + size : n;
            places_merge(in, from, mid, mid + size < n ? mid + size : n, out, compare, self);
        }
        int32_t *merged = out;
        out = in;
        in = merged;
    }
    if (in != places)
        memcpy(places, in, 4 * (size_t)n);
}

typedef struct Order {
    const MrVector *items;
    bool descending, nulls_last;
} Order;

static int order_compare(int32_t x, int32_t y, const void *self)
{
    const Order *order = self;
    bool x_null = mr_vector_is_null(order->items, x), y_null = mr_vector_is_null(order->items, y);
    int result;
    if (x_null || y_null)
        result = x_null == y_null ? 0 : x_null == order->nulls_last ? 1 : -1;
    else
        result = order->descending ? mr_vector_compare(order->items, y, order->items, x)
                                   : mr_vector_compare(order->items, x, order->items, y);
    return result ? result : (x > y) - (x < y);
}

static MrStatus sort_array_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0];
    bool is_sort_array = call->bound->def->name[0] == 's';
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        Order order = {.items = list->children[0], .nulls_last = !is_sort_array};
        if (call->n_args > 1)
            order.descending = order.nulls_last = !MR_ARG(call->args[1], i8, row);
        int32_t *places = mr_arena_alloc(call->arena, 4 * (int64_t)slice.count + 4);
        for (int32_t k = 0; k < slice.count; k++)
            places[k] = slice.start + k;
        mr__sort_places(call->arena, places, slice.count, order_compare, &order);
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++)
            mr__list_put(call, row, list->children[0], places[k]);
    }
    return MR_OK;
}

static MrStatus array_extreme_call(MrCall *call, MrError *err)
{
    bool max = strcmp(call->bound->def->name, "array_max") == 0;
    const MrVector *list = call->args[0], *items = list->children[0];
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        int32_t best = -1;
        for (int32_t k = slice.start; k < slice.start + slice.count; k++) {
            mr_poll_item(k);
            if (mr_vector_is_null(items, k))
                continue;
            int order = best < 0 ? 0 : mr_vector_compare(items, k, items, best);
            if (best < 0 || (max ? order > 0 : order < 0))
                best = k;
        }
        if (best < 0)
            mr_call_null(call, row);
        else
            mr__pick(call, row, items, best);
    }
    return MR_OK;
}

static MrStatus element_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    if (!mr_type_is_orderable(type->fields[0].type))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName",
                       mr_quote_name(bind->arena, bind->def->name), "dataType",
                       mr__quoted_type(bind->arena, type->fields[0].type));
    if (bind->def->name[0] == 'a' && bind->def->name[6] == 'm') {
        bind->type = type->fields[0].type;
        bind->nullable = true;
    }
    return MR_OK;
}

static MrStatus shuffle_call(MrCall *call, MrError *err)
{
    const MrVector *list = call->args[0];
    if (!*call->memo) {
        uint64_t *state = MR_NEW(call->memo_arena, uint64_t);
        *state = mr_hash_u64(call->context->seed, 11) | 1;
        *call->memo = state;
    }
    uint64_t *state = *call->memo;
    for (MR_EACH(call, i, row)) {
        MrSlice slice = MR_ARG(list, list, row);
        int32_t *places = mr_arena_alloc(call->arena, 4 * (int64_t)slice.count + 4);
        for (int32_t k = 0; k < slice.count; k++)
            places[k] = slice.start + k;
        for (int32_t k = slice.count - 1; k > 0; k--) {
            mr_poll_item(k);
            *state = mr_hash_u64(*state, 13);
            int32_t other = (int32_t)(*state % (uint64_t)(k + 1)), kept = places[k];
            places[k] = places[other];
            places[other] = kept;
        }
        mr__list_begin(call, row, slice.count);
        for (int32_t k = 0; k < slice.count; k++)
            mr__list_put(call, row, list->children[0], places[k]);
    }
    return MR_OK;
}

/* --- sets ------------------------------------------------------------------------------------- */

typedef struct Elements { /* of one or two lists, in one vector; slots hold numbers + 1 */
    MrVector *vec;
    uint64_t *hash;
    int32_t n, n_left;
    uint32_t mask;
} Elements;

static MrVector *list_items(MrCall *call, const MrVector *a, const MrVector *b, int32_t row,
                            Elements *out)
{
    MrSlice x = MR_ARG(a, list, row), y = b ? MR_ARG(b, list, row) : (MrSlice){0, 0};
    out->n_left = x.count;
    out->n = x.count + y.count;
    out->vec = mr_vector_create(call->arena, a->type->fields[0].type, (int64_t)out->n + 1);
    out->vec->n_items = out->n + 1;
    for (int32_t k = 0; k < out->n; k++) {
        mr_poll_item(k);
        const MrVector *from = k < x.count ? a->children[0] : b->children[0];
        int64_t at = k < x.count ? x.start + k : y.start + k - x.count;
        if (mr_vector_is_null(from, at))
            mr_vector_set_null(call->arena, out->vec, k, (int64_t)out->n + 1);
        else
            mr_vector_copy_row(call->arena, from, at, out->vec, k);
    }
    out->hash = mr_arena_alloc(call->arena, 8 * (int64_t)out->n + 8);
    mr_vector_hash(out->vec, NULL, out->n, 0, false, out->hash);
    out->mask = 15;
    while (out->mask < (uint32_t)out->n * 2)
        out->mask = out->mask * 2 + 1;
    return out->vec;
}

static int32_t *set_new(MrCall *call, const Elements *elements)
{
    return MR_NEW_N(call->arena, int32_t, (int64_t)elements->mask + 1);
}

/* Is element i there?  Puts it in when it is not and add is set. */
static bool set_has(const Elements *elements, int32_t *slots, int32_t i, bool add)
{
    mr_poll_item(i);
    for (uint32_t slot = (uint32_t)elements->hash[i] & elements->mask;;
         slot = (slot + 1) & elements->mask) {
        if (slots[slot] == 0) {
            if (add)
                slots[slot] = i + 1;
            return false;
        }
        int32_t other = slots[slot] - 1;
        if (elements->hash[other] == elements->hash[i] &&
            mr_vector_compare(elements->vec, other, elements->vec, i) == 0)
            return true;
    }
}

static MrStatus array_set_call(MrCall *call, MrError *err)
{
    const char *name = call->bound->def->name + 6; /* behind array_ */
    bool both = *name == 'i', without = *name == 'e', one = *name == 'd';
    for (MR_EACH(call, i, row)) {
        Elements elements;
        (void)list_items(call, call->args[0], one ? NULL : call->args[1], row, &elements);
        int32_t *seen = set_new(call, &elements),
                *right = both || without ? set_new(call, &elements) : NULL;
        mr__list_begin(call, row, elements.n);
        for (int32_t k = elements.n_left; right && k < elements.n; k++)
            (void)set_has(&elements, right, k, true);
        int32_t n = right ? elements.n_left : elements.n;
        for (int32_t k = 0; k < n; k++) {
            if (right && set_has(&elements, right, k, false) != both)
                continue;
            if (!set_has(&elements, seen, k, true))
                mr__list_put(call, row, elements.vec, k);
        }
    }
    return MR_OK;
}

static MrStatus arrays_overlap_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        Elements elements;
        (void)list_items(call, call->args[0], call->args[1], row, &elements);
        int32_t *right = set_new(call, &elements);
        bool null_seen = false, found = false;
        for (int32_t k = elements.n_left; k < elements.n; k++) {
            if (mr_vector_is_null(elements.vec, k))
                null_seen = true;
            else
                (void)set_has(&elements, right, k, true);
        }
        for (int32_t k = 0; k < elements.n_left && !found; k++) {
            if (mr_vector_is_null(elements.vec, k))
                null_seen = true;
            else
                found = set_has(&elements, right, k, false);
        }
        bool empty = elements.n_left == 0 || elements.n == elements.n_left;
        if (!found && null_seen && !empty)
            mr_call_null(call, row);
        else
            call->out->i8[row] = found;
    }
    return MR_OK;
}

static MrStatus overlap_bind(MrBind *bind, MrError *err)
{
    for (int32_t k = 0; k < 2; k++)
        bind->nullable = bind->nullable || bind->args[k].cast_to->fields[0].nullable;
    return MR_OK;
}

static MrStatus arrays_zip_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int32_t n = 0;
        for (int32_t c = 0; c < call->n_args; c++) {
            int32_t count = MR_ARG(call->args[c], list, row).count;
            n = count > n ? count : n;
        }
        mr__list_begin(call, row, n);
        MrVector *items = call->out->children[0];
        for (int32_t k = 0; k < n; k++) {
            int64_t to = items->n_items++;
            mr_poll_item(k);
            for (int32_t c = 0; c < call->n_args; c++) {
                MrSlice slice = MR_ARG(call->args[c], list, row);
                MrVector *child = items->children[c];
                child->n_items = items->n_items;
                if (k < slice.count &&
                    !mr_vector_is_null(call->args[c]->children[0], slice.start + k))
                    mr_vector_copy_row(call->arena, call->args[c]->children[0], slice.start + k,
                                       child, to);
                else
                    mr_vector_set_null(call->arena, child, to,
                                       items->cap_items > to ? items->cap_items : to + 1);
            }
        }
        call->out->list[row].count = n;
    }
    return MR_OK;
}

static MrStatus arrays_zip_bind(MrBind *bind, MrError *err)
{
    MrField *fields = MR_NEW_N(bind->arena, MrField, bind->n_args + 1);
    for (int32_t c = 0; c < bind->n_args; c++) {
        const MrType *type = bind->args[c].type;
        if (type->kind != MR_TYPE_ARRAY)
            return mr__fail_input_type(bind, c, "\"ARRAY\"", err);
        fields[c] = (MrField){.name = bind->args[c].name ? bind->args[c].name
                                                         : mr_arena_printf(bind->arena, "%d", c),
                              .type = type->fields[0].type,
                              .nullable = true};
    }
    bind->type =
        mr_type_array(bind->arena, mr_type_struct(bind->arena, fields, bind->n_args), false);
    return MR_OK;
}

/* --- sequences -------------------------------------------------------------------------------- */

static int64_t sequence_value(const MrCall *call, int32_t arg_idx, int32_t row)
{
    return mr_arg_integer(call->args[arg_idx], row);
}

static MrStatus fail_boundaries(MrCall *call, int32_t row, MrError *err)
{
    MrTextBuilder text[3] = {
        {.arena = call->arena}, {.arena = call->arena}, {.arena = call->arena}};
    for (int32_t k = 0; k < 3; k++) {
        if (k < call->n_args)
            mr_value_text(call->args[k], mr_arg_row(call->args[k], row), MR_TEXT_CAST,
                          call->context->settings, &text[k]);
        else
            mr_builder_str(&text[k], "1");
    }
    return MR_FAIL_INTERNAL(err, "Illegal sequence boundaries: %s to %s by %s",
                            mr_builder_text(&text[0]).data, mr_builder_text(&text[1]).data,
                            mr_builder_text(&text[2]).data);
}

static MrStatus sequence_call(MrCall *call, MrError *err)
{
    const MrType *type = call->args[0]->type;
    bool is_date = type->kind == MR_TYPE_DATE;
    bool is_time =
        is_date || type->kind == MR_TYPE_TIMESTAMP || type->kind == MR_TYPE_TIMESTAMP_NTZ;
    const MrZone *zone = mr__zone_of(call, type);
    for (MR_EACH(call, i, row)) {
        int64_t start = sequence_value(call, 0, row), stop = sequence_value(call, 1, row);
        int64_t step = start <= stop ? 1 : -1, months = 0, days = 0;
        if (is_time && call->n_args < 3) {
            days = step;
            step = 0;
        } else if (call->n_args > 2) {
            const MrVector *vec = call->args[2];
            step = 0;
            if (vec->type->kind == MR_TYPE_INTERVAL) {
                MrInterval interval = MR_ARG(vec, interval, row);
                months = interval.months;
                days = interval.days;
                step = interval.us;
            } else if (vec->type->kind == MR_TYPE_INTERVAL_YM) {
                months = MR_ARG(vec, i32, row);
            } else if (is_time) {
                int64_t us = MR_ARG(vec, i64, row);
                days = us % MR_US_PER_DAY == 0 ? us / MR_US_PER_DAY : 0;
                step = days ? 0 : us;
            } else {
                step = sequence_value(call, 2, row);
            }
        }
        int64_t sign = months ? months : days ? days : step;
        if ((sign > 0 && start > stop) || (sign < 0 && start < stop) ||
            (sign == 0 && start != stop))
            return fail_boundaries(call, row, err);
        mr__list_begin(call, row, 8);
        MrVector *items = call->out->children[0];
        int64_t from = is_date ? start * MR_US_PER_DAY : mr__local_us(zone, start);
        if (!is_time && sign) {
            MrI128 n = ((MrI128)stop - start) / step + 1;
            if (n > MR__ARRAY_MAX)
                return fail_size(call, n > INT64_MAX ? INT64_MAX : (int64_t)n, err);
            mr_vector_list_reserve(call->arena, call->out, (int64_t)n);
        }
        for (int64_t k = 0;; k++) {
            int64_t value;
            if (is_time) {
                int64_t local = from + k * days * MR_US_PER_DAY;
                if (months) {
                    int64_t day = mr_us_to_days(from);
                    local += (mr_days_add_months(day, months * k) - day) * MR_US_PER_DAY;
                }
                value = is_date ? mr__floor_div(local + k * step, MR_US_PER_DAY)
                                : mr__utc_us(zone, local) + k * step;
            } else {
                value = (int64_t)((MrI128)start + (MrI128)k * step);
            }
            if ((sign > 0 && value > stop) || (sign < 0 && value < stop))
                break;
            if (call->out->list[row].count >= MR__ARRAY_MAX)
                return fail_size(call, INT32_MAX, err);
            mr_poll_item(k);
            mr_vector_list_reserve(call->arena, call->out, 1);
            switch (mr_type_physical(items->type)) {
            case MR_PHYS_I8:
                items->i8[items->n_items++] = (int8_t)value;
                break;
            case MR_PHYS_I16:
                items->i16[items->n_items++] = (int16_t)value;
                break;
            case MR_PHYS_I32:
                items->i32[items->n_items++] = (int32_t)value;
                break;
            default:
                items->i64[items->n_items++] = value;
            }
            call->out->list[row].count++;
            if (sign == 0 || ((sign > 0) == (value >= stop) && !is_time && value == stop))
                break;
        }
    }
    return MR_OK;
}

static MrStatus sequence_bind(MrBind *bind, MrError *err)
{
    const MrType *a = bind->args[0].type, *b = bind->args[1].type;
    const MrType *type = mr_coerce_common(bind->arena, bind->settings, a, b);
    const MrType *step = bind->n_args > 2 ? bind->args[2].type : NULL;
    bool is_number = type && mr_type_is_integral(type);
    bool is_time = type && (type->kind == MR_TYPE_DATE || type->kind == MR_TYPE_TIMESTAMP ||
                            type->kind == MR_TYPE_TIMESTAMP_NTZ);
    if (is_number && step && (mr_type_is_integral(step) || step->kind == MR_TYPE_VOID))
        type = mr_coerce_common(bind->arena, bind->settings, type, step);
    bool fits = is_number ? !step || mr_type_is_integral(step) || step->kind == MR_TYPE_VOID
                          : is_time && (!step || step->kind == MR_TYPE_INTERVAL ||
                                        step->kind == MR_TYPE_INTERVAL_YM ||
                                        step->kind == MR_TYPE_INTERVAL_DT);
    if (!fits)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__SEQUENCE_WRONG_INPUT_TYPES, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName", "`sequence`",
                       "startType", "(\"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or \"DATE\")", "stepType",
                       "(\"INTERVAL\" or \"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")",
                       "otherStartType", "\"INTEGRAL\"");
    bind->args[0].cast_to = bind->args[1].cast_to = type;
    if (is_number && step)
        bind->args[2].cast_to = type;
    bind->type = mr_type_array(bind->arena, type, false);
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
#define SET_ROW(name, doc, example)                                                                \
    {                                                                                              \
        name, "array<T>, array<T> -> same", STRICT, array_set_call, NULL, doc, example             \
    }

const MrFunctionDef mr_functions_collection_array[] = {
    {"size", "array<T>|map<K, V> -> int", 0, size_call, NULL, "Number of elements.",
     "size(array(1, 2)) = 2"},
    {"cardinality", "array<T>|map<K, V> -> int", 0, size_call, NULL, "Number of elements.",
     "cardinality(array(1, 2)) = 2"},
    {"array_size", "array<T> -> int", 0, size_call, NULL, "Number of elements.",
     "array_size(array(1, 2)) = 2"},
    {"array_contains", "array<T>, T -> boolean", STRICT, array_contains_call, contains_bind,
     "Is it an element?", "array_contains(array(1, 2), 2)"},
    {"array_position", "array<T>, T -> bigint", STRICT, array_position_call, NULL,
     "Place of the first such element; 0: none.", "array_position(array(3, 4), 4) = 2"},
    {"element_at", "array<T>, int -> T", STRICT | MR_FN_CAN_FAIL | MR_FN_MAY_NULL, element_at_call,
     nullable_bind, "An element, counted from 1, or from the end when negative.",
     "element_at(array(1, 2), -1) = 2"},
    {"element_at", "map<K, V>, K -> V", STRICT | MR_FN_MAY_NULL, map_value_call, nullable_bind,
     "The value of a key.", "element_at(map('a', 1), 'a') = 1"},
    {"try_element_at", "array<T>, int -> T", STRICT | MR_FN_CAN_FAIL | MR_FN_MAY_NULL,
     element_at_call, nullable_bind, "An element, or NULL.",
     "try_element_at(array(1, 2), 3) IS NULL"},
    {"try_element_at", "map<K, V>, K -> V", STRICT | MR_FN_MAY_NULL, map_value_call, nullable_bind,
     "The value of a key.", NULL},
    {"get", "array<T>, int -> T", STRICT | MR_FN_MAY_NULL, element_at_call, nullable_bind,
     "An element, counted from 0; NULL outside.", "get(array(1, 2), 1) = 2"},
    {"slice", "array<T>, int, int -> same", STRICT | MR_FN_CAN_FAIL, slice_call, NULL,
     "Elements from a place on.", "slice(array(1, 2, 3), 2, 1)[0] = 2"},
    {"array_append", "array<T>, T -> same", 0, array_append_call, array_append_bind,
     "One more at the end.", "array_append(array(1), 2)[1] = 2"},
    {"array_prepend", "array<T>, T -> same", 0, array_append_call, array_append_bind,
     "One more at the beginning.", "array_prepend(array(1), 2)[0] = 2"},
    {"array_insert", "array<T>, int, T -> same", MR_FN_CAN_FAIL, array_insert_call, NULL,
     "One more at a place.", "array_insert(array(1, 2), 2, 5)[1] = 5"},
    {"array_remove", "array<T>, T -> same", STRICT, array_remove_call, NULL,
     "Without such elements.", "size(array_remove(array(1, 2, 1), 1)) = 1"},
    {"array_compact", "array<T> -> same", STRICT, array_compact_call, NULL, "Without NULLs.",
     "size(array_compact(array(1, NULL))) = 1"},
    {"array_repeat", "any, int -> bind", MR_FN_CAN_FAIL, array_repeat_call, array_repeat_bind,
     "The same element n times.", "size(array_repeat('a', 3)) = 3"},
    {"flatten", "array<T> -> bind", STRICT | MR_FN_CAN_FAIL, flatten_call, flatten_bind,
     "Arrays of arrays as one.", "size(flatten(array(array(1), array(2)))) = 2"},
    {"array_join", "array<string>, string!, string!? -> string", STRICT, array_join_call, NULL,
     "The strings with a separator between.", "array_join(array('a', 'b'), '-') = 'a-b'"},
    {"sort_array", "array<T>, boolean? -> same", STRICT, sort_array_call, element_bind,
     "In order; NULL is smallest.", "sort_array(array(2, 1))[0] = 1"},
    {"array_sort", "array<T> -> same", STRICT, sort_array_call, element_bind,
     "In order, NULLs last.", "array_sort(array(2, 1))[0] = 1"},
    {"array_max", "array<T> -> bind", STRICT, array_extreme_call, element_bind,
     "The largest element.", "array_max(array(1, 2)) = 2"},
    {"array_min", "array<T> -> bind", STRICT, array_extreme_call, element_bind,
     "The smallest element.", "array_min(array(1, 2)) = 1"},
    {"shuffle", "array<T>, bigint? -> same", STRICT | MR_FN_VOLATILE, shuffle_call, NULL,
     "In random order.", NULL},
    {"array_distinct", "array<T> -> same", STRICT, array_set_call, NULL, "Each element once.",
     "size(array_distinct(array(1, 1))) = 1"},
    SET_ROW("array_union", "Elements of either, each once.",
            "size(array_union(array(1), array(1, 2))) = 2"),
    SET_ROW("array_intersect", "Elements of both, each once.",
            "size(array_intersect(array(1), array(1, 2))) = 1"),
    SET_ROW("array_except", "Elements of the first only, each once.",
            "size(array_except(array(1, 3), array(1, 2))) = 1"),
    {"arrays_overlap", "array<T>, array<T> -> boolean", STRICT, arrays_overlap_call, overlap_bind,
     "Have they an element in common?", "arrays_overlap(array(1), array(1, 2))"},
    {"arrays_zip", "any* -> bind", STRICT, arrays_zip_call, arrays_zip_bind,
     "An array of structs of the n-th elements.", NULL},
    {"sequence", "any, any, any? -> bind", STRICT | MR_FN_CAN_FAIL, sequence_call, sequence_bind,
     "From start to stop by steps.", "size(sequence(1, 5)) = 5"},
    {0},
};
