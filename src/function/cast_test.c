/* cast_test.c - casts of single values by all three rules, and values as text. */
#include "function/cast_int.h"
#include "function/calendar.h"
#include "function/time_zone.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    MrZones *zones;
    MrSettings settings;
} Fixture;

static Fixture fixture;

static MrStatus no_zone(void *self, const char *id, MrBuffer *out, MrError *err)
{
    return MR_OK;
}

static int set_up(void **state)
{
    MrError err = {0};
    fixture = (Fixture){0};
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    if (mr_zones_create(&fixture.budget, no_zone, NULL, &fixture.zones, &err) != MR_OK)
        return 1;
    fixture.settings = (MrSettings){.ansi = true, .zone_id = "-08:00", .zones = fixture.zones};
    return mr_zone_find(fixture.zones, "-08:00", &fixture.settings.zone, &err) != MR_OK;
}

static int tear_down(void **state)
{
    mr_zones_destroy(fixture.zones);
    mr_arena_deinit(&fixture.arena);
    assert_int_equal(fixture.budget.used_bytes, 0);
    return 0;
}

static MrStatus cast_one(MrVector *in, const MrType *to, MrCastMode mode, MrVector **out,
                         MrError *err)
{
    MrBound *bound;
    MR_TRY(mr_cast_bind(&fixture.arena, &fixture.settings, in->type, to, mode, "x", &bound, err));
    MrEvalContext context = {.settings = &fixture.settings, .now_us = INT64_C(1600000000000000)};
    MrVector *vec = mr_vector_create(&fixture.arena, to, 1);
    MrCall call = {.context = &context,
                   .bound = bound,
                   .n_args = 1,
                   .args = &in,
                   .n = 1,
                   .n_rows = 1,
                   .out = vec,
                   .arena = &fixture.arena};
    MR_TRY(bound->call(&call, err));
    *out = call.out;
    return MR_OK;
}

/* Text cast to `from` (ANSI), then to `to`; what comes out as a Hive string, or the condition. */
static const struct {
    char mode;
    const char *from, *text, *to, *result;
} cases[] = {
    {'A', "STRING", " 12\t", "INT", "12"},
    {'A', "STRING", "1.5", "INT", "!CAST_INVALID_INPUT"},
    {'L', "STRING", "1.5", "INT", "1"},
    {'L', "STRING", ".", "INT", "0"},
    {'T', "STRING", "abc", "INT", "NULL"},
    {'A', "STRING", "-128", "TINYINT", "-128"},
    {'A', "STRING", "128", "TINYINT", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "-9223372036854775808", "BIGINT", "-9223372036854775808"},
    {'A', "STRING", "9223372036854775808", "BIGINT", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "-", "BIGINT", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "1d", "DOUBLE", "1.0"},
    {'A', "STRING", "1e400", "DOUBLE", "Infinity"},
    {'A', "STRING", "-inf", "DOUBLE", "-Infinity"},
    {'A', "STRING", "NaN", "FLOAT", "NaN"},
    {'A', "STRING", "0x1F", "DOUBLE", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "16777217", "FLOAT", "1.6777216E7"},
    {'A', "STRING", "yes", "BOOLEAN", "true"},
    {'A', "STRING", "2", "BOOLEAN", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "1.5e3", "DECIMAL(10,2)", "1500.00"},
    {'A', "STRING", "1.005", "DECIMAL(10,2)", "1.01"},
    {'A', "STRING", "128", "DECIMAL(3,3)", "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
    {'A', "STRING", "1e400", "DECIMAL(3,3)", "!NUMERIC_OUT_OF_SUPPORTED_RANGE"},
    {'T', "STRING", "1e400", "DECIMAL(3,3)", "NULL"},
    {'A', "STRING", "\xEF\xBC\x91", "DECIMAL(3,0)", "1"},
    {'A', "BIGINT", "4294967296", "INT", "!CAST_OVERFLOW"},
    {'L', "BIGINT", "4294967297", "INT", "1"},
    {'T', "BIGINT", "4294967296", "INT", "NULL"},
    {'A', "DOUBLE", "127.9", "TINYINT", "127"},
    {'A', "DOUBLE", "128", "TINYINT", "!CAST_OVERFLOW"},
    {'A', "DOUBLE", "NaN", "INT", "!CAST_OVERFLOW"},
    {'L', "DOUBLE", "NaN", "INT", "0"},
    {'L', "DOUBLE", "1e30", "BIGINT", "9223372036854775807"},
    {'A', "DOUBLE", "NaN", "DECIMAL(10,2)", "NULL"},
    {'A', "DOUBLE", "0.1", "DECIMAL(3,3)", "0.100"},
    {'A', "DECIMAL(10,2)", "-1.55", "INT", "-1"},
    {'A', "DECIMAL(10,2)", "-1.55", "DECIMAL(2,1)", "-1.6"},
    {'A', "DECIMAL(10,2)", "1.55", "DECIMAL(38,20)", "1.55000000000000000000"},
    {'A', "DECIMAL(10,2)", "155.5", "DECIMAL(3,2)", "!NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION"},
    {'L', "DECIMAL(20,10)", "0.0000000001", "STRING", "1E-10"},
    {'A', "DECIMAL(20,10)", "0.0000000001", "STRING", "0.0000000001"},
    {'A', "BOOLEAN", "true", "DOUBLE", "1.0"},
    {'A', "INT", "0", "BOOLEAN", "false"},
    {'A', "STRING", "2020-1-2", "DATE", "2020-01-02"},
    {'A', "STRING", "2020-01-02T", "DATE", "2020-01-02"},
    {'A', "STRING", "2020-02-30", "DATE", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "-0044-03-15", "DATE", "-0044-03-15"},
    {'A', "STRING", "epoch", "DATE", "1970-01-01"},
    {'A', "STRING", "2020-01-02 03:04:05.1234567", "TIMESTAMP", "2020-01-02 03:04:05.123456"},
    {'A', "STRING", "2020-01-02 03:04:05Z", "TIMESTAMP", "2020-01-01 19:04:05"},
    {'A', "STRING", "2020-01-02 03:04:05 +08:00", "TIMESTAMP", "2020-01-01 11:04:05"},
    {'A', "STRING", "2020-01-02 24:00:00", "TIMESTAMP", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "2020-01-02T", "TIMESTAMP", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "2020-01-02 03:04:05Z", "TIMESTAMP_NTZ", "2020-01-02 03:04:05"},
    {'A', "STRING", "03:04", "TIMESTAMP_NTZ", "!CAST_INVALID_INPUT"},
    {'A', "STRING", "12:30:01.5 AM", "TIME", "00:30:01.5"},
    {'A', "STRING", "01:02:03.999999", "TIME(3)", "01:02:03.999"},
    {'A', "STRING", "12:60", "TIME", "!CAST_INVALID_INPUT"},
    {'A', "TIMESTAMP", "2020-01-02 03:04:05", "DATE", "2020-01-02"},
    {'A', "TIMESTAMP", "1969-12-31 15:59:59.5", "BIGINT", "-1"},
    {'A', "BIGINT", "9223372036854775807", "TIMESTAMP", "+294247-01-09 20:00:54.775807"},
    {'A', "DATE", "2020-01-02", "TIMESTAMP", "2020-01-02 00:00:00"},
    {'A', "DATE", "2020-01-02", "INT", "!DATATYPE_MISMATCH.CAST_WITH_FUNC_SUGGESTION"},
    {'L', "DATE", "2020-01-02", "INT", "NULL"},
    {'A', "INT", "1", "BINARY", "!DATATYPE_MISMATCH.CAST_WITH_CONF_SUGGESTION"},
    {'L', "INT", "65", "BINARY", "\0"},
    {'A', "INT", "1", "ARRAY<INT>", "!DATATYPE_MISMATCH.CAST_WITHOUT_SUGGESTION"},
    {'A', "STRING", "1-2", "INTERVAL YEAR TO MONTH", "1-2"},
    {'A', "STRING", "INTERVAL -'1-2' YEAR TO MONTH", "INTERVAL YEAR TO MONTH", "-1-2"},
    {'A', "STRING", "1-12", "INTERVAL YEAR TO MONTH", "!INVALID_INTERVAL_FORMAT.INTERVAL_PARSING"},
    {'A', "STRING", "-106751991 04:00:54.775808", "INTERVAL DAY TO SECOND",
     "-106751991 04:00:54.775808000"},
    {'L', "STRING", "1", "INTERVAL DAY TO SECOND",
     "!INVALID_INTERVAL_FORMAT.UNMATCHED_FORMAT_STRING_WITH_NOTICE"},
    {'T', "STRING", "1", "INTERVAL DAY TO SECOND", "NULL"},
    {'A', "STRING", "interval 1 year -3 days 2.5 seconds", "INTERVAL",
     "1 years -3 days 2.5 seconds"},
    {'A', "STRING", "1 parsec", "INTERVAL", "NULL"},
    {'A', "INTERVAL SECOND", "-1", "STRING", "INTERVAL '-01' SECOND"},
    {'A', "INTERVAL DAY TO SECOND", "1 02:03:04.5", "STRING",
     "INTERVAL '1 02:03:04.5' DAY TO SECOND"},
    {'L', "INTERVAL HOUR TO SECOND", "23:59:59", "SMALLINT", "!CAST_OVERFLOW"},
    {'A', "DECIMAL(10,6)", "80.654321", "INTERVAL HOUR TO MINUTE", "0 01:20:00.000000000"},
    {'A', "DECIMAL(10,6)", "10.654321", "INTERVAL MONTH", "0-11"},
    {'A', "BINARY", "abc", "STRING", "abc"},
};

static void values_are_cast_as_spark_does(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        MrError err = {0};
        const MrType *from, *to;
        MrVector *in, *out = NULL;
        MrCastMode mode = cases[i].mode == 'A'   ? MR_CAST_ANSI
                          : cases[i].mode == 'L' ? MR_CAST_LEGACY
                                                 : MR_CAST_TRY;
        MrStr str = mr_str_own(&fixture.arena, cases[i].text, (int64_t)strlen(cases[i].text));
        assert_int_equal(mr_type_parse(&fixture.arena, mr_text(cases[i].from), false, &from, &err),
                         MR_OK);
        assert_int_equal(mr_type_parse(&fixture.arena, mr_text(cases[i].to), false, &to, &err),
                         MR_OK);
        in = mr_vector_constant(&fixture.arena, MR_T(STRING), &str);
        fixture.settings.ansi = mode != MR_CAST_LEGACY;
        if (from->kind != MR_TYPE_STRING)
            assert_int_equal(cast_one(in, from, MR_CAST_ANSI, &in, &err), MR_OK);
        MrStatus status = cast_one(in, to, mode, &out, &err);
        MrTextBuilder text = {.arena = &fixture.arena};
        if (status == MR_OK)
            mr_value_text(out, 0, MR_TEXT_HIVE, &fixture.settings, &text);
        else
            mr_builder_printf(&text, "!%s", mr_error_condition(&err));
        if (strcmp(mr_builder_text(&text).data, cases[i].result) != 0)
            fail_msg("%c '%s' as %s to %s gives %s, not %s", cases[i].mode, cases[i].text,
                     cases[i].from, cases[i].to, mr_builder_text(&text).data, cases[i].result);
    }
}

/* [{a: 1, b: "x"}, {a: 300, b: NULL}, NULL] */
static MrVector *nested_value(void)
{
    MrArena *arena = &fixture.arena;
    MrField fields[] = {{.name = "a", .type = MR_T(INT), .nullable = true},
                        {.name = "b", .type = MR_T(STRING), .nullable = true}};
    MrVector *vec =
        mr_vector_create(arena, mr_type_array(arena, mr_type_struct(arena, fields, 2), true), 1);
    mr_vector_list_reserve(arena, vec, 3);
    vec->list[0] = (MrSlice){0, 3};
    MrVector *element = vec->children[0];
    element->n_items = 3;
    element->children[0]->i32[0] = 1;
    element->children[0]->i32[1] = 300;
    element->children[0]->i32[2] = 70000; /* under a NULL: no cast may see it */
    element->children[1]->str[0] = mr_str_borrow("x", 1);
    mr_vector_set_null(arena, element->children[1], 1, 3);
    mr_vector_set_null(arena, element, 2, 3);
    return vec;
}

static void nested_values_are_cast_element_by_element(void **state)
{
    MrError err = {0};
    const MrType *to;
    MrVector *in = nested_value(), *out;
    static const struct {
        MrCastMode mode;
        const char *to, *result;
    } nested[] = {
        {MR_CAST_ANSI, "ARRAY<STRUCT<x: SMALLINT, y: STRING>>",
         "[{\"x\":1,\"y\":\"x\"},{\"x\":300,\"y\":null},null]"},
        {MR_CAST_TRY, "ARRAY<STRUCT<x: TINYINT, y: STRING>>",
         "[{\"x\":1,\"y\":\"x\"},{\"x\":null,\"y\":null},null]"},
        {MR_CAST_ANSI, "STRING", "[{1, x}, {300, null}, null]"},
    };
    for (int64_t i = 0; i < MR_COUNT(nested); i++) {
        MrTextBuilder text = {.arena = &fixture.arena};
        assert_int_equal(mr_type_parse(&fixture.arena, mr_text(nested[i].to), false, &to, &err),
                         MR_OK);
        assert_int_equal(cast_one(in, to, nested[i].mode, &out, &err), MR_OK);
        mr_value_text(out, 0, MR_TEXT_HIVE, &fixture.settings, &text);
        assert_string_equal(mr_builder_text(&text).data, nested[i].result);
    }
    assert_int_equal(mr_type_parse(&fixture.arena, MR_TEXT("ARRAY<STRUCT<x: TINYINT, y: STRING>>"),
                                   false, &to, &err),
                     MR_OK);
    assert_int_equal(cast_one(in, to, MR_CAST_ANSI, &out, &err), MR_INVALID);
    assert_string_equal(mr_error_param(&err, "value"), "300");
}

static void a_value_has_a_text_in_each_style(void **state)
{
    static const char *const texts[] = {
        [MR_TEXT_CAST] = "[{1, x}, {300, null}, null]",
        [MR_TEXT_SHOW] = "[{1, x}, {300, NULL}, NULL]",
        [MR_TEXT_HIVE] = "[{\"a\":1,\"b\":\"x\"},{\"a\":300,\"b\":null},null]",
        [MR_TEXT_SQL] = "ARRAY(NAMED_STRUCT('a', 1, 'b', 'x'), NAMED_STRUCT('a', 300, 'b', "
                        "CAST(NULL AS STRING)), NULL)",
        [MR_TEXT_JSON] = "[{\"a\":1,\"b\":\"x\"},{\"a\":300},null]",
    };
    MrVector *vec = nested_value();
    for (size_t style = 0; style < MR_COUNT(texts); style++) {
        MrTextBuilder text = {.arena = &fixture.arena};
        mr_value_text(vec, 0, (MrTextStyle)style, &fixture.settings, &text);
        assert_string_equal(mr_builder_text(&text).data, texts[style]);
    }
}

static void rows_outside_the_selection_raise_nothing(void **state)
{
    MrError err = {0};
    MrArena *arena = &fixture.arena;
    MrBound *bound;
    MrVector *in = mr_vector_create(arena, MR_T(BIGINT), 4);
    uint16_t sel[] = {0, 3};
    in->i64[0] = 1;
    in->i64[1] = INT64_MAX;
    in->i64[2] = INT64_MAX;
    in->i64[3] = 4;
    mr_vector_set_null(arena, in, 2, 4);
    assert_int_equal(mr_cast_bind(arena, &fixture.settings, MR_T(BIGINT), MR_T(INT), MR_CAST_ANSI,
                                  "x", &bound, &err),
                     MR_OK);
    assert_true(bound->flags & MR_FN_CAN_FAIL);
    MrEvalContext context = {.settings = &fixture.settings};
    MrCall call = {.context = &context,
                   .bound = bound,
                   .n_args = 1,
                   .args = &in,
                   .n = 2,
                   .sel = sel,
                   .n_rows = 4,
                   .out = mr_vector_create(arena, MR_T(INT), 4),
                   .arena = arena};
    assert_int_equal(bound->call(&call, &err), MR_OK);
    assert_int_equal(call.out->i32[3], 4);
    call.sel = NULL;
    call.n = 4;
    assert_int_equal(bound->call(&call, &err), MR_INVALID);
    assert_string_equal(mr_error_param(&err, "value"), "9223372036854775807L");
    in->i64[1] = 2; /* now only the NULL row does not fit */
    assert_int_equal(bound->call(&call, &err), MR_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_are_cast_as_spark_does, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nested_values_are_cast_element_by_element, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_value_has_a_text_in_each_style, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rows_outside_the_selection_raise_nothing, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
