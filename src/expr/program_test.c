/* Which rows an expression is evaluated for, and what constants, dictionaries and NULLs do around
 * it. */
#include "expr/expr.h"
#include <setjmp.h>
#include <stdio.h>
/* cmocka wants these first. */
#include <cmocka.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena; /* the plan's */
    MrSettings settings;
    MrEvalContext eval;
    MrBatch *batch;
    MrError err;
} Fixture;

static const char *no_conf(const void *conf, const char *key)
{
    return NULL;
}

static void check(Fixture *fixture, MrStatus status)
{
    char text[2000];
    if (status == MR_OK)
        return;
    mr_error_message(&fixture->err, text, sizeof text);
    fail_msg("%s", text);
}

/* Columns: a bigint 0 .. 9 (7 is NULL), d bigint 0, 1, 0, 1 ..., s string, a dictionary of 3. */
static int fixture_open(void **state)
{
    static Fixture fixture;
    fixture = (Fixture){0};
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    fixture.settings = (MrSettings){.ansi = true, .zone_id = "UTC", .get = no_conf};
    fixture.eval = (MrEvalContext){.settings = &fixture.settings};
    check(&fixture, mr_batch_create(&fixture.budget, &fixture.batch, &fixture.err));
    MrBatch *batch = fixture.batch;
    mr_batch_set_cols(batch, 3);
    batch->n_rows = batch->n_sel = 10;
    for (int32_t c = 0; c < 2; c++)
        batch->cols[c] = mr_vector_create(&batch->arena, MR_T(BIGINT), 10);
    MrVector *dict = mr_vector_create(&batch->arena, MR_T(BIGINT), 3);
    for (int32_t i = 0; i < 3; i++)
        dict->i64[i] = 10 * i; /* 0, 10, 20 */
    batch->cols[2] = mr_vector_dictionary(&batch->arena, dict, 10);
    for (int32_t row = 0; row < 10; row++) {
        batch->cols[0]->i64[row] = row;
        batch->cols[1]->i64[row] = row % 2;
        batch->cols[2]->codes[row] = 1 + (uint32_t)row % 2; /* code 0, the value 0, is not used */
    }
    mr_vector_set_null(&batch->arena, batch->cols[0], 7, 10);
    *state = &fixture;
    return 0;
}

static int fixture_close(void **state)
{
    Fixture *fixture = *state;
    mr_batch_destroy(fixture->batch);
    mr_arena_deinit(&fixture->arena);
    mr_budget_deinit(&fixture->budget);
    return 0;
}

static MrExpr *column(Fixture *fixture, int32_t idx)
{
    MrExpr *expr = mr_expr_column(&fixture->arena, idx, "c", MR_T(BIGINT), idx == 0);
    expr->column.idx = idx;
    return expr;
}

static MrExpr *call(Fixture *fixture, const char *name, MrExpr *a, MrExpr *b)
{
    MrExpr *out = NULL, *args[2] = {a, b};
    check(fixture, mr_expr_call(&fixture->arena, &fixture->settings, name, args, b ? 2 : 1, &out,
                                &fixture->err));
    return out;
}

static MrExpr *of_kind(Fixture *fixture, MrExprKind kind, const MrType *type, MrExpr *a, MrExpr *b,
                       MrExpr *c)
{
    MrExpr *expr = MR_NEW(&fixture->arena, MrExpr);
    expr->kind = kind;
    expr->type = type;
    expr->nullable = true;
    expr->n_args = c ? 3 : 2;
    expr->args = MR_NEW_N(&fixture->arena, MrExpr *, 3);
    expr->args[0] = a;
    expr->args[1] = b;
    expr->args[2] = c;
    return expr;
}

static MrExpr *number(Fixture *fixture, int64_t value)
{
    return mr_expr_i64(&fixture->arena, value);
}

static MrStatus eval(Fixture *fixture, MrExpr *expr, MrVector **out)
{
    MrProgram *program = NULL;
    check(fixture, mr_program_create(&fixture->budget, &expr, 1, &program, &fixture->err));
    MrStatus status = mr_program_eval(program, &fixture->eval, fixture->batch, out, &fixture->err);
    mr_program_destroy(program);
    return status;
}

static int64_t value_at(const MrVector *vec, int64_t row)
{
    int64_t at;
    vec = mr_vector_at(vec, row, &at);
    return mr_type_physical(vec->type) == MR_PHYS_I8 ? vec->i8[at] : vec->i64[at];
}

/* 10 div d: fails where d is 0, in even rows. */
static MrExpr *dangerous(Fixture *fixture)
{
    return call(fixture, "div", number(fixture, 10), column(fixture, 1));
}

static MrExpr *d_is_not_zero(Fixture *fixture)
{
    return call(fixture, "<>", column(fixture, 1), number(fixture, 0));
}

static void an_error_is_raised_for_a_row_that_is_asked(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    assert_int_equal(eval(fixture, dangerous(fixture), &out), MR_INVALID);
    assert_string_equal(mr_error_condition(&fixture->err), "DIVIDE_BY_ZERO");
}

static void rows_outside_the_selection_raise_nothing(void **state)
{
    Fixture *fixture = *state;
    static uint16_t odd[] = {1, 3, 5, 7, 9};
    MrVector *out = NULL;
    fixture->batch->sel = odd;
    fixture->batch->n_sel = 5;
    check(fixture, eval(fixture, dangerous(fixture), &out));
    for (int32_t i = 0; i < 5; i++)
        assert_int_equal(value_at(out, odd[i]), 10);
}

static void a_case_evaluates_a_branch_for_its_rows_only(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    MrExpr *expr = of_kind(fixture, MR_EXPR_CASE, MR_T(BIGINT), d_is_not_zero(fixture),
                           dangerous(fixture), number(fixture, -1));
    check(fixture, eval(fixture, expr, &out));
    for (int32_t row = 0; row < 10; row++)
        assert_int_equal(value_at(out, row), row % 2 ? 10 : -1);
}

static void and_does_not_evaluate_the_right_side_of_false(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    MrExpr *right = call(fixture, "=", dangerous(fixture), number(fixture, 10));
    MrExpr *both = mr_expr_and(&fixture->arena, d_is_not_zero(fixture), right);
    check(fixture, eval(fixture, both, &out));
    for (int32_t row = 0; row < 10; row++)
        assert_int_equal(value_at(out, row), row % 2);
    /* The other way round it fails. */
    assert_int_equal(
        eval(fixture, mr_expr_and(&fixture->arena, right, d_is_not_zero(fixture)), &out),
        MR_INVALID);
}

static void or_does_not_evaluate_the_right_side_of_true(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    MrExpr *left = call(fixture, "=", column(fixture, 1), number(fixture, 0));
    MrExpr *right = call(fixture, "=", dangerous(fixture), number(fixture, 11));
    check(fixture,
          eval(fixture, of_kind(fixture, MR_EXPR_OR, MR_T(BOOLEAN), left, right, NULL), &out));
    for (int32_t row = 0; row < 10; row++)
        assert_int_equal(value_at(out, row), row % 2 == 0);
}

static void coalesce_evaluates_later_arguments_where_earlier_ones_are_null(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    /* a is NULL in row 7, where d is 1. */
    MrExpr *expr = of_kind(fixture, MR_EXPR_COALESCE, MR_T(BIGINT), column(fixture, 0),
                           dangerous(fixture), NULL);
    check(fixture, eval(fixture, expr, &out));
    for (int32_t row = 0; row < 10; row++)
        assert_int_equal(value_at(out, row), row == 7 ? 10 : row);
}

static void a_null_on_the_left_saves_the_right_side(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    static uint16_t rows[] = {6, 7};
    mr_vector_set_null(&fixture->batch->arena, fixture->batch->cols[0], 6, 10);
    fixture->batch->sel = rows;
    fixture->batch->n_sel = 2;
    check(fixture, eval(fixture, call(fixture, "+", column(fixture, 0), dangerous(fixture)), &out));
    assert_true(mr_vector_is_null(out, 6) && mr_vector_is_null(out, 7));
}

static void a_filter_takes_its_conjuncts_in_turn(void **state)
{
    Fixture *fixture = *state;
    MrProgram *program = NULL;
    MrExpr *expr = mr_expr_and(&fixture->arena, d_is_not_zero(fixture),
                               call(fixture, ">", column(fixture, 0), dangerous(fixture)));
    expr = mr_expr_and(&fixture->arena, expr, call(fixture, "isnotnull", column(fixture, 0), NULL));
    check(fixture, mr_program_create(&fixture->budget, &expr, 1, &program, &fixture->err));
    check(fixture, mr_program_filter(program, &fixture->eval, fixture->batch, &fixture->err));
    assert_int_equal(fixture->batch->n_sel, 0);
    mr_program_destroy(program);
}

static void a_filter_keeps_rows_that_are_true_not_null(void **state)
{
    Fixture *fixture = *state;
    MrProgram *program = NULL;
    MrExpr *expr = call(fixture, ">=", column(fixture, 0), number(fixture, 6));
    check(fixture, mr_program_create(&fixture->budget, &expr, 1, &program, &fixture->err));
    check(fixture, mr_program_filter(program, &fixture->eval, fixture->batch, &fixture->err));
    assert_int_equal(fixture->batch->n_sel, 3); /* 6, 8, 9: row 7 is NULL */
    assert_int_equal(fixture->batch->sel[0], 6);
    assert_int_equal(fixture->batch->sel[1], 8);
    assert_int_equal(fixture->batch->sel[2], 9);
    mr_program_destroy(program);
}

static void a_dictionary_is_evaluated_for_values_that_occur(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    /* 100 div s would fail for the value 0, which no row has. */
    check(fixture,
          eval(fixture, call(fixture, "div", number(fixture, 100), column(fixture, 2)), &out));
    assert_int_equal(out->encoding, MR_DICTIONARY);
    for (int32_t row = 0; row < 10; row++)
        assert_int_equal(value_at(out, row), row % 2 ? 5 : 10);
}

static void constants_stay_constant(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    check(fixture, eval(fixture, call(fixture, "+", number(fixture, 1), number(fixture, 2)), &out));
    assert_int_equal(out->encoding, MR_CONSTANT);
    assert_int_equal(value_at(out, 9), 3);
}

static void overflow_is_found_in_the_row_where_it_is(void **state)
{
    Fixture *fixture = *state;
    MrVector *out = NULL;
    fixture->batch->cols[0]->i64[7] = INT64_MAX; /* NULL: does not count */
    MrExpr *expr = call(fixture, "+", column(fixture, 0), number(fixture, 1));
    check(fixture, eval(fixture, expr, &out));
    fixture->batch->cols[0]->i64[4] = INT64_MAX;
    assert_int_equal(eval(fixture, expr, &out), MR_INVALID);
    assert_string_equal(mr_error_condition(&fixture->err), "ARITHMETIC_OVERFLOW");
    check(fixture,
          eval(fixture, call(fixture, "try_add", column(fixture, 0), number(fixture, 1)), &out));
    assert_true(mr_vector_is_null(out, 4));
    assert_int_equal(value_at(out, 5), 6);
}

static void equal_expressions_are_one(void **state)
{
    Fixture *fixture = *state;
    MrProgram *program = NULL;
    MrVector *out[2] = {0};
    MrExpr *exprs[2];
    for (int32_t i = 0; i < 2; i++)
        exprs[i] = call(fixture, "*", column(fixture, 1), number(fixture, 3));
    assert_true(mr_expr_equal(exprs[0], exprs[1]));
    check(fixture, mr_program_create(&fixture->budget, exprs, 2, &program, &fixture->err));
    check(fixture, mr_program_eval(program, &fixture->eval, fixture->batch, out, &fixture->err));
    assert_ptr_equal(out[0], out[1]);
    mr_program_destroy(program);
}

static void memory_refused_at_any_call_leaves_nothing_behind(void **state)
{
    Fixture *fixture = *state;
    MrExpr *expr = of_kind(fixture, MR_EXPR_CASE, MR_T(BIGINT), d_is_not_zero(fixture),
                           dangerous(fixture), number(fixture, -1));
    for (int64_t k = 1; k < 100; k++) {
        _Atomic int64_t countdown = k;
        MrProgram *program = NULL;
        fixture->budget.fail_countdown = &countdown;
        MrStatus status = mr_program_create(&fixture->budget, &expr, 1, &program, &fixture->err);
        fixture->budget.fail_countdown = NULL;
        mr_program_destroy(program);
        if (status == MR_OK)
            return;
        assert_int_equal(status, MR_NO_MEMORY);
        assert_null(program);
    }
    fail_msg("never enough memory");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_open, fixture_close)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(an_error_is_raised_for_a_row_that_is_asked),
        TEST(rows_outside_the_selection_raise_nothing),
        TEST(a_case_evaluates_a_branch_for_its_rows_only),
        TEST(and_does_not_evaluate_the_right_side_of_false),
        TEST(or_does_not_evaluate_the_right_side_of_true),
        TEST(coalesce_evaluates_later_arguments_where_earlier_ones_are_null),
        TEST(a_null_on_the_left_saves_the_right_side),
        TEST(a_filter_takes_its_conjuncts_in_turn),
        TEST(a_filter_keeps_rows_that_are_true_not_null),
        TEST(a_dictionary_is_evaluated_for_values_that_occur),
        TEST(constants_stay_constant),
        TEST(overflow_is_found_in_the_row_where_it_is),
        TEST(equal_expressions_are_one),
        TEST(memory_refused_at_any_call_leaves_nothing_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
