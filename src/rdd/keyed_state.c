/* keyed_state.c - the user's functions of a keyed state, as the operator calls them. */
#include "function/user_function.h"
#include "rdd/lineage_int.h"

#include <inttypes.h>

static MrBytes bytes_of(MrText text)
{
    return (MrBytes){text.data, text.size_bytes};
}

/* The value of the row that was put out, where the arena keeps it: short ones lie in the row. */
static MrText value_own(const MrKeyedCall *call, const MrEmitted *row)
{
    MrBytes value = mr_emitted_value(row);
    if (!value.data)
        return (MrText){NULL, 0};
    if (value.size_bytes > MR_STR_INLINE) /* in the arena already */
        return (MrText){value.data, value.size_bytes};
    return (MrText){mr_arena_strn(call->arena, value.data, value.size_bytes), value.size_bytes};
}

static MrStatus update(void *self, const MrKeyedCall *call, MrText key, const MrText *values,
                       int64_t n_values, MrText state, MrText *out, MrError *err)
{
    const MrLineage *lineage = self;
    MrEmitted row = {0};
    MrEmitter to = mr_emitter_one("update_state_by_key", call->canceled, call->arena, &row);
    MrBytes *bytes = mr_arena_alloc(call->arena, (n_values + 1) * (int64_t)sizeof(MrBytes));
    for (int64_t i = 0; i < n_values; i++)
        bytes[i] = bytes_of(values[i]);
    MR_TRY(mr_emitter_begin(&to, err));
    MR_TRY(mr_emitter_end(
        &to,
        lineage->update(lineage->self, bytes_of(key), bytes, n_values, bytes_of(state), &to, err),
        err));
    if (to.n_rows > 1)
        return mr_user_fail(to.name, err, "it put out %" PRId64 " rows, not one or none",
                            to.n_rows);
    *out = to.n_rows == 1 ? value_own(call, &row) : (MrText){NULL, 0};
    return MR_OK;
}

static MrStatus combine(const MrLineage *lineage, MrReduceFunction function, const char *name,
                        const MrKeyedCall *call, MrText a, MrText b, MrText *out, MrError *err)
{
    MrEmitted row = {0};
    MrEmitter to = mr_emitter_one(name, call->canceled, call->arena, &row);
    MR_TRY(mr_emitter_begin(&to, err));
    MR_TRY(mr_emitter_end(&to, function(lineage->self, bytes_of(a), bytes_of(b), &to, err), err));
    if (to.n_rows != 1)
        return mr_user_fail(to.name, err, "it put out %" PRId64 " rows, not one", to.n_rows);
    *out = value_own(call, &row);
    return MR_OK;
}

static MrStatus reduce(void *self, const MrKeyedCall *call, MrText a, MrText b, MrText *out,
                       MrError *err)
{
    const MrLineage *lineage = self;
    return combine(lineage, lineage->reduce, "reduce_by_key_and_window", call, a, b, out, err);
}

static MrStatus inverse(void *self, const MrKeyedCall *call, MrText a, MrText b, MrText *out,
                        MrError *err)
{
    const MrLineage *lineage = self;
    return combine(lineage, lineage->inverse, "reduce_by_key_and_window", call, a, b, out, err);
}

static MrStatus filter(void *self, const MrKeyedCall *call, MrText key, MrText value, bool *keep,
                       MrError *err)
{
    const MrLineage *lineage = self;
    MrPair row = {bytes_of(key), bytes_of(value)};
    MrEmitter to = {.name = "reduce_by_key_and_window", .canceled = call->canceled};
    MR_TRY(mr_emitter_begin(&to, err));
    return mr_emitter_end(&to, lineage->filter(lineage->self, &row, keep, err), err);
}

const MrKeyedState *mr__lineage_keyed_state(MrArena *arena, const MrLineage *lineage)
{
    MrKeyedState *state = MR_NEW(arena, MrKeyedState);
    state->self = (void *)(uintptr_t)lineage; /* the functions read it only */
    state->slide_us = lineage->slide_us;
    if (lineage->kind == MR_LINEAGE_STATE) {
        state->name = "update_state_by_key";
        state->update = update;
        return state;
    }
    state->name = "reduce_by_key_and_window";
    state->reduce = reduce;
    state->inverse = inverse;
    state->filter = lineage->filter ? filter : NULL;
    return state;
}
