/* What the watermark closes comes once, in order of time, and of arrival within a time. */
#include "exec/close_queue.h"
#include <setjmp.h>
/* cmocka wants these first. */
#include <cmocka.h>

#define N 3000

static void rows_come_in_the_order_of_time(void **state)
{
    MrBudget budget;
    MrArena arena;
    MrCloseQueue queue = {0};
    char rows[N];
    int64_t times[N], watermark = 0, n_taken = 0;
    uint64_t random = 1;
    mr_budget_init(&budget, "test", NULL, INT64_MAX);
    mr_arena_init(&arena, &budget);
    assert_null(mr__close_queue_take(&queue, INT64_MAX));
    int64_t last_time = INT64_MIN, last_row = -1;
    for (int64_t r = 0; r <= N; r++) {
        if (r < N) {
            random = random * UINT64_C(6364136223846793005) + 1;
            times[r] = r % 97 == 0 ? INT64_MAX : watermark + 1 + (int64_t)(random >> 60);
            mr__close_queue_put(&queue, &arena, times[r], &rows[r]);
            if (r % 5 != 0)
                continue;
        }
        watermark = r < N ? watermark + 1 : INT64_MAX;
        char *row;
        while ((row = mr__close_queue_take(&queue, watermark)) != NULL) {
            int64_t at = row - rows;
            assert_true(times[at] <= watermark);
            assert_true(times[at] > last_time || (times[at] == last_time && at > last_row));
            last_time = times[at];
            last_row = at;
            n_taken++;
        }
    }
    assert_int_equal(n_taken, N);
    assert_int_equal(queue.n_items, 0);
    mr_arena_deinit(&arena);
    mr_budget_deinit(&budget);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_come_in_the_order_of_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
