/* A stream's changes add up to the batch answer, however the input is cut and wherever it is
 * restarted. */
#include "exec/exec_int.h"
#include <setjmp.h>
#include <stdio.h>
/* cmocka wants these first. */
#include <cmocka.h>

#define N_INPUTS 2
#define SESSIONS 9 /* the plan that takes inserts only */

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    MrSettings settings;
    MrError err;
    int32_t next_id;
    uint64_t random;
} Fixture;

typedef struct Row { /* of a multiset */
    int64_t values[4];
    int64_t weight;
} Row;

typedef struct Rows {
    Row *rows;
    int64_t n, cap;
    int32_t n_cols;
    Fixture *fixture;
} Rows;

static const char *no_conf(const void *conf, const char *key)
{
    return NULL;
}

static void fixture_open(Fixture *fixture)
{
    *fixture = (Fixture){.random = 12345};
    mr_budget_init(&fixture->budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture->arena, &fixture->budget);
    fixture->settings = (MrSettings){.ansi = true, .zone_id = "UTC", .get = no_conf};
}

static void fixture_close(Fixture *fixture)
{
    mr_arena_deinit(&fixture->arena);
    mr_budget_deinit(&fixture->budget);
}

static int64_t random_below(Fixture *fixture, int64_t n)
{
    fixture->random =
        fixture->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((fixture->random >> 33) % (uint64_t)n);
}

static void check(Fixture *fixture, MrStatus status)
{
    if (status == MR_OK)
        return;
    char text[2000];
    mr_error_message(&fixture->err, text, sizeof text);
    fail_msg("%s", text);
}

static void rows_add(Rows *rows, const int64_t *values, int64_t weight)
{
    Row row = {.weight = weight};
    memcpy(row.values, values, sizeof(int64_t) * (size_t)rows->n_cols);
    MR_PUSH(&rows->fixture->arena, rows->rows, rows->n, rows->cap, row);
}

static int row_compare(const void *a, const void *b)
{
    return memcmp(((const Row *)a)->values, ((const Row *)b)->values,
                  sizeof((const Row *)a)->values);
}

/* Equal rows become one; those of weight 0 go. */
static void rows_settle(Rows *rows)
{
    int64_t n = 0;
    if (rows->n > 1)
        qsort(rows->rows, (size_t)rows->n, sizeof(Row), row_compare);
    for (int64_t r = 0; r < rows->n; r++) {
        if (n > 0 && row_compare(&rows->rows[n - 1], &rows->rows[r]) == 0) {
            rows->rows[n - 1].weight += rows->rows[r].weight;
            continue;
        }
        if (n > 0 && rows->rows[n - 1].weight == 0)
            n--;
        rows->rows[n++] = rows->rows[r];
    }
    if (n > 0 && rows->rows[n - 1].weight == 0)
        n--;
    rows->n = n;
}

static MrStatus rows_take(void *self, int32_t worker_idx, const MrEvalContext *context,
                          MrBatch *batch, MrError *err)
{
    Rows *rows = self;
    rows->n_cols = batch->n_cols;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        int64_t values[4] = {0};
        for (int32_t c = 0; c < batch->n_cols; c++) {
            int64_t at;
            const MrVector *holder = mr_vector_at(batch->cols[c], row, &at);
            if (holder->type->kind == MR_TYPE_STRUCT) { /* a session */
                values[c] = holder->children[0]->i64[at] * 1000 + holder->children[1]->i64[at];
                continue;
            }
            values[c] = mr_vector_is_null(batch->cols[c], row)          ? INT64_MIN
                        : mr_type_physical(holder->type) == MR_PHYS_I32 ? holder->i32[at]
                                                                        : holder->i64[at];
        }
        rows_add(rows, values, batch->weights ? batch->weights[row] : 1);
    }
    mr_batch_destroy(batch);
    return MR_OK;
}

static MrPhys *phys_new(Fixture *fixture, MrPhysKind kind, int32_t n_cols, bool streaming,
                        int32_t n_inputs, MrPhys *a, MrPhys *b)
{
    MrPhys *phys = MR_NEW(&fixture->arena, MrPhys);
    MrField *fields = MR_NEW_N(&fixture->arena, MrField, n_cols + 1);
    for (int32_t c = 0; c < n_cols; c++)
        fields[c] = (MrField){"c", MR_T(BIGINT), true, NULL};
    phys->kind = kind;
    phys->id = fixture->next_id++;
    phys->streaming = streaming;
    phys->schema = (MrSchema){n_cols, fields};
    phys->n_inputs = n_inputs;
    phys->inputs = MR_NEW_N(&fixture->arena, MrPhys *, 2);
    phys->inputs[0] = a;
    phys->inputs[1] = b;
    return phys;
}

static MrExpr *column(Fixture *fixture, int32_t idx)
{
    MrExpr *expr = mr_expr_column(&fixture->arena, idx, "c", MR_T(BIGINT), true);
    expr->column.idx = idx;
    return expr;
}

static MrExpr *aggregate(Fixture *fixture, const char *name, MrExpr *arg)
{
    MrArgInfo info = {.type = arg->type, .cast_to = arg->type, .nullable = true, .sql = "c"};
    MrBind bind = {.settings = &fixture->settings,
                   .arena = &fixture->arena,
                   .n_args = 1,
                   .args = &info,
                   .sql = "agg"};
    MrAggregate *agg = NULL;
    check(fixture, mr_aggregate_bind(&bind, name, &agg, &fixture->err));
    MrExpr *expr = MR_NEW(&fixture->arena, MrExpr);
    expr->kind = MR_EXPR_AGGREGATE;
    expr->type = agg->type;
    expr->n_args = 1;
    expr->args = MR_NEW_N(&fixture->arena, MrExpr *, 1);
    expr->args[0] = arg;
    expr->aggregate.agg = agg;
    return expr;
}

static MrPhys *feed(Fixture *fixture, int32_t input_idx, bool streaming)
{
    MrPhys *phys = phys_new(fixture, MR_PHYS_OP_FEED, 2, streaming, 0, NULL, NULL);
    phys->feed.input_idx = input_idx;
    return phys;
}

static MrPhys *plan_aggregate(Fixture *fixture, bool streaming, MrPhys *input, int32_t n_keys,
                              int32_t n_aggs)
{
    MrPhys *phys =
        phys_new(fixture, MR_PHYS_OP_AGGREGATE, n_keys + n_aggs, streaming, 1, input, NULL);
    phys->aggregate.n_keys = n_keys;
    phys->aggregate.n_aggs = n_aggs;
    phys->aggregate.close_key = phys->aggregate.time_key = -1;
    phys->aggregate.keys = MR_NEW_N(&fixture->arena, MrExpr *, 2);
    phys->aggregate.aggs = MR_NEW_N(&fixture->arena, MrExpr *, 2);
    for (int32_t k = 0; k < n_keys; k++)
        phys->aggregate.keys[k] = column(fixture, k);
    if (n_aggs > 0)
        phys->aggregate.aggs[0] = aggregate(fixture, "sum", column(fixture, 1));
    if (n_aggs > 1)
        phys->aggregate.aggs[1] = aggregate(fixture, "count", column(fixture, 1));
    return phys;
}

static MrExpr *text_literal(Fixture *fixture, const char *text)
{
    MrStr str = mr_str_own(&fixture->arena, text, (int64_t)strlen(text));
    return mr_expr_literal(&fixture->arena,
                           mr_vector_constant(&fixture->arena, MR_T(STRING), &str));
}

/* Rows of a key that are 3 apart at most are a session. */
static MrPhys *plan_session(Fixture *fixture)
{
    MrPhys *phys = plan_aggregate(fixture, true, feed(fixture, 0, true), 2, 2);
    MrExpr *sum[2] = {column(fixture, 1), mr_expr_i64(&fixture->arena, 3)}, *end = NULL;
    check(fixture,
          mr_expr_call(&fixture->arena, &fixture->settings, "+", sum, 2, &end, &fixture->err));
    MrExpr *args[4] = {text_literal(fixture, "start"), column(fixture, 1),
                       text_literal(fixture, "end"), end};
    check(fixture, mr_expr_call(&fixture->arena, &fixture->settings, "named_struct", args, 4,
                                &phys->aggregate.keys[1], &fixture->err));
    phys->kind = MR_PHYS_OP_SESSION;
    phys->aggregate.session_key = 1;
    ((MrField *)(void *)phys->schema.cols)[1].type = phys->aggregate.keys[1]->type;
    return phys;
}

static MrPhys *plan_join(Fixture *fixture, bool streaming, MrJoinKind kind)
{
    MrPhys *phys = phys_new(fixture, streaming ? MR_PHYS_OP_STREAM_JOIN : MR_PHYS_OP_HASH_JOIN,
                            kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI ? 2 : 4, streaming, 2,
                            feed(fixture, 0, streaming), feed(fixture, 1, streaming));
    int32_t *out = MR_NEW_N(&fixture->arena, int32_t, 4);
    for (int32_t c = 0; c < 4; c++)
        out[c] = c;
    phys->join.kind = kind;
    phys->join.n_keys = 1;
    phys->join.left_keys = MR_NEW_N(&fixture->arena, MrExpr *, 1);
    phys->join.right_keys = MR_NEW_N(&fixture->arena, MrExpr *, 1);
    phys->join.null_safe = MR_NEW_N(&fixture->arena, bool, 1);
    phys->join.left_keys[0] = column(fixture, 0);
    phys->join.right_keys[0] = column(fixture, 0);
    phys->join.out_cols = out;
    phys->join.left_time_col = phys->join.right_time_col = -1;
    phys->join.left_late_col = phys->join.right_late_col = -1;
    MrExpr *args[2] = {column(fixture, 0), column(fixture, 2)}, *equal = NULL;
    check(fixture,
          mr_expr_call(&fixture->arena, &fixture->settings, "=", args, 2, &equal, &fixture->err));
    phys->join.rest = equal;
    return phys;
}

static MrPhys *plan_top(Fixture *fixture)
{
    MrPhys *phys = phys_new(fixture, MR_PHYS_OP_SORT, 2, false, 1, feed(fixture, 0, false), NULL);
    phys->sort.n_keys = 2;
    phys->sort.keys = MR_NEW_N(&fixture->arena, MrSortKey, 2);
    phys->sort.keys[0] = (MrSortKey){column(fixture, 1), {.descending = true}};
    phys->sort.keys[1] = (MrSortKey){column(fixture, 0), {.descending = false}};
    phys->sort.limit = 10;
    return phys;
}

/* The plan, as a stream or as a batch. */
static MrPhys *plan_of(Fixture *fixture, int which, bool streaming)
{
    switch (which) {
    case 0:
        return plan_aggregate(fixture, streaming, feed(fixture, 0, streaming), 1, 2);
    case 1:
        return plan_aggregate(fixture, streaming, feed(fixture, 0, streaming), 0, 2);
    case 2:
        return plan_aggregate(fixture, streaming, feed(fixture, 0, streaming), 2, 0);
    case 3:
        return plan_join(fixture, streaming, MR_JOIN_INNER);
    case 4: {
        MrPhys *top = plan_top(fixture);
        if (!streaming)
            return top;
        MrPhys *phys =
            phys_new(fixture, MR_PHYS_OP_RECOMPUTE, 2, true, 1, feed(fixture, 0, true), NULL);
        phys->recompute.plan = top;
        return phys;
    }
    case 5:
        return plan_join(fixture, streaming, MR_JOIN_LEFT);
    case 6:
        return plan_join(fixture, streaming, MR_JOIN_FULL);
    case 7:
        return plan_join(fixture, streaming, MR_JOIN_SEMI);
    case 8:
        return plan_join(fixture, streaming, MR_JOIN_ANTI);
    case SESSIONS: /* the other way to them is a plan: as one epoch here */
        return plan_session(fixture);
    default: /* sums of pairs, then how many groups have a sum: changes into an aggregate */
        return plan_aggregate(
            fixture, streaming,
            plan_aggregate(fixture, streaming, plan_join(fixture, streaming, MR_JOIN_INNER), 1, 2),
            1, 2);
    }
}

static MrRun *run_open(Fixture *fixture, MrPhys *phys, int32_t n_workers, int32_t batch_rows)
{
    MrRun *run = NULL;
    MrRunOptions options = {.os = mr_os_posix(),
                            .budget = &fixture->budget,
                            .settings = &fixture->settings,
                            .n_workers = n_workers,
                            .batch_rows = batch_rows};
    mr__number_states(phys);
    check(fixture, mr_run_create(phys, &options, &run, &fixture->err));
    return run;
}

static void list_add(Fixture *fixture, MrBatchList *list, const Row *rows, int32_t n)
{
    MrBatch *batch = NULL;
    check(fixture, mr_batch_create(&fixture->budget, &batch, &fixture->err));
    mr_batch_set_cols(batch, 2);
    for (int32_t c = 0; c < 2; c++) {
        batch->cols[c] = mr_vector_create(&batch->arena, MR_T(BIGINT), n);
        for (int32_t r = 0; r < n; r++)
            batch->cols[c]->i64[r] = rows[r].values[c];
    }
    batch->weights = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof(int64_t));
    for (int32_t r = 0; r < n; r++)
        batch->weights[r] = rows[r].weight;
    batch->n_rows = batch->n_sel = n;
    check(fixture, mr_batch_list_add(list, batch, &fixture->err));
}

/* Random inserts, and retractions of rows that are there. */
static void some_rows(Fixture *fixture, Rows *all, MrBatchList *list, bool retracts)
{
    Row rows[64];
    int32_t n = 0, n_want = (int32_t)random_below(fixture, 60);
    while (n < n_want) {
        Row row = {.weight = 1};
        row.values[0] = random_below(fixture, 20);
        row.values[1] = random_below(fixture, 50);
        if (retracts && all->n > 0 && random_below(fixture, 3) == 0) {
            rows_settle(all);
            if (all->n == 0)
                continue;
            row = all->rows[random_below(fixture, all->n)];
            row.weight = -1;
        }
        rows_add(all, row.values, row.weight);
        rows[n++] = row;
    }
    for (int32_t from = 0, n_some; from < n; from += n_some) { /* something for each worker */
        n_some = 1 + (int32_t)random_below(fixture, n - from);
        list_add(fixture, list, rows + from, n_some);
    }
}

static void run_case(Fixture *fixture, int which, bool retracts, bool restarts)
{
    Rows inputs[N_INPUTS], got = {.fixture = fixture, .n_cols = 4},
                           want = {.fixture = fixture, .n_cols = 4};
    MrBatchList lists[N_INPUTS];
    MrStateWriter log;
    for (int i = 0; i < N_INPUTS; i++) {
        inputs[i] = (Rows){.fixture = fixture, .n_cols = 2};
        mr_batch_list_init(&lists[i], &fixture->budget);
    }
    mr_state_writer_init(&log, &fixture->budget);
    MrPhys *phys = plan_of(fixture, which, true);
    MrRun *run = run_open(fixture, phys, 1 + (int32_t)random_below(fixture, 3), 0);
    MrRunOutput output = {rows_take, &got};
    for (int64_t epoch = 0; epoch < 12; epoch++) {
        MrBarrier barrier = {.epoch = epoch, .late_us = MR_TIME_MIN, .evict_us = MR_TIME_MIN};
        for (int i = 0; i < N_INPUTS; i++) {
            mr_batch_list_clear(&lists[i]);
            some_rows(fixture, &inputs[i], &lists[i], retracts);
            mr__run_set_feed(run, i, &lists[i]);
        }
        check(fixture, mr_run_epoch(run, &barrier, 0, 0, &output, &fixture->err));
        check(fixture, mr_run_save_changes(run, &log, &fixture->err));
        if (restarts && random_below(fixture, 3) == 0) {
            mr_run_destroy(run);
            run = run_open(fixture, phys, 1 + (int32_t)random_below(fixture, 3), 0);
            MrReader reader = mr_reader(log.buf.data, log.buf.size_bytes);
            for (;;) {
                MrStateEntry entry;
                bool done = false;
                check(fixture, mr_state_next(&reader, &entry, &done, &fixture->err));
                if (done)
                    break;
                check(fixture, mr_run_apply(run, entry.operator_id, entry.table, entry.key,
                                            entry.deleted ? NULL : &entry.value, &fixture->err));
            }
        }
    }
    mr_run_destroy(run);

    run = run_open(fixture, plan_of(fixture, which, false), 1, 0);
    for (int i = 0; i < N_INPUTS; i++) {
        mr_batch_list_clear(&lists[i]);
        rows_settle(&inputs[i]);
        for (int64_t r = 0; r < inputs[i].n; r++) {
            Row row = inputs[i].rows[r];
            int64_t times = row.weight;
            row.weight = 1;
            assert_true(times > 0);
            for (; times > 0; times--)
                list_add(fixture, &lists[i], &row, 1);
        }
        mr__run_set_feed(run, i, &lists[i]);
    }
    MrRunOutput batch_output = {rows_take, &want};
    MrBarrier end = {.late_us = MR_TIME_MIN, .evict_us = MR_TIME_MIN, .ended = which != SESSIONS};
    check(fixture, mr_run_epoch(run, &end, 0, 0, &batch_output, &fixture->err));
    mr_run_destroy(run);
    rows_settle(&got);
    rows_settle(&want);
    if (got.n != want.n)
        fail_msg("plan %d: %ld rows, not %ld", which, (long)got.n, (long)want.n);
    for (int64_t r = 0; r < want.n; r++)
        if (memcmp(&got.rows[r], &want.rows[r], sizeof(Row)) != 0)
            fail_msg("plan %d, row %ld: (%ld %ld %ld %ld) x %ld, not (%ld %ld %ld %ld) x %ld",
                     which, (long)r, (long)got.rows[r].values[0], (long)got.rows[r].values[1],
                     (long)got.rows[r].values[2], (long)got.rows[r].values[3],
                     (long)got.rows[r].weight, (long)want.rows[r].values[0],
                     (long)want.rows[r].values[1], (long)want.rows[r].values[2],
                     (long)want.rows[r].values[3], (long)want.rows[r].weight);
    for (int i = 0; i < N_INPUTS; i++)
        mr_batch_list_deinit(&lists[i]);
    mr_state_writer_deinit(&log);
}

static void changes_add_up(void **state)
{
    for (int which = 0; which < 11; which++)
        for (int retracts = 0; retracts < (which == SESSIONS ? 1 : 2); retracts++)
            for (int restarts = 0; restarts < 2; restarts++) {
                Fixture fixture;
                fixture_open(&fixture);
                for (int round = 0; round < 5; round++)
                    run_case(&fixture, which, retracts, restarts);
                fixture_close(&fixture);
            }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_add_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
