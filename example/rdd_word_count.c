/* rdd_word_count.c - RDDs: the words of a text counted, joined with a list of names, and handed
 * over partition by partition.
 *
 * Without arguments it counts a small text of its own; with a path, the words of that file, and
 * tells how long it took.
 *
 * Build: cc rdd_word_count.c $(pkg-config --cflags --libs millrace)
 * Run: ./rdd_word_count [FILE] */
#include <millrace.h>

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* Of a flat_map: each word of the line as a key, with the count 1. */
static MrStatus words(void *self, const MrPair *line, MrEmitter *to, MrError *err)
{
    const char *at = line->value.data, *end = at + line->value.size_bytes;
    while (at < end) {
        const char *from = at;
        while (at < end && *at != ' ')
            at++;
        if (at > from) {
            MrStatus status = mr_emit_i64(to, (MrBytes){from, at - from}, 1);
            if (status != MR_OK)
                return status;
        }
        at++;
    }
    return MR_OK;
}

/* Of a filter: more than once. */
static MrStatus often(void *self, const MrPair *row, bool *keep, MrError *err)
{
    int64_t n = 0;
    if (!mr_bytes_to_i64(row->value, &n))
        return mr_error_set(err, "a count that is no number");
    *keep = n > 1;
    return MR_OK;
}

/* Of a map: the count, in nine digits so that it sorts, as the key. */
static MrStatus by_count(void *self, const MrPair *row, MrEmitter *to, MrError *err)
{
    char digits[24];
    int64_t n = 0;
    (void)mr_bytes_to_i64(row->value, &n);
    snprintf(digits, sizeof digits, "%09" PRId64, n);
    return mr_emit(to, mr_bytes(digits), row->key);
}

/* Of a left join: what the word means, where that is known. */
static MrStatus explain(void *self, MrBytes word, MrBytes count, MrBytes meaning, MrEmitter *to,
                        MrError *err)
{
    char text[200];
    if (!meaning.data)
        meaning = mr_bytes("?");
    int n = snprintf(text, sizeof text, "%.*s times: %.*s", (int)count.size_bytes, count.data,
                     (int)meaning.size_bytes, meaning.data);
    return mr_emit(to, word, (MrBytes){text, n});
}

/* Of foreach_partition: as a program would write to a database, with one connection a partition. */
static MrStatus send(void *self, int32_t partition_idx, MrPartition *rows, MrError *err)
{
    _Atomic int64_t *n_sent = self;
    for (;;) {
        MrPair row;
        bool more;
        MrStatus status = mr_partition_next(rows, &row, &more, err);
        if (status != MR_OK || !more)
            return status;
        atomic_fetch_add(n_sent, 1);
    }
}

static void print_rows(const MrPair *rows, int64_t n_rows)
{
    for (int64_t i = 0; i < n_rows; i++) /* collected bytes end in NUL */
        printf("  %-8s %s\n", rows[i].key.data, rows[i].value.data);
}

/* Counts of the words in lines. */
static MrStatus count_words(MrRdd *lines, MrRdd **counts, MrError *err)
{
    MrRdd *ones;
    MrStatus status = mr_rdd_flat_map(lines, words, NULL, &ones, err);
    if (status != MR_OK)
        return status;
    status = mr_rdd_reduce_by_key(ones, mr_reduce_sum_i64, NULL, counts, err);
    mr_rdd_close(ones); /* counts keeps what it needs */
    return status;
}

static MrStatus small_text(MrSession *session, MrError *err)
{
    static const char *const text[] = {"the mill turns and the water runs",
                                       "water is what the mill is for",
                                       "a race is water that runs to a mill"};
    static const char *const names[][2] = {
        {"mill", "a house with a wheel"}, {"race", "a channel"}, {"water", "what turns it"}};
    MrPair rows[3], known[3];
    MrRdd *lines = NULL, *counts = NULL, *many = NULL, *meanings = NULL, *joined = NULL,
          *numbers = NULL, *sorted = NULL;
    MrPair *got = NULL;
    int64_t n_got = 0;
    _Atomic int64_t n_sent = 0;
    for (int i = 0; i < 3; i++) {
        rows[i] = (MrPair){.value = mr_bytes(text[i])};
        known[i] = (MrPair){mr_bytes(names[i][0]), mr_bytes(names[i][1])};
    }
    MrStatus status = mr_rdd_parallelize(session, rows, 3, &lines, err);
    if (status == MR_OK)
        status = count_words(lines, &counts, err);
    if (status == MR_OK)
        status = mr_rdd_filter(counts, often, NULL, &many, err);
    if (status == MR_OK)
        status = mr_rdd_parallelize(session, known, 3, &meanings, err);
    if (status == MR_OK)
        status = mr_rdd_join(many, meanings, "left", explain, NULL, &joined, err);
    if (status == MR_OK)
        status = mr_rdd_sort_by_key(joined, false, &sorted, err);
    if (status == MR_OK)
        status = mr_rdd_collect(sorted, &got, &n_got, err);
    if (status == MR_OK) {
        printf("words that come more than once\n");
        print_rows(got, n_got);
        mr_rows_free(got);
        mr_rdd_close(sorted);
        sorted = NULL;
        got = NULL;
        status = mr_rdd_map(counts, by_count, NULL, &numbers, err);
    }
    if (status == MR_OK)
        status = mr_rdd_sort_by_key(numbers, true, &sorted, err);
    if (status == MR_OK)
        status = mr_rdd_take(sorted, 1, &got, &n_got, err);
    if (status == MR_OK) {
        printf("the most frequent has the count\n  %s\n", got[0].key.data);
        status = mr_rdd_foreach_partition(counts, send, (void *)&n_sent, err);
    }
    if (status == MR_OK)
        printf("different words\n  %" PRId64 "\n", n_sent);
    mr_rows_free(got);
    mr_rdd_close(lines);
    mr_rdd_close(counts);
    mr_rdd_close(many);
    mr_rdd_close(meanings);
    mr_rdd_close(joined);
    mr_rdd_close(numbers);
    mr_rdd_close(sorted);
    return status;
}

static MrStatus large_file(MrSession *session, const char *path, MrError *err)
{
    struct timespec from, to;
    MrRdd *lines = NULL, *counts = NULL, *numbers = NULL, *sorted = NULL;
    MrPair *got = NULL;
    int64_t n_got = 0;
    clock_gettime(CLOCK_MONOTONIC, &from);
    MrStatus status = mr_rdd_text_file(session, path, &lines, err);
    if (status == MR_OK)
        status = count_words(lines, &counts, err);
    if (status == MR_OK)
        status = mr_rdd_map(counts, by_count, NULL, &numbers, err);
    if (status == MR_OK)
        status = mr_rdd_sort_by_key(numbers, true, &sorted, err);
    if (status == MR_OK)
        status = mr_rdd_take(sorted, 5, &got, &n_got, err);
    clock_gettime(CLOCK_MONOTONIC, &to);
    if (status == MR_OK) {
        print_rows(got, n_got);
        printf("%.2f s\n",
               (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) / 1e9);
    }
    mr_rows_free(got);
    mr_rdd_close(lines);
    mr_rdd_close(counts);
    mr_rdd_close(numbers);
    mr_rdd_close(sorted);
    return status;
}

int main(int argc, char **argv)
{
    char message[2000];
    MrError err = {0};
    MrSession *session;
    MrStatus status = mr_session_open(&(MrSessionOptions){0}, &session, &err);
    if (status == MR_OK) {
        status = argc > 1 ? large_file(session, argv[1], &err) : small_text(session, &err);
        mr_session_close(session);
    }
    if (status != MR_OK) {
        mr_error_message(&err, message, sizeof message);
        fprintf(stderr, "%s\n", message);
    }
    return status != MR_OK;
}
