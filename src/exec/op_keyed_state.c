/* op_keyed_state.c - a state for each key: a DStream's updateStateByKey, and its
 * reduceByKeyAndWindow with an inverse.
 *
 * Computes:  update: calls the function for every key that has a state or new values.  Else: rows
 *            of weight +1 are reduced into the key's state, rows of weight -1 are taken out of it
 *            first.  Gives every key with its state, in epochs that reach a multiple of the slide.
 * Changes:   takes inserts (update) or inserts and retractions; gives all keys as inserts.
 * Memory:    the keys and their states, in blocks of their own that go with the key; the rows of
 *            the epoch.  They do not spill.
 * Blocking:  yes.  Keys are split into parts by their hash; a part is one task.
 * Snapshot:  table 0: key -> state, each with a byte before it: 0 it is NULL, 1 its bytes follow.
 * Source:    Spark's StateDStream and ReducedWindowedDStream: a key that is neither in the state
 *            nor among the new values is passed over, and a key without values left stays until
 *            the filter drops it. */
#include "exec/exec_int.h"

#include "base/hash.h"

#define N_PARTS 16

/* A row of the epoch; its bytes lie in the batch, which is held. */
typedef struct StateRow StateRow;
struct StateRow {
    StateRow *next; /* of the same key, in the order of arrival */
    uint64_t hash;
    MrText key, value;
    bool leaves;
};

typedef struct StateRows { /* of one worker and part, in the worker's arena */
    StateRow *rows;
    int64_t n_rows, cap_rows;
} StateRows;

typedef struct StateKey StateKey;
struct StateKey {
    StateKey *next; /* of the bucket */
    StateRow *first, *last;
    uint64_t hash;
    int64_t block_bytes, place; /* in the part's list */
    int64_t key_bytes;          /* -1: NULL */
    int64_t value_bytes;        /* -1: NULL */
    char *value;                /* behind the key, or in a block of its own */
    int64_t value_cap;
    bool has_value, own_value, changed;
    char bytes[];
};

typedef struct StatePart {
    StateKey **keys; /* all, in no order */
    int64_t n_keys, keys_bytes;
    StateKey **buckets;
    int64_t n_buckets;
    StateKey **changed; /* of the epoch, in the part's arena; so are the next two */
    int64_t n_changed, cap_changed;
    StateKey **gone; /* forgotten in this epoch; freed when it is over */
    int64_t n_gone, cap_gone;
    MrText *values; /* of the key at hand */
    int64_t cap_values;
    MrArena arena, results; /* results: of the functions, for the key at hand */
} StatePart;

typedef struct KeyedState KeyedState;

typedef struct KeyedStateShared {
    const MrKeyedState *spec;
    MrArena arena;
    MrOpContext context;
    KeyedState **workers;
    StatePart *parts;
    MrBuffer stored_key, stored_value;
    bool open, slides;
    _Atomic int64_t next_out;
} KeyedStateShared;

struct KeyedState {
    MrOp op;
    MrBatchList got;
    MrArena arena;
    StateRows parts[N_PARTS];
    MrBatch *given;
    bool ended;
};

static MrStatus keyed_state_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                        MrError *err)
{
    KeyedStateShared *shared = arg;
    shared->spec = phys->keyed_state;
    shared->context = *context;
    mr_arena_init(&shared->arena, context->budget);
    mr_buffer_init(&shared->stored_key, context->budget, INT64_MAX);
    mr_buffer_init(&shared->stored_value, context->budget, INT64_MAX);
    shared->open = true;
    shared->workers = MR_NEW_N(&shared->arena, KeyedState *, context->n_workers);
    shared->parts = MR_NEW_N(&shared->arena, StatePart, N_PARTS);
    for (int32_t p = 0; p < N_PARTS; p++) {
        StatePart *part = &shared->parts[p];
        mr_arena_init(&part->arena, context->budget);
        mr_arena_init(&part->results, context->budget);
    }
    return MR_OK;
}

static void key_free(MrBudget *budget, StateKey *key)
{
    if (key->own_value)
        mr_budget_free(budget, key->value, key->value_cap);
    mr_budget_free(budget, key, key->block_bytes);
}

static void part_free_gone(StatePart *part, MrBudget *budget)
{
    for (int64_t g = 0; g < part->n_gone; g++)
        key_free(budget, part->gone[g]);
    part->n_gone = 0;
}

static void keyed_state_shared_close(void *arg)
{
    KeyedStateShared *shared = arg;
    MrBudget *budget = shared->context.budget;
    if (!shared->open)
        return;
    for (int32_t p = 0; shared->parts && p < N_PARTS; p++) {
        StatePart *part = &shared->parts[p];
        part_free_gone(part, budget);
        for (int64_t k = 0; k < part->n_keys; k++)
            key_free(budget, part->keys[k]);
        mr_budget_free(budget, part->keys, part->keys_bytes);
        mr_budget_free(budget, part->buckets, part->n_buckets * (int64_t)sizeof(StateKey *));
        mr_arena_deinit(&part->results);
        mr_arena_deinit(&part->arena);
    }
    mr_buffer_deinit(&shared->stored_key);
    mr_buffer_deinit(&shared->stored_value);
    mr_arena_deinit(&shared->arena);
}

static MrStatus keyed_state_open(MrOp *op, MrError *err)
{
    KeyedState *self = (KeyedState *)op;
    mr_batch_list_init(&self->got, op->context->batch_budget);
    mr_arena_init(&self->arena, op->context->budget);
    ((KeyedStateShared *)op->shared)->workers[op->context->worker_idx] = self;
    return MR_OK;
}

static void keyed_state_close(MrOp *op)
{
    KeyedState *self = (KeyedState *)op;
    KeyedStateShared *shared = op->shared;
    if (shared && shared->workers)
        shared->workers[op->context->worker_idx] = NULL;
    mr_batch_list_deinit(&self->got);
    mr_arena_deinit(&self->arena);
    mr_batch_destroy(self->given);
}

/* ---------------------------------------------------------------- the epoch's rows */

static MrText text_at(const MrVector *vec, int64_t row)
{
    int64_t at;
    if (mr_vector_is_null(vec, row))
        return (MrText){NULL, 0};
    return mr_str_text(&mr_vector_at(vec, row, &at)->str[at]);
}

static uint64_t key_hash(MrText key)
{
    return key.data ? mr_hash_bytes(key.data, key.size_bytes, 0x5E7A) : 0;
}

static MrStatus keyed_state_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    KeyedState *self = (KeyedState *)op;
    MR_TRY(mr_batch_list_add(&self->got, batch, err));
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        int64_t weight = batch->weights ? batch->weights[row] : 1;
        StateRow made = {.key = text_at(batch->cols[0], row),
                         .value = text_at(batch->cols[1], row),
                         .leaves = weight < 0};
        made.hash = key_hash(made.key);
        StateRows *part = &self->parts[made.hash >> 60];
        for (weight = weight < 0 ? -weight : weight; weight > 0; weight--)
            MR_PUSH(&self->arena, part->rows, part->n_rows, part->cap_rows, made);
    }
    return MR_OK;
}

static MrStatus keyed_state_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier,
                                    MrError *err)
{
    ((KeyedState *)op)->ended = true;
    return MR_OK;
}

static int32_t keyed_state_n_finish_tasks(void *arg, int32_t input_idx)
{
    KeyedStateShared *shared = arg;
    int64_t end_us;
    atomic_store(&shared->next_out, 0);
    for (int32_t p = 0; p < N_PARTS; p++) {
        StatePart *part = &shared->parts[p];
        for (int64_t c = 0; c < part->n_changed; c++)
            part->changed[c]->changed = false;
        part_free_gone(part, shared->context.budget);
        part->changed = part->gone = NULL;
        part->n_changed = part->cap_changed = part->cap_gone = 0;
        part->values = NULL;
        part->cap_values = 0;
        mr_arena_reset(&part->arena);
    }
    shared->slides = mr_barrier_slides(shared->context.barrier, shared->spec->slide_us, &end_us);
    return shared->slides ? N_PARTS : 0;
}

/* ---------------------------------------------------------------- a part's keys */

static MrText key_text(const StateKey *key)
{
    return key->key_bytes < 0 ? (MrText){NULL, 0} : (MrText){key->bytes, key->key_bytes};
}

static MrText value_text(const StateKey *key)
{
    return !key->has_value || key->value_bytes < 0 ? (MrText){NULL, 0}
                                                   : (MrText){key->value, key->value_bytes};
}

static bool text_same(MrText a, MrText b)
{
    return (a.data == NULL) == (b.data == NULL) && a.size_bytes == b.size_bytes &&
           (a.size_bytes == 0 || memcmp(a.data, b.data, (size_t)a.size_bytes) == 0);
}

static StateKey *key_find(const StatePart *part, MrText text, uint64_t hash)
{
    StateKey *key =
        part->n_buckets > 0 ? part->buckets[hash & (uint64_t)(part->n_buckets - 1)] : NULL;
    while (key && (key->hash != hash || !text_same(key_text(key), text)))
        key = key->next;
    return key;
}

static MrStatus part_reserve(StatePart *part, MrBudget *budget, MrError *err)
{
    int64_t need_bytes = (part->n_keys + 1) * (int64_t)sizeof(StateKey *);
    if (need_bytes > part->keys_bytes) {
        void *data = part->keys;
        MR_TRY(mr_budget_resize(budget, &data, &part->keys_bytes, 2 * need_bytes + 56, err));
        part->keys = data;
    }
    if (part->n_keys < part->n_buckets)
        return MR_OK;
    int64_t n_buckets = part->n_buckets > 0 ? 2 * part->n_buckets : 64;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, n_buckets * (int64_t)sizeof(StateKey *), &block, err));
    StateKey **buckets = block;
    for (int64_t k = 0; k < part->n_keys; k++) {
        StateKey **bucket = &buckets[part->keys[k]->hash & (uint64_t)(n_buckets - 1)];
        part->keys[k]->next = *bucket;
        *bucket = part->keys[k];
    }
    mr_budget_free(budget, part->buckets, part->n_buckets * (int64_t)sizeof(StateKey *));
    part->buckets = buckets;
    part->n_buckets = n_buckets;
    return MR_OK;
}

/* A new key, without a state. */
static MrStatus key_make(StatePart *part, MrBudget *budget, MrText text, uint64_t hash,
                         StateKey **out, MrError *err)
{
    int64_t key_bytes = text.data ? text.size_bytes : 0;
    int64_t block_bytes = ((int64_t)sizeof(StateKey) + key_bytes + 16 + 63) & ~INT64_C(63);
    void *block;
    MR_TRY(part_reserve(part, budget, err));
    MR_TRY(mr_budget_alloc_zeroed(budget, block_bytes, &block, err));
    StateKey *key = block;
    key->hash = hash;
    key->block_bytes = block_bytes;
    key->key_bytes = text.data ? key_bytes : -1;
    if (key_bytes > 0)
        memcpy(key->bytes, text.data, (size_t)key_bytes);
    key->value = key->bytes + key_bytes;
    key->value_cap = block_bytes - (int64_t)sizeof(StateKey) - key_bytes;
    StateKey **bucket = &part->buckets[hash & (uint64_t)(part->n_buckets - 1)];
    key->next = *bucket;
    *bucket = key;
    key->place = part->n_keys;
    part->keys[part->n_keys++] = key;
    *out = key;
    return MR_OK;
}

/* Takes the key out of the table; its block stays. */
static void key_unlink(StatePart *part, StateKey *key)
{
    StateKey **at = &part->buckets[key->hash & (uint64_t)(part->n_buckets - 1)];
    while (*at != key)
        at = &(*at)->next;
    *at = key->next;
    StateKey *last = part->keys[--part->n_keys];
    part->keys[key->place] = last;
    last->place = key->place;
}

static MrStatus value_set(StateKey *key, MrBudget *budget, MrText value, MrError *err)
{
    if (value.data && value.size_bytes > key->value_cap) {
        int64_t cap_bytes = (value.size_bytes + value.size_bytes / 2 + 63) & ~INT64_C(63);
        void *block;
        MR_TRY(mr_budget_alloc(budget, cap_bytes, &block, err));
        if (key->own_value)
            mr_budget_free(budget, key->value, key->value_cap);
        key->value = block;
        key->value_cap = cap_bytes;
        key->own_value = true;
    }
    if (value.data && value.size_bytes > 0)
        memcpy(key->value, value.data, (size_t)value.size_bytes);
    key->value_bytes = value.data ? value.size_bytes : -1;
    key->has_value = true;
    return MR_OK;
}

static MrStatus key_change(StatePart *part, MrBudget *budget, StateKey *key, MrText value,
                           MrError *err)
{
    if (key->has_value && text_same(value_text(key), value))
        return MR_OK;
    MR_TRY(value_set(key, budget, value, err));
    if (!key->changed)
        MR_PUSH(&part->arena, part->changed, part->n_changed, part->cap_changed, key);
    key->changed = true;
    return MR_OK;
}

/* A key that was in the state is noted, so that the checkpoint forgets it as well. */
static void key_forget(StatePart *part, MrBudget *budget, StateKey *key)
{
    if (!key->has_value) {
        key_unlink(part, key);
        key_free(budget, key);
        return;
    }
    MR_PUSH(&part->arena, part->gone, part->n_gone, part->cap_gone, key);
    key_unlink(part, key);
}

/* ---------------------------------------------------------------- an epoch of a part */

/* Hangs the epoch's rows on their keys, in the order of workers and arrival. */
static MrStatus rows_hang(KeyedStateShared *shared, int32_t part_idx, MrError *err)
{
    StatePart *part = &shared->parts[part_idx];
    for (int32_t w = 0; w < shared->context.n_workers; w++) {
        StateRows *rows = shared->workers[w] ? &shared->workers[w]->parts[part_idx] : NULL;
        for (int64_t r = 0; rows && r < rows->n_rows; r++) {
            StateRow *row = &rows->rows[r];
            StateKey *key = key_find(part, row->key, row->hash);
            if (!key)
                MR_TRY(key_make(part, shared->context.budget, row->key, row->hash, &key, err));
            if (key->last)
                key->last->next = row;
            else
                key->first = row;
            key->last = row;
        }
    }
    return MR_OK;
}

static MrStatus key_update(KeyedStateShared *shared, StatePart *part, const MrKeyedCall *call,
                           StateKey *key, bool *stays, MrError *err)
{
    const MrKeyedState *spec = shared->spec;
    MrText value = {NULL, 0};
    int64_t n = 0;
    for (const StateRow *row = key->first; row; row = row->next)
        MR_PUSH(&part->arena, part->values, n, part->cap_values, row->value);
    MR_TRY(spec->update(spec->self, call, key_text(key), part->values, n, value_text(key), &value,
                        err));
    *stays = value.data != NULL;
    return *stays ? key_change(part, shared->context.budget, key, value, err) : MR_OK;
}

/* The rows of the key that come, or those that leave, reduced to one value; *any: there are some.
 */
static MrStatus reduce_rows(const MrKeyedState *spec, const MrKeyedCall *call, const StateKey *key,
                            bool leaves, MrText *out, bool *any, MrError *err)
{
    *any = false;
    for (const StateRow *row = key->first; row; row = row->next) {
        if (row->leaves != leaves)
            continue;
        if (*any)
            MR_TRY(spec->reduce(spec->self, call, *out, row->value, out, err));
        else
            *out = row->value;
        *any = true;
    }
    return MR_OK;
}

/* What leaves is taken out, then what comes is reduced in. */
static MrStatus key_slide(KeyedStateShared *shared, StatePart *part, const MrKeyedCall *call,
                          StateKey *key, bool *stays, MrError *err)
{
    const MrKeyedState *spec = shared->spec;
    MrText rows = {NULL, 0}, value = value_text(key);
    bool leave = false, come = false;
    if (!key->first)
        return MR_OK;
    if (key->has_value)
        MR_TRY(reduce_rows(spec, call, key, true, &rows, &leave, err));
    if (leave)
        MR_TRY(spec->inverse(spec->self, call, value, rows, &value, err));
    MR_TRY(reduce_rows(spec, call, key, false, &rows, &come, err));
    if (come && key->has_value)
        MR_TRY(spec->reduce(spec->self, call, value, rows, &value, err));
    else if (come)
        value = rows;
    *stays = key->has_value || come;
    if (*stays && spec->filter)
        MR_TRY(spec->filter(spec->self, call, key_text(key), value, stays, err));
    return *stays ? key_change(part, shared->context.budget, key, value, err) : MR_OK;
}

static MrStatus keyed_state_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                        const MrBarrier *barrier, MrError *err)
{
    KeyedStateShared *shared = op->shared;
    StatePart *part = &shared->parts[task_idx];
    MrKeyedCall call = {&part->results, op->context->eval->canceled};
    MR_TRY(rows_hang(shared, task_idx, err));
    /* From behind: a key that goes leaves its place to the last one, which has been looked at. */
    for (int64_t k = part->n_keys - 1; k >= 0; k--) {
        StateKey *key = part->keys[k];
        bool stays = true;
        if (part->results.used_bytes > 0)
            mr_arena_reset(&part->results);
        MR_TRY(shared->spec->update ? key_update(shared, part, &call, key, &stays, err)
                                    : key_slide(shared, part, &call, key, &stays, err));
        key->first = key->last = NULL;
        if (!stays)
            key_forget(part, shared->context.budget, key);
    }
    return MR_OK;
}

/* Every key and its state, up to a batch at a time. */
static MrStatus give_keys(KeyedState *self, const StatePart *part, int64_t from, MrError *err)
{
    int64_t n = part->n_keys - from < MR_BATCH_ROWS ? part->n_keys - from : MR_BATCH_ROWS;
    MR_TRY(mr_batch_create(self->op.context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    mr_batch_set_cols(batch, 2);
    for (int32_t c = 0; c < 2; c++) {
        MrVector *vec = mr_vector_create(&batch->arena, self->op.phys->schema.cols[c].type, n);
        for (int64_t i = 0; i < n; i++) {
            const StateKey *key = part->keys[from + i];
            MrText text = c == 0 ? key_text(key) : value_text(key);
            if (text.data)
                vec->str[i] = mr_str_own(&batch->arena, text.data, text.size_bytes);
            else
                mr_vector_set_null(&batch->arena, vec, i, n);
        }
        batch->cols[c] = vec;
    }
    batch->n_rows = batch->n_sel = (int32_t)n;
    return MR_OK;
}

static MrStatus keyed_state_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    KeyedState *self = (KeyedState *)op;
    KeyedStateShared *shared = op->shared;
    *step = MR_STEP_NEED_INPUT;
    if (!self->ended || !shared->slides)
        return MR_OK;
    int64_t at = atomic_fetch_add(&shared->next_out, 1);
    for (int32_t p = 0; p < N_PARTS; p++) {
        const StatePart *part = &shared->parts[p];
        int64_t n_batches = (part->n_keys + MR_BATCH_ROWS - 1) / MR_BATCH_ROWS;
        if (at >= n_batches) {
            at -= n_batches;
            continue;
        }
        MR_TRY(give_keys(self, part, at * MR_BATCH_ROWS, err));
        *out = mr_batch_take(&self->given);
        *step = MR_STEP_OUTPUT;
        return MR_OK;
    }
    return MR_OK;
}

static MrStatus keyed_state_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    KeyedStateShared *shared = arg;
    for (int32_t w = 0; w < shared->context.n_workers; w++) {
        KeyedState *worker = shared->workers[w];
        if (!worker)
            continue;
        worker->ended = false;
        memset(worker->parts, 0, sizeof worker->parts);
        mr_arena_reset(&worker->arena);
        mr_batch_list_clear(&worker->got);
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- state */

static MrStatus text_store(MrBuffer *out, MrText text, MrText *stored, MrError *err)
{
    out->size_bytes = 0;
    MR_TRY(mr_buffer_put_u8(out, text.data != NULL, err));
    if (text.size_bytes > 0)
        MR_TRY(mr_buffer_put(out, text.data, text.size_bytes, err));
    *stored = (MrText){out->data, out->size_bytes};
    return MR_OK;
}

static bool text_load(MrText stored, MrText *out)
{
    if (stored.size_bytes < 1 || (stored.data[0] == 0 && stored.size_bytes > 1))
        return false;
    *out = stored.data[0] ? (MrText){stored.data + 1, stored.size_bytes - 1} : (MrText){NULL, 0};
    return true;
}

static MrStatus key_save(KeyedStateShared *shared, const StateKey *key, bool deleted,
                         MrStateWriter *to, MrError *err)
{
    MrText stored_key, stored_value;
    MR_TRY(text_store(&shared->stored_key, key_text(key), &stored_key, err));
    if (deleted)
        return mr_state_delete(to, 0, stored_key, err);
    MR_TRY(text_store(&shared->stored_value, value_text(key), &stored_value, err));
    return mr_state_put(to, 0, stored_key, stored_value, err);
}

static MrStatus keyed_state_save_changes(void *arg, MrStateWriter *to, MrError *err)
{
    KeyedStateShared *shared = arg;
    for (int32_t p = 0; p < N_PARTS; p++) {
        const StatePart *part = &shared->parts[p];
        for (int64_t g = 0; g < part->n_gone; g++) /* first: none of them is there again */
            MR_TRY(key_save(shared, part->gone[g], true, to, err));
        for (int64_t c = 0; c < part->n_changed; c++)
            if (part->changed[c]->place < part->n_keys &&
                part->keys[part->changed[c]->place] == part->changed[c])
                MR_TRY(key_save(shared, part->changed[c], false, to, err));
    }
    return MR_OK;
}

static MrStatus keyed_state_snapshot(void *arg, MrStateWriter *to, MrError *err)
{
    KeyedStateShared *shared = arg;
    for (int32_t p = 0; p < N_PARTS; p++)
        for (int64_t k = 0; k < shared->parts[p].n_keys; k++)
            MR_TRY(key_save(shared, shared->parts[p].keys[k], false, to, err));
    return MR_OK;
}

static MrStatus keyed_state_apply(void *arg, int32_t table, MrText key, const MrText *value,
                                  MrError *err)
{
    KeyedStateShared *shared = arg;
    MrBudget *budget = shared->context.budget;
    MrText text, state = {NULL, 0};
    if (table != 0 || !text_load(key, &text) || (value && !text_load(*value, &state)))
        return MR_FAIL_INTERNAL(err, "the state has an entry that is not a key's");
    uint64_t hash = key_hash(text);
    StatePart *part = &shared->parts[hash >> 60];
    StateKey *found = key_find(part, text, hash);
    if (!value) {
        if (found) {
            key_unlink(part, found);
            key_free(budget, found);
        }
        return MR_OK;
    }
    if (!found)
        MR_TRY(key_make(part, budget, text, hash, &found, err));
    return value_set(found, budget, state, err);
}

static MrStateCount keyed_state_count(const void *arg)
{
    const KeyedStateShared *shared = arg;
    MrStateCount count = {0};
    for (int32_t p = 0; p < N_PARTS; p++) {
        count.rows += shared->parts[p].n_keys;
        count.updated += shared->parts[p].n_changed;
        count.removed += shared->parts[p].n_gone;
    }
    return count;
}

const MrOpType mr__op_keyed_state = {
    .name = "KeyedState",
    .size_bytes = sizeof(KeyedState),
    .shared_bytes = sizeof(KeyedStateShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = keyed_state_shared_open,
    .shared_close = keyed_state_shared_close,
    .open = keyed_state_open,
    .close = keyed_state_close,
    .push = keyed_state_push,
    .pull = keyed_state_pull,
    .barrier = keyed_state_barrier,
    .n_finish_tasks = keyed_state_n_finish_tasks,
    .finish_task = keyed_state_finish_task,
    .epoch_end = keyed_state_epoch_end,
    .save_changes = keyed_state_save_changes,
    .snapshot = keyed_state_snapshot,
    .apply = keyed_state_apply,
    .count = keyed_state_count,
};
