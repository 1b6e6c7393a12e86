/* socket.c - lines of text from a TCP connection, as a stream.
 *
 * Lines are kept until their epoch is acknowledged; with a checkpoint they are logged before their
 * epoch is planned, so that it can be run again over a restart.  What was received and not planned
 * is gone with the process.  At 64 MiB of lines we stop reading, and TCP slows the sender. */
#include "connector/contract.h"
#include "connector/socket_int.h"

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
    MrSocketLog log;
    int64_t reconnect_ms; /* < 0: never */
    int64_t retry_ns;     /* not before */
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
    {"reconnectMs", MR_OPT_INT, 0, "-1",
     "Connect again this long after a connection failed or ended; -1: do not."},
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
    mr__socket_log_close(&self->log);
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
    self->reconnect_ms = mr_option_int(&context->options, socket_options, "reconnectMs");
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

/* The connection is lost or was never there: the reason stands, unless we may try again later. */
static MrStatus connection_lost(SocketSource *self, MrStatus status, MrError *err)
{
    MrOs *os = self->context->os;
    if (self->reconnect_ms < 0 || status == MR_NO_MEMORY)
        return status;
    *err = (MrError){.sql_idx = -1};
    os->socket_close(self->socket);
    self->socket = NULL;
    self->retry_ns = os->tick_ns(os) + self->reconnect_ms * 1000000;
    return MR_OK;
}

static MrStatus socket_connect(SocketSource *self, MrError *err)
{
    MrOs *os = self->context->os;
    if (self->socket || self->closed || os->tick_ns(os) < self->retry_ns)
        return MR_OK;
    MrStatus status = os->connect(
        os, mr_option(&self->context->options, socket_options, "host"),
        (int)mr_option_int(&self->context->options, socket_options, "port"), &self->socket, err);
    return status == MR_OK ? MR_OK : connection_lost(self, status, err);
}

/* Takes in what has arrived. */
static MrStatus socket_poll(SocketSource *self, MrError *err)
{
    MrOs *os = self->context->os;
    MR_TRY(socket_connect(self, err));
    while (self->socket && !self->closed && self->text.size_bytes < HELD_MAX_BYTES) {
        int64_t n_read = 0;
        bool blocked = false;
        MR_TRY(mr_buffer_reserve(&self->text, READ_BYTES, err));
        MrStatus status = os->socket_read(self->socket, self->text.data + self->text.size_bytes,
                                          READ_BYTES, &n_read, &blocked, err);
        if (status != MR_OK && (status != MR_IO || self->reconnect_ms < 0))
            return status;
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
            self->closed = self->reconnect_ms < 0;
            if (self->line_start < self->text.size_bytes)
                MR_TRY(line_end(self, self->text.size_bytes, err));
            self->line_start = self->text.size_bytes;
            MR_TRY(connection_lost(self, MR_OK, err));
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
    if (self->log.os && (begin < self->first || end > self->first + self->n_lines))
        return MR_FAIL(err, MR_COND_MALFORMED_LOG_FILE, "text",
                       mr_arena_printf(arena,
                                       "an epoch has lines %" PRId64 " to %" PRId64
                                       " of a socket, and only %" PRId64 " to %" PRId64
                                       " were kept",
                                       begin, end, self->first, self->first + self->n_lines));
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

static MrStatus take_logged(void *arg, const MrSocketLine *logged, MrError *err)
{
    SocketSource *self = arg;
    SocketLine line = {self->text.size_bytes, logged->text.size_bytes, logged->time_us};
    MR_TRY(mr_buffer_put(&self->text, logged->text.data, logged->text.size_bytes, err));
    MR_TRY(mr_buffer_put(&self->lines, &line, sizeof line, err));
    self->line_start = self->text.size_bytes;
    self->n_lines++;
    return MR_OK;
}

static MrStatus log_open(MrSource *source, const char *folder, const char *from, MrError *err)
{
    SocketSource *self = (SocketSource *)source;
    MR_TRY(position_read(from, &self->first, err));
    self->placed = true;
    return mr__socket_log_open(&self->log, self->context->os, self->context->budget, folder,
                               self->first, take_logged, self, err);
}

static MrStatus log_lines(MrSource *source, const char *to, MrError *err)
{
    SocketSource *self = (SocketSource *)source;
    const SocketLine *lines = (const SocketLine *)(const void *)self->lines.data;
    MrStatus status = MR_OK;
    MrBuffer out;
    int64_t until;
    MR_TRY(position_read(to, &until, err));
    int64_t n_lines = until - self->log.until, first = self->log.until - self->first;
    if (n_lines <= 0)
        return MR_OK;
    MR_ASSERT(first >= 0 && first + n_lines <= self->n_lines);
    mr_buffer_init(&out, self->context->budget, INT64_MAX);
    MR_GO(mr__socket_log_begin(&self->log, &out, n_lines, err));
    for (int64_t i = first; i < first + n_lines; i++)
        MR_GO(mr__socket_log_line(
            &out,
            &(MrSocketLine){lines[i].time_us,
                            {self->text.data + lines[i].start, lines[i].size_bytes}},
            err));
    MR_GO(mr__socket_log_end(&self->log, &out, n_lines, err));
done:
    mr_buffer_deinit(&out);
    return status;
}

static MrStatus poll_source(MrSource *source, MrError *err)
{
    return socket_poll((SocketSource *)source, err);
}

/* Lines before the position go; what is behind them moves to the front. */
static MrStatus acknowledge(MrSource *source, const char *position, MrError *err)
{
    SocketSource *self = (SocketSource *)source;
    int64_t done;
    MR_TRY(position_read(position, &done, err));
    if (self->log.budget)
        MR_TRY(mr__socket_log_forget(&self->log, done, err));
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
    .log_open = log_open,
    .log = log_lines,
    .poll = poll_source,
    .acknowledge = acknowledge,
};
