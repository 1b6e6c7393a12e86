/* The SQL tests of test/sql with the k-th allocation refused and the k-th call of the operating
 * system failing.
 *
 * A failure must come as an error of the right kind, and everything must be given back: the
 * session's own budgets assert that.  In CI some k of each file are tried, by the seed; MR_EVERY=1
 * tries them all, MR_FILE=name.sql MR_FAULT=k one. */
#include "base/testing.h"
#include "column/batch.h"
#include "session/session.h"
#include <unistd.h>

/* ---- an MrOs whose k-th call fails ---- */

typedef struct FaultOs {
    MrOs os; /* first */
    MrOs *real;
    _Atomic int64_t n_calls;
    int64_t fail_at; /* 0: none */
} FaultOs;

static FaultOs fault; /* files know no MrOs, so there is one */

static MrStatus fault_here(MrError *err)
{
    int64_t n = ++fault.n_calls;
    if (n != fault.fail_at)
        return MR_OK;
    return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "do", "path", "test", "message",
                   "simulated fault");
}

static int64_t fault_now_us(MrOs *os)
{
    return fault.real->now_us(fault.real);
}
static int64_t fault_tick_ns(MrOs *os)
{
    return fault.real->tick_ns(fault.real);
}
static void fault_sleep_us(MrOs *os, int64_t us)
{
    fault.real->sleep_us(fault.real, us);
}
static uint64_t fault_random_u64(MrOs *os)
{
    return fault.real->random_u64(fault.real);
}
static MrStatus fault_file_open(MrOs *os, const char *path, MrFileMode mode, MrFile **out,
                                MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->file_open(fault.real, path, mode, out, err);
}
static MrStatus fault_file_read_at(MrFile *file, int64_t offset, void *data, int64_t size_bytes,
                                   int64_t *n_read, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->file_read_at(file, offset, data, size_bytes, n_read, err);
}
static MrStatus fault_file_write_at(MrFile *file, int64_t offset, const void *data,
                                    int64_t size_bytes, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->file_write_at(file, offset, data, size_bytes, err);
}
static MrStatus fault_file_size(MrFile *file, int64_t *size_bytes, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->file_size(file, size_bytes, err);
}
static MrStatus fault_file_truncate(MrFile *file, int64_t size_bytes, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->file_truncate(file, size_bytes, err);
}
static MrStatus fault_file_preallocate(MrFile *file, int64_t size_bytes, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->file_preallocate(file, size_bytes, err);
}
static MrStatus fault_file_sync(MrFile *file, MrDurableStep step, MrError *err)
{
    return fault_here(err); /* no real sync: this is not a test of the disk */
}
static MrStatus fault_file_lock(MrFile *file, bool *taken, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->file_lock(file, taken, err);
}
static MrStatus fault_stat(MrOs *os, const char *path, MrFileInfo *out, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->stat(fault.real, path, out, err);
}
static MrStatus fault_list(MrOs *os, const char *path, MrArena *arena, MrDirEntry **out,
                           int64_t *n_out, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->list(fault.real, path, arena, out, n_out, err);
}
static MrStatus fault_make_dir(MrOs *os, const char *path, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->make_dir(fault.real, path, err);
}
static MrStatus fault_dir_sync(MrOs *os, const char *path, MrDurableStep step, MrError *err)
{
    return fault_here(err);
}
static MrStatus fault_rename(MrOs *os, const char *from, const char *to, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->rename(fault.real, from, to, err);
}
static MrStatus fault_link(MrOs *os, const char *from, const char *to, bool *exists, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->link(fault.real, from, to, exists, err);
}
static MrStatus fault_remove(MrOs *os, const char *path, MrError *err)
{
    MR_TRY(fault_here(err));
    return fault.real->remove(fault.real, path, err);
}

static void fault_init(int64_t fail_at)
{
    fault.real = mr_os_posix();
    fault.os = *fault.real;
    fault.os.now_us = fault_now_us;
    fault.os.tick_ns = fault_tick_ns;
    fault.os.sleep_us = fault_sleep_us;
    fault.os.random_u64 = fault_random_u64;
    fault.os.file_open = fault_file_open;
    fault.os.file_read_at = fault_file_read_at;
    fault.os.file_write_at = fault_file_write_at;
    fault.os.file_size = fault_file_size;
    fault.os.file_truncate = fault_file_truncate;
    fault.os.file_preallocate = fault_file_preallocate;
    fault.os.file_sync = fault_file_sync;
    fault.os.file_lock = fault_file_lock;
    fault.os.stat = fault_stat;
    fault.os.list = fault_list;
    fault.os.make_dir = fault_make_dir;
    fault.os.dir_sync = fault_dir_sync;
    fault.os.rename = fault_rename;
    fault.os.link = fault_link;
    fault.os.remove = fault_remove;
    fault.n_calls = 0;
    fault.fail_at = fail_at;
}

/* ---- one file of statements ---- */

typedef struct Outcome {
    int64_t n_calls, n_allocations;
    MrStatus worst; /* the most telling status of a statement */
    MrError err;
} Outcome;

#define COUNTDOWN_MAX (INT64_C(1) << 60)

static MrStatus statement_run(MrSession *session, MrText sql, MrError *err)
{
    MrQuery *query = NULL;
    MrStatus status = mr_session_query(session, sql, &query, err);
    for (MrBatch *batch = NULL; status == MR_OK;) {
        status = mr_query_next(query, &batch, err);
        if (status != MR_OK || batch == NULL)
            break;
        mr_batch_destroy(batch);
    }
    mr_query_close(query);
    return status;
}

/* Options that the file asks for: lines "-- conf KEY=VALUE". */
static MrStatus confs_set(MrSession *session, MrText text, MrError *err)
{
    const char *mark = "-- conf ";
    for (const char *at = strstr(text.data, mark); at != NULL; at = strstr(at + 1, mark)) {
        char line[300];
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at + strlen(mark), "\n"),
                 at + strlen(mark));
        char *value = strchr(line, '=');
        if (value == NULL)
            continue;
        *value++ = '\0';
        MR_TRY(mr_session_set_conf(session, line, value, err));
    }
    return MR_OK;
}

static Outcome file_run(MrText text, int64_t refuse_at, int64_t fail_at)
{
    MrError err = {0};
    Outcome outcome = {.worst = MR_OK};
    MrSession *session = NULL;
    _Atomic int64_t countdown = refuse_at > 0 ? refuse_at : COUNTDOWN_MAX;
    char folder[] = "/tmp/mr-fault-XXXXXX", before[MR_PATH_MAX];
    MrArena arena;
    MrText *statements = NULL;
    int32_t n_statements = 0;
    assert_non_null(mkdtemp(folder));
    assert_non_null(getcwd(before, sizeof before)); /* relative paths begin in the folder */
    assert_int_equal(chdir(folder), 0);
    fault_init(fail_at);
    mr_arena_init(&arena, &mr_test_budget);
    outcome.worst = mr_session_create(&(MrSessionConfig){.os = &fault.os,
                                                         .warehouse = "warehouse",
                                                         .n_threads = 2,
                                                         .memory_limit_bytes = INT64_C(1) << 30,
                                                         .fail_countdown = &countdown},
                                      &session, &outcome.err);
    if (outcome.worst == MR_OK)
        outcome.worst = confs_set(session, text, &outcome.err);
    if (outcome.worst == MR_OK)
        outcome.worst =
            mr_session_split(session, &arena, text, &n_statements, &statements, &outcome.err);
    for (int32_t i = 0; i < n_statements; i++) {
        MrStatus status = statement_run(session, statements[i], &err);
        if (status == MR_NO_MEMORY || (status == MR_IO && outcome.worst != MR_NO_MEMORY)) {
            outcome.worst = status;
            outcome.err = err;
        }
        if (refuse_at > 0 && countdown <= 0)
            break; /* every later one is refused as well */
    }
    mr_session_destroy(session); /* asserts that all was given back */
    mr_arena_deinit(&arena);
    outcome.n_calls = fault.n_calls;
    outcome.n_allocations = COUNTDOWN_MAX - countdown;
    assert_int_equal(chdir(before), 0);
    (void)!mr_os_remove_tree(mr_os_posix(), folder, &err);
    return outcome;
}

static uint64_t seed(void)
{
    const char *text = getenv("MR_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 1;
}

/* Tries the faults 1 .. n of one file: all of them, or about a dozen. */
static void file_try(const char *name, MrText text, bool memory, int64_t n)
{
    int64_t stride = getenv("MR_EVERY") != NULL || n < 12 ? 1 : n / 12;
    int64_t first = 1 + (int64_t)(seed() % (uint64_t)stride);
    if (getenv("MR_FAULT") != NULL) {
        first = strtoll(getenv("MR_FAULT"), NULL, 10);
        stride = n;
    }
    for (int64_t k = first; k <= n; k += stride) {
        if (getenv("MR_TRACE") != NULL)
            fprintf(stderr, "%s, %s %lld\n", name, memory ? "allocation" : "call", (long long)k);
        Outcome outcome = file_run(text, memory ? k : 0, memory ? 0 : k);
        if (outcome.worst == MR_OK || outcome.worst == MR_NO_MEMORY || outcome.worst == MR_IO)
            continue; /* OK: what failed was not needed, or the answer was an error anyway */
        char message[1000];
        mr_error_message(&outcome.err, message, sizeof message);
        fail_msg("%s, %s %lld: %s", name, memory ? "allocation" : "call", (long long)k, message);
    }
}

static void text_replace(MrBuffer *out, MrText text, const char *test_folder, MrError *err)
{
    const char *mark = "${TEST}", *end = text.data + text.size_bytes;
    for (const char *at = text.data; at < end;) {
        const char *found = memmem(at, (size_t)(end - at), mark, strlen(mark));
        const char *stop = found != NULL ? found : end;
        mr_test_ok(mr_buffer_put(out, at, stop - at, err), err, "put", __FILE__, __LINE__);
        if (found == NULL)
            break;
        mr_test_ok(mr_buffer_printf(out, err, "%s", test_folder), err, "put", __FILE__, __LINE__);
        at = found + strlen(mark);
    }
    mr_test_ok(mr_buffer_put(out, "", 1, err), err, "put", __FILE__, __LINE__);
}

static void every_sql_file_survives_faults(void **state)
{
    MrOs *os = mr_os_posix();
    MrError err = {0};
    MrArena arena;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0, n_files = 0;
    char folder[MR_PATH_MAX - 100], path[MR_PATH_MAX];
    mr_arena_init(&arena, *state);
    assert_non_null(getcwd(folder, sizeof folder - 20)); /* ctest and test.py start in the root */
    strcat(folder, "/test");
    snprintf(path, sizeof path, "%s/sql", folder);
    MR_OKAY(os->list(os, path, &arena, &entries, &n_entries, &err));
    for (int64_t i = 0; i < n_entries; i++) {
        size_t size = strlen(entries[i].name);
        if (entries[i].is_dir || size < 4 || strcmp(entries[i].name + size - 4, ".sql") != 0)
            continue;
        if (getenv("MR_FILE") != NULL && strcmp(getenv("MR_FILE"), entries[i].name) != 0)
            continue;
        MrBuffer raw, text;
        mr_buffer_init(&raw, *state, 1 << 24);
        mr_buffer_init(&text, *state, 1 << 24);
        snprintf(path, sizeof path, "%s/sql/%s", folder, entries[i].name);
        MR_OKAY(mr_os_read_file(os, path, 1 << 24, &raw, &err));
        text_replace(&text, (MrText){raw.data, raw.size_bytes}, folder, &err);
        MrText sql = {text.data, text.size_bytes - 1};
        Outcome calm = file_run(sql, 0, 0);
        print_message("%s: %lld allocations, %lld calls\n", entries[i].name,
                      (long long)calm.n_allocations, (long long)calm.n_calls);
        file_try(entries[i].name, sql, true, calm.n_allocations);
        file_try(entries[i].name, sql, false, calm.n_calls);
        mr_buffer_deinit(&raw);
        mr_buffer_deinit(&text);
        n_files++;
    }
    mr_arena_deinit(&arena);
    print_message("%lld files\n", (long long)n_files);
}

static const struct CMUnitTest tests[] = {MR_UNIT_TEST(every_sql_file_survives_faults)};
MR_UNIT_TESTS_MAIN(tests)
