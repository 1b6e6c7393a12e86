/* op_session.c - session windows of a stream.
 *
 * Computes:  one row per session: keys, its window among them, then results.  A row's own session
 * reaches from its time to the gap after it; sessions of equal keys that overlap or touch are one.
 * Changes:   takes inserts.  Sessions that the epoch touched give -old +new, those that went into
 * another -old; or, when closed by the watermark only (close_key), one +row, after which they are
 * forgotten.
 * Memory:    the sessions, in packed rows; a sorted list of them for each key.  Each worker merges
 * the rows of an epoch to sessions of its own; finish tasks merge those into the kept ones, part by
 * part of the keys' hash.
 * Blocking:  yes.
 * Snapshot:  table 0: keys and the session's start -> its end, whether shown, states.
 * Source:    Spark's rules: a session is closed when its end <= watermark; a row is late when its
 * own session is.  A batch computes sessions by a sort instead: plan/session.c. */
#include "exec/close_queue.h"
#include "exec/kept_rows.h"

#define FEW_SESSIONS 4096 /* are merged by one task */

typedef struct Session { /* between the keys and the states of a session's row */
    int64_t start_us, end_us;
    int64_t saved_us;  /* the start under which the checkpoint has it */
    int64_t touched;   /* number of the epoch that changed it         */
    char *merged_into; /* dead: the one that took it up, if any       */
    bool saved, shown, dead;
} Session;
#define HEAD_BYTES 48
_Static_assert(sizeof(Session) == HEAD_BYTES, "the states behind it are aligned");

typedef struct SessionList { /* of one key: in the order of time, apart from each other */
    char **items;
    int64_t n, cap;
} SessionList;

typedef struct SessionTable {
    MrGroups keys; /* each with a SessionList */
    MrGroups rows; /* of sessions, dead ones too */
    int64_t n_dead;
} SessionTable;

typedef struct SessionPart {
    MrKeptPart kept;
    SessionTable table;
    MrCloseQueue closing; /* by the ends that they once had; in the arena of the rows */
} SessionPart;

typedef struct SessionAgg SessionAgg;

typedef struct SessionShared {
    const MrPhys *phys;
    MrArena arena;
    MrBudget *budget;
    MrPhys plain; /* phys without the session key */
    MrAggPlan plan;
    MrGroupLayout key_layout;
    SessionAgg **workers;
    int32_t n_workers, n_tasks;
    SessionPart *parts;
    MrKeptPart *kept[MR_KEPT_PARTS];
    int32_t n_open_parts;
    _Atomic int32_t next_out;
    int64_t n_epochs;
    MrEvalContext eval; /* for saving and loading */
} SessionShared;

struct SessionAgg {
    MrOp op;
    MrArena arena;
    MrEvaluator exprs; /* the plan's, then the row's own session */
    MrAggTable states; /* its groups are not used: rows are found here */
    SessionTable table;
    bool table_open, ended;
    MrBatch *held;
    MrPartedRows parted; /* living sessions */
    MrKeptCursor cursor;
    uint16_t keep[MR_BATCH_ROWS], fresh[MR_BATCH_ROWS];
    uint64_t hash[MR_BATCH_ROWS];
    char *key_rows[MR_BATCH_ROWS];
    int64_t start_us[MR_BATCH_ROWS], end_us[MR_BATCH_ROWS];
};

/* -- tables ----------------------------------------------------------------------------------- */

static void table_init(SessionTable *table, SessionShared *shared, MrBudget *budget)
{
    *table = (SessionTable){0};
    mr__groups_init(&table->keys, &shared->key_layout, budget);
    mr__groups_init(&table->rows, &shared->plan.layout, budget);
}

static void table_deinit(SessionTable *table)
{
    mr__groups_deinit(&table->keys);
    mr__groups_deinit(&table->rows);
}

static void table_clear(SessionTable *table)
{
    mr__groups_clear(&table->keys);
    mr__groups_clear(&table->rows);
    table->n_dead = 0;
}

static Session *session_of(const SessionShared *shared, char *row)
{
    return (Session *)(void *)(row + shared->plan.layout.states_at);
}

static SessionList *list_of(const SessionShared *shared, char *key_row)
{
    return (SessionList *)(void *)(key_row + shared->key_layout.states_at);
}

/* The first session of the list that ends at this time or later. */
static int64_t list_find(const SessionShared *shared, const SessionList *list, int64_t us)
{
    int64_t from = 0, to = list->n;
    if (to > 0 && session_of(shared, list->items[to - 1])->end_us < us)
        return to; /* rows come mostly in the order of time */
    while (from < to) {
        int64_t middle = from + (to - from) / 2;
        if (session_of(shared, list->items[middle])->end_us < us)
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static void list_insert(SessionTable *table, SessionList *list, int64_t at, char *row)
{
    MR_PUSH(&table->keys.arena, list->items, list->n, list->cap, row);
    memmove(&list->items[at + 1], &list->items[at],
            (size_t)(list->n - 1 - at) * sizeof *list->items);
    list->items[at] = row;
}

static void list_remove(SessionList *list, int64_t at)
{
    list->n--;
    memmove(&list->items[at], &list->items[at + 1], (size_t)(list->n - at) * sizeof *list->items);
}

/* A new session of the key in row sel of the columns. */
static char *session_new(const SessionShared *shared, SessionTable *table, MrVector *const *keys,
                         uint16_t sel, uint64_t hash, int64_t start_us, int64_t end_us)
{
    char *row;
    mr__groups_append(&table->rows, keys, &sel, 1, &hash, &row);
    mr__agg_init_states(&shared->plan, row);
    *session_of(shared, row) = (Session){.start_us = start_us, .end_us = end_us};
    return row;
}

/* Lets the session at this place reach from start to end, taking up those that it then meets;
 * gone (NULL: nobody asks) is told of each. */
static MrStatus session_widen(const SessionShared *shared, SessionTable *table, SessionList *list,
                              int64_t at, int64_t start_us, int64_t end_us,
                              const MrEvalContext *eval,
                              MrStatus (*gone)(void *self, char *row, MrError *err), void *self,
                              MrError *err)
{
    Session *session = session_of(shared, list->items[at]);
    if (start_us < session->start_us)
        session->start_us = start_us;
    if (end_us > session->end_us)
        session->end_us = end_us;
    while (at + 1 < list->n) {
        char *row = list->items[at + 1];
        Session *next = session_of(shared, row);
        if (next->start_us > session->end_us)
            break;
        if (next->end_us > session->end_us)
            session->end_us = next->end_us;
        MR_TRY(mr__agg_merge(&shared->plan, eval, &table->rows.arena, list->items[at], row, err));
        next->dead = true;
        next->merged_into = list->items[at];
        table->n_dead++;
        list_remove(list, at + 1);
        if (gone)
            MR_TRY(gone(self, row, err));
    }
    return MR_OK;
}

/* -- opening ---------------------------------------------------------------------------------- */

static void plan_make(SessionShared *shared)
{
    const MrPhys *phys = shared->phys;
    int32_t n_keys = 0, n_cols = 0;
    shared->plain = *phys;
    shared->plain.aggregate.keys = MR_NEW_N(&shared->arena, MrExpr *, phys->aggregate.n_keys);
    MrField *fields = MR_NEW_N(&shared->arena, MrField, phys->schema.n_cols);
    for (int32_t k = 0; k < phys->aggregate.n_keys; k++)
        if (k != phys->aggregate.session_key)
            shared->plain.aggregate.keys[n_keys++] = phys->aggregate.keys[k];
    for (int32_t c = 0; c < phys->schema.n_cols; c++)
        if (c != phys->aggregate.session_key)
            fields[n_cols++] = phys->schema.cols[c];
    shared->plain.aggregate.n_keys = n_keys;
    shared->plain.schema = (MrSchema){n_cols, fields};
    mr__agg_plan_init_own(&shared->plan, &shared->arena, &shared->plain, HEAD_BYTES);
    mr__group_layout_init(&shared->key_layout, &shared->arena, shared->plan.key_types, n_keys,
                          sizeof(SessionList));
}

static MrStatus session_shared_open(void *arg, const MrPhys *phys, const MrOpContext *context,
                                    MrError *err)
{
    SessionShared *shared = arg;
    shared->phys = phys;
    shared->budget = context->budget;
    shared->n_workers = context->n_workers;
    shared->eval = *context->eval;
    mr_arena_init(&shared->arena, context->budget);
    plan_make(shared);
    shared->workers = MR_NEW_N(&shared->arena, SessionAgg *, context->n_workers);
    shared->parts = MR_NEW_N(&shared->arena, SessionPart, MR_KEPT_PARTS);
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        SessionPart *part = &shared->parts[p];
        shared->kept[p] = &part->kept;
        mr__kept_init(&part->kept, context);
        table_init(&part->table, shared, context->budget);
        shared->n_open_parts++;
    }
    return MR_OK;
}

static void session_shared_close(void *arg)
{
    SessionShared *shared = arg;
    for (int32_t p = 0; p < shared->n_open_parts; p++) {
        table_deinit(&shared->parts[p].table);
        mr__kept_deinit(&shared->parts[p].kept);
    }
    mr_arena_deinit(&shared->arena);
}

static MrStatus session_open(MrOp *op, MrError *err)
{
    SessionAgg *self = (SessionAgg *)op;
    SessionShared *shared = op->shared;
    const MrAggPlan *plan = &shared->plan;
    mr_arena_init(&self->arena, op->context->budget);
    MrExpr **exprs = MR_NEW_N(&self->arena, MrExpr *, plan->n_exprs + 1);
    if (plan->n_exprs > 0)
        memcpy(exprs, plan->exprs, sizeof *exprs * (size_t)plan->n_exprs);
    exprs[plan->n_exprs] = op->phys->aggregate.keys[op->phys->aggregate.session_key];
    MR_TRY(
        mr__evaluator_open(&self->exprs, op->context, &self->arena, exprs, plan->n_exprs + 1, err));
    self->table_open = true;
    table_init(&self->table, shared, op->context->budget);
    MR_TRY(mr__agg_table_init(&self->states, plan, op->context, err));
    shared->workers[op->context->worker_idx] = self;
    return MR_OK;
}

static void session_close(MrOp *op)
{
    SessionAgg *self = (SessionAgg *)op;
    SessionShared *shared = op->shared;
    if (shared && shared->workers && shared->workers[op->context->worker_idx] == self)
        shared->workers[op->context->worker_idx] = NULL;
    mr__agg_table_deinit(&self->states);
    if (self->table_open)
        table_deinit(&self->table);
    mr__evaluator_close(&self->exprs);
    mr_batch_destroy(self->held);
    mr_arena_deinit(&self->arena);
}

/* -- rows in ---------------------------------------------------------------------------------- */

static bool time_at(const MrVector *vec, int64_t row, int64_t *us)
{
    int64_t at;
    if (mr_vector_is_null(vec, row))
        return false;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    *us = holder->i64[at];
    return true;
}

/* The rows' own sessions.  Rows without one go, and those whose session is closed: they are late.
 */
static void bounds_read(SessionAgg *self, MrBatch *batch, const MrVector *window)
{
    int64_t late_us =
        self->op.phys->aggregate.time_key >= 0 ? self->op.context->barrier->late_us : MR_TIME_MIN;
    int32_t n = 0;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        int64_t at;
        if (mr_vector_is_null(window, row))
            continue;
        const MrVector *holder = mr_vector_at(window, row, &at);
        if (!time_at(holder->children[0], at, &self->start_us[n]) ||
            !time_at(holder->children[1], at, &self->end_us[n]))
            continue;
        if (self->end_us[n] <= late_us) {
            self->op.context->metrics->late_rows++;
            continue;
        }
        self->keep[n++] = (uint16_t)row;
    }
    if (n == batch->n_sel)
        return;
    batch->sel = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof(uint16_t));
    memcpy(batch->sel, self->keep, (size_t)n * sizeof(uint16_t));
    batch->n_sel = n;
}

static MrStatus rows_place(SessionAgg *self, MrBatch *batch, MrError *err)
{
    const SessionShared *shared = self->op.shared;
    SessionTable *table = &self->table;
    MrVector **keys = self->exprs.out;
    int32_t n_fresh = 0;
    char **rows = self->states.rows;
    mr__hash_columns(keys, shared->plan.n_keys, batch->sel, batch->n_sel, self->hash);
    MR_TRY(mr__groups_find(&table->keys, keys, batch->sel, batch->n_sel, self->hash, self->key_rows,
                           self->fresh, &n_fresh, err));
    for (int32_t i = 0; i < batch->n_sel; i++) {
        SessionList *list = list_of(shared, self->key_rows[i]);
        int64_t at = list_find(shared, list, self->start_us[i]);
        if (at < list->n && session_of(shared, list->items[at])->start_us <= self->end_us[i])
            MR_TRY(session_widen(shared, table, list, at, self->start_us[i], self->end_us[i],
                                 self->op.context->eval, NULL, NULL, err));
        else
            list_insert(table, list, at,
                        session_new(shared, table, keys, (uint16_t)mr_batch_row(batch, i),
                                    self->hash[i], self->start_us[i], self->end_us[i]));
        rows[i] = list->items[at];
    }
    for (int32_t i = 0; i < batch->n_sel; i++) /* some were taken up by others since */
        while (session_of(shared, rows[i])->merged_into)
            rows[i] = session_of(shared, rows[i])->merged_into;
    return MR_OK;
}

static MrStatus session_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    SessionAgg *self = (SessionAgg *)op;
    SessionShared *shared = op->shared;
    self->held = batch;
    MR_TRY(mr__evaluator_run(&self->exprs, op->context, batch, err));
    bounds_read(self, batch, self->exprs.out[shared->plan.n_exprs]);
    if (batch->n_sel > 0) {
        MR_TRY(rows_place(self, batch, err));
        MR_TRY(mr__agg_table_update_rows(&self->states, batch, self->exprs.out, err));
    }
    self->held = NULL;
    mr_batch_destroy(batch);
    return MR_OK;
}

static bool is_dead(const MrGroups *groups, char *row)
{
    return ((Session *)(void *)(row + groups->layout->states_at))->dead;
}

static MrStatus session_barrier(MrOp *op, int32_t input_idx, const MrBarrier *barrier, MrError *err)
{
    SessionAgg *self = (SessionAgg *)op;
    mr__part_rows(&self->parted, &self->table.rows, &self->arena, is_dead);
    self->ended = true;
    self->cursor.part_idx = -1;
    return MR_OK;
}

static int32_t session_n_finish_tasks(void *arg, int32_t input_idx)
{
    SessionShared *shared = arg;
    int64_t n_rows = 0;
    for (int32_t w = 0; w < shared->n_workers; w++)
        if (shared->workers[w] && shared->workers[w]->ended)
            n_rows += shared->workers[w]->parted.from[MR_KEPT_PARTS];
    atomic_store(&shared->next_out, 0);
    shared->n_epochs++;
    shared->n_tasks = n_rows > FEW_SESSIONS ? MR_KEPT_PARTS : 1;
    return shared->n_tasks;
}

/* -- merging into the state ------------------------------------------------------------------- */

/* The column of the sessions' windows. */
static MrVector *windows_make(const SessionShared *shared, char *const *rows, int32_t n,
                              MrArena *arena)
{
    const MrType *type = shared->phys->schema.cols[shared->phys->aggregate.session_key].type;
    MrVector *out = mr_vector_create(arena, type, n);
    out->n_items = out->children[0]->n_items = out->children[1]->n_items = n;
    for (int32_t i = 0; i < n; i++) {
        out->children[0]->i64[i] = session_of(shared, rows[i])->start_us;
        out->children[1]->i64[i] = session_of(shared, rows[i])->end_us;
    }
    return out;
}

static MrStatus sessions_finish(const void *self, const MrEvalContext *eval, char *const *rows,
                                int32_t n, MrBatch *batch, MrError *err)
{
    const SessionShared *shared = self;
    int32_t n_cols = shared->phys->schema.n_cols, at = shared->phys->aggregate.session_key;
    mr_batch_set_cols(batch, n_cols);
    MR_TRY(mr__agg_finish(&shared->plan, eval, &shared->plain.schema, rows, n, batch, err));
    memmove(&batch->cols[at + 1], &batch->cols[at],
            sizeof *batch->cols * (size_t)(n_cols - 1 - at));
    batch->cols[at] = windows_make(shared, rows, n, &batch->arena);
    return MR_OK;
}

static MrStatus sessions_emit(SessionShared *shared, SessionPart *part, const MrOpContext *context,
                              char *const *rows, int64_t n_rows, int64_t weight, MrError *err)
{
    return mr__kept_emit(&part->kept, context, rows, n_rows, weight, sessions_finish, shared, err);
}

/* The keys of a session and its start: what it is stored under. */
static MrVector **stored_keys(SessionShared *shared, SessionPart *part, char *row, int64_t start_us)
{
    MrVector **keys = mr__kept_keys(&part->kept, &shared->plan, row);
    keys[shared->plan.n_keys] = mr_vector_constant(&part->kept.scratch, MR_T(BIGINT), &start_us);
    return keys;
}

/* What the checkpoint has of a session that is no more, or begins earlier now. */
static MrStatus state_forget(SessionShared *shared, SessionPart *part, char *row, MrError *err)
{
    Session *session = session_of(shared, row);
    if (!session->saved)
        return MR_OK;
    session->saved = false;
    return mr__kept_delete(&part->kept, stored_keys(shared, part, row, session->saved_us),
                           shared->plan.n_keys + 1, err);
}

typedef struct Merge {
    SessionShared *shared;
    SessionPart *part;
} Merge;

static MrStatus merge_gone(void *arg, char *row, MrError *err)
{
    Merge *merge = arg;
    merge->part->kept.n_removed++;
    return state_forget(merge->shared, merge->part, row, err);
}

static void session_touch(SessionShared *shared, SessionPart *part, char *row)
{
    Session *session = session_of(shared, row);
    if (session->touched == shared->n_epochs)
        return;
    session->touched = shared->n_epochs;
    mr__kept_touch(&part->kept, row);
}

static bool gives_changes(const SessionShared *shared)
{
    return shared->phys->aggregate.close_key < 0 && !shared->phys->aggregate.complete;
}

/* The watermark closes sessions: they are given out or dropped then. */
static bool closes_sessions(const SessionShared *shared)
{
    return shared->phys->aggregate.close_key >= 0 || shared->phys->aggregate.evict;
}

static void session_watch(SessionShared *shared, SessionPart *part, char *row)
{
    if (closes_sessions(shared))
        mr__close_queue_put(&part->closing, &part->table.rows.arena,
                            session_of(shared, row)->end_us, row);
}

/* Looks up the keys of n sessions of a worker.  make: keys that are not there yet are made. */
static MrStatus keys_find(SessionShared *shared, SessionPart *part, char *const *from, int32_t n,
                          MrVector ***keys, char **key_rows, MrError *err)
{
    const MrAggPlan *plan = &shared->plan;
    int32_t n_fresh = 0;
    uint64_t *hash = mr_arena_alloc(&part->kept.scratch, (n + 1) * (int64_t)sizeof *hash);
    uint16_t *fresh = mr_arena_alloc(&part->kept.scratch, (n + 1) * (int64_t)sizeof *fresh);
    *keys = MR_NEW_N(&part->kept.scratch, MrVector *, plan->n_keys + 1);
    for (int32_t k = 0; k < plan->n_keys; k++)
        (*keys)[k] = mr_rows_gather(&plan->layout.rows, k, (const void *const *)from, n,
                                    &part->kept.scratch);
    for (int32_t i = 0; i < n; i++)
        hash[i] = mr__group_hash(&plan->layout, from[i]);
    return mr__groups_find(&part->table.keys, *keys, NULL, n, hash, key_rows, fresh, &n_fresh, err);
}

/* Merges sessions of a worker into the kept ones. */
static MrStatus sessions_merge(SessionShared *shared, SessionPart *part, const MrOpContext *context,
                               char *const *from, int32_t n, MrError *err)
{
    SessionTable *table = &part->table;
    MrVector **keys = NULL;
    Merge merge = {shared, part};
    char **key_rows = mr_arena_alloc(&part->kept.scratch, (n + 1) * (int64_t)sizeof *key_rows);
    MR_TRY(keys_find(shared, part, from, n, &keys, key_rows, err));
    for (int32_t i = 0; i < n; i++) {
        Session *own = session_of(shared, from[i]);
        SessionList *list = list_of(shared, key_rows[i]);
        int64_t at = list_find(shared, list, own->start_us);
        if (at == list->n || session_of(shared, list->items[at])->start_us > own->end_us) {
            uint64_t hash = mr__group_hash(&shared->plan.layout, from[i]);
            char *row =
                session_new(shared, table, keys, (uint16_t)i, hash, own->start_us, own->end_us);
            list_insert(table, list, at, row);
            session_watch(shared, part, row);
        } else {
            if (own->start_us < session_of(shared, list->items[at])->start_us)
                MR_TRY(state_forget(shared, part, list->items[at], err));
            MR_TRY(session_widen(shared, table, list, at, own->start_us, own->end_us, context->eval,
                                 merge_gone, &merge, err));
        }
        char *row = list->items[at];
        session_touch(shared, part, row);
        MR_TRY(mr__agg_merge(&shared->plan, context->eval, &table->rows.arena, row, from[i], err));
    }
    return MR_OK;
}

/* The kept sessions that those of a worker will change, as they were shown, before they change. */
static MrStatus old_emit(SessionShared *shared, SessionPart *part, const MrOpContext *context,
                         char *const *from, int32_t n, MrError *err)
{
    char **old = NULL;
    int64_t n_old = 0, cap_old = 0;
    MrVector **keys = NULL;
    char **key_rows = mr_arena_alloc(&part->kept.scratch, (n + 1) * (int64_t)sizeof *key_rows);
    MR_TRY(keys_find(shared, part, from, n, &keys, key_rows, err));
    for (int32_t i = 0; i < n; i++) {
        Session *own = session_of(shared, from[i]);
        SessionList *list = list_of(shared, key_rows[i]);
        for (int64_t at = list_find(shared, list, own->start_us); at < list->n; at++) {
            Session *session = session_of(shared, list->items[at]);
            if (session->start_us > own->end_us)
                break;
            if (session->shown && session->touched != shared->n_epochs)
                MR_PUSH(&part->kept.scratch, old, n_old, cap_old, list->items[at]);
            session_touch(shared, part, list->items[at]);
        }
    }
    return sessions_emit(shared, part, context, old, n_old, -1, err);
}

static MrStatus workers_each(SessionShared *shared, int32_t part_idx, const MrOpContext *context,
                             MrStatus (*each)(SessionShared *, SessionPart *, const MrOpContext *,
                                              char *const *, int32_t, MrError *),
                             MrError *err)
{
    for (int32_t w = 0; w < shared->n_workers; w++) {
        SessionAgg *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        int64_t to = worker->parted.from[part_idx + 1];
        for (int64_t r = worker->parted.from[part_idx]; r < to; r += MR_BATCH_ROWS)
            MR_TRY(each(shared, &shared->parts[part_idx], context, worker->parted.rows + r,
                        to - r < MR_BATCH_ROWS ? (int32_t)(to - r) : MR_BATCH_ROWS, err));
    }
    return MR_OK;
}

/* Takes a closed session out of its key's list, and the key with its last one. */
static MrStatus session_remove(SessionShared *shared, SessionPart *part, char *row, MrError *err)
{
    SessionTable *table = &part->table;
    Session *session = session_of(shared, row);
    MrVector **keys = NULL;
    char *key_row = NULL;
    MR_TRY(keys_find(shared, part, &row, 1, &keys, &key_row, err));
    SessionList *list = list_of(shared, key_row);
    int64_t at = list_find(shared, list, session->end_us);
    MR_ASSERT(at < list->n && list->items[at] == row);
    list_remove(list, at);
    session->dead = true;
    table->n_dead++;
    part->kept.n_removed++;
    if (list->n == 0)
        mr__groups_remove(&table->keys, key_row);
    return state_forget(shared, part, row, err);
}

/* Those that end first come first; so it is also when they were read back from a checkpoint. */
static int compare_ends(const void *a, const void *b, void *arg)
{
    const SessionShared *shared = arg;
    char *rows[2] = {*(char *const *)a, *(char *const *)b};
    const Session *x = session_of(shared, rows[0]), *y = session_of(shared, rows[1]);
    uint64_t hash[2] = {mr__group_hash(&shared->plan.layout, rows[0]),
                        mr__group_hash(&shared->plan.layout, rows[1])};
    if (x->end_us != y->end_us)
        return x->end_us < y->end_us ? -1 : 1;
    if (x->start_us != y->start_us)
        return x->start_us < y->start_us ? -1 : 1;
    return hash[0] != hash[1] ? (hash[0] < hash[1] ? -1 : 1) : 0;
}

/* Sessions that the watermark has closed: given out when the mode waits for it, and forgotten. */
static MrStatus sessions_end(SessionShared *shared, SessionPart *part, const MrOpContext *context,
                             int64_t evict_us, MrError *err)
{
    char **closed = NULL, *row;
    int64_t n = 0, cap = 0;
    while ((row = mr__close_queue_take(&part->closing, evict_us)) != NULL) {
        Session *session = session_of(shared, row);
        if (!session->dead && session->end_us > evict_us)
            session_watch(shared, part, row); /* it has grown since */
        else if (!session->dead)
            MR_PUSH(&part->kept.scratch, closed, n, cap, row);
    }
    if (n > 1)
        qsort_r(closed, (size_t)n, sizeof *closed, compare_ends, shared);
    if (shared->phys->aggregate.close_key >= 0)
        MR_TRY(sessions_emit(shared, part, context, closed, n, 1, err));
    for (int64_t i = 0; i < n; i++)
        MR_TRY(session_remove(shared, part, closed[i], err));
    return MR_OK;
}

/* What the epoch has to show, before the closed ones go. */
static MrStatus sessions_show(SessionShared *shared, SessionPart *part, const MrOpContext *context,
                              MrError *err)
{
    const MrKeptPart *kept = &part->kept;
    MrGroups *groups = &part->table.rows;
    bool complete = shared->phys->aggregate.complete;
    int64_t n = 0, n_most = complete ? groups->n_rows : kept->n_touched;
    char **rows = mr_arena_alloc(&part->kept.scratch, (n_most + 1) * (int64_t)sizeof *rows);
    for (int64_t t = 0; t < kept->n_touched; t++) {
        Session *session = session_of(shared, kept->touched[t]);
        session->shown = true;
        if (!session->dead && gives_changes(shared))
            rows[n++] = kept->touched[t];
    }
    for (int64_t r = 0; complete && r < groups->n_rows; r++) {
        rows[n] = mr__groups_row(groups, r);
        n += !session_of(shared, rows[n])->dead;
    }
    return sessions_emit(shared, part, context, rows, n, 1, err);
}

static MrStatus table_compact(SessionShared *shared, SessionPart *part, MrError *err);

static MrStatus part_finish(const MrOp *op, int32_t part_idx, const MrBarrier *barrier,
                            MrError *err)
{
    SessionShared *shared = op->shared;
    const MrOpContext *context = op->context;
    SessionPart *part = &shared->parts[part_idx];
    SessionTable *table = &part->table;
    mr__kept_epoch(&part->kept);
    if (table->n_dead > 1024 && table->n_dead > table->rows.n_rows / 2)
        MR_TRY(table_compact(shared, part, err));
    if (gives_changes(shared))
        MR_TRY(workers_each(shared, part_idx, context, old_emit, err));
    MR_TRY(workers_each(shared, part_idx, context, sessions_merge, err));
    MR_TRY(sessions_show(shared, part, context, err));
    /* At the end of a bounded run every session is final. */
    bool all = barrier->ended && shared->phys->aggregate.close_key >= 0;
    return sessions_end(shared, part, context, all ? INT64_MAX : mr__evict_us(op), err);
}

static MrStatus session_finish_task(MrOp *op, int32_t input_idx, int32_t task_idx,
                                    const MrBarrier *barrier, MrError *err)
{
    SessionShared *shared = op->shared;
    if (shared->n_tasks == MR_KEPT_PARTS)
        return part_finish(op, task_idx, barrier, err);
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++)
        MR_TRY(part_finish(op, p, barrier, err));
    return MR_OK;
}

/* -- rows out --------------------------------------------------------------------------------- */

static MrStatus session_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    SessionAgg *self = (SessionAgg *)op;
    SessionShared *shared = op->shared;
    if (self->ended)
        *out = mr__kept_next(shared->kept, &shared->next_out, &self->cursor);
    *step = self->ended && *out ? MR_STEP_OUTPUT : MR_STEP_NEED_INPUT;
    return MR_OK;
}

static MrStatus session_epoch_end(void *arg, const MrBarrier *barrier, MrError *err)
{
    SessionShared *shared = arg;
    for (int32_t w = 0; w < shared->n_workers; w++) {
        SessionAgg *worker = shared->workers[w];
        if (!worker || !worker->ended)
            continue;
        table_clear(&worker->table);
        mr__agg_table_clear(&worker->states);
        worker->ended = false;
    }
    return MR_OK;
}

/* -- state ------------------------------------------------------------------------------------ */

static MrStatus state_put(SessionShared *shared, SessionPart *part, char *row, MrStateWriter *to,
                          MrError *err)
{
    Session *session = session_of(shared, row);
    MR_TRY(mr__kept_put(&part->kept, &shared->plan,
                        stored_keys(shared, part, row, session->start_us), shared->plan.n_keys + 1,
                        &session->end_us, 1, session->shown, row, to, err));
    session->saved = true;
    session->saved_us = session->start_us;
    return MR_OK;
}

static MrStatus session_save_changes(void *arg, MrStateWriter *to, MrError *err)
{
    SessionShared *shared = arg;
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        SessionPart *part = &shared->parts[p];
        MR_TRY(mr__kept_save_deleted(&part->kept, to, err));
        for (int64_t t = 0; t < part->kept.n_touched; t++)
            if (!session_of(shared, part->kept.touched[t])->dead)
                MR_TRY(state_put(shared, part, part->kept.touched[t], to, err));
    }
    return MR_OK;
}

static MrStatus part_snapshot(SessionShared *shared, SessionPart *part, MrStateWriter *to,
                              MrError *err)
{
    for (int64_t r = 0; r < part->table.rows.n_rows; r++) {
        char *row = mr__groups_row(&part->table.rows, r);
        if (!session_of(shared, row)->dead)
            MR_TRY(state_put(shared, part, row, to, err));
    }
    return MR_OK;
}

static MrStatus session_snapshot(void *arg, MrStateWriter *to, MrError *err)
{
    SessionShared *shared = arg;
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++)
        MR_TRY(part_snapshot(shared, &shared->parts[p], to, err));
    return MR_OK;
}

typedef struct Reading {
    SessionShared *shared;
    MrArena *scratch; /* of the part at hand: others are worked on at the same time */
} Reading;

static MrStatus entry_apply(void *arg, MrText key, const MrText *value, MrError *err)
{
    Reading *reading = arg;
    SessionShared *shared = reading->shared;
    const MrAggPlan *plan = &shared->plan;
    uint64_t hash;
    uint16_t fresh[1];
    int32_t n_fresh = 0;
    char *key_row = NULL;
    MrVector **keys = NULL;
    MR_TRY(mr__kept_read_keys(plan, 1, key, reading->scratch, &keys, &hash, err));
    int64_t start_us = keys[plan->n_keys]->i64[0], end_us, at = 0;
    SessionPart *part = &shared->parts[mr__kept_part_of(hash)];
    SessionTable *table = &part->table;
    MR_TRY(mr__groups_find(&table->keys, keys, NULL, 1, &hash, &key_row, fresh, &n_fresh, err));
    SessionList *list = list_of(shared, key_row);
    while (at < list->n && session_of(shared, list->items[at])->start_us < start_us)
        at++;
    bool there = at < list->n && session_of(shared, list->items[at])->start_us == start_us;
    if (!value && there) {
        session_of(shared, list->items[at])->dead = true;
        table->n_dead++;
        list_remove(list, at);
    }
    if (!value && list->n == 0)
        mr__groups_remove(&table->keys, key_row);
    if (!value)
        return MR_OK;
    if (!there)
        list_insert(table, list, at, session_new(shared, table, keys, 0, hash, start_us, start_us));
    char *row = list->items[at];
    Session *session = session_of(shared, row);
    MR_TRY(mr__kept_load(plan, &shared->eval, &table->rows.arena, value, &end_us, 1,
                         &session->shown, row, err));
    session->end_us = end_us;
    session->saved = true;
    session->saved_us = start_us;
    if (!there)
        session_watch(shared, part, row);
    return MR_OK;
}

static MrStatus session_apply(void *arg, int32_t table_idx, MrText key, const MrText *value,
                              MrError *err)
{
    SessionShared *shared = arg;
    return entry_apply(&(Reading){shared, &shared->parts[0].kept.scratch}, key, value, err);
}

/* Writes the living sessions out and reads them back, so that the memory of the dead ones returns.
 */
static MrStatus table_compact(SessionShared *shared, SessionPart *part, MrError *err)
{
    MrStatus status = MR_OK;
    MrStateWriter writer;
    mr_state_writer_init(&writer, shared->budget);
    MR_GO(part_snapshot(shared, part, &writer, err));
    table_clear(&part->table);
    part->closing = (MrCloseQueue){0};
    MR_GO(mr__kept_replay(&writer, entry_apply, &(Reading){shared, &part->kept.scratch}, err));
done:
    mr_state_writer_deinit(&writer);
    return status;
}

static MrStateCount session_count(const void *arg)
{
    const SessionShared *shared = arg;
    MrStateCount count = {0};
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        const SessionPart *part = &shared->parts[p];
        count.rows += part->table.rows.n_rows - part->table.n_dead;
        count.updated += part->kept.n_touched;
        count.removed += part->kept.n_removed;
    }
    return count;
}

const MrOpType mr__op_session = {
    .name = "SessionAggregate",
    .size_bytes = sizeof(SessionAgg),
    .shared_bytes = sizeof(SessionShared),
    .n_inputs = 1,
    .blocking = true,
    .shared_open = session_shared_open,
    .shared_close = session_shared_close,
    .open = session_open,
    .close = session_close,
    .push = session_push,
    .pull = session_pull,
    .barrier = session_barrier,
    .n_finish_tasks = session_n_finish_tasks,
    .finish_task = session_finish_task,
    .epoch_end = session_epoch_end,
    .save_changes = session_save_changes,
    .snapshot = session_snapshot,
    .apply = session_apply,
    .count = session_count,
};
