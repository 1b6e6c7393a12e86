/* run.c - millrace run FILE.sql: a pipeline until its input is used up, or until Ctrl-C. */
#include "cli/cli_int.h"

#include "session/pipeline.h"

#include <signal.h>
#include <unistd.h>

/* An epoch, or a view's refresh, that has not ended so long after it was asked to stop is
 * cancelled: nothing of it is seen, and the next run does it again. */
#define STOP_SECONDS 5

static _Atomic bool stop_asked;
static MrSession *running;

/* The first signal stops at an epoch's border; the second ends the process at once. */
static void on_stop(int signal_number)
{
    if (atomic_exchange(&stop_asked, true))
        _exit(128 + signal_number);
    alarm(STOP_SECONDS);
}

static void on_alarm(int signal_number)
{
    (void)signal_number;
    mr_session_cancel(running);
}

static void show_news(void *self, const char *line)
{
    (void)self;
    mr__say("%s", line);
}

static void show_progress(void *self, MrText json)
{
    FILE *out = self;
    fwrite(json.data, 1, (size_t)json.size_bytes, out);
    fputc('\n', out);
    fflush(out);
}

int mr__run_pipeline(MrSession *session, const char *path, bool continuous, bool quiet,
                     bool progress)
{
    MrError err = {.sql_idx = -1};
    MrBuffer script;
    struct sigaction action = {.sa_handler = on_stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = on_alarm;
    sigaction(SIGALRM, &action, NULL);
    running = session;
    mr_buffer_init(&script, mr_session_budget(session), 1 << 24);
    if (mr_os_read_file(mr_session_os(session), path, 1 << 24, &script, &err) != MR_OK) {
        mr__print_error(&err, (MrText){0}, NULL);
        mr_buffer_deinit(&script);
        return MR_EXIT_USAGE;
    }
    MrText text = {script.data ? script.data : "", script.size_bytes};
    MrStatus status =
        mr_pipeline_run(session,
                        &(MrPipelineOptions){.script = text,
                                             .continuous = continuous,
                                             .stop = &stop_asked,
                                             .news = quiet ? NULL : show_news,
                                             .progress = progress ? show_progress : NULL,
                                             .self = stdout},
                        &err);
    if (status != MR_OK)
        mr__print_error(&err, text, path);
    mr_buffer_deinit(&script);
    return status == MR_OK ? MR_EXIT_OK : MR_EXIT_FAILED;
}
