/* vector_compare.c - order and equality of two rows, as Spark sorts and groups them. */
#include "column/collation.h"
#include "column/vector.h"

static int compare_f64(double a, double b)
{
    if (a < b)
        return -1;
    if (a > b)
        return 1;
    if (a == b)
        return 0;
    return (a != a) - (b != b); /* NaN last, equal to itself */
}

#define THREE_WAY(a, b) (((a) > (b)) - ((a) < (b)))

static int compare_lists(const MrVector *a, MrSlice x, const MrVector *b, MrSlice y)
{
    int32_t n = x.count < y.count ? x.count : y.count;
    for (int32_t i = 0; i < n; i++) {
        for (int32_t j = 0; j < a->type->n_fields;
             j++) { /* maps: key, then value, entry by entry */
            int order = mr_vector_compare(a->children[j], x.start + i, b->children[j], y.start + i);
            if (order != 0)
                return order;
        }
    }
    return THREE_WAY(x.count, y.count);
}

int mr_vector_compare(const MrVector *a, int64_t a_row, const MrVector *b, int64_t b_row)
{
    bool a_null = mr_vector_is_null(a, a_row), b_null = mr_vector_is_null(b, b_row);
    if (a_null || b_null)
        return (int)b_null - (int)a_null;
    int64_t i, j;
    a = mr_vector_at(a, a_row, &i);
    b = mr_vector_at(b, b_row, &j);
    switch (mr_type_physical(a->type)) {
    case MR_PHYS_VOID:
        return 0;
    case MR_PHYS_I8:
        return THREE_WAY(a->i8[i], b->i8[j]);
    case MR_PHYS_I16:
        return THREE_WAY(a->i16[i], b->i16[j]);
    case MR_PHYS_I32:
        return THREE_WAY(a->i32[i], b->i32[j]);
    case MR_PHYS_I64:
        return THREE_WAY(a->i64[i], b->i64[j]);
    case MR_PHYS_I128:
        return THREE_WAY(a->i128[i], b->i128[j]);
    case MR_PHYS_F32:
        return compare_f64(a->f32[i], b->f32[j]);
    case MR_PHYS_F64:
        return compare_f64(a->f64[i], b->f64[j]);
    case MR_PHYS_STR:
        if (a->type->collation != MR_COLLATION_BINARY)
            return mr_collation_compare(a->type->collation, mr_str_text(&a->str[i]),
                                        mr_str_text(&b->str[j]));
        return mr_str_compare(&a->str[i], &b->str[j]);
    case MR_PHYS_INTERVAL: {
        MrInterval x = a->interval[i], y = b->interval[j];
        int order = THREE_WAY(x.months, y.months);
        order = order ? order : THREE_WAY(x.days, y.days);
        return order ? order : THREE_WAY(x.us, y.us);
    }
    case MR_PHYS_LIST:
        return compare_lists(a, a->list[i], b, b->list[j]);
    case MR_PHYS_STRUCT:
        for (int32_t k = 0; k < a->type->n_fields; k++) {
            int order = mr_vector_compare(a->children[k], i, b->children[k], j);
            if (order != 0)
                return order;
        }
        return 0;
    }
    return 0;
}

bool mr_vector_row_equal(const MrVector *a, int64_t a_row, const MrVector *b, int64_t b_row)
{
    bool a_null = mr_vector_is_null(a, a_row), b_null = mr_vector_is_null(b, b_row);
    if (a_null || b_null)
        return a_null && b_null;
    int64_t i, j;
    const MrVector *x = mr_vector_at(a, a_row, &i), *y = mr_vector_at(b, b_row, &j);
    switch (mr_type_physical(x->type)) {
    case MR_PHYS_I8:
        return x->i8[i] == y->i8[j];
    case MR_PHYS_I16:
        return x->i16[i] == y->i16[j];
    case MR_PHYS_I32:
        return x->i32[i] == y->i32[j];
    case MR_PHYS_I64:
        return x->i64[i] == y->i64[j];
    case MR_PHYS_I128:
        return x->i128[i] == y->i128[j];
    case MR_PHYS_STR:
        if (x->type->collation == MR_COLLATION_BINARY)
            return mr_str_equal(&x->str[i], &y->str[j]);
        break;
    case MR_PHYS_LIST:
        if (x->list[i].count != y->list[j].count)
            return false;
        break;
    default:
        break;
    }
    return mr_vector_compare(x, i, y, j) == 0;
}
