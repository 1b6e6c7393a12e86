/* time_window.c - the window of time that a moment lies in: what window(ts, ..) in GROUP BY
 * becomes.
 *
 * time_window(ts, length, slide, start, i), all in microseconds, gives the i-th window that may
 * hold ts, the last one first: {start, end}; NULL when ts is NULL or lies outside of it (windows
 * with gaps between them). */
#include "function/function_int.h"

static MrStatus window_bind(MrBind *bind, MrError *err)
{
    const MrType *time = bind->args[0].cast_to;
    MrField fields[2] = {{.name = "start", .type = time, .nullable = true},
                         {.name = "end", .type = time, .nullable = true}};
    bind->type = mr_type_struct(bind->arena, fields, 2);
    bind->nullable = true;
    return MR_OK;
}

static MrStatus window_call(MrCall *call, MrError *err)
{
    const MrVector *time = call->args[0];
    MrVector *start = call->out->children[0], *end = call->out->children[1];
    start->n_items = end->n_items = call->n_rows;
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(time, row)) {
            mr_call_null(call, row);
            start->i64[row] = end->i64[row] = 0;
            continue;
        }
        int64_t ts = MR_ARG(time, i64, row), length = MR_ARG(call->args[1], i64, row);
        int64_t slide = MR_ARG(call->args[2], i64, row), first = MR_ARG(call->args[3], i64, row);
        int64_t nth = MR_ARG(call->args[4], i64, row);
        int64_t past = (ts - first) % slide;
        int64_t from = ts - (past < 0 ? past + slide : past) - nth * slide;
        start->i64[row] = from;
        end->i64[row] = from + length;
        if (ts < from || ts >= from + length)
            mr_call_null(call, row);
    }
    return MR_OK;
}

const MrFunctionDef mr_functions_time_window[] = {
    {"time_window", "timestamp_ntz|timestamp, bigint, bigint, bigint, bigint -> bind", 0,
     window_call, window_bind, "The window of time that a moment lies in.", NULL},
    {0},
};
