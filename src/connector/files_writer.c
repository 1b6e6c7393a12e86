/* files_writer.c - rows of one worker and epoch into staged files, one a partition.
 *
 * Files lie in ROOT/_millrace/staging/QUERY/ under names with the writer's attempt (D7); prepare
 * ends and syncs them, and its token lists staged and final names, sizes and CRCs.  There may be
 * more partitions than files that may be open: a part's file is closed for another's and opened
 * again. */
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

typedef struct FilesWriter {
    MrSinkWriter base;
    MrFilesSink *sink;
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
    MrStagedFile *staged;
    int64_t n_staged, cap_staged;
    bool prepared;
} FilesWriter;

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
    case MR_PACK_NONE:
        MR_TRY(part_put(self, part, data, part->text.size_bytes, err));
        break;
    case MR_PACK_GZIP:
    case MR_PACK_DEFLATE:
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
    case MR_PACK_ZSTD: {
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
    case MR_PACK_LZ4:
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
    MrFilesSink *sink = self->sink;
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
    MrStagedFile entry = {.staged = staged,
                          .final = mr_arena_printf(arena, "%spart-%05d-%s-%lld-c%03d%s",
                                                   part->folder, self->worker_idx, sink->query,
                                                   (long long)self->epoch.epoch, part->ordinal,
                                                   sink->ending)};
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
    if (sink->packing != MR_PACK_NONE && !part->packed)
        part->packed = mr_arena_alloc(arena, PACK_BYTES);
    switch (sink->packing) {
    case MR_PACK_NONE:
        break;
    case MR_PACK_GZIP:
    case MR_PACK_DEFLATE:
        part->zlib = (z_stream){0};
        if (deflateInit2(&part->zlib, Z_DEFAULT_COMPRESSION, Z_DEFLATED,
                         sink->packing == MR_PACK_GZIP ? 15 + 16 : 15, 8,
                         Z_DEFAULT_STRATEGY) != Z_OK)
            return pack_failed("zlib", err);
        part->zlib_open = true;
        break;
    case MR_PACK_ZSTD:
        part->zstd = ZSTD_createCStream();
        if (!part->zstd)
            return pack_failed("zstd", err);
        break;
    case MR_PACK_LZ4: {
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
    MrFilesSink *sink = self->sink;
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
    bool packed = self->sink->packing != MR_PACK_NONE && self->n_open >= PARTS_PACKED_MAX;
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
    MrFilesSink *sink = self->sink;
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

static void folder_text(const MrFilesSink *sink, const MrEvalContext *context, const MrBatch *batch,
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
    MrFilesSink *files = (MrFilesSink *)sink;
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
    MrFilesSink *sink = self->sink;
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
    MrFilesSink *sink = self->sink;
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
