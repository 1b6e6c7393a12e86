/* testing.h - for unit tests: cmocka, and a budget per test that must be back at zero at its end.
 *
 *     static void a_rule(void **state) { MrBudget *budget = *state; ... }
 *     static const struct CMUnitTest tests[] = {MR_UNIT_TEST(a_rule)};
 *     MR_UNIT_TESTS_MAIN(tests) */
#ifndef MR_BASE_TESTING_H
#define MR_BASE_TESTING_H

#include "base/arena.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

static MrBudget mr_test_budget;

static inline int mr_test_setup(void **state)
{
    mr_budget_init(&mr_test_budget, "test", NULL, INT64_C(1) << 30);
    *state = &mr_test_budget;
    return 0;
}

static inline int mr_test_teardown(void **state)
{
    if (mr_test_budget.used_bytes == 0)
        return 0;
    print_error("%lld bytes were not given back\n", (long long)mr_test_budget.used_bytes);
    return -1;
}

/* Fails the test with the whole message when a call that should succeed did not. */
static inline void mr_test_ok(MrStatus status, const MrError *err, const char *call,
                              const char *file, int line)
{
    char message[2000];
    if (status == MR_OK)
        return;
    mr_error_message(err, message, sizeof message);
    print_error("%s: %s\n", call, message);
    _fail(file, line);
}
#define MR_OKAY(call) mr_test_ok(call, &err, #call, __FILE__, __LINE__)

#define MR_UNIT_TEST(name) cmocka_unit_test_setup_teardown(name, mr_test_setup, mr_test_teardown)
#define MR_UNIT_TESTS_MAIN(tests)                                                                  \
    int main(void)                                                                                 \
    {                                                                                              \
        return cmocka_run_group_tests(tests, NULL, NULL);                                          \
    }

#endif
