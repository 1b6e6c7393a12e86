/* Every example in the function tables holds.  Aggregates see one row. */
#include "session/session.h"
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka wants these first. */
#include <cmocka.h>

/* true, or why not. */
static const char *example_fails(MrSession *session, const char *sql)
{
    static char why[2000];
    MrError err = {0};
    MrQuery *query = NULL;
    MrBatch *batch = NULL;
    MrStatus status = mr_session_query(session, mr_text(sql), &query, &err);
    if (status == MR_OK)
        status = mr_query_next(query, &batch, &err);
    bool holds = false;
    if (status == MR_OK && batch && batch->n_sel == 1) {
        int64_t at;
        int32_t row = mr_batch_row(batch, 0);
        holds = !mr_vector_is_null(batch->cols[0], row) &&
                batch->cols[0]->type->kind == MR_TYPE_BOOLEAN &&
                mr_vector_at(batch->cols[0], row, &at)->i8[at] != 0;
    }
    if (status != MR_OK)
        mr_error_message(&err, why, sizeof why);
    else
        snprintf(why, sizeof why, "not true");
    mr_batch_destroy(batch);
    mr_query_close(query);
    return holds ? NULL : why;
}

static int n_bad;

static void example_check(MrSession *session, const char *name, const char *example,
                          const char *rest)
{
    char sql[1000];
    if (!example)
        return;
    snprintf(sql, sizeof sql, "SELECT %s%s", example, rest);
    const char *why = example_fails(session, sql);
    if (why) {
        print_error("%s: %s: %s\n", name, sql, why);
        n_bad++;
    }
}

static void all_examples_hold(void **state)
{
    MrError err = {0};
    MrSession *session = NULL;
    char folder[] = "/tmp/millrace_examples_XXXXXX";
    assert_non_null(mkdtemp(folder));
    MrSessionConfig config = {.warehouse = folder, .n_threads = 1};
    assert_int_equal(mr_session_create(&config, &session, &err), MR_OK);
    for (int32_t t = 0; mr_function_tables[t]; t++)
        for (const MrFunctionDef *def = mr_function_tables[t]; def->name; def++)
            example_check(session, def->name, def->example, "");
    for (int32_t t = 0; mr_aggregate_tables[t]; t++)
        for (const MrAggregateDef *def = mr_aggregate_tables[t]; def->name; def++)
            example_check(session, def->name, def->example, " FROM VALUES (1) AS one(x)");
    for (const MrWindowDef *def = mr_window_functions; def->name; def++)
        example_check(session, def->name, def->example, " FROM VALUES (1) AS one(x)");
    mr_session_destroy(session);
    assert_int_equal(n_bad, 0);
}

static void functions_of_the_tests_are_there_when_they_are_named(void **state)
{
    MrError err = {0};
    MrSession *session = NULL;
    MrSessionConfig config = {.warehouse = "/tmp", .n_threads = 1};
    assert_int_equal(mr_session_create(&config, &session, &err), MR_OK);
    assert_non_null(example_fails(session, "SELECT udf(1) = 1"));
    mr_session_destroy(session);
    config.test_functions = "booleq,udf,udaf";
    assert_int_equal(mr_session_create(&config, &session, &err), MR_OK);
    assert_null(example_fails(session, "SELECT udf(1) = 1 AND booleq(udf(true), true)"));
    assert_null(example_fails(session, "SELECT udaf(x) = 1 FROM VALUES (NULL), ('a') AS t(x)"));
    assert_non_null(example_fails(session, "SELECT boolne(true, false)"));
    mr_session_destroy(session);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_examples_hold),
        cmocka_unit_test(functions_of_the_tests_are_there_when_they_are_named)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
