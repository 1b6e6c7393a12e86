/* files_sink.c - writing files so that readers see whole epochs only (RELIABILITY 2.5 "Files").
 *
 * A writer stages its files in ROOT/_millrace/staging/QUERY/ under names with its attempt (D7) and
 * syncs them; the token lists staged and final names, sizes and CRCs.  commit links each file to
 * its final name without replacing (D5; a name that is taken must hold the same bytes: D6), syncs
 * the folders, appends the epoch to the manifest, and only then drops the staged names.  Every step
 * may be repeated: what is done is recognised.  A batch overwrite takes the old files out in the
 * same manifest entry and deletes them after it. */
#include "connector/files_int.h"

#include "base/hash.h"
#include "base/json.h"

#include <inttypes.h>
#include <lz4frame.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#define PART_FLUSH_BYTES (INT64_C(1) << 20)
#define PARTS_OPEN_MAX 200 /* files of a worker that are open */
#define PARTS_OPEN_MIN 8
#define PARTS_PACKED_MAX 200 /* begun and not finished, with a codec's memory each */
#define PARTS_BYTES_MAX (INT64_C(128) << 20) /* of rows in all files that are begun */
#define PACK_BYTES (INT64_C(64) << 10)

typedef enum Packing { PACK_NONE, PACK_GZIP, PACK_DEFLATE, PACK_ZSTD, PACK_LZ4 } Packing;

typedef struct FilesSink {
    MrSink base;
    const MrConnectorContext *context;
    const MrSinkSpec *spec;
    MrBudget *budget;
    MrArena arena;
    const MrRowFormat *format; /* NULL: parquet */
    const void *config;
    Packing packing;
    MrParquetWriteOptions parquet;
    const char *root, *staging, *query, *ending;
    MrSchema data;      /* columns in the files */
    int32_t *data_cols; /* their numbers in the batch */
    bool ignore, clean_due, dynamic;
    MrManifest *manifest; /* as last known */
    MrFile *lock;         /* of a batch: says that its staged files are wanted */
} FilesSink;

/* One file being written. */
typedef struct Part Part;
struct Part {
    Part *next, *next_slot;
    uint64_t hash;
    const char *folder; /* "k=1/" below the root, "" without partitions */
    MrFile *file;       /* NULL: closed for another part */
    int32_t file_no;    /* its place among those that are open */
    MrBuffer text;      /* rows not yet packed */
    MrParquetWriter *parquet;
    int64_t size_bytes;
    uint32_t crc;
    int32_t ordinal;
    bool open, headed;
    z_stream zlib;
    ZSTD_CStream *zstd;
    LZ4F_cctx *lz4;
    bool zlib_open;
    char *packed;
    uint16_t *sel; /* rows of the batch at hand */
    int32_t n_sel;
};

typedef struct Staged {
    const char *staged, *final;
    int64_t size_bytes;
    uint32_t crc;
} Staged;

typedef struct FilesWriter {
    MrSinkWriter base;
    FilesSink *sink;
    MrEpochId epoch;
    int32_t worker_idx;
    MrBudget *budget;
    MrArena arena;
    uint64_t attempt;
    Part *parts, *slots[256], *last;
    MrBudget parts_budget;
    Part *opened[PARTS_OPEN_MAX]; /* whose files are open, in turn */
    int32_t max_opened;
    int64_t next_opened;
    int32_t n_parts, n_open, n_files;
    Staged *staged;
    int64_t n_staged, cap_staged;
    bool prepared;
} FilesWriter;

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

static MrStatus choose_codec(FilesSink *self, MrError *err)
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
        Packing packing;
    } codecs[] = {{"none", "", PACK_NONE},     {"uncompressed", "", PACK_NONE},
                  {"gzip", ".gz", PACK_GZIP},  {"deflate", ".deflate", PACK_DEFLATE},
                  {"zstd", ".zst", PACK_ZSTD}, {"lz4", ".lz4", PACK_LZ4}};
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
static const char *parquet_option(const FilesSink *self, const char *name)
{
    const MrSettings *settings = self->context->settings;
    const char *value = mr_option(&self->context->options, NULL, name);
    return value || !settings || !settings->get ? value : settings->get(settings->conf, name);
}

static MrStatus choose_encodings(FilesSink *self, MrError *err)
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
static MrStatus holds_anything(FilesSink *self, bool *out, MrError *err)
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

static MrStatus sink_init(FilesSink *self, MrError *err)
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
    MR_TRY(mr_budget_alloc_zeroed(context->budget, sizeof(FilesSink), &block, err));
    FilesSink *self = block;
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
    FilesSink *self = (FilesSink *)sink;
    if (!self)
        return;
    /* A batch leaves nothing; a stream's may be needed to finish an epoch. */
    mr__staging_release(self->context->os, self->root, self->query, self->lock);
    mr__manifest_close(self->manifest);
    mr_arena_deinit(&self->arena);
    mr_budget_free(self->budget, self, sizeof *self);
}

/* --- writing --- */

static void file_drop(FilesWriter *self, Part *part)
{
    if (!part->file)
        return;
    self->sink->context->os->file_close(part->file);
    part->file = NULL;
    self->opened[part->file_no] = NULL;
}

/* Opens the part's file, in place of another's if need be: there may be more parts than files that
 * may be open. */
static MrStatus file_need(FilesWriter *self, Part *part, MrFileMode mode, const char *staged,
                          MrError *err)
{
    char path[MR_PATH_MAX];
    int32_t place = (int32_t)(self->next_opened % self->max_opened);
    if (part->file)
        return MR_OK;
    if (self->opened[place])
        file_drop(self, self->opened[place]);
    snprintf(path, sizeof path, "%s/%s", self->sink->staging, staged);
    MR_TRY(
        self->sink->context->os->file_open(self->sink->context->os, path, mode, &part->file, err));
    part->file_no = place;
    self->opened[place] = part;
    self->next_opened++;
    return MR_OK;
}

static MrStatus part_put(FilesWriter *self, Part *part, const char *data, int64_t size_bytes,
                         MrError *err)
{
    if (size_bytes == 0)
        return MR_OK;
    MR_TRY(file_need(self, part, MR_FILE_READ_WRITE, self->staged[part->ordinal].staged, err));
    MR_TRY(self->sink->context->os->file_write_at(part->file, part->size_bytes, data, size_bytes,
                                                  err));
    part->crc = mr_crc32c(data, size_bytes, part->crc);
    part->size_bytes += size_bytes;
    return MR_OK;
}

static MrStatus pack_failed(const char *what, MrError *err)
{
    return MR_FAIL_INTERNAL(err, "%s could not compress", what);
}

/* Rows through the codec into the file; end: and its tail. */
static MrStatus part_pack(FilesWriter *self, Part *part, bool end, MrError *err)
{
    const char *data = part->text.data;
    size_t left = (size_t)part->text.size_bytes;
    switch (self->sink->packing) {
    case PACK_NONE:
        MR_TRY(part_put(self, part, data, part->text.size_bytes, err));
        break;
    case PACK_GZIP:
    case PACK_DEFLATE:
        part->zlib.next_in = (unsigned char *)(uintptr_t)data;
        part->zlib.avail_in = (unsigned)left;
        do {
            part->zlib.next_out = (unsigned char *)part->packed;
            part->zlib.avail_out = (unsigned)PACK_BYTES;
            if (deflate(&part->zlib, end ? Z_FINISH : Z_NO_FLUSH) == Z_STREAM_ERROR)
                return pack_failed("zlib", err);
            MR_TRY(part_put(self, part, part->packed, PACK_BYTES - part->zlib.avail_out, err));
        } while (part->zlib.avail_out == 0);
        break;
    case PACK_ZSTD: {
        ZSTD_inBuffer in = {data, left, 0};
        for (size_t more = 1; more > 0;) {
            ZSTD_outBuffer out = {part->packed, (size_t)PACK_BYTES, 0};
            more = ZSTD_compressStream2(part->zstd, &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
            if (ZSTD_isError(more))
                return pack_failed("zstd", err);
            MR_TRY(part_put(self, part, part->packed, (int64_t)out.pos, err));
            if (!end)
                more = in.size - in.pos;
        }
        break;
    }
    case PACK_LZ4:
        while (left > 0) {
            size_t n = left < 16384 ? left : 16384; /* its bound fits PACK_BYTES */
            size_t n_packed =
                LZ4F_compressUpdate(part->lz4, part->packed, (size_t)PACK_BYTES, data, n, NULL);
            if (LZ4F_isError(n_packed))
                return pack_failed("lz4", err);
            MR_TRY(part_put(self, part, part->packed, (int64_t)n_packed, err));
            data += n;
            left -= n;
        }
        if (end) {
            size_t n_packed = LZ4F_compressEnd(part->lz4, part->packed, (size_t)PACK_BYTES, NULL);
            if (LZ4F_isError(n_packed))
                return pack_failed("lz4", err);
            MR_TRY(part_put(self, part, part->packed, (int64_t)n_packed, err));
        }
        break;
    }
    part->text.size_bytes = 0;
    return MR_OK;
}

static MrStatus parquet_put(void *self, const void *data, int64_t size_bytes, MrError *err)
{
    void **pair = self; /* writer, part */
    return part_put(pair[0], pair[1], data, size_bytes, err);
}

static MrStatus part_open(FilesWriter *self, Part *part, MrError *err)
{
    FilesSink *sink = self->sink;
    MrArena *arena = &self->arena;
    part->ordinal = self->n_files++;
    const char *staged =
        mr_arena_printf(arena, "%lld.%016" PRIx64 ".%d-%d", (long long)self->epoch.epoch,
                        self->attempt, self->worker_idx, part->ordinal);
    MR_TRY(file_need(self, part, MR_FILE_CREATE, staged, err));
    part->open = true;
    part->headed = false;
    part->size_bytes = 0;
    part->crc = 0;
    self->n_open++;
    Staged entry = {.staged = staged,
                    .final = mr_arena_printf(
                        arena, "%spart-%05d-%s-%lld-c%03d%s", part->folder, self->worker_idx,
                        sink->query, (long long)self->epoch.epoch, part->ordinal, sink->ending)};
    MR_PUSH(arena, self->staged, self->n_staged, self->cap_staged, entry);
    part->ordinal = (int32_t)(self->n_staged - 1); /* from here on: its place in staged */
    if (!sink->format) {
        void **pair = MR_NEW_N(arena, void *, 2);
        pair[0] = self;
        pair[1] = part;
        MrOutput output = {.write = parquet_put, .self = pair};
        return mr_parquet_writer_create(&self->parts_budget, &sink->data, &sink->parquet, &output,
                                        &part->parquet, err);
    }
    if (sink->packing != PACK_NONE && !part->packed)
        part->packed = mr_arena_alloc(arena, PACK_BYTES);
    switch (sink->packing) {
    case PACK_NONE:
        break;
    case PACK_GZIP:
    case PACK_DEFLATE:
        part->zlib = (z_stream){0};
        if (deflateInit2(&part->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                         sink->packing == PACK_GZIP ? 15 + 16 : 15, 8, Z_DEFAULT_STRATEGY) != Z_OK)
            return pack_failed("zlib", err);
        part->zlib_open = true;
        break;
    case PACK_ZSTD:
        part->zstd = ZSTD_createCStream();
        if (!part->zstd)
            return pack_failed("zstd", err);
        break;
    case PACK_LZ4: {
        if (LZ4F_isError(LZ4F_createCompressionContext(&part->lz4, LZ4F_VERSION)))
            return pack_failed("lz4", err);
        size_t n_packed = LZ4F_compressBegin(part->lz4, part->packed, (size_t)PACK_BYTES, NULL);
        if (LZ4F_isError(n_packed))
            return pack_failed("lz4", err);
        return part_put(self, part, part->packed, (int64_t)n_packed, err);
    }
    }
    return MR_OK;
}

static void part_release(FilesWriter *self, Part *part)
{
    file_drop(self, part);
    mr_parquet_writer_destroy(part->parquet);
    part->parquet = NULL;
    if (part->zlib_open)
        deflateEnd(&part->zlib);
    part->zlib_open = false;
    ZSTD_freeCStream(part->zstd);
    part->zstd = NULL;
    LZ4F_freeCompressionContext(part->lz4);
    part->lz4 = NULL;
    mr_buffer_deinit(&part->text);
    if (part->open)
        self->n_open--;
    part->open = false;
}

static MrStatus part_head(FilesWriter *self, Part *part, MrError *err)
{
    FilesSink *sink = self->sink;
    if (part->headed || !sink->format)
        return MR_OK;
    part->headed = true;
    return sink->format->write_head
               ? sink->format->write_head(sink->config, &sink->data, &part->text, err)
               : MR_OK;
}

/* The file is whole and synced; the writer may open another for the same partition later. */
static MrStatus part_finish(FilesWriter *self, Part *part, MrError *err)
{
    if (!part->open)
        return MR_OK;
    MR_TRY(part_head(self, part, err));
    MR_TRY(self->sink->format ? part_pack(self, part, true, err)
                              : mr_parquet_finish(part->parquet, err));
    MR_TRY(file_need(self, part, MR_FILE_READ_WRITE, self->staged[part->ordinal].staged, err));
    MR_TRY(self->sink->context->os->file_sync(part->file, MR_STEP_SINK_FILE_SYNC, err));
    self->staged[part->ordinal].size_bytes = part->size_bytes;
    self->staged[part->ordinal].crc = part->crc;
    part_release(self, part);
    return MR_OK;
}

static Part *part_get(FilesWriter *self, MrText folder)
{
    if (self->last && mr_text_equal(mr_text(self->last->folder), folder))
        return self->last;
    uint64_t hash = mr_hash_bytes(folder.data, folder.size_bytes, 11);
    Part **slot = &self->slots[hash & 255];
    for (Part *part = *slot; part; part = part->next_slot) {
        if (part->hash == hash && mr_text_equal(mr_text(part->folder), folder)) {
            self->last = part;
            return part;
        }
    }
    Part *part = MR_NEW(&self->arena, Part);
    part->hash = hash;
    part->folder = mr_arena_strn(&self->arena, folder.data, folder.size_bytes);
    part->sel = mr_arena_alloc(&self->arena, MR_BATCH_ROWS * (int64_t)sizeof(uint16_t));
    mr_buffer_init(&part->text, &self->parts_budget, INT64_C(1) << 31);
    part->next_slot = *slot;
    *slot = part;
    part->next = self->parts;
    self->parts = part;
    self->n_parts++;
    self->last = part;
    return part;
}

/* Before another file is begun: half of the others are finished when they take too much memory. */
static MrStatus make_room(FilesWriter *self, MrError *err)
{
    bool packed = self->sink->packing != PACK_NONE && self->n_open >= PARTS_PACKED_MAX;
    bool large = atomic_load_explicit(&self->parts_budget.used_bytes, memory_order_relaxed) >
                     PARTS_BYTES_MAX ||
                 mr_budget_left(self->budget) < PARTS_BYTES_MAX / 2;
    int32_t n_kept = packed || large ? self->n_open / 2 : self->n_open;
    for (Part *part = self->parts; part && self->n_open > n_kept; part = part->next)
        MR_TRY(part_finish(self, part, err));
    return MR_OK;
}

static MrStatus part_write(FilesWriter *self, const MrEvalContext *context, Part *part,
                           const MrBatch *batch, MrError *err)
{
    FilesSink *sink = self->sink;
    if (!part->open) {
        MR_TRY(make_room(self, err));
        if (!part->text.budget || part->text.cap_bytes == 0)
            mr_buffer_init(&part->text, &self->parts_budget, INT64_C(1) << 31);
        MR_TRY(part_open(self, part, err));
    }
    if (!sink->format) {
        MrBatch view = *batch;
        view.cols = MR_NEW_N(&((MrBatch *)(uintptr_t)batch)->arena, MrVector *, sink->data.n_cols);
        view.n_cols = sink->data.n_cols;
        for (int32_t i = 0; i < sink->data.n_cols; i++)
            view.cols[i] = batch->cols[sink->data_cols[i]];
        return mr_parquet_write(part->parquet, &view, err);
    }
    MR_TRY(part_head(self, part, err));
    MR_TRY(sink->format->write_rows(sink->config, context, sink->spec->schema, sink->data_cols,
                                    sink->data.n_cols, batch, &part->text, err));
    return part->text.size_bytes >= PART_FLUSH_BYTES ? part_pack(self, part, false, err) : MR_OK;
}

static void put_escaped(MrTextBuilder *out, MrText text)
{
    for (int64_t i = 0; i < text.size_bytes; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c < 0x20 || c == 0x7f || strchr("\"#%'*/:=?\\{[]^", c))
            mr_builder_printf(out, "%%%02X", c);
        else
            mr_builder_char(out, (char)c);
    }
}

static void folder_text(const FilesSink *sink, const MrEvalContext *context, const MrBatch *batch,
                        int32_t row, MrTextBuilder *out, MrTextBuilder *value)
{
    out->size_bytes = 0;
    for (int32_t k = 0; k < sink->spec->n_partition_cols; k++) {
        int32_t col = sink->spec->partition_cols[k];
        const MrVector *vec = batch->cols[col];
        put_escaped(out, mr_text(sink->spec->schema->cols[col].name));
        mr_builder_char(out, '=');
        value->size_bytes = 0;
        if (!mr_vector_is_null(vec, row))
            mr_value_text(vec, row, MR_TEXT_CAST, context->settings, value);
        if (value->size_bytes == 0)
            mr_builder_str(out, "__HIVE_DEFAULT_PARTITION__");
        else
            put_escaped(out, (MrText){value->data, value->size_bytes});
        mr_builder_char(out, '/');
    }
}

MrStatus mr__files_writer_open(MrSink *sink, MrEpochId epoch, int32_t worker_idx, MrBudget *budget,
                               MrSinkWriter **out, MrError *err)
{
    FilesSink *files = (FilesSink *)sink;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(FilesWriter), &block, err));
    FilesWriter *self = block;
    self->base.sink = sink;
    self->sink = files;
    self->epoch = epoch;
    self->worker_idx = worker_idx;
    int64_t share = mr_open_files_max() / 4 / mr_cpu_count(); /* of each worker */
    self->max_opened = share < PARTS_OPEN_MIN   ? PARTS_OPEN_MIN
                       : share > PARTS_OPEN_MAX ? PARTS_OPEN_MAX
                                                : (int32_t)share;
    mr_budget_init(&self->parts_budget, "files being written", budget, INT64_MAX);
    self->budget = budget;
    self->attempt = files->context->os->random_u64(files->context->os);
    mr_arena_init(&self->arena, budget);
    *out = &self->base;
    return MR_OK;
}

MrStatus mr__files_write(MrSinkWriter *writer, const MrEvalContext *context, MrBatch *batch,
                         MrError *err)
{
    FilesWriter *self = (FilesWriter *)writer;
    FilesSink *sink = self->sink;
    if (sink->ignore || batch->n_sel == 0)
        return MR_OK;
    if (sink->spec->n_partition_cols == 0)
        return part_write(self, context, part_get(self, (MrText){"", 0}), batch, err);
    MrTextBuilder folder = {.arena = &batch->arena}, value = {.arena = &batch->arena};
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        folder_text(sink, context, batch, row, &folder, &value);
        Part *part = part_get(self, (MrText){folder.data, folder.size_bytes});
        part->sel[part->n_sel++] = (uint16_t)row;
    }
    for (Part *part = self->parts; part; part = part->next) {
        if (part->n_sel == 0)
            continue;
        MrBatch view = *batch;
        view.sel = part->sel;
        view.n_sel = part->n_sel;
        part->n_sel = 0;
        MrStatus status = part_write(self, context, part, &view, err);
        batch->arena = view.arena; /* the writers of parts allocate from it */
        MR_TRY(status);
    }
    return MR_OK;
}

MrStatus mr__files_prepare(MrSinkWriter *writer, MrBuffer *token, MrError *err)
{
    FilesWriter *self = (FilesWriter *)writer;
    FilesSink *sink = self->sink;
    MrOs *os = sink->context->os;
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        /* A batch without rows still says what its columns are, where the format can. */
        bool head = !sink->format || sink->format->write_head;
        if (!sink->ignore && !sink->context->streaming && self->n_parts == 0 &&
            self->worker_idx == 0 && head && sink->spec->n_partition_cols == 0)
            status = part_open(self, part_get(self, (MrText){"", 0}), err);
        for (Part *part = self->parts; status == MR_OK && part; part = part->next)
            status = part_finish(self, part, err);
        if (status == MR_OK && self->n_staged > 0)
            status = os->dir_sync(os, sink->staging, MR_STEP_SINK_STAGE_FOLDER_SYNC, err);
        if (status == MR_OK) {
            MrTextBuilder text = {.arena = &self->arena};
            mr_builder_str(&text, "{\"files\":[");
            for (int64_t i = 0; i < self->n_staged; i++) {
                mr_builder_str(&text, i == 0 ? "[" : ",[");
                mr_json_put_string(&text, mr_text(self->staged[i].staged));
                mr_builder_char(&text, ',');
                mr_json_put_string(&text, mr_text(self->staged[i].final));
                mr_builder_printf(&text, ",%lld,%u]", (long long)self->staged[i].size_bytes,
                                  self->staged[i].crc);
            }
            mr_builder_str(&text, "]}");
            status = mr_buffer_put(token, text.data, text.size_bytes, err);
        }
    MR_GUARD_END(status)
    self->prepared = status == MR_OK;
    return status;
}

void mr__files_writer_close(MrSinkWriter *writer)
{
    FilesWriter *self = (FilesWriter *)writer;
    if (!self)
        return;
    for (Part *part = self->parts; part; part = part->next)
        part_release(self, part);
    if (!self->prepared) {
        MrOs *os = self->sink->context->os;
        char path[MR_PATH_MAX];
        for (int64_t i = 0; i < self->n_staged; i++) {
            MrError ignored = {0};
            snprintf(path, sizeof path, "%s/%s", self->sink->staging, self->staged[i].staged);
            if (os->remove(os, path, &ignored) != MR_OK) /* recover() finds it by its name */
                break;
        }
    }
    mr_budget_deinit(&self->parts_budget);
    mr_arena_deinit(&self->arena);
    mr_budget_free(self->budget, self, sizeof *self);
}

/* --- commit --- */

typedef struct Commit {
    FilesSink *sink;
    MrArena arena;
    Staged *files;
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
            Staged entry = {staged->text.data, final->text.data, size_bytes, (uint32_t)crc_value};
            MR_PUSH(&self->arena, self->files, self->n_files, self->cap_files, entry);
        }
    }
    return MR_OK;
}

/* Does the file hold these bytes? */
static MrStatus file_same(FilesSink *sink, const char *path, const Staged *file, bool *same,
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
    MR_GO(mr_budget_alloc(sink->budget, PACK_BYTES, &block, err));
    for (int64_t at = 0; at < file->size_bytes;) {
        int64_t n_read;
        MR_GO(os->file_read_at(opened, at, block, PACK_BYTES, &n_read, err));
        if (n_read == 0)
            goto done;
        crc = mr_crc32c(block, n_read, crc);
        at += n_read;
    }
    *same = crc == file->crc;
done:
    os->file_close(opened);
    mr_budget_free(sink->budget, block, PACK_BYTES);
    return status;
}

static MrStatus publish_one(Commit *self, const Staged *file, MrError *err)
{
    FilesSink *sink = self->sink;
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
    return strcmp(((const Staged *)a)->final, ((const Staged *)b)->final);
}

static MrStatus publish(Commit *self, MrError *err)
{
    FilesSink *sink = self->sink;
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

/* A dynamic overwrite replaces the partitions that it writes to. */
static bool is_replaced(const Commit *self, const char *path)
{
    if (!self->sink->dynamic)
        return true;
    const char *slash = strrchr(path, '/');
    int64_t n = slash ? slash - path + 1 : 0;
    for (int64_t i = 0; i < self->n_files; i++) {
        const char *final = self->files[i].final, *end = strrchr(final, '/');
        if ((end ? end - final + 1 : 0) == n && memcmp(final, path, (size_t)n) == 0)
            return true;
    }
    return false;
}

/* What an overwrite takes away: the files in the folder as it is now, and those that only the
 * manifest still knows, as somebody deleted them. */
static MrStatus replaced_files(Commit *self, MrManifestEntry *entry, MrError *err)
{
    FilesSink *sink = self->sink;
    size_t n_root = strlen(sink->root) + 1;
    int64_t n_known = mr__manifest_n_files(sink->manifest);
    MrOption of_root[] = {{"path", sink->root}, {"ignoreMissingFiles", "true"}};
    MrConnectorContext context = {.os = sink->context->os,
                                  .budget = sink->budget,
                                  .settings = sink->context->settings,
                                  .options = {MR_COUNT(of_root), of_root}};
    MR_TRY(mr__files_list(&context, MR_FILES_MAY_MISS, NULL, &self->arena, &self->old, err));
    entry->removed = MR_NEW_N(&self->arena, const char *, self->old.n_files + n_known);
    for (int64_t i = 0; i < self->old.n_files; i++) {
        const char *path = self->old.files[i].path + n_root;
        (void)mr__manifest_shows(sink->manifest, path);
        if (is_replaced(self, path))
            entry->removed[entry->n_removed++] = path;
    }
    for (const char *lost; (lost = mr__manifest_unseen(sink->manifest, "")) != NULL;) {
        (void)mr__manifest_shows(sink->manifest, lost);
        if (is_replaced(self, lost))
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
    FilesSink *sink = self->sink;
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
        if (overwrite && !has)
            MR_TRY(replaced_files(self, &entry, err));
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
static MrStatus staging_clean(FilesSink *self, int64_t keep_from, int64_t keep_to, MrError *err)
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
    FilesSink *self = (FilesSink *)sink;
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
    FilesSink *self = (FilesSink *)sink;
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

MrStatus mr__files_recover(MrSink *sink, int64_t last_epoch, MrError *err)
{
    FilesSink *self = (FilesSink *)sink;
    return self->ignore ? MR_OK : staging_clean(self, last_epoch, last_epoch, err);
}
