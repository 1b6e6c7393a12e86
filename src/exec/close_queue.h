/* close_queue.h - groups of a stream in the order in which the watermark closes them: a heap, so
 * that an epoch looks at those that close and at no other.
 *
 * Groups that close at one time come in the order in which they were put in.  A group that was
 * removed meanwhile comes, too: its row must live as long as the queue. */
#ifndef MR_EXEC_CLOSE_QUEUE_H
#define MR_EXEC_CLOSE_QUEUE_H

#include "base/arena.h"

typedef struct MrClosing {
    int64_t close_us, number;
    char *row;
} MrClosing;

typedef struct MrCloseQueue { /* zeroed is empty */
    MrClosing *items;
    int64_t n_items, cap_items, next_number;
} MrCloseQueue;

/* The arena lives as long as the queue. */
void mr__close_queue_put(MrCloseQueue *queue, MrArena *arena, int64_t close_us, char *row);
/* The next row that is closed by the watermark, or NULL. */
char *mr__close_queue_take(MrCloseQueue *queue, int64_t watermark_us);

#endif
