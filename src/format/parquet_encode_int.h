/* parquet_encode_int.h - one column chunk being written: values in, pages out. */
#ifndef MR_FORMAT_PARQUET_ENCODE_INT_H
#define MR_FORMAT_PARQUET_ENCODE_INT_H

#include "format/parquet_int.h"

typedef enum MrPqOrder { /* how min and max are found */
                         MR_PQ_ORDER_NONE,
                         MR_PQ_ORDER_BOOL,
                         MR_PQ_ORDER_I32,
                         MR_PQ_ORDER_I64,
                         MR_PQ_ORDER_F32,
                         MR_PQ_ORDER_F64,
                         MR_PQ_ORDER_BYTES, /* unsigned */
                         MR_PQ_ORDER_SIGNED /* big-endian two's complement: decimals */
} MrPqOrder;

typedef struct MrPqWrittenPage {
    int64_t offset; /* within the chunk's pages */
    int32_t size_bytes;
    int64_t first_row, n_rows, n_nulls, n_values; /* n_values: levels, NULLs included */
    bool has_bounds;
    bool min_exact, max_exact;
    MrText min, max;
} MrPqWrittenPage;

typedef struct MrPqEncoder {
    MrBudget *budget;
    const MrParquetWriteOptions *options;
    /* what is written */
    MrPqStored stored;
    int32_t value_bytes; /* fixed size as stored; 0: byte array; booleans 1 until packed */
    bool is_utf8;
    MrPqOrder order;
    int16_t max_def, max_rep;
    int32_t encoding; /* MR_PQ_PLAIN and so on, of pages without codes; set by reset */

    /* the page being filled */
    MrBuffer def, rep; /* a byte per level */
    MrBuffer codes;    /* uint32 each, when dict is on */
    MrBuffer values;   /* as stored, plain, when it is off */
    int64_t page_levels, page_stored, page_rows, page_nulls;
    int64_t page_plain_bytes; /* what its values take without a dictionary */

    /* the dictionary */
    bool dict_on;
    uint32_t *slots; /* number of the value + 1; 0: free */
    int64_t n_slots, n_dict;
    MrBuffer dict_values; /* fixed: as stored; byte arrays: MrStr into dict_arena */
    MrArena dict_arena;
    int64_t dict_bytes; /* of its page */
    uint64_t remap_id;  /* dict_id of the vectors that remap knows */
    uint32_t *remap;    /* their code to ours + 1; 0: not met */
    int64_t n_remap;

    /* the chunk */
    MrArena chunk_arena; /* page list and bounds */
    MrBuffer pages;      /* encoded, with headers */
    MrBuffer scratch, packed;
    MrPqWrittenPage *written;
    int64_t n_written, cap_written;
    int64_t chunk_rows, chunk_values, chunk_nulls, uncompressed_bytes;
    int64_t n_dict_pages, n_value_pages; /* data pages with codes, with values */
} MrPqEncoder;

void mr__pq_encoder_init(MrPqEncoder *encoder, MrBudget *budget,
                         const MrParquetWriteOptions *options);
void mr__pq_encoder_deinit(MrPqEncoder *encoder);
void mr__pq_encoder_reset(MrPqEncoder *encoder); /* a new chunk */
/* Appends levels (rep NULL: all 0; def NULL: all present) and the stored values: packed fixed ones,
 * or MrStr.  They hold n_rows whole rows. */
typedef struct MrPqPiece {
    const uint8_t *def, *rep;
    int64_t n_levels, n_rows, n_stored;
    const void *values;
    /* Instead of values: codes of a dictionary whose stored values are given; -1u never occurs. */
    const uint32_t *codes;
    const void *dict;
    int64_t n_dict;
    uint64_t dict_id;
} MrPqPiece;
MR_MUST_USE MrStatus mr__pq_encoder_put(MrPqEncoder *encoder, const MrPqPiece *piece, MrError *err);
/* Ends the last page.  May jump. */
MR_MUST_USE MrStatus mr__pq_encoder_finish(MrPqEncoder *encoder, MrError *err);
/* The dictionary's page, header and all, or nothing. */
MR_MUST_USE MrStatus mr__pq_encoder_dict_page(MrPqEncoder *encoder, MrBuffer *out, MrError *err);
/* Compares two stored values (texts of their bytes) in the chunk's order. */
int mr__pq_bounds_compare(MrPqOrder order, MrText a, MrText b);

/* RLE hybrid of n values of width bits. */
MR_MUST_USE MrStatus mr__rle_write(const uint32_t *values, int64_t n, int width, MrBuffer *out,
                                   MrError *err);
/* DELTA_BINARY_PACKED of n int32_t or int64_t. */
MR_MUST_USE MrStatus mr__delta_write(const void *values, int32_t value_bytes, int64_t n,
                                     MrBuffer *out, MrError *err);
/* DELTA_BYTE_ARRAY of n plain values of a fixed size, or (value_bytes 0) byte arrays.  Scratch is
 * overwritten. */
MR_MUST_USE MrStatus mr__delta_strings_write(const char *plain, int32_t value_bytes, int64_t n,
                                             MrBuffer *scratch, MrBuffer *out, MrError *err);

#endif
