/* progress.c - Spark's StreamingQueryProgress as JSON, field names and nesting as Spark's. */
#include "base/json.h"
#include "function/calendar.h"
#include "stream/stream_int.h"

#include <inttypes.h>

/* 2026-01-31T12:00:00.000Z */
static void put_instant(MrTextBuilder *out, int64_t us)
{
    int64_t ms = us / 1000, days = ms / 86400000 - (ms % 86400000 < 0), rest = ms - days * 86400000;
    MrCivil civil = mr_days_to_civil(days);
    mr_builder_printf(
        out, "\"%04" PRId64 "-%02d-%02dT%02" PRId64 ":%02" PRId64 ":%02" PRId64 ".%03" PRId64 "Z\"",
        civil.year, civil.month, civil.day, rest / 3600000, rest / 60000 % 60, rest / 1000 % 60,
        rest % 1000);
}

/* A position is JSON already, unless a connector chose another text. */
static void put_position(MrTextBuilder *out, const char *key, const char *position)
{
    mr_builder_printf(out, "\"%s\" : ", key);
    if (!position)
        mr_builder_str(out, "null");
    else if (position[0] == '{' || position[0] == '[' || (position[0] >= '0' && position[0] <= '9'))
        mr_builder_str(out, position);
    else
        mr_json_put_string(out, mr_text(position));
}

static void put_rate(MrTextBuilder *out, const char *key, int64_t rows, int64_t ns)
{
    mr_builder_printf(out, "\"%s\" : %.1f", key, ns > 0 ? (double)rows * 1e9 / (double)ns : 0.0);
}

/* Rows that came, by the time since the epoch before began (unknown: 0), and that were processed.
 */
static void put_rates(MrTextBuilder *out, int64_t rows, int64_t waited_ns, int64_t ns)
{
    put_rate(out, "inputRowsPerSecond", rows, waited_ns);
    mr_builder_str(out, ", ");
    put_rate(out, "processedRowsPerSecond", rows, ns);
}

static void put_durations(MrTextBuilder *out, const MrStreamTimes *times)
{
    mr_builder_printf(out,
                      "\"durationMs\" : {\"addBatch\" : %" PRId64 ", \"commitOffsets\" : %" PRId64
                      ", \"latestOffset\" : %" PRId64
                      ", \"queryPlanning\" : 0, \"walCommit\" : %" PRId64
                      ", \"triggerExecution\" : %" PRId64 "}",
                      (times->run_ns - times->planned_ns) / 1000000,
                      (times->committed_ns - times->run_ns) / 1000000,
                      (times->latest_ns - times->begin_ns) / 1000000,
                      (times->planned_ns - times->latest_ns) / 1000000,
                      (times->committed_ns - times->begin_ns) / 1000000);
}

/* As Spark calls its operators with state; ours where it has none. */
static const char *state_name(MrPhysKind kind)
{
    switch (kind) {
    case MR_PHYS_OP_AGGREGATE:
        return "stateStoreSave";
    case MR_PHYS_OP_SESSION:
        return "sessionWindowStateStoreSave";
    case MR_PHYS_OP_STREAM_JOIN:
        return "symmetricHashJoin";
    default:
        return mr_phys_name(kind);
    }
}

static void put_state(MrTextBuilder *out, MrStream *stream, int32_t n, bool *first)
{
    const MrPhys *phys = stream->nodes[n];
    const MrStreamTimes *times = &stream->times;
    MrOpMetrics metrics;
    MrStateCount count = {0};
    if (!mr_phys_has_state(phys) || !mr_run_metrics(stream->run, phys->id, &metrics))
        return;
    bool counts = mr_run_count_state(stream->run, phys->id, &count);
    /* Spark's partitions are our workers; updates and removals are not timed apart from the rest.
     */
    mr_builder_printf(
        out,
        "%s{\"operatorName\" : \"%s\", \"numRowsTotal\" : %" PRId64
        ", \"numRowsUpdated\" : %" PRId64
        ", \"allUpdatesTimeMs\" : 0, \"numRowsRemoved\" : %" PRId64
        ", \"allRemovalsTimeMs\" : 0, \"commitTimeMs\" : %" PRId64
        ", \"memoryUsedBytes\" : %" PRId64 ", \"numRowsDroppedByWatermark\" : %" PRId64
        ", \"numShufflePartitions\" : %d, \"numStateStoreInstances\" : %d, \"customMetrics\" : {}}",
        *first ? "" : ", ", state_name(phys->kind), counts ? count.rows : metrics.state_rows,
        count.updated, count.removed, (times->committed_ns - times->run_ns) / 1000000,
        metrics.memory_bytes, metrics.late_rows - stream->late_before[n], (int)stream->n_workers,
        (int)stream->n_workers);
    stream->late_before[n] = metrics.late_rows; /* counters run on from epoch to epoch */
    *first = false;
}

/* Spark has a map of texts here; a source without losses has none. */
static void put_metrics(MrTextBuilder *out, MrStreamSource *source)
{
    int64_t n_bad = source->source->n_bad, n_skipped = source->source->n_skipped;
    if (n_bad > source->bad_before || n_skipped > source->skipped_before)
        mr_builder_printf(out,
                          ", \"metrics\" : {\"numMalformedRecords\" : \"%" PRId64
                          "\", \"numSkippedFiles\" : \"%" PRId64 "\"}",
                          n_bad - source->bad_before, n_skipped - source->skipped_before);
    source->bad_before = n_bad;
    source->skipped_before = n_skipped;
}

/* Of the first watermark that has seen any, as Spark. */
static MrEventTimes times_seen(const MrStream *stream, int64_t epoch)
{
    MrEventTimes seen = {0};
    for (int32_t i = 0; i < stream->n_marks && seen.n + seen.n_null == 0; i++)
        seen = mr_run_event_times(stream->run, stream->marks[i].id, epoch);
    return seen;
}

static void put_event_times(MrTextBuilder *out, MrEventTimes seen, int64_t watermark_us)
{
    const struct {
        const char *name;
        bool shown;
        int64_t us;
    } instants[] = {{"avg", seen.n > 0, seen.n > 0 ? (int64_t)(seen.sum_us / (double)seen.n) : 0},
                    {"max", seen.n > 0, seen.max_us},
                    {"min", seen.n > 0, seen.min_us},
                    {"watermark", watermark_us != MR_TIME_MIN, watermark_us}};
    const char *comma = "";
    mr_builder_str(out, ", \"eventTime\" : {");
    for (int64_t i = 0; i < MR_COUNT(instants); i++) {
        if (!instants[i].shown)
            continue;
        mr_builder_printf(out, "%s\"%s\" : ", comma, instants[i].name);
        put_instant(out, instants[i].us);
        comma = ", ";
    }
    if (seen.n_null > 0 || seen.n_ahead > 0)
        mr_builder_printf(out, "%s\"numNull\" : \"%" PRId64 "\", \"numAhead\" : \"%" PRId64 "\"",
                          comma, seen.n_null, seen.n_ahead);
    mr_builder_char(out, '}');
}

static void put_progress(MrTextBuilder *out, MrStream *stream, const MrPlanned *planned,
                         int64_t input_rows, const int64_t *source_rows, int64_t output_rows)
{
    const MrStreamTimes *times = &stream->times;
    int64_t ns = times->committed_ns - times->begin_ns;
    int64_t waited_ns = stream->begun_ns > 0 ? times->begin_ns - stream->begun_ns : 0;
    bool first = true;
    mr_builder_str(out, "{");
    mr_json_put_member(out, "id", stream->query_id);
    mr_builder_str(out, ", ");
    mr_json_put_member(out, "runId", stream->run_id);
    mr_builder_str(out, ", ");
    mr_json_put_member(out, "name", stream->options.name);
    mr_builder_str(out, ", \"timestamp\" : ");
    put_instant(out, planned->time_us);
    mr_builder_printf(out,
                      ", \"batchId\" : %" PRId64 ", \"batchDuration\" : %" PRId64
                      ", \"numInputRows\" : %" PRId64 ", ",
                      planned->epoch, ns / 1000000, input_rows);
    put_rates(out, input_rows, waited_ns, ns);
    mr_builder_str(out, ", ");
    put_durations(out, times);
    put_event_times(out, times_seen(stream, planned->epoch), planned->evict_us);
    mr_builder_str(out, ", \"stateOperators\" : [");
    for (int32_t n = 0; n < stream->n_nodes; n++)
        put_state(out, stream, n, &first);
    mr_builder_str(out, "], \"sources\" : [");
    for (int32_t i = 0; i < stream->n_sources; i++) {
        const MrStreamSource *source = &stream->sources[i];
        mr_builder_str(out, i > 0 ? ", {" : "{");
        mr_json_put_member(out, "description", source->phys->scan.name);
        mr_builder_str(out, ", ");
        put_position(out, "startOffset", source->from);
        mr_builder_str(out, ", ");
        put_position(out, "endOffset", source->to);
        mr_builder_str(out, ", \"latestOffset\" : null");
        mr_builder_printf(out, ", \"numInputRows\" : %" PRId64 ", ", source_rows[i]);
        put_rates(out, source_rows[i], waited_ns, ns);
        put_metrics(out, &stream->sources[i]);
        mr_builder_char(out, '}');
    }
    mr_builder_str(out, "], \"sink\" : {");
    mr_json_put_member(out, "description", stream->options.sink_type->name);
    mr_builder_printf(out, ", \"numOutputRows\" : %" PRId64 "}}", output_rows);
}

static int64_t late_rows(const MrStream *stream)
{
    MrOpMetrics metrics;
    int64_t n_late = 0;
    for (int32_t n = 0; n < stream->n_nodes; n++)
        if (mr_run_metrics(stream->run, stream->nodes[n]->id, &metrics))
            n_late += metrics.late_rows;
    return n_late;
}

void mr__stream_report(MrStream *stream, const MrPlanned *planned)
{
    int64_t *source_rows = MR_NEW_N(&stream->epoch_arena, int64_t, stream->n_sources);
    int64_t total_rows = 0, output_rows = 0;
    for (int32_t i = 0; i < stream->n_sources; i++) {
        MrOpMetrics metrics;
        if (!mr_run_metrics(stream->run, stream->sources[i].scan_id, &metrics))
            continue;
        /* Counters run on from epoch to epoch. */
        int64_t read = metrics.rows_in > metrics.rows_out ? metrics.rows_in : metrics.rows_out;
        source_rows[i] = read - stream->sources[i].rows_before;
        stream->sources[i].rows_before = read;
        total_rows += source_rows[i];
    }
    for (int32_t i = 0; i < stream->n_workers; i++)
        output_rows += stream->output_rows[i].n;
    stream->totals.input_rows += total_rows;
    stream->totals.late_rows = late_rows(stream);
    for (int32_t i = 0; i < stream->n_marks; i++) {
        MrEventTimes seen = mr_run_event_times(stream->run, stream->marks[i].id, planned->epoch);
        stream->totals.ahead_rows += seen.n_ahead;
        stream->totals.null_times += seen.n_null;
    }
    if (!stream->options.progress)
        return;
    MrTextBuilder out = {.arena = &stream->epoch_arena};
    put_progress(&out, stream, planned, total_rows, source_rows, output_rows);
    stream->options.progress(stream->options.progress_self, mr_builder_text(&out));
    stream->begun_ns = stream->times.begin_ns;
}
