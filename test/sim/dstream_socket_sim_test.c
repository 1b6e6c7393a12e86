/* dstream_socket_sim_test.c - power cuts under a DStream that reads a connection.
 *
 * The power goes at every call of the disk in turn.  Of each connection the lines that count are
 * the first ones, without a gap and each once; a line that was seen in an output counts for ever; a
 * batch that ran again has the same rows.  Leaving out a sync of the log must break one of these.
 */
#include "base/testing.h"
#include "os/os_sim.h"
#include "api/dstream_int.h"

#include <inttypes.h>

#define N_LIVES 4
#define N_LINES 200
#define MAX_BATCHES 100
#define PORT 9999

typedef struct Batch { /* lines by connection and number: how often they count after it */
    int64_t time_ms;
    uint8_t counts[N_LIVES][N_LINES];
} Batch;

typedef struct World {
    MrOs *os;
    MrSession *session;
    MrStreamContext *context;
    char text[N_LIVES][N_LINES * 12];
    int64_t life;
    Batch batches[MAX_BATCHES];
    int64_t n_batches;
    const char *complaint;
} World;

static World world_memory;

static MrStatus with_one(void *self, const MrPair *row, MrEmitter *to, MrError *err)
{
    return mr_emit_i64(to, row->value, 1);
}

static MrStatus keep_count(void *self, MrBytes key, const MrBytes *values, int64_t n_values,
                           MrBytes state, MrEmitter *to, MrError *err)
{
    int64_t n = 0;
    (void)mr_bytes_to_i64(state, &n);
    return mr_emit_i64(to, key, n + n_values);
}

static MrStatus note(void *self, int64_t time_ms, MrRdd *rdd, MrError *err)
{
    World *world = self;
    Batch batch = {.time_ms = time_ms};
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    MR_TRY(mr_rdd_collect(rdd, &rows, &n_rows, err));
    for (int64_t r = 0; r < n_rows; r++) {
        int connection = 0, line = 0;
        int64_t n = 0;
        assert_int_equal(sscanf(rows[r].key.data, "%d-%d", &connection, &line), 2);
        assert_true(mr_bytes_to_i64(rows[r].value, &n));
        batch.counts[connection][line] = (uint8_t)n;
    }
    mr_rows_free(rows);
    for (int64_t b = 0; b < world->n_batches; b++) {
        const Batch *before = &world->batches[b];
        if (before->time_ms == time_ms && memcmp(before, &batch, sizeof batch) != 0)
            world->complaint = "a batch that ran again has other rows";
        if (before->time_ms == time_ms)
            return MR_OK;
    }
    assert_true(world->n_batches < MAX_BATCHES);
    world->batches[world->n_batches++] = batch;
    return MR_OK;
}

static MrStatus build(void *self, MrStreamContext *context, MrError *err)
{
    MrDStream *lines, *pairs, *counts;
    World *world = self;
    MR_TRY(mr_dstream_socket_text(context, "localhost", PORT + (int32_t)world->life, &lines, err));
    MR_TRY(mr_dstream_map_to_pair(lines, with_one, NULL, &pairs, err));
    MR_TRY(mr_dstream_update_state_by_key(pairs, keep_count, NULL, &counts, err));
    return mr_dstream_foreach_rdd(counts, note, self, err);
}

/* A life of the program: its connection has lines of its own. */
static MrStatus live(World *world, int64_t n_batches, MrError *err)
{
    char *text = world->text[world->life];
    int64_t size = 0;
    for (int line = 0; line < N_LINES; line++)
        size += snprintf(text + size, 13, "%d-%d\n", (int)world->life, line);
    world->life++;
    mr_os_sim_serve(world->os, PORT + (int)world->life, (MrText){text, size}, false);
    MR_TRY(mr_session_create(&(MrSessionConfig){.os = world->os,
                                                .warehouse = "/warehouse",
                                                .memory_limit_bytes = INT64_C(64) << 20,
                                                .n_threads = 1},
                             &world->session, err));
    MR_TRY(mr_stream_context_restore(world->session, 100, "/checkpoint", build, world,
                                     &world->context, err));
    MR_TRY(mr__stream_context_open(world->context, err));
    while (n_batches > 0) {
        MrStreamStep step;
        MR_TRY(mr__stream_context_step(world->context, &step, err));
        n_batches -= step == MR_STREAM_WORKED;
        if (step != MR_STREAM_WORKED) /* a look in between takes in some lines */
            mr_os_sim_advance_us(world->os, 40000);
    }
    return MR_OK;
}

static void die(World *world)
{
    mr_stream_context_close(world->context);
    mr_session_destroy(world->session);
    world->context = NULL;
    world->session = NULL;
    mr_os_sim_cut_at(world->os, 0);
    mr_os_sim_power_on(world->os);
}

/* NULL: all is well. */
static const char *verdict(const World *world)
{
    if (world->complaint)
        return world->complaint;
    const Batch *last = &world->batches[0];
    for (int64_t b = 1; b < world->n_batches; b++)
        if (world->batches[b].time_ms > last->time_ms)
            last = &world->batches[b];
    for (int c = 0; c < N_LIVES; c++)
        for (int line = 0; line < N_LINES; line++) {
            if (last->counts[c][line] > 1)
                return "a line counts twice";
            if (line > 0 && last->counts[c][line] > last->counts[c][line - 1])
                return "a line is missing before another";
            for (int64_t b = 0; b < world->n_batches; b++)
                if (world->batches[b].counts[c][line] > last->counts[c][line])
                    return "a line that was seen is lost";
        }
    return last->counts[N_LIVES - 1][0] || last->counts[1][0] ? NULL : "nothing was read";
}

/* Cuts at call k of the second life, and a few calls into the third. */
static const char *cut_once(MrBudget *budget, uint64_t seed, int64_t k, MrDurableStep skipped,
                            int64_t *n_io)
{
    World *world = &world_memory;
    MrError err = {0};
    const char *why = NULL;
    *world = (World){0};
    MR_OKAY(mr_os_sim_create(
        budget,
        &(MrSimOptions){.seed = seed, .torn_writes = true, .start_us = INT64_C(1767225600000000)},
        &world->os, &err));
    mr_os_sim_skip_step(world->os, skipped, true);
    MR_OKAY(live(world, 2, &err));
    die(world);
    int64_t before = mr_os_sim_n_io(world->os);
    if (k > 0)
        mr_os_sim_cut_at(world->os, before + k);
    MrStatus status = live(world, 5, &err);
    *n_io = mr_os_sim_n_io(world->os) - before;
    if (k == 0)
        MR_OKAY(status);
    die(world);
    if (k > 0)
        mr_os_sim_cut_at(world->os, mr_os_sim_n_io(world->os) + 1 + k % 23);
    (void)!live(world, 3, &err);
    die(world);
    err = (MrError){0};
    status = live(world, 4, &err);
    if (status != MR_OK)
        why = mr_error_condition(&err);
    die(world);
    mr_os_sim_destroy(world->os);
    return why ? why : verdict(world);
}

static void power_cuts_lose_and_double_no_planned_line(void **state)
{
    for (uint64_t seed = 1; seed <= 4; seed++) {
        int64_t n_io = 0, ignored;
        const char *calm = cut_once(*state, seed, 0, MR_N_DURABLE_STEPS, &n_io);
        if (calm)
            fail_msg("seed %d, no cut: %s", (int)seed, calm);
        assert_true(n_io > 20);
        for (int64_t k = 1; k <= n_io; k++) {
            const char *why = cut_once(*state, seed, k, MR_N_DURABLE_STEPS, &ignored);
            if (why)
                fail_msg("seed %d, cut at call %d: %s", (int)seed, (int)k, why);
        }
    }
}

static void each_sync_of_the_log_is_needed(void **state)
{
    static const MrDurableStep steps[] = {MR_STEP_RECEIVED_FILE_SYNC, MR_STEP_RECEIVED_FOLDER_SYNC};
    for (int64_t s = 0; s < MR_COUNT(steps); s++) {
        bool caught = false;
        for (uint64_t seed = 1; seed <= 20 && !caught; seed++) {
            int64_t n_io = 0, ignored;
            (void)cut_once(*state, seed, 0, steps[s], &n_io);
            for (int64_t k = 1; k <= n_io && !caught; k++)
                caught = cut_once(*state, seed, k, steps[s], &ignored) != NULL;
        }
        if (!caught)
            fail_msg("nothing shows that step %d is needed", (int)steps[s]);
    }
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(power_cuts_lose_and_double_no_planned_line),
    MR_UNIT_TEST(each_sync_of_the_log_is_needed),
};
MR_UNIT_TESTS_MAIN(tests)
