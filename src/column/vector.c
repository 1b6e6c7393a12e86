/* vector.c - creating, flattening, copying and gathering vectors.  Comparing and hashing are in
 * vector_hash.c and vector_compare.c.
 *
 * Children may have any encoding.  A vector that shares the children of another gets its own child
 * structs with cap_items 0, so that a later append copies before it writes. */
#include "column/vector.h"
#include <stdatomic.h>

MrStr mr_str_own(MrArena *arena, const char *data, int64_t size_bytes)
{
    if (size_bytes <= MR_STR_INLINE)
        return mr_str_borrow(data, size_bytes);
    char *own = mr_arena_alloc(arena, size_bytes);
    mr_copy(own, data, size_bytes);
    return mr_str_borrow(own, size_bytes);
}

int mr_str_compare(const MrStr *a, const MrStr *b)
{
    uint32_t head_a, head_b;
    memcpy(&head_a, a->prefix, 4);
    memcpy(&head_b, b->prefix, 4);
    if (head_a != head_b) /* zero padding orders a shorter one first, as it should */
        return __builtin_bswap32(head_a) < __builtin_bswap32(head_b) ? -1 : 1;
    uint32_t n_common = a->size_bytes < b->size_bytes ? a->size_bytes : b->size_bytes;
    int order = memcmp(mr_str_data(a), mr_str_data(b), n_common);
    if (order != 0)
        return order < 0 ? -1 : 1;
    return (a->size_bytes > b->size_bytes) - (a->size_bytes < b->size_bytes);
}

static bool physical_has_views(MrPhysical physical)
{
    return physical == MR_PHYS_STR || physical == MR_PHYS_LIST;
}

MrVector *mr_vector_create(MrArena *arena, const MrType *type, int64_t n_rows)
{
    MrPhysical physical = mr_type_physical(type);
    MrVector *vec = MR_NEW(arena, MrVector);
    vec->type = type;
    vec->n_items = (int32_t)n_rows;
    vec->cap_items = (int32_t)n_rows;
    int64_t size_bytes = n_rows * mr_physical_bytes(physical);
    if (n_rows == 0) /* codes of NULL rows are 0: an empty dictionary has something there */
        vec->data = mr_arena_zeroed(arena, 16);
    else
        vec->data = physical_has_views(physical) ? mr_arena_zeroed(arena, size_bytes)
                                                 : mr_arena_alloc(arena, size_bytes);
    if (type->n_fields > 0) {
        vec->children = MR_NEW_N(arena, MrVector *, type->n_fields);
        for (int32_t i = 0; i < type->n_fields; i++)
            vec->children[i] = mr_vector_create(arena, type->fields[i].type,
                                                physical == MR_PHYS_STRUCT ? n_rows : 0);
    }
    return vec;
}

MrVector *mr_vector_constant(MrArena *arena, const MrType *type, const void *value)
{
    int32_t value_bytes = mr_physical_bytes(mr_type_physical(type));
    MrVector *vec = MR_NEW(arena, MrVector);
    vec->type = type;
    vec->encoding = MR_CONSTANT;
    vec->n_items = 1;
    vec->data = mr_arena_zeroed(arena, 16);
    if (value)
        memcpy(vec->data, value, (size_t)value_bytes);
    else
        vec->validity = MR_NEW(arena, uint64_t);
    if (type->n_fields > 0) {
        bool is_struct = mr_type_physical(type) == MR_PHYS_STRUCT;
        MR_ASSERT(!value || !is_struct);
        vec->children = MR_NEW_N(arena, MrVector *, type->n_fields);
        for (int32_t i = 0; i < type->n_fields; i++)
            vec->children[i] = is_struct ? mr_vector_constant(arena, type->fields[i].type, NULL)
                                         : mr_vector_create(arena, type->fields[i].type, 0);
    }
    return vec;
}

MrVector *mr_vector_dictionary(MrArena *arena, MrVector *dict, int64_t n_rows)
{
    MR_ASSERT(dict->encoding == MR_FLAT);
    MrVector *vec = MR_NEW(arena, MrVector);
    vec->type = dict->type;
    vec->encoding = MR_DICTIONARY;
    vec->n_items = (int32_t)n_rows;
    vec->codes = mr_arena_alloc(arena, n_rows * (int64_t)sizeof(uint32_t));
    vec->dict = dict;
    return vec;
}

uint64_t mr_dict_id_next(void)
{
    static _Atomic uint64_t last; /* relaxed: only that ids differ matters */
    return atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
}

static uint64_t *validity_create(MrArena *arena, int64_t n_bits)
{
    uint64_t *bits = mr_arena_alloc(arena, 8 * MR_BITMAP_WORDS(n_bits));
    mr_bits_fill(bits, n_bits, true);
    return bits;
}

void mr_vector_set_null(MrArena *arena, MrVector *vec, int64_t row, int64_t n_rows)
{
    MR_ASSERT_DEBUG(vec->encoding != MR_CONSTANT || row == 0);
    if (!vec->validity)
        vec->validity = validity_create(arena, n_rows > vec->cap_items ? n_rows : vec->cap_items);
    mr_bit_clear(vec->validity, row);
    if (vec->encoding == MR_DICTIONARY) {
        vec->codes[row] = 0;
        return;
    }
    MrPhysical physical = mr_type_physical(vec->type);
    if (physical == MR_PHYS_STR)
        vec->str[row] = (MrStr){0};
    else if (physical == MR_PHYS_LIST)
        vec->list[row] = (MrSlice){0};
}

/* A second head on the same memory, which it may not write. */
static MrVector *vector_share(MrArena *arena, const MrVector *vec)
{
    MrVector *out = MR_NEW(arena, MrVector);
    *out = *vec;
    out->cap_items = 0;
    if (vec->children) {
        out->children = MR_NEW_N(arena, MrVector *, vec->type->n_fields);
        for (int32_t i = 0; i < vec->type->n_fields; i++)
            out->children[i] = vector_share(arena, vec->children[i]);
    }
    return out;
}

/* out[i] = data[index(i)] for the sizes that values have. */
#define GATHER_CASE(physical, field, ctype)                                                        \
    case physical: {                                                                               \
        const ctype *restrict in = from->field;                                                    \
        ctype *restrict values = to->field;                                                        \
        if (sel) {                                                                                 \
            for (int32_t i = 0; i < n_sel; i++)                                                    \
                values[sel[i]] = in[codes ? codes[sel[i]] : 0];                                    \
        } else if (codes) {                                                                        \
            for (int64_t i = 0; i < n_rows; i++)                                                   \
                values[i] = in[codes[i]];                                                          \
        } else {                                                                                   \
            for (int64_t i = 0; i < n_rows; i++)                                                   \
                values[i] = in[0];                                                                 \
        }                                                                                          \
        break;                                                                                     \
    }

/* Spreads a constant (codes NULL) or a dictionary over the rows of `to`, without its NULLs. */
static void spread_values(const MrVector *from, const uint32_t *codes, MrVector *to,
                          const uint16_t *sel, int32_t n_sel, int64_t n_rows)
{
    switch (mr_type_physical(to->type)) {
        GATHER_CASE(MR_PHYS_I8, i8, int8_t)
        GATHER_CASE(MR_PHYS_I16, i16, int16_t)
        GATHER_CASE(MR_PHYS_I32, i32, int32_t)
        GATHER_CASE(MR_PHYS_I64, i64, int64_t)
        GATHER_CASE(MR_PHYS_I128, i128, MrI128)
        GATHER_CASE(MR_PHYS_F32, f32, float)
        GATHER_CASE(MR_PHYS_F64, f64, double)
        GATHER_CASE(MR_PHYS_STR, str, MrStr)
        GATHER_CASE(MR_PHYS_INTERVAL, interval, MrInterval)
        GATHER_CASE(MR_PHYS_LIST, list, MrSlice)
    case MR_PHYS_VOID:
    case MR_PHYS_STRUCT:
        break;
    }
}

MrVector *mr_vector_flatten(MrArena *arena, MrVector *vec, const uint16_t *sel, int32_t n_sel,
                            int64_t n_rows)
{
    if (vec->encoding == MR_FLAT)
        return vec;
    const MrVector *from = vec->encoding == MR_CONSTANT ? vec : vec->dict;
    const uint32_t *codes = vec->encoding == MR_CONSTANT ? NULL : vec->codes;
    MrPhysical physical = mr_type_physical(vec->type);
    MrVector *out = MR_NEW(arena, MrVector);
    out->type = vec->type;
    out->n_items = out->cap_items = (int32_t)n_rows;
    int64_t size_bytes = n_rows * mr_physical_bytes(physical);
    /* Rows outside sel are not written below: their views must still be valid. */
    out->data = sel && physical_has_views(physical) ? mr_arena_zeroed(arena, size_bytes)
                                                    : mr_arena_alloc(arena, size_bytes);
    spread_values(from, codes, out, sel, n_sel, n_rows);

    if (!codes && from->validity && !mr_bit_get(from->validity, 0)) {
        out->validity = mr_arena_zeroed(arena, 8 * MR_BITMAP_WORDS(n_rows));
    } else if (codes && (vec->validity || from->validity)) {
        out->validity = validity_create(arena, n_rows);
        if (vec->validity)
            memcpy(out->validity, vec->validity, (size_t)(8 * MR_BITMAP_WORDS(n_rows)));
        if (from->validity) {
            int64_t n = sel ? n_sel : n_rows;
            for (int64_t i = 0; i < n; i++) {
                int64_t row = sel ? sel[i] : i;
                if (!mr_bit_get(from->validity, codes[row]))
                    mr_bit_clear(out->validity, row);
            }
        }
    }

    if (vec->type->n_fields > 0) {
        out->children = MR_NEW_N(arena, MrVector *, vec->type->n_fields);
        for (int32_t i = 0; i < vec->type->n_fields; i++) {
            MrVector *child = from->children[i];
            if (physical == MR_PHYS_LIST) {
                out->children[i] = vector_share(arena, child);
            } else if (!codes) {
                out->children[i] = mr_vector_flatten(arena, child, sel, n_sel, n_rows);
            } else {
                MrVector view = {.type = child->type,
                                 .encoding = MR_DICTIONARY,
                                 .n_items = (int32_t)n_rows,
                                 .codes = vec->codes,
                                 .dict = mr_vector_flatten(arena, child, NULL, 0, from->n_items)};
                out->children[i] = mr_vector_flatten(arena, &view, sel, n_sel, n_rows);
            }
        }
    }
    return out;
}

/* Lists of the rows of one batch lie in one vector, whose places have 32 bits. */
static _Noreturn void fail_too_many(void)
{
    MR_ASSERT(mr_guard_top);
    MrStatus status = MR_FAIL_UNSUPPORTED(
        mr_guard_top->err, "more than 2147483647 elements in the arrays of one batch of rows");
    (void)status;
    mr_guard_jump();
}

static void vector_grow(MrArena *arena, MrVector *vec, int64_t n_needed)
{
    if (vec->encoding != MR_FLAT)
        *vec = *mr_vector_flatten(arena, vec, NULL, 0, vec->n_items);
    if (n_needed <= vec->cap_items)
        return;
    if (n_needed > INT32_MAX)
        fail_too_many();
    int64_t cap = vec->cap_items < 32 ? 64 : 2 * (int64_t)vec->cap_items;
    cap = cap < n_needed ? n_needed : cap;
    cap = cap > INT32_MAX ? INT32_MAX : cap;
    MrPhysical physical = mr_type_physical(vec->type);
    int64_t value_bytes = mr_physical_bytes(physical);
    char *data = mr_arena_alloc(arena, cap * value_bytes);
    mr_copy(data, vec->data, vec->n_items * value_bytes);
    if (physical_has_views(physical))
        (void)mr_zero_long(data + vec->n_items * value_bytes, (cap - vec->n_items) * value_bytes);
    vec->data = data;
    if (vec->validity) {
        uint64_t *bits = validity_create(arena, cap);
        memcpy(bits, vec->validity, (size_t)(vec->n_items / 64 * 8));
        for (int64_t i = vec->n_items / 64 * 64; i < vec->n_items; i++)
            mr_bit_put(bits, i, mr_bit_get(vec->validity, i));
        vec->validity = bits;
    }
    vec->cap_items = (int32_t)cap;
    if (physical == MR_PHYS_STRUCT) {
        for (int32_t i = 0; i < vec->type->n_fields; i++) {
            vec->children[i]->n_items = vec->n_items;
            vector_grow(arena, vec->children[i], cap);
        }
    }
}

void mr_vector_list_reserve(MrArena *arena, MrVector *vec, int64_t n_more)
{
    for (int32_t i = 0; i < vec->type->n_fields; i++)
        vector_grow(arena, vec->children[i], vec->children[i]->n_items + n_more);
}

/* Appends elements from .. from+n of a child to another child, whose room is there. */
static void vector_append(MrArena *arena, const MrVector *from, int64_t start, int64_t n,
                          MrVector *to)
{
    int64_t at = to->n_items;
    to->n_items += (int32_t)n;
    for (int64_t i = 0; i < n; i++) {
        mr_poll_item(i);
        mr_vector_copy_row(arena, from, start + i, to, at + i);
    }
}

void mr_vector_copy_row(MrArena *arena, const MrVector *from, int64_t from_row, MrVector *to,
                        int64_t to_row)
{
    MR_ASSERT_DEBUG(to->encoding == MR_FLAT);
    if (mr_vector_is_null(from, from_row)) {
        mr_vector_set_null(arena, to, to_row, to->n_items);
        return;
    }
    int64_t at;
    from = mr_vector_at(from, from_row, &at);
    if (to->validity)
        mr_bit_set(to->validity, to_row);
    switch (mr_type_physical(to->type)) {
    case MR_PHYS_VOID:
        break;
    case MR_PHYS_I8:
        to->i8[to_row] = from->i8[at];
        break;
    case MR_PHYS_I16:
        to->i16[to_row] = from->i16[at];
        break;
    case MR_PHYS_I32:
    case MR_PHYS_F32:
        to->i32[to_row] = from->i32[at];
        break;
    case MR_PHYS_I64:
    case MR_PHYS_F64:
        to->i64[to_row] = from->i64[at];
        break;
    case MR_PHYS_I128:
    case MR_PHYS_INTERVAL:
        to->i128[to_row] = from->i128[at];
        break;
    case MR_PHYS_STR:
        to->str[to_row] = mr_str_own(arena, mr_str_data(&from->str[at]), from->str[at].size_bytes);
        break;
    case MR_PHYS_LIST: {
        MrSlice slice = from->list[at];
        mr_vector_list_reserve(arena, to, slice.count);
        to->list[to_row] = (MrSlice){to->children[0]->n_items, slice.count};
        for (int32_t i = 0; i < to->type->n_fields; i++)
            vector_append(arena, from->children[i], slice.start, slice.count, to->children[i]);
        break;
    }
    case MR_PHYS_STRUCT:
        for (int32_t i = 0; i < to->type->n_fields; i++)
            mr_vector_copy_row(arena, from->children[i], at, to->children[i], to_row);
        break;
    }
}

#define TAKE_CASE(physical, field, ctype)                                                          \
    case physical: {                                                                               \
        const ctype *restrict in = vec->field;                                                     \
        ctype *restrict values = out->field;                                                       \
        for (int64_t i = 0, end; i < n_rows;) {                                                    \
            end = mr_poll_piece(i, n_rows);                                                        \
            for (; i < end; i++)                                                                   \
                values[i] = in[rows[i]];                                                           \
        }                                                                                          \
        break;                                                                                     \
    }

MrVector *mr_vector_take_rows(MrArena *arena, const MrVector *vec, const int32_t *rows,
                              int64_t n_rows)
{
    if (vec->encoding == MR_CONSTANT)
        return mr_vector_flatten(arena, vector_share(arena, vec), NULL, 0, n_rows);
    if (vec->encoding == MR_DICTIONARY) { /* gather the codes, then spread */
        MrVector view = {.type = vec->type,
                         .encoding = MR_DICTIONARY,
                         .n_items = (int32_t)n_rows,
                         .dict = vec->dict};
        view.codes = mr_arena_alloc(arena, n_rows * (int64_t)sizeof(uint32_t));
        for (int64_t i = 0; i < n_rows; i++)
            view.codes[i] = vec->codes[rows[i]];
        if (vec->validity) {
            view.validity = validity_create(arena, n_rows);
            for (int64_t i = 0; i < n_rows; i++)
                mr_bit_put(view.validity, i, mr_bit_get(vec->validity, rows[i]));
        }
        return mr_vector_flatten(arena, &view, NULL, 0, n_rows);
    }
    MrPhysical physical = mr_type_physical(vec->type);
    MrVector *out = MR_NEW(arena, MrVector);
    out->type = vec->type;
    out->n_items = out->cap_items = (int32_t)n_rows;
    out->data = mr_arena_alloc(arena, n_rows * mr_physical_bytes(physical));
    if (vec->validity) {
        out->validity = validity_create(arena, n_rows);
        for (int64_t i = 0; i < n_rows; i++)
            mr_bit_put(out->validity, i, mr_bit_get(vec->validity, rows[i]));
    }
    switch (physical) {
        TAKE_CASE(MR_PHYS_I8, i8, int8_t)
        TAKE_CASE(MR_PHYS_I16, i16, int16_t)
        TAKE_CASE(MR_PHYS_I32, i32, int32_t)
        TAKE_CASE(MR_PHYS_I64, i64, int64_t)
        TAKE_CASE(MR_PHYS_I128, i128, MrI128)
        TAKE_CASE(MR_PHYS_F32, f32, float)
        TAKE_CASE(MR_PHYS_F64, f64, double)
        TAKE_CASE(MR_PHYS_STR, str, MrStr)
        TAKE_CASE(MR_PHYS_INTERVAL, interval, MrInterval)
        TAKE_CASE(MR_PHYS_LIST, list, MrSlice)
    case MR_PHYS_VOID:
    case MR_PHYS_STRUCT:
        break;
    }
    if (vec->type->n_fields > 0) {
        out->children = MR_NEW_N(arena, MrVector *, vec->type->n_fields);
        for (int32_t i = 0; i < vec->type->n_fields; i++)
            out->children[i] = physical == MR_PHYS_LIST
                                   ? vector_share(arena, vec->children[i])
                                   : mr_vector_take_rows(arena, vec->children[i], rows, n_rows);
    }
    return out;
}
