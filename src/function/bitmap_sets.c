/* bitmap_sets.c - sets of small numbers as binary values of 4,096 bytes (32,768 bits).
 *
 * A number belongs to bucket bitmap_bucket_number(n), and there to bit bitmap_bit_position(n). */
#include "function/aggregate_int.h"

#define SET_BYTES 4096
#define SET_BITS (8 * SET_BYTES)

static MrStatus bucket_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t value = MR_ARG(call->args[0], i64, row);
        call->out->i64[row] = value > 0 ? 1 + (value - 1) / SET_BITS : value / SET_BITS;
    }
    return MR_OK;
}

static MrStatus position_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t value = MR_ARG(call->args[0], i64, row);
        call->out->i64[row] = value > 0 ? (value - 1) % SET_BITS : -(value % SET_BITS);
    }
    return MR_OK;
}

static MrStatus count_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
        int64_t n = 0;
        for (int64_t k = 0; k < text.size_bytes; k++)
            n += __builtin_popcount((uint8_t)text.data[k]);
        call->out->i64[row] = n;
    }
    return MR_OK;
}

static MrStatus binary_bind(MrBind *bind, MrError *err)
{
    if (bind->args[0].type->kind != MR_TYPE_BINARY)
        return mr__fail_input_type(bind, 0, "\"BINARY\"", err);
    return MR_OK;
}

const MrFunctionDef mr_functions_bitmap[] = {
    {"bitmap_bucket_number", "bigint -> bigint", MR_FN_NULL_IF_ANY | MR_FN_TOTAL, bucket_call, NULL,
     "Number of the bitmap that holds a number.", "bitmap_bucket_number(123) = 1"},
    {"bitmap_bit_position", "bigint -> bigint", MR_FN_NULL_IF_ANY | MR_FN_TOTAL, position_call,
     NULL, "Place of a number in its bitmap.", "bitmap_bit_position(123) = 122"},
    {"bitmap_count", "binary! -> bigint", MR_FN_NULL_IF_ANY, count_call, binary_bind,
     "Number of bits set.", "bitmap_count(X'1010') = 2"},
    {0},
};

typedef struct SetState {
    uint8_t *bits; /* NULL: as it begins */
} SetState;

static bool is_and(const MrAggregate *agg)
{
    return strcmp(agg->def->name, "bitmap_and_agg") == 0;
}

static uint8_t *set_bits(const MrAggregateCall *call, SetState *state)
{
    if (!state->bits) {
        state->bits = mr_arena_alloc(call->arena, SET_BYTES);
        memset(state->bits, is_and(call->agg) ? 0xff : 0, SET_BYTES);
    }
    return state->bits;
}

static void set_join(const MrAggregateCall *call, SetState *state, const uint8_t *with,
                     int64_t size_bytes)
{
    uint8_t *bits = set_bits(call, state);
    bool both = is_and(call->agg);
    for (int64_t i = 0; i < SET_BYTES; i++) {
        uint8_t byte = i < size_bytes ? with[i] : 0;
        bits[i] = both ? bits[i] & byte : bits[i] | byte;
    }
}

static MrStatus construct_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                                 MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t place = MR_ARG(call->args[0], i64, row);
        if (place < 0 || place >= SET_BITS)
            return MR_FAIL(err, MR_COND_INVALID_BITMAP_POSITION, "bitPosition",
                           mr_arena_printf(call->arena, "%lld", (long long)place), "bitmapNumBytes",
                           "4096", "bitmapNumBits", "32768");
        set_bits(call, MR_STATE(SetState, i))[place / 8] |= (uint8_t)(1 << place % 8);
    }
    return MR_OK;
}

static MrStatus join_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
        set_join(call, MR_STATE(SetState, i), (const uint8_t *)text.data, text.size_bytes);
    }
    return MR_OK;
}

static MrStatus set_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const SetState *other = from;
    if (other->bits)
        set_join(call, to, other->bits, SET_BYTES);
    return MR_OK;
}

static MrStatus set_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                           MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        SetState state = *MR_STATE(SetState, i);
        out->str[i] = mr_str_own(call->arena, (const char *)set_bits(call, &state), SET_BYTES);
    }
    return MR_OK;
}

static MrStatus set_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    const SetState *set = state;
    MR_TRY(mr_buffer_put_u8(out, set->bits != NULL, err));
    return set->bits ? mr_buffer_put(out, set->bits, SET_BYTES, err) : MR_OK;
}

static MrStatus set_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    SetState *set = state;
    uint8_t some = 0;
    const uint8_t *bytes = NULL;
    if (!mr_reader_u8(reader, &some) || (some && !mr_reader_bytes(reader, SET_BYTES, &bytes)))
        return mr__fail_state(err);
    set->bits = NULL;
    if (some)
        memcpy(set_bits(call, set), bytes, SET_BYTES);
    return MR_OK;
}

static MrStatus set_bind(MrBind *bind, MrAggregate *agg, MrError *err)
{
    return binary_bind(bind, err);
}

#define SET_ROW(name, signature, update, bind, doc, example)                                       \
    {                                                                                              \
        name, signature, MR_AGG_SKIPS_NULL | MR_AGG_NEVER_NULL | MR_AGG_IGNORES_DISTINCT,          \
            (int32_t)sizeof(SetState), NULL, update, NULL, set_merge, set_finish, set_save,        \
            set_load, bind, doc, example                                                           \
    }

const MrAggregateDef mr_aggregates_bitmap[] = {
    SET_ROW("bitmap_construct_agg", "bigint -> binary", construct_update, NULL,
            "A bitmap of bit positions.", "bitmap_count(bitmap_construct_agg(1)) = 1"),
    SET_ROW("bitmap_or_agg", "binary! -> binary", join_update, set_bind, "Bits set in any bitmap.",
            "bitmap_count(bitmap_or_agg(X'10')) = 1"),
    SET_ROW("bitmap_and_agg", "binary! -> binary", join_update, set_bind,
            "Bits set in all bitmaps.", "bitmap_count(bitmap_and_agg(X'F0')) = 4"),
    {0},
};
