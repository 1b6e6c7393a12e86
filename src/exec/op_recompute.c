/* op_recompute.c - the fallback of streams: keep the inputs, compute the whole answer again, give
 * the difference.
 *
 * Computes:  the rows of a plan over all rows that its inputs have had so far.
 * Changes:   takes and gives inserts and retractions; in complete mode all rows, as inserts.
 * Memory:    all rows of the inputs and of the last answer.
 * Blocking:  yes.
 * Snapshot:  table i: rows of input i and their weights; table n_inputs: the rows of the answer. */
#include "exec/exec_int.h"
#include "exec/zset.h"

typedef struct Recompute Recompute;

typedef struct RecomputeShared {
    const MrPhys *phys;
    MrArena arena;
    MrZSet **inputs; /* and, last, the answer */
    int32_t n_sets;
    MrBatchList *feeds, out;
    bool lists_open;
    Recompute **workers;
    int32_t n_workers;
    MrRun *run;
    _Atomic int64_t next_out;
} RecomputeShared;

struct Recompute {
    MrOp op;
    MrBatchList *got; /* by input */
    MrArena arena;
    bool ended;
};

static MrStatus recompute_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                      MrError *err)
{
    RecomputeShared *shared = arg;
    shared->phys = phys;
    mr_arena_init(&shared->arena, context->budget);
    shared->n_workers = context->n_workers;
    shared->workers = MR_NEW_N(&shared->arena, Recompute *, context->n_workers);
    shared->inputs = MR_NEW_N(&shared->arena, MrZSet *, phys->n_inputs + 1);
    shared->feeds = MR_NEW_N(&shared->arena, MrBatchList, phys->n_inputs + 1);
    for (int32_t i = 0; i <= phys->n_inputs; i++) {
        shared->inputs[i] = MR_NEW(&shared->arena, MrZSet);
        mr__zset_init(shared->inputs[i],
                      i < phys->n_inputs ? &phys->inputs[i]->schema : &phys->schema,
                      context->budget);
        shared->n_sets++;
    }
    for (int32_t i = 0; i < phys->n_inputs; i++)
        mr_batch_list_init(&shared->feeds[i], context->budget);
    mr_batch_list_init(&shared->out, context->batch_budget);
    shared->lists_open = true;
    return MR_OK;
}

static void recompute_shared_close(void *arg)
{
    RecomputeShared *shared = arg;
    mr_run_destroy(shared->run);
    for (int32_t i = 0; i < shared->n_sets; i++)
        mr__zset_deinit(shared->inputs[i]);
    for (int32_t i = 0; shared->lists_open && i < shared->phys->n_inputs; i++)
        mr_batch_list_deinit(&shared->feeds[i]);
    if (shared->lists_open)
        mr_batch_list_deinit(&shared->out);
    mr_arena_deinit(&shared->arena);
}

static MrStatus recompute_open(MrOp *op, MrError *err)
{
    Recompute *self = (Recompute *)op;
    RecomputeShared *shared = op->shared;
    mr_arena_init(&self->arena, op->context->budget);
    self->got = MR_NEW_N(&self->arena, MrBatchList, op->phys->n_inputs + 1);
    for (int32_t i = 0; i < op->phys->n_inputs; i++)
        mr_batch_list_init(&self->got[i], op->context->batch_budget);
    shared->workers[op->context->worker_idx] = self;
    return MR_OK;
}

static void recompute_close(MrOp *op)
{
    Recompute *self = (Recompute *)op;
    RecomputeShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    for (int32_t i = 0; self->got && i < op->phys->n_inputs; i++)
        mr_batch_list_deinit(&self->got[i]);
    mr_arena_deinit(&self->arena);
}

static MrStatus recompute_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    return mr_batch_list_add(&((Recompute *)op)->got[input_idx], batch, err);
}

static MrStatus recompute_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier,
                                  MrError *err)
{
    ((Recompute *)op)->ended = input_idx == op->phys->n_inputs - 1;
    return MR_OK;
}

static int32_t recompute_n_finish_tasks(void *arg, int32_t input_idx)
{
    RecomputeShared *shared = arg;
    atomic_store(&shared->next_out, 0);
    return input_idx == shared->phys->n_inputs - 1 ? 1 : 0;
}

/* The rows of an input as batches, each as often as it is there. */
static MrStatus make_feed(MrZSet *set, MrBatchList *feed, MrBudget *budget, MrError *err)
{
    char *rows[MR_BATCH_ROWS];
    int32_t n = 0;
    mr_batch_list_clear(feed);
    for (int64_t r = 0; r < set->groups.n_rows; r++) {
        char *row = mr__groups_row(&set->groups, r);
        for (int64_t k = *mr__zset_weight(set, row); k > 0; k--) {
            rows[n++] = row;
            if (n == MR_BATCH_ROWS || (k == 1 && r + 1 == set->groups.n_rows)) {
                MrBatch *batch = NULL;
                MR_TRY(mr__zset_batch(set, rows, NULL, n, budget, &batch, err));
                MR_TRY(mr_batch_list_add(feed, batch, err));
                n = 0;
            }
        }
    }
    if (n > 0) {
        MrBatch *batch = NULL;
        MR_TRY(mr__zset_batch(set, rows, NULL, n, budget, &batch, err));
        MR_TRY(mr_batch_list_add(feed, batch, err));
    }
    return MR_OK;
}

static MrStatus take_answer(void *self, int32_t worker_idx, const MrEvalContext *context,
                            MrBatch *batch, MrError *err)
{
    int32_t n_fresh = 0;
    MrStatus status = MR_OK, guarded = MR_OK;
    MR_GUARD_BEGIN(guarded, err)
        status = mr__zset_add(self, batch, 1, &n_fresh, err);
    MR_GUARD_END(guarded)
    mr_batch_destroy(batch);
    return guarded != MR_OK ? guarded : status;
}

/* Every row whose weight differs from the last answer's. */
static MrStatus give_difference(RecomputeShared *shared, const MrOpContext *context, MrError *err)
{
    MrZSet *answer = shared->inputs[shared->phys->n_inputs];
    bool complete = shared->phys->recompute.complete;
    char *rows[MR_BATCH_ROWS];
    int64_t weights[MR_BATCH_ROWS];
    int32_t n = 0;
    /* Retractions first. */
    for (int pass = complete ? 1 : 0; pass < 2; pass++) {
        for (int64_t r = 0; r < answer->groups.n_rows; r++) {
            char *row = mr__groups_row(&answer->groups, r);
            int64_t now = *mr__zset_weight(answer, row), before = mr__zset_row(answer, row)->before;
            int64_t weight = complete ? now : now - before;
            if (weight == 0 || (weight < 0) != (pass == 0))
                continue;
            rows[n] = row;
            weights[n++] = weight;
            if (n == MR_BATCH_ROWS) {
                MrBatch *batch = NULL;
                MR_TRY(
                    mr__zset_batch(answer, rows, weights, n, context->batch_budget, &batch, err));
                MR_TRY(mr_batch_list_add(&shared->out, batch, err));
                n = 0;
            }
        }
        if (n > 0) {
            MrBatch *batch = NULL;
            MR_TRY(mr__zset_batch(answer, rows, weights, n, context->batch_budget, &batch, err));
            MR_TRY(mr_batch_list_add(&shared->out, batch, err));
            n = 0;
        }
    }
    return MR_OK;
}

/* A new epoch: rows that are no more are forgotten, now that the checkpoint knows. */
static MrStatus set_begin(MrZSet *set, MrError *err)
{
    bool moved;
    mr__zset_epoch(set);
    for (int64_t r = 0; r < set->groups.n_rows; r++) {
        char *row = mr__groups_row(&set->groups, r);
        if (*mr__zset_weight(set, row) == 0 && !mr__zset_row(set, row)->gone)
            mr__zset_remove(set, row);
    }
    return mr__zset_compact(set, &moved, err);
}

static MrStatus recompute_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                      const MrBarrier *barrier, MrError *err)
{
    RecomputeShared *shared = op->shared;
    const MrOpContext *context = op->context;
    int32_t n_inputs = shared->phys->n_inputs, n_fresh = 0;
    MrZSet *answer = shared->inputs[n_inputs];
    MrStatus status = MR_OK;
    mr_batch_list_clear(&shared->out);
    for (int32_t i = 0; i <= n_inputs; i++)
        MR_TRY(set_begin(shared->inputs[i], err));
    for (int32_t w = 0; w < shared->n_workers; w++) {
        Recompute *worker = shared->workers[w];
        for (int32_t i = 0; worker && i < n_inputs; i++) {
            for (int64_t b = 0; b < worker->got[i].n_items; b++)
                MR_TRY(mr__zset_add(shared->inputs[i], worker->got[i].items[b]->batch, 1, &n_fresh,
                                    err));
            mr_batch_list_clear(&worker->got[i]);
        }
    }
    for (int32_t i = 0; i < n_inputs; i++)
        MR_TRY(make_feed(shared->inputs[i], &shared->feeds[i], context->batch_budget, err));
    for (int64_t r = 0; r < answer->groups.n_rows; r++) {
        char *row = mr__groups_row(&answer->groups, r);
        mr__zset_row(answer, row)->before = *mr__zset_weight(answer, row);
        *mr__zset_weight(answer, row) = 0;
    }
    MrRunOptions options = {.os = context->os,
                            .budget = context->batch_budget,
                            .settings = context->eval->settings,
                            .n_workers = 1,
                            .spill_dir = context->spill_dir,
                            .canceled = context->eval->canceled,
                            .batch_rows = context->batch_rows};
    MrBarrier end = {.late_us = MR_TIME_MIN, .evict_us = MR_TIME_MIN, .ended = true};
    MrRunOutput output = {take_answer, answer};
    mr_run_destroy(shared->run);
    shared->run = NULL;
    MR_TRY(mr_run_create(shared->phys->recompute.plan, &options, &shared->run, err));
    for (int32_t i = 0; i < n_inputs; i++)
        mr__run_set_feed(shared->run, i, &shared->feeds[i]);
    status =
        mr_run_epoch(shared->run, &end, context->eval->now_us, context->eval->seed, &output, err);
    mr_run_destroy(shared->run);
    shared->run = NULL;
    for (int32_t i = 0; i < n_inputs; i++)
        mr_batch_list_clear(&shared->feeds[i]);
    MR_TRY(status);
    /* Rows that are gone are changes too: those that the answer has again are dirty already. */
    for (int64_t r = 0; r < answer->groups.n_rows; r++) {
        char *row = mr__groups_row(&answer->groups, r);
        MrZRow *tail = mr__zset_row(answer, row);
        if (tail->before != 0 && tail->dirty != answer->epoch) {
            tail->dirty = answer->epoch;
            MR_PUSH(&answer->scratch, answer->dirty, answer->n_dirty, answer->cap_dirty, row);
        }
    }
    return give_difference(shared, context, err);
}

static MrStatus recompute_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    RecomputeShared *shared = op->shared;
    *step = MR_STEP_NEED_INPUT;
    if (!((Recompute *)op)->ended)
        return MR_OK;
    int64_t i = atomic_fetch_add(&shared->next_out, 1);
    if (i >= shared->out.n_items)
        return MR_OK;
    *out = mr_batch_list_take(&shared->out, i);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

static MrStatus recompute_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    RecomputeShared *shared = arg;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w])
            shared->workers[w]->ended = false;
    return MR_OK;
}

static MrStatus recompute_save(void *arg, bool all, MrStateWriter *to, MrError *err)
{
    RecomputeShared *shared = arg;
    for (int32_t i = 0; i < shared->n_sets; i++)
        MR_TRY(mr__zset_save(shared->inputs[i], i, all, to, err));
    return MR_OK;
}

static MrStatus recompute_save_changes(void *arg, MrStateWriter *to, MrError *err)
{
    return recompute_save(arg, false, to, err);
}

static MrStatus recompute_snapshot(void *arg, MrStateWriter *to, MrError *err)
{
    return recompute_save(arg, true, to, err);
}

static MrStatus recompute_apply(void *arg, int32_t table, MrText key, const MrText *value,
                                MrError *err)
{
    RecomputeShared *shared = arg;
    char *row = NULL;
    bool fresh = false;
    if (table < 0 || table >= shared->n_sets)
        return MR_FAIL_INTERNAL(err, "the state has table %d, which this operator does not", table);
    return mr__zset_apply(shared->inputs[table], key, value, &row, &fresh, err);
}

static MrStateCount recompute_count(const void *arg)
{
    const RecomputeShared *shared = arg;
    MrStateCount count = {0};
    for (int32_t i = 0; i < shared->n_sets; i++) {
        count.rows += shared->inputs[i]->groups.n_rows - shared->inputs[i]->n_gone;
        count.updated += mr__zset_n_updated(shared->inputs[i]);
        count.removed += shared->inputs[i]->n_removed;
    }
    return count;
}

const MrOpType mr__op_recompute = {
    .name = "Recompute",
    .size_bytes = sizeof(Recompute),
    .shared_bytes = sizeof(RecomputeShared),
    .n_inputs = -1,
    .blocking = true,
    .shared_open = recompute_shared_open,
    .shared_close = recompute_shared_close,
    .open = recompute_open,
    .close = recompute_close,
    .push = recompute_push,
    .pull = recompute_pull,
    .barrier = recompute_barrier,
    .n_finish_tasks = recompute_n_finish_tasks,
    .finish_task = recompute_finish_task,
    .epoch_end = recompute_epoch_end,
    .save_changes = recompute_save_changes,
    .snapshot = recompute_snapshot,
    .apply = recompute_apply,
    .count = recompute_count,
};
