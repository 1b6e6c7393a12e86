/* connector_test.c - what every connector must keep: the schema, splits that cover all rows once,
 * projection, sound filters, replay, commit twice without harm, nothing seen before its commit.
 *
 * Files live in a simulated world; the sink is also stopped at each of its I/O calls, and loses
 * power there, and every epoch must afterwards be there once, and whole. */
#include "base/testing.h"
#include "connector/callback.h"
#include "function/time_zone.h"
#include "os/os_sim.h"

#include <inttypes.h>

typedef struct World {
    MrBudget *budget;
    MrOs *os;
    MrArena arena;
    MrZones *zones;
    MrSettings settings;
    MrEvalContext eval;
} World;

/* No zone but those that need no file. */
static MrStatus no_zone_file(void *self, const char *id, MrBuffer *out, MrError *err)
{
    return MR_OK;
}

static void world_open(World *world, MrBudget *budget, uint64_t seed)
{
    MrError err = {0};
    *world = (World){.budget = budget, .settings = {.ansi = true, .zone_id = "UTC"}};
    mr_arena_init(&world->arena, budget);
    MR_OKAY(mr_os_sim_create(
        budget,
        &(MrSimOptions){.seed = seed, .start_us = INT64_C(1700000000000000), .torn_writes = true},
        &world->os, &err));
    MR_OKAY(mr_zones_create(budget, no_zone_file, NULL, &world->zones, &err));
    MR_OKAY(mr_zone_find(world->zones, "UTC", &world->settings.zone, &err));
    world->settings.zones = world->zones;
    world->eval = (MrEvalContext){.settings = &world->settings};
}

static void world_close(World *world)
{
    mr_zones_destroy(world->zones);
    mr_os_sim_destroy(world->os);
    mr_arena_deinit(&world->arena);
}

static void put_file(World *world, const char *path, const char *content)
{
    MrError err = {0};
    MrFile *file;
    char *folder = mr_arena_str(&world->arena, path);
    *strrchr(folder, '/') = 0;
    MR_OKAY(world->os->make_dir(world->os, folder, &err));
    MR_OKAY(world->os->file_open(world->os, path, MR_FILE_CREATE, &file, &err));
    MR_OKAY(world->os->file_write_at(file, 0, content, (int64_t)strlen(content), &err));
    world->os->file_close(file);
    mr_os_sim_advance_us(world->os, 1000000);
}

static MrConnectorContext context_of(World *world, const MrOption *options, int32_t n_options,
                                     const char *schema, bool streaming)
{
    MrConnectorContext context = {.os = world->os,
                                  .budget = world->budget,
                                  .settings = &world->settings,
                                  .options = {n_options, options},
                                  .streaming = streaming};
    if (schema) {
        const MrType *type;
        MrError err = {0};
        MrSchema *declared = MR_NEW(&world->arena, MrSchema);
        MR_OKAY(mr_type_parse(&world->arena, mr_text(schema), true, &type, &err));
        *declared = (MrSchema){type->n_fields, type->fields};
        context.schema = declared;
    }
    return context;
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* All rows of (from, to], sorted, as lines of fields joined by '|'. */
static MrStatus read_rows(World *world, MrSource *source, const char *from, const char *to,
                          const int32_t *cols, int32_t n_cols, MrExpr *const *filters,
                          int32_t n_filters, const char **out, int64_t *n_splits_out, MrError *err)
{
    MrArena *arena = &world->arena;
    MrScanSpec *spec = MR_NEW(arena, MrScanSpec);
    *spec = (MrScanSpec){.n_cols = n_cols,
                         .cols = cols,
                         .n_filters = n_filters,
                         .filters = filters,
                         .limit = INT64_MAX};
    MrSplit *splits = NULL;
    int64_t n_splits = 0, n_lines = 0, cap_lines = 0;
    char **lines = NULL;
    MrBatch *batch;
    MR_TRY(source->type->plan_splits(source, from, to, spec, arena, &splits, &n_splits, err));
    MR_TRY(mr_batch_create(world->budget, &batch, err));
    MrStatus status = MR_OK;
    for (int64_t s = 0; status == MR_OK && s < n_splits; s++) {
        MrSourceReader *reader = NULL;
        status = source->type->reader_open(source, &splits[s], spec, world->budget, &reader, err);
        for (MrRead what = MR_READ_ROWS; status == MR_OK && what == MR_READ_ROWS;) {
            mr_batch_reset(batch);
            status = source->type->read(reader, &world->eval, batch, &what, err);
            for (int32_t i = 0; status == MR_OK && what == MR_READ_ROWS && i < batch->n_sel; i++) {
                MrTextBuilder line = {.arena = arena};
                for (int32_t c = 0; c < n_cols; c++) {
                    if (c > 0)
                        mr_builder_char(&line, '|');
                    if (mr_vector_is_null(batch->cols[c], mr_batch_row(batch, i)))
                        mr_builder_str(&line, "NULL");
                    else
                        mr_value_text(batch->cols[c], mr_batch_row(batch, i), MR_TEXT_HIVE,
                                      &world->settings, &line);
                }
                char *text = (char *)(uintptr_t)mr_builder_text(&line).data;
                MR_PUSH(arena, lines, n_lines, cap_lines, text);
            }
        }
        source->type->reader_close(reader);
    }
    mr_batch_destroy(batch);
    if (n_lines > 0)
        qsort(lines, (size_t)n_lines, sizeof *lines, compare_lines);
    MrTextBuilder all = {.arena = arena};
    for (int64_t i = 0; i < n_lines; i++)
        mr_builder_printf(&all, "%s\n", lines[i]);
    *out = mr_builder_text(&all).data;
    if (n_splits_out)
        *n_splits_out = n_splits;
    return status;
}

/* Opens a path and reads all of it: "!CONDITION" when that fails. */
static const char *read_path(World *world, const char *format, const char *path, const char *schema)
{
    const MrConnectorType *type = mr_connector_find(format);
    MrOption options[] = {{"path", path}, {"header", "false"}};
    MrConnectorContext context = context_of(world, options, 2, schema, false);
    MrSource *source = NULL;
    MrError err = {0};
    const char *out = NULL;
    MrStatus status = type->open_source(&context, &source, &err);
    if (status == MR_OK) {
        int32_t *cols = MR_NEW_N(&world->arena, int32_t, source->schema.n_cols);
        for (int32_t i = 0; i < source->schema.n_cols; i++)
            cols[i] = i;
        status = read_rows(world, source, NULL, NULL, cols, source->schema.n_cols, NULL, 0, &out,
                           NULL, &err);
        type->close_source(source);
    }
    return status == MR_OK ? out : mr_arena_printf(&world->arena, "!%s", mr_error_condition(&err));
}

static void names_are_found_as_spark_finds_them(void **state)
{
    assert_ptr_equal(mr_connector_find("CSV"), mr_connector_find("csv"));
    assert_ptr_equal(
        mr_connector_find("org.apache.spark.sql.execution.datasources.json.JsonFileFormat"),
        mr_connector_find("json"));
    assert_null(mr_connector_find("nope"));
    for (int64_t i = 0; mr_connectors[i]; i++) {
        const MrConnectorType *type = mr_connectors[i];
        assert_ptr_equal(mr_connector_find(type->name), type);
        if (type->flags & (MR_CONN_BATCH_READ | MR_CONN_STREAM_READ))
            assert_true(type->open_source && type->close_source && type->latest &&
                        type->plan_splits && type->row_count && type->reader_open && type->read &&
                        type->reader_close);
        if (type->flags & (MR_CONN_BATCH_WRITE | MR_CONN_STREAM_WRITE))
            assert_true(type->open_sink && type->close_sink && type->writer_open && type->write &&
                        type->prepare && type->writer_close && type->commit && type->recover);
    }
}

static void paths_globs_and_hidden_files(void **state)
{
    World world;
    world_open(&world, *state, 1);
    put_file(&world, "/d/a1.txt", "1\n");
    put_file(&world, "/d/a2.txt", "2\n");
    put_file(&world, "/d/b1.csv", "3\n");
    put_file(&world, "/d/_hidden", "x\n");
    put_file(&world, "/d/.hidden", "x\n");
    put_file(&world, "/d/sub/c.txt", "4\n");
    put_file(&world, "/e/sub/c.txt", "5\n");
    static const struct {
        const char *path, *rows;
    } cases[] = {
        {"/d", "1\n2\n3\n"},          {"/d/", "1\n2\n3\n"},       {"file:///d/a1.txt", "1\n"},
        {"/d/a*", "1\n2\n"},          {"/d/a?.txt", "1\n2\n"},    {"/d/a[2-9].txt", "2\n"},
        {"/d/a[^2].txt", "1\n"},      {"/d/{a1,b1}.*", "1\n3\n"}, {"/*/sub", "4\n5\n"},
        {"/{d,e}/sub/*", "4\n5\n"},   {"/d/_hidden", "x\n"},      {"/nope", "!PATH_NOT_FOUND"},
        {"/d/z*", "!PATH_NOT_FOUND"}, {"/*/*/c.txt", "4\n5\n"},
    };
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        const char *rows = read_path(&world, "text", cases[i].path, NULL);
        if (strcmp(rows, cases[i].rows) != 0)
            fail_msg("%s gives\n%s", cases[i].path, rows);
    }
    world_close(&world);
}

static void partition_folders_become_typed_columns(void **state)
{
    World world;
    world_open(&world, *state, 2);
    put_file(&world, "/p/k=1/d=2024-01-01/a.csv", "x\n");
    put_file(&world, "/p/k=2/d=2024-01-02/a.csv", "y\nz\n");
    put_file(&world, "/p/k=__HIVE_DEFAULT_PARTITION__/d=2024-01-03/a.csv", "w\n");
    assert_string_equal(read_path(&world, "csv", "/p", NULL),
                        "w|NULL|2024-01-03\nx|1|2024-01-01\ny|2|2024-01-02\nz|2|2024-01-02\n");
    assert_string_equal(read_path(&world, "csv", "/p", "v STRING, k STRING, d STRING"),
                        "w|NULL|2024-01-03\nx|1|2024-01-01\ny|2|2024-01-02\nz|2|2024-01-02\n");
    put_file(&world, "/q/k=a%2Fb/a.csv", "x\n");
    put_file(&world, "/q/k=2/a.csv", "y\n");
    assert_string_equal(read_path(&world, "csv", "/q", NULL), "x|a/b\ny|2\n");
    put_file(&world, "/q/j=2/a.csv", "y\n");
    assert_string_equal(read_path(&world, "csv", "/q", NULL),
                        "!CONFLICTING_PARTITION_COLUMN_NAMES");
    world_close(&world);
}

static void splits_cover_each_line_once(void **state)
{
    World world;
    world_open(&world, *state, 3);
    /* 9 MB: three splits, whose borders fall anywhere in lines of odd lengths, with all three line
     * ends. */
    MrTextBuilder text = {.arena = &world.arena}, expected = {.arena = &world.arena};
    int64_t n = 0, sum = 0;
    for (; text.size_bytes < 9 << 20; n++) {
        mr_builder_printf(&text, "%" PRId64 ",%0*d%s", n, (int)(n * 7919 % 200) + 1, 7,
                          n % 3 == 0   ? "\r\n"
                          : n % 3 == 1 ? "\n"
                                       : "\r");
        sum += n;
    }
    mr_builder_char(&expected, 0);
    put_file(&world, "/big/a.csv", mr_builder_text(&text).data);
    MrOption options[] = {{"path", "/big"}};
    MrConnectorContext context = context_of(&world, options, 1, "n BIGINT, s STRING", false);
    const MrConnectorType *type = mr_connector_find("csv");
    MrSource *source;
    MrError err = {0};
    MR_OKAY(type->open_source(&context, &source, &err));
    int32_t cols[] = {0};
    const char *rows;
    int64_t n_splits, n_rows = 0, total = 0;
    MR_OKAY(read_rows(&world, source, NULL, NULL, cols, 1, NULL, 0, &rows, &n_splits, &err));
    for (const char *at = rows; *at; at = strchr(at, '\n') + 1, n_rows++)
        total += strtoll(at, NULL, 10);
    assert_true(n_splits >= 2);
    assert_int_equal(n_rows, n);
    assert_int_equal(total, sum);
    type->close_source(source);
    world_close(&world);
}

static void projection_and_filters_agree(void **state)
{
    World world;
    world_open(&world, *state, 4);
    put_file(&world, "/f/a.json",
             "{\"t\":\"view\",\"id\":\"a\",\"n\":1}\n{\"t\":\"click\",\"id\":\"b\",\"n\":2}\n"
             "{\"t\":\"view\",\"id\":\"c\",\"n\":3}\n{\"id\":\"d\",\"t\":\"view\"}\n{\"id\":\"e\"}"
             "\n{\"t\":");
    MrOption options[] = {{"path", "/f"}};
    MrConnectorContext context =
        context_of(&world, options, 1, "n BIGINT, id STRING, t STRING", false);
    const MrConnectorType *type = mr_connector_find("json");
    MrSource *source;
    MrError err = {0};
    MR_OKAY(type->open_source(&context, &source, &err));
    int32_t cols[] = {2, 0};
    const char *rows;
    MR_OKAY(read_rows(&world, source, NULL, NULL, cols, 2, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "NULL|NULL\nNULL|NULL\nclick|2\nview|1\nview|3\nview|NULL\n");
    MrStr view = mr_str_borrow("view", 4);
    MrExpr *column = mr_expr_column(&world.arena, 1, "t", MR_T(STRING), true);
    column->column.idx = 0;
    MrExpr *args[] = {column,
                      mr_expr_literal(&world.arena,
                                      mr_vector_constant(&world.arena, MR_T(STRING), &view))},
           *filter;
    MR_OKAY(mr_expr_call(&world.arena, &world.settings, "=", args, 2, &filter, &err));
    MR_OKAY(read_rows(&world, source, NULL, NULL, cols, 2, &filter, 1, &rows, NULL, &err));
    assert_string_equal(rows, "view|1\nview|3\nview|NULL\n");
    type->close_source(source);
    world_close(&world);
}

/* What a stream's state would hold of a source. */
typedef struct Memory {
    MrArena *arena;
    MrText keys[16], values[16];
    int32_t n;
} Memory;

static MrStatus memory_put(void *self, MrText key, const MrText *value, MrError *err)
{
    Memory *memory = self;
    assert_non_null(value);
    assert_true(memory->n < 16);
    memory->keys[memory->n] = mr_text_own(memory->arena, key);
    memory->values[memory->n++] = mr_text_own(memory->arena, *value);
    return MR_OK;
}

static void a_stream_takes_new_files_once_and_can_replay(void **state)
{
    World world;
    world_open(&world, *state, 5);
    put_file(&world, "/s/b.txt", "1\n");
    put_file(&world, "/s/a.txt", "2\n");
    put_file(&world, "/elsewhere/old.txt", "5\n");
    put_file(&world, "/s/c.txt", "3\n");
    Memory memory = {.arena = &world.arena};
    MrMemoryOutput out = {memory_put, &memory};
    MrOption options[] = {{"path", "/s"}, {"maxFilesPerTrigger", "2"}};
    MrConnectorContext context = context_of(&world, options, 2, "value STRING", true);
    const MrConnectorType *type = mr_connector_find("text");
    MrError err = {0};
    int32_t cols[] = {0};
    const char *positions[8] = {NULL}, *rows;
    MrSource *source;
    MR_OKAY(type->open_source(&context, &source, &err));
    MR_OKAY(type->latest(source, NULL, false, &world.arena, &positions[1], &err));
    MR_OKAY(read_rows(&world, source, NULL, positions[1], cols, 1, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "1\n2\n"); /* the oldest first */
    MR_OKAY(type->remember(source, positions[1], false, &out, &err));
    MR_OKAY(type->latest(source, positions[1], false, &world.arena, &positions[2], &err));
    MR_OKAY(
        read_rows(&world, source, positions[1], positions[2], cols, 1, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "3\n");
    MR_OKAY(type->remember(source, positions[2], false, &out, &err));
    assert_int_equal(memory.n, 3);
    MR_OKAY(type->latest(source, positions[2], false, &world.arena, &positions[3], &err));
    assert_ptr_equal(positions[3], positions[2]); /* nothing new */
    type->close_source(source);
    /* Another process goes on from the position, and can replay the last epoch.  A file that was
     * moved in meanwhile is new, however old it is. */
    put_file(&world, "/s/0.txt", "4\n");
    MR_OKAY(world.os->rename(world.os, "/elsewhere/old.txt", "/s/old.txt", &err));
    MR_OKAY(type->open_source(&context, &source, &err));
    for (int32_t i = 0; i < memory.n; i++)
        MR_OKAY(type->recall(source, memory.keys[i], &memory.values[i], &err));
    MR_OKAY(
        read_rows(&world, source, positions[1], positions[2], cols, 1, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "3\n");
    MR_OKAY(type->latest(source, positions[2], false, &world.arena, &positions[3], &err));
    MR_OKAY(
        read_rows(&world, source, positions[2], positions[3], cols, 1, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "4\n5\n");
    memory.n = 0;
    MR_OKAY(type->remember(source, positions[3], true, &out, &err));
    assert_int_equal(memory.n, 5);
    type->close_source(source);
    world_close(&world);
}

/* With newFilesOnly a position of an older version says by its mark what was there. */
static void positions_of_older_versions_are_understood(void **state)
{
    World world;
    world_open(&world, *state, 9);
    MrFileInfo info;
    MrError err = {0};
    put_file(&world, "/s/a.txt", "1\n");
    put_file(&world, "/s/b.txt", "2\n");
    put_file(&world, "/s/c.txt", "3\n");
    MR_OKAY(world.os->stat(world.os, "/s/b.txt", &info, &err));
    Memory memory = {.arena = &world.arena};
    MrMemoryOutput out = {memory_put, &memory};
    MrOption options[] = {{"path", "/s"}, {"newFilesOnly", "true"}};
    MrConnectorContext context = context_of(&world, options, 2, "value STRING", true);
    const MrConnectorType *type = mr_connector_find("text");
    const char *from = mr_arena_printf(&world.arena,
                                       "{\"logOffset\":1,\"mark\":[%" PRId64
                                       ",\"/s/b.txt\"],\"files\":[[\"/s/b.txt\",2,%" PRId64 "]]}",
                                       info.modified_us, info.modified_us);
    const char *to, *rows;
    int32_t cols[] = {0};
    MrSource *source;
    MR_OKAY(type->open_source(&context, &source, &err));
    MR_OKAY(type->latest(source, from, false, &world.arena, &to, &err));
    MR_OKAY(read_rows(&world, source, from, to, cols, 1, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "3\n");
    MR_OKAY(type->remember(source, to, false, &out, &err));
    assert_int_equal(memory.n, 3); /* from here on the state knows what was there */
    assert_null(strstr(to, "mark"));
    type->close_source(source);
    world_close(&world);
}

/* --- sinks --- */

static MrBatch *two_columns(World *world, int64_t from, int32_t n)
{
    MrBatch *batch;
    MrError err = {0};
    MR_OKAY(mr_batch_create(world->budget, &batch, &err));
    mr_batch_set_cols(batch, 2);
    batch->cols[0] = mr_vector_create(&batch->arena, MR_T(BIGINT), n);
    batch->cols[1] = mr_vector_create(&batch->arena, MR_T(STRING), n);
    for (int32_t i = 0; i < n; i++) {
        batch->cols[0]->i64[i] = from + i;
        batch->cols[1]->str[i] =
            mr_str_borrow((from + i) % 2 ? "odd" : "even", (from + i) % 2 ? 3 : 4);
    }
    batch->n_rows = batch->n_sel = n;
    return batch;
}

static const MrField two_fields[] = {
    {.name = "n", .type = &mr_types[MR_TYPE_BIGINT], .nullable = true},
    {.name = "k", .type = &mr_types[MR_TYPE_STRING], .nullable = true}};
static const MrSchema two_schema = {2, two_fields};
static const int32_t second_col[] = {1};

typedef struct Token {
    char data[4000];
    int64_t size_bytes;
} Token;

/* Writes rows [from, from + n) of an epoch by one writer; the token says what was prepared. */
static MrStatus write_epoch(World *world, MrSink *sink, MrEpochId epoch, int64_t from, int32_t n,
                            Token *token, MrError *err)
{
    const MrConnectorType *type = sink->type;
    MrSinkWriter *writer = NULL;
    MrBuffer buffer;
    mr_buffer_init(&buffer, world->budget, 1 << 20);
    MrStatus status = type->writer_open(sink, epoch, 0, world->budget, &writer, err);
    if (status == MR_OK) {
        MrBatch *batch = two_columns(world, from, n);
        status = type->write(writer, &world->eval, batch, err);
        mr_batch_destroy(batch);
    }
    if (status == MR_OK)
        status = type->prepare(writer, &buffer, err);
    token->size_bytes = buffer.size_bytes;
    memcpy(token->data, buffer.data ? buffer.data : "", (size_t)buffer.size_bytes);
    type->writer_close(writer);
    mr_buffer_deinit(&buffer);
    return status;
}

static MrStatus commit_token(MrSink *sink, MrEpochId epoch, const Token *token, MrError *err)
{
    MrText text = {token->data, token->size_bytes};
    return sink->type->commit(sink, epoch, &text, 1, err);
}

static void a_sink_shows_committed_epochs_once(void **state)
{
    static const char *const formats[] = {"csv", "json", "parquet"};
    for (int64_t f = 0; f < MR_COUNT(formats); f++) {
        for (int partitioned = 0; partitioned < 2; partitioned++) {
            World world;
            world_open(&world, *state, 6);
            MrError err = {0};
            MrOption options[] = {{"path", "/out"}};
            MrConnectorContext context = context_of(&world, options, 1, NULL, true);
            const MrConnectorType *type = mr_connector_find(formats[f]);
            MrSinkSpec spec = {.schema = &two_schema,
                               .query_id = "q-1",
                               .n_partition_cols = partitioned,
                               .partition_cols = second_col};
            MrSink *sink;
            Token token;
            MR_OKAY(type->open_sink(&context, &spec, &sink, &err));
            MR_OKAY(type->recover(sink, -1, &err));
            MrEpochId epoch = {.epoch = 0, .lineage = 11};
            MR_OKAY(write_epoch(&world, sink, epoch, 1, 3, &token, &err));
            const char *schema = "n BIGINT, k STRING";
            assert_string_equal(read_path(&world, formats[f], "/out", schema),
                                ""); /* prepared: invisible */
            MR_OKAY(commit_token(sink, epoch, &token, &err));
            const char *expected = "1|odd\n2|even\n3|odd\n";
            assert_string_equal(read_path(&world, formats[f], "/out", schema), expected);
            MR_OKAY(commit_token(sink, epoch, &token, &err)); /* twice: no harm */
            assert_string_equal(read_path(&world, formats[f], "/out", schema), expected);
            type->close_sink(sink);
            /* Another process: the same commit again, then a stranger's history. */
            MR_OKAY(type->open_sink(&context, &spec, &sink, &err));
            MR_OKAY(type->recover(sink, 0, &err));
            MR_OKAY(commit_token(sink, epoch, &token, &err));
            assert_string_equal(read_path(&world, formats[f], "/out", schema), expected);
            assert_int_equal(
                commit_token(sink, (MrEpochId){.epoch = 0, .lineage = 12}, &token, &err),
                MR_INVALID);
            assert_string_equal(mr_error_condition(&err), "CONCURRENT_STREAM_LOG_UPDATE");
            err = (MrError){0};
            epoch = (MrEpochId){.epoch = 1, .lineage = 21};
            MR_OKAY(write_epoch(&world, sink, epoch, 4, 1, &token, &err));
            MR_OKAY(commit_token(sink, epoch, &token, &err));
            assert_string_equal(read_path(&world, formats[f], "/out", schema),
                                "1|odd\n2|even\n3|odd\n4|even\n");
            type->close_sink(sink);
            world_close(&world);
        }
    }
}

static void batch_save_modes(void **state)
{
    World world;
    world_open(&world, *state, 7);
    MrError err = {0};
    MrOption options[] = {{"path", "/out"}};
    MrConnectorContext context = context_of(&world, options, 1, NULL, false);
    const MrConnectorType *type = mr_connector_find("csv");
    static const struct {
        MrSaveMode mode;
        const char *rows; /* NULL: refused */
    } cases[] = {{MR_SAVE_ERROR, "1|odd\n"},     {MR_SAVE_ERROR, NULL},
                 {MR_SAVE_IGNORE, "1|odd\n"},    {MR_SAVE_APPEND, "1|odd\n4|even\n"},
                 {MR_SAVE_OVERWRITE, "5|odd\n"}, {MR_SAVE_APPEND, "5|odd\n6|even\n"}};
    MrSinkSpec given_up = {.schema = &two_schema, .query_id = "no", .save_mode = MR_SAVE_ERROR};
    MrSink *failed;
    MR_OKAY(type->open_sink(&context, &given_up, &failed, &err));
    type->close_sink(failed); /* what it made does not stand in the way of the next */
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        char id[20];
        snprintf(id, sizeof id, "batch%d", (int)i);
        MrSinkSpec spec = {.schema = &two_schema, .query_id = id, .save_mode = cases[i].mode};
        MrSink *sink;
        Token token;
        MrStatus status = type->open_sink(&context, &spec, &sink, &err);
        if (!cases[i].rows) {
            assert_string_equal(mr_error_condition(&err), "PATH_ALREADY_EXISTS");
            err = (MrError){0};
            continue;
        }
        MR_OKAY(status);
        MrEpochId epoch = {.epoch = 0, .lineage = (uint64_t)i};
        MR_OKAY(write_epoch(&world, sink, epoch, i + 1, 1, &token, &err));
        MR_OKAY(commit_token(sink, epoch, &token, &err));
        type->close_sink(sink);
        assert_string_equal(read_path(&world, "csv", "/out", "n BIGINT, k STRING"), cases[i].rows);
    }
    /* A committed file that somebody deleted is missed, not left out; an overwrite mends it. */
    MrDirEntry *entries;
    int64_t n_entries;
    MR_OKAY(world.os->list(world.os, "/out", &world.arena, &entries, &n_entries, &err));
    for (int64_t i = 0; i < n_entries; i++)
        if (strncmp(entries[i].name, "part-", 5) == 0)
            MR_OKAY(world.os->remove(
                world.os, mr_arena_printf(&world.arena, "/out/%s", entries[i].name), &err));
    assert_string_equal(read_path(&world, "csv", "/out", "n BIGINT, k STRING"),
                        "!FAILED_READ_FILE.FILE_NOT_EXIST");
    MrSinkSpec spec = {.schema = &two_schema, .query_id = "mend", .save_mode = MR_SAVE_OVERWRITE};
    MrSink *sink;
    Token token;
    MR_OKAY(type->open_sink(&context, &spec, &sink, &err));
    MR_OKAY(write_epoch(&world, sink, (MrEpochId){.lineage = 99}, 7, 1, &token, &err));
    MR_OKAY(commit_token(sink, (MrEpochId){.lineage = 99}, &token, &err));
    type->close_sink(sink);
    assert_string_equal(read_path(&world, "csv", "/out", "n BIGINT, k STRING"), "7|odd\n");
    world_close(&world);
}

/* A little stream: epochs 0 .. 5 of three rows.  "Durable" notes what the checkpoint would hold. */
typedef struct Durable {
    int64_t committed; /* last epoch with a COMMITTED record; -1: none */
    Token token;       /* its tokens */
} Durable;

static MrStatus run_epochs(World *world, Durable *durable, MrError *err)
{
    const MrConnectorType *type = mr_connector_find("csv");
    static const MrOption options[] = {{"path", "/out"}};
    MrConnectorContext context = context_of(world, options, 1, NULL, true);
    MrSinkSpec spec = {.schema = &two_schema,
                       .query_id = "q-2",
                       .n_partition_cols = 1,
                       .partition_cols = second_col};
    MrSink *sink = NULL;
    MR_TRY(type->open_sink(&context, &spec, &sink, err));
    MrStatus status = type->recover(sink, durable->committed, err);
    if (status == MR_OK && durable->committed >= 0) /* not closed for sure: again */
        status = commit_token(
            sink,
            (MrEpochId){.epoch = durable->committed, .lineage = 100 + (uint64_t)durable->committed},
            &durable->token, err);
    for (int64_t e = durable->committed + 1; status == MR_OK && e < 6; e++) {
        MrEpochId epoch = {.epoch = e, .lineage = 100 + (uint64_t)e};
        Token token;
        status = write_epoch(world, sink, epoch, 3 * e, 3, &token, err);
        if (status != MR_OK)
            break;
        durable->token = token;
        durable->committed = e; /* the record is synced */
        status = commit_token(sink, epoch, &token, err);
    }
    type->close_sink(sink);
    return status;
}

static const char all_rows[] = "0|even\n10|even\n11|odd\n12|even\n13|odd\n14|even\n15|odd\n16|"
                               "even\n17|odd\n1|odd\n2|even\n3|odd\n"
                               "4|even\n5|odd\n6|even\n7|odd\n8|even\n9|odd\n";

/* Files below a folder that are not what a finished run leaves. */
static int64_t count_left(World *world)
{
    MrError err = {0};
    MrDirEntry *entries;
    int64_t n = 0;
    MR_OKAY(world->os->list(world->os, "/out/_millrace/staging/q-2", &world->arena, &entries, &n,
                            &err));
    return n;
}

static void power_loss_at_every_io_loses_and_doubles_nothing(void **state)
{
    int64_t n_io = 0;
    for (int64_t k = 0; k == 0 || k <= n_io; k++) {
        World world;
        MrError err = {0};
        Durable durable = {.committed = -1};
        world_open(&world, *state, 1000 + (uint64_t)k);
        mr_os_sim_cut_at(world.os, k);
        MrStatus status = run_epochs(&world, &durable, &err);
        if (k == 0) {
            MR_OKAY(status);
            n_io = mr_os_sim_n_io(world.os);
            assert_true(n_io > 50);
        } else {
            mr_os_sim_power_on(world.os);
            err = (MrError){0};
            if (run_epochs(&world, &durable, &err) != MR_OK) {
                char message[2000];
                mr_error_message(&err, message, sizeof message);
                fail_msg("cut at I/O %" PRId64 ": %s", k, message);
            }
        }
        const char *rows = read_path(&world, "csv", "/out", "n BIGINT, k STRING");
        if (strcmp(rows, all_rows) != 0)
            fail_msg("cut at I/O %" PRId64 " of %" PRId64 " leaves\n%s", k, n_io, rows);
        assert_int_equal(count_left(&world), 0);
        world_close(&world);
    }
}

static void a_failure_at_every_io_is_reported_and_can_be_repeated(void **state)
{
    int64_t n_io = 1;
    for (int64_t k = 1; k <= n_io; k++) {
        World world;
        MrError err = {0};
        Durable durable = {.committed = -1};
        world_open(&world, *state, 77);
        if (k == 1) { /* count them first */
            MR_OKAY(run_epochs(&world, &durable, &err));
            n_io = mr_os_sim_n_io(world.os);
            world_close(&world);
            durable.committed = -1;
            world_open(&world, *state, 77);
        }
        mr_os_sim_fail_io(world.os, k, false);
        MrStatus status = run_epochs(&world, &durable, &err);
        mr_os_sim_fail_io(world.os, 0, false);
        err = (MrError){0};
        if (status != MR_OK)
            MR_OKAY(run_epochs(&world, &durable, &err));
        assert_string_equal(read_path(&world, "csv", "/out", "n BIGINT, k STRING"), all_rows);
        world_close(&world);
    }
}

static void each_sync_of_the_sink_is_needed(void **state)
{
    static const MrDurableStep steps[] = {MR_STEP_SINK_FILE_SYNC, MR_STEP_SINK_STAGE_FOLDER_SYNC,
                                          MR_STEP_SINK_FOLDER_SYNC, MR_STEP_SINK_MANIFEST_SYNC,
                                          MR_STEP_SINK_MANIFEST_FOLDER_SYNC};
    for (int64_t s = 0; s < MR_COUNT(steps); s++) {
        bool caught = false;
        for (int64_t k = 1; k < 400 && !caught; k++) {
            World world;
            MrError err = {0};
            Durable durable = {.committed = -1};
            world_open(&world, *state, 5000 + (uint64_t)k);
            mr_os_sim_skip_step(world.os, steps[s], true);
            mr_os_sim_cut_at(world.os, k);
            int64_t closed = -1;
            if (run_epochs(&world, &durable, &err) == MR_OK) {
                k = 400;
                closed = 5;
            }
            /* All epochs before the last COMMITTED one were closed: their rows may not depend on a
             * second commit. */
            closed = closed > durable.committed - 1 ? closed : durable.committed - 1;
            mr_os_sim_cut_at(world.os, mr_os_sim_n_io(world.os) + 1);
            mr_os_sim_power_on(world.os);
            err = (MrError){0};
            caught = run_epochs(&world, &durable, &err) != MR_OK ||
                     strcmp(read_path(&world, "csv", "/out", "n BIGINT, k STRING"), all_rows) != 0;
            world_close(&world);
        }
        if (!caught)
            fail_msg("nothing shows that step %d is needed", (int)steps[s]);
    }
}

static void memory_foreach_and_noop(void **state)
{
    World world;
    world_open(&world, *state, 8);
    MrError err = {0};
    MrMemorySource *memory;
    MrSinkSpec spec = {.schema = &two_schema, .output_mode = MR_MODE_APPEND};
    MrSink *sink;
    Token token;
    int32_t cols[] = {1, 0};
    const char *rows;
    MR_OKAY(mr_memory_source_create(*state, &two_schema, &memory, &err));
    MR_OKAY(mr_memory_sink_open(memory, &spec, &sink, &err));
    MR_OKAY(write_epoch(&world, sink, (MrEpochId){.epoch = 0, .lineage = 1}, 1, 2, &token, &err));
    assert_int_equal(mr_memory_source_rows(memory), 0);
    MR_OKAY(commit_token(sink, (MrEpochId){.epoch = 0, .lineage = 1}, &token, &err));
    MR_OKAY(commit_token(sink, (MrEpochId){.epoch = 0, .lineage = 1}, &token, &err));
    MrSource *source = mr_memory_source_open(memory);
    MR_OKAY(read_rows(&world, source, NULL, NULL, cols, 2, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "even|2\nodd|1\n");
    sink->type->close_sink(sink);
    spec.output_mode = MR_MODE_COMPLETE;
    MR_OKAY(mr_memory_sink_open(memory, &spec, &sink, &err));
    MR_OKAY(write_epoch(&world, sink, (MrEpochId){.epoch = 1, .lineage = 2}, 7, 1, &token, &err));
    MR_OKAY(commit_token(sink, (MrEpochId){.epoch = 1, .lineage = 2}, &token, &err));
    MR_OKAY(read_rows(&world, source, NULL, NULL, cols, 2, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "odd|7\n");
    sink->type->close_sink(sink);
    mr_memory_source_destroy(memory);
    world_close(&world);
}

static void rate_counts_and_replays(void **state)
{
    World world;
    world_open(&world, *state, 9);
    MrError err = {0};
    const MrConnectorType *type = mr_connector_find("rate");
    MrOption options[] = {{"rowsPerSecond", "3"}};
    MrConnectorContext context = context_of(&world, options, 1, NULL, true);
    MrSource *source;
    int32_t cols[] = {1};
    const char *to, *next, *rows;
    MR_OKAY(type->open_source(&context, &source, &err));
    MR_OKAY(type->latest(source, NULL, false, &world.arena, &to, &err));
    assert_null(to);
    mr_os_sim_advance_us(world.os, 2500000);
    MR_OKAY(type->latest(source, NULL, false, &world.arena, &to, &err));
    MR_OKAY(read_rows(&world, source, NULL, to, cols, 1, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "0\n1\n2\n3\n4\n5\n");
    type->close_source(source);
    mr_os_sim_advance_us(world.os, 1000000);
    MR_OKAY(type->open_source(&context, &source, &err)); /* another process */
    MR_OKAY(type->latest(source, to, false, &world.arena, &next, &err));
    MR_OKAY(read_rows(&world, source, to, next, cols, 1, NULL, 0, &rows, NULL, &err));
    assert_string_equal(rows, "6\n7\n8\n");
    type->close_source(source);
    world_close(&world);
}

static void socket_lines_arrive_in_pieces(void **state)
{
    World world;
    world_open(&world, *state, 10);
    MrError err = {0};
    mr_os_sim_serve(world.os, 9999, MR_TEXT("one\ntwo\r\nthree\nlast"), true);
    const MrConnectorType *type = mr_connector_find("socket");
    MrOption options[] = {{"host", "localhost"}, {"port", "9999"}};
    MrConnectorContext context = context_of(&world, options, 2, NULL, true);
    MrSource *source;
    MR_OKAY(type->open_source(&context, &source, &err));
    int32_t cols[] = {0};
    const char *from = NULL, *to, *rows;
    MrTextBuilder all = {.arena = &world.arena};
    for (int i = 0; i < 200; i++) {
        MR_OKAY(type->latest(source, from, false, &world.arena, &to, &err));
        if (to == from)
            continue;
        MR_OKAY(read_rows(&world, source, from, to, cols, 1, NULL, 0, &rows, NULL, &err));
        mr_builder_str(&all, rows);
        MR_OKAY(type->acknowledge(source, to, &err));
        from = to;
    }
    type->close_source(source);
    MrText text = mr_builder_text(&all);
    assert_int_equal(text.size_bytes, 19); /* order within an epoch is sorted by read_rows */
    assert_non_null(strstr(text.data, "one\n"));
    assert_non_null(strstr(text.data, "two\n"));
    assert_non_null(strstr(text.data, "three\n"));
    assert_non_null(strstr(text.data, "last\n"));
    world_close(&world);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(names_are_found_as_spark_finds_them),
    MR_UNIT_TEST(paths_globs_and_hidden_files),
    MR_UNIT_TEST(partition_folders_become_typed_columns),
    MR_UNIT_TEST(splits_cover_each_line_once),
    MR_UNIT_TEST(projection_and_filters_agree),
    MR_UNIT_TEST(a_stream_takes_new_files_once_and_can_replay),
    MR_UNIT_TEST(positions_of_older_versions_are_understood),
    MR_UNIT_TEST(a_sink_shows_committed_epochs_once),
    MR_UNIT_TEST(batch_save_modes),
    MR_UNIT_TEST(power_loss_at_every_io_loses_and_doubles_nothing),
    MR_UNIT_TEST(a_failure_at_every_io_is_reported_and_can_be_repeated),
    MR_UNIT_TEST(each_sync_of_the_sink_is_needed),
    MR_UNIT_TEST(memory_foreach_and_noop),
    MR_UNIT_TEST(rate_counts_and_replays),
    MR_UNIT_TEST(socket_lines_arrive_in_pieces),
};
MR_UNIT_TESTS_MAIN(tests)
