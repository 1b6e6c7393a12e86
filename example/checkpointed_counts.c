/* checkpointed_counts.c - running counts of words that survive the program: kill it at any time,
 * start it again, and they go on.  No line is lost or counted twice.
 *
 * Run: ./checkpointed_counts CHECKPOINT 5000 FOLDER [SECONDS]          lines of new files
 *      ./checkpointed_counts CHECKPOINT 5000 localhost:9999 [SECONDS]  lines of a connection
 *
 * A line that was read from a connection is safe once its batch is planned; what was under way at
 * the kill only its sender knows.  An output runs at least once: the batch that was cut off comes
 * again, with the same time and the same counts.
 * Build: cc checkpointed_counts.c $(pkg-config --cflags --libs millrace) */
#include "run_context.h"

#include <inttypes.h>
#include <string.h>

static MrStatus split(void *self, const MrPair *line, MrEmitter *to, MrError *err)
{
    const char *at = line->value.data, *end = at + line->value.size_bytes;
    (void)self, (void)err;
    while (at < end) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        if (!stop)
            stop = end;
        if (stop > at)
            TRY(mr_emit_i64(to, (MrBytes){at, stop - at}, 1));
        at = stop + 1;
    }
    return MR_OK;
}

static MrStatus add_to_total(void *self, MrBytes word, const MrBytes *ones, int64_t n_ones,
                             MrBytes total, MrEmitter *to, MrError *err)
{
    int64_t sum = 0; /* stays when there is no total yet */
    (void)self, (void)ones, (void)err;
    mr_bytes_to_i64(total, &sum);
    return mr_emit_i64(to, word, sum + n_ones);
}

/* One line a batch: its time, and the counts by word. */
static MrStatus show(void *self, int64_t time_ms, MrRdd *counts, MrError *err)
{
    MrRdd *sorted;
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    (void)self;
    TRY(mr_rdd_sort_by_key(counts, false, &sorted, err));
    MrStatus status = mr_rdd_collect(sorted, &rows, &n_rows, err);
    mr_rdd_close(sorted);
    if (status != MR_OK)
        return status;
    printf("%" PRId64, time_ms);
    for (int64_t i = 0; i < n_rows; i++)
        printf(" %s=%s", rows[i].key.data, rows[i].value.data);
    printf("\n");
    fflush(stdout);
    mr_rows_free(rows);
    return MR_OK;
}

/* Called at each start: functions cannot be stored, but what they have kept is. */
static MrStatus build(void *self, MrStreamContext *context, MrError *err)
{
    const char *source = self, *colon = strrchr(source, ':');
    MrDStream *lines, *words, *counts;
    if (colon) {
        char host[256];
        snprintf(host, sizeof host, "%.*s", (int)(colon - source), source);
        TRY(mr_dstream_socket_text(context, host, atoi(colon + 1), &lines, err));
    } else {
        TRY(mr_dstream_text_files(context, source, &lines, err));
    }
    TRY(mr_dstream_flat_map(lines, split, NULL, &words, err));
    TRY(mr_dstream_update_state_by_key(words, add_to_total, NULL, &counts, err));
    return mr_dstream_foreach_rdd(counts, show, NULL, err);
}

int main(int argc, char **argv)
{
    MrError err = {0};
    MrSession *session = NULL;
    MrStreamContext *context = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: %s CHECKPOINT INTERVAL_MS FOLDER|HOST:PORT [SECONDS]\n", argv[0]);
        return 2;
    }
    MrStatus status = mr_session_open(NULL, &session, &err);
    if (status == MR_OK)
        status = mr_stream_context_restore(session, atoll(argv[2]), argv[1], build, argv[3],
                                           &context, &err);
    if (status == MR_OK)
        status = run_context(context, argc > 4 ? atof(argv[4]) : 0, &err);
    mr_stream_context_close(context);
    mr_session_close(session);
    return result(status, &err);
}
