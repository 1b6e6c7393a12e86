/* rows.c - what the text formats share: options, line borders, encodings. */
#include "format/rows.h"

#include "function/datetime_text.h"
#include "function/time_zone.h"

#include <strings.h>

const MrRowFormat *mr_row_format_find(const char *name)
{
    static const MrRowFormat *const formats[] = {&mr_format_csv, &mr_format_json, &mr_format_text};
    for (int64_t i = 0; i < MR_COUNT(formats); i++)
        if (mr_str_equal_nocase(formats[i]->name, name))
            return formats[i];
    return NULL;
}

const char *mr_format_option(const MrFormatOptions *options, const char *name, const char *fallback)
{
    const char *value = options->get(options->self, name);
    return value ? value : fallback;
}

bool mr_format_option_bool(const MrFormatOptions *options, const char *name, bool fallback)
{
    const char *value = options->get(options->self, name);
    return value ? mr_str_equal_nocase(value, "true") : fallback;
}

MrStatus mr_format_option_int(const MrFormatOptions *options, const char *name, int64_t fallback,
                              int64_t *out, MrError *err)
{
    const char *value = options->get(options->self, name);
    *out = fallback;
    if (value && !mr_text_to_i64(mr_text(value), out))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", name, "functionName",
                       "option", "expectedValue", "a whole number", "actualValue", value);
    return MR_OK;
}

MrStatus mr_format_option_settings(MrArena *arena, const MrFormatOptions *options,
                                   const MrSettings **out, MrError *err)
{
    const char *id = mr_format_option(options, "timeZone", NULL);
    *out = options->settings;
    if (!id || !options->settings || !options->settings->zones)
        return MR_OK;
    MrSettings *settings = MR_NEW(arena, MrSettings);
    *settings = *options->settings;
    settings->zone_id = mr_arena_str(arena, id);
    *out = settings;
    return mr_zone_find(settings->zones, settings->zone_id, &settings->zone, err);
}

#define DATE_LETTERS "GyMLdDqQEF"
#define CLOCK_LETTERS DATE_LETTERS "ahHkKmsS"

static MrStatus times_create(MrArena *arena, const MrRowTimes *times, MrTextFormats *out,
                             MrError *err)
{
    if (times->date)
        MR_TRY(mr_date_pattern_create(arena, times->date, DATE_LETTERS, &out->date, err));
    if (times->timestamp)
        MR_TRY(mr_date_pattern_create(arena, times->timestamp, CLOCK_LETTERS "VOXxZ",
                                      &out->timestamp, err));
    if (times->timestamp_ntz)
        MR_TRY(mr_date_pattern_create(arena, times->timestamp_ntz, CLOCK_LETTERS,
                                      &out->timestamp_ntz, err));
    return MR_OK;
}

void mr_row_times_init(MrArena *arena, const MrFormatOptions *options, MrRowTimes *out)
{
    const char *date = mr_format_option(options, "dateFormat", NULL),
               *timestamp = mr_format_option(options, "timestampFormat", NULL),
               *timestamp_ntz = mr_format_option(options, "timestampNTZFormat", NULL);
    *out = (MrRowTimes){.date = date ? mr_arena_str(arena, date) : NULL,
                        .timestamp = timestamp ? mr_arena_str(arena, timestamp) : NULL,
                        .timestamp_ntz = timestamp_ntz ? mr_arena_str(arena, timestamp_ntz) : NULL};
    MrError told_later = {0};
    (void)times_create(arena, out, &out->formats, &told_later);
}

MrStatus mr_format_option_encoding(const MrFormatOptions *options, const char *format,
                                   MrEncodingId *out, MrError *err)
{
    static const struct {
        const char *name;
        MrEncodingId id;
    } names[] = {
        {"UTF-8", MR_ENC_UTF8},       {"UTF8", MR_ENC_UTF8},        {"ISO-8859-1", MR_ENC_LATIN1},
        {"ISO8859-1", MR_ENC_LATIN1}, {"latin1", MR_ENC_LATIN1},    {"US-ASCII", MR_ENC_ASCII},
        {"ASCII", MR_ENC_ASCII},      {"UTF-16", MR_ENC_UTF16},     {"UTF16", MR_ENC_UTF16},
        {"UTF-16LE", MR_ENC_UTF16LE}, {"UTF-16BE", MR_ENC_UTF16BE}, {"UTF-32", MR_ENC_UTF32},
        {"UTF-32LE", MR_ENC_UTF32LE}, {"UTF-32BE", MR_ENC_UTF32BE}};
    const char *encoding =
        mr_format_option(options, "encoding", mr_format_option(options, "charset", "UTF-8"));
    for (int64_t i = 0; i < MR_COUNT(names); i++)
        if (mr_str_equal_nocase(names[i].name, encoding)) {
            *out = names[i].id;
            return MR_OK;
        }
    return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__CHARSET, "functionName", format,
                   "parameter", "charset", "charset", encoding, "charsets",
                   "UTF-8, ISO-8859-1, US-ASCII, UTF-16, UTF-16LE, UTF-16BE, UTF-32, UTF-32LE, "
                   "UTF-32BE");
}

MrStatus mr_format_option_sampling(const MrFormatOptions *options, const char *format, double *out,
                                   MrError *err)
{
    const char *ratio = mr_format_option(options, "samplingRatio", "1.0");
    if (!mr_text_to_f64(mr_text(ratio), out) || !(*out > 0))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "samplingRatio",
                       "functionName", format, "expectedValue", "a number above 0", "actualValue",
                       ratio);
    return MR_OK;
}

const char *mr_format_option_corrupt_name(MrArena *arena, const MrFormatOptions *options)
{
    const char *name = NULL;
    if (options->settings && options->settings->get)
        name =
            options->settings->get(options->settings->conf, "spark.sql.columnNameOfCorruptRecord");
    return mr_arena_str(arena, mr_format_option(options, "columnNameOfCorruptRecord",
                                                name ? name : "_corrupt_record"));
}

MrStatus mr_row_times_check(const MrRowTimes *times, MrEncodingId encoding, MrError *err)
{
    if (encoding != MR_ENC_UTF8)
        return MR_FAIL_UNSUPPORTED(err, "writing in an encoding other than UTF-8");
    MrBudget budget;
    MrArena arena;
    MrTextFormats formats;
    mr_budget_init(&budget, "patterns", NULL, 1 << 20);
    mr_arena_init(&arena, &budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = times_create(&arena, times, &formats, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    mr_budget_deinit(&budget);
    return status;
}

MrStatus mr_format_option_mode(const MrFormatOptions *options, MrParseMode *out, MrError *err)
{
    const char *mode = mr_format_option(options, "mode", "PERMISSIVE");
    /* Spark warns about an unknown mode and takes PERMISSIVE. */
    *out = mr_str_equal_nocase(mode, "FAILFAST")        ? MR_PARSE_FAIL
           : mr_str_equal_nocase(mode, "DROPMALFORMED") ? MR_PARSE_DROP
                                                        : MR_PARSE_PERMISSIVE;
    return MR_OK;
}

const char *mr_line_next(const char *at, const char *end, const char *line_sep,
                         const char **line_end)
{
    if (line_sep) {
        size_t n = strlen(line_sep);
        const char *hit = memmem(at, (size_t)(end - at), line_sep, n);
        *line_end = hit ? hit : end;
        return hit ? hit + n : end;
    }
    const char *feed = memchr(at, '\n', (size_t)(end - at));
    const char *back = memchr(at, '\r', (size_t)((feed ? feed : end) - at));
    if (back) {
        *line_end = back;
        return back + 1 < end && back[1] == '\n' ? back + 2 : back + 1;
    }
    *line_end = feed ? feed : end;
    return feed ? feed + 1 : end;
}

MrStatus mr_record_fail(const MrChunk *chunk, MrText record, const char *why, MrError *err)
{
    char shown[80];
    snprintf(shown, sizeof shown, "%.*s%s", (int)(record.size_bytes < 64 ? record.size_bytes : 64),
             record.data, record.size_bytes > 64 ? "..." : "");
    MrStatus status = MR_FAIL(err, MR_COND_MALFORMED_RECORD_IN_PARSING__WITHOUT_SUGGESTION,
                              "badRecord", shown, "failFastMode", "FAILFAST");
    mr_error_add(err, "in file '%s', at byte %lld: %s", chunk->file,
                 (long long)(chunk->offset + (record.data - chunk->begin)), why);
    return status;
}

MrText mr_utf8_repair(MrArena *arena, MrText text)
{
    if (mr_utf8_valid(text.data, text.size_bytes))
        return text;
    /* Each broken byte becomes three at most. */
    char *data = mr_arena_alloc(arena, text.size_bytes * 3), *to = data;
    for (int64_t i = 0; i < text.size_bytes;) {
        int32_t n_bytes;
        int32_t c = mr_utf8_next(text.data + i, text.size_bytes - i, &n_bytes);
        if (c < 0) {
            memcpy(to, "\xef\xbf\xbd", 3);
            to += 3;
        } else {
            memcpy(to, text.data + i, (size_t)n_bytes);
            to += n_bytes;
        }
        i += n_bytes;
    }
    return (MrText){data, to - data};
}

static int32_t unit16(const uint8_t *at, bool big)
{
    return big ? at[0] << 8 | at[1] : at[1] << 8 | at[0];
}

MrStatus mr_encoding_to_utf8(MrEncodingId encoding, const char *data, int64_t size_bytes,
                             MrBuffer *out, MrError *err)
{
    const uint8_t *at = (const uint8_t *)data, *end = at + size_bytes;
    MR_TRY(mr_buffer_reserve(out, size_bytes * 2 + 4,
                             err)); /* 2 bytes give 3, 4 give 4, 1 gives 2 or 3 */
    if (encoding == MR_ENC_ASCII)
        MR_TRY(mr_buffer_reserve(out, size_bytes * 3, err));
    char *to = out->data + out->size_bytes;
    switch (encoding) {
    case MR_ENC_UTF8:
        memcpy(to, data, (size_t)size_bytes);
        to += size_bytes;
        break;
    case MR_ENC_LATIN1:
    case MR_ENC_ASCII:
        for (; at < end; at++)
            to += mr_utf8_put(*at < 0x80 || encoding == MR_ENC_LATIN1 ? *at : 0xFFFD, to);
        break;
    case MR_ENC_UTF16:
    case MR_ENC_UTF16LE:
    case MR_ENC_UTF16BE: {
        bool big = encoding != MR_ENC_UTF16LE;
        if (end - at >= 2 && (unit16(at, true) == 0xFEFF || unit16(at, true) == 0xFFFE)) {
            big = encoding == MR_ENC_UTF16 ? unit16(at, true) == 0xFEFF : big;
            at += unit16(at, big) == 0xFEFF ? 2 : 0;
        }
        for (; end - at >= 2; at += 2) {
            int32_t c = unit16(at, big);
            if (c >= 0xD800 && c < 0xE000) {
                int32_t low = end - at >= 4 ? unit16(at + 2, big) : 0;
                if (c < 0xDC00 && low >= 0xDC00 && low < 0xE000) {
                    c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
                    at += 2;
                } else {
                    c = 0xFFFD;
                }
            }
            to += mr_utf8_put(c, to);
        }
        if (at < end)
            to += mr_utf8_put(0xFFFD, to);
        break;
    }
    case MR_ENC_UTF32:
    case MR_ENC_UTF32LE:
    case MR_ENC_UTF32BE: {
        bool big = encoding != MR_ENC_UTF32LE;
        if (encoding == MR_ENC_UTF32 && end - at >= 4 && at[0] == 0xFF && at[1] == 0xFE &&
            at[2] == 0 && at[3] == 0)
            big = false;
        for (bool first = true; end - at >= 4; at += 4, first = false) {
            uint32_t c =
                big ? (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3]
                    : (uint32_t)at[3] << 24 | (uint32_t)at[2] << 16 | (uint32_t)at[1] << 8 | at[0];
            if (first && c == 0xFEFF)
                continue;
            to +=
                mr_utf8_put(c < 0xD800 || (c >= 0xE000 && c < 0x110000) ? (int32_t)c : 0xFFFD, to);
        }
        if (at < end)
            to += mr_utf8_put(0xFFFD, to);
        break;
    }
    }
    out->size_bytes = to - out->data;
    return MR_OK;
}
