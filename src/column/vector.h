/* vector.h - one column of up to MR_BATCH_ROWS rows (list children may be longer).
 *
 * Row r of a vector is found by its encoding:
 *   flat        data[r]
 *   constant    data[0] for every r; validity bit 0 says whether it is NULL
 *   dictionary  dict->data[codes[r]]; a NULL is a clear bit in the vector's own validity (the
 *               dictionary is flat and may hold NULLs too); codes of NULL rows are valid, 0 will do
 * Values of NULL rows are any bits, except MrStr and MrSlice, which must be zeroed or valid, so
 * that kernels may run over them.  A vector's memory belongs to its batch's arena, or to buffers
 * that the batch retains (MrShared). */
#ifndef MR_COLUMN_VECTOR_H
#define MR_COLUMN_VECTOR_H

#include "base/bitmap.h"
#include "column/type.h"

#define MR_BATCH_ROWS 2048

/* A string or binary view.  Up to 12 bytes stand inside, zero-padded, so that two short strings are
 * equal when their 16 bytes are; longer ones keep a 4-byte prefix and a pointer. */
typedef struct MrStr {
    uint32_t size_bytes;
    char prefix[4];
    union {
        char rest[8];
        const char *data;
    };
} MrStr;
_Static_assert(sizeof(MrStr) == 16, "a string view is 16 bytes");
#define MR_STR_INLINE 12

static inline const char *mr_str_data(const MrStr *str)
{
    return str->size_bytes <= MR_STR_INLINE ? str->prefix : str->data;
}
static inline MrText mr_str_text(const MrStr *str)
{
    return (MrText){mr_str_data(str), str->size_bytes};
}
/* A view of bytes that outlive it; short ones are copied inside. */
static inline MrStr mr_str_borrow(const char *data, int64_t size_bytes)
{
    MrStr str = {.size_bytes = (uint32_t)size_bytes};
    if (size_bytes <= MR_STR_INLINE) {
        memcpy(str.prefix, data, (size_t)size_bytes); /* prefix and rest are neighbours */
    } else {
        memcpy(str.prefix, data, 4);
        str.data = data;
    }
    return str;
}
/* A view of a copy in the arena. */
MrStr mr_str_own(MrArena *arena, const char *data, int64_t size_bytes);
static inline bool mr_str_equal(const MrStr *a, const MrStr *b)
{
    uint64_t head_a, head_b;
    memcpy(&head_a, a, 8);
    memcpy(&head_b, b, 8);
    if (head_a != head_b)
        return false;
    if (a->size_bytes <= MR_STR_INLINE)
        return memcmp(a->rest, b->rest, 8) == 0;
    return memcmp(a->data, b->data, a->size_bytes) == 0;
}
int mr_str_compare(const MrStr *a, const MrStr *b); /* bytewise, as unsigned */

typedef struct MrInterval { /* legacy calendar interval */
    int32_t months, days;
    int64_t us;
} MrInterval;

typedef struct MrSlice { /* the elements of one array or map */
    int32_t start, count;
} MrSlice;

typedef enum MrEncoding { MR_FLAT, MR_CONSTANT, MR_DICTIONARY } MrEncoding;

typedef struct MrVector MrVector;
struct MrVector {
    const MrType *type;
    MrEncoding encoding;
    int32_t n_items;    /* rows that data holds: 1 for a constant; list children: elements in use */
    int32_t cap_items;  /* flat: rows that may be written in place; 0: shared memory, do not write.
                           mr_vector_list_reserve grows it.  Set by the calls below.       */
    uint64_t *validity; /* NULL: nothing is NULL                                           */
    union {             /* by mr_type_physical(type); flat and constant                    */
        void *data;
        int8_t *i8;
        int16_t *i16;
        int32_t *i32;
        int64_t *i64;
        MrI128 *i128;
        float *f32;
        double *f64;
        MrStr *str;
        MrInterval *interval;
        MrSlice *list;
        uint32_t *codes; /* dictionary                                                      */
    };
    MrVector *dict;      /* dictionary: flat, shared by many batches, read-only             */
    uint64_t dict_id;    /* dictionary: equal ids mean equal dictionaries; 0: unknown       */
    MrVector **children; /* array 1, map 2 (keys, values), struct n_fields.  Of a constant struct:
                            constants.                                                      */
};

/* A flat vector of n_rows, data not zeroed (string views and slices are), no NULLs; children of a
 * struct included, children of a list empty (see mr_vector_list_reserve). */
MrVector *mr_vector_create(MrArena *arena, const MrType *type, int64_t n_rows);
/* A constant; NULL when value is NULL, else value points to one physical value (not for nested). */
MrVector *mr_vector_constant(MrArena *arena, const MrType *type, const void *value);
MrVector *mr_vector_dictionary(MrArena *arena, MrVector *dict, int64_t n_rows); /* codes not set */
/* A dict_id that no other dictionary of this process has; any thread. */
uint64_t mr_dict_id_next(void);

/* Row r, whatever the encoding: the vector that holds it and the row there. */
static inline const MrVector *mr_vector_at(const MrVector *vec, int64_t row, int64_t *at)
{
    if (vec->encoding == MR_FLAT) {
        *at = row;
        return vec;
    }
    if (vec->encoding == MR_CONSTANT) {
        *at = 0;
        return vec;
    }
    *at = vec->codes[row];
    return vec->dict;
}
static inline bool mr_vector_is_null(const MrVector *vec, int64_t row)
{
    int64_t at;
    if (vec->encoding == MR_DICTIONARY && vec->validity && !mr_bit_get(vec->validity, row))
        return true;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    return holder->type->kind == MR_TYPE_VOID ||
           (holder->validity && !mr_bit_get(holder->validity, at));
}
/* An integer of any width (a boolean, date, timestamp too) at a place of a flat or constant vector,
 * as mr_vector_at gives it. */
static inline int64_t mr_vector_integer(const MrVector *vec, int64_t at)
{
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_I8:
        return vec->i8[at];
    case MR_PHYS_I16:
        return vec->i16[at];
    case MR_PHYS_I32:
        return vec->i32[at];
    default:
        return vec->i64[at];
    }
}
/* Marks rows NULL; allocates the bitmap at need (n_rows bits).  Zeroes a string or slice. */
void mr_vector_set_null(MrArena *arena, MrVector *vec, int64_t row, int64_t n_rows);

/* The same rows as a flat vector (sel: only those rows need be right; NULL: rows 0 .. n_rows-1).
 * Returns vec itself when it is flat already. */
MrVector *mr_vector_flatten(MrArena *arena, MrVector *vec, const uint16_t *sel, int32_t n_sel,
                            int64_t n_rows);
/* Deep copy of one row to row to_row of a flat vector; strings are copied into the arena.  Lists
 * append to the children. */
void mr_vector_copy_row(MrArena *arena, const MrVector *from, int64_t from_row, MrVector *to,
                        int64_t to_row);
/* Gathers rows of a vector into a new flat one, sharing string bytes and list children. */
MrVector *mr_vector_take_rows(MrArena *arena, const MrVector *vec, const int32_t *rows,
                              int64_t n_rows);
/* Makes room for n_more elements in the children of a flat list vector. */
void mr_vector_list_reserve(MrArena *arena, MrVector *vec, int64_t n_more);

/* Compares two rows of the same type as Spark orders them: NULL first, NaN last and equal to
 * itself, 0.0 = -0.0, strings by their collation, arrays and structs by element. */
int mr_vector_compare(const MrVector *a, int64_t a_row, const MrVector *b, int64_t b_row);
/* As mr_vector_compare(...) == 0, quicker. */
bool mr_vector_row_equal(const MrVector *a, int64_t a_row, const MrVector *b, int64_t b_row);
/* Hashes the rows (sel or 0 .. n-1) into hash[i] for the i-th of them.  combine: mixes into what is
 * there.  Equal rows hash alike whatever their encoding; NULLs, NaNs and zeros as above. */
void mr_vector_hash(const MrVector *vec, const uint16_t *sel, int64_t n, uint64_t seed,
                    bool combine, uint64_t *hash);

#endif
