/* json_write.c - rows as JSON lines, in Spark's form: no blanks, NULL fields left out. */
#include "format/json_int.h"

MrStatus mr__json_write_check(const void *config, const MrSchema *schema, MrError *err)
{
    for (int32_t i = 0; i < schema->n_cols; i++)
        if (schema->cols[i].type->kind == MR_TYPE_INTERVAL)
            return MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "JSON",
                           "columnName", schema->cols[i].name, "columnType", "\"INTERVAL\"");
    const MrJsonConfig *self = config;
    return mr_row_times_check(&self->times, self->encoding, err);
}

static void put_name(MrTextBuilder *text, const char *name)
{
    mr_builder_char(text, '"');
    for (; *name; name++) {
        if (*name == '"' || *name == '\\')
            mr_builder_char(text, '\\');
        if ((unsigned char)*name < 0x20)
            mr_builder_printf(text, "\\u%04x", (unsigned)(unsigned char)*name);
        else
            mr_builder_char(text, *name);
    }
    mr_builder_str(text, "\":");
}

MrStatus mr__json_write_rows(const void *config, const MrEvalContext *context,
                             const MrSchema *schema, const int32_t *cols, int32_t n_cols,
                             const MrBatch *batch, MrBuffer *out, MrError *err)
{
    const MrJsonConfig *self = config;
    MrArena arena;
    mr_arena_init(&arena, out->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        MrTextBuilder *names = MR_NEW_N(&arena, MrTextBuilder, n_cols);
        for (int32_t c = 0; c < n_cols; c++) {
            names[c].arena = &arena;
            put_name(&names[c], schema->cols[cols[c]].name);
        }
        MrTextBuilder text = {.arena = &arena};
        for (int32_t i = 0; status == MR_OK && i < batch->n_sel; i++) {
            int32_t row = mr_batch_row(batch, i);
            bool first = true;
            text.size_bytes = 0;
            mr_builder_char(&text, '{');
            for (int32_t c = 0; c < n_cols; c++) {
                const MrVector *vec = batch->cols[cols[c]];
                bool is_null = mr_vector_is_null(vec, row);
                if (is_null && self->ignore_null_fields)
                    continue;
                if (!first)
                    mr_builder_char(&text, ',');
                first = false;
                mr_builder_put(&text, names[c].data, names[c].size_bytes);
                if (is_null)
                    mr_builder_str(&text, "null");
                else
                    mr_value_text_by(vec, row, MR_TEXT_JSON, self->settings, &self->times.formats,
                                     &text);
            }
            mr_builder_char(&text, '}');
            mr_builder_str(&text, self->write_line_sep);
            status = mr_buffer_put(out, text.data, text.size_bytes, err);
        }
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}
