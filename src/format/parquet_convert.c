/* parquet_convert.c - values as stored to values of the type wanted.
 *
 * One function per pair that we know; a pair without one is a mismatch.  Widening follows Spark's
 * vectorised reader: integers to longer ones, to decimals and doubles, float to double, decimals to
 * decimals with no fewer digits on either side, dates to timestamp_ntz. */
#include "format/parquet_int.h"

#define CALL(name)                                                                                 \
    static bool name(const MrPqConvert *convert, const void *from, int64_t n, void *to,            \
                     MrArena *arena)

static inline uint64_t le_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

/* The bytes are right as they are, or their low end is. */
CALL(copy)
{
    memcpy(to, from, (size_t)(n * convert->to_bytes));
    return true;
}

/* Element by element; X is the stored value.  Page data is not aligned, hence the memcpy. */
#define EACH(name, from_type, to_type, expr)                                                       \
    CALL(name)                                                                                     \
    {                                                                                              \
        const uint8_t *src = from;                                                                 \
        to_type *dst = to;                                                                         \
        for (int64_t i = 0; i < n; i++) {                                                          \
            from_type X;                                                                           \
            memcpy(&X, src + i * (int64_t)sizeof X, sizeof X);                                     \
            dst[i] = (to_type)(expr);                                                              \
        }                                                                                          \
        return true;                                                                               \
    }

EACH(i32_to_i8, int32_t, int8_t, X)
EACH(i32_to_i16, int32_t, int16_t, X)
EACH(u8_to_i16, uint32_t, int16_t, X & 0xff)
EACH(u16_to_i32, uint32_t, int32_t, X & 0xffff)
EACH(i32_to_i64, int32_t, int64_t, X)
EACH(u32_to_i64, uint32_t, int64_t, X)
EACH(i32_to_f64, int32_t, double, X)
EACH(i64_to_f64, int64_t, double, X)
EACH(i32_to_i128, int32_t, MrI128, X)
EACH(i64_to_i128, int64_t, MrI128, X)
EACH(u64_to_i128, uint64_t, MrI128, X)
EACH(f32_to_f64, float, double, X)
EACH(days_to_us, int32_t, int64_t, (int64_t)X *INT64_C(86400000000))
EACH(ns_to_us, int64_t, int64_t, X / 1000 - (X % 1000 < 0))
EACH(i32_times, int32_t, int64_t, (int64_t)X * convert->factor)

/* int64 times a power of ten, checked: timestamps in milliseconds, times in microseconds. */
CALL(i64_times)
{
    const uint8_t *src = from;
    int64_t *dst = to, factor = convert->factor;
    bool overflow = false;
    for (int64_t i = 0; i < n; i++)
        overflow |= __builtin_mul_overflow((int64_t)le_u64(src + 8 * i), factor, &dst[i]);
    return !overflow;
}

/* Nanoseconds of the day, then the Julian day; 2440588 is 1970-01-01. */
CALL(int96_to_us)
{
    const uint8_t *src = from;
    int64_t *dst = to;
    bool overflow = false;
    for (int64_t i = 0; i < n; i++) {
        uint32_t day;
        memcpy(&day, src + 12 * i + 8, 4);
        int64_t us = (int64_t)le_u64(src + 12 * i) / 1000, midnight;
        overflow |= __builtin_mul_overflow((int64_t)(int32_t)day - 2440588, INT64_C(86400000000),
                                           &midnight);
        overflow |= __builtin_add_overflow(midnight, us, &dst[i]);
    }
    return !overflow;
}

static bool decimal_put(const MrPqConvert *convert, MrI128 value, void *to, int64_t i)
{
    if (convert->from_scale != convert->to_scale &&
        !mr_decimal_rescale(value, convert->from_scale, convert->to_scale, MR_DECIMAL_MAX_DIGITS,
                            &value))
        return false;
    MrI128 limit = mr_pow10_i128[convert->to_precision];
    if (value >= limit || value <= -limit)
        return false;
    if (convert->to_bytes == 16)
        ((MrI128 *)to)[i] = value;
    else
        ((int64_t *)to)[i] = (int64_t)value;
    return true;
}

CALL(i32_to_decimal)
{
    for (int64_t i = 0; i < n; i++) {
        int32_t value;
        memcpy(&value, (const uint8_t *)from + 4 * i, 4);
        if (!decimal_put(convert, value, to, i))
            return false;
    }
    return true;
}
CALL(i64_to_decimal)
{
    for (int64_t i = 0; i < n; i++)
        if (!decimal_put(convert, (int64_t)le_u64((const uint8_t *)from + 8 * i), to, i))
            return false;
    return true;
}

/* Big-endian two's complement of any length; false: more than 128 bits. */
static bool big_endian_read(const uint8_t *data, int64_t size_bytes, MrI128 *out)
{
    MrU128 value = size_bytes > 0 && data[0] & 0x80 ? ~(MrU128)0 : 0;
    for (int64_t i = 0; i < size_bytes; i++) {
        if (size_bytes > 16 && i < size_bytes - 16 && data[i] != (uint8_t)value)
            return false;
        value = value << 8 | data[i];
    }
    *out = (MrI128)value;
    return true;
}
CALL(fixed_to_decimal)
{
    const uint8_t *src = from;
    for (int64_t i = 0; i < n; i++, src += convert->from_bytes) {
        MrI128 value;
        if (!big_endian_read(src, convert->from_bytes, &value) ||
            !decimal_put(convert, value, to, i))
            return false;
    }
    return true;
}
CALL(bytes_to_decimal)
{
    const MrStr *src = from;
    for (int64_t i = 0; i < n; i++) {
        MrI128 value;
        if (!big_endian_read((const uint8_t *)mr_str_data(&src[i]), src[i].size_bytes, &value) ||
            !decimal_put(convert, value, to, i))
            return false;
    }
    return true;
}

/* Half precision, as annotated by FLOAT16. */
static float half_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             fraction = half & 0x3ff;
    uint32_t bits;
    float value;
    if (exponent == 0) {
        value = (float)fraction / 16777216.0f; /* 2^-24 */
        memcpy(&bits, &value, 4);
        bits |= sign;
    } else if (exponent == 31) {
        bits = sign | 0x7f800000 | fraction << 13;
    } else {
        bits = sign | (exponent + 112) << 23 | fraction << 13;
    }
    memcpy(&value, &bits, 4);
    return value;
}
EACH(f16_to_f32, uint16_t, float, half_to_f32(X))

CALL(uuid_to_text)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *src = from;
    MrStr *dst = to;
    for (int64_t i = 0; i < n; i++, src += 16) {
        char text[36], *at = text;
        for (int b = 0; b < 16; b++) {
            if (b == 4 || b == 6 || b == 8 || b == 10)
                *at++ = '-';
            *at++ = digits[src[b] >> 4];
            *at++ = digits[src[b] & 15];
        }
        dst[i] = mr_str_own(arena, text, 36);
    }
    return true;
}

/* Fixed-length bytes as views of where they lie. */
CALL(fixed_to_view)
{
    const char *src = from;
    MrStr *dst = to;
    for (int64_t i = 0; i < n; i++, src += convert->from_bytes)
        dst[i] = mr_str_borrow(src, convert->from_bytes);
    return true;
}

CALL(fixed_to_interval)
{
    const uint8_t *src = from;
    MrInterval *dst = to;
    for (int64_t i = 0; i < n; i++, src += 12) {
        uint32_t words[3];
        memcpy(words, src, 12);
        dst[i] = (MrInterval){(int32_t)words[0], (int32_t)words[1], (int64_t)words[2] * 1000};
    }
    return true;
}

/* What a leaf's annotation says, the old and the new way put together. */
typedef struct LeafKind {
    bool decimal, date, uuid, float16, interval, string, annotated;
    int precision, scale;
    int time_unit, timestamp_unit; /* MR_PQ_MILLIS ...; 0: is none */
    int int_bits;                  /* 8, 16, 32, 64; 0: no annotation */
    bool is_unsigned;
} LeafKind;

static LeafKind leaf_kind(const MrPqElement *e)
{
    LeafKind kind = {0};
    uint32_t logical = e->has & MR_PQ_ELEMENT_LOGICAL ? e->logical->has : 0;
    int converted = e->has & MR_PQ_ELEMENT_CONVERTED ? e->converted : -1;
    kind.annotated = logical || converted >= 0;
    if (logical & MR_PQ_LOGICAL_DECIMAL) {
        kind.decimal = true;
        kind.precision = e->logical->decimal->precision;
        kind.scale = e->logical->decimal->scale;
    } else if (converted == MR_PQ_CONV_DECIMAL) {
        kind.decimal = true;
        kind.precision = e->precision;
        kind.scale = e->has & MR_PQ_ELEMENT_SCALE ? e->scale : 0;
    }
    if (logical & MR_PQ_LOGICAL_TIME && e->logical->time->unit)
        kind.time_unit = (int)e->logical->time->unit->has;
    else if (converted == MR_PQ_CONV_TIME_MILLIS)
        kind.time_unit = MR_PQ_MILLIS;
    else if (converted == MR_PQ_CONV_TIME_MICROS)
        kind.time_unit = MR_PQ_MICROS;
    if (logical & MR_PQ_LOGICAL_TIMESTAMP && e->logical->timestamp->unit)
        kind.timestamp_unit = (int)e->logical->timestamp->unit->has;
    else if (converted == MR_PQ_CONV_TIMESTAMP_MILLIS)
        kind.timestamp_unit = MR_PQ_MILLIS;
    else if (converted == MR_PQ_CONV_TIMESTAMP_MICROS)
        kind.timestamp_unit = MR_PQ_MICROS;
    if (logical & MR_PQ_LOGICAL_INTEGER) {
        int bits = e->logical->integer->bits;
        kind.int_bits = bits == 8 || bits == 16 || bits == 32 || bits == 64 ? bits : 0;
        kind.is_unsigned = !e->logical->integer->is_signed;
    } else if (converted >= MR_PQ_CONV_UINT_8 && converted <= MR_PQ_CONV_INT_64) {
        kind.int_bits = 8 << ((converted - MR_PQ_CONV_UINT_8) & 3);
        kind.is_unsigned = converted <= MR_PQ_CONV_UINT_64;
    }
    kind.date = logical & MR_PQ_LOGICAL_DATE || converted == MR_PQ_CONV_DATE;
    kind.uuid = logical & MR_PQ_LOGICAL_UUID;
    kind.float16 = logical & MR_PQ_LOGICAL_FLOAT16;
    kind.interval = converted == MR_PQ_CONV_INTERVAL;
    kind.string = logical & (MR_PQ_LOGICAL_STRING | MR_PQ_LOGICAL_ENUM | MR_PQ_LOGICAL_JSON) ||
                  converted == MR_PQ_CONV_UTF8 || converted == MR_PQ_CONV_ENUM ||
                  converted == MR_PQ_CONV_JSON;
    return kind;
}

const MrType *mr__pq_leaf_type(MrArena *arena, const MrPqElement *e)
{
    LeafKind kind = leaf_kind(e);
    if (kind.decimal) {
        if (kind.precision < 1 || kind.precision > MR_DECIMAL_MAX_DIGITS || kind.scale < 0 ||
            kind.scale > kind.precision || e->type == MR_PQ_INT96 || e->type == MR_PQ_BOOLEAN ||
            e->type == MR_PQ_FLOAT || e->type == MR_PQ_DOUBLE)
            return NULL;
        return mr_type_decimal(arena, kind.precision, kind.scale);
    }
    switch (e->type) {
    case MR_PQ_BOOLEAN:
        return MR_T(BOOLEAN);
    case MR_PQ_INT32:
        if (kind.date)
            return MR_T(DATE);
        if (kind.time_unit)
            return MR_T(TIME);
        if (kind.int_bits == 8)
            return kind.is_unsigned ? MR_T(SMALLINT) : MR_T(TINYINT);
        if (kind.int_bits == 16)
            return kind.is_unsigned ? MR_T(INT) : MR_T(SMALLINT);
        return kind.is_unsigned ? MR_T(BIGINT) : MR_T(INT);
    case MR_PQ_INT64:
        if (kind.timestamp_unit) {
            bool local = e->has & MR_PQ_ELEMENT_LOGICAL &&
                         e->logical->has & MR_PQ_LOGICAL_TIMESTAMP && !e->logical->timestamp->utc;
            return local ? MR_T(TIMESTAMP_NTZ) : MR_T(TIMESTAMP);
        }
        if (kind.time_unit)
            return MR_T(TIME);
        return kind.is_unsigned ? mr_type_decimal(arena, 20, 0) : MR_T(BIGINT);
    case MR_PQ_INT96:
        return MR_T(TIMESTAMP);
    case MR_PQ_FLOAT:
        return MR_T(FLOAT);
    case MR_PQ_DOUBLE:
        return MR_T(DOUBLE);
    case MR_PQ_BYTE_ARRAY:
        return kind.string ? MR_T(STRING) : MR_T(BINARY);
    default:
        if (kind.uuid)
            return MR_T(STRING);
        if (kind.interval)
            return MR_T(INTERVAL);
        return kind.float16 ? MR_T(FLOAT) : MR_T(BINARY);
    }
}

/* A decimal (or an integer, as a decimal of scale 0) to a decimal.  max_digits: what the stored
 * type can hold before the point. */
static MrPqConvertCall decimal_find(const MrPqLeafDef *leaf, const LeafKind *kind, const MrType *to,
                                    MrPqConvert *out)
{
    static const uint8_t int_digits[16] = {[1] = 3, [2] = 5, [4] = 10, [8] = 20};
    int scale = kind->decimal ? kind->scale : 0;
    int whole = kind->decimal
                    ? kind->precision - scale
                    : int_digits[kind->int_bits ? kind->int_bits / 8 : leaf->value_bytes & 15];
    out->from_scale = scale;
    out->to_scale = to->scale;
    out->to_precision = to->precision;
    if (to->scale < scale || to->precision - to->scale < whole)
        return NULL;
    bool same = kind->decimal && scale == to->scale;
    switch (leaf->stored) {
    case MR_PQ_INT32:
        if (kind->is_unsigned)
            return NULL;
        return !same ? i32_to_decimal : out->to_bytes == 16 ? i32_to_i128 : i32_to_i64;
    case MR_PQ_INT64:
        if (kind->is_unsigned)
            return to->scale == 0 ? u64_to_i128 : NULL;
        return !same ? i64_to_decimal : out->to_bytes == 16 ? i64_to_i128 : copy;
    case MR_PQ_FIXED:
        return kind->decimal ? fixed_to_decimal : NULL;
    case MR_PQ_BYTE_ARRAY:
        return kind->decimal ? bytes_to_decimal : NULL;
    default:
        return NULL;
    }
}

static MrPqConvertCall time_find(const LeafKind *kind, const MrType *to, MrPqConvert *out,
                                 bool is_i32)
{
    if (kind->time_unit && to->kind == MR_TYPE_TIME) {
        out->factor = kind->time_unit == MR_PQ_MILLIS   ? 1000000
                      : kind->time_unit == MR_PQ_MICROS ? 1000
                                                        : 1;
        return is_i32 ? i32_times : out->factor == 1 ? copy : i64_times;
    }
    if (kind->timestamp_unit && !is_i32 &&
        (to->kind == MR_TYPE_TIMESTAMP || to->kind == MR_TYPE_TIMESTAMP_NTZ)) {
        out->factor = 1000;
        return kind->timestamp_unit == MR_PQ_MICROS   ? copy
               : kind->timestamp_unit == MR_PQ_MILLIS ? i64_times
                                                      : ns_to_us;
    }
    return NULL;
}

static MrPqConvertCall i32_find(const LeafKind *kind, const MrType *to, MrPqConvert *out)
{
    if (kind->date)
        return to->kind == MR_TYPE_DATE            ? copy
               : to->kind == MR_TYPE_TIMESTAMP_NTZ ? days_to_us
                                                   : NULL;
    if (kind->time_unit)
        return time_find(kind, to, out, true);
    switch (to->kind) {
    case MR_TYPE_TINYINT:
        return i32_to_i8;
    case MR_TYPE_SMALLINT:
        return kind->is_unsigned && kind->int_bits == 8 ? u8_to_i16 : i32_to_i16;
    case MR_TYPE_INT:
        return kind->is_unsigned && kind->int_bits == 16 ? u16_to_i32 : copy;
    case MR_TYPE_BIGINT:
        return kind->is_unsigned ? u32_to_i64 : i32_to_i64;
    case MR_TYPE_DOUBLE:
        return kind->is_unsigned ? NULL : i32_to_f64;
    case MR_TYPE_DATE:
    case MR_TYPE_INTERVAL_YM:
        return kind->annotated ? NULL : copy;
    default:
        return NULL;
    }
}

static MrPqConvertCall i64_find(const LeafKind *kind, const MrType *to, MrPqConvert *out)
{
    if (kind->time_unit || kind->timestamp_unit)
        return time_find(kind, to, out, false);
    if (kind->is_unsigned)
        return NULL;
    switch (to->kind) {
    case MR_TYPE_BIGINT:
        return copy;
    case MR_TYPE_DOUBLE:
        return i64_to_f64;
    case MR_TYPE_INTERVAL_DT:
        return kind->annotated ? NULL : copy;
    default:
        return NULL;
    }
}

bool mr__pq_convert_find(const MrPqLeafDef *leaf, const MrType *to, MrPqConvert *out)
{
    LeafKind kind = leaf_kind(leaf->element);
    MrPqConvertCall call = NULL;
    *out = (MrPqConvert){.to_bytes = mr_physical_bytes(mr_type_physical(to)),
                         .from_bytes = leaf->stored == MR_PQ_BYTE_ARRAY ? (int32_t)sizeof(MrStr)
                                       : leaf->stored == MR_PQ_BOOLEAN  ? 1
                                                                        : leaf->value_bytes};
    bool text = to->kind == MR_TYPE_STRING || to->kind == MR_TYPE_BINARY;
    if (to->kind == MR_TYPE_DECIMAL) {
        call = decimal_find(leaf, &kind, to, out);
    } else if (!kind.decimal) {
        switch (leaf->stored) {
        case MR_PQ_BOOLEAN:
            call = to->kind == MR_TYPE_BOOLEAN ? copy : NULL;
            break;
        case MR_PQ_INT32:
            call = i32_find(&kind, to, out);
            break;
        case MR_PQ_INT64:
            call = i64_find(&kind, to, out);
            break;
        case MR_PQ_INT96:
            call = to->kind == MR_TYPE_TIMESTAMP || to->kind == MR_TYPE_TIMESTAMP_NTZ ? int96_to_us
                                                                                      : NULL;
            break;
        case MR_PQ_FLOAT:
            call = to->kind == MR_TYPE_FLOAT    ? copy
                   : to->kind == MR_TYPE_DOUBLE ? f32_to_f64
                                                : NULL;
            break;
        case MR_PQ_DOUBLE:
            call = to->kind == MR_TYPE_DOUBLE ? copy : NULL;
            break;
        case MR_PQ_BYTE_ARRAY:
            call = text ? copy : NULL;
            break;
        default:
            if (kind.uuid && to->kind == MR_TYPE_STRING && leaf->value_bytes == 16)
                call = uuid_to_text;
            else if (kind.float16 && leaf->value_bytes == 2)
                call = to->kind == MR_TYPE_FLOAT ? f16_to_f32 : NULL;
            else if (kind.interval && leaf->value_bytes == 12)
                call = to->kind == MR_TYPE_INTERVAL ? fixed_to_interval : NULL;
            else
                call = text ? fixed_to_view : NULL;
        }
    }
    out->call = call;
    out->identity = call == copy && out->from_bytes == out->to_bytes;
    return call != NULL;
}
