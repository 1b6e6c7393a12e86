/* network_word_count.c - the words that come over a connection: in each batch, so far, and in the
 * last three batches.
 *
 * Feed it:  nc -lk 9999                 Run: ./network_word_count localhost 9999 10000 [SECONDS]
 * (batches of 10 s, so the window is 30 s long and slides by 10 s)
 * Build: cc network_word_count.c $(pkg-config --cflags --libs millrace) */
#include "run_context.h"

#include <string.h>

/* A line to its words. */
static MrStatus split(void *self, const MrPair *line, MrEmitter *to, MrError *err)
{
    const char *at = line->value.data, *end = at + line->value.size_bytes;
    (void)self, (void)err;
    while (at < end) {
        const char *stop = memchr(at, ' ', (size_t)(end - at));
        if (!stop)
            stop = end;
        if (stop > at)
            TRY(mr_emit(to, (MrBytes){0}, (MrBytes){at, stop - at}));
        at = stop + 1;
    }
    return MR_OK;
}

/* A word to (word, 1). */
static MrStatus with_one(void *self, const MrPair *word, MrEmitter *to, MrError *err)
{
    (void)self, (void)err;
    return mr_emit_i64(to, word->value, 1);
}

/* The count so far and the new ones. */
static MrStatus add_to_total(void *self, MrBytes word, const MrBytes *ones, int64_t n_ones,
                             MrBytes total, MrEmitter *to, MrError *err)
{
    int64_t sum = 0; /* stays when there is no total yet */
    (void)self, (void)ones, (void)err;
    mr_bytes_to_i64(total, &sum);
    return mr_emit_i64(to, word, sum + n_ones);
}

/* Words that are not in the window any more need no row. */
static MrStatus is_there(void *self, const MrPair *count, bool *keep, MrError *err)
{
    int64_t n = 0;
    (void)self, (void)err;
    *keep = mr_bytes_to_i64(count->value, &n) && n > 0;
    return MR_OK;
}

/* Names the rows of an output; self is the name. */
static MrStatus label(void *self, const MrPair *count, MrEmitter *to, MrError *err)
{
    char name[300];
    int n = snprintf(name, sizeof name, "%.*s %s", (int)count->key.size_bytes, count->key.data,
                     (const char *)self);
    (void)err;
    return mr_emit(to, (MrBytes){name, n < (int)sizeof name ? n : (int)sizeof name - 1},
                   count->value);
}

static MrStatus print(MrDStream *counts, char *name, MrError *err)
{
    MrDStream *named;
    TRY(mr_dstream_map(counts, label, name, &named, err));
    return mr_dstream_print(named, 0, stdout, err);
}

static MrStatus build(MrStreamContext *context, const char *host, int port, int64_t interval_ms,
                      MrError *err)
{
    MrDStream *lines, *words, *pairs, *counts, *totals, *recent;
    TRY(mr_dstream_socket_text(context, host, port, &lines, err));
    TRY(mr_dstream_flat_map(lines, split, NULL, &words, err));
    TRY(mr_dstream_map_to_pair(words, with_one, NULL, &pairs, err));

    TRY(mr_dstream_reduce_by_key(pairs, mr_reduce_sum_i64, NULL, &counts, err));
    TRY(print(counts, "in this batch", err));

    TRY(mr_dstream_update_state_by_key(pairs, add_to_total, NULL, &totals, err));
    TRY(print(totals, "so far", err));

    TRY(mr_dstream_reduce_by_key_and_window(pairs, mr_reduce_sum_i64, mr_inverse_sum_i64, is_there,
                                            NULL, 3 * interval_ms, interval_ms, &recent, err));
    return print(recent, "lately", err);
}

int main(int argc, char **argv)
{
    MrError err = {0};
    MrSession *session = NULL;
    MrStreamContext *context = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: %s HOST PORT INTERVAL_MS [SECONDS]\n", argv[0]);
        return 2;
    }
    int64_t interval_ms = atoll(argv[3]);
    MrStatus status = mr_session_open(NULL, &session, &err);
    if (status == MR_OK)
        status = mr_stream_context_open(session, interval_ms, &context, &err);
    if (status == MR_OK)
        status = build(context, argv[1], atoi(argv[2]), interval_ms, &err);
    if (status == MR_OK)
        status = run_context(context, argc > 4 ? atof(argv[4]) : 0, &err);
    mr_stream_context_close(context);
    mr_session_close(session);
    return result(status, &err);
}
