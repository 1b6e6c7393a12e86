/* sort_key.c - bytes whose memcmp order is the order of the rows.
 *
 * A value is a NULL byte and its bytes.  Integers: big-endian, sign bit turned.  Floating point:
 * the bits so turned that they rise, one zero and one NaN (last).  Strings: 00 becomes 00 FF, 00 00
 * ends them, so that no key is the beginning of another.  Lists: 01 before each element, 00 at the
 * end. Descending: all bytes of the value are turned, the NULL byte is not. */
#include "column/collation.h"
#include "column/row.h"

int32_t mr_sort_key_bytes(const MrType *type)
{
    MrPhysical physical = mr_type_physical(type);
    if (physical == MR_PHYS_STR || physical == MR_PHYS_LIST || physical == MR_PHYS_STRUCT)
        return 0;
    return 1 + mr_physical_bytes(physical);
}

static inline uint8_t null_byte(bool null, MrSortSpec spec)
{
    return null ? (spec.nulls_first ? 0 : 2) : 1;
}

static inline uint32_t key_u32(int32_t value)
{
    return __builtin_bswap32((uint32_t)value ^ UINT32_C(0x80000000));
}

static inline uint64_t key_u64(int64_t value)
{
    return __builtin_bswap64((uint64_t)value ^ UINT64_C(0x8000000000000000));
}

static inline uint32_t key_f32(float value)
{
    int32_t bits;
    value = value == 0 ? 0.0f : value;
    value = value == value ? value : __builtin_nanf("");
    memcpy(&bits, &value, 4);
    bits ^= (bits >> 31) & INT32_MAX;
    return key_u32(bits);
}

static inline uint64_t key_f64(double value)
{
    int64_t bits;
    value = value == 0 ? 0.0 : value;
    value = value == value ? value : __builtin_nan("");
    memcpy(&bits, &value, 8);
    bits ^= (bits >> 63) & INT64_MAX;
    return key_u64(bits);
}

/* The bytes of a fixed-size value, without the NULL byte. */
static inline void put_fixed(MrPhysical physical, const MrVector *vec, int64_t at, uint8_t *out)
{
    uint64_t word;
    uint32_t half;
    switch (physical) {
    case MR_PHYS_I8:
        out[0] = (uint8_t)(vec->i8[at] ^ 0x80);
        break;
    case MR_PHYS_I16:
        out[0] = (uint8_t)((vec->i16[at] >> 8) ^ 0x80);
        out[1] = (uint8_t)vec->i16[at];
        break;
    case MR_PHYS_I32:
        half = key_u32(vec->i32[at]);
        memcpy(out, &half, 4);
        break;
    case MR_PHYS_F32:
        half = key_f32(vec->f32[at]);
        memcpy(out, &half, 4);
        break;
    case MR_PHYS_I64:
        word = key_u64(vec->i64[at]);
        memcpy(out, &word, 8);
        break;
    case MR_PHYS_F64:
        word = key_f64(vec->f64[at]);
        memcpy(out, &word, 8);
        break;
    case MR_PHYS_I128:
        word = key_u64((int64_t)(vec->i128[at] >> 64));
        memcpy(out, &word, 8);
        word = __builtin_bswap64((uint64_t)vec->i128[at]);
        memcpy(out + 8, &word, 8);
        break;
    case MR_PHYS_INTERVAL:
        half = key_u32(vec->interval[at].months);
        memcpy(out, &half, 4);
        half = key_u32(vec->interval[at].days);
        memcpy(out + 4, &half, 4);
        word = key_u64(vec->interval[at].us);
        memcpy(out + 8, &word, 8);
        break;
    default:
        break;
    }
}

static MrStatus put_bytes(MrText text, MrBuffer *out, MrError *err)
{
    const char *at = text.data, *end = text.data + text.size_bytes;
    MR_TRY(mr_buffer_reserve(out, text.size_bytes + 2, err));
    while (at < end) {
        const char *zero = memchr(at, 0, (size_t)(end - at));
        MR_TRY(mr_buffer_put(out, at, (zero ? zero : end) - at, err));
        if (!zero)
            break;
        MR_TRY(mr_buffer_put(out, "\0\xff", 2, err));
        at = zero + 1;
    }
    return mr_buffer_put(out, "\0\0", 2, err);
}

static MrStatus put_value(const MrVector *vec, int64_t row, MrBuffer *out, MrError *err);

static MrStatus put_inner(const MrVector *vec, int64_t row, MrBuffer *out, MrError *err)
{
    bool null = mr_vector_is_null(vec, row);
    MR_TRY(mr_buffer_put_u8(out, null ? 0 : 1, err));
    return null ? MR_OK : put_value(vec, row, out, err);
}

static MrStatus put_value(const MrVector *vec, int64_t row, MrBuffer *out, MrError *err)
{
    int64_t at;
    vec = mr_vector_at(vec, row, &at);
    MrPhysical physical = mr_type_physical(vec->type);
    if (physical == MR_PHYS_STR) {
        if (vec->type->collation == MR_COLLATION_BINARY)
            return put_bytes(mr_str_text(&vec->str[at]), out, err);
        MrStatus status;
        MrArena arena;
        mr_arena_init(&arena, out->budget);
        MR_GUARD_BEGIN(status, err)
            status = put_bytes(
                mr_collation_key(&arena, vec->type->collation, mr_str_text(&vec->str[at])), out,
                err);
        MR_GUARD_END(status)
        mr_arena_deinit(&arena);
        return status;
    }
    if (physical == MR_PHYS_STRUCT) {
        for (int32_t i = 0; i < vec->type->n_fields; i++)
            MR_TRY(put_inner(vec->children[i], at, out, err));
        return MR_OK;
    }
    if (physical == MR_PHYS_LIST) {
        MrSlice slice = vec->list[at];
        for (int32_t i = 0; i < slice.count; i++) {
            MR_TRY(mr_buffer_put_u8(out, 1, err));
            for (int32_t j = 0; j < vec->type->n_fields; j++)
                MR_TRY(put_inner(vec->children[j], slice.start + i, out, err));
        }
        return mr_buffer_put_u8(out, 0, err);
    }
    int32_t n_bytes = mr_physical_bytes(physical);
    MR_TRY(mr_buffer_reserve(out, n_bytes, err));
    put_fixed(physical, vec, at, (uint8_t *)out->data + out->size_bytes);
    out->size_bytes += n_bytes;
    return MR_OK;
}

MrStatus mr_sort_key_put(const MrVector *vec, int64_t row, MrSortSpec spec, MrBuffer *out,
                         MrError *err)
{
    bool null = mr_vector_is_null(vec, row);
    MR_TRY(mr_buffer_put_u8(out, null_byte(null, spec), err));
    int64_t from = out->size_bytes;
    if (null) { /* fixed sizes stay fixed */
        int32_t n_bytes = mr_sort_key_bytes(vec->type) - 1;
        if (n_bytes > 0) {
            MR_TRY(mr_buffer_reserve(out, n_bytes, err));
            memset(out->data + from, 0, (size_t)n_bytes);
            out->size_bytes += n_bytes;
        }
        return MR_OK;
    }
    MR_TRY(put_value(vec, row, out, err));
    if (spec.descending) {
        for (int64_t i = from; i < out->size_bytes; i++)
            out->data[i] = (char)~out->data[i];
    }
    return MR_OK;
}

/* One loop a type: the switch in put_fixed goes away when physical is a constant, and so do the
 * copies of n_bytes. */
static inline __attribute__((always_inline)) void put_many(MrPhysical physical, int32_t n_bytes,
                                                           const MrVector *vec, const uint16_t *sel,
                                                           int32_t n, MrSortSpec spec,
                                                           uint8_t *const *keys, int32_t offset)
{
    const uint64_t turn = spec.descending ? UINT64_MAX : 0;
    const bool plain = vec->encoding == MR_FLAT && !vec->validity;
    for (int32_t i = 0; i < n; i++) {
        int64_t row = sel ? sel[i] : i, at = row;
        uint8_t *key = keys[i] + offset;
        uint64_t words[2] = {0};
        const MrVector *holder = plain ? vec : mr_vector_at(vec, row, &at);
        const bool null = !plain && mr_vector_is_null(vec, row);
        key[0] = null_byte(null, spec);
        if (null) {
            memset(key + 1, 0, (size_t)n_bytes);
            continue;
        }
        put_fixed(physical, holder, at, (uint8_t *)words);
        words[0] ^= turn;
        words[1] ^= turn;
        memcpy(key + 1, words, (size_t)n_bytes);
    }
}

void mr_sort_key_put_many(const MrVector *vec, const uint16_t *sel, int32_t n, MrSortSpec spec,
                          uint8_t *const *keys, int32_t offset)
{
    switch (mr_type_physical(vec->type)) {
#define PUT_MANY(physical, n_bytes)                                                                \
    case physical:                                                                                 \
        put_many(physical, n_bytes, vec, sel, n, spec, keys, offset);                              \
        break;
        PUT_MANY(MR_PHYS_VOID, 0)
        PUT_MANY(MR_PHYS_I8, 1)
        PUT_MANY(MR_PHYS_I16, 2)
        PUT_MANY(MR_PHYS_I32, 4)
        PUT_MANY(MR_PHYS_I64, 8)
        PUT_MANY(MR_PHYS_I128, 16)
        PUT_MANY(MR_PHYS_F32, 4)
        PUT_MANY(MR_PHYS_F64, 8)
        PUT_MANY(MR_PHYS_INTERVAL, 16)
    default:
        MR_ASSERT(false); /* mr_sort_key_bytes says 0 */
    }
}
