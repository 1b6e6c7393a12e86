/* json_value.c - any JSON value into a row of a vector of its column's type, nested ones through
 * the tree of what is wanted of them.
 *
 * A value of another type than its column's is NULL and makes the record a bad one; an element that
 * does not fit takes its whole list with it, a field of a struct only itself (as Spark). */
#include "format/json_int.h"

#include "base/hash.h"

/* --- the tree of wanted columns --- */

int32_t mr__json_node_find(const MrJsonNode *node, MrText name, int32_t hint)
{
    if (hint < node->n_fields && mr_text_equal(node->names[hint], name))
        return hint;
    if (!node->slots)
        return -1;
    uint32_t slot = (uint32_t)mr_hash_bytes(name.data, name.size_bytes, 0x6a) & node->slot_mask;
    for (; node->slots[slot] >= 0; slot = (slot + 1) & node->slot_mask)
        if (mr_text_equal(node->names[node->slots[slot]], name))
            return node->slots[slot];
    return -1;
}

void mr__json_node_index(MrJsonNode *node, MrArena *arena)
{
    uint32_t n_slots = 4;
    while (n_slots < 2 * (uint32_t)node->n_fields)
        n_slots *= 2;
    node->slots = mr_arena_alloc(arena, n_slots * (int64_t)sizeof(int32_t));
    memset(node->slots, 0xff, n_slots * sizeof(int32_t));
    node->slot_mask = n_slots - 1;
    for (int32_t i = 0; i < node->n_fields; i++) {
        uint32_t slot =
            (uint32_t)mr_hash_bytes(node->names[i].data, node->names[i].size_bytes, 0x6a) &
            node->slot_mask;
        while (node->slots[slot] >= 0)
            slot = (slot + 1) & node->slot_mask;
        node->slots[slot] = i;
    }
}

MrStatus mr__json_node_init(const MrJsonConfig *config, MrArena *arena, MrJsonNode *node,
                            const MrType *type, MrError *err)
{
    node->type = type;
    if (type->kind == MR_TYPE_VARIANT)
        return MR_FAIL_UNSUPPORTED(err, "a column of type VARIANT in a JSON file");
    if (!mr_type_is_nested(type)) {
        const char *format = type->kind == MR_TYPE_DATE            ? config->times.date
                             : type->kind == MR_TYPE_TIMESTAMP     ? config->times.timestamp
                             : type->kind == MR_TYPE_TIMESTAMP_NTZ ? config->times.timestamp_ntz
                                                                   : NULL;
        return mr_text_value_init(&node->text, arena, config->settings, type, format, err);
    }
    node->n_fields = type->n_fields;
    node->fields = MR_NEW_N(arena, MrJsonNode, type->n_fields);
    node->names = MR_NEW_N(arena, MrText, type->n_fields);
    for (int32_t i = 0; i < type->n_fields; i++) {
        node->names[i] = mr_text(type->fields[i].name);
        MR_TRY(mr__json_node_init(config, arena, &node->fields[i], type->fields[i].type, err));
    }
    if (type->kind == MR_TYPE_STRUCT)
        mr__json_node_index(node, arena);
    return MR_OK;
}

/* --- values, in general --- */

void mr__json_settle(MrVector *vec, int32_t n_items)
{
    vec->n_items = n_items;
    bool is_struct = mr_type_physical(vec->type) == MR_PHYS_STRUCT;
    for (int32_t i = 0; i < vec->type->n_fields; i++)
        mr__json_settle(vec->children[i], is_struct ? n_items : vec->children[i]->n_items);
}

/* The value is fine as JSON but not for its column: NULL, and the record is bad. */
static const char *misfit(MrJsonValues *self, MrVector *vec, int64_t row, const char *stop,
                          const char *why)
{
    if (stop) {
        mr__json_set_null(self, vec, row);
        self->failed = true;
        if (!self->why)
            self->why = why;
    }
    return stop;
}

static const char *json_struct(MrJsonValues *self, const MrJsonNode *node, const char *at,
                               const char *end, MrVector *vec, int64_t row)
{
    MrArena *arena = self->arena;
    const MrJsonConfig *config = self->config;
    mr__json_set_valid(vec, row);
    for (int32_t i = 0; i < node->n_fields; i++)
        mr__json_set_null(self, vec->children[i], row);
    at = mr__json_space(config, at + 1, end);
    if (at < end && *at == '}')
        return at + 1;
    for (int32_t hint = 0;; hint++) {
        MrJsonString name;
        MrText text;
        at = mr__json_name(config, at, end, &name);
        if (!at || !mr__json_text(config, arena, &name, &text))
            return NULL;
        at = mr__json_space(config, at, end);
        if (at >= end || *at != ':')
            return NULL;
        at = mr__json_space(config, at + 1, end);
        int32_t i = mr__json_node_find(node, text, hint);
        if (i < 0) {
            at = mr__json_skip(config, at, end);
        } else {
            hint = i;
            at = mr__json_value(self, &node->fields[i], at, end, vec->children[i], row);
            self->failed = false; /* the field is NULL, the struct stays */
        }
        if (!at)
            return NULL;
        at = mr__json_space(config, at, end);
        if (at >= end)
            return NULL;
        if (*at == '}')
            return at + 1;
        if (*at != ',')
            return NULL;
        at = mr__json_space(config, at + 1, end);
    }
}

/* Arrays (keys NULL) and maps. */
static const char *json_list(MrJsonValues *self, const MrJsonNode *node, const char *at,
                             const char *end, MrVector *vec, int64_t row)
{
    MrArena *arena = self->arena;
    const MrJsonConfig *config = self->config;
    bool is_map = node->type->kind == MR_TYPE_MAP, failed = false;
    char closing = is_map ? '}' : ']';
    /* Elements of this list stand side by side even when an element holds lists of its own, which
     * live in other vectors; only a list inside itself would not, and types are trees. */
    int32_t start = vec->children[0]->n_items, count = 0;
    at = mr__json_space(config, at + 1, end);
    if (at < end && *at == closing) {
        mr__json_set_valid(vec, row);
        vec->list[row] = (MrSlice){start, 0};
        return at + 1;
    }
    for (;;) {
        mr_vector_list_reserve(arena, vec, 1);
        mr_poll_item(count);
        int32_t item = start + count;
        for (int32_t i = 0; i < vec->type->n_fields; i++)
            vec->children[i]->n_items = item + 1;
        if (is_map) {
            MrJsonString name;
            MrText text;
            at = mr__json_name(config, at, end, &name);
            if (!at || !mr__json_text(config, arena, &name, &text))
                return NULL;
            mr__json_set_valid(vec->children[0], item);
            if (!mr_text_value_set(&node->fields[0].text, &self->context, arena, text,
                                   vec->children[0], item))
                failed = true;
            at = mr__json_space(config, at, end);
            if (at >= end || *at != ':')
                return NULL;
            at = mr__json_space(config, at + 1, end);
        }
        at = mr__json_value(self, &node->fields[is_map], at, end, vec->children[is_map], item);
        if (!at)
            return NULL;
        failed |= self->failed;
        self->failed = false;
        count++;
        at = mr__json_space(config, at, end);
        if (at >= end)
            return NULL;
        if (*at == closing) {
            at++;
            break;
        }
        if (*at != ',')
            return NULL;
        at = mr__json_space(config, at + 1, end);
    }
    if (failed) /* one element that does not fit takes the whole list with it, as in Spark */
        return misfit(self, vec, row, at, "an element does not fit");
    if (is_map) { /* the last of equal keys wins: earlier ones are overwritten in place */
        MrVector *keys = vec->children[0], *values = vec->children[1];
        int32_t n_kept = 0;
        for (int32_t i = 0; i < count; i++) {
            int32_t same = 0;
            while (same < n_kept && !mr_vector_row_equal(keys, start + same, keys, start + i))
                same++;
            if (same < i) {
                mr_vector_copy_row(arena, keys, start + i, keys, start + same);
                mr_vector_copy_row(arena, values, start + i, values, start + same);
            }
            n_kept += same == n_kept;
        }
        count = n_kept;
    }
    mr__json_set_valid(vec, row);
    vec->list[row] = (MrSlice){start, count};
    return at;
}

static bool base64_decode(MrArena *arena, MrText text, MrText *out)
{
    while (text.size_bytes > 0 && text.data[text.size_bytes - 1] == '=')
        text.size_bytes--;
    char *data = mr_arena_alloc(arena, text.size_bytes / 4 * 3 + 3), *to = data;
    uint32_t bits = 0;
    int n_bits = 0;
    for (int64_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        int value = c >= 'A' && c <= 'Z'   ? c - 'A'
                    : c >= 'a' && c <= 'z' ? c - 'a' + 26
                    : c >= '0' && c <= '9' ? c - '0' + 52
                    : c == '+'             ? 62
                    : c == '/'             ? 63
                                           : -1;
        if (value < 0)
            return false;
        bits = bits << 6 | (uint32_t)value;
        n_bits += 6;
        if (n_bits >= 8) {
            n_bits -= 8;
            *to++ = (char)(bits >> n_bits);
        }
    }
    *out = (MrText){data, to - data};
    return true;
}

/* NaN and the infinities into a FLOAT or a DOUBLE. */
static bool set_not_finite(MrText text, MrVector *vec, int64_t row)
{
    double value;
    if (!mr__json_not_finite(text, &value))
        return false;
    if (vec->type->kind == MR_TYPE_DOUBLE)
        vec->f64[row] = value;
    else
        vec->f32[row] = (float)value;
    return true;
}

/* A string token for a column that is not a string. */
static bool set_from_string(MrJsonValues *self, const MrJsonNode *node, MrText text, MrVector *vec,
                            int64_t row)
{
    MrArena *arena = self->arena;
    switch (node->type->kind) {
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE:
        return self->config->allow_non_numeric && set_not_finite(text, vec, row);
    case MR_TYPE_BINARY: {
        MrText bytes;
        if (!base64_decode(arena, text, &bytes))
            return false;
        vec->str[row] = mr_str_borrow(bytes.data, bytes.size_bytes);
        return true;
    }
    case MR_TYPE_DECIMAL: /* commas between digits do not count */
        if (memchr(text.data, ',', (size_t)text.size_bytes)) {
            MrTextBuilder plain = {.arena = arena};
            for (int64_t i = 0; i < text.size_bytes; i++)
                if (text.data[i] != ',')
                    mr_builder_char(&plain, text.data[i]);
            text = mr_builder_text(&plain);
        }
        break;
    case MR_TYPE_BOOLEAN: /* numbers and booleans are never quoted */
    case MR_TYPE_TINYINT:
    case MR_TYPE_SMALLINT:
    case MR_TYPE_INT:
    case MR_TYPE_BIGINT:
        return false;
    default:
        break;
    }
    return text.size_bytes > 0 &&
           mr_text_value_set(&node->text, &self->context, arena, text, vec, row);
}

static bool set_from_number(MrJsonValues *self, const MrJsonNode *node, MrText text,
                            MrJsonNumber kind, MrVector *vec, int64_t row)
{
    switch (node->type->kind) {
    case MR_TYPE_FLOAT:
    case MR_TYPE_DOUBLE:
        if (kind == MR_JSON_NOT_FINITE)
            return set_not_finite(text, vec, row);
        if (kind == MR_JSON_INT && mr_text_equal(text, MR_TEXT("-0")))
            text = MR_TEXT("0"); /* a whole number has no negative zero */
        return mr_text_value_set(&node->text, &self->context, self->arena, text, vec, row);
    case MR_TYPE_TINYINT:
    case MR_TYPE_SMALLINT:
    case MR_TYPE_INT:
    case MR_TYPE_BIGINT:
        return kind == MR_JSON_INT &&
               mr_text_value_set(&node->text, &self->context, self->arena, text, vec, row);
    case MR_TYPE_DECIMAL:
        return kind != MR_JSON_NOT_FINITE &&
               mr_text_value_set(&node->text, &self->context, self->arena, text, vec, row);
    case MR_TYPE_TIMESTAMP: { /* seconds; Java's product, which may wrap */
        const char *stop;
        int64_t seconds;
        if (kind != MR_JSON_INT ||
            !mr_digits_i64(text.data, text.data + text.size_bytes, &seconds, &stop))
            return false;
        vec->i64[row] = (int64_t)((uint64_t)seconds * 1000000u);
        return true;
    }
    default:
        return false;
    }
}

static const char *copied_text(MrJsonValues *self, const char *at, const char *end, MrText *text)
{
    MrTextBuilder copy = {.arena = self->arena};
    const char *stop = mr__json_copy(self->config, at, end, &copy);
    *text = (MrText){copy.data, copy.size_bytes};
    return stop;
}

/* One value at at (no blanks before it) into row; the place behind it, or NULL when it is not JSON.
 */
const char *mr__json_value(MrJsonValues *self, const MrJsonNode *node, const char *at,
                           const char *end, MrVector *vec, int64_t row)
{
    const MrJsonConfig *config = self->config;
    MrTypeKind type = node->type->kind;
    if (at >= end)
        return NULL;
    if (*at == 'n') {
        at = mr__json_word(at, end, "null");
        if (at)
            mr__json_set_null(self, vec, row);
        return at;
    }
    if (type == MR_TYPE_STRING &&
        !mr__json_is_quote(config, *at)) { /* any other value as its text */
        MrText text;
        const char *stop =
            config->copied ? copied_text(self, at, end, &text) : mr__json_skip(config, at, end);
        if (stop) {
            if (!config->copied)
                text = (MrText){at, stop - at};
            uint32_t high = 0;
            for (const char *c = text.data; c < text.data + text.size_bytes; c++)
                high |= (unsigned char)*c & 0x80;
            if (high)
                text = mr_utf8_repair(self->arena, text);
            mr__json_set_valid(vec, row);
            if (!mr_text_value_set(&node->text, &self->context, self->arena, text, vec, row))
                return misfit(self, vec, row, stop, "a string is too long");
        }
        return stop;
    }
    if (mr__json_is_quote(config, *at)) {
        MrJsonString string;
        MrText text;
        const char *stop = mr__json_string(config, at, end, &string);
        if (!stop || !mr__json_text(config, self->arena, &string, &text))
            return NULL;
        mr__json_set_valid(vec, row);
        if (type == MR_TYPE_STRING
                ? mr_text_value_set(&node->text, &self->context, self->arena, text, vec, row)
                : !mr_type_is_nested(node->type) && set_from_string(self, node, text, vec, row))
            return stop;
        return misfit(self, vec, row, stop, "a string does not fit its column");
    }
    if (*at == '{') {
        if (type == MR_TYPE_STRUCT)
            return json_struct(self, node, at, end, vec, row);
        if (type == MR_TYPE_MAP)
            return json_list(self, node, at, end, vec, row);
        return misfit(self, vec, row, mr__json_skip(config, at, end),
                      "an object does not fit its column");
    }
    if (*at == '[') {
        if (type == MR_TYPE_ARRAY)
            return json_list(self, node, at, end, vec, row);
        return misfit(self, vec, row, mr__json_skip(config, at, end),
                      "an array does not fit its column");
    }
    if (*at == 't' || *at == 'f') {
        const char *stop = mr__json_word(at, end, *at == 't' ? "true" : "false");
        if (stop && type == MR_TYPE_BOOLEAN) {
            mr__json_set_valid(vec, row);
            vec->i8[row] = *at == 't';
            return stop;
        }
        return misfit(self, vec, row, stop, "a boolean does not fit its column");
    }
    MrJsonNumber kind;
    const char *stop = mr__json_number(config, at, end, &kind);
    if (!stop)
        return NULL;
    mr__json_set_valid(vec, row);
    if (!mr_type_is_nested(node->type) &&
        set_from_number(self, node, (MrText){at, stop - at}, kind, vec, row))
        return stop;
    return misfit(self, vec, row, stop, "a number does not fit its column");
}
