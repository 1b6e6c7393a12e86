/* os.h - all the engine needs from the world: files, folders, clock, random, sockets, threads.
 *
 * os_posix.c is the real one.  os_sim.c has a seed: a disk whose unsynced bytes can be lost or
 * torn, a clock that a test moves, and the k-th call made to fail.  Only this folder makes system
 * calls. Rules of durable writing (D1 ...) are those of docs/FORMATS.md; every durability step has
 * an id in MR_DURABLE_STEPS so that a test can switch off one at a time. */
#ifndef MR_OS_OS_H
#define MR_OS_OS_H

#include "base/arena.h"

typedef struct MrOs MrOs;
typedef struct MrFile MrFile;
typedef struct MrSocket MrSocket;
typedef struct MrDirEntry MrDirEntry;

typedef enum MrFileMode {
    MR_FILE_READ,       /* must exist                                  */
    MR_FILE_CREATE,     /* must not exist (O_EXCL); read and write     */
    MR_FILE_READ_WRITE, /* must exist; read and write                  */
    MR_FILE_SCRATCH     /* read and write, unlinked at birth: spill; the path is a folder */
} MrFileMode;

struct MrDirEntry {
    char *name;   /* in the caller's arena; sorted by name */
    bool is_dir;  /* what a symbolic link points at counts */
    bool is_link; /* a symbolic link itself: never walked into when removing */
    int64_t size_bytes;
    int64_t modified_us; /* since 1970 UTC */
};

typedef struct MrFileInfo {
    bool exists, is_dir;
    int64_t size_bytes, modified_us;
    uint64_t inode;
} MrFileInfo;

/* X(id, what): the fsyncs and their kin that the engine relies on. */
#define MR_DURABLE_STEPS(X)                                                                        \
    X(LOG_CREATE_SYNC, "segment file synced after it is preallocated")                             \
    X(LOG_FOLDER_SYNC, "log folder synced after a new segment")                                    \
    X(LOG_PLANNED_SYNC, "PLANNED record synced before the work can be seen")                       \
    X(LOG_COMMITTED_SYNC, "COMMITTED record synced before the sink's commit")                      \
    X(STATE_FILE_SYNC, "snapshot or changelog file synced before the record that names it")        \
    X(STATE_FOLDER_SYNC, "state folder synced before the record that names a file in it")          \
    X(META_FILE_SYNC, "metadata.json synced before it gets its name")                              \
    X(META_FOLDER_SYNC, "checkpoint folder synced after metadata.json")                            \
    X(RECEIVED_FILE_SYNC, "lines of a socket synced before the plan that names them")              \
    X(RECEIVED_FOLDER_SYNC, "their folder synced before the plan that names them")                 \
    X(SINK_FILE_SYNC, "staged data file synced before COMMITTED")                                  \
    X(SINK_STAGE_FOLDER_SYNC, "staging folder synced before COMMITTED")                            \
    X(SINK_FOLDER_SYNC, "data folder synced after files are published")                            \
    X(SINK_MANIFEST_SYNC, "manifest synced before the epoch is closed")                            \
    X(SINK_MANIFEST_FOLDER_SYNC, "manifest's folder synced after a new manifest file")             \
    X(CATALOG_FILE_SYNC, "catalog file synced before it gets its name")                            \
    X(CATALOG_FOLDER_SYNC, "catalog folder synced after a rename")                                 \
    X(GONE_FOLDER_SYNC, "folder synced after one in it was put away, before its files go")
typedef enum MrDurableStep {
#define X(id, what) MR_STEP_##id,
    MR_DURABLE_STEPS(X)
#undef X
        MR_N_DURABLE_STEPS
} MrDurableStep;

struct MrOs {
    int64_t (*now_us)(MrOs *os);  /* wall clock, microseconds since 1970 UTC */
    int64_t (*tick_ns)(MrOs *os); /* never goes back; for durations          */
    void (*sleep_us)(MrOs *os, int64_t us);
    uint64_t (*random_u64)(MrOs *os);

    /* Paths are NUL-terminated, at most MR_PATH_MAX bytes. */
    MrStatus (*file_open)(MrOs *os, const char *path, MrFileMode mode, MrFile **out, MrError *err);
    void (*file_close)(MrFile *file); /* accepts NULL */
    /* Reads or writes all of size_bytes; reading past the end gives fewer in *n_read. */
    MrStatus (*file_read_at)(MrFile *file, int64_t offset, void *data, int64_t size_bytes,
                             int64_t *n_read, MrError *err);
    MrStatus (*file_write_at)(MrFile *file, int64_t offset, const void *data, int64_t size_bytes,
                              MrError *err);
    MrStatus (*file_size)(MrFile *file, int64_t *size_bytes, MrError *err);
    MrStatus (*file_truncate)(MrFile *file, int64_t size_bytes, MrError *err);
    MrStatus (*file_preallocate)(MrFile *file, int64_t size_bytes, MrError *err); /* zero-filled */
    MrStatus (*file_sync)(MrFile *file, MrDurableStep step, MrError *err);        /* fdatasync */
    /* An open-file-description lock on the whole file; *taken false: somebody else holds it. */
    MrStatus (*file_lock)(MrFile *file, bool *taken, MrError *err);
    /* The same, together with others who share; of a file open for reading. */
    MrStatus (*file_lock_shared)(MrFile *file, bool *taken, MrError *err);

    MrStatus (*stat)(MrOs *os, const char *path, MrFileInfo *out,
                     MrError *err); /* missing: MR_OK */
    /* A file that nobody has open for writing: *out is what it is while that is so.  Else, or when
     * it is gone, out->exists is false.  Where this cannot be found out, as stat. */
    MrStatus (*stat_settled)(MrOs *os, const char *path, MrFileInfo *out, MrError *err);
    MrStatus (*list)(MrOs *os, const char *path, MrArena *arena, MrDirEntry **out, int64_t *n_out,
                     MrError *err);
    /* And its parents; each new level is durable on return.  Exists: fine. */
    MrStatus (*make_dir)(MrOs *os, const char *path, MrError *err);
    MrStatus (*dir_sync)(MrOs *os, const char *path, MrDurableStep step, MrError *err);
    MrStatus (*rename)(MrOs *os, const char *from, const char *to, MrError *err); /* replaces */
    /* Gives a file a second name, never replacing; *exists true: the name was taken. */
    MrStatus (*link)(MrOs *os, const char *from, const char *to, bool *exists, MrError *err);
    MrStatus (*remove)(MrOs *os, const char *path,
                       MrError *err); /* file or empty folder; missing: fine */

    /* TCP.  Non-blocking: n 0 and *blocked true when nothing can move now. */
    MrStatus (*connect)(MrOs *os, const char *host, int port, MrSocket **out, MrError *err);
    MrStatus (*socket_read)(MrSocket *socket, void *data, int64_t size_bytes, int64_t *n_read,
                            bool *blocked, MrError *err); /* n 0 and not blocked: closed */
    /* Waits until there is something to read; false after timeout_us. */
    bool (*socket_wait)(MrSocket *socket, int64_t timeout_us);
    void (*socket_close)(MrSocket *socket); /* accepts NULL */
};

#define MR_PATH_MAX 4096

/* The real world; a constant that lives as long as the process. */
MrOs *mr_os_posix(void);

/* Threads stay outside the table: the scheduler is the only user, and the simulator runs on one. */
typedef struct MrThread MrThread;
MR_MUST_USE MrStatus mr_thread_start(MrBudget *budget, void (*run)(void *arg), void *arg,
                                     MrThread **out, MrError *err);
void mr_thread_join(MrThread *thread); /* and frees it */
typedef struct MrMutex MrMutex;
typedef struct MrCondVar MrCondVar;
MR_MUST_USE MrStatus mr_mutex_create(MrBudget *budget, MrMutex **out, MrError *err);
void mr_mutex_destroy(MrMutex *mutex);
void mr_mutex_lock(MrMutex *mutex);
void mr_mutex_unlock(MrMutex *mutex);
MR_MUST_USE MrStatus mr_cond_create(MrBudget *budget, MrCondVar **out, MrError *err);
void mr_cond_destroy(MrCondVar *cond);
void mr_cond_wait(MrCondVar *cond, MrMutex *mutex);
bool mr_cond_wait_us(MrCondVar *cond, MrMutex *mutex, int64_t timeout_us); /* false: timed out */
void mr_cond_signal_all(MrCondVar *cond);
int mr_cpu_count(void); /* cores this process may use */
int64_t mr_process_id(void);
/* The absolute form of a path of the process, as text: nothing is looked up. */
void mr_path_absolute(const char *path, char out[MR_PATH_MAX]);
int64_t mr_memory_bytes(void);   /* the smaller of RAM and the cgroup's limit */
int64_t mr_open_files_max(void); /* how many files the process may have open */
void mr_open_files_raise(void);  /* ... as many as it may let itself have */

/* Whole small files (at most max_bytes), for metadata. */
MR_MUST_USE MrStatus mr_os_read_file(MrOs *os, const char *path, int64_t max_bytes, MrBuffer *out,
                                     MrError *err);
/* D1: temporary name in the same folder, file synced, renamed, folder synced. */
MR_MUST_USE MrStatus mr_os_write_file(MrOs *os, const char *path, MrText content,
                                      MrDurableStep file_step, MrDurableStep folder_step,
                                      MrError *err);
/* Removes a folder and all in it, one after another; missing: fine. */
MR_MUST_USE MrStatus mr_os_remove_tree(MrOs *os, const char *path, MrError *err);
/* The same at once: a crash leaves it whole or not there.  It gets another name beside it first,
 * and what a crash leaves of that goes with the next call there. */
MR_MUST_USE MrStatus mr_os_discard_tree(MrOs *os, const char *path, MrError *err);

#endif
