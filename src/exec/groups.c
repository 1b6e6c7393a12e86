/* groups.c - see groups.h. */
#include "exec/groups.h"

#define POINTER_MASK ((UINT64_C(1) << 48) - 1)
#define SALT(hash) ((hash) >> 48)
#define TOMBSTONE UINT64_C(1) /* no row lies at address 1; its salt is 0 */
#define PREFETCH_SLOTS 16384  /* smaller tables are in cache */
#define QUICK_SLOTS 262144    /* smaller tables grow fourfold */
#define LINK_ROWS 64

void mr__group_layout_init(MrGroupLayout *layout, MrArena *arena, const MrType *const *types,
                           int32_t n_keys, int64_t state_bytes)
{
    mr_row_layout_init(&layout->rows, arena, types, n_keys, 0);
    layout->hash_at = layout->rows.row_bytes;
    layout->user_at = layout->hash_at + 8;
    layout->states_at = (layout->hash_at + MR_GROUP_HASH_BYTES + 15) & ~15;
    layout->row_bytes = (int32_t)((layout->states_at + state_bytes + 15) & ~(int64_t)15);
    layout->rows.row_bytes = layout->row_bytes;
}

void mr__groups_init(MrGroups *groups, const MrGroupLayout *layout, MrBudget *budget)
{
    groups->layout = layout;
    groups->budget = budget;
    groups->slots = NULL;
    groups->n_slots = groups->n_used = groups->n_rows = 0;
    groups->is_partial = false;
    groups->blocks = NULL;
    groups->n_blocks = groups->cap_blocks = 0;
    groups->rows_per_block = layout->row_bytes > 32768 ? 1 : 32768 / layout->row_bytes;
    mr_arena_init(&groups->arena, budget);
}

void mr__groups_deinit(MrGroups *groups)
{
    if (groups->budget) {
        mr_budget_free(groups->budget, groups->slots,
                       groups->n_slots * (int64_t)sizeof *groups->slots);
        mr_arena_deinit(&groups->arena);
    }
    groups->slots = NULL;
    groups->n_slots = 0;
}

void mr__groups_forget(MrGroups *groups)
{
    if (groups->n_used > 0)
        memset(groups->slots, 0, (size_t)groups->n_slots * sizeof *groups->slots);
    groups->n_used = 0;
    groups->is_partial = true;
}

void mr__groups_drop_slots(MrGroups *groups)
{
    groups->is_partial = true;
    mr_budget_free(groups->budget, groups->slots, groups->n_slots * (int64_t)sizeof *groups->slots);
    groups->slots = NULL;
    groups->n_slots = groups->n_used = 0;
}

void mr__groups_clear(MrGroups *groups)
{
    if (groups->n_used > 0)
        memset(groups->slots, 0, (size_t)groups->n_slots * sizeof *groups->slots);
    groups->n_used = groups->n_rows = 0;
    groups->is_partial = false;
    groups->blocks = NULL;
    groups->n_blocks = groups->cap_blocks = 0;
    mr_arena_reset(&groups->arena);
}

static void slot_put(uint64_t *slots, uint64_t mask, uint64_t hash, uint64_t slot)
{
    uint64_t at = hash & mask;
    while (slots[at] != 0)
        at = (at + 1) & mask;
    slots[at] = slot;
}

/* Fills new slots with all rows, in the order in which they lie in memory. */
static MrStatus link_rows(const MrGroups *groups, uint64_t *slots, int64_t n_slots, MrError *err)
{
    const MrGroupLayout *layout = groups->layout;
    uint64_t mask = (uint64_t)n_slots - 1, hash[LINK_ROWS];
    for (int64_t b = 0, left = groups->n_rows; left > 0; b++, left -= groups->rows_per_block) {
        char *row = groups->blocks[b];
        int64_t n = left < groups->rows_per_block ? left : groups->rows_per_block;
        MR_TRY(mr_poll_status(err)); /* not a jump: the new slots are in nobody's hands yet */
        for (int64_t from = 0; from < n; from += LINK_ROWS) {
            int32_t n_now = n - from < LINK_ROWS ? (int32_t)(n - from) : LINK_ROWS;
            for (int32_t i = 0; i < n_now; i++) {
                hash[i] = mr__group_hash(layout, row + i * (int64_t)layout->row_bytes);
                __builtin_prefetch(&slots[hash[i] & mask], 1);
            }
            for (int32_t i = 0; i < n_now; i++, row += layout->row_bytes)
                slot_put(slots, mask, hash[i], (SALT(hash[i]) << 48) | (uint64_t)(uintptr_t)row);
        }
    }
    return MR_OK;
}

/* Fills new slots with the rows that the old ones hold. */
static MrStatus move_slots(MrGroups *groups, uint64_t *slots, int64_t n_slots, MrError *err)
{
    uint64_t mask = (uint64_t)n_slots - 1;
    int64_t n_used = 0;
    for (int64_t s = 0; s < groups->n_slots; s++) {
        uint64_t slot = groups->slots[s];
        if ((s & 0xffff) == 0xffff)
            MR_TRY(mr_poll_status(err));
        if (slot == 0 || slot == TOMBSTONE)
            continue;
        const char *row = (const char *)(uintptr_t)(slot & POINTER_MASK);
        slot_put(slots, mask, mr__group_hash(groups->layout, row), slot);
        n_used++;
    }
    groups->n_used = n_used;
    return MR_OK;
}

MrStatus mr__groups_reserve(MrGroups *groups, int64_t n_more, MrError *err)
{
    int64_t want = (groups->n_used + n_more) * 3 / 2;
    if (want < groups->n_slots)
        return MR_OK;
    int64_t n_slots = groups->n_slots > 0 ? groups->n_slots : 1024;
    while (n_slots <= want)
        n_slots *= n_slots < QUICK_SLOTS ? 4 : 2;
    void *block = NULL;
    MR_TRY(
        mr_budget_alloc_zeroed(groups->budget, n_slots * (int64_t)sizeof(uint64_t), &block, err));
    uint64_t *slots = block;
    MrStatus status = groups->is_partial ? move_slots(groups, slots, n_slots, err)
                                         : link_rows(groups, slots, n_slots, err);
    if (status != MR_OK) {
        mr_budget_free(groups->budget, slots, n_slots * (int64_t)sizeof(uint64_t));
        return status;
    }
    mr_budget_free(groups->budget, groups->slots, groups->n_slots * (int64_t)sizeof(uint64_t));
    groups->slots = slots;
    groups->n_slots = n_slots;
    return MR_OK;
}

static char *row_new(MrGroups *groups, uint64_t hash)
{
    const MrGroupLayout *layout = groups->layout;
    if (groups->n_rows == groups->n_blocks * groups->rows_per_block) {
        char *block =
            mr_arena_alloc(&groups->arena, (int64_t)groups->rows_per_block * layout->row_bytes);
        MR_PUSH(&groups->arena, groups->blocks, groups->n_blocks, groups->cap_blocks, block);
    }
    char *row = mr__groups_row(groups, groups->n_rows++);
    memset(row, 0, (size_t)layout->row_bytes);
    memcpy(row + layout->hash_at, &hash, 8);
    return row;
}

static void compare_pending(MrGroups *groups, MrVector *const *keys, const uint16_t *sel,
                            int32_t n_compare, int32_t *n_pending)
{
    mr_rows_match(&groups->layout->rows, keys, groups->compare_sel, n_compare, groups->compare_rows,
                  groups->equal);
    int32_t n = 0;
    for (int32_t c = 0; c < n_compare; c++) {
        if (groups->equal[c])
            continue;
        uint16_t i = groups->compare_of[c];
        groups->place[i] = (groups->place[i] + 1) & (uint32_t)(groups->n_slots - 1);
        groups->pending[n++] = i;
    }
    *n_pending = n;
}

static void probe_begin(MrGroups *groups, const uint64_t *hash, int32_t n)
{
    uint64_t mask = (uint64_t)groups->n_slots - 1;
    for (int32_t i = 0; i < n; i++) {
        groups->pending[i] = (uint16_t)i;
        groups->place[i] = (uint32_t)(hash[i] & mask);
    }
    if (groups->n_slots > PREFETCH_SLOTS)
        for (int32_t i = 0; i < n; i++)
            __builtin_prefetch(&groups->slots[groups->place[i]]);
}

MrStatus mr__groups_find(MrGroups *groups, MrVector *const *keys, const uint16_t *sel, int32_t n,
                         const uint64_t *hash, char **rows, uint16_t *fresh, int32_t *n_fresh,
                         MrError *err)
{
    *n_fresh = 0;
    MR_TRY(mr__groups_reserve(groups, n, err));
    uint32_t mask = (uint32_t)(groups->n_slots - 1);
    uint64_t *slots = groups->slots;
    int32_t n_pending = n;
    probe_begin(groups, hash, n);
    while (n_pending > 0) {
        int32_t n_compare = 0, n_new = 0;
        for (int32_t p = 0; p < n_pending; p++) {
            uint16_t i = groups->pending[p];
            uint32_t at = groups->place[i];
            uint64_t salt = SALT(hash[i]);
            for (;;) {
                uint64_t slot = slots[at];
                if (slot == 0) {
                    char *row = row_new(groups, hash[i]);
                    slots[at] = (salt << 48) | (uint64_t)(uintptr_t)row;
                    groups->n_used++;
                    rows[i] = row;
                    groups->fresh_sel[n_new] = sel ? sel[i] : i;
                    groups->fresh_rows[n_new++] = row;
                    fresh[(*n_fresh)++] = i;
                    break;
                }
                if (SALT(slot) == salt && slot != TOMBSTONE) {
                    char *row = (char *)(uintptr_t)(slot & POINTER_MASK);
                    __builtin_prefetch(row);
                    rows[i] = row;
                    groups->compare_sel[n_compare] = sel ? sel[i] : i;
                    groups->compare_rows[n_compare] = row;
                    groups->compare_of[n_compare++] = i;
                    break;
                }
                at = (at + 1) & mask;
            }
            groups->place[i] = at;
        }
        if (n_new > 0)
            mr_rows_scatter(&groups->layout->rows, keys, groups->fresh_sel, n_new,
                            groups->fresh_rows, &groups->arena);
        n_pending = 0;
        if (n_compare > 0)
            compare_pending(groups, keys, sel, n_compare, &n_pending);
    }
    return MR_OK;
}

void mr__groups_append(MrGroups *groups, MrVector *const *cols, const uint16_t *sel, int32_t n,
                       const uint64_t *hash, char **rows)
{
    groups->is_partial = true;
    for (int32_t i = 0; i < n; i++)
        rows[i] = row_new(groups, hash[i]);
    mr_rows_scatter(&groups->layout->rows, cols, sel, n, (void *const *)rows, &groups->arena);
}

void mr__groups_lookup(MrGroups *groups, MrVector *const *keys, const uint16_t *sel, int32_t n,
                       const uint64_t *hash, char **rows)
{
    if (groups->n_slots == 0) {
        memset(rows, 0, sizeof *rows * (size_t)n);
        return;
    }
    uint32_t mask = (uint32_t)(groups->n_slots - 1);
    int32_t n_pending = n;
    probe_begin(groups, hash, n);
    while (n_pending > 0) {
        int32_t n_compare = 0;
        for (int32_t p = 0; p < n_pending; p++) {
            uint16_t i = groups->pending[p];
            uint32_t at = groups->place[i];
            uint64_t salt = SALT(hash[i]);
            uint64_t slot;
            while ((slot = groups->slots[at]) != 0 && (SALT(slot) != salt || slot == TOMBSTONE))
                at = (at + 1) & mask;
            groups->place[i] = at;
            rows[i] = (char *)(uintptr_t)(slot & POINTER_MASK);
            if (slot != 0) {
                groups->compare_sel[n_compare] = sel ? sel[i] : i;
                groups->compare_rows[n_compare] = rows[i];
                groups->compare_of[n_compare++] = i;
            }
        }
        n_pending = 0;
        if (n_compare > 0)
            compare_pending(groups, keys, sel, n_compare, &n_pending);
    }
}

char *mr__groups_adopt(MrGroups *groups, char *row)
{
    uint64_t hash = mr__group_hash(groups->layout, row);
    uint64_t mask = (uint64_t)groups->n_slots - 1, at = hash & mask;
    for (;; at = (at + 1) & mask) {
        uint64_t slot = groups->slots[at];
        if (slot == 0)
            break;
        char *other = (char *)(uintptr_t)(slot & POINTER_MASK);
        if (slot != TOMBSTONE && SALT(slot) == SALT(hash) &&
            mr__group_hash(groups->layout, other) == hash &&
            mr_row_compare(&groups->layout->rows, other, row) == 0)
            return other;
    }
    groups->slots[at] = (SALT(hash) << 48) | (uint64_t)(uintptr_t)row;
    groups->n_used++;
    groups->is_partial = true;
    return NULL;
}

void mr__groups_remove(MrGroups *groups, const char *row)
{
    uint64_t mask = (uint64_t)groups->n_slots - 1, at = mr__group_hash(groups->layout, row) & mask;
    while ((groups->slots[at] & POINTER_MASK) != (uint64_t)(uintptr_t)row) {
        MR_ASSERT(groups->slots[at] != 0);
        at = (at + 1) & mask;
    }
    groups->slots[at] = TOMBSTONE;
    groups->is_partial = true;
}

void mr__hash_columns(MrVector *const *cols, int32_t n_cols, const uint16_t *sel, int32_t n,
                      uint64_t *hash)
{
    if (n_cols == 0)
        memset(hash, 0, sizeof *hash * (size_t)n);
    for (int32_t c = 0; c < n_cols; c++)
        mr_vector_hash(cols[c], sel, n, 0x51ED270B, c > 0, hash);
}
