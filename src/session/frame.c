/* frame.c - frames of the C API: SQL texts that grow, bound at each step, run when they are read.
 *
 * A frame is the text of a query.  select() puts a SELECT around it, join() two.  So frames and SQL
 * have one meaning and one binder; the optimizer removes the nesting. */
#include "session/frame_int.h"

#include "column/arrow.h"
#include "sql/sql.h"

#include <errno.h>
#include <inttypes.h>

static MrStatus frame_create(MrSession *session, MrText sql, MrFrame **out, MrError *err)
{
    void *block;
    int64_t size_bytes = (int64_t)sizeof(MrFrame) + sql.size_bytes + 1;
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, size_bytes, &block, err));
    MrFrame *frame = block;
    frame->session = session;
    frame->block_bytes = size_bytes;
    memcpy(frame->sql, sql.data, (size_t)sql.size_bytes);
    frame->sql_bytes = sql.size_bytes;
    *out = frame;
    return MR_OK;
}

void mr_frame_close(MrFrame *frame)
{
    if (!frame)
        return;
    mr_query_close(frame->command);
    mr_budget_free(&frame->session->budget, frame, frame->block_bytes);
}

MrStatus mr__frame_bind(MrFrame *frame, MrQuery *query, MrBoundQuery *out, MrError *err)
{
    MrSqlStatement *statement;
    mr__relations_init(query);
    query->text = (MrText){frame->sql, frame->sql_bytes};
    query->bind.text = query->text;
    MR_TRY(mr_sql_parse_statement(&query->arena, query->text, &query->session->sql_options,
                                  &statement, err));
    if (statement->kind != MR_SQL_STMT_QUERY)
        return MR_FAIL_UNSUPPORTED(err, "a command as the input of a frame");
    MR_TRY(mr__query_bind_sql(query, statement->query, out, err));
    query->schema = mr__plan_schema(&query->arena, out->plan);
    return MR_OK;
}

/* Binds the frame's text, to say early what is wrong with it. */
static MrStatus frame_check(MrFrame *frame, MrError *err)
{
    MrStatus status;
    MrQuery *query;
    MrBoundQuery bound;
    MR_TRY(mr__query_create(frame->session, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = mr__frame_bind(frame, query, &bound, err);
        if (status == MR_OK)
            frame->streaming = bound.plan->streaming;
    MR_GUARD_END(status)
    mr_query_close(query);
    return status;
}

/* A checked frame from a format. */
static MrStatus frame_printf(MrSession *session, MrFrame **out, MrError *err, const char *format,
                             ...) __attribute__((format(printf, 4, 5)));
static MrStatus frame_printf(MrSession *session, MrFrame **out, MrError *err, const char *format,
                             ...)
{
    MrStatus status;
    MrFrame *frame = NULL;
    MrBuffer text;
    va_list args, again;
    va_start(args, format);
    va_copy(again, args);
    int n_bytes = vsnprintf(NULL, 0, format, again);
    va_end(again);
    mr_buffer_init(&text, &session->budget, MR_SQL_MAX_BYTES);
    status = mr_buffer_reserve(&text, (int64_t)n_bytes + 1, err);
    if (status == MR_OK) {
        vsnprintf(text.data, (size_t)n_bytes + 1, format, args);
        status = frame_create(session, (MrText){text.data, n_bytes}, &frame, err);
    }
    va_end(args);
    mr_buffer_deinit(&text);
    if (status == MR_OK)
        status = frame_check(frame, err);
    if (status != MR_OK)
        mr_frame_close(frame);
    else
        *out = frame;
    return status;
}

static bool is_query(MrQuery *query, MrText text, MrStatus *status, MrError *err)
{
    MrSqlStatement *statement = NULL;
    bool answer = false;
    MR_GUARD_BEGIN(*status, err)
        *status = mr_sql_parse_statement(&query->arena, text, &query->session->sql_options,
                                         &statement, err);
        answer = *status == MR_OK && statement->kind == MR_SQL_STMT_QUERY;
    MR_GUARD_END(*status)
    return answer;
}

MrStatus mr_session_sql(MrSession *session, const char *sql, MrFrame **out, MrError *err)
{
    MrStatus status;
    MrQuery *query;
    MrFrame *frame = NULL;
    MrText text = mr_text(sql);
    while (text.size_bytes > 0 && strchr("; \t\r\n", text.data[text.size_bytes - 1]))
        text.size_bytes--; /* so that the text can stand in brackets */
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr__query_create(session, &query, err));
    bool reads = is_query(query, text, &status, err);
    mr_query_close(query);
    MR_TRY(status);
    MR_TRY(frame_create(session, text, &frame, err));
    status =
        reads ? frame_check(frame, err) : mr_session_query(session, text, &frame->command, err);
    if (status != MR_OK)
        mr_frame_close(frame);
    else
        *out = frame;
    return status;
}

/* ---------------------------------------------------------------- frames from frames */

/* Text in brackets; the line break ends a comment that may stand at its end. */
#define INNER "(\n%s\n)"

MrStatus mr_frame_select(MrFrame *frame, const char *exprs, MrFrame **out, MrError *err)
{
    return frame_printf(frame->session, out, err, "SELECT %s FROM " INNER, exprs, frame->sql);
}

MrStatus mr_frame_filter(MrFrame *frame, const char *condition, MrFrame **out, MrError *err)
{
    return frame_printf(frame->session, out, err, "SELECT * FROM " INNER " WHERE %s", frame->sql,
                        condition);
}

MrStatus mr_frame_group(MrFrame *frame, const char *keys, const char *aggregates, MrFrame **out,
                        MrError *err)
{
    if (!keys || !keys[0])
        return frame_printf(frame->session, out, err, "SELECT %s FROM " INNER, aggregates,
                            frame->sql);
    return frame_printf(frame->session, out, err, "SELECT %s, %s FROM " INNER " GROUP BY %s", keys,
                        aggregates, frame->sql, keys);
}

MrStatus mr_frame_join(MrFrame *left, MrFrame *right, const char *kind, const char *condition,
                       MrFrame **out, MrError *err)
{
    static const char *const kinds[] = {"inner",     "left",      "right", "full",
                                        "left semi", "left anti", "cross"};
    bool known = false;
    for (int64_t i = 0; i < MR_COUNT(kinds); i++)
        known |= strcmp(kinds[i], kind) == 0;
    if (!known)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_JOIN_TYPE, "typ", kind, "supported",
                       "inner, left, right, full, left semi, left anti, cross");
    return frame_printf(left->session, out, err,
                        "SELECT * FROM " INNER " AS l %s JOIN " INNER " AS r%s%s", left->sql, kind,
                        right->sql, condition ? " ON " : "", condition ? condition : "");
}

MrStatus mr_frame_order(MrFrame *frame, const char *keys, MrFrame **out, MrError *err)
{
    return frame_printf(frame->session, out, err, "SELECT * FROM " INNER " ORDER BY %s", frame->sql,
                        keys);
}

MrStatus mr_frame_limit(MrFrame *frame, int64_t n_rows, MrFrame **out, MrError *err)
{
    return frame_printf(frame->session, out, err, "SELECT * FROM " INNER " LIMIT %" PRId64,
                        frame->sql, n_rows);
}

MrStatus mr_frame_union(MrFrame *first, MrFrame *second, MrFrame **out, MrError *err)
{
    return frame_printf(first->session, out, err, INNER " UNION ALL " INNER, first->sql,
                        second->sql);
}

MrStatus mr_frame_distinct(MrFrame *frame, MrFrame **out, MrError *err)
{
    return frame_printf(frame->session, out, err, "SELECT DISTINCT * FROM " INNER, frame->sql);
}

MrStatus mr_frame_watermark(MrFrame *frame, const char *time_column, const char *delay,
                            MrFrame **out, MrError *err)
{
    return frame_printf(frame->session, out, err,
                        "SELECT * FROM " INNER " WATERMARK %s DELAY OF INTERVAL '%s'", frame->sql,
                        time_column, delay);
}

MrStatus mr_frame_create_view(MrFrame *frame, const char *name, MrError *err)
{
    MrFrame *made = NULL;
    MrBuffer text;
    MrStatus status;
    mr_buffer_init(&text, &frame->session->budget, MR_SQL_MAX_BYTES);
    status = mr_buffer_printf(&text, err, "CREATE OR REPLACE TEMPORARY VIEW `%s` AS %s", name,
                              frame->sql);
    if (status == MR_OK)
        status = mr_buffer_put(&text, "", 1, err);
    if (status == MR_OK)
        status = mr_session_sql(frame->session, text.data, &made, err);
    mr_frame_close(made);
    mr_buffer_deinit(&text);
    return status;
}

/* ---------------------------------------------------------------- frames from sources */

MrOptions mr__key_values(MrArena *arena, const MrKeyValue *given, int32_t n_given, const char *path)
{
    MrOption *options = MR_NEW_N(arena, MrOption, n_given + 1);
    int32_t n_options = 0;
    if (path)
        options[n_options++] = (MrOption){"path", path};
    for (int32_t i = 0; i < n_given; i++)
        options[n_options++] = (MrOption){given[i].key, given[i].value};
    return (MrOptions){n_options, options};
}

/* The source gets a temporary view's name, which the frame's text reads. */
static MrStatus put_source_view(MrQuery *query, const MrReadOptions *options, const char *name,
                                MrError *err)
{
    MrTable table = {.kind = MR_CATALOG_VIEW,
                     .database = MR_CATALOG_TEMP,
                     .name = name,
                     .provider = options->format};
    const MrConnectorType *type = mr_connector_find(options->format);
    if (!type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", options->format);
    table.options =
        mr__key_values(&query->arena, options->options, options->n_options, options->path);
    if (options->schema) {
        const MrType *schema;
        MR_TRY(mr_type_parse(&query->arena, mr_text(options->schema), true, &schema, err));
        table.schema = (MrSchema){schema->n_fields, schema->fields};
    }
    return mr_catalog_put(query->session->catalog, &table, err);
}

MrStatus mr_session_read(MrSession *session, const MrReadOptions *options, MrFrame **out,
                         MrError *err)
{
    MrStatus status;
    MrQuery *query;
    char name[64];
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr__query_create(session, &query, err));
    snprintf(name, sizeof name, "_frame_%016" PRIx64, query->seed);
    MR_GUARD_BEGIN(status, err)
        status = put_source_view(query, options, name, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    MR_TRY(status);
    return frame_printf(session, out, err, "SELECT * FROM %s`%s`",
                        options->streaming ? "STREAM " : "", name);
}

/* ---------------------------------------------------------------- reading */

/* A query over the frame, ready to be read. */
static MrStatus frame_query(MrFrame *frame, MrQuery **out, MrError *err)
{
    *err = (MrError){.sql_idx = -1};
    return mr_session_query(frame->session, (MrText){frame->sql, frame->sql_bytes}, out, err);
}

typedef struct ArrowReader {
    MrSession *session;
    MrQuery *query;
    bool owns_query;
    MrError err;
    char message[2048];
} ArrowReader;

static int arrow_failed(ArrowReader *reader)
{
    mr_error_message(&reader->err, reader->message, (int64_t)sizeof reader->message);
    return reader->err.status == MR_NO_MEMORY ? ENOMEM : EIO;
}

static int arrow_schema(struct ArrowArrayStream *stream, struct ArrowSchema *out)
{
    ArrowReader *reader = stream->private_data;
    MrStatus status = mr_arrow_export_schema(&reader->session->budget,
                                             mr_query_schema(reader->query), out, &reader->err);
    return status == MR_OK ? 0 : arrow_failed(reader);
}

static int arrow_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    ArrowReader *reader = stream->private_data;
    MrBatch *batch;
    *out = (struct ArrowArray){0};
    if (mr_query_next(reader->query, &batch, &reader->err) != MR_OK)
        return arrow_failed(reader);
    if (!batch)
        return 0; /* released array: the end */
    MrStatus status = mr_arrow_export_batch(
        &reader->session->budget, mr_query_schema(reader->query), batch, out, &reader->err);
    mr_batch_destroy(batch);
    return status == MR_OK ? 0 : arrow_failed(reader);
}

static const char *arrow_error(struct ArrowArrayStream *stream)
{
    return ((ArrowReader *)stream->private_data)->message;
}

static void arrow_release(struct ArrowArrayStream *stream)
{
    ArrowReader *reader = stream->private_data;
    if (reader->owns_query)
        mr_query_close(reader->query);
    mr_budget_free(&reader->session->budget, reader, (int64_t)sizeof *reader);
    stream->release = NULL;
}

MrStatus mr_frame_arrow(MrFrame *frame, struct ArrowArrayStream *out, MrError *err)
{
    void *block;
    MrSession *session = frame->session;
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(ArrowReader), &block, err));
    ArrowReader *reader = block;
    reader->session = session;
    reader->query = frame->command;
    if (frame->command) {
        frame->command->next_row = 0;
    } else {
        MrStatus status = frame_query(frame, &reader->query, err);
        if (status != MR_OK) {
            mr_budget_free(&session->budget, reader, (int64_t)sizeof *reader);
            return status;
        }
        reader->owns_query = true;
    }
    *out = (struct ArrowArrayStream){.get_schema = arrow_schema,
                                     .get_next = arrow_next,
                                     .get_last_error = arrow_error,
                                     .release = arrow_release,
                                     .private_data = reader};
    return MR_OK;
}

static MrStatus first_i64(MrQuery *query, int64_t *out, MrError *err)
{
    MrBatch *batch;
    for (;;) {
        MR_TRY(mr_query_next(query, &batch, err));
        if (!batch)
            return MR_OK;
        if (batch->n_sel > 0) {
            int64_t at;
            const MrVector *vec = mr_vector_at(batch->cols[0], mr_batch_row(batch, 0), &at);
            *out = vec->i64[at];
        }
        mr_batch_destroy(batch);
    }
}

static MrStatus command_count(MrQuery *command, int64_t *n_rows, MrError *err)
{
    int64_t n = 0;
    command->next_row = 0;
    for (;;) {
        MrBatch *batch;
        MR_TRY(mr_query_next(command, &batch, err));
        if (!batch)
            break;
        n += batch->n_sel;
        mr_batch_destroy(batch);
    }
    *n_rows = n;
    return MR_OK;
}

MrStatus mr_frame_count(MrFrame *frame, int64_t *n_rows, MrError *err)
{
    MrFrame *count;
    MrQuery *query = NULL;
    int64_t n = 0;
    if (frame->command)
        return command_count(frame->command, n_rows, err);
    MR_TRY(frame_printf(frame->session, &count, err, "SELECT count(*) FROM " INNER, frame->sql));
    MrStatus status = frame_query(count, &query, err);
    if (status == MR_OK)
        status = first_i64(query, &n, err);
    mr_query_close(query);
    mr_frame_close(count);
    if (status == MR_OK)
        *n_rows = n;
    return status;
}

/* ---------------------------------------------------------------- show */

typedef struct ShowCell {
    MrText text;
    int64_t n_chars;
} ShowCell;

static ShowCell show_cell(MrArena *arena, MrText text, bool keep_long)
{
    ShowCell cell = {text, mr_utf8_length(text.data, text.size_bytes)};
    if (keep_long || cell.n_chars <= 20)
        return cell;
    int64_t at = 0;
    for (int i = 0; i < 17; i++) {
        int32_t n_bytes;
        mr_utf8_next(text.data + at, text.size_bytes - at, &n_bytes);
        at += n_bytes;
    }
    const char *cut = mr_arena_printf(arena, "%.*s...", (int)at, text.data);
    return (ShowCell){mr_text(cut), 20};
}

static void show_line(FILE *to, const ShowCell *cells, const int64_t *widths, int32_t n_cols)
{
    for (int32_t c = 0; c < n_cols; c++)
        fprintf(to, "|%*s%.*s", (int)(widths[c] - cells[c].n_chars), "",
                (int)cells[c].text.size_bytes, cells[c].text.data);
    fputs("|\n", to);
}

static void show_rule(FILE *to, const int64_t *widths, int32_t n_cols)
{
    for (int32_t c = 0; c < n_cols; c++) {
        fputc('+', to);
        for (int64_t i = 0; i < widths[c]; i++)
            fputc('-', to);
    }
    fputs("+\n", to);
}

static MrStatus show_rows(MrQuery *query, MrArena *arena, const MrShowOptions *options, FILE *to,
                          MrError *err)
{
    const MrSchema *schema = mr_query_schema(query);
    int64_t n_max = options && options->n_rows > 0 ? options->n_rows : 20, n_rows = 0;
    bool keep_long = options && options->keep_long, more = false;
    int32_t n_cols = schema->n_cols;
    ShowCell *cells = MR_NEW_N(arena, ShowCell, (n_max + 1) * n_cols);
    int64_t *widths = MR_NEW_N(arena, int64_t, n_cols);
    for (int32_t c = 0; c < n_cols; c++) {
        cells[c] = show_cell(arena, mr_text(schema->cols[c].name), keep_long);
        widths[c] = cells[c].n_chars > 3 ? cells[c].n_chars : 3;
    }
    for (;;) {
        MrBatch *batch;
        MR_TRY(mr_query_next(query, &batch, err));
        if (!batch)
            break;
        more |= n_rows + batch->n_sel > n_max;
        for (int32_t i = 0; i < batch->n_sel && n_rows < n_max; i++, n_rows++)
            for (int32_t c = 0; c < n_cols; c++) {
                MrTextBuilder text = {.arena = arena};
                mr_value_text(batch->cols[c], mr_batch_row(batch, i), MR_TEXT_CAST,
                              mr_session_settings(query->session), &text);
                ShowCell cell = show_cell(arena, mr_builder_text(&text), keep_long);
                cells[(n_rows + 1) * n_cols + c] = cell;
                if (cell.n_chars > widths[c])
                    widths[c] = cell.n_chars;
            }
        mr_batch_destroy(batch);
        if (more)
            break; /* closing the query stops it */
    }
    show_rule(to, widths, n_cols);
    show_line(to, cells, widths, n_cols);
    show_rule(to, widths, n_cols);
    for (int64_t r = 0; r < n_rows; r++)
        show_line(to, cells + (r + 1) * n_cols, widths, n_cols);
    show_rule(to, widths, n_cols);
    if (more)
        fprintf(to, "only showing top %" PRId64 " row%s\n", n_max, n_max == 1 ? "" : "s");
    return MR_OK;
}

MrStatus mr_frame_show(MrFrame *frame, const MrShowOptions *options, FILE *to, MrError *err)
{
    MrStatus status;
    MrQuery *query = frame->command;
    MrArena arena;
    if (!query)
        MR_TRY(frame_query(frame, &query, err));
    else
        query->next_row = 0;
    mr_arena_init(&arena, &frame->session->budget);
    MR_GUARD_BEGIN(status, err)
        status = show_rows(query, &arena, options, to, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    if (query != frame->command)
        mr_query_close(query);
    return status;
}

/* ---------------------------------------------------------------- write */

MrStatus mr__save_mode(const char *mode, MrSaveMode *out, MrError *err)
{
    static const struct {
        const char *name;
        MrSaveMode mode;
    } modes[] = {{"error", MR_SAVE_ERROR},         {"errorifexists", MR_SAVE_ERROR},
                 {"default", MR_SAVE_ERROR},       {"append", MR_SAVE_APPEND},
                 {"overwrite", MR_SAVE_OVERWRITE}, {"ignore", MR_SAVE_IGNORE}};
    *out = MR_SAVE_ERROR;
    for (int64_t i = 0; mode && i < MR_COUNT(modes); i++)
        if (mr_str_equal_nocase(modes[i].name, mode)) {
            *out = modes[i].mode;
            return MR_OK;
        }
    return mode ? MR_FAIL(err, MR_COND_INVALID_SAVE_MODE, "mode", mode) : MR_OK;
}

MrStatus mr__partition_places(MrArena *arena, const MrSchema *schema, const char *names,
                              int32_t *n_out, const int32_t **out, MrError *err)
{
    int32_t *places = MR_NEW_N(arena, int32_t, schema->n_cols), n_places = 0;
    while (names && *names) {
        size_t blanks = strspn(names, ", "), n = strcspn(names + blanks, ", ");
        MrText name = {names + blanks, (int64_t)n};
        names += blanks + n;
        int32_t idx = 0;
        while (idx < schema->n_cols && !mr_text_equal_nocase(mr_text(schema->cols[idx].name), name))
            idx++;
        if (n == 0)
            continue;
        if (idx == schema->n_cols || n_places == schema->n_cols)
            return MR_FAIL(err, MR_COND_UNRESOLVED_COLUMN__WITHOUT_SUGGESTION, "objectName",
                           mr_arena_printf(arena, "`%.*s`", (int)name.size_bytes, name.data));
        places[n_places++] = idx;
    }
    *n_out = n_places;
    *out = places;
    return MR_OK;
}

static MrStatus frame_write(MrFrame *frame, MrQuery *query, const MrWriteOptions *options,
                            MrError *err)
{
    MrBoundQuery bound;
    const char *format = options->format ? options->format : "parquet";
    MrWriteSpec spec = {.type = mr_connector_find(format)};
    if (!spec.type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", format);
    MR_TRY(mr__frame_bind(frame, query, &bound, err));
    spec.options =
        mr__key_values(&query->arena, options->options, options->n_options, options->path);
    MR_TRY(mr__save_mode(options->mode, &spec.mode, err));
    MR_TRY(mr__partition_places(&query->arena, &query->schema, options->partition_by,
                                &spec.n_partition_cols, &spec.partition_cols, err));
    return mr__write_plan(query, bound.plan, &spec, err);
}

MrStatus mr_frame_write(MrFrame *frame, const MrWriteOptions *options, MrError *err)
{
    MrStatus status;
    MrQuery *query;
    *err = (MrError){.sql_idx = -1};
    MR_TRY(mr__query_create(frame->session, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = frame_write(frame, query, options, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    return status;
}

/* ---------------------------------------------------------------- sessions, as the public header
 * has them */

MrStatus mr_session_open(const MrSessionOptions *options, MrSession **session, MrError *err)
{
    *err = (MrError){.sql_idx = -1};
    static const MrSessionOptions defaults = {0};
    options = options ? options : &defaults;
    return mr_session_create(&(MrSessionConfig){.warehouse = options->warehouse,
                                                .memory_limit_bytes = options->memory_limit_bytes,
                                                .n_threads = options->n_threads},
                             session, err);
}

void mr_session_close(MrSession *session)
{
    mr_session_destroy(session);
}

MrStatus mr_session_conf_set(MrSession *session, const char *key, const char *value, MrError *err)
{
    *err = (MrError){.sql_idx = -1};
    return mr_session_set_conf(session, key, value, err);
}

void mr_session_interrupt(MrSession *session)
{
    mr_session_cancel(session);
}
