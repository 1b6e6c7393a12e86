/* files_bytes.c - the bytes of files: decompressed, and cut into chunks at line borders.
 *
 * Blocks are shared memory that batches hold on to; a block that nobody holds any more is used
 * again, so a scan whose batches are dropped soon stays in two blocks that are in cache.
 *
 * A range [from, to) of a file owns the lines that start in it: it skips to the first line end at
 * or behind from - 1, and reads on to the first line end at or behind to - 1. */
#include "connector/files_int.h"

#include "base/hash.h"

#include <lz4frame.h>
#include <snappy-c.h>
#include <stdio.h>
#include <zlib.h>
#include <zstd.h>

#define BLOCK_BYTES (INT64_C(512) << 10)
#define INPUT_BYTES (INT64_C(256) << 10)

/* --- one file's bytes --- */

typedef enum Codec {
    CODEC_NONE,
    CODEC_GZIP,
    CODEC_DEFLATE,
    CODEC_ZSTD,
    CODEC_LZ4,
    CODEC_SNAPPY
} Codec;

struct MrFileBytes {
    MrOs *os;
    MrBudget *budget;
    MrFile *file;
    const char *path;
    int64_t offset, limit; /* next byte of the file, and where it was when it was listed */
    Codec codec;
    z_stream zlib;
    ZSTD_DStream *zstd;
    LZ4F_dctx *lz4;
    bool zlib_open,
        between; /* between: at a border of gzip members or frames, where the file may end */
    char *in;    /* compressed bytes */
    int64_t in_at, in_end;
    char *plain; /* snappy: one decompressed piece */
    int64_t plain_at, plain_end, plain_cap, piece_left;
};

const char *mr__file_codec(const char *path)
{
    static const struct {
        const char *end, *codec;
    } ends[] = {{".gz", "gzip"},       {".gzip", "gzip"}, {".deflate", "deflate"},
                {".zst", "zstd"},      {".zstd", "zstd"}, {".lz4", "lz4"},
                {".snappy", "snappy"}, {".bz2", "bzip2"}, {".xz", "xz"}};
    size_t n = strlen(path);
    for (int64_t i = 0; i < MR_COUNT(ends); i++) {
        size_t n_end = strlen(ends[i].end);
        if (n > n_end && strcmp(path + n - n_end, ends[i].end) == 0)
            return ends[i].codec;
    }
    return NULL;
}

static MrStatus damaged(const MrFileBytes *self, const char *why, MrError *err)
{
    MrStatus status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", self->path);
    mr_error_add(err, "at byte %lld: %s", (long long)(self->offset - (self->in_end - self->in_at)),
                 why);
    return status;
}

/* Accepts NULL. */
static void file_bytes_close(MrFileBytes *self)
{
    if (!self)
        return;
    self->os->file_close(self->file);
    if (self->zlib_open)
        inflateEnd(&self->zlib);
    ZSTD_freeDStream(self->zstd);
    LZ4F_freeDecompressionContext(self->lz4);
    mr_budget_free(self->budget, self->in, INPUT_BYTES);
    mr_budget_free(self->budget, self->plain, self->plain_cap);
    mr_budget_free(self->budget, self, sizeof *self);
}

static MrStatus file_bytes_open(MrOs *os, MrBudget *budget, const char *path, const char *codec,
                                int64_t offset, int64_t size_limit, MrFileBytes **out, MrError *err)
{
    static const char *const names[] = {"", "gzip", "deflate", "zstd", "lz4", "snappy"};
    MrStatus status = MR_OK;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(MrFileBytes), &block, err));
    MrFileBytes *self = block;
    *self = (MrFileBytes){.os = os,
                          .budget = budget,
                          .path = path,
                          .offset = offset,
                          .limit = size_limit,
                          .between = true};
    if (codec) {
        for (int i = 1; i < (int)MR_COUNT(names); i++)
            if (strcmp(names[i], codec) == 0)
                self->codec = (Codec)i;
        if (self->codec == CODEC_NONE)
            MR_GO(MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE__WITH_AVAILABLE_CODECS_SUGGESTION,
                          "codecName", codec, "availableCodecs",
                          "gzip, deflate, zstd, lz4, snappy"));
        void *in;
        MR_GO(mr_budget_alloc(budget, INPUT_BYTES, &in, err));
        self->in = in;
    }
    switch (self->codec) {
    case CODEC_GZIP:
    case CODEC_DEFLATE:
        if (inflateInit2(&self->zlib, self->codec == CODEC_GZIP ? 15 + 16 : 15) != Z_OK)
            MR_GO(MR_FAIL_INTERNAL(err, "zlib could not start"));
        self->zlib_open = true;
        break;
    case CODEC_ZSTD:
        self->zstd = ZSTD_createDStream();
        if (!self->zstd)
            MR_GO(MR_FAIL_INTERNAL(err, "zstd could not start"));
        break;
    case CODEC_LZ4:
        if (LZ4F_isError(LZ4F_createDecompressionContext(&self->lz4, LZ4F_VERSION)))
            MR_GO(MR_FAIL_INTERNAL(err, "lz4 could not start"));
        break;
    case CODEC_NONE:
    case CODEC_SNAPPY:
        break;
    }
    MrFileInfo info;
    MR_GO(os->stat(os, path, &info, err));
    if (!info.exists)
        MR_GO(MR_FAIL(err, MR_COND_FAILED_READ_FILE__FILE_NOT_EXIST, "path", path));
    MR_GO(os->file_open(os, path, MR_FILE_READ, &self->file, err));
    if (info.size_bytes < size_limit)
        MR_GO(damaged(self, "the file became shorter since it was listed", err));
done:
    if (status != MR_OK)
        file_bytes_close(self);
    else
        *out = self;
    return status;
}

static MrStatus raw_read(MrFileBytes *self, char *data, int64_t size_bytes, int64_t *n_read,
                         MrError *err)
{
    int64_t n = size_bytes < self->limit - self->offset ? size_bytes : self->limit - self->offset;
    *n_read = 0;
    if (n <= 0)
        return MR_OK;
    MR_TRY(self->os->file_read_at(self->file, self->offset, data, n, n_read, err));
    if (*n_read < n)
        return damaged(self, "the file became shorter while it was read", err);
    self->offset += *n_read;
    return MR_OK;
}

/* At least n compressed bytes in front, unless the file ends. */
static MrStatus in_need(MrFileBytes *self, int64_t n, MrError *err)
{
    if (self->in_end - self->in_at >= n)
        return MR_OK;
    memmove(self->in, self->in + self->in_at, (size_t)(self->in_end - self->in_at));
    self->in_end -= self->in_at;
    self->in_at = 0;
    int64_t n_read;
    MR_TRY(raw_read(self, self->in + self->in_end, INPUT_BYTES - self->in_end, &n_read, err));
    self->in_end += n_read;
    return MR_OK;
}

static uint32_t big_endian(const char *at)
{
    const uint8_t *b = (const uint8_t *)at;
    return (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
}

/* Hadoop's block format: plain size of a block, then pieces of compressed size and bytes. */
static MrStatus snappy_piece(MrFileBytes *self, MrError *err)
{
    MR_TRY(in_need(self, 8, err));
    if (self->piece_left == 0) {
        if (self->in_end - self->in_at < 4)
            return self->in_end == self->in_at ? MR_OK : damaged(self, "the file is cut off", err);
        self->piece_left = big_endian(self->in + self->in_at);
        self->in_at += 4;
        if (self->piece_left == 0)
            return MR_OK;
    }
    MR_TRY(in_need(self, 4, err));
    if (self->in_end - self->in_at < 4)
        return damaged(self, "the file is cut off", err);
    int64_t n_packed = big_endian(self->in + self->in_at);
    self->in_at += 4;
    if (n_packed > INPUT_BYTES)
        return damaged(self, "a piece is longer than 256 KiB", err);
    MR_TRY(in_need(self, n_packed, err));
    size_t n_plain;
    if (self->in_end - self->in_at < n_packed ||
        snappy_uncompressed_length(self->in + self->in_at, (size_t)n_packed, &n_plain) !=
            SNAPPY_OK ||
        (int64_t)n_plain > self->piece_left || n_plain > 64u << 20)
        return damaged(self, "a snappy piece is damaged", err);
    if ((int64_t)n_plain > self->plain_cap) {
        mr_budget_free(self->budget, self->plain, self->plain_cap);
        self->plain = NULL;
        self->plain_cap = 0;
        void *block;
        MR_TRY(mr_budget_alloc(self->budget, (int64_t)n_plain, &block, err));
        self->plain = block;
        self->plain_cap = (int64_t)n_plain;
    }
    if (n_plain > 0 && snappy_uncompress(self->in + self->in_at, (size_t)n_packed, self->plain,
                                         &n_plain) != SNAPPY_OK)
        return damaged(self, "a snappy piece is damaged", err);
    self->in_at += n_packed;
    self->piece_left -= (int64_t)n_plain;
    self->plain_at = 0;
    self->plain_end = (int64_t)n_plain;
    return MR_OK;
}

/* Some decompressed bytes; 0: the end. */
static MrStatus unpack(MrFileBytes *self, char *data, int64_t size_bytes, int64_t *n_out,
                       MrError *err)
{
    *n_out = 0;
    while (*n_out == 0) {
        if (self->codec == CODEC_SNAPPY) {
            if (self->plain_at == self->plain_end)
                MR_TRY(snappy_piece(self, err));
            if (self->plain_at == self->plain_end) {
                if (self->in_at == self->in_end && self->offset >= self->limit)
                    return MR_OK;
                continue;
            }
            *n_out = self->plain_end - self->plain_at < size_bytes
                         ? self->plain_end - self->plain_at
                         : size_bytes;
            memcpy(data, self->plain + self->plain_at, (size_t)*n_out);
            self->plain_at += *n_out;
            return MR_OK;
        }
        MR_TRY(in_need(self, 1, err));
        int64_t n_in = self->in_end - self->in_at;
        bool input_ends = n_in == 0;
        if (input_ends && self->between)
            return MR_OK;
        switch (self->codec) {
        case CODEC_GZIP:
        case CODEC_DEFLATE: {
            if (self->between && self->codec == CODEC_GZIP && self->zlib.total_in > 0)
                inflateReset(&self->zlib); /* the next member */
            else if (self->between && self->zlib.total_in > 0)
                return MR_OK;
            self->zlib.next_in = (unsigned char *)self->in + self->in_at;
            self->zlib.avail_in = (unsigned)n_in;
            self->zlib.next_out = (unsigned char *)data;
            self->zlib.avail_out = (unsigned)size_bytes;
            int result = inflate(&self->zlib, Z_NO_FLUSH);
            self->in_at += n_in - self->zlib.avail_in;
            *n_out = size_bytes - self->zlib.avail_out;
            self->between = result == Z_STREAM_END;
            if (result != Z_OK && result != Z_STREAM_END && !(result == Z_BUF_ERROR && !input_ends))
                return damaged(
                    self, input_ends ? "the file is cut off" : "its compressed bytes are damaged",
                    err);
            break;
        }
        case CODEC_ZSTD: {
            ZSTD_inBuffer in = {self->in, (size_t)self->in_end, (size_t)self->in_at};
            ZSTD_outBuffer out = {data, (size_t)size_bytes, 0};
            size_t result = ZSTD_decompressStream(self->zstd, &out, &in);
            if (ZSTD_isError(result))
                return damaged(self, ZSTD_getErrorName(result), err);
            self->in_at = (int64_t)in.pos;
            *n_out = (int64_t)out.pos;
            self->between = result == 0;
            if (input_ends && *n_out == 0 && !self->between)
                return damaged(self, "the file is cut off", err);
            break;
        }
        case CODEC_LZ4: {
            size_t n_from = (size_t)n_in, n_to = (size_t)size_bytes;
            size_t result =
                LZ4F_decompress(self->lz4, data, &n_to, self->in + self->in_at, &n_from, NULL);
            if (LZ4F_isError(result))
                return damaged(self, LZ4F_getErrorName(result), err);
            self->in_at += (int64_t)n_from;
            *n_out = (int64_t)n_to;
            self->between = result == 0;
            if (input_ends && *n_out == 0 && !self->between)
                return damaged(self, "the file is cut off", err);
            break;
        }
        case CODEC_NONE:
        case CODEC_SNAPPY:
            break;
        }
    }
    return MR_OK;
}

/* Fewer than size_bytes: the end. */
static MrStatus file_bytes_read(MrFileBytes *self, char *data, int64_t size_bytes, int64_t *n_read,
                                MrError *err)
{
    if (self->codec == CODEC_NONE)
        return raw_read(self, data, size_bytes, n_read, err);
    for (*n_read = 0; *n_read < size_bytes;) {
        int64_t n;
        MR_TRY(unpack(self, data + *n_read, size_bytes - *n_read, &n, err));
        if (n == 0)
            break;
        *n_read += n;
    }
    return MR_OK;
}

/* --- chunks --- */

struct MrFileBlock {
    MrShared shared;
    MrBlockPool *pool;
    MrFileBlock *next;
    int64_t cap_bytes; /* without the pad */
    char data[];
};

/* Blocks that nobody holds, for the next split: fresh memory costs a page fault every 4 KiB.  Lives
 * until its source is closed and the last of its blocks is given back. */
struct MrBlockPool {
    _Atomic int32_t n_refs;
    MrBudget *budget;
    MrMutex *mutex;
    MrFileBlock *free;
    int32_t n_free;
    bool closed;
};

#define POOL_BLOCKS 64

static void block_free(MrFileBlock *block)
{
    mr_budget_free(block->pool->budget, block,
                   (int64_t)sizeof *block + block->cap_bytes + MR_CHUNK_PAD);
}

static void pool_release(MrBlockPool *pool)
{
    /* acq_rel: the last one sees what the others did */
    if (atomic_fetch_sub_explicit(&pool->n_refs, 1, memory_order_acq_rel) != 1)
        return;
    mr_mutex_destroy(pool->mutex);
    mr_budget_free(pool->budget, pool, sizeof *pool);
}

MrStatus mr__block_pool_create(MrBudget *budget, MrBlockPool **out, MrError *err)
{
    void *memory;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(MrBlockPool), &memory, err));
    MrBlockPool *pool = memory;
    pool->budget = budget;
    atomic_init(&pool->n_refs, 1);
    MrStatus status = mr_mutex_create(budget, &pool->mutex, err);
    if (status != MR_OK)
        mr_budget_free(budget, pool, sizeof *pool);
    else
        *out = pool;
    return status;
}

void mr__block_pool_close(MrBlockPool *pool)
{
    if (!pool)
        return;
    mr_mutex_lock(pool->mutex);
    pool->closed = true;
    MrFileBlock *block = pool->free;
    pool->free = NULL;
    mr_mutex_unlock(pool->mutex);
    while (block) {
        MrFileBlock *next = block->next;
        block_free(block);
        block = next;
    }
    pool_release(pool);
}

static void block_destroy(MrShared *shared)
{
    MrFileBlock *block = (MrFileBlock *)shared;
    MrBlockPool *pool = block->pool;
    mr_mutex_lock(pool->mutex);
    bool keep = !pool->closed && block->cap_bytes == BLOCK_BYTES && pool->n_free < POOL_BLOCKS;
    if (keep) {
        block->next = pool->free;
        pool->free = block;
        pool->n_free++;
    }
    mr_mutex_unlock(pool->mutex);
    if (!keep)
        block_free(block);
    pool_release(pool);
}

static MrStatus block_create(MrBlockPool *pool, int64_t cap_bytes, MrFileBlock **out, MrError *err)
{
    MrFileBlock *block = NULL;
    if (cap_bytes == BLOCK_BYTES) {
        mr_mutex_lock(pool->mutex);
        block = pool->free;
        if (block) {
            pool->free = block->next;
            pool->n_free--;
        }
        mr_mutex_unlock(pool->mutex);
    }
    if (!block) {
        void *memory;
        MR_TRY(mr_budget_alloc(
            pool->budget, (int64_t)sizeof(MrFileBlock) + cap_bytes + MR_CHUNK_PAD, &memory, err));
        block = memory;
        *block = (MrFileBlock){
            .shared = {.destroy = block_destroy}, .pool = pool, .cap_bytes = cap_bytes};
    }
    atomic_init(&block->shared.n_refs, 1);
    atomic_fetch_add_explicit(&pool->n_refs, 1, memory_order_relaxed);
    *out = block;
    return MR_OK;
}

/* Any encoding but UTF-8: the whole file, converted. */
static MrStatus block_converted(MrFileChunks *self, MrEncodingId encoding, MrError *err)
{
    MrBuffer raw, text;
    MrStatus status = MR_OK;
    mr_buffer_init(&raw, self->budget, INT64_C(1) << 31);
    mr_buffer_init(&text, self->budget, INT64_C(1) << 32);
    for (int64_t n = 1; n > 0; raw.size_bytes += n) {
        MR_GO(mr_buffer_reserve(&raw, BLOCK_BYTES, err));
        MR_GO(file_bytes_read(self->bytes, raw.data + raw.size_bytes, BLOCK_BYTES, &n, err));
    }
    MR_GO(mr_encoding_to_utf8(encoding, raw.data, raw.size_bytes, &text, err));
    MR_GO(block_create(self->pool, text.size_bytes > 0 ? text.size_bytes : 1, &self->block, err));
    if (text.size_bytes > 0)
        memcpy(self->block->data, text.data, (size_t)text.size_bytes);
    self->n_filled = self->next_offset = text.size_bytes; /* places are those of the UTF-8 text */
    self->ended = true;
done:
    mr_buffer_deinit(&raw);
    mr_buffer_deinit(&text);
    return status;
}

MrStatus mr__file_chunks_open(MrFileChunks *self, MrOs *os, MrBlockPool *pool, const MrRowCut *cut,
                              const char *path, int64_t from, int64_t to, int64_t size_bytes,
                              MrError *err)
{
    *self = (MrFileChunks){.os = os,
                           .budget = pool->budget,
                           .pool = pool,
                           .cut = *cut,
                           .path = path,
                           .from = from,
                           .to = to};
    const char *codec = mr__file_codec(path);
    int64_t start = from > 0 ? from - 1 : 0;
    MR_TRY(file_bytes_open(os, pool->budget, path, codec, start, size_bytes, &self->bytes, err));
    self->next_offset = start;
    self->skip_first = from > 0;
    if (codec || to >= size_bytes)
        self->to = INT64_MAX;
    self->chunk = (MrChunk){.file = path};
    if (!codec && size_bytes - start < BLOCK_BYTES)
        self->n_small_bytes =
            size_bytes - start + 1; /* one more, so that the first read sees the end */
    if (cut->encoding != MR_ENC_UTF8)
        MR_TRY(block_converted(self, cut->encoding, err));
    return MR_OK;
}

void mr__file_chunks_close(MrFileChunks *self)
{
    file_bytes_close(self->bytes);
    self->bytes = NULL;
    if (self->block)
        mr_shared_release(&self->block->shared);
    self->block = NULL;
}

/* Behind the last line end of the bytes; NULL: there is none (or it may be half of \r\n). */
static const char *last_line_end(const MrFileChunks *self, const char *at, const char *end)
{
    const char *sep = self->cut.line_sep;
    if (sep) {
        int64_t n = (int64_t)strlen(sep);
        for (const char *p = end - n; p >= at; p--)
            if (*p == *sep && memcmp(p, sep, (size_t)n) == 0)
                return p + n;
        return NULL;
    }
    const char *feed = memrchr(at, '\n', (size_t)(end - at));
    if (feed)
        return feed + 1;
    if (end == at)
        return NULL;
    const char *back = memrchr(at, '\r', (size_t)(end - at - 1));
    return back ? back + 1 : NULL;
}

/* Behind the first line end at or behind at; NULL: none that is sure. */
static const char *first_line_end(const MrFileChunks *self, const char *at, const char *end)
{
    if (self->cut.line_sep) { /* ranges are used with one-byte separators only */
        const char *hit = memchr(at, *self->cut.line_sep, (size_t)(end - at));
        return hit ? hit + 1 : NULL;
    }
    for (; at < end; at++) {
        if (*at == '\n')
            return at + 1;
        if (*at == '\r')
            return at + 1 < end ? at + 1 + (at[1] == '\n') : self->ended ? end : NULL;
    }
    return NULL;
}

/* Moves [keep, filled) to a block with room and reads behind it. */
static MrStatus block_fill(MrFileChunks *self, const char *keep, MrError *err)
{
    MrFileBlock *old = self->block;
    int64_t n_keep = old ? old->data + self->n_filled - keep : 0;
    int64_t want = self->n_small_bytes > 0 ? self->n_small_bytes : BLOCK_BYTES;
    while (want < 2 * n_keep)
        want *= 2;
    if (n_keep > MR_RECORD_MAX_BYTES && !self->cut.whole_file) {
        char place[32];
        snprintf(place, sizeof place, "%lld", (long long)(self->next_offset - n_keep));
        MrStatus status =
            MR_FAIL(err, MR_COND_MALFORMED_RECORD_IN_PARSING__WITHOUT_SUGGESTION, "badRecord",
                    "a record of more than 128 MiB", "failFastMode", "FAILFAST");
        mr_error_add(err, "in file '%s', at byte %s", self->path, place);
        return status;
    }
    bool reuse = old && old->cap_bytes >= want &&
                 atomic_load_explicit(&old->shared.n_refs, memory_order_acquire) ==
                     1; /* pairs with the release */
    if (reuse) {
        memmove(old->data, keep, (size_t)n_keep);
    } else {
        MrFileBlock *block;
        MR_TRY(block_create(self->pool, want, &block, err));
        if (n_keep > 0)
            memcpy(block->data, keep, (size_t)n_keep);
        if (old)
            mr_shared_release(&old->shared);
        self->block = block;
    }
    self->n_filled = n_keep;
    int64_t room = self->block->cap_bytes - n_keep, n_read;
    int64_t n_left = self->to - self->next_offset; /* of the range; its last line may go on */
    if (self->to != INT64_MAX && n_left < room)
        room = n_left > 4096 ? n_left + 4096 : n_left > -8192 ? 8192 : -n_left;
    if (room > self->block->cap_bytes - n_keep)
        room = self->block->cap_bytes - n_keep;
    MR_TRY(file_bytes_read(self->bytes, self->block->data + n_keep, room, &n_read, err));
    self->n_filled += n_read;
    self->next_offset += n_read;
    if (n_read < room)
        self->ended = true;
    return MR_OK;
}

MrStatus mr__file_chunks_next(MrFileChunks *self, bool *more, MrError *err)
{
    *more = false;
    if (self->any && self->chunk.last)
        return MR_OK;
    const char *at = self->any ? self->chunk.at : self->block ? self->block->data : NULL;
    for (;;) {
        if (!self->ended) {
            MR_TRY(block_fill(self, at, err));
            at = self->block->data;
        }
        const char *end = self->block->data + self->n_filled;
        int64_t offset = self->next_offset - (end - at);
        memset(self->block->data + self->n_filled, 0, MR_CHUNK_PAD);
        if (self->skip_first) {
            const char *line = first_line_end(self, at, end);
            if (!line) {
                if (self->ended || offset + (end - at) >= self->to) /* no line starts in it */
                    return MR_OK;
                at = end > at && end[-1] == '\r' ? end - 1 : end;
                continue;
            }
            offset += line - at;
            at = line;
            self->skip_first = false;
            if (offset >= self->to)
                return MR_OK;
        }
        const char *stop = end;
        bool last = self->ended;
        if (self->to != INT64_MAX &&
            offset + (end - at) >= self->to) { /* the range ends in sight */
            int64_t n_before = self->to - 1 - offset;
            const char *line = first_line_end(self, at + (n_before > 0 ? n_before : 0), end);
            stop = line ? line : end;
            last |= line != NULL;
        }
        if (!last) {
            stop = self->cut.whole_file ? NULL : last_line_end(self, at, end);
            if (!stop) /* not one line in it: more */
                continue;
        }
        self->chunk = (MrChunk){.at = at,
                                .end = stop,
                                .begin = at,
                                .offset = offset,
                                .owner = &self->block->shared,
                                .file = self->path,
                                .starts_file = offset == 0 && self->from == 0,
                                .last = last};
        self->any = true;
        *more = true;
        return MR_OK;
    }
}

/* Files up to here are read through: it costs less than to list them. */
#define VERIFY_MAX_BYTES (INT64_C(4) << 20)
#define VERIFY_BLOCK_BYTES (INT64_C(256) << 10)

MrStatus mr__file_verify(MrOs *os, MrBudget *budget, const MrFileEntry *entry, bool may_grow,
                         MrError *err)
{
    MrFileInfo info;
    MrFile *file = NULL;
    void *block = NULL;
    uint32_t crc = 0;
    MrStatus status = MR_OK;
    int64_t n_block =
        entry->size_bytes < VERIFY_BLOCK_BYTES ? entry->size_bytes : VERIFY_BLOCK_BYTES;
    MR_TRY(os->stat(os, entry->path, &info, err));
    if (!info.exists)
        return MR_FAIL(err, MR_COND_FAILED_READ_FILE__FILE_NOT_EXIST, "path", entry->path);
    bool same = info.size_bytes == entry->size_bytes;
    if (!entry->has_crc) {
        if (same || (may_grow && info.size_bytes > entry->size_bytes))
            return MR_OK;
        status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", entry->path);
        mr_error_add(err, "it was changed while it was read: from %lld to %lld bytes",
                     (long long)entry->size_bytes, (long long)info.size_bytes);
        return status;
    }
    if (same && entry->size_bytes <= VERIFY_MAX_BYTES) {
        MR_GO(os->file_open(os, entry->path, MR_FILE_READ, &file, err));
        MR_GO(mr_budget_alloc(budget, n_block, &block, err));
        for (int64_t at = 0; at < entry->size_bytes;) {
            int64_t n_read;
            MR_GO(os->file_read_at(file, at, block, n_block, &n_read, err));
            if (n_read == 0)
                break;
            crc = mr_crc32c(block, n_read, crc);
            at += n_read;
        }
        same = crc == entry->crc;
    }
    if (!same) {
        status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", entry->path);
        mr_error_add(err,
                     "it holds other bytes than the manifest says: %lld bytes, CRC %08x instead of "
                     "%lld bytes, CRC %08x",
                     (long long)info.size_bytes, crc, (long long)entry->size_bytes, entry->crc);
    }
done:
    os->file_close(file);
    mr_budget_free(budget, block, n_block);
    return status;
}
