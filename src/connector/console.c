/* console.c - prints each micro-batch to standard output as Spark's console sink does. */
#include "connector/collect.h"
#include "connector/show_table.h"

typedef struct ConsoleSink {
    MrCollectSink collect; /* first */
    MrBudget *budget;
    const MrConnectorContext *context;
    const MrSinkSpec *spec;
    int64_t n_rows;
    int64_t cut_at; /* characters of a cell; 0: all */
} ConsoleSink;

extern const MrConnectorType mr_connector_console;

static const MrOptionDef console_options[] = {
    {"numRows", MR_OPT_INT, 0, "20", "Rows of a micro-batch to print."},
    {"truncate", MR_OPT_TEXT, 0, "true",
     "Cuts long cells: true (20 characters), false, or a number."},
    {0},
};

static MrStatus open_sink(const MrConnectorContext *context, const MrSinkSpec *spec, MrSink **out,
                          MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(context->budget, sizeof(ConsoleSink), &block, err));
    ConsoleSink *self = block;
    mr__collect_init(&self->collect, &mr_connector_console, context->budget);
    self->budget = context->budget;
    self->context = context;
    self->spec = spec;
    self->n_rows = mr_option_int(&context->options, console_options, "numRows");
    const char *truncate = mr_option(&context->options, console_options, "truncate");
    self->cut_at = mr_str_equal_nocase(truncate, "true") ? 20 : 0;
    if (!mr_str_equal_nocase(truncate, "true") && !mr_str_equal_nocase(truncate, "false") &&
        (!mr_text_to_i64(mr_text(truncate), &self->cut_at) || self->cut_at < 0)) {
        mr_budget_free(self->budget, self, sizeof *self);
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "truncate",
                       "functionName", "console", "expectedValue", "true, false or a number",
                       "actualValue", truncate);
    }
    *out = &self->collect.base;
    return MR_OK;
}

static void close_sink(MrSink *sink)
{
    ConsoleSink *self = (ConsoleSink *)sink;
    if (!self)
        return;
    mr__collect_deinit(&self->collect);
    mr_budget_free(self->budget, self, sizeof *self);
}

static void print(const ConsoleSink *self, MrArena *arena, int64_t epoch, FILE *out)
{
    static const char line[] = "-------------------------------------------";
    const MrCollected *held = &self->collect.collected;
    MrShowTable table = {.arena = arena,
                         .schema = self->spec->schema,
                         .settings = self->context->settings,
                         .n_max = self->n_rows > 0 ? self->n_rows : 0,
                         .cut_at = self->cut_at};
    mr_show_begin(&table);
    for (int64_t i = 0; i < held->n_batches && !table.more; i++)
        mr_show_add(&table, held->batches[i]);
    fprintf(out, "%s\nBatch: %lld\n%s\n", line, (long long)epoch, line);
    mr_show_print(&table, out);
    fputc('\n', out);
    fflush(out);
}

static MrStatus commit(MrSink *sink, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                       MrError *err)
{
    ConsoleSink *self = (ConsoleSink *)sink;
    if (!mr__collect_begin(&self->collect, epoch))
        return MR_OK;
    MrArena arena;
    mr_arena_init(&arena, self->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        print(self, &arena, epoch.epoch, stdout);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    if (status == MR_OK)
        mr__collect_end(&self->collect, epoch);
    return status;
}

const MrConnectorType mr_connector_console = {
    .name = "console",
    .doc = "Prints each micro-batch.",
    .flags = MR_CONN_BATCH_WRITE | MR_CONN_STREAM_WRITE | MR_CONN_REPLAY_SINK,
    .options = console_options,
    .open_sink = open_sink,
    .close_sink = close_sink,
    .writer_open = mr__collect_writer_open,
    .write = mr__collect_write,
    .prepare = mr__collect_prepare,
    .writer_close = mr__collect_writer_close,
    .commit = commit,
    .recover = mr__collect_recover,
};
