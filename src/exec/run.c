/* run.c - one plan's operators, its workers, and the phases of an epoch.
 *
 * An epoch walks the tree on the calling thread.  What it does at a node is a phase, the same for
 * every worker: pull a leaf and push each batch up to the next blocking operator; end an input;
 * merge; drain. A phase with one worker runs on the calling thread; threads are started when the
 * leaves first offer enough morsels, and kept until the run is destroyed. */
#include "exec/exec_int.h"

typedef struct RunNode RunNode;
typedef struct Worker Worker;

typedef struct RunInstance {
    MrOp *op; /* NULL: not open */
    MrOpContext context;
    MrOpMetrics metrics;
} RunInstance;

typedef struct RunShared { /* a sub-plan that several nodes read */
    int32_t shared_id;
    RunNode *collect;
    int64_t done_in_epoch; /* number of the epoch that computed it */
    bool varies;           /* it reads the level at hand of a recursion */
} RunShared;

struct RunNode {
    const MrPhys *phys; /* a collector's: of its input */
    const MrOpType *type;
    RunNode *parent; /* NULL: the root */
    int32_t input_idx;
    int32_t n_inputs;
    RunNode **inputs;
    MrBudget budget;
    bool budget_open;
    void *shared;
    RunInstance *instances; /* n_workers */
    int64_t n_morsels;
    const MrSplit *splits;
    int64_t n_splits;
    RunShared *shared_plan; /* SHARED */
    RunNode *anchor, *step; /* RECURSION: collectors */
    MrBatchList feed;       /* RECURSION, REF: the level at hand */
    MrDistinct *seen;       /* RECURSION by UNION: all levels so far; here, as refusals jump */
    MrBatchList *feed_from; /* FEED: the caller's */
};

struct Worker {
    MrRun *run;
    int32_t idx;
    MrEvalContext eval;
    RunNode *at; /* whose call is running */
    MrError err;
    MrStatus status;
    MrThread *thread;
    int64_t seen_phase;
};

typedef struct Phase {
    enum { PHASE_LEAF, PHASE_END_INPUT, PHASE_TASKS, PHASE_DRAIN } kind;
    RunNode *node;
    int32_t input_idx;
    bool drain; /* END_INPUT: drain at once */
    int32_t n_tasks;
    int32_t n_workers; /* that take part */
    _Atomic int32_t next_task;
} Phase;

typedef struct Cursor {
    MrMutex *mutex;
    MrCondVar *changed;
    MrBatch **queue;
    int64_t n_queued, first, cap, queued_bytes;
    bool bounded, done, started;
    MrStatus status;
    MrError err;
    MrThread *thread;
    int64_t now_us;
    uint64_t seed;
    _Atomic bool stop;
} Cursor;

struct MrRun {
    MrRunOptions options;
    MrArena arena;
    const MrPhys *phys;
    RunNode *root;
    RunNode **nodes; /* inputs first */
    int64_t n_nodes, cap_nodes;
    RunShared **shared;
    int64_t n_shared, cap_shared;
    bool varies; /* while nodes are built: one of them reads the level at hand of a recursion */
    int32_t n_key_filters;
    struct MrKeyFilter **key_filters; /* owned by the joins that fill them */
    int32_t n_workers, n_active;
    Worker *workers;
    MrBarrier barrier;
    int64_t n_epochs;
    const MrRunOutput *output;
    _Atomic bool failed;
    bool broken; /* an epoch failed: nothing more runs */
    bool tiny;   /* the leaves have next to nothing */
    /* The pool. */
    MrMutex *mutex;
    MrCondVar *phase_begins, *phase_ends;
    Phase *phase;
    int64_t phase_number;
    int32_t n_running;
    bool quit;
    Cursor cursor;
};

/* -- building --------------------------------------------------------------------------------- */

static RunNode *node_new(MrRun *run, const MrPhys *phys, const MrOpType *type, RunNode *parent,
                         int32_t input_idx)
{
    RunNode *node = MR_NEW(&run->arena, RunNode);
    node->phys = phys;
    node->type = type;
    node->parent = parent;
    node->input_idx = input_idx;
    node->instances = MR_NEW_N(&run->arena, RunInstance, run->n_workers);
    mr_budget_init(&node->budget, type->name, run->options.budget, INT64_MAX);
    node->budget_open = true;
    mr_batch_list_init(&node->feed, &node->budget);
    MR_PUSH(&run->arena, run->nodes, run->n_nodes, run->cap_nodes, node);
    return node;
}

static MrStatus node_build(MrRun *run, const MrPhys *phys, RunNode *parent, int32_t input_idx,
                           RunNode **out, MrError *err);

static MrStatus collect_build(MrRun *run, const MrPhys *input, RunNode **out, MrError *err)
{
    RunNode *collect = node_new(run, input, &mr__op_collect, NULL, 0);
    collect->n_inputs = 1;
    collect->inputs = MR_NEW_N(&run->arena, RunNode *, 1);
    MR_TRY(node_build(run, input, collect, 0, &collect->inputs[0], err));
    *out = collect;
    return MR_OK;
}

static MrStatus node_build(MrRun *run, const MrPhys *phys, RunNode *parent, int32_t input_idx,
                           RunNode **out, MrError *err)
{
    const MrOpType *type = mr_op_type(phys);
    if (!type)
        return MR_FAIL_UNSUPPORTED(err, "operator %d", (int)phys->kind);
    RunNode *node = node_new(run, phys, type, parent, input_idx);
    *out = node;
    for (int32_t f = 0; phys->kind == MR_PHYS_OP_HASH_JOIN && f < phys->join.n_key_filters; f++)
        if (phys->join.key_filters[f].id >= run->n_key_filters)
            run->n_key_filters = phys->join.key_filters[f].id + 1;
    if (phys->kind == MR_PHYS_OP_SHARED) {
        for (int64_t s = 0; s < run->n_shared; s++)
            if (run->shared[s]->shared_id == phys->shared.shared_id)
                node->shared_plan = run->shared[s];
        if (node->shared_plan) {
            run->varies |= node->shared_plan->varies;
            return MR_OK;
        }
        RunShared *shared_plan = MR_NEW(&run->arena, RunShared);
        shared_plan->shared_id = phys->shared.shared_id;
        MR_PUSH(&run->arena, run->shared, run->n_shared, run->cap_shared, shared_plan);
        node->shared_plan = shared_plan;
        bool varied = run->varies;
        run->varies = false;
        MR_TRY(collect_build(run, phys->inputs[0], &shared_plan->collect, err));
        shared_plan->varies = run->varies;
        run->varies |= varied;
        return MR_OK;
    }
    run->varies |= phys->kind == MR_PHYS_OP_RECURSION_REF;
    if (phys->kind == MR_PHYS_OP_RECURSION) {
        MR_TRY(collect_build(run, phys->inputs[0], &node->anchor, err));
        return collect_build(run, phys->inputs[1], &node->step, err);
    }
    node->n_inputs = phys->n_inputs;
    node->inputs = MR_NEW_N(&run->arena, RunNode *, phys->n_inputs + 1);
    for (int32_t i = 0; i < phys->n_inputs; i++)
        MR_TRY(node_build(run, phys->inputs[i], node, i, &node->inputs[i], err));
    return MR_OK;
}

MrStatus mr_run_create(const MrPhys *phys, const MrRunOptions *options, MrRun **out, MrError *err)
{
    MrStatus status = MR_OK;
    void *block = NULL;
    MR_TRY(mr_budget_alloc_zeroed(options->budget, (int64_t)sizeof(MrRun), &block, err));
    MrRun *run = block;
    run->options = *options;
    run->phys = phys;
    run->n_workers = options->n_workers > 0 ? options->n_workers : mr_cpu_count();
    if (run->n_workers < 1)
        run->n_workers = 1;
    mr_arena_init(&run->arena, options->budget);
    MR_GUARD_BEGIN(status, err)
        run->workers = MR_NEW_N(&run->arena, Worker, run->n_workers);
        for (int32_t w = 0; w < run->n_workers; w++)
            run->workers[w] = (Worker){.run = run, .idx = w};
        status = node_build(run, phys, NULL, 0, &run->root, err);
        run->key_filters = MR_NEW_N(&run->arena, struct MrKeyFilter *, run->n_key_filters + 1);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_run_destroy(run);
        return status;
    }
    *out = run;
    return MR_OK;
}

static void node_close(MrRun *run, RunNode *node)
{
    for (int32_t w = 0; w < run->n_workers; w++) {
        MrOp *op = node->instances[w].op;
        if (!op)
            continue;
        node->type->close(op);
        mr_budget_free(&node->budget, op, node->type->size_bytes);
        node->instances[w].op = NULL;
    }
    if (node->shared) {
        if (node->type->shared_close)
            node->type->shared_close(node->shared);
        mr_budget_free(&node->budget, node->shared, node->type->shared_bytes);
        node->shared = NULL;
    }
}

static void pool_stop(MrRun *run);
static void cursor_stop(MrRun *run);

void mr_run_destroy(MrRun *run)
{
    if (!run)
        return;
    MrBudget *budget = run->options.budget;
    cursor_stop(run);
    pool_stop(run);
    for (int64_t i = run->n_nodes - 1; i >= 0; i--) {
        RunNode *node = run->nodes[i];
        node_close(run, node);
        mr__distinct_destroy(node->seen); /* a refusal has jumped over its end */
        mr_batch_list_deinit(&node->feed);
        if (node->budget_open)
            mr_budget_deinit(&node->budget);
    }
    mr_arena_deinit(&run->arena);
    mr_budget_free(budget, run, (int64_t)sizeof *run);
}

/* -- opening ---------------------------------------------------------------------------------- */

static MrStatus instance_open(MrRun *run, RunNode *node, int32_t worker_idx, MrError *err)
{
    RunInstance *instance = &node->instances[worker_idx];
    instance->context = (MrOpContext){
        .os = run->options.os,
        .budget = &node->budget,
        .batch_budget = run->options.budget,
        .eval = &run->workers[worker_idx].eval,
        .worker_idx = worker_idx,
        .n_workers = run->n_workers,
        .spill_dir = run->options.spill_dir,
        .metrics = &instance->metrics,
        .barrier = &run->barrier,
        .key_filters = run->key_filters,
        .batch_rows = run->options.batch_rows > 0 ? run->options.batch_rows : MR_BATCH_ROWS,
    };
    if (!node->shared && node->type->shared_bytes > 0) {
        MR_TRY(mr_budget_alloc_zeroed(&node->budget, node->type->shared_bytes, &node->shared, err));
        if (node->type->shared_open)
            MR_TRY(node->type->shared_open(node->shared, node->phys, &instance->context, err));
    }
    void *block = NULL;
    MR_TRY(mr_budget_alloc_zeroed(&node->budget, node->type->size_bytes, &block, err));
    instance->op = block;
    instance->op->type = node->type;
    instance->op->phys = node->phys;
    instance->op->context = &instance->context;
    instance->op->shared = node->shared;
    return node->type->open ? node->type->open(instance->op, err) : MR_OK;
}

static MrStatus node_open(MrRun *run, RunNode *node, MrError *err)
{
    for (int32_t w = 0; w < run->n_active; w++) {
        if (node->instances[w].op)
            continue;
        MrStatus status = instance_open(run, node, w, err);
        if (status != MR_OK) {
            mr_error_add(err, "in operator %s", node->type->name);
            return status;
        }
    }
    return MR_OK;
}

static MrStatus node_start(RunNode *node, MrError *err)
{
    node->n_morsels = 0;
    if (!node->type->start)
        return MR_OK;
    return node->type->start(node->shared, node->splits, node->n_splits, &node->n_morsels, err);
}

/* Opens what is not open and begins the leaves' epoch; sets how many workers are of use. */
static MrStatus run_start(MrRun *run, MrError *err)
{
    int64_t n_useful = 0;
    run->n_active = 1;
    run->tiny = true;
    for (int64_t i = run->n_nodes - 1; i >= 0; i--) {
        RunNode *node = run->nodes[i];
        MR_TRY(node_open(run, node, err));
        MR_TRY(node_start(node, err));
        if (node->n_morsels > n_useful)
            n_useful = node->n_morsels;
        MrPhysKind kind = node->phys->kind;
        if (node->n_morsels > 0 || kind == MR_PHYS_OP_LOOP_JOIN || kind == MR_PHYS_OP_HASH_JOIN ||
            kind == MR_PHYS_OP_GENERATE || kind == MR_PHYS_OP_RECURSION)
            run->tiny = false;
    }
    run->n_active = n_useful < 1                ? 1
                    : n_useful < run->n_workers ? (int32_t)n_useful
                                                : run->n_workers;
    for (int64_t i = run->n_nodes - 1; i >= 0; i--)
        MR_TRY(node_open(run, run->nodes[i], err));
    return MR_OK;
}

/* Makes a sub-tree as new: the step of a recursion, a static side of a stream. */
static MrStatus tree_reset(MrRun *run, RunNode *node, MrError *err)
{
    node_close(run, node);
    MR_TRY(node_open(run, node, err));
    MR_TRY(node_start(node, err));
    if (node->shared_plan && node->shared_plan->varies) {
        node->shared_plan->done_in_epoch = 0;
        MR_TRY(tree_reset(run, node->shared_plan->collect, err));
    }
    if (node->anchor) {
        MR_TRY(tree_reset(run, node->anchor, err));
        MR_TRY(tree_reset(run, node->step, err));
    }
    for (int32_t i = 0; i < node->n_inputs; i++)
        MR_TRY(tree_reset(run, node->inputs[i], err));
    return MR_OK;
}

/* -- what one worker does --------------------------------------------------------------------- */

static bool run_stopped(const MrRun *run)
{
    return atomic_load_explicit(&run->failed, memory_order_relaxed) ||
           (run->options.canceled &&
            atomic_load_explicit(run->options.canceled, memory_order_relaxed)) ||
           atomic_load_explicit(&run->cursor.stop, memory_order_relaxed);
}

static MrStatus check_stopped(const MrRun *run, MrError *err)
{
    return run_stopped(run) ? MR_FAIL(err, MR_COND_OPERATION_CANCELED) : MR_OK;
}

static MrStatus worker_drain(Worker *worker, RunNode *node);
static bool chain_sated(const Worker *worker, const RunNode *node);

/* Takes the batch that node gave. */
static MrStatus worker_push_up(Worker *worker, RunNode *node, MrBatch *batch)
{
    MrRun *run = worker->run;
    RunNode *parent = node->parent;
    MrOpMetrics *metrics = &node->instances[worker->idx].metrics;
    metrics->rows_out += batch->n_sel;
    metrics->batches_out++;
    if (batch->n_sel == 0 || chain_sated(worker, node)) {
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

/* True when nobody above wants another batch of node in this epoch. */
static bool chain_sated(const Worker *worker, const RunNode *node)
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

static MrStatus worker_drain(Worker *worker, RunNode *node)
{
    MrRun *run = worker->run;
    RunInstance *instance = &node->instances[worker->idx];
    if (!node->type->pull)
        return MR_OK;
    for (;;) {
        MrBatch *batch = NULL;
        MrStep step = MR_STEP_NEED_INPUT;
        MR_TRY(check_stopped(run, &worker->err));
        if (chain_sated(worker, node))
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
        MR_TRY(check_stopped(worker->run, &worker->err));
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

static void pool_stop(MrRun *run)
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

/* Runs a phase on n workers and waits for all. */
static MrStatus phase_run(MrRun *run, Phase *phase, int32_t n, MrError *err)
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

/* -- the epoch -------------------------------------------------------------------------------- */

static bool chain_serial(const RunNode *node)
{
    for (const RunNode *up = node; up; up = up->parent) {
        if (up->type->serial)
            return true;
        if (up->type->blocking && up != node)
            return false;
    }
    return false;
}

static MrStatus run_leaf(MrRun *run, RunNode *node, int64_t n_useful, MrError *err)
{
    Phase phase = {.kind = PHASE_LEAF, .node = node};
    if (n_useful < 1 || chain_serial(node))
        n_useful = 1;
    return phase_run(run, &phase, n_useful < run->n_active ? (int32_t)n_useful : run->n_active,
                     err);
}

static MrStatus run_node(MrRun *run, RunNode *node, MrError *err);

/* Input input_idx has given all it has in this epoch. */
static MrStatus end_input(MrRun *run, RunNode *node, int32_t input_idx, MrError *err)
{
    int32_t n_workers = node->type->serial ? 1 : run->n_active;
    Phase phase = {.kind = PHASE_END_INPUT, .node = node, .input_idx = input_idx};
    int32_t n_drainers = chain_serial(node) ? 1 : run->n_active;
    if (!node->type->n_finish_tasks) {
        phase.drain = n_drainers == n_workers;
        MR_TRY(phase_run(run, &phase, n_workers, err));
        if (phase.drain)
            return MR_OK;
    } else {
        MR_TRY(phase_run(run, &phase, n_workers, err));
        Phase tasks = {.kind = PHASE_TASKS, .node = node, .input_idx = input_idx};
        tasks.n_tasks = node->type->n_finish_tasks(node->shared, input_idx);
        if (tasks.n_tasks > 0)
            MR_TRY(phase_run(run, &tasks, tasks.n_tasks, err));
    }
    Phase drain = {.kind = PHASE_DRAIN, .node = node};
    return phase_run(run, &drain, n_drainers, err);
}

static MrStatus run_recursion(MrRun *run, RunNode *node, MrError *err);

static MrStatus run_shared(MrRun *run, RunNode *node, MrError *err)
{
    RunShared *shared_plan = node->shared_plan;
    RunNode *collect = shared_plan->collect;
    if (shared_plan->done_in_epoch != run->n_epochs) {
        MR_TRY(run_node(run, collect, err));
        shared_plan->done_in_epoch = run->n_epochs;
    }
    MrBatchList *list = mr__collect_list(collect->shared);
    mr__replay_set(node->shared, list);
    return run_leaf(run, node, list->n_items, err);
}

/* All output of node has gone up when this returns. */
static MrStatus run_node(MrRun *run, RunNode *node, MrError *err)
{
    if (node->shared_plan)
        return run_shared(run, node, err);
    if (node->anchor)
        return run_recursion(run, node, err);
    if (node->feed_from)
        mr__replay_set(node->shared, node->feed_from);
    if (node->n_inputs == 0)
        return run_leaf(run, node, node->feed_from ? node->feed_from->n_items : node->n_morsels,
                        err);
    bool join =
        node->phys->kind == MR_PHYS_OP_HASH_JOIN || node->phys->kind == MR_PHYS_OP_LOOP_JOIN;
    join = join && node->n_inputs == 2;
    for (int32_t i = 0; i < node->n_inputs; i++) {
        int32_t input_idx = join ? 1 - i : i;
        MR_TRY(run_node(run, node->inputs[input_idx], err));
        MR_TRY(end_input(run, node, input_idx, err));
    }
    return MR_OK;
}

/* The step's leaves with this recursion's id. */
static void recursion_feed(MrRun *run, RunNode *node, MrBatchList *list)
{
    for (int64_t i = 0; i < run->n_nodes; i++) {
        RunNode *ref = run->nodes[i];
        if (ref->phys->kind == MR_PHYS_OP_RECURSION_REF && ref->type == &mr__op_replay &&
            ref->phys->recursion.recursion_id == node->phys->recursion.recursion_id)
            ref->feed_from = list;
    }
}

/* Copies what may point into operators that are about to begin anew. */
static MrStatus list_own(MrBatchList *list, MrBudget *budget, MrError *err)
{
    for (int64_t i = 0; i < list->n_items; i++) {
        MrBatch *copy = NULL;
        MrHeldBatch *held = NULL;
        MR_TRY(mr_batch_copy(list->items[i]->batch, budget, &copy, err));
        MR_TRY(mr_held_create(budget, copy, &held, err));
        mr_shared_release(&list->items[i]->base);
        list->items[i] = held;
    }
    return MR_OK;
}

static void seen_forget(RunNode *node)
{
    mr__distinct_destroy(node->seen);
    node->seen = NULL;
}

static MrStatus run_recursion(MrRun *run, RunNode *node, MrError *err)
{
    const MrPhys *phys = node->phys;
    MrStatus status = MR_OK;
    int64_t n_rows = 0;

    if (!phys->recursion.all)
        MR_GO(mr__distinct_create(&node->instances[0].context, &phys->schema, &node->seen, err));
    MR_GO(run_node(run, node->anchor, err));
    RunNode *from = node->anchor;
    for (int64_t level = 0;; level++) {
        MrBatchList *got = mr__collect_list(from->shared);
        mr_batch_list_clear(&node->feed);
        if (node->seen)
            MR_GO(mr__distinct_filter(node->seen, got, err));
        MR_GO(mr_batch_list_move(&node->feed, got, err));
        int64_t n_level = mr_batch_list_rows(&node->feed);
        if (n_level == 0)
            break;
        n_rows += n_level;
        if (phys->recursion.max_rows >= 0 && n_rows > phys->recursion.max_rows) {
            char limit[MR_I64_TEXT_MAX + 1] = {0};
            mr_i64_to_text(phys->recursion.max_rows, limit);
            MR_GO(MR_FAIL(err, MR_COND_RECURSION_ROW_LIMIT_EXCEEDED, "rowLimit", limit));
        }
        mr__replay_set(node->shared, &node->feed);
        MR_GO(run_leaf(run, node, node->feed.n_items, err));
        if (chain_sated(&run->workers[0], node))
            break;
        if (phys->recursion.max_levels >= 0 && level >= phys->recursion.max_levels) {
            char limit[MR_I64_TEXT_MAX + 1] = {0};
            mr_i64_to_text(phys->recursion.max_levels, limit);
            MR_GO(MR_FAIL(err, MR_COND_RECURSION_LEVEL_LIMIT_EXCEEDED, "levelLimit", limit));
        }
        MR_GO(list_own(&node->feed, run->options.budget, err));
        recursion_feed(run, node, &node->feed);
        MR_GO(tree_reset(run, node->step, err));
        MR_GO(run_node(run, node->step, err));
        from = node->step;
    }
done:
    seen_forget(node);
    return status;
}

void mr_run_set_splits(MrRun *run, int32_t scan_id, const MrSplit *splits, int64_t n_splits)
{
    for (int64_t i = 0; i < run->n_nodes; i++) {
        if (run->nodes[i]->phys->id == scan_id && run->nodes[i]->type == &mr__op_scan) {
            run->nodes[i]->splits = splits;
            run->nodes[i]->n_splits = n_splits;
        }
    }
}

void mr__run_set_feed(MrRun *run, int32_t input_idx, MrBatchList *list)
{
    for (int64_t i = 0; i < run->n_nodes; i++)
        if (run->nodes[i]->phys->kind == MR_PHYS_OP_FEED && run->nodes[i]->type == &mr__op_replay &&
            run->nodes[i]->phys->feed.input_idx == input_idx)
            run->nodes[i]->feed_from = list;
}

/* Forgets what belongs to the epoch; what is not part of the stream begins anew. */
static MrStatus run_end(MrRun *run, MrError *err)
{
    for (int64_t i = 0; i < run->n_nodes; i++) {
        RunNode *node = run->nodes[i];
        node->splits = NULL;
        node->n_splits = 0;
        if (run->barrier.ended)
            continue;
        if (!node->phys->streaming) {
            node_close(run, node);
        } else if (node->type->epoch_end) {
            MrStatus status = node->type->epoch_end(node->shared, &run->barrier, err);
            if (status != MR_OK)
                return status;
        }
        for (int32_t w = 0; w < run->n_workers; w++)
            if (node->instances[w].op)
                node->instances[w].op->sated = false;
    }
    return MR_OK;
}

static MrStatus epoch_body(MrRun *run, MrError *err)
{
    MR_TRY(run_node(run, run->root, err));
    return run_end(run, err);
}

static MrStatus epoch_begin(MrRun *run, const MrBarrier *barrier, int64_t now_us, uint64_t seed,
                            MrError *err)
{
    MrStatus status = MR_OK;
    if (run->broken)
        return MR_FAIL_INTERNAL(err, "a run that failed was asked to go on");
    run->barrier = *barrier;
    run->n_epochs++;
    atomic_store_explicit(&run->failed, false, memory_order_relaxed);
    for (int32_t w = 0; w < run->n_workers; w++)
        run->workers[w].eval = (MrEvalContext){.settings = run->options.settings,
                                               .now_us = now_us,
                                               .seed = seed + (uint64_t)w,
                                               .shard_idx = w,
                                               .canceled = run->options.canceled};
    MR_GUARD_BEGIN(status, err)
        status = run_start(run, err);
    MR_GUARD_END(status)
    run->broken = status != MR_OK;
    return status;
}

static MrStatus epoch_run(MrRun *run, const MrRunOutput *output, MrError *err)
{
    MrStatus status = MR_OK;
    run->output = output;
    MR_GUARD_BEGIN(status, err)
        status = epoch_body(run, err);
    MR_GUARD_END(status)
    run->broken = status != MR_OK;
    return status;
}

MrStatus mr_run_epoch(MrRun *run, const MrBarrier *barrier, int64_t now_us, uint64_t seed,
                      const MrRunOutput *output, MrError *err)
{
    MR_TRY(epoch_begin(run, barrier, now_us, seed, err));
    return epoch_run(run, output, err);
}

/* -- the cursor ------------------------------------------------------------------------------- */

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
    while (cursor->bounded && cursor_full(run) && !run_stopped(run))
        mr_cond_wait_us(cursor->changed, cursor->mutex, 20000);
    if (cursor->bounded && cursor->n_queued == cursor->cap) {
        status = check_stopped(run, err);
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
    MrStatus status = epoch_run(run, &output, &err);
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
    MR_TRY(epoch_begin(run, &barrier, now_us, seed, err));
    MR_TRY(mr_budget_alloc(run->options.budget, CURSOR_QUEUE * (int64_t)sizeof(MrBatch *), &queue,
                           err));
    cursor->queue = queue;
    cursor->cap = CURSOR_QUEUE;
    cursor->started = true;
    if (run->tiny) { /* no thread for SELECT 1 */
        MrRunOutput output = {cursor_consume, run};
        cursor->status = epoch_run(run, &output, &cursor->err);
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

static void cursor_stop(MrRun *run)
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

/* -- what the stream layer asks --------------------------------------------------------------- */

static RunNode *node_find(MrRun *run, int32_t phys_id)
{
    for (int64_t i = 0; i < run->n_nodes; i++)
        if (run->nodes[i]->phys->id == phys_id && run->nodes[i]->type != &mr__op_collect)
            return run->nodes[i];
    return NULL;
}

int64_t mr_run_watermark_us(MrRun *run, int32_t watermark_id)
{
    RunNode *node = node_find(run, watermark_id);
    return node && node->shared && node->phys->kind == MR_PHYS_OP_WATERMARK
               ? mr__watermark_us(node->shared)
               : MR_TIME_MIN;
}

MrEventTimes mr_run_event_times(MrRun *run, int32_t watermark_id, int64_t epoch)
{
    RunNode *node = node_find(run, watermark_id);
    return node && node->shared && node->phys->kind == MR_PHYS_OP_WATERMARK
               ? mr__watermark_times(node->shared, epoch)
               : (MrEventTimes){0};
}

static MrStatus run_save(MrRun *run, bool all, MrStateWriter *to, MrError *err)
{
    for (int64_t i = 0; i < run->n_nodes; i++) {
        RunNode *node = run->nodes[i];
        if (!mr_phys_has_state(node->phys) || !node->type->save_changes || !node->shared)
            continue; /* type: a collect stands for its node */
        to->operator_id = node->phys->state_id;
        MrStatus status = all ? node->type->snapshot(node->shared, to, err)
                              : node->type->save_changes(node->shared, to, err);
        if (status != MR_OK) {
            mr_error_add(err, "in the state of operator %s", node->type->name);
            return status;
        }
    }
    return MR_OK;
}

MrStatus mr_run_save_changes(MrRun *run, MrStateWriter *to, MrError *err)
{
    MrStatus status = MR_OK;
    MR_GUARD_BEGIN(status, err)
        status = run_save(run, false, to, err);
    MR_GUARD_END(status)
    return status;
}

MrStatus mr_run_snapshot(MrRun *run, MrStateWriter *to, MrError *err)
{
    MrStatus status = MR_OK;
    MR_GUARD_BEGIN(status, err)
        status = run_save(run, true, to, err);
    MR_GUARD_END(status)
    return status;
}

MrStatus mr_run_apply(MrRun *run, int32_t operator_id, int32_t table, MrText key,
                      const MrText *value, MrError *err)
{
    MrStatus status = MR_OK;
    RunNode *node = NULL;
    for (int64_t i = 0; i < run->n_nodes && !node; i++)
        if (mr_phys_has_state(run->nodes[i]->phys) && run->nodes[i]->type->apply &&
            run->nodes[i]->phys->state_id == operator_id)
            node = run->nodes[i];
    if (!node)
        return MR_FAIL_INTERNAL(err, "the checkpoint has state of operator %d, which keeps none",
                                operator_id);
    MR_GUARD_BEGIN(status, err)
        run->n_active = 1;
        status = node_open(run, node, err);
        if (status == MR_OK)
            status = node->type->apply(node->shared, table, key, value, err);
    MR_GUARD_END(status)
    return status;
}

bool mr_run_count_state(MrRun *run, int32_t phys_id, MrStateCount *out)
{
    RunNode *node = node_find(run, phys_id);
    if (!node || !node->shared || !node->type->count)
        return false;
    *out = node->type->count(node->shared);
    return true;
}

bool mr_run_metrics(MrRun *run, int32_t phys_id, MrOpMetrics *out)
{
    RunNode *node = node_find(run, phys_id);
    if (!node)
        return false;
    *out = (MrOpMetrics){0};
    for (int32_t w = 0; w < run->n_workers; w++) {
        const MrOpMetrics *one = &node->instances[w].metrics;
        out->rows_in += one->rows_in;
        out->rows_out += one->rows_out;
        out->batches_out += one->batches_out;
        out->time_ns += one->time_ns;
        out->bytes_read += one->bytes_read;
        out->spilled_bytes += one->spilled_bytes;
        out->late_rows += one->late_rows;
        out->state_rows += one->state_rows;
    }
    out->memory_bytes = atomic_load_explicit(&node->budget.peak_bytes, memory_order_relaxed);
    return true;
}
