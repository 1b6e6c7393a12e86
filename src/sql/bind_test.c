/* bind_test.c - queries and what the binder makes of them: columns, plans, failures. */
#include "sql/bind.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    MrError err;
    MrSettings settings;
    MrEvalContext context;
    MrPlanner planner;
} Fixture;

/* t(a INT, b STRING, s STRUCT<x: INT>) and u(a INT, c DOUBLE). */
static MrStatus find_relation(void *self, const MrBindPlace *place, const char *const *parts,
                              int32_t n_parts, const MrOptions *options, bool streaming,
                              MrArena *arena, MrBindRelation *out, MrError *err)
{
    const char *name = parts[n_parts - 1];
    const char *text = NULL;
    if (strcmp(name, "t") == 0)
        text =
            "SELECT * FROM VALUES (1, 'x', struct(5 AS x)), (2, 'y', struct(6 AS x)) AS v(a, b, s)";
    else if (strcmp(name, "u") == 0)
        text = "SELECT * FROM VALUES (1, 1.5D), (3, 2.5D) AS v(a, c)";
    if (!text)
        return MR_OK;
    out->kind = MR_BIND_VIEW;
    out->n_parts = 1;
    out->parts = parts + n_parts - 1;
    out->text = mr_text(text);
    return MR_OK;
}

static int set_up(void **state)
{
    static Fixture fixture;
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    fixture.settings = (MrSettings){.ansi = true, .zone_id = "UTC"};
    fixture.context = (MrEvalContext){.settings = &fixture.settings};
    fixture.planner = (MrPlanner){&fixture.arena, &fixture.settings, &fixture.context, 1, 1};
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    mr_arena_deinit(&fixture->arena);
    mr_budget_deinit(&fixture->budget);
    return 0;
}

static MrStatus bind(Fixture *fixture, const char *sql, MrBoundQuery *out)
{
    MrStatus status;
    MrBindCatalog catalog = {.find_relation = find_relation};
    MrBindOptions options = {
        .planner = &fixture->planner, .catalog = &catalog, .text = mr_text(sql)};
    fixture->err = (MrError){.sql_idx = -1};
    MR_GUARD_BEGIN(status, &fixture->err)
        MrSqlStatement *statement = NULL;
        status =
            mr_sql_parse_statement(&fixture->arena, mr_text(sql), NULL, &statement, &fixture->err);
        if (status == MR_OK)
            status = mr_bind_query(&options, statement->query, out, &fixture->err);
    MR_GUARD_END(status)
    return status;
}

static const char *schema_of(Fixture *fixture, const MrPlan *plan)
{
    MrTextBuilder out = {.arena = &fixture->arena};
    for (int32_t i = 0; i < plan->n_cols; i++)
        mr_builder_printf(&out, "%s%s:%s", i ? "," : "", plan->cols[i].name,
                          mr_type_catalog_text(&fixture->arena, plan->cols[i].type));
    return mr_builder_text(&out).data;
}

static void columns_are_named_and_typed_as_in_spark(void **state)
{
    static const struct {
        const char *sql, *schema;
    } rows[] = {
        {"SELECT 1+1", "(1 + 1):int"},
        {"SELECT a, A AS z, t.b, s.x FROM t", "a:int,z:int,b:string,x:int"},
        {"SELECT * FROM t JOIN u USING (a)", "a:int,b:string,s:struct<x:int>,c:double"},
        {"SELECT count(*), sum(a) FROM t", "count(1):bigint,sum(a):bigint"},
        {"SELECT b, max(a) m FROM t GROUP BY 1 HAVING m > 0 ORDER BY m DESC", "b:string,m:int"},
        {"SELECT a IN (1, 2), NOT a = 1, a BETWEEN 1 AND 2 FROM t",
         "(a IN (1, 2)):boolean,(NOT (a = 1)):boolean,between(a, 1, 2):boolean"},
        {"SELECT CASE WHEN a > 1 THEN 1 ELSE 2.5 END FROM t",
         "CASE WHEN (a > 1) THEN 1 ELSE 2.5 END:decimal(11,1)"},
        {"SELECT (SELECT max(c) FROM u WHERE u.a = t.a) FROM t", "scalarsubquery(a):double"},
        {"SELECT row_number() OVER (PARTITION BY b ORDER BY a) FROM t",
         "row_number() OVER (PARTITION BY b ORDER BY a ASC NULLS FIRST ROWS BETWEEN UNBOUNDED "
         "PRECEDING AND CURRENT "
         "ROW):int"},
        {"SELECT a FROM t UNION ALL SELECT c FROM u", "a:double"},
        {"SELECT s.* FROM t", "x:int"},
        {"SELECT * EXCEPT (s) FROM t", "a:int,b:string"},
        {"WITH q(n) AS (SELECT a FROM t) SELECT x.n FROM q x, q y", "n:int"},
        {"SELECT a + 1 AS p, p * 2 AS q FROM t", "p:int,q:int"},
        {"SELECT window.start AS f, count(*) AS n FROM VALUES (TIMESTAMP_NTZ'2020-01-01 00:05:00') "
         "v(ts) "
         "GROUP BY window(ts, '10 minutes', '5 minutes')",
         "f:timestamp_ntz,n:bigint"},
        {"SELECT session_window, count(*) AS n FROM VALUES (TIMESTAMP_NTZ'2020-01-01 00:05:00') "
         "v(ts) "
         "GROUP BY session_window(ts, '10 minutes')",
         "session_window:struct<start:timestamp_ntz,end:timestamp_ntz>,n:bigint"},
        {"SELECT * FROM t PIVOT (count(*) FOR a IN (1, 2 AS two))",
         "b:string,s:struct<x:int>,1:bigint,two:bigint"},
        {"FROM t |> WHERE a > 1 |> EXTEND a + 1 AS n |> DROP s", "a:int,b:string,n:int"},
    };
    for (int64_t i = 0; i < MR_COUNT(rows); i++) {
        MrBoundQuery query = {0};
        if (bind(*state, rows[i].sql, &query) != MR_OK)
            fail_msg("%s: %s", rows[i].sql, mr_error_condition(&((Fixture *)*state)->err));
        assert_string_equal(schema_of(*state, query.plan), rows[i].schema);
    }
}

static void wrong_queries_fail_as_in_spark(void **state)
{
    static const struct {
        const char *sql, *condition, *param, *value;
        int32_t idx, len;
    } rows[] = {
        {"SELECT aa FROM t", "UNRESOLVED_COLUMN.WITH_SUGGESTION", "proposal", "`a`, `b`, `s`", 7,
         2},
        {"SELECT a FROM t, u", "AMBIGUOUS_REFERENCE", "referenceNames", "[`t`.`a`, `u`.`a`]", 7, 1},
        {"SELECT b, a FROM t GROUP BY b", "MISSING_AGGREGATION", "expression", "\"a\"", 10, 1},
        {"SELECT b FROM t GROUP BY 2", "GROUP_BY_POS_OUT_OF_RANGE", "size", "1", 25, 1},
        {"SELECT b FROM t ORDER BY 3", "ORDER_BY_POS_OUT_OF_RANGE", "index", "3", 25, 1},
        {"SELECT * FROM nowhere", "TABLE_OR_VIEW_NOT_FOUND", "relationName", "`nowhere`", 14, 7},
        {"SELECT a FROM t WHERE count(*) > 1", "INVALID_WHERE_CONDITION", "expressionList",
         "count(1)", 22, 12},
        {"SELECT sum(sum(a)) FROM t", "NESTED_AGGREGATE_FUNCTION", NULL, NULL, 7, 11},
        {"SELECT s.nope FROM t", "FIELD_NOT_FOUND", "fields", "`x`", 7, 6},
        {"SELECT a, b FROM t UNION SELECT a FROM u", "NUM_COLUMNS_MISMATCH", "invalidNumColumns",
         "1", 0, 40},
        {"SELECT nope(1)", "UNRESOLVED_ROUTINE", "routineName", "`nope`", 7, 7},
    };
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(rows); i++) {
        MrBoundQuery query = {0};
        assert_int_equal(bind(fixture, rows[i].sql, &query), MR_INVALID);
        assert_string_equal(mr_error_condition(&fixture->err), rows[i].condition);
        if (rows[i].param)
            assert_string_equal(mr_error_param(&fixture->err, rows[i].param), rows[i].value);
        assert_int_equal(fixture->err.sql_idx, rows[i].idx);
        assert_int_equal(fixture->err.sql_len, rows[i].len);
    }
}

static bool free_of_queries(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_OUTER || expr->kind == MR_EXPR_SCALAR_QUERY ||
             expr->kind == MR_EXPR_EXISTS || expr->kind == MR_EXPR_IN_QUERY;
    return true;
}

static void no_subquery_is_left_in_an_optimized_plan(void **state)
{
    static const char *const queries[] = {
        "SELECT * FROM t WHERE a IN (SELECT a FROM u)",
        "SELECT * FROM t WHERE a NOT IN (SELECT a FROM u WHERE u.c > t.a)",
        "SELECT * FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a) OR b = 'x'",
        "SELECT (SELECT count(*) FROM u WHERE u.a = t.a) FROM t",
        "SELECT (SELECT c FROM u WHERE u.a < t.a ORDER BY c LIMIT 1) FROM t",
        "SELECT * FROM t, LATERAL (SELECT c FROM u WHERE u.a = t.a UNION ALL SELECT t.a)",
        "SELECT a FROM t WHERE a > (SELECT min(a) FROM u WHERE u.a = (SELECT max(a) FROM t t2 "
        "WHERE t2.a = u.a))",
        "SELECT b FROM t GROUP BY b HAVING EXISTS (SELECT 1 FROM u WHERE u.a = max(t.a))",
        "SELECT a FROM t INTERSECT SELECT a FROM u",
    };
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(queries); i++) {
        MrBoundQuery query = {0};
        MrPlan *plan = NULL;
        bool found = false;
        MrStatus status;
        if (bind(fixture, queries[i], &query) != MR_OK)
            fail_msg("%s: %s", queries[i], mr_error_condition(&fixture->err));
        MR_GUARD_BEGIN(status, &fixture->err)
            status = mr_plan_optimize(&fixture->planner, query.plan, &plan, &fixture->err);
        MR_GUARD_END(status)
        assert_int_equal(status, MR_OK);
        mr_plan_each_expr(plan, free_of_queries, &found);
        if (found)
            fail_msg("%s", queries[i]);
        assert_string_equal(schema_of(fixture, plan), schema_of(fixture, query.plan));
    }
}

static void order_is_part_of_the_answer_only_below_order_by(void **state)
{
    MrBoundQuery query = {0};
    assert_int_equal(bind(*state, "SELECT a FROM t ORDER BY a LIMIT 1", &query), MR_OK);
    assert_true(query.ordered);
    assert_int_equal(bind(*state, "SELECT a FROM t SORT BY a", &query), MR_OK);
    assert_false(query.ordered);
    assert_int_equal(bind(*state, "SELECT count(*) FROM (SELECT a FROM t ORDER BY a)", &query),
                     MR_OK);
    assert_false(query.ordered);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(columns_are_named_and_typed_as_in_spark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(wrong_queries_fail_as_in_spark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(no_subquery_is_left_in_an_optimized_plan, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(order_is_part_of_the_answer_only_below_order_by, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
