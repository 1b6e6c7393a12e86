/* shell.c - the interactive shell: editing and history by libedit, statements of several lines. */
#include "cli/cli_int.h"

#include "base/text.h"

#include <editline/readline.h>
#include <signal.h>
#include <sys/time.h>

static MrSession *interrupted_session;
static _Atomic bool interrupted; /* at the prompt: the line is dropped, the shell goes on */

static _Atomic bool at_prompt;

/* Ends reads of the terminal every 20 ms, or no longer. */
static void end_reads(bool on)
{
    setitimer(ITIMER_REAL,
              &(struct itimerval){.it_value.tv_usec = on ? 20000 : 0,
                                  .it_interval.tv_usec = on ? 20000 : 0},
              NULL);
}

static void on_alarm(int signal_number)
{
    (void)signal_number; /* its read has ended */
}

static void on_interrupt(int signal_number)
{
    (void)signal_number;
    atomic_store(&interrupted, true);
    mr_session_cancel(interrupted_session); /* atomic stores */
    if (atomic_load(&at_prompt))
        end_reads(true); /* the read may begin after the signal, and the editor may repeat it */
}

void mr__catch_interrupts(MrSession *session)
{
    struct sigaction action = {.sa_handler = on_interrupt};
    interrupted_session = session;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL); /* no SA_RESTART: a read of the prompt ends too */
}

bool mr__interrupted(void)
{
    return atomic_load(&interrupted);
}

static const char help[] = "  statements end with ;  and may take several lines\n"
                           "  .help              this text\n"
                           "  .format NAME       table, tsv, csv, json, markdown\n"
                           "  .read FILE         runs the statements of a file\n"
                           "  .exit              ends the shell, as exit, quit and Ctrl-D do\n"
                           "  Ctrl-C             cancels the query that runs, or drops the line\n";

typedef struct Shell {
    MrSession *session;
    MrFormat format;
    MrBuffer text; /* of the statement that is being typed */
    bool ended;
} Shell;

static void shell_read_file(Shell *shell, const char *path)
{
    MrError err = {.sql_idx = -1};
    MrBuffer script;
    mr_buffer_init(&script, mr_session_budget(shell->session), 1 << 26);
    if (mr_os_read_file(mr_session_os(shell->session), path, 1 << 26, &script, &err) != MR_OK)
        mr__print_error(&err, (MrText){0}, NULL);
    else
        (void)mr__run_script(shell->session, (MrText){script.data, script.size_bytes}, path,
                             shell->format);
    mr_buffer_deinit(&script);
}

static void shell_command(Shell *shell, const char *line)
{
    char name[32] = "", arg[1024] = "";
    sscanf(line, "%31s %1023[^\n]", name, arg);
    for (size_t n = strlen(arg); n > 0 && strchr(" \t;", arg[n - 1]); n--)
        arg[n - 1] = '\0';
    if (strcmp(name, ".exit") == 0 || strcmp(name, ".quit") == 0) {
        shell->ended = true;
    } else if (strcmp(name, ".help") == 0) {
        fputs(help, stdout);
    } else if (strcmp(name, ".read") == 0 && arg[0]) {
        shell_read_file(shell, arg);
    } else if (strcmp(name, ".format") == 0 && mr__format_find(arg) != MR_N_FORMATS) {
        shell->format = mr__format_find(arg);
    } else {
        mr__say("no such command: %s; .help lists them", line);
    }
}

static bool is_blank(MrText text)
{
    for (int64_t i = 0; i < text.size_bytes; i++)
        if (!strchr(" \t\r\n", text.data[i]))
            return false;
    return true;
}

/* As spark-sql has it, with a semicolon or without. */
static bool is_exit(const char *line)
{
    char word[5] = "";
    line += strspn(line, " \t");
    memcpy(word, line, strnlen(line, 4));
    if (!mr_str_equal_nocase(word, "exit") && !mr_str_equal_nocase(word, "quit"))
        return false;
    line += 4;
    return line[strspn(line, "; \t")] == '\0';
}

static MrStatus shell_line(Shell *shell, const char *line, MrError *err)
{
    MrText so_far = {shell->text.data, shell->text.size_bytes};
    if (is_blank(so_far) && line[0] == '.') {
        shell_command(shell, line);
        return MR_OK;
    }
    if (is_blank(so_far) && is_exit(line)) {
        shell->ended = true;
        return MR_OK;
    }
    MR_TRY(mr_buffer_put(&shell->text, line, (int64_t)strlen(line), err));
    MR_TRY(mr_buffer_put(&shell->text, "\n", 1, err));
    MrText text = {shell->text.data, shell->text.size_bytes};
    if (is_blank(text)) {
        shell->text.size_bytes = 0;
    } else if (mr_session_is_complete(text)) {
        (void)mr__run_script(shell->session, text, NULL, shell->format);
        shell->text.size_bytes = 0;
    }
    return MR_OK;
}

/* A line from the terminal, to be freed; NULL: it has ended, or Ctrl-C came. */
static char *prompt(const char *text)
{
    atomic_store(&interrupted, false);
    atomic_store(&at_prompt, true);
    char *line = readline(text);
    atomic_store(&at_prompt, false);
    end_reads(false);
    return line;
}

int mr__run_shell(MrSession *session, MrFormat format)
{
    MrStatus status = MR_OK;
    MrError err = {.sql_idx = -1};
    Shell shell = {.session = session, .format = format};
    char history[MR_PATH_MAX];
    const char *home = getenv("HOME");
    mr_buffer_init(&shell.text, mr_session_budget(session), 1 << 24);
    snprintf(history, sizeof history, "%s/.millrace_history", home ? home : ".");
    sigaction(SIGALRM, &(struct sigaction){.sa_handler = on_alarm}, NULL);
    using_history();
    read_history(history);
    printf("Millrace %s. Statements end with ; and .help lists the commands.\n", MR_VERSION);
    while (!shell.ended && status == MR_OK) {
        char *line = prompt(shell.text.size_bytes > 0 ? "      -> " : "millrace> ");
        if (atomic_exchange(&interrupted, false)) {
            shell.text.size_bytes = 0;
            free(line);
            putchar('\n');
            continue;
        }
        if (!line)
            break;
        if (line[0])
            add_history(line);
        status = shell_line(&shell, line, &err);
        free(line); /* readline's */
    }
    putchar('\n');
    write_history(history);
    if (status != MR_OK)
        mr__print_error(&err, (MrText){0}, NULL);
    mr_buffer_deinit(&shell.text);
    return status == MR_OK ? MR_EXIT_OK : MR_EXIT_FAILED;
}
