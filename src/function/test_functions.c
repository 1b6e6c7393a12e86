/* test_functions.c - functions of the conformance tests, there only when --functions names them.
 *
 * booleq, boolne and vol are those of Spark's copy of PostgreSQL's tests; udf and udaf stand for
 * functions of a user: the value itself, and a count. */
#include "function/aggregate_int.h"

static MrStatus booleq_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i8[row] = MR_ARG(call->args[0], i8, row) == MR_ARG(call->args[1], i8, row);
    return MR_OK;
}

static MrStatus boolne_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i8[row] = MR_ARG(call->args[0], i8, row) != MR_ARG(call->args[1], i8, row);
    return MR_OK;
}

static MrStatus itself_call(MrCall *call, MrError *err)
{
    call->out = call->args[0];
    return MR_OK;
}

#define TEST (MR_FN_TEST | MR_FN_NULL_IF_ANY)

const MrFunctionDef mr_functions_test[] = {
    {"booleq", "boolean, boolean -> boolean", TEST, booleq_call, NULL, "a = b.", NULL},
    {"boolne", "boolean, boolean -> boolean", TEST, boolne_call, NULL, "a <> b.", NULL},
    {"vol", "string -> string", TEST | MR_FN_VOLATILE, itself_call, NULL, "The value itself.",
     NULL},
    {"udf", "any -> same", TEST, itself_call, NULL, "The value itself.", NULL},
    {0},
};

static MrStatus udaf_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    for (MR_EACH(call, i, row))
        *MR_STATE(int64_t, i) += mr__weight(call, row);
    return MR_OK;
}

static MrStatus udaf_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    *(int64_t *)to += *(const int64_t *)from;
    return MR_OK;
}

static MrStatus udaf_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                            MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++)
        out->i32[i] = (int32_t)*MR_STATE(int64_t, i);
    return MR_OK;
}

const MrAggregateDef mr_aggregates_test[] = {
    {"udaf", "any -> int", MR_AGG_TEST | MR_AGG_SKIPS_NULL | MR_AGG_RETRACTS, 8, NULL, udaf_update,
     NULL, udaf_merge, udaf_finish, mr__plain_save, mr__plain_load, NULL,
     "Number of values that are not NULL.", NULL},
    {0},
};
