/* rate.c - sources that make rows up: "rate" by the clock, "rate-micro-batch" by the micro-batch.
 *
 * rate: rowsPerSecond rows (timestamp, value) a second, value counting from 0, as Spark computes
 * them. A position holds the time of the start and the seconds since, so it can be replayed in
 * another process; until there is one, the checkpoint keeps the start. rate-micro-batch:
 * rowsPerBatch rows each micro-batch, whatever the clock says.
 */
#include "connector/contract.h"

#include "base/json.h"

#include <inttypes.h>

#define CHUNK_ROWS INT64_C(262144)

extern const MrConnectorType mr_connector_rate, mr_connector_rate_micro_batch;

typedef struct RateSource {
    MrSource base;
    const MrConnectorContext *context;
    bool by_batch;
    int64_t rows_per_second, ramp_up_s; /* rate */
    int64_t start_us;
    int64_t rows_per_batch, start_ms, advance_ms; /* rate-micro-batch */
} RateSource;

/* Values [from, to) of the rows of a range that spans values [first, last) and times [first_us,
 * last_us). */
typedef struct RateSplit {
    int64_t from, to, first, last, first_us, last_us;
} RateSplit;

typedef struct RateReader {
    MrSourceReader base;
    MrBudget *budget;
    const MrScanSpec *spec;
    RateSplit range;
} RateReader;

static const MrField rate_fields[] = {
    {.name = "timestamp", .type = &mr_types[MR_TYPE_TIMESTAMP], .nullable = true},
    {.name = "value", .type = &mr_types[MR_TYPE_BIGINT], .nullable = true}};

static const MrOptionDef rate_options[] = {
    {"rowsPerSecond", MR_OPT_INT, 0, "1", "Rows made in a second."},
    {"rampUpTime", MR_OPT_TEXT, 0, "0s", "How long until that speed is reached, such as 5s."},
    {"numPartitions", MR_OPT_INT, 0, NULL, "Accepted; rows are split by size."},
    {0},
};
static const MrOptionDef rate_micro_batch_options[] = {
    {"rowsPerBatch", MR_OPT_INT, MR_OPT_REQUIRED, NULL, "Rows made in a micro-batch."},
    {"startTimestamp", MR_OPT_INT, 0, "0",
     "Time of the first micro-batch, in milliseconds since 1970."},
    {"advanceMillisPerBatch", MR_OPT_INT, 0, "1000", "Time from one micro-batch to the next."},
    {"numPartitions", MR_OPT_INT, 0, NULL, "Accepted; rows are split by size."},
    {0},
};

static MrStatus bad_option(const char *name, const char *value, MrError *err)
{
    return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", name, "functionName", "rate",
                   "expectedValue", "a whole number above 0", "actualValue",
                   value ? value : "nothing");
}

static MrStatus rate_open(const MrConnectorContext *context, const MrConnectorType *type,
                          MrSource **out, MrError *err)
{
    const MrOptions *options = &context->options;
    RateSource source = {.base = {.type = type, .schema = {2, rate_fields}, .append_only = true},
                         .context = context};
    source.by_batch = type == &mr_connector_rate_micro_batch;
    if (source.by_batch) {
        source.rows_per_batch = mr_option_int(options, type->options, "rowsPerBatch");
        source.start_ms = mr_option_int(options, type->options, "startTimestamp");
        source.advance_ms = mr_option_int(options, type->options, "advanceMillisPerBatch");
        if (source.rows_per_batch <= 0)
            return bad_option("rowsPerBatch", mr_option(options, type->options, "rowsPerBatch"),
                              err);
        if (source.start_ms < 0 || source.advance_ms < 0)
            return bad_option("startTimestamp", mr_option(options, type->options, "startTimestamp"),
                              err);
    } else {
        source.rows_per_second = mr_option_int(options, type->options, "rowsPerSecond");
        const char *ramp = mr_option(options, type->options, "rampUpTime");
        size_t n = strspn(ramp, "0123456789");
        int64_t unit = ramp[n] == 'm' && ramp[n + 1] != 's' ? 60 : ramp[n] == 'h' ? 3600 : 1;
        if (source.rows_per_second <= 0)
            return bad_option("rowsPerSecond", mr_option(options, type->options, "rowsPerSecond"),
                              err);
        if (n == 0 || n > 9 || !mr_text_to_i64((MrText){ramp, (int64_t)n}, &source.ramp_up_s))
            return bad_option("rampUpTime", ramp, err);
        source.ramp_up_s *= unit;
        source.start_us = context->os->now_us(context->os);
    }
    void *block;
    MR_TRY(mr_budget_alloc(context->budget, sizeof source, &block, err));
    memcpy(block, &source, sizeof source);
    *out = block;
    return MR_OK;
}

static MrStatus rate_open_source(const MrConnectorContext *context, MrSource **out, MrError *err)
{
    return rate_open(context, &mr_connector_rate, out, err);
}
static MrStatus rate_micro_batch_open_source(const MrConnectorContext *context, MrSource **out,
                                             MrError *err)
{
    return rate_open(context, &mr_connector_rate_micro_batch, out, err);
}

static void rate_close_source(MrSource *source)
{
    if (source)
        mr_budget_free(((RateSource *)source)->context->budget, source, sizeof(RateSource));
}

/* Rows made in the first n seconds: linear, after a ramp of ever larger seconds. */
static int64_t rows_after(const RateSource *self, int64_t seconds)
{
    int64_t step = self->rows_per_second / (self->ramp_up_s + 1);
    step = step > 1 ? step : 1;
    int64_t ramp = seconds < self->ramp_up_s ? seconds : self->ramp_up_s;
    int64_t n = ramp % 2 == 1 ? (ramp + 1) / 2 * ramp * step : ramp / 2 * (ramp + 1) * step;
    return seconds <= self->ramp_up_s ? n : n + (seconds - self->ramp_up_s) * self->rows_per_second;
}

typedef struct RatePosition {
    int64_t start_us, seconds; /* rate */
    int64_t offset, time_ms;   /* rate-micro-batch */
} RatePosition;

static MrStatus position_read(const RateSource *self, const char *text, MrArena *arena,
                              RatePosition *out, MrError *err)
{
    *out = (RatePosition){.start_us = self->start_us, .time_ms = self->start_ms};
    if (!text)
        return MR_OK;
    MrJson *json;
    MR_TRY(mr_json_parse(arena, mr_text(text), "position of a rate source", &json, err));
    out->start_us = mr_json_i64(json, "startTimeUs", self->start_us);
    out->seconds = mr_json_i64(json, "seconds", 0);
    out->offset = mr_json_i64(json, "offset", 0);
    out->time_ms = mr_json_i64(json, "timestamp", self->start_ms);
    if (out->seconds < 0 || out->offset < 0)
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", text);
    return MR_OK;
}

static MrStatus rate_latest(MrSource *source, const char *from, bool unlimited, MrArena *arena,
                            const char **to, MrError *err)
{
    RateSource *self = (RateSource *)source;
    RatePosition at;
    MR_TRY(position_read(self, from, arena, &at, err));
    *to = from;
    if (self->by_batch) {
        *to = mr_arena_printf(arena, "{\"offset\":%" PRId64 ",\"timestamp\":%" PRId64 "}",
                              at.offset + self->rows_per_batch, at.time_ms + self->advance_ms);
        return MR_OK;
    }
    int64_t seconds = (self->context->os->now_us(self->context->os) - at.start_us) / 1000000;
    if (seconds > at.seconds) /* a clock that went back waits */
        *to = mr_arena_printf(arena, "{\"startTimeUs\":%" PRId64 ",\"seconds\":%" PRId64 "}",
                              at.start_us, seconds);
    return MR_OK;
}

static MrStatus start_keep(RateSource *self, const char *path, MrArena *arena, MrBuffer *text,
                           MrError *err)
{
    MrOs *os = self->context->os;
    MrFileInfo info;
    RatePosition start;
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists)
        return mr_os_write_file(
            os, path,
            mr_text(mr_arena_printf(arena, "{\"startTimeUs\":%" PRId64 "}", self->start_us)),
            MR_STEP_RECEIVED_FILE_SYNC, MR_STEP_RECEIVED_FOLDER_SYNC, err);
    MR_TRY(mr_os_read_file(os, path, 4096, text, err));
    MR_TRY(position_read(self, mr_arena_strn(arena, text->data, text->size_bytes), arena, &start,
                         err));
    self->start_us = start.start_us;
    return MR_OK;
}

/* The time of the start, beside the checkpoint: a run too short for a second counts for the next.
 */
static MrStatus rate_log_open(MrSource *source, const char *folder, const char *from, MrError *err)
{
    MrStatus status;
    RateSource *self = (RateSource *)source;
    MrOs *os = self->context->os;
    MrArena arena;
    MrBuffer text;
    if (from || self->by_batch)
        return MR_OK;
    mr_arena_init(&arena, self->context->budget);
    mr_buffer_init(&text, self->context->budget, 4096);
    MR_GUARD_BEGIN(status, err)
        status = os->make_dir(os, folder, err);
        if (status == MR_OK)
            status =
                start_keep(self, mr_arena_printf(&arena, "%s/start", folder), &arena, &text, err);
    MR_GUARD_END(status)
    mr_buffer_deinit(&text);
    mr_arena_deinit(&arena);
    return status;
}

static MrStatus rate_plan_splits(MrSource *source, const char *from, const char *to,
                                 const MrScanSpec *spec, MrArena *arena, MrSplit **out,
                                 int64_t *n_out, MrError *err)
{
    RateSource *self = (RateSource *)source;
    RatePosition begin, end;
    MR_TRY(position_read(self, from, arena, &begin, err));
    MR_TRY(position_read(self, to, arena, &end, err));
    if (!from && to)
        begin.start_us = end.start_us;
    RateSplit all = {
        .first = self->by_batch ? begin.offset : rows_after(self, begin.seconds),
        .last = self->by_batch ? end.offset : rows_after(self, end.seconds),
        .first_us = self->by_batch ? begin.time_ms * 1000 : end.start_us + begin.seconds * 1000000,
        .last_us = self->by_batch ? begin.time_ms * 1000 : end.start_us + end.seconds * 1000000};
    int64_t n_rows = all.last - all.first,
            n_splits = n_rows > 0 ? (n_rows + CHUNK_ROWS - 1) / CHUNK_ROWS : 0;
    *out = MR_NEW_N(arena, MrSplit, n_splits);
    for (int64_t i = 0; i < n_splits; i++) {
        RateSplit *split = MR_NEW(arena, RateSplit);
        *split = all;
        split->from = all.first + i * CHUNK_ROWS;
        split->to = split->from + CHUNK_ROWS < all.last ? split->from + CHUNK_ROWS : all.last;
        (*out)[i] = (MrSplit){.name = mr_arena_printf(arena, "%s, values %" PRId64 " to %" PRId64,
                                                      source->type->name, split->from, split->to),
                              .size_bytes = 16 * (split->to - split->from),
                              .data = split};
    }
    *n_out = n_splits;
    return MR_OK;
}

static int64_t rate_row_count(MrSource *source)
{
    return -1;
}

static MrStatus rate_reader_open(MrSource *source, const MrSplit *split, const MrScanSpec *spec,
                                 MrBudget *budget, MrSourceReader **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(RateReader), &block, err));
    RateReader *self = block;
    *self = (RateReader){.base = {.source = source, .exact_filters = spec->n_filters == 0},
                         .budget = budget,
                         .spec = spec,
                         .range = *(const RateSplit *)split->data};
    *out = &self->base;
    return MR_OK;
}

static MrStatus rate_read(MrSourceReader *reader, const MrEvalContext *context, MrBatch *batch,
                          MrRead *what, MrError *err)
{
    RateReader *self = (RateReader *)reader;
    RateSplit *range = &self->range;
    int64_t n = range->to - range->from < MR_BATCH_ROWS ? range->to - range->from : MR_BATCH_ROWS;
    *what = n > 0 ? MR_READ_ROWS : MR_READ_END;
    if (n <= 0)
        return MR_OK;
    /* Milliseconds between two values, as Spark rounds them. */
    double ms_per_value =
        (double)(range->last_us - range->first_us) / 1000.0 / (double)(range->last - range->first);
    mr_batch_set_cols(batch, self->spec->n_cols);
    for (int32_t c = 0; c < self->spec->n_cols; c++) {
        bool is_value = self->spec->cols[c] == 1;
        MrVector *vec =
            mr_vector_create(&batch->arena, is_value ? MR_T(BIGINT) : MR_T(TIMESTAMP), n);
        for (int64_t i = 0; i < n; i++) {
            int64_t value = range->from + i;
            vec->i64[i] =
                is_value
                    ? value
                    : range->first_us +
                          (int64_t)((double)(value - range->first) * ms_per_value + 0.5) * 1000;
        }
        batch->cols[c] = vec;
    }
    batch->n_rows = batch->n_sel = (int32_t)n;
    range->from += n;
    return MR_OK;
}

static void rate_reader_close(MrSourceReader *reader)
{
    if (reader)
        mr_budget_free(((RateReader *)reader)->budget, reader, sizeof(RateReader));
}

#define RATE_CONNECTOR(id, title, text)                                                            \
    const MrConnectorType mr_connector_##id = {                                                    \
        .name = title,                                                                             \
        .doc = text,                                                                               \
        .flags = MR_CONN_STREAM_READ,                                                              \
        .options = id##_options,                                                                   \
        .open_source = id##_open_source,                                                           \
        .close_source = rate_close_source,                                                         \
        .latest = rate_latest,                                                                     \
        .log_open = rate_log_open,                                                                 \
        .plan_splits = rate_plan_splits,                                                           \
        .row_count = rate_row_count,                                                               \
        .reader_open = rate_reader_open,                                                           \
        .read = rate_read,                                                                         \
        .reader_close = rate_reader_close,                                                         \
    }
RATE_CONNECTOR(rate, "rate", "Rows by the clock: (timestamp, value).");
RATE_CONNECTOR(rate_micro_batch, "rate-micro-batch",
               "A fixed number of rows each micro-batch: (timestamp, value).");
