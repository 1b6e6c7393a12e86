/* log_filter.c - the lines with ERROR of the files that are moved into a folder.
 *
 * Run: ./log_filter FOLDER 5000 [SECONDS]       then: mv server.log FOLDER
 * Build: cc log_filter.c $(pkg-config --cflags --libs millrace) */
#include "run_context.h"

#include <string.h>

static MrStatus has_error(void *self, const MrPair *line, bool *keep, MrError *err)
{
    (void)self, (void)err;
    *keep = false;
    for (int64_t i = 0; i + 5 <= line->value.size_bytes && !*keep; i++)
        *keep = memcmp(line->value.data + i, "ERROR", 5) == 0;
    return MR_OK;
}

static MrStatus build(MrStreamContext *context, const char *folder, MrError *err)
{
    MrDStream *lines, *errors;
    TRY(mr_dstream_text_files(context, folder, &lines, err));
    TRY(mr_dstream_filter(lines, has_error, NULL, &errors, err));
    return mr_dstream_print(errors, 20, stdout, err);
}

int main(int argc, char **argv)
{
    MrError err = {0};
    MrSession *session = NULL;
    MrStreamContext *context = NULL;
    if (argc < 3) {
        fprintf(stderr, "usage: %s FOLDER INTERVAL_MS [SECONDS]\n", argv[0]);
        return 2;
    }
    MrStatus status = mr_session_open(NULL, &session, &err);
    if (status == MR_OK)
        status = mr_stream_context_open(session, atoll(argv[2]), &context, &err);
    if (status == MR_OK)
        status = build(context, argv[1], &err);
    if (status == MR_OK)
        status = run_context(context, argc > 3 ? atof(argv[3]) : 0, &err);
    mr_stream_context_close(context);
    mr_session_close(session);
    return result(status, &err);
}
