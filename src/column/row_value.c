/* row_value.c - one value as bytes without pointers, and stored rows made of them. */
#include "column/collation.h"
#include "column/row.h"
#include "column/row_int.h"

#define VALID_BYTES(n) (((int64_t)(n) + 7) / 8)

static int64_t varint_bytes(uint64_t value)
{
    return value < 0x80 ? 1 : (70 - __builtin_clzll(value)) / 7;
}

static char *varint_write(uint64_t value, char *out)
{
    for (; value >= 0x80; value >>= 7)
        *out++ = (char)(value | 0x80);
    *out++ = (char)value;
    return out;
}

int64_t mr__value_bytes(const MrVector *vec, int64_t row)
{
    int64_t at;
    vec = mr_vector_at(vec, row, &at);
    MrPhysical physical = mr_type_physical(vec->type);
    if (physical == MR_PHYS_STR)
        return varint_bytes(vec->str[at].size_bytes) + vec->str[at].size_bytes;
    if (physical == MR_PHYS_STRUCT) {
        int64_t n_bytes = VALID_BYTES(vec->type->n_fields);
        for (int32_t i = 0; i < vec->type->n_fields; i++)
            n_bytes +=
                mr_vector_is_null(vec->children[i], at) ? 0 : mr__value_bytes(vec->children[i], at);
        return n_bytes;
    }
    if (physical == MR_PHYS_LIST) {
        MrSlice slice = vec->list[at];
        int64_t n_bytes =
            varint_bytes((uint64_t)slice.count) + vec->type->n_fields * VALID_BYTES(slice.count);
        for (int32_t j = 0; j < vec->type->n_fields; j++) {
            for (int64_t i = slice.start; i < slice.start + slice.count; i++)
                n_bytes += mr_vector_is_null(vec->children[j], i)
                               ? 0
                               : mr__value_bytes(vec->children[j], i);
        }
        return n_bytes;
    }
    return mr_physical_bytes(physical);
}

char *mr__value_write(const MrVector *vec, int64_t row, char *out)
{
    int64_t at;
    vec = mr_vector_at(vec, row, &at);
    MrPhysical physical = mr_type_physical(vec->type);
    if (physical == MR_PHYS_STR) {
        const MrStr *str = &vec->str[at];
        out = varint_write(str->size_bytes, out);
        memcpy(out, mr_str_data(str), str->size_bytes);
        return out + str->size_bytes;
    }
    if (physical == MR_PHYS_STRUCT) {
        char *valid = out;
        memset(valid, 0, (size_t)VALID_BYTES(vec->type->n_fields));
        out += VALID_BYTES(vec->type->n_fields);
        for (int32_t i = 0; i < vec->type->n_fields; i++) {
            if (!mr_vector_is_null(vec->children[i], at)) {
                valid[i >> 3] = (char)(valid[i >> 3] | 1 << (i & 7));
                out = mr__value_write(vec->children[i], at, out);
            }
        }
        return out;
    }
    if (physical == MR_PHYS_LIST) {
        MrSlice slice = vec->list[at];
        out = varint_write((uint64_t)slice.count, out);
        for (int32_t j = 0; j < vec->type->n_fields; j++) {
            char *valid = out;
            memset(valid, 0, (size_t)VALID_BYTES(slice.count));
            out += VALID_BYTES(slice.count);
            for (int32_t i = 0; i < slice.count; i++) {
                if (!mr_vector_is_null(vec->children[j], slice.start + i)) {
                    valid[i >> 3] = (char)(valid[i >> 3] | 1 << (i & 7));
                    out = mr__value_write(vec->children[j], slice.start + i, out);
                }
            }
        }
        return out;
    }
    int32_t n_bytes = mr_physical_bytes(physical);
    memcpy(out, (const char *)vec->data + at * n_bytes, (size_t)n_bytes);
    return out + n_bytes;
}

static bool bit_of(const uint8_t *valid, int64_t i)
{
    return valid[i >> 3] >> (i & 7) & 1;
}

static bool list_read(MrReader *reader, MrArena *arena, bool copy, MrVector *to, int64_t at)
{
    uint64_t count;
    /* Each element has its validity bits, so the count is bounded by the bytes. */
    if (!mr_reader_varint(reader, &count) || count / 8 > (uint64_t)(reader->end - reader->at))
        return false;
    MR_ASSERT(to->type->n_fields > 0);
    mr_vector_list_reserve(arena, to, (int64_t)count);
    int32_t start = to->children[0]->n_items;
    to->list[at] = (MrSlice){start, (int32_t)count};
    for (int32_t j = 0; j < to->type->n_fields; j++) {
        MrVector *child = to->children[j];
        const uint8_t *valid;
        child->n_items = start + (int32_t)count;
        if (!mr_reader_bytes(reader, VALID_BYTES(count), &valid))
            return false;
        for (int32_t i = 0; i < (int32_t)count; i++) {
            if (!bit_of(valid, i))
                mr_vector_set_null(arena, child, start + i, child->n_items);
            else if (!mr__value_read(reader, arena, copy, child, start + i))
                return false;
        }
    }
    return true;
}

bool mr__value_read(MrReader *reader, MrArena *arena, bool copy, MrVector *to, int64_t at)
{
    const uint8_t *bytes;
    MrPhysical physical = mr_type_physical(to->type);
    if (to->validity)
        mr_bit_set(to->validity, at);
    if (physical == MR_PHYS_STR) {
        MrText text;
        if (!mr_reader_text(reader, &text) || text.size_bytes > INT32_MAX)
            return false;
        to->str[at] = copy ? mr_str_own(arena, text.data, text.size_bytes)
                           : mr_str_borrow(text.data, text.size_bytes);
        return true;
    }
    if (physical == MR_PHYS_LIST)
        return list_read(reader, arena, copy, to, at);
    if (physical == MR_PHYS_STRUCT) {
        if (!mr_reader_bytes(reader, VALID_BYTES(to->type->n_fields), &bytes))
            return false;
        for (int32_t i = 0; i < to->type->n_fields; i++) {
            if (!bit_of(bytes, i))
                mr_vector_set_null(arena, to->children[i], at, to->children[i]->n_items);
            else if (!mr__value_read(reader, arena, copy, to->children[i], at))
                return false;
        }
        return true;
    }
    int32_t n_bytes = mr_physical_bytes(physical);
    if (!mr_reader_bytes(reader, n_bytes, &bytes))
        return false;
    memcpy((char *)to->data + at * n_bytes, bytes, (size_t)n_bytes);
    return true;
}

/* A view of a serialized value as one row of a flat vector, so that mr_vector_compare does the
 * rest. */
typedef struct ScalarView {
    MrVector vec;
    union {
        MrStr str;
        MrI128 i128; /* for its size and alignment */
    } value;
} ScalarView;

static void scalar_view(ScalarView *view, const MrType *type, MrReader *reader)
{
    MrText text;
    const uint8_t *bytes;
    view->vec = (MrVector){.type = type, .n_items = 1, .data = &view->value};
    MrPhysical physical = mr_type_physical(type);
    if (physical == MR_PHYS_STR) {
        if (mr_reader_text(reader, &text))
            view->value.str = mr_str_borrow(text.data, text.size_bytes);
    } else if (mr_reader_bytes(reader, mr_physical_bytes(physical), &bytes)) {
        memcpy(&view->value, bytes, (size_t)mr_physical_bytes(physical));
    }
    MR_ASSERT(!reader->failed); /* these bytes are ours: mr__value_write made them */
}

static const uint8_t *own_bytes(MrReader *reader, int64_t n_bytes)
{
    const uint8_t *bytes = NULL;
    bool there = mr_reader_bytes(reader, n_bytes, &bytes);
    MR_ASSERT(there);
    return bytes;
}

static int64_t own_count(MrReader *reader)
{
    uint64_t count = 0;
    bool there = mr_reader_varint(reader, &count);
    MR_ASSERT(there);
    return (int64_t)count;
}

static void value_skip(const MrType *type, MrReader *reader)
{
    MrPhysical physical = mr_type_physical(type);
    if (physical == MR_PHYS_STR) {
        own_bytes(reader, own_count(reader));
        return;
    }
    if (physical != MR_PHYS_LIST && physical != MR_PHYS_STRUCT) {
        own_bytes(reader, mr_physical_bytes(physical));
        return;
    }
    bool is_list = physical == MR_PHYS_LIST;
    int64_t count = is_list ? own_count(reader) : 1;
    const uint8_t *valid = is_list ? NULL : own_bytes(reader, VALID_BYTES(type->n_fields));
    for (int32_t j = 0; j < type->n_fields; j++) {
        if (is_list)
            valid = own_bytes(reader, VALID_BYTES(count));
        for (int64_t i = 0; i < count; i++) {
            if (bit_of(valid, is_list ? i : j))
                value_skip(type->fields[j].type, reader);
        }
    }
}

/* The values of maps lie behind the keys; pairs are compared key, value, key, value. */
static int map_compare(const MrType *type, MrReader *a, int64_t n_a, MrReader *b, int64_t n_b,
                       int64_t n);

int mr__value_compare(const MrType *type, MrReader *a, MrReader *b)
{
    MrPhysical physical = mr_type_physical(type);
    if (physical == MR_PHYS_STRUCT) {
        const uint8_t *x = own_bytes(a, VALID_BYTES(type->n_fields)),
                      *y = own_bytes(b, VALID_BYTES(type->n_fields));
        for (int32_t i = 0; i < type->n_fields; i++) {
            int order = (int)bit_of(x, i) - (int)bit_of(y, i);
            if (order == 0 && bit_of(x, i))
                order = mr__value_compare(type->fields[i].type, a, b);
            if (order != 0)
                return order;
        }
        return 0;
    }
    if (physical == MR_PHYS_LIST) {
        int64_t n_a = own_count(a), n_b = own_count(b), n = n_a < n_b ? n_a : n_b;
        if (type->kind == MR_TYPE_MAP)
            return map_compare(type, a, n_a, b, n_b, n);
        const uint8_t *x = own_bytes(a, VALID_BYTES(n_a)), *y = own_bytes(b, VALID_BYTES(n_b));
        for (int64_t i = 0; i < n; i++) {
            int order = (int)bit_of(x, i) - (int)bit_of(y, i);
            if (order == 0 && bit_of(x, i))
                order = mr__value_compare(type->fields[0].type, a, b);
            if (order != 0)
                return order;
        }
        return (n_a > n_b) - (n_a < n_b);
    }
    ScalarView x, y;
    scalar_view(&x, type, a);
    scalar_view(&y, type, b);
    return mr_vector_compare(&x.vec, 0, &y.vec, 0);
}

static int map_compare(const MrType *type, MrReader *a, int64_t n_a, MrReader *b, int64_t n_b,
                       int64_t n)
{
    MrReader keys_a = *a, keys_b = *b;
    own_bytes(&keys_a, VALID_BYTES(n_a));
    own_bytes(&keys_b, VALID_BYTES(n_b));
    MrReader values_a = keys_a, values_b = keys_b;
    for (int64_t i = 0; i < n_a; i++)
        value_skip(type->fields[0].type, &values_a);
    for (int64_t i = 0; i < n_b; i++)
        value_skip(type->fields[0].type, &values_b);
    const uint8_t *x = own_bytes(&values_a, VALID_BYTES(n_a)),
                  *y = own_bytes(&values_b, VALID_BYTES(n_b));
    for (int64_t i = 0; i < n; i++) {
        int order = mr__value_compare(type->fields[0].type, &keys_a, &keys_b);
        if (order == 0)
            order = (int)bit_of(x, i) - (int)bit_of(y, i);
        if (order == 0 && bit_of(x, i))
            order = mr__value_compare(type->fields[1].type, &values_a, &values_b);
        if (order != 0)
            return order;
    }
    *a = values_a;
    *b = values_b;
    return (n_a > n_b) - (n_a < n_b);
}

/* Maps against a vector: the same walk, with the vector's row in place of the second reader. */
static int map_compare_row(const MrType *type, MrReader *a, int64_t n_a, const MrVector *vec,
                           MrSlice slice)
{
    MrReader keys = *a;
    own_bytes(&keys, VALID_BYTES(n_a));
    MrReader values = keys;
    for (int64_t i = 0; i < n_a; i++)
        value_skip(type->fields[0].type, &values);
    const uint8_t *valid = own_bytes(&values, VALID_BYTES(n_a));
    for (int64_t i = 0; i < n_a && i < slice.count; i++) {
        int order =
            mr__value_compare_row(type->fields[0].type, &keys, vec->children[0], slice.start + i);
        bool there = !mr_vector_is_null(vec->children[1], slice.start + i);
        if (order == 0)
            order = (int)bit_of(valid, i) - (int)there;
        if (order == 0 && there)
            order = mr__value_compare_row(type->fields[1].type, &values, vec->children[1],
                                          slice.start + i);
        if (order != 0)
            return order;
    }
    *a = values;
    return (n_a > slice.count) - (n_a < slice.count);
}

int mr__value_compare_row(const MrType *type, MrReader *a, const MrVector *vec, int64_t row)
{
    int64_t at;
    MrPhysical physical = mr_type_physical(type);
    if (physical != MR_PHYS_STRUCT && physical != MR_PHYS_LIST) {
        ScalarView x;
        scalar_view(&x, type, a);
        return mr_vector_compare(&x.vec, 0, vec, row);
    }
    vec = mr_vector_at(vec, row, &at);
    bool is_list = physical == MR_PHYS_LIST;
    MrSlice slice = is_list ? vec->list[at] : (MrSlice){(int32_t)at, 1};
    int64_t count = is_list ? own_count(a) : type->n_fields;
    if (type->kind == MR_TYPE_MAP)
        return map_compare_row(type, a, count, vec, slice);
    const uint8_t *valid = own_bytes(a, VALID_BYTES(count));
    int64_t n = is_list && slice.count < count ? slice.count : count;
    for (int64_t i = 0; i < n; i++) {
        const MrVector *child = vec->children[is_list ? 0 : i];
        int64_t child_row = is_list ? slice.start + i : at;
        bool there = !mr_vector_is_null(child, child_row);
        int order = (int)bit_of(valid, i) - (int)there;
        if (order == 0 && there)
            order = mr__value_compare_row(child->type, a, child, child_row);
        if (order != 0)
            return order;
    }
    return is_list ? (count > slice.count) - (count < slice.count) : 0;
}

MrStatus mr_row_store(MrVector *const *cols, int32_t n_cols, int64_t row, MrBuffer *out,
                      MrError *err)
{
    int64_t n_bytes = VALID_BYTES(n_cols);
    if (n_cols == 0) /* the key of a group of all rows */
        return MR_OK;
    for (int32_t c = 0; c < n_cols; c++)
        n_bytes += mr_vector_is_null(cols[c], row) ? 0 : mr__value_bytes(cols[c], row);
    MR_TRY(mr_buffer_reserve(out, n_bytes, err));
    char *valid = out->data + out->size_bytes, *at = valid + VALID_BYTES(n_cols);
    memset(valid, 0, (size_t)VALID_BYTES(n_cols));
    for (int32_t c = 0; c < n_cols; c++) {
        if (!mr_vector_is_null(cols[c], row)) {
            valid[c >> 3] = (char)(valid[c >> 3] | 1 << (c & 7));
            at = mr__value_write(cols[c], row, at);
        }
    }
    out->size_bytes += n_bytes;
    return MR_OK;
}

MrStatus mr_row_load(MrReader *reader, MrArena *arena, MrVector **cols, int32_t n_cols, int64_t at,
                     MrError *err)
{
    const uint8_t *valid;
    if (!mr_reader_bytes(reader, VALID_BYTES(n_cols), &valid))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a stored row is cut");
    for (int32_t c = 0; c < n_cols; c++) {
        if (!bit_of(valid, c))
            mr_vector_set_null(arena, cols[c], at, cols[c]->n_items);
        else if (!mr__value_read(reader, arena, true, cols[c], at))
            return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a stored row is cut");
    }
    return MR_OK;
}
