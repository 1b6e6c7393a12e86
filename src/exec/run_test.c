/* Plans made by hand, run with several batch sizes and workers, against plain loops. */
#include "exec/exec_int.h"
#include <setjmp.h>
#include <stdio.h>
/* cmocka wants these first. */
#include <cmocka.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    MrSettings settings;
    MrEvalContext eval;
    MrError err;
    int32_t next_id;
} Fixture;

static const char *no_conf(const void *conf, const char *key)
{
    return NULL;
}

static void fixture_open(Fixture *fixture)
{
    *fixture = (Fixture){0};
    mr_budget_init(&fixture->budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture->arena, &fixture->budget);
    fixture->settings = (MrSettings){.ansi = true, .zone_id = "UTC", .get = no_conf};
    fixture->eval = (MrEvalContext){.settings = &fixture->settings};
}

static void fixture_close(Fixture *fixture)
{
    mr_arena_deinit(&fixture->arena);
    mr_budget_deinit(&fixture->budget);
}

static void check(Fixture *fixture, MrStatus status)
{
    if (status == MR_OK)
        return;
    char text[2000];
    mr_error_message(&fixture->err, text, sizeof text);
    fail_msg("%s", text);
}

static MrPhys *phys_new(Fixture *fixture, MrPhysKind kind, int32_t n_cols,
                        const MrType *const *types, int32_t n_inputs, MrPhys *a, MrPhys *b)
{
    MrPhys *phys = MR_NEW(&fixture->arena, MrPhys);
    MrField *fields = MR_NEW_N(&fixture->arena, MrField, n_cols + 1);
    for (int32_t c = 0; c < n_cols; c++)
        fields[c] = (MrField){"c", types[c], true, NULL};
    phys->kind = kind;
    phys->id = fixture->next_id++;
    phys->schema = (MrSchema){n_cols, fields};
    phys->n_inputs = n_inputs;
    phys->inputs = MR_NEW_N(&fixture->arena, MrPhys *, 2);
    phys->inputs[0] = a;
    phys->inputs[1] = b;
    return phys;
}

static MrExpr *column(Fixture *fixture, int32_t idx, const MrType *type)
{
    MrExpr *expr = mr_expr_column(&fixture->arena, idx, "c", type, true);
    expr->column.idx = idx;
    return expr;
}

static MrExpr *call(Fixture *fixture, const char *name, MrExpr *a, MrExpr *b)
{
    MrExpr *args[2] = {a, b}, *out = NULL;
    check(fixture,
          mr_expr_call(&fixture->arena, &fixture->settings, name, args, 2, &out, &fixture->err));
    return out;
}

static MrPhys *range(Fixture *fixture, int64_t n)
{
    MrPhys *phys =
        phys_new(fixture, MR_PHYS_OP_RANGE, 1, (const MrType *[]){MR_T(BIGINT)}, 0, NULL, NULL);
    phys->range.end = n;
    phys->range.step = 1;
    return phys;
}

/* id, id % m as bigint */
static MrPhys *mod_range(Fixture *fixture, int64_t n, int64_t m)
{
    const MrType *types[] = {MR_T(BIGINT), MR_T(BIGINT)};
    MrPhys *phys = phys_new(fixture, MR_PHYS_OP_PROJECT, 2, types, 1, range(fixture, n), NULL);
    phys->project.exprs = MR_NEW_N(&fixture->arena, MrExpr *, 2);
    phys->project.exprs[0] = column(fixture, 0, MR_T(BIGINT));
    phys->project.exprs[1] =
        call(fixture, "%", column(fixture, 0, MR_T(BIGINT)), mr_expr_i64(&fixture->arena, m));
    return phys;
}

static MrExpr *aggregate(Fixture *fixture, const char *name, MrExpr *arg, bool distinct)
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
    expr->aggregate.distinct = distinct;
    return expr;
}

/* All rows of a run, column by column, as int64 (NULL: INT64_MIN). */
typedef struct Rows {
    int64_t *values; /* row after row */
    int64_t n_rows, cap;
    int32_t n_cols;
} Rows;

static void rows_take(Fixture *fixture, Rows *rows, MrBatch *batch)
{
    rows->n_cols = batch->n_cols;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        if ((rows->n_rows + 1) * batch->n_cols > rows->cap) {
            int64_t cap = rows->cap * 2 + 4096 * batch->n_cols;
            int64_t *values = MR_NEW_N(&fixture->arena, int64_t, cap);
            if (rows->n_rows > 0)
                memcpy(values, rows->values,
                       sizeof(int64_t) * (size_t)(rows->n_rows * rows->n_cols));
            rows->values = values;
            rows->cap = cap;
        }
        for (int32_t c = 0; c < batch->n_cols; c++) {
            int64_t at, value = INT64_MIN;
            const MrVector *holder = mr_vector_at(batch->cols[c], row, &at);
            if (!mr_vector_is_null(batch->cols[c], row))
                value = holder->type->kind == MR_TYPE_BOOLEAN ? holder->i8[at] : holder->i64[at];
            rows->values[rows->n_rows * batch->n_cols + c] = value;
        }
        rows->n_rows++;
    }
}

static int64_t memory_limit = INT64_MAX; /* of the runs */
static int64_t spilled_bytes;            /* by the last run's root */

static Rows run_plan(Fixture *fixture, const MrPhys *phys, int32_t n_workers, int32_t batch_rows)
{
    Rows rows = {0};
    MrRun *run = NULL;
    MrBudget budget;
    MrOpMetrics metrics;
    mr_budget_init(&budget, "run", &fixture->budget, memory_limit);
    MrRunOptions options = {.os = mr_os_posix(),
                            .budget = &budget,
                            .spill_dir = "/tmp",
                            .settings = &fixture->settings,
                            .n_workers = n_workers,
                            .batch_rows = batch_rows};
    check(fixture, mr_run_create(phys, &options, &run, &fixture->err));
    for (;;) {
        MrBatch *batch = NULL;
        check(fixture, mr_run_next(run, 0, 0, &batch, &fixture->err));
        if (!batch)
            break;
        rows_take(fixture, &rows, batch);
        mr_batch_destroy(batch);
    }
    if (mr_run_metrics(run, phys->id, &metrics))
        spilled_bytes = metrics.spilled_bytes;
    mr_run_destroy(run);
    mr_budget_deinit(&budget);
    return rows;
}

static int32_t sort_cols;
static int compare_rows(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    for (int32_t c = 0; c < sort_cols; c++)
        if (x[c] != y[c])
            return x[c] < y[c] ? -1 : 1;
    return 0;
}

static void sort_rows(Rows *rows)
{
    sort_cols = rows->n_cols;
    if (rows->n_rows > 1)
        qsort(rows->values, (size_t)rows->n_rows, sizeof(int64_t) * (size_t)rows->n_cols,
              compare_rows);
}

#define AT(rows, r, c) ((rows).values[(r) * (rows).n_cols + (c)])

/* Runs body for several sizes of batches and numbers of workers. */
static const int32_t batch_sizes[] = {1, 3, 2048}, worker_counts[] = {1, 2, 3};

static void a_range_gives_its_numbers(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    for (int b = 0; b < 3; b++)
        for (int w = 0; w < 3; w++) {
            int64_t n = b == 2 ? 1000000 : 1000;
            Rows rows = run_plan(&fixture, range(&fixture, n), worker_counts[w], batch_sizes[b]);
            sort_rows(&rows);
            assert_int_equal(rows.n_rows, n);
            for (int64_t r = 0; r < n; r++)
                assert_int_equal(AT(rows, r, 0), r);
        }
    fixture_close(&fixture);
}

static MrPhys *sum_by_key(Fixture *fixture, int64_t n, int64_t m, bool distinct)
{
    const MrType *types[] = {MR_T(BIGINT), MR_T(BIGINT), MR_T(BIGINT)};
    MrPhys *phys =
        phys_new(fixture, MR_PHYS_OP_AGGREGATE, 3, types, 1, mod_range(fixture, n, m), NULL);
    phys->aggregate.n_keys = 1;
    phys->aggregate.n_aggs = 2;
    phys->aggregate.close_key = phys->aggregate.time_key = -1;
    phys->aggregate.keys = MR_NEW_N(&fixture->arena, MrExpr *, 1);
    phys->aggregate.aggs = MR_NEW_N(&fixture->arena, MrExpr *, 2);
    phys->aggregate.keys[0] = column(fixture, 1, MR_T(BIGINT));
    phys->aggregate.aggs[0] =
        aggregate(fixture, "sum", column(fixture, distinct ? 1 : 0, MR_T(BIGINT)), distinct);
    phys->aggregate.aggs[1] = aggregate(fixture, "count", column(fixture, 0, MR_T(BIGINT)), false);
    return phys;
}

static void groups_are_summed_whatever_the_batches(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    for (int b = 0; b < 3; b++)
        for (int w = 0; w < 3; w++)
            for (int d = 0; d < 2; d++) {
                int64_t n = b == 2 ? 600000 : 5000, m = b == 2 ? 150001 : 701;
                Rows rows = run_plan(&fixture, sum_by_key(&fixture, n, m, d), worker_counts[w],
                                     batch_sizes[b]);
                sort_rows(&rows);
                assert_int_equal(rows.n_rows, m);
                for (int64_t k = 0; k < m; k++) {
                    int64_t sum = 0, count = 0;
                    for (int64_t id = k; id < n; id += m) {
                        sum += id;
                        count++;
                    }
                    assert_int_equal(AT(rows, k, 0), k);
                    assert_int_equal(AT(rows, k, 1), d ? k : sum);
                    assert_int_equal(AT(rows, k, 2), count);
                }
            }
    fixture_close(&fixture);
}

/* Equal keys stand close together, so that a worker forgets old groups; each key comes back later,
 * and the first ones a third time. */
static void groups_that_come_back_are_one(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    const int64_t m = 100000, n = 4 * 2 * m + 4 * 500;
    for (int w = 0; w < 3; w++) {
        MrPhys *phys = sum_by_key(&fixture, n, m, false);
        phys->aggregate.keys[0] = call(&fixture, "%",
                                       call(&fixture, "div", column(&fixture, 0, MR_T(BIGINT)),
                                            mr_expr_i64(&fixture.arena, 4)),
                                       mr_expr_i64(&fixture.arena, m));
        Rows rows = run_plan(&fixture, phys, worker_counts[w], MR_BATCH_ROWS);
        sort_rows(&rows);
        assert_int_equal(rows.n_rows, m);
        for (int64_t k = 0; k < m; k++) {
            int64_t sum = 0, n_times = k < 500 ? 3 : 2;
            for (int64_t t = 0; t < n_times; t++)
                sum += 4 * (4 * (t * m + k)) + 6;
            assert_int_equal(AT(rows, k, 0), k);
            assert_int_equal(AT(rows, k, 1), sum);
            assert_int_equal(AT(rows, k, 2), 4 * n_times);
        }
    }
    fixture_close(&fixture);
}

static void rows_come_out_sorted(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    for (int b = 0; b < 3; b++)
        for (int w = 0; w < 3; w++)
            for (int top = 0; top < 2; top++) {
                int64_t n = b == 2 ? 500000 : 3000, m = 997;
                const MrType *types[] = {MR_T(BIGINT), MR_T(BIGINT)};
                MrPhys *phys = phys_new(&fixture, MR_PHYS_OP_SORT, 2, types, 1,
                                        mod_range(&fixture, n, m), NULL);
                phys->sort.n_keys = 2;
                phys->sort.keys = MR_NEW_N(&fixture.arena, MrSortKey, 2);
                phys->sort.keys[0] =
                    (MrSortKey){column(&fixture, 1, MR_T(BIGINT)), {.descending = true}};
                phys->sort.keys[1] =
                    (MrSortKey){column(&fixture, 0, MR_T(BIGINT)), {.nulls_first = true}};
                phys->sort.limit = top ? 100 : INT64_MAX;
                phys->sort.offset = top ? 7 : 0;
                Rows rows = run_plan(&fixture, phys, worker_counts[w], batch_sizes[b]);
                assert_int_equal(rows.n_rows, top ? 100 : n);
                int64_t r = -phys->sort.offset;
                for (int64_t k = m - 1; k >= 0 && r < rows.n_rows; k--)
                    for (int64_t id = k; id < n && r < rows.n_rows; id += m, r++)
                        if (r >= 0) {
                            assert_int_equal(AT(rows, r, 1), k);
                            assert_int_equal(AT(rows, r, 0), id);
                        }
            }
    fixture_close(&fixture);
}

/* left: id < n, key id % 7 ... right: id < n2, key id % m2, joined on left.id = right.key. */
static Rows join_rows(Fixture *fixture, MrJoinKind kind, bool build_left, bool loop, bool with_rest,
                      int64_t n, int64_t n2, int64_t m2, int32_t n_workers, int32_t batch_rows)
{
    const MrType *types[5];
    for (int i = 0; i < 4; i++)
        types[i] = MR_T(BIGINT);
    types[4] = MR_T(BOOLEAN);
    bool left_only = kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI || kind == MR_JOIN_ANTI_NULL;
    bool mark = kind == MR_JOIN_MARK;
    int32_t n_cols = left_only ? 2 : mark ? 3 : 4;
    if (mark)
        types[2] = MR_T(BOOLEAN);
    MrPhys *left = mod_range(fixture, n, 11), *right = mod_range(fixture, n2, m2);
    MrPhys *phys = phys_new(fixture, loop ? MR_PHYS_OP_LOOP_JOIN : MR_PHYS_OP_HASH_JOIN, n_cols,
                            types, 2, build_left ? right : left, build_left ? left : right);
    int32_t *out = MR_NEW_N(&fixture->arena, int32_t, 5);
    for (int32_t c = 0; c < 4; c++)
        out[c] = build_left ? (c < 2 ? c + 2 : c - 2) : c;
    if (mark)
        out[2] = 4;
    phys->join.kind = build_left && kind == MR_JOIN_LEFT    ? MR_JOIN_RIGHT
                      : build_left && kind == MR_JOIN_RIGHT ? MR_JOIN_LEFT
                                                            : kind;
    phys->join.out_cols = out;
    phys->join.build_left = build_left;
    phys->join.n_keys = loop ? 0 : 1;
    MrExpr *left_key = column(fixture, 0, MR_T(BIGINT)),
           *right_key = column(fixture, 1, MR_T(BIGINT));
    phys->join.left_keys = MR_NEW_N(&fixture->arena, MrExpr *, 1);
    phys->join.right_keys = MR_NEW_N(&fixture->arena, MrExpr *, 1);
    phys->join.left_keys[0] = build_left ? right_key : left_key;
    phys->join.right_keys[0] = build_left ? left_key : right_key;
    phys->join.null_safe = MR_NEW_N(&fixture->arena, bool, 1);
    int32_t l0 = build_left ? 2 : 0, r0 = build_left ? 0 : 2;
    if (with_rest) /* right.id % 3 = left.id % 2 would do; simple: left.id < right.id */
        phys->join.rest = call(fixture, "<", column(fixture, l0, MR_T(BIGINT)),
                               column(fixture, r0, MR_T(BIGINT)));
    if (loop) {
        MrExpr *equal = call(fixture, "=", column(fixture, l0, MR_T(BIGINT)),
                             column(fixture, r0 + 1, MR_T(BIGINT)));
        phys->join.rest = mr_expr_and(&fixture->arena, equal, phys->join.rest);
    }
    return run_plan(fixture, phys, n_workers, batch_rows);
}

static Rows join_reference(Fixture *fixture, MrJoinKind kind, bool with_rest, int64_t n, int64_t n2,
                           int64_t m2)
{
    Rows rows = {0};
    bool left_only = kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI || kind == MR_JOIN_ANTI_NULL;
    rows.n_cols = left_only ? 2 : kind == MR_JOIN_MARK ? 3 : 4;
    rows.values = MR_NEW_N(&fixture->arena, int64_t, 4 * (n + n2) * 4);
#define PUT(...)                                                                                   \
    do {                                                                                           \
        int64_t put[] = {__VA_ARGS__};                                                             \
        memcpy(&rows.values[rows.n_rows++ * rows.n_cols], put,                                     \
               sizeof(int64_t) * (size_t)rows.n_cols);                                             \
    } while (0)
    for (int64_t l = 0; l < n; l++) {
        bool any = false;
        for (int64_t r = 0; r < n2; r++) {
            if (r % m2 != l || (with_rest && !(l < r)))
                continue;
            any = true;
            if (kind == MR_JOIN_INNER || kind == MR_JOIN_LEFT || kind == MR_JOIN_RIGHT ||
                kind == MR_JOIN_FULL)
                PUT(l, l % 11, r, r % m2);
        }
        if ((kind == MR_JOIN_LEFT || kind == MR_JOIN_FULL) && !any)
            PUT(l, l % 11, INT64_MIN, INT64_MIN);
        if ((kind == MR_JOIN_SEMI && any) ||
            ((kind == MR_JOIN_ANTI || kind == MR_JOIN_ANTI_NULL) && !any))
            PUT(l, l % 11, 0, 0);
        if (kind == MR_JOIN_MARK)
            PUT(l, l % 11, any, 0);
    }
    if (kind == MR_JOIN_RIGHT || kind == MR_JOIN_FULL)
        for (int64_t r = 0; r < n2; r++)
            if (r % m2 >= n || (with_rest && !(r % m2 < r)))
                PUT(INT64_MIN, INT64_MIN, r, r % m2);
    return rows;
}

static void joins_agree_with_loops(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    static const MrJoinKind kinds[] = {MR_JOIN_INNER,     MR_JOIN_LEFT, MR_JOIN_RIGHT,
                                       MR_JOIN_FULL,      MR_JOIN_SEMI, MR_JOIN_ANTI,
                                       MR_JOIN_ANTI_NULL, MR_JOIN_MARK};
    for (int k = 0; k < 8; k++)
        for (int b = 0; b < 3; b++)
            for (int w = 0; w < 2; w++)
                for (int loop = 0; loop < 2; loop++)
                    for (int rest = 0; rest < 2; rest++)
                        for (int left = 0; left < 2; left++) {
                            bool three = kinds[k] == MR_JOIN_ANTI_NULL || kinds[k] == MR_JOIN_MARK;
                            if ((left && three) || (three && rest && !loop))
                                continue;
                            for (int64_t m2 = 37; m2 <= 400; m2 *= 10) {
                                int64_t n = 120, n2 = loop ? 130 : 300;
                                Rows want = join_reference(&fixture, kinds[k], rest, n, n2, m2);
                                Rows got = join_rows(&fixture, kinds[k], left, loop, rest, n, n2,
                                                     m2, worker_counts[w], batch_sizes[b]);
                                sort_rows(&want);
                                sort_rows(&got);
                                if (want.n_rows != got.n_rows)
                                    fail_msg("kind %d loop %d rest %d left %d batch %d: %ld rows, "
                                             "not %ld",
                                             (int)kinds[k], loop, rest, left, batch_sizes[b],
                                             (long)got.n_rows, (long)want.n_rows);
                                if (want.n_rows > 0)
                                    assert_memory_equal(want.values, got.values,
                                                        sizeof(int64_t) *
                                                            (size_t)(want.n_rows * want.n_cols));
                            }
                        }
    fixture_close(&fixture);
}

static void what_does_not_fit_is_spilled(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    for (int w = 0; w < 2; w++) {
        memory_limit = INT64_C(20) << 20;
        int64_t n = 900000, m = 450001;
        Rows rows = run_plan(&fixture, sum_by_key(&fixture, n, m, false), worker_counts[w], 2048);
        assert_true(spilled_bytes > 0);
        sort_rows(&rows);
        assert_int_equal(rows.n_rows, m);
        for (int64_t k = 0; k < m; k++) {
            bool twice = k + m < n;
            assert_int_equal(AT(rows, k, 0), k);
            assert_int_equal(AT(rows, k, 1), twice ? k + k + m : k);
            assert_int_equal(AT(rows, k, 2), twice ? 2 : 1);
        }
        const MrType *types[] = {MR_T(BIGINT), MR_T(BIGINT)};
        MrPhys *phys =
            phys_new(&fixture, MR_PHYS_OP_SORT, 2, types, 1, mod_range(&fixture, n, 997), NULL);
        phys->sort.n_keys = 2;
        phys->sort.keys = MR_NEW_N(&fixture.arena, MrSortKey, 2);
        phys->sort.keys[0] = (MrSortKey){column(&fixture, 1, MR_T(BIGINT)), {.descending = true}};
        phys->sort.keys[1] = (MrSortKey){column(&fixture, 0, MR_T(BIGINT)), {.nulls_first = true}};
        phys->sort.limit = INT64_MAX;
        rows = run_plan(&fixture, phys, worker_counts[w], 2048);
        memory_limit = INT64_MAX;
        assert_true(spilled_bytes > 0);
        assert_int_equal(rows.n_rows, n);
        int64_t r = 0;
        for (int64_t k = 996; k >= 0; k--)
            for (int64_t id = k; id < n; id += 997, r++)
                assert_int_equal(AT(rows, r, 0), id);
    }
    fixture_close(&fixture);
}

/* What a join gives does not depend on how much of it fits. */
static void joins_that_do_not_fit_agree(void **state)
{
    Fixture fixture;
    static const MrJoinKind kinds[] = {MR_JOIN_INNER,     MR_JOIN_LEFT, MR_JOIN_RIGHT,
                                       MR_JOIN_FULL,      MR_JOIN_SEMI, MR_JOIN_ANTI,
                                       MR_JOIN_ANTI_NULL, MR_JOIN_MARK};
    /* Many keys; few keys of many rows, of which one alone is too big. */
    static const int64_t keys[] = {70000, 3};
    for (int k = 0; k < 8; k++)
        for (int w = 0; w < 3; w += 2)
            for (int m = 0; m < 2; m++)
                for (int rest = 0; rest < 2; rest++)
                    for (int left = 0; left < 2; left++) {
                        bool three = kinds[k] == MR_JOIN_ANTI_NULL || kinds[k] == MR_JOIN_MARK;
                        if (left && three)
                            continue;
                        fixture_open(&fixture);
                        int64_t n = 90000, n2 = 120000, m2 = keys[m];
                        Rows want = join_rows(&fixture, kinds[k], left, false, rest && !three, n,
                                              n2, m2, worker_counts[w], 2048);
                        memory_limit = INT64_C(6) << 20;
                        Rows got = join_rows(&fixture, kinds[k], left, false, rest && !three, n, n2,
                                             m2, worker_counts[w], 2048);
                        memory_limit = INT64_MAX;
                        assert_true(spilled_bytes > 0);
                        sort_rows(&want);
                        sort_rows(&got);
                        if (want.n_rows != got.n_rows)
                            fail_msg("kind %d rest %d left %d workers %d: %ld rows, not %ld",
                                     (int)kinds[k], rest, left, worker_counts[w], (long)got.n_rows,
                                     (long)want.n_rows);
                        if (want.n_rows > 0)
                            assert_memory_equal(want.values, got.values,
                                                sizeof(int64_t) *
                                                    (size_t)(want.n_rows * want.n_cols));
                        fixture_close(&fixture);
                    }
}

static void big_joins_find_all(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    for (int w = 0; w < 2; w++) {
        Rows rows = join_rows(&fixture, MR_JOIN_INNER, false, false, false, 400000, 300000, 300000,
                              worker_counts[w], 2048);
        assert_int_equal(rows.n_rows, 300000);
        rows = join_rows(&fixture, MR_JOIN_FULL, false, false, false, 400000, 300000, 150000,
                         worker_counts[w], 2048);
        assert_int_equal(rows.n_rows, 300000 + 250000);
    }
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_range_gives_its_numbers),
        cmocka_unit_test(groups_are_summed_whatever_the_batches),
        cmocka_unit_test(groups_that_come_back_are_one),
        cmocka_unit_test(rows_come_out_sorted),
        cmocka_unit_test(joins_agree_with_loops),
        cmocka_unit_test(big_joins_find_all),
        cmocka_unit_test(what_does_not_fit_is_spilled),
        cmocka_unit_test(joins_that_do_not_fit_agree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
