/* op_batch_window.c - the rows of the batches of some time: a DStream's window.
 *
 * Computes:  in epochs whose batch time reaches a multiple of the slide, the rows of all batches
 *            with a time in (end - length, end], where end is that multiple; in other epochs
 *            nothing.  With deltas: what has come in since the window before, and with weight -1
 *            what has left it.
 * Changes:   takes inserts only.
 * Memory:    the rows of the last length (with deltas, and slide).  They do not spill.
 * Blocking:  yes.
 * Snapshot:  table 0: batch time and number of a piece (8 bytes each, big-endian) -> its rows: a
 *            varint count, then stored rows.
 * Source:    Spark's WindowedDStream and ReducedWindowedDStream. */
#include "exec/exec_int.h"

#define STORED_BYTES (INT64_C(1) << 20) /* of an entry of the state, about */

typedef struct WindowPiece { /* up to a batch of rows of one epoch */
    int64_t time_us;
    int64_t number; /* within its epoch */
    MrHeldBatch *rows;
    bool saved;
} WindowPiece;

typedef struct WindowKey {
    int64_t time_us, number;
} WindowKey;

typedef struct BatchWindow BatchWindow;

typedef struct BatchWindowShared {
    const MrPhys *phys;
    MrArena arena;
    MrOpContext context;
    BatchWindow **workers;
    WindowPiece *pieces; /* by time and number */
    int64_t n_pieces, cap_bytes;
    WindowKey *gone; /* of this epoch, in the epoch's arena */
    int64_t n_gone, cap_gone;
    MrArena scratch; /* of the epoch, and of what is read back */
    MrBatchList in, out;
    int64_t n_leaving;              /* the first of out: they have weight -1 */
    int64_t n_rows_in, n_rows_gone; /* of this epoch */
    bool open;
    MrBuffer stored; /* the entry that is being written */
    MrBatch *filling;
    _Atomic int64_t next_out;
} BatchWindowShared;

struct BatchWindow {
    MrOp op;
    MrBatchList got;
    MrBatch *given;
    bool ended;
};

static MrStatus batch_window_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                         MrError *err)
{
    BatchWindowShared *shared = arg;
    shared->phys = phys;
    shared->context = *context;
    mr_arena_init(&shared->arena, context->budget);
    mr_arena_init(&shared->scratch, context->budget);
    mr_batch_list_init(&shared->in, context->batch_budget);
    mr_batch_list_init(&shared->out, context->batch_budget);
    mr_buffer_init(&shared->stored, context->budget, INT64_MAX);
    shared->open = true;
    shared->workers = MR_NEW_N(&shared->arena, BatchWindow *, context->n_workers);
    return MR_OK;
}

static void batch_window_shared_close(void *arg)
{
    BatchWindowShared *shared = arg;
    if (!shared->open)
        return;
    for (int64_t p = 0; p < shared->n_pieces; p++)
        mr_shared_release(&shared->pieces[p].rows->base);
    mr_budget_free(shared->context.budget, shared->pieces, shared->cap_bytes);
    mr_batch_destroy(shared->filling);
    mr_batch_list_deinit(&shared->in);
    mr_batch_list_deinit(&shared->out);
    mr_buffer_deinit(&shared->stored);
    mr_arena_deinit(&shared->scratch);
    mr_arena_deinit(&shared->arena);
}

static MrStatus batch_window_open(MrOp *op, MrError *err)
{
    BatchWindow *self = (BatchWindow *)op;
    mr_batch_list_init(&self->got, op->context->batch_budget);
    ((BatchWindowShared *)op->shared)->workers[op->context->worker_idx] = self;
    return MR_OK;
}

static void batch_window_close(MrOp *op)
{
    BatchWindow *self = (BatchWindow *)op;
    BatchWindowShared *shared = op->shared;
    if (shared && shared->workers)
        shared->workers[op->context->worker_idx] = NULL;
    mr_batch_list_deinit(&self->got);
    mr_batch_destroy(self->given);
}

static MrStatus batch_window_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    return mr_batch_list_add(&((BatchWindow *)op)->got, batch, err);
}

static MrStatus batch_window_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier,
                                     MrError *err)
{
    ((BatchWindow *)op)->ended = true;
    return MR_OK;
}

static int32_t batch_window_n_finish_tasks(void *arg, int32_t input_idx)
{
    BatchWindowShared *shared = arg;
    atomic_store(&shared->next_out, 0);
    return 1;
}

/* ---------------------------------------------------------------- the pieces */

static bool piece_before(const WindowPiece *piece, WindowKey key)
{
    return piece->time_us != key.time_us ? piece->time_us < key.time_us
                                         : piece->number < key.number;
}

/* Takes the rows in, also when it fails. */
static MrStatus piece_put(BatchWindowShared *shared, WindowKey key, MrBatch *rows, bool saved,
                          MrError *err)
{
    MrHeldBatch *held = NULL;
    MR_TRY(mr_held_create(shared->context.batch_budget, rows, &held, err));
    int64_t need_bytes = (shared->n_pieces + 1) * (int64_t)sizeof(WindowPiece);
    if (need_bytes > shared->cap_bytes) {
        void *data = shared->pieces;
        MrStatus status = mr_budget_resize(shared->context.budget, &data, &shared->cap_bytes,
                                           2 * need_bytes, err);
        if (status != MR_OK) {
            mr_shared_release(&held->base);
            return status;
        }
        shared->pieces = data;
    }
    int64_t at = shared->n_pieces++;
    for (; at > 0 && !piece_before(&shared->pieces[at - 1], key); at--)
        shared->pieces[at] = shared->pieces[at - 1];
    shared->pieces[at] = (WindowPiece){key.time_us, key.number, held, saved};
    return MR_OK;
}

static MrBatch *rows_begin(BatchWindowShared *shared, int64_t n_rows, MrError *err)
{
    const MrSchema *schema = &shared->phys->schema;
    if (mr_batch_create(shared->context.batch_budget, &shared->filling, err) != MR_OK)
        return NULL;
    MrBatch *batch = shared->filling;
    mr_batch_set_cols(batch, schema->n_cols);
    for (int32_t c = 0; c < schema->n_cols; c++)
        batch->cols[c] = mr_vector_create(&batch->arena, schema->cols[c].type, n_rows);
    return batch;
}

/* The rows of the epoch, moved together into full batches: many small ones cost more than their
 * rows. */
static MrStatus take_in(BatchWindowShared *shared, int64_t time_us, MrError *err)
{
    int64_t n_left = 0, number = 0;
    for (int32_t w = 0; w < shared->context.n_workers; w++)
        if (shared->workers[w])
            MR_TRY(mr_batch_list_move(&shared->in, &shared->workers[w]->got, err));
    n_left = shared->n_rows_in = mr_batch_list_rows(&shared->in);
    for (int64_t b = 0; b < shared->in.n_items; b++) {
        const MrBatch *from = shared->in.items[b]->batch;
        for (int32_t at = 0, n; at < from->n_sel; at += n) {
            if (!shared->filling &&
                !rows_begin(shared, n_left < MR_BATCH_ROWS ? n_left : MR_BATCH_ROWS, err))
                return err->status;
            MrBatch *to = shared->filling;
            n = from->n_sel - at;
            if (n > MR_BATCH_ROWS - to->n_rows)
                n = MR_BATCH_ROWS - to->n_rows;
            mr_batch_append(to, from, at, n);
            n_left -= n;
            if (to->n_rows == MR_BATCH_ROWS || n_left == 0)
                MR_TRY(piece_put(shared, (WindowKey){time_us, number++},
                                 mr_batch_take(&shared->filling), false, err));
        }
    }
    mr_batch_list_clear(&shared->in);
    return MR_OK;
}

static MrStatus give(BatchWindowShared *shared, const WindowPiece *piece, MrError *err)
{
    MrBatch *view = NULL;
    MR_TRY(mr_held_view(piece->rows, shared->context.batch_budget, &view, err));
    return mr_batch_list_add(&shared->out, view, err);
}

static MrStatus give_window(BatchWindowShared *shared, const MrBarrier *barrier, int64_t end_us,
                            MrError *err)
{
    int64_t length_us = shared->phys->batch_window.length_us;
    int64_t slide_us = shared->phys->batch_window.slide_us;
    int64_t begin_us = end_us - length_us;
    bool deltas = shared->phys->batch_window.deltas;
    /* The window before ended at the last multiple that the epoch before had reached. */
    bool first = barrier->previous_us == MR_TIME_MIN;
    int64_t before_us = first ? MR_TIME_MIN : barrier->previous_us / slide_us * slide_us;
    for (int64_t p = 0; p < shared->n_pieces && deltas && !first; p++) {
        int64_t time_us = shared->pieces[p].time_us;
        if (time_us > before_us - length_us && time_us <= before_us && time_us <= begin_us)
            MR_TRY(give(shared, &shared->pieces[p], err));
    }
    shared->n_leaving = shared->out.n_items;
    for (int64_t p = 0; p < shared->n_pieces; p++) {
        int64_t time_us = shared->pieces[p].time_us;
        if (time_us > begin_us && time_us <= end_us && (!deltas || time_us > before_us))
            MR_TRY(give(shared, &shared->pieces[p], err));
    }
    return MR_OK;
}

/* What no later window asks for goes. */
static void forget(BatchWindowShared *shared, const MrBarrier *barrier)
{
    int64_t slide_us = shared->phys->batch_window.slide_us;
    int64_t last_us = barrier->time_us / slide_us * slide_us, n = 0;
    int64_t until_us = (shared->phys->batch_window.deltas ? last_us : last_us + slide_us) -
                       shared->phys->batch_window.length_us;
    while (n < shared->n_pieces && shared->pieces[n].time_us <= until_us)
        n++;
    for (int64_t p = 0; p < n; p++) {
        WindowPiece *piece = &shared->pieces[p];
        if (piece->saved)
            MR_PUSH(&shared->scratch, shared->gone, shared->n_gone, shared->cap_gone,
                    ((WindowKey){piece->time_us, piece->number}));
        shared->n_rows_gone += piece->rows->batch->n_rows;
        mr_shared_release(&piece->rows->base);
        piece->rows = NULL;
    }
    shared->n_pieces -= n;
    memmove(shared->pieces, shared->pieces + n, (size_t)shared->n_pieces * sizeof(WindowPiece));
}

static MrStatus batch_window_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                         const MrBarrier *barrier, MrError *err)
{
    BatchWindowShared *shared = op->shared;
    int64_t end_us;
    mr_batch_list_clear(&shared->out);
    shared->n_leaving = shared->n_rows_gone = 0;
    mr_arena_reset(&shared->scratch);
    shared->gone = NULL;
    shared->n_gone = shared->cap_gone = 0;
    MR_TRY(take_in(shared, barrier->time_us, err));
    if (mr_barrier_slides(barrier, shared->phys->batch_window.slide_us, &end_us))
        MR_TRY(give_window(shared, barrier, end_us, err));
    if (shared->n_pieces > 0)
        forget(shared, barrier);
    return MR_OK;
}

static MrStatus batch_window_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    BatchWindow *self = (BatchWindow *)op;
    BatchWindowShared *shared = op->shared;
    *step = MR_STEP_NEED_INPUT;
    if (!self->ended)
        return MR_OK;
    int64_t i = atomic_fetch_add(&shared->next_out, 1);
    if (i >= shared->out.n_items)
        return MR_OK;
    self->given = mr_batch_list_take(&shared->out, i);
    if (i < shared->n_leaving) {
        int32_t n = self->given->n_rows;
        self->given->weights =
            mr_arena_alloc(&self->given->arena, (n + 1) * (int64_t)sizeof(int64_t));
        for (int32_t row = 0; row < n; row++)
            self->given->weights[row] = -1;
    }
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

static MrStatus batch_window_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    BatchWindowShared *shared = arg;
    mr_batch_list_clear(&shared->out);
    for (int32_t w = 0; w < shared->context.n_workers; w++)
        if (shared->workers[w])
            shared->workers[w]->ended = false;
    return MR_OK;
}

/* ---------------------------------------------------------------- state */

static MrText key_text(WindowKey key, uint8_t bytes[16])
{
    for (int b = 0; b < 8; b++) {
        bytes[b] = (uint8_t)((uint64_t)key.time_us >> (56 - 8 * b));
        bytes[8 + b] = (uint8_t)((uint64_t)key.number >> (56 - 8 * b));
    }
    return (MrText){(const char *)bytes, 16};
}

static MrStatus piece_save(BatchWindowShared *shared, const WindowPiece *piece, MrStateWriter *to,
                           MrError *err)
{
    const MrBatch *rows = piece->rows->batch;
    uint8_t key[16];
    MrBuffer *stored = &shared->stored;
    stored->size_bytes = 0;
    MR_TRY(mr_buffer_put_varint(stored, (uint64_t)rows->n_rows, err));
    for (int32_t row = 0; row < rows->n_rows; row++)
        MR_TRY(mr_row_store(rows->cols, rows->n_cols, row, stored, err));
    MrStatus status = mr_state_put(to, 0, key_text((WindowKey){piece->time_us, piece->number}, key),
                                   (MrText){stored->data, stored->size_bytes}, err);
    if (stored->cap_bytes > STORED_BYTES) { /* of long rows: not kept for the short ones to come */
        mr_buffer_deinit(stored);
        mr_buffer_init(stored, shared->context.budget, INT64_MAX);
    }
    return status;
}

static MrStatus batch_window_save_changes(void *arg, MrStateWriter *to, MrError *err)
{
    BatchWindowShared *shared = arg;
    uint8_t key[16];
    for (int64_t g = 0; g < shared->n_gone; g++)
        MR_TRY(mr_state_delete(to, 0, key_text(shared->gone[g], key), err));
    shared->n_gone = 0;
    for (int64_t p = shared->n_pieces - 1; p >= 0 && !shared->pieces[p].saved; p--) {
        MR_TRY(piece_save(shared, &shared->pieces[p], to, err));
        shared->pieces[p].saved = true;
    }
    return MR_OK;
}

static MrStatus batch_window_snapshot(void *arg, MrStateWriter *to, MrError *err)
{
    BatchWindowShared *shared = arg;
    for (int64_t p = 0; p < shared->n_pieces; p++)
        MR_TRY(piece_save(shared, &shared->pieces[p], to, err));
    return MR_OK;
}

static MrStatus rows_load(BatchWindowShared *shared, MrText value, MrError *err)
{
    MrReader reader = {(const uint8_t *)value.data, (const uint8_t *)value.data + value.size_bytes,
                       false};
    int64_t n_rows = 0;
    if (!mr_reader_count(&reader, 0, &n_rows) || n_rows < 1 || n_rows > MR_BATCH_ROWS)
        return MR_FAIL_INTERNAL(err, "a piece of a window does not say how many rows it has");
    if (!rows_begin(shared, n_rows, err))
        return err->status;
    MrBatch *batch = shared->filling;
    for (int64_t row = 0; row < n_rows; row++)
        MR_TRY(mr_row_load(&reader, &batch->arena, batch->cols, batch->n_cols, row, err));
    batch->n_rows = batch->n_sel = (int32_t)n_rows;
    return MR_OK;
}

static MrStatus batch_window_apply(void *arg, int32_t table, MrText key, const MrText *value,
                                   MrError *err)
{
    BatchWindowShared *shared = arg;
    uint64_t parts[2] = {0, 0};
    if (table != 0 || key.size_bytes != 16)
        return MR_FAIL_INTERNAL(err, "the state has a key that is not a window's");
    for (int b = 0; b < 16; b++)
        parts[b / 8] = parts[b / 8] << 8 | (uint8_t)key.data[b];
    WindowKey at = {(int64_t)parts[0], (int64_t)parts[1]};
    for (int64_t p = 0; p < shared->n_pieces; p++) {
        WindowPiece *piece = &shared->pieces[p];
        if (piece->time_us != at.time_us || piece->number != at.number)
            continue;
        mr_shared_release(&piece->rows->base);
        memmove(piece, piece + 1, (size_t)(--shared->n_pieces - p) * sizeof *piece);
        break;
    }
    if (!value)
        return MR_OK;
    MR_TRY(rows_load(shared, *value, err));
    return piece_put(shared, at, mr_batch_take(&shared->filling), true, err);
}

static MrStateCount batch_window_count(const void *arg)
{
    const BatchWindowShared *shared = arg;
    MrStateCount count = {.updated = shared->n_rows_in, .removed = shared->n_rows_gone};
    for (int64_t p = 0; p < shared->n_pieces; p++)
        count.rows += shared->pieces[p].rows->batch->n_rows;
    return count;
}

const MrOpType mr__op_batch_window = {
    .name = "BatchWindow",
    .size_bytes = sizeof(BatchWindow),
    .shared_bytes = sizeof(BatchWindowShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = batch_window_shared_open,
    .shared_close = batch_window_shared_close,
    .open = batch_window_open,
    .close = batch_window_close,
    .push = batch_window_push,
    .pull = batch_window_pull,
    .barrier = batch_window_barrier,
    .n_finish_tasks = batch_window_n_finish_tasks,
    .finish_task = batch_window_finish_task,
    .epoch_end = batch_window_epoch_end,
    .save_changes = batch_window_save_changes,
    .snapshot = batch_window_snapshot,
    .apply = batch_window_apply,
    .count = batch_window_count,
};
