/* A stream's changes add up to the batch answer: random queries, random cuts of the input,
 * restarts.
 *
 * Files are added between epochs, the stream (sometimes with its session) is closed and opened
 * again, the power is cut, and the rows that the sink was given, times their weights, must be those
 * of the same query run once over all files.  MR_SEED and MR_CASES choose the cases, MR_CASE=n runs
 * one of them, MR_SHOW=1 prints them; the world is simulated, so a seed always does the same. */
#include "base/testing.h"

#include "base/hash.h"
#include "connector/callback.h"
#include "function/function.h"
#include "os/os_sim.h"
#include "session/query.h"
#include "sql/sql.h"
#include <inttypes.h>
#include <stdlib.h>

#define MAX_FILES 8
#define COLUMNS "k INT, v BIGINT, s STRING, d DECIMAL(10, 2), t TIMESTAMP"

typedef struct Row {
    const char *text; /* the columns */
    int64_t weight;
} Row;

typedef struct Rows { /* a multiset */
    MrArena *arena;
    Row *rows;
    int64_t n, cap;
} Rows;

typedef struct Case {
    uint64_t random;
    MrBudget *budget;
    MrArena arena;
    MrOs *os;
    MrSession *session;
    MrQuery *query; /* of the stream */
    MrStream *stream;
    MrTextBuilder cuts; /* the story, for the report */
    const char *batch_rows, *snapshot_bytes;
    Rows got;
    int64_t last_epoch; /* that the sink has seen */
    int32_t n_files, n_threads;
    /* Append mode: two tables whose rows are never late. */
    bool append;
    int32_t n_tables;
    int64_t high_s[2]; /* highest event time of each; -1: none */
} Case;

typedef struct Totals {
    int64_t n_run, n_skipped, n_restarts, n_lost;
} Totals;

static int64_t below(Case *self, int64_t n)
{
    self->random = self->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((self->random >> 33) % (uint64_t)n);
}

static bool chance(Case *self, int64_t one_in)
{
    return below(self, one_in) == 0;
}

static const char *one_of(Case *self, const char *const *texts, int64_t n)
{
    return texts[below(self, n)];
}
#define ONE_OF(self, ...)                                                                          \
    one_of(self, (const char *const[]){__VA_ARGS__},                                               \
           (int64_t)(sizeof((const char *[]){__VA_ARGS__}) / sizeof(char *)))

/* ---------------------------------------------------------------- multisets */

static int row_compare(const void *a, const void *b)
{
    return strcmp(((const Row *)a)->text, ((const Row *)b)->text);
}

/* Equal rows become one; those of weight 0 go. */
static void rows_settle(Rows *self)
{
    int64_t n = 0;
    if (self->n > 1)
        qsort(self->rows, (size_t)self->n, sizeof(Row), row_compare);
    for (int64_t i = 0; i < self->n;) {
        Row sum = {self->rows[i].text, 0};
        for (; i < self->n && strcmp(self->rows[i].text, sum.text) == 0; i++)
            sum.weight += self->rows[i].weight;
        if (sum.weight != 0)
            self->rows[n++] = sum;
    }
    self->n = n;
}

static void rows_add(Rows *self, const MrBatch *batch, const MrSettings *settings)
{
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        MrTextBuilder text = {.arena = self->arena};
        for (int32_t c = 0; c < batch->n_cols; c++) {
            mr_builder_str(&text, c > 0 ? " | " : "");
            mr_value_text(batch->cols[c], row, MR_TEXT_HIVE, settings, &text);
        }
        MR_PUSH(self->arena, self->rows, self->n, self->cap,
                ((Row){mr_builder_text(&text).data, batch->weights ? batch->weights[row] : 1}));
    }
}

/* ---------------------------------------------------------------- queries: @t is the table, as
 * stream or not */

static const char *predicate(Case *self, const char *x)
{
    MrArena *arena = &self->arena;
    switch (below(self, 8)) {
    case 0:
        return mr_arena_printf(arena, "%s.k > %d", x, (int)below(self, 6));
    case 1:
        return mr_arena_printf(arena, "%s.v %% 3 <> %d", x, (int)below(self, 3));
    case 2:
        return mr_arena_printf(arena, "%s.s IS NOT NULL", x);
    case 3:
        return mr_arena_printf(arena, "%s.d < %d.50 OR %s.k IS NULL", x, (int)below(self, 90), x);
    case 4:
        return mr_arena_printf(arena, "%s.s IN ('a', 'bb') AND %s.v > %d", x, x,
                               (int)below(self, 10));
    case 5:
        return mr_arena_printf(arena, "%s.t >= TIMESTAMP'2026-01-01 00:%02d:00'", x,
                               (int)below(self, 60));
    case 6:
        return mr_arena_printf(arena, "%s.v > 1000", x); /* nothing */
    default:
        return "true";
    }
}

/* Something with the table's columns, called x. */
static const char *relation(Case *self)
{
    MrArena *arena = &self->arena;
    switch (below(self, 6)) {
    case 0:
        return mr_arena_printf(
            arena, "(SELECT k, v * 2 AS v, upper(s) AS s, d, t FROM @t AS i WHERE %s) AS x",
            predicate(self, "i"));
    case 1:
        return mr_arena_printf(arena,
                               "(SELECT k, v, s, d, t FROM @t AS i WHERE %s UNION ALL "
                               "SELECT k + 1, v, s, d, t FROM @t AS j WHERE %s) AS x",
                               predicate(self, "i"), predicate(self, "j"));
    case 2:
        return "(SELECT DISTINCT k, v, s, d, t FROM @t) AS x";
    default:
        return "@t AS x";
    }
}

static const char *aggregate(Case *self)
{
    return ONE_OF(self, "count(*)", "count(x.k)", "sum(x.v)", "min(x.v)", "max(x.v)", "min(x.s)",
                  "max(x.s)", "sum(x.d)", "avg(x.d)", "min(x.t)", "max(x.d)", "count(DISTINCT x.s)",
                  "count(DISTINCT x.v)", "sum(x.v) FILTER (WHERE x.k > 2)", "sum(DISTINCT x.k)");
}

static const char *grouped(Case *self)
{
    MrArena *arena = &self->arena;
    const char *keys =
        ONE_OF(self, "x.k", "x.s", "x.k, x.s", "x.v % 4", "window(x.t, '10 minutes')",
               "x.k, window(x.t, '20 minutes')", "window(x.t, '20 minutes', '10 minutes')",
               "x.k, session_window(x.t, '5 minutes')", "session_window(x.t, '40 seconds'), x.s",
               "session_window(x.t, concat(x.k, ' minutes')), x.v % 2",
               "session_window(x.t, '30 seconds')");
    const char *from = relation(self), *where = predicate(self, "x");
    const char *first = aggregate(self), *second = aggregate(self);
    const char *having = ONE_OF(self, "", "", " HAVING count(*) > 2", " HAVING sum(x.v) > 20",
                                " HAVING max(x.k) IS NULL");
    return mr_arena_printf(arena, "SELECT %s, %s, %s FROM %s WHERE %s GROUP BY %s%s", keys, first,
                           second, from, where, keys, having);
}

static const char *joined(Case *self)
{
    MrArena *arena = &self->arena;
    const char *kind = ONE_OF(self, "JOIN", "JOIN", "LEFT JOIN", "RIGHT JOIN", "FULL JOIN");
    const char *semi = ONE_OF(self, "LEFT SEMI JOIN", "LEFT ANTI JOIN");
    switch (below(self, 5)) {
    case 0:
        return mr_arena_printf(
            arena, "SELECT a.k, a.v, b.v, b.s FROM @t AS a %s @t AS b ON a.k = b.k AND a.v < b.v",
            kind);
    case 1:
        return mr_arena_printf(arena, "SELECT x.k, x.v, c.name FROM %s %s c ON x.k = c.k WHERE %s",
                               relation(self), ONE_OF(self, "JOIN", "LEFT JOIN"),
                               predicate(self, "x"));
    case 2:
        return mr_arena_printf(arena, "SELECT x.k, x.v, x.s FROM %s %s c ON x.k = c.k",
                               relation(self), semi);
    case 3:
        return mr_arena_printf(arena,
                               "SELECT x.k, x.v, y.n FROM %s %s (SELECT k, count(*) AS n, max(v) "
                               "AS m FROM @t GROUP BY k) "
                               "AS y ON x.k = y.k",
                               relation(self), kind);
    default:
        return mr_arena_printf(
            arena, "SELECT x.k, x.v, x.s FROM %s %s @t AS b ON x.k = b.k AND x.v = b.v + 1",
            relation(self), semi);
    }
}

/* What is no increment: the engine computes it again. */
static const char *recomputed(Case *self)
{
    MrArena *arena = &self->arena;
    switch (below(self, 5)) {
    case 0:
        return mr_arena_printf(arena,
                               "SELECT x.k, x.v, x.s FROM %s ORDER BY x.v DESC, x.k, x.s LIMIT %d",
                               relation(self), 1 + (int)below(self, 12));
    case 3:
        return mr_arena_printf(
            arena,
            "SELECT y.v + 1, y.k FROM (SELECT * FROM %s ORDER BY s, v, k LIMIT %d OFFSET 2) AS y",
            relation(self), 1 + (int)below(self, 12));
    case 1:
        return mr_arena_printf(
            arena,
            "SELECT x.k, x.v, row_number() OVER (PARTITION BY x.k ORDER BY x.v, x.s) FROM %s",
            relation(self));
    case 2:
        return mr_arena_printf(
            arena, "SELECT x.k, count(*) AS n FROM %s GROUP BY x.k ORDER BY n DESC, x.k LIMIT 3",
            relation(self));
    default:
        return mr_arena_printf(arena, "SELECT x.s, sum(x.v) OVER (PARTITION BY x.s) FROM %s",
                               relation(self));
    }
}

static const char *combined(Case *self)
{
    MrArena *arena = &self->arena;
    switch (below(self, 6)) {
    case 0:
        return mr_arena_printf(
            arena, "SELECT x.k, x.s FROM %s %s SELECT k, s FROM @t WHERE v > %d", relation(self),
            ONE_OF(self, "INTERSECT", "EXCEPT", "INTERSECT ALL", "EXCEPT ALL", "UNION"),
            (int)below(self, 20));
    case 1:
        return mr_arena_printf(
            arena, "SELECT x.k, x.v FROM %s WHERE x.v %s (SELECT b.v FROM @t AS b WHERE %s)",
            relation(self), ONE_OF(self, "IN", "NOT IN"), predicate(self, "b"));
    case 2:
        return mr_arena_printf(arena,
                               "SELECT x.k, x.v FROM %s WHERE %s (SELECT 1 FROM @t AS b WHERE b.k "
                               "= x.k AND b.v > x.v)",
                               relation(self), ONE_OF(self, "EXISTS", "NOT EXISTS"));
    case 3:
        return mr_arena_printf(arena, "SELECT x.k, x.v FROM %s WHERE x.v = (SELECT max(v) FROM @t)",
                               relation(self));
    case 4:
        return mr_arena_printf(arena, "SELECT x.k, x.s, %s FROM %s GROUP BY %s", aggregate(self),
                               relation(self),
                               ONE_OF(self, "ROLLUP (x.k, x.s)", "CUBE (x.k, x.s)",
                                      "GROUPING SETS ((x.k, x.s), (x.s), ())"));
    default:
        return mr_arena_printf(arena,
                               "WITH y AS (SELECT x.k, sum(x.v) AS m FROM %s GROUP BY x.k) "
                               "SELECT a.k, a.m, b.m FROM y AS a JOIN y AS b ON a.k = b.k + 1",
                               relation(self));
    }
}

static const char *projected(Case *self)
{
    return mr_arena_printf(&self->arena, "SELECT %s FROM %s WHERE %s",
                           ONE_OF(self, "x.k, x.v, x.s, x.d, x.t", "x.k + x.v",
                                  "concat(x.s, '-', x.k), x.d * 2",
                                  "CASE WHEN x.k > 2 THEN x.s ELSE 'none' END, x.v"),
                           relation(self), predicate(self, "x"));
}

static const char *query_text(Case *self)
{
    MrArena *arena = &self->arena;
    switch (below(self, 14)) {
    case 0:
    case 1:
        return projected(self);
    case 2:
    case 3:
    case 4:
        return grouped(self);
    case 5:
        return mr_arena_printf(arena, "SELECT DISTINCT %s FROM %s WHERE %s",
                               ONE_OF(self, "x.k", "x.s, x.k", "x.v % 5"), relation(self),
                               predicate(self, "x"));
    case 6:
    case 7:
        return joined(self);
    case 8:
        return mr_arena_printf(arena, "SELECT %s, %s FROM %s WHERE %s", aggregate(self),
                               aggregate(self), relation(self), predicate(self, "x"));
    case 9:
        return mr_arena_printf(
            arena,
            "SELECT y.n, count(*), sum(y.m) FROM (SELECT x.k, count(*) AS n, max(x.v) AS m "
            "FROM %s GROUP BY x.k) AS y GROUP BY y.n",
            relation(self));
    case 10:
        return mr_arena_printf(
            arena,
            "SELECT x.k, count(*) FROM %s GROUP BY x.k UNION ALL SELECT x.k, x.v FROM %s WHERE %s",
            relation(self), relation(self), predicate(self, "x"));
    case 11:
        return recomputed(self);
    default:
        return combined(self);
    }
}

#define DELAY_S 10

static const char *instant(Case *self, int64_t s)
{
    return mr_arena_printf(&self->arena, "2026-01-01T%02d:%02d:%02d", (int)(s / 3600),
                           (int)(s / 60 % 60), (int)(s % 60));
}

/* Final rows of a query in append mode, and of its answer those that are final at @w. */
typedef struct AppendQuery {
    const char *text, *final;
    int32_t n_tables;
} AppendQuery;

#define NEAR "a.k = b.k AND b.t BETWEEN a.t - INTERVAL 20 SECONDS AND a.t + INTERVAL 30 SECONDS"
#define SIDES                                                                                      \
    "SELECT a.k AS ak, a.v AS av, a.t AS at, b.k AS bk, b.v AS bv, b.t AS bt FROM @t AS a "
#define LEFT_FINAL "(ak IS NULL OR at + INTERVAL 30 SECONDS <= @w)"
#define RIGHT_FINAL "(bk IS NULL OR bt + INTERVAL 20 SECONDS <= @w)"
static const AppendQuery append_queries[] = {
    {"SELECT x.k, x.v, x.t FROM @t AS x WHERE x.v > 3", "true", 1},
    {"SELECT window, x.k, count(*), sum(x.v) FROM @t AS x GROUP BY window(x.t, '1 minute'), x.k",
     "window.end <= @w", 1},
    {"SELECT window, max(x.v) FROM @t AS x GROUP BY window(x.t, '40 seconds', '20 seconds')",
     "window.end <= @w", 1},
    {"SELECT session_window, x.k, count(*), sum(x.v) FROM @t AS x "
     "GROUP BY session_window(x.t, '15 seconds'), x.k",
     "session_window.end <= @w", 1},
    {"SELECT session_window, count(*), min(x.v) FROM @t AS x "
     "GROUP BY session_window(x.t, concat(1 + x.v % 7, ' seconds'))",
     "session_window.end <= @w", 1},
    {"SELECT x.k, session_window FROM @t AS x GROUP BY x.k, session_window(x.t, '9 seconds')",
     "session_window.end <= @w", 1},
    {"SELECT DISTINCT x.k, x.t FROM @t AS x", "true", 1},
    {"SELECT x.t, count(*) FROM @t AS x GROUP BY x.t", "t <= @w", 1},
    {"SELECT window, sum(n) FROM (SELECT window AS w, count(*) AS n FROM @t AS x GROUP BY "
     "window(x.t, '20 seconds')) GROUP BY window(w, '1 minute')",
     "window.end <= @w", 1},
    {SIDES "JOIN @u AS b ON " NEAR, "true", 2},
    {SIDES "JOIN @u AS b ON a.k = b.k AND a.t = b.t", "true", 2},
    {SIDES "LEFT JOIN @u AS b ON " NEAR, "bk IS NOT NULL OR " LEFT_FINAL, 2},
    {SIDES "LEFT JOIN @u AS b ON a.t = b.t AND a.v < b.v",
     "bk IS NOT NULL OR bt IS NOT NULL OR at <= @w", 2},
    {SIDES "RIGHT JOIN @u AS b ON " NEAR, "ak IS NOT NULL OR " RIGHT_FINAL, 2},
    {SIDES "FULL JOIN @u AS b ON " NEAR,
     "ak IS NOT NULL AND bk IS NOT NULL OR at IS NOT NULL AND " LEFT_FINAL
     " OR bt IS NOT NULL AND " RIGHT_FINAL,
     2},
    {"SELECT a.k AS ak, a.v, a.t FROM @t AS a LEFT SEMI JOIN @u AS b ON " NEAR, "true", 2},
    {"SELECT a.k AS ak, a.v, a.t AS at FROM @t AS a LEFT ANTI JOIN @u AS b ON " NEAR, LEFT_FINAL,
     2},
    {"SELECT window, count(*), count(bv) FROM (" SIDES "LEFT JOIN @u AS b ON " NEAR
     ") GROUP BY window(at, '1 minute')",
     "window.end + INTERVAL 30 SECONDS <= @w", 2},
    {"SELECT a.w, a.n, b.n FROM (SELECT window AS w, count(*) AS n FROM @t AS x GROUP BY "
     "window(x.t, '15 seconds')) AS a LEFT JOIN (SELECT window AS w, sum(x.v) AS n FROM @u AS x "
     "GROUP BY window(x.t, '15 seconds')) AS b ON a.w = b.w",
     "w.end <= @w", 2},
};

/* The watermark when all has been read: the smallest of the tables that the query reads. */
static const char *watermark(Case *self)
{
    int64_t least_s = INT64_MAX;
    for (int32_t i = 0; i < self->n_tables; i++)
        if (self->high_s[i] < least_s)
            least_s = self->high_s[i];
    if (least_s < 0)
        return "TIMESTAMP'1900-01-01 00:00:00'";
    return mr_arena_printf(&self->arena, "TIMESTAMP'%s'", instant(self, least_s - DELAY_S));
}

static MrText query_for(Case *self, const char *text, const char *table)
{
    MrTextBuilder out = {.arena = &self->arena};
    for (const char *at = text; *at;)
        if (at[0] == '@') {
            if (at[1] == 'w')
                mr_builder_str(&out, watermark(self));
            else if (self->append && table[0] == 'S')
                mr_builder_printf(
                    &out, "(SELECT * FROM STREAM %c WATERMARK t DELAY OF INTERVAL %d SECONDS)",
                    at[1], DELAY_S);
            else if (at[1] == 'u')
                mr_builder_str(&out, "u");
            else
                mr_builder_str(&out, table);
            at += 2;
        } else
            mr_builder_char(&out, *at++);
    return mr_builder_text(&out);
}

/* ---------------------------------------------------------------- the world */

static void add_file(Case *self)
{
    MrError err = {0};
    MrTextBuilder lines = {.arena = &self->arena};
    int64_t n_rows = 1 + below(self, 12);
    int32_t table = self->append ? (int32_t)below(self, 2) : 0;
    int64_t *high_s = &self->high_s[table], new_high_s = *high_s;
    for (int64_t i = 0; i < n_rows; i++) {
        mr_builder_str(&lines, "{");
        if (!chance(self, 6))
            mr_builder_printf(&lines, "\"k\":%d,", (int)below(self, 6));
        if (!chance(self, 6))
            mr_builder_printf(&lines, "\"s\":\"%s\",",
                              ONE_OF(self, "a", "bb", "c", "", "\xc3\xa9t\xc3\xa9"));
        if (!chance(self, 8))
            mr_builder_printf(&lines, "\"d\":%d.%02d,", (int)below(self, 100),
                              (int)below(self, 100));
        int64_t s = self->append ? (*high_s < 0 ? 3600 : *high_s - DELAY_S) + 1 + below(self, 60)
                                 : below(self, 3600);
        new_high_s = s > new_high_s ? s : new_high_s;
        mr_builder_printf(&lines, "\"v\":%d,\"t\":\"%s\"}\n", (int)below(self, 20),
                          instant(self, s));
    }
    *high_s = new_high_s;
    mr_os_sim_advance_us(self->os, 1000000);
    const char *path =
        mr_arena_printf(&self->arena, "/in%s/part-%03d.json", table ? "2" : "", self->n_files++);
    MR_OKAY(mr_os_write_file(self->os, path, mr_builder_text(&lines), MR_STEP_SINK_FILE_SYNC,
                             MR_STEP_SINK_FOLDER_SYNC, &err));
    mr_builder_printf(&self->cuts, " +%d%s", (int)n_rows, table ? "u" : "");
}

static void run_sql(Case *self, MrText sql, Rows *rows)
{
    MrError err = {0};
    MrQuery *query;
    MR_OKAY(mr_session_query(self->session, sql, &query, &err));
    for (;;) {
        MrBatch *batch;
        MR_OKAY(mr_query_next(query, &batch, &err));
        if (!batch)
            break;
        if (rows)
            rows_add(rows, batch, mr_session_settings(self->session));
        mr_batch_destroy(batch);
    }
    mr_query_close(query);
}

static void session_open(Case *self)
{
    MrError err = {0};
    MrSessionConfig config = {.os = self->os,
                              .warehouse = "/warehouse",
                              .memory_limit_bytes = INT64_C(256) << 20,
                              .n_threads = self->n_threads};
    MR_OKAY(mr_session_create(&config, &self->session, &err));
    MR_OKAY(mr_session_set_conf(self->session, "spark.sql.session.timeZone", "UTC", &err));
    MR_OKAY(mr_session_set_conf(self->session, "millrace.exec.batchRows", self->batch_rows, &err));
    MR_OKAY(mr_session_set_conf(self->session, "millrace.checkpoint.snapshotBytes",
                                self->snapshot_bytes, &err));
}

static MrStatus take_epoch(void *self_void, const MrEpochId *epoch, MrBatch *const *batches,
                           int32_t n_batches, const MrSchema *schema, MrError *err)
{
    Case *self = self_void;
    if (epoch->epoch <=
        self->last_epoch) /* again after a restart: at least once is what the sink was promised */
        return MR_OK;
    self->last_epoch = epoch->epoch;
    for (int32_t i = 0; i < n_batches; i++)
        rows_add(&self->got, batches[i], mr_session_settings(self->session));
    return MR_OK;
}

static MrStatus open_sink(void *self_void, const MrSinkSpec *spec, MrSink **out, MrError *err)
{
    Case *self = self_void;
    return mr_foreach_sink_open(&self->query->budget, take_epoch, self, spec, out, err);
}

static MrStatus start(Case *self, MrText text, MrError *err)
{
    MrQuery *query = self->query;
    MrSqlStatement *statement;
    MrBoundQuery bound;
    mr_relations_init(query);
    query->text = mr_text_own(&query->arena, text);
    query->bind.text = query->text;
    MR_TRY(mr_sql_parse_statement(&query->arena, query->text, &self->session->sql_options,
                                  &statement, err));
    MR_TRY(mr_query_bind_sql(query, statement->query, &bound, err));
    query->schema = mr_plan_schema(&query->arena, bound.plan);
    return mr_query_start_stream(
        query, bound.plan,
        &(MrStreamTarget){.checkpoint = "/checkpoint",
                          .type = &mr_connector_foreach,
                          .mode = self->append ? MR_MODE_APPEND : MR_MODE_CHANGES,
                          .trigger = MR_TRIGGER_AVAILABLE_NOW,
                          .open = open_sink,
                          .open_self = self},
        &self->stream, err);
}

static MrStatus stream_open(Case *self, MrText text, MrError *err)
{
    MrStatus status;
    MR_TRY(mr_query_create(self->session, &self->query, err));
    MR_GUARD_BEGIN(status, err)
        status = start(self, text, err);
    MR_GUARD_END(status)
    return status;
}

static void stream_close(Case *self)
{
    mr_stream_close(self->stream);
    mr_query_close(self->query);
    self->stream = NULL;
    self->query = NULL;
}

/* ---------------------------------------------------------------- a case */

static bool is_refusal(const MrError *err)
{
    const char *name = mr_error_condition(err);
    return strncmp(name, "UNSUPPORTED_", 12) == 0 || strstr(name, "STREAMING") != NULL;
}

static void differs(Case *self, const char *text, const Rows *want)
{
    int64_t n = 0;
    const Rows *got = &self->got;
    print_error("query: %s\ncuts:%s (+n: a file of n rows, e: an epoch, |: stopped early, R: "
                "stream reopened, S: session too, X: power lost in an epoch, P: after it); "
                "batchRows %s\n",
                text, mr_builder_text(&self->cuts).data, self->batch_rows);
    for (int64_t g = 0, w = 0; (g < got->n || w < want->n) && n < 12;) {
        int order = g == got->n    ? 1
                    : w == want->n ? -1
                                   : strcmp(got->rows[g].text, want->rows[w].text);
        int64_t n_got = order <= 0 ? got->rows[g].weight : 0,
                n_want = order >= 0 ? want->rows[w].weight : 0;
        if (n_got != n_want && ++n)
            print_error("  stream %" PRId64 ", batch %" PRId64 ": %s\n", n_got, n_want,
                        order <= 0 ? got->rows[g].text : want->rows[w].text);
        g += order <= 0;
        w += order >= 0;
    }
}

static bool rows_equal(const Rows *a, const Rows *b)
{
    bool equal = a->n == b->n;
    for (int64_t i = 0; equal && i < a->n; i++)
        equal =
            a->rows[i].weight == b->rows[i].weight && strcmp(a->rows[i].text, b->rows[i].text) == 0;
    return equal;
}

/* availableNow, to its end or (sometimes) not. */
static MrStatus run_epochs(Case *self, bool to_the_end, MrError *err)
{
    for (;;) {
        MrStreamStep step;
        MR_TRY(mr_stream_step(self->stream, &step, err));
        if (step == MR_STREAM_ENDED)
            return MR_OK;
        mr_builder_str(&self->cuts, " e");
        if (!to_the_end && chance(self, 3)) {
            mr_builder_str(&self->cuts, " |");
            return MR_OK;
        }
    }
}

static MrStatus run_stream(Case *self, MrText text, bool *skipped, Totals *totals, MrError *err)
{
    int64_t n_cuts = 1 + below(self, 5);
    for (int64_t cut = 0; cut < n_cuts; cut++) {
        int64_t n_new = 1 + below(self, 3);
        for (int64_t i = 0; i < n_new && self->n_files < MAX_FILES; i++)
            add_file(self);
        MrStatus status =
            stream_open(self, text, err); /* availableNow has ended: each is a restart */
        if (status != MR_OK && cut == 0 && is_refusal(err)) {
            *skipped = true;
            return MR_OK;
        }
        MR_TRY(status);
        totals->n_restarts += cut > 0;
        bool lost = cut < n_cuts - 1 && chance(self, 3);
        if (lost) /* somewhere in the epochs, or not at all */
            mr_os_sim_cut_at(self->os, mr_os_sim_n_io(self->os) + 1 + below(self, 30));
        status = run_epochs(self, cut == n_cuts - 1, err);
        if (lost && (status == MR_OK || status == MR_IO)) {
            stream_close(self);
            mr_session_destroy(self->session);
            mr_os_sim_cut_at(self->os, 0);
            mr_os_sim_power_on(self->os);
            session_open(self);
            mr_builder_str(&self->cuts, status == MR_OK ? " P" : " X");
            totals->n_lost += status != MR_OK;
            *err = (MrError){.sql_idx = -1};
            continue;
        }
        MR_TRY(status);
        stream_close(self);
        mr_builder_str(&self->cuts, " R");
        if (chance(self, 2)) {
            mr_session_destroy(self->session);
            session_open(self);
            mr_builder_str(&self->cuts, "S");
        }
    }
    return MR_OK;
}

static void make_table(Case *self, const char *name, const char *folder)
{
    run_sql(self,
            mr_text(mr_arena_printf(&self->arena,
                                    "CREATE TABLE %s (" COLUMNS
                                    ") USING json OPTIONS (maxFilesPerTrigger '%d') "
                                    "LOCATION '%s'",
                                    name, 1 + (int)below(self, 3), folder)),
            NULL);
}

/* query NULL: a random one.  append: that one, in append mode.  false: it differs. */
static bool case_holds(MrBudget *budget, uint64_t seed, const char *query,
                       const AppendQuery *append, Totals *totals)
{
    Case self = {.random = mr_hash_stable(&seed, (int64_t)sizeof seed, 0),
                 .budget = budget,
                 .last_epoch = -1,
                 .append = append != NULL,
                 .high_s = {-1, -1},
                 .n_tables = append ? append->n_tables : 1};
    MrError err = {.sql_idx = -1};
    bool skipped = false, holds = true;
    mr_arena_init(&self.arena, budget);
    self.cuts.arena = self.got.arena = &self.arena;
    MR_OKAY(mr_os_sim_create(
        budget,
        &(MrSimOptions){.seed = seed, .torn_writes = true, .start_us = INT64_C(1767225600000000)},
        &self.os, &err));
    self.batch_rows = ONE_OF(&self, "0", "0", "1", "3");
    self.snapshot_bytes = ONE_OF(&self, "1000", "67108864");
    self.n_threads = 1 + (int32_t)below(&self, 3);
    MR_OKAY(self.os->make_dir(self.os, "/in", &err));
    MR_OKAY(self.os->make_dir(self.os, "/in2", &err));
    MR_OKAY(self.os->make_dir(self.os, "/warehouse", &err));
    session_open(&self);
    make_table(&self, "t", "/in");
    make_table(&self, "u", "/in2");
    if (append)
        query = append->text;
    run_sql(&self,
            MR_TEXT("CREATE VIEW c AS SELECT * FROM VALUES (1, 'one'), (2, 'two'), (2, 'deux'), "
                    "(4, NULL) AS c(k, name)"),
            NULL);
    if (!query)
        query = query_text(&self);
    if (getenv("MR_SHOW"))
        print_message("%s\n", query);
    MrStatus status =
        run_stream(&self, query_for(&self, query, "STREAM t"), &skipped, totals, &err);
    stream_close(&self);
    Rows want = {.arena = &self.arena};
    const char *batch =
        append ? mr_arena_printf(&self.arena, "SELECT * FROM (%s) WHERE %s", query, append->final)
               : query;
    run_sql(&self, query_for(&self, batch, "t"),
            &want); /* also when skipped: it must be a good query */
    rows_settle(&want);
    rows_settle(&self.got);
    totals->n_skipped += skipped;
    totals->n_run += !skipped;
    if (skipped && getenv("MR_SHOW"))
        print_message("    skipped: %s\n", mr_error_condition(&err));
    if (status != MR_OK) {
        char message[2000];
        mr_error_message(&err, message, sizeof message);
        print_error("the stream failed: %s\n", message);
    }
    if (status != MR_OK || (!skipped && !rows_equal(&self.got, &want))) {
        differs(&self, query, &want);
        holds = false;
    }
    mr_session_destroy(self.session);
    mr_os_sim_destroy(self.os);
    mr_arena_deinit(&self.arena);
    return holds;
}

static int64_t number_of(const char *name, int64_t fallback)
{
    const char *text = getenv(name);
    return text && *text ? strtoll(text, NULL, 10) : fallback;
}

static void changes_add_up_to_the_batch_answer(void **state)
{
    int64_t seed = number_of("MR_SEED", 1), n_cases = number_of("MR_CASES", 300),
            only = number_of("MR_CASE", -1);
    int64_t n_bad = 0;
    Totals totals = {0};
    for (int64_t i = 0; i < n_cases && n_bad < 5; i++) {
        if (only >= 0 && i != only)
            continue;
        if (!case_holds(*state, (uint64_t)(seed * 1000003 + i), NULL, NULL, &totals)) {
            print_error("MR_SEED=%" PRId64 " MR_CASE=%" PRId64 "\n\n", seed, i);
            n_bad++;
        }
    }
    print_message("%" PRId64 " cases run, %" PRId64 " skipped, %" PRId64
                  " restarts, power lost in %" PRId64 " epochs\n",
                  totals.n_run, totals.n_skipped, totals.n_restarts, totals.n_lost);
    assert_int_equal(n_bad, 0);
    assert_true(only >= 0 || totals.n_run >= totals.n_skipped);
}

/* What an append sink was given is the batch answer's final part. */
static void appended_rows_are_the_final_ones(void **state)
{
    int64_t seed = number_of("MR_SEED", 1), n_cases = number_of("MR_CASES", 300),
            only = number_of("MR_CASE", -1);
    int64_t n_bad = 0;
    Totals totals = {0};
    for (int64_t i = 0; i < n_cases && n_bad < 5; i++) {
        if (only >= 0 && i != only)
            continue;
        if (!case_holds(*state, (uint64_t)(seed * 1000033 + i), NULL,
                        &append_queries[i % (int64_t)MR_COUNT(append_queries)], &totals)) {
            print_error("MR_SEED=%" PRId64 " MR_CASE=%" PRId64 " (append)\n\n", seed, i);
            n_bad++;
        }
    }
    print_message("%" PRId64 " cases run, %" PRId64 " restarts, power lost in %" PRId64 " epochs\n",
                  totals.n_run, totals.n_restarts, totals.n_lost);
    assert_int_equal(n_bad, 0);
    assert_int_equal(totals.n_skipped, 0);
}

/* What once went wrong, over several cuts. */
static void found_before(void **state)
{
    static const char *const queries[] = {
        /* The input of the sort was no feed of the recomputed limit. */
        "SELECT x.k, x.v, x.s FROM @t AS x ORDER BY x.v DESC, x.k, x.s LIMIT 4",
        "SELECT x.k, count(*) AS n FROM @t AS x GROUP BY x.k ORDER BY n DESC, x.k LIMIT 3",
        /* A scan that gives pieces of a batch went on with a piece of the epoch before. */
        "SELECT x.k, x.s, sum(x.v), count(x.k) FROM @t AS x GROUP BY x.k, x.s",
    };
    Totals totals = {0};
    for (int64_t i = 0; i < MR_COUNT(queries); i++)
        for (uint64_t seed = 0; seed < 8; seed++)
            assert_true(case_holds(*state, seed, queries[i], NULL, &totals));
    assert_int_equal(totals.n_skipped, 0);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(found_before),
    MR_UNIT_TEST(changes_add_up_to_the_batch_answer),
    MR_UNIT_TEST(appended_rows_are_the_final_ones),
};
MR_UNIT_TESTS_MAIN(tests)
