/* os_posix.c - the real world: Linux files, clocks and sockets.
 *
 * A read or write that a signal interrupts goes on; close is never repeated (D4).  After a failed
 * fsync the file is not touched again by this process (D3): each later call on it fails. */
#include "os/os.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct MrFile {
    int fd;
    bool sync_failed;
    int64_t size_bytes; /* of this struct, with the path */
    char path[];
};

struct MrSocket {
    int fd;
};

/* Handles only; what they are used for is charged to their users. */
static MrBudget handles_budget = {.name = "open files", .limit_bytes = INT64_MAX};

static MrStatus io_fail(MrError *err, const char *operation, const char *path, int error)
{
    if (error == ENOENT || error == ENOTDIR)
        return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", path);
    char text[128];
    MrStatus status = MR_FAIL(err, MR_COND_IO_ERROR, "operation", operation, "path", path,
                              "message", strerror_r(error, text, sizeof text));
    if (error == EMFILE)
        mr_error_add(err, "this process may open %lld: raise that with ulimit -n",
                     (long long)mr_open_files_max());
    if (error == EFBIG)
        mr_error_add(err, "the file system or ulimit -f allows no larger file");
    return status;
}

static int64_t posix_now_us(MrOs *os)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static int64_t posix_tick_ns(MrOs *os)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void posix_sleep_us(MrOs *os, int64_t us)
{
    struct timespec left = {.tv_sec = us / 1000000, .tv_nsec = us % 1000000 * 1000};
    while (us > 0 && nanosleep(&left, &left) != 0 && errno == EINTR)
        ;
}

static uint64_t posix_random_u64(MrOs *os)
{
    uint64_t value = 0;
    while (getrandom(&value, sizeof value, 0) != (ssize_t)sizeof value)
        MR_ASSERT(errno == EINTR); /* up to 256 bytes never fail otherwise */
    return value;
}

static int open_retry(const char *path, int flags)
{
    int fd;
    do {
        fd = open(path, flags | O_CLOEXEC, 0666);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

static int scratch_open(const char *folder)
{
    int fd = open_retry(folder, O_TMPFILE | O_RDWR | O_EXCL);
    if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
        return fd;
    char path[MR_PATH_MAX]; /* a file system without O_TMPFILE */
    snprintf(path, sizeof path, "%s/.millrace-%016llx", folder,
             (unsigned long long)posix_random_u64(NULL));
    fd = open_retry(path, O_CREAT | O_EXCL | O_RDWR);
    if (fd >= 0)
        unlink(path);
    return fd;
}

static MrStatus posix_file_open(MrOs *os, const char *path, MrFileMode mode, MrFile **out,
                                MrError *err)
{
    int64_t path_bytes = (int64_t)strlen(path) + 1;
    void *block;
    MR_TRY(mr_budget_alloc(&handles_budget, (int64_t)sizeof(MrFile) + path_bytes, &block, err));
    MrFile *file = block;
    file->size_bytes = (int64_t)sizeof(MrFile) + path_bytes;
    file->sync_failed = false;
    memcpy(file->path, path, (size_t)path_bytes);
    if (mode == MR_FILE_SCRATCH)
        file->fd = scratch_open(path);
    else if (mode == MR_FILE_CREATE)
        file->fd = open_retry(path, O_RDWR | O_CREAT | O_EXCL);
    else
        file->fd = open_retry(path, mode == MR_FILE_READ ? O_RDONLY : O_RDWR);
    if (file->fd < 0) {
        int error = errno;
        mr_budget_free(&handles_budget, file, file->size_bytes);
        if (error == EEXIST)
            return MR_FAIL(err, MR_COND_PATH_ALREADY_EXISTS, "outputPath", path);
        return io_fail(err, mode == MR_FILE_CREATE ? "create" : "open", path, error);
    }
    *out = file;
    return MR_OK;
}

static void posix_file_close(MrFile *file)
{
    if (file == NULL)
        return;
    close(file->fd); /* what had to last was synced; nothing rests on this answer */
    mr_budget_free(&handles_budget, file, file->size_bytes);
}

static MrStatus file_check(const MrFile *file, const char *operation, MrError *err)
{
    return file->sync_failed ? io_fail(err, operation, file->path, EIO) : MR_OK;
}

static MrStatus posix_file_read_at(MrFile *file, int64_t offset, void *data, int64_t size_bytes,
                                   int64_t *n_read, MrError *err)
{
    int64_t n = 0;
    MR_TRY(file_check(file, "read", err));
    while (n < size_bytes) {
        ssize_t got = pread(file->fd, (char *)data + n, (size_t)(size_bytes - n), offset + n);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return io_fail(err, "read", file->path, errno);
        if (got == 0)
            break;
        n += got;
    }
    *n_read = n;
    return MR_OK;
}

static MrStatus posix_file_write_at(MrFile *file, int64_t offset, const void *data,
                                    int64_t size_bytes, MrError *err)
{
    int64_t n = 0;
    MR_TRY(file_check(file, "write", err));
    while (n < size_bytes) {
        ssize_t put =
            pwrite(file->fd, (const char *)data + n, (size_t)(size_bytes - n), offset + n);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return io_fail(err, "write", file->path, put == 0 ? ENOSPC : errno);
        n += put;
    }
    return MR_OK;
}

static MrStatus posix_file_size(MrFile *file, int64_t *size_bytes, MrError *err)
{
    struct stat info;
    if (fstat(file->fd, &info) != 0)
        return io_fail(err, "get the size of", file->path, errno);
    if (S_ISDIR(info.st_mode))
        return io_fail(err, "read", file->path, EISDIR);
    *size_bytes = info.st_size;
    return MR_OK;
}

static MrStatus posix_file_truncate(MrFile *file, int64_t size_bytes, MrError *err)
{
    MR_TRY(file_check(file, "truncate", err));
    int result;
    do {
        result = ftruncate(file->fd, size_bytes);
    } while (result != 0 && errno == EINTR);
    return result == 0 ? MR_OK : io_fail(err, "truncate", file->path, errno);
}

/* Real zeros: a later write into them changes no metadata, so that fdatasync has one thing to do.
 */
static MrStatus posix_file_preallocate(MrFile *file, int64_t size_bytes, MrError *err)
{
    static const char zeros[64 * 1024];
    int result;
    do {
        result = fallocate(file->fd, 0, 0, size_bytes);
    } while (result != 0 && errno == EINTR);
    if (result != 0 && errno != EOPNOTSUPP && errno != ENOSYS)
        return io_fail(err, "make room for", file->path, errno);
    for (int64_t at = 0; at < size_bytes; at += (int64_t)sizeof zeros) {
        int64_t left = size_bytes - at;
        int64_t piece = left < (int64_t)sizeof zeros ? left : (int64_t)sizeof zeros;
        MR_TRY(posix_file_write_at(file, at, zeros, piece, err));
    }
    return MR_OK;
}

static MrStatus posix_file_sync(MrFile *file, MrDurableStep step, MrError *err)
{
    MR_TRY(file_check(file, "sync", err));
    if (fdatasync(file->fd) == 0)
        return MR_OK;
    file->sync_failed = true;
    return io_fail(err, "sync", file->path, errno);
}

static MrStatus lock_take(MrFile *file, short type, bool *taken, MrError *err)
{
    struct flock whole = {.l_type = type, .l_whence = SEEK_SET};
    if (fcntl(file->fd, F_OFD_SETLK, &whole) == 0) {
        *taken = true;
        return MR_OK;
    }
    if (errno != EAGAIN && errno != EACCES)
        return io_fail(err, "lock", file->path, errno);
    *taken = false;
    return MR_OK;
}

static MrStatus posix_file_lock(MrFile *file, bool *taken, MrError *err)
{
    return lock_take(file, F_WRLCK, taken, err);
}

static MrStatus posix_file_lock_shared(MrFile *file, bool *taken, MrError *err)
{
    return lock_take(file, F_RDLCK, taken, err);
}

static int64_t stat_modified_us(const struct stat *info)
{
    return (int64_t)info->st_mtim.tv_sec * 1000000 + info->st_mtim.tv_nsec / 1000;
}

static void stat_take(const struct stat *info, MrFileInfo *out)
{
    *out = (MrFileInfo){
        .exists = true,
        .is_dir = S_ISDIR(info->st_mode),
        .size_bytes = info->st_size,
        .modified_us = stat_modified_us(info),
        .inode = info->st_ino,
    };
}

static MrStatus posix_stat(MrOs *os, const char *path, MrFileInfo *out, MrError *err)
{
    struct stat info;
    *out = (MrFileInfo){.exists = false};
    if (stat(path, &info) != 0)
        return errno == ENOENT || errno == ENOTDIR ? MR_OK : io_fail(err, "look at", path, errno);
    stat_take(&info, out);
    return MR_OK;
}

/* A read lease is refused while some process has the file open for writing.  One who opens it so
 * while we hold the lease waits for us, some microseconds; the signal that tells us is one that is
 * ignored by default. */
static MrStatus posix_stat_settled(MrOs *os, const char *path, MrFileInfo *out, MrError *err)
{
    struct stat info;
    *out = (MrFileInfo){.exists = false};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 && (errno == ENOENT || errno == ENOTDIR))
        return MR_OK;
    if (fd < 0)
        return posix_stat(os, path, out, err);
    bool leased = fcntl(fd, F_SETSIG, SIGURG) == 0 && fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
    if (!leased && errno == EAGAIN) {
        close(fd);
        return MR_OK;
    }
    int failed = fstat(fd, &info) != 0 ? errno : 0;
    if (leased)
        (void)fcntl(fd, F_SETLEASE, F_UNLCK);
    close(fd);
    if (failed != 0)
        return io_fail(err, "look at", path, failed);
    stat_take(&info, out);
    return MR_OK;
}

static int entry_compare(const void *a, const void *b)
{
    return strcmp(((const MrDirEntry *)a)->name, ((const MrDirEntry *)b)->name);
}

/* One more entry; true when there is none. */
static bool dir_next(DIR *dir, MrArena *arena, MrDirEntry *out, int *error)
{
    for (;;) {
        struct stat info, target;
        errno = 0;
        struct dirent *found = readdir(dir);
        if (found == NULL) {
            *error = errno;
            return true;
        }
        if (strcmp(found->d_name, ".") == 0 || strcmp(found->d_name, "..") == 0)
            continue;
        if (fstatat(dirfd(dir), found->d_name, &info, AT_SYMLINK_NOFOLLOW) != 0) {
            if (errno == ENOENT) /* removed meanwhile */
                continue;
            *error = errno;
            return true;
        }
        bool is_link = S_ISLNK(info.st_mode);
        if (is_link && fstatat(dirfd(dir), found->d_name, &target, 0) == 0)
            info = target;
        *out = (MrDirEntry){
            .name = mr_arena_str(arena, found->d_name),
            .is_dir = S_ISDIR(info.st_mode),
            .is_link = is_link,
            .size_bytes = info.st_size,
            .modified_us = stat_modified_us(&info),
        };
        return false;
    }
}

static MrStatus posix_list(MrOs *os, const char *path, MrArena *arena, MrDirEntry **out,
                           int64_t *n_out, MrError *err)
{
    MrStatus status;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return io_fail(err, "list", path, errno);
    MR_GUARD_BEGIN(status, err)
        MrDirEntry *entries = NULL, entry;
        int64_t n_entries = 0, cap_entries = 0;
        int error = 0;
        for (; !dir_next(dir, arena, &entry, &error); mr_poll())
            MR_PUSH(arena, entries, n_entries, cap_entries, entry);
        if (error != 0) {
            status = io_fail(err, "list", path, error);
        } else {
            if (n_entries > 0)
                qsort(entries, (size_t)n_entries, sizeof *entries, entry_compare);
            *out = entries;
            *n_out = n_entries;
        }
    MR_GUARD_END(status)
    closedir(dir);
    return status;
}

static MrStatus posix_dir_sync(MrOs *os, const char *path, MrDurableStep step, MrError *err)
{
    int fd = open_retry(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0)
        return io_fail(err, "open", path, errno);
    int error = fsync(fd) == 0 ? 0 : errno;
    close(fd);
    return error == 0 ? MR_OK : io_fail(err, "sync", path, error);
}

/* Makes path, whose parent exists; an existing folder is fine. */
static MrStatus level_make(const char *path, MrError *err)
{
    struct stat info;
    if (mkdir(path, 0777) != 0) {
        int error = errno;
        if (error == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode))
            return MR_OK;
        return io_fail(err, "make folder", path, error);
    }
    char parent[MR_PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL || slash == path ? 1 : (size_t)(slash - path);
    memcpy(parent, slash == NULL ? "." : path, size);
    parent[size] = '\0';
    return posix_dir_sync(NULL, parent, MR_N_DURABLE_STEPS, err);
}

static MrStatus posix_make_dir(MrOs *os, const char *path, MrError *err)
{
    char walk[MR_PATH_MAX];
    size_t size = strlen(path);
    struct stat info;
    if (size >= sizeof walk)
        return io_fail(err, "make folder", path, ENAMETOOLONG);
    if (stat(path, &info) == 0 && S_ISDIR(info.st_mode))
        return MR_OK;
    memcpy(walk, path, size + 1);
    while (size > 1 && walk[size - 1] == '/')
        walk[--size] = '\0';
    for (char *slash = strchr(walk + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (stat(walk, &info) != 0 || !S_ISDIR(info.st_mode))
            MR_TRY(level_make(walk, err));
        *slash = '/';
    }
    return level_make(walk, err);
}

static MrStatus posix_rename(MrOs *os, const char *from, const char *to, MrError *err)
{
    return rename(from, to) == 0 ? MR_OK : io_fail(err, "rename", from, errno);
}

static MrStatus posix_link(MrOs *os, const char *from, const char *to, bool *exists, MrError *err)
{
    if (link(from, to) == 0) {
        *exists = false;
        return MR_OK;
    }
    if (errno != EEXIST)
        return io_fail(err, "link", from, errno);
    *exists = true;
    return MR_OK;
}

static MrStatus posix_remove(MrOs *os, const char *path, MrError *err)
{
    if (unlink(path) == 0 || errno == ENOENT)
        return MR_OK;
    if (errno == EISDIR || errno == EPERM) {
        if (rmdir(path) == 0 || errno == ENOENT)
            return MR_OK;
    }
    return io_fail(err, "remove", path, errno);
}

#define CONNECT_TIMEOUT_MS 10000

/* Returns an error number, or 0 and the socket. */
static int address_connect(const struct addrinfo *address, int *out)
{
    int one = 1;
    int fd = socket(address->ai_family, address->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC,
                    address->ai_protocol);
    if (fd < 0)
        return errno;
    int error = connect(fd, address->ai_addr, address->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS || error == EINTR) {
        struct pollfd wait = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof error;
        int ready;
        do {
            ready = poll(&wait, 1, CONNECT_TIMEOUT_MS);
        } while (ready < 0 && errno == EINTR);
        if (ready == 0)
            error = ETIMEDOUT;
        else if (ready < 0 || getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (error != 0) {
        close(fd);
        return error;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *out = fd;
    return 0;
}

static MrStatus posix_connect(MrOs *os, const char *host, int port, MrSocket **out, MrError *err)
{
    char service[16], place[300];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *addresses = NULL;
    snprintf(service, sizeof service, "%d", port);
    snprintf(place, sizeof place, "%s:%d", host, port);
    int lookup = getaddrinfo(host, service, &hints, &addresses);
    if (lookup != 0)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "connect to", "path", place, "message",
                       gai_strerror(lookup));
    int error = EADDRNOTAVAIL, fd = -1;
    for (struct addrinfo *at = addresses; at != NULL && error != 0; at = at->ai_next)
        error = address_connect(at, &fd);
    freeaddrinfo(addresses);
    if (error != 0) {
        char text[128];
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "connect to", "path", place, "message",
                       strerror_r(error, text, sizeof text));
    }
    void *block;
    MrStatus status = mr_budget_alloc(&handles_budget, sizeof(MrSocket), &block, err);
    if (status != MR_OK) {
        close(fd);
        return status;
    }
    *out = block;
    (*out)->fd = fd;
    return MR_OK;
}

static MrStatus posix_socket_read(MrSocket *socket, void *data, int64_t size_bytes, int64_t *n_read,
                                  bool *blocked, MrError *err)
{
    ssize_t got;
    do {
        got = recv(socket->fd, data, (size_t)size_bytes, 0);
    } while (got < 0 && errno == EINTR);
    *blocked = got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
    if (got < 0 && !*blocked)
        return io_fail(err, "read", "socket", errno);
    *n_read = got < 0 ? 0 : got;
    return MR_OK;
}

static bool posix_socket_wait(MrSocket *socket, int64_t timeout_us)
{
    struct pollfd wait = {.fd = socket->fd, .events = POLLIN};
    struct timespec limit = {.tv_sec = timeout_us / 1000000,
                             .tv_nsec = timeout_us % 1000000 * 1000};
    return ppoll(&wait, 1, &limit, NULL) > 0; /* a signal: the caller asks again */
}

static void posix_socket_close(MrSocket *socket)
{
    if (socket == NULL)
        return;
    close(socket->fd);
    mr_budget_free(&handles_budget, socket, sizeof *socket);
}

MrOs *mr_os_posix(void)
{
    static MrOs posix = {
        .now_us = posix_now_us,
        .tick_ns = posix_tick_ns,
        .sleep_us = posix_sleep_us,
        .random_u64 = posix_random_u64,
        .file_open = posix_file_open,
        .file_close = posix_file_close,
        .file_read_at = posix_file_read_at,
        .file_write_at = posix_file_write_at,
        .file_size = posix_file_size,
        .file_truncate = posix_file_truncate,
        .file_preallocate = posix_file_preallocate,
        .file_sync = posix_file_sync,
        .file_lock = posix_file_lock,
        .file_lock_shared = posix_file_lock_shared,
        .stat = posix_stat,
        .stat_settled = posix_stat_settled,
        .list = posix_list,
        .make_dir = posix_make_dir,
        .dir_sync = posix_dir_sync,
        .rename = posix_rename,
        .link = posix_link,
        .remove = posix_remove,
        .connect = posix_connect,
        .socket_read = posix_socket_read,
        .socket_wait = posix_socket_wait,
        .socket_close = posix_socket_close,
    };
    return &posix;
}
