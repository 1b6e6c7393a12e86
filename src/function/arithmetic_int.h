/* arithmetic_int.h - what arithmetic.c and arithmetic_time.c share. */
#ifndef MR_FUNCTION_ARITHMETIC_INT_H
#define MR_FUNCTION_ARITHMETIC_INT_H

#include "function/function_int.h"
#include <stdio.h>

typedef enum MrArithOp {
    MR__ARITH_ADD,
    MR__ARITH_SUB,
    MR__ARITH_MUL,
    MR__ARITH_DIV,
    MR__ARITH_REM,
    MR__ARITH_PMOD,
    MR__ARITH_IDIV,
    MR__ARITH_NEG,
    MR__ARITH_ABS,
    MR__ARITH_POS
} MrArithOp;

typedef struct MrArith { /* MrBound.data of arithmetic */
    MrArithOp op;
    bool is_try;
    bool null_on_fail;
    MrI128 up_left, up_right; /* decimals: factors to the common scale */
} MrArith;

#define MR_INT128_BEYOND ((MrI128)INT64_MAX + 1) /* anything that is no bigint */

MrArith *mr__arith_new(MrBind *bind, MrArithOp op, bool is_try);
/* ARITHMETIC_OVERFLOW; try_name: what would give NULL instead, or NULL. */
MrStatus mr__fail_overflow(const char *try_name, MrError *err);
/* NUMERIC_VALUE_OUT_OF_RANGE.WITH_SUGGESTION */
MrStatus mr__fail_decimal(MrArena *arena, const char *value, const MrType *type, MrError *err);
MrStatus mr__fail_diff_types(MrBind *bind, MrError *err);

/* Dates, times and intervals with each other and with numbers; *done: it was one of those. */
MR_MUST_USE MrStatus mr__arith_time_bind(MrBind *bind, MrArithOp op, bool is_try, bool *done,
                                         MrError *err);
MrStatus mr__interval_negate(MrCall *call, MrError *err);

#endif
