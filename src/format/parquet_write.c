/* parquet_write.c - batches to a Parquet file, as Spark writes them.
 *
 * The schema becomes a tree of nodes; each batch is taken apart into levels and stored values per
 * leaf (the Dremel way), which an encoder per leaf turns into pages.  A row group is kept in
 * memory, encoded, until it is full; the page index and the footer come last.
 *
 * Types: Spark's standard mapping (not the legacy one): lists of three levels, timestamps as INT64
 * microseconds, decimals as INT32, INT64 or the shortest fixed length.  Spark's schema stands in
 * the metadata. */
#include "format/parquet_encode_int.h"

#define ROW_GROUP_ROWS ((int64_t)1 << 20)
#define ROW_GROUP_BYTES ((int64_t)128 << 20)
#define PAGE_BYTES ((int64_t)1 << 20)
#define PAGE_ROWS 20000

typedef struct WriteNode WriteNode;
struct WriteNode {
    const char *name;
    const MrType *type;
    bool nullable;
    int16_t def, rep; /* level of a value here; of the element for lists: elem_def, rep + 1 */
    int16_t elem_def;
    int32_t leaf; /* encoder; first one below for groups */
    int32_t n_leaves;
    int32_t n_children;
    WriteNode *children;
};

/* A file being written: what the footer will say is in the arena. */
struct MrParquetWriter {
    MrBudget *budget;
    MrParquetWriteOptions options;
    MrOutput output;
    MrArena arena;       /* life of the writer      */
    MrArena batch_arena; /* life of a piece of rows */
    MrSchema schema;
    WriteNode *nodes; /* of the schema's columns */
    int32_t n_leaves;
    MrPqEncoder *encoders;
    const char ***paths; /* of each leaf, ended by NULL */

    MrPqElement *elements;
    int32_t n_elements, cap_elements;
    MrPqRowGroup *row_groups;
    int32_t n_row_groups, cap_row_groups;
    MrPqColumnIndex **column_indexes; /* of each row group: one per leaf */
    MrPqOffsetIndex **offset_indexes;
    int32_t n_indexes, cap_indexes, n_offsets, cap_offsets;
    MrBuffer out; /* small things on their way out */
    int64_t n_bytes, n_rows, group_rows;
    bool begun, finished, broken;
};

/* ---- Schema ---- */

static MrPqLogical *logical_new(MrArena *arena, uint32_t bit)
{
    MrPqLogical *logical = MR_NEW(arena, MrPqLogical);
    logical->has = bit;
    return logical;
}

static void element_annotate(MrPqElement *e, int converted, MrPqLogical *logical)
{
    if (converted >= 0) {
        e->converted = converted;
        e->has |= MR_PQ_ELEMENT_CONVERTED;
    }
    if (logical) {
        e->logical = logical;
        e->has |= MR_PQ_ELEMENT_LOGICAL;
    }
}

static MrPqLogical *logical_integer(MrArena *arena, int bits)
{
    MrPqLogical *logical = logical_new(arena, MR_PQ_LOGICAL_INTEGER);
    logical->integer = MR_NEW(arena, MrPqInteger);
    *logical->integer = (MrPqInteger){.has = 3, .bits = (int8_t)bits, .is_signed = true};
    return logical;
}

static MrPqLogical *logical_time(MrArena *arena, bool timestamp, bool utc)
{
    MrPqLogical *logical =
        logical_new(arena, timestamp ? MR_PQ_LOGICAL_TIMESTAMP : MR_PQ_LOGICAL_TIME);
    MrPqTimeUnitType *time = MR_NEW(arena, MrPqTimeUnitType);
    *time = (MrPqTimeUnitType){.has = 3, .utc = utc, .unit = MR_NEW(arena, MrPqTimeUnit)};
    time->unit->has = MR_PQ_MICROS;
    if (timestamp)
        logical->timestamp = time;
    else
        logical->time = time;
    return logical;
}

/* Bytes of the shortest two's complement that holds so many digits. */
static int32_t decimal_bytes(int precision)
{
    int32_t n = 1;
    while (n < 16 && (mr_pow10_i128[precision] - 1) >> (8 * n - 1) != 0)
        n++;
    return n;
}

static void decimal_element(MrParquetWriter *writer, const MrType *type, MrPqElement *e,
                            MrPqEncoder *encoder)
{
    MrPqLogical *logical = logical_new(&writer->arena, MR_PQ_LOGICAL_DECIMAL);
    logical->decimal = MR_NEW(&writer->arena, MrPqDecimal);
    *logical->decimal = (MrPqDecimal){.has = 3, .scale = type->scale, .precision = type->precision};
    element_annotate(e, MR_PQ_CONV_DECIMAL, logical);
    e->scale = type->scale;
    e->precision = type->precision;
    e->has |= MR_PQ_ELEMENT_SCALE | MR_PQ_ELEMENT_PRECISION;
    if (type->precision <= 9 && !writer->options.legacy_decimals) {
        encoder->stored = MR_PQ_INT32;
        encoder->order = MR_PQ_ORDER_I32;
    } else if (type->precision <= 18 && !writer->options.legacy_decimals) {
        encoder->stored = MR_PQ_INT64;
        encoder->order = MR_PQ_ORDER_I64;
    } else {
        encoder->stored = MR_PQ_FIXED;
        encoder->order = MR_PQ_ORDER_SIGNED;
        encoder->value_bytes = decimal_bytes(type->precision);
    }
}

static MrStatus leaf_element(MrParquetWriter *writer, const WriteNode *node, MrPqElement *e,
                             MrPqEncoder *encoder, MrError *err)
{
    static const struct {
        uint8_t stored, order;
    } plain[MR_N_TYPES] = {
        [MR_TYPE_BOOLEAN] = {MR_PQ_BOOLEAN, MR_PQ_ORDER_BOOL},
        [MR_TYPE_TINYINT] = {MR_PQ_INT32, MR_PQ_ORDER_I32},
        [MR_TYPE_SMALLINT] = {MR_PQ_INT32, MR_PQ_ORDER_I32},
        [MR_TYPE_INT] = {MR_PQ_INT32, MR_PQ_ORDER_I32},
        [MR_TYPE_BIGINT] = {MR_PQ_INT64, MR_PQ_ORDER_I64},
        [MR_TYPE_FLOAT] = {MR_PQ_FLOAT, MR_PQ_ORDER_F32},
        [MR_TYPE_DOUBLE] = {MR_PQ_DOUBLE, MR_PQ_ORDER_F64},
        [MR_TYPE_STRING] = {MR_PQ_BYTE_ARRAY, MR_PQ_ORDER_BYTES},
        [MR_TYPE_BINARY] = {MR_PQ_BYTE_ARRAY, MR_PQ_ORDER_BYTES},
        [MR_TYPE_DATE] = {MR_PQ_INT32, MR_PQ_ORDER_I32},
        [MR_TYPE_TIME] = {MR_PQ_INT64, MR_PQ_ORDER_I64},
        [MR_TYPE_TIMESTAMP] = {MR_PQ_INT64, MR_PQ_ORDER_I64},
        [MR_TYPE_TIMESTAMP_NTZ] = {MR_PQ_INT64, MR_PQ_ORDER_I64},
        [MR_TYPE_INTERVAL_YM] = {MR_PQ_INT32, MR_PQ_ORDER_I32},
        [MR_TYPE_INTERVAL_DT] = {MR_PQ_INT64, MR_PQ_ORDER_I64},
    };
    static const uint8_t stored_bytes[] = {1, 4, 8, 12, 4, 8, 0, 0};
    const MrType *type = node->type;
    MrArena *arena = &writer->arena;
    encoder->stored = (MrPqStored)plain[type->kind].stored;
    encoder->order = (MrPqOrder)plain[type->kind].order;
    switch (type->kind) {
    case MR_TYPE_TINYINT:
        element_annotate(e, MR_PQ_CONV_INT_8, logical_integer(arena, 8));
        break;
    case MR_TYPE_SMALLINT:
        element_annotate(e, MR_PQ_CONV_INT_16, logical_integer(arena, 16));
        break;
    case MR_TYPE_STRING:
        encoder->is_utf8 = true;
        element_annotate(e, MR_PQ_CONV_UTF8, logical_new(arena, MR_PQ_LOGICAL_STRING));
        break;
    case MR_TYPE_DATE:
        element_annotate(e, MR_PQ_CONV_DATE, logical_new(arena, MR_PQ_LOGICAL_DATE));
        break;
    case MR_TYPE_TIME:
        element_annotate(e, -1, logical_time(arena, false, false));
        break;
    case MR_TYPE_TIMESTAMP:
        if (writer->options.int96_timestamps) {
            encoder->stored = MR_PQ_INT96;
            encoder->order = MR_PQ_ORDER_NONE;
        } else {
            element_annotate(e, MR_PQ_CONV_TIMESTAMP_MICROS, logical_time(arena, true, true));
        }
        break;
    case MR_TYPE_TIMESTAMP_NTZ:
        element_annotate(e, -1, logical_time(arena, true, false));
        break;
    case MR_TYPE_DECIMAL:
        decimal_element(writer, type, e, encoder);
        break;
    case MR_TYPE_INTERVAL:
        encoder->stored = MR_PQ_FIXED;
        encoder->order = MR_PQ_ORDER_NONE;
        encoder->value_bytes = 12;
        element_annotate(e, MR_PQ_CONV_INTERVAL, NULL);
        break;
    case MR_TYPE_VOID:
        return MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "Parquet",
                       "columnName", node->name, "columnType", "\"VOID\"");
    default:
        break;
    }
    if (encoder->stored != MR_PQ_FIXED)
        encoder->value_bytes = stored_bytes[encoder->stored];
    e->type = (int32_t)encoder->stored;
    e->has |= MR_PQ_ELEMENT_TYPE;
    if (encoder->stored == MR_PQ_FIXED) {
        e->type_length = encoder->value_bytes;
        e->has |= MR_PQ_ELEMENT_TYPE_LENGTH;
    }
    return MR_OK;
}

/* Where a new element stands; the pointer is good until the next one. */
static MrPqElement *element_add(MrParquetWriter *writer, const char *name, int repetition,
                                int32_t n_children)
{
    MrPqElement e = {.has = MR_PQ_ELEMENT_NAME | MR_PQ_ELEMENT_REPETITION,
                     .name = mr_text(name),
                     .repetition = repetition,
                     .n_children = n_children};
    if (n_children > 0)
        e.has |= MR_PQ_ELEMENT_N_CHILDREN;
    MR_PUSH(&writer->arena, writer->elements, writer->n_elements, writer->cap_elements, e);
    return &writer->elements[writer->n_elements - 1];
}

typedef struct WritePlace {
    int16_t def, rep;
    int32_t depth;
    const char *path[3 * MR_PARQUET_MAX_DEPTH + 3];
    int32_t n_path;
} WritePlace;

static int32_t leaves_count(const MrType *type, int depth)
{
    if (depth > MR_PARQUET_MAX_DEPTH)
        return 0;
    if (type->n_fields == 0)
        return mr_type_physical(type) == MR_PHYS_STRUCT ? 0 : 1;
    int32_t n = 0;
    for (int32_t i = 0; i < type->n_fields; i++)
        n += leaves_count(type->fields[i].type, depth + 1);
    return n;
}

static MrStatus write_node_build(MrParquetWriter *writer, const MrField *field, const char *name,
                                 WritePlace *place, WriteNode *node, MrError *err)
{
    MrArena *arena = &writer->arena;
    const MrType *type = field->type;
    MrPhysical physical = mr_type_physical(type);
    bool nested = physical == MR_PHYS_LIST || physical == MR_PHYS_STRUCT;
    if (place->depth >= MR_PARQUET_MAX_DEPTH)
        return MR_FAIL_UNSUPPORTED(err, "Parquet columns nested more than %d deep",
                                   MR_PARQUET_MAX_DEPTH);
    int16_t def = place->def, rep = place->rep;
    *node = (WriteNode){.name = name,
                        .type = type,
                        .nullable = field->nullable,
                        .leaf = writer->n_leaves,
                        .n_children = type->n_fields};
    if (nested && type->n_fields == 0)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "Parquet",
                       "columnName", name, "columnType", mr_type_sql_text(arena, type));
    node->def = place->def = (int16_t)(def + field->nullable);
    node->rep = rep;
    int32_t n_path = place->n_path;
    place->path[place->n_path++] = name;
    place->depth++;
    MrPqElement *e = element_add(writer, name, field->nullable ? MR_PQ_OPTIONAL : MR_PQ_REQUIRED,
                                 physical == MR_PHYS_LIST ? 1 : type->n_fields);
    if (!nested) {
        MrPqEncoder *encoder = &writer->encoders[writer->n_leaves];
        mr__pq_encoder_init(encoder, writer->budget, &writer->options);
        const char **path = MR_NEW_N(arena, const char *, place->n_path + 1);
        memcpy(path, place->path, (size_t)place->n_path * sizeof *path);
        writer->paths[writer->n_leaves++] = path;
        encoder->max_def = node->def;
        encoder->max_rep = rep;
        MR_TRY(leaf_element(writer, node, e, encoder, err));
        mr__pq_encoder_reset(encoder);
    } else if (physical == MR_PHYS_LIST) {
        bool map = type->kind == MR_TYPE_MAP;
        const char *entry = map ? "key_value" : "list";
        element_annotate(e, map ? MR_PQ_CONV_MAP : MR_PQ_CONV_LIST,
                         logical_new(arena, map ? MR_PQ_LOGICAL_MAP : MR_PQ_LOGICAL_LIST));
        element_add(writer, entry, MR_PQ_REPEATED, type->n_fields);
        place->path[place->n_path++] = entry;
        node->elem_def = place->def = (int16_t)(node->def + 1);
        place->rep = (int16_t)(rep + 1);
        node->children = MR_NEW_N(arena, WriteNode, type->n_fields);
        static const char *const names[] = {"element", "key", "value"};
        for (int32_t i = 0; i < type->n_fields; i++) {
            MrField child = type->fields[i];
            if (map && i == 0)
                child.nullable = false;
            MR_TRY(
                write_node_build(writer, &child, names[map + i], place, &node->children[i], err));
        }
    } else {
        if (type->kind == MR_TYPE_VARIANT)
            element_annotate(e, -1, logical_new(arena, MR_PQ_LOGICAL_VARIANT));
        node->children = MR_NEW_N(arena, WriteNode, type->n_fields);
        for (int32_t i = 0; i < type->n_fields; i++)
            MR_TRY(write_node_build(writer, &type->fields[i], type->fields[i].name, place,
                                    &node->children[i], err));
    }
    place->n_path = n_path;
    place->depth--;
    place->def = def;
    place->rep = rep;
    node->n_leaves = writer->n_leaves - node->leaf;
    return MR_OK;
}

static MrStatus writer_build(MrParquetWriter *writer, const MrSchema *schema, MrError *err)
{
    MrArena *arena = &writer->arena;
    int32_t n_leaves = 0;
    MrField *cols = MR_NEW_N(arena, MrField, schema->n_cols);
    for (int32_t i = 0; i < schema->n_cols; i++) {
        cols[i] = schema->cols[i];
        cols[i].name = mr_arena_str(arena, cols[i].name);
        cols[i].type = mr_type_own(arena, cols[i].type);
        cols[i].comment = cols[i].comment ? mr_arena_str(arena, cols[i].comment) : NULL;
        n_leaves += leaves_count(cols[i].type, 0);
    }
    if (n_leaves > MR_PARQUET_MAX_COLUMNS)
        return MR_FAIL_UNSUPPORTED(err, "Parquet files of more than %d columns",
                                   MR_PARQUET_MAX_COLUMNS);
    writer->schema = (MrSchema){schema->n_cols, cols};
    writer->encoders = MR_NEW_N(arena, MrPqEncoder, n_leaves);
    writer->paths = MR_NEW_N(arena, const char **, n_leaves);
    writer->nodes = MR_NEW_N(arena, WriteNode, schema->n_cols);
    element_add(writer, "spark_schema", MR_PQ_REQUIRED, schema->n_cols);
    writer->elements[0].has = MR_PQ_ELEMENT_NAME | MR_PQ_ELEMENT_N_CHILDREN;
    WritePlace *place = MR_NEW(arena, WritePlace);
    for (int32_t i = 0; i < schema->n_cols; i++)
        MR_TRY(write_node_build(writer, &cols[i], cols[i].name, place, &writer->nodes[i], err));
    return MR_OK;
}

/* ---- Life ---- */

MrStatus mr_parquet_writer_create(MrBudget *budget, const MrSchema *schema,
                                  const MrParquetWriteOptions *options, const MrOutput *output,
                                  MrParquetWriter **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, (int64_t)sizeof(MrParquetWriter), &block, err));
    MrParquetWriter *writer = block;
    writer->budget = budget;
    writer->output = *output;
    writer->options = *options;
    if (writer->options.row_group_rows <= 0)
        writer->options.row_group_rows = ROW_GROUP_ROWS;
    if (writer->options.page_bytes <= 0)
        writer->options.page_bytes = PAGE_BYTES;
    if (writer->options.page_rows <= 0)
        writer->options.page_rows = PAGE_ROWS;
    mr_arena_init(&writer->arena, budget);
    mr_arena_init(&writer->batch_arena, budget);
    mr_buffer_init(&writer->out, budget, INT32_MAX);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = writer_build(writer, schema, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_parquet_writer_destroy(writer);
        return status;
    }
    *out = writer;
    return MR_OK;
}

void mr_parquet_writer_destroy(MrParquetWriter *writer)
{
    if (!writer)
        return;
    for (int32_t i = 0; i < writer->n_leaves; i++)
        mr__pq_encoder_deinit(&writer->encoders[i]);
    mr_buffer_deinit(&writer->out);
    mr_arena_deinit(&writer->arena);
    mr_arena_deinit(&writer->batch_arena);
    mr_budget_free(writer->budget, writer, (int64_t)sizeof *writer);
}
int64_t mr_parquet_writer_bytes(const MrParquetWriter *writer)
{
    return writer->n_bytes;
}

static MrStatus output_put(MrParquetWriter *writer, const void *data, int64_t size_bytes,
                           MrError *err)
{
    if (size_bytes == 0)
        return MR_OK;
    MR_TRY(writer->output.write(writer->output.self, data, size_bytes, err));
    writer->n_bytes += size_bytes;
    return MR_OK;
}

static MrStatus out_flush(MrParquetWriter *writer, MrError *err)
{
    MR_TRY(output_put(writer, writer->out.data, writer->out.size_bytes, err));
    writer->out.size_bytes = 0;
    return MR_OK;
}

/* ---- Values as stored ---- */

static void big_endian_put(uint8_t *to, MrI128 value, int32_t n_bytes)
{
    for (int32_t b = n_bytes - 1; b >= 0; b--, value >>= 8)
        to[b] = (uint8_t)value;
}

/* Stored values of n rows of a flat vector; n rows of vec are all there (none is NULL). */
static const void *stored_make(MrParquetWriter *writer, const MrPqEncoder *encoder,
                               const MrType *type, const MrVector *vec, const int32_t *rows,
                               int64_t n)
{
    MrArena *arena = &writer->batch_arena;
    int64_t width = encoder->value_bytes ? encoder->value_bytes : (int64_t)sizeof(MrStr);
    char *to = mr_arena_alloc(arena, n * width + 8);
#define EACH(to_type, expr)                                                                        \
    for (int64_t i = 0; i < n; i++) {                                                              \
        int32_t r = rows[i];                                                                       \
        to_type value = (to_type)(expr);                                                           \
        memcpy(to + i * (int64_t)sizeof value, &value, sizeof value);                              \
    }
    switch (mr_type_physical(type)) {
    case MR_PHYS_I8:
        if (encoder->stored == MR_PQ_BOOLEAN)
            EACH(int8_t, vec->i8[r])
        else
            EACH(int32_t, vec->i8[r])
        break;
    case MR_PHYS_I16:
        EACH(int32_t, vec->i16[r])
        break;
    case MR_PHYS_I32:
    case MR_PHYS_F32:
        EACH(int32_t, vec->i32[r])
        break;
    case MR_PHYS_I64:
        if (encoder->stored == MR_PQ_INT32) {
            EACH(int32_t, vec->i64[r])
        } else if (encoder->stored == MR_PQ_FIXED) {
            for (int64_t i = 0; i < n; i++)
                big_endian_put((uint8_t *)to + i * width, vec->i64[rows[i]], encoder->value_bytes);
        } else if (encoder->stored == MR_PQ_INT96) {
            for (int64_t i = 0; i < n; i++) {
                int64_t us = vec->i64[rows[i]], day = us / INT64_C(86400000000),
                        in_day = us % INT64_C(86400000000);
                if (in_day < 0) {
                    in_day += INT64_C(86400000000);
                    day--;
                }
                int64_t ns = in_day * 1000;
                int32_t julian = (int32_t)(day + 2440588);
                memcpy(to + 12 * i, &ns, 8);
                memcpy(to + 12 * i + 8, &julian, 4);
            }
        } else if (type->kind == MR_TYPE_TIME) {
            EACH(int64_t, vec->i64[r] / 1000)
        } else {
            EACH(int64_t, vec->i64[r])
        }
        break;
    case MR_PHYS_F64:
        EACH(int64_t, vec->i64[r])
        break;
    case MR_PHYS_I128:
        for (int64_t i = 0; i < n; i++)
            big_endian_put((uint8_t *)to + i * width, vec->i128[rows[i]], encoder->value_bytes);
        break;
    case MR_PHYS_INTERVAL:
        for (int64_t i = 0; i < n; i++) {
            const MrInterval *from = &vec->interval[rows[i]];
            uint32_t words[3] = {(uint32_t)from->months, (uint32_t)from->days,
                                 (uint32_t)(from->us / 1000)};
            memcpy(to + 12 * i, words, 12);
        }
        break;
    default: /* strings */
        EACH(MrStr, vec->str[r])
        break;
    }
#undef EACH
    return to;
}

/* ---- Taking rows apart ---- */

/* Slots of a node: their rows in its vector (-1: absent, an ancestor is NULL or empty), and levels.
 */
typedef struct Slots {
    int64_t n;
    int32_t *rows;
    uint8_t *def, *rep; /* def: where absent, the level to write; else set by the node */
} Slots;

static MrStatus null_in_required(const WriteNode *node, MrError *err)
{
    return MR_FAIL(err, MR_COND_NOT_NULL_ASSERT_VIOLATION, "walkedTypePath", node->name);
}

static MrStatus leaf_take(MrParquetWriter *writer, const WriteNode *node, MrVector *vec,
                          const Slots *slots, int64_t n_rows, MrError *err)
{
    MrPqEncoder *encoder = &writer->encoders[node->leaf];
    MrArena *arena = &writer->batch_arena;
    int64_t n = slots->n, n_set = 0;
    int32_t *rows = mr_arena_alloc(arena, n * 4);
    uint8_t *def = mr_arena_alloc(arena, n);
    for (int64_t i = 0; i < n; i++) {
        int32_t row = slots->rows[i];
        if (row < 0) {
            def[i] = slots->def[i];
        } else if (mr_vector_is_null(vec, row)) {
            if (!node->nullable)
                return null_in_required(node, err);
            def[i] = (uint8_t)(node->def - 1);
        } else {
            def[i] = (uint8_t)node->def;
            rows[n_set++] = row;
        }
    }
    MrPqPiece piece = {.def = n_set == n ? NULL : def,
                       .rep = slots->rep,
                       .n_levels = n,
                       .n_rows = n_rows,
                       .n_stored = n_set};
    if (vec->encoding == MR_DICTIONARY && vec->dict_id != 0 && encoder->value_bytes == 0) {
        uint32_t *codes = mr_arena_alloc(arena, n_set * 4);
        for (int64_t i = 0; i < n_set; i++)
            codes[i] = vec->codes[rows[i]];
        piece.codes = codes;
        piece.dict = vec->dict->str;
        piece.n_dict = vec->dict->n_items;
        piece.dict_id = vec->dict_id;
        return mr__pq_encoder_put(encoder, &piece, err);
    }
    const MrVector *holder = vec;
    if (vec->encoding != MR_FLAT) {
        for (int64_t i = 0; i < n_set; i++) {
            int64_t at;
            holder = mr_vector_at(vec, rows[i], &at);
            rows[i] = (int32_t)at;
        }
    }
    piece.values = stored_make(writer, encoder, node->type, holder, rows, n_set);
    return mr__pq_encoder_put(encoder, &piece, err);
}

static MrStatus node_take(MrParquetWriter *writer, const WriteNode *node, MrVector *vec,
                          const Slots *slots, int64_t n_rows, MrError *err)
{
    MrPhysical physical = mr_type_physical(node->type);
    MrArena *arena = &writer->batch_arena;
    if (physical != MR_PHYS_LIST && physical != MR_PHYS_STRUCT)
        return leaf_take(writer, node, vec, slots, n_rows, err);
    bool list = physical == MR_PHYS_LIST;
    int64_t n_below = slots->n;
    for (int64_t i = 0; list && i < slots->n; i++) {
        int32_t row = slots->rows[i];
        if (row >= 0 && !mr_vector_is_null(vec, row) && vec->list[row].count > 1)
            n_below += vec->list[row].count - 1;
    }
    Slots below = {.rows = mr_arena_alloc(arena, n_below * 4),
                   .def = mr_arena_alloc(arena, n_below),
                   .rep = mr_arena_alloc(arena, n_below)};
    for (int64_t i = 0; i < slots->n; i++) {
        int32_t row = slots->rows[i], first = -1, count = 1;
        uint8_t def = slots->def[i];
        if (row >= 0 && mr_vector_is_null(vec, row)) {
            if (!node->nullable)
                return null_in_required(node, err);
            def = (uint8_t)(node->def - 1);
        } else if (row >= 0 && !list) {
            first = row;
        } else if (row >= 0 && vec->list[row].count == 0) {
            def = (uint8_t)node->def;
        } else if (row >= 0) {
            first = vec->list[row].start;
            count = vec->list[row].count;
        }
        for (int32_t k = 0; k < count; k++) {
            below.rows[below.n] = first < 0 ? -1 : first + k;
            below.def[below.n] = def;
            below.rep[below.n++] = k == 0 ? slots->rep[i] : (uint8_t)(node->rep + 1);
        }
    }
    for (int32_t i = 0; i < node->n_children; i++)
        MR_TRY(node_take(writer, &node->children[i], vec->children[i], &below, n_rows, err));
    return MR_OK;
}

/* Rows of a column that go to the encoders at once: a page should not grow far beyond its size. */
static int64_t piece_rows(const MrParquetWriter *writer, const WriteNode *node, const MrVector *vec,
                          const int32_t *rows, int64_t n)
{
    const MrPqEncoder *encoder = &writer->encoders[node->leaf];
    int64_t left = writer->options.page_rows - encoder->page_rows;
    if (left <= 0) /* the encoder ends the page before it takes more */
        left = writer->options.page_rows;
    if (n > left)
        n = left;
    if (node->n_leaves > 1 || node->n_children > 0)
        return n < 256 ? n : 256;
    if (encoder->value_bytes != 0)
        return n;
    int64_t size = 0;
    for (int64_t i = 0; i < n; i++) {
        int64_t at;
        const MrVector *holder = mr_vector_at(vec, rows[i], &at);
        if (!mr_vector_is_null(vec, rows[i]))
            size += holder->str[at].size_bytes;
        if (size > writer->options.page_bytes)
            return i + 1;
    }
    return n;
}

static MrStatus column_take(MrParquetWriter *writer, int32_t col_idx, MrVector *vec,
                            const int32_t *rows, int64_t n, MrError *err)
{
    const WriteNode *node = &writer->nodes[col_idx];
    for (int64_t at = 0; at < n;) {
        mr_arena_reset(&writer->batch_arena);
        int64_t k = piece_rows(writer, node, vec, rows + at, n - at);
        MR_ASSERT(k > 0);
        Slots slots = {.n = k,
                       .rows = mr_arena_alloc(&writer->batch_arena, k * 4),
                       .def = mr_arena_zeroed(&writer->batch_arena, k),
                       .rep = mr_arena_zeroed(&writer->batch_arena, k)};
        memcpy(slots.rows, rows + at, (size_t)k * 4);
        MrVector *flat = vec;
        if (node->n_children > 0 && vec->encoding != MR_FLAT) {
            /* Nested vectors are walked as flat ones. */
            flat = mr_vector_take_rows(&writer->batch_arena, vec, slots.rows, k);
            for (int64_t i = 0; i < k; i++)
                slots.rows[i] = (int32_t)i;
        }
        MR_TRY(node_take(writer, node, flat, &slots, k, err));
        at += k;
    }
    return MR_OK;
}

/* ---- Row groups ---- */

static MrText text_copy(MrArena *arena, MrText text)
{
    return text.size_bytes > 0 ? mr_text_own(arena, text) : (MrText){"", 0};
}

/* The chunk's statistics are those of its pages put together. */
static MrPqStatistics *chunk_stats(MrParquetWriter *writer, const MrPqEncoder *encoder)
{
    MrPqStatistics *stats = MR_NEW(&writer->arena, MrPqStatistics);
    const MrPqWrittenPage *min = NULL, *max = NULL;
    bool all = true;
    for (int64_t i = 0; i < encoder->n_written; i++) {
        const MrPqWrittenPage *page = &encoder->written[i];
        if (page->n_nulls == page->n_values)
            continue;
        all &= page->has_bounds;
        if (!page->has_bounds)
            continue;
        if (!min || mr__pq_bounds_compare(encoder->order, page->min, min->min) < 0)
            min = page;
        if (!max || mr__pq_bounds_compare(encoder->order, page->max, max->max) > 0)
            max = page;
    }
    stats->has = MR_PQ_STATS_N_NULLS;
    stats->n_nulls = encoder->chunk_nulls;
    /* A page of floats may be all NaN and have no bounds; then the chunk has none. */
    if (all && min && max && encoder->order != MR_PQ_ORDER_NONE) {
        stats->has |=
            MR_PQ_STATS_MIN | MR_PQ_STATS_MAX | MR_PQ_STATS_MIN_EXACT | MR_PQ_STATS_MAX_EXACT;
        stats->min = text_copy(&writer->arena, min->min);
        stats->max = text_copy(&writer->arena, max->max);
        stats->min_exact = min->min_exact;
        stats->max_exact = max->max_exact;
    }
    return stats;
}

/* Do the pages' bounds rise (1), fall (2) or neither (0)? */
static int32_t boundary_order(const MrPqEncoder *encoder)
{
    bool rising = true, falling = true;
    const MrPqWrittenPage *last = NULL;
    for (int64_t i = 0; i < encoder->n_written; i++) {
        const MrPqWrittenPage *page = &encoder->written[i];
        if (page->n_nulls == page->n_values)
            continue;
        if (last) {
            int min = mr__pq_bounds_compare(encoder->order, last->min, page->min);
            int max = mr__pq_bounds_compare(encoder->order, last->max, page->max);
            rising &= min <= 0 && max <= 0;
            falling &= min >= 0 && max >= 0;
        }
        last = page;
    }
    return rising ? 1 : falling ? 2 : 0;
}

/* NULL when some page has no bounds: an index needs them all. */
static MrPqColumnIndex *column_index_make(MrParquetWriter *writer, const MrPqEncoder *encoder)
{
    int32_t n = (int32_t)encoder->n_written;
    MrArena *arena = &writer->arena;
    if (encoder->order == MR_PQ_ORDER_NONE || encoder->max_rep > 0 || n <= 0)
        return NULL;
    for (int32_t i = 0; i < n; i++)
        if (!encoder->written[i].has_bounds &&
            encoder->written[i].n_nulls < encoder->written[i].n_values)
            return NULL;
    MrPqColumnIndex *index = MR_NEW(arena, MrPqColumnIndex);
    index->has = 0x1f;
    index->null_pages.n = index->min.n = index->max.n = index->n_nulls.n = n;
    index->null_pages.items = MR_NEW_N(arena, bool, n);
    index->min.items = MR_NEW_N(arena, MrText, n);
    index->max.items = MR_NEW_N(arena, MrText, n);
    index->n_nulls.items = MR_NEW_N(arena, int64_t, n);
    for (int32_t i = 0; i < n; i++) {
        const MrPqWrittenPage *page = &encoder->written[i];
        index->null_pages.items[i] = page->n_nulls == page->n_values;
        index->min.items[i] = text_copy(arena, page->has_bounds ? page->min : (MrText){"", 0});
        index->max.items[i] = text_copy(arena, page->has_bounds ? page->max : (MrText){"", 0});
        index->n_nulls.items[i] = page->n_nulls;
    }
    index->boundary_order = boundary_order(encoder);
    return index;
}

/* The chunk's encodings, levels included, and how many pages have which. */
static void encodings_tell(MrPqChunkMeta *meta, MrParquetWriter *writer, const MrPqEncoder *encoder,
                           bool dict)
{
    MrPqI32List *list = &meta->encodings;
    list->items = MR_NEW_N(&writer->arena, int32_t, 4);
    meta->encoding_stats.items = MR_NEW_N(&writer->arena, MrPqEncodingStats, 3);
    MrPqEncodingStats *counts = meta->encoding_stats.items;
    int32_t *n_counts = &meta->encoding_stats.n;
    int32_t page_type = writer->options.v2 ? MR_PQ_PAGE_DATA_V2 : MR_PQ_PAGE_DATA;
    bool values = encoder->n_value_pages > 0;
    if (!writer->options.v2 || encoder->max_def > 0 || encoder->max_rep > 0)
        list->items[list->n++] = MR_PQ_RLE; /* a v1 header names it without levels, too */
    if (dict) {
        list->items[list->n++] = MR_PQ_PLAIN;
        list->items[list->n++] = MR_PQ_RLE_DICTIONARY;
        counts[(*n_counts)++] = (MrPqEncodingStats){7, MR_PQ_PAGE_DICTIONARY, MR_PQ_PLAIN, 1};
        counts[(*n_counts)++] =
            (MrPqEncodingStats){7, page_type, MR_PQ_RLE_DICTIONARY, (int32_t)encoder->n_dict_pages};
    }
    if (values)
        counts[(*n_counts)++] =
            (MrPqEncodingStats){7, page_type, encoder->encoding, (int32_t)encoder->n_value_pages};
    for (int32_t i = 0; i < list->n; i++)
        values &= list->items[i] != encoder->encoding;
    if (values)
        list->items[list->n++] = encoder->encoding;
}

static MrStatus chunk_flush(MrParquetWriter *writer, int32_t leaf_idx, MrPqChunk *chunk,
                            MrPqColumnIndex **column_index, MrPqOffsetIndex **offset_index,
                            MrError *err)
{
    MrPqEncoder *encoder = &writer->encoders[leaf_idx];
    MrArena *arena = &writer->arena;
    MrPqChunkMeta *meta = MR_NEW(arena, MrPqChunkMeta);
    int64_t start = writer->n_bytes;
    MR_TRY(mr__pq_encoder_finish(encoder, err));
    MR_TRY(mr__pq_encoder_dict_page(encoder, &writer->out, err));
    bool dict = writer->out.size_bytes > 0;
    MR_TRY(out_flush(writer, err));
    int64_t data_start = writer->n_bytes;
    MR_TRY(output_put(writer, encoder->pages.data, encoder->pages.size_bytes, err));

    /* All up to the data offset, and statistics. */
    meta->has = 0xff | 1u << 10 | (dict ? MR_PQ_CHUNK_META_DICT_OFFSET : 0u) |
                MR_PQ_CHUNK_META_ENCODING_STATS;
    meta->type = (int32_t)encoder->stored;
    meta->codec = (int32_t)writer->options.codec;
    meta->n_values = encoder->chunk_values;
    meta->uncompressed_bytes = encoder->uncompressed_bytes;
    meta->compressed_bytes = writer->n_bytes - start;
    meta->data_offset = data_start;
    meta->dict_offset = start;
    meta->stats = chunk_stats(writer, encoder);
    encodings_tell(meta, writer, encoder, dict);
    const char **path = writer->paths[leaf_idx];
    while (path[meta->path.n])
        meta->path.n++;
    meta->path.items = MR_NEW_N(arena, MrText, meta->path.n);
    for (int32_t i = 0; i < meta->path.n; i++)
        meta->path.items[i] = mr_text(path[i]);

    *column_index = column_index_make(writer, encoder);
    *offset_index = MR_NEW(arena, MrPqOffsetIndex);
    (*offset_index)->has = 1;
    (*offset_index)->pages.n = (int32_t)encoder->n_written;
    (*offset_index)->pages.items = MR_NEW_N(arena, MrPqPageLocation, encoder->n_written);
    for (int64_t i = 0; i < encoder->n_written; i++)
        (*offset_index)->pages.items[i] =
            (MrPqPageLocation){7, data_start + encoder->written[i].offset,
                               encoder->written[i].size_bytes, encoder->written[i].first_row};
    *chunk = (MrPqChunk){.has = 2 | MR_PQ_CHUNK_META, .offset = 0, .meta = meta};
    mr__pq_encoder_reset(encoder);
    return MR_OK;
}

static MrStatus begin(MrParquetWriter *writer, MrError *err)
{
    if (writer->begun)
        return MR_OK;
    writer->begun = true;
    return output_put(writer, "PAR1", 4, err);
}

static MrStatus row_group_flush(MrParquetWriter *writer, MrError *err)
{
    if (writer->group_rows == 0)
        return MR_OK;
    MrArena *arena = &writer->arena;
    MR_TRY(begin(writer, err));
    MrPqRowGroup group = {.has = MR_PQ_ROW_GROUP_NEEDED | 2 | 8 | 16 | 32,
                          .n_rows = writer->group_rows,
                          .offset = writer->n_bytes,
                          .ordinal = (int16_t)writer->n_row_groups};
    if (writer->n_row_groups > INT16_MAX)
        group.has &= ~32u;
    group.chunks.n = writer->n_leaves;
    group.chunks.items = MR_NEW_N(arena, MrPqChunk, writer->n_leaves);
    MrPqColumnIndex **column_indexes = MR_NEW_N(arena, MrPqColumnIndex *, writer->n_leaves);
    MrPqOffsetIndex **offset_indexes = MR_NEW_N(arena, MrPqOffsetIndex *, writer->n_leaves);
    for (int32_t i = 0; i < writer->n_leaves; i++) {
        MR_TRY(chunk_flush(writer, i, &group.chunks.items[i], &column_indexes[i],
                           &offset_indexes[i], err));
        group.size_bytes += group.chunks.items[i].meta->uncompressed_bytes;
        group.compressed_bytes += group.chunks.items[i].meta->compressed_bytes;
    }
    for (int32_t i = 0; i < writer->n_leaves; i++) {
        MR_PUSH(arena, writer->column_indexes, writer->n_indexes, writer->cap_indexes,
                column_indexes[i]);
        MR_PUSH(arena, writer->offset_indexes, writer->n_offsets, writer->cap_offsets,
                offset_indexes[i]);
    }
    MR_PUSH(arena, writer->row_groups, writer->n_row_groups, writer->cap_row_groups, group);
    writer->group_rows = 0;
    return MR_OK;
}

static int64_t group_bytes(const MrParquetWriter *writer)
{
    int64_t size = 0;
    for (int32_t i = 0; i < writer->n_leaves; i++)
        size += writer->encoders[i].pages.size_bytes + writer->encoders[i].values.size_bytes +
                writer->encoders[i].codes.size_bytes;
    return size;
}

static MrStatus rows_take(MrParquetWriter *writer, const MrBatch *batch, MrError *err)
{
    int32_t rows[MR_BATCH_ROWS];
    for (int32_t at = 0; at < batch->n_sel;) {
        int64_t left = writer->options.row_group_rows - writer->group_rows;
        int32_t k = batch->n_sel - at < left ? batch->n_sel - at : (int32_t)left;
        for (int32_t i = 0; i < k; i++)
            rows[i] = mr_batch_row(batch, at + i);
        for (int32_t c = 0; c < writer->schema.n_cols; c++)
            MR_TRY(column_take(writer, c, batch->cols[c], rows, k, err));
        writer->n_rows += k;
        writer->group_rows += k;
        at += k;
        if (writer->group_rows >= writer->options.row_group_rows ||
            group_bytes(writer) >= ROW_GROUP_BYTES)
            MR_TRY(row_group_flush(writer, err));
    }
    return MR_OK;
}

MrStatus mr_parquet_write(MrParquetWriter *writer, const MrBatch *batch, MrError *err)
{
    MR_ASSERT(!writer->finished && batch->n_cols == writer->schema.n_cols);
    if (writer->broken)
        return MR_FAIL_INTERNAL(err, "A Parquet writer that failed was used again.");
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = rows_take(writer, batch, err);
    MR_GUARD_END(status)
    writer->broken = status != MR_OK;
    return status;
}

/* ---- Page index and footer ---- */

static MrStatus indexes_write(MrParquetWriter *writer, MrError *err)
{
    for (int32_t i = 0; i < writer->n_indexes; i++) {
        MrPqChunk *chunk =
            &writer->row_groups[i / writer->n_leaves].chunks.items[i % writer->n_leaves];
        if (!writer->column_indexes[i])
            continue;
        MR_TRY(mr__thrift_write(&mr__pq_column_index_def, writer->column_indexes[i], &writer->out,
                                err));
        chunk->has |= MR_PQ_CHUNK_COLUMN_INDEX;
        chunk->column_index_offset = writer->n_bytes;
        chunk->column_index_bytes = (int32_t)writer->out.size_bytes;
        MR_TRY(out_flush(writer, err));
    }
    for (int32_t i = 0; i < writer->n_offsets; i++) {
        MrPqChunk *chunk =
            &writer->row_groups[i / writer->n_leaves].chunks.items[i % writer->n_leaves];
        MR_TRY(mr__thrift_write(&mr__pq_offset_index_def, writer->offset_indexes[i], &writer->out,
                                err));
        chunk->has |= MR_PQ_CHUNK_OFFSET_INDEX;
        chunk->offset_index_offset = writer->n_bytes;
        chunk->offset_index_bytes = (int32_t)writer->out.size_bytes;
        MR_TRY(out_flush(writer, err));
    }
    return MR_OK;
}

static MrStatus footer_write(MrParquetWriter *writer, MrError *err)
{
    MrArena *arena = &writer->arena;
    MR_TRY(begin(writer, err));
    MR_TRY(row_group_flush(writer, err));
    MR_TRY(indexes_write(writer, err));
    /* Spark tells by its version that dates are of the proleptic Gregorian calendar. */
    MrPqKeyValue metadata[] = {
        {3, MR_TEXT("org.apache.spark.version"), MR_TEXT("4.2.0")},
        {3, MR_TEXT(MR_PQ_SPARK_SCHEMA_KEY), mr__pq_spark_schema_text(arena, &writer->schema)},
    };
    MrPqFooter footer = {.has = 0x7f,
                         .version = 1,
                         .n_rows = writer->n_rows,
                         .created_by = MR_TEXT("Millrace version " MR_VERSION)};
    footer.schema.n = writer->n_elements;
    footer.schema.items = writer->elements;
    footer.row_groups.n = writer->n_row_groups;
    footer.row_groups.items = writer->row_groups;
    footer.metadata.n = (int32_t)MR_COUNT(metadata);
    footer.metadata.items = metadata;
    footer.column_orders.n = writer->n_leaves;
    footer.column_orders.items = MR_NEW_N(arena, MrPqColumnOrder, writer->n_leaves);
    for (int32_t i = 0; i < writer->n_leaves; i++) {
        footer.column_orders.items[i] = (MrPqColumnOrder){1, MR_NEW(arena, MrPqEmpty)};
    }
    MR_TRY(mr__thrift_write(&mr__pq_footer_def, &footer, &writer->out, err));
    MR_TRY(mr_buffer_put_u32(&writer->out, (uint32_t)writer->out.size_bytes, err));
    MR_TRY(mr_buffer_put(&writer->out, "PAR1", 4, err));
    return out_flush(writer, err);
}

MrStatus mr_parquet_finish(MrParquetWriter *writer, MrError *err)
{
    MR_ASSERT(!writer->finished);
    if (writer->broken)
        return MR_FAIL_INTERNAL(err, "A Parquet writer that failed was used again.");
    writer->finished = true;
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = footer_write(writer, err);
    MR_GUARD_END(status)
    return status;
}
