/* checkpoint_bench.c - what a durable epoch costs on the disk of the current folder: PLANNED and
 * COMMITTED with 200 bytes of state changes, one sync. */
#include "state/state.h"
#include <stdio.h>

#define N_EPOCHS 10000

static MrStatus entry_ignore(void *self, const MrStateEntry *entry, MrError *err)
{
    return MR_OK;
}

static int compare_i64(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int64_t middle(int64_t *ns, int64_t from, int64_t n)
{
    static int64_t sorted[N_EPOCHS];
    memcpy(sorted, ns + from, (size_t)n * sizeof *ns);
    qsort(sorted, (size_t)n, sizeof *sorted, compare_i64);
    return sorted[n / 2];
}

static MrStatus run(MrOs *os, MrBudget *budget, const char *path, int64_t *ns, MrError *err)
{
    MrStatus status = MR_OK;
    MrCheckpoint *checkpoint = NULL;
    MrRecovered found;
    MrStateWriter writer;
    char value[180] = {0};
    mr_state_writer_init(&writer, budget);
    MR_GO(mr_checkpoint_open(
        &(MrCheckpointOptions){.os = os, .budget = budget, .path = path, .fingerprint = "bench"},
        entry_ignore, NULL, &checkpoint, &found, err));
    for (int64_t e = 0; e < N_EPOCHS; e++) {
        MrText from = {(char *)&e, 8}, token = MR_TEXT("token");
        int64_t key = e % 100, start = os->tick_ns(os);
        mr_state_writer_reset(&writer);
        MR_GO(mr_state_put(&writer, 0, (MrText){(char *)&key, 8}, (MrText){value, sizeof value},
                           err));
        MR_GO(mr_checkpoint_plan(checkpoint,
                                 &(MrPlanned){.epoch = e,
                                              .closed_through = e - 1,
                                              .n_sources = 1,
                                              .from = &from,
                                              .to = &from,
                                              .extra = MR_TEXT("")},
                                 false, err));
        MR_GO(mr_checkpoint_commit(checkpoint, &(MrCommitted){e, 1, &token}, &writer, err));
        ns[e] = os->tick_ns(os) - start;
    }
done:
    mr_checkpoint_close(checkpoint);
    mr_state_writer_deinit(&writer);
    return status;
}

int main(void)
{
    static int64_t ns[N_EPOCHS];
    MrOs *os = mr_os_posix();
    MrBudget budget;
    MrError err = {0};
    char path[64], message[1000];
    mr_budget_init(&budget, "bench", NULL, INT64_MAX);
    snprintf(path, sizeof path, "build/checkpoint-bench-%016llx",
             (unsigned long long)os->random_u64(os));
    MrStatus status = run(os, &budget, path, ns, &err);
    if (status == MR_OK)
        status = mr_os_remove_tree(os, path, &err);
    if (status != MR_OK) {
        mr_error_message(&err, message, sizeof message);
        printf("%s\n", message);
        return 1;
    }
    printf("durable epoch, first thousand, middle: %.1f us\n", (double)middle(ns, 0, 1000) / 1000);
    printf("durable epoch, last thousand, middle: %.1f us\n",
           (double)middle(ns, N_EPOCHS - 1000, 1000) / 1000);
    qsort(ns, N_EPOCHS, sizeof *ns, compare_i64);
    printf("durable epoch, all, p50: %.1f us\n", (double)ns[N_EPOCHS / 2] / 1000);
    printf("durable epoch, all, p99: %.1f us\n", (double)ns[N_EPOCHS * 99 / 100] / 1000);
    mr_budget_deinit(&budget);
    return 0;
}
