/* os_sim.c - a disk in memory that can lose power.
 *
 * Two trees of names and two images per file: what a reader sees, and what is durable.  Between
 * them lie the pending writes of each file and the pending operations on names, both in order.  A
 * sync of a file makes its writes durable, not its name; a sync of a folder makes the names in it
 * durable.
 *
 * A cut with torn_writes keeps, by the seed, all, none, or any part: each 512-byte sector keeps
 * some prefix of the writes that touched it, each operation on a name is kept or dropped by itself
 * or the operations end at some point.  Without torn_writes a cut drops all that is pending.
 *
 * A failed sync loses the file's pending writes and later syncs succeed, as Linux does it (D3). */
#include "os/os_sim.h"
#include <stdio.h>

#define SECTOR_BYTES 512

typedef struct Piece { /* one pending write, or a change of size (data NULL) */
    int64_t offset, size_bytes;
    char *data;
} Piece;

typedef struct Image {
    char *data;
    int64_t size_bytes, cap_bytes;
} Image;

typedef struct Node { /* a file or a folder, whatever its names */
    uint64_t id;
    int64_t n_refs; /* names in both trees and open files */
    bool is_dir;
    int64_t modified_us;
    Image now, durable;
    Piece *pending;
    int64_t n_pending, cap_pending_bytes;
    MrFile *lock_owner;
    int64_t n_sharers; /* of the lock */
} Node;

typedef struct Name {
    char *path;
    Node *node;
} Name;

typedef struct Tree { /* sorted by path */
    Name *names;
    int64_t n_names, cap_bytes;
} Tree;

typedef enum NameOpKind { NAME_PUT, NAME_DROP, NAME_MOVE } NameOpKind;

typedef struct NameOp {
    NameOpKind kind;
    char *path, *to; /* to: of a move */
    Node *node;      /* of a put */
} NameOp;

typedef struct Served {
    int port;
    MrText bytes;
    bool close_after;
} Served;

typedef struct SimOs {
    MrOs os; /* first */
    MrBudget *budget;
    MrSimOptions options;
    uint64_t random, cut_random;
    int64_t clock_us;
    int64_t n_io, fail_at, cut_at;
    bool fail_sticky, power_lost;
    int64_t generation; /* power cycles; files of earlier ones are dead */
    uint64_t next_id;
    Tree now, durable;
    NameOp *ops;
    int64_t n_ops, cap_ops_bytes;
    bool skipped[MR_N_DURABLE_STEPS + 1];
    Served served[8];
    int n_served;
} SimOs;

struct MrFile {
    SimOs *os;
    Node *node;
    int64_t generation;
    bool sync_failed, read_only;
    bool shares; /* the node's lock */
};

struct MrSocket {
    SimOs *os;
    const Served *served;
    int64_t at;
};

static uint64_t next_random(uint64_t *state) /* splitmix64 */
{
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

/* The simulator's own memory is not what a test runs short of. */
static void *sim_alloc(SimOs *sim, int64_t size_bytes)
{
    void *block = NULL;
    MrError err;
    MR_ASSERT(mr_budget_alloc_zeroed(sim->budget, size_bytes, &block, &err) == MR_OK);
    return block;
}

static void *sim_grow(SimOs *sim, void *items, int64_t needed_bytes, int64_t *cap_bytes)
{
    MrError err;
    if (needed_bytes <= *cap_bytes)
        return items;
    int64_t cap = *cap_bytes < 256 ? 512 : 2 * *cap_bytes;
    MR_ASSERT(mr_budget_resize(sim->budget, &items, cap_bytes,
                               cap < needed_bytes ? needed_bytes : cap, &err) == MR_OK);
    return items;
}

static char *sim_text(SimOs *sim, const char *text)
{
    int64_t size = (int64_t)strlen(text) + 1;
    char *copy = sim_alloc(sim, size);
    memcpy(copy, text, (size_t)size);
    return copy;
}

static void sim_text_free(SimOs *sim, char *text)
{
    if (text != NULL)
        mr_budget_free(sim->budget, text, (int64_t)strlen(text) + 1);
}

static MrStatus sim_fail(MrError *err, const char *operation, const char *path, const char *message)
{
    return MR_FAIL(err, MR_COND_IO_ERROR, "operation", operation, "path", path, "message", message);
}

/* ---- images ---- */

static void image_resize(SimOs *sim, Image *image, int64_t size_bytes)
{
    image->data = sim_grow(sim, image->data, size_bytes, &image->cap_bytes);
    if (size_bytes > image->size_bytes)
        memset(image->data + image->size_bytes, 0, (size_t)(size_bytes - image->size_bytes));
    image->size_bytes = size_bytes;
}

static void image_write(SimOs *sim, Image *image, int64_t offset, const char *data,
                        int64_t size_bytes)
{
    if (offset + size_bytes > image->size_bytes)
        image_resize(sim, image, offset + size_bytes);
    if (size_bytes > 0)
        memcpy(image->data + offset, data, (size_t)size_bytes);
}

static void image_copy(SimOs *sim, Image *to, const Image *from)
{
    image_resize(sim, to, from->size_bytes);
    if (from->size_bytes > 0)
        memcpy(to->data, from->data, (size_t)from->size_bytes);
}

static void piece_apply(SimOs *sim, Image *image, const Piece *piece)
{
    if (piece->data == NULL)
        image_resize(sim, image, piece->size_bytes);
    else
        image_write(sim, image, piece->offset, piece->data, piece->size_bytes);
}

static void pending_clear(SimOs *sim, Node *node)
{
    for (int64_t i = 0; i < node->n_pending; i++)
        mr_budget_free(sim->budget, node->pending[i].data, node->pending[i].size_bytes);
    node->n_pending = 0;
}

/* data NULL: a change of size */
static void pending_add(SimOs *sim, Node *node, int64_t offset, const char *data,
                        int64_t size_bytes)
{
    node->pending = sim_grow(sim, node->pending, (node->n_pending + 1) * (int64_t)sizeof(Piece),
                             &node->cap_pending_bytes);
    Piece *piece = &node->pending[node->n_pending++];
    *piece = (Piece){offset, size_bytes, NULL};
    if (data != NULL) {
        piece->data = sim_alloc(sim, size_bytes);
        memcpy(piece->data, data, (size_t)size_bytes);
    }
    piece_apply(sim, &node->now, piece);
    node->modified_us = sim->clock_us;
}

/* ---- nodes and names ---- */

static void node_retain(Node *node)
{
    node->n_refs++;
}

static void node_release(SimOs *sim, Node *node)
{
    if (node == NULL || --node->n_refs > 0)
        return;
    pending_clear(sim, node);
    mr_budget_free(sim->budget, node->pending, node->cap_pending_bytes);
    mr_budget_free(sim->budget, node->now.data, node->now.cap_bytes);
    mr_budget_free(sim->budget, node->durable.data, node->durable.cap_bytes);
    mr_budget_free(sim->budget, node, sizeof *node);
}

static Node *node_create(SimOs *sim, bool is_dir)
{
    Node *node = sim_alloc(sim, sizeof(Node));
    node->id = ++sim->next_id;
    node->is_dir = is_dir;
    node->modified_us = sim->clock_us;
    return node;
}

/* The place of the path, or where it would go. */
static int64_t tree_place(const Tree *tree, const char *path, bool *found)
{
    int64_t low = 0, high = tree->n_names;
    while (low < high) {
        int64_t mid = (low + high) / 2;
        if (strcmp(tree->names[mid].path, path) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    *found = low < tree->n_names && strcmp(tree->names[low].path, path) == 0;
    return low;
}

static Node *tree_find(const Tree *tree, const char *path)
{
    bool found;
    int64_t at = tree_place(tree, path, &found);
    return found ? tree->names[at].node : NULL;
}

/* A name has come or gone: its folder has changed. */
static void folder_touch(SimOs *sim, const Tree *tree, const char *path)
{
    char folder[2 * MR_PATH_MAX];
    const char *slash = strrchr(path, '/');
    if (slash == NULL || tree != &sim->now)
        return;
    snprintf(folder, sizeof folder, "%.*s", (int)(slash - path), path);
    Node *node = tree_find(tree, folder);
    if (node != NULL)
        node->modified_us = sim->clock_us;
}

static void tree_put(SimOs *sim, Tree *tree, const char *path, Node *node)
{
    bool found;
    int64_t at = tree_place(tree, path, &found);
    folder_touch(sim, tree, path);
    node_retain(node);
    if (found) {
        node_release(sim, tree->names[at].node);
        tree->names[at].node = node;
        return;
    }
    tree->names =
        sim_grow(sim, tree->names, (tree->n_names + 1) * (int64_t)sizeof(Name), &tree->cap_bytes);
    memmove(tree->names + at + 1, tree->names + at, (size_t)(tree->n_names - at) * sizeof(Name));
    tree->names[at] = (Name){sim_text(sim, path), node};
    tree->n_names++;
}

static void tree_drop(SimOs *sim, Tree *tree, const char *path)
{
    bool found;
    int64_t at = tree_place(tree, path, &found);
    if (!found)
        return;
    folder_touch(sim, tree, path);
    node_release(sim, tree->names[at].node);
    sim_text_free(sim, tree->names[at].path);
    tree->n_names--;
    memmove(tree->names + at, tree->names + at + 1, (size_t)(tree->n_names - at) * sizeof(Name));
}

/* The first name inside a folder, or -1. */
static int64_t tree_inside(const Tree *tree, const char *folder)
{
    size_t size = strlen(folder);
    for (int64_t i = 0; i < tree->n_names; i++)
        if (strncmp(tree->names[i].path, folder, size) == 0 && tree->names[i].path[size] == '/')
            return i;
    return -1;
}

/* Moves a name and, for a folder, all names in it. */
static void tree_move(SimOs *sim, Tree *tree, const char *from, const char *to)
{
    Node *node = tree_find(tree, from);
    if (node == NULL || strcmp(from, to) == 0)
        return;
    tree_put(sim, tree, to, node);
    tree_drop(sim, tree, from);
    for (int64_t i = tree_inside(tree, from); i >= 0; i = tree_inside(tree, from)) {
        char path[2 * MR_PATH_MAX];
        char *old = sim_text(sim, tree->names[i].path);
        snprintf(path, sizeof path, "%s%s", to, old + strlen(from));
        tree_put(sim, tree, path, tree->names[i].node);
        tree_drop(sim, tree, old);
        sim_text_free(sim, old);
    }
}

static void tree_clear(SimOs *sim, Tree *tree)
{
    while (tree->n_names > 0)
        tree_drop(sim, tree, tree->names[tree->n_names - 1].path);
}

static void op_apply(SimOs *sim, Tree *tree, const NameOp *op)
{
    if (op->kind == NAME_PUT) {
        tree_put(sim, tree, op->path, op->node);
    } else if (op->kind == NAME_DROP) {
        tree_drop(sim, tree, op->path);
        /* A folder that has gone was empty, whichever of its names a cut would keep. */
        for (int64_t i; (i = tree_inside(tree, op->path)) >= 0;)
            tree_drop(sim, tree, tree->names[i].path);
    } else {
        tree_move(sim, tree, op->path, op->to);
    }
}

static void op_free(SimOs *sim, NameOp *op)
{
    node_release(sim, op->node);
    sim_text_free(sim, op->path);
    sim_text_free(sim, op->to);
}

static void op_add(SimOs *sim, NameOpKind kind, const char *path, const char *to, Node *node)
{
    sim->ops =
        sim_grow(sim, sim->ops, (sim->n_ops + 1) * (int64_t)sizeof(NameOp), &sim->cap_ops_bytes);
    NameOp *op = &sim->ops[sim->n_ops++];
    *op = (NameOp){kind, sim_text(sim, path), to != NULL ? sim_text(sim, to) : NULL, node};
    if (node != NULL)
        node_retain(node);
    op_apply(sim, &sim->now, op);
}

/* Collapses "//" and drops a trailing slash; "" and "." are the root. */
static bool path_clean(const char *path, char *out)
{
    size_t n = 0;
    if (strlen(path) >= MR_PATH_MAX)
        return false;
    while (path[0] == '.' && (path[1] == '/' || path[1] == '\0'))
        path += path[1] == '/' ? 2 : 1;
    for (const char *at = path; *at != '\0'; at++)
        if (!(*at == '/' && (n == 0 || out[n - 1] == '/')))
            out[n++] = *at;
    while (n > 0 && out[n - 1] == '/')
        n--;
    out[n] = '\0';
    return true;
}

static void parent_of(const char *path, char *out)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash == NULL ? 0 : (size_t)(slash - path);
    memcpy(out, path, size);
    out[size] = '\0';
}

static bool parent_exists(const SimOs *sim, const char *path)
{
    char parent[MR_PATH_MAX];
    parent_of(path, parent);
    Node *node = parent[0] == '\0' ? NULL : tree_find(&sim->now, parent);
    return parent[0] == '\0' || (node != NULL && node->is_dir);
}

/* ---- faults ---- */

typedef enum Fate { FATE_GOES, FATE_FAILS, FATE_POWER_LOST } Fate;

static Fate io_fate(SimOs *sim)
{
    if (sim->power_lost)
        return FATE_POWER_LOST;
    sim->n_io++;
    if (sim->cut_at > 0 && sim->n_io >= sim->cut_at) {
        sim->power_lost = true;
        return FATE_POWER_LOST;
    }
    if (sim->fail_at > 0 &&
        (sim->n_io == sim->fail_at || (sim->fail_sticky && sim->n_io > sim->fail_at)))
        return FATE_FAILS;
    return FATE_GOES;
}

static MrStatus fate_status(Fate fate, const char *operation, const char *path, MrError *err)
{
    if (fate == FATE_GOES)
        return MR_OK;
    return sim_fail(err, operation, path,
                    fate == FATE_FAILS ? "simulated fault" : "simulated loss of power");
}

/* For calls that only look. */
static MrStatus look_fate(SimOs *sim, const char *operation, const char *path, MrError *err)
{
    Fate fate = sim->power_lost            ? FATE_POWER_LOST
                : sim->options.count_reads ? io_fate(sim)
                                           : FATE_GOES;
    return fate_status(fate, operation, path, err);
}

/* A call that changes names: at the cut it may have reached the pending list. */
static bool change_happens(SimOs *sim, Fate fate)
{
    return fate == FATE_GOES ||
           (fate == FATE_POWER_LOST && sim->n_io == sim->cut_at && sim->options.torn_writes);
}

/* ---- the table ---- */

static int64_t sim_now_us(MrOs *os)
{
    return ((SimOs *)os)->clock_us;
}

static int64_t sim_tick_ns(MrOs *os)
{
    SimOs *sim = (SimOs *)os;
    return (sim->clock_us - sim->options.start_us) * 1000;
}

static void sim_sleep_us(MrOs *os, int64_t us)
{
    mr_os_sim_advance_us(os, us);
}

static uint64_t sim_random_u64(MrOs *os)
{
    return next_random(&((SimOs *)os)->random);
}

static MrStatus file_alive(const MrFile *file, const char *operation, MrError *err)
{
    if (file->generation != file->os->generation)
        return sim_fail(err, operation, "open file", "it was open when the power was lost");
    if (file->sync_failed)
        return sim_fail(err, operation, "open file", "a sync of it has failed");
    return MR_OK;
}

static MrStatus sim_file_open(MrOs *os, const char *path_given, MrFileMode mode, MrFile **out,
                              MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char path[MR_PATH_MAX];
    if (!path_clean(path_given, path))
        return sim_fail(err, "open", path_given, "the path is too long");
    Node *node = mode == MR_FILE_SCRATCH ? NULL : tree_find(&sim->now, path);
    if (mode == MR_FILE_CREATE) {
        Fate fate = io_fate(sim);
        if (fate == FATE_GOES && node != NULL)
            return MR_FAIL(err, MR_COND_PATH_ALREADY_EXISTS, "outputPath", path_given);
        if (fate == FATE_GOES && !parent_exists(sim, path))
            return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", path_given);
        if (node == NULL && change_happens(sim, fate)) {
            node = node_create(sim, false);
            op_add(sim, NAME_PUT, path, NULL, node);
        }
        MR_TRY(fate_status(fate, "create", path_given, err));
    } else if (mode == MR_FILE_SCRATCH) {
        MR_TRY(look_fate(sim, "create", path_given, err));
        node = node_create(sim, false);
    } else {
        MR_TRY(look_fate(sim, "open", path_given, err));
        if (node == NULL)
            return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", path_given);
        if (node->is_dir && mode != MR_FILE_READ)
            return sim_fail(err, "open", path_given, "it is a folder");
    }
    MrFile *file = sim_alloc(sim, sizeof(MrFile));
    *file = (MrFile){
        .os = sim, .node = node, .generation = sim->generation, .read_only = mode == MR_FILE_READ};
    node_retain(node);
    *out = file;
    return MR_OK;
}

static void sim_file_close(MrFile *file)
{
    if (file == NULL)
        return;
    SimOs *sim = file->os;
    if (file->node->lock_owner == file)
        file->node->lock_owner = NULL;
    if (file->shares && file->node->n_sharers > 0)
        file->node->n_sharers--;
    node_release(sim, file->node);
    mr_budget_free(sim->budget, file, sizeof *file);
}

static MrStatus sim_file_read_at(MrFile *file, int64_t offset, void *data, int64_t size_bytes,
                                 int64_t *n_read, MrError *err)
{
    MR_TRY(file_alive(file, "read", err));
    MR_TRY(look_fate(file->os, "read", "open file", err));
    int64_t left = file->node->now.size_bytes - offset;
    int64_t n = left < 0 ? 0 : left < size_bytes ? left : size_bytes;
    if (n > 0)
        memcpy(data, file->node->now.data + offset, (size_t)n);
    *n_read = n;
    return MR_OK;
}

static MrStatus sim_file_write_at(MrFile *file, int64_t offset, const void *data,
                                  int64_t size_bytes, MrError *err)
{
    SimOs *sim = file->os;
    MR_TRY(file_alive(file, "write", err));
    if (file->read_only)
        return sim_fail(err, "write", "open file", "it is open for reading only");
    if (size_bytes == 0)
        return MR_OK;
    Fate fate = io_fate(sim);
    if (fate == FATE_FAILS) { /* the disk got full somewhere in the middle */
        int64_t part = (int64_t)(next_random(&sim->cut_random) % (uint64_t)size_bytes);
        if (part > 0)
            pending_add(sim, file->node, offset, data, part);
    } else if (change_happens(sim, fate)) {
        pending_add(sim, file->node, offset, data, size_bytes);
    }
    return fate_status(fate, "write", "open file", err);
}

static MrStatus sim_file_size(MrFile *file, int64_t *size_bytes, MrError *err)
{
    MR_TRY(file_alive(file, "get the size of", err));
    *size_bytes = file->node->now.size_bytes;
    return MR_OK;
}

static MrStatus sim_file_truncate(MrFile *file, int64_t size_bytes, MrError *err)
{
    MR_TRY(file_alive(file, "truncate", err));
    Fate fate = io_fate(file->os);
    if (change_happens(file->os, fate))
        pending_add(file->os, file->node, 0, NULL, size_bytes);
    return fate_status(fate, "truncate", "open file", err);
}

static MrStatus sim_file_preallocate(MrFile *file, int64_t size_bytes, MrError *err)
{
    MR_TRY(file_alive(file, "make room for", err));
    Fate fate = io_fate(file->os);
    if (change_happens(file->os, fate) && size_bytes > file->node->now.size_bytes)
        pending_add(file->os, file->node, 0, NULL, size_bytes);
    return fate_status(fate, "make room for", "open file", err);
}

static MrStatus sim_file_sync(MrFile *file, MrDurableStep step, MrError *err)
{
    SimOs *sim = file->os;
    Node *node = file->node;
    MR_TRY(file_alive(file, "sync", err));
    Fate fate = io_fate(sim);
    if (fate == FATE_GOES && !sim->skipped[step]) {
        for (int64_t i = 0; i < node->n_pending; i++)
            piece_apply(sim, &node->durable, &node->pending[i]);
        pending_clear(sim, node);
    } else if (fate == FATE_FAILS) {
        file->sync_failed = true;
        pending_clear(sim, node);
        image_copy(sim, &node->now, &node->durable);
    }
    return fate_status(fate, "sync", "open file", err);
}

static MrStatus sim_file_lock(MrFile *file, bool *taken, MrError *err)
{
    MR_TRY(file_alive(file, "lock", err));
    MR_TRY(look_fate(file->os, "lock", "open file", err));
    *taken = (file->node->lock_owner == NULL || file->node->lock_owner == file) &&
             file->node->n_sharers == 0;
    if (*taken)
        file->node->lock_owner = file;
    return MR_OK;
}

static MrStatus sim_file_lock_shared(MrFile *file, bool *taken, MrError *err)
{
    MR_TRY(file_alive(file, "lock", err));
    MR_TRY(look_fate(file->os, "lock", "open file", err));
    *taken = file->node->lock_owner == NULL;
    file->node->n_sharers += *taken && !file->shares;
    file->shares |= *taken;
    return MR_OK;
}

static MrStatus sim_stat(MrOs *os, const char *path_given, MrFileInfo *out, MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char path[MR_PATH_MAX];
    if (!path_clean(path_given, path))
        return sim_fail(err, "look at", path_given, "the path is too long");
    MR_TRY(look_fate(sim, "look at", path_given, err));
    Node *node = tree_find(&sim->now, path);
    *out = (MrFileInfo){.exists = node != NULL || path[0] == '\0', .is_dir = path[0] == '\0'};
    if (node != NULL)
        *out = (MrFileInfo){.exists = true,
                            .is_dir = node->is_dir,
                            .inode = node->id,
                            .size_bytes = node->now.size_bytes,
                            .modified_us = node->modified_us};
    return MR_OK;
}

static MrStatus sim_list(MrOs *os, const char *path_given, MrArena *arena, MrDirEntry **out,
                         int64_t *n_out, MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char path[MR_PATH_MAX];
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0, cap_entries = 0;
    if (!path_clean(path_given, path))
        return sim_fail(err, "list", path_given, "the path is too long");
    MR_TRY(look_fate(sim, "list", path_given, err));
    Node *folder = tree_find(&sim->now, path);
    if (path[0] != '\0' && (folder == NULL || !folder->is_dir))
        return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", path_given);
    size_t prefix_bytes = strlen(path) + (path[0] != '\0');
    for (int64_t i = 0; i < sim->now.n_names; i++) {
        const Name *name = &sim->now.names[i];
        if (strncmp(name->path, path, strlen(path)) != 0 || strlen(name->path) <= prefix_bytes ||
            (path[0] != '\0' && name->path[strlen(path)] != '/') ||
            strchr(name->path + prefix_bytes, '/') != NULL)
            continue;
        MrDirEntry entry = {.name = mr_arena_str(arena, name->path + prefix_bytes),
                            .is_dir = name->node->is_dir,
                            .size_bytes = name->node->now.size_bytes,
                            .modified_us = name->node->modified_us};
        MR_PUSH(arena, entries, n_entries, cap_entries, entry);
    }
    *out = entries;
    *n_out = n_entries;
    return MR_OK;
}

static MrStatus sim_make_dir(MrOs *os, const char *path_given, MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char path[MR_PATH_MAX], level[MR_PATH_MAX];
    if (!path_clean(path_given, path))
        return sim_fail(err, "make folder", path_given, "the path is too long");
    for (size_t size = 0; path[0] != '\0' && size < strlen(path);) {
        size += strcspn(path + size + 1, "/") + 1;
        memcpy(level, path, size);
        level[size] = '\0';
        Node *node = tree_find(&sim->now, level);
        if (node != NULL && node->is_dir)
            continue;
        if (node != NULL)
            return sim_fail(err, "make folder", path_given, "a file is in the way");
        Fate fate = io_fate(sim);
        if (change_happens(sim, fate)) { /* durable on return, by the contract */
            node = node_create(sim, true);
            tree_put(sim, &sim->now, level, node);
            tree_put(sim, &sim->durable, level, node);
        }
        MR_TRY(fate_status(fate, "make folder", path_given, err));
    }
    return sim->power_lost ? fate_status(FATE_POWER_LOST, "make folder", path_given, err) : MR_OK;
}

static bool op_touches(const NameOp *op, const char *folder)
{
    char parent[MR_PATH_MAX];
    parent_of(op->path, parent);
    if (strcmp(parent, folder) == 0)
        return true;
    if (op->to == NULL)
        return false;
    parent_of(op->to, parent);
    return strcmp(parent, folder) == 0;
}

static MrStatus sim_dir_sync(MrOs *os, const char *path_given, MrDurableStep step, MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char path[MR_PATH_MAX];
    if (!path_clean(path_given, path))
        return sim_fail(err, "sync", path_given, "the path is too long");
    Fate fate = io_fate(sim);
    if (fate == FATE_GOES && path[0] != '\0' && tree_find(&sim->now, path) == NULL)
        return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", path_given);
    if (fate == FATE_GOES && !sim->skipped[step]) {
        int64_t n_kept = 0;
        for (int64_t i = 0; i < sim->n_ops; i++) {
            if (op_touches(&sim->ops[i], path)) {
                op_apply(sim, &sim->durable, &sim->ops[i]);
                op_free(sim, &sim->ops[i]);
            } else {
                sim->ops[n_kept++] = sim->ops[i];
            }
        }
        sim->n_ops = n_kept;
    }
    return fate_status(fate, "sync", path_given, err);
}

static MrStatus sim_rename(MrOs *os, const char *from_given, const char *to_given, MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char from[MR_PATH_MAX], to[MR_PATH_MAX];
    if (!path_clean(from_given, from) || !path_clean(to_given, to))
        return sim_fail(err, "rename", from_given, "the path is too long");
    Fate fate = io_fate(sim);
    Node *node = tree_find(&sim->now, from);
    if (fate == FATE_GOES && (node == NULL || !parent_exists(sim, to)))
        return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", node == NULL ? from_given : to_given);
    size_t from_bytes = strlen(from);
    if (fate == FATE_GOES && strncmp(from, to, from_bytes) == 0 && to[from_bytes] == '/')
        return sim_fail(err, "rename", from_given, "a folder cannot move into itself");
    if (node != NULL && change_happens(sim, fate))
        op_add(sim, NAME_MOVE, from, to, NULL);
    return fate_status(fate, "rename", from_given, err);
}

static MrStatus sim_link(MrOs *os, const char *from_given, const char *to_given, bool *exists,
                         MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char from[MR_PATH_MAX], to[MR_PATH_MAX];
    if (!path_clean(from_given, from) || !path_clean(to_given, to))
        return sim_fail(err, "link", from_given, "the path is too long");
    Fate fate = io_fate(sim);
    Node *node = tree_find(&sim->now, from);
    bool taken = tree_find(&sim->now, to) != NULL;
    if (fate == FATE_GOES && (node == NULL || !parent_exists(sim, to)))
        return MR_FAIL(err, MR_COND_PATH_NOT_FOUND, "path", node == NULL ? from_given : to_given);
    if (node != NULL && !taken && change_happens(sim, fate))
        op_add(sim, NAME_PUT, to, NULL, node);
    MR_TRY(fate_status(fate, "link", from_given, err));
    *exists = taken;
    return MR_OK;
}

static MrStatus sim_remove(MrOs *os, const char *path_given, MrError *err)
{
    SimOs *sim = (SimOs *)os;
    char path[MR_PATH_MAX];
    if (!path_clean(path_given, path))
        return sim_fail(err, "remove", path_given, "the path is too long");
    Fate fate = io_fate(sim);
    Node *node = tree_find(&sim->now, path);
    if (fate == FATE_GOES && tree_inside(&sim->now, path) >= 0)
        return sim_fail(err, "remove", path_given, "the folder is not empty");
    if (node != NULL && change_happens(sim, fate))
        op_add(sim, NAME_DROP, path, NULL, NULL);
    return fate_status(fate, "remove", path_given, err);
}

static MrStatus sim_connect(MrOs *os, const char *host, int port, MrSocket **out, MrError *err)
{
    SimOs *sim = (SimOs *)os;
    for (int i = 0; i < sim->n_served; i++) {
        if (sim->served[i].port != port)
            continue;
        *out = sim_alloc(sim, sizeof(MrSocket));
        **out = (MrSocket){.os = sim, .served = &sim->served[i]};
        return MR_OK;
    }
    return sim_fail(err, "connect to", host, "connection refused");
}

static MrStatus sim_socket_read(MrSocket *socket, void *data, int64_t size_bytes, int64_t *n_read,
                                bool *blocked, MrError *err)
{
    int64_t left = socket->served->bytes.size_bytes - socket->at;
    uint64_t dice = next_random(&socket->os->random);
    *n_read = 0;
    *blocked = left > 0 ? dice % 4 == 0 : !socket->served->close_after;
    if (left == 0 || *blocked)
        return MR_OK;
    int64_t n = 1 + (int64_t)(dice / 4 % (uint64_t)left);
    n = n < size_bytes ? n : size_bytes;
    memcpy(data, socket->served->bytes.data + socket->at, (size_t)n);
    socket->at += n;
    *n_read = n;
    return MR_OK;
}

static bool sim_socket_wait(MrSocket *socket, int64_t timeout_us)
{
    if (socket->at < socket->served->bytes.size_bytes || socket->served->close_after)
        return true;
    mr_os_sim_advance_us(&socket->os->os, timeout_us);
    return false;
}

static void sim_socket_close(MrSocket *socket)
{
    if (socket != NULL)
        mr_budget_free(socket->os->budget, socket, sizeof *socket);
}

/* ---- the test's side ---- */

MrStatus mr_os_sim_create(MrBudget *budget, const MrSimOptions *options, MrOs **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(SimOs), &block, err));
    SimOs *sim = block;
    *sim = (SimOs){
        .os = {.now_us = sim_now_us,
               .tick_ns = sim_tick_ns,
               .sleep_us = sim_sleep_us,
               .random_u64 = sim_random_u64,
               .file_open = sim_file_open,
               .file_close = sim_file_close,
               .file_read_at = sim_file_read_at,
               .file_write_at = sim_file_write_at,
               .file_size = sim_file_size,
               .file_truncate = sim_file_truncate,
               .file_preallocate = sim_file_preallocate,
               .file_sync = sim_file_sync,
               .file_lock = sim_file_lock,
               .file_lock_shared = sim_file_lock_shared,
               .stat = sim_stat,
               .stat_settled = sim_stat, /* nobody else writes */
               .list = sim_list,
               .make_dir = sim_make_dir,
               .dir_sync = sim_dir_sync,
               .rename = sim_rename,
               .link = sim_link,
               .remove = sim_remove,
               .connect = sim_connect,
               .socket_read = sim_socket_read,
               .socket_wait = sim_socket_wait,
               .socket_close = sim_socket_close},
        .budget = budget,
        .options = *options,
        .random = options->seed,
        .cut_random = options->seed ^ UINT64_C(0xC0FFEE),
        .clock_us = options->start_us,
    };
    *out = &sim->os;
    return MR_OK;
}

static void ops_clear(SimOs *sim)
{
    for (int64_t i = 0; i < sim->n_ops; i++)
        op_free(sim, &sim->ops[i]);
    sim->n_ops = 0;
}

void mr_os_sim_destroy(MrOs *os)
{
    if (os == NULL)
        return;
    SimOs *sim = (SimOs *)os;
    MrBudget *budget = sim->budget;
    ops_clear(sim);
    tree_clear(sim, &sim->now);
    tree_clear(sim, &sim->durable);
    mr_budget_free(budget, sim->ops, sim->cap_ops_bytes);
    mr_budget_free(budget, sim->now.names, sim->now.cap_bytes);
    mr_budget_free(budget, sim->durable.names, sim->durable.cap_bytes);
    mr_budget_free(budget, sim, sizeof *sim);
}

void mr_os_sim_advance_us(MrOs *os, int64_t us)
{
    ((SimOs *)os)->clock_us += us;
}

int64_t mr_os_sim_n_io(MrOs *os)
{
    return ((SimOs *)os)->n_io;
}

void mr_os_sim_fail_io(MrOs *os, int64_t k, bool sticky)
{
    ((SimOs *)os)->fail_at = k;
    ((SimOs *)os)->fail_sticky = sticky;
}

void mr_os_sim_cut_at(MrOs *os, int64_t k)
{
    ((SimOs *)os)->cut_at = k;
}

void mr_os_sim_skip_step(MrOs *os, MrDurableStep step, bool off)
{
    ((SimOs *)os)->skipped[step] = off;
}

void mr_os_sim_serve(MrOs *os, int port, MrText bytes, bool close_after)
{
    SimOs *sim = (SimOs *)os;
    MR_ASSERT(sim->n_served < (int)MR_COUNT(sim->served));
    sim->served[sim->n_served++] = (Served){port, bytes, close_after};
}

/* Which of the pending things a cut keeps. */
typedef enum Keep { KEEP_NONE, KEEP_ALL, KEEP_PREFIX, KEEP_SOME } Keep;

static Keep keep_choose(SimOs *sim)
{
    return sim->options.torn_writes ? (Keep)(next_random(&sim->cut_random) % 4) : KEEP_NONE;
}

/* Applies to the durable image a part of what is pending. */
static void node_settle(SimOs *sim, Node *node)
{
    Keep keep = keep_choose(sim);
    uint64_t salt = next_random(&sim->cut_random), n_pending = (uint64_t)node->n_pending;
    uint64_t prefix = n_pending > 0 ? salt % (n_pending + 1) : 0;
    for (uint64_t i = 0; i < n_pending && keep != KEEP_NONE; i++) {
        Piece *piece = &node->pending[i];
        if (keep == KEEP_ALL || (keep == KEEP_PREFIX && i < prefix)) {
            piece_apply(sim, &node->durable, piece);
            continue;
        }
        if (keep == KEEP_PREFIX && i > prefix)
            break;
        if (piece->data == NULL) {
            if (((salt >> (i % 60)) & 1) != 0)
                piece_apply(sim, &node->durable, piece);
            continue;
        }
        int64_t end = piece->offset + piece->size_bytes;
        for (int64_t at = piece->offset; at < end;) {
            int64_t sector = at / SECTOR_BYTES;
            int64_t stop = (sector + 1) * SECTOR_BYTES < end ? (sector + 1) * SECTOR_BYTES : end;
            uint64_t dice = salt ^ ((uint64_t)sector * UINT64_C(0x9E3779B97F4A7C15));
            uint64_t limit = next_random(&dice) % (n_pending + 2); /* this sector's last write */
            if (i < limit)
                image_write(sim, &node->durable, at, piece->data + (at - piece->offset), stop - at);
            at = stop;
        }
    }
    pending_clear(sim, node);
    image_copy(sim, &node->now, &node->durable);
    node->lock_owner = NULL;
    node->n_sharers = 0;
}

void mr_os_sim_power_on(MrOs *os)
{
    SimOs *sim = (SimOs *)os;
    Keep keep = keep_choose(sim);
    uint64_t prefix =
        sim->n_ops > 0 ? next_random(&sim->cut_random) % ((uint64_t)sim->n_ops + 1) : 0;
    for (int64_t i = 0; i < sim->n_ops; i++) {
        bool kept = keep == KEEP_ALL || (keep == KEEP_PREFIX && (uint64_t)i < prefix) ||
                    (keep == KEEP_SOME && (next_random(&sim->cut_random) & 1) != 0);
        if (kept)
            op_apply(sim, &sim->durable, &sim->ops[i]);
    }
    ops_clear(sim);
    for (int64_t i = 0; i < sim->durable.n_names; i++)
        node_settle(sim, sim->durable.names[i].node);
    tree_clear(sim, &sim->now);
    for (int64_t i = 0; i < sim->durable.n_names; i++)
        tree_put(sim, &sim->now, sim->durable.names[i].path, sim->durable.names[i].node);
    sim->generation++;
    sim->power_lost = false;
    sim->cut_at = sim->fail_at = 0;
    sim->fail_sticky = false;
}
