/* arrow_test.c - out through the Arrow C data interface and back, and arrays that lie. */
#include "column/arrow.h"
#include "column/vector_random.inc.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
} Fixture;

static Fixture fixture;

static int set_up(void **state)
{
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    return 0;
}

static int tear_down(void **state)
{
    mr_arena_deinit(&fixture.arena);
    assert_int_equal(fixture.budget.used_bytes, 0);
    return 0;
}

static void random_batch(MrBatch *batch, int32_t n_rows, int32_t n_cols, MrSchema *schema)
{
    MrArena *arena = &batch->arena;
    MrField *fields = MR_NEW_N(arena, MrField, n_cols);
    batch->n_rows = n_rows;
    mr_batch_set_cols(batch, n_cols);
    for (int32_t c = 0; c < n_cols; c++) {
        fields[c] = (MrField){.name = "c", .type = random_type(arena, 3), .nullable = true};
        batch->cols[c] = random_vector(arena, fields[c].type, n_rows);
    }
    batch->sel = random_sel(arena, n_rows, &batch->n_sel);
    *schema = (MrSchema){.n_cols = n_cols, .cols = fields};
}

/* Calendar intervals hold nanoseconds there: the largest do not come back. */
static void bound_intervals(MrVector *vec)
{
    if (vec->type->kind == MR_TYPE_INTERVAL) {
        MrVector *holder = vec->encoding == MR_DICTIONARY ? vec->dict : vec;
        for (int32_t i = 0; i < holder->n_items; i++)
            holder->interval[i].us %= INT64_C(1) << 50;
    }
    MrVector *holder = vec->encoding == MR_DICTIONARY ? vec->dict : vec;
    for (int32_t i = 0; i < vec->type->n_fields; i++)
        bound_intervals(holder->children[i]);
}

static void batches_come_back_the_same(void **state)
{
    MrError err = {0};
    for (int round = 0; round < 200; round++) {
        MrBatch *batch, *back;
        MrSchema schema, again;
        struct ArrowSchema arrow_schema;
        struct ArrowArray array;
        assert_int_equal(mr_batch_create(&fixture.budget, &batch, &err), MR_OK);
        assert_int_equal(mr_batch_create(&fixture.budget, &back, &err), MR_OK);
        random_batch(batch, 1 + (int32_t)random_below(300), 1 + (int32_t)random_below(4), &schema);
        for (int32_t c = 0; c < batch->n_cols; c++)
            bound_intervals(batch->cols[c]);
        assert_int_equal(mr_arrow_export_schema(&(MrArrowOwner){.budget = &fixture.budget}, &schema,
                                                &arrow_schema, &err),
                         MR_OK);
        assert_int_equal(mr_arrow_export_batch(&(MrArrowOwner){.budget = &fixture.budget}, &schema,
                                               batch, &array, &err),
                         MR_OK);
        assert_int_equal(mr_arrow_import_schema(&back->arena, &arrow_schema, &again, &err), MR_OK);
        assert_int_equal(again.n_cols, schema.n_cols);
        int64_t from = random_below(array.length + 1), n = array.length - from;
        assert_int_equal(mr_arrow_import_rows(&arrow_schema, &array, &again, from, n, back, &err),
                         MR_OK);
        for (int32_t c = 0; c < schema.n_cols; c++) {
            assert_true(mr_type_same_data(schema.cols[c].type, again.cols[c].type));
            for (int32_t i = 0; i < n; i++) {
                if (!mr_vector_row_equal(batch->cols[c], mr_batch_row(batch, (int32_t)from + i),
                                         back->cols[c], i))
                    fail_msg("%s", mr_type_sql_text(&fixture.arena, schema.cols[c].type));
            }
        }
        /* A child outlives its parent when it is moved out. */
        struct ArrowArray child = *array.children[0];
        array.children[0]->release = NULL;
        array.release(&array);
        assert_true(child.length >= 0 && child.release);
        child.release(&child);
        arrow_schema.release(&arrow_schema);
        mr_batch_destroy(batch);
        mr_batch_destroy(back);
    }
}

static void release_nothing(struct ArrowArray *array)
{
}
static void release_no_schema(struct ArrowSchema *schema)
{
}

static const struct {
    const char *fault, *format;
    int64_t length, offset, n_buffers;
    int32_t words[4]; /* second buffer: offsets, codes or values */
} faults[] = {
    {"offsets fall", "u", 2, 0, 3, {0, 3, 1, 0}},
    {"a negative offset", "u", 2, 0, 3, {-5, 0, 0, 0}},
    {"a negative length", "u", -1, 0, 3, {0}},
    {"a length beyond the parent's", "i", 1, 0, 2, {0}},
    {"too few buffers", "u", 2, 0, 2, {0}},
    {"an offset that overflows", "i", 2, INT64_MAX - 1, 2, {0}},
    {"text that is no UTF-8", "u", 2, 0, 3, {0, 0, 4, 0}},
    {"a date-time outside its type", "tts", 2, 0, 2, {86400, 1}},
};

static void arrays_that_lie_are_refused(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(faults); i++) {
        MrError err = {0};
        MrBatch *batch;
        MrSchema schema;
        const void *buffers[3] = {NULL, faults[i].words, "\xff\xfe\x80\x80"}, *none[1] = {NULL};
        struct ArrowSchema child_schema = {
            .format = faults[i].format, .name = "a", .release = release_no_schema};
        struct ArrowSchema *child_schemas[] = {&child_schema};
        struct ArrowSchema root_schema = {.format = "+s",
                                          .name = "",
                                          .n_children = 1,
                                          .children = child_schemas,
                                          .release = release_no_schema};
        struct ArrowArray child = {.length = faults[i].length,
                                   .offset = faults[i].offset,
                                   .n_buffers = faults[i].n_buffers,
                                   .buffers = buffers,
                                   .null_count = 0,
                                   .release = release_nothing};
        struct ArrowArray *children[] = {&child};
        struct ArrowArray root = {.length = 2,
                                  .n_buffers = 1,
                                  .buffers = none,
                                  .n_children = 1,
                                  .children = children,
                                  .release = release_nothing};
        assert_int_equal(mr_batch_create(&fixture.budget, &batch, &err), MR_OK);
        assert_int_equal(mr_arrow_import_schema(&batch->arena, &root_schema, &schema, &err), MR_OK);
        if (mr_arrow_import_rows(&root_schema, &root, &schema, 0, 2, batch, &err) != MR_INVALID)
            fail_msg("taken: %s", faults[i].fault);
        mr_batch_destroy(batch);
    }
}

static void every_refused_allocation_of_an_export_leaves_nothing_behind(void **state)
{
    MrError err = {0};
    MrField field = {
        .name = "a", .type = mr_type_array(&fixture.arena, MR_T(STRING), true), .nullable = true};
    MrSchema schema = {.n_cols = 1, .cols = &field};
    MrVector *cols[1] = {random_flat(&fixture.arena, field.type, 2000)};
    MrBatch batch = {.n_rows = 2000, .n_sel = 2000, .n_cols = 1, .cols = cols};
    for (int64_t k = 1;; k++) {
        _Atomic int64_t countdown = k;
        MrBudget budget;
        struct ArrowArray array;
        mr_budget_init(&budget, "k-th", NULL, INT64_MAX);
        budget.fail_countdown = &countdown;
        MrStatus status = mr_arrow_export_batch(&(MrArrowOwner){.budget = &budget}, &schema, &batch,
                                                &array, &err);
        if (status == MR_OK)
            array.release(&array);
        assert_int_equal(budget.used_bytes, 0);
        if (status == MR_OK)
            break;
        assert_int_equal(status, MR_NO_MEMORY);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(batches_come_back_the_same, set_up, tear_down),
        cmocka_unit_test_setup_teardown(arrays_that_lie_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_refused_allocation_of_an_export_leaves_nothing_behind,
                                        set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
