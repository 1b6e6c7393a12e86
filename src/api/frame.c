/* frame.c - frames of the C API: SQL texts over other frames, bound at each step, run when they are
 * read.
 *
 * A frame is the text of a query, with what its names meant when it was made (session/meaning.c).
 * select() is a SELECT over a frame, join() one over two: their texts name them as inputs.  So
 * frames and SQL have one binder; the optimizer removes the nesting. */
#include "api/frame_int.h"

#include "connector/show_table.h"
#include "sql/sql.h"

/* Takes the meaning, also when it fails; NULL: of a command. */
static MrStatus frame_create(MrSession *session, MrMeaning *meaning, MrFrame **out, MrError *err)
{
    void *block;
    MrStatus status =
        mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrFrame), &block, err);
    if (status != MR_OK) {
        mr_meaning_let_go(meaning);
        return status;
    }
    MrFrame *frame = block;
    frame->session = mr__session_hold(session);
    frame->n_holders = 1;
    frame->meaning = meaning;
    *out = frame;
    return MR_OK;
}

MrFrame *mr__frame_hold(MrFrame *frame)
{
    frame->n_holders++;
    return frame;
}

void mr_frame_close(MrFrame *frame)
{
    if (!frame || --frame->n_holders > 0)
        return;
    MrSession *session = frame->session;
    mr_query_close(frame->command);
    mr_meaning_let_go(frame->meaning);
    mr_budget_free(&session->budget, frame, (int64_t)sizeof *frame);
    mr__session_let_go(session);
}

MrStatus mr__frame_of_text(MrSession *session, const MrMeaningSpec *spec, MrFrame **out,
                           MrError *err)
{
    MrMeaning *meaning;
    MR_TRY(mr_meaning_create(session, spec, &meaning, err));
    MrStatus status = mr_meaning_make(session, meaning, err);
    if (status == MR_OK)
        return frame_create(session, meaning, out, err);
    mr_meaning_let_go(meaning);
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
    MR_TRY(mr__given(sql != NULL, __func__, "sql", err));
    MrText text = mr_text(sql);
    while (text.size_bytes > 0 && strchr("; \t\r\n", text.data[text.size_bytes - 1]))
        text.size_bytes--; /* so that the text can stand in brackets */
    MR_TRY(mr_query_create(session, &query, err));
    bool reads = is_query(query, text, &status, err);
    mr_query_close(query);
    MR_TRY(status);
    if (reads) {
        MR_TRY(mr__frame_of_text(session, &(MrMeaningSpec){.text = text}, &frame, err));
    } else {
        MR_TRY(frame_create(session, NULL, &frame, err));
        status = mr_session_query(session, text, &frame->command, err);
    }
    frame->is_users = true;
    if (status != MR_OK)
        mr_frame_close(frame);
    else
        *out = frame;
    return status;
}

/* ---------------------------------------------------------------- frames from frames */

typedef enum PieceKind {
    PIECE_SQL,       /* ours                            */
    PIECE_FRAME,     /* a frame, as FROM has it         */
    PIECE_CONDITION, /* of the user: one expression     */
    PIECE_EXPRS,     /* the items of a SELECT           */
    PIECE_SORTS      /* the keys of an ORDER BY         */
} PieceKind;

typedef struct Piece {
    PieceKind kind;
    const char *text;
    const char *name; /* of the user's text: the parameter */
    const MrFrame *frame;
    int64_t from; /* where the user's text begins in the frame's */
} Piece;

#define SQL(sql)                                                                                   \
    {                                                                                              \
        .kind = PIECE_SQL, .text = (sql)                                                           \
    }
#define FROM(of)                                                                                   \
    {                                                                                              \
        .kind = PIECE_FRAME, .frame = (of)                                                         \
    }

/* What the user's text is must be seen alone: beside others "a LIMIT 1" would be no mistake. */
static MrStatus piece_parse(MrQuery *query, const Piece *piece, int32_t *n_items, MrError *err)
{
    MrStatus status = MR_OK;
    MrArena *arena = &query->arena;
    const MrSqlOptions *options = &query->session->sql_options;
    MrSqlExpr *expr, **exprs;
    MrSqlSort *sorts;
    MrText text = mr_text(piece->text);
    MR_GUARD_BEGIN(status, err)
        if (piece->kind == PIECE_CONDITION)
            status = mr_sql_parse_expr(arena, text, options, &expr, err);
        else if (piece->kind == PIECE_EXPRS)
            status = mr_sql_parse_exprs(arena, text, options, n_items, &exprs, err);
        else if (piece->kind == PIECE_SORTS)
            status = mr_sql_parse_sorts(arena, text, options, n_items, &sorts, err);
    MR_GUARD_END(status)
    if (status != MR_OK)
        mr_error_add(err, "in %s", piece->name);
    return status;
}

static MrStatus pieces_check(MrSession *session, const char *function, const Piece *pieces,
                             int32_t n_pieces, MrError *err)
{
    MrStatus status = MR_OK;
    MrQuery *query = NULL;
    int32_t n_items;
    MR_TRY(mr_query_create(session, &query, err));
    for (int32_t i = 0; i < n_pieces && status == MR_OK; i++) {
        const Piece *piece = &pieces[i];
        if (piece->kind == PIECE_FRAME && piece->frame->session != session)
            status = MR_FAIL_UNSUPPORTED(err, "frames of two sessions in one");
        else if (piece->kind == PIECE_FRAME && piece->frame->command)
            status = MR_FAIL_UNSUPPORTED(err, "a command as the input of a frame");
        if (status != MR_OK || !piece->name)
            continue;
        status = mr__given(piece->text != NULL, function, piece->name, err);
        if (status == MR_OK)
            status = piece_parse(query, piece, &n_items, err);
    }
    mr_query_close(query);
    return status;
}

/* A line break after each: a comment may stand at the end of the user's. */
static MrStatus pieces_put(Piece *pieces, int32_t n_pieces, MrBuffer *text, MrError *err)
{
    int32_t n_inputs = 0;
    for (int32_t i = 0; i < n_pieces; i++) {
        Piece *piece = &pieces[i];
        piece->from = text->size_bytes;
        if (piece->kind != PIECE_FRAME)
            MR_TRY(mr_buffer_printf(text, err, "%s\n", piece->text));
        else
            MR_TRY(mr_buffer_printf(text, err, "`%s`.`%d`\n", MR_MEANING_INPUT, (int)n_inputs++));
    }
    return MR_OK;
}

static MrStatus place_nowhere(MrError *err)
{
    err->sql_idx = -1;
    err->sql_len = 0;
    return err->status;
}

/* The place of an error in the user's own text; nowhere when it lies in ours. */
static void place_in_piece(const Piece *pieces, int32_t n_pieces, MrError *err)
{
    int64_t idx = err->sql_idx;
    err->sql_idx = -1;
    for (int32_t i = 0; i < n_pieces && idx >= 0; i++) {
        const Piece *piece = &pieces[i];
        if (piece->name && idx >= piece->from && idx < piece->from + (int64_t)strlen(piece->text)) {
            err->sql_idx = (int32_t)(idx - piece->from);
            mr_error_add(err, "in %s", piece->name);
        }
    }
    if (err->sql_idx < 0)
        err->sql_len = 0;
}

#define INPUTS_MAX 2

/* The frame of the pieces, one after the other, not bound yet; a join's sides may be named. */
static MrStatus pieces_meaning(MrSession *session, const char *function, Piece *pieces,
                               int32_t n_pieces, bool names_sides, MrMeaning **out, MrError *err)
{
    MrBuffer text;
    MrMeaning *inputs[INPUTS_MAX];
    int32_t n_inputs = 0;
    MR_TRY(pieces_check(session, function, pieces, n_pieces, err));
    for (int32_t i = 0; i < n_pieces; i++)
        if (pieces[i].kind == PIECE_FRAME)
            inputs[n_inputs++] = pieces[i].frame->meaning;
    mr_buffer_init(&text, &session->budget, MR_SQL_MAX_BYTES);
    MrStatus status = pieces_put(pieces, n_pieces, &text, err);
    if (status == MR_OK)
        status = mr_meaning_create(session,
                                   &(MrMeaningSpec){.text = {text.data, text.size_bytes},
                                                    .n_inputs = n_inputs,
                                                    .inputs = inputs,
                                                    .left = names_sides ? "l" : NULL,
                                                    .right = names_sides ? "r" : NULL},
                                   out, err);
    mr_buffer_deinit(&text);
    return status;
}

static MrStatus pieces_frame(MrSession *session, const char *function, Piece *pieces,
                             int32_t n_pieces, bool names_sides, MrFrame **out, MrError *err)
{
    MrMeaning *meaning;
    MR_TRY(pieces_meaning(session, function, pieces, n_pieces, names_sides, &meaning, err));
    MrStatus status = mr_meaning_make(session, meaning, err);
    if (status == MR_OK)
        return frame_create(session, meaning, out, err);
    mr_meaning_let_go(meaning);
    place_in_piece(pieces, n_pieces, err);
    return status;
}

/* A checked frame of the pieces. */
static MrStatus frame_make(MrSession *session, const char *function, Piece *pieces,
                           int32_t n_pieces, MrFrame **out, MrError *err)
{
    return pieces_frame(session, function, pieces, n_pieces, false, out, err);
}

MrStatus mr_frame_select(MrFrame *frame, const char *exprs, MrFrame **out, MrError *err)
{
    Piece pieces[] = {SQL("SELECT"),
                      {.kind = PIECE_EXPRS, .text = exprs, .name = "exprs"},
                      SQL("FROM"),
                      FROM(frame)};
    return frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
}

MrStatus mr_frame_filter(MrFrame *frame, const char *condition, MrFrame **out, MrError *err)
{
    Piece pieces[] = {SQL("SELECT * FROM"),
                      FROM(frame),
                      SQL("WHERE"),
                      {.kind = PIECE_CONDITION, .text = condition, .name = "condition"}};
    return frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
}

/* "1, 2, 3": the keys by their places, for they may have names of their own. */
static MrStatus key_places(MrSession *session, const Piece *keys, MrBuffer *out, MrError *err)
{
    int32_t n_keys = 0;
    MrQuery *query = NULL;
    MR_TRY(mr_query_create(session, &query, err));
    MrStatus status = piece_parse(query, keys, &n_keys, err);
    mr_query_close(query);
    for (int32_t i = 1; i <= n_keys && status == MR_OK; i++)
        status = mr_buffer_printf(out, err, i > 1 ? ", %d" : "%d", (int)i);
    return status == MR_OK ? mr_buffer_put(out, "", 1, err) : status;
}

MrStatus mr_frame_group(MrFrame *frame, const char *keys, const char *aggregates, MrFrame **out,
                        MrError *err)
{
    MrBuffer places;
    Piece key_piece = {.kind = PIECE_EXPRS, .text = keys, .name = "keys"};
    Piece aggregate_piece = {.kind = PIECE_EXPRS, .text = aggregates, .name = "aggregates"};
    if (!keys || !keys[0]) {
        Piece pieces[] = {SQL("SELECT"), aggregate_piece, SQL("FROM"), FROM(frame),
                          SQL("GROUP BY GROUPING SETS (())")};
        return frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
    }
    mr_buffer_init(&places, &frame->session->budget, MR_SQL_MAX_BYTES);
    MrStatus status = key_places(frame->session, &key_piece, &places, err);
    if (status == MR_OK) {
        Piece pieces[] = {SQL("SELECT"), key_piece,   SQL(","),        aggregate_piece,
                          SQL("FROM"),   FROM(frame), SQL("GROUP BY"), SQL(places.data)};
        status = frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
    }
    mr_buffer_deinit(&places);
    return status;
}

const char *mr__join_name(const char *kind)
{
    static const struct {
        const char *name, *plain;
    } kinds[] = {{"inner", "inner"},       {"cross", "cross"},        {"left", "left"},
                 {"left", "leftouter"},    {"right", "right"},        {"right", "rightouter"},
                 {"full", "full"},         {"full", "outer"},         {"full", "fullouter"},
                 {"left semi", "semi"},    {"left semi", "leftsemi"}, {"left anti", "anti"},
                 {"left anti", "leftanti"}};
    char plain[16];
    size_t n = 0;
    for (; *kind && n + 1 < sizeof plain; kind++)
        if (*kind != '_' && *kind != ' ')
            plain[n++] = *kind;
    plain[n] = '\0';
    for (int64_t i = 0; i < MR_COUNT(kinds); i++)
        if (!*kind && mr_str_equal_nocase(kinds[i].plain, plain))
            return kinds[i].name;
    return NULL;
}

MrStatus mr_frame_join(MrFrame *left, MrFrame *right, const char *kind, const char *condition,
                       MrFrame **out, MrError *err)
{
    MR_TRY(mr__given(kind != NULL, __func__, "kind", err));
    const char *words = mr__join_name(kind);
    if (!words)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_JOIN_TYPE, "typ", kind, "supported",
                       "inner, left, right, full, left semi, left anti, cross");
    bool is_cross = strcmp(words, "cross") == 0;
    Piece pieces[] = {SQL("SELECT * FROM"),
                      FROM(left),
                      SQL("AS l"),
                      SQL(words),
                      SQL("JOIN"),
                      FROM(right),
                      SQL("AS r"),
                      SQL("ON"),
                      {.kind = PIECE_CONDITION, .text = condition, .name = "condition"}};
    int32_t n_pieces = is_cross && !condition ? MR_COUNT(pieces) - 2 : MR_COUNT(pieces);
    return pieces_frame(left->session, __func__, pieces, n_pieces, true, out, err);
}

MrStatus mr_frame_order(MrFrame *frame, const char *keys, MrFrame **out, MrError *err)
{
    Piece pieces[] = {SQL("SELECT * FROM"),
                      FROM(frame),
                      SQL("ORDER BY"),
                      {.kind = PIECE_SORTS, .text = keys, .name = "keys"}};
    return frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
}

MrStatus mr_frame_limit(MrFrame *frame, int64_t n_rows, MrFrame **out, MrError *err)
{
    char digits[MR_I64_TEXT_MAX + 1] = {0};
    mr_i64_to_text(n_rows, digits);
    Piece pieces[] = {SQL("SELECT * FROM"), FROM(frame), SQL("LIMIT"), SQL(digits)};
    return frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
}

MrStatus mr_frame_union(MrFrame *first, MrFrame *second, MrFrame **out, MrError *err)
{
    Piece pieces[] = {SQL("SELECT * FROM"), FROM(first), SQL("UNION ALL SELECT * FROM"),
                      FROM(second)};
    return frame_make(first->session, __func__, pieces, MR_COUNT(pieces), out, err);
}

MrStatus mr_frame_distinct(MrFrame *frame, MrFrame **out, MrError *err)
{
    Piece pieces[] = {SQL("SELECT DISTINCT * FROM"), FROM(frame)};
    return frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
}

MrStatus mr_frame_watermark(MrFrame *frame, const char *time_column, const char *delay,
                            MrFrame **out, MrError *err)
{
    char interval[100];
    MR_TRY(mr__given(delay != NULL, __func__, "delay", err));
    if (strpbrk(delay, "'\\\n") || strlen(delay) > sizeof interval - 30)
        return mr__bad_parameter(__func__, "delay", "an interval, as 10 seconds", delay, err);
    snprintf(interval, sizeof interval, "DELAY OF INTERVAL '%s'", delay);
    Piece pieces[] = {SQL("SELECT * FROM"),
                      FROM(frame),
                      SQL("WATERMARK"),
                      {.kind = PIECE_CONDITION, .text = time_column, .name = "time_column"},
                      SQL(interval)};
    return frame_make(frame->session, __func__, pieces, MR_COUNT(pieces), out, err);
}

MrStatus mr_frame_create_view(MrFrame *frame, const char *name, MrError *err)
{
    MrStatus status;
    MR_TRY(mr__given(name != NULL, __func__, "name", err));
    if (!name[0])
        return mr__bad_parameter(__func__, "name", "not empty", "", err);
    if (frame->command)
        return MR_FAIL_UNSUPPORTED(err, "a command as the input of a frame");
    MR_GUARD_BEGIN(status, err)
        status = mr_meaning_put_view(frame->session, frame->meaning, name, err);
    MR_GUARD_END(status)
    return status;
}

/* ---------------------------------------------------------------- frames from sources */

MrStatus mr__key_values_check(const char *function, const MrKeyValue *given, int32_t n_given,
                              MrError *err)
{
    if (n_given < 0)
        return mr__bad_number(function, "n_options", "0 or more", n_given, err);
    bool complete = given || n_given == 0;
    for (int32_t i = 0; complete && i < n_given; i++)
        complete = given[i].key && given[i].value;
    return mr__given(complete, function, "options", err);
}

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

MrStatus mr__frame_of_source(MrSession *session, const MrTable *source, const char *source_name,
                             bool streaming, MrFrame **out, MrError *err)
{
    const char *text = streaming ? "SELECT * FROM STREAM `" MR_MEANING_SOURCE "`"
                                 : "SELECT * FROM `" MR_MEANING_SOURCE "`";
    MR_TRY(mr__frame_of_text(
        session,
        &(MrMeaningSpec){.text = mr_text(text), .source = source, .source_name = source_name}, out,
        err));
    return MR_OK;
}

/* A checkpoint is bound to its source's format and path: options may change. */
static MrStatus frame_read(MrQuery *query, const MrReadOptions *options, MrFrame **out,
                           MrError *err)
{
    const char *format = options->format ? options->format : "parquet";
    const MrConnectorType *type = mr_connector_find(format);
    if (!type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", format);
    MrTable source = {.kind = MR_CATALOG_VIEW,
                      .database = MR_CATALOG_TEMP,
                      .name = MR_MEANING_SOURCE,
                      .provider = type->name};
    source.options =
        mr__key_values(&query->arena, options->options, options->n_options, options->path);
    if (options->schema) {
        const MrType *schema;
        MR_TRY(mr_type_parse(&query->arena, mr_text(options->schema), true, &schema, err));
        source.schema = (MrSchema){schema->n_fields, schema->fields};
    }
    const char *path = mr_option(&source.options, NULL, "path");
    return mr__frame_of_source(query->session, &source,
                               mr_arena_printf(&query->arena, "%s%s%s", source.provider,
                                               path ? " " : "", path ? path : ""),
                               options->streaming, out, err);
}

MrStatus mr_session_read(MrSession *session, const MrReadOptions *options, MrFrame **out,
                         MrError *err)
{
    static const MrReadOptions defaults = {0};
    options = options ? options : &defaults;
    MrStatus status;
    MrQuery *query;
    MR_TRY(mr__key_values_check(__func__, options->options, options->n_options, err));
    MR_TRY(mr_query_create(session, &query, err));
    MR_GUARD_BEGIN(status, err)
        status = frame_read(query, options, out, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    return status == MR_OK ? MR_OK : place_nowhere(err);
}

/* ---------------------------------------------------------------- reading */

/* The error of a run; a place in a text that the user did not write is none. */
static MrStatus frame_failed(const MrFrame *frame, MrError *err)
{
    return frame->is_users ? err->status : place_nowhere(err);
}

/* As Spark: it would have no end, or none of its rows. */
static MrStatus fail_streaming(MrError *err)
{
    return MR_FAIL_UNSUPPORTED(err, "reading a streaming frame; mr_frame_start runs it");
}

MrStatus mr__frame_query(MrFrame *frame, MrQuery **out, MrError *err)
{
    if (mr_meaning_streaming(frame->meaning))
        return fail_streaming(err);
    MrStatus status = mr_meaning_query(frame->session, frame->meaning, out, err);
    return status == MR_OK ? MR_OK : frame_failed(frame, err);
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
    MrMeaning *count = NULL;
    MrQuery *query = NULL;
    int64_t n = 0;
    if (frame->command)
        return command_count(frame->command, n_rows, err);
    if (mr_meaning_streaming(frame->meaning))
        return fail_streaming(err);
    Piece pieces[] = {SQL("SELECT count(*) FROM"), FROM(frame)};
    MR_TRY(pieces_meaning(frame->session, __func__, pieces, MR_COUNT(pieces), false, &count, err));
    MrStatus status = mr_meaning_query(frame->session, count, &query, err);
    if (status == MR_OK)
        status = first_i64(query, &n, err);
    mr_query_close(query);
    mr_meaning_let_go(count);
    if (status != MR_OK)
        return place_nowhere(err);
    *n_rows = n;
    return MR_OK;
}

/* ---------------------------------------------------------------- show */

static MrStatus show_rows(MrQuery *query, MrShowTable *table, MrError *err)
{
    while (!table->more) { /* closing the query stops it */
        MrStatus status;
        MrBatch *batch;
        MR_TRY(mr_query_next(query, &batch, err));
        if (!batch)
            break;
        MR_GUARD_BEGIN(status, err)
            mr_show_add(table, batch);
        MR_GUARD_END(status)
        mr_batch_destroy(batch);
        MR_TRY(status);
    }
    return MR_OK;
}

MrStatus mr_frame_show(MrFrame *frame, const MrShowOptions *options, FILE *to, MrError *err)
{
    MrStatus status;
    MrQuery *query = frame->command;
    MrArena arena;
    if (options && options->n_rows < 0)
        return mr__bad_number(__func__, "n_rows", "0 or more", options->n_rows, err);
    if (!query)
        MR_TRY(mr__frame_query(frame, &query, err));
    else
        query->next_row = 0;
    mr_arena_init(&arena, &frame->session->budget);
    MrShowTable table = {.arena = &arena,
                         .schema = mr_query_schema(query),
                         .settings = mr_session_settings(frame->session), /* as Spark: of now */
                         .n_max = options && options->n_rows > 0 ? options->n_rows : 20,
                         .cut_at = options && options->keep_long ? 0 : 20};
    MR_GUARD_BEGIN(status, err)
        mr_show_begin(&table);
    MR_GUARD_END(status)
    if (status == MR_OK)
        status = show_rows(query, &table, err);
    if (status == MR_OK)
        mr_show_print(&table, to);
    mr_arena_deinit(&arena);
    if (query != frame->command)
        mr_query_close(query);
    return status == MR_OK ? MR_OK : frame_failed(frame, err);
}

/* ---------------------------------------------------------------- write */

static MrStatus save_mode(const char *mode, MrSaveMode *out, MrError *err)
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

/* "a, b" to places in the schema. */
static MrStatus partition_places(MrArena *arena, const MrSchema *schema, const char *names,
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
                           mr_quote_name(arena, mr_arena_strn(arena, name.data, name.size_bytes)));
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
    if (mr_meaning_streaming(frame->meaning))
        return fail_streaming(err);
    MR_TRY(mr_meaning_bind(frame->meaning, query, &bound, err));
    spec.options =
        mr__key_values(&query->arena, options->options, options->n_options, options->path);
    MR_TRY(save_mode(options->mode, &spec.mode, err));
    MR_TRY(partition_places(&query->arena, &query->schema, options->partition_by,
                            &spec.n_partition_cols, &spec.partition_cols, err));
    return mr_query_write(query, bound.plan, &spec, err);
}

MrStatus mr_frame_write(MrFrame *frame, const MrWriteOptions *options, MrError *err)
{
    static const MrWriteOptions defaults = {0};
    options = options ? options : &defaults;
    MrStatus status;
    MrQuery *query;
    MR_TRY(mr__key_values_check(__func__, options->options, options->n_options, err));
    mr_interrupt_over(frame->session);
    MR_TRY(mr_query_create(frame->session, &query, err));
    MR_GUARD_BEGIN(status, err)
        mr_guard_watch(&frame->session->canceled);
        status = frame_write(frame, query, options, err);
    MR_GUARD_END(status)
    mr_query_close(query);
    return status;
}
