/* socket_log.c - see socket_int.h. */
#include "connector/socket_int.h"

#include "base/hash.h"

#include <stdio.h>

#define HEAD_BYTES 32
#define TAIL_BYTES 16
#define FORMAT_VERSION 1
#define WRITER_VERSION (0 * 65536 + 1 * 256 + 0)
#define FILE_MAX_BYTES (INT64_C(1) << 30)

typedef struct LogFile {
    int64_t from, to;
} LogFile;

void mr__socket_log_close(MrSocketLog *log)
{
    if (log->budget)
        mr_buffer_deinit(&log->files);
}

static MrStatus file_path(const MrSocketLog *log, LogFile file, char path[MR_PATH_MAX],
                          MrError *err)
{
    int size = snprintf(path, MR_PATH_MAX, "%s/%016llx-%016llx.lines", log->folder,
                        (unsigned long long)file.from, (unsigned long long)file.to);
    return size < MR_PATH_MAX ? MR_OK
                              : MR_FAIL(err, MR_COND_IO_ERROR, "operation", "use", "path",
                                        log->folder, "message", "the path is too long");
}

static bool hex_read(const char *text, int64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        if (!(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'f'))
            return false;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = (int64_t)value;
    return *out >= 0;
}

static bool name_read(const char *name, LogFile *out)
{
    return strlen(name) == 39 && name[16] == '-' && strcmp(name + 33, ".lines") == 0 &&
           hex_read(name, &out->from) && hex_read(name + 17, &out->to) && out->from < out->to;
}

/* ---------------------------------------------------------------- writing */

MrStatus mr__socket_log_begin(MrSocketLog *log, MrBuffer *out, int64_t n_lines, MrError *err)
{
    out->size_bytes = 0;
    MR_TRY(mr_buffer_put(out, "MRLINES1", 8, err));
    MR_TRY(mr_buffer_put_u32(out, FORMAT_VERSION, err));
    MR_TRY(mr_buffer_put_u32(out, WRITER_VERSION, err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)log->until, err));
    return mr_buffer_put_u64(out, (uint64_t)n_lines, err);
}

MrStatus mr__socket_log_line(MrBuffer *out, const MrSocketLine *line, MrError *err)
{
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)line->time_us, err));
    return mr_buffer_put_text(out, line->text, err);
}

MrStatus mr__socket_log_end(MrSocketLog *log, MrBuffer *out, int64_t n_lines, MrError *err)
{
    char path[MR_PATH_MAX];
    LogFile file = {log->until, log->until + n_lines};
    MR_TRY(file_path(log, file, path, err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)(out->size_bytes - HEAD_BYTES), err));
    MR_TRY(mr_buffer_put_u32(out, mr_crc32c(out->data, out->size_bytes, 0), err));
    MR_TRY(mr_buffer_put(out, "MREN", 4, err));
    MR_TRY(mr_os_write_file(log->os, path, (MrText){out->data, out->size_bytes},
                            MR_STEP_RECEIVED_FILE_SYNC, MR_STEP_RECEIVED_FOLDER_SYNC, err));
    MR_TRY(mr_buffer_put(&log->files, &file, sizeof file, err));
    log->until = file.to;
    return MR_OK;
}

MrStatus mr__socket_log_forget(MrSocketLog *log, int64_t done, MrError *err)
{
    char path[MR_PATH_MAX];
    LogFile *files = (LogFile *)(void *)log->files.data;
    int64_t n_files = log->files.size_bytes / (int64_t)sizeof *files, n = 0;
    for (; n < n_files && files[n].to <= done; n++) {
        MR_TRY(file_path(log, files[n], path, err));
        MR_TRY(log->os->remove(log->os, path, err));
    }
    if (n > 0)
        memmove(files, files + n, (size_t)(n_files - n) * sizeof *files);
    log->files.size_bytes -= n * (int64_t)sizeof *files;
    return MR_OK;
}

/* ---------------------------------------------------------------- reading */

static MrStatus file_is_damaged(const char *path, MrText bytes, uint32_t stored, MrError *err)
{
    char size[MR_I64_TEXT_MAX + 1] = {0}, wanted[16], found[16];
    mr_i64_to_text(bytes.size_bytes, size);
    snprintf(wanted, sizeof wanted, "%08x", stored);
    snprintf(found, sizeof found, "%08x",
             bytes.size_bytes > 8 ? mr_crc32c(bytes.data, bytes.size_bytes - 8, 0) : 0);
    return MR_FAIL(err, MR_COND_CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED, "fileName", path,
                   "expectedSize", size, "expectedChecksum", wanted, "computedSize", size,
                   "computedChecksum", found);
}

/* True when the bytes are whole and of this file; *lines is what stands between head and tail. */
static bool file_check(MrText bytes, LogFile file, uint32_t *stored, uint32_t *version,
                       MrReader *lines)
{
    const uint8_t *start = (const uint8_t *)bytes.data, *magic;
    uint64_t from, n, size;
    uint32_t writer;
    *stored = *version = 0;
    if (bytes.size_bytes < HEAD_BYTES + TAIL_BYTES)
        return false;
    MrReader head = {start, start + HEAD_BYTES, false};
    MrReader tail = {start + bytes.size_bytes - TAIL_BYTES, start + bytes.size_bytes, false};
    *lines = (MrReader){head.end, tail.at, false};
    if (!mr_reader_bytes(&head, 8, &magic) || !mr_reader_u32(&head, version) ||
        !mr_reader_u32(&head, &writer) || !mr_reader_u64(&head, &from) ||
        !mr_reader_u64(&head, &n) || !mr_reader_u64(&tail, &size) || !mr_reader_u32(&tail, stored))
        return false;
    return memcmp(magic, "MRLINES1", 8) == 0 && memcmp(tail.at, "MREN", 4) == 0 &&
           size == (uint64_t)(lines->end - lines->at) && from == (uint64_t)file.from &&
           n == (uint64_t)(file.to - file.from) &&
           mr_crc32c(bytes.data, bytes.size_bytes - 8, 0) == *stored;
}

typedef struct Taker {
    MrStatus (*take)(void *self, const MrSocketLine *line, MrError *err);
    void *self;
    int64_t done;
} Taker;

static MrStatus file_read(MrSocketLog *log, LogFile file, const Taker *taker, MrError *err)
{
    MrStatus status = MR_OK;
    char path[MR_PATH_MAX];
    MrBuffer bytes;
    MrReader lines;
    uint32_t stored, version;
    MR_TRY(file_path(log, file, path, err));
    mr_buffer_init(&bytes, log->budget, FILE_MAX_BYTES);
    MR_GO(mr_os_read_file(log->os, path, FILE_MAX_BYTES, &bytes, err));
    MrText text = {bytes.data, bytes.size_bytes};
    if (!file_check(text, file, &stored, &version, &lines))
        MR_GO(file_is_damaged(path, text, stored, err));
    if (version > FORMAT_VERSION)
        MR_GO(MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", path));
    for (int64_t at = file.from; at < file.to; at++) {
        uint64_t us;
        MrSocketLine line;
        if (!mr_reader_u64(&lines, &us) || !mr_reader_text(&lines, &line.text))
            MR_GO(MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", path));
        line.time_us = (int64_t)us;
        if (at >= taker->done)
            MR_GO(taker->take(taker->self, &line, err));
    }
done:
    mr_buffer_deinit(&bytes);
    return status;
}

static MrStatus folder_read(MrSocketLog *log, MrArena *arena, const Taker *taker, MrError *err)
{
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    char path[MR_PATH_MAX];
    MR_TRY(log->os->list(log->os, log->folder, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) { /* by name, which is by number */
        LogFile file;
        if (name_read(entries[i].name, &file) && file.to > log->until) {
            if (file.from > log->until)
                return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text",
                               mr_arena_printf(arena, "lines %lld to %lld of a socket are missing",
                                               (long long)log->until, (long long)file.from));
            MR_TRY(file_read(log, file, taker, err));
            MR_TRY(mr_buffer_put(&log->files, &file, sizeof file, err));
            log->until = file.to;
            continue;
        }
        /* Its epochs are closed, or it never got its name. */
        int size = snprintf(path, sizeof path, "%s/%s", log->folder, entries[i].name);
        if (size < (int)sizeof path && !entries[i].is_dir)
            MR_TRY(log->os->remove(log->os, path, err));
    }
    return MR_OK;
}

MrStatus mr__socket_log_open(MrSocketLog *log, MrOs *os, MrBudget *budget, const char *folder,
                             int64_t done,
                             MrStatus (*take)(void *self, const MrSocketLine *line, MrError *err),
                             void *self, MrError *err)
{
    MrStatus status;
    MrArena arena;
    Taker taker = {take, self, done};
    *log = (MrSocketLog){.os = os, .budget = budget, .until = done};
    mr_buffer_init(&log->files, budget, INT64_MAX);
    if (snprintf(log->folder, sizeof log->folder, "%s", folder) >= (int)sizeof log->folder)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "use", "path", folder, "message",
                       "the path is too long");
    MR_TRY(os->make_dir(os, folder, err));
    mr_arena_init(&arena, budget);
    MR_GUARD_BEGIN(status, err)
        status = folder_read(log, &arena, &taker, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}
