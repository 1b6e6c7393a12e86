/* budget.h - a tree of memory budgets: process, session, query, operator.
 *
 * Every byte that the engine holds is charged to a budget and to all its ancestors.  A refusal is
 * MR_NO_MEMORY, the signal to spill.  malloc is called in this folder only.  Charging is atomic, so
 * one budget may be used by several threads; the blocks belong to whoever asked. */
#ifndef MR_BASE_BUDGET_H
#define MR_BASE_BUDGET_H

#include "base/error.h"
#include <stdatomic.h>

typedef struct MrBudget MrBudget;
struct MrBudget {
    const char *name;           /* for messages: "query", "hash join"     */
    MrBudget *parent;           /* NULL: the process                      */
    int64_t limit_bytes;        /* INT64_MAX: only the ancestors limit it */
    _Atomic int64_t used_bytes; /* own and descendants'                   */
    _Atomic int64_t peak_bytes;
    _Atomic int64_t *fail_countdown; /* tests: the allocation that takes it to 0 is refused, and all
                                        later ones; NULL: none.  Inherited from the parent. */
};

void mr_budget_init(MrBudget *budget, const char *name, MrBudget *parent, int64_t limit_bytes);
/* Asserts that everything was given back. */
void mr_budget_deinit(MrBudget *budget);

/* Blocks are aligned to 64 bytes and not zeroed.  size_bytes 0 gives NULL. */
MR_MUST_USE MrStatus mr_budget_alloc(MrBudget *budget, int64_t size_bytes, void **out,
                                     MrError *err);
MR_MUST_USE MrStatus mr_budget_alloc_zeroed(MrBudget *budget, int64_t size_bytes, void **out,
                                            MrError *err);
/* Grows or shrinks *data from *size_bytes to new_bytes; on failure nothing has changed.  What takes
 * long, as gigabytes do, ends with MR_CANCELED when the query is stopped (base/arena.h). */
MR_MUST_USE MrStatus mr_budget_resize(MrBudget *budget, void **data, int64_t *size_bytes,
                                      int64_t new_bytes, MrError *err);
void mr_budget_free(MrBudget *budget, void *data, int64_t size_bytes); /* NULL is fine */

/* For a program of our own, once at its start (a library does not decide this for its host): freed
 * memory stays with the process up to 256 MiB, as pages and batches of the next query want it again
 * at once, and a page fault costs more than most of what is done with the page. */
void mr_memory_keep(void);
/* What was freed goes back to the system all the same: for who has freed much and goes on with
 * blocks of other sizes, which the kept ones would not hold. */
void mr_memory_give_back(void);

/* Charges bytes that live elsewhere (a library's), without a block. */
MR_MUST_USE MrStatus mr_budget_charge(MrBudget *budget, int64_t size_bytes, MrError *err);
void mr_budget_release(MrBudget *budget, int64_t size_bytes);

/* Bytes that could still be charged here, the ancestors considered. */
int64_t mr_budget_left(const MrBudget *budget);

#endif
