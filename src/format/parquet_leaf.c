/* parquet_leaf.c - the values of one stored column of one row group.
 *
 * The values of a page (parquet_page.c) come as a stream: read some, skip some.  Columns with no
 * levels beyond "is NULL" are read flat, straight into a batch's vectors; all others give levels
 * and dense values, which parquet_scan.c puts together. */
#include "format/parquet_int.h"

/* ---- Values ---- */

static MrStatus values_end(MrPqLeaf *leaf, MrError *err)
{
    return mr__pq_leaf_corrupt(leaf, err, "its values end early");
}

static MrStatus values_skip(MrPqLeaf *leaf, int64_t n, MrError *err)
{
    bool ok = true;
    switch (leaf->values) {
    case MR_PQ_VALUES_FIXED:
        ok = n * leaf->def->value_bytes <= leaf->end - leaf->at;
        leaf->at += ok ? n * leaf->def->value_bytes : 0;
        break;
    case MR_PQ_VALUES_BITS:
    case MR_PQ_VALUES_VIEWS:
        ok = n <= leaf->n_values - leaf->value_at;
        leaf->value_at += n;
        break;
    case MR_PQ_VALUES_RLE:
    case MR_PQ_VALUES_DICT:
        ok = mr__rle_skip(&leaf->rle, n);
        break;
    case MR_PQ_VALUES_STR:
        ok = mr__pq_views_skip(&leaf->at, leaf->end, n);
        break;
    case MR_PQ_VALUES_DELTA:
        ok = mr__delta_skip(&leaf->delta, n);
        break;
    }
    return ok ? MR_OK : values_end(leaf, err);
}

/* n <= MR_BATCH_ROWS codes, all within the dictionary. */
static MrStatus codes_read(MrPqLeaf *leaf, int64_t n, uint32_t *out, MrError *err)
{
    if (n == 0)
        return MR_OK;
    if (!mr__rle_read(&leaf->rle, n, out))
        return values_end(leaf, err);
    int64_t n_dict = leaf->dict->n_values;
    if (leaf->rle.width >= 32 || INT64_C(1) << leaf->rle.width > n_dict) {
        uint32_t top = 0;
        for (int64_t i = 0; i < n; i++)
            top = out[i] > top ? out[i] : top;
        if (top >= n_dict)
            return mr__pq_leaf_corrupt(leaf, err, "a code is outside the dictionary");
    }
    return MR_OK;
}

/* The rows wanted of a run: their numbers, minus base, are places in the run.  NULL: all. */
typedef struct Wanted {
    const uint16_t *rows;
    int32_t n, base;
} Wanted;

static bool is_sparse(const Wanted *wanted, int64_t n)
{
    return wanted->rows && wanted->n < n / 4;
}

#define GATHER(type)                                                                               \
    do {                                                                                           \
        const type *from = dict->data;                                                             \
        type *dst = to;                                                                            \
        if (is_sparse(wanted, n)) {                                                                \
            for (int32_t w = 0; w < wanted->n; w++) {                                              \
                int32_t i = wanted->rows[w] - wanted->base;                                        \
                dst[i] = from[codes[i]];                                                           \
            }                                                                                      \
        } else {                                                                                   \
            for (int64_t i = 0; i < n; i++)                                                        \
                dst[i] = from[codes[i]];                                                           \
        }                                                                                          \
    } while (0)

static void dict_gather(const MrVector *dict, int32_t item_bytes, const uint32_t *codes, int64_t n,
                        void *to, const Wanted *wanted)
{
    switch (item_bytes) {
    case 1:
        GATHER(int8_t);
        break;
    case 2:
        GATHER(int16_t);
        break;
    case 4:
        GATHER(int32_t);
        break;
    case 8:
        GATHER(int64_t);
        break;
    default:
        GATHER(MrStr);
        break;
    }
}

static MrStatus convert_all(MrPqLeaf *leaf, const void *from, int64_t n, void *to,
                            const Wanted *wanted, MrArena *arena, MrError *err)
{
    const MrPqConvert *convert = &leaf->convert;
    if (is_sparse(wanted, n)) {
        for (int32_t w = 0; w < wanted->n; w++) {
            int64_t i = wanted->rows[w] - wanted->base;
            if (!convert->call(convert, (const char *)from + i * convert->from_bytes, 1,
                               (char *)to + i * convert->to_bytes, arena))
                return mr__pq_leaf_corrupt(leaf, err, "a value does not fit its type");
        }
        return MR_OK;
    }
    if (convert->identity)
        memcpy(to, from, (size_t)(n * convert->to_bytes));
    else if (!convert->call(convert, from, n, to, arena))
        return mr__pq_leaf_corrupt(leaf, err, "a value does not fit its type");
    return MR_OK;
}

/* Plain strings; only the wanted ones become views, the others stay as they are (zeroed). */
static bool views_some(MrPqLeaf *leaf, int64_t n, MrStr *to, const Wanted *wanted)
{
    int64_t at = 0;
    for (int32_t w = 0; w < wanted->n; w++) {
        int64_t i = wanted->rows[w] - wanted->base;
        if (!mr__pq_views_skip(&leaf->at, leaf->end, i - at) ||
            !mr__pq_views_make(&leaf->at, leaf->end, 1, &to[i]))
            return false;
        at = i + 1;
    }
    return mr__pq_views_skip(&leaf->at, leaf->end, n - at);
}

/* n <= MR_BATCH_ROWS values, dense, as the wanted type. */
static MrStatus values_read(MrPqLeaf *leaf, int64_t n, void *to, const Wanted *wanted,
                            MrArena *arena, MrError *err)
{
    if (n == 0)
        return MR_OK;
    const void *from = leaf->stage;
    switch (leaf->values) {
    case MR_PQ_VALUES_FIXED:
        if (n * leaf->def->value_bytes > leaf->end - leaf->at)
            return values_end(leaf, err);
        from = leaf->at;
        leaf->at += n * leaf->def->value_bytes;
        break;
    case MR_PQ_VALUES_BITS:
        if (n > leaf->n_values - leaf->value_at)
            return values_end(leaf, err);
        for (int64_t i = 0; i < n; i++, leaf->value_at++)
            leaf->stage[i] = leaf->at[leaf->value_at >> 3] >> (leaf->value_at & 7) & 1;
        break;
    case MR_PQ_VALUES_RLE:
        if (!mr__rle_read_u8(&leaf->rle, n, leaf->stage))
            return values_end(leaf, err);
        break;
    case MR_PQ_VALUES_STR:
        if (leaf->convert.identity) {
            bool ok = is_sparse(wanted, n) ? views_some(leaf, n, to, wanted)
                                           : mr__pq_views_make(&leaf->at, leaf->end, n, to);
            return ok ? MR_OK : values_end(leaf, err);
        }
        if (!mr__pq_views_make(&leaf->at, leaf->end, n, (MrStr *)leaf->stage))
            return values_end(leaf, err);
        break;
    case MR_PQ_VALUES_VIEWS:
        if (n > leaf->n_values - leaf->value_at)
            return values_end(leaf, err);
        from = leaf->views + leaf->value_at;
        leaf->value_at += n;
        break;
    case MR_PQ_VALUES_DICT:
        MR_TRY(codes_read(leaf, n, leaf->codes, err));
        dict_gather(leaf->dict->vec, leaf->convert.to_bytes, leaf->codes, n, to, wanted);
        return MR_OK;
    case MR_PQ_VALUES_DELTA:
        if (!mr__delta_read(&leaf->delta, n, (int64_t *)leaf->stage))
            return values_end(leaf, err);
        if (leaf->def->stored == MR_PQ_INT32)
            for (int64_t i = 0; i < n; i++)
                ((int32_t *)leaf->stage)[i] = (int32_t)((int64_t *)leaf->stage)[i];
        break;
    }
    return convert_all(leaf, from, n, to, wanted, arena, err);
}

/* Spreads n_set dense values over n places by bits [at, at + n) of valid; NULL places become zero.
 */
#define SPREAD(type)                                                                               \
    do {                                                                                           \
        type *items = data;                                                                        \
        static const type zero;                                                                    \
        for (int64_t i = n - 1; i >= 0; i--)                                                       \
            items[i] = mr_bit_get(valid, at + i) ? items[--n_set] : zero;                          \
    } while (0)

static void spread(void *data, int32_t item_bytes, int64_t n_set, int64_t n, const uint64_t *valid,
                   int64_t at)
{
    switch (item_bytes) {
    case 1:
        SPREAD(int8_t);
        break;
    case 2:
        SPREAD(int16_t);
        break;
    case 4:
        SPREAD(int32_t);
        break;
    case 8:
        SPREAD(int64_t);
        break;
    default:
        SPREAD(MrStr);
        break;
    }
}

/* ---- Flat columns ---- */

/* Steps over n entries of the page. */
static MrStatus flat_skip(MrPqLeaf *leaf, int64_t n, MrError *err)
{
    int64_t n_set = n;
    if (!leaf->page_no_nulls) {
        uint64_t bits[MR_BITMAP_WORDS(MR_BATCH_ROWS) + 1];
        n_set = 0;
        for (int64_t done = 0; done < n;) {
            int64_t k = n - done < MR_BATCH_ROWS ? n - done : MR_BATCH_ROWS;
            if (!mr__rle_read_bits(&leaf->def_levels, k, bits, 0, &n_set))
                return mr__pq_leaf_corrupt(leaf, err, "its definition levels end early");
            done += k;
        }
    }
    MR_TRY(values_skip(leaf, n_set, err));
    leaf->page_at += n;
    leaf->row += n;
    return MR_OK;
}

/* Goes to a row, whose page is loaded then. */
static MrStatus flat_seek(MrPqLeaf *leaf, int64_t row, MrError *err)
{
    int64_t left = leaf->page_values - leaf->page_at;
    if (row - leaf->row >= left) {
        leaf->row += left;
        leaf->page_values = leaf->page_at = 0;
        MR_TRY(mr__pq_page_jump(leaf, row, err));
        bool end;
        MR_TRY(mr__pq_page_next(leaf, row, &end, err));
        if (end)
            return mr__pq_leaf_corrupt(leaf, err, "the column ends early");
    }
    return row > leaf->row ? flat_skip(leaf, row - leaf->row, err) : MR_OK;
}

typedef struct FlatRead {
    MrBatch *batch;
    MrVector *vec; /* NULL: not decided yet */
    int32_t n, at; /* rows in all, and done */
    int64_t n_set; /* not NULL among those done */
    uint64_t valid[MR_BITMAP_WORDS(MR_BATCH_ROWS) + 1];
} FlatRead;

/* Strings of pages without the dictionary follow such with it: all become views. */
static void codes_to_views(MrPqLeaf *leaf, FlatRead *read)
{
    MrVector *views = mr_vector_create(&read->batch->arena, leaf->type, read->n);
    for (int32_t i = 0; i < read->at; i++)
        if (mr_bit_get(read->valid, i))
            views->str[i] = leaf->dict->vec->str[read->vec->codes[i]];
    mr_batch_retain(read->batch, &leaf->dict->shared);
    read->vec = views;
}

static MrStatus flat_piece(MrPqLeaf *leaf, FlatRead *read, int64_t k, const Wanted *wanted,
                           MrError *err)
{
    MrBatch *batch = read->batch;
    int64_t n_set = k;
    if (!leaf->page_no_nulls) {
        n_set = 0;
        if (!mr__rle_read_bits(&leaf->def_levels, k, read->valid, read->at, &n_set))
            return mr__pq_leaf_corrupt(leaf, err, "its definition levels end early");
    }
    read->n_set += n_set;
    bool is_text = leaf->physical == MR_PHYS_STR, is_dict = leaf->values == MR_PQ_VALUES_DICT;
    if (!read->vec) {
        if (is_text && is_dict) {
            read->vec = mr_vector_dictionary(&batch->arena, leaf->dict->vec, read->n);
            read->vec->dict_id = leaf->dict->id;
        } else {
            read->vec = mr_vector_create(&batch->arena, leaf->type, read->n);
        }
    }
    if (read->vec->encoding == MR_DICTIONARY && !is_dict)
        codes_to_views(leaf, read);
    Wanted all = {0};
    if (n_set < k) /* dense values do not stand at their rows */
        wanted = &all;
    if (read->vec->encoding == MR_DICTIONARY) {
        uint32_t *codes = read->vec->codes + read->at;
        MR_TRY(codes_read(leaf, n_set, codes, err));
        if (n_set < k)
            spread(codes, 4, n_set, k, read->valid, read->at);
        return MR_OK;
    }
    int32_t item_bytes = leaf->convert.to_bytes;
    char *to = (char *)read->vec->data + (int64_t)read->at * item_bytes;
    MR_TRY(values_read(leaf, n_set, to, wanted, &batch->arena, err));
    if (n_set < k)
        spread(to, item_bytes, n_set, k, read->valid, read->at);
    if (is_text)
        mr_batch_retain(batch, is_dict ? &leaf->dict->shared : &leaf->page->shared);
    return MR_OK;
}

/* One run of the same value for all rows becomes a constant. */
static bool is_constant_run(const MrPqLeaf *leaf, int32_t n)
{
    return leaf->values == MR_PQ_VALUES_DICT && leaf->page_no_nulls &&
           leaf->page_values - leaf->page_at >= n && !leaf->rle.packed && leaf->rle.run_left >= n &&
           leaf->rle.run_value < leaf->dict->n_values;
}

MrStatus mr__pq_leaf_read_flat(MrPqLeaf *leaf, int64_t row, int32_t n, const uint16_t *sel,
                               int32_t n_sel, MrBatch *batch, MrVector **out, MrError *err)
{
    FlatRead read = {.batch = batch, .n = n};
    int32_t n_done = 0; /* of the selection */
    MR_TRY(mr__pq_chunk_open(leaf, err));
    mr_bits_fill(read.valid, n, true);
    for (;;) {
        MR_TRY(flat_seek(leaf, row + read.at, err));
        if (read.at == 0 && is_constant_run(leaf, n)) {
            const MrVector *dict = leaf->dict->vec;
            MR_TRY(values_skip(leaf, n, err));
            *out = mr_vector_constant(&batch->arena, leaf->type,
                                      (char *)dict->data +
                                          (int64_t)leaf->rle.run_value * leaf->convert.to_bytes);
            if (leaf->physical == MR_PHYS_STR)
                mr_batch_retain(batch, &leaf->dict->shared);
            leaf->page_at += n;
            leaf->row += n;
            return MR_OK;
        }
        int64_t left = leaf->page_values - leaf->page_at,
                k = n - read.at < left ? n - read.at : left;
        Wanted wanted = {.rows = sel ? sel + n_done : NULL, .base = read.at};
        if (sel) {
            while (n_done < n_sel && sel[n_done] < read.at + k)
                n_done++;
            wanted.n = n_done - (int32_t)(wanted.rows - sel);
        }
        MR_TRY(flat_piece(leaf, &read, k, &wanted, err));
        leaf->page_at += k;
        leaf->row += k;
        read.at += (int32_t)k;
        if (read.at == n)
            break;
    }
    if (read.vec->encoding == MR_DICTIONARY)
        mr_batch_retain(batch, &leaf->dict->shared);
    if (read.n_set == 0) {
        *out = mr_vector_constant(&batch->arena, leaf->type, NULL);
        return MR_OK;
    }
    if (read.n_set < n) {
        int64_t n_words = MR_BITMAP_WORDS(n);
        read.vec->validity = mr_arena_alloc(&batch->arena, n_words * 8);
        memcpy(read.vec->validity, read.valid, (size_t)n_words * 8);
    }
    read.vec->n_items = n;
    *out = read.vec;
    return MR_OK;
}

/* ---- Nested columns ---- */

/* What nested_take appends to. */
typedef struct NestedRead {
    MrBatch *batch;
    MrPqNested *out;
    uint8_t *def, *rep;
    int64_t levels_cap, values_cap;
} NestedRead;

static void nested_room(MrPqLeaf *leaf, NestedRead *read, int64_t n_levels, int64_t n_values)
{
    MrArena *arena = &read->batch->arena;
    MrPqNested *out = read->out;
    if (out->n_levels + n_levels > read->levels_cap) {
        int64_t cap = 2 * (out->n_levels + n_levels);
        uint8_t *def = mr_arena_alloc(arena, cap), *rep = mr_arena_alloc(arena, cap);
        if (out->n_levels > 0) {
            memcpy(def, read->def, (size_t)out->n_levels);
            memcpy(rep, read->rep, (size_t)out->n_levels);
        }
        read->def = def;
        read->rep = rep;
        read->levels_cap = cap;
    }
    if (out->n_values + n_values > read->values_cap) {
        int64_t cap = 2 * (out->n_values + n_values), item_bytes = leaf->convert.to_bytes;
        void *values = mr_arena_alloc(arena, cap * item_bytes);
        if (out->n_values > 0)
            memcpy(values, out->values, (size_t)(out->n_values * item_bytes));
        out->values = values;
        read->values_cap = cap;
    }
}

/* Takes entries [page_at, page_at + k) of the page; read NULL: drops them. */
static MrStatus nested_piece(MrPqLeaf *leaf, NestedRead *read, int64_t k, MrError *err)
{
    const uint8_t *def = leaf->levels + leaf->page_at, *rep = def + leaf->level_bytes;
    int64_t n_set = 0;
    for (int64_t i = 0; i < k; i++)
        n_set += def[i] == leaf->def->max_def;
    leaf->page_at += k;
    if (!read)
        return values_skip(leaf, n_set, err);
    MrPqNested *out = read->out;
    nested_room(leaf, read, k, n_set);
    memcpy(read->def + out->n_levels, def, (size_t)k);
    memcpy(read->rep + out->n_levels, rep, (size_t)k);
    out->n_levels += k;
    if (out->n_levels > INT32_MAX)
        return mr__pq_leaf_corrupt(leaf, err, "a list is too long");
    Wanted all = {0};
    for (int64_t done = 0; done < n_set;) {
        int64_t step = n_set - done < MR_BATCH_ROWS ? n_set - done : MR_BATCH_ROWS;
        MR_TRY(values_read(leaf, step, (char *)out->values + out->n_values * leaf->convert.to_bytes,
                           &all, &read->batch->arena, err));
        out->n_values += step;
        done += step;
    }
    if (leaf->physical == MR_PHYS_STR && n_set > 0)
        mr_batch_retain(read->batch, leaf->values == MR_PQ_VALUES_DICT ? &leaf->dict->shared
                                                                       : &leaf->page->shared);
    return MR_OK;
}

/* Takes n_rows rows from the current place on: up to where the next one starts. */
static MrStatus nested_take(MrPqLeaf *leaf, NestedRead *read, int64_t n_rows, MrError *err)
{
    int64_t n_begun = 0;
    for (;;) {
        if (leaf->page_at == leaf->page_values) {
            bool end;
            if (leaf->def->max_rep == 0 && n_begun == n_rows)
                break;
            MR_TRY(mr__pq_page_next(leaf, 0, &end, err));
            if (end)
                break;
        }
        const uint8_t *rep = leaf->levels + leaf->level_bytes;
        int64_t at = leaf->page_at;
        if (n_begun == 0 && rep[at] != 0)
            return mr__pq_leaf_corrupt(leaf, err, "a row starts within another");
        while (at < leaf->page_values) {
            if (rep[at] == 0) {
                if (n_begun == n_rows)
                    break;
                n_begun++;
            }
            at++;
        }
        int64_t k = at - leaf->page_at;
        bool stop = at < leaf->page_values;
        MR_TRY(nested_piece(leaf, read, k, err));
        if (stop)
            break;
    }
    if (n_begun < n_rows)
        return mr__pq_leaf_corrupt(leaf, err, "the column ends early");
    leaf->row += n_rows;
    return MR_OK;
}

MrStatus mr__pq_leaf_read_nested(MrPqLeaf *leaf, int64_t row, int32_t n_rows, MrBatch *batch,
                                 MrPqNested *out, MrError *err)
{
    MR_TRY(mr__pq_chunk_open(leaf, err));
    *out = (MrPqNested){0};
    NestedRead read = {.batch = batch, .out = out};
    if (row > leaf->row)
        MR_TRY(mr__pq_page_jump(leaf, row, err));
    if (row > leaf->row)
        MR_TRY(nested_take(leaf, NULL, row - leaf->row, err));
    nested_room(leaf, &read, n_rows, n_rows);
    MR_TRY(nested_take(leaf, &read, n_rows, err));
    out->def = read.def;
    out->rep = read.rep;
    return MR_OK;
}
