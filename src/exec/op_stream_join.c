/* op_stream_join.c - a join of two streams: inner, outer, semi, anti; at least one equal key.
 *
 * Computes:  d(A join B) = dA join B + (A + dA) join dB, over the rows that both sides have.  A
 * side that may stand alone (left, right, full, semi, anti) counts each row's matches.
 * Changes:   takes and gives inserts and retractions: the weight of a pair is the product of its
 * rows' weights; a row alone (with NULLs, or of a semi or anti join) is given or taken back when
 * its matches come or go.  In append mode (final) a row without matches is given when it is
 * evicted. Rows with a NULL key match nothing: they are given at once, or not, and never kept.
 * Eviction:  a row goes when the watermark proves that none to come matches it: its time + keep_us
 * <= watermark (physical.h).  Rows whose event time <= the last epoch's watermark are late.
 * Memory:    the rows of both sides; a heap of their times where they are evicted.
 * Blocking:  yes, for both inputs: an epoch's rows are joined when the side's input ends.
 * Snapshot:  table 0: rows of input 0 and their weights, matches and shown weight where it counts;
 * table 1: of input 1. */
#include "exec/exec_int.h"
#include "exec/zset.h"

typedef struct StreamJoin StreamJoin;

typedef struct Timed {
    int64_t us;
    char *row;
} Timed;

typedef struct JoinSide {
    MrZSet set;
    MrEvaluator keys;
    uint64_t *buckets; /* hash of the keys -> chain of rows through MrZRow.next; pointers */
    int64_t n_buckets, n_linked;
    /* Rows are given alone when they have no match (outer, anti) or some (semi). */
    bool alone, alone_matched;
    int32_t time_col, late_col; /* -1: never evicted, never late */
    int64_t keep_us;
    Timed *heap; /* the earliest first; rows that were removed may stand here still */
    int64_t n_heap, cap_heap;
    bool *fresh; /* of the batch at hand, by place */
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
    int32_t take[MR_BATCH_ROWS];   /* of the pairs found: row of the batch at hand, its place, */
    int32_t places[MR_BATCH_ROWS]; /* and the other side's row                               */
    char *rows[MR_BATCH_ROWS];
    int64_t weights[MR_BATCH_ROWS];
    uint64_t hash[MR_BATCH_ROWS];
};

static void side_plan(JoinSide *side, const MrPhys *phys, int32_t s)
{
    MrJoinKind kind = phys->join.kind;
    side->alone = kind == MR_JOIN_FULL ||
                  (s == 0 ? kind == MR_JOIN_LEFT || kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI
                          : kind == MR_JOIN_RIGHT);
    side->alone_matched = kind == MR_JOIN_SEMI;
    side->set.counts = side->alone;
    side->time_col = s == 0 ? phys->join.left_time_col : phys->join.right_time_col;
    side->keep_us = s == 0 ? phys->join.left_keep_us : phys->join.right_keep_us;
    side->late_col = s == 0 ? phys->join.left_late_col : phys->join.right_late_col;
}

static bool gives_pairs(const MrPhys *phys)
{
    return phys->join.kind != MR_JOIN_SEMI && phys->join.kind != MR_JOIN_ANTI;
}

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
        JoinSide *side = shared->sides[s] = MR_NEW(&shared->arena, JoinSide);
        side_plan(side, phys, s);
        side->fresh = MR_NEW_N(&shared->arena, bool, MR_BATCH_ROWS);
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
        mr_budget_free(shared->budget, side->heap, side->cap_heap * (int64_t)sizeof *side->heap);
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
    StreamJoinShared *shared = op->shared;
    int32_t late_col = shared->sides[input_idx]->late_col;
    if (late_col >= 0) {
        StreamJoin *self = (StreamJoin *)op;
        self->given = batch; /* close frees it if there is no memory */
        op->context->metrics->late_rows +=
            mr__drop_late(batch, batch->cols[late_col], mr__late_us(op));
        self->given = NULL;
    }
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
        char *first = (char *)(uintptr_t)side->buckets[b], *oldest = NULL;
        while (first) { /* the oldest first */
            char *next = mr__zset_row(&side->set, first)->next;
            mr__zset_row(&side->set, first)->next = oldest;
            oldest = first;
            first = next;
        }
        while (oldest) {
            MrZRow *tail = mr__zset_row(&side->set, oldest);
            char *next = tail->next;
            uint64_t *bucket = &buckets[tail->hash & (uint64_t)(n_buckets - 1)];
            tail->next = (char *)(uintptr_t)*bucket;
            *bucket = (uint64_t)(uintptr_t)oldest;
            oldest = next;
        }
    }
    mr_budget_free(shared->budget, side->buckets, side->n_buckets * (int64_t)sizeof(uint64_t));
    side->buckets = buckets;
    side->n_buckets = n_buckets;
    return MR_OK;
}

/* Equal times: in the order in which the rows came, in this process or one before it. */
static bool is_earlier(const JoinSide *side, Timed a, Timed b)
{
    return a.us != b.us
               ? a.us < b.us
               : mr__zset_row(&side->set, a.row)->number < mr__zset_row(&side->set, b.row)->number;
}

static MrStatus heap_push(StreamJoinShared *shared, JoinSide *side, Timed timed, MrError *err)
{
    if (side->n_heap == side->cap_heap) {
        int64_t cap = side->cap_heap > 0 ? 2 * side->cap_heap : 256, size_bytes;
        void *block = side->heap;
        size_bytes = side->cap_heap * (int64_t)sizeof(Timed);
        MR_TRY(mr_budget_resize(shared->budget, &block, &size_bytes, cap * (int64_t)sizeof(Timed),
                                err));
        side->heap = block;
        side->cap_heap = cap;
    }
    int64_t at = side->n_heap++;
    for (; at > 0 && is_earlier(side, timed, side->heap[(at - 1) / 2]); at = (at - 1) / 2)
        side->heap[at] = side->heap[(at - 1) / 2];
    side->heap[at] = timed;
    return MR_OK;
}

static void heap_pop(JoinSide *side)
{
    Timed last = side->heap[--side->n_heap];
    int64_t at = 0;
    for (int64_t child; (child = 2 * at + 1) < side->n_heap; at = child) {
        if (child + 1 < side->n_heap && is_earlier(side, side->heap[child + 1], side->heap[child]))
            child++;
        if (!is_earlier(side, side->heap[child], last))
            break;
        side->heap[at] = side->heap[child];
    }
    side->heap[at] = last;
}

/* Makes a new row of the side known: to those who look for its keys, the newest first whatever the
 * order in which rows are read back, and to the watermark.  time: its column of times, at `at`. */
static MrStatus side_link(StreamJoinShared *shared, JoinSide *side, char *row, uint64_t hash,
                          const MrVector *time, int64_t at, MrError *err)
{
    MrZRow *tail = mr__zset_row(&side->set, row);
    uint64_t *bucket = &side->buckets[hash & (uint64_t)(side->n_buckets - 1)];
    char *before = NULL, *after = (char *)(uintptr_t)*bucket;
    while (after && mr__zset_row(&side->set, after)->number > tail->number) {
        before = after;
        after = mr__zset_row(&side->set, after)->next;
    }
    tail->hash = hash;
    tail->next = after;
    if (before)
        mr__zset_row(&side->set, before)->next = row;
    else
        *bucket = (uint64_t)(uintptr_t)row;
    side->n_linked++;
    int64_t us = time ? mr__event_time_us(time, at) : INT64_MAX;
    return us == INT64_MAX ? MR_OK : heap_push(shared, side, (Timed){us, row}, err);
}

static void side_unlink(JoinSide *side, char *row)
{
    MrZRow *tail = mr__zset_row(&side->set, row);
    uint64_t *bucket = &side->buckets[tail->hash & (uint64_t)(side->n_buckets - 1)];
    if ((char *)(uintptr_t)*bucket == row) {
        *bucket = (uint64_t)(uintptr_t)tail->next;
    } else {
        MrZRow *before = mr__zset_row(&side->set, (char *)(uintptr_t)*bucket);
        while (before->next != row)
            before = mr__zset_row(&side->set, before->next);
        before->next = tail->next;
    }
    side->n_linked--;
}

/* Takes a row out of the state. */
static void side_remove(JoinSide *side, char *row)
{
    side_unlink(side, row);
    mr__zset_touch(&side->set, row); /* the checkpoint will hear of it */
    mr__zset_remove(&side->set, row);
}

/* A new epoch of a side: its dead rows' memory comes back once they are most. */
static MrStatus side_begin(StreamJoinShared *shared, JoinSide *side, MrError *err)
{
    MrZSet *set = &side->set;
    char *rows[MR_BATCH_ROWS];
    bool moved = false;
    mr__zset_epoch(set);
    MR_TRY(mr__zset_compact(set, &moved, err));
    if (!moved)
        return MR_OK;
    memset(side->buckets, 0, (size_t)side->n_buckets * sizeof *side->buckets);
    side->n_linked = side->n_heap = 0;
    for (int64_t from = 0; from < set->groups.n_rows; from += MR_BATCH_ROWS) {
        int64_t n =
            set->groups.n_rows - from < MR_BATCH_ROWS ? set->groups.n_rows - from : MR_BATCH_ROWS;
        for (int64_t i = 0; i < n; i++)
            rows[i] = mr__groups_row(&set->groups, from + i);
        const MrVector *time = side->time_col >= 0
                                   ? mr_rows_gather(&set->layout.rows, side->time_col,
                                                    (const void *const *)rows, n, &set->scratch)
                                   : NULL;
        for (int64_t i = 0; i < n; i++)
            MR_TRY(
                side_link(shared, side, rows[i], mr__zset_row(set, rows[i])->hash, time, i, err));
    }
    return MR_OK;
}

/* -- what goes out ---------------------------------------------------------------------------- */

/* Rows of one side, the other's columns NULL. */
static MrStatus give_alone(StreamJoin *self, int32_t side_idx, MrVector **cols, int32_t n,
                           const int64_t *weights, MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    const MrPhys *phys = shared->phys;
    int32_t n_left = phys->inputs[0]->schema.n_cols;
    MrBatch *batch = NULL, *copy = NULL;
    MR_TRY(mr_batch_create(self->op.context->batch_budget, &self->given, err));
    batch = self->given;
    mr_batch_set_cols(batch, phys->schema.n_cols);
    for (int32_t c = 0; c < phys->schema.n_cols; c++) {
        int32_t from = phys->join.out_cols[c];
        bool own = (from >= n_left) == (side_idx == 1);
        batch->cols[c] = own ? cols[from - (side_idx == 1 ? n_left : 0)]
                             : mr_vector_constant(&batch->arena, phys->schema.cols[c].type, NULL);
    }
    batch->n_rows = batch->n_sel = n;
    batch->weights = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof(int64_t));
    memcpy(batch->weights, weights, sizeof(int64_t) * (size_t)n);
    MR_TRY(mr_batch_copy(batch, self->op.context->batch_budget, &copy, err));
    MR_TRY(mr_batch_list_add(&shared->out, copy, err));
    mr_batch_destroy(batch);
    self->given = NULL;
    return MR_OK;
}

static MrStatus give_rows_alone(StreamJoin *self, int32_t side_idx, int32_t n, MrError *err)
{
    MrZSet *set = &((StreamJoinShared *)self->op.shared)->sides[side_idx]->set;
    MrVector **cols = MR_NEW_N(&set->scratch, MrVector *, set->n_cols + 1);
    for (int32_t c = 0; c < set->n_cols && n > 0; c++)
        cols[c] =
            mr_rows_gather(&set->layout.rows, c, (const void *const *)self->rows, n, &set->scratch);
    return n > 0 ? give_alone(self, side_idx, cols, n, self->weights, err) : MR_OK;
}

/* Counts the pair of place p for both rows. */
static void pair_count(StreamJoin *self, JoinSide *side, JoinSide *other, int32_t p,
                       int64_t delta_weight)
{
    char *own = side->set.rows[self->places[p]], *there = self->rows[p];
    if (other->alone) {
        mr__zset_row(&other->set, there)->matches += delta_weight;
        mr__zset_touch(&other->set, there);
    }
    if (side->alone && side->fresh[self->places[p]])
        mr__zset_row(&side->set, own)->matches += *mr__zset_weight(&other->set, there);
}

/* Pairs found so far: the whole condition is tested, what remains is counted and goes out. */
static MrStatus give_pairs(StreamJoin *self, MrBatch *delta, int32_t input_idx, int32_t n,
                           MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    const MrPhys *phys = shared->phys;
    JoinSide *side = shared->sides[input_idx], *other = shared->sides[1 - input_idx];
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
    if (shared->rest)
        MR_TRY(mr_program_filter(shared->rest, self->op.context->eval, batch, err));
    uint16_t *sel = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof *sel);
    int32_t n_sel = 0;
    batch->weights = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof(int64_t));
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t p = mr_batch_row(batch, i);
        pair_count(self, side, other, p, self->weights[p]);
        batch->weights[p] = self->weights[p] * *mr__zset_weight(&other->set, self->rows[p]);
        sel[n_sel] = (uint16_t)p;
        n_sel += batch->weights[p] != 0;
    }
    if (n_sel > 0 && gives_pairs(phys)) {
        batch->sel = sel;
        batch->n_sel = n_sel;
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

/* Rows with a NULL key leave the batch: they match nothing, which is known at once. */
static MrStatus null_keys_leave(StreamJoin *self, MrBatch *delta, int32_t input_idx, MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    JoinSide *side = shared->sides[input_idx];
    uint16_t *sel = mr_arena_alloc(&delta->arena, (delta->n_sel + 1) * (int64_t)sizeof *sel);
    int32_t n_sel = 0, n_null = 0;
    for (int32_t i = 0; i < delta->n_sel; i++) {
        int32_t row = mr_batch_row(delta, i);
        if (has_null_key(shared->phys, side->keys.out, row)) {
            self->take[n_null] = row;
            self->weights[n_null++] = delta->weights ? delta->weights[row] : 1;
        } else {
            sel[n_sel++] = (uint16_t)row;
        }
    }
    if (n_null == 0)
        return MR_OK;
    delta->sel = sel;
    delta->n_sel = n_sel;
    if (!side->alone || side->alone_matched)
        return MR_OK;
    MrVector **cols = MR_NEW_N(&delta->arena, MrVector *, delta->n_cols + 1);
    for (int32_t c = 0; c < delta->n_cols; c++)
        cols[c] = mr_vector_take_rows(&delta->arena, delta->cols[c], self->take, n_null);
    return give_alone(self, input_idx, cols, n_null, self->weights, err);
}

/* Keeps the batch's rows. */
static MrStatus side_add(StreamJoin *self, MrBatch *delta, JoinSide *side, MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    int32_t n_fresh = 0;
    MR_TRY(mr__zset_add(&side->set, delta, 1, &n_fresh, err));
    MR_TRY(side_reserve(shared, side, n_fresh, err));
    memset(side->fresh, 0, sizeof *side->fresh * (size_t)delta->n_sel);
    for (int32_t f = 0; f < n_fresh; f++) {
        int32_t i = side->set.fresh[f];
        side->fresh[i] = true;
        MR_TRY(side_link(shared, side, side->set.rows[i], self->hash[i],
                         side->time_col >= 0 ? delta->cols[side->time_col] : NULL,
                         mr_batch_row(delta, i), err));
    }
    return MR_OK;
}

/* Keeps a batch of one side and joins it with all rows of the other. */
static MrStatus join_delta(StreamJoin *self, MrBatch *delta, int32_t input_idx, MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    const MrPhys *phys = shared->phys;
    JoinSide *side = shared->sides[input_idx], *other = shared->sides[1 - input_idx];
    int32_t n = 0;
    MR_TRY(mr__evaluator_run(&side->keys, self->op.context, delta, err));
    MR_TRY(null_keys_leave(self, delta, input_idx, err));
    mr__hash_columns(side->keys.out, phys->join.n_keys, delta->sel, delta->n_sel, self->hash);
    MR_TRY(side_add(self, delta, side, err));
    for (int32_t i = 0; i < delta->n_sel && other->n_buckets > 0; i++) {
        int32_t row = mr_batch_row(delta, i);
        char *there =
            (char *)(uintptr_t)other->buckets[self->hash[i] & (uint64_t)(other->n_buckets - 1)];
        for (; there; there = mr__zset_row(&other->set, there)->next) {
            /* The rest tests keys that only have the same hash: see lower, which keeps the
             * equalities there. */
            if (mr__zset_row(&other->set, there)->hash != self->hash[i])
                continue;
            self->take[n] = row;
            self->places[n] = i;
            self->rows[n] = there;
            self->weights[n++] = delta->weights ? delta->weights[row] : 1;
            if (n == MR_BATCH_ROWS) {
                MR_TRY(give_pairs(self, delta, input_idx, n, err));
                n = 0;
            }
        }
    }
    return n > 0 ? give_pairs(self, delta, input_idx, n, err) : MR_OK;
}

/* The changes of what stands alone. */
static MrStatus side_settle(StreamJoin *self, int32_t side_idx, MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    JoinSide *side = shared->sides[side_idx];
    MrZSet *set = &side->set;
    bool waits = shared->phys->join.final && !side->alone_matched; /* for the eviction */
    int32_t n = 0;
    for (int64_t d = 0; d < set->n_dirty && side->alone && !waits; d++) {
        char *row = set->dirty[d];
        MrZRow *tail = mr__zset_row(set, row);
        int64_t now = (tail->matches != 0) == side->alone_matched ? *mr__zset_weight(set, row) : 0;
        if (now == tail->before)
            continue;
        self->rows[n] = row;
        self->weights[n++] = now - tail->before;
        tail->before = now;
        if (n == MR_BATCH_ROWS) {
            MR_TRY(give_rows_alone(self, side_idx, n, err));
            n = 0;
        }
    }
    MR_TRY(give_rows_alone(self, side_idx, n, err));
    for (int64_t d = 0; d < set->n_dirty; d++)
        if (*mr__zset_weight(set, set->dirty[d]) == 0 && !mr__zset_row(set, set->dirty[d])->gone)
            side_remove(side, set->dirty[d]);
    return MR_OK;
}

/* Rows that nothing to come can match; those that nothing has matched are given when the mode waits
 * for it. */
static MrStatus side_evict(StreamJoin *self, int32_t side_idx, int64_t evict_us, MrError *err)
{
    StreamJoinShared *shared = self->op.shared;
    JoinSide *side = shared->sides[side_idx];
    bool gives = shared->phys->join.final && side->alone && !side->alone_matched;
    int32_t n = 0;
    while (side->n_heap > 0 && evict_us != MR_TIME_MIN) {
        Timed first = side->heap[0];
        int64_t until_us;
        if (__builtin_add_overflow(first.us, side->keep_us, &until_us))
            until_us = side->keep_us < 0 ? INT64_MIN : INT64_MAX;
        if (until_us > evict_us)
            break;
        heap_pop(side);
        if (mr__zset_row(&side->set, first.row)->gone)
            continue;
        if (gives && mr__zset_row(&side->set, first.row)->matches == 0) {
            self->rows[n] = first.row;
            self->weights[n++] = *mr__zset_weight(&side->set, first.row);
        }
        side_remove(side, first.row);
        if (n == MR_BATCH_ROWS) {
            MR_TRY(give_rows_alone(self, side_idx, n, err));
            n = 0;
        }
    }
    return give_rows_alone(self, side_idx, n, err);
}

static MrStatus stream_join_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                        const MrBarrier *barrier, MrError *err)
{
    StreamJoin *self = (StreamJoin *)op;
    StreamJoinShared *shared = op->shared;
    mr_batch_list_clear(&shared->out);                /* what the other input gave is out already */
    for (int32_t s = 0; s < 2 && input_idx == 0; s++) /* it comes first */
        MR_TRY(side_begin(shared, shared->sides[s], err));
    for (int32_t w = 0; w < shared->n_workers; w++) {
        StreamJoin *worker = shared->workers[w];
        if (!worker)
            continue;
        for (int64_t b = 0; b < worker->got[input_idx].n_items; b++)
            MR_TRY(join_delta(self, worker->got[input_idx].items[b]->batch, input_idx, err));
        mr_batch_list_clear(&worker->got[input_idx]);
    }
    for (int32_t s = 0; s < 2 && input_idx == 1; s++)
        MR_TRY(side_settle(self, s, err));
    int64_t evict_us = barrier->ended && shared->phys->join.final ? INT64_MAX : mr__evict_us(op);
    for (int32_t s = 0; s < 2 && input_idx == 1; s++)
        MR_TRY(side_evict(self, s, evict_us, err));
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
    if (!value && row) {
        side_unlink(side, row);
        mr__zset_remove(&side->set, row);
    }
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
    MR_TRY(side_link(shared, side, row, hash,
                     side->time_col >= 0 ? batch->cols[side->time_col] : NULL, 0, err));
    mr_batch_destroy(batch);
    shared->loading = NULL;
    return MR_OK;
}

static MrStateCount stream_join_count(const void *arg)
{
    const StreamJoinShared *shared = arg;
    MrStateCount count = {0};
    for (int32_t s = 0; s < 2; s++) {
        count.rows += shared->sides[s]->n_linked;
        count.updated += mr__zset_n_updated(&shared->sides[s]->set);
        count.removed += shared->sides[s]->set.n_removed;
    }
    return count;
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
    .count = stream_join_count,
};
