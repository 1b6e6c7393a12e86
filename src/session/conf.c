/* conf.c - the settings: one table that SET, the checks and the manual read. */
#include "session/conf.h"

/* Sorted by key; the manual's page of settings is made from it. */
const MrConfDef mr_conf_defs[] = {
    {"millrace.checkpoint.snapshotBytes", MR_OPT_INT, "0", false,
     "State changes after which a snapshot is taken; 0: 64 MiB."},
    {"millrace.exec.batchRows", MR_OPT_INT, "0", false, "Rows a batch, for tests; 0: 2,048."},
    {"millrace.exec.threads", MR_OPT_INT, "0", false, "Worker threads; 0: as many as cores."},
    {"millrace.memory.limit", MR_OPT_TEXT, "0", false,
     "Bytes that queries may hold, with k, m or g; 0: 70 % of the machine's."},
    {"millrace.watermark.maxAheadSeconds", MR_OPT_INT, "0", false,
     "Event times that are further ahead of the clock do not move a watermark; 0: all do."},
    {"spark.sql.ansi.doubleQuotedIdentifiers", MR_OPT_BOOL, "false", false,
     "Text in double quotes is a name."},
    {"spark.sql.ansi.enabled", MR_OPT_BOOL, "true", false,
     "Errors instead of NULL or wrapped values."},
    {"spark.sql.ansi.enforceReservedKeywords", MR_OPT_BOOL, "false", false,
     "Reserved words are no names."},
    {"spark.sql.caseSensitive", MR_OPT_BOOL, "false", false, "Names differ by case."},
    {"spark.sql.cteRecursionLevelLimit", MR_OPT_INT, "100", false, "Levels of WITH RECURSIVE."},
    {"spark.sql.cteRecursionRowLimit", MR_OPT_INT, "1000000", false,
     "Rows of WITH RECURSIVE; -1: no limit."},
    {"spark.sql.files.ignoreCorruptFiles", MR_OPT_BOOL, "false", false,
     "The rest of a damaged file is skipped."},
    {"spark.sql.files.ignoreMissingFiles", MR_OPT_BOOL, "false", false,
     "A file that went away is skipped."},
    {"spark.sql.groupByAliases", MR_OPT_BOOL, "true", false,
     "GROUP BY may name the select list's aliases."},
    {"spark.sql.groupByOrdinal", MR_OPT_BOOL, "true", false, "GROUP BY 1 means the first column."},
    {"spark.sql.legacy.exponentLiteralAsDecimal.enabled", MR_OPT_BOOL, "false", false,
     "1E2 is a decimal."},
    {"spark.sql.legacy.interval.enabled", MR_OPT_BOOL, "false", false,
     "Intervals are calendar intervals."},
    {"spark.sql.legacy.setopsPrecedence.enabled", MR_OPT_BOOL, "false", false,
     "Set operations go from left to right."},
    {"spark.sql.orderByOrdinal", MR_OPT_BOOL, "true", false, "ORDER BY 1 means the first column."},
    {"spark.sql.parser.escapedStringLiterals", MR_OPT_BOOL, "false", false,
     "Backslashes in literals are kept."},
    {"spark.sql.session.timeZone", MR_OPT_TEXT, NULL, false,
     "Time zone of timestamps; the system's by default."},
    {"spark.sql.shuffle.partitions", MR_OPT_INT, "200", false,
     "Kept for Spark programs; Millrace chooses by itself."},
    {"spark.sql.sources.default", MR_OPT_TEXT, "parquet", false, "Format of tables without USING."},
    {"spark.sql.storeAssignmentPolicy", MR_OPT_TEXT, "ANSI", false,
     "How INSERT casts: ANSI, STRICT or LEGACY."},
    {"spark.sql.timeType.enabled", MR_OPT_BOOL, "false", false, "The type TIME may be used."},
    {"spark.sql.timestampType", MR_OPT_TEXT, "TIMESTAMP_LTZ", false, "What TIMESTAMP means."},
    {"spark.sql.warehouse.dir", MR_OPT_TEXT, "spark-warehouse", true,
     "Folder of managed tables and the catalog."},
    {0},
};

typedef struct ConfEntry {
    char *text; /* key, NUL, value, NUL */
    int64_t text_bytes;
} ConfEntry;

struct MrConf {
    MrBudget *budget;
    void *entries; /* ConfEntry, sorted by key */
    int64_t entries_bytes;
    int32_t n_entries;
};

MrStatus mr_conf_create(MrBudget *budget, MrConf **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, (int64_t)sizeof(MrConf), &block, err));
    *out = block;
    (*out)->budget = budget;
    return MR_OK;
}

void mr_conf_destroy(MrConf *conf)
{
    if (!conf)
        return;
    mr_conf_unset(conf, NULL);
    mr_budget_free(conf->budget, conf->entries, conf->entries_bytes);
    mr_budget_free(conf->budget, conf, (int64_t)sizeof *conf);
}

static ConfEntry *conf_entries(const MrConf *conf)
{
    return conf->entries;
}

const MrConf *mr_conf_copy(const MrConf *conf, MrArena *arena)
{
    MrConf *copy = MR_NEW(arena, MrConf);
    ConfEntry *entries = MR_NEW_N(arena, ConfEntry, conf->n_entries);
    for (int32_t i = 0; i < conf->n_entries; i++) {
        const ConfEntry *entry = &conf_entries(conf)[i];
        entries[i] = (ConfEntry){mr_arena_alloc(arena, entry->text_bytes), entry->text_bytes};
        memcpy(entries[i].text, entry->text, (size_t)entry->text_bytes);
    }
    *copy = (MrConf){.entries = entries, .n_entries = conf->n_entries};
    return copy;
}

/* Place of the key, or where it would stand. */
static int32_t conf_place(const MrConf *conf, const char *key, bool *found)
{
    int32_t low = 0, high = conf->n_entries;
    while (low < high) {
        int32_t middle = (low + high) / 2;
        if (strcmp(conf_entries(conf)[middle].text, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    *found = low < conf->n_entries && strcmp(conf_entries(conf)[low].text, key) == 0;
    return low;
}

const MrConfDef *mr_conf_find(const char *key)
{
    for (const MrConfDef *def = mr_conf_defs; def->key; def++)
        if (strcmp(def->key, key) == 0)
            return def;
    return NULL;
}

static MrStatus conf_check(const MrConfDef *def, const char *value, MrError *err)
{
    MrText text = mr_text(value);
    int64_t i64;
    double f64;
    bool right = true;
    switch (def->kind) {
    case MR_OPT_BOOL:
        right = mr_text_equal_nocase(text, MR_TEXT("true")) ||
                mr_text_equal_nocase(text, MR_TEXT("false"));
        break;
    case MR_OPT_INT:
        right = mr_text_to_i64(text, &i64);
        break;
    case MR_OPT_DOUBLE:
        right = mr_text_to_f64(text, &f64);
        break;
    case MR_OPT_TEXT:
        break;
    }
    if (right)
        return MR_OK;
    return MR_FAIL(err, MR_COND_INVALID_CONF_VALUE__TYPE_MISMATCH, "confName", def->key,
                   "confValue", value, "confType",
                   def->kind == MR_OPT_BOOL  ? "boolean"
                   : def->kind == MR_OPT_INT ? "int"
                                             : "double");
}

/* A key of ours that is not there: a slip, unlike Spark's many. */
static MrStatus fail_unknown(const char *key, const char *value, MrError *err)
{
    char requirement[160] = "a setting that there is";
    int best = 6;
    for (const MrConfDef *def = mr_conf_defs; def->key; def++) {
        int distance = mr_text_distance(mr_text(def->key), mr_text(key), best);
        if (distance < best) {
            best = distance;
            snprintf(requirement, sizeof requirement, "a setting that there is; did you mean %s?",
                     def->key);
        }
    }
    return MR_FAIL(err, MR_COND_INVALID_CONF_VALUE__REQUIREMENT, "confName", key, "confValue",
                   value, "confRequirement", requirement);
}

MrStatus mr_conf_set(MrConf *conf, const char *key, const char *value, MrError *err)
{
    const MrConfDef *def = mr_conf_find(key);
    bool ours = strncmp(key, "millrace.", 9) == 0;
    int64_t number;
    if (!def && ours)
        return fail_unknown(key, value, err);
    if (def)
        MR_TRY(conf_check(def, value, err));
    if (ours && def->kind == MR_OPT_INT && mr_text_to_i64(mr_text(value), &number) &&
        (number < 0 || number > INT32_MAX))
        return MR_FAIL(err, MR_COND_INVALID_CONF_VALUE__REQUIREMENT, "confName", key, "confValue",
                       value, "confRequirement", "from 0 to 2147483647");
    size_t key_bytes = strlen(key) + 1, value_bytes = strlen(value) + 1;
    void *text;
    MR_TRY(mr_budget_alloc(conf->budget, (int64_t)(key_bytes + value_bytes), &text, err));
    memcpy(text, key, key_bytes);
    memcpy((char *)text + key_bytes, value, value_bytes);
    ConfEntry entry = {text, (int64_t)(key_bytes + value_bytes)};
    bool found;
    int32_t place = conf_place(conf, key, &found);
    if (found) {
        ConfEntry *old = &conf_entries(conf)[place];
        mr_budget_free(conf->budget, old->text, old->text_bytes);
        *old = entry;
        return MR_OK;
    }
    int64_t need_bytes = (conf->n_entries + 1) * (int64_t)sizeof(ConfEntry);
    if (need_bytes > conf->entries_bytes) {
        MrStatus status = mr_budget_resize(conf->budget, &conf->entries, &conf->entries_bytes,
                                           2 * need_bytes, err);
        if (status != MR_OK) {
            mr_budget_free(conf->budget, entry.text, entry.text_bytes);
            return status;
        }
    }
    ConfEntry *entries = conf_entries(conf);
    memmove(entries + place + 1, entries + place,
            (size_t)(conf->n_entries - place) * sizeof *entries);
    entries[place] = entry;
    conf->n_entries++;
    return MR_OK;
}

void mr_conf_unset(MrConf *conf, const char *key)
{
    ConfEntry *entries = conf_entries(conf);
    int32_t n_kept = 0;
    for (int32_t i = 0; i < conf->n_entries; i++) {
        if (key && strcmp(entries[i].text, key) != 0)
            entries[n_kept++] = entries[i];
        else
            mr_budget_free(conf->budget, entries[i].text, entries[i].text_bytes);
    }
    conf->n_entries = n_kept;
}

const char *mr_conf_get(const MrConf *conf, const char *key)
{
    bool found;
    int32_t place = conf_place(conf, key, &found);
    if (found)
        return conf_entries(conf)[place].text + strlen(key) + 1;
    const MrConfDef *def = mr_conf_find(key);
    return def ? def->fallback : NULL;
}

bool mr_conf_bool(const MrConf *conf, const char *key)
{
    const char *value = mr_conf_get(conf, key);
    return value && mr_str_equal_nocase(value, "true");
}

int64_t mr_conf_i64(const MrConf *conf, const char *key)
{
    const char *value = mr_conf_get(conf, key);
    int64_t i64;
    return value && mr_text_to_i64(mr_text(value), &i64) ? i64 : 0;
}

int32_t mr_conf_n_set(const MrConf *conf)
{
    return conf->n_entries;
}

MrOption mr_conf_set_at(const MrConf *conf, int32_t idx)
{
    const char *key = conf_entries(conf)[idx].text;
    return (MrOption){key, key + strlen(key) + 1};
}
