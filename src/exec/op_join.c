/* op_join.c - joins by equal keys (HashJoin) and by any condition (LoopJoin).
 *
 * Computes:  input 1 is built, input 0 probes.  Pairs with equal keys (all pairs without keys) for
 * which the rest of the condition is true; of outer kinds also the rows without a partner, of semi
 * kinds one side only. Changes:   weights of the probe side pass; the built side is a table of rows
 * (static in a stream). Memory:    the built side, in packed rows, and buckets. Spilling:  when the
 * budget is short, part by part of the keys' hash (join_spill.c). Blocking:  for input 1.  Input 0
 * streams through; a RIGHT or FULL join gives the built rows without a partner at the end of input
 * 0. Snapshot:  none: the static side of a stream is read anew in each epoch. */
#include "exec/join_int.h"

#define SLICE_ROWS 65536 /* of the built rows: one finish task */
#define VIEW_ROWS 256    /* a loop's matches of one built row that go on without being copied */

static bool gives_pairs(MrJoinKind kind)
{
    return kind == MR_JOIN_INNER || kind == MR_JOIN_LEFT || kind == MR_JOIN_RIGHT ||
           kind == MR_JOIN_FULL || kind == MR_JOIN_SINGLE;
}

/* -- opening ---------------------------------------------------------------------------------- */

typedef struct Needed {
    bool *cols;
} Needed;

static bool needed_visit(void *arg, const MrExpr *expr)
{
    if (expr->kind == MR_EXPR_COLUMN)
        ((Needed *)arg)->cols[expr->column.idx] = true;
    return true;
}

static MrStatus join_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                 MrError *err)
{
    MrJoinShared *shared = arg;
    MrJoinKind kind = phys->join.kind;
    mr_arena_init(&shared->arena, context->budget);
    shared->phys = phys;
    shared->n_workers = context->n_workers;
    shared->key_filters = context->key_filters;
    shared->workers = MR_NEW_N(&shared->arena, MrJoin *, context->n_workers);
    shared->n_probe = phys->inputs[0]->schema.n_cols;
    shared->n_build = phys->inputs[1]->schema.n_cols;
    shared->loop = phys->join.n_keys == 0;
    bool semi = kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI;
    shared->keep_built =
        kind == MR_JOIN_RIGHT || kind == MR_JOIN_FULL || (semi && phys->join.build_left);
    shared->tracks =
        kind != MR_JOIN_INNER && kind != MR_JOIN_RIGHT && !(semi && phys->join.build_left);

    Needed needed = {MR_NEW_N(&shared->arena, bool, shared->n_probe + shared->n_build + 1)};
    for (int32_t c = 0; c < phys->schema.n_cols; c++)
        needed.cols[phys->join.out_cols[c]] = true;
    if (phys->join.rest)
        mr_expr_walk(phys->join.rest, needed_visit, &needed);
    shared->probe_needed = needed.cols;

    int32_t n_keys = phys->join.n_keys, n = n_keys;
    const MrType **types = MR_NEW_N(&shared->arena, const MrType *, n_keys + shared->n_build + 1);
    shared->build_at = MR_NEW_N(&shared->arena, int32_t, shared->n_build + 1);
    shared->layout_from = MR_NEW_N(&shared->arena, int32_t, n_keys + shared->n_build + 1);
    for (int32_t c = 0; c < shared->n_build; c++)
        shared->build_at[c] = -1;
    for (int32_t k = 0; k < n_keys; k++) {
        const MrExpr *key = phys->join.right_keys[k];
        types[k] = key->type;
        if (key->kind == MR_EXPR_COLUMN)
            shared->build_at[key->column.idx] = k;
    }
    for (int32_t c = 0; c < shared->n_build; c++) {
        if (!needed.cols[shared->n_probe + c] || shared->build_at[c] >= 0)
            continue;
        types[n] = phys->inputs[1]->schema.cols[c].type;
        shared->layout_from[n] = c;
        shared->build_at[c] = n++;
    }
    shared->n_layout = n;
    mr__join_table_init(&shared->table, &shared->arena, context->budget, types, n_keys, n);
    shared->layout_types = types;
    shared->built = (MrJoinBuilt){.table = &shared->table};
    shared->built.heaps = MR_NEW_N(&shared->arena, MrRowHeap *, context->n_workers + MR_JOIN_PARTS);
    mr__join_spill_init(shared);
    return MR_OK;
}

static void key_filters_drop(MrJoinShared *shared)
{
    for (int32_t f = 0; f < shared->phys->join.n_key_filters; f++) {
        struct MrKeyFilter **filter = &shared->key_filters[shared->phys->join.key_filters[f].id];
        mr__key_filter_destroy(*filter);
        *filter = NULL;
    }
}

static void join_shared_close(void *arg)
{
    MrJoinShared *shared = arg;
    if (shared->key_filters)
        key_filters_drop(shared);
    if (shared->part_heaps_open)
        mr__join_spill_reset(shared);
    mr__join_table_deinit(&shared->table);
    mr_arena_deinit(&shared->arena);
}

static MrStatus join_open(MrOp *op, MrError *err)
{
    MrJoin *self = (MrJoin *)op;
    MrJoinShared *shared = op->shared;
    const MrPhys *phys = op->phys;
    mr_arena_init(&self->arena, op->context->budget);
    mr__row_heap_init(&self->heap, &shared->table.layout, op->context->budget);
    mr_arena_init(&self->scratch, op->context->budget);
    self->heap_open = true;
    self->built = &shared->built;
    shared->workers[op->context->worker_idx] = self;
    shared->n_open++;
    self->combined = MR_NEW_N(&self->arena, MrVector *, shared->n_probe + shared->n_build + 1);
    self->ranges = MR_NEW_N(&self->arena, MrKeyRange, phys->join.n_key_filters + 1);
    for (int32_t f = 0; f < phys->join.n_key_filters; f++)
        self->ranges[f] = MR_KEY_RANGE_NONE;
    MR_TRY(mr__evaluator_open(&self->build_keys, op->context, &self->arena, phys->join.right_keys,
                              phys->join.n_keys, err));
    MR_TRY(mr__evaluator_open(&self->probe_keys, op->context, &self->arena, phys->join.left_keys,
                              phys->join.n_keys, err));
    MrExpr *rest = phys->join.rest;
    return rest ? mr_program_create(op->context->budget, &rest, 1, &self->rest, err) : MR_OK;
}

static void probe_drop(MrJoin *self)
{
    if (self->probe_held)
        mr_shared_release(&self->probe_held->base);
    else
        mr_batch_destroy(self->probe);
    self->probe = NULL;
    self->probe_held = NULL;
    self->probing = false;
}

static void join_close(MrOp *op)
{
    MrJoin *self = (MrJoin *)op;
    MrJoinShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    mr__join_spill_close(self);
    probe_drop(self);
    mr_batch_destroy(self->held);
    mr_batch_destroy(self->given);
    mr_batch_destroy(self->tested);
    mr__evaluator_close(&self->build_keys);
    mr__evaluator_close(&self->probe_keys);
    mr_program_destroy(self->rest);
    if (self->heap_open) {
        mr__row_heap_deinit(&self->heap);
        mr_arena_deinit(&self->scratch);
    }
    mr_arena_deinit(&self->arena);
}

/* -- building --------------------------------------------------------------------------------- */

bool mr__join_key_is_null(const MrPhys *phys, MrVector *const *keys, int64_t row)
{
    for (int32_t k = 0; k < phys->join.n_keys; k++)
        if (!phys->join.null_safe[k] && mr_vector_is_null(keys[k], row))
            return true;
    return false;
}

void mr__join_keep(MrJoin *self, MrRowHeap *heap, MrVector *const *cols, const uint16_t *sel,
                   int32_t n)
{
    MrJoinShared *shared = self->op.shared;
    mr__row_heap_append(heap, cols, sel, n, self->active_rows);
    for (int32_t i = 0; i < n; i++)
        *mr__join_row(&shared->table, self->active_rows[i]) =
            (MrJoinRow){self->hash[i], NULL, self->unknown[i] ? MR_JOIN_NO_KEY : 0};
}

static MrStatus build_push(MrJoin *self, MrBatch *batch, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    MrVector **cols = MR_NEW_N(&batch->arena, MrVector *, shared->n_layout + 1);
    MR_TRY(mr__evaluator_run(&self->build_keys, self->op.context, batch, err));
    for (int32_t k = 0; k < phys->join.n_keys; k++)
        cols[k] = self->build_keys.out[k];
    for (int32_t c = phys->join.n_keys; c < shared->n_layout; c++)
        cols[c] = batch->cols[shared->layout_from[c]];
    int32_t n = 0;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        bool null_key = mr__join_key_is_null(phys, cols, row);
        if (null_key && !phys->join.sure_keys)
            atomic_store_explicit(&shared->has_null, true, memory_order_relaxed);
        self->unknown[n] = null_key;
        self->live[n] = (uint16_t)row;
        n += !null_key || shared->keep_built;
    }
    if (batch->weights)
        for (int32_t i = 0; i < n; i++)
            if (batch->weights[self->live[i]] != 1)
                return MR_FAIL_INTERNAL(err, "the built side of a join has changes");
    for (int32_t f = 0; f < phys->join.n_key_filters; f++)
        mr__key_range_see(&self->ranges[f], cols[phys->join.key_filters[f].at], self->live, n);
    mr__hash_columns(cols, phys->join.n_keys, self->live, n, self->hash);
    if (mr__join_spill_wanted(self)) {
        MR_TRY(mr__join_spill_heap(self, err));
        return mr__join_spill_build(self, cols, self->live, n, err);
    }
    mr__join_keep(self, &self->heap, cols, self->live, n);
    return MR_OK;
}

/* Filters for the scans that ask; the finish tasks add the keys to their bits.  They are advice:
 * what does not fit into the budget is not there. */
static void key_filters_create(MrJoinShared *shared, bool in_memory)
{
    const MrPhys *phys = shared->phys;
    for (int32_t f = 0; f < phys->join.n_key_filters; f++) {
        const MrPhysKeyFilter *filter = &phys->join.key_filters[f];
        MrKeyRange range = MR_KEY_RANGE_NONE;
        MrError ignored;
        for (int32_t w = 0; w < shared->n_workers; w++)
            if (shared->workers[w])
                mr__key_range_merge(&range, &shared->workers[w]->ranges[f]);
        /* Bits want all rows at hand, and more rows to save than they cost. */
        bool bits = in_memory && range.n_seen == shared->n_built &&
                    (filter->rows_estimate < 0 || shared->n_built / 2 < filter->rows_estimate);
        if (mr__key_filter_create(shared->table.budget, phys->join.right_keys[filter->at]->type,
                                  &range, bits ? shared->n_built : 0,
                                  &shared->key_filters[filter->id], &ignored) != MR_OK)
            shared->key_filters[filter->id] = NULL;
    }
}

static void key_filters_add(MrJoin *self, const MrRowHeap *heap, int64_t from, int64_t to)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    for (; from < to && phys->join.n_key_filters > 0; from += MR_BATCH_ROWS) {
        int32_t n = to - from < MR_BATCH_ROWS ? (int32_t)(to - from) : MR_BATCH_ROWS;
        for (int32_t i = 0; i < n; i++)
            self->row_of[i] = mr__row_heap_row(heap, from + i);
        mr_arena_reset(&self->scratch);
        for (int32_t f = 0; f < phys->join.n_key_filters; f++) {
            const MrPhysKeyFilter *filter = &phys->join.key_filters[f];
            if (shared->key_filters[filter->id])
                mr__key_filter_add(shared->key_filters[filter->id],
                                   mr_rows_gather(&shared->table.keys, filter->at,
                                                  (const void *const *)self->row_of, n,
                                                  &self->scratch),
                                   n);
        }
    }
}

static int32_t join_n_finish_tasks(void *arg, int32_t input_idx)
{
    MrJoinShared *shared = arg;
    MrJoinBuilt *built = &shared->built;
    atomic_store(&shared->next_built, 0);
    atomic_store(&shared->next_part, 0);
    if (input_idx == 0)
        return 0; /* but all matches must be known before the rest of the built side goes out */
    built->n_rows = built->n_heaps = 0;
    shared->status = mr__join_spill_choose(shared, &shared->err);
    if (shared->status != MR_OK)
        return 1; /* which says so */
    if (shared->spilling) {
        key_filters_create(shared, false);
        return shared->n_resident;
    }
    int32_t n_tasks = 0;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        if (!shared->workers[w])
            continue;
        built->heaps[built->n_heaps++] = &shared->workers[w]->heap;
        built->n_rows += shared->workers[w]->heap.n_rows;
        n_tasks += (int32_t)(shared->workers[w]->heap.n_rows / SLICE_ROWS) + 1;
    }
    shared->n_built = built->n_rows;
    if (shared->loop)
        return 0;
    shared->status = mr__join_table_size(&shared->table, built->n_rows, &shared->err);
    if (shared->status == MR_OK)
        key_filters_create(shared, true);
    return n_tasks;
}

static MrStatus join_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                 const MrBarrier *barrier, MrError *err)
{
    MrJoinShared *shared = op->shared;
    int32_t t = 0;
    if (shared->status != MR_OK) {
        *err = shared->err;
        return shared->status;
    }
    if (shared->spilling)
        return mr__join_spill_load((MrJoin *)op, task_idx, err);
    for (int32_t h = 0; h < shared->built.n_heaps; h++) {
        const MrRowHeap *heap = shared->built.heaps[h];
        int32_t n_tasks = (int32_t)(heap->n_rows / SLICE_ROWS) + 1;
        if (task_idx < t + n_tasks) {
            int64_t from = (int64_t)(task_idx - t) * SLICE_ROWS;
            int64_t to = from + SLICE_ROWS < heap->n_rows ? from + SLICE_ROWS : heap->n_rows;
            mr__join_table_insert(&shared->table, heap, from, to);
            key_filters_add((MrJoin *)op, heap, from, to);
            return MR_OK;
        }
        t += n_tasks;
    }
    return MR_OK;
}

/* -- probing ---------------------------------------------------------------------------------- */

/* The built columns of pairs, into combined. */
static void gather_built(MrJoin *self, char *const *rows, int32_t n, MrArena *arena)
{
    MrJoinShared *shared = self->op.shared;
    for (int32_t c = 0; c < shared->n_build; c++)
        if (shared->probe_needed[shared->n_probe + c])
            self->combined[shared->n_probe + c] = mr_rows_gather(
                &shared->table.layout, shared->build_at[c], (const void *const *)rows, n, arena);
}

static void null_columns(MrJoin *self, int32_t from, int32_t n, MrArena *arena)
{
    const MrPhys *phys = self->op.phys;
    MrJoinShared *shared = self->op.shared;
    for (int32_t c = from; c < from + n; c++) {
        const MrSchema *schema =
            c < shared->n_probe ? &phys->inputs[0]->schema : &phys->inputs[1]->schema;
        int32_t at = c < shared->n_probe ? c : c - shared->n_probe;
        self->combined[c] = mr_vector_constant(arena, schema->cols[at].type, NULL);
    }
}

/* The output columns out of combined. */
static void set_output(MrJoin *self, MrBatch *batch)
{
    const MrPhys *phys = self->op.phys;
    mr_batch_set_cols(batch, phys->schema.n_cols);
    for (int32_t c = 0; c < phys->schema.n_cols; c++)
        batch->cols[c] = self->combined[phys->join.out_cols[c]];
}

/* All columns, for the rest of the condition. */
static void set_combined(MrJoin *self, MrBatch *batch)
{
    MrJoinShared *shared = self->op.shared;
    mr_batch_set_cols(batch, shared->n_probe + shared->n_build);
    memcpy(batch->cols, self->combined,
           sizeof *batch->cols * (size_t)(shared->n_probe + shared->n_build));
}

static MrStatus hold_probe(MrJoin *self, MrError *err)
{
    if (self->probe_held)
        return MR_OK;
    MrBatch *batch = self->probe;
    self->probe = NULL;
    self->probing = false;
    MR_TRY(mr_held_create(self->op.context->batch_budget, batch, &self->probe_held, err));
    self->probe = self->probe_held->batch;
    self->probing = true;
    return MR_OK;
}

/* A batch of n pairs; the probe columns are gathered. */
static MrStatus make_pairs(MrJoin *self, int32_t n, MrBatch **out, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MR_TRY(hold_probe(self, err));
    MR_TRY(mr_batch_create(self->op.context->batch_budget, out, err));
    MrBatch *batch = *out;
    mr_batch_retain(batch, &self->probe_held->base);
    for (int32_t i = 0; i < n; i++)
        self->take[i] = self->live[self->pairs[i]];
    for (int32_t c = 0; c < shared->n_probe; c++)
        self->combined[c] =
            shared->probe_needed[c]
                ? mr_vector_take_rows(&batch->arena, self->probe->cols[c], self->take, n)
                : NULL;
    gather_built(self, self->pair_rows, n, &batch->arena);
    batch->n_rows = batch->n_sel = n;
    if (self->probe->weights) {
        batch->weights = mr_arena_alloc(&batch->arena, n * (int64_t)sizeof(int64_t));
        for (int32_t i = 0; i < n; i++)
            batch->weights[i] = self->probe->weights[self->take[i]];
    }
    return MR_OK;
}

/* A pair that satisfies the whole condition. */
static MrStatus note_pair(MrJoin *self, uint16_t place, char *row, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    if (self->op.phys->join.kind == MR_JOIN_SINGLE && self->matched[place])
        return MR_FAIL(err, MR_COND_SCALAR_SUBQUERY_TOO_MANY_ROWS);
    self->matched[place] = 1;
    if (shared->keep_built) {
        uint64_t *flags = &mr__join_row(&shared->table, row)->flags;
        __atomic_store_n(flags, *flags | MR_JOIN_MATCHED, __ATOMIC_RELAXED);
    }
    return MR_OK;
}

/* The rest of the condition is true, false or unknown for n pairs: rows of the batch in their order
 * (places: of their probe rows), or, in a loop, all live rows (places NULL). */
static MrStatus note_values(MrJoin *self, MrBatch *batch, const uint16_t *places, int32_t n,
                            MrError *err)
{
    MrVector *value = NULL;
    MR_TRY(mr_program_eval(self->rest, self->op.context->eval, batch, &value, err));
    for (int32_t i = 0; i < n; i++) {
        int64_t at;
        int32_t place = places ? places[i] : i, row = places ? i : self->live[i];
        const MrVector *holder = mr_vector_at(value, row, &at);
        if (mr_vector_is_null(value, row))
            self->unknown[place] = 1;
        else if (holder->i8[at])
            self->matched[place] = 1;
    }
    return MR_OK;
}

/* Tests the rest of the condition on the pairs gathered; gives a batch when this kind gives pairs.
 * checked: the pairs satisfy it already (a loop). */
static MrStatus flush_pairs(MrJoin *self, bool checked, MrBatch **out, MrError *err)
{
    const MrPhys *phys = self->op.phys;
    int32_t n = self->n_pairs;
    bool gives = gives_pairs(phys->join.kind);
    *out = NULL;
    self->n_pairs = 0;
    if (n == 0)
        return MR_OK;
    if (checked || !self->rest) {
        for (int32_t i = 0; i < n; i++)
            MR_TRY(note_pair(self, self->pairs[i], self->pair_rows[i], err));
        if (!gives)
            return MR_OK;
        MR_TRY(make_pairs(self, n, &self->given, err));
        set_output(self, self->given);
        *out = mr_batch_take(&self->given);
        return MR_OK;
    }
    MR_TRY(make_pairs(self, n, &self->given, err));
    MrBatch *batch = self->given;
    set_combined(self, batch);
    if (phys->join.kind == MR_JOIN_MARK || phys->join.kind == MR_JOIN_ANTI_NULL) {
        MR_TRY(note_values(self, batch, self->pairs, n, err));
        mr_batch_destroy(batch);
        self->given = NULL;
        return MR_OK;
    }
    MR_TRY(mr_program_filter(self->rest, self->op.context->eval, batch, err));
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t p = mr_batch_row(batch, i);
        MR_TRY(note_pair(self, self->pairs[p], self->pair_rows[p], err));
    }
    if (!gives || batch->n_sel == 0) {
        mr_batch_destroy(batch);
        self->given = NULL;
        return MR_OK;
    }
    set_output(self, batch);
    *out = mr_batch_take(&self->given);
    return MR_OK;
}

static MrStatus probe_push(MrJoin *self, MrBatch *batch, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    self->probe = batch;
    if (shared->n_built == 0 &&
        (phys->join.kind == MR_JOIN_INNER || phys->join.kind == MR_JOIN_SEMI ||
         phys->join.kind == MR_JOIN_RIGHT)) {
        self->op.sated = true; /* nothing can match */
        probe_drop(self);
        return MR_OK;
    }
    self->n_live = batch->n_sel;
    for (int32_t i = 0; i < batch->n_sel; i++)
        self->live[i] = (uint16_t)mr_batch_row(batch, i);
    if (!shared->loop) {
        MR_TRY(mr__evaluator_run(&self->probe_keys, self->op.context, batch, err));
        self->keys = self->probe_keys.out;
        mr__hash_columns(self->keys, phys->join.n_keys, batch->sel, batch->n_sel, self->hash);
    }
    if (shared->spilling) {
        MR_TRY(mr__join_spill_probe(self, err));
        if (self->n_live == 0) {
            probe_drop(self);
            return MR_OK;
        }
    }
    mr__join_probe_begin(self);
    return MR_OK;
}

void mr__join_probe_begin(MrJoin *self)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    const MrJoinTable *table = self->built->table;
    self->probing = true;
    self->n_active = self->n_pairs = 0;
    self->built_at = 0;
    self->worker_at = 0;
    if (shared->tracks || phys->join.kind == MR_JOIN_RIGHT) {
        memset(self->matched, 0, (size_t)self->n_live);
        memset(self->unknown, 0, (size_t)self->n_live);
    }
    if (shared->loop)
        return;
    bool may_be_null = false;
    for (int32_t k = 0; k < phys->join.n_keys; k++) {
        const MrVector *key = self->keys[k];
        may_be_null |=
            !phys->join.null_safe[k] && (key->validity || key->type->kind == MR_TYPE_VOID ||
                                         (key->encoding == MR_DICTIONARY && key->dict->validity));
    }
    uint64_t mask = (uint64_t)(table->n_buckets - 1);
    if (self->built->n_rows > 4096)
        for (int32_t i = 0; i < self->n_live; i++)
            __builtin_prefetch(&table->buckets[self->hash[i] & mask]);
    for (int32_t i = 0; i < self->n_live; i++) {
        if (may_be_null && mr__join_key_is_null(phys, self->keys, self->live[i])) {
            self->unknown[i] = !phys->join.sure_keys;
            continue;
        }
        char *row = mr__join_head(table, self->hash[i]);
        self->active_rows[self->n_active] = row;
        self->active[self->n_active] = (uint16_t)i;
        self->n_active += row != NULL;
    }
}

/* One step along all chains: pairs found are noted or, when one match settles a row, only marked.
 */
static MrStatus probe_round(MrJoin *self, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    bool settles = !gives_pairs(phys->join.kind) && !self->rest;
    bool first_only = settles && !shared->keep_built;
    int32_t n = self->n_active, n_same = 0;
    if (self->built->n_rows > 4096)
        for (int32_t a = 0; a < n; a++)
            __builtin_prefetch(self->active_rows[a]);
    /* Same hash first: it is in the row's tail. */
    for (int32_t a = 0; a < n; a++)
        self->equal[a] =
            mr__join_row(&shared->table, self->active_rows[a])->hash == self->hash[self->active[a]];
    for (int32_t a = 0; a < n; a++) {
        self->take[n_same] = a;
        self->row_of[n_same] = self->active_rows[a];
        self->active_sel[n_same] = self->live[self->active[a]];
        n_same += self->equal[a];
    }
    if (n_same > 0) {
        uint8_t same[MR_BATCH_ROWS];
        mr_rows_match(&shared->table.keys, self->keys, self->active_sel, n_same,
                      (const void *const *)self->row_of, same);
        for (int32_t s = 0; s < n_same; s++)
            self->equal[self->take[s]] = same[s];
    }
    int32_t n_next = 0;
    for (int32_t a = 0; a < n; a++) {
        uint16_t place = self->active[a];
        char *row = self->active_rows[a];
        if (self->equal[a]) {
            if (settles) {
                MR_TRY(note_pair(self, place, row, err));
                if (first_only)
                    continue;
            } else {
                self->pairs[self->n_pairs] = place;
                self->pair_rows[self->n_pairs++] = row;
            }
        }
        char *next = mr__join_row(&shared->table, row)->next;
        self->active_rows[n_next] = next;
        self->active[n_next] = place;
        n_next += next != NULL;
    }
    self->n_active = n_next;
    return MR_OK;
}

/* INNER and LEFT where no row has a second match: the probe batch itself goes on, no row is copied.
 */
static MrStatus emit_in_place(MrJoin *self, MrBatch **out, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    MrBatch *batch = self->probe;
    bool left = phys->join.kind == MR_JOIN_LEFT;
    int32_t n = self->n_pairs;
    char *filler = self->pair_rows[0];
    if (left)
        filler = mr_arena_zeroed(&batch->arena, shared->table.layout.row_bytes); /* all NULL */
    for (int32_t r = 0; r < batch->n_rows; r++)
        self->row_of[r] = filler;
    for (int32_t i = 0; i < n; i++)
        self->row_of[self->live[self->pairs[i]]] = self->pair_rows[i];
    for (int32_t c = 0; c < shared->n_probe; c++)
        self->combined[c] = batch->cols[c];
    gather_built(self, self->row_of, batch->n_rows, &batch->arena);
    if (!left) {
        uint16_t *sel = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof *sel);
        for (int32_t i = 0; i < n; i++)
            sel[i] = self->live[self->pairs[i]];
        batch->sel = sel;
        batch->n_sel = n;
    }
    if (self->rest) {
        set_combined(self, batch);
        MR_TRY(mr_program_filter(self->rest, self->op.context->eval, batch, err));
    }
    set_output(self, batch);
    self->n_pairs = 0;
    self->probing = false;
    *out = mr_batch_take(&self->probe);
    return MR_OK;
}

/* Makes a vector of one row a constant. */
static void make_constant(MrVector *vec)
{
    vec->encoding = MR_CONSTANT;
    vec->n_items = 1;
    if (mr_type_physical(vec->type) == MR_PHYS_STRUCT)
        for (int32_t f = 0; f < vec->type->n_fields; f++)
            make_constant(vec->children[f]);
}

/* The next built row against the whole probe batch.  *out: its matches, when they are many. */
static MrStatus loop_round(MrJoin *self, MrBatch **out, bool *done, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    *out = NULL;
    *done = false;
    const MrJoinBuilt *built = self->built;
    while (self->worker_at < built->n_heaps &&
           self->built_at >= built->heaps[self->worker_at]->n_rows) {
        self->worker_at++;
        self->built_at = 0;
    }
    if (self->worker_at == built->n_heaps) {
        *done = true;
        return MR_OK;
    }
    char *row = mr__row_heap_row(built->heaps[self->worker_at], self->built_at++);
    MR_TRY(hold_probe(self, err));
    MR_TRY(mr_held_view(self->probe_held, self->op.context->batch_budget, &self->tested, err));
    MrBatch *batch = self->tested;
    for (int32_t c = 0; c < shared->n_probe; c++)
        self->combined[c] = batch->cols[c];
    gather_built(self, &row, 1, &batch->arena);
    for (int32_t c = 0; c < shared->n_build; c++)
        if (shared->probe_needed[shared->n_probe + c])
            make_constant(self->combined[shared->n_probe + c]);
    bool three_valued = phys->join.kind == MR_JOIN_MARK || phys->join.kind == MR_JOIN_ANTI_NULL;
    set_combined(self, batch);
    if (self->rest && three_valued) {
        MR_TRY(note_values(self, batch, NULL, self->n_live, err));
        mr_batch_destroy(batch);
        self->tested = NULL;
        return MR_OK;
    }
    if (self->rest)
        MR_TRY(mr_program_filter(self->rest, self->op.context->eval, batch, err));
    /* Rows that are left, as places among the live rows; both lists rise. */
    int32_t place = 0, from = self->n_pairs;
    if (batch->n_sel >= VIEW_ROWS && gives_pairs(phys->join.kind)) {
        for (int32_t i = 0; i < batch->n_sel; i++) {
            while (self->live[place] != mr_batch_row(batch, i))
                place++;
            MR_TRY(note_pair(self, (uint16_t)place, row, err));
        }
        set_output(self, batch);
        *out = mr_batch_take(&self->tested);
        return MR_OK;
    }
    for (int32_t i = 0; i < batch->n_sel; i++) {
        while (self->live[place] != mr_batch_row(batch, i))
            place++;
        self->pairs[from + i] = (uint16_t)place;
        self->pair_rows[from + i] = row;
    }
    self->n_pairs += batch->n_sel;
    mr_batch_destroy(batch);
    self->tested = NULL;
    return MR_OK;
}

/* What the kind gives of the probe rows when all their partners are known. */
static MrStatus probe_end(MrJoin *self, MrBatch **out, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    MrJoinKind kind = phys->join.kind;
    *out = NULL;
    if (!shared->tracks || (mr__join_in_pieces(self) && mr__join_marks_keep(self))) {
        probe_drop(self);
        return MR_OK;
    }
    MrBatch *batch = self->probe;
    if (self->probe_held) {
        MR_TRY(mr_held_view(self->probe_held, self->op.context->batch_budget, &self->given, err));
        batch = self->given;
        mr_shared_release(&self->probe_held->base);
        self->probe_held = NULL;
        self->probe = NULL;
    } else {
        self->given = mr_batch_take(&self->probe);
    }
    self->probing = false;
    for (int32_t c = 0; c < shared->n_probe; c++)
        self->combined[c] = batch->cols[c];
    bool build_null = atomic_load_explicit(&shared->has_null, memory_order_relaxed);
    bool build_empty = shared->n_built == 0 && !build_null;
    if (kind == MR_JOIN_MARK) {
        MrVector *mark = mr_vector_create(&batch->arena, MR_T(BOOLEAN), batch->n_rows);
        mark->n_items = batch->n_rows;
        memset(mark->i8, 0, (size_t)batch->n_rows);
        for (int32_t i = 0; i < self->n_live; i++) {
            mark->i8[self->live[i]] = (int8_t)self->matched[i];
            if (!self->matched[i] && !build_empty &&
                (self->unknown[i] || (build_null && !shared->loop)))
                mr_vector_set_null(&batch->arena, mark, self->live[i], batch->n_rows);
        }
        self->combined[shared->n_probe + shared->n_build] = mark;
        set_output(self, batch);
        *out = mr_batch_take(&self->given);
        return MR_OK;
    }
    uint16_t *sel = mr_arena_alloc(&batch->arena, (self->n_live + 1) * (int64_t)sizeof *sel);
    int32_t n = 0;
    for (int32_t i = 0; i < self->n_live; i++) {
        bool keep = kind == MR_JOIN_SEMI ? self->matched[i] : !self->matched[i];
        if (kind == MR_JOIN_ANTI_NULL && !build_empty)
            keep = keep && !self->unknown[i] && !(build_null && !shared->loop);
        sel[n] = self->live[i];
        n += keep;
    }
    if (n == 0) {
        mr_batch_destroy(self->given);
        self->given = NULL;
        return MR_OK;
    }
    batch->sel = sel;
    batch->n_sel = n;
    if (gives_pairs(kind))
        null_columns(self, shared->n_probe, shared->n_build, &batch->arena);
    set_output(self, batch);
    *out = mr_batch_take(&self->given);
    return MR_OK;
}

MrStatus mr__join_probe_pull(MrJoin *self, MrBatch **out, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinKind kind = self->op.phys->join.kind;
    bool once = true; /* no row has been in two rounds that found pairs */
    while (self->probing) {
        mr_poll(); /* one batch may meet millions of rows and let nothing out */
        if (shared->loop) {
            bool done = false;
            if (self->n_pairs + self->n_live > MR_BATCH_ROWS) {
                MR_TRY(flush_pairs(self, true, out, err));
                if (*out)
                    return MR_OK;
            }
            MR_TRY(loop_round(self, out, &done, err));
            if (*out)
                return MR_OK;
            if (!done)
                continue;
            MR_TRY(flush_pairs(self, true, out, err));
        } else if (self->n_active > 0) {
            if (self->n_pairs + self->n_active > MR_BATCH_ROWS) {
                MR_TRY(flush_pairs(self, false, out, err));
                if (*out)
                    return MR_OK;
            }
            int32_t n_before = self->n_pairs;
            MR_TRY(probe_round(self, err));
            once = once && (n_before == 0 || self->n_pairs == n_before);
            if (self->n_active > 0)
                continue;
            bool whole = kind == MR_JOIN_INNER ||
                         (kind == MR_JOIN_LEFT && !self->rest && !mr__join_in_pieces(self));
            /* A batch that earlier pairs were gathered from is shared: it cannot be given away,
             * also when the condition left none of those pairs. */
            if (once && whole && !self->probe_held && self->n_pairs > 0 &&
                self->n_pairs * 4 >= self->probe->n_rows)
                return emit_in_place(self, out, err);
            MR_TRY(flush_pairs(self, false, out, err));
        } else if (self->n_pairs > 0) {
            MR_TRY(flush_pairs(self, false, out, err));
        } else {
            MR_TRY(probe_end(self, out, err));
            return MR_OK;
        }
        if (*out)
            return MR_OK;
        if (shared->loop) {
            MR_TRY(probe_end(self, out, err));
            return MR_OK;
        }
    }
    return MR_OK;
}

/* -- the built rows at the end ---------------------------------------------------------------- */

MrStatus mr__join_built_rows(MrJoin *self, const MrRowHeap *heap, int64_t from, int64_t to,
                             MrBatch **out, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    bool wants =
        self->op.phys->join.kind == MR_JOIN_SEMI; /* of a kept side: those with a partner */
    int32_t n = 0;
    *out = NULL;
    for (int64_t r = from; r < to; r++) {
        char *row = mr__row_heap_row(heap, r);
        bool is_matched = (mr__join_row(&shared->table, row)->flags & MR_JOIN_MATCHED) != 0;
        self->row_of[n] = row;
        n += is_matched == wants;
    }
    if (n == 0)
        return MR_OK;
    MR_TRY(mr_batch_create(self->op.context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    null_columns(self, 0, shared->n_probe, &batch->arena);
    gather_built(self, self->row_of, n, &batch->arena);
    set_output(self, batch);
    batch->n_rows = batch->n_sel = n;
    *out = mr_batch_take(&self->given);
    return MR_OK;
}

static MrStatus built_pull(MrJoin *self, MrBatch **out, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    *out = NULL;
    while (!*out) {
        int64_t slice = atomic_fetch_add(&shared->next_built, 1);
        int64_t from = slice * MR_BATCH_ROWS;
        int32_t h = 0;
        /* Slices are counted heap by heap, the last of each may be short. */
        for (; h < shared->built.n_heaps; h++) {
            int64_t room = (shared->built.heaps[h]->n_rows + MR_BATCH_ROWS - 1) / MR_BATCH_ROWS *
                           MR_BATCH_ROWS;
            if (from < room)
                break;
            from -= room;
        }
        if (h == shared->built.n_heaps)
            return MR_OK;
        const MrRowHeap *heap = shared->built.heaps[h];
        int64_t to = from + MR_BATCH_ROWS < heap->n_rows ? from + MR_BATCH_ROWS : heap->n_rows;
        MR_TRY(mr__join_built_rows(self, heap, from, to, out, err));
    }
    return MR_OK;
}

/* -- the operator ----------------------------------------------------------------------------- */

static MrStatus join_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    MrJoin *self = (MrJoin *)op;
    if (input_idx == 0)
        return probe_push(self, batch, err);
    self->held = batch;
    MR_TRY(build_push(self, batch, err));
    self->held = NULL;
    mr_batch_destroy(batch);
    return MR_OK;
}

static MrStatus join_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    MrJoin *self = (MrJoin *)op;
    MrJoinShared *shared = op->shared;
    *out = NULL;
    if (self->probing && !self->finishing)
        MR_TRY(mr__join_probe_pull(self, out, err));
    else if (self->finishing && shared->keep_built)
        MR_TRY(built_pull(self, out, err));
    if (!*out && self->finishing && shared->spilling)
        MR_TRY(mr__join_spill_pull(self, out, err));
    *step = *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

static MrStatus join_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier, MrError *err)
{
    MrJoin *self = (MrJoin *)op;
    MrJoinShared *shared = op->shared;
    self->finishing = input_idx == 0;
    if (!shared->spilling)
        return MR_OK;
    return input_idx == 0 ? mr__join_spill_probe_end(self, err)
                          : mr__join_spill_build_end(self, err);
}

static MrStatus join_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    MrJoinShared *shared = arg;
    mr__join_table_deinit(&shared->table);
    shared->built.n_heaps = 0;
    key_filters_drop(shared);
    atomic_store(&shared->has_null, false);
    for (int32_t w = 0; w < shared->n_workers; w++) {
        MrJoin *worker = shared->workers[w];
        if (!worker)
            continue;
        mr__row_heap_deinit(&worker->heap);
        mr__row_heap_init(&worker->heap, &shared->table.layout, worker->op.context->budget);
        worker->finishing = false;
        mr__join_spill_close(worker);
        for (int32_t f = 0; f < shared->phys->join.n_key_filters; f++)
            worker->ranges[f] = MR_KEY_RANGE_NONE;
    }
    mr__join_spill_reset(shared);
    return MR_OK;
}

const MrOpType mr__op_hash_join = {
    .name = "HashJoin",
    .size_bytes = sizeof(MrJoin),
    .shared_bytes = sizeof(MrJoinShared),
    .n_inputs = 2,
    .shared_open = join_shared_open,
    .shared_close = join_shared_close,
    .open = join_open,
    .close = join_close,
    .push = join_push,
    .pull = join_pull,
    .barrier = join_barrier,
    .n_finish_tasks = join_n_finish_tasks,
    .finish_task = join_finish_task,
    .epoch_end = join_epoch_end,
};

const MrOpType mr__op_loop_join = {
    .name = "LoopJoin",
    .size_bytes = sizeof(MrJoin),
    .shared_bytes = sizeof(MrJoinShared),
    .n_inputs = 2,
    .shared_open = join_shared_open,
    .shared_close = join_shared_close,
    .open = join_open,
    .close = join_close,
    .push = join_push,
    .pull = join_pull,
    .barrier = join_barrier,
    .n_finish_tasks = join_n_finish_tasks,
    .finish_task = join_finish_task,
    .epoch_end = join_epoch_end,
};
