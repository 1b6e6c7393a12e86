/* run_cursor.c - a run whose rows are pulled: it pushes them from a thread of its own through a
 * short queue, or, when it has next to nothing to do, before the first of them is read. */
#include "exec/run_int.h"

/* A caller who is slower than the run must not fill the memory that it needs. */
static bool cursor_full(const MrRun *run)
{
    const Cursor *cursor = &run->cursor;
    return cursor->n_queued == cursor->cap ||
           (cursor->n_queued > 0 && cursor->queued_bytes > mr_budget_left(run->options.budget) / 8);
}

static MrStatus cursor_consume(void *self, int32_t worker_idx, const MrEvalContext *context,
                               MrBatch *batch, MrError *err)
{
    MrRun *run = self;
    Cursor *cursor = &run->cursor;
    MrStatus status = MR_OK;
    if (cursor->mutex)
        mr_mutex_lock(cursor->mutex);
    while (cursor->bounded && cursor_full(run) && !mr__run_stopped(run))
        mr_cond_wait_us(cursor->changed, cursor->mutex, 20000);
    if (cursor->bounded && cursor->n_queued == cursor->cap) {
        status = mr__check_stopped(run, err);
        if (status == MR_OK)
            status = MR_FAIL(err, MR_COND_OPERATION_CANCELED);
    } else if (cursor->n_queued == cursor->cap) {
        int64_t old_bytes = cursor->cap * (int64_t)sizeof *cursor->queue;
        void *queue = cursor->queue;
        status = mr_budget_resize(run->options.budget, &queue, &old_bytes, old_bytes * 2, err);
        if (status == MR_OK) {
            cursor->queue = queue;
            cursor->cap *= 2;
        }
    }
    if (status == MR_OK) {
        cursor->queue[(cursor->first + cursor->n_queued++) % cursor->cap] = batch;
        cursor->queued_bytes += batch->arena.used_bytes;
    } else {
        mr_batch_destroy(batch);
    }
    if (cursor->mutex) {
        mr_cond_signal_all(cursor->changed);
        mr_mutex_unlock(cursor->mutex);
    }
    return status;
}

static void cursor_thread(void *arg)
{
    MrRun *run = arg;
    Cursor *cursor = &run->cursor;
    MrRunOutput output = {cursor_consume, run};
    MrError err = {0};
    MrStatus status = mr__epoch_run(run, &output, &err);
    mr_mutex_lock(cursor->mutex);
    cursor->done = true;
    cursor->status = status;
    cursor->err = err;
    mr_cond_signal_all(cursor->changed);
    mr_mutex_unlock(cursor->mutex);
}

#define CURSOR_QUEUE 64

static MrStatus cursor_start(MrRun *run, int64_t now_us, uint64_t seed, MrError *err)
{
    Cursor *cursor = &run->cursor;
    MrBarrier barrier = {.late_us = MR_TIME_MIN, .evict_us = MR_TIME_MIN, .ended = true};
    void *queue = NULL;
    MR_TRY(mr__epoch_begin(run, &barrier, now_us, seed, err));
    MR_TRY(mr_budget_alloc(run->options.budget, CURSOR_QUEUE * (int64_t)sizeof(MrBatch *), &queue,
                           err));
    cursor->queue = queue;
    cursor->cap = CURSOR_QUEUE;
    cursor->started = true;
    if (run->tiny) { /* no thread for SELECT 1 */
        MrRunOutput output = {cursor_consume, run};
        cursor->status = mr__epoch_run(run, &output, &cursor->err);
        cursor->done = true;
        return MR_OK;
    }
    cursor->bounded = true;
    MR_TRY(mr_mutex_create(run->options.budget, &cursor->mutex, err));
    MR_TRY(mr_cond_create(run->options.budget, &cursor->changed, err));
    return mr_thread_start(run->options.budget, cursor_thread, run, &cursor->thread, err);
}

MrStatus mr_run_next(MrRun *run, int64_t now_us, uint64_t seed, MrBatch **out, MrError *err)
{
    Cursor *cursor = &run->cursor;
    MrStatus status = MR_OK;
    if (!cursor->started) {
        if (run->broken)
            return MR_FAIL_INTERNAL(err, "a run that failed was asked to go on");
        status = cursor_start(run, now_us, seed, err);
        if (status != MR_OK) {
            run->broken = true;
            return status;
        }
    }
    *out = NULL;
    if (cursor->mutex)
        mr_mutex_lock(cursor->mutex);
    while (cursor->n_queued == 0 && !cursor->done)
        mr_cond_wait(cursor->changed, cursor->mutex);
    if (cursor->n_queued > 0) {
        *out = cursor->queue[cursor->first];
        cursor->first = (cursor->first + 1) % cursor->cap;
        cursor->n_queued--;
        cursor->queued_bytes -= (*out)->arena.used_bytes;
        if (cursor->mutex)
            mr_cond_signal_all(cursor->changed);
    } else if (cursor->status != MR_OK) {
        *err = cursor->err;
        status = cursor->status;
    }
    if (cursor->mutex)
        mr_mutex_unlock(cursor->mutex);
    return status;
}

void mr__cursor_stop(MrRun *run)
{
    Cursor *cursor = &run->cursor;
    atomic_store(&cursor->stop, true);
    if (cursor->thread) {
        mr_mutex_lock(cursor->mutex);
        mr_cond_signal_all(cursor->changed);
        mr_mutex_unlock(cursor->mutex);
        mr_thread_join(cursor->thread);
    }
    for (int64_t i = 0; i < cursor->n_queued; i++)
        mr_batch_destroy(cursor->queue[(cursor->first + i) % cursor->cap]);
    mr_budget_free(run->options.budget, cursor->queue,
                   cursor->cap * (int64_t)sizeof *cursor->queue);
    if (cursor->changed)
        mr_cond_destroy(cursor->changed);
    if (cursor->mutex)
        mr_mutex_destroy(cursor->mutex);
}
