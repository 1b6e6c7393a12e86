/* aggregate_int.h - what the aggregate files share: one value in a state, and lists of values. */
#ifndef MR_FUNCTION_AGGREGATE_INT_H
#define MR_FUNCTION_AGGREGATE_INT_H

#include "column/row.h"
#include "function/function_int.h"

/* States are aligned to 8 bytes only. */
__extension__ typedef __int128 MrI128Packed __attribute__((aligned(8)));

#define MR_STATE(type, i) ((type *)(void *)(groups[i] + offset))

static inline int64_t mr__weight(const MrAggregateCall *call, int32_t row)
{
    return call->weights ? call->weights[row] : 1;
}

/* One value of any type; zeroed it is absent. */
typedef struct MrHeld {
    bool set, null;
    int32_t cap_bytes; /* strings: room at data */
    union {
        uint64_t bits[2];
        struct {
            char *data;
            int64_t size_bytes;
        } text;
        MrVector *nested; /* flat, one row */
    };
} MrHeld;

void mr__held_set(MrHeld *held, MrArena *arena, const MrVector *vec, int32_t row);
void mr__held_get(const MrHeld *held, MrArena *arena, MrVector *out, int64_t row, int64_t n_rows);
/* The held value (set, not NULL) against a row, as mr_vector_compare. */
int mr__held_compare(const MrHeld *held, const MrVector *vec, int32_t row);
MrStatus mr__held_save(const MrHeld *held, const MrType *type, MrBuffer *out, MrError *err);
MrStatus mr__held_load(MrHeld *held, const MrType *type, MrArena *arena, MrReader *reader,
                       MrError *err);

/* A growing list of values of one type; zeroed it is empty. */
typedef struct MrValueList {
    MrVector *vec; /* flat; NULL: nothing yet */
    int64_t n, cap;
} MrValueList;

/* vec may be NULL: a NULL. */
void mr__list_push(MrValueList *list, const MrType *type, MrArena *arena, const MrVector *vec,
                   int64_t row);
MrStatus mr__list_save(const MrValueList *list, MrBuffer *out, MrError *err);
MrStatus mr__list_load(MrValueList *list, const MrType *type, MrArena *arena, MrReader *reader,
                       MrError *err);
/* Writes the list as an array into row `row` of out. */
void mr__list_to_array(const MrValueList *list, MrArena *arena, MrVector *out, int64_t row);

/* Plain states: their bytes are what is saved. */
MrStatus mr__plain_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err);
MrStatus mr__plain_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err);

MrStatus mr__fail_state(MrError *err); /* stored bytes are not a state */

#endif
