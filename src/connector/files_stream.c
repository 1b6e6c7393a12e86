/* files_stream.c - a folder as a stream: files that were not there before, oldest first.
 *
 * A position is JSON: {"logOffset":n,"mark":[us,"path"],"files":[["path",size,us],...]}; a file of
 * a manifest has its CRC32C behind.  files are those of step n, so the step can be read again from
 * the position alone.  Every path that was given is remembered, in the stream's state too, so a
 * file that comes late with an old time is found, also when it came while nobody looked; only files
 * more than maxFileAge older than the newest one given are past, and forgotten.  The folders are
 * listed only when one of them changed: 10,000 old files cost an epoch nothing but a stat of each
 * folder.
 *
 * With newFilesOnly step 0 is what is there at the start, and has no files; a checkpoint keeps it,
 * so that a crash before the first epoch does not move the start.  mark is the newest (time, path)
 * up to the step: there, what is not newer counts as given in a new process. */
#include "connector/files_int.h"

#include "base/hash.h"
#include "base/json.h"

#include <stdio.h>

#define BASELINE_MAX_BYTES (INT64_C(1) << 20)

typedef struct SeenSlot {
    const char *path; /* NULL: free */
    int64_t modified_us;
} SeenSlot;

typedef struct MrFilesStream {
    MrArena seen_arena, grown_arena, list_arena;
    MrArena kept_arena; /* baseline, past */
    SeenSlot *slots;
    int64_t n_slots, n_used;
    int64_t newest_us; /* of the files that were given; INT64_MIN: none */
    int64_t step;      /* all files up to it are among the slots; -1: none */
    const char **past; /* forgotten since the last remember */
    int64_t n_past, cap_past;
    MrFileList list;        /* of the last look */
    bool listed, all_given; /* of the list */
    int64_t listed_us;
    bool restored;
    int64_t max_files, max_bytes, max_age_us;
    bool latest_first, new_only;
    const char *baseline; /* new_only: position at the start; NULL: not looked for yet */
} FilesStream;

typedef struct Position {
    int64_t step, mark_us;
    const char *mark_path;
    const MrJson *files;
} Position;

void mr__files_stream_close(MrFilesSource *source)
{
    FilesStream *self = source->stream;
    if (!self)
        return;
    mr_arena_deinit(&self->seen_arena);
    mr_arena_deinit(&self->grown_arena);
    mr_arena_deinit(&self->kept_arena);
    mr_arena_deinit(&self->list_arena);
    mr_budget_free(source->budget, self, sizeof *self);
    source->stream = NULL;
}

static MrStatus position_read(MrArena *arena, const char *text, Position *out, MrError *err)
{
    MrJson *json;
    MR_TRY(mr_json_parse(arena, mr_text(text), "position of a file source", &json, err));
    const MrJson *mark = mr_json_get(json, "mark"),
                 *path = mark && mark->first ? mark->first->next : NULL;
    *out =
        (Position){.step = mr_json_i64(json, "logOffset", -1), .files = mr_json_get(json, "files")};
    if (!path || path->kind != MR_JSON_STRING || !mr_text_to_i64(mark->first->text, &out->mark_us))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a position of a file source");
    out->mark_path = path->text.data;
    return MR_OK;
}

static MrStatus position_files(MrArena *arena, const Position *position, MrFileList *out,
                               MrError *err)
{
    for (const MrJson *file = position->files ? position->files->first : NULL; file;
         file = file->next) {
        const MrJson *path = file->first, *size = path ? path->next : NULL,
                     *time = size ? size->next : NULL;
        MrFileEntry entry = {0};
        if (!time || path->kind != MR_JSON_STRING ||
            !mr_text_to_i64(size->text, &entry.size_bytes) ||
            !mr_text_to_i64(time->text, &entry.modified_us))
            return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a position of a file source");
        int64_t crc;
        entry.has_crc = time->next && mr_text_to_i64(time->next->text, &crc);
        entry.crc = entry.has_crc ? (uint32_t)crc : 0;
        entry.path = path->text.data;
        mr__files_parts_of(arena, &entry);
        MR_PUSH(arena, out->files, out->n_files, out->cap_files, entry);
    }
    return MR_OK;
}

/* --- what was seen --- */

/* The oldest time that still counts. */
static int64_t oldest_us(const FilesStream *self)
{
    int64_t us;
    return self->latest_first || self->newest_us == INT64_MIN ||
                   __builtin_sub_overflow(self->newest_us, self->max_age_us, &us)
               ? INT64_MIN
               : us;
}

static SeenSlot *slot_in(SeenSlot *slots, int64_t n_slots, const char *path)
{
    uint64_t at = mr_hash_bytes(path, (int64_t)strlen(path), 5) & (uint64_t)(n_slots - 1);
    while (slots[at].path && strcmp(slots[at].path, path) != 0)
        at = (at + 1) & (uint64_t)(n_slots - 1);
    return &slots[at];
}

/* Makes room, without the files whose time is past. */
static void seen_grow(FilesStream *self)
{
    int64_t n_kept = 0, n_slots = self->n_slots, oldest = oldest_us(self);
    for (int64_t i = 0; i < self->n_slots; i++)
        n_kept += self->slots[i].path && self->slots[i].modified_us >= oldest;
    while (4 * (n_kept + 1) > n_slots)
        n_slots = n_slots ? 2 * n_slots : 256;
    mr_arena_deinit(&self->grown_arena);
    SeenSlot *slots = MR_NEW_N(&self->grown_arena, SeenSlot, n_slots);
    for (int64_t i = 0; i < self->n_slots; i++) {
        const SeenSlot *old = &self->slots[i];
        if (old->path && old->modified_us >= oldest) {
            *slot_in(slots, n_slots, old->path) =
                (SeenSlot){mr_arena_str(&self->grown_arena, old->path), old->modified_us};
        } else if (old->path) {
            const char *path = mr_arena_str(&self->kept_arena, old->path);
            MR_PUSH(&self->kept_arena, self->past, self->n_past, self->cap_past, path);
        }
    }
    MrArena before = self->seen_arena; /* nothing jumps from here on */
    self->seen_arena = self->grown_arena;
    self->grown_arena = before;
    mr_arena_deinit(&self->grown_arena);
    self->slots = slots;
    self->n_slots = n_slots;
    self->n_used = n_kept;
}

static void seen_put(FilesStream *self, const char *path, int64_t modified_us)
{
    if (2 * (self->n_used + 1) > self->n_slots)
        seen_grow(self);
    SeenSlot *slot = slot_in(self->slots, self->n_slots, path);
    if (!slot->path) {
        slot->path = mr_arena_str(&self->seen_arena, path);
        self->n_used++;
    }
    slot->modified_us = modified_us;
    if (modified_us > self->newest_us)
        self->newest_us = modified_us;
}

static bool was_seen(const FilesStream *self, const char *path)
{
    return self->n_slots > 0 && slot_in(self->slots, self->n_slots, path)->path;
}

/* "7d", "12h", "30m", "10s", "100ms" */
static bool age_option(const char *text, int64_t *us)
{
    static const struct {
        const char *unit;
        int64_t us;
    } units[] = {{"ms", 1000},      {"us", 1},         {"s", 1000000},     {"m", 60000000},
                 {"min", 60000000}, {"h", 3600000000}, {"d", 86400000000}, {"", 1000}};
    size_t n = strspn(text, "0123456789");
    int64_t number;
    if (n == 0 || !mr_text_to_i64((MrText){text, (int64_t)n}, &number))
        return false;
    for (int64_t i = 0; i < MR_COUNT(units); i++)
        if (strcmp(units[i].unit, text + n) == 0)
            return !__builtin_mul_overflow(number, units[i].us, us);
    return false;
}

static MrStatus bad_option(const char *name, const char *value, const char *expected, MrError *err)
{
    return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", name, "functionName", "files",
                   "expectedValue", expected, "actualValue", value);
}

static MrStatus stream_open(MrFilesSource *source, MrError *err)
{
    const MrOptions *options = &source->context->options;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(source->budget, sizeof(FilesStream), &block, err));
    FilesStream *self = source->stream = block;
    mr_arena_init(&self->seen_arena, source->budget);
    mr_arena_init(&self->grown_arena, source->budget);
    mr_arena_init(&self->kept_arena, source->budget);
    self->newest_us = INT64_MIN;
    self->step = -1;
    mr_arena_init(&self->list_arena, source->budget);
    self->max_files = INT64_MAX;
    const char *value = mr_option(options, NULL, "maxFilesPerTrigger");
    if (value && (!mr_text_to_i64(mr_text(value), &self->max_files) || self->max_files <= 0))
        return bad_option("maxFilesPerTrigger", value, "a whole number above 0", err);
    value = mr_option(options, NULL, "maxBytesPerTrigger");
    value = value ? value : MR_FILES_EPOCH_BYTES;
    if (!mr_text_to_size(mr_text(value), &self->max_bytes) || self->max_bytes == 0)
        return bad_option("maxBytesPerTrigger", value, "a number of bytes above 0, such as 128m",
                          err);
    value = mr_option(options, NULL, "maxFileAge");
    if (!age_option(value ? value : "7d", &self->max_age_us))
        return bad_option("maxFileAge", value, "a duration such as 7d or 12h", err);
    self->latest_first = mr_option_bool(options, NULL, "latestFirst");
    self->new_only = mr_option_bool(options, NULL, "newFilesOnly");
    return MR_OK;
}

/* Is the last list still true?  A folder that changed just before it was listed may have changed
 * again within one tick of the file system's clock. */
static MrStatus list_current(MrFilesSource *source, bool *current, MrError *err)
{
    FilesStream *self = source->stream;
    MrOs *os = source->context->os;
    *current = self->listed && !self->list.globs && self->list.any_root;
    for (int64_t i = 0; *current && i < self->list.n_watches; i++) {
        const MrFileWatch *watch = &self->list.watches[i];
        MrFileInfo info;
        MR_TRY(os->stat(os, watch->path, &info, err));
        *current = info.exists && info.modified_us == watch->modified_us &&
                   (watch->size_bytes < 0 || info.size_bytes == watch->size_bytes) &&
                   self->listed_us - watch->modified_us > 50000;
    }
    return MR_OK;
}

static int compare_age(const void *a, const void *b)
{
    const MrFileEntry *left = a, *right = b;
    if (left->modified_us != right->modified_us)
        return left->modified_us < right->modified_us ? -1 : 1;
    return strcmp(left->path, right->path);
}

static MrStatus list_refresh(MrFilesSource *source, MrError *err)
{
    FilesStream *self = source->stream;
    MrOs *os = source->context->os;
    bool current;
    MR_TRY(list_current(source, &current, err));
    if (current)
        return MR_OK;
    self->listed = self->all_given = false;
    mr_arena_reset(&self->list_arena);
    self->listed_us = os->now_us(os);
    MR_TRY(mr__files_list(source->context, true, NULL, &self->list_arena, &self->list, err));
    if (self->list.n_files > 0)
        qsort(self->list.files, (size_t)self->list.n_files, sizeof *self->list.files, compare_age);
    self->listed = true;
    return MR_OK;
}

/* The files of the position's step are given, for good. */
static void given(FilesStream *self, const Position *position)
{
    if (position->step <= self->step)
        return;
    self->step = position->step;
    for (const MrJson *file = position->files ? position->files->first : NULL; file;
         file = file->next) {
        const MrJson *path = file->first, *time = path && path->next ? path->next->next : NULL;
        int64_t modified_us;
        if (time && path->kind == MR_JSON_STRING && mr_text_to_i64(time->text, &modified_us))
            seen_put(self, path->text.data, modified_us);
    }
}

/* newFilesOnly, the first look of this process: what is not newer than the position was there at
 * the start, or was given. */
static void given_before(FilesStream *self, const Position *from)
{
    self->restored = true;
    for (int64_t i = 0; i < self->list.n_files; i++) {
        const MrFileEntry *file = &self->list.files[i];
        if (file->modified_us < from->mark_us ||
            (file->modified_us == from->mark_us && strcmp(file->path, from->mark_path) <= 0))
            seen_put(self, file->path, file->modified_us);
    }
}

/* A file that somebody still writes is not there yet, nor is one without bytes, which may be about
 * to be written.  A manifest names only whole files. */
static MrStatus file_ready(MrFilesSource *source, MrFileEntry *file, bool *ready, MrError *err)
{
    MrOs *os = source->context->os;
    MrFileInfo info;
    *ready = file->has_crc;
    if (*ready)
        return MR_OK;
    MR_TRY(os->stat(os, file->path, &info, err));
    if (!info.exists || (info.size_bytes == 0 && source->format))
        return MR_OK;
    MR_TRY(os->stat_settled(os, file->path, &info, err));
    *ready = info.exists;
    file->size_bytes = info.size_bytes; /* it may have grown since it was listed */
    file->modified_us = info.modified_us;
    return MR_OK;
}

MrStatus mr__files_latest(MrSource *base, const char *from, bool unlimited, MrArena *arena,
                          const char **to, MrError *err)
{
    MrFilesSource *source = (MrFilesSource *)base;
    Position position = {.step = -1, .mark_us = INT64_MIN, .mark_path = ""};
    if (!source->stream)
        MR_TRY(stream_open(source, err));
    FilesStream *self = source->stream;
    if (from)
        MR_TRY(position_read(arena, from, &position, err));
    *to = from ? from : self->baseline;
    if (!from && self->baseline)
        return MR_OK;
    MR_TRY(list_refresh(source, err));
    if (self->new_only && !self->restored && from)
        given_before(self, &position);
    given(self, &position);
    int64_t n = self->list.n_files;
    bool skips =
        self->new_only && position.step < 0; /* what is there at the start counts as seen */
    int64_t oldest = oldest_us(self);
    MrFileEntry *fresh = NULL;
    int64_t n_fresh = 0, cap_fresh = 0, n_bytes = 0;
    bool any_left = false;
    for (int64_t i = 0; i < n && !self->all_given; i++) {
        MrFileEntry *file = &self->list.files[self->latest_first ? n - 1 - i : i];
        bool ready = true;
        if (file->modified_us < oldest || was_seen(self, file->path))
            continue;
        any_left = true;
        if (!skips)
            MR_TRY(file_ready(source, file, &ready, err));
        if (!ready)
            continue;
        if (!unlimited && !skips && n_fresh > 0 &&
            (n_fresh >= self->max_files || n_bytes + file->size_bytes > self->max_bytes))
            break;
        n_bytes += file->size_bytes;
        MR_PUSH(arena, fresh, n_fresh, cap_fresh, *file);
    }
    self->all_given = !any_left;
    if (n_fresh == 0 && !skips)
        return MR_OK;
    int64_t step = position.step + 1;
    for (int64_t i = 0; i < n_fresh; i++) {
        if (skips)
            seen_put(self, fresh[i].path, fresh[i].modified_us);
        if (fresh[i].modified_us > position.mark_us ||
            (fresh[i].modified_us == position.mark_us &&
             strcmp(fresh[i].path, position.mark_path) > 0)) {
            position.mark_us = fresh[i].modified_us;
            position.mark_path = fresh[i].path;
        }
    }
    if (skips)
        n_fresh = 0;
    if (position.mark_us == INT64_MIN)
        position.mark_us = 0;
    MrTextBuilder text = {.arena = arena};
    mr_builder_printf(&text, "{\"logOffset\":%lld,\"mark\":[%lld,", (long long)step,
                      (long long)position.mark_us);
    mr_json_put_string(&text, mr_text(position.mark_path));
    mr_builder_str(&text, "],\"files\":[");
    for (int64_t i = 0; i < n_fresh; i++) {
        mr_builder_str(&text, i == 0 ? "[" : ",[");
        mr_json_put_string(&text, mr_text(fresh[i].path));
        mr_builder_printf(&text, ",%lld,%lld", (long long)fresh[i].size_bytes,
                          (long long)fresh[i].modified_us);
        if (fresh[i].has_crc)
            mr_builder_printf(&text, ",%u", fresh[i].crc);
        mr_builder_char(&text, ']');
    }
    mr_builder_str(&text, "]}");
    *to = mr_builder_text(&text).data;
    if (skips)
        self->baseline = mr_arena_str(&self->kept_arena, *to);
    return MR_OK;
}

/* Looks what is there at the start, if that was not done yet. */
static MrStatus baseline_find(MrFilesSource *source, MrError *err)
{
    const char *ignored;
    if (!source->stream)
        MR_TRY(stream_open(source, err));
    if (!source->stream->new_only || source->stream->baseline)
        return MR_OK;
    return mr__files_latest(&source->base, NULL, true, &source->stream->kept_arena, &ignored, err);
}

static MrStatus baseline_keep(MrFilesSource *source, const char *path, MrError *err)
{
    MrStatus status = MR_OK;
    MrOs *os = source->context->os;
    MrFileInfo info;
    MrBuffer text;
    mr_buffer_init(&text, source->budget, BASELINE_MAX_BYTES);
    MR_GO(os->stat(os, path, &info, err));
    if (info.exists) {
        Position position;
        MR_GO(mr_os_read_file(os, path, BASELINE_MAX_BYTES, &text, err));
        source->stream->baseline =
            mr_arena_strn(&source->stream->kept_arena, text.data, text.size_bytes);
        MR_GO(position_read(&source->stream->kept_arena, source->stream->baseline, &position, err));
        goto done;
    }
    MR_GO(baseline_find(source, err));
    MR_GO(mr_os_write_file(os, path, mr_text(source->stream->baseline), MR_STEP_RECEIVED_FILE_SYNC,
                           MR_STEP_RECEIVED_FOLDER_SYNC, err));
done:
    mr_buffer_deinit(&text);
    return status;
}

MrStatus mr__files_log_open(MrSource *base, const char *folder, const char *from, MrError *err)
{
    MrFilesSource *source = (MrFilesSource *)base;
    char path[MR_PATH_MAX];
    if (!source->stream)
        MR_TRY(stream_open(source, err));
    if (from) /* the start is long past */
        source->stream->baseline = mr_arena_str(&source->stream->kept_arena, from);
    if (from || !source->stream->new_only)
        return MR_OK;
    if (snprintf(path, sizeof path, "%s/start", folder) >= (int)sizeof path)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "use", "path", folder, "message",
                       "the path is too long");
    MR_TRY(source->context->os->make_dir(source->context->os, folder, err));
    return baseline_keep(source, path, err);
}

MrStatus mr__files_poll(MrSource *base, MrError *err)
{
    return baseline_find((MrFilesSource *)base, err);
}

static MrStatus put_seen(const MrMemoryOutput *out, const char *path, int64_t modified_us,
                         MrError *err)
{
    MrText value = {(char *)&modified_us, 8};
    return out->put(out->self, mr_text(path), &value, err);
}

MrStatus mr__files_remember(MrSource *base, const char *to, bool all, const MrMemoryOutput *out,
                            MrError *err)
{
    MrFilesSource *source = (MrFilesSource *)base;
    FilesStream *self = source->stream;
    Position position;
    MrFileList added = {0};
    if (!self)
        return MR_OK;
    mr_arena_reset(&self->grown_arena);
    MR_TRY(position_read(&self->grown_arena, to, &position, err));
    if (all || position.step > self->step)
        MR_TRY(position_files(&self->grown_arena, &position, &added, err));
    for (int64_t i = 0; i < added.n_files; i++)
        MR_TRY(put_seen(out, added.files[i].path, added.files[i].modified_us, err));
    for (int64_t i = 0; all && i < self->n_slots; i++)
        if (self->slots[i].path)
            MR_TRY(put_seen(out, self->slots[i].path, self->slots[i].modified_us, err));
    for (int64_t i = 0; !all && i < self->n_past; i++)
        MR_TRY(out->put(out->self, mr_text(self->past[i]), NULL, err));
    self->n_past = 0;
    return MR_OK;
}

MrStatus mr__files_recall(MrSource *base, MrText key, const MrText *value, MrError *err)
{
    MrFilesSource *source = (MrFilesSource *)base;
    int64_t modified_us;
    if (!source->stream)
        MR_TRY(stream_open(source, err));
    if (!value) /* its time is past */
        return MR_OK;
    if (value->size_bytes != 8 || memchr(key.data, 0, (size_t)key.size_bytes))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a file that a stream has read");
    memcpy(&modified_us, value->data, 8);
    mr_arena_reset(&source->stream->list_arena);
    source->stream->listed = false;
    seen_put(source->stream, mr_arena_strn(&source->stream->list_arena, key.data, key.size_bytes),
             modified_us);
    return MR_OK;
}

MrStatus mr__files_intact(MrSource *base, const char *position_text, bool *out, MrError *err)
{
    MrFilesSource *source = (MrFilesSource *)base;
    Position position;
    int64_t n_same = 0;
    if (!source->stream)
        MR_TRY(stream_open(source, err));
    FilesStream *self = source->stream;
    self->listed = false; /* a file that changes does not touch its folder */
    mr_arena_reset(&self->list_arena);
    if (position_text) {
        MR_TRY(position_read(&self->list_arena, position_text, &position, err));
        given(self, &position);
    }
    MR_TRY(list_refresh(source, err));
    for (int64_t i = 0; i < self->list.n_files && self->n_slots > 0; i++) {
        const MrFileEntry *file = &self->list.files[i];
        const SeenSlot *slot = slot_in(self->slots, self->n_slots, file->path);
        n_same += slot->path && slot->modified_us == file->modified_us;
    }
    *out = n_same == self->n_used;
    return MR_OK;
}

MrStatus mr__files_between(MrFilesSource *source, const char *from, const char *to, MrArena *arena,
                           MrFileList *out, MrError *err)
{
    Position first = {.step = -1}, last;
    *out = (MrFileList){0};
    if (from)
        MR_TRY(position_read(arena, from, &first, err));
    MR_TRY(position_read(arena, to, &last, err));
    if (last.step <= first.step)
        return MR_OK;
    if (last.step != first.step + 1) {
        MrStatus status = MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", to);
        mr_error_add(err, "a file source reads one step at a time: from %lld to %lld",
                     (long long)first.step, (long long)last.step);
        return status;
    }
    return position_files(arena, &last, out, err);
}
