/* json_int.h - what the JSON reader, the inference and the writer share: options and scanning.
 *
 * Scanners take a place and an end, return the place behind what they read, or NULL when it is not
 * JSON.  They may load up to MR_CHUNK_PAD bytes behind end but never believe them. */
#ifndef MR_FORMAT_JSON_INT_H
#define MR_FORMAT_JSON_INT_H

#include "format/rows.h"
#include "format/text_value.h"
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

#define MR_JSON_DEPTH_MAX 1000
#define MR_JSON_NUMBER_MAX 1000
#define MR_JSON_STRING_MAX 20000000

typedef struct MrJsonConfig {
    MrParseMode mode;
    const MrSettings *settings;
    const char *corrupt_name, *line_sep;
    MrRowTimes times;
    const char *write_line_sep;
    double sampling_ratio;
    MrEncodingId encoding;
    bool primitives_as_string, prefers_decimal, allow_comments, allow_unquoted_names,
        allow_single_quotes, allow_leading_zeros, allow_backslash_any, allow_control,
        allow_non_numeric, multi_line, drop_all_null, infer_timestamp, ignore_null_fields, pretty,
        extended, /* comments or unusual names on                                         */
        copied;   /* what is no string becomes one as mr__json_copy writes it, not as it stands */
} MrJsonConfig;

static inline bool mr__json_blank(char c)
{
    return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}
const char *mr__json_space_comments(const char *at, const char *end);
static inline const char *mr__json_space(const MrJsonConfig *config, const char *at,
                                         const char *end)
{
    while (at < end && mr__json_blank(*at))
        at++;
    if (__builtin_expect(config->allow_comments && at < end && (*at == '/' || *at == '#'), 0))
        return mr__json_space_comments(at, end);
    return at;
}

/* A bit for each of the next 32 bytes that is the quote, a backslash or a control character; *high:
 * a bit for each that is not ASCII. */
static inline uint32_t mr__json_stops(const char *at, char quote, uint32_t *high)
{
#if defined(__AVX2__)
    __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
    __m256i hit =
        _mm256_or_si256(_mm256_or_si256(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(quote)),
                                        _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('\\'))),
                        _mm256_cmpeq_epi8(_mm256_min_epu8(bytes, _mm256_set1_epi8(0x1f)), bytes));
    *high = (uint32_t)_mm256_movemask_epi8(bytes);
    return (uint32_t)_mm256_movemask_epi8(hit);
#elif defined(__SSE2__)
    uint32_t mask = 0;
    *high = 0;
    for (int i = 0; i < 2; i++) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(at + 16 * i));
        __m128i hit = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(quote)),
                                                _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\'))),
                                   _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes));
        *high |= (uint32_t)_mm_movemask_epi8(bytes) << (16 * i);
        mask |= (uint32_t)_mm_movemask_epi8(hit) << (16 * i);
    }
    return mask;
#else
    uint32_t mask = 0;
    *high = 0;
    for (int i = 0; i < 32; i++) {
        unsigned char c = (unsigned char)at[i];
        mask |= (uint32_t)(c == (unsigned char)quote || c == '\\' || c < 0x20) << i;
        *high |= (uint32_t)(c >> 7) << i;
    }
    return mask;
#endif
}

/* The first such byte at or behind at; *high is set when a byte before it is not ASCII.  May look
 * up to 31 bytes behind the end of the chunk's zeros. */
static inline const char *mr__json_string_stop(const char *at, char quote, uint32_t *high)
{
    for (;; at += 32) {
        uint32_t tops, mask = mr__json_stops(at, quote, &tops);
        if (mask) {
            int n = __builtin_ctz(mask);
            *high |= tops & ((1u << n) - 1);
            return at + n;
        }
        *high |= tops;
    }
}

typedef struct MrJsonString {
    const char *data; /* without quotes, escapes as they stand */
    int64_t size_bytes;
    uint32_t high; /* some byte is not ASCII */
    bool escaped;
} MrJsonString;

/* at: the opening quote. */
const char *mr__json_string(const MrJsonConfig *config, const char *at, const char *end,
                            MrJsonString *out);
/* A field's name: a string, or bare when allowed. */
const char *mr__json_name(const MrJsonConfig *config, const char *at, const char *end,
                          MrJsonString *out);
/* Its text: escapes resolved, broken UTF-8 as U+FFFD; borrowed when there is nothing to change.
 * false: a bad escape. */
bool mr__json_text(const MrJsonConfig *config, MrArena *arena, const MrJsonString *string,
                   MrText *out);

typedef enum MrJsonNumber { MR_JSON_INT, MR_JSON_FLOAT, MR_JSON_NOT_FINITE } MrJsonNumber;
const char *mr__json_number(const MrJsonConfig *config, const char *at, const char *end,
                            MrJsonNumber *kind);
/* true, false, null: the word at at, followed by no letter. */
const char *mr__json_word(const char *at, const char *end, const char *word);
/* Any value, checked. */
const char *mr__json_skip(const MrJsonConfig *config, const char *at, const char *end);
/* Any value as Jackson's generator writes it: no blanks, fractions as doubles.  In json_copy.c. */
const char *mr__json_copy(const MrJsonConfig *config, const char *at, const char *end,
                          MrTextBuilder *out);
/* A copy of the text, followed by the zeros that scanners need. */
MrText mr__json_padded(MrArena *arena, MrText text);
bool mr__json_is_quote(const MrJsonConfig *config, char c);
/* NaN, Infinity, -INF ... to its double. */
bool mr__json_not_finite(MrText text, double *out);

/* --- values into vectors (json_value.c) --- */

/* What is wanted of a value. */
typedef struct MrJsonNode MrJsonNode;
struct MrJsonNode {
    const MrType *type;
    MrTextValue text; /* scalars from strings                          */
    int32_t n_fields; /* struct: fields; array: element; map: key, value */
    MrJsonNode *fields;
    MrText *names;  /* struct                                        */
    int32_t *slots; /* struct: hash of names to numbers; -1: free    */
    uint32_t slot_mask;
};
MrStatus mr__json_node_init(const MrJsonConfig *config, MrArena *arena, MrJsonNode *node,
                            const MrType *type, MrError *err);
/* Makes names findable, after they are set. */
void mr__json_node_index(MrJsonNode *node, MrArena *arena);
/* The number of the field, -1: nobody wants it.  hint: the number that is tried first. */
int32_t mr__json_node_find(const MrJsonNode *node, MrText name, int32_t hint);

/* Where values go, and what was wrong with them. */
typedef struct MrJsonValues {
    const MrJsonConfig *config;
    MrEvalContext context;
    MrArena *arena;  /* of the batch that is being filled */
    const char *why; /* the record is bad; NULL: it is not */
    bool failed;     /* the value just read became NULL because it does not fit its type */
} MrJsonValues;

static inline void mr__json_set_valid(MrVector *vec, int64_t row)
{
    if (vec->validity)
        mr_bit_set(vec->validity, row);
}
static inline void mr__json_set_null(MrJsonValues *self, MrVector *vec, int64_t row)
{
    mr_vector_set_null(self->arena, vec, row, vec->cap_items);
}
/* One value at at (no blanks before it) into row; the place behind it, or NULL when it is not JSON.
 */
const char *mr__json_value(MrJsonValues *self, const MrJsonNode *node, const char *at,
                           const char *end, MrVector *vec, int64_t row);
/* At the end of a batch: children of structs, also of those in lists, have as many items as their
 * parent. */
void mr__json_settle(MrVector *vec, int32_t n_items);

/* --- the tables of the format --- */

MrStatus mr__json_configure(MrArena *arena, const MrFormatOptions *options, const void **config,
                            MrError *err);
MrStatus mr__json_infer_begin(const void *config, MrBudget *budget, void **infer, MrError *err);
MrStatus mr__json_infer_feed(void *infer, const MrEvalContext *context, MrChunk *chunk,
                             MrError *err);
MrStatus mr__json_infer_end(void *infer, MrArena *arena, MrSchema *out, MrError *err);
void mr__json_infer_destroy(void *infer);
MrStatus mr__json_write_check(const void *config, const MrSchema *schema, MrError *err);
MrStatus mr__json_write_rows(const void *config, const MrEvalContext *context,
                             const MrSchema *schema, const int32_t *cols, int32_t n_cols,
                             const MrBatch *batch, MrBuffer *out, MrError *err);

#endif
