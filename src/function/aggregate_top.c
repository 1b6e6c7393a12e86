/* aggregate_top.c - max_by and min_by with a number: the values of the k greatest or least keys.
 *
 * A state holds up to 2k + 64 pairs; when it is full it is sorted and cut to k. */
#include "function/aggregate_int.h"

typedef struct TopState {
    MrValueList values, keys;
} TopState;

typedef struct TopData {
    int64_t k;
    int sign; /* 1: greatest keys first */
} TopData;

/* Orders places by their keys, by merging; equal keys keep their order. */
static void places_sort(const MrVector *keys, int sign, int32_t *places, int32_t *spare, int64_t n)
{
    if (n < 2)
        return;
    int64_t half = n / 2, a = 0, b = half;
    places_sort(keys, sign, places, spare, half);
    places_sort(keys, sign, places + half, spare, n - half);
    for (int64_t i = 0; i < n; i++) {
        bool left =
            b >= n || (a < half && sign * mr_vector_compare(keys, places[a], keys, places[b]) >= 0);
        spare[i] = left ? places[a++] : places[b++];
    }
    memcpy(places, spare, (size_t)n * sizeof *places);
}

static int32_t *top_places(const TopState *state, const TopData *data, MrArena *arena, int64_t *n)
{
    int32_t *places = mr_arena_alloc(arena, 8 * state->keys.n + 8);
    for (int64_t i = 0; i < state->keys.n; i++)
        places[i] = (int32_t)i;
    places_sort(state->keys.vec, data->sign, places, places + state->keys.n, state->keys.n);
    *n = state->keys.n < data->k ? state->keys.n : data->k;
    return places;
}

static void top_add(const MrAggregate *agg, TopState *state, MrArena *arena, const MrVector *value,
                    int64_t value_row, const MrVector *key, int64_t key_row)
{
    const TopData *data = agg->data;
    mr__list_push(&state->values, agg->arg_types[0], arena, value, value_row);
    mr__list_push(&state->keys, agg->arg_types[1], arena, key, key_row);
    if (state->keys.n < 2 * data->k + 64)
        return;
    int64_t n = 0;
    int32_t *places = top_places(state, data, arena, &n);
    TopState cut = {0};
    for (int64_t i = 0; i < n; i++) {
        mr__list_push(&cut.values, agg->arg_types[0], arena, state->values.vec, places[i]);
        mr__list_push(&cut.keys, agg->arg_types[1], arena, state->keys.vec, places[i]);
    }
    *state = cut;
}

static MrStatus top_update(MrAggregateCall *call, char *const *groups, int32_t offset, MrError *err)
{
    const MrVector *value = call->args[0], *key = call->args[1];
    for (MR_EACH(call, i, row))
        if (!mr_arg_null(key, row))
            top_add(call->agg, MR_STATE(TopState, i), call->arena, value, mr_arg_row(value, row),
                    key, mr_arg_row(key, row));
    return MR_OK;
}

static MrStatus top_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const TopState *other = from;
    for (int64_t i = 0; i < other->keys.n; i++)
        top_add(call->agg, to, call->arena, other->values.vec, i, other->keys.vec, i);
    return MR_OK;
}

static MrStatus top_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                           MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        const TopState *state = MR_STATE(TopState, i);
        MrValueList top = {0};
        int64_t n_top = 0;
        if (state->keys.n > 0) {
            int32_t *places = top_places(state, call->agg->data, call->arena, &n_top);
            for (int64_t k = 0; k < n_top; k++)
                mr__list_push(&top, call->agg->arg_types[0], call->arena, state->values.vec,
                              places[k]);
        }
        mr__list_to_array(&top, call->arena, out, i);
    }
    return MR_OK;
}

static MrStatus top_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    const TopState *top = state;
    MR_TRY(mr__list_save(&top->values, out, err));
    return mr__list_save(&top->keys, out, err);
}

static MrStatus top_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    TopState *top = state;
    MR_TRY(mr__list_load(&top->values, call->agg->arg_types[0], call->arena, reader, err));
    return mr__list_load(&top->keys, call->agg->arg_types[1], call->arena, reader, err);
}

static MrStatus top_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    TopData *data = MR_NEW(bind->arena, TopData);
    const MrArgInfo *arg = &bind->args[2];
    const MrType *type = bind->args[1].cast_to;
    if (!mr_type_is_orderable(type) && type->kind != MR_TYPE_VOID)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName",
                       mr_quote_name(bind->arena, agg->def->name), "dataType",
                       mr__quoted_type(bind->arena, type));
    if (!arg->value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`k`", "inputType",
                       mr__quoted_type(bind->arena, arg->type), "inputExpr",
                       mr__quoted_expr(bind->arena, arg->sql));
    if (!mr__arg_i64(arg, &data->k) || data->k < 1 || data->k > 100000)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "exprName", "`k`", "valueRange",
                       "[1, 100000]", "currentValue",
                       mr_arena_printf(bind->arena, "%lld", (long long)data->k));
    data->sign = agg->def->name[1] == 'i' ? -1 : 1; /* min_by, max_by */
    agg->data = data;
    agg->type = mr_type_array(bind->arena, bind->args[0].cast_to, true);
    return MR_OK;
}

#define TOP_ROW(name, doc, example)                                                                \
    {                                                                                              \
        name, "any, any, int -> bind", MR_AGG_ORDERED, (int32_t)sizeof(TopState), NULL,            \
            top_update, NULL, top_merge, top_finish, top_save, top_load, top_bind, doc, example    \
    }

const MrAggregateDef mr_aggregates_top[] = {
    TOP_ROW("max_by", "The values of the k greatest keys.", "max_by(1, 2, 3) = array(1)"),
    TOP_ROW("min_by", "The values of the k least keys.", "min_by(1, 2, 3) = array(1)"),
    {0},
};
