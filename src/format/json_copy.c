/* json_copy.c - a value as Jackson's generator writes what its parser has read.
 *
 * This is how get_json_object answers and how from_json makes a string of what is none: blanks go,
 * names and strings stand in double quotes with no more escapes than needed, a number with a
 * fraction or an exponent goes through a double. */
#include "format/json_int.h"

#include "base/json.h"

typedef struct JsonCopy {
    const MrJsonConfig *config;
    const char *end;
    MrTextBuilder *out;
} JsonCopy;

static void copy_number(JsonCopy *self, MrText text, MrJsonNumber kind)
{
    char shown[64];
    double value;
    if (kind == MR_JSON_INT) {
        bool minus = text.data[0] == '-';
        text = (MrText){text.data + minus, text.size_bytes - minus};
        while (text.size_bytes > 1 && text.data[0] == '0')
            text = (MrText){text.data + 1, text.size_bytes - 1};
        if (minus && text.data[0] != '0')
            mr_builder_char(self->out, '-');
        mr_builder_put(self->out, text.data, text.size_bytes);
        return;
    }
    if (kind == MR_JSON_NOT_FINITE ? !mr__json_not_finite(text, &value)
                                   : !mr_text_to_f64_java(text, false, &value))
        value = 0; /* the scanner lets no such text through */
    int32_t n = mr_f64_to_text(value, shown);
    bool finite = value - value == 0;
    if (!finite)
        mr_builder_char(self->out, '"');
    mr_builder_put(self->out, shown, n);
    if (!finite)
        mr_builder_char(self->out, '"');
}

static const char *copy_string(JsonCopy *self, const char *at, const MrJsonString *string)
{
    MrText text;
    if (!at || !mr__json_text(self->config, self->out->arena, string, &text))
        return NULL;
    mr_json_put_string(self->out, text);
    return at;
}

static const char *copy_value(JsonCopy *self, const char *at, int depth);

static const char *copy_nested(JsonCopy *self, const char *at, int depth)
{
    const MrJsonConfig *config = self->config;
    const char *end = self->end;
    bool is_object = *at == '{';
    char closing = is_object ? '}' : ']';
    if (depth >= MR_JSON_DEPTH_MAX)
        return NULL;
    mr_builder_char(self->out, *at);
    at = mr__json_space(config, at + 1, end);
    for (int64_t n = 0; at < end && (n > 0 || *at != closing); n++) {
        mr_poll_item(n);
        if (n > 0)
            mr_builder_char(self->out, ',');
        if (is_object) {
            MrJsonString name;
            at = copy_string(self, mr__json_name(config, at, end, &name), &name);
            at = at ? mr__json_space(config, at, end) : end;
            if (at >= end || *at != ':')
                return NULL;
            mr_builder_char(self->out, ':');
            at++;
        }
        at = copy_value(self, at, depth + 1);
        if (!at)
            return NULL;
        at = mr__json_space(config, at, end);
        if (at >= end || *at == closing)
            break;
        if (*at != ',')
            return NULL;
        at = mr__json_space(config, at + 1, end);
    }
    if (at >= end)
        return NULL;
    mr_builder_char(self->out, closing);
    return at + 1;
}

static const char *copy_value(JsonCopy *self, const char *at, int depth)
{
    MrJsonString string;
    MrJsonNumber kind;
    const char *stop;
    at = mr__json_space(self->config, at, self->end);
    if (at >= self->end)
        return NULL;
    if (mr__json_is_quote(self->config, *at))
        return copy_string(self, mr__json_string(self->config, at, self->end, &string), &string);
    switch (*at) {
    case '{':
    case '[':
        return copy_nested(self, at, depth);
    case 't':
    case 'f':
    case 'n':
        stop = mr__json_word(at, self->end, *at == 't' ? "true" : *at == 'f' ? "false" : "null");
        if (stop)
            mr_builder_put(self->out, at, stop - at);
        return stop;
    default:
        stop = mr__json_number(self->config, at, self->end, &kind);
        if (stop)
            copy_number(self, (MrText){at, stop - at}, kind);
        return stop;
    }
}

const char *mr__json_copy(const MrJsonConfig *config, const char *at, const char *end,
                          MrTextBuilder *out)
{
    JsonCopy self = {config, end, out};
    return copy_value(&self, at, 0);
}
