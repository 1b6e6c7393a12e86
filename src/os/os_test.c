/* The same rules for the real world and the simulated one; then what only the simulator has. */
#include "base/testing.h"
#include "os/os_sim.h"
#include <unistd.h>

static void files_keep_what_is_written(MrOs *os, MrBudget *budget, const char *folder)
{
    MrError err = {0};
    MrFile *file = NULL, *other = NULL;
    char path[200], second[200], data[100];
    int64_t n_read = 0, size = 0;
    bool exists = true, taken = false;
    snprintf(path, sizeof path, "%s/a/b/file", folder);
    snprintf(second, sizeof second, "%s/a/b/second", folder);
    assert_int_equal(os->file_open(os, path, MR_FILE_READ, &file, &err), MR_INVALID);
    assert_string_equal(mr_error_condition(&err), "PATH_NOT_FOUND");
    snprintf(data, sizeof data, "%s/a/b", folder);
    MR_OKAY(os->make_dir(os, data, &err));
    MR_OKAY(os->make_dir(os, data, &err));
    MR_OKAY(os->file_open(os, path, MR_FILE_CREATE, &file, &err));
    assert_int_equal(os->file_open(os, path, MR_FILE_CREATE, &other, &err), MR_INVALID);
    assert_string_equal(mr_error_condition(&err), "PATH_ALREADY_EXISTS");
    MR_OKAY(os->file_preallocate(file, 100, &err));
    MR_OKAY(os->file_write_at(file, 3, "hello", 5, &err));
    MR_OKAY(os->file_sync(file, MR_STEP_META_FILE_SYNC, &err));
    MR_OKAY(os->file_read_at(file, 2, data, 100, &n_read, &err));
    assert_int_equal(n_read, 98);
    assert_memory_equal(data, "\0hello\0", 7);
    MR_OKAY(os->file_truncate(file, 4, &err));
    MR_OKAY(os->file_size(file, &size, &err));
    assert_int_equal(size, 4);
    MR_OKAY(os->file_lock(file, &taken, &err));
    assert_true(taken);
    MR_OKAY(os->file_open(os, path, MR_FILE_READ_WRITE, &other, &err));
    MR_OKAY(os->file_lock(other, &taken, &err));
    assert_false(taken);
    os->file_close(file);
    MR_OKAY(os->file_lock(other, &taken, &err));
    assert_true(taken);
    os->file_close(other);
    MR_OKAY(os->link(os, path, second, &exists, &err));
    assert_false(exists);
    MR_OKAY(os->link(os, path, second, &exists, &err));
    assert_true(exists);
    MR_OKAY(os->remove(os, path, &err));
    MR_OKAY(os->remove(os, path, &err));
    MR_OKAY(os->rename(os, second, path, &err));
    MrBuffer content;
    mr_buffer_init(&content, budget, 1000);
    MR_OKAY(mr_os_read_file(os, path, 1000, &content, &err));
    assert_int_equal(content.size_bytes, 4);
    assert_int_equal(mr_os_read_file(os, path, 3, &content, &err), MR_INVALID);
    mr_buffer_deinit(&content);
}

static void folders_list_sorted_and_go_as_a_whole(MrOs *os, MrBudget *budget, const char *folder)
{
    MrError err = {0};
    MrArena arena;
    MrDirEntry *entries = NULL;
    MrFileInfo info;
    int64_t n_entries = 0;
    char path[200];
    mr_arena_init(&arena, budget);
    snprintf(path, sizeof path, "%s/list/sub/deep", folder);
    MR_OKAY(os->make_dir(os, path, &err));
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%s/list/%c", folder, "zax"[i]);
        MR_OKAY(mr_os_write_file(os, path, MR_TEXT("12345"), MR_STEP_META_FILE_SYNC,
                                 MR_STEP_META_FOLDER_SYNC, &err));
    }
    snprintf(path, sizeof path, "%s/list", folder);
    MR_OKAY(os->list(os, path, &arena, &entries, &n_entries, &err));
    assert_int_equal(n_entries, 4);
    assert_string_equal(entries[0].name, "a");
    assert_int_equal(entries[0].size_bytes, 5);
    assert_string_equal(entries[1].name, "sub");
    assert_true(entries[1].is_dir);
    assert_string_equal(entries[3].name, "z");
    assert_int_not_equal(os->remove(os, path, &err), MR_OK);
    MR_OKAY(mr_os_remove_tree(os, path, &err));
    MR_OKAY(os->stat(os, path, &info, &err));
    assert_false(info.exists);
    assert_int_not_equal(os->list(os, path, &arena, &entries, &n_entries, &err), MR_OK);
    mr_arena_deinit(&arena);
}

static void both_worlds_obey_the_same_rules(void **state)
{
    MrError err = {0};
    MrOs *sim = NULL;
    char folder[] = "/tmp/mr-os-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    files_keep_what_is_written(mr_os_posix(), *state, folder);
    folders_list_sorted_and_go_as_a_whole(mr_os_posix(), *state, folder);
    MR_OKAY(mr_os_remove_tree(mr_os_posix(), folder, &err));
    MR_OKAY(mr_os_sim_create(*state, &(MrSimOptions){.seed = 1}, &sim, &err));
    files_keep_what_is_written(sim, *state, "/data");
    folders_list_sorted_and_go_as_a_whole(sim, *state, "data");
    mr_os_sim_destroy(sim);
}

static void links_are_not_followed_when_a_tree_goes(void **state)
{
    MrOs *os = mr_os_posix();
    MrError err = {0};
    MrFileInfo info;
    char folder[] = "/tmp/mr-os-test-XXXXXX", kept[100], tree[100], link[120];
    assert_non_null(mkdtemp(folder));
    snprintf(kept, sizeof kept, "%s/kept", folder);
    snprintf(tree, sizeof tree, "%s/tree", folder);
    snprintf(link, sizeof link, "%s/link", tree);
    MR_OKAY(os->make_dir(os, kept, &err));
    MR_OKAY(os->make_dir(os, tree, &err));
    assert_int_equal(symlink(kept, link), 0);
    MR_OKAY(mr_os_remove_tree(os, tree, &err));
    MR_OKAY(os->stat(os, kept, &info, &err));
    assert_true(info.exists);
    MR_OKAY(mr_os_remove_tree(os, folder, &err));
}

static void a_file_is_settled_when_nobody_writes_it(void **state)
{
    MrOs *os = mr_os_posix();
    MrError err = {0};
    MrFileInfo info;
    MrFile *file = NULL;
    char folder[] = "/tmp/mr-os-test-XXXXXX", path[100];
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/file", folder);
    MR_OKAY(os->stat_settled(os, path, &info, &err));
    assert_false(info.exists);
    MR_OKAY(os->file_open(os, path, MR_FILE_CREATE, &file, &err));
    MR_OKAY(os->file_write_at(file, 0, "12345", 5, &err));
    MR_OKAY(os->stat_settled(os, path, &info, &err));
    bool unknown = info.exists; /* a file system without leases */
    os->file_close(file);
    MR_OKAY(os->stat_settled(os, path, &info, &err));
    assert_true(info.exists);
    assert_int_equal(info.size_bytes, 5);
    MR_OKAY(os->file_open(os, path, MR_FILE_READ_WRITE, &file, &err));
    MR_OKAY(os->stat_settled(os, path, &info, &err));
    assert_true(!info.exists || unknown);
    os->file_close(file);
    MR_OKAY(mr_os_remove_tree(os, folder, &err));
}

static void scratch_files_have_no_name(void **state)
{
    MrOs *os = mr_os_posix();
    MrError err = {0};
    MrFile *file = NULL;
    MrArena arena;
    MrDirEntry *entries = NULL;
    int64_t n_entries = -1;
    char folder[] = "/tmp/mr-os-test-XXXXXX";
    assert_non_null(mkdtemp(folder));
    mr_arena_init(&arena, *state);
    MR_OKAY(os->file_open(os, folder, MR_FILE_SCRATCH, &file, &err));
    MR_OKAY(os->file_write_at(file, 0, "x", 1, &err));
    MR_OKAY(os->list(os, folder, &arena, &entries, &n_entries, &err));
    assert_int_equal(n_entries, 0);
    os->file_close(file);
    mr_arena_deinit(&arena);
    MR_OKAY(mr_os_remove_tree(os, folder, &err));
}

typedef struct Counter {
    MrMutex *mutex;
    MrCondVar *cond;
    int n;
} Counter;

static void counter_run(void *arg)
{
    Counter *counter = arg;
    for (int i = 0; i < 1000; i++) {
        mr_mutex_lock(counter->mutex);
        counter->n++;
        mr_mutex_unlock(counter->mutex);
    }
    mr_cond_signal_all(counter->cond);
}

static void threads_count_together(void **state)
{
    MrError err = {0};
    MrThread *threads[3];
    Counter counter = {0};
    MR_OKAY(mr_mutex_create(*state, &counter.mutex, &err));
    MR_OKAY(mr_cond_create(*state, &counter.cond, &err));
    for (int i = 0; i < 3; i++)
        MR_OKAY(mr_thread_start(*state, counter_run, &counter, &threads[i], &err));
    mr_mutex_lock(counter.mutex);
    while (counter.n < 3000)
        mr_cond_wait_us(counter.cond, counter.mutex, 1000);
    mr_mutex_unlock(counter.mutex);
    for (int i = 0; i < 3; i++)
        mr_thread_join(threads[i]);
    mr_cond_destroy(counter.cond);
    mr_mutex_destroy(counter.mutex);
    assert_true(mr_cpu_count() >= 1);
    assert_true(mr_memory_bytes() > 1 << 20);
}

/* Writes version after version of one file by D1; returns how many were acknowledged. */
static int write_versions(MrOs *os)
{
    MrError err = {0};
    int n_done = 0;
    if (os->make_dir(os, "meta", &err) != MR_OK)
        return 0;
    for (; n_done < 4; n_done++) {
        char text[2000];
        memset(text, 'a' + n_done, sizeof text);
        if (mr_os_write_file(os, "meta/file", (MrText){text, sizeof text}, MR_STEP_META_FILE_SYNC,
                             MR_STEP_META_FOLDER_SYNC, &err) != MR_OK)
            break;
    }
    return n_done;
}

/* True when the file is whole and not older than what was acknowledged. */
static bool version_survived(MrOs *os, MrBudget *budget, int n_done)
{
    MrError err = {0};
    MrBuffer content;
    bool good = true;
    mr_buffer_init(&content, budget, 10000);
    MrStatus status = mr_os_read_file(os, "meta/file", 10000, &content, &err);
    if (status != MR_OK) {
        good = n_done == 0;
    } else {
        good = content.size_bytes == 2000 && content.data[0] >= 'a' + n_done - 1;
        for (int64_t i = 1; i < content.size_bytes && good; i++)
            good = content.data[i] == content.data[0];
    }
    mr_buffer_deinit(&content);
    return good;
}

/* Runs write_versions with a cut at every I/O and many seeds; returns the number of bad outcomes.
 */
static int64_t cut_everywhere(MrBudget *budget, MrDurableStep skipped)
{
    int64_t n_bad = 0;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        for (int64_t k = 1; k <= 25; k++) {
            MrError err = {0};
            MrOs *os = NULL;
            MR_OKAY(mr_os_sim_create(budget, &(MrSimOptions){.seed = seed, .torn_writes = true},
                                     &os, &err));
            mr_os_sim_skip_step(os, skipped, true);
            mr_os_sim_cut_at(os, k);
            int n_done = write_versions(os);
            mr_os_sim_power_on(os);
            n_bad += !version_survived(os, budget, n_done);
            mr_os_sim_destroy(os);
        }
    }
    return n_bad;
}

static void a_whole_file_survives_every_cut(void **state)
{
    assert_int_equal(cut_everywhere(*state, MR_STEP_SINK_FILE_SYNC), 0);
}

static void each_missing_sync_is_seen(void **state)
{
    assert_true(cut_everywhere(*state, MR_STEP_META_FILE_SYNC) > 0);
    assert_true(cut_everywhere(*state, MR_STEP_META_FOLDER_SYNC) > 0);
}

static void every_call_can_fail_and_nothing_leaks(void **state)
{
    for (int64_t k = 1; k <= 25; k++) {
        MrError err = {0};
        MrOs *os = NULL;
        MR_OKAY(mr_os_sim_create(*state, &(MrSimOptions){.seed = (uint64_t)k, .count_reads = true},
                                 &os, &err));
        mr_os_sim_fail_io(os, k, false);
        int n_done = write_versions(os);
        assert_true(n_done < 4 || mr_os_sim_n_io(os) < k);
        mr_os_sim_fail_io(os, 0, false);
        assert_true(n_done == 0 || version_survived(os, *state, n_done));
        mr_os_sim_destroy(os);
    }
}

static void a_failed_sync_loses_the_data_and_the_next_one_lies(void **state)
{
    MrError err = {0};
    MrOs *os = NULL;
    MrFile *file = NULL, *again = NULL;
    int64_t size = -1;
    MR_OKAY(mr_os_sim_create(*state, &(MrSimOptions){.seed = 1}, &os, &err));
    MR_OKAY(os->file_open(os, "f", MR_FILE_CREATE, &file, &err));
    MR_OKAY(os->file_write_at(file, 0, "data", 4, &err));
    mr_os_sim_fail_io(os, mr_os_sim_n_io(os) + 1, false);
    assert_int_equal(os->file_sync(file, MR_STEP_META_FILE_SYNC, &err), MR_IO);
    assert_int_equal(os->file_sync(file, MR_STEP_META_FILE_SYNC, &err), MR_IO);
    MR_OKAY(os->file_open(os, "f", MR_FILE_READ_WRITE, &again, &err));
    MR_OKAY(os->file_sync(again, MR_STEP_META_FILE_SYNC, &err));
    MR_OKAY(os->file_size(again, &size, &err));
    assert_int_equal(size, 0);
    os->file_close(file);
    os->file_close(again);
    mr_os_sim_destroy(os);
}

static void the_clock_moves_when_told(void **state)
{
    MrError err = {0};
    MrOs *os = NULL;
    MrSocket *socket = NULL;
    char data[64];
    int64_t n_all = 0;
    MR_OKAY(mr_os_sim_create(*state, &(MrSimOptions){.seed = 1, .start_us = 1000}, &os, &err));
    assert_int_equal(os->now_us(os), 1000);
    os->sleep_us(os, 500);
    assert_int_equal(os->now_us(os), 1500);
    assert_int_equal(os->tick_ns(os), 500000);
    assert_int_equal(os->connect(os, "localhost", 9999, &socket, &err), MR_IO);
    mr_os_sim_serve(os, 9999, MR_TEXT("one\ntwo\n"), true);
    MR_OKAY(os->connect(os, "localhost", 9999, &socket, &err));
    for (;;) {
        int64_t n_read = 0;
        bool blocked = false;
        MR_OKAY(os->socket_read(socket, data + n_all, 64 - n_all, &n_read, &blocked, &err));
        if (n_read == 0 && !blocked)
            break;
        n_all += n_read;
    }
    assert_memory_equal(data, "one\ntwo\n", 8);
    os->socket_close(socket);
    mr_os_sim_destroy(os);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(both_worlds_obey_the_same_rules),
    MR_UNIT_TEST(links_are_not_followed_when_a_tree_goes),
    MR_UNIT_TEST(a_file_is_settled_when_nobody_writes_it),
    MR_UNIT_TEST(scratch_files_have_no_name),
    MR_UNIT_TEST(threads_count_together),
    MR_UNIT_TEST(a_whole_file_survives_every_cut),
    MR_UNIT_TEST(each_missing_sync_is_seen),
    MR_UNIT_TEST(every_call_can_fail_and_nothing_leaks),
    MR_UNIT_TEST(a_failed_sync_loses_the_data_and_the_next_one_lies),
    MR_UNIT_TEST(the_clock_moves_when_told),
};
MR_UNIT_TESTS_MAIN(tests)
