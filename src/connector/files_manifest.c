/* files_manifest.c - which of the files that Millrace wrote into a folder belong to it.
 *
 * A log of text lines in ROOT/_millrace/manifest/NNNNNNNNNN; the highest number counts.  A line is
 * eight hexadecimal digits (CRC32C of what follows the blank), a blank, a JSON object:
 *
 *   {"millrace":"manifest","version":2,"table":"ID","number":1}                  first line
 *   {"files":[["k=1/part-...",size,crc],...],"hidden":["name",...],"gone":["k=1/part-...",...],
 *    "marks":[["query",epoch,"lineage"],...]}                                    second: a snapshot
 *   {"query":"..","epoch":3,"lineage":"..","add":[[path,size,crc],...],
 *    "remove":[path,...]}                                   then one per epoch; "batch":true of a
 *                                                           batch, whose mark is not kept for long
 *
 * An entry is one write and one fdatasync.  When the entries outweigh what lives, the next file
 * starts with a snapshot (written aside, synced, renamed) and the old one goes, so the cost of an
 * epoch does not grow with their number.  Only the last line can be torn, and what is torn has no
 * end or a hole; all else that is not right is damage.  ROOT/_millrace/id says whose the manifest
 * is.  Writers take turns by a lock on ROOT/_millrace/lock. */
#include "connector/files_int.h"

#include "base/hash.h"
#include "base/json.h"

#include <stdio.h>

#define MANIFEST_MAX_BYTES (INT64_C(1) << 30)
#define MANIFEST_VERSION 2

typedef struct PathSlot {
    const char *path; /* NULL: free */
    int64_t size_bytes;
    uint32_t crc;
    bool live, hidden; /* neither: was removed */
    bool seen;         /* a listing met it */
} PathSlot;

typedef struct Mark {
    const char *query;
    int64_t epoch;
    uint64_t lineage;
    bool batch;
} Mark;

struct MrManifest {
    MrOs *os;
    MrBudget *budget;
    MrArena arena;
    char *log_path; /* NULL: no file yet */
    const char *id; /* of the table; NULL: it has none yet */
    int64_t seq, good_bytes;
    int64_t n_entries; /* since the snapshot, in paths */
    PathSlot *slots;
    int64_t n_slots, n_used, n_live;
    Mark *marks;
    int64_t n_marks, cap_marks;
    const char **gone; /* ours that were replaced and may still lie there */
    int64_t n_gone, cap_gone;
};

bool mr__manifest_is_ours(const char *name)
{
    return strncmp(name, "part-", 5) == 0 && strstr(name, ".mr.") != NULL;
}

static PathSlot *slot_of(const MrManifest *self, const char *path)
{
    if (self->n_slots == 0)
        return NULL;
    uint64_t at = mr_hash_bytes(path, (int64_t)strlen(path), 3) & (uint64_t)(self->n_slots - 1);
    while (self->slots[at].path && strcmp(self->slots[at].path, path) != 0)
        at = (at + 1) & (uint64_t)(self->n_slots - 1);
    return &self->slots[at];
}

static PathSlot *slot_make(MrManifest *self, const char *path)
{
    if (2 * (self->n_used + 1) > self->n_slots) {
        PathSlot *old = self->slots;
        int64_t n_old = self->n_slots;
        self->n_slots = n_old ? 2 * n_old : 64;
        self->slots = MR_NEW_N(&self->arena, PathSlot, self->n_slots);
        for (int64_t i = 0; i < n_old; i++)
            if (old[i].path)
                *slot_of(self, old[i].path) = old[i];
    }
    PathSlot *slot = slot_of(self, path);
    if (!slot->path) {
        slot->path = mr_arena_str(&self->arena, path);
        self->n_used++;
    }
    return slot;
}

static void path_add(MrManifest *self, const char *path, int64_t size_bytes, uint32_t crc)
{
    PathSlot *slot = slot_make(self, path);
    self->n_live += !slot->live;
    slot->live = true;
    slot->hidden = false;
    slot->size_bytes = size_bytes;
    slot->crc = crc;
}

static void path_remove(MrManifest *self, const char *path)
{
    PathSlot *slot = slot_make(self, path);
    const char *name = strrchr(path, '/');
    self->n_live -= slot->live;
    slot->live = false;
    slot->hidden =
        !mr__manifest_is_ours(name ? name + 1 : path); /* ours need no entry to be unseen */
    if (!slot->hidden)
        MR_PUSH(&self->arena, self->gone, self->n_gone, self->cap_gone, slot->path);
}

static void mark_set(MrManifest *self, const char *query, int64_t epoch, uint64_t lineage,
                     bool batch)
{
    for (int64_t i = 0; i < self->n_marks; i++) {
        if (strcmp(self->marks[i].query, query) == 0) {
            self->marks[i].epoch = epoch;
            self->marks[i].lineage = lineage;
            return;
        }
    }
    Mark mark = {mr_arena_str(&self->arena, query), epoch, lineage, batch};
    MR_PUSH(&self->arena, self->marks, self->n_marks, self->cap_marks, mark);
}

bool mr__manifest_shows(MrManifest *self, const char *path)
{
    PathSlot *slot = slot_of(self, path);
    const char *name = strrchr(path, '/');
    if (slot && slot->path)
        slot->seen = true;
    if (mr__manifest_is_ours(name ? name + 1 : path))
        return slot && slot->path && slot->live;
    return !(slot && slot->path && slot->hidden);
}

const char *mr__manifest_unseen(const MrManifest *self, const char *below)
{
    size_t n_below = strlen(below);
    for (int64_t i = 0; i < self->n_slots; i++) {
        const PathSlot *slot = &self->slots[i];
        if (slot->path && slot->live && !slot->seen && strncmp(slot->path, below, n_below) == 0)
            return slot->path;
    }
    return NULL;
}

bool mr__manifest_lost(const MrManifest *self)
{
    return self->log_path == NULL;
}

bool mr__manifest_file(const MrManifest *self, const char *path, int64_t *size_bytes, uint32_t *crc)
{
    const PathSlot *slot = slot_of(self, path);
    if (!slot || !slot->path || !slot->live)
        return false;
    *size_bytes = slot->size_bytes;
    *crc = slot->crc;
    return true;
}

bool mr__manifest_knows(const MrManifest *self, const char *path)
{
    const PathSlot *slot = slot_of(self, path);
    return slot && slot->path;
}

bool mr__manifest_mark(const MrManifest *self, const char *query, MrEpochMark *out)
{
    for (int64_t i = 0; self && i < self->n_marks; i++)
        if (strcmp(self->marks[i].query, query) == 0) {
            *out = (MrEpochMark){self->marks[i].epoch, self->marks[i].lineage};
            return true;
        }
    return false;
}

int64_t mr__manifest_n_files(const MrManifest *self)
{
    return self->n_live;
}

const char *mr__manifest_log_path(const MrManifest *self)
{
    return self->log_path;
}

MrStatus mr__manifest_has(const MrManifest *self, const char *query, int64_t epoch,
                          uint64_t lineage, bool *has, MrError *err)
{
    *has = false;
    for (int64_t i = 0; self && i < self->n_marks; i++) {
        const Mark *mark = &self->marks[i];
        if (strcmp(mark->query, query) != 0)
            continue;
        *has = mark->epoch == epoch && mark->lineage == lineage;
        if (mark->epoch >= epoch && !*has) {
            char held[40], wanted[40];
            snprintf(held, sizeof held, "%lld", (long long)mark->epoch);
            snprintf(wanted, sizeof wanted, "%lld", (long long)epoch);
            MrStatus status = MR_FAIL(err, MR_COND_CONCURRENT_STREAM_LOG_UPDATE, "batchId", wanted);
            mr_error_add(err,
                         "the manifest '%s' holds epoch %s of query '%s' with another history: "
                         "another run wrote it, or the end of the checkpoint's log was lost",
                         mr__manifest_log_path(self), held, query);
            return status;
        }
    }
    return MR_OK;
}

/* --- lines --- */

static int64_t number_of(const MrJson *json)
{
    int64_t value = 0;
    return json && json->kind == MR_JSON_NUMBER && mr_text_to_i64(json->text, &value) ? value : 0;
}

static void apply_files(MrManifest *self, const MrJson *files)
{
    for (const MrJson *file = files ? files->first : NULL; file; file = file->next) {
        const MrJson *path = file->first, *size = path ? path->next : NULL,
                     *crc = size ? size->next : NULL;
        if (path && path->kind == MR_JSON_STRING)
            path_add(self, path->text.data, number_of(size), (uint32_t)number_of(crc));
    }
}

static uint64_t lineage_of(const char *text)
{
    return text ? strtoull(text, NULL, 16) : 0;
}

static void apply_line(MrManifest *self, const MrJson *line)
{
    for (const MrJson *name = mr_json_get(line, "hidden") ? mr_json_get(line, "hidden")->first
                                                          : NULL;
         name; name = name->next)
        path_remove(self, name->text.data);
    for (const MrJson *name = mr_json_get(line, "remove") ? mr_json_get(line, "remove")->first
                                                          : NULL;
         name; name = name->next) {
        path_remove(self, name->text.data);
        self->n_entries++;
    }
    for (const MrJson *name = mr_json_get(line, "gone") ? mr_json_get(line, "gone")->first : NULL;
         name; name = name->next)
        path_remove(self, name->text.data);
    apply_files(self, mr_json_get(line, "files"));
    const MrJson *add = mr_json_get(line, "add");
    if (add) {
        apply_files(self, add);
        self->n_entries += 1 + add->n_items;
    }
    for (const MrJson *mark = mr_json_get(line, "marks") ? mr_json_get(line, "marks")->first : NULL;
         mark; mark = mark->next) {
        const MrJson *query = mark->first, *epoch = query ? query->next : NULL,
                     *lineage = epoch ? epoch->next : NULL;
        if (lineage)
            mark_set(self, query->text.data, number_of(epoch), lineage_of(lineage->text.data),
                     false);
    }
    const char *query = mr_json_str(line, "query");
    if (query)
        mark_set(self, query, mr_json_i64(line, "epoch", 0),
                 lineage_of(mr_json_str(line, "lineage")), mr_json_get(line, "batch") != NULL);
}

/* A line with a right CRC; its JSON. */
static bool line_good(const char *at, const char *end)
{
    uint32_t crc = 0;
    if (end - at < 10 || at[8] != ' ')
        return false;
    for (int i = 0; i < 8; i++) {
        char c = at[i];
        int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
        if (digit < 0)
            return false;
        crc = crc << 4 | (uint32_t)digit;
    }
    return crc == mr_crc32c(at + 9, end - at - 9, 0);
}

static MrStatus damaged(const char *what, MrError *err)
{
    return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", what);
}

/* The first line says whose and which manifest it is, the second is a snapshot. */
static MrStatus head_check(const MrManifest *self, const MrJson *line, int64_t n_lines,
                           MrError *err)
{
    if (n_lines == 1)
        return mr_json_get(line, "files") ? MR_OK : damaged("a manifest without its snapshot", err);
    int64_t version = mr_json_i64(line, "version", 0);
    const char *table = mr_json_str(line, "table");
    if (version != MANIFEST_VERSION)
        return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text",
                               "a manifest of version %lld; this program knows %d",
                               (long long)version, MANIFEST_VERSION);
    if (!table || strcmp(table, self->id) != 0)
        return damaged("the manifest of another table", err);
    return mr_json_i64(line, "number", 0) == self->seq
               ? MR_OK
               : damaged("a manifest of another number", err);
}

/* Can a write that was cut off have left this at the end?  It has no line's end, or a hole. */
static bool is_torn(const char *at, const char *feed, const char *end)
{
    return feed ? memchr(at, 0, (size_t)(feed - at)) != NULL : !line_good(at, end - 1);
}

static MrStatus log_apply(MrManifest *self, MrText text, MrError *err)
{
    const char *at = text.data, *end = at + text.size_bytes;
    int64_t n_lines = 0;
    bool torn = false;
    while (at < end) {
        const char *feed = memchr(at, '\n', (size_t)(end - at));
        bool good = feed && line_good(at, feed);
        if (good && torn)
            return damaged("a damaged line before good ones", err);
        if (good) {
            MrJson *line;
            MR_TRY(mr_json_parse(&self->arena, (MrText){at + 9, feed - at - 9}, "manifest", &line,
                                 err));
            if (n_lines < 2)
                MR_TRY(head_check(self, line, n_lines, err));
            n_lines++;
            apply_line(self, line);
            self->good_bytes = feed + 1 - text.data;
        } else if (!is_torn(at, feed, end)) {
            return damaged("a damaged line", err);
        }
        torn |= !good;
        at = feed ? feed + 1 : end;
    }
    return n_lines >= 2 ? MR_OK : damaged("a manifest that is cut off", err);
}

MrStatus mr__manifest_fail_lost(MrArena *arena, const char *root, MrError *err)
{
    MrStatus status = MR_FAIL(err, MR_COND_BATCH_METADATA_NOT_FOUND, "batchMetadataFile",
                              mr_arena_printf(arena, "%s/_millrace/manifest", root));
    mr_error_add(err,
                 "the manifest says which files belong to '%s'; put it back, or empty the folder",
                 root);
    return status;
}

/* Which table it is: a manifest of another one, put there by mistake, is told from its own. */
static MrStatus id_read(MrManifest *self, const char *root, MrError *err)
{
    MrArena *arena = &self->arena;
    MrFileInfo info;
    MrBuffer text;
    MrStatus status;
    MrJson *id;
    const char *path = mr_arena_printf(arena, "%s/_millrace/id", root);
    MR_TRY(self->os->stat(self->os, path, &info, err));
    if (!info.exists)
        return MR_OK;
    mr_buffer_init(&text, self->budget, 4096);
    MR_GUARD_BEGIN(status, err) /* text is ours: a refusal must not jump over its end */
        status = mr_os_read_file(self->os, path, 4096, &text, err);
        MrText whole = {text.data, text.size_bytes};
        if (status == MR_OK)
            status = mr_json_check(whole, path, err);
        if (status == MR_OK)
            status = mr_json_parse(arena, whole, path, &id, err);
        if (status == MR_OK)
            self->id = mr_json_str(id, "id");
    MR_GUARD_END(status)
    mr_buffer_deinit(&text);
    return status;
}

/* The newest file of the folder, NULL: none; what it says. */
static MrStatus log_load(MrManifest *self, const char *root, const char *folder, MrError *err)
{
    MrArena *arena = &self->arena;
    MrOs *os = self->os;
    MrDirEntry *entries;
    int64_t n_entries;
    MR_TRY(id_read(self, root, err));
    MR_TRY(os->list(os, folder, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        int64_t seq;
        if (strlen(entries[i].name) == 10 && mr_text_to_i64(mr_text(entries[i].name), &seq) &&
            seq > self->seq) {
            self->seq = seq;
            self->log_path = mr_arena_printf(arena, "%s/%s", folder, entries[i].name);
        }
    }
    if (!self->log_path)
        return MR_OK;
    if (!self->id)
        return MR_FAIL(err, MR_COND_BATCH_METADATA_NOT_FOUND, "batchMetadataFile",
                       mr_arena_printf(arena, "%s/_millrace/id", root));
    MrBuffer text;
    MrStatus status;
    mr_buffer_init(&text, self->budget, MANIFEST_MAX_BYTES);
    MR_GUARD_BEGIN(status, err) /* text is ours: a refusal must not jump over its end */
        status = mr_os_read_file(os, self->log_path, MANIFEST_MAX_BYTES, &text, err);
        if (status == MR_OK)
            status = log_apply(self, (MrText){text.data, text.size_bytes}, err);
    MR_GUARD_END(status)
    mr_buffer_deinit(&text);
    if (status != MR_OK)
        mr_error_add(err, "in manifest '%s', behind byte %lld", self->log_path,
                     (long long)self->good_bytes);
    return status;
}

static void forget(MrManifest *self)
{
    MrOs *os = self->os;
    MrBudget *budget = self->budget;
    mr_arena_deinit(&self->arena);
    *self = (MrManifest){.os = os, .budget = budget};
    mr_arena_init(&self->arena, budget);
}

static MrStatus manifest_load(MrManifest *self, const char *root, bool *found, MrError *err)
{
    MrOs *os = self->os;
    MrFileInfo info;
    for (int n_tries = 0;; n_tries++) {
        const char *folder = mr_arena_printf(&self->arena, "%s/_millrace/manifest", root);
        MR_TRY(os->stat(os, folder, &info, err));
        *found = info.exists && info.is_dir;
        if (!*found)
            return MR_OK;
        MrStatus status = log_load(self, root, folder, err);
        if (status == MR_OK || n_tries == 3)
            return status;
        /* The newest file may be replaced, or grow, while it is looked at. */
        *err = (MrError){.sql_idx = -1};
        forget(self);
        os->sleep_us(os, 1000);
    }
}

MrStatus mr__manifest_read(MrOs *os, MrBudget *budget, const char *root, MrManifest **out,
                           MrError *err)
{
    void *block;
    *out = NULL;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(MrManifest), &block, err));
    MrManifest *self = block;
    self->os = os;
    self->budget = budget;
    mr_arena_init(&self->arena, budget);
    bool found = false;
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = manifest_load(self, root, &found, err);
    MR_GUARD_END(status)
    if (status != MR_OK || !found)
        mr__manifest_close(self);
    else
        *out = self;
    return status;
}

void mr__manifest_close(MrManifest *self)
{
    if (!self)
        return;
    mr_arena_deinit(&self->arena);
    mr_budget_free(self->budget, self, sizeof *self);
}

/* --- writing --- */

static void line_end(MrTextBuilder *out, int64_t begin)
{
    char crc[10];
    snprintf(crc, sizeof crc, "%08x ",
             mr_crc32c(out->data + begin + 9, out->size_bytes - begin - 9, 0));
    memcpy(out->data + begin, crc, 9);
    mr_builder_char(out, '\n');
}

static int64_t line_begin(MrTextBuilder *out)
{
    int64_t begin = out->size_bytes;
    mr_builder_str(out, "00000000 ");
    return begin;
}

static void put_file(MrTextBuilder *out, bool first, const char *path, int64_t size_bytes,
                     uint32_t crc)
{
    mr_builder_str(out, first ? "[" : ",[");
    mr_json_put_string(out, mr_text(path));
    mr_builder_printf(out, ",%lld,%u]", (long long)size_bytes, crc);
}

static void put_entry(MrTextBuilder *out, const MrManifestEntry *entry)
{
    int64_t begin = line_begin(out);
    mr_builder_char(out, '{');
    mr_json_put_member(out, "query", entry->query);
    mr_builder_printf(out, ",\"epoch\":%lld,\"lineage\":\"%016llx\"%s,\"remove\":[",
                      (long long)entry->epoch, (unsigned long long)entry->lineage,
                      entry->batch ? ",\"batch\":true" : "");
    for (int64_t i = 0; i < entry->n_removed; i++) {
        if (i > 0)
            mr_builder_char(out, ',');
        mr_json_put_string(out, mr_text(entry->removed[i]));
    }
    mr_builder_str(out, "],\"add\":[");
    for (int64_t i = 0; i < entry->n_added; i++)
        put_file(out, i == 0, entry->added[i].path, entry->added[i].size_bytes,
                 entry->added[i].crc);
    mr_builder_str(out, "]}");
    line_end(out, begin);
}

static void put_snapshot(MrTextBuilder *out, const MrManifest *self, int64_t number)
{
    int64_t begin = line_begin(out);
    mr_builder_printf(out,
                      "{\"millrace\":\"manifest\",\"version\":%d,\"table\":\"%s\",\"number\":%lld}",
                      MANIFEST_VERSION, self->id, (long long)number);
    line_end(out, begin);
    begin = line_begin(out);
    mr_builder_str(out, "{\"files\":[");
    bool first = true;
    for (int64_t i = 0; i < self->n_slots; i++) {
        if (self->slots[i].path && self->slots[i].live) {
            put_file(out, first, self->slots[i].path, self->slots[i].size_bytes,
                     self->slots[i].crc);
            first = false;
        }
    }
    mr_builder_str(out, "],\"hidden\":[");
    first = true;
    for (int64_t i = 0; i < self->n_slots; i++) {
        if (self->slots[i].path && self->slots[i].hidden) {
            if (!first)
                mr_builder_char(out, ',');
            mr_json_put_string(out, mr_text(self->slots[i].path));
            first = false;
        }
    }
    mr_builder_str(out, "],\"gone\":[");
    for (int64_t i = 0; i < self->n_gone; i++) {
        if (i > 0)
            mr_builder_char(out, ',');
        mr_json_put_string(out, mr_text(self->gone[i]));
    }
    mr_builder_str(out, "],\"marks\":[");
    first = true;
    for (int64_t i = 0; i < self->n_marks; i++) {
        if (self->marks[i].batch)
            continue;
        mr_builder_str(out, first ? "[" : ",[");
        first = false;
        mr_json_put_string(out, mr_text(self->marks[i].query));
        mr_builder_printf(out, ",%lld,\"%016llx\"]", (long long)self->marks[i].epoch,
                          (unsigned long long)self->marks[i].lineage);
    }
    mr_builder_str(out, "]}");
    line_end(out, begin);
}

MrStatus mr__manifest_lock(MrOs *os, MrArena *arena, const char *root, MrFile **out, MrError *err)
{
    const char *path = mr_arena_printf(arena, "%s/_millrace/lock", root);
    MrFileInfo info;
    MR_TRY(os->stat(os, path, &info, err));
    MrError ignored = {0};
    if (!info.exists && os->file_open(os, path, MR_FILE_CREATE, out, &ignored) != MR_OK)
        info.exists = true; /* somebody was quicker */
    if (info.exists)
        MR_TRY(os->file_open(os, path, MR_FILE_READ_WRITE, out, err));
    int64_t begin_ns = os->tick_ns(os);
    for (;;) {
        bool taken;
        MrStatus status = os->file_lock(*out, &taken, err);
        if (status == MR_OK && taken)
            return MR_OK;
        if (status == MR_OK && os->tick_ns(os) - begin_ns > INT64_C(30000000000)) {
            status = MR_FAIL(err, MR_COND_CONCURRENT_STREAM_LOG_UPDATE, "batchId", "?");
            mr_error_add(err, "another writer has held '%s' for 30 s", path);
        }
        if (status != MR_OK) {
            os->file_close(*out);
            *out = NULL;
            return status;
        }
        os->sleep_us(os, 500);
    }
}

/* The next manifest: what lives, and the entry (NULL: none). */
static MrStatus log_roll(MrManifest *self, const char *root, const MrManifestEntry *entry,
                         MrArena *scratch, MrError *err)
{
    MrOs *os = self->os;
    MrTextBuilder text = {.arena = scratch};
    put_snapshot(&text, self, self->seq + 1);
    if (entry)
        put_entry(&text, entry);
    char *path = mr_arena_printf(&self->arena, "%s/_millrace/manifest/%010lld", root,
                                 (long long)self->seq + 1);
    MR_TRY(mr_os_write_file(os, path, mr_builder_text(&text), MR_STEP_SINK_MANIFEST_SYNC,
                            MR_STEP_SINK_MANIFEST_FOLDER_SYNC, err));
    const char *old = self->log_path;
    self->log_path = path;
    self->seq++;
    self->good_bytes = text.size_bytes;
    self->n_entries = 0;
    MrError ignored = {0};
    if (old && os->remove(os, old, &ignored) != MR_OK)
        mr_error_add(&ignored,
                     "left behind"); /* the next roll's reader takes the highest number anyway */
    return MR_OK;
}

/* A torn line of a crash before this goes, so that ours does not end in bytes of it. */
static MrStatus torn_end_drop(const MrManifest *self, MrFile *file, MrError *err)
{
    int64_t size_bytes;
    MR_TRY(self->os->file_size(file, &size_bytes, err));
    if (size_bytes == self->good_bytes)
        return MR_OK;
    MR_TRY(self->os->file_truncate(file, self->good_bytes, err));
    return self->os->file_sync(file, MR_STEP_SINK_MANIFEST_SYNC, err);
}

MrStatus mr__manifest_append(MrManifest *self, const char *root, const MrManifestEntry *entry,
                             MrError *err)
{
    MrOs *os = self->os;
    MrArena scratch;
    MrFile *file = NULL;
    mr_arena_init(&scratch, self->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        MrTextBuilder text = {.arena = &scratch};
        if (self->n_entries > 64 + 2 * self->n_live) {
            status = log_roll(self, root, entry, &scratch, err);
        } else {
            put_entry(&text, entry);
            status = os->file_open(os, self->log_path, MR_FILE_READ_WRITE, &file, err);
            if (status == MR_OK)
                status = torn_end_drop(self, file, err);
            if (status == MR_OK)
                status = os->file_write_at(file, self->good_bytes, text.data, text.size_bytes, err);
            if (status == MR_OK)
                status = os->file_sync(file, MR_STEP_SINK_MANIFEST_SYNC, err);
            if (status == MR_OK)
                self->good_bytes += text.size_bytes;
        }
        if (status == MR_OK) {
            for (int64_t i = 0; i < entry->n_removed; i++)
                path_remove(self, entry->removed[i]);
            for (int64_t i = 0; i < entry->n_added; i++)
                path_add(self, entry->added[i].path, entry->added[i].size_bytes,
                         entry->added[i].crc);
            mark_set(self, entry->query, entry->epoch, entry->lineage, entry->batch);
            self->n_entries += 1 + entry->n_added + entry->n_removed;
        }
    MR_GUARD_END(status)
    os->file_close(file);
    mr_arena_deinit(&scratch);
    return status;
}

MrStatus mr__manifest_refresh(MrOs *os, MrBudget *budget, MrArena *arena, const char *root,
                              MrManifest **manifest, MrError *err)
{
    MrManifest *self = *manifest;
    if (self && self->log_path) {
        MrFileInfo info;
        MR_TRY(os->stat(os, self->log_path, &info, err));
        if (info.exists && info.size_bytes == self->good_bytes)
            return MR_OK; /* no other writer was here */
    }
    mr__manifest_close(self);
    *manifest = NULL;
    MR_TRY(mr__manifest_read(os, budget, root, manifest, err));
    return *manifest && !mr__manifest_lost(*manifest) ? MR_OK
                                                      : mr__manifest_fail_lost(arena, root, err);
}

bool mr__manifest_has_gone(const MrManifest *self)
{
    return self->n_gone > 0;
}

void mr__manifest_sweep(MrManifest *self, const char *root)
{
    MrOs *os = self->os;
    MrFile *readers = NULL;
    MrError ignored = {0};
    char path[MR_PATH_MAX];
    bool taken = false;
    if (self->n_gone == 0)
        return;
    snprintf(path, sizeof path, "%s/_millrace/readers", root);
    if (os->file_open(os, path, MR_FILE_READ_WRITE, &readers, &ignored) != MR_OK ||
        os->file_lock(readers, &taken, &ignored) != MR_OK || !taken) {
        os->file_close(readers);
        return;
    }
    int64_t n_left = 0;
    for (int64_t i = 0; i < self->n_gone; i++) {
        const PathSlot *slot = slot_of(self, self->gone[i]);
        snprintf(path, sizeof path, "%s/%s", root, self->gone[i]);
        if (!(slot && slot->path && slot->live) && os->remove(os, path, &ignored) != MR_OK)
            self->gone[n_left++] = self->gone[i];
    }
    self->n_gone = n_left;
    os->file_close(readers);
}

static MrStatus readers_make(MrOs *os, MrArena *arena, const char *root, MrError *err)
{
    const char *path = mr_arena_printf(arena, "%s/_millrace/readers", root);
    MrFileInfo info;
    MrFile *file = NULL;
    MR_TRY(os->stat(os, path, &info, err));
    if (info.exists)
        return MR_OK;
    MrError exists = {0};
    if (os->file_open(os, path, MR_FILE_CREATE, &file, &exists) != MR_OK) /* made meanwhile? */
        MR_TRY(os->file_open(os, path, MR_FILE_READ, &file, err));
    os->file_close(file);
    return MR_OK;
}

/* The first manifest, empty, of a folder that has none. */
static MrStatus manifest_make(MrManifest *self, const char *root, MrArena *arena, MrError *err)
{
    MrOs *os = self->os;
    if (!self->id) {
        MrTextBuilder text = {.arena = arena};
        self->id = mr_arena_printf(&self->arena, "%016llx", (unsigned long long)os->random_u64(os));
        mr_builder_printf(&text, "{\"id\": \"%s\"", self->id);
        mr_json_end_checked(&text);
        MR_TRY(mr_os_write_file(os, mr_arena_printf(arena, "%s/_millrace/id", root),
                                mr_builder_text(&text), MR_STEP_SINK_MANIFEST_SYNC,
                                MR_STEP_SINK_MANIFEST_FOLDER_SYNC, err));
    }
    return log_roll(self, root, NULL, arena, err);
}

static MrStatus manifest_begin(MrOs *os, MrBudget *budget, const char *root, bool overwrite,
                               MrArena *arena, MrError *err)
{
    MrFileInfo info;
    MrFileList list;
    MrManifest *manifest = NULL;
    MrStatus status = MR_OK;
    const char *folder = mr_arena_printf(arena, "%s/_millrace/manifest", root);
    MR_TRY(os->stat(os, folder, &info, err));
    if (info.exists) {
        MR_TRY(mr__manifest_read(os, budget, root, &manifest, err));
        bool lost = manifest && mr__manifest_lost(manifest);
        mr__manifest_close(manifest);
        if (!lost)
            return readers_make(os, arena, root, err);
    }
    if (info.exists && !overwrite) {
        MrOption of_root[] = {{"path", root}};
        MrConnectorContext context = {
            .os = os, .budget = budget, .options = {MR_COUNT(of_root), of_root}};
        MR_TRY(mr__files_list(&context, MR_FILES_MAY_MISS, NULL, arena, &list,
                              err)); /* refuses what was written */
    }
    MR_TRY(os->make_dir(os, folder, err));
    MrFile *lock = NULL;
    MR_TRY(readers_make(os, arena, root, err));
    MR_TRY(mr__manifest_lock(os, arena, root, &lock, err));
    status = mr__manifest_read(os, budget, root, &manifest, err);
    if (status == MR_OK && mr__manifest_lost(manifest)) {
        MR_GUARD_BEGIN(status, err)
            status = manifest_make(manifest, root, arena, err);
        MR_GUARD_END(status)
    }
    mr__manifest_close(manifest);
    os->file_close(lock);
    return status;
}

MrStatus mr__manifest_prepare(MrOs *os, MrBudget *budget, const char *root, bool overwrite,
                              MrError *err)
{
    MrArena arena;
    MrStatus status;
    mr_arena_init(&arena, budget);
    MR_GUARD_BEGIN(status, err)
        status = manifest_begin(os, budget, root, overwrite, &arena, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}
