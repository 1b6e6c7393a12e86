/* type_test.c - texts of types there and back, and what is no type. */
#include "column/type.h"
#include "column/collation.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    mr_arena_deinit(&fixture->arena);
    assert_int_equal(fixture->budget.used_bytes, 0);
    return 0;
}

static const struct {
    const char *text, *catalog, *sql;
} texts[] = {
    {"INT", "int", "INT"},
    {" long ", "bigint", "BIGINT"},
    {"Dec", "decimal(10,0)", "DECIMAL(10,0)"},
    {"numeric(5)", "decimal(5,0)", "DECIMAL(5,0)"},
    {"DECIMAL(38, 38)", "decimal(38,38)", "DECIMAL(38,38)"},
    {"character(3)", "char(3)", "CHAR(3)"},
    {"varchar(10) collate unicode_ci", "varchar(10) collate UNICODE_CI",
     "VARCHAR(10) COLLATE UNICODE_CI"},
    {"string collate system.builtin.UTF8_LCASE", "string collate UTF8_LCASE",
     "STRING COLLATE UTF8_LCASE"},
    {"string collate utf8_binary", "string collate UTF8_BINARY", "STRING COLLATE UTF8_BINARY"},
    {"string COLLATE de_ci_ai_rtrim", "string collate de_CI_AI_RTRIM",
     "STRING COLLATE de_CI_AI_RTRIM"},
    {"string collate sr_Cyrl_SRB", "string collate sr_Cyrl_SRB", "STRING COLLATE sr_Cyrl_SRB"},
    {"time", "time(6)", "TIME(6)"},
    {"time(0) without time zone", "time(0)", "TIME(0)"},
    {"timestamp_ltz", "timestamp", "TIMESTAMP"},
    {"timestamp without time zone", "timestamp_ntz", "TIMESTAMP_NTZ"},
    {"interval", "interval", "INTERVAL"},
    {"interval year", "interval year", "INTERVAL YEAR"},
    {"INTERVAL YEAR TO MONTH", "interval year to month", "INTERVAL YEAR TO MONTH"},
    {"interval hour to second", "interval hour to second", "INTERVAL HOUR TO SECOND"},
    {"array<array<int>>", "array<array<int>>", "ARRAY<ARRAY<INT>>"},
    {"MAP < STRING , VOID >", "map<string,void>", "MAP<STRING, VOID>"},
    {"struct<>", "struct<>", "STRUCT<>"},
    {"struct<a: int not null comment 'it\\'s', `b c`: variant>", "struct<a:int,b c:variant>",
     "STRUCT<a: INT NOT NULL COMMENT 'it\\'s', `b c`: VARIANT>"},
    {"struct<a int, `x``y` string>", "struct<a:int,x`y:string>", "STRUCT<a: INT, `x``y`: STRING>"},
    {"struct<1a:int,`2`:int>", "struct<1a:int,2:int>", "STRUCT<1a: INT, `2`: INT>"},
};

static void texts_are_read_and_printed_as_spark_does(void **state)
{
    Fixture *fixture = *state;
    MrError err = {0};
    for (int64_t i = 0; i < MR_COUNT(texts); i++) {
        const MrType *type, *again;
        if (mr_type_parse(&fixture->arena, mr_text(texts[i].text), false, &type, &err) != MR_OK)
            fail_msg("not read: %s", texts[i].text);
        assert_string_equal(mr_type_catalog_text(&fixture->arena, type), texts[i].catalog);
        assert_string_equal(mr_type_sql_text(&fixture->arena, type), texts[i].sql);
        assert_int_equal(mr_type_parse(&fixture->arena, mr_text(texts[i].sql), false, &again, &err),
                         MR_OK);
        assert_true(mr_type_equal(type, again));
        assert_true(mr_type_equal(type, mr_type_own(&fixture->arena, type)));
    }
}

static const struct {
    const char *text;
    MrCondition condition;
    int32_t sql_idx; /* -1: any */
} faults[] = {
    {"", MR_COND_PARSE_SYNTAX_ERROR, 0},
    {"bint", MR_COND_UNSUPPORTED_DATATYPE, 0},
    {"int(3)", MR_COND_UNSUPPORTED_DATATYPE, 0},
    {"int int", MR_COND_PARSE_SYNTAX_ERROR, 4},
    {"array<int", MR_COND_PARSE_SYNTAX_ERROR, 9},
    {"array", MR_COND_INCOMPLETE_TYPE_DEFINITION__ARRAY, -1},
    {"map", MR_COND_INCOMPLETE_TYPE_DEFINITION__MAP, -1},
    {"struct", MR_COND_INCOMPLETE_TYPE_DEFINITION__STRUCT, -1},
    {"map<int>", MR_COND_PARSE_SYNTAX_ERROR, 7},
    {"char", MR_COND_DATATYPE_MISSING_SIZE, -1},
    {"decimal(39,0)", MR_COND_DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION, -1},
    {"decimal(99999999999999999999,0)", MR_COND_DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION, -1},
    {"decimal(5,6)", MR_COND__LEGACY_ERROR_TEMP_1228, -1},
    {"decimal(1,2,3)", MR_COND_PARSE_SYNTAX_ERROR, 12},
    {"time(7)", MR_COND_UNSUPPORTED_TIME_PRECISION, -1},
    {"string collate nope", MR_COND_COLLATION_INVALID_NAME, -1},
    {"interval month to year", MR_COND_PARSE_SYNTAX_ERROR, -1},
    {"struct<`a:int>", MR_COND_PARSE_SYNTAX_ERROR, 7},
};

static void a_fault_names_its_condition_and_place(void **state)
{
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(faults); i++) {
        MrError err = {.sql_idx = -1};
        const MrType *type;
        assert_int_not_equal(
            mr_type_parse(&fixture->arena, mr_text(faults[i].text), false, &type, &err), MR_OK);
        if (strcmp(mr_error_condition(&err), mr_conditions[faults[i].condition].name) != 0 ||
            (faults[i].sql_idx >= 0 && err.sql_idx != faults[i].sql_idx))
            fail_msg("'%s': %s at %d", faults[i].text, mr_error_condition(&err), err.sql_idx);
    }
}

static void depth_is_limited(void **state)
{
    Fixture *fixture = *state;
    MrTextBuilder text = {.arena = &fixture->arena};
    MrError err = {0};
    const MrType *type;
    for (int i = 0; i < 100000; i++)
        mr_builder_str(&text, "array<");
    assert_int_equal(mr_type_parse(&fixture->arena, mr_builder_text(&text), false, &type, &err),
                     MR_INVALID);
}

static void a_column_list_is_a_struct(void **state)
{
    Fixture *fixture = *state;
    MrError err = {0};
    const MrType *type;
    assert_int_equal(mr_type_parse(&fixture->arena,
                                   MR_TEXT("a INT, b STRING NOT NULL COMMENT \"x\""), true, &type,
                                   &err),
                     MR_OK);
    assert_int_equal(type->n_fields, 2);
    assert_false(type->fields[1].nullable);
    assert_string_equal(type->fields[1].comment, "x");
}

static const struct {
    const char *collation, *a, *b;
    int order;
} orders[] = {
    {"UTF8_LCASE", "AbC", "aBc", 0},
    {"UTF8_LCASE", "a", "B", -1},
    {"UTF8_LCASE", "\xC4\xB0", "i\xCC\x87", 0},
    {"UTF8_LCASE_RTRIM", "AbC  ", "aBc", 0},
    {"UTF8_BINARY_RTRIM", "a ", "a", 0},
    {"UNICODE", "a", "A", -1},
    {"UNICODE_CI", "a", "A", 0},
    {"UNICODE_CI", "a", "\xC3\xA4", -1},
    {"UNICODE_AI", "a", "\xC3\xA4", 0},
    {"UNICODE_AI", "a", "A", -1},
    {"UNICODE_CI_AI_RTRIM", "a  ", "\xC3\x84", 0},
};

static void collations_order_and_hash_alike(void **state)
{
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(orders); i++) {
        int32_t id = mr_collation_find(mr_text(orders[i].collation));
        MrText a = mr_text(orders[i].a), b = mr_text(orders[i].b);
        int order = mr_collation_compare(id, a, b);
        if (order != orders[i].order)
            fail_msg("%s: '%s' '%s' give %d", orders[i].collation, orders[i].a, orders[i].b, order);
        assert_int_equal(mr_collation_compare(id, b, a), -order);
        assert_int_equal(mr_collation_hash(id, a, 7) == mr_collation_hash(id, b, 7), order == 0);
        MrText x = mr_collation_key(&fixture->arena, id, a),
               y = mr_collation_key(&fixture->arena, id, b);
        int keys = mr_text_compare(x, y);
        assert_int_equal((keys > 0) - (keys < 0), order);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(texts_are_read_and_printed_as_spark_does, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fault_names_its_condition_and_place, set_up, tear_down),
        cmocka_unit_test_setup_teardown(depth_is_limited, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_column_list_is_a_struct, set_up, tear_down),
        cmocka_unit_test_setup_teardown(collations_order_and_hash_alike, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
