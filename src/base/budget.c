/* budget.c - charges along the line of ancestors, and the only calls of the C heap. */
#include "base/arena.h"
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

/* Blocks of this size and more lie on huge pages where the system gives them: a fault for 2 MiB
 * instead of 512, and one entry in the TLB. */
#define HUGE_BYTES (2 << 20)

void mr_budget_init(MrBudget *budget, const char *name, MrBudget *parent, int64_t limit_bytes)
{
    *budget = (MrBudget){
        .name = name,
        .parent = parent,
        .limit_bytes = limit_bytes,
        .fail_countdown = parent != NULL ? parent->fail_countdown : NULL,
    };
}

void mr_budget_deinit(MrBudget *budget)
{
    if (atomic_load_explicit(&budget->used_bytes, memory_order_relaxed) != 0)
        fprintf(stderr, "millrace: budget '%s' still holds %lld bytes\n", budget->name,
                (long long)budget->used_bytes);
    MR_ASSERT(atomic_load_explicit(&budget->used_bytes, memory_order_relaxed) == 0);
}

static MrStatus budget_refuse(const MrBudget *budget, int64_t size_bytes, int64_t left_bytes,
                              MrError *err)
{
    char wanted[24], left[24];
    snprintf(wanted, sizeof wanted, "%lld", (long long)size_bytes);
    snprintf(left, sizeof left, "%lld", (long long)left_bytes);
    MrStatus status = MR_FAIL(err, MR_COND_UNABLE_TO_ACQUIRE_MEMORY, "requestedBytes", wanted,
                              "receivedBytes", left);
    mr_error_add(err, "in memory budget '%s'", budget->name);
    return status;
}

/* The counters are sums, not locks: relaxed is enough. */
static void budget_give_back(MrBudget *from, const MrBudget *until, int64_t size_bytes)
{
    for (MrBudget *at = from; at != until; at = at->parent)
        atomic_fetch_sub_explicit(&at->used_bytes, size_bytes, memory_order_relaxed);
}

static MrStatus budget_charge(MrBudget *budget, int64_t size_bytes, MrError *err)
{
    for (MrBudget *at = budget; at != NULL; at = at->parent) {
        int64_t before =
            atomic_fetch_add_explicit(&at->used_bytes, size_bytes, memory_order_relaxed);
        if (size_bytes > at->limit_bytes - before) {
            budget_give_back(budget, at->parent, size_bytes);
            int64_t left = at->limit_bytes - before;
            return budget_refuse(at, size_bytes, left > 0 ? left : 0, err);
        }
        int64_t now = before + size_bytes;
        int64_t peak = atomic_load_explicit(&at->peak_bytes, memory_order_relaxed);
        while (now > peak &&
               !atomic_compare_exchange_weak_explicit(&at->peak_bytes, &peak, now,
                                                      memory_order_relaxed, memory_order_relaxed))
            ;
    }
    return MR_OK;
}

static bool budget_test_refuses(MrBudget *budget)
{
    if (budget->fail_countdown == NULL)
        return false;
    return atomic_fetch_sub(budget->fail_countdown, 1) <= 1;
}

MrStatus mr_budget_charge(MrBudget *budget, int64_t size_bytes, MrError *err)
{
    if (size_bytes < 0 || budget_test_refuses(budget))
        return budget_refuse(budget, size_bytes, 0, err);
    return budget_charge(budget, size_bytes, err);
}

void mr_budget_release(MrBudget *budget, int64_t size_bytes)
{
    budget_give_back(budget, NULL, size_bytes);
}

int64_t mr_budget_left(const MrBudget *budget)
{
    int64_t left = INT64_MAX;
    for (const MrBudget *at = budget; at != NULL; at = at->parent) {
        int64_t here =
            at->limit_bytes - atomic_load_explicit(&at->used_bytes, memory_order_relaxed);
        left = here < left ? here : left;
    }
    return left > 0 ? left : 0;
}

MrStatus mr_budget_alloc(MrBudget *budget, int64_t size_bytes, void **out, MrError *err)
{
    if (size_bytes == 0) {
        *out = NULL;
        return MR_OK;
    }
    MR_TRY(mr_budget_charge(budget, size_bytes, err));
    size_t rounded = ((size_t)size_bytes + 63) & ~(size_t)63;
    bool huge = rounded >= HUGE_BYTES;
    void *data = NULL; /* not aligned_alloc: some want the size to be a multiple of the alignment */
    if (posix_memalign(&data, huge ? HUGE_BYTES : 64, rounded) != 0)
        data = NULL;
    if (data != NULL && huge) /* advice only: what it says does not matter */
        (void)madvise(data, rounded & ~(size_t)(HUGE_BYTES - 1), MADV_HUGEPAGE);
    if (data == NULL) {
        mr_budget_release(budget, size_bytes);
        return budget_refuse(budget, size_bytes, 0, err);
    }
    *out = data;
    return MR_OK;
}

MrStatus mr_budget_alloc_zeroed(MrBudget *budget, int64_t size_bytes, void **out, MrError *err)
{
    void *block = NULL;
    MR_TRY(mr_budget_alloc(budget, size_bytes, &block, err));
    MrStatus status = mr_zero_status(block, size_bytes, err);
    if (status == MR_OK)
        *out = block;
    else
        mr_budget_free(budget, block, size_bytes);
    return status;
}

MrStatus mr_budget_resize(MrBudget *budget, void **data, int64_t *size_bytes, int64_t new_bytes,
                          MrError *err)
{
    if (new_bytes == *size_bytes)
        return MR_OK;
    void *moved = NULL;
    MR_TRY(mr_budget_alloc(budget, new_bytes, &moved, err));
    int64_t kept = new_bytes < *size_bytes ? new_bytes : *size_bytes;
    MrStatus status = mr_copy_status(moved, *data, kept, err);
    if (status != MR_OK) {
        mr_budget_free(budget, moved, new_bytes);
        return status;
    }
    mr_budget_free(budget, *data, *size_bytes);
    *data = moved;
    *size_bytes = new_bytes;
    return MR_OK;
}

void mr_budget_free(MrBudget *budget, void *data, int64_t size_bytes)
{
    if (data == NULL)
        return;
    free(data);
    mr_budget_release(budget, size_bytes);
}

void mr_memory_keep(void)
{
    mallopt(M_MMAP_THRESHOLD, 32 << 20); /* the most that glibc takes */
    mallopt(M_TRIM_THRESHOLD, 256 << 20);
    mallopt(M_TOP_PAD, 4 << 20);
}

void mr_memory_give_back(void)
{
    (void)malloc_trim(0);
}
