/* generate.c - generators: functions that make rows out of one row. */
#include "function/function_int.h"

/* The element type of the argument, and whether it is a map. */
static MrStatus explode_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    MrField fields[2];
    if (bind->args[0].type->kind == MR_TYPE_VOID)
        return mr__fail_input_type(bind, 0, "(\"ARRAY\" or \"MAP\")", err);
    if (type->kind == MR_TYPE_MAP) {
        fields[0] = type->fields[0];
        fields[1] = type->fields[1];
        bind->type = mr_type_struct(bind->arena, fields, 2);
    } else {
        fields[0] = type->fields[0];
        fields[0].name = "col";
        bind->type = mr_type_struct(bind->arena, fields, 1);
    }
    return MR_OK;
}

static MrStatus posexplode_bind(MrBind *bind, MrError *err)
{
    MR_TRY(explode_bind(bind, err));
    MrField fields[3] = {{.name = "pos", .type = MR_T(INT)}};
    int32_t n = bind->type->n_fields;
    memcpy(fields + 1, bind->type->fields, sizeof(MrField) * (size_t)n);
    bind->type = mr_type_struct(bind->arena, fields, n + 1);
    return MR_OK;
}

static int64_t explode_count(MrGeneratorCall *call, int64_t row)
{
    const MrVector *vec = call->args[0];
    return mr_arg_null(vec, (int32_t)row) ? 0 : MR_ARG(vec, list, (int32_t)row).count;
}

/* Copies n values from child rows [from, ..) to rows [at, ..) of out. */
static void values_copy(MrGeneratorCall *call, MrVector *child, int64_t from, int64_t n,
                        MrVector *out, int64_t at)
{
    for (int64_t i = 0; i < n; i++) {
        if (mr_vector_is_null(child, from + i))
            mr_vector_set_null(call->arena, out, at + i, MR_BATCH_ROWS);
        else
            mr_vector_copy_row(call->arena, child, from + i, out, at + i);
    }
}

static MrStatus explode_emit(MrGeneratorCall *call, int64_t row, int64_t from, int64_t n,
                             MrVector **out, int64_t at, MrError *err)
{
    MrVector *vec = call->args[0];
    int64_t start = MR_ARG(vec, list, (int32_t)row).start + from;
    for (int32_t i = 0; i < vec->type->n_fields; i++)
        values_copy(call, vec->children[i], start, n, out[i], at);
    return MR_OK;
}

static MrStatus posexplode_emit(MrGeneratorCall *call, int64_t row, int64_t from, int64_t n,
                                MrVector **out, int64_t at, MrError *err)
{
    for (int64_t i = 0; i < n; i++)
        out[0]->i32[at + i] = (int32_t)(from + i);
    return explode_emit(call, row, from, n, out + 1, at, err);
}

static MrStatus inline_bind(MrBind *bind, MrError *err)
{
    const MrType *type = bind->args[0].cast_to;
    if (type->kind != MR_TYPE_ARRAY || type->fields[0].type->kind != MR_TYPE_STRUCT)
        return mr__fail_input_type(bind, 0, "\"ARRAY<STRUCT>\"", err);
    const MrType *row = type->fields[0].type;
    MrField *fields = MR_NEW_N(bind->arena, MrField, row->n_fields + 1);
    for (int32_t i = 0; i < row->n_fields; i++) {
        fields[i] = row->fields[i];
        fields[i].nullable = fields[i].nullable || type->fields[0].nullable;
    }
    bind->type = mr_type_struct(bind->arena, fields, row->n_fields);
    return MR_OK;
}

static MrStatus inline_emit(MrGeneratorCall *call, int64_t row, int64_t from, int64_t n,
                            MrVector **out, int64_t at, MrError *err)
{
    MrVector *vec = call->args[0], *rows = vec->children[0];
    int64_t start = MR_ARG(vec, list, (int32_t)row).start + from;
    for (int64_t i = 0; i < n; i++) {
        int64_t held_at;
        const MrVector *held = mr_vector_at(rows, start + i, &held_at);
        bool null = mr_vector_is_null(rows, start + i);
        for (int32_t k = 0; k < rows->type->n_fields; k++) {
            if (null || mr_vector_is_null(held->children[k], held_at))
                mr_vector_set_null(call->arena, out[k], at + i, MR_BATCH_ROWS);
            else
                mr_vector_copy_row(call->arena, held->children[k], held_at, out[k], at + i);
        }
    }
    return MR_OK;
}

typedef struct StackData {
    int64_t n_rows;
    int32_t n_cols, n_args;
} StackData;

static MrStatus stack_bind(MrBind *bind, MrError *err)
{
    int64_t n_rows = 0;
    if (!bind->args[0].value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`n`", "inputType",
                       "\"INT\"", "inputExpr", mr__quoted_expr(bind->arena, bind->args[0].sql));
    if (!mr__arg_i64(&bind->args[0], &n_rows))
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_NULL, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "exprName", "`n`");
    if (n_rows < 1)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "exprName", "`n`", "valueRange",
                       "(0, 2147483647]", "currentValue",
                       mr_arena_printf(bind->arena, "%lld", (long long)n_rows));
    int32_t n_values = bind->n_args - 1;
    if (n_values == 0)
        return MR_FAIL(err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName", "`stack`",
                       "expectedNum", "> 1", "actualNum", "1", "docroot",
                       "https://spark.apache.org/docs/latest");
    int32_t n_cols = (int32_t)((n_values + n_rows - 1) / n_rows);
    MrField *fields = MR_NEW_N(bind->arena, MrField, n_cols + 1);
    for (int32_t c = 0; c < n_cols; c++) {
        const MrType *type = MR_T(VOID);
        bool nullable = n_values % n_cols != 0;
        for (int32_t i = c; i < n_values; i += n_cols) {
            const MrArgInfo *arg = &bind->args[1 + i];
            if (type->kind == MR_TYPE_VOID)
                type = arg->type;
            if (arg->type->kind != MR_TYPE_VOID && !mr_type_same_data(type, arg->type))
                return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__STACK_COLUMN_DIFF_TYPES, "sqlExpr",
                               mr__quoted_expr(bind->arena, bind->sql), "columnIndex",
                               mr_arena_printf(bind->arena, "%d", c), "leftParamIndex",
                               mr_arena_printf(bind->arena, "%d", c + 1), "leftType",
                               mr__quoted_type(bind->arena, type), "rightParamIndex",
                               mr_arena_printf(bind->arena, "%d", i + 1), "rightType",
                               mr__quoted_type(bind->arena, arg->type));
            nullable = nullable || arg->nullable;
        }
        for (int32_t i = c; i < n_values; i += n_cols)
            bind->args[1 + i].cast_to = type;
        fields[c] = (MrField){
            .name = mr_arena_printf(bind->arena, "col%d", c), .type = type, .nullable = nullable};
    }
    StackData *data = MR_NEW(bind->arena, StackData);
    *data = (StackData){n_rows, n_cols, bind->n_args};
    bind->data = data;
    bind->type = mr_type_struct(bind->arena, fields, n_cols);
    return MR_OK;
}

static int64_t stack_count(MrGeneratorCall *call, int64_t row)
{
    const StackData *data = call->bound->data;
    return data->n_rows;
}

static MrStatus stack_emit(MrGeneratorCall *call, int64_t row, int64_t from, int64_t n,
                           MrVector **out, int64_t at, MrError *err)
{
    const StackData *data = call->bound->data;
    for (int64_t i = 0; i < n; i++) {
        for (int32_t c = 0; c < data->n_cols; c++) {
            int64_t idx = 1 + (from + i) * data->n_cols + c;
            MrVector *vec = idx < data->n_args ? call->args[idx] : NULL;
            if (!vec || mr_vector_is_null(vec, row))
                mr_vector_set_null(call->arena, out[c], at + i, MR_BATCH_ROWS);
            else
                mr_vector_copy_row(call->arena, vec, row, out[c], at + i);
        }
    }
    return MR_OK;
}

const MrGeneratorDef mr_generators[] = {
    {"explode", "array<T>|map<K, V> -> bind", explode_bind, explode_count, explode_emit,
     "One row for each element of an array or entry of a map.", "explode(array(10, 20))", NULL},
    {"posexplode", "array<T>|map<K, V> -> bind", posexplode_bind, explode_count, posexplode_emit,
     "As explode, with positions from 0.", "posexplode(array(10, 20))", NULL},
    {"inline", "array<T> -> bind", inline_bind, explode_count, inline_emit,
     "One row for each struct of an array, a column for each field.",
     "inline(array(struct(1, 'a'), struct(2, 'b')))", NULL},
    {"stack", "int, any* -> bind", stack_bind, stack_count, stack_emit,
     "Breaks its values into n rows.", "stack(2, 1, 2, 3)", NULL},
    {0},
};
