/* op_watermark.c - sees event times.
 *
 * Computes:  its input.  The highest event time seen, minus the delay, is the watermark of the next
 * epoch. Changes:   passes weights on. Memory:    one batch. Blocking:  no. Snapshot:  none; the
 * stream layer keeps watermarks in its PLANNED records. Source:    Spark's rule: highest event time
 * seen - delay; NULLs are not seen. */
#include "exec/exec_int.h"

int64_t mr__event_time_us(const MrVector *vec, int64_t row)
{
    int64_t at;
    if (mr_vector_is_null(vec, row))
        return INT64_MAX;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    if (mr_type_physical(holder->type) == MR_PHYS_STRUCT) {
        if (holder->type->n_fields < 2 || mr_vector_is_null(holder->children[1], at))
            return INT64_MAX;
        return mr__event_time_us(holder->children[1], at);
    }
    if (mr_type_physical(holder->type) == MR_PHYS_I32) /* a date: its midnight */
        return (int64_t)holder->i32[at] * INT64_C(86400000000);
    return holder->i64[at];
}

int32_t mr__drop_late(MrBatch *batch, const MrVector *time, int64_t late_us)
{
    if (late_us == MR_TIME_MIN || batch->n_sel == 0)
        return 0;
    int32_t n = 0, n_before = batch->n_sel;
    uint16_t *sel = mr_arena_alloc(&batch->arena, n_before * (int64_t)sizeof *sel);
    for (int32_t i = 0; i < n_before; i++) {
        int32_t row = mr_batch_row(batch, i);
        sel[n] = (uint16_t)row;
        n += mr__event_time_us(time, row) > late_us;
    }
    batch->sel = sel;
    batch->n_sel = n;
    return n_before - n;
}

static int64_t mark_us(const MrOp *op, int64_t us)
{
    return us == MR_TIME_MIN || us < INT64_MIN + op->phys->lag_us ? MR_TIME_MIN
                                                                  : us - op->phys->lag_us;
}

int64_t mr__late_us(const MrOp *op)
{
    return mark_us(op, op->context->barrier->late_us);
}

int64_t mr__evict_us(const MrOp *op)
{
    return mark_us(op, op->context->barrier->evict_us);
}

/* A time that is further ahead of the clock is counted: a wrong one closes all that is open. */
#define AHEAD_US INT64_C(86400000000)

typedef struct Watermark {
    MrOp op;
    MrBatch *held;
    int64_t epoch; /* of seen */
    MrEventTimes seen;
} Watermark;

typedef struct WatermarkShared {
    int64_t delay_us, max_ahead_us; /* max_ahead_us: later times do not count; 0: all do */
    _Atomic int64_t highest_us;
    MrArena arena;
    Watermark **workers;
    int32_t n_workers;
} WatermarkShared;

static MrStatus watermark_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                      MrError *err)
{
    WatermarkShared *shared = arg;
    const MrSettings *settings = context->eval->settings;
    const char *value =
        settings->get ? settings->get(settings->conf, "millrace.watermark.maxAheadSeconds") : NULL;
    int64_t max_ahead_s = 0;
    mr_arena_init(&shared->arena, context->budget);
    shared->n_workers = context->n_workers;
    shared->workers = MR_NEW_N(&shared->arena, Watermark *, context->n_workers);
    shared->delay_us = phys->watermark.delay_us;
    if (value && mr_text_to_i64(mr_text(value), &max_ahead_s) && max_ahead_s > 0 &&
        __builtin_mul_overflow(max_ahead_s, INT64_C(1000000), &shared->max_ahead_us))
        shared->max_ahead_us = 0;
    atomic_store(&shared->highest_us, MR_TIME_MIN);
    return MR_OK;
}

static void watermark_shared_close(void *arg)
{
    mr_arena_deinit(&((WatermarkShared *)arg)->arena);
}

static MrStatus watermark_open(MrOp *op, MrError *err)
{
    ((WatermarkShared *)op->shared)->workers[op->context->worker_idx] = (Watermark *)op;
    return MR_OK;
}

static void watermark_close(MrOp *op)
{
    WatermarkShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == (Watermark *)op)
        shared->workers[op->context->worker_idx] = NULL;
    mr_batch_destroy(((Watermark *)op)->held);
}

static void times_add(MrEventTimes *to, const MrEventTimes *from)
{
    if (from->n > 0 && (to->n == 0 || from->min_us < to->min_us))
        to->min_us = from->min_us;
    if (from->n > 0 && (to->n == 0 || from->max_us > to->max_us))
        to->max_us = from->max_us;
    to->n += from->n;
    to->n_null += from->n_null;
    to->n_ahead += from->n_ahead;
    to->sum_us += from->sum_us;
}

/* The live rows' times; *highest_us: the highest that counts. */
static MrEventTimes times_of(const MrBatch *batch, const MrVector *times, int64_t now_us,
                             int64_t max_us, int64_t *highest_us)
{
    MrEventTimes seen = {.min_us = INT64_MAX, .max_us = INT64_MIN};
    int64_t ahead_us = now_us > INT64_MAX - AHEAD_US ? INT64_MAX : now_us + AHEAD_US;
    *highest_us = MR_TIME_MIN;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int64_t row = mr_batch_row(batch, i), at;
        const MrVector *holder = mr_vector_at(times, row, &at);
        if (mr_vector_is_null(times, row)) {
            seen.n_null++;
            continue;
        }
        int64_t us = holder->i64[at];
        seen.n++;
        seen.n_ahead += us > ahead_us;
        seen.sum_us += (double)us;
        seen.min_us = us < seen.min_us ? us : seen.min_us;
        seen.max_us = us > seen.max_us ? us : seen.max_us;
        if (us > *highest_us && us <= max_us)
            *highest_us = us;
    }
    return seen;
}

static MrStatus watermark_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Watermark *self = (Watermark *)op;
    WatermarkShared *shared = op->shared;
    const MrVector *times = batch->cols[op->phys->watermark.time_col];
    int64_t now_us = op->context->eval->now_us, highest_us, max_us = INT64_MAX;
    self->held = batch;
    if (mr_type_physical(times->type) == MR_PHYS_STRUCT) /* a window: its end */
        times = times->encoding == MR_FLAT || times->encoding == MR_CONSTANT ? times->children[1]
                                                                             : NULL;
    if (!times)
        return MR_FAIL_UNSUPPORTED(err, "a watermark on an encoded window");
    if (shared->max_ahead_us > 0 && __builtin_add_overflow(now_us, shared->max_ahead_us, &max_us))
        max_us = INT64_MAX;
    MrEventTimes seen = times_of(batch, times, now_us, max_us, &highest_us);
    if (self->epoch != op->context->barrier->epoch)
        self->seen = (MrEventTimes){0};
    self->epoch = op->context->barrier->epoch;
    times_add(&self->seen, &seen);
    int64_t before = atomic_load_explicit(&shared->highest_us, memory_order_relaxed);
    while (highest_us > before &&
           !atomic_compare_exchange_weak(&shared->highest_us, &before, highest_us))
        ;
    return MR_OK;
}

static MrStatus watermark_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    *out = mr_batch_take(&((Watermark *)op)->held);
    *step = *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

int64_t mr__watermark_us(void *arg)
{
    WatermarkShared *shared = arg;
    int64_t highest_us = atomic_load(&shared->highest_us);
    if (highest_us == MR_TIME_MIN || highest_us < INT64_MIN + shared->delay_us)
        return MR_TIME_MIN;
    return highest_us - shared->delay_us;
}

MrEventTimes mr__watermark_times(void *arg, int64_t epoch)
{
    WatermarkShared *shared = arg;
    MrEventTimes all = {0};
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w] && shared->workers[w]->epoch == epoch)
            times_add(&all, &shared->workers[w]->seen);
    return all;
}

const MrOpType mr__op_watermark = {
    .name = "Watermark",
    .size_bytes = sizeof(Watermark),
    .shared_bytes = sizeof(WatermarkShared),
    .n_inputs = 1,
    .shared_open = watermark_shared_open,
    .shared_close = watermark_shared_close,
    .open = watermark_open,
    .close = watermark_close,
    .push = watermark_push,
    .pull = watermark_pull,
};
