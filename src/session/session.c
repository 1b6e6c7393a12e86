/* session.c - the life of a session, and its settings. */
#include "session/session_int.h"

#include <stdio.h>

#include "sql/sql.h"

#define ZONE_FILE_MAX (1 << 20)

static const char *settings_get(const void *conf, const char *key)
{
    return mr_conf_get(conf, key);
}

/* Zone files of the system; ids that are no plain names are not looked up. */
static MrStatus read_zone(void *self, const char *id, MrBuffer *out, MrError *err)
{
    MrOs *os = self;
    char path[MR_PATH_MAX];
    MrFileInfo info;
    if (strstr(id, "..") || id[0] == '/' || strlen(id) > 100)
        return MR_OK;
    snprintf(path, sizeof path, "/usr/share/zoneinfo/%s", id);
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists || info.is_dir)
        return MR_OK;
    return mr_os_read_file(os, path, ZONE_FILE_MAX, out, err);
}

/* TZ, else what /etc/timezone says, else UTC. */
static void system_zone(MrSession *session, char *id, size_t id_bytes)
{
    MrError ignored = {0};
    MrBuffer text;
    const char *env = getenv("TZ");
    snprintf(id, id_bytes, "%s", env && env[0] && env[0] != ':' ? env : "UTC");
    if (env && env[0])
        return;
    mr_buffer_init(&text, &session->budget, 4096);
    MrFileInfo info;
    if (session->os->stat(session->os, "/etc/timezone", &info, &ignored) == MR_OK && info.exists &&
        mr_os_read_file(session->os, "/etc/timezone", 4096, &text, &ignored) == MR_OK &&
        text.size_bytes > 0) {
        const char *end = memchr(text.data, '\n', (size_t)text.size_bytes);
        int64_t n = end ? end - text.data : text.size_bytes;
        if (n > 0 && n < (int64_t)id_bytes)
            snprintf(id, id_bytes, "%.*s", (int)n, text.data);
    }
    mr_buffer_deinit(&text);
}

/* Settings after a change of conf. */
static MrStatus session_refresh(MrSession *session, MrError *err)
{
    const MrConf *conf = session->conf;
    MrSettings *settings = &session->settings;
    const char *zone = mr_conf_get(conf, "spark.sql.session.timeZone");
    char id[sizeof session->zone_id];
    if (zone)
        snprintf(id, sizeof id, "%s", zone);
    else
        system_zone(session, id, sizeof id);
    MR_TRY(mr_zone_find(session->zones, id, &settings->zone, err));
    memcpy(session->zone_id, id, sizeof id);
    int64_t limit_bytes = 0;
    (void)mr_text_to_size(mr_text(mr_conf_get(conf, "millrace.memory.limit")), &limit_bytes);
    int64_t n_threads = mr_conf_i64(conf, "millrace.exec.threads");
    session->budget.limit_bytes = limit_bytes > 0 ? limit_bytes : INT64_MAX;
    session->n_threads = n_threads > 0 ? (int32_t)n_threads : session->n_threads_given;
    settings->zones = session->zones;
    settings->ansi = mr_conf_bool(conf, "spark.sql.ansi.enabled");
    settings->timestamp_ntz =
        mr_str_equal_nocase(mr_conf_get(conf, "spark.sql.timestampType"), "TIMESTAMP_NTZ");
    settings->case_sensitive = mr_conf_bool(conf, "spark.sql.caseSensitive");
    settings->legacy_interval = mr_conf_bool(conf, "spark.sql.legacy.interval.enabled");
    settings->zone_id = session->zone_id;
    settings->user = session->user;
    settings->database = session->database;
    settings->test_functions = session->test_functions;
    settings->get = settings_get;
    settings->conf = conf;
    session->sql_options = (MrSqlOptions){
        .ansi_keywords =
            settings->ansi && mr_conf_bool(conf, "spark.sql.ansi.enforceReservedKeywords"),
        .double_quoted_identifiers =
            settings->ansi && mr_conf_bool(conf, "spark.sql.ansi.doubleQuotedIdentifiers"),
        .escaped_string_literals = mr_conf_bool(conf, "spark.sql.parser.escapedStringLiterals"),
        .exponent_is_decimal =
            mr_conf_bool(conf, "spark.sql.legacy.exponentLiteralAsDecimal.enabled"),
        .setops_left_to_right = mr_conf_bool(conf, "spark.sql.legacy.setopsPrecedence.enabled"),
        .legacy_identifier_clause = mr_conf_bool(conf, "spark.sql.legacy.identifierClause"),
        .timestamp_ntz = settings->timestamp_ntz,
    };
    return MR_OK;
}

MrStatus mr_session_create(const MrSessionConfig *config, MrSession **out, MrError *err)
{
    MrStatus status = MR_OK;
    /* The process budget lives in the session: its own block is charged to a budget on the stack,
     * whose counters are then carried over. */
    MrBudget first;
    void *block = NULL;
    int64_t limit =
        config->memory_limit_bytes ? config->memory_limit_bytes : mr_memory_bytes() / 10 * 7;
    mr_budget_init(&first, "process", NULL, limit);
    first.fail_countdown = config->fail_countdown;
    MR_TRY(mr_budget_alloc_zeroed(&first, (int64_t)sizeof(MrSession), &block, err));
    MrSession *session = block;
    session->os = config->os ? config->os : mr_os_posix();
    mr_budget_init(&session->process, "process", NULL, limit);
    session->process.fail_countdown = config->fail_countdown;
    mr_budget_init(&session->budget, "session", &session->process, INT64_MAX);
    session->n_holders = 1;
    session->test_functions = config->test_functions;
    session->n_threads_given = config->n_threads ? config->n_threads : mr_cpu_count();
    const char *user = getenv("USER");
    snprintf(session->user, sizeof session->user, "%s", user && user[0] ? user : "root");
    snprintf(session->database, sizeof session->database, "%s", MR_CATALOG_DEFAULT);
    snprintf(session->warehouse, sizeof session->warehouse, "%s",
             config->warehouse ? config->warehouse : "spark-warehouse");
    snprintf(session->spill_dir, sizeof session->spill_dir, "%s",
             getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp");
    MR_GO(mr_mutex_create(&session->budget, &session->lock, err));
    MR_GO(mr_conf_create(&session->budget, &session->conf, err));
    MR_GO(mr_conf_create(&session->budget, &session->start_conf, err));
    MR_GO(mr_zones_create(&session->budget, read_zone, session->os, &session->zones, err));
    MR_GO(
        mr_catalog_open(session->os, &session->budget, session->warehouse, &session->catalog, err));
    MR_GO(mr_session_start_conf(session, "spark.sql.warehouse.dir", session->warehouse, err));
    *out = session;
done:
    if (status != MR_OK)
        mr_session_destroy(session);
    return status;
}

void mr_session_destroy(MrSession *session)
{
    if (!session)
        return;
    while (session->queries)
        mr_query_close(session->queries);
    mr__variables_clear(session);
    mr__memory_tables_clear(session);
    MrInterrupt *interrupt = atomic_load_explicit(&session->interrupts, memory_order_relaxed);
    while (interrupt) {
        MrInterrupt *next = interrupt->next;
        mr_budget_free(&session->budget, interrupt, (int64_t)sizeof *interrupt);
        interrupt = next;
    }
    mr_catalog_close(session->catalog);
    mr_zones_destroy(session->zones);
    mr_conf_destroy(session->conf);
    mr_conf_destroy(session->start_conf);
    if (session->lock)
        mr_mutex_destroy(session->lock);
    mr_budget_deinit(&session->budget);
    mr_budget_deinit(&session->process);
    MrBudget last;
    mr_budget_init(&last, "process", NULL, INT64_MAX);
    last.used_bytes = (int64_t)sizeof(MrSession);
    mr_budget_free(&last, session, (int64_t)sizeof(MrSession));
}

MrStatus mr_session_set_conf(MrSession *session, const char *key, const char *value, MrError *err)
{
    if (strcmp(key, "spark.sql.session.timeZone") == 0) {
        const MrZone *zone;
        MrStatus status = mr_zone_find(session->zones, value, &zone, err);
        if (status == MR_INVALID)
            return MR_FAIL(err, MR_COND_INVALID_CONF_VALUE__TIME_ZONE, "confValue", value,
                           "confName", key);
        MR_TRY(status);
    }
    int64_t size_bytes;
    if (strcmp(key, "millrace.memory.limit") == 0 && !mr_text_to_size(mr_text(value), &size_bytes))
        return MR_FAIL(err, MR_COND_INVALID_CONF_VALUE__TYPE_MISMATCH, "confName", key, "confValue",
                       value, "confType", "size");
    mr_mutex_lock(session->lock);
    MrStatus status = mr_conf_set(session->conf, key, value, err);
    if (status == MR_OK)
        status = session_refresh(session, err);
    mr_mutex_unlock(session->lock);
    return status;
}

MrStatus mr_session_start_conf(MrSession *session, const char *key, const char *value, MrError *err)
{
    MR_TRY(mr_session_set_conf(session, key, value, err));
    return mr_conf_set(session->start_conf, key, value, err);
}

MrStatus mr__session_unset(MrSession *session, const char *key, MrError *err)
{
    mr_mutex_lock(session->lock);
    mr_conf_unset(session->conf, key);
    MrStatus status = MR_OK;
    for (int32_t i = 0; i < mr_conf_n_set(session->start_conf) && status == MR_OK; i++) {
        MrOption start = mr_conf_set_at(session->start_conf, i);
        if (!key || strcmp(start.key, key) == 0)
            status = mr_conf_set(session->conf, start.key, start.value, err);
    }
    if (status == MR_OK)
        status = session_refresh(session, err);
    mr_mutex_unlock(session->lock);
    return status;
}

const char *mr_session_conf(const MrSession *session, const char *key)
{
    return mr_conf_get(session->conf, key);
}

MrStatus mr_session_split(MrSession *session, MrArena *arena, MrText script, int32_t *n_out,
                          MrText **out, MrError *err)
{
    return mr_sql_split(arena, script, n_out, out, err);
}

bool mr_session_is_complete(MrText script)
{
    return mr_sql_is_complete(script);
}

void mr_session_cancel(MrSession *session)
{
    atomic_store_explicit(&session->canceled, true, memory_order_relaxed);
    /* acquire: pairs with the release in mr_interrupt_take */
    MrInterrupt *interrupt = atomic_load_explicit(&session->interrupts, memory_order_acquire);
    for (; interrupt; interrupt = interrupt->next)
        atomic_store_explicit(&interrupt->canceled, true, memory_order_relaxed);
}

MrStatus mr_interrupt_take(MrSession *session, MrInterrupt **out, MrError *err)
{
    MrStatus status = MR_OK;
    void *block = NULL;
    mr_mutex_lock(session->lock);
    MrInterrupt *first = atomic_load_explicit(&session->interrupts, memory_order_relaxed);
    MrInterrupt *interrupt = first;
    while (interrupt && interrupt->taken)
        interrupt = interrupt->next;
    if (!interrupt) {
        status =
            mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrInterrupt), &block, err);
        interrupt = block;
        if (interrupt) {
            interrupt->next = first;
            atomic_store_explicit(&session->interrupts, interrupt, memory_order_release);
        }
    }
    if (interrupt) {
        interrupt->taken = true;
        atomic_store_explicit(&interrupt->canceled, false, memory_order_relaxed);
        *out = interrupt;
    }
    mr_mutex_unlock(session->lock);
    return status;
}

void mr_interrupt_give(MrSession *session, MrInterrupt *interrupt)
{
    mr_mutex_lock(session->lock);
    if (interrupt)
        interrupt->taken = false;
    mr_mutex_unlock(session->lock);
}

const _Atomic bool *mr_session_canceled(const MrSession *session)
{
    return &session->canceled;
}

void mr_session_script_begin(MrSession *session)
{
    mr_interrupt_over(session);
    atomic_fetch_add(&session->n_nested, 1);
}

void mr_session_script_end(MrSession *session)
{
    atomic_fetch_sub(&session->n_nested, 1);
    mr_interrupt_over(session);
}

const MrSettings *mr_session_settings(const MrSession *session)
{
    return &session->settings;
}

MrBudget *mr_session_budget(MrSession *session)
{
    return &session->budget;
}

MrOs *mr_session_os(MrSession *session)
{
    return session->os;
}
