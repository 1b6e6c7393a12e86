/* csv_read.c - CSV to vectors: only the wanted columns are converted, the others are only skipped.
 *
 * A record with another number of fields than the schema, or with a field that does not fit its
 * column, is malformed: what could be read is kept (PERMISSIVE), and the raw text goes to the
 * corrupt-record column.  As in Spark, the number of fields is only looked at when all columns are
 * wanted (its parser is told to cut out the wanted ones otherwise), or without columnPruning. */
#include "format/csv_int.h"

#include <stdio.h>

typedef struct CsvReader {
    MrRowReader base;
    const MrCsvConfig *config;
    const MrRowSpec *spec;
    MrBudget *budget;
    MrArena arena;
    int32_t n_data;      /* columns of the file, the corrupt-record column not counted */
    int32_t n_look;      /* fields to read: up to the last wanted one */
    int32_t *place_of;   /* by field: place in the batch; -1: not wanted */
    MrTextValue *values; /* by place in the batch */
    int32_t n_cols, corrupt_col;
    bool check_count, header_due;
    MrBatch *batch;
    int32_t row;
    MrShared *held;
} CsvReader;

static MrStatus option_char(MrArena *arena, const MrFormatOptions *options, const char *name,
                            char fallback, char *out, MrError *err)
{
    const char *value = mr_format_option(options, name, NULL);
    *out = fallback;
    if (!value)
        return MR_OK;
    if (strcmp(value, "\\t") == 0)
        *out = '\t';
    else if (strlen(value) > 1 && strcmp(value, "\\u0000") != 0 && strcmp(value, "\\\\") != 0)
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", name, "functionName",
                       "csv", "expectedValue", "one character", "actualValue", value);
    else
        *out = strcmp(value, "\\u0000") == 0 ? 0 : value[0];
    return MR_OK;
}

/* The separator as Spark unescapes it: \t, \\ and the like, one or more characters. */
static MrStatus option_sep(MrArena *arena, const char *value, MrCsvConfig *config, MrError *err)
{
    char *sep = mr_arena_alloc(arena, (int64_t)strlen(value) + 1), *to = sep;
    for (; *value; value++) {
        if (*value != '\\') {
            *to++ = *value;
            continue;
        }
        static const char from[] = "trnbf\"'\\", into[] = "\t\r\n\b\f\"'\\";
        const char *hit = value[1] ? strchr(from, value[1]) : NULL;
        if (!hit)
            return MR_FAIL(err,
                           value[1] ? MR_COND_INVALID_DELIMITER_VALUE__UNSUPPORTED_SPECIAL_CHARACTER
                                    : MR_COND_INVALID_DELIMITER_VALUE__SINGLE_BACKSLASH,
                           "str", value);
        *to++ = into[hit - from];
        value++;
    }
    *to = 0;
    if (to == sep)
        return MR_FAIL(err, MR_COND_INVALID_DELIMITER_VALUE__EMPTY_STRING);
    config->sep = sep;
    config->n_sep = (int32_t)(to - sep);
    return MR_OK;
}

static const char *own(MrArena *arena, const char *text)
{
    return text ? mr_arena_str(arena, text) : NULL;
}

static MrStatus csv_configure(MrArena *arena, const MrFormatOptions *options, const void **out,
                              MrError *err)
{
    MrCsvConfig *config = MR_NEW(arena, MrCsvConfig);
    MR_TRY(mr_format_option_settings(arena, options, &config->settings, err));
    MR_TRY(mr_format_option_mode(options, &config->mode, err));
    MR_TRY(option_sep(arena,
                      mr_format_option(options, "sep", mr_format_option(options, "delimiter", ",")),
                      config, err));
    MR_TRY(option_char(arena, options, "quote", '"', &config->quote, err));
    MR_TRY(option_char(arena, options, "escape", '\\', &config->escape, err));
    MR_TRY(option_char(arena, options, "charToEscapeQuoteEscaping",
                       config->escape == config->quote ? 0 : config->escape, &config->escape_escape,
                       err));
    MR_TRY(option_char(arena, options, "comment", 0, &config->comment, err));
    config->header = mr_format_option_bool(options, "header", false);
    config->infer = mr_format_option_bool(options, "inferSchema", false);
    config->prefer_date = mr_format_option_bool(options, "preferDate", true);
    config->leading_trim = mr_format_option_bool(options, "ignoreLeadingWhiteSpace", false);
    config->trailing_trim = mr_format_option_bool(options, "ignoreTrailingWhiteSpace", false);
    config->write_leading_trim = mr_format_option_bool(options, "ignoreLeadingWhiteSpace", true);
    config->write_trailing_trim = mr_format_option_bool(options, "ignoreTrailingWhiteSpace", true);
    config->multi_line = mr_format_option_bool(options, "multiLine",
                                               mr_format_option_bool(options, "wholeFile", false));
    config->column_pruning = mr_format_option_bool(options, "columnPruning", !config->multi_line);
    config->enforce_schema = mr_format_option_bool(options, "enforceSchema", true);
    config->quote_all = mr_format_option_bool(options, "quoteAll", false);
    config->escape_quotes = mr_format_option_bool(options, "escapeQuotes", true);
    const char *handling = mr_format_option(options, "unescapedQuoteHandling", "STOP_AT_DELIMITER");
    config->unescaped =
        mr_str_equal_nocase(handling, "STOP_AT_CLOSING_QUOTE") ? MR_CSV_STOP_AT_CLOSING_QUOTE
        : mr_str_equal_nocase(handling, "BACK_TO_DELIMITER")   ? MR_CSV_BACK_TO_DELIMITER
        : mr_str_equal_nocase(handling, "SKIP_VALUE")          ? MR_CSV_SKIP_VALUE
        : mr_str_equal_nocase(handling, "RAISE_ERROR")         ? MR_CSV_RAISE_ERROR
                                                               : MR_CSV_STOP_AT_DELIMITER;
    config->null_value = mr_text(own(arena, mr_format_option(options, "nullValue", "")));
    config->empty_value = mr_text(own(arena, mr_format_option(options, "emptyValue", "")));
    config->write_empty = mr_text(own(arena, mr_format_option(options, "emptyValue", "\"\"")));
    config->nan_value = mr_text(own(arena, mr_format_option(options, "nanValue", "NaN")));
    config->positive_inf = mr_text(own(arena, mr_format_option(options, "positiveInf", "Inf")));
    config->negative_inf = mr_text(own(arena, mr_format_option(options, "negativeInf", "-Inf")));
    mr_row_times_init(arena, options, &config->times);
    const char *sep = mr_format_option(options, "lineSep", NULL);
    if (sep && (*sep == 0 || strlen(sep) > 2))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "lineSep", "functionName",
                       "csv", "expectedValue", "one or two characters", "actualValue", sep);
    config->line_sep = own(arena, sep);
    config->write_line_sep = sep ? config->line_sep : "\n";
    config->corrupt_name = mr_format_option_corrupt_name(arena, options);
    MR_TRY(mr_format_option_int(options, "maxColumns", 20480, &config->max_columns, err));
    MR_TRY(mr_format_option_int(options, "maxCharsPerColumn", -1, &config->max_chars, err));
    MR_TRY(mr_format_option_sampling(options, "csv", &config->sampling_ratio, err));
    MR_TRY(mr_format_option_encoding(options, "csv", &config->encoding, err));
    *out = config;
    return MR_OK;
}

static void csv_cut(const void *config, MrRowCut *out)
{
    const MrCsvConfig *self = config;
    *out = (MrRowCut){
        .line_sep = self->line_sep, .no_ranges = self->multi_line, .encoding = self->encoding};
}

/* The raw text of a record for messages and the corrupt-record column. */
static MrStatus record_bad(CsvReader *self, const MrChunk *chunk, const char *begin,
                           const char *end, const char *why, bool *drop, MrError *err)
{
    MrText raw = {begin, end - begin};
    while (raw.size_bytes > 0 &&
           (raw.data[raw.size_bytes - 1] == '\n' || raw.data[raw.size_bytes - 1] == '\r'))
        raw.size_bytes--;
    self->base.n_bad++;
    *drop = self->config->mode == MR_PARSE_DROP;
    if (self->config->mode == MR_PARSE_FAIL)
        return mr_record_fail(chunk, raw, why, err);
    if (!*drop && self->corrupt_col >= 0) {
        MrVector *vec = self->batch->cols[self->corrupt_col];
        MrText text = mr_utf8_repair(&self->batch->arena, raw);
        if (vec->validity)
            mr_bit_set(vec->validity, self->row);
        vec->str[self->row] = mr_str_borrow(text.data, text.size_bytes);
    }
    return MR_OK;
}

static bool has_high(MrText text)
{
    uint64_t any = 0, word;
    int64_t i = 0;
    for (; i + 8 <= text.size_bytes; i += 8) {
        memcpy(&word, text.data + i, 8);
        any |= word;
    }
    for (; i < text.size_bytes; i++)
        any |= (uint64_t)(unsigned char)text.data[i];
    return (any & UINT64_C(0x8080808080808080)) != 0;
}

/* One field to its column; false: it does not fit. */
static bool field_set(CsvReader *self, const MrEvalContext *context, int32_t col,
                      const MrCsvField *field)
{
    const MrCsvConfig *config = self->config;
    MrArena *arena = &self->batch->arena;
    MrVector *vec = self->batch->cols[col];
    if (mr__csv_is_null(config, field)) {
        mr_vector_set_null(arena, vec, self->row, vec->cap_items);
        return true;
    }
    MrText text = field->text.size_bytes == 0 ? config->empty_value : field->text;
    bool fits = config->max_chars < 0 || text.size_bytes <= config->max_chars ||
                mr_utf8_length(text.data, text.size_bytes) <= config->max_chars;
    if (vec->type->kind == MR_TYPE_STRING && has_high(text))
        text = mr_utf8_repair(arena, text);
    if (vec->validity)
        mr_bit_set(vec->validity, self->row);
    fits =
        fits && mr__csv_value_set(config, &self->values[col], context, arena, text, vec, self->row);
    if (!fits)
        mr_vector_set_null(arena, vec, self->row, vec->cap_items);
    return fits;
}

/* One record into the row.  *place moves behind it; false: it is not complete (multiLine). */
static MrStatus record_read(CsvReader *self, const MrEvalContext *context, const MrChunk *chunk,
                            const char *begin, const char *end, const char **place, bool *complete,
                            MrError *err)
{
    const MrCsvConfig *config = self->config;
    MrArena *arena = &self->batch->arena;
    const char *at = begin, *why = NULL;
    *complete = true;
    if (self->corrupt_col >= 0) {
        MrVector *vec = self->batch->cols[self->corrupt_col];
        mr_vector_set_null(arena, vec, self->row, vec->cap_items);
    }
    int64_t n_fields = 0;
    MrCsvStop stop = MR_CSV_MORE;
    MrCsvField field;
    for (; stop == MR_CSV_MORE && n_fields < self->n_look; n_fields++) {
        int32_t col = self->place_of[n_fields];
        stop = mr__csv_field(config, &at, end, col >= 0 ? arena : NULL, &field);
        if (stop == MR_CSV_BAD) {
            why = "a quote inside a field is not escaped";
            stop = field.text.data && at < end ? MR_CSV_MORE : MR_CSV_ROW;
            break;
        }
        if (col >= 0 && !field_set(self, context, col, &field) && !why)
            why = "a field does not fit its column";
    }
    if (n_fields > self->n_data && stop != MR_CSV_MORE) /* n_look is at most n_data + 1 */
        why = why ? why : "it has too many fields";
    if (stop == MR_CSV_MORE && self->check_count && n_fields >= self->n_data && !why)
        why = "it has too many fields";
    if (config->max_columns >= 0 && n_fields > config->max_columns && !why)
        why = "it has more fields than maxColumns";
    if (stop == MR_CSV_MORE && config->multi_line) { /* the end of the record must be found */
        while (stop == MR_CSV_MORE)
            stop = mr__csv_field(config, &at, end, NULL, &field);
    }
    if (config->multi_line) {
        if (stop == MR_CSV_OPEN && !chunk->last) {
            *complete = false;
            return MR_OK;
        }
        if (at >= end && !chunk->last &&
            stop != MR_CSV_OPEN) { /* the chunk ends at a line end: cannot be */
            *complete = false;
            return MR_OK;
        }
        end = at;
        *place = mr__csv_line_over(config, at, chunk->end);
    }
    if (stop == MR_CSV_OPEN && !why)
        why = "a quote is not closed";
    for (int64_t i = n_fields; i < self->n_look; i++) /* fields that are not there */
        if (self->place_of[i] >= 0)
            mr_vector_set_null(arena, self->batch->cols[self->place_of[i]], self->row,
                               self->batch->cols[self->place_of[i]]->cap_items);
    if (n_fields < self->n_data && self->check_count && !why)
        why = "it has too few fields";
    if (end - begin > MR_RECORD_MAX_BYTES) {
        for (int32_t c = 0; c < self->n_cols; c++)
            mr_vector_set_null(arena, self->batch->cols[c], self->row,
                               self->batch->cols[c]->cap_items);
        why = "the record is longer than 128 MiB";
        end = begin + 64;
    }
    bool drop = false;
    if (why)
        MR_TRY(record_bad(self, chunk, begin, end, why, &drop, err));
    self->row += !drop;
    return MR_OK;
}

/* The header: skipped, or (enforceSchema false) compared with the schema. */
static MrStatus header_read(CsvReader *self, MrChunk *chunk, bool *complete, MrError *err)
{
    const MrCsvConfig *config = self->config;
    const char *place = chunk->at, *line_end;
    const char *at = mr__csv_record(config, &place, chunk->end, &line_end);
    *complete = at != NULL;
    if (!at) { /* nothing but empty lines so far: the header is still to come */
        chunk->at = chunk->end;
        return MR_OK;
    }
    MrArena *arena = &self->batch->arena;
    MrCsvStop stop = MR_CSV_MORE;
    int32_t i = 0;
    const char *field_at = at;
    bool same = true;
    for (int32_t col = 0; stop == MR_CSV_MORE; i++) {
        MrCsvField field;
        stop = mr__csv_field(config, &field_at, line_end, arena, &field);
        while (col < self->spec->schema->n_cols &&
               mr_str_equal_nocase(self->spec->schema->cols[col].name, config->corrupt_name))
            col++;
        if (col < self->spec->schema->n_cols)
            same &= mr_text_equal_nocase(field.text, mr_text(self->spec->schema->cols[col++].name));
        else
            same = false;
        if (config->max_columns >= 0 && i > config->max_columns)
            break;
    }
    if (config->multi_line && stop == MR_CSV_OPEN && !chunk->last) {
        *complete = false;
        return MR_OK;
    }
    chunk->at = config->multi_line ? mr__csv_line_over(config, field_at, chunk->end) : place;
    if (!config->enforce_schema && (!same || i != self->n_data)) {
        char shown[200];
        snprintf(shown, sizeof shown, "%.*s", (int)(field_at - at < 190 ? field_at - at : 190), at);
        MrStatus status = MR_FAIL(err, MR_COND_DATA_SOURCE_TABLE_SCHEMA_MISMATCH, "dsSchema", shown,
                                  "expectedSchema", "the declared columns");
        mr_error_add(err, "in the header of file '%s'", chunk->file);
        return status;
    }
    return MR_OK;
}

static MrStatus csv_fill(MrRowReader *reader, const MrEvalContext *context, MrBatch *batch,
                         MrChunk *chunk, MrError *err)
{
    CsvReader *self = (CsvReader *)reader;
    const MrCsvConfig *config = self->config;
    MrEvalContext own_context = *context;
    own_context.settings = config->settings;
    if (chunk->owner && self->held != chunk->owner) {
        mr_batch_retain(batch, chunk->owner);
        self->held = chunk->owner;
    }
    if (chunk->starts_file && chunk->at == chunk->begin) {
        if (chunk->end - chunk->at >= 3 && memcmp(chunk->at, "\xef\xbb\xbf", 3) == 0)
            chunk->at += 3;
        self->header_due = config->header;
    }
    if (self->header_due && chunk->at < chunk->end) {
        bool complete;
        MR_TRY(header_read(self, chunk, &complete, err));
        if (!complete)
            return MR_OK;
        self->header_due = false;
    }
    while (self->row < MR_BATCH_ROWS) {
        const char *place = chunk->at, *line_end;
        const char *at = mr__csv_record(config, &place, chunk->end, &line_end);
        if (!at) {
            chunk->at = chunk->end;
            break;
        }
        if (self->n_cols == 0 && !self->check_count) { /* only counted */
            chunk->at = place;
            self->row++;
            continue;
        }
        bool complete;
        MR_TRY(record_read(self, &own_context, chunk, at, line_end, &place, &complete, err));
        if (!complete) {
            chunk->at = at;
            break;
        }
        chunk->at = place;
    }
    self->base.n_rows = self->row;
    return MR_OK;
}

static void csv_start(MrRowReader *reader, MrBatch *batch)
{
    CsvReader *self = (CsvReader *)reader;
    self->batch = batch;
    self->row = 0;
    self->held = NULL;
    self->base.n_rows = 0;
    mr_batch_set_cols(batch, self->n_cols);
    for (int32_t col = 0; col < self->n_cols; col++)
        batch->cols[col] = mr_vector_create(
            &batch->arena, self->spec->schema->cols[self->spec->cols[col]].type, MR_BATCH_ROWS);
}

static void csv_finish(MrRowReader *reader, MrBatch *batch)
{
    CsvReader *self = (CsvReader *)reader;
    batch->n_rows = batch->n_sel = self->row;
    for (int32_t col = 0; col < self->n_cols; col++)
        batch->cols[col]->n_items = self->row;
}

static void csv_reader_close(MrRowReader *reader)
{
    CsvReader *self = (CsvReader *)reader;
    if (!self)
        return;
    MrBudget *budget = self->budget;
    mr_arena_deinit(&self->arena);
    mr_budget_free(budget, self, sizeof *self);
}

static MrStatus reader_init(CsvReader *self, MrError *err)
{
    const MrRowSpec *spec = self->spec;
    MrArena *arena = &self->arena;
    int32_t *field_of = MR_NEW_N(arena, int32_t, spec->schema->n_cols);
    for (int32_t i = 0; i < spec->schema->n_cols; i++) {
        bool corrupt = mr_str_equal_nocase(spec->schema->cols[i].name, self->config->corrupt_name);
        field_of[i] = corrupt ? -1 : self->n_data++;
    }
    self->n_cols = spec->n_cols;
    self->corrupt_col = -1;
    self->place_of = MR_NEW_N(arena, int32_t, self->n_data + 1);
    memset(self->place_of, 0xff, (size_t)(self->n_data + 1) * sizeof(int32_t));
    self->values = MR_NEW_N(arena, MrTextValue, spec->n_cols);
    int32_t n_wanted = 0;
    for (int32_t i = 0; i < spec->n_cols; i++) {
        const MrField *field = &spec->schema->cols[spec->cols[i]];
        if (field_of[spec->cols[i]] < 0) {
            if (field->type->kind != MR_TYPE_STRING)
                return MR_FAIL(err, MR_COND_INVALID_CORRUPT_RECORD_TYPE, "columnName", field->name,
                               "actualType", mr_type_sql_text(arena, field->type));
            if (spec->n_cols == 1)
                return MR_FAIL(err, MR_COND_UNSUPPORTED_FEATURE__QUERY_ONLY_CORRUPT_RECORD_COLUMN);
            self->corrupt_col = i;
            continue;
        }
        MR_TRY(mr__csv_value_init(self->config, &self->values[i], arena, field->type, err));
        self->place_of[field_of[spec->cols[i]]] = i;
        if (field_of[spec->cols[i]] >= self->n_look)
            self->n_look = field_of[spec->cols[i]] + 1;
        n_wanted++;
    }
    self->check_count =
        n_wanted == self->n_data || self->corrupt_col >= 0 || !self->config->column_pruning;
    if (self->check_count)
        self->n_look = self->n_data;
    return MR_OK;
}

static MrStatus csv_reader_open(const void *config, const MrRowSpec *spec, MrBudget *budget,
                                MrRowReader **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(CsvReader), &block, err));
    CsvReader *self = block;
    self->base.format = &mr_format_csv;
    self->base.exact_filters = spec->n_filters == 0;
    self->config = config;
    self->spec = spec;
    self->budget = budget;
    mr_arena_init(&self->arena, budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = reader_init(self, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        csv_reader_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

static MrStatus csv_file_begin(MrRowReader *reader, const char *file, MrError *err)
{
    ((CsvReader *)reader)->header_due = false; /* the chunk says when the file begins */
    return MR_OK;
}

const MrRowFormat mr_format_csv = {
    .name = "csv",
    .configure = csv_configure,
    .cut = csv_cut,
    .infer_begin = mr__csv_infer_begin,
    .infer_feed = mr__csv_infer_feed,
    .infer_end = mr__csv_infer_end,
    .infer_destroy = mr__csv_infer_destroy,
    .reader_open = csv_reader_open,
    .file_begin = csv_file_begin,
    .start = csv_start,
    .fill = csv_fill,
    .finish = csv_finish,
    .reader_close = csv_reader_close,
    .write_check = mr__csv_write_check,
    .write_head = mr__csv_write_head,
    .write_rows = mr__csv_write_rows,
};
