/* files_sink.c - writing files so that readers see whole epochs only (RELIABILITY 2.5 "Files").
 *
 * Writers stage files and tell of them in tokens (files_writer.c).  commit links each file to
 * its final name without replacing (D5; a name that is taken must hold the same bytes: D6), syncs
 * the folders, appends the epoch to the manifest, and only then drops the staged names.  Every step
 * may be repeated: what is done is recognised.  A batch overwrite takes the old files out in the
 * same manifest entry and deletes them after it. */
#include "connector/files_int.h"

#include "base/hash.h"
#include "base/json.h"

#include <inttypes.h>
#include <stdio.h>

#define READ_BYTES (INT64_C(64) << 10)

/* --- the sink --- */

static const char *get_option(const void *self, const char *name)
{
    return mr_option(self, NULL, name);
}

/* Query ids become parts of names: anything unusual is replaced by its hash. */
static const char *safe_id(MrArena *arena, const char *id)
{
    size_t n = strlen(id);
    bool plain = n > 0 && n <= 64;
    for (size_t i = 0; i < n; i++)
        plain = plain && ((id[i] >= 'a' && id[i] <= 'z') || (id[i] >= 'A' && id[i] <= 'Z') ||
                          (id[i] >= '0' && id[i] <= '9') || id[i] == '-');
    return plain ? mr_arena_str(arena, id)
                 : mr_arena_printf(arena, "%016" PRIx64, mr_hash_stable(id, (int64_t)n, 0));
}

static MrStatus choose_codec(MrFilesSink *self, MrError *err)
{
    const MrSettings *settings = self->context->settings;
    const char *name = mr_option(&self->context->options, NULL, "compression");
    if (!name)
        name = mr_option(&self->context->options, NULL, "codec");
    if (!self->format) {
        if (!name && settings && settings->get)
            name = settings->get(settings->conf, "spark.sql.parquet.compression.codec");
        name = name ? name : "snappy";
        MR_TRY(mr_parquet_codec_find(name, &self->parquet.codec, err));
        self->ending = self->parquet.codec == MR_PARQUET_NONE     ? ".mr.parquet"
                       : self->parquet.codec == MR_PARQUET_SNAPPY ? ".mr.snappy.parquet"
                       : self->parquet.codec == MR_PARQUET_GZIP   ? ".mr.gz.parquet"
                       : self->parquet.codec == MR_PARQUET_ZSTD   ? ".mr.zstd.parquet"
                                                                  : ".mr.lz4.parquet";
        return MR_OK;
    }
    static const struct {
        const char *name, *ending;
        MrPacking packing;
    } codecs[] = {{"none", "", MR_PACK_NONE},     {"uncompressed", "", MR_PACK_NONE},
                  {"gzip", ".gz", MR_PACK_GZIP},  {"deflate", ".deflate", MR_PACK_DEFLATE},
                  {"zstd", ".zst", MR_PACK_ZSTD}, {"lz4", ".lz4", MR_PACK_LZ4}};
    int64_t i = 0;
    while (name && i < MR_COUNT(codecs) && !mr_str_equal_nocase(codecs[i].name, name))
        i++;
    if (i == MR_COUNT(codecs))
        return MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE__WITH_AVAILABLE_CODECS_SUGGESTION,
                       "codecName", name, "availableCodecs", "none, gzip, deflate, zstd, lz4");
    self->packing = codecs[i].packing;
    self->ending = mr_arena_printf(&self->arena, ".mr.%s%s",
                                   self->format == &mr_format_text ? "txt" : self->format->name,
                                   codecs[i].ending);
    return MR_OK;
}

/* The option, or the setting of the same name: Spark hands both to parquet-mr. */
static const char *parquet_option(const MrFilesSink *self, const char *name)
{
    const MrSettings *settings = self->context->settings;
    const char *value = mr_option(&self->context->options, NULL, name);
    return value || !settings || !settings->get ? value : settings->get(settings->conf, name);
}

static MrStatus choose_encodings(MrFilesSink *self, MrError *err)
{
    static const struct {
        const char *value;
        bool v2;
    } versions[] = {{"v1", false}, {"PARQUET_1_0", false}, {"v2", true}, {"PARQUET_2_0", true}};
    const char *version = parquet_option(self, "parquet.writer.version");
    const char *dictionary = parquet_option(self, "parquet.enable.dictionary");
    int64_t i = 0;
    while (version && i < MR_COUNT(versions) && !mr_str_equal_nocase(versions[i].value, version))
        i++;
    if (i == MR_COUNT(versions))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "parquet.writer.version",
                       "functionName", "parquet", "expectedValue",
                       "v1, PARQUET_1_0, v2 or PARQUET_2_0", "actualValue", version);
    self->parquet.v2 = versions[i].v2;
    self->parquet.no_dictionary = dictionary && mr_str_equal_nocase(dictionary, "false");
    if (dictionary && !self->parquet.no_dictionary && !mr_str_equal_nocase(dictionary, "true"))
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter",
                       "parquet.enable.dictionary", "functionName", "parquet", "expectedValue",
                       "true or false", "actualValue", dictionary);
    return MR_OK;
}

static MrStatus check_parquet(const MrSchema *schema, MrArena *arena, MrError *err)
{
    for (int32_t i = 0; i < schema->n_cols; i++)
        if (schema->cols[i].type->kind == MR_TYPE_INTERVAL)
            return MR_FAIL(err, MR_COND_UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE, "format", "Parquet",
                           "columnName", mr_quote_name(arena, schema->cols[i].name), "columnType",
                           "\"INTERVAL\"");
    return MR_OK;
}

/* False: all there is was left by a batch write that failed: no data, no _SUCCESS, nobody at work.
 * A folder that somebody made and left empty counts as there, as in Spark. */
static MrStatus holds_anything(MrFilesSink *self, bool *out, MrError *err)
{
    MrOs *os = self->context->os;
    MrFileInfo info;
    MrDirEntry *entries;
    int64_t n_entries, n_staged = 0;
    const char *staging = mr_arena_printf(&self->arena, "%s/_millrace/staging", self->root);
    MR_TRY(os->list(os, self->root, &self->arena, &entries, &n_entries, err));
    *out = n_entries != 1 || strcmp(entries[0].name, "_millrace") != 0;
    MR_TRY(os->stat(os, staging, &info, err));
    if (*out || !info.exists)
        return MR_OK;
    MR_TRY(os->list(os, staging, &self->arena, &entries, &n_staged, err));
    *out = n_staged > 0;
    return MR_OK;
}

static MrStatus sink_init(MrFilesSink *self, MrError *err)
{
    const MrConnectorContext *context = self->context;
    const MrSinkSpec *spec = self->spec;
    MrArena *arena = &self->arena;
    MrOs *os = context->os;
    const char *path = mr_option(&context->options, NULL, "path");
    if (!path)
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "path", "functionName",
                       "files", "expectedValue", "a folder", "actualValue", "nothing");
    self->root = mr__files_plain_path(arena, path);
    const char *scheme = strstr(self->root, "://");
    if (scheme)
        return MR_FAIL_UNSUPPORTED(err, "writing files to '%.*s://'", (int)(scheme - self->root),
                                   self->root);
    self->query = safe_id(arena, spec->query_id ? spec->query_id : "batch");
    self->staging = mr_arena_printf(arena, "%s/_millrace/staging/%s", self->root, self->query);
    MrField *fields = MR_NEW_N(arena, MrField, spec->schema->n_cols);
    self->data_cols = MR_NEW_N(arena, int32_t, spec->schema->n_cols);
    self->data.cols = fields;
    for (int32_t i = 0; i < spec->schema->n_cols; i++) {
        bool is_part = false;
        for (int32_t k = 0; k < spec->n_partition_cols; k++)
            is_part |= spec->partition_cols[k] == i;
        if (is_part) {
            if (mr_type_is_nested(spec->schema->cols[i].type) ||
                spec->schema->cols[i].type->kind == MR_TYPE_BINARY)
                return MR_FAIL(err, MR_COND_INVALID_PARTITION_COLUMN_DATA_TYPE, "type",
                               mr_type_sql_text(arena, spec->schema->cols[i].type));
            continue;
        }
        self->data_cols[self->data.n_cols] = i;
        fields[self->data.n_cols++] = spec->schema->cols[i];
    }
    if (self->data.n_cols == 0 && spec->n_partition_cols > 0)
        return MR_FAIL(err, MR_COND_ALL_PARTITION_COLUMNS_NOT_ALLOWED);
    if (self->format) {
        MrFormatOptions options = {
            .get = get_option, .self = &context->options, .settings = context->settings};
        MR_TRY(self->format->configure(arena, &options, &self->config, err));
        MR_TRY(self->format->write_check(self->config, &self->data, err));
    } else {
        MR_TRY(check_parquet(&self->data, arena, err));
        MR_TRY(choose_encodings(self, err));
    }
    MR_TRY(choose_codec(self, err));
    bool alone = context->streaming && spec->save_mode == MR_SAVE_OVERWRITE;
    mr__staging_sweep(os, self->budget, self->root, alone ? self->query : NULL);
    if (!context->streaming) {
        MrFileInfo info;
        MR_TRY(os->stat(os, self->root, &info, err));
        if (info.exists && info.is_dir)
            MR_TRY(holds_anything(self, &info.exists, err));
        if (info.exists && spec->save_mode == MR_SAVE_ERROR)
            return MR_FAIL(err, MR_COND_PATH_ALREADY_EXISTS, "outputPath", path);
        if (info.exists && spec->save_mode == MR_SAVE_IGNORE) {
            self->ignore = true;
            return MR_OK;
        }
        if (info.exists && !info.is_dir)
            return MR_FAIL(err, MR_COND_PATH_ALREADY_EXISTS, "outputPath", path);
        const char *dynamic = mr_option(&context->options, NULL, "partitionOverwriteMode");
        if (!dynamic && context->settings && context->settings->get)
            dynamic = context->settings->get(context->settings->conf,
                                             "spark.sql.sources.partitionOverwriteMode");
        self->dynamic = dynamic && mr_str_equal_nocase(dynamic, "dynamic") &&
                        spec->n_partition_cols > 0 && !spec->whole;
    }
    self->clean_due = context->streaming;
    MR_TRY(mr__manifest_prepare(os, self->budget, self->root,
                                !context->streaming && spec->save_mode == MR_SAVE_OVERWRITE, err));
    if (!context->streaming)
        MR_TRY(mr__staging_claim(os, arena, self->root, self->query, &self->lock, err));
    return os->make_dir(os, self->staging, err);
}

MrStatus mr__files_open_sink(const MrConnectorContext *context, const MrConnectorType *type,
                             const MrSinkSpec *spec, MrSink **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(context->budget, sizeof(MrFilesSink), &block, err));
    MrFilesSink *self = block;
    self->base.type = type;
    self->context = context;
    self->spec = spec;
    self->budget = context->budget;
    self->format = mr_row_format_find(type->name);
    mr_arena_init(&self->arena, context->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = sink_init(self, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr__files_close_sink(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

void mr__files_close_sink(MrSink *sink)
{
    MrFilesSink *self = (MrFilesSink *)sink;
    if (!self)
        return;
    /* A batch leaves nothing; a stream's may be needed to finish an epoch. */
    mr__staging_release(self->context->os, self->root, self->query, self->lock);
    mr__manifest_close(self->manifest);
    mr_arena_deinit(&self->arena);
    mr_budget_free(self->budget, self, sizeof *self);
}

/* --- commit --- */

typedef struct Commit {
    MrFilesSink *sink;
    MrArena arena;
    MrStagedFile *files;
    int64_t n_files, cap_files;
    MrFileList old; /* overwrite: what was seen before */
    MrFile *lock;   /* of the manifest, while it is changed */
} Commit;

static MrStatus tokens_read(Commit *self, const MrText *tokens, int32_t n_tokens, MrError *err)
{
    for (int32_t t = 0; t < n_tokens; t++) {
        MrJson *token;
        MR_TRY(mr_json_parse(&self->arena, tokens[t], "file sink's token", &token, err));
        const MrJson *files = mr_json_get(token, "files");
        for (const MrJson *file = files ? files->first : NULL; file; file = file->next) {
            const MrJson *staged = file->first, *final = staged ? staged->next : NULL,
                         *size = final ? final->next : NULL, *crc = size ? size->next : NULL;
            int64_t size_bytes, crc_value;
            if (!crc || !mr_text_to_i64(size->text, &size_bytes) ||
                !mr_text_to_i64(crc->text, &crc_value) || staged->kind != MR_JSON_STRING ||
                final->kind != MR_JSON_STRING)
                return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a token of the file sink");
            MrStagedFile entry = {staged->text.data, final->text.data, size_bytes,
                                  (uint32_t)crc_value};
            MR_PUSH(&self->arena, self->files, self->n_files, self->cap_files, entry);
        }
    }
    return MR_OK;
}

/* Does the file hold these bytes? */
static MrStatus file_same(MrFilesSink *sink, const char *path, const MrStagedFile *file, bool *same,
                          MrError *err)
{
    MrOs *os = sink->context->os;
    MrFileInfo info;
    *same = false;
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists || info.size_bytes != file->size_bytes)
        return MR_OK;
    MrFile *opened = NULL;
    void *block = NULL;
    uint32_t crc = 0;
    MrStatus status = MR_OK;
    MR_GO(os->file_open(os, path, MR_FILE_READ, &opened, err));
    MR_GO(mr_budget_alloc(sink->budget, READ_BYTES, &block, err));
    for (int64_t at = 0; at < file->size_bytes;) {
        int64_t n_read;
        MR_GO(os->file_read_at(opened, at, block, READ_BYTES, &n_read, err));
        if (n_read == 0)
            goto done;
        crc = mr_crc32c(block, n_read, crc);
        at += n_read;
    }
    *same = crc == file->crc;
done:
    os->file_close(opened);
    mr_budget_free(sink->budget, block, READ_BYTES);
    return status;
}

static MrStatus publish_one(Commit *self, const MrStagedFile *file, MrError *err)
{
    MrFilesSink *sink = self->sink;
    MrOs *os = sink->context->os;
    const char *staged = mr_arena_printf(&self->arena, "%s/%s", sink->staging, file->staged);
    const char *final = mr_arena_printf(&self->arena, "%s/%s", sink->root, file->final);
    const char *slash = strrchr(file->final, '/');
    if (slash)
        MR_TRY(os->make_dir(os,
                            mr_arena_printf(&self->arena, "%s/%.*s", sink->root,
                                            (int)(slash - file->final), file->final),
                            err));
    MrFileInfo info;
    bool exists = true, same;
    MR_TRY(os->stat(os, staged, &info, err));
    if (info.exists)
        MR_TRY(os->link(os, staged, final, &exists, err));
    if (!exists)
        return MR_OK;
    MR_TRY(
        file_same(sink, final, file, &same, err)); /* an earlier attempt at this commit was here */
    if (same)
        return MR_OK;
    MrStatus status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", final);
    mr_error_add(
        err, "the committed file is not there or holds other bytes (expected %lld bytes, CRC %08x)",
        (long long)file->size_bytes, file->crc);
    return status;
}

static int compare_files(const void *a, const void *b)
{
    return strcmp(((const MrStagedFile *)a)->final, ((const MrStagedFile *)b)->final);
}

static MrStatus publish(Commit *self, MrError *err)
{
    MrFilesSink *sink = self->sink;
    MrOs *os = sink->context->os;
    if (self->n_files > 0)
        qsort(self->files, (size_t)self->n_files, sizeof *self->files, compare_files);
    const char *folder = NULL;
    int64_t n_folder = 0;
    for (int64_t i = 0; i < self->n_files; i++) {
        const char *final = self->files[i].final, *slash = strrchr(final, '/');
        int64_t n = slash ? slash - final : 0;
        if (folder && (n != n_folder || memcmp(folder, final, (size_t)n) != 0))
            MR_TRY(os->dir_sync(
                os, mr_arena_printf(&self->arena, "%s/%.*s", sink->root, (int)n_folder, folder),
                MR_STEP_SINK_FOLDER_SYNC, err));
        folder = final;
        n_folder = n;
        MR_TRY(publish_one(self, &self->files[i], err));
    }
    if (folder)
        MR_TRY(os->dir_sync(
            os, mr_arena_printf(&self->arena, "%s/%.*s", sink->root, (int)n_folder, folder),
            MR_STEP_SINK_FOLDER_SYNC, err));
    return MR_OK;
}

/* An overwrite of named partitions replaces these; a dynamic one those of them that it writes
 * to. */
static MrStatus is_replaced(Commit *self, const char *path, bool *out, MrError *err)
{
    MrFilesSink *sink = self->sink;
    *out = true;
    if (sink->spec->replaced) {
        MrFileEntry file = {.path = path}; /* below the root */
        MrVerdict verdict;
        mr__parts_of_file(&self->arena, &file);
        MR_TRY(mr__parts_test(sink->context, sink->budget, sink->spec->schema, sink->spec->replaced,
                              &file, &verdict, err));
        *out = verdict == MR_VERDICT_TRUE;
    }
    const char *slash = strrchr(path, '/');
    int64_t n = slash ? slash - path + 1 : 0;
    bool writes = !sink->dynamic;
    for (int64_t i = 0; i < self->n_files && !writes; i++) {
        const char *final = self->files[i].final, *end = strrchr(final, '/');
        writes = (end ? end - final + 1 : 0) == n && memcmp(final, path, (size_t)n) == 0;
    }
    *out = *out && writes;
    return MR_OK;
}

/* Under the manifest's lock. */
static MrStatus basis_check(Commit *self, MrError *err)
{
    MrSource *basis = self->sink->spec->basis;
    const char *before, *now;
    if (!basis)
        return MR_OK;
    MR_TRY(basis->type->content(basis, false, &self->arena, &before, err));
    MR_TRY(basis->type->content(basis, true, &self->arena, &now, err));
    if (strcmp(before, now) == 0)
        return MR_OK;
    MrStatus status = MR_FAIL(err, MR_COND_CONCURRENT_QUERY);
    mr_error_add(err, "'%s' is as the others have left it; run the statement again",
                 self->sink->root);
    return status;
}

/* What an overwrite takes away: the files in the folder as it is now, and those that only the
 * manifest still knows, as somebody deleted them. */
static MrStatus replaced_files(Commit *self, MrManifestEntry *entry, MrError *err)
{
    MrFilesSink *sink = self->sink;
    size_t n_root = strlen(sink->root) + 1;
    int64_t n_known = mr__manifest_n_files(sink->manifest);
    MrOption of_root[] = {{"path", sink->root}, {"ignoreMissingFiles", "true"}};
    MrConnectorContext context = {.os = sink->context->os,
                                  .budget = sink->budget,
                                  .settings = sink->context->settings,
                                  .options = {MR_COUNT(of_root), of_root}};
    MR_TRY(mr__files_list(&context, MR_FILES_MAY_MISS, NULL, &self->arena, &self->old, err));
    entry->removed = MR_NEW_N(&self->arena, const char *, self->old.n_files + n_known);
    bool replaced;
    for (int64_t i = 0; i < self->old.n_files; i++) {
        const char *path = self->old.files[i].path + n_root;
        (void)mr__manifest_shows(sink->manifest, path);
        MR_TRY(is_replaced(self, path, &replaced, err));
        if (replaced)
            entry->removed[entry->n_removed++] = path;
    }
    for (const char *lost; (lost = mr__manifest_unseen(sink->manifest, "")) != NULL;) {
        (void)mr__manifest_shows(sink->manifest, lost);
        MR_TRY(is_replaced(self, lost, &replaced, err));
        if (replaced)
            entry->removed[entry->n_removed++] = mr_arena_str(&self->arena, lost);
    }
    return MR_OK;
}

static MrStatus entry_append(Commit *self, MrManifestEntry *entry, MrError *err)
{
    MrManifestFile *added = MR_NEW_N(&self->arena, MrManifestFile, self->n_files);
    for (int64_t i = 0; i < self->n_files; i++)
        added[i] =
            (MrManifestFile){self->files[i].final, self->files[i].size_bytes, self->files[i].crc};
    entry->added = added;
    entry->n_added = self->n_files;
    return mr__manifest_append(self->sink->manifest, self->sink->root, entry, err);
}

static MrStatus commit_run(Commit *self, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                           MrError *err)
{
    MrFilesSink *sink = self->sink;
    MrArena *arena = &self->arena;
    MrOs *os = sink->context->os;
    bool overwrite = !sink->context->streaming && sink->spec->save_mode == MR_SAVE_OVERWRITE;
    /* Complete mode rewrites the whole result each epoch; a stream that was told so begins with an
     * empty folder. */
    overwrite |= sink->context->streaming &&
                 (sink->spec->output_mode == MR_MODE_COMPLETE ||
                  (sink->spec->save_mode == MR_SAVE_OVERWRITE && epoch.epoch == 0));
    MR_TRY(tokens_read(self, tokens, n_tokens, err));
    bool has = false;
    if (!sink->manifest)
        MR_TRY(mr__manifest_read(os, sink->budget, sink->root, &sink->manifest, err));
    MR_TRY(mr__manifest_has(sink->manifest, sink->query, epoch.epoch, epoch.lineage, &has, err));
    MrManifestEntry entry = {.query = sink->query,
                             .epoch = epoch.epoch,
                             .lineage = epoch.lineage,
                             .batch = !sink->context->streaming};
    bool empty = sink->context->streaming && self->n_files == 0;
    if (!has)
        MR_TRY(publish(self, err));
    if (!has && (overwrite || !empty)) {
        MR_TRY(mr__manifest_lock(os, arena, sink->root, &self->lock, err));
        MR_TRY(mr__manifest_refresh(os, sink->budget, arena, sink->root, &sink->manifest, err));
        MR_TRY(
            mr__manifest_has(sink->manifest, sink->query, epoch.epoch, epoch.lineage, &has, err));
        if (overwrite && !has) {
            MR_TRY(basis_check(self, err));
            MR_TRY(replaced_files(self, &entry, err));
        }
        if (!has && (entry.n_removed > 0 || !empty))
            MR_TRY(entry_append(self, &entry, err));
        os->file_close(self->lock);
        self->lock = NULL;
    }
    /* From here on nothing can be lost: what fails below is only left over. */
    MrError ignored = {0};
    for (int64_t i = 0; i < entry.n_removed; i++) {
        const char *slash = strrchr(entry.removed[i], '/');
        if (!mr__manifest_is_ours(slash ? slash + 1 : entry.removed[i]) &&
            os->remove(os, mr_arena_printf(arena, "%s/%s", sink->root, entry.removed[i]),
                       &ignored) != MR_OK)
            break;
    }
    if (sink->manifest)
        mr__manifest_sweep(sink->manifest, sink->root);
    for (int64_t i = 0; i < self->n_files; i++)
        if (os->remove(os, mr_arena_printf(arena, "%s/%s", sink->staging, self->files[i].staged),
                       &ignored) != MR_OK)
            break;
    if (!sink->context->streaming) {
        MrFile *success = NULL;
        if (os->file_open(os, mr_arena_printf(arena, "%s/_SUCCESS", sink->root), MR_FILE_CREATE,
                          &success, &ignored) == MR_OK)
            os->file_close(success);
    }
    return MR_OK;
}

/* Removes staged names of this query whose epoch lies outside [keep_from, keep_to]. */
static MrStatus staging_clean(MrFilesSink *self, int64_t keep_from, int64_t keep_to, MrError *err)
{
    MrOs *os = self->context->os;
    MrArena arena;
    mr_arena_init(&arena, self->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        MrFileInfo info;
        MrDirEntry *entries = NULL;
        int64_t n_entries = 0;
        status = os->stat(os, self->staging, &info, err);
        if (status == MR_OK && info.exists)
            status = os->list(os, self->staging, &arena, &entries, &n_entries, err);
        for (int64_t i = 0; status == MR_OK && i < n_entries; i++) {
            const char *dot = strchr(entries[i].name, '.');
            int64_t epoch;
            if (dot && mr_text_to_i64((MrText){entries[i].name, dot - entries[i].name}, &epoch) &&
                (epoch < keep_from || epoch > keep_to))
                status = os->remove(
                    os, mr_arena_printf(&arena, "%s/%s", self->staging, entries[i].name), err);
        }
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

MrStatus mr__files_commit(MrSink *sink, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                          MrError *err)
{
    MrFilesSink *self = (MrFilesSink *)sink;
    if (self->ignore)
        return MR_OK;
    Commit commit = {.sink = self};
    mr_arena_init(&commit.arena, self->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = commit_run(&commit, epoch, tokens, n_tokens, err);
    MR_GUARD_END(status)
    self->context->os->file_close(commit.lock);
    mr_arena_deinit(&commit.arena);
    if (status == MR_OK && self->clean_due) { /* attempts of before a crash that did not win */
        self->clean_due = false;
        MrError ignored = {0};
        if (staging_clean(self, epoch.epoch + 1, INT64_MAX, &ignored) != MR_OK)
            self->clean_due = true;
    }
    return status;
}

MrStatus mr__files_check_mark(MrSink *sink, MrEpochMark mark, MrError *err)
{
    MrFilesSink *self = (MrFilesSink *)sink;
    MrEpochMark held;
    mr__manifest_close(self->manifest);
    self->manifest = NULL;
    MR_TRY(mr__manifest_read(self->context->os, self->budget, self->root, &self->manifest, err));
    bool any = mr__manifest_mark(self->manifest, self->query, &held);
    if (any &&
        (held.epoch > mark.epoch || (held.epoch == mark.epoch && held.lineage == mark.lineage)))
        return MR_OK;
    char last[40] = "none";
    if (any)
        snprintf(last, sizeof last, "epoch %lld", (long long)held.epoch);
    MrStatus status = MR_FAIL(err, MR_COND_BATCH_METADATA_NOT_FOUND, "batchMetadataFile",
                              mr_arena_printf(&self->arena, "%s/_millrace/manifest", self->root));
    mr_error_add(err,
                 "the query has written epoch %lld into '%s', but its manifest holds %s of it: "
                 "rows were lost there. Put the folder back as it was",
                 (long long)mark.epoch, self->root, last);
    return status;
}

MrStatus mr__files_batch_done(const MrConnectorContext *context, MrArena *arena,
                              const char *query_id, bool *out, MrError *err)
{
    MrManifest *manifest = NULL;
    MrEpochMark mark;
    const char *root = mr__files_plain_path(arena, mr_option(&context->options, NULL, "path"));
    MR_TRY(mr__manifest_read(context->os, context->budget, root, &manifest, err));
    *out = manifest && mr__manifest_mark(manifest, query_id, &mark);
    mr__manifest_close(manifest);
    return MR_OK;
}

MrStatus mr__files_recover(MrSink *sink, int64_t last_epoch, MrError *err)
{
    MrFilesSink *self = (MrFilesSink *)sink;
    return self->ignore ? MR_OK : staging_clean(self, last_epoch, last_epoch, err);
}
