/* main.c - the millrace command: options, then one of its ways to work. */
#include "cli/cli_int.h"

#include <errno.h>
#include <locale.h>
#include <signal.h>
#include <unistd.h>

static const char usage[] =
    "millrace - Spark SQL for batch and streams, without a JVM\n"
    "\n"
    "  millrace                         interactive shell\n"
    "  millrace -e 'SQL; SQL'           run statements and print their rows\n"
    "  millrace -f FILE                 the same from a file (- : standard input)\n"
    "  millrace run FILE.sql            run a pipeline: streaming tables, materialized views, "
    "flows\n"
    "      --once         process what is there and end (default)\n"
    "      --continuous   until Ctrl-C\n"
    "      --quiet        no news on standard error\n"
    "      --progress     one JSON object an epoch, a line that begins with {, on standard output\n"
    "  millrace checkpoint show DIR     the epochs of a stream's checkpoint: times, positions, "
    "sizes\n"
    "  millrace checkpoint verify DIR   checks every record and file of it; exit 1 when one is "
    "damaged\n"
    "\n"
    "  --format NAME      table, tsv, csv, json, markdown, arrow, golden (default: table on a\n"
    "                     terminal, else tsv)\n"
    "  --conf KEY=VALUE   a setting, may be repeated\n"
    "  --warehouse DIR    folder of tables and catalog (default: spark-warehouse)\n"
    "  --golden           answer {\"sql\": ...} lines on standard input, for conformance tests\n"
    "  --functions A,B    test functions to be there with --golden\n"
    "  --version, --help\n";

typedef struct Cli {
    const char *execute, *file, *warehouse, *functions, *pipeline;
    const char *checkpoint_verb, *checkpoint;
    MrFormat format;
    bool golden, run, once, continuous, quiet, progress;
    const char **confs;
    int n_confs;
} Cli;

static int bad_usage(const char *what, const char *value)
{
    mr__say("millrace: %s%s%s; millrace --help lists what there is", what, value ? " " : "",
            value ? value : "");
    return MR_EXIT_USAGE;
}

/* The nearest option for one that is not there. */
static int unknown_option(const char *option)
{
    static const char *const known[] = {"-e",          "-f",       "--format",     "--conf",
                                        "--warehouse", "--golden", "--functions",  "--version",
                                        "--help",      "--once",   "--continuous", "--quiet",
                                        "--progress"};
    const char *nearest = NULL;
    int best = 4;
    for (int64_t i = 0; i < MR_COUNT(known); i++) {
        int distance = mr_text_distance(mr_text(known[i]), mr_text(option), best);
        if (distance < best) {
            best = distance;
            nearest = known[i];
        }
    }
    if (nearest)
        mr__say("millrace: unknown option %s; did you mean %s?", option, nearest);
    else
        return bad_usage("unknown option", option);
    return MR_EXIT_USAGE;
}

/* Fills cli; returns -1 to go on, else the exit code. */
static int parse_args(Cli *cli, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *arg = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
        char *equals = arg[0] == '-' && arg[1] == '-' ? strchr(argv[i], '=') : NULL;
        if (equals) { /* --format=csv */
            *equals = '\0';
            value = equals + 1;
        }
        if (strcmp(arg, "--help") == 0 || strcmp(arg, "-h") == 0) {
            fputs(usage, stdout);
            return MR_EXIT_OK;
        }
        if (strcmp(arg, "--version") == 0) {
            puts("millrace " MR_VERSION);
            return MR_EXIT_OK;
        }
        bool *flag = strcmp(arg, "--golden") == 0       ? &cli->golden
                     : !cli->run                        ? NULL
                     : strcmp(arg, "--once") == 0       ? &cli->once
                     : strcmp(arg, "--continuous") == 0 ? &cli->continuous
                     : strcmp(arg, "--quiet") == 0      ? &cli->quiet
                     : strcmp(arg, "--progress") == 0   ? &cli->progress
                                                        : NULL;
        if (flag) {
            if (equals)
                return bad_usage("takes no value:", arg);
            *flag = true;
            continue;
        }
        if (!cli->run && !cli->execute && !cli->file && strcmp(arg, "run") == 0) {
            cli->run = true;
            continue;
        }
        if (i == 1 && strcmp(arg, "checkpoint") == 0) {
            if (!value || (strcmp(value, "show") != 0 && strcmp(value, "verify") != 0))
                return bad_usage("checkpoint wants show or verify", NULL);
            cli->checkpoint_verb = argv[++i];
            continue;
        }
        if (cli->checkpoint_verb && !cli->checkpoint && arg[0] != '-') {
            cli->checkpoint = arg;
            continue;
        }
        if (cli->run && !cli->pipeline && arg[0] != '-') {
            cli->pipeline = arg;
            continue;
        }
        const char **slot = strcmp(arg, "-e") == 0            ? &cli->execute
                            : strcmp(arg, "-f") == 0          ? &cli->file
                            : strcmp(arg, "--warehouse") == 0 ? &cli->warehouse
                            : strcmp(arg, "--functions") == 0 ? &cli->functions
                                                              : NULL;
        bool is_conf = strcmp(arg, "--conf") == 0, is_format = strcmp(arg, "--format") == 0;
        if (!slot && !is_conf && !is_format)
            return arg[0] == '-' ? unknown_option(arg) : bad_usage("unknown command", arg);
        if (!value)
            return bad_usage("no value for", arg);
        i += equals ? 0 : 1;
        if (slot) {
            if (*slot)
                return bad_usage("given twice:", arg);
            *slot = value;
        } else if (is_conf) {
            if (!strchr(value, '=') || value[0] == '=')
                return bad_usage("--conf wants KEY=VALUE, not", value);
            cli->confs[cli->n_confs++] = value;
        } else {
            cli->format = mr__format_find(value);
            if (cli->format == MR_N_FORMATS)
                return bad_usage("unknown format", value);
        }
    }
    if ((cli->execute != NULL) + (cli->file != NULL) + cli->golden + cli->run > 1)
        return bad_usage("only one of -e, -f, run and --golden can be given", NULL);
    if (cli->checkpoint_verb && !cli->checkpoint)
        return bad_usage("checkpoint wants a folder", NULL);
    if (cli->run && !cli->pipeline)
        return bad_usage("run wants a file of statements", NULL);
    if (cli->once && cli->continuous)
        return bad_usage("only one of --once and --continuous can be given", NULL);
    return -1;
}

/* Sets KEY=VALUE; an error here means that the call was wrong. */
static int apply_conf(MrSession *session, const char *conf)
{
    MrError err = {.sql_idx = -1};
    char key[256];
    const char *equals = strchr(conf, '=');
    if (equals - conf >= (ptrdiff_t)sizeof key)
        return bad_usage("key of --conf is too long:", conf);
    memcpy(key, conf, (size_t)(equals - conf));
    key[equals - conf] = '\0';
    if (mr_session_start_conf(session, key, equals + 1, &err) == MR_OK)
        return -1;
    mr__print_error(&err, (MrText){0}, NULL);
    return MR_EXIT_USAGE;
}

/* A pipe has no size: it is read to its end. */
static MrStatus read_stdin(MrBuffer *script, MrError *err)
{
    char block[65536];
    size_t n;
    while ((n = fread(block, 1, sizeof block, stdin)) > 0)
        MR_TRY(mr_buffer_put(script, block, (int64_t)n, err));
    if (ferror(stdin))
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "read", "path", "standard input",
                       "message", strerror(errno));
    return MR_OK;
}

static int run_file(MrSession *session, const Cli *cli)
{
    MrError err = {.sql_idx = -1};
    MrBuffer script;
    int code = MR_EXIT_USAGE;
    mr_buffer_init(&script, mr_session_budget(session), 1 << 26);
    MrStatus status =
        strcmp(cli->file, "-") == 0
            ? read_stdin(&script, &err)
            : mr_os_read_file(mr_session_os(session), cli->file, 1 << 26, &script, &err);
    if (status != MR_OK)
        mr__print_error(&err, (MrText){0}, NULL);
    else
        code = mr__run_script(session, (MrText){script.data ? script.data : "", script.size_bytes},
                              strcmp(cli->file, "-") == 0 ? NULL : cli->file, cli->format);
    mr_buffer_deinit(&script);
    return code;
}

static int run_checkpoint(MrSession *session, const Cli *cli)
{
    MrError err = {.sql_idx = -1};
    MrStatus status = MR_OK, guarded = MR_OK;
    MrArena arena;
    mr_arena_init(&arena, mr_session_budget(session));
    MR_GUARD_BEGIN(guarded, &err)
        MrTextBuilder out = {.arena = &arena};
        status = mr_session_checkpoint_text(
            session, cli->checkpoint, strcmp(cli->checkpoint_verb, "verify") == 0, &out, &err);
        MrText text = mr_builder_text(&out); /* of a damaged one: what could be read */
        fwrite(text.data, 1, (size_t)text.size_bytes, stdout);
    MR_GUARD_END(guarded)
    if (status == MR_OK && guarded == MR_OK && fflush(stdout) != 0)
        status = mr__output_failed(&err);
    if (status != MR_OK || guarded != MR_OK)
        mr__print_error(&err, (MrText){0}, NULL);
    mr_arena_deinit(&arena);
    return status == MR_OK && guarded == MR_OK ? MR_EXIT_OK : MR_EXIT_FAILED;
}

static int run(MrSession *session, const Cli *cli)
{
    for (int i = 0; i < cli->n_confs; i++) {
        int code = apply_conf(session, cli->confs[i]);
        if (code >= 0)
            return code;
    }
    if (cli->checkpoint)
        return run_checkpoint(session, cli);
    if (cli->run)
        return mr__run_pipeline(session, cli->pipeline, cli->continuous, cli->quiet, cli->progress);
    mr__catch_interrupts(session);
    if (cli->golden)
        return mr__run_golden(session);
    if (cli->execute)
        return mr__run_script(session, mr_text(cli->execute), NULL, cli->format);
    if (cli->file)
        return run_file(session, cli);
    if (isatty(STDIN_FILENO))
        return mr__run_shell(session, cli->format);
    Cli from_stdin = *cli;
    from_stdin.file = "-";
    return run_file(session, &from_stdin);
}

int main(int argc, char **argv)
{
    const char *confs[argc + 1];
    Cli cli = {.confs = confs};
    MrError err = {.sql_idx = -1};
    MrSession *session = NULL;
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file that grows too large is an error of its write */
    mr_open_files_raise();
    /* What is typed and shown is UTF-8 wherever we run: widths and the line editor ask for it. */
    if (!setlocale(LC_CTYPE, "C.UTF-8"))
        setlocale(LC_CTYPE, "");
    mr_memory_keep();
    int code = parse_args(&cli, argc, argv);
    if (code >= 0)
        return code;
    MrSessionConfig config = {.warehouse = cli.warehouse, .test_functions = cli.functions};
    /* The warehouse may come as a setting too, before the session is there. */
    for (int i = 0; i < cli.n_confs; i++)
        if (!config.warehouse && strncmp(confs[i], "spark.sql.warehouse.dir=", 24) == 0)
            config.warehouse = confs[i] + 24;
    if (mr_session_create(&config, &session, &err) != MR_OK) {
        mr__print_error(&err, (MrText){0}, NULL);
        return MR_EXIT_FAILED;
    }
    code = run(session, &cli);
    mr_session_destroy(session);
    return code;
}
