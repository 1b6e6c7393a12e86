/* csv_write.c - rows as CSV in the form that Spark's writer gives.
 *
 * NULL is nullValue (empty), an empty string is "" in quotes; a field is quoted when it holds the
 * separator, a line end, the quote, or begins with the comment sign; quotes inside are escaped. */
#include "format/csv_int.h"

MrStatus mr__csv_write_check(const void *config, const MrSchema *schema, MrError *err)
{
    for (int32_t i = 0; i < schema->n_cols; i++) {
        const MrType *type = schema->cols[i].type;
        if (mr_type_is_nested(type) || type->kind == MR_TYPE_INTERVAL ||
            type->kind == MR_TYPE_VARIANT) {
            MrArena arena;
            MrBudget budget;
            mr_budget_init(&budget, "message", NULL, 1 << 20);
            mr_arena_init(&arena, &budget);
            MrStatus status;
            MR_GUARD_BEGIN(status, err)
                char *text = mr_arena_printf(&arena, "\"%s\"", mr_type_sql_text(&arena, type));
                const char *name = mr_quote_name(&arena, schema->cols[i].name);
                status = MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "CSV",
                                 "columnName", name, "columnType", text);
            MR_GUARD_END(status)
            mr_arena_deinit(&arena);
            mr_budget_deinit(&budget);
            return status;
        }
    }
    const MrCsvConfig *self = config;
    return mr_row_times_check(&self->times, self->encoding, err);
}

static MrStatus put_field(const MrCsvConfig *config, MrText text, bool is_text, MrBuffer *out,
                          MrError *err)
{
    if (is_text && config->write_leading_trim)
        while (text.size_bytes > 0 && (unsigned char)*text.data <= ' ')
            text.data++, text.size_bytes--;
    if (is_text && config->write_trailing_trim)
        while (text.size_bytes > 0 && (unsigned char)text.data[text.size_bytes - 1] <= ' ')
            text.size_bytes--;
    if (text.size_bytes == 0)
        return mr_buffer_put(out, config->write_empty.data, config->write_empty.size_bytes, err);
    bool quote = config->quote_all;
    if (config->quote && is_text) {
        for (int64_t i = 0; i < text.size_bytes; i++) {
            char c = text.data[i];
            quote |= c == '\n' || c == '\r' || (config->escape_quotes && c == config->quote) ||
                     (c == config->sep[0] && text.size_bytes - i >= config->n_sep &&
                      memcmp(text.data + i, config->sep, (size_t)config->n_sep) == 0);
        }
        quote |=
            text.data[0] == config->quote || (config->comment && text.data[0] == config->comment);
    }
    if (!quote || !config->quote)
        return mr_buffer_put(out, text.data, text.size_bytes, err);
    MR_TRY(mr_buffer_reserve(out, 2 * text.size_bytes + 2, err));
    char *to = out->data + out->size_bytes;
    *to++ = config->quote;
    for (int64_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        bool before_quote = i + 1 < text.size_bytes && text.data[i + 1] == config->quote;
        if (c == config->quote && config->escape)
            *to++ = config->escape;
        else if (c == config->escape && config->escape_escape &&
                 (before_quote || i + 1 == text.size_bytes))
            *to++ = config->escape_escape;
        *to++ = c;
    }
    *to++ = config->quote;
    out->size_bytes = to - out->data;
    return MR_OK;
}

MrStatus mr__csv_write_head(const void *config, const MrSchema *schema, MrBuffer *out, MrError *err)
{
    const MrCsvConfig *self = config;
    if (!self->header)
        return MR_OK;
    for (int32_t i = 0; i < schema->n_cols; i++) {
        if (i > 0)
            MR_TRY(mr_buffer_put(out, self->sep, self->n_sep, err));
        MR_TRY(put_field(self, mr_text(schema->cols[i].name), true, out, err));
    }
    return mr_buffer_put(out, self->write_line_sep, (int64_t)strlen(self->write_line_sep), err);
}

static MrStatus put_value(const MrCsvConfig *config, const MrEvalContext *context, MrArena *scratch,
                          const MrVector *vec, int64_t row, MrBuffer *out, MrError *err)
{
    if (mr_vector_is_null(vec, row)) {
        if (config->quote_all && config->null_value.size_bytes == 0)
            return mr_buffer_put(out, "\"\"", 2, err);
        return mr_buffer_put(out, config->null_value.data, config->null_value.size_bytes, err);
    }
    MrTypeKind kind = vec->type->kind;
    if (kind == MR_TYPE_STRING || kind == MR_TYPE_BINARY) {
        int64_t at;
        const MrVector *holder = mr_vector_at(vec, row, &at);
        return put_field(config, mr_str_text(&holder->str[at]), true, out, err);
    }
    MrTextBuilder text = {.arena = scratch};
    /* Timestamps as yyyy-MM-dd'T'HH:mm:ss.SSSXXX, which is JSON's form in quotes; the rest as a
     * cast. */
    const MrTextFormats *formats = &config->times.formats;
    bool json = (kind == MR_TYPE_TIMESTAMP && !formats->timestamp) ||
                (kind == MR_TYPE_TIMESTAMP_NTZ && !formats->timestamp_ntz);
    bool by = kind == MR_TYPE_DATE || kind == MR_TYPE_TIMESTAMP || kind == MR_TYPE_TIMESTAMP_NTZ;
    mr_value_text_by(vec, row, json ? MR_TEXT_JSON : MR_TEXT_CAST, config->settings, formats,
                     &text);
    MrText value = {text.data, text.size_bytes};
    if (json && value.size_bytes >= 2 && value.data[0] == '"')
        value = (MrText){value.data + 1, value.size_bytes - 2};
    return put_field(config, value,
                     config->quote_all || by || kind == MR_TYPE_INTERVAL_DT ||
                         kind == MR_TYPE_INTERVAL_YM,
                     out, err);
}

MrStatus mr__csv_write_rows(const void *config, const MrEvalContext *context,
                            const MrSchema *schema, const int32_t *cols, int32_t n_cols,
                            const MrBatch *batch, MrBuffer *out, MrError *err)
{
    const MrCsvConfig *self = config;
    int64_t n_line_sep = (int64_t)strlen(self->write_line_sep);
    MrArena scratch;
    mr_arena_init(&scratch, out->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        for (int32_t i = 0; status == MR_OK && i < batch->n_sel; i++) {
            mr_arena_reset(&scratch);
            for (int32_t c = 0; status == MR_OK && c < n_cols; c++) {
                if (c > 0)
                    status = mr_buffer_put(out, self->sep, self->n_sep, err);
                if (status == MR_OK)
                    status = put_value(self, context, &scratch, batch->cols[cols[c]],
                                       mr_batch_row(batch, i), out, err);
            }
            if (status == MR_OK)
                status = mr_buffer_put(out, self->write_line_sep, n_line_sep, err);
        }
    MR_GUARD_END(status)
    mr_arena_deinit(&scratch);
    return status;
}
