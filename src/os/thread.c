/* thread.c - POSIX threads for the scheduler, and what the machine has to offer. */
#include "os/os.h"
#include <errno.h>
#include <pthread.h>
#include <sys/resource.h>
#include <sched.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct MrThread {
    MrBudget *budget;
    pthread_t id;
    void (*run)(void *arg);
    void *arg;
};

struct MrMutex {
    MrBudget *budget;
    pthread_mutex_t lock;
};

struct MrCondVar {
    MrBudget *budget;
    pthread_cond_t cond;
};

static void *thread_main(void *arg)
{
    MrThread *thread = arg;
    thread->run(thread->arg);
    return NULL;
}

MrStatus mr_thread_start(MrBudget *budget, void (*run)(void *arg), void *arg, MrThread **out,
                         MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc(budget, sizeof(MrThread), &block, err));
    MrThread *thread = block;
    *thread = (MrThread){.budget = budget, .run = run, .arg = arg};
    int error = pthread_create(&thread->id, NULL, thread_main, thread);
    if (error != 0) {
        char text[128];
        mr_budget_free(budget, thread, sizeof *thread);
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "start", "path", "thread", "message",
                       strerror_r(error, text, sizeof text));
    }
    *out = thread;
    return MR_OK;
}

void mr_thread_join(MrThread *thread)
{
    if (thread == NULL)
        return;
    MR_ASSERT(pthread_join(thread->id, NULL) == 0);
    mr_budget_free(thread->budget, thread, sizeof *thread);
}

MrStatus mr_mutex_create(MrBudget *budget, MrMutex **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc(budget, sizeof(MrMutex), &block, err));
    *out = block;
    (*out)->budget = budget;
    MR_ASSERT(pthread_mutex_init(&(*out)->lock, NULL) == 0);
    return MR_OK;
}

void mr_mutex_destroy(MrMutex *mutex)
{
    if (mutex == NULL)
        return;
    MR_ASSERT(pthread_mutex_destroy(&mutex->lock) == 0);
    mr_budget_free(mutex->budget, mutex, sizeof *mutex);
}

void mr_mutex_lock(MrMutex *mutex)
{
    MR_ASSERT(pthread_mutex_lock(&mutex->lock) == 0);
}

void mr_mutex_unlock(MrMutex *mutex)
{
    MR_ASSERT(pthread_mutex_unlock(&mutex->lock) == 0);
}

MrStatus mr_cond_create(MrBudget *budget, MrCondVar **out, MrError *err)
{
    void *block;
    pthread_condattr_t attributes;
    MR_TRY(mr_budget_alloc(budget, sizeof(MrCondVar), &block, err));
    *out = block;
    (*out)->budget = budget;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes,
                              CLOCK_MONOTONIC); /* a set clock must not stretch waits */
    MR_ASSERT(pthread_cond_init(&(*out)->cond, &attributes) == 0);
    pthread_condattr_destroy(&attributes);
    return MR_OK;
}

void mr_cond_destroy(MrCondVar *cond)
{
    if (cond == NULL)
        return;
    MR_ASSERT(pthread_cond_destroy(&cond->cond) == 0);
    mr_budget_free(cond->budget, cond, sizeof *cond);
}

void mr_cond_wait(MrCondVar *cond, MrMutex *mutex)
{
    MR_ASSERT(pthread_cond_wait(&cond->cond, &mutex->lock) == 0);
}

bool mr_cond_wait_us(MrCondVar *cond, MrMutex *mutex, int64_t timeout_us)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t ns = until.tv_nsec + timeout_us % 1000000 * 1000;
    until.tv_sec += timeout_us / 1000000 + ns / 1000000000;
    until.tv_nsec = ns % 1000000000;
    int error = pthread_cond_timedwait(&cond->cond, &mutex->lock, &until);
    MR_ASSERT(error == 0 || error == ETIMEDOUT);
    return error == 0;
}

void mr_cond_signal_all(MrCondVar *cond)
{
    MR_ASSERT(pthread_cond_broadcast(&cond->cond) == 0);
}

/* The first line of a small file of the kernel; false when there is none. */
static bool kernel_line(const char *path, char *line, int size_bytes)
{
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return false;
    bool found = fgets(line, size_bytes, file) != NULL;
    fclose(file);
    return found;
}

/* Asks every control group (version 2) from ours up to the root; the reader keeps the smallest. */
static void cgroup_lines(const char *name, void (*see)(const char *line, void *arg), void *arg)
{
    char group[MR_PATH_MAX], path[MR_PATH_MAX + 64], line[128];
    if (!kernel_line("/proc/self/cgroup", group, sizeof group) || strncmp(group, "0::", 3) != 0)
        return;
    group[strcspn(group, "\n")] = '\0';
    char *start = group + 3, *end = start + strlen(start);
    if (end > start && end[-1] == '/')
        *--end = '\0'; /* the root: "" */
    for (;;) {
        snprintf(path, sizeof path, "/sys/fs/cgroup%s/%s", start, name);
        if (kernel_line(path, line, sizeof line))
            see(line, arg);
        if (end == start)
            return;
        while (end > start && *--end != '/')
            ;
        *end = '\0';
    }
}

static void see_quota(const char *line, void *arg)
{
    long long quota, period;
    int *n_cpus = arg;
    if (sscanf(line, "%lld %lld", &quota, &period) == 2 && quota > 0 && period > 0) {
        long long cpus = (quota + period - 1) / period;
        if (cpus < *n_cpus)
            *n_cpus = (int)cpus;
    }
}

int mr_cpu_count(void)
{
    cpu_set_t set;
    int n_cpus = 1;
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        n_cpus = CPU_COUNT(&set);
    else if (sysconf(_SC_NPROCESSORS_ONLN) > 1)
        n_cpus = (int)sysconf(_SC_NPROCESSORS_ONLN);
    cgroup_lines("cpu.max", see_quota, &n_cpus);
    return n_cpus > 1 ? n_cpus : 1;
}

static void see_limit(const char *line, void *arg)
{
    long long limit;
    int64_t *bytes = arg;
    if (sscanf(line, "%lld", &limit) == 1 && limit > 0 && limit < *bytes)
        *bytes = limit;
}

void mr_path_absolute(const char *path, char out[MR_PATH_MAX])
{
    char folder[MR_PATH_MAX];
    while (path[0] == '.' && path[1] == '/')
        path += 2 + strspn(path + 2, "/");
    if (path[0] == '/' || !getcwd(folder, sizeof folder))
        snprintf(out, MR_PATH_MAX, "%s", path);
    else if (snprintf(out, MR_PATH_MAX, "%s/%s", folder, path) >= MR_PATH_MAX)
        out[0] = '\0';
}

int64_t mr_process_id(void)
{
    return getpid();
}

int64_t mr_memory_bytes(void)
{
    char line[128];
    int64_t bytes = (int64_t)sysconf(_SC_PHYS_PAGES) * (int64_t)sysconf(_SC_PAGE_SIZE);
    cgroup_lines("memory.max", see_limit, &bytes);
    if (kernel_line("/sys/fs/cgroup/memory/memory.limit_in_bytes", line, sizeof line))
        see_limit(line, &bytes); /* version 1 */
    return bytes;
}

int64_t mr_open_files_max(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        limit.rlim_cur > INT32_MAX)
        return INT32_MAX;
    return (int64_t)limit.rlim_cur;
}

void mr_open_files_raise(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == limit.rlim_max)
        return;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return; /* as it was, then */
}
