/* arena.c - chunks from a budget, newest first; a refusal jumps to the innermost guard. */
#include "base/arena.h"
#include <stdio.h>

#define CHUNK_FIRST_BYTES 4096
#define CHUNK_MAX_BYTES (1 << 20)
#define CHUNK_HUGE_BYTES (2 << 20) /* of arenas that hold BIG_BYTES: a huge page each */
#define BIG_BYTES (8 << 20)

/* Under AddressSanitizer every block is a chunk of its own, so that it sees reads past a block's
 * end and after the arena is gone. */
#if defined(__SANITIZE_ADDRESS__)
#define ONE_BLOCK_A_CHUNK true
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ONE_BLOCK_A_CHUNK true
#endif
#endif
#ifndef ONE_BLOCK_A_CHUNK
#define ONE_BLOCK_A_CHUNK false
#endif

struct MrArenaChunk {
    _Alignas(64) MrArenaChunk *older;
    int64_t size_bytes; /* with this header */
};
#define CHUNK_HEAD_BYTES ((int64_t)sizeof(MrArenaChunk))

_Thread_local MrGuard *mr_guard_top;

/* Where blocks of no bytes lie while there is no chunk: no block is ever NULL. */
static _Alignas(64) char no_bytes[64];

void mr_arena_init(MrArena *arena, MrBudget *budget)
{
    *arena = (MrArena){
        .budget = budget, .next = no_bytes, .end = no_bytes, .chunk_bytes = CHUNK_FIRST_BYTES};
}

static void chunks_free(MrArena *arena, MrArenaChunk *chunk)
{
    while (chunk != NULL) {
        MrArenaChunk *older = chunk->older;
        mr_budget_free(arena->budget, chunk, chunk->size_bytes);
        chunk = older;
    }
}

void mr_arena_deinit(MrArena *arena)
{
    chunks_free(arena, arena->chunks);
    mr_arena_init(arena, arena->budget);
}

void mr_arena_reset(MrArena *arena)
{
    MrArenaChunk *kept = NULL, **link = NULL;
    for (MrArenaChunk **at = &arena->chunks; *at != NULL && !ONE_BLOCK_A_CHUNK;
         at = &(*at)->older) {
        if ((*at)->size_bytes <= CHUNK_MAX_BYTES &&
            (kept == NULL || (*at)->size_bytes > kept->size_bytes)) {
            kept = *at;
            link = at;
        }
    }
    if (kept != NULL)
        *link = kept->older;
    chunks_free(arena, arena->chunks);
    arena->chunks = kept;
    arena->next = arena->end = no_bytes;
    arena->used_bytes = 0;
    if (arena->chunk_bytes > CHUNK_MAX_BYTES)
        arena->chunk_bytes = CHUNK_MAX_BYTES;
    if (kept != NULL) {
        kept->older = NULL;
        arena->next = (char *)kept + CHUNK_HEAD_BYTES;
        arena->end = (char *)kept + kept->size_bytes;
        arena->used_bytes = kept->size_bytes;
    }
}

/* A new chunk that holds size_bytes, and the block at its start; NULL when the budget refuses. */
static void *chunk_add(MrArena *arena, int64_t size_bytes, MrError *err)
{
    int64_t rounded = (size_bytes + 15) & ~(int64_t)15;
    bool alone = ONE_BLOCK_A_CHUNK || rounded > arena->chunk_bytes / 4;
    int64_t chunk_bytes =
        alone ? CHUNK_HEAD_BYTES + (ONE_BLOCK_A_CHUNK ? size_bytes : rounded) : arena->chunk_bytes;
    void *block = NULL;
    if (mr_budget_alloc(arena->budget, chunk_bytes, &block, err) != MR_OK)
        return NULL;
    MrArenaChunk *chunk = block;
    chunk->size_bytes = chunk_bytes;
    arena->used_bytes += chunk_bytes;
    if (arena->chunk_bytes < CHUNK_MAX_BYTES)
        arena->chunk_bytes *= 2;
    else if (arena->used_bytes >= BIG_BYTES)
        arena->chunk_bytes = CHUNK_HUGE_BYTES;
    char *data = (char *)chunk + CHUNK_HEAD_BYTES;
    if (alone && arena->chunks != NULL) { /* the newest chunk may still have room */
        chunk->older = arena->chunks->older;
        arena->chunks->older = chunk;
        return data;
    }
    chunk->older = arena->chunks;
    arena->chunks = chunk;
    if (!alone) {
        arena->next = data + rounded;
        arena->end = (char *)chunk + chunk_bytes;
    }
    return data;
}

void *mr_arena_try(MrArena *arena, int64_t size_bytes, MrError *err)
{
    int64_t rounded = (size_bytes + 15) & ~(int64_t)15;
    if (size_bytes >= 0 && size_bytes < INT64_MAX / 2 && rounded <= arena->end - arena->next) {
        char *block = arena->next;
        arena->next += rounded;
        return block;
    }
    if (size_bytes < 0 || size_bytes >= INT64_MAX / 2) {
        MrStatus refused = mr_budget_charge(arena->budget, -1, err);
        (void)refused;
        return NULL;
    }
    return chunk_add(arena, size_bytes, err);
}

void *mr_arena_alloc_slow(MrArena *arena, int64_t size_bytes)
{
    MrGuard *guard = mr_guard_top;
    MrError unguarded;
    if (arena->used_bytes >= BIG_BYTES)
        mr_poll();
    void *block = mr_arena_try(arena, size_bytes, guard != NULL ? guard->err : &unguarded);
    if (block != NULL)
        return block;
    MR_ASSERT(guard != NULL); /* an arena that can be refused is used inside a guard */
    mr_guard_jump();
}

void mr_guard_jump(void)
{
    longjmp(mr_guard_top->place, 1);
}

void mr_poll_jump(void)
{
    MrStatus canceled = MR_FAIL(mr_guard_top->err, MR_COND_OPERATION_CANCELED);
    (void)canceled;
    mr_guard_jump();
}

MrStatus mr_poll_status(MrError *err)
{
    const MrGuard *guard = mr_guard_top;
    if (guard && guard->canceled && atomic_load_explicit(guard->canceled, memory_order_relaxed))
        return MR_FAIL(err, MR_COND_OPERATION_CANCELED);
    return MR_OK;
}

MrStatus mr_zero_status(void *data, int64_t size_bytes, MrError *err)
{
    for (int64_t at = 0; at < size_bytes; at += MR_COPY_BYTES) {
        int64_t left = size_bytes - at;
        if (size_bytes > MR_COPY_BYTES)
            MR_TRY(mr_poll_status(err));
        memset((char *)data + at, 0, (size_t)(left < MR_COPY_BYTES ? left : MR_COPY_BYTES));
    }
    return MR_OK;
}

void *mr_zero_long(void *data, int64_t size_bytes)
{
    MrError unguarded; /* without a guard nothing is canceled */
    if (mr_zero_status(data, size_bytes, mr_guard_top ? mr_guard_top->err : &unguarded) != MR_OK)
        mr_guard_jump();
    return data;
}

MrStatus mr_copy_status(void *to, const void *from, int64_t size_bytes, MrError *err)
{
    for (int64_t at = 0; at < size_bytes; at += MR_COPY_BYTES) {
        int64_t left = size_bytes - at;
        if (size_bytes > MR_COPY_BYTES)
            MR_TRY(mr_poll_status(err));
        memcpy((char *)to + at, (const char *)from + at,
               (size_t)(left < MR_COPY_BYTES ? left : MR_COPY_BYTES));
    }
    return MR_OK;
}

void mr_copy_long(void *to, const void *from, int64_t size_bytes)
{
    MrError unguarded; /* without a guard nothing is canceled */
    if (mr_copy_status(to, from, size_bytes, mr_guard_top ? mr_guard_top->err : &unguarded) !=
        MR_OK)
        mr_guard_jump();
}

char *mr_arena_strn(MrArena *arena, const char *data, int64_t size_bytes)
{
    char *copy = mr_arena_alloc(arena, size_bytes + 1);
    mr_copy(copy, data, size_bytes);
    copy[size_bytes] = '\0';
    return copy;
}

char *mr_arena_str(MrArena *arena, const char *text)
{
    return mr_arena_strn(arena, text, (int64_t)strlen(text));
}

char *mr_arena_lower(MrArena *arena, MrText text)
{
    char *copy = mr_arena_strn(arena, text.data, text.size_bytes);
    for (int64_t i = 0; i < text.size_bytes; i++)
        if (copy[i] >= 'A' && copy[i] <= 'Z')
            copy[i] = (char)(copy[i] + 32);
    return copy;
}

char *mr_arena_printf(MrArena *arena, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    MR_ASSERT(size >= 0);
    char *text = mr_arena_alloc(arena, (int64_t)size + 1);
    vsnprintf(text, (size_t)size + 1, format, again);
    va_end(again);
    return text;
}

MrText mr_text_own(MrArena *arena, MrText text)
{
    return (MrText){mr_arena_strn(arena, text.data, text.size_bytes), text.size_bytes};
}

void *mr_arena_grow(MrArena *arena, void *items, int64_t n_items, int64_t *cap_items,
                    int64_t item_bytes)
{
    int64_t cap = *cap_items < 4 ? 8 : *cap_items * 2;
    int64_t size_bytes;
    if (__builtin_mul_overflow(cap, item_bytes, &size_bytes))
        size_bytes = INT64_MAX;
    void *moved = mr_arena_alloc(arena, size_bytes);
    mr_copy(moved, items, n_items * item_bytes);
    *cap_items = cap;
    return moved;
}

/* Long texts stop here every MR_POLL_BYTES, whether there is room or not. */
static void builder_reserve(MrTextBuilder *builder, int64_t more_bytes)
{
    int64_t needed = builder->size_bytes + more_bytes;
    if (needed <= builder->cap_bytes)
        return;
    mr_poll_bytes(needed);
    if (needed > builder->room_bytes) {
        int64_t room = builder->room_bytes < 32 ? 64 : builder->room_bytes * 2;
        room = room < needed ? needed : room;
        char *moved = mr_arena_alloc(builder->arena, room);
        mr_copy(moved, builder->data, builder->size_bytes);
        builder->data = moved;
        builder->room_bytes = room;
    }
    bool is_far = builder->room_bytes - needed > MR_POLL_BYTES;
    builder->cap_bytes = is_far ? needed + MR_POLL_BYTES : builder->room_bytes;
}

void mr_builder_put(MrTextBuilder *builder, const char *data, int64_t size_bytes)
{
    if (size_bytes <= 0)
        return;
    builder_reserve(builder, size_bytes);
    mr_copy(builder->data + builder->size_bytes, data, size_bytes);
    builder->size_bytes += size_bytes;
}

void mr_builder_str(MrTextBuilder *builder, const char *text)
{
    mr_builder_put(builder, text, (int64_t)strlen(text));
}

void mr_builder_char(MrTextBuilder *builder, char c)
{
    mr_builder_put(builder, &c, 1);
}

void mr_builder_name(MrTextBuilder *builder, const char *name)
{
    mr_builder_char(builder, '`');
    for (const char *c = name; *c != '\0'; c++) {
        if (*c == '`')
            mr_builder_char(builder, '`');
        mr_builder_char(builder, *c);
    }
    mr_builder_char(builder, '`');
}

void mr_builder_printf(MrTextBuilder *builder, const char *format, ...)
{
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int size = vsnprintf(NULL, 0, format, args);
    va_end(args);
    MR_ASSERT(size >= 0);
    builder_reserve(builder, (int64_t)size + 1);
    vsnprintf(builder->data + builder->size_bytes, (size_t)size + 1, format, again);
    va_end(again);
    builder->size_bytes += size;
}

MrText mr_builder_text(MrTextBuilder *builder)
{
    builder_reserve(builder, 1);
    builder->data[builder->size_bytes] = '\0';
    return (MrText){builder->data, builder->size_bytes};
}

const char *mr_quote_name(MrArena *arena, const char *name)
{
    return mr_quote_names(arena, &name, 1);
}

const char *mr_quote_names(MrArena *arena, const char *const *parts, int32_t n_parts)
{
    MrTextBuilder out = {.arena = arena};
    for (int32_t i = 0; i < n_parts; i++) {
        if (i > 0)
            mr_builder_char(&out, '.');
        mr_builder_name(&out, parts[i]);
    }
    return mr_builder_text(&out).data;
}
