/* os.c - what can be said in terms of the MrOs table, for the real world and the simulated one. */
#include "os/os.h"
#include <stdio.h>

/* Short-lived lists of names only. */
static MrBudget names_budget = {.name = "folder listing", .limit_bytes = INT64_MAX};

MrStatus mr_os_read_file(MrOs *os, const char *path, int64_t max_bytes, MrBuffer *out, MrError *err)
{
    MrStatus status = MR_OK;
    MrFile *file = NULL;
    int64_t size_bytes = 0, n_read = 0;

    MR_GO(os->file_open(os, path, MR_FILE_READ, &file, err));
    MR_GO(os->file_size(file, &size_bytes, err));
    if (size_bytes > max_bytes) {
        char limit[24];
        snprintf(limit, sizeof limit, "%lld", (long long)max_bytes);
        MR_GO(MR_FAIL(err, MR_COND_BUFFER_LIMIT, "buffer", path, "limit", limit));
    }
    if (size_bytes == 0)
        goto done;
    MR_GO(mr_buffer_reserve(out, size_bytes, err));
    MR_GO(os->file_read_at(file, 0, out->data + out->size_bytes, size_bytes, &n_read, err));
    out->size_bytes += n_read;
done:
    os->file_close(file);
    return status;
}

static MrStatus folder_of(const char *path, char *folder, MrError *err)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 1 : slash == path ? 1 : (size_t)(slash - path);
    if (size >= MR_PATH_MAX)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "use", "path", path, "message",
                       "the path is too long");
    memcpy(folder, slash == NULL ? "." : path, size);
    folder[size] = '\0';
    return MR_OK;
}

MrStatus mr_os_write_file(MrOs *os, const char *path, MrText content, MrDurableStep file_step,
                          MrDurableStep folder_step, MrError *err)
{
    MrStatus status = MR_OK;
    MrFile *file = NULL;
    char temporary[MR_PATH_MAX + 32], folder[MR_PATH_MAX];
    bool created = false;

    MR_TRY(folder_of(path, folder, err));
    int size = snprintf(temporary, sizeof temporary, "%s.tmp-%016llx", path,
                        (unsigned long long)os->random_u64(os));
    if (size >= MR_PATH_MAX)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "use", "path", path, "message",
                       "the path is too long");
    MR_GO(os->file_open(os, temporary, MR_FILE_CREATE, &file, err));
    created = true;
    MR_GO(os->file_write_at(file, 0, content.data, content.size_bytes, err));
    MR_GO(os->file_sync(file, file_step, err));
    MR_GO(os->rename(os, temporary, path, err));
    created = false;
    MR_GO(os->dir_sync(os, folder, folder_step, err));
done:
    os->file_close(file);
    if (created) {
        MrError ignored;
        (void)!os->remove(os, temporary, &ignored); /* a leftover name is harmless */
    }
    return status;
}

/* path is a buffer of MR_PATH_MAX bytes, used and restored on the way down. */
static MrStatus tree_remove(MrOs *os, char *path, MrError *err)
{
    MrStatus status = MR_OK;
    MrArena arena;
    MrFileInfo info;
    MrError ignored;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    size_t size = strlen(path);

    mr_arena_init(&arena, &names_budget);
    status = os->list(os, path, &arena, &entries, &n_entries, err);
    if (status != MR_OK && os->stat(os, path, &info, &ignored) == MR_OK && !info.exists)
        status = MR_OK; /* somebody else removes it, too */
    MR_GO(status);
    for (int64_t i = 0; i < n_entries; i++) {
        size_t name_bytes = strlen(entries[i].name);
        if (size + 1 + name_bytes >= MR_PATH_MAX)
            MR_GO(MR_FAIL(err, MR_COND_IO_ERROR, "operation", "remove", "path", path, "message",
                          "a path in it is too long"));
        path[size] = '/';
        memcpy(path + size + 1, entries[i].name, name_bytes + 1);
        if (entries[i].is_dir && !entries[i].is_link)
            status = tree_remove(os, path, err);
        else
            status = os->remove(os, path, err);
        path[size] = '\0';
        if (status != MR_OK)
            goto done;
    }
    MR_GO(os->remove(os, path, err));
done:
    mr_arena_deinit(&arena);
    return status;
}

MrStatus mr_os_remove_tree(MrOs *os, const char *path, MrError *err)
{
    char walk[MR_PATH_MAX];
    MrFileInfo info;
    if (strlen(path) >= sizeof walk)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "remove", "path", path, "message",
                       "the path is too long");
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists)
        return MR_OK;
    if (!info.is_dir)
        return os->remove(os, path, err);
    memcpy(walk, path, strlen(path) + 1);
    return tree_remove(os, walk, err);
}

#define GONE ".millrace-gone-"

/* What others that were killed have put away; those at work do not mind. */
static MrStatus gone_sweep(MrOs *os, MrArena *arena, const char *folder, MrError *err)
{
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    MR_TRY(os->list(os, folder, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++)
        if (strncmp(entries[i].name, GONE, strlen(GONE)) == 0)
            MR_TRY(mr_os_remove_tree(os, mr_arena_printf(arena, "%s/%s", folder, entries[i].name),
                                     err));
    return MR_OK;
}

/* Under another name at once, then file by file. */
static MrStatus put_away(MrOs *os, const char *path, const char *folder, MrError *err)
{
    char gone[MR_PATH_MAX];
    MrFileInfo info;
    MrError ignored = {0};
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists)
        return MR_OK;
    if (snprintf(gone, sizeof gone, "%s/" GONE "%016llx", folder,
                 (unsigned long long)os->random_u64(os)) >= (int)sizeof gone ||
        os->rename(os, path, gone, &ignored) != MR_OK) /* a mount point, say */
        return mr_os_remove_tree(os, path, err);
    MR_TRY(os->dir_sync(os, folder, MR_STEP_GONE_FOLDER_SYNC, err));
    return mr_os_remove_tree(os, gone, err);
}

MrStatus mr_os_discard_tree(MrOs *os, const char *path, MrError *err)
{
    char folder[MR_PATH_MAX];
    MrFileInfo info;
    MrArena arena;
    MrStatus status;
    MrError ignored = {0};
    MR_TRY(folder_of(path, folder, err));
    MR_TRY(put_away(os, path, folder, err));
    MR_TRY(os->stat(os, folder, &info, err));
    if (!info.exists)
        return MR_OK;
    mr_arena_init(&arena, &names_budget);
    MR_GUARD_BEGIN(status, &ignored)
        status = gone_sweep(os, &arena, folder, &ignored);
    MR_GUARD_END(status)
    if (status != MR_OK)
        mr_error_add(&ignored, "left for the next one");
    mr_arena_deinit(&arena);
    return MR_OK;
}
