/* op_replay.c - the two ends of a materialized sub-plan: a sink that keeps batches and a leaf that
 * gives them.
 *
 * Computes:  the same rows, as often as they are asked for.
 * Changes:   weights are kept.
 * Memory:    all rows of the sub-plan in this epoch.
 * Blocking:  the collector is a sink.
 * Snapshot:  none. */
#include "exec/exec_int.h"

typedef struct CollectShared {
    MrBatchList list;
    MrBatchList **parts; /* of the workers, to be moved together */
    MrArena arena;
    MrBudget *budget;
    int32_t n_workers;
} CollectShared;

typedef struct Collect {
    MrOp op;
    MrBatchList list;
} Collect;

static MrStatus collect_shared_open(void *shared, const MrPhys *phys, const MrOpContext *context,
                                    MrError *err)
{
    CollectShared *self = shared;
    /* The batches may be held by others for as long as the query lives. */
    mr_batch_list_init(&self->list, context->batch_budget);
    mr_arena_init(&self->arena, context->budget);
    self->n_workers = context->n_workers;
    self->parts = MR_NEW_N(&self->arena, MrBatchList *, context->n_workers);
    return MR_OK;
}

static void collect_shared_close(void *shared)
{
    CollectShared *self = shared;
    mr_batch_list_deinit(&self->list);
    mr_arena_deinit(&self->arena);
}

static MrStatus collect_open(MrOp *op, MrError *err)
{
    Collect *self = (Collect *)op;
    CollectShared *shared = op->shared;
    mr_batch_list_init(&self->list, op->context->batch_budget);
    shared->parts[op->context->worker_idx] = &self->list;
    return MR_OK;
}

static void collect_close(MrOp *op)
{
    mr_batch_list_deinit(&((Collect *)op)->list);
}

static MrStatus collect_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    return mr_batch_list_add(&((Collect *)op)->list, batch, err);
}

static int32_t collect_n_finish_tasks(void *shared, int32_t input_idx)
{
    return 1;
}

static MrStatus collect_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                    const MrBarrier *barrier, MrError *err)
{
    CollectShared *shared = op->shared;
    mr_batch_list_clear(&shared->list);
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->parts[w])
            MR_TRY(mr_batch_list_move(&shared->list, shared->parts[w], err));
    return MR_OK;
}

static MrStatus collect_epoch_end(void *shared, const MrBarrier *barrier, MrError *err)
{
    mr_batch_list_clear(&((CollectShared *)shared)->list);
    return MR_OK;
}

MrBatchList *mr__collect_list(void *shared)
{
    return &((CollectShared *)shared)->list;
}

const MrOpType mr__op_collect = {
    .name = "Collect",
    .size_bytes = sizeof(Collect),
    .shared_bytes = sizeof(CollectShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = collect_shared_open,
    .shared_close = collect_shared_close,
    .open = collect_open,
    .close = collect_close,
    .push = collect_push,
    .n_finish_tasks = collect_n_finish_tasks,
    .finish_task = collect_finish_task,
    .epoch_end = collect_epoch_end,
};

typedef struct ReplayShared {
    MrBatchList *list;
    _Atomic int64_t next;
} ReplayShared;

typedef struct Replay {
    MrOp op;
    MrBatch *held;
} Replay;

void mr__replay_set(void *shared, MrBatchList *list)
{
    ReplayShared *self = shared;
    self->list = list;
    atomic_store(&self->next, 0);
}

static void replay_close(MrOp *op)
{
    mr_batch_destroy(((Replay *)op)->held);
}

static MrStatus replay_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    ReplayShared *shared = op->shared;
    *step = MR_STEP_NEED_INPUT;
    if (!shared->list)
        return MR_OK;
    int64_t i = atomic_fetch_add_explicit(&shared->next, 1, memory_order_relaxed);
    if (i >= shared->list->n_items)
        return MR_OK;
    *step = MR_STEP_OUTPUT;
    return mr_held_view(shared->list->items[i], op->context->batch_budget, out, err);
}

const MrOpType mr__op_replay = {
    .name = "Shared",
    .size_bytes = sizeof(Replay),
    .shared_bytes = sizeof(ReplayShared),
    .close = replay_close,
    .pull = replay_pull,
};
