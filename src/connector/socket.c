/* socket.c - lines of text from a TCP connection, as a stream.
 *
 * What was read is gone with the process: there is no replay over a restart.  Within one, lines are
 * kept until their epoch is acknowledged.  At 64 MiB of lines we stop reading, and TCP slows the
 * sender. */
#include "connector/contract.h"

#include <inttypes.h>

#define HELD_MAX_BYTES (INT64_C(64) << 20)
#define READ_BYTES (INT64_C(64) << 10)

typedef struct SocketLine {
    int64_t start, size_bytes; /* in text */
    int64_t time_us;           /* of arrival */
} SocketLine;

typedef struct SocketSource {
    MrSource base;
    const MrConnectorContext *context;
    MrSocket *socket;
    MrBuffer text, lines;   /* lines: SocketLine side by side */
    int64_t first, n_lines; /* number of the first line held, and how many are */
    int64_t line_start;     /* of the line that is not complete */
    bool closed, placed;
} SocketSource;

typedef struct SocketSplit {
    const SocketLine *lines;
    const char *text;
    int64_t n_lines;
} SocketSplit;

typedef struct SocketReader {
    MrSourceReader base;
    MrBudget *budget;
    const MrScanSpec *spec;
    const SocketSplit *split;
    int64_t next;
} SocketReader;

extern const MrConnectorType mr_connector_socket;

static const MrOptionDef socket_options[] = {
    {"host", MR_OPT_TEXT, MR_OPT_REQUIRED, NULL, "Machine to read from."},
    {"port", MR_OPT_INT, MR_OPT_REQUIRED, NULL, "TCP port, 1 to 65535."},
    {"includeTimestamp", MR_OPT_BOOL, 0, "false", "Adds the time of arrival as a column."},
    {0},
};
static const MrField socket_fields[] = {
    {.name = "value", .type = &mr_types[MR_TYPE_STRING], .nullable = true},
    {.name = "timestamp", .type = &mr_types[MR_TYPE_TIMESTAMP], .nullable = true}};

static void close_source(MrSource *source)
{
    SocketSource *self = (SocketSource *)source;
    if (!self)
        return;
    self->context->os->socket_close(self->socket);
    mr_buffer_deinit(&self->text);
    mr_buffer_deinit(&self->lines);
    mr_budget_free(self->context->budget, self, sizeof *self);
}

static MrStatus open_source(const MrConnectorContext *context, MrSource **out, MrError *err)
{
    int64_t port = mr_option_int(&context->options, socket_options, "port");
    if (port < 1 || port > 65535)
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "port", "functionName",
                       "socket", "expectedValue", "a number from 1 to 65535", "actualValue",
                       mr_option(&context->options, socket_options, "port"));
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(context->budget, sizeof(SocketSource), &block, err));
    SocketSource *self = block;
    self->context = context;
    bool with_time = mr_option_bool(&context->options, socket_options, "includeTimestamp");
    self->base = (MrSource){.type = &mr_connector_socket,
                            .schema = {1 + with_time, socket_fields},
                            .append_only = true};
    mr_buffer_init(&self->text, context->budget, 4 * HELD_MAX_BYTES);
    mr_buffer_init(&self->lines, context->budget, 4 * HELD_MAX_BYTES);
    *out = &self->base;
    return MR_OK;
}

static MrStatus line_end(SocketSource *self, int64_t end, MrError *err)
{
    int64_t size_bytes = end - self->line_start;
    if (size_bytes > 0 && self->text.data[end - 1] == '\r')
        size_bytes--;
    SocketLine line = {self->line_start, size_bytes, self->context->os->now_us(self->context->os)};
    MR_TRY(mr_buffer_put(&self->lines, &line, sizeof line, err));
    self->n_lines++;
    return MR_OK;
}

/* Takes in what has arrived. */
static MrStatus socket_poll(SocketSource *self, MrError *err)
{
    MrOs *os = self->context->os;
    if (!self->socket && !self->closed)
        MR_TRY(os->connect(os, mr_option(&self->context->options, socket_options, "host"),
                           (int)mr_option_int(&self->context->options, socket_options, "port"),
                           &self->socket, err));
    while (!self->closed && self->text.size_bytes < HELD_MAX_BYTES) {
        int64_t n_read;
        bool blocked;
        MR_TRY(mr_buffer_reserve(&self->text, READ_BYTES, err));
        MR_TRY(os->socket_read(self->socket, self->text.data + self->text.size_bytes, READ_BYTES,
                               &n_read, &blocked, err));
        int64_t at = self->text.size_bytes, end = at + n_read;
        self->text.size_bytes = end;
        while (at < end) {
            const char *feed = memchr(self->text.data + at, '\n', (size_t)(end - at));
            if (!feed)
                break;
            at = feed - self->text.data;
            MR_TRY(line_end(self, at, err));
            self->line_start = ++at;
        }
        if (n_read == 0 && !blocked) { /* the other side is done: the last line may have no end */
            self->closed = true;
            if (self->line_start < self->text.size_bytes)
                MR_TRY(line_end(self, self->text.size_bytes, err));
            self->line_start = self->text.size_bytes;
        }
        if (n_read == 0)
            break;
    }
    return MR_OK;
}

static MrStatus position_read(const char *text, int64_t *out, MrError *err)
{
    *out = 0;
    if (text && (!mr_text_to_i64(mr_text(text), out) || *out < 0))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text", text);
    return MR_OK;
}

static MrStatus latest(MrSource *source, const char *from, bool unlimited, MrArena *arena,
                       const char **to, MrError *err)
{
    SocketSource *self = (SocketSource *)source;
    int64_t before;
    MR_TRY(position_read(from, &before, err));
    if (!self->placed) { /* lines of an earlier process are gone: ours are counted on from there */
        self->placed = true;
        self->first = before;
    }
    MR_TRY(socket_poll(self, err));
    int64_t now = self->first + self->n_lines;
    *to = now > before ? mr_arena_printf(arena, "%" PRId64, now) : from;
    return MR_OK;
}

static MrStatus plan_splits(MrSource *source, const char *from, const char *to,
                            const MrScanSpec *spec, MrArena *arena, MrSplit **out, int64_t *n_out,
                            MrError *err)
{
    SocketSource *self = (SocketSource *)source;
    int64_t begin, end;
    *n_out = 0;
    MR_TRY(position_read(from, &begin, err));
    MR_TRY(position_read(to, &end, err));
    if (!self->placed) { /* an epoch of an earlier process: its lines cannot be had again */
        self->placed = true;
        self->first = end;
    }
    begin = begin < self->first ? self->first : begin;
    end = end > self->first + self->n_lines ? self->first + self->n_lines : end;
    if (!to || end <= begin)
        return MR_OK;
    const SocketLine *lines =
        (const SocketLine *)(const void *)self->lines.data + (begin - self->first);
    SocketSplit *split = MR_NEW(arena, SocketSplit);
    /* Copied: the buffers move when more arrives. */
    int64_t n = end - begin, from_byte = lines[0].start,
            to_byte = lines[n - 1].start + lines[n - 1].size_bytes;
    SocketLine *own = mr_arena_alloc(arena, n * (int64_t)sizeof *own);
    memcpy(own, lines, (size_t)n * sizeof *own);
    for (int64_t i = 0; i < n; i++)
        own[i].start -= from_byte;
    *split = (SocketSplit){
        own, mr_arena_strn(arena, self->text.data + from_byte, to_byte - from_byte), n};
    *out = MR_NEW(arena, MrSplit);
    (*out)[0] = (MrSplit){.name = "socket", .size_bytes = to_byte - from_byte, .data = split};
    *n_out = 1;
    return MR_OK;
}

static int64_t row_count(MrSource *source)
{
    return -1;
}

static MrStatus reader_open(MrSource *source, const MrSplit *split, const MrScanSpec *spec,
                            MrBudget *budget, MrSourceReader **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(SocketReader), &block, err));
    SocketReader *self = block;
    *self = (SocketReader){.base = {.source = source, .exact_filters = spec->n_filters == 0},
                           .budget = budget,
                           .spec = spec,
                           .split = split->data};
    *out = &self->base;
    return MR_OK;
}

static MrStatus source_read(MrSourceReader *reader, const MrEvalContext *context, MrBatch *batch,
                            MrRead *what, MrError *err)
{
    SocketReader *self = (SocketReader *)reader;
    const SocketSplit *split = self->split;
    int64_t n =
        split->n_lines - self->next < MR_BATCH_ROWS ? split->n_lines - self->next : MR_BATCH_ROWS;
    *what = n > 0 ? MR_READ_ROWS : MR_READ_END;
    if (n <= 0)
        return MR_OK;
    mr_batch_set_cols(batch, self->spec->n_cols);
    for (int32_t c = 0; c < self->spec->n_cols; c++) {
        bool is_time = self->spec->cols[c] == 1;
        MrVector *vec =
            mr_vector_create(&batch->arena, is_time ? MR_T(TIMESTAMP) : MR_T(STRING), n);
        for (int64_t i = 0; i < n; i++) {
            const SocketLine *line = &split->lines[self->next + i];
            if (is_time)
                vec->i64[i] = line->time_us;
            else
                vec->str[i] =
                    mr_str_own(&batch->arena, split->text + line->start, line->size_bytes);
        }
        batch->cols[c] = vec;
    }
    batch->n_rows = batch->n_sel = (int32_t)n;
    self->next += n;
    return MR_OK;
}

static void reader_close(MrSourceReader *reader)
{
    if (reader)
        mr_budget_free(((SocketReader *)reader)->budget, reader, sizeof(SocketReader));
}

/* Lines before the position go; what is behind them moves to the front. */
static MrStatus acknowledge(MrSource *source, const char *position, MrError *err)
{
    SocketSource *self = (SocketSource *)source;
    int64_t done;
    MR_TRY(position_read(position, &done, err));
    int64_t n = done - self->first < self->n_lines ? done - self->first : self->n_lines;
    if (n <= 0)
        return MR_OK;
    SocketLine *lines = (SocketLine *)(void *)self->lines.data;
    int64_t cut = n < self->n_lines ? lines[n].start : self->line_start;
    memmove(self->text.data, self->text.data + cut, (size_t)(self->text.size_bytes - cut));
    self->text.size_bytes -= cut;
    self->line_start -= cut;
    memmove(lines, lines + n, (size_t)(self->n_lines - n) * sizeof *lines);
    self->n_lines -= n;
    self->first += n;
    self->lines.size_bytes = self->n_lines * (int64_t)sizeof *lines;
    for (int64_t i = 0; i < self->n_lines; i++)
        lines[i].start -= cut;
    return MR_OK;
}

const MrConnectorType mr_connector_socket = {
    .name = "socket",
    .doc = "Lines of text from a TCP connection; for trying things out.",
    .flags = MR_CONN_STREAM_READ | MR_CONN_NO_REPLAY,
    .options = socket_options,
    .open_source = open_source,
    .close_source = close_source,
    .latest = latest,
    .plan_splits = plan_splits,
    .row_count = row_count,
    .reader_open = reader_open,
    .read = source_read,
    .reader_close = reader_close,
    .acknowledge = acknowledge,
};
