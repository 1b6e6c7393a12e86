/* number_value.c - numbers of any type as doubles. */
#include "function/function_int.h"

double mr__number_at(const MrVector *vec, int32_t row)
{
    switch (vec->type->kind) {
    case MR_TYPE_DECIMAL:
        return mr_decimal_to_f64(mr_arg_decimal(vec, row), vec->type->scale);
    case MR_TYPE_FLOAT:
        return MR_ARG(vec, f32, row);
    case MR_TYPE_DOUBLE:
        return MR_ARG(vec, f64, row);
    default:
        return (double)mr_arg_integer(vec, row);
    }
}

void mr__number_put(MrVector *out, int64_t row, double value)
{
    MrI128 unscaled = 0;
    switch (out->type->kind) {
    case MR_TYPE_DECIMAL:
        (void)mr_f64_to_decimal(value, out->type->precision, out->type->scale, &unscaled);
        mr__decimal_put(out, row, unscaled);
        return;
    case MR_TYPE_FLOAT:
        out->f32[row] = (float)value;
        return;
    case MR_TYPE_DOUBLE:
        out->f64[row] = value;
        return;
    default:
        break;
    }
    switch (mr_type_physical(out->type)) {
    case MR_PHYS_I8:
        out->i8[row] = (int8_t)value;
        break;
    case MR_PHYS_I16:
        out->i16[row] = (int16_t)value;
        break;
    case MR_PHYS_I32:
        out->i32[row] = (int32_t)value;
        break;
    default:
        out->i64[row] = value >= 9223372036854775807.0 ? INT64_MAX : (int64_t)value;
    }
}
