/* pipeline.c - what `millrace run` asks of a session: flows and their tables. */
#include "session/pipeline.h"

#include "base/json.h"
#include "session/session_int.h"
#include "sql/sql.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

typedef struct Flow Flow;
struct Flow {
    Flow *next;
    const char *database, *name;
    MrQuery *query;   /* its plan, sources, arena */
    MrStream *stream; /* NULL: a materialized view */
    MrView view;
    const MrTable *table;
    const MrPlan *plan;
    int32_t sql_idx; /* of its statement in the script */
    bool ended, visited;
};

typedef struct Pipeline {
    MrSession *session;
    const MrPipelineOptions *options;
    MrArena arena;
    MrFile *lock;
    Flow *flows, *last;
} Pipeline;

static void news(Pipeline *pipeline, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void news(Pipeline *pipeline, const char *format, ...)
{
    va_list args;
    char line[512];
    if (!pipeline->options->news)
        return;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    pipeline->options->news(pipeline->options->self, line);
}

/* The table that the flow fills is another one now, or none. */
static bool table_dropped(const Flow *flow)
{
    MrTable *now = NULL;
    MrError ignored = {0};
    MrStatus status;
    MrCatalog *catalog = flow->query->session->catalog;
    MR_GUARD_BEGIN(status, &ignored)
        status = mr_catalog_get(catalog, &flow->query->arena, flow->table->database,
                                flow->table->name, false, &now, &ignored);
    MR_GUARD_END(status)
    return status == MR_OK && (!now || now->created_us != flow->table->created_us);
}

/* An error of a flow that runs: where the flow stands, as places in its query's text mean nothing
 * in the script. */
static MrStatus flow_failed(const Flow *flow, MrStatus status, MrError *err)
{
    if (status != MR_OK) {
        err->sql_idx = flow->sql_idx;
        err->sql_len = 0;
        mr_error_add(err, "in flow '%s'", flow->name);
        if (table_dropped(flow))
            mr_error_add(err, "the table '%s' was dropped while the flow ran", flow->table->name);
    }
    return status;
}

/* One pipeline at a time on a warehouse. */
static MrStatus take_lock(Pipeline *pipeline, MrError *err)
{
    MrOs *os = pipeline->session->os;
    MrFileInfo info;
    bool taken = false;
    const char *dir =
        mr_arena_printf(&pipeline->arena, "%s/_millrace", pipeline->session->warehouse);
    const char *path = mr_arena_printf(&pipeline->arena, "%s/pipeline.lock", dir);
    MR_TRY(os->make_dir(os, dir, err));
    MR_TRY(os->stat(os, path, &info, err));
    MrStatus status = os->file_open(os, path, info.exists ? MR_FILE_READ_WRITE : MR_FILE_CREATE,
                                    &pipeline->lock, err);
    if (status != MR_OK) /* another one may have made it meanwhile */
        MR_TRY(os->file_open(os, path, MR_FILE_READ_WRITE, &pipeline->lock, err));
    MR_TRY(os->file_lock(pipeline->lock, &taken, err));
    char holder[64] = "";
    int64_t n_holder = 0;
    if (taken) { /* only for those who are refused: it need not last */
        snprintf(holder, sizeof holder, "%-20lld\n", (long long)mr_process_id());
        return os->file_write_at(pipeline->lock, 0, holder, (int64_t)strlen(holder), err);
    }
    MR_TRY(os->file_read_at(pipeline->lock, 0, holder, sizeof holder - 1, &n_holder, err));
    MrStatus refused = MR_FAIL(err, MR_COND_CONCURRENT_STREAM_LOG_UPDATE, "batchId",
                               mr_arena_printf(&pipeline->arena, "the pipeline of warehouse '%s'",
                                               pipeline->session->warehouse));
    mr_error_add(err, "process %lld runs it; it holds the lock of '%s'", atoll(holder), path);
    return refused;
}

static MrStatus flow_add(Pipeline *pipeline, const char *database, const char *name, MrQuery *query,
                         Flow **out, MrError *err)
{
    for (Flow *other = pipeline->flows; other; other = other->next)
        if (mr_str_equal_nocase(other->name, name) &&
            mr_str_equal_nocase(other->database, database))
            return MR_FAIL(err, MR_COND_PIPELINE_DUPLICATE_IDENTIFIERS__FLOW, "flowName", name,
                           "datasetNames", other->name);
    Flow *flow = MR_NEW(&pipeline->arena, Flow);
    flow->database = mr_arena_str(&pipeline->arena, database);
    flow->name = mr_arena_str(&pipeline->arena, name);
    flow->query = query;
    *(pipeline->last ? &pipeline->last->next : &pipeline->flows) = flow;
    pipeline->last = flow;
    *out = flow;
    return MR_OK;
}

/* Forgets where the flow was: its positions mean nothing for a table that holds nothing yet. */
static MrStatus flow_begin_anew(MrQuery *query, const char *database, const char *flow,
                                MrError *err)
{
    MrSession *session = query->session;
    return mr_os_discard_tree(
        session->os, mr_catalog_flow_path(session->catalog, &query->arena, database, flow), err);
}

/* Beside its checkpoint a flow keeps which table it fills. */
static const char *filled_path(MrQuery *query, const char *database, const char *flow)
{
    return mr_arena_printf(
        &query->arena, "%s.table",
        mr_catalog_flow_path(query->session->catalog, &query->arena, database, flow));
}

/* Says so once there is a checkpoint. */
static MrStatus filled_note(MrQuery *query, const char *flow, const MrTable *table, MrError *err)
{
    MrTextBuilder text = {.arena = &query->arena};
    mr_builder_str(&text, "{");
    mr_json_put_member(&text, "flow", flow);
    mr_builder_str(&text, ", ");
    mr_json_put_member(&text, "table", mr__table_quoted(&query->arena, table));
    mr_builder_printf(&text, ", \"createdUs\": %" PRId64, table->created_us);
    mr_json_end_checked(&text);
    return mr_os_write_file(query->session->os, filled_path(query, table->database, flow),
                            mr_builder_text(&text), MR_STEP_CATALOG_FILE_SYNC,
                            MR_STEP_CATALOG_FOLDER_SYNC, err);
}

static MrStatus filled_read(MrQuery *query, const char *path, MrJson **out, MrError *err)
{
    MrBuffer buf;
    MrStatus status;
    MrText text = {NULL, 0};
    mr_buffer_init(&buf, &query->budget, 4096);
    MR_GUARD_BEGIN(status, err)
        status = mr_os_read_file(query->session->os, path, 4096, &buf, err);
        if (status == MR_OK)
            text = mr_text_own(&query->arena, (MrText){buf.data, buf.size_bytes});
    MR_GUARD_END(status)
    mr_buffer_deinit(&buf);
    MR_TRY(status);
    MR_TRY(mr_json_check(text, path, err));
    return mr_json_parse(&query->arena, text, path, out, err);
}

/* Before the flow starts.  When its table was dropped and made anew, with its data, the flow begins
 * anew as well.  Where the table is the same and the checkpoint is gone, it would read everything
 * into it once more. */
static MrStatus filled_check(MrQuery *query, const char *flow, const MrTable *table, bool *known,
                             MrError *err)
{
    MrOs *os = query->session->os;
    MrArena *arena = &query->arena;
    MrFileInfo info;
    MrJson *filled;
    const char *path = filled_path(query, table->database, flow);
    MR_TRY(os->stat(os, path, &info, err));
    *known = info.exists;
    if (!info.exists)
        return MR_OK;
    MrStatus status = filled_read(query, path, &filled, err);
    if (status != MR_OK)
        mr_error_add(err, "it says which table the flow fills: where that is still the same, the "
                          "file can be removed");
    MR_TRY(status);
    const char *of_flow = mr_json_str(filled, "flow"), *of_table = mr_json_str(filled, "table");
    /* Its making tells the table; table and flow may have got another name together. */
    *known = of_table && mr_json_i64(filled, "createdUs", 0) == table->created_us;
    bool moved = *known && !mr_str_equal_nocase(of_table, mr__table_quoted(arena, table));
    if (!of_flow || !of_table || (!moved && !mr_str_equal_nocase(of_flow, flow)))
        return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text",
                               "%s is of another flow, '%s'", path, of_flow ? of_flow : "");
    if (!*known)
        return flow_begin_anew(query, table->database, flow, err);
    const char *metadata = mr_arena_printf(
        arena, "%s/metadata.json",
        mr_catalog_flow_path(query->session->catalog, arena, table->database, flow));
    MR_TRY(os->stat(os, metadata, &info, err));
    if (info.exists)
        return MR_OK;
    status = MR_FAIL(err, MR_COND_BATCH_METADATA_NOT_FOUND, "batchMetadataFile", metadata);
    mr_error_add(err,
                 "the checkpoint is gone, and the table would get all its rows once more: put it "
                 "back, or DROP TABLE %s: then both begin anew",
                 mr__table_quoted(arena, table));
    return status;
}

/* The columns are those declared, else the query's; partition columns stand last. */
static MrStatus flow_columns(MrQuery *query, const MrSqlCreateTable *create, const MrPlan *plan,
                             MrTable *table, MrError *err)
{
    if (create->n_columns > 0) {
        MR_TRY(mr__table_columns(query, create, table, err));
    } else {
        table->schema = mr_plan_schema(&query->arena, plan);
        MR_TRY(mr__table_partitions(query, create, table, err));
    }
    const MrSchema *schema = &table->schema;
    for (int32_t i = 0; i < schema->n_cols; i++)
        for (int32_t k = 0; k < i; k++)
            if (mr_str_equal_nocase(schema->cols[k].name, schema->cols[i].name))
                return MR_FAIL(err, MR_COND_COLUMN_ALREADY_EXISTS, "columnName",
                               mr_quote_name(&query->arena, schema->cols[i].name));
    return mr__table_partitions_last(query, table, err);
}

/* What the files of the table depend on and differs from when it was made; NULL: nothing. */
static const char *table_differs(const MrTable *old, const MrTable *table)
{
    bool same = old->options.n_options == table->options.n_options;
    for (int32_t i = 0; same && i < table->options.n_options; i++) {
        const MrOption *option = &table->options.options[i];
        const char *before = mr_option(&old->options, NULL, option->key);
        same = before && strcmp(before, option->value) == 0;
    }
    if (!same)
        return "its OPTIONS";
    if (!mr_str_equal_nocase(old->provider, table->provider))
        return "its format (USING)";
    same = old->n_partition_cols == table->n_partition_cols;
    for (int32_t i = 0; same && i < table->n_partition_cols; i++)
        same = mr_str_equal_nocase(old->partition_cols[i], table->partition_cols[i]);
    if (!same)
        return "its partitioning (PARTITIONED BY)";
    if (old->location && table->location && strcmp(old->location, table->location) != 0)
        return "its LOCATION";
    return mr__schema_equal(&old->schema, &table->schema) ? NULL : "the columns of its query";
}

/* A stream adds to what is there, so that must stay readable; a view begins anew, so that nobody
 * reads its old rows as if they had the new columns. */
static MrStatus table_changes(MrQuery *query, const MrTable *old, const MrTable *table,
                              MrError *err)
{
    const char *what = table_differs(old, table), *name = mr__table_quoted(&query->arena, old);
    if (!what)
        return MR_OK;
    if (table->kind == MR_CATALOG_MATERIALIZED_VIEW) {
        MrQuery *clearing;
        if (!table->location || !old->location || strcmp(old->location, table->location) != 0)
            return MR_OK;
        MR_TRY(mr_query_create(query->session, &clearing, err));
        MrStatus status = mr__table_clear(clearing, table, err);
        mr_query_close(clearing);
        return status;
    }
    MrStatus refused =
        MR_FAIL(err, MR_COND_STATE_STORE_KEY_SCHEMA_NOT_COMPATIBLE, "storedKeySchema",
                mr_arena_printf(&query->arena, "table %s keeps what it was made with", name),
                "newKeySchema", mr_arena_printf(&query->arena, "the text has changed %s", what));
    mr_error_add(err, "put it back as it was, or DROP TABLE %s: then it and its flows begin anew",
                 name);
    return refused;
}

/* The table that a flow fills: made at the first run (*is_new), the same at later ones.  plan NULL:
 * a table that others fill (CREATE FLOW).  *lock: open until others may make one of this name. */
static MrStatus flow_table(MrQuery *query, const MrSqlCreateTable *create, const MrPlan *plan,
                           MrFile **lock, MrTable **out, bool *is_new, MrError *err)
{
    MrArena *arena = &query->arena;
    MrCatalog *catalog = query->session->catalog;
    MrTable *table = MR_NEW(arena, MrTable), *old;
    bool is_view = create->table_kind == MR_SQL_TABLE_MATERIALIZED_VIEW;
    *table = (MrTable){.kind = is_view ? MR_CATALOG_MATERIALIZED_VIEW : MR_CATALOG_STREAMING_TABLE,
                       .provider = create->provider ? create->provider : "parquet",
                       .options = mr__options_own(arena, &create->options),
                       .properties = mr__options_own(arena, &create->properties),
                       .comment = create->comment,
                       .created_us = query->now_us,
                       .sql = plan ? mr__source_text(query, create->query->place) : NULL,
                       .sql_database = mr_arena_str(arena, query->session->database),
                       .external = create->location != NULL};
    MR_TRY(mr__name_resolve(query, &create->name, &table->database, &table->name, err));
    MR_TRY(mr__name_check(query, table->name, err));
    MR_TRY(flow_columns(query, create, plan, table, err));
    const MrConnectorType *type = mr_connector_find(table->provider);
    if (!type)
        return MR_FAIL(err, MR_COND_DATA_SOURCE_NOT_FOUND, "provider", table->provider);
    if (create->location)
        table->location = create->location;
    else if (type->flags & MR_CONN_BATCH_WRITE)
        table->location = mr_catalog_table_path(catalog, arena, table->database, table->name);
    MR_TRY(mr_catalog_lock(catalog, arena, table->database, table->name, lock, err));
    MR_TRY(mr_catalog_get(catalog, arena, table->database, table->name, false, &old, err));
    if (old && old->kind != table->kind)
        return MR_FAIL(err, MR_COND_TABLE_OR_VIEW_ALREADY_EXISTS, "relationName",
                       mr__table_quoted(arena, old));
    if (old) {
        MR_TRY(table_changes(query, old, table, err));
        table->created_us = old->created_us;
    }
    if (!old)
        MR_TRY(mr__table_location_free(query, table, err));
    if (!old) /* before the table is known: whatever happens, it begins without them */
        MR_TRY(flow_begin_anew(query, table->database, table->name, err));
    if (!old && table->location)
        MR_TRY(query->session->os->make_dir(query->session->os, table->location, err));
    MR_TRY(mr_catalog_put(catalog, table, err));
    *is_new = !old;
    *out = table;
    return MR_OK;
}

/* Does the flow take in what comes to the table?  What stands beside a stream is looked up only. */
static bool takes_in(const Flow *flow, const MrPlan *plan, const MrTable *table)
{
    const char *path =
        plan->kind == MR_PLAN_SCAN ? mr_option(&plan->scan.options, NULL, "path") : NULL;
    if (path && table->location && strcmp(path, table->location) == 0 &&
        (plan->scan.streaming || !flow->plan->streaming))
        return true;
    for (int32_t i = 0; i < plan->n_inputs; i++)
        if (takes_in(flow, plan->inputs[i], table))
            return true;
    return false;
}

/* Over the flows before it, too. */
static bool comes_from(Pipeline *pipeline, Flow *flow, const MrTable *table)
{
    flow->visited = true;
    if (takes_in(flow, flow->plan, table))
        return true;
    for (Flow *other = pipeline->flows; other; other = other->next)
        if (!other->visited && other->table && takes_in(flow, flow->plan, other->table) &&
            comes_from(pipeline, other, table))
            return true;
    return false;
}

/* The flow fills the table by the plan, and must not feed itself: it would never end. */
static MrStatus flow_join(Pipeline *pipeline, Flow *flow, const MrPlan *plan, const MrTable *table,
                          MrError *err)
{
    flow->plan = plan;
    flow->table = table;
    for (Flow *other = pipeline->flows; other; other = other->next)
        other->visited = false;
    return comes_from(pipeline, flow, table)
               ? MR_FAIL(err, MR_COND_PIPELINE_GRAPH_NOT_TOPOLOGICALLY_SORTED, "flowName",
                         flow->name, "inputName", mr__table_quoted(&pipeline->arena, table))
               : MR_OK;
}

static MrStatus make_flow_table(MrQuery *query, const MrSqlCreateTable *create, const MrPlan *plan,
                                MrTable **out, bool *is_new, MrError *err)
{
    MrStatus status;
    MrFile *lock = NULL;
    MR_GUARD_BEGIN(status, err)
        status = flow_table(query, create, plan, &lock, out, is_new, err);
    MR_GUARD_END(status)
    query->session->os->file_close(lock);
    return status;
}

static MrStatus start_stream(Pipeline *pipeline, Flow *flow, MrPlan *plan, const MrTable *table,
                             MrError *err)
{
    MrQuery *query = flow->query;
    bool keeps = table->location && !table->external, known = true;
    query->schema = mr_plan_schema(&query->arena, plan);
    if (keeps)
        MR_TRY(filled_check(query, flow->name, table, &known, err));
    const char *checkpoint =
        mr_catalog_flow_path(query->session->catalog, &query->arena, table->database, flow->name);
    MrStatus status = mr_query_start_stream(
        query, plan,
        &(MrStreamTarget){
            .name = flow->name,
            .checkpoint = checkpoint,
            .dropped = keeps ? mr__table_quoted(&query->arena, table) : NULL,
            .type = mr_connector_find(table->provider),
            .options = mr__table_options(&query->arena, table),
            .mode = MR_MODE_APPEND,
            .trigger =
                pipeline->options->continuous ? MR_TRIGGER_DEFAULT : MR_TRIGGER_AVAILABLE_NOW,
            .n_partition_cols = table->n_partition_cols,
            .partition_cols = mr__table_partition_places(query, table),
            .progress = pipeline->options->progress,
            .progress_self = pipeline->options->self,
        },
        &flow->stream, err);
    if (status == MR_OK && !known)
        status = filled_note(query, flow->name, table, err);
    if (status == MR_OK)
        return MR_OK;
    mr_stream_close(flow->stream); /* its query is closed now */
    flow->stream = NULL;
    mr_error_add(err, "in flow '%s'", flow->name);
    return status;
}

/* Names and types of columns are the sources' until here. */
static void columns_own(MrArena *arena, MrTable *table)
{
    MrField *cols = MR_NEW_N(arena, MrField, table->schema.n_cols);
    for (int32_t i = 0; i < table->schema.n_cols; i++) {
        cols[i] = table->schema.cols[i];
        cols[i].name = mr_arena_str(arena, cols[i].name);
        cols[i].type = mr_type_own(arena, cols[i].type);
    }
    table->schema.cols = cols;
}

static MrStatus add_table_flow(Pipeline *pipeline, MrQuery *query, const MrSqlCreateTable *create,
                               MrError *err)
{
    MrBoundQuery bound;
    MrTable *table;
    bool is_new;
    MR_TRY(mr_query_bind_sql(query, create->query, &bound, err));
    bool is_view = create->table_kind == MR_SQL_TABLE_MATERIALIZED_VIEW;
    if (!is_view && !bound.plan->streaming)
        return MR_FAIL(err, MR_COND_INVALID_FLOW_QUERY_TYPE__BATCH_RELATION_FOR_STREAMING_TABLE,
                       "flowIdentifier", create->name.parts[create->name.n_parts - 1],
                       "tableIdentifier", create->name.parts[create->name.n_parts - 1]);
    if (is_view && bound.plan->streaming)
        return MR_FAIL(err,
                       MR_COND_INVALID_FLOW_QUERY_TYPE__STREAMING_RELATION_FOR_MATERIALIZED_VIEW,
                       "flowIdentifier", create->name.parts[create->name.n_parts - 1],
                       "tableIdentifier", create->name.parts[create->name.n_parts - 1]);
    const char *database, *name;
    Flow *flow;
    MR_TRY(mr__name_resolve(query, &create->name, &database, &name, err));
    MR_TRY(flow_add(pipeline, database, name, query, &flow, err));
    MR_TRY(make_flow_table(query, create, bound.plan, &table, &is_new, err));
    MR_TRY(mr__table_store(query, table, bound.plan, &bound.plan, err));
    MrStatus status = flow_join(pipeline, flow, bound.plan, table, err);
    if (status == MR_OK && is_view) { /* each refresh looks for its sources anew */
        columns_own(&query->arena, table);
        mr__sources_close(query);
        return MR_OK;
    }
    if (status == MR_OK)
        status = start_stream(pipeline, flow, bound.plan, table, err);
    MrError ignored = {0};
    /* Refused: no table stays behind that the mended text would not fit. */
    if (status != MR_OK && is_new && mr__table_drop(query, table, &ignored) != MR_OK)
        mr_error_add(err, "and the table '%s' could not be taken back", table->name);
    return status;
}

/* CREATE STREAMING TABLE t (columns): flows fill it. */
static MrStatus add_plain_table(MrQuery *query, const MrSqlCreateTable *create, MrError *err)
{
    MrTable *table;
    bool is_new;
    if (create->table_kind == MR_SQL_TABLE_MATERIALIZED_VIEW || create->n_columns == 0)
        return MR_FAIL_UNSUPPORTED(err, "a streaming table without columns and without AS");
    return make_flow_table(query, create, NULL, &table, &is_new, err);
}

/* CREATE FLOW f AS INSERT INTO t BY NAME query: a stream into a table that is there. */
static MrStatus add_flow(Pipeline *pipeline, MrQuery *query, const MrSqlStatement *statement,
                         MrError *err)
{
    const MrSqlInsert *insert = statement->flow.insert;
    MrBoundQuery bound;
    MrTable *table;
    MR_TRY(mr__table_need(query, &insert->name, &table, err));
    if (!table->provider)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_INSERT__RDD_BASED);
    if (table->kind == MR_CATALOG_MATERIALIZED_VIEW)
        return MR_FAIL(err, MR_COND_UNSUPPORTED_INSERT__NOT_ALLOWED, "relationId",
                       mr__table_quoted(&query->arena, table));
    MrBindTarget target = mr__bind_target(query, table);
    MR_TRY(mr_bind_insert(&query->bind, insert, &target, &bound, err));
    Flow *flow;
    const char *name = statement->flow.name.parts[statement->flow.name.n_parts - 1];
    MR_TRY(flow_add(pipeline, table->database, name, query, &flow, err));
    MR_TRY(flow_join(pipeline, flow, bound.plan, table, err));
    return start_stream(pipeline, flow, bound.plan, table, err);
}

static bool is_flow(const MrSqlStatement *statement)
{
    return statement->kind == MR_SQL_STMT_CREATE_FLOW ||
           (statement->kind == MR_SQL_STMT_CREATE_TABLE && statement->create_table->query &&
            statement->create_table->table_kind != MR_SQL_TABLE_PLAIN);
}

/* The text is run again and again: a table that only describes data elsewhere is described anew,
 * one that holds data stays as it is. */
static MrStatus create_again(MrQuery *query, MrSqlCreateTable *create, MrError *err)
{
    MrTable *old;
    MR_TRY(mr__table_find(query, &create->name, &old, err));
    bool describes =
        old && !create->query && old->kind == MR_CATALOG_TABLE && (old->external || !old->location);
    create->or_replace |= describes;
    create->if_not_exists |= !create->or_replace;
    return MR_OK;
}

/* *is_flow_out true: the query belongs to a flow now. */
static MrStatus run_statement(Pipeline *pipeline, MrQuery *query, MrText text, bool *is_flow_out,
                              MrError *err)
{
    MrSqlStatement *statement;
    mr_relations_init(query);
    query->text = mr_text_own(&query->arena, text);
    query->bind.text = query->text;
    MR_TRY(mr_sql_parse_statement(&query->arena, query->text, &pipeline->session->sql_options,
                                  &statement, err));
    *is_flow_out = is_flow(statement);
    if (statement->kind == MR_SQL_STMT_CREATE_FLOW)
        return add_flow(pipeline, query, statement, err);
    if (*is_flow_out)
        return add_table_flow(pipeline, query, statement->create_table, err);
    if (statement->kind == MR_SQL_STMT_CREATE_TABLE &&
        statement->create_table->table_kind != MR_SQL_TABLE_PLAIN)
        return add_plain_table(query, statement->create_table, err);
    if (statement->kind == MR_SQL_STMT_CREATE_TABLE)
        MR_TRY(create_again(query, statement->create_table, err));
    if (statement->kind == MR_SQL_STMT_CREATE_VIEW && !statement->create_view->if_not_exists)
        statement->create_view->or_replace = true;
    return mr__statement_run(query, statement, err);
}

static MrStatus read_script(Pipeline *pipeline, MrError *err)
{
    MrText *statements;
    int32_t n_statements;
    MR_TRY(
        mr_sql_split(&pipeline->arena, pipeline->options->script, &n_statements, &statements, err));
    for (int32_t i = 0; i < n_statements; i++) {
        MrStatus status;
        MrQuery *query; /* the session closes it when a jump comes by */
        bool kept = false;
        MR_TRY(mr_query_create(pipeline->session, &query, err));
        status = run_statement(pipeline, query, statements[i], &kept, err);
        /* Places are counted in the statement; show them in the script. */
        int32_t begin = (int32_t)(statements[i].data - pipeline->options->script.data);
        if (status != MR_OK)
            err->sql_idx = begin + (err->sql_idx >= 0 ? err->sql_idx : 0);
        else if (kept)
            pipeline->last->sql_idx = begin;
        if (status != MR_OK || !kept)
            mr_query_close(query); /* a flow that failed to start has no stream */
        MR_TRY(status);
    }
    return MR_OK;
}

static const char *plural(int64_t n)
{
    return n == 1 ? "" : "s";
}

/* Names mean what they meant where the view stands in the script. */
static MrStatus refresh_view(Pipeline *pipeline, Flow *flow, bool upstream, bool *worked,
                             MrError *err)
{
    MrStatus status;
    MrRefreshNews found = {0};
    char *now = pipeline->session->database;
    char before[sizeof pipeline->session->database], lost[MR_LOSSES_TEXT_BYTES];
    memcpy(before, now, sizeof before);
    snprintf(now, sizeof before, "%s", flow->table->sql_database);
    MR_GUARD_BEGIN(status, err)
        status =
            mr__view_refresh(pipeline->session, flow->table, upstream, &flow->view, &found, err);
    MR_GUARD_END(status)
    memcpy(now, before, sizeof before);
    MR_TRY(flow_failed(flow, status, err));
    *worked = found.what != MR_REFRESHED_NOTHING;
    mr_losses_text(found.losses, lost);
    if (found.what == MR_REFRESHED_NEW)
        news(pipeline, "%s: refreshed with %" PRId64 " new row%s%s", flow->name, found.n_rows,
             plural(found.n_rows), lost);
    else if (found.what == MR_REFRESHED_WHOLE)
        news(pipeline, "%s: computed whole%s", flow->name, lost);
    return MR_OK;
}

static bool stopped(const Pipeline *pipeline)
{
    return (pipeline->options->stop &&
            atomic_load_explicit(pipeline->options->stop, memory_order_relaxed)) ||
           atomic_load_explicit(&pipeline->session->canceled, memory_order_relaxed);
}

static MrStatus step_flow(Pipeline *pipeline, Flow *flow, bool *worked, MrError *err)
{
    MrStreamStep step;
    char lost[MR_LOSSES_TEXT_BYTES];
    int64_t rows_before = mr_stream_totals(flow->stream).input_rows;
    MrLosses before = mr_query_losses(flow->query);
    MR_TRY(flow_failed(flow, mr_stream_step(flow->stream, &step, err), err));
    flow->ended = step == MR_STREAM_ENDED;
    *worked = step == MR_STREAM_WORKED;
    MrLosses now = mr_query_losses(flow->query);
    now = (MrLosses){now.n_bad - before.n_bad, now.n_skipped - before.n_skipped};
    if (!*worked) {
        if (now.n_skipped > 0) /* files that came too old */
            news(pipeline, "%s: nothing new%s", flow->name, mr_losses_text(now, lost));
        return MR_OK;
    }
    news(pipeline, "%s: epoch %" PRId64 ", %" PRId64 " rows in%s", flow->name,
         mr_stream_epoch(flow->stream), mr_stream_totals(flow->stream).input_rows - rows_before,
         mr_losses_text(now, lost));
    return MR_OK;
}

static void flow_summary(Pipeline *pipeline, const Flow *flow)
{
    char lost[MR_LOSSES_TEXT_BYTES], times[100] = "";
    MrStreamTotals totals = mr_stream_totals(flow->stream);
    int n = 0;
    if (totals.null_times > 0)
        n = snprintf(times, sizeof times, ", %" PRId64 " without event time", totals.null_times);
    if (totals.ahead_rows > 0)
        snprintf(times + n, sizeof times - (size_t)n, ", %" PRId64 " more than a day ahead",
                 totals.ahead_rows);
    news(pipeline, "%s: %" PRId64 " rows read, %" PRId64 " late%s%s", flow->name, totals.input_rows,
         totals.late_rows, times, mr_losses_text(mr_query_losses(flow->query), lost));
}

/* Everything that is there: flows in the order of the text, until none has more. */
static MrStatus run_once(Pipeline *pipeline, MrError *err)
{
    for (Flow *flow = pipeline->flows; flow && !stopped(pipeline); flow = flow->next) {
        if (!flow->stream) {
            bool worked;
            MR_TRY(refresh_view(pipeline, flow, true, &worked, err));
            if (!worked)
                news(pipeline, "%s: nothing new", flow->name);
            continue;
        }
        while (!flow->ended && !stopped(pipeline)) {
            bool worked;
            MR_TRY(step_flow(pipeline, flow, &worked, err));
        }
        flow_summary(pipeline, flow);
    }
    return MR_OK;
}

/* Least time between two refreshes of the views of a continuous pipeline, and how many times as
 * long as the last one took. */
#define REFRESH_NS INT64_C(1000000000)
#define REFRESH_SHARE 9

static MrStatus run_continuous(Pipeline *pipeline, MrError *err)
{
    MrOs *os = pipeline->session->os;
    int64_t refresh_ns = os->tick_ns(os);
    bool upstream = true;
    while (!stopped(pipeline)) {
        bool any = false;
        int64_t wait_us = 100000;
        for (Flow *flow = pipeline->flows; flow; flow = flow->next) {
            bool worked = false;
            if (!flow->stream)
                continue;
            MR_TRY(step_flow(pipeline, flow, &worked, err));
            any |= worked;
            if (mr_stream_wait_us(flow->stream) < wait_us)
                wait_us = mr_stream_wait_us(flow->stream);
        }
        upstream |= any;
        int64_t now_ns = os->tick_ns(os);
        if (now_ns >= refresh_ns) {
            for (Flow *flow = pipeline->flows; flow; flow = flow->next) {
                bool worked = false;
                if (!flow->stream)
                    MR_TRY(refresh_view(pipeline, flow, upstream, &worked, err));
                upstream |= worked; /* other views may read this one */
            }
            int64_t spent_ns = os->tick_ns(os) - now_ns;
            refresh_ns =
                now_ns + spent_ns +
                (spent_ns * REFRESH_SHARE > REFRESH_NS ? spent_ns * REFRESH_SHARE : REFRESH_NS);
            upstream = false;
        }
        if (!any)
            os->sleep_us(os, wait_us);
    }
    return MR_OK;
}

static MrStatus pipeline_work(Pipeline *pipeline, MrError *err)
{
    MR_TRY(take_lock(pipeline, err));
    MR_TRY(read_script(pipeline, err));
    return pipeline->options->continuous ? run_continuous(pipeline, err) : run_once(pipeline, err);
}

MrStatus mr_pipeline_run(MrSession *session, const MrPipelineOptions *options, MrError *err)
{
    MrStatus status;
    MrQuery *before = session->queries;
    Pipeline pipeline = {.session = session, .options = options};
    mr_arena_init(&pipeline.arena, &session->budget);
    atomic_store_explicit(&session->canceled, false, memory_order_relaxed);
    MR_GUARD_BEGIN(status, err)
        status = pipeline_work(&pipeline, err);
    MR_GUARD_END(status)
    if (status != MR_OK && err->condition == MR_COND_OPERATION_CANCELED && options->stop &&
        atomic_load_explicit(options->stop, memory_order_relaxed)) {
        *err = (MrError){.sql_idx = -1};
        status = MR_OK; /* what was cut off is not seen, and the next run does it again */
    }
    for (Flow *flow = pipeline.flows; flow; flow = flow->next) {
        mr_stream_close(flow->stream);
        mr__view_close(&flow->view);
    }
    while (session->queries != before) /* those that were made here stand before it */
        mr_query_close(session->queries);
    session->os->file_close(pipeline.lock);
    mr_arena_deinit(&pipeline.arena);
    return status;
}
