/* row.c - packed rows in memory: column by column, so that each loop knows its type. */
#include "column/row.h"
#include "column/collation.h"
#include "column/row_int.h"

/* How a value lies in a row: nested ones are a view of their serialized form. */
static MrPhysical row_physical(const MrType *type)
{
    MrPhysical physical = mr_type_physical(type);
    return physical == MR_PHYS_LIST || physical == MR_PHYS_STRUCT ? MR_PHYS_STR : physical;
}

void mr_row_layout_init(MrRowLayout *layout, MrArena *arena, const MrType *const *types,
                        int32_t n_cols, int32_t extra_bytes)
{
    *layout = (MrRowLayout){.n_cols = n_cols};
    layout->types = MR_NEW_N(arena, const MrType *, n_cols);
    layout->offsets = MR_NEW_N(arena, int32_t, n_cols);
    int32_t at = (n_cols + 7) / 8;
    /* Small values first, behind the validity bits: least padding. */
    for (int32_t align = 1; align <= 8; align *= 2) {
        at = (at + align - 1) & -align;
        for (int32_t c = 0; c < n_cols; c++) {
            int32_t n_bytes = mr_physical_bytes(row_physical(types[c]));
            if ((n_bytes > 8 ? 8 : n_bytes < 1 ? 1 : n_bytes) != align)
                continue;
            layout->types[c] = types[c];
            layout->offsets[c] = at;
            layout->has_pointers |= row_physical(types[c]) == MR_PHYS_STR;
            at += n_bytes;
        }
    }
    layout->row_bytes = ((at + 7) & ~7) + ((extra_bytes + 7) & ~7);
}

#define VALUE_AT(row, offset, ctype) (*(ctype *)((char *)(row) + (offset)))

/* 16-byte values lie on 8 bytes in a row. */
typedef MrI128 RowI128 __attribute__((aligned(8)));
typedef MrStr RowStr __attribute__((aligned(8)));
typedef MrInterval RowInterval __attribute__((aligned(8)));

/* The i-th row's value, whatever the encoding, by a body for each: the loops have no switch in
 * them. */
#define SCATTER_LOOP(index)                                                                        \
    for (int32_t i = 0; i < n; i++) {                                                              \
        const int64_t r = sel ? sel[i] : i;                                                        \
        (void)r;                                                                                   \
        PUT(rows[i], in[index]);                                                                   \
    }
#define SCATTER_CASE(physical, field, ctype)                                                       \
    case physical: {                                                                               \
        typedef __typeof__(*vec->field) Value;                                                     \
        const Value *in = vec->encoding == MR_DICTIONARY ? vec->dict->field : vec->field;          \
        typedef ctype Put;                                                                         \
        if (vec->encoding == MR_FLAT)                                                              \
            SCATTER_LOOP(r)                                                                        \
        else if (vec->encoding == MR_CONSTANT)                                                     \
            SCATTER_LOOP(0)                                                                        \
        else                                                                                       \
            SCATTER_LOOP(vec->codes[r])                                                            \
        break;                                                                                     \
    }
#define PUT(row, value) (VALUE_AT(row, offset, Put) = (value))

static void scatter_strings(const MrVector *vec, const uint16_t *sel, int32_t n, void *const *rows,
                            int32_t offset, MrArena *arena)
{
    for (int32_t i = 0; i < n; i++) {
        int64_t at;
        const MrVector *holder = mr_vector_at(vec, sel ? sel[i] : i, &at);
        const MrStr *str = &holder->str[at];
        VALUE_AT(rows[i], offset, RowStr) =
            str->size_bytes <= MR_STR_INLINE ? *str : mr_str_own(arena, str->data, str->size_bytes);
    }
}

static void scatter_nested(const MrVector *vec, const uint16_t *sel, int32_t n, void *const *rows,
                           int32_t offset, MrArena *arena)
{
    for (int32_t i = 0; i < n; i++) {
        int64_t row = sel ? sel[i] : i;
        MrStr str = {0};
        if (!mr_vector_is_null(vec, row)) {
            int64_t n_bytes = mr__value_bytes(vec, row);
            char *data = mr_arena_alloc(arena, n_bytes);
            mr__value_write(vec, row, data);
            str = mr_str_borrow(data, n_bytes);
        }
        VALUE_AT(rows[i], offset, RowStr) = str;
    }
}

/* Clears the validity bit and zeroes the value of NULL rows. */
static void scatter_nulls(const MrRowLayout *layout, int32_t c, const MrVector *vec,
                          const uint16_t *sel, int32_t n, void *const *rows)
{
    if (!vec->validity && vec->type->kind != MR_TYPE_VOID &&
        !(vec->encoding == MR_DICTIONARY && vec->dict->validity))
        return;
    size_t n_bytes = (size_t)mr_physical_bytes(row_physical(vec->type));
    for (int32_t i = 0; i < n; i++) {
        if (mr_vector_is_null(vec, sel ? sel[i] : i)) {
            uint8_t *row = rows[i];
            row[c >> 3] = (uint8_t)(row[c >> 3] & ~(1 << (c & 7)));
            memset(row + layout->offsets[c], 0, n_bytes);
        }
    }
}

static void scatter_column(const MrVector *vec, const uint16_t *sel, int32_t n, void *const *rows,
                           int32_t offset, MrArena *arena)
{
    switch (mr_type_physical(vec->type)) {
        SCATTER_CASE(MR_PHYS_I8, i8, int8_t)
        SCATTER_CASE(MR_PHYS_I16, i16, int16_t)
        SCATTER_CASE(MR_PHYS_I32, i32, int32_t)
        SCATTER_CASE(MR_PHYS_I64, i64, int64_t)
        SCATTER_CASE(MR_PHYS_F32, f32, float)
        SCATTER_CASE(MR_PHYS_F64, f64, double)
        SCATTER_CASE(MR_PHYS_I128, i128, RowI128)
        SCATTER_CASE(MR_PHYS_INTERVAL, interval, RowInterval)
    case MR_PHYS_STR:
        scatter_strings(vec, sel, n, rows, offset, arena);
        break;
    case MR_PHYS_LIST:
    case MR_PHYS_STRUCT:
        scatter_nested(vec, sel, n, rows, offset, arena);
        break;
    case MR_PHYS_VOID:
        break;
    }
}

void mr_rows_scatter(const MrRowLayout *layout, MrVector *const *cols, const uint16_t *sel,
                     int32_t n, void *const *rows, MrArena *arena)
{
    size_t valid_bytes = (size_t)(layout->n_cols + 7) / 8;
    for (int32_t i = 0; i < n; i++)
        memset(rows[i], 0xff, valid_bytes);
    for (int32_t c = 0; c < layout->n_cols; c++) {
        scatter_column(cols[c], sel, n, rows, layout->offsets[c], arena);
        scatter_nulls(layout, c, cols[c], sel, n, rows);
    }
}

#define GATHER_CASE(physical, field, ctype)                                                        \
    case physical:                                                                                 \
        for (int64_t i = 0; i < n; i++)                                                            \
            vec->field[i] = VALUE_AT(rows[i], offset, const ctype);                                \
        break;

MrVector *mr_rows_gather(const MrRowLayout *layout, int32_t col_idx, const void *const *rows,
                         int64_t n, MrArena *arena)
{
    const MrType *type = layout->types[col_idx];
    const int32_t offset = layout->offsets[col_idx];
    MrVector *vec = mr_vector_create(arena, type, n);
    switch (mr_type_physical(type)) {
        GATHER_CASE(MR_PHYS_I8, i8, int8_t)
        GATHER_CASE(MR_PHYS_I16, i16, int16_t)
        GATHER_CASE(MR_PHYS_I32, i32, int32_t)
        GATHER_CASE(MR_PHYS_I64, i64, int64_t)
        GATHER_CASE(MR_PHYS_F32, f32, float)
        GATHER_CASE(MR_PHYS_F64, f64, double)
        GATHER_CASE(MR_PHYS_I128, i128, RowI128)
        GATHER_CASE(MR_PHYS_STR, str, RowStr)
        GATHER_CASE(MR_PHYS_INTERVAL, interval, RowInterval)
    case MR_PHYS_LIST:
    case MR_PHYS_STRUCT:
        for (int64_t i = 0; i < n; i++) {
            const MrStr *str = &VALUE_AT(rows[i], offset, const RowStr);
            if (mr_row_is_null(rows[i], col_idx))
                continue;
            MrReader reader = {.at = (const uint8_t *)mr_str_data(str)};
            reader.end = reader.at + str->size_bytes;
            bool read = mr__value_read(&reader, arena, false, vec, i);
            MR_ASSERT(read);
        }
        break;
    case MR_PHYS_VOID:
        break;
    }
    /* One look over the bits first: most columns have no NULLs. */
    uint8_t all = 0xff;
    for (int64_t i = 0; i < n; i++)
        all &= ((const uint8_t *)rows[i])[col_idx >> 3];
    if (!(all >> (col_idx & 7) & 1)) {
        for (int64_t i = 0; i < n; i++) {
            if (mr_row_is_null(rows[i], col_idx))
                mr_vector_set_null(arena, vec, i, n);
        }
    }
    return vec;
}

static inline bool same_f64(double a, double b)
{
    return a == b || (a != a && b != b);
}

/* equal[i] &= both NULL, or neither and SAME(value in the row, value in the vector). */
#define MATCH_LOOP(index)                                                                          \
    for (int32_t i = 0; i < n; i++) {                                                              \
        const int64_t r = sel ? sel[i] : i;                                                        \
        (void)r;                                                                                   \
        const bool here = ((const uint8_t *)rows[i])[valid_byte] >> valid_bit & 1;                 \
        equal[i] &= (uint8_t)(here & (bool)SAME(VALUE_AT(rows[i], offset, const Put), in[index])); \
    }
#define MATCH_NULLS_LOOP                                                                           \
    for (int32_t i = 0; i < n; i++) {                                                              \
        const int64_t row = sel ? sel[i] : i;                                                      \
        int64_t at;                                                                                \
        const bool here = ((const uint8_t *)rows[i])[valid_byte] >> valid_bit & 1;                 \
        const bool there = !mr_vector_is_null(vec, row);                                           \
        (void)mr_vector_at(vec, row, &at);                                                         \
        const bool same = (bool)SAME(VALUE_AT(rows[i], offset, const Put), in[at]);                \
        equal[i] &= (uint8_t)((here == there) & (!there | same));                                  \
    }
#define MATCH_CASE(physical, field, ctype)                                                         \
    case physical: {                                                                               \
        typedef __typeof__(*vec->field) Value;                                                     \
        typedef ctype Put;                                                                         \
        const Value *in = vec->encoding == MR_DICTIONARY ? vec->dict->field : vec->field;          \
        if (has_nulls)                                                                             \
            MATCH_NULLS_LOOP                                                                       \
        else if (vec->encoding == MR_FLAT)                                                         \
            MATCH_LOOP(r)                                                                          \
        else if (vec->encoding == MR_CONSTANT)                                                     \
            MATCH_LOOP(0)                                                                          \
        else                                                                                       \
            MATCH_LOOP(vec->codes[r])                                                              \
        break;                                                                                     \
    }

#define PLAIN_FIELDS 8

/* A struct (a window of time) of fields that are equal when their bytes are, none of them NULL. */
static bool fields_are_plain(const MrVector *vec)
{
    if (mr_type_physical(vec->type) != MR_PHYS_STRUCT || vec->encoding != MR_FLAT ||
        vec->type->n_fields > PLAIN_FIELDS)
        return false;
    for (int32_t f = 0; f < vec->type->n_fields; f++) {
        const MrVector *field = vec->children[f];
        MrPhysical physical = mr_type_physical(field->type);
        if (field->encoding != MR_FLAT || field->validity ||
            (physical != MR_PHYS_I8 && physical != MR_PHYS_I16 && physical != MR_PHYS_I32 &&
             physical != MR_PHYS_I64 && physical != MR_PHYS_I128))
            return false;
    }
    return true;
}

static void match_plain_struct(const MrRowLayout *layout, int32_t c, const MrVector *vec,
                               const uint16_t *sel, int32_t n, const void *const *rows,
                               uint8_t *equal)
{
    const int32_t n_fields = vec->type->n_fields;
    const char *fields[PLAIN_FIELDS];
    int32_t sizes[PLAIN_FIELDS];
    for (int32_t f = 0; f < n_fields; f++) {
        fields[f] = vec->children[f]->data;
        sizes[f] = mr_physical_bytes(mr_type_physical(vec->children[f]->type));
    }
    for (int32_t i = 0; i < n; i++) {
        int64_t row = sel ? sel[i] : i;
        bool null = vec->validity && !mr_bit_get(vec->validity, row);
        if (!equal[i] || null || mr_row_is_null(rows[i], c)) {
            equal[i] &= (uint8_t)(null == mr_row_is_null(rows[i], c));
            continue;
        }
        const char *at = mr_str_data(&VALUE_AT(rows[i], layout->offsets[c], const RowStr));
        /* The byte in front says which fields are there; all must be. */
        bool same = (uint8_t)*at++ == (1 << n_fields) - 1;
        for (int32_t f = 0; same && f < n_fields; at += sizes[f], f++) {
            if (sizes[f] == 8) {
                int64_t a, b;
                memcpy(&a, at, 8);
                memcpy(&b, fields[f] + row * 8, 8);
                same = a == b;
            } else {
                same = memcmp(at, fields[f] + row * sizes[f], (size_t)sizes[f]) == 0;
            }
        }
        equal[i] = same;
    }
}

static void match_nested(const MrRowLayout *layout, int32_t c, const MrVector *vec,
                         const uint16_t *sel, int32_t n, const void *const *rows, uint8_t *equal)
{
    if (fields_are_plain(vec)) {
        match_plain_struct(layout, c, vec, sel, n, rows, equal);
        return;
    }
    for (int32_t i = 0; i < n; i++) {
        int64_t row = sel ? sel[i] : i;
        bool null = mr_vector_is_null(vec, row);
        if (!equal[i] || null || mr_row_is_null(rows[i], c)) {
            equal[i] &= (uint8_t)(null == mr_row_is_null(rows[i], c));
            continue;
        }
        const MrStr *str = &VALUE_AT(rows[i], layout->offsets[c], const RowStr);
        MrReader reader = {.at = (const uint8_t *)mr_str_data(str)};
        reader.end = reader.at + str->size_bytes;
        equal[i] = mr__value_compare_row(vec->type, &reader, vec, row) == 0;
    }
}

static void match_collated(const MrRowLayout *layout, int32_t c, const MrVector *vec,
                           const uint16_t *sel, int32_t n, const void *const *rows, uint8_t *equal)
{
    for (int32_t i = 0; i < n; i++) {
        int64_t row = sel ? sel[i] : i, at;
        bool null = mr_vector_is_null(vec, row);
        if (!equal[i] || null || mr_row_is_null(rows[i], c)) {
            equal[i] &= (uint8_t)(null == mr_row_is_null(rows[i], c));
            continue;
        }
        const MrVector *holder = mr_vector_at(vec, row, &at);
        MrText text = mr_str_text(&VALUE_AT(rows[i], layout->offsets[c], const RowStr));
        equal[i] =
            mr_collation_compare(vec->type->collation, text, mr_str_text(&holder->str[at])) == 0;
    }
}

#define SAME_STR(a, b) mr_str_equal(&(a), &(b))
#define SAME_INTERVAL(a, b) ((a).months == (b).months && (a).days == (b).days && (a).us == (b).us)
#define SAME_VALUE(a, b) ((a) == (b))

static void match_column(const MrRowLayout *layout, int32_t c, const MrVector *vec,
                         const uint16_t *sel, int32_t n, const void *const *rows, uint8_t *equal)
{
    const int32_t offset = layout->offsets[c], valid_byte = c >> 3, valid_bit = c & 7;
    const bool has_nulls = vec->validity || (vec->encoding == MR_DICTIONARY && vec->dict->validity);
    switch (mr_type_physical(vec->type)) {
#define SAME SAME_VALUE
        MATCH_CASE(MR_PHYS_I8, i8, int8_t)
        MATCH_CASE(MR_PHYS_I16, i16, int16_t)
        MATCH_CASE(MR_PHYS_I32, i32, int32_t)
        MATCH_CASE(MR_PHYS_I64, i64, int64_t)
        MATCH_CASE(MR_PHYS_I128, i128, RowI128)
#undef SAME
#define SAME same_f64
        MATCH_CASE(MR_PHYS_F32, f32, float)
        MATCH_CASE(MR_PHYS_F64, f64, double)
#undef SAME
#define SAME SAME_STR
    case MR_PHYS_STR: {
        typedef RowStr Put;
        const MrStr *in = vec->encoding == MR_DICTIONARY ? vec->dict->str : vec->str;
        if (vec->type->collation)
            match_collated(layout, c, vec, sel, n, rows, equal);
        else if (has_nulls)
            MATCH_NULLS_LOOP
        else if (vec->encoding == MR_FLAT)
            MATCH_LOOP(r)
        else if (vec->encoding == MR_CONSTANT)
            MATCH_LOOP(0)
        else
            MATCH_LOOP(vec->codes[r])
        break;
    }
#undef SAME
#define SAME SAME_INTERVAL
        MATCH_CASE(MR_PHYS_INTERVAL, interval, RowInterval)
#undef SAME
    case MR_PHYS_LIST:
    case MR_PHYS_STRUCT:
        match_nested(layout, c, vec, sel, n, rows, equal);
        break;
    case MR_PHYS_VOID: /* all NULL on both sides */
        break;
    }
}

void mr_rows_match(const MrRowLayout *layout, MrVector *const *cols, const uint16_t *sel, int32_t n,
                   const void *const *rows, uint8_t *equal)
{
    memset(equal, 1, (size_t)n);
    for (int32_t c = 0; c < layout->n_cols; c++)
        match_column(layout, c, cols[c], sel, n, rows, equal);
}

static int compare_values(const MrType *type, const void *a, const void *b)
{
    MrVector x = {.type = type, .n_items = 1}, y = x;
    if (mr_type_physical(type) == MR_PHYS_I128) { /* rows align to 8, vectors to 16 */
        MrI128 p, q;
        memcpy(&p, a, 16);
        memcpy(&q, b, 16);
        return (p > q) - (p < q);
    }
    if (mr_type_physical(type) == MR_PHYS_LIST || mr_type_physical(type) == MR_PHYS_STRUCT) {
        const MrStr *s = a, *t = b;
        MrReader p = {.at = (const uint8_t *)mr_str_data(s)},
                 q = {.at = (const uint8_t *)mr_str_data(t)};
        p.end = p.at + s->size_bytes;
        q.end = q.at + t->size_bytes;
        return mr__value_compare(type, &p, &q);
    }
    memcpy(&x.data, &a, sizeof a); /* only read */
    memcpy(&y.data, &b, sizeof b);
    return mr_vector_compare(&x, 0, &y, 0);
}

int mr_row_compare(const MrRowLayout *layout, const void *a, const void *b)
{
    for (int32_t c = 0; c < layout->n_cols; c++) {
        bool a_null = mr_row_is_null(a, c), b_null = mr_row_is_null(b, c);
        int order = (int)b_null - (int)a_null;
        if (!a_null && !b_null)
            order = compare_values(layout->types[c], (const char *)a + layout->offsets[c],
                                   (const char *)b + layout->offsets[c]);
        if (order != 0)
            return order;
    }
    return 0;
}
