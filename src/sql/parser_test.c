/* parser_test.c - texts and the trees that come of them; what is refused, how and where. */
#include "sql/sql.h"
#include "sql/sql_text.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    MrError err;
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    fixture.err = (MrError){.sql_idx = -1};
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

static MrStatus parse(Fixture *fixture, const char *sql, const MrSqlOptions *options,
                      MrSqlStatement **out)
{
    MrStatus status;
    fixture->err = (MrError){.sql_idx = -1};
    MR_GUARD_BEGIN(status, &fixture->err)
        status = mr_sql_parse_statement(&fixture->arena, mr_text(sql), options, out, &fixture->err);
    MR_GUARD_END(status)
    return status;
}

/* ---------------------------------------------------------------- expressions as text */

static void put(MrTextBuilder *out, const MrSqlExpr *expr);

static void put_list(MrTextBuilder *out, const char *head, MrSqlExpr *const *list, int32_t n)
{
    mr_builder_printf(out, "(%s", head);
    for (int32_t i = 0; i < n; i++) {
        mr_builder_char(out, ' ');
        put(out, list[i]);
    }
    mr_builder_char(out, ')');
}

static void put_interval(MrTextBuilder *out, const MrSqlInterval *interval)
{
    static const char *const names[] = {
#define X(unit) #unit,
        MR_SQL_UNITS(X)
#undef X
    };
    mr_builder_str(out, "(interval");
    if (interval->text != NULL)
        mr_builder_printf(out, " '%s'", interval->text);
    for (int32_t i = 0; i < interval->n_units; i++)
        mr_builder_printf(out, " %s%s %s", interval->negated[i] ? "-" : "", interval->values[i],
                          names[interval->units[i]]);
    if (interval->is_range)
        mr_builder_printf(out, " to %s", names[interval->to]);
    mr_builder_char(out, ')');
}

static void put(MrTextBuilder *out, const MrSqlExpr *expr)
{
    static const char *const binary[] = {
#define X(op, text) text,
        MR_SQL_BINARY_OPS(X)
#undef X
    };
    static const char *const is[] = {"null", "true", "false", "unknown"};
    static const char *const like[] = {"like", "ilike", "rlike"};
    MrArena *arena = out->arena;
    switch (expr->kind) {
    case MR_SQL_LITERAL:
        mr_builder_str(out, mr_sql_literal_text(arena, expr, true));
        break;
    case MR_SQL_INTERVAL:
        put_interval(out, &expr->interval);
        break;
    case MR_SQL_PARAM:
        mr_builder_printf(out, ":%s", expr->param.name ? expr->param.name : "?");
        break;
    case MR_SQL_NAME:
        mr_builder_str(out, mr_sql_name_text(arena, expr->name.parts, expr->name.n_parts));
        break;
    case MR_SQL_STAR:
        mr_builder_str(
            out, mr_sql_name_text(arena, expr->star.qualifier.parts, expr->star.qualifier.n_parts));
        mr_builder_str(out, expr->star.has_except ? "*-" : "*");
        break;
    case MR_SQL_CALL:
        put_list(out, mr_sql_name_text(arena, expr->call.name.parts, expr->call.name.n_parts),
                 expr->call.args, expr->call.n_args);
        mr_builder_str(out, expr->call.distinct ? "distinct" : "");
        mr_builder_str(out, expr->call.filter ? "filter" : "");
        mr_builder_str(out, expr->call.over ? "over" : "");
        break;
    case MR_SQL_UNARY:
        mr_builder_printf(out, "(%s ", (const char *[]){"neg", "pos", "~", "not"}[expr->unary.op]);
        put(out, expr->unary.operand);
        mr_builder_char(out, ')');
        break;
    case MR_SQL_BINARY:
        put_list(out, binary[expr->binary.op],
                 (MrSqlExpr *[]){expr->binary.left, expr->binary.right}, 2);
        break;
    case MR_SQL_LOGIC:
        put_list(out, expr->logic.is_or ? "or" : "and", expr->logic.args, expr->logic.n_args);
        break;
    case MR_SQL_BETWEEN:
        put_list(out, expr->between.negated ? "not-between" : "between",
                 (MrSqlExpr *[]){expr->between.value, expr->between.low, expr->between.high}, 3);
        break;
    case MR_SQL_IN_LIST:
        mr_builder_str(out, "(in ");
        put(out, expr->in.value);
        put_list(out, "", expr->in.items, expr->in.n_items);
        mr_builder_char(out, ')');
        break;
    case MR_SQL_IN_QUERY:
        put_list(out, "in-query", &expr->in.value, 1);
        break;
    case MR_SQL_LIKE:
        mr_builder_printf(out, "(%s ", like[expr->like.op]);
        put(out, expr->like.value);
        put_list(out, (const char *[]){"", "any", "all"}[expr->like.quantifier],
                 expr->like.patterns, expr->like.n_patterns);
        mr_builder_char(out, ')');
        break;
    case MR_SQL_IS:
        mr_builder_printf(out, "(is%s-%s ", expr->is.negated ? "-not" : "", is[expr->is.test]);
        put(out, expr->is.value);
        mr_builder_char(out, ')');
        break;
    case MR_SQL_EXISTS:
        mr_builder_str(out, "(exists)");
        break;
    case MR_SQL_SUBQUERY:
        mr_builder_str(out, "(query)");
        break;
    case MR_SQL_CASE:
        mr_builder_str(out, "(case");
        for (int32_t i = 0; i < expr->cases.n_whens; i++)
            put_list(out, "", (MrSqlExpr *[]){expr->cases.whens[i].when, expr->cases.whens[i].then},
                     2);
        mr_builder_char(out, ')');
        break;
    case MR_SQL_CAST:
        mr_builder_printf(out, "(%s ", mr_type_catalog_text(arena, expr->cast.type));
        put(out, expr->cast.value);
        mr_builder_char(out, ')');
        break;
    case MR_SQL_FIELD:
        put_list(out, expr->field.name, (MrSqlExpr *[]){expr->field.base}, 1);
        break;
    case MR_SQL_SUBSCRIPT:
        put_list(out, "at", (MrSqlExpr *[]){expr->subscript.base, expr->subscript.index}, 2);
        break;
    case MR_SQL_VARIANT_PATH:
        put_list(out, expr->path.path, (MrSqlExpr *[]){expr->path.base}, 1);
        break;
    case MR_SQL_COLLATE:
        put_list(out, expr->collate.collation.parts[0], (MrSqlExpr *[]){expr->collate.value}, 1);
        break;
    case MR_SQL_LAMBDA:
        mr_builder_printf(out, "(lambda%d ", (int)expr->lambda.n_params);
        put(out, expr->lambda.body);
        mr_builder_char(out, ')');
        break;
    case MR_SQL_ROW:
        put_list(out, "row", expr->row.items, expr->row.n_items);
        break;
    case MR_SQL_ALIAS:
        put_list(out, expr->alias.names[0], (MrSqlExpr *[]){expr->alias.value}, 1);
        break;
    case MR_SQL_TABLE_ARG:
        mr_builder_str(out, "(table)");
        break;
    }
}

static const struct {
    const char *sql, *tree;
} exprs[] = {
    /* precedence */
    {"1 + 2 * 3", "(+ 1 (* 2 3))"},
    {"1 - 2 - 3", "(- (- 1 2) 3)"},
    {"a || b || c", "(|| (|| a b) c)"},
    {"a | b ^ c & d << 1 + 2", "(| a (^ b (& c (<< d (+ 1 2)))))"},
    {"a >> 1 >>> 2", "(>>> (>> a 1) 2)"},
    {"a > b", "(> a b)"},
    {"a = b IS NULL", "(is-null (= a b))"},
    {"NOT a = b AND c OR d AND e", "(or (and (not (= a b)) c) (and d e))"},
    {"NOT NOT a", "(not (not a))"},
    {"!a", "(not a)"},
    {"a OR b OR c OR d", "(or a b c d)"},
    {"- a * b", "(* (neg a) b)"},
    {"-1", "-1"},
    {"- -1", "(neg -1)"},
    {"2 - -1", "(- 2 -1)"},
    {"-2147483648", "-2147483648"},
    {"-(1)", "(neg 1)"},
    {"7 DIV 2 % 3", "(% (div 7 2) 3)"},
    {"a <=> b", "(<=> a b)"},
    {"a IS DISTINCT FROM b", "(IS DISTINCT FROM a b)"},
    {"a BETWEEN 1 AND 2 AND c", "(and (between a 1 2) c)"},
    {"a NOT BETWEEN 1 AND 2", "(not-between a 1 2)"},
    {"a IN (1, 2)", "(in a( 1 2))"},
    {"(a, b) IN (SELECT 1, 2)", "(in-query (row a b))"},
    {"a LIKE ANY ('x', 'y')", "(like a(any 'x' 'y'))"},
    {"a IS NOT TRUE", "(is-not-true a)"},
    /* literals */
    {"12Y", "12Y"},
    {"12S", "12S"},
    {"12L", "12L"},
    {"1.50", "1.50BD"},
    {"1e3", "1000.0D"},
    {"1.5BD", "1.5BD"},
    {"1F", "1.0F"},
    {".5D", "0.5D"},
    {"2147483648", "2147483648L"},
    {"9223372036854775808", "9223372036854775808BD"},
    {"'it''s' 'x'", "'it\\'sx'"},
    {"r'a\\n'", "'a\\\\n'"},
    {"'\\u0041\\t'", "'A\t'"},
    {"\"s\"", "'s'"},
    {"X'1F'", "X'1F'"},
    {"DATE'2020-01-01'", "DATE '2020-01-01'"},
    {"true", "true"},
    {"NULL", "NULL"},
    {"INTERVAL 3 DAYS -2 HOURS", "(interval 3 DAY -2 HOUR)"},
    {"INTERVAL '1-2' YEAR TO MONTH", "(interval 1-2 YEAR to MONTH)"},
    {"INTERVAL '3 days'", "(interval '3 days')"},
    {"interval", "interval"},
    /* names, calls and their kin */
    {"a.b.c", "a.b.c"},
    {"`a b`.c", "`a b`.c"},
    {"a.*", "a*"},
    {"* EXCEPT (a)", "*-"},
    {"count(*)", "(count *)"},
    {"count(DISTINCT a, b)", "(count a b)distinct"},
    {"sum(a) FILTER (WHERE b) OVER (PARTITION BY c)", "(sum a)filterover"},
    {"f(x -> x + 1)", "(f (lambda1 (+ x 1)))"},
    {"f((x, y) -> x)", "(f (lambda2 x))"},
    {"CASE WHEN a THEN 1 ELSE 2 END", "(case( a 1))"},
    {"case", "case"},
    {"CAST(a AS DECIMAL(10, 2))", "(decimal(10,2) a)"},
    {"a::array<array<int>>", "(array<array<int>> a)"},
    {"TRY_CAST('1' AS MAP<STRING, STRUCT<a: INT>>)", "(map<string,struct<a:int>> '1')"},
    {"EXTRACT(YEAR FROM d)", "(extract 'YEAR' d)"},
    {"TRIM(BOTH 'x' FROM s)", "(trim 'x' s)"},
    {"trim(s)", "(trim s)"},
    {"SUBSTRING(s FROM 1 FOR 2)", "(substring s 1 2)"},
    {"substr(s, 1)", "(substr s 1)"},
    {"POSITION('a' IN s)", "(locate 'a' s)"},
    {"OVERLAY(s PLACING 'x' FROM 1)", "(overlay s 'x' 1)"},
    {"TIMESTAMPADD(DAY, 1, t)", "(timestampadd 'DAY' 1 t)"},
    {"date_add(d, 1)", "(date_add d 1)"},
    {"date_add(day, 1)", "(date_add day 1)"},
    {"f(a)[0].b", "(b (at (f a) 0))"},
    {"(a).b", "a.b"},
    {"v:a.b[0]['c d']", "($.a.b[0]['c d'] v)"},
    {"(SELECT 1)", "(query)"},
    {"((SELECT 1) UNION (SELECT 2))", "(query)"},
    {"EXISTS (SELECT 1)", "(exists)"},
    {"exists(a, x -> x)", "(exists a (lambda1 x))"},
    {"struct(a, b AS c)", "(struct a (c b))"},
    {":p + ?", "(+ :p :?)"},
    {"a COLLATE UNICODE", "(UNICODE a)"},
    {"f(k => 1)", "(f 1)"},
    {"IDENTIFIER('a.b')", "a.b"},
    {"IDENTIFIER('f')(1)", "(f 1)"},
    {"current_date", "current_date"},
    {"first(a IGNORE NULLS)", "(first a)"},
    {"select", "select"},
    {"a b", "(b a)"},
};

static void expressions_become_the_right_trees(void **state)
{
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(exprs); i++) {
        MrSqlExpr *expr = NULL;
        MrStatus status;
        MR_GUARD_BEGIN(status, &fixture->err)
            status = mr_sql_parse_expr(&fixture->arena, mr_text(exprs[i].sql), NULL, &expr,
                                       &fixture->err);
        MR_GUARD_END(status)
        if (status != MR_OK)
            fail_msg("%s: %s", exprs[i].sql, mr_error_condition(&fixture->err));
        MrTextBuilder out = {.arena = &fixture->arena};
        put(&out, expr);
        const char *tree = mr_builder_text(&out).data;
        if (strcmp(tree, exprs[i].tree) != 0)
            fail_msg("%s\n is  %s\n not %s", exprs[i].sql, tree, exprs[i].tree);
    }
}

/* ---------------------------------------------------------------- statements */

static const struct {
    const char *sql;
    MrSqlStatementKind kind;
} statements[] = {
    {"SELECT a FROM t WHERE b GROUP BY c HAVING d QUALIFY e ORDER BY f LIMIT 1 OFFSET 2;",
     MR_SQL_STMT_QUERY},
    {"WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT * FROM r",
     MR_SQL_STMT_QUERY},
    {"(SELECT 1) UNION (SELECT 2) EXCEPT SELECT 3 INTERSECT SELECT 4 ORDER BY 1",
     MR_SQL_STMT_QUERY},
    {"SELECT * FROM a, b JOIN c USING (x) LEFT SEMI JOIN d ON a.x = d.x NATURAL FULL OUTER JOIN e",
     MR_SQL_STMT_QUERY},
    {"SELECT * FROM ((SELECT 1) a JOIN (b CROSS JOIN c) ON true) x", MR_SQL_STMT_QUERY},
    {"SELECT * FROM ((SELECT 1) UNION ALL (SELECT 2)) t(a)", MR_SQL_STMT_QUERY},
    {"SELECT * FROM t LATERAL VIEW OUTER explode(a) v AS x, y", MR_SQL_STMT_QUERY},
    {"SELECT * FROM t, LATERAL (SELECT t.a) s", MR_SQL_STMT_QUERY},
    {"SELECT * FROM t PIVOT (sum(a) AS s FOR (b, c) IN ((1, 2) AS x, (3, 4)))", MR_SQL_STMT_QUERY},
    {"SELECT * FROM t UNPIVOT INCLUDE NULLS (v FOR n IN (a AS x, b))", MR_SQL_STMT_QUERY},
    {"SELECT * FROM csv.`/data/x.csv` TABLESAMPLE (10 PERCENT) REPEATABLE (1) AS s",
     MR_SQL_STMT_QUERY},
    {"SELECT * FROM t VERSION AS OF 3 x JOIN range(10) r", MR_SQL_STMT_QUERY},
    {"SELECT * FROM VALUES (1, 'a'), (2, 'b') AS t(x, y)", MR_SQL_STMT_QUERY},
    {"VALUES (1), (2)", MR_SQL_STMT_QUERY},
    {"TABLE t", MR_SQL_STMT_QUERY},
    {"FROM t SELECT a WHERE b", MR_SQL_STMT_QUERY},
    {"FROM t |> WHERE a > 1 |> AGGREGATE sum(b) AS s GROUP BY c |> ORDER BY s |> LIMIT 3",
     MR_SQL_STMT_QUERY},
    {"SELECT /*+ BROADCAST(a), MERGE(b) */ * FROM a", MR_SQL_STMT_QUERY},
    {"SELECT a, b FROM t GROUP BY GROUPING SETS ((a, b), ROLLUP(a), ())", MR_SQL_STMT_QUERY},
    {"SELECT sum(a) OVER w FROM t WINDOW w AS (ORDER BY b ROWS BETWEEN 1 PRECEDING AND CURRENT "
     "ROW)",
     MR_SQL_STMT_QUERY},
    {"SELECT a where, b from FROM t limit", MR_SQL_STMT_QUERY}, /* words as names */
    {"SELECT card FROM STREAM payments WATERMARK at DELAY OF INTERVAL 10 SECONDS GROUP BY ALL",
     MR_SQL_STMT_QUERY},
    {"CREATE STREAMING TABLE alerts AS SELECT * FROM STREAM t", MR_SQL_STMT_CREATE_TABLE},
    {"CREATE OR REFRESH STREAMING TABLE alerts (a INT) AS SELECT * FROM STREAM t",
     MR_SQL_STMT_CREATE_TABLE},
    {"CREATE MATERIALIZED VIEW daily AS SELECT 1", MR_SQL_STMT_CREATE_TABLE},
    {"CREATE FLOW f AS INSERT INTO t BY NAME SELECT 1", MR_SQL_STMT_CREATE_FLOW},
    {"CREATE TABLE IF NOT EXISTS t (id BIGINT NOT NULL DEFAULT 1 COMMENT 'x', b DECIMAL(12,2)) "
     "USING json "
     "OPTIONS (path 'in/', header = true) PARTITIONED BY (id) COMMENT 'c' TBLPROPERTIES ('a' = "
     "'1')",
     MR_SQL_STMT_CREATE_TABLE},
    {"CREATE OR REPLACE TABLE t USING parquet AS SELECT 1", MR_SQL_STMT_CREATE_TABLE},
    {"CREATE OR REPLACE GLOBAL TEMPORARY VIEW v (a COMMENT 'x', b) AS SELECT 1, 2",
     MR_SQL_STMT_CREATE_VIEW},
    {"CREATE TEMP VIEW v (a INT) USING csv OPTIONS (path 'x')", MR_SQL_STMT_CREATE_VIEW},
    {"CREATE FUNCTION f(x INT DEFAULT 1, y STRING) RETURNS INT DETERMINISTIC RETURN x + 1",
     MR_SQL_STMT_CREATE_FUNCTION},
    {"CREATE TEMPORARY FUNCTION f() RETURNS TABLE (a INT) RETURN SELECT 1",
     MR_SQL_STMT_CREATE_FUNCTION},
    {"CREATE SCHEMA IF NOT EXISTS s COMMENT 'x' LOCATION 'y'", MR_SQL_STMT_CREATE_NAMESPACE},
    {"INSERT INTO t (a, b) VALUES (1, DEFAULT)", MR_SQL_STMT_INSERT},
    {"INSERT OVERWRITE TABLE t PARTITION (p = 1, q) SELECT 1", MR_SQL_STMT_INSERT},
    {"INSERT INTO t BY NAME (SELECT 1 AS a)", MR_SQL_STMT_INSERT},
    {"FROM t INSERT INTO a SELECT 1 INSERT INTO b SELECT 2", MR_SQL_STMT_INSERT},
    {"WITH q AS (SELECT 1) INSERT INTO t SELECT * FROM q", MR_SQL_STMT_INSERT},
    {"DELETE FROM t AS x WHERE x.a = 1", MR_SQL_STMT_DELETE},
    {"UPDATE t SET a = 1, b = DEFAULT WHERE c", MR_SQL_STMT_UPDATE},
    {"MERGE INTO t USING s ON t.a = s.a WHEN MATCHED AND s.d THEN DELETE WHEN NOT MATCHED THEN "
     "INSERT *",
     MR_SQL_STMT_MERGE},
    {"DROP TABLE IF EXISTS a.b PURGE", MR_SQL_STMT_DROP},
    {"DROP TEMPORARY VARIABLE IF EXISTS v", MR_SQL_STMT_DROP},
    {"ALTER TABLE t ADD COLUMNS (a INT AFTER b, c.d STRING)", MR_SQL_STMT_ALTER},
    {"ALTER TABLE t ALTER COLUMN a TYPE BIGINT", MR_SQL_STMT_ALTER},
    {"ALTER VIEW v AS SELECT 1", MR_SQL_STMT_CREATE_VIEW},
    {"SHOW TABLES IN s LIKE 'a*'", MR_SQL_STMT_SHOW},
    {"SHOW USER FUNCTIONS LIKE 'f*'", MR_SQL_STMT_SHOW},
    {"DESCRIBE TABLE EXTENDED t a.b", MR_SQL_STMT_DESCRIBE},
    {"DESC FUNCTION EXTENDED <=>", MR_SQL_STMT_DESCRIBE},
    {"DESCRIBE SELECT 1", MR_SQL_STMT_DESCRIBE},
    {"SET a.b = any, text -- kept", MR_SQL_STMT_SET},
    {"SET TIME ZONE INTERVAL 10 HOURS", MR_SQL_STMT_SET},
    {"SET VAR (a, b) = (SELECT 1, 2)", MR_SQL_STMT_SET},
    {"RESET", MR_SQL_STMT_RESET},
    {"USE DATABASE s", MR_SQL_STMT_USE},
    {"EXPLAIN ANALYZE SELECT 1", MR_SQL_STMT_EXPLAIN},
    {"CACHE LAZY TABLE t AS SELECT 1", MR_SQL_STMT_CACHE_TABLE},
    {"TRUNCATE TABLE t PARTITION (a = 1)", MR_SQL_STMT_TRUNCATE},
    {"ANALYZE TABLE t COMPUTE STATISTICS FOR COLUMNS a, b", MR_SQL_STMT_ANALYZE_TABLE},
    {"DECLARE OR REPLACE VARIABLE v INT DEFAULT 1", MR_SQL_STMT_DECLARE_VARIABLE},
    {"EXECUTE IMMEDIATE 'SELECT ?' INTO v USING 1", MR_SQL_STMT_EXECUTE_IMMEDIATE},
    {"COMMENT ON TABLE t IS 'x'", MR_SQL_STMT_COMMENT_ON},
    {"MSCK REPAIR TABLE t ADD PARTITIONS", MR_SQL_STMT_REPAIR_TABLE},
    {"GRANT ALL ON t TO u", MR_SQL_STMT_RECOGNISED},
    {"SELECT 1 /* a /* b */ c */ -- d", MR_SQL_STMT_QUERY},
};

static void statements_are_what_they_are(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(statements); i++) {
        MrSqlStatement *statement = NULL;
        Fixture *fixture = *state;
        if (parse(fixture, statements[i].sql, NULL, &statement) != MR_OK)
            fail_msg("%s: %s at %d", statements[i].sql, mr_error_condition(&fixture->err),
                     (int)fixture->err.sql_idx);
        if (statement->kind != statements[i].kind)
            fail_msg("%s: kind %d", statements[i].sql, (int)statement->kind);
    }
}

static const struct {
    const char *sql, *condition, *param, *value;
    int32_t idx;
} failures[] = {
    {"", "PARSE_EMPTY_STATEMENT", NULL, NULL, 0},
    {"-- nothing", "PARSE_EMPTY_STATEMENT", NULL, NULL, 10},
    {"SELCT 1", "PARSE_SYNTAX_ERROR", "error", "'SELCT'", 0},
    {"SELECT 1 +", "PARSE_SYNTAX_ERROR", "error", "end of input", 10},
    {"SELECT 1 a b", "PARSE_SYNTAX_ERROR", "hint", ": extra input 'b'", 11},
    {"SELECT (1", "PARSE_SYNTAX_ERROR", "error", "end of input", 9},
    {"SELECT 'a", "PARSE_SYNTAX_ERROR", "error", "'''", 7},
    {"SELECT 1 /* a", "UNCLOSED_BRACKETED_COMMENT", NULL, NULL, 9},
    {"SELECT 300Y", "INVALID_NUMERIC_LITERAL_RANGE", "rawStrippedQualifier", "300", 7},
    {"SELECT a FROM my-table", "INVALID_IDENTIFIER", "ident", "my-table", 14},
    {"SELECT foo '1'", "UNSUPPORTED_TYPED_LITERAL", "unsupportedType", "\"FOO\"", 7},
    {"SELECT X'GG'", "INVALID_TYPED_LITERAL", "value", "'GG'", 7},
    {"SELECT 1 AS IDENTIFIER('a.b')", "IDENTIFIER_TOO_MANY_NAME_PARTS", "limit", "1", 12},
    {"SELECT a IN ()", "INVALID_SQL_SYNTAX.EMPTY_IN_PREDICATE", NULL, NULL, 9},
    {"SELECT dateadd('DAY', 1, d)", "INVALID_PARAMETER_VALUE.DATETIME_UNIT", "invalidValue",
     "'DAY'", 7},
    {"SELECT 12345678901234567890123456789012345678901", "DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION",
     "precision", "41", 7},
    {"SET =1", "INVALID_SET_SYNTAX", NULL, NULL, 0},
    {"SELECT \x01", "PARSE_SYNTAX_ERROR", "error", "'\x01'", 7},
    {"SELECT '\xff'", "PARSE_SYNTAX_ERROR", NULL, NULL, 8},
};

static void what_cannot_be_read_is_refused_at_its_place(void **state)
{
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(failures); i++) {
        MrSqlStatement *statement = NULL;
        if (parse(fixture, failures[i].sql, NULL, &statement) == MR_OK)
            fail_msg("%s: was read", failures[i].sql);
        if (strcmp(mr_error_condition(&fixture->err), failures[i].condition) != 0)
            fail_msg("%s: %s", failures[i].sql, mr_error_condition(&fixture->err));
        if (fixture->err.sql_idx != failures[i].idx)
            fail_msg("%s: at %d", failures[i].sql, (int)fixture->err.sql_idx);
        if (failures[i].param != NULL)
            assert_string_equal(mr_error_param(&fixture->err, failures[i].param),
                                failures[i].value);
    }
}

static void places_are_those_of_spark(void **state)
{
    MrSqlStatement *statement = NULL;
    const char *sql = "SELECT (a + 1)/0, b in (1)";
    assert_int_equal(parse(*state, sql, NULL, &statement), MR_OK);
    const MrSqlExpr *divide = statement->query->body->select->items[0];
    assert_int_equal(divide->place.idx, 7);
    assert_int_equal(divide->place.len, 9);
    assert_int_equal(divide->binary.left->place.idx, 8);
    assert_int_equal(divide->binary.left->place.len, 5);
    const MrSqlExpr *in = statement->query->body->select->items[1];
    assert_int_equal(in->place.idx, 20); /* the predicate without its value */
    assert_int_equal(in->place.len, 6);
}

static void parameters_stand_where_literals_may(void **state)
{
    static const MrSqlParam params[] = {{"n", "3"}, {"t", "'t.u'"}, {"neg", "-5"}};
    MrSqlOptions options = {.params = params, .n_params = 3};
    MrSqlStatement *statement = NULL;
    const char *sql = "SELECT INTERVAL :n DAY, v:n, :neg FROM IDENTIFIER(:t) LIMIT :n";
    assert_int_equal(parse(*state, sql, &options, &statement), MR_OK);
    const MrSqlSelect *select = statement->query->body->select;
    assert_string_equal(select->items[0]->interval.values[0], "3");
    assert_int_equal(select->items[0]->place.len, 15);
    assert_int_equal(select->items[1]->kind, MR_SQL_VARIANT_PATH);
    assert_int_equal(select->items[2]->lit.i64, -5);
    assert_int_equal(select->from->table.name.n_parts, 2);
    assert_int_equal(statement->query->limit->lit.i64, 3);
    MrSqlParam marks[] = {{NULL, "1"}, {NULL, "'b'"}};
    options = (MrSqlOptions){.params = marks, .n_params = 2};
    assert_int_equal(parse(*state, "SELECT ?, ?", &options, &statement), MR_OK);
    assert_int_equal(statement->query->body->select->items[1]->lit.kind, MR_SQL_LIT_STRING);
}

static void a_setting_changes_what_words_and_quotes_are(void **state)
{
    MrSqlStatement *statement = NULL;
    MrSqlOptions ansi = {.ansi_keywords = true}, quotes = {.double_quoted_identifiers = true};
    assert_int_equal(parse(*state, "SELECT order FROM t", NULL, &statement), MR_OK);
    assert_int_equal(parse(*state, "SELECT order FROM t", &ansi, &statement), MR_INVALID);
    assert_int_equal(parse(*state, "SELECT \"a b\" FROM \"t\"", &quotes, &statement), MR_OK);
    assert_int_equal(statement->query->body->select->items[0]->kind, MR_SQL_NAME);
    assert_int_equal(parse(*state, "SELECT \"a b\" FROM \"t\"", NULL, &statement), MR_INVALID);
}

/* ---------------------------------------------------------------- depth and size */

typedef struct Deep {
    Fixture *fixture;
    const char *sql;
    MrStatus status;
} Deep;

static void *deep_run(void *arg)
{
    Deep *deep = arg;
    MrSqlStatement *statement;
    deep->status = parse(deep->fixture, deep->sql, NULL, &statement);
    return NULL;
}

/* As a thread of the engine may have it; the sanitizers need more. */
static MrStatus on_small_stack(Fixture *fixture, const char *sql)
{
    Deep deep = {.fixture = fixture, .sql = sql};
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
#if defined(__SANITIZE_ADDRESS__)
    pthread_attr_setstacksize(&attr, 4 << 20);
#else
    pthread_attr_setstacksize(&attr, 256 << 10);
#endif
    assert_int_equal(pthread_create(&thread, &attr, deep_run, &deep), 0);
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attr);
    return deep.status;
}

static char *repeated(Fixture *fixture, const char *head, const char *unit, int32_t n,
                      const char *tail)
{
    MrTextBuilder out = {.arena = &fixture->arena};
    mr_builder_str(&out, head);
    for (int32_t i = 0; i < n; i++)
        mr_builder_str(&out, unit);
    mr_builder_str(&out, tail);
    return (char *)(uintptr_t)mr_builder_text(&out).data;
}

static const struct {
    const char *head, *unit;
    int32_t n;
    const char *tail;
    bool fits;
} deep_texts[] = {
    {"SELECT ", "a OR ", 1000000, "b", true},
    {"SELECT ", "a AND b OR ", 100000, "b", true},
    {"SELECT ", "1 + ", 3000, "1", true},
    {"SELECT ", "1 + ", 100000, "1", false},
    {"SELECT ", "(", 100000, "1", false},
    {"SELECT ", "NOT ", 100000, "1", false},
    {"SELECT ", "- ", 100000, "a", false},
    {"SELECT ", "f(", 100000, "1", false},
    {"SELECT ", "CASE WHEN ", 100000, "1", false},
    {"SELECT ", "(SELECT ", 100000, "1", false},
    {"SELECT a", "[1", 100000, "]", false},
    {"SELECT a", ".b", 100000, "", true},
    {"SELECT a", "::int", 100000, "", false},
    {"SELECT * FROM ", "(", 100000, "t", false},
    {"SELECT * FROM ", "((SELECT 1) a JOIN ", 100000, "t", false},
    {"SELECT * FROM a", " JOIN b", 100000, "", false},
    {"SELECT 1", " UNION ALL SELECT 1", 100000, "", true},
    {"SELECT 1", " EXCEPT SELECT 1", 100000, "", false},
    {"", "(", 100000, "SELECT 1", false},
    {"SELECT CAST(a AS ", "ARRAY<", 100000, "INT", false},
    {"SELECT CAST(a AS ", "STRUCT<a:", 100000, "INT", false},
    {"SELECT x IN (", "(", 100000, "1", false},
    {"SELECT f(", "x -> ", 100000, "1)", false},
    {"", "EXPLAIN ", 100000, "SELECT 1", false},
    {"SELECT a FROM t GROUP BY GROUPING SETS (", "GROUPING SETS (", 100000, "a", false},
    {"SELECT position(", "position(", 100000, "a", false},
    {"SELECT 1 /* ", "/* ", 100000, "", false},
};

static void deep_and_long_texts_end_in_an_error_or_a_tree(void **state)
{
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(deep_texts); i++) {
        const char *sql = repeated(fixture, deep_texts[i].head, deep_texts[i].unit, deep_texts[i].n,
                                   deep_texts[i].tail);
        MrStatus status = on_small_stack(fixture, sql);
        if ((status == MR_OK) != deep_texts[i].fits)
            fail_msg("%s%s...: %s", deep_texts[i].head, deep_texts[i].unit,
                     status == MR_OK ? "was read" : mr_error_condition(&fixture->err));
        mr_arena_reset(&fixture->arena);
    }
}

static void moderate_nesting_fits_a_small_stack(void **state)
{
    Fixture *fixture = *state;
    MrTextBuilder out = {.arena = &fixture->arena};
    mr_builder_str(&out, "SELECT ");
    for (int i = 0; i < 450; i++)
        mr_builder_str(&out, "(1 + ");
    mr_builder_str(&out, "1");
    for (int i = 0; i < 450; i++)
        mr_builder_str(&out, ")");
    assert_int_equal(on_small_stack(fixture, mr_builder_text(&out).data), MR_OK);
}

/* ---------------------------------------------------------------- scripts */

static void a_script_is_cut_at_its_semicolons(void **state)
{
    Fixture *fixture = *state;
    MrText *list = NULL;
    int32_t n = 0;
    MrText script = MR_TEXT(
        "SELECT ';' ; -- a;b\n SELECT \"x;\", `y;` /* ; /* ; */ */; ;; SELECT r'\\'; a\\;b");
    assert_int_equal(mr_sql_split(&fixture->arena, script, &n, &list, &fixture->err), MR_OK);
    assert_int_equal(n, 4);
    assert_true(mr_text_equal(list[0], MR_TEXT("SELECT ';'")));
    assert_true(mr_text_equal(list[2], MR_TEXT("SELECT r'\\'")));
    assert_true(mr_text_equal(list[3], MR_TEXT("a\\;b")));
    assert_true(mr_sql_is_complete(MR_TEXT("SELECT 1;")));
    assert_true(mr_sql_is_complete(MR_TEXT("SELECT 1; -- done")));
    assert_false(mr_sql_is_complete(MR_TEXT("SELECT 1")));
    assert_false(mr_sql_is_complete(MR_TEXT("SELECT ';")));
    assert_false(mr_sql_is_complete(MR_TEXT("SELECT 1; /* ;")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(expressions_become_the_right_trees, set_up, tear_down),
        cmocka_unit_test_setup_teardown(statements_are_what_they_are, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_read_is_refused_at_its_place, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(places_are_those_of_spark, set_up, tear_down),
        cmocka_unit_test_setup_teardown(parameters_stand_where_literals_may, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_setting_changes_what_words_and_quotes_are, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(deep_and_long_texts_end_in_an_error_or_a_tree, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(moderate_nesting_fits_a_small_stack, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_script_is_cut_at_its_semicolons, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
