/* aggregate_quantile.c - percentiles, median and mode, computed from all values.
 *
 * A state keeps each value with its frequency and sorts when it is asked.  percentile_approx is
 * exact here: the accuracy is a bound that an exact answer keeps. percentile_cont and
 * percentile_disc come as (sort key, percentage [, descending]). */
#include "base/hash.h"
#include "function/aggregate_int.h"
#include <math.h>

typedef struct Weighted {
    double value;
    int64_t n;
} Weighted;

typedef struct QuantState {
    Weighted *items;
    int64_t n, cap;
} QuantState;

typedef enum QuantKind { QUANT_CONT, QUANT_DISC, QUANT_DISC_LEGACY, QUANT_APPROX } QuantKind;

typedef struct QuantData {
    QuantKind kind;
    bool is_array, descending, has_frequency;
    int32_t n_percentages;
    const double *percentages;
} QuantData;

static void quant_push(QuantState *state, MrArena *arena, double value, int64_t n)
{
    MR_PUSH(arena, state->items, state->n, state->cap, ((Weighted){value, n}));
}

static MrStatus quant_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                             MrError *err)
{
    const QuantData *data = call->agg->data;
    for (MR_EACH(call, i, row)) {
        int64_t n = 1;
        if (mr_arg_null(call->args[0], row))
            continue;
        if (data->has_frequency) {
            if (mr_arg_null(call->args[2], row))
                continue;
            n = MR_ARG(call->args[2], i64, row);
            if (n < 0)
                return MR_FAIL_INTERNAL(err, "Negative values found in %s", "frequency");
            if (n == 0)
                continue;
        }
        quant_push(MR_STATE(QuantState, i), call->arena, mr__number_at(call->args[0], row), n);
    }
    return MR_OK;
}

static MrStatus quant_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const QuantState *other = from;
    for (int64_t i = 0; i < other->n; i++)
        quant_push(to, call->arena, other->items[i].value, other->items[i].n);
    return MR_OK;
}

static int weighted_compare(const void *a, const void *b)
{
    double x = ((const Weighted *)a)->value, y = ((const Weighted *)b)->value;
    if (x != x || y != y)
        return (x != x) - (y != y);
    return x < y ? -1 : x > y;
}

static int weighted_compare_down(const void *a, const void *b)
{
    return weighted_compare(b, a);
}

/* Runs by qsort, then merges that poll: qsort of all may take long, and must not be jumped out of.
 */
static void weighted_sort(Weighted *items, int64_t n, int (*compare)(const void *, const void *),
                          MrArena *arena)
{
    const int64_t run = 16 << 10;
    Weighted *in = items, *out = NULL;
    for (int64_t from = 0; from < n; from += run) {
        mr_poll();
        qsort(items + from, (size_t)(n - from < run ? n - from : run), sizeof *items, compare);
    }
    if (n > run)
        out = mr_arena_alloc(arena, n * (int64_t)sizeof *out);
    for (int64_t size = run; size < n; size *= 2) {
        for (int64_t from = 0; from < n; from += 2 * size) {
            int64_t a = from, mid = from + size < n ? from + size : n, b = mid;
            int64_t to = mid + size < n ? mid + size : n;
            for (int64_t at = from; at < to; at++) {
                mr_poll_item(at);
                bool left = a < mid && (b == to || compare(&in[a], &in[b]) <= 0);
                out[at] = left ? in[a++] : in[b++];
            }
        }
        Weighted *merged = out;
        out = in;
        in = merged;
    }
    if (in != items)
        mr_copy(items, in, n * (int64_t)sizeof *items);
}

/* The value at a place in the sorted rows, from 0. */
static double value_at(const QuantState *state, int64_t place)
{
    int64_t seen = 0;
    for (int64_t i = 0; i < state->n; i++) {
        seen += state->items[i].n;
        if (place < seen)
            return state->items[i].value;
    }
    return state->items[state->n - 1].value;
}

static double percentile_of(const QuantState *state, const QuantData *data, int64_t total, double p)
{
    if (data->kind == QUANT_DISC_LEGACY)
        return value_at(state, (int64_t)floor((double)(total - 1) * p));
    if (data->kind != QUANT_CONT) {
        int64_t place = (int64_t)ceil(p * (double)total) - 1;
        return value_at(state, place < 0 ? 0 : place);
    }
    double place = (double)(total - 1) * p;
    int64_t low = (int64_t)floor(place), high = (int64_t)ceil(place);
    double at_low = value_at(state, low), at_high = high == low ? at_low : value_at(state, high);
    if (high == low || at_low == at_high)
        return at_low;
    return ((double)high - place) * at_low + (place - (double)low) * at_high;
}

static MrStatus quant_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                             MrVector *out, MrError *err)
{
    const QuantData *data = call->agg->data;
    for (int32_t i = 0; i < n; i++) {
        QuantState *state = MR_STATE(QuantState, i);
        int64_t total = 0;
        for (int64_t k = 0; k < state->n; k++)
            total += state->items[k].n;
        if (total == 0 || (data->n_percentages == 0 && !data->is_array)) {
            mr_vector_set_null(call->arena, out, i, n);
            continue;
        }
        weighted_sort(state->items, state->n,
                      data->descending ? weighted_compare_down : weighted_compare, call->arena);
        if (!data->is_array) {
            mr__number_put(out, i, percentile_of(state, data, total, data->percentages[0]));
            continue;
        }
        mr_vector_list_reserve(call->arena, out, data->n_percentages);
        MrVector *child = out->children[0];
        int32_t at = child->n_items;
        child->n_items += data->n_percentages;
        for (int32_t k = 0; k < data->n_percentages; k++)
            mr__number_put(child, at + k, percentile_of(state, data, total, data->percentages[k]));
        out->list[i] = (MrSlice){at, data->n_percentages};
    }
    return MR_OK;
}

static MrStatus quant_save(const MrAggregate *agg, const void *from, MrBuffer *out, MrError *err)
{
    const QuantState *state = from;
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)state->n, err));
    return mr_buffer_put(out, state->items, state->n * (int64_t)sizeof(Weighted), err);
}

static MrStatus quant_load(MrAggregateCall *call, MrReader *reader, void *to, MrError *err)
{
    QuantState *state = to;
    int64_t n = 0;
    const uint8_t *bytes = NULL;
    if (!mr_reader_count(reader, (int64_t)sizeof(Weighted), &n) ||
        !mr_reader_bytes(reader, n * (int64_t)sizeof(Weighted), &bytes))
        return mr__fail_state(err);
    *state = (QuantState){.n = n, .cap = n};
    state->items = mr_arena_alloc(call->arena, n * (int64_t)sizeof(Weighted) + 16);
    memcpy(state->items, bytes, (size_t)n * sizeof(Weighted));
    return MR_OK;
}

static MrStatus fail_null(MrBind *bind, const char *name, MrError *err)
{
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_NULL, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "exprName", name);
}

/* Reads the percentages: one, or an array. */
static MrStatus percentages_bind(MrBind *bind, int32_t arg_idx, QuantData *data, MrError *err)
{
    const MrArgInfo *arg = &bind->args[arg_idx];
    if (!arg->value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`percentage`",
                       "inputType", mr__quoted_type(bind->arena, arg->type), "inputExpr",
                       mr__quoted_expr(bind->arena, arg->sql));
    if (arg->type->kind == MR_TYPE_ARRAY && arg->type->fields[0].nullable)
        return mr__fail_input_type(bind, arg_idx, "(\"DOUBLE\" or \"ARRAY<DOUBLE>\")", err);
    if (mr_vector_is_null(arg->value, 0))
        return fail_null(bind, "percentage", err);
    const MrVector *values = arg->value;
    int32_t from = 0, n = 1;
    if (arg->type->kind == MR_TYPE_ARRAY) {
        data->is_array = true;
        from = values->list[0].start;
        n = values->list[0].count;
        values = values->children[0];
    }
    if (!mr_type_is_numeric(values->type))
        return mr__fail_input_type(bind, arg_idx, "(\"DOUBLE\" or \"ARRAY<DOUBLE>\")", err);
    double *percentages = MR_NEW_N(bind->arena, double, n + 1);
    MrTextBuilder text = {.arena = bind->arena};
    bool bad = false;
    for (int32_t i = 0; i < n; i++) {
        char digits[MR_F64_TEXT_MAX];
        percentages[i] = mr_vector_is_null(values, from + i) ? 0 : mr__number_at(values, from + i);
        bad = bad || !(percentages[i] >= 0 && percentages[i] <= 1);
        int32_t size = mr_f64_to_text(percentages[i], digits);
        mr_builder_printf(&text, "%s%.*sD", i ? "," : "", size, digits);
    }
    if (bad)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "exprName", "percentage",
                       "valueRange", "[0.0, 1.0]", "currentValue", mr_builder_text(&text).data);
    data->percentages = percentages;
    data->n_percentages = n;
    return MR_OK;
}

static bool is_interval(const MrType *type)
{
    return type->kind == MR_TYPE_INTERVAL_DT || type->kind == MR_TYPE_INTERVAL_YM;
}

static MrStatus exact_bind(MrBind *bind, MrAggregate *agg, QuantData *data, MrError *err)
{
    const MrType *type = bind->args[0].type;
    if (type->kind == MR_TYPE_VOID || type->kind == MR_TYPE_STRING)
        type = MR_T(DOUBLE);
    if (!mr_type_is_numeric(type) && !is_interval(type))
        return mr__fail_input_type(
            bind, 0, "(\"NUMERIC\" or \"INTERVAL DAY TO SECOND\" or \"INTERVAL YEAR TO MONTH\")",
            err);
    bind->args[0].cast_to = type;
    const MrType *result = is_interval(type) ? MR_T(VOID) + type->kind : MR_T(DOUBLE);
    agg->type = data->is_array ? mr_type_array(bind->arena, result, false) : result;
    agg->data = data;
    return MR_OK;
}

static MrStatus percentile_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    QuantData *data = MR_NEW(bind->arena, QuantData);
    MR_TRY(percentages_bind(bind, 1, data, err));
    data->has_frequency = bind->n_args > 2;
    if (data->has_frequency) {
        if (!mr_type_is_integral(bind->args[2].type) && bind->args[2].type->kind != MR_TYPE_VOID &&
            bind->args[2].type->kind != MR_TYPE_STRING)
            return mr__fail_input_type(bind, 2, "\"INTEGRAL\"", err);
        bind->args[2].cast_to = MR_T(BIGINT);
    }
    return exact_bind(bind, agg, data, err);
}

static MrStatus ordered_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    QuantData *data = MR_NEW(bind->arena, QuantData);
    int64_t descending = 0;
    MR_TRY(percentages_bind(bind, 1, data, err));
    if (bind->n_args > 2)
        (void)mr__arg_i64(&bind->args[2], &descending);
    data->descending = descending != 0;
    const char *legacy = bind->settings->get
                             ? bind->settings->get(bind->settings->conf,
                                                   "spark.sql.legacy.percentileDiscCalculation")
                             : NULL;
    if (strcmp(agg->def->name, "percentile_disc") == 0)
        data->kind = legacy && mr_str_equal_nocase(legacy, "true") ? QUANT_DISC_LEGACY : QUANT_DISC;
    return exact_bind(bind, agg, data, err);
}

static MrStatus median_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    static const double half[1] = {0.5};
    QuantData *data = MR_NEW(bind->arena, QuantData);
    data->percentages = half;
    data->n_percentages = 1;
    return exact_bind(bind, agg, data, err);
}

static MrStatus approx_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    QuantData *data = MR_NEW(bind->arena, QuantData);
    const MrType *type = bind->args[0].type;
    if (type->kind == MR_TYPE_VOID || type->kind == MR_TYPE_STRING)
        type = MR_T(DOUBLE);
    if (!mr_type_is_numeric(type) && !is_interval(type) && type->kind != MR_TYPE_DATE &&
        type->kind != MR_TYPE_TIMESTAMP && type->kind != MR_TYPE_TIMESTAMP_NTZ)
        return mr__fail_input_type(
            bind, 0,
            "(\"NUMERIC\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\" or "
            "\"INTERVAL YEAR TO MONTH\" or \"INTERVAL DAY TO SECOND\")",
            err);
    bind->args[0].cast_to = type;
    MR_TRY(percentages_bind(bind, 1, data, err));
    if (bind->n_args > 2) {
        const MrArgInfo *arg = &bind->args[2];
        int64_t accuracy = 0;
        if (!mr_type_is_integral(arg->type) && arg->type->kind != MR_TYPE_VOID)
            return mr__fail_input_type(bind, 2, "\"INTEGRAL\"", err);
        if (!arg->value)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "inputName", "`accuracy`",
                           "inputType", mr__quoted_type(bind->arena, arg->type), "inputExpr",
                           mr__quoted_expr(bind->arena, arg->sql));
        if (!mr__arg_i64(arg, &accuracy))
            return fail_null(bind, "accuracy", err);
        if (accuracy <= 0 || accuracy > INT32_MAX)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "exprName", "accuracy",
                           "valueRange", "(0, 2147483647]", "currentValue",
                           mr_arena_printf(bind->arena, "%lldL", (long long)accuracy));
    }
    data->kind = QUANT_APPROX;
    agg->type = data->is_array ? mr_type_array(bind->arena, type, false) : type;
    agg->data = data;
    return MR_OK;
}

/* --- mode ------------------------------------------------------------------------------------- */

typedef struct ModeState {
    MrValueList list;
} ModeState;

typedef struct ModeData {
    bool lowest,
        highest; /* which of equally frequent values; neither: as Spark's hash table has them */
} ModeData;

static MrStatus mode_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    for (MR_EACH(call, i, row))
        if (!mr_arg_null(call->args[0], row))
            mr__list_push(&MR_STATE(ModeState, i)->list, call->agg->arg_types[0], call->arena,
                          call->args[0], mr_arg_row(call->args[0], row));
    return MR_OK;
}

static MrStatus mode_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    ModeState *mine = to;
    const ModeState *other = from;
    for (int64_t i = 0; i < other->list.n; i++)
        mr__list_push(&mine->list, call->agg->arg_types[0], call->arena, other->list.vec, i);
    return MR_OK;
}

/* The places of a list's values in their order, by merging runs: equal values keep their order. */
static void places_sort(const MrVector *vec, int64_t *places, int64_t *spare, int64_t n)
{
    if (n < 2)
        return;
    int64_t half = n / 2, a = 0, b = half;
    places_sort(vec, places, spare, half);
    places_sort(vec, places + half, spare, n - half);
    for (int64_t i = 0; i < n; i++) {
        mr_poll_item(i);
        bool left = b >= n || (a < half && mr_vector_compare(vec, places[a], vec, places[b]) <= 0);
        spare[i] = left ? places[a++] : places[b++];
    }
    mr_copy(places, spare, n * (int64_t)sizeof *places);
}

/* The hash of a value as the JVM has it, spread once more as Spark's OpenHashSet does. */
static uint32_t jvm_hash(const MrVector *vec, int64_t row)
{
    int64_t bits = 0;
    switch (vec->type->kind) {
    case MR_TYPE_BOOLEAN:
        return mr_murmur3_i32(vec->i8[row] ? 1231 : 1237, 0);
    case MR_TYPE_DOUBLE: {
        double value = vec->f64[row];
        memcpy(&bits, &value, 8);
        break;
    }
    case MR_TYPE_STRING:
        return mr_murmur3_i32(
            (int32_t)mr_murmur3_bytes(mr_str_data(&vec->str[row]), vec->str[row].size_bytes, 42),
            0);
    default:
        switch (mr_type_physical(vec->type)) {
        case MR_PHYS_I8:
            return mr_murmur3_i32(vec->i8[row], 0);
        case MR_PHYS_I16:
            return mr_murmur3_i32(vec->i16[row], 0);
        case MR_PHYS_I32:
        case MR_PHYS_F32:
            return mr_murmur3_i32(vec->i32[row], 0);
        case MR_PHYS_I64:
            bits = vec->i64[row];
            break;
        default:
            return 0; /* in the order of the rows */
        }
    }
    return mr_murmur3_i32((int32_t)(bits ^ (int64_t)((uint64_t)bits >> 32)), 0);
}

typedef struct Counted {
    int64_t place, n; /* of the value's first row in the list; n 0: a free slot */
} Counted;

/* Puts a value into a table whose size is a power of two, at Spark's probing places. */
static void counted_put(Counted *slots, int64_t n_slots, const MrVector *vec, Counted value)
{
    int64_t slot = jvm_hash(vec, value.place) & (n_slots - 1);
    for (int64_t step = 1; slots[slot].n != 0; step++)
        slot = (slot + step) & (n_slots - 1);
    slots[slot] = value;
}

/* The most frequent value; of several, the one that Spark meets first in its hash table. */
static int64_t mode_by_table(const MrValueList *list, const Counted *values, int64_t n_values,
                             MrArena *arena)
{
    int64_t n_slots = 64;
    Counted *slots = MR_NEW_N(arena, Counted, n_slots), best = {0};
    for (int64_t i = 0; i < n_values; i++) {
        counted_put(slots, n_slots, list->vec, values[i]);
        if (i + 1 <= (int64_t)(0.7 * (double)n_slots))
            continue;
        Counted *more = MR_NEW_N(arena, Counted, 2 * n_slots);
        for (int64_t k = 0; k < n_slots; k++)
            if (slots[k].n)
                counted_put(more, 2 * n_slots, list->vec, slots[k]);
        slots = more;
        n_slots *= 2;
    }
    for (int64_t k = 0; k < n_slots; k++)
        if (slots[k].n > best.n)
            best = slots[k];
    return best.place;
}

static int counted_compare(const void *a, const void *b)
{
    int64_t x = ((const Counted *)a)->place, y = ((const Counted *)b)->place;
    return x < y ? -1 : x > y;
}

static MrStatus mode_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                            MrVector *out, MrError *err)
{
    const ModeData *data = call->agg->data;
    for (int32_t i = 0; i < n; i++) {
        const MrValueList *list = &MR_STATE(ModeState, i)->list;
        if (list->n == 0) {
            mr_vector_set_null(call->arena, out, i, n);
            continue;
        }
        int64_t *places = mr_arena_alloc(call->arena, 16 * list->n);
        for (int64_t k = 0; k < list->n; k++)
            places[k] = k;
        if (mr_type_is_orderable(out->type))
            places_sort(list->vec, places, places + list->n, list->n);
        Counted *values = mr_arena_alloc(call->arena, (int64_t)sizeof(Counted) * list->n);
        int64_t n_values = 0, best = 0, n_best = 0;
        for (int64_t from = 0, to; from < list->n; from = to) {
            for (to = from + 1; to < list->n && mr_vector_row_equal(list->vec, places[from],
                                                                    list->vec, places[to]);)
                mr_poll_item(to++);
            values[n_values++] = (Counted){places[from], to - from};
            if (to - from > n_best || (to - from == n_best && data->highest)) {
                best = places[from];
                n_best = to - from;
            }
        }
        if (!data->lowest && !data->highest) {
            qsort(values, (size_t)n_values, sizeof(Counted), counted_compare);
            best = mode_by_table(list, values, n_values, call->arena);
        }
        mr_vector_copy_row(call->arena, list->vec, best, out, i);
    }
    return MR_OK;
}

static MrStatus mode_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    const ModeState *mode = state;
    return mr__list_save(&mode->list, out, err);
}

static MrStatus mode_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    ModeState *mode = state;
    return mr__list_load(&mode->list, call->agg->arg_types[0], call->arena, reader, err);
}

static MrStatus mode_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    ModeData *data = MR_NEW(bind->arena, ModeData);
    int64_t value = 0;
    if (bind->n_args > 1) {
        const MrArgInfo *arg = &bind->args[1];
        if (!arg->value)
            return MR_FAIL(err, MR_COND_NON_FOLDABLE_ARGUMENT, "funcName", "`mode`", "paramName",
                           "`deterministic`", "paramType", "\"BOOLEAN\"");
        if (mr_vector_is_null(arg->value, 0))
            return fail_null(bind, "`deterministic`", err);
        if (arg->type->kind != MR_TYPE_BOOLEAN)
            return MR_FAIL(err, MR_COND_UNEXPECTED_INPUT_TYPE, "functionName", "`mode`",
                           "paramIndex", "second", "requiredType", "\"BOOLEAN\"", "inputSql",
                           mr__quoted_expr(bind->arena, arg->sql), "inputType",
                           mr__quoted_type(bind->arena, arg->type));
        (void)mr__arg_i64(arg, &value);
        data->lowest = value != 0;
    }
    if (bind->n_args > 2 && mr__arg_i64(&bind->args[2], &value)) { /* WITHIN GROUP: descending? */
        data->highest = value != 0;
        data->lowest = value == 0;
    }
    agg->data = data;
    return MR_OK;
}

#define QUANT_CALLS                                                                                \
    (int32_t)sizeof(QuantState), NULL, quant_update, NULL, quant_merge, quant_finish, quant_save,  \
        quant_load

const MrAggregateDef mr_aggregates_quantile[] = {
    {"percentile", "any, any, any? -> bind", 0, QUANT_CALLS, percentile_bind,
     "Exact percentile, between values by their distance.", "percentile(1, 0.5) = 1.0D"},
    {"median", "any -> bind", MR_AGG_SKIPS_NULL, QUANT_CALLS, median_bind, "The middle value.",
     "median(1) = 1.0D"},
    {"percentile_cont", "any, any, boolean? -> bind", 0, QUANT_CALLS, ordered_bind,
     "Percentile, between values by their distance.", NULL},
    {"percentile_disc", "any, any, boolean? -> bind", 0, QUANT_CALLS, ordered_bind,
     "Percentile, always one of the values.", NULL},
    {"percentile_approx", "any, any, any? -> bind", 0, QUANT_CALLS, approx_bind,
     "Percentile, one of the values.", "percentile_approx(1, 0.5) = 1"},
    {"approx_percentile", "any, any, any? -> bind", 0, QUANT_CALLS, approx_bind,
     "Percentile, one of the values.", "approx_percentile(1, 0.5) = 1"},
    {"mode", "any, any?, boolean? -> same", 0, (int32_t)sizeof(ModeState), NULL, mode_update, NULL,
     mode_merge, mode_finish, mode_save, mode_load, mode_bind, "The most frequent value.",
     "mode(1) = 1"},
    {0},
};
