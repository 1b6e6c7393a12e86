/* dstream_test.c - DStreams through the public header.
 *
 * A graph with every operation runs over random batches in a simulated world, with batches that are
 * skipped, restarts, and power cuts; each output of each batch is compared with plain loops. */
#include "base/testing.h"
#include "os/os_sim.h"
#include "api/dstream_int.h"

#include <inttypes.h>
#include <unistd.h>

#define N_WORDS 12
#define N_OUTPUTS 10
#define MAX_BATCHES 80
#define INTERVAL_US INT64_C(1000000)
#define NONE INT64_MIN

typedef struct Result { /* of an output in a batch: a number for each word; NONE: no row */
    bool ran;
    int64_t values[N_WORDS];
    int64_t n_rows;
} Result;

typedef struct Batch {
    int64_t time_us;
    Result results[N_OUTPUTS];
    Result sums; /* expected: the window of 6 s that this batch gave */
} Batch;

typedef struct World World;
typedef struct Place { /* of an output's function */
    World *world;
    int32_t idx;
} Place;

struct World {
    MrBudget *budget;
    MrOs *os;
    MrSession *session;
    MrStreamContext *context;
    uint64_t random;
    Place places[N_OUTPUTS];
    Batch batches[MAX_BATCHES];
    int64_t n_batches, n_files, n_repeats;
    int64_t written[N_WORDS];
    const char *complaint;
};

static int64_t below(World *world, int64_t n)
{
    world->random = world->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((world->random >> 33) % (uint64_t)n);
}

/* ---------------------------------------------------------------- functions of the user */

static MrStatus split_words(void *self, const MrPair *row, MrEmitter *to, MrError *err)
{
    const char *at = row->value.data, *end = at + row->value.size_bytes;
    while (at < end) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        stop = stop ? stop : end;
        if (stop > at)
            MR_TRY(mr_emit(to, (MrBytes){0}, (MrBytes){at, stop - at}));
        at = stop + 1;
    }
    return MR_OK;
}

static MrStatus with_one(void *self, const MrPair *row, MrEmitter *to, MrError *err)
{
    return mr_emit_i64(to, row->value, 1);
}

static MrStatus ten_times(void *self, const MrPair *row, MrEmitter *to, MrError *err)
{
    int64_t n = 0;
    assert_true(mr_bytes_to_i64(row->value, &n));
    return mr_emit_i64(to, row->key, 10 * n);
}

static MrStatus not_zero(void *self, const MrPair *row, bool *keep, MrError *err)
{
    *keep = row->value.size_bytes != 1 || row->value.data[0] != '0';
    return MR_OK;
}

/* Words w6 to w11. */
static MrStatus late_word(void *self, const MrPair *row, bool *keep, MrError *err)
{
    int64_t n = 0;
    MrBytes word = row->key.data ? row->key : row->value;
    assert_true(mr_bytes_to_i64((MrBytes){word.data + 1, word.size_bytes - 1}, &n));
    *keep = n >= N_WORDS / 2;
    return MR_OK;
}

/* A sum; above 20 the word is forgotten. */
static MrStatus keep_sum(void *self, MrBytes key, const MrBytes *values, int64_t n_values,
                         MrBytes state, MrEmitter *to, MrError *err)
{
    int64_t sum = 0, one = 0;
    (void)mr_bytes_to_i64(state, &sum);
    for (int64_t i = 0; i < n_values; i++) {
        assert_true(mr_bytes_to_i64(values[i], &one));
        sum += one;
    }
    return sum > 20 ? MR_OK : mr_emit_i64(to, key, sum);
}

static MrStatus both(void *self, MrBytes key, MrBytes left, MrBytes right, MrEmitter *to,
                     MrError *err)
{
    int64_t l = 0, r = 0;
    (void)mr_bytes_to_i64(left, &l);
    (void)mr_bytes_to_i64(right, &r);
    return mr_emit_i64(to, key, 1000 * l + r);
}

/* ---------------------------------------------------------------- the graph */

static Batch *batch_at(World *world, int64_t time_us)
{
    for (int64_t b = 0; b < world->n_batches; b++)
        if (world->batches[b].time_us == time_us)
            return &world->batches[b];
    assert_true(world->n_batches < MAX_BATCHES);
    Batch *batch = &world->batches[world->n_batches++];
    *batch = (Batch){.time_us = time_us};
    return batch;
}

/* Notes the rows of an output; the same batch again must have the same. */
static MrStatus note(void *self, int64_t time_ms, MrRdd *rdd, MrError *err)
{
    Place *place = self;
    World *world = place->world;
    Result result = {.ran = true};
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    for (int w = 0; w < N_WORDS; w++)
        result.values[w] = NONE;
    MR_TRY(mr_rdd_collect(rdd, &rows, &n_rows, err));
    for (int64_t r = 0; r < n_rows; r++) {
        int64_t word = 0, value = 0;
        assert_true(
            mr_bytes_to_i64((MrBytes){rows[r].key.data + 1, rows[r].key.size_bytes - 1}, &word));
        assert_true(mr_bytes_to_i64(rows[r].value, &value));
        if (result.values[word] != NONE)
            world->complaint = "a key has two rows";
        result.values[word] = value;
    }
    result.n_rows = n_rows;
    mr_rows_free(rows);
    Result *kept = &batch_at(world, time_ms * 1000)->results[place->idx];
    if (kept->ran) {
        world->n_repeats++;
        if (memcmp(kept, &result, sizeof result) != 0)
            world->complaint = "a batch that ran again has other rows";
    }
    *kept = result;
    return MR_OK;
}

static MrStatus build(void *self, MrStreamContext *context, MrError *err)
{
    World *world = self;
    MrDStream *lines, *words, *pairs, *twice, *window, *late, *outs[N_OUTPUTS];
    MR_TRY(mr_dstream_text_files(context, "/in", &lines, err));
    MR_TRY(mr_dstream_flat_map(lines, split_words, NULL, &words, err));
    MR_TRY(mr_dstream_map_to_pair(words, with_one, NULL, &pairs, err));
    MR_TRY(mr_dstream_count_by_value(words, &outs[0], err));
    MR_TRY(mr_dstream_reduce_by_key(pairs, mr_reduce_sum_i64, NULL, &outs[1], err));
    MR_TRY(mr_dstream_update_state_by_key(pairs, keep_sum, NULL, &outs[2], err));
    MR_TRY(mr_dstream_reduce_by_key_and_window(pairs, mr_reduce_sum_i64, mr_inverse_sum_i64,
                                               not_zero, NULL, 6000, 2000, &outs[3], err));
    MR_TRY(mr_dstream_reduce_by_key_and_window(pairs, mr_reduce_sum_i64, NULL, NULL, NULL, 6000,
                                               2000, &outs[4], err));
    MR_TRY(mr_dstream_window(words, 3000, 1000, &window, err));
    MR_TRY(mr_dstream_count_by_value(window, &outs[5], err));
    MR_TRY(mr_dstream_filter(outs[5], late_word, NULL, &late, err));
    MR_TRY(mr_dstream_join(outs[0], late, "full", both, NULL, &outs[6], err));
    MR_TRY(mr_dstream_union(words, words, &twice, err));
    MR_TRY(mr_dstream_count_by_value(twice, &outs[7], err));
    MR_TRY(mr_dstream_map(outs[3], ten_times, NULL, &outs[8], err));
    /* A window of windows: the sums at 2 s, twice. */
    MR_TRY(mr_dstream_window(outs[4], 4000, 4000, &window, err));
    MR_TRY(mr_dstream_reduce_by_key(window, mr_reduce_sum_i64, NULL, &outs[9], err));
    for (int32_t o = 0; o < N_OUTPUTS; o++) {
        world->places[o] = (Place){world, o};
        MR_TRY(mr_dstream_foreach_rdd(outs[o], note, &world->places[o], err));
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- plain loops */

static void add(Result *to, const Result *from)
{
    for (int w = 0; w < N_WORDS && from->ran; w++)
        if (from->values[w] != NONE)
            to->values[w] = (to->values[w] == NONE ? 0 : to->values[w]) + from->values[w];
}

static Result none(bool ran)
{
    Result result = {.ran = ran};
    for (int w = 0; w < N_WORDS; w++)
        result.values[w] = NONE;
    return result;
}

/* The counts of all batches in (end - length, end]. */
static Result window_of(const World *world, int64_t end_us, int64_t length_us)
{
    Result sum = none(true);
    for (int64_t b = 0; b < world->n_batches; b++) {
        int64_t time_us = world->batches[b].time_us;
        if (time_us <= end_us && time_us > end_us - length_us)
            add(&sum, &world->batches[b].results[0]);
    }
    return sum;
}

static void expect_equal(const World *world, const Batch *batch, int32_t o, const Result *want,
                         const char *what)
{
    const Result *got = &batch->results[o];
    if (got->ran != want->ran)
        fail_msg("output %d at %" PRId64 ": %s (%s)", o, batch->time_us / INTERVAL_US,
                 got->ran ? "it ran" : "it did not run", what);
    for (int w = 0; w < N_WORDS && want->ran; w++)
        if (got->values[w] != want->values[w])
            fail_msg("output %d at %" PRId64 ": w%d is %" PRId64 ", not %" PRId64 " (%s)", o,
                     batch->time_us / INTERVAL_US, w, got->values[w], want->values[w], what);
}

/* Results of windows stand at the window's end, which may be a batch that was skipped. */
static void check_all(World *world)
{
    int64_t state[N_WORDS], total[N_WORDS] = {0}, previous_us = NONE;
    if (world->complaint)
        fail_msg("%s", world->complaint);
    for (int w = 0; w < N_WORDS; w++)
        state[w] = NONE;
    int64_t n_batches = world->n_batches; /* looking for a window's end may add one */
    /* Only batches that ran: those have output 0. */
    for (int64_t last_us = NONE;;) {
        Batch *batch = NULL;
        for (int64_t b = 0; b < n_batches; b++)
            if (world->batches[b].results[0].ran && world->batches[b].time_us > last_us &&
                (!batch || world->batches[b].time_us < batch->time_us))
                batch = &world->batches[b];
        if (!batch)
            break;
        last_us = batch->time_us;
        const Result *counts = &batch->results[0];
        expect_equal(world, batch, 1, counts, "reduce_by_key");
        Result want = none(true);
        for (int w = 0; w < N_WORDS; w++) {
            if (counts->values[w] != NONE) {
                total[w] += counts->values[w];
                state[w] = (state[w] == NONE ? 0 : state[w]) + counts->values[w];
            }
            if (state[w] > 20)
                state[w] = NONE;
            want.values[w] = state[w];
        }
        expect_equal(world, batch, 2, &want, "update_state_by_key");
        int64_t two_us = 2 * INTERVAL_US, end_us = batch->time_us / two_us * two_us;
        if (previous_us == NONE ? end_us == batch->time_us : end_us > previous_us) {
            Batch *at = batch_at(world, end_us);
            want = window_of(world, end_us, 6 * INTERVAL_US);
            expect_equal(world, at, 3, &want, "a window with inverse");
            expect_equal(world, at, 4, &want, "a window without inverse");
            batch->sums = want;
            for (int w = 0; w < N_WORDS; w++)
                want.values[w] = want.values[w] == NONE ? NONE : 10 * want.values[w];
            expect_equal(world, at, 8, &want, "a map of windows");
        } else if (end_us != batch->time_us) {
            want = none(false);
            expect_equal(world, batch, 3, &want, "between windows");
            expect_equal(world, batch, 8, &want, "between windows");
        }
        int64_t four_us = 4 * INTERVAL_US;
        end_us = batch->time_us / four_us * four_us;
        if (previous_us == NONE ? end_us == batch->time_us : end_us > previous_us) {
            want = none(true);
            for (int64_t b = 0; b < n_batches; b++)
                if (world->batches[b].time_us <= end_us &&
                    world->batches[b].time_us > end_us - four_us)
                    add(&want, &world->batches[b].sums);
            expect_equal(world, batch_at(world, end_us), 9, &want, "a window of windows");
        }
        Result window = window_of(world, batch->time_us, 3 * INTERVAL_US);
        expect_equal(world, batch, 5, &window, "window");
        want = none(true);
        for (int w = 0; w < N_WORDS; w++) {
            int64_t l = counts->values[w], r = w >= N_WORDS / 2 ? window.values[w] : NONE;
            if (l != NONE || r != NONE)
                want.values[w] = 1000 * (l == NONE ? 0 : l) + (r == NONE ? 0 : r);
        }
        expect_equal(world, batch, 6, &want, "a full join");
        want = *counts;
        add(&want, counts);
        expect_equal(world, batch, 7, &want, "a union with itself");
        previous_us = batch->time_us;
    }
    for (int w = 0; w < N_WORDS; w++)
        if (total[w] != world->written[w])
            fail_msg("w%d was counted %" PRId64 " times, not %" PRId64, w, total[w],
                     world->written[w]);
}

/* ---------------------------------------------------------------- a world */

static void session_open(World *world)
{
    MrError err = {0};
    MR_OKAY(mr_session_create(&(MrSessionConfig){.os = world->os,
                                                 .warehouse = "/warehouse",
                                                 .memory_limit_bytes = INT64_C(256) << 20,
                                                 .n_threads = 1},
                              &world->session, &err));
}

static MrStatus context_open(World *world, MrError *err)
{
    MR_TRY(mr_stream_context_restore(world->session, INTERVAL_US / 1000, "/checkpoint", build,
                                     world, &world->context, err));
    return mr__stream_context_open(world->context, err);
}

static void close_all(World *world)
{
    mr_stream_context_close(world->context);
    mr_session_destroy(world->session);
    world->context = NULL;
    world->session = NULL;
}

static void add_file(World *world)
{
    MrError err = {0};
    char text[4000], path[100];
    int64_t size = 0, n_words = below(world, 40), last = 1 + below(world, N_WORDS);
    for (int64_t i = 0; i < n_words; i++) {
        int64_t word = below(world, last);
        world->written[word]++;
        size += snprintf(text + size, sizeof text - (size_t)size, "w%d%c", (int)word,
                         below(world, 4) ? ' ' : '\n');
    }
    snprintf(path, sizeof path, "/in/file-%06d.txt", (int)world->n_files++);
    mr_os_sim_advance_us(world->os, 1000);
    MR_OKAY(mr_os_write_file(world->os, path, (MrText){text, size}, MR_STEP_SINK_FILE_SYNC,
                             MR_STEP_SINK_FOLDER_SYNC, &err));
}

static MrStatus run_batch(World *world, MrError *err)
{
    for (;;) {
        MrStreamStep step;
        MR_TRY(mr__stream_context_step(world->context, &step, err));
        if (step == MR_STREAM_WORKED)
            return MR_OK;
        mr_os_sim_advance_us(world->os, mr__stream_context_wait_us(world->context));
    }
}

/* All of it, from the session on. */
static MrStatus run_short(World *world, _Atomic int64_t *countdown, MrError *err)
{
    MR_TRY(mr_session_create(&(MrSessionConfig){.os = world->os,
                                                .warehouse = "/warehouse",
                                                .memory_limit_bytes = INT64_C(256) << 20,
                                                .n_threads = 1,
                                                .fail_countdown = countdown},
                             &world->session, err));
    MR_TRY(context_open(world, err));
    for (int b = 0; b < 3; b++) {
        add_file(world);
        MR_TRY(run_batch(world, err));
    }
    return MR_OK;
}

static void power_on(World *world)
{
    close_all(world);
    mr_os_sim_cut_at(world->os, 0);
    mr_os_sim_power_on(world->os);
    session_open(world);
}

static World world_memory;

static void run_world(MrBudget *budget, uint64_t seed, bool cuts, int64_t *n_cut,
                      int64_t *n_repeats)
{
    World *world = &world_memory;
    MrError err = {.sql_idx = -1};
    *world = (World){.budget = budget, .random = seed * UINT64_C(0x9E3779B97F4A7C15) + 7};
    MR_OKAY(mr_os_sim_create(budget,
                             &(MrSimOptions){.seed = seed,
                                             .torn_writes = true,
                                             .start_us = INT64_C(1767225600000000) + 300000},
                             &world->os, &err));
    MR_OKAY(world->os->make_dir(world->os, "/in", &err));
    add_file(world); /* there before the start: not read */
    memset(world->written, 0, sizeof world->written);
    session_open(world);
    MR_OKAY(context_open(world, &err));
    for (int64_t b = 0; b < 25; b++) {
        for (int64_t i = below(world, 3); i > 0; i--)
            add_file(world);
        if (below(world, 5) == 0) /* batches are skipped */
            mr_os_sim_advance_us(world->os, below(world, 4 * INTERVAL_US));
        bool cut = cuts && below(world, 3) == 0, fails = cut && below(world, 3) == 0;
        int64_t call = mr_os_sim_n_io(world->os) + 1 + below(world, 12);
        if (fails) /* one call fails; the world goes on */
            mr_os_sim_fail_io(world->os, call, false);
        else if (cut)
            mr_os_sim_cut_at(world->os, call);
        MrStatus status = run_batch(world, &err);
        if (fails) {
            mr_os_sim_fail_io(world->os, 0, false);
            close_all(world);
            session_open(world);
        } else if (cut) {
            power_on(world);
        }
        if (cut) {
            *n_cut += status != MR_OK;
            err = (MrError){.sql_idx = -1};
            MR_OKAY(context_open(world, &err));
            continue;
        }
        MR_OKAY(status);
        if (below(world, 5) == 0) {
            power_on(world);
            MR_OKAY(context_open(world, &err));
        }
    }
    MR_OKAY(run_batch(world, &err));
    MR_OKAY(run_batch(world, &err)); /* what the last cut left */
    check_all(world);
    close_all(world);
    mr_os_sim_destroy(world->os);
    *n_repeats += world->n_repeats;
}

static void every_operation_agrees_with_plain_loops(void **state)
{
    int64_t n_cut = 0, n_repeats = 0;
    for (uint64_t seed = 1; seed <= 12; seed++)
        run_world(*state, seed, false, &n_cut, &n_repeats);
    assert_int_equal(n_repeats, 0);
}

static void power_cuts_lose_and_double_nothing(void **state)
{
    int64_t n_cut = 0, n_repeats = 0;
    for (uint64_t seed = 101; seed <= 112; seed++)
        run_world(*state, seed, true, &n_cut, &n_repeats);
    assert_true(n_cut > 20);
    assert_true(n_repeats > 0); /* or no cut came between an output and its record */
}

static void each_refusal_of_memory_ends_the_context(void **state)
{
    World *world = &world_memory;
    int64_t n_refused = 0;
    for (int64_t k = 1;; k += 1 + k / 60) {
        MrError err = {.sql_idx = -1};
        _Atomic int64_t countdown = k;
        *world = (World){.budget = *state, .random = 5};
        MR_OKAY(mr_os_sim_create(*state,
                                 &(MrSimOptions){.seed = 5, .start_us = INT64_C(1767225600300000)},
                                 &world->os, &err));
        MR_OKAY(world->os->make_dir(world->os, "/in", &err));
        MrStatus status = run_short(world, &countdown, &err);
        bool all = countdown > 0;
        atomic_store(&countdown, INT64_MAX);
        if (!all)
            assert_int_equal(status, MR_NO_MEMORY);
        else
            MR_OKAY(status);
        n_refused += !all;
        close_all(world); /* checks that every byte was given back */
        mr_os_sim_destroy(world->os);
        if (all)
            break;
    }
    assert_true(n_refused > 100);
}

/* ---------------------------------------------------------------- one thing at a time */

static void world_open(World *world, MrBudget *budget, uint64_t seed)
{
    MrError err = {.sql_idx = -1};
    *world = (World){.budget = budget, .random = seed};
    MR_OKAY(mr_os_sim_create(
        budget, &(MrSimOptions){.seed = seed, .start_us = INT64_C(1767225600000000) + 300000},
        &world->os, &err));
    MR_OKAY(world->os->make_dir(world->os, "/in", &err));
    session_open(world);
}

static void world_close(World *world)
{
    close_all(world);
    mr_os_sim_destroy(world->os);
}

static void put_file(World *world, const char *text)
{
    MrError err = {0};
    char path[100];
    snprintf(path, sizeof path, "/in/file-%06d.txt", (int)world->n_files++);
    mr_os_sim_advance_us(world->os, 1000);
    MR_OKAY(mr_os_write_file(world->os, path, mr_text(text), MR_STEP_SINK_FILE_SYNC,
                             MR_STEP_SINK_FOLDER_SYNC, &err));
}

static void parameter_is_bad(MrStatus status, const MrError *err, const char *parameter)
{
    assert_int_equal(status, MR_INVALID);
    assert_string_equal(mr_error_condition(err), "INVALID_PARAMETER_VALUE");
    assert_string_equal(mr_error_param(err, "parameter"), parameter);
}

static void bad_parameters_are_named(void **state)
{
    World *world = &world_memory;
    MrError err = {0};
    MrStreamContext *other = NULL;
    MrDStream *lines, *window, *out;
    world_open(world, *state, 1);
    parameter_is_bad(mr_stream_context_open(world->session, 0, &world->context, &err), &err,
                     "interval_ms");
    parameter_is_bad(mr_stream_context_open(world->session, 86400001, &world->context, &err), &err,
                     "interval_ms");
    MR_OKAY(mr_stream_context_open(world->session, 500, &world->context, &err));
    MR_OKAY(mr_stream_context_open(world->session, 500, &other, &err));
    parameter_is_bad(mr_dstream_socket_text(world->context, "here", 0, &lines, &err), &err, "port");
    parameter_is_bad(mr_dstream_socket_text(world->context, "here", 65536, &lines, &err), &err,
                     "port");
    MR_OKAY(mr_dstream_text_files(world->context, "/in", &lines, &err));
    parameter_is_bad(mr_dstream_window(lines, 700, 500, &window, &err), &err, "length_ms");
    parameter_is_bad(mr_dstream_window(lines, 0, 500, &window, &err), &err, "length_ms");
    parameter_is_bad(mr_dstream_window(lines, 1000, 250, &window, &err), &err, "slide_ms");
    parameter_is_bad(mr_dstream_window(lines, 1000, -500, &window, &err), &err, "slide_ms");
    parameter_is_bad(mr_dstream_reduce_by_key_and_window(lines, mr_reduce_sum_i64, NULL, NULL, NULL,
                                                         1000, INT64_MAX / 500 * 500, &out, &err),
                     &err, "slide_ms");
    MR_OKAY(mr_dstream_window(lines, 1000, 1000, &window, &err));
    parameter_is_bad(mr_dstream_union(lines, window, &out, &err), &err, "slide_ms");
    parameter_is_bad(mr_dstream_window(window, 1500, 1000, &out, &err), &err, "length_ms");
    assert_int_equal(mr_dstream_join(lines, lines, "left semi", both, NULL, &out, &err),
                     MR_INVALID);
    assert_string_equal(mr_error_condition(&err), "UNSUPPORTED_JOIN_TYPE");
    parameter_is_bad(mr_dstream_map(lines, NULL, NULL, &out, &err), &err, "map");
    parameter_is_bad(mr_dstream_flat_map(lines, NULL, NULL, &out, &err), &err, "map");
    parameter_is_bad(mr_dstream_map_to_pair(lines, NULL, NULL, &out, &err), &err, "map");
    parameter_is_bad(mr_dstream_filter(lines, NULL, NULL, &out, &err), &err, "filter");
    parameter_is_bad(mr_dstream_reduce_by_key(lines, NULL, NULL, &out, &err), &err, "reduce");
    parameter_is_bad(
        mr_dstream_reduce_by_key_and_window(lines, NULL, NULL, NULL, NULL, 1000, 1000, &out, &err),
        &err, "reduce");
    parameter_is_bad(mr_dstream_update_state_by_key(lines, NULL, NULL, &out, &err), &err, "update");
    parameter_is_bad(mr_dstream_join(lines, lines, NULL, both, NULL, &out, &err), &err, "kind");
    parameter_is_bad(mr_dstream_join(lines, lines, "inner", NULL, NULL, &out, &err), &err, "join");
    parameter_is_bad(mr_dstream_foreach_rdd(lines, NULL, NULL, &err), &err, "function");
    parameter_is_bad(mr_dstream_print(lines, 0, NULL, &err), &err, "to");
    parameter_is_bad(mr_dstream_text_files(world->context, NULL, &out, &err), &err, "folder");
    parameter_is_bad(mr_dstream_socket_text(world->context, NULL, 1, &out, &err), &err, "host");
    parameter_is_bad(mr_stream_context_checkpoint(world->context, NULL, &err), &err, "folder");
    parameter_is_bad(mr_dstream_print(lines, -1, stdout, &err), &err, "n_rows");
    MrDStream *others;
    MR_OKAY(mr_dstream_text_files(other, "/in", &others, &err));
    parameter_is_bad(mr_dstream_union(lines, others, &out, &err), &err, "second");
    parameter_is_bad(mr__stream_context_open(world->context, &err), &err, "context");
    MR_OKAY(mr_dstream_print(lines, 0, stdout, &err));
    MR_OKAY(mr__stream_context_open(world->context, &err));
    parameter_is_bad(mr_dstream_map(lines, ten_times, NULL, &out, &err), &err, "context");
    parameter_is_bad(mr_dstream_print(lines, 0, stdout, &err), &err, "context");
    parameter_is_bad(mr_stream_context_checkpoint(world->context, "/x", &err), &err, "context");
    parameter_is_bad(mr_stream_context_start(world->context, &err), &err, "context");
    mr_stream_context_close(other);
    mr_stream_context_close(NULL);
    world_close(world);
}

static void print_shows_what_spark_shows(void **state)
{
    World *world = &world_memory;
    MrError err = {0};
    MrDStream *lines, *words, *counts;
    char *printed = NULL;
    size_t n_printed = 0;
    FILE *to = open_memstream(&printed, &n_printed);
    world_open(world, *state, 2);
    MR_OKAY(mr_stream_context_open(world->session, 1000, &world->context, &err));
    MR_OKAY(mr_dstream_text_files(world->context, "/in", &lines, &err));
    MR_OKAY(mr_dstream_print(lines, 2, to, &err));
    MR_OKAY(mr_dstream_flat_map(lines, split_words, NULL, &words, &err));
    MR_OKAY(mr_dstream_count_by_value(words, &counts, &err));
    MR_OKAY(mr_dstream_print(counts, 0, to, &err));
    MR_OKAY(mr__stream_context_open(world->context, &err));
    MR_OKAY(run_batch(world, &err)); /* what is there at the start is not read */
    put_file(world, "a a\n\na\n");
    MR_OKAY(run_batch(world, &err));
    fclose(to);
    assert_string_equal(printed, "-------------------------------------------\n"
                                 "Time: 1767225601000 ms\n"
                                 "-------------------------------------------\n"
                                 "\n"
                                 "-------------------------------------------\n"
                                 "Time: 1767225601000 ms\n"
                                 "-------------------------------------------\n"
                                 "\n"
                                 "-------------------------------------------\n"
                                 "Time: 1767225602000 ms\n"
                                 "-------------------------------------------\n"
                                 "a a\n"
                                 "\n"
                                 "...\n"
                                 "\n"
                                 "-------------------------------------------\n"
                                 "Time: 1767225602000 ms\n"
                                 "-------------------------------------------\n"
                                 "(a,3)\n"
                                 "\n");
    free(printed);
    world_close(world);
}

static MrStatus fail_at_x(void *self, const MrPair *row, MrEmitter *to, MrError *err)
{
    if (row->value.size_bytes == 1 && row->value.data[0] == 'x')
        return self ? MR_IO : mr_error_set(err, "no x, please");
    return mr_emit(to, (MrBytes){0}, row->value);
}

static MrStatus fail_on_rows(void *self, int64_t time_ms, MrRdd *rdd, MrError *err)
{
    int64_t n_rows = 0;
    MR_TRY(mr_rdd_count(rdd, &n_rows, err));
    return n_rows > 0 ? MR_INVALID : MR_OK;
}

/* The condition that a function's failure ends the context with. */
static void failure_is(MrBudget *budget, int which, const char *condition)
{
    World *world = &world_memory;
    MrError err = {0};
    MrDStream *lines, *out;
    world_open(world, budget, 3);
    MR_OKAY(mr_stream_context_open(world->session, 1000, &world->context, &err));
    MR_OKAY(mr_dstream_text_files(world->context, "/in", &lines, &err));
    if (which < 2)
        MR_OKAY(mr_dstream_map(lines, fail_at_x, which ? world : NULL, &out, &err));
    else
        out = lines;
    MR_OKAY(mr_dstream_foreach_rdd(out, fail_on_rows, NULL, &err));
    MR_OKAY(mr__stream_context_open(world->context, &err));
    MR_OKAY(run_batch(world, &err));
    put_file(world, "x\n");
    assert_true(run_batch(world, &err) != MR_OK);
    assert_string_equal(mr_error_condition(&err), condition);
    world_close(world);
}

static void a_function_that_fails_ends_the_context(void **state)
{
    failure_is(*state, 0, "USER_RAISED_EXCEPTION");
    failure_is(*state, 1, "FAILED_EXECUTE_UDF");
    failure_is(*state, 2, "FAILED_EXECUTE_UDF");
}

static MrStatus count_partition(void *self, int32_t partition_idx, MrPartition *rows, MrError *err)
{
    _Atomic int64_t *n_rows = self;
    for (bool more = true;;) {
        MrPair row;
        MR_TRY(mr_partition_next(rows, &row, &more, err));
        if (!more)
            return MR_OK;
        atomic_fetch_add(n_rows, 1);
    }
}

typedef struct Seen {
    _Atomic int64_t n_rows;
    int64_t n_distinct, n_batches;
    MrStreamContext *context; /* to be stopped by its own output */
} Seen;

static MrStatus look(void *self, int64_t time_ms, MrRdd *rdd, MrError *err)
{
    Seen *seen = self;
    MrRdd *words = NULL, *distinct = NULL;
    int64_t n = 0;
    seen->n_batches++;
    MR_TRY(mr_rdd_foreach_partition(rdd, count_partition, &seen->n_rows, err));
    MR_TRY(mr_rdd_flat_map(rdd, split_words, NULL, &words, err));
    MR_TRY(mr_rdd_distinct(words, &distinct, err));
    mr_rdd_close(words);
    MrStatus status = mr_rdd_count(distinct, &n, err);
    mr_rdd_close(distinct);
    seen->n_distinct += n;
    if (seen->context && seen->n_rows > 0)
        return mr_stream_context_stop(seen->context, false, err);
    return status;
}

static MrStatus build_looker(void *self, MrStreamContext *context, MrError *err)
{
    MrDStream *lines;
    MR_TRY(mr_dstream_text_files(context, "/in", &lines, err));
    return mr_dstream_foreach_rdd(lines, look, self, err);
}

/* However old it is: only what was there at the start is left out. */
static void a_file_moved_in_while_nobody_looks_is_new(void **state)
{
    static const char *const names[] = {"1", "2"};
    World *world = &world_memory;
    MrError err = {0};
    Seen seen = {0};
    char from[100], to[100];
    world_open(world, *state, 8);
    MR_OKAY(world->os->make_dir(world->os, "/apart", &err));
    for (int i = 0; i < (int)MR_COUNT(names); i++) {
        snprintf(from, sizeof from, "/apart/%s", names[i]);
        MR_OKAY(mr_os_write_file(world->os, from, MR_TEXT("a\n"), MR_STEP_SINK_FILE_SYNC,
                                 MR_STEP_SINK_FOLDER_SYNC, &err));
    }
    put_file(world, "there at the start\n");
    for (int i = 0; i <= (int)MR_COUNT(names); i++) {
        MR_OKAY(mr_stream_context_restore(world->session, 1000, "/checkpoint", build_looker, &seen,
                                          &world->context, &err));
        MR_OKAY(mr__stream_context_open(world->context, &err));
        MR_OKAY(run_batch(world, &err));
        put_file(world, "b\n");
        MR_OKAY(run_batch(world, &err));
        mr_stream_context_close(world->context);
        world->context = NULL;
        assert_int_equal(seen.n_rows, 1 + 2 * i);
        if (i == (int)MR_COUNT(names))
            break;
        snprintf(from, sizeof from, "/apart/%s", names[i]);
        snprintf(to, sizeof to, "/in/%s", names[i]);
        MR_OKAY(world->os->rename(world->os, from, to, &err));
    }
    world_close(world);
}

static void an_output_transforms_and_runs_actions(void **state)
{
    World *world = &world_memory;
    MrError err = {0};
    MrDStream *lines;
    Seen seen = {0};
    world_open(world, *state, 4);
    MR_OKAY(mr_stream_context_open(world->session, 1000, &world->context, &err));
    MR_OKAY(mr_dstream_text_files(world->context, "/in", &lines, &err));
    MR_OKAY(mr_dstream_foreach_rdd(lines, look, &seen, &err));
    MR_OKAY(mr__stream_context_open(world->context, &err));
    MR_OKAY(run_batch(world, &err));
    put_file(world, "a b\nb c\n\n");
    MR_OKAY(run_batch(world, &err));
    assert_int_equal(seen.n_rows, 3);
    assert_int_equal(seen.n_distinct, 3);
    assert_int_equal(seen.n_batches, 2);
    world_close(world);
}

static MrStatus side_by_side(void *self, MrBytes key, MrBytes left, MrBytes right, MrEmitter *to,
                             MrError *err)
{
    char text[100];
    int n =
        snprintf(text, sizeof text, "%.*s:%.*s", (int)left.size_bytes, left.data ? left.data : "",
                 (int)right.size_bytes, right.data ? right.data : "");
    return mr_emit(to, key, (MrBytes){text, n});
}

static MrStatus count_words_of(MrStreamContext *context, const char *folder, MrDStream **out,
                               MrError *err)
{
    MrDStream *lines, *words;
    MR_TRY(mr_dstream_text_files(context, folder, &lines, err));
    MR_TRY(mr_dstream_flat_map(lines, split_words, NULL, &words, err));
    return mr_dstream_count_by_value(words, out, err);
}

/* Rows meet those of the other stream in the same batch only; each output of a source sees all. */
static void two_sources_are_joined_batch_by_batch(void **state)
{
    World *world = &world_memory;
    MrError err = {0};
    MrDStream *left, *right, *joined;
    char *printed = NULL;
    size_t n_printed = 0;
    FILE *to = open_memstream(&printed, &n_printed);
    world_open(world, *state, 6);
    MR_OKAY(world->os->make_dir(world->os, "/other", &err));
    MR_OKAY(mr_stream_context_open(world->session, 1000, &world->context, &err));
    MR_OKAY(count_words_of(world->context, "/in", &left, &err));
    MR_OKAY(count_words_of(world->context, "/other", &right, &err));
    MR_OKAY(mr_dstream_join(left, right, "left", side_by_side, NULL, &joined, &err));
    MR_OKAY(mr_dstream_print(left, 0, to, &err));
    MR_OKAY(mr_dstream_print(joined, 0, to, &err));
    MR_OKAY(mr__stream_context_open(world->context, &err));
    MR_OKAY(run_batch(world, &err));
    fflush(to);
    size_t start = n_printed;
    put_file(world, "a a");
    MR_OKAY(mr_os_write_file(world->os, "/other/1", MR_TEXT("a b"), MR_STEP_SINK_FILE_SYNC,
                             MR_STEP_SINK_FOLDER_SYNC, &err));
    MR_OKAY(run_batch(world, &err));
    put_file(world, "b");
    MR_OKAY(run_batch(world, &err));
    fclose(to);
    static const char *const rows[] = {"(a,2)\n\n", "(a,2:1)\n\n", "(b,1)\n\n", "(b,1:)\n\n"};
    const char *at = printed + start;
    for (int i = 0; i < (int)MR_COUNT(rows); i++) {
        for (int line = 0; line < 3; line++)
            at = strchr(at, '\n') + 1;
        assert_memory_equal(at, rows[i], strlen(rows[i]));
        at += strlen(rows[i]);
    }
    free(printed);
    world_close(world);
}

static MrStatus build_other(void *self, MrStreamContext *context, MrError *err)
{
    MrDStream *lines, *window, *counts;
    MR_TRY(mr_dstream_text_files(context, "/in", &lines, err));
    MR_TRY(mr_dstream_window(lines, *(int64_t *)self, 1000, &window, err));
    MR_TRY(mr_dstream_count_by_value(window, &counts, err));
    return mr_dstream_print(counts, 0, stderr, err);
}

static MrStatus build_badly(void *self, MrStreamContext *context, MrError *err)
{
    return MR_INVALID;
}

static void a_changed_graph_is_refused(void **state)
{
    World *world = &world_memory;
    MrError err = {0};
    int64_t length_ms = 3000;
    world_open(world, *state, 5);
    for (int attempt = 0; attempt < 3; attempt++) {
        length_ms = attempt == 1 ? 4000 : 3000;
        MR_OKAY(mr_stream_context_restore(world->session, 1000, "/checkpoint", build_other,
                                          &length_ms, &world->context, &err));
        MrStatus status = mr__stream_context_open(world->context, &err);
        if (attempt == 1) {
            assert_int_not_equal(status, MR_OK);
            assert_string_equal(mr_error_condition(&err),
                                "STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA");
            assert_non_null(strstr(mr_error_param(&err, "OpsInMetadataSeq"), "window of 3000 ms"));
            assert_non_null(strstr(mr_error_param(&err, "OpsInCurBatchSeq"), "window of 4000 ms"));
        } else {
            MR_OKAY(status);
        }
        mr_stream_context_close(world->context);
        world->context = NULL;
    }
    assert_int_not_equal(mr_stream_context_restore(world->session, 1000, "/other", build_badly,
                                                   NULL, &world->context, &err),
                         MR_OK);
    assert_string_equal(mr_error_condition(&err), "FAILED_EXECUTE_UDF");
    world_close(world);
}

/* ---------------------------------------------------------------- with a thread, in the real world
 */

static void a_context_runs_on_its_thread_until_it_is_stopped(void **state)
{
    MrError err = {0};
    for (int how = 0; how < 4; how++) {
        char folder[] = "/tmp/mr-dstream-XXXXXX", path[100], moved[100];
        MrSession *session;
        MrStreamContext *context;
        MrDStream *lines;
        Seen seen = {0};
        bool ended = false;
        assert_non_null(mkdtemp(folder));
        MR_OKAY(mr_session_open(NULL, &session, &err));
        MR_OKAY(mr_stream_context_open(session, 20, &context, &err));
        MR_OKAY(mr_stream_context_stop(context, true, &err)); /* nothing runs */
        MR_OKAY(mr_dstream_text_files(context, folder, &lines, &err));
        MR_OKAY(mr_dstream_foreach_rdd(lines, look, &seen, &err));
        seen.context = how == 0 ? context : NULL; /* it stops itself */
        MR_OKAY(mr_stream_context_start(context, &err));
        MR_OKAY(mr_stream_context_await(context, 50, &ended, &err));
        assert_false(ended);
        snprintf(path, sizeof path, "%s.new", folder);
        snprintf(moved, sizeof moved, "%s/new", folder);
        FILE *file = fopen(path, "w");
        fputs("a b\nc\n", file);
        fclose(file);
        assert_int_equal(rename(path, moved), 0);
        if (how == 0) {
            MR_OKAY(mr_stream_context_await(context, 20000, &ended, &err));
            assert_true(ended);
        } else if (how == 1) { /* what has come is in the last batch */
            MR_OKAY(mr_stream_context_stop(context, true, &err));
        } else if (how == 2) {
            MR_OKAY(mr_stream_context_await(context, 100, &ended, &err));
            MR_OKAY(mr_stream_context_stop(context, false, &err));
            MR_OKAY(mr_stream_context_stop(context, true, &err)); /* again */
        }                                                         /* else close stops it */
        mr_stream_context_close(context);
        if (how < 2)
            assert_int_equal(seen.n_rows, 2);
        mr_session_close(session);
        unlink(moved);
        rmdir(folder);
    }
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(every_operation_agrees_with_plain_loops),
    MR_UNIT_TEST(power_cuts_lose_and_double_nothing),
    MR_UNIT_TEST(each_refusal_of_memory_ends_the_context),
    MR_UNIT_TEST(bad_parameters_are_named),
    MR_UNIT_TEST(print_shows_what_spark_shows),
    MR_UNIT_TEST(a_function_that_fails_ends_the_context),
    MR_UNIT_TEST(a_file_moved_in_while_nobody_looks_is_new),
    MR_UNIT_TEST(an_output_transforms_and_runs_actions),
    MR_UNIT_TEST(two_sources_are_joined_batch_by_batch),
    MR_UNIT_TEST(a_changed_graph_is_refused),
    MR_UNIT_TEST(a_context_runs_on_its_thread_until_it_is_stopped),
};
MR_UNIT_TESTS_MAIN(tests)
