/* parquet_page.c - the pages of one stored column: file bytes, dictionaries, levels.
 *
 * A chunk's pages are read through a window of file bytes.  A page that holds no wanted row is
 * stepped over by its header alone (or jumped over by the offset index); others are decompressed
 * into a MrPqPage, which batches retain when their strings point into it and which is used again
 * when they do not.  parquet_leaf.c reads their values. */
#include "format/parquet_int.h"

#define WINDOW_BYTES ((int64_t)256 << 10)
#define MAX_HEADER_BYTES ((int64_t)16 << 20)
#define MAX_VIEWS (MR_PARQUET_MAX_PAGE_BYTES / (int64_t)sizeof(MrStr))

MrStatus mr__pq_leaf_corrupt(const MrPqLeaf *leaf, MrError *err, const char *what)
{
    return mr__pq_corrupt(err, leaf->file, "in column %s, row group %d, page %d: %s",
                          leaf->def->path, leaf->row_group, leaf->page_idx, what);
}

/* ---- Buffers ---- */

static void page_destroy(MrShared *shared)
{
    MrPqPage *page = (MrPqPage *)shared;
    mr_budget_free(page->budget, page, 64 + page->cap_bytes + MR_PQ_SLACK_BYTES);
}

static MrStatus page_create(MrBudget *budget, int64_t size_bytes, MrPqPage **out, MrError *err)
{
    _Static_assert(sizeof(MrPqPage) <= 64, "data starts at the next cache line");
    int64_t cap = (size_bytes + 0xffff) & ~(int64_t)0xffff;
    void *block;
    MR_TRY(mr_budget_alloc(budget, 64 + cap + MR_PQ_SLACK_BYTES, &block, err));
    MrPqPage *page = block;
    *page = (MrPqPage){.shared.destroy = page_destroy,
                       .budget = budget,
                       .cap_bytes = cap,
                       .data = (uint8_t *)block + 64};
    atomic_store(&page->shared.n_refs, 1);
    memset(page->data + cap, 0, MR_PQ_SLACK_BYTES);
    *out = page;
    return MR_OK;
}

static bool page_is_free(const MrPqPage *page, int64_t size_bytes)
{
    /* acquire: pairs with the release of a batch in another thread */
    return page && page->cap_bytes >= size_bytes &&
           atomic_load_explicit(&page->shared.n_refs, memory_order_acquire) == 1;
}

static void page_release(MrPqPage *page)
{
    if (page)
        mr_shared_release(&page->shared);
}

/* leaf->page becomes one that nobody else looks at. */
static MrStatus page_acquire(MrPqLeaf *leaf, int64_t size_bytes, MrError *err)
{
    if (page_is_free(leaf->page, size_bytes))
        return MR_OK;
    MrPqPage *old = leaf->page;
    if (page_is_free(leaf->spare, size_bytes)) {
        leaf->page = leaf->spare;
    } else {
        page_release(leaf->spare);
        leaf->spare = NULL;
        leaf->page = NULL;
        MrStatus status = page_create(leaf->budget, size_bytes, &leaf->page, err);
        if (status != MR_OK) {
            page_release(old);
            return status;
        }
    }
    leaf->spare = old;
    return MR_OK;
}

static void dict_destroy(MrShared *shared)
{
    MrPqDict *dict = (MrPqDict *)shared;
    mr_arena_deinit(&dict->arena);
    page_release(dict->page);
    mr_budget_free(dict->budget, dict, (int64_t)sizeof *dict);
}

static void dict_release(MrPqLeaf *leaf)
{
    if (leaf->dict)
        mr_shared_release(&leaf->dict->shared);
    leaf->dict = NULL;
}

/* ---- Life ---- */

void mr__pq_leaf_init(MrPqLeaf *leaf, MrParquetFile *file, MrBudget *budget, int32_t leaf_idx,
                      bool is_flat, const MrType *type, const MrPqConvert *convert,
                      MrParquetScanCounts *counts)
{
    *leaf = (MrPqLeaf){.file = file,
                       .budget = budget,
                       .def = &file->leaves[leaf_idx],
                       .leaf_idx = leaf_idx,
                       .is_flat = is_flat,
                       .convert = *convert,
                       .type = type,
                       .physical = mr_type_physical(type),
                       .counts = counts};
    mr_arena_init(&leaf->arena, budget);
    mr_arena_init(&leaf->chunk_arena, budget);
}

void mr__pq_leaf_deinit(MrPqLeaf *leaf)
{
    if (!leaf->file)
        return;
    mr_arena_deinit(&leaf->arena);
    mr_arena_deinit(&leaf->chunk_arena);
    page_release(leaf->page);
    page_release(leaf->spare);
    page_release(leaf->dict_spare);
    dict_release(leaf);
    mr_budget_free(leaf->budget, leaf->window, leaf->window_cap + MR_PQ_SLACK_BYTES);
    mr_budget_free(leaf->budget, leaf->levels, leaf->levels_cap);
    mr_budget_free(leaf->budget, leaf->codes, MR_BATCH_ROWS * 4);
    mr_budget_free(leaf->budget, leaf->stage, MR_BATCH_ROWS * 16);
    *leaf = (MrPqLeaf){0};
}

void mr__pq_leaf_start(MrPqLeaf *leaf, int32_t row_group)
{
    leaf->row_group = row_group;
    leaf->chunk = &leaf->file->footer->row_groups.items[row_group].chunks.items[leaf->leaf_idx];
    leaf->is_open = false;
    leaf->row = 0;
    leaf->page_idx = -1;
    leaf->page_values = leaf->page_at = 0;
    leaf->dict_read = false;
    leaf->offset_index = NULL;
    leaf->offset_index_read = false;
    mr_arena_reset(&leaf->chunk_arena);
}

MrStatus mr__pq_chunk_open(MrPqLeaf *leaf, MrError *err)
{
    if (leaf->is_open)
        return MR_OK;
    MR_TRY(mr__pq_chunk_range(leaf->file, leaf->row_group, leaf->leaf_idx, &leaf->from, &leaf->to,
                              err));
    if (!leaf->codes) {
        void *block;
        MR_TRY(mr_budget_alloc(leaf->budget, MR_BATCH_ROWS * 4, &block, err));
        leaf->codes = block;
        MR_TRY(mr_budget_alloc(leaf->budget, MR_BATCH_ROWS * 16, &block, err));
        leaf->stage = block;
    }
    leaf->next_offset = leaf->from;
    leaf->n_values_left = leaf->chunk->meta->n_values;
    leaf->window_bytes = 0;
    leaf->is_open = true;
    return MR_OK;
}

/* ---- File bytes ---- */

/* At least want_bytes (or all that the chunk has) at offset; *n_bytes says how many. */
static MrStatus window_get(MrPqLeaf *leaf, int64_t offset, int64_t want_bytes, const uint8_t **out,
                           int64_t *n_bytes, MrError *err)
{
    int64_t end = leaf->window_from + leaf->window_bytes, left = leaf->to - offset;
    bool inside = offset >= leaf->window_from && offset < end;
    int64_t have = inside ? end - offset : 0;
    if (want_bytes > left)
        want_bytes = left;
    if (have < want_bytes || have == 0) {
        int64_t size = want_bytes > WINDOW_BYTES ? want_bytes : WINDOW_BYTES;
        if (size > left)
            size = left;
        const uint8_t *old = inside ? leaf->window + (offset - leaf->window_from) : NULL;
        if (size > leaf->window_cap) {
            void *block;
            MR_TRY(mr_budget_alloc(leaf->budget, size + MR_PQ_SLACK_BYTES, &block, err));
            if (have > 0)
                memcpy(block, old, (size_t)have);
            mr_budget_free(leaf->budget, leaf->window, leaf->window_cap + MR_PQ_SLACK_BYTES);
            leaf->window = block;
            leaf->window_cap = size;
        } else if (have > 0) {
            memmove(leaf->window, old, (size_t)have);
        }
        leaf->window_from = offset;
        leaf->window_bytes = have;
        const MrInput *input = &leaf->file->input;
        MR_TRY(input->read_at(input->self, offset + have, leaf->window + have, size - have, err));
        leaf->window_bytes = size;
        leaf->counts->n_bytes_read += size - have;
        have = size;
    }
    *out = leaf->window + (offset - leaf->window_from);
    *n_bytes = have;
    return MR_OK;
}

/* Reads the header at next_offset into the page's arena (emptied first). */
static MrStatus header_read(MrPqLeaf *leaf, MrPqPageHeader *header, int64_t *header_bytes,
                            MrError *err)
{
    for (int64_t want = 1024;; want *= 8) {
        const uint8_t *data;
        int64_t n_bytes;
        MR_TRY(window_get(leaf, leaf->next_offset, want, &data, &n_bytes, err));
        mr_arena_reset(&leaf->arena);
        MrReader reader = {.at = data, .end = data + n_bytes};
        if (mr__thrift_read(&reader, &mr__pq_page_header_def, &leaf->arena, header)) {
            *header_bytes = reader.at - data;
            break;
        }
        if (n_bytes >= leaf->to - leaf->next_offset || want >= MAX_HEADER_BYTES)
            return mr__pq_leaf_corrupt(leaf, err, "its header is broken");
    }
    if ((header->has & MR_PQ_PAGE_NEEDED) != MR_PQ_PAGE_NEEDED || header->compressed_bytes < 0 ||
        header->uncompressed_bytes < 0 ||
        header->compressed_bytes > leaf->to - leaf->next_offset - *header_bytes)
        return mr__pq_leaf_corrupt(leaf, err, "its header has impossible sizes");
    if (header->uncompressed_bytes > MR_PARQUET_MAX_PAGE_BYTES ||
        header->compressed_bytes > MR_PARQUET_MAX_PAGE_BYTES)
        return mr__pq_leaf_corrupt(leaf, err, "it is larger than 256 MiB");
    return MR_OK;
}

/* Decompresses the page behind the header into to; its first plain_bytes are not compressed. */
static MrStatus body_read(MrPqLeaf *leaf, const MrPqPageHeader *header, int64_t header_bytes,
                          int64_t plain_bytes, bool is_compressed, uint8_t *to, MrError *err)
{
    const uint8_t *data;
    int64_t n_bytes, packed_bytes = header->compressed_bytes, size = header->uncompressed_bytes;
    if (packed_bytes == 0)
        return size == 0 ? MR_OK : mr__pq_leaf_corrupt(leaf, err, "it is empty");
    MR_TRY(window_get(leaf, leaf->next_offset + header_bytes, packed_bytes, &data, &n_bytes, err));
#ifndef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION /* mutated pages are to be decoded */
    if (header->has & MR_PQ_PAGE_HAS_CRC &&
        mr__pq_crc32(0, data, packed_bytes) != (uint32_t)header->crc)
        return mr__pq_leaf_corrupt(leaf, err, "its CRC is wrong");
#endif
    if (plain_bytes > packed_bytes || plain_bytes > size)
        return mr__pq_leaf_corrupt(leaf, err, "its levels are longer than the page");
    memcpy(to, data, (size_t)plain_bytes);
    if (size == plain_bytes &&
        packed_bytes - plain_bytes <= 8) /* no values: some codecs' empty block */
        return MR_OK;
    bool ok;
    MrParquetCodec codec =
        is_compressed ? (MrParquetCodec)leaf->chunk->meta->codec : MR_PARQUET_NONE;
    MR_TRY(mr__pq_decompress(codec, data + plain_bytes, packed_bytes - plain_bytes,
                             to + plain_bytes, size - plain_bytes, leaf->def->value_bytes > 0, &ok,
                             err));
    return ok ? MR_OK : mr__pq_leaf_corrupt(leaf, err, "it cannot be decompressed");
}

/* ---- Dictionary ---- */

static uint32_t le_u32(const uint8_t *at)
{
    uint32_t value;
    memcpy(&value, at, 4);
    return value;
}

/* The length before a value of PLAIN, which has so many bytes behind it. */
static inline bool size_read(const uint8_t **at, const uint8_t *end, uint32_t *size)
{
    if (end - *at < 4)
        return false;
    *size = le_u32(*at);
    *at += 4;
    return *size <= (uint64_t)(end - *at);
}

bool mr__pq_views_make(const uint8_t **at, const uint8_t *end, int64_t n, MrStr *out)
{
    /* Loads 12 bytes whatever the length, and cuts: there is slack behind the page. */
    const uint8_t *p = *at;
    for (int64_t i = 0; i < n; i++) {
        uint32_t size;
        if (!size_read(&p, end, &size))
            return false;
        out[i].size_bytes = size;
        if (size > MR_STR_INLINE) {
            memcpy(out[i].prefix, p, 4);
            out[i].data = (const char *)p;
        } else {
            uint32_t head;
            uint64_t rest;
            memcpy(&head, p, 4);
            memcpy(&rest, p + 4, 8);
            uint32_t head_bits = size >= 4 ? 32 : size * 8,
                     rest_bits = size > 4 ? (size - 4) * 8 : 0;
            head &= (uint32_t)((UINT64_C(1) << head_bits) - 1);
            rest = rest_bits == 64 ? rest : rest & ((UINT64_C(1) << rest_bits) - 1);
            memcpy(out[i].prefix, &head, 4);
            memcpy(out[i].rest, &rest, 8);
        }
        p += size;
    }
    *at = p;
    return true;
}

bool mr__pq_views_skip(const uint8_t **at, const uint8_t *end, int64_t n)
{
    const uint8_t *p = *at;
    for (int64_t i = 0; i < n; i++) {
        uint32_t size;
        if (!size_read(&p, end, &size))
            return false;
        p += size;
    }
    *at = p;
    return true;
}

static MrStatus dict_create(MrPqLeaf *leaf, MrPqDict **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(leaf->budget, (int64_t)sizeof(MrPqDict), &block, err));
    MrPqDict *dict = block;
    dict->shared.destroy = dict_destroy;
    atomic_store(&dict->shared.n_refs, 1);
    dict->budget = leaf->budget;
    mr_arena_init(&dict->arena, leaf->budget);
    *out = dict;
    return MR_OK;
}

/* Makes the vector out of the page at data. */
static MrStatus dict_fill(MrPqLeaf *leaf, MrPqDict *dict, const uint8_t *data, int64_t size_bytes,
                          MrError *err)
{
    int64_t n = dict->n_values, n_rows = n > 0 ? n : 1;
    const uint8_t *at = data, *end = at + size_bytes;
    MrVector *vec = dict->vec = mr_vector_create(&dict->arena, leaf->type, n_rows);
    if (n == 0)
        memset(vec->data, 0, (size_t)leaf->convert.to_bytes);
    if (leaf->def->stored == MR_PQ_BYTE_ARRAY) {
        MrStr *views = leaf->convert.identity ? vec->str : MR_NEW_N(&leaf->arena, MrStr, n);
        if (!mr__pq_views_make(&at, end, n, views))
            return mr__pq_leaf_corrupt(leaf, err, "the dictionary ends early");
        if (leaf->convert.identity)
            return MR_OK;
        at = (const uint8_t *)views;
    } else if (n * leaf->def->value_bytes > size_bytes || leaf->def->stored == MR_PQ_BOOLEAN) {
        return mr__pq_leaf_corrupt(leaf, err, "the dictionary ends early");
    }
    if (!leaf->convert.call(&leaf->convert, at, n, vec->data, &dict->arena))
        return mr__pq_leaf_corrupt(leaf, err, "a value does not fit its type");
    return MR_OK;
}

/* Numbers are copied out of the page, which is the leaf's (no data page is loaded yet); only this
 * leaf looks at such a dictionary, so one object does for all row groups. */
static MrStatus dict_load_numbers(MrPqLeaf *leaf, const MrPqPageHeader *header,
                                  int64_t header_bytes, MrError *err)
{
    if (!leaf->dict)
        MR_TRY(dict_create(leaf, &leaf->dict, err));
    MrPqDict *dict = leaf->dict;
    dict->n_values = header->dict->n_values;
    mr_arena_reset(&dict->arena);
    MR_TRY(page_acquire(leaf, header->uncompressed_bytes, err));
    MR_TRY(body_read(leaf, header, header_bytes, 0, true, leaf->page->data, err));
    return dict_fill(leaf, dict, leaf->page->data, header->uncompressed_bytes, err);
}

/* Strings point into the page, which the dictionary keeps; batches keep the dictionary. */
static MrStatus dict_load_strings(MrPqLeaf *leaf, const MrPqPageHeader *header,
                                  int64_t header_bytes, MrError *err)
{
    MrPqDict *last = leaf->dict, *dict;
    int64_t size = header->uncompressed_bytes;
    MR_TRY(dict_create(leaf, &dict, err));
    dict->n_values = header->dict->n_values;
    dict->page_bytes = size;
    MrStatus status = MR_OK;
    if (page_is_free(leaf->dict_spare, size)) {
        dict->page = leaf->dict_spare;
        leaf->dict_spare = NULL;
    } else {
        status = page_create(leaf->budget, size, &dict->page, err);
    }
    if (status == MR_OK)
        status = body_read(leaf, header, header_bytes, 0, true, dict->page->data, err);
    /* The same bytes as in the row group before: its id goes on, and what was computed of it. */
    bool same = status == MR_OK && last && last->id != 0 && last->n_values == dict->n_values &&
                last->page_bytes == size &&
                memcmp(last->page->data, dict->page->data, (size_t)size) == 0;
    MrPqDict *gone = status != MR_OK || same ? dict : last;
    if (gone != dict)
        leaf->dict = dict; /* the leaf owns it from here on, also when something below jumps */
    if (gone) {
        if (gone->page && atomic_load_explicit(&gone->shared.n_refs, memory_order_acquire) == 1) {
            page_release(leaf->dict_spare);
            leaf->dict_spare = gone->page;
            gone->page = NULL;
        }
        mr_shared_release(&gone->shared);
    }
    if (status != MR_OK || same)
        return status;
    MR_TRY(dict_fill(leaf, dict, dict->page->data, size, err));
    dict->id = mr_dict_id_next();
    return MR_OK;
}

static MrStatus dict_load(MrPqLeaf *leaf, const MrPqPageHeader *header, int64_t header_bytes,
                          MrError *err)
{
    if (leaf->dict_read || !(header->has & MR_PQ_PAGE_HAS_DICT))
        return mr__pq_leaf_corrupt(leaf, err, "there is more than one dictionary");
    int64_t n = header->dict->n_values;
    int encoding = header->dict->encoding;
    if (encoding != MR_PQ_PLAIN && encoding != MR_PQ_PLAIN_DICTIONARY)
        return mr__pq_leaf_corrupt(leaf, err, "the dictionary has an unknown encoding");
    /* What a value takes in the page at least; fixed values of no bytes make no sense here. */
    int64_t min_bytes = leaf->def->stored == MR_PQ_BYTE_ARRAY ? 4 : leaf->def->value_bytes;
    if (n < 0 || min_bytes == 0 || n > header->uncompressed_bytes / min_bytes)
        return mr__pq_leaf_corrupt(leaf, err, "the dictionary's size is impossible");
    if (leaf->physical == MR_PHYS_STR)
        MR_TRY(dict_load_strings(leaf, header, header_bytes, err));
    else
        MR_TRY(dict_load_numbers(leaf, header, header_bytes, err));
    leaf->dict_read = true;
    return MR_OK;
}

/* ---- Pages ---- */

static int level_width(int max)
{
    return max == 0 ? 0 : 32 - __builtin_clz((uint32_t)max);
}

static bool levels_fit(const uint8_t *levels, int64_t n, int max)
{
    uint8_t top = 0;
    for (int64_t i = 0; i < n; i++)
        top = levels[i] > top ? levels[i] : top;
    return top <= max;
}

/* The levels of a nested column are unpacked page by page. */
static MrStatus levels_unpack(MrPqLeaf *leaf, MrRle *rep, MrRle *def, int64_t *n_stored,
                              MrError *err)
{
    int64_t n = leaf->page_values;
    int max_def = leaf->def->max_def, max_rep = leaf->def->max_rep;
    if (n > MR_PARQUET_MAX_PAGE_BYTES / 2)
        return mr__pq_leaf_corrupt(leaf, err, "it has too many values");
    if (2 * n > leaf->levels_cap) {
        void *block;
        mr_budget_free(leaf->budget, leaf->levels, leaf->levels_cap);
        leaf->levels = NULL;
        leaf->levels_cap = 0;
        MR_TRY(mr_budget_alloc(leaf->budget, 2 * n, &block, err));
        leaf->levels = block;
        leaf->levels_cap = 2 * n;
    }
    leaf->level_bytes = n;
    uint8_t *defs = leaf->levels, *reps = leaf->levels + n;
    if (max_def == 0)
        memset(defs, 0, (size_t)n);
    else if (!mr__rle_read_u8(def, n, defs))
        return mr__pq_leaf_corrupt(leaf, err, "its definition levels end early");
    if (max_rep == 0)
        memset(reps, 0, (size_t)n);
    else if (!mr__rle_read_u8(rep, n, reps))
        return mr__pq_leaf_corrupt(leaf, err, "its repetition levels end early");
    if (!levels_fit(defs, n, max_def) || !levels_fit(reps, n, max_rep))
        return mr__pq_leaf_corrupt(leaf, err, "a level is too high");
    *n_stored = 0;
    for (int64_t i = 0; i < n; i++)
        *n_stored += defs[i] == max_def;
    return MR_OK;
}

/* leaf->page becomes a new one; the page so far, whose levels are still read, becomes the spare. */
static MrStatus page_change(MrPqLeaf *leaf, int64_t size_bytes, MrError *err)
{
    MrPqPage *page;
    MR_TRY(page_create(leaf->budget, size_bytes, &page, err));
    page_release(leaf->spare);
    leaf->spare = leaf->page;
    leaf->page = page;
    return MR_OK;
}

/* Fixed-size values whose bytes are stored byte 0 of all, byte 1 of all, ... */
static MrStatus stream_split_join(MrPqLeaf *leaf, const uint8_t *at, const uint8_t *end,
                                  MrError *err)
{
    int64_t width = leaf->def->value_bytes, n = width > 0 ? (end - at) / width : 0;
    if (width == 0 || leaf->def->stored == MR_PQ_BYTE_ARRAY || (end - at) % width != 0)
        return mr__pq_leaf_corrupt(leaf, err, "its split streams have uneven lengths");
    MR_TRY(page_change(leaf, n * width, err));
    uint8_t *to = leaf->page->data;
    for (int64_t b = 0; b < width; b++)
        for (int64_t i = 0; i < n; i++)
            to[i * width + b] = at[b * n + i];
    leaf->at = to;
    leaf->end = to + n * width;
    return MR_OK;
}

static MrStatus lengths_read(MrPqLeaf *leaf, const uint8_t **at, const uint8_t *end, int64_t **out,
                             int64_t *n, MrError *err)
{
    MrDelta delta;
    if (!mr__delta_init(&delta, *at, end) || delta.n_left > leaf->page_values ||
        delta.n_left > MAX_VIEWS)
        return mr__pq_leaf_corrupt(leaf, err, "its lengths are broken");
    *n = delta.n_left;
    *out = MR_NEW_N(&leaf->arena, int64_t, *n);
    if (!mr__delta_read(&delta, *n, *out))
        return mr__pq_leaf_corrupt(leaf, err, "its lengths end early");
    *at = mr__delta_end(&delta);
    return MR_OK;
}

static MrStatus delta_lengths_views(MrPqLeaf *leaf, const uint8_t *at, const uint8_t *end,
                                    MrError *err)
{
    int64_t *lengths, n;
    MR_TRY(lengths_read(leaf, &at, end, &lengths, &n, err));
    leaf->views = MR_NEW_N(&leaf->arena, MrStr, n);
    for (int64_t i = 0; i < n; i++) {
        if (lengths[i] < 0 || lengths[i] > end - at)
            return mr__pq_leaf_corrupt(leaf, err, "a length is longer than the page");
        leaf->views[i] = mr_str_borrow((const char *)at, lengths[i]);
        at += lengths[i];
    }
    leaf->n_values = n;
    return MR_OK;
}

/* DELTA_BYTE_ARRAY: each value is a prefix of the one before and a suffix of its own. */
static MrStatus delta_strings_views(MrPqLeaf *leaf, const uint8_t *at, const uint8_t *end,
                                    MrError *err)
{
    int64_t *prefixes, *suffixes, n, n_suffixes, size = 0, last = 0;
    bool fixed = leaf->def->stored == MR_PQ_FIXED;
    MR_TRY(lengths_read(leaf, &at, end, &prefixes, &n, err));
    MR_TRY(lengths_read(leaf, &at, end, &suffixes, &n_suffixes, err));
    if (n != n_suffixes)
        return mr__pq_leaf_corrupt(leaf, err, "it has not as many prefixes as suffixes");
    const uint8_t *bytes = at;
    for (int64_t i = 0; i < n; i++) {
        if (prefixes[i] < 0 || prefixes[i] > last || suffixes[i] < 0 || suffixes[i] > end - bytes)
            return mr__pq_leaf_corrupt(leaf, err, "a prefix or suffix is too long");
        last = prefixes[i] + suffixes[i];
        bytes += suffixes[i];
        size += last;
        if (size > MR_PARQUET_MAX_PAGE_BYTES || (fixed && last != leaf->def->value_bytes))
            return mr__pq_leaf_corrupt(leaf, err, "its strings have impossible lengths");
    }
    leaf->views = fixed ? NULL : MR_NEW_N(&leaf->arena, MrStr, n);
    MR_TRY(page_change(leaf, size, err));
    uint8_t *to = leaf->page->data, *before = to;
    for (int64_t i = 0; i < n; i++) {
        memcpy(to, before, (size_t)prefixes[i]);
        memcpy(to + prefixes[i], at, (size_t)suffixes[i]);
        at += suffixes[i];
        before = to;
        to += prefixes[i] + suffixes[i];
        if (!fixed)
            leaf->views[i] = mr_str_borrow((const char *)before, to - before);
    }
    leaf->at = leaf->page->data;
    leaf->end = to;
    leaf->n_values = n;
    return MR_OK;
}

static MrStatus values_begin(MrPqLeaf *leaf, int encoding, const uint8_t *at, const uint8_t *end,
                             MrError *err)
{
    MrPqStored stored = leaf->def->stored;
    leaf->at = at;
    leaf->end = end;
    leaf->value_at = 0;
    switch (encoding) {
    case MR_PQ_PLAIN:
        leaf->values = stored == MR_PQ_BOOLEAN      ? MR_PQ_VALUES_BITS
                       : stored == MR_PQ_BYTE_ARRAY ? MR_PQ_VALUES_STR
                                                    : MR_PQ_VALUES_FIXED;
        leaf->n_values = (end - at) * 8;
        return MR_OK;
    case MR_PQ_PLAIN_DICTIONARY:
    case MR_PQ_RLE_DICTIONARY: {
        int width = at < end ? *at : 0;
        if (width > 32 || !leaf->dict_read)
            return mr__pq_leaf_corrupt(
                leaf, err, width > 32 ? "its codes are too wide" : "there is no dictionary");
        leaf->values = MR_PQ_VALUES_DICT;
        mr__rle_init(&leaf->rle, at < end ? at + 1 : at, end, width);
        return MR_OK;
    }
    case MR_PQ_RLE:
        if (stored != MR_PQ_BOOLEAN)
            break;
        if (end - at < 4 || le_u32(at) > (uint64_t)(end - at - 4))
            return mr__pq_leaf_corrupt(leaf, err, "its values end early");
        leaf->values = MR_PQ_VALUES_RLE;
        mr__rle_init(&leaf->rle, at + 4, at + 4 + le_u32(at), 1);
        return MR_OK;
    case MR_PQ_DELTA_BINARY_PACKED:
        if (stored != MR_PQ_INT32 && stored != MR_PQ_INT64)
            break;
        leaf->values = MR_PQ_VALUES_DELTA;
        if (at == end) /* no values, no header */
            leaf->delta = (MrDelta){0};
        else if (!mr__delta_init(&leaf->delta, at, end))
            return mr__pq_leaf_corrupt(leaf, err, "its delta header is broken");
        return MR_OK;
    case MR_PQ_DELTA_LENGTH_BYTE_ARRAY:
        if (stored != MR_PQ_BYTE_ARRAY)
            break;
        leaf->values = MR_PQ_VALUES_VIEWS;
        leaf->n_values = 0;
        return at == end ? MR_OK : delta_lengths_views(leaf, at, end, err);
    case MR_PQ_DELTA_BYTE_ARRAY:
        if (stored != MR_PQ_BYTE_ARRAY && stored != MR_PQ_FIXED)
            break;
        leaf->values = stored == MR_PQ_FIXED ? MR_PQ_VALUES_FIXED : MR_PQ_VALUES_VIEWS;
        leaf->n_values = 0;
        return at == end ? MR_OK : delta_strings_views(leaf, at, end, err);
    case MR_PQ_BYTE_STREAM_SPLIT:
        leaf->values = MR_PQ_VALUES_FIXED;
        return stream_split_join(leaf, at, end, err);
    default:
        break;
    }
    return mr__pq_leaf_corrupt(leaf, err, "its encoding is unknown or not for this type");
}

/* Length-prefixed levels of a v1 page. */
static MrStatus levels_v1(MrPqLeaf *leaf, const uint8_t **at, const uint8_t *end, int max,
                          int encoding, MrRle *out, MrError *err)
{
    if (max == 0)
        return MR_OK;
    if (encoding != MR_PQ_RLE)
        return MR_FAIL_UNSUPPORTED(err, "Parquet levels in encoding %d", encoding);
    if (end - *at < 4 || le_u32(*at) > (uint64_t)(end - *at - 4))
        return mr__pq_leaf_corrupt(leaf, err, "its levels are longer than the page");
    uint32_t size = le_u32(*at);
    mr__rle_init(out, *at + 4, *at + 4 + size, level_width(max));
    *at += 4 + size;
    return MR_OK;
}

/* An all-present page mostly says so in one run. */
static bool one_run_of_ones(const MrRle *levels, int64_t n)
{
    MrRle probe = *levels;
    uint32_t first;
    return n > 0 && mr__rle_read(&probe, 1, &first) && first == 1 && !probe.packed &&
           probe.run_left >= n - 1;
}

static MrStatus data_page_load(MrPqLeaf *leaf, const MrPqPageHeader *header, int64_t header_bytes,
                               MrError *err)
{
    const MrPqLeafDef *def = leaf->def;
    MrRle rep_levels = {0}, def_levels = {0};
    bool v2 = header->type == MR_PQ_PAGE_DATA_V2;
    int64_t plain_bytes = 0;
    int encoding;
    if (v2) {
        const MrPqDataHeaderV2 *head = header->data_v2;
        if (head->rep_bytes < 0 || head->def_bytes < 0)
            return mr__pq_leaf_corrupt(leaf, err, "its header has impossible sizes");
        plain_bytes = (int64_t)head->rep_bytes + head->def_bytes;
        encoding = head->encoding;
    } else {
        encoding = header->data->encoding;
    }
    MR_TRY(page_acquire(leaf, header->uncompressed_bytes, err));
    bool is_compressed =
        !v2 || !(header->data_v2->has & MR_PQ_V2_IS_COMPRESSED) || header->data_v2->is_compressed;
    MR_TRY(
        body_read(leaf, header, header_bytes, plain_bytes, is_compressed, leaf->page->data, err));
    const uint8_t *at = leaf->page->data, *end = at + header->uncompressed_bytes;
    memset(leaf->page->data + header->uncompressed_bytes, 0, MR_PQ_SLACK_BYTES);
    if (v2) {
        mr__rle_init(&rep_levels, at, at + header->data_v2->rep_bytes, level_width(def->max_rep));
        at += header->data_v2->rep_bytes;
        mr__rle_init(&def_levels, at, at + header->data_v2->def_bytes, level_width(def->max_def));
        at += header->data_v2->def_bytes;
    } else {
        MR_TRY(
            levels_v1(leaf, &at, end, def->max_rep, header->data->rep_encoding, &rep_levels, err));
        MR_TRY(
            levels_v1(leaf, &at, end, def->max_def, header->data->def_encoding, &def_levels, err));
    }
    leaf->page_no_nulls = def->max_def == 0;
    if (leaf->is_flat) {
        leaf->def_levels = def_levels;
        if (def->max_def == 1 && one_run_of_ones(&def_levels, leaf->page_values))
            leaf->page_no_nulls = true;
    } else {
        int64_t n_stored;
        MR_TRY(levels_unpack(leaf, &rep_levels, &def_levels, &n_stored, err));
    }
    leaf->counts->n_pages_read++;
    return values_begin(leaf, encoding, at, end, err);
}

MrStatus mr__pq_page_next(MrPqLeaf *leaf, int64_t want_row, bool *end, MrError *err)
{
    leaf->page_values = leaf->page_at = 0;
    for (;;) {
        MrPqPageHeader header;
        int64_t header_bytes;
        if (leaf->n_values_left <= 0 || leaf->next_offset >= leaf->to) {
            *end = true;
            return MR_OK;
        }
        leaf->page_idx++;
        MR_TRY(header_read(leaf, &header, &header_bytes, err));
        int64_t behind = leaf->next_offset + header_bytes + header.compressed_bytes;
        if (header.type == MR_PQ_PAGE_DICTIONARY) {
            MR_TRY(dict_load(leaf, &header, header_bytes, err));
        } else if (header.type == MR_PQ_PAGE_DATA || header.type == MR_PQ_PAGE_DATA_V2) {
            bool v2 = header.type == MR_PQ_PAGE_DATA_V2;
            if (!(header.has & (v2 ? MR_PQ_PAGE_HAS_DATA_V2 : MR_PQ_PAGE_HAS_DATA)))
                return mr__pq_leaf_corrupt(leaf, err, "its header is broken");
            int64_t n = v2 ? header.data_v2->n_values : header.data->n_values;
            if (n < 0 || n > leaf->n_values_left)
                return mr__pq_leaf_corrupt(leaf, err, "it has more values than the column");
            leaf->n_values_left -= n;
            if (n > 0 && leaf->def->max_rep == 0 && leaf->row + n <= want_row) {
                leaf->row += n;
                leaf->counts->n_pages_skipped++;
            } else if (n > 0) {
                leaf->page_values = n;
                MrStatus status = data_page_load(leaf, &header, header_bytes, err);
                if (status != MR_OK) {
                    leaf->page_values = 0;
                    return status;
                }
                leaf->next_offset = behind;
                *end = false;
                return MR_OK;
            }
        }
        leaf->next_offset = behind;
    }
}

MrStatus mr__pq_page_jump(MrPqLeaf *leaf, int64_t row, MrError *err)
{
    const MrPqOffsetIndex *index = leaf->offset_index;
    if (!index)
        return MR_OK;
    int32_t low = 0, high = index->pages.n; /* last page with first_row <= row */
    while (high - low > 1) {
        int32_t middle = low + (high - low) / 2;
        if (index->pages.items[middle].first_row <= row)
            low = middle;
        else
            high = middle;
    }
    const MrPqPageLocation *page = &index->pages.items[low];
    if (page->offset < leaf->next_offset || page->first_row <= leaf->row)
        return MR_OK;
    /* A dictionary comes before the first data page; have it before we jump over it. */
    bool all;
    MR_TRY(mr__pq_leaf_dictionary(leaf, &all, err));
    int64_t n_rows = leaf->file->footer->row_groups.items[leaf->row_group].n_rows;
    leaf->next_offset = page->offset;
    leaf->row = page->first_row;
    leaf->page_values = leaf->page_at = 0;
    leaf->counts->n_pages_skipped += low - leaf->page_idx - 1 > 0 ? low - leaf->page_idx - 1 : 0;
    leaf->page_idx = low;
    if (leaf->def->max_rep == 0)
        leaf->n_values_left = n_rows - page->first_row;
    return MR_OK;
}

MrStatus mr__pq_leaf_dictionary(MrPqLeaf *leaf, bool *all_dict, MrError *err)
{
    MR_TRY(mr__pq_chunk_open(leaf, err));
    const MrPqChunkMeta *meta = leaf->chunk->meta;
    if (!leaf->dict_read && leaf->next_offset == leaf->from && leaf->from < leaf->to) {
        MrPqPageHeader header;
        int64_t header_bytes;
        MR_TRY(header_read(leaf, &header, &header_bytes, err));
        if (header.type == MR_PQ_PAGE_DICTIONARY) {
            MR_TRY(dict_load(leaf, &header, header_bytes, err));
            leaf->next_offset += header_bytes + header.compressed_bytes;
            leaf->page_idx++;
        }
    }
    *all_dict = false;
    if (!leaf->dict_read)
        return MR_OK;
    bool any = false, all = true;
    for (int32_t i = 0; i < meta->encoding_stats.n; i++) {
        const MrPqEncodingStats *stats = &meta->encoding_stats.items[i];
        if (stats->page_type != MR_PQ_PAGE_DATA && stats->page_type != MR_PQ_PAGE_DATA_V2)
            continue;
        any = true;
        all &= stats->count == 0 || stats->encoding == MR_PQ_PLAIN_DICTIONARY ||
               stats->encoding == MR_PQ_RLE_DICTIONARY;
    }
    *all_dict = any && all;
    return MR_OK;
}
