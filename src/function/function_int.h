/* function_int.h - what the files of this folder share: signatures, and errors of binding. */
#ifndef MR_FUNCTION_FUNCTION_INT_H
#define MR_FUNCTION_FUNCTION_INT_H

#include "function/aggregate.h"

/* Finds the row among those of one name that takes the arguments: resolves casts and the preset
 * result type.  get(i) of the caller gives the i-th signature; *chosen is its index. */
typedef struct MrSignatureSet {
    const char *name;
    int32_t n;
    const char *const *signatures;
} MrSignatureSet;
MR_MUST_USE MrStatus mr__signature_choose(MrBind *bind, const MrSignatureSet *set, int32_t *chosen,
                                          MrError *err);

/* Texts for parameters of errors, in the plan's arena. */
const char *mr__quoted_type(MrArena *arena, const MrType *type); /* "INT" with the quotes   */
const char *mr__quoted_expr(MrArena *arena, const char *sql);    /* "(a + 1)" with quotes   */

/* A value as Spark writes it into parameters of errors: SQL, but NaN and NULL bare. */
const char *mr__value_for_error(MrArena *arena, const MrVector *vec, int64_t row,
                                const MrSettings *settings);

/* DATATYPE_MISMATCH.UNEXPECTED_INPUT_TYPE; required without the quotes around the whole: "\"INT\"".
 */
MrStatus mr__fail_input_type(MrBind *bind, int32_t arg_idx, const char *required, MrError *err);
MrStatus mr__fail_num_args(const MrBind *bind, const char *name, const char *expected,
                           MrError *err);

/* The common type of all arguments from `from` on as Spark finds it for least, array, coalesce;
 * sets cast_to.  NULL: there is none. */
const MrType *mr__bind_common(MrBind *bind, int32_t from);

/* Value of a foldable argument; false: it is not foldable or is NULL. */
bool mr__arg_i64(const MrArgInfo *arg, int64_t *out); /* integral types and boolean */
bool mr__arg_text(const MrArgInfo *arg, MrText *out); /* strings */

/* May a cast from `from` to `to` give NULL for values that are not (ANSI off)? */
bool mr__cast_may_null(const MrSettings *settings, const MrType *from, const MrType *to);

/* Common type of two for comparisons (=, <, IN); differs from mr_coerce_common with ANSI off. */
const MrType *mr__coerce_compare(MrArena *arena, const MrSettings *settings, const MrType *a,
                                 const MrType *b);
/* Common type of two where a string does not become anything else (greatest, least). */
const MrType *mr__coerce_tight(MrArena *arena, const MrSettings *settings, const MrType *a,
                               const MrType *b);
const MrType *mr__decimal_for(MrArena *arena,
                              const MrType *type); /* decimal that holds all of an integral type */
/* Decimal of wanted digits, cut to 38 as Spark does: fraction digits go first, down to 6. */
const MrType *mr__decimal_adjusted(MrArena *arena, int precision, int scale);
const MrType *mr__decimal_bounded(MrArena *arena, int precision, int scale);

/* A number, date, time or interval as a double, and back: cut towards zero, a decimal rounded. */
double mr__number_at(const MrVector *vec, int32_t row);
void mr__number_put(MrVector *out, int64_t row, double value);
static inline void mr__decimal_put(MrVector *out, int64_t row, MrI128 unscaled)
{
    if (out->type->precision <= MR_DECIMAL_I64_DIGITS)
        out->i64[row] = (int64_t)unscaled;
    else
        out->i128[row] = unscaled;
}

/* Writes base + i for each i < n with keep[i] = 1 and returns how many; may write 8 numbers more.
 */
int32_t mr__rows_compact(const uint8_t *keep, int32_t n, uint16_t base, uint16_t *sel);

#endif
