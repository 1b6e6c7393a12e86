/* json.c - JSON documents as trees, for our own files and options; data goes through format/. */
#include "base/json.h"

#include "base/hash.h"
#include "base/int128.h"

#include <stdio.h>

typedef struct JsonReader {
    MrArena *arena;
    const char *begin, *at, *end;
    const char *what;
    MrError *err;
} JsonReader;

static MrStatus json_bad(JsonReader *reader, const char *why)
{
    return mr_error_raisef(reader->err, MR_COND_MALFORMED_LOG_FILE, "text", "%s: %s at byte %lld",
                           reader->what, why, (long long)(reader->at - reader->begin));
}

static void json_skip_blanks(JsonReader *reader)
{
    while (reader->at < reader->end && (*reader->at == ' ' || *reader->at == '\t' ||
                                        *reader->at == '\n' || *reader->at == '\r'))
        reader->at++;
}

static int json_hex4(const char *at)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static MrStatus json_escape(JsonReader *reader, MrTextBuilder *text)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (reader->at >= reader->end)
        return json_bad(reader, "string without an end");
    char c = *reader->at++;
    const char *found = memchr(from, c, sizeof(from) - 1);
    if (found) {
        mr_builder_char(text, to[found - from]);
        return MR_OK;
    }
    if (c != 'u' || reader->end - reader->at < 4)
        return json_bad(reader, "unknown escape");
    int code = json_hex4(reader->at);
    if (code < 0)
        return json_bad(reader, "bad \\u escape");
    reader->at += 4;
    if (code >= 0xD800 && code < 0xDC00 && reader->end - reader->at >= 6 && reader->at[0] == '\\' &&
        reader->at[1] == 'u') {
        int low = json_hex4(reader->at + 2);
        if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
            reader->at += 6;
        }
    }
    if (code >= 0xD800 && code < 0xE000)
        code = 0xFFFD;
    char utf8[4];
    mr_builder_put(text, utf8, mr_utf8_put(code, utf8));
    return MR_OK;
}

static MrStatus json_string(JsonReader *reader, MrText *out)
{
    MrTextBuilder text = {.arena = reader->arena};
    reader->at++; /* the quote */
    for (;;) {
        const char *run = reader->at;
        while (reader->at < reader->end && *reader->at != '"' && *reader->at != '\\' &&
               (unsigned char)*reader->at >= 0x20)
            reader->at++;
        mr_builder_put(&text, run, reader->at - run);
        if (reader->at >= reader->end)
            return json_bad(reader, "string without an end");
        char c = *reader->at++;
        if (c == '"')
            break;
        if (c != '\\')
            return json_bad(reader, "control character in a string");
        MR_TRY(json_escape(reader, &text));
    }
    *out = mr_builder_text(&text);
    return MR_OK;
}

/* How many digits stand here; they are passed over. */
static int64_t json_digits(JsonReader *reader)
{
    const char *begin = reader->at;
    while (reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9')
        reader->at++;
    return reader->at - begin;
}

static MrStatus json_number(JsonReader *reader, MrText *out)
{
    const char *begin = reader->at;
    if (*reader->at == '-')
        reader->at++;
    bool zero = reader->at < reader->end && *reader->at == '0';
    int64_t n_whole = json_digits(reader);
    bool good = n_whole > 0 && (!zero || n_whole == 1);
    if (good && reader->at < reader->end && *reader->at == '.') {
        reader->at++;
        good = json_digits(reader) > 0;
    }
    if (good && reader->at < reader->end && (*reader->at == 'e' || *reader->at == 'E')) {
        reader->at++;
        if (reader->at < reader->end && (*reader->at == '+' || *reader->at == '-'))
            reader->at++;
        good = json_digits(reader) > 0;
    }
    *out = (MrText){begin, reader->at - begin};
    return good ? MR_OK : json_bad(reader, "not a number");
}

static bool json_word(JsonReader *reader, MrText word)
{
    if (reader->end - reader->at < word.size_bytes ||
        memcmp(reader->at, word.data, (size_t)word.size_bytes) != 0)
        return false;
    reader->at += word.size_bytes;
    return true;
}

static MrStatus json_value(JsonReader *reader, int depth, MrJson **out);

static MrStatus json_items(JsonReader *reader, int depth, MrJson *holder)
{
    char close = *reader->at++ == '{' ? '}' : ']';
    MrJson **tail = &holder->first;
    holder->kind = close == '}' ? MR_JSON_OBJECT : MR_JSON_ARRAY;
    json_skip_blanks(reader);
    if (reader->at < reader->end && *reader->at == close) {
        reader->at++;
        return MR_OK;
    }
    for (;;) {
        MrText key = {0};
        json_skip_blanks(reader);
        if (holder->kind == MR_JSON_OBJECT) {
            if (reader->at >= reader->end || *reader->at != '"')
                return json_bad(reader, "a key must be a string");
            MR_TRY(json_string(reader, &key));
            json_skip_blanks(reader);
            if (reader->at >= reader->end || *reader->at++ != ':')
                return json_bad(reader, "a colon is missing");
        }
        MR_TRY(json_value(reader, depth + 1, tail));
        (*tail)->key = holder->kind == MR_JSON_OBJECT ? key.data : NULL;
        tail = &(*tail)->next;
        holder->n_items++;
        json_skip_blanks(reader);
        if (reader->at >= reader->end)
            return json_bad(reader, "the end is missing");
        char c = *reader->at++;
        if (c == close)
            return MR_OK;
        if (c != ',')
            return json_bad(reader, "a comma is missing");
    }
}

static MrStatus json_value(JsonReader *reader, int depth, MrJson **out)
{
    if (depth > MR_JSON_MAX_DEPTH)
        return json_bad(reader, "nested too deeply");
    json_skip_blanks(reader);
    if (reader->at >= reader->end)
        return json_bad(reader, "a value is missing");
    MrJson *value = MR_NEW(reader->arena, MrJson);
    *out = value;
    switch (*reader->at) {
    case '{':
    case '[':
        return json_items(reader, depth, value);
    case '"':
        value->kind = MR_JSON_STRING;
        return json_string(reader, &value->text);
    default:
        break;
    }
    if (json_word(reader, MR_TEXT("null")))
        return MR_OK;
    value->kind = MR_JSON_BOOL;
    value->boolean = json_word(reader, MR_TEXT("true"));
    if (value->boolean || json_word(reader, MR_TEXT("false")))
        return MR_OK;
    value->kind = MR_JSON_NUMBER;
    if (*reader->at != '-' && (*reader->at < '0' || *reader->at > '9'))
        return json_bad(reader, "not a value");
    return json_number(reader, &value->text);
}

MrStatus mr_json_parse(MrArena *arena, MrText text, const char *what, MrJson **out, MrError *err)
{
    JsonReader reader = {.arena = arena,
                         .begin = text.data,
                         .at = text.data,
                         .end = text.data + text.size_bytes,
                         .what = what,
                         .err = err};
    if (text.size_bytes > MR_JSON_MAX_BYTES)
        return json_bad(&reader, "longer than the limit");
    MR_TRY(json_value(&reader, 0, out));
    json_skip_blanks(&reader);
    return reader.at == reader.end ? MR_OK : json_bad(&reader, "text after the value");
}

const MrJson *mr_json_get(const MrJson *object, const char *key)
{
    if (!object || object->kind != MR_JSON_OBJECT)
        return NULL;
    for (const MrJson *item = object->first; item; item = item->next)
        if (strcmp(item->key, key) == 0)
            return item;
    return NULL;
}

const char *mr_json_str(const MrJson *object, const char *key)
{
    const MrJson *item = mr_json_get(object, key);
    return item && item->kind == MR_JSON_STRING ? item->text.data : NULL;
}

int64_t mr_json_i64(const MrJson *object, const char *key, int64_t otherwise)
{
    const MrJson *item = mr_json_get(object, key);
    int64_t value;
    return item && item->kind == MR_JSON_NUMBER && mr_text_to_i64(item->text, &value) ? value
                                                                                      : otherwise;
}

bool mr_json_bool(const MrJson *object, const char *key, bool otherwise)
{
    const MrJson *item = mr_json_get(object, key);
    return item && item->kind == MR_JSON_BOOL ? item->boolean : otherwise;
}

void mr_json_put_string(MrTextBuilder *out, MrText text)
{
    mr_builder_char(out, '"');
    for (int64_t i = 0; i < text.size_bytes;) {
        unsigned char c = (unsigned char)text.data[i];
        int32_t n_bytes = 1;
        if (c == '"' || c == '\\') {
            mr_builder_char(out, '\\');
            mr_builder_char(out, (char)c);
        } else if (c < 0x20) {
            if (c == '\n')
                mr_builder_str(out, "\\n");
            else if (c == '\t')
                mr_builder_str(out, "\\t");
            else if (c == '\r')
                mr_builder_str(out, "\\r");
            else
                mr_builder_printf(out, "\\u%04x", c);
        } else if (c < 0x80) {
            mr_builder_char(out, (char)c);
        } else if (mr_utf8_next(text.data + i, text.size_bytes - i, &n_bytes) < 0) {
            mr_builder_str(out, "\xEF\xBF\xBD");
        } else {
            mr_builder_put(out, text.data + i, n_bytes);
        }
        i += n_bytes;
    }
    mr_builder_char(out, '"');
}

void mr_json_put_member(MrTextBuilder *out, const char *key, const char *value)
{
    mr_json_put_string(out, mr_text(key));
    mr_builder_char(out, ':');
    if (value)
        mr_json_put_string(out, mr_text(value));
    else
        mr_builder_str(out, "null");
}

#define CRC_KEY ",\n  \"crc32c\": \""
#define CRC_END "\"\n}\n"

void mr_json_end_checked(MrTextBuilder *out)
{
    uint32_t crc = mr_crc32c(out->data, out->size_bytes, 0);
    mr_builder_printf(out, CRC_KEY "%08x" CRC_END, crc);
}

MrStatus mr_json_check(MrText text, const char *what, MrError *err)
{
    char wanted[sizeof CRC_KEY + 8 + sizeof CRC_END];
    int64_t n_end = (int64_t)sizeof CRC_KEY - 1 + 8 + (int64_t)sizeof CRC_END - 1;
    int64_t n_before = text.size_bytes - n_end;
    if (n_before >= 0) {
        snprintf(wanted, sizeof wanted, CRC_KEY "%08x" CRC_END, mr_crc32c(text.data, n_before, 0));
        if (memcmp(text.data + n_before, wanted, (size_t)n_end) == 0)
            return MR_OK;
    }
    return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text",
                           "%s is damaged: its last line is not the CRC of what stands before it",
                           what);
}
