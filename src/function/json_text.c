/* json_text.c - functions of JSON texts: paths, sizes, to and from typed values.
 *
 * A text is read into a tree (base/json.h) in the batch's arena.  from_json is permissive: what
 * does not fit its type is NULL, and so is every field of a text that is no JSON.  What stays JSON
 * is written as Jackson does: a number with a point or an exponent as a double. */
#include "function/collection_int.h"
#include "base/json.h"

#include <math.h>

static MrJson *json_read(MrCall *call, MrText text, uint32_t flags)
{
    MrJson *tree = NULL;
    return mr_json_parse_text(call->arena, text, MR_JSON_LENIENT | flags, &tree) ? tree : NULL;
}

/* NaN, or [+-]INF or Infinity; false: another text */
static bool not_finite(MrText text, double *out)
{
    bool sign = text.size_bytes > 0 && (text.data[0] == '-' || text.data[0] == '+');
    MrText word = {text.data + sign, text.size_bytes - sign};
    *out = mr_text_equal(text, MR_TEXT("NaN")) ? NAN : text.data[0] == '-' ? -INFINITY : INFINITY;
    return mr_text_equal(text, MR_TEXT("NaN")) || mr_text_equal(word, MR_TEXT("Infinity")) ||
           mr_text_equal(word, MR_TEXT("INF"));
}

static void number_write(MrTextBuilder *out, MrText text)
{
    double value = 0;
    bool whole = true;
    for (int64_t k = 0; k < text.size_bytes; k++)
        whole = whole && (text.data[k] == '-' || (text.data[k] >= '0' && text.data[k] <= '9'));
    if (whole) {
        if (mr_text_equal(text, MR_TEXT("-0")))
            text = MR_TEXT("0");
        mr_builder_put(out, text.data, text.size_bytes);
        return;
    }
    if (!not_finite(text, &value))
        (void)mr_text_to_f64(text, &value);
    char digits[MR_F64_TEXT_MAX];
    int32_t n = mr_f64_to_text(value, digits);
    const char *quote = isfinite(value) ? "" : "\"";
    mr_builder_str(out, quote);
    mr_builder_put(out, digits, n);
    mr_builder_str(out, quote);
}

static void json_write(MrTextBuilder *out, const MrJson *json)
{
    bool first = true;
    switch (json->kind) {
    case MR_JSON_NULL:
        mr_builder_str(out, "null");
        break;
    case MR_JSON_BOOL:
        mr_builder_str(out, json->boolean ? "true" : "false");
        break;
    case MR_JSON_NUMBER:
        number_write(out, json->text);
        break;
    case MR_JSON_STRING:
        mr_json_put_string(out, json->text);
        break;
    default:
        mr_builder_char(out, json->kind == MR_JSON_ARRAY ? '[' : '{');
        for (const MrJson *item = json->first; item; item = item->next, first = false) {
            if (!first)
                mr_builder_char(out, ',');
            if (json->kind == MR_JSON_OBJECT) {
                mr_json_put_string(out, mr_text(item->key));
                mr_builder_char(out, ':');
            }
            json_write(out, item);
        }
        mr_builder_char(out, json->kind == MR_JSON_ARRAY ? ']' : '}');
    }
}

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
    int64_t at = 1;
    if (text.size_bytes == 0 || text.data[0] != '$')
        return -1;
    while (at < text.size_bytes) {
        if (n == PATH_MAX_STEPS)
            return -1;
        PathStep *step = &steps[n++];
        *step = (PathStep){.index = -1};
        if (text.data[at] == '.') {
            int64_t end = ++at;
            while (end < text.size_bytes && text.data[end] != '.' && text.data[end] != '[')
                end++;
            if (end == at)
                return -1;
            step->name = (MrText){text.data + at, end - at};
            at = end;
            if (mr_text_equal(step->name, MR_TEXT("*")))
                return -1;
            continue;
        }
        if (text.data[at] != '[')
            return -1;
        int64_t end = mr__text_find(text, MR_TEXT("]"), at);
        if (end < 0)
            return -1;
        MrText inner = {text.data + at + 1, end - at - 1};
        if (inner.size_bytes >= 2 && inner.data[0] == '\'' &&
            inner.data[inner.size_bytes - 1] == '\'')
            step->name = (MrText){inner.data + 1, inner.size_bytes - 2};
        else if (!mr_text_equal(inner, MR_TEXT("*")) &&
                 (!mr_text_to_i64(inner, &step->index) || step->index < 0))
            return -1;
        at = end + 1;
    }
    return n;
}

static void path_collect(MrArena *arena, const MrJson *json, const PathStep *steps, int32_t n_steps,
                         const MrJson ***found, int64_t *n, int64_t *cap)
{
    for (; n_steps > 0 && json; steps++, n_steps--) {
        if (steps->name.data) {
            const MrJson *item = json->kind == MR_JSON_OBJECT ? json->first : NULL;
            for (int64_t k = 0; item && !mr_text_equal(mr_text(item->key), steps->name); k++) {
                mr_poll_item(k);
                item = item->next;
            }
            json = item;
            continue;
        }
        if (json->kind != MR_JSON_ARRAY)
            return;
        if (steps->index < 0) {
            for (const MrJson *item = json->first; item; item = item->next)
                path_collect(arena, item, steps + 1, n_steps - 1, found, n, cap);
            return;
        }
        const MrJson *item = json->first;
        for (int64_t k = 0; k < steps->index && item; mr_poll_item(k++))
            item = item->next;
        json = item;
    }
    if (json && json->kind != MR_JSON_NULL)
        MR_PUSH(arena, *found, *n, *cap, json);
}

static MrStatus get_json_object_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        PathStep steps[PATH_MAX_STEPS];
        int32_t n_steps = path_read(mr__arg_str(call, 1, row), steps);
        const MrJson *tree = n_steps < 0
                                 ? NULL
                                 : json_read(call, mr__arg_str(call, 0, row), MR_JSON_CONTROLS),
                     **found = NULL;
        int64_t n = 0, cap = 0;
        bool many = false;
        for (int32_t k = 0; k < n_steps; k++)
            many = many || (!steps[k].name.data && steps[k].index < 0);
        if (tree)
            path_collect(call->arena, tree, steps, n_steps, &found, &n, &cap);
        MrTextBuilder out = {.arena = call->arena};
        if (n == 0) {
            mr_call_null(call, row);
            continue;
        }
        if (n == 1 && found[0]->kind == MR_JSON_STRING && !many) {
            mr__put_text(call, row, found[0]->text);
            continue;
        }
        if (n > 1)
            mr_builder_char(&out, '[');
        for (int64_t k = 0; k < n; k++) {
            if (k)
                mr_builder_char(&out, ',');
            json_write(&out, found[k]);
        }
        if (n > 1)
            mr_builder_char(&out, ']');
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus json_array_length_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        const MrJson *tree = json_read(call, mr__arg_str(call, 0, row), MR_JSON_CONTROLS);
        if (tree && tree->kind == MR_JSON_ARRAY)
            call->out->i32[row] = tree->n_items;
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus json_object_keys_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        const MrJson *tree = json_read(call, mr__arg_str(call, 0, row), MR_JSON_CONTROLS);
        if (!tree || tree->kind != MR_JSON_OBJECT) {
            mr_call_null(call, row);
            continue;
        }
        mr__list_begin(call, row, tree->n_items);
        MrVector *items = call->out->children[0];
        for (const MrJson *item = tree->first; item; item = item->next) {
            items->str[items->n_items++] = mr_str_borrow(item->key, (int64_t)strlen(item->key));
            call->out->list[row].count++;
        }
    }
    return MR_OK;
}

static MrStatus json_object_keys_bind(MrBind *bind, MrError *err)
{
    bind->type = mr_type_array(bind->arena, MR_T(STRING), true);
    return MR_OK;
}

/* --- typed values ----------------------------------------------------------------------------- */

static MrStatus to_json_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrTextBuilder out = {.arena = call->arena};
        mr_value_text(call->args[0], mr_arg_row(call->args[0], row), MR_TEXT_JSON,
                      call->context->settings, &out);
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus to_json_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].type;
    if (bind->n_args > 1)
        return MR_FAIL_UNSUPPORTED(err, "options of to_json");
    if (!mr_type_is_nested(type) && type->kind != MR_TYPE_VOID)
        return mr__fail_input_type(bind, 0, "(\"STRUCT\" or \"ARRAY\" or \"MAP\" or \"VARIANT\")",
                                   err);
    return MR_OK;
}

static void json_put(MrCall *call, const MrJson *json, MrVector *out, int64_t row, int64_t n_rows);

static bool scalar_put(MrCall *call, const MrJson *json, MrVector *out, int64_t row)
{
    const MrSettings *settings = call->context->settings;
    bool is_text = json->kind == MR_JSON_STRING, is_number = json->kind == MR_JSON_NUMBER;
    MrText text = json->text;
    int64_t number = 0;
    double real = 0;
    switch (out->type->kind) {
    case MR_TYPE_STRING: {
        if (!is_text) {
            MrTextBuilder raw = {.arena = call->arena};
            json_write(&raw, json);
            text = mr_builder_text(&raw);
        }
        out->str[row] = mr_str_borrow(text.data, text.size_bytes);
        return true;
    }
    case MR_TYPE_BOOLEAN:
        out->i8[row] = json->boolean;
        return json->kind == MR_JSON_BOOL;
    case MR_TYPE_TINYINT:
    case MR_TYPE_SMALLINT:
    case MR_TYPE_INT:
    case MR_TYPE_BIGINT:
        if (!is_number || !mr_text_to_i64(text, &number))
            return false;
        if (out->type->kind == MR_TYPE_BIGINT)
            out->i64[row] = number;
        else if (out->type->kind == MR_TYPE_INT)
            out->i32[row] = (int32_t)number;
        else if (out->type->kind == MR_TYPE_SMALLINT)
            out->i16[row] = (int16_t)number;
        else
            out->i8[row] = (int8_t)number;
        return out->type->kind == MR_TYPE_BIGINT ||
               (out->type->kind == MR_TYPE_INT && number == (int32_t)number) ||
               (out->type->kind == MR_TYPE_SMALLINT && number == (int16_t)number) ||
               (out->type->kind == MR_TYPE_TINYINT && number == (int8_t)number);
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE:
        if (!((is_text || is_number) && not_finite(text, &real)) &&
            !(is_number && mr_text_to_f64(text, &real)))
            return false;
        if (out->type->kind == MR_TYPE_DOUBLE)
            out->f64[row] = real;
        else
            out->f32[row] = (float)real;
        return true;
    case MR_TYPE_DATE:
        return is_text && mr_text_to_date(text, &out->i32[row]);
    case MR_TYPE_TIMESTAMP:
        if (is_number && mr_text_to_i64(text, &number)) { /* seconds; Java's product */
            out->i64[row] = (int64_t)((uint64_t)number * 1000000u);
            return true;
        }
        return is_text && mr_text_to_timestamp(text, settings->zone, settings->zones,
                                               call->context->now_us, &out->i64[row]);
    case MR_TYPE_TIMESTAMP_NTZ:
        return is_text && mr_text_to_timestamp_ntz(text, settings->zones, false, &out->i64[row]);
    case MR_TYPE_DECIMAL: {
        MrI128 value;
        if (is_text) { /* as it stands, but for commas */
            MrTextBuilder plain = {.arena = call->arena};
            for (int64_t k = 0; k < text.size_bytes; k++)
                if (text.data[k] != ',')
                    mr_builder_char(&plain, text.data[k]);
            text = mr_builder_text(&plain);
        }
        if ((!is_text && !is_number) ||
            !mr_text_to_decimal(text, out->type->precision, out->type->scale, &value))
            return false;
        if (mr_type_physical(out->type) == MR_PHYS_I64)
            out->i64[row] = (int64_t)value;
        else
            out->i128[row] = value;
        return true;
    }
    default:
        return false;
    }
}

static bool nested_put(MrCall *call, const MrJson *json, MrVector *out, int64_t row, int64_t n_rows)
{
    const MrType *type = out->type;
    if (type->kind == MR_TYPE_STRUCT) {
        if (json->kind != MR_JSON_OBJECT)
            return false;
        for (int32_t f = 0; f < type->n_fields; f++) {
            const MrJson *item = json->first, *last = NULL;
            for (; item; item = item->next)
                if (strcmp(item->key, type->fields[f].name) == 0)
                    last = item;
            if (out->children[f]->n_items < row + 1)
                out->children[f]->n_items = (int32_t)row + 1;
            json_put(call, last, out->children[f], row, n_rows);
        }
        return true;
    }
    if (json->kind != (type->kind == MR_TYPE_ARRAY ? MR_JSON_ARRAY : MR_JSON_OBJECT))
        return false;
    mr_vector_list_reserve(call->arena, out, json->n_items);
    MrVector *values = out->children[type->kind == MR_TYPE_MAP];
    MrSlice slice = {out->children[0]->n_items, json->n_items};
    for (int32_t f = 0; f < type->n_fields; f++)
        out->children[f]->n_items += json->n_items;
    int64_t at = slice.start;
    for (const MrJson *item = json->first; item; item = item->next, at++) {
        mr_poll_item(at);
        if (type->kind == MR_TYPE_MAP)
            out->children[0]->str[at] = mr_str_borrow(item->key, (int64_t)strlen(item->key));
        json_put(call, item, values, at, values->cap_items > at ? values->cap_items : at + 1);
    }
    out->list[row] = slice;
    return true;
}

static void json_put(MrCall *call, const MrJson *json, MrVector *out, int64_t row, int64_t n_rows)
{
    bool fits = json && json->kind != MR_JSON_NULL &&
                (mr_type_is_nested(out->type) ? nested_put(call, json, out, row, n_rows)
                                              : scalar_put(call, json, out, row));
    if (!fits)
        mr_vector_set_null(call->arena, out, row, n_rows);
}

static MrStatus from_json_call(MrCall *call, MrError *err)
{
    MrJson empty = {.kind = MR_JSON_OBJECT};
    for (MR_EACH(call, i, row)) {
        MrText text = mr_text_trim_all(mr__arg_str(call, 0, row));
        MrJson *tree = text.size_bytes ? json_read(call, text, MR_JSON_NAN) : NULL;
        bool is_struct = call->out->type->kind == MR_TYPE_STRUCT;
        if (is_struct && text.size_bytes && (!tree || tree->kind != MR_JSON_OBJECT)) {
            tree = &empty; /* a struct of NULLs */
        } else if (!tree) {
            mr_call_null(call, row);
            continue;
        }
        MrJson one = {.kind = MR_JSON_ARRAY, .n_items = 1};
        if (call->out->type->kind == MR_TYPE_ARRAY && tree->kind == MR_JSON_OBJECT &&
            call->out->type->fields[0].type->kind == MR_TYPE_STRUCT) {
            one.first = tree; /* an object is an array of one */
            tree = &one;
        }
        json_put(call, tree, call->out, row, call->n_rows);
    }
    return MR_OK;
}

static bool json_type_known(const MrType *type)
{
    if (type->kind == MR_TYPE_MAP && type->fields[0].type->kind != MR_TYPE_STRING)
        return false;
    if (mr_type_is_nested(type)) {
        for (int32_t f = 0; f < type->n_fields; f++)
            if (!json_type_known(type->fields[f].type))
                return false;
        return type->kind != MR_TYPE_VARIANT;
    }
    return type->kind != MR_TYPE_BINARY && type->kind != MR_TYPE_TIME &&
           type->kind != MR_TYPE_INTERVAL && type->kind != MR_TYPE_INTERVAL_DT &&
           type->kind != MR_TYPE_INTERVAL_YM && type->kind != MR_TYPE_VARIANT;
}

static MrStatus from_json_bind(MrBind *bind, MrError *err)
{
    MrText schema;
    if (!mr__arg_text(&bind->args[1], &schema))
        return MR_FAIL(err, MR_COND_INVALID_SCHEMA__NON_STRING_LITERAL, "inputSchema",
                       mr__quoted_expr(bind->arena, bind->args[1].sql));
    if (bind->n_args > 2)
        return MR_FAIL_UNSUPPORTED(err, "options of from_json");
    const MrType *type = NULL;
    MrError first = {0};
    if (mr_type_parse(bind->arena, schema, false, &type, &first) != MR_OK ||
        !mr_type_is_nested(type))
        MR_TRY(mr_type_parse(bind->arena, schema, true, &type, err));
    if (!json_type_known(type))
        return MR_FAIL_UNSUPPORTED(err, "from_json to %s", mr_type_catalog_text(bind->arena, type));
    bind->type = type;
    bind->nullable = true;
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
const MrFunctionDef mr_functions_json_text[] = {
    {"get_json_object", "string!, string! -> string", STRICT | MR_FN_MAY_NULL, get_json_object_call,
     NULL, "What stands at a path.", "get_json_object('{\"a\": [1, 2]}', '$.a[1]') = '2'"},
    {"json_array_length", "string! -> int", STRICT | MR_FN_MAY_NULL, json_array_length_call, NULL,
     "Number of elements.", "json_array_length('[1, 2]') = 2"},
    {"json_object_keys", "string! -> bind", STRICT | MR_FN_MAY_NULL, json_object_keys_call,
     json_object_keys_bind, "The names.", "json_object_keys('{\"a\": 1}')[0] = 'a'"},
    {"to_json", "any, map<string, string>? -> string", STRICT, to_json_call, to_json_bind,
     "As JSON.", "to_json(named_struct('a', 1)) = '{\"a\":1}'"},
    {"from_json", "string, string, map<string, string>? -> bind", STRICT | MR_FN_MAY_NULL,
     from_json_call, from_json_bind, "A JSON text as a typed value.",
     "from_json('{\"a\": 1}', 'a INT').a = 1"},
    {0},
};
