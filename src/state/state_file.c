/* state_file.c - snapshots and large changes: one file each, written once, checked on every read.
 */
#include "state/state_int.h"
#include "base/hash.h"
#include <stdio.h>

#define MAGIC "MRSTATE1"
#define END_MAGIC "MREN"
#define FORMAT_VERSION 1
#define WRITER_VERSION (0 * 65536 + 1 * 256 + 0)
#define HEAD_BYTES 32
#define TAIL_BYTES 16
#define PIECE_BYTES (INT64_C(1) << 20)

static void head_make(char *head, int64_t epoch, uint64_t attempt)
{
    uint32_t format = FORMAT_VERSION, writer = WRITER_VERSION;
    memcpy(head, MAGIC, 8);
    memcpy(head + 8, &format, 4);
    memcpy(head + 12, &writer, 4);
    memcpy(head + 16, &epoch, 8);
    memcpy(head + 24, &attempt, 8);
}

/* Running checks over the head and then the entries piece by piece. */
typedef struct Sum {
    uint64_t hash;
    uint32_t crc;
} Sum;

static Sum sum_head(const char *head)
{
    return (Sum){mr_hash_stable(head, HEAD_BYTES, 0), mr_crc32c(head, HEAD_BYTES, 0)};
}

static Sum sum_piece(Sum sum, const char *data, int64_t size_bytes)
{
    return (Sum){mr_hash_stable(data, size_bytes, sum.hash), mr_crc32c(data, size_bytes, sum.crc)};
}

static void tail_make(char *tail, int64_t n_bytes, uint32_t crc)
{
    memcpy(tail, &n_bytes, 8);
    crc = mr_crc32c(tail, 8, crc);
    memcpy(tail + 8, &crc, 4);
    memcpy(tail + 12, END_MAGIC, 4);
}

MrStatus mr__state_file_write(MrOs *os, const char *folder, int64_t epoch, const char *suffix,
                              MrText entries, char *name, MrStateFile *out, MrError *err)
{
    MrStatus status = MR_OK;
    MrFile *file = NULL;
    char head[HEAD_BYTES], tail[TAIL_BYTES], path[MR_PATH_MAX];
    uint64_t attempt = os->random_u64(os);
    int64_t n = entries.size_bytes;

    snprintf(name, MR_STATE_NAME_MAX, "%016llx-%016llx.%s", (unsigned long long)epoch,
             (unsigned long long)attempt, suffix);
    if (snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "write", "path", folder, "message",
                       "the path is too long");
    head_make(head, epoch, attempt);
    Sum sum = sum_head(head);
    for (int64_t at = 0; at < n; at += PIECE_BYTES)
        sum = sum_piece(sum, entries.data + at, n - at < PIECE_BYTES ? n - at : PIECE_BYTES);
    tail_make(tail, n, sum.crc);
    MR_GO(os->file_open(os, path, MR_FILE_CREATE, &file, err));
    MR_GO(os->file_write_at(file, 0, head, HEAD_BYTES, err));
    MR_GO(os->file_write_at(file, HEAD_BYTES, entries.data, n, err));
    MR_GO(os->file_write_at(file, HEAD_BYTES + n, tail, TAIL_BYTES, err));
    MR_GO(os->file_sync(file, MR_STEP_STATE_FILE_SYNC, err));
    MR_GO(os->dir_sync(os, folder, MR_STEP_STATE_FOLDER_SYNC, err));
    *out = (MrStateFile){mr_text(name), (uint64_t)(HEAD_BYTES + n + TAIL_BYTES), sum.hash};
done:
    os->file_close(file);
    return status;
}

static bool hex_parse(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    for (int i = 0; i < 16; i++) {
        char c = text[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        value = value << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = value;
    return true;
}

static bool name_parse(const char *name, uint64_t *epoch, uint64_t *attempt)
{
    size_t size = strlen(name);
    return (size == 38 || size == 37) && name[16] == '-' && name[33] == '.' &&
           hex_parse(name, epoch) && hex_parse(name + 17, attempt) &&
           (strcmp(name + 34, "snap") == 0 || strcmp(name + 34, "chg") == 0);
}

bool mr__state_file_name_is_ours(const char *name)
{
    uint64_t epoch, attempt;
    return name_parse(name, &epoch, &attempt);
}

typedef struct Found {
    const char *path;
    const MrStateFile *told;
    int64_t size_bytes;
    uint64_t hash;
} Found;

static MrStatus file_is_damaged(const Found *found, MrError *err)
{
    char wanted_size[24], wanted_hash[24], size[24], hash[24];
    snprintf(wanted_size, sizeof wanted_size, "%llu", (unsigned long long)found->told->size_bytes);
    snprintf(wanted_hash, sizeof wanted_hash, "%016llx", (unsigned long long)found->told->hash);
    snprintf(size, sizeof size, "%lld", (long long)found->size_bytes);
    snprintf(hash, sizeof hash, "%016llx", (unsigned long long)found->hash);
    return MR_FAIL(err, MR_COND_CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED, "fileName",
                   found->path, "expectedSize", wanted_size, "expectedChecksum", wanted_hash,
                   "computedSize", size, "computedChecksum", hash);
}

/* Reads exactly this many bytes. */
static MrStatus read_all(MrOs *os, MrFile *file, int64_t offset, char *data, int64_t size_bytes,
                         const Found *found, MrError *err)
{
    int64_t n_read = 0;
    MR_TRY(os->file_read_at(file, offset, data, size_bytes, &n_read, err));
    return n_read == size_bytes ? MR_OK : file_is_damaged(found, err);
}

static MrStatus file_check(MrOs *os, MrFile *file, char *piece, uint64_t epoch, uint64_t attempt,
                           Found *found, MrError *err)
{
    char head[HEAD_BYTES], wanted_head[HEAD_BYTES], tail[TAIL_BYTES], wanted_tail[TAIL_BYTES];
    uint32_t version = 0;
    if (found->size_bytes != (int64_t)found->told->size_bytes ||
        found->size_bytes < HEAD_BYTES + TAIL_BYTES)
        return file_is_damaged(found, err);
    int64_t n = found->size_bytes - HEAD_BYTES - TAIL_BYTES;
    MR_TRY(read_all(os, file, 0, head, HEAD_BYTES, found, err));
    head_make(wanted_head, (int64_t)epoch, attempt);
    memcpy(&version, head + 8, 4);
    if (memcmp(head, MAGIC, 8) == 0 && version > FORMAT_VERSION)
        return MR_FAIL(err, MR_COND_CANNOT_LOAD_STATE_STORE__UNEXPECTED_VERSION, "version",
                       "newer than this program");
    memcpy(wanted_head + 12, head + 12, 4); /* any writer */
    Sum sum = sum_head(head);
    for (int64_t at = 0; at < n; at += PIECE_BYTES) {
        int64_t size = n - at < PIECE_BYTES ? n - at : PIECE_BYTES;
        MR_TRY(read_all(os, file, HEAD_BYTES + at, piece, size, found, err));
        sum = sum_piece(sum, piece, size);
    }
    MR_TRY(read_all(os, file, HEAD_BYTES + n, tail, TAIL_BYTES, found, err));
    tail_make(wanted_tail, n, sum.crc);
    found->hash = sum.hash;
    if (memcmp(head, wanted_head, HEAD_BYTES) != 0 || memcmp(tail, wanted_tail, TAIL_BYTES) != 0 ||
        sum.hash != found->told->hash)
        return file_is_damaged(found, err);
    return MR_OK;
}

/* Applies the entries; one that spans pieces waits in the window for its rest. */
static MrStatus file_apply(MrOs *os, MrFile *file, MrBuffer *window, Found *found,
                           MrStatus (*apply)(void *self, const MrStateEntry *entry, MrError *err),
                           void *self, MrError *err)
{
    int64_t n = found->size_bytes - HEAD_BYTES - TAIL_BYTES;
    for (int64_t at = 0; at < n; at += PIECE_BYTES) {
        int64_t size = n - at < PIECE_BYTES ? n - at : PIECE_BYTES;
        MR_TRY(mr_buffer_reserve(window, size, err));
        MR_TRY(read_all(os, file, HEAD_BYTES + at, window->data + window->size_bytes, size, found,
                        err));
        window->size_bytes += size;
        const uint8_t *start = (const uint8_t *)window->data;
        MrReader reader = {start, start + window->size_bytes, false};
        MrStateEntry entry;
        while (mr__state_entry_read(&reader, &entry) == MR_ENTRY_OK)
            MR_TRY(apply(self, &entry, err));
        window->size_bytes = reader.end - reader.at;
        memmove(window->data, reader.at, (size_t)window->size_bytes);
    }
    return window->size_bytes == 0 ? MR_OK : file_is_damaged(found, err);
}

MrStatus mr__state_file_read(MrOs *os, MrBudget *budget, const char *folder,
                             const MrStateFile *told,
                             MrStatus (*apply)(void *self, const MrStateEntry *entry, MrError *err),
                             void *self, MrError *err)
{
    MrStatus status = MR_OK;
    MrFile *file = NULL;
    MrBuffer window;
    char path[MR_PATH_MAX], name[MR_STATE_NAME_MAX];
    uint64_t epoch = 0, attempt = 0;
    Found found = {.path = path, .told = told};

    mr_buffer_init(&window, budget, INT64_MAX / 4);
    if (told->name.size_bytes >= MR_STATE_NAME_MAX)
        return MR_FAIL(err, MR_COND_CANNOT_LOAD_STATE_STORE__CANNOT_READ_STREAMING_STATE_FILE,
                       "fileToRead", "a record's");
    memcpy(name, told->name.data, (size_t)told->name.size_bytes);
    name[told->name.size_bytes] = '\0';
    if (!name_parse(name, &epoch, &attempt) ||
        snprintf(path, sizeof path, "%s/%s", folder, name) >= (int)sizeof path)
        return MR_FAIL(err, MR_COND_CANNOT_LOAD_STATE_STORE__CANNOT_READ_STREAMING_STATE_FILE,
                       "fileToRead", name);
    status = os->file_open(os, path, MR_FILE_READ, &file, err);
    if (status != MR_OK && err->condition == MR_COND_PATH_NOT_FOUND)
        status =
            strcmp(name + 34, "snap") == 0
                ? MR_FAIL(err, MR_COND_CANNOT_LOAD_STATE_STORE__CANNOT_READ_MISSING_SNAPSHOT_FILE,
                          "fileToRead", path, "clazz", "millrace")
                : MR_FAIL(err, MR_COND_CANNOT_LOAD_STATE_STORE__CANNOT_READ_DELTA_FILE_NOT_EXISTS,
                          "fileToRead", path, "clazz", "millrace");
    MR_GO(status);
    MR_GO(mr_buffer_reserve(&window, PIECE_BYTES, err));
    MR_GO(os->file_size(file, &found.size_bytes, err));
    MR_GO(file_check(os, file, window.data, epoch, attempt, &found, err));
    if (apply != NULL)
        MR_GO(file_apply(os, file, &window, &found, apply, self, err));
done:
    os->file_close(file);
    mr_buffer_deinit(&window);
    return status;
}
