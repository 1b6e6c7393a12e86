/* join_spill.c - joins whose built side does not fit into memory.  See join_int.h. */
#include "exec/join_int.h"

#define ROW_EXTRA_BYTES 40               /* buckets, and blocks that are not full */
#define SHARE_LEAST (INT64_C(512) << 10) /* smaller pieces would be read too often */

typedef struct Level { /* a part that was cut */
    MrSpillRows build, probe;
    MrSpillRows *build_list[1], *probe_list[1];
    int32_t next_part;
    int64_t n_rows; /* built rows of the whole part */
} Level;

struct MrJoinDrain {
    MrSpillRows **build_from, **probe_from; /* of all workers */
    int32_t n_from;
    Level levels[MR_JOIN_LEVELS - 1];
    int32_t depth;
    /* The part at hand. */
    bool part_open, piece_open, last_piece, built_rows;
    bool fits; /* it was begun as one piece, and stays one: memory may be shorter by now */
    MrSpillReader build, probe;
    MrRowHeap heap;
    MrRowHeap *heaps[1];
    MrJoinTable table;
    MrJoinBuilt built;
    int64_t built_at;
    MrBatch *given; /* points into the piece */
    uint8_t *marks; /* of each probe row: matched, unknown; NULL: the part is in one piece */
    int64_t n_marks, mark_at, mark_next;
};

static int32_t part_of(uint64_t hash, int32_t level)
{
    return (int32_t)(hash >> (55 - 5 * level)) & (MR_JOIN_PARTS - 1);
}

void mr__join_spill_init(MrJoinShared *shared)
{
    const MrPhys *phys = shared->phys;
    int32_t n_keys = phys->join.n_keys, n = n_keys;
    shared->resident = MR_NEW_N(&shared->arena, bool, MR_JOIN_PARTS);
    shared->part_heaps = MR_NEW_N(&shared->arena, MrRowHeap, MR_JOIN_PARTS);
    shared->part_heaps_open = true;
    shared->probe_types = MR_NEW_N(&shared->arena, const MrType *, n_keys + shared->n_probe + 1);
    shared->probe_from = MR_NEW_N(&shared->arena, int32_t, n_keys + shared->n_probe + 1);
    shared->probe_at = MR_NEW_N(&shared->arena, int32_t, shared->n_probe + 1);
    for (int32_t c = 0; c < shared->n_probe; c++)
        shared->probe_at[c] = -1;
    for (int32_t k = 0; k < n_keys; k++) {
        const MrExpr *key = phys->join.left_keys[k];
        shared->probe_types[k] = key->type;
        if (key->kind == MR_EXPR_COLUMN)
            shared->probe_at[key->column.idx] = k;
    }
    for (int32_t c = 0; c < shared->n_probe; c++) {
        if (!shared->probe_needed[c] || shared->probe_at[c] >= 0)
            continue;
        shared->probe_types[n] = phys->inputs[0]->schema.cols[c].type;
        shared->probe_from[n] = c;
        shared->probe_at[c] = n++;
    }
    shared->probe_types[n] = MR_T(BIGINT); /* the weight */
    shared->n_probe_cols = n + 1;
}

/* -- building --------------------------------------------------------------------------------- */

bool mr__join_spill_wanted(const MrJoin *self)
{
    MrJoinShared *shared = self->op.shared;
    if (shared->spilling)
        return true;
    int64_t bytes = self->heap.arena.used_bytes + self->heap.n_rows * ROW_EXTRA_BYTES;
    if (!mr__spill_wanted(self->op.context, bytes * shared->n_open))
        return false;
    shared->spilling = true;
    return true;
}

MrStatus mr__join_spill_build(MrJoin *self, MrVector *const *cols, const uint16_t *sel, int32_t n,
                              MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    if (!self->build_out.open)
        mr__spill_rows_open(&self->build_out, self->op.context, shared->layout_types,
                            shared->n_layout, MR_JOIN_PARTS);
    for (int32_t i = 0; i < n; i++)
        self->part_of[i] = (uint8_t)(shared->loop ? 0 : part_of(self->hash[i], 0));
    return mr__spill_rows_add(&self->build_out, cols, sel, n, self->part_of, err);
}

MrStatus mr__join_spill_heap(MrJoin *self, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrRowLayout *layout = &shared->table.layout;
    if (self->heap.n_rows == 0)
        return MR_OK;
    if (!self->build_out.open)
        mr__spill_rows_open(&self->build_out, self->op.context, shared->layout_types,
                            shared->n_layout, MR_JOIN_PARTS);
    MrVector **cols = MR_NEW_N(&self->arena, MrVector *, shared->n_layout + 1);
    const int32_t chunk = 256;
    for (int64_t from = 0; from < self->heap.n_rows; from += chunk) {
        int32_t n = self->heap.n_rows - from < chunk ? (int32_t)(self->heap.n_rows - from) : chunk;
        mr_arena_reset(&self->scratch);
        for (int32_t i = 0; i < n; i++) {
            self->row_of[i] = mr__row_heap_row(&self->heap, from + i);
            uint64_t hash = mr__join_row(&shared->table, self->row_of[i])->hash;
            self->part_of[i] = (uint8_t)(shared->loop ? 0 : part_of(hash, 0));
        }
        for (int32_t c = 0; c < shared->n_layout; c++)
            cols[c] =
                mr_rows_gather(layout, c, (const void *const *)self->row_of, n, &self->scratch);
        MR_TRY(mr__spill_rows_add(&self->build_out, cols, NULL, n, self->part_of, err));
    }
    mr__row_heap_deinit(&self->heap);
    mr__row_heap_init(&self->heap, layout, self->op.context->budget);
    return MR_OK;
}

MrStatus mr__join_spill_build_end(MrJoin *self, MrError *err)
{
    MR_TRY(mr__join_spill_heap(self, err));
    return mr__spill_rows_flush(&self->build_out, err);
}

/* Bytes that built rows of a part take in memory. */
static int64_t part_bytes(const MrJoinShared *shared, MrSpillRows *const *from, int32_t n_from,
                          int32_t part_idx, int64_t *n_rows)
{
    const MrRowLayout *layout = &shared->table.layout;
    int64_t size_bytes = 0;
    *n_rows = 0;
    for (int32_t f = 0; f < n_from; f++) {
        if (!from[f]->open)
            continue;
        *n_rows += from[f]->parts[part_idx].n_rows;
        size_bytes += layout->has_pointers ? from[f]->parts[part_idx].size_bytes : 0;
    }
    return size_bytes + *n_rows * (layout->row_bytes + ROW_EXTRA_BYTES);
}

static int32_t writers(MrJoinShared *shared, bool build, MrSpillRows **out)
{
    int32_t n = 0;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w])
            out[n++] = build ? &shared->workers[w]->build_out : &shared->workers[w]->probe_out;
    return n;
}

/* When no worker saw that memory is short, but the buckets would not fit. */
static bool buckets_too_big(const MrJoinShared *shared, const MrOpContext *context)
{
    int64_t n_rows = 0;
    for (int32_t w = 0; w < shared->n_workers; w++)
        n_rows += shared->workers[w] ? shared->workers[w]->heap.n_rows : 0;
    return !shared->loop && context->spill_dir && n_rows > MR_BATCH_ROWS &&
           mr_budget_left(context->budget) < n_rows * ROW_EXTRA_BYTES;
}

MrStatus mr__join_spill_choose(MrJoinShared *shared, MrError *err)
{
    MrJoin *any = NULL;
    MrSpillRows **from = MR_NEW_N(&shared->arena, MrSpillRows *, shared->n_workers);
    for (int32_t w = 0; w < shared->n_workers; w++)
        any = shared->workers[w] ? shared->workers[w] : any;
    if (!any || (!shared->spilling && !buckets_too_big(shared, any->op.context)))
        return MR_OK;
    shared->spilling = true;
    for (int32_t w = 0; w < shared->n_workers; w++) /* workers that had ended before */
        if (shared->workers[w])
            MR_TRY(mr__join_spill_build_end(shared->workers[w], err));
    int32_t n_from = writers(shared, true, from);
    int64_t bytes[MR_JOIN_PARTS], n_rows[MR_JOIN_PARTS],
        room = mr_budget_left(any->op.context->budget) / 2;
    shared->n_built = 0;
    shared->n_resident = 0;
    for (int32_t p = 0; p < MR_JOIN_PARTS; p++) {
        bytes[p] = part_bytes(shared, from, n_from, p, &n_rows[p]);
        shared->n_built += n_rows[p];
        shared->resident[p] = false;
    }
    for (; !shared->loop;) { /* the smallest first */
        int32_t best = -1;
        for (int32_t p = 0; p < MR_JOIN_PARTS; p++)
            if (!shared->resident[p] && (best < 0 || bytes[p] < bytes[best]))
                best = p;
        if (best < 0 || bytes[best] > room)
            break;
        room -= bytes[best];
        MrRowHeap *heap = &shared->part_heaps[best];
        shared->resident[best] = true;
        shared->resident_list[shared->n_resident++] = best;
        mr__row_heap_init(heap, &shared->table.layout, any->op.context->budget);
        shared->built.heaps[shared->built.n_heaps++] = heap;
        shared->built.n_rows += n_rows[best];
    }
    return mr__join_table_size(&shared->table, shared->built.n_rows, err);
}

/* Built rows that were read, into a heap. */
static void keep_rows(MrJoin *self, MrRowHeap *heap, MrVector **cols, int32_t n)
{
    const MrPhys *phys = self->op.phys;
    mr__hash_columns(cols, phys->join.n_keys, NULL, n, self->hash);
    for (int32_t i = 0; i < n; i++)
        self->unknown[i] = mr__join_key_is_null(phys, cols, i);
    mr__join_keep(self, heap, cols, NULL, n);
}

/* The next built rows of a part into the heap; at least some, when there are more, and until room
 * bytes are full. */
static MrStatus load_rows(MrJoin *self, MrSpillReader *reader, MrRowHeap *heap, int64_t room,
                          MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    while (mr__spill_reader_more(reader)) {
        int32_t n = 0;
        mr_arena_reset(&self->scratch);
        MrVector **cols = MR_NEW_N(&self->scratch, MrVector *, shared->n_layout + 1);
        MR_TRY(mr__spill_reader_next(reader, &self->scratch, cols, &n, err));
        keep_rows(self, heap, cols, n);
        if (heap->arena.used_bytes + heap->n_rows * ROW_EXTRA_BYTES >= room)
            break;
    }
    return MR_OK;
}

static MrJoinDrain *drain_begin(MrJoin *self)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinDrain *drain = MR_NEW(&self->arena, MrJoinDrain);
    drain->build_from = MR_NEW_N(&self->arena, MrSpillRows *, shared->n_workers);
    drain->probe_from = MR_NEW_N(&self->arena, MrSpillRows *, shared->n_workers);
    drain->n_from = writers(shared, true, drain->build_from);
    writers(shared, false, drain->probe_from);
    drain->table = shared->table;
    drain->table.buckets = NULL;
    drain->table.n_buckets = 0;
    drain->heaps[0] = &drain->heap;
    self->drain = drain;
    return drain;
}

MrStatus mr__join_spill_load(MrJoin *self, int32_t i, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    int32_t part_idx = shared->resident_list[i];
    MrRowHeap *heap = &shared->part_heaps[part_idx];
    MrJoinDrain *drain = self->drain ? self->drain : drain_begin(self);
    mr__spill_reader_open(&drain->build, self->op.context, drain->build_from, drain->n_from,
                          part_idx);
    MR_TRY(load_rows(self, &drain->build, heap, INT64_MAX, err));
    mr__spill_reader_close(&drain->build);
    mr__join_table_insert(&shared->table, heap, 0, heap->n_rows);
    return MR_OK;
}

/* -- probe rows aside ------------------------------------------------------------------------- */

MrStatus mr__join_spill_probe(MrJoin *self, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    const MrPhys *phys = self->op.phys;
    MrBatch *batch = self->probe;
    int32_t n_in = self->n_live, n_kept = 0, n_out = 0;
    uint16_t *sel = mr_arena_alloc(&batch->arena, (n_in + 1) * (int64_t)sizeof *sel);
    for (int32_t i = 0; i < n_in; i++) {
        uint16_t row = self->live[i];
        int32_t p = shared->loop ? 0 : part_of(self->hash[i], 0);
        bool stays =
            !shared->loop && (shared->resident[p] || mr__join_key_is_null(phys, self->keys, row));
        if (stays) {
            self->live[n_kept] = row;
            self->hash[n_kept++] = self->hash[i];
        } else {
            self->active[n_out] = row;
            self->part_of[n_out++] = (uint8_t)p;
        }
    }
    self->n_live = n_kept;
    if (n_out == 0)
        return MR_OK;
    memcpy(sel, self->live, (size_t)n_kept * sizeof *sel);
    batch->sel = sel;
    batch->n_sel = n_kept;
    MrVector **cols = MR_NEW_N(&batch->arena, MrVector *, shared->n_probe_cols);
    for (int32_t k = 0; k < phys->join.n_keys; k++)
        cols[k] = self->keys[k];
    for (int32_t c = phys->join.n_keys; c < shared->n_probe_cols - 1; c++)
        cols[c] = batch->cols[shared->probe_from[c]];
    MrVector *weight = mr_vector_constant(&batch->arena, MR_T(BIGINT), NULL);
    if (batch->weights)
        *weight = (MrVector){.type = MR_T(BIGINT), .n_items = batch->n_rows, .i64 = batch->weights};
    cols[shared->n_probe_cols - 1] = weight;
    if (!self->probe_out.open)
        mr__spill_rows_open(&self->probe_out, self->op.context, shared->probe_types,
                            shared->n_probe_cols, MR_JOIN_PARTS);
    return mr__spill_rows_add(&self->probe_out, cols, self->active, n_out, self->part_of, err);
}

MrStatus mr__join_spill_probe_end(MrJoin *self, MrError *err)
{
    return mr__spill_rows_flush(&self->probe_out, err);
}

/* -- parts from disk -------------------------------------------------------------------------- */

bool mr__join_in_pieces(const MrJoin *self)
{
    return self->drain && self->drain->marks;
}

bool mr__join_marks_keep(MrJoin *self)
{
    MrJoinDrain *drain = self->drain;
    for (int32_t i = 0; i < self->n_live; i++)
        drain->marks[drain->mark_at + i] = (uint8_t)(self->matched[i] | self->unknown[i] << 1);
    return !drain->last_piece;
}

static void piece_close(MrJoin *self)
{
    MrJoinDrain *drain = self->drain;
    mr__row_heap_deinit(&drain->heap);
    mr__join_table_deinit(&drain->table);
    mr__spill_reader_close(&drain->probe);
    drain->piece_open = drain->built_rows = false;
}

static void part_close(MrJoin *self)
{
    MrJoinDrain *drain = self->drain;
    piece_close(self);
    mr__spill_reader_close(&drain->build);
    mr_budget_free(self->op.context->budget, drain->marks, drain->n_marks);
    drain->marks = NULL;
    drain->part_open = false;
}

/* Memory for one worker's part. */
static int64_t share_bytes(const MrJoin *self)
{
    const MrJoinShared *shared = self->op.shared;
    int64_t left = mr_budget_left(self->op.context->budget) / 2;
    int64_t share = left / (shared->n_open > 0 ? shared->n_open : 1);
    return share > SHARE_LEAST ? share : SHARE_LEAST;
}

/* Cuts all rows of a part once more. */
static MrStatus cut_rows(MrJoin *self, MrSpillReader *reader, MrSpillRows *to, int32_t n_cols,
                         MrError *err)
{
    while (mr__spill_reader_more(reader)) {
        int32_t n = 0;
        mr_arena_reset(&self->scratch);
        MrVector **cols = MR_NEW_N(&self->scratch, MrVector *, n_cols + 1);
        MR_TRY(mr__spill_reader_next(reader, &self->scratch, cols, &n, err));
        mr__hash_columns(cols, self->op.phys->join.n_keys, NULL, n, self->hash);
        for (int32_t i = 0; i < n; i++)
            self->part_of[i] = (uint8_t)part_of(self->hash[i], self->drain->depth + 1);
        MR_TRY(mr__spill_rows_add(to, cols, NULL, n, self->part_of, err));
    }
    mr__spill_reader_close(reader);
    return mr__spill_rows_flush(to, err);
}

static MrStatus part_cut(MrJoin *self, int64_t n_rows, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinDrain *drain = self->drain;
    Level *level = &drain->levels[drain->depth];
    mr__spill_rows_open(&level->build, self->op.context, shared->layout_types, shared->n_layout,
                        MR_JOIN_PARTS);
    MR_TRY(cut_rows(self, &drain->build, &level->build, shared->n_layout, err));
    mr__spill_rows_open(&level->probe, self->op.context, shared->probe_types, shared->n_probe_cols,
                        MR_JOIN_PARTS);
    MR_TRY(cut_rows(self, &drain->probe, &level->probe, shared->n_probe_cols, err));
    level->build_list[0] = &level->build;
    level->probe_list[0] = &level->probe;
    level->next_part = 0;
    level->n_rows = n_rows;
    drain->depth++;
    return MR_OK;
}

/* Begins a part, or cuts it. */
static MrStatus part_open(MrJoin *self, MrSpillRows *const *build, int32_t n_build,
                          MrSpillRows *const *probe, int32_t n_probe, int32_t part_idx,
                          MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinDrain *drain = self->drain;
    const MrOpContext *context = self->op.context;
    int64_t n_rows = 0, n_probe_rows = 0,
            bytes = part_bytes(shared, build, n_build, part_idx, &n_rows);
    for (int32_t f = 0; f < n_probe; f++)
        n_probe_rows += probe[f]->open ? probe[f]->parts[part_idx].n_rows : 0;
    MrJoinKind kind = self->op.phys->join.kind;
    bool nothing = n_probe_rows == 0
                       ? !shared->keep_built
                       : n_rows == 0 && (kind == MR_JOIN_INNER || kind == MR_JOIN_SEMI ||
                                         kind == MR_JOIN_RIGHT);
    if (nothing || (n_rows == 0 && n_probe_rows == 0))
        return MR_OK;
    int64_t whole = drain->depth > 0 ? drain->levels[drain->depth - 1].n_rows : shared->n_built;
    bool fits = drain->fits = bytes <= share_bytes(self);
    mr__spill_reader_open(&drain->build, context, build, n_build, part_idx);
    mr__spill_reader_open(&drain->probe, context, probe, n_probe, part_idx);
    if (!fits && !shared->loop && drain->depth < MR_JOIN_LEVELS - 1 && n_rows < whole / 10 * 9)
        return part_cut(self, n_rows, err);
    if (!fits && shared->tracks) {
        void *marks = NULL;
        MR_TRY(mr_budget_alloc_zeroed(context->budget, n_probe_rows + 1, &marks, err));
        drain->marks = marks;
        drain->n_marks = n_probe_rows + 1;
    }
    drain->part_open = true;
    return MR_OK;
}

/* Begins the next part that has something to give; *done: there is none. */
static MrStatus part_next(MrJoin *self, bool *done, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinDrain *drain = self->drain;
    *done = false;
    while (!drain->part_open) {
        if (drain->depth > 0) {
            Level *level = &drain->levels[drain->depth - 1];
            if (level->next_part == MR_JOIN_PARTS) {
                mr__spill_rows_close(&level->build);
                mr__spill_rows_close(&level->probe);
                drain->depth--;
                continue;
            }
            MR_TRY(part_open(self, level->build_list, 1, level->probe_list, 1, level->next_part++,
                             err));
            continue;
        }
        int32_t p = atomic_fetch_add(&shared->next_part, 1);
        /* Without keys there is one part, of which each worker's probe rows are a task. */
        bool cut = shared->loop && !shared->keep_built;
        if (p >= (cut ? drain->n_from : MR_JOIN_PARTS)) {
            *done = true;
            return MR_OK;
        }
        if (cut)
            MR_TRY(part_open(self, drain->build_from, drain->n_from, drain->probe_from + p, 1, 0,
                             err));
        else if (!shared->resident[p])
            MR_TRY(part_open(self, drain->build_from, drain->n_from, drain->probe_from,
                             drain->n_from, p, err));
    }
    return MR_OK;
}

/* The built rows of the next piece into memory. */
static MrStatus piece_next(MrJoin *self, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinDrain *drain = self->drain;
    mr__row_heap_init(&drain->heap, &shared->table.layout, self->op.context->budget);
    drain->piece_open = true;
    MR_TRY(load_rows(self, &drain->build, &drain->heap, drain->fits ? INT64_MAX : share_bytes(self),
                     err));
    drain->last_piece = !mr__spill_reader_more(&drain->build);
    MR_TRY(mr__join_table_size(&drain->table, shared->loop ? 0 : drain->heap.n_rows, err));
    if (!shared->loop)
        mr__join_table_insert(&drain->table, &drain->heap, 0, drain->heap.n_rows);
    drain->built = (MrJoinBuilt){&drain->table, drain->heaps, 1, drain->heap.n_rows};
    drain->built_at = drain->mark_at = drain->mark_next = 0;
    self->built = &drain->built;
    return MR_OK;
}

/* The next probe rows of the part; *done: there are none. */
static MrStatus probe_next(MrJoin *self, bool *done, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinDrain *drain = self->drain;
    int32_t n = 0, n_keys = self->op.phys->join.n_keys;
    *done = !mr__spill_reader_more(&drain->probe);
    if (*done)
        return MR_OK;
    MR_TRY(mr_batch_create(self->op.context->batch_budget, &self->probe, err));
    MrBatch *batch = self->probe;
    MrVector **cols = MR_NEW_N(&batch->arena, MrVector *, shared->n_probe_cols);
    MR_TRY(mr__spill_reader_next(&drain->probe, &batch->arena, cols, &n, err));
    mr_batch_set_cols(batch, shared->n_probe);
    for (int32_t c = 0; c < shared->n_probe; c++)
        batch->cols[c] = shared->probe_at[c] >= 0 ? cols[shared->probe_at[c]] : NULL;
    batch->n_rows = batch->n_sel = n;
    const MrVector *weight = cols[shared->n_probe_cols - 1];
    if (!mr_vector_is_null(weight, 0))
        batch->weights = weight->i64;
    self->keys = cols;
    self->n_live = n;
    for (int32_t i = 0; i < n; i++)
        self->live[i] = (uint16_t)i;
    mr__hash_columns(cols, n_keys, NULL, n, self->hash);
    mr__join_probe_begin(self);
    drain->mark_at = drain->mark_next;
    drain->mark_next += n;
    for (int32_t i = 0; i < n && drain->marks; i++) {
        self->matched[i] = drain->marks[drain->mark_at + i] & 1;
        self->unknown[i] = self->unknown[i] | drain->marks[drain->mark_at + i] >> 1;
    }
    return MR_OK;
}

/* The next batch of the piece at hand, which may point into it; *out NULL: the piece is done. */
static MrStatus piece_pull(MrJoin *self, MrBatch **out, MrError *err)
{
    MrJoinShared *shared = self->op.shared;
    MrJoinDrain *drain = self->drain;
    while (!*out && !drain->built_rows) {
        bool done = false;
        if (!self->probing)
            MR_TRY(probe_next(self, &done, err));
        if (done)
            drain->built_rows = true;
        else
            MR_TRY(mr__join_probe_pull(self, out, err));
    }
    while (!*out && shared->keep_built && drain->built_at < drain->heap.n_rows) {
        int64_t from = drain->built_at, to = from + MR_BATCH_ROWS;
        drain->built_at = to < drain->heap.n_rows ? to : drain->heap.n_rows;
        MR_TRY(mr__join_built_rows(self, &drain->heap, from, drain->built_at, out, err));
    }
    return MR_OK;
}

MrStatus mr__join_spill_pull(MrJoin *self, MrBatch **out, MrError *err)
{
    MrJoinDrain *drain = self->drain ? self->drain : drain_begin(self);
    *out = NULL;
    for (;;) {
        bool done = false;
        MR_TRY(part_next(self, &done, err));
        if (done)
            return MR_OK;
        if (!drain->piece_open)
            MR_TRY(piece_next(self, err));
        MR_TRY(piece_pull(self, &drain->given, err));
        if (drain->given) { /* the piece's memory goes before the run ends */
            MR_TRY(mr_batch_copy(drain->given, self->op.context->batch_budget, out, err));
            mr_batch_destroy(mr_batch_take(&drain->given));
            return MR_OK;
        }
        MrSpillReader *probe = &drain->probe;
        MrSpillRows *const *from = probe->from;
        int32_t n_from = probe->n_from, part_idx = probe->part_idx;
        if (drain->last_piece) {
            part_close(self);
        } else {
            piece_close(self);
            mr__spill_reader_open(probe, self->op.context, from, n_from, part_idx);
        }
    }
}

/* -- closing ---------------------------------------------------------------------------------- */

void mr__join_spill_close(MrJoin *self)
{
    MrJoinDrain *drain = self->drain;
    MrJoinShared *shared = self->op.shared;
    if (drain) {
        part_close(self);
        mr_batch_destroy(drain->given);
        for (int32_t l = 0; l < MR_JOIN_LEVELS - 1; l++) {
            mr__spill_rows_close(&drain->levels[l].build);
            mr__spill_rows_close(&drain->levels[l].probe);
        }
    }
    mr__spill_rows_close(&self->build_out);
    mr__spill_rows_close(&self->probe_out);
    self->drain = NULL;
    self->built = shared ? &shared->built : NULL;
}

void mr__join_spill_reset(MrJoinShared *shared)
{
    for (int32_t p = 0; p < MR_JOIN_PARTS; p++) {
        mr__row_heap_deinit(&shared->part_heaps[p]);
        shared->resident[p] = false;
    }
    shared->n_resident = 0;
    shared->spilling = false;
}
