/* rdd.c - the RDDs of the C API: a step makes a node of lineage, an action runs its plan.
 *
 * An action is a query without text: planned from the lineage, optimized, lowered and run as any
 * other.  Partitions of foreach_partition have threads of their own, for the user's function pulls
 * rows while the engine pushes them: a short queue stands between. */
#include "api/api_int.h"
#include "function/user_function.h"

struct MrRdd {
    MrSession *session;
    MrLineage *lineage;
};

/* ---------------------------------------------------------------- making */

MrStatus mr__rdd_create(MrSession *session, MrLineage *lineage, MrRdd **out, MrError *err)
{
    void *block = NULL;
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrRdd), &block, err));
    MrRdd *rdd = block;
    *rdd = (MrRdd){mr__session_hold(session), mr_lineage_retain(lineage)};
    *out = rdd;
    return MR_OK;
}

void mr_rdd_close(MrRdd *rdd)
{
    if (!rdd)
        return;
    MrSession *session = rdd->session;
    mr_lineage_release(rdd->lineage);
    mr_budget_free(&session->budget, rdd, (int64_t)sizeof *rdd);
    mr__session_let_go(session);
}

static MrStatus make(MrSession *session, const MrLineage *like, MrRdd **out, MrError *err)
{
    MrLineage *lineage = NULL;
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr_lineage_make(&session->budget, like, &lineage, err));
    MrStatus status = mr__rdd_create(session, lineage, out, err);
    mr_lineage_release(lineage);
    return status;
}

/* Rows [0, n) as a batch's columns. */
static MrStatus fill_batch(MrBatch *batch, const MrPair *rows, int32_t n, MrError *err)
{
    mr_batch_set_cols(batch, 2);
    for (int32_t c = 0; c < 2; c++) {
        MrVector *vec = mr_vector_create(&batch->arena, MR_T(BINARY), n);
        for (int32_t i = 0; i < n; i++) {
            MrBytes bytes = c == 0 ? rows[i].key : rows[i].value;
            if (!bytes.data)
                mr_vector_set_null(&batch->arena, vec, i, n);
            else if (bytes.size_bytes < 0 || bytes.size_bytes > INT32_MAX)
                return mr__bad_number("mr_rdd_parallelize", "rows", "0 to 2147483647 bytes a text",
                                      bytes.size_bytes, err);
            else /* borrowed: the source copies */
                vec->str[i] = mr_str_borrow(bytes.data, bytes.size_bytes);
        }
        batch->cols[c] = vec;
    }
    batch->n_rows = batch->n_sel = n;
    return MR_OK;
}

static MrStatus copy_rows(MrSession *session, MrMemorySource *to, const MrPair *rows,
                          int64_t n_rows, MrError *err)
{
    MrBatch *batch = NULL;
    MrStatus status = mr_batch_create(&session->budget, &batch, err);
    for (int64_t from = 0; status == MR_OK && from < n_rows; from += MR_BATCH_ROWS) {
        int32_t n = n_rows - from < MR_BATCH_ROWS ? (int32_t)(n_rows - from) : MR_BATCH_ROWS;
        mr_batch_reset(batch);
        MR_GUARD_BEGIN(status, err)
            status = fill_batch(batch, rows + from, n, err);
        MR_GUARD_END(status)
        if (status == MR_OK)
            status = mr_memory_source_append(to, batch, err);
    }
    mr_batch_destroy(batch);
    return status;
}

MrStatus mr_rdd_parallelize(MrSession *session, const MrPair *rows, int64_t n_rows, MrRdd **out,
                            MrError *err)
{
    if (n_rows < 0)
        return mr__bad_number(__func__, "n_rows", "0 or more", n_rows, err);
    MR_TRY(mr__given(rows != NULL || n_rows == 0, __func__, "rows", err));
    MrMemorySource *memory = NULL;
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr_memory_source_create(&session->budget, &mr_lineage_schema, &memory, err));
    MrStatus status = copy_rows(session, memory, rows, n_rows, err);
    if (status != MR_OK) {
        mr_memory_source_destroy(memory);
        return status;
    }
    return make(session, &(MrLineage){.kind = MR_LINEAGE_ROWS, .rows = memory}, out, err);
}

static MrStatus open_source(void *self, const MrConnectorType *type, const MrOptions *options,
                            const MrSchema *schema, bool streaming, MrSource **out, MrError *err)
{
    return mr_query_open_source(self, type, options, schema, streaming, out, err);
}

MrStatus mr__lineage_plans(MrQuery *query, MrLineage *const *lineages, int32_t n, MrPlan **plans,
                           MrError *err)
{
    return mr_lineage_plan(&query->planner, &(MrLineageSources){open_source, query}, lineages, n,
                           plans, err);
}

/* Plans the RDD once, to say early what is wrong with its source. */
static MrStatus source_check(MrRdd *rdd, MrError *err)
{
    MrStatus status;
    MrQuery *query = NULL;
    MrPlan *plan = NULL;
    MR_TRY(mr_query_create(rdd->session, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = mr__lineage_plans(query, &rdd->lineage, 1, &plan, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    return status;
}

MrStatus mr_rdd_text_file(MrSession *session, const char *path, MrRdd **out, MrError *err)
{
    MR_TRY(mr__given(path != NULL, __func__, "path", err));
    MrOption option = {"path", path};
    MrRdd *rdd = NULL;
    MR_TRY(
        make(session,
             &(MrLineage){.kind = MR_LINEAGE_SOURCE, .connector = "text", .options = {1, &option}},
             &rdd, err));
    MrStatus status = source_check(rdd, err);
    if (status != MR_OK)
        mr_rdd_close(rdd);
    else
        *out = rdd;
    return status;
}

/* ---------------------------------------------------------------- steps */

/* like's kind and functions over one RDD. */
static MrStatus step(MrRdd *rdd, MrLineage like, MrRdd **out, MrError *err)
{
    like.n_inputs = 1;
    like.inputs[0] = rdd->lineage;
    return make(rdd->session, &like, out, err);
}

static MrStatus step_two(MrRdd *a, MrRdd *b, MrLineage like, MrRdd **out, MrError *err)
{
    *err = (MrError){.sql_idx = -1};
    if (a->session != b->session)
        return MR_FAIL_UNSUPPORTED(err, "RDDs of two sessions in one");
    like.n_inputs = 2;
    like.inputs[0] = a->lineage;
    like.inputs[1] = b->lineage;
    return make(a->session, &like, out, err);
}

MrStatus mr_rdd_map(MrRdd *rdd, MrMapFunction map, void *self, MrRdd **out, MrError *err)
{
    MR_TRY(mr__given(map != NULL, __func__, "map", err));
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_MAP, .map = map, .self = self}, out, err);
}

MrStatus mr_rdd_flat_map(MrRdd *rdd, MrMapFunction map, void *self, MrRdd **out, MrError *err)
{
    MR_TRY(mr__given(map != NULL, __func__, "map", err));
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_FLAT_MAP, .map = map, .self = self}, out, err);
}

MrStatus mr_rdd_map_to_pair(MrRdd *rdd, MrMapFunction map, void *self, MrRdd **out, MrError *err)
{
    MR_TRY(mr__given(map != NULL, __func__, "map", err));
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_MAP_TO_PAIR, .map = map, .self = self}, out,
                err);
}

MrStatus mr_rdd_filter(MrRdd *rdd, MrFilterFunction filter, void *self, MrRdd **out, MrError *err)
{
    MR_TRY(mr__given(filter != NULL, __func__, "filter", err));
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_FILTER, .filter = filter, .self = self}, out,
                err);
}

MrStatus mr_rdd_reduce_by_key(MrRdd *rdd, MrReduceFunction reduce, void *self, MrRdd **out,
                              MrError *err)
{
    MR_TRY(mr__given(reduce != NULL, __func__, "reduce", err));
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_REDUCE, .reduce = reduce, .self = self}, out,
                err);
}

MrStatus mr_rdd_count_by_value(MrRdd *rdd, MrRdd **out, MrError *err)
{
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_COUNT}, out, err);
}

MrStatus mr_rdd_distinct(MrRdd *rdd, MrRdd **out, MrError *err)
{
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_DISTINCT}, out, err);
}

MrStatus mr_rdd_sort_by_key(MrRdd *rdd, bool descending, MrRdd **out, MrError *err)
{
    return step(rdd, (MrLineage){.kind = MR_LINEAGE_SORT, .descending = descending}, out, err);
}

MrStatus mr_rdd_union(MrRdd *first, MrRdd *second, MrRdd **out, MrError *err)
{
    return step_two(first, second, (MrLineage){.kind = MR_LINEAGE_UNION}, out, err);
}

MrStatus mr__rdd_join_kind(const char *kind, MrJoinKind *out, MrError *err)
{
    static const struct {
        const char *name;
        MrJoinKind kind;
    } kinds[] = {{"inner", MR_JOIN_INNER},
                 {"left", MR_JOIN_LEFT},
                 {"right", MR_JOIN_RIGHT},
                 {"full", MR_JOIN_FULL}};
    const char *name = mr__join_name(kind);
    for (int64_t i = 0; name && i < MR_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, name) == 0) {
            *out = kinds[i].kind;
            return MR_OK;
        }
    return MR_FAIL(err, MR_COND_UNSUPPORTED_JOIN_TYPE, "typ", kind, "supported",
                   "inner, left, right, full");
}

MrStatus mr_rdd_join(MrRdd *left, MrRdd *right, const char *kind, MrJoinFunction join, void *self,
                     MrRdd **out, MrError *err)
{
    MR_TRY(mr__given(kind != NULL, __func__, "kind", err));
    MR_TRY(mr__given(join != NULL, __func__, "join", err));
    MrLineage like = {.kind = MR_LINEAGE_JOIN, .join = join, .self = self};
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr__rdd_join_kind(kind, &like.join_kind, err));
    return step_two(left, right, like, out, err);
}

/* ---------------------------------------------------------------- rows of an action */

typedef struct Rows { /* what mr_rows_free() finds before the rows */
    _Alignas(16) MrSession *session;
    int64_t block_bytes;
    MrArena arena; /* of the bytes */
} Rows;

static MrPair *rows_of(Rows *rows)
{
    return (MrPair *)(rows + 1);
}

void mr_rows_free(MrPair *pairs)
{
    if (!pairs)
        return;
    Rows *rows = (Rows *)(void *)pairs - 1;
    MrSession *session = rows->session;
    mr_arena_deinit(&rows->arena);
    mr_budget_free(&session->budget, rows, rows->block_bytes);
    mr__session_let_go(session);
}

typedef struct Gather {
    Rows *rows; /* NULL: none yet */
    MrSession *session;
    int64_t n_rows;
} Gather;

static MrStatus gather_reserve(Gather *gather, int64_t n_more, MrError *err)
{
    Rows *rows = gather->rows;
    void *block = rows;
    int64_t need = (int64_t)sizeof(Rows) + (gather->n_rows + n_more) * (int64_t)sizeof(MrPair);
    int64_t old_bytes = rows ? rows->block_bytes : 0;
    if (need <= old_bytes)
        return MR_OK;
    need = need > old_bytes + old_bytes / 2 ? need : old_bytes + old_bytes / 2;
    MR_TRY(mr_budget_resize(&gather->session->budget, &block, &old_bytes, need, err));
    if (!rows) {
        *(Rows *)block = (Rows){.session = mr__session_hold(gather->session)};
        mr_arena_init(&((Rows *)block)->arena, &gather->session->budget);
    }
    gather->rows = block;
    gather->rows->block_bytes = old_bytes;
    return MR_OK;
}

static MrBytes bytes_at(const MrVector *vec, int32_t row)
{
    int64_t at;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    if (mr_vector_is_null(vec, row))
        return (MrBytes){0};
    return (MrBytes){mr_str_data(&holder->str[at]), holder->str[at].size_bytes};
}

static MrBytes bytes_own(MrArena *arena, MrBytes bytes)
{
    if (!bytes.data)
        return bytes;
    return (MrBytes){mr_arena_strn(arena, bytes.data, bytes.size_bytes), bytes.size_bytes};
}

static MrStatus gather_batch(Gather *gather, const MrBatch *batch, MrError *err)
{
    MR_TRY(gather_reserve(gather, batch->n_sel, err));
    MrPair *to = rows_of(gather->rows);
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        to[gather->n_rows].key = bytes_own(&gather->rows->arena, bytes_at(batch->cols[0], row));
        to[gather->n_rows].value = bytes_own(&gather->rows->arena, bytes_at(batch->cols[1], row));
        gather->n_rows++;
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- actions */

static MrStatus action_begin(MrRdd *rdd, MrQuery **out, MrError *err)
{
    *err = (MrError){.sql_idx = -1};
    mr_interrupt_over(rdd->session);
    return mr_query_create(rdd->session, out, err);
}

static MrStatus query_plan(MrQuery *query, MrLineage *lineage, int64_t limit, MrError *err)
{
    MrBoundQuery bound = {0};
    MR_TRY(mr__lineage_plans(query, &lineage, 1, &bound.plan, err));
    if (limit < INT64_MAX)
        bound.plan = mr_plan_limit(&query->planner, bound.plan, limit, 0);
    return mr_query_set_plan(query, &bound, err);
}

static MrStatus gather_all(MrQuery *query, Gather *gather, MrError *err)
{
    for (;;) {
        MrBatch *batch = NULL;
        MrStatus status;
        MR_TRY(mr_query_next(query, &batch, err));
        if (!batch)
            return MR_OK;
        MR_GUARD_BEGIN(status, err)
            status = gather_batch(gather, batch, err);
        MR_GUARD_END(status)
        mr_batch_destroy(batch);
        MR_TRY(status);
    }
}

static MrStatus collect(MrRdd *rdd, MrLineage *lineage, int64_t limit, MrPair **rows,
                        int64_t *n_rows, MrError *err)
{
    MrStatus status;
    MrQuery *query = NULL;
    Gather gather = {.session = rdd->session};
    MR_TRY(action_begin(rdd, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = query_plan(query, lineage, limit, err);
    MR_GUARD_END(status)
    if (status == MR_OK)
        status = gather_all(query, &gather, err);
    mr_query_close(query);
    if (status != MR_OK) {
        mr_rows_free(gather.rows ? rows_of(gather.rows) : NULL);
        return status;
    }
    *rows = gather.rows ? rows_of(gather.rows) : NULL;
    *n_rows = gather.n_rows;
    return MR_OK;
}

MrStatus mr_rdd_collect(MrRdd *rdd, MrPair **rows, int64_t *n_rows, MrError *err)
{
    return collect(rdd, rdd->lineage, INT64_MAX, rows, n_rows, err);
}

MrStatus mr_rdd_take(MrRdd *rdd, int64_t n, MrPair **rows, int64_t *n_rows, MrError *err)
{
    if (n < 0)
        return mr__bad_number(__func__, "n", "0 or more", n, err);
    return collect(rdd, rdd->lineage, n, rows, n_rows, err);
}

MrStatus mr_rdd_reduce(MrRdd *rdd, MrReduceFunction reduce, void *self, MrPair **row, MrError *err)
{
    MR_TRY(mr__given(reduce != NULL, __func__, "reduce", err));
    MrRdd *all = NULL;
    int64_t n_rows = 0;
    MR_TRY(step(rdd,
                (MrLineage){.kind = MR_LINEAGE_REDUCE, .reduce = reduce, .self = self, .all = true},
                &all, err));
    MrStatus status = collect(rdd, all->lineage, INT64_MAX, row, &n_rows, err);
    mr_rdd_close(all);
    return status;
}

/* A run of the plan whose batches go to consume, on several threads. */
static MrStatus run_into(MrQuery *query, MrPlan *plan, const MrRunOutput *output, MrError *err)
{
    MrPhys *phys = NULL;
    MR_TRY(mr_query_lower(query, plan, &phys, err));
    MR_TRY(mr_query_create_run(query, phys, &query->run, err));
    return mr_run_epoch(
        query->run, &(MrBarrier){.ended = true, .late_us = MR_TIME_MIN, .evict_us = MR_TIME_MIN},
        query->now_us, query->seed, output, err);
}

static MrStatus count_consume(void *self, int32_t worker_idx, const MrEvalContext *context,
                              MrBatch *batch, MrError *err)
{
    _Atomic int64_t *n_rows = self;
    atomic_fetch_add_explicit(n_rows, batch->n_sel, memory_order_relaxed);
    mr_batch_destroy(batch);
    return MR_OK;
}

static MrStatus count_run(MrQuery *query, MrLineage *lineage, _Atomic int64_t *n_rows, MrError *err)
{
    MrPlan *plan = NULL;
    MrNamedExpr *one = MR_NEW(&query->arena, MrNamedExpr);
    MR_TRY(mr__lineage_plans(query, &lineage, 1, &plan, err));
    *one = (MrNamedExpr){{mr_planner_id(&query->planner), "one", MR_T(BOOLEAN), false},
                         mr_expr_bool(&query->arena, true)};
    plan = mr_plan_project(&query->planner, plan, one, 1);
    return run_into(query, plan, &(MrRunOutput){count_consume, (void *)n_rows}, err);
}

MrStatus mr_rdd_count(MrRdd *rdd, int64_t *n_rows, MrError *err)
{
    MrStatus status;
    MrQuery *query = NULL;
    _Atomic int64_t n = 0;
    MR_TRY(action_begin(rdd, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = count_run(query, rdd->lineage, &n, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    if (status == MR_OK)
        *n_rows = n;
    return status;
}

static MrStatus save_run(MrQuery *query, MrLineage *lineage, const char *path, MrError *err)
{
    MrPlan *plan = NULL;
    MrOption option = {"path", path};
    MrWriteSpec spec = {
        .type = mr_connector_find("text"), .options = {1, &option}, .mode = MR_SAVE_ERROR};
    MR_TRY(mr__lineage_plans(query, &lineage, 1, &plan, err));
    return mr_query_write(query, mr_lineage_lines(&query->planner, plan), &spec, err);
}

MrStatus mr_rdd_save_as_text_file(MrRdd *rdd, const char *path, MrError *err)
{
    MR_TRY(mr__given(path != NULL, __func__, "path", err));
    MrStatus status;
    MrQuery *query = NULL;
    MR_TRY(action_begin(rdd, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = save_run(query, rdd->lineage, path, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    return status;
}

/* ---------------------------------------------------------------- partitions */

#define QUEUE_BATCHES 4
#define WAIT_US 20000 /* between two looks at `canceled` */

typedef struct Partitions Partitions;

struct MrPartition {
    Partitions *all;
    int32_t idx;
    MrThread *thread; /* NULL: has no rows */
    /* Under the mutex of all. */
    MrBatch *queue[QUEUE_BATCHES];
    int32_t first, n_queued;
    bool returned; /* the function has */
    /* The function's thread only. */
    MrBatch *batch; /* at hand */
    int32_t next;
};

struct Partitions {
    MrPartitionFunction function;
    void *self;
    MrSession *session;
    MrBudget *budget;
    MrMutex *mutex;
    MrCondVar *changed;
    int32_t n_workers, n_started;
    MrPartition *items; /* by worker */
    bool ended;         /* all rows have been given out */
    bool failed;        /* the run or a function has */
    MrStatus status;    /* of the first function that failed */
    MrError err;
};

static bool stopped(const Partitions *all)
{
    return all->failed || atomic_load_explicit(&all->session->canceled, memory_order_relaxed);
}

MrStatus mr_partition_next(MrPartition *part, MrPair *row, bool *more, MrError *err)
{
    Partitions *all = part->all;
    bool stop = false;
    if (part->batch && part->next == part->batch->n_sel) {
        mr_batch_destroy(part->batch);
        part->batch = NULL;
    }
    if (!part->batch) {
        mr_mutex_lock(all->mutex);
        while (part->n_queued == 0 && !all->ended && !stopped(all))
            mr_cond_wait_us(all->changed, all->mutex, WAIT_US);
        stop = stopped(all);
        if (!stop && part->n_queued > 0) {
            part->batch = part->queue[part->first];
            part->first = (part->first + 1) % QUEUE_BATCHES;
            part->n_queued--;
            part->next = 0;
            mr_cond_signal_all(all->changed);
        }
        mr_mutex_unlock(all->mutex);
    }
    if (stop)
        return MR_FAIL(err, MR_COND_OPERATION_CANCELED);
    *more = part->batch != NULL;
    if (part->batch) {
        int32_t at = mr_batch_row(part->batch, part->next++);
        *row = (MrPair){bytes_at(part->batch->cols[0], at), bytes_at(part->batch->cols[1], at)};
    }
    return MR_OK;
}

static void partition_run(void *arg)
{
    MrPartition *part = arg;
    Partitions *all = part->all;
    MrError err = {.sql_idx = -1};
    MrEmitter none = {.name = "foreach_partition", .canceled = &all->session->canceled};
    MrStatus status = mr_emitter_begin(&none, &err);
    if (status == MR_OK)
        status = mr_emitter_end(&none, all->function(all->self, part->idx, part, &err), &err);
    mr_mutex_lock(all->mutex);
    part->returned = true;
    if (status != MR_OK && !all->failed) {
        all->failed = true;
        all->status = status;
        all->err = err;
    }
    mr_cond_signal_all(all->changed);
    mr_mutex_unlock(all->mutex);
}

/* The engine's side: a batch for a worker's partition, whose function starts with the first. */
static MrStatus partition_consume(void *self, int32_t worker_idx, const MrEvalContext *context,
                                  MrBatch *batch, MrError *err)
{
    Partitions *all = self;
    MrPartition *part = &all->items[worker_idx];
    MrStatus status = MR_OK;
    mr_mutex_lock(all->mutex);
    if (!part->thread && !stopped(all)) {
        part->idx = all->n_started;
        status = mr_thread_start(all->budget, partition_run, part, &part->thread, err);
        all->n_started += status == MR_OK;
    }
    while (status == MR_OK && part->n_queued == QUEUE_BATCHES && !part->returned && !stopped(all))
        mr_cond_wait_us(all->changed, all->mutex, WAIT_US);
    if (status == MR_OK && stopped(all))
        status = MR_FAIL(err, MR_COND_OPERATION_CANCELED);
    if (status == MR_OK && !part->returned) {
        part->queue[(part->first + part->n_queued++) % QUEUE_BATCHES] = batch;
        batch = NULL;
        mr_cond_signal_all(all->changed);
    }
    mr_mutex_unlock(all->mutex);
    mr_batch_destroy(batch);
    return status;
}

/* Waits for all functions; status: of the run. */
static MrStatus partitions_end(Partitions *all, MrStatus status, MrError *err)
{
    mr_mutex_lock(all->mutex);
    all->ended = status == MR_OK;
    all->failed |= status != MR_OK;
    mr_cond_signal_all(all->changed);
    mr_mutex_unlock(all->mutex);
    if (status == MR_OK && all->n_started == 0)
        partition_run(&all->items[0]);
    for (int32_t w = 0; w < all->n_workers; w++) {
        MrPartition *part = &all->items[w];
        if (part->thread)
            mr_thread_join(part->thread);
        mr_batch_destroy(part->batch);
        for (; part->n_queued > 0;
             part->n_queued--, part->first = (part->first + 1) % QUEUE_BATCHES)
            mr_batch_destroy(part->queue[part->first]);
    }
    if (all->status != MR_OK) /* the run's error is that it was stopped for it */
        *err = all->err;
    return all->status != MR_OK ? all->status : status;
}

static MrStatus partitions_start(MrQuery *query, Partitions *all, MrError *err)
{
    all->items = MR_NEW_N(&query->arena, MrPartition, all->n_workers);
    for (int32_t w = 0; w < all->n_workers; w++)
        all->items[w].all = all;
    MR_TRY(mr_mutex_create(all->budget, &all->mutex, err));
    return mr_cond_create(all->budget, &all->changed, err);
}

static MrStatus partitions_run(MrQuery *query, MrLineage *lineage, Partitions *all, MrError *err)
{
    MrPlan *plan = NULL;
    MR_TRY(mr__lineage_plans(query, &lineage, 1, &plan, err));
    return run_into(query, plan, &(MrRunOutput){partition_consume, all}, err);
}

MrStatus mr_rdd_foreach_partition(MrRdd *rdd, MrPartitionFunction function, void *self,
                                  MrError *err)
{
    MR_TRY(mr__given(function != NULL, __func__, "function", err));
    MrStatus status;
    MrQuery *query = NULL;
    MR_TRY(action_begin(rdd, &query, err));
    Partitions all = {.function = function,
                      .self = self,
                      .session = rdd->session,
                      .budget = &query->budget,
                      .n_workers = rdd->session->n_threads};
    MR_GUARD_BEGIN(status, err)
        status = partitions_start(query, &all, err);
    MR_GUARD_END(status)
    if (status == MR_OK) {
        MR_GUARD_BEGIN(status, err)
            status = partitions_run(query, rdd->lineage, &all, err);
        MR_GUARD_END(status)
        status = partitions_end(&all, status, err);
    }
    if (all.changed)
        mr_cond_destroy(all.changed);
    if (all.mutex)
        mr_mutex_destroy(all.mutex);
    mr_query_close(query);
    return status;
}
