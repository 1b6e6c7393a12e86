/* A stream with nothing but its checkpoint, in a world that loses power, fails calls and rots.
 *
 * The state after epoch e can be computed, so every outcome is judged: what was acknowledged must
 * be there, and the state must be that of the epoch that recovery names, exactly. */
#include "base/testing.h"
#include "os/os_sim.h"
#include "state/state.h"

#define N_KEYS 8
#define BIG_BYTES 70000 /* beyond what rides in a record */
#define FOLDER "ckpt/flow"

typedef struct Model { /* value of a key: the epoch that put it; -1: none */
    int64_t keys[N_KEYS];
} Model;

/* What epoch e does to the state, as entries and to the model. */
static bool epoch_is_big(int64_t e)
{
    return e % 13 == 6;
}

static void model_step(Model *model, int64_t e)
{
    model->keys[e % N_KEYS] = e;
    if (e % 5 == 4)
        model->keys[(e + 3) % N_KEYS] = -1;
}

static Model model_at(int64_t e)
{
    Model model;
    for (int i = 0; i < N_KEYS; i++)
        model.keys[i] = -1;
    for (int64_t i = 0; i <= e; i++)
        model_step(&model, i);
    return model;
}

static MrStatus entry_put(MrStateWriter *writer, int64_t key, int64_t e, MrError *err)
{
    static char big[BIG_BYTES];
    memset(big, (int)(e & 0x7f), sizeof big);
    memcpy(big, &e, 8);
    return mr_state_put(writer, 3, (MrText){(char *)&key, 8},
                        (MrText){big, epoch_is_big(e) ? BIG_BYTES : 8}, err);
}

static MrStatus epoch_changes(MrStateWriter *writer, int64_t e, MrError *err)
{
    int64_t gone = (e + 3) % N_KEYS;
    mr_state_writer_reset(writer);
    writer->operator_id = 7;
    MR_TRY(entry_put(writer, e % N_KEYS, e, err));
    return e % 5 == 4 ? mr_state_delete(writer, 3, (MrText){(char *)&gone, 8}, err) : MR_OK;
}

static MrStatus apply_entry(void *self, const MrStateEntry *entry, MrError *err)
{
    Model *model = self;
    int64_t key, value = -1;
    if (entry->operator_id != 7 || entry->table != 3 || entry->key.size_bytes != 8)
        return MR_FAIL_INTERNAL(err, "an entry that nobody wrote");
    memcpy(&key, entry->key.data, 8);
    if (!entry->deleted)
        memcpy(&value, entry->value.data, 8);
    if (key < 0 || key >= N_KEYS ||
        (!entry->deleted && entry->value.size_bytes != (epoch_is_big(value) ? BIG_BYTES : 8)))
        return MR_FAIL_INTERNAL(err, "an entry that nobody wrote");
    model->keys[key] = value;
    return MR_OK;
}

typedef struct Acked { /* what the world outside has seen */
    int64_t planned, committed;
} Acked;

typedef struct World {
    MrOs *os;
    MrBudget *budget;
    Acked acked;
    const char *why; /* the first thing that was not as promised; NULL: all is well */
} World;

static MrStatus checkpoint_open(World *world, Model *model, MrCheckpoint **out, MrRecovered *found,
                                MrError *err)
{
    *model = model_at(-1);
    return mr_checkpoint_open(&(MrCheckpointOptions){.os = world->os,
                                                     .budget = world->budget,
                                                     .path = FOLDER,
                                                     .fingerprint = "test",
                                                     .segment_bytes = 4096,
                                                     .snapshot_every_bytes = 3000},
                              apply_entry, model, out, found, err);
}

/* Compares what recovery found with what was acknowledged and with the model. */
static void judge(World *world, const Model *model, const MrRecovered *found)
{
    int64_t planned = found->is_new ? -1 : found->planned.epoch;
    int64_t committed = found->is_new || !found->committed ? planned - 1 : planned;
    if (found->is_new)
        committed = -1;
    Model wanted = model_at(committed);
    if (planned < world->acked.planned)
        world->why = "a plan that was acknowledged is lost";
    else if (committed < world->acked.committed)
        world->why = "an epoch that was acknowledged is lost";
    else if (memcmp(&wanted, model, sizeof wanted) != 0)
        world->why = "the state is not that of its epoch";
    else if (planned >= 0 &&
             (found->planned.time_us != 1000 + planned || found->planned.n_sources != 1 ||
              found->planned.to[0].size_bytes != 8))
        world->why = "the plan is not the one that was written";
    else if (planned >= 0 && found->committed &&
             (found->commit.n_tokens != 2 ||
              !mr_text_equal(found->commit.tokens[1], MR_TEXT("token"))))
        world->why = "the tokens are not those that were written";
}

static MrStatus epoch_run(World *world, MrCheckpoint *checkpoint, MrStateWriter *writer, int64_t e,
                          bool planned, MrError *err)
{
    MrText from = {"", 0}, to = {(char *)&e, 8}, tokens[2] = {MR_TEXT("first"), MR_TEXT("token")};
    bool sync = e % 3 == 0;
    if (!planned)
        MR_TRY(mr_checkpoint_plan(checkpoint,
                                  &(MrPlanned){.epoch = e,
                                               .time_us = 1000 + e,
                                               .closed_through = e - 1,
                                               .n_sources = 1,
                                               .from = &from,
                                               .to = &to,
                                               .extra = MR_TEXT("x")},
                                  sync, err));
    if (sync)
        world->acked.planned = e;
    MR_TRY(epoch_changes(writer, e, err));
    MR_TRY(mr_checkpoint_commit(checkpoint, &(MrCommitted){e, 2, tokens}, writer, err));
    world->acked.planned = world->acked.committed = e;
    if (!mr_checkpoint_wants_snapshot(checkpoint))
        return MR_OK;
    Model all = model_at(e);
    mr_state_writer_reset(writer);
    for (int64_t key = 0; key < N_KEYS; key++)
        if (all.keys[key] >= 0)
            MR_TRY(entry_put(writer, key, all.keys[key], err));
    return mr_checkpoint_snapshot(checkpoint, writer, err);
}

/* One life of the process: recovers, judges, runs up to n_epochs.  MR_OK: it got there. */
static MrStatus live(World *world, int64_t n_epochs, MrError *err)
{
    MrStatus status = MR_OK;
    MrCheckpoint *checkpoint = NULL;
    MrRecovered found;
    MrStateWriter writer;
    Model model;
    mr_state_writer_init(&writer, world->budget);
    MR_GO(checkpoint_open(world, &model, &checkpoint, &found, err));
    judge(world, &model, &found);
    int64_t next = found.is_new ? 0 : found.planned.epoch + found.committed;
    bool planned = !found.is_new && !found.committed;
    for (; next < n_epochs && world->why == NULL; next++) {
        MR_GO(epoch_run(world, checkpoint, &writer, next, planned, err));
        planned = false;
    }
done:
    mr_checkpoint_close(checkpoint);
    mr_state_writer_deinit(&writer);
    return status;
}

/* After a loss of power: two more lives without trouble, and then nothing may lie about. */
static void live_on(World *world, int64_t n_epochs)
{
    MrError err = {0};
    static char message[1000];
    for (int i = 0; i < 2 && world->why == NULL; i++) {
        if (live(world, n_epochs, &err) != MR_OK) {
            mr_error_message(&err, message, sizeof message);
            world->why = message;
        }
    }
}

static uint64_t base_seed(void)
{
    const char *text = getenv("MR_SEED");
    return text != NULL ? strtoull(text, NULL, 10) : 1;
}

static World world_create(MrBudget *budget, uint64_t seed, bool count_reads)
{
    MrError err = {0};
    World world = {.budget = budget, .acked = {-1, -1}};
    MR_OKAY(mr_os_sim_create(
        budget, &(MrSimOptions){.seed = seed, .torn_writes = true, .count_reads = count_reads},
        &world.os, &err));
    return world;
}

/* Cuts at the k-th call, then lives on; why, or NULL. */
static const char *cut_once(MrBudget *budget, uint64_t seed, int64_t k, int64_t second,
                            int64_t n_epochs, MrDurableStep skipped)
{
    MrError err = {0};
    World world = world_create(budget, seed, false);
    mr_os_sim_skip_step(world.os, skipped, true);
    mr_os_sim_cut_at(world.os, k);
    (void)!live(&world, n_epochs, &err);
    mr_os_sim_power_on(world.os);
    if (second > 0) { /* again, while it recovers */
        mr_os_sim_cut_at(world.os, mr_os_sim_n_io(world.os) + second);
        (void)!live(&world, n_epochs, &err);
        mr_os_sim_power_on(world.os);
    }
    if (world.why == NULL)
        live_on(&world, n_epochs);
    mr_os_sim_destroy(world.os);
    return world.why;
}

static int64_t count_io(MrBudget *budget, int64_t n_epochs)
{
    MrError err = {0};
    World world = world_create(budget, 1, false);
    MR_OKAY(live(&world, n_epochs, &err));
    int64_t n_io = mr_os_sim_n_io(world.os);
    assert_null(world.why);
    mr_os_sim_destroy(world.os);
    return n_io;
}

static void power_may_go_at_every_call(void **state)
{
    int64_t n_io = count_io(*state, 50);
    for (int64_t k = 1; k <= n_io; k++) {
        for (uint64_t damage = 0; damage < 16; damage++) {
            uint64_t seed = base_seed() * 1000 + damage;
            const char *why = cut_once(*state, seed, k, 0, 50, MR_N_DURABLE_STEPS);
            if (why != NULL)
                fail_msg("seed %llu, cut at call %lld: %s", (unsigned long long)seed, (long long)k,
                         why);
        }
    }
    print_message("%lld calls of 50 epochs, each cut 16 times: 0 losses\n", (long long)n_io);
}

static void power_may_go_again_while_it_recovers(void **state)
{
    int64_t n_io = count_io(*state, 30);
    for (int64_t k = 1; k <= n_io; k++) {
        for (int64_t second = 1; second <= 14; second += 1 + k % 3) {
            uint64_t seed = base_seed() * 1000 + (uint64_t)(k * 31 + second);
            const char *why = cut_once(*state, seed, k, second, 30, MR_N_DURABLE_STEPS);
            if (why != NULL)
                fail_msg("seed %llu, cuts at %lld and %lld: %s", (unsigned long long)seed,
                         (long long)k, (long long)second, why);
        }
    }
}

static void each_missing_sync_is_seen(void **state)
{
    static const MrDurableStep steps[] = {
        MR_STEP_LOG_CREATE_SYNC,  MR_STEP_LOG_FOLDER_SYNC,    MR_STEP_LOG_PLANNED_SYNC,
        MR_STEP_STATE_FILE_SYNC,  MR_STEP_STATE_FOLDER_SYNC,  MR_STEP_META_FILE_SYNC,
        MR_STEP_META_FOLDER_SYNC, MR_STEP_LOG_COMMITTED_SYNC,
    };
    int64_t n_io = count_io(*state, 30);
    for (int64_t i = 0; i < MR_COUNT(steps); i++) {
        const char *why = NULL;
        for (int64_t k = 1; k <= n_io && why == NULL; k++)
            for (uint64_t seed = 1; seed <= 8 && why == NULL; seed++)
                why = cut_once(*state, seed, k, 0, 30, steps[i]);
        if (why == NULL)
            fail_msg("nobody misses durability step %d", (int)steps[i]);
    }
}

static void every_call_may_fail(void **state)
{
    for (int sticky = 0; sticky <= 1; sticky++) {
        int64_t k = 1;
        for (bool failed = true; failed; k++) {
            MrError err = {0};
            World world = world_create(*state, (uint64_t)k, true);
            mr_os_sim_fail_io(world.os, k, sticky == 1);
            MrStatus status = live(&world, 30, &err);
            failed = status != MR_OK;
            mr_os_sim_fail_io(world.os, 0, false);
            if (k % 2 == 0 && failed)
                mr_os_sim_power_on(world.os); /* the failure came with the machine's end */
            live_on(&world, 30);
            if (world.why != NULL)
                fail_msg("call %lld fails, sticky %d: %s", (long long)k, sticky, world.why);
            mr_os_sim_destroy(world.os);
        }
        assert_true(k > 100);
    }
}

static void every_allocation_may_be_refused(void **state)
{
    int64_t k = 1;
    for (bool refused = true; refused; k++) {
        _Atomic int64_t countdown = k;
        MrBudget failing;
        MrError err = {0};
        World world = world_create(*state, 1, false);
        mr_budget_init(&failing, "failing", *state, INT64_MAX);
        failing.fail_countdown = &countdown;
        world.budget = &failing;
        MrStatus status = live(&world, 15, &err);
        refused = status != MR_OK;
        if (refused)
            assert_int_equal(status, MR_NO_MEMORY);
        mr_budget_deinit(&failing);
        world.budget = *state;
        live_on(&world, 15);
        if (world.why != NULL)
            fail_msg("allocation %lld is refused: %s", (long long)k, world.why);
        mr_os_sim_destroy(world.os);
    }
    assert_true(k > 20);
}

typedef enum Rot { ROT_FLIP, ROT_HALF, ROT_EMPTY, ROT_LONGER, ROT_MISSING, N_ROTS } Rot;

static void rot(MrOs *os, const char *path, Rot kind, uint64_t dice)
{
    MrError err = {0};
    MrFile *file = NULL;
    int64_t size = 0, n_read = 0;
    uint8_t byte = 0;
    if (kind == ROT_MISSING) {
        MR_OKAY(os->remove(os, path, &err));
        return;
    }
    MR_OKAY(os->file_open(os, path, MR_FILE_READ_WRITE, &file, &err));
    MR_OKAY(os->file_size(file, &size, &err));
    if (kind == ROT_FLIP && size > 0) {
        int64_t at = (int64_t)(dice % (uint64_t)size);
        MR_OKAY(os->file_read_at(file, at, &byte, 1, &n_read, &err));
        byte = (uint8_t)(byte ^ (1 << (dice >> 32) % 8));
        MR_OKAY(os->file_write_at(file, at, &byte, 1, &err));
    } else if (kind == ROT_LONGER) {
        MR_OKAY(os->file_write_at(file, size, "x", 1, &err));
    } else {
        MR_OKAY(os->file_truncate(file, kind == ROT_HALF ? size / 2 : 0, &err));
    }
    os->file_close(file);
}

/* Damages one file of a finished run; the run may be refused or go on exactly, never otherwise. */
static bool rot_once(MrBudget *budget, const char *folder, int64_t file_idx, Rot kind,
                     uint64_t dice, int64_t n_epochs, int *n_refused)
{
    MrError err = {0}, refusal = {0};
    World world = world_create(budget, 1, false);
    MrArena arena;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    char path[200];
    mr_arena_init(&arena, budget);
    MR_OKAY(live(&world, n_epochs / 2, &err));
    MR_OKAY(live(&world, n_epochs, &err));
    MR_OKAY(world.os->list(world.os, folder, &arena, &entries, &n_entries, &err));
    bool exists = file_idx < n_entries;
    if (exists && !entries[file_idx].is_dir) {
        snprintf(path, sizeof path, "%s/%s", folder, entries[file_idx].name);
        bool newest = strstr(path, ".log") != NULL && file_idx + 1 == n_entries;
        rot(world.os, path, kind, dice);
        /* Nobody vouches for the last record: its loss costs a replay.  A newest segment that is
         * gone as a whole cannot be missed. */
        world.acked.planned = world.acked.committed =
            newest && kind != ROT_FLIP ? -1 : n_epochs - 3;
        if (live(&world, n_epochs, &refusal) != MR_OK) {
            assert_true(refusal.status == MR_CORRUPT || refusal.status == MR_INVALID);
            assert_true(refusal.condition != MR_COND_INTERNAL_ERROR);
            ++*n_refused;
        }
        if (world.why != NULL)
            fail_msg("%s, damage %d (%llx): %s", path, (int)kind, (unsigned long long)dice,
                     world.why);
    }
    mr_arena_deinit(&arena);
    mr_os_sim_destroy(world.os);
    return exists;
}

static void rot_is_refused_or_harmless(void **state)
{
    static const char *const folders[] = {FOLDER, FOLDER "/log", FOLDER "/state"};
    uint64_t dice = base_seed() * UINT64_C(0x9E3779B97F4A7C15) + 1;
    int n_cases = 0, n_refused = 0;
    for (int64_t n_epochs = 20; n_epochs <= 50; n_epochs += 10) {
        for (int64_t folder = 0; folder < MR_COUNT(folders); folder++) {
            bool exists = true;
            for (int64_t file = 0; exists; file++) {
                for (int i = 0; i < 16 + N_ROTS - 1 && exists; i++, n_cases++) {
                    Rot kind = i < 16 ? ROT_FLIP : (Rot)(i - 15);
                    dice = dice * UINT64_C(6364136223846793005) + 1442695040888963407;
                    exists = rot_once(*state, folders[folder], file, kind, dice ^ dice >> 29,
                                      n_epochs, &n_refused);
                }
            }
        }
    }
    assert_true(n_refused > 20);
    print_message("%d damages: %d refused, the others without effect\n", n_cases, n_refused);
}

static void a_second_run_is_refused_while_the_first_lives(void **state)
{
    MrError err = {0};
    World world = world_create(*state, 1, false);
    MrCheckpoint *first = NULL, *second = NULL;
    MrRecovered found;
    Model model;
    MR_OKAY(checkpoint_open(&world, &model, &first, &found, &err));
    assert_int_not_equal(checkpoint_open(&world, &model, &second, &found, &err), MR_OK);
    assert_string_equal(mr_error_condition(&err), "CONCURRENT_STREAM_LOG_UPDATE");
    mr_checkpoint_close(first);
    MR_OKAY(checkpoint_open(&world, &model, &second, &found, &err));
    mr_checkpoint_close(second);
    mr_os_sim_destroy(world.os);
}

static void another_plan_is_refused_by_name(void **state)
{
    MrError err = {0};
    World world = world_create(*state, 1, false);
    MrCheckpoint *checkpoint = NULL;
    MrRecovered found;
    Model model;
    MR_OKAY(live(&world, 3, &err));
    MrCheckpointOptions options = {
        .os = world.os, .budget = world.budget, .path = FOLDER, .fingerprint = "other"};
    assert_int_equal(mr_checkpoint_open(&options, apply_entry, &model, &checkpoint, &found, &err),
                     MR_INVALID);
    assert_string_equal(mr_error_condition(&err),
                        "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA");
    mr_os_sim_destroy(world.os);
}

/* Bytes in the folder, and calls an epoch, after many epochs as after few. */
static void the_folder_does_not_grow_with_time(void **state)
{
    int64_t bytes[2], calls[2];
    for (int i = 0; i < 2; i++) {
        MrError err = {0};
        World world = world_create(*state, 1, false);
        MrArena arena;
        mr_arena_init(&arena, *state);
        int64_t n_epochs = i == 0 ? 520 : 5200;
        MR_OKAY(live(&world, n_epochs - 260, &err));
        int64_t before = mr_os_sim_n_io(world.os);
        MR_OKAY(live(&world, n_epochs, &err));
        calls[i] = mr_os_sim_n_io(world.os) - before;
        bytes[i] = 0;
        for (int folder = 0; folder < 2; folder++) {
            MrDirEntry *entries = NULL;
            int64_t n_entries = 0;
            MR_OKAY(world.os->list(world.os, folder == 0 ? FOLDER "/log" : FOLDER "/state", &arena,
                                   &entries, &n_entries, &err));
            for (int64_t j = 0; j < n_entries; j++)
                bytes[i] += entries[j].size_bytes;
        }
        mr_arena_deinit(&arena);
        mr_os_sim_destroy(world.os);
    }
    assert_true(bytes[1] <= bytes[0] + bytes[0] / 2 + 4096);
    assert_true(calls[1] <= calls[0] + calls[0] / 20);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(power_may_go_at_every_call),
    MR_UNIT_TEST(power_may_go_again_while_it_recovers),
    MR_UNIT_TEST(each_missing_sync_is_seen),
    MR_UNIT_TEST(every_call_may_fail),
    MR_UNIT_TEST(every_allocation_may_be_refused),
    MR_UNIT_TEST(rot_is_refused_or_harmless),
    MR_UNIT_TEST(a_second_run_is_refused_while_the_first_lives),
    MR_UNIT_TEST(another_plan_is_refused_by_name),
    MR_UNIT_TEST(the_folder_does_not_grow_with_time),
};
MR_UNIT_TESTS_MAIN(tests)
