/* parquet_thrift.c - Thrift's compact protocol, driven by tables of the format's structs.
 *
 * Source: Thrift compact protocol specification; field numbers from parquet.thrift.  Fields that we
 * have no use for are not in the tables: reading skips them, writing leaves them out.  Nesting is
 * at most 32 deep, and a list's count is checked against the bytes that are there. */
#include "format/parquet_int.h"

#define MAX_DEPTH 32

typedef enum MrThriftKind {
    T_BOOL,
    T_I8,
    T_I16,
    T_I32,
    T_I64,
    T_TEXT,
    T_STRUCT, /* a pointer */
    T_LIST
} MrThriftKind;

typedef struct MrThriftField {
    int16_t id;
    uint8_t kind, item_kind; /* item_kind: of a list's items; structs lie inline */
    uint16_t offset;
    const MrThriftStruct *of;
} MrThriftField;

struct MrThriftStruct {
    int32_t size_bytes, n_fields;
    const MrThriftField *fields;
};

/* A list in memory: { int32_t n; T *items; } */
typedef struct MrThriftList {
    int32_t n;
    void *items;
} MrThriftList;

#define FIELD(id, kind, type, member)                                                              \
    {                                                                                              \
        id, kind, 0, offsetof(type, member), NULL                                                  \
    }
#define SUB(id, type, member, def)                                                                 \
    {                                                                                              \
        id, T_STRUCT, 0, offsetof(type, member), &(def)                                            \
    }
#define FLAG(id)                                                                                   \
    {                                                                                              \
        id, T_STRUCT, 0, 0, NULL                                                                   \
    } /* an empty struct: only its presence counts */
#define LIST(id, kind, type, member)                                                               \
    {                                                                                              \
        id, T_LIST, kind, offsetof(type, member), NULL                                             \
    }
#define LIST_OF(id, type, member, def)                                                             \
    {                                                                                              \
        id, T_LIST, T_STRUCT, offsetof(type, member), &(def)                                       \
    }
#define STRUCT(scope, name, type, ...)                                                             \
    static const MrThriftField name##_fields[] = {__VA_ARGS__};                                    \
    scope const MrThriftStruct name = {(int32_t)sizeof(type), (int32_t)MR_COUNT(name##_fields),    \
                                       name##_fields}

static const MrThriftStruct empty_def = {(int32_t)sizeof(MrPqEmpty), 0, NULL};

STRUCT(static, decimal_def, MrPqDecimal, FIELD(1, T_I32, MrPqDecimal, scale),
       FIELD(2, T_I32, MrPqDecimal, precision));
STRUCT(static, unit_def, MrPqTimeUnit, FLAG(1), FLAG(2), FLAG(3));
STRUCT(static, time_def, MrPqTimeUnitType, FIELD(1, T_BOOL, MrPqTimeUnitType, utc),
       SUB(2, MrPqTimeUnitType, unit, unit_def));
STRUCT(static, integer_def, MrPqInteger, FIELD(1, T_I8, MrPqInteger, bits),
       FIELD(2, T_BOOL, MrPqInteger, is_signed));
STRUCT(static, logical_def, MrPqLogical, FLAG(1), FLAG(2), FLAG(3), FLAG(4),
       SUB(5, MrPqLogical, decimal, decimal_def), FLAG(6), SUB(7, MrPqLogical, time, time_def),
       SUB(8, MrPqLogical, timestamp, time_def), SUB(10, MrPqLogical, integer, integer_def),
       FLAG(11), FLAG(12), FLAG(13), FLAG(14), FLAG(15), FLAG(16));
STRUCT(static, element_def, MrPqElement, FIELD(1, T_I32, MrPqElement, type),
       FIELD(2, T_I32, MrPqElement, type_length), FIELD(3, T_I32, MrPqElement, repetition),
       FIELD(4, T_TEXT, MrPqElement, name), FIELD(5, T_I32, MrPqElement, n_children),
       FIELD(6, T_I32, MrPqElement, converted), FIELD(7, T_I32, MrPqElement, scale),
       FIELD(8, T_I32, MrPqElement, precision), FIELD(9, T_I32, MrPqElement, field_id),
       SUB(10, MrPqElement, logical, logical_def));
STRUCT(static, stats_def, MrPqStatistics, FIELD(1, T_TEXT, MrPqStatistics, old_max),
       FIELD(2, T_TEXT, MrPqStatistics, old_min), FIELD(3, T_I64, MrPqStatistics, n_nulls),
       FIELD(4, T_I64, MrPqStatistics, n_distinct), FIELD(5, T_TEXT, MrPqStatistics, max),
       FIELD(6, T_TEXT, MrPqStatistics, min), FIELD(7, T_BOOL, MrPqStatistics, max_exact),
       FIELD(8, T_BOOL, MrPqStatistics, min_exact));
STRUCT(static, encoding_stats_def, MrPqEncodingStats, FIELD(1, T_I32, MrPqEncodingStats, page_type),
       FIELD(2, T_I32, MrPqEncodingStats, encoding), FIELD(3, T_I32, MrPqEncodingStats, count));
STRUCT(static, chunk_meta_def, MrPqChunkMeta, FIELD(1, T_I32, MrPqChunkMeta, type),
       LIST(2, T_I32, MrPqChunkMeta, encodings), LIST(3, T_TEXT, MrPqChunkMeta, path),
       FIELD(4, T_I32, MrPqChunkMeta, codec), FIELD(5, T_I64, MrPqChunkMeta, n_values),
       FIELD(6, T_I64, MrPqChunkMeta, uncompressed_bytes),
       FIELD(7, T_I64, MrPqChunkMeta, compressed_bytes),
       FIELD(9, T_I64, MrPqChunkMeta, data_offset), FIELD(10, T_I64, MrPqChunkMeta, index_offset),
       FIELD(11, T_I64, MrPqChunkMeta, dict_offset), SUB(12, MrPqChunkMeta, stats, stats_def),
       LIST_OF(13, MrPqChunkMeta, encoding_stats, encoding_stats_def),
       FIELD(14, T_I64, MrPqChunkMeta, bloom_offset), FIELD(15, T_I32, MrPqChunkMeta, bloom_bytes));
STRUCT(static, chunk_def, MrPqChunk, FIELD(1, T_TEXT, MrPqChunk, path),
       FIELD(2, T_I64, MrPqChunk, offset), SUB(3, MrPqChunk, meta, chunk_meta_def),
       FIELD(4, T_I64, MrPqChunk, offset_index_offset),
       FIELD(5, T_I32, MrPqChunk, offset_index_bytes),
       FIELD(6, T_I64, MrPqChunk, column_index_offset),
       FIELD(7, T_I32, MrPqChunk, column_index_bytes), SUB(8, MrPqChunk, crypto, empty_def));
STRUCT(static, row_group_def, MrPqRowGroup, LIST_OF(1, MrPqRowGroup, chunks, chunk_def),
       FIELD(2, T_I64, MrPqRowGroup, size_bytes), FIELD(3, T_I64, MrPqRowGroup, n_rows),
       FIELD(5, T_I64, MrPqRowGroup, offset), FIELD(6, T_I64, MrPqRowGroup, compressed_bytes),
       FIELD(7, T_I16, MrPqRowGroup, ordinal));
STRUCT(static, key_value_def, MrPqKeyValue, FIELD(1, T_TEXT, MrPqKeyValue, key),
       FIELD(2, T_TEXT, MrPqKeyValue, value));
STRUCT(static, column_order_def, MrPqColumnOrder, SUB(1, MrPqColumnOrder, type_order, empty_def));
STRUCT(, mr__pq_footer_def, MrPqFooter, FIELD(1, T_I32, MrPqFooter, version),
       LIST_OF(2, MrPqFooter, schema, element_def), FIELD(3, T_I64, MrPqFooter, n_rows),
       LIST_OF(4, MrPqFooter, row_groups, row_group_def),
       LIST_OF(5, MrPqFooter, metadata, key_value_def), FIELD(6, T_TEXT, MrPqFooter, created_by),
       LIST_OF(7, MrPqFooter, column_orders, column_order_def),
       SUB(8, MrPqFooter, encryption, empty_def));

STRUCT(static, data_header_def, MrPqDataHeader, FIELD(1, T_I32, MrPqDataHeader, n_values),
       FIELD(2, T_I32, MrPqDataHeader, encoding), FIELD(3, T_I32, MrPqDataHeader, def_encoding),
       FIELD(4, T_I32, MrPqDataHeader, rep_encoding));
STRUCT(static, dict_header_def, MrPqDictHeader, FIELD(1, T_I32, MrPqDictHeader, n_values),
       FIELD(2, T_I32, MrPqDictHeader, encoding));
STRUCT(static, data_header_v2_def, MrPqDataHeaderV2, FIELD(1, T_I32, MrPqDataHeaderV2, n_values),
       FIELD(2, T_I32, MrPqDataHeaderV2, n_nulls), FIELD(3, T_I32, MrPqDataHeaderV2, n_rows),
       FIELD(4, T_I32, MrPqDataHeaderV2, encoding), FIELD(5, T_I32, MrPqDataHeaderV2, def_bytes),
       FIELD(6, T_I32, MrPqDataHeaderV2, rep_bytes),
       FIELD(7, T_BOOL, MrPqDataHeaderV2, is_compressed));
STRUCT(, mr__pq_page_header_def, MrPqPageHeader, FIELD(1, T_I32, MrPqPageHeader, type),
       FIELD(2, T_I32, MrPqPageHeader, uncompressed_bytes),
       FIELD(3, T_I32, MrPqPageHeader, compressed_bytes), FIELD(4, T_I32, MrPqPageHeader, crc),
       SUB(5, MrPqPageHeader, data, data_header_def), SUB(7, MrPqPageHeader, dict, dict_header_def),
       SUB(8, MrPqPageHeader, data_v2, data_header_v2_def));

STRUCT(static, location_def, MrPqPageLocation, FIELD(1, T_I64, MrPqPageLocation, offset),
       FIELD(2, T_I32, MrPqPageLocation, compressed_bytes),
       FIELD(3, T_I64, MrPqPageLocation, first_row));
STRUCT(, mr__pq_offset_index_def, MrPqOffsetIndex,
       LIST_OF(1, MrPqOffsetIndex, pages, location_def));
STRUCT(, mr__pq_column_index_def, MrPqColumnIndex, LIST(1, T_BOOL, MrPqColumnIndex, null_pages),
       LIST(2, T_TEXT, MrPqColumnIndex, min), LIST(3, T_TEXT, MrPqColumnIndex, max),
       FIELD(4, T_I32, MrPqColumnIndex, boundary_order), LIST(5, T_I64, MrPqColumnIndex, n_nulls));

/* Wire types of the compact protocol. */
enum {
    W_STOP = 0,
    W_TRUE = 1,
    W_FALSE = 2,
    W_I8 = 3,
    W_I16 = 4,
    W_I32 = 5,
    W_I64 = 6,
    W_DOUBLE = 7,
    W_BINARY = 8,
    W_LIST = 9,
    W_SET = 10,
    W_MAP = 11,
    W_STRUCT = 12,
    W_UUID = 13
};
static const uint8_t wire_of_kind[] = {
    [T_BOOL] = W_TRUE, [T_I8] = W_I8,       [T_I16] = W_I16,       [T_I32] = W_I32,
    [T_I64] = W_I64,   [T_TEXT] = W_BINARY, [T_STRUCT] = W_STRUCT, [T_LIST] = W_LIST};
static const uint8_t item_bytes[] = {
    [T_BOOL] = 1, [T_I8] = 1, [T_I16] = 2, [T_I32] = 4, [T_I64] = 8, [T_TEXT] = sizeof(MrText)};

static bool zigzag_read(MrReader *reader, int64_t *out)
{
    uint64_t value;
    if (!mr_reader_varint(reader, &value))
        return false;
    *out = (int64_t)(value >> 1) ^ -(int64_t)(value & 1);
    return true;
}

static bool fail(MrReader *reader)
{
    reader->failed = true;
    return false;
}

static bool list_head_read(MrReader *reader, int *wire, int64_t *n)
{
    uint8_t head;
    if (!mr_reader_u8(reader, &head))
        return false;
    *wire = head & 15;
    *n = head >> 4;
    if (*n == 15) {
        uint64_t count;
        if (!mr_reader_varint(reader, &count))
            return false;
        if (count > INT32_MAX)
            return fail(reader);
        *n = (int64_t)count;
    }
    /* Every item takes a byte at least. */
    return *n <= reader->end - reader->at || fail(reader);
}

static bool value_skip(MrReader *reader, int wire, int depth, bool in_list)
{
    const uint8_t *bytes;
    uint64_t word;
    MrText text;
    int64_t n;
    int item;
    uint8_t byte;
    if (depth > MAX_DEPTH)
        return fail(reader);
    switch (wire) {
    case W_TRUE:
    case W_FALSE:
        return in_list ? mr_reader_u8(reader, &byte) : true;
    case W_I8:
        return mr_reader_u8(reader, &byte);
    case W_I16:
    case W_I32:
    case W_I64:
        return mr_reader_varint(reader, &word);
    case W_DOUBLE:
        return mr_reader_bytes(reader, 8, &bytes);
    case W_UUID:
        return mr_reader_bytes(reader, 16, &bytes);
    case W_BINARY:
        return mr_reader_text(reader, &text);
    case W_LIST:
    case W_SET:
        if (!list_head_read(reader, &item, &n))
            return false;
        for (int64_t i = 0; i < n; i++)
            if (!value_skip(reader, item, depth + 1, true))
                return false;
        return true;
    case W_MAP:
        if (!mr_reader_varint(reader, &word))
            return false;
        if (word == 0)
            return true;
        if (!mr_reader_u8(reader, &byte) || word > (uint64_t)(reader->end - reader->at))
            return fail(reader);
        for (uint64_t i = 0; i < word; i++)
            if (!value_skip(reader, byte >> 4, depth + 1, true) ||
                !value_skip(reader, byte & 15, depth + 1, true))
                return false;
        return true;
    case W_STRUCT:
        for (;;) {
            if (!mr_reader_u8(reader, &byte))
                return false;
            if (byte == W_STOP)
                return true;
            if (byte >> 4 == 0 && !mr_reader_varint(reader, &word))
                return false;
            if (!value_skip(reader, byte & 15, depth + 1, false))
                return false;
        }
    default:
        return fail(reader);
    }
}

static bool struct_read(MrReader *reader, const MrThriftStruct *def, MrArena *arena, void *out,
                        int depth);

static bool item_read(MrReader *reader, int kind, const MrThriftStruct *of, MrArena *arena,
                      void *to, int depth)
{
    int64_t value;
    uint8_t byte;
    switch (kind) {
    case T_BOOL:
        if (!mr_reader_u8(reader, &byte))
            return false;
        *(bool *)to = byte == 1;
        return true;
    case T_I8:
        return mr_reader_u8(reader, to);
    case T_I16:
        if (!zigzag_read(reader, &value))
            return false;
        *(int16_t *)to = (int16_t)value;
        return true;
    case T_I32:
        if (!zigzag_read(reader, &value))
            return false;
        if (value < INT32_MIN || value > INT32_MAX)
            return fail(reader);
        *(int32_t *)to = (int32_t)value;
        return true;
    case T_I64:
        return zigzag_read(reader, to);
    case T_TEXT:
        return mr_reader_text(reader, to);
    default:
        return struct_read(reader, of, arena, to, depth + 1);
    }
}

static bool list_read(MrReader *reader, const MrThriftField *field, MrArena *arena,
                      MrThriftList *list, int depth)
{
    int wire;
    int64_t n;
    if (!list_head_read(reader, &wire, &n))
        return false;
    int want = wire_of_kind[field->item_kind];
    if (n > 0 && wire != want && !(want == W_TRUE && wire == W_FALSE))
        return fail(reader);
    int64_t size =
        field->item_kind == T_STRUCT ? field->of->size_bytes : item_bytes[field->item_kind];
    char *items = mr_arena_zeroed(arena, n * size);
    for (int64_t i = 0; i < n; i++)
        if (!item_read(reader, field->item_kind, field->of, arena, items + i * size, depth))
            return false;
    list->items = items;
    list->n = (int32_t)n;
    return true;
}

static bool field_read(MrReader *reader, const MrThriftField *field, int wire, MrArena *arena,
                       char *out, int depth)
{
    char *to = out + field->offset;
    if (field->kind == T_BOOL) {
        *(bool *)to = wire == W_TRUE;
        return true;
    }
    if (field->kind == T_LIST)
        return list_read(reader, field, arena, (MrThriftList *)to, depth);
    if (field->kind != T_STRUCT)
        return item_read(reader, field->kind, NULL, arena, to, depth);
    if (!field->of)
        return value_skip(reader, W_STRUCT, depth + 1, false);
    void *sub = mr_arena_zeroed(arena, field->of->size_bytes);
    if (!struct_read(reader, field->of, arena, sub, depth + 1))
        return false;
    *(void **)to = sub;
    return true;
}

static bool struct_read(MrReader *reader, const MrThriftStruct *def, MrArena *arena, void *out,
                        int depth)
{
    int64_t id = 0;
    int32_t row = 0; /* fields mostly come in order */
    uint32_t has = 0;
    uint8_t head;
    if (depth > MAX_DEPTH)
        return fail(reader);
    for (;;) {
        if (!mr_reader_u8(reader, &head))
            return false;
        int wire = head & 15;
        if (wire == W_STOP)
            break;
        if (head >> 4)
            id += head >> 4;
        else if (!zigzag_read(reader, &id))
            return false;
        if (id < 0 || id > INT16_MAX)
            return fail(reader);
        while (row < def->n_fields && def->fields[row].id < id)
            row++;
        if (row == def->n_fields || def->fields[row].id != id)
            for (row = 0; row < def->n_fields && def->fields[row].id < id;)
                row++;
        const MrThriftField *field = row < def->n_fields ? &def->fields[row] : NULL;
        bool known = field && field->id == id;
        if (known) {
            int want = wire_of_kind[field->kind];
            known = wire == want || (want == W_TRUE && wire == W_FALSE);
        }
        if (!known) {
            if (!value_skip(reader, wire, depth + 1, false))
                return false;
            continue;
        }
        if (!field_read(reader, field, wire, arena, out, depth))
            return false;
        has |= UINT32_C(1) << row;
    }
    *(uint32_t *)out = has;
    return true;
}

bool mr__thrift_read(MrReader *reader, const MrThriftStruct *def, MrArena *arena, void *out)
{
    memset(out, 0, (size_t)def->size_bytes);
    return struct_read(reader, def, arena, out, 0);
}

static MrStatus zigzag_write(int64_t value, MrBuffer *out, MrError *err)
{
    return mr_buffer_put_varint(out, ((uint64_t)value << 1) ^ (uint64_t)(value >> 63), err);
}

static MrStatus item_write(int kind, const MrThriftStruct *of, const void *from, MrBuffer *out,
                           MrError *err)
{
    switch (kind) {
    case T_BOOL:
        return mr_buffer_put_u8(out, *(const bool *)from ? W_TRUE : W_FALSE, err);
    case T_I8:
        return mr_buffer_put_u8(out, *(const uint8_t *)from, err);
    case T_I16:
        return zigzag_write(*(const int16_t *)from, out, err);
    case T_I32:
        return zigzag_write(*(const int32_t *)from, out, err);
    case T_I64:
        return zigzag_write(*(const int64_t *)from, out, err);
    case T_TEXT:
        return mr_buffer_put_text(out, *(const MrText *)from, err);
    default:
        return mr__thrift_write(of, from, out, err);
    }
}

MrStatus mr__thrift_write(const MrThriftStruct *def, const void *from, MrBuffer *out, MrError *err)
{
    uint32_t has = *(const uint32_t *)from;
    int16_t last_id = 0;
    for (int32_t row = 0; row < def->n_fields; row++) {
        if (!(has >> row & 1))
            continue;
        const MrThriftField *field = &def->fields[row];
        const char *value = (const char *)from + field->offset;
        int wire = wire_of_kind[field->kind];
        if (field->kind == T_BOOL && !*(const bool *)value)
            wire = W_FALSE;
        int gap = field->id - last_id;
        MR_TRY(mr_buffer_put_u8(out, (uint8_t)((gap < 16 ? gap << 4 : 0) | wire), err));
        if (gap >= 16)
            MR_TRY(zigzag_write(field->id, out, err));
        last_id = field->id;
        if (field->kind == T_LIST) {
            const MrThriftList *list = (const MrThriftList *)value;
            int item = wire_of_kind[field->item_kind];
            int64_t size =
                field->item_kind == T_STRUCT ? field->of->size_bytes : item_bytes[field->item_kind];
            if (list->n < 15) {
                MR_TRY(mr_buffer_put_u8(out, (uint8_t)(list->n << 4 | item), err));
            } else {
                MR_TRY(mr_buffer_put_u8(out, (uint8_t)(0xf0 | item), err));
                MR_TRY(mr_buffer_put_varint(out, (uint64_t)list->n, err));
            }
            for (int32_t i = 0; i < list->n; i++)
                MR_TRY(item_write(field->item_kind, field->of, (const char *)list->items + i * size,
                                  out, err));
        } else if (field->kind == T_STRUCT) {
            if (field->of)
                MR_TRY(mr__thrift_write(field->of, *(void *const *)value, out, err));
            else
                MR_TRY(mr_buffer_put_u8(out, W_STOP, err));
        } else if (field->kind != T_BOOL) {
            MR_TRY(item_write(field->kind, NULL, value, out, err));
        }
    }
    return mr_buffer_put_u8(out, W_STOP, err);
}
