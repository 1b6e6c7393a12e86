/* arena_test.c - arenas, guards and what a refusal of memory leaves behind. */
#include "base/testing.h"

static void charges_reach_all_ancestors(void **state)
{
    MrBudget *process = *state, query, operator;
    MrError err = {0};
    void *block;
    mr_budget_init(&query, "query", process, 1000);
    mr_budget_init(&operator, "operator", &query, INT64_MAX);
    MR_OKAY(mr_budget_alloc(&operator, 600, &block, &err));
    assert_int_equal((uintptr_t)block % 64, 0);
    assert_int_equal(process->used_bytes, 600);
    assert_int_equal(mr_budget_left(&operator), 400);
    assert_int_equal(mr_budget_charge(&operator, 401, &err), MR_NO_MEMORY);
    assert_string_equal(mr_error_condition(&err), "UNABLE_TO_ACQUIRE_MEMORY");
    assert_string_equal(mr_error_param(&err, "receivedBytes"), "400");
    assert_int_equal(process->used_bytes, 600);
    assert_int_equal(operator.used_bytes, 600);
    mr_budget_free(&operator, block, 600);
    assert_int_equal(query.peak_bytes, 600);
    mr_budget_deinit(&operator);
    mr_budget_deinit(&query);
}

static void resize_keeps_the_bytes(void **state)
{
    MrBudget *budget = *state;
    MrError err = {0};
    void *block = NULL;
    int64_t size = 0;
    MR_OKAY(mr_budget_resize(budget, &block, &size, 10, &err));
    memcpy(block, "0123456789", 10);
    MR_OKAY(mr_budget_resize(budget, &block, &size, 100000, &err));
    assert_memory_equal(block, "0123456789", 10);
    MR_OKAY(mr_budget_resize(budget, &block, &size, 4, &err));
    assert_memory_equal(block, "0123", 4);
    assert_int_equal(budget->used_bytes, 4);
    MR_OKAY(mr_budget_resize(budget, &block, &size, 0, &err));
    assert_null(block);
}

static void an_arena_gives_aligned_blocks_of_any_size(void **state)
{
    MrArena arena;
    mr_arena_init(&arena, *state);
    char *blocks[200];
    for (int64_t i = 0; i < 200; i++) {
        int64_t size = i % 7 == 0 ? 5000 * i : i;
        blocks[i] = mr_arena_alloc(&arena, size);
        assert_int_equal((uintptr_t)blocks[i] % 16, 0);
        memset(blocks[i], (int)i, (size_t)size);
    }
    for (int64_t i = 0; i < 200; i++)
        if (i > 0)
            assert_int_equal((unsigned char)blocks[i][i % 7 == 0 ? 5000 * i - 1 : i - 1], i);
    mr_arena_reset(&arena);
    assert_true(arena.used_bytes <= 1 << 20);
    mr_arena_deinit(&arena);
}

static MrStatus alloc_without_end(MrArena *arena, MrError *err)
{
    volatile MrStatus status;
    MR_GUARD_BEGIN(status, err)
        for (;;)
            mr_arena_alloc(arena, 100);
    MR_GUARD_END(status)
    return status;
}

static void a_refusal_jumps_to_the_innermost_guard(void **state)
{
    MrBudget *budget = *state, small;
    MrArena arena;
    MrError outer_err = {0}, inner_err = {0};
    volatile MrStatus outer = MR_INVALID, inner = MR_OK;
    mr_budget_init(&small, "small", budget, 10000);
    mr_arena_init(&arena, &small);
    MR_GUARD_BEGIN(outer, &outer_err)
        inner = alloc_without_end(&arena, &inner_err);
        outer = MR_CANCELED;
    MR_GUARD_END(outer)
    assert_int_equal(inner, MR_NO_MEMORY);
    assert_int_equal(outer, MR_CANCELED);
    assert_string_equal(mr_error_condition(&inner_err), "UNABLE_TO_ACQUIRE_MEMORY");
    assert_int_equal(outer_err.status, MR_OK);
    assert_null(mr_guard_top);
    assert_null(mr_arena_try(&arena, -1, &inner_err));
    mr_arena_deinit(&arena);
    mr_budget_deinit(&small);
}

/* Polls until the flag, which is set before the given poll, ends it; how often it asked. */
static int32_t poll_until(_Atomic bool *flag, int32_t n_set, MrError *err)
{
    volatile MrStatus status;
    volatile int32_t n_polls = 0;
    MR_GUARD_BEGIN(status, err) /* watches what the guard around it does */
        for (;; n_polls++) {
            atomic_store(flag, n_polls == n_set);
            mr_poll();
        }
    MR_GUARD_END(status)
    assert_int_equal(status, MR_CANCELED);
    return n_polls;
}

static void a_poll_jumps_once_the_flag_is_set(void **state)
{
    static _Atomic bool canceled;
    MrError err = {0};
    volatile MrStatus status = MR_OK;
    mr_poll(); /* outside of guards nothing happens */
    MR_GUARD_BEGIN(status, &err)
        mr_guard_watch(&canceled);
        assert_int_equal(poll_until(&canceled, 5, &err), 5);
        assert_string_equal(mr_error_condition(&err), "OPERATION_CANCELED");
        assert_int_equal(mr_poll_status(&err), MR_CANCELED);
        mr_poll_bytes(MR_POLL_BYTES - 1); /* too little to ask */
        mr_guard_watch(NULL);
        mr_poll();
    MR_GUARD_END(status)
    assert_int_equal(status, MR_OK);
}

static void the_kth_allocation_can_be_made_to_fail(void **state)
{
    for (int k = 1; k < 20; k++) {
        _Atomic int64_t countdown = k;
        MrBudget failing;
        MrArena arena;
        MrError err = {0};
        volatile MrStatus status;
        volatile int n_done = 0;
        mr_budget_init(&failing, "failing", *state, INT64_MAX);
        failing.fail_countdown = &countdown;
        mr_arena_init(&arena, &failing);
        MR_GUARD_BEGIN(status, &err)
            for (n_done = 0; n_done < 10; n_done++)
                mr_arena_alloc(&arena, 1 << 20); /* each a chunk of its own */
        MR_GUARD_END(status)
        assert_int_equal(status, k <= 10 ? MR_NO_MEMORY : MR_OK);
        assert_int_equal(n_done, k <= 10 ? k - 1 : 10);
        mr_arena_deinit(&arena);
        mr_budget_deinit(&failing);
    }
}

static void arrays_and_text_grow(void **state)
{
    MrArena arena;
    mr_arena_init(&arena, *state);
    int32_t *items = NULL, n_items = 0, cap_items = 0;
    MrTextBuilder builder = {.arena = &arena};
    for (int32_t i = 0; i < 1000; i++) {
        MR_PUSH(&arena, items, n_items, cap_items, i);
        mr_builder_printf(&builder, "%d,", i % 10);
    }
    for (int32_t i = 0; i < 1000; i++)
        assert_int_equal(items[i], i);
    MrText text = mr_builder_text(&builder);
    assert_int_equal(text.size_bytes, 2000);
    assert_memory_equal(text.data, "0,1,2,", 6);
    assert_string_equal(mr_arena_printf(&arena, "%s-%d", "x", 5), "x-5");
    mr_arena_deinit(&arena);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(charges_reach_all_ancestors),
    MR_UNIT_TEST(resize_keeps_the_bytes),
    MR_UNIT_TEST(an_arena_gives_aligned_blocks_of_any_size),
    MR_UNIT_TEST(a_refusal_jumps_to_the_innermost_guard),
    MR_UNIT_TEST(a_poll_jumps_once_the_flag_is_set),
    MR_UNIT_TEST(the_kth_allocation_can_be_made_to_fail),
    MR_UNIT_TEST(arrays_and_text_grow),
};
MR_UNIT_TESTS_MAIN(tests)
