/* error_test.c - conditions, parameters and messages. */
#include "base/testing.h"
#include "base/text.h"

static void conditions_are_sorted_and_can_be_found(void **state)
{
    for (int i = 1; i < MR_N_CONDITIONS; i++) {
        if (i > 1)
            assert_true(strcmp(mr_conditions[i - 1].name, mr_conditions[i].name) < 0);
        assert_int_equal(mr_condition_find(mr_conditions[i].name), i);
        assert_int_not_equal(mr_conditions[i].status, MR_OK);
    }
    assert_int_equal(mr_condition_find("NO_SUCH_CONDITION"), MR_COND_NONE);
}

static void a_message_has_condition_sentence_state_and_trail(void **state)
{
    MrError err = {0};
    char text[400];
    assert_int_equal(MR_FAIL(&err, MR_COND_TABLE_OR_VIEW_NOT_FOUND, "relationName", "`t`"),
                     MR_INVALID);
    mr_error_add(&err, "in file '%s'", "a.csv");
    mr_error_add(&err, "in query %d", 7);
    int64_t size = mr_error_message(&err, text, sizeof text);
    assert_string_equal(text, "[TABLE_OR_VIEW_NOT_FOUND] No table or view is named `t`. SQLSTATE: "
                              "42P01\n  in file 'a.csv'\n  in query 7");
    assert_int_equal(size, strlen(text));
    assert_int_equal(mr_error_message(&err, text, 5), size);
    assert_string_equal(text, "[TAB");
    assert_string_equal(mr_error_param(&err, "relationName"), "`t`");
    assert_null(mr_error_param(&err, "relation"));
    err = (MrError){0};
    assert_int_equal(MR_FAIL(&err, MR_COND__LEGACY_ERROR_TEMP_3102, "msg", "No"), MR_INVALID);
    mr_error_message(&err, text, sizeof text);
    assert_string_equal(text, "[_LEGACY_ERROR_TEMP_3102] No.");
}

/* Whatever bytes the user's values have, and wherever the message is cut. */
static void messages_are_utf8(void **state)
{
    MrError err = {0};
    char text[400], trail[600];
    assert_int_equal(MR_FAIL(&err, MR_COND_TABLE_OR_VIEW_NOT_FOUND, "relationName",
                             "\xff`caf\xc3\xa9\xc3`\xe6\x97"),
                     MR_INVALID);
    mr_error_add(&err, "in \x80 \xe6\x97\xa5");
    int64_t size = mr_error_message(&err, text, sizeof text);
    assert_int_equal(size, strlen(text));
    assert_non_null(strstr(text, "named \xEF\xBF\xBD`caf\xc3\xa9\xEF\xBF\xBD`\xEF\xBF\xBD"));
    assert_non_null(strstr(text, "in \xEF\xBF\xBD \xe6\x97\xa5"));
    for (int64_t room = 1; room <= size + 2; room++) {
        memset(text, 'x', sizeof text);
        assert_int_equal(mr_error_message(&err, text, room), size);
        assert_true((int64_t)strlen(text) < room && (int64_t)strlen(text) >= room - 3 - 1);
        assert_true(mr_utf8_valid(text, (int64_t)strlen(text)));
    }
    assert_int_equal(mr_error_message(&err, NULL, 0), size);
    for (int n = 180; n < 400; n++) { /* a value, or a line of the trail, that is cut */
        snprintf(trail, sizeof trail, "%*s", n, "");
        for (int i = 0; i + 3 <= n; i += 3)
            memcpy(trail + i, "\xe6\x97\xa5", 3);
        assert_int_equal(mr_error_raisef(&err, MR_COND_INTERNAL_ERROR, "message", "%d%s%s%s%s%s",
                                         n % 10, trail, trail, trail, trail, trail),
                         MR_INVALID);
        assert_true(mr_utf8_valid(mr_error_param(&err, "message"),
                                  (int64_t)strlen(mr_error_param(&err, "message"))));
    }
}

static void a_condition_without_a_sentence_is_told_in_words(void **state)
{
    MrError err = {0};
    char text[400];
    MrStatus status = MR_FAIL(&err, MR_COND_ADD_DEFAULT_UNSUPPORTED, "statementType", "ALTER",
                              "dataSource", "csv");
    assert_int_equal(status, MR_INVALID);
    mr_error_message(&err, text, sizeof text);
    assert_string_equal(text, "[ADD_DEFAULT_UNSUPPORTED] Add default unsupported (statementType: "
                              "ALTER, dataSource: csv). SQLSTATE: 42623");
}

static void long_values_are_cut_and_leave_room_for_the_others(void **state)
{
    MrError err = {0};
    char big[3000];
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    MrStatus status = MR_FAIL(&err, MR_COND_CAST_INVALID_INPUT, "expression", big, "sourceType",
                              "\"STRING\"", "targetType", big);
    assert_int_equal(status, MR_INVALID);
    assert_true(err.params_bytes <= (int32_t)sizeof err.params);
    assert_string_equal(mr_error_param(&err, "sourceType"), "\"STRING\"");
    assert_true(strlen(mr_error_param(&err, "expression")) > 300);
    assert_true(strlen(mr_error_param(&err, "targetType")) > 300);
    for (int i = 0; i < 100; i++)
        mr_error_add(&err, "in line %d", i);
    assert_true(strlen(err.trail) < sizeof err.trail);
}

static void a_place_is_noted_once(void **state)
{
    MrError err = {0};
    MrStatus status = MR_FAIL_INTERNAL(&err, "number %d", 5);
    assert_int_equal(status, MR_INVALID);
    assert_int_equal(err.sql_idx, -1);
    mr_error_at(&err, 3, 4);
    mr_error_at(&err, 8, 9);
    assert_int_equal(err.sql_idx, 3);
    assert_int_equal(err.sql_len, 4);
    assert_string_equal(mr_error_sqlstate(&err), "XX000");
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(conditions_are_sorted_and_can_be_found),
    MR_UNIT_TEST(a_message_has_condition_sentence_state_and_trail),
    MR_UNIT_TEST(messages_are_utf8),
    MR_UNIT_TEST(a_condition_without_a_sentence_is_told_in_words),
    MR_UNIT_TEST(long_values_are_cut_and_leave_room_for_the_others),
    MR_UNIT_TEST(a_place_is_noted_once),
};
MR_UNIT_TESTS_MAIN(tests)
