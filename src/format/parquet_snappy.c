/* parquet_snappy.c - Snappy's raw format, decompressed.
 *
 * Why not libsnappy: Debian's build calls memmove for each of the many short pieces; this takes
 * half the time (parquet_bench, l_extendedprice).  The common step has one shape for literals and
 * copies: length and source come out of a table and two conditional moves, then 64 bytes are moved
 * whatever the length.  That may write up to 64 bytes behind the place reached, so the caller gives
 * slack; near the input's end, and for copies that overlap themselves, a careful step follows.
 *
 * Pages of fixed-size values have their own loop, see there.
 *
 * Source: google/snappy, format_description.txt. */
#include "format/parquet_int.h"

/* For each tag: bytes made (0: the careful step must look), bits of the offset within the tag. */
typedef struct TagRow {
    uint16_t length;
    uint16_t offset; /* high bits of a one-byte offset */
} TagRow;

#define LITERAL(n)                                                                                 \
    {                                                                                              \
        (n) < 60 ? (n) + 1 : 0, 0                                                                  \
    }
#define COPY1(n)                                                                                   \
    {                                                                                              \
        4 + ((n)&7), ((n) >> 3) << 8                                                               \
    }
#define COPY2(n)                                                                                   \
    {                                                                                              \
        (n) + 1, 0                                                                                 \
    }
#define COPY4(n)                                                                                   \
    {                                                                                              \
        0, 0                                                                                       \
    }
#define FOUR(n) LITERAL(n), COPY1(n), COPY2(n), COPY4(n)
#define SIXTEEN(n) FOUR(n), FOUR((n) + 1), FOUR((n) + 2), FOUR((n) + 3)
#define SIXTYFOUR(n) SIXTEEN(n), SIXTEEN((n) + 4), SIXTEEN((n) + 8), SIXTEEN((n) + 12)
static const TagRow tags[256] = {SIXTYFOUR(0), SIXTYFOUR(16), SIXTYFOUR(32), SIXTYFOUR(48)};

/* Two of them, loaded before either is stored, move 64 bytes. */
typedef uint64_t Block32 __attribute__((vector_size(32), aligned(1), may_alias));

static inline uint32_t load_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

/* One element by the book.  false: broken. */
static bool careful_step(const uint8_t **from, const uint8_t *from_end, uint8_t *start,
                         uint8_t **to, uint8_t *to_end)
{
    const uint8_t *in = *from;
    uint8_t tag = *in++, *out = *to;
    int64_t length, offset = 0, n_extra;
    if ((tag & 3) == 0) {
        length = (tag >> 2) + 1;
        n_extra = length > 60 ? length - 60 : 0;
        if (n_extra > from_end - in)
            return false;
        if (n_extra > 0) {
            uint32_t value = 0;
            for (int64_t i = 0; i < n_extra; i++)
                value |= (uint32_t)in[i] << (8 * i);
            length = (int64_t)value + 1;
            in += n_extra;
        }
        if (length > from_end - in || length > to_end - out)
            return false;
        memcpy(out, in, (size_t)length);
        *from = in + length;
        *to = out + length;
        return true;
    }
    n_extra = (tag & 3) == 3 ? 4 : tag & 3;
    if (n_extra > from_end - in)
        return false;
    for (int64_t i = 0; i < n_extra; i++)
        offset |= (int64_t)in[i] << (8 * i);
    if ((tag & 3) == 1) {
        length = 4 + (tag >> 2 & 7);
        offset |= (int64_t)(tag >> 5) << 8;
    } else {
        length = (tag >> 2) + 1;
    }
    if (offset == 0 || offset > out - start || length > to_end - out)
        return false;
    const uint8_t *source = out - offset;
    if (offset >= 8) { /* eight at a time never reads what is not yet there; slack takes the rest */
        for (int64_t i = 0; i < length; i += 8)
            memcpy(out + i, source + i, 8);
    } else {
        for (int64_t i = 0; i < length; i++)
            out[i] = source[i];
    }
    *from = in + n_extra;
    *to = out + length;
    return true;
}

static inline uint64_t load_u64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

/* Numbers: most elements are a few bytes that differ from the number before and a copy of those
 * that do not.  Such a copy would load what was stored a moment ago in other pieces, which the CPU
 * cannot forward; so the last eight bytes made are kept in a register and short elements come out
 * of it. Stops before the last 65 bytes of input and at the end of output; false: broken. */
static bool numbers_decompress(const uint8_t **from, const uint8_t *end, uint8_t *start,
                               uint8_t **to, uint8_t *out_end)
{
    const uint8_t *in = *from;
    uint8_t *out = *to;
    uint64_t tail = 0; /* the newest byte is the highest */
    while (end - in > 65 && out_end - out >= 8) {
        uint32_t tag = *in, kind = tag & 3;
        uint64_t word, length = (tag >> 2) + 1, offset;
        if (kind == 0) {
            if (length <= 8) {
                word = load_u64(in + 1);
                in += 1 + length;
            } else if (length <= 32) {
                if ((int64_t)length > out_end - out)
                    return false;
                *(Block32 *)(void *)out = *(const Block32 *)(const void *)(in + 1);
                in += 1 + length;
                out += length;
                tail = load_u64(out - 8);
                continue;
            } else {
                goto careful;
            }
        } else if (kind != 3) {
            if (kind == 1) {
                length = 4 + (tag >> 2 & 7);
                offset = (uint64_t)(tag >> 5) << 8 | in[1];
            } else {
                offset = (uint64_t)in[1] | (uint64_t)in[2] << 8;
            }
            if (offset == 0 || (int64_t)offset > out - start || (int64_t)length > out_end - out)
                return false;
            if (offset <= 8 && length <= offset) {
                word = tail >> (64 - 8 * offset);
            } else if (length <= 32 && offset >= length) {
                *(Block32 *)(void *)out = *(const Block32 *)(const void *)(out - offset);
                in += 1 + kind;
                out += length;
                tail = out - start >= 8 ? load_u64(out - 8) : 0;
                if (out - start < 8)
                    goto refill;
                continue;
            } else {
                goto careful;
            }
            in += 1 + kind;
        } else {
            goto careful;
        }
        memcpy(out, &word, 8);
        out += length;
        tail = length == 8 ? word : tail >> (8 * length) | word << (64 - 8 * length);
        continue;
    careful:
        if (!careful_step(&in, end, start, &out, out_end))
            return false;
    refill:
        tail = 0;
        for (int64_t i = out - start < 8 ? out - start : 8; i > 0; i--)
            tail |= (uint64_t)out[-i] << (8 * (8 - i));
    }
    *from = in;
    *to = out;
    return true;
}

bool mr__snappy_decompress(const uint8_t *from, int64_t from_bytes, uint8_t *to, int64_t to_bytes,
                           bool numbers)
{
    static const uint32_t masks[4] = {0, 0xff, 0xffff, 0xffffffff};
    const uint8_t *in = from, *end = from + from_bytes;
    uint8_t *out = to, *out_end = to + to_bytes;
    uint64_t size = 0;
    for (int shift = 0;; shift += 7) {
        if (in == end || shift > 28)
            return false;
        size |= (uint64_t)(*in & 0x7f) << shift;
        if (*in++ < 0x80)
            break;
    }
    if (size != (uint64_t)to_bytes)
        return false;
    if (numbers && !numbers_decompress(&in, end, to, &out, out_end))
        return false;
    /* While 64 bytes behind the tag can be read, and 64 be written without going past the slack. */
    while (end - in > 65 && out < out_end) {
        uint32_t tag = *in;
        TagRow row = tags[tag];
        /* Where the next tag is comes out of arithmetic, not the table: all else can wait for it.
         */
        uint64_t copy = -(uint64_t)((tag & 3) != 0);
        uint64_t step = ((1 + (tag & 3)) & copy) | ((2 + (tag >> 2)) & ~copy);
        int64_t offset = (load_u32(in + 1) & masks[tag & 3]) + row.offset;
        int64_t length = row.length;
        const uint8_t *source = (const uint8_t *)((((uintptr_t)out - (uint64_t)offset) & copy) |
                                                  ((uintptr_t)(in + 1) & ~copy));
        /* Not for long elements, and not for copies from before the start or over themselves. */
        bool odd = (length == 0) | (length > out_end - out) |
                   ((copy != 0) & ((offset > out - to) | (offset < length)));
        if (__builtin_expect(odd, 0)) {
            if (!careful_step(&in, end, to, &out, out_end))
                return false;
            continue;
        }
        Block32 first = *(const Block32 *)(const void *)source;
        Block32 second = *(const Block32 *)(const void *)(source + 32);
        *(Block32 *)(void *)out = first;
        *(Block32 *)(void *)(out + 32) = second;
        in += step;
        out += length;
    }
    while (in < end)
        if (!careful_step(&in, end, to, &out, out_end))
            return false;
    return out == out_end;
}
