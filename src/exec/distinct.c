/* distinct.c - rows seen so far: the UNION of a recursion. */
#include "exec/exec_int.h"
#include "exec/groups.h"

struct MrDistinct {
    MrBudget *budget;
    MrArena arena;
    MrGroupLayout layout;
    MrGroups groups;
    uint64_t hash[MR_BATCH_ROWS];
    char *rows[MR_BATCH_ROWS];
    uint16_t fresh[MR_BATCH_ROWS];
};

MrStatus mr__distinct_create(const MrOpContext *context, const MrSchema *schema, MrDistinct **out,
                             MrError *err)
{
    void *block = NULL;
    MR_TRY(mr_budget_alloc_zeroed(context->budget, (int64_t)sizeof(MrDistinct), &block, err));
    MrDistinct *distinct = *out = block; /* the caller's from here on: a refusal may jump */
    distinct->budget = context->budget;
    mr_arena_init(&distinct->arena, context->budget);
    const MrType **types = MR_NEW_N(&distinct->arena, const MrType *, schema->n_cols + 1);
    for (int32_t c = 0; c < schema->n_cols; c++)
        types[c] = schema->cols[c].type;
    mr__group_layout_init(&distinct->layout, &distinct->arena, types, schema->n_cols, 0);
    mr__groups_init(&distinct->groups, &distinct->layout, context->budget);
    return MR_OK;
}

MrStatus mr__distinct_filter(MrDistinct *distinct, MrBatchList *list, MrError *err)
{
    for (int64_t b = 0; b < list->n_items; b++) {
        MrBatch *batch = list->items[b]->batch;
        int32_t n_fresh = 0, n_cols = distinct->layout.rows.n_cols;
        MR_TRY(mr_poll_status(err));
        mr__hash_columns(batch->cols, n_cols, batch->sel, batch->n_sel, distinct->hash);
        MR_TRY(mr__groups_find(&distinct->groups, batch->cols, batch->sel, batch->n_sel,
                               distinct->hash, distinct->rows, distinct->fresh, &n_fresh, err));
        uint16_t *sel = mr_arena_alloc(&batch->arena, (n_fresh + 1) * (int64_t)sizeof *sel);
        bool *is_fresh = mr_arena_zeroed(&batch->arena, batch->n_sel + 1);
        int32_t n = 0;
        for (int32_t f = 0; f < n_fresh; f++)
            is_fresh[distinct->fresh[f]] = true;
        for (int32_t i = 0; i < batch->n_sel; i++)
            if (is_fresh[i])
                sel[n++] = (uint16_t)mr_batch_row(batch, i);
        batch->sel = sel;
        batch->n_sel = n;
    }
    return MR_OK;
}

void mr__distinct_destroy(MrDistinct *distinct)
{
    if (!distinct)
        return;
    MrBudget *budget = distinct->budget;
    mr__groups_deinit(&distinct->groups);
    mr_arena_deinit(&distinct->arena);
    mr_budget_free(budget, distinct, (int64_t)sizeof *distinct);
}
