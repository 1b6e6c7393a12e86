/* script.c - statements from -e and -f. */
#include "cli/cli_int.h"

#include <stdio_ext.h>

static MrStatus run_statement(MrSession *session, MrText sql, MrFormat format, MrError *err)
{
    MrQuery *query = NULL;
    MrStatus status = mr_session_query(session, sql, &query, err);
    if (status == MR_OK)
        status = mr__print_query(session, query, format, stdout, err);
    mr_query_close(query);
    return status;
}

int mr__run_script(MrSession *session, MrText script, const char *file, MrFormat format)
{
    MrStatus status;
    MrError err = {.sql_idx = -1};
    MrArena arena;
    MrText *statements = NULL;
    int32_t n_statements = 0;
    mr_arena_init(&arena, mr_session_budget(session));
    MR_GUARD_BEGIN(status, &err)
        status = mr_session_split(session, &arena, script, &n_statements, &statements, &err);
    MR_GUARD_END(status)
    mr_session_script_begin(session);
    for (int32_t i = 0; i < n_statements && status == MR_OK; i++) {
        err.sql_idx = -1;
        if (mr__interrupted())
            status = MR_FAIL(&err, MR_COND_OPERATION_CANCELED);
        else
            status = run_statement(session, statements[i], format, &err);
        if (status != MR_OK && err.sql_idx >= 0) /* the place in the script */
            err.sql_idx += (int32_t)(statements[i].data - script.data);
    }
    mr_session_script_end(session);
    if (status == MR_OK && (fflush(stdout) != 0 || ferror(stdout)))
        status = mr__output_failed(&err);
    if (status == MR_CANCELED) { /* what is not out yet stays in: its reader may wait, too */
        __fpurge(stdout);
        clearerr(stdout);
    }
    if (status != MR_OK && err.status != MR_OK)
        mr__print_error(&err, script, file);
    mr_arena_deinit(&arena);
    if (status == MR_CANCELED && err.status == MR_CANCELED) /* by Ctrl-C */
        return MR_EXIT_INTERRUPTED;
    return status == MR_OK ? MR_EXIT_OK : MR_EXIT_FAILED;
}
