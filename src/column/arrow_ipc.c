/* arrow_ipc.c - Arrow's messages: a FlatBuffers head, then the buffers one after another.
 *
 * A FlatBuffer is written from its end to its beginning, so that what is pointed to is there before
 * its pointer; places are counted from the end.  Numbers of tables, fields and enums are those of
 * Arrow's Schema.fbs and Message.fbs. */
#include "column/arrow_ipc.h"

#include <stdlib.h>

/* ---- FlatBuffers ---- */

#define FLAT_MAX_FIELDS 8

typedef struct Flat {
    MrArena *arena;
    uint8_t *bytes; /* cap of them; the last used ones are written */
    int64_t cap, used;
} Flat;

typedef struct FlatTable {
    int32_t n_fields;
    int64_t start;
    int64_t at[FLAT_MAX_FIELDS]; /* place of each field; 0: left out */
} FlatTable;

/* Zeroes, so that what is n_bytes long and comes next begins at a multiple of align. */
static void flat_align(Flat *flat, int64_t align, int64_t n_bytes)
{
    int64_t gap = -(flat->used + n_bytes) & (align - 1);
    if (flat->used + gap + n_bytes > flat->cap) {
        int64_t cap = 2 * (flat->cap + gap + n_bytes) + 256;
        uint8_t *bytes = mr_arena_alloc(flat->arena, cap);
        if (flat->used > 0)
            memcpy(bytes + cap - flat->used, flat->bytes + flat->cap - flat->used,
                   (size_t)flat->used);
        flat->bytes = bytes;
        flat->cap = cap;
    }
    flat->used += gap;
    if (gap > 0)
        memset(flat->bytes + flat->cap - flat->used, 0, (size_t)gap);
}

static void flat_bytes(Flat *flat, const void *data, int64_t n_bytes)
{
    flat->used += n_bytes;
    if (n_bytes > 0)
        memcpy(flat->bytes + flat->cap - flat->used, data, (size_t)n_bytes);
}

/* A little-endian number of 1, 2, 4 or 8 bytes. */
static void flat_number(Flat *flat, int64_t value, int64_t n_bytes)
{
    flat_align(flat, n_bytes, n_bytes);
    flat_bytes(flat, &value, n_bytes);
}

/* What was written at a place, seen from here. */
static void flat_pointer(Flat *flat, int64_t place)
{
    flat_align(flat, 4, 4);
    flat_number(flat, flat->used + 4 - place, 4);
}

static int64_t flat_text(Flat *flat, const char *text)
{
    int64_t n_bytes = (int64_t)strlen(text);
    flat_align(flat, 4, n_bytes + 1);
    flat_bytes(flat, "", 1);
    flat_bytes(flat, text, n_bytes);
    flat_number(flat, n_bytes, 4);
    return flat->used;
}

static int64_t flat_pointers(Flat *flat, const int64_t *places, int64_t n)
{
    flat_align(flat, 4, 4 * n);
    for (int64_t i = n - 1; i >= 0; i--)
        flat_pointer(flat, places[i]);
    flat_number(flat, n, 4);
    return flat->used;
}

typedef struct FlatPair { /* struct FieldNode: rows, NULLs; struct Buffer: offset, bytes */
    int64_t first, second;
} FlatPair;

static int64_t flat_pairs(Flat *flat, const FlatPair *pairs, int64_t n)
{
    flat_align(flat, 8, 16 * n);
    flat_bytes(flat, pairs, 16 * n);
    flat_number(flat, n, 4);
    return flat->used;
}

static FlatTable table_begin(const Flat *flat, int32_t n_fields)
{
    return (FlatTable){.n_fields = n_fields, .start = flat->used};
}

static void table_number(Flat *flat, FlatTable *table, int32_t field, int64_t value,
                         int64_t n_bytes)
{
    flat_number(flat, value, n_bytes);
    table->at[field] = flat->used;
}

static void table_pointer(Flat *flat, FlatTable *table, int32_t field, int64_t place)
{
    flat_pointer(flat, place);
    table->at[field] = flat->used;
}

static int64_t table_end(Flat *flat, const FlatTable *table)
{
    flat_number(flat, 0, 4); /* becomes the way to the vtable */
    int64_t place = flat->used;
    for (int32_t i = table->n_fields - 1; i >= 0; i--)
        flat_number(flat, table->at[i] ? place - table->at[i] : 0, 2);
    flat_number(flat, place - table->start, 2);
    flat_number(flat, 4 + 2 * table->n_fields, 2);
    int32_t back = (int32_t)(flat->used - place);
    memcpy(flat->bytes + flat->cap - place, &back, sizeof back);
    return place;
}

/* ---- types ---- */

enum { /* union Type */
       TYPE_NULL = 1,
       TYPE_INT = 2,
       TYPE_FLOATING = 3,
       TYPE_BINARY = 4,
       TYPE_UTF8 = 5,
       TYPE_BOOL = 6,
       TYPE_DECIMAL = 7,
       TYPE_DATE = 8,
       TYPE_TIME = 9,
       TYPE_TIMESTAMP = 10,
       TYPE_INTERVAL = 11,
       TYPE_LIST = 12,
       TYPE_STRUCT = 13,
       TYPE_MAP = 17,
       TYPE_DURATION = 18
};

typedef enum Layout { LAYOUT_NULL, LAYOUT_FIXED, LAYOUT_TEXT, LAYOUT_LIST, LAYOUT_STRUCT } Layout;

/* A format of the C data interface. */
typedef struct IpcType {
    const char *format;
    uint8_t type;
    Layout layout;
    int32_t n_bits;    /* of a value, LAYOUT_FIXED      */
    int32_t n_numbers; /* fields of the type's table     */
    struct {
        int32_t value, n_bytes;
    } numbers[3];
} IpcType;

static const IpcType ipc_types[] = {
    {"n", TYPE_NULL, LAYOUT_NULL, 0, 0, {{0}}},
    {"b", TYPE_BOOL, LAYOUT_FIXED, 1, 0, {{0}}},
    {"c", TYPE_INT, LAYOUT_FIXED, 8, 2, {{8, 4}, {1, 1}}}, /* bits, signed */
    {"s", TYPE_INT, LAYOUT_FIXED, 16, 2, {{16, 4}, {1, 1}}},
    {"i", TYPE_INT, LAYOUT_FIXED, 32, 2, {{32, 4}, {1, 1}}},
    {"l", TYPE_INT, LAYOUT_FIXED, 64, 2, {{64, 4}, {1, 1}}},
    {"f", TYPE_FLOATING, LAYOUT_FIXED, 32, 1, {{1, 2}}}, /* single */
    {"g", TYPE_FLOATING, LAYOUT_FIXED, 64, 1, {{2, 2}}}, /* double */
    {"u", TYPE_UTF8, LAYOUT_TEXT, 0, 0, {{0}}},
    {"z", TYPE_BINARY, LAYOUT_TEXT, 0, 0, {{0}}},
    {"tdD", TYPE_DATE, LAYOUT_FIXED, 32, 1, {{0, 2}}},          /* days              */
    {"ttn", TYPE_TIME, LAYOUT_FIXED, 64, 2, {{3, 2}, {64, 4}}}, /* nanoseconds, bits */
    {"tsu:", TYPE_TIMESTAMP, LAYOUT_FIXED, 64, 1, {{2, 2}}},    /* microseconds      */
    {"tsu:UTC", TYPE_TIMESTAMP, LAYOUT_FIXED, 64, 1, {{2, 2}}}, /* and the zone      */
    {"tDu", TYPE_DURATION, LAYOUT_FIXED, 64, 1, {{2, 2}}},      /* microseconds      */
    {"tiM", TYPE_INTERVAL, LAYOUT_FIXED, 32, 1, {{0, 2}}},      /* months            */
    {"tin", TYPE_INTERVAL, LAYOUT_FIXED, 128, 1, {{2, 2}}},     /* months, days, ns  */
    {"d:", TYPE_DECIMAL, LAYOUT_FIXED, 128, 0, {{0}}},          /* precision, scale  */
    {"+l", TYPE_LIST, LAYOUT_LIST, 0, 0, {{0}}},
    {"+m", TYPE_MAP, LAYOUT_LIST, 0, 1, {{0, 1}}}, /* keys sorted: no */
    {"+s", TYPE_STRUCT, LAYOUT_STRUCT, 0, 0, {{0}}},
};

static const IpcType *ipc_type(const char *format)
{
    for (int64_t i = 0; i < MR_COUNT(ipc_types); i++) {
        const IpcType *type = &ipc_types[i];
        if (strcmp(type->format, format) == 0 ||
            (type->type == TYPE_DECIMAL && strncmp(format, "d:", 2) == 0))
            return type;
    }
    MR_ASSERT(format == NULL); /* one that arrow_export.c does not make */
    return NULL;
}

static int64_t put_type(Flat *flat, const char *format)
{
    const IpcType *type = ipc_type(format);
    bool zoned = type->type == TYPE_TIMESTAMP && format[4] != 0;
    int64_t zone = zoned ? flat_text(flat, format + 4) : 0;
    FlatTable table = table_begin(flat, type->type == TYPE_DECIMAL ? 3 : type->n_numbers + zoned);
    for (int32_t i = 0; i < type->n_numbers; i++)
        table_number(flat, &table, i, type->numbers[i].value, type->numbers[i].n_bytes);
    if (zoned)
        table_pointer(flat, &table, 1, zone);
    if (type->type == TYPE_DECIMAL) {
        char *comma;
        table_number(flat, &table, 0, strtol(format + 2, &comma, 10), 4);
        table_number(flat, &table, 1, strtol(comma + 1, NULL, 10), 4);
        table_number(flat, &table, 2, 128, 4);
    }
    return table_end(flat, &table);
}

static int64_t put_field(Flat *flat, const struct ArrowSchema *schema)
{
    int64_t *children = MR_NEW_N(flat->arena, int64_t, schema->n_children);
    for (int64_t i = 0; i < schema->n_children; i++)
        children[i] = put_field(flat, schema->children[i]);
    int64_t list = flat_pointers(flat, children, schema->n_children);
    int64_t type = put_type(flat, schema->format);
    int64_t name = flat_text(flat, schema->name ? schema->name : "");
    FlatTable table = table_begin(flat, 7); /* name, nullable, type's kind, type, -, children, - */
    table_pointer(flat, &table, 0, name);
    table_number(flat, &table, 1, (schema->flags & ARROW_FLAG_NULLABLE) != 0, 1);
    table_number(flat, &table, 2, ipc_type(schema->format)->type, 1);
    table_pointer(flat, &table, 3, type);
    table_pointer(flat, &table, 5, list);
    return table_end(flat, &table);
}

/* ---- messages ---- */

enum { HEADER_SCHEMA = 1, HEADER_BATCH = 3 };

/* The mark, the head's size, the head; a body of body_bytes follows. */
static MrStatus put_message(Flat *flat, int64_t header, uint8_t kind, int64_t body_bytes,
                            MrBuffer *out, MrError *err)
{
    FlatTable table = table_begin(flat, 4); /* version, header's kind, header, body's bytes */
    table_number(flat, &table, 3, body_bytes, 8);
    table_pointer(flat, &table, 2, header);
    table_number(flat, &table, 1, kind, 1);
    table_number(flat, &table, 0, 4, 2); /* V5 */
    int64_t root = table_end(flat, &table);
    flat_align(flat, 8, 4);
    flat_pointer(flat, root);
    MR_TRY(mr_buffer_put_u32(out, UINT32_MAX, err));
    MR_TRY(mr_buffer_put_u32(out, (uint32_t)flat->used, err));
    return mr_buffer_put(out, flat->bytes + flat->cap - flat->used, flat->used, err);
}

static MrStatus schema_message(Flat *flat, const struct ArrowSchema *schema, MrBuffer *out,
                               MrError *err)
{
    int64_t *fields = MR_NEW_N(flat->arena, int64_t, schema->n_children);
    for (int64_t i = 0; i < schema->n_children; i++)
        fields[i] = put_field(flat, schema->children[i]);
    int64_t list = flat_pointers(flat, fields, schema->n_children);
    FlatTable table = table_begin(flat, 2); /* endianness, fields */
    table_number(flat, &table, 0, 0, 2);    /* little */
    table_pointer(flat, &table, 1, list);
    return put_message(flat, table_end(flat, &table), HEADER_SCHEMA, 0, out, err);
}

/* What a batch's body is made of, in the order of the specification: depth first. */
typedef struct Body {
    MrArena *arena;
    FlatPair *nodes, *buffers;
    const void **data; /* of each buffer */
    int64_t n_nodes, cap_nodes, n_buffers, cap_buffers, n_data, cap_data, size_bytes;
} Body;

/* Each buffer is padded to 8 bytes. */
static int64_t padded(int64_t size_bytes)
{
    return (size_bytes + 7) & ~INT64_C(7);
}

static void add_buffer(Body *body, const void *data, int64_t size_bytes)
{
    FlatPair place = {body->size_bytes, data ? size_bytes : 0};
    MR_PUSH(body->arena, body->buffers, body->n_buffers, body->cap_buffers, place);
    MR_PUSH(body->arena, body->data, body->n_data, body->cap_data, data);
    body->size_bytes += padded(place.second);
}

static void add_array(Body *body, const struct ArrowSchema *schema, const struct ArrowArray *array)
{
    const IpcType *type = ipc_type(schema->format);
    int64_t n = array->length;
    MR_ASSERT(array->offset == 0 && !array->dictionary);
    FlatPair node = {n, type->layout == LAYOUT_NULL ? n : array->null_count};
    MR_PUSH(body->arena, body->nodes, body->n_nodes, body->cap_nodes, node);
    if (type->layout != LAYOUT_NULL)
        add_buffer(body, array->null_count ? array->buffers[0] : NULL, (n + 7) / 8);
    if (type->layout == LAYOUT_FIXED)
        add_buffer(body, array->buffers[1], (n * type->n_bits + 7) / 8);
    if (type->layout == LAYOUT_TEXT || type->layout == LAYOUT_LIST)
        add_buffer(body, array->buffers[1], 4 * (n + 1));
    if (type->layout == LAYOUT_TEXT)
        add_buffer(body, array->buffers[2], ((const int32_t *)array->buffers[1])[n]);
    for (int64_t i = 0; i < array->n_children; i++)
        add_array(body, schema->children[i], array->children[i]);
}

static MrStatus batch_message(Flat *flat, const struct ArrowSchema *schema,
                              const struct ArrowArray *batch, MrBuffer *out, MrError *err)
{
    Body body = {.arena = flat->arena};
    for (int64_t i = 0; i < batch->n_children; i++)
        add_array(&body, schema->children[i], batch->children[i]);
    int64_t buffers = flat_pairs(flat, body.buffers, body.n_buffers);
    int64_t nodes = flat_pairs(flat, body.nodes, body.n_nodes);
    FlatTable table = table_begin(flat, 3); /* length, nodes, buffers */
    table_number(flat, &table, 0, batch->length, 8);
    table_pointer(flat, &table, 1, nodes);
    table_pointer(flat, &table, 2, buffers);
    MR_TRY(put_message(flat, table_end(flat, &table), HEADER_BATCH, body.size_bytes, out, err));
    for (int64_t i = 0; i < body.n_buffers; i++) {
        static const char zeroes[8] = {0};
        int64_t size_bytes = body.buffers[i].second;
        MR_TRY(mr_buffer_put(out, body.data[i], size_bytes, err));
        MR_TRY(mr_buffer_put(out, zeroes, padded(size_bytes) - size_bytes, err));
    }
    return MR_OK;
}

MrStatus mr_arrow_ipc_schema(const struct ArrowSchema *schema, MrBuffer *out, MrError *err)
{
    MrStatus status;
    MrArena arena;
    mr_arena_init(&arena, out->budget);
    MR_GUARD_BEGIN(status, err)
        Flat flat = {.arena = &arena};
        status = schema_message(&flat, schema, out, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

MrStatus mr_arrow_ipc_batch(const struct ArrowSchema *schema, const struct ArrowArray *batch,
                            MrBuffer *out, MrError *err)
{
    MrStatus status;
    MrArena arena;
    mr_arena_init(&arena, out->budget);
    MR_GUARD_BEGIN(status, err)
        Flat flat = {.arena = &arena};
        status = batch_message(&flat, schema, batch, out, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

MrStatus mr_arrow_ipc_end(MrBuffer *out, MrError *err)
{
    MR_TRY(mr_buffer_put_u32(out, UINT32_MAX, err));
    return mr_buffer_put_u32(out, 0, err);
}
