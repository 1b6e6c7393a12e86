/* view_refresh.c - materialized views: their tables brought up to date.
 *
 * A view is a batch query.  Where its answer over more input follows from its answer over less, it
 * is run as a stream with a checkpoint instead: rows that were read are not read again.  That is so
 * for projections, filters, unions, one aggregate and joins with other tables on the way, over
 * files that stay as they are.  Before each refresh it is checked that they did: a file that is
 * gone or changed, a table beside the stream that holds something else, another text or setting,
 * and the view begins anew.  Whatever else goes wrong with the stream, the view is computed whole,
 * which is never wrong; so are all other views. */
#include "base/hash.h"
#include "session/session_int.h"

#include <inttypes.h>
#include <stdio.h>

#define SCANS_MAX 64
/* Groups that are nearly as many as the rows cost more to keep than to find again. */
#define GROUPS_FEW 100000
#define ROWS_OF_GROUP 4

typedef struct MrViewScans {
    const MrPlan *nodes[SCANS_MAX];
    int32_t n;
    bool joins;
    bool aggregates;     /* a stream */
    const char *statics; /* what stands beside the stream, as it was opened */
    uint64_t fingerprint;
} Scans;

/* ---------------------------------------------------------------- what can be a stream */

/* Shapes whose answer grows with their input, or follows from groups that are kept. */
static bool shape_fits(const MrPlan *plan, Scans *scans)
{
    bool fits = true;
    switch (plan->kind) {
    case MR_PLAN_SCAN:
        fits = plan->scan.source && scans->n < SCANS_MAX;
        if (fits)
            scans->nodes[scans->n++] = plan;
        return fits;
    case MR_PLAN_JOIN:
        scans->joins = true;
        break;
    case MR_PLAN_AGGREGATE:
        fits = plan->aggregate.session_key < 0 && !(plan->streaming && scans->aggregates);
        scans->aggregates |= plan->streaming;
        break;
    case MR_PLAN_VALUES:
    case MR_PLAN_RANGE:
    case MR_PLAN_PROJECT:
    case MR_PLAN_FILTER:
    case MR_PLAN_EXPAND:
    case MR_PLAN_SORT:
    case MR_PLAN_LIMIT:
    case MR_PLAN_UNION:
    case MR_PLAN_GENERATE:
    case MR_PLAN_SHARED:
        break;
    default:
        return false;
    }
    for (int32_t i = 0; i < plan->n_inputs && fits; i++)
        fits = shape_fits(plan->inputs[i], scans);
    return fits;
}

typedef struct Traits {
    bool moody; /* the same rows can have another answer at the next refresh */
    bool asks;  /* has subqueries */
} Traits;

static bool visit_traits(void *self, const MrExpr *expr)
{
    Traits *traits = self;
    traits->asks |= expr->kind == MR_EXPR_SCALAR_QUERY || expr->kind == MR_EXPR_EXISTS ||
                    expr->kind == MR_EXPR_IN_QUERY;
    traits->moody |=
        expr->kind == MR_EXPR_CALL && (expr->bound->flags & (MR_FN_STABLE | MR_FN_VOLATILE)) != 0;
    return true;
}

static Traits traits_of(const MrPlan *plan)
{
    Traits traits = {0};
    mr_plan_each_expr(plan, visit_traits, &traits);
    return traits;
}

static const char *path_of(const MrPlan *scan)
{
    return mr_option(&scan->scan.options, NULL, "path");
}

static bool can_follow(const MrPlan *scan)
{
    const MrSource *source = scan->scan.source;
    return path_of(scan) && source->type->intact && source->life != MR_SOURCE_REPLACED;
}

/* The sources to follow: all of them, or, where they are joined, the biggest, if all others are
 * tables that seldom change. */
static bool choose(MrQuery *query, const Scans *scans, const char **followed, int32_t *n_followed)
{
    int32_t biggest = -1;
    double most = -1;
    *n_followed = 0;
    for (int32_t i = 0; i < scans->n; i++) {
        double rows = mr_plan_source_rows(&query->planner, scans->nodes[i]);
        bool can = can_follow(scans->nodes[i]);
        if (!can && !scans->joins)
            return false;
        if (can && rows > most) {
            biggest = i;
            most = rows;
        }
        followed[i] = path_of(scans->nodes[i]);
    }
    if (biggest < 0)
        return false;
    *n_followed = scans->joins ? 1 : scans->n;
    if (!scans->joins)
        return true;
    followed[0] = path_of(scans->nodes[biggest]);
    for (int32_t i = 0; i < scans->n; i++) {
        const MrSource *source = scans->nodes[i]->scan.source;
        const char *path = path_of(scans->nodes[i]);
        if (i != biggest && (!source->type->content || source->life != MR_SOURCE_ANY ||
                             (path && strcmp(path, followed[0]) == 0)))
            return false;
    }
    return true;
}

/* ---------------------------------------------------------------- what it is bound to */

static void options_put(MrTextBuilder *out, const char *what, const MrOptions *options)
{
    uint64_t hash = 0; /* they may hold secrets */
    for (int32_t i = 0; i < options->n_options; i++) {
        const char *key = options->options[i].key, *value = options->options[i].value;
        hash = mr_hash_stable(key, (int64_t)strlen(key) + 1, hash);
        hash = mr_hash_stable(value, value ? (int64_t)strlen(value) + 1 : 0, hash);
    }
    mr_builder_printf(out, "%s, options %016" PRIx64 "\n", what, hash);
}

/* Everything that the rows in the view's table depend on but the rows of what is followed. */
static void fingerprint_put(MrTextBuilder *out, const MrQuery *query, const MrTable *table,
                            const MrPlan *plan, const Scans *scans)
{
    mr_builder_printf(out, "view in %s at %s", table->provider, table->location);
    options_put(out, "", &table->options);
    for (int32_t c = 0; c < table->schema.n_cols; c++)
        mr_builder_printf(out, "%s %s%s", table->schema.cols[c].name,
                          mr_type_catalog_text(out->arena, table->schema.cols[c].type),
                          c + table->n_partition_cols >= table->schema.n_cols ? ", partition\n"
                                                                              : "\n");
    for (int32_t i = 0; i < scans->n; i++) {
        const MrPlan *scan = scans->nodes[i];
        const MrSource *source = scan->scan.source;
        options_put(out, scan->scan.name, &scan->scan.options);
        mr_builder_printf(out, "%s\n", source->identity ? source->identity : "");
        for (int32_t c = 0; c < source->schema.n_cols; c++)
            mr_builder_printf(out, "%s %s\n", source->schema.cols[c].name,
                              mr_type_catalog_text(out->arena, source->schema.cols[c].type));
    }
    for (int32_t i = 0; i < mr_conf_n_set(query->conf); i++) {
        MrOption option = mr_conf_set_at(query->conf, i);
        if (strncmp(option.key, "spark.sql.", 10) == 0)
            mr_builder_printf(out, "%s=%s\n", option.key, option.value);
    }
    mr_builder_printf(out, "zone %s\n", query->settings.zone_id);
    mr_plan_meaning(plan, &query->settings, out);
    mr_builder_str(out, scans->statics);
}

/* What the sources hold that are not followed, as they were opened or now. */
static MrStatus statics_put(MrTextBuilder *out, const Scans *scans, bool now, MrError *err)
{
    for (int32_t i = 0; i < scans->n; i++) {
        const MrPlan *scan = scans->nodes[i];
        MrSource *source = scan->scan.source;
        const char *content;
        if (scan->scan.streaming)
            continue;
        MR_TRY(source->type->content(source, now, out->arena, &content, err));
        mr_builder_printf(out, "%s holds %s\n", scan->scan.name, content);
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- opening */

/* A query for the view's text, bound and in the order of its table. */
static MrStatus view_bind(MrSession *session, const MrTable *table, const char *const *followed,
                          int32_t n_followed, MrQuery **out, MrPlan **plan, MrError *err)
{
    MrSqlStatement *statement;
    MrBoundQuery bound;
    MrQuery *query;
    MR_TRY(mr_query_create(session, &query, err));
    query->followed = followed;
    query->n_followed = n_followed;
    mr_relations_init(query);
    query->text = mr_text(table->sql);
    query->bind.text = query->text;
    MrStatus status =
        mr_sql_parse_statement(&query->arena, query->text, &session->sql_options, &statement, err);
    if (status == MR_OK)
        status = mr_query_bind_sql(query, statement->query, &bound, err);
    if (status == MR_OK)
        status = mr__table_store(query, table, bound.plan, plan, err);
    query->n_followed = 0; /* the caller's, and all names are resolved */
    if (status == MR_OK)
        *out = query;
    else
        mr_query_close(query);
    return status;
}

/* A view that a stream does not pay for has, in the place of a checkpoint, a note of the
 * fingerprint that this was found with. */
static const char *note_path(MrArena *arena, const char *checkpoint)
{
    return mr_arena_printf(arena, "%s/whole", checkpoint);
}

static MrStatus note_read(MrQuery *query, const char *checkpoint, uint64_t fingerprint, bool *found,
                          MrError *err)
{
    MrOs *os = query->session->os;
    const char *path = note_path(&query->arena, checkpoint);
    char wanted[20];
    MrFileInfo info;
    MrBuffer text;
    *found = false;
    MR_TRY(os->stat(os, path, &info, err));
    if (!info.exists)
        return MR_OK;
    snprintf(wanted, sizeof wanted, "%016" PRIx64 "\n", fingerprint);
    mr_buffer_init(&text, &query->budget, sizeof wanted);
    MrStatus status = mr_os_read_file(os, path, sizeof wanted, &text, err);
    *found =
        status == MR_OK && mr_text_equal((MrText){text.data, text.size_bytes}, mr_text(wanted));
    mr_buffer_deinit(&text);
    return *found ? MR_OK : mr_os_discard_tree(os, checkpoint, err);
}

static MrStatus note_write(MrSession *session, MrArena *arena, const char *checkpoint,
                           uint64_t fingerprint, MrError *err)
{
    MR_TRY(session->os->make_dir(session->os, checkpoint, err));
    return mr_os_write_file(session->os, note_path(arena, checkpoint),
                            mr_text(mr_arena_printf(arena, "%016" PRIx64 "\n", fingerprint)),
                            MR_STEP_CATALOG_FILE_SYNC, MR_STEP_CATALOG_FOLDER_SYNC, err);
}

/* Opens the stream of a view whose text allows it, else sets view->whole.  The batch query says
 * which sources there are to follow. */
static MrStatus stream_open(MrView *view, MrQuery *batch, const MrPlan *batch_plan,
                            const MrTable *table, MrError *err)
{
    const char **followed = MR_NEW_N(&batch->arena, const char *, SCANS_MAX);
    const MrConnectorType *type = mr_connector_find(table->provider);
    int32_t n_followed = 0;
    Traits traits = traits_of(batch_plan);
    Scans *scans = MR_NEW(&batch->arena, Scans);
    MrPlan *plan;
    view->whole = traits.moody || traits.asks || !shape_fits(batch_plan, scans) || scans->n == 0 ||
                  !table->location || !(type->flags & MR_CONN_STREAM_WRITE) ||
                  !choose(batch, scans, followed, &n_followed);
    if (view->whole)
        return MR_OK;
    MR_TRY(view_bind(batch->session, table, followed, n_followed, &view->query, &plan, err));
    MrQuery *query = view->query;
    scans = MR_NEW(&query->arena, Scans);
    view->scans = scans;
    view->whole = !shape_fits(plan, scans);
    if (view->whole)
        return MR_OK;
    MrTextBuilder statics = {.arena = &query->arena}, text = {.arena = &query->arena};
    MR_TRY(statics_put(&statics, scans, false, err));
    scans->statics = mr_builder_text(&statics).data;
    fingerprint_put(&text, query, table, plan, scans);
    MrText fingerprint = mr_builder_text(&text);
    const char *checkpoint =
        mr_catalog_flow_path(query->session->catalog, &query->arena, table->database, table->name);
    scans->fingerprint = mr_hash_stable(fingerprint.data, fingerprint.size_bytes, 0);
    MR_TRY(note_read(query, checkpoint, scans->fingerprint, &view->whole, err));
    view->noted = view->whole;
    if (view->whole)
        return MR_OK;
    query->schema = mr_plan_schema(&query->arena, plan);
    return mr_query_start_stream(query, plan,
                                 &(MrStreamTarget){
                                     .name = table->name,
                                     .checkpoint = checkpoint,
                                     .type = type,
                                     .options = mr__table_options(&query->arena, table),
                                     .mode = scans->aggregates ? MR_MODE_COMPLETE : MR_MODE_APPEND,
                                     .replaces = true,
                                     .small_state = true,
                                     .trigger = MR_TRIGGER_DEFAULT,
                                     .fingerprint = fingerprint.data,
                                     .n_partition_cols = table->n_partition_cols,
                                     .partition_cols = mr__table_partition_places(query, table),
                                 },
                                 &view->stream, err);
}

void mr__view_close(MrView *view)
{
    mr_stream_close(view->stream);
    mr_query_close(view->query);
    view->stream = NULL;
    view->query = NULL;
    view->scans = NULL;
}

/* ---------------------------------------------------------------- refreshing */

/* Is what the stream has taken in, and what stands beside it, still so? */
static MrStatus still_true(const MrView *view, MrArena *arena, bool *out, MrError *err)
{
    MrTextBuilder now = {.arena = arena};
    MR_TRY(statics_put(&now, view->scans, true, err));
    *out = strcmp(mr_builder_text(&now).data, view->scans->statics) == 0;
    return *out ? mr_stream_intact(view->stream, out, err) : MR_OK;
}

/* One epoch with all that is new; before it one that was begun when the process before ended. */
static MrStatus take_in(MrView *view, MrRefreshNews *news, MrError *err)
{
    int64_t rows_before = mr_stream_totals(view->stream).input_rows;
    MrLosses before = mr_query_losses(view->query);
    MrStreamStep step = MR_STREAM_WORKED;
    news->what = MR_REFRESHED_NOTHING;
    for (int i = 0; i < 2 && step == MR_STREAM_WORKED; i++) {
        MR_TRY(mr_stream_step(view->stream, &step, err));
        if (step == MR_STREAM_WORKED)
            news->what = MR_REFRESHED_NEW;
    }
    MrLosses now = mr_query_losses(view->query);
    news->n_rows = mr_stream_totals(view->stream).input_rows - rows_before;
    news->losses = (MrLosses){now.n_bad - before.n_bad, now.n_skipped - before.n_skipped};
    return MR_OK;
}

/* What has to be said, and no reason to compute the view in another way. */
static bool is_final(const MrError *err)
{
    return err->condition == MR_COND_OPERATION_CANCELED ||
           err->condition == MR_COND_CONCURRENT_STREAM_LOG_UPDATE;
}

typedef struct Refresh {
    MrSession *session;
    const MrTable *table;
    MrView *view;
    MrRefreshNews *news;
    MrArena arena;
    MrQuery *batch; /* the view as a batch, once it was needed */
    MrPlan *plan;
    bool opened, fits, stepped; /* how far the stream came */
} Refresh;

static MrStatus need_batch(Refresh *self, MrError *err)
{
    return self->batch
               ? MR_OK
               : view_bind(self->session, self->table, NULL, 0, &self->batch, &self->plan, err);
}

static MrStatus stream_try(Refresh *self, MrError *err)
{
    MrView *view = self->view;
    if (!view->stream) {
        MR_TRY(need_batch(self, err));
        MR_TRY(stream_open(view, self->batch, self->plan, self->table, err));
    }
    if (view->whole)
        return MR_OK;
    self->opened = true;
    MR_TRY(still_true(view, &self->arena, &self->fits, err));
    self->stepped = self->fits;
    return self->fits ? take_in(view, self->news, err) : MR_OK;
}

/* Without its checkpoint the view begins anew.  noted: not as a stream again. */
static MrStatus forget(Refresh *self, bool noted, MrError *err)
{
    MrSession *session = self->session;
    const char *checkpoint = mr_catalog_flow_path(session->catalog, &self->arena,
                                                  self->table->database, self->table->name);
    uint64_t fingerprint = self->view->scans ? self->view->scans->fingerprint : 0;
    mr__view_close(self->view);
    MR_TRY(mr_os_discard_tree(session->os, checkpoint, err));
    return noted ? note_write(session, &self->arena, checkpoint, fingerprint, err) : MR_OK;
}

/* After its first epoch: was it worth it? */
static bool keeps_too_much(const MrStream *stream)
{
    int64_t n_groups = mr_stream_state_rows(stream);
    return mr_stream_epoch(stream) == 0 && n_groups > GROUPS_FEW &&
           n_groups > mr_stream_totals(stream).input_rows / ROWS_OF_GROUP;
}

/* *done false: it is to be computed whole. */
static MrStatus refresh_by_stream(Refresh *self, bool *done, MrError *err)
{
    MrView *view = self->view;
    *done = false;
    for (int attempt = 0; attempt < 2 && !self->stepped; attempt++) {
        MrStatus status;
        MR_GUARD_BEGIN(status, err)
            status = stream_try(self, err);
        MR_GUARD_END(status)
        if (status == MR_OK && view->noted) {
            mr__view_close(view);
            return MR_OK;
        }
        if (status == MR_OK && self->stepped) {
            *done = mr_stream_epoch(view->stream) >= 0; /* of nothing the batch knows the answer */
            view->whole = keeps_too_much(view->stream);
            return view->whole ? forget(self, true, err) : MR_OK;
        }
        if (status != MR_OK && is_final(err))
            return status;
        bool too_much = status != MR_OK && err->condition == MR_COND_UNABLE_TO_ACQUIRE_MEMORY;
        *err = (MrError){.sql_idx = -1};
        MR_TRY(forget(self, too_much && self->stepped, err));
        if (view->whole)
            return MR_OK;
    }
    view->whole = !self->opened || self->stepped; /* for as long as the process lives */
    return MR_OK;
}

/* Of all sources, as they were opened.  *known false: some source does not tell, or the same rows
 * can have another answer. */
static MrStatus contents_hash(const MrQuery *query, const MrPlan *plan, MrArena *arena,
                              uint64_t *out, bool *known, MrError *err)
{
    *known = !traits_of(plan).moody;
    *out = 1;
    for (const MrOpenSource *open = query->sources; open; open = open->next) {
        MrSource *source = open->source;
        const char *content;
        *known &= source->type->content != NULL;
        if (!source->type->content)
            continue;
        MR_TRY(source->type->content(source, false, arena, &content, err));
        *out = mr_hash_stable(content, (int64_t)strlen(content), *out);
    }
    return MR_OK;
}

static MrStatus refresh_whole(Refresh *self, bool upstream, MrError *err)
{
    MrView *view = self->view;
    uint64_t contents;
    bool known;
    self->news->what = MR_REFRESHED_NOTHING;
    MR_TRY(need_batch(self, err));
    MrQuery *query = self->batch;
    MR_TRY(contents_hash(query, self->plan, &query->arena, &contents, &known, err));
    if (view->computed && (known ? contents == view->contents : !upstream))
        return MR_OK;
    MrWriteSpec spec = mr__table_write_spec(query, self->table, MR_SAVE_OVERWRITE);
    spec.whole = true;
    MR_TRY(mr_query_write(query, self->plan, &spec, err));
    *self->news = (MrRefreshNews){.what = MR_REFRESHED_WHOLE, .losses = mr_query_losses(query)};
    view->computed = true;
    view->contents = contents;
    return MR_OK;
}

MrStatus mr__view_refresh(MrSession *session, const MrTable *table, bool upstream, MrView *view,
                          MrRefreshNews *news, MrError *err)
{
    MrStatus status;
    Refresh self = {.session = session, .table = table, .view = view, .news = news};
    mr_arena_init(&self.arena, &session->budget);
    MR_GUARD_BEGIN(status, err)
        bool done = false;
        if (!view->whole)
            status = refresh_by_stream(&self, &done, err);
        if (status == MR_OK && !done)
            status = refresh_whole(&self, upstream, err);
    MR_GUARD_END(status)
    mr_query_close(self.batch);
    mr_arena_deinit(&self.arena);
    return status;
}
