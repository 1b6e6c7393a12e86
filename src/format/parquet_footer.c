/* parquet_footer.c - from a file's last bytes to a schema.
 *
 * A file ends in its footer (a Thrift FileMetaData), the footer's length and "PAR1".  The footer's
 * schema is a tree, depth first; its leaves are the columns that are stored.  Here Spark's types
 * are laid over it: lists of two and three levels, maps and groups become fields with the levels
 * that say where their values are.  All of it is read-only afterwards. */
#include "format/parquet_int.h"
#include <stdio.h>

/* Most footers come with the first read. */
#define TAIL_BYTES ((int64_t)64 << 10)

MrStatus mr__pq_corrupt(MrError *err, const MrParquetFile *file, const char *format, ...)
{
    char text[256];
    va_list args;
    MrStatus status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__NO_HINT, "path",
                              file->input.name ? file->input.name : "");
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    mr_error_add(err, "%s", text);
    return status;
}

static MrStatus bad_footer(MrError *err, const MrParquetFile *file, const char *what)
{
    MrStatus status = MR_FAIL(err, MR_COND_FAILED_READ_FILE__CANNOT_READ_FILE_FOOTER, "path",
                              file->input.name ? file->input.name : "");
    mr_error_add(err, "in the footer: %s", what);
    return status;
}

/* ---- Schema ---- */

typedef struct SchemaBuild {
    MrParquetFile *file;
    int32_t at;       /* next element */
    int32_t leaf_idx; /* next leaf    */
    const char *what; /* what is wrong */
} SchemaBuild;

/* Where we are: levels of the parent and of the nearest repeated ancestor. */
typedef struct Place {
    int16_t def, rep;           /* of the parent                                */
    int16_t slot_def, slot_rep; /* of the nearest repeated ancestor; 0: none    */
    int32_t depth;
    const char *path; /* of the parent; "" at the top                 */
} Place;

static int converted_of(const MrPqElement *e)
{
    return e->has & MR_PQ_ELEMENT_CONVERTED ? e->converted : -1;
}
static uint32_t logical_of(const MrPqElement *e)
{
    return e->has & MR_PQ_ELEMENT_LOGICAL ? e->logical->has : 0;
}
static bool is_group(const MrPqElement *e)
{
    return !(e->has & MR_PQ_ELEMENT_TYPE);
}
static int repetition_of(const MrPqElement *e)
{
    return e->has & MR_PQ_ELEMENT_REPETITION ? e->repetition : MR_PQ_REQUIRED;
}

static bool field_build(SchemaBuild *build, Place place, bool as_element, MrPqField *out);

static bool wrong(SchemaBuild *build, const char *what)
{
    build->what = what;
    return false;
}

static const char *path_of(SchemaBuild *build, const Place *place, const MrPqElement *e)
{
    return mr_arena_printf(&build->file->arena, "%s%s%.*s", place->path, *place->path ? "." : "",
                           (int)e->name.size_bytes, e->name.data);
}

static bool leaf_build(SchemaBuild *build, const MrPqElement *e, Place place, MrPqField *out)
{
    MrParquetFile *file = build->file;
    static const uint8_t value_bytes[] = {0, 4, 8, 12, 4, 8, 0, 0};
    if (e->type < 0 || e->type >= MR_PQ_N_STORED)
        return wrong(build, "a column has an unknown type");
    MrPqLeafDef *leaf = &file->leaves[build->leaf_idx];
    leaf->element = e;
    leaf->stored = (MrPqStored)e->type;
    leaf->value_bytes = value_bytes[e->type];
    if (leaf->stored == MR_PQ_FIXED) {
        if (!(e->has & MR_PQ_ELEMENT_TYPE_LENGTH) || e->type_length < 0 || e->type_length > 1 << 20)
            return wrong(build, "a fixed-length column has no length");
        leaf->value_bytes = e->type_length;
    }
    leaf->max_def = place.def;
    leaf->max_rep = place.rep;
    leaf->path = place.path;
    out->shape = MR_PQ_LEAF;
    out->type = mr__pq_leaf_type(&file->arena, e);
    if (!out->type)
        return wrong(build, "a decimal column has an impossible type");
    out->leaf_idx = build->leaf_idx++;
    return true;
}

static MrField type_field(const MrPqField *field, const char *name)
{
    return (MrField){
        .name = name ? name : field->name, .type = field->type, .nullable = field->nullable};
}

static bool group_build(SchemaBuild *build, int32_t n_children, Place place, MrPqField *out)
{
    MrArena *arena = &build->file->arena;
    out->shape = MR_PQ_GROUP;
    out->leaf_idx = build->leaf_idx;
    out->n_children = n_children;
    out->children = MR_NEW_N(arena, MrPqField, n_children);
    MrField *fields = MR_NEW_N(arena, MrField, n_children);
    for (int32_t i = 0; i < n_children; i++) {
        if (!field_build(build, place, false, &out->children[i]))
            return false;
        fields[i] = type_field(&out->children[i], NULL);
    }
    if (out->leaf_idx == build->leaf_idx)
        return wrong(build, "a group has no columns");
    out->type = mr_type_struct(arena, fields, n_children);
    return true;
}

/* Spark's and parquet-mr's rule: is the repeated field of a LIST the element itself (two levels)?
 */
static bool is_two_level(const MrPqElement *list, const MrPqElement *repeated,
                         const MrPqElement *only)
{
    char tuple[256];
    if (!is_group(repeated) || repeated->n_children > 1)
        return true;
    if (mr_text_equal(repeated->name, MR_TEXT("array")))
        return true;
    /* One repeated child: a list of lists of two levels. */
    if (only && repetition_of(only) == MR_PQ_REPEATED)
        return true;
    int n =
        snprintf(tuple, sizeof tuple, "%.*s_tuple", (int)list->name.size_bytes, list->name.data);
    return mr_text_equal(repeated->name, (MrText){tuple, n < (int)sizeof tuple ? n : 0});
}

/* out is the list; the next element is its repeated field. */
static bool list_build(SchemaBuild *build, const MrPqElement *list, Place place, MrPqField *out)
{
    MrParquetFile *file = build->file;
    MrPqFooter *footer = file->footer;
    const MrPqElement *repeated = &footer->schema.items[build->at];
    const MrPqElement *only = is_group(repeated) && build->at + 1 < footer->schema.n
                                  ? &footer->schema.items[build->at + 1]
                                  : NULL;
    out->shape = MR_PQ_LIST;
    out->leaf_idx = build->leaf_idx;
    out->n_children = 1;
    out->children = MR_NEW(&file->arena, MrPqField);
    out->elem_def = (int16_t)(place.def + 1);
    Place inner = {.def = (int16_t)(place.def + 1),
                   .rep = (int16_t)(place.rep + 1),
                   .slot_def = (int16_t)(place.def + 1),
                   .slot_rep = (int16_t)(place.rep + 1),
                   .depth = place.depth + 1,
                   .path = place.path};
    if (!is_two_level(list, repeated, only)) {
        inner.path = path_of(build, &place, repeated);
        build->at++;
        if (!field_build(build, inner, false, out->children))
            return false;
    } else if (!field_build(build, inner, true, out->children)) {
        return false;
    }
    out->type = mr_type_array(&file->arena, out->children->type, out->children->nullable);
    return true;
}

static bool map_build(SchemaBuild *build, Place place, MrPqField *out)
{
    MrParquetFile *file = build->file;
    const MrPqElement *entry = &file->footer->schema.items[build->at];
    Place inner = {.def = (int16_t)(place.def + 1),
                   .rep = (int16_t)(place.rep + 1),
                   .slot_def = (int16_t)(place.def + 1),
                   .slot_rep = (int16_t)(place.rep + 1),
                   .depth = place.depth + 1,
                   .path = path_of(build, &place, entry)};
    build->at++;
    out->shape = MR_PQ_LIST;
    out->leaf_idx = build->leaf_idx;
    out->elem_def = (int16_t)(place.def + 1);
    out->n_children = 2;
    out->children = MR_NEW_N(&file->arena, MrPqField, 2);
    for (int i = 0; i < 2; i++)
        if (!field_build(build, inner, false, &out->children[i]))
            return false;
    out->type = mr_type_map(&file->arena, out->children[0].type, out->children[1].type,
                            out->children[1].nullable);
    return true;
}

/* VARIANT: two binary fields, found by name; a shredded one has a third, typed_value. */
static bool is_variant(const MrPqField *group)
{
    return group->n_children == 2 && group->children[0].shape == MR_PQ_LEAF &&
           group->children[1].shape == MR_PQ_LEAF;
}

/* Reads the element at build->at and what is below it.  as_element: a repeated field that is taken
 * for the list's element itself (its repetition is counted already). */
static bool field_build(SchemaBuild *build, Place place, bool as_element, MrPqField *out)
{
    MrParquetFile *file = build->file;
    MrPqFooter *footer = file->footer;
    MrArena *arena = &file->arena;
    if (build->at >= footer->schema.n)
        return wrong(build, "the schema is cut");
    if (place.depth > MR_PARQUET_MAX_DEPTH)
        return wrong(build, "the schema is nested too deeply");
    const MrPqElement *e = &footer->schema.items[build->at];
    int repetition = repetition_of(e);
    if (!(e->has & MR_PQ_ELEMENT_NAME) || repetition < MR_PQ_REQUIRED ||
        repetition > MR_PQ_REPEATED)
        return wrong(build, "a schema element is broken");
    if (is_group(e) && (e->n_children < 1 || e->n_children > footer->schema.n - build->at - 1))
        return wrong(build, "a group has an impossible number of columns");

    if (repetition == MR_PQ_REPEATED &&
        !as_element) { /* unannotated: a list of required elements */
        out->name = mr_arena_strn(arena, e->name.data, e->name.size_bytes);
        out->slot_def = place.slot_def;
        out->slot_rep = place.slot_rep;
        out->def = place.def;
        out->shape = MR_PQ_LIST;
        out->leaf_idx = build->leaf_idx;
        out->n_children = 1;
        out->children = MR_NEW(arena, MrPqField);
        out->elem_def = (int16_t)(place.def + 1);
        Place inner = {.def = (int16_t)(place.def + 1),
                       .rep = (int16_t)(place.rep + 1),
                       .slot_def = (int16_t)(place.def + 1),
                       .slot_rep = (int16_t)(place.rep + 1),
                       .depth = place.depth + 1,
                       .path = place.path};
        if (!field_build(build, inner, true, out->children))
            return false;
        out->type = mr_type_array(arena, out->children->type, false);
        return true;
    }

    out->name = mr_arena_strn(arena, e->name.data, e->name.size_bytes);
    out->slot_def = place.slot_def;
    out->slot_rep = place.slot_rep;
    out->nullable = repetition == MR_PQ_OPTIONAL;
    place.path = path_of(build, &place, e);
    place.def = (int16_t)(place.def + out->nullable);
    place.depth++;
    out->def = place.def;
    build->at++;
    if (!is_group(e))
        return leaf_build(build, e, place, out);

    const MrPqElement *child = &footer->schema.items[build->at];
    bool one_repeated = e->n_children == 1 && repetition_of(child) == MR_PQ_REPEATED;
    uint32_t logical = logical_of(e);
    int converted = converted_of(e);
    if (one_repeated &&
        (logical & MR_PQ_LOGICAL_MAP || converted == MR_PQ_CONV_MAP ||
         converted == MR_PQ_CONV_MAP_KEY_VALUE) &&
        is_group(child) && child->n_children == 2)
        return map_build(build, place, out);
    if (one_repeated && (logical & MR_PQ_LOGICAL_LIST || converted == MR_PQ_CONV_LIST))
        return list_build(build, e, place, out);
    if (!group_build(build, e->n_children, place, out))
        return false;
    if (logical & MR_PQ_LOGICAL_VARIANT && is_variant(out))
        out->type = MR_T(VARIANT);
    return true;
}

/* Spark's own types take the place of the footer's where the data can be read as such. */
static bool type_fits(const MrParquetFile *file, const MrPqField *field, const MrType *type)
{
    MrPqConvert convert;
    if (field->shape == MR_PQ_LEAF)
        return !mr_type_is_nested(type) &&
               mr__pq_convert_find(&file->leaves[field->leaf_idx], type, &convert);
    if (type->kind == MR_TYPE_VARIANT || field->type->kind == MR_TYPE_VARIANT)
        return field->shape == MR_PQ_GROUP && is_variant(field);
    if (field->type->kind != type->kind || field->n_children != type->n_fields)
        return false;
    for (int32_t i = 0; i < field->n_children; i++) {
        if (type->kind == MR_TYPE_STRUCT &&
            strcmp(field->children[i].name, type->fields[i].name) != 0)
            return false;
        if (!type_fits(file, &field->children[i], type->fields[i].type))
            return false;
    }
    return true;
}

static void type_adopt(MrPqField *field, const MrType *type)
{
    field->type = type;
    for (int32_t i = 0; i < field->n_children && i < type->n_fields; i++)
        type_adopt(&field->children[i], type->fields[i].type);
}

static bool schema_build(MrParquetFile *file, const char **what)
{
    MrPqFooter *footer = file->footer;
    SchemaBuild build = {.file = file, .at = 1};
    if (footer->schema.n < 1 || !is_group(&footer->schema.items[0])) {
        *what = "there is no schema";
        return false;
    }
    int32_t n_cols = footer->schema.items[0].n_children;
    int64_t n_leaves = 0;
    for (int32_t i = 1; i < footer->schema.n; i++)
        n_leaves += !is_group(&footer->schema.items[i]);
    if (n_cols < 0 || n_cols > footer->schema.n - 1 || n_leaves > MR_PARQUET_MAX_COLUMNS) {
        *what = n_leaves > MR_PARQUET_MAX_COLUMNS ? "there are too many columns"
                                                  : "the schema is broken";
        return false;
    }
    file->leaves = MR_NEW_N(&file->arena, MrPqLeafDef, n_leaves);
    file->fields = MR_NEW_N(&file->arena, MrPqField, n_cols);
    MrField *cols = MR_NEW_N(&file->arena, MrField, n_cols);
    for (int32_t i = 0; i < n_cols; i++) {
        if (!field_build(&build, (Place){.path = ""}, false, &file->fields[i])) {
            *what = build.what;
            return false;
        }
    }
    if (build.at != footer->schema.n) {
        *what = "the schema has elements that belong to no column";
        return false;
    }
    file->n_leaves = build.leaf_idx;
    for (int32_t i = 0; i < footer->metadata.n; i++) {
        const MrPqKeyValue *pair = &footer->metadata.items[i];
        if (!mr_text_equal(pair->key, MR_TEXT(MR_PQ_SPARK_SCHEMA_KEY)))
            continue;
        const MrType *spark = mr__pq_spark_schema_read(&file->arena, pair->value);
        for (int32_t c = 0; spark && c < n_cols && spark->n_fields == n_cols; c++) {
            const MrField *theirs = &spark->fields[c];
            if (strcmp(theirs->name, file->fields[c].name) == 0 &&
                type_fits(file, &file->fields[c], theirs->type))
                type_adopt(&file->fields[c], theirs->type);
        }
    }
    for (int32_t i = 0; i < n_cols; i++)
        cols[i] = type_field(&file->fields[i], NULL);
    file->schema = (MrSchema){.n_cols = n_cols, .cols = cols};
    return true;
}

static bool row_groups_check(MrParquetFile *file, const char **what)
{
    MrPqFooter *footer = file->footer;
    int64_t n_rows = 0;
    file->first_rows = MR_NEW_N(&file->arena, int64_t, footer->row_groups.n + 1);
    for (int32_t i = 0; i < footer->row_groups.n; i++) {
        MrPqRowGroup *group = &footer->row_groups.items[i];
        if ((group->has & MR_PQ_ROW_GROUP_NEEDED) != MR_PQ_ROW_GROUP_NEEDED || group->n_rows < 0 ||
            group->chunks.n != file->n_leaves ||
            __builtin_add_overflow(n_rows, group->n_rows, &n_rows)) {
            *what = "a row group does not fit the schema";
            return false;
        }
        file->first_rows[i + 1] = n_rows;
    }
    if (n_rows != footer->n_rows) {
        *what = "the row groups' rows do not add up";
        return false;
    }
    return true;
}

/* ---- Opening ---- */

static void file_destroy(MrShared *shared)
{
    MrParquetFile *file = (MrParquetFile *)shared;
    MrBudget *budget = file->budget;
    mr_arena_deinit(&file->arena);
    mr_budget_free(budget, file, (int64_t)sizeof *file);
}

static MrStatus footer_load(MrParquetFile *file, MrError *err)
{
    const MrInput *input = &file->input;
    int64_t size = input->size_bytes;
    if (size < 12)
        return bad_footer(err, file, "the file is too short");
    int64_t tail_bytes = size < TAIL_BYTES ? size : TAIL_BYTES;
    uint8_t *tail = mr_arena_alloc(&file->arena, tail_bytes);
    MR_TRY(input->read_at(input->self, size - tail_bytes, tail, tail_bytes, err));
    const uint8_t *end = tail + tail_bytes;
    uint32_t footer_bytes;
    memcpy(&footer_bytes, end - 8, 4);
    if (memcmp(end - 4, "PARE", 4) == 0)
        return MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE, "codecName", "encrypted Parquet");
    if (memcmp(end - 4, "PAR1", 4) != 0)
        return bad_footer(err, file, "the file does not end in PAR1");
    if (footer_bytes > size - 12)
        return bad_footer(err, file, "it is longer than the file");
    if (footer_bytes > MR_PARQUET_MAX_FOOTER_BYTES)
        return bad_footer(err, file, "it is longer than 64 MiB");
    MrReader reader = {.at = end - 8 - footer_bytes, .end = end - 8};
    if (footer_bytes > tail_bytes - 8) {
        uint8_t *bytes = mr_arena_alloc(&file->arena, footer_bytes);
        MR_TRY(input->read_at(input->self, size - 8 - footer_bytes, bytes, footer_bytes, err));
        reader = (MrReader){.at = bytes, .end = bytes + footer_bytes};
    }
    file->footer = MR_NEW(&file->arena, MrPqFooter);
    if (!mr__thrift_read(&reader, &mr__pq_footer_def, &file->arena, file->footer))
        return bad_footer(err, file, "it is no valid Thrift structure");
    if ((file->footer->has & MR_PQ_FOOTER_NEEDED) != MR_PQ_FOOTER_NEEDED)
        return bad_footer(err, file, "something is missing");
    if (file->footer->has & MR_PQ_FOOTER_ENCRYPTION)
        return MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE, "codecName", "encrypted Parquet");
    for (int32_t i = 0; i < file->footer->metadata.n; i++) {
        MrText *value = &file->footer->metadata.items[i].value;
        value->data =
            mr_arena_strn(&file->arena, value->data ? value->data : "", value->size_bytes);
    }
    const char *what = NULL;
    if (!schema_build(file, &what) || !row_groups_check(file, &what))
        return bad_footer(err, file, what);
    return MR_OK;
}

MrStatus mr_parquet_open(MrBudget *budget, const MrInput *input, MrParquetFile **out, MrError *err)
{
    MrParquetFile *file;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, (int64_t)sizeof *file, &block, err));
    file = block;
    file->shared.destroy = file_destroy;
    atomic_store(&file->shared.n_refs, 1);
    file->budget = budget;
    file->input = *input;
    mr_arena_init(&file->arena, budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        file->input.name = mr_arena_str(&file->arena, input->name ? input->name : "");
        status = footer_load(file, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_shared_release(&file->shared);
        return status;
    }
    *out = file;
    return MR_OK;
}

void mr_parquet_retain(MrParquetFile *file)
{
    mr_shared_retain(&file->shared);
}
void mr_parquet_close(MrParquetFile *file)
{
    if (file)
        mr_shared_release(&file->shared);
}

/* ---- What the footer says ---- */

const MrSchema *mr_parquet_schema(const MrParquetFile *file)
{
    return &file->schema;
}

int32_t mr_parquet_find_column(const MrParquetFile *file, MrText name, bool case_sensitive)
{
    int32_t found = -1;
    for (int32_t i = 0; i < file->schema.n_cols; i++) {
        MrText col = mr_text(file->schema.cols[i].name);
        if (mr_text_equal(col, name))
            return i;
        if (!case_sensitive && found < 0 && mr_text_equal_nocase(col, name))
            found = i;
    }
    return found;
}

int64_t mr_parquet_n_rows(const MrParquetFile *file)
{
    return file->footer->n_rows;
}
int32_t mr_parquet_n_row_groups(const MrParquetFile *file)
{
    return file->footer->row_groups.n;
}
/* Start of a chunk's pages as the footer says, unchecked. */
static int64_t chunk_start(const MrPqChunk *chunk)
{
    if (!chunk->meta)
        return chunk->offset;
    const MrPqChunkMeta *meta = chunk->meta;
    /* Some writers put 0 where there is no dictionary. */
    bool dict = meta->has & MR_PQ_CHUNK_META_DICT_OFFSET && meta->dict_offset > 0;
    return dict && meta->dict_offset < meta->data_offset ? meta->dict_offset : meta->data_offset;
}
int64_t mr_parquet_row_group_bytes(const MrParquetFile *file, int32_t row_group)
{
    const MrPqRowGroup *group = &file->footer->row_groups.items[row_group];
    int64_t size = 0;
    for (int32_t i = 0; i < group->chunks.n; i++)
        if (group->chunks.items[i].meta &&
            __builtin_add_overflow(size, group->chunks.items[i].meta->compressed_bytes, &size))
            return file->input.size_bytes;
    return size < 0 || size > file->input.size_bytes ? file->input.size_bytes : size;
}
MrStatus mr__pq_chunk_range(const MrParquetFile *file, int32_t row_group, int32_t leaf_idx,
                            int64_t *from, int64_t *to, MrError *err)
{
    const MrPqChunk *chunk = &file->footer->row_groups.items[row_group].chunks.items[leaf_idx];
    const MrPqLeafDef *leaf = &file->leaves[leaf_idx];
    if (chunk->has & MR_PQ_CHUNK_CRYPTO)
        return MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE, "codecName", "encrypted Parquet");
    if (chunk->has & MR_PQ_CHUNK_PATH && chunk->path.size_bytes > 0)
        return MR_FAIL_UNSUPPORTED(err, "Parquet columns kept in other files");
    const MrPqChunkMeta *meta = chunk->meta;
    if (!(chunk->has & MR_PQ_CHUNK_META) ||
        (meta->has & MR_PQ_CHUNK_META_NEEDED) != MR_PQ_CHUNK_META_NEEDED)
        return mr__pq_corrupt(err, file, "in column %s, row group %d: no metadata", leaf->path,
                              row_group);
    int64_t start = chunk_start(chunk), end;
    if (meta->type != (int32_t)leaf->stored || meta->n_values < 0)
        return mr__pq_corrupt(err, file,
                              "in column %s, row group %d: metadata disagrees with the schema",
                              leaf->path, row_group);
    if (start < 4 || meta->compressed_bytes < 0 ||
        __builtin_add_overflow(start, meta->compressed_bytes, &end) ||
        end > file->input.size_bytes - 8)
        return mr__pq_corrupt(err, file, "in column %s, row group %d: pages lie outside the file",
                              leaf->path, row_group);
    if (leaf->max_rep == 0 && meta->n_values != file->footer->row_groups.items[row_group].n_rows)
        return mr__pq_corrupt(
            err, file, "in column %s, row group %d: its number of values is not that of rows",
            leaf->path, row_group);
    *from = start;
    *to = end;
    return MR_OK;
}

const char *mr__pq_element_text(MrArena *arena, const MrPqElement *e)
{
    static const char *const names[] = {"BOOLEAN", "INT32",  "INT64",      "INT96",
                                        "FLOAT",   "DOUBLE", "BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY"};
    const char *name = e->type >= 0 && e->type < MR_PQ_N_STORED ? names[e->type] : "?";
    const MrType *type = mr__pq_leaf_type(arena, e);
    if (!(e->has & (MR_PQ_ELEMENT_LOGICAL | MR_PQ_ELEMENT_CONVERTED)) || !type)
        return name;
    return mr_arena_printf(arena, "%s (%s)", name, mr_type_sql_text(arena, type));
}
