/* streaming_query.c - streaming queries of the C API, each on a thread of its own. */
#include "api/frame_int.h"

#define PROGRESS_MAX_BYTES (16 << 20)
#define REST_US 20000 /* between two looks at an interrupt, which wakes nobody */
#define INTERVAL_MS_MAX INT64_C(31536000000) /* a year */

struct MrStreamingQuery {
    MrSession *session;
    MrQuery *query;
    MrStream *stream;
    MrThread *thread;
    MrMutex *mutex;
    MrCondVar *changed;
    MrBudget budget; /* of the progress texts: written on the thread */
    /* under the mutex */
    bool ended;
    int64_t n_idle; /* times that nothing new was found */
    MrStatus status;
    MrError err;
    MrBuffer progress, shown; /* the newest; what was handed out */
    _Atomic bool stop;
    MrInterrupt *interrupt;
    MrMemorySource *memory; /* the rows of a memory sink; NULL: another sink */
    /* foreachBatch */
    MrStatus (*foreach_batch)(void *self, int64_t epoch, struct ArrowArrayStream *rows,
                              MrError *err);
    void *self;
};

/* The query whose thread this is: it cannot wait for itself. */
static _Thread_local MrStreamingQuery *own_query;

static void keep_progress(void *self, MrText json)
{
    MrStreamingQuery *streaming = self;
    MrError ignored = {0};
    mr_mutex_lock(streaming->mutex);
    streaming->progress.size_bytes = 0;
    if (mr_buffer_put(&streaming->progress, json.data, json.size_bytes, &ignored) != MR_OK ||
        mr_buffer_put(&streaming->progress, "", 1, &ignored) != MR_OK)
        streaming->progress.size_bytes = 0; /* no memory for it: the query goes on without */
    mr_mutex_unlock(streaming->mutex);
}

/* Tells who waits for it that there was nothing to do, and waits for the next look. */
static void rest(MrStreamingQuery *streaming, MrStreamStep step)
{
    int64_t wait_us = mr_stream_wait_us(streaming->stream);
    mr_mutex_lock(streaming->mutex);
    streaming->n_idle += step == MR_STREAM_IDLE;
    mr_cond_signal_all(streaming->changed);
    if (!atomic_load_explicit(&streaming->stop, memory_order_relaxed))
        (void)mr_cond_wait_us(streaming->changed, streaming->mutex,
                              wait_us < REST_US ? wait_us : REST_US);
    mr_mutex_unlock(streaming->mutex);
}

static void ask_to_stop(MrStreamingQuery *streaming)
{
    atomic_store_explicit(&streaming->stop, true, memory_order_relaxed);
    if (!streaming->changed) /* it never started */
        return;
    mr_mutex_lock(streaming->mutex); /* it rests, or it will see the flag before it does */
    mr_cond_signal_all(streaming->changed);
    mr_mutex_unlock(streaming->mutex);
}

/* The checkpoint, and the name of a memory sink's rows. */
static void let_go_of_all(MrStreamingQuery *streaming)
{
    mr_stream_close(streaming->stream);
    streaming->stream = NULL;
    if (streaming->memory)
        mr_memory_table_release(streaming->session, streaming->memory);
    streaming->memory = NULL;
}

static void stream_thread(void *arg)
{
    MrStreamingQuery *streaming = arg;
    MrStatus status = MR_OK;
    MrError err = {.sql_idx = -1};
    bool ended = false;
    own_query = streaming;
    while (!ended && !atomic_load_explicit(&streaming->stop, memory_order_relaxed)) {
        MrStreamStep step = MR_STREAM_ENDED;
        if (atomic_load_explicit(&streaming->interrupt->canceled, memory_order_relaxed))
            status = MR_FAIL(&err, MR_COND_OPERATION_CANCELED);
        else
            status = mr_stream_step(streaming->stream, &step, &err);
        ended = status != MR_OK || step == MR_STREAM_ENDED;
        if (!ended && step != MR_STREAM_WORKED)
            rest(streaming, step);
    }
    let_go_of_all(streaming); /* who sees that it has ended may start it again */
    mr_mutex_lock(streaming->mutex);
    streaming->ended = true;
    streaming->status = status;
    streaming->err = err;
    mr_cond_signal_all(streaming->changed);
    mr_mutex_unlock(streaming->mutex);
}

/* ---------------------------------------------------------------- foreachBatch: an epoch's batches
 * as an Arrow stream */

typedef struct EpochReader {
    MrArrowOwner owner;
    const MrSchema *schema;
    MrBatch *const *batches;
    int32_t n_batches, next;
    MrError err;
    char message[1024];
} EpochReader;

static int epoch_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    EpochReader *reader = stream->private_data;
    if (mr_arrow_export_schema(&reader->owner, reader->schema, out, &reader->err) == MR_OK)
        return 0;
    mr_error_message(&reader->err, reader->message, (int64_t)sizeof reader->message);
    return 12; /* ENOMEM */
}

static int epoch_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    EpochReader *reader = stream->private_data;
    *out = (struct ArrowArray){0};
    if (reader->next == reader->n_batches)
        return 0;
    if (mr_arrow_export_batch(&reader->owner, reader->schema, reader->batches[reader->next++], out,
                              &reader->err) == MR_OK)
        return 0;
    mr_error_message(&reader->err, reader->message, (int64_t)sizeof reader->message);
    return 12;
}

static const char *epoch_error(struct ArrowArrayStream *stream)
{
    return ((EpochReader *)stream->private_data)->message;
}

static void epoch_release(struct ArrowArrayStream *stream)
{
    stream->release = NULL; /* the reader is the callback's frame */
}

static MrStatus call_foreach(void *self, const MrEpochId *epoch, MrBatch *const *batches,
                             int32_t n_batches, const MrSchema *schema, MrError *err)
{
    MrStreamingQuery *streaming = self;
    EpochReader reader = {.owner = mr__session_arrow_owner(streaming->session),
                          .schema = schema,
                          .batches = batches,
                          .n_batches = n_batches};
    struct ArrowArrayStream rows = {.get_schema = epoch_schema,
                                    .get_next = epoch_next,
                                    .get_last_error = epoch_error,
                                    .release = epoch_release,
                                    .private_data = &reader};
    atomic_fetch_add_explicit(&streaming->session->n_nested, 1, memory_order_relaxed);
    MrStatus status = streaming->foreach_batch(streaming->self, epoch->epoch, &rows, err);
    atomic_fetch_sub_explicit(&streaming->session->n_nested, 1, memory_order_relaxed);
    if (status != MR_OK && err->status == MR_OK) /* the user's function gave no reason */
        return MR_FAIL(err, MR_COND_FOREACH_BATCH_USER_FUNCTION_ERROR, "reason",
                       "it returned a failure");
    return status;
}

static MrStatus open_sink(void *self, const MrSinkSpec *spec, MrSink **out, MrError *err)
{
    MrStreamingQuery *streaming = self;
    if (streaming->memory)
        return mr_memory_sink_open(streaming->memory, spec, out, err);
    return mr_foreach_sink_open(&streaming->query->budget, call_foreach, streaming, spec, out, err);
}

/* ---------------------------------------------------------------- starting */

static MrStatus output_mode(const char *mode, MrOutputMode *out, MrError *err)
{
    static const char *const names[] = {"append", "update", "complete",
                                        "changes"}; /* as MrOutputMode */
    *out = MR_MODE_APPEND;
    for (int64_t i = 0; mode && i < MR_COUNT(names); i++)
        if (mr_str_equal_nocase(names[i], mode)) {
            *out = (MrOutputMode)i;
            return MR_OK;
        }
    return mode ? MR_FAIL(err, MR_COND_STREAMING_OUTPUT_MODE__INVALID, "outputMode", mode) : MR_OK;
}

static MrStatus trigger(const MrStreamStart *options, MrTriggerKind *out, MrError *err)
{
    int64_t interval_ms = options->interval_ms;
    int n_given = options->available_now + options->once + (interval_ms != 0);
    if (n_given > 1 || interval_ms < 0 || interval_ms > INTERVAL_MS_MAX) {
        char text[MR_I64_TEXT_MAX + 1] = {0};
        mr_i64_to_text(interval_ms, text);
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter",
                       n_given > 1 ? "interval_ms, available_now, once" : "interval_ms",
                       "functionName", "mr_frame_start", "expectedValue",
                       n_given > 1 ? "one trigger" : "0 to 31536000000", "actualValue",
                       n_given > 1 ? "several" : text);
    }
    *out = options->available_now ? MR_TRIGGER_AVAILABLE_NOW
           : options->once        ? MR_TRIGGER_ONCE
           : interval_ms > 0      ? MR_TRIGGER_PROCESSING_TIME
                                  : MR_TRIGGER_DEFAULT;
    return MR_OK;
}

/* The rows of a memory sink do not outlive their query. */
static MrStatus no_checkpoint_yet(MrQuery *query, const char *checkpoint, MrError *err)
{
    MrFileInfo info;
    MrOs *os = query->session->os;
    MR_TRY(
        os->stat(os, mr_arena_printf(&query->arena, "%s/metadata.json", checkpoint), &info, err));
    return info.exists ? MR_FAIL(err, MR_COND__LEGACY_ERROR_TEMP_1299, "checkpointPath", checkpoint)
                       : MR_OK;
}

static MrStatus start_stream(MrStreamingQuery *streaming, MrFrame *frame,
                             const MrStreamStart *options, MrError *err)
{
    MrQuery *query = streaming->query;
    MrBoundQuery bound;
    const char *format = options->format ? options->format : "parquet";
    bool to_memory =
        !options->foreach_batch && mr_str_equal_nocase(format, mr_connector_memory_sink.name);
    MrStreamTarget target = {.name =
                                 options->name ? mr_arena_str(&query->arena, options->name) : NULL,
                             .checkpoint = options->checkpoint,
                             .type = options->foreach_batch ? &mr_connector_foreach
                                     : to_memory            ? &mr_connector_memory_sink
                                                            : mr_connector_find(format),
                             .progress = keep_progress,
                             .progress_self = streaming,
                             .canceled = &streaming->interrupt->canceled,
                             .open = options->foreach_batch || to_memory ? open_sink : NULL,
                             .open_self = streaming};
    if (!target.type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", format);
    MR_TRY(trigger(options, &target.trigger, err));
    target.interval_us = options->interval_ms * 1000;
    MR_TRY(output_mode(options->output_mode, &target.mode, err));
    MR_TRY(mr_meaning_bind(frame->meaning, query, &bound, err)); /* the frame may be closed */
    if (!bound.plan->streaming)
        return MR_FAIL(err, MR_COND_WRITE_STREAM_NOT_ALLOWED);
    target.options =
        mr__key_values(&query->arena, options->options, options->n_options, options->path);
    for (int32_t i = 0; i < target.options.n_options; i++) { /* the caller's may go */
        MrOption *option = (MrOption *)&target.options.options[i];
        *option = (MrOption){mr_arena_str(&query->arena, option->key),
                             mr_arena_str(&query->arena, option->value)};
    }
    if (to_memory && target.checkpoint && target.mode != MR_MODE_COMPLETE)
        MR_TRY(no_checkpoint_yet(query, target.checkpoint, err));
    if (to_memory)
        MR_TRY(mr_memory_table_create(query->session, target.name, &query->schema,
                                      &streaming->memory, err));
    MR_TRY(mr_query_start_stream(query, bound.plan, &target, &streaming->stream, err));
    if (!to_memory)
        return MR_OK;
    return mr_catalog_put(query->session->catalog,
                          &(MrTable){.kind = MR_CATALOG_VIEW,
                                     .database = MR_CATALOG_TEMP,
                                     .name = target.name,
                                     .provider = mr_connector_memory_sink.name},
                          err);
}

MrStatus mr_frame_start(MrFrame *frame, const MrStreamStart *options, MrStreamingQuery **out,
                        MrError *err)
{
    static const MrStreamStart defaults = {0};
    options = options ? options : &defaults;
    MrStatus status = MR_OK;
    MrSession *session = frame->session;
    void *block;
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr__key_values_check(__func__, options->options, options->n_options, err));
    MR_TRY(
        mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrStreamingQuery), &block, err));
    MrStreamingQuery *streaming = block;
    streaming->session = mr__session_hold(session);
    streaming->foreach_batch = options->foreach_batch;
    streaming->self = options->self;
    mr_budget_init(&streaming->budget, "streaming query", &session->budget, INT64_MAX);
    mr_buffer_init(&streaming->progress, &streaming->budget, PROGRESS_MAX_BYTES);
    mr_buffer_init(&streaming->shown, &streaming->budget, PROGRESS_MAX_BYTES);
    MR_GO(mr_mutex_create(&streaming->budget, &streaming->mutex, err));
    MR_GO(mr_cond_create(&streaming->budget, &streaming->changed, err));
    mr_interrupt_over(session);
    MR_GO(mr_interrupt_take(session, &streaming->interrupt, err));
    MR_GO(mr_query_create(session, &streaming->query, err));
    MR_GUARD_BEGIN(status, err)
        status = start_stream(streaming, frame, options, err);
    MR_GUARD_END(status)
    if (status == MR_OK)
        MR_GO(
            mr_thread_start(&streaming->budget, stream_thread, streaming, &streaming->thread, err));
done:
    if (status != MR_OK)
        mr_streaming_query_close(streaming);
    else
        *out = streaming;
    return status;
}

MrStatus mr_streaming_query_await(MrStreamingQuery *streaming, int64_t timeout_ms, bool *ended,
                                  MrError *err)
{
    MrOs *os = streaming->session->os;
    int64_t deadline_ns = timeout_ms < 0 || timeout_ms > INT64_MAX / 2000000
                              ? INT64_MAX
                              : os->tick_ns(os) + timeout_ms * 1000000;
    mr_mutex_lock(streaming->mutex);
    while (!streaming->ended && own_query != streaming && os->tick_ns(os) < deadline_ns)
        (void)mr_cond_wait_us(streaming->changed, streaming->mutex, 50000);
    *ended = streaming->ended;
    MrStatus status = streaming->ended ? streaming->status : MR_OK;
    if (status != MR_OK)
        *err = streaming->err;
    mr_mutex_unlock(streaming->mutex);
    return status;
}

MrStatus mr_streaming_query_process_all(MrStreamingQuery *streaming, MrError *err)
{
    mr_mutex_lock(streaming->mutex);
    /* Two looks without anything new: the first may have begun before the call. */
    int64_t n_idle = streaming->n_idle;
    while (!streaming->ended && own_query != streaming && streaming->n_idle < n_idle + 2)
        (void)mr_cond_wait_us(streaming->changed, streaming->mutex, 50000);
    MrStatus status = streaming->ended ? streaming->status : MR_OK;
    if (status != MR_OK)
        *err = streaming->err;
    mr_mutex_unlock(streaming->mutex);
    return status;
}

MrStatus mr_streaming_query_stop(MrStreamingQuery *streaming, MrError *err)
{
    bool ended;
    ask_to_stop(streaming);
    return mr_streaming_query_await(streaming, -1, &ended, err);
}

const char *mr_streaming_query_progress(MrStreamingQuery *streaming)
{
    MrError ignored = {0};
    mr_mutex_lock(streaming->mutex);
    streaming->shown.size_bytes = 0;
    bool shown = mr_buffer_put(&streaming->shown, streaming->progress.data,
                               streaming->progress.size_bytes, &ignored) == MR_OK;
    mr_mutex_unlock(streaming->mutex);
    return shown && streaming->shown.size_bytes > 0 ? streaming->shown.data : "";
}

void mr_streaming_query_close(MrStreamingQuery *streaming)
{
    if (!streaming)
        return;
    MrSession *session = streaming->session;
    ask_to_stop(streaming);
    MR_ASSERT(own_query != streaming); /* the header forbids it */
    if (streaming->thread)
        mr_thread_join(streaming->thread);
    let_go_of_all(streaming);
    mr_query_close(streaming->query);
    mr_interrupt_give(session, streaming->interrupt);
    mr_buffer_deinit(&streaming->progress);
    mr_buffer_deinit(&streaming->shown);
    mr_cond_destroy(streaming->changed);
    mr_mutex_destroy(streaming->mutex);
    mr_budget_deinit(&streaming->budget);
    mr_budget_free(&session->budget, streaming, (int64_t)sizeof *streaming);
    mr__session_let_go(session);
}
