/* json_path.c - functions that look into a JSON text without a type: get_json_object,
 * json_array_length, json_object_keys.
 *
 * The text is walked once, by the scanners of the reader; what is found is copied (json_copy.c).
 * As Spark does (and Hive did), single quotes and bare control characters are taken; what stands
 * behind the value is not looked at. */
#include "format/json_int.h"

static const MrJsonConfig hive_config = {.allow_single_quotes = true, .allow_control = true};

/* --- paths ------------------------------------------------------------------------------------ */

typedef struct PathStep {
    MrText name;   /* data NULL: an index */
    int64_t index; /* -1: all */
} PathStep;

#define PATH_MAX_STEPS 64

/* $.name['name'][0][*]; -1: it is no path. */
static int32_t path_read(MrText text, PathStep *steps)
{
    int32_t n = 0;
    const char *at = text.data + 1, *end = text.data + text.size_bytes;
    if (text.size_bytes == 0 || *text.data != '$')
        return -1;
    while (at < end) {
        if (n == PATH_MAX_STEPS)
            return -1;
        PathStep *step = &steps[n++];
        *step = (PathStep){.index = -1};
        const char *from = at + 1, *stop = from;
        if (*at == '.') {
            while (stop < end && *stop != '.' && *stop != '[')
                stop++;
            step->name = (MrText){from, stop - from};
            if (stop == from || mr_text_equal(step->name, MR_TEXT("*")))
                return -1;
            at = stop;
            continue;
        }
        stop = *at == '[' ? memchr(from, ']', (size_t)(end - from)) : NULL;
        if (!stop)
            return -1;
        MrText inner = {from, stop - from};
        if (inner.size_bytes >= 2 && *from == '\'' && stop[-1] == '\'')
            step->name = (MrText){from + 1, inner.size_bytes - 2};
        else if (!mr_text_equal(inner, MR_TEXT("*")) &&
                 (!mr_text_to_i64(inner, &step->index) || step->index < 0))
            return -1;
        at = stop + 1;
    }
    return n;
}

static bool is_wildcard(const PathStep *steps, int32_t n, int32_t i)
{
    return i < n && !steps[i].name.data && steps[i].index < 0;
}

/* How what is found is written: raw strings without quotes until a [*] was met; FLAT takes arrays
 * apart. */
typedef enum PathStyle { PATH_RAW, PATH_QUOTED, PATH_FLAT } PathStyle;

/* What is written to: values of one array or of none, separated by commas. */
typedef struct PathOut {
    MrTextBuilder *text;
    bool comma; /* a value stands before the next one */
} PathOut;

static void out_comma(PathOut *out)
{
    if (out->comma)
        mr_builder_char(out->text, ',');
    out->comma = true;
}

/* Hidden depth: arrays taken apart. */
static const char *path_value(const PathStep *steps, int32_t n, PathStyle style, const char *at,
                              const char *end, PathOut *out, int depth, bool *found);

static const char *skip_element(const char *at, const char *end)
{
    return mr__json_skip(&hive_config, at, end);
}

/* Behind a value in an array or object: at the next one, or at what closes it.  NULL: not JSON. */
static const char *next_item(const char *at, const char *end, char closing, bool *done)
{
    if (!at)
        return NULL;
    at = mr__json_space(&hive_config, at, end);
    *done = at < end && *at == closing;
    if (*done)
        return at;
    return at < end && *at == ',' ? mr__json_space(&hive_config, at + 1, end) : NULL;
}

/* at: behind the bracket, blanks skipped.  Runs the path over one element (only >= 0) or all;
 * *n_found: how many gave something. */
static const char *path_elements(const PathStep *steps, int32_t n, PathStyle style, int64_t only,
                                 const char *at, const char *end, PathOut *out, int depth,
                                 int64_t *n_found)
{
    bool done = at < end && *at == ']';
    for (int64_t i = 0; !done; i++) {
        mr_poll_item(i);
        bool found = false;
        at = only < 0 || only == i ? path_value(steps, n, style, at, end, out, depth + 1, &found)
                                   : skip_element(at, end);
        *n_found += found;
        at = next_item(at, end, ']', &done);
        if (!at)
            return NULL;
    }
    return at + 1;
}

static const char *path_array(const PathStep *steps, int32_t n, PathStyle style, const char *at,
                              const char *end, PathOut *out, int depth, bool *found)
{
    int64_t n_found = 0;
    at = mr__json_space(&hive_config, at + 1, end);
    if (n == 0) { /* taken apart */
        at = path_elements(steps, 0, style, -1, at, end, out, depth, &n_found);
    } else if (!is_wildcard(steps, n, 0)) {
        at = path_elements(steps + 1, n - 1, is_wildcard(steps, n, 1) ? PATH_QUOTED : style,
                           steps[0].index, at, end, out, depth, &n_found);
    } else if (is_wildcard(steps, n, 1) || style == PATH_QUOTED) {
        bool both = is_wildcard(steps, n, 1);
        PathOut items = {.text = out->text};
        out_comma(out);
        mr_builder_char(out->text, '[');
        at = path_elements(steps + 1 + both, n - 1 - both, both ? PATH_FLAT : PATH_QUOTED, -1, at,
                           end, &items, depth, &n_found);
        mr_builder_char(out->text, ']');
    } else { /* brackets around more than one only, as in Hive */
        MrTextBuilder text = {.arena = out->text->arena};
        PathOut items = {.text = &text};
        at = path_elements(steps + 1, n - 1, style == PATH_RAW ? PATH_QUOTED : style, -1, at, end,
                           &items, depth, &n_found);
        if (n_found > 0) {
            out_comma(out);
            if (n_found > 1)
                mr_builder_char(out->text, '[');
            mr_builder_put(out->text, text.data, text.size_bytes);
            if (n_found > 1)
                mr_builder_char(out->text, ']');
        }
    }
    *found = n_found > 0;
    return at;
}

/* The first member of the name that gives something. */
static const char *path_member(const PathStep *steps, int32_t n, PathStyle style, const char *at,
                               const char *end, PathOut *out, int depth, bool *found)
{
    at = mr__json_space(&hive_config, at + 1, end);
    bool done = at < end && *at == '}';
    for (int64_t i = 0; !done; i++) {
        mr_poll_item(i);
        MrJsonString name;
        MrText text;
        at = mr__json_name(&hive_config, at, end, &name);
        if (!at || !mr__json_text(&hive_config, out->text->arena, &name, &text))
            return NULL;
        at = mr__json_space(&hive_config, at, end);
        if (at >= end || *at != ':')
            return NULL;
        at = mr__json_space(&hive_config, at + 1, end);
        bool wanted = !*found && mr_text_equal(text, steps[0].name) && at < end && *at != 'n';
        at = wanted ? path_value(steps + 1, n - 1, style, at, end, out, depth + 1, found)
                    : skip_element(at, end);
        at = next_item(at, end, '}', &done);
        if (!at)
            return NULL;
    }
    return at + 1;
}

/* The value at at; the place behind it, or NULL when it is not JSON. */
static const char *path_value(const PathStep *steps, int32_t n, PathStyle style, const char *at,
                              const char *end, PathOut *out, int depth, bool *found)
{
    if (at >= end || depth > MR_JSON_DEPTH_MAX)
        return NULL;
    if (n == 0 && style == PATH_RAW && mr__json_is_quote(&hive_config, *at)) {
        MrJsonString string;
        MrText text;
        at = mr__json_string(&hive_config, at, end, &string);
        if (!at || !mr__json_text(&hive_config, out->text->arena, &string, &text))
            return NULL;
        mr_builder_put(out->text, text.data, text.size_bytes);
        *found = true;
        return at;
    }
    if (*at == '[' && (n == 0 ? style == PATH_FLAT : !steps[0].name.data))
        return path_array(steps, n, style, at, end, out, depth, found);
    if (n == 0) {
        out_comma(out);
        *found = true;
        return mr__json_copy(&hive_config, at, end, out->text);
    }
    return *at == '{' && steps[0].name.data
               ? path_member(steps, n, style, at, end, out, depth, found)
               : skip_element(at, end);
}

/* --- functions -------------------------------------------------------------------------------- */

/* The text of a row with zeros behind it; *at: its first byte that is no blank. */
static MrText json_arg(MrCall *call, int32_t row, const char **at)
{
    MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
    mr_poll_bytes(text.size_bytes);
    text = mr__json_padded(call->arena, text);
    *at = mr__json_space(&hive_config, text.data, text.data + text.size_bytes);
    return text;
}

static MrStatus get_json_object_call(MrCall *call, MrError *err)
{
    PathStep steps[PATH_MAX_STEPS];
    int32_t n_steps = -1;
    bool same_path = call->args[1]->encoding == MR_CONSTANT;
    for (MR_EACH(call, i, row)) {
        if (i == 0 || !same_path)
            n_steps = path_read(mr_str_text(&MR_ARG(call->args[1], str, row)), steps);
        if (n_steps < 0) {
            mr_call_null(call, row);
            continue;
        }
        const char *at;
        MrText text = json_arg(call, row, &at);
        MrTextBuilder built = {.arena = call->arena};
        PathOut out = {.text = &built};
        bool found = false;
        at = path_value(steps, n_steps, PATH_RAW, at, text.data + text.size_bytes, &out, 0, &found);
        if (at && found)
            call->out->str[row] = mr_str_borrow(built.data ? built.data : "", built.size_bytes);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus json_array_length_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        const char *at;
        MrText text = json_arg(call, row, &at);
        const char *end = text.data + text.size_bytes;
        int32_t n = 0;
        if (at < end && *at == '[') {
            at = mr__json_space(&hive_config, at + 1, end);
            bool done = at < end && *at == ']';
            for (; at && !done; n++)
                at = next_item(skip_element(at, end), end, ']', &done);
        } else {
            at = NULL;
        }
        if (at)
            call->out->i32[row] = n;
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

/* Adds the names to the list of the row.  false: it is not an object. */
static bool object_keys(MrCall *call, const char *at, const char *end, MrSlice *list)
{
    MrVector *items = call->out->children[0];
    if (at >= end || *at != '{')
        return false;
    at = mr__json_space(&hive_config, at + 1, end);
    bool done = at < end && *at == '}';
    while (!done) {
        MrJsonString name;
        MrText text;
        at = mr__json_name(&hive_config, at, end, &name);
        if (!at || !mr__json_text(&hive_config, call->arena, &name, &text))
            return false;
        at = mr__json_space(&hive_config, at, end);
        if (at >= end || *at != ':')
            return false;
        at = next_item(skip_element(at + 1, end), end, '}', &done);
        if (!at)
            return false;
        mr_vector_list_reserve(call->arena, call->out, 1);
        items->str[items->n_items++] = mr_str_borrow(text.data, text.size_bytes);
        mr_poll_item(list->count++);
    }
    return true;
}

static MrStatus json_object_keys_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        const char *at;
        MrText text = json_arg(call, row, &at);
        MrSlice list = {call->out->children[0]->n_items, 0};
        if (object_keys(call, at, text.data + text.size_bytes, &list))
            call->out->list[row] = list;
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus json_object_keys_bind(MrBind *bind, MrError *err)
{
    bind->type = mr_type_array(bind->arena, MR_T(STRING), true);
    return MR_OK;
}

#define STRICT (MR_FN_NULL_IF_ANY | MR_FN_MAY_NULL)
const MrFunctionDef mr_functions_json_path[] = {
    {"get_json_object", "string!, string! -> string", STRICT, get_json_object_call, NULL,
     "What stands at a path.", "get_json_object('{\"a\": [1, 2]}', '$.a[1]') = '2'"},
    {"json_array_length", "string! -> int", STRICT, json_array_length_call, NULL,
     "Number of elements.", "json_array_length('[1, 2]') = 2"},
    {"json_object_keys", "string! -> bind", STRICT, json_object_keys_call, json_object_keys_bind,
     "The names.", "json_object_keys('{\"a\": 1}')[0] = 'a'"},
    {0},
};
