/* foreach_batch.c - a stream whose rows go to a function.  It is called at least once an epoch, and
 * yet each row counts once: an epoch is a file of its own, made under another name and then
 * renamed, so that one which comes again after a kill replaces what it wrote before.
 *
 * Run: ./foreach_batch CHECKPOINT FOLDER OUT [SECONDS]   lines {"id": 1} of the JSON files of
 * FOLDER Build: cc foreach_batch.c $(pkg-config --cflags --libs millrace) */
#include "arrow_c.h"
#include "run_context.h"

#include <inttypes.h>

/* Writes the ids of one array, a line each; what is NULL has no bit in the first buffer. */
static void write_ids(const struct ArrowArray *ids, FILE *to)
{
    const unsigned char *valid = ids->buffers[0];
    const int64_t *values = ids->buffers[1];
    for (int64_t i = ids->offset; i < ids->offset + ids->length; i++)
        if (!valid || valid[i / 8] >> i % 8 & 1)
            fprintf(to, "%" PRId64 "\n", values[i]);
}

static MrStatus take(void *self, int64_t epoch, struct ArrowArrayStream *rows, MrError *err)
{
    char made[1000], name[1000];
    const char *out = self;
    struct ArrowArray array;
    int64_t n_rows = 0;
    snprintf(made, sizeof made, "%s/.epoch-%" PRId64, out, epoch);
    snprintf(name, sizeof name, "%s/epoch-%" PRId64, out, epoch);
    FILE *file = fopen(made, "w");
    if (!file)
        return mr_error_set(err, "cannot write into the folder OUT");
    for (;;) {
        if (rows->get_next(rows, &array) != 0) {
            fclose(file);
            return mr_error_set(err, rows->get_last_error(rows));
        }
        if (!array.release) /* the end */
            break;
        n_rows += array.length;
        write_ids(array.children[0], file);
        array.release(&array);
    }
    if (fclose(file) != 0 || rename(made, name) != 0)
        return mr_error_set(err, "cannot write into the folder OUT");
    printf("epoch %" PRId64 ": %" PRId64 " rows\n", epoch, n_rows);
    fflush(stdout);
    return MR_OK;
}

static MrStatus start(MrSession *session, char **argv, MrStreamingQuery **query, MrError *err)
{
    MrFrame *frame;
    MrKeyValue one = {"maxFilesPerTrigger", "1"};
    MrReadOptions from = {.format = "json",
                          .path = argv[2],
                          .schema = "id BIGINT",
                          .options = &one,
                          .n_options = 1,
                          .streaming = true};
    MrStreamStart to = {.foreach_batch = take, .self = argv[3], .checkpoint = argv[1]};
    TRY(mr_session_read(session, &from, &frame, err));
    MrStatus status = mr_frame_start(frame, &to, query, err);
    mr_frame_close(frame);
    return status;
}

/* For so many seconds, 0: until Ctrl-C; then until all that is there has been taken. */
static MrStatus run(MrStreamingQuery *query, double seconds, MrError *err)
{
    bool ended = false;
    signal(SIGINT, on_signal);
    signal(SIGTERM, on_signal);
    for (double waited = 0; !ended && !interrupted && (seconds <= 0 || waited < seconds);
         waited += 0.1)
        TRY(mr_streaming_query_await(query, 100, &ended, err));
    TRY(mr_streaming_query_process_all(query, err));
    return mr_streaming_query_stop(query, err);
}

int main(int argc, char **argv)
{
    MrError err = {0};
    MrSession *session = NULL;
    MrStreamingQuery *query = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: %s CHECKPOINT FOLDER OUT [SECONDS]\n", argv[0]);
        return 2;
    }
    MrStatus status = mr_session_open(NULL, &session, &err);
    if (status == MR_OK)
        status = start(session, argv, &query, &err);
    if (status == MR_OK)
        status = run(query, argc > 4 ? atof(argv[4]) : 0, &err);
    mr_streaming_query_close(query);
    mr_session_close(session);
    return result(status, &err);
}
