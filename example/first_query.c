/* first_query.c - a session, a table, a query: shown, counted, and read through Arrow.
 *
 * Build: cc first_query.c $(pkg-config --cflags --libs millrace)      Run: ./first_query
 * [WAREHOUSE] */
#include "arrow_c.h"

#include <millrace.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs a command, whose rows nobody wants. */
static MrStatus command(MrSession *session, const char *sql, MrError *err)
{
    MrFrame *frame;
    MrStatus status = mr_session_sql(session, sql, &frame, err);
    if (status == MR_OK)
        mr_frame_close(frame);
    return status;
}

/* The largest value of column (a BIGINT without NULLs), read array by array.  A stream that fails
 * keeps its message. */
static int64_t largest(struct ArrowArrayStream *stream, int64_t column, const char **message)
{
    int64_t max = INT64_MIN;
    for (;;) {
        struct ArrowArray array;
        if (stream->get_next(stream, &array) != 0) {
            *message = stream->get_last_error(stream);
            return max;
        }
        if (!array.release) /* the end */
            return max;
        const struct ArrowArray *child = array.children[column];
        const int64_t *values = child->buffers[1];
        for (int64_t i = 0; i < array.length; i++)
            if (values[child->offset + i] > max)
                max = values[child->offset + i];
        array.release(&array);
    }
}

static MrStatus largest_total(MrFrame *frame, MrError *err)
{
    struct ArrowArrayStream stream;
    const char *message = NULL;
    MrStatus status = mr_frame_arrow(frame, &stream, err);
    if (status != MR_OK)
        return status;
    int64_t max = largest(&stream, 2, &message);
    if (message) {
        fprintf(stderr, "the stream failed: %s\n", message);
        exit(1);
    }
    printf("largest total: %" PRId64 "\n", max);
    stream.release(&stream);
    return MR_OK;
}

static MrStatus run(MrSession *session, MrError *err)
{
    int64_t n_rows;
    MrFrame *totals, *many = NULL;
    MrStatus status =
        command(session,
                "CREATE OR REPLACE TEMPORARY VIEW payments AS SELECT * FROM VALUES "
                "('anna', 120), ('ben', 35), ('anna', 80), ('cleo', 5), ('ben', 7), ('anna', 1) "
                "AS t(card, amount)",
                err);
    if (status == MR_OK)
        status = mr_session_sql(session,
                                "SELECT card, count(*) AS n, sum(amount) AS total FROM payments "
                                "GROUP BY card ORDER BY card",
                                &totals, err);
    if (status != MR_OK)
        return status;
    status = mr_frame_show(totals, NULL, stdout, err);
    if (status == MR_OK)
        status = mr_frame_filter(totals, "n > 1", &many, err);
    if (status == MR_OK)
        status = mr_frame_count(many, &n_rows, err);
    if (status == MR_OK)
        printf("cards with more than one payment: %" PRId64 "\n", n_rows);
    if (status == MR_OK)
        status = largest_total(totals, err);
    mr_frame_close(many);
    mr_frame_close(totals);
    return status;
}

static void report(const MrError *err)
{
    char text[2000];
    mr_error_message(err, text, sizeof text);
    fprintf(stderr, "%s\n", text);
}

int main(int argc, char **argv)
{
    MrError err = {0};
    MrSession *session;
    MrSessionOptions options = {.warehouse = argc > 1 ? argv[1] : NULL};
    MrStatus status = mr_session_open(&options, &session, &err);
    if (status == MR_OK) {
        status = run(session, &err);
        if (status == MR_OK) { /* and how a mistake is told of */
            MrError wrong = {0};
            if (command(session, "SELECT amount / 0 AS x, cart FROM payments", &wrong) != MR_OK)
                printf("a mistake: %s\n", mr_error_condition(&wrong));
        }
        mr_session_close(session);
    }
    if (status != MR_OK)
        report(&err);
    return status == MR_OK ? 0 : 1;
}
