/* row_heap.h - packed rows that are kept: what sorts, joins and windows hold.  Rows never move. */
#ifndef MR_EXEC_ROW_HEAP_H
#define MR_EXEC_ROW_HEAP_H

#include "column/row.h"

typedef struct MrRowHeap {
    const MrRowLayout *layout;
    MrArena arena; /* rows, and the bytes of their strings */
    char **blocks;
    int64_t n_blocks, cap_blocks, n_rows;
    int32_t rows_per_block;
} MrRowHeap;

static inline void mr__row_heap_init(MrRowHeap *heap, const MrRowLayout *layout, MrBudget *budget)
{
    *heap = (MrRowHeap){.layout = layout, .rows_per_block = 1};
    while (heap->rows_per_block < 4096 && heap->rows_per_block * (int64_t)layout->row_bytes < 65536)
        heap->rows_per_block *= 2;
    mr_arena_init(&heap->arena, budget);
}
static inline void mr__row_heap_deinit(MrRowHeap *heap)
{
    if (heap->layout)
        mr_arena_deinit(&heap->arena);
    heap->layout = NULL;
}
static inline char *mr__row_heap_row(const MrRowHeap *heap, int64_t i)
{
    return heap->blocks[i / heap->rows_per_block] +
           (i & (heap->rows_per_block - 1)) * (int64_t)heap->layout->row_bytes;
}
/* Appends rows and says where they are. */
static inline void mr__row_heap_append(MrRowHeap *heap, MrVector *const *cols, const uint16_t *sel,
                                       int32_t n, char **rows)
{
    for (int32_t i = 0; i < n; i++) {
        if (heap->n_rows == heap->n_blocks * heap->rows_per_block) {
            char *block = mr_arena_alloc(&heap->arena,
                                         heap->rows_per_block * (int64_t)heap->layout->row_bytes);
            MR_PUSH(&heap->arena, heap->blocks, heap->n_blocks, heap->cap_blocks, block);
        }
        rows[i] = mr__row_heap_row(heap, heap->n_rows++);
    }
    mr_rows_scatter(heap->layout, cols, sel, n, (void *const *)rows, &heap->arena);
}

#endif
