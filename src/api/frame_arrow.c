/* frame_arrow.c - frames to and from the Arrow C stream interface. */
#include "api/frame_int.h"

#include <errno.h>
#include <inttypes.h>

/* ---------------------------------------------------------------- out */

typedef struct ArrowReader {
    MrSession *session;
    MrQuery *query;
    MrFrame *command; /* whose rows they are; NULL: the query is the reader's */
    int64_t next_row; /* of a command */
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
    MrArrowOwner owner = mr__session_arrow_owner(reader->session);
    MrStatus status =
        mr_arrow_export_schema(&owner, mr_query_schema(reader->query), out, &reader->err);
    return status == MR_OK ? 0 : arrow_failed(reader);
}

static int arrow_next(struct ArrowArrayStream *stream, struct ArrowArray *out)
{
    ArrowReader *reader = stream->private_data;
    MrBatch *batch;
    *out = (struct ArrowArray){0};
    if (reader->command) /* other readers are elsewhere in its rows */
        reader->query->next_row = reader->next_row;
    if (mr_query_next(reader->query, &batch, &reader->err) != MR_OK)
        return arrow_failed(reader);
    reader->next_row = reader->query->next_row;
    if (!batch)
        return 0; /* released array: the end */
    MrArrowOwner owner = mr__session_arrow_owner(reader->session);
    MrStatus status =
        mr_arrow_export_batch(&owner, mr_query_schema(reader->query), batch, out, &reader->err);
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
    MrSession *session = reader->session;
    if (reader->command)
        mr_frame_close(reader->command);
    else
        mr_query_close(reader->query);
    mr_budget_free(&session->budget, reader, (int64_t)sizeof *reader);
    mr__session_let_go(session);
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
        reader->command = mr__frame_hold(frame);
    } else {
        MrStatus status = mr__frame_query(frame, &reader->query, err);
        if (status != MR_OK) {
            mr_budget_free(&session->budget, reader, (int64_t)sizeof *reader);
            return status;
        }
    }
    mr__session_hold(session);
    *out = (struct ArrowArrayStream){.get_schema = arrow_schema,
                                     .get_next = arrow_next,
                                     .get_last_error = arrow_error,
                                     .release = arrow_release,
                                     .private_data = reader};
    return MR_OK;
}

/* ---------------------------------------------------------------- in */

typedef struct ArrowGiver {
    struct ArrowArrayStream *stream;
    struct ArrowSchema schema; /* released when it was read */
    struct ArrowArray array;
    MrMemorySource *rows; /* the session's */
    MrBatch *batch;
    char name[48]; /* of the rows */
} ArrowGiver;

static MrStatus giver_failed(ArrowGiver *giver, MrError *err)
{
    const char *message = giver->stream->get_last_error(giver->stream);
    return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "read", "path", "an Arrow stream", "message",
                   message ? message : "no reason given");
}

static MrStatus take_array(ArrowGiver *giver, const MrSchema *schema, MrError *err)
{
    int64_t length = giver->array.length;
    /* A negative length is looked at, too: to be refused. */
    for (int64_t from = 0; from < length || (from == 0 && length < 0); from += MR_BATCH_ROWS) {
        int64_t n = length - from;
        mr_batch_reset(giver->batch);
        MR_TRY(mr_arrow_import_rows(&giver->schema, &giver->array, schema, from,
                                    n < MR_BATCH_ROWS ? n : MR_BATCH_ROWS, giver->batch, err));
        MR_TRY(mr_memory_source_append(giver->rows, giver->batch, err));
    }
    return MR_OK;
}

static MrStatus take_all(MrQuery *query, ArrowGiver *giver, MrError *err)
{
    MrSession *session = query->session;
    MrSchema schema;
    if (giver->stream->get_schema(giver->stream, &giver->schema) != 0)
        return giver_failed(giver, err);
    MR_TRY(mr_arrow_import_schema(&query->arena, &giver->schema, &schema, err));
    snprintf(giver->name, sizeof giver->name, "_frame_%016" PRIx64 "%016" PRIx64, query->seed,
             session->os->random_u64(session->os));
    MR_TRY(mr_memory_table_create(session, giver->name, &schema, &giver->rows, err));
    MR_TRY(mr_batch_create(&query->budget, &giver->batch, err));
    for (;;) {
        if (giver->stream->get_next(giver->stream, &giver->array) != 0)
            return giver_failed(giver, err);
        if (!giver->array.release)
            break;
        MR_TRY(take_array(giver, &schema, err));
        giver->array.release(&giver->array);
    }
    return MR_OK;
}

MrStatus mr_session_arrow(MrSession *session, struct ArrowArrayStream *rows, MrFrame **out,
                          MrError *err)
{
    MrStatus status;
    MrQuery *query = NULL;
    ArrowGiver giver = {.stream = rows};
    MR_TRY(mr__given(rows && rows->release, __func__, "rows", err));
    status = mr_query_create(session, &query, err);
    if (status == MR_OK) {
        MR_GUARD_BEGIN(status, err)
            status = take_all(query, &giver, err);
        MR_GUARD_END(status)
        mr_batch_destroy(giver.batch);
        mr_query_close(query);
    }
    if (giver.array.release)
        giver.array.release(&giver.array);
    if (giver.schema.release)
        giver.schema.release(&giver.schema);
    rows->release(rows);
    MR_TRY(status);
    const MrTable source = {.kind = MR_CATALOG_VIEW,
                            .database = MR_CATALOG_TEMP,
                            .name = giver.name,
                            .provider = mr_connector_memory_sink.name};
    return mr__frame_of_source(session, &source, "arrow", false, out, err);
}
