/* parquet_prune.c - what need not be read: by statistics, dictionaries and the page index.
 *
 * All of it is advice of the file's writer.  Broken or doubtful advice is not taken: the rows are
 * read.  Floating point: writers leave NaN out of max, and Spark orders it above all, so max rules
 * nothing out. */
#include "format/parquet_int.h"

static bool is_float(const MrType *type)
{
    return type->kind == MR_TYPE_FLOAT || type->kind == MR_TYPE_DOUBLE;
}

static bool is_nan(const MrVector *vec, int64_t row)
{
    int64_t at;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    return holder->type->kind == MR_TYPE_FLOAT    ? holder->f32[at] != holder->f32[at]
           : holder->type->kind == MR_TYPE_DOUBLE ? holder->f64[at] != holder->f64[at]
                                                  : false;
}

static bool is_comparable(const MrType *type)
{
    /* char(n) is compared padded, collated strings by another order than the file's. */
    return type->collation == 0 && !type->is_char && !mr_type_is_nested(type) &&
           type->kind != MR_TYPE_INTERVAL && type->kind != MR_TYPE_VOID &&
           type->kind != MR_TYPE_VARIANT;
}

/* Can some row with values in [min, max] (NULL: unknown) pass?  n_nulls -1: unknown. */
static bool may_pass(const MrParquetPredicate *predicate, const MrVector *min, const MrVector *max,
                     int64_t n_nulls, int64_t n_rows)
{
    const MrVector *values = predicate->values;
    if (predicate->test == MR_PARQUET_IS_NULL)
        return n_nulls != 0;
    if (n_nulls == n_rows) /* nothing but NULLs passes no comparison */
        return false;
    if (predicate->test == MR_PARQUET_NOT_NULL || !is_comparable(values->type))
        return true;
    for (int32_t i = 0; i < predicate->n_values; i++) {
        if (mr_vector_is_null(values, i))
            continue;
        if (is_nan(values, i))
            return true;
        bool any_max = !max || is_float(values->type);
        int from_min = min ? mr_vector_compare(values, i, min, 0) : 0;
        int from_max = any_max ? 0 : mr_vector_compare(values, i, max, 0);
        bool pass = false;
        switch (predicate->test) {
        case MR_PARQUET_EQ:
            /* For floats max still bounds the values that equal a number. */
            pass = (!min || from_min >= 0) && (!max || mr_vector_compare(values, i, max, 0) <= 0);
            break;
        case MR_PARQUET_LT:
            pass = !min || from_min > 0;
            break;
        case MR_PARQUET_LE:
            pass = !min || from_min >= 0;
            break;
        case MR_PARQUET_GT:
            pass = any_max || from_max < 0;
            break;
        default:
            pass = any_max || from_max <= 0;
            break;
        }
        if (pass)
            return true;
    }
    return false;
}

/* Does this very value pass? */
static bool value_passes(const MrParquetPredicate *predicate, const MrVector *vec, int64_t row)
{
    for (int32_t i = 0; i < predicate->n_values; i++) {
        if (mr_vector_is_null(predicate->values, i))
            continue;
        int order = mr_vector_compare(vec, row, predicate->values, i);
        bool pass = predicate->test == MR_PARQUET_EQ   ? order == 0
                    : predicate->test == MR_PARQUET_LT ? order < 0
                    : predicate->test == MR_PARQUET_LE ? order <= 0
                    : predicate->test == MR_PARQUET_GT ? order > 0
                                                       : order >= 0;
        if (pass)
            return true;
    }
    return false;
}

/* A constant of the type from a statistics value, or NULL. */
static MrVector *stats_value(MrArena *arena, const MrPqLeafDef *leaf, const MrPqConvert *convert,
                             const MrType *type, MrText bytes)
{
    __extension__ uint8_t value[16] __attribute__((aligned(16))) = {0};
    MrStr str;
    const void *from = bytes.data;
    if (leaf->stored == MR_PQ_INT96 || mr_type_is_nested(type))
        return NULL;
    if (leaf->stored == MR_PQ_BYTE_ARRAY) {
        if (bytes.size_bytes > INT32_MAX)
            return NULL;
        str = mr_str_borrow(bytes.data, bytes.size_bytes);
        from = &str;
    } else if (bytes.size_bytes != (leaf->stored == MR_PQ_BOOLEAN ? 1 : leaf->value_bytes)) {
        return NULL;
    }
    if (bytes.size_bytes > 0 || leaf->stored == MR_PQ_BYTE_ARRAY) {
        if (!convert->call(convert, from, 1, value, arena))
            return NULL;
    }
    MrVector *constant = mr_vector_constant(arena, type, value);
    return is_float(type) && is_nan(constant, 0) ? NULL : constant;
}

/* min and max of a chunk, each NULL where the footer does not say or is not to be trusted. */
static void chunk_bounds(const MrParquetFile *file, const MrPqChunk *chunk, int32_t leaf_idx,
                         const MrPqConvert *convert, const MrType *type, MrArena *arena,
                         MrVector **min, MrVector **max, int64_t *n_nulls, bool *exact)
{
    const MrPqLeafDef *leaf = &file->leaves[leaf_idx];
    const MrPqStatistics *stats = chunk->meta ? chunk->meta->stats : NULL;
    *min = *max = NULL;
    *n_nulls = leaf->max_def == 0 ? 0 : -1;
    *exact = false;
    if (!stats)
        return;
    if (stats->has & MR_PQ_STATS_N_NULLS && leaf->max_def > 0)
        *n_nulls = stats->n_nulls;
    bool bytes = leaf->stored == MR_PQ_BYTE_ARRAY || leaf->stored == MR_PQ_FIXED;
    /* The old fields were compared as signed bytes: good for numbers only. */
    bool is_unsigned = leaf->element->has & MR_PQ_ELEMENT_CONVERTED &&
                       leaf->element->converted >= MR_PQ_CONV_UINT_8 &&
                       leaf->element->converted <= MR_PQ_CONV_UINT_64;
    bool old = !bytes && !is_unsigned;
    if (stats->has & MR_PQ_STATS_MIN)
        *min = stats_value(arena, leaf, convert, type, stats->min);
    else if (stats->has & MR_PQ_STATS_OLD_MIN && old)
        *min = stats_value(arena, leaf, convert, type, stats->old_min);
    if (stats->has & MR_PQ_STATS_MAX)
        *max = stats_value(arena, leaf, convert, type, stats->max);
    else if (stats->has & MR_PQ_STATS_OLD_MAX && old)
        *max = stats_value(arena, leaf, convert, type, stats->old_max);
    *exact = *min && *max && !is_float(type) &&
             (!bytes || (stats->has & MR_PQ_STATS_MAX_EXACT && stats->max_exact &&
                         stats->has & MR_PQ_STATS_MIN_EXACT && stats->min_exact));
}

static bool dictionary_may_pass(MrPqLeaf *leaf, const MrParquetPredicate *predicate)
{
    MrError ignored = {0};
    bool all_dict;
    /* An error comes again when the column is read. */
    if (mr__pq_leaf_dictionary(leaf, &all_dict, &ignored) != MR_OK || !all_dict)
        return true;
    int64_t n = leaf->dict->n_values;
    if (n * predicate->n_values > 1 << 16)
        return true;
    for (int64_t i = 0; i < n; i++)
        if (value_passes(predicate, leaf->dict->vec, i))
            return true;
    return false;
}

bool mr__pq_prune_chunk(MrPqLeaf *leaf, const MrParquetPredicate *predicate, int64_t n_rows,
                        MrArena *arena)
{
    MrVector *min, *max;
    int64_t n_nulls;
    bool exact;
    chunk_bounds(leaf->file, leaf->chunk, leaf->leaf_idx, &leaf->convert, leaf->type, arena, &min,
                 &max, &n_nulls, &exact);
    if (!may_pass(predicate, min, max, n_nulls, n_rows))
        return true;
    bool compares = predicate->test != MR_PARQUET_IS_NULL && predicate->test != MR_PARQUET_NOT_NULL;
    return compares && is_comparable(leaf->type) && !dictionary_may_pass(leaf, predicate);
}

/* ---- Page index ---- */

static MrStatus index_read(MrPqLeaf *leaf, int64_t offset, int32_t size_bytes,
                           const MrThriftStruct *def, void *out, bool *ok, MrError *err)
{
    const MrInput *input = &leaf->file->input;
    *ok = false;
    if (offset < 0 || size_bytes <= 0 || size_bytes > MR_PARQUET_MAX_FOOTER_BYTES ||
        offset > input->size_bytes - size_bytes)
        return MR_OK;
    uint8_t *bytes = mr_arena_alloc(&leaf->chunk_arena, size_bytes);
    MR_TRY(input->read_at(input->self, offset, bytes, size_bytes, err));
    leaf->counts->n_bytes_read += size_bytes;
    MrReader reader = {.at = bytes, .end = bytes + size_bytes};
    *ok = mr__thrift_read(&reader, def, &leaf->chunk_arena, out);
    return MR_OK;
}

MrStatus mr__pq_offset_index(MrPqLeaf *leaf, MrError *err)
{
    const MrPqChunk *chunk = leaf->chunk;
    if (leaf->offset_index_read)
        return MR_OK;
    leaf->offset_index_read = true;
    if ((chunk->has & MR_PQ_CHUNK_OFFSET_INDEX) != MR_PQ_CHUNK_OFFSET_INDEX)
        return MR_OK;
    int64_t from, to, n_rows = leaf->file->footer->row_groups.items[leaf->row_group].n_rows;
    MR_TRY(mr__pq_chunk_range(leaf->file, leaf->row_group, leaf->leaf_idx, &from, &to, err));
    MrPqOffsetIndex *index = MR_NEW(&leaf->chunk_arena, MrPqOffsetIndex);
    bool ok;
    MR_TRY(index_read(leaf, chunk->offset_index_offset, chunk->offset_index_bytes,
                      &mr__pq_offset_index_def, index, &ok, err));
    ok = ok && index->pages.n > 0 && index->pages.items[0].first_row == 0;
    for (int32_t i = 0; ok && i < index->pages.n; i++) {
        const MrPqPageLocation *page = &index->pages.items[i];
        ok = page->offset >= from && page->offset < to && page->first_row < n_rows &&
             (i == 0 || (page->offset > page[-1].offset && page->first_row > page[-1].first_row));
    }
    leaf->offset_index = ok ? index : NULL;
    return MR_OK;
}

/* The rows that lie in both lists, each rising and without overlap. */
static void ranges_cut(MrArena *arena, MrPqRange **ranges, int32_t *n_ranges, const MrPqRange *with,
                       int32_t n_with)
{
    MrPqRange *out = MR_NEW_N(arena, MrPqRange, *n_ranges + n_with);
    int32_t n = 0, a = 0, b = 0;
    while (a < *n_ranges && b < n_with) {
        MrPqRange left = (*ranges)[a], right = with[b];
        int64_t from = left.from > right.from ? left.from : right.from;
        int64_t to = left.to < right.to ? left.to : right.to;
        if (from < to)
            out[n++] = (MrPqRange){from, to};
        if (left.to < right.to)
            a++;
        else
            b++;
    }
    *ranges = out;
    *n_ranges = n;
}

MrStatus mr__pq_prune_pages(MrPqLeaf *leaf, const MrParquetPredicate *predicate, int64_t n_rows,
                            MrArena *arena, MrPqRange **ranges, int32_t *n_ranges, MrError *err)
{
    const MrPqChunk *chunk = leaf->chunk;
    if ((chunk->has & MR_PQ_CHUNK_COLUMN_INDEX) != MR_PQ_CHUNK_COLUMN_INDEX)
        return MR_OK;
    MR_TRY(mr__pq_offset_index(leaf, err));
    if (!leaf->offset_index)
        return MR_OK;
    MrPqColumnIndex *index = MR_NEW(arena, MrPqColumnIndex);
    bool ok;
    MR_TRY(index_read(leaf, chunk->column_index_offset, chunk->column_index_bytes,
                      &mr__pq_column_index_def, index, &ok, err));
    int32_t n = leaf->offset_index->pages.n;
    bool counted = index->has & MR_PQ_COLUMN_INDEX_N_NULLS && index->n_nulls.n == n;
    if (!ok || index->null_pages.n != n || index->min.n != n || index->max.n != n)
        return MR_OK;
    MrPqRange *kept = MR_NEW_N(arena, MrPqRange, n);
    int32_t n_kept = 0;
    for (int32_t i = 0; i < n; i++) {
        int64_t from = leaf->offset_index->pages.items[i].first_row;
        int64_t to = i + 1 < n ? leaf->offset_index->pages.items[i + 1].first_row : n_rows;
        int64_t n_nulls = leaf->def->max_def == 0 ? 0 : counted ? index->n_nulls.items[i] : -1;
        MrVector *min = NULL, *max = NULL;
        if (index->null_pages.items[i]) {
            n_nulls = to - from;
        } else {
            min = stats_value(arena, leaf->def, &leaf->convert, leaf->type, index->min.items[i]);
            max = stats_value(arena, leaf->def, &leaf->convert, leaf->type, index->max.items[i]);
        }
        if (!may_pass(predicate, min, max, n_nulls, to - from))
            continue;
        if (n_kept > 0 && kept[n_kept - 1].to == from)
            kept[n_kept - 1].to = to;
        else
            kept[n_kept++] = (MrPqRange){from, to};
    }
    ranges_cut(arena, ranges, n_ranges, kept, n_kept);
    return MR_OK;
}

/* ---- Statistics of the whole column ---- */

void mr_parquet_column_stats(const MrParquetFile *file, int32_t row_group, int32_t col_idx,
                             MrArena *arena, MrParquetStats *out)
{
    const MrPqField *field = &file->fields[col_idx];
    int32_t first = row_group < 0 ? 0 : row_group;
    int32_t end = row_group < 0 ? file->footer->row_groups.n : row_group + 1;
    *out = (MrParquetStats){.n_nulls = -1, .n_distinct = -1};
    MrPqConvert convert;
    bool flat = field->shape == MR_PQ_LEAF &&
                mr__pq_convert_find(&file->leaves[field->leaf_idx], field->type, &convert);
    int64_t n_nulls = 0;
    bool known = flat, bounded = flat && is_comparable(field->type);
    out->exact = true;
    for (int32_t g = first; g < end; g++) {
        const MrPqRowGroup *group = &file->footer->row_groups.items[g];
        out->n_rows += group->n_rows;
        int32_t n_leaves = 0;
        for (int32_t i = field->leaf_idx; i < group->chunks.n; i++, n_leaves++) {
            if (n_leaves > 0 && (flat || (col_idx + 1 < file->schema.n_cols &&
                                          i >= file->fields[col_idx + 1].leaf_idx)))
                break;
            const MrPqChunkMeta *meta = group->chunks.items[i].meta;
            if (meta && meta->compressed_bytes > 0 &&
                meta->compressed_bytes <= file->input.size_bytes)
                out->size_bytes += meta->compressed_bytes;
        }
        if (!flat || group->n_rows == 0)
            continue;
        const MrPqChunk *chunk = &group->chunks.items[field->leaf_idx];
        MrVector *min, *max;
        int64_t nulls;
        bool exact;
        chunk_bounds(file, chunk, field->leaf_idx, &convert, field->type, arena, &min, &max, &nulls,
                     &exact);
        known &= nulls >= 0 && nulls <= group->n_rows;
        n_nulls += known ? nulls : 0;
        if (known && nulls == group->n_rows) /* no values, no bounds */
            continue;
        bounded &= min && max;
        out->exact &= exact;
        if (!bounded)
            continue;
        if (!out->min || mr_vector_compare(min, 0, out->min, 0) < 0)
            out->min = min;
        if (!out->max || mr_vector_compare(max, 0, out->max, 0) > 0)
            out->max = max;
    }
    if (known)
        out->n_nulls = n_nulls;
    if (!bounded || !out->min || !out->max) {
        out->min = out->max = NULL;
        out->exact = false;
    }
}
