/* Output modes, watermarks, late rows and the end of state, epoch by epoch, with what each gives
 * worked out by hand.
 *
 * A step adds a file of rows "k v time" (mm:ss and a fraction) to table t, or, after "u:", to u,
 * and runs the stream until it is idle; its answer is what the sink got, sorted.  Every scenario
 * runs twice: with the stream kept open, and opened again for every epoch. */
#include "base/testing.h"

#include "connector/callback.h"
#include "os/os_sim.h"
#include "session/session_int.h"
#include "sql/sql.h"
#include <stdlib.h>

#define MAX_STEPS 8

typedef struct Step {
    const char *rows; /* "k v time, k v time" */
    const char *want; /* "row; row", each with its weight unless it is 1 */
} Step;

typedef struct Scenario {
    const char *name;
    MrOutputMode mode;
    const char *query;
    int64_t late;  /* dropped by the watermark in all */
    int64_t state; /* rows in the state of all operators at the end */
    Step steps[MAX_STEPS];
} Scenario;

#define T "(SELECT * FROM STREAM t WATERMARK t DELAY OF INTERVAL 10 SECONDS)"
#define U "(SELECT * FROM STREAM u WATERMARK t DELAY OF INTERVAL 20 SECONDS)"
#define HM(x) "date_format(" x ", 'mm:ss')"

static const Scenario scenarios[] = {
    {"append gives a window once, when the watermark has reached its end",
     MR_MODE_APPEND,
     "SELECT k, " HM("window.start") ", count(*), sum(v) FROM " T
                                     " GROUP BY k, window(t, '1 minute')",
     1,
     1,
     {{"1 5 00:10, 1 6 00:20, 2 7 00:50", ""},
      {"1 8 01:09.999", ""}, /* watermark 00:59.999 */
      {"1 1 00:30, 1 9 01:10.0005",
       "1 | 00:00 | 3 | 12; 2 | 00:00 | 1 | 7"}, /* 01:00: not late yet */
      {"2 1 00:59.999999", ""},                  /* late now */
      {"3 1 03:00", "1 | 01:00 | 2 | 17"}}},
    {"late is a time at or before the watermark, to the microsecond",
     MR_MODE_APPEND,
     "SELECT date_format(t, 'mm:ss.SSSSSS'), count(*) FROM " T " GROUP BY t",
     2,
     1,
     {{"1 1 01:00", ""}, /* watermark 00:50 */
      {"1 1 00:49.999999, 1 1 00:50, 1 1 00:50.000001", ""},
      {"1 1 01:10.000999", "00:50.000001 | 1; 01:00.000000 | 1"}}}, /* cut to 01:00.000 */
    {"update gives new values and forgets closed windows",
     MR_MODE_UPDATE,
     "SELECT k, " HM("window.start") ", count(*) FROM " T " GROUP BY k, window(t, '1 minute')",
     1,
     1,
     {{"1 1 00:10, 1 1 00:20, 2 1 00:50", "1 | 00:00 | 2; 2 | 00:00 | 1"},
      {"1 1 00:59, 1 1 01:30", "1 | 00:00 | 3; 1 | 01:00 | 1"},
      {"2 1 00:59, 1 1 01:31", "1 | 01:00 | 2"}}},
    {"complete gives all groups each time, and keeps them",
     MR_MODE_COMPLETE,
     "SELECT k, " HM("window.start") ", count(*) FROM " T " GROUP BY k, window(t, '1 minute')",
     0,
     3,
     {{"1 1 00:10", "1 | 00:00 | 1"},
      {"2 1 05:00", "1 | 00:00 | 1; 2 | 05:00 | 1"},
      {"2 1 00:10, 1 1 00:20", "1 | 00:00 | 2; 2 | 00:00 | 1; 2 | 05:00 | 1"}}},
    {"changes take old values back",
     MR_MODE_CHANGES,
     "SELECT k, count(*), max(v) FROM " T " GROUP BY k",
     0,
     2,
     {{"1 1 00:10, 2 1 00:10", "1 | 1 | 1; 2 | 1 | 1"},
      {"1 5 00:20", "1 | 1 | 1 x -1; 1 | 2 | 5"},
      {"2 0 09:00, 1 1 00:01", "1 | 2 | 5 x -1; 1 | 3 | 5; 2 | 1 | 1 x -1; 2 | 2 | 1"}}},
    {"the smallest of several watermarks counts",
     MR_MODE_APPEND,
     "SELECT " HM("window.start") ", count(*) FROM (SELECT t FROM " T " UNION ALL SELECT t FROM " U
                                  ") GROUP BY window(t, '1 minute')",
     1,
     2,
     {{"1 1 00:10, 1 1 05:00", ""}, /* u has no watermark yet */
      {"u: 1 1 00:30", ""},
      {"1 1 00:40", ""}, /* 04:50 and 00:10 */
      {"u: 1 1 01:20", "00:00 | 3"},
      {"1 1 00:50, 1 1 05:30, 1 1 01:00", ""}}},
    {"a late row, not too late, joins sessions",
     MR_MODE_CHANGES,
     "SELECT k, " HM("session_window.start") ", " HM(
         "session_window.end") ", count(*), sum(v) FROM " T
                               " GROUP BY k, session_window(t, '30 seconds')",
     0,
     2,
     {{"1 1 00:00, 1 2 00:50, 2 4 00:10", "1 | 00:00 | 00:30 | 1 | 1; 1 | 00:50 | 01:20 | 1 | 2; "
                                          "2 | 00:10 | 00:40 | 1 | 4"},
      {"1 8 00:25", "1 | 00:00 | 00:30 | 1 | 1 x -1; 1 | 00:00 | 01:20 | 3 | 11; "
                    "1 | 00:50 | 01:20 | 1 | 2 x -1"}}},
    {"update shows the session that two became",
     MR_MODE_UPDATE,
     "SELECT k, " HM("session_window.end") ", count(*) FROM " T
                                           " GROUP BY k, session_window(t, '30 seconds')",
     1,
     1,
     {{"1 1 00:00, 1 2 00:20", "1 | 00:50 | 2"},
      {"1 1 01:01", "1 | 01:31 | 1"}, /* 00:51: the first is forgotten */
      {"1 8 00:21, 1 1 00:40", "1 | 01:31 | 2"}}},
    {"append gives a session once, after a late row has joined it",
     MR_MODE_APPEND,
     "SELECT k, " HM("session_window.start") ", " HM(
         "session_window.end") ", count(*) FROM " T " GROUP BY k, session_window(t, '30 seconds')",
     1,
     1,
     {{"1 1 00:00, 1 2 00:35", ""}, /* 00:25 */
      {"1 8 00:15, 2 1 00:50", ""}, /* 00:40: the session goes on to 01:05 */
      {"2 1 01:14.999", ""},
      {"2 1 01:15", "1 | 00:00 | 01:05 | 3"},
      {"1 1 00:35, 2 1 05:00", "2 | 00:50 | 01:45 | 3"}}},
    {"distinct rows come once; their state ends with the watermark",
     MR_MODE_APPEND,
     "SELECT DISTINCT k, " HM("t") " AS at, t FROM " T,
     1,
     1,
     {{"1 1 00:10, 1 2 00:10, 2 1 00:10",
       "1 | 00:10 | 2026-01-01 00:00:10; 2 | 00:10 | 2026-01-01 00:00:10"},
      {"1 3 00:10", ""},
      {"1 3 01:00", "1 | 01:00 | 2026-01-01 00:01:00"},
      {"2 3 00:10", ""}}},
    {"a row without a match comes when its time is over",
     MR_MODE_APPEND,
     "SELECT a.k, a.v, b.v FROM " T " AS a LEFT JOIN " U
     " AS b ON a.k = b.k AND b.t BETWEEN a.t AND a.t + INTERVAL 1 MINUTE",
     2,
     2,
     {{"1 1 00:10, 2 2 00:20, NULL 3 00:20", "NULL | 3 | NULL"},
      {"u: 1 7 00:40, 3 8 01:29.999", "1 | 1 | 7"},
      {"4 4 01:39", ""},                           /* 01:09.999 */
      {"u: 4 9 01:40", "2 | 2 | NULL; 4 | 4 | 9"}, /* 01:20 */
      {"1 5 01:20, 1 6 01:25", ""},
      {"u: 1 1 01:10", ""}, /* late */
      {"5 5 09:00", ""},    /* 01:20 still, for u */
      {"u: 6 6 08:00", "1 | 6 | NULL"}}},
    {"an inner join forgets what nothing can match",
     MR_MODE_APPEND,
     "SELECT a.k, a.v, b.v FROM " T " AS a JOIN " U " AS b ON a.k = b.k AND a.t = b.t",
     0,
     2,
     {{"1 1 00:10, 1 2 00:20", ""},
      {"u: 1 7 00:10", "1 | 1 | 7"},
      {"u: 1 8 05:00", ""},
      {"1 3 05:00", "1 | 3 | 8"}}},
    {"changes of an outer join take the lonely row back",
     MR_MODE_CHANGES,
     "SELECT a.k, a.v, b.v FROM STREAM t AS a FULL JOIN STREAM u AS b ON a.k = b.k",
     0,
     5,
     {{"1 1 00:10, 2 2 00:10", "1 | 1 | NULL; 2 | 2 | NULL"},
      {"u: 1 7 00:00, 3 8 00:00", "1 | 1 | 7; 1 | 1 | NULL x -1; NULL | NULL | 8"},
      {"3 3 00:00", "3 | 3 | 8; NULL | NULL | 8 x -1"}}},
    {"a semi join gives a row at its first match",
     MR_MODE_APPEND,
     "SELECT a.k, a.v FROM " T " AS a LEFT SEMI JOIN " U
     " AS b ON a.k = b.k AND b.t >= a.t AND b.t - a.t < INTERVAL 1 MINUTE",
     0,
     5,
     {{"1 1 00:10, 2 1 00:10", ""}, {"u: 1 1 00:10, 1 2 00:20", "1 | 1"}, {"1 2 00:05", "1 | 2"}}},
    {"equal rows of one epoch are joined each by itself",
     MR_MODE_APPEND,
     "SELECT a.k, a.v, b.v FROM STREAM t AS a JOIN STREAM u AS b ON a.k = b.k",
     0,
     4,
     {{"1 1 00:10, 1 1 00:10, 2 2 00:10", ""},
      {"u: 1 7 00:00, 1 7 00:00, 1 7 00:00, 2 8 00:00",
       "1 | 1 | 7; 1 | 1 | 7; 1 | 1 | 7; 1 | 1 | 7; 1 | 1 | 7; 1 | 1 | 7; 2 | 2 | 8"},
      {"2 2 00:10, 2 2 00:10", "2 | 2 | 8; 2 | 2 | 8"}}},
};

typedef struct Play {
    MrBudget *budget;
    MrArena arena;
    MrOs *os;
    MrSession *session;
    MrQuery *query;
    MrStream *stream;
    const Scenario *scenario;
    const char **got;
    int64_t n_got, cap_got, last_epoch, late, state;
    int32_t n_files;
} Play;

static MrStatus take_epoch(void *arg, const MrEpochId *epoch, MrBatch *const *batches,
                           int32_t n_batches, const MrSchema *schema, MrError *err)
{
    Play *self = arg;
    if (epoch->epoch <= self->last_epoch)
        return MR_OK;
    self->last_epoch = epoch->epoch;
    if (self->scenario->mode == MR_MODE_COMPLETE)
        self->n_got = 0;
    for (int32_t b = 0; b < n_batches; b++)
        for (int32_t i = 0; i < batches[b]->n_sel; i++) {
            int32_t row = mr_batch_row(batches[b], i);
            MrTextBuilder text = {.arena = &self->arena};
            for (int32_t c = 0; c < batches[b]->n_cols; c++) {
                mr_builder_str(&text, c > 0 ? " | " : "");
                mr_value_text(batches[b]->cols[c], row, MR_TEXT_HIVE,
                              mr_session_settings(self->session), &text);
            }
            if (batches[b]->weights && batches[b]->weights[row] != 1)
                mr_builder_printf(&text, " x %d", (int)batches[b]->weights[row]);
            MR_PUSH(&self->arena, self->got, self->n_got, self->cap_got,
                    mr_builder_text(&text).data);
        }
    return MR_OK;
}

static MrStatus open_sink(void *arg, const MrSinkSpec *spec, MrSink **out, MrError *err)
{
    Play *self = arg;
    return mr_foreach_sink_open(&self->query->budget, take_epoch, self, spec, out, err);
}

static int64_t numbers_of(const char *json, const char *name)
{
    int64_t sum = 0;
    size_t n = strlen(name);
    for (const char *at = json; (at = strstr(at, name)); at += n)
        sum += strtoll(at + n + strlen("\" : "), NULL, 10);
    return sum;
}

static void take_progress(void *arg, MrText json)
{
    Play *self = arg;
    const char *text = mr_arena_strn(&self->arena, json.data, json.size_bytes);
    if (getenv("MR_SHOW"))
        print_message("%s\n", text);
    self->late += numbers_of(text, "numRowsDroppedByWatermark");
    self->state = numbers_of(text, "numRowsTotal");
}

static MrStatus start(Play *self, MrError *err)
{
    MrQuery *query = self->query;
    MrSqlStatement *statement;
    MrBoundQuery bound;
    mr_relations_init(query);
    query->text = mr_text_own(&query->arena, mr_text(self->scenario->query));
    query->bind.text = query->text;
    MR_TRY(mr_sql_parse_statement(&query->arena, query->text, &self->session->sql_options,
                                  &statement, err));
    MR_TRY(mr_query_bind_sql(query, statement->query, &bound, err));
    query->schema = mr_plan_schema(&query->arena, bound.plan);
    return mr_query_start_stream(query, bound.plan,
                                 &(MrStreamTarget){.checkpoint = "/checkpoint",
                                                   .type = &mr_connector_foreach,
                                                   .mode = self->scenario->mode,
                                                   .trigger = MR_TRIGGER_DEFAULT,
                                                   .open = open_sink,
                                                   .open_self = self,
                                                   .progress = take_progress,
                                                   .progress_self = self},
                                 &self->stream, err);
}

static MrStatus stream_open(Play *self, MrError *err)
{
    MrStatus status;
    MR_TRY(mr_query_create(self->session, &self->query, err));
    MR_GUARD_BEGIN(status, err)
        status = start(self, err);
    MR_GUARD_END(status)
    return status;
}

static void stream_close(Play *self)
{
    mr_stream_close(self->stream);
    mr_query_close(self->query);
    self->stream = NULL;
    self->query = NULL;
}

static void run_sql(Play *self, const char *sql)
{
    MrError err = {0};
    MrQuery *query;
    MrBatch *batch;
    MR_OKAY(mr_session_query(self->session, mr_text(sql), &query, &err));
    MR_OKAY(mr_query_next(query, &batch, &err));
    assert_null(batch);
    mr_query_close(query);
}

static void play_open(Play *self, MrBudget *budget)
{
    MrError err = {0};
    *self = (Play){.budget = budget, .last_epoch = -1};
    mr_arena_init(&self->arena, budget);
    MR_OKAY(mr_os_sim_create(budget,
                             &(MrSimOptions){.seed = 1, .start_us = INT64_C(1767225600000000)},
                             &self->os, &err));
    MR_OKAY(self->os->make_dir(self->os, "/t", &err));
    MR_OKAY(self->os->make_dir(self->os, "/u", &err));
    MR_OKAY(self->os->make_dir(self->os, "/warehouse", &err));
    MrSessionConfig config = {.os = self->os,
                              .warehouse = "/warehouse",
                              .memory_limit_bytes = INT64_C(256) << 20,
                              .n_threads = 2};
    MR_OKAY(mr_session_create(&config, &self->session, &err));
    MR_OKAY(mr_session_set_conf(self->session, "spark.sql.session.timeZone", "UTC", &err));
    run_sql(self, "CREATE TABLE t (k INT, v INT, t TIMESTAMP) USING json LOCATION '/t'");
    run_sql(self, "CREATE TABLE u (k INT, v INT, t TIMESTAMP) USING json LOCATION '/u'");
}

static void play_close(Play *self)
{
    stream_close(self);
    mr_session_destroy(self->session);
    mr_os_sim_destroy(self->os);
    mr_arena_deinit(&self->arena);
}

static void add_file(Play *self, const char *rows)
{
    MrError err = {0};
    MrTextBuilder lines = {.arena = &self->arena};
    const char *folder = strncmp(rows, "u: ", 3) == 0 ? "u" : "t";
    rows += *folder == 'u' ? 3 : 0;
    for (char *next; rows; rows = next) {
        char *row = mr_arena_str(&self->arena, rows), *time, *v;
        next = strstr(row, ", ");
        if (next) {
            *next = '\0';
            next += 2;
        }
        time = strrchr(row, ' ');
        *time++ = '\0';
        v = strrchr(row, ' ');
        *v++ = '\0';
        mr_builder_printf(&lines, "{\"k\":%s,\"v\":%s,\"t\":\"2026-01-01T00:%s\"}\n",
                          strcmp(row, "NULL") == 0 ? "null" : row, v, time);
    }
    mr_os_sim_advance_us(self->os, 1000000);
    const char *path = mr_arena_printf(&self->arena, "/%s/part-%03d.json", folder, self->n_files++);
    MR_OKAY(mr_os_write_file(self->os, path, mr_builder_text(&lines), MR_STEP_SINK_FILE_SYNC,
                             MR_STEP_SINK_FOLDER_SYNC, &err));
}

static int text_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static void run_step(Play *self, const Step *step, bool reopens)
{
    MrError err = {.sql_idx = -1};
    self->n_got = 0;
    add_file(self, step->rows);
    for (MrStreamStep done = MR_STREAM_WORKED; done == MR_STREAM_WORKED;) {
        if (!self->stream)
            MR_OKAY(stream_open(self, &err));
        MR_OKAY(mr_stream_step(self->stream, &done, &err));
        if (reopens)
            stream_close(self);
    }
    MrTextBuilder text = {.arena = &self->arena};
    if (self->n_got > 1)
        qsort(self->got, (size_t)self->n_got, sizeof *self->got, text_compare);
    for (int64_t i = 0; i < self->n_got; i++)
        mr_builder_printf(&text, "%s%s", i > 0 ? "; " : "", self->got[i]);
    const char *got = self->n_got > 0 ? mr_builder_text(&text).data : "";
    if (strcmp(got, step->want) != 0)
        fail_msg("%s%s: after '%s'\n  got  %s\n  want %s", self->scenario->name,
                 reopens ? " (reopened)" : "", step->rows, got, step->want);
}

static void modes_give_what_they_should(void **state)
{
    for (int64_t s = 0; s < MR_COUNT(scenarios); s++)
        for (int reopens = 0; reopens < 2; reopens++) {
            Play self;
            play_open(&self, *state);
            self.scenario = &scenarios[s];
            for (int i = 0; i < MAX_STEPS && scenarios[s].steps[i].rows; i++)
                run_step(&self, &scenarios[s].steps[i], reopens);
            if (self.late != scenarios[s].late || self.state != scenarios[s].state)
                fail_msg("%s%s: %d late and %d in the state, not %d and %d", scenarios[s].name,
                         reopens ? " (reopened)" : "", (int)self.late, (int)self.state,
                         (int)scenarios[s].late, (int)scenarios[s].state);
            play_close(&self);
        }
}

/* What Spark refuses in append mode is refused with its condition. */
static void append_needs_watermarks(void **state)
{
    static const char *const refused[][2] = {
        {"SELECT k, count(*) FROM STREAM t GROUP BY k",
         "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK"},
        {"SELECT k, count(*) FROM " T " GROUP BY k",
         "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK"},
        {"SELECT session_window, count(*) FROM STREAM t GROUP BY session_window(t, '1 minute')",
         "UNSUPPORTED_STREAMING_OPERATOR_WITHOUT_WATERMARK"},
        {"SELECT k, count(DISTINCT v) FROM " T " GROUP BY k, window(t, '1 minute')",
         "STREAMING_OUTPUT_MODE.UNSUPPORTED_OPERATION"},
        {"SELECT * FROM STREAM t AS a LEFT JOIN STREAM u AS b ON a.k = b.k",
         "_LEGACY_ERROR_TEMP_3102"},
        {"SELECT * FROM " T " AS a LEFT JOIN " U " AS b ON a.k = b.k", "_LEGACY_ERROR_TEMP_3102"},
        {"SELECT * FROM " T " AS a LEFT JOIN STREAM u AS b ON a.k = b.k AND a.t >= b.t AND "
         "a.t < b.t + INTERVAL 1 MINUTE",
         "_LEGACY_ERROR_TEMP_3102"},
        {"SELECT * FROM " T " AS a RIGHT JOIN STREAM u AS b ON a.k = b.k AND a.t >= b.t AND "
         "a.t < b.t + INTERVAL 1 MINUTE",
         ""},
        {"SELECT * FROM STREAM t AS a FULL JOIN STREAM u AS b ON a.k = b.k",
         "_LEGACY_ERROR_TEMP_3102"},
        {"SELECT a.k FROM " T " AS a LEFT SEMI JOIN " U " AS b ON a.k = b.k",
         "_LEGACY_ERROR_TEMP_3102"},
        {"SELECT * FROM " T " AS a LEFT JOIN STREAM u AS b ON a.t = b.t", ""},
        {"SELECT * FROM STREAM t AS a JOIN STREAM u AS b ON a.k = b.k", ""},
    };
    for (int64_t i = 0; i < MR_COUNT(refused); i++) {
        Scenario scenario = {.mode = MR_MODE_APPEND, .query = refused[i][0]};
        MrError err = {.sql_idx = -1};
        Play self;
        play_open(&self, *state);
        self.scenario = &scenario;
        MrStatus status = stream_open(&self, &err);
        const char *condition = status == MR_OK ? "" : mr_error_condition(&err);
        if (strcmp(condition, refused[i][1]) != 0)
            fail_msg("%s: '%s', not '%s'", refused[i][0], condition, refused[i][1]);
        play_close(&self);
    }
}

/* The text of the checkpoint, or the error that it has. */
static const char *checkpoint_text(Play *self, bool verify)
{
    MrError err = {.sql_idx = -1};
    MrTextBuilder text = {.arena = &self->arena};
    if (mr_session_checkpoint_text(self->session, "/checkpoint", verify, &text, &err) != MR_OK)
        return mr_error_condition(&err);
    return mr_builder_text(&text).data;
}

static void a_checkpoint_is_shown_and_verified(void **state)
{
    Play self;
    MrError err = {.sql_idx = -1};
    MrDirEntry *entries;
    MrBuffer bytes;
    int64_t n_entries;
    play_open(&self, *state);
    self.scenario = &scenarios[0];
    for (int i = 0; i < 3; i++)
        run_step(&self, &self.scenario->steps[i], true);
    const char *shown = checkpoint_text(&self, false);
    assert_non_null(strstr(shown, "the beginning -> {\"logOffset\":0"));
    assert_non_null(strstr(shown, "2026-01-01 00:00:40"));
    assert_non_null(strstr(shown, "epochs 0 to 5, committed to 5, closed to "));
    assert_non_null(strstr(checkpoint_text(&self, true), "sound\n"));
    MR_OKAY(self.os->list(self.os, "/checkpoint/log", &self.arena, &entries, &n_entries, &err));
    const char *path = mr_arena_printf(&self.arena, "/checkpoint/log/%s", entries[0].name);
    mr_buffer_init(&bytes, *state, 1 << 26);
    MR_OKAY(mr_os_read_file(self.os, path, 1 << 26, &bytes, &err));
    bytes.data[300] ^= 1;
    MR_OKAY(mr_os_write_file(self.os, path, (MrText){bytes.data, bytes.size_bytes},
                             MR_STEP_SINK_FILE_SYNC, MR_STEP_SINK_FOLDER_SYNC, &err));
    mr_buffer_deinit(&bytes);
    assert_string_equal(checkpoint_text(&self, true),
                        "CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED");
    play_close(&self);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(modes_give_what_they_should),
    MR_UNIT_TEST(append_needs_watermarks),
    MR_UNIT_TEST(a_checkpoint_is_shown_and_verified),
};
MR_UNIT_TESTS_MAIN(tests)
