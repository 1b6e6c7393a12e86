/* vector_test.c - properties that hold for every type and encoding. */
#include "column/batch.h"
#include "column/row.h"
#include "column/vector_random.inc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#define N_ROUNDS 300

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
} Fixture;

static Fixture fixture;

static int set_up(void **state)
{
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    mr_arena_deinit(&fixture.arena);
    assert_int_equal(fixture.budget.used_bytes, 0);
    return 0;
}

static void expect_same(const MrVector *a, int64_t a_row, const MrVector *b, int64_t b_row)
{
    if (!mr_vector_row_equal(a, a_row, b, b_row) || mr_vector_compare(a, a_row, b, b_row) != 0)
        fail_msg("rows %lld and %lld of %s differ", (long long)a_row, (long long)b_row,
                 mr_type_sql_text(&fixture.arena, a->type));
}

static int32_t random_rows(void)
{
    return random_below(4) ? 1 + (int32_t)random_below(70)
                           : 1 + (int32_t)random_below(MR_BATCH_ROWS);
}

static void flat_gathered_and_copied_rows_are_the_same(void **state)
{
    for (int round = 0; round < N_ROUNDS; round++) {
        MrArena *arena = &fixture.arena;
        int32_t n = random_rows(), n_sel;
        const MrType *type = random_type(arena, 3);
        MrVector *vec = random_vector(arena, type, n);
        uint16_t *sel = random_sel(arena, n, &n_sel);
        MrVector *flat = mr_vector_flatten(arena, vec, sel, n_sel, n);
        MrVector *copy = mr_vector_create(arena, type, n);
        int32_t *rows = mr_arena_alloc(arena, 4 * (int64_t)n);
        for (int32_t i = 0; i < n; i++)
            rows[i] = (int32_t)random_below(n);
        MrVector *taken = mr_vector_take_rows(arena, vec, rows, n);
        for (int32_t i = 0; i < n_sel; i++) {
            int32_t row = sel ? sel[i] : i;
            mr_vector_copy_row(arena, vec, row, copy, row);
            expect_same(vec, row, flat, row);
            expect_same(vec, row, copy, row);
            expect_same(vec, rows[row], taken, row);
        }
        /* What was taken may be written over: the first vector keeps its rows. */
        if (taken->encoding == MR_FLAT && mr_type_physical(type) == MR_PHYS_LIST) {
            for (int32_t i = 0; i < n; i++)
                random_value(arena, taken, i, 10);
            for (int32_t i = 0; i < n_sel; i++)
                expect_same(vec, sel ? sel[i] : i, flat, sel ? sel[i] : i);
        }
        mr_arena_reset(arena);
    }
}

static void equal_rows_hash_alike_in_any_encoding(void **state)
{
    uint64_t hash[MR_BATCH_ROWS], other[MR_BATCH_ROWS];
    for (int round = 0; round < N_ROUNDS; round++) {
        MrArena *arena = &fixture.arena;
        int32_t n = random_rows(), n_sel, n_distinct = 0, n_clashes = 0;
        MrVector *vec = random_vector(arena, random_type(arena, 2), n);
        uint16_t *sel = random_sel(arena, n, &n_sel);
        bool combine = random_below(2);
        for (int32_t i = 0; i < n_sel; i++)
            hash[i] = other[i] = 77;
        mr_vector_hash(vec, sel, n_sel, 5, combine, hash);
        mr_vector_hash(mr_vector_flatten(arena, vec, NULL, 0, n), sel, n_sel, 5, combine, other);
        assert_memory_equal(hash, other, 8 * (size_t)n_sel);
        for (int32_t i = 1; i < n_sel; i++) {
            bool same = mr_vector_row_equal(vec, sel ? sel[i] : i, vec, sel ? sel[i - 1] : i - 1);
            if (same)
                assert_true(hash[i] == hash[i - 1]);
            n_distinct += !same;
            n_clashes += !same && hash[i] == hash[i - 1];
        }
        assert_true(n_clashes == 0);
        mr_arena_reset(arena);
    }
}

static int sign(int x)
{
    return (x > 0) - (x < 0);
}

static void order_is_total_and_sort_keys_follow_it(void **state)
{
    MrError err = {0};
    MrBuffer key[2];
    mr_buffer_init(&key[0], &fixture.budget, INT64_MAX);
    mr_buffer_init(&key[1], &fixture.budget, INT64_MAX);
    for (int round = 0; round < N_ROUNDS; round++) {
        MrArena *arena = &fixture.arena;
        int32_t n = 1 + (int32_t)random_below(60);
        const MrType *type = random_type(arena, 2);
        MrVector *vec = random_vector(arena, type, n);
        MrSortSpec spec = {.descending = random_below(2), .nulls_first = random_below(2)};
        int32_t key_bytes = mr_sort_key_bytes(type);
        uint8_t *many[64];
        if (key_bytes > 0) {
            for (int32_t i = 0; i < n; i++)
                many[i] = mr_arena_alloc(arena, key_bytes);
            mr_sort_key_put_many(vec, NULL, n, spec, many, 0);
        }
        for (int32_t k = 0; k < 2 * n; k++) {
            int64_t row[2] = {random_below(n), random_below(n)};
            int order = mr_vector_compare(vec, row[0], vec, row[1]);
            assert_int_equal(mr_vector_compare(vec, row[1], vec, row[0]), -order);
            assert_int_equal(mr_vector_row_equal(vec, row[0], vec, row[1]), order == 0);
            bool null[2];
            for (int j = 0; j < 2; j++) {
                key[j].size_bytes = 0;
                assert_int_equal(mr_sort_key_put(vec, row[j], spec, &key[j], &err), MR_OK);
                null[j] = mr_vector_is_null(vec, row[j]);
                if (key_bytes > 0) {
                    assert_int_equal(key[j].size_bytes, key_bytes);
                    assert_memory_equal(key[j].data, many[row[j]], (size_t)key_bytes);
                }
            }
            int64_t common =
                key[0].size_bytes < key[1].size_bytes ? key[0].size_bytes : key[1].size_bytes;
            int got = sign(memcmp(key[0].data, key[1].data, (size_t)common));
            int want = null[0] || null[1]
                           ? ((int)null[1] - (int)null[0]) * (spec.nulls_first ? 1 : -1)
                       : spec.descending ? -sign(order)
                                         : sign(order);
            if (got != want)
                fail_msg("sort keys of %s", mr_type_sql_text(arena, type));
        }
        mr_arena_reset(arena);
    }
    mr_buffer_deinit(&key[0]);
    mr_buffer_deinit(&key[1]);
}

static void rows_come_back_from_packed_and_stored_form(void **state)
{
    MrError err = {0};
    MrBuffer bytes;
    mr_buffer_init(&bytes, &fixture.budget, INT64_MAX);
    for (int round = 0; round < N_ROUNDS; round++) {
        MrArena *arena = &fixture.arena;
        int32_t n = random_rows(), n_sel, n_cols = 1 + (int32_t)random_below(11);
        const MrType *types[12];
        MrVector *cols[12], *loaded[12];
        for (int32_t c = 0; c < n_cols; c++) {
            types[c] = random_type(arena, 2);
            cols[c] = random_vector(arena, types[c], n);
            loaded[c] = mr_vector_create(arena, types[c], n);
        }
        uint16_t *sel = random_sel(arena, n, &n_sel);
        MrRowLayout layout;
        mr_row_layout_init(&layout, arena, types, n_cols, 12);
        assert_int_equal(layout.row_bytes % 8, 0);
        void *rows[MR_BATCH_ROWS];
        uint8_t equal[MR_BATCH_ROWS];
        for (int32_t i = 0; i < n_sel; i++)
            rows[i] = mr_arena_alloc(arena, layout.row_bytes);
        mr_rows_scatter(&layout, cols, sel, n_sel, rows, arena);
        mr_rows_match(&layout, cols, sel, n_sel, (const void *const *)rows, equal);
        for (int32_t i = 0; i < n_sel; i++)
            assert_int_equal(equal[i], 1);
        for (int32_t c = 0; c < n_cols; c++) {
            MrVector *back = mr_rows_gather(&layout, c, (const void *const *)rows, n_sel, arena);
            for (int32_t i = 0; i < n_sel; i++)
                expect_same(cols[c], sel ? sel[i] : i, back, i);
        }
        /* The rows one place on: match and compare must agree with the vectors. */
        for (int32_t i = 0; i + 1 < n_sel; i++) {
            void *next = rows[i + 1];
            int order = 0;
            for (int32_t c = 0; c < n_cols && order == 0; c++)
                order =
                    mr_vector_compare(cols[c], sel ? sel[i] : i, cols[c], sel ? sel[i + 1] : i + 1);
            assert_int_equal(sign(mr_row_compare(&layout, rows[i], next)), sign(order));
            uint16_t row = sel ? sel[i] : (uint16_t)i;
            mr_rows_match(&layout, cols, &row, 1, (const void *const *)&next, equal);
            assert_int_equal(equal[0], order == 0);
        }
        bytes.size_bytes = 0;
        for (int32_t i = 0; i < n; i++)
            assert_int_equal(mr_row_store(cols, n_cols, i, &bytes, &err), MR_OK);
        MrReader reader = {.at = (const uint8_t *)bytes.data,
                           .end = (const uint8_t *)bytes.data + bytes.size_bytes};
        for (int32_t i = 0; i < n; i++)
            assert_int_equal(mr_row_load(&reader, arena, loaded, n_cols, i, &err), MR_OK);
        assert_ptr_equal(reader.at, reader.end);
        for (int32_t c = 0; c < n_cols; c++) {
            for (int32_t i = 0; i < n; i++)
                expect_same(cols[c], i, loaded[c], i);
        }
        mr_arena_reset(arena);
    }
    mr_buffer_deinit(&bytes);
}

static void cut_or_wild_stored_rows_are_refused_and_never_read_past(void **state)
{
    MrBuffer bytes;
    MrError err = {0};
    mr_buffer_init(&bytes, &fixture.budget, INT64_MAX);
    for (int round = 0; round < N_ROUNDS; round++) {
        MrArena *arena = &fixture.arena;
        const MrType *type = random_type(arena, 3);
        MrVector *vec = random_flat(arena, type, 1), *to = mr_vector_create(arena, type, 1);
        bytes.size_bytes = 0;
        assert_int_equal(mr_row_store(&vec, 1, 0, &bytes, &err), MR_OK);
        int64_t n_bytes = random_below(bytes.size_bytes);
        uint8_t *cut = mr_arena_alloc(arena, n_bytes);
        memcpy(cut, bytes.data, (size_t)n_bytes);
        MrReader reader = {.at = cut, .end = cut + n_bytes};
        assert_int_equal(mr_row_load(&reader, arena, &to, 1, 0, &err), MR_CORRUPT);
        for (int k = 0; k < 20; k++) {
            memcpy(cut, bytes.data, (size_t)n_bytes);
            if (n_bytes > 0)
                cut[random_below(n_bytes)] = (uint8_t)random_u64();
            reader = (MrReader){.at = cut, .end = cut + n_bytes};
            to = mr_vector_create(arena, type, 1);
            MrStatus status = mr_row_load(&reader, arena, &to, 1, 0, &err);
            assert_true(status == MR_OK || status == MR_CORRUPT);
        }
        mr_arena_reset(arena);
    }
    mr_buffer_deinit(&bytes);
}

static void batches_are_copied_and_appended_with_selection_and_weights(void **state)
{
    MrError err = {0};
    for (int round = 0; round < N_ROUNDS; round++) {
        MrBatch *batch, *copy, *all;
        assert_int_equal(mr_batch_create(&fixture.budget, &batch, &err), MR_OK);
        assert_int_equal(mr_batch_create(&fixture.budget, &all, &err), MR_OK);
        MrArena *arena = &batch->arena;
        batch->n_rows = random_rows();
        mr_batch_set_cols(batch, 3);
        for (int32_t c = 0; c < 3; c++)
            batch->cols[c] = random_vector(arena, random_type(arena, 2), batch->n_rows);
        batch->sel = random_sel(arena, batch->n_rows, &batch->n_sel);
        if (random_below(2)) {
            batch->weights = mr_arena_alloc(arena, 8 * (int64_t)batch->n_rows);
            for (int32_t i = 0; i < batch->n_rows; i++)
                batch->weights[i] = random_below(3) - 1;
        }
        assert_int_equal(mr_batch_copy(batch, &fixture.budget, &copy, &err), MR_OK);
        int32_t cut = (int32_t)random_below(batch->n_sel + 1);
        mr_batch_append(all, batch, 0, cut);
        mr_batch_append(all, batch, cut, batch->n_sel - cut);
        assert_int_equal(copy->n_sel, batch->n_sel);
        assert_int_equal(all->n_sel, batch->n_sel);
        for (int32_t i = 0; i < batch->n_sel; i++) {
            int32_t row = mr_batch_row(batch, i);
            for (int32_t c = 0; c < 3; c++) {
                expect_same(batch->cols[c], row, copy->cols[c], i);
                expect_same(batch->cols[c], row, all->cols[c], i);
            }
            if (batch->weights) {
                assert_int_equal(batch->weights[row], copy->weights[i]);
                assert_int_equal(batch->weights[row], all->weights[i]);
            }
        }
        mr_batch_destroy(batch);
        mr_batch_destroy(copy);
        mr_batch_destroy(all);
    }
}

static void every_refused_allocation_of_a_copy_leaves_nothing_behind(void **state)
{
    MrError err = {0};
    MrVector *cols[1];
    const MrType *type = mr_type_array(&fixture.arena, MR_T(STRING), true);
    cols[0] = random_flat(&fixture.arena, type, 2000);
    MrBatch batch = {.n_rows = 2000, .n_sel = 2000, .n_cols = 1, .cols = cols};
    for (int64_t k = 1;; k++) {
        _Atomic int64_t countdown = k;
        MrBudget budget;
        MrBatch *copy = NULL;
        mr_budget_init(&budget, "k-th", NULL, INT64_MAX);
        budget.fail_countdown = &countdown;
        MrStatus status = mr_batch_copy(&batch, &budget, &copy, &err);
        if (status == MR_OK)
            mr_batch_destroy(copy);
        assert_int_equal(budget.used_bytes, 0);
        if (status == MR_OK)
            break;
        assert_int_equal(status, MR_NO_MEMORY);
    }
}

static int n_destroyed;

static void count_destroy(MrShared *shared)
{
    n_destroyed++;
}

static void shared_buffers_live_as_long_as_the_last_batch(void **state)
{
    MrError err = {0};
    MrBatch *a, *b;
    MrShared shared = {.n_refs = 1, .destroy = count_destroy};
    n_destroyed = 0;
    assert_int_equal(mr_batch_create(&fixture.budget, &a, &err), MR_OK);
    assert_int_equal(mr_batch_create(&fixture.budget, &b, &err), MR_OK);
    mr_batch_retain(a, &shared);
    mr_batch_retain_all(b, a);
    mr_shared_release(&shared);
    mr_batch_reset(a);
    assert_int_equal(n_destroyed, 0);
    mr_batch_destroy(a);
    mr_batch_destroy(b);
    assert_int_equal(n_destroyed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(flat_gathered_and_copied_rows_are_the_same, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(equal_rows_hash_alike_in_any_encoding, set_up, tear_down),
        cmocka_unit_test_setup_teardown(order_is_total_and_sort_keys_follow_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_come_back_from_packed_and_stored_form, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(cut_or_wild_stored_rows_are_refused_and_never_read_past,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(batches_are_copied_and_appended_with_selection_and_weights,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_refused_allocation_of_a_copy_leaves_nothing_behind,
                                        set_up, tear_down),
        cmocka_unit_test_setup_teardown(shared_buffers_live_as_long_as_the_last_batch, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
