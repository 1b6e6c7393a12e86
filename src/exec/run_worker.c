/* run_worker.c - what one worker does in a phase, and the threads that do it. */
#include "exec/run_int.h"

/* -- what one worker does --------------------------------------------------------------------- */

bool mr__run_stopped(const MrRun *run)
{
    return atomic_load_explicit(&run->failed, memory_order_relaxed) ||
           (run->options.canceled &&
            atomic_load_explicit(run->options.canceled, memory_order_relaxed)) ||
           atomic_load_explicit(&run->cursor.stop, memory_order_relaxed);
}

MrStatus mr__check_stopped(const MrRun *run, MrError *err)
{
    return mr__run_stopped(run) ? MR_FAIL(err, MR_COND_OPERATION_CANCELED) : MR_OK;
}

bool mr__chain_sated(const Worker *worker, const RunNode *node)
{
    for (const RunNode *child = node; child->parent; child = child->parent) {
        const RunNode *parent = child->parent;
        const MrOp *op = parent->instances[worker->idx].op;
        if (op && op->sated)
            return true;
        bool built = child->input_idx == 1 && (parent->phys->kind == MR_PHYS_OP_HASH_JOIN ||
                                               parent->phys->kind == MR_PHYS_OP_LOOP_JOIN);
        if (parent->type->blocking || built)
            return false;
    }
    return false;
}

static MrStatus worker_drain(Worker *worker, RunNode *node);

/* Takes the batch that node gave. */
static MrStatus worker_push_up(Worker *worker, RunNode *node, MrBatch *batch)
{
    MrRun *run = worker->run;
    RunNode *parent = node->parent;
    MrOpMetrics *metrics = &node->instances[worker->idx].metrics;
    metrics->rows_out += batch->n_sel;
    metrics->batches_out++;
    if (batch->n_sel == 0 || mr__chain_sated(worker, node)) {
        mr_batch_destroy(batch);
        return MR_OK;
    }
    if (!parent) {
        worker->at = NULL;
        return run->output->consume(run->output->self, worker->idx, &worker->eval, batch,
                                    &worker->err);
    }
    RunInstance *instance = &parent->instances[worker->idx];
    instance->metrics.rows_in += batch->n_sel;
    worker->at = parent;
    int64_t from_ns = run->options.os->tick_ns(run->options.os);
    MrStatus status = parent->type->push(instance->op, node->input_idx, batch, &worker->err);
    instance->metrics.time_ns += run->options.os->tick_ns(run->options.os) - from_ns;
    if (status != MR_OK || parent->type->blocking)
        return status;
    return worker_drain(worker, parent);
}

static MrStatus worker_drain(Worker *worker, RunNode *node)
{
    MrRun *run = worker->run;
    RunInstance *instance = &node->instances[worker->idx];
    if (!node->type->pull)
        return MR_OK;
    for (;;) {
        MrBatch *batch = NULL;
        MrStep step = MR_STEP_NEED_INPUT;
        MR_TRY(mr__check_stopped(run, &worker->err));
        if (mr__chain_sated(worker, node))
            return MR_OK;
        worker->at = node;
        int64_t from_ns = run->options.os->tick_ns(run->options.os);
        MrStatus status = node->type->pull(instance->op, &batch, &step, &worker->err);
        instance->metrics.time_ns += run->options.os->tick_ns(run->options.os) - from_ns;
        if (status != MR_OK)
            return status;
        if (step == MR_STEP_OUTPUT) {
            MR_TRY(worker_push_up(worker, node, batch));
        } else if (step == MR_STEP_BLOCKED) {
            run->options.os->sleep_us(run->options.os, 500);
        } else {
            return MR_OK;
        }
    }
}

static MrStatus worker_end_input(Worker *worker, const Phase *phase)
{
    RunNode *node = phase->node;
    RunInstance *instance = &node->instances[worker->idx];
    if (node->type->barrier) {
        worker->at = node;
        int64_t from_ns = worker->run->options.os->tick_ns(worker->run->options.os);
        MrStatus status = node->type->barrier(instance->op, phase->input_idx, &worker->run->barrier,
                                              &worker->err);
        instance->metrics.time_ns +=
            worker->run->options.os->tick_ns(worker->run->options.os) - from_ns;
        if (status != MR_OK)
            return status;
    }
    return phase->drain ? worker_drain(worker, node) : MR_OK;
}

static MrStatus worker_tasks(Worker *worker, Phase *phase)
{
    RunNode *node = phase->node;
    RunInstance *instance = &node->instances[worker->idx];
    MrOs *os = worker->run->options.os;
    for (;;) {
        int32_t task_idx = atomic_fetch_add_explicit(&phase->next_task, 1, memory_order_relaxed);
        if (task_idx >= phase->n_tasks)
            return MR_OK;
        MR_TRY(mr__check_stopped(worker->run, &worker->err));
        worker->at = node;
        int64_t from_ns = os->tick_ns(os);
        MrStatus status = node->type->finish_task(instance->op, phase->input_idx, task_idx,
                                                  &worker->run->barrier, &worker->err);
        instance->metrics.time_ns += os->tick_ns(os) - from_ns;
        if (status != MR_OK)
            return status;
    }
}

static void worker_run(Worker *worker, Phase *phase)
{
    MrStatus status = MR_OK;
    worker->err = (MrError){0};
    MR_GUARD_BEGIN(status, &worker->err)
        mr_guard_watch(worker->run->options.canceled);
        switch (phase->kind) {
        case PHASE_LEAF:
        case PHASE_DRAIN:
            status = worker_drain(worker, phase->node);
            break;
        case PHASE_END_INPUT:
            status = worker_end_input(worker, phase);
            break;
        case PHASE_TASKS:
            status = worker_tasks(worker, phase);
            break;
        }
    MR_GUARD_END(status)
    if (status != MR_OK) {
        if (worker->at)
            mr_error_add(&worker->err, "in operator %s", worker->at->type->name);
        atomic_store_explicit(&worker->run->failed, true, memory_order_relaxed);
    }
    worker->status = status;
}

/* -- the pool --------------------------------------------------------------------------------- */

static void pool_thread(void *arg)
{
    Worker *worker = arg;
    MrRun *run = worker->run;
    mr_mutex_lock(run->mutex);
    for (;;) {
        while (!run->quit && run->phase_number == worker->seen_phase)
            mr_cond_wait(run->phase_begins, run->mutex);
        if (run->quit)
            break;
        worker->seen_phase = run->phase_number;
        Phase *phase = run->phase;
        mr_mutex_unlock(run->mutex);
        if (worker->idx < phase->n_workers)
            worker_run(worker, phase);
        mr_mutex_lock(run->mutex);
        if (--run->n_running == 0)
            mr_cond_signal_all(run->phase_ends);
    }
    mr_mutex_unlock(run->mutex);
}

static MrStatus pool_start(MrRun *run, MrError *err)
{
    if (!run->mutex)
        MR_TRY(mr_mutex_create(run->options.budget, &run->mutex, err));
    if (!run->phase_begins)
        MR_TRY(mr_cond_create(run->options.budget, &run->phase_begins, err));
    if (!run->phase_ends)
        MR_TRY(mr_cond_create(run->options.budget, &run->phase_ends, err));
    for (int32_t w = 1; w < run->n_workers; w++) {
        Worker *worker = &run->workers[w];
        if (worker->thread)
            continue;
        worker->seen_phase = run->phase_number;
        MR_TRY(mr_thread_start(run->options.budget, pool_thread, worker, &worker->thread, err));
    }
    return MR_OK;
}

void mr__pool_stop(MrRun *run)
{
    if (run->mutex) {
        mr_mutex_lock(run->mutex);
        run->quit = true;
        if (run->phase_begins)
            mr_cond_signal_all(run->phase_begins);
        mr_mutex_unlock(run->mutex);
    }
    for (int32_t w = 1; run->workers && w < run->n_workers; w++)
        if (run->workers[w].thread)
            mr_thread_join(run->workers[w].thread);
    if (run->phase_begins)
        mr_cond_destroy(run->phase_begins);
    if (run->phase_ends)
        mr_cond_destroy(run->phase_ends);
    if (run->mutex)
        mr_mutex_destroy(run->mutex);
}

MrStatus mr__phase_run(MrRun *run, Phase *phase, int32_t n, MrError *err)
{
    if (n > run->n_active)
        n = run->n_active;
    if (n <= 1) {
        worker_run(&run->workers[0], phase);
    } else {
        MR_TRY(pool_start(run, err));
        phase->n_workers = n;
        for (int32_t w = 0; w < run->n_workers; w++)
            run->workers[w].status = MR_OK;
        mr_mutex_lock(run->mutex);
        run->phase = phase;
        run->phase_number++;
        run->n_running = run->n_workers - 1;
        mr_cond_signal_all(run->phase_begins);
        mr_mutex_unlock(run->mutex);
        worker_run(&run->workers[0], phase);
        mr_mutex_lock(run->mutex);
        while (run->n_running > 0)
            mr_cond_wait(run->phase_ends, run->mutex);
        mr_mutex_unlock(run->mutex);
    }
    /* The failure that stopped the others, not their "canceled". */
    Worker *failed = NULL;
    for (int32_t w = 0; w < (n <= 1 ? 1 : run->n_workers); w++)
        if (run->workers[w].status != MR_OK && (!failed || failed->status == MR_CANCELED))
            failed = &run->workers[w];
    if (!failed)
        return MR_OK;
    *err = failed->err;
    return failed->status;
}
