/* parquet_encode.c - values to pages: dictionary, levels, statistics, compression.
 *
 * Every chunk starts with a dictionary.  When the first page shows that it does not pay, or when it
 * grows beyond 1 MiB, later pages are PLAIN, or what v2 has for the type.  A page's values are
 * gathered as plain ones and encoded when it ends.  Pages have a CRC.  Min and max are found when a
 * page ends: over the distinct values where there is a dictionary. */
#include "format/parquet_encode_int.h"
#include "base/hash.h"

#define DICT_MAX_BYTES ((int64_t)1 << 20)
#define BOUND_MAX_BYTES 64 /* longer strings are cut in statistics */

void mr__pq_encoder_init(MrPqEncoder *encoder, MrBudget *budget,
                         const MrParquetWriteOptions *options)
{
    *encoder = (MrPqEncoder){.budget = budget, .options = options};
    MrBuffer *buffers[] = {&encoder->def,    &encoder->rep,        &encoder->codes,
                           &encoder->values, &encoder->pages,      &encoder->scratch,
                           &encoder->packed, &encoder->dict_values};
    for (int64_t i = 0; i < MR_COUNT(buffers); i++)
        mr_buffer_init(buffers[i], budget, INT32_MAX);
    mr_arena_init(&encoder->dict_arena, budget);
    mr_arena_init(&encoder->chunk_arena, budget);
}

void mr__pq_encoder_deinit(MrPqEncoder *encoder)
{
    MrBuffer *buffers[] = {&encoder->def,    &encoder->rep,        &encoder->codes,
                           &encoder->values, &encoder->pages,      &encoder->scratch,
                           &encoder->packed, &encoder->dict_values};
    for (int64_t i = 0; i < MR_COUNT(buffers); i++)
        mr_buffer_deinit(buffers[i]);
    mr_arena_deinit(&encoder->dict_arena);
    mr_arena_deinit(&encoder->chunk_arena);
    mr_budget_free(encoder->budget, encoder->slots, encoder->n_slots * 4);
    mr_budget_free(encoder->budget, encoder->remap, encoder->n_remap * 4);
}

static void page_reset(MrPqEncoder *encoder)
{
    encoder->def.size_bytes = encoder->rep.size_bytes = 0;
    encoder->codes.size_bytes = encoder->values.size_bytes = 0;
    encoder->page_levels = encoder->page_stored = encoder->page_rows = encoder->page_nulls = 0;
    encoder->page_plain_bytes = 0;
}

static void dict_drop(MrPqEncoder *encoder)
{
    encoder->dict_values.size_bytes = 0;
    encoder->n_dict = 0;
    encoder->dict_bytes = 0;
    encoder->remap_id = 0;
    mr_arena_reset(&encoder->dict_arena);
    if (encoder->slots)
        memset(encoder->slots, 0, (size_t)encoder->n_slots * 4);
}

/* Of values without a dictionary, as parquet-mr chooses. */
static int32_t value_encoding(MrPqStored stored, bool v2)
{
    if (!v2)
        return MR_PQ_PLAIN;
    switch (stored) {
    case MR_PQ_BOOLEAN:
        return MR_PQ_RLE;
    case MR_PQ_INT32:
    case MR_PQ_INT64:
        return MR_PQ_DELTA_BINARY_PACKED;
    case MR_PQ_BYTE_ARRAY:
    case MR_PQ_FIXED:
        return MR_PQ_DELTA_BYTE_ARRAY;
    default:
        return MR_PQ_PLAIN;
    }
}

void mr__pq_encoder_reset(MrPqEncoder *encoder)
{
    page_reset(encoder);
    dict_drop(encoder);
    encoder->dict_on = !encoder->options->no_dictionary && encoder->stored != MR_PQ_BOOLEAN;
    encoder->encoding = value_encoding(encoder->stored, encoder->options->v2);
    encoder->pages.size_bytes = 0;
    mr_arena_reset(&encoder->chunk_arena);
    encoder->written = NULL;
    encoder->n_written = encoder->cap_written = 0;
    encoder->chunk_rows = encoder->chunk_values = encoder->chunk_nulls =
        encoder->uncompressed_bytes = 0;
    encoder->n_dict_pages = encoder->n_value_pages = 0;
}

/* ---- RLE and bit-packing ---- */

static MrStatus packed_run_write(const uint32_t *values, int64_t n, int width, MrBuffer *out,
                                 MrError *err)
{
    int64_t n_groups = (n + 7) / 8, size = n_groups * width;
    MR_TRY(mr_buffer_put_varint(out, (uint64_t)n_groups << 1 | 1, err));
    MR_TRY(mr_buffer_reserve(out, size, err));
    uint8_t *to = (uint8_t *)out->data + out->size_bytes, *end = to + size;
    uint64_t word = 0;
    int n_bits = 0;
    for (int64_t i = 0; i < n; i++) {
        word |= (uint64_t)values[i] << n_bits; /* n_bits < 8 and width <= 32: it fits */
        for (n_bits += width; n_bits >= 8; n_bits -= 8, word >>= 8)
            *to++ = (uint8_t)word;
    }
    while (to < end) {
        *to++ = (uint8_t)word;
        word >>= 8;
    }
    out->size_bytes += size;
    return MR_OK;
}

static int64_t equal_run(const uint32_t *values, int64_t n)
{
    int64_t i = 1;
    while (i < n && values[i] == values[0])
        i++;
    return i;
}

MrStatus mr__rle_write(const uint32_t *values, int64_t n, int width, MrBuffer *out, MrError *err)
{
    for (int64_t i = 0; i < n;) {
        int64_t run = equal_run(values + i, n - i);
        if (run >= 8 || i + run == n) {
            MR_TRY(mr_buffer_put_varint(out, (uint64_t)run << 1, err));
            for (int b = 0; b < width; b += 8)
                MR_TRY(mr_buffer_put_u8(out, (uint8_t)(values[i] >> b), err));
            i += run;
            continue;
        }
        /* Groups of eight until a longer run starts at the border of one. */
        int64_t end = i + 8;
        while (end < n && equal_run(values + end, n - end < 16 ? n - end : 16) < 16)
            end += 8;
        if (end > n)
            end = n;
        MR_TRY(packed_run_write(values + i, end - i, width, out, err));
        i = end;
    }
    return MR_OK;
}

static int width_of(uint64_t max)
{
    return max == 0 ? 0 : 64 - __builtin_clzll(max);
}

/* RLE hybrid of n bytes, each a value.  encoder->packed is free until the page is compressed. */
static MrStatus bytes_rle_write(MrPqEncoder *encoder, const MrBuffer *bytes, int64_t n, int width,
                                MrBuffer *out, MrError *err)
{
    encoder->packed.size_bytes = 0;
    MR_TRY(mr_buffer_reserve(&encoder->packed, 4 * n, err));
    uint32_t *wide = (uint32_t *)(void *)encoder->packed.data;
    for (int64_t i = 0; i < n; i++)
        wide[i] = (uint8_t)bytes->data[i];
    return mr__rle_write(wide, n, width, out, err);
}

/* Fills in the length that stands before what was written since. */
static void length_set(MrBuffer *out, int64_t length_at)
{
    uint32_t size = (uint32_t)(out->size_bytes - length_at - 4);
    memcpy(out->data + length_at, &size, 4);
}

/* Levels; their length stands before them in data page v1, in the header in v2. */
static MrStatus levels_write(MrPqEncoder *encoder, const MrBuffer *levels, bool all_max, int max,
                             MrBuffer *out, MrError *err)
{
    int64_t n = encoder->page_levels, length_at = out->size_bytes;
    if (max == 0)
        return MR_OK;
    if (!encoder->options->v2)
        MR_TRY(mr_buffer_put_u32(out, 0, err));
    if (all_max) {
        MR_TRY(mr_buffer_put_varint(out, (uint64_t)n << 1, err));
        MR_TRY(mr_buffer_put_u8(out, (uint8_t)max, err));
    } else {
        MR_TRY(bytes_rle_write(encoder, levels, n, width_of((uint64_t)max), out, err));
    }
    if (!encoder->options->v2)
        length_set(out, length_at);
    return MR_OK;
}

/* ---- Dictionary ---- */

static uint64_t stored_hash(const MrPqEncoder *encoder, const void *value)
{
    uint64_t word = 0;
    if (encoder->value_bytes == 0) {
        const MrStr *str = value;
        return mr_hash_bytes(mr_str_data(str), str->size_bytes, 0);
    }
    if (encoder->value_bytes <= 8) {
        memcpy(&word, value, (size_t)encoder->value_bytes);
        return mr_hash_u64(word, 0);
    }
    return mr_hash_bytes(value, encoder->value_bytes, 0);
}

static int64_t dict_item_bytes(const MrPqEncoder *encoder)
{
    return encoder->value_bytes ? encoder->value_bytes : (int64_t)sizeof(MrStr);
}

static bool stored_equal(const MrPqEncoder *encoder, const void *a, const void *b)
{
    return encoder->value_bytes == 0 ? mr_str_equal(a, b)
                                     : memcmp(a, b, (size_t)encoder->value_bytes) == 0;
}

static MrStatus slots_grow(MrPqEncoder *encoder, MrError *err)
{
    int64_t n = encoder->n_slots ? 2 * encoder->n_slots : 1024,
            item_bytes = dict_item_bytes(encoder);
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(encoder->budget, n * 4, &block, err));
    uint32_t *slots = block;
    for (int64_t i = 0; i < encoder->n_dict; i++) {
        uint64_t at =
            stored_hash(encoder, encoder->dict_values.data + i * item_bytes) & (uint64_t)(n - 1);
        while (slots[at])
            at = (at + 1) & (uint64_t)(n - 1);
        slots[at] = (uint32_t)i + 1;
    }
    mr_budget_free(encoder->budget, encoder->slots, encoder->n_slots * 4);
    encoder->slots = slots;
    encoder->n_slots = n;
    return MR_OK;
}

/* The value's number, a new one at need.  May jump. */
static MrStatus dict_code(MrPqEncoder *encoder, const void *value, uint32_t *out, MrError *err)
{
    int64_t item_bytes = dict_item_bytes(encoder);
    if (2 * encoder->n_dict >= encoder->n_slots)
        MR_TRY(slots_grow(encoder, err));
    uint64_t mask = (uint64_t)encoder->n_slots - 1, at = stored_hash(encoder, value) & mask;
    for (; encoder->slots[at]; at = (at + 1) & mask) {
        uint32_t code = encoder->slots[at] - 1;
        if (stored_equal(encoder, encoder->dict_values.data + code * item_bytes, value)) {
            *out = code;
            return MR_OK;
        }
    }
    MrStr own;
    if (encoder->value_bytes == 0) {
        const MrStr *str = value;
        own = mr_str_own(&encoder->dict_arena, mr_str_data(str), str->size_bytes);
        value = &own;
        encoder->dict_bytes += 4 + (int64_t)str->size_bytes;
    } else {
        encoder->dict_bytes += encoder->value_bytes;
    }
    MR_TRY(mr_buffer_put(&encoder->dict_values, value, item_bytes, err));
    *out = (uint32_t)encoder->n_dict++;
    encoder->slots[at] = *out + 1;
    return MR_OK;
}

static int64_t plain_bytes_of(const MrPqEncoder *encoder, const void *value)
{
    return encoder->value_bytes ? encoder->value_bytes
                                : 4 + (int64_t)((const MrStr *)value)->size_bytes;
}

static MrStatus codes_put(MrPqEncoder *encoder, const MrPqPiece *piece, MrError *err)
{
    MR_TRY(mr_buffer_reserve(&encoder->codes, piece->n_stored * 4, err));
    uint32_t *to = (uint32_t *)(void *)(encoder->codes.data + encoder->codes.size_bytes);
    int64_t item_bytes = dict_item_bytes(encoder);
    for (int64_t i = 0; i < piece->n_stored; i++) {
        const char *value = (const char *)piece->values + i * item_bytes;
        MR_TRY(dict_code(encoder, value, &to[i], err));
        encoder->page_plain_bytes += plain_bytes_of(encoder, value);
    }
    encoder->codes.size_bytes += piece->n_stored * 4;
    return MR_OK;
}

/* Codes of a vector's dictionary to ours: each distinct value is looked up once. */
static MrStatus codes_map(MrPqEncoder *encoder, const MrPqPiece *piece, MrError *err)
{
    if (piece->n_dict > encoder->n_remap) {
        void *block;
        MR_TRY(mr_budget_alloc(encoder->budget, piece->n_dict * 4, &block, err));
        mr_budget_free(encoder->budget, encoder->remap, encoder->n_remap * 4);
        encoder->remap = block;
        encoder->n_remap = piece->n_dict;
        encoder->remap_id = 0;
    }
    if (encoder->remap_id != piece->dict_id || piece->dict_id == 0)
        memset(encoder->remap, 0, (size_t)piece->n_dict * 4);
    encoder->remap_id = piece->dict_id;
    MR_TRY(mr_buffer_reserve(&encoder->codes, piece->n_stored * 4, err));
    uint32_t *to = (uint32_t *)(void *)(encoder->codes.data + encoder->codes.size_bytes);
    int64_t item_bytes = dict_item_bytes(encoder);
    for (int64_t i = 0; i < piece->n_stored; i++) {
        uint32_t code = piece->codes[i];
        const char *value = (const char *)piece->dict + code * item_bytes;
        if (encoder->remap[code] == 0) {
            uint32_t ours;
            MR_TRY(dict_code(encoder, value, &ours, err));
            encoder->remap[code] = ours + 1;
        }
        to[i] = encoder->remap[code] - 1;
        encoder->page_plain_bytes += plain_bytes_of(encoder, value);
    }
    encoder->codes.size_bytes += piece->n_stored * 4;
    return MR_OK;
}

/* ---- Plain values ---- */

static MrStatus plain_put_one(MrPqEncoder *encoder, const void *value, MrBuffer *out, MrError *err)
{
    if (encoder->value_bytes)
        return mr_buffer_put(out, value, encoder->value_bytes, err);
    const MrStr *str = value;
    MR_TRY(mr_buffer_put_u32(out, str->size_bytes, err));
    return mr_buffer_put(out, mr_str_data(str), str->size_bytes, err);
}

static MrStatus plain_put(MrPqEncoder *encoder, const MrPqPiece *piece, MrError *err)
{
    int64_t item_bytes = dict_item_bytes(encoder), before = encoder->values.size_bytes;
    if (piece->codes) {
        for (int64_t i = 0; i < piece->n_stored; i++)
            MR_TRY(plain_put_one(encoder, (const char *)piece->dict + piece->codes[i] * item_bytes,
                                 &encoder->values, err));
    } else if (encoder->value_bytes) {
        MR_TRY(mr_buffer_put(&encoder->values, piece->values, piece->n_stored * item_bytes, err));
    } else {
        for (int64_t i = 0; i < piece->n_stored; i++)
            MR_TRY(plain_put_one(encoder, (const char *)piece->values + i * item_bytes,
                                 &encoder->values, err));
    }
    encoder->page_plain_bytes += encoder->values.size_bytes - before;
    return MR_OK;
}

/* ---- Bounds ---- */

int mr__pq_bounds_compare(MrPqOrder order, MrText a, MrText b)
{
    int32_t a32, b32;
    int64_t a64, b64;
    float af, bf;
    double ad, bd;
    switch (order) {
    case MR_PQ_ORDER_BOOL:
        return (uint8_t)a.data[0] - (uint8_t)b.data[0];
    case MR_PQ_ORDER_I32:
        memcpy(&a32, a.data, 4);
        memcpy(&b32, b.data, 4);
        return (a32 > b32) - (a32 < b32);
    case MR_PQ_ORDER_I64:
        memcpy(&a64, a.data, 8);
        memcpy(&b64, b.data, 8);
        return (a64 > b64) - (a64 < b64);
    case MR_PQ_ORDER_F32:
        memcpy(&af, a.data, 4);
        memcpy(&bf, b.data, 4);
        return (af > bf) - (af < bf);
    case MR_PQ_ORDER_F64:
        memcpy(&ad, a.data, 8);
        memcpy(&bd, b.data, 8);
        return (ad > bd) - (ad < bd);
    case MR_PQ_ORDER_SIGNED: /* the same length: the sign first, then bytes */
        if ((a.data[0] ^ b.data[0]) & 0x80)
            return a.data[0] & 0x80 ? -1 : 1;
        return memcmp(a.data, b.data, (size_t)a.size_bytes);
    default:
        return mr_text_compare(a, b);
    }
}

static bool is_nan_text(MrPqOrder order, MrText value)
{
    float f;
    double d;
    if (order == MR_PQ_ORDER_F32) {
        memcpy(&f, value.data, 4);
        return f != f;
    }
    if (order == MR_PQ_ORDER_F64) {
        memcpy(&d, value.data, 8);
        return d != d;
    }
    return false;
}

static void bounds_take(MrPqEncoder *encoder, MrPqWrittenPage *page, MrText value)
{
    if (is_nan_text(encoder->order, value))
        return;
    if (!page->has_bounds) {
        page->min = page->max = value;
        page->has_bounds = true;
    } else if (mr__pq_bounds_compare(encoder->order, value, page->min) < 0) {
        page->min = value;
    } else if (mr__pq_bounds_compare(encoder->order, value, page->max) > 0) {
        page->max = value;
    }
}

#define BOUNDS_LOOP(type)                                                                          \
    do {                                                                                           \
        const type *items = (const type *)(const void *)encoder->values.data;                      \
        int64_t low = 0, high = 0;                                                                 \
        for (int64_t i = 1; i < n; i++) {                                                          \
            low = items[i] < items[low] ? i : low;                                                 \
            high = items[i] > items[high] ? i : high;                                              \
        }                                                                                          \
        bounds_take(encoder, page, (MrText){(const char *)&items[low], (int64_t)sizeof(type)});    \
        bounds_take(encoder, page, (MrText){(const char *)&items[high], (int64_t)sizeof(type)});   \
    } while (0)

/* Over what the page holds. */
static void bounds_find(MrPqEncoder *encoder, MrPqWrittenPage *page)
{
    int64_t n = encoder->page_stored;
    if (encoder->order == MR_PQ_ORDER_NONE || n == 0)
        return;
    if (encoder->dict_on) {
        const uint32_t *codes = (const uint32_t *)(const void *)encoder->codes.data;
        uint8_t *seen = mr_arena_zeroed(&encoder->chunk_arena, encoder->n_dict);
        int64_t item_bytes = dict_item_bytes(encoder);
        for (int64_t i = 0; i < n; i++)
            seen[codes[i]] = 1;
        for (int64_t i = 0; i < encoder->n_dict; i++) {
            const char *value = encoder->dict_values.data + i * item_bytes;
            if (seen[i])
                bounds_take(encoder, page,
                            encoder->value_bytes ? (MrText){value, item_bytes}
                                                 : mr_str_text((const MrStr *)(const void *)value));
        }
    } else if (encoder->order == MR_PQ_ORDER_I32) {
        BOUNDS_LOOP(int32_t);
    } else if (encoder->order == MR_PQ_ORDER_I64) {
        BOUNDS_LOOP(int64_t);
    } else if (encoder->value_bytes) {
        for (int64_t i = 0; i < n; i++)
            bounds_take(
                encoder, page,
                (MrText){encoder->values.data + i * encoder->value_bytes, encoder->value_bytes});
    } else {
        const char *at = encoder->values.data;
        for (int64_t i = 0; i < n; i++) {
            uint32_t size;
            memcpy(&size, at, 4);
            bounds_take(encoder, page, (MrText){at + 4, size});
            at += 4 + (int64_t)size;
        }
    }
}

/* Where to cut UTF-8 at or before size. */
static int64_t char_start(MrText text, int64_t size)
{
    while (size > 0 && ((uint8_t)text.data[size] & 0xc0) == 0x80)
        size--;
    return size;
}

/* Copies the bounds into the arena, long strings cut: min down, max up. */
static void bounds_own(MrPqEncoder *encoder, MrPqWrittenPage *page)
{
    MrArena *arena = &encoder->chunk_arena;
    page->min_exact = page->max_exact = true;
    if (!page->has_bounds)
        return;
    if (encoder->order == MR_PQ_ORDER_F32 || encoder->order == MR_PQ_ORDER_F64) {
        /* The format wants -0.0 as min and +0.0 as max where they are zero. */
        char *min = mr_arena_strn(arena, page->min.data, page->min.size_bytes);
        char *max = mr_arena_strn(arena, page->max.data, page->max.size_bytes);
        int64_t size = page->min.size_bytes, top = size - 1;
        static const char zero[8];
        bool min_zero = memcmp(min, zero, (size_t)top) == 0 && (min[top] & 0x7f) == 0;
        bool max_zero = memcmp(max, zero, (size_t)top) == 0 && (max[top] & 0x7f) == 0;
        if (min_zero)
            min[top] = (char)0x80;
        if (max_zero)
            max[top] = 0;
        page->min.data = min;
        page->max.data = max;
        return;
    }
    bool text = encoder->value_bytes == 0;
    if (text && page->min.size_bytes > BOUND_MAX_BYTES) {
        page->min.size_bytes =
            encoder->is_utf8 ? char_start(page->min, BOUND_MAX_BYTES) : BOUND_MAX_BYTES;
        page->min_exact = false;
    }
    page->min = mr_text_own(arena, page->min);
    if (text && page->max.size_bytes > BOUND_MAX_BYTES) {
        int64_t size = BOUND_MAX_BYTES;
        uint8_t limit = encoder->is_utf8 ? 0x7e : 0xfe;
        if (encoder->is_utf8)
            size = char_start(page->max, size);
        char *max = mr_arena_strn(arena, page->max.data, size);
        while (size > 0 && (uint8_t)max[size - 1] > limit)
            size--;
        if (size == 0) { /* nothing to count up: no bounds rather than a wrong one */
            page->has_bounds = false;
            return;
        }
        max[size - 1]++;
        page->max = (MrText){max, size};
        page->max_exact = false;
    } else {
        page->max = mr_text_own(arena, page->max);
    }
}

/* ---- Pages ---- */

static MrStatus booleans_pack(const MrBuffer *values, int64_t n, MrBuffer *out, MrError *err)
{
    int64_t size = (n + 7) / 8;
    MR_TRY(mr_buffer_reserve(out, size, err));
    uint8_t *to = (uint8_t *)out->data + out->size_bytes;
    memset(to, 0, (size_t)size);
    for (int64_t i = 0; i < n; i++)
        to[i >> 3] |= (uint8_t)((values->data[i] & 1) << (i & 7));
    out->size_bytes += size;
    return MR_OK;
}

/* The page's values, which stand plain in encoder->values. */
static MrStatus values_write(MrPqEncoder *encoder, MrBuffer *out, MrError *err)
{
    const MrBuffer *values = &encoder->values;
    int64_t n = encoder->page_stored, length_at = out->size_bytes;
    switch (encoder->encoding) {
    case MR_PQ_RLE: /* booleans */
        MR_TRY(mr_buffer_put_u32(out, 0, err));
        MR_TRY(bytes_rle_write(encoder, values, n, 1, out, err));
        length_set(out, length_at);
        return MR_OK;
    case MR_PQ_DELTA_BINARY_PACKED:
        return mr__delta_write(values->data, encoder->value_bytes, n, out, err);
    case MR_PQ_DELTA_BYTE_ARRAY:
        return mr__delta_strings_write(values->data, encoder->value_bytes, n, &encoder->packed, out,
                                       err);
    default:
        return encoder->stored == MR_PQ_BOOLEAN
                   ? booleans_pack(values, n, out, err)
                   : mr_buffer_put(out, values->data, values->size_bytes, err);
    }
}

/* Puts header and compressed body of encoder->scratch behind out.  Levels of v2 stay as they are,
 * and so do its values where compression does not make them smaller. */
static MrStatus page_put(MrPqEncoder *encoder, MrPqPageHeader *header, MrBuffer *out, MrError *err)
{
    MrPqDataHeaderV2 *v2 = header->data_v2;
    const MrBuffer *body = &encoder->scratch;
    int64_t level_bytes = v2 ? (int64_t)v2->rep_bytes + v2->def_bytes : 0;
    MrText values = {body->data + level_bytes, body->size_bytes - level_bytes};
    encoder->packed.size_bytes = 0;
    MR_TRY(mr__pq_compress(encoder->options->codec, values.data, values.size_bytes,
                           &encoder->packed, err));
    if (v2)
        v2->is_compressed = encoder->packed.size_bytes < values.size_bytes;
    if (!v2 || v2->is_compressed)
        values = (MrText){encoder->packed.data, encoder->packed.size_bytes};
    header->has |= MR_PQ_PAGE_NEEDED | MR_PQ_PAGE_HAS_CRC;
    header->uncompressed_bytes = (int32_t)body->size_bytes;
    header->compressed_bytes = (int32_t)(level_bytes + values.size_bytes);
    header->crc = (int32_t)mr__pq_crc32(mr__pq_crc32(0, body->data, level_bytes), values.data,
                                        values.size_bytes);
    int64_t before = out->size_bytes;
    MR_TRY(mr__thrift_write(&mr__pq_page_header_def, header, out, err));
    encoder->uncompressed_bytes += out->size_bytes - before + body->size_bytes;
    MR_TRY(mr_buffer_put(out, body->data, level_bytes, err));
    return mr_buffer_put(out, values.data, values.size_bytes, err);
}

/* The first page's codes back to plain values; the dictionary is given up. */
static MrStatus dict_give_up(MrPqEncoder *encoder, MrError *err)
{
    const uint32_t *codes = (const uint32_t *)(const void *)encoder->codes.data;
    int64_t item_bytes = dict_item_bytes(encoder);
    for (int64_t i = 0; i < encoder->page_stored; i++)
        MR_TRY(plain_put_one(encoder, encoder->dict_values.data + codes[i] * item_bytes,
                             &encoder->values, err));
    encoder->codes.size_bytes = 0;
    dict_drop(encoder);
    encoder->dict_on = false;
    return MR_OK;
}

static MrStatus page_flush(MrPqEncoder *encoder, MrError *err)
{
    if (encoder->page_levels == 0)
        return MR_OK;
    if (encoder->dict_on && encoder->n_dict_pages == 0) {
        int64_t code_bytes = encoder->page_stored * width_of((uint64_t)encoder->n_dict) / 8;
        if (encoder->dict_bytes + code_bytes > encoder->page_plain_bytes)
            MR_TRY(dict_give_up(encoder, err));
    }
    MrBuffer *body = &encoder->scratch;
    body->size_bytes = 0;
    MR_TRY(levels_write(encoder, &encoder->rep, false, encoder->max_rep, body, err));
    int64_t rep_bytes = body->size_bytes;
    bool all_present = encoder->page_nulls == 0;
    MR_TRY(levels_write(encoder, &encoder->def, all_present, encoder->max_def, body, err));
    int64_t def_bytes = body->size_bytes - rep_bytes;
    if (encoder->dict_on) {
        int width = width_of(encoder->n_dict > 0 ? (uint64_t)encoder->n_dict - 1 : 0);
        MR_TRY(mr_buffer_put_u8(body, (uint8_t)width, err));
        MR_TRY(mr__rle_write((const uint32_t *)(const void *)encoder->codes.data,
                             encoder->page_stored, width, body, err));
        encoder->n_dict_pages++;
    } else {
        MR_TRY(values_write(encoder, body, err));
        encoder->n_value_pages++;
    }
    int32_t encoding = encoder->dict_on ? MR_PQ_RLE_DICTIONARY : encoder->encoding;
    MrPqDataHeader data = {.has = 0xf,
                           .n_values = (int32_t)encoder->page_levels,
                           .encoding = encoding,
                           .def_encoding = MR_PQ_RLE,
                           .rep_encoding = MR_PQ_RLE};
    MrPqDataHeaderV2 data_v2 = {.has = 0x7f,
                                .n_values = (int32_t)encoder->page_levels,
                                .n_nulls = (int32_t)encoder->page_nulls,
                                .n_rows = (int32_t)encoder->page_rows,
                                .encoding = encoding,
                                .def_bytes = (int32_t)def_bytes,
                                .rep_bytes = (int32_t)rep_bytes};
    MrPqPageHeader header = {.has = MR_PQ_PAGE_HAS_DATA, .type = MR_PQ_PAGE_DATA, .data = &data};
    if (encoder->options->v2)
        header = (MrPqPageHeader){
            .has = MR_PQ_PAGE_HAS_DATA_V2, .type = MR_PQ_PAGE_DATA_V2, .data_v2 = &data_v2};
    MrPqWrittenPage page = {.offset = encoder->pages.size_bytes,
                            .first_row = encoder->chunk_rows - encoder->page_rows,
                            .n_rows = encoder->page_rows,
                            .n_values = encoder->page_levels,
                            .n_nulls = encoder->page_nulls};
    MR_TRY(page_put(encoder, &header, &encoder->pages, err));
    page.size_bytes = (int32_t)(encoder->pages.size_bytes - page.offset);
    bounds_find(encoder, &page);
    bounds_own(encoder, &page);
    MR_PUSH(&encoder->chunk_arena, encoder->written, encoder->n_written, encoder->cap_written,
            page);
    page_reset(encoder);
    return MR_OK;
}

MrStatus mr__pq_encoder_put(MrPqEncoder *encoder, const MrPqPiece *piece, MrError *err)
{
    int64_t page_bytes = encoder->options->page_bytes, page_rows = encoder->options->page_rows;
    if (encoder->page_plain_bytes >= page_bytes || encoder->page_rows >= page_rows)
        MR_TRY(page_flush(encoder, err));
    if (encoder->dict_on && encoder->dict_bytes > DICT_MAX_BYTES) {
        MR_TRY(page_flush(encoder, err));
        encoder->dict_on = false; /* its page stays for the pages before */
    }
    if (encoder->max_def > 0) {
        if (piece->def) {
            MR_TRY(mr_buffer_put(&encoder->def, piece->def, piece->n_levels, err));
        } else {
            MR_TRY(mr_buffer_reserve(&encoder->def, piece->n_levels, err));
            memset(encoder->def.data + encoder->def.size_bytes, encoder->max_def,
                   (size_t)piece->n_levels);
            encoder->def.size_bytes += piece->n_levels;
        }
    }
    if (encoder->max_rep > 0)
        MR_TRY(mr_buffer_put(&encoder->rep, piece->rep, piece->n_levels, err));
    if (!encoder->dict_on)
        MR_TRY(plain_put(encoder, piece, err));
    else if (piece->codes)
        MR_TRY(codes_map(encoder, piece, err));
    else
        MR_TRY(codes_put(encoder, piece, err));
    encoder->page_levels += piece->n_levels;
    encoder->page_stored += piece->n_stored;
    encoder->page_nulls += piece->n_levels - piece->n_stored;
    encoder->page_rows += piece->n_rows;
    encoder->chunk_rows += piece->n_rows;
    encoder->chunk_values += piece->n_levels;
    encoder->chunk_nulls += piece->n_levels - piece->n_stored;
    return MR_OK;
}

MrStatus mr__pq_encoder_finish(MrPqEncoder *encoder, MrError *err)
{
    return page_flush(encoder, err);
}

MrStatus mr__pq_encoder_dict_page(MrPqEncoder *encoder, MrBuffer *out, MrError *err)
{
    if (encoder->n_dict_pages == 0)
        return MR_OK;
    encoder->scratch.size_bytes = 0;
    int64_t item_bytes = dict_item_bytes(encoder);
    for (int64_t i = 0; i < encoder->n_dict; i++)
        MR_TRY(plain_put_one(encoder, encoder->dict_values.data + i * item_bytes, &encoder->scratch,
                             err));
    MrPqDictHeader dict = {.has = 3, .n_values = (int32_t)encoder->n_dict, .encoding = MR_PQ_PLAIN};
    MrPqPageHeader header = {
        .has = MR_PQ_PAGE_HAS_DICT, .type = MR_PQ_PAGE_DICTIONARY, .dict = &dict};
    return page_put(encoder, &header, out, err);
}
