/* frame_test.c - sessions and frames through the public header. */
#include "base/testing.h"
#include "column/arrow.h"
#include "session/session.h"

#include <malloc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static MrError err;
static char folder[] = "/tmp/mr-frame-XXXXXX";

static const char *path_of(const char *name)
{
    static char paths[4][300];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof paths[0], "%s/%s", folder, name);
    return path;
}

static MrSession *session_open(void)
{
    MrSession *session = NULL;
    MR_OKAY(mr_session_open(&(MrSessionOptions){.warehouse = path_of("warehouse"), .n_threads = 2},
                            &session, &err));
    return session;
}

static MrFrame *sql(MrSession *session, const char *text)
{
    MrFrame *frame = NULL;
    MR_OKAY(mr_session_sql(session, text, &frame, &err));
    return frame;
}

static int64_t rows_of(MrFrame *frame)
{
    int64_t n_rows = -1;
    MR_OKAY(mr_frame_count(frame, &n_rows, &err));
    return n_rows;
}

static int64_t count_and_close(MrFrame *frame)
{
    int64_t n_rows = rows_of(frame);
    mr_frame_close(frame);
    return n_rows;
}

static void expect_failure(MrStatus status, const char *condition)
{
    if (status == MR_OK)
        fail_msg("not failed: %s", condition);
    assert_string_equal(mr_error_condition(&err), condition);
}

/* What show() prints, as a text. */
static const char *shown(MrFrame *frame, const MrShowOptions *options)
{
    static char text[4000];
    FILE *to = fmemopen(text, sizeof text, "w");
    MR_OKAY(mr_frame_show(frame, options, to, &err));
    fclose(to);
    return text;
}

static void each_step_makes_a_frame_and_leaves_the_old_one(void **state)
{
    MrSession *session = session_open();
    MrFrame *numbers = sql(session, "SELECT id AS k, id * 2 AS v FROM range(10);  ");
    MrFrame *next = NULL, *last = NULL;
    MR_OKAY(mr_frame_select(numbers, "k, v + 1 AS w -- a comment", &next, &err));
    MR_OKAY(mr_frame_filter(next, "w > 5 -- another", &last, &err));
    assert_int_equal(count_and_close(last), 7);
    MR_OKAY(mr_frame_union(next, next, &last, &err));
    MrFrame *distinct = NULL;
    MR_OKAY(mr_frame_distinct(last, &distinct, &err));
    assert_int_equal(count_and_close(last), 20);
    assert_int_equal(count_and_close(distinct), 10);
    MR_OKAY(mr_frame_limit(next, 3, &last, &err));
    assert_int_equal(count_and_close(last), 3);
    MR_OKAY(mr_frame_order(next, "w DESC NULLS LAST", &last, &err));
    assert_non_null(strstr(shown(last, &(MrShowOptions){.n_rows = 1}), "|  9| 19|"));
    mr_frame_close(last);
    MR_OKAY(mr_frame_create_view(next, "an `odd` name", &err));
    assert_int_equal(count_and_close(sql(session, "SELECT * FROM `an ``odd`` name`")), 10);
    assert_int_equal(rows_of(numbers), 10);
    mr_frame_close(next);
    mr_frame_close(numbers);
    mr_session_close(session);
}

static void groups_may_name_their_keys(void **state)
{
    MrSession *session = session_open();
    MrFrame *numbers = sql(session, "SELECT id AS k, id * 2 AS v FROM range(10)"), *groups = NULL;
    MR_OKAY(
        mr_frame_group(numbers, "k % 3 AS m, 'x'", "sum(v) AS s, count(*) AS n", &groups, &err));
    MrFrame *one = NULL;
    MR_OKAY(mr_frame_filter(groups, "m = 1 AND s = 24 AND n = 3", &one, &err));
    assert_int_equal(count_and_close(one), 1);
    assert_int_equal(count_and_close(groups), 3);
    MR_OKAY(mr_frame_group(numbers, NULL, "1 AS one", &groups, &err));
    assert_int_equal(count_and_close(groups), 1);
    mr_frame_close(numbers);
    mr_session_close(session);
}

static void joins_take_sparks_names_and_let_both_sides_be_named(void **state)
{
    static const struct {
        const char *kind;
        int64_t n_rows;
    } cases[] = {{"inner", 1}, {"left", 3},       {"LeftOuter", 3}, {"right_outer", 2}, {"full", 4},
                 {"outer", 4}, {"full outer", 4}, {"left semi", 1}, {"leftsemi", 1},    {"semi", 1},
                 {"anti", 2},  {"left_anti", 2},  {"cross", 1}};
    MrSession *session = session_open();
    MrFrame *left =
        sql(session, "SELECT * FROM VALUES (1, 'a'), (2, 'b'), (NULL, 'n') AS t(id, x)");
    MrFrame *right = sql(session, "SELECT * FROM VALUES (1, 'A'), (3, 'C') AS t(id, y)");
    MrFrame *joined = NULL, *named = NULL;
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        MR_OKAY(mr_frame_join(left, right, cases[i].kind, "l.id = r.id", &joined, &err));
        assert_int_equal(count_and_close(joined), cases[i].n_rows);
    }
    MR_OKAY(mr_frame_join(left, right, "cross", NULL, &joined, &err));
    assert_int_equal(count_and_close(joined), 6);
    MR_OKAY(mr_frame_join(left, right, "full", "l.id = r.id", &joined, &err));
    MR_OKAY(mr_frame_select(joined, "coalesce(l.id, r.id) AS id, x, y", &named, &err));
    MrFrame *three = NULL;
    MR_OKAY(mr_frame_filter(named, "id = 3 AND y = 'C'", &three, &err));
    assert_int_equal(count_and_close(three), 1);
    mr_frame_close(named);
    mr_frame_close(joined);
    expect_failure(mr_frame_join(left, right, "inner", NULL, &joined, &err),
                   "INVALID_PARAMETER_VALUE");
    expect_failure(mr_frame_join(left, right, "sideways", "true", &joined, &err),
                   "UNSUPPORTED_JOIN_TYPE");
    mr_frame_close(left);
    mr_frame_close(right);
    mr_session_close(session);
}

/* A text is what its parameter says and no more; its mistakes are placed in it. */
static void a_text_is_judged_alone(void **state)
{
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT id AS k FROM range(3)"), *out = NULL;
    expect_failure(mr_frame_filter(frame, "k > 0 LIMIT 1", &out, &err), "PARSE_SYNTAX_ERROR");
    assert_int_equal(err.sql_idx, 6);
    expect_failure(mr_frame_filter(frame, "k > 0) x WHERE (true", &out, &err),
                   "PARSE_SYNTAX_ERROR");
    expect_failure(mr_frame_filter(frame, "", &out, &err), "PARSE_EMPTY_STATEMENT");
    expect_failure(mr_frame_filter(frame, "NOT nope", &out, &err),
                   "UNRESOLVED_COLUMN.WITH_SUGGESTION");
    assert_int_equal(err.sql_idx, 4);
    assert_int_equal(err.sql_len, 4);
    assert_non_null(strstr(err.trail, "in condition"));
    expect_failure(mr_frame_select(frame, "1 FROM range(1) UNION ALL SELECT k", &out, &err),
                   "PARSE_SYNTAX_ERROR");
    expect_failure(mr_frame_group(frame, "k HAVING true", "sum(k)", &out, &err),
                   "PARSE_SYNTAX_ERROR");
    expect_failure(mr_frame_order(frame, "k LIMIT 3", &out, &err), "PARSE_SYNTAX_ERROR");
    expect_failure(mr_frame_watermark(frame, "k", "10 sec'onds", &out, &err),
                   "INVALID_PARAMETER_VALUE");
    expect_failure(mr_frame_limit(frame, -3, &out, &err),
                   "INVALID_LIMIT_LIKE_EXPRESSION.IS_NEGATIVE");
    assert_int_equal(err.sql_idx, -1); /* in a text of ours */
    MR_OKAY(mr_frame_select(frame, "1 / k AS x", &out, &err));
    expect_failure(mr_frame_show(out, NULL, stdout, &err), "DIVIDE_BY_ZERO");
    assert_int_equal(err.sql_idx, -1);
    mr_frame_close(out);
    mr_frame_close(frame);
    mr_session_close(session);
}

static void what_must_be_given_is_asked_for(void **state)
{
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT 1 AS x"), *out = NULL;
    const char *missing = "INVALID_PARAMETER_VALUE";
    expect_failure(mr_session_sql(session, NULL, &out, &err), missing);
    expect_failure(mr_frame_select(frame, NULL, &out, &err), missing);
    expect_failure(mr_frame_filter(frame, NULL, &out, &err), missing);
    expect_failure(mr_frame_group(frame, "x", NULL, &out, &err), missing);
    expect_failure(mr_frame_order(frame, NULL, &out, &err), missing);
    expect_failure(mr_frame_join(frame, frame, NULL, "true", &out, &err), missing);
    expect_failure(mr_frame_watermark(frame, NULL, "1 second", &out, &err), missing);
    expect_failure(mr_frame_watermark(frame, "x", NULL, &out, &err), missing);
    expect_failure(mr_frame_create_view(frame, NULL, &err), missing);
    expect_failure(mr_session_conf_set(session, NULL, "x", &err), missing);
    expect_failure(mr_session_conf_set(session, "x", NULL, &err), missing);
    assert_null(out);
    MrStreamingQuery *query = NULL;
    expect_failure(mr_session_read(session, NULL, &out, &err), missing);
    expect_failure(mr_frame_write(frame, NULL, &err), missing);
    expect_failure(mr_frame_start(frame, NULL, &query, &err), "WRITE_STREAM_NOT_ALLOWED");
    MrError none = {0};
    char text[10];
    assert_string_equal(mr_error_condition(&none), "");
    assert_string_equal(mr_error_sqlstate(&none), "00000");
    assert_true(mr_error_message(&err, text, sizeof text) > 9);
    assert_string_equal(text, "[WRITE_ST");
    assert_int_equal(mr_error_message(&none, text, 0), mr_error_message(&none, text, 10));
    const MrKeyValue no_key = {NULL, "x"},
                     no_value = {"header", NULL}, *const wrong[] = {&no_key, &no_value, NULL, NULL};
    for (int i = 0; i < 4; i++) { /* NULL options, or fewer than none */
        int32_t n = i < 3 ? 1 : -1;
        const MrReadOptions read = {
            .format = "csv", .path = "/", .options = wrong[i], .n_options = n};
        const MrWriteOptions write = {.path = path_of("x"), .options = wrong[i], .n_options = n};
        const MrStreamStart start = {.format = "noop", .options = wrong[i], .n_options = n};
        expect_failure(mr_session_read(session, &read, &out, &err), missing);
        expect_failure(mr_frame_write(frame, &write, &err), missing);
        expect_failure(mr_frame_start(frame, &start, &query, &err), missing);
    }
    expect_failure(mr_frame_show(frame, &(MrShowOptions){.n_rows = -1}, stdout, &err), missing);
    assert_null(out);
    assert_null(query);
    mr_frame_close(frame);
    mr_session_close(session);
}

/* Each condition that the header names, where no other test meets it. */
static void what_fails_is_called_as_the_header_has_it(void **state)
{
    static const MrKeyValue odd = {"maxFilesPerTrigger", "none"};
    MrSession *session = session_open();
    MrFrame *one = sql(session, "SELECT 1 AS x"), *out = NULL;
    MrFrame *two = sql(session, "SELECT 1 AS x, 2 AS y"), *list = sql(session, "SELECT array(1)");
    const struct {
        MrReadOptions read;
        const char *condition;
    } reads[] = {
        {{.path = "/no/such/place"}, "PATH_NOT_FOUND"},
        {{.format = "nothing", .path = "/"}, "DATA_SOURCE_NOT_FOUND"},
        {{.format = "csv", .path = path_of("empty")}, "UNABLE_TO_INFER_SCHEMA"},
        {{.format = "json", .path = "/tmp", .schema = "a INT,"}, "PARSE_SYNTAX_ERROR"},
        {{.format = "json", .path = "/tmp", .schema = "a NUMBERS"}, "UNSUPPORTED_DATATYPE"},
        {{.format = "json",
          .path = "/tmp",
          .schema = "a INT",
          .options = &odd,
          .n_options = 1,
          .streaming = true},
         "INVALID_PARAMETER_VALUE"},
    };
    mkdir(path_of("empty"), 0777);
    for (int i = 0; i < MR_COUNT(reads); i++) {
        MrStatus status = mr_session_read(session, &reads[i].read, &out, &err);
        assert_int_equal(status, MR_INVALID);
        expect_failure(status, reads[i].condition);
    }
    expect_failure(mr_frame_union(one, two, &out, &err), "NUM_COLUMNS_MISMATCH");
    expect_failure(mr_frame_union(one, list, &out, &err), "INCOMPATIBLE_COLUMN_TYPE");
    expect_failure(mr_frame_write(one, &(MrWriteOptions){.format = "nothing", .path = "x"}, &err),
                   "DATA_SOURCE_NOT_FOUND");
    MR_OKAY(mr_frame_create_view(one, "again", &err));
    MR_OKAY(mr_frame_create_view(two, "again", &err));
    assert_int_equal(count_and_close(sql(session, "SELECT y FROM again")), 1);
    int64_t size_bytes = INT64_C(16) << 20;
    char *text = malloc((size_t)size_bytes + 10);
    memset(text, ' ', (size_t)size_bytes + 10);
    memcpy(text, "SELECT 1", 8);
    text[size_bytes] = '1';
    text[size_bytes + 1] = '\0';
    assert_int_equal(mr_session_sql(session, text, &out, &err), MR_INVALID);
    free(text);
    assert_null(out);
    mr_frame_close(list);
    mr_frame_close(two);
    mr_frame_close(one);
    mr_session_close(session);
}

static void a_command_has_rows_and_is_no_input(void **state)
{
    MrSession *session = session_open();
    MrFrame *one = sql(session, "SELECT 1 AS x"), *out = NULL;
    MR_OKAY(mr_frame_create_view(one, "seen", &err));
    MrFrame *tables = sql(session, "SHOW TABLES LIKE 'seen'");
    for (int i = 0; i < 2; i++) {
        assert_int_equal(rows_of(tables), 1);
        assert_non_null(strstr(shown(tables, NULL), "seen"));
    }
    expect_failure(mr_frame_select(tables, "tableName", &out, &err),
                   "UNSUPPORTED_FEATURE.MILLRACE");
    expect_failure(mr_frame_join(tables, one, "cross", NULL, &out, &err),
                   "UNSUPPORTED_FEATURE.MILLRACE");
    mr_frame_close(tables);
    mr_frame_close(one);
    mr_session_close(session);
}

/* Streams of one frame are read beside each other, and after it was closed. */
static void the_rows_of_a_command_are_read_by_several(void **state)
{
    struct ArrowArrayStream streams[2];
    struct ArrowArray arrays[2];
    struct ArrowSchema schema;
    MrSession *session = session_open();
    MrFrame *functions = sql(session, "SHOW FUNCTIONS");
    int64_t n_rows = rows_of(functions);
    assert_true(n_rows > 300);
    for (int i = 0; i < 2; i++)
        MR_OKAY(mr_frame_arrow(functions, &streams[i], &err));
    assert_int_equal(streams[0].get_next(&streams[0], &arrays[0]), 0);
    assert_int_equal(arrays[0].length, n_rows);
    assert_int_equal(rows_of(functions), n_rows);
    mr_frame_close(functions);
    mr_session_close(session);
    assert_int_equal(streams[0].get_next(&streams[0], &arrays[1]), 0);
    assert_null(arrays[1].release); /* the end, of this one */
    assert_int_equal(streams[1].get_schema(&streams[1], &schema), 0);
    assert_int_equal(streams[1].get_next(&streams[1], &arrays[1]), 0);
    assert_int_equal(arrays[1].length, n_rows);
    for (int i = 0; i < 2; i++) {
        streams[i].release(&streams[i]);
        arrays[i].release(&arrays[i]);
    }
    schema.release(&schema);
}

static void show_prints_as_spark_does(void **state)
{
    MrSession *session = session_open();
    MrFrame *frame =
        sql(session, "SELECT 'a\\n' AS x, NULL AS y, 'abcdefghijklmnopqrstuvwxyz' AS z,"
                     " '日本' AS jp, array(1, NULL) AS a, X'4D' AS b, 1.5 AS d");
    assert_string_equal(shown(frame, NULL),
                        "+---+----+--------------------+----+---------+----+---+\n"
                        "|  x|   y|                   z|  jp|        a|   b|  d|\n"
                        "+---+----+--------------------+----+---------+----+---+\n"
                        "|a\\n|NULL|abcdefghijklmnopq...|日本|[1, NULL]|[4D]|1.5|\n"
                        "+---+----+--------------------+----+---------+----+---+\n");
    mr_frame_close(frame);
    frame = sql(session, "SELECT 'abcdefghijklmnopqrstuvwxyz' AS z, 1 AS a FROM range(3)");
    assert_string_equal(shown(frame, &(MrShowOptions){.keep_long = true, .n_rows = 2}),
                        "+--------------------------+---+\n"
                        "|z                         |a  |\n"
                        "+--------------------------+---+\n"
                        "|abcdefghijklmnopqrstuvwxyz|1  |\n"
                        "|abcdefghijklmnopqrstuvwxyz|1  |\n"
                        "+--------------------------+---+\n"
                        "only showing top 2 rows\n");
    assert_null(strstr(shown(frame, &(MrShowOptions){.n_rows = INT32_MAX}), "only"));
    mr_frame_close(frame);
    mr_session_close(session);
}

static void a_frame_is_written_and_read_in_each_mode(void **state)
{
    static const char *const formats[] = {NULL, "parquet", "csv", "json"};
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT id AS k, id * 2 AS v FROM range(10)"), *back = NULL;
    for (size_t i = 0; i < MR_COUNT(formats); i++) {
        char name[20];
        snprintf(name, sizeof name, "out%d", (int)i);
        MrWriteOptions write = {.format = formats[i], .path = path_of(name)};
        static const struct {
            const char *mode;
            int64_t n_rows;
        } modes[] = {{"error", 10}, {"append", 20}, {"Overwrite", 10}, {"ignore", 10}};
        for (size_t m = 0; m < MR_COUNT(modes); m++) {
            write.mode = modes[m].mode;
            MR_OKAY(mr_frame_write(frame, &write, &err));
            MR_OKAY(mr_session_read(
                session, &(MrReadOptions){.format = formats[i], .path = write.path}, &back, &err));
            assert_int_equal(count_and_close(back), modes[m].n_rows);
        }
        write.mode = NULL;
        expect_failure(mr_frame_write(frame, &write, &err), "PATH_ALREADY_EXISTS");
        write.mode = "replace";
        expect_failure(mr_frame_write(frame, &write, &err), "INVALID_SAVE_MODE");
    }
    MrKeyValue version = {"parquet.writer.version", "v2"};
    MrWriteOptions v2 = {.path = path_of("v2"), .options = &version, .n_options = 1};
    MR_OKAY(mr_frame_write(frame, &v2, &err));
    MR_OKAY(mr_session_read(session, &(MrReadOptions){.path = v2.path}, &back, &err));
    assert_int_equal(count_and_close(back), 10);
    version.value = "v3";
    expect_failure(mr_frame_write(frame, &v2, &err), "INVALID_PARAMETER_VALUE");
    expect_failure(mr_frame_write(frame, &(MrWriteOptions){.format = "nothing", .path = "x"}, &err),
                   "DATA_SOURCE_NOT_FOUND");
    expect_failure(mr_session_read(session, &(MrReadOptions){.format = "nothing"}, &back, &err),
                   "DATA_SOURCE_NOT_FOUND");
    mr_frame_close(frame);
    mr_session_close(session);
}

/* What frames read has names that mean nothing: nobody sees them, and a source has one. */
static void what_frames_read_stays_out_of_sight(void **state)
{
    int64_t used_bytes = 0;
    MrSession *session = session_open();
    MrFrame *rows = sql(session, "SELECT 1 AS a"), *read = NULL;
    MR_OKAY(mr_frame_write(rows, &(MrWriteOptions){.path = path_of("seen")}, &err));
    for (int i = 0; i < 20; i++) {
        MR_OKAY(mr_session_read(session, &(MrReadOptions){.path = path_of("seen")}, &read, &err));
        assert_int_equal(count_and_close(read), 1);
        if (i == 1)
            used_bytes = mr_session_budget(session)->used_bytes;
    }
    assert_int_equal(mr_session_budget(session)->used_bytes, used_bytes);
    MR_OKAY(mr_session_read(session, &(MrReadOptions){.path = path_of("seen")}, &read, &err));
    MR_OKAY(mr_frame_create_view(read, "seen", &err));
    mr_frame_close(read);
    assert_int_equal(count_and_close(sql(session, "SHOW VIEWS")), 1);
    assert_int_equal(count_and_close(sql(session, "SHOW TABLES")), 1);
    const MrShowOptions whole = {.keep_long = true};
    MrFrame *plan = sql(session, "EXPLAIN SELECT * FROM seen");
    assert_non_null(strstr(shown(plan, &whole), "parquet /tmp/"));
    assert_null(strstr(shown(plan, &whole), "_frame_"));
    mr_frame_close(plan);
    mr_frame_close(rows);
    mr_session_close(session);
}

/* ---------------------------------------------------------------- what a frame's text means */

static void run(MrSession *session, const char *command)
{
    mr_frame_close(sql(session, command));
}

/* The only cell of show(). */
static const char *cell(MrFrame *frame)
{
    static char text[200];
    const char *from = shown(frame, &(MrShowOptions){.keep_long = true});
    for (int i = 0; i < 3; i++)
        from = strchr(from, '\n') + 1;
    size_t n = strcspn(++from, " |");
    snprintf(text, sizeof text, "%.*s", (int)n, from);
    return text;
}

#define N_LATER 9

/* A frame, and what stands on it. */
static void frames_over(MrSession *session, MrFrame *frame, MrFrame *later[N_LATER])
{
    MrFrame *one = sql(session, "SELECT 1 AS one");
    MR_OKAY(mr_frame_select(frame, "*", &later[0], &err));
    MR_OKAY(mr_frame_filter(frame, "x IS NOT NULL", &later[1], &err));
    MR_OKAY(mr_frame_order(later[1], "x", &later[2], &err));
    MR_OKAY(mr_frame_limit(frame, 5, &later[3], &err));
    MR_OKAY(mr_frame_join(frame, one, "inner", "l.x IS NOT NULL AND r.one = 1", &later[4], &err));
    MR_OKAY(mr_frame_select(later[4], "l.x", &later[5], &err));
    mr_frame_close(later[4]);
    MR_OKAY(mr_frame_group(frame, "", "max(x) AS x", &later[4], &err));
    MR_OKAY(mr_frame_distinct(frame, &later[6], &err));
    MR_OKAY(mr_frame_create_view(frame, "of_frame", &err));
    later[7] = sql(session, "SELECT * FROM of_frame");
    run(session, "CREATE OR REPLACE TEMPORARY VIEW of_view AS SELECT * FROM of_frame");
    later[8] = sql(session, "SELECT * FROM of_view");
    mr_frame_close(one);
}

static void a_frame_keeps_what_its_text_meant(void **state)
{
    static const struct {
        const char *before[3], *query, *value, *after[3];
    } cases[] = {
        {{"CREATE OR REPLACE TEMPORARY VIEW w AS SELECT 1 AS x"},
         "SELECT * FROM w",
         "1",
         {"CREATE OR REPLACE TEMPORARY VIEW w AS SELECT 'two' AS x, 2 AS y", "DROP VIEW w"}},
        {{"CREATE OR REPLACE TEMPORARY VIEW w AS SELECT 1 AS x",
          "CREATE OR REPLACE TEMPORARY VIEW over AS SELECT x + 1 AS x FROM w"},
         "SELECT * FROM over",
         "2",
         {"CREATE OR REPLACE TEMPORARY VIEW w AS SELECT 5 AS x", "DROP VIEW over"}},
        {{"CREATE VIEW kept AS SELECT 1 AS x"}, "SELECT * FROM kept", "1", {"DROP VIEW kept"}},
        {{"CREATE OR REPLACE TEMPORARY FUNCTION f(a INT) RETURNS INT RETURN a + 1"},
         "SELECT f(1) AS x",
         "2",
         {"CREATE OR REPLACE TEMPORARY FUNCTION f(a INT) RETURNS INT RETURN a + 10",
          "DROP TEMPORARY FUNCTION f"}},
        {{"DECLARE OR REPLACE VARIABLE q INT DEFAULT 1"},
         "SELECT q AS x",
         "1",
         {"SET VAR q = 2", "DROP TEMPORARY VARIABLE q"}},
        {{"CREATE TABLE hidden USING parquet AS SELECT 1 AS x"},
         "SELECT * FROM hidden",
         "1",
         {"CREATE OR REPLACE TEMPORARY VIEW hidden AS SELECT 7 AS x"}},
        {{"CREATE TABLE grows USING parquet AS SELECT 1 AS x"},
         "SELECT * FROM grows",
         "1",
         {"ALTER TABLE grows ADD COLUMNS (y INT)"}},
        {{"CREATE DATABASE other", "USE other", "CREATE TABLE t USING parquet AS SELECT 3 AS x"},
         "SELECT * FROM t",
         "3",
         {"USE default", "CREATE TABLE t USING parquet AS SELECT 4 AS x"}},
        {{"SET spark.sql.ansi.enabled = false"},
         "SELECT coalesce(CAST('no' AS INT), 7) AS x",
         "7",
         {"SET spark.sql.ansi.enabled = true"}},
        {{"SET spark.sql.session.timeZone = UTC"},
         "SELECT unix_seconds(timestamp'1970-01-02 00:00:00') AS x",
         "86400",
         {"SET spark.sql.session.timeZone = Asia/Tokyo"}},
        {{0}, "SELECT current_database() AS x", "default", {"CREATE DATABASE third", "USE third"}},
    };
    MrSession *session = session_open();
    for (size_t i = 0; i < MR_COUNT(cases); i++) {
        MrFrame *later[N_LATER], *frame, *more = NULL;
        for (int k = 0; k < 3 && cases[i].before[k]; k++)
            run(session, cases[i].before[k]);
        frame = sql(session, cases[i].query);
        frames_over(session, frame, later);
        for (int k = 0; k < 3; k++) {
            if (cases[i].after[k])
                run(session, cases[i].after[k]);
            assert_string_equal(cell(frame), cases[i].value);
            assert_int_equal(rows_of(frame), 1);
            for (int n = 0; n < N_LATER; n++)
                assert_string_equal(cell(later[n]), cases[i].value);
            MR_OKAY(mr_frame_select(frame, "x", &more, &err)); /* what is made now, too */
            assert_string_equal(cell(more), cases[i].value);
            mr_frame_close(more);
            MR_OKAY(mr_frame_write(
                later[1], &(MrWriteOptions){.path = path_of("meant"), .mode = "overwrite"}, &err));
            MR_OKAY(
                mr_session_read(session, &(MrReadOptions){.path = path_of("meant")}, &more, &err));
            assert_string_equal(cell(more), cases[i].value);
            mr_frame_close(more);
        }
        for (int n = 0; n < N_LATER; n++)
            mr_frame_close(later[n]);
        mr_frame_close(frame);
    }
    mr_session_close(session);
}

/* A frame over a view takes the view's name, again and again. */
static void a_frame_may_replace_the_view_it_reads(void **state)
{
    int64_t used_bytes = 0;
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT * FROM range(10)"), *read = NULL, *next = NULL;
    MR_OKAY(mr_frame_create_view(frame, "v", &err));
    read = sql(session, "SELECT * FROM v");
    MR_OKAY(mr_frame_filter(read, "id > 5", &next, &err));
    MR_OKAY(mr_frame_create_view(next, "v", &err));
    assert_int_equal(count_and_close(sql(session, "SELECT * FROM v")), 4);
    assert_int_equal(count_and_close(next), 4);
    assert_int_equal(count_and_close(read), 10);
    for (int i = 0; i < 20; i++) {
        read = sql(session, "SELECT id + 1 AS id FROM v");
        MR_OKAY(mr_frame_create_view(read, "v", &err));
        mr_frame_close(read);
    }
    read = sql(session, "SELECT id FROM v WHERE id BETWEEN 26 AND 29");
    assert_int_equal(count_and_close(read), 4);
    expect_failure(mr_frame_create_view(frame, "", &err), "INVALID_PARAMETER_VALUE");
    for (int i = 0; i < 3; i++) { /* nobody reads the old ones any more */
        MR_OKAY(mr_frame_create_view(frame, "v", &err));
        read = sql(session, "SELECT * FROM v");
        MR_OKAY(mr_frame_create_view(read, "v", &err));
        mr_frame_close(read);
        if (i == 0)
            used_bytes = mr_session_budget(session)->used_bytes;
    }
    assert_int_equal(mr_session_budget(session)->used_bytes, used_bytes);
    mr_frame_close(frame);
    mr_session_close(session);
}

/* Two frames that were made at two times mean two things by one name. */
static void frames_of_two_times_meet(void **state)
{
    MrSession *session = session_open();
    MrFrame *frames[2], *joined = NULL, *both = NULL;
    for (int i = 0; i < 2; i++) {
        run(session, i == 0 ? "SET spark.sql.session.timeZone = UTC"
                            : "SET spark.sql.session.timeZone = Asia/Tokyo");
        run(session, i == 0 ? "CREATE OR REPLACE TEMPORARY VIEW w AS SELECT 1 AS x"
                            : "CREATE OR REPLACE TEMPORARY VIEW w AS SELECT 2 AS x");
        frames[i] = sql(session, "SELECT x, unix_seconds(timestamp'1970-01-02 00:00:00') AS s "
                                 "FROM w");
    }
    MR_OKAY(mr_frame_join(frames[0], frames[1], "inner",
                          "l.x < r.x AND l.s - r.s = 9 * 3600 AND r.x = (SELECT x FROM w)", &joined,
                          &err));
    run(session, "DROP VIEW w");
    MR_OKAY(mr_frame_select(joined, "concat(l.x, r.x) AS x", &both, &err));
    assert_string_equal(cell(both), "12");
    mr_frame_close(both);
    MR_OKAY(mr_frame_union(frames[0], frames[1], &both, &err));
    assert_int_equal(count_and_close(both), 2);
    mr_frame_close(joined);
    for (int i = 0; i < 2; i++)
        mr_frame_close(frames[i]);
    mr_session_close(session);
}

/* A frame knows the columns of its files and tables, and reads what is in them now. */
static void columns_are_as_they_were_and_rows_as_they_are(void **state)
{
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT 1 AS x"), *other = sql(session, "SELECT 2 AS x, 3 AS y");
    const MrWriteOptions to = {.format = "json", .path = path_of("files"), .mode = "overwrite"};
    const MrReadOptions from = {.format = "json", .path = to.path};
    char text[400];
    MR_OKAY(mr_frame_write(frame, &to, &err));
    mr_frame_close(frame);
    MR_OKAY(mr_session_read(session, &from, &frame, &err));
    snprintf(text, sizeof text, "SELECT * FROM json.`%s`", to.path);
    MrFrame *by_path = sql(session, text);
    MR_OKAY(mr_frame_write(other, &to, &err));
    assert_string_equal(cell(frame), "2");
    assert_null(strchr(shown(frame, NULL), 'y'));
    assert_null(strchr(shown(by_path, NULL), 'y'));
    assert_string_equal(cell(by_path), "2");
    mr_frame_close(by_path);
    mr_frame_close(frame);
    mr_frame_close(other);
    run(session, "CREATE TABLE remade USING parquet AS SELECT 1 AS x");
    frame = sql(session, "SELECT * FROM remade");
    run(session, "INSERT INTO remade VALUES (2)");
    assert_int_equal(rows_of(frame), 2);
    run(session, "DROP TABLE remade");
    expect_failure(mr_frame_show(frame, NULL, stdout, &err), "TABLE_OR_VIEW_NOT_FOUND");
    run(session, "CREATE TABLE remade USING parquet AS SELECT 'a' AS x, 1 AS y");
    expect_failure(mr_frame_show(frame, NULL, stdout, &err),
                   "INCOMPATIBLE_TABLE_CHANGE_AFTER_ANALYSIS.TABLE_ID_MISMATCH");
    mr_frame_close(frame);
    mr_session_close(session);
}

static void an_interrupt_is_over_when_the_next_query_begins(void **state)
{
    int64_t n_rows = 0;
    struct ArrowArrayStream rows;
    struct ArrowArray array;
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT * FROM range(100000)"), *read = NULL;
    const MrWriteOptions to = {.path = path_of("after"), .mode = "overwrite"};
    mr_session_interrupt(session);
    MR_OKAY(mr_frame_write(frame, &to, &err));
    mr_session_interrupt(session);
    MR_OKAY(mr_frame_count(frame, &n_rows, &err));
    assert_int_equal(n_rows, 100000);
    mr_session_interrupt(session);
    assert_non_null(strstr(shown(frame, &(MrShowOptions){.n_rows = 2}), "only showing top 2"));
    mr_session_interrupt(session);
    MR_OKAY(mr_session_read(session, &(MrReadOptions){.path = to.path}, &read, &err));
    mr_session_interrupt(session);
    mr_frame_close(frame);
    frame = sql(session, "SELECT * FROM range(1000000000)");
    MR_OKAY(mr_frame_arrow(frame, &rows, &err));
    assert_int_equal(rows.get_next(&rows, &array), 0);
    array.release(&array);
    mr_session_interrupt(session);
    int code = 0;
    while (code == 0) { /* what is ready may still come */
        code = rows.get_next(&rows, &array);
        if (code == 0) {
            assert_non_null(array.release);
            array.release(&array);
        }
    }
    assert_non_null(strstr(rows.get_last_error(&rows), "OPERATION_CANCELED"));
    rows.release(&rows);
    mr_frame_close(read);
    mr_frame_close(frame);
    mr_session_close(session);
}

static void a_streaming_frame_is_started_not_read(void **state)
{
    const char *refused = "UNSUPPORTED_FEATURE.MILLRACE";
    struct ArrowArrayStream stream;
    int64_t n_rows;
    MrFrame *rate = NULL, *late = NULL;
    MrSession *session = session_open();
    MR_OKAY(mr_session_read(session, &(MrReadOptions){.format = "rate", .streaming = true}, &rate,
                            &err));
    expect_failure(mr_frame_count(rate, &n_rows, &err), refused);
    expect_failure(mr_frame_show(rate, NULL, stdout, &err), refused);
    expect_failure(mr_frame_arrow(rate, &stream, &err), refused);
    expect_failure(mr_frame_write(rate, &(MrWriteOptions){.path = path_of("rate")}, &err), refused);
    MR_OKAY(mr_frame_watermark(rate, "timestamp", "10 seconds", &late, &err));
    mr_frame_close(late);
    expect_failure(mr_frame_watermark(rate, "timestamp", "-10 seconds", &late, &err),
                   "INVALID_PARAMETER_VALUE");
    expect_failure(mr_frame_watermark(rate, "value", "10 seconds", &late, &err),
                   "EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE");
    mr_frame_close(rate);
    mr_session_close(session);
}

/* In whatever order handles are closed; what is still there works. */
static void the_session_lives_as_long_as_what_was_made_from_it(void **state)
{
    struct ArrowArrayStream stream;
    struct ArrowArray array;
    struct ArrowSchema schema;
    MrPair pair = {{"k", 1}, {"v", 1}}, *rows = NULL;
    int64_t n_rows = 0;
    MrRdd *rdd = NULL;
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT id FROM range(5000)");
    MR_OKAY(mr_frame_arrow(frame, &stream, &err));
    MR_OKAY(mr_rdd_parallelize(session, &pair, 1, &rdd, &err));
    mr_session_close(session);
    mr_session_close(NULL);
    assert_int_equal(rows_of(frame), 5000);
    mr_frame_close(frame);
    MR_OKAY(mr_rdd_collect(rdd, &rows, &n_rows, &err));
    mr_rdd_close(rdd);
    assert_string_equal(rows[0].value.data, "v");
    assert_int_equal(stream.get_schema(&stream, &schema), 0);
    assert_int_equal(stream.get_next(&stream, &array), 0);
    mr_rows_free(rows);
    schema.release(&schema);
    array.release(&array);
    stream.release(&stream);
}

/* What an Arrow consumer keeps lives longer than what it came from, and takes the session with it:
 * k says what goes last. */
static void arrays_and_schemas_are_released_last(void **state)
{
    size_t used = 0;
    for (int k = 0; k < 12; k++) {
        struct ArrowArrayStream stream;
        struct ArrowArray array, child;
        struct ArrowSchema schema, name;
        MrSession *session = session_open();
        MrFrame *frame = sql(session, "SELECT id, 'x' || id AS s FROM range(3000)");
        MR_OKAY(mr_frame_arrow(frame, &stream, &err));
        assert_int_equal(stream.get_schema(&stream, &schema), 0);
        assert_int_equal(stream.get_next(&stream, &array), 0);
        child = *array.children[1]; /* moved out */
        array.children[1]->release = NULL;
        name = *schema.children[1];
        schema.children[1]->release = NULL;
        stream.release(&stream);
        mr_frame_close(frame);
        mr_session_close(session);
        if (k % 4 != 0)
            array.release(&array);
        if (k % 4 != 1)
            schema.release(&schema);
        assert_string_equal(name.name, "s");
        assert_int_equal(child.length, 2048);
        assert_int_equal(*(const char *)child.buffers[2], 'x');
        if (k % 4 != 2)
            child.release(&child);
        name.release(&name);
        if (k % 4 == 0)
            array.release(&array);
        if (k % 4 == 1)
            schema.release(&schema);
        if (k % 4 == 2)
            child.release(&child);
        if (k == 3)
            used = mallinfo2().uordblks;
        else if (k > 3)
            assert_int_equal(mallinfo2().uordblks, used);
    }
}

/* Out through one stream, in through another: what is empty, NULL and nested, too. */
static void rows_go_out_and_come_in_through_arrow(void **state)
{
    struct ArrowArrayStream stream;
    MrFrame *back = NULL, *both = NULL;
    MrSession *session = session_open();
    MrFrame *frame = sql(session, "SELECT id, IF(id % 3 = 0, NULL, 'x' || id) AS s, "
                                  "sequence(0, id % 4) AS a, struct(id * 1.5 AS d) AS n "
                                  "FROM range(5000)");
    MR_OKAY(mr_frame_arrow(frame, &stream, &err));
    MR_OKAY(mr_session_arrow(session, &stream, &back, &err));
    assert_null(stream.release); /* taken */
    assert_int_equal(rows_of(back), 5000);
    MR_OKAY(mr_frame_create_view(frame, "first", &err));
    MR_OKAY(mr_frame_create_view(back, "second", &err));
    both = sql(session, "SELECT * FROM first EXCEPT ALL SELECT * FROM second");
    assert_int_equal(count_and_close(both), 0);
    mr_frame_close(back);
    MR_OKAY(mr_frame_filter(frame, "false", &both, &err));
    MR_OKAY(mr_frame_arrow(both, &stream, &err));
    MR_OKAY(mr_session_arrow(session, &stream, &back, &err));
    assert_int_equal(count_and_close(back), 0);
    mr_frame_close(both);
    mr_frame_close(frame);
    frame = sql(session, "SELECT 1 / (id - 3000) AS x FROM range(5000)");
    MR_OKAY(mr_frame_arrow(frame, &stream, &err));
    expect_failure(mr_session_arrow(session, &stream, &back, &err), "IO_ERROR");
    char message[1000];
    mr_error_message(&err, message, sizeof message);
    assert_non_null(strstr(message, "DIVIDE_BY_ZERO"));
    mr_frame_close(frame);
    mr_session_close(session);
}

/* A stream of one array of one column, as a giver that is wrong makes it. */
static struct ArrowArray wrong;
static bool was_read;

static void release_array(struct ArrowArray *array)
{
    array->release = NULL;
}

static void release_schema(struct ArrowSchema *schema)
{
    schema->release = NULL;
}

static void release_stream(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}

static int wrong_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    static struct ArrowSchema child, *children[] = {&child};
    child = (struct ArrowSchema){.format = "l", .name = "a", .release = release_schema};
    *out = (struct ArrowSchema){.format = "+s",
                                .name = "",
                                .n_children = 1,
                                .children = children,
                                .release = release_schema};
    was_read = false;
    return 0;
}

static int wrong_array(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    *out = was_read ? (struct ArrowArray){0} : wrong;
    was_read = true;
    return 0;
}

static const char *no_error(struct ArrowArrayStream *stream)
{
    return NULL;
}

static void lengths_of_given_arrays_are_checked(void **state)
{
    static const int64_t values[4] = {1, 2, 3, 4};
    const void *none[1] = {NULL}, *buffers[2] = {NULL, values};
    const struct {
        int64_t length, offset, child_length;
        int64_t n_rows; /* -1: refused */
    } cases[] = {{4, 0, 4, 4},   {2, 1, 4, 2},   {0, 0, 4, 0},
                 {-4, 0, 4, -1}, {-1, 0, 4, -1}, {4, 0, -4, -1},
                 {4, 0, 3, -1},  {4, -1, 4, -1}, {INT64_MIN, 0, 4, -1}};
    MrSession *session = session_open();
    for (int i = 0; i < MR_COUNT(cases); i++) {
        struct ArrowArray child = {.length = cases[i].child_length,
                                   .n_buffers = 2,
                                   .buffers = buffers,
                                   .release = release_array};
        struct ArrowArray *children[] = {&child};
        struct ArrowArrayStream stream = {.get_schema = wrong_schema,
                                          .get_next = wrong_array,
                                          .get_last_error = no_error,
                                          .release = release_stream};
        MrFrame *frame = NULL;
        wrong = (struct ArrowArray){.length = cases[i].length,
                                    .offset = cases[i].offset,
                                    .n_buffers = 1,
                                    .n_children = 1,
                                    .buffers = none,
                                    .children = children,
                                    .release = release_array};
        MrStatus status = mr_session_arrow(session, &stream, &frame, &err);
        assert_null(stream.release);
        if (cases[i].n_rows < 0) {
            assert_int_equal(status, MR_INVALID);
            assert_null(frame);
        } else {
            MR_OKAY(status);
            assert_int_equal(count_and_close(frame), cases[i].n_rows);
        }
    }
    mr_session_close(session);
}

static void *use_a_session(void *bad)
{
    MrError error = {0};
    MrSession *session = NULL;
    MrFrame *frame = NULL;
    int64_t n_rows = 0;
    const MrSessionOptions options = {.n_threads = 2};
    MrStatus status = mr_session_open(&options, &session, &error);
    if (status == MR_OK)
        status =
            mr_session_sql(session,
                           "SELECT id % 7 AS k, sum(id), regexp_replace(max('x' || id), '[0-9]', "
                           "'d') FROM range(5000) GROUP BY 1",
                           &frame, &error);
    if (status == MR_OK)
        status = mr_frame_count(frame, &n_rows, &error);
    atomic_fetch_add((atomic_int *)bad, n_rows != 7);
    mr_frame_close(frame);
    mr_session_close(session);
    return NULL;
}

static void several_sessions_are_independent(void **state)
{
    pthread_t threads[4];
    atomic_int n_bad = 0;
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, use_a_session, &n_bad), 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(n_bad, 0);
}

static void options_of_a_session_are_checked(void **state)
{
    MrSession *session = NULL;
    expect_failure(mr_session_open(&(MrSessionOptions){.memory_limit_bytes = -1}, &session, &err),
                   "INVALID_PARAMETER_VALUE");
    expect_failure(mr_session_open(&(MrSessionOptions){.n_threads = -1}, &session, &err),
                   "INVALID_PARAMETER_VALUE");
    expect_failure(mr_session_open(&(MrSessionOptions){.n_threads = 2000}, &session, &err),
                   "INVALID_PARAMETER_VALUE");
    expect_failure(mr_session_open(&(MrSessionOptions){.memory_limit_bytes = 1000}, &session, &err),
                   "UNABLE_TO_ACQUIRE_MEMORY");
    assert_null(session);
}

/* -- the k-th allocation fails, for every k ---------------------------------------------------- */

/* Each call of this file once; the frames made so far are the caller's. */
static MrStatus all_of_it(MrSession *session, MrFrame **made, MrStreamingQuery **query, FILE *to)
{
    struct ArrowArrayStream stream = {0};
    int64_t n_rows;
    bool ended;
    MR_TRY(mr_session_sql(session, "SELECT id AS k, id % 3 AS v FROM range(40)", &made[0], &err));
    MR_TRY(mr_frame_select(made[0], "k, v + 1 AS w", &made[1], &err));
    MR_TRY(mr_frame_filter(made[1], "w > 1", &made[2], &err));
    MR_TRY(mr_frame_group(made[2], "w", "count(*) AS n", &made[3], &err));
    MR_TRY(mr_frame_join(made[3], made[0], "full", "l.w = r.k", &made[4], &err));
    MR_TRY(mr_frame_order(made[4], "k DESC", &made[5], &err));
    MR_TRY(mr_frame_create_view(made[5], "ordered", &err));
    MR_TRY(mr_session_sql(session, "SHOW TABLES", &made[6], &err));
    MR_TRY(mr_frame_show(made[6], NULL, to, &err));
    MR_TRY(mr_frame_show(made[5], &(MrShowOptions){.n_rows = 5}, to, &err));
    MR_TRY(mr_frame_count(made[5], &n_rows, &err));
    MR_TRY(mr_frame_arrow(made[5], &stream, &err));
    MR_TRY(mr_session_arrow(session, &stream, &made[7], &err));
    MR_TRY(mr_frame_count(made[7], &n_rows, &err));
    MR_TRY(mr_frame_write(
        made[0],
        &(MrWriteOptions){.format = "json", .path = path_of("refused"), .mode = "overwrite"},
        &err));
    MR_TRY(mr_session_read(
        session,
        &(MrReadOptions){
            .format = "json", .path = path_of("refused"), .schema = "k BIGINT", .streaming = true},
        &made[8], &err));
    MR_TRY(mr_frame_start(
        made[8], &(MrStreamStart){.format = "memory", .name = "kept", .available_now = true}, query,
        &err));
    MR_TRY(mr_streaming_query_await(*query, -1, &ended, &err));
    (void)mr_streaming_query_progress(*query);
    return mr_session_sql(session, "SELECT * FROM kept", &made[9], &err);
}

static void any_allocation_may_fail(void **state)
{
    FILE *to = fopen("/dev/null", "w");
    for (int64_t k = 1;; k += k < 300 ? 1 : 1 + k / 97) {
        _Atomic int64_t countdown = INT64_MAX;
        MrSession *session = NULL;
        MrFrame *made[10] = {0};
        MrStreamingQuery *query = NULL;
        MR_OKAY(mr_session_create(&(MrSessionConfig){.warehouse = path_of("warehouse"),
                                                     .n_threads = 1,
                                                     .fail_countdown = &countdown},
                                  &session, &err));
        countdown = k;
        MrStatus status = all_of_it(session, made, &query, to);
        bool reached = countdown <= 0;
        countdown = INT64_MAX;
        mr_streaming_query_close(query);
        for (int i = 0; i < 10; i++)
            mr_frame_close(made[i]);
        mr_session_close(session);
        if (status != MR_OK && status != MR_NO_MEMORY && status != MR_IO) {
            char message[2000];
            mr_error_message(&err, message, sizeof message);
            fail_msg("allocation %lld: %s", (long long)k, message);
        }
        assert_true(status == MR_OK || reached);
        if (!reached)
            break;
    }
    fclose(to);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(each_step_makes_a_frame_and_leaves_the_old_one),
    MR_UNIT_TEST(groups_may_name_their_keys),
    MR_UNIT_TEST(joins_take_sparks_names_and_let_both_sides_be_named),
    MR_UNIT_TEST(a_text_is_judged_alone),
    MR_UNIT_TEST(what_must_be_given_is_asked_for),
    MR_UNIT_TEST(what_fails_is_called_as_the_header_has_it),
    MR_UNIT_TEST(a_command_has_rows_and_is_no_input),
    MR_UNIT_TEST(the_rows_of_a_command_are_read_by_several),
    MR_UNIT_TEST(show_prints_as_spark_does),
    MR_UNIT_TEST(a_frame_is_written_and_read_in_each_mode),
    MR_UNIT_TEST(what_frames_read_stays_out_of_sight),
    MR_UNIT_TEST(a_frame_keeps_what_its_text_meant),
    MR_UNIT_TEST(a_frame_may_replace_the_view_it_reads),
    MR_UNIT_TEST(frames_of_two_times_meet),
    MR_UNIT_TEST(columns_are_as_they_were_and_rows_as_they_are),
    MR_UNIT_TEST(an_interrupt_is_over_when_the_next_query_begins),
    MR_UNIT_TEST(a_streaming_frame_is_started_not_read),
    MR_UNIT_TEST(the_session_lives_as_long_as_what_was_made_from_it),
    MR_UNIT_TEST(arrays_and_schemas_are_released_last),
    MR_UNIT_TEST(rows_go_out_and_come_in_through_arrow),
    MR_UNIT_TEST(lengths_of_given_arrays_are_checked),
    MR_UNIT_TEST(several_sessions_are_independent),
    MR_UNIT_TEST(options_of_a_session_are_checked),
    MR_UNIT_TEST(any_allocation_may_fail),
};

int main(void)
{
    char command[300];
    if (!mkdtemp(folder))
        return 1;
    int n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return system(command) != 0 || n_failed ? 1 : 0;
}
