/* compare.c - comparisons of all types, IN, NULL tests and NOT.
 *
 * NaN equals itself and is above all numbers; 0.0 equals -0.0; strings compare by their collation;
 * NULL inside arrays and structs comes first and equals itself. */
#include "function/arithmetic_int.h"
#include <math.h>

typedef enum CompareOp { OP_EQ, OP_NE, OP_LT, OP_LE, OP_GT, OP_GE, N_OPS } CompareOp;

#define PLAIN_EQ(a, b) ((a) == (b))
#define PLAIN_LT(a, b) ((a) < (b))
#define FLOAT_EQ(a, b) (((a) == (b)) | (((a) != (a)) & ((b) != (b))))
#define FLOAT_LT(a, b) (((a) < (b)) | (((b) != (b)) & ((a) == (a))))
#define STR_EQ(a, b) (mr_str_equal(&(a), &(b)))
#define STR_LT(a, b) (mr_str_compare(&(a), &(b)) < 0)

#define T int8_t
#define N(name) name##_i8
#define EQ PLAIN_EQ
#define LT PLAIN_LT
#include "function/compare_type.inc.h"
#define T int16_t
#define N(name) name##_i16
#define EQ PLAIN_EQ
#define LT PLAIN_LT
#include "function/compare_type.inc.h"
#define T int32_t
#define N(name) name##_i32
#define EQ PLAIN_EQ
#define LT PLAIN_LT
#include "function/compare_type.inc.h"
#define T int64_t
#define N(name) name##_i64
#define EQ PLAIN_EQ
#define LT PLAIN_LT
#include "function/compare_type.inc.h"
#define T MrI128
#define N(name) name##_i128
#define EQ PLAIN_EQ
#define LT PLAIN_LT
#include "function/compare_type.inc.h"
#define T float
#define N(name) name##_f32
#define EQ FLOAT_EQ
#define LT FLOAT_LT
#include "function/compare_type.inc.h"
#define T double
#define N(name) name##_f64
#define EQ FLOAT_EQ
#define LT FLOAT_LT
#include "function/compare_type.inc.h"
#define T MrStr
#define N(name) name##_str
#define EQ STR_EQ
#define LT STR_LT
#include "function/compare_type.inc.h"

static MrStatus compare_any(MrCall *call, MrError *err)
{
    const CompareOp *op = call->bound->data;
    for (MR_EACH(call, i, row)) {
        const MrVector *x = call->args[0], *y = call->args[1];
        if (*op == OP_EQ || *op == OP_NE) {
            bool equal = mr_vector_row_equal(x, mr_arg_row(x, row), y, mr_arg_row(y, row));
            call->out->i8[row] = equal == (*op == OP_EQ);
            continue;
        }
        int order = mr_vector_compare(x, mr_arg_row(x, row), y, mr_arg_row(y, row));
        call->out->i8[row] = *op == OP_LT   ? order < 0
                             : *op == OP_LE ? order <= 0
                             : *op == OP_GT ? order > 0
                                            : order >= 0;
    }
    return MR_OK;
}

typedef struct CompareKernels {
    MrKernel call[N_OPS];
    MrSelectKernel select[N_OPS];
} CompareKernels;

#define COMPARE_KERNELS(s)                                                                         \
    {                                                                                              \
        {eq_##s, ne_##s, lt_##s, le_##s, gt_##s, ge_##s},                                          \
        {                                                                                          \
            eq_select_##s, ne_select_##s, lt_select_##s, le_select_##s, gt_select_##s,             \
                ge_select_##s                                                                      \
        }                                                                                          \
    }
static const CompareKernels compare_i8 = COMPARE_KERNELS(i8);
static const CompareKernels compare_i16 = COMPARE_KERNELS(i16);
static const CompareKernels compare_i32 = COMPARE_KERNELS(i32);
static const CompareKernels compare_i64 = COMPARE_KERNELS(i64);
static const CompareKernels compare_i128 = COMPARE_KERNELS(i128);
static const CompareKernels compare_f32 = COMPARE_KERNELS(f32);
static const CompareKernels compare_f64 = COMPARE_KERNELS(f64);
static const CompareKernels compare_str = COMPARE_KERNELS(str);

static const CompareKernels *compare_kernels(const MrType *type)
{
    switch (mr_type_physical(type)) {
    case MR_PHYS_I8:
        return &compare_i8;
    case MR_PHYS_I16:
        return &compare_i16;
    case MR_PHYS_I32:
        return &compare_i32;
    case MR_PHYS_I64:
        return &compare_i64;
    case MR_PHYS_I128:
        return &compare_i128;
    case MR_PHYS_F32:
        return &compare_f32;
    case MR_PHYS_F64:
        return &compare_f64;
    case MR_PHYS_STR:
        return type->kind == MR_TYPE_STRING && type->collation ? NULL : &compare_str;
    default:
        return NULL;
    }
}

static const char *shown_name(const char *name)
{
    return strcmp(name, "==") == 0 || strcmp(name, "!=") == 0 || strcmp(name, "<>") == 0 ? "="
           : strcmp(name, "equal_null") == 0                                             ? "<=>"
                                                                                         : name;
}

static bool has_map_or_variant(const MrType *type)
{
    return mr_type_has(type, MR_TYPE_MAP) || mr_type_has(type, MR_TYPE_VARIANT);
}

/* Common type of both sides, or Spark's errors. */
static MrStatus sides_bind(MrBind *bind, bool equality, const MrType **out, MrError *err)
{
    const MrType *x = bind->args[0].type, *y = bind->args[1].type;
    const MrType *common = mr__coerce_compare(bind->arena, bind->settings, x, y);
    bool other_names = !common && mr_type_same_data(x, y); /* of fields: they do not matter */
    if (other_names)
        common = x;
    if (!common)
        return mr__fail_diff_types(bind, err);
    bool interval_equality = equality && common->kind == MR_TYPE_INTERVAL;
    if (!interval_equality &&
        (has_map_or_variant(common) ||
         (common->kind != MR_TYPE_VOID && !mr_type_is_orderable(common) && !equality)))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName",
                       mr_quote_name(bind->arena, shown_name(bind->def->name)), "dataType",
                       mr__quoted_type(bind->arena, common));
    if (!other_names)
        bind->args[0].cast_to = bind->args[1].cast_to = common;
    /* More digits before the point change no unscaled value: such decimals need no cast. */
    for (int32_t i = 0; common->kind == MR_TYPE_DECIMAL && i < 2; i++) {
        const MrType *own = bind->args[i].type;
        if (own->kind == MR_TYPE_DECIMAL && own->scale == common->scale &&
            mr_type_physical(own) == mr_type_physical(common))
            bind->args[i].cast_to = own;
    }
    *out = common;
    return MR_OK;
}

static MrStatus compare_bind(MrBind *bind, CompareOp op, MrError *err)
{
    const MrType *common = NULL;
    MR_TRY(sides_bind(bind, op == OP_EQ || op == OP_NE, &common, err));
    bind->type = MR_T(BOOLEAN);
    bind->nullable = bind->args[0].nullable || bind->args[1].nullable ||
                     mr__cast_may_null(bind->settings, bind->args[0].type, common) ||
                     mr__cast_may_null(bind->settings, bind->args[1].type, common) ||
                     common->kind == MR_TYPE_VOID;
    const CompareKernels *kernels = compare_kernels(common);
    if (kernels) {
        bind->call = kernels->call[op];
        bind->select = kernels->select[op];
        bind->flags |= MR_FN_TOTAL;
        return MR_OK;
    }
    CompareOp *data = MR_NEW(bind->arena, CompareOp);
    *data = op;
    bind->data = data;
    bind->call = compare_any;
    return MR_OK;
}

#define COMPARE_BIND(name, op)                                                                     \
    static MrStatus name##_bind(MrBind *bind, MrError *err)                                        \
    {                                                                                              \
        return compare_bind(bind, op, err);                                                        \
    }
COMPARE_BIND(eq, OP_EQ)
COMPARE_BIND(ne, OP_NE)
COMPARE_BIND(lt, OP_LT)
COMPARE_BIND(le, OP_LE)
COMPARE_BIND(gt, OP_GT)
COMPARE_BIND(ge, OP_GE)

/* <=>: NULL equals NULL. */
static MrStatus safe_eq_call(MrCall *call, MrError *err)
{
    const MrVector *x = call->args[0], *y = call->args[1];
    const MrKernel *equal = call->bound->data;
    if (*equal)
        MR_TRY((*equal)(call, err));
    bool nulls = x->validity || y->validity || x->type->kind == MR_TYPE_VOID ||
                 y->type->kind == MR_TYPE_VOID;
    if (*equal && !nulls)
        return MR_OK;
    for (MR_EACH(call, i, row)) {
        bool null_x = mr_arg_null(x, row), null_y = mr_arg_null(y, row);
        if (null_x || null_y)
            call->out->i8[row] = null_x && null_y;
        else if (!*equal)
            call->out->i8[row] = mr_vector_row_equal(x, mr_arg_row(x, row), y, mr_arg_row(y, row));
    }
    return MR_OK;
}

static MrStatus safe_eq_bind(MrBind *bind, MrError *err)
{
    const MrType *common = NULL;
    MR_TRY(sides_bind(bind, true, &common, err));
    const CompareKernels *kernels = compare_kernels(common);
    MrKernel *equal = MR_NEW(bind->arena, MrKernel);
    *equal = kernels ? kernels->call[OP_EQ] : NULL;
    bind->data = equal;
    bind->type = MR_T(BOOLEAN);
    bind->nullable = false;
    bind->flags |= kernels ? MR_FN_TOTAL : 0;
    return MR_OK;
}

/* --- IN --------------------------------------------------------------------------------------- */

/* Places of the constant list's values by their hash; see in_bind. */
typedef struct InSet {
    MrVector *values; /* flat */
    uint64_t *hashes;
    int32_t *slots; /* index of a value plus one, or 0 */
    int32_t n_slots;
    bool has_null;
} InSet;

static bool set_has(const InSet *set, const MrVector *vec, int32_t row, uint64_t hash)
{
    for (uint64_t slot = hash & (uint64_t)(set->n_slots - 1); set->slots[slot];
         slot = (slot + 1) & (uint64_t)(set->n_slots - 1)) {
        int32_t at = set->slots[slot] - 1;
        if (set->hashes[at] == hash && mr_vector_row_equal(vec, row, set->values, at))
            return true;
    }
    return false;
}

static MrStatus in_set_call(MrCall *call, MrError *err)
{
    const InSet *set = call->bound->data;
    const MrVector *vec = call->args[0];
    if (vec->encoding == MR_CONSTANT) {
        uint64_t hash = 0;
        bool found = false, null = mr_arg_null(vec, 0);
        if (!null) {
            mr_vector_hash(vec, NULL, 1, 0, false, &hash);
            found = set_has(set, vec, 0, hash);
        }
        for (MR_EACH(call, i, row)) {
            call->out->i8[row] = found;
            if (null || (!found && set->has_null))
                mr_call_null(call, row);
        }
        return MR_OK;
    }
    uint64_t *hashes = mr_arena_alloc(call->arena, 8 * (int64_t)call->n + 8);
    mr_vector_hash(vec, call->sel, call->n, 0, false, hashes);
    for (MR_EACH(call, i, row)) {
        bool found = set_has(set, vec, row, hashes[i]);
        call->out->i8[row] = found;
        if (mr_arg_null(vec, row) || (!found && set->has_null))
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus in_call(MrCall *call, MrError *err)
{
    const MrVector *x = call->args[0];
    for (MR_EACH(call, i, row)) {
        bool found = false, null = mr_arg_null(x, row) && call->n_args > 1;
        for (int32_t k = 1; k < call->n_args && !found && !mr_arg_null(x, row); k++) {
            const MrVector *y = call->args[k];
            if (mr_arg_null(y, row))
                null = true;
            else
                found = mr_vector_row_equal(x, mr_arg_row(x, row), y, mr_arg_row(y, row));
        }
        call->out->i8[row] = found;
        if (!found && null)
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus fail_data_types(MrBind *bind, const char *name, MrError *err)
{
    MrTextBuilder types = {.arena = bind->arena};
    for (int32_t i = 0; i < bind->n_args; i++)
        mr_builder_printf(&types, "%s%s", i ? ", " : "[",
                          mr__quoted_type(bind->arena, bind->args[i].type));
    mr_builder_str(&types, "]");
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__DATA_DIFF_TYPES, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "functionName",
                   mr_quote_name(bind->arena, name), "dataType", mr_builder_text(&types).data);
}

static MrStatus in_bind(MrBind *bind, MrError *err)
{
    const MrType *common = NULL;
    bool constant = bind->n_args > 4;
    bind->nullable = false;
    for (int32_t i = 0; i < bind->n_args; i++) {
        const MrType *type = bind->args[i].type;
        const MrType *both =
            !common ? type : mr__coerce_compare(bind->arena, bind->settings, common, type);
        if (!both && mr_type_same_data(common, type)) /* but for names of fields */
            both = common;
        if (!both)
            return fail_data_types(bind, "in", err);
        common = both;
    }
    if (has_map_or_variant(common))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName", "`in`", "dataType",
                       mr__quoted_type(bind->arena, common));
    for (int32_t i = 0; i < bind->n_args; i++) {
        const MrArgInfo *arg = &bind->args[i];
        bind->nullable = bind->nullable || arg->nullable || arg->type->kind == MR_TYPE_VOID ||
                         mr__cast_may_null(bind->settings, arg->type, common);
        bind->args[i].cast_to = common;
        /* A NULL or a value of the very type can be put into the set now; others are cast later. */
        if (i > 0 && !(arg->value &&
                       (mr_vector_is_null(arg->value, 0) || mr_type_same_data(arg->type, common))))
            constant = false;
    }
    bind->type = MR_T(BOOLEAN);
    bind->call = in_call;
    if (!constant || common->kind == MR_TYPE_VOID)
        return MR_OK;
    InSet *set = MR_NEW(bind->arena, InSet);
    int32_t n_values = 0, n_slots = 16;
    while (n_slots < 3 * bind->n_args)
        n_slots *= 2;
    set->values = mr_vector_create(bind->arena, common, bind->n_args);
    set->hashes = MR_NEW_N(bind->arena, uint64_t, bind->n_args);
    set->slots = MR_NEW_N(bind->arena, int32_t, n_slots);
    set->n_slots = n_slots;
    for (int32_t i = 1; i < bind->n_args; i++) {
        const MrVector *value = bind->args[i].value;
        uint64_t hash = 0;
        if (mr_vector_is_null(value, 0)) {
            set->has_null = true;
            continue;
        }
        mr_vector_copy_row(bind->arena, value, 0, set->values, n_values);
        mr_vector_hash(value, NULL, 1, 0, false, &hash);
        uint64_t slot = hash & (uint64_t)(n_slots - 1);
        while (set->slots[slot])
            slot = (slot + 1) & (uint64_t)(n_slots - 1);
        set->hashes[n_values] = hash;
        set->slots[slot] = ++n_values;
    }
    bind->data = set;
    bind->n_read = 1;
    bind->call = in_set_call;
    return MR_OK;
}

/* --- NULL tests, NOT -------------------------------------------------------------------------- */

static MrStatus isnull_call(MrCall *call, MrError *err)
{
    const MrVector *vec = call->args[0];
    if (vec->encoding == MR_FLAT && !vec->validity && vec->type->kind != MR_TYPE_VOID) {
        memset(call->out->i8, 0, (size_t)call->n_rows);
        return MR_OK;
    }
    for (MR_EACH(call, i, row))
        call->out->i8[row] = mr_arg_null(vec, row);
    return MR_OK;
}

static MrStatus isnotnull_call(MrCall *call, MrError *err)
{
    const MrVector *vec = call->args[0];
    if (vec->encoding == MR_FLAT && !vec->validity && vec->type->kind != MR_TYPE_VOID) {
        memset(call->out->i8, 1, (size_t)call->n_rows);
        return MR_OK;
    }
    for (MR_EACH(call, i, row))
        call->out->i8[row] = !mr_arg_null(vec, row);
    return MR_OK;
}

static int32_t isnotnull_select(MrCall *call, uint16_t *sel)
{
    const MrVector *vec = call->args[0];
    int32_t n = 0;
    for (MR_EACH(call, i, row)) {
        sel[n] = (uint16_t)row;
        n += !mr_arg_null(vec, row);
    }
    return n;
}

static MrStatus isnotnull_bind(MrBind *bind, MrError *err)
{
    bind->select = isnotnull_select;
    return MR_OK;
}

#define K_NAME not_call
#define K_IN int8_t
#define K_OUT int8_t
#define K_EXPR (!a)
#include "function/unary.inc.h"

#define K_NAME isnan_f64
#define K_IN double
#define K_OUT int8_t
#define K_EXPR (a != a)
#include "function/unary.inc.h"
#define K_NAME isnan_f32
#define K_IN float
#define K_OUT int8_t
#define K_EXPR (a != a)
#include "function/unary.inc.h"

/* isnan(NULL) is false. */
static MrStatus isnan_call(MrCall *call, MrError *err)
{
    const MrVector *vec = call->args[0];
    MR_TRY(vec->type->kind == MR_TYPE_FLOAT ? isnan_f32(call, err) : isnan_f64(call, err));
    if (vec->validity)
        for (MR_EACH(call, i, row))
            if (mr_arg_null(vec, row))
                call->out->i8[row] = 0;
    return MR_OK;
}

/* --- greatest, least -------------------------------------------------------------------------- */

static MrStatus extreme_call(MrCall *call, MrError *err)
{
    const int *sign = call->bound->data;
    for (MR_EACH(call, i, row)) {
        const MrVector *best = NULL;
        for (int32_t k = 0; k < call->n_args; k++) {
            const MrVector *vec = call->args[k];
            if (mr_arg_null(vec, row))
                continue;
            if (!best ||
                *sign * mr_vector_compare(vec, mr_arg_row(vec, row), best, mr_arg_row(best, row)) >
                    0)
                best = vec;
        }
        if (best)
            mr_vector_copy_row(call->arena, best, mr_arg_row(best, row), call->out, row);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus extreme_bind(MrBind *bind, int sign, MrError *err)
{
    const MrType *common = NULL;
    for (int32_t i = 0; i < bind->n_args; i++) {
        const MrType *type = bind->args[i].type;
        common = common ? mr__coerce_tight(bind->arena, bind->settings, common, type) : type;
        if (!common)
            return fail_data_types(bind, bind->def->name, err);
    }
    for (int32_t i = 0; i < bind->n_args; i++)
        bind->args[i].cast_to = common;
    if (!mr_type_is_orderable(common) && common->kind != MR_TYPE_VOID)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "functionName",
                       mr_quote_name(bind->arena, bind->def->name), "dataType",
                       mr__quoted_type(bind->arena, common));
    int *data = MR_NEW(bind->arena, int);
    *data = sign;
    bind->data = data;
    bind->type = common;
    bind->nullable = true;
    for (int32_t i = 0; i < bind->n_args; i++)
        if (!bind->args[i].nullable && bind->args[i].type->kind != MR_TYPE_VOID &&
            !mr__cast_may_null(bind->settings, bind->args[i].type, common))
            bind->nullable = false;
    return MR_OK;
}
static MrStatus greatest_bind(MrBind *bind, MrError *err)
{
    return extreme_bind(bind, 1, err);
}
static MrStatus least_bind(MrBind *bind, MrError *err)
{
    return extreme_bind(bind, -1, err);
}

#define STRICT MR_FN_NULL_IF_ANY
const MrFunctionDef mr_functions_compare[] = {
    {"=", "any, any -> bind", STRICT, NULL, eq_bind, "Equal.", "1 = 1"},
    {"==", "any, any -> bind", STRICT, NULL, eq_bind, "Equal.", "1 == 1"},
    {"<>", "any, any -> bind", STRICT, NULL, ne_bind, "Not equal.", "1 <> 2"},
    {"!=", "any, any -> bind", STRICT, NULL, ne_bind, "Not equal.", "1 != 2"},
    {"<", "any, any -> bind", STRICT, NULL, lt_bind, "Less.", "1 < 2"},
    {"<=", "any, any -> bind", STRICT, NULL, le_bind, "Less or equal.", "1 <= 1"},
    {">", "any, any -> bind", STRICT, NULL, gt_bind, "Greater.", "2 > 1"},
    {">=", "any, any -> bind", STRICT, NULL, ge_bind, "Greater or equal.", "2 >= 2"},
    {"<=>", "any, any -> bind", MR_FN_NEVER_NULL, safe_eq_call, safe_eq_bind,
     "Equal, where NULL equals NULL.", "NULL <=> NULL"},
    {"equal_null", "any, any -> bind", MR_FN_NEVER_NULL, safe_eq_call, safe_eq_bind,
     "Equal, where NULL equals NULL.", "equal_null(NULL, NULL)"},
    {"in", "any, any* -> bind", 0, NULL, in_bind, "Is among the values.", "1 IN (1, 2)"},
    {"not", "boolean -> boolean", STRICT | MR_FN_TOTAL, not_call, NULL, "Logical not.",
     "NOT false"},
    {"!", "boolean -> boolean", STRICT | MR_FN_TOTAL, not_call, NULL, "Logical not.", "! false"},
    {"isnull", "any -> boolean", MR_FN_NEVER_NULL, isnull_call, NULL, "Is NULL.", "isnull(NULL)"},
    {"isnotnull", "any -> boolean", MR_FN_NEVER_NULL, isnotnull_call, isnotnull_bind,
     "Is not NULL.", "isnotnull(1)"},
    {"isnan", "double|float -> boolean", MR_FN_NEVER_NULL, isnan_call, NULL, "Is not a number.",
     "isnan(double('NaN'))"},
    {"greatest", "any, any, any* -> bind", 0, extreme_call, greatest_bind,
     "The greatest, NULLs left out.", "greatest(1, NULL, 3) = 3"},
    {"least", "any, any, any* -> bind", 0, extreme_call, least_bind, "The least, NULLs left out.",
     "least(1, NULL, 3) = 1"},
    {0},
};
