/* lines.c - plain text: every line (or the whole file) is one string, the column "value". */
#include "format/rows.h"

typedef struct TextConfig {
    const char *line_sep, *write_line_sep;
    bool whole;
    MrEncodingId encoding;
} TextConfig;

typedef struct TextReader {
    MrRowReader base;
    const TextConfig *config;
    MrBudget *budget;
    int32_t n_cols, row;
    MrShared *held;
    bool file_done; /* wholetext: the file's row has come */
} TextReader;

static MrStatus text_configure(MrArena *arena, const MrFormatOptions *options, const void **out,
                               MrError *err)
{
    TextConfig *config = MR_NEW(arena, TextConfig);
    const char *sep = mr_format_option(options, "lineSep", NULL);
    if (sep && *sep == 0)
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "lineSep", "functionName",
                       "text", "expectedValue", "a separator that is not empty", "actualValue",
                       "''");
    config->line_sep = sep ? mr_arena_str(arena, sep) : NULL;
    config->write_line_sep = sep ? config->line_sep : "\n";
    config->whole = mr_format_option_bool(options, "wholetext", false);
    MR_TRY(mr_format_option_encoding(options, "text", &config->encoding, err));
    *out = config;
    return MR_OK;
}

static void text_cut(const void *config, MrRowCut *out)
{
    const TextConfig *self = config;
    *out = (MrRowCut){
        .line_sep = self->line_sep, .whole_file = self->whole, .encoding = self->encoding};
}

static MrStatus text_infer_begin(const void *config, MrBudget *budget, void **infer, MrError *err)
{
    *infer = NULL;
    return MR_OK;
}
static MrStatus text_infer_feed(void *infer, const MrEvalContext *context, MrChunk *chunk,
                                MrError *err)
{
    chunk->at = chunk->end;
    return MR_OK;
}
static MrStatus text_infer_end(void *infer, MrArena *arena, MrSchema *out, MrError *err)
{
    static const MrField value = {
        .name = "value", .type = &mr_types[MR_TYPE_STRING], .nullable = true};
    *out = (MrSchema){.n_cols = 1, .cols = &value};
    return MR_OK;
}
static void text_infer_destroy(void *infer)
{
}

static MrStatus text_check(const void *config, const MrSchema *schema, MrError *err)
{
    if (schema->n_cols != 1)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_FEATURE__MILLRACE, "feature",
                       "a text file with other than one column of type STRING");
    if (schema->cols[0].type->kind != MR_TYPE_STRING)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "Text",
                       "columnName", schema->cols[0].name, "columnType",
                       "a type other than STRING");
    return MR_OK;
}

static MrStatus text_reader_open(const void *config, const MrRowSpec *spec, MrBudget *budget,
                                 MrRowReader **out, MrError *err)
{
    for (int32_t i = 0; i < spec->n_cols; i++)
        if (spec->schema->cols[spec->cols[i]].type->kind != MR_TYPE_STRING)
            return text_check(config, spec->schema, err);
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(TextReader), &block, err));
    TextReader *self = block;
    *self = (TextReader){.base = {.format = &mr_format_text},
                         .config = config,
                         .budget = budget,
                         .n_cols = spec->n_cols};
    *out = &self->base;
    return MR_OK;
}

static MrStatus text_file_begin(MrRowReader *reader, const char *file, MrError *err)
{
    ((TextReader *)reader)->file_done = false;
    return MR_OK;
}

static void text_start(MrRowReader *reader, MrBatch *batch)
{
    TextReader *self = (TextReader *)reader;
    self->row = 0;
    self->held = NULL;
    self->base.n_rows = 0;
    mr_batch_set_cols(batch, self->n_cols);
    for (int32_t i = 0; i < self->n_cols; i++)
        batch->cols[i] = mr_vector_create(&batch->arena, MR_T(STRING), MR_BATCH_ROWS);
}

static MrStatus text_fill(MrRowReader *reader, const MrEvalContext *context, MrBatch *batch,
                          MrChunk *chunk, MrError *err)
{
    TextReader *self = (TextReader *)reader;
    if (chunk->owner && self->held != chunk->owner) {
        mr_batch_retain(batch, chunk->owner);
        self->held = chunk->owner;
    }
    if (chunk->starts_file && chunk->at == chunk->begin && !self->config->whole &&
        chunk->end - chunk->at >= 3 && memcmp(chunk->at, "\xef\xbb\xbf", 3) == 0)
        chunk->at += 3;
    while (self->row < MR_BATCH_ROWS &&
           (chunk->at < chunk->end || (self->config->whole && !self->file_done))) {
        const char *begin = chunk->at, *line_end = chunk->end;
        if (self->config->whole) {
            chunk->at = chunk->end;
            self->file_done = true;
        } else {
            chunk->at = mr_line_next(begin, chunk->end, self->config->line_sep, &line_end);
        }
        if (line_end - begin > UINT32_MAX / 2)
            return MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", chunk->file);
        for (int32_t i = 0; i < self->n_cols; i++)
            batch->cols[i]->str[self->row] = mr_str_borrow(begin, line_end - begin);
        self->row++;
    }
    self->base.n_rows = self->row;
    return MR_OK;
}

static void text_finish(MrRowReader *reader, MrBatch *batch)
{
    TextReader *self = (TextReader *)reader;
    batch->n_rows = batch->n_sel = self->row;
    for (int32_t i = 0; i < self->n_cols; i++)
        batch->cols[i]->n_items = self->row;
}

static void text_reader_close(MrRowReader *reader)
{
    if (reader)
        mr_budget_free(((TextReader *)reader)->budget, reader, sizeof(TextReader));
}

static MrStatus text_write_rows(const void *config, const MrEvalContext *context,
                                const MrSchema *schema, const int32_t *cols, int32_t n_cols,
                                const MrBatch *batch, MrBuffer *out, MrError *err)
{
    const TextConfig *self = config;
    size_t n_sep = strlen(self->write_line_sep);
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int64_t at, row = mr_batch_row(batch, i);
        const MrVector *vec = batch->cols[cols[0]];
        if (!mr_vector_is_null(vec, row)) {
            vec = mr_vector_at(vec, row, &at);
            MR_TRY(mr_buffer_put(out, mr_str_data(&vec->str[at]), vec->str[at].size_bytes, err));
        }
        MR_TRY(mr_buffer_put(out, self->write_line_sep, (int64_t)n_sep, err));
    }
    return MR_OK;
}

const MrRowFormat mr_format_text = {
    .name = "text",
    .configure = text_configure,
    .cut = text_cut,
    .infer_begin = text_infer_begin,
    .infer_feed = text_infer_feed,
    .infer_end = text_infer_end,
    .infer_destroy = text_infer_destroy,
    .reader_open = text_reader_open,
    .file_begin = text_file_begin,
    .start = text_start,
    .fill = text_fill,
    .finish = text_finish,
    .reader_close = text_reader_close,
    .write_check = text_check,
    .write_rows = text_write_rows,
};
