/* kept_rows.c - see kept_rows.h. */
#include "exec/kept_rows.h"

void mr__kept_init(MrKeptPart *part, const MrOpContext *context)
{
    part->budget = context->budget;
    mr_batch_list_init(&part->out, context->batch_budget);
    mr_buffer_init(&part->deleted, context->budget, INT64_MAX);
    mr_arena_init(&part->scratch, context->budget);
}

void mr__kept_deinit(MrKeptPart *part)
{
    mr_batch_list_deinit(&part->out);
    mr_buffer_deinit(&part->deleted);
    mr_arena_deinit(&part->scratch);
}

void mr__kept_epoch(MrKeptPart *part)
{
    mr_arena_reset(&part->scratch);
    part->touched = NULL;
    part->n_touched = part->cap_touched = 0;
    part->deleted.size_bytes = 0;
    part->n_removed = 0;
    mr_batch_list_clear(&part->out);
}

void mr__kept_touch(MrKeptPart *part, char *row)
{
    MR_PUSH(&part->scratch, part->touched, part->n_touched, part->cap_touched, row);
}

MrStatus mr__kept_emit(MrKeptPart *part, const MrOpContext *context, char *const *rows,
                       int64_t n_rows, int64_t weight, MrKeptFinish finish, const void *self,
                       MrError *err)
{
    for (int64_t from = 0; from < n_rows; from += MR_BATCH_ROWS) {
        int32_t n = n_rows - from < MR_BATCH_ROWS ? (int32_t)(n_rows - from) : MR_BATCH_ROWS;
        MrBatch *batch = NULL, *copy = NULL;
        MrStatus status = MR_OK, guarded = MR_OK;
        MR_TRY(mr_poll_status(err));
        MR_TRY(mr_batch_create(context->batch_budget, &batch, err));
        MR_GUARD_BEGIN(guarded, err)
            status = finish(self, context->eval, rows + from, n, batch, err);
            if (status == MR_OK && weight != 1) {
                batch->weights = mr_arena_alloc(&batch->arena, n * (int64_t)sizeof(int64_t));
                for (int32_t i = 0; i < n; i++)
                    batch->weights[i] = weight;
            }
        MR_GUARD_END(guarded)
        if (status == MR_OK)
            status = guarded;
        if (status == MR_OK)
            status = mr_batch_copy(batch, context->batch_budget, &copy, err);
        mr_batch_destroy(batch);
        MR_TRY(status);
        MR_TRY(mr_batch_list_add(&part->out, copy, err));
    }
    return MR_OK;
}

MrBatch *mr__kept_next(MrKeptPart *const *parts, _Atomic int32_t *next_part, MrKeptCursor *cursor)
{
    for (;;) {
        if (cursor->part_idx < 0) {
            cursor->part_idx = atomic_fetch_add(next_part, 1);
            cursor->at = 0;
        }
        if (cursor->part_idx >= MR_KEPT_PARTS)
            return NULL;
        MrBatchList *out = &parts[cursor->part_idx]->out;
        if (cursor->at < out->n_items)
            return mr_batch_list_take(out, cursor->at++);
        cursor->part_idx = -1;
    }
}

/* -- entries of the checkpoint ---------------------------------------------------------------- */

MrVector **mr__kept_keys(MrKeptPart *part, const MrAggPlan *plan, char *row)
{
    MrVector **keys = MR_NEW_N(&part->scratch, MrVector *, plan->n_keys + 1);
    const void *rows[1] = {row};
    for (int32_t k = 0; k < plan->n_keys; k++)
        keys[k] = mr_rows_gather(&plan->layout.rows, k, rows, 1, &part->scratch);
    return keys;
}

MrStatus mr__kept_delete(MrKeptPart *part, MrVector **keys, int32_t n_keys, MrError *err)
{
    MrBuffer key;
    mr_buffer_init(&key, part->budget, INT64_MAX);
    MrStatus status = mr_row_store(keys, n_keys, 0, &key, err);
    if (status == MR_OK)
        status = mr_buffer_put_text(&part->deleted, (MrText){key.data, key.size_bytes}, err);
    mr_buffer_deinit(&key);
    return status;
}

MrStatus mr__kept_save_deleted(const MrKeptPart *part, MrStateWriter *to, MrError *err)
{
    MrReader reader = mr_reader(part->deleted.data, part->deleted.size_bytes);
    MrText key;
    while (reader.at < reader.end && mr_reader_text(&reader, &key))
        MR_TRY(mr_state_delete(to, 0, key, err));
    return MR_OK;
}

MrStatus mr__kept_put(MrKeptPart *part, const MrAggPlan *plan, MrVector **keys, int32_t n_keys,
                      const int64_t *numbers, int32_t n_numbers, bool shown, const char *row,
                      MrStateWriter *to, MrError *err)
{
    MrStatus status = MR_OK;
    MrBuffer key, value;
    mr_buffer_init(&key, part->budget, INT64_MAX);
    mr_buffer_init(&value, part->budget, INT64_MAX);
    MR_GO(mr_row_store(keys, n_keys, 0, &key, err));
    for (int32_t i = 0; i < n_numbers; i++)
        MR_GO(mr_buffer_put_u64(&value, (uint64_t)numbers[i], err));
    MR_GO(mr_buffer_put_u8(&value, shown, err));
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        const MrAggSpec *spec = &plan->specs[a];
        MR_GO(spec->agg->def->save(spec->agg, row + spec->state_at, &value, err));
    }
    MR_GO(mr_state_put(to, 0, (MrText){key.data, key.size_bytes},
                       (MrText){value.data, value.size_bytes}, err));
done:
    mr_buffer_deinit(&key);
    mr_buffer_deinit(&value);
    return status;
}

MrStatus mr__kept_load(const MrAggPlan *plan, const MrEvalContext *eval, MrArena *arena,
                       const MrText *value, int64_t *numbers, int32_t n_numbers, bool *shown,
                       char *row, MrError *err)
{
    MrAggregateCall call = {.context = eval, .arena = arena};
    MrReader reader = mr_reader(value->data, value->size_bytes);
    uint64_t number = 0;
    uint8_t byte = 0;
    bool good = true;
    for (int32_t i = 0; i < n_numbers; i++) {
        good = good && mr_reader_u64(&reader, &number);
        numbers[i] = (int64_t)number;
    }
    if (!good || !mr_reader_u8(&reader, &byte))
        return MR_FAIL_INTERNAL(err, "a group in the state is cut short");
    *shown = byte != 0;
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        const MrAggSpec *spec = &plan->specs[a];
        call.agg = spec->agg;
        memset(row + spec->state_at, 0, (size_t)spec->agg->state_bytes);
        if (spec->agg->def->init)
            spec->agg->def->init(spec->agg, row + spec->state_at);
        MR_TRY(spec->agg->def->load(&call, &reader, row + spec->state_at, err));
    }
    return MR_OK;
}

MrStatus mr__kept_read_keys(const MrAggPlan *plan, int32_t n_more, MrText key, MrArena *scratch,
                            MrVector ***out, uint64_t *hash, MrError *err)
{
    MrReader reader = mr_reader(key.data, key.size_bytes);
    int32_t n_keys = plan->n_keys + n_more;
    MrVector **keys = MR_NEW_N(scratch, MrVector *, n_keys + 1);
    for (int32_t k = 0; k < n_keys; k++)
        keys[k] =
            mr_vector_create(scratch, k < plan->n_keys ? plan->key_types[k] : MR_T(BIGINT), 1);
    MR_TRY(mr_row_load(&reader, scratch, keys, n_keys, 0, err));
    *hash = 0;
    mr__hash_columns(keys, plan->n_keys, NULL, 1, hash);
    *out = keys;
    return MR_OK;
}

MrStatus mr__kept_replay(const MrStateWriter *from,
                         MrStatus (*apply)(void *self, MrText key, const MrText *value,
                                           MrError *err),
                         void *self, MrError *err)
{
    MrReader reader = mr_reader(from->buf.data, from->buf.size_bytes);
    MrStateEntry entry;
    for (bool done = false;;) {
        MR_TRY(mr_state_next(&reader, &entry, &done, err));
        if (done)
            return MR_OK;
        MR_TRY(apply(self, entry.key, entry.deleted ? NULL : &entry.value, err));
    }
}

/* -- a worker's rows -------------------------------------------------------------------------- */

void mr__part_rows(MrPartedRows *self, const MrGroups *groups, MrArena *arena,
                   bool (*is_dead)(const MrGroups *groups, char *row))
{
    int64_t at[MR_KEPT_PARTS];
    memset(self->from, 0, sizeof self->from);
    if (groups->n_rows > self->cap) {
        self->cap = groups->n_rows + groups->n_rows / 4;
        self->rows = mr_arena_alloc(arena, self->cap * (int64_t)sizeof(char *));
    }
    for (int64_t r = 0; r < groups->n_rows; r++) {
        char *row = mr__groups_row(groups, r);
        mr_poll_item(r);
        if (!is_dead || !is_dead(groups, row))
            self->from[mr__kept_part_of(mr__group_hash(groups->layout, row)) + 1]++;
    }
    for (int32_t p = 0; p < MR_KEPT_PARTS; p++) {
        self->from[p + 1] += self->from[p];
        at[p] = self->from[p];
    }
    for (int64_t r = 0; r < groups->n_rows; r++) {
        char *row = mr__groups_row(groups, r);
        mr_poll_item(r);
        if (!is_dead || !is_dead(groups, row))
            self->rows[at[mr__kept_part_of(mr__group_hash(groups->layout, row))]++] = row;
    }
}
