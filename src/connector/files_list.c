/* files_list.c - the files behind the paths that a user gave, and the partition columns in their
 * folders.
 *
 * As Spark does it: names that begin with _ or . are hidden (but not _k=v); folders k=v are
 * partitions and are descended into, other folders only with recursiveFileLookup; a path that names
 * one file is that file.  Where a folder has a manifest (files_manifest.c), files that Millrace
 * wrote are seen only when the manifest names them. */
#include "connector/files_int.h"

#include "base/json.h"
#include "format/text_value.h"

#include <stdio.h>

typedef struct Lister {
    const MrConnectorContext *context;
    MrArena *arena;
    MrFileList *out;
    bool recursive;
    MrFilesMiss miss;
    bool may_lack; /* files that a manifest names, or the manifest itself, may be gone */
    const char *name_filter;
    int64_t before_us, after_us;
    MrFileHolds *holds;   /* NULL: none wanted */
    MrManifest *manifest; /* of the root being walked */
    int64_t n_root;       /* bytes of the root's path and slash */
    int64_t n_base;       /* of the path that partitions lie below */
} Lister;

const char *mr__files_plain_path(MrArena *arena, const char *path)
{
    if (strncmp(path, "file:", 5) == 0) {
        path += 5;
        if (strncmp(path, "//", 2) == 0 && path[2] == '/')
            path += 2;
    }
    char *plain = mr_arena_str(arena, path);
    size_t n = strlen(plain);
    while (n > 1 && plain[n - 1] == '/')
        plain[--n] = 0;
    return plain;
}

bool mr__files_flag(const MrConnectorContext *context, const char *name)
{
    char key[64];
    if (mr_option(&context->options, NULL, name))
        return mr_option_bool(&context->options, NULL, name);
    snprintf(key, sizeof key, "spark.sql.files.%s", name);
    const MrSettings *settings = context->settings;
    const char *set = settings && settings->get ? settings->get(settings->conf, key) : NULL;
    return set && mr_str_equal_nocase(set, "true");
}

static bool is_hidden(const char *name)
{
    return name[0] == '.' || (name[0] == '_' && !strchr(name, '='));
}

static bool wanted(const Lister *self, const char *name, int64_t modified_us)
{
    return (!self->name_filter || mr__glob_match(self->name_filter, name)) &&
           modified_us < self->before_us && modified_us > self->after_us;
}

static void add_file(Lister *self, const char *path, int64_t size_bytes, int64_t modified_us,
                     const MrFilePart *parts, int32_t n_parts)
{
    MrFilePart *own = MR_NEW_N(self->arena, MrFilePart, n_parts);
    if (n_parts > 0)
        memcpy(own, parts, (size_t)n_parts * sizeof *own);
    MrFileEntry entry = {.path = path,
                         .size_bytes = size_bytes,
                         .modified_us = modified_us,
                         .n_parts = n_parts,
                         .parts = own,
                         .n_base = self->recursive ? (int64_t)strlen(path) : self->n_base};
    if (self->manifest && (int64_t)strlen(path) > self->n_root)
        entry.has_crc =
            mr__manifest_file(self->manifest, path + self->n_root, &entry.size_bytes, &entry.crc);
    MR_PUSH(self->arena, self->out->files, self->out->n_files, self->out->cap_files, entry);
}

static void watch(Lister *self, const char *path, int64_t modified_us, int64_t size_bytes)
{
    MrFileWatch entry = {path, modified_us, size_bytes};
    MR_PUSH(self->arena, self->out->watches, self->out->n_watches, self->out->cap_watches, entry);
}

static MrStatus walk(Lister *self, const char *folder, MrFilePart *parts, int32_t n_parts,
                     int depth, MrError *err)
{
    MrOs *os = self->context->os;
    MrDirEntry *entries;
    int64_t n_entries;
    if (depth >= MR_FILES_DEPTH_MAX)
        return MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", folder);
    MR_TRY(os->list(os, folder, self->arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        const MrDirEntry *entry = &entries[i];
        MR_TRY(mr_poll_status(err));
        if (is_hidden(entry->name))
            continue;
        const char *path = mr_arena_printf(self->arena, "%s%s%s", folder,
                                           strcmp(folder, "/") == 0 ? "" : "/", entry->name);
        if (!entry->is_dir) {
            bool shown = !self->manifest || mr__manifest_shows(self->manifest, path + self->n_root);
            if (!shown && mr__manifest_lost(self->manifest) && !self->may_lack)
                return mr__manifest_fail_lost(
                    self->arena, mr_arena_strn(self->arena, path, self->n_root - 1), err);
            if (shown && wanted(self, entry->name, entry->modified_us))
                add_file(self, path, entry->size_bytes, entry->modified_us, parts, n_parts);
            continue;
        }
        bool is_part = !self->recursive && n_parts < MR_FILES_DEPTH_MAX &&
                       mr__part_of(self->arena, entry->name, &parts[n_parts]);
        if (is_part || self->recursive) {
            watch(self, path, entry->modified_us, -1);
            MR_TRY(walk(self, path, parts, n_parts + is_part, depth + 1, err));
        }
    }
    return MR_OK;
}

/* What lies at a path, as the manifest in self shows it.  base: partitions are those below it. */
static MrStatus list_shown(Lister *self, const char *path, const MrFileInfo *info, const char *base,
                           MrError *err)
{
    MrFilePart parts[MR_FILES_DEPTH_MAX];
    int32_t n_parts = 0;
    watch(self, path, info->modified_us, info->is_dir ? -1 : info->size_bytes);
    if (self->manifest && mr__manifest_log_path(self->manifest)) {
        MrFileInfo log;
        const char *log_path = mr_arena_str(self->arena, mr__manifest_log_path(self->manifest));
        MR_TRY(self->context->os->stat(self->context->os, log_path, &log, err));
        watch(self, log_path, log.modified_us, log.size_bytes);
    }
    self->n_base = (int64_t)strlen(path);
    if (base && !self->recursive) { /* basePath: k=v between it and the path count too */
        size_t n_base = strlen(base);
        if (strncmp(path, base, n_base) == 0 && path[n_base] == '/') {
            self->n_base = (int64_t)n_base;
            char *rest = mr_arena_str(self->arena, path + n_base + 1), *save = NULL;
            for (char *name = strtok_r(rest, "/", &save); name && n_parts < MR_FILES_DEPTH_MAX;
                 name = strtok_r(NULL, "/", &save))
                n_parts += mr__part_of(self->arena, name, &parts[n_parts]);
        }
    }
    if (info->is_dir)
        return walk(self, path, parts, n_parts, 0, err);
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    /* A file named on purpose is read even when it is hidden, but not when the manifest took it
     * back. */
    bool shown = !self->manifest || (int64_t)strlen(path) <= self->n_root ||
                 mr__manifest_shows(self->manifest, path + self->n_root);
    if (shown && wanted(self, name, info->modified_us))
        add_file(self, path, info->size_bytes, info->modified_us, parts, n_parts);
    return MR_OK;
}

/* A file that the manifest names and the listing of the folder did not meet; NULL: none. */
static const char *lost_file(Lister *self, const char *path, const MrFileInfo *info)
{
    if (!self->manifest || !info->is_dir || self->may_lack)
        return NULL;
    bool is_root = (int64_t)strlen(path) < self->n_root;
    const char *below = is_root ? "" : mr_arena_printf(self->arena, "%s/", path + self->n_root);
    return mr__manifest_unseen(self->manifest, below);
}

void mr__files_release(MrOs *os, MrBudget *budget, MrFileHolds *holds)
{
    for (int64_t i = 0; i < holds->n_holds; i++) {
        MrFileHold *hold = &holds->holds[i];
        MrManifest *manifest = NULL;
        MrError ignored = {0};
        os->file_close(hold->file);
        if (hold->gone && mr__manifest_read(os, budget, hold->root, &manifest, &ignored) == MR_OK &&
            manifest)
            mr__manifest_sweep(manifest, hold->root);
        mr__manifest_close(manifest);
    }
    holds->n_holds = 0;
}

/* Says that the root's files are read, before its manifest is.  A writer who is about to remove
 * what he has replaced is waited for. */
static MrStatus hold(Lister *self, const char *root, MrError *err)
{
    MrOs *os = self->context->os;
    MrFileInfo info;
    MrError ignored = {0};
    bool taken = false;
    const char *path = mr_arena_printf(self->arena, "%s/_millrace/readers", root);
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists)
        return MR_OK;
    MR_PUSH(self->arena, self->holds->holds, self->holds->n_holds, self->holds->cap_holds,
            ((MrFileHold){.root = root}));
    MrFile **file = &self->holds->holds[self->holds->n_holds - 1].file;
    if (os->file_open(os, path, MR_FILE_READ, file, &ignored) != MR_OK)
        return MR_OK; /* we may read the files, but not this one */
    for (int n_tries = 0; !taken && n_tries < 2000; n_tries++) {
        if (n_tries > 0)
            os->sleep_us(os, 1000);
        MR_TRY(mr_poll_status(err));
        MR_TRY(os->file_lock_shared(*file, &taken, err));
    }
    return MR_OK;
}

/* A path without wildcards that exists. */
static MrStatus list_root(Lister *self, const char *path, const MrFileInfo *info, const char *base,
                          MrError *err)
{
    MrStatus status;
    self->out->any_root = true;
    /* The manifest stands at the table's root, which is above k=v folders. */
    char *root = mr_arena_str(self->arena, path);
    for (char *slash; !info->is_dir || strchr((slash = strrchr(root, '/')) ? slash : root, '=');) {
        slash = strrchr(root, '/');
        if (!slash || slash == root)
            break;
        *slash = 0;
        if (!info->is_dir && !strchr((strrchr(root, '/') ? strrchr(root, '/') : root), '='))
            break;
    }
    self->n_root = (int64_t)strlen(root) + (strcmp(root, "/") != 0);
    MrFileList before = *self->out;
    if (self->holds)
        MR_TRY(hold(self, root, err));
    /* Between our look at the manifest and at the folder a writer may have replaced files: then
     * both are looked at again. */
    for (int n_tries = 0;; n_tries++) {
        const char *lost = NULL;
        MR_TRY(mr__manifest_read(self->context->os, self->context->budget, root, &self->manifest,
                                 err));
        if (self->holds && self->holds->n_holds > 0 && self->manifest)
            self->holds->holds[self->holds->n_holds - 1].gone =
                mr__manifest_has_gone(self->manifest);
        MR_GUARD_BEGIN(status, err) /* a refusal must not jump over the manifest's end */
            status = list_shown(self, path, info, base, err);
            if (status == MR_OK && (lost = lost_file(self, path, info)) != NULL)
                lost = mr_arena_printf(self->arena, "%s/%s", root, lost);
        MR_GUARD_END(status)
        mr__manifest_close(self->manifest);
        self->manifest = NULL;
        if (status != MR_OK || !lost)
            return status;
        if (n_tries == 3) {
            status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__FILE_NOT_EXIST, "path", lost);
            mr_error_add(err,
                         "in the manifest of '%s', which names it; put it back, or read what is "
                         "left with spark.sql.files.ignoreMissingFiles=true",
                         root);
            return status;
        }
        self->out->n_files = before.n_files;
        self->out->n_watches = before.n_watches;
    }
}

/* Wildcards component by component.  prefix: what is expanded; rest: what is not. */
static MrStatus expand(Lister *self, const char *prefix, const char *rest, const char *base,
                       int64_t *n_found, MrError *err)
{
    MrOs *os = self->context->os;
    while (*rest == '/')
        rest++;
    if (*rest == 0) {
        MrFileInfo info;
        MR_TRY(os->stat(os, prefix, &info, err));
        if (!info.exists)
            return MR_OK;
        ++*n_found;
        return list_root(self, prefix, &info, base, err);
    }
    const char *slash = strchr(rest, '/');
    const char *component = slash ? mr_arena_strn(self->arena, rest, slash - rest) : rest;
    const char *behind = slash ? slash + 1 : "";
    const char *separator = *prefix == 0 || prefix[strlen(prefix) - 1] == '/' ? "" : "/";
    if (!mr__glob_has(component)) {
        const char *path = mr_arena_printf(self->arena, "%s%s%s", prefix, separator, component);
        return expand(self, path, behind, base, n_found, err);
    }
    MrFileInfo info;
    const char *folder = *prefix ? prefix : ".";
    MR_TRY(os->stat(os, folder, &info, err));
    if (!info.exists || !info.is_dir)
        return MR_OK;
    MrDirEntry *entries;
    int64_t n_entries;
    MR_TRY(os->list(os, folder, self->arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        const char *name = entries[i].name;
        if (is_hidden(name) && *component != '.' && *component != '_')
            continue;
        if (mr__glob_match(component, name))
            MR_TRY(expand(self, mr_arena_printf(self->arena, "%s%s%s", prefix, separator, name),
                          behind, base, n_found, err));
    }
    return MR_OK;
}

static MrStatus list_path(Lister *self, const char *given, const char *base, MrError *err)
{
    const char *path = mr__files_plain_path(self->arena, given);
    const char *scheme = strstr(path, "://");
    if (scheme && scheme - path < 12)
        return MR_FAIL_UNSUPPORTED(err, "files at '%.*s://'", (int)(scheme - path), path);
    if (strlen(path) >= MR_PATH_MAX)
        return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", "(a path that is too long)");
    int64_t n_found = 0;
    MrFileInfo info;
    MrOs *os = self->context->os;
    MR_TRY(os->stat(os, path, &info, err)); /* a name with [ in it may just be a name */
    if (info.exists)
        return list_root(self, path, &info, base, err);
    self->out->globs = true; /* or not there yet */
    if (!*path || !mr__glob_is_whole(path))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "path", "functionName",
                       "files", "expectedValue", *path ? "a path or a whole pattern" : "a path",
                       "actualValue", given);
    if (mr__glob_has(path))
        MR_TRY(expand(self, *path == '/' ? "/" : "", path, base, &n_found, err));
    bool may_miss = self->miss == MR_FILES_MAY_MISS ||
                    (self->miss == MR_FILES_GLOBS_MAY_MISS && mr__glob_has(path));
    if (n_found == 0 && !may_miss)
        return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", given);
    return MR_OK;
}

static int compare_entries(const void *a, const void *b)
{
    return strcmp(((const MrFileEntry *)a)->path, ((const MrFileEntry *)b)->path);
}

static MrStatus option_time(const MrConnectorContext *context, MrArena *arena, const char *name,
                            int64_t fallback, int64_t *out, MrError *err)
{
    const char *text = mr_option(&context->options, NULL, name);
    *out = fallback;
    if (!text)
        return MR_OK;
    MrTextValue value;
    MR_TRY(mr_text_value_init(&value, arena, context->settings, MR_T(TIMESTAMP), NULL, err));
    MrVector *vec = mr_vector_create(arena, MR_T(TIMESTAMP), 1);
    MrEvalContext eval = {.settings = context->settings};
    if (!mr_text_value_set(&value, &eval, arena, mr_text(text), vec, 0))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", name, "functionName",
                       "files", "expectedValue", "a timestamp such as 2024-06-01T13:00:00",
                       "actualValue", text);
    *out = vec->i64[0];
    return MR_OK;
}

MrStatus mr__files_list(const MrConnectorContext *context, MrFilesMiss miss, MrFileHolds *holds,
                        MrArena *arena, MrFileList *out, MrError *err)
{
    const MrOptions *options = &context->options;
    Lister self = {.context = context,
                   .arena = arena,
                   .out = out,
                   .miss = miss,
                   .holds = holds,
                   .may_lack = mr__files_flag(context, "ignoreMissingFiles")};
    self.recursive = mr_option_bool(options, NULL, "recursiveFileLookup");
    self.name_filter = mr_option(options, NULL, "pathGlobFilter");
    MR_TRY(option_time(context, arena, "modifiedBefore", INT64_MAX, &self.before_us, err));
    MR_TRY(option_time(context, arena, "modifiedAfter", INT64_MIN, &self.after_us, err));
    const char *base = mr_option(options, NULL, "basePath");
    base = base ? mr__files_plain_path(arena, base) : NULL;
    *out = (MrFileList){0};
    int32_t n_paths = 0;
    const char *first = NULL;
    for (int32_t i = 0; i < options->n_options; i++) {
        const MrOption *option = &options->options[i];
        if (mr_str_equal_nocase(option->key, "path")) {
            /* A reference's own path and the table's may be given both; the same one is read once.
             */
            if (first && strcmp(first, option->value) == 0)
                continue;
            first = first ? first : option->value;
            n_paths++;
            MR_TRY(list_path(&self, option->value, base, err));
        } else if (mr_str_equal_nocase(option->key, "paths")) {
            MrJson *paths;
            MR_TRY(mr_json_parse(arena, mr_text(option->value), "option 'paths'", &paths, err));
            for (const MrJson *item = paths->first; item; item = item->next) {
                n_paths++;
                MR_TRY(list_path(&self,
                                 mr_arena_strn(arena, item->text.data, item->text.size_bytes), base,
                                 err));
            }
        }
    }
    if (n_paths == 0 && (!context->schema || context->streaming)) /* else a table of no files */
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "path", "functionName",
                       "files", "expectedValue", "a path", "actualValue", "nothing");
    if (out->n_files > 0)
        qsort(out->files, (size_t)out->n_files, sizeof *out->files, compare_entries);
    return MR_OK;
}

/* --- partition columns --- */

typedef enum PartKind {
    PART_NULL,
    PART_INT,
    PART_LONG,
    PART_DECIMAL,
    PART_DOUBLE,
    PART_DATE,
    PART_TIMESTAMP,
    PART_STRING
} PartKind;

static PartKind part_kind(const MrTextValue *date, const MrTextValue *timestamp, MrVector *trial,
                          MrArena *arena, const char *value)
{
    MrText text = mr_text(value);
    const char *stop;
    int64_t i64;
    double f64;
    MrI128 i128;
    MrEvalContext eval = {.settings = date->settings};
    if (mr_digits_i64(value, value + text.size_bytes, &i64, &stop) && *stop == 0)
        return i64 == (int32_t)i64 ? PART_INT : PART_LONG;
    bool digits = text.size_bytes > 0;
    for (int64_t i = 0; i < text.size_bytes; i++)
        digits &= (value[i] >= '0' && value[i] <= '9') || (i == 0 && value[i] == '-');
    if (digits && mr_text_to_decimal(text, 38, 0, &i128))
        return PART_DECIMAL;
    if (((*value >= '0' && *value <= '9') || *value == '-' || *value == '.') &&
        mr_text_to_f64(text, &f64))
        return PART_DOUBLE;
    if (mr_text_value_set(date, &eval, arena, text, trial, 0))
        return PART_DATE;
    return mr_text_value_set(timestamp, &eval, arena, text, trial, 0) ? PART_TIMESTAMP
                                                                      : PART_STRING;
}

static PartKind part_merge(PartKind a, PartKind b)
{
    PartKind low = a < b ? a : b, high = a < b ? b : a;
    if (low == PART_NULL || low == high)
        return high;
    if (high <= PART_DOUBLE)
        return high;
    return low == PART_DATE && high == PART_TIMESTAMP ? PART_TIMESTAMP : PART_STRING;
}

MrStatus mr__files_partition_fields(const MrConnectorContext *context, const MrFileList *list,
                                    MrArena *arena, MrField **out, int32_t *n_out, MrError *err)
{
    *n_out = 0;
    const MrFileEntry *first = NULL;
    for (int64_t i = 0; i < list->n_files && !first; i++)
        if (list->files[i].n_parts > 0)
            first = &list->files[i];
    if (!first)
        return MR_OK;
    const char *conf =
        context->settings && context->settings->get
            ? context->settings->get(context->settings->conf,
                                     "spark.sql.sources.partitionColumnTypeInference.enabled")
            : NULL;
    bool infer = !conf || !mr_str_equal_nocase(conf, "false");
    MrTextValue date, timestamp;
    MR_TRY(mr_text_value_init(&date, arena, context->settings, MR_T(DATE), NULL, err));
    date.bound = NULL; /* yyyy-MM-dd only */
    MR_TRY(mr_text_value_init(&timestamp, arena, context->settings, MR_T(TIMESTAMP), NULL, err));
    MrVector *trial = mr_vector_create(arena, MR_T(TIMESTAMP), 1);
    int32_t n = first->n_parts;
    PartKind *kinds = MR_NEW_N(arena, PartKind, n);
    const MrFileEntry *before = NULL;
    for (int64_t i = 0; i < list->n_files; i++) {
        const MrFileEntry *file = &list->files[i];
        bool same = file->n_parts == n;
        for (int32_t k = 0; same && k < n; k++)
            same = strcmp(file->parts[k].name, first->parts[k].name) == 0;
        if (!same)
            return MR_FAIL(err, MR_COND_CONFLICTING_PARTITION_COLUMN_NAMES, "distinctPartColLists",
                           mr_arena_printf(arena, "%d and %d columns", n, file->n_parts),
                           "suspiciousPaths",
                           mr_arena_printf(arena, "%s, %s", first->path, file->path));
        for (int32_t k = 0; k < n; k++) {
            const char *value = file->parts[k].value;
            if (!value ||
                (before && before->parts[k].value && strcmp(before->parts[k].value, value) == 0))
                continue;
            kinds[k] = part_merge(
                kinds[k], infer ? part_kind(&date, &timestamp, trial, arena, value) : PART_STRING);
        }
        before = file;
    }
    *out = MR_NEW_N(arena, MrField, n);
    for (int32_t k = 0; k < n; k++) {
        static const MrTypeKind types[] = {MR_TYPE_STRING,    MR_TYPE_INT,    MR_TYPE_BIGINT,
                                           MR_TYPE_DECIMAL,   MR_TYPE_DOUBLE, MR_TYPE_DATE,
                                           MR_TYPE_TIMESTAMP, MR_TYPE_STRING};
        const MrType *type =
            kinds[k] == PART_DECIMAL ? mr_type_decimal(arena, 38, 0) : &mr_types[types[kinds[k]]];
        (*out)[k] = (MrField){.name = first->parts[k].name, .type = type, .nullable = true};
    }
    *n_out = n;
    return MR_OK;
}
