/* parquet_int.h - what the files of the Parquet reader and writer share.
 *
 * Thrift's compact protocol and the format's structs, as tables: parquet_thrift.c.
 *
 * A footer becomes a schema, which Spark type each column has and how it lies in the file, in
 * parquet_footer.c; Spark's own schema in the metadata is parquet_spark.c's.
 *
 * One stored column is pages (parquet_page.c) and values (parquet_leaf.c), turned into the type
 * wanted by parquet_convert.c; RLE, bit-packing and deltas are parquet_unpack.c's, compression
 * parquet_codec.c's and, quicker for the common one, parquet_snappy.c's.
 *
 * Row groups by stages, filters, nested columns: parquet_scan.c; what need not be read:
 * parquet_prune.c.  Batches to files: parquet_write.c; values to pages: parquet_encode.c, their
 * deltas parquet_delta.c.
 *
 * Source of all of it: the Parquet format specification (apache/parquet-format, parquet.thrift). */
#ifndef MR_FORMAT_PARQUET_INT_H
#define MR_FORMAT_PARQUET_INT_H

#include "format/parquet.h"

/* ---- The format's structs.  has: bit i is row i of the struct's table. ---- */

typedef struct MrPqTextList {
    int32_t n;
    MrText *items;
} MrPqTextList;

typedef struct MrPqLogical { /* a union: one bit is set */
    uint32_t has;
    struct MrPqDecimal *decimal;
    struct MrPqTimeUnitType *time, *timestamp;
    struct MrPqInteger *integer;
} MrPqLogical;
enum {
    MR_PQ_LOGICAL_STRING = 1 << 0,
    MR_PQ_LOGICAL_MAP = 1 << 1,
    MR_PQ_LOGICAL_LIST = 1 << 2,
    MR_PQ_LOGICAL_ENUM = 1 << 3,
    MR_PQ_LOGICAL_DECIMAL = 1 << 4,
    MR_PQ_LOGICAL_DATE = 1 << 5,
    MR_PQ_LOGICAL_TIME = 1 << 6,
    MR_PQ_LOGICAL_TIMESTAMP = 1 << 7,
    MR_PQ_LOGICAL_INTEGER = 1 << 8,
    MR_PQ_LOGICAL_UNKNOWN = 1 << 9,
    MR_PQ_LOGICAL_JSON = 1 << 10,
    MR_PQ_LOGICAL_BSON = 1 << 11,
    MR_PQ_LOGICAL_UUID = 1 << 12,
    MR_PQ_LOGICAL_FLOAT16 = 1 << 13,
    MR_PQ_LOGICAL_VARIANT = 1 << 14
};
typedef struct MrPqDecimal {
    uint32_t has;
    int32_t scale, precision;
} MrPqDecimal;
typedef struct MrPqTimeUnit {
    uint32_t has; /* bit 0 millis, 1 micros, 2 nanos */
} MrPqTimeUnit;
enum { MR_PQ_MILLIS = 1, MR_PQ_MICROS = 2, MR_PQ_NANOS = 4 };
typedef struct MrPqTimeUnitType {
    uint32_t has;
    bool utc;
    MrPqTimeUnit *unit;
} MrPqTimeUnitType;
typedef struct MrPqInteger {
    uint32_t has;
    int8_t bits;
    bool is_signed;
} MrPqInteger;

typedef struct MrPqElement {
    uint32_t has;
    int32_t type, type_length, repetition, n_children, converted, scale, precision, field_id;
    MrText name;
    MrPqLogical *logical;
} MrPqElement;
enum {
    MR_PQ_ELEMENT_TYPE = 1 << 0,
    MR_PQ_ELEMENT_TYPE_LENGTH = 1 << 1,
    MR_PQ_ELEMENT_REPETITION = 1 << 2,
    MR_PQ_ELEMENT_NAME = 1 << 3,
    MR_PQ_ELEMENT_N_CHILDREN = 1 << 4,
    MR_PQ_ELEMENT_CONVERTED = 1 << 5,
    MR_PQ_ELEMENT_SCALE = 1 << 6,
    MR_PQ_ELEMENT_PRECISION = 1 << 7,
    MR_PQ_ELEMENT_FIELD_ID = 1 << 8,
    MR_PQ_ELEMENT_LOGICAL = 1 << 9
};
enum { MR_PQ_REQUIRED = 0, MR_PQ_OPTIONAL = 1, MR_PQ_REPEATED = 2 };

typedef enum MrPqStored { /* physical types, the format's numbers */
                          MR_PQ_BOOLEAN = 0,
                          MR_PQ_INT32 = 1,
                          MR_PQ_INT64 = 2,
                          MR_PQ_INT96 = 3,
                          MR_PQ_FLOAT = 4,
                          MR_PQ_DOUBLE = 5,
                          MR_PQ_BYTE_ARRAY = 6,
                          MR_PQ_FIXED = 7,
                          MR_PQ_N_STORED
} MrPqStored;

enum { /* converted types */
       MR_PQ_CONV_UTF8 = 0,
       MR_PQ_CONV_MAP = 1,
       MR_PQ_CONV_MAP_KEY_VALUE = 2,
       MR_PQ_CONV_LIST = 3,
       MR_PQ_CONV_ENUM = 4,
       MR_PQ_CONV_DECIMAL = 5,
       MR_PQ_CONV_DATE = 6,
       MR_PQ_CONV_TIME_MILLIS = 7,
       MR_PQ_CONV_TIME_MICROS = 8,
       MR_PQ_CONV_TIMESTAMP_MILLIS = 9,
       MR_PQ_CONV_TIMESTAMP_MICROS = 10,
       MR_PQ_CONV_UINT_8 = 11,
       MR_PQ_CONV_UINT_16 = 12,
       MR_PQ_CONV_UINT_32 = 13,
       MR_PQ_CONV_UINT_64 = 14,
       MR_PQ_CONV_INT_8 = 15,
       MR_PQ_CONV_INT_16 = 16,
       MR_PQ_CONV_INT_32 = 17,
       MR_PQ_CONV_INT_64 = 18,
       MR_PQ_CONV_JSON = 19,
       MR_PQ_CONV_BSON = 20,
       MR_PQ_CONV_INTERVAL = 21
};

enum { /* encodings */
       MR_PQ_PLAIN = 0,
       MR_PQ_PLAIN_DICTIONARY = 2,
       MR_PQ_RLE = 3,
       MR_PQ_BIT_PACKED = 4,
       MR_PQ_DELTA_BINARY_PACKED = 5,
       MR_PQ_DELTA_LENGTH_BYTE_ARRAY = 6,
       MR_PQ_DELTA_BYTE_ARRAY = 7,
       MR_PQ_RLE_DICTIONARY = 8,
       MR_PQ_BYTE_STREAM_SPLIT = 9
};
enum {
    MR_PQ_PAGE_DATA = 0,
    MR_PQ_PAGE_INDEX = 1,
    MR_PQ_PAGE_DICTIONARY = 2,
    MR_PQ_PAGE_DATA_V2 = 3
};

typedef struct MrPqStatistics {
    uint32_t has;
    MrText old_max, old_min, max, min;
    int64_t n_nulls, n_distinct;
    bool max_exact, min_exact;
} MrPqStatistics;
enum {
    MR_PQ_STATS_OLD_MAX = 1 << 0,
    MR_PQ_STATS_OLD_MIN = 1 << 1,
    MR_PQ_STATS_N_NULLS = 1 << 2,
    MR_PQ_STATS_N_DISTINCT = 1 << 3,
    MR_PQ_STATS_MAX = 1 << 4,
    MR_PQ_STATS_MIN = 1 << 5,
    MR_PQ_STATS_MAX_EXACT = 1 << 6,
    MR_PQ_STATS_MIN_EXACT = 1 << 7
};
typedef struct MrPqEncodingStats {
    uint32_t has;
    int32_t page_type, encoding, count;
} MrPqEncodingStats;
typedef struct MrPqEncodingStatsList {
    int32_t n;
    MrPqEncodingStats *items;
} MrPqEncodingStatsList;
typedef struct MrPqI32List {
    int32_t n;
    int32_t *items;
} MrPqI32List;
typedef struct MrPqI64List {
    int32_t n;
    int64_t *items;
} MrPqI64List;
typedef struct MrPqBoolList {
    int32_t n;
    bool *items;
} MrPqBoolList;
typedef struct MrPqChunkMeta {
    uint32_t has;
    int32_t type, codec;
    MrPqI32List encodings;
    MrPqTextList path;
    int64_t n_values, uncompressed_bytes, compressed_bytes, data_offset, index_offset, dict_offset;
    MrPqStatistics *stats;
    MrPqEncodingStatsList encoding_stats;
    int64_t bloom_offset;
    int32_t bloom_bytes;
} MrPqChunkMeta;
enum { MR_PQ_CHUNK_META_DICT_OFFSET = 1 << 9, MR_PQ_CHUNK_META_ENCODING_STATS = 1 << 11 };
#define MR_PQ_CHUNK_META_NEEDED 0xd9u /* type, codec, n_values, compressed bytes, data offset */
typedef struct MrPqChunk {
    uint32_t has;
    MrText path;
    int64_t offset;
    MrPqChunkMeta *meta;
    int64_t offset_index_offset, column_index_offset;
    int32_t offset_index_bytes, column_index_bytes;
    struct MrPqEmpty *crypto;
} MrPqChunk;
enum {
    MR_PQ_CHUNK_PATH = 1 << 0,
    MR_PQ_CHUNK_META = 1 << 2,
    MR_PQ_CHUNK_OFFSET_INDEX = 3 << 3,
    MR_PQ_CHUNK_COLUMN_INDEX = 3 << 5,
    MR_PQ_CHUNK_CRYPTO = 1 << 7
};
typedef struct MrPqEmpty {
    uint32_t has;
} MrPqEmpty;
typedef struct MrPqChunkList {
    int32_t n;
    MrPqChunk *items;
} MrPqChunkList;
typedef struct MrPqRowGroup {
    uint32_t has;
    MrPqChunkList chunks;
    int64_t size_bytes, n_rows, offset, compressed_bytes;
    int16_t ordinal;
} MrPqRowGroup;
enum { MR_PQ_ROW_GROUP_NEEDED = 5 };
typedef struct MrPqKeyValue {
    uint32_t has;
    MrText key, value;
} MrPqKeyValue;
typedef struct MrPqColumnOrder {
    uint32_t has;
    MrPqEmpty *type_order;
} MrPqColumnOrder;
typedef struct MrPqFooter {
    uint32_t has;
    int32_t version;
    int64_t n_rows;
    struct {
        int32_t n;
        MrPqElement *items;
    } schema;
    struct {
        int32_t n;
        MrPqRowGroup *items;
    } row_groups;
    struct {
        int32_t n;
        MrPqKeyValue *items;
    } metadata;
    MrText created_by;
    struct {
        int32_t n;
        MrPqColumnOrder *items;
    } column_orders;
    MrPqEmpty *encryption;
} MrPqFooter;
enum { MR_PQ_FOOTER_NEEDED = 0xe, MR_PQ_FOOTER_ENCRYPTION = 1 << 7 };

typedef struct MrPqDataHeader {
    uint32_t has;
    int32_t n_values, encoding, def_encoding, rep_encoding;
} MrPqDataHeader;
typedef struct MrPqDictHeader {
    uint32_t has;
    int32_t n_values, encoding;
} MrPqDictHeader;
typedef struct MrPqDataHeaderV2 {
    uint32_t has;
    int32_t n_values, n_nulls, n_rows, encoding, def_bytes, rep_bytes;
    bool is_compressed;
} MrPqDataHeaderV2;
typedef struct MrPqPageHeader {
    uint32_t has;
    int32_t type, uncompressed_bytes, compressed_bytes, crc;
    MrPqDataHeader *data;
    MrPqDictHeader *dict;
    MrPqDataHeaderV2 *data_v2;
} MrPqPageHeader;
enum {
    MR_PQ_PAGE_NEEDED = 7,
    MR_PQ_PAGE_HAS_CRC = 1 << 3,
    MR_PQ_PAGE_HAS_DATA = 1 << 4,
    MR_PQ_PAGE_HAS_DICT = 1 << 5,
    MR_PQ_PAGE_HAS_DATA_V2 = 1 << 6,
    MR_PQ_V2_IS_COMPRESSED = 1 << 6
};

typedef struct MrPqPageLocation {
    uint32_t has;
    int64_t offset;
    int32_t compressed_bytes;
    int64_t first_row;
} MrPqPageLocation;
typedef struct MrPqOffsetIndex {
    uint32_t has;
    struct {
        int32_t n;
        MrPqPageLocation *items;
    } pages;
} MrPqOffsetIndex;
typedef struct MrPqColumnIndex {
    uint32_t has;
    MrPqBoolList null_pages;
    MrPqTextList min, max;
    int32_t boundary_order;
    MrPqI64List n_nulls;
} MrPqColumnIndex;
enum { MR_PQ_COLUMN_INDEX_N_NULLS = 1 << 4 };

/* ---- Thrift ---- */

typedef struct MrThriftStruct MrThriftStruct;
extern const MrThriftStruct mr__pq_footer_def, mr__pq_page_header_def, mr__pq_offset_index_def,
    mr__pq_column_index_def;

/* Reads one struct into *out (zeroed here); lists go to the arena, texts are borrowed.  false:
 * broken or cut; out is then partly filled.  The reader stands behind the struct.  May jump
 * (arena). */
bool mr__thrift_read(MrReader *reader, const MrThriftStruct *def, MrArena *arena, void *out);
MR_MUST_USE MrStatus mr__thrift_write(const MrThriftStruct *def, const void *from, MrBuffer *out,
                                      MrError *err);

/* ---- The file ---- */

typedef enum MrPqShape { MR_PQ_LEAF, MR_PQ_GROUP, MR_PQ_LIST } MrPqShape; /* a map is a list */

/* A Spark type laid over the file's columns.  Levels: a slot of this field exists where the
 * definition level is at least slot_def and starts where the repetition level is at most slot_rep;
 * it holds a value where the definition level is at least def. */
typedef struct MrPqField MrPqField;
struct MrPqField {
    const char *name;
    const MrType *type;
    bool nullable;
    MrPqShape shape;
    int16_t slot_def, slot_rep, def;
    int16_t elem_def;   /* list: an element exists from here on; its repetition is slot_rep + 1 */
    int32_t leaf_idx;   /* leaf: its column; else the first leaf below                         */
    int32_t n_children; /* list 1 (map 2), group: its fields                                   */
    MrPqField *children;
};

typedef struct MrPqLeafDef {
    const MrPqElement *element;
    MrPqStored stored;
    int32_t value_bytes; /* of a stored fixed-size value; 0: byte array, boolean */
    int16_t max_def, max_rep;
    const char *path; /* "a.list.element" */
} MrPqLeafDef;

struct MrParquetFile {
    MrShared shared;
    MrBudget *budget;
    MrArena arena;
    MrInput input;
    MrPqFooter *footer;
    int32_t n_leaves;
    MrPqLeafDef *leaves;
    MrPqField *fields; /* as many as the schema has columns */
    MrSchema schema;
    int64_t *first_rows; /* of each row group */
};

/* FAILED_READ_FILE.NO_HINT with the file's name and what is wrong in the trail. */
MrStatus mr__pq_corrupt(MrError *err, const MrParquetFile *file, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Checks the chunk's metadata against the file; the bytes of its pages are [*from, *to). */
MR_MUST_USE MrStatus mr__pq_chunk_range(const MrParquetFile *file, int32_t row_group,
                                        int32_t leaf_idx, int64_t *from, int64_t *to, MrError *err);
const char *mr__pq_element_text(MrArena *arena, const MrPqElement *element);

/* Spark's schema from the footer's metadata, or NULL when it is not there or broken. */
const MrType *mr__pq_spark_schema_read(MrArena *arena, MrText json);
MrText mr__pq_spark_schema_text(MrArena *arena, const MrSchema *schema);
#define MR_PQ_SPARK_SCHEMA_KEY "org.apache.spark.sql.parquet.row.metadata"

/* ---- Compression ---- */

/* Exactly to_bytes must come out; the slack behind them is written, too.  Fails with
 * CODEC_NOT_AVAILABLE; *ok false: the bytes are broken. */
MR_MUST_USE MrStatus mr__pq_decompress(MrParquetCodec codec, const uint8_t *from,
                                       int64_t from_bytes, uint8_t *to, int64_t to_bytes,
                                       bool numbers, bool *ok, MrError *err);
/* Raw Snappy; numbers: probably fixed-size values (a hint).  Behind to_bytes lie MR_PQ_SLACK_BYTES
 * that may be written.  false: broken. */
bool mr__snappy_decompress(const uint8_t *from, int64_t from_bytes, uint8_t *to, int64_t to_bytes,
                           bool numbers);
MR_MUST_USE MrStatus mr__pq_compress(MrParquetCodec codec, const void *from, int64_t from_bytes,
                                     MrBuffer *out, MrError *err); /* appends */
uint32_t mr__pq_crc32(uint32_t crc, const void *data, int64_t size_bytes);

/* ---- Unpacking ---- */

#define MR_PQ_SLACK_BYTES 64 /* readable (any bits) behind all page data */

/* Unpacks n values of width 0 .. 32 bits from src on, starting with value number skip.  Needs
 * slack. */
void mr__unpack_u32(const uint8_t *src, int width, int64_t skip, int64_t n, uint32_t *out);
/* The same up to 64 bits. */
void mr__unpack_u64(const uint8_t *src, int width, int64_t skip, int64_t n, uint64_t *out);

/* The RLE / bit-packing hybrid. */
typedef struct MrRle {
    const uint8_t *at, *end; /* what is not yet begun          */
    const uint8_t *packed;   /* current packed run; NULL: RLE  */
    int64_t packed_at;       /* its next value                 */
    int64_t run_left;        /* values left of the current run */
    uint32_t run_value;
    int32_t width;
} MrRle;
void mr__rle_init(MrRle *rle, const uint8_t *data, const uint8_t *end, int width);
/* false: there were fewer values. */
bool mr__rle_read(MrRle *rle, int64_t n, uint32_t *out);
bool mr__rle_read_u8(MrRle *rle, int64_t n, uint8_t *out); /* width <= 8 */
bool mr__rle_skip(MrRle *rle, int64_t n);
/* Width 1: bits [at, at + n) of the bitmap; *n_set is added to. */
bool mr__rle_read_bits(MrRle *rle, int64_t n, uint64_t *bits, int64_t at, int64_t *n_set);

/* DELTA_BINARY_PACKED, as a stream. */
typedef struct MrDelta {
    const uint8_t *at, *end;
    int64_t n_left;     /* values not yet given, the first included  */
    int64_t block_left; /* deltas left of this block                 */
    int64_t mini_left;  /* deltas left of this miniblock             */
    int64_t mini_at;    /* next delta in the packed bits             */
    int64_t block_values, mini_values;
    const uint8_t *widths, *packed;
    int32_t mini_idx, n_minis, width;
    bool first; /* the first value comes next */
    uint64_t last;
    uint64_t min_delta;
} MrDelta;
bool mr__delta_init(MrDelta *delta, const uint8_t *data, const uint8_t *end);
bool mr__delta_read(MrDelta *delta, int64_t n, int64_t *out);
bool mr__delta_skip(MrDelta *delta, int64_t n);
/* Where the encoding ends, once all values are read (lengths come before bytes). */
const uint8_t *mr__delta_end(const MrDelta *delta);

/* ---- Conversion ---- */

typedef struct MrPqConvert MrPqConvert;
/* Converts n values.  from: packed as stored (booleans a byte each, byte arrays as MrStr).  false:
 * a value does not fit. */
typedef bool (*MrPqConvertCall)(const MrPqConvert *convert, const void *from, int64_t n, void *to,
                                MrArena *arena);
struct MrPqConvert {
    MrPqConvertCall call;
    bool identity;      /* the bytes are the same                                */
    int32_t from_bytes; /* stored size; 16 for byte arrays (MrStr), 1 for booleans */
    int32_t to_bytes;
    int32_t from_scale, to_scale, to_precision;
    int64_t factor;
};
/* How to get values of type `to` out of a leaf.  false: there is no way. */
/* The Spark type of a leaf as annotated; NULL: none (an impossible decimal). */
const MrType *mr__pq_leaf_type(MrArena *arena, const MrPqElement *element);
bool mr__pq_convert_find(const MrPqLeafDef *leaf, const MrType *to, MrPqConvert *out);

/* ---- Leaves ---- */

typedef struct MrPqPage { /* decompressed bytes that string views point into */
    MrShared shared;
    MrBudget *budget;
    int64_t cap_bytes; /* without slack */
    uint8_t *data;
} MrPqPage;

typedef struct MrPqDict {
    MrShared shared;
    MrBudget *budget;
    MrArena arena;
    MrVector *vec; /* flat; at least one row */
    int64_t n_values;
    uint64_t id;
    MrPqPage *page; /* strings lie there; NULL: numbers */
    int64_t page_bytes;
} MrPqDict;

typedef enum MrPqValues {
    MR_PQ_VALUES_FIXED, /* packed, as stored             */
    MR_PQ_VALUES_BITS,  /* plain booleans                */
    MR_PQ_VALUES_RLE,   /* booleans                      */
    MR_PQ_VALUES_STR,   /* plain byte arrays             */
    MR_PQ_VALUES_VIEWS, /* byte arrays, views made ahead */
    MR_PQ_VALUES_DICT,
    MR_PQ_VALUES_DELTA
} MrPqValues;

typedef struct MrPqLeaf {
    MrParquetFile *file;
    MrBudget *budget;
    const MrPqLeafDef *def;
    int32_t leaf_idx;
    bool is_flat; /* read by mr__pq_leaf_read_flat; else nested */
    MrPqConvert convert;
    const MrType *type; /* wanted */
    MrPhysical physical;
    MrParquetScanCounts *counts;

    /* the chunk */
    int32_t row_group;
    const MrPqChunk *chunk;
    bool is_open;          /* the chunk's range is checked and set */
    int64_t from, to;      /* bytes of the chunk     */
    int64_t next_offset;   /* of the next page       */
    int64_t row;           /* rows before the current place (flat: exact) */
    int64_t want_row;      /* where the next read starts */
    int64_t n_values_left; /* in pages not yet begun; the chunk's count   */
    MrPqDict *dict;        /* retained  */
    bool dict_read;        /* this chunk's dictionary has been looked for */
    const MrPqOffsetIndex *offset_index;
    bool offset_index_read;

    /* file bytes read ahead */
    uint8_t *window;
    int64_t window_cap, window_from, window_bytes;

    /* the page */
    MrPqPage *page, *spare, *dict_spare;
    int32_t page_idx;
    int64_t page_values, page_at; /* level entries (flat: rows) in it, and done */
    bool page_no_nulls;
    MrRle def_levels;
    MrPqValues values;
    const uint8_t *at, *end; /* FIXED, BITS (at is the start), STR */
    int64_t value_at;        /* BITS, VIEWS: next value */
    int64_t n_values;        /* BITS, VIEWS, FIXED: stored values in the page, at most */
    MrRle rle;               /* RLE, DICT */
    MrDelta delta;
    MrStr *views;
    uint8_t *levels; /* nested: definition levels, then repetition levels of the page */
    int64_t levels_cap;
    int64_t level_bytes; /* stride between the two */
    MrArena arena;       /* of the page: views, decoded values */
    MrArena chunk_arena; /* of the chunk: offset index         */

    /* scratch */
    uint32_t *codes; /* MR_BATCH_ROWS */
    uint8_t *stage;  /* MR_BATCH_ROWS values of 16 bytes */
} MrPqLeaf;

/* ---- parquet_page.c, for parquet_leaf.c */
MrStatus mr__pq_leaf_corrupt(const MrPqLeaf *leaf, MrError *err, const char *what);
MR_MUST_USE MrStatus mr__pq_chunk_open(MrPqLeaf *leaf, MrError *err);
/* Turns to the page that holds row want_row, or the next one there is.  *end: the chunk has no more
 * (an error for flat columns, said by the caller). */
MR_MUST_USE MrStatus mr__pq_page_next(MrPqLeaf *leaf, int64_t want_row, bool *end, MrError *err);
/* Jumps by the offset index to the page that holds the row, when that is a later one. */
MR_MUST_USE MrStatus mr__pq_page_jump(MrPqLeaf *leaf, int64_t row, MrError *err);
/* Views of n plain byte arrays; moves *at.  false: they go past the end. */
bool mr__pq_views_make(const uint8_t **at, const uint8_t *end, int64_t n, MrStr *out);
bool mr__pq_views_skip(const uint8_t **at, const uint8_t *end, int64_t n);

void mr__pq_leaf_init(MrPqLeaf *leaf, MrParquetFile *file, MrBudget *budget, int32_t leaf_idx,
                      bool is_flat, const MrType *type, const MrPqConvert *convert,
                      MrParquetScanCounts *counts);
void mr__pq_leaf_deinit(MrPqLeaf *leaf);
void mr__pq_leaf_start(MrPqLeaf *leaf, int32_t row_group);
/* A column without levels beyond NULL: rows [row, row + n) of the row group, n <= MR_BATCH_ROWS.
 * sel: only these are needed (numbered from row); NULL: all.  row never goes back. */
MR_MUST_USE MrStatus mr__pq_leaf_read_flat(MrPqLeaf *leaf, int64_t row, int32_t n,
                                           const uint16_t *sel, int32_t n_sel, MrBatch *batch,
                                           MrVector **out, MrError *err);
/* Any column: levels and values of n_rows rows. */
typedef struct MrPqNested {
    int64_t n_levels;
    const uint8_t *def, *rep; /* rep NULL: all 0 */
    int64_t n_values;
    void *values; /* n_values, flat, of the wanted type */
} MrPqNested;
MR_MUST_USE MrStatus mr__pq_leaf_read_nested(MrPqLeaf *leaf, int64_t row, int32_t n_rows,
                                             MrBatch *batch, MrPqNested *out, MrError *err);
/* Reads the chunk's dictionary if it has one; all_dict: every data page uses it, as far as known.
 */
MR_MUST_USE MrStatus mr__pq_leaf_dictionary(MrPqLeaf *leaf, bool *all_dict, MrError *err);

/* ---- Pruning ---- */

typedef struct MrPqRange {
    int64_t from, to; /* rows of the row group */
} MrPqRange;

/* Narrows the ranges by the page index of one column. */
MR_MUST_USE MrStatus mr__pq_prune_pages(MrPqLeaf *leaf, const MrParquetPredicate *predicate,
                                        int64_t n_rows, MrArena *arena, MrPqRange **ranges,
                                        int32_t *n_ranges, MrError *err);
bool mr__pq_prune_chunk(MrPqLeaf *leaf, const MrParquetPredicate *predicate, int64_t n_rows,
                        MrArena *arena);
MR_MUST_USE MrStatus mr__pq_offset_index(MrPqLeaf *leaf, MrError *err);

#endif
