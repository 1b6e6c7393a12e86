/* json_read.c - JSON lines (or whole files) to vectors.
 *
 * Machines write records with the same keys in the same order.  So the last well-formed record
 * leaves a list of steps: the bytes expected before each value (`,"ad_id":` with its blanks) and
 * what to do with the value.  A record that follows the steps is read without tokenizing; values
 * that nobody wants are only searched for their end.  Where a record leaves the steps, the general
 * parser goes on from there.  A pushed equality on a string column is checked as soon as its value
 * is seen, and the rest of a record that fails it is not looked at (as Spark does with pushed
 * filters).
 *
 * Malformed is what Jackson would not parse (all columns NULL); a value of another type than its
 * column's makes just that column NULL.  Both are bad records to `mode` and `_corrupt_record`.
 * Leaves out: VARIANT columns. */
#include "format/json_int.h"

#include <stdio.h>

#define JSON_STEPS_MAX 512
#define JSON_STEP_TEXT 32

typedef enum JsonOp { JSON_SKIP, JSON_STR, JSON_I64, JSON_I32, JSON_F64, JSON_ANY } JsonOp;
typedef struct JsonStep {
    char text[JSON_STEP_TEXT]; /* zero-padded */
    const char *long_text;     /* when it does not fit */
    int32_t n_text;
    uint32_t mask_low, mask_high; /* bytes of text that count, by 16 */
    JsonOp op;
    int32_t col;     /* place in the batch; -1: not wanted */
    int32_t filter;  /* to check when the value is there; -1: none */
    MrVector *vec;   /* of the batch that is being filled */
    uint32_t n_last; /* bytes of the last string here, and how often it was as long before */
    uint32_t n_same;
} JsonStep;

typedef struct JsonFilter {
    int32_t col;
    bool not_null; /* else equal to */
    MrStr value;
} JsonFilter;

typedef struct JsonReader {
    MrRowReader base;
    const MrJsonConfig *config;
    MrBudget *budget;
    MrArena arena;   /* of the reader's life */
    MrJsonNode root; /* fields: the wanted columns */
    int32_t n_cols, corrupt_col;
    uint32_t *seen; /* by column: number of the record that gave it */
    uint32_t record;
    JsonFilter *filters;
    int32_t n_filters;

    JsonStep *steps;
    int32_t n_steps; /* 0: nothing learnt */
    char tail[8];    /* what closes the record, before the line end */
    int32_t n_tail;
    int32_t *absent; /* columns that the steps do not give */
    int32_t n_absent;
    MrArena step_arena;

    MrJsonValues values;
    MrBatch *batch;
    int32_t row;
    const char *array_at, *array_end, *array_next; /* inside a record that is an array; NULL: not */
    const char *array_begin;
    MrShared *held; /* last chunk owner retained by the batch */
} JsonReader;
/* --- steps --- */

#if defined(__SSE2__)
static inline bool step_matches(const JsonStep *step, const char *at, const char *end)
{
    __m128i low = _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)at),
                                 _mm_loadu_si128((const __m128i *)(const void *)step->text));
    if (((uint32_t)_mm_movemask_epi8(low) & step->mask_low) != step->mask_low)
        return false;
    if (__builtin_expect(step->n_text <= 16, 1))
        return true;
    if (step->long_text)
        return end - at >= step->n_text && memcmp(at, step->long_text, (size_t)step->n_text) == 0;
    __m128i high =
        _mm_cmpeq_epi8(_mm_loadu_si128((const __m128i *)(const void *)(at + 16)),
                       _mm_loadu_si128((const __m128i *)(const void *)(step->text + 16)));
    return ((uint32_t)_mm_movemask_epi8(high) & step->mask_high) == step->mask_high;
}
#else
static inline bool step_matches(const JsonStep *step, const char *at, const char *end)
{
    return end - at >= step->n_text &&
           memcmp(at, step->long_text ? step->long_text : step->text, (size_t)step->n_text) == 0;
}
#endif

static void step_add(JsonReader *self, const char *text, int64_t n_text, int32_t col)
{
    if (self->n_steps < 0 || self->n_steps >= JSON_STEPS_MAX || n_text > 256) {
        self->n_steps = -1; /* not worth it */
        return;
    }
    JsonStep *step = &self->steps[self->n_steps++];
    *step = (JsonStep){.n_text = (int32_t)n_text, .col = col, .filter = -1};
    if (n_text > JSON_STEP_TEXT)
        step->long_text = mr_arena_strn(&self->step_arena, text, n_text);
    memcpy(step->text, text, (size_t)(n_text < JSON_STEP_TEXT ? n_text : JSON_STEP_TEXT));
    step->mask_low = n_text >= 16 ? 0xffff : (1u << n_text) - 1;
    step->mask_high = n_text >= 32 ? 0xffff : n_text > 16 ? (1u << (n_text - 16)) - 1 : 0;
    if (col < 0) {
        step->op = JSON_SKIP;
        return;
    }
    switch (self->root.fields[col].type->kind) {
    case MR_TYPE_STRING:
        step->op = self->root.fields[col].type->length > 0 ? JSON_ANY : JSON_STR;
        break;
    case MR_TYPE_BIGINT:
        step->op = JSON_I64;
        break;
    case MR_TYPE_INT:
        step->op = JSON_I32;
        break;
    case MR_TYPE_DOUBLE:
        step->op = JSON_F64;
        break;
    default:
        step->op = JSON_ANY;
    }
    for (int32_t i = 0; i < self->n_filters; i++)
        if (self->filters[i].col == col && step->filter < 0)
            step->filter = i;
}

/* After a good record: the columns that its keys did not give, and the vectors. */
static void steps_done(JsonReader *self)
{
    self->n_absent = 0;
    for (int32_t col = 0; col < self->n_cols; col++) {
        bool given = false;
        for (int32_t i = 0; i < self->n_steps; i++) {
            if (self->steps[i].col != col)
                continue;
            if (given) { /* a key twice: the last wins, which filters on the way must not decide */
                self->n_steps = 0;
                return;
            }
            given = true;
        }
        if (!given)
            self->absent[self->n_absent++] = col;
    }
    for (int32_t i = 0; i < self->n_steps; i++)
        self->steps[i].vec = self->steps[i].col < 0 ? NULL : self->batch->cols[self->steps[i].col];
}

static bool filter_accepts(const JsonReader *self, const JsonFilter *filter, int32_t row)
{
    const MrVector *vec = self->batch->cols[filter->col];
    if (vec->validity && !mr_bit_get(vec->validity, row))
        return false;
    return filter->not_null || mr_str_equal(&vec->str[row], &filter->value);
}

static const char *line_behind(const char *at, const char *end)
{
#if defined(__AVX2__)
    const __m256i feed = _mm256_set1_epi8('\n'), back = _mm256_set1_epi8('\r');
    for (; at < end; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
        uint32_t mask = (uint32_t)_mm256_movemask_epi8(
            _mm256_or_si256(_mm256_cmpeq_epi8(bytes, feed), _mm256_cmpeq_epi8(bytes, back)));
        if (mask) {
            at += __builtin_ctz(mask);
            return *at == '\r' && at + 1 < end && at[1] == '\n' ? at + 2 : at + 1;
        }
    }
    return end;
#elif defined(__SSE2__)
    const __m128i feed = _mm_set1_epi8('\n'), back = _mm_set1_epi8('\r');
    for (; at < end; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        uint32_t mask = (uint32_t)_mm_movemask_epi8(
            _mm_or_si128(_mm_cmpeq_epi8(bytes, feed), _mm_cmpeq_epi8(bytes, back)));
        if (mask) {
            at += __builtin_ctz(mask);
            return *at == '\r' && at + 1 < end && at[1] == '\n' ? at + 2 : at + 1;
        }
    }
    return end;
#else
    const char *line_end;
    return mr_line_next(at, end, NULL, &line_end);
#endif
}

/* Where the string that begins at at ends.  Strings that keep their length (ids, times) are checked
 * against it: the place of the next value is then known before the bytes are, and the processor
 * goes on. */
static inline const char *step_string(JsonStep *step, const char *at, uint32_t *high)
{
    const char *stop;
    if (step->n_same >= 8) {
        uint32_t n = step->n_last, top_low, top_high = 0;
        uint64_t mask = mr__json_stops(at, '"', &top_low);
        if (n >= 32)
            mask |= (uint64_t)mr__json_stops(at + 32, '"', &top_high) << 32;
        if (__builtin_expect((mask & ((UINT64_C(2) << n) - 1)) == UINT64_C(1) << n, 1)) {
            *high |=
                (uint32_t)(((top_low | (uint64_t)top_high << 32) & ((UINT64_C(1) << n) - 1)) != 0);
            return at + n;
        }
    }
    stop = mr__json_string_stop(at, '"', high);
    step->n_same = stop - at == step->n_last && step->n_last < 63 ? step->n_same + 1 : 0;
    step->n_last = stop - at < 63 ? (uint32_t)(stop - at) : 63;
    return stop;
}

/* Blanks before a value and inside an object or an array may be line ends, which end the record: a
 * value is read no further than its line.  Other values cannot hold one. */
static inline const char *value_limit(const char *at, const char *end)
{
    return *at == '{' || *at == '[' || mr__json_blank(*at) ? line_behind(at, end) : end;
}

/* The value of a step, which may stand behind more blanks than the learnt one did. */
static const char *step_value(JsonReader *self, const JsonStep *step, const char *at,
                              const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    at = mr__json_value(&self->values, &self->root.fields[step->col], at, value_limit(at, end),
                        step->vec, self->row);
    return self->values.why ? NULL : at;
}

typedef enum JsonFast { JSON_FAST_ROW, JSON_FAST_DROPPED, JSON_FAST_LEFT, JSON_FAST_NO } JsonFast;

/* Reads the record at *place by the steps.  end: a byte behind a line end, so nothing here runs
 * past it. LEFT: the first *n_done steps were followed and *place is behind the last of them.  NO:
 * start again. */
static JsonFast fast_record(JsonReader *self, const char **place, const char *end, int32_t *n_done)
{
    const char *at = *place;
    const int32_t row = self->row, n_steps = self->n_steps;
    for (int32_t i = 0; i < n_steps; i++) {
        JsonStep *step = &self->steps[i];
        if (__builtin_expect(!step_matches(step, at, end), 0)) {
            *n_done = i;
            *place = at;
            return JSON_FAST_LEFT;
        }
        at += step->n_text;
        MrVector *vec = step->vec;
        switch (step->op) {
        case JSON_SKIP: {
            uint32_t high = 0;
            if (*at != '"') {
                at = mr__json_skip(self->config, at, value_limit(at, end));
                if (!at)
                    return JSON_FAST_NO;
                break;
            }
            at = step_string(step, at + 1, &high);
            while (*at == '\\') {
                if ((unsigned char)at[1] <
                    0x20) /* never jump over a line end: it may be the last */
                    return JSON_FAST_NO;
                at = mr__json_string_stop(at + 2, '"', &high);
            }
            if (*at != '"')
                return JSON_FAST_NO;
            at++;
            break;
        }
        case JSON_STR: {
            uint32_t high = 0;
            if (*at != '"') {
                at = step_value(self, step, at, end);
                if (!at)
                    return JSON_FAST_NO;
                break;
            }
            const char *stop = step_string(step, at + 1, &high);
            if (__builtin_expect(*stop != '"' || high, 0)) {
                at = step_value(self, step, at, end);
                if (!at)
                    return JSON_FAST_NO;
                break;
            }
            if (stop - at > MR_JSON_STRING_MAX)
                return JSON_FAST_NO;
            vec->str[row] = mr_str_borrow(at + 1, stop - at - 1);
            mr__json_set_valid(vec, row);
            at = stop + 1;
            break;
        }
        case JSON_I64:
        case JSON_I32: {
            int64_t value;
            const char *stop;
            char c = *at == '-' ? at[1] : *at;
            if ((unsigned char)(c - '1') > 8 || !mr_digits_i64(at, end, &value, &stop) ||
                (*stop != ',' && *stop != '}' && *stop != ' ') ||
                (step->op == JSON_I32 && value != (int32_t)value)) {
                at = step_value(self, step, at, end);
                if (!at)
                    return JSON_FAST_NO;
                break;
            }
            if (step->op == JSON_I64)
                vec->i64[row] = value;
            else
                vec->i32[row] = (int32_t)value;
            mr__json_set_valid(vec, row);
            at = stop;
            break;
        }
        case JSON_F64:
        case JSON_ANY:
            at = step_value(self, step, at, end);
            if (!at)
                return JSON_FAST_NO;
            break;
        }
        if (step->filter >= 0 && !filter_accepts(self, &self->filters[step->filter], row) &&
            self->config->mode != MR_PARSE_FAIL) {
            *place = line_behind(at, end);
            return JSON_FAST_DROPPED;
        }
    }
    if (memcmp(at, self->tail, (size_t)self->n_tail) != 0) {
        *n_done = n_steps;
        *place = at;
        return JSON_FAST_LEFT;
    }
    at += self->n_tail;
    if (*at == '\r' && at + 1 < end && at[1] == '\n')
        at++;
    if (*at != '\n')
        return JSON_FAST_NO;
    *place = at + 1;
    for (int32_t i = 0; i < self->n_absent; i++)
        mr__json_set_null(&self->values, self->batch->cols[self->absent[i]], row);
    return JSON_FAST_ROW;
}

/* --- records, in general --- */

/* Goes on in an object: expect says what comes next, ',' after a value or '{' at its start.  learn:
 * notes the steps.  NULL: not JSON. */
static const char *json_object(JsonReader *self, const char *at, const char *end, bool resumed,
                               bool learn)
{
    const MrJsonConfig *config = self->config;
    const char *from = at; /* of the bytes before the next value */
    if (learn) {
        self->n_steps = 0;
        mr_arena_reset(&self->step_arena);
    }
    int32_t hint = 0;
    bool first = !resumed;
    for (;;) {
        at = mr__json_space(config, at, end);
        if (at >= end)
            return NULL;
        if (*at == '}' && (!first || resumed))
            break;
        if (*at != (first ? '{' : ','))
            return NULL;
        at = mr__json_space(config, at + 1, end);
        if (first && at < end && *at == '}')
            break;
        first = false;
        MrJsonString name;
        MrText text;
        at = mr__json_name(config, at, end, &name);
        if (!at || !mr__json_text(config, &self->batch->arena, &name, &text))
            return NULL;
        at = mr__json_space(config, at, end);
        if (at >= end || *at != ':')
            return NULL;
        at = mr__json_space(config, at + 1, end);
        int32_t col = mr__json_node_find(&self->root, text, hint);
        if (col == self->corrupt_col)
            col = -1;
        if (learn)
            step_add(self, from, at - from, col);
        if (col < 0) {
            at = mr__json_skip(config, at, end);
        } else {
            hint = col + 1;
            self->seen[col] = self->record;
            at = mr__json_value(&self->values, &self->root.fields[col], at, end,
                                self->batch->cols[col], self->row);
            self->values.failed = false;
        }
        if (!at)
            return NULL;
        from = at;
    }
    at++;
    for (int32_t col = 0; col < self->n_cols; col++)
        if (self->seen[col] != self->record)
            mr__json_set_null(&self->values, self->batch->cols[col], self->row);
    if (learn) {
        if (self->n_steps < 0 || at - from > (int64_t)sizeof self->tail) {
            self->n_steps = 0;
        } else {
            self->n_tail = (int32_t)(at - from);
            memcpy(self->tail, from, (size_t)self->n_tail);
            steps_done(self);
        }
    }
    return at;
}

static void null_row(JsonReader *self)
{
    for (int32_t col = 0; col < self->n_cols; col++)
        mr__json_set_null(&self->values, self->batch->cols[col], self->row);
}

static void row_keep(JsonReader *self)
{
    for (int32_t i = 0; i < self->n_filters; i++)
        if (!filter_accepts(self, &self->filters[i], self->row))
            return;
    self->row++;
}

/* A record is done: bad ones by the mode. */
static MrStatus record_done(JsonReader *self, const MrChunk *chunk, MrText raw, MrError *err)
{
    if (!self->values.why) {
        row_keep(self);
        return MR_OK;
    }
    self->base.n_bad++;
    if (self->config->mode == MR_PARSE_FAIL)
        return mr_record_fail(chunk, raw, self->values.why, err);
    if (self->config->mode == MR_PARSE_DROP)
        return MR_OK;
    if (self->corrupt_col >= 0) {
        MrVector *vec = self->batch->cols[self->corrupt_col];
        MrText text = mr_utf8_repair(&self->batch->arena, raw);
        mr__json_set_valid(vec, self->row);
        vec->str[self->row] = mr_str_borrow(text.data, text.size_bytes);
    }
    row_keep(self);
    return MR_OK;
}

/* The record [at, end), from its start or (n_done >= 0) from where the steps were left; begin: its
 * start. */
static MrStatus slow_record(JsonReader *self, const MrChunk *chunk, const char *begin,
                            const char *at, const char *end, int32_t n_done, bool can_learn,
                            MrError *err)
{
    const MrJsonConfig *config = self->config;
    MrText raw = {begin, end - begin};
    self->values.why = NULL;
    self->values.failed = false;
    self->record++;
    if (raw.size_bytes > MR_RECORD_MAX_BYTES && !config->multi_line) {
        self->values.why = "the record is longer than 128 MiB";
        raw.size_bytes = 64;
    } else if (n_done >= 0) {
        for (int32_t i = 0; i < n_done; i++)
            if (self->steps[i].col >= 0)
                self->seen[self->steps[i].col] = self->record;
        if (!json_object(self, at, end, n_done > 0, false))
            self->values.why = "it is not JSON";
    } else {
        at = mr__json_space(config, at, end);
        if (at == end)
            return MR_OK; /* an empty line is no record */
        if (*at == '{') {
            if (!json_object(self, at, end, false, can_learn && at == begin))
                self->values.why = "it is not JSON";
        } else if (*at == '[' && mr__json_skip(config, at, end)) {
            self->array_at = at + 1;
            self->array_begin = begin;
            self->array_end = end;
            return MR_OK;
        } else {
            self->values.why = *at == '[' ? "it is not JSON" : "the record is not an object";
        }
        if (self->values.why && can_learn)
            self->n_steps = 0;
    }
    if (self->values.why && strcmp(self->values.why, "it is not JSON") == 0)
        null_row(self);
    else if (self->values.why && n_done < 0 && *at != '{')
        null_row(self);
    return record_done(self, chunk, raw, err);
}

/* Elements of a record that is an array, a row each; it was checked as JSON before. */
static MrStatus array_rows(JsonReader *self, const MrChunk *chunk, MrError *err)
{
    const MrJsonConfig *config = self->config;
    const char *end = self->array_end;
    const MrText raw = {self->array_begin, end - self->array_begin}; /* the record is the array */
    while (self->array_at && self->row < MR_BATCH_ROWS) {
        const char *at = mr__json_space(config, self->array_at, end);
        self->array_at = NULL;
        if (*at == ']')
            break;
        self->values.why = NULL;
        self->values.failed = false;
        self->record++;
        if (*at == '{') {
            at = json_object(self, at, end, false, false);
        } else {
            const char *stop = mr__json_skip(config, at, end);
            at = stop;
            self->values.why = "an element of the array is not an object";
            null_row(self);
        }
        if (!at) { /* a bad escape: the text is malformed after all */
            self->values.why = "it is not JSON";
            null_row(self);
            return record_done(self, chunk, raw, err);
        }
        MR_TRY(record_done(self, chunk, raw, err));
        at = mr__json_space(config, at, end);
        self->array_at = *at == ',' ? at + 1 : NULL;
    }
    return MR_OK;
}

/* --- the reader --- */

static MrStatus json_fill(MrRowReader *reader, const MrEvalContext *context, MrBatch *batch,
                          MrChunk *chunk, MrError *err)
{
    JsonReader *self = (JsonReader *)reader;
    const MrJsonConfig *config = self->config;
    self->values.context = *context;
    self->values.context.settings = config->settings;
    if (chunk->owner && self->held != chunk->owner) {
        mr_batch_retain(batch, chunk->owner);
        self->held = chunk->owner;
    }
    if (chunk->starts_file && chunk->at == chunk->begin && chunk->end - chunk->at >= 3 &&
        memcmp(chunk->at, "\xef\xbb\xbf", 3) == 0)
        chunk->at += 3;
    /* The steps need a line end behind the record; the last line of a file may have none. */
    const char *fast_end = chunk->end;
    while (fast_end > chunk->at && fast_end[-1] != '\n')
        fast_end--;
    bool fast = !config->line_sep && !config->multi_line && !config->extended;
    while (self->row < MR_BATCH_ROWS) {
        if (self->array_at) {
            MR_TRY(array_rows(self, chunk, err));
            chunk->at = self->array_at ? self->array_at : self->array_next;
            continue;
        }
        if (chunk->at >= chunk->end)
            break;
        const char *begin = chunk->at, *at = begin, *line_end;
        int32_t n_done = -1;
        if (fast && self->n_steps > 0 && at < fast_end) {
            self->values.why = NULL;
            JsonFast result = fast_record(self, &at, fast_end, &n_done);
            if (result == JSON_FAST_ROW) {
                chunk->at = at;
                row_keep(self);
                continue;
            }
            if (result == JSON_FAST_DROPPED) {
                chunk->at = at;
                continue;
            }
            if (result == JSON_FAST_NO || n_done == 0) {
                n_done = -1;
                at = begin;
            }
        }
        if (config->multi_line) {
            line_end = chunk->at = chunk->end;
        } else {
            chunk->at = mr_line_next(begin, chunk->end, config->line_sep, &line_end);
        }
        if (at >
            line_end) { /* followed the steps over a lone \r: not possible, but never trust it */
            at = begin;
            n_done = -1;
        }
        MR_TRY(slow_record(self, chunk, begin, at, line_end, n_done, fast && n_done < 0, err));
        if (self->array_at) { /* the chunk is not used up before the array is */
            self->array_next = chunk->at;
            chunk->at = self->array_at;
        }
    }
    self->base.n_rows = self->row;
    return MR_OK;
}

static void json_start(MrRowReader *reader, MrBatch *batch)
{
    JsonReader *self = (JsonReader *)reader;
    self->batch = batch;
    self->values.arena = &batch->arena;
    self->row = 0;
    self->held = NULL;
    self->base.n_rows = 0;
    mr_batch_set_cols(batch, self->n_cols);
    for (int32_t col = 0; col < self->n_cols; col++)
        batch->cols[col] =
            mr_vector_create(&batch->arena, self->root.fields[col].type, MR_BATCH_ROWS);
    for (int32_t i = 0; i < self->n_steps; i++)
        self->steps[i].vec = self->steps[i].col < 0 ? NULL : batch->cols[self->steps[i].col];
}

static void json_finish(MrRowReader *reader, MrBatch *batch)
{
    JsonReader *self = (JsonReader *)reader;
    batch->n_rows = batch->n_sel = self->row;
    for (int32_t col = 0; col < self->n_cols; col++)
        mr__json_settle(batch->cols[col], self->row);
}

static void json_reader_close(MrRowReader *reader)
{
    JsonReader *self = (JsonReader *)reader;
    if (!self)
        return;
    MrBudget *budget = self->budget;
    mr_arena_deinit(&self->arena);
    mr_arena_deinit(&self->step_arena);
    mr_budget_free(budget, self, sizeof *self);
}

/* `column = 'text'` and `column IS NOT NULL` are checked here; whether all of them are is
 * exact_filters. */
static bool filter_take(JsonReader *self, const MrExpr *expr, JsonFilter *out)
{
    if (expr->kind != MR_EXPR_CALL || expr->n_args < 1)
        return false;
    const char *name = expr->bound->def->name;
    const MrExpr *col = expr->args[0], *value = expr->n_args == 2 ? expr->args[1] : NULL;
    if (value && value->kind == MR_EXPR_COLUMN && col->kind == MR_EXPR_LITERAL) {
        const MrExpr *swap = col;
        col = value;
        value = swap;
    }
    if (col->kind != MR_EXPR_COLUMN || col->column.idx < 0 || col->column.idx >= self->n_cols)
        return false;
    *out = (JsonFilter){.col = col->column.idx};
    if (expr->n_args == 1 && strcmp(name, "isnotnull") == 0) {
        out->not_null = true;
        return true;
    }
    if (!value || strcmp(name, "=") != 0 || value->kind != MR_EXPR_LITERAL ||
        col->type->kind != MR_TYPE_STRING || col->type->collation != 0 ||
        value->type->kind != MR_TYPE_STRING || value->type->collation != 0 || col->type->is_char ||
        value->type->is_char || mr_vector_is_null(value->literal, 0))
        return false;
    const MrStr *text = &value->literal->str[0];
    out->value = mr_str_own(&self->arena, mr_str_data(text), text->size_bytes);
    return true;
}

static MrStatus reader_init(JsonReader *self, const MrRowSpec *spec, MrError *err)
{
    MrArena *arena = &self->arena;
    self->n_cols = spec->n_cols;
    self->corrupt_col = -2;
    self->root.n_fields = spec->n_cols;
    self->root.fields = MR_NEW_N(arena, MrJsonNode, spec->n_cols);
    self->root.names = MR_NEW_N(arena, MrText, spec->n_cols);
    self->seen = MR_NEW_N(arena, uint32_t, spec->n_cols);
    self->absent = MR_NEW_N(arena, int32_t, spec->n_cols);
    self->steps = MR_NEW_N(arena, JsonStep, JSON_STEPS_MAX);
    for (int32_t i = 0; i < spec->n_cols; i++) {
        const MrField *field = &spec->schema->cols[spec->cols[i]];
        self->root.names[i] = mr_text(field->name);
        MR_TRY(mr__json_node_init(self->config, arena, &self->root.fields[i], field->type, err));
        if (mr_str_equal_nocase(field->name, self->config->corrupt_name)) {
            if (field->type->kind != MR_TYPE_STRING)
                return MR_FAIL(err, MR_COND_INVALID_CORRUPT_RECORD_TYPE, "columnName", field->name,
                               "actualType", mr_type_sql_text(arena, field->type));
            if (spec->n_cols == 1)
                return MR_FAIL(err, MR_COND_UNSUPPORTED_FEATURE__QUERY_ONLY_CORRUPT_RECORD_COLUMN);
            self->corrupt_col = i;
        }
    }
    mr__json_node_index(&self->root, arena);
    self->filters = MR_NEW_N(arena, JsonFilter, spec->n_filters);
    for (int32_t i = 0; i < spec->n_filters; i++)
        self->n_filters += filter_take(self, spec->filters[i], &self->filters[self->n_filters]);
    /* With FAILFAST a record that no filter wants must still be read to its end. */
    self->base.exact_filters = self->n_filters == spec->n_filters;
    return MR_OK;
}

static MrStatus json_reader_open(const void *config, const MrRowSpec *spec, MrBudget *budget,
                                 MrRowReader **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(JsonReader), &block, err));
    JsonReader *self = block;
    self->base.format = &mr_format_json;
    self->config = self->values.config = config;
    self->budget = budget;
    mr_arena_init(&self->arena, budget);
    mr_arena_init(&self->step_arena, budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = reader_init(self, spec, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        json_reader_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

static MrStatus json_file_begin(MrRowReader *reader, const char *file, MrError *err)
{
    ((JsonReader *)reader)->array_at = NULL;
    return MR_OK;
}

static void json_cut(const void *config, MrRowCut *out)
{
    const MrJsonConfig *self = config;
    *out = (MrRowCut){
        .line_sep = self->line_sep, .whole_file = self->multi_line, .encoding = self->encoding};
}

const MrRowFormat mr_format_json = {
    .name = "json",
    .configure = mr__json_configure,
    .cut = json_cut,
    .infer_begin = mr__json_infer_begin,
    .infer_feed = mr__json_infer_feed,
    .infer_end = mr__json_infer_end,
    .infer_destroy = mr__json_infer_destroy,
    .reader_open = json_reader_open,
    .file_begin = json_file_begin,
    .start = json_start,
    .fill = json_fill,
    .finish = json_finish,
    .reader_close = json_reader_close,
    .write_check = mr__json_write_check,
    .write_rows = mr__json_write_rows,
};
