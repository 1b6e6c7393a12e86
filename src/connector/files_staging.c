/* files_staging.c - whose prepared files lie in ROOT/_millrace/staging, and which nobody will need.
 *
 * A stream's are under QUERY/, and may be needed to finish an epoch after a crash.  Those of a
 * batch are of no use without its process, which holds the lock of QUERY.lock beside them: who gets
 * that lock may remove them. */
#include "connector/files_int.h"

#include <stdio.h>

#define LOCK_ENDING ".lock"

static const char *staging_of(MrArena *arena, const char *root)
{
    return mr_arena_printf(arena, "%s/_millrace/staging", root);
}

MrStatus mr__staging_claim(MrOs *os, MrArena *arena, const char *root, const char *query,
                           MrFile **out, MrError *err)
{
    const char *staging = staging_of(arena, root);
    const char *path = mr_arena_printf(arena, "%s/%s" LOCK_ENDING, staging, query);
    MR_TRY(os->make_dir(os, staging, err));
    for (int n_tries = 0;; n_tries++) {
        bool taken = false;
        *err = (MrError){.sql_idx = -1};
        MrStatus status = os->file_open(os, path, MR_FILE_CREATE, out, err);
        if (status == MR_OK)
            status = os->file_lock(*out, &taken, err);
        if (taken)
            return MR_OK;
        os->file_close(*out); /* one that cleans had it first: it removes the name */
        *out = NULL;
        if (n_tries == 1000)
            return status != MR_OK ? status
                                   : MR_FAIL_INTERNAL(err, "'%s' stays locked by another", path);
        os->sleep_us(os, 1000);
    }
}

void mr__staging_release(MrOs *os, const char *root, const char *query, MrFile *lock)
{
    char path[MR_PATH_MAX];
    MrError ignored = {0};
    if (!lock)
        return;
    snprintf(path, sizeof path, "%s/_millrace/staging/%s", root, query);
    MrStatus status = mr_os_remove_tree(os, path, &ignored);
    snprintf(path, sizeof path, "%s/_millrace/staging/%s" LOCK_ENDING, root, query);
    if (status == MR_OK && os->remove(os, path, &ignored) != MR_OK)
        mr_error_add(&ignored, "left for a later writer");
    os->file_close(lock);
}

/* Files of a dead query that have their final names and never came into the manifest. */
static MrStatus strays_remove(MrOs *os, MrArena *arena, const char *root, const char *below,
                              const char *mark, const MrManifest *manifest, MrError *err)
{
    MrDirEntry *entries;
    int64_t n_entries;
    MR_TRY(os->list(os, mr_arena_printf(arena, "%s/%s", root, below), arena, &entries, &n_entries,
                    err));
    for (int64_t i = 0; i < n_entries; i++) {
        const MrDirEntry *entry = &entries[i];
        const char *path = mr_arena_printf(arena, "%s%s", below, entry->name);
        if (entry->is_dir && !entry->is_link && strchr(entry->name, '='))
            MR_TRY(strays_remove(os, arena, root, mr_arena_printf(arena, "%s/", path), mark,
                                 manifest, err));
        else if (!entry->is_dir && mr__manifest_is_ours(entry->name) && strstr(entry->name, mark) &&
                 !mr__manifest_knows(manifest, path))
            MR_TRY(os->remove(os, mr_arena_printf(arena, "%s/%s", root, path), err));
    }
    return MR_OK;
}

/* What a process that is gone has left. */
static MrStatus dead_remove(MrOs *os, MrBudget *budget, MrArena *arena, const char *root,
                            const char *query, MrError *err)
{
    MrManifest *manifest = NULL;
    MrStatus status;
    MR_TRY(mr__manifest_read(os, budget, root, &manifest, err));
    MR_GUARD_BEGIN(status, err) /* a refusal must not jump over the manifest's end */
        if (manifest && !mr__manifest_lost(manifest))
            status = strays_remove(os, arena, root, "", mr_arena_printf(arena, "-%s-", query),
                                   manifest, err);
    MR_GUARD_END(status)
    mr__manifest_close(manifest);
    MR_TRY(status);
    return mr_os_remove_tree(os, mr_arena_printf(arena, "%s/%s", staging_of(arena, root), query),
                             err);
}

static MrStatus staging_sweep(MrOs *os, MrBudget *budget, MrArena *arena, const char *root,
                              const char *only, MrError *err)
{
    MrFileInfo info;
    MrDirEntry *entries;
    int64_t n_entries;
    const char *staging = staging_of(arena, root);
    MR_TRY(os->stat(os, staging, &info, err));
    if (!info.exists)
        return MR_OK;
    MR_TRY(os->list(os, staging, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        const char *name = entries[i].name;
        const char *path = mr_arena_printf(arena, "%s/%s", staging, name);
        const char *lock = mr_arena_printf(arena, "%s" LOCK_ENDING, path);
        size_t n_name = strlen(name), n_ending = strlen(LOCK_ENDING);
        if (entries[i].is_dir) {
            MR_TRY(os->stat(os, lock, &info, err));
            if (only && strcmp(name, only) != 0 && !info.exists)
                MR_TRY(mr_os_remove_tree(os, path, err));
            continue;
        }
        MrFile *file = NULL;
        MrError ignored = {0};
        bool taken = false;
        if (n_name <= n_ending || strcmp(name + n_name - n_ending, LOCK_ENDING) != 0 ||
            os->file_open(os, path, MR_FILE_READ_WRITE, &file, &ignored) != MR_OK)
            continue; /* its writer has ended meanwhile */
        MrStatus status = os->file_lock(file, &taken, err);
        if (status == MR_OK && taken)
            status = dead_remove(os, budget, arena, root,
                                 mr_arena_strn(arena, name, (int64_t)(n_name - n_ending)), err);
        if (status == MR_OK && taken)
            status = os->remove(os, path, err);
        os->file_close(file);
        MR_TRY(status);
    }
    return MR_OK;
}

void mr__staging_sweep(MrOs *os, MrBudget *budget, const char *root, const char *only)
{
    MrArena arena;
    MrError ignored = {0};
    MrStatus status;
    mr_arena_init(&arena, budget);
    MR_GUARD_BEGIN(status, &ignored)
        status = staging_sweep(os, budget, &arena, root, only, &ignored);
    MR_GUARD_END(status)
    if (status != MR_OK)
        mr_error_add(&ignored, "left for a later writer");
    mr_arena_deinit(&arena);
}
