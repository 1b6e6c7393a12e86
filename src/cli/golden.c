/* golden.c - the conformance protocol: {"sql": ...} a line in, an answer a line out. */
#include "cli/cli_int.h"

#include "base/json.h"

/* Where the place in the text is not part of Spark's answer. */
static bool has_context(const MrError *err)
{
    return err->sql_idx >= 0 && err->condition != MR_COND_PARSE_SYNTAX_ERROR &&
           err->condition != MR_COND_PARSE_EMPTY_STATEMENT;
}

static void put_error(MrTextBuilder *out, const MrError *err, MrText sql)
{
    mr_builder_str(out, "{");
    mr_json_put_member(out, "error", mr_error_class(err));
    mr_builder_str(out, ", \"message\": {");
    mr_json_put_member(out, "errorClass", mr_error_condition(err));
    mr_builder_str(out, ", ");
    mr_json_put_member(out, "sqlState", mr_error_sqlstate(err));
    if (err->params_bytes > 0) {
        mr_builder_str(out, ", \"messageParameters\": {");
        for (int32_t at = 0; at < err->params_bytes;) {
            const char *name = err->params + at, *value = name + strlen(name) + 1;
            mr_builder_str(out, at > 0 ? ", " : "");
            mr_json_put_member(out, name, value);
            at = (int32_t)(value + strlen(value) + 1 - err->params);
        }
        mr_builder_char(out, '}');
    }
    if (has_context(err) && err->sql_idx + err->sql_len <= sql.size_bytes) {
        int64_t start = mr_utf8_length(sql.data, err->sql_idx) + 1;
        int64_t length = mr_utf8_length(sql.data + err->sql_idx, err->sql_len);
        mr_builder_printf(out,
                          ", \"queryContext\": [{\"objectType\": \"\", \"objectName\": \"\", "
                          "\"startIndex\": %lld, "
                          "\"stopIndex\": %lld, \"fragment\": ",
                          (long long)start, (long long)(start + length - 1));
        mr_json_put_string(out, (MrText){sql.data + err->sql_idx, err->sql_len});
        mr_builder_str(out, "}]");
    }
    mr_builder_str(out, "}}\n");
}

/* Answers one statement; a failure is an answer too. */
static MrStatus answer(MrSession *session, MrArena *arena, MrText line, MrError *err)
{
    MrStatus status;
    MrJson *request;
    MrQuery *query = NULL;
    MR_TRY(mr_json_parse(arena, line, "request line", &request, err));
    const MrJson *sql = mr_json_get(request, "sql");
    if (!sql || sql->kind != MR_JSON_STRING)
        return mr_error_raisef(err, MR_COND_INVALID_PARAMETER_VALUE__NULL, "parameter", "sql");
    char *text = NULL; /* the rows go to memory first: an error may come after some of them */
    size_t text_bytes = 0;
    FILE *rows = open_memstream(&text, &text_bytes);
    if (!rows)
        return MR_FAIL_INTERNAL(err, "no memory stream for the answer");
    status = mr_session_query(session, sql->text, &query, err);
    if (status == MR_OK)
        status = mr__print_query(session, query, MR_FORMAT_GOLDEN, rows, err);
    mr_query_close(query);
    fclose(rows);
    if (status == MR_OK)
        fwrite(text, 1, text_bytes, stdout);
    free(text); /* open_memstream's */
    if (status != MR_OK) {
        MrTextBuilder out = {.arena = arena};
        put_error(&out, err, sql->text);
        MrText shown = mr_builder_text(&out);
        fwrite(shown.data, 1, (size_t)shown.size_bytes, stdout);
    }
    fflush(stdout);
    return MR_OK;
}

typedef struct RequestLine { /* as getline wants it */
    char *data;
    size_t cap_bytes;
    ssize_t size_bytes;
} RequestLine;

int mr__run_golden(MrSession *session)
{
    MrStatus status = MR_OK;
    MrError err;
    MrArena arena;
    RequestLine line = {0};
    mr_arena_init(&arena, mr_session_budget(session));
    while (status == MR_OK && (line.size_bytes = getline(&line.data, &line.cap_bytes, stdin)) > 0) {
        err = (MrError){.sql_idx = -1};
        MR_GUARD_BEGIN(status, &err)
            status = answer(session, &arena, (MrText){line.data, line.size_bytes}, &err);
        MR_GUARD_END(status)
        mr_arena_reset(&arena);
    }
    if (status != MR_OK)
        mr__print_error(&err, (MrText){0}, NULL);
    free(line.data); /* getline's */
    mr_arena_deinit(&arena);
    return status == MR_OK ? MR_EXIT_OK : MR_EXIT_FAILED;
}
