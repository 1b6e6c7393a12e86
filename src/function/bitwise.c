/* bitwise.c - bits of integers. */
#include "function/function_int.h"

#define T int8_t
#define N(name) name##_i8
#include "function/bitwise_type.inc.h"
#define T int16_t
#define N(name) name##_i16
#include "function/bitwise_type.inc.h"
#define T int32_t
#define N(name) name##_i32
#include "function/bitwise_type.inc.h"
#define T int64_t
#define N(name) name##_i64
#include "function/bitwise_type.inc.h"

#define K_NAME count_bool
#define K_IN int8_t
#define K_OUT int32_t
#define K_EXPR (a)
#include "function/unary.inc.h"

/* Java's shifts take the low bits of the distance. */
#define K_NAME shl_i32
#define K_LEFT int32_t
#define K_RIGHT int32_t
#define K_OUT int32_t
#define K_EXPR ((int32_t)((uint32_t)a << (b & 31)))
#include "function/binary.inc.h"
#define K_NAME shl_i64
#define K_LEFT int64_t
#define K_RIGHT int32_t
#define K_OUT int64_t
#define K_EXPR ((int64_t)((uint64_t)a << (b & 63)))
#include "function/binary.inc.h"
#define K_NAME shr_i32
#define K_LEFT int32_t
#define K_RIGHT int32_t
#define K_OUT int32_t
#define K_EXPR (a >> (b & 31))
#include "function/binary.inc.h"
#define K_NAME shr_i64
#define K_LEFT int64_t
#define K_RIGHT int32_t
#define K_OUT int64_t
#define K_EXPR (a >> (b & 63))
#include "function/binary.inc.h"
#define K_NAME ushr_i32
#define K_LEFT int32_t
#define K_RIGHT int32_t
#define K_OUT int32_t
#define K_EXPR ((int32_t)((uint32_t)a >> (b & 31)))
#include "function/binary.inc.h"
#define K_NAME ushr_i64
#define K_LEFT int64_t
#define K_RIGHT int32_t
#define K_OUT int64_t
#define K_EXPR ((int64_t)((uint64_t)a >> (b & 63)))
#include "function/binary.inc.h"

typedef struct BitKernels {
    MrKernel i8, i16, i32, i64;
} BitKernels;
static const BitKernels and_kernels = {and_i8, and_i16, and_i32, and_i64};
static const BitKernels or_kernels = {or_i8, or_i16, or_i32, or_i64};
static const BitKernels xor_kernels = {xor_i8, xor_i16, xor_i32, xor_i64};
static const BitKernels not_kernels = {not_i8, not_i16, not_i32, not_i64};
static const BitKernels count_kernels = {count_i8, count_i16, count_i32, count_i64};

static MrKernel kernel_for(const BitKernels *kernels, const MrType *type)
{
    switch (mr_type_physical(type)) {
    case MR_PHYS_I8:
        return kernels->i8;
    case MR_PHYS_I16:
        return kernels->i16;
    case MR_PHYS_I32:
        return kernels->i32;
    default:
        return kernels->i64;
    }
}

static MrStatus binary_bind(MrBind *bind, const BitKernels *kernels, MrError *err)
{
    const MrType *x = bind->args[0].type, *y = bind->args[1].type;
    const MrType *common = mr_coerce_common(bind->arena, bind->settings, x, y);
    bool strings = x->kind == MR_TYPE_STRING || y->kind == MR_TYPE_STRING;
    bool computes = common && (mr_type_is_integral(common) || common->kind == MR_TYPE_VOID);
    if (!common || (!computes && !strings && !mr_type_same_data(x, y)))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__BINARY_OP_DIFF_TYPES, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "left",
                       mr__quoted_type(bind->arena, x), "right", mr__quoted_type(bind->arena, y));
    if (common->kind == MR_TYPE_VOID)
        common = MR_T(BIGINT);
    if (!mr_type_is_integral(common))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__BINARY_OP_WRONG_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputType", "\"INTEGRAL\"",
                       "actualDataType", mr__quoted_type(bind->arena, common));
    bind->nullable = bind->args[0].nullable || bind->args[1].nullable ||
                     mr__cast_may_null(bind->settings, x, common) ||
                     mr__cast_may_null(bind->settings, y, common);
    bind->args[0].cast_to = bind->args[1].cast_to = bind->type = common;
    bind->call = kernel_for(kernels, common);
    return MR_OK;
}

static MrStatus and_bind(MrBind *bind, MrError *err)
{
    return binary_bind(bind, &and_kernels, err);
}
static MrStatus or_bind(MrBind *bind, MrError *err)
{
    return binary_bind(bind, &or_kernels, err);
}
static MrStatus xor_bind(MrBind *bind, MrError *err)
{
    return binary_bind(bind, &xor_kernels, err);
}
static MrStatus not_bind(MrBind *bind, MrError *err)
{
    bind->call = kernel_for(&not_kernels, bind->type);
    return MR_OK;
}
static MrStatus count_bind(MrBind *bind, MrError *err)
{
    bool boolean = bind->args[0].cast_to->kind == MR_TYPE_BOOLEAN;
    bind->call = boolean ? count_bool : kernel_for(&count_kernels, bind->args[0].cast_to);
    return MR_OK;
}
static MrStatus shl_bind(MrBind *bind, MrError *err)
{
    bind->call = bind->type->kind == MR_TYPE_BIGINT ? shl_i64 : shl_i32;
    return MR_OK;
}
static MrStatus shr_bind(MrBind *bind, MrError *err)
{
    bind->call = bind->type->kind == MR_TYPE_BIGINT ? shr_i64 : shr_i32;
    return MR_OK;
}
static MrStatus ushr_bind(MrBind *bind, MrError *err)
{
    bind->call = bind->type->kind == MR_TYPE_BIGINT ? ushr_i64 : ushr_i32;
    return MR_OK;
}

static MrStatus bit_get_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int32_t place = MR_ARG(call->args[1], i32, row);
        int32_t n_bits = 8 * mr_physical_bytes(mr_type_physical(call->args[0]->type));
        int64_t value = mr_arg_integer(call->args[0], row);
        if (place < 0 || place >= n_bits)
            return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__BIT_POSITION_RANGE, "functionName",
                           mr_quote_name(call->arena, call->bound->def->name), "parameter", "`pos`",
                           "invalidValue", mr_arena_printf(call->arena, "%d", place), "upper",
                           mr_arena_printf(call->arena, "%d", n_bits));
        call->out->i8[row] = (int8_t)((value >> place) & 1);
    }
    return MR_OK;
}

#define STRICT (MR_FN_NULL_IF_ANY | MR_FN_TOTAL)
const MrFunctionDef mr_functions_bitwise[] = {
    {"&", "any, any -> bind", STRICT, NULL, and_bind, "Bits set in both.", "3 & 5 = 1"},
    {"|", "any, any -> bind", STRICT, NULL, or_bind, "Bits set in either.", "3 | 5 = 7"},
    {"^", "any, any -> bind", STRICT, NULL, xor_bind, "Bits set in one only.", "3 ^ 5 = 6"},
    {"~", "integral -> same", STRICT, NULL, not_bind, "All bits turned over.", "~ 0 = -1"},
    {"bit_count", "integral|boolean! -> int", STRICT, NULL, count_bind, "Number of bits set.",
     "bit_count(7) = 3"},
    {"bit_get", "integral, int -> tinyint", MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL, bit_get_call, NULL,
     "The bit at a place, from the right.", "bit_get(11, 0) = 1"},
    {"getbit", "integral, int -> tinyint", MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL, bit_get_call, NULL,
     "The bit at a place, from the right.", "getbit(11, 2) = 0"},
    {"shiftleft", "int|bigint, int -> same", STRICT, NULL, shl_bind, "Bits moved left.",
     "shiftleft(2, 1) = 4"},
    {"<<", "int|bigint, int -> same", STRICT, NULL, shl_bind, "Bits moved left.", "2 << 1 = 4"},
    {"shiftright", "int|bigint, int -> same", STRICT, NULL, shr_bind, "Bits moved right.",
     "shiftright(4, 1) = 2"},
    {">>", "int|bigint, int -> same", STRICT, NULL, shr_bind, "Bits moved right.", "4 >> 1 = 2"},
    {"shiftrightunsigned", "int|bigint, int -> same", STRICT, NULL, ushr_bind,
     "Bits moved right, zeroes behind.", "shiftrightunsigned(4, 1) = 2"},
    {">>>", "int|bigint, int -> same", STRICT, NULL, ushr_bind, "Bits moved right, zeroes behind.",
     "4 >>> 1 = 2"},
    {0},
};
