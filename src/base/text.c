/* text.c - comparison, UTF-8, growing buffers and bounded readers. */
#include "base/text.h"
#include "base/arena.h"
#include <stdarg.h>
#include <stdio.h>

static unsigned char fold(char c)
{
    return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool mr_text_equal_nocase(MrText a, MrText b)
{
    if (a.size_bytes != b.size_bytes)
        return false;
    for (int64_t i = 0; i < a.size_bytes; i++)
        if (fold(a.data[i]) != fold(b.data[i]))
            return false;
    return true;
}

bool mr_str_equal_nocase(const char *a, const char *b)
{
    return mr_text_equal_nocase(mr_text(a), mr_text(b));
}

int mr_text_compare(MrText a, MrText b)
{
    int64_t common = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
    int order = common > 0 ? memcmp(a.data, b.data, (size_t)common) : 0;
    if (order != 0)
        return order;
    return (a.size_bytes > b.size_bytes) - (a.size_bytes < b.size_bytes);
}

int mr_text_distance(MrText a, MrText b, int limit)
{
    enum { MAX = 128 }; /* names longer than that are not guessed */
    int row[MAX + 1];
    if (a.size_bytes > MAX || b.size_bytes > MAX)
        return limit + 1;
    int n = (int)a.size_bytes, m = (int)b.size_bytes;
    if (n - m > limit || m - n > limit)
        return limit + 1;
    for (int j = 0; j <= m; j++)
        row[j] = j;
    for (int i = 1; i <= n; i++) {
        int diagonal = row[0], best = i;
        row[0] = i;
        for (int j = 1; j <= m; j++) {
            int change = diagonal + (fold(a.data[i - 1]) != fold(b.data[j - 1]));
            diagonal = row[j];
            int drop = row[j] + 1, add = row[j - 1] + 1;
            row[j] = change < drop ? change : drop;
            row[j] = add < row[j] ? add : row[j];
            best = row[j] < best ? row[j] : best;
        }
        if (best > limit)
            return limit + 1;
    }
    return row[m] > limit ? limit + 1 : row[m];
}

/* Unicode 15, table 3-7: well-formed byte sequences. */
int32_t mr_utf8_next(const char *data, int64_t size_bytes, int32_t *n_bytes)
{
    const unsigned char *s = (const unsigned char *)data;
    *n_bytes = 1;
    if (s[0] < 0x80)
        return s[0];
    if (s[0] < 0xC2 || s[0] > 0xF4 || size_bytes < 2)
        return -1;
    if (s[0] < 0xE0) {
        if ((s[1] & 0xC0) != 0x80)
            return -1;
        *n_bytes = 2;
        return (s[0] & 0x1F) << 6 | (s[1] & 0x3F);
    }
    unsigned low = s[0] == 0xE0 ? 0xA0 : s[0] == 0xF0 ? 0x90 : 0x80;
    unsigned high = s[0] == 0xED ? 0x9F : s[0] == 0xF4 ? 0x8F : 0xBF;
    if (s[1] < low || s[1] > high || size_bytes < 3 || (s[2] & 0xC0) != 0x80)
        return -1;
    if (s[0] < 0xF0) {
        *n_bytes = 3;
        return (s[0] & 0x0F) << 12 | (s[1] & 0x3F) << 6 | (s[2] & 0x3F);
    }
    if (size_bytes < 4 || (s[3] & 0xC0) != 0x80)
        return -1;
    *n_bytes = 4;
    return (s[0] & 0x07) << 18 | (s[1] & 0x3F) << 12 | (s[2] & 0x3F) << 6 | (s[3] & 0x3F);
}

/* Bytes at the start that are plain ASCII, counted eight at a time. */
static int64_t ascii_run(const char *data, int64_t size_bytes)
{
    int64_t i = 0;
    for (; i + 8 <= size_bytes; i += 8) {
        uint64_t word;
        memcpy(&word, data + i, 8);
        if ((word & UINT64_C(0x8080808080808080)) != 0)
            break;
    }
    return i;
}

bool mr_utf8_valid(const char *data, int64_t size_bytes)
{
    for (int64_t i = 0; i < size_bytes;) {
        int64_t end = mr_poll_piece(i, size_bytes);
        i += ascii_run(data + i, end - i);
        while (i < end) {
            int32_t n_bytes;
            if (mr_utf8_next(data + i, size_bytes - i, &n_bytes) < 0)
                return false;
            i += n_bytes;
            if (n_bytes == 1 && i < end)
                i += ascii_run(data + i, end - i);
        }
    }
    return true;
}

int64_t mr_utf8_length(const char *data, int64_t size_bytes)
{
    int64_t n_chars = 0;
    for (int64_t i = 0; i < size_bytes;) {
        int64_t end = mr_poll_piece(i, size_bytes);
        int64_t n_ascii = ascii_run(data + i, end - i);
        i += n_ascii;
        n_chars += n_ascii;
        while (i < end) {
            int32_t n_bytes;
            mr_utf8_next(data + i, size_bytes - i, &n_bytes);
            i += n_bytes;
            n_chars++;
        }
    }
    return n_chars;
}

int32_t mr_utf8_put(int32_t code_point, char *out)
{
    uint32_t c = (uint32_t)code_point;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

void mr_buffer_init(MrBuffer *buf, MrBudget *budget, int64_t max_bytes)
{
    *buf = (MrBuffer){.budget = budget, .max_bytes = max_bytes};
}

void mr_buffer_deinit(MrBuffer *buf)
{
    if (buf->data != NULL)
        mr_budget_free(buf->budget, buf->data, buf->cap_bytes);
    buf->data = NULL;
    buf->size_bytes = buf->cap_bytes = 0;
}

MrStatus mr_buffer_reserve(MrBuffer *buf, int64_t more_bytes, MrError *err)
{
    if (more_bytes <= buf->cap_bytes - buf->size_bytes)
        return MR_OK;
    if (more_bytes > buf->max_bytes - buf->size_bytes) {
        char limit[24];
        snprintf(limit, sizeof limit, "%lld", (long long)buf->max_bytes);
        return MR_FAIL(err, MR_COND_BUFFER_LIMIT, "buffer", "buffer", "limit", limit);
    }
    int64_t needed = buf->size_bytes + more_bytes;
    int64_t cap = buf->cap_bytes > buf->max_bytes / 2 ? buf->max_bytes : 2 * buf->cap_bytes;
    cap = cap < 64 ? 64 : cap;
    cap = cap < needed ? needed : cap;
    void *data = buf->data;
    MR_TRY(mr_budget_resize(buf->budget, &data, &buf->cap_bytes, cap, err));
    buf->data = data;
    return MR_OK;
}

MrStatus mr_buffer_put(MrBuffer *buf, const void *data, int64_t size_bytes, MrError *err)
{
    if (size_bytes == 0)
        return MR_OK;
    MR_TRY(mr_buffer_reserve(buf, size_bytes, err));
    if (size_bytes > MR_COPY_BYTES)
        MR_TRY(mr_copy_status(buf->data + buf->size_bytes, data, size_bytes, err));
    else
        memcpy(buf->data + buf->size_bytes, data, (size_t)size_bytes);
    buf->size_bytes += size_bytes;
    return MR_OK;
}

MrStatus mr_buffer_put_u8(MrBuffer *buf, uint8_t value, MrError *err)
{
    return mr_buffer_put(buf, &value, 1, err);
}

MrStatus mr_buffer_put_u32(MrBuffer *buf, uint32_t value, MrError *err)
{
    return mr_buffer_put(buf, &value, 4, err);
}

MrStatus mr_buffer_put_u64(MrBuffer *buf, uint64_t value, MrError *err)
{
    return mr_buffer_put(buf, &value, 8, err);
}

MrStatus mr_buffer_put_varint(MrBuffer *buf, uint64_t value, MrError *err)
{
    uint8_t bytes[10];
    int64_t n = 0;
    while (value >= 0x80) {
        bytes[n++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[n++] = (uint8_t)value;
    return mr_buffer_put(buf, bytes, n, err);
}

MrStatus mr_buffer_put_text(MrBuffer *buf, MrText text, MrError *err)
{
    MR_TRY(mr_buffer_put_varint(buf, (uint64_t)text.size_bytes, err));
    return mr_buffer_put(buf, text.data, text.size_bytes, err);
}

MrStatus mr_buffer_printf(MrBuffer *buf, MrError *err, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    MR_ASSERT(size >= 0);
    MrStatus status = mr_buffer_reserve(buf, (int64_t)size + 1, err);
    if (status == MR_OK) {
        vsnprintf(buf->data + buf->size_bytes, (size_t)size + 1, format, again);
        buf->size_bytes += size;
    }
    va_end(again);
    return status;
}

bool mr_reader_bytes(MrReader *reader, int64_t size_bytes, const uint8_t **out)
{
    if (reader->failed || size_bytes < 0 || size_bytes > reader->end - reader->at) {
        reader->failed = true;
        return false;
    }
    *out = reader->at;
    reader->at += size_bytes;
    return true;
}

static bool reader_copy(MrReader *reader, void *out, int64_t size_bytes)
{
    const uint8_t *bytes;
    if (!mr_reader_bytes(reader, size_bytes, &bytes))
        return false;
    memcpy(out, bytes, (size_t)size_bytes);
    return true;
}

bool mr_reader_u8(MrReader *reader, uint8_t *out)
{
    return reader_copy(reader, out, 1);
}

bool mr_reader_u32(MrReader *reader, uint32_t *out)
{
    return reader_copy(reader, out, 4);
}

bool mr_reader_u64(MrReader *reader, uint64_t *out)
{
    return reader_copy(reader, out, 8);
}

bool mr_reader_varint(MrReader *reader, uint64_t *out)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        uint8_t byte;
        if (!mr_reader_u8(reader, &byte))
            return false;
        if (shift == 63 && byte > 1)
            break;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *out = value;
            return true;
        }
    }
    reader->failed = true;
    return false;
}

bool mr_reader_text(MrReader *reader, MrText *out)
{
    uint64_t size;
    const uint8_t *bytes;
    if (!mr_reader_varint(reader, &size))
        return false;
    if (!mr_reader_bytes(reader, size > INT64_MAX ? -1 : (int64_t)size, &bytes))
        return false;
    *out = (MrText){(const char *)bytes, (int64_t)size};
    return true;
}

bool mr_reader_count(MrReader *reader, int64_t min_item_bytes, int64_t *out)
{
    uint64_t n;
    if (!mr_reader_varint(reader, &n))
        return false;
    int64_t unit = min_item_bytes > 0 ? min_item_bytes : 1;
    if (n > (uint64_t)((reader->end - reader->at) / unit)) {
        reader->failed = true;
        return false;
    }
    *out = (int64_t)n;
    return true;
}
