/* collect.c - see collect.h. */
#include "connector/collect.h"

typedef struct CollectWriter {
    MrSinkWriter base;
    MrBudget *budget; /* of the sink: batches outlive the writer */
    MrEpochId epoch;
    MrCollected own;
} CollectWriter;

static void batches_drop(MrCollected *self)
{
    for (int64_t i = 0; i < self->n_batches; i++)
        mr_batch_destroy(self->batches[i]);
    mr_budget_free(self->budget, self->batches, self->cap_bytes);
    self->batches = NULL;
    self->n_batches = self->cap_bytes = 0;
}

static MrStatus batches_room(MrCollected *self, int64_t n_more, MrError *err)
{
    int64_t need = (self->n_batches + n_more) * (int64_t)sizeof(MrBatch *);
    if (need <= self->cap_bytes)
        return MR_OK;
    void *data = self->batches;
    MR_TRY(mr_budget_resize(self->budget, &data, &self->cap_bytes,
                            need < 2 * self->cap_bytes ? 2 * self->cap_bytes : need + 56, err));
    self->batches = data;
    return MR_OK;
}

void mr__collect_init(MrCollectSink *sink, const MrConnectorType *type, MrBudget *budget)
{
    sink->base.type = type;
    sink->collected = (MrCollected){.budget = budget, .epoch = -1, .done_epoch = -1};
}

void mr__collect_deinit(MrCollectSink *sink)
{
    batches_drop(&sink->collected);
}

MrStatus mr__collect_writer_open(MrSink *sink, MrEpochId epoch, int32_t worker_idx,
                                 MrBudget *budget, MrSinkWriter **out, MrError *err)
{
    MrCollected *held = &((MrCollectSink *)sink)->collected;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(held->budget, sizeof(CollectWriter), &block, err));
    CollectWriter *self = block;
    *self = (CollectWriter){
        .base.sink = sink, .budget = held->budget, .epoch = epoch, .own.budget = held->budget};
    *out = &self->base;
    return MR_OK;
}

MrStatus mr__collect_write(MrSinkWriter *writer, const MrEvalContext *context, MrBatch *batch,
                           MrError *err)
{
    CollectWriter *self = (CollectWriter *)writer;
    if (batch->n_sel == 0)
        return MR_OK;
    MR_TRY(batches_room(&self->own, 1, err));
    MR_TRY(mr_batch_copy(batch, self->budget, &self->own.batches[self->own.n_batches], err));
    self->own.n_batches++;
    return MR_OK;
}

MrStatus mr__collect_prepare(MrSinkWriter *writer, MrBuffer *token, MrError *err)
{
    CollectWriter *self = (CollectWriter *)writer;
    MrCollected *held = &((MrCollectSink *)writer->sink)->collected;
    if (held->epoch != self->epoch.epoch) { /* of an epoch that was given up */
        batches_drop(held);
        held->epoch = self->epoch.epoch;
    }
    MR_TRY(batches_room(held, self->own.n_batches, err));
    for (int64_t i = 0; i < self->own.n_batches; i++)
        held->batches[held->n_batches++] = self->own.batches[i];
    self->own.n_batches = 0;
    return mr_buffer_put(token, "{}", 2, err);
}

void mr__collect_writer_close(MrSinkWriter *writer)
{
    CollectWriter *self = (CollectWriter *)writer;
    if (!self)
        return;
    batches_drop(&self->own);
    mr_budget_free(self->budget, self, sizeof *self);
}

bool mr__collect_begin(MrCollectSink *sink, MrEpochId epoch)
{
    MrCollected *held = &sink->collected;
    if (held->done_epoch == epoch.epoch && held->done_lineage == epoch.lineage)
        return false;
    if (held->epoch != epoch.epoch)
        batches_drop(held);
    return true;
}

void mr__collect_end(MrCollectSink *sink, MrEpochId epoch)
{
    batches_drop(&sink->collected);
    sink->collected.epoch = -1;
    sink->collected.done_epoch = epoch.epoch;
    sink->collected.done_lineage = epoch.lineage;
}

MrStatus mr__collect_recover(MrSink *sink, int64_t last_epoch, MrError *err)
{
    batches_drop(&((MrCollectSink *)sink)->collected);
    return MR_OK;
}
