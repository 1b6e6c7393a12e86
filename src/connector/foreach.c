/* foreach.c - foreachBatch: a function of the user gets each epoch's rows.
 *
 * At least once: after a crash the last epoch comes again, with its number and the same rows. */
#include "connector/callback.h"
#include "connector/collect.h"

typedef struct ForeachSink {
    MrCollectSink collect; /* first */
    MrBudget *budget;
    MrForeachBatch call;
    void *self;
    const MrSinkSpec *spec;
} ForeachSink;

MrStatus mr_foreach_sink_open(MrBudget *budget, MrForeachBatch call, void *user,
                              const MrSinkSpec *spec, MrSink **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(ForeachSink), &block, err));
    ForeachSink *self = block;
    mr__collect_init(&self->collect, &mr_connector_foreach, budget);
    self->budget = budget;
    self->call = call;
    self->self = user;
    self->spec = spec;
    *out = &self->collect.base;
    return MR_OK;
}

static void sink_close(MrSink *sink)
{
    ForeachSink *self = (ForeachSink *)sink;
    if (!self)
        return;
    mr__collect_deinit(&self->collect);
    mr_budget_free(self->budget, self, sizeof *self);
}

static MrStatus sink_commit(MrSink *sink, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                            MrError *err)
{
    ForeachSink *self = (ForeachSink *)sink;
    if (!mr__collect_begin(&self->collect, epoch))
        return MR_OK;
    MrCollected *held = &self->collect.collected;
    MR_TRY(self->call(self->self, &epoch, held->batches, (int32_t)held->n_batches,
                      self->spec->schema, err));
    mr__collect_end(&self->collect, epoch);
    return MR_OK;
}

const MrConnectorType mr_connector_foreach = {
    .name = "foreachBatch",
    .doc = "Calls a function with each micro-batch.",
    .flags = MR_CONN_STREAM_WRITE | MR_CONN_REPLAY_SINK,
    .close_sink = sink_close,
    .writer_open = mr__collect_writer_open,
    .write = mr__collect_write,
    .prepare = mr__collect_prepare,
    .writer_close = mr__collect_writer_close,
    .commit = sink_commit,
    .recover = mr__collect_recover,
};
