/* arrow_import.c - Arrow schemas and arrays into types and batches.
 *
 * A format is parsed once into an ArrowForm; rows are validated and copied by it.  The data is from
 * outside: counts, offsets, dictionary indexes and UTF-8 are checked before use. */
#include "column/arrow.h"
#include <stdio.h>

#define MAX_DEPTH 100

typedef enum ArrowLayout {
    LAYOUT_NULL,
    LAYOUT_BOOL,
    LAYOUT_FIXED,  /* values of in_bytes, is_signed                       */
    LAYOUT_STRING, /* offsets of 4 or 8 bytes                             */
    LAYOUT_VIEW,   /* 16-byte views over many buffers                     */
    LAYOUT_BYTES,  /* in_bytes each                                       */
    LAYOUT_LIST,   /* offsets of 4 or 8 bytes; maps                       */
    LAYOUT_FIXED_LIST,
    LAYOUT_STRUCT
} ArrowLayout;

typedef struct ArrowForm {
    ArrowLayout layout;
    MrTypeKind kind;
    int32_t in_bytes; /* value, offset or list size                  */
    bool is_signed;
    int64_t mul, div; /* of time units                               */
    int32_t precision, scale;
} ArrowForm;

static MrStatus fail_type(const char *format, MrError *err)
{
    return MR_FAIL(err, MR_COND_UNSUPPORTED_ARROWTYPE, "typeName", format);
}

static MrStatus fail_data(const char *fault, MrError *err)
{
    return MR_FAIL(err, MR_COND_ARROW_TYPE_MISMATCH, "operation", "reading an Arrow array",
                   "outputTypes", "a valid array", "actualDataTypes", fault);
}

/* s, m, u, n: units; to_us of one of them as a fraction */
static bool unit_form(char unit, int64_t target_per_s, ArrowForm *form)
{
    int64_t per_s = unit == 's'   ? 1
                    : unit == 'm' ? 1000
                    : unit == 'u' ? 1000000
                    : unit == 'n' ? 1000000000
                                  : 0;
    if (per_s == 0)
        return false;
    form->mul = target_per_s > per_s ? target_per_s / per_s : 1;
    form->div = per_s > target_per_s ? per_s / target_per_s : 1;
    return true;
}

static const struct {
    const char *format;
    ArrowForm form;
} plain_forms[] = {
    {"n", {LAYOUT_NULL, MR_TYPE_VOID, 0, 0, 1, 1, 0, 0}},
    {"b", {LAYOUT_BOOL, MR_TYPE_BOOLEAN, 0, 0, 1, 1, 0, 0}},
    {"c", {LAYOUT_FIXED, MR_TYPE_TINYINT, 1, 1, 1, 1, 0, 0}},
    {"C", {LAYOUT_FIXED, MR_TYPE_SMALLINT, 1, 0, 1, 1, 0, 0}},
    {"s", {LAYOUT_FIXED, MR_TYPE_SMALLINT, 2, 1, 1, 1, 0, 0}},
    {"S", {LAYOUT_FIXED, MR_TYPE_INT, 2, 0, 1, 1, 0, 0}},
    {"i", {LAYOUT_FIXED, MR_TYPE_INT, 4, 1, 1, 1, 0, 0}},
    {"I", {LAYOUT_FIXED, MR_TYPE_BIGINT, 4, 0, 1, 1, 0, 0}},
    {"l", {LAYOUT_FIXED, MR_TYPE_BIGINT, 8, 1, 1, 1, 0, 0}},
    {"L", {LAYOUT_FIXED, MR_TYPE_DECIMAL, 8, 0, 1, 1, 20, 0}},
    {"f", {LAYOUT_FIXED, MR_TYPE_FLOAT, 4, 1, 1, 1, 0, 0}},
    {"g", {LAYOUT_FIXED, MR_TYPE_DOUBLE, 8, 1, 1, 1, 0, 0}},
    {"u", {LAYOUT_STRING, MR_TYPE_STRING, 4, 0, 1, 1, 0, 0}},
    {"U", {LAYOUT_STRING, MR_TYPE_STRING, 8, 0, 1, 1, 0, 0}},
    {"z", {LAYOUT_STRING, MR_TYPE_BINARY, 4, 0, 1, 1, 0, 0}},
    {"Z", {LAYOUT_STRING, MR_TYPE_BINARY, 8, 0, 1, 1, 0, 0}},
    {"vu", {LAYOUT_VIEW, MR_TYPE_STRING, 16, 0, 1, 1, 0, 0}},
    {"vz", {LAYOUT_VIEW, MR_TYPE_BINARY, 16, 0, 1, 1, 0, 0}},
    {"tdD", {LAYOUT_FIXED, MR_TYPE_DATE, 4, 1, 1, 1, 0, 0}},
    {"tdm", {LAYOUT_FIXED, MR_TYPE_DATE, 8, 1, 1, 86400000, 0, 0}},
    {"tiM", {LAYOUT_FIXED, MR_TYPE_INTERVAL_YM, 4, 1, 1, 1, 0, 0}},
    {"tin", {LAYOUT_FIXED, MR_TYPE_INTERVAL, 16, 1, 1, 1, 0, 0}},
    {"+l", {LAYOUT_LIST, MR_TYPE_ARRAY, 4, 0, 1, 1, 0, 0}},
    {"+L", {LAYOUT_LIST, MR_TYPE_ARRAY, 8, 0, 1, 1, 0, 0}},
    {"+m", {LAYOUT_LIST, MR_TYPE_MAP, 4, 0, 1, 1, 0, 0}},
    {"+s", {LAYOUT_STRUCT, MR_TYPE_STRUCT, 0, 0, 1, 1, 0, 0}},
};

static MrStatus form_parse(const char *format, ArrowForm *out, MrError *err)
{
    if (!format)
        return fail_type("(none)", err);
    for (int64_t i = 0; i < MR_COUNT(plain_forms); i++) {
        if (strcmp(format, plain_forms[i].format) == 0) {
            *out = plain_forms[i].form;
            return MR_OK;
        }
    }
    int width, bits = 128, end = 0;
    *out =
        (ArrowForm){.layout = LAYOUT_FIXED, .in_bytes = 8, .is_signed = true, .mul = 1, .div = 1};
    if (strncmp(format, "ts", 2) == 0 && format[2] && format[3] == ':' &&
        unit_form(format[2], 1000000, out)) {
        out->kind = format[4] ? MR_TYPE_TIMESTAMP : MR_TYPE_TIMESTAMP_NTZ;
        return MR_OK;
    }
    if (strncmp(format, "tD", 2) == 0 && format[2] && !format[3] &&
        unit_form(format[2], 1000000, out)) {
        out->kind = MR_TYPE_INTERVAL_DT;
        return MR_OK;
    }
    if (strncmp(format, "tt", 2) == 0 && format[2] && !format[3] &&
        unit_form(format[2], 1000000000, out)) {
        out->kind = MR_TYPE_TIME;
        out->in_bytes = format[2] == 's' || format[2] == 'm' ? 4 : 8;
        return MR_OK;
    }
    if ((sscanf(format, "d:%d,%d%n", &out->precision, &out->scale, &end) == 2 && end > 0 &&
         !format[end]) ||
        (sscanf(format, "d:%d,%d,%d%n", &out->precision, &out->scale, &bits, &end) == 3 &&
         !format[end])) {
        if (out->precision < 1 || out->precision > 38 || out->scale < 0 ||
            out->scale > out->precision || (bits != 32 && bits != 64 && bits != 128))
            return fail_type(format, err);
        out->kind = MR_TYPE_DECIMAL;
        out->in_bytes = bits / 8;
        return MR_OK;
    }
    if (sscanf(format, "w:%d%n", &width, &end) == 1 && !format[end] && width >= 0) {
        *out = (ArrowForm){
            .layout = LAYOUT_BYTES, .kind = MR_TYPE_BINARY, .in_bytes = width, .mul = 1, .div = 1};
        return MR_OK;
    }
    if (sscanf(format, "+w:%d%n", &width, &end) == 1 && !format[end] && width >= 0) {
        *out = (ArrowForm){.layout = LAYOUT_FIXED_LIST,
                           .kind = MR_TYPE_ARRAY,
                           .in_bytes = width,
                           .mul = 1,
                           .div = 1};
        return MR_OK;
    }
    return fail_type(format, err);
}

/* Children of a schema that the layout needs: lists one, structs any. */
static MrStatus schema_children_check(const struct ArrowSchema *schema, const ArrowForm *form,
                                      MrError *err)
{
    bool is_list = form->layout == LAYOUT_LIST || form->layout == LAYOUT_FIXED_LIST;
    bool good = form->layout == LAYOUT_STRUCT
                    ? schema->n_children >= 0 && schema->n_children <= INT32_MAX
                    : schema->n_children == (is_list ? 1 : 0);
    for (int64_t i = 0; good && i < schema->n_children; i++)
        good = schema->children && schema->children[i] && schema->children[i]->release;
    return good ? MR_OK : fail_data("a schema with missing or surplus children", err);
}

static MrStatus type_import(MrArena *arena, const struct ArrowSchema *schema, int depth,
                            const MrType **out, MrError *err);

static MrStatus field_import(MrArena *arena, const struct ArrowSchema *schema, int depth,
                             MrField *out, MrError *err)
{
    const char *name = schema->name ? schema->name : "";
    if (!mr_utf8_valid(name, (int64_t)strlen(name)))
        return fail_data("a field name that is no UTF-8", err);
    *out = (MrField){.name = mr_arena_str(arena, name),
                     .nullable = schema->flags & ARROW_FLAG_NULLABLE};
    return type_import(arena, schema, depth, &out->type, err);
}

static MrStatus fields_import(MrArena *arena, const struct ArrowSchema *schema, int depth,
                              MrField **out, MrError *err)
{
    *out = MR_NEW_N(arena, MrField, schema->n_children + 1);
    for (int64_t i = 0; i < schema->n_children; i++)
        MR_TRY(field_import(arena, schema->children[i], depth, &(*out)[i], err));
    return MR_OK;
}

static MrStatus type_import(MrArena *arena, const struct ArrowSchema *schema, int depth,
                            const MrType **out, MrError *err)
{
    ArrowForm form;
    MrField *fields;
    if (depth > MAX_DEPTH)
        return MR_FAIL_UNSUPPORTED(err, "Arrow types nested more than %d deep", MAX_DEPTH);
    if (schema->dictionary)
        return type_import(arena, schema->dictionary, depth + 1, out, err);
    MR_TRY(form_parse(schema->format, &form, err));
    MR_TRY(schema_children_check(schema, &form, err));
    switch (form.kind) {
    case MR_TYPE_DECIMAL:
        *out = mr_type_decimal(arena, form.precision, form.scale);
        return MR_OK;
    case MR_TYPE_ARRAY:
        MR_TRY(fields_import(arena, schema, depth + 1, &fields, err));
        *out = mr_type_array(arena, fields[0].type, fields[0].nullable);
        return MR_OK;
    case MR_TYPE_MAP: {
        const struct ArrowSchema *entries = schema->children[0];
        if (!entries->format || strcmp(entries->format, "+s") != 0 || entries->n_children != 2)
            return fail_data("a map without key and value", err);
        MR_TRY(schema_children_check(entries, &(ArrowForm){.layout = LAYOUT_STRUCT}, err));
        MR_TRY(fields_import(arena, entries, depth + 1, &fields, err));
        *out = mr_type_map(arena, fields[0].type, fields[1].type, fields[1].nullable);
        return MR_OK;
    }
    case MR_TYPE_STRUCT:
        MR_TRY(fields_import(arena, schema, depth + 1, &fields, err));
        *out = mr_type_struct(arena, fields, (int32_t)schema->n_children);
        return MR_OK;
    default:
        *out = &mr_types[form.kind];
        return MR_OK;
    }
}

MrStatus mr_arrow_import_schema(MrArena *arena, const struct ArrowSchema *schema, MrSchema *out,
                                MrError *err)
{
    const MrType *type = NULL;
    MR_TRY(type_import(arena, schema, 0, &type, err));
    if (type->kind != MR_TYPE_STRUCT)
        return fail_type(schema->format ? schema->format : "(none)", err);
    *out = (MrSchema){.n_cols = type->n_fields, .cols = type->fields};
    return MR_OK;
}

/* Rows */

typedef struct ImportRows { /* rows from .. from+n of an array, its own offset not yet added */
    const struct ArrowSchema *schema;
    const struct ArrowArray *array;
    int64_t from, n;
} ImportRows;

static MrStatus rows_import(MrArena *arena, ImportRows in, MrVector *to, int64_t at, MrError *err);

static MrStatus array_check(const ImportRows *in, int64_t n_buffers, int64_t n_children,
                            MrError *err)
{
    const struct ArrowArray *array = in->array;
    int64_t end;
    if (!array || !array->release)
        return fail_data("an array that was released", err);
    if (array->length < 0 || array->offset < 0 || in->from < 0 || in->n < 0 ||
        __builtin_add_overflow(array->length, array->offset, &end) || end > INT64_MAX / 64 ||
        in->from > array->length || in->n > array->length - in->from)
        return fail_data("a length or offset outside the array", err);
    if (array->n_buffers < n_buffers || (n_buffers > 0 && !array->buffers))
        return fail_data("too few buffers", err);
    if (array->n_children != n_children || (n_children > 0 && !array->children))
        return fail_data("another number of children than the schema", err);
    for (int64_t i = 1; i < n_buffers && in->n > 0; i++) {
        if (!array->buffers[i] && i < 2)
            return fail_data("a missing buffer", err);
    }
    return MR_OK;
}

static bool bit_at(const void *bits, int64_t i)
{
    return ((const uint8_t *)bits)[i >> 3] >> (i & 7) & 1;
}

/* Marks the rows that the validity buffer says are absent; the given null count is not believed. */
static void nulls_import(MrArena *arena, const ImportRows *in, MrVector *to, int64_t at)
{
    const void *bits =
        in->array->n_buffers > 0 && in->array->buffers ? in->array->buffers[0] : NULL;
    if (!bits || in->array->null_count == 0)
        return;
    int64_t first = in->array->offset + in->from;
    for (int64_t i = 0; i < in->n; i++) {
        if (!bit_at(bits, first + i))
            mr_vector_set_null(arena, to, at + i, to->n_items);
    }
}

static MrI128 fixed_read(const ArrowForm *form, const uint8_t *bytes)
{
    MrI128 value = form->is_signed && bytes[form->in_bytes - 1] & 0x80 ? -1 : 0;
    memcpy(&value, bytes, (size_t)form->in_bytes); /* little-endian */
    return value;
}

static bool fixed_put(const ArrowForm *form, const uint8_t *bytes, MrVector *to, int64_t at)
{
    MrI128 value = fixed_read(form, bytes);
    int64_t word = (int64_t)value, scaled;
    if (form->kind == MR_TYPE_DECIMAL) {
        const MrI128 limit = mr_pow10_i128[to->type->precision];
        if (value >= limit || value <= -limit)
            return false;
        if (mr_type_physical(to->type) == MR_PHYS_I64)
            to->i64[at] = word;
        else
            to->i128[at] = value;
        return true;
    }
    if (form->kind == MR_TYPE_INTERVAL) {
        memcpy(&to->interval[at], bytes, 16);
        to->interval[at].us /= 1000;
        return true;
    }
    if (form->kind != MR_TYPE_FLOAT && form->kind != MR_TYPE_DOUBLE &&
        (form->mul != 1 || form->div != 1)) {
        if (__builtin_mul_overflow(word, form->mul, &scaled))
            return false;
        word = scaled / form->div - (scaled % form->div < 0);
    }
    switch (mr_type_physical(to->type)) {
    case MR_PHYS_I8:
        to->i8[at] = (int8_t)word;
        return true;
    case MR_PHYS_I16:
        to->i16[at] = (int16_t)word;
        return true;
    case MR_PHYS_I32:
    case MR_PHYS_F32:
        to->i32[at] = (int32_t)word;
        return word == (int32_t)word;
    default:
        to->i64[at] = word;
        return form->kind != MR_TYPE_TIME || (word >= 0 && word < INT64_C(86400000000000));
    }
}

static MrStatus fixed_import(const ImportRows *in, const ArrowForm *form, MrVector *to, int64_t at,
                             MrError *err)
{
    const uint8_t *bytes = in->array->buffers[1];
    int64_t first = in->array->offset + in->from;
    int32_t out_bytes = mr_physical_bytes(mr_type_physical(to->type));
    if (form->in_bytes == out_bytes && form->mul == 1 && form->div == 1 &&
        form->kind != MR_TYPE_DECIMAL && form->kind != MR_TYPE_INTERVAL &&
        form->kind != MR_TYPE_TIME) {
        if (in->n > 0)
            memcpy((char *)to->data + at * out_bytes, bytes + first * out_bytes,
                   (size_t)(in->n * out_bytes));
        return MR_OK;
    }
    for (int64_t i = 0; i < in->n; i++) {
        if (!fixed_put(form, bytes + (first + i) * form->in_bytes, to, at + i) &&
            !mr_vector_is_null(to, at + i))
            return fail_data("a value outside its type", err);
    }
    return MR_OK;
}

static int64_t offset_read(const void *offsets, int32_t in_bytes, int64_t i)
{
    return in_bytes == 4 ? ((const int32_t *)offsets)[i] : ((const int64_t *)offsets)[i];
}

/* Offsets i and i+1, which must rise and not be negative. */
static MrStatus span_read(const void *offsets, int32_t in_bytes, int64_t i, int64_t *start,
                          int64_t *n, MrError *err)
{
    int64_t begin = offset_read(offsets, in_bytes, i), end = offset_read(offsets, in_bytes, i + 1);
    if (begin < 0 || end < begin)
        return fail_data("offsets that fall", err);
    if (end - begin > INT32_MAX)
        return fail_data("a value of more than 2 GiB", err);
    *start = begin;
    *n = end - begin;
    return MR_OK;
}

static MrStatus string_put(MrArena *arena, MrText text, MrVector *to, int64_t at, MrError *err)
{
    if (to->type->kind == MR_TYPE_STRING && !mr_utf8_valid(text.data, text.size_bytes))
        return fail_data("a string that is no UTF-8", err);
    to->str[at] = mr_str_own(arena, text.data, text.size_bytes);
    return MR_OK;
}

static MrStatus strings_import(MrArena *arena, const ImportRows *in, const ArrowForm *form,
                               MrVector *to, int64_t at, MrError *err)
{
    const char *data = in->array->buffers[2];
    int64_t first = in->array->offset + in->from;
    for (int64_t i = 0; i < in->n; i++) {
        int64_t start, n;
        MR_TRY(span_read(in->array->buffers[1], form->in_bytes, first + i, &start, &n, err));
        if (mr_vector_is_null(to, at + i))
            continue;
        if (n > 0 && !data)
            return fail_data("a missing buffer", err);
        MR_TRY(string_put(arena, (MrText){n > 0 ? data + start : "", n}, to, at + i, err));
    }
    return MR_OK;
}

/* Views: the last buffer holds the sizes of those between (Arrow 1.4 of the format). */
static MrStatus views_import(MrArena *arena, const ImportRows *in, MrVector *to, int64_t at,
                             MrError *err)
{
    const struct ArrowArray *array = in->array;
    const uint8_t *views = array->buffers[1];
    int64_t n_data = array->n_buffers - 3;
    const int64_t *sizes = array->buffers[array->n_buffers - 1];
    for (int64_t i = 0; i < in->n; i++) {
        int32_t head[4];
        const uint8_t *view = views + 16 * (array->offset + in->from + i);
        if (mr_vector_is_null(to, at + i))
            continue;
        memcpy(head, view, 16);
        if (head[0] < 0)
            return fail_data("a negative length", err);
        const char *data = (const char *)view + 4;
        if (head[0] > 12) {
            if (head[2] < 0 || head[2] >= n_data || !sizes || !array->buffers[2 + head[2]] ||
                head[3] < 0 || head[3] > sizes[head[2]] - head[0])
                return fail_data("a view outside its buffer", err);
            data = (const char *)array->buffers[2 + head[2]] + head[3];
        }
        MR_TRY(string_put(arena, (MrText){data, head[0]}, to, at + i, err));
    }
    return MR_OK;
}

static MrStatus lists_import(MrArena *arena, const ImportRows *in, const ArrowForm *form,
                             MrVector *to, int64_t at, MrError *err)
{
    int64_t first = in->array->offset + in->from;
    ImportRows child = {.schema = in->schema->children[0], .array = in->array->children[0]};
    for (int64_t i = 0; i < in->n; i++) {
        int64_t start, n;
        if (form->layout == LAYOUT_FIXED_LIST) {
            n = form->in_bytes;
            start = (first + i) * n;
        } else {
            MR_TRY(span_read(in->array->buffers[1], form->in_bytes, first + i, &start, &n, err));
        }
        if (mr_vector_is_null(to, at + i))
            continue;
        child.from = start;
        child.n = n;
        if (n > INT32_MAX - to->children[0]->n_items)
            return fail_data("too many elements for one batch", err);
        int32_t begin = to->children[0]->n_items;
        /* The child's length bounds the count before memory is taken for it. */
        MR_TRY(array_check(&child, 0, child.array ? child.array->n_children : 0, err));
        mr_vector_list_reserve(arena, to, n);
        for (int32_t j = 0; j < to->type->n_fields; j++)
            to->children[j]->n_items = begin + (int32_t)n;
        if (to->type->kind == MR_TYPE_MAP) {
            MR_TRY(array_check(&child, 1, 2, err));
            for (int32_t j = 0; j < 2; j++) {
                ImportRows part = {child.schema->children[j], child.array->children[j],
                                   child.array->offset + start, n};
                MR_TRY(rows_import(arena, part, to->children[j], begin, err));
            }
        } else {
            MR_TRY(rows_import(arena, child, to->children[0], begin, err));
        }
        to->list[at + i] = (MrSlice){begin, (int32_t)n};
    }
    return MR_OK;
}

/* Codes of 1 to 8 bytes.  A dictionary of up to DICTIONARY_MAX values is imported as a whole,
 * first. */
#define DICTIONARY_MAX 4096
static MrStatus dictionary_import(MrArena *arena, const ImportRows *in, const ArrowForm *form,
                                  MrVector *to, int64_t at, MrError *err)
{
    int64_t first = in->array->offset + in->from;
    if (form->layout != LAYOUT_FIXED || form->mul != 1 || form->div != 1 || !in->array->dictionary)
        return fail_data("a dictionary without integer codes", err);
    const uint8_t *codes = in->array->buffers[1];
    int64_t n_values = in->array->dictionary->length;
    MrVector *values = NULL;
    if (n_values > 0 && n_values <= DICTIONARY_MAX) {
        values = mr_vector_create(arena, to->type, n_values);
        MR_TRY(rows_import(arena,
                           (ImportRows){in->schema->dictionary, in->array->dictionary, 0, n_values},
                           values, 0, err));
    }
    for (int64_t i = 0; i < in->n; i++) {
        if (mr_vector_is_null(to, at + i))
            continue;
        MrI128 code = fixed_read(form, codes + (first + i) * form->in_bytes);
        if (code < 0 || code >= n_values)
            return fail_data("a dictionary code outside the dictionary", err);
        if (values) {
            mr_vector_copy_row(arena, values, (int64_t)code, to, at + i);
            continue;
        }
        ImportRows value = {in->schema->dictionary, in->array->dictionary, (int64_t)code, 1};
        MR_TRY(rows_import(arena, value, to, at + i, err));
    }
    return MR_OK;
}

static MrStatus structs_import(MrArena *arena, const ImportRows *in, MrVector *to, int64_t at,
                               MrError *err)
{
    for (int32_t i = 0; i < to->type->n_fields; i++) {
        ImportRows child = {in->schema->children[i], in->array->children[i],
                            in->array->offset + in->from, in->n};
        MR_TRY(rows_import(arena, child, to->children[i], at, err));
    }
    return MR_OK;
}

static MrStatus rows_import(MrArena *arena, ImportRows in, MrVector *to, int64_t at, MrError *err)
{
    static const int8_t n_buffers[] = {
        [LAYOUT_NULL] = 0,   [LAYOUT_BOOL] = 2,       [LAYOUT_FIXED] = 2,
        [LAYOUT_STRING] = 3, [LAYOUT_VIEW] = 3,       [LAYOUT_BYTES] = 2,
        [LAYOUT_LIST] = 2,   [LAYOUT_FIXED_LIST] = 1, [LAYOUT_STRUCT] = 1,
    };
    ArrowForm form;
    MR_TRY(form_parse(in.schema->format, &form, err));
    if (!in.schema->dictionary && form.kind != to->type->kind)
        return fail_data("an array of another type", err);
    MR_TRY(array_check(&in, n_buffers[form.layout], in.schema->n_children, err));
    if (form.layout == LAYOUT_NULL) {
        for (int64_t i = 0; i < in.n; i++)
            mr_vector_set_null(arena, to, at + i, to->n_items);
        return MR_OK;
    }
    nulls_import(arena, &in, to, at);
    if (in.schema->dictionary)
        return dictionary_import(arena, &in, &form, to, at, err);
    int64_t first = in.array->offset + in.from;
    switch (form.layout) {
    case LAYOUT_BOOL:
        for (int64_t i = 0; i < in.n; i++)
            to->i8[at + i] = bit_at(in.array->buffers[1], first + i);
        return MR_OK;
    case LAYOUT_FIXED:
        return fixed_import(&in, &form, to, at, err);
    case LAYOUT_STRING:
        return strings_import(arena, &in, &form, to, at, err);
    case LAYOUT_VIEW:
        return views_import(arena, &in, to, at, err);
    case LAYOUT_BYTES:
        for (int64_t i = 0; i < in.n; i++)
            to->str[at + i] =
                mr_str_own(arena, (const char *)in.array->buffers[1] + (first + i) * form.in_bytes,
                           form.in_bytes);
        return MR_OK;
    case LAYOUT_LIST:
    case LAYOUT_FIXED_LIST:
        return lists_import(arena, &in, &form, to, at, err);
    case LAYOUT_STRUCT:
        return structs_import(arena, &in, to, at, err);
    default:
        return MR_OK;
    }
}

MrStatus mr_arrow_import_rows(const struct ArrowSchema *arrow, const struct ArrowArray *array,
                              const MrSchema *schema, int64_t from, int64_t n, MrBatch *out,
                              MrError *err)
{
    MR_ASSERT(n <= MR_BATCH_ROWS && arrow->n_children == schema->n_cols);
    ImportRows in = {arrow, array, from, n};
    MR_TRY(array_check(&in, 1, schema->n_cols, err));
    mr_batch_set_cols(out, schema->n_cols);
    for (int32_t c = 0; c < schema->n_cols; c++) {
        out->cols[c] = mr_vector_create(&out->arena, schema->cols[c].type, n);
        ImportRows child = {arrow->children[c], array->children[c], array->offset + from, n};
        MR_TRY(rows_import(&out->arena, child, out->cols[c], 0, err));
    }
    out->n_rows = out->n_sel = (int32_t)n;
    return MR_OK;
}
