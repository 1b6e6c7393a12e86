/* zset.c - see zset.h. */
#include "exec/zset.h"

void mr__zset_init(MrZSet *set, const MrSchema *schema, MrBudget *budget)
{
    mr_arena_init(&set->arena, budget);
    mr_arena_init(&set->scratch, budget);
    set->open = true;
    set->budget = budget;
    set->n_cols = schema->n_cols;
    set->types = MR_NEW_N(&set->arena, const MrType *, schema->n_cols + 1);
    for (int32_t c = 0; c < schema->n_cols; c++)
        set->types[c] = schema->cols[c].type;
    mr__group_layout_init(&set->layout, &set->arena, set->types, set->n_cols, sizeof(MrZRow));
    mr__groups_init(&set->groups, &set->layout, budget);
    set->epoch = 1;
}

void mr__zset_deinit(MrZSet *set)
{
    if (!set->open)
        return;
    mr__groups_deinit(&set->groups);
    mr_arena_deinit(&set->scratch);
    mr_arena_deinit(&set->arena);
    set->open = false;
}

void mr__zset_epoch(MrZSet *set)
{
    mr_arena_reset(&set->scratch);
    set->dirty = NULL;
    set->n_dirty = set->cap_dirty = set->n_removed = 0;
    set->epoch++;
}

void mr__zset_touch(MrZSet *set, char *row)
{
    MrZRow *tail = mr__zset_row(set, row);
    if (tail->dirty == set->epoch)
        return;
    tail->dirty = set->epoch;
    MR_PUSH(&set->scratch, set->dirty, set->n_dirty, set->cap_dirty, row);
}

int64_t mr__zset_n_updated(const MrZSet *set)
{
    int64_t n = 0;
    for (int64_t d = 0; d < set->n_dirty; d++)
        n += !mr__zset_row(set, set->dirty[d])->gone;
    return n;
}

void mr__zset_remove(MrZSet *set, char *row)
{
    *mr__zset_weight(set, row) = 0;
    mr__zset_row(set, row)->gone = 1;
    mr__groups_remove(&set->groups, row);
    set->n_gone++;
    set->n_removed++;
}

static MrStatus rows_move(MrZSet *set, MrGroups *to, char **rows, int32_t n, MrError *err)
{
    int32_t n_fresh = 0;
    MrVector **cols = MR_NEW_N(&set->scratch, MrVector *, set->n_cols + 1);
    for (int32_t c = 0; c < set->n_cols; c++)
        cols[c] = mr_rows_gather(&set->layout.rows, c, (const void *const *)rows, n, &set->scratch);
    mr__hash_columns(cols, set->n_cols, NULL, n, set->hash);
    MR_TRY(mr__groups_find(to, cols, NULL, n, set->hash, set->rows, set->fresh, &n_fresh, err));
    for (int32_t i = 0; i < n; i++) {
        *mr__zset_weight(set, set->rows[i]) = *mr__zset_weight(set, rows[i]);
        *mr__zset_row(set, set->rows[i]) = *mr__zset_row(set, rows[i]);
    }
    return MR_OK;
}

MrStatus mr__zset_compact(MrZSet *set, bool *moved, MrError *err)
{
    MrStatus status = MR_OK, guarded = MR_OK;
    char *rows[MR_BATCH_ROWS];
    int32_t n = 0;
    *moved = set->n_gone > 1024 && set->n_gone > set->groups.n_rows / 2;
    if (!*moved)
        return MR_OK;
    MrGroups to;
    mr__groups_init(&to, &set->layout, set->budget);
    MR_GUARD_BEGIN(guarded, err)
        for (int64_t r = 0; r < set->groups.n_rows && status == MR_OK; r++) {
            rows[n] = mr__groups_row(&set->groups, r);
            n += *mr__zset_weight(set, rows[n]) != 0;
            if (n == MR_BATCH_ROWS || r + 1 == set->groups.n_rows) {
                status = rows_move(set, &to, rows, n, err);
                mr_arena_reset(&set->scratch);
                n = 0;
            }
        }
    MR_GUARD_END(guarded)
    if (status == MR_OK)
        status = guarded;
    if (status != MR_OK) {
        mr__groups_deinit(&to);
        return status;
    }
    mr__groups_deinit(&set->groups);
    set->groups = to;
    set->n_gone = 0;
    return MR_OK;
}

MrStatus mr__zset_add(MrZSet *set, MrBatch *batch, int64_t weight, int32_t *n_fresh, MrError *err)
{
    mr__hash_columns(batch->cols, set->n_cols, batch->sel, batch->n_sel, set->hash);
    MR_TRY(mr__groups_find(&set->groups, batch->cols, batch->sel, batch->n_sel, set->hash,
                           set->rows, set->fresh, n_fresh, err));
    for (int32_t f = 0; f < *n_fresh; f++)
        mr__zset_row(set, set->rows[set->fresh[f]])->number = ++set->last_number;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        char *row = set->rows[i];
        *mr__zset_weight(set, row) +=
            weight * (batch->weights ? batch->weights[mr_batch_row(batch, i)] : 1);
        mr__zset_touch(set, row);
    }
    return MR_OK;
}

MrStatus mr__zset_batch(const MrZSet *set, char *const *rows, const int64_t *weights, int32_t n,
                        MrBudget *budget, MrBatch **out, MrError *err)
{
    MrBatch *batch = NULL, *copy = NULL;
    MrStatus status = MR_OK;
    MR_TRY(mr_batch_create(budget, &batch, err));
    MR_GUARD_BEGIN(status, err)
        mr_batch_set_cols(batch, set->n_cols);
        for (int32_t c = 0; c < set->n_cols; c++)
            batch->cols[c] =
                mr_rows_gather(&set->layout.rows, c, (const void *const *)rows, n, &batch->arena);
        batch->n_rows = batch->n_sel = n;
        if (weights) {
            batch->weights = mr_arena_alloc(&batch->arena, (n + 1) * (int64_t)sizeof(int64_t));
            memcpy(batch->weights, weights, sizeof(int64_t) * (size_t)n);
        }
    MR_GUARD_END(status)
    if (status == MR_OK)
        status = mr_batch_copy(batch, budget, &copy, err); /* the state lives on and changes */
    mr_batch_destroy(batch);
    if (status == MR_OK)
        *out = copy;
    return status;
}

static MrStatus row_save(MrZSet *set, int32_t table, char *row, MrStateWriter *to, MrError *err)
{
    const void *rows[1] = {row};
    MrStatus status = MR_OK;
    MrBuffer key, value;
    int64_t weight = *mr__zset_weight(set, row);
    const MrZRow *tail = mr__zset_row(set, row);
    MrVector **cols = MR_NEW_N(&set->scratch, MrVector *, set->n_cols + 1);
    for (int32_t c = 0; c < set->n_cols; c++)
        cols[c] = mr_rows_gather(&set->layout.rows, c, rows, 1, &set->scratch);
    mr_buffer_init(&key, set->budget, INT64_MAX);
    mr_buffer_init(&value, set->budget, INT64_MAX);
    MR_GO(mr_row_store(cols, set->n_cols, 0, &key, err));
    MR_GO(mr_buffer_put_u64(&value, (uint64_t)weight, err));
    MR_GO(mr_buffer_put_u64(&value, (uint64_t)tail->number, err));
    if (set->counts) {
        MR_GO(mr_buffer_put_u64(&value, (uint64_t)tail->matches, err));
        MR_GO(mr_buffer_put_u64(&value, (uint64_t)tail->before, err));
    }
    if (weight == 0)
        MR_GO(mr_state_delete(to, table, (MrText){key.data, key.size_bytes}, err));
    else
        MR_GO(mr_state_put(to, table, (MrText){key.data, key.size_bytes},
                           (MrText){value.data, value.size_bytes}, err));
done:
    mr_buffer_deinit(&key);
    mr_buffer_deinit(&value);
    return status;
}

MrStatus mr__zset_save(MrZSet *set, int32_t table, bool all, MrStateWriter *to, MrError *err)
{
    if (!all) {
        for (int64_t d = 0; d < set->n_dirty; d++)
            MR_TRY(row_save(set, table, set->dirty[d], to, err));
        return MR_OK;
    }
    for (int64_t r = 0; r < set->groups.n_rows; r++) {
        char *row = mr__groups_row(&set->groups, r);
        if (*mr__zset_weight(set, row) != 0)
            MR_TRY(row_save(set, table, row, to, err));
    }
    return MR_OK;
}

MrStatus mr__zset_apply(MrZSet *set, MrText key, const MrText *value, char **row, bool *fresh,
                        MrError *err)
{
    MrReader reader = mr_reader(key.data, key.size_bytes);
    MrVector **cols = MR_NEW_N(&set->scratch, MrVector *, set->n_cols + 1);
    int32_t n_fresh = 0;
    uint64_t weight = 0, number = 0, matches = 0, alone = 0;
    for (int32_t c = 0; c < set->n_cols; c++)
        cols[c] = mr_vector_create(&set->scratch, set->types[c], 1);
    MR_TRY(mr_row_load(&reader, &set->scratch, cols, set->n_cols, 0, err));
    mr__hash_columns(cols, set->n_cols, NULL, 1, set->hash);
    *fresh = false;
    if (!value) {
        mr__groups_lookup(&set->groups, cols, NULL, 1, set->hash, row);
        if (*row)
            *mr__zset_weight(set, *row) = mr__zset_row(set, *row)->before = 0;
        return MR_OK;
    }
    MrReader values = mr_reader(value->data, value->size_bytes);
    bool good = mr_reader_u64(&values, &weight) && mr_reader_u64(&values, &number);
    if (set->counts)
        good = good && mr_reader_u64(&values, &matches) && mr_reader_u64(&values, &alone);
    if (!good || values.at != values.end)
        return MR_FAIL_INTERNAL(err, "a row of the state has no weight");
    MR_TRY(mr__groups_find(&set->groups, cols, NULL, 1, set->hash, set->rows, set->fresh, &n_fresh,
                           err));
    MrZRow *tail = mr__zset_row(set, set->rows[0]);
    *mr__zset_weight(set, set->rows[0]) = (int64_t)weight;
    tail->before = (int64_t)(set->counts ? alone : weight);
    tail->matches = (int64_t)matches;
    tail->number = (int64_t)number;
    if (tail->number > set->last_number)
        set->last_number = tail->number;
    *row = set->rows[0];
    *fresh = n_fresh > 0;
    return MR_OK;
}
