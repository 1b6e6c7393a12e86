/* files_handles.c - Parquet files whose footers are kept, while only some of them are open.
 *
 * A table may have more files than a process may open.  A file is opened when somebody reads; the
 * one that was read longest ago is closed for it.  Whoever reads holds the file, so it stays. */
#include "connector/files_int.h"

#include "base/hash.h"

struct MrParquetHandle {
    MrParquetHandle *next_slot, *newer, *older; /* of those that are open */
    MrFilesSource *source;
    MrFile *file; /* NULL: closed for others */
    MrFileInfo info;
    int32_t n_readers;
    uint64_t hash;
    MrParquetFile *parquet;
    char path[];
};

static void unlink_open(MrParquetHandles *all, MrParquetHandle *handle)
{
    *(handle->newer ? &handle->newer->older : &all->newest) = handle->older;
    *(handle->older ? &handle->older->newer : &all->oldest) = handle->newer;
}

static void link_open(MrParquetHandles *all, MrParquetHandle *handle)
{
    handle->newer = NULL;
    handle->older = all->newest;
    *(all->newest ? &all->newest->newer : &all->oldest) = handle;
    all->newest = handle;
}

static void close_file(MrParquetHandles *all, MrParquetHandle *handle)
{
    if (!handle->file)
        return;
    unlink_open(all, handle);
    handle->source->context->os->file_close(handle->file);
    handle->file = NULL;
    all->n_open--;
}

static MrStatus changed(const MrParquetHandle *handle, MrError *err)
{
    MrStatus status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", handle->path);
    mr_error_add(err, "it was replaced while it was read");
    return status;
}

/* Opens the file, in place of others if need be.  It must be the one that was open before. */
static MrStatus open_file(MrParquetHandles *all, MrParquetHandle *handle, MrError *err)
{
    MrOs *os = handle->source->context->os;
    MrFileInfo info;
    for (MrParquetHandle *old = all->oldest, *newer; old && all->n_open >= all->max_open;
         old = newer) {
        newer = old->newer;
        if (old->n_readers == 0)
            close_file(all, old);
    }
    MR_TRY(os->file_open(os, handle->path, MR_FILE_READ, &handle->file, err));
    link_open(all, handle);
    all->n_open++;
    MR_TRY(os->stat(os, handle->path, &info, err));
    if (!handle->info.exists)
        handle->info = info;
    else if (!info.exists || info.inode != handle->info.inode ||
             info.size_bytes != handle->info.size_bytes ||
             info.modified_us != handle->info.modified_us)
        return changed(handle, err);
    return MR_OK;
}

static MrStatus handle_read_at(void *self, int64_t offset, void *data, int64_t size_bytes,
                               MrError *err)
{
    MrParquetHandle *handle = self;
    MrParquetHandles *all = &handle->source->handles;
    MrStatus status = MR_OK;
    int64_t n_read = 0;
    mr_mutex_lock(all->lock);
    if (!handle->file) {
        status = open_file(all, handle, err);
    } else if (all->newest != handle) {
        unlink_open(all, handle);
        link_open(all, handle);
    }
    handle->n_readers++;
    mr_mutex_unlock(all->lock);
    if (status == MR_OK)
        status = handle->source->context->os->file_read_at(handle->file, offset, data, size_bytes,
                                                           &n_read, err);
    if (status == MR_OK && n_read < size_bytes)
        status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path", handle->path);
    mr_mutex_lock(all->lock);
    handle->n_readers--;
    mr_mutex_unlock(all->lock);
    return status;
}

static void handle_close(MrFilesSource *source, MrParquetHandle *handle)
{
    mr_parquet_close(handle->parquet);
    close_file(&source->handles, handle);
    mr_budget_free(source->budget, handle, (int64_t)(sizeof *handle + strlen(handle->path) + 1));
}

void mr__parquet_handles_close(MrFilesSource *self)
{
    for (int64_t i = 0; i < MR_COUNT(self->handles.slots); i++) {
        while (self->handles.slots[i]) {
            MrParquetHandle *handle = self->handles.slots[i];
            self->handles.slots[i] = handle->next_slot;
            handle_close(self, handle);
        }
    }
    mr_mutex_destroy(self->handles.lock);
    self->handles.lock = NULL;
}

MrParquetFile *mr__parquet_of(const MrParquetHandle *handle)
{
    return handle->parquet;
}

MrStatus mr__parquet_handle(MrFilesSource *self, const MrFileEntry *file, MrParquetHandle **out,
                            MrError *err)
{
    MrOs *os = self->context->os;
    MrParquetHandles *all = &self->handles;
    uint64_t hash = mr_hash_bytes(file->path, (int64_t)strlen(file->path), 5);
    MrParquetHandle **slot = &all->slots[hash % MR_COUNT(all->slots)];
    for (MrParquetHandle *handle = *slot; handle; handle = handle->next_slot) {
        if (handle->hash == hash && strcmp(handle->path, file->path) == 0) {
            *out = handle;
            return MR_OK;
        }
    }
    if (!all->lock)
        MR_TRY(mr_mutex_create(self->budget, &all->lock, err));
    /* A share of what the process may open: a query has several sources, and writes too. */
    int64_t share = mr_open_files_max() / 16;
    all->max_open = share < 8 ? 8 : share > 1024 ? 1024 : share;
    void *block;
    size_t n_path = strlen(file->path) + 1;
    MR_TRY(mr_budget_alloc_zeroed(self->budget, (int64_t)(sizeof(MrParquetHandle) + n_path), &block,
                                  err));
    MrParquetHandle *handle = block;
    handle->source = self;
    handle->hash = hash;
    memcpy(handle->path, file->path, n_path);
    MrInput input = {.size_bytes = file->size_bytes,
                     .read_at = handle_read_at,
                     .self = handle,
                     .name = handle->path};
    MrStatus status = mr__file_verify(os, self->budget, file, false, err);
    if (status == MR_OK)
        status = mr_parquet_open(self->budget, &input, &handle->parquet, err);
    if (status != MR_OK) {
        handle_close(self, handle);
        return status;
    }
    handle->next_slot = *slot;
    *slot = handle;
    *out = handle;
    return MR_OK;
}
