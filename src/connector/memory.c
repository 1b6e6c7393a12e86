/* memory.c - rows in the caller's memory: a source that tests and programs append to, and a sink.
 *
 * A position is the number of batches so far, as text.  Appending and reading may happen on
 * different threads: batches are immutable once they are in, and the list is guarded by a mutex. */
#include "connector/callback.h"
#include "connector/collect.h"

#include <inttypes.h>

struct MrMemorySource {
    MrSource base; /* what mr_memory_source_open hands out */
    MrBudget *budget;
    MrArena arena;
    MrMutex *mutex;
    MrBatch **batches;
    int64_t n_batches, cap_bytes, n_rows;
    bool is_copy; /* ends when it is closed */
};

typedef struct MemorySplit {
    int64_t from, to;
} MemorySplit;

typedef struct MemoryReader {
    MrSourceReader base;
    MrBudget *budget;
    const MrScanSpec *spec;
    int64_t next, to;
} MemoryReader;

typedef struct MemorySink {
    MrCollectSink collect; /* first */
    MrMemorySource *memory;
    MrOutputMode mode;
    MrBudget *budget;
} MemorySink;

MrStatus mr_memory_source_create(MrBudget *budget, const MrSchema *schema, MrMemorySource **out,
                                 MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(MrMemorySource), &block, err));
    MrMemorySource *self = block;
    self->budget = budget;
    self->base = (MrSource){.type = &mr_connector_memory_source, .append_only = true};
    mr_arena_init(&self->arena, budget);
    MrStatus status = mr_mutex_create(budget, &self->mutex, err);
    if (status == MR_OK) {
        MR_GUARD_BEGIN(status, err)
            MrField *cols = MR_NEW_N(&self->arena, MrField, schema->n_cols);
            for (int32_t i = 0; i < schema->n_cols; i++)
                cols[i] = (MrField){.name = mr_arena_str(&self->arena, schema->cols[i].name),
                                    .type = mr_type_own(&self->arena, schema->cols[i].type),
                                    .nullable = schema->cols[i].nullable};
            self->base.schema = (MrSchema){schema->n_cols, cols};
        MR_GUARD_END(status)
    }
    if (status != MR_OK)
        mr_memory_source_destroy(self);
    else
        *out = self;
    return status;
}

static void batches_drop(MrMemorySource *self)
{
    for (int64_t i = 0; i < self->n_batches; i++)
        mr_batch_destroy(self->batches[i]);
    self->n_batches = self->n_rows = 0;
}

void mr_memory_source_destroy(MrMemorySource *self)
{
    if (!self)
        return;
    batches_drop(self);
    mr_budget_free(self->budget, self->batches, self->cap_bytes);
    if (self->mutex)
        mr_mutex_destroy(self->mutex);
    mr_arena_deinit(&self->arena);
    mr_budget_free(self->budget, self, sizeof *self);
}

MrStatus mr_memory_source_append(MrMemorySource *self, const MrBatch *batch, MrError *err)
{
    MrBatch *copy = NULL;
    MR_TRY(mr_batch_copy(batch, self->budget, &copy, err));
    MrStatus status = MR_OK;
    mr_mutex_lock(self->mutex);
    int64_t need = (self->n_batches + 1) * (int64_t)sizeof(MrBatch *);
    if (need > self->cap_bytes) {
        void *data = self->batches;
        status = mr_budget_resize(self->budget, &data, &self->cap_bytes,
                                  need + self->cap_bytes + 56, err);
        self->batches = status == MR_OK ? data : self->batches;
    }
    if (status == MR_OK) {
        self->batches[self->n_batches++] = copy;
        self->n_rows += copy->n_sel;
    }
    mr_mutex_unlock(self->mutex);
    if (status != MR_OK)
        mr_batch_destroy(copy);
    return status;
}

MrSource *mr_memory_source_open(MrMemorySource *self)
{
    return &self->base;
}

MrStatus mr_memory_source_copy(MrMemorySource *self, MrBudget *budget, MrSource **out, MrError *err)
{
    MrMemorySource *copy = NULL;
    MR_TRY(mr_memory_source_create(budget, &self->base.schema, &copy, err));
    MrStatus status = MR_OK;
    copy->is_copy = true;
    mr_mutex_lock(self->mutex);
    for (int64_t i = 0; i < self->n_batches && status == MR_OK; i++)
        status = mr_memory_source_append(copy, self->batches[i], err);
    mr_mutex_unlock(self->mutex);
    if (status != MR_OK)
        mr_memory_source_destroy(copy);
    else
        *out = &copy->base;
    return status;
}

int64_t mr_memory_source_rows(MrMemorySource *self)
{
    mr_mutex_lock(self->mutex);
    int64_t n_rows = self->n_rows;
    mr_mutex_unlock(self->mutex);
    return n_rows;
}

static void source_close(MrSource *source)
{
    if (((MrMemorySource *)source)->is_copy) /* else the rows stay with whoever made them */
        mr_memory_source_destroy((MrMemorySource *)source);
}

static int64_t batch_count(MrMemorySource *self)
{
    mr_mutex_lock(self->mutex);
    int64_t n = self->n_batches;
    mr_mutex_unlock(self->mutex);
    return n;
}

static MrStatus source_latest(MrSource *source, const char *from, bool unlimited, MrArena *arena,
                              const char **to, MrError *err)
{
    int64_t n = batch_count((MrMemorySource *)source), before = 0;
    if (from && !mr_text_to_i64(mr_text(from), &before))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", from);
    *to = n > before ? mr_arena_printf(arena, "%" PRId64, n) : from;
    return MR_OK;
}

static MrStatus source_splits(MrSource *source, const char *from, const char *to,
                              const MrScanSpec *spec, MrArena *arena, MrSplit **out, int64_t *n_out,
                              MrError *err)
{
    int64_t first = 0, last = batch_count((MrMemorySource *)source), end = last;
    if ((from && !mr_text_to_i64(mr_text(from), &first)) ||
        (to && !mr_text_to_i64(mr_text(to), &last)))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", to ? to : from);
    if (first < 0 || last > end)
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text",
                       "a position of memory that is not there any more");
    int64_t n_splits = last > first ? (last - first + 15) / 16 : 0;
    *out = MR_NEW_N(arena, MrSplit, n_splits);
    for (int64_t i = 0; i < n_splits; i++) {
        MemorySplit *split = MR_NEW(arena, MemorySplit);
        split->from = first + i * 16;
        split->to = split->from + 16 < last ? split->from + 16 : last;
        (*out)[i] = (MrSplit){.name = mr_arena_printf(arena, "memory, batches %lld to %lld",
                                                      (long long)split->from, (long long)split->to),
                              .size_bytes = (split->to - split->from) * MR_BATCH_ROWS * 16,
                              .data = split};
    }
    *n_out = n_splits;
    return MR_OK;
}

static int64_t source_row_count(MrSource *source)
{
    return mr_memory_source_rows((MrMemorySource *)source);
}

static MrStatus source_reader_open(MrSource *source, const MrSplit *split, const MrScanSpec *spec,
                                   MrBudget *budget, MrSourceReader **out, MrError *err)
{
    const MemorySplit *range = split->data;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(MemoryReader), &block, err));
    MemoryReader *self = block;
    *self = (MemoryReader){.base = {.source = source, .exact_filters = spec->n_filters == 0},
                           .budget = budget,
                           .spec = spec,
                           .next = range->from,
                           .to = range->to};
    *out = &self->base;
    return MR_OK;
}

static MrStatus source_read(MrSourceReader *reader, const MrEvalContext *context, MrBatch *batch,
                            MrRead *what, MrError *err)
{
    MemoryReader *self = (MemoryReader *)reader;
    MrMemorySource *memory = (MrMemorySource *)reader->source;
    *what = MR_READ_END;
    while (self->next < self->to) {
        mr_mutex_lock(memory->mutex);
        const MrBatch *held = memory->batches[self->next++];
        mr_mutex_unlock(memory->mutex);
        if (held->n_sel == 0)
            continue;
        MrBatch view = *held;
        view.n_cols = self->spec->n_cols;
        view.cols = MR_NEW_N(&batch->arena, MrVector *, view.n_cols);
        for (int32_t i = 0; i < view.n_cols; i++)
            view.cols[i] = held->cols[self->spec->cols[i]];
        mr_batch_append(batch, &view, 0, view.n_sel);
        *what = MR_READ_ROWS;
        break;
    }
    return MR_OK;
}

static void source_reader_close(MrSourceReader *reader)
{
    if (reader)
        mr_budget_free(((MemoryReader *)reader)->budget, reader, sizeof(MemoryReader));
}

const MrConnectorType mr_connector_memory_source = {
    .name = "memory",
    .doc = "Rows in the memory of the program.",
    .flags = MR_CONN_BATCH_READ | MR_CONN_STREAM_READ,
    .close_source = source_close,
    .latest = source_latest,
    .plan_splits = source_splits,
    .row_count = source_row_count,
    .reader_open = source_reader_open,
    .read = source_read,
    .reader_close = source_reader_close,
};

/* --- the sink --- */

MrStatus mr_memory_sink_open(MrMemorySource *memory, const MrSinkSpec *spec, MrSink **out,
                             MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(memory->budget, sizeof(MemorySink), &block, err));
    MemorySink *self = block;
    mr__collect_init(&self->collect, &mr_connector_memory_sink, memory->budget);
    self->memory = memory;
    self->mode = spec->output_mode;
    self->budget = memory->budget;
    *out = &self->collect.base;
    return MR_OK;
}

static void sink_close(MrSink *sink)
{
    MemorySink *self = (MemorySink *)sink;
    if (!self)
        return;
    mr__collect_deinit(&self->collect);
    mr_budget_free(self->budget, self, sizeof *self);
}

static MrStatus sink_commit(MrSink *sink, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                            MrError *err)
{
    MemorySink *self = (MemorySink *)sink;
    MrMemorySource *memory = self->memory;
    if (!mr__collect_begin(&self->collect, epoch))
        return MR_OK;
    MrCollected *held = &self->collect.collected;
    MrStatus status = MR_OK;
    mr_mutex_lock(memory->mutex);
    int64_t n_before = self->mode == MR_MODE_COMPLETE ? 0 : memory->n_batches;
    int64_t need = (n_before + held->n_batches) * (int64_t)sizeof(MrBatch *);
    if (need > memory->cap_bytes) {
        void *data = memory->batches;
        status = mr_budget_resize(memory->budget, &data, &memory->cap_bytes,
                                  need + memory->cap_bytes, err);
        memory->batches = status == MR_OK ? data : memory->batches;
    }
    if (status == MR_OK) {
        if (self->mode == MR_MODE_COMPLETE)
            batches_drop(memory);
        for (int64_t i = 0; i < held->n_batches; i++) {
            memory->batches[memory->n_batches++] = held->batches[i];
            memory->n_rows += held->batches[i]->n_sel;
        }
        held->n_batches = 0; /* they are the memory's now */
    }
    mr_mutex_unlock(memory->mutex);
    if (status == MR_OK)
        mr__collect_end(&self->collect, epoch);
    return status;
}

const MrConnectorType mr_connector_memory_sink = {
    .name = "memory",
    .doc = "Keeps the rows in memory, as a table of the query's name.",
    .flags = MR_CONN_STREAM_WRITE | MR_CONN_REPLAY_SINK,
    .close_sink = sink_close,
    .writer_open = mr__collect_writer_open,
    .write = mr__collect_write,
    .prepare = mr__collect_prepare,
    .writer_close = mr__collect_writer_close,
    .commit = sink_commit,
    .recover = mr__collect_recover,
};
