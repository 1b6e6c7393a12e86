/* noop.c - a sink that forgets its rows: for measuring everything else. */
#include "connector/contract.h"

typedef struct NoopSink {
    MrSink base;
    MrBudget *budget;
} NoopSink;
typedef struct NoopWriter {
    MrSinkWriter base;
    MrBudget *budget;
} NoopWriter;

extern const MrConnectorType mr_connector_noop;

static MrStatus open_sink(const MrConnectorContext *context, const MrSinkSpec *spec, MrSink **out,
                          MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(context->budget, sizeof(NoopSink), &block, err));
    *(NoopSink *)block = (NoopSink){.base.type = &mr_connector_noop, .budget = context->budget};
    *out = block;
    return MR_OK;
}

static void close_sink(MrSink *sink)
{
    if (sink)
        mr_budget_free(((NoopSink *)sink)->budget, sink, sizeof(NoopSink));
}

static MrStatus writer_open(MrSink *sink, MrEpochId epoch, int32_t worker_idx, MrBudget *budget,
                            MrSinkWriter **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(NoopWriter), &block, err));
    *(NoopWriter *)block = (NoopWriter){.base.sink = sink, .budget = budget};
    *out = block;
    return MR_OK;
}

static MrStatus writer_write(MrSinkWriter *writer, const MrEvalContext *context, MrBatch *batch,
                             MrError *err)
{
    return MR_OK;
}

static MrStatus writer_prepare(MrSinkWriter *writer, MrBuffer *token, MrError *err)
{
    return mr_buffer_put(token, "{}", 2, err);
}

static void writer_close(MrSinkWriter *writer)
{
    if (writer)
        mr_budget_free(((NoopWriter *)writer)->budget, writer, sizeof(NoopWriter));
}

static MrStatus commit(MrSink *sink, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                       MrError *err)
{
    return MR_OK;
}

static MrStatus recover(MrSink *sink, int64_t last_epoch, MrError *err)
{
    return MR_OK;
}

static const MrOptionDef noop_options[] = {{0}};

const MrConnectorType mr_connector_noop = {
    .name = "noop",
    .doc = "Forgets its rows.",
    .flags = MR_CONN_BATCH_WRITE | MR_CONN_STREAM_WRITE,
    .options = noop_options,
    .open_sink = open_sink,
    .close_sink = close_sink,
    .writer_open = writer_open,
    .write = writer_write,
    .prepare = writer_prepare,
    .writer_close = writer_close,
    .commit = commit,
    .recover = recover,
};
