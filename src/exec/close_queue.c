/* close_queue.c - see close_queue.h. */
#include "exec/close_queue.h"

static bool is_before(const MrClosing *a, const MrClosing *b)
{
    return a->close_us != b->close_us ? a->close_us < b->close_us : a->number < b->number;
}

void mr__close_queue_put(MrCloseQueue *queue, MrArena *arena, int64_t close_us, char *row)
{
    MrClosing item = {close_us, queue->next_number++, row};
    MR_PUSH(arena, queue->items, queue->n_items, queue->cap_items, item);
    int64_t at = queue->n_items - 1;
    for (int64_t up = (at - 1) / 2; at > 0 && is_before(&item, &queue->items[up]);
         up = (at - 1) / 2) {
        queue->items[at] = queue->items[up];
        at = up;
    }
    queue->items[at] = item;
}

char *mr__close_queue_take(MrCloseQueue *queue, int64_t watermark_us)
{
    MrClosing *items = queue->items;
    if (queue->n_items == 0 || items[0].close_us > watermark_us)
        return NULL;
    char *row = items[0].row;
    int64_t n = --queue->n_items, at = 0;
    MrClosing last = items[n];
    for (int64_t down = 1; down < n; down = 2 * at + 1) {
        down += down + 1 < n && is_before(&items[down + 1], &items[down]);
        if (!is_before(&items[down], &last))
            break;
        items[at] = items[down];
        at = down;
    }
    items[at] = last;
    return row;
}
