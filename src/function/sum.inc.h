/* sum.inc.h - adds one column up: to the states of groups, and to one state.
 *
 * Not a header.  Define K_NAME(part), K_IN (type of the column), K_PART (accumulator of one call of
 * update_one: must not overflow over K_CHUNK rows), K_CHUNK, K_STATE (a struct with n and sum) and
 * K_ADD(state, value) (false: the sum does not fit).  The rows have no NULLs. */
static MrStatus K_NAME(update)(MrAggregateCall *call, char *const *groups, int32_t offset, MrError *err)
{
    const MrVector *arg = call->args[0];
    const K_IN *restrict values = arg->data;
    const bool constant = arg->encoding == MR_CONSTANT;
    bool fits = true;
    if (call->weights) {
        for (MR_EACH(call, i, row)) {
            K_STATE *state = MR_STATE(K_STATE, i);
            fits &= K_ADD(state, (K_PART)values[constant ? 0 : row] * (K_PART)call->weights[row]);
            state->n += call->weights[row];
        }
    } else {
        for (MR_EACH(call, i, row)) {
            K_STATE *state = MR_STATE(K_STATE, i);
            fits &= K_ADD(state, values[constant ? 0 : row]);
            state->n++;
        }
    }
    return fits ? MR_OK : sum_overflow(call, groups, offset, NULL, err);
}

static MrStatus K_NAME(update_one)(MrAggregateCall *call, void *to, MrError *err)
{
    const MrVector *arg = call->args[0];
    const K_IN *restrict values = arg->data;
    K_STATE *state = to;
    bool fits = true;
    if (call->weights || arg->encoding == MR_CONSTANT) {
        for (MR_EACH(call, i, row)) {
            int64_t weight = mr__weight(call, row);
            fits &= K_ADD(state, (K_PART)MR_ARG_AT(arg, values, row) * (K_PART)weight);
            state->n += weight;
        }
        return fits ? MR_OK : sum_overflow(call, NULL, 0, to, err);
    }
    for (int32_t from = 0; from < call->n; from += K_CHUNK) {
        const int32_t end = call->n - from < K_CHUNK ? call->n : from + K_CHUNK;
        K_PART part = 0;
        if (call->sel) {
            const uint16_t *restrict sel = call->sel;
            for (int32_t i = from; i < end; i++)
                part += (K_PART)values[sel[i]];
        } else {
            for (int32_t i = from; i < end; i++)
                part += (K_PART)values[i];
        }
        fits &= K_ADD(state, part);
    }
    state->n += call->n;
    return fits ? MR_OK : sum_overflow(call, NULL, 0, to, err);
}
#undef K_NAME
#undef K_IN
#undef K_PART
#undef K_CHUNK
#undef K_STATE
#undef K_ADD
