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

typedef struct Windows {
    int64_t length, slide, first, nth;
} Windows;

static Windows windows_of(const MrCall *call, int32_t row)
{
    return (Windows){MR_ARG(call->args[1], i64, row), MR_ARG(call->args[2], i64, row),
                     MR_ARG(call->args[3], i64, row), MR_ARG(call->args[4], i64, row)};
}

static MrStatus window_call(MrCall *call, MrError *err)
{
    const MrVector *time = call->args[0];
    MrVector *start = call->out->children[0], *end = call->out->children[1];
    int64_t *from = start->i64, *to = end->i64;
    bool same = true; /* for all rows */
    for (int32_t a = 1; a <= 4; a++)
        same = same && call->args[a]->encoding == MR_CONSTANT;
    Windows windows = same ? windows_of(call, 0) : (Windows){0};
    /* Moments mostly lie in the pane (one slide long) of the one before: nothing is divided. */
    int64_t pane = 0, pane_end = 0;
    start->n_items = end->n_items = call->n_rows;
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(time, row)) {
            mr_call_null(call, row);
            from[row] = to[row] = 0;
            continue;
        }
        int64_t ts = MR_ARG(time, i64, row);
        if (!same)
            windows = windows_of(call, row);
        if (!same || ts < pane || ts >= pane_end) {
            int64_t past = (ts - windows.first) % windows.slide;
            pane = ts - (past < 0 ? past + windows.slide : past);
            pane_end = pane + windows.slide;
        }
        from[row] = pane - windows.nth * windows.slide;
        to[row] = from[row] + windows.length;
        if (ts < from[row] || ts >= to[row])
            mr_call_null(call, row);
    }
    return MR_OK;
}

const MrFunctionDef mr_functions_time_window[] = {
    {"time_window", "timestamp_ntz|timestamp, bigint, bigint, bigint, bigint -> bind", 0,
     window_call, window_bind, "The window of time that a moment lies in.", NULL},
    {0},
};
