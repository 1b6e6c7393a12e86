/* celsius.c - temperatures in Celsius, one a line, to Fahrenheit.  A line that is no number is
 * counted and reported, and harms nothing else.
 *
 * Feed it:  nc -lk 9999                 Run: ./celsius localhost 9999 5000 [SECONDS]
 * Build: cc celsius.c $(pkg-config --cflags --libs millrace) */
#include "run_context.h"

#include <inttypes.h>

static MrStatus is_number(void *self, const MrPair *line, bool *keep, MrError *err)
{
    double celsius;
    (void)self, (void)err;
    *keep = mr_bytes_to_f64(line->value, &celsius);
    return MR_OK;
}

static MrStatus is_no_number(void *self, const MrPair *line, bool *keep, MrError *err)
{
    TRY(is_number(self, line, keep, err));
    *keep = !*keep;
    return MR_OK;
}

static MrStatus to_fahrenheit(void *self, const MrPair *line, MrEmitter *to, MrError *err)
{
    double celsius = 0;
    char text[64];
    (void)self, (void)err;
    mr_bytes_to_f64(line->value, &celsius);
    snprintf(text, sizeof text, "%.1f C = %.1f F", celsius, celsius * 9 / 5 + 32);
    return mr_emit(to, (MrBytes){0}, mr_bytes(text));
}

/* How many bad lines a batch has, and the first of them. */
static MrStatus report(void *self, int64_t time_ms, MrRdd *bad, MrError *err)
{
    int64_t n_bad, n_first;
    MrPair *first = NULL;
    (void)self;
    TRY(mr_rdd_count(bad, &n_bad, err));
    if (n_bad == 0)
        return MR_OK;
    TRY(mr_rdd_take(bad, 1, &first, &n_first, err));
    printf("%" PRId64 ": %" PRId64 " lines are no numbers, such as '%s'\n", time_ms, n_bad,
           first->value.data);
    fflush(stdout);
    mr_rows_free(first);
    return MR_OK;
}

static MrStatus build(MrStreamContext *context, const char *host, int port, MrError *err)
{
    MrDStream *lines, *numbers, *bad, *fahrenheit;
    TRY(mr_dstream_socket_text(context, host, port, &lines, err));
    TRY(mr_dstream_filter(lines, is_number, NULL, &numbers, err));
    TRY(mr_dstream_map(numbers, to_fahrenheit, NULL, &fahrenheit, err));
    TRY(mr_dstream_print(fahrenheit, 0, stdout, err));
    TRY(mr_dstream_filter(lines, is_no_number, NULL, &bad, err));
    return mr_dstream_foreach_rdd(bad, report, NULL, err);
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
    MrStatus status = mr_session_open(NULL, &session, &err);
    if (status == MR_OK)
        status = mr_stream_context_open(session, atoll(argv[3]), &context, &err);
    if (status == MR_OK)
        status = build(context, argv[1], atoi(argv[2]), &err);
    if (status == MR_OK)
        status = run_context(context, argc > 4 ? atof(argv[4]) : 0, &err);
    mr_stream_context_close(context);
    mr_session_close(session);
    return result(status, &err);
}
