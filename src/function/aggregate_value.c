/* aggregate_value.c - values inside aggregate states. */
#include "function/aggregate_int.h"

MrStatus mr__fail_state(MrError *err)
{
    (void)mr_error_raisef(err, MR_COND_INTERNAL_ERROR, "message", "a stored aggregate is damaged");
    err->status = MR_CORRUPT;
    return MR_CORRUPT;
}

MrStatus mr__plain_save(const MrAggregate *agg, const void *state, MrBuffer *out, MrError *err)
{
    return mr_buffer_put(out, state, agg->state_bytes, err);
}

MrStatus mr__plain_load(MrAggregateCall *call, MrReader *reader, void *state, MrError *err)
{
    const uint8_t *bytes = NULL;
    if (!mr_reader_bytes(reader, call->agg->state_bytes, &bytes))
        return mr__fail_state(err);
    memcpy(state, bytes, (size_t)call->agg->state_bytes);
    return MR_OK;
}

void mr__held_set(MrHeld *held, MrArena *arena, const MrVector *vec, int32_t row)
{
    int64_t at;
    held->set = true;
    held->null = mr_vector_is_null(vec, row);
    if (held->null)
        return;
    const MrVector *from = mr_vector_at(vec, row, &at);
    MrPhysical physical = mr_type_physical(from->type);
    switch (physical) {
    case MR_PHYS_STR: {
        const MrStr *str = &from->str[at];
        if ((int64_t)str->size_bytes > held->cap_bytes) {
            int64_t cap = str->size_bytes + str->size_bytes / 2 + 16;
            held->text.data = mr_arena_alloc(arena, cap);
            held->cap_bytes = (int32_t)(cap < INT32_MAX ? cap : INT32_MAX);
        }
        if (str->size_bytes)
            memcpy(held->text.data, mr_str_data(str), str->size_bytes);
        held->text.size_bytes = str->size_bytes;
        break;
    }
    case MR_PHYS_LIST:
    case MR_PHYS_STRUCT:
        held->nested = mr_vector_create(arena, from->type, 1);
        mr_vector_copy_row(arena, from, at, held->nested, 0);
        break;
    case MR_PHYS_VOID:
        held->null = true;
        break;
    default: {
        int32_t size = mr_physical_bytes(physical);
        memcpy(held->bits, (const char *)from->data + at * size, (size_t)size);
    }
    }
}

typedef union Shown { /* where a shown value lies, aligned for any type */
    MrStr str;
    MrI128 bits;
} Shown;

/* A constant that shows the held value. */
static MrVector held_vector(const MrHeld *held, const MrType *type, Shown *shown)
{
    MrPhysical physical = mr_type_physical(type);
    if (physical == MR_PHYS_LIST || physical == MR_PHYS_STRUCT)
        return *held->nested;
    MrVector vec = {.type = type, .encoding = MR_CONSTANT, .n_items = 1, .data = shown};
    if (physical == MR_PHYS_STR)
        shown->str = mr_str_borrow(held->text.data ? held->text.data : "", held->text.size_bytes);
    else
        memcpy(shown, held->bits, sizeof held->bits);
    return vec;
}

void mr__held_get(const MrHeld *held, MrArena *arena, MrVector *out, int64_t row, int64_t n_rows)
{
    if (!held->set || held->null) {
        mr_vector_set_null(arena, out, row, n_rows);
        return;
    }
    Shown shown;
    MrVector vec = held_vector(held, out->type, &shown);
    mr_vector_copy_row(arena, &vec, 0, out, row);
}

int mr__held_compare(const MrHeld *held, const MrVector *vec, int32_t row)
{
    Shown shown;
    MrVector mine = held_vector(held, vec->type, &shown);
    return mr_vector_compare(&mine, 0, vec, row);
}

MrStatus mr__held_save(const MrHeld *held, const MrType *type, MrBuffer *out, MrError *err)
{
    MR_TRY(mr_buffer_put_u8(out, (uint8_t)(held->set + 2 * held->null), err));
    if (!held->set || held->null)
        return MR_OK;
    Shown shown;
    MrVector vec = held_vector(held, type, &shown), *col = &vec;
    return mr_row_store(&col, 1, 0, out, err);
}

MrStatus mr__held_load(MrHeld *held, const MrType *type, MrArena *arena, MrReader *reader,
                       MrError *err)
{
    uint8_t flags = 0;
    if (!mr_reader_u8(reader, &flags))
        return mr__fail_state(err);
    *held = (MrHeld){.set = flags & 1, .null = (flags & 2) != 0};
    if (!held->set || held->null)
        return MR_OK;
    MrVector *vec = mr_vector_create(arena, type, 1);
    MR_TRY(mr_row_load(reader, arena, &vec, 1, 0, err));
    mr__held_set(held, arena, vec, 0);
    return MR_OK;
}

void mr__list_push(MrValueList *list, const MrType *type, MrArena *arena, const MrVector *vec,
                   int64_t row)
{
    if (list->n == list->cap) {
        int64_t cap = list->cap ? 2 * list->cap : 4;
        MrVector *more = mr_vector_create(arena, type, cap);
        if (mr_type_physical(type) == MR_PHYS_LIST || mr_type_physical(type) == MR_PHYS_STRUCT) {
            for (int64_t i = 0; i < list->n; i++) {
                mr_poll_item(i);
                if (mr_vector_is_null(list->vec, i))
                    mr_vector_set_null(arena, more, i, cap);
                else
                    mr_vector_copy_row(arena, list->vec, i, more, i);
            }
        } else if (list->n) {
            mr_copy(more->data, list->vec->data,
                    list->n * mr_physical_bytes(mr_type_physical(type)));
            for (int64_t i = 0; list->vec->validity && i < list->n; i++)
                if (!mr_bit_get(list->vec->validity, i))
                    mr_vector_set_null(arena, more, i, cap);
        }
        list->vec = more;
        list->cap = cap;
    }
    if (!vec || mr_vector_is_null(vec, row))
        mr_vector_set_null(arena, list->vec, list->n, list->cap);
    else
        mr_vector_copy_row(arena, vec, row, list->vec, list->n);
    list->n++;
}

MrStatus mr__list_save(const MrValueList *list, MrBuffer *out, MrError *err)
{
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)list->n, err));
    for (int64_t i = 0; i < list->n; i++) {
        MrVector *col = list->vec;
        MR_TRY(mr_row_store(&col, 1, i, out, err));
    }
    return MR_OK;
}

MrStatus mr__list_load(MrValueList *list, const MrType *type, MrArena *arena, MrReader *reader,
                       MrError *err)
{
    int64_t n = 0;
    if (!mr_reader_count(reader, 1, &n))
        return mr__fail_state(err);
    MrVector *one = mr_vector_create(arena, type, 1);
    for (int64_t i = 0; i < n; i++) {
        one->validity = NULL;
        MR_TRY(mr_row_load(reader, arena, &one, 1, 0, err));
        mr__list_push(list, type, arena, one, 0);
    }
    return MR_OK;
}

void mr__list_to_array(const MrValueList *list, MrArena *arena, MrVector *out, int64_t row)
{
    mr_vector_list_reserve(arena, out, list->n);
    MrVector *child = out->children[0];
    int64_t at = child->n_items;
    child->n_items = (int32_t)(at + list->n);
    for (int64_t i = 0; i < list->n; i++) {
        mr_poll_item(i);
        if (mr_vector_is_null(list->vec, i))
            mr_vector_set_null(arena, child, at + i, at + list->n);
        else
            mr_vector_copy_row(arena, list->vec, i, child, at + i);
    }
    out->list[row] = (MrSlice){(int32_t)at, (int32_t)list->n};
}
