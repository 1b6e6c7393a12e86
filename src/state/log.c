/* log.c - the segment log: framing, the chain of segments, and where the log ends. */
#include "state/log.h"
#include "base/hash.h"
#include <stdio.h>

#define MAGIC "MRLOGSEG"
#define FORMAT_VERSION 1
#define WRITER_VERSION (0 * 65536 + 1 * 256 + 0)
#define HEAD_BYTES 40 /* of a segment, and of a record */
#define SEGMENT_DEFAULT_BYTES (INT64_C(1) << 20)
#define SEGMENT_FILE_MAX (INT64_C(256) << 20)

typedef struct SegmentHead {
    uint64_t number, id;
    uint32_t run;
} SegmentHead;

/* What the next segment's first record says of this one. */
typedef struct SegmentEnd {
    uint64_t number, id, good_bytes, last_sequence, hash;
} SegmentEnd;

struct MrLog {
    MrOs *os;
    MrBudget *budget;
    MrArena arena; /* folder */
    const char *folder;
    int64_t segment_bytes;
    bool failed;
    MrFile *file;
    SegmentHead head;
    int64_t file_bytes;     /* preallocated                     */
    SegmentEnd end;         /* of this segment, flushed records */
    uint64_t next_sequence; /* of the next record added         */
    uint64_t synced_through;
    uint64_t base_number; /* the oldest segment that is read  */
    int64_t bytes_since_base, n_segments;
    MrBuffer pending; /* records added, not yet flushed   */
    uint64_t pending_hash;
};

static MrStatus malformed(MrError *err, const char *path, const char *what)
{
    MrStatus status = MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", what);
    mr_error_add(err, "in log file '%s'", path);
    return status;
}

static void segment_path(const char *folder, uint64_t number, char *out)
{
    snprintf(out, MR_PATH_MAX, "%s/%016llx.log", folder, (unsigned long long)number);
}

static void put_u32(char *at, uint32_t value)
{
    memcpy(at, &value, 4);
}
static void put_u64(char *at, uint64_t value)
{
    memcpy(at, &value, 8);
}
static uint32_t get_u32(const char *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}
static uint64_t get_u64(const char *at)
{
    uint64_t value;
    memcpy(&value, at, 8);
    return value;
}

static int64_t round_up_8(int64_t size_bytes)
{
    return (size_bytes + 7) & ~INT64_C(7);
}

/* ---- one record ---- */

typedef struct Record {
    uint8_t type, version;
    uint32_t run;
    uint64_t segment_id, sequence, synced_through;
    MrText payload;
} Record;

/* Reads the record at offset; false when there is no valid one.  size_bytes is of the whole data.
 */
static bool record_at(const char *data, int64_t size_bytes, int64_t offset, Record *out)
{
    if (size_bytes - offset < HEAD_BYTES)
        return false;
    const char *at = data + offset;
    int64_t payload_bytes = get_u32(at + 4);
    if (at[8] == 0 || payload_bytes == 0 || payload_bytes > MR_LOG_PAYLOAD_MAX ||
        payload_bytes > size_bytes - offset - HEAD_BYTES || at[10] != 0 || at[11] != 0)
        return false;
    if (mr_crc32c(at + 4, HEAD_BYTES - 4 + payload_bytes, 0) != get_u32(at))
        return false;
    *out = (Record){
        .type = (uint8_t)at[8],
        .version = (uint8_t)at[9],
        .run = get_u32(at + 12),
        .segment_id = get_u64(at + 16),
        .sequence = get_u64(at + 24),
        .synced_through = get_u64(at + 32),
        .payload = {at + HEAD_BYTES, payload_bytes},
    };
    return true;
}

static int64_t record_bytes(const Record *record)
{
    return round_up_8(HEAD_BYTES + record->payload.size_bytes);
}

/* True when a valid record behind offset says that the one with this sequence was durable.  id 0:
 * the segment's header is unreadable, so any id counts. */
static bool is_vouched_for(const char *data, int64_t size_bytes, int64_t offset, uint64_t id,
                           uint64_t sequence)
{
    Record record;
    for (int64_t at = offset + 8; at + HEAD_BYTES < size_bytes; at += 8) {
        if (data[at + 8] == 0 || !record_at(data, size_bytes, at, &record))
            continue;
        if ((id == 0 || record.segment_id == id) && record.synced_through >= sequence)
            return true;
    }
    return false;
}

/* ---- one segment in memory ---- */

typedef struct Segment {
    uint64_t number;
    MrBuffer data;
    SegmentHead head;
    SegmentEnd previous; /* as its first record says */
    bool is_base;
    MrText base;
    uint64_t first_sequence;
} Segment;

typedef enum SegmentKind { SEGMENT_GOOD, SEGMENT_UNFINISHED } SegmentKind;

static bool head_decode(const char *data, int64_t size_bytes, SegmentHead *out, uint32_t *version)
{
    if (size_bytes < HEAD_BYTES || memcmp(data, MAGIC, 8) != 0 ||
        mr_crc32c(data, HEAD_BYTES - 4, 0) != get_u32(data + 36))
        return false;
    *version = get_u32(data + 8);
    *out = (SegmentHead){get_u64(data + 16), get_u64(data + 24), get_u32(data + 32)};
    return true;
}

static bool first_decode(const Record *record, Segment *segment)
{
    MrReader reader = mr_reader(record->payload.data, record->payload.size_bytes);
    SegmentEnd *previous = &segment->previous;
    uint8_t is_base = 0;
    bool good = mr_reader_u64(&reader, &previous->number) &&
                mr_reader_u64(&reader, &previous->id) &&
                mr_reader_u64(&reader, &previous->good_bytes) &&
                mr_reader_u64(&reader, &previous->last_sequence) &&
                mr_reader_u64(&reader, &previous->hash) && mr_reader_u8(&reader, &is_base) &&
                mr_reader_text(&reader, &segment->base);
    segment->is_base = is_base == 1;
    segment->first_sequence = record->sequence;
    return good && is_base <= 1 && reader.at == reader.end;
}

/* Reads a whole segment and its first record. */
static MrStatus segment_load(const MrLogOptions *options, uint64_t number, Segment *segment,
                             SegmentKind *kind, MrError *err)
{
    char path[MR_PATH_MAX];
    uint32_t version = 0;
    Record first;
    segment->number = number;
    segment_path(options->folder, number, path);
    segment->data.size_bytes = 0;
    MR_TRY(mr_os_read_file(options->os, path, SEGMENT_FILE_MAX, &segment->data, err));
    const char *data = segment->data.data;
    int64_t size = segment->data.size_bytes;
    bool good = head_decode(data, size, &segment->head, &version);
    if (good && version > FORMAT_VERSION)
        return malformed(err, path, "it has a newer format than this program knows");
    good = good && segment->head.number == number && segment->head.id != 0;
    uint64_t id = good ? segment->head.id : 0;
    good = good && record_at(data, size, HEAD_BYTES, &first) && first.type == MR_LOG_SEGMENT &&
           first.segment_id == id && first.run == segment->head.run &&
           first_decode(&first, segment);
    *kind = good ? SEGMENT_GOOD : SEGMENT_UNFINISHED;
    /* A record behind the first one was made after the first was durable: both cannot be. */
    if (!good && is_vouched_for(data, size, 0, id, 1))
        return malformed(err, path, "its beginning is damaged");
    return MR_OK;
}

/* ---- the chain ---- */

typedef struct Chain {
    uint64_t *numbers; /* of the files there are, rising */
    int64_t n_numbers;
    uint64_t *links; /* segments to read, from the base to the newest */
    int64_t n_links;
    uint64_t newest; /* number of the newest file, finished or not; 0: none */
    uint32_t run;    /* the highest seen */
    SegmentEnd end;
    int64_t bytes;
} Chain;

static bool number_parse(const char *name, uint64_t *out)
{
    uint64_t number = 0;
    if (strlen(name) != 20 || strcmp(name + 16, ".log") != 0)
        return false;
    for (int i = 0; i < 16; i++) {
        char c = name[i];
        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
        number = number << 4 | (uint64_t)(c <= '9' ? c - '0' : c - 'a' + 10);
    }
    *out = number;
    return number != 0;
}

static MrStatus chain_list(const MrLogOptions *options, MrArena *arena, Chain *chain, MrError *err)
{
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    MR_TRY(options->os->list(options->os, options->folder, arena, &entries, &n_entries, err));
    chain->numbers = MR_NEW_N(arena, uint64_t, n_entries);
    chain->links = MR_NEW_N(arena, uint64_t, n_entries);
    for (int64_t i = 0; i < n_entries; i++)
        if (!entries[i].is_dir && number_parse(entries[i].name, &chain->numbers[chain->n_numbers]))
            chain->newest = chain->numbers[chain->n_numbers++];
    return MR_OK;
}

static bool chain_has(const Chain *chain, uint64_t number)
{
    for (int64_t i = 0; i < chain->n_numbers; i++)
        if (chain->numbers[i] == number)
            return true;
    return false;
}

/* Finds the newest finished segment and walks back to its base: links are in reading order. */
static MrStatus chain_walk(const MrLogOptions *options, Chain *chain, Segment *segment,
                           MrError *err)
{
    SegmentKind kind = SEGMENT_UNFINISHED;
    char path[MR_PATH_MAX];
    int64_t at = chain->n_numbers;
    while (at > 0 && kind == SEGMENT_UNFINISHED)
        MR_TRY(segment_load(options, chain->numbers[--at], segment, &kind, err));
    if (kind == SEGMENT_UNFINISHED) {
        /* The first attempts of the first run may all have been cut; they are removed only later.
         */
        segment_path(options->folder, 1, path);
        return chain->n_numbers == 0 || chain_has(chain, 1)
                   ? MR_OK
                   : malformed(err, path, "no segment is readable and older ones are gone");
    }
    chain->run = segment->head.run;
    for (;;) {
        chain->links[chain->n_links++] = segment->number;
        if (segment->is_base)
            break;
        SegmentEnd wanted = segment->previous;
        segment_path(options->folder, wanted.number, path);
        if (wanted.number >= segment->number || !chain_has(chain, wanted.number))
            return malformed(err, path, "a segment is missing");
        MR_TRY(segment_load(options, wanted.number, segment, &kind, err));
        if (kind != SEGMENT_GOOD || segment->head.id != wanted.id)
            return malformed(err, path, "it is not the segment that its successor names");
    }
    for (int64_t i = 0; i < chain->n_links / 2; i++) {
        uint64_t swapped = chain->links[i];
        chain->links[i] = chain->links[chain->n_links - 1 - i];
        chain->links[chain->n_links - 1 - i] = swapped;
    }
    return MR_OK;
}

/* Says where, and the checksum that stands there beside that of the bytes there. */
static MrStatus record_damaged(MrError *err, const char *path, const char *data, int64_t size_bytes,
                               int64_t at)
{
    char text[160];
    int64_t payload_bytes = at + HEAD_BYTES <= size_bytes ? get_u32(data + at + 4) : 0;
    if (payload_bytes > size_bytes - at - HEAD_BYTES)
        payload_bytes = size_bytes - at - HEAD_BYTES;
    if (payload_bytes < 0 || at + HEAD_BYTES > size_bytes)
        return malformed(err, path, "a record that was durable is missing");
    snprintf(text, sizeof text,
             "a record that was durable is damaged at byte %lld: checksum %08x, of its bytes %08x",
             (long long)at, get_u32(data + at),
             mr_crc32c(data + at + 4, HEAD_BYTES - 4 + payload_bytes, 0));
    return malformed(err, path, text);
}

/* Visits the records of a loaded segment.  told: what the next segment says of it; NULL: it is the
 * last. */
static MrStatus segment_visit(const MrLogOptions *options, const Segment *segment,
                              const SegmentEnd *told, const MrLogVisitor *visitor, Chain *chain,
                              MrError *err)
{
    char path[MR_PATH_MAX];
    const char *data = segment->data.data;
    int64_t size = segment->data.size_bytes, at = HEAD_BYTES;
    int64_t stop = told == NULL ? size : (int64_t)told->good_bytes;
    uint64_t sequence = segment->first_sequence, hash = 0;
    Record record;
    segment_path(options->folder, segment->number, path);
    while (at < stop && stop <= size && record_at(data, size, at, &record)) {
        if (record.segment_id != segment->head.id || record.sequence != sequence ||
            record.run != segment->head.run)
            break;
        hash = mr_hash_stable(data + at, HEAD_BYTES, hash);
        if (record.type != MR_LOG_SEGMENT) {
            if (record.version != 1)
                return malformed(err, path, "a record has a newer format than this program knows");
            MR_TRY(visitor->record(visitor->self, record.type, record.payload, err));
        }
        at += record_bytes(&record);
        sequence++;
    }
    SegmentEnd end = {segment->number, segment->head.id, (uint64_t)at, sequence - 1, hash};
    if (told == NULL && is_vouched_for(data, size, at, segment->head.id, sequence))
        return record_damaged(err, path, data, size, at);
    if (told != NULL && memcmp(&end, told, sizeof end) != 0) {
        char expected[64], computed[64], wanted_bytes[24], found_bytes[24];
        snprintf(expected, sizeof expected, "%016llx", (unsigned long long)told->hash);
        snprintf(computed, sizeof computed, "%016llx", (unsigned long long)hash);
        snprintf(wanted_bytes, sizeof wanted_bytes, "%llu", (unsigned long long)told->good_bytes);
        snprintf(found_bytes, sizeof found_bytes, "%lld", (long long)at);
        return MR_FAIL(err, MR_COND_CHECKPOINT_FILE_CHECKSUM_VERIFICATION_FAILED, "fileName", path,
                       "expectedSize", wanted_bytes, "expectedChecksum", expected, "computedSize",
                       found_bytes, "computedChecksum", computed);
    }
    chain->end = end;
    chain->bytes += at;
    return MR_OK;
}

/* Reads everything; on return the chain says where it ended. */
static MrStatus chain_read(const MrLogOptions *options, MrArena *arena, const MrLogVisitor *visitor,
                           Chain *chain, MrError *err)
{
    MrStatus status = MR_OK;
    Segment one = {.number = 0}, two = {.number = 0}, *this = &one, *next = &two;
    SegmentKind kind;
    mr_buffer_init(&one.data, options->budget, INT64_MAX / 2);
    mr_buffer_init(&two.data, options->budget, INT64_MAX / 2);
    MR_GO(chain_list(options, arena, chain, err));
    MR_GO(chain_walk(options, chain, this, err)); /* leaves the base loaded */
    MR_GO(visitor->base(visitor->self, chain->n_links > 0 ? this->base : MR_TEXT(""), err));
    for (int64_t i = 0; i < chain->n_links; i++) {
        bool last = i + 1 == chain->n_links;
        if (!last)
            MR_GO(segment_load(options, chain->links[i + 1], next, &kind, err));
        MR_GO(segment_visit(options, this, last ? NULL : &next->previous, visitor, chain, err));
        Segment *swapped = this;
        this = next;
        next = swapped;
    }
done:
    mr_buffer_deinit(&one.data);
    mr_buffer_deinit(&two.data);
    return status;
}

/* ---- writing ---- */

static MrStatus log_fail(MrLog *log, MrStatus status)
{
    if (status != MR_OK)
        log->failed = true;
    return status;
}

static MrStatus log_alive(const MrLog *log, MrError *err)
{
    if (!log->failed)
        return MR_OK;
    return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "write", "path", log->folder, "message",
                   "an earlier write of this run has failed");
}

static MrStatus taken_over(const MrLog *log, MrError *err)
{
    MrStatus status = MR_FAIL(err, MR_COND_CONCURRENT_STREAM_LOG_UPDATE, "batchId", log->folder);
    mr_error_add(err, "in run %u of log '%s'", log->head.run, log->folder);
    return status;
}

static MrStatus record_put(MrBuffer *buf, const MrLog *log, uint8_t type, MrText payload,
                           uint64_t sequence, MrError *err)
{
    static const char zeros[8];
    char head[HEAD_BYTES] = {0};
    put_u32(head + 4, (uint32_t)payload.size_bytes);
    head[8] = (char)type;
    head[9] = 1;
    put_u32(head + 12, log->head.run);
    put_u64(head + 16, log->head.id);
    put_u64(head + 24, sequence);
    put_u64(head + 32, log->synced_through);
    uint32_t crc = mr_crc32c(head + 4, HEAD_BYTES - 4, 0);
    put_u32(head, mr_crc32c(payload.data, payload.size_bytes, crc));
    int64_t size = HEAD_BYTES + payload.size_bytes;
    MR_TRY(mr_buffer_reserve(buf, round_up_8(size), err)); /* all or nothing */
    MR_TRY(mr_buffer_put(buf, head, HEAD_BYTES, err));
    MR_TRY(mr_buffer_put(buf, payload.data, payload.size_bytes, err));
    return mr_buffer_put(buf, zeros, round_up_8(size) - size, err);
}

/* Writes a new segment with its first record; durable on return.  On failure the log has failed. */
static MrStatus segment_begin(MrLog *log, uint64_t number, bool is_base, MrText base,
                              int64_t more_bytes, MrError *err)
{
    MrStatus status = MR_OK;
    MrOs *os = log->os;
    MrFile *file = NULL;
    MrBuffer bytes, payload;
    char path[MR_PATH_MAX], head[HEAD_BYTES];
    SegmentEnd previous = log->end;

    mr_buffer_init(&bytes, log->budget, INT64_MAX / 2);
    mr_buffer_init(&payload, log->budget, MR_LOG_PAYLOAD_MAX);
    segment_path(log->folder, number, path);
    status = os->file_open(os, path, MR_FILE_CREATE, &file, err);
    if (status != MR_OK && err->condition == MR_COND_PATH_ALREADY_EXISTS)
        status = taken_over(log, err);
    MR_GO(status);
    do {
        log->head.id = os->random_u64(os);
    } while (log->head.id == 0);
    log->head.number = number;
    memcpy(head, MAGIC, 8);
    put_u32(head + 8, FORMAT_VERSION);
    put_u32(head + 12, WRITER_VERSION);
    put_u64(head + 16, number);
    put_u64(head + 24, log->head.id);
    put_u32(head + 32, log->head.run);
    put_u32(head + 36, mr_crc32c(head, HEAD_BYTES - 4, 0));
    MR_GO(mr_buffer_put(&bytes, head, HEAD_BYTES, err));
    MR_GO(mr_buffer_put_u64(&payload, previous.number, err));
    MR_GO(mr_buffer_put_u64(&payload, previous.id, err));
    MR_GO(mr_buffer_put_u64(&payload, previous.good_bytes, err));
    MR_GO(mr_buffer_put_u64(&payload, previous.last_sequence, err));
    MR_GO(mr_buffer_put_u64(&payload, previous.hash, err));
    MR_GO(mr_buffer_put_u8(&payload, is_base ? 1 : 0, err));
    MR_GO(mr_buffer_put_text(&payload, base, err));
    uint64_t sequence = previous.last_sequence + 1;
    MR_GO(record_put(&bytes, log, MR_LOG_SEGMENT, (MrText){payload.data, payload.size_bytes},
                     sequence, err));
    log->file_bytes = bytes.size_bytes + more_bytes;
    if (log->file_bytes < log->segment_bytes)
        log->file_bytes = log->segment_bytes;
    MR_GO(os->file_preallocate(file, log->file_bytes, err));
    MR_GO(os->file_write_at(file, 0, bytes.data, bytes.size_bytes, err));
    MR_GO(os->file_sync(file, MR_STEP_LOG_CREATE_SYNC, err));
    MR_GO(os->dir_sync(os, log->folder, MR_STEP_LOG_FOLDER_SYNC, err));
    os->file_close(log->file);
    log->file = file;
    file = NULL;
    log->end = (SegmentEnd){number, log->head.id, (uint64_t)bytes.size_bytes, sequence,
                            mr_hash_stable(bytes.data + HEAD_BYTES, HEAD_BYTES, 0)};
    log->pending_hash = log->end.hash;
    log->synced_through = sequence;
    log->next_sequence = sequence + 1;
    log->n_segments = is_base ? 1 : log->n_segments + 1;
    if (is_base) {
        log->base_number = number;
        log->bytes_since_base = 0;
    }
done:
    os->file_close(file);
    mr_buffer_deinit(&bytes);
    mr_buffer_deinit(&payload);
    return log_fail(log, status);
}

/* Removes the segments that nothing needs: those before the base, and unfinished ones. */
static MrStatus segments_clean(MrLog *log, const Chain *chain, MrError *err)
{
    char path[MR_PATH_MAX];
    for (int64_t i = 0; i < chain->n_numbers; i++) {
        uint64_t number = chain->numbers[i];
        bool needed = number >= log->head.number;
        for (int64_t j = 0; j < chain->n_links; j++)
            needed = needed || (chain->links[j] == number && number >= log->base_number);
        if (needed)
            continue;
        segment_path(log->folder, number, path);
        MR_TRY(log->os->remove(log->os, path, err));
    }
    return MR_OK;
}

static MrStatus log_start(MrLog *log, const MrLogOptions *options, MrArena *arena,
                          const MrLogVisitor *visitor, MrError *err)
{
    Chain chain = {.n_numbers = 0};
    MR_TRY(chain_read(options, arena, visitor, &chain, err));
    bool is_new = chain.n_links == 0;
    log->end = chain.end;
    log->head.run = chain.run + 1;
    log->synced_through = chain.end.last_sequence;
    log->base_number = is_new ? chain.newest + 1 : chain.links[0];
    log->bytes_since_base = chain.bytes;
    log->n_segments = chain.n_links;
    MR_TRY(segment_begin(log, chain.newest + 1, is_new, MR_TEXT(""), 0, err));
    return segments_clean(log, &chain, err);
}

MrStatus mr_log_open(const MrLogOptions *options, const MrLogVisitor *visitor, MrLog **out,
                     MrError *err)
{
    void *block;
    volatile MrStatus status;
    MrArena arena;
    if (strlen(options->folder) + 32 > MR_PATH_MAX)
        return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "use", "path", options->folder,
                       "message", "the path is too long");
    MR_TRY(mr_budget_alloc_zeroed(options->budget, sizeof(MrLog), &block, err));
    MrLog *log = block;
    log->os = options->os;
    log->budget = options->budget;
    log->segment_bytes =
        options->segment_bytes > 0 ? options->segment_bytes : SEGMENT_DEFAULT_BYTES;
    mr_arena_init(&log->arena, options->budget);
    mr_arena_init(&arena, options->budget);
    mr_buffer_init(&log->pending, options->budget, INT64_MAX / 2);
    MR_GUARD_BEGIN(status, err)
        log->folder = mr_arena_str(&log->arena, options->folder);
        status = log_start(log, options, &arena, visitor, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    if (status != MR_OK) {
        log->failed = true;
        mr_log_close(log);
        return status;
    }
    *out = log;
    return MR_OK;
}

MrStatus mr_log_read(const MrLogOptions *options, const MrLogVisitor *visitor, int64_t *n_segments,
                     int64_t *n_bytes, MrError *err)
{
    volatile MrStatus status;
    MrArena arena;
    mr_arena_init(&arena, options->budget);
    MR_GUARD_BEGIN(status, err)
        Chain chain = {.n_numbers = 0};
        status = chain_read(options, &arena, visitor, &chain, err);
        *n_segments = chain.n_links;
        *n_bytes = chain.bytes;
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

void mr_log_close(MrLog *log)
{
    if (log == NULL)
        return;
    if (log->file != NULL && !log->failed) { /* gives back room; a loss of this harms nothing */
        MrError ignored;
        (void)!log->os->file_truncate(log->file, (int64_t)log->end.good_bytes, &ignored);
    }
    log->os->file_close(log->file);
    mr_buffer_deinit(&log->pending);
    mr_arena_deinit(&log->arena);
    mr_budget_free(log->budget, log, sizeof *log);
}

MrStatus mr_log_add(MrLog *log, uint8_t type, MrText payload, MrError *err)
{
    MR_TRY(log_alive(log, err));
    MR_ASSERT(payload.size_bytes > 0);
    if (payload.size_bytes > MR_LOG_PAYLOAD_MAX)
        return MR_FAIL(err, MR_COND_BUFFER_LIMIT, "buffer", "log record", "limit", "67108864");
    int64_t before = log->pending.size_bytes;
    MR_TRY(record_put(&log->pending, log, type, payload, log->next_sequence, err));
    log->pending_hash = mr_hash_stable(log->pending.data + before, HEAD_BYTES, log->pending_hash);
    log->next_sequence++;
    return MR_OK;
}

/* Makes the pending records again for a new segment: id, sequence and chain have changed. */
static MrStatus pending_move(MrLog *log, MrError *err)
{
    MrStatus status = MR_OK;
    MrBuffer moved;
    Record record;
    uint64_t sequence = log->next_sequence, hash = log->pending_hash;
    mr_buffer_init(&moved, log->budget, INT64_MAX / 2);
    for (int64_t at = 0; at < log->pending.size_bytes; at += record_bytes(&record)) {
        int64_t before = moved.size_bytes;
        MR_ASSERT(record_at(log->pending.data, log->pending.size_bytes, at, &record));
        MR_GO(record_put(&moved, log, record.type, record.payload, sequence++, err));
        hash = mr_hash_stable(moved.data + before, HEAD_BYTES, hash);
    }
    mr_buffer_deinit(&log->pending);
    log->pending = moved;
    log->next_sequence = sequence;
    log->pending_hash = hash;
    return MR_OK;
done:
    mr_buffer_deinit(&moved);
    return log_fail(log, status);
}

/* Another run shows itself by the segment above ours. */
static MrStatus log_check_owner(MrLog *log, MrError *err)
{
    char path[MR_PATH_MAX];
    MrFileInfo info;
    segment_path(log->folder, log->head.number + 1, path);
    MR_TRY(log->os->stat(log->os, path, &info, err));
    return info.exists ? taken_over(log, err) : MR_OK;
}

MrStatus mr_log_flush(MrLog *log, MrDurableStep step, MrError *err)
{
    MR_TRY(log_alive(log, err));
    if (log->pending.size_bytes == 0)
        return MR_OK;
    MR_TRY(log_fail(log, log_check_owner(log, err)));
    if ((int64_t)log->end.good_bytes + log->pending.size_bytes > log->file_bytes) {
        MR_TRY(segment_begin(log, log->head.number + 1, false, MR_TEXT(""), log->pending.size_bytes,
                             err));
        MR_TRY(pending_move(log, err));
    }
    MR_TRY(log_fail(log, log->os->file_write_at(log->file, (int64_t)log->end.good_bytes,
                                                log->pending.data, log->pending.size_bytes, err)));
    MR_TRY(log_fail(log, log->os->file_sync(log->file, step, err)));
    log->end.good_bytes += (uint64_t)log->pending.size_bytes;
    log->end.last_sequence = log->synced_through = log->next_sequence - 1;
    log->end.hash = log->pending_hash;
    log->bytes_since_base += log->pending.size_bytes;
    log->pending.size_bytes = 0;
    return MR_OK;
}

static MrStatus older_remove(MrLog *log, MrArena *arena, MrError *err)
{
    MrLogOptions options = {.os = log->os, .budget = log->budget, .folder = log->folder};
    Chain chain = {.n_numbers = 0};
    MR_TRY(chain_list(&options, arena, &chain, err));
    return segments_clean(log, &chain, err);
}

MrStatus mr_log_rebase(MrLog *log, MrText base, MrError *err)
{
    volatile MrStatus status;
    MrArena arena;
    MR_TRY(log_alive(log, err));
    MR_ASSERT(log->pending.size_bytes == 0);
    MR_TRY(log_fail(log, log_check_owner(log, err)));
    MR_TRY(segment_begin(log, log->head.number + 1, true, base, 0, err));
    mr_arena_init(&arena, log->budget);
    MR_GUARD_BEGIN(status, err)
        status = older_remove(log, &arena, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return log_fail(log, status);
}

int64_t mr_log_bytes(const MrLog *log)
{
    return log->bytes_since_base;
}

int64_t mr_log_n_segments(const MrLog *log)
{
    return log->n_segments;
}
