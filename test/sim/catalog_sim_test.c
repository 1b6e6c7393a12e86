/* What changes the catalog and the folders of tables is done or not done, wherever the power goes.
 *
 * Each case runs its statement with a cut at every call that writes; then, in a new session, the
 * probes must answer as before it or as after it, doing it (again) must lead to the latter, and the
 * names that it used must serve once more.  The world is simulated: MR_SEED chooses what is torn;
 * MR_CASE=name runs one case. */
#include "base/testing.h"

#include "os/os_sim.h"
#include "session/pipeline.h"
#include <stdlib.h>

#define MAX_STEPS 8

/* Steps: SQL, or "run: " and the text of a pipeline, "file: PATH=TEXT", "remove: PATH". */
typedef struct Case {
    const char *name;
    const char *before[MAX_STEPS]; /* what is there */
    const char *act;
    const char *probes[MAX_STEPS];
    const char *after[MAX_STEPS]; /* must work once the act is done */
    const char *between;          /* what else may be seen, as of a table that is not filled yet */
} Case;

#define MOVED "SELECT count(*), sum(id) FROM t", "SELECT count(*), sum(id) FROM u"
#define FILES "file: /in/1.json={\"k\":1}\n{\"k\":2}\n", "file: /in/2.json={\"k\":3}\n{\"k\":1}\n"
#define SOURCE "CREATE TABLE s (k INT) USING json OPTIONS (path '/in');"
#define SUMS SOURCE "CREATE MATERIALIZED VIEW v AS SELECT k, count(*) AS n FROM s GROUP BY k"
#define ROWS SOURCE "CREATE MATERIALIZED VIEW v AS SELECT k FROM s WHERE k > 0"
#define RANKS SOURCE "CREATE MATERIALIZED VIEW v AS SELECT k, rank() OVER (ORDER BY k) AS r FROM s"
#define FLOW_OF(table) SOURCE "CREATE STREAMING TABLE " table " AS SELECT k FROM STREAM s"
#define FLOW FLOW_OF("v")
#define FLOW_INTO(table)                                                                           \
    SOURCE "CREATE STREAMING TABLE " table " (k INT);"                                             \
           "CREATE FLOW f AS INSERT INTO " table " BY NAME SELECT k FROM STREAM s"

static const Case cases[] = {
    {.name = "rename",
     .before = {"CREATE TABLE t (id INT) PARTITIONED BY (p INT)",
                "INSERT INTO t VALUES (1, 1), (2, 2)"},
     .act = "ALTER TABLE t RENAME TO u",
     .probes = {MOVED},
     .after = {"CREATE TABLE t (id INT)", "INSERT INTO t VALUES (7)", "DROP TABLE u",
               "CREATE TABLE u AS SELECT 3 AS id", "SELECT * FROM t JOIN u ON t.id <> u.id"}},
    {.name = "rename over what a refused writer has left",
     .before = {"CREATE TABLE t AS SELECT 1 AS id", "file: /warehouse/u/_millrace/id=x"},
     .act = "ALTER TABLE t RENAME TO u",
     .probes = {MOVED},
     .after = {"INSERT INTO u VALUES (2)", "SELECT count(*) FROM u"}},
    {.name = "rename a streaming table",
     .before = {FILES, "run: " FLOW},
     .act = "ALTER TABLE v RENAME TO u",
     .probes = {"SELECT count(*) FROM v", "SELECT count(*) FROM u"},
     .after = {"run: " FLOW, "SELECT count(*) FROM v", "DROP TABLE u", "CREATE TABLE u (id INT)"}},
    {.name = "rename a streaming table, and its text",
     .before = {FILES, "run: " FLOW},
     .act = "ALTER TABLE v RENAME TO u",
     .probes = {"SELECT count(*) FROM v", "SELECT count(*) FROM u"},
     .after = {"run: " FLOW_OF("u"), "SELECT count(*) FROM u", "file: /in/3.json={\"k\":9}\n",
               "run: " FLOW_OF("u"), "SELECT count(*) FROM u"}},
    {.name = "rename a table that a flow fills",
     .before = {FILES, "run: " FLOW_INTO("v")},
     .act = "ALTER TABLE v RENAME TO u",
     .probes = {"SELECT count(*) FROM v", "SELECT count(*) FROM u"},
     .after = {"run: " FLOW_INTO("u"), "SELECT count(*) FROM u"}},
    {.name = "rename a view",
     .before = {"CREATE VIEW t AS SELECT 1 AS id"},
     .act = "ALTER VIEW t RENAME TO u",
     .probes = {MOVED},
     .after = {"DROP VIEW u", "CREATE TABLE u (id INT)", "CREATE TABLE t (id INT)"}},
    {.name = "drop",
     .before = {"CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)"},
     .act = "DROP TABLE t",
     .probes = {"SELECT count(*), sum(id) FROM t"},
     .after = {"CREATE TABLE t (id INT)", "INSERT INTO t VALUES (7)", "SELECT * FROM t"}},
    {.name = "drop and make with AS",
     .before = {"CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)"},
     .act = "DROP TABLE t",
     .probes = {"SELECT count(*), sum(id) FROM t"},
     .after = {"CREATE TABLE t AS SELECT 7 AS id", "SELECT * FROM t"}},
    {.name = "drop a view",
     .before = {FILES, "run: " SUMS},
     .act = "DROP TABLE v",
     .probes = {"SELECT k, n FROM v ORDER BY k"},
     .after = {"run: " SUMS, "SELECT k, n FROM v ORDER BY k"}},
    {.name = "drop a streaming table",
     .before = {FILES, "run: " FLOW},
     .act = "DROP TABLE v",
     .probes = {"SELECT k FROM v ORDER BY k"},
     .after = {"run: " FLOW, "SELECT k FROM v ORDER BY k"}},
    {.name = "drop a schema",
     .before = {"CREATE SCHEMA d", "CREATE TABLE d.t AS SELECT 1 AS id",
                "CREATE FUNCTION d.f(x INT) RETURNS INT RETURN x + 1"},
     .act = "DROP SCHEMA d CASCADE",
     .probes = {"SELECT * FROM d.t", "SELECT d.f(1)", "SHOW SCHEMAS"},
     .after = {"CREATE SCHEMA d", "CREATE TABLE d.t (id INT)", "INSERT INTO d.t VALUES (7)",
               "SELECT * FROM d.t"},
     .between = "TABLE_OR_VIEW_NOT_FOUND; [2]; [d][default]; "},
    {.name = "create",
     .before = {"CREATE TABLE other (id INT)"},
     .act = "CREATE TABLE t (id INT, s STRING)",
     .probes = {"SELECT count(*) FROM t"},
     .after = {"INSERT INTO t VALUES (1, 'a')", "SELECT * FROM t"}},
    {.name = "create with AS",
     .before = {"CREATE TABLE other (id INT)"},
     .act = "CREATE TABLE t AS SELECT id FROM range(5)",
     .probes = {"SELECT count(*), sum(id) FROM t"},
     .after = {"INSERT INTO t VALUES (1)", "SELECT count(*) FROM t"}},
    {.name = "replace with AS",
     .before = {"CREATE TABLE t (id INT, s STRING)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"},
     .act = "CREATE OR REPLACE TABLE t AS SELECT 'x' AS name, 5.5 AS id",
     .probes = {"SELECT * FROM t ORDER BY 1"},
     .after = {"INSERT INTO t VALUES ('y', 6.5)", "SELECT * FROM t ORDER BY 1"}},
    {.name = "replace by an empty one",
     .before = {"CREATE TABLE t (id INT, s STRING)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"},
     .act = "CREATE OR REPLACE TABLE t (s DATE, id INT)",
     .probes = {"SELECT * FROM t ORDER BY 1", "DESCRIBE t"},
     .after = {"INSERT INTO t VALUES (DATE'2024-01-01', 1)", "SELECT * FROM t ORDER BY 1"}},
    {.name = "replace by another format",
     .before = {"CREATE TABLE t (id INT, s STRING)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')"},
     .act = "CREATE OR REPLACE TABLE t USING csv AS SELECT 'x' AS id, 'y' AS s",
     .probes = {"SELECT * FROM t ORDER BY 1"},
     .after = {"INSERT INTO t VALUES ('z', 'z')", "SELECT * FROM t ORDER BY 1"}},
    {.name = "replace by one elsewhere",
     .before = {"CREATE TABLE t (id INT, s STRING)", "INSERT INTO t VALUES (1, 'a'), (2, 'b')",
                FILES},
     .act = "CREATE OR REPLACE TABLE t (k INT) USING json LOCATION '/in'",
     .probes = {"SELECT * FROM t ORDER BY 1"},
     .after = {"DROP TABLE t", "CREATE TABLE t (id INT)", "SELECT * FROM t"}},
    {.name = "insert",
     .before = {"CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)"},
     .act = "INSERT INTO t VALUES (5), (6)",
     .probes = {"SELECT count(*), sum(id) FROM t"},
     .after = {"INSERT INTO t VALUES (7)", "SELECT count(*), sum(id) FROM t"}},
    {.name = "overwrite",
     .before = {"CREATE TABLE t (id INT) PARTITIONED BY (p INT)",
                "INSERT INTO t VALUES (1, 1), (2, 2)"},
     .act = "INSERT OVERWRITE t VALUES (5, 2), (6, 3)",
     .probes = {"SELECT * FROM t ORDER BY id"},
     .after = {"INSERT INTO t VALUES (7, 7)", "SELECT count(*), sum(id) FROM t"}},
    {.name = "overwrite a partition",
     .before = {"CREATE TABLE t (id INT) PARTITIONED BY (p INT)",
                "INSERT INTO t VALUES (1, 1), (2, 2)"},
     .act = "INSERT OVERWRITE t PARTITION (p = 2) SELECT 9",
     .probes = {"SELECT * FROM t ORDER BY id"},
     .after = {"INSERT INTO t VALUES (7, 7)", "SELECT count(*), sum(id) FROM t"}},
    {.name = "truncate",
     .before = {"CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)"},
     .act = "TRUNCATE TABLE t",
     .probes = {"SELECT count(*), sum(id) FROM t"},
     .after = {"INSERT INTO t VALUES (7)", "SELECT count(*), sum(id) FROM t"}},
    {.name = "add a column",
     .before = {"CREATE TABLE t (id INT)", "INSERT INTO t VALUES (1), (2)"},
     .act = "ALTER TABLE t ADD COLUMNS (s STRING)",
     .probes = {"SELECT * FROM t ORDER BY id"},
     .after = {"INSERT INTO t VALUES (7, 'x')", "SELECT * FROM t ORDER BY id"}},
    {.name = "the first run of a view",
     .before = {FILES},
     .act = "run: " SUMS,
     .probes = {"SELECT k, n FROM v ORDER BY k"},
     .after = {"remove: /in/1.json", "run: " SUMS, "SELECT k, n FROM v ORDER BY k"},
     .between = "; "},
    {.name = "the first run of a flow",
     .before = {FILES},
     .act = "run: " FLOW,
     .probes = {"SELECT k FROM v ORDER BY k"},
     .after = {"file: /in/4.json={\"k\":4}\n", "run: " FLOW, "SELECT k FROM v ORDER BY k"},
     .between = "; "},
    {.name = "a view takes in a file",
     .before = {FILES, "run: " SUMS, "file: /in/3.json={\"k\":1}\n"},
     .act = "run: " SUMS,
     .probes = {"SELECT k, n FROM v ORDER BY k"},
     .after = {"remove: /in/1.json", "run: " SUMS, "SELECT k, n FROM v ORDER BY k"}},
    {.name = "a view whose file has changed",
     .before = {FILES, "run: " SUMS, "file: /in/1.json={\"k\":7}\n{\"k\":8}\n{\"k\":9}\n"},
     .act = "run: " SUMS,
     .probes = {"SELECT k, n FROM v ORDER BY k"},
     .after = {"run: " SUMS, "SELECT k, n FROM v ORDER BY k"}},
    {.name = "rows of a view whose file is gone",
     .before = {FILES, "run: " ROWS, "remove: /in/1.json"},
     .act = "run: " ROWS,
     .probes = {"SELECT k FROM v ORDER BY k"},
     .after = {"run: " ROWS, "SELECT k FROM v ORDER BY k"}},
    {.name = "another text, computed whole",
     .before = {FILES, "run: " ROWS},
     .act = "run: " RANKS,
     .probes = {"SELECT * FROM v ORDER BY k"},
     .after = {"run: " ROWS, "SELECT * FROM v ORDER BY k"},
     .between = "; "},
};

typedef struct World {
    MrBudget *budget;
    MrOs *os;
} World;

/* ---------------------------------------------------------------- steps */

static MrStatus sql_step(World *world, MrSession *session, const char *sql, MrTextBuilder *out,
                         MrError *err)
{
    MrQuery *query = NULL;
    MrStatus status = mr_session_query(session, mr_text(sql), &query, err);
    for (MrBatch *batch = NULL; status == MR_OK;) {
        status = mr_query_next(query, &batch, err);
        if (status != MR_OK || batch == NULL)
            break;
        for (int32_t i = 0; out && i < batch->n_sel; i++) {
            mr_builder_str(out, "[");
            for (int32_t c = 0; c < batch->n_cols; c++) {
                mr_builder_str(out, c > 0 ? "|" : "");
                mr_value_text(batch->cols[c], mr_batch_row(batch, i), MR_TEXT_HIVE,
                              mr_session_settings(session), out);
            }
            mr_builder_str(out, "]");
        }
        mr_batch_destroy(batch);
    }
    mr_query_close(query);
    return status;
}

static MrStatus file_step(World *world, const char *given, MrError *err)
{
    char path[100];
    const char *is = strchr(given, '=');
    snprintf(path, sizeof path, "%.*s", (int)(is - given), given);
    const char *slash = strrchr(path, '/');
    char folder[100];
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    MR_TRY(world->os->make_dir(world->os, folder, err));
    return mr_os_write_file(world->os, path, mr_text(is + 1), MR_STEP_SINK_FILE_SYNC,
                            MR_STEP_SINK_FOLDER_SYNC, err);
}

static MrStatus remove_step(World *world, const char *path, MrError *err)
{
    MR_TRY(world->os->remove(world->os, path, err));
    return world->os->dir_sync(world->os, "/in", MR_STEP_SINK_FOLDER_SYNC, err);
}

/* In a session of its own; its rows come behind what is in out. */
static MrStatus step_run(World *world, const char *step, MrTextBuilder *out, MrError *err)
{
    MrSession *session = NULL;
    *err = (MrError){.sql_idx = -1};
    if (strncmp(step, "file: ", 6) == 0)
        return file_step(world, step + 6, err);
    if (strncmp(step, "remove: ", 8) == 0)
        return remove_step(world, step + 8, err);
    mr_os_sim_advance_us(world->os, 1000000);
    MR_TRY(mr_session_create(&(MrSessionConfig){.os = world->os,
                                                .warehouse = "/warehouse",
                                                .memory_limit_bytes = INT64_C(256) << 20,
                                                .n_threads = 1},
                             &session, err));
    MrStatus status =
        strncmp(step, "run: ", 5) == 0
            ? mr_pipeline_run(session, &(MrPipelineOptions){.script = mr_text(step + 5)}, err)
            : sql_step(world, session, step, out, err);
    mr_session_destroy(session);
    return status;
}

static void must(World *world, const Case *test, const char *where, const char *step,
                 MrTextBuilder *out)
{
    MrError err = {.sql_idx = -1};
    char message[2000];
    if (step_run(world, step, out, &err) == MR_OK)
        return;
    mr_error_message(&err, message, sizeof message);
    fail_msg("%s, %s: %s: %s", test->name, where, step, message);
}

/* What the probes answer: rows, or the name of an error. */
static const char *state_of(World *world, MrArena *arena, const Case *test)
{
    MrTextBuilder out = {.arena = arena};
    for (int i = 0; i < MAX_STEPS && test->probes[i]; i++) {
        MrError err;
        if (step_run(world, test->probes[i], &out, &err) != MR_OK)
            mr_builder_str(&out, mr_conditions[err.condition].name);
        mr_builder_str(&out, "; ");
    }
    return mr_builder_text(&out).data;
}

/* ---------------------------------------------------------------- cuts */

typedef struct Answers {
    const char *before, *after, *end;
    int64_t first, last; /* calls of the act */
} Answers;

static World world_create(MrBudget *budget, uint64_t seed)
{
    MrError err = {0};
    World world = {.budget = budget};
    MR_OKAY(mr_os_sim_create(
        budget,
        &(MrSimOptions){.seed = seed, .start_us = INT64_C(1700000000000000), .torn_writes = true},
        &world.os, &err));
    return world;
}

static const char *end_of(World *world, MrArena *arena, const Case *test, const char *where)
{
    MrTextBuilder out = {.arena = arena};
    for (int i = 0; i < MAX_STEPS && test->after[i]; i++)
        must(world, test, where, test->after[i], &out);
    return mr_builder_text(&out).data;
}

static Answers calm_run(MrBudget *budget, MrArena *arena, const Case *test)
{
    World world = world_create(budget, 1);
    Answers answers = {0};
    for (int i = 0; i < MAX_STEPS && test->before[i]; i++)
        must(&world, test, "before", test->before[i], NULL);
    answers.before = state_of(&world, arena, test);
    answers.first = mr_os_sim_n_io(world.os) + 1;
    must(&world, test, "calm", test->act, NULL);
    answers.last = mr_os_sim_n_io(world.os);
    answers.after = state_of(&world, arena, test);
    answers.end = end_of(&world, arena, test, "calm");
    mr_os_sim_destroy(world.os);
    return answers;
}

/* Nothing of what the act used may lie about. */
static void no_strays(World *world, MrArena *arena, const Case *test, const char *where)
{
    static const char *const folders[] = {"/warehouse", "/warehouse/_millrace/flows",
                                          "/warehouse/_millrace/catalog",
                                          "/warehouse/_millrace/catalog/default"};
    for (int f = 0; f < (int)MR_COUNT(folders); f++) {
        MrError err = {0};
        MrFileInfo info;
        MrDirEntry *entries = NULL;
        int64_t n_entries = 0;
        MR_OKAY(mr_os_discard_tree(world->os, mr_arena_printf(arena, "%s/nothing", folders[f]),
                                   &err)); /* the next call */
        MR_OKAY(world->os->stat(world->os, folders[f], &info, &err));
        if (info.exists)
            MR_OKAY(world->os->list(world->os, folders[f], arena, &entries, &n_entries, &err));
        for (int64_t i = 0; i < n_entries; i++)
            if (strstr(entries[i].name, "gone"))
                fail_msg("%s, %s: %s/%s is left", test->name, where, folders[f], entries[i].name);
    }
}

typedef enum Trouble {
    FAILS, /* one call, as of a full disk       */
    KILL,  /* what was written stays as it is   */
    POWER  /* what is not synced is torn or not */
} Trouble;
static const char *const trouble_names[] = {"failed", "killed", "power lost"};

static void cut_once(MrBudget *budget, const Case *test, const Answers *answers, int64_t k,
                     uint64_t seed, Trouble trouble)
{
    MrError err;
    MrArena arena;
    World world = world_create(budget, seed);
    char where[100];
    snprintf(where, sizeof where, "%s at call %lld, seed %llu", trouble_names[trouble],
             (long long)(k - answers->first + 1), (unsigned long long)seed);
    mr_arena_init(&arena, budget);
    for (int i = 0; i < MAX_STEPS && test->before[i]; i++)
        must(&world, test, where, test->before[i], NULL);
    int64_t first = mr_os_sim_n_io(world.os) + 1;
    int64_t at = first + k - answers->first;
    if (trouble == POWER)
        mr_os_sim_cut_at(world.os, at);
    else
        mr_os_sim_fail_io(world.os, at, trouble == KILL);
    (void)!step_run(&world, test->act, NULL, &err);
    if (trouble == POWER)
        mr_os_sim_power_on(world.os);
    else
        mr_os_sim_fail_io(world.os, 0, false);
    const char *now = state_of(&world, &arena, test);
    if (strcmp(now, answers->before) != 0 && strcmp(now, answers->after) != 0 &&
        !(test->between && strcmp(now, test->between) == 0))
        fail_msg("%s, %s: %s is neither %s nor %s", test->name, where, now, answers->before,
                 answers->after);
    if (strcmp(now, answers->after) != 0 || strncmp(test->act, "run: ", 5) == 0)
        must(&world, test, where, test->act, NULL);
    now = state_of(&world, &arena, test);
    if (strcmp(now, answers->after) != 0)
        fail_msg("%s, %s: %s in the end, not %s", test->name, where, now, answers->after);
    const char *end = end_of(&world, &arena, test, where);
    if (strcmp(end, answers->end) != 0)
        fail_msg("%s, %s: then %s, not %s", test->name, where, end, answers->end);
    no_strays(&world, &arena, test, where);
    mr_arena_deinit(&arena);
    mr_os_sim_destroy(world.os);
}

static void changes_are_done_or_not(void **state)
{
    const Case *test = *state;
    const char *text = getenv("MR_SEED");
    uint64_t seed = text ? strtoull(text, NULL, 10) : 1;
    MrArena arena;
    mr_budget_init(&mr_test_budget, "test", NULL, INT64_C(1) << 30);
    mr_arena_init(&arena, &mr_test_budget);
    Answers answers = calm_run(&mr_test_budget, &arena, test);
    print_message("%lld calls; %s to %s\n", (long long)(answers.last - answers.first + 1),
                  answers.before, answers.after);
    for (int64_t k = answers.first; k <= answers.last; k++) {
        cut_once(&mr_test_budget, test, &answers, k, 1, FAILS);
        cut_once(&mr_test_budget, test, &answers, k, 1, KILL);
        for (uint64_t damage = 0; damage < 2; damage++)
            cut_once(&mr_test_budget, test, &answers, k, seed * 1000 + damage, POWER);
    }
    mr_arena_deinit(&arena);
    assert_int_equal(mr_test_teardown(state), 0);
}

int main(void)
{
    struct CMUnitTest tests[MR_COUNT(cases)];
    for (int64_t i = 0; i < MR_COUNT(cases); i++)
        tests[i] = (struct CMUnitTest){.name = cases[i].name,
                                       .test_func = changes_are_done_or_not,
                                       .initial_state = (void *)&cases[i]};
    cmocka_set_test_filter(getenv("MR_CASE"));
    return cmocka_run_group_tests(tests, NULL, NULL);
}
