/* console.c - prints each micro-batch to standard output as Spark's console sink does. */
#include "connector/collect.h"

#include <stdio.h>

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

/* The cell's text, cut and without line ends. */
static MrText cell_text(const ConsoleSink *self, MrArena *arena, const MrVector *vec, int64_t row)
{
    MrTextBuilder raw = {.arena = arena}, text = {.arena = arena};
    if (mr_vector_is_null(vec, row))
        mr_builder_str(&raw, "NULL");
    else
        mr_value_text(vec, row, MR_TEXT_CAST, self->context->settings, &raw);
    for (int64_t i = 0; i < raw.size_bytes; i++) {
        char c = raw.data[i];
        if (c == '\n' || c == '\r' || c == '\t') {
            mr_builder_char(&text, '\\');
            mr_builder_char(&text, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else {
            mr_builder_char(&text, c);
        }
    }
    MrText cell = mr_builder_text(&text);
    if (self->cut_at > 0 && mr_utf8_length(cell.data, cell.size_bytes) > self->cut_at) {
        int64_t keep = self->cut_at < 4 ? self->cut_at : self->cut_at - 3, n = 0, at = 0;
        for (int32_t n_bytes; n < keep && at < cell.size_bytes; n++, at += n_bytes)
            mr_utf8_next(cell.data + at, cell.size_bytes - at, &n_bytes);
        cell = mr_text(
            mr_arena_printf(arena, "%.*s%s", (int)at, cell.data, self->cut_at < 4 ? "" : "..."));
    }
    return cell;
}

static void put_rule(FILE *out, const int64_t *widths, int32_t n_cols)
{
    fputc('+', out);
    for (int32_t c = 0; c < n_cols; c++) {
        for (int64_t i = 0; i < widths[c]; i++)
            fputc('-', out);
        fputc('+', out);
    }
    fputc('\n', out);
}

static void put_row(const ConsoleSink *self, FILE *out, const MrText *cells, const int64_t *widths,
                    int32_t n_cols)
{
    fputc('|', out);
    for (int32_t c = 0; c < n_cols; c++) {
        int64_t n_pad = widths[c] - mr_utf8_length(cells[c].data, cells[c].size_bytes);
        if (self->cut_at > 0) /* Spark: right-aligned when cells are cut, else left-aligned */
            fprintf(out, "%*s", (int)n_pad, "");
        fwrite(cells[c].data, 1, (size_t)cells[c].size_bytes, out);
        if (self->cut_at == 0)
            fprintf(out, "%*s", (int)n_pad, "");
        fputc('|', out);
    }
    fputc('\n', out);
}

static void print(const ConsoleSink *self, MrArena *arena, int64_t epoch, FILE *out)
{
    const MrSchema *schema = self->spec->schema;
    const MrCollected *held = &self->collect.collected;
    int64_t n_all = 0, n_rows = 0;
    for (int64_t i = 0; i < held->n_batches; i++)
        n_all += held->batches[i]->n_sel;
    int64_t n_shown = n_all < self->n_rows ? n_all : self->n_rows;
    n_shown = n_shown > 0 ? n_shown : 0;
    int64_t *widths = MR_NEW_N(arena, int64_t, schema->n_cols);
    MrText *cells = mr_arena_alloc(arena, (n_shown + 1) * schema->n_cols * (int64_t)sizeof(MrText));
    for (int32_t c = 0; c < schema->n_cols; c++) {
        cells[c] = mr_text(schema->cols[c].name);
        widths[c] = mr_utf8_length(cells[c].data, cells[c].size_bytes);
        widths[c] = widths[c] < 3 ? 3 : widths[c];
    }
    for (int64_t i = 0; i < held->n_batches && n_rows < n_shown; i++) {
        const MrBatch *batch = held->batches[i];
        for (int32_t k = 0; k < batch->n_sel && n_rows < n_shown; k++) {
            MrText *row = cells + ++n_rows * schema->n_cols;
            for (int32_t c = 0; c < schema->n_cols; c++) {
                row[c] = cell_text(self, arena, batch->cols[c], mr_batch_row(batch, k));
                int64_t width = mr_utf8_length(row[c].data, row[c].size_bytes);
                widths[c] = width > widths[c] ? width : widths[c];
            }
        }
    }
    fprintf(out,
            "-------------------------------------------\nBatch: %lld\n"
            "-------------------------------------------\n",
            (long long)epoch);
    put_rule(out, widths, schema->n_cols);
    put_row(self, out, cells, widths, schema->n_cols);
    put_rule(out, widths, schema->n_cols);
    for (int64_t i = 1; i <= n_rows; i++)
        put_row(self, out, cells + i * schema->n_cols, widths, schema->n_cols);
    put_rule(out, widths, schema->n_cols);
    if (n_all > n_shown)
        fprintf(out, "only showing top %lld row%s\n", (long long)n_shown, n_shown == 1 ? "" : "s");
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
