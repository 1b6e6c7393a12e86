/* json_infer.c - the schema of JSON records, by Spark's rules.
 *
 * Whole numbers are BIGINT, beyond it DECIMAL; others DOUBLE; two types that do not meet become
 * STRING; a column that was always NULL is a STRING at the end; empty objects go; fields are sorted
 * by name. A malformed record adds the corrupt-record column (PERMISSIVE). */
#include "format/json_int.h"

#include "base/hash.h"
#include <stdio.h>

typedef enum InferKind {
    INFER_NULL,
    INFER_BOOL,
    INFER_LONG,
    INFER_DECIMAL,
    INFER_DOUBLE,
    INFER_TIMESTAMP,
    INFER_STRING,
    INFER_ARRAY,
    INFER_STRUCT
} InferKind;

typedef struct InferType InferType;
typedef struct InferField {
    MrText name;
    InferType *type;
} InferField;
struct InferType {
    InferKind kind;
    uint8_t precision, scale;
    int32_t n_fields, cap_fields;
    InferField *fields;
    int32_t *slots; /* hash of the names; -1: free */
    uint32_t slot_mask;
    InferType *element;
};

typedef struct JsonInfer {
    const MrJsonConfig *config;
    MrBudget *budget;
    MrArena arena, scratch;
    InferType root;
    bool corrupt;
    uint64_t n_records; /* seen so far, for samplingRatio */
    MrTextValue timestamp;
    MrEvalContext context;
} JsonInfer;

static InferType *field_of(JsonInfer *self, InferType *type, MrText name, int32_t hint)
{
    if (hint < type->n_fields && mr_text_equal(type->fields[hint].name, name))
        return type->fields[hint].type;
    if (type->slots) {
        uint32_t slot = (uint32_t)mr_hash_bytes(name.data, name.size_bytes, 7) & type->slot_mask;
        for (; type->slots[slot] >= 0; slot = (slot + 1) & type->slot_mask)
            if (mr_text_equal(type->fields[type->slots[slot]].name, name))
                return type->fields[type->slots[slot]].type;
    }
    InferField field = {mr_text_own(&self->arena, name), MR_NEW(&self->arena, InferType)};
    MR_PUSH(&self->arena, type->fields, type->n_fields, type->cap_fields, field);
    uint32_t n_slots = type->slots ? type->slot_mask + 1 : 0;
    if (2 * (uint32_t)type->n_fields > n_slots) {
        n_slots = n_slots ? 2 * n_slots : 16;
        type->slots = mr_arena_alloc(&self->arena, n_slots * (int64_t)sizeof(int32_t));
        memset(type->slots, 0xff, n_slots * sizeof(int32_t));
        type->slot_mask = n_slots - 1;
        for (int32_t i = 0; i < type->n_fields - 1; i++) {
            MrText old = type->fields[i].name;
            uint32_t slot = (uint32_t)mr_hash_bytes(old.data, old.size_bytes, 7) & type->slot_mask;
            while (type->slots[slot] >= 0)
                slot = (slot + 1) & type->slot_mask;
            type->slots[slot] = i;
        }
    }
    uint32_t slot = (uint32_t)mr_hash_bytes(name.data, name.size_bytes, 7) & type->slot_mask;
    while (type->slots[slot] >= 0)
        slot = (slot + 1) & type->slot_mask;
    type->slots[slot] = type->n_fields - 1;
    return field.type;
}

static void merge_scalar(InferType *type, InferKind kind, int precision, int scale)
{
    if (kind == INFER_NULL)
        return;
    if (type->kind == INFER_NULL) {
        type->kind = kind;
        type->precision = (uint8_t)precision;
        type->scale = (uint8_t)scale;
        return;
    }
    bool numbers = type->kind >= INFER_LONG && type->kind <= INFER_DOUBLE && kind >= INFER_LONG &&
                   kind <= INFER_DOUBLE;
    if (type->kind == kind && kind != INFER_DECIMAL)
        return;
    if (!numbers) {
        type->kind = INFER_STRING;
    } else if (type->kind == INFER_DOUBLE || kind == INFER_DOUBLE) {
        type->kind = INFER_DOUBLE;
    } else { /* long and decimal, or two decimals; long is decimal(20,0) */
        int p = type->kind == INFER_LONG ? 20 : type->precision,
            s = type->kind == INFER_LONG ? 0 : type->scale;
        precision = kind == INFER_LONG ? 20 : precision;
        scale = kind == INFER_LONG ? 0 : scale;
        int most = s > scale ? s : scale,
            range = p - s > precision - scale ? p - s : precision - scale;
        type->kind = most + range > MR_DECIMAL_MAX_DIGITS ? INFER_DOUBLE : INFER_DECIMAL;
        type->precision = (uint8_t)(most + range);
        type->scale = (uint8_t)most;
    }
}

/* Digits and scale of a number's text as BigDecimal has them; false: more than 38 either way. */
static bool decimal_shape(MrText text, int *precision, int *scale)
{
    int64_t n_digits = 0, n_fraction = 0, exponent = 0;
    bool point = false, leading = true;
    for (int64_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        if (c == '.') {
            point = true;
        } else if ((c | 32) == 'e') {
            if (text.size_bytes - i > 8 ||
                !mr_text_to_i64((MrText){text.data + i + 1, text.size_bytes - i - 1}, &exponent))
                return false;
            break;
        } else if (c >= '0' && c <= '9') {
            leading &= c == '0';
            n_digits += !leading;
            n_fraction += point;
        }
    }
    n_digits = n_digits ? n_digits : 1;
    int64_t s = n_fraction - exponent;
    int64_t p = n_digits > s ? n_digits : s;
    if (p > MR_DECIMAL_MAX_DIGITS || s < 0 || s > MR_DECIMAL_MAX_DIGITS)
        return false;
    *precision = (int)p;
    *scale = (int)s;
    return true;
}

static const char *infer_value(JsonInfer *self, InferType *type, const char *at, const char *end,
                               int depth);

static const char *infer_nested(JsonInfer *self, InferType *type, const char *at, const char *end,
                                int depth)
{
    const MrJsonConfig *config = self->config;
    bool is_object = *at == '{';
    InferKind kind = is_object ? INFER_STRUCT : INFER_ARRAY;
    if (depth >= MR_JSON_DEPTH_MAX)
        return NULL;
    if (type->kind != INFER_NULL && type->kind != kind) {
        type->kind = INFER_STRING;
        return mr__json_skip(config, at, end);
    }
    type->kind = kind;
    if (!is_object && !type->element)
        type->element = MR_NEW(&self->arena, InferType);
    at = mr__json_space(config, at + 1, end);
    if (at < end && *at == (is_object ? '}' : ']'))
        return at + 1;
    for (int32_t hint = 0;; hint++) {
        InferType *child = type->element;
        mr_poll_item(hint);
        if (is_object) {
            MrJsonString name;
            MrText text;
            at = mr__json_name(config, at, end, &name);
            if (!at || !mr__json_text(config, &self->scratch, &name, &text))
                return NULL;
            at = mr__json_space(config, at, end);
            if (at >= end || *at != ':')
                return NULL;
            at = mr__json_space(config, at + 1, end);
            child = field_of(self, type, text, hint);
        }
        at = infer_value(self, child, at, end, depth + 1);
        if (!at)
            return NULL;
        at = mr__json_space(config, at, end);
        if (at >= end)
            return NULL;
        if (*at == (is_object ? '}' : ']'))
            return at + 1;
        if (*at != ',')
            return NULL;
        at = mr__json_space(config, at + 1, end);
    }
}

static const char *infer_string(JsonInfer *self, InferType *type, const char *at, const char *end)
{
    MrJsonString string;
    const char *stop = mr__json_string(self->config, at, end, &string);
    if (!stop || string.size_bytes == 0)
        return stop;
    MrText text = {string.data, string.size_bytes};
    int precision, scale;
    MrI128 value;
    if (self->config->prefers_decimal && !string.escaped &&
        decimal_shape(text, &precision, &scale) &&
        mr_text_to_decimal(text, precision, scale, &value)) {
        merge_scalar(type, INFER_DECIMAL, precision, scale);
    } else if (self->config->infer_timestamp && !string.escaped && type->kind != INFER_STRING) {
        MrVector *vec = mr_vector_create(&self->scratch, MR_T(TIMESTAMP), 1);
        bool fits = string.size_bytes >= 8 && mr_text_value_set(&self->timestamp, &self->context,
                                                                &self->scratch, text, vec, 0);
        merge_scalar(type, fits ? INFER_TIMESTAMP : INFER_STRING, 0, 0);
    } else {
        merge_scalar(type, INFER_STRING, 0, 0);
    }
    return stop;
}

static const char *infer_number(JsonInfer *self, InferType *type, const char *at, const char *end)
{
    MrJsonNumber kind;
    const char *stop = mr__json_number(self->config, at, end, &kind), *digits_end;
    if (!stop)
        return NULL;
    int64_t i64;
    int precision, scale;
    MrText text = {at, stop - at};
    if (self->config->primitives_as_string)
        merge_scalar(type, INFER_STRING, 0, 0);
    else if (kind == MR_JSON_INT && mr_digits_i64(at, stop, &i64, &digits_end))
        merge_scalar(type, INFER_LONG, 0, 0);
    else if ((kind == MR_JSON_INT || (kind == MR_JSON_FLOAT && self->config->prefers_decimal)) &&
             decimal_shape(text, &precision, &scale))
        merge_scalar(type, INFER_DECIMAL, precision, scale);
    else
        merge_scalar(type, INFER_DOUBLE, 0, 0);
    return stop;
}

static const char *infer_value(JsonInfer *self, InferType *type, const char *at, const char *end,
                               int depth)
{
    if (at >= end)
        return NULL;
    if (*at == '{' || *at == '[')
        return infer_nested(self, type, at, end, depth);
    if (mr__json_is_quote(self->config, *at))
        return infer_string(self, type, at, end);
    if (*at == 'n')
        return mr__json_word(at, end, "null");
    if (*at == 't' || *at == 'f') {
        merge_scalar(type, self->config->primitives_as_string ? INFER_STRING : INFER_BOOL, 0, 0);
        return mr__json_word(at, end, *at == 't' ? "true" : "false");
    }
    return infer_number(self, type, at, end);
}

static MrStatus infer_record(JsonInfer *self, const MrChunk *chunk, const char *at, const char *end,
                             MrError *err)
{
    const MrJsonConfig *config = self->config;
    const char *begin = at;
    mr_arena_reset(&self->scratch);
    at = mr__json_space(config, at, end);
    if (at == end)
        return MR_OK;
    self->n_records++;
    if (config->sampling_ratio < 1 &&
        (double)(mr_hash_u64(self->n_records, 1) >> 11) * 0x1p-53 >= config->sampling_ratio &&
        self->n_records > 1)
        return MR_OK;
    /* Checked first: a record that breaks off must not leave half of its fields behind. */
    bool ok = mr__json_skip(config, at, end) != NULL;
    if (ok && *at == '{') {
        ok = infer_value(self, &self->root, at, end, 0) != NULL;
    } else if (ok && *at == '[') { /* an array of records */
        at = mr__json_space(config, at + 1, end);
        while (ok && at && *at != ']') {
            if (*at == '{') {
                at = infer_value(self, &self->root, at, end, 1);
            } else {
                at = mr__json_skip(config, at, end);
                self->corrupt = true;
            }
            ok = at != NULL;
            if (ok) {
                at = mr__json_space(config, at, end);
                if (*at == ',')
                    at = mr__json_space(config, at + 1, end);
            }
        }
    } else {
        ok = false;
    }
    if (ok)
        return MR_OK;
    if (config->mode == MR_PARSE_FAIL) {
        char shown[80];
        snprintf(shown, sizeof shown, "%.*s", (int)(end - begin < 64 ? end - begin : 64), begin);
        MrStatus status = MR_FAIL(err, MR_COND_MALFORMED_RECORD_IN_PARSING__WITHOUT_SUGGESTION,
                                  "badRecord", shown, "failFastMode", "FAILFAST");
        mr_error_add(err, "in file '%s', at byte %lld, while its schema was inferred", chunk->file,
                     (long long)(chunk->offset + (begin - chunk->begin)));
        return status;
    }
    self->corrupt |= config->mode == MR_PARSE_PERMISSIVE;
    return MR_OK;
}

MrStatus mr__json_infer_begin(const void *config, MrBudget *budget, void **infer, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(JsonInfer), &block, err));
    JsonInfer *self = block;
    self->config = config;
    self->budget = budget;
    mr_arena_init(&self->arena, budget);
    mr_arena_init(&self->scratch, budget);
    self->root.kind = INFER_STRUCT;
    MrStatus status = MR_OK;
    if (self->config->infer_timestamp) {
        MR_GUARD_BEGIN(status, err)
            status = mr_text_value_init(&self->timestamp, &self->arena, self->config->settings,
                                        MR_T(TIMESTAMP), self->config->times.timestamp, err);
        MR_GUARD_END(status)
    }
    if (status != MR_OK)
        mr__json_infer_destroy(self);
    else
        *infer = self;
    return status;
}

MrStatus mr__json_infer_feed(void *infer, const MrEvalContext *context, MrChunk *chunk,
                             MrError *err)
{
    JsonInfer *self = infer;
    self->context = *context;
    self->context.settings = self->config->settings;
    if (chunk->starts_file && chunk->end - chunk->at >= 3 &&
        memcmp(chunk->at, "\xef\xbb\xbf", 3) == 0)
        chunk->at += 3;
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        while (status == MR_OK && chunk->at < chunk->end) {
            const char *begin = chunk->at, *line_end = chunk->end;
            chunk->at = self->config->multi_line
                            ? chunk->end
                            : mr_line_next(begin, chunk->end, self->config->line_sep, &line_end);
            status = infer_record(self, chunk, begin, line_end, err);
        }
    MR_GUARD_END(status)
    return status;
}

static int compare_fields(const void *a, const void *b)
{
    return mr_text_compare(((const InferField *)a)->name, ((const InferField *)b)->name);
}

static int compare_fields_nocase(const void *a, const void *b)
{
    MrText left = ((const InferField *)a)->name, right = ((const InferField *)b)->name;
    int64_t n = left.size_bytes < right.size_bytes ? left.size_bytes : right.size_bytes;
    int order = strncasecmp(left.data, right.data, (size_t)n);
    return order != 0 ? order
                      : (left.size_bytes > right.size_bytes) - (left.size_bytes < right.size_bytes);
}

/* Two fields whose names differ in case only could not be told apart. */
static MrStatus names_check(JsonInfer *self, const InferType *type, MrError *err)
{
    MrArena *arena = &self->scratch;
    if (type->kind == INFER_ARRAY)
        return names_check(self, type->element, err);
    if (type->kind != INFER_STRUCT || type->n_fields == 0)
        return MR_OK;
    InferField *sorted = mr_arena_alloc(arena, type->n_fields * (int64_t)sizeof(InferField));
    memcpy(sorted, type->fields, (size_t)type->n_fields * sizeof(InferField));
    qsort(sorted, (size_t)type->n_fields, sizeof(InferField), compare_fields_nocase);
    for (int32_t i = 0; i < type->n_fields; i++) {
        if (i > 0 && compare_fields_nocase(&sorted[i - 1], &sorted[i]) == 0)
            return MR_FAIL(err, MR_COND_COLUMN_ALREADY_EXISTS, "columnName",
                           mr_quote_name(arena, mr_arena_strn(arena, sorted[i].name.data,
                                                              sorted[i].name.size_bytes)));
        MR_TRY(names_check(self, sorted[i].type, err));
    }
    return MR_OK;
}

/* The type at the end; NULL: the field goes. */
static const MrType *settle(const JsonInfer *self, MrArena *arena, const InferType *type)
{
    switch (type->kind) {
    case INFER_NULL:
        return self->config->drop_all_null ? NULL : MR_T(STRING);
    case INFER_BOOL:
        return MR_T(BOOLEAN);
    case INFER_LONG:
        return MR_T(BIGINT);
    case INFER_DECIMAL:
        return mr_type_decimal(arena, type->precision, type->scale);
    case INFER_DOUBLE:
        return MR_T(DOUBLE);
    case INFER_TIMESTAMP:
        return self->config->settings && self->config->settings->timestamp_ntz ? MR_T(TIMESTAMP_NTZ)
                                                                               : MR_T(TIMESTAMP);
    case INFER_STRING:
        return MR_T(STRING);
    case INFER_ARRAY: {
        const MrType *element = settle(self, arena, type->element);
        return element ? mr_type_array(arena, element, true) : NULL;
    }
    case INFER_STRUCT:
        break;
    }
    InferField *sorted = mr_arena_alloc(arena, type->n_fields * (int64_t)sizeof(InferField));
    if (type->n_fields > 0)
        memcpy(sorted, type->fields, (size_t)type->n_fields * sizeof(InferField));
    qsort(sorted, (size_t)type->n_fields, sizeof(InferField), compare_fields);
    MrField *fields = MR_NEW_N(arena, MrField, type->n_fields);
    int32_t n_fields = 0;
    for (int32_t i = 0; i < type->n_fields; i++) {
        const MrType *field = settle(self, arena, sorted[i].type);
        if (field)
            fields[n_fields++] = (MrField){
                .name = mr_arena_strn(arena, sorted[i].name.data, sorted[i].name.size_bytes),
                .type = field,
                .nullable = true};
    }
    return n_fields > 0 ? mr_type_struct(arena, fields, n_fields) : NULL;
}

MrStatus mr__json_infer_end(void *infer, MrArena *arena, MrSchema *out, MrError *err)
{
    JsonInfer *self = infer;
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        if (self->corrupt) {
            InferType *field = field_of(self, &self->root, mr_text(self->config->corrupt_name), 0);
            field->kind = INFER_STRING;
        }
        const MrType *type = settle(self, arena, &self->root);
        if (!self->config->settings || !self->config->settings->case_sensitive)
            status = names_check(self, &self->root, err);
        if (status == MR_OK)
            *out = type ? (MrSchema){type->n_fields, type->fields} : (MrSchema){0, NULL};
    MR_GUARD_END(status)
    return status;
}

void mr__json_infer_destroy(void *infer)
{
    JsonInfer *self = infer;
    if (!self)
        return;
    MrBudget *budget = self->budget;
    mr_arena_deinit(&self->arena);
    mr_arena_deinit(&self->scratch);
    mr_budget_free(budget, self, sizeof *self);
}
