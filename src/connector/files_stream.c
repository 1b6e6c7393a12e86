/* files_stream.c - a folder as a stream: files that were not there before, oldest first.
 *
 * A position is JSON: {"logOffset":n,"files":[["path",size,us,crc,base],...]}.  crc is that of a
 * manifest, or null; base says how many bytes of the path stand above its partition folders; both
 * are left out where they say nothing.  A path that is not UTF-8 is {"bytes":"its bytes in hex"}.
 * files are those of step n, so the step can be read again from the position alone.
 *
 * Every path that was given is remembered, in the stream's state too, so a file that comes late
 * with an old time is found, also when it came while nobody looked.  A path is forgotten when it is
 * gone and more than maxFileAge older than the newest one given; a file that comes as old as that
 * is left out, counted, and remembered as left out.  A file of a manifest that was given and is not
 * shown any more has been overwritten: the rows made of it cannot be taken back, so the stream
 * fails.
 *
 * The folders are listed only when one of them changed: 10,000 old files cost an epoch nothing but
 * a stat of each folder.
 *
 * With newFilesOnly step 0 is what is there at the start, and has no files; what was there is kept
 * beside the checkpoint at once, so that a crash before the first epoch does not move the start,
 * and goes into the state with the first epoch.  Positions of older versions have "mark", the
 * newest (time, path) up to the step: what is not newer counts as given. */
#include "connector/files_int.h"

#include "base/hash.h"
#include "base/json.h"

#include <stdio.h>

#define BASELINE_MAX_BYTES (INT64_C(1) << 30)

/* Step 0 of newFilesOnly. */
#define BASELINE "{\"logOffset\":0,\"files\":[]}"

enum { SEEN_OURS = 1, SEEN_LEFT_OUT = 2 }; /* named by a manifest; too old to be given */

typedef struct SeenSlot {
    const char *path; /* NULL: free */
    int64_t modified_us;
    int64_t look; /* the last listing that had it */
    uint8_t flags;
} SeenSlot;

typedef struct MrFilesStream {
    MrArena seen_arena, grown_arena, list_arena;
    MrArena kept_arena;    /* baseline */
    MrArena changes_arena; /* past, left_out */
    SeenSlot *slots;
    int64_t n_slots, n_used;
    int64_t newest_us; /* of the files that were given; INT64_MIN: none */
    int64_t step;      /* all files up to it are among the slots; -1: none */
    const char **past; /* forgotten since the last remember */
    int64_t n_past, cap_past;
    SeenSlot *left_out; /* since the last remember */
    int64_t n_left_out, cap_left_out;
    bool unsaved;           /* the next remember puts all */
    MrFileList list;        /* of the last look */
    bool listed, all_given; /* of the list */
    const char *gone;       /* a file of a manifest that was given and is not in the list */
    int64_t look, listed_us;
    bool restored;
    int64_t max_files, max_bytes, max_age_us;
    bool latest_first, new_only;
    const char *baseline; /* new_only: position at the start; NULL: not looked for yet */
} FilesStream;

typedef struct Position {
    int64_t step, mark_us;
    const char *mark_path; /* NULL: none */
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
    mr_arena_deinit(&self->changes_arena);
    mr_arena_deinit(&self->list_arena);
    mr_budget_free(source->budget, self, sizeof *self);
    source->stream = NULL;
}

static MrStatus bad_position(MrError *err)
{
    return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a position of a file source");
}

static void put_path(MrTextBuilder *out, const char *path)
{
    if (mr_utf8_valid(path, (int64_t)strlen(path))) {
        mr_json_put_string(out, mr_text(path));
        return;
    }
    mr_builder_str(out, "{\"bytes\":\"");
    for (const char *p = path; *p; p++)
        mr_builder_printf(out, "%02x", (unsigned char)*p);
    mr_builder_str(out, "\"}");
}

static int nibble(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* NULL: it is none. */
static const char *path_of(MrArena *arena, const MrJson *json)
{
    if (!json || json->kind == MR_JSON_STRING)
        return json && json->text.size_bytes > 0 ? json->text.data : NULL;
    const char *hex = json->kind == MR_JSON_OBJECT ? mr_json_str(json, "bytes") : NULL;
    size_t n = hex ? strlen(hex) : 0;
    if (n == 0 || n % 2 == 1)
        return NULL;
    char *path = mr_arena_alloc(arena, (int64_t)(n / 2 + 1));
    for (size_t i = 0; i < n; i += 2) {
        int high = nibble(hex[i]), low = nibble(hex[i + 1]);
        if (high < 0 || low < 0 || high + low == 0)
            return NULL;
        path[i / 2] = (char)(high * 16 + low);
    }
    path[n / 2] = 0;
    return path;
}

static MrStatus position_read(MrArena *arena, const char *text, Position *out, MrError *err)
{
    MrJson *json;
    MR_TRY(mr_json_parse(arena, mr_text(text), "position of a file source", &json, err));
    const MrJson *mark = mr_json_get(json, "mark"),
                 *path = mark && mark->first ? mark->first->next : NULL;
    *out =
        (Position){.step = mr_json_i64(json, "logOffset", -1), .files = mr_json_get(json, "files")};
    if (mark && (!path || path->kind != MR_JSON_STRING ||
                 !mr_text_to_i64(mark->first->text, &out->mark_us)))
        return bad_position(err);
    out->mark_path = mark ? path->text.data : NULL;
    return out->step < 0 ? bad_position(err) : MR_OK;
}

static MrStatus position_file(MrArena *arena, const MrJson *file, MrFileEntry *out, MrError *err)
{
    const MrJson *path = file->first, *size = path ? path->next : NULL,
                 *time = size ? size->next : NULL, *crc = time ? time->next : NULL,
                 *base = crc ? crc->next : NULL;
    int64_t number = 0;
    *out = (MrFileEntry){.path = path_of(arena, path), .n_base = -1};
    if (!out->path || !time || !mr_text_to_i64(size->text, &out->size_bytes) ||
        !mr_text_to_i64(time->text, &out->modified_us))
        return bad_position(err);
    out->has_crc = crc && crc->kind == MR_JSON_NUMBER && mr_text_to_i64(crc->text, &number);
    out->crc = (uint32_t)number;
    if (base && (!mr_text_to_i64(base->text, &out->n_base) || out->n_base < 0 ||
                 out->n_base > (int64_t)strlen(out->path)))
        return bad_position(err);
    return MR_OK;
}

static MrStatus position_files(MrArena *arena, const Position *position, MrFileList *out,
                               MrError *err)
{
    for (const MrJson *file = position->files ? position->files->first : NULL; file;
         file = file->next) {
        MrFileEntry entry;
        MR_TRY(position_file(arena, file, &entry, err));
        mr__parts_of_file(arena, &entry);
        MR_PUSH(arena, out->files, out->n_files, out->cap_files, entry);
    }
    return MR_OK;
}

static const char *position_text(MrArena *arena, int64_t step, const MrFileEntry *files,
                                 int64_t n_files)
{
    MrTextBuilder text = {.arena = arena};
    mr_builder_printf(&text, "{\"logOffset\":%lld,\"files\":[", (long long)step);
    for (int64_t i = 0; i < n_files; i++) {
        const MrFileEntry *file = &files[i];
        bool may_have_parts = strchr(file->path, '=') != NULL;
        mr_builder_str(&text, i == 0 ? "[" : ",[");
        put_path(&text, file->path);
        mr_builder_printf(&text, ",%lld,%lld", (long long)file->size_bytes,
                          (long long)file->modified_us);
        if (file->has_crc)
            mr_builder_printf(&text, ",%u", file->crc);
        else if (may_have_parts)
            mr_builder_str(&text, ",null");
        if (may_have_parts)
            mr_builder_printf(&text, ",%lld", (long long)file->n_base);
        mr_builder_char(&text, ']');
    }
    mr_builder_str(&text, "]}");
    return mr_builder_text(&text).data;
}

/* --- what was seen --- */

/* The oldest time that still counts.  A file from the future makes no others old. */
static int64_t oldest_us(const FilesStream *self)
{
    int64_t us, newest_us = self->newest_us < self->listed_us ? self->newest_us : self->listed_us;
    return self->latest_first || newest_us == INT64_MIN ||
                   __builtin_sub_overflow(newest_us, self->max_age_us, &us)
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

/* Is its time past, and is it gone? */
static bool may_forget(const FilesStream *self, const SeenSlot *slot, int64_t oldest)
{
    return slot->modified_us < oldest && slot->look != self->look;
}

/* Makes room, without what may be forgotten. */
static void seen_grow(FilesStream *self)
{
    int64_t n_kept = 0, n_slots = self->n_slots, oldest = oldest_us(self);
    for (int64_t i = 0; i < self->n_slots; i++)
        n_kept += self->slots[i].path && !may_forget(self, &self->slots[i], oldest);
    while (4 * (n_kept + 1) > n_slots)
        n_slots = n_slots ? 2 * n_slots : 256;
    mr_arena_deinit(&self->grown_arena);
    SeenSlot *slots = MR_NEW_N(&self->grown_arena, SeenSlot, n_slots);
    for (int64_t i = 0; i < self->n_slots; i++) {
        const SeenSlot *old = &self->slots[i];
        if (!old->path)
            continue;
        if (may_forget(self, old, oldest)) {
            const char *path = mr_arena_str(&self->changes_arena, old->path);
            MR_PUSH(&self->changes_arena, self->past, self->n_past, self->cap_past, path);
            continue;
        }
        SeenSlot *slot = slot_in(slots, n_slots, old->path);
        *slot = *old;
        slot->path = mr_arena_str(&self->grown_arena, old->path);
    }
    MrArena before = self->seen_arena; /* nothing jumps from here on */
    self->seen_arena = self->grown_arena;
    self->grown_arena = before;
    mr_arena_deinit(&self->grown_arena);
    self->slots = slots;
    self->n_slots = n_slots;
    self->n_used = n_kept;
}

static void seen_put(FilesStream *self, const char *path, int64_t modified_us, uint8_t flags)
{
    if (2 * (self->n_used + 1) > self->n_slots)
        seen_grow(self);
    SeenSlot *slot = slot_in(self->slots, self->n_slots, path);
    if (!slot->path) {
        slot->path = mr_arena_str(&self->seen_arena, path);
        self->n_used++;
    }
    slot->modified_us = modified_us;
    slot->look = self->look;
    slot->flags = flags;
    if (modified_us > self->newest_us && !(flags & SEEN_LEFT_OUT))
        self->newest_us = modified_us;
}

static SeenSlot *seen_find(const FilesStream *self, const char *path)
{
    SeenSlot *slot = self->n_slots > 0 ? slot_in(self->slots, self->n_slots, path) : NULL;
    return slot && slot->path ? slot : NULL;
}

/* A file that came so old that it is not given: said once. */
static void leave_out(MrFilesSource *source, const MrFileEntry *file)
{
    FilesStream *self = source->stream;
    seen_put(self, file->path, file->modified_us, SEEN_LEFT_OUT);
    SeenSlot slot = {.path = mr_arena_str(&self->changes_arena, file->path),
                     .modified_us = file->modified_us,
                     .flags = SEEN_LEFT_OUT};
    MR_PUSH(&self->changes_arena, self->left_out, self->n_left_out, self->cap_left_out, slot);
    source->base.n_skipped++;
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
    mr_arena_init(&self->changes_arena, source->budget);
    self->newest_us = INT64_MIN;
    self->listed_us = INT64_MAX;
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
    if (self->listed && source->ends) {
        *current = true;
        return MR_OK;
    }
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

/* Notes which files are still there. */
static void note_present(FilesStream *self)
{
    self->look++;
    self->gone = NULL;
    for (int64_t i = 0; i < self->list.n_files; i++) {
        SeenSlot *slot = seen_find(self, self->list.files[i].path);
        if (slot)
            slot->look = self->look;
    }
    for (int64_t i = 0; i < self->n_slots && !self->gone; i++) {
        const SeenSlot *slot = &self->slots[i];
        if (slot->path && (slot->flags & SEEN_OURS) && slot->look != self->look)
            self->gone = mr_arena_str(&self->list_arena, slot->path);
    }
}

static MrStatus fail_gone(const MrFilesSource *source, MrError *err)
{
    MrStatus status =
        MR_FAIL(err, MR_COND_FAILED_READ_FILE__FILE_NOT_EXIST, "path", source->stream->gone);
    mr_error_add(err,
                 "a stream has read this file, and the table at '%s' does not hold it any more: it "
                 "was overwritten, truncated or had rows removed.  What the stream made of those "
                 "rows stays: drop its target so that it begins anew, or go on with what comes now "
                 "by setting spark.sql.files.ignoreMissingFiles=true",
                 mr_option(&source->context->options, NULL, "path"));
    return status;
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
    MR_TRY(mr__files_list(source->context, MR_FILES_MAY_MISS, NULL, &self->list_arena, &self->list,
                          err));
    note_present(self);
    if (self->list.n_files > 0)
        qsort(self->list.files, (size_t)self->list.n_files, sizeof *self->list.files, compare_age);
    self->listed = true;
    return MR_OK;
}

/* The files of the position's step are given, for good. */
static MrStatus given(FilesStream *self, const Position *position, MrArena *arena, MrError *err)
{
    if (position->step <= self->step)
        return MR_OK;
    self->step = position->step;
    for (const MrJson *file = position->files ? position->files->first : NULL; file;
         file = file->next) {
        MrFileEntry entry;
        MR_TRY(position_file(arena, file, &entry, err));
        seen_put(self, entry.path, entry.modified_us, entry.has_crc ? SEEN_OURS : 0);
    }
    return MR_OK;
}

/* newFilesOnly, from a position with a mark: what is not newer was there at the start, or was
 * given. */
static void given_before(FilesStream *self, const Position *from)
{
    self->restored = true;
    for (int64_t i = 0; from->mark_path && i < self->list.n_files; i++) {
        const MrFileEntry *file = &self->list.files[i];
        if (file->modified_us < from->mark_us ||
            (file->modified_us == from->mark_us && strcmp(file->path, from->mark_path) <= 0)) {
            seen_put(self, file->path, file->modified_us, file->has_crc ? SEEN_OURS : 0);
            self->unsaved = true;
        }
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

/* The files of the next step, which the limits bound unless unlimited. */
static MrStatus fresh_files(MrFilesSource *source, bool unlimited, MrArena *arena, MrFileList *out,
                            MrError *err)
{
    FilesStream *self = source->stream;
    int64_t n = self->list.n_files, n_bytes = 0, oldest = oldest_us(self);
    bool any_left = false;
    for (int64_t i = 0; i < n && !self->all_given; i++) {
        MrFileEntry *file = &self->list.files[self->latest_first ? n - 1 - i : i];
        const SeenSlot *slot = seen_find(self, file->path);
        bool ready, is_old = file->modified_us < oldest;
        if (slot && (is_old || !(slot->flags & SEEN_LEFT_OUT)))
            continue;
        any_left |= !is_old;
        MR_TRY(file_ready(source, file, &ready, err));
        if (!ready)
            continue;
        if (file->modified_us < oldest) {
            leave_out(source, file);
            continue;
        }
        if (!unlimited && out->n_files > 0 &&
            (out->n_files >= self->max_files || n_bytes + file->size_bytes > self->max_bytes))
            break;
        n_bytes += file->size_bytes;
        MR_PUSH(arena, out->files, out->n_files, out->cap_files, *file);
    }
    self->all_given = !any_left;
    return MR_OK;
}

MrStatus mr__files_latest(MrSource *base, const char *from, bool unlimited, MrArena *arena,
                          const char **to, MrError *err)
{
    MrFilesSource *source = (MrFilesSource *)base;
    Position position = {.step = -1};
    MrFileList fresh = {0};
    if (!source->stream)
        MR_TRY(stream_open(source, err));
    FilesStream *self = source->stream;
    if (from)
        MR_TRY(position_read(arena, from, &position, err));
    *to = from ? from : self->baseline;
    if (!from && self->baseline)
        return MR_OK;
    MR_TRY(list_refresh(source, err));
    if (self->gone && !source->ignore_missing)
        return fail_gone(source, err);
    if (self->new_only && !from) { /* what is there at the start counts as seen */
        for (int64_t i = 0; i < self->list.n_files; i++) {
            const MrFileEntry *file = &self->list.files[i];
            seen_put(self, file->path, file->modified_us, file->has_crc ? SEEN_OURS : 0);
        }
        self->unsaved = self->restored = true;
        *to = self->baseline = BASELINE;
        return MR_OK;
    }
    if (self->new_only && !self->restored)
        given_before(self, &position);
    MR_TRY(given(self, &position, arena, err));
    MR_TRY(fresh_files(source, unlimited, arena, &fresh, err));
    if (fresh.n_files > 0)
        *to = position_text(arena, position.step + 1, fresh.files, fresh.n_files);
    return MR_OK;
}

void mr__files_end_here(MrSource *base)
{
    MrFilesSource *source = (MrFilesSource *)base;
    source->ends = true;
    if (source->stream)
        source->stream->listed = false;
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

/* The position, then a line ["path",us] for each file that was there. */
static MrStatus baseline_write(MrFilesSource *source, const char *path, MrError *err)
{
    FilesStream *self = source->stream;
    MrOs *os = source->context->os;
    mr_arena_reset(&self->grown_arena);
    MrTextBuilder text = {.arena = &self->grown_arena};
    mr_builder_str(&text, BASELINE "\n");
    for (int64_t i = 0; i < self->n_slots; i++) {
        const SeenSlot *slot = &self->slots[i];
        if (!slot->path)
            continue;
        mr_builder_char(&text, '[');
        put_path(&text, slot->path);
        mr_builder_printf(&text, ",%lld%s]\n", (long long)slot->modified_us,
                          slot->flags & SEEN_OURS ? ",1" : "");
    }
    return mr_os_write_file(os, path, mr_builder_text(&text), MR_STEP_RECEIVED_FILE_SYNC,
                            MR_STEP_RECEIVED_FOLDER_SYNC, err);
}

static MrStatus baseline_line(FilesStream *self, MrText line, MrError *err)
{
    MrJson *json;
    MrArena *arena = &self->list_arena;
    int64_t modified_us;
    mr_arena_reset(arena);
    MR_TRY(mr_json_parse(arena, line, "start of a file source", &json, err));
    const char *path = path_of(arena, json->first);
    const MrJson *time = path ? json->first->next : NULL;
    if (!time || !mr_text_to_i64(time->text, &modified_us))
        return bad_position(err);
    seen_put(self, path, modified_us, time->next ? SEEN_OURS : 0);
    self->unsaved = true;
    return MR_OK;
}

/* An older version wrote only a position, with a mark. */
static MrStatus baseline_read(FilesStream *self, MrText text, MrError *err)
{
    const char *at = text.data, *end = at + text.size_bytes;
    for (bool first = true; at < end; first = false) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        MrText line = {at, (stop ? stop : end) - at};
        at = stop ? stop + 1 : end;
        if (first) {
            Position position;
            self->baseline = mr_arena_strn(&self->kept_arena, line.data, line.size_bytes);
            MR_TRY(position_read(&self->kept_arena, self->baseline, &position, err));
        } else {
            MR_TRY(baseline_line(self, line, err));
        }
    }
    return self->baseline ? MR_OK : bad_position(err);
}

static MrStatus baseline_keep(MrFilesSource *source, const char *path, MrError *err)
{
    MrStatus status = MR_OK;
    MrOs *os = source->context->os;
    MrFileInfo info;
    MrBuffer text;
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists) {
        MR_TRY(baseline_find(source, err));
        return baseline_write(source, path, err);
    }
    mr_buffer_init(&text, source->budget, BASELINE_MAX_BYTES);
    MR_GUARD_BEGIN(status, err)
        status = mr_os_read_file(os, path, BASELINE_MAX_BYTES, &text, err);
        if (status == MR_OK)
            status = baseline_read(source->stream, (MrText){text.data, text.size_bytes}, err);
    MR_GUARD_END(status)
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
                         uint8_t flags, MrError *err)
{
    char bytes[9];
    memcpy(bytes, &modified_us, 8);
    bytes[8] = (char)flags;
    MrText value = {bytes, flags ? 9 : 8};
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
    for (int64_t i = 0; !all && i < self->n_past; i++)
        MR_TRY(out->put(out->self, mr_text(self->past[i]), NULL, err));
    for (int64_t i = 0; !all && i < self->n_left_out; i++) {
        const SeenSlot *slot = &self->left_out[i];
        MR_TRY(put_seen(out, slot->path, slot->modified_us, slot->flags, err));
    }
    for (int64_t i = 0; (all || self->unsaved) && i < self->n_slots; i++) {
        const SeenSlot *slot = &self->slots[i];
        if (slot->path)
            MR_TRY(put_seen(out, slot->path, slot->modified_us, slot->flags, err));
    }
    if (all || position.step > self->step)
        MR_TRY(position_files(&self->grown_arena, &position, &added, err));
    for (int64_t i = 0; i < added.n_files; i++) {
        const MrFileEntry *file = &added.files[i];
        MR_TRY(put_seen(out, file->path, file->modified_us, file->has_crc ? SEEN_OURS : 0, err));
    }
    self->past = NULL;
    self->left_out = NULL;
    self->n_past = self->cap_past = self->n_left_out = self->cap_left_out = 0;
    self->unsaved = false;
    mr_arena_reset(&self->changes_arena);
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
    if (value->size_bytes < 8 || value->size_bytes > 9 ||
        memchr(key.data, 0, (size_t)key.size_bytes))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", "a file that a stream has read");
    memcpy(&modified_us, value->data, 8);
    uint8_t flags = value->size_bytes == 9 ? (uint8_t)value->data[8] : 0;
    mr_arena_reset(&source->stream->list_arena);
    source->stream->listed = false;
    seen_put(source->stream, mr_arena_strn(&source->stream->list_arena, key.data, key.size_bytes),
             modified_us, flags);
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
        MR_TRY(given(self, &position, &self->list_arena, err));
    }
    MR_TRY(list_refresh(source, err));
    for (int64_t i = 0; i < self->list.n_files; i++) {
        const MrFileEntry *file = &self->list.files[i];
        const SeenSlot *slot = seen_find(self, file->path);
        n_same += slot && slot->modified_us == file->modified_us;
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
