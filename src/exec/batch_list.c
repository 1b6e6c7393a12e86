/* batch_list.c - see batch_list.h. */
#include "exec/batch_list.h"

static void held_destroy(MrShared *shared)
{
    MrHeldBatch *held = (MrHeldBatch *)shared;
    mr_batch_destroy(held->batch);
    mr_budget_free(held->budget, held, (int64_t)sizeof *held);
}

MrStatus mr_held_create(MrBudget *budget, MrBatch *batch, MrHeldBatch **out, MrError *err)
{
    void *block = NULL;
    MrStatus status = mr_budget_alloc_zeroed(budget, (int64_t)sizeof(MrHeldBatch), &block, err);
    if (status != MR_OK) {
        mr_batch_destroy(batch);
        return status;
    }
    MrHeldBatch *held = block;
    atomic_store_explicit(&held->base.n_refs, 1, memory_order_relaxed);
    held->base.destroy = held_destroy;
    held->budget = budget;
    held->batch = batch;
    *out = held;
    return MR_OK;
}

MrStatus mr_held_view(MrHeldBatch *held, MrBudget *budget, MrBatch **out, MrError *err)
{
    const MrBatch *from = held->batch;
    MrBatch *batch = NULL;
    MrStatus status = mr_batch_create(budget, &batch, err);
    if (status != MR_OK)
        return status;
    /* A refusal jumps over this frame; the batch would be lost, so it has a guard of its own. */
    MR_GUARD_BEGIN(status, err)
        mr_batch_retain(batch, &held->base);
        mr_batch_set_cols(batch, from->n_cols);
        for (int32_t c = 0; c < from->n_cols; c++)
            batch->cols[c] = from->cols[c];
        batch->n_rows = from->n_rows;
        batch->n_sel = from->n_sel;
        if (from->sel) {
            batch->sel =
                mr_arena_alloc(&batch->arena, (int64_t)sizeof(uint16_t) * (from->n_rows + 1));
            memcpy(batch->sel, from->sel, sizeof(uint16_t) * (size_t)from->n_sel);
        }
        if (from->weights) {
            batch->weights =
                mr_arena_alloc(&batch->arena, (int64_t)sizeof(int64_t) * (from->n_rows + 1));
            memcpy(batch->weights, from->weights, sizeof(int64_t) * (size_t)from->n_rows);
        }
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_batch_destroy(batch);
        return status;
    }
    *out = batch;
    return MR_OK;
}

void mr_batch_list_init(MrBatchList *list, MrBudget *budget)
{
    *list = (MrBatchList){.budget = budget};
}

void mr_batch_list_clear(MrBatchList *list)
{
    for (int64_t i = 0; i < list->n_items; i++)
        mr_shared_release(list->items[i] ? &list->items[i]->base : NULL);
    list->n_items = 0;
}

void mr_batch_list_deinit(MrBatchList *list)
{
    mr_batch_list_clear(list);
    if (list->budget)
        mr_budget_free(list->budget, list->items, list->cap_bytes);
    list->items = NULL;
    list->cap_bytes = 0;
}

static MrStatus list_reserve(MrBatchList *list, int64_t n_more, MrError *err)
{
    int64_t need_bytes = (list->n_items + n_more) * (int64_t)sizeof *list->items;
    if (need_bytes <= list->cap_bytes)
        return MR_OK;
    int64_t new_bytes = list->cap_bytes * 2 > need_bytes ? list->cap_bytes * 2 : need_bytes;
    if (new_bytes < 256)
        new_bytes = 256;
    void *items = list->items;
    MR_TRY(mr_budget_resize(list->budget, &items, &list->cap_bytes, new_bytes, err));
    list->items = items;
    return MR_OK;
}

MrStatus mr_batch_list_add(MrBatchList *list, MrBatch *batch, MrError *err)
{
    MrHeldBatch *held = NULL;
    MrStatus status = list_reserve(list, 1, err);
    if (status != MR_OK) {
        mr_batch_destroy(batch);
        return status;
    }
    MR_TRY(mr_held_create(list->budget, batch, &held, err));
    list->items[list->n_items++] = held;
    return MR_OK;
}

MrStatus mr_batch_list_move(MrBatchList *to, MrBatchList *from, MrError *err)
{
    MR_TRY(list_reserve(to, from->n_items, err));
    for (int64_t i = 0; i < from->n_items; i++)
        to->items[to->n_items++] = from->items[i];
    from->n_items = 0;
    return MR_OK;
}

MrBatch *mr_batch_list_take(MrBatchList *list, int64_t i)
{
    MrHeldBatch *held = list->items[i];
    MrBatch *batch = held->batch;
    MR_ASSERT(atomic_load(&held->base.n_refs) == 1);
    held->batch = NULL;
    list->items[i] = NULL;
    mr_shared_release(&held->base);
    return batch;
}

int64_t mr_batch_list_rows(const MrBatchList *list)
{
    int64_t n_rows = 0;
    for (int64_t i = 0; i < list->n_items; i++)
        n_rows += list->items[i]->batch->n_sel;
    return n_rows;
}
