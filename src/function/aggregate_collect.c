/* aggregate_collect.c - aggregates that keep values: first, last, min_by, lists, sets, joined
 * strings. */
#include "base/hash.h"
#include "function/aggregate_int.h"

/* --- first, last ------------------------------------------------------------------------------ */

typedef struct FirstData {
    bool last, ignore_nulls;
} FirstData;

static void first_row(const MrAggregateCall *call, MrHeld *held, int32_t row)
{
    const FirstData *data = call->agg->data;
    int32_t at = mr_arg_row(call->args[0], row);
    if (held->set && !data->last)
        return;
    if (data->ignore_nulls && mr_vector_is_null(call->args[0], at))
        return;
    mr__held_set(held, call->arena, call->args[0], at);
}

static MrStatus first_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                             MrError *err)
{
    for (MR_EACH(call, i, row))
        first_row(call, MR_STATE(MrHeld, i), row);
    return MR_OK;
}

static void held_copy(MrAggregateCall *call, const MrType *type, MrHeld *to, const MrHeld *from)
{
    MrVector *vec = mr_vector_create(call->arena, type, 1);
    mr__held_get(from, call->arena, vec, 0, 1);
    mr__held_set(to, call->arena, vec, 0);
}

static MrStatus first_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const FirstData *data = call->agg->data;
    const MrHeld *other = from;
    MrHeld *mine = to;
    if (other->set && (!mine->set || data->last))
        held_copy(call, call->agg->type, mine, other);
    return MR_OK;
}

static MrStatus held_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                            MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++)
        mr__held_get(MR_STATE(MrHeld, i), call->arena, out, i, n);
    return MR_OK;
}

static MrStatus held_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    return mr__held_save(state, agg->type, out, err);
}

static MrStatus held_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    return mr__held_load(state, call->agg->type, call->arena, reader, err);
}

static MrStatus first_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    FirstData *data = MR_NEW(bind->arena, FirstData);
    int64_t ignore = 0;
    data->last = agg->def->name[0] == 'l';
    if (bind->n_args > 1 && !mr__arg_i64(&bind->args[1], &ignore))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__TYPE_CHECK_FAILURE_WITH_HINT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "msg",
                       "The second argument in first should be a boolean literal.", "hint", "");
    data->ignore_nulls = ignore != 0;
    agg->data = data;
    return MR_OK;
}

/* --- min_by, max_by --------------------------------------------------------------------------- */

typedef struct ByState {
    MrHeld value, key;
} ByState;

static int by_sign(const MrAggregate *agg)
{
    return agg->def->name[1] == 'i' ? -1 : 1; /* min_by, max_by */
}

static MrStatus by_update(MrAggregateCall *call, char *const *groups, int32_t offset, MrError *err)
{
    int sign = by_sign(call->agg);
    for (MR_EACH(call, i, row)) {
        ByState *state = MR_STATE(ByState, i);
        int32_t at = mr_arg_row(call->args[1], row);
        if (mr_vector_is_null(call->args[1], at))
            continue;
        /* Of equal keys the last one stays, as in Spark. */
        if (state->key.set && sign * mr__held_compare(&state->key, call->args[1], at) > 0)
            continue;
        mr__held_set(&state->key, call->arena, call->args[1], at);
        mr__held_set(&state->value, call->arena, call->args[0], mr_arg_row(call->args[0], row));
    }
    return MR_OK;
}

static MrStatus by_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    ByState *mine = to;
    const ByState *other = from;
    const MrType *key_type = call->agg->arg_types[1];
    if (!other->key.set)
        return MR_OK;
    MrVector *key = mr_vector_create(call->arena, key_type, 1);
    mr__held_get(&other->key, call->arena, key, 0, 1);
    if (mine->key.set && by_sign(call->agg) * mr__held_compare(&mine->key, key, 0) > 0)
        return MR_OK;
    mr__held_set(&mine->key, call->arena, key, 0);
    held_copy(call, call->agg->arg_types[0], &mine->value, &other->value);
    return MR_OK;
}

static MrStatus by_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                          MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++)
        mr__held_get(&MR_STATE(ByState, i)->value, call->arena, out, i, n);
    return MR_OK;
}

static MrStatus by_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    const ByState *by = state;
    MR_TRY(mr__held_save(&by->value, agg->arg_types[0], out, err));
    return mr__held_save(&by->key, agg->arg_types[1], out, err);
}

static MrStatus by_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    ByState *by = state;
    MR_TRY(mr__held_load(&by->value, call->agg->arg_types[0], call->arena, reader, err));
    return mr__held_load(&by->key, call->agg->arg_types[1], call->arena, reader, err);
}

static MrStatus by_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    const MrType *type = bind->args[1].cast_to;
    if (!mr_type_is_orderable(type) && type->kind != MR_TYPE_VOID)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName",
                       mr_quote_name(bind->arena, agg->def->name), "dataType",
                       mr__quoted_type(bind->arena, type));
    return MR_OK;
}

/* --- collect_list, collect_set ---------------------------------------------------------------- */

typedef struct ListState {
    MrValueList list;
    int32_t *slots; /* collect_set: index of a value plus one, or 0 */
    int64_t n_slots;
} ListState;

static bool is_set(const MrAggregate *agg)
{
    return strcmp(agg->def->name, "collect_set") == 0;
}

/* Hash of one value; a selection could not name a row far behind. */
static uint64_t value_hash(MrArena *arena, const MrVector *vec, int64_t row)
{
    uint64_t hash = 0;
    MrPhysical physical = mr_type_physical(vec->type);
    MrVector view = *vec, *one = &view;
    if (physical == MR_PHYS_STRUCT || (vec->validity && mr_vector_is_null(vec, row))) {
        int32_t take = (int32_t)row;
        one = mr_vector_take_rows(arena, vec, &take, 1);
    } else {
        view.data = (char *)vec->data + row * mr_physical_bytes(physical);
        view.validity = NULL;
    }
    mr_vector_hash(one, NULL, 1, 0, false, &hash);
    return hash;
}

static void set_grow(ListState *state, MrArena *arena)
{
    do
        state->n_slots = state->n_slots ? 2 * state->n_slots : 8;
    while (state->n_slots < 2 * (state->list.n + 1));
    state->slots = MR_NEW_N(arena, int32_t, state->n_slots);
    for (int64_t i = 0; i < state->list.n; i++) {
        mr_poll_item(i);
        uint64_t slot = value_hash(arena, state->list.vec, i) & (uint64_t)(state->n_slots - 1);
        while (state->slots[slot])
            slot = (slot + 1) & (uint64_t)(state->n_slots - 1);
        state->slots[slot] = (int32_t)i + 1;
    }
}

static void set_add(ListState *state, const MrType *type, MrArena *arena, const MrVector *vec,
                    int32_t row, uint64_t hash)
{
    if (2 * (state->list.n + 1) > state->n_slots)
        set_grow(state, arena);
    uint64_t slot = hash & (uint64_t)(state->n_slots - 1);
    for (; state->slots[slot]; slot = (slot + 1) & (uint64_t)(state->n_slots - 1))
        if (mr_vector_row_equal(state->list.vec, state->slots[slot] - 1, vec, row))
            return;
    mr__list_push(&state->list, type, arena, vec, row);
    state->slots[slot] = (int32_t)state->list.n;
}

static MrStatus list_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    MrVector *vec = call->args[0];
    const MrType *type = call->agg->arg_types[0];
    if (!is_set(call->agg)) {
        for (MR_EACH(call, i, row))
            mr__list_push(&MR_STATE(ListState, i)->list, type, call->arena, vec,
                          mr_arg_row(vec, row));
        return MR_OK;
    }
    if (call->n == 0)
        return MR_OK;
    uint64_t *hashes = mr_arena_alloc(call->arena, 8 * (int64_t)call->n);
    if (vec->encoding == MR_CONSTANT) {
        mr_vector_hash(vec, NULL, 1, 0, false, hashes);
        for (int32_t i = 1; i < call->n; i++)
            hashes[i] = hashes[0];
    } else {
        mr_vector_hash(vec, call->sel, call->n, 0, false, hashes);
    }
    for (MR_EACH(call, i, row))
        set_add(MR_STATE(ListState, i), type, call->arena, vec, mr_arg_row(vec, row), hashes[i]);
    return MR_OK;
}

static MrStatus list_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    ListState *mine = to;
    const ListState *other = from;
    const MrType *type = call->agg->arg_types[0];
    for (int64_t i = 0; i < other->list.n; i++) {
        mr_poll_item(i);
        if (is_set(call->agg)) {
            set_add(mine, type, call->arena, other->list.vec, (int32_t)i,
                    value_hash(call->arena, other->list.vec, i));
        } else {
            mr__list_push(&mine->list, type, call->arena, other->list.vec, i);
        }
    }
    return MR_OK;
}

static MrStatus list_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                            MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++)
        mr__list_to_array(&MR_STATE(ListState, i)->list, call->arena, out, i);
    return MR_OK;
}

static MrStatus list_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    const ListState *list = state;
    return mr__list_save(&list->list, out, err);
}

static MrStatus list_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    ListState *list = state;
    MR_TRY(mr__list_load(&list->list, call->agg->arg_types[0], call->arena, reader, err));
    if (is_set(call->agg) && list->list.n > 0)
        set_grow(list, call->arena);
    return MR_OK;
}

static MrStatus list_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    if (is_set(agg) && mr_type_has(bind->args[0].type, MR_TYPE_MAP))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNSUPPORTED_INPUT_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName", "`collect_set`",
                       "dataType", "\"MAP\"");
    agg->type = mr_type_array(bind->arena, bind->args[0].cast_to, false);
    return MR_OK;
}

/* --- listagg ---------------------------------------------------------------------------------- */

typedef struct JoinState {
    char *data;
    int64_t size_bytes, cap_bytes;
    int64_t n;
} JoinState;

static void join_put(JoinState *state, MrArena *arena, MrText text)
{
    if (state->size_bytes + text.size_bytes > state->cap_bytes) {
        int64_t cap = 2 * state->cap_bytes + text.size_bytes + 16;
        char *more = mr_arena_alloc(arena, cap);
        if (state->size_bytes)
            mr_copy(more, state->data, state->size_bytes);
        state->data = more;
        state->cap_bytes = cap;
    }
    mr_copy(state->data + state->size_bytes, text.data, text.size_bytes);
    state->size_bytes += text.size_bytes;
}

static void join_add(JoinState *state, MrArena *arena, MrText text, MrText between)
{
    if (state->n++ > 0)
        join_put(state, arena, between);
    join_put(state, arena, text);
}

static MrText join_between(const MrAggregate *agg)
{
    const MrText *between = agg->data;
    return *between;
}

static MrStatus join_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    const MrVector *vec = call->args[0];
    for (MR_EACH(call, i, row))
        if (!mr_arg_null(vec, row))
            join_add(MR_STATE(JoinState, i), call->arena,
                     mr_str_text(&vec->str[mr_arg_row(vec, row)]), join_between(call->agg));
    return MR_OK;
}

static MrStatus join_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    JoinState *mine = to;
    const JoinState *other = from;
    if (other->n > 0)
        join_add(mine, call->arena, (MrText){other->data, other->size_bytes},
                 join_between(call->agg));
    return MR_OK;
}

static MrStatus join_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                            MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        const JoinState *state = MR_STATE(JoinState, i);
        if (state->n == 0)
            mr_vector_set_null(call->arena, out, i, n);
        else
            out->str[i] =
                mr_str_own(call->arena, state->data ? state->data : "", state->size_bytes);
    }
    return MR_OK;
}

static MrStatus join_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    const JoinState *join = state;
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)join->n, err));
    return mr_buffer_put_text(out, (MrText){join->data, join->size_bytes}, err);
}

static MrStatus join_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    JoinState *join = state;
    uint64_t n = 0;
    MrText text;
    if (!mr_reader_varint(reader, &n) || !mr_reader_text(reader, &text))
        return mr__fail_state(err);
    *join = (JoinState){0};
    join_put(join, call->arena, text);
    join->n = (int64_t)n;
    return MR_OK;
}

static MrStatus join_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    MrText *between = MR_NEW(bind->arena, MrText);
    agg->data = between;
    agg->type = bind->args[0].cast_to;
    if (bind->n_args < 2)
        return MR_OK;
    const MrVector *value = bind->args[1].value;
    if (!value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`delimiter`",
                       "inputType", mr__quoted_type(bind->arena, bind->args[1].type), "inputExpr",
                       mr__quoted_expr(bind->arena, bind->args[1].sql));
    if (!mr_vector_is_null(value, 0) && mr_type_physical(value->type) == MR_PHYS_STR) {
        *between = mr_text_own(bind->arena, mr_str_text(&value->str[0]));
    } else if (!mr_vector_is_null(value, 0)) {
        MrTextBuilder text = {.arena = bind->arena};
        mr_value_text(value, 0, MR_TEXT_CAST, bind->settings, &text);
        *between = mr_builder_text(&text);
    }
    return MR_OK;
}

#define FIRST_ROW(name, doc, example)                                                              \
    {                                                                                              \
        name, "any, boolean? -> same", MR_AGG_ORDERED, (int32_t)sizeof(MrHeld), NULL,              \
            first_update, NULL, first_merge, held_finish, held_save, held_load, first_bind, doc,   \
            example                                                                                \
    }
#define BY_ROW(name, doc, example)                                                                 \
    {                                                                                              \
        name, "any, any -> same", MR_AGG_ORDERED, (int32_t)sizeof(ByState), NULL, by_update, NULL, \
            by_merge, by_finish, by_save, by_load, by_bind, doc, example                           \
    }
#define LIST_ROW(name, flags, doc, example)                                                        \
    {                                                                                              \
        name, "any -> bind", MR_AGG_SKIPS_NULL | MR_AGG_NEVER_NULL | (flags),                      \
            (int32_t)sizeof(ListState), NULL, list_update, NULL, list_merge, list_finish,          \
            list_save, list_load, list_bind, doc, example                                          \
    }
#define JOIN_ROW(name, doc, example)                                                               \
    {                                                                                              \
        name, "string|binary, string|binary? -> bind", MR_AGG_ORDERED, (int32_t)sizeof(JoinState), \
            NULL, join_update, NULL, join_merge, join_finish, join_save, join_load, join_bind,     \
            doc, example                                                                           \
    }

const MrAggregateDef mr_aggregates_collect[] = {
    FIRST_ROW("first", "The first value.", "first(1) = 1"),
    FIRST_ROW("first_value", "The first value.", "first_value(1) = 1"),
    FIRST_ROW("any_value", "Some value.", "any_value(1) = 1"),
    FIRST_ROW("last", "The last value.", "last(1) = 1"),
    FIRST_ROW("last_value", "The last value.", "last_value(1) = 1"),
    BY_ROW("min_by", "The value where the key is least.", "min_by(1, 2) = 1"),
    BY_ROW("max_by", "The value where the key is greatest.", "max_by(1, 2) = 1"),
    LIST_ROW("collect_list", MR_AGG_ORDERED, "All values, without NULLs.",
             "collect_list(1) = array(1)"),
    LIST_ROW("array_agg", MR_AGG_ORDERED, "All values, without NULLs.", "array_agg(1) = array(1)"),
    LIST_ROW("collect_set", MR_AGG_IGNORES_DISTINCT, "All different values, without NULLs.",
             "collect_set(1) = array(1)"),
    JOIN_ROW("listagg", "Values joined, with a separator between.", "listagg('a') = 'a'"),
    JOIN_ROW("string_agg", "Values joined, with a separator between.", "string_agg('a') = 'a'"),
    {0},
};
