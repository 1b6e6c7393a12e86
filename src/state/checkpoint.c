/* checkpoint.c - the checkpoint folder of one query: who owns it, what was planned and committed,
 * its state.
 *
 * The log holds the order of things, state/ the bytes too large for it.  A snapshot begins a new
 * base of the log, so that reading never goes further back than the last one and the folder does
 * not grow with time. */
#include "state/state_int.h"

#include "base/hash.h"
#include "base/json.h"
#include "state/log.h"
#include <inttypes.h>
#include <stdio.h>

#define INLINE_MAX_BYTES (64 * 1024)
#define SNAPSHOT_DEFAULT_BYTES (INT64_C(64) << 20)
#define SEGMENTS_MAX 100 /* runs without a snapshot leave a segment each */
#define METADATA_MAX_BYTES (1 << 20)
#define METADATA_FORMAT 1

enum { STATE_NONE = 0, STATE_INLINE = 1, STATE_FILE = 2 };

typedef struct NameList { /* files of state/ that the log names */
    const char **names;
    int64_t n_names, cap_names;
} NameList;

struct MrCheckpoint {
    MrOs *os;
    MrBudget *budget;
    MrArena arena; /* as long as the checkpoint: paths and what recovery found */
    MrArena names_arena;
    const char *state_folder;
    MrFile *lock;
    MrLog *log;
    MrBuffer scratch, planned, committed;   /* the last payloads, without state */
    int64_t planned_epoch, committed_epoch; /* -1: none */
    int64_t closed_through;
    MrStateFile snapshot;
    int64_t snapshot_epoch;
    int64_t files_bytes; /* of the change files since the snapshot */
    int64_t snapshot_every_bytes;
    NameList named;
    /* Reading only. */
    const MrCheckpointWatcher *watcher; /* NULL: it is opened to be continued */
    bool reads_files;
    MrEpochView open; /* of the last PLANNED record */
    bool has_open;
    MrCheckpointTotals totals;
};

static MrText buffer_text(const MrBuffer *buf)
{
    return (MrText){buf->data, buf->size_bytes};
}

static MrReader text_reader(MrText text)
{
    return mr_reader(text.data, text.size_bytes);
}

static MrStatus record_is_malformed(MrError *err, const char *what)
{
    return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", what);
}

/* ---- payloads ---- */

static MrStatus planned_encode(MrBuffer *out, const MrPlanned *planned, MrError *err)
{
    out->size_bytes = 0;
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)planned->epoch, err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)planned->time_us, err));
    MR_TRY(mr_buffer_put_u64(out, planned->seed, err));
    MR_TRY(mr_buffer_put_u64(out, planned->lineage, err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)planned->late_us, err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)planned->evict_us, err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)planned->closed_through, err));
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)planned->n_sources, err));
    for (int32_t i = 0; i < planned->n_sources; i++) {
        MR_TRY(mr_buffer_put_text(out, planned->from[i], err));
        MR_TRY(mr_buffer_put_text(out, planned->to[i], err));
    }
    return mr_buffer_put_text(out, planned->extra, err);
}

static bool reader_i64(MrReader *reader, int64_t *out)
{
    uint64_t value;
    if (!mr_reader_u64(reader, &value))
        return false;
    *out = (int64_t)value;
    return true;
}

/* Texts are copied into the arena, ended by NUL. */
static MrStatus planned_decode(MrArena *arena, MrText payload, MrPlanned *out, MrError *err)
{
    MrReader reader = text_reader(payload);
    int64_t n_sources = 0;
    MrText extra = {NULL, 0};
    bool good = reader_i64(&reader, &out->epoch) && reader_i64(&reader, &out->time_us) &&
                mr_reader_u64(&reader, &out->seed) && mr_reader_u64(&reader, &out->lineage) &&
                reader_i64(&reader, &out->late_us) && reader_i64(&reader, &out->evict_us) &&
                reader_i64(&reader, &out->closed_through) &&
                mr_reader_count(&reader, 2, &n_sources);
    if (!good)
        return record_is_malformed(err, "a PLANNED record cannot be read");
    MrText *from = MR_NEW_N(arena, MrText, n_sources), *to = MR_NEW_N(arena, MrText, n_sources);
    for (int64_t i = 0; i < n_sources && good; i++) {
        good = mr_reader_text(&reader, &from[i]) && mr_reader_text(&reader, &to[i]);
        if (good) {
            from[i] = mr_text_own(arena, from[i]);
            to[i] = mr_text_own(arena, to[i]);
        }
    }
    if (!good || !mr_reader_text(&reader, &extra) || reader.at != reader.end)
        return record_is_malformed(err, "a PLANNED record cannot be read");
    out->n_sources = (int32_t)n_sources;
    out->from = from;
    out->to = to;
    out->extra = mr_text_own(arena, extra);
    return MR_OK;
}

static MrStatus file_encode(MrBuffer *out, const MrStateFile *file, MrError *err)
{
    MR_TRY(mr_buffer_put_text(out, file->name, err));
    MR_TRY(mr_buffer_put_u64(out, file->size_bytes, err));
    return mr_buffer_put_u64(out, file->hash, err);
}

static bool file_decode(MrReader *reader, MrStateFile *out)
{
    return mr_reader_text(reader, &out->name) && mr_reader_u64(reader, &out->size_bytes) &&
           mr_reader_u64(reader, &out->hash) && out->name.size_bytes > 0;
}

static MrStatus committed_encode(MrBuffer *out, const MrCommitted *committed, uint8_t kind,
                                 MrText entries, const MrStateFile *file, MrError *err)
{
    out->size_bytes = 0;
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)committed->epoch, err));
    MR_TRY(mr_buffer_put_u8(out, kind, err));
    if (kind == STATE_INLINE)
        MR_TRY(mr_buffer_put_text(out, entries, err));
    if (kind == STATE_FILE)
        MR_TRY(file_encode(out, file, err));
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)committed->n_tokens, err));
    for (int32_t i = 0; i < committed->n_tokens; i++)
        MR_TRY(mr_buffer_put_text(out, committed->tokens[i], err));
    return MR_OK;
}

typedef struct CommittedView {
    int64_t epoch;
    uint8_t kind;
    MrText entries;
    MrStateFile file;
    int64_t n_tokens;
    MrReader tokens; /* stands before the first */
} CommittedView;

static MrStatus committed_decode(MrText payload, CommittedView *out, MrError *err)
{
    MrReader reader = text_reader(payload);
    *out = (CommittedView){.epoch = 0};
    bool good = reader_i64(&reader, &out->epoch) && mr_reader_u8(&reader, &out->kind) &&
                out->kind <= STATE_FILE;
    if (good && out->kind == STATE_INLINE)
        good = mr_reader_text(&reader, &out->entries);
    if (good && out->kind == STATE_FILE)
        good = file_decode(&reader, &out->file);
    good = good && mr_reader_count(&reader, 1, &out->n_tokens);
    out->tokens = reader;
    for (int64_t i = 0; i < out->n_tokens && good; i++)
        good = mr_reader_text(&reader, &(MrText){NULL, 0});
    return good && reader.at == reader.end
               ? MR_OK
               : record_is_malformed(err, "a COMMITTED record cannot be read");
}

static MrStatus base_encode(MrBuffer *out, const MrCheckpoint *checkpoint, MrError *err)
{
    bool has = checkpoint->snapshot.name.size_bytes > 0;
    out->size_bytes = 0;
    MR_TRY(mr_buffer_put_u8(out, has ? STATE_FILE : STATE_NONE, err));
    if (has)
        MR_TRY(file_encode(out, &checkpoint->snapshot, err));
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)checkpoint->snapshot_epoch, err));
    MR_TRY(mr_buffer_put_text(out, buffer_text(&checkpoint->planned), err));
    return mr_buffer_put_text(out, buffer_text(&checkpoint->committed), err);
}

/* ---- recovery ---- */

typedef struct Recovery {
    MrCheckpoint *checkpoint;
    MrStatus (*apply)(void *self, const MrStateEntry *entry, MrError *err);
    void *self;
} Recovery;

static MrStatus buffer_set(MrBuffer *buf, MrText text, MrError *err)
{
    buf->size_bytes = 0;
    return mr_buffer_put(buf, text.data, text.size_bytes, err);
}

static void name_keep(MrCheckpoint *checkpoint, MrText name)
{
    const char *copy = mr_arena_strn(&checkpoint->names_arena, name.data, name.size_bytes);
    MR_PUSH(&checkpoint->names_arena, checkpoint->named.names, checkpoint->named.n_names,
            checkpoint->named.cap_names, copy);
}

static MrStatus file_apply(Recovery *recovery, const MrStateFile *file, MrError *err)
{
    MrCheckpoint *checkpoint = recovery->checkpoint;
    name_keep(checkpoint, file->name);
    checkpoint->totals.n_files++;
    checkpoint->totals.files_bytes += (int64_t)file->size_bytes;
    if (checkpoint->watcher && !checkpoint->reads_files)
        return MR_OK;
    return mr__state_file_read(checkpoint->os, checkpoint->budget, checkpoint->state_folder, file,
                               recovery->apply, recovery->self, err);
}

/* The epoch of a PLANNED payload and what it closes. */
static MrStatus planned_note(MrCheckpoint *checkpoint, MrText payload, MrError *err)
{
    MrReader reader = text_reader(payload);
    int64_t epoch = 0, closed_through = 0;
    const uint8_t *skipped;
    if (!reader_i64(&reader, &epoch) || !mr_reader_bytes(&reader, 40, &skipped) ||
        !reader_i64(&reader, &closed_through) || epoch < 0 || closed_through >= epoch)
        return record_is_malformed(err, "a PLANNED record cannot be read");
    checkpoint->planned_epoch = epoch;
    if (closed_through > checkpoint->closed_through)
        checkpoint->closed_through = closed_through;
    return buffer_set(&checkpoint->planned, payload, err);
}

/* The epoch whose records have all been read goes to the watcher. */
static MrStatus watch_flush(MrCheckpoint *checkpoint, MrError *err)
{
    if (!checkpoint->has_open)
        return MR_OK;
    checkpoint->has_open = false;
    return checkpoint->watcher->epoch(checkpoint->watcher->self, &checkpoint->open, err);
}

static MrStatus watch_planned(MrCheckpoint *checkpoint, MrText payload, MrError *err)
{
    MR_TRY(watch_flush(checkpoint, err));
    checkpoint->open = (MrEpochView){.committed = false};
    checkpoint->has_open = true;
    return planned_decode(&checkpoint->arena, payload, &checkpoint->open.planned, err);
}

static void watch_committed(MrCheckpoint *checkpoint, const CommittedView *view)
{
    MrEpochView *open = &checkpoint->open;
    open->committed = true;
    open->n_tokens = view->n_tokens;
    open->state_bytes =
        view->kind == STATE_FILE ? (int64_t)view->file.size_bytes : view->entries.size_bytes;
    open->state_file =
        view->kind == STATE_FILE ? mr_text_own(&checkpoint->arena, view->file.name) : MR_TEXT("");
}

static MrStatus visit_planned(MrCheckpoint *checkpoint, MrText payload, MrError *err)
{
    MR_TRY(planned_note(checkpoint, payload, err));
    /* The next epoch, or the open one once more. */
    if (checkpoint->planned_epoch != checkpoint->committed_epoch + 1)
        return record_is_malformed(err, "a PLANNED record is out of order");
    return checkpoint->watcher ? watch_planned(checkpoint, payload, err) : MR_OK;
}

static MrStatus committed_note(MrCheckpoint *checkpoint, const CommittedView *view, MrError *err)
{
    MrBuffer *out = &checkpoint->committed;
    out->size_bytes = 0;
    MR_TRY(mr_buffer_put_u64(out, (uint64_t)view->epoch, err));
    MR_TRY(mr_buffer_put_u8(out, STATE_NONE, err));
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)view->n_tokens, err));
    MrReader tokens = view->tokens;
    for (int64_t i = 0; i < view->n_tokens; i++) {
        MrText token;
        if (!mr_reader_text(&tokens, &token))
            return record_is_malformed(err, "a COMMITTED record cannot be read");
        MR_TRY(mr_buffer_put_text(out, token, err));
    }
    checkpoint->committed_epoch = view->epoch;
    return MR_OK;
}

static MrStatus visit_committed(Recovery *recovery, MrText payload, MrError *err)
{
    MrCheckpoint *checkpoint = recovery->checkpoint;
    CommittedView view;
    MR_TRY(committed_decode(payload, &view, err));
    if (view.epoch != checkpoint->planned_epoch || view.epoch == checkpoint->committed_epoch) {
        char text[64];
        snprintf(text, sizeof text, "epoch %" PRId64, view.epoch);
        return MR_FAIL(err, MR_COND_BATCH_METADATA_NOT_FOUND, "batchMetadataFile", text);
    }
    if (checkpoint->watcher)
        watch_committed(checkpoint, &view);
    if (view.kind == STATE_FILE) {
        checkpoint->files_bytes += (int64_t)view.file.size_bytes;
        MR_TRY(file_apply(recovery, &view.file, err));
    }
    MrReader reader = text_reader(view.entries);
    for (bool done = false; view.kind == STATE_INLINE && recovery->apply;) {
        MrStateEntry entry;
        MR_TRY(mr_state_next(&reader, &entry, &done, err));
        if (done)
            break;
        MR_TRY(recovery->apply(recovery->self, &entry, err));
    }
    return committed_note(checkpoint, &view, err);
}

static MrStatus visit_record(void *self, uint8_t type, MrText payload, MrError *err)
{
    Recovery *recovery = self;
    if (type == MR_LOG_PLANNED)
        return visit_planned(recovery->checkpoint, payload, err);
    if (type == MR_LOG_COMMITTED)
        return visit_committed(recovery, payload, err);
    return type == MR_LOG_MARK ? MR_OK : record_is_malformed(err, "a record has an unknown type");
}

static MrStatus visit_base(void *self, MrText base, MrError *err)
{
    Recovery *recovery = self;
    MrCheckpoint *checkpoint = recovery->checkpoint;
    MrReader reader = text_reader(base);
    MrStateFile file = {.size_bytes = 0};
    MrText planned, committed;
    uint8_t kind = 0;
    if (base.size_bytes == 0)
        return MR_OK;
    bool good = mr_reader_u8(&reader, &kind) && (kind == STATE_NONE || kind == STATE_FILE) &&
                (kind == STATE_NONE || file_decode(&reader, &file)) &&
                reader_i64(&reader, &checkpoint->snapshot_epoch) &&
                mr_reader_text(&reader, &planned) && mr_reader_text(&reader, &committed) &&
                reader.at == reader.end;
    if (!good)
        return record_is_malformed(err, "the base of the log cannot be read");
    if (checkpoint->watcher && kind == STATE_FILE)
        MR_TRY(checkpoint->watcher->snapshot(checkpoint->watcher->self, checkpoint->snapshot_epoch,
                                             file.name, (int64_t)file.size_bytes, err));
    if (planned.size_bytes > 0)
        MR_TRY(planned_note(checkpoint, planned, err));
    if (checkpoint->watcher && planned.size_bytes > 0)
        MR_TRY(watch_planned(checkpoint, planned, err));
    if (committed.size_bytes > 0) {
        CommittedView view;
        MR_TRY(committed_decode(committed, &view, err));
        MR_TRY(committed_note(checkpoint, &view, err));
        if (checkpoint->watcher && view.epoch == checkpoint->planned_epoch)
            watch_committed(checkpoint, &view);
    }
    if (kind == STATE_NONE)
        return MR_OK;
    checkpoint->snapshot = file;
    checkpoint->snapshot.name = mr_text_own(&checkpoint->arena, file.name);
    return file_apply(recovery, &checkpoint->snapshot, err);
}

/* ---- the folder ---- */

static MrStatus lock_take(MrCheckpoint *checkpoint, const char *path, MrError *err)
{
    MrOs *os = checkpoint->os;
    bool taken = false;
    MrStatus status = os->file_open(os, path, MR_FILE_CREATE, &checkpoint->lock, err);
    if (status != MR_OK && err->condition == MR_COND_PATH_ALREADY_EXISTS)
        status = os->file_open(os, path, MR_FILE_READ_WRITE, &checkpoint->lock, err);
    MR_TRY(status);
    MR_TRY(os->file_lock(checkpoint->lock, &taken, err));
    if (taken)
        return MR_OK;
    status = MR_FAIL(err, MR_COND_CONCURRENT_STREAM_LOG_UPDATE, "batchId", path);
    mr_error_add(err, "in checkpoint lock '%s': another run holds it", path);
    return status;
}

static const char *uuid_make(MrOs *os, MrArena *arena)
{
    uint64_t high = os->random_u64(os), low = os->random_u64(os);
    high = (high & ~UINT64_C(0xf000)) | 0x4000; /* RFC 9562: version 4, variant 10 */
    low = (low & ~(UINT64_C(3) << 62)) | UINT64_C(1) << 63;
    return mr_arena_printf(arena, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32),
                           (unsigned)(high >> 16 & 0xffff), (unsigned)(high & 0xffff),
                           (unsigned)(low >> 48),
                           (unsigned long long)(low & UINT64_C(0xffffffffffff)));
}

static MrStatus metadata_write(MrCheckpoint *checkpoint, const char *path, const char *fingerprint,
                               const char **id, MrError *err)
{
    MrTextBuilder text = {.arena = &checkpoint->arena};
    *id = uuid_make(checkpoint->os, &checkpoint->arena);
    mr_builder_printf(&text, "{\"format\": %d, ", METADATA_FORMAT);
    mr_json_put_member(&text, "writer", MR_VERSION);
    mr_builder_str(&text, ", ");
    mr_json_put_member(&text, "id", *id);
    mr_builder_str(&text, ", ");
    mr_json_put_member(&text, "fingerprint", fingerprint);
    mr_json_end_checked(&text);
    return mr_os_write_file(checkpoint->os, path, mr_builder_text(&text), MR_STEP_META_FILE_SYNC,
                            MR_STEP_META_FOLDER_SYNC, err);
}

/* The first line in which two fingerprints differ, cut to something that can be read. */
static void first_difference(MrArena *arena, const char *a, const char *b, const char **a_line,
                             const char **b_line)
{
    const char *texts[2] = {a, b};
    const char **lines[2] = {a_line, b_line};
    int64_t at = 0, begin = 0;
    for (; a[at] && a[at] == b[at]; at++)
        if (a[at] == '\n')
            begin = at + 1;
    for (int i = 0; i < 2; i++) {
        const char *line = texts[i] + begin;
        int64_t n = (int64_t)strcspn(line, "\n"), shown = n < 1000 ? n : 1000;
        for (; n > 0 && (*line == ' ' || *line == '+' || *line == '-'); n--, shown--)
            line++; /* a plan's indentation */
        *lines[i] = n > 0
                        ? mr_arena_printf(arena, "%.*s%s", (int)shown, line, shown < n ? "..." : "")
                        : "nothing";
    }
}

static MrStatus metadata_check(MrCheckpoint *checkpoint, MrText text, const char *path,
                               const char *fingerprint, const char **id, MrError *err)
{
    MrJson *metadata;
    MR_TRY(mr_json_check(text, path, err));
    MR_TRY(mr_json_parse(&checkpoint->arena, text, path, &metadata, err));
    *id = mr_json_str(metadata, "id");
    const char *stored = mr_json_str(metadata, "fingerprint");
    int64_t format = mr_json_i64(metadata, "format", -1);
    if (format < 1 || *id == NULL)
        return record_is_malformed(err, "metadata.json lacks its format or its id");
    if (format > METADATA_FORMAT)
        return record_is_malformed(err, "metadata.json has a newer format than this program knows");
    if (fingerprint != NULL && stored != NULL && strcmp(fingerprint, stored) != 0) {
        const char *was, *is;
        first_difference(&checkpoint->arena, stored, fingerprint, &was, &is);
        MrStatus status =
            MR_FAIL(err, MR_COND_STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA,
                    "OpsInMetadataSeq", was, "OpsInCurBatchSeq", is);
        mr_error_add(err, "what the state was made with has changed: go on with the old text");
        return status;
    }
    return MR_OK;
}

/* Reads metadata.json or, in a folder without a log, writes it. */
static MrStatus metadata_open(MrCheckpoint *checkpoint, const MrCheckpointOptions *options,
                              const char *log_folder, const char **id, MrError *err)
{
    MrOs *os = checkpoint->os;
    MrFileInfo info;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    const char *path = mr_arena_printf(&checkpoint->arena, "%s/metadata.json", options->path);
    MR_TRY(os->stat(os, path, &info, err));
    MrStatus status;
    if (info.exists) {
        checkpoint->scratch.size_bytes = 0;
        MR_TRY(mr_os_read_file(os, path, METADATA_MAX_BYTES, &checkpoint->scratch, err));
        status = metadata_check(checkpoint, buffer_text(&checkpoint->scratch), path,
                                options->fingerprint, id, err);
    } else {
        MR_TRY(os->list(os, log_folder, &checkpoint->arena, &entries, &n_entries, err));
        status = n_entries > 0 ? record_is_malformed(err, "metadata.json is missing beside a log")
                               : metadata_write(checkpoint, path, options->fingerprint, id, err);
    }
    if (status != MR_OK)
        mr_error_add(err, "in checkpoint '%s'", options->path);
    return status;
}

/* Removes the files of state/ that no record names: of attempts that did not win, or replaced. */
static MrStatus state_clean(MrCheckpoint *checkpoint, MrArena *arena, MrError *err)
{
    MrOs *os = checkpoint->os;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    MR_TRY(os->list(os, checkpoint->state_folder, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        bool keep = entries[i].is_dir || !mr__state_file_name_is_ours(entries[i].name);
        for (int64_t j = 0; j < checkpoint->named.n_names && !keep; j++)
            keep = strcmp(checkpoint->named.names[j], entries[i].name) == 0;
        if (!keep)
            MR_TRY(os->remove(
                os, mr_arena_printf(arena, "%s/%s", checkpoint->state_folder, entries[i].name),
                err));
    }
    return MR_OK;
}

static MrStatus recovered_fill(MrCheckpoint *checkpoint, MrRecovered *out, MrError *err)
{
    MrArena *arena = &checkpoint->arena;
    out->is_new = checkpoint->planned_epoch < 0;
    out->closed_through = checkpoint->closed_through;
    if (out->is_new)
        return MR_OK;
    MR_TRY(planned_decode(arena, buffer_text(&checkpoint->planned), &out->planned, err));
    out->committed = checkpoint->committed_epoch == checkpoint->planned_epoch;
    if (!out->committed)
        return MR_OK;
    CommittedView view;
    MR_TRY(committed_decode(buffer_text(&checkpoint->committed), &view, err));
    MrText *tokens = MR_NEW_N(arena, MrText, view.n_tokens);
    for (int64_t i = 0; i < view.n_tokens; i++) {
        if (!mr_reader_text(&view.tokens, &tokens[i]))
            return record_is_malformed(err, "a COMMITTED record cannot be read");
        tokens[i] = mr_text_own(arena, tokens[i]);
    }
    out->commit = (MrCommitted){view.epoch, (int32_t)view.n_tokens, tokens};
    return MR_OK;
}

static MrStatus checkpoint_start(MrCheckpoint *checkpoint, const MrCheckpointOptions *options,
                                 Recovery *recovery, MrRecovered *out, MrError *err)
{
    MrArena *arena = &checkpoint->arena;
    const char *log_folder = mr_arena_printf(arena, "%s/log", options->path);
    checkpoint->state_folder = mr_arena_printf(arena, "%s/state", options->path);
    MR_TRY(options->os->make_dir(options->os, log_folder, err));
    MR_TRY(options->os->make_dir(options->os, checkpoint->state_folder, err));
    MR_TRY(lock_take(checkpoint, mr_arena_printf(arena, "%s/lock", options->path), err));
    MR_TRY(metadata_open(checkpoint, options, log_folder, &out->query_id, err));
    MR_TRY(mr_log_open(&(MrLogOptions){.os = options->os,
                                       .budget = options->budget,
                                       .folder = log_folder,
                                       .segment_bytes = options->segment_bytes},
                       &(MrLogVisitor){recovery, visit_base, visit_record}, &checkpoint->log, err));
    MR_TRY(recovered_fill(checkpoint, out, err));
    return state_clean(checkpoint, arena, err);
}

static MrStatus checkpoint_create(const MrCheckpointOptions *options, MrCheckpoint **out,
                                  MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(options->budget, sizeof(MrCheckpoint), &block, err));
    MrCheckpoint *checkpoint = block;
    checkpoint->os = options->os;
    checkpoint->budget = options->budget;
    checkpoint->planned_epoch = checkpoint->committed_epoch = checkpoint->closed_through = -1;
    checkpoint->snapshot_epoch = -1;
    checkpoint->snapshot_every_bytes =
        options->snapshot_every_bytes > 0 ? options->snapshot_every_bytes : SNAPSHOT_DEFAULT_BYTES;
    mr_arena_init(&checkpoint->arena, options->budget);
    mr_arena_init(&checkpoint->names_arena, options->budget);
    mr_buffer_init(&checkpoint->scratch, options->budget, MR_LOG_PAYLOAD_MAX);
    mr_buffer_init(&checkpoint->planned, options->budget, MR_LOG_PAYLOAD_MAX);
    mr_buffer_init(&checkpoint->committed, options->budget, MR_LOG_PAYLOAD_MAX);
    *out = checkpoint;
    return MR_OK;
}

MrStatus mr_checkpoint_open(const MrCheckpointOptions *options,
                            MrStatus (*apply)(void *self, const MrStateEntry *entry, MrError *err),
                            void *self, MrCheckpoint **out, MrRecovered *recovered, MrError *err)
{
    volatile MrStatus status;
    MrCheckpoint *checkpoint;
    MrRecovered found = {.closed_through = -1};
    MR_TRY(checkpoint_create(options, &checkpoint, err));
    MR_GUARD_BEGIN(status, err)
        Recovery recovery = {checkpoint, apply, self};
        status = checkpoint_start(checkpoint, options, &recovery, &found, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_checkpoint_close(checkpoint);
        return status;
    }
    *out = checkpoint;
    *recovered = found;
    return MR_OK;
}

static MrStatus checkpoint_watch(MrCheckpoint *checkpoint, const MrCheckpointOptions *options,
                                 MrError *err)
{
    MrOs *os = options->os;
    MrArena *arena = &checkpoint->arena;
    MrJson *metadata;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    Recovery recovery = {.checkpoint = checkpoint};
    const char *path = mr_arena_printf(arena, "%s/metadata.json", options->path), *id;
    checkpoint->state_folder = mr_arena_printf(arena, "%s/state", options->path);
    MR_TRY(mr_os_read_file(os, path, METADATA_MAX_BYTES, &checkpoint->scratch, err));
    MR_TRY(metadata_check(checkpoint, buffer_text(&checkpoint->scratch), path, NULL, &id, err));
    MR_TRY(mr_json_parse(arena, buffer_text(&checkpoint->scratch), path, &metadata, err));
    MR_TRY(checkpoint->watcher->metadata(checkpoint->watcher->self, id,
                                         mr_json_str(metadata, "fingerprint"), err));
    MR_TRY(mr_log_read(&(MrLogOptions){.os = os,
                                       .budget = options->budget,
                                       .folder = mr_arena_printf(arena, "%s/log", options->path)},
                       &(MrLogVisitor){&recovery, visit_base, visit_record},
                       &checkpoint->totals.n_segments, &checkpoint->totals.log_bytes, err));
    MR_TRY(watch_flush(checkpoint, err));
    checkpoint->totals.closed_through = checkpoint->closed_through;
    MR_TRY(os->list(os, checkpoint->state_folder, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        bool named = entries[i].is_dir || !mr__state_file_name_is_ours(entries[i].name);
        for (int64_t n = 0; n < checkpoint->named.n_names && !named; n++)
            named = strcmp(checkpoint->named.names[n], entries[i].name) == 0;
        checkpoint->totals.n_strays += !named;
    }
    return MR_OK;
}

MrStatus mr_checkpoint_read(const MrCheckpointOptions *options, bool files,
                            const MrCheckpointWatcher *watcher, MrCheckpointTotals *totals,
                            MrError *err)
{
    volatile MrStatus status;
    MrCheckpoint *checkpoint;
    MR_TRY(checkpoint_create(options, &checkpoint, err));
    checkpoint->watcher = watcher;
    checkpoint->reads_files = files;
    MR_GUARD_BEGIN(status, err)
        status = checkpoint_watch(checkpoint, options, err);
    MR_GUARD_END(status)
    *totals = checkpoint->totals;
    mr_checkpoint_close(checkpoint);
    return status;
}

void mr_checkpoint_close(MrCheckpoint *checkpoint)
{
    if (checkpoint == NULL)
        return;
    mr_log_close(checkpoint->log);
    checkpoint->os->file_close(checkpoint->lock);
    mr_buffer_deinit(&checkpoint->scratch);
    mr_buffer_deinit(&checkpoint->planned);
    mr_buffer_deinit(&checkpoint->committed);
    mr_arena_deinit(&checkpoint->names_arena);
    mr_arena_deinit(&checkpoint->arena);
    mr_budget_free(checkpoint->budget, checkpoint, sizeof *checkpoint);
}

/* ---- an epoch ---- */

MrStatus mr_checkpoint_plan(MrCheckpoint *checkpoint, const MrPlanned *planned, bool sync,
                            MrError *err)
{
    MR_ASSERT(planned->epoch == checkpoint->committed_epoch + 1);
    MR_ASSERT(planned->closed_through < planned->epoch);
    MR_TRY(planned_encode(&checkpoint->planned, planned, err));
    MR_TRY(mr_log_add(checkpoint->log, MR_LOG_PLANNED, buffer_text(&checkpoint->planned), err));
    if (sync)
        MR_TRY(mr_log_flush(checkpoint->log, MR_STEP_LOG_PLANNED_SYNC, err));
    checkpoint->planned_epoch = planned->epoch;
    if (planned->closed_through > checkpoint->closed_through)
        checkpoint->closed_through = planned->closed_through;
    return MR_OK;
}

static MrStatus name_note(MrCheckpoint *checkpoint, MrText name, MrError *err)
{
    volatile MrStatus status;
    MR_GUARD_BEGIN(status, err)
        name_keep(checkpoint, name);
    MR_GUARD_END(status)
    return status;
}

MrStatus mr_checkpoint_commit(MrCheckpoint *checkpoint, const MrCommitted *committed,
                              const MrStateWriter *changes, MrError *err)
{
    MrText entries = changes != NULL ? buffer_text(&changes->buf) : MR_TEXT("");
    char name[MR_STATE_NAME_MAX];
    MrStateFile file = {.size_bytes = 0};
    uint8_t kind = entries.size_bytes == 0 ? STATE_NONE : STATE_INLINE;
    MR_ASSERT(committed->epoch == checkpoint->planned_epoch &&
              committed->epoch != checkpoint->committed_epoch);
    if (entries.size_bytes > INLINE_MAX_BYTES) {
        kind = STATE_FILE;
        MR_TRY(mr__state_file_write(checkpoint->os, checkpoint->state_folder, committed->epoch,
                                    "chg", entries, name, &file, err));
        MR_TRY(name_note(checkpoint, file.name, err));
    }
    MR_TRY(committed_encode(&checkpoint->scratch, committed, kind, entries, &file, err));
    MR_TRY(mr_log_add(checkpoint->log, MR_LOG_COMMITTED, buffer_text(&checkpoint->scratch), err));
    MR_TRY(mr_log_flush(checkpoint->log, MR_STEP_LOG_COMMITTED_SYNC, err));
    checkpoint->files_bytes += (int64_t)file.size_bytes;
    checkpoint->committed_epoch = committed->epoch;
    return committed_encode(&checkpoint->committed, committed, STATE_NONE, MR_TEXT(""), NULL, err);
}

bool mr_checkpoint_wants_snapshot(const MrCheckpoint *checkpoint)
{
    int64_t limit = checkpoint->snapshot_every_bytes;
    if (limit < (int64_t)checkpoint->snapshot.size_bytes)
        limit = (int64_t)checkpoint->snapshot.size_bytes;
    return mr_log_bytes(checkpoint->log) + checkpoint->files_bytes > limit ||
           mr_log_n_segments(checkpoint->log) > SEGMENTS_MAX;
}

static MrStatus others_remove(MrCheckpoint *checkpoint, MrError *err)
{
    volatile MrStatus status;
    MrArena arena;
    mr_arena_init(&arena, checkpoint->budget);
    MR_GUARD_BEGIN(status, err)
        status = state_clean(checkpoint, &arena, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

MrStatus mr_checkpoint_snapshot(MrCheckpoint *checkpoint, const MrStateWriter *all, MrError *err)
{
    char name[MR_STATE_NAME_MAX];
    MrStateFile file = {.size_bytes = 0};
    MR_ASSERT(checkpoint->committed_epoch == checkpoint->planned_epoch &&
              checkpoint->committed_epoch >= 0);
    if (all->buf.size_bytes > 0) {
        MR_TRY(mr__state_file_write(checkpoint->os, checkpoint->state_folder,
                                    checkpoint->committed_epoch, "snap", buffer_text(&all->buf),
                                    name, &file, err));
        /* D9: read back before what it replaces may go. */
        MR_TRY(mr__state_file_read(checkpoint->os, checkpoint->budget, checkpoint->state_folder,
                                   &file, NULL, NULL, err));
    }
    mr_arena_reset(&checkpoint->names_arena);
    checkpoint->named = (NameList){.n_names = 0};
    checkpoint->snapshot = file;
    checkpoint->snapshot_epoch = checkpoint->committed_epoch;
    if (file.size_bytes > 0) {
        MR_TRY(name_note(checkpoint, file.name, err));
        checkpoint->snapshot.name = mr_text(checkpoint->named.names[0]);
    }
    MR_TRY(base_encode(&checkpoint->scratch, checkpoint, err));
    MR_TRY(mr_log_rebase(checkpoint->log, buffer_text(&checkpoint->scratch), err));
    checkpoint->files_bytes = 0;
    return others_remove(checkpoint, err);
}
