/* operators.c - the operator of each kind of plan node; a kind without one is not supported yet. */
#include "exec/exec_int.h"

static const MrOpType *const types[] = {
    [MR_PHYS_OP_SCAN] = &mr__op_scan,
    [MR_PHYS_OP_VALUES] = &mr__op_values,
    [MR_PHYS_OP_RANGE] = &mr__op_range,
    [MR_PHYS_OP_PROJECT] = &mr__op_project,
    [MR_PHYS_OP_FILTER] = &mr__op_filter,
    [MR_PHYS_OP_AGGREGATE] = &mr__op_aggregate,
    [MR_PHYS_OP_LIMIT] = &mr__op_limit,
    [MR_PHYS_OP_UNION] = &mr__op_union,
    [MR_PHYS_OP_SESSION] = &mr__op_session,
    [MR_PHYS_OP_STREAM_JOIN] = &mr__op_stream_join,
    [MR_PHYS_OP_RECOMPUTE] = &mr__op_recompute,
    [MR_PHYS_OP_WINDOW] = &mr__op_window,
    [MR_PHYS_OP_HASH_JOIN] = &mr__op_hash_join,
    [MR_PHYS_OP_LOOP_JOIN] = &mr__op_loop_join,
    [MR_PHYS_OP_EXPAND] = &mr__op_expand,
    [MR_PHYS_OP_GENERATE] = &mr__op_generate,
    [MR_PHYS_OP_SAMPLE] = &mr__op_sample,
    [MR_PHYS_OP_SORT] = &mr__op_sort,
    [MR_PHYS_OP_WATERMARK] = &mr__op_watermark,
    [MR_PHYS_OP_BATCH_WINDOW] = &mr__op_batch_window,
    [MR_PHYS_OP_KEYED_STATE] = &mr__op_keyed_state,
    /* These replay what the run puts into them. */
    [MR_PHYS_OP_FEED] = &mr__op_replay,
    [MR_PHYS_OP_SHARED] = &mr__op_replay,
    [MR_PHYS_OP_RECURSION] = &mr__op_replay,
    [MR_PHYS_OP_RECURSION_REF] = &mr__op_replay,
};

const MrOpType *mr_op_type(const MrPhys *phys)
{
    if (phys->kind == MR_PHYS_OP_AGGREGATE && phys->streaming)
        return &mr__op_stream_aggregate;
    return (int64_t)phys->kind < MR_COUNT(types) ? types[phys->kind] : NULL;
}
