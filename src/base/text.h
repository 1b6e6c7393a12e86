/* text.h - a borrowed run of bytes, usually UTF-8, and growing buffers. */
#ifndef MR_BASE_TEXT_H
#define MR_BASE_TEXT_H

#include "base/budget.h"
#include <string.h>

typedef struct MrText {
    const char *data; /* not ended by NUL */
    int64_t size_bytes;
} MrText;

#define MR_TEXT(literal) ((MrText){(literal), (int64_t)sizeof(literal) - 1})

static inline MrText mr_text(const char *text)
{
    return (MrText){text, (int64_t)strlen(text)};
}
static inline bool mr_text_equal(MrText a, MrText b)
{
    return a.size_bytes == b.size_bytes && memcmp(a.data, b.data, (size_t)a.size_bytes) == 0;
}
/* ASCII letters only: identifiers, keywords, options. */
bool mr_text_equal_nocase(MrText a, MrText b);
bool mr_str_equal_nocase(const char *a, const char *b);
/* Bytewise, as unsigned, shorter first: Spark's order of strings. */
int mr_text_compare(MrText a, MrText b);
/* Number of edits between two names, for "did you mean"; at most limit + 1. */
int mr_text_distance(MrText a, MrText b, int limit);

static inline int mr_hex_digit(char c) /* -1: none */
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

/* UTF-8.  Broken bytes count as one character each; nothing is read past the end. */
bool mr_utf8_valid(const char *data, int64_t size_bytes);
int64_t mr_utf8_length(const char *data, int64_t size_bytes);
/* Decodes one character at data (size_bytes > 0): its code point, or -1 for a broken byte; *n is
 * the number of bytes it takes, at least 1. */
int32_t mr_utf8_next(const char *data, int64_t size_bytes, int32_t *n_bytes);
/* Writes up to 4 bytes and returns how many. */
int32_t mr_utf8_put(int32_t code_point, char *out);

/* Text of numbers as Java prints them.  Each writes at most the size given, no NUL, and returns the
 * number of bytes.  Parsing takes the whole text and says whether it was a number. */
#define MR_I64_TEXT_MAX 20
#define MR_F64_TEXT_MAX 32
int32_t mr_i64_to_text(int64_t value, char *out);
int32_t mr_f64_to_text(double value, char *out); /* Double.toString, shortest: 1.0, 1.0E10, NaN */
int32_t mr_f32_to_text(float value, char *out);
bool mr_text_to_i64(MrText text, int64_t *out); /* optional sign, digits only */
/* Bytes: "512m", "1g", "64KB", "100"; units of 1,024. */
bool mr_text_to_size(MrText text, int64_t *out);
bool mr_text_to_f64(MrText text, double *out); /* decimal and exponent forms, NaN, Infinity */
/* As Java's parseDouble, or (is_float) parseFloat: blanks around it, 1d and 1f, NaN and Infinity
 * spelled so.  Hexadecimal forms are not read. */
bool mr_text_to_f64_java(MrText text, bool is_float, double *out);

/* A growing run of bytes on a budget; yours to deinit. */
typedef struct MrBuffer {
    MrBudget *budget;
    char *data;
    int64_t size_bytes, cap_bytes;
    int64_t max_bytes; /* growth beyond it fails */
} MrBuffer;

void mr_buffer_init(MrBuffer *buf, MrBudget *budget, int64_t max_bytes);
void mr_buffer_deinit(MrBuffer *buf);
/* Makes room for more_bytes behind size_bytes.  On failure nothing has changed. */
MR_MUST_USE MrStatus mr_buffer_reserve(MrBuffer *buf, int64_t more_bytes, MrError *err);
MR_MUST_USE MrStatus mr_buffer_put(MrBuffer *buf, const void *data, int64_t size_bytes,
                                   MrError *err);
MR_MUST_USE MrStatus mr_buffer_put_u8(MrBuffer *buf, uint8_t value, MrError *err);
MR_MUST_USE MrStatus mr_buffer_put_u32(MrBuffer *buf, uint32_t value,
                                       MrError *err); /* little-endian */
MR_MUST_USE MrStatus mr_buffer_put_u64(MrBuffer *buf, uint64_t value, MrError *err);
MR_MUST_USE MrStatus mr_buffer_put_varint(MrBuffer *buf, uint64_t value, MrError *err);
MR_MUST_USE MrStatus mr_buffer_put_text(MrBuffer *buf, MrText text,
                                        MrError *err); /* varint length */
MR_MUST_USE MrStatus mr_buffer_printf(MrBuffer *buf, MrError *err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Bounded reading (RELIABILITY H1): every call fails (false) rather than read past the end, and
 * after one failure all later ones fail too, so a decoder may check once per structure. */
typedef struct MrReader {
    const uint8_t *at, *end;
    bool failed;
} MrReader;

/* Over borrowed bytes; data may be NULL when there are none. */
static inline MrReader mr_reader(const void *data, int64_t size_bytes)
{
    const uint8_t *at = data ? data : (const uint8_t *)"";
    return (MrReader){at, at + size_bytes, false};
}
bool mr_reader_bytes(MrReader *reader, int64_t size_bytes, const uint8_t **out);
bool mr_reader_u8(MrReader *reader, uint8_t *out);
bool mr_reader_u32(MrReader *reader, uint32_t *out);
bool mr_reader_u64(MrReader *reader, uint64_t *out);
bool mr_reader_varint(MrReader *reader, uint64_t *out);
bool mr_reader_text(MrReader *reader, MrText *out); /* varint length; borrowed */
/* A count of items of at least min_item_bytes each: fails when they cannot be there. */
bool mr_reader_count(MrReader *reader, int64_t min_item_bytes, int64_t *out);

#endif
