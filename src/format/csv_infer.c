/* csv_infer.c - names and types of CSV columns, by Spark's rules.
 *
 * Names come from the first record (header) or are _c0, _c1 ...; without inferSchema all are
 * STRING. Types are tried in order INT, BIGINT, DECIMAL (whole numbers beyond BIGINT), DOUBLE,
 * DATE, TIMESTAMP, BOOLEAN, STRING, starting at what the column was so far. */
#include "format/csv_int.h"

#include "base/hash.h"

typedef enum CsvKind {
    CSV_NULL,
    CSV_INT,
    CSV_LONG,
    CSV_DECIMAL,
    CSV_DOUBLE,
    CSV_DATE,
    CSV_TIMESTAMP,
    CSV_BOOL,
    CSV_STRING
} CsvKind;

typedef struct CsvColumn {
    const char *name;
    CsvKind kind;
    int precision;
} CsvColumn;

typedef struct CsvInfer {
    const MrCsvConfig *config;
    MrBudget *budget;
    MrArena arena, scratch;
    CsvColumn *cols;
    int64_t n_cols, cap_cols;
    bool named; /* the first record was seen */
    bool header_due;
    uint64_t n_records;
    MrTextValue date, timestamp;
    MrEvalContext context;
    MrVector *trial_date, *trial_timestamp;
} CsvInfer;

MrStatus mr__csv_infer_begin(const void *config, MrBudget *budget, void **infer, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(CsvInfer), &block, err));
    CsvInfer *self = block;
    self->config = config;
    self->budget = budget;
    mr_arena_init(&self->arena, budget);
    mr_arena_init(&self->scratch, budget);
    MrStatus status = MR_OK;
    if (self->config->infer) {
        MR_GUARD_BEGIN(status, err)
            const char *format = self->config->times.date; /* the inference is strict */
            status = mr_text_value_init(&self->date, &self->arena, self->config->settings,
                                        MR_T(DATE), format ? format : "yyyy-MM-dd", err);
            if (status == MR_OK)
                status = mr__csv_value_init(config, &self->timestamp, &self->arena, MR_T(TIMESTAMP),
                                            err);
            self->trial_date = mr_vector_create(&self->arena, MR_T(DATE), 1);
            self->trial_timestamp = mr_vector_create(&self->arena, MR_T(TIMESTAMP), 1);
        MR_GUARD_END(status)
    }
    if (status != MR_OK)
        mr__csv_infer_destroy(self);
    else
        *infer = self;
    return status;
}

void mr__csv_infer_destroy(void *infer)
{
    CsvInfer *self = infer;
    if (!self)
        return;
    MrBudget *budget = self->budget;
    mr_arena_deinit(&self->arena);
    mr_arena_deinit(&self->scratch);
    mr_budget_free(budget, self, sizeof *self);
}

static bool text_is(MrText text, const char *word)
{
    return mr_text_equal_nocase(text, mr_text(word));
}

/* Whole number of at most 38 digits that is no BIGINT: too big, or with a point behind it. */
static bool is_big_integer(MrText text, int *precision)
{
    MrI128 value;
    int64_t n = 0;
    if (text.size_bytes > 1 && text.data[text.size_bytes - 1] == '.')
        text.size_bytes--;
    for (int64_t i = 0; i < text.size_bytes; i++) {
        if (text.data[i] >= '0' && text.data[i] <= '9')
            n += n > 0 || text.data[i] != '0';
        else if (i > 0 || (text.data[i] != '-' && text.data[i] != '+'))
            return false;
    }
    *precision = n > 0 ? (int)n : 1;
    return n <= MR_DECIMAL_MAX_DIGITS && mr_text_to_decimal(text, 38, 0, &value);
}

/* The first kind at or after from that the text fits. */
static CsvKind kind_of(CsvInfer *self, MrText text, CsvKind from, int *precision)
{
    const MrCsvConfig *config = self->config;
    const char *stop;
    int64_t i64;
    double f64;
    switch (from) {
    case CSV_NULL:
    case CSV_INT:
    case CSV_LONG:
        if (mr_digits_i64(text.data, text.data + text.size_bytes, &i64, &stop) &&
            stop == text.data + text.size_bytes)
            return from != CSV_LONG && i64 == (int32_t)i64 ? CSV_INT : CSV_LONG;
        /* fallthrough */
    case CSV_DECIMAL:
        if (is_big_integer(text, precision))
            return CSV_DECIMAL;
        /* fallthrough */
    case CSV_DOUBLE: {
        char first = text.data[0], last = text.data[text.size_bytes - 1];
        bool likely = (first >= '0' && first <= '9') || first == '-' || first == '+' ||
                      first == '.' || first == 'N' || first == 'I' || (unsigned char)first <= ' ' ||
                      (unsigned char)last <= ' ';
        if ((likely && mr_text_to_f64_java(text, false, &f64)) ||
            mr_text_equal(text, config->nan_value) || mr_text_equal(text, config->positive_inf) ||
            mr_text_equal(text, config->negative_inf))
            return CSV_DOUBLE;
    }
        /* fallthrough */
    case CSV_DATE:
        if (config->prefer_date && mr_text_value_set(&self->date, &self->context, &self->scratch,
                                                     text, self->trial_date, 0))
            return CSV_DATE;
        /* fallthrough */
    case CSV_TIMESTAMP:
        if (mr_text_value_set(&self->timestamp, &self->context, &self->scratch, text,
                              self->trial_timestamp, 0))
            return CSV_TIMESTAMP;
        /* fallthrough */
    case CSV_BOOL:
        return text_is(text, "true") || text_is(text, "false") ? CSV_BOOL : CSV_STRING;
    case CSV_STRING:
        break;
    }
    return CSV_STRING;
}

/* What dateFormat reads, the default reader of timestamps reads too. */
static bool dates_are_timestamps(const MrCsvConfig *config)
{
    static const char *const formats[] = {"yyyy-MM-dd", "yyyy-M-d", "yyyy-M-dd", "yyyy-MM-d",
                                          "yyyy-MM",    "yyyy-M",   "yyyy"};
    bool known = config->times.date == NULL;
    for (int i = 0; i < MR_COUNT(formats) && !known; i++)
        known = strcmp(config->times.date, formats[i]) == 0;
    return known && !config->times.timestamp;
}

static void column_see(CsvInfer *self, CsvColumn *col, const MrCsvField *field)
{
    if (col->kind == CSV_STRING || field->text.size_bytes == 0 ||
        mr__csv_is_null(self->config, field))
        return;
    int precision = 0;
    CsvKind seen = kind_of(self, field->text, col->kind, &precision);
    CsvKind so_far = col->kind;
    if (so_far == CSV_NULL || so_far == seen) {
        if (seen == CSV_DECIMAL && precision > col->precision)
            col->precision = precision;
        col->kind = seen;
    } else if (so_far <= CSV_DOUBLE && seen <= CSV_DOUBLE) {
        col->kind = seen > so_far ? seen : so_far;
        if (col->kind ==
            CSV_DECIMAL) { /* a long beside it is decimal(20,0), an int decimal(10,0) */
            int other = so_far == CSV_LONG || seen == CSV_LONG ? 20
                        : so_far == CSV_INT || seen == CSV_INT ? 10
                                                               : 0;
            col->precision = precision > col->precision ? precision : col->precision;
            col->precision = other > col->precision ? other : col->precision;
        }
    } else if ((so_far == CSV_DATE && seen == CSV_TIMESTAMP) ||
               (so_far == CSV_TIMESTAMP && seen == CSV_DATE)) {
        col->kind = dates_are_timestamps(self->config) ? CSV_TIMESTAMP : CSV_STRING;
    } else {
        col->kind = CSV_STRING;
    }
}

/* Column names from the first record. */
static void name_columns(CsvInfer *self)
{
    const MrCsvConfig *config = self->config;
    MrArena *arena = &self->arena;
    for (int64_t i = 0; i < self->n_cols; i++) {
        if (!config->header || *self->cols[i].name == 0 ||
            mr_text_equal(mr_text(self->cols[i].name), config->null_value)) {
            self->cols[i].name = mr_arena_printf(arena, "_c%lld", (long long)i);
            continue;
        }
    }
    /* Names that meet without regard to case all get their number. */
    bool *twice = MR_NEW_N(&self->scratch, bool, self->n_cols);
    int64_t n_slots = 16;
    while (n_slots < 2 * self->n_cols)
        n_slots *= 2;
    int32_t *slots = mr_arena_alloc(&self->scratch, n_slots * (int64_t)sizeof(int32_t));
    memset(slots, 0xff, (size_t)n_slots * sizeof(int32_t));
    for (int64_t i = 0; i < self->n_cols; i++) {
        uint64_t hash = 0;
        for (const char *c = self->cols[i].name; *c; c++)
            hash = mr_hash_u64(hash, (uint64_t)(*c >= 'A' && *c <= 'Z' ? *c | 32 : *c));
        uint64_t slot = hash & (uint64_t)(n_slots - 1);
        for (; slots[slot] >= 0; slot = (slot + 1) & (uint64_t)(n_slots - 1)) {
            if (mr_str_equal_nocase(self->cols[slots[slot]].name, self->cols[i].name)) {
                twice[i] = twice[slots[slot]] = true;
                break;
            }
        }
        if (slots[slot] < 0)
            slots[slot] = (int32_t)i;
    }
    for (int64_t i = 0; i < self->n_cols; i++)
        if (twice[i])
            self->cols[i].name = mr_arena_printf(arena, "%s%lld", self->cols[i].name, (long long)i);
}

static MrStatus infer_chunk(CsvInfer *self, MrChunk *chunk, MrError *err)
{
    const MrCsvConfig *config = self->config;
    while (chunk->at < chunk->end) {
        const char *place = chunk->at, *line_end;
        const char *at = mr__csv_record(config, &place, chunk->end, &line_end), *begin = at;
        if (!at) {
            chunk->at = chunk->end;
            break;
        }
        bool is_first = !self->named, is_header = self->header_due;
        if (!is_first && !config->infer) { /* names are all that is asked for */
            chunk->at = chunk->end;
            break;
        }
        mr_arena_reset(&self->scratch);
        bool sampled =
            is_first || config->sampling_ratio >= 1 ||
            (double)(mr_hash_u64(self->n_records, 1) >> 11) * 0x1p-53 < config->sampling_ratio;
        MrCsvStop stop = MR_CSV_MORE;
        int64_t i = 0;
        for (; stop == MR_CSV_MORE; i++) {
            MrCsvField field;
            stop = mr__csv_field(config, &at, line_end, &self->scratch, &field);
            if (i >= config->max_columns) {
                MrStatus status = MR_FAIL(
                    err, MR_COND_MALFORMED_RECORD_IN_PARSING__WITHOUT_SUGGESTION, "badRecord",
                    "a record with too many columns", "failFastMode", "FAILFAST");
                mr_error_add(err, "in file '%s': more than maxColumns = %lld fields", chunk->file,
                             (long long)config->max_columns);
                return status;
            }
            if (stop == MR_CSV_OPEN && config->multi_line && !chunk->last) {
                if (is_first)
                    self->n_cols = 0;
                return MR_OK; /* at stays: more bytes are needed */
            }
            if (stop == MR_CSV_BAD)
                stop = MR_CSV_ROW;
            if (is_first) {
                CsvColumn col = {
                    .name = mr_arena_strn(&self->arena, field.text.data, field.text.size_bytes)};
                MR_PUSH(&self->arena, self->cols, self->n_cols, self->cap_cols, col);
            }
            if (!is_header && sampled && config->infer && i < self->n_cols)
                column_see(self, &self->cols[i], &field);
        }
        if (is_first)
            name_columns(self);
        self->n_records++;
        self->named = true;
        self->header_due = false;
        chunk->at = config->multi_line ? mr__csv_line_over(config, at, chunk->end) : place;
        MR_ASSERT(chunk->at > begin);
    }
    return MR_OK;
}

MrStatus mr__csv_infer_feed(void *infer, const MrEvalContext *context, MrChunk *chunk, MrError *err)
{
    CsvInfer *self = infer;
    self->context = *context;
    self->context.settings = self->config->settings;
    if (chunk->starts_file && chunk->at == chunk->begin) {
        if (chunk->end - chunk->at >= 3 && memcmp(chunk->at, "\xef\xbb\xbf", 3) == 0)
            chunk->at += 3;
        self->header_due = self->config->header;
    }
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = infer_chunk(self, chunk, err);
    MR_GUARD_END(status)
    return status;
}

MrStatus mr__csv_infer_end(void *infer, MrArena *arena, MrSchema *out, MrError *err)
{
    CsvInfer *self = infer;
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        MrField *fields = MR_NEW_N(arena, MrField, self->n_cols);
        for (int64_t i = 0; i < self->n_cols; i++) {
            const MrType *type = MR_T(STRING);
            if (self->config->infer) {
                switch (self->cols[i].kind) {
                case CSV_INT:
                    type = MR_T(INT);
                    break;
                case CSV_LONG:
                    type = MR_T(BIGINT);
                    break;
                case CSV_DECIMAL:
                    type = mr_type_decimal(arena, self->cols[i].precision, 0);
                    break;
                case CSV_DOUBLE:
                    type = MR_T(DOUBLE);
                    break;
                case CSV_DATE:
                    type = MR_T(DATE);
                    break;
                case CSV_TIMESTAMP:
                    type = self->config->settings && self->config->settings->timestamp_ntz
                               ? MR_T(TIMESTAMP_NTZ)
                               : MR_T(TIMESTAMP);
                    break;
                case CSV_BOOL:
                    type = MR_T(BOOLEAN);
                    break;
                case CSV_NULL:
                case CSV_STRING:
                    break;
                }
            }
            fields[i] = (MrField){
                .name = mr_arena_str(arena, self->cols[i].name), .type = type, .nullable = true};
        }
        *out = (MrSchema){(int32_t)self->n_cols, fields};
    MR_GUARD_END(status)
    return status;
}
