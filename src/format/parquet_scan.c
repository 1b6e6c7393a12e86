/* parquet_scan.c - one worker reading row groups: stages, filters, nested columns put together.
 *
 * A batch is made stage by stage.  Columns of a stage are decoded for the rows that earlier filters
 * left; when none are left, later columns do not even move: each leaf knows the row it stands at
 * and steps over what lies between when it is asked again.
 *
 * Nested columns come as levels and dense values.  Each node of the type finds its own slots in the
 * levels of its first leaf: validity, and for lists where each one starts. */
#include "format/parquet_int.h"

/* Rows of nested columns are read so many that about this many elements come at a time. */
#define NESTED_ELEMENTS 65536

typedef struct ReadNode ReadNode;
struct ReadNode {
    const MrPqField *field; /* NULL: not in the file */
    const MrType *type;
    int32_t leaf; /* in scan->leaves: its values, or the levels it goes by */
    int32_t n_children;
    ReadNode *children;
};

typedef struct ReadColumn {
    ReadNode node;
    int32_t first_leaf, n_leaves; /* in scan->leaves */
    int32_t stage;
    bool is_flat;
} ReadColumn;

struct MrParquetScan {
    MrParquetFile *file;
    MrBudget *budget;
    MrParquetScanOptions options;
    MrArena arena;       /* life of the scan          */
    MrArena group_arena; /* life of a row group       */
    int32_t n_leaves, cap_leaves;
    MrPqLeaf *leaves;
    MrPqNested *nested; /* of each leaf, while a batch is made */
    ReadColumn *cols;
    bool any_nested;

    int32_t row_group; /* -1: none */
    MrPqRange *ranges;
    int32_t n_ranges, range_idx;
    int64_t row; /* next one within the row group */
    int32_t batch_rows;
    int64_t batch_row; /* of the last batch */
    MrParquetScanCounts counts;
};

/* ---- Wanted types over the file's columns ---- */

static MrStatus mismatch(MrParquetScan *scan, const MrPqField *field, const MrType *type,
                         MrError *err)
{
    const MrPqLeafDef *leaf = &scan->file->leaves[field->leaf_idx];
    MrTextBuilder path = {.arena = &scan->arena};
    mr_builder_char(&path, '[');
    for (const char *at = leaf->path; *at; at++)
        mr_builder_str(&path, *at == '.' ? ", " : (char[]){*at, 0});
    mr_builder_char(&path, ']');
    return MR_FAIL(err, MR_COND_FAILED_READ_FILE__PARQUET_COLUMN_DATA_TYPE_MISMATCH, "path",
                   scan->file->input.name, "column", mr_builder_text(&path).data, "expectedType",
                   mr_type_catalog_text(&scan->arena, type), "actualType",
                   field->shape == MR_PQ_LEAF ? mr__pq_element_text(&scan->arena, leaf->element)
                                              : mr_type_catalog_text(&scan->arena, field->type));
}

static const MrPqField *child_find(const MrPqField *group, const char *name)
{
    const MrPqField *found = NULL;
    for (int32_t i = 0; i < group->n_children; i++) {
        if (strcmp(group->children[i].name, name) == 0)
            return &group->children[i];
        if (!found && mr_str_equal_nocase(group->children[i].name, name))
            found = &group->children[i];
    }
    return found;
}

static int32_t leaf_add(MrParquetScan *scan, int32_t leaf_idx, bool is_flat, const MrType *type,
                        const MrPqConvert *convert)
{
    MrPqLeaf leaf;
    mr__pq_leaf_init(&leaf, scan->file, scan->budget, leaf_idx, is_flat, type, convert,
                     &scan->counts);
    MR_PUSH(&scan->arena, scan->leaves, scan->n_leaves, scan->cap_leaves, leaf);
    return scan->n_leaves - 1;
}

static MrStatus node_build(MrParquetScan *scan, const MrPqField *field, const MrType *type,
                           bool is_flat, ReadNode *out, MrError *err)
{
    MrPqConvert convert;
    *out = (ReadNode){.field = field, .type = type, .leaf = -1};
    if (!field)
        return MR_OK;
    MrPhysical physical = mr_type_physical(type);
    if (field->shape == MR_PQ_LEAF) {
        if (mr_type_is_nested(type) || type->kind == MR_TYPE_VOID ||
            !mr__pq_convert_find(&scan->file->leaves[field->leaf_idx], type, &convert))
            return mismatch(scan, field, type, err);
        out->leaf = leaf_add(scan, field->leaf_idx, is_flat, type, &convert);
        return MR_OK;
    }
    if (physical != (field->shape == MR_PQ_LIST ? MR_PHYS_LIST : MR_PHYS_STRUCT) ||
        (field->shape == MR_PQ_LIST && type->kind != field->type->kind))
        return mismatch(scan, field, type, err);
    out->n_children = type->n_fields;
    out->children = MR_NEW_N(&scan->arena, ReadNode, type->n_fields);
    for (int32_t i = 0; i < type->n_fields; i++) {
        const MrPqField *child = field->shape == MR_PQ_LIST
                                     ? &field->children[i]
                                     : child_find(field, type->fields[i].name);
        MR_TRY(node_build(scan, child, type->fields[i].type, false, &out->children[i], err));
        if (out->leaf < 0)
            out->leaf = out->children[i].leaf;
    }
    if (out->leaf < 0) {
        /* None of the wanted fields is there: some column must say which groups are NULL. */
        const MrPqField *any = field;
        while (any->shape != MR_PQ_LEAF)
            any = &any->children[0];
        if (!mr__pq_convert_find(&scan->file->leaves[any->leaf_idx], any->type, &convert))
            return mismatch(scan, field, type, err);
        out->leaf = leaf_add(scan, any->leaf_idx, false, any->type, &convert);
    }
    return MR_OK;
}

static MrStatus scan_build(MrParquetScan *scan, MrError *err)
{
    const MrParquetScanOptions *options = &scan->options;
    MrParquetFile *file = scan->file;
    scan->cols = MR_NEW_N(&scan->arena, ReadColumn, options->n_cols);
    for (int32_t i = 0; i < options->n_cols; i++) {
        const MrParquetColumn *want = &options->cols[i];
        ReadColumn *col = &scan->cols[i];
        MR_ASSERT(want->col_idx < file->schema.n_cols && (want->col_idx >= 0 || want->type));
        const MrPqField *field = want->col_idx < 0 ? NULL : &file->fields[want->col_idx];
        col->stage = want->stage;
        col->is_flat = field && field->shape == MR_PQ_LEAF;
        col->first_leaf = scan->n_leaves;
        MR_TRY(node_build(scan, field, want->type ? want->type : field->type, col->is_flat,
                          &col->node, err));
        col->n_leaves = scan->n_leaves - col->first_leaf;
        scan->any_nested |= col->n_leaves > 0 && !col->is_flat;
    }
    scan->nested = MR_NEW_N(&scan->arena, MrPqNested, scan->n_leaves);
    return MR_OK;
}

/* ---- Life ---- */

MrStatus mr_parquet_scan_create(MrParquetFile *file, const MrParquetScanOptions *options,
                                MrParquetScan **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(options->budget, (int64_t)sizeof(MrParquetScan), &block, err));
    MrParquetScan *scan = block;
    scan->file = file;
    mr_parquet_retain(file);
    scan->budget = options->budget;
    scan->options = *options;
    scan->row_group = -1;
    mr_arena_init(&scan->arena, scan->budget);
    mr_arena_init(&scan->group_arena, scan->budget);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = scan_build(scan, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_parquet_scan_destroy(scan);
        return status;
    }
    *out = scan;
    return MR_OK;
}

void mr_parquet_scan_destroy(MrParquetScan *scan)
{
    if (!scan)
        return;
    for (int32_t i = 0; i < scan->n_leaves; i++)
        mr__pq_leaf_deinit(&scan->leaves[i]);
    mr_arena_deinit(&scan->arena);
    mr_arena_deinit(&scan->group_arena);
    mr_parquet_close(scan->file);
    mr_budget_free(scan->budget, scan, (int64_t)sizeof *scan);
}

MrParquetScanCounts mr_parquet_scan_counts(const MrParquetScan *scan)
{
    return scan->counts;
}

int64_t mr_parquet_scan_row(const MrParquetScan *scan)
{
    return scan->batch_row;
}

/* ---- A row group ---- */

static bool predicate_is_usable(const MrParquetScan *scan, const MrParquetPredicate *predicate)
{
    return scan->cols[predicate->column].is_flat;
}

/* What column statistics, dictionaries and the page index leave of the row group. */
static MrStatus ranges_find(MrParquetScan *scan, const MrParquetPredicate *predicates,
                            int32_t n_predicates, MrError *err)
{
    int64_t n_rows = scan->file->footer->row_groups.items[scan->row_group].n_rows;
    MrArena *arena = &scan->group_arena;
    scan->ranges = MR_NEW(arena, MrPqRange);
    scan->ranges[0] = (MrPqRange){0, n_rows};
    scan->n_ranges = n_rows > 0;
    for (int32_t i = 0; i < n_predicates && scan->n_ranges > 0; i++) {
        if (!predicate_is_usable(scan, &predicates[i]))
            continue;
        MrPqLeaf *leaf = &scan->leaves[scan->cols[predicates[i].column].first_leaf];
        if (mr__pq_prune_chunk(leaf, &predicates[i], n_rows, arena)) {
            scan->n_ranges = 0;
            scan->counts.n_row_groups_pruned++;
        }
    }
    for (int32_t i = 0; i < n_predicates && scan->n_ranges > 0; i++) {
        if (!predicate_is_usable(scan, &predicates[i]))
            continue;
        MrPqLeaf *leaf = &scan->leaves[scan->cols[predicates[i].column].first_leaf];
        MR_TRY(mr__pq_prune_pages(leaf, &predicates[i], n_rows, arena, &scan->ranges,
                                  &scan->n_ranges, err));
    }
    int64_t n_left = 0;
    for (int32_t i = 0; i < scan->n_ranges; i++)
        n_left += scan->ranges[i].to - scan->ranges[i].from;
    scan->counts.n_rows_pruned += n_rows - n_left;
    if (n_left > 0 && n_left < n_rows)
        for (int32_t i = 0; i < scan->n_leaves; i++)
            MR_TRY(mr__pq_offset_index(&scan->leaves[i], err));
    return MR_OK;
}

MrStatus mr_parquet_scan_start(MrParquetScan *scan, int32_t row_group,
                               const MrParquetPredicate *predicates, int32_t n_predicates,
                               bool *skipped, MrError *err)
{
    MR_ASSERT(row_group >= 0 && row_group < scan->file->footer->row_groups.n);
    const MrPqRowGroup *group = &scan->file->footer->row_groups.items[row_group];
    scan->row_group = row_group;
    mr_arena_reset(&scan->group_arena);
    scan->n_ranges = scan->range_idx = 0;
    int64_t per_row = 1;
    for (int32_t i = 0; i < scan->n_leaves; i++) {
        mr__pq_leaf_start(&scan->leaves[i], row_group);
        const MrPqChunkMeta *meta = group->chunks.items[scan->leaves[i].leaf_idx].meta;
        if (scan->leaves[i].def->max_rep > 0 && meta && group->n_rows > 0 &&
            meta->n_values / group->n_rows > per_row)
            per_row = meta->n_values / group->n_rows;
    }
    int64_t rows = NESTED_ELEMENTS / per_row;
    scan->batch_rows = (int32_t)(rows < 1 ? 1 : rows > MR_BATCH_ROWS ? MR_BATCH_ROWS : rows);
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = ranges_find(scan, predicates, n_predicates, err);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        scan->n_ranges = 0;
        return status;
    }
    scan->row = scan->n_ranges > 0 ? scan->ranges[0].from : 0;
    if (skipped)
        *skipped = scan->n_ranges == 0;
    return MR_OK;
}

/* ---- Nested columns ---- */

static MrStatus disagree(MrParquetScan *scan, const ReadNode *node, MrError *err)
{
    return mr__pq_corrupt(err, scan->file, "in column %s, row group %d: its levels disagree",
                          scan->leaves[node->leaf].def->path, scan->row_group);
}

static MrVector *null_vector(MrArena *arena, const MrType *type, int64_t n)
{
    MrVector *vec = mr_vector_create(arena, type, n);
    if (mr_physical_bytes(mr_type_physical(type)) > 0)
        memset(vec->data, 0, (size_t)(n * mr_physical_bytes(mr_type_physical(type))));
    vec->validity = mr_arena_zeroed(arena, 8 * MR_BITMAP_WORDS(n));
    if (mr_type_physical(type) == MR_PHYS_STRUCT)
        for (int32_t i = 0; i < type->n_fields; i++)
            vec->children[i] = null_vector(arena, type->fields[i].type, n);
    return vec;
}

/* Validity of the node's slots; also counts them.  NULL in *validity: all present. */
static int64_t slots_find(const ReadNode *node, const MrPqNested *levels, MrArena *arena,
                          int64_t n_slots, uint64_t **validity)
{
    const MrPqField *field = node->field;
    int slot_def = field->slot_def, slot_rep = field->slot_rep, def = field->def;
    uint64_t *bits = mr_arena_zeroed(arena, 8 * MR_BITMAP_WORDS(n_slots));
    int64_t n = 0, n_set = 0;
    for (int64_t i = 0; i < levels->n_levels; i++) {
        if (levels->def[i] < slot_def || levels->rep[i] > slot_rep)
            continue;
        if (n < n_slots && levels->def[i] >= def) {
            mr_bit_set(bits, n);
            n_set++;
        }
        n++;
    }
    *validity = n_set == n_slots ? NULL : bits;
    return n;
}

static MrStatus leaf_assemble(MrParquetScan *scan, const ReadNode *node, MrBatch *batch,
                              int64_t n_slots, MrVector **out, MrError *err)
{
    const MrPqNested *levels = &scan->nested[node->leaf];
    MrArena *arena = &batch->arena;
    uint64_t *validity;
    if (slots_find(node, levels, arena, n_slots, &validity) != n_slots)
        return disagree(scan, node, err);
    MrVector *vec = MR_NEW(arena, MrVector);
    vec->type = node->type;
    vec->n_items = vec->cap_items = (int32_t)n_slots;
    vec->validity = validity;
    if (!validity) {
        if (levels->n_values < n_slots)
            return disagree(scan, node, err);
        vec->data = levels->values;
        *out = vec;
        return MR_OK;
    }
    int64_t size = mr_physical_bytes(mr_type_physical(node->type)), at = 0;
    char *to = mr_arena_zeroed(arena, n_slots * size);
    const char *from = levels->values;
    for (int64_t i = 0; i < n_slots; i++) {
        if (!mr_bit_get(validity, i))
            continue;
        if (at == levels->n_values)
            return disagree(scan, node, err);
        memcpy(to + i * size, from + at++ * size, (size_t)size);
    }
    vec->data = to;
    *out = vec;
    return MR_OK;
}

static MrStatus assemble(MrParquetScan *scan, const ReadNode *node, MrBatch *batch, int64_t n_slots,
                         MrVector **out, MrError *err)
{
    MrArena *arena = &batch->arena;
    if (!node->field) {
        *out = null_vector(arena, node->type, n_slots);
        return MR_OK;
    }
    const MrPqField *field = node->field;
    if (field->shape == MR_PQ_LEAF)
        return leaf_assemble(scan, node, batch, n_slots, out, err);
    const MrPqNested *levels = &scan->nested[node->leaf];
    MrVector *vec = MR_NEW(arena, MrVector);
    vec->type = node->type;
    vec->n_items = vec->cap_items = (int32_t)n_slots;
    vec->children = MR_NEW_N(arena, MrVector *, node->n_children);
    if (slots_find(node, levels, arena, n_slots, &vec->validity) != n_slots)
        return disagree(scan, node, err);
    int64_t n_below = n_slots;
    if (field->shape == MR_PQ_LIST) {
        MrSlice *slices = vec->list = mr_arena_zeroed(arena, n_slots * (int64_t)sizeof(MrSlice));
        int64_t slot = -1;
        n_below = 0;
        for (int64_t i = 0; i < levels->n_levels; i++) {
            int def = levels->def[i], rep = levels->rep[i];
            if (rep <= field->slot_rep && def >= field->slot_def) {
                slot++;
                slices[slot].start = (int32_t)n_below;
            } else if (rep != field->slot_rep + 1 || def < field->elem_def) {
                continue;
            } else if (slot < 0 || slices[slot].count == 0) {
                return disagree(scan, node, err);
            }
            if (def >= field->elem_def) {
                slices[slot].count++;
                n_below++;
            }
        }
    }
    for (int32_t i = 0; i < node->n_children; i++)
        MR_TRY(assemble(scan, &node->children[i], batch, n_below, &vec->children[i], err));
    *out = vec;
    return MR_OK;
}

/* ---- Batches ---- */

static MrStatus column_read(MrParquetScan *scan, int32_t col_idx, MrBatch *batch, MrError *err)
{
    ReadColumn *col = &scan->cols[col_idx];
    MrVector **out = &batch->cols[col_idx];
    if (!col->node.field) {
        *out = mr_vector_constant(&batch->arena, col->node.type, NULL);
        return MR_OK;
    }
    if (col->is_flat)
        return mr__pq_leaf_read_flat(&scan->leaves[col->first_leaf], scan->row, batch->n_rows,
                                     batch->sel, batch->n_sel, batch, out, err);
    for (int32_t i = 0; i < col->n_leaves; i++) {
        int32_t leaf = col->first_leaf + i;
        MR_TRY(mr__pq_leaf_read_nested(&scan->leaves[leaf], scan->row, batch->n_rows, batch,
                                       &scan->nested[leaf], err));
    }
    return assemble(scan, &col->node, batch, batch->n_rows, out, err);
}

static MrStatus columns_read(MrParquetScan *scan, int32_t stage, bool and_later, MrBatch *batch,
                             MrError *err)
{
    for (int32_t i = 0; i < scan->options.n_cols; i++)
        if (scan->cols[i].stage == stage || (and_later && scan->cols[i].stage > stage))
            MR_TRY(column_read(scan, i, batch, err));
    return MR_OK;
}

/* Makes the batch of the next rows; nothing may be live in it. */
static MrStatus rows_read(MrParquetScan *scan, MrBatch *batch, MrError *err)
{
    const MrPqRange *range = &scan->ranges[scan->range_idx];
    int64_t left = range->to - scan->row;
    mr_batch_reset(batch);
    mr_batch_set_cols(batch, scan->options.n_cols);
    batch->n_rows = batch->n_sel = (int32_t)(left < scan->batch_rows ? left : scan->batch_rows);
    scan->batch_row = scan->file->first_rows[scan->row_group] + scan->row;
    scan->counts.n_rows_read += batch->n_rows;
    int32_t n_filters = scan->options.n_filters;
    for (int32_t i = 0; i < n_filters; i++) {
        MR_TRY(columns_read(scan, i, false, batch, err));
        const MrParquetFilter *filter = &scan->options.filters[i];
        MR_TRY(filter->call(filter->self, batch, err));
        if (batch->n_sel == 0)
            return MR_OK;
    }
    return columns_read(scan, n_filters, true, batch, err);
}

static MrStatus live_rows_read(MrParquetScan *scan, MrBatch *batch, bool *more, MrError *err)
{
    while (scan->range_idx < scan->n_ranges) {
        MR_TRY(rows_read(scan, batch, err));
        scan->row += batch->n_rows;
        if (scan->row == scan->ranges[scan->range_idx].to && ++scan->range_idx < scan->n_ranges)
            scan->row = scan->ranges[scan->range_idx].from;
        if (batch->n_sel > 0) {
            *more = true;
            return MR_OK;
        }
    }
    mr_batch_reset(batch);
    *more = false;
    return MR_OK;
}

MrStatus mr_parquet_scan_next(MrParquetScan *scan, MrBatch *batch, bool *more, MrError *err)
{
    MrStatus status;
    MR_GUARD_BEGIN(status, err)
        status = live_rows_read(scan, batch, more, err);
    MR_GUARD_END(status)
    if (status != MR_OK)
        scan->range_idx = scan->n_ranges; /* the row group is over */
    return status;
}
