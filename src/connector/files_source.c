/* files_source.c - reading files: schema, splits, rows.
 *
 * A split is a range of bytes of a file of lines, a whole file that cannot be cut (compressed, one
 * document, other encodings), or a run of Parquet row groups.  Partition columns are constants of a
 * split; conjuncts over them alone are decided when splits are planned. */
#include "connector/files_int.h"

#include "base/hash.h"

#define SPLIT_BYTES (INT64_C(4) << 20)

typedef struct FileSplit {
    const MrFileEntry *file;
    int64_t from, to; /* bytes; row groups for Parquet */
    MrParquetHandle *handle;
} FileSplit;

typedef struct FilesReader {
    MrSourceReader base;
    MrFilesSource *source;
    const FileSplit *split;
    const MrScanSpec *spec;
    MrBudget *budget;
    MrArena arena;
    int32_t n_file_cols;      /* wanted columns that the file holds */
    int32_t *file_places;     /* their places in the batch */
    const char **part_values; /* by place: text of a partition column */
    bool *is_part;            /* by place */
    MrTextValue *part_types;  /* by place */
    bool any_part;
    int64_t n_given;
    bool ended;
    /* text formats */
    MrRowSpec row_spec;
    MrRowReader *rows;
    MrFileChunks chunks;
    bool opened;
    /* Parquet */
    MrParquetScan *scan;
    MrParquetScanOptions scan_options;
    MrParquetFilter *filters; /* the program, then row filters */
    MrProgram *program;
    MrParquetPredicate *predicates;
    int32_t n_predicates;
    int64_t next_row_group;
    bool in_row_group;
    const MrEvalContext *eval;
} FilesReader;

/* --- schema --- */

static const char *get_option(const void *self, const char *name)
{
    return mr_option(self, NULL, name);
}

static bool can_skip(const MrFilesSource *self, const MrError *err)
{
    bool missing = err->condition == MR_COND_FAILED_READ_FILE__FILE_NOT_EXIST;
    return missing ? self->ignore_missing
                   : self->ignore_corrupt && (err->status == MR_CORRUPT || err->status == MR_IO);
}

static MrStatus infer_file(MrFilesSource *self, const MrFileEntry *file, void *infer,
                           bool head_only, MrError *err)
{
    MrEvalContext eval = {.settings = self->context->settings,
                          .now_us = self->context->os->now_us(self->context->os)};
    MrFileChunks chunks;
    MrStatus status;
    bool more;
    MR_TRY(mr__file_chunks_open(&chunks, self->context->os, self->pool, &self->cut, file->path, 0,
                                INT64_MAX, file->size_bytes, err));
    do {
        status = mr_poll_status(err);
        if (status == MR_OK)
            status = mr__file_chunks_next(&chunks, &more, err);
        if (status == MR_OK && more)
            status = self->format->infer_feed(infer, &eval, &chunks.chunk, err);
        /* The head is all when something of the chunk was used. */
    } while (status == MR_OK && more && !(head_only && chunks.chunk.at > chunks.chunk.begin));
    mr__file_chunks_close(&chunks);
    return status;
}

static MrStatus infer_rows(MrFilesSource *self, MrSchema *out, MrError *err)
{
    void *infer = NULL;
    MR_TRY(self->format->infer_begin(self->config, self->budget, &infer, err));
    MrStatus status = MR_OK;
    bool head_only = self->format == &mr_format_csv &&
                     !mr_option_bool(&self->context->options, NULL, "inferSchema");
    int64_t n_read = 0;
    for (int64_t i = 0;
         status == MR_OK && self->format != &mr_format_text && i < self->list.n_files; i++) {
        if (self->list.files[i].size_bytes == 0)
            continue;
        status = infer_file(self, &self->list.files[i], infer, head_only, err);
        if (status != MR_OK && can_skip(self, err)) {
            *err = (MrError){0};
            status = MR_OK;
            continue;
        }
        n_read++;
        if (head_only)
            break;
    }
    if (status == MR_OK)
        status = self->format->infer_end(infer, &self->arena, out, err);
    if (status == MR_OK && self->list.n_files == 0 && self->format != &mr_format_text)
        status = MR_FAIL(err, MR_COND_UNABLE_TO_INFER_SCHEMA, "format",
                         self->format == &mr_format_csv ? "CSV" : "JSON");
    self->format->infer_destroy(infer);
    return status;
}

static bool field_is(const MrFilesSource *self, const MrField *field, const char *name)
{
    return self->context->settings && self->context->settings->case_sensitive
               ? strcmp(field->name, name) == 0
               : mr_str_equal_nocase(field->name, name);
}

/* Two fields of one file whose names are one name. */
static MrStatus names_check(const MrFilesSource *self, const MrField *fields, int32_t n_fields,
                            MrError *err)
{
    for (int32_t i = 0; i < n_fields; i++) {
        mr_poll_item(i);
        for (int32_t k = 0; k < i; k++)
            if (field_is(self, &fields[k], fields[i].name))
                return MR_FAIL(err, MR_COND_COLUMN_ALREADY_EXISTS, "columnName",
                               mr_quote_name((MrArena *)&self->arena, fields[k].name));
        MR_TRY(names_check(self, fields[i].type->fields, fields[i].type->n_fields, err));
    }
    return MR_OK;
}

static MrStatus merge_type(MrFilesSource *self, const MrType *a, const MrType *b,
                           const MrType **out, MrError *err);

/* Adds the fields of more that fields do not have. */
static MrStatus merge_fields(MrFilesSource *self, MrField **fields, int32_t *n_fields,
                             const MrField *more, int32_t n_more, MrError *err)
{
    MrField *all = MR_NEW_N(&self->arena, MrField, *n_fields + n_more);
    int32_t n = *n_fields;
    if (n > 0)
        memcpy(all, *fields, (size_t)n * sizeof *all);
    for (int32_t i = 0; i < n_more; i++) {
        int32_t k = 0;
        while (k < n && !field_is(self, &all[k], more[i].name))
            k++;
        if (k == n) {
            all[n++] = (MrField){.name = mr_arena_str(&self->arena, more[i].name),
                                 .type = mr_type_own(&self->arena, more[i].type),
                                 .nullable = true};
        } else {
            MR_TRY(merge_type(self, all[k].type, more[i].type, &all[k].type, err));
        }
    }
    *fields = all;
    *n_fields = n;
    return MR_OK;
}

/* Structs are merged, whatever they stand in; all else must be equal. */
static MrStatus merge_type(MrFilesSource *self, const MrType *a, const MrType *b,
                           const MrType **out, MrError *err)
{
    MrArena *arena = &self->arena;
    const MrType *parts[2] = {NULL, NULL};
    *out = a;
    if (!mr_type_is_nested(a) && mr_type_same_data(a, b))
        return MR_OK;
    if (a->kind != b->kind || !mr_type_is_nested(a))
        return MR_FAIL(err, MR_COND_CANNOT_MERGE_SCHEMAS, "left", mr_type_catalog_text(arena, a),
                       "right", mr_type_catalog_text(arena, b));
    if (a->kind == MR_TYPE_STRUCT) {
        MrField *fields = (MrField *)a->fields;
        int32_t n_fields = a->n_fields;
        MR_TRY(merge_fields(self, &fields, &n_fields, b->fields, b->n_fields, err));
        *out = mr_type_struct(arena, fields, n_fields);
        return MR_OK;
    }
    for (int32_t i = 0; i < a->n_fields; i++)
        MR_TRY(merge_type(self, a->fields[i].type, b->fields[i].type, &parts[i], err));
    *out = a->kind == MR_TYPE_ARRAY ? mr_type_array(arena, parts[0], true)
                                    : mr_type_map(arena, parts[0], parts[1], true);
    return MR_OK;
}

static MrStatus infer_parquet(MrFilesSource *self, MrSchema *out, MrError *err)
{
    const char *conf = self->context->settings && self->context->settings->get
                           ? self->context->settings->get(self->context->settings->conf,
                                                          "spark.sql.parquet.mergeSchema")
                           : NULL;
    const char *option = mr_option(&self->context->options, NULL, "mergeSchema");
    bool merge =
        option ? mr_str_equal_nocase(option, "true") : conf && mr_str_equal_nocase(conf, "true");
    MrField *fields = NULL;
    int32_t n_fields = 0;
    bool any = false;
    for (int64_t i = 0; i < self->list.n_files && (merge || !any); i++) {
        MrParquetHandle *handle;
        MrStatus status = mr__parquet_handle(self, &self->list.files[i], &handle, err);
        if (status != MR_OK && can_skip(self, err)) {
            *err = (MrError){0};
            continue;
        }
        MR_TRY(status);
        const MrSchema *schema = mr_parquet_schema(mr__parquet_of(handle));
        MR_TRY(names_check(self, schema->cols, schema->n_cols, err));
        MR_TRY(merge_fields(self, &fields, &n_fields, schema->cols, schema->n_cols, err));
        any = true;
    }
    if (!any)
        return MR_FAIL(err, MR_COND_UNABLE_TO_INFER_SCHEMA, "format", "Parquet");
    *out = (MrSchema){n_fields, fields};
    return MR_OK;
}

/* File columns in their order, then the partition columns; a declared column's type wins.  A
 * partition column that is in the files too stands where it is there, unless columns are declared.
 */
static MrStatus source_schema(MrFilesSource *self, MrError *err)
{
    const MrSchema *declared = self->context->schema;
    MrSchema data;
    MrField *parts;
    int32_t n_parts = 0;
    MR_TRY(mr__files_partition_fields(self->context, &self->list, &self->arena, &parts, &n_parts,
                                      err));
    if (declared)
        data = *declared;
    else if (self->format)
        MR_TRY(infer_rows(self, &data, err));
    else
        MR_TRY(infer_parquet(self, &data, err));
    MrField *fields = MR_NEW_N(&self->arena, MrField, data.n_cols + n_parts);
    bool *placed = MR_NEW_N(&self->arena, bool, n_parts);
    int32_t n = 0;
    for (int32_t i = 0; i < data.n_cols; i++) {
        bool is_part = false;
        for (int32_t k = 0; k < n_parts; k++) {
            if (mr_str_equal_nocase(parts[k].name, data.cols[i].name)) {
                is_part = true;
                if (declared)
                    parts[k] = data.cols[i];
                else
                    fields[n++] = parts[k];
                placed[k] = !declared;
            }
        }
        if (!is_part)
            fields[n++] = data.cols[i];
    }
    for (int32_t k = 0; k < n_parts; k++)
        if (!placed[k])
            fields[n++] = parts[k];
    for (int32_t i = 0; i < n; i++) {
        fields[i].name = mr_arena_str(&self->arena, fields[i].name);
        fields[i].type = mr_type_own(&self->arena, fields[i].type);
        fields[i].nullable = true; /* what files hold is not ours to promise */
    }
    self->base.schema = (MrSchema){n, fields};
    return MR_OK;
}

/* A stream that waits for new files waits for their folder too. */
static MrFilesMiss may_miss(const MrConnectorContext *context)
{
    if (!context->streaming || !context->schema)
        return MR_FILES_MUST_BE;
    return mr_option_bool(&context->options, NULL, "newFilesOnly") ? MR_FILES_MAY_MISS
                                                                   : MR_FILES_GLOBS_MAY_MISS;
}

MrStatus mr__files_open_source(const MrConnectorContext *context, const MrConnectorType *type,
                               MrSource **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(context->budget, sizeof(MrFilesSource), &block, err));
    MrFilesSource *self = block;
    self->base = (MrSource){.type = type, .append_only = true};
    self->context = context;
    self->budget = context->budget;
    self->format = mr_row_format_find(type->name);
    self->ignore_missing = mr__files_flag(context, "ignoreMissingFiles");
    self->ignore_corrupt = mr__files_flag(context, "ignoreCorruptFiles");
    mr_arena_init(&self->arena, context->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = mr__block_pool_create(self->budget, &self->pool, err);
        if (status == MR_OK && self->format) {
            MrFormatOptions options = {
                .get = get_option, .self = &context->options, .settings = context->settings};
            status = self->format->configure(&self->arena, &options, &self->config, err);
            if (status == MR_OK)
                self->format->cut(self->config, &self->cut);
        }
        if (status == MR_OK)
            status =
                mr__files_list(context, may_miss(context), context->streaming ? NULL : &self->holds,
                               &self->arena, &self->list, err);
        if (status == MR_OK)
            status = source_schema(self, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr__files_close_source(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

void mr__files_close_source(MrSource *source)
{
    MrFilesSource *self = (MrFilesSource *)source;
    if (!self)
        return;
    mr__parquet_handles_close(self);
    mr__files_release(self->context->os, self->budget, &self->holds);
    mr__files_stream_close(self);
    mr__block_pool_close(self->pool);
    mr_arena_deinit(&self->arena);
    mr_budget_free(self->budget, self, sizeof *self);
}

/* --- splits --- */

typedef struct ColumnUse {
    const MrScanSpec *spec;
    const bool *is_part;
    bool part, data;
} ColumnUse;

static bool note_use(void *self, const MrExpr *expr)
{
    ColumnUse *use = self;
    if (expr->kind == MR_EXPR_COLUMN) {
        bool is_part = expr->column.idx >= 0 && expr->column.idx < use->spec->n_cols &&
                       use->is_part[expr->column.idx];
        use->part |= is_part;
        use->data |= !is_part;
    }
    return true;
}

static ColumnUse columns_used(const MrScanSpec *spec, const bool *is_part, const MrExpr *expr)
{
    ColumnUse use = {.spec = spec, .is_part = is_part};
    mr_expr_walk(expr, note_use, &use);
    return use;
}

/* Do the conjuncts over partition columns alone let the file through? */
static MrStatus file_passes(MrFilesSource *self, const MrScanSpec *spec, const MrFileEntry *file,
                            MrArena *arena, bool *passes, MrError *err)
{
    *passes = true;
    if (file->n_parts == 0 || spec->n_filters == 0)
        return MR_OK;
    bool *is_part = MR_NEW_N(arena, bool, spec->n_cols);
    MrField *cols = MR_NEW_N(arena, MrField, spec->n_cols + 1);
    for (int32_t i = 0; i < spec->n_cols; i++) {
        cols[i] = self->base.schema.cols[spec->cols[i]];
        is_part[i] = mr__part_find(file, cols[i].name) != NULL;
    }
    MrExpr *all = NULL;
    for (int32_t f = 0; f < spec->n_filters; f++) {
        ColumnUse use = columns_used(spec, is_part, spec->filters[f]);
        if (use.part && !use.data && mr_expr_is_pure(spec->filters[f]))
            all = mr_expr_and(arena, all, spec->filters[f]);
    }
    if (!all)
        return MR_OK;
    const MrSchema schema = {spec->n_cols, cols};
    MrVerdict verdict;
    MR_TRY(mr__parts_test(self->context, self->budget, &schema, all, file, &verdict, err));
    *passes = verdict != MR_VERDICT_FALSE; /* an error in a filter is raised when rows are read */
    return MR_OK;
}

typedef struct SplitList {
    MrArena *arena;
    MrSplit *splits;
    int64_t n_splits, cap_splits;
    const MrFileEntry *file; /* of the last split */
    const char *uri;
} SplitList;

/* As Java's URI has a path: what is no part of one by RFC 2396 is escaped, letters of other
 * alphabets are not. */
static const char *file_uri(MrArena *arena, const char *path)
{
    static const char digits[] = "0123456789ABCDEF";
    char absolute[MR_PATH_MAX];
    mr_path_absolute(path, absolute);
    size_t n = strlen(absolute), n_uri = 7;
    char *uri = mr_arena_alloc(arena, (int64_t)(n_uri + 3 * n + 1));
    memcpy(uri, "file://", n_uri);
    for (size_t i = 0; i < n; i++) {
        uint8_t byte = (uint8_t)absolute[i];
        if (byte > ' ' && byte != 127 && !strchr("\"#%<>?[\\]^`{|}", byte)) {
            uri[n_uri++] = (char)byte;
            continue;
        }
        uri[n_uri++] = '%';
        uri[n_uri++] = digits[byte >> 4];
        uri[n_uri++] = digits[byte & 15];
    }
    uri[n_uri] = '\0';
    return uri;
}

static void split_add(SplitList *list, FileSplit data, int64_t size_bytes, const char *what)
{
    FileSplit *own = MR_NEW(list->arena, FileSplit);
    *own = data;
    if (list->file != data.file)
        list->uri = file_uri(list->arena, data.file->path);
    list->file = data.file;
    MrSplit split = {
        .size_bytes = size_bytes,
        .data = own,
        .origin = {.uri = list->uri,
                   .from = data.handle ? 0 : data.from,
                   .size_bytes = data.handle ? data.file->size_bytes : data.to - data.from},
        .name = mr_arena_printf(list->arena, "file '%s', %s %lld to %lld", data.file->path, what,
                                (long long)data.from, (long long)data.to)};
    MR_PUSH(list->arena, list->splits, list->n_splits, list->cap_splits, split);
}

static MrStatus split_parquet(MrFilesSource *self, const MrFileEntry *file, SplitList *list,
                              MrError *err)
{
    MrParquetHandle *handle;
    MrStatus status = mr__parquet_handle(self, file, &handle, err);
    if (status != MR_OK && can_skip(self, err)) {
        *err = (MrError){0};
        self->base.n_skipped++;
        return MR_OK;
    }
    MR_TRY(status);
    int32_t n_groups = mr_parquet_n_row_groups(mr__parquet_of(handle));
    for (int32_t from = 0; from < n_groups;) {
        int64_t size_bytes = 0;
        int32_t to = from;
        while (to < n_groups &&
               (to == from ||
                size_bytes + mr_parquet_row_group_bytes(mr__parquet_of(handle), to) <= SPLIT_BYTES))
            size_bytes += mr_parquet_row_group_bytes(mr__parquet_of(handle), to++);
        split_add(list, (FileSplit){.file = file, .from = from, .to = to, .handle = handle},
                  size_bytes, "row groups");
        from = to;
    }
    return MR_OK;
}

static void split_rows(MrFilesSource *self, const MrFileEntry *file, SplitList *list)
{
    bool whole = self->cut.whole_file || self->cut.no_ranges || self->cut.encoding != MR_ENC_UTF8 ||
                 (self->cut.line_sep && strlen(self->cut.line_sep) > 1) ||
                 mr__file_codec(file->path);
    int64_t n = whole ? 1 : (file->size_bytes + SPLIT_BYTES - 1) / SPLIT_BYTES;
    for (int64_t i = 0; i < n && file->size_bytes > 0; i++) { /* Spark reads no empty file */
        int64_t from = i * SPLIT_BYTES, to = n <= 1 ? file->size_bytes : from + SPLIT_BYTES;
        to = to < file->size_bytes ? to : file->size_bytes;
        split_add(list, (FileSplit){.file = file, .from = from, .to = to}, to - from, "bytes");
    }
}

MrStatus mr__files_plan_splits(MrSource *source, const char *from, const char *to,
                               const MrScanSpec *spec, MrArena *arena, MrSplit **out,
                               int64_t *n_out, MrError *err)
{
    MrFilesSource *self = (MrFilesSource *)source;
    SplitList list = {.arena = arena};
    MrFileList files = self->list;
    if (to) {
        MR_TRY(mr__files_between(self, from, to, arena, &files, err));
        mr__parquet_handles_close(self); /* those of the last epoch: its readers are closed */
    }
    const MrFileEntry *before = NULL;
    bool passes = true;
    for (int64_t i = 0; i < files.n_files; i++) {
        const MrFileEntry *file = &files.files[i];
        bool same = before && before->n_parts == file->n_parts;
        for (int32_t k = 0; same && k < file->n_parts; k++)
            same = before->parts[k].value == file->parts[k].value ||
                   (before->parts[k].value && file->parts[k].value &&
                    strcmp(before->parts[k].value, file->parts[k].value) == 0);
        if (!same)
            MR_TRY(file_passes(self, spec, file, arena, &passes, err));
        before = file;
        if (!passes)
            continue;
        if (self->format)
            split_rows(self, file, &list);
        else
            MR_TRY(split_parquet(self, file, &list, err));
    }
    *out = list.splits;
    *n_out = list.n_splits;
    return MR_OK;
}

MrStatus mr__files_content(MrSource *source, bool now, MrArena *arena, const char **out,
                           MrError *err)
{
    MrFilesSource *self = (MrFilesSource *)source;
    MrFileList list = self->list;
    uint64_t hash = 0;
    if (now) {
        list = (MrFileList){0};
        MR_TRY(mr__files_list(self->context, MR_FILES_MAY_MISS, NULL, arena, &list, err));
    }
    for (int64_t i = 0; i < list.n_files; i++) {
        const MrFileEntry *file = &list.files[i];
        const int64_t numbers[3] = {file->size_bytes, file->modified_us, file->crc};
        hash = mr_hash_stable(file->path, (int64_t)strlen(file->path), hash);
        hash = mr_hash_stable(numbers, sizeof numbers, hash);
    }
    *out = mr_arena_printf(arena, "%lld files, %016llx", (long long)list.n_files,
                           (unsigned long long)hash);
    return MR_OK;
}

int64_t mr__files_row_count(MrSource *source)
{
    MrFilesSource *self = (MrFilesSource *)source;
    if (self->format || self->list.n_files > 256)
        return -1;
    int64_t n_rows = 0;
    for (int64_t i = 0; i < self->list.n_files; i++) {
        MrParquetHandle *handle;
        MrError ignored = {0};
        if (mr__parquet_handle(self, &self->list.files[i], &handle, &ignored) != MR_OK)
            return -1;
        n_rows += mr_parquet_n_rows(mr__parquet_of(handle));
    }
    return n_rows;
}

/* --- reading --- */

void mr__files_reader_close(MrSourceReader *reader)
{
    FilesReader *self = (FilesReader *)reader;
    if (!self)
        return;
    if (self->rows)
        self->source->format->reader_close(self->rows);
    mr__file_chunks_close(&self->chunks);
    mr_parquet_scan_destroy(self->scan);
    mr_program_destroy(self->program);
    mr_arena_deinit(&self->arena);
    mr_budget_free(self->budget, self, sizeof *self);
}

static MrStatus rows_open(FilesReader *self, MrError *err)
{
    MrFilesSource *source = self->source;
    const MrFileEntry *file = self->split->file;
    /* The file's own columns: all but the partition columns of its path. */
    MrField *fields = MR_NEW_N(&self->arena, MrField, source->base.schema.n_cols);
    int32_t *number = MR_NEW_N(&self->arena, int32_t, source->base.schema.n_cols);
    MrSchema *schema = MR_NEW(&self->arena, MrSchema);
    schema->cols = fields;
    for (int32_t i = 0; i < source->base.schema.n_cols; i++) {
        number[i] = schema->n_cols;
        if (!mr__part_find(file, source->base.schema.cols[i].name))
            fields[schema->n_cols++] = source->base.schema.cols[i];
    }
    int32_t *cols = MR_NEW_N(&self->arena, int32_t, self->n_file_cols);
    for (int32_t i = 0; i < self->n_file_cols; i++)
        cols[i] = number[self->spec->cols[self->file_places[i]]];
    self->row_spec = (MrRowSpec){.schema = schema, .n_cols = self->n_file_cols, .cols = cols};
    if (!self->any_part) { /* places agree: filters may be looked at by the format */
        self->row_spec.n_filters = self->spec->n_filters;
        self->row_spec.filters = self->spec->filters;
    }
    MR_TRY(source->format->reader_open(source->config, &self->row_spec, self->budget, &self->rows,
                                       err));
    self->base.exact_filters = !self->any_part && self->rows->exact_filters;
    return MR_OK;
}

static MrStatus filter_call(void *filter, MrBatch *batch, MrError *err)
{
    FilesReader *self = filter;
    return mr_program_filter(self->program, self->eval, batch, err);
}

typedef struct RowFilterCall {
    const MrRowFilter *filter;
    int32_t place; /* of its column in the batch */
} RowFilterCall;

static MrStatus row_filter_call(void *arg, MrBatch *batch, MrError *err)
{
    const RowFilterCall *call = arg;
    const uint16_t *sel = batch->sel;
    if (!sel)
        batch->sel = mr_arena_alloc(&batch->arena, batch->n_sel * (int64_t)sizeof *batch->sel);
    batch->n_sel = call->filter->keep(call->filter->self, batch->cols[call->place], sel,
                                      batch->n_sel, batch->sel);
    return MR_OK;
}

/* column op literal, for the statistics. */
static bool predicate_take(FilesReader *self, const MrExpr *expr, MrParquetPredicate *out)
{
    static const struct {
        const char *name;
        MrParquetTest test, swapped;
    } tests[] = {{"=", MR_PARQUET_EQ, MR_PARQUET_EQ},
                 {"<", MR_PARQUET_LT, MR_PARQUET_GT},
                 {"<=", MR_PARQUET_LE, MR_PARQUET_GE},
                 {">", MR_PARQUET_GT, MR_PARQUET_LT},
                 {">=", MR_PARQUET_GE, MR_PARQUET_LE}};
    if (expr->kind != MR_EXPR_CALL || expr->n_args < 1)
        return false;
    const char *name = expr->bound->def->name;
    const MrExpr *col = expr->args[0], *value = expr->n_args == 2 ? expr->args[1] : NULL;
    bool swapped = value && value->kind == MR_EXPR_COLUMN;
    if (swapped) {
        const MrExpr *swap = col;
        col = value;
        value = swap;
    }
    if (col->kind != MR_EXPR_COLUMN || mr_type_is_nested(col->type))
        return false;
    int32_t place = -1;
    for (int32_t i = 0; i < self->n_file_cols; i++)
        if (self->file_places[i] == col->column.idx)
            place = i;
    if (place < 0)
        return false;
    *out = (MrParquetPredicate){.column = place, .n_values = 1};
    if (expr->n_args == 1 && (strcmp(name, "isnull") == 0 || strcmp(name, "isnotnull") == 0)) {
        out->test = name[2] == 'n' && name[3] == 'o' ? MR_PARQUET_NOT_NULL : MR_PARQUET_IS_NULL;
        return true;
    }
    if (strcmp(name, "in") == 0 && !swapped && expr->n_args > 1) {
        MrVector *values = mr_vector_create(&self->arena, col->type, expr->n_args - 1);
        for (int32_t i = 1; i < expr->n_args; i++) {
            if (expr->args[i]->kind != MR_EXPR_LITERAL ||
                !mr_type_same_data(expr->args[i]->type, col->type))
                return false;
            mr_vector_copy_row(&self->arena, expr->args[i]->literal, 0, values, i - 1);
        }
        *out = (MrParquetPredicate){
            .column = place, .test = MR_PARQUET_EQ, .values = values, .n_values = expr->n_args - 1};
        return true;
    }
    if (!value || value->kind != MR_EXPR_LITERAL || !mr_type_same_data(value->type, col->type) ||
        col->type->collation != 0)
        return false;
    for (int64_t i = 0; i < MR_COUNT(tests); i++) {
        if (strcmp(tests[i].name, name) == 0) {
            out->test = swapped ? tests[i].swapped : tests[i].test;
            out->values = value->literal;
            return true;
        }
    }
    return false;
}

typedef struct MarkColumns {
    bool *used;
    int32_t n_cols;
} MarkColumns;

static bool mark_column(void *self, const MrExpr *expr)
{
    MarkColumns *mark = self;
    if (expr->kind == MR_EXPR_COLUMN && expr->column.idx >= 0 && expr->column.idx < mark->n_cols)
        mark->used[expr->column.idx] = true;
    return true;
}

static MrStatus parquet_open(FilesReader *self, MrError *err)
{
    const MrScanSpec *spec = self->spec;
    const MrSchema *schema = &self->source->base.schema;
    MrParquetFile *parquet = mr__parquet_of(self->split->handle);
    bool sensitive =
        self->source->context->settings && self->source->context->settings->case_sensitive;
    bool *filtered = MR_NEW_N(&self->arena, bool, spec->n_cols);
    MrExpr *all = NULL;
    bool exact = true;
    int32_t n_row_filters = self->any_part ? 0 : spec->n_row_filters; /* places agree */
    self->predicates =
        MR_NEW_N(&self->arena, MrParquetPredicate, spec->n_filters + 2 * n_row_filters);
    for (int32_t f = 0; f < spec->n_filters; f++) {
        ColumnUse use = columns_used(spec, self->is_part, spec->filters[f]);
        if (use.part && !use.data && mr_expr_is_pure(spec->filters[f]))
            continue; /* decided when splits were planned, unless it failed there: then it is true
                         here */
        if (use.part) {
            exact = false;
            continue;
        }
        all = mr_expr_and(&self->arena, all, spec->filters[f]);
        mr_expr_walk(spec->filters[f], mark_column, &(MarkColumns){filtered, spec->n_cols});
        self->n_predicates +=
            predicate_take(self, spec->filters[f], &self->predicates[self->n_predicates]);
    }
    self->filters = MR_NEW_N(&self->arena, MrParquetFilter, 1 + n_row_filters);
    RowFilterCall *calls = MR_NEW_N(&self->arena, RowFilterCall, 1 + n_row_filters);
    int32_t n_stages = all && !self->any_part;
    int32_t *stage = MR_NEW_N(&self->arena, int32_t, spec->n_cols);
    for (int32_t i = 0; i < spec->n_cols; i++)
        stage[i] = filtered[i] ? 0 : INT32_MAX;
    for (int32_t f = 0; f < n_row_filters; f++) {
        const MrRowFilter *filter = &spec->row_filters[f];
        if (filter->keep) {
            calls[f] = (RowFilterCall){filter, filter->col};
            self->filters[n_stages] = (MrParquetFilter){.call = row_filter_call, .self = &calls[f]};
            if (stage[filter->col] > n_stages)
                stage[filter->col] = n_stages;
            n_stages++;
        }
        if (filter->min) {
            self->predicates[self->n_predicates++] = (MrParquetPredicate){
                .column = filter->col, .test = MR_PARQUET_GE, .values = filter->min, .n_values = 1};
            self->predicates[self->n_predicates++] = (MrParquetPredicate){
                .column = filter->col, .test = MR_PARQUET_LE, .values = filter->max, .n_values = 1};
        }
    }
    MrParquetColumn *cols = MR_NEW_N(&self->arena, MrParquetColumn, self->n_file_cols);
    for (int32_t i = 0; i < self->n_file_cols; i++) {
        const MrField *field = &schema->cols[spec->cols[self->file_places[i]]];
        cols[i] = (MrParquetColumn){
            .col_idx = mr_parquet_find_column(parquet, mr_text(field->name), sensitive),
            .type = field->type,
            .stage = stage[self->file_places[i]]};
    }
    self->scan_options =
        (MrParquetScanOptions){.budget = self->budget, .n_cols = self->n_file_cols, .cols = cols};
    /* A filter sees the file's columns in their places, which are the batch's only without
     * partition columns. */
    if (all && !self->any_part) {
        MR_TRY(mr_program_create(self->budget, &all, 1, &self->program, err));
        self->filters[0] = (MrParquetFilter){.call = filter_call, .self = self};
    } else if (all) {
        exact = false;
    }
    self->scan_options.n_filters = n_stages;
    self->scan_options.filters = self->filters;
    self->base.does_row_filters = n_row_filters == spec->n_row_filters;
    self->base.exact_filters = exact && !self->any_part;
    self->next_row_group = self->split->from;
    return mr_parquet_scan_create(parquet, &self->scan_options, &self->scan, err);
}

static MrStatus reader_init(FilesReader *self, MrError *err)
{
    const MrScanSpec *spec = self->spec;
    const MrSchema *schema = &self->source->base.schema;
    self->file_places = MR_NEW_N(&self->arena, int32_t, spec->n_cols);
    self->part_values = MR_NEW_N(&self->arena, const char *, spec->n_cols);
    self->part_types = MR_NEW_N(&self->arena, MrTextValue, spec->n_cols);
    self->is_part = MR_NEW_N(&self->arena, bool, spec->n_cols);
    for (int32_t i = 0; i < spec->n_cols; i++) {
        const MrField *field = &schema->cols[spec->cols[i]];
        const MrFilePart *part = mr__part_find(self->split->file, field->name);
        if (!part) {
            self->file_places[self->n_file_cols++] = i;
            continue;
        }
        self->is_part[i] = self->any_part = true;
        self->part_values[i] = part->value;
        MR_TRY(mr_text_value_init(&self->part_types[i], &self->arena,
                                  self->source->context->settings, field->type, NULL, err));
    }
    return self->source->format ? rows_open(self, err) : parquet_open(self, err);
}

MrStatus mr__files_reader_open(MrSource *source, const MrSplit *split, const MrScanSpec *spec,
                               MrBudget *budget, MrSourceReader **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(FilesReader), &block, err));
    FilesReader *self = block;
    self->base.source = source;
    self->source = (MrFilesSource *)source;
    self->split = split->data;
    self->spec = spec;
    self->budget = budget;
    mr_arena_init(&self->arena, budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = reader_init(self, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr__files_reader_close(&self->base);
        return status;
    }
    *out = &self->base;
    return MR_OK;
}

/* The columns of the file stand in front; puts them in their places and adds the partition columns.
 */
static MrStatus place_columns(FilesReader *self, const MrEvalContext *eval, MrBatch *batch,
                              MrError *err)
{
    if (!self->any_part)
        return MR_OK;
    MrVector **file_cols = batch->cols;
    mr_batch_set_cols(batch, self->spec->n_cols);
    for (int32_t i = 0; i < self->n_file_cols; i++)
        batch->cols[self->file_places[i]] = file_cols[i];
    for (int32_t i = 0; i < self->spec->n_cols; i++) {
        if (!self->is_part[i])
            continue;
        const MrField *field = &self->source->base.schema.cols[self->spec->cols[i]];
        if (!mr__part_constant(&self->part_types[i], eval, &batch->arena, self->part_values[i],
                               &batch->cols[i]))
            return MR_FAIL(err, MR_COND_INVALID_PARTITION_VALUE, "value", self->part_values[i],
                           "dataType", mr_type_sql_text(&batch->arena, field->type), "columnName",
                           field->name);
    }
    return MR_OK;
}

static MrStatus rows_read(FilesReader *self, const MrEvalContext *eval, MrBatch *batch,
                          MrError *err)
{
    const MrRowFormat *format = self->source->format;
    const FileSplit *split = self->split;
    if (!self->opened) {
        MR_TRY(mr__file_verify(self->source->context->os, self->budget, split->file,
                               !self->source->context->streaming, err));
        MR_TRY(mr__file_chunks_open(&self->chunks, self->source->context->os, self->source->pool,
                                    &self->source->cut, split->file->path, split->from, split->to,
                                    split->file->size_bytes, err));
        MR_TRY(format->file_begin(self->rows, split->file->path, err));
        self->opened = true;
        self->ended = false;
    }
    format->start(self->rows, batch);
    bool need = !self->chunks.any || self->chunks.chunk.at == self->chunks.chunk.end;
    while (self->rows->n_rows < MR_BATCH_ROWS) {
        if (need) {
            bool more;
            if (eval->canceled && atomic_load_explicit(eval->canceled, memory_order_relaxed))
                return MR_FAIL(
                    err, MR_COND_OPERATION_CANCELED); /* filters may let nothing out for long */
            MR_TRY(mr__file_chunks_next(&self->chunks, &more, err));
            if (!more) {
                self->ended = true;
                break;
            }
        }
        MR_TRY(format->fill(self->rows, eval, batch, &self->chunks.chunk, err));
        need = true; /* used up, or its last record goes on in the next chunk; a full batch ends the
                        loop */
    }
    format->finish(self->rows, batch);
    return MR_OK;
}

static MrStatus parquet_read(FilesReader *self, MrBatch *batch, MrError *err)
{
    for (;;) {
        if (self->in_row_group) {
            bool more;
            MR_TRY(mr_parquet_scan_next(self->scan, batch, &more, err));
            if (more)
                return MR_OK;
            self->in_row_group = false;
        }
        if (self->next_row_group >= self->split->to) {
            self->ended = true;
            return MR_OK;
        }
        bool skipped;
        MR_TRY(mr_parquet_scan_start(self->scan, (int32_t)self->next_row_group++, self->predicates,
                                     self->n_predicates, &skipped, err));
        self->in_row_group = !skipped;
    }
}

MrStatus mr__files_read(MrSourceReader *reader, const MrEvalContext *context, MrBatch *batch,
                        MrRead *what, MrError *err)
{
    FilesReader *self = (FilesReader *)reader;
    *what = MR_READ_END;
    if (self->ended || (self->spec->n_filters == 0 && self->n_given >= self->spec->limit))
        return MR_OK;
    self->eval = context;
    MrStatus status = self->source->format ? rows_read(self, context, batch, err)
                                           : parquet_read(self, batch, err);
    if (self->rows && self->rows->n_bad > 0) {
        reader->source->n_bad += self->rows->n_bad;
        self->rows->n_bad = 0;
    }
    if (status == MR_OK && batch->n_rows > 0)
        status = place_columns(self, context, batch, err);
    if (status != MR_OK) {
        if (!can_skip(self->source, err))
            return status;
        *err = (MrError){0};
        reader->source->n_skipped++;
        self->ended = true;
        mr_batch_reset(batch);
        return MR_OK;
    }
    self->n_given += batch->n_sel;
    *what = batch->n_rows > 0 ? MR_READ_ROWS : MR_READ_END;
    return MR_OK;
}
