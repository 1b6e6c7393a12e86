/* arena.h - memory that goes all at once, and the one place where a refusal jumps.
 *
 * mr_arena_alloc never returns NULL.  When the budget refuses, it fills the MrError of the
 * innermost guard of this thread and jumps there (as PostgreSQL's palloc does).  So parsers,
 * binders, rules and kernels need no check for each of their many small pieces.  The price is one
 * rule: between a guard and an arena call, a frame may own things outside arenas only through a
 * struct that the guard's frame closes (an operator, a reader, a query), never through a local
 * variable alone.  Where a refusal must be survived (hash tables that spill), use mr_arena_try or
 * the budget itself.
 *
 *     MR_GUARD_BEGIN(status, err)              // status is MR_OK inside the guard
 *     status = bind_query(binder, err);        // no return, goto or break out of the guard
 *     MR_GUARD_END(status)
 *     // after it: status is what bind_query said, or MR_NO_MEMORY */
#ifndef MR_BASE_ARENA_H
#define MR_BASE_ARENA_H

#include "base/budget.h"
#include "base/text.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

typedef struct MrArenaChunk MrArenaChunk;

typedef struct MrArena {
    MrBudget *budget;
    MrArenaChunk *chunks; /* newest first                               */
    char *next, *end;     /* free part of the newest chunk              */
    int64_t chunk_bytes;  /* size of the next chunk; grows up to 1 MiB, of big arenas 2 MiB */
    int64_t used_bytes;   /* of all chunks                              */
} MrArena;

/* Allocates nothing. */
void mr_arena_init(MrArena *arena, MrBudget *budget);
/* Gives back everything; the arena may be used again. */
void mr_arena_deinit(MrArena *arena);
/* Forgets the contents and keeps one chunk (the largest, up to 1 MiB) for reuse. */
void mr_arena_reset(MrArena *arena);

void *mr_arena_alloc_slow(MrArena *arena, int64_t size_bytes);
/* As mr_arena_alloc, but a refusal returns NULL and fills *err. */
void *mr_arena_try(MrArena *arena, int64_t size_bytes, MrError *err);

/* Aligned to 16 bytes; not zeroed; never NULL. */
static inline void *mr_arena_alloc(MrArena *arena, int64_t size_bytes)
{
    int64_t rounded = (size_bytes + 15) & ~(int64_t)15;
    if (__builtin_expect(size_bytes >= 0 && rounded <= arena->end - arena->next, 1)) {
        char *block = arena->next;
        arena->next += rounded;
        return block;
    }
    return mr_arena_alloc_slow(arena, size_bytes);
}

/* Zeroes any number of bytes; polls (below) in between. */
void *mr_zero_long(void *data, int64_t size_bytes);

static inline void *mr_arena_zeroed(MrArena *arena, int64_t size_bytes)
{
    void *block = mr_arena_alloc(arena, size_bytes); /* jumps when size_bytes < 0 */
    if (__builtin_expect(size_bytes > 32 << 20, 0))
        return mr_zero_long(block, size_bytes);
    return size_bytes > 0 ? memset(block, 0, (size_t)size_bytes) : block;
}

#define MR_NEW(arena, type) ((type *)mr_arena_zeroed(arena, (int64_t)sizeof(type)))
#define MR_NEW_N(arena, type, n)                                                                   \
    ((type *)mr_arena_zeroed(arena, (int64_t)sizeof(type) * (int64_t)(n)))

/* Copies into the arena; the results of the first four end in NUL. */
char *mr_arena_str(MrArena *arena, const char *text);
char *mr_arena_strn(MrArena *arena, const char *data, int64_t size_bytes);
char *mr_arena_lower(MrArena *arena, MrText text); /* ASCII letters made small */
char *mr_arena_printf(MrArena *arena, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
MrText mr_text_own(MrArena *arena, MrText text);

/* A growing array in an arena: MR_PUSH(arena, list, n, cap, value).  Old copies stay in the arena.
 */
void *mr_arena_grow(MrArena *arena, void *items, int64_t n_items, int64_t *cap_items,
                    int64_t item_bytes);
#define MR_PUSH(arena, items, n_items, cap_items, value)                                           \
    do {                                                                                           \
        if ((n_items) == (cap_items)) {                                                            \
            int64_t mr_push_cap = (cap_items);                                                     \
            (items) =                                                                              \
                mr_arena_grow(arena, items, n_items, &mr_push_cap, (int64_t)sizeof *(items));      \
            (cap_items) = (__typeof__(cap_items))mr_push_cap;                                      \
        }                                                                                          \
        (items)[(n_items)++] = (value);                                                            \
    } while (0)

/* Text that grows in an arena.  A long one polls (below) as it grows. */
typedef struct MrTextBuilder {
    MrArena *arena;
    char *data;
    int64_t size_bytes;
    int64_t cap_bytes;  /* up to where it grows without a thought: at most room_bytes */
    int64_t room_bytes; /* of data */
} MrTextBuilder;

void mr_builder_put(MrTextBuilder *builder, const char *data, int64_t size_bytes);
void mr_builder_str(MrTextBuilder *builder, const char *text);
void mr_builder_char(MrTextBuilder *builder, char c);
void mr_builder_name(MrTextBuilder *builder, const char *name); /* as mr_quote_name */
void mr_builder_printf(MrTextBuilder *builder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The text so far, ended by NUL (which is not counted). */
MrText mr_builder_text(MrTextBuilder *builder);

/* A name between backquotes, those inside doubled: `a``b`; the parts of a name: `a`.`b`. */
const char *mr_quote_name(MrArena *arena, const char *name);
const char *mr_quote_names(MrArena *arena, const char *const *parts, int32_t n_parts);

typedef struct MrGuard MrGuard;
struct MrGuard {
    jmp_buf place;
    MrError *err;
    MrGuard *outer;
    const _Atomic bool *canceled; /* the query's; NULL: what runs here cannot be stopped */
};
/* The innermost guard of this thread.  Only MR_GUARD_BEGIN and MR_GUARD_END touch it. */
extern _Thread_local MrGuard *mr_guard_top;

/* To the innermost guard, whose err says why. */
_Noreturn void mr_guard_jump(void);
/* Why there was a jump to it: MR_NO_MEMORY or, below, MR_CANCELED. */
static inline MrStatus mr_guard_status(const MrGuard *guard)
{
    return guard->err->status;
}

#define MR_GUARD_BEGIN(status, error)                                                              \
    {                                                                                              \
        MrGuard mr_guard = {.err = (error),                                                        \
                            .outer = mr_guard_top,                                                 \
                            .canceled = mr_guard_top ? mr_guard_top->canceled : NULL};             \
        mr_guard_top = &mr_guard;                                                                  \
        if (setjmp(mr_guard.place) != 0) {                                                         \
            (status) = mr_guard_status(&mr_guard);                                                 \
        } else {                                                                                   \
            (status) = MR_OK;
#define MR_GUARD_END(status)                                                                       \
    }                                                                                              \
    mr_guard_top = mr_guard.outer;                                                                 \
    }

/* Stopping a query in the middle of one value.  Between batches the runner looks whether the query
 * was canceled; what works long on a single value or row asks by itself:
 *
 *     mr_guard_watch(flag)   // in a guard: it, and the guards inside, watch the flag from here on;
 *                            // NULL: what comes now must not be stopped halfway
 *     mr_poll()              // jumps to the innermost guard when the flag is set, as a refusal
 *                            // does: status is MR_CANCELED, the error OPERATION_CANCELED
 *
 * So the rule for arenas holds for polls, too.  A poll costs a load or two: every MR_POLL_BYTES of
 * input or output, or every MR_POLL_ITEMS elements, is often enough; not every byte.  Arenas that
 * hold much poll at each new chunk, long texts in builders as they grow. */
#define MR_POLL_BYTES (64 << 10)
#define MR_POLL_ITEMS 4096

static inline void mr_guard_watch(const _Atomic bool *flag)
{
    if (mr_guard_top)
        mr_guard_top->canceled = flag;
}

_Noreturn void mr_poll_jump(void);
/* The same for who holds what a jump would lose: OPERATION_CANCELED when the flag is set. */
MR_MUST_USE MrStatus mr_poll_status(MrError *err);

static inline void mr_poll(void)
{
    const MrGuard *guard = mr_guard_top;
    if (guard && guard->canceled && atomic_load_explicit(guard->canceled, memory_order_relaxed))
        mr_poll_jump();
}
/* Before work on a value of so many bytes: small ones need no poll. */
static inline void mr_poll_bytes(int64_t size_bytes)
{
    if (__builtin_expect(size_bytes >= MR_POLL_BYTES, 0))
        mr_poll();
}
/* In a loop over elements, of which this is the i-th. */
static inline void mr_poll_item(int64_t i)
{
    if (__builtin_expect((i & (MR_POLL_ITEMS - 1)) == MR_POLL_ITEMS - 1, 0))
        mr_poll();
}
/* The same over UTF-8: at is a place in bytes, which rises or falls by at most 4. */
static inline void mr_poll_char(int64_t at)
{
    mr_poll_item(at >> 2);
}
/* End of the piece that begins at from: long values are worked on in pieces, with polls between. */
static inline int64_t mr_poll_piece(int64_t from, int64_t size_bytes)
{
    mr_poll_bytes(size_bytes);
    return size_bytes - from > MR_POLL_BYTES ? from + MR_POLL_BYTES : size_bytes;
}

/* memcpy and memset that poll in between when they are long. */
#define MR_COPY_BYTES (32 << 20) /* in one go: some 10 ms, and libc goes past the caches */
MR_MUST_USE MrStatus mr_zero_status(void *data, int64_t size_bytes, MrError *err);
MR_MUST_USE MrStatus mr_copy_status(void *to, const void *from, int64_t size_bytes, MrError *err);
void mr_copy_long(void *to, const void *from, int64_t size_bytes);
static inline void mr_copy(void *to, const void *from, int64_t size_bytes)
{
    if (__builtin_expect(size_bytes > MR_COPY_BYTES, 0))
        mr_copy_long(to, from, size_bytes);
    else if (size_bytes > 0)
        memcpy(to, from, (size_t)size_bytes);
}

#endif
