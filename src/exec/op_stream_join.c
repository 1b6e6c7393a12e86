/* op_stream_join.c - an inner join of two streams.
 *
 * Computes:  d(A join B) = dA join B + (A + dA) join dB, over the rows that both sides have had.
 * Changes:   takes and gives inserts and retractions: the weight of a pair is the product of its
 * rows' weights. Memory:    all rows of both sides. Blocking:  yes, for both inputs: an epoch's
 * rows are joined when the side's input ends. Snapshot:  table 0: rows of input 0 and their
 * weights; table 1: of input 1. */
#include "exec/exec_int.h"
#include "exec/zset.h"

typedef struct StreamJoin StreamJoin;

typedef struct JoinSide {
    MrZSet set;
    MrEvaluator keys;
    uint64_t *buckets; /* hash of the keys -> chain of rows through MrZRow.next; pointers */
    int64_t n_buckets, n_linked;
} JoinSide;

typedef struct StreamJoinShared {
    const MrPhys *phys;
    MrArena arena;
    MrBudget *budget;
    JoinSide *sides[2];
    MrProgram *rest;
    StreamJoin **workers;
    int32_t n_workers;
    MrBatchList out;
    bool lists_open;
    MrEvalContext eval;
    MrOpContext context; /* for keys of rows read back */
    MrBatch *loading;
    _Atomic int64_t next_out;
} StreamJoinShared;

struct StreamJoin {
    MrOp op;
    MrBatchList got[2];
    bool ended;
    MrBatch *given;
    int32_t take[MR_BATCH_ROWS];
    char *rows[MR_BATCH_ROWS];
    int64_t weights[MR_BATCH_ROWS];
    uint64_t hash[MR_BATCH_ROWS];
};

static MrStatus stream_join_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                        MrError *err)
{
    StreamJoinShared *shared = arg;
    shared->phys = phys;
    shared->budget = context->budget;
    mr_arena_init(&shared->arena, context->budget);
    shared->n_workers = context->n_workers;
    shared->workers = MR_NEW_N(&shared->arena, StreamJoin *, context->n_workers);
    mr_batch_list_init(&shared->out, context->batch_budget);
    shared->lists_open = true;
    shared->eval = *context->eval;
    shared->context = *context;
    shared->context.eval = &shared->eval;
    for (int32_t s = 0; s < 2; s++) {
        shared->sides[s] = MR_NEW(&shared->arena, JoinSide);
        mr__zset_init(&shared->sides[s]->set, &phys->inputs[s]->schema, context->budget);
        MR_TRY(mr__evaluator_open(&shared->sides[s]->keys, context, &shared->arena,
                                  s == 0 ? phys->join.left_keys : phys->join.right_keys,
                                  phys->join.n_keys, err));
    }
    MrExpr *rest = phys->join.rest;
    return rest ? mr_program_create(context->budget, &rest, 1, &shared->rest, err) : MR_OK;
}

static void stream_join_shared_close(void *arg)
{
    StreamJoinShared *shared = arg;
    for (int32_t s = 0; s < 2; s++) {
        JoinSide *side = shared->sides[s];
        if (!side)
            continue;
        mr__zset_deinit(&side->set);
        mr__evaluator_close(&side->keys);
        mr_budget_free(shared->budget, side->buckets,
                       side->n_buckets * (int64_t)sizeof *side->buckets);
    }
    mr_program_destroy(shared->rest);
    mr_batch_destroy(shared->loading);
    if (shared->lists_open)
        mr_batch_list_deinit(&shared->out);
    mr_arena_deinit(&shared->arena);
}

static MrStatus stream_join_open(MrOp *op, MrError *err)
{
    StreamJoin *self = (StreamJoin *)op;
    StreamJoinShared *shared = op->shared;
    for (int32_t s = 0; s < 2; s++)
        mr_batch_list_init(&self->got[s], op->context->batch_budget);
    shared->workers[op->context->worker_idx] = self;
    return MR_OK;
}

static void stream_join_close(MrOp *op)
{
    StreamJoin *self = (StreamJoin *)op;
    StreamJoinShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    for (int32_t s = 0; s < 2; s++)
        mr_batch_list_deinit(&self->got[s]);
    mr_batch_destroy(self->given);
}

static MrStatus stream_join_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    return mr_batch_list_add(&((StreamJoin *)op)->got[input_idx], batch, err);
}

static MrStatus stream_join_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier,
                                    MrError *err)
{
    ((StreamJoin *)op)->ended = true;
    return MR_OK;
}

static int32_t stream_join_n_finish_tasks(void *arg, int32_t input_idx)
{
    StreamJoinShared *shared = arg;
    atomic_store(&shared->next_out, 0);
    return 1;
}

static MrStatus side_reserve(StreamJoinShared *shared, JoinSide *side, int64_t n_more, MrError *err)
{
    int64_t n_buckets = side->n_buckets > 0 ? side->n_buckets : 256;
    void *block = NULL;
    while (n_buckets < 2 * (side->n_linked + n_more))
        n_buckets *= 2;
    if (n_buckets == side->n_buckets)
        return MR_OK;
    MR_TRY(
        mr_budget_alloc_zeroed(shared->budget, n_buckets * (int64_t)sizeof(uint64_t), &block, err));
    uint64_t *buckets = block;
    for (int64_t b = 0; b < side->n_buckets; b++) {
        char *row = (char *)(uintptr_t)side->buckets[b];
        while (row) {
            MrZRow *tail = mr__zset_row(&side->set, row);
            char *next = tail->next;
            uint64_t *bucket = &buckets[tail->hash & (uint64_t)(n_buckets - 1)];
            tail->next = (char *)(uintptr_t)*bucket;
            *bucket = (uint64_t)(uintptr_t)row;
            row = next;
        }
    }
    mr_budget_free(shared->budget, side->buckets, side->n_buckets * (int64_t)sizeof(uint64_t));
    side->buckets = buckets;
    side->n_buckets = n_buckets;
    return MR_OK;
}

static void side_link(JoinSide *side, char *row, uint64_t hash)
{
    MrZRow *tail = mr__zset_row(&side->set, row);
    uint64_t *bucket = &side->buckets[hash & (uint64_t)(side->n_buckets - 1)];
    tail->hash = hash;
    tail->next = (char *)(uintptr_t)*bucket;
    *bucket = (uint64_t)(uintptr_t)row;
    side->n_linked++;
}

/* Pairs found so far: the whole condition is tested, what remains goes out. */
static MrStatus give_pairs(StreamJoin *self, MrBatch *delta, int32_t input_idx, int32_t n,
                           MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    const MrPhys *phys = shared->phys;
    JoinSide *other = shared->sides[1 - input_idx];
    int32_t n_left = phys->inputs[0]->schema.n_cols, n_right = phys->inputs[1]->schema.n_cols;
    MrBatch *copy = NULL;
    MR_TRY(mr_batch_create(self->op.context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    MrVector **all = MR_NEW_N(&batch->arena, MrVector *, n_left + n_right + 1);
    int32_t n_mine = input_idx == 0 ? n_left : n_right, mine = input_idx == 0 ? 0 : n_left;
    int32_t theirs = input_idx == 0 ? n_left : 0;
    for (int32_t c = 0; c < n_mine; c++)
        all[mine + c] = mr_vector_take_rows(&batch->arena, delta->cols[c], self->take, n);
    for (int32_t c = 0; c < other->set.n_cols; c++)
        all[theirs + c] = mr_rows_gather(&other->set.layout.rows, c,
                                         (const void *const *)self->rows, n, &batch->arena);
    mr_batch_set_cols(batch, n_left + n_right);
    memcpy(batch->cols, all, sizeof *all * (size_t)(n_left + n_right));
    batch->n_rows = batch->n_sel = n;
    batch->weights = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof(int64_t));
    memcpy(batch->weights, self->weights, sizeof(int64_t) * (size_t)n);
    if (shared->rest)
        MR_TRY(mr_program_filter(shared->rest, self->op.context->eval, batch, err));
    if (batch->n_sel > 0) {
        mr_batch_set_cols(batch, phys->schema.n_cols);
        for (int32_t c = 0; c < phys->schema.n_cols; c++)
            batch->cols[c] = all[phys->join.out_cols[c]];
        MR_TRY(mr_batch_copy(batch, self->op.context->batch_budget, &copy, err));
        MR_TRY(mr_batch_list_add(&shared->out, copy, err));
    }
    mr_batch_destroy(batch);
    self->given = NULL;
    return MR_OK;
}

static bool has_null_key(const MrPhys *phys, MrVector *const *keys, int64_t row)
{
    for (int32_t k = 0; k < phys->join.n_keys; k++)
        if (!phys->join.null_safe[k] && mr_vector_is_null(keys[k], row))
            return true;
    return false;
}

/* Joins a batch of one side with all rows of the other, then keeps it. */
static MrStatus join_delta(StreamJoin *self, MrBatch *delta, int32_t input_idx, MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    const MrPhys *phys = shared->phys;
    JoinSide *side = shared->sides[input_idx], *other = shared->sides[1 - input_idx];
    int32_t n = 0, n_fresh = 0;
    MR_TRY(mr__evaluator_run(&side->keys, self->op.context, delta, err));
    mr__hash_columns(side->keys.out, phys->join.n_keys, delta->sel, delta->n_sel, self->hash);
    for (int32_t i = 0; i < delta->n_sel && other->n_buckets > 0; i++) {
        int32_t row = mr_batch_row(delta, i);
        int64_t weight = delta->weights ? delta->weights[row] : 1;
        if (has_null_key(phys, side->keys.out, row))
            continue;
        char *there =
            (char *)(uintptr_t)other->buckets[self->hash[i] & (uint64_t)(other->n_buckets - 1)];
        for (; there; there = mr__zset_row(&other->set, there)->next) {
            /* The rest tests keys that only have the same hash: see lower, which keeps the
             * equalities there. */
            int64_t product = weight * *mr__zset_weight(&other->set, there);
            if (mr__zset_row(&other->set, there)->hash != self->hash[i] || product == 0)
                continue;
            self->take[n] = row;
            self->rows[n] = there;
            self->weights[n++] = product;
            if (n == MR_BATCH_ROWS) {
                MR_TRY(give_pairs(self, delta, input_idx, n, err));
                n = 0;
            }
        }
    }
    if (n > 0)
        MR_TRY(give_pairs(self, delta, input_idx, n, err));
    MR_TRY(mr__zset_add(&side->set, delta, 1, &n_fresh, err));
    MR_TRY(side_reserve(shared, side, n_fresh, err));
    for (int32_t f = 0; f < n_fresh; f++) {
        int32_t i = side->set.fresh[f];
        if (!has_null_key(phys, side->keys.out, mr_batch_row(delta, i)))
            side_link(side, side->set.rows[i], self->hash[i]);
    }
    return MR_OK;
}

static MrStatus stream_join_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                        const MrBarrier *barrier, MrError *err)
{
    StreamJoin *self = (StreamJoin *)op;
    StreamJoinShared *shared = op->shared;
    mr_batch_list_clear(&shared->out);
    mr__zset_epoch(&shared->sides[input_idx]->set);
    for (int32_t w = 0; w < shared->n_workers; w++) {
        StreamJoin *worker = shared->workers[w];
        if (!worker)
            continue;
        for (int64_t b = 0; b < worker->got[input_idx].n_items; b++)
            MR_TRY(join_delta(self, worker->got[input_idx].items[b]->batch, input_idx, err));
        mr_batch_list_clear(&worker->got[input_idx]);
    }
    return MR_OK;
}

static MrStatus stream_join_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    StreamJoinShared *shared = op->shared;
    *step = MR_STEP_NEED_INPUT;
    if (!((StreamJoin *)op)->ended)
        return MR_OK;
    int64_t i = atomic_fetch_add(&shared->next_out, 1);
    if (i >= shared->out.n_items)
        return MR_OK;
    *out = mr_batch_list_take(&shared->out, i);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

static MrStatus stream_join_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    StreamJoinShared *shared = arg;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w])
            shared->workers[w]->ended = false;
    return MR_OK;
}

static MrStatus stream_join_save_changes(void *arg, MrStateWriter *to, MrError *err)
{
    StreamJoinShared *shared = arg;
    MR_TRY(mr__zset_save(&shared->sides[0]->set, 0, false, to, err));
    return mr__zset_save(&shared->sides[1]->set, 1, false, to, err);
}

static MrStatus stream_join_snapshot(void *arg, MrStateWriter *to, MrError *err)
{
    StreamJoinShared *shared = arg;
    MR_TRY(mr__zset_save(&shared->sides[0]->set, 0, true, to, err));
    return mr__zset_save(&shared->sides[1]->set, 1, true, to, err);
}

static MrStatus stream_join_apply(void *arg, int32_t table, MrText key, const MrText *value,
                                  MrError *err)
{
    StreamJoinShared *shared = arg;
    char *row = NULL;
    bool fresh = false;
    uint64_t hash = 0;
    if (table < 0 || table > 1)
        return MR_FAIL_INTERNAL(err, "the state has table %d, which this operator does not", table);
    JoinSide *side = shared->sides[table];
    MR_TRY(mr__zset_apply(&side->set, key, value, &row, &fresh, err));
    if (!fresh)
        return MR_OK;
    MR_TRY(mr_batch_create(shared->budget, &shared->loading, err));
    MrBatch *batch = shared->loading;
    const void *rows[1] = {row};
    mr_batch_set_cols(batch, side->set.n_cols);
    for (int32_t c = 0; c < side->set.n_cols; c++)
        batch->cols[c] = mr_rows_gather(&side->set.layout.rows, c, rows, 1, &batch->arena);
    batch->n_rows = batch->n_sel = 1;
    MR_TRY(mr__evaluator_run(&side->keys, &shared->context, batch, err));
    mr__hash_columns(side->keys.out, shared->phys->join.n_keys, NULL, 1, &hash);
    MR_TRY(side_reserve(shared, side, 1, err));
    if (!has_null_key(shared->phys, side->keys.out, 0))
        side_link(side, row, hash);
    mr_batch_destroy(batch);
    shared->loading = NULL;
    return MR_OK;
}

const MrOpType mr__op_stream_join = {
    .name = "StreamJoin",
    .size_bytes = sizeof(StreamJoin),
    .shared_bytes = sizeof(StreamJoinShared),
    .n_inputs = 2,
    .blocking = true,
    .shared_open = stream_join_shared_open,
    .shared_close = stream_join_shared_close,
    .open = stream_join_open,
    .close = stream_join_close,
    .push = stream_join_push,
    .pull = stream_join_pull,
    .barrier = stream_join_barrier,
    .n_finish_tasks = stream_join_n_finish_tasks,
    .finish_task = stream_join_finish_task,
    .epoch_end = stream_join_epoch_end,
    .save_changes = stream_join_save_changes,
    .snapshot = stream_join_snapshot,
    .apply = stream_join_apply,
};
