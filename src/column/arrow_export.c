/* arrow_export.c - schemas and batches to the Arrow C data interface.
 *
 * All parts of one export lie in one arena and count the parts not yet released: a consumer may
 * move a child out and release its parent first. */
#include "column/arrow.h"
#include "column/collation.h"
#include <stdio.h>

typedef struct ArrowHome {
    _Atomic int32_t n_parts;
    MrArena arena;
    MrArrowOwner owner;
} ArrowHome;

static void home_release(ArrowHome *home)
{
    /* acq_rel: the last part sees all that the others did. */
    if (atomic_fetch_sub_explicit(&home->n_parts, 1, memory_order_acq_rel) == 1) {
        MrArrowOwner owner = home->owner;
        mr_arena_deinit(&home->arena);
        mr_budget_free(owner.budget, home, sizeof(ArrowHome));
        if (owner.let_go)
            owner.let_go(owner.self);
    }
}

static MrStatus home_create(const MrArrowOwner *owner, ArrowHome **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(owner->budget, sizeof(ArrowHome), &block, err));
    *out = block;
    mr_arena_init(&(*out)->arena, owner->budget);
    (*out)->n_parts = 1; /* the builder */
    (*out)->owner = *owner;
    if (owner->hold)
        owner->hold(owner->self);
    return MR_OK;
}

/* Arrow wants buffers aligned to 64 bytes and padded to 64, the padding zeroed. */
static void *buffer_create(MrArena *arena, int64_t size_bytes)
{
    uintptr_t block = (uintptr_t)mr_arena_zeroed(arena, ((size_bytes + 63) & ~INT64_C(63)) + 64);
    return (void *)((block + 63) & ~(uintptr_t)63);
}

/* Schemas */

static void schema_release(struct ArrowSchema *schema)
{
    for (int64_t i = 0; i < schema->n_children; i++) {
        if (schema->children[i]->release)
            schema->children[i]->release(schema->children[i]);
    }
    schema->release = NULL;
    home_release(schema->private_data);
}

static const char *type_format(MrArena *arena, const MrType *type)
{
    static const char *const formats[MR_N_TYPES] = {
        [MR_TYPE_VOID] = "n",
        [MR_TYPE_BOOLEAN] = "b",
        [MR_TYPE_TINYINT] = "c",
        [MR_TYPE_SMALLINT] = "s",
        [MR_TYPE_INT] = "i",
        [MR_TYPE_BIGINT] = "l",
        [MR_TYPE_FLOAT] = "f",
        [MR_TYPE_DOUBLE] = "g",
        [MR_TYPE_STRING] = "u",
        [MR_TYPE_BINARY] = "z",
        [MR_TYPE_DATE] = "tdD",
        [MR_TYPE_TIME] = "ttn",
        [MR_TYPE_TIMESTAMP] = "tsu:UTC",
        [MR_TYPE_TIMESTAMP_NTZ] = "tsu:",
        [MR_TYPE_INTERVAL_YM] = "tiM",
        [MR_TYPE_INTERVAL_DT] = "tDu",
        [MR_TYPE_INTERVAL] = "tin",
        [MR_TYPE_ARRAY] = "+l",
        [MR_TYPE_MAP] = "+m",
        [MR_TYPE_STRUCT] = "+s",
        [MR_TYPE_VARIANT] = "+s",
    };
    if (type->kind == MR_TYPE_DECIMAL)
        return mr_arena_printf(arena, "d:%d,%d", type->precision, type->scale);
    return formats[type->kind];
}

static void schema_put(ArrowHome *home, const char *name, const MrType *type, bool nullable,
                       struct ArrowSchema *out);

static struct ArrowSchema *schema_children(ArrowHome *home, struct ArrowSchema *out, int32_t n)
{
    struct ArrowSchema *children = MR_NEW_N(&home->arena, struct ArrowSchema, n + 1);
    out->n_children = n;
    out->children = MR_NEW_N(&home->arena, struct ArrowSchema *, n + 1);
    for (int32_t i = 0; i < n; i++)
        out->children[i] = &children[i];
    return children;
}

static void schema_start(ArrowHome *home, const char *name, const char *format, bool nullable,
                         struct ArrowSchema *out)
{
    *out = (struct ArrowSchema){
        .format = format,
        .name = mr_arena_str(&home->arena, name),
        .flags = nullable ? ARROW_FLAG_NULLABLE : 0,
        .release = schema_release,
        .private_data = home,
    };
    atomic_fetch_add_explicit(&home->n_parts, 1, memory_order_relaxed);
}

static void schema_put(ArrowHome *home, const char *name, const MrType *type, bool nullable,
                       struct ArrowSchema *out)
{
    schema_start(home, name, type_format(&home->arena, type),
                 nullable || type->kind == MR_TYPE_VOID, out);
    int32_t n = type->n_fields;
    if (type->kind == MR_TYPE_MAP) { /* map<struct<key, value>> */
        struct ArrowSchema *entries = schema_children(home, out, 1);
        schema_start(home, "entries", "+s", false, entries);
        out = entries;
    }
    struct ArrowSchema *children = schema_children(home, out, n);
    for (int32_t i = 0; i < n; i++)
        schema_put(home, type->fields[i].name, type->fields[i].type, type->fields[i].nullable,
                   &children[i]);
}

MrStatus mr_arrow_export_schema(const MrArrowOwner *owner, const MrSchema *schema,
                                struct ArrowSchema *out, MrError *err)
{
    MrStatus status;
    ArrowHome *home = NULL;
    struct ArrowSchema root = {0};
    MR_TRY(home_create(owner, &home, err));
    MR_GUARD_BEGIN(status, err)
        MrType type = {.kind = MR_TYPE_STRUCT, .n_fields = schema->n_cols, .fields = schema->cols};
        schema_put(home, "", &type, false, &root);
        *out = root;
    MR_GUARD_END(status)
    if (status != MR_OK)
        atomic_store_explicit(&home->n_parts, 1,
                              memory_order_relaxed); /* nobody has seen the parts */
    home_release(home);
    return status;
}

/* Arrays */

static void array_release(struct ArrowArray *array)
{
    for (int64_t i = 0; i < array->n_children; i++) {
        if (array->children[i]->release)
            array->children[i]->release(array->children[i]);
    }
    array->release = NULL;
    home_release(array->private_data);
}

static void array_start(ArrowHome *home, int64_t length, int64_t n_buffers, int64_t n_children,
                        struct ArrowArray *out)
{
    struct ArrowArray *children = MR_NEW_N(&home->arena, struct ArrowArray, n_children + 1);
    *out = (struct ArrowArray){
        .length = length,
        .n_buffers = n_buffers,
        .n_children = n_children,
        .buffers = MR_NEW_N(&home->arena, const void *, n_buffers + 1),
        .children = MR_NEW_N(&home->arena, struct ArrowArray *, n_children + 1),
        .release = array_release,
        .private_data = home,
    };
    for (int64_t i = 0; i < n_children; i++)
        out->children[i] = &children[i];
    atomic_fetch_add_explicit(&home->n_parts, 1, memory_order_relaxed);
}

/* The rows of a vector to write, and where they are NULL (also where a parent is). */
typedef struct ExportRows {
    const int32_t *rows;
    int64_t n;
    const uint8_t *absent; /* NULL: none */
} ExportRows;

static MrStatus array_put(ArrowHome *home, const MrVector *vec, ExportRows in,
                          struct ArrowArray *out, MrError *err);

/* Which rows are NULL; the validity buffer and the count go to out. */
static uint8_t *put_validity(ArrowHome *home, const MrVector *vec, ExportRows in,
                             struct ArrowArray *out)
{
    uint8_t *absent = mr_arena_alloc(&home->arena, in.n);
    int64_t n_null = 0;
    for (int64_t i = 0; i < in.n; i++) {
        absent[i] = (in.absent && in.absent[i]) || mr_vector_is_null(vec, in.rows[i]);
        n_null += absent[i];
    }
    out->null_count = n_null;
    if (n_null > 0) {
        uint8_t *bits = buffer_create(&home->arena, (in.n + 7) / 8);
        for (int64_t i = 0; i < in.n; i++)
            bits[i >> 3] = (uint8_t)(bits[i >> 3] | (uint8_t)!absent[i] << (i & 7));
        out->buffers[0] = bits;
    }
    return absent;
}

static MrStatus put_strings(ArrowHome *home, const MrVector *vec, ExportRows in,
                            const uint8_t *absent, struct ArrowArray *out, MrError *err)
{
    int32_t *offsets = buffer_create(&home->arena, 4 * (in.n + 1));
    int64_t size_bytes = 0, at;
    for (int64_t i = 0; i < in.n; i++) {
        if (!absent[i]) {
            const MrVector *holder = mr_vector_at(vec, in.rows[i], &at);
            size_bytes += holder->str[at].size_bytes;
        }
        if (size_bytes > INT32_MAX)
            return MR_FAIL_UNSUPPORTED(err, "more than 2 GiB of strings in one Arrow batch");
        offsets[i + 1] = (int32_t)size_bytes;
    }
    char *data = buffer_create(&home->arena, size_bytes);
    for (int64_t i = 0; i < in.n; i++) {
        if (!absent[i]) {
            const MrVector *holder = mr_vector_at(vec, in.rows[i], &at);
            memcpy(data + offsets[i], mr_str_data(&holder->str[at]), holder->str[at].size_bytes);
        }
    }
    out->buffers[1] = offsets;
    out->buffers[2] = data;
    return MR_OK;
}

static void put_booleans(ArrowHome *home, const MrVector *vec, ExportRows in, const uint8_t *absent,
                         struct ArrowArray *out)
{
    uint8_t *bits = buffer_create(&home->arena, (in.n + 7) / 8);
    for (int64_t i = 0; i < in.n; i++) {
        int64_t at;
        const MrVector *holder = mr_vector_at(vec, in.rows[i], &at);
        bool on = !absent[i] && holder->i8[at];
        bits[i >> 3] = (uint8_t)(bits[i >> 3] | on << (i & 7));
    }
    out->buffers[1] = bits;
}

static void put_fixed(ArrowHome *home, const MrVector *vec, ExportRows in, const uint8_t *absent,
                      struct ArrowArray *out)
{
    MrPhysical physical = mr_type_physical(vec->type);
    int32_t in_bytes = mr_physical_bytes(physical),
            out_bytes = vec->type->kind == MR_TYPE_DECIMAL ? 16 : in_bytes;
    char *data = buffer_create(&home->arena, in.n * out_bytes);
    for (int64_t i = 0; i < in.n; i++) {
        int64_t at;
        const MrVector *holder = mr_vector_at(vec, in.rows[i], &at);
        if (absent[i])
            continue;
        if (in_bytes != out_bytes) {
            MrI128 wide = holder->i64[at];
            memcpy(data + i * 16, &wide, 16);
        } else if (physical == MR_PHYS_INTERVAL) {
            MrInterval value = holder->interval[at];
            if (__builtin_mul_overflow(value.us, 1000, &value.us)) /* nanoseconds there */
                value.us = value.us < 0 ? INT64_MIN : INT64_MAX;
            memcpy(data + i * 16, &value, 16);
        } else {
            memcpy(data + i * in_bytes, (const char *)holder->data + at * in_bytes,
                   (size_t)in_bytes);
        }
    }
    out->buffers[1] = data;
}

static MrStatus put_list(ArrowHome *home, const MrVector *vec, ExportRows in, const uint8_t *absent,
                         struct ArrowArray *out, MrError *err)
{
    MrArena *arena = &home->arena;
    int32_t *offsets = buffer_create(arena, 4 * (in.n + 1));
    int64_t n = 0, at;
    const MrVector *holder = vec->encoding == MR_DICTIONARY ? vec->dict : vec;
    for (int64_t i = 0; i < in.n; i++) {
        if (!absent[i]) {
            (void)mr_vector_at(vec, in.rows[i], &at);
            n += holder->list[at].count;
        }
        if (n > INT32_MAX)
            return MR_FAIL_UNSUPPORTED(err, "more than 2^31 elements in one Arrow batch");
        offsets[i + 1] = (int32_t)n;
    }
    int32_t *rows = mr_arena_alloc(arena, 4 * n);
    for (int64_t i = 0, k = 0; i < in.n; i++) {
        if (absent[i])
            continue;
        (void)mr_vector_at(vec, in.rows[i], &at);
        for (int32_t j = 0; j < holder->list[at].count; j++)
            rows[k++] = holder->list[at].start + j;
    }
    out->buffers[1] = offsets;
    ExportRows elements = {.rows = rows, .n = n};
    struct ArrowArray *parent = out;
    if (vec->type->kind == MR_TYPE_MAP) {
        parent = out->children[0];
        array_start(home, n, 1, 2, parent);
    }
    for (int32_t j = 0; j < vec->type->n_fields; j++)
        MR_TRY(array_put(home, holder->children[j], elements, parent->children[j], err));
    return MR_OK;
}

static MrStatus put_struct(ArrowHome *home, const MrVector *vec, ExportRows in,
                           const uint8_t *absent, struct ArrowArray *out, MrError *err)
{
    const MrVector *holder = vec->encoding == MR_DICTIONARY ? vec->dict : vec;
    int32_t *rows = mr_arena_alloc(&home->arena, 4 * in.n);
    for (int64_t i = 0; i < in.n; i++) {
        int64_t at;
        (void)mr_vector_at(vec, in.rows[i], &at);
        rows[i] = (int32_t)at;
    }
    ExportRows inner = {.rows = rows, .n = in.n, .absent = absent};
    for (int32_t i = 0; i < vec->type->n_fields; i++)
        MR_TRY(array_put(home, holder->children[i], inner, out->children[i], err));
    return MR_OK;
}

static MrStatus array_put(ArrowHome *home, const MrVector *vec, ExportRows in,
                          struct ArrowArray *out, MrError *err)
{
    const MrType *type = vec->type;
    MrPhysical physical = mr_type_physical(type);
    if (physical == MR_PHYS_VOID) {
        array_start(home, in.n, 0, 0, out);
        out->null_count = in.n;
        return MR_OK;
    }
    array_start(home, in.n,
                physical == MR_PHYS_STR      ? 3
                : physical == MR_PHYS_STRUCT ? 1
                                             : 2,
                type->kind == MR_TYPE_MAP ? 1 : type->n_fields, out);
    const uint8_t *absent = put_validity(home, vec, in, out);
    switch (physical) {
    case MR_PHYS_STR:
        return put_strings(home, vec, in, absent, out, err);
    case MR_PHYS_LIST:
        return put_list(home, vec, in, absent, out, err);
    case MR_PHYS_STRUCT:
        return put_struct(home, vec, in, absent, out, err);
    default:
        if (type->kind == MR_TYPE_BOOLEAN)
            put_booleans(home, vec, in, absent, out);
        else
            put_fixed(home, vec, in, absent, out);
        return MR_OK;
    }
}

MrStatus mr_arrow_export_batch(const MrArrowOwner *owner, const MrSchema *schema,
                               const MrBatch *batch, struct ArrowArray *out, MrError *err)
{
    MrStatus status;
    ArrowHome *home = NULL;
    struct ArrowArray root = {0};
    MR_ASSERT(schema->n_cols == batch->n_cols);
    MR_TRY(home_create(owner, &home, err));
    MR_GUARD_BEGIN(status, err)
        int32_t *rows = mr_arena_alloc(&home->arena, 4 * (int64_t)batch->n_sel);
        for (int32_t i = 0; i < batch->n_sel; i++)
            rows[i] = mr_batch_row(batch, i);
        array_start(home, batch->n_sel, 1, batch->n_cols, &root);
        for (int32_t c = 0; c < batch->n_cols && status == MR_OK; c++)
            status = array_put(home, batch->cols[c], (ExportRows){.rows = rows, .n = batch->n_sel},
                               root.children[c], err);
        if (status == MR_OK)
            *out = root;
    MR_GUARD_END(status)
    if (status != MR_OK)
        atomic_store_explicit(&home->n_parts, 1,
                              memory_order_relaxed); /* nobody has seen the parts */
    home_release(home);
    return status;
}
