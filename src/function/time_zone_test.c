/* time_zone_test.c - a zone from a made-up TZif file, and ids of fixed offsets. */
#include "function/time_zone.h"
#include "function/calendar.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void put_be(MrBuffer *out, int64_t value, int n_bytes)
{
    MrError err = {0};
    for (int i = n_bytes - 1; i >= 0; i--)
        assert_int_equal(mr_buffer_put_u8(out, (uint8_t)((uint64_t)value >> (8 * i)), &err), MR_OK);
}

/* Standard time -8 h since 1883-11-18, then the rule given. */
static void put_tzif(MrBuffer *out, const char *rule)
{
    MrError err = {0};
    for (int block = 0; block < 2; block++) {
        int64_t n_time = block, n_type = block ? 2 : 1, n_char = 8;
        assert_int_equal(mr_buffer_put(out, "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 20, &err),
                         MR_OK);
        put_be(out, 0, 4);
        put_be(out, 0, 4);
        put_be(out, 0, 4);
        put_be(out, n_time, 4);
        put_be(out, n_type, 4);
        put_be(out, n_char, 4);
        if (block) {
            put_be(out, -2717640000, 8);
            put_be(out, 1, 1);
        }
        put_be(out, -28378, 4);
        put_be(out, 0, 2);
        if (block) {
            put_be(out, -28800, 4);
            put_be(out, 0, 2);
        }
        assert_int_equal(mr_buffer_put(out, "LMT\0PST\0", 8, &err), MR_OK);
    }
    assert_int_equal(mr_buffer_printf(out, &err, "\n%s\n", rule), MR_OK);
}

static MrStatus read_zone(void *self, const char *id, MrBuffer *out, MrError *err)
{
    if (strcmp(id, "Test/Pacific") == 0 || strcmp(id, "America/Los_Angeles") == 0)
        put_tzif(out, "PST8PDT,M3.2.0,M11.1.0");
    if (strcmp(id, "Test/South") == 0)
        put_tzif(out, "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0");
    if (strcmp(id, "Test/Broken") == 0)
        put_tzif(out, "PST8PDT,M13.2.0,M11.1.0");
    if (strcmp(id, "Test/Cut") == 0) {
        put_tzif(out, "PST8");
        out->size_bytes -= 30;
    }
    return MR_OK;
}

typedef struct Fixture {
    MrBudget budget;
    MrZones *zones;
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;
    MrError err = {0};
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    if (mr_zones_create(&fixture.budget, read_zone, NULL, &fixture.zones, &err) != MR_OK)
        return 1;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    mr_zones_destroy(fixture->zones);
    assert_int_equal(fixture->budget.used_bytes, 0);
    return 0;
}

static int64_t at_us(int64_t year, int32_t month, int32_t day, int32_t hour, int32_t minute)
{
    return (mr_civil_to_days(year, month, day) * 1440 + hour * 60 + minute) * 60 * MR_US_PER_SECOND;
}

static const struct {
    const char *id;
    int64_t local[5], utc[5]; /* local as wanted, instant that it means */
} locals[] = {
    {"Test/Pacific", {2020, 1, 1, 0, 0}, {2020, 1, 1, 8, 0}},
    {"Test/Pacific", {2020, 7, 1, 0, 0}, {2020, 7, 1, 7, 0}},
    {"Test/Pacific", {2020, 3, 8, 1, 59}, {2020, 3, 8, 9, 59}},
    {"Test/Pacific", {2020, 3, 8, 2, 30}, {2020, 3, 8, 10, 30}}, /* a gap: the offset before */
    {"Test/Pacific", {2020, 3, 8, 3, 0}, {2020, 3, 8, 10, 0}},
    {"Test/Pacific", {2020, 11, 1, 1, 30}, {2020, 11, 1, 8, 30}}, /* an overlap: the earlier */
    {"Test/Pacific", {2020, 11, 1, 2, 0}, {2020, 11, 1, 10, 0}},
    {"Test/Pacific", {2149, 7, 1, 0, 0}, {2149, 7, 1, 7, 0}},
    {"Test/Pacific", {2151, 7, 1, 0, 0}, {2151, 7, 1, 7, 0}},
    {"Test/Pacific", {9999, 12, 31, 0, 0}, {9999, 12, 31, 8, 0}},
    {"Test/Pacific", {9998, 3, 8, 1, 0}, {9998, 3, 8, 9, 0}},
    {"Test/South", {2020, 1, 1, 0, 0}, {2019, 12, 31, 13, 0}},
    {"Test/South", {2020, 7, 1, 0, 0}, {2020, 6, 30, 13, 30}},
    {"PST", {2020, 1, 1, 0, 0}, {2020, 1, 1, 8, 0}},
    {"+08:00", {2020, 1, 1, 0, 0}, {2019, 12, 31, 16, 0}},
    {"+8:00", {2020, 1, 1, 0, 0}, {2019, 12, 31, 16, 0}},
    {"+08:3", {2020, 1, 1, 0, 0}, {2019, 12, 31, 15, 57}},
    {"UTC-1", {2020, 1, 1, 0, 0}, {2020, 1, 1, 1, 0}},
    {"GMT+0130", {2020, 1, 1, 0, 0}, {2019, 12, 31, 22, 30}},
    {"Z", {2020, 1, 1, 0, 0}, {2020, 1, 1, 0, 0}},
    {"EST", {2020, 7, 1, 0, 0}, {2020, 7, 1, 5, 0}},
};

static void local_times_mean_the_instants_of_java_time(void **state)
{
    Fixture *fixture = *state;
    MrError err = {0};
    for (int64_t i = 0; i < MR_COUNT(locals); i++) {
        const MrZone *zone;
        const int64_t *l = locals[i].local, *u = locals[i].utc;
        assert_int_equal(mr_zone_find(fixture->zones, locals[i].id, &zone, &err), MR_OK);
        assert_string_equal(mr_zone_id(zone), locals[i].id);
        int64_t local_us = at_us(l[0], (int32_t)l[1], (int32_t)l[2], (int32_t)l[3], (int32_t)l[4]);
        int64_t utc_us = at_us(u[0], (int32_t)u[1], (int32_t)u[2], (int32_t)u[3], (int32_t)u[4]);
        if (mr_zone_to_utc_us(zone, local_us) != utc_us)
            fail_msg("%s case %d: off by %lld min", locals[i].id, (int)i,
                     (long long)((mr_zone_to_utc_us(zone, local_us) - utc_us) / 60000000));
    }
}

static void both_ways_agree_outside_gaps(void **state)
{
    Fixture *fixture = *state;
    MrError err = {0};
    const MrZone *zone;
    assert_int_equal(mr_zone_find(fixture->zones, "Test/Pacific", &zone, &err), MR_OK);
    int32_t n_overlaps = 0;
    for (int64_t us = at_us(1880, 1, 1, 0, 0); us < at_us(2300, 1, 1, 0, 0);
         us += INT64_C(3571) * MR_US_PER_SECOND) {
        int64_t again = mr_zone_to_utc_us(zone, mr_zone_to_local_us(zone, us));
        n_overlaps += again != us; /* the second hour of an overlap */
        assert_true(again == us || again == us - 3600 * MR_US_PER_SECOND ||
                    us < at_us(1884, 1, 1, 0, 0));
    }
    assert_in_range(n_overlaps, 300, 500);
}

static void ids_that_are_none_are_refused(void **state)
{
    static const char *const ids[] = {
        "",
        " ",
        "a",
        "utc",
        "+19:00",
        "+18:01",
        "+08:60",
        "+",
        "+1:",
        "+123",
        "UTC+",
        "Mars/Base",
        "posix/UTC",
        "../etc/passwd",
        "Test/Broken",
        "Test/Cut",
        "+08:00 ",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"};
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(ids); i++) {
        MrError err = {0};
        const MrZone *zone;
        if (mr_zone_find(fixture->zones, ids[i], &zone, &err) != MR_INVALID)
            fail_msg("'%s' is a zone", ids[i]);
        assert_string_equal(mr_error_condition(&err), "INVALID_TIMEZONE");
        assert_string_equal(mr_error_param(&err, "timeZone"), ids[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(local_times_mean_the_instants_of_java_time, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(both_ways_agree_outside_gaps, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ids_that_are_none_are_refused, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
