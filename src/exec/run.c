/* run.c - one plan's operators, and the walk of an epoch.
 *
 * An epoch walks the tree on the calling thread.  What it does at a node is a phase, the same for
 * every worker: pull a leaf and push each batch up to the next blocking operator; end an input;
 * merge; drain. A phase with one worker runs on the calling thread; threads are started when the
 * leaves first offer enough morsels, and kept until the run is destroyed. */
#include "exec/run_int.h"

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

void mr_run_destroy(MrRun *run)
{
    if (!run)
        return;
    MrBudget *budget = run->options.budget;
    mr__cursor_stop(run);
    mr__pool_stop(run);
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
    return mr__phase_run(run, &phase, n_useful < run->n_active ? (int32_t)n_useful : run->n_active,
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
        MR_TRY(mr__phase_run(run, &phase, n_workers, err));
        if (phase.drain)
            return MR_OK;
    } else {
        MR_TRY(mr__phase_run(run, &phase, n_workers, err));
        Phase tasks = {.kind = PHASE_TASKS, .node = node, .input_idx = input_idx};
        tasks.n_tasks = node->type->n_finish_tasks(node->shared, input_idx);
        if (tasks.n_tasks > 0)
            MR_TRY(mr__phase_run(run, &tasks, tasks.n_tasks, err));
    }
    Phase drain = {.kind = PHASE_DRAIN, .node = node};
    return mr__phase_run(run, &drain, n_drainers, err);
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
        if (mr__chain_sated(&run->workers[0], node))
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

MrStatus mr__epoch_begin(MrRun *run, const MrBarrier *barrier, int64_t now_us, uint64_t seed,
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

MrStatus mr__epoch_run(MrRun *run, const MrRunOutput *output, MrError *err)
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
    MR_TRY(mr__epoch_begin(run, barrier, now_us, seed, err));
    return mr__epoch_run(run, output, err);
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
