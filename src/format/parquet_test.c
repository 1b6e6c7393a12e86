/* parquet_test.c - Parquet written and read back, its encodings one by one, and what damaged files
 * do. */
#include "format/parquet_int.h"
#include "format/parquet_encode_int.h"
#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>
#include <snappy-c.h>
#include <stdio.h>

typedef struct Fixture {
    MrBudget budget;
    MrArena arena;
    uint64_t seed;
} Fixture;

static int set_up(void **state)
{
    static Fixture fixture;
    mr_budget_init(&fixture.budget, "test", NULL, INT64_MAX);
    mr_arena_init(&fixture.arena, &fixture.budget);
    fixture.seed = 42;
    *state = &fixture;
    return 0;
}

static int tear_down(void **state)
{
    Fixture *fixture = *state;
    mr_arena_deinit(&fixture->arena);
    assert_int_equal(fixture->budget.used_bytes, 0);
    return 0;
}

static uint64_t next_random(Fixture *fixture) /* xorshift64* */
{
    fixture->seed ^= fixture->seed >> 12;
    fixture->seed ^= fixture->seed << 25;
    fixture->seed ^= fixture->seed >> 27;
    return fixture->seed * UINT64_C(2685821657736338717);
}
static int64_t random_below(Fixture *fixture, int64_t n)
{
    return (int64_t)(next_random(fixture) % (uint64_t)n);
}

static void must(MrStatus status, const MrError *err)
{
    char text[1500];
    if (status == MR_OK)
        return;
    mr_error_message(err, text, sizeof text);
    fail_msg("%s", text);
}

/* ---- Files in memory ---- */

static MrStatus buffer_write(void *self, const void *data, int64_t size_bytes, MrError *err)
{
    return mr_buffer_put(self, data, size_bytes, err);
}
static MrStatus buffer_read(void *self, int64_t offset, void *data, int64_t size_bytes,
                            MrError *err)
{
    const MrBuffer *bytes = self;
    assert_true(offset >= 0 && size_bytes >= 0 && offset + size_bytes <= bytes->size_bytes);
    memcpy(data, bytes->data + offset, (size_t)size_bytes);
    return MR_OK;
}
static MrInput input_of(MrBuffer *bytes)
{
    return (MrInput){.size_bytes = bytes->size_bytes,
                     .read_at = buffer_read,
                     .self = bytes,
                     .name = "a.parquet"};
}

/* ---- Random rows ---- */

static void value_fill(Fixture *fixture, MrVector *vec, int64_t row, bool few)
{
    MrArena *arena = &fixture->arena;
    int64_t word = few ? random_below(fixture, 5) : (int64_t)next_random(fixture);
    char text[80];
    int64_t size;
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_I8:
        vec->i8[row] = (int8_t)(vec->type->kind == MR_TYPE_BOOLEAN ? word & 1 : word);
        break;
    case MR_PHYS_I16:
        vec->i16[row] = (int16_t)word;
        break;
    case MR_PHYS_I32:
        vec->i32[row] = (int32_t)word;
        break;
    case MR_PHYS_I64:
        if (vec->type->kind == MR_TYPE_DECIMAL)
            word %= mr_pow10_i64[vec->type->precision];
        if (vec->type->kind == MR_TYPE_TIME)
            word = (int64_t)((uint64_t)word % UINT64_C(86400000000)) * 1000;
        if (vec->type->kind == MR_TYPE_TIMESTAMP) /* INT96 holds 32 bits of days */
            word %= INT64_C(1) << 55;
        vec->i64[row] = word;
        break;
    case MR_PHYS_I128:
        vec->i128[row] = ((MrI128)word * ((MrI128)1 << 60) + (int64_t)(next_random(fixture) >> 4)) %
                         mr_pow10_i128[vec->type->precision];
        break;
    case MR_PHYS_F32:
        vec->f32[row] = (float)word / 3;
        break;
    case MR_PHYS_F64:
        vec->f64[row] = random_below(fixture, 50) == 0 ? __builtin_nan("") : (double)word / 3;
        break;
    case MR_PHYS_STR:
        size = few ? word * 4 : random_below(fixture, 30) == 0 ? 80 : random_below(fixture, 20);
        for (int64_t i = 0; i < size; i++)
            text[i] = (char)('a' + (few ? word : random_below(fixture, 26)));
        vec->str[row] = mr_str_own(arena, text, size);
        break;
    case MR_PHYS_INTERVAL:
        vec->interval[row] =
            (MrInterval){(int32_t)word, (int32_t)(word >> 7), (int64_t)(uint32_t)word * 1000};
        break;
    default:
        break;
    }
}

/* nulls: one in so many is NULL; 0: none, 1: all. */
static MrVector *vector_fill(Fixture *fixture, const MrType *type, int64_t n, int64_t nulls,
                             bool few)
{
    MrArena *arena = &fixture->arena;
    MrVector *vec = mr_vector_create(arena, type, n);
    MrPhysical physical = mr_type_physical(type);
    int64_t n_elements = 0;
    for (int64_t i = 0; i < n; i++) {
        if (nulls > 0 && random_below(fixture, nulls) == 0) {
            mr_vector_set_null(arena, vec, i, n);
        } else if (physical == MR_PHYS_LIST) {
            int32_t count = (int32_t)random_below(fixture, 4);
            vec->list[i] = (MrSlice){(int32_t)n_elements, count};
            n_elements += count;
        } else {
            value_fill(fixture, vec, i, few);
        }
    }
    for (int32_t c = 0; c < type->n_fields; c++) {
        bool key = type->kind == MR_TYPE_MAP && c == 0;
        bool nullable = type->fields[c].nullable && !key;
        vec->children[c] =
            vector_fill(fixture, type->fields[c].type, physical == MR_PHYS_LIST ? n_elements : n,
                        nullable ? nulls : 0, few);
    }
    return vec;
}

typedef struct Rows {
    const MrSchema *schema;
    MrVector **cols;
    int64_t n;
} Rows;

static const MrSchema *schema_of(Fixture *fixture, const char *text)
{
    MrError err = {0};
    const MrType *type;
    must(mr_type_parse(&fixture->arena, mr_text(text), true, &type, &err), &err);
    MrSchema *schema = MR_NEW(&fixture->arena, MrSchema);
    *schema = (MrSchema){type->n_fields, type->fields};
    return schema;
}

static Rows rows_make(Fixture *fixture, const char *schema, int64_t n, int64_t nulls, bool few)
{
    Rows rows = {.schema = schema_of(fixture, schema), .n = n};
    rows.cols = MR_NEW_N(&fixture->arena, MrVector *, rows.schema->n_cols);
    for (int32_t i = 0; i < rows.schema->n_cols; i++)
        rows.cols[i] = vector_fill(fixture, rows.schema->cols[i].type, n,
                                   rows.schema->cols[i].nullable ? nulls : 0, few);
    return rows;
}

/* Writes all rows; wrap: as dictionary vectors with a selection of every row twice as many. */
static void rows_write(Fixture *fixture, const Rows *rows, const MrParquetWriteOptions *options,
                       bool wrap, MrBuffer *out)
{
    MrError err = {0};
    MrParquetWriter *writer;
    MrBatch *batch;
    MrOutput output = {buffer_write, out};
    mr_buffer_init(out, &fixture->budget, INT32_MAX);
    must(mr_parquet_writer_create(&fixture->budget, rows->schema, options, &output, &writer, &err),
         &err);
    must(mr_batch_create(&fixture->budget, &batch, &err), &err);
    for (int64_t at = 0; at < rows->n;) {
        int64_t k = 1 + random_below(fixture, MR_BATCH_ROWS / 2);
        if (k > rows->n - at)
            k = rows->n - at;
        mr_batch_reset(batch);
        mr_batch_set_cols(batch, rows->schema->n_cols);
        batch->n_rows = (int32_t)(wrap ? 2 * k : k);
        batch->n_sel = (int32_t)k;
        if (wrap) {
            batch->sel = mr_arena_alloc(&batch->arena, 2 * k);
            for (int64_t i = 0; i < k; i++)
                batch->sel[i] = (uint16_t)(2 * i + 1);
        }
        for (int32_t c = 0; c < batch->n_cols; c++) {
            int32_t *numbers = mr_arena_alloc(&batch->arena, 4 * k);
            for (int64_t i = 0; i < k; i++)
                numbers[i] = (int32_t)(at + i);
            if (wrap) {
                batch->cols[c] = mr_vector_dictionary(&batch->arena, rows->cols[c], 2 * k);
                batch->cols[c]->dict_id = (uint64_t)c + 1;
                for (int64_t i = 0; i < 2 * k; i++)
                    batch->cols[c]->codes[i] = i & 1 ? (uint32_t)numbers[i / 2] : 0;
            } else {
                batch->cols[c] = mr_vector_take_rows(&batch->arena, rows->cols[c], numbers, k);
            }
        }
        must(mr_parquet_write(writer, batch, &err), &err);
        at += k;
    }
    must(mr_parquet_finish(writer, &err), &err);
    assert_int_equal(mr_parquet_writer_bytes(writer), out->size_bytes);
    mr_batch_destroy(batch);
    mr_parquet_writer_destroy(writer);
}

static bool same_row(const MrVector *a, int64_t a_row, const MrVector *b, int64_t b_row)
{
    bool a_null = mr_vector_is_null(a, a_row);
    if (a_null || mr_vector_is_null(b, b_row))
        return a_null == mr_vector_is_null(b, b_row);
    int64_t a_at, b_at;
    const MrVector *x = mr_vector_at(a, a_row, &a_at), *y = mr_vector_at(b, b_row, &b_at);
    if (mr_type_physical(x->type) == MR_PHYS_LIST) {
        if (x->list[a_at].count != y->list[b_at].count)
            return false;
        for (int32_t i = 0; i < x->list[a_at].count; i++)
            for (int32_t c = 0; c < x->type->n_fields; c++)
                if (!same_row(x->children[c], x->list[a_at].start + i, y->children[c],
                              y->list[b_at].start + i))
                    return false;
        return true;
    }
    if (mr_type_physical(x->type) == MR_PHYS_STRUCT) {
        for (int32_t c = 0; c < x->type->n_fields; c++)
            if (!same_row(x->children[c], a_at, y->children[c], b_at))
                return false;
        return true;
    }
    if (x->type->kind == MR_TYPE_INTERVAL)
        return memcmp(&x->interval[a_at], &y->interval[b_at], sizeof(MrInterval)) == 0;
    return mr_vector_compare(x, a_at, y, b_at) == 0;
}

/* A filter that keeps rows by a pattern: some batches lose all of theirs. */
static MrStatus keep_some(void *self, MrBatch *batch, MrError *err)
{
    Fixture *fixture = self;
    uint16_t *sel = mr_arena_alloc(&batch->arena, 2 * MR_BATCH_ROWS);
    int32_t n = 0;
    int64_t keep = random_below(fixture, 4); /* none, few, half, most */
    for (int32_t i = 0; i < batch->n_sel; i++)
        if (random_below(fixture, 16) < keep * keep * keep / 2)
            sel[n++] = (uint16_t)mr_batch_row(batch, i);
    batch->sel = sel;
    batch->n_sel = n;
    return MR_OK;
}

/* Reads the file and compares with the rows; filtered: only some, in two stages. */
static void rows_check(Fixture *fixture, const Rows *rows, MrBuffer *bytes, bool filtered)
{
    MrError err = {0};
    MrParquetFile *file;
    MrParquetScan *scan;
    MrBatch *batch;
    MrInput input = input_of(bytes);
    must(mr_parquet_open(&fixture->budget, &input, &file, &err), &err);
    assert_int_equal(mr_parquet_n_rows(file), rows->n);
    const MrSchema *schema = mr_parquet_schema(file);
    assert_int_equal(schema->n_cols, rows->schema->n_cols);
    MrParquetColumn *cols = MR_NEW_N(&fixture->arena, MrParquetColumn, schema->n_cols);
    for (int32_t i = 0; i < schema->n_cols; i++) {
        if (!mr_type_equal(schema->cols[i].type, rows->schema->cols[i].type))
            fail_msg("column %s came back as %s", schema->cols[i].name,
                     mr_type_catalog_text(&fixture->arena, schema->cols[i].type));
        cols[i] = (MrParquetColumn){.col_idx = i, .stage = i % 3};
    }
    MrParquetFilter filters[] = {{keep_some, fixture}, {keep_some, fixture}};
    MrParquetScanOptions options = {.budget = &fixture->budget,
                                    .n_cols = schema->n_cols,
                                    .cols = cols,
                                    .n_filters = filtered ? 2 : 0,
                                    .filters = filters};
    must(mr_parquet_scan_create(file, &options, &scan, &err), &err);
    must(mr_batch_create(&fixture->budget, &batch, &err), &err);
    int64_t n_seen = 0;
    for (int32_t g = 0; g < mr_parquet_n_row_groups(file); g++) {
        bool more;
        must(mr_parquet_scan_start(scan, g, NULL, 0, NULL, &err), &err);
        for (;;) {
            must(mr_parquet_scan_next(scan, batch, &more, &err), &err);
            if (!more)
                break;
            assert_true(batch->n_sel > 0);
            n_seen += batch->n_sel;
            for (int32_t i = 0; i < batch->n_sel; i++) {
                int32_t row = mr_batch_row(batch, i);
                for (int32_t c = 0; c < batch->n_cols; c++)
                    if (!same_row(batch->cols[c], row, rows->cols[c],
                                  mr_parquet_scan_row(scan) + row))
                        fail_msg("row %lld of %s differs",
                                 (long long)(mr_parquet_scan_row(scan) + row),
                                 schema->cols[c].name);
            }
        }
    }
    if (!filtered)
        assert_int_equal(n_seen, rows->n);
    mr_batch_destroy(batch);
    mr_parquet_scan_destroy(scan);
    mr_parquet_close(file);
}

static const char all_types[] =
    "b boolean, i8 tinyint, i16 smallint, i32 int, i64 bigint, f float, d double, d9 decimal(9,2), "
    "d18 decimal(18,4), d38 decimal(38,10), s string, v varchar(80), c char(80), bin binary, day "
    "date, t time(6), "
    "ts timestamp, ntz timestamp_ntz, ym interval year to month, dt interval day to second, ci "
    "interval, "
    "r int not null, rs string not null, "
    "l array<int>, ls array<string>, ll array<array<bigint>>, m map<string,decimal(20,3)>, "
    "st struct<a:int,b:string,c:struct<d:double,e:array<int>>>, lst "
    "array<struct<x:int,y:array<string>>>, "
    "ml map<int,array<struct<k:boolean>>>, va variant";

static const struct {
    const char *rule;
    int64_t n_rows, nulls;
    bool few, wrap;
    MrParquetWriteOptions options;
} round_trips[] = {
    {"no rows", 0, 0, false, false, {0}},
    {"one row", 1, 0, false, false, {.codec = MR_PARQUET_SNAPPY}},
    {"one row of NULLs", 1, 1, false, false, {.codec = MR_PARQUET_SNAPPY}},
    {"no NULLs", 5000, 0, false, false, {.codec = MR_PARQUET_SNAPPY}},
    {"some NULLs", 5000, 7, false, false, {.codec = MR_PARQUET_SNAPPY}},
    {"many NULLs", 5000, 2, false, false, {.codec = MR_PARQUET_ZSTD}},
    {"nothing but NULLs", 3000, 1, false, false, {.codec = MR_PARQUET_SNAPPY}},
    {"few values", 5000, 9, true, false, {.codec = MR_PARQUET_LZ4_RAW}},
    {"few values without a dictionary",
     5000,
     9,
     true,
     false,
     {.codec = MR_PARQUET_GZIP, .no_dictionary = true}},
    {"a row a page", 300, 3, true, false, {.page_rows = 1}},
    {"pages of seven rows", 3000, 5, false, false, {.page_rows = 7, .codec = MR_PARQUET_SNAPPY}},
    {"row groups of 100 rows", 1000, 5, true, false, {.row_group_rows = 100}},
    {"small pages in small row groups",
     2500,
     4,
     true,
     false,
     {.row_group_rows = 333, .page_rows = 50}},
    {"pages by size", 4000, 4, false, false, {.page_bytes = 500}},
    {"dictionary vectors", 3000, 6, true, true, {.codec = MR_PARQUET_SNAPPY}},
    {"dictionary vectors, plain pages",
     3000,
     6,
     false,
     true,
     {.no_dictionary = true, .page_rows = 99}},
    {"timestamps and decimals the old way",
     2000,
     6,
     false,
     false,
     {.int96_timestamps = true, .legacy_decimals = true}},
    {"v2: no rows", 0, 0, false, false, {.v2 = true}},
    {"v2: one row", 1, 0, false, false, {.v2 = true, .codec = MR_PARQUET_GZIP}},
    {"v2: no NULLs", 5000, 0, false, false, {.v2 = true, .codec = MR_PARQUET_SNAPPY}},
    {"v2: many NULLs", 5000, 2, false, false, {.v2 = true, .codec = MR_PARQUET_ZSTD}},
    {"v2: nothing but NULLs", 3000, 1, false, false, {.v2 = true, .codec = MR_PARQUET_SNAPPY}},
    {"v2: few values", 5000, 9, true, false, {.v2 = true, .codec = MR_PARQUET_LZ4_RAW}},
    {"v2: few values without a dictionary",
     5000,
     9,
     true,
     false,
     {.v2 = true, .codec = MR_PARQUET_GZIP, .no_dictionary = true}},
    {"v2: a row a page", 300, 3, true, false, {.v2 = true, .no_dictionary = true, .page_rows = 1}},
    {"v2: small pages in small row groups",
     2500,
     4,
     false,
     false,
     {.v2 = true, .row_group_rows = 333, .page_rows = 50}},
    {"v2: dictionary vectors", 3000, 6, true, true, {.v2 = true, .codec = MR_PARQUET_SNAPPY}},
    {"v2: dictionary vectors, pages without",
     3000,
     6,
     false,
     true,
     {.v2 = true, .no_dictionary = true, .page_rows = 99}},
    {"v2: timestamps and decimals the old way",
     2000,
     6,
     false,
     false,
     {.v2 = true, .int96_timestamps = true, .legacy_decimals = true}},
};

static void what_is_written_is_read_back(void **state)
{
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(round_trips); i++) {
        MrBuffer bytes;
        print_message("  %s\n", round_trips[i].rule);
        Rows rows = rows_make(fixture, all_types, round_trips[i].n_rows, round_trips[i].nulls,
                              round_trips[i].few);
        rows_write(fixture, &rows, &round_trips[i].options, round_trips[i].wrap && rows.n > 0,
                   &bytes);
        rows_check(fixture, &rows, &bytes, false);
        rows_check(fixture, &rows, &bytes, true);
        mr_buffer_deinit(&bytes);
        mr_arena_reset(&fixture->arena);
    }
}

/* A dictionary that grows beyond its limit in the middle of a chunk: its pages, then plain ones. */
static void a_dictionary_that_overflows_is_left(void **state)
{
    Fixture *fixture = *state;
    MrBuffer bytes;
    Rows rows = rows_make(fixture, "s string, l bigint", 60000, 0, false);
    for (int64_t i = 0; i < rows.n; i++) {
        char text[64];
        bool few = i < 25000; /* the dictionary pays on the first page */
        int n = snprintf(text, sizeof text, "a string that is a little longer %lld",
                         (long long)(few ? i % 10 : i));
        rows.cols[0]->str[i] = mr_str_own(&fixture->arena, text, n);
        rows.cols[1]->i64[i] = few ? i % 10 : i * 1000003;
    }
    for (int v2 = 0; v2 < 2; v2++) {
        rows_write(fixture, &rows, &(MrParquetWriteOptions){.codec = MR_PARQUET_SNAPPY, .v2 = v2},
                   false, &bytes);
        rows_check(fixture, &rows, &bytes, false);
        rows_check(fixture, &rows, &bytes, true);
        mr_buffer_deinit(&bytes);
    }
}

/* ---- Pruning ---- */

typedef struct Found {
    int64_t n_rows, n_pass;
    MrParquetScanCounts counts;
} Found;

static bool passes(const MrVector *vec, int64_t row, MrParquetTest test, const MrVector *value)
{
    if (test == MR_PARQUET_IS_NULL || test == MR_PARQUET_NOT_NULL)
        return mr_vector_is_null(vec, row) == (test == MR_PARQUET_IS_NULL);
    if (mr_vector_is_null(vec, row))
        return false;
    int order = mr_vector_compare(vec, row, value, 0);
    return test == MR_PARQUET_EQ   ? order == 0
           : test == MR_PARQUET_LT ? order < 0
           : test == MR_PARQUET_LE ? order <= 0
           : test == MR_PARQUET_GT ? order > 0
                                   : order >= 0;
}

static Found rows_find(Fixture *fixture, MrBuffer *bytes, int32_t col_idx, MrParquetTest test,
                       const MrVector *value)
{
    MrError err = {0};
    Found found = {0};
    MrParquetFile *file;
    MrParquetScan *scan;
    MrBatch *batch;
    MrInput input = input_of(bytes);
    must(mr_parquet_open(&fixture->budget, &input, &file, &err), &err);
    int32_t n_cols = mr_parquet_schema(file)->n_cols;
    MrParquetColumn cols[16];
    for (int32_t i = 0; i < n_cols; i++)
        cols[i].col_idx = i, cols[i].type = NULL, cols[i].stage = 0;
    MrParquetPredicate predicate = {
        .column = col_idx, .test = test, .values = value, .n_values = 1};
    MrParquetScanOptions options = {.budget = &fixture->budget, .n_cols = n_cols, .cols = cols};
    must(mr_parquet_scan_create(file, &options, &scan, &err), &err);
    must(mr_batch_create(&fixture->budget, &batch, &err), &err);
    for (int32_t g = 0; g < mr_parquet_n_row_groups(file); g++) {
        bool more = true;
        must(mr_parquet_scan_start(scan, g, &predicate, 1, NULL, &err), &err);
        for (;;) {
            must(mr_parquet_scan_next(scan, batch, &more, &err), &err);
            if (!more)
                break;
            for (int32_t i = 0; i < batch->n_rows; i++) {
                /* Column 0 counts the rows: others must have moved along with it. */
                assert_int_equal(batch->cols[0]->i64[i], mr_parquet_scan_row(scan) + i);
                found.n_rows++;
                found.n_pass += passes(batch->cols[col_idx], i, test, value);
            }
        }
    }
    found.counts = mr_parquet_scan_counts(scan);
    mr_batch_destroy(batch);
    mr_parquet_scan_destroy(scan);
    mr_parquet_close(file);
    return found;
}

static void pruning_never_loses_a_row_and_skips_what_it_can(void **state)
{
    Fixture *fixture = *state;
    static const char schema[] =
        "n bigint, sorted bigint, r int, s string, d double, dec decimal(25,2), "
        "nul int, l array<int>";
    MrBuffer bytes;
    Rows rows = rows_make(fixture, schema, 6000, 0, false);
    rows.cols[7] = vector_fill(fixture, rows.schema->cols[7].type, rows.n, 5, true);
    for (int64_t i = 0; i < rows.n; i++) {
        char text[16];
        rows.cols[0]->i64[i] = i;
        rows.cols[1]->i64[i] = i / 10;
        rows.cols[2]->i32[i] = (int32_t)(i % 20 * 2);
        rows.cols[3]->str[i] =
            mr_str_own(&fixture->arena, text, snprintf(text, sizeof text, "k%05d", (int)(i / 7)));
        rows.cols[4]->f64[i] = (double)(i / 100);
        rows.cols[5]->i128[i] = (MrI128)i * 100 - 300000;
        if (i / 1000 == 2)
            mr_vector_set_null(&fixture->arena, rows.cols[6], i, rows.n);
    }
    rows_write(fixture, &rows, &(MrParquetWriteOptions){.row_group_rows = 1500, .page_rows = 100},
               false, &bytes);
    for (int32_t c = 1; c < 7; c++) {
        for (int test = MR_PARQUET_EQ; test <= MR_PARQUET_NOT_NULL; test++) {
            for (int k = 0; k < 4; k++) {
                int32_t number = (int32_t)(k == 0 ? 0 : random_below(fixture, rows.n));
                MrVector *value = mr_vector_take_rows(&fixture->arena, rows.cols[c], &number, 1);
                if (c == 2 && k == 1)
                    value->i32[0] = 21; /* odd: only the dictionary knows that it is not there */
                if (mr_vector_is_null(value, 0))
                    continue;
                int64_t n_want = 0;
                for (int64_t i = 0; i < rows.n; i++)
                    n_want += passes(rows.cols[c], i, (MrParquetTest)test, value);
                Found found = rows_find(fixture, &bytes, c, (MrParquetTest)test, value);
                assert_int_equal(found.n_pass, n_want);
                assert_int_equal(found.n_rows + found.counts.n_rows_pruned, rows.n);
                bool clustered = c == 1 || c == 3 || c == 4 || c == 5;
                if (clustered && test == MR_PARQUET_EQ && found.n_rows > 200 + 1)
                    fail_msg("%lld rows read for one value of column %d", (long long)found.n_rows,
                             c);
                if (c == 2 && k == 1 && test == MR_PARQUET_EQ)
                    assert_int_equal(found.n_rows, 0);
                if (c == 6 && test == MR_PARQUET_IS_NULL)
                    assert_int_equal(found.n_rows, 1000);
            }
        }
    }
    MrError err = {0};
    MrParquetFile *file;
    MrParquetStats stats;
    MrInput input = input_of(&bytes);
    must(mr_parquet_open(&fixture->budget, &input, &file, &err), &err);
    mr_parquet_column_stats(file, -1, 3, &fixture->arena, &stats);
    assert_true(stats.exact && stats.n_rows == 6000 && stats.n_nulls == 0);
    assert_memory_equal(mr_str_data(stats.max->str), "k00857", 6);
    mr_parquet_column_stats(file, 1, 6, &fixture->arena, &stats);
    assert_int_equal(stats.n_nulls, 1000);
    mr_parquet_column_stats(file, -1, 5, &fixture->arena, &stats);
    assert_true(stats.min->i128[0] == -300000);
    mr_parquet_close(file);
    mr_buffer_deinit(&bytes);
}

/* ---- Wanted types ---- */

static const struct {
    const char *stored, *wanted;
    bool fits;
} widenings[] = {
    {"int", "bigint", true},
    {"tinyint", "smallint", true},
    {"smallint", "bigint", true},
    {"int", "double", true},
    {"float", "double", true},
    {"int", "decimal(12,2)", true},
    {"bigint", "decimal(20,0)", true},
    {"decimal(9,2)", "decimal(12,4)", true},
    {"decimal(20,2)", "decimal(38,2)", true},
    {"date", "timestamp_ntz", true},
    {"timestamp", "timestamp_ntz", true},
    {"string", "binary", true},
    {"string", "varchar(9)", true},
    {"array<int>", "array<bigint>", true},
    {"int", "string", false},
    {"bigint", "int", false},
    {"string", "int", false},
    {"decimal(9,2)", "decimal(9,3)", false},
    {"timestamp", "bigint", false},
    {"array<int>", "int", false},
    {"array<int>", "map<int,int>", false},
    {"struct<a:int,b:string>", "struct<B:string,x:double,a:bigint>", true},
    {"struct<a:int,b:string>", "struct<x:double>", true},
};

static void columns_are_widened_or_the_mismatch_is_named(void **state)
{
    Fixture *fixture = *state;
    for (int64_t i = 0; i < MR_COUNT(widenings); i++) {
        MrError err = {0};
        MrBuffer bytes;
        char text[100];
        snprintf(text, sizeof text, "x %s", widenings[i].stored);
        Rows rows = rows_make(fixture, text, 100, 5, true);
        rows_write(fixture, &rows, &(MrParquetWriteOptions){0}, false, &bytes);
        MrInput input = input_of(&bytes);
        MrParquetFile *file;
        MrParquetScan *scan = NULL;
        MrBatch *batch;
        must(mr_parquet_open(&fixture->budget, &input, &file, &err), &err);
        snprintf(text, sizeof text, "x %s", widenings[i].wanted);
        MrParquetColumn cols[] = {{.col_idx = 0, .type = schema_of(fixture, text)->cols[0].type},
                                  {.col_idx = -1, .type = MR_T(STRING)}};
        MrParquetScanOptions options = {.budget = &fixture->budget, .n_cols = 2, .cols = cols};
        MrStatus status = mr_parquet_scan_create(file, &options, &scan, &err);
        if (widenings[i].fits) {
            bool more;
            must(status, &err);
            must(mr_batch_create(&fixture->budget, &batch, &err), &err);
            must(mr_parquet_scan_start(scan, 0, NULL, 0, NULL, &err), &err);
            must(mr_parquet_scan_next(scan, batch, &more, &err), &err);
            assert_int_equal(batch->n_rows, 100);
            assert_true(mr_type_equal(batch->cols[0]->type, cols[0].type));
            for (int32_t r = 0; r < 100; r++) {
                assert_int_equal(mr_vector_is_null(batch->cols[0], r),
                                 mr_vector_is_null(rows.cols[0], r));
                assert_true(mr_vector_is_null(batch->cols[1], r));
            }
            mr_batch_destroy(batch);
        } else {
            assert_int_equal(status, MR_CORRUPT);
            assert_string_equal(mr_error_condition(&err),
                                "FAILED_READ_FILE.PARQUET_COLUMN_DATA_TYPE_MISMATCH");
            assert_string_equal(mr_error_param(&err, "expectedType"), widenings[i].wanted);
        }
        mr_parquet_scan_destroy(scan);
        mr_parquet_close(file);
        mr_buffer_deinit(&bytes);
    }
}

/* ---- Damage ---- */

/* Opens and reads all; the first error's condition, or "". */
static const char *read_all(Fixture *fixture, MrBuffer *bytes)
{
    static MrError err;
    err = (MrError){0};
    MrParquetFile *file;
    MrParquetScan *scan = NULL;
    MrBatch *batch = NULL;
    MrInput input = input_of(bytes);
    if (mr_parquet_open(&fixture->budget, &input, &file, &err) != MR_OK)
        return mr_error_condition(&err);
    int32_t n_cols = mr_parquet_schema(file)->n_cols;
    MrParquetColumn cols[64];
    assert_true(n_cols <= 64);
    for (int32_t i = 0; i < n_cols; i++)
        cols[i].col_idx = i, cols[i].type = NULL, cols[i].stage = 0;
    MrParquetScanOptions options = {.budget = &fixture->budget, .n_cols = n_cols, .cols = cols};
    bool more = true;
    MrStatus status = mr_parquet_scan_create(file, &options, &scan, &err);
    if (status == MR_OK)
        status = mr_batch_create(&fixture->budget, &batch, &err);
    for (int32_t g = 0; status == MR_OK && g < mr_parquet_n_row_groups(file); g++) {
        status = mr_parquet_scan_start(scan, g, NULL, 0, NULL, &err);
        for (more = true; status == MR_OK && more;)
            status = mr_parquet_scan_next(scan, batch, &more, &err);
    }
    mr_batch_destroy(batch);
    mr_parquet_scan_destroy(scan);
    mr_parquet_close(file);
    return status == MR_OK ? "" : mr_error_condition(&err);
}

static void damage_everywhere(Fixture *fixture, const MrParquetWriteOptions *options)
{
    static const char footer[] = "FAILED_READ_FILE.CANNOT_READ_FILE_FOOTER";
    MrBuffer bytes;
    Rows rows = rows_make(fixture, all_types, 100, 5, true);
    rows_write(fixture, &rows, options, false, &bytes);
    assert_string_equal(read_all(fixture, &bytes), "");

    int64_t size = bytes.size_bytes;
    for (int64_t cut = 0; cut < size; cut += 1 + cut / 20) { /* cut short anywhere */
        bytes.size_bytes = cut;
        assert_string_equal(read_all(fixture, &bytes), footer);
    }
    bytes.size_bytes = size;
    for (int64_t at = 0; at < size; at += 1 + random_below(fixture, 5)) {
        char was = bytes.data[at];
        bytes.data[at] = (char)(was ^ (1 + random_below(fixture, 255)));
        read_all(fixture, &bytes); /* an answer or an error; the sanitizers look on */
        bytes.data[at] = was;
    }
    /* A flipped bit in a page is found by its CRC. */
    MrPqPageHeader header;
    MrReader reader = {.at = (uint8_t *)bytes.data + 4, .end = (uint8_t *)bytes.data + size};
    assert_true(mr__thrift_read(&reader, &mr__pq_page_header_def, &fixture->arena, &header));
    *(uint8_t *)(uintptr_t)(reader.at + header.compressed_bytes - 1) ^= 1;
    assert_string_equal(read_all(fixture, &bytes), "FAILED_READ_FILE.NO_HINT");
    *(uint8_t *)(uintptr_t)(reader.at + header.compressed_bytes - 1) ^= 1;
    memcpy(bytes.data + size - 4, "PARE", 4);
    assert_string_equal(read_all(fixture, &bytes), "CODEC_NOT_AVAILABLE");
    memcpy(bytes.data + size - 4, "PAR1", 4);
    memset(bytes.data + size - 8, 0xff, 4);
    assert_string_equal(read_all(fixture, &bytes), footer);
    mr_buffer_deinit(&bytes);
}

static void a_damaged_file_gives_an_error_whatever_byte_it_is(void **state)
{
    damage_everywhere(*state, &(MrParquetWriteOptions){.page_rows = 40});
    damage_everywhere(*state,
                      &(MrParquetWriteOptions){.page_rows = 40, .v2 = true, .no_dictionary = true});
}

static void every_refused_allocation_is_survived(void **state)
{
    Fixture *fixture = *state;
    MrBuffer bytes;
    Rows rows =
        rows_make(fixture, "i int, s string, l array<struct<a:bigint,b:string>>, d decimal(30,2)",
                  3000, 5, false);
    rows_write(fixture, &rows, &(MrParquetWriteOptions){.page_rows = 500}, false, &bytes);
    bool done = false;
    for (int64_t k = 1; !done; k += 1 + k / 10) {
        _Atomic int64_t countdown = k;
        fixture->budget.fail_countdown = &countdown;
        const char *condition = read_all(fixture, &bytes);
        fixture->budget.fail_countdown = NULL;
        done = condition[0] == 0;
        if (!done)
            assert_string_equal(condition, "UNABLE_TO_ACQUIRE_MEMORY");
    }
    done = false;
    for (int64_t k = 1; !done; k += 1 + k / 10) {
        MrError err = {0};
        MrBuffer again;
        MrBatch *batch;
        MrParquetWriter *writer = NULL;
        mr_buffer_init(&again, &fixture->budget, INT32_MAX);
        must(mr_batch_create(&fixture->budget, &batch, &err), &err);
        mr_batch_set_cols(batch, rows.schema->n_cols);
        batch->n_rows = batch->n_sel = 2000;
        for (int32_t c = 0; c < batch->n_cols; c++)
            batch->cols[c] = rows.cols[c];
        _Atomic int64_t countdown = k;
        fixture->budget.fail_countdown = &countdown;
        MrOutput output = {buffer_write, &again};
        MrParquetWriteOptions options = {.page_rows = 300, .v2 = k & 1};
        MrStatus status = mr_parquet_writer_create(&fixture->budget, rows.schema, &options, &output,
                                                   &writer, &err);
        if (status == MR_OK)
            status = mr_parquet_write(writer, batch, &err);
        if (status == MR_OK)
            status = mr_parquet_finish(writer, &err);
        fixture->budget.fail_countdown = NULL;
        assert_true(status == MR_OK || status == MR_NO_MEMORY);
        done = status == MR_OK;
        mr_parquet_writer_destroy(writer);
        mr_batch_destroy(batch);
        mr_buffer_deinit(&again);
    }
    mr_buffer_deinit(&bytes);
}

/* ---- Encodings ---- */

static void packed_values_of_every_width_come_out(void **state)
{
    Fixture *fixture = *state;
    static uint64_t values[200], out64[200];
    static uint32_t out32[200];
    for (int width = 0; width <= 64; width++) {
        uint8_t packed[200 * 8 + MR_PQ_SLACK_BYTES] = {0};
        for (int64_t i = 0; i < 200; i++) {
            values[i] = width == 0 ? 0 : next_random(fixture) >> (64 - width);
            for (int b = 0; b < width; b++)
                packed[(i * width + b) >> 3] |=
                    (uint8_t)((values[i] >> b & 1) << ((i * width + b) & 7));
        }
        for (int64_t skip = 0; skip < 20; skip++) {
            mr__unpack_u64(packed, width, skip, 200 - skip, out64);
            assert_memory_equal(out64, values + skip, (size_t)(200 - skip) * 8);
            if (width > 32)
                continue;
            mr__unpack_u32(packed, width, skip, 200 - skip, out32);
            for (int64_t i = 0; i < 200 - skip; i++)
                assert_int_equal(out32[i], values[skip + i]);
        }
    }
}

static void runs_and_packed_groups_come_out(void **state)
{
    Fixture *fixture = *state;
    static uint32_t values[5000], out[5000];
    for (int width = 0; width <= 32; width++) {
        MrError err = {0};
        MrBuffer bytes;
        mr_buffer_init(&bytes, &fixture->budget, INT32_MAX);
        for (int64_t i = 0; i < 5000;) {
            int64_t run = random_below(fixture, 3) ? 1 : random_below(fixture, 40);
            uint32_t value = width == 0 ? 0 : (uint32_t)(next_random(fixture) >> (64 - width));
            for (; run > 0 && i < 5000; run--)
                values[i++] = value;
        }
        must(mr__rle_write(values, 5000, width, &bytes, &err), &err);
        must(mr_buffer_reserve(&bytes, MR_PQ_SLACK_BYTES, &err), &err);
        const uint8_t *data = (const uint8_t *)bytes.data, *end = data + bytes.size_bytes;
        MrRle rle;
        mr__rle_init(&rle, data, end, width);
        for (int64_t at = 0; at < 5000;) {
            int64_t k = random_below(fixture, 100), skip = random_below(fixture, 50);
            k = k < 5000 - at ? k : 5000 - at;
            assert_true(mr__rle_read(&rle, k, out));
            assert_memory_equal(out, values + at, (size_t)k * 4);
            at += k;
            skip = skip < 5000 - at ? skip : 5000 - at;
            assert_true(mr__rle_skip(&rle, skip));
            at += skip;
        }
        if (width > 0)
            assert_false(mr__rle_read(&rle, 100, out));
        mr_buffer_deinit(&bytes);
    }
}

/* The example of Encodings.md: deltas 1, 1, 1, 1 of 1..5, and one with negative deltas. */
static void deltas_come_out(void **state)
{
    static const uint8_t one_to_five[100] = {0x80, 1, 4, 5, 2, 2, 0, 0, 0, 0};
    int64_t out[16];
    MrDelta delta;
    assert_true(mr__delta_init(&delta, one_to_five, one_to_five + 10));
    assert_true(mr__delta_read(&delta, 5, out));
    for (int64_t i = 0; i < 5; i++)
        assert_int_equal(out[i], i + 1);
    assert_false(mr__delta_read(&delta, 1, out));
    /* 7, 5, 3, 1, 2, 3, 4, 5: deltas -2 -2 -2 1 1 1 1, min -2, so 0 0 0 3 3 3 3 in two bits. */
    static const uint8_t down_and_up[100] = {0x80, 1, 4, 8, 14, 3, 2, 0, 0, 0, 0xc0, 0x3f};
    assert_true(mr__delta_init(&delta, down_and_up, down_and_up + 18));
    assert_true(mr__delta_skip(&delta, 2));
    assert_true(mr__delta_read(&delta, 6, out));
    static const int64_t want[] = {3, 1, 2, 3, 4, 5};
    assert_memory_equal(out, want, sizeof want);
    assert_false(mr__delta_init(&delta, (const uint8_t *)"\x00\x04\x08\x0e",
                                (const uint8_t *)"\x00\x04\x08\x0e" + 4));
}

/* Any integers, of both widths, the greatest distances between neighbours included. */
static void deltas_written_come_out(void **state)
{
    enum { MAX_VALUES = 1000 };
    Fixture *fixture = *state;
    static int64_t i64[MAX_VALUES], out[MAX_VALUES];
    static int32_t i32[MAX_VALUES];
    for (int64_t round = 0; round < 1500; round++) {
        int64_t n = round < 300 ? round : random_below(fixture, MAX_VALUES);
        int shift = (int)random_below(fixture, 64);
        for (int64_t i = 0; i < n; i++) {
            i64[i] = (int64_t)next_random(fixture) >> shift;
            if (round % 3 == 0 && random_below(fixture, 2))
                i64[i] = random_below(fixture, 2) ? INT64_MAX : INT64_MIN;
            if (round % 5 == 0)
                i64[i] = (int64_t)((uint64_t)round * (uint64_t)i);
            i32[i] = round % 3 == 0 && random_below(fixture, 2) ? INT32_MIN : (int32_t)i64[i];
        }
        for (int narrow = 0; narrow < 2; narrow++) {
            MrError err = {0};
            MrBuffer bytes;
            MrDelta delta;
            mr_buffer_init(&bytes, &fixture->budget, INT32_MAX);
            must(narrow ? mr__delta_write(i32, 4, n, &bytes, &err)
                        : mr__delta_write(i64, 8, n, &bytes, &err),
                 &err);
            must(mr_buffer_reserve(&bytes, MR_PQ_SLACK_BYTES, &err), &err);
            const uint8_t *data = (const uint8_t *)bytes.data, *end = data + bytes.size_bytes;
            assert_true(mr__delta_init(&delta, data, end));
            assert_int_equal(delta.n_left, n);
            assert_true(mr__delta_read(&delta, n, out));
            assert_ptr_equal(mr__delta_end(&delta), n > 0 ? end : delta.at);
            for (int64_t i = 0; i < n; i++)
                if (narrow ? (int32_t)out[i] != i32[i] : out[i] != i64[i])
                    fail_msg("round %lld: value %lld of %lld", (long long)round, (long long)i,
                             (long long)n);
            mr_buffer_deinit(&bytes);
        }
    }
}

static void snappy_agrees_with_the_library(void **state)
{
    Fixture *fixture = *state;
    static char plain[70000], packed[100000];
    static uint8_t out[70000 + MR_PQ_SLACK_BYTES];
    for (int round = 0; round < 200; round++) {
        int64_t size = random_below(fixture, round % 4 ? 500 : 70000);
        int64_t letters = 1 + random_below(fixture, 250), repeat = 1 + random_below(fixture, 40);
        for (int64_t i = 0; i < size; i++)
            plain[i] = i >= repeat && random_below(fixture, 8)
                           ? plain[i - repeat]
                           : (char)random_below(fixture, letters);
        size_t packed_bytes = sizeof packed;
        snappy_compress(plain, (size_t)size, packed, &packed_bytes);
        for (int numbers = 0; numbers < 2; numbers++) {
            const uint8_t *from = (const uint8_t *)packed;
            int64_t n = (int64_t)packed_bytes;
            memset(out, 0xaa, sizeof out);
            assert_true(mr__snappy_decompress(from, n, out, size, numbers));
            assert_memory_equal(out, plain, (size_t)size);
            assert_false(mr__snappy_decompress(from, n, out, size + 1, numbers));
            if (n > 3)
                assert_false(mr__snappy_decompress(from, n - 1, out, size, numbers));
        }
    }
}

/* Structs within structs without end, in a field nobody knows and in a schema. */
static void thrift_nesting_has_a_limit(void **state)
{
    Fixture *fixture = *state;
    uint8_t deep[1000];
    MrPqFooter footer;
    memset(deep, 0x1c, sizeof deep);
    MrReader reader = {.at = deep, .end = deep + sizeof deep};
    assert_false(mr__thrift_read(&reader, &mr__pq_footer_def, &fixture->arena, &footer));
    memset(deep, 0xf9, sizeof deep); /* lists of lists */
    reader = (MrReader){.at = deep, .end = deep + sizeof deep};
    assert_false(mr__thrift_read(&reader, &mr__pq_footer_def, &fixture->arena, &footer));
    static const uint8_t huge_list[] = {0x29, 0xfc, 0xff,
                                        0xff, 0xff, 0x7f}; /* 2^28 schema elements */
    reader = (MrReader){.at = huge_list, .end = huge_list + sizeof huge_list};
    assert_false(mr__thrift_read(&reader, &mr__pq_footer_def, &fixture->arena, &footer));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_written_is_read_back, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_dictionary_that_overflows_is_left, set_up, tear_down),
        cmocka_unit_test_setup_teardown(pruning_never_loses_a_row_and_skips_what_it_can, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(columns_are_widened_or_the_mismatch_is_named, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_damaged_file_gives_an_error_whatever_byte_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(every_refused_allocation_is_survived, set_up, tear_down),
        cmocka_unit_test_setup_teardown(packed_values_of_every_width_come_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(runs_and_packed_groups_come_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deltas_come_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(deltas_written_come_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(snappy_agrees_with_the_library, set_up, tear_down),
        cmocka_unit_test_setup_teardown(thrift_nesting_has_a_limit, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
