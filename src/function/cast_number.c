/* cast_number.c - casts among boolean, integers, floating point and decimals. */
#include "function/cast_int.h"

/* Values of C types, tinyint to double, each to each.
 *
 * A loop without branches computes all rows and says whether some did not fit; only then a second
 * one looks for them.  K_FITS is on a (input), K_CAST gives the result for any bits. */
#define DEFINE_NUMBER(name, in_field, In, out_field, Out, K_FITS, K_ANSI, K_LEGACY)                \
    static MrStatus name(MrCastRun *run, MrError *err)                                             \
    {                                                                                              \
        const In *restrict in = run->in->in_field;                                                 \
        Out *restrict out = run->out->out_field;                                                   \
        const bool legacy = run->cast->mode == MR_CAST_LEGACY;                                     \
        uint8_t bad = 0;                                                                           \
        if (run->in->encoding == MR_FLAT && !run->sel) {                                           \
            if (legacy) {                                                                          \
                for (int64_t i = 0; i < run->n; i++) {                                             \
                    const In a = in[i];                                                            \
                    out[i] = (Out)(K_LEGACY);                                                      \
                }                                                                                  \
                return MR_OK;                                                                      \
            }                                                                                      \
            for (int64_t i = 0; i < run->n; i++) {                                                 \
                const In a = in[i];                                                                \
                bad |= (uint8_t) !(K_FITS);                                                        \
                out[i] = (Out)(K_ANSI);                                                            \
            }                                                                                      \
        } else {                                                                                   \
            for (MR_CAST_EACH(run, row, at)) {                                                     \
                const In a = in[at];                                                               \
                bad |= (uint8_t) !(K_FITS);                                                        \
                out[row] = legacy ? (Out)(K_LEGACY) : (Out)(K_ANSI);                               \
            }                                                                                      \
            if (legacy)                                                                            \
                return MR_OK;                                                                      \
        }                                                                                          \
        if (bad) {                                                                                 \
            for (MR_CAST_EACH(run, row, at)) {                                                     \
                const In a = in[at];                                                               \
                if (!(K_FITS))                                                                     \
                    MR_TRY(mr__cast_overflow(run, row, at, err));                                  \
            }                                                                                      \
        }                                                                                          \
        return MR_OK;                                                                              \
    }

static inline int64_t f64_to_i64(double a)
{
    if (a != a)
        return 0;
    if (a >= 9223372036854775808.0)
        return INT64_MAX;
    return a < -9223372036854775808.0 ? INT64_MIN : (int64_t)a;
}

static inline int32_t f64_to_i32(double a)
{
    if (a != a)
        return 0;
    return a >= 2147483647.0 ? INT32_MAX : a <= -2147483648.0 ? INT32_MIN : (int32_t)a;
}

/* Spark: floor(a) <= max and ceil(a) >= min; so 127.9 is a tinyint. */
#define FITS_F(min, above) (a > (double)(min)-1 && a < (above))

#define INT_TO_INT(name, fi, In, fo, Out) DEFINE_NUMBER(name, fi, In, fo, Out, (Out)a == a, a, a)
#define TO_FLOAT(name, fi, In, fo, Out) DEFINE_NUMBER(name, fi, In, fo, Out, ((void)a, true), a, a)
#define FLOAT_TO_INT(name, fi, In, fo, Out, min, above)                                            \
    DEFINE_NUMBER(name, fi, In, fo, Out, FITS_F(min, above), f64_to_i32((double)a),                \
                  f64_to_i32((double)a))

INT_TO_INT(i8_to_i16, i8, int8_t, i16, int16_t)
INT_TO_INT(i8_to_i32, i8, int8_t, i32, int32_t)
INT_TO_INT(i8_to_i64, i8, int8_t, i64, int64_t)
TO_FLOAT(i8_to_f32, i8, int8_t, f32, float)
TO_FLOAT(i8_to_f64, i8, int8_t, f64, double)
INT_TO_INT(i16_to_i8, i16, int16_t, i8, int8_t)
INT_TO_INT(i16_to_i32, i16, int16_t, i32, int32_t)
INT_TO_INT(i16_to_i64, i16, int16_t, i64, int64_t)
TO_FLOAT(i16_to_f32, i16, int16_t, f32, float)
TO_FLOAT(i16_to_f64, i16, int16_t, f64, double)
INT_TO_INT(i32_to_i8, i32, int32_t, i8, int8_t)
INT_TO_INT(i32_to_i16, i32, int32_t, i16, int16_t)
INT_TO_INT(i32_to_i64, i32, int32_t, i64, int64_t)
TO_FLOAT(i32_to_f32, i32, int32_t, f32, float)
TO_FLOAT(i32_to_f64, i32, int32_t, f64, double)
INT_TO_INT(i64_to_i8, i64, int64_t, i8, int8_t)
INT_TO_INT(i64_to_i16, i64, int64_t, i16, int16_t)
INT_TO_INT(i64_to_i32, i64, int64_t, i32, int32_t)
TO_FLOAT(i64_to_f32, i64, int64_t, f32, float)
TO_FLOAT(i64_to_f64, i64, int64_t, f64, double)
FLOAT_TO_INT(f32_to_i8, f32, float, i8, int8_t, INT8_MIN, 128.0)
FLOAT_TO_INT(f32_to_i16, f32, float, i16, int16_t, INT16_MIN, 32768.0)
FLOAT_TO_INT(f32_to_i32, f32, float, i32, int32_t, INT32_MIN, 2147483648.0)
/* 2^63 fits too, as in Spark, which compares with BIGINT's maximum as a double. */
DEFINE_NUMBER(f32_to_i64, f32, float, i64, int64_t,
              a >= -9223372036854775808.0f && a <= 9223372036854775808.0f, f64_to_i64((double)a),
              f64_to_i64((double)a))
TO_FLOAT(f32_to_f64, f32, float, f64, double)
FLOAT_TO_INT(f64_to_i8, f64, double, i8, int8_t, INT8_MIN, 128.0)
FLOAT_TO_INT(f64_to_i16, f64, double, i16, int16_t, INT16_MIN, 32768.0)
FLOAT_TO_INT(f64_to_i32_, f64, double, i32, int32_t, INT32_MIN, 2147483648.0)
DEFINE_NUMBER(f64_to_i64_, f64, double, i64, int64_t,
              a >= -9223372036854775808.0 && a <= 9223372036854775808.0, f64_to_i64(a),
              f64_to_i64(a))
TO_FLOAT(f64_to_f32, f64, double, f32, float)

#define DEFINE_TO_BOOLEAN(name, field, In)                                                         \
    DEFINE_NUMBER(name, field, In, i8, int8_t, ((void)a, true), a != 0, a != 0)
DEFINE_TO_BOOLEAN(i8_to_boolean, i8, int8_t)
DEFINE_TO_BOOLEAN(i16_to_boolean, i16, int16_t)
DEFINE_TO_BOOLEAN(i32_to_boolean, i32, int32_t)
DEFINE_TO_BOOLEAN(i64_to_boolean, i64, int64_t)
DEFINE_TO_BOOLEAN(f32_to_boolean, f32, float)
DEFINE_TO_BOOLEAN(f64_to_boolean, f64, double)

/* Decimals */

static MrStatus integer_to_decimal(MrCastRun *run, MrError *err)
{
    const MrType *to = run->cast->to;
    const bool small = mr_type_physical(to) == MR_PHYS_I64;
    const MrI128 factor = mr_pow10_i128[to->scale],
                 limit = mr_pow10_i128[to->precision - to->scale];
    for (MR_CAST_EACH(run, row, at)) {
        int64_t value = mr_vector_integer(run->in, at);
        if (__builtin_expect(value < limit && value > -limit, 1)) {
            if (small)
                run->out->i64[row] = value * (int64_t)factor;
            else
                run->out->i128[row] = value * factor;
        } else {
            MR_TRY(mr__cast_put_decimal(run, row, false, 0, mr__decimal_plain(run->arena, value, 0),
                                        err));
        }
    }
    return MR_OK;
}

/* NaN and infinity become NULL in every mode. */
static MrStatus float_to_decimal(MrCastRun *run, MrError *err)
{
    const MrType *to = run->cast->to;
    const bool is_float = run->cast->from->kind == MR_TYPE_FLOAT;
    for (MR_CAST_EACH(run, row, at)) {
        double value = is_float ? (double)run->in->f32[at] : run->in->f64[at];
        MrI128 decimal;
        if (!__builtin_isfinite(value)) {
            mr__cast_null(run, row);
        } else if (mr_f64_to_decimal(value, to->precision, to->scale, &decimal)) {
            MR_TRY(mr__cast_put_decimal(run, row, true, decimal, NULL, err));
        } else {
            char text[MR_F64_TEXT_MAX];
            int32_t n = mr_f64_to_text(value, text);
            MR_TRY(mr__cast_put_decimal(run, row, false, 0,
                                        mr__number_plain(run->arena, (MrText){text, n}), err));
        }
    }
    return MR_OK;
}

static MrStatus decimal_to_decimal(MrCastRun *run, MrError *err)
{
    const MrType *from = run->cast->from, *to = run->cast->to;
    if (run->cast->total &&
        to->scale - from->scale <= 18) { /* only more digits: a multiplication */
        const int64_t factor = mr_pow10_i64[to->scale - from->scale];
        const bool small_in = mr_type_physical(from) == MR_PHYS_I64,
                   small_out = mr_type_physical(to) == MR_PHYS_I64;
        if (small_in && small_out && run->in->encoding == MR_FLAT && !run->sel) {
            for (int64_t i = 0; i < run->n;
                 i++) /* NULL rows may hold any bits: no signed overflow */
                run->out->i64[i] = (int64_t)((uint64_t)run->in->i64[i] * (uint64_t)factor);
            return MR_OK;
        }
        for (MR_CAST_EACH(run, row, at)) {
            MrU128 value = (MrU128)mr__decimal_at(run->in, at) * (MrU128)factor;
            if (small_out)
                run->out->i64[row] = (int64_t)value;
            else
                run->out->i128[row] = (MrI128)value;
        }
        return MR_OK;
    }
    for (MR_CAST_EACH(run, row, at)) {
        MrI128 value = mr__decimal_at(run->in, at), result = 0;
        bool fits = mr_decimal_rescale(value, from->scale, to->scale, to->precision, &result);
        MR_TRY(mr__cast_put_decimal(run, row, fits, result,
                                    fits ? NULL : mr__decimal_plain(run->arena, value, from->scale),
                                    err));
    }
    return MR_OK;
}

static MrStatus decimal_to_integer(MrCastRun *run, MrError *err)
{
    const MrI128 divisor = mr_pow10_i128[run->cast->from->scale];
    const MrPhysical physical = mr_type_physical(run->cast->to);
    const int64_t max = physical == MR_PHYS_I8    ? INT8_MAX
                        : physical == MR_PHYS_I16 ? INT16_MAX
                        : physical == MR_PHYS_I32 ? INT32_MAX
                                                  : INT64_MAX;
    for (MR_CAST_EACH(run, row, at)) {
        MrI128 value = mr__decimal_at(run->in, at) / divisor;
        if (value > max || value < -(MrI128)max - 1) {
            if (run->cast->mode !=
                MR_CAST_LEGACY) { /* legacy: Decimal.toLong and what fits of it */
                MR_TRY(mr__cast_overflow(run, row, at, err));
                continue;
            }
        }
        switch (physical) {
        case MR_PHYS_I8:
            run->out->i8[row] = (int8_t)value;
            break;
        case MR_PHYS_I16:
            run->out->i16[row] = (int16_t)value;
            break;
        case MR_PHYS_I32:
            run->out->i32[row] = (int32_t)value;
            break;
        default:
            run->out->i64[row] = (int64_t)value;
        }
    }
    return MR_OK;
}

static MrStatus decimal_to_float(MrCastRun *run, MrError *err)
{
    const int scale = run->cast->from->scale;
    const bool is_float = run->cast->to->kind == MR_TYPE_FLOAT;
    for (MR_CAST_EACH(run, row, at)) {
        double value = mr_decimal_to_f64(mr__decimal_at(run->in, at), scale);
        if (is_float)
            run->out->f32[row] = (float)value;
        else
            run->out->f64[row] = value;
    }
    return MR_OK;
}

static MrStatus decimal_to_boolean(MrCastRun *run, MrError *err)
{
    for (MR_CAST_EACH(run, row, at))
        run->out->i8[row] = mr__decimal_at(run->in, at) != 0;
    return MR_OK;
}

/* Legacy only: big-endian bytes. */
static MrStatus integer_to_binary(MrCastRun *run, MrError *err)
{
    const int32_t n_bytes = mr_physical_bytes(mr_type_physical(run->cast->from));
    for (MR_CAST_EACH(run, row, at)) {
        char bytes[8];
        uint64_t value = (uint64_t)mr_vector_integer(run->in, at);
        for (int32_t i = 0; i < n_bytes; i++)
            bytes[i] = (char)(value >> (8 * (n_bytes - 1 - i)));
        run->out->str[row] = mr_str_borrow(bytes, n_bytes);
    }
    return MR_OK;
}

enum { N_I8, N_I16, N_I32, N_I64, N_F32, N_F64, N_DECIMAL, N_KINDS };

static int number_kind(const MrType *type)
{
    switch (type->kind) {
    case MR_TYPE_BOOLEAN:
    case MR_TYPE_TINYINT:
        return N_I8;
    case MR_TYPE_SMALLINT:
        return N_I16;
    case MR_TYPE_INT:
        return N_I32;
    case MR_TYPE_BIGINT:
        return N_I64;
    case MR_TYPE_FLOAT:
        return N_F32;
    case MR_TYPE_DOUBLE:
        return N_F64;
    default:
        return N_DECIMAL;
    }
}

MrCastLeaf mr__cast_number_leaf(MrCast *cast)
{
    static const MrCastLeaf leaves[N_KINDS][N_KINDS] = {
        [N_I8] = {NULL, i8_to_i16, i8_to_i32, i8_to_i64, i8_to_f32, i8_to_f64, integer_to_decimal},
        [N_I16] = {i16_to_i8, NULL, i16_to_i32, i16_to_i64, i16_to_f32, i16_to_f64,
                   integer_to_decimal},
        [N_I32] = {i32_to_i8, i32_to_i16, NULL, i32_to_i64, i32_to_f32, i32_to_f64,
                   integer_to_decimal},
        [N_I64] = {i64_to_i8, i64_to_i16, i64_to_i32, NULL, i64_to_f32, i64_to_f64,
                   integer_to_decimal},
        [N_F32] = {f32_to_i8, f32_to_i16, f32_to_i32, f32_to_i64, NULL, f32_to_f64,
                   float_to_decimal},
        [N_F64] = {f64_to_i8, f64_to_i16, f64_to_i32_, f64_to_i64_, f64_to_f32, NULL,
                   float_to_decimal},
        [N_DECIMAL] = {decimal_to_integer, decimal_to_integer, decimal_to_integer,
                       decimal_to_integer, decimal_to_float, decimal_to_float, decimal_to_decimal},
    };
    static const MrCastLeaf to_boolean[N_KINDS] = {
        i8_to_boolean,  i16_to_boolean, i32_to_boolean,    i64_to_boolean,
        f32_to_boolean, f64_to_boolean, decimal_to_boolean};
    const MrType *from = cast->from, *to = cast->to;
    int x = number_kind(from), y = number_kind(to);
    if (to->kind == MR_TYPE_BINARY)
        return integer_to_binary;
    if (to->kind == MR_TYPE_BOOLEAN) {
        cast->total = true;
        return from->kind == MR_TYPE_BOOLEAN ? NULL : to_boolean[x];
    }
    if (x == N_DECIMAL && y == N_DECIMAL)
        cast->total =
            to->scale >= from->scale && to->precision - to->scale >= from->precision - from->scale;
    else if (y == N_DECIMAL)
        cast->total = false;
    else
        cast->total = y >= x || y >= N_F32 || (cast->mode == MR_CAST_LEGACY && x != N_DECIMAL);
    if (x == N_DECIMAL && y != N_DECIMAL)
        cast->total = y >= N_F32;
    cast->can_fail = !cast->total && cast->mode == MR_CAST_ANSI;
    return leaves[x][y];
}
