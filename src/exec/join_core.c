/* join_core.c - see join_core.h. */
#include "exec/join_core.h"

void mr__join_table_init(MrJoinTable *table, MrArena *arena, MrBudget *budget,
                         const MrType *const *types, int32_t n_keys, int32_t n_cols)
{
    *table = (MrJoinTable){.budget = budget};
    mr_row_layout_init(&table->layout, arena, types, n_cols, (int32_t)sizeof(MrJoinRow));
    table->tail_at = table->layout.row_bytes - (int32_t)sizeof(MrJoinRow);
    table->keys = table->layout;
    table->keys.n_cols = n_keys;
}

void mr__join_table_deinit(MrJoinTable *table)
{
    if (table->budget)
        mr_budget_free(table->budget, table->buckets,
                       table->n_buckets * (int64_t)sizeof *table->buckets);
    table->buckets = NULL;
    table->n_buckets = 0;
}

MrStatus mr__join_table_size(MrJoinTable *table, int64_t n_rows, MrError *err)
{
    int64_t n_buckets = 64;
    void *block = NULL;
    while (n_buckets < 2 * n_rows)
        n_buckets *= 2;
    mr__join_table_deinit(table);
    MR_TRY(
        mr_budget_alloc_zeroed(table->budget, n_buckets * (int64_t)sizeof(uint64_t), &block, err));
    table->buckets = block;
    table->n_buckets = n_buckets;
    return MR_OK;
}

void mr__join_table_insert(MrJoinTable *table, const MrRowHeap *heap, int64_t from, int64_t to)
{
    uint64_t mask = (uint64_t)(table->n_buckets - 1);
    for (int64_t r = from; r < to; r++) {
        char *row = mr__row_heap_row(heap, r);
        MrJoinRow *tail = mr__join_row(table, row);
        mr_poll_item(r);
        if (r + 8 < to) {
            MrJoinRow *ahead = mr__join_row(table, mr__row_heap_row(heap, r + 8));
            __builtin_prefetch(&table->buckets[ahead->hash & mask], 1);
        }
        if (tail->flags & MR_JOIN_NO_KEY)
            continue;
        uint64_t *bucket = &table->buckets[tail->hash & mask];
        uint64_t old = __atomic_load_n(bucket, __ATOMIC_RELAXED), fresh;
        do {
            tail->next = (char *)(uintptr_t)(old & MR_JOIN_POINTER);
            fresh = (old & ~MR_JOIN_POINTER) | mr__join_tag(tail->hash) | (uint64_t)(uintptr_t)row;
        } while (!__atomic_compare_exchange_n(bucket, &old, fresh, true, __ATOMIC_RELEASE,
                                              __ATOMIC_RELAXED));
    }
}
