/* window_core.c - see window_core.h. */
#include "exec/window_core.h"

#include "function/calendar.h"
#include "function/time_zone.h"
#include <math.h>

static bool rows_equal(MrVector *const *cols, int32_t n, int64_t a, int64_t b)
{
    for (int32_t c = 0; c < n; c++)
        if (!mr_vector_row_equal(cols[c], a, cols[c], b))
            return false;
    return true;
}

/* from[i], to[i]: the run of rows equal in cols around row i, inside [within_from, within_to). */
static void find_runs(const MrWindowRows *rows, MrVector *const *cols, int32_t n_cols,
                      const int64_t *within_to, int64_t *from, int64_t *to)
{
    for (int64_t start = 0; start < rows->n_rows;) {
        int64_t end = start + 1, limit = within_to ? within_to[start] : rows->n_rows;
        while (end < limit && rows_equal(cols, n_cols, start, end))
            mr_poll_item(end++);
        for (int64_t i = start; i < end; i++) {
            mr_poll_item(i);
            from[i] = start;
            to[i] = end;
        }
        start = end;
    }
}

void mr__window_bounds(const MrWindowRows *rows, MrWindowBounds *bounds)
{
    int64_t bytes = (rows->n_rows + 1) * (int64_t)sizeof(int64_t);
    bounds->partition_from = mr_arena_alloc(rows->arena, bytes);
    bounds->partition_to = mr_arena_alloc(rows->arena, bytes);
    bounds->peer_from = mr_arena_alloc(rows->arena, bytes);
    bounds->peer_to = mr_arena_alloc(rows->arena, bytes);
    find_runs(rows, rows->partition, rows->n_partition, NULL, bounds->partition_from,
              bounds->partition_to);
    find_runs(rows, rows->order, rows->n_order, bounds->partition_to, bounds->peer_from,
              bounds->peer_to);
}

/* -- ranks ------------------------------------------------------------------------------------ */

static void put_number(MrVector *out, int64_t row, int64_t value)
{
    if (mr_type_physical(out->type) == MR_PHYS_I64)
        out->i64[row] = value;
    else
        out->i32[row] = (int32_t)value;
}

static int64_t constant_of(const MrVector *vec, int64_t fallback)
{
    int64_t at;
    if (!vec || vec->n_items == 0 || mr_vector_is_null(vec, 0))
        return fallback;
    const MrVector *holder = mr_vector_at(vec, 0, &at);
    return mr_vector_integer(holder, at);
}

bool mr__window_streams(const MrExpr *expr, bool *peers)
{
    const MrWindowFrame *frame = &expr->window.frame;
    *peers = expr->window.kind != MR_WINDOW_ROW_NUMBER;
    switch (expr->window.kind) {
    case MR_WINDOW_ROW_NUMBER:
    case MR_WINDOW_RANK:
    case MR_WINDOW_DENSE_RANK:
        return true;
    case MR_WINDOW_AGGREGATE:
        *peers = !frame->rows;
        return frame->from_edge == MR_FRAME_UNBOUNDED && frame->to_edge == MR_FRAME_CURRENT;
    default:
        return false;
    }
}

void mr__window_carry_close(MrWindowCarry *carry)
{
    if (carry->open)
        mr_arena_deinit(&carry->arena);
    *carry = (MrWindowCarry){0};
}

static void compute_rank(const MrWindowRows *rows, const MrWindowBounds *bounds, const MrExpr *expr,
                         MrVector *const *args, MrVector *out)
{
    bool continues = rows->continues && rows->carry;
    int64_t dense = continues ? rows->carry->dense : 0,
            n_tiles = expr->n_args > 0 ? constant_of(args[0], 1) : 1;
    for (int64_t i = 0; i < rows->n_rows; i++) {
        int64_t from = bounds->partition_from[i], n = bounds->partition_to[i] - from;
        mr_poll_item(i);
        int64_t before = continues && from == 0 ? rows->carry->n_before : 0;
        int64_t rank = bounds->peer_from[i] - from + 1 + before;
        switch (expr->window.kind) {
        case MR_WINDOW_ROW_NUMBER:
            put_number(out, i, i - from + 1 + before);
            break;
        case MR_WINDOW_RANK:
            put_number(out, i, rank);
            break;
        case MR_WINDOW_DENSE_RANK:
            dense = i == from && before == 0 ? 1 : bounds->peer_from[i] == i ? dense + 1 : dense;
            put_number(out, i, dense);
            break;
        case MR_WINDOW_PERCENT_RANK:
            out->f64[i] = n > 1 ? (double)(rank - 1) / (double)(n - 1) : 0.0;
            break;
        case MR_WINDOW_CUME_DIST:
            out->f64[i] = (double)(bounds->peer_to[i] - from) / (double)n;
            break;
        case MR_WINDOW_NTILE: {
            /* The first n % n_tiles tiles have one row more. */
            int64_t small = n / n_tiles, n_big = n % n_tiles, at = i - from;
            int64_t big_rows = n_big * (small + 1);
            put_number(out, i,
                       at < big_rows ? at / (small + 1) + 1
                                     : n_big + (small > 0 ? (at - big_rows) / small : 0) + 1);
            break;
        }
        default:
            break;
        }
    }
    if (rows->carry && rows->goes_on) {
        rows->carry->n_before = rows->n_rows + (continues ? rows->carry->n_before : 0);
        rows->carry->dense = dense;
    }
}

/* -- frames ----------------------------------------------------------------------------------- */

typedef struct Frames {
    const MrWindowRows *rows;
    const MrWindowBounds *bounds;
    const MrWindowFrame *frame;
    const MrVector *from, *to; /* offsets */
} Frames;

static bool is_float(const MrType *type)
{
    return type->kind == MR_TYPE_FLOAT || type->kind == MR_TYPE_DOUBLE;
}

static double float_of(const MrVector *vec, int64_t row)
{
    int64_t at;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    switch (mr_type_physical(holder->type)) {
    case MR_PHYS_F32:
        return (double)holder->f32[at];
    case MR_PHYS_F64:
        return holder->f64[at];
    case MR_PHYS_I128:
        return mr_decimal_to_f64(holder->i128[at], holder->type->scale);
    default:
        return (double)constant_of(vec, 0);
    }
}

static MrI128 integer_of(const MrVector *vec, int64_t row)
{
    int64_t at;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    return mr_type_physical(holder->type) == MR_PHYS_I128 ? holder->i128[at]
                                                          : mr_vector_integer(holder, at);
}

/* A date or timestamp plus an interval of months, or of days of the session's zone. */
static int64_t time_shifted(const MrWindowRows *rows, const MrVector *key, int64_t row,
                            const MrVector *offset, bool descending)
{
    int64_t at, out, sign = descending ? -1 : 1, value = (int64_t)integer_of(key, row);
    const MrVector *holder = mr_vector_at(offset, 0, &at);
    MrTimeShift by = {0};
    if (offset->type->kind == MR_TYPE_INTERVAL) {
        MrInterval interval = holder->interval[at];
        by = (MrTimeShift){sign * interval.months, sign * interval.days, sign * interval.us};
    } else if (offset->type->kind == MR_TYPE_INTERVAL_YM) {
        by.months = sign * holder->i32[at];
    } else {
        by.days = sign * (holder->i64[at] / MR_US_PER_DAY);
        by.us = sign * (holder->i64[at] % MR_US_PER_DAY);
    }
    if (key->type->kind == MR_TYPE_DATE)
        return mr_days_add_months(value, by.months);
    const MrZone *zone = key->type->kind == MR_TYPE_TIMESTAMP ? rows->eval->settings->zone : NULL;
    if (mr_zone_add(zone, value, by, &out))
        return out;
    return by.months < 0 || by.days < 0 || by.us < 0 ? INT64_MIN : INT64_MAX;
}

/* Key of row, plus the offset, on one scale with the key of other: the sign of other - (row +
 * offset). */
static int offset_compare(const MrWindowRows *rows, int64_t row, const MrVector *offset,
                          int64_t other)
{
    const MrVector *key = rows->order[0];
    bool descending = rows->specs[0].descending;
    if (is_float(key->type)) {
        double bound = float_of(key, row) + (descending ? -1 : 1) * float_of(offset, 0),
               value = float_of(key, other);
        int c = (value > bound) - (value < bound);
        if (isnan(value) || isnan(bound)) /* NaN is one value, the largest */
            c = (isnan(value) != 0) - (isnan(bound) != 0);
        return descending ? -c : c;
    }
    MrI128 bound, value = integer_of(key, other);
    bool is_time = key->type->kind == MR_TYPE_TIMESTAMP || key->type->kind == MR_TYPE_TIMESTAMP_NTZ;
    if (is_time || offset->type->kind == MR_TYPE_INTERVAL_YM) {
        bound = time_shifted(rows, key, row, offset, descending);
    } else {
        MrI128 unit_key = 1, unit_offset = 1;
        if (key->type->kind == MR_TYPE_DATE && offset->type->kind == MR_TYPE_INTERVAL_DT)
            unit_key = INT64_C(86400000000);
        if (key->type->kind == MR_TYPE_DECIMAL) {
            int32_t offset_scale = offset->type->kind == MR_TYPE_DECIMAL ? offset->type->scale : 0;
            if (offset_scale < key->type->scale)
                unit_offset = mr_pow10_i128[key->type->scale - offset_scale];
            else
                unit_key = mr_pow10_i128[offset_scale - key->type->scale];
        }
        MrI128 delta = integer_of(offset, 0) * unit_offset;
        bound = integer_of(key, row) * unit_key + (descending ? -delta : delta);
        value *= unit_key;
    }
    int c = (value > bound) - (value < bound);
    return descending ? -c : c;
}

/* The first row of the partition, not before hint, that lies at (after: behind) the edge of row i's
 * frame. */
static int64_t range_edge(const Frames *frames, int64_t i, const MrVector *offset, bool after,
                          int64_t hint)
{
    const MrVector *key = frames->rows->order[0];
    int64_t to = frames->bounds->partition_to[i], j = hint;
    if (mr_vector_is_null(key, i))
        return after ? frames->bounds->peer_to[i] : frames->bounds->peer_from[i];
    for (; j < to; j++) {
        if (mr_vector_is_null(key, j)) {
            if (j < i)
                continue; /* NULLs first are outside */
            break;
        }
        int c = offset_compare(frames->rows, i, offset, j);
        if (after ? c > 0 : c >= 0)
            break;
    }
    return j;
}

/* Frame [*from, *to) of row i; hints: those of the row before in the partition. */
static void frame_of(const Frames *frames, int64_t i, int64_t *from, int64_t *to)
{
    const MrWindowFrame *frame = frames->frame;
    const MrWindowBounds *bounds = frames->bounds;
    int64_t start = bounds->partition_from[i], end = bounds->partition_to[i];
    int64_t hint_from = i > start ? *from : start, hint_to = i > start ? *to : start;
    if (frame->from_edge == MR_FRAME_UNBOUNDED)
        *from = start;
    else if (frame->from_edge == MR_FRAME_CURRENT)
        *from = frame->rows ? i : bounds->peer_from[i];
    else if (frame->rows)
        *from = i + constant_of(frames->from, 0);
    else
        *from = range_edge(frames, i, frames->from, false, hint_from);
    if (frame->to_edge == MR_FRAME_UNBOUNDED)
        *to = end;
    else if (frame->to_edge == MR_FRAME_CURRENT)
        *to = frame->rows ? i + 1 : bounds->peer_to[i];
    else if (frame->rows)
        *to = i + 1 + constant_of(frames->to, 0);
    else
        *to = range_edge(frames, i, frames->to, true, hint_to);
    if (*from < start)
        *from = start;
    if (*to > end)
        *to = end;
    if (*from > end)
        *from = end;
    if (*to < *from)
        *to = *from;
}

static MrStatus frames_init(Frames *frames, const MrWindowRows *rows, const MrWindowBounds *bounds,
                            const MrExpr *expr, MrError *err)
{
    const MrWindowFrame *frame = &expr->window.frame;
    *frames = (Frames){.rows = rows, .bounds = bounds, .frame = frame};
    if (frame->from_edge == MR_FRAME_OFFSET)
        MR_TRY(mr_expr_fold(rows->arena, rows->eval, frame->from, &frames->from, err));
    if (frame->to_edge == MR_FRAME_OFFSET)
        MR_TRY(mr_expr_fold(rows->arena, rows->eval, frame->to, &frames->to, err));
    bool calendar = (frames->from && frames->from->type->kind == MR_TYPE_INTERVAL) ||
                    (frames->to && frames->to->type->kind == MR_TYPE_INTERVAL);
    if (!frame->rows && calendar && rows->order[0]->type->kind == MR_TYPE_DATE)
        return MR_FAIL_UNSUPPORTED(err, "a RANGE frame over dates by a calendar interval");
    return MR_OK;
}

/* -- values of other rows --------------------------------------------------------------------- */

/* The n-th (from 0) row of [from, to) in this direction whose value counts, or -1. */
static int64_t nth_row(const MrVector *value, bool ignore_nulls, int64_t from, int64_t to,
                       int64_t n, int64_t step)
{
    if (!ignore_nulls) {
        int64_t i = step > 0 ? from + n : to - 1 - n;
        return i >= from && i < to ? i : -1;
    }
    for (int64_t i = step > 0 ? from : to - 1; i >= from && i < to; i += step) {
        mr_poll_item(i);
        if (!mr_vector_is_null(value, i) && n-- == 0)
            return i;
    }
    return -1;
}

static MrStatus compute_value(const MrWindowRows *rows, const MrWindowBounds *bounds,
                              const MrExpr *expr, MrVector *const *args, MrVector **out,
                              MrError *err)
{
    MrWindowKind kind = expr->window.kind;
    int32_t *from_row = mr_arena_alloc(rows->arena, (rows->n_rows + 1) * (int64_t)sizeof *from_row);
    bool ignore_nulls = expr->window.ignore_nulls;
    int64_t from = 0, to = 0, n = 0;
    Frames frames;
    bool shifts = kind == MR_WINDOW_LAG || kind == MR_WINDOW_LEAD;
    if (!shifts) {
        MR_TRY(frames_init(&frames, rows, bounds, expr, err));
        int32_t flag = kind == MR_WINDOW_NTH_VALUE ? 2 : 1;
        ignore_nulls = ignore_nulls || (expr->n_args > flag && constant_of(args[flag], 0) != 0);
        n = kind == MR_WINDOW_NTH_VALUE ? constant_of(args[1], 1) - 1 : 0;
    } else {
        n = expr->n_args > 1 ? constant_of(args[1], 1) : 1;
        n = kind == MR_WINDOW_LAG ? -n : n;
    }
    bool any_missing = false;
    for (int64_t i = 0; i < rows->n_rows; i++) {
        int64_t at = -1;
        mr_poll_item(i);
        if (shifts) {
            if (n == 0)
                at = i;
            else if (n > 0)
                at = nth_row(args[0], ignore_nulls, i + 1, bounds->partition_to[i], n - 1, 1);
            else
                at = nth_row(args[0], ignore_nulls, bounds->partition_from[i], i, -n - 1, -1);
        } else {
            frame_of(&frames, i, &from, &to);
            at = nth_row(args[0], ignore_nulls, from, to, n, kind == MR_WINDOW_LAST_VALUE ? -1 : 1);
        }
        any_missing = any_missing || at < 0;
        from_row[i] = at < 0 ? 0 : (int32_t)at;
        if (at < 0)
            from_row[i] = -1;
    }
    if (!any_missing) {
        *out = mr_vector_take_rows(rows->arena, args[0], from_row, rows->n_rows);
        return MR_OK;
    }
    int32_t *valid = mr_arena_alloc(rows->arena, (rows->n_rows + 1) * (int64_t)sizeof *valid);
    for (int64_t i = 0; i < rows->n_rows; i++)
        valid[i] = from_row[i] < 0 ? 0 : from_row[i];
    MrVector *result = mr_vector_take_rows(rows->arena, args[0], valid, rows->n_rows);
    const MrVector *fallback = shifts && expr->n_args > 2 ? args[2] : NULL;
    for (int64_t i = 0; i < rows->n_rows; i++) {
        mr_poll_item(i);
        if (from_row[i] >= 0)
            continue;
        if (fallback && !mr_vector_is_null(fallback, i)) {
            mr_vector_copy_row(rows->arena, fallback, i, result, i);
            if (result->validity)
                mr_bit_set(result->validity, i);
        } else {
            mr_vector_set_null(rows->arena, result, i, rows->n_rows);
        }
    }
    *out = result;
    return MR_OK;
}

/* -- aggregates over frames -------------------------------------------------------------------- */

typedef struct Running {
    const MrWindowRows *rows;
    const MrAggregate *agg;
    MrVector **args;
    MrVector *filter;
    int32_t n_args;
    char *state;
    MrArena arena; /* of the state */
    MrVector **views;
    MrVector *one; /* a result */
    int64_t *weights;
    char **groups;
    uint16_t *sel;
} Running;

/* A column as if it began at row base, a multiple of 64. */
static void view_init(MrVector *view, const MrVector *vec, int64_t base, int32_t n, MrArena *arena)
{
    *view = *vec;
    if (vec->encoding == MR_CONSTANT)
        return;
    view->n_items = n;
    if (vec->validity)
        view->validity = vec->validity + base / 64;
    MrPhysical physical = mr_type_physical(vec->type);
    if (physical == MR_PHYS_STRUCT) {
        view->children = MR_NEW_N(arena, MrVector *, vec->type->n_fields);
        for (int32_t f = 0; f < vec->type->n_fields; f++) {
            view->children[f] = MR_NEW(arena, MrVector);
            view_init(view->children[f], vec->children[f], base, n, arena);
        }
    } else if (vec->data) {
        view->data = (char *)vec->data + base * mr_physical_bytes(physical);
    }
}

static void state_reset(Running *self)
{
    mr_arena_reset(&self->arena);
    self->state = mr_arena_zeroed(&self->arena, self->agg->state_bytes + 16);
    if (self->agg->def->init)
        self->agg->def->init(self->agg, self->state);
}

static bool row_counts(const Running *self, int64_t row)
{
    if (self->filter) {
        int64_t at;
        const MrVector *holder = mr_vector_at(self->filter, row, &at);
        if (mr_vector_is_null(self->filter, row) || !holder->i8[at])
            return false;
    }
    if (self->agg->flags & MR_AGG_SKIPS_NULL)
        for (int32_t a = 0; a < self->n_args; a++)
            if (mr_vector_is_null(self->args[a], row))
                return false;
    return true;
}

/* Adds rows [from, to) to the state, or takes them away. */
static MrStatus state_add(Running *self, int64_t from, int64_t to, bool retract, MrError *err)
{
    MrArena *scratch = &self->arena;
    while (from < to) {
        int64_t base = from & ~INT64_C(63);
        int64_t end = base + MR_BATCH_ROWS < to ? base + MR_BATCH_ROWS : to;
        int32_t n = 0;
        mr_poll();
        for (int64_t row = from; row < end; row++) {
            self->sel[n] = (uint16_t)(row - base);
            n += row_counts(self, row);
        }
        for (int32_t a = 0; a < self->n_args; a++)
            view_init(self->views[a], self->args[a], base, (int32_t)(end - base), scratch);
        MrAggregateCall call = {.context = self->rows->eval,
                                .agg = self->agg,
                                .args = self->views,
                                .n = n,
                                .sel = self->sel,
                                .weights = retract ? self->weights : NULL,
                                .arena = &self->arena};
        if (n > 0 && self->agg->def->update_one) {
            MR_TRY(self->agg->def->update_one(&call, self->state, err));
        } else if (n > 0) {
            for (int32_t i = 0; i < n; i++)
                self->groups[i] = self->state;
            MR_TRY(self->agg->def->update(&call, self->groups, 0, err));
        }
        from = end;
    }
    return MR_OK;
}

/* The state's result to rows [from, to) of out. */
static MrStatus state_result(Running *self, MrVector *out, int64_t from, int64_t to, MrError *err)
{
    MrAggregateCall call = {
        .context = self->rows->eval, .agg = self->agg, .n = 1, .arena = self->rows->arena};
    MrPhysical physical = mr_type_physical(out->type);
    if (!self->one || physical == MR_PHYS_LIST || physical == MR_PHYS_STRUCT)
        self->one = mr_vector_create(self->rows->arena, out->type, 1);
    MrVector *one = self->one;
    one->n_items = 1;
    one->validity = NULL;
    MR_TRY(self->agg->def->finish(&call, &self->state, 0, 1, one, err));
    bool is_null = mr_vector_is_null(one, 0);
    for (int64_t row = from; row < to; row++) {
        mr_poll_item(row);
        if (is_null)
            mr_vector_set_null(self->rows->arena, out, row, self->rows->n_rows);
        else
            mr_vector_copy_row(self->rows->arena, one, 0, out, row);
    }
    return MR_OK;
}

static MrStatus compute_frames(Running *self, const Frames *frames, MrVector *out, MrError *err)
{
    const MrWindowRows *rows = self->rows;
    const MrWindowBounds *bounds = frames->bounds;
    bool retracts = (self->agg->flags & MR_AGG_RETRACTS) != 0;
    for (int32_t a = 0; a < self->n_args; a++)
        retracts = retracts && !is_float(self->args[a]->type); /* sums would drift */
    retracts = retracts && !is_float(self->agg->type);
    bool from_start = frames->frame->from_edge == MR_FRAME_UNBOUNDED;
    bool to_end = frames->frame->to_edge == MR_FRAME_UNBOUNDED;
    for (int64_t start = 0; start < rows->n_rows;) {
        int64_t end = bounds->partition_to[start], from = start, to = start, has_from = start,
                has_to = start;
        if (start > 0 || !self->state) /* else the state of an earlier piece */
            state_reset(self);
        if (to_end && !from_start && !(self->agg->flags & MR_AGG_ORDERED)) {
            /* The frame only grows when one goes backwards. */
            int64_t *froms = mr_arena_alloc(rows->arena, (end - start) * (int64_t)sizeof *froms);
            for (int64_t i = start; i < end; i++) {
                frame_of(frames, i, &from, &to);
                froms[i - start] = from;
            }
            has_from = end;
            for (int64_t i = end - 1; i >= start; i--) {
                if (froms[i - start] < has_from) {
                    MR_TRY(state_add(self, froms[i - start], has_from, false, err));
                    has_from = froms[i - start];
                }
                MR_TRY(state_result(self, out, i, i + 1, err));
            }
            start = end;
            continue;
        }
        for (int64_t i = start; i < end;) {
            int64_t same = i + 1;
            frame_of(frames, i, &from, &to);
            if (from > has_from && !(retracts && from <= has_to)) {
                state_reset(self); /* begin anew */
                has_from = has_to = from;
            } else if (from > has_from) {
                MR_TRY(state_add(self, has_from, from, true, err));
                has_from = from;
            }
            if (to > has_to) {
                MR_TRY(state_add(self, has_to, to, false, err));
                has_to = to;
            }
            /* Rows with the same frame have the same result. */
            int64_t next_from = from, next_to = to;
            while (same < end) {
                mr_poll_item(same);
                frame_of(frames, same, &next_from, &next_to);
                if (next_from != from || next_to != to)
                    break;
                same++;
            }
            MR_TRY(state_result(self, out, i, same, err));
            i = same;
        }
        start = end;
    }
    return MR_OK;
}

static MrStatus compute_aggregate(const MrWindowRows *rows, const MrWindowBounds *bounds,
                                  const MrExpr *expr, MrVector **args, MrVector *filter,
                                  MrVector *out, MrError *err)
{
    Frames frames;
    MrStatus status = MR_OK;
    if (expr->window.distinct && !(expr->window.agg->flags & MR_AGG_IGNORES_DISTINCT))
        return MR_FAIL_UNSUPPORTED(err, "DISTINCT in a window function");
    MR_TRY(frames_init(&frames, rows, bounds, expr, err));
    Running *self = MR_NEW(rows->arena, Running);
    *self = (Running){.rows = rows,
                      .agg = expr->window.agg,
                      .args = args,
                      .filter = filter,
                      .n_args = expr->n_args};
    self->views = MR_NEW_N(rows->arena, MrVector *, expr->n_args + 1);
    for (int32_t a = 0; a < expr->n_args; a++)
        self->views[a] = MR_NEW(rows->arena, MrVector);
    self->sel = mr_arena_alloc(rows->arena, (MR_BATCH_ROWS + 64) * (int64_t)sizeof *self->sel);
    self->groups =
        mr_arena_alloc(rows->arena, (MR_BATCH_ROWS + 64) * (int64_t)sizeof *self->groups);
    self->weights =
        mr_arena_alloc(rows->arena, (MR_BATCH_ROWS + 64) * (int64_t)sizeof *self->weights);
    for (int32_t i = 0; i < MR_BATCH_ROWS + 64; i++)
        self->weights[i] = -1;
    mr_arena_init(&self->arena, rows->budget);
    MrWindowCarry *carry = rows->carry;
    if (carry && carry->open && rows->continues) {
        self->arena = carry->arena;
        self->state = carry->state;
        carry->open = false;
    }
    MrStatus guarded = MR_OK;
    MR_GUARD_BEGIN(guarded, err)
        status = compute_frames(self, &frames, out, err);
    MR_GUARD_END(guarded)
    if (carry && rows->goes_on && guarded == MR_OK) {
        mr__window_carry_close(carry);
        *carry = (MrWindowCarry){.arena = self->arena, .state = self->state, .open = true};
    } else {
        mr_arena_deinit(&self->arena);
    }
    return guarded != MR_OK ? guarded : status;
}

MrStatus mr__window_compute(const MrWindowRows *rows, const MrWindowBounds *bounds,
                            const MrExpr *expr, MrVector **args, MrVector *filter, MrVector **out,
                            MrError *err)
{
    switch (expr->window.kind) {
    case MR_WINDOW_LAG:
    case MR_WINDOW_LEAD:
    case MR_WINDOW_FIRST_VALUE:
    case MR_WINDOW_LAST_VALUE:
    case MR_WINDOW_NTH_VALUE:
        return compute_value(rows, bounds, expr, args, out, err);
    default:
        break;
    }
    *out = mr_vector_create(rows->arena, expr->type, rows->n_rows);
    (*out)->n_items = (int32_t)rows->n_rows;
    if (expr->window.kind == MR_WINDOW_AGGREGATE)
        return compute_aggregate(rows, bounds, expr, args, filter, *out, err);
    compute_rank(rows, bounds, expr, args, *out);
    return MR_OK;
}
