/* stream.c - opening, recovery, one epoch step by step, and the triggers. */
#include "stream/stream_int.h"

#include <inttypes.h>
#include <stdio.h>

/* State entries of the stream itself stand under this operator; state ids begin at 1. */
#define STREAM_OPERATOR (-1)
enum { TABLE_WATERMARK = 0, TABLE_SOURCES = 1, TABLE_OUTPUT = 2 };

#define POLL_US 1000

/* ---------------------------------------------------------------- opening */

static void find_nodes(MrStream *stream, const MrPhys *phys)
{
    for (int32_t n = 0; n < stream->n_nodes && phys->kind == MR_PHYS_OP_SHARED; n++)
        if (stream->nodes[n]->kind == MR_PHYS_OP_SHARED &&
            stream->nodes[n]->shared.shared_id == phys->shared.shared_id)
            return;
    MR_PUSH(&stream->arena, stream->nodes, stream->n_nodes, stream->cap_nodes, phys);
    if (phys->kind == MR_PHYS_OP_SCAN && phys->scan.streaming)
        MR_PUSH(&stream->arena, stream->sources, stream->n_sources, stream->cap_sources,
                ((MrStreamSource){.scan_id = phys->id, .source = phys->scan.source, .phys = phys}));
    if (phys->kind == MR_PHYS_OP_WATERMARK)
        MR_PUSH(&stream->arena, stream->marks, stream->n_marks, stream->cap_marks,
                ((MrStreamMark){phys->id, phys->state_id, MR_TIME_MIN}));
    if (phys->kind == MR_PHYS_OP_AGGREGATE || phys->kind == MR_PHYS_OP_SESSION ||
        phys->kind == MR_PHYS_OP_STREAM_JOIN)
        stream->closes = true; /* a moved watermark may give rows without new input */
    for (int32_t i = 0; i < phys->n_inputs; i++)
        find_nodes(stream, phys->inputs[i]);
}

/* What a source remembers: its number and its own key. */
static MrStatus recall(MrStream *stream, const MrStateEntry *entry, MrReader *key, MrError *err)
{
    uint32_t idx;
    if (!mr_reader_u32(key, &idx) || idx >= (uint32_t)stream->n_sources ||
        !stream->sources[idx].source->type->recall)
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "the memory of a source");
    MrSource *source = stream->sources[idx].source;
    return source->type->recall(source, (MrText){(const char *)key->at, key->end - key->at},
                                entry->deleted ? NULL : &entry->value, err);
}

static MrStatus apply_entry(void *self, const MrStateEntry *entry, MrError *err)
{
    MrStream *stream = self;
    if (entry->operator_id != STREAM_OPERATOR)
        return mr_run_apply(stream->run, entry->operator_id, entry->table, entry->key,
                            entry->deleted ? NULL : &entry->value, err);
    MrReader key = mr_reader(entry->key.data, entry->key.size_bytes);
    MrReader value = mr_reader(entry->value.data, entry->value.size_bytes);
    uint32_t id = 0;
    uint64_t us = 0;
    if (entry->table == TABLE_SOURCES)
        return recall(stream, entry, &key, err);
    if (entry->table == TABLE_OUTPUT) {
        uint64_t epoch = 0, lineage = 0;
        if (!mr_reader_u32(&key, &id) || id >= MR_COUNT(stream->outputs) ||
            !mr_reader_u64(&value, &epoch) || !mr_reader_u64(&value, &lineage))
            return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "output entry of the stream");
        stream->outputs[id] = (MrEpochMark){(int64_t)epoch, lineage};
        return MR_OK;
    }
    if (!mr_reader_u32(&key, &id) || !mr_reader_u64(&value, &us))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "watermark entry of the stream");
    for (int32_t i = 0; i < stream->n_marks; i++)
        if (stream->marks[i].state_id == (int32_t)id)
            stream->marks[i].watermark_us = (int64_t)us;
    return MR_OK;
}

static const char *uuid_random(MrStream *stream)
{
    MrOs *os = stream->options.os;
    uint64_t high = os->random_u64(os), low = os->random_u64(os);
    return mr_arena_printf(&stream->arena, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(high >> 32),
                           (unsigned)(high >> 16) & 0xffff, (unsigned)high & 0xfff,
                           (unsigned)(low >> 48 & 0x3fff) | 0x8000,
                           (unsigned long long)(low & 0xffffffffffff));
}

static MrStatus open_checkpoint(MrStream *stream, const MrStreamOptions *options,
                                MrRecovered *found, MrError *err)
{
    if (!options->checkpoint) {
        *found = (MrRecovered){.is_new = true, .closed_through = -1};
        found->query_id = uuid_random(stream);
        return MR_OK;
    }
    return mr_checkpoint_open(
        &(MrCheckpointOptions){.os = options->os,
                               .budget = &stream->budget,
                               .path = options->checkpoint,
                               .fingerprint = options->fingerprint,
                               .snapshot_every_bytes = options->snapshot_bytes},
        apply_entry, stream, &stream->checkpoint, found, err);
}

static const char *own_position(MrStream *stream, MrText position)
{
    return position.size_bytes > 0
               ? mr_arena_strn(&stream->arena, position.data, position.size_bytes)
               : NULL;
}

/* The batch time of the epoch before, which rides in the plan of a DStream's epoch. */
static int64_t previous_of(const MrStream *stream, MrText extra)
{
    uint64_t us = 0;
    MrReader reader = {(const uint8_t *)extra.data, (const uint8_t *)extra.data + extra.size_bytes,
                       false};
    if (stream->options.trigger != MR_TRIGGER_BATCH_INTERVAL || extra.size_bytes == 0 ||
        !mr_reader_u64(&reader, &us))
        return MR_TIME_MIN;
    return (int64_t)us;
}

/* Sources that cannot replay take back what they have kept in the checkpoint's folder. */
static MrStatus open_logs(MrStream *stream, MrError *err)
{
    for (int32_t i = 0; i < stream->n_sources; i++) {
        MrSource *source = stream->sources[i].source;
        if (source->type->log_open)
            MR_TRY(source->type->log_open(
                source,
                mr_arena_printf(&stream->arena, "%s/received/%d", stream->options.checkpoint, i),
                stream->sources[i].from, err));
    }
    return MR_OK;
}

static MrStatus poll_sources(MrStream *stream, MrError *err)
{
    for (int32_t i = 0; i < stream->n_sources; i++) {
        MrSource *source = stream->sources[i].source;
        if (source->type->poll)
            MR_TRY(source->type->poll(source, err));
    }
    return MR_OK;
}

/* A sink that knows another history has met another run, or a log that has lost its end. */
static MrStatus sink_commit(MrStream *stream, MrEpochId epoch, const MrText *tokens,
                            int32_t n_tokens, MrError *err)
{
    MrStatus status = stream->options.sink_type->commit(stream->sink, epoch, tokens, n_tokens, err);
    if (status != MR_OK && err->condition == MR_COND_CONCURRENT_STREAM_LOG_UPDATE &&
        stream->checkpoint)
        mr_error_add(err, "in checkpoint '%s': was the end of its newest log cut or damaged?",
                     stream->options.checkpoint);
    return status;
}

/* Takes up where the log ends: epochs that are committed but not closed are made visible again, one
 * that is only planned is run again just as it was planned (D15). */
static MrStatus recover(MrStream *stream, const MrRecovered *found, MrError *err)
{
    const MrConnectorType *type = stream->options.sink_type;
    stream->epoch = -1;
    stream->lineage = mr_hash_stable(found->query_id, (int64_t)strlen(found->query_id), 0);
    stream->evict_us = stream->late_us = MR_TIME_MIN;
    if (!found->is_new) {
        const MrPlanned *planned = &found->planned;
        if (planned->n_sources != stream->n_sources)
            return MR_FAIL(err, MR_COND_STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA,
                           "OpsInMetadataSeq", "another number of sources", "OpsInCurBatchSeq",
                           "the query's");
        for (int32_t i = 0; i < stream->n_sources; i++) {
            stream->sources[i].from =
                own_position(stream, found->committed ? planned->to[i] : planned->from[i]);
            if (!found->committed)
                stream->sources[i].replay_to = own_position(stream, planned->to[i]);
        }
        stream->epoch = found->committed ? planned->epoch : planned->epoch - 1;
        stream->lineage = planned->lineage;
        stream->late_us = planned->late_us;
        stream->evict_us = planned->evict_us;
        stream->replay = !found->committed;
        stream->replay_time_us = planned->time_us;
        stream->last_us = found->committed ? planned->time_us : previous_of(stream, planned->extra);
        stream->replay_seed = planned->seed;
        stream->closed_through = found->closed_through;
    }
    if (stream->checkpoint)
        MR_TRY(open_logs(stream, err));
    else
        MR_TRY(poll_sources(stream, err)); /* what comes from now on belongs to the stream */
    /* An epoch that is not closed may not be in the sink yet; the output before it must be. */
    bool open = !found->is_new && found->committed && found->closed_through < stream->epoch;
    const MrEpochMark *mark =
        &stream->outputs[open && stream->outputs[0].epoch == stream->epoch ? 1 : 0];
    if (type->check_mark && mark->epoch >= 0)
        MR_TRY(type->check_mark(stream->sink, *mark, err));
    if (type->recover)
        MR_TRY(type->recover(stream->sink, stream->epoch, err));
    if (found->is_new || !found->committed || found->closed_through >= stream->epoch)
        return MR_OK;
    if (!(type->flags & MR_CONN_REPLAY_SINK))
        MR_TRY(sink_commit(stream,
                           (MrEpochId){.epoch = stream->epoch,
                                       .lineage = stream->lineage,
                                       .time_us = found->planned.time_us,
                                       .previous_us = MR_TIME_MIN},
                           found->commit.tokens, found->commit.n_tokens, err));
    stream->closed_through = stream->epoch;
    return MR_OK;
}

/* The next multiple of the interval that is neither past nor done.  It comes due by the clock that
 * does not go back as well: when the wall clock is set back, batches go on. */
static void batch_schedule(MrStream *stream)
{
    MrOs *os = stream->options.os;
    int64_t interval_us = stream->options.interval_us;
    if (stream->options.trigger != MR_TRIGGER_BATCH_INTERVAL)
        return;
    int64_t now_us = os->now_us(os);
    int64_t next_us = stream->n_worked == 0 ? now_us / interval_us * interval_us + interval_us : 0;
    if (stream->last_us != MR_TIME_MIN && next_us < stream->last_us + interval_us)
        next_us = stream->last_us + interval_us;
    int64_t wait_us = next_us - now_us;
    wait_us = wait_us < 0 ? 0 : wait_us > interval_us ? interval_us : wait_us;
    stream->next_us = next_us;
    stream->next_ns = stream->replay ? 0 : os->tick_ns(os) + wait_us * 1000;
}

/* Whether a batch is due; then next_us is its time: the last multiple that has passed. */
static bool batch_due(MrStream *stream)
{
    MrOs *os = stream->options.os;
    int64_t now_us = os->now_us(os), interval_us = stream->options.interval_us;
    if (now_us < stream->next_us && os->tick_ns(os) < stream->next_ns)
        return false;
    int64_t passed_us = now_us / interval_us * interval_us;
    if (passed_us > stream->next_us)
        stream->next_us = passed_us;
    return true;
}

static MrStatus stream_start(MrStream *stream, MrError *err)
{
    const MrStreamOptions *options = &stream->options;
    MrRecovered found = {0};
    stream->closed_through = -1;
    stream->last_us = MR_TIME_MIN;
    for (int64_t i = 0; i < MR_COUNT(stream->outputs); i++)
        stream->outputs[i].epoch = -1;
    stream->run_id = uuid_random(stream);
    find_nodes(stream, options->phys);
    stream->late_before = MR_NEW_N(&stream->arena, int64_t, stream->n_nodes + 1);
    MR_TRY(mr_run_create(options->phys,
                         &(MrRunOptions){.os = options->os,
                                         .budget = &stream->budget,
                                         .settings = options->settings,
                                         .n_workers = options->n_workers,
                                         .spill_dir = options->spill_dir,
                                         .canceled = options->canceled,
                                         .batch_rows = options->batch_rows},
                         &stream->run, err));
    stream->n_workers = options->n_workers > 0 ? options->n_workers : mr_cpu_count();
    stream->writers = MR_NEW_N(&stream->arena, MrSinkWriter *, stream->n_workers);
    stream->tokens = MR_NEW_N(&stream->arena, MrBuffer, stream->n_workers);
    stream->output_rows = MR_NEW_N(&stream->arena, MrStreamCount, stream->n_workers);
    for (int32_t i = 0; i < stream->n_workers; i++)
        mr_buffer_init(&stream->tokens[i], &stream->budget, 64 << 20);
    MR_TRY(open_checkpoint(stream, options, &found, err));
    stream->query_id = mr_arena_str(&stream->arena, found.query_id);
    MR_TRY(options->open_sink(options->self, stream->query_id, &stream->sink, err));
    MR_TRY(recover(stream, &found, err));
    batch_schedule(stream);
    return MR_OK;
}

MrStatus mr_stream_open(const MrStreamOptions *options, MrStream **out, MrError *err)
{
    MrStatus status;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(options->budget, (int64_t)sizeof(MrStream), &block, err));
    MrStream *stream = block;
    stream->options = *options;
    mr_budget_init(&stream->budget, "stream", options->budget, INT64_MAX);
    mr_arena_init(&stream->arena, &stream->budget);
    mr_arena_init(&stream->epoch_arena, &stream->budget);
    mr_state_writer_init(&stream->changes, &stream->budget);
    mr_buffer_init(&stream->key, &stream->budget, INT64_MAX);
    MR_GUARD_BEGIN(status, err)
        status = stream_start(stream, err);
    MR_GUARD_END(status)
    if (status != MR_OK)
        mr_stream_close(stream);
    else
        *out = stream;
    return status;
}

static void close_writers(MrStream *stream)
{
    for (int32_t i = 0; stream->writers && i < stream->n_workers; i++) {
        stream->options.sink_type->writer_close(stream->writers[i]);
        stream->writers[i] = NULL;
    }
}

void mr_stream_close(MrStream *stream)
{
    if (!stream)
        return;
    MrBudget *parent = stream->options.budget;
    mr_run_destroy(stream->run); /* first: its workers use the writers */
    close_writers(stream);
    for (int32_t i = 0; stream->tokens && i < stream->n_workers; i++)
        mr_buffer_deinit(&stream->tokens[i]);
    if (stream->sink)
        stream->options.sink_type->close_sink(stream->sink);
    mr_checkpoint_close(stream->checkpoint);
    mr_state_writer_deinit(&stream->changes);
    mr_buffer_deinit(&stream->key);
    mr_arena_deinit(&stream->epoch_arena);
    mr_arena_deinit(&stream->positions[0]);
    mr_arena_deinit(&stream->positions[1]);
    mr_arena_deinit(&stream->arena);
    mr_budget_deinit(&stream->budget);
    mr_budget_free(parent, stream, (int64_t)sizeof *stream);
}

/* ---------------------------------------------------------------- one epoch */

/* The watermark that the marks give together: the smallest, cut to milliseconds (T3). */
static int64_t watermark_us(const MrStream *stream)
{
    int64_t least = stream->n_marks > 0 ? INT64_MAX : MR_TIME_MIN;
    for (int32_t i = 0; i < stream->n_marks; i++)
        if (stream->marks[i].watermark_us < least)
            least = stream->marks[i].watermark_us;
    if (least == MR_TIME_MIN)
        return stream->evict_us;
    int64_t ms = least / 1000 - (least % 1000 < 0);
    return ms * 1000 > stream->evict_us ? ms * 1000 : stream->evict_us; /* never back (P11) */
}

/* Asks the sources how far they are.  *any: some of them has more. */
static MrStatus latest_positions(MrStream *stream, bool *any, MrError *err)
{
    bool unlimited = stream->options.trigger == MR_TRIGGER_ONCE;
    bool ends = stream->options.trigger == MR_TRIGGER_AVAILABLE_NOW;
    *any = false;
    for (int32_t i = 0; i < stream->n_sources; i++) {
        MrStreamSource *source = &stream->sources[i];
        const MrConnectorType *type = source->source->type;
        if (stream->replay) {
            source->to = source->replay_to;
        } else if (ends && source->asked && !type->end_here) {
            source->to = source->from; /* what there was at the start is given */
        } else {
            if (ends && !source->asked && type->end_here)
                type->end_here(source->source);
            source->asked = true;
            MR_TRY(type->latest(source->source, source->from, unlimited, &stream->epoch_arena,
                                &source->to, err));
        }
        bool moved = source->to && (!source->from || strcmp(source->from, source->to) != 0);
        source->has_more = moved;
        *any |= moved;
    }
    return MR_OK;
}

static MrText text_or_none(const char *text)
{
    return text ? mr_text(text) : (MrText){"", 0};
}

static uint64_t next_lineage(const MrStream *stream, const MrPlanned *planned)
{
    uint64_t hash = stream->lineage;
    for (int32_t i = 0; i < planned->n_sources; i++) {
        hash = mr_hash_stable(planned->from[i].data, planned->from[i].size_bytes, hash);
        hash = mr_hash_stable(planned->to[i].data, planned->to[i].size_bytes, hash);
    }
    return hash;
}

static MrStatus plan_epoch(MrStream *stream, MrPlanned *planned, MrError *err)
{
    MrOs *os = stream->options.os;
    MrText *from = MR_NEW_N(&stream->epoch_arena, MrText, stream->n_sources);
    MrText *to = MR_NEW_N(&stream->epoch_arena, MrText, stream->n_sources);
    for (int32_t i = 0; i < stream->n_sources; i++) {
        from[i] = text_or_none(stream->sources[i].from);
        to[i] = text_or_none(stream->sources[i].to);
    }
    bool batches = stream->options.trigger == MR_TRIGGER_BATCH_INTERVAL;
    *planned = (MrPlanned){.epoch = stream->epoch + 1,
                           .time_us = stream->replay ? stream->replay_time_us
                                      : batches      ? stream->next_us
                                                     : os->now_us(os),
                           .seed = stream->replay ? stream->replay_seed : os->random_u64(os),
                           .closed_through = stream->closed_through,
                           .n_sources = stream->n_sources,
                           .from = from,
                           .to = to};
    if (batches && stream->last_us != MR_TIME_MIN) {
        uint8_t *extra = mr_arena_alloc(&stream->epoch_arena, 8);
        for (int b = 0; b < 8; b++)
            extra[b] = (uint8_t)((uint64_t)stream->last_us >> (8 * b));
        planned->extra = (MrText){(const char *)extra, 8};
    }
    planned->late_us = stream->replay ? stream->late_us : stream->evict_us;
    planned->evict_us = stream->replay ? stream->evict_us : watermark_us(stream);
    planned->lineage = stream->replay ? stream->lineage : next_lineage(stream, planned);
    /* A sink whose effects are seen before COMMITTED needs the plan on the disk first; for the
     * others one sync, that of COMMITTED, makes both records durable. */
    bool sync = (stream->options.sink_type->flags & MR_CONN_REPLAY_SINK) != 0;
    if (!stream->checkpoint || stream->replay)
        return MR_OK;
    for (int32_t i = 0; i < stream->n_sources; i++) { /* the data before the record that names it */
        MrSource *source = stream->sources[i].source;
        if (source->type->log && stream->sources[i].to)
            MR_TRY(source->type->log(source, stream->sources[i].to, err));
    }
    return mr_checkpoint_plan(stream->checkpoint, planned, sync, err);
}

static MrStatus set_splits(MrStream *stream, MrError *err)
{
    for (int32_t i = 0; i < stream->n_sources; i++) {
        MrStreamSource *source = &stream->sources[i];
        MrSplit *splits = NULL;
        int64_t n_splits = 0;
        if (source->to && (!source->from || strcmp(source->from, source->to) != 0))
            MR_TRY(source->source->type->plan_splits(source->source, source->from, source->to,
                                                     &source->phys->scan.spec, &stream->epoch_arena,
                                                     &splits, &n_splits, err));
        mr_run_set_splits(stream->run, source->scan_id, splits, n_splits);
    }
    return MR_OK;
}

static MrStatus write_rows(MrStream *stream, int32_t worker_idx, const MrEvalContext *context,
                           MrBatch *batch, MrError *err)
{
    const MrConnectorType *type = stream->options.sink_type;
    if (batch->n_sel == 0)
        return MR_OK;
    if (!stream->writers[worker_idx])
        MR_TRY(type->writer_open(stream->sink, stream->epoch_id, worker_idx, &stream->budget,
                                 &stream->writers[worker_idx], err));
    stream->output_rows[worker_idx].n += batch->n_sel;
    return type->write(stream->writers[worker_idx], context, batch, err);
}

/* Beyond changes a sink is given rows without weights, each as often as it counts; retractions are
 * not shown (update mode: new values only). */
static MrStatus write_batch(MrStream *stream, int32_t worker_idx, const MrEvalContext *context,
                            MrBatch *batch, MrError *err)
{
    const int64_t *weights = batch->weights;
    if (!weights || stream->options.output_mode == MR_MODE_CHANGES)
        return write_rows(stream, worker_idx, context, batch, err);
    uint16_t *sel = mr_arena_alloc(&batch->arena, (int64_t)sizeof *sel * (batch->n_sel + 1));
    for (int32_t i = 0; i < batch->n_sel; i++)
        sel[i] = (uint16_t)mr_batch_row(batch, i);
    batch->weights = NULL;
    batch->sel = sel;
    for (int64_t copy = 0; batch->n_sel > 0; copy++) {
        int32_t n_sel = 0;
        for (int32_t i = 0; i < batch->n_sel; i++)
            if (weights[sel[i]] > copy)
                sel[n_sel++] = sel[i];
        batch->n_sel = n_sel;
        if (context->canceled && *context->canceled) /* a row may count millions of times */
            return MR_FAIL(err, MR_COND_OPERATION_CANCELED);
        MR_TRY(write_rows(stream, worker_idx, context, batch, err));
    }
    return MR_OK;
}

static MrStatus consume(void *self, int32_t worker_idx, const MrEvalContext *context,
                        MrBatch *batch, MrError *err)
{
    MrStream *stream = self;
    MrStatus status;
    MR_ASSERT(worker_idx < stream->n_workers);
    MR_GUARD_BEGIN(status, err) /* the batch is ours: a refusal must not jump over its end */
        status = write_batch(stream, worker_idx, context, batch, err);
    MR_GUARD_END(status)
    mr_batch_destroy(batch);
    return status;
}

/* Sinks that show whole results (console, memory, foreachBatch) hear of every epoch, also an empty
 * one. */
static MrStatus prepare_all(MrStream *stream, MrText *tokens, int32_t *n_tokens, MrError *err)
{
    const MrConnectorType *type = stream->options.sink_type;
    bool any = false;
    *n_tokens = 0;
    for (int32_t i = 0; i < stream->n_workers; i++)
        any |= stream->writers[i] != NULL;
    if (!any && (type->flags & MR_CONN_REPLAY_SINK))
        MR_TRY(type->writer_open(stream->sink, stream->epoch_id, 0, &stream->budget,
                                 &stream->writers[0], err));
    for (int32_t i = 0; i < stream->n_workers; i++) {
        if (!stream->writers[i])
            continue;
        stream->tokens[i].size_bytes = 0;
        MR_TRY(type->prepare(stream->writers[i], &stream->tokens[i], err));
        tokens[(*n_tokens)++] = (MrText){stream->tokens[i].data, stream->tokens[i].size_bytes};
    }
    return MR_OK;
}

/* The marks as they are after this epoch ride with its state. */
static MrStatus save_marks(MrStream *stream, MrError *err)
{
    stream->changes.operator_id = STREAM_OPERATOR;
    for (int32_t i = 0; i < stream->n_marks; i++) {
        MrStreamMark *mark = &stream->marks[i];
        int64_t seen_us = mr_run_watermark_us(stream->run, mark->id);
        if (seen_us > mark->watermark_us)
            mark->watermark_us = seen_us;
        if (mark->watermark_us == MR_TIME_MIN)
            continue;
        uint32_t id = (uint32_t)mark->state_id;
        uint64_t us = (uint64_t)mark->watermark_us;
        MR_TRY(mr_state_put(&stream->changes, TABLE_WATERMARK, (MrText){(char *)&id, 4},
                            (MrText){(char *)&us, 8}, err));
    }
    return MR_OK;
}

/* The last epoch that had output and the one before it, and their lineages. */
static MrStatus save_outputs(MrStream *stream, MrError *err)
{
    stream->changes.operator_id = STREAM_OPERATOR;
    for (uint32_t i = 0; i < MR_COUNT(stream->outputs); i++) {
        uint64_t value[] = {(uint64_t)stream->outputs[i].epoch, stream->outputs[i].lineage};
        if (stream->outputs[i].epoch >= 0)
            MR_TRY(mr_state_put(&stream->changes, TABLE_OUTPUT, (MrText){(char *)&i, 4},
                                (MrText){(char *)value, sizeof value}, err));
    }
    return MR_OK;
}

typedef struct SourceMemory {
    MrStream *stream;
    uint32_t source_idx;
} SourceMemory;

static MrStatus put_memory(void *self, MrText key, const MrText *value, MrError *err)
{
    SourceMemory *memory = self;
    MrStream *stream = memory->stream;
    stream->key.size_bytes = 0;
    MR_TRY(mr_buffer_put_u32(&stream->key, memory->source_idx, err));
    MR_TRY(mr_buffer_put(&stream->key, key.data, key.size_bytes, err));
    MrText whole = {stream->key.data, stream->key.size_bytes};
    return value ? mr_state_put(&stream->changes, TABLE_SOURCES, whole, *value, err)
                 : mr_state_delete(&stream->changes, TABLE_SOURCES, whole, err);
}

/* What the sources remember of this epoch, or of all. */
static MrStatus save_sources(MrStream *stream, bool all, MrError *err)
{
    stream->changes.operator_id = STREAM_OPERATOR;
    for (int32_t i = 0; i < stream->n_sources; i++) {
        MrSource *source = stream->sources[i].source;
        const char *to = stream->sources[i].to;
        SourceMemory memory = {stream, (uint32_t)i};
        if (source->type->remember && to)
            MR_TRY(source->type->remember(source, to, all, &(MrMemoryOutput){put_memory, &memory},
                                          err));
    }
    return MR_OK;
}

static MrStatus commit_epoch(MrStream *stream, const MrText *tokens, int32_t n_tokens, MrError *err)
{
    const MrConnectorType *type = stream->options.sink_type;
    bool replays = (type->flags & MR_CONN_REPLAY_SINK) != 0;
    if (replays) /* at least once: the effect comes before the record, a crash in between repeats it
                  */
        MR_TRY(sink_commit(stream, stream->epoch_id, tokens, n_tokens, err));
    mr_state_writer_reset(&stream->changes);
    MR_TRY(save_marks(stream, err));
    if (stream->checkpoint) {
        MR_TRY(save_sources(stream, false, err));
        if (type->check_mark && n_tokens > 0) {
            stream->outputs[1] = stream->outputs[0];
            stream->outputs[0] = (MrEpochMark){stream->epoch_id.epoch, stream->epoch_id.lineage};
            MR_TRY(save_outputs(stream, err));
        }
        MR_TRY(mr_run_save_changes(stream->run, &stream->changes, err));
        MR_TRY(mr_checkpoint_commit(
            stream->checkpoint,
            &(MrCommitted){.epoch = stream->epoch_id.epoch, .n_tokens = n_tokens, .tokens = tokens},
            &stream->changes, err));
    }
    if (!replays)
        MR_TRY(sink_commit(stream, stream->epoch_id, tokens, n_tokens, err));
    return MR_OK;
}

/* Positions live in one of two arenas in turn: the old ones are needed until the new ones are
 * copied. */
static void advance(MrStream *stream, const MrPlanned *planned)
{
    MrArena *arena = &stream->positions[planned->epoch & 1];
    if (!arena->budget)
        mr_arena_init(arena, &stream->budget);
    mr_arena_reset(arena);
    for (int32_t i = 0; i < stream->n_sources; i++)
        stream->sources[i].from =
            stream->sources[i].to ? mr_arena_str(arena, stream->sources[i].to) : NULL;
    stream->epoch = planned->epoch;
    stream->closed_through = planned->epoch;
    stream->late_us = planned->late_us;
    stream->evict_us = planned->evict_us;
    stream->lineage = planned->lineage;
    stream->last_us = planned->time_us;
    stream->replay = false;
}

static MrStatus take_snapshot(MrStream *stream, MrError *err)
{
    if (!stream->checkpoint || !mr_checkpoint_wants_snapshot(stream->checkpoint))
        return MR_OK;
    mr_state_writer_reset(&stream->changes);
    MR_TRY(save_marks(stream, err));
    MR_TRY(save_sources(stream, true, err));
    MR_TRY(save_outputs(stream, err));
    MR_TRY(mr_run_snapshot(stream->run, &stream->changes, err));
    return mr_checkpoint_snapshot(stream->checkpoint, &stream->changes, err);
}

static MrStatus run_epoch(MrStream *stream, MrError *err)
{
    MrOs *os = stream->options.os;
    MrPlanned planned;
    MrText *tokens = MR_NEW_N(&stream->epoch_arena, MrText, stream->n_workers);
    int32_t n_tokens;
    MrStreamTimes *times = &stream->times;
    MR_TRY(plan_epoch(stream, &planned, err));
    times->planned_ns = os->tick_ns(os);
    stream->epoch_id =
        (MrEpochId){planned.epoch, planned.lineage, planned.time_us, stream->last_us};
    memset(stream->output_rows, 0, sizeof(MrStreamCount) * (size_t)stream->n_workers);
    MR_TRY(set_splits(stream, err));
    MrBarrier barrier = {.epoch = planned.epoch,
                         .late_us = planned.late_us,
                         .evict_us = planned.evict_us,
                         .time_us = planned.time_us,
                         .previous_us = stream->last_us};
    MR_TRY(mr_run_epoch(stream->run, &barrier, planned.time_us, planned.seed,
                        &(MrRunOutput){consume, stream}, err));
    MR_TRY(prepare_all(stream, tokens, &n_tokens, err));
    times->run_ns = os->tick_ns(os);
    MR_TRY(commit_epoch(stream, tokens, n_tokens, err));
    close_writers(stream);
    times->committed_ns = os->tick_ns(os);
    mr__stream_report(stream, &planned);
    advance(stream, &planned);
    for (int32_t i = 0; i < stream->n_sources; i++) {
        MrSource *source = stream->sources[i].source;
        if (source->type->acknowledge && stream->sources[i].from)
            MR_TRY(source->type->acknowledge(source, stream->sources[i].from, err));
    }
    return take_snapshot(stream, err);
}

static MrStatus step(MrStream *stream, MrStreamStep *out, MrError *err)
{
    MrOs *os = stream->options.os;
    MrTriggerKind trigger = stream->options.trigger;
    bool bounded = trigger == MR_TRIGGER_AVAILABLE_NOW || trigger == MR_TRIGGER_ONCE;
    bool any;
    mr_arena_reset(&stream->epoch_arena);
    stream->times.begin_ns = os->tick_ns(os);
    bool early = trigger == MR_TRIGGER_PROCESSING_TIME ? stream->times.begin_ns < stream->next_ns
                                                       : trigger == MR_TRIGGER_BATCH_INTERVAL &&
                                                             !stream->replay && !batch_due(stream);
    if (early) {
        *out = MR_STREAM_EARLY;
        return poll_sources(stream, err);
    }
    if (trigger == MR_TRIGGER_PROCESSING_TIME)
        stream->next_ns = stream->times.begin_ns + stream->options.interval_us * 1000;
    MR_TRY(latest_positions(stream, &any, err));
    stream->times.latest_ns = os->tick_ns(os);
    /* A watermark that has moved since the last epoch closes windows without new rows. */
    bool closes = stream->closes && stream->epoch >= 0 && watermark_us(stream) > stream->evict_us;
    if (trigger == MR_TRIGGER_ONCE && stream->n_worked > 0 && !stream->replay)
        any = false;
    any |= trigger == MR_TRIGGER_BATCH_INTERVAL;
    if (!any && !closes && !stream->replay) {
        *out = bounded ? MR_STREAM_ENDED : MR_STREAM_IDLE;
        return MR_OK;
    }
    if (trigger == MR_TRIGGER_ONCE && stream->n_worked > 0)
        for (int32_t i = 0; i < stream->n_sources; i++)
            stream->sources[i].to = stream->sources[i].from;
    MR_TRY(run_epoch(stream, err));
    stream->n_worked++;
    batch_schedule(stream);
    *out = MR_STREAM_WORKED;
    return MR_OK;
}

MrStatus mr_stream_step(MrStream *stream, MrStreamStep *out, MrError *err)
{
    MrStatus status;
    if (stream->failed) /* D3: after a failure only a new process, or a new stream, may go on */
        return MR_FAIL_INTERNAL(err, "the stream has failed before; open it again");
    MR_GUARD_BEGIN(status, err)
        status = step(stream, out, err);
    MR_GUARD_END(status)
    stream->failed = status != MR_OK;
    if (status != MR_OK)
        mr_error_add(err, "in epoch %" PRId64 " of stream '%s'%s%s", stream->epoch + 1,
                     stream->options.name ? stream->options.name : stream->query_id,
                     stream->options.checkpoint ? ", checkpoint " : "",
                     stream->options.checkpoint ? stream->options.checkpoint : "");
    return status;
}

static MrStatus sources_intact(MrStream *stream, bool *out, MrError *err)
{
    *out = true;
    for (int32_t i = 0; i < stream->n_sources && *out; i++) {
        MrSource *source = stream->sources[i].source;
        *out = source->type->intact != NULL;
        if (*out)
            MR_TRY(source->type->intact(source, stream->sources[i].from, out, err));
    }
    return MR_OK;
}

MrStatus mr_stream_intact(MrStream *stream, bool *out, MrError *err)
{
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = sources_intact(stream, out, err);
    MR_GUARD_END(status)
    return status;
}

int64_t mr_stream_wait_us(const MrStream *stream)
{
    MrOs *os = stream->options.os;
    if (stream->options.trigger != MR_TRIGGER_PROCESSING_TIME &&
        stream->options.trigger != MR_TRIGGER_BATCH_INTERVAL)
        return POLL_US;
    int64_t wait_us = (stream->next_ns - os->tick_ns(os)) / 1000;
    return wait_us > 0 ? wait_us : POLL_US;
}
int64_t mr_stream_epoch(const MrStream *stream)
{
    return stream->epoch;
}

int64_t mr_stream_state_rows(const MrStream *stream)
{
    int64_t n_rows = 0;
    for (int32_t n = 0; n < stream->n_nodes; n++) {
        const MrPhys *phys = stream->nodes[n];
        MrOpMetrics metrics;
        MrStateCount count = {0};
        if (!mr_phys_has_state(phys) || !mr_run_metrics(stream->run, phys->id, &metrics))
            continue;
        n_rows +=
            mr_run_count_state(stream->run, phys->id, &count) ? count.rows : metrics.state_rows;
    }
    return n_rows;
}

MrStreamTotals mr_stream_totals(const MrStream *stream)
{
    return stream->totals;
}
