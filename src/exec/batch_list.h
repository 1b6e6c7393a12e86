/* batch_list.h - batches that several readers see: shared sub-plans, recursion levels, kept inputs.
 */
#ifndef MR_EXEC_BATCH_LIST_H
#define MR_EXEC_BATCH_LIST_H

#include "column/batch.h"

/* A batch that many hold; nobody changes it any more. */
typedef struct MrHeldBatch {
    MrShared base;
    MrBudget *budget;
    MrBatch *batch;
} MrHeldBatch;

/* Takes the batch, also when it fails.  *out has one reference, yours. */
MR_MUST_USE MrStatus mr_held_create(MrBudget *budget, MrBatch *batch, MrHeldBatch **out,
                                    MrError *err);
/* A batch of one's own over the same vectors, its selection and column list free to change. */
MR_MUST_USE MrStatus mr_held_view(MrHeldBatch *held, MrBudget *budget, MrBatch **out, MrError *err);

typedef struct MrBatchList {
    MrBudget *budget;
    MrHeldBatch **items;
    int64_t n_items, cap_bytes;
} MrBatchList;

void mr_batch_list_init(MrBatchList *list, MrBudget *budget);
void mr_batch_list_deinit(MrBatchList *list); /* and forgets the batches */
void mr_batch_list_clear(MrBatchList *list);
MR_MUST_USE MrStatus mr_batch_list_add(MrBatchList *list, MrBatch *batch,
                                       MrError *err); /* takes, also on failure */
/* Moves all of from behind those of to. */
MR_MUST_USE MrStatus mr_batch_list_move(MrBatchList *to, MrBatchList *from, MrError *err);
/* Takes batch i out, which nobody else holds; its place stays empty. */
MrBatch *mr_batch_list_take(MrBatchList *list, int64_t i);
int64_t mr_batch_list_rows(const MrBatchList *list);

#endif
