/* aggregate_histogram.c - histogram_numeric: at most n bins of (center, count).
 *
 * A value is a new bin of its own; when there is one bin too many, the two nearest become one at
 * their weighted mean.  Source: Ben-Haim and Tom-Tov, "A Streaming Parallel Decision Tree
 * Algorithm" (2010). */
#include "function/aggregate_int.h"

typedef struct Bin {
    double x, y;
} Bin;

typedef struct HistogramState {
    Bin *bins; /* by x; one more than there may be */
    int64_t n;
} HistogramState;

static int32_t bins_max(const MrAggregate *agg)
{
    const int32_t *max = agg->data;
    return *max;
}

static void bins_trim(HistogramState *state, int32_t max)
{
    while (state->n > max) {
        int64_t nearest = 0;
        for (int64_t i = 1; i + 1 < state->n; i++)
            if (state->bins[i + 1].x - state->bins[i].x <
                state->bins[nearest + 1].x - state->bins[nearest].x)
                nearest = i;
        Bin *a = &state->bins[nearest], *b = a + 1;
        double y = a->y + b->y;
        a->x = (a->x * a->y + b->x * b->y) / y;
        a->y = y;
        memmove(b, b + 1, sizeof(Bin) * (size_t)(state->n - nearest - 2));
        state->n--;
    }
}

static void bins_add(MrAggregateCall *call, HistogramState *state, double x, double y)
{
    int32_t max = bins_max(call->agg);
    if (!state->bins)
        state->bins = mr_arena_alloc(call->arena, (int64_t)sizeof(Bin) * (max + 1));
    int64_t low = 0, high = state->n;
    while (low < high) {
        int64_t middle = (low + high) / 2;
        if (state->bins[middle].x < x)
            low = middle + 1;
        else
            high = middle;
    }
    if (low < state->n && state->bins[low].x == x) {
        state->bins[low].y += y;
        return;
    }
    memmove(&state->bins[low + 1], &state->bins[low], sizeof(Bin) * (size_t)(state->n - low));
    state->bins[low] = (Bin){x, y};
    state->n++;
    bins_trim(state, max);
}

static MrStatus histogram_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                                 MrError *err)
{
    for (MR_EACH(call, i, row))
        bins_add(call, MR_STATE(HistogramState, i), mr__number_at(call->args[0], row), 1);
    return MR_OK;
}

static MrStatus histogram_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const HistogramState *other = from;
    for (int64_t i = 0; i < other->n; i++)
        bins_add(call, to, other->bins[i].x, other->bins[i].y);
    return MR_OK;
}

static MrStatus histogram_finish(MrAggregateCall *call, char *const *groups, int32_t offset,
                                 int32_t n, MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        const HistogramState *state = MR_STATE(HistogramState, i);
        if (state->n == 0) {
            mr_vector_set_null(call->arena, out, i, n);
            continue;
        }
        mr_vector_list_reserve(call->arena, out, state->n);
        MrVector *bins = out->children[0];
        int32_t at = bins->n_items;
        bins->n_items += (int32_t)state->n;
        for (int32_t k = 0; k < 2; k++)
            bins->children[k]->n_items = bins->n_items;
        for (int32_t k = 0; k < state->n; k++) {
            mr__number_put(bins->children[0], at + k, state->bins[k].x);
            bins->children[1]->f64[at + k] = state->bins[k].y;
        }
        out->list[i] = (MrSlice){at, (int32_t)state->n};
    }
    return MR_OK;
}

static MrStatus histogram_save(const MrAggregate *agg, const void *state, MrBuffer *out,
                               MrError *err)
{
    const HistogramState *histogram = state;
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)histogram->n, err));
    return mr_buffer_put(out, histogram->bins, histogram->n * (int64_t)sizeof(Bin), err);
}

static MrStatus histogram_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    int64_t n = 0;
    const uint8_t *bytes = NULL;
    HistogramState *histogram = state;
    *histogram = (HistogramState){0};
    if (!mr_reader_count(reader, (int64_t)sizeof(Bin), &n) || n > bins_max(call->agg) ||
        !mr_reader_bytes(reader, n * (int64_t)sizeof(Bin), &bytes))
        return mr__fail_state(err);
    for (int64_t i = 0; i < n; i++) {
        Bin bin;
        memcpy(&bin, bytes + i * (int64_t)sizeof bin, sizeof bin);
        bins_add(call, histogram, bin.x, bin.y);
    }
    return MR_OK;
}

static MrStatus histogram_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    const MrType *type = bind->args[0].type;
    const MrArgInfo *arg = &bind->args[1];
    int64_t max = 0;
    if (type->kind == MR_TYPE_VOID || type->kind == MR_TYPE_STRING)
        type = MR_T(DOUBLE);
    if (!mr_type_is_numeric(type) && type->kind != MR_TYPE_DATE &&
        type->kind != MR_TYPE_TIMESTAMP && type->kind != MR_TYPE_TIMESTAMP_NTZ &&
        type->kind != MR_TYPE_INTERVAL_DT && type->kind != MR_TYPE_INTERVAL_YM)
        return mr__fail_input_type(
            bind, 0,
            "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or "
            "\"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")",
            err);
    if (!arg->value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`nb`", "inputType",
                       "\"INT\"", "inputExpr", mr__quoted_expr(bind->arena, arg->sql));
    if (mr_vector_is_null(arg->value, 0))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_NULL, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "exprName", "nb");
    if (!mr__arg_i64(arg, &max) && arg->value->type->kind == MR_TYPE_DOUBLE)
        max = (int64_t)arg->value->f64[0];
    else if (arg->value->type->kind == MR_TYPE_DECIMAL && arg->value->type->precision <= 18)
        max = arg->value->i64[0] / mr_pow10_i64[arg->value->type->scale];
    if (max < 2 || max > 1000000)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "exprName", "nb", "valueRange",
                       "[2, 2147483647]", "currentValue",
                       mr_arena_printf(bind->arena, "%lld", (long long)max));
    int32_t *data = MR_NEW(bind->arena, int32_t);
    *data = (int32_t)max;
    bind->args[0].cast_to = type;
    agg->data = data;
    MrField fields[] = {{"x", type, true, NULL}, {"y", MR_T(DOUBLE), true, NULL}};
    agg->type = mr_type_array(bind->arena, mr_type_struct(bind->arena, fields, 2), true);
    return MR_OK;
}

const MrAggregateDef mr_aggregates_histogram[] = {
    {"histogram_numeric", "any, int -> bind", MR_AGG_SKIPS_NULL, (int32_t)sizeof(HistogramState),
     NULL, histogram_update, NULL, histogram_merge, histogram_finish, histogram_save,
     histogram_load, histogram_bind, "Histogram of at most n bins.", NULL},
    {0},
};
