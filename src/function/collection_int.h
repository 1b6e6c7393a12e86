/* collection_int.h - what the files of array and map functions share. */
#ifndef MR_FUNCTION_COLLECTION_INT_H
#define MR_FUNCTION_COLLECTION_INT_H

#include "function/date_int.h"

/* Longer arrays raise COLLECTION_SIZE_LIMIT_EXCEEDED. */
#define MR__ARRAY_MAX INT64_C(2147483632)

/* Begins the list of a row at the end of out's children; n_more: room to make. */
static inline void mr__list_begin(MrCall *call, int32_t row, int64_t n_more)
{
    mr_vector_list_reserve(call->arena, call->out, n_more);
    call->out->list[row] = (MrSlice){call->out->children[0]->n_items, 0};
}
/* Appends an element to a child whose room is there; from NULL: a NULL. */
static inline void mr__child_put(MrCall *call, MrVector *child, const MrVector *from, int64_t at)
{
    int64_t to = child->n_items++;
    mr_poll_item(to);
    if (!from || mr_vector_is_null(from, at))
        mr_vector_set_null(call->arena, child, to, child->n_items);
    else
        mr_vector_copy_row(call->arena, from, at, child, to);
}
static inline void mr__list_put(MrCall *call, int32_t row, const MrVector *from, int64_t at)
{
    mr__child_put(call, call->out->children[0], from, at);
    call->out->list[row].count++;
}
static inline void mr__pick(MrCall *call, int32_t row, const MrVector *from, int64_t at)
{
    if (mr_vector_is_null(from, at))
        mr_call_null(call, row);
    else
        mr_vector_copy_row(call->arena, from, at, call->out, row);
}
/* Sorts numbers of elements, equal ones staying in order; a merge sort that polls. */
typedef int (*MrPlaceCompare)(int32_t x, int32_t y, const void *self);
void mr__sort_places(MrArena *arena, int32_t *places, int64_t n, MrPlaceCompare compare,
                     const void *self);

#endif
