/* batch.c - the life of a batch and of what it retains; deep copies, column by column. */
#include "column/batch.h"

void mr_shared_release(MrShared *shared)
{
    /* acq_rel: the last holder sees all that the others did before it destroys. */
    if (shared && atomic_fetch_sub_explicit(&shared->n_refs, 1, memory_order_acq_rel) == 1)
        shared->destroy(shared);
}

MrStatus mr_batch_create(MrBudget *budget, MrBatch **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(MrBatch), &block, err));
    MrBatch *batch = block;
    mr_arena_init(&batch->arena, budget);
    *out = batch;
    return MR_OK;
}

static void batch_release_shared(MrBatch *batch)
{
    for (int32_t i = 0; i < batch->n_shared; i++)
        mr_shared_release(batch->shared[i]);
    batch->n_shared = 0;
}

void mr_batch_destroy(MrBatch *batch)
{
    if (!batch)
        return;
    MrBudget *budget = batch->arena.budget;
    batch_release_shared(batch);
    mr_arena_deinit(&batch->arena);
    mr_budget_free(budget, batch, sizeof(MrBatch));
}

void mr_batch_reset(MrBatch *batch)
{
    batch_release_shared(batch);
    mr_arena_reset(&batch->arena);
    *batch = (MrBatch){.arena = batch->arena};
}

MrBatch *mr_batch_take(MrBatch **slot)
{
    MrBatch *batch = *slot;
    *slot = NULL;
    return batch;
}

void mr_batch_retain(MrBatch *batch, MrShared *shared)
{
    MR_PUSH(&batch->arena, batch->shared, batch->n_shared, batch->cap_shared, shared);
    mr_shared_retain(shared);
}

void mr_batch_retain_all(MrBatch *batch, const MrBatch *from)
{
    for (int32_t i = 0; i < from->n_shared; i++)
        mr_batch_retain(batch, from->shared[i]);
}

void mr_batch_set_cols(MrBatch *batch, int32_t n_cols)
{
    batch->cols = MR_NEW_N(&batch->arena, MrVector *, n_cols);
    batch->n_cols = n_cols;
}

/* Row number of the i-th row that is copied. */
#define SOURCE_ROW(i) (sel ? sel[i] : from + (i))

#define COPY_CASE(physical, field, ctype)                                                          \
    case physical: {                                                                               \
        const ctype *restrict in = src->field;                                                     \
        ctype *restrict out = to->field + at;                                                      \
        if (src->encoding == MR_CONSTANT) {                                                        \
            for (int32_t i = 0; i < n; i++)                                                        \
                out[i] = in[0];                                                                    \
        } else if (sel) {                                                                          \
            for (int32_t i = 0; i < n; i++)                                                        \
                out[i] = in[sel[i]];                                                               \
        } else {                                                                                   \
            memcpy(out, in + from, sizeof(ctype) * (size_t)n);                                     \
        }                                                                                          \
        break;                                                                                     \
    }

/* Views of one block that holds the bytes of all the long strings. */
static void strings_copy(MrArena *arena, const MrVector *src, const uint16_t *sel, int32_t from,
                         int32_t n, MrStr *out)
{
    int64_t long_bytes = 0, at;
    for (int32_t i = 0; i < n; i++) {
        const MrVector *holder = mr_vector_at(src, SOURCE_ROW(i), &at);
        out[i] = mr_vector_is_null(src, SOURCE_ROW(i)) ? (MrStr){0} : holder->str[at];
        long_bytes += out[i].size_bytes > MR_STR_INLINE ? out[i].size_bytes : 0;
    }
    if (long_bytes == 0)
        return;
    char *bytes = mr_arena_alloc(arena, long_bytes);
    for (int32_t i = 0; i < n; i++) {
        if (out[i].size_bytes > MR_STR_INLINE) {
            memcpy(bytes, out[i].data, out[i].size_bytes);
            out[i].data = bytes;
            bytes += out[i].size_bytes;
        }
    }
}

/* Copies n rows of src (sel, or from ..) to rows at .. of a flat vector. */
static void column_copy(MrArena *arena, const MrVector *src, const uint16_t *sel, int32_t from,
                        int32_t n, MrVector *to, int32_t at)
{
    MrPhysical physical = mr_type_physical(to->type);
    if ((src->encoding == MR_DICTIONARY && physical != MR_PHYS_STR) || physical == MR_PHYS_LIST ||
        physical == MR_PHYS_STRUCT) {
        for (int32_t i = 0; i < n; i++)
            mr_vector_copy_row(arena, src, SOURCE_ROW(i), to, at + i);
        return;
    }
    switch (physical) {
        COPY_CASE(MR_PHYS_I8, i8, int8_t)
        COPY_CASE(MR_PHYS_I16, i16, int16_t)
        COPY_CASE(MR_PHYS_I32, i32, int32_t)
        COPY_CASE(MR_PHYS_I64, i64, int64_t)
        COPY_CASE(MR_PHYS_I128, i128, MrI128)
        COPY_CASE(MR_PHYS_F32, f32, float)
        COPY_CASE(MR_PHYS_F64, f64, double)
        COPY_CASE(MR_PHYS_INTERVAL, interval, MrInterval)
    case MR_PHYS_STR:
        strings_copy(arena, src, sel, from, n, to->str + at);
        break;
    default:
        break;
    }
    bool dict_nulls = src->encoding == MR_DICTIONARY && src->dict->validity;
    if (src->validity || dict_nulls || src->type->kind == MR_TYPE_VOID) {
        for (int32_t i = 0; i < n; i++) {
            if (mr_vector_is_null(src, SOURCE_ROW(i)))
                mr_vector_set_null(arena, to, at + i, to->n_items);
            else if (to->validity)
                mr_bit_set(to->validity, at + i);
        }
    } else if (to->validity) {
        for (int32_t i = 0; i < n; i++)
            mr_bit_set(to->validity, at + i);
    }
}

void mr_batch_append(MrBatch *to, const MrBatch *src, int32_t from, int32_t n)
{
    MrArena *arena = &to->arena;
    MR_ASSERT(to->sel == NULL && from >= 0 && from + n <= src->n_sel &&
              to->n_rows + n <= MR_BATCH_ROWS);
    if (!to->cols) {
        mr_batch_set_cols(to, src->n_cols);
        for (int32_t c = 0; c < src->n_cols; c++)
            to->cols[c] =
                mr_vector_create(arena, mr_type_own(arena, src->cols[c]->type), MR_BATCH_ROWS);
    }
    MR_ASSERT(to->n_cols == src->n_cols);
    const uint16_t *sel = src->sel ? src->sel + from : NULL;
    for (int32_t c = 0; c < src->n_cols; c++)
        column_copy(arena, src->cols[c], sel, from, n, to->cols[c], to->n_rows);
    if (src->weights || to->weights) {
        if (!to->weights) {
            to->weights = mr_arena_alloc(arena, MR_BATCH_ROWS * (int64_t)sizeof(int64_t));
            for (int32_t i = 0; i < to->n_rows; i++)
                to->weights[i] = 1;
        }
        for (int32_t i = 0; i < n; i++)
            to->weights[to->n_rows + i] = src->weights ? src->weights[SOURCE_ROW(i)] : 1;
    }
    to->n_rows += n;
    to->n_sel = to->n_rows;
}

MrStatus mr_batch_copy(const MrBatch *batch, MrBudget *budget, MrBatch **out, MrError *err)
{
    MrStatus status;
    MrBatch *copy = NULL;
    MR_TRY(mr_batch_create(budget, &copy, err));
    MR_GUARD_BEGIN(status, err)
        MrArena *arena = &copy->arena;
        mr_batch_set_cols(copy, batch->n_cols);
        for (int32_t c = 0; c < batch->n_cols; c++) {
            copy->cols[c] =
                mr_vector_create(arena, mr_type_own(arena, batch->cols[c]->type), batch->n_sel);
            column_copy(arena, batch->cols[c], batch->sel, 0, batch->n_sel, copy->cols[c], 0);
        }
        if (batch->weights) {
            copy->weights = mr_arena_alloc(arena, batch->n_sel * (int64_t)sizeof(int64_t));
            for (int32_t i = 0; i < batch->n_sel; i++)
                copy->weights[i] = batch->weights[mr_batch_row(batch, i)];
        }
        copy->n_rows = copy->n_sel = batch->n_sel;
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_batch_destroy(copy);
        return status;
    }
    *out = copy;
    return MR_OK;
}
