/* cast_int.h - what the files of casts share.
 *
 * A Cast is built once for a pair of types (with its children for nested ones) and run over
 * vectors. A leaf computes the rows of a CastRun: those of sel (NULL: 0 .. n-1) whose input is not
 * NULL. */
#ifndef MR_FUNCTION_CAST_INT_H
#define MR_FUNCTION_CAST_INT_H

#include "function/function_int.h"

typedef struct MrCast MrCast;
typedef struct MrCastRun MrCastRun;
typedef MrStatus (*MrCastLeaf)(MrCastRun *run, MrError *err);

struct MrCast {
    const MrType *from, *to;
    MrCastMode mode;
    MrCastLeaf leaf;   /* NULL: the same bytes                           */
    bool total;        /* cannot fail or give NULL, safe on any bits     */
    bool can_fail;     /* may raise                                      */
    MrCast **children; /* array 1, map 2, struct n_fields; NULL: no change */
};

struct MrCastRun {
    const MrCast *cast;
    const MrEvalContext *context;
    const MrSettings *settings;
    MrArena *arena;
    const MrVector *in; /* flat or constant */
    MrVector *out;      /* flat             */
    const uint16_t *sel;
    int64_t n;
    int64_t n_rows; /* length of out */
};

static inline int64_t mr__cast_row(const MrCastRun *run, int64_t i)
{
    return run->sel ? run->sel[i] : i;
}
/* The row of the input, or -1 when it is NULL. */
static inline int64_t mr__cast_at(const MrCastRun *run, int64_t row)
{
    int64_t at = run->in->encoding == MR_CONSTANT ? 0 : row;
    return run->in->validity && !mr_bit_get(run->in->validity, at) ? -1 : at;
}
/* for (MR_CAST_EACH(run, row, at)): the rows to compute that are not NULL. */
#define MR_CAST_EACH(run, row, at)                                                                 \
    int64_t mr_i = 0, row = 0, at = 0;                                                             \
    mr_i < (run)->n && (row = mr__cast_row(run, mr_i), at = mr__cast_at(run, row), true);          \
    mr_i++) if (at >= 0

/* What becomes of a row that cannot be cast: NULL, or an error under ANSI rules. */
MrStatus mr__cast_invalid(MrCastRun *run, int64_t row, int64_t at,
                          MrError *err); /* CAST_INVALID_INPUT */
MrStatus mr__cast_overflow(MrCastRun *run, int64_t row, int64_t at,
                           MrError *err); /* CAST_OVERFLOW      */
void mr__cast_null(MrCastRun *run, int64_t row);
MrStatus mr__raise_overflow(MrCastRun *run, int64_t at, MrError *err); /* in any mode but TRY */

static inline MrI128 mr__decimal_at(const MrVector *vec, int64_t at)
{
    return mr_type_physical(vec->type) == MR_PHYS_I64 ? vec->i64[at] : vec->i128[at];
}
/* Stores a decimal of the target's scale, or deals with one that does not fit; plain is the value's
 * text for the error. */
MrStatus mr__cast_put_decimal(MrCastRun *run, int64_t row, bool fits, MrI128 value,
                              const char *plain, MrError *err);
MrStatus mr__raise_decimal(MrCastRun *run, const char *plain, MrError *err);
const char *mr__decimal_plain(MrArena *arena, MrI128 value, int scale);

/* Text of a number with an exponent, written out: "1.5E3" is 1500. */
const char *mr__number_plain(MrArena *arena, MrText text);

/* The leaf for two scalar types that may be cast; sets total and can_fail.  NULL: the same bytes.
 */
MrCastLeaf mr__cast_number_leaf(MrCast *cast);
MrCastLeaf mr__cast_datetime_leaf(MrCast *cast);
MrCastLeaf mr__cast_from_string_leaf(MrCast *cast);
MrCastLeaf mr__cast_to_string_leaf(MrCast *cast);

#endif
