/* aggregate_sketch.c - approx_count_distinct: HyperLogLog++.
 *
 * As in Spark, values are hashed by xxhash64 with seed 42 and the registers are 6 bits wide; here
 * each takes a byte.  Few values are counted by linear counting, many by the raw estimate; the
 * table that corrects the bias in between is left out, so there the answer may differ from Spark's
 * within the error asked for.  Source: Heule, Nunkesser, Hall, "HyperLogLog in Practice" (2013). */
#include "function/aggregate_int.h"
#include "function/hash_spark.h"
#include <math.h>

typedef struct HllState {
    uint8_t *registers; /* NULL: no value yet */
} HllState;

typedef struct HllData {
    int32_t p; /* 2^p registers */
    double linear_max;
} HllData;

static void hll_add(MrAggregateCall *call, HllState *state, uint64_t hash)
{
    const HllData *data = call->agg->data;
    if (!state->registers)
        state->registers = mr_arena_zeroed(call->arena, INT64_C(1) << data->p);
    uint64_t idx = hash >> (64 - data->p);
    uint64_t rest = (hash << data->p) | (UINT64_C(1) << (data->p - 1));
    uint8_t rank = (uint8_t)(__builtin_clzll(rest) + 1);
    if (rank > state->registers[idx])
        state->registers[idx] = rank;
}

static MrStatus hll_update(MrAggregateCall *call, char *const *groups, int32_t offset, MrError *err)
{
    for (MR_EACH(call, i, row))
        hll_add(call, MR_STATE(HllState, i),
                (uint64_t)mr__spark_xxhash64(call->args[0], mr_arg_row(call->args[0], row), 42));
    return MR_OK;
}

static MrStatus hll_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const HllData *data = call->agg->data;
    HllState *mine = to;
    const HllState *other = from;
    if (!other->registers)
        return MR_OK;
    if (!mine->registers)
        mine->registers = mr_arena_zeroed(call->arena, INT64_C(1) << data->p);
    for (int64_t i = 0; i < INT64_C(1) << data->p; i++)
        if (other->registers[i] > mine->registers[i])
            mine->registers[i] = other->registers[i];
    return MR_OK;
}

static int64_t hll_estimate(const HllState *state, const HllData *data)
{
    if (!state->registers)
        return 0;
    double m = (double)(INT64_C(1) << data->p), inverse = 0, n_zero = 0;
    for (int64_t i = 0; i < INT64_C(1) << data->p; i++) {
        inverse += ldexp(1.0, -state->registers[i]);
        n_zero += state->registers[i] == 0;
    }
    double alpha = data->p == 4   ? 0.673
                   : data->p == 5 ? 0.697
                   : data->p == 6 ? 0.709
                                  : 0.7213 / (1 + 1.079 / m);
    double estimate = alpha * m * m / inverse;
    if (n_zero > 0) {
        double linear = m * log(m / n_zero);
        if (linear <= data->linear_max)
            estimate = linear;
    }
    return (int64_t)floor(estimate + 0.5);
}

static MrStatus hll_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                           MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++)
        out->i64[i] = hll_estimate(MR_STATE(HllState, i), call->agg->data);
    return MR_OK;
}

static MrStatus hll_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    const HllData *data = agg->data;
    const HllState *hll = state;
    MR_TRY(mr_buffer_put_u8(out, hll->registers != NULL, err));
    return hll->registers ? mr_buffer_put(out, hll->registers, INT64_C(1) << data->p, err) : MR_OK;
}

static MrStatus hll_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    const HllData *data = call->agg->data;
    HllState *hll = state;
    const uint8_t *bytes = NULL;
    uint8_t some = 0;
    if (!mr_reader_u8(reader, &some) ||
        (some && !mr_reader_bytes(reader, INT64_C(1) << data->p, &bytes)))
        return mr__fail_state(err);
    hll->registers = NULL;
    if (some) {
        hll->registers = mr_arena_alloc(call->arena, INT64_C(1) << data->p);
        memcpy(hll->registers, bytes, (size_t)1 << data->p);
    }
    return MR_OK;
}

static MrStatus hll_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    /* Up to how many values linear counting is the better one, for p = 4 .. 18 (the paper, figure
     * 6). */
    static const double linear_max[] = {10,   20,   40,    80,    220,   400,    900,   1800,
                                        3100, 6500, 11500, 20000, 50000, 120000, 350000};
    HllData *data = MR_NEW(bind->arena, HllData);
    double error = 0.05;
    if (bind->n_args > 1) {
        const MrVector *value = bind->args[1].value;
        if (!value || mr_vector_is_null(value, 0))
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "inputName", "`relativeSD`",
                           "inputType", "\"DOUBLE\"", "inputExpr",
                           mr__quoted_expr(bind->arena, bind->args[1].sql));
        error = value->type->kind == MR_TYPE_DOUBLE  ? value->f64[0]
                : value->type->kind == MR_TYPE_FLOAT ? value->f32[0]
                : value->type->kind == MR_TYPE_DECIMAL && value->type->precision <= 18
                    ? mr_decimal_to_f64(value->i64[0], value->type->scale)
                    : 1;
    }
    data->p = (int32_t)ceil(2.0 * log(1.106 / error) / log(2.0));
    if (data->p < 4)
        return MR_FAIL_INTERNAL(err, "HLL++ requires at least 4 bits for addressing");
    if (data->p > 25)
        data->p = 25;
    data->linear_max = data->p <= 18 ? linear_max[data->p - 4] : 350000;
    agg->data = data;
    return MR_OK;
}

const MrAggregateDef mr_aggregates_sketch[] = {
    {"approx_count_distinct", "any, numeric? -> bigint", MR_AGG_SKIPS_NULL | MR_AGG_NEVER_NULL,
     (int32_t)sizeof(HllState), NULL, hll_update, NULL, hll_merge, hll_finish, hll_save, hll_load,
     hll_bind, "About how many different values there are.", "approx_count_distinct(1) = 1"},
    {0},
};
