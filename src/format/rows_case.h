/* rows_case.h - for tests: a text format's answer to some bytes, as text.
 *
 * A case is options ("header=true;sep=|"), a schema (NULL: inferred), the bytes, and what must come
 * out: rows of Hive texts, fields joined by '|', or "!CONDITION".  Each case runs with the bytes
 * whole and cut at every line end. */
#ifndef MR_FORMAT_ROWS_CASE_H
#define MR_FORMAT_ROWS_CASE_H

#include "base/testing.h"
#include "format/rows.h"
#include "function/time_zone.h"

typedef struct RowCase {
    const char *rule, *options, *schema, *input, *expected;
} RowCase;

typedef struct CaseOptions {
    char text[1024];
    const char *keys[32], *values[32];
    int n;
} CaseOptions;

static const char *case_option(const void *self, const char *name)
{
    const CaseOptions *options = self;
    for (int i = 0; i < options->n; i++)
        if (mr_str_equal_nocase(options->keys[i], name))
            return options->values[i];
    return NULL;
}

static void case_options(CaseOptions *out, const char *text)
{
    out->n = 0;
    snprintf(out->text, sizeof out->text, "%s", text ? text : "");
    for (char *save = NULL, *pair = strtok_r(out->text, ";", &save); pair;
         pair = strtok_r(NULL, ";", &save)) {
        char *equals = strchr(pair, '=');
        *equals = 0;
        out->keys[out->n] = pair;
        out->values[out->n++] = equals + 1;
    }
}

/* No zone but those that need no file. */
static MrStatus case_zone(void *self, const char *id, MrBuffer *out, MrError *err)
{
    return MR_OK;
}

/* Runs the reader; columns NULL: all.  The text is in the arena. */
static MrStatus case_read(MrBudget *budget, MrArena *arena, const MrRowFormat *format,
                          const char *options_text, const char *schema_text, const char *data,
                          int64_t n_data, bool cut, MrText *out, MrSchema *schema_out, MrError *err)
{
    MrZones *zones = NULL;
    MrSettings settings = {.ansi = true, .zone_id = "UTC"};
    MrStatus status = mr_zones_create(budget, case_zone, NULL, &zones, err);
    if (status != MR_OK)
        return status;
    CaseOptions options;
    case_options(&options, options_text);
    MrRowReader *reader = NULL;
    MrBatch *batch = NULL;
    void *infer = NULL;
    MR_GUARD_BEGIN(status, err)
        settings.zones = zones;
        status = mr_zone_find(zones, "UTC", &settings.zone, err);
        MrEvalContext eval = {.settings = &settings};
        MrFormatOptions getter = {case_option, &options, &settings};
        const void *config = NULL;
        MrRowCut how = {0};
        MrTextBuilder text = {.arena = arena};
        if (status == MR_OK)
            status = format->configure(arena, &getter, &config, err);
        if (status == MR_OK)
            format->cut(config, &how);
        /* The bytes with their zeros behind. */
        char *bytes = mr_arena_alloc(arena, n_data + MR_CHUNK_PAD);
        if (n_data > 0)
            memcpy(bytes, data, (size_t)n_data);
        memset(bytes + n_data, 0, MR_CHUNK_PAD);
        MrChunk whole = {.at = bytes,
                         .end = bytes + n_data,
                         .begin = bytes,
                         .file = "case",
                         .starts_file = true,
                         .last = true};
        MrSchema schema = {0};
        if (status == MR_OK && schema_text) {
            const MrType *type;
            status = mr_type_parse(arena, mr_text(schema_text), true, &type, err);
            if (status == MR_OK)
                schema = (MrSchema){type->n_fields, type->fields};
        } else if (status == MR_OK) {
            status = format->infer_begin(config, budget, &infer, err);
            MrChunk chunk = whole;
            if (status == MR_OK)
                status = format->infer_feed(infer, &eval, &chunk, err);
            if (status == MR_OK)
                status = format->infer_end(infer, arena, &schema, err);
        }
        *schema_out = schema;
        int32_t *cols = MR_NEW_N(arena, int32_t, schema.n_cols);
        for (int32_t i = 0; i < schema.n_cols; i++)
            cols[i] = i;
        MrRowSpec *spec = MR_NEW(arena, MrRowSpec);
        MrSchema *own = MR_NEW(arena, MrSchema);
        *own = schema;
        *spec = (MrRowSpec){.schema = own, .n_cols = schema.n_cols, .cols = cols};
        if (status == MR_OK)
            status = format->reader_open(config, spec, budget, &reader, err);
        if (status == MR_OK)
            status = mr_batch_create(budget, &batch, err);
        MrChunk chunk = whole;
        if (cut)
            chunk.end = chunk.begin;
        if (status == MR_OK)
            status = format->file_begin(reader, "case", err);
        for (bool more = status == MR_OK; more && status == MR_OK;) {
            mr_batch_reset(batch);
            format->start(reader, batch);
            while (status == MR_OK && reader->n_rows < MR_BATCH_ROWS) {
                if (cut && !how.whole_file && chunk.end < whole.end) { /* one more line */
                    const char *stop;
                    chunk.end = mr_line_next(chunk.end, whole.end, how.line_sep, &stop);
                    chunk.last = chunk.end == whole.end;
                } else if (cut) {
                    chunk.end = whole.end;
                    chunk.last = true;
                }
                bool ended = chunk.end == whole.end;
                status = format->fill(reader, &eval, batch, &chunk, err);
                if (ended && chunk.at == chunk.end) {
                    more = false;
                    break;
                }
            }
            format->finish(reader, batch);
            for (int32_t i = 0; status == MR_OK && i < batch->n_sel; i++) {
                for (int32_t c = 0; c < batch->n_cols; c++) {
                    if (c > 0)
                        mr_builder_char(&text, '|');
                    if (mr_vector_is_null(batch->cols[c], mr_batch_row(batch, i)))
                        mr_builder_str(&text, "NULL");
                    else
                        mr_value_text(batch->cols[c], mr_batch_row(batch, i), MR_TEXT_HIVE,
                                      &settings, &text);
                }
                mr_builder_char(&text, '\n');
            }
        }
        *out = mr_builder_text(&text);
    MR_GUARD_END(status)
    if (reader)
        format->reader_close(reader);
    if (infer)
        format->infer_destroy(infer);
    mr_batch_destroy(batch);
    mr_zones_destroy(zones);
    return status;
}

static inline void case_run(MrBudget *budget, const MrRowFormat *format, const RowCase *row)
{
    for (int cut = 0; cut < 2; cut++) {
        MrArena arena;
        MrError err = {0};
        MrText out = {0};
        MrSchema schema;
        mr_arena_init(&arena, budget);
        /* \1 stands for a NUL byte */
        char *input = mr_arena_str(&arena, row->input);
        int64_t n = (int64_t)strlen(input);
        for (int64_t i = 0; i < n; i++)
            input[i] = input[i] == 1 ? 0 : input[i];
        MrStatus status = case_read(budget, &arena, format, row->options, row->schema, input, n,
                                    cut, &out, &schema, &err);
        char message[2000];
        mr_error_message(&err, message, sizeof message);
        if (status != MR_OK)
            out = (MrText){message, (int64_t)strlen(message)};
        for (int64_t i = 0; i < out.size_bytes; i++)
            if (out.data[i] == 0)
                ((char *)(uintptr_t)out.data)[i] = 1;
        if (*row->expected == '!'
                ? status == MR_OK || strcmp(mr_error_condition(&err), row->expected + 1) != 0
                : status != MR_OK || !mr_text_equal(out, mr_text(row->expected)))
            fail_msg("not so%s: %s\n got: %.*s\nwant: %s", cut ? " (cut at lines)" : "", row->rule,
                     (int)out.size_bytes, out.data, row->expected);
        mr_arena_deinit(&arena);
    }
}

/* The schema that is inferred, as "a INT, b STRING". */
static inline void case_schema(MrBudget *budget, const MrRowFormat *format, const char *rule,
                               const char *options, const char *input, const char *expected)
{
    MrArena arena;
    MrError err = {0};
    MrText out = {0};
    MrSchema schema;
    mr_arena_init(&arena, budget);
    MrStatus status = case_read(budget, &arena, format, options, NULL, input,
                                (int64_t)strlen(input), false, &out, &schema, &err);
    MrTextBuilder text = {.arena = &arena};
    for (int32_t i = 0; status == MR_OK && i < schema.n_cols; i++)
        mr_builder_printf(&text, "%s%s %s", i ? ", " : "", schema.cols[i].name,
                          mr_type_sql_text(&arena, schema.cols[i].type));
    const char *got = status == MR_OK ? mr_builder_text(&text).data : mr_error_condition(&err);
    if (strcmp(got, expected) != 0)
        fail_msg("not so: %s\n got: %s\nwant: %s", rule, got, expected);
    mr_arena_deinit(&arena);
}

#endif
