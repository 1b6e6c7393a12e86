/* streaming_query_test.c - streaming queries through the public header. */
#include "base/testing.h"
#include "column/arrow.h"
#include "millrace.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define LONG_MS 20000 /* longer than anything here takes */

static MrError err;
static char folder[] = "/tmp/mr-streaming-XXXXXX";

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

/* n_files files of five lines each, {"a":1..5,"b":"xFILE"}. */
static void write_input(int n_files)
{
    mkdir(path_of("in"), 0777);
    for (int f = 0; f < n_files; f++) {
        char name[50];
        snprintf(name, sizeof name, "in/%d.json", f);
        FILE *file = fopen(path_of(name), "w");
        for (int a = 1; a <= 5; a++)
            fprintf(file, "{\"a\":%d,\"b\":\"x%d\"}\n", a, f);
        fclose(file);
    }
}

/* The input as a stream, a file an epoch. */
static MrFrame *input_open(MrSession *session)
{
    static const MrKeyValue one = {"maxFilesPerTrigger", "1"};
    MrFrame *frame = NULL;
    MR_OKAY(mr_session_read(session,
                            &(MrReadOptions){.format = "json",
                                             .path = path_of("in"),
                                             .schema = "a INT, b STRING",
                                             .options = &one,
                                             .n_options = 1,
                                             .streaming = true},
                            &frame, &err));
    return frame;
}

static MrStreamingQuery *start(MrFrame *frame, const MrStreamStart *options)
{
    MrStreamingQuery *query = NULL;
    MR_OKAY(mr_frame_start(frame, options, &query, &err));
    return query;
}

static void await_end(MrStreamingQuery *query)
{
    bool ended = false;
    MR_OKAY(mr_streaming_query_await(query, LONG_MS, &ended, &err));
    assert_true(ended);
}

/* Waits until the query has run an epoch of its own, and this one or a later one; sources without
 * an end never come to rest. */
static void await_epoch(MrStreamingQuery *query, int epoch)
{
    bool ended = false;
    for (int tries = 0;; tries++) {
        const char *id = strstr(mr_streaming_query_progress(query), "\"batchId\" : ");
        if (id && atoi(id + strlen("\"batchId\" : ")) >= epoch)
            return;
        assert_true(tries < LONG_MS);
        MR_OKAY(mr_streaming_query_await(query, 1, &ended, &err));
        assert_false(ended);
    }
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int64_t count_of(MrSession *session, const char *sql)
{
    int64_t n = -1;
    MrFrame *frame = NULL;
    MR_OKAY(mr_session_sql(session, sql, &frame, &err));
    MR_OKAY(mr_frame_count(frame, &n, &err));
    mr_frame_close(frame);
    return n;
}

static void expect_failure(MrStatus status, const char *condition)
{
    assert_int_not_equal(status, MR_OK);
    assert_string_equal(mr_error_condition(&err), condition);
}

/* ---------------------------------------------------------------- foreachBatch */

typedef struct Taker {
    MrSession *session;
    MrStreamingQuery *_Atomic query;
    int64_t epochs[10];
    int n_calls;
    _Atomic int64_t n_rows;
    int fail_at;        /* call, from 1; 0: none */
    const char *reason; /* of the failure; NULL: none is given */
    void (*also)(struct Taker *taker);
} Taker;

static MrStatus take(void *self, int64_t epoch, struct ArrowArrayStream *rows, MrError *error)
{
    Taker *taker = self;
    struct ArrowArray array;
    taker->epochs[taker->n_calls++ % 10] = epoch;
    for (;;) {
        assert_int_equal(rows->get_next(rows, &array), 0);
        if (!array.release)
            break;
        taker->n_rows += array.length;
        array.release(&array);
    }
    if (taker->also)
        taker->also(taker);
    if (taker->n_calls != taker->fail_at)
        return MR_OK;
    return taker->reason ? mr_error_set(error, taker->reason) : MR_INVALID;
}

static void foreach_batch_gets_each_epoch_once_in_order(void **state)
{
    MrSession *session = session_open();
    write_input(3);
    MrFrame *input = input_open(session);
    Taker taker = {0};
    MrStreamingQuery *query = start(
        input, &(MrStreamStart){.foreach_batch = take, .self = &taker, .available_now = true});
    mr_frame_close(input); /* the query does not need it any more */
    await_end(query);
    assert_int_equal(taker.n_calls, 3);
    assert_int_equal(taker.n_rows, 15);
    for (int i = 0; i < 3; i++)
        assert_int_equal(taker.epochs[i], i);
    mr_streaming_query_close(query);
    mr_session_close(session);
}

static void a_foreach_batch_that_fails_ends_the_query_with_its_error(void **state)
{
    bool ended;
    MrSession *session = session_open();
    write_input(3);
    MrFrame *input = input_open(session);
    for (int with_reason = 0; with_reason < 2; with_reason++) {
        const char *condition =
            with_reason ? "USER_RAISED_EXCEPTION" : "FOREACH_BATCH_USER_FUNCTION_ERROR";
        Taker taker = {.fail_at = 2, .reason = with_reason ? "no room" : NULL};
        MrStreamingQuery *query =
            start(input, &(MrStreamStart){.foreach_batch = take, .self = &taker});
        expect_failure(mr_streaming_query_await(query, LONG_MS, &ended, &err), condition);
        assert_true(ended);
        assert_int_equal(taker.n_calls, 2);
        expect_failure(mr_streaming_query_process_all(query, &err), condition);
        expect_failure(mr_streaming_query_stop(query, &err), condition);
        mr_streaming_query_close(query);
    }
    mr_frame_close(input);
    mr_session_close(session);
}

/* Another query, on the thread of the stream. */
static void count_more(Taker *taker)
{
    assert_int_equal(count_of(taker->session, "SELECT * FROM range(100000)"), 100000);
}

static void foreach_batch_may_run_queries(void **state)
{
    MrSession *session = session_open();
    write_input(3);
    MrFrame *input = input_open(session);
    Taker taker = {.session = session, .also = count_more};
    MrStreamingQuery *query = start(
        input, &(MrStreamStart){.foreach_batch = take, .self = &taker, .available_now = true});
    await_end(query);
    assert_int_equal(taker.n_rows, 15);
    mr_streaming_query_close(query);
    mr_frame_close(input);
    mr_session_close(session);
}

static void stop_it(Taker *taker)
{
    bool ended = true;
    while (!taker->query)
        usleep(1000);
    MR_OKAY(mr_streaming_query_stop(taker->query, &err));
    MR_OKAY(mr_streaming_query_process_all(taker->query, &err));
    MR_OKAY(mr_streaming_query_await(taker->query, -1, &ended, &err));
    assert_false(ended);
}

static void foreach_batch_may_stop_its_own_query(void **state)
{
    MrSession *session = session_open();
    write_input(3);
    MrFrame *input = input_open(session);
    Taker taker = {.also = stop_it};
    taker.query = start(input, &(MrStreamStart){.foreach_batch = take, .self = &taker});
    await_end(taker.query);
    assert_int_equal(taker.n_calls, 1);
    mr_streaming_query_close(taker.query);
    mr_frame_close(input);
    mr_session_close(session);
}

/* ---------------------------------------------------------------- the memory sink */

static void the_memory_sink_is_a_table_of_the_querys_name(void **state)
{
    MrSession *session = session_open();
    MrFrame *counts = NULL;
    write_input(3);
    MrFrame *input = input_open(session);
    MR_OKAY(mr_frame_group(input, "a", "count(*) AS n", &counts, &err));
    static const struct {
        const char *mode;
        int64_t n_rows; /* after three files of the same five values */
    } cases[] = {{"complete", 5}, {"update", 15}};
    for (int i = 0; i < 2; i++) {
        MrStreamingQuery *query = start(counts, &(MrStreamStart){.format = "memory",
                                                                 .name = "seen",
                                                                 .output_mode = cases[i].mode,
                                                                 .available_now = true});
        await_end(query);
        mr_streaming_query_close(query);
        assert_int_equal(count_of(session, "SELECT * FROM seen"), cases[i].n_rows);
        assert_int_equal(count_of(session, "SELECT * FROM seen WHERE n = 3"), 5);
    }
    assert_int_equal(count_of(session, "SHOW TABLES LIKE 'seen'"), 1);
    MrFrame *counts_seen = NULL; /* while the rows are those of counts */
    MR_OKAY(mr_session_sql(session, "SELECT * FROM seen", &counts_seen, &err));
    MrStreamingQuery *query = start(input, &(MrStreamStart){.format = "memory", .name = "seen"});
    MR_OKAY(mr_streaming_query_process_all(query, &err));
    assert_int_equal(count_of(session, "SELECT * FROM seen"), 15); /* while it runs */
    MrStreamingQuery *second = NULL;
    expect_failure(
        mr_frame_start(input, &(MrStreamStart){.format = "memory", .name = "SEEN"}, &second, &err),
        "INVALID_PARAMETER_VALUE");
    expect_failure(mr_frame_start(input, &(MrStreamStart){.format = "memory"}, &second, &err),
                   "INVALID_PARAMETER_VALUE");
    assert_null(second);
    MR_OKAY(mr_streaming_query_stop(query, &err));
    second = start(input, &(MrStreamStart){.format = "memory", .name = "seen"});
    mr_streaming_query_close(query);
    MR_OKAY(mr_streaming_query_process_all(second, &err));
    mr_streaming_query_close(second);
    assert_int_equal(count_of(session, "SELECT * FROM seen"), 15); /* and after */
    expect_failure(mr_frame_show(counts_seen, NULL, stdout, &err),
                   "INCOMPATIBLE_TABLE_CHANGE_AFTER_ANALYSIS.COLUMNS_MISMATCH");
    mr_frame_close(counts_seen);
    assert_int_equal(count_of(session, "DROP VIEW seen"), 0);
    mr_frame_close(counts);
    mr_frame_close(input);
    mr_session_close(session);
}

static void memory_goes_on_from_a_checkpoint_in_complete_mode_only(void **state)
{
    static const char *const modes[] = {"complete", "append", "update"};
    MrSession *session = session_open();
    MrFrame *counts = NULL;
    write_input(3);
    MrFrame *input = input_open(session);
    MR_OKAY(mr_frame_group(input, "a", "count(*) AS n", &counts, &err));
    for (int i = 0; i < 3; i++) {
        MrFrame *frame = i == 1 ? input : counts;
        MrStreamStart to = {.format = "memory",
                            .name = "seen",
                            .checkpoint = path_of(modes[i]),
                            .output_mode = modes[i],
                            .available_now = true};
        MrStreamingQuery *query = start(frame, &to), *again = NULL;
        await_end(query);
        mr_streaming_query_close(query);
        int64_t n_rows = count_of(session, "SELECT * FROM seen");
        if (i == 0) {
            again = start(frame, &to);
            await_end(again);
            mr_streaming_query_close(again);
        } else {
            expect_failure(mr_frame_start(frame, &to, &again, &err), "_LEGACY_ERROR_TEMP_1299");
            assert_null(again);
            assert_int_equal(count_of(session, "SELECT * FROM seen"), n_rows);
        }
    }
    mr_frame_close(counts);
    mr_frame_close(input);
    mr_session_close(session);
}

/* ---------------------------------------------------------------- triggers and options */

static void options_that_mean_nothing_are_refused(void **state)
{
    static const struct {
        MrStreamStart start;
        const char *condition;
    } cases[] = {
        {{.format = "noop", .interval_ms = -1}, "INVALID_PARAMETER_VALUE"},
        {{.format = "noop", .interval_ms = INT64_MAX}, "INVALID_PARAMETER_VALUE"},
        {{.format = "noop", .interval_ms = 5, .available_now = true}, "INVALID_PARAMETER_VALUE"},
        {{.format = "noop", .once = true, .available_now = true}, "INVALID_PARAMETER_VALUE"},
        {{.format = "nothing"}, "DATA_SOURCE_NOT_FOUND"},
        {{.format = "noop", .output_mode = "sometimes"}, "STREAMING_OUTPUT_MODE.INVALID"},
    };
    MrSession *session = session_open();
    MrStreamingQuery *query = NULL;
    MrFrame *batch = NULL;
    write_input(1);
    MrFrame *input = input_open(session);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        expect_failure(mr_frame_start(input, &cases[i].start, &query, &err), cases[i].condition);
        assert_null(query);
    }
    MR_OKAY(mr_session_sql(session, "SELECT 1", &batch, &err));
    expect_failure(mr_frame_start(batch, &(MrStreamStart){.format = "noop"}, &query, &err),
                   "WRITE_STREAM_NOT_ALLOWED");
    mr_frame_close(batch);
    mr_frame_close(input);
    mr_session_close(session);
}

static void once_is_one_epoch(void **state)
{
    MrSession *session = session_open();
    write_input(3);
    MrFrame *input = input_open(session);
    Taker taker = {0};
    MrStreamingQuery *query =
        start(input, &(MrStreamStart){.foreach_batch = take, .self = &taker, .once = true});
    await_end(query);
    assert_int_equal(taker.n_calls, 1);
    assert_int_equal(taker.n_rows, 15);
    mr_streaming_query_close(query);
    mr_frame_close(input);
    mr_session_close(session);
}

static void available_now_ends_where_a_source_has_no_end(void **state)
{
    static const MrKeyValue rows = {"rowsPerBatch", "7"};
    MrSession *session = session_open();
    MrFrame *input = NULL;
    Taker taker = {0};
    MR_OKAY(mr_session_read(
        session,
        &(MrReadOptions){
            .format = "rate-micro-batch", .options = &rows, .n_options = 1, .streaming = true},
        &input, &err));
    MrStreamingQuery *query = start(
        input, &(MrStreamStart){.foreach_batch = take, .self = &taker, .available_now = true});
    await_end(query);
    assert_int_equal(taker.n_rows, 7);
    mr_streaming_query_close(query);
    mr_frame_close(input);
    mr_session_close(session);
}

/* The second file comes when the trigger's time has not: process_all waits for it. */
static void process_all_waits_for_the_trigger(void **state)
{
    MrSession *session = session_open();
    (void)remove(path_of("in/1.json"));
    (void)remove(path_of("in/2.json"));
    write_input(1);
    MrFrame *input = input_open(session);
    Taker taker = {0};
    MrStreamingQuery *query =
        start(input, &(MrStreamStart){.foreach_batch = take, .self = &taker, .interval_ms = 400});
    while (taker.n_rows < 5)
        usleep(1000);
    write_input(2);
    MR_OKAY(mr_streaming_query_process_all(query, &err));
    assert_int_equal(taker.n_rows, 10);
    bool ended = true;
    double before = seconds();
    MR_OKAY(mr_streaming_query_await(query, 100, &ended, &err));
    assert_false(ended);
    assert_true(seconds() - before >= 0.099);
    MR_OKAY(mr_streaming_query_stop(query, &err));
    MR_OKAY(mr_streaming_query_await(query, INT64_MAX, &ended, &err));
    assert_true(ended);
    mr_streaming_query_close(query);
    mr_frame_close(input);
    mr_session_close(session);
}

static void a_long_progress_is_shown_whole(void **state)
{
    enum { N_SOURCES = 60 };
    static char sql[20000];
    int64_t at = 0;
    MrSession *session = session_open();
    MrFrame *frame = NULL;
    write_input(1);
    MrFrame *input = input_open(session);
    MR_OKAY(mr_frame_create_view(input, "lines", &err));
    for (int i = 0; i < N_SOURCES; i++)
        at += snprintf(sql + at, sizeof sql - (size_t)at, "%sSELECT a FROM lines",
                       i ? " UNION ALL " : "");
    MR_OKAY(mr_session_sql(session, sql, &frame, &err));
    MrStreamingQuery *query =
        start(frame, &(MrStreamStart){.format = "noop", .available_now = true});
    await_end(query);
    const char *progress = mr_streaming_query_progress(query);
    assert_true(strlen(progress) > 8192);
    assert_int_equal(progress[strlen(progress) - 1], '}');
    mr_streaming_query_close(query);
    mr_frame_close(frame);
    mr_frame_close(input);
    mr_session_close(session);
}

/* ---------------------------------------------------------------- interrupts */

/* Even when a query of the session begins right after: that takes back only what queries see. */
static void an_interrupt_ends_streaming_queries_idle_ones_too(void **state)
{
    const MrStreamStart starts[] = {{.format = "noop"},
                                    {.format = "noop", .interval_ms = 60000},
                                    {.foreach_batch = take, .interval_ms = 60000}};
    MrSession *session = session_open();
    write_input(1);
    for (int i = 0; i < MR_COUNT(starts); i++) {
        Taker taker = {0};
        MrStreamStart to = starts[i];
        MrFrame *input = input_open(session);
        MrStreamingQuery *queries[2];
        bool ended = false;
        to.self = &taker;
        for (int q = 0; q < 2; q++) {
            queries[q] = start(input, &to);
            await_epoch(queries[q], 0);
        }
        usleep(10000); /* now there is nothing to do */
        double before = seconds();
        mr_session_interrupt(session);
        assert_int_equal(count_of(session, "SELECT 1"), 1);
        for (int q = 0; q < 2; q++) {
            expect_failure(mr_streaming_query_await(queries[q], LONG_MS, &ended, &err),
                           "OPERATION_CANCELED");
            assert_int_equal(err.status, MR_CANCELED);
            assert_true(ended);
        }
        assert_true(seconds() - before < 2); /* 50 ms, on a machine that has nothing else to do */
        mr_session_interrupt(session);
        MrStreamingQuery *after = start(input, &to); /* an interrupt is of what ran */
        await_epoch(after, 0);
        MR_OKAY(mr_streaming_query_stop(after, &err));
        mr_streaming_query_close(after);
        for (int q = 0; q < 2; q++)
            mr_streaming_query_close(queries[q]);
        mr_frame_close(input);
    }
    mr_session_close(session);
}

static void stopping_does_not_wait_for_the_trigger(void **state)
{
    MrSession *session = session_open();
    write_input(1);
    MrFrame *input = input_open(session);
    MrStreamingQuery *query =
        start(input, &(MrStreamStart){.format = "noop", .interval_ms = 60000});
    await_epoch(query, 0);
    double before = seconds();
    MR_OKAY(mr_streaming_query_stop(query, &err));
    assert_true(seconds() - before < 2);
    mr_streaming_query_close(query);
    mr_frame_close(input);
    mr_session_close(session);
}

/* ---------------------------------------------------------------- checkpoints */

typedef struct Reading {
    MrReadOptions read;
    const char *exprs; /* one text */
} Reading;

static MrFrame *reading_open(MrSession *session, const Reading *reading)
{
    MrFrame *frame = NULL, *lines = NULL;
    MR_OKAY(mr_session_read(session, &reading->read, &frame, &err));
    MR_OKAY(mr_frame_select(frame, reading->exprs, &lines, &err));
    mr_frame_close(frame);
    return lines;
}

/* In the session that began it, then in another one, as after a restart. */
static void every_source_and_sink_goes_on_from_its_checkpoint(void **state)
{
    static const MrKeyValue few = {"rowsPerBatch", "5"}, one = {"maxFilesPerTrigger", "1"};
    char in[300];
    snprintf(in, sizeof in, "%s/in", folder);
    const Reading sources[] = {{{.format = "json", .path = in, .schema = "a INT, b STRING"}, "b"},
                               {{.format = "text", .path = in}, "value"},
                               {{.format = "rate-micro-batch"}, "CAST(value AS STRING) AS value"}};
    const MrStreamStart sinks[] = {{.format = "json"},
                                   {.format = "text"},
                                   {.format = "console"},
                                   {.format = "noop"},
                                   {.foreach_batch = take}};
    write_input(3);
    int out = dup(STDOUT_FILENO); /* the console's */
    assert_non_null(freopen("/dev/null", "w", stdout));
    for (int s = 0; s < MR_COUNT(sources); s++)
        for (int k = 0; k < MR_COUNT(sinks); k++) {
            char checkpoint[300], output[300];
            Reading reading = sources[s];
            MrStreamStart to = sinks[k];
            Taker taker = {0};
            MrSession *session = session_open();
            bool is_rate = reading.read.path == NULL;
            snprintf(checkpoint, sizeof checkpoint, "%s/checkpoint-%d-%d", folder, s, k);
            snprintf(output, sizeof output, "%s/out-%d-%d", folder, s, k);
            reading.read.options = is_rate ? &few : &one;
            reading.read.n_options = 1;
            reading.read.streaming = true;
            to.checkpoint = checkpoint;
            to.self = &taker;
            to.path = k < 2 ? output : NULL;
            for (int run = 0; run < 3; run++) {
                if (run == 2) {
                    mr_session_close(session);
                    session = session_open();
                }
                MrFrame *frame = reading_open(session, &reading);
                if (!is_rate)
                    write_input(4 + run);
                MrStreamingQuery *query = start(frame, &to);
                mr_frame_close(frame);
                await_epoch(query, 3 + run);
                MR_OKAY(mr_streaming_query_stop(query, &err));
                mr_streaming_query_close(query);
            }
            mr_session_close(session);
            if (!is_rate && to.foreach_batch)
                assert_int_equal(taker.n_rows, 30); /* all, once */
            for (int f = 3; f < 6; f++) {
                char name[20];
                snprintf(name, sizeof name, "in/%d.json", f);
                (void)remove(path_of(name));
            }
        }
    fflush(stdout);
    dup2(out, STDOUT_FILENO);
    close(out);
}

/* Frames of several sources and of rows from Arrow, a view, and state over them. */
static void state_over_frames_goes_on_from_its_checkpoint(void **state)
{
    write_input(3);
    for (int run = 0; run < 2; run++) {
        struct ArrowArrayStream rows;
        MrSession *session = session_open();
        MrFrame *input = input_open(session), *values = NULL, *names = NULL, *joined = NULL,
                *counts = NULL, *again = NULL;
        MR_OKAY(
            mr_session_sql(session, "VALUES (1, 'one'), (2, 'two') AS t(n, name)", &values, &err));
        MR_OKAY(mr_frame_arrow(values, &rows, &err));
        MR_OKAY(mr_session_arrow(session, &rows, &names, &err));
        MR_OKAY(mr_frame_join(input, names, "left", "l.a = r.n", &joined, &err));
        MR_OKAY(mr_frame_group(joined, "a, name", "count(*) AS n", &counts, &err));
        MR_OKAY(mr_frame_create_view(counts, "counts", &err));
        MR_OKAY(mr_session_sql(session, "SELECT * FROM counts", &again, &err));
        MrFrame *frames[] = {input, values, names, joined, counts, again};
        MrStreamingQuery *query = start(again, &(MrStreamStart){.format = "memory",
                                                                .name = "seen",
                                                                .output_mode = "complete",
                                                                .checkpoint = path_of("counts"),
                                                                .available_now = true});
        await_end(query);
        assert_int_equal(count_of(session, "SELECT * FROM seen WHERE n = 3"), run == 0 ? 5 : 0);
        assert_int_equal(count_of(session, "SELECT * FROM seen WHERE n = 4"), run == 0 ? 0 : 5);
        mr_streaming_query_close(query);
        for (int f = 0; f < MR_COUNT(frames); f++)
            mr_frame_close(frames[f]);
        mr_session_close(session);
        write_input(4);
    }
    (void)remove(path_of("in/3.json"));
}

static void a_checkpoint_is_of_one_query_at_a_time(void **state)
{
    char checkpoint[300], command[700];
    MrSession *session = session_open();
    MrStreamingQuery *second = NULL, *third = NULL;
    write_input(2);
    snprintf(checkpoint, sizeof checkpoint, "%s/of-one", folder);
    const MrStreamStart to = {.format = "noop", .checkpoint = checkpoint};
    MrFrame *input = input_open(session);
    MrStreamingQuery *first = start(input, &to);
    MR_OKAY(mr_streaming_query_process_all(first, &err));
    expect_failure(mr_frame_start(input, &to, &second, &err), "CONCURRENT_STREAM_LOG_UPDATE");
    MR_OKAY(mr_streaming_query_stop(first, &err));
    second = start(input, &to); /* what has ended holds nothing, closed or not */
    expect_failure(mr_frame_start(input, &to, &third, &err), "CONCURRENT_STREAM_LOG_UPDATE");
    assert_null(third);
    mr_streaming_query_close(first);
    mr_streaming_query_close(second);
    second = NULL;
    first = start(input, &to);
    mr_streaming_query_close(first);
    /* A byte in the middle of its log. */
    snprintf(command, sizeof command,
             "for f in $(find %s/ -path '*log*' -type f); do printf x | dd of=$f bs=1 seek=60 "
             "conv=notrunc status=none; done",
             checkpoint);
    assert_int_equal(system(command), 0);
    assert_int_equal(mr_frame_start(input, &to, &second, &err), MR_CORRUPT);
    assert_null(second);
    mr_frame_close(input);
    mr_session_close(session);
}

/* A stream reads what its frame's text meant when it was made. */
static void a_stream_keeps_what_its_frame_meant(void **state)
{
    MrSession *session = session_open();
    MrFrame *frame = NULL, *later = NULL, *command = NULL;
    write_input(2);
    MrFrame *input = input_open(session);
    MR_OKAY(mr_frame_create_view(input, "v", &err));
    MR_OKAY(mr_session_sql(session, "SELECT a FROM v WHERE a > 3", &frame, &err));
    MR_OKAY(mr_frame_create_view(frame, "v", &err));
    MR_OKAY(mr_session_sql(session, "SELECT a FROM v", &later, &err));
    MR_OKAY(mr_session_sql(session, "DROP VIEW v", &command, &err));
    MrStreamingQuery *query =
        start(later, &(MrStreamStart){.format = "memory", .name = "m", .available_now = true});
    mr_frame_close(command);
    mr_frame_close(later);
    mr_frame_close(frame);
    mr_frame_close(input);
    await_end(query);
    assert_true(count_of(session, "SELECT * FROM m") >= 4); /* others have put files there */
    assert_int_equal(count_of(session, "SELECT * FROM m WHERE a <= 3"), 0);
    mr_streaming_query_close(query);
    mr_session_close(session);
}

/* Another path is another source; how much of it an epoch takes is not. */
static void a_checkpoint_is_of_its_source(void **state)
{
    static const MrKeyValue two = {"maxFilesPerTrigger", "2"};
    char in[300], checkpoint[300];
    snprintf(in, sizeof in, "%s/in", folder);
    snprintf(checkpoint, sizeof checkpoint, "%s/of-its-source", folder);
    MrReadOptions read = {
        .format = "json", .path = in, .schema = "a INT, b STRING", .streaming = true};
    MrStreamStart to = {.format = "noop", .checkpoint = checkpoint, .available_now = true};
    MrSession *session = session_open();
    write_input(2);
    for (int i = 0; i < 3; i++) {
        MrFrame *frame = NULL;
        MrStreamingQuery *query = NULL;
        read.options = &two;
        read.n_options = i;
        if (i == 2) {
            read.n_options = 1;
            read.path = path_of("in/*.json");
        }
        MR_OKAY(mr_session_read(session, &read, &frame, &err));
        MrStatus status = mr_frame_start(frame, &to, &query, &err);
        if (i == 2)
            expect_failure(status, "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA");
        else
            MR_OKAY(status);
        if (query)
            await_end(query);
        mr_streaming_query_close(query);
        mr_frame_close(frame);
    }
    mr_session_close(session);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(foreach_batch_gets_each_epoch_once_in_order),
    MR_UNIT_TEST(a_foreach_batch_that_fails_ends_the_query_with_its_error),
    MR_UNIT_TEST(foreach_batch_may_run_queries),
    MR_UNIT_TEST(foreach_batch_may_stop_its_own_query),
    MR_UNIT_TEST(the_memory_sink_is_a_table_of_the_querys_name),
    MR_UNIT_TEST(memory_goes_on_from_a_checkpoint_in_complete_mode_only),
    MR_UNIT_TEST(options_that_mean_nothing_are_refused),
    MR_UNIT_TEST(once_is_one_epoch),
    MR_UNIT_TEST(available_now_ends_where_a_source_has_no_end),
    MR_UNIT_TEST(process_all_waits_for_the_trigger),
    MR_UNIT_TEST(a_long_progress_is_shown_whole),
    MR_UNIT_TEST(an_interrupt_ends_streaming_queries_idle_ones_too),
    MR_UNIT_TEST(stopping_does_not_wait_for_the_trigger),
    MR_UNIT_TEST(every_source_and_sink_goes_on_from_its_checkpoint),
    MR_UNIT_TEST(state_over_frames_goes_on_from_its_checkpoint),
    MR_UNIT_TEST(a_checkpoint_is_of_its_source),
    MR_UNIT_TEST(a_stream_keeps_what_its_frame_meant),
    MR_UNIT_TEST(a_checkpoint_is_of_one_query_at_a_time),
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
