/* What a query answers does not depend on how much memory it may take: random queries under tiny
 * limits, with 1 to 3 workers, against the same queries without a limit.
 *
 * A query that is too much for its limit fails by the budget's name.  Some are dropped half-way.
 * Nothing may be left: the session's budgets assert that, and the spill folder must be empty.
 * MR_SEED and MR_CASES choose the cases, MR_CASE=n runs one, MR_SHOW=1 prints them. */
#include "base/testing.h"

#include "base/hash.h"
#include "function/function.h"
#include "session/session.h"
#include <stdlib.h>
#include <unistd.h>

typedef struct Random {
    uint64_t state;
} Random;

static int64_t below(Random *self, int64_t n)
{
    self->state = self->state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((self->state >> 33) % (uint64_t)n);
}

/* l and r: keys with NULLs and strings, of which some are long. $n $m: rows, keys; $o: other rows.
 */
#define TABLE(n, m)                                                                                \
    "(SELECT id, if(id % 17 = 0, NULL, id % " m ") AS k, concat('text ', id * 7919 % 10007, "      \
    "if(id % 5 = 0, ' and something that is longer than twelve bytes', '')) AS s, "                \
    "id * 31 % 1009 AS v FROM range(" n "))"
#define L TABLE("$n", "$m") " AS l"
#define R TABLE("$o", "$m") " AS r"

static const char *const queries[] = {
    "SELECT l.id, r.id, l.s, r.s FROM " L " JOIN " R " ON l.id = r.id",
    "SELECT l.id, r.id, r.s FROM " L " LEFT JOIN " R " ON l.id = r.k AND l.v < r.v",
    "SELECT l.id, r.id, l.s FROM " L " RIGHT JOIN " R " ON l.k = r.id",
    "SELECT l.id, r.id, l.s, r.v FROM " L " FULL JOIN " R " ON l.s = r.s AND l.k = r.k",
    "SELECT l.id, l.s FROM " L " LEFT SEMI JOIN " R " ON l.k = r.id AND l.v > r.v",
    "SELECT l.id, l.s FROM " L " LEFT ANTI JOIN " R " ON l.s = r.s",
    "SELECT l.id, l.s FROM " L
    " LEFT ANTI JOIN (SELECT id * 2 AS x, s, row_number() OVER (PARTITION "
    "BY id ORDER BY v) AS n FROM " R ") AS w ON l.id = w.x AND w.n > 0",
    "SELECT l.id, w.x FROM " L " LEFT JOIN (SELECT id * 2 AS x, row_number() OVER (PARTITION BY id "
    "ORDER BY v) AS n FROM " R ") AS w ON l.id = w.x",
    "SELECT s, id FROM " L " EXCEPT ALL SELECT s, id * 2 FROM " R,
    "SELECT id, s FROM " L " WHERE id NOT IN (SELECT v FROM " R ")",
    "SELECT id, s, k IN (SELECT id FROM " R " WHERE id % 3 = 0) FROM " L,
    "SELECT count(*), sum(l.v) FROM " L " JOIN " R " ON l.k = r.k WHERE l.id % 50 = 0",
    "SELECT count(*), sum(l.v + r.v) FROM (SELECT * FROM " L " WHERE id < 300) AS l CROSS JOIN " R,
    "SELECT l.id, count(r.id) FROM (SELECT * FROM " L " WHERE id < 200) AS l LEFT JOIN " R
    " ON l.id * 40 > r.id GROUP BY l.id",
    "SELECT id, k, s, row_number() OVER (PARTITION BY k ORDER BY s, id), sum(v) OVER (PARTITION "
    "BY k ORDER BY v), max(s) OVER (PARTITION BY k) FROM " L,
    "SELECT id, row_number() OVER (ORDER BY v, id), rank() OVER (ORDER BY v, id), sum(v) OVER "
    "(ORDER BY v, id) FROM " L,
    "SELECT id, dense_rank() OVER (ORDER BY v), count(*) OVER (ORDER BY v) FROM " L,
    "SELECT id, lag(s, 2, 'none') OVER (PARTITION BY k ORDER BY id) FROM " L,
    "SELECT s, k, count(*), sum(v), min(s), avg(v) FROM " L " GROUP BY s, k",
    "SELECT k, count(DISTINCT s), sum(DISTINCT v), count(*) FROM " L " GROUP BY k",
    "SELECT count(DISTINCT s, id), count(DISTINCT k), sum(v) FROM " L,
    "SELECT k % 3, count(DISTINCT id, s) FROM " L " GROUP BY k % 3",
    "SELECT k, array_sort(collect_list(s)), size(collect_set(v)), percentile(v, 0.5) FROM " L
    " GROUP BY k",
    "SELECT id % 5000 AS g, listagg(s, ',') WITHIN GROUP (ORDER BY id) FROM " L " GROUP BY g",
    "SELECT DISTINCT s, v FROM " L,
    "SELECT s, id FROM " L " EXCEPT SELECT s, id FROM " R,
    "SELECT s, id, v FROM " L " ORDER BY s DESC, id",
    "SELECT s, id FROM " L " ORDER BY v, s, id LIMIT 20000 OFFSET 17",
    "SELECT l.k, count(*), sum(n) AS n FROM " L " JOIN (SELECT k, s, count(*) AS n FROM " R
    " GROUP BY k, s) AS r ON l.s = r.s GROUP BY l.k ORDER BY n DESC, k LIMIT 50",
    "SELECT s, n, rank() OVER (ORDER BY n DESC, s) FROM (SELECT l.s, count(*) AS n FROM " L
    " JOIN " R " ON l.id = r.id GROUP BY l.s)",
};

typedef struct Answer {
    MrStatus status;
    MrError err;
    uint64_t sum; /* of the rows, whatever their order; of an ORDER BY with it */
    int64_t n_rows;
} Answer;

static void answer_add(Answer *self, const MrBatch *batch, const MrSettings *settings,
                       MrArena *arena, bool ordered)
{
    for (int32_t i = 0; i < batch->n_sel; i++) {
        MrTextBuilder text = {.arena = arena};
        mr_arena_reset(arena);
        for (int32_t c = 0; c < batch->n_cols; c++) {
            mr_builder_str(&text, " | ");
            mr_value_text(batch->cols[c], mr_batch_row(batch, i), MR_TEXT_HIVE, settings, &text);
        }
        MrText row = mr_builder_text(&text);
        self->sum += mr_hash_bytes(row.data, row.size_bytes, ordered ? (uint64_t)self->n_rows : 0);
        self->n_rows++;
    }
}

static Answer run(const char *folder, MrText sql, int64_t limit_bytes, int32_t n_threads,
                  int64_t n_batches, bool ordered)
{
    Answer answer = {0};
    MrError err = {0};
    MrSession *session = NULL;
    MrQuery *query = NULL;
    MrArena arena;
    char warehouse[300];
    snprintf(warehouse, sizeof warehouse, "%s/warehouse", folder);
    mr_arena_init(&arena, &mr_test_budget);
    MrSessionConfig config = {
        .warehouse = warehouse, .memory_limit_bytes = limit_bytes, .n_threads = n_threads};
    MR_OKAY(mr_session_create(&config, &session, &err));
    answer.status = mr_session_query(session, sql, &query, &answer.err);
    for (int64_t b = 0; answer.status == MR_OK && b < n_batches; b++) {
        MrBatch *batch = NULL;
        answer.status = mr_query_next(query, &batch, &answer.err);
        if (answer.status != MR_OK || !batch)
            break;
        answer_add(&answer, batch, mr_session_settings(session), &arena, ordered);
        mr_batch_destroy(batch);
    }
    mr_query_close(query);
    mr_session_destroy(session); /* asserts that all was given back */
    mr_arena_deinit(&arena);
    return answer;
}

static MrText query_make(MrArena *arena, const char *from, int64_t n, int64_t m, int64_t o)
{
    MrTextBuilder out = {.arena = arena};
    for (; *from; from++) {
        if (*from != '$')
            mr_builder_char(&out, *from);
        else
            mr_builder_printf(&out, "%lld", (long long)(*++from == 'n' ? n : *from == 'm' ? m : o));
    }
    return mr_builder_text(&out);
}

static int64_t number(const char *name, int64_t fallback)
{
    const char *text = getenv(name);
    return text ? strtoll(text, NULL, 10) : fallback;
}

static void answers_do_not_depend_on_memory(void **state)
{
    MrArena arena;
    MrError err = {0};
    char folder[] = "/tmp/mr-spill-XXXXXX", spill[100];
    int64_t n_cases = number("MR_CASES", 2 * MR_COUNT(queries)), n_refused = 0;
    int64_t only = number("MR_CASE", -1);
    assert_non_null(mkdtemp(folder));
    snprintf(spill, sizeof spill, "%s/spill", folder);
    setenv("TMPDIR", spill, 1);
    MR_OKAY(mr_os_posix()->make_dir(mr_os_posix(), spill, &err));
    mr_arena_init(&arena, *state);
    for (int64_t c = 0; c < n_cases; c++) {
        Random random = {(uint64_t)number("MR_SEED", 1) * 1000003 + (uint64_t)c};
        if (only >= 0 && c != only)
            continue;
        const char *from = queries[c % MR_COUNT(queries)];
        int64_t n = 20000 + below(&random, 80000), o = 20000 + below(&random, 60000);
        static const int64_t keys[] = {3, 40, 1000, 30000};
        static const int64_t limits_mib[] = {6, 8, 12, 20};
        int64_t m = keys[below(&random, 4)], mib = limits_mib[below(&random, 4)];
        if (strstr(from, "l.k = r.k") && m < 1000)
            m = 1000; /* else hundreds of millions of pairs */
        int32_t n_threads = 1 + (int32_t)below(&random, 3);
        int64_t n_batches = below(&random, 8) == 0 ? below(&random, 3) : INT64_MAX;
        bool ordered = strstr(from, " ORDER BY s DESC") || strstr(from, " ORDER BY v, s, id L");
        MrText sql = query_make(&arena, from, n, m, o);
        if (getenv("MR_SHOW"))
            print_message("case %lld, %lld MiB, %d workers: %s\n", (long long)c, (long long)mib,
                          n_threads, sql.data);
        Answer got = run(folder, sql, mib << 20, n_threads, n_batches, ordered);
        if (got.status == MR_NO_MEMORY) {
            n_refused++;
        } else if (got.status != MR_OK) {
            char message[1000];
            mr_error_message(&got.err, message, sizeof message);
            fail_msg("case %lld: %s\n%s", (long long)c, message, sql.data);
        } else if (n_batches == INT64_MAX) {
            Answer want = run(folder, sql, INT64_C(4) << 30, 2, INT64_MAX, ordered);
            assert_int_equal(want.status, MR_OK);
            if (want.n_rows != got.n_rows || want.sum != got.sum)
                fail_msg("case %lld (%lld MiB, %d workers): %lld rows, not %lld, or others\n%s",
                         (long long)c, (long long)mib, n_threads, (long long)got.n_rows,
                         (long long)want.n_rows, sql.data);
        }
        MrDirEntry *entries = NULL;
        int64_t n_entries = 0;
        MrOs *os = mr_os_posix();
        MR_OKAY(os->list(os, spill, &arena, &entries, &n_entries, &err));
        assert_int_equal(n_entries, 0);
    }
    print_message("%lld cases, %lld were refused memory\n", (long long)n_cases,
                  (long long)n_refused);
    assert_true(n_refused * 4 < n_cases || only >= 0);
    mr_arena_deinit(&arena);
    (void)!mr_os_remove_tree(mr_os_posix(), folder, &err);
}

static const struct CMUnitTest tests[] = {MR_UNIT_TEST(answers_do_not_depend_on_memory)};
MR_UNIT_TESTS_MAIN(tests)
