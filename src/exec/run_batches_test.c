/* Windows and states of DStreams against plain loops: over random batches, skipped batch times,
 * workers and restarts. */
#include "exec/exec_int.h"
#include <setjmp.h>
#include <stdio.h>
/* cmocka wants these first. */
#include <cmocka.h>

#define INTERVAL_US INT64_C(1000000)
#define N_KEYS 40
#define ABSENT INT64_MIN

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    MrSettings settings;
    MrError err;
    uint64_t random;
} Fixture;

typedef struct Event { /* a row that was fed */
    int64_t time_us, key, value;
} Event;

typedef struct Got { /* per key: sum of weight * value, sum of weights */
    int64_t sum[N_KEYS], n[N_KEYS];
    int64_t n_rows;
} Got;

static const char *no_conf(const void *conf, const char *key)
{
    return NULL;
}

static void fixture_open(Fixture *fixture, uint64_t seed)
{
    *fixture = (Fixture){.random = seed * UINT64_C(0x9E3779B97F4A7C15) + 1};
    mr_budget_init(&fixture->budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture->arena, &fixture->budget);
    fixture->settings = (MrSettings){.ansi = true, .zone_id = "UTC", .get = no_conf};
}

static void fixture_close(Fixture *fixture)
{
    mr_arena_deinit(&fixture->arena);
    mr_budget_deinit(&fixture->budget);
}

static int64_t random_below(Fixture *fixture, int64_t n)
{
    fixture->random =
        fixture->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (int64_t)((fixture->random >> 33) % (uint64_t)n);
}

static void check(Fixture *fixture, MrStatus status)
{
    char text[2000];
    if (status == MR_OK)
        return;
    mr_error_message(&fixture->err, text, sizeof text);
    fail_msg("%s", text);
}

/* ---------------------------------------------------------------- functions of the user */

static int64_t number(MrText text)
{
    int64_t value = 0;
    if (!text.data)
        return ABSENT;
    assert_true(mr_text_to_i64(text, &value));
    return value;
}

static MrStatus put_number(const MrKeyedCall *call, int64_t value, MrText *out)
{
    char *text = mr_arena_alloc(call->arena, MR_I64_TEXT_MAX);
    *out = (MrText){text, mr_i64_to_text(value, text)};
    return MR_OK;
}

static MrStatus add(void *self, const MrKeyedCall *call, MrText a, MrText b, MrText *out,
                    MrError *err)
{
    return put_number(call, number(a) + number(b), out);
}

static MrStatus take_out(void *self, const MrKeyedCall *call, MrText a, MrText b, MrText *out,
                         MrError *err)
{
    return put_number(call, number(a) - number(b), out);
}

static MrStatus not_zero(void *self, const MrKeyedCall *call, MrText key, MrText value, bool *keep,
                         MrError *err)
{
    *keep = number(value) != 0;
    return MR_OK;
}

/* Adds the values; a key whose sum is divisible by 7 is forgotten, one without values is halved. */
static int64_t next_state(int64_t state, int64_t n_values, int64_t sum)
{
    int64_t next = state == ABSENT ? sum : n_values > 0 ? state + sum : state / 2;
    return next % 7 == 0 ? ABSENT : next;
}

static MrStatus update(void *self, const MrKeyedCall *call, MrText key, const MrText *values,
                       int64_t n_values, MrText state, MrText *out, MrError *err)
{
    int64_t sum = 0;
    for (int64_t i = 0; i < n_values; i++)
        sum += number(values[i]);
    int64_t next = next_state(number(state), n_values, sum);
    *out = (MrText){NULL, 0};
    return next == ABSENT ? MR_OK : put_number(call, next, out);
}

/* ---------------------------------------------------------------- plans and runs */

static MrPhys *phys_new(Fixture *fixture, MrPhysKind kind, int32_t id, MrPhys *input)
{
    static const MrField fields[] = {
        {.name = "key", .type = &mr_types[MR_TYPE_BINARY], .nullable = true},
        {.name = "value", .type = &mr_types[MR_TYPE_BINARY], .nullable = true}};
    MrPhys *phys = MR_NEW(&fixture->arena, MrPhys);
    phys->kind = kind;
    phys->id = id;
    phys->streaming = true;
    phys->schema = (MrSchema){2, fields};
    phys->n_inputs = input ? 1 : 0;
    phys->inputs = MR_NEW_N(&fixture->arena, MrPhys *, 1);
    phys->inputs[0] = input;
    return phys;
}

static MrPhys *plan_window(Fixture *fixture, int64_t length_us, int64_t slide_us, bool deltas)
{
    MrPhys *phys =
        phys_new(fixture, MR_PHYS_OP_BATCH_WINDOW, 1, phys_new(fixture, MR_PHYS_OP_FEED, 0, NULL));
    phys->batch_window.length_us = length_us;
    phys->batch_window.slide_us = slide_us;
    phys->batch_window.deltas = deltas;
    return phys;
}

static MrPhys *plan_state(Fixture *fixture, MrPhys *input, int64_t slide_us, bool updates,
                          bool filters)
{
    MrKeyedState *state = MR_NEW(&fixture->arena, MrKeyedState);
    *state = (MrKeyedState){.name = "test", .slide_us = slide_us};
    if (updates) {
        state->update = update;
    } else {
        state->reduce = add;
        state->inverse = take_out;
        state->filter = filters ? not_zero : NULL;
    }
    MrPhys *phys = phys_new(fixture, MR_PHYS_OP_KEYED_STATE, 2, input);
    phys->keyed_state = state;
    return phys;
}

static MrRun *run_open(Fixture *fixture, MrPhys *phys)
{
    MrRun *run = NULL;
    MrRunOptions options = {.os = mr_os_posix(),
                            .budget = &fixture->budget,
                            .settings = &fixture->settings,
                            .n_workers = 1 + (int32_t)random_below(fixture, 3)};
    mr__number_states(phys);
    check(fixture, mr_run_create(phys, &options, &run, &fixture->err));
    return run;
}

/* Key 0 is NULL; odd keys are long; values are decimal digits. */
static void feed_rows(Fixture *fixture, MrBatchList *list, const Event *events, int32_t n)
{
    MrBatch *batch = NULL;
    check(fixture, mr_batch_create(&fixture->budget, &batch, &fixture->err));
    mr_batch_set_cols(batch, 2);
    for (int32_t c = 0; c < 2; c++)
        batch->cols[c] = mr_vector_create(&batch->arena, MR_T(BINARY), n);
    for (int32_t i = 0; i < n; i++) {
        char text[64];
        int32_t size =
            snprintf(text, sizeof text, "%s%02d", events[i].key % 2 ? "a key that is long, " : "",
                     (int)events[i].key);
        if (events[i].key == 0)
            mr_vector_set_null(&batch->arena, batch->cols[0], i, n);
        else
            batch->cols[0]->str[i] = mr_str_own(&batch->arena, text, size);
        size = mr_i64_to_text(events[i].value, text);
        batch->cols[1]->str[i] = mr_str_own(&batch->arena, text, size);
    }
    batch->n_rows = batch->n_sel = n;
    check(fixture, mr_batch_list_add(list, batch, &fixture->err));
}

static MrStatus got_take(void *self, int32_t worker_idx, const MrEvalContext *context,
                         MrBatch *batch, MrError *err)
{
    Got *got = self;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        int64_t at, key = 0, weight = batch->weights ? batch->weights[row] : 1;
        if (!mr_vector_is_null(batch->cols[0], row)) {
            const MrVector *keys = mr_vector_at(batch->cols[0], row, &at);
            MrText text = mr_str_text(&keys->str[at]);
            key =
                (text.data[text.size_bytes - 2] - '0') * 10 + text.data[text.size_bytes - 1] - '0';
        }
        const MrVector *values = mr_vector_at(batch->cols[1], row, &at);
        got->sum[key] += weight * number(mr_str_text(&values->str[at]));
        got->n[key] += weight;
        got->n_rows++;
    }
    mr_batch_destroy(batch);
    return MR_OK;
}

/* A new run with what was saved: all changes, or a snapshot and the changes since. */
static MrRun *restart(Fixture *fixture, MrRun *run, MrPhys *phys, MrStateWriter *log)
{
    if (random_below(fixture, 2)) {
        mr_state_writer_reset(log);
        check(fixture, mr_run_snapshot(run, log, &fixture->err));
    }
    mr_run_destroy(run);
    run = run_open(fixture, phys);
    MrReader reader = {(const uint8_t *)log->buf.data,
                       (const uint8_t *)log->buf.data + log->buf.size_bytes, false};
    for (bool done = false;;) {
        MrStateEntry entry;
        check(fixture, mr_state_next(&reader, &entry, &done, &fixture->err));
        if (done)
            return run;
        check(fixture, mr_run_apply(run, entry.operator_id, entry.table, entry.key,
                                    entry.deleted ? NULL : &entry.value, &fixture->err));
    }
}

typedef enum Case { CASE_WINDOW, CASE_DELTAS, CASE_INVERSE, CASE_FILTER, CASE_UPDATE } Case;

/* What a plain loop says. */
static void expect(Case which, const Event *events, int64_t n_events, const MrBarrier *barrier,
                   int64_t length_us, int64_t slide_us, int64_t *states, Got *want)
{
    int64_t end_us = barrier->time_us / slide_us * slide_us;
    bool slides = barrier->previous_us == MR_TIME_MIN ? barrier->time_us == end_us
                                                      : end_us > barrier->previous_us;
    int64_t before_us = barrier->previous_us == MR_TIME_MIN
                            ? MR_TIME_MIN
                            : barrier->previous_us / slide_us * slide_us;
    *want = (Got){0};
    if (which == CASE_UPDATE) {
        int64_t n[N_KEYS] = {0}, sum[N_KEYS] = {0};
        for (int64_t e = 0; e < n_events; e++)
            if (events[e].time_us == barrier->time_us) {
                n[events[e].key]++;
                sum[events[e].key] += events[e].value;
            }
        for (int k = 0; k < N_KEYS; k++) {
            if (states[k] != ABSENT || n[k] > 0)
                states[k] = next_state(states[k], n[k], sum[k]);
            if (states[k] != ABSENT) {
                want->n[k] = 1;
                want->sum[k] = states[k];
            }
        }
        return;
    }
    if (!slides)
        return;
    Got now = {0}, was = {0};
    for (int64_t e = 0; e < n_events; e++) {
        const Event *event = &events[e];
        if (event->time_us > end_us - length_us && event->time_us <= end_us) {
            now.n[event->key]++;
            now.sum[event->key] += event->value;
        }
        if (before_us != MR_TIME_MIN && event->time_us > before_us - length_us &&
            event->time_us <= before_us) {
            was.n[event->key]++;
            was.sum[event->key] += event->value;
        }
    }
    for (int k = 0; k < N_KEYS; k++) {
        if (which == CASE_WINDOW || which == CASE_DELTAS) {
            want->n[k] = now.n[k] - (which == CASE_DELTAS ? was.n[k] : 0);
            want->sum[k] = now.sum[k] - (which == CASE_DELTAS ? was.sum[k] : 0);
            continue;
        }
        if (now.n[k] > 0)
            states[k] = now.sum[k];
        else if (states[k] != ABSENT)
            states[k] = 0; /* stays until a filter drops it */
        if (which == CASE_FILTER && states[k] == 0)
            states[k] = ABSENT;
        if (states[k] != ABSENT) {
            want->n[k] = 1;
            want->sum[k] = states[k];
        }
    }
}

static void run_case(Fixture *fixture, Case which, int64_t length, int64_t slide)
{
    int64_t length_us = length * INTERVAL_US, slide_us = slide * INTERVAL_US;
    Event *events = MR_NEW_N(&fixture->arena, Event, 60 * 5000);
    int64_t n_events = 0, states[N_KEYS];
    MrPhys *phys = which == CASE_UPDATE
                       ? plan_state(fixture, phys_new(fixture, MR_PHYS_OP_FEED, 0, NULL),
                                    INTERVAL_US, true, false)
                       : plan_window(fixture, length_us, slide_us, which != CASE_WINDOW);
    if (which == CASE_INVERSE || which == CASE_FILTER)
        phys = plan_state(fixture, phys, slide_us, false, which == CASE_FILTER);
    MrStateWriter log;
    MrBatchList list;
    mr_state_writer_init(&log, &fixture->budget);
    mr_batch_list_init(&list, &fixture->budget);
    MrRun *run = run_open(fixture, phys);
    MrBarrier barrier = {.late_us = MR_TIME_MIN,
                         .evict_us = MR_TIME_MIN,
                         .time_us = (100 + random_below(fixture, 10)) * INTERVAL_US,
                         .previous_us = MR_TIME_MIN};
    for (int k = 0; k < N_KEYS; k++)
        states[k] = ABSENT;
    for (int64_t epoch = 0; epoch < 40; epoch++) {
        Got got = {0}, want;
        int64_t n_batches = random_below(fixture, 4);
        mr_batch_list_clear(&list);
        for (int64_t b = 0; b < n_batches; b++) {
            int64_t n = random_below(fixture, 20) == 0 ? 1500 : 1 + random_below(fixture, 30);
            for (int64_t i = 0; i < n; i++)
                events[n_events + i] = (Event){barrier.time_us, random_below(fixture, N_KEYS),
                                               1 + random_below(fixture, 1000)};
            feed_rows(fixture, &list, &events[n_events], (int32_t)n);
            n_events += n;
        }
        mr__run_set_feed(run, 0, &list);
        barrier.epoch = epoch;
        check(fixture, mr_run_epoch(run, &barrier, barrier.time_us, 0,
                                    &(MrRunOutput){got_take, &got}, &fixture->err));
        expect(which, events, n_events, &barrier, length_us, slide_us, states, &want);
        for (int k = 0; k < N_KEYS; k++)
            if (got.n[k] != want.n[k] || got.sum[k] != want.sum[k])
                fail_msg("case %d, %ld by %ld, epoch %ld, key %d: %ld rows of %ld, not %ld of %ld",
                         (int)which, (long)length, (long)slide, (long)epoch, k, (long)got.n[k],
                         (long)got.sum[k], (long)want.n[k], (long)want.sum[k]);
        check(fixture, mr_run_save_changes(run, &log, &fixture->err));
        if (random_below(fixture, 4) == 0)
            run = restart(fixture, run, phys, &log);
        barrier.previous_us = barrier.time_us;
        barrier.time_us += (random_below(fixture, 4) ? 1 : 1 + random_below(fixture, 5)) *
                           INTERVAL_US; /* some batches are skipped */
    }
    mr_run_destroy(run);
    mr_batch_list_deinit(&list);
    mr_state_writer_deinit(&log);
}

static void each(Case which)
{
    static const int64_t shapes[][2] = {{1, 1}, {3, 1}, {3, 2}, {6, 3}, {2, 4}, {5, 5}, {7, 2}};
    for (uint64_t seed = 0; seed < 6; seed++)
        for (int s = 0; s < (int)MR_COUNT(shapes); s++) {
            Fixture fixture;
            fixture_open(&fixture, seed * 100 + (uint64_t)s);
            run_case(&fixture, which, shapes[s][0], shapes[s][1]);
            fixture_close(&fixture);
        }
}

static void a_window_has_the_rows_of_its_time(void **state)
{
    each(CASE_WINDOW);
}

static void deltas_add_up_to_the_window(void **state)
{
    each(CASE_DELTAS);
}

static void an_inverse_gives_what_reducing_anew_gives(void **state)
{
    each(CASE_INVERSE);
}

static void a_filter_drops_keys_without_values(void **state)
{
    each(CASE_FILTER);
}

static void every_key_is_updated_in_every_batch(void **state)
{
    each(CASE_UPDATE);
}

/* A year of batches with a key each must not keep a year of rows, nor save more than changed. */
static void state_is_bounded_and_changes_are_small(void **state)
{
    Fixture fixture;
    fixture_open(&fixture, 7);
    MrPhys *phys = plan_state(&fixture, plan_window(&fixture, 3 * INTERVAL_US, INTERVAL_US, true),
                              INTERVAL_US, false, true);
    MrRun *run = run_open(&fixture, phys);
    MrBatchList list;
    MrStateWriter log;
    mr_state_writer_init(&log, &fixture.budget);
    mr_batch_list_init(&list, &fixture.budget);
    int64_t used_bytes = 0, log_bytes = 0;
    for (int64_t epoch = 0; epoch < 3000; epoch++) {
        Got got = {0};
        int64_t time_us = (1 + epoch) * INTERVAL_US;
        Event event = {time_us, 1 + epoch % (N_KEYS - 1), 5};
        MrBarrier barrier = {.epoch = epoch,
                             .time_us = time_us,
                             .previous_us = epoch ? time_us - INTERVAL_US : MR_TIME_MIN};
        mr_batch_list_clear(&list);
        feed_rows(&fixture, &list, &event, 1);
        mr__run_set_feed(run, 0, &list);
        mr_state_writer_reset(&log);
        check(&fixture, mr_run_epoch(run, &barrier, time_us, 0, &(MrRunOutput){got_take, &got},
                                     &fixture.err));
        check(&fixture, mr_run_save_changes(run, &log, &fixture.err));
        assert_int_equal(got.n_rows, epoch < 2 ? epoch + 1 : 3);
        if (epoch == 200) {
            used_bytes = atomic_load(&fixture.budget.used_bytes);
            log_bytes = log.buf.size_bytes;
        }
        if (epoch > 200)
            assert_true(log.buf.size_bytes <= log_bytes + 64);
    }
    assert_true(atomic_load(&fixture.budget.used_bytes) <= used_bytes + 4096);
    mr_run_destroy(run);
    mr_batch_list_deinit(&list);
    mr_state_writer_deinit(&log);
    fixture_close(&fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_window_has_the_rows_of_its_time),
        cmocka_unit_test(deltas_add_up_to_the_window),
        cmocka_unit_test(an_inverse_gives_what_reducing_anew_gives),
        cmocka_unit_test(a_filter_drops_keys_without_values),
        cmocka_unit_test(every_key_is_updated_in_every_batch),
        cmocka_unit_test(state_is_bounded_and_changes_are_small),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
