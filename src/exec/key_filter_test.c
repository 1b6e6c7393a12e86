/* Every key of a build passes its filter, whatever type, encoding and NULLs; others mostly do not.
 */
#include "exec/key_filter.h"
#include <setjmp.h>
#include <stdio.h>
/* cmocka wants these first. */
#include <cmocka.h>

#define N MR_BATCH_ROWS

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    MrError err;
} Fixture;

static void fixture_open(Fixture *fixture)
{
    *fixture = (Fixture){0};
    mr_budget_init(&fixture->budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture->arena, &fixture->budget);
}

static void fixture_close(Fixture *fixture)
{
    mr_arena_deinit(&fixture->arena);
    mr_budget_deinit(&fixture->budget);
}

static void put(Fixture *fixture, MrVector *vec, int32_t row, int64_t value)
{
    char text[40];
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_I8:
        vec->i8[row] = (int8_t)value;
        break;
    case MR_PHYS_I16:
        vec->i16[row] = (int16_t)value;
        break;
    case MR_PHYS_I32:
        vec->i32[row] = (int32_t)value;
        break;
    case MR_PHYS_I64:
        vec->i64[row] = value;
        break;
    case MR_PHYS_F64:
        vec->f64[row] = (double)value;
        break;
    default:
        snprintf(text, sizeof text, "key number %lld", (long long)value);
        vec->str[row] = mr_str_own(&fixture->arena, text, (int64_t)strlen(text));
    }
}

/* Values from, from + step ...; every seventh is NULL when nulls. */
static MrVector *column(Fixture *fixture, const MrType *type, int64_t from, int64_t step, int32_t n,
                        bool nulls)
{
    MrVector *vec = mr_vector_create(&fixture->arena, type, n);
    vec->n_items = n;
    for (int32_t i = 0; i < n; i++) {
        put(fixture, vec, i, from + i * step);
        if (nulls && i % 7 == 3)
            mr_vector_set_null(&fixture->arena, vec, i, n);
    }
    return vec;
}

static MrKeyFilter *filter_of(Fixture *fixture, const MrVector *keys, int32_t n, bool bits)
{
    MrKeyRange range = MR_KEY_RANGE_NONE;
    MrKeyFilter *filter = NULL;
    mr__key_range_see(&range, keys, NULL, n);
    assert_int_equal(mr__key_filter_create(&fixture->budget, keys->type, &range, bits ? n : 0,
                                           &filter, &fixture->err),
                     MR_OK);
    if (!filter->is_empty)
        mr__key_filter_add(filter, keys, n);
    return filter;
}

static void keys_pass_and_others_mostly_do_not(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    const MrType *types[] = {MR_T(TINYINT), MR_T(SMALLINT), MR_T(INT),   MR_T(BIGINT),
                             MR_T(DATE),    MR_T(DOUBLE),   MR_T(STRING)};
    for (int t = 0; t < MR_COUNT(types); t++)
        for (int64_t step = 1; step <= (t == 0 ? 2 : 12); step += t == 0 ? 1 : 11)
            for (int nulls = 0; nulls < 2; nulls++) {
                int32_t n = t == 0 ? 50 : 1000;
                MrVector *keys = column(&fixture, types[t], -40, step, n, nulls);
                MrKeyFilter *filter = filter_of(&fixture, keys, n, true);
                uint16_t out[N], some[N];
                int32_t n_valid = 0;
                for (int32_t i = 0; i < n; i++)
                    n_valid += !mr_vector_is_null(keys, i);
                assert_int_equal(mr__key_filter_keep(filter, keys, NULL, n, out), n_valid);
                /* In place, over a selection. */
                int32_t n_some = 0;
                for (int32_t i = 0; i < n; i += 3)
                    some[n_some++] = (uint16_t)i;
                int32_t n_kept = mr__key_filter_keep(filter, keys, some, n_some, some);
                for (int32_t k = 0; k < n_kept; k++) {
                    assert_int_equal(some[k] % 3, 0);
                    assert_false(mr_vector_is_null(keys, some[k]));
                }
                MrVector *others = column(&fixture, types[t], -40 + n * step, 1, 20, false);
                assert_in_range(mr__key_filter_keep(filter, others, NULL, 20, out), 0, 2);
                mr__key_filter_destroy(filter);
            }
    fixture_close(&fixture);
}

static void far_apart_keys_are_hashed(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    MrVector *keys = mr_vector_create(&fixture.arena, MR_T(BIGINT), 3);
    keys->n_items = 3;
    keys->i64[0] = INT64_MIN;
    keys->i64[1] = 0;
    keys->i64[2] = INT64_MAX;
    MrKeyFilter *filter = filter_of(&fixture, keys, 3, true);
    uint16_t out[N];
    assert_int_equal(filter->n_bits, 0);
    assert_int_equal(mr__key_filter_keep(filter, keys, NULL, 3, out), 3);
    assert_in_range(
        mr__key_filter_keep(filter, column(&fixture, MR_T(BIGINT), 1, 977, N, false), NULL, N, out),
        0, 8);
    mr__key_filter_destroy(filter);
    fixture_close(&fixture);
}

static void dictionaries_and_constants_are_looked_through(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    const MrType *types[] = {MR_T(INT), MR_T(STRING)};
    for (int t = 0; t < MR_COUNT(types); t++) {
        MrVector *keys = column(&fixture, types[t], 0, 2, 100, false);
        MrKeyFilter *filter = filter_of(&fixture, keys, 100, true);
        uint16_t out[N];
        MrVector *dict = column(&fixture, types[t], 0, 1, 14, true);
        MrVector *codes = mr_vector_dictionary(&fixture.arena, dict, N);
        codes->n_items = N;
        for (int32_t i = 0; i < N; i++)
            codes->codes[i] = (uint32_t)(i % 14);
        int32_t n_kept = mr__key_filter_keep(filter, codes, NULL, N, out), n_even = 0;
        for (int32_t k = 0; k < n_kept; k++) {
            assert_int_not_equal(out[k] % 14 % 7, 3); /* a NULL */
            n_even += out[k] % 14 % 2 == 0;
        }
        int32_t n_want = 0;
        for (int32_t i = 0; i < N; i++)
            n_want += i % 14 % 2 == 0 && i % 14 % 7 != 3;
        assert_int_equal(n_even, n_want); /* all that must pass do */
        int64_t three = 3, four = 4;
        MrVector *one = column(&fixture, types[t], three, 1, 1, false);
        one->encoding = MR_CONSTANT;
        assert_int_equal(mr__key_filter_keep(filter, one, NULL, N, out), 0);
        one = column(&fixture, types[t], four, 1, 1, false);
        one->encoding = MR_CONSTANT;
        assert_int_equal(mr__key_filter_keep(filter, one, NULL, N, out), N);
        MrVector *null = mr_vector_constant(&fixture.arena, types[t], NULL);
        assert_int_equal(mr__key_filter_keep(filter, null, NULL, N, out), 0);
        mr__key_filter_destroy(filter);
    }
    fixture_close(&fixture);
}

static void no_keys_let_nothing_pass(void **state)
{
    Fixture fixture;
    fixture_open(&fixture);
    MrVector *none = column(&fixture, MR_T(BIGINT), 0, 1, 1, false);
    uint16_t out[N];
    MrKeyFilter *filter = filter_of(&fixture, none, 0, true);
    assert_true(filter->is_empty);
    assert_int_equal(mr__key_filter_keep(filter, none, NULL, 1, out), 0);
    mr__key_filter_destroy(filter);
    MrVector *null = mr_vector_create(&fixture.arena, MR_T(BIGINT), 1);
    null->n_items = 1;
    mr_vector_set_null(&fixture.arena, null, 0, 1);
    filter = filter_of(&fixture, null, 1, true);
    assert_true(filter->is_empty);
    mr__key_filter_destroy(filter);
    /* Only the range: all of it passes here, blocks are ruled out by the reader. */
    filter = filter_of(&fixture, column(&fixture, MR_T(BIGINT), 5, 5, 9, false), 9, false);
    assert_int_equal(filter->min->i64[0], 5);
    assert_int_equal(filter->max->i64[0], 45);
    assert_int_equal(mr__key_filter_keep(filter, none, NULL, 1, out), 1);
    mr__key_filter_destroy(filter);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_pass_and_others_mostly_do_not),
        cmocka_unit_test(far_apart_keys_are_hashed),
        cmocka_unit_test(dictionaries_and_constants_are_looked_through),
        cmocka_unit_test(no_keys_let_nothing_pass),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
