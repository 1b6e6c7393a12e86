/* dstream.c - the DStreams of the C API: a graph of lineage, run as one streaming query.
 *
 * The plan is the union of all outputs, each row with the number of its output.  A sink that calls
 * back gets the rows of a batch, takes them apart again and runs the outputs in their order.  What
 * outputs share is computed once.  An epoch is a batch of its own (MrLowerOptions.per_epoch); only
 * sources, windows and keyed states go on from one to the next. */
#include "api/dstream_int.h"

#include "base/hash.h"
#include "connector/callback.h"
#include "function/user_function.h"

#include <inttypes.h>
#include <stdio.h>

#define RECONNECT_MS "2000" /* as spark.streaming.receiverRestartDelay */
#define WAIT_US 20000       /* between two looks at an interrupt, which wakes nobody */
#define INTERVAL_MS_MAX 86400000
#define GRAPH_TEXT_MAX 4000

struct MrDStream {
    MrDStream *next;
    MrStreamContext *context;
    MrLineage *lineage;
    int64_t slide_us; /* has rows at multiples of it */
};

typedef struct Output {
    MrDStream *stream;
    int32_t n_rows; /* print */
    FILE *to;
    MrRddFunction function; /* foreach_rdd; NULL: print */
    void *self;
} Output;

typedef enum StopKind { STOP_NONE, STOP_NOW, STOP_GRACEFULLY } StopKind;

struct MrStreamContext {
    MrSession *session;
    MrBudget budget;
    MrArena arena; /* of the graph */
    int64_t interval_us;
    const char *folder; /* NULL: nothing survives the process */
    MrDStream *streams;
    Output *outputs;
    int32_t n_outputs, cap_outputs;
    bool started;
    MrQuery *query;
    MrStream *stream;
    MrThread *thread;
    MrMutex *mutex;
    MrCondVar *changed;
    /* under the mutex */
    bool ended;
    MrStatus status;
    MrError err;
    _Atomic int stop; /* StopKind */
    MrInterrupt *interrupt;
};

/* The context whose thread this is: it cannot wait for itself. */
static _Thread_local MrStreamContext *own_context;

/* ---------------------------------------------------------------- contexts */

MrStatus mr_stream_context_open(MrSession *session, int64_t interval_ms, MrStreamContext **out,
                                MrError *err)
{
    void *block = NULL;
    *err = (MrError){.sql_idx = -1};
    if (interval_ms < 1 || interval_ms > INTERVAL_MS_MAX)
        return mr__bad_number("mr_stream_context_open", "interval_ms", "1 to 86400000", interval_ms,
                              err);
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrStreamContext), &block, err));
    MrStreamContext *context = block;
    context->session = mr__session_hold(session);
    context->interval_us = interval_ms * 1000;
    mr_budget_init(&context->budget, "stream context", &session->budget, INT64_MAX);
    mr_arena_init(&context->arena, &context->budget);
    *out = context;
    return MR_OK;
}

static MrStatus not_started(const MrStreamContext *context, const char *function, MrError *err)
{
    *err = (MrError){.sql_idx = -1};
    return context->started
               ? mr__bad_parameter(function, "context", "a context that was not started",
                                   "one that was", err)
               : MR_OK;
}

MrStatus mr_stream_context_checkpoint(MrStreamContext *context, const char *folder, MrError *err)
{
    MR_TRY(mr__given(folder != NULL, __func__, "folder", err));
    MrStatus status;
    MR_TRY(not_started(context, "mr_stream_context_checkpoint", err));
    MR_GUARD_BEGIN(status, err)
        context->folder = mr_arena_str(&context->arena, folder);
    MR_GUARD_END(status)
    return status;
}

MrStatus mr_stream_context_restore(MrSession *session, int64_t interval_ms, const char *folder,
                                   MrStatus (*build)(void *self, MrStreamContext *context,
                                                     MrError *err),
                                   void *self, MrStreamContext **out, MrError *err)
{
    MR_TRY(mr__given(folder != NULL, __func__, "folder", err));
    MR_TRY(mr__given(build != NULL, __func__, "build", err));
    MrStreamContext *context = NULL;
    MR_TRY(mr_stream_context_open(session, interval_ms, &context, err));
    MrStatus status = mr_stream_context_checkpoint(context, folder, err);
    if (status == MR_OK)
        status = build(self, context, err);
    if (status != MR_OK && err->condition == MR_COND_NONE)
        status =
            mr_user_fail("mr_stream_context_restore", err, "build returned status %d", (int)status);
    if (status != MR_OK)
        mr_stream_context_close(context);
    else
        *out = context;
    return status;
}

/* ---------------------------------------------------------------- the graph */

static MrStatus stream_make(MrStreamContext *context, const char *function, const MrLineage *like,
                            int64_t slide_us, MrDStream **out, MrError *err)
{
    MrStatus status;
    MrDStream *stream = NULL;
    MR_TRY(not_started(context, function, err));
    MR_GUARD_BEGIN(status, err)
        stream = MR_NEW(&context->arena, MrDStream);
    MR_GUARD_END(status)
    MR_TRY(status);
    MR_TRY(mr_lineage_make(&context->budget, like, &stream->lineage, err));
    stream->context = context;
    stream->slide_us = slide_us;
    stream->next = context->streams;
    context->streams = stream;
    *out = stream;
    return MR_OK;
}

static MrStatus source_add(MrStreamContext *context, const char *connector, const MrOption *options,
                           int32_t n_options, MrDStream **out, MrError *err)
{
    MrLineage like = {.kind = MR_LINEAGE_SOURCE,
                      .connector = connector,
                      .options = {n_options, options},
                      .streaming = true};
    return stream_make(context, "a source", &like, context->interval_us, out, err);
}

MrStatus mr_dstream_socket_text(MrStreamContext *context, const char *host, int32_t port,
                                MrDStream **out, MrError *err)
{
    MR_TRY(mr__given(host != NULL, __func__, "host", err));
    char digits[MR_I64_TEXT_MAX + 1] = {0};
    MrOption options[] = {{"host", host}, {"port", digits}, {"reconnectMs", RECONNECT_MS}};
    *err = (MrError){.sql_idx = -1};
    if (port < 1 || port > 65535)
        return mr__bad_number("mr_dstream_socket_text", "port", "1 to 65535", port, err);
    mr_i64_to_text(port, digits);
    return source_add(context, "socket", options, MR_COUNT(options), out, err);
}

MrStatus mr_dstream_text_files(MrStreamContext *context, const char *folder, MrDStream **out,
                               MrError *err)
{
    MR_TRY(mr__given(folder != NULL, __func__, "folder", err));
    MrOption options[] = {{"path", folder}, {"newFilesOnly", "true"}};
    return source_add(context, "text", options, MR_COUNT(options), out, err);
}

static MrStatus step(MrDStream *stream, const char *function, MrLineage like, MrDStream **out,
                     MrError *err)
{
    int64_t slide_us = like.slide_us > 0 ? like.slide_us : stream->slide_us;
    like.n_inputs = 1;
    like.inputs[0] = stream->lineage;
    return stream_make(stream->context, function, &like, slide_us, out, err);
}

MrStatus mr_dstream_map(MrDStream *stream, MrMapFunction map, void *self, MrDStream **out,
                        MrError *err)
{
    MR_TRY(mr__given(map != NULL, __func__, "map", err));
    return step(stream, "mr_dstream_map",
                (MrLineage){.kind = MR_LINEAGE_MAP, .map = map, .self = self}, out, err);
}

MrStatus mr_dstream_flat_map(MrDStream *stream, MrMapFunction map, void *self, MrDStream **out,
                             MrError *err)
{
    MR_TRY(mr__given(map != NULL, __func__, "map", err));
    return step(stream, "mr_dstream_flat_map",
                (MrLineage){.kind = MR_LINEAGE_FLAT_MAP, .map = map, .self = self}, out, err);
}

MrStatus mr_dstream_map_to_pair(MrDStream *stream, MrMapFunction map, void *self, MrDStream **out,
                                MrError *err)
{
    MR_TRY(mr__given(map != NULL, __func__, "map", err));
    return step(stream, "mr_dstream_map_to_pair",
                (MrLineage){.kind = MR_LINEAGE_MAP_TO_PAIR, .map = map, .self = self}, out, err);
}

MrStatus mr_dstream_filter(MrDStream *stream, MrFilterFunction filter, void *self, MrDStream **out,
                           MrError *err)
{
    MR_TRY(mr__given(filter != NULL, __func__, "filter", err));
    return step(stream, "mr_dstream_filter",
                (MrLineage){.kind = MR_LINEAGE_FILTER, .filter = filter, .self = self}, out, err);
}

MrStatus mr_dstream_reduce_by_key(MrDStream *stream, MrReduceFunction reduce, void *self,
                                  MrDStream **out, MrError *err)
{
    MR_TRY(mr__given(reduce != NULL, __func__, "reduce", err));
    return step(stream, "mr_dstream_reduce_by_key",
                (MrLineage){.kind = MR_LINEAGE_REDUCE, .reduce = reduce, .self = self}, out, err);
}

MrStatus mr_dstream_count_by_value(MrDStream *stream, MrDStream **out, MrError *err)
{
    return step(stream, "mr_dstream_count_by_value", (MrLineage){.kind = MR_LINEAGE_COUNT}, out,
                err);
}

/* Both must have their rows at the same times, as Spark has it. */
static MrStatus step_two(MrDStream *a, MrDStream *b, const char *function, MrLineage like,
                         MrDStream **out, MrError *err)
{
    *err = (MrError){.sql_idx = -1};
    if (a->context != b->context)
        return mr__bad_parameter(function, "second", "a stream of the same context",
                                 "one of another", err);
    if (a->slide_us != b->slide_us)
        return mr__bad_number(function, "slide_ms", "the same for both streams", b->slide_us / 1000,
                              err);
    like.n_inputs = 2;
    like.inputs[0] = a->lineage;
    like.inputs[1] = b->lineage;
    return stream_make(a->context, function, &like, a->slide_us, out, err);
}

MrStatus mr_dstream_join(MrDStream *left, MrDStream *right, const char *kind, MrJoinFunction join,
                         void *self, MrDStream **out, MrError *err)
{
    MR_TRY(mr__given(kind != NULL, __func__, "kind", err));
    MR_TRY(mr__given(join != NULL, __func__, "join", err));
    MrLineage like = {.kind = MR_LINEAGE_JOIN, .join = join, .self = self};
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr__rdd_join_kind(kind, &like.join_kind, err));
    return step_two(left, right, "mr_dstream_join", like, out, err);
}

MrStatus mr_dstream_union(MrDStream *first, MrDStream *second, MrDStream **out, MrError *err)
{
    return step_two(first, second, "mr_dstream_union", (MrLineage){.kind = MR_LINEAGE_UNION}, out,
                    err);
}

static MrStatus window_check(const MrDStream *stream, const char *function, int64_t length_ms,
                             int64_t slide_ms, MrError *err)
{
    const char *expected = "a multiple of the interval of the stream's batches";
    int64_t unit_ms = stream->slide_us / 1000;
    *err = (MrError){.sql_idx = -1};
    if (length_ms <= 0 || length_ms % unit_ms != 0 || length_ms > INT64_MAX / 4000)
        return mr__bad_number(function, "length_ms", expected, length_ms, err);
    if (slide_ms <= 0 || slide_ms % unit_ms != 0 || slide_ms > INT64_MAX / 4000)
        return mr__bad_number(function, "slide_ms", expected, slide_ms, err);
    return MR_OK;
}

MrStatus mr_dstream_window(MrDStream *stream, int64_t length_ms, int64_t slide_ms, MrDStream **out,
                           MrError *err)
{
    MR_TRY(window_check(stream, "mr_dstream_window", length_ms, slide_ms, err));
    return step(stream, "mr_dstream_window",
                (MrLineage){.kind = MR_LINEAGE_WINDOW,
                            .length_us = length_ms * 1000,
                            .slide_us = slide_ms * 1000},
                out, err);
}

MrStatus mr_dstream_reduce_by_key_and_window(MrDStream *stream, MrReduceFunction reduce,
                                             MrReduceFunction inverse, MrFilterFunction filter,
                                             void *self, int64_t length_ms, int64_t slide_ms,
                                             MrDStream **out, MrError *err)
{
    const char *function = __func__;
    MR_TRY(mr__given(reduce != NULL, function, "reduce", err));
    MR_TRY(window_check(stream, function, length_ms, slide_ms, err));
    return step(stream, function,
                (MrLineage){.kind = MR_LINEAGE_REDUCE_WINDOW,
                            .reduce = reduce,
                            .inverse = inverse,
                            .filter = filter,
                            .self = self,
                            .length_us = length_ms * 1000,
                            .slide_us = slide_ms * 1000},
                out, err);
}

MrStatus mr_dstream_update_state_by_key(MrDStream *stream, MrStateFunction update, void *self,
                                        MrDStream **out, MrError *err)
{
    MR_TRY(mr__given(update != NULL, __func__, "update", err));
    return step(
        stream, "mr_dstream_update_state_by_key",
        (MrLineage){
            .kind = MR_LINEAGE_STATE, .update = update, .self = self, .slide_us = stream->slide_us},
        out, err);
}

/* ---------------------------------------------------------------- outputs */

static MrStatus output_add(MrDStream *stream, const char *function, Output output, MrError *err)
{
    MrStatus status;
    MrStreamContext *context = stream->context;
    MR_TRY(not_started(context, function, err));
    output.stream = stream;
    MR_GUARD_BEGIN(status, err)
        MR_PUSH(&context->arena, context->outputs, context->n_outputs, context->cap_outputs,
                output);
    MR_GUARD_END(status)
    return status;
}

MrStatus mr_dstream_print(MrDStream *stream, int32_t n_rows, FILE *to, MrError *err)
{
    MR_TRY(mr__given(to != NULL, __func__, "to", err));
    *err = (MrError){.sql_idx = -1};
    if (n_rows < 0)
        return mr__bad_number("mr_dstream_print", "n_rows", "0 or more", n_rows, err);
    return output_add(stream, "mr_dstream_print",
                      (Output){.n_rows = n_rows > 0 ? n_rows : 10, .to = to}, err);
}

MrStatus mr_dstream_foreach_rdd(MrDStream *stream, MrRddFunction function, void *self, MrError *err)
{
    MR_TRY(mr__given(function != NULL, __func__, "function", err));
    return output_add(stream, "mr_dstream_foreach_rdd",
                      (Output){.function = function, .self = self}, err);
}

/* The rows of a batch that belong to an output. */
static int32_t rows_of(const MrBatch *batch, int32_t output, uint16_t *sel)
{
    int32_t n = 0;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int64_t at;
        int32_t row = mr_batch_row(batch, i);
        const MrVector *holder = mr_vector_at(batch->cols[0], row, &at);
        if (holder->i64[at] == output)
            sel[n++] = (uint16_t)row;
    }
    return n;
}

static void put_cell(FILE *to, const MrVector *vec, int32_t row)
{
    int64_t at;
    if (mr_vector_is_null(vec, row)) {
        fputs("null", to);
        return;
    }
    const MrStr *str = &mr_vector_at(vec, row, &at)->str[at];
    fwrite(mr_str_data(str), 1, str->size_bytes, to);
}

static MrStatus run_print(const Output *output, int32_t idx, int64_t time_us,
                          MrBatch *const *batches, int32_t n_batches, MrError *err)
{
    static const char line[] = "-------------------------------------------\n";
    FILE *to = output->to;
    uint16_t sel[MR_BATCH_ROWS];
    int64_t n_seen = 0;
    fprintf(to, "%sTime: %" PRId64 " ms\n%s", line, time_us / 1000, line);
    for (int32_t b = 0; b < n_batches && n_seen <= output->n_rows; b++) {
        int32_t n = rows_of(batches[b], idx, sel);
        for (int32_t i = 0; i < n && ++n_seen <= output->n_rows; i++) {
            bool keyed = !mr_vector_is_null(batches[b]->cols[1], sel[i]);
            if (keyed) {
                fputc('(', to);
                put_cell(to, batches[b]->cols[1], sel[i]);
                fputc(',', to);
            }
            put_cell(to, batches[b]->cols[2], sel[i]);
            fputs(keyed ? ")\n" : "\n", to);
        }
    }
    fputs(n_seen > output->n_rows ? "...\n\n" : "\n", to);
    return fflush(to) == 0 && !ferror(to)
               ? MR_OK
               : MR_FAIL(err, MR_COND_IO_ERROR, "operation", "write", "path", "the output of print",
                         "message", "the stream has an error");
}

/* A copy of the output's rows, as rows in memory. */
static MrStatus rows_copy(MrSession *session, MrMemorySource *to, int32_t idx,
                          MrBatch *const *batches, int32_t n_batches, MrError *err)
{
    MrStatus status = MR_OK;
    MrBatch *view = NULL;
    uint16_t sel[MR_BATCH_ROWS];
    MR_TRY(mr_batch_create(&session->budget, &view, err));
    for (int32_t b = 0; b < n_batches && status == MR_OK; b++) {
        int32_t n = rows_of(batches[b], idx, sel);
        if (n == 0)
            continue;
        mr_batch_reset(view);
        MR_GUARD_BEGIN(status, err)
            mr_batch_set_cols(view, 2);
            view->cols[0] = batches[b]->cols[1];
            view->cols[1] = batches[b]->cols[2];
            view->n_rows = batches[b]->n_rows;
            view->sel = sel;
            view->n_sel = n;
            status = mr_memory_source_append(to, view, err);
        MR_GUARD_END(status)
    }
    view->sel = NULL;
    mr_batch_destroy(view);
    return status;
}

static MrStatus run_function(MrStreamContext *context, const Output *output, int32_t idx,
                             int64_t time_us, MrBatch *const *batches, int32_t n_batches,
                             MrError *err)
{
    MrSession *session = context->session;
    MrMemorySource *rows = NULL;
    MrLineage *lineage = NULL;
    MrRdd *rdd = NULL;
    MrEmitter none = {.name = "foreach_rdd", .canceled = &context->interrupt->canceled};
    MR_TRY(mr_memory_source_create(&session->budget, &mr_lineage_schema, &rows, err));
    MrStatus status = rows_copy(session, rows, idx, batches, n_batches, err);
    if (status != MR_OK) {
        mr_memory_source_destroy(rows);
        return status;
    }
    MR_TRY(mr_lineage_make(&session->budget, &(MrLineage){.kind = MR_LINEAGE_ROWS, .rows = rows},
                           &lineage, err));
    MR_GO(mr__rdd_create(session, lineage, &rdd, err));
    MR_GO(mr_emitter_begin(&none, err));
    atomic_fetch_add_explicit(&session->n_nested, 1, memory_order_relaxed);
    status = output->function(output->self, time_us / 1000, rdd, err);
    atomic_fetch_sub_explicit(&session->n_nested, 1, memory_order_relaxed);
    MR_GO(mr_emitter_end(&none, status, err));
done:
    mr_rdd_close(rdd);
    mr_lineage_release(lineage);
    return status;
}

/* The foreach sink's call: all outputs of a batch, one after the other. */
static MrStatus run_outputs(void *self, const MrEpochId *epoch, MrBatch *const *batches,
                            int32_t n_batches, const MrSchema *schema, MrError *err)
{
    MrStreamContext *context = self;
    MrBarrier barrier = {.time_us = epoch->time_us, .previous_us = epoch->previous_us};
    for (int32_t o = 0; o < context->n_outputs; o++) {
        const Output *output = &context->outputs[o];
        int64_t end_us;
        if (!mr_barrier_slides(&barrier, output->stream->slide_us, &end_us))
            continue;
        MrStatus status = output->function
                              ? run_function(context, output, o, end_us, batches, n_batches, err)
                              : run_print(output, o, end_us, batches, n_batches, err);
        if (status != MR_OK) {
            mr_error_add(err, "in output %d", (int)o + 1);
            return status;
        }
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- the graph's shape */

typedef struct Shape {
    MrArena *arena;
    MrTextBuilder text;
    const MrLineage **seen;
    int64_t n_seen, cap_seen;
} Shape;

static const char *lineage_name(const MrLineage *lineage)
{
    static const char *const names[] = {
        [MR_LINEAGE_SOURCE] = "source",
        [MR_LINEAGE_ROWS] = "rows",
        [MR_LINEAGE_MAP] = "map",
        [MR_LINEAGE_FLAT_MAP] = "flat_map",
        [MR_LINEAGE_MAP_TO_PAIR] = "map_to_pair",
        [MR_LINEAGE_FILTER] = "filter",
        [MR_LINEAGE_REDUCE] = "reduce_by_key",
        [MR_LINEAGE_COUNT] = "count_by_value",
        [MR_LINEAGE_JOIN] = "join",
        [MR_LINEAGE_UNION] = "union",
        [MR_LINEAGE_DISTINCT] = "distinct",
        [MR_LINEAGE_SORT] = "sort_by_key",
        [MR_LINEAGE_WINDOW] = "window",
        [MR_LINEAGE_REDUCE_WINDOW] = "reduce_by_key_and_window",
        [MR_LINEAGE_STATE] = "update_state_by_key",
    };
    return names[lineage->kind];
}

/* The number of the node, from 1, after its text was put; each node once. */
static int64_t shape_put(Shape *shape, const MrLineage *lineage)
{
    int64_t inputs[2] = {0};
    for (int64_t n = 0; n < shape->n_seen; n++)
        if (shape->seen[n] == lineage)
            return n + 1;
    for (int32_t i = 0; i < lineage->n_inputs; i++)
        inputs[i] = shape_put(shape, lineage->inputs[i]);
    MR_PUSH(shape->arena, shape->seen, shape->n_seen, shape->cap_seen, lineage);
    mr_builder_printf(&shape->text, "%" PRId64 " %s", shape->n_seen, lineage_name(lineage));
    if (lineage->kind == MR_LINEAGE_SOURCE)
        mr_builder_printf(&shape->text, " %s", lineage->connector);
    if (lineage->kind == MR_LINEAGE_JOIN)
        mr_builder_printf(&shape->text, " %d", (int)lineage->join_kind);
    if (lineage->length_us > 0)
        mr_builder_printf(&shape->text, " of %" PRId64 " ms every %" PRId64 " ms%s",
                          lineage->length_us / 1000, lineage->slide_us / 1000,
                          lineage->inverse ? " with inverse" : "");
    for (int32_t i = 0; i < lineage->n_inputs; i++)
        mr_builder_printf(&shape->text, "%s %" PRId64, i == 0 ? " over" : ",", inputs[i]);
    mr_builder_str(&shape->text, "; ");
    return shape->n_seen;
}

/* What the checkpoint compares, and names when it differs. */
static const char *graph_shape(MrStreamContext *context, MrArena *arena)
{
    Shape shape = {.arena = arena, .text = {.arena = arena}};
    for (int32_t o = 0; o < context->n_outputs; o++) {
        int64_t node = shape_put(&shape, context->outputs[o].stream->lineage);
        mr_builder_printf(&shape.text, "output %" PRId64 "; ", node);
    }
    MrText text = mr_builder_text(&shape.text);
    if (text.size_bytes <= GRAPH_TEXT_MAX)
        return text.data;
    return mr_arena_printf(arena, "%.*s... %016llx", GRAPH_TEXT_MAX, text.data,
                           (unsigned long long)mr_hash_stable(text.data, text.size_bytes, 0));
}

/* ---------------------------------------------------------------- running */

static MrStatus open_sink(void *self, const MrSinkSpec *spec, MrSink **out, MrError *err)
{
    MrStreamContext *context = self;
    return mr_foreach_sink_open(&context->query->budget, run_outputs, context, spec, out, err);
}

/* The rows of all outputs, each with the number of its output before it. */
static MrStatus graph_plan(MrStreamContext *context, MrPlan **out, MrError *err)
{
    MrPlanner *planner = &context->query->planner;
    int32_t n = context->n_outputs;
    MrLineage **lineages = MR_NEW_N(planner->arena, MrLineage *, n);
    MrPlan **plans = MR_NEW_N(planner->arena, MrPlan *, n);
    for (int32_t o = 0; o < n; o++)
        lineages[o] = context->outputs[o].stream->lineage;
    MR_TRY(mr__lineage_plans(context->query, lineages, n, plans, err));
    for (int32_t o = 0; o < n; o++) {
        MrNamedExpr *exprs = MR_NEW_N(planner->arena, MrNamedExpr, 3);
        exprs[0] = (MrNamedExpr){{mr_planner_id(planner), "output", MR_T(BIGINT), false},
                                 mr_expr_i64(planner->arena, o)};
        for (int32_t c = 0; c < 2; c++) {
            exprs[1 + c].column = plans[o]->cols[c];
            exprs[1 + c].column.id = mr_planner_id(planner);
            exprs[1 + c].expr = mr_plan_column_expr(planner, &plans[o]->cols[c]);
        }
        plans[o] = mr_plan_project(planner, plans[o], exprs, 3);
    }
    *out = n > 1 ? mr_plan_union(planner, plans, n) : plans[0];
    return MR_OK;
}

static MrStatus graph_open(MrStreamContext *context, MrError *err)
{
    MrPlan *plan = NULL;
    MrQuery *query = context->query;
    MR_TRY(graph_plan(context, &plan, err));
    query->schema = mr_plan_schema(&query->arena, plan);
    return mr_query_start_stream(
        query, plan,
        &(MrStreamTarget){.name = "DStreams",
                          .checkpoint = context->folder,
                          .type = &mr_connector_foreach,
                          .mode = MR_MODE_APPEND,
                          .trigger = MR_TRIGGER_BATCH_INTERVAL,
                          .interval_us = context->interval_us,
                          .canceled = &context->interrupt->canceled,
                          .per_epoch = true,
                          .fingerprint = graph_shape(context, &query->arena),
                          .open = open_sink,
                          .open_self = context},
        &context->stream, err);
}

MrStatus mr__stream_context_open(MrStreamContext *context, MrError *err)
{
    MrStatus status;
    MR_TRY(not_started(context, "mr_stream_context_start", err));
    if (context->n_outputs == 0)
        return mr__bad_parameter("mr_stream_context_start", "context",
                                 "a context with at least one output", "one without", err);
    if (!context->interrupt)
        MR_TRY(mr_interrupt_take(context->session, &context->interrupt, err));
    mr_interrupt_over(context->session);
    MR_TRY(mr_query_create(context->session, &context->query, err));
    MR_GUARD_BEGIN(status, err)
        status = graph_open(context, err);
    MR_GUARD_END(status)
    if (status != MR_OK) { /* it may be tried again */
        mr_query_close(context->query);
        context->query = NULL;
    }
    context->started = status == MR_OK;
    return status;
}

MrStatus mr__stream_context_step(MrStreamContext *context, MrStreamStep *step, MrError *err)
{
    MrStreamContext *outer = own_context;
    own_context = context;
    MrStatus status = mr_stream_step(context->stream, step, err);
    own_context = outer;
    return status;
}

int64_t mr__stream_context_wait_us(const MrStreamContext *context)
{
    return mr_stream_wait_us(context->stream);
}

static void rest(MrStreamContext *context)
{
    int64_t wait_us = mr_stream_wait_us(context->stream);
    mr_mutex_lock(context->mutex);
    if (atomic_load_explicit(&context->stop, memory_order_relaxed) != STOP_NOW)
        (void)mr_cond_wait_us(context->changed, context->mutex,
                              wait_us < WAIT_US ? wait_us : WAIT_US);
    mr_mutex_unlock(context->mutex);
}

static void ask_to_stop(MrStreamContext *context, StopKind kind)
{
    atomic_store_explicit(&context->stop, kind, memory_order_relaxed);
    if (!context->changed) /* it never started */
        return;
    mr_mutex_lock(context->mutex); /* it rests, or it will see the wish before it does */
    mr_cond_signal_all(context->changed);
    mr_mutex_unlock(context->mutex);
}

static void context_thread(void *arg)
{
    MrStreamContext *context = arg;
    MrStatus status = MR_OK;
    MrError err = {.sql_idx = -1};
    bool last = false; /* the batch that a graceful stop waits for is the next one */
    for (;;) {
        MrStreamStep step = MR_STREAM_EARLY;
        int stop = atomic_load_explicit(&context->stop, memory_order_relaxed);
        if (stop == STOP_NOW)
            break;
        last = stop == STOP_GRACEFULLY;
        if (atomic_load_explicit(&context->interrupt->canceled, memory_order_relaxed))
            status = MR_FAIL(&err, MR_COND_OPERATION_CANCELED);
        else
            status = mr__stream_context_step(context, &step, &err);
        if (status != MR_OK || (last && step == MR_STREAM_WORKED))
            break;
        if (step == MR_STREAM_WORKED)
            continue;
        rest(context);
    }
    mr_mutex_lock(context->mutex);
    context->ended = true;
    context->status = status;
    context->err = err;
    mr_cond_signal_all(context->changed);
    mr_mutex_unlock(context->mutex);
}

MrStatus mr_stream_context_start(MrStreamContext *context, MrError *err)
{
    MR_TRY(not_started(context, "mr_stream_context_start", err));
    if (!context->mutex)
        MR_TRY(mr_mutex_create(&context->budget, &context->mutex, err));
    if (!context->changed)
        MR_TRY(mr_cond_create(&context->budget, &context->changed, err));
    MR_TRY(mr__stream_context_open(context, err));
    /* `started` is set before the thread is: a function of the context may stop it at once. */
    MrStatus status =
        mr_thread_start(&context->budget, context_thread, context, &context->thread, err);
    if (status != MR_OK) {
        context->ended = true;
        context->status = status;
        context->err = *err;
    }
    return status;
}

MrStatus mr_stream_context_await(MrStreamContext *context, int64_t timeout_ms, bool *ended,
                                 MrError *err)
{
    MrOs *os = context->session->os;
    MrStatus status = MR_OK;
    if (!context->started)
        return mr__bad_parameter("mr_stream_context_await", "context", "a context that was started",
                                 "one that was not", err);
    int64_t until_ns = timeout_ms < 0 || timeout_ms > INT64_MAX / 2000000
                           ? INT64_MAX
                           : os->tick_ns(os) + timeout_ms * 1000000;
    mr_mutex_lock(context->mutex);
    while (!context->ended && own_context != context && os->tick_ns(os) < until_ns)
        (void)mr_cond_wait_us(context->changed, context->mutex, WAIT_US);
    *ended = context->ended;
    if (context->ended && context->status != MR_OK) {
        status = context->status;
        *err = context->err;
    }
    mr_mutex_unlock(context->mutex);
    return status;
}

MrStatus mr_stream_context_stop(MrStreamContext *context, bool gracefully, MrError *err)
{
    bool ended;
    if (!context->started) /* nothing runs */
        return MR_OK;
    ask_to_stop(context, gracefully ? STOP_GRACEFULLY : STOP_NOW);
    return mr_stream_context_await(context, -1, &ended, err);
}

void mr_stream_context_close(MrStreamContext *context)
{
    if (!context)
        return;
    MrSession *session = context->session;
    ask_to_stop(context, STOP_NOW);
    if (context->thread)
        mr_thread_join(context->thread);
    mr_stream_close(context->stream);
    mr_query_close(context->query);
    mr_interrupt_give(session, context->interrupt);
    for (MrDStream *stream = context->streams; stream; stream = stream->next)
        mr_lineage_release(stream->lineage);
    if (context->changed)
        mr_cond_destroy(context->changed);
    if (context->mutex)
        mr_mutex_destroy(context->mutex);
    mr_arena_deinit(&context->arena);
    mr_budget_deinit(&context->budget);
    mr_budget_free(&session->budget, context, (int64_t)sizeof *context);
    mr__session_let_go(session);
}
