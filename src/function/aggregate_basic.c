/* aggregate_basic.c - count, sum, avg, min, max, and their kin over booleans and bits.
 *
 * A sum keeps how many values went in, so that none gives NULL and retractions (weights < 0) lead
 * back there.  Sums of decimals are int128; of integers, int64, checked once for each call. */
#include "function/aggregate_int.h"
#include "function/arithmetic_int.h"

#define MR_ARG_AT(arg, values, row) ((values)[mr_arg_row(arg, row)])

/* --- count ------------------------------------------------------------------------------------ */

static MrStatus count_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                             MrError *err)
{
    if (call->weights) {
        for (MR_EACH(call, i, row))
            *MR_STATE(int64_t, i) += call->weights[row];
    } else {
        for (int32_t i = 0; i < call->n; i++)
            ++*MR_STATE(int64_t, i);
    }
    return MR_OK;
}

static MrStatus count_update_one(MrAggregateCall *call, void *state, MrError *err)
{
    int64_t n = call->n;
    if (call->weights) {
        n = 0;
        for (MR_EACH(call, i, row))
            n += call->weights[row];
    }
    *(int64_t *)state += n;
    return MR_OK;
}

static MrStatus count_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    *(int64_t *)to += *(const int64_t *)from;
    return MR_OK;
}

static MrStatus count_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                             MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++)
        out->i64[i] = *MR_STATE(int64_t, i);
    return MR_OK;
}

static MrStatus count_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    const char *key = "spark.sql.legacy.allowParameterlessCount";
    const char *allowed =
        bind->settings->get ? bind->settings->get(bind->settings->conf, key) : NULL;
    if (bind->n_args > 0 || (allowed && mr_str_equal_nocase(allowed, "true")))
        return MR_OK;
    return MR_FAIL(err, MR_COND_WRONG_NUM_ARGS__WITH_SUGGESTION, "functionName", "`count`",
                   "expectedNum", " >= 1", "actualNum", "0", "legacyNum", "0", "legacyConfKey",
                   "\"spark.sql.legacy.allowParameterlessCount\"", "legacyConfValue", "\"true\"");
}

static MrStatus count_if_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                                MrError *err)
{
    for (MR_EACH(call, i, row))
        *MR_STATE(int64_t, i) += MR_ARG(call->args[0], i8, row) ? mr__weight(call, row) : 0;
    return MR_OK;
}

/* --- sum -------------------------------------------------------------------------------------- */

typedef struct SumI64 {
    int64_t n, sum;
} SumI64;
typedef struct SumF64 {
    int64_t n;
    double sum;
} SumF64;
typedef struct SumI128 {
    int64_t n;
    int64_t overflowed; /* then the sum means nothing */
    MrI128Packed sum;
} SumI128;

typedef struct SumData { /* MrAggregate.data of sum and avg */
    const char *try_name;
    bool null_on_overflow, wraps;
} SumData;

/* A sum of integers or intervals did not fit.  It stays wrapped, or is marked by n = INT64_MIN:
 * NULL. */
static MrStatus sum_overflow(MrAggregateCall *call, char *const *groups, int32_t offset, void *one,
                             MrError *err)
{
    const SumData *data = call->agg->data;
    if (data->wraps)
        return MR_OK;
    const MrType *type = call->agg->arg_types[0];
    if (type->kind == MR_TYPE_INTERVAL_DT || type->kind == MR_TYPE_INTERVAL_YM) {
        if (!data->null_on_overflow)
            return MR_FAIL(err, MR_COND_INTERVAL_ARITHMETIC_OVERFLOW__WITH_SUGGESTION,
                           "functionName", mr_quote_name(call->arena, data->try_name));
    }
    return mr__fail_overflow(data->try_name, err);
}

/* try_sum: one group after the other, as the ones that overflow become NULL and the rest goes on.
 */
static MrStatus try_sum_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                               MrError *err)
{
    const MrVector *arg = call->args[0];
    for (MR_EACH(call, i, row)) {
        SumI64 *state = MR_STATE(SumI64, i);
        int64_t value = 0, weight = mr__weight(call, row);
        switch (mr_type_physical(arg->type)) {
        case MR_PHYS_I8:
            value = MR_ARG(arg, i8, row);
            break;
        case MR_PHYS_I16:
            value = MR_ARG(arg, i16, row);
            break;
        case MR_PHYS_I32:
            value = MR_ARG(arg, i32, row);
            break;
        default:
            value = MR_ARG(arg, i64, row);
        }
        if (state->n == INT64_MIN)
            continue;
        bool bad = __builtin_mul_overflow(value, weight, &value) ||
                   __builtin_add_overflow(state->sum, value, &state->sum);
        if (arg->type->kind == MR_TYPE_INTERVAL_YM)
            bad = bad || state->sum > INT32_MAX || state->sum < INT32_MIN;
        state->n = bad ? INT64_MIN : state->n + weight;
    }
    return MR_OK;
}

static inline bool add_i64(int64_t *sum, int64_t value)
{
    return !__builtin_add_overflow(*sum, value, sum);
}
static inline bool add_i64_wide(int64_t *sum, MrI128 value)
{
    MrI128 all = *sum + value;
    *sum = (int64_t)all;
    return all == *sum;
}
#define ADD_I64(state, value) add_i64(&(state)->sum, (value))
#define ADD_I64_WIDE(state, value) add_i64_wide(&(state)->sum, (value))
#define ADD_F64(state, value) ((state)->sum += (double)(value), true)
#define ADD_I128(state, value) ((state)->sum += (value), true)
#define ADD_I128_CHECKED(state, value) (add_i128(state, (value)), true)

static inline void add_i128(SumI128 *state, MrI128 value)
{
    MrI128 sum = state->sum;
    state->overflowed |= __builtin_add_overflow(sum, value, &sum);
    state->sum = sum;
}

#define K_NAME(part) sum_i8_##part
#define K_IN int8_t
#define K_PART int64_t
#define K_CHUNK INT32_MAX
#define K_STATE SumI64
#define K_ADD ADD_I64
#include "function/sum.inc.h"
#define K_NAME(part) sum_i16_##part
#define K_IN int16_t
#define K_PART int64_t
#define K_CHUNK INT32_MAX
#define K_STATE SumI64
#define K_ADD ADD_I64
#include "function/sum.inc.h"
#define K_NAME(part) sum_i32_##part
#define K_IN int32_t
#define K_PART int64_t
#define K_CHUNK INT32_MAX
#define K_STATE SumI64
#define K_ADD ADD_I64
#include "function/sum.inc.h"
#define K_NAME(part) sum_i64_##part
#define K_IN int64_t
#define K_PART MrI128
#define K_CHUNK INT32_MAX
#define K_STATE SumI64
#define K_ADD ADD_I64_WIDE
#include "function/sum.inc.h"
/* One value after the other: Spark adds in the order of the rows, and sums of doubles show it. */
#define K_NAME(part) sum_f64_##part
#define K_IN double
#define K_PART double
#define K_CHUNK 1
#define K_STATE SumF64
#define K_ADD ADD_F64
#include "function/sum.inc.h"
#define K_NAME(part) sum_f32_##part
#define K_IN float
#define K_PART double
#define K_CHUNK 1
#define K_STATE SumF64
#define K_ADD ADD_F64
#include "function/sum.inc.h"
/* Decimals up to 15 digits: 2,048 of them fit int64. */
#define K_NAME(part) sum_dec15_##part
#define K_IN int64_t
#define K_PART int64_t
#define K_CHUNK 2048
#define K_STATE SumI128
#define K_ADD ADD_I128
#include "function/sum.inc.h"
#define K_NAME(part) sum_dec18_##part
#define K_IN int64_t
#define K_PART MrI128
#define K_CHUNK INT32_MAX
#define K_STATE SumI128
#define K_ADD ADD_I128
#include "function/sum.inc.h"
/* Up to 28 digits: no table has the rows to overflow int128. */
#define K_NAME(part) sum_dec28_##part
#define K_IN MrI128
#define K_PART MrI128
#define K_CHUNK INT32_MAX
#define K_STATE SumI128
#define K_ADD ADD_I128
#include "function/sum.inc.h"
#define K_NAME(part) sum_dec38_##part
#define K_IN MrI128
#define K_PART MrI128
#define K_CHUNK 1
#define K_STATE SumI128
#define K_ADD ADD_I128_CHECKED
#include "function/sum.inc.h"
/* avg of integers is a sum of doubles. */
#define K_NAME(part) avg_i8_##part
#define K_IN int8_t
#define K_PART double
#define K_CHUNK INT32_MAX
#define K_STATE SumF64
#define K_ADD ADD_F64
#include "function/sum.inc.h"
#define K_NAME(part) avg_i16_##part
#define K_IN int16_t
#define K_PART double
#define K_CHUNK INT32_MAX
#define K_STATE SumF64
#define K_ADD ADD_F64
#include "function/sum.inc.h"
#define K_NAME(part) avg_i32_##part
#define K_IN int32_t
#define K_PART int64_t
#define K_CHUNK INT32_MAX
#define K_STATE SumF64
#define K_ADD ADD_F64
#include "function/sum.inc.h"
#define K_NAME(part) avg_i64_##part
#define K_IN int64_t
#define K_PART double
#define K_CHUNK 1
#define K_STATE SumF64
#define K_ADD ADD_F64
#include "function/sum.inc.h"

typedef enum SumKind { SUM_I64, SUM_F64, SUM_I128 } SumKind;

static SumKind sum_kind(const MrAggregate *agg)
{
    return agg->state_bytes == (int32_t)sizeof(SumI128) ? SUM_I128
           : agg->arg_types[0]->kind == MR_TYPE_FLOAT || agg->arg_types[0]->kind == MR_TYPE_DOUBLE
               ? SUM_F64
               : SUM_I64;
}

#define SUM_PICK(call_part, ...)                                                                   \
    const MrType *type = call->agg->arg_types[0];                                                  \
    switch (type->kind) {                                                                          \
    case MR_TYPE_TINYINT:                                                                          \
        return sum_i8_##call_part(__VA_ARGS__);                                                    \
    case MR_TYPE_SMALLINT:                                                                         \
        return sum_i16_##call_part(__VA_ARGS__);                                                   \
    case MR_TYPE_INT:                                                                              \
    case MR_TYPE_INTERVAL_YM:                                                                      \
        return sum_i32_##call_part(__VA_ARGS__);                                                   \
    case MR_TYPE_FLOAT:                                                                            \
        return sum_f32_##call_part(__VA_ARGS__);                                                   \
    case MR_TYPE_DOUBLE:                                                                           \
        return sum_f64_##call_part(__VA_ARGS__);                                                   \
    case MR_TYPE_DECIMAL:                                                                          \
        if (type->precision <= 15)                                                                 \
            return sum_dec15_##call_part(__VA_ARGS__);                                             \
        if (type->precision <= 18)                                                                 \
            return sum_dec18_##call_part(__VA_ARGS__);                                             \
        if (type->precision <= 28)                                                                 \
            return sum_dec28_##call_part(__VA_ARGS__);                                             \
        return sum_dec38_##call_part(__VA_ARGS__);                                                 \
    default:                                                                                       \
        return sum_i64_##call_part(__VA_ARGS__);                                                   \
    }

static bool sum_tries(const MrAggregate *agg)
{
    const SumData *data = agg->data;
    return data->null_on_overflow && agg->state_bytes == (int32_t)sizeof(SumI64) &&
           sum_kind(agg) == SUM_I64;
}

static MrStatus sum_update(MrAggregateCall *call, char *const *groups, int32_t offset, MrError *err)
{
    if (sum_tries(call->agg))
        return try_sum_update(call, groups, offset, err);
    SUM_PICK(update, call, groups, offset, err)
}

static MrStatus sum_update_one(MrAggregateCall *call, void *state, MrError *err)
{
    if (sum_tries(call->agg)) {
        char **groups = mr_arena_alloc(call->arena, 8 * (int64_t)call->n + 8);
        for (int32_t i = 0; i < call->n; i++)
            groups[i] = state;
        return try_sum_update(call, groups, 0, err);
    }
    SUM_PICK(update_one, call, state, err)
}

static MrStatus sum_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    switch (sum_kind(call->agg)) {
    case SUM_I64: {
        SumI64 *a = to;
        const SumI64 *b = from;
        const SumData *data = call->agg->data;
        if (a->n == INT64_MIN || b->n == INT64_MIN) {
            a->n = INT64_MIN;
            return MR_OK;
        }
        a->n += b->n;
        if (!add_i64(&a->sum, b->sum)) {
            if (!data->null_on_overflow)
                return sum_overflow(call, NULL, 0, to, err);
            a->n = INT64_MIN;
        }
        return MR_OK;
    }
    case SUM_F64: {
        SumF64 *a = to;
        const SumF64 *b = from;
        a->n += b->n;
        a->sum += b->sum;
        return MR_OK;
    }
    case SUM_I128: {
        SumI128 *a = to;
        const SumI128 *b = from;
        a->n += b->n;
        a->overflowed |= b->overflowed;
        add_i128(a, b->sum);
        return MR_OK;
    }
    }
    return MR_OK;
}

static MrStatus decimal_out(MrAggregateCall *call, MrI128 value, bool overflowed, MrVector *out,
                            int32_t row, int32_t n, MrError *err)
{
    const SumData *data = call->agg->data;
    MrI128 limit = mr_pow10_i128[out->type->precision];
    if (overflowed || value >= limit || value <= -limit) {
        char text[MR_DECIMAL_TEXT_MAX];
        if (data->null_on_overflow) {
            mr_vector_set_null(call->arena, out, row, n);
            return MR_OK;
        }
        if (overflowed)
            return mr__fail_overflow(data->try_name, err);
        int32_t size = mr_decimal_to_text(value, out->type->scale, text);
        return mr__fail_decimal(call->arena, mr_arena_strn(call->arena, text, size), out->type,
                                err);
    }
    mr__decimal_put(out, row, value);
    return MR_OK;
}

static MrStatus sum_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                           MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        int64_t n_values = *MR_STATE(int64_t, i); /* all sums begin with it */
        if (n_values == 0 || n_values == INT64_MIN) {
            mr_vector_set_null(call->arena, out, i, n);
            continue;
        }
        switch (sum_kind(call->agg)) {
        case SUM_F64:
            out->f64[i] = MR_STATE(SumF64, i)->sum;
            break;
        case SUM_I128:
            MR_TRY(decimal_out(call, MR_STATE(SumI128, i)->sum,
                               MR_STATE(SumI128, i)->overflowed != 0, out, i, n, err));
            break;
        case SUM_I64: {
            int64_t sum = MR_STATE(SumI64, i)->sum;
            if (out->type->kind != MR_TYPE_INTERVAL_YM)
                out->i64[i] = sum;
            else if (sum > INT32_MAX || sum < INT32_MIN)
                MR_TRY(sum_overflow(call, NULL, 0, NULL, err));
            else
                out->i32[i] = (int32_t)sum;
        }
        }
    }
    return MR_OK;
}

static MrStatus sum_type_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].type;
    if (type->kind == MR_TYPE_VOID || type->kind == MR_TYPE_STRING ||
        type->kind == MR_TYPE_TIMESTAMP)
        type = MR_T(DOUBLE); /* a timestamp as seconds */
    if (!mr_type_is_numeric(type) && type->kind != MR_TYPE_INTERVAL_DT &&
        type->kind != MR_TYPE_INTERVAL_YM)
        return mr__fail_input_type(bind, 0, "\"NUMERIC\" or \"ANSI INTERVAL\"", err);
    bind->args[0].cast_to = type;
    return MR_OK;
}

static SumData *sum_data(MrBind *bind, bool is_try, const char *try_name)
{
    SumData *data = MR_NEW(bind->arena, SumData);
    data->try_name = try_name;
    data->null_on_overflow = is_try;
    return data;
}

static MrStatus sum_bind_as(MrBind *bind, MrAggregate *agg, bool is_try, MrError *err)
{
    MR_TRY(sum_type_bind(bind, err));
    const MrType *type = bind->args[0].cast_to;
    SumData *data = sum_data(bind, is_try, "try_sum");
    agg->data = data;
    agg->state_bytes = (int32_t)sizeof(SumI64);
    switch (type->kind) {
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE:
        agg->type = MR_T(DOUBLE);
        break;
    case MR_TYPE_DECIMAL:
        agg->type = mr__decimal_bounded(bind->arena, type->precision + 10, type->scale);
        agg->state_bytes = (int32_t)sizeof(SumI128);
        data->null_on_overflow = is_try || !bind->settings->ansi;
        break;
    case MR_TYPE_INTERVAL_DT:
    case MR_TYPE_INTERVAL_YM:
        agg->type = type;
        break;
    default:
        agg->type = MR_T(BIGINT);
        data->wraps = !bind->settings->ansi && !is_try;
    }
    return MR_OK;
}
static MrStatus sum_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    return sum_bind_as(bind, agg, false, err);
}
static MrStatus try_sum_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    return sum_bind_as(bind, agg, true, err);
}

/* --- avg -------------------------------------------------------------------------------------- */

static MrStatus avg_update(MrAggregateCall *call, char *const *groups, int32_t offset, MrError *err)
{
    switch (call->agg->arg_types[0]->kind) {
    case MR_TYPE_TINYINT:
        return avg_i8_update(call, groups, offset, err);
    case MR_TYPE_SMALLINT:
        return avg_i16_update(call, groups, offset, err);
    case MR_TYPE_INT:
        return avg_i32_update(call, groups, offset, err);
    case MR_TYPE_BIGINT:
        return avg_i64_update(call, groups, offset, err);
    default:
        return sum_update(call, groups, offset, err);
    }
}

static MrStatus avg_update_one(MrAggregateCall *call, void *state, MrError *err)
{
    switch (call->agg->arg_types[0]->kind) {
    case MR_TYPE_TINYINT:
        return avg_i8_update_one(call, state, err);
    case MR_TYPE_SMALLINT:
        return avg_i16_update_one(call, state, err);
    case MR_TYPE_INT:
        return avg_i32_update_one(call, state, err);
    case MR_TYPE_BIGINT:
        return avg_i64_update_one(call, state, err);
    default:
        return sum_update_one(call, state, err);
    }
}

static MrStatus avg_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    if (mr_type_is_integral(call->agg->arg_types[0])) {
        SumF64 *a = to;
        const SumF64 *b = from;
        a->n += b->n;
        a->sum += b->sum;
        return MR_OK;
    }
    return sum_merge(call, to, from, err);
}

static int64_t div_half_up(int64_t sum, int64_t n)
{
    int64_t q = sum / n, r = sum % n;
    if (r != 0 && llabs(r) >= n - llabs(r))
        q += sum < 0 ? -1 : 1;
    return q;
}

static MrStatus avg_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                           MrVector *out, MrError *err)
{
    const MrType *type = call->agg->arg_types[0];
    for (int32_t i = 0; i < n; i++) {
        int64_t n_values = *MR_STATE(int64_t, i);
        if (n_values == 0 || n_values == INT64_MIN) {
            mr_vector_set_null(call->arena, out, i, n);
            continue;
        }
        switch (type->kind) {
        case MR_TYPE_DECIMAL: {
            const SumI128 *state = MR_STATE(SumI128, i);
            /* The sum itself has 10 digits more than its parts, no more. */
            int digits = type->precision + 10 < 38 ? type->precision + 10 : 38;
            MrI128 sum = state->sum, value = 0, limit = mr_pow10_i128[digits];
            bool bad = state->overflowed || sum >= limit || sum <= -limit ||
                       !mr_decimal_div(sum, n_values, out->type->scale - type->scale, &value);
            MR_TRY(decimal_out(call, value, bad, out, i, n, err));
            break;
        }
        case MR_TYPE_INTERVAL_DT:
            out->i64[i] = div_half_up(MR_STATE(SumI64, i)->sum, n_values);
            break;
        case MR_TYPE_INTERVAL_YM:
            out->i32[i] = (int32_t)div_half_up(MR_STATE(SumI64, i)->sum, n_values);
            break;
        default:
            out->f64[i] = MR_STATE(SumF64, i)->sum / (double)n_values;
        }
    }
    return MR_OK;
}

static MrStatus avg_bind_as(MrBind *bind, MrAggregate *agg, bool is_try, MrError *err)
{
    MR_TRY(sum_type_bind(bind, err));
    const MrType *type = bind->args[0].cast_to;
    SumData *data = sum_data(bind, is_try, "try_avg");
    agg->data = data;
    agg->state_bytes = (int32_t)sizeof(SumI64);
    agg->type = MR_T(DOUBLE);
    if (type->kind == MR_TYPE_DECIMAL) {
        int precision = type->precision + 4, scale = type->scale + 4;
        agg->type = mr__decimal_bounded(bind->arena, precision, scale);
        agg->state_bytes = (int32_t)sizeof(SumI128);
        data->null_on_overflow = is_try || !bind->settings->ansi;
    } else if (type->kind == MR_TYPE_INTERVAL_DT || type->kind == MR_TYPE_INTERVAL_YM) {
        agg->type = MR_T(VOID) + type->kind;
    }
    return MR_OK;
}
static MrStatus avg_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    return avg_bind_as(bind, agg, false, err);
}
static MrStatus try_avg_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    return avg_bind_as(bind, agg, true, err);
}

/* --- min, max, and first come on bits --------------------------------------------------------- */

typedef struct BestI64 {
    int64_t n, best;
} BestI64;

/* Types whose values are int32 or int64 in plain order. */
#define BEST_KERNELS(name, type, op)                                                               \
    static MrStatus name##_update(MrAggregateCall *call, char *const *groups, int32_t offset,      \
                                  MrError *err)                                                    \
    {                                                                                              \
        const MrVector *arg = call->args[0];                                                       \
        const type *restrict values = arg->data;                                                   \
        const bool constant = arg->encoding == MR_CONSTANT;                                        \
        for (MR_EACH(call, i, row)) {                                                              \
            BestI64 *state = MR_STATE(BestI64, i);                                                 \
            const int64_t value = values[constant ? 0 : row];                                      \
            state->best = state->n == 0 || value op state->best ? value : state->best;             \
            state->n = 1;                                                                          \
        }                                                                                          \
        return MR_OK;                                                                              \
    }                                                                                              \
    static MrStatus name##_update_one(MrAggregateCall *call, void *to, MrError *err)               \
    {                                                                                              \
        const MrVector *arg = call->args[0];                                                       \
        const type *restrict values = arg->data;                                                   \
        BestI64 *state = to;                                                                       \
        if (call->n == 0)                                                                          \
            return MR_OK;                                                                          \
        type best = MR_ARG_AT(arg, values, call->sel ? call->sel[0] : 0);                          \
        if (arg->encoding != MR_CONSTANT && !call->sel) {                                          \
            for (int32_t i = 0; i < call->n; i++)                                                  \
                best = values[i] op best ? values[i] : best;                                       \
        } else if (arg->encoding != MR_CONSTANT) {                                                 \
            for (int32_t i = 0; i < call->n; i++)                                                  \
                best = values[call->sel[i]] op best ? values[call->sel[i]] : best;                 \
        }                                                                                          \
        if (state->n == 0 || best op state->best)                                                  \
            state->best = best;                                                                    \
        state->n = 1;                                                                              \
        return MR_OK;                                                                              \
    }
BEST_KERNELS(min_i32, int32_t, <)
BEST_KERNELS(max_i32, int32_t, >)
BEST_KERNELS(min_i64, int64_t, <)
BEST_KERNELS(max_i64, int64_t, >)

static int best_sign(const MrAggregate *agg)
{
    return agg->def->name[1] == 'i' ? -1 : 1; /* min, max */
}

static MrStatus best_any(MrAggregateCall *call, MrHeld *held, int32_t row)
{
    if (!held->set || best_sign(call->agg) * mr__held_compare(held, call->args[0],
                                                              mr_arg_row(call->args[0], row)) <
                          0)
        mr__held_set(held, call->arena, call->args[0], mr_arg_row(call->args[0], row));
    return MR_OK;
}

static bool best_is_plain(const MrAggregate *agg)
{
    return agg->state_bytes == (int32_t)sizeof(BestI64);
}

static MrStatus best_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    if (best_is_plain(call->agg)) {
        bool narrow = mr_type_physical(call->agg->type) == MR_PHYS_I32;
        if (best_sign(call->agg) < 0)
            return (narrow ? min_i32_update : min_i64_update)(call, groups, offset, err);
        return (narrow ? max_i32_update : max_i64_update)(call, groups, offset, err);
    }
    for (MR_EACH(call, i, row))
        MR_TRY(best_any(call, MR_STATE(MrHeld, i), row));
    return MR_OK;
}

static MrStatus best_update_one(MrAggregateCall *call, void *state, MrError *err)
{
    if (best_is_plain(call->agg)) {
        bool narrow = mr_type_physical(call->agg->type) == MR_PHYS_I32;
        if (best_sign(call->agg) < 0)
            return (narrow ? min_i32_update_one : min_i64_update_one)(call, state, err);
        return (narrow ? max_i32_update_one : max_i64_update_one)(call, state, err);
    }
    for (MR_EACH(call, i, row))
        MR_TRY(best_any(call, state, row));
    return MR_OK;
}

static MrStatus best_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    if (best_is_plain(call->agg)) {
        BestI64 *a = to;
        const BestI64 *b = from;
        if (b->n && (!a->n || (best_sign(call->agg) < 0 ? b->best < a->best : b->best > a->best)))
            *a = *b;
        return MR_OK;
    }
    const MrHeld *held = from;
    if (!held->set)
        return MR_OK;
    MrVector *vec = mr_vector_create(call->arena, call->agg->type, 1);
    mr__held_get(held, call->arena, vec, 0, 1);
    MrHeld *mine = to;
    if (!mine->set || best_sign(call->agg) * mr__held_compare(mine, vec, 0) < 0)
        mr__held_set(mine, call->arena, vec, 0);
    return MR_OK;
}

static MrStatus best_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                            MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        if (!best_is_plain(call->agg))
            mr__held_get(MR_STATE(MrHeld, i), call->arena, out, i, n);
        else if (!MR_STATE(BestI64, i)->n)
            mr_vector_set_null(call->arena, out, i, n);
        else if (mr_type_physical(out->type) == MR_PHYS_I32)
            out->i32[i] = (int32_t)MR_STATE(BestI64, i)->best;
        else
            out->i64[i] = MR_STATE(BestI64, i)->best;
    }
    return MR_OK;
}

static MrStatus best_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    return best_is_plain(agg) ? mr__plain_save(agg, state, out, err)
                              : mr__held_save(state, agg->type, out, err);
}

static MrStatus best_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    return best_is_plain(call->agg)
               ? mr__plain_load(call, reader, state, err)
               : mr__held_load(state, call->agg->type, call->arena, reader, err);
}

static MrStatus best_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    if (!mr_type_is_orderable(type) && type->kind != MR_TYPE_VOID)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName",
                       mr_quote_name(bind->arena, agg->def->name), "dataType",
                       mr__quoted_type(bind->arena, type));
    MrPhysical physical = mr_type_physical(type);
    agg->type = type;
    agg->state_bytes = physical == MR_PHYS_I32 || physical == MR_PHYS_I64 ? (int32_t)sizeof(BestI64)
                                                                          : (int32_t)sizeof(MrHeld);
    return MR_OK;
}

/* bool_and, bool_or as min and max of bytes; bit_and, bit_or, bit_xor on the value's bits. */
static void bits_join(const MrAggregate *agg, BestI64 *state, int64_t value)
{
    char op = agg->def->name[0] == 'b' && agg->def->name[1] == 'i' ? agg->def->name[4]
              : strcmp(agg->def->name, "every") == 0               ? 'a'
              : strcmp(agg->def->name, "bool_and") == 0            ? 'a'
                                                                   : 'o';
    if (!state->n)
        state->best = value;
    else
        state->best = op == 'a'   ? state->best & value
                      : op == 'o' ? state->best | value
                                  : state->best ^ value;
    state->n = 1;
}

static MrStatus bits_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    for (MR_EACH(call, i, row))
        bits_join(call->agg, MR_STATE(BestI64, i), mr_arg_integer(call->args[0], row));
    return MR_OK;
}

static MrStatus bits_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const BestI64 *other = from;
    if (other->n)
        bits_join(call->agg, to, other->best);
    return MR_OK;
}

static MrStatus bits_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                            MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        const BestI64 *state = MR_STATE(BestI64, i);
        if (!state->n) {
            mr_vector_set_null(call->arena, out, i, n);
            continue;
        }
        switch (mr_type_physical(out->type)) {
        case MR_PHYS_I8:
            out->i8[i] = (int8_t)state->best;
            break;
        case MR_PHYS_I16:
            out->i16[i] = (int16_t)state->best;
            break;
        case MR_PHYS_I32:
            out->i32[i] = (int32_t)state->best;
            break;
        default:
            out->i64[i] = state->best;
        }
    }
    return MR_OK;
}

static MrStatus bits_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    if (bind->args[0].type->kind == MR_TYPE_VOID)
        agg->type = bind->args[0].cast_to = MR_T(INT);
    return MR_OK;
}

#define SKIPS MR_AGG_SKIPS_NULL
#define COUNT_CALLS                                                                                \
    NULL, count_update, count_update_one, count_merge, count_finish, mr__plain_save, mr__plain_load
#define SUM_CALLS                                                                                  \
    NULL, sum_update, sum_update_one, sum_merge, sum_finish, mr__plain_save, mr__plain_load
#define AVG_CALLS                                                                                  \
    NULL, avg_update, avg_update_one, avg_merge, avg_finish, mr__plain_save, mr__plain_load
#define BEST_CALLS NULL, best_update, best_update_one, best_merge, best_finish, best_save, best_load
#define BITS_CALLS NULL, bits_update, NULL, bits_merge, bits_finish, mr__plain_save, mr__plain_load
#define BIT_BYTES (int32_t)sizeof(BestI64)
#define BOOL_ROW(name, doc, example)                                                               \
    {                                                                                              \
        name, "boolean -> boolean", SKIPS | MR_AGG_IGNORES_DISTINCT, BIT_BYTES, BITS_CALLS, NULL,  \
            doc, example                                                                           \
    }

const MrAggregateDef mr_aggregates_basic[] = {
    {"count", "any* -> bigint", SKIPS | MR_AGG_RETRACTS | MR_AGG_NEVER_NULL, 8, COUNT_CALLS,
     count_bind, "Number of rows without NULL among the arguments.", "count(1) = 1"},
    {"count_if", "boolean -> bigint", SKIPS | MR_AGG_RETRACTS | MR_AGG_NEVER_NULL, 8, NULL,
     count_if_update, NULL, count_merge, count_finish, mr__plain_save, mr__plain_load, NULL,
     "Number of rows where it is true.", "count_if(true) = 1"},
    {"sum", "any -> bind", SKIPS | MR_AGG_RETRACTS, 16, SUM_CALLS, sum_bind, "Sum.", "sum(1) = 1"},
    {"try_sum", "any -> bind", SKIPS | MR_AGG_RETRACTS, 16, SUM_CALLS, try_sum_bind,
     "Sum; NULL on overflow.", "try_sum(1) = 1"},
    {"avg", "any -> bind", SKIPS | MR_AGG_RETRACTS, 16, AVG_CALLS, avg_bind, "Mean.",
     "avg(1) = 1.0D"},
    {"mean", "any -> bind", SKIPS | MR_AGG_RETRACTS, 16, AVG_CALLS, avg_bind, "Mean.",
     "mean(1) = 1.0D"},
    {"try_avg", "any -> bind", SKIPS | MR_AGG_RETRACTS, 16, AVG_CALLS, try_avg_bind,
     "Mean; NULL on overflow.", "try_avg(1) = 1.0D"},
    {"min", "any -> same", SKIPS | MR_AGG_IGNORES_DISTINCT, 16, BEST_CALLS, best_bind, "The least.",
     "min(1) = 1"},
    {"max", "any -> same", SKIPS | MR_AGG_IGNORES_DISTINCT, 16, BEST_CALLS, best_bind,
     "The greatest.", "max(1) = 1"},
    BOOL_ROW("bool_and", "True when all are.", "bool_and(true)"),
    BOOL_ROW("every", "True when all are.", "every(true)"),
    BOOL_ROW("bool_or", "True when one is.", "bool_or(true)"),
    BOOL_ROW("any", "True when one is.", "any(true)"),
    BOOL_ROW("some", "True when one is.", "some(true)"),
    {"bit_and", "integral -> same", SKIPS | MR_AGG_IGNORES_DISTINCT, BIT_BYTES, BITS_CALLS,
     bits_bind, "Bits set in all.", "bit_and(3) = 3"},
    {"bit_or", "integral -> same", SKIPS | MR_AGG_IGNORES_DISTINCT, BIT_BYTES, BITS_CALLS,
     bits_bind, "Bits set in any.", "bit_or(3) = 3"},
    {"bit_xor", "integral -> same", SKIPS, BIT_BYTES, BITS_CALLS, bits_bind,
     "Bits set in an odd number.", "bit_xor(3) = 3"},
    {0},
};
