/* handle.c - sessions as the public header has them, who holds them, and mistakes in its calls. */
#include "api/api_int.h"

#define THREADS_MAX 1024 /* of mr_session_open */

MrSession *mr__session_hold(MrSession *session)
{
    atomic_fetch_add_explicit(&session->n_holders, 1, memory_order_relaxed);
    return session;
}

void mr__session_let_go(MrSession *session)
{
    /* acq_rel: who ends it sees all that the others did. */
    if (atomic_fetch_sub_explicit(&session->n_holders, 1, memory_order_acq_rel) == 1)
        mr_session_destroy(session);
}

static void arrow_hold(void *session)
{
    (void)mr__session_hold(session);
}

static void arrow_let_go(void *session)
{
    mr__session_let_go(session);
}

MrArrowOwner mr__session_arrow_owner(MrSession *session)
{
    return (MrArrowOwner){&session->budget, arrow_hold, arrow_let_go, session};
}

MrStatus mr__bad_parameter(const char *function, const char *parameter, const char *expected,
                           const char *actual, MrError *err)
{
    return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", parameter, "functionName",
                   function, "expectedValue", expected, "actualValue", actual);
}

MrStatus mr__bad_number(const char *function, const char *parameter, const char *expected,
                        int64_t actual, MrError *err)
{
    char text[MR_I64_TEXT_MAX + 1] = {0};
    mr_i64_to_text(actual, text);
    return mr__bad_parameter(function, parameter, expected, text, err);
}

MrStatus mr__given(bool given, const char *function, const char *parameter, MrError *err)
{
    return given ? MR_OK : mr__bad_parameter(function, parameter, "not NULL", "NULL", err);
}

MrStatus mr_session_open(const MrSessionOptions *options, MrSession **session, MrError *err)
{
    static const MrSessionOptions defaults = {0};
    options = options ? options : &defaults;
    if (options->memory_limit_bytes < 0)
        return mr__bad_number(__func__, "memory_limit_bytes", "0 or more",
                              options->memory_limit_bytes, err);
    if (options->n_threads < 0 || options->n_threads > THREADS_MAX)
        return mr__bad_number(__func__, "n_threads", "0 to 1024", options->n_threads, err);
    return mr_session_create(&(MrSessionConfig){.warehouse = options->warehouse,
                                                .memory_limit_bytes = options->memory_limit_bytes,
                                                .n_threads = options->n_threads},
                             session, err);
}

void mr_session_close(MrSession *session)
{
    if (session)
        mr__session_let_go(session);
}

MrStatus mr_session_conf_set(MrSession *session, const char *key, const char *value, MrError *err)
{
    MR_TRY(mr__given(key != NULL, __func__, "key", err));
    MR_TRY(mr__given(value != NULL, __func__, "value", err));
    return mr_session_set_conf(session, key, value, err);
}

void mr_session_interrupt(MrSession *session)
{
    mr_session_cancel(session);
}
