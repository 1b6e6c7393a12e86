/* vector_random.inc.h - random types and vectors for tests.  Not a header. */
#include "column/vector.h"

static uint64_t random_state = 88172645463325252u;

static uint64_t random_u64(void)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static int64_t random_below(int64_t n)
{
    return (int64_t)(random_u64() % (uint64_t)n);
}

static const MrType *random_type(MrArena *arena, int depth)
{
    static const MrTypeKind scalars[] = {
        MR_TYPE_VOID,      MR_TYPE_BOOLEAN,       MR_TYPE_TINYINT,     MR_TYPE_SMALLINT,
        MR_TYPE_INT,       MR_TYPE_BIGINT,        MR_TYPE_FLOAT,       MR_TYPE_DOUBLE,
        MR_TYPE_STRING,    MR_TYPE_BINARY,        MR_TYPE_DATE,        MR_TYPE_TIME,
        MR_TYPE_TIMESTAMP, MR_TYPE_TIMESTAMP_NTZ, MR_TYPE_INTERVAL_YM, MR_TYPE_INTERVAL_DT,
        MR_TYPE_INTERVAL,
    };
    int64_t pick = random_below(depth > 0 ? MR_COUNT(scalars) + 6 : MR_COUNT(scalars) + 2);
    if (pick < MR_COUNT(scalars))
        return &mr_types[scalars[pick]];
    if (pick < MR_COUNT(scalars) + 2) {
        int precision = 1 + (int)random_below(38);
        return mr_type_decimal(arena, precision, (int)random_below(precision + 1));
    }
    if (pick < MR_COUNT(scalars) + 4)
        return mr_type_array(arena, random_type(arena, depth - 1), true);
    if (pick < MR_COUNT(scalars) + 5)
        return mr_type_map(arena, MR_T(INT), random_type(arena, depth - 1), true);
    MrField fields[3] = {{.name = "a", .nullable = true},
                         {.name = "b", .nullable = true},
                         {.name = "c", .nullable = true}};
    int32_t n = 1 + (int32_t)random_below(3);
    for (int32_t i = 0; i < n; i++)
        fields[i].type = random_type(arena, depth - 1);
    return mr_type_struct(arena, fields, n);
}

static void random_value(MrArena *arena, MrVector *vec, int64_t row, int null_percent)
{
    static const double doubles[] = {
        0.0, -0.0, 1.5, -1.5, 1e300, -1e-300, __builtin_nan(""), __builtin_inf(), -__builtin_inf()};
    if (random_below(100) < null_percent || vec->type->kind == MR_TYPE_VOID) {
        mr_vector_set_null(arena, vec, row, vec->n_items);
        return;
    }
    bool small = random_below(2); /* many equal values */
    int64_t number = small ? random_below(5) - 2 : (int64_t)random_u64();
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_VOID:
        break;
    case MR_PHYS_I8:
        vec->i8[row] = vec->type->kind == MR_TYPE_BOOLEAN ? (int8_t)(number & 1) : (int8_t)number;
        break;
    case MR_PHYS_I16:
        vec->i16[row] = (int16_t)number;
        break;
    case MR_PHYS_I32:
        vec->i32[row] = (int32_t)number;
        break;
    case MR_PHYS_I64:
        vec->i64[row] = number;
        if (vec->type->kind == MR_TYPE_DECIMAL)
            vec->i64[row] %= mr_pow10_i64[vec->type->precision];
        if (vec->type->kind == MR_TYPE_TIME)
            vec->i64[row] = (number & INT64_MAX) % INT64_C(86400000000) * 1000;
        break;
    case MR_PHYS_I128:
        vec->i128[row] = (small ? number : (MrI128)number * (int64_t)random_u64()) %
                         mr_pow10_i128[vec->type->precision];
        break;
    case MR_PHYS_F32:
        vec->f32[row] = (float)doubles[random_below(MR_COUNT(doubles))];
        break;
    case MR_PHYS_F64:
        vec->f64[row] = doubles[random_below(MR_COUNT(doubles))];
        break;
    case MR_PHYS_STR: {
        char text[40];
        int64_t n = small ? random_below(4) : random_below(30);
        for (int64_t i = 0; i < n; i++)
            text[i] = (char)(random_below(4) == 0 && vec->type->kind == MR_TYPE_BINARY
                                 ? random_below(256)
                                 : 'a' + random_below(2));
        vec->str[row] = mr_str_own(arena, text, n);
        break;
    }
    case MR_PHYS_INTERVAL:
        vec->interval[row] =
            (MrInterval){(int32_t)random_below(3), (int32_t)random_below(3), number};
        break;
    case MR_PHYS_LIST: {
        int32_t count = (int32_t)random_below(4);
        mr_vector_list_reserve(arena, vec, count);
        vec->list[row] = (MrSlice){vec->children[0]->n_items, count};
        for (int32_t j = 0; j < vec->type->n_fields; j++) {
            MrVector *child = vec->children[j];
            child->n_items += count;
            for (int32_t i = 0; i < count; i++)
                random_value(arena, child, vec->list[row].start + i,
                             vec->type->kind == MR_TYPE_MAP && j == 0 ? 0 : null_percent);
        }
        break;
    }
    case MR_PHYS_STRUCT:
        for (int32_t i = 0; i < vec->type->n_fields; i++)
            random_value(arena, vec->children[i], row, null_percent);
        break;
    }
}

static MrVector *random_flat(MrArena *arena, const MrType *type, int64_t n_rows)
{
    MrVector *vec = mr_vector_create(arena, type, n_rows);
    int null_percent = random_below(2) ? 20 : 0;
    for (int64_t i = 0; i < n_rows; i++)
        random_value(arena, vec, i, null_percent);
    return vec;
}

/* Any encoding. */
static MrVector *random_vector(MrArena *arena, const MrType *type, int64_t n_rows)
{
    int64_t pick = random_below(4);
    if (pick == 0) {
        MrVector *dict = random_flat(arena, type, 1 + random_below(20));
        MrVector *vec = mr_vector_dictionary(arena, dict, n_rows);
        bool nulls = random_below(2);
        for (int64_t i = 0; i < n_rows; i++) {
            vec->codes[i] = (uint32_t)random_below(dict->n_items);
            if (nulls && random_below(5) == 0)
                mr_vector_set_null(arena, vec, i, n_rows);
        }
        return vec;
    }
    if (pick == 1 && mr_type_physical(type) != MR_PHYS_STRUCT) {
        MrVector *one = random_flat(arena, type, 1);
        one->encoding = MR_CONSTANT;
        return one;
    }
    return random_flat(arena, type, n_rows);
}

/* Live rows: all, or some, rising. */
static uint16_t *random_sel(MrArena *arena, int32_t n_rows, int32_t *n_sel)
{
    *n_sel = n_rows;
    if (random_below(2))
        return NULL;
    uint16_t *sel = mr_arena_alloc(arena, 2 * (int64_t)n_rows);
    *n_sel = 0;
    for (int32_t i = 0; i < n_rows; i++) {
        if (random_below(3) > 0)
            sel[(*n_sel)++] = (uint16_t)i;
    }
    return sel;
}
