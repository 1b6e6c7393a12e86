/* program_bench.c - rows a second through filters, projections and aggregates as TPC-H Q1 and Q6
 * have them: decimal(12,2) columns, batches of 2,048 rows.  Runs: program_bench [MILLIONS OF ROWS]
 */
#include "expr/expr.h"
#include <stdio.h>
#include <time.h>

typedef struct Bench {
    MrBudget budget;
    MrArena arena;
    MrSettings settings;
    MrEvalContext eval;
    MrBatch *batch;
    MrError err;
    int64_t n_batches;
    MrVector *cols[7]; /* in the bench's arena: the batch is reset in every round */
} Bench;

static const char *no_conf(const void *conf, const char *key)
{
    return NULL;
}

static void check(Bench *bench, MrStatus status)
{
    char text[2000];
    if (status == MR_OK)
        return;
    mr_error_message(&bench->err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
    exit(1);
}

static double now_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + 1e-9 * (double)time.tv_nsec;
}

static void report(const Bench *bench, const char *what, double seconds)
{
    double rows = (double)bench->n_batches * MR_BATCH_ROWS;
    printf("%-44s %8.0f M rows/s  %6.2f ns/row\n", what, rows / seconds / 1e6,
           seconds / rows * 1e9);
}

/* 0 quantity, 1 price, 2 discount, 3 tax: decimal(12,2); 4 date; 5 double; 6 bigint. */
static void batch_fill(Bench *bench)
{
    const MrType *money = mr_type_decimal(&bench->arena, 12, 2);
    check(bench, mr_batch_create(&bench->budget, &bench->batch, &bench->err));
    MrVector **cols = bench->cols;
    for (int32_t c = 0; c < 7; c++)
        cols[c] = mr_vector_create(&bench->arena,
                                   c < 4    ? money
                                   : c == 4 ? MR_T(DATE)
                                   : c == 5 ? MR_T(DOUBLE)
                                            : MR_T(BIGINT),
                                   MR_BATCH_ROWS);
    uint64_t x = 42;
    for (int32_t row = 0; row < MR_BATCH_ROWS; row++) {
        x = x * UINT64_C(6364136223846793005) + 1442695040888963407u;
        uint64_t r = x >> 20;
        cols[0]->i64[row] = (int64_t)(r % 50 + 1) * 100;
        cols[1]->i64[row] = (int64_t)(r % 10000000 + 90000);
        cols[2]->i64[row] = (int64_t)(r / 64 % 11);
        cols[3]->i64[row] = (int64_t)(r / 1024 % 9);
        cols[4]->i32[row] = (int32_t)(8035 + r / 4096 % 2526); /* 1992 .. 1998 */
        cols[5]->f64[row] = (double)(r % 1000) / 7;
        cols[6]->i64[row] = (int64_t)(r % 1000000);
    }
}

static MrExpr *column(Bench *bench, int32_t idx)
{
    MrExpr *expr = mr_expr_column(&bench->arena, idx, "c", bench->cols[idx]->type, false);
    expr->column.idx = idx;
    return expr;
}

static MrExpr *call(Bench *bench, const char *name, MrExpr *a, MrExpr *b)
{
    MrExpr *out = NULL, *args[2] = {a, b};
    check(bench, mr_expr_call(&bench->arena, &bench->settings, name, args, 2, &out, &bench->err));
    return out;
}

static MrExpr *money(Bench *bench, int64_t unscaled, int precision, int scale)
{
    return mr_expr_literal(&bench->arena,
                           mr_vector_constant(&bench->arena,
                                              mr_type_decimal(&bench->arena, precision, scale),
                                              &unscaled));
}

static MrExpr *date(Bench *bench, int32_t days)
{
    return mr_expr_literal(&bench->arena, mr_vector_constant(&bench->arena, MR_T(DATE), &days));
}

/* Runs an expression over all batches: as a filter when filter is set. */
static void run(Bench *bench, const char *what, MrExpr *expr, bool filter)
{
    MrProgram *program = NULL;
    check(bench, mr_program_create(&bench->budget, &expr, 1, &program, &bench->err));
    double from = now_s();
    for (int64_t i = 0; i < bench->n_batches; i++) {
        MrVector *out = NULL;
        MrBatch *batch = bench->batch;
        mr_batch_reset(batch);
        mr_batch_set_cols(batch, 7);
        memcpy(batch->cols, bench->cols, sizeof bench->cols);
        batch->n_rows = batch->n_sel = MR_BATCH_ROWS;
        batch->sel = NULL;
        if (filter)
            check(bench, mr_program_filter(program, &bench->eval, batch, &bench->err));
        else
            check(bench, mr_program_eval(program, &bench->eval, batch, &out, &bench->err));
    }
    report(bench, what, now_s() - from);
    mr_program_destroy(program);
}

static void run_aggregate(Bench *bench, const char *what, const char *name, MrVector *vec,
                          int32_t n_groups)
{
    MrAggregate *agg = NULL;
    MrArgInfo info = {.type = vec->type, .sql = "x"};
    MrBind bind = {.settings = &bench->settings,
                   .arena = &bench->arena,
                   .n_args = 1,
                   .args = &info,
                   .sql = name};
    check(bench, mr_aggregate_bind(&bind, name, &agg, &bench->err));
    char *states = mr_arena_zeroed(&bench->arena, (int64_t)agg->state_bytes * n_groups);
    char **groups = MR_NEW_N(&bench->arena, char *, MR_BATCH_ROWS);
    for (int32_t i = 0; i < MR_BATCH_ROWS; i++)
        groups[i] = states + (int64_t)agg->state_bytes * (i * 7 % n_groups);
    MrAggregateCall update = {.context = &bench->eval,
                              .agg = agg,
                              .args = &vec,
                              .n = MR_BATCH_ROWS,
                              .arena = &bench->arena};
    double from = now_s();
    for (int64_t i = 0; i < bench->n_batches; i++)
        check(bench, n_groups == 1 && agg->def->update_one
                         ? agg->def->update_one(&update, states, &bench->err)
                         : agg->def->update(&update, groups, 0, &bench->err));
    report(bench, what, now_s() - from);
}

int main(int argc, char **argv)
{
    Bench bench = {0};
    bench.n_batches = (argc > 1 ? atoll(argv[1]) : 100) * 1000000 / MR_BATCH_ROWS;
    mr_budget_init(&bench.budget, "bench", NULL, INT64_MAX);
    mr_arena_init(&bench.arena, &bench.budget);
    bench.settings = (MrSettings){.ansi = true, .zone_id = "UTC", .get = no_conf};
    bench.eval = (MrEvalContext){.settings = &bench.settings};
    batch_fill(&bench);

    MrExpr *q1 = call(&bench, "<=", column(&bench, 4), date(&bench, 10471));
    MrExpr *q6 = call(&bench, ">=", column(&bench, 4), date(&bench, 8766));
    q6 = mr_expr_and(&bench.arena, q6, call(&bench, "<", column(&bench, 4), date(&bench, 9131)));
    q6 = mr_expr_and(&bench.arena, q6,
                     call(&bench, ">=", column(&bench, 2), money(&bench, 5, 3, 2)));
    q6 = mr_expr_and(&bench.arena, q6,
                     call(&bench, "<=", column(&bench, 2), money(&bench, 7, 3, 2)));
    q6 = mr_expr_and(&bench.arena, q6,
                     call(&bench, "<", column(&bench, 0), money(&bench, 2400, 12, 2)));
    MrExpr *one = money(&bench, 1, 1, 0);
    MrExpr *net = call(&bench, "*", column(&bench, 1), call(&bench, "-", one, column(&bench, 2)));
    MrExpr *gross = call(&bench, "*", net, call(&bench, "+", one, column(&bench, 3)));

    run(&bench, "filter date <= constant", q1, true);
    run(&bench, "filter of Q6 (five conjuncts)", q6, true);
    run(&bench, "1 - discount: decimal(13,2)", call(&bench, "-", one, column(&bench, 2)), false);
    run(&bench, "price * (1 - discount): decimal(26,4)", net, false);
    run(&bench, "... * (1 + tax): decimal(38,6)", gross, false);
    run(&bench, "bigint + bigint, ANSI", call(&bench, "+", column(&bench, 6), column(&bench, 6)),
        false);
    run(&bench, "bigint * bigint, ANSI", call(&bench, "*", column(&bench, 6), column(&bench, 6)),
        false);
    run(&bench, "double * double", call(&bench, "*", column(&bench, 5), column(&bench, 5)), false);

    MrVector **cols = bench.cols;
    MrVector *wide =
        mr_vector_create(&bench.arena, mr_type_decimal(&bench.arena, 26, 4), MR_BATCH_ROWS);
    for (int32_t row = 0; row < MR_BATCH_ROWS; row++)
        wide->i128[row] = cols[1]->i64[row] * 100;
    run_aggregate(&bench, "sum decimal(12,2), one group", "sum", cols[1], 1);
    run_aggregate(&bench, "sum decimal(12,2), four groups", "sum", cols[1], 4);
    run_aggregate(&bench, "sum decimal(26,4), one group", "sum", wide, 1);
    run_aggregate(&bench, "sum decimal(26,4), four groups", "sum", wide, 4);
    run_aggregate(&bench, "avg decimal(12,2), four groups", "avg", cols[1], 4);
    run_aggregate(&bench, "count, four groups", "count", cols[1], 4);
    run_aggregate(&bench, "sum double, one group", "sum", cols[5], 1);
    run_aggregate(&bench, "sum bigint, one group", "sum", cols[6], 1);
    run_aggregate(&bench, "max bigint, one group", "max", cols[6], 1);
    run_aggregate(&bench, "max bigint, 1,000 groups", "max", cols[6], 1000);

    mr_batch_destroy(bench.batch);
    mr_arena_deinit(&bench.arena);
    mr_budget_deinit(&bench.budget);
    return 0;
}
