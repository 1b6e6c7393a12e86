/* csv_field.c - CSV's options, and cutting records into fields as univocity's parser does for
 * Spark.
 *
 * Quotes count at the start of a field only.  Inside, the escape character before a quote gives a
 * quote, doubled it gives itself, elsewhere it stands for itself; when escape is the quote,
 * doubling is the escape; when it is not, quotes in a row stand for one fewer.  A quote that
 * neither closes nor is escaped makes the field plain text up to the next separator, opening quote
 * included (unescapedQuoteHandling has the other ways). */
#include "format/csv_int.h"

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

/* First byte at or behind at that is the separator's first, or (lines) a line end; end when none.
 */
static inline const char *plain_stop(const char *at, const char *end, char sep, bool lines)
{
#if defined(__AVX2__)
    const __m256i seps = _mm256_set1_epi8(sep), feed = _mm256_set1_epi8('\n'),
                  back = _mm256_set1_epi8('\r');
    for (; at < end; at += 32) {
        __m256i bytes = _mm256_loadu_si256((const __m256i *)(const void *)at);
        __m256i hit = _mm256_cmpeq_epi8(bytes, seps);
        if (lines)
            hit = _mm256_or_si256(hit, _mm256_or_si256(_mm256_cmpeq_epi8(bytes, feed),
                                                       _mm256_cmpeq_epi8(bytes, back)));
        uint32_t mask = (uint32_t)_mm256_movemask_epi8(hit);
        if (mask) {
            at += __builtin_ctz(mask);
            return at < end ? at : end;
        }
    }
    return end;
#elif defined(__SSE2__)
    const __m128i seps = _mm_set1_epi8(sep), feed = _mm_set1_epi8('\n'), back = _mm_set1_epi8('\r');
    for (; at < end; at += 16) {
        __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)at);
        __m128i hit = _mm_cmpeq_epi8(bytes, seps);
        if (lines)
            hit = _mm_or_si128(
                hit, _mm_or_si128(_mm_cmpeq_epi8(bytes, feed), _mm_cmpeq_epi8(bytes, back)));
        uint32_t mask = (uint32_t)_mm_movemask_epi8(hit);
        if (mask) {
            at += __builtin_ctz(mask);
            return at < end ? at : end;
        }
    }
    return end;
#else
    while (at < end && *at != sep && !(lines && (*at == '\n' || *at == '\r')))
        at++;
    return at;
#endif
}

static bool is_sep(const MrCsvConfig *config, const char *at, const char *end)
{
    return end - at >= config->n_sep && memcmp(at, config->sep, (size_t)config->n_sep) == 0;
}

static bool is_line_end(const MrCsvConfig *config, const char *at, const char *end)
{
    if (!config->multi_line)
        return false;
    if (config->line_sep) {
        int64_t n = (int64_t)strlen(config->line_sep);
        return end - at >= n && memcmp(at, config->line_sep, (size_t)n) == 0;
    }
    return *at == '\n' || *at == '\r';
}

const char *mr__csv_line_over(const MrCsvConfig *config, const char *at, const char *end)
{
    if (at >= end)
        return end;
    if (config->line_sep)
        return is_line_end(config, at, end) ? at + strlen(config->line_sep) : at;
    if (*at == '\r')
        return at + 1 < end && at[1] == '\n' ? at + 2 : at + 1;
    return *at == '\n' ? at + 1 : at;
}

/* Where a field that is read as plain text stops. */
static const char *plain_end(const MrCsvConfig *config, const char *at, const char *end)
{
    bool lines = config->multi_line && !config->line_sep;
    if (config->n_sep == 1 && !(config->multi_line && config->line_sep))
        return plain_stop(at, end, config->sep[0], lines);
    while (at < end && !is_sep(config, at, end) && !is_line_end(config, at, end))
        at++;
    return at;
}

static MrCsvStop field_over(const MrCsvConfig *config, const char **at, const char *end)
{
    if (*at < end && is_sep(config, *at, end)) {
        *at += config->n_sep;
        return MR_CSV_MORE;
    }
    return MR_CSV_ROW;
}

static MrText trimmed(const MrCsvConfig *config, MrText text)
{
    if (config->leading_trim)
        while (text.size_bytes > 0 && (unsigned char)*text.data <= ' ')
            text.data++, text.size_bytes--;
    if (config->trailing_trim)
        while (text.size_bytes > 0 && (unsigned char)text.data[text.size_bytes - 1] <= ' ')
            text.size_bytes--;
    return text;
}

/* The inside of a quoted field without its escapes. */
static MrText unescaped(const MrCsvConfig *config, MrText raw, MrArena *arena)
{
    char *data = mr_arena_alloc(arena, raw.size_bytes), *to = data;
    for (int64_t i = 0; i < raw.size_bytes; i++) {
        char c = raw.data[i], next = i + 1 < raw.size_bytes ? raw.data[i + 1] : 0;
        bool has_next = i + 1 < raw.size_bytes;
        if (has_next &&
            ((c == config->escape && next == config->quote) ||
             (config->escape_escape && c == config->escape_escape && next == config->escape)))
            c = raw.data[++i];
        *to++ = c;
    }
    return (MrText){data, to - data};
}

static MrCsvStop quoted_field(const MrCsvConfig *config, const char **place, const char *end,
                              MrArena *arena, MrCsvField *out)
{
    const char *open = *place, *at = open + 1, *begin = at;
    bool escapes = false;
    for (;;) {
        while (at < end && *at != config->quote && *at != config->escape)
            at++;
        if (at >= end) { /* never closed */
            out->text = begin < end ? (MrText){begin, end - begin} : (MrText){open, 1};
            *place = end;
            return MR_CSV_OPEN;
        }
        if (*at == config->escape &&
            (config->escape != config->quote || (at + 1 < end && at[1] == config->quote))) {
            bool pair = at + 1 < end &&
                        (at[1] == config->quote ||
                         (config->escape_escape == config->escape && at[1] == config->escape));
            escapes |= pair;
            at += pair ? 2 : 1;
            continue;
        }
        if (config->escape != config->quote) /* of quotes in a row all but the last are text */
            while (at + 1 < end && at[1] == config->quote)
                at++;
        const char *close = at++; /* a quote */
        while (at < end && (unsigned char)*at <= ' ' && !is_sep(config, at, end) &&
               !is_line_end(config, at, end))
            at++;
        if (at >= end || is_sep(config, at, end) || is_line_end(config, at, end)) {
            MrText raw = {begin, close - begin};
            out->text = escapes && arena ? unescaped(config, raw, arena) : raw;
            out->quoted = true;
            *place = at;
            return field_over(config, place, end);
        }
        switch (config->unescaped) {
        case MR_CSV_RAISE_ERROR:
            *place = plain_end(config, at, end);
            return MR_CSV_BAD;
        case MR_CSV_STOP_AT_CLOSING_QUOTE: /* the quote is text; go on inside */
            at = close + 1;
            continue;
        case MR_CSV_SKIP_VALUE:
            at = plain_end(config, at, end);
            out->text = config->null_value;
            break;
        case MR_CSV_BACK_TO_DELIMITER:
            at = open;
            /* fallthrough */
        case MR_CSV_STOP_AT_DELIMITER:
            at = plain_end(config, at, end);
            out->text = (MrText){open, at - open};
            break;
        }
        *place = at;
        return field_over(config, place, end);
    }
}

MrCsvStop mr__csv_field(const MrCsvConfig *config, const char **place, const char *end,
                        MrArena *arena, MrCsvField *out)
{
    const char *at = *place;
    out->quoted = false;
    if (__builtin_expect(config->leading_trim, 0))
        while (at < end && (unsigned char)*at <= ' ' && !is_sep(config, at, end) &&
               !is_line_end(config, at, end))
            at++;
    if (at < end && config->quote && *at == config->quote) {
        *place = at;
        return quoted_field(config, place, end, arena, out);
    }
    const char *stop = plain_end(config, at, end);
    out->text = trimmed(config, (MrText){at, stop - at});
    *place = stop;
    return field_over(config, place, end);
}

const char *mr__csv_record(const MrCsvConfig *config, const char **place, const char *end,
                           const char **line_end)
{
    const char *at = *place;
    while (at < end) {
        const char *stop, *next;
        if (config->multi_line) {
            next = mr__csv_line_over(config, at, end);
            if (next != at) { /* an empty line */
                at = next;
                continue;
            }
            if (!config->comment || *at != config->comment) {
                *place = at;
                *line_end = end;
                return at;
            }
            at = mr_line_next(at, end, config->line_sep, &stop);
            continue;
        }
        next = mr_line_next(at, end, config->line_sep, &stop);
        const char *first = at;
        while (first < stop && (unsigned char)*first <= ' ')
            first++;
        if (first < stop && (!config->comment || *at != config->comment)) {
            *place = next;
            *line_end = stop;
            return at;
        }
        at = next;
    }
    *place = end;
    return NULL;
}

bool mr__csv_is_null(const MrCsvConfig *config, const MrCsvField *field)
{
    if (field->text.size_bytes == 0 && !field->quoted)
        return true;
    return mr_text_equal(field->text.size_bytes == 0 ? config->empty_value : field->text,
                         config->null_value);
}

MrStatus mr__csv_value_init(const MrCsvConfig *config, MrTextValue *value, MrArena *arena,
                            const MrType *type, MrError *err)
{
    const char *format = type->kind == MR_TYPE_DATE            ? config->times.date
                         : type->kind == MR_TYPE_TIMESTAMP     ? config->times.timestamp
                         : type->kind == MR_TYPE_TIMESTAMP_NTZ ? config->times.timestamp_ntz
                                                               : NULL;
    if (mr_type_is_nested(type))
        return MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "CSV",
                       "columnName", "", "columnType", mr_type_sql_text(arena, type));
    return mr_text_value_init(value, arena, config->settings, type, format, err);
}

bool mr__csv_value_set(const MrCsvConfig *config, const MrTextValue *value,
                       const MrEvalContext *context, MrArena *arena, MrText text, MrVector *vec,
                       int64_t row)
{
    MrTypeKind kind = value->type->kind;
    if (kind == MR_TYPE_DOUBLE || kind == MR_TYPE_FLOAT) {
        double f64 = mr_text_equal(text, config->nan_value)      ? __builtin_nan("")
                     : mr_text_equal(text, config->positive_inf) ? __builtin_inf()
                     : mr_text_equal(text, config->negative_inf) ? -__builtin_inf()
                                                                 : 0;
        if (f64 != 0) {
            if (kind == MR_TYPE_DOUBLE)
                vec->f64[row] = f64;
            else
                vec->f32[row] = (float)f64;
            return true;
        }
    }
    return mr_text_value_set(value, context, arena, text, vec, row);
}
