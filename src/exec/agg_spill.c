/* agg_spill.c - see agg_spill.h. */
#include "exec/agg_spill.h"

#define N_PARTS 32
#define N_LEVELS 4               /* of cutting; each takes 5 bits of the hash */
#define ROW_EXTRA_BYTES 24       /* slots, and blocks that are not full */
#define STATES_BYTES (256 << 10) /* put together before they are written */
#define SHARE_LEAST (INT64_C(512) << 10)

static void part_of(const uint64_t *hash, int32_t n, int32_t level, uint8_t *out)
{
    for (int32_t i = 0; i < n; i++)
        out[i] = (uint8_t)((hash[i] >> (55 - 5 * level)) & (N_PARTS - 1));
}

/* -- writing ---------------------------------------------------------------------------------- */

static void spill_open(MrAggSpill *spill, const MrAggPlan *plan, const MrOpContext *context)
{
    *spill = (MrAggSpill){.plan = plan, .context = context, .open = true};
    mr_arena_init(&spill->arena, context->budget);
    mr_arena_init(&spill->scratch, context->budget);
    mr_buffer_init(&spill->states, context->budget, INT64_MAX);
    spill->types = MR_NEW_N(&spill->arena, const MrType *, plan->n_keys + 1);
    for (int32_t k = 0; k < plan->n_keys; k++)
        spill->types[k] = plan->key_types[k];
    spill->types[plan->n_keys] = MR_T(BINARY);
    MrSpillRows *sets = MR_NEW_N(&spill->arena, MrSpillRows, plan->n_aggs + 1);
    spill->sets = sets;
    if (plan->n_keys > 0)
        mr__spill_rows_open(&spill->groups, context, spill->types, plan->n_keys + 1, N_PARTS);
    for (int32_t a = 0; a < plan->n_aggs; a++)
        if (plan->specs[a].deferred)
            mr__spill_rows_open(&sets[a], context, plan->specs[a].set.rows.types,
                                plan->specs[a].set.rows.n_cols, N_PARTS);
}

void mr__agg_spill_close(MrAggSpill *spill)
{
    if (!spill->open)
        return;
    mr__spill_rows_close(&spill->groups);
    for (int32_t a = 0; spill->sets && a < spill->plan->n_aggs; a++)
        mr__spill_rows_close(&spill->sets[a]);
    mr_buffer_deinit(&spill->states);
    mr_arena_deinit(&spill->arena);
    mr_arena_deinit(&spill->scratch);
    *spill = (MrAggSpill){0};
}

MrStatus mr__agg_spill_flush(MrAggSpill *spill, MrError *err)
{
    if (!spill->open)
        return MR_OK;
    MR_TRY(mr__spill_rows_flush(&spill->groups, err));
    for (int32_t a = 0; a < spill->plan->n_aggs; a++)
        MR_TRY(mr__spill_rows_flush(&spill->sets[a], err));
    return MR_OK;
}

static int64_t groups_bytes(const MrGroups *groups)
{
    return groups->arena.used_bytes + groups->n_slots * (int64_t)sizeof *groups->slots;
}

int64_t mr__agg_spill_bytes(const MrAggTable *table)
{
    const MrAggPlan *plan = table->plan;
    int64_t bytes = plan->n_keys > 0 ? groups_bytes(&table->groups) : 0;
    for (int32_t a = 0; a < plan->n_aggs && plan->any_deferred; a++)
        bytes += plan->specs[a].deferred ? groups_bytes(&table->sets[a]) : 0;
    return bytes;
}

/* A few groups: keys and states, as many as STATES_BYTES hold, n at most.  *done: how many. */
static MrStatus put_groups(MrAggSpill *spill, char *const *rows, int32_t n, int32_t *done,
                           MrError *err)
{
    const MrAggPlan *plan = spill->plan;
    int64_t ends[256];
    uint64_t hash[256];
    uint8_t parts[256];
    int32_t n_put = 0;
    spill->states.size_bytes = 0;
    while (n_put < n && n_put < 256 && (n_put == 0 || spill->states.size_bytes < STATES_BYTES)) {
        for (int32_t a = 0; a < plan->n_aggs; a++)
            if (!plan->specs[a].deferred)
                MR_TRY(plan->specs[a].agg->def->save(plan->specs[a].agg,
                                                     rows[n_put] + plan->specs[a].state_at,
                                                     &spill->states, err));
        hash[n_put] = mr__group_hash(&plan->layout, rows[n_put]);
        ends[n_put++] = spill->states.size_bytes;
    }
    mr_arena_reset(&spill->scratch);
    MrVector **cols = MR_NEW_N(&spill->scratch, MrVector *, plan->n_keys + 1);
    for (int32_t k = 0; k < plan->n_keys; k++)
        cols[k] = mr_rows_gather(&plan->layout.rows, k, (const void *const *)rows, n_put,
                                 &spill->scratch);
    MrVector *states = mr_vector_create(&spill->scratch, MR_T(BINARY), n_put);
    for (int32_t i = 0; i < n_put; i++) {
        int64_t from = i > 0 ? ends[i - 1] : 0;
        if (ends[i] - from > INT32_MAX)
            return MR_FAIL_UNSUPPORTED(err, "spilling a group of more than 2147483647 bytes");
        if (ends[i] > from)
            states->str[i] = mr_str_borrow(spill->states.data + from, ends[i] - from);
    }
    cols[plan->n_keys] = states;
    part_of(hash, n_put, 0, parts);
    *done = n_put;
    return mr__spill_rows_add(&spill->groups, cols, NULL, n_put, parts, err);
}

static MrStatus put_set(MrAggSpill *spill, int32_t agg_idx, MrGroups *set, MrError *err)
{
    const MrAggSpec *spec = &spill->plan->specs[agg_idx];
    const MrRowLayout *layout = &spec->set.rows;
    const int32_t chunk = 256;
    uint64_t hash[256];
    uint8_t parts[256];
    char *rows[256];
    for (int64_t from = 0; from < set->n_rows; from += chunk) {
        int32_t n = set->n_rows - from < chunk ? (int32_t)(set->n_rows - from) : chunk;
        mr_arena_reset(&spill->scratch);
        MrVector **cols = MR_NEW_N(&spill->scratch, MrVector *, layout->n_cols + 1);
        for (int32_t i = 0; i < n; i++) {
            rows[i] = mr__groups_row(set, from + i);
            hash[i] = (uint64_t)*mr__group_user(&spec->set, rows[i]);
        }
        for (int32_t c = 0; c < layout->n_cols; c++)
            cols[c] = mr_rows_gather(layout, c, (const void *const *)rows, n, &spill->scratch);
        if (spill->plan->n_keys == 0) /* one group: by value */
            mr__hash_columns(cols, layout->n_cols, NULL, n, hash);
        part_of(hash, n, 0, parts);
        MR_TRY(mr__spill_rows_add(&spill->sets[agg_idx], cols, NULL, n, parts, err));
    }
    return MR_OK;
}

MrStatus mr__agg_spill_table(MrAggSpill *spill, MrAggTable *table, MrError *err)
{
    const MrAggPlan *plan = table->plan;
    const MrOpContext *context = table->context;
    MrGroups *groups = &table->groups;
    if (!spill->open)
        spill_open(spill, plan, context);
    for (int64_t from = 0; plan->n_keys > 0 && from < groups->n_rows;) {
        char *rows[256];
        int32_t n = 0;
        for (; n < 256 && from + n < groups->n_rows; n++)
            rows[n] = mr__groups_row(groups, from + n);
        MR_TRY(put_groups(spill, rows, n, &n, err));
        from += n;
    }
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        if (!plan->specs[a].deferred)
            continue;
        MR_TRY(put_set(spill, a, &table->sets[a], err));
        mr__groups_deinit(&table->sets[a]);
        mr__groups_init(&table->sets[a], &plan->specs[a].set, context->budget);
    }
    if (plan->n_keys > 0) {
        table->n_codes = table->generation_from = 0;
        mr__groups_deinit(groups);
        mr__groups_init(groups, &plan->layout, context->budget);
    }
    return MR_OK;
}

/* -- reading ---------------------------------------------------------------------------------- */

typedef struct Level { /* a part that was cut */
    MrAggSpill spill;
    MrAggSpill *list[1];
    int32_t next_part;
    int64_t n_rows;
} Level;

struct MrAggDrain {
    const MrAggPlan *plan;
    const MrOpContext *context;
    MrAggSpill **spills;
    MrAggTable **tables;
    int32_t n_from;
    _Atomic int32_t *next_part;
    Level levels[N_LEVELS - 1];
    int32_t depth;
    MrGroups groups, set;
    char *single;
    bool part_open, set_open;
    int64_t out_at;
    MrArena scratch;
    MrSpillRows **list;
    MrSpillReader reader;
    MrSpillRows values; /* kept rows of a part that cannot be cut, by value */
    uint64_t hash[MR_BATCH_ROWS], value_hash[MR_BATCH_ROWS];
    char *rows[MR_BATCH_ROWS], *kept[MR_BATCH_ROWS];
    uint16_t fresh[MR_BATCH_ROWS], sel[MR_BATCH_ROWS];
    uint8_t parts[MR_BATCH_ROWS], is_fresh[MR_BATCH_ROWS];
};

MrAggDrain *mr__agg_drain_begin(MrArena *arena, const MrAggPlan *plan, const MrOpContext *context,
                                MrAggSpill **spills, MrAggTable **tables, int32_t n,
                                _Atomic int32_t *next_part)
{
    MrAggDrain *drain = MR_NEW(arena, MrAggDrain);
    drain->plan = plan;
    drain->context = context;
    drain->spills = spills;
    drain->tables = tables;
    drain->n_from = n;
    drain->next_part = next_part;
    drain->list = MR_NEW_N(arena, MrSpillRows *, n + 1);
    mr_arena_init(&drain->scratch, context->budget);
    return drain;
}

static void set_close(MrAggDrain *drain)
{
    mr__spill_reader_close(&drain->reader);
    if (drain->set_open)
        mr__groups_deinit(&drain->set);
    drain->set_open = false;
}

static void part_close(MrAggDrain *drain)
{
    set_close(drain);
    mr__spill_rows_close(&drain->values);
    if (drain->part_open)
        mr__groups_deinit(&drain->groups);
    drain->part_open = false;
}

void mr__agg_drain_close(MrAggDrain *drain)
{
    if (!drain)
        return;
    part_close(drain);
    for (int32_t l = 0; l < N_LEVELS - 1; l++)
        mr__agg_spill_close(&drain->levels[l].spill);
    mr_arena_deinit(&drain->scratch);
}

/* Begins to read what the writers have of a part: groups (agg_idx -1) or kept rows. */
static void read_begin(MrAggDrain *drain, MrAggSpill *const *spills, int32_t n, int32_t agg_idx,
                       int32_t part_idx)
{
    int32_t n_list = 0;
    for (int32_t s = 0; s < n; s++)
        if (spills[s]->open)
            drain->list[n_list++] = agg_idx < 0 ? &spills[s]->groups : &spills[s]->sets[agg_idx];
    mr__spill_reader_close(&drain->reader);
    mr__spill_reader_open(&drain->reader, drain->context, drain->list, n_list, part_idx);
}

/* The next rows in the scratch arena, and the hash of their groups. */
static MrStatus read_next(MrAggDrain *drain, int32_t n_cols, MrVector ***cols, int32_t *n,
                          MrError *err)
{
    *n = 0;
    if (!mr__spill_reader_more(&drain->reader))
        return MR_OK;
    mr_arena_reset(&drain->scratch);
    *cols = MR_NEW_N(&drain->scratch, MrVector *, n_cols + 1);
    MR_TRY(mr__spill_reader_next(&drain->reader, &drain->scratch, *cols, n, err));
    mr__hash_columns(*cols, drain->plan->n_keys, NULL, *n, drain->hash);
    return MR_OK;
}

static MrStatus load_states(MrAggDrain *drain, const MrStr *stored, char *row, MrError *err)
{
    const MrAggPlan *plan = drain->plan;
    MrText text = mr_str_text(stored);
    MrReader reader = {(const uint8_t *)text.data, (const uint8_t *)text.data + text.size_bytes,
                       false};
    MrAggregateCall call = {.context = drain->context->eval, .arena = &drain->groups.arena};
    mr__agg_init_states(plan, row);
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        if (plan->specs[a].deferred)
            continue;
        call.agg = plan->specs[a].agg;
        MR_TRY(call.agg->def->load(&call, &reader, row + plan->specs[a].state_at, err));
    }
    return MR_OK;
}

static MrStatus load_groups(MrAggDrain *drain, MrAggSpill *const *spills, int32_t n_spills,
                            int32_t part_idx, MrError *err)
{
    const MrAggPlan *plan = drain->plan;
    read_begin(drain, spills, n_spills, -1, part_idx);
    for (;;) {
        MrVector **cols = NULL;
        int32_t n = 0, n_fresh = 0;
        MR_TRY(read_next(drain, plan->n_keys + 1, &cols, &n, err));
        if (n == 0)
            return MR_OK;
        MR_TRY(mr__groups_find(&drain->groups, cols, NULL, n, drain->hash, drain->rows,
                               drain->fresh, &n_fresh, err));
        memset(drain->is_fresh, 0, (size_t)n);
        for (int32_t f = 0; f < n_fresh; f++)
            drain->is_fresh[drain->fresh[f]] = 1;
        const MrVector *states = cols[plan->n_keys];
        for (int32_t i = 0; i < n; i++) {
            if (drain->is_fresh[i])
                MR_TRY(load_states(drain, &states->str[i], drain->rows[i], err));
        }
        char *other = mr_arena_zeroed(&drain->scratch, plan->layout.row_bytes);
        for (int32_t i = 0; i < n; i++) {
            if (drain->is_fresh[i])
                continue;
            memset(other, 0, (size_t)plan->layout.row_bytes);
            MR_TRY(load_states(drain, &states->str[i], other, err));
            MR_TRY(mr__agg_merge(plan, drain->context->eval, &drain->groups.arena, drain->rows[i],
                                 other, err));
        }
    }
}

/* Memory for one worker's part. */
static int64_t share_bytes(const MrAggDrain *drain)
{
    int64_t share = mr_budget_left(drain->context->budget) / 2 / drain->n_from;
    return share > SHARE_LEAST ? share : SHARE_LEAST;
}

static int64_t rows_bytes(const MrSpillRows *rows, int32_t part_idx, const MrGroupLayout *layout,
                          bool has_bytes, int64_t *n_rows)
{
    if (!rows->open)
        return 0;
    const MrSpillPart *part = &rows->parts[part_idx];
    *n_rows += part->n_rows;
    return part->n_rows * (layout->row_bytes + ROW_EXTRA_BYTES) +
           (has_bytes ? part->size_bytes : 0);
}

static int64_t set_bytes(const MrAggDrain *drain, MrAggSpill *const *spills, int32_t n,
                         int32_t agg_idx, int32_t part_idx, int64_t *n_rows)
{
    const MrGroupLayout *layout = &drain->plan->specs[agg_idx].set;
    int64_t bytes = 0;
    for (int32_t s = 0; s < n; s++)
        if (spills[s]->open)
            bytes += rows_bytes(&spills[s]->sets[agg_idx], part_idx, layout,
                                layout->rows.has_pointers, n_rows);
    return bytes;
}

/* Feeds the rows that drain->reader gives, of values of this pass, each once. */
static MrStatus feed_pass(MrAggDrain *drain, const MrAggSpec *spec, uint64_t pass,
                          uint64_t n_passes, MrError *err)
{
    int32_t n_cols = spec->set.rows.n_cols;
    mr__groups_init(&drain->set, &spec->set, drain->context->budget);
    drain->set_open = true;
    for (;;) {
        MrVector **cols = NULL;
        int32_t n = 0, n_some = 0, n_fresh = 0;
        MR_TRY(read_next(drain, n_cols, &cols, &n, err));
        if (n == 0)
            break;
        mr__hash_columns(cols, n_cols, NULL, n, drain->value_hash);
        for (int32_t i = 0; i < n; i++) {
            drain->sel[n_some] = (uint16_t)i;
            drain->value_hash[n_some] = drain->value_hash[i];
            n_some += (drain->value_hash[i] >> 32) % n_passes == pass;
        }
        MR_TRY(mr__groups_find(&drain->set, cols, drain->sel, n_some, drain->value_hash,
                               drain->rows, drain->fresh, &n_fresh, err));
        for (int32_t f = 0; f < n_fresh; f++) {
            drain->kept[f] = drain->rows[drain->fresh[f]];
            *mr__group_user(&spec->set, drain->kept[f]) =
                (int64_t)drain->hash[drain->sel[drain->fresh[f]]];
        }
        MR_TRY(mr__agg_feed(drain->plan, spec, drain->kept, n_fresh, &drain->groups, drain->single,
                            drain->context, &drain->scratch, err));
    }
    set_close(drain);
    return MR_OK;
}

/* Writes the rows that drain->reader gives to drain->values, by value. */
static MrStatus values_cut(MrAggDrain *drain, const MrAggSpec *spec, MrError *err)
{
    int32_t n_cols = spec->set.rows.n_cols;
    mr__spill_rows_open(&drain->values, drain->context, spec->set.rows.types, n_cols, N_PARTS);
    for (;;) {
        MrVector **cols = NULL;
        int32_t n = 0;
        MR_TRY(read_next(drain, n_cols, &cols, &n, err));
        if (n == 0)
            break;
        mr__hash_columns(cols, n_cols, NULL, n, drain->value_hash);
        part_of(drain->value_hash, n, 0, drain->parts);
        MR_TRY(mr__spill_rows_add(&drain->values, cols, NULL, n, drain->parts, err));
    }
    return mr__spill_rows_flush(&drain->values, err);
}

/* Feeds the kept rows of a DISTINCT aggregate, each value once. */
static MrStatus feed_distinct(MrAggDrain *drain, MrAggSpill *const *spills, int32_t n_spills,
                              int32_t agg_idx, int32_t part_idx, MrError *err)
{
    const MrAggSpec *spec = &drain->plan->specs[agg_idx];
    int64_t n_rows = 0, bytes = set_bytes(drain, spills, n_spills, agg_idx, part_idx, &n_rows);
    uint64_t n_passes = (uint64_t)(bytes / share_bytes(drain) + 1);
    if (n_rows == 0)
        return MR_OK;
    if (n_passes <= 2 || drain->plan->n_keys == 0) {
        for (uint64_t pass = 0; pass < n_passes; pass++) {
            read_begin(drain, spills, n_spills, agg_idx, part_idx);
            MR_TRY(feed_pass(drain, spec, pass, n_passes, err));
        }
        return MR_OK;
    }
    read_begin(drain, spills, n_spills, agg_idx, part_idx);
    MR_TRY(values_cut(drain, spec, err));
    for (int32_t p = 0; p < N_PARTS; p++) {
        bytes = rows_bytes(&drain->values, p, &spec->set, spec->set.rows.has_pointers, &n_rows);
        n_passes = (uint64_t)(bytes / share_bytes(drain) + 1);
        for (uint64_t pass = 0; pass < n_passes; pass++) {
            mr__spill_reader_close(&drain->reader);
            drain->list[0] = &drain->values;
            mr__spill_reader_open(&drain->reader, drain->context, drain->list, 1, p);
            MR_TRY(feed_pass(drain, spec, pass, n_passes, err));
        }
    }
    mr__spill_rows_close(&drain->values);
    return MR_OK;
}

/* Feeds the kept rows of an ordered aggregate: all of some parts at once. */
static MrStatus feed_ordered(MrAggDrain *drain, MrAggSpill *const *spills, int32_t n_spills,
                             int32_t agg_idx, int32_t from_part, int32_t to_part, MrError *err)
{
    const MrAggPlan *plan = drain->plan;
    const MrAggSpec *spec = &plan->specs[agg_idx];
    int32_t n_cols = spec->set.rows.n_cols;
    mr__groups_init(&drain->set, &spec->set, drain->context->budget);
    drain->set_open = true;
    for (int32_t p = from_part; p < to_part; p++) {
        read_begin(drain, spills, n_spills, agg_idx, p);
        for (;;) {
            MrVector **cols = NULL;
            int32_t n = 0, n_fresh = 0;
            MR_TRY(read_next(drain, n_cols, &cols, &n, err));
            if (n == 0)
                break;
            if (spec->distinct) {
                mr__hash_columns(cols, n_cols, NULL, n, drain->value_hash);
                MR_TRY(mr__groups_find(&drain->set, cols, NULL, n, drain->value_hash, drain->rows,
                                       drain->fresh, &n_fresh, err));
                for (int32_t f = 0; f < n_fresh; f++)
                    *mr__group_user(&spec->set, drain->rows[drain->fresh[f]]) =
                        (int64_t)drain->hash[drain->fresh[f]];
                continue;
            }
            mr__groups_append(&drain->set, cols, NULL, n, drain->hash, drain->rows);
            for (int32_t i = 0; i < n; i++)
                *mr__group_user(&spec->set, drain->rows[i]) = (int64_t)drain->hash[i];
        }
    }
    MrGroups *sets[1] = {&drain->set};
    MR_TRY(mr__agg_deferred(plan, agg_idx, sets, 1, 0, 1, &drain->groups, drain->single,
                            drain->context, err));
    set_close(drain);
    return MR_OK;
}

/* The one group of an aggregate without keys: its states are in the tables. */
static MrStatus load_single(MrAggDrain *drain, MrError *err)
{
    const MrAggPlan *plan = drain->plan;
    uint64_t hash = 0;
    mr__groups_init(&drain->groups, &plan->layout, drain->context->budget);
    drain->part_open = true;
    mr__groups_append(&drain->groups, NULL, NULL, 1, &hash, &drain->single);
    mr__agg_init_states(plan, drain->single);
    for (int32_t t = 0; t < drain->n_from; t++)
        MR_TRY(mr__agg_merge(plan, drain->context->eval, &drain->groups.arena, drain->single,
                             drain->tables[t]->single, err));
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        if (!plan->specs[a].deferred)
            continue;
        if (plan->specs[a].n_order > 0 || !plan->specs[a].distinct) {
            MR_TRY(feed_ordered(drain, drain->spills, drain->n_from, a, 0, N_PARTS, err));
            continue;
        }
        for (int32_t p = 0; p < N_PARTS; p++)
            MR_TRY(feed_distinct(drain, drain->spills, drain->n_from, a, p, err));
    }
    return MR_OK;
}

/* Cuts a part by further bits of the hash. */
static MrStatus part_cut(MrAggDrain *drain, MrAggSpill *const *spills, int32_t n, int32_t part_idx,
                         int64_t n_rows, MrError *err)
{
    const MrAggPlan *plan = drain->plan;
    Level *level = &drain->levels[drain->depth];
    spill_open(&level->spill, plan, drain->context);
    for (int32_t a = -1; a < plan->n_aggs; a++) {
        if (a >= 0 && !plan->specs[a].deferred)
            continue;
        MrSpillRows *to = a < 0 ? &level->spill.groups : &level->spill.sets[a];
        read_begin(drain, spills, n, a, part_idx);
        for (;;) {
            MrVector **cols = NULL;
            int32_t n_read = 0;
            MR_TRY(read_next(drain, to->n_cols, &cols, &n_read, err));
            if (n_read == 0)
                break;
            part_of(drain->hash, n_read, drain->depth + 1, drain->parts);
            MR_TRY(mr__spill_rows_add(to, cols, NULL, n_read, drain->parts, err));
        }
        MR_TRY(mr__spill_rows_flush(to, err));
    }
    level->list[0] = &level->spill;
    level->next_part = 0;
    level->n_rows = n_rows;
    drain->depth++;
    return MR_OK;
}

/* Loads a part, or cuts it. */
static MrStatus part_open(MrAggDrain *drain, MrAggSpill *const *spills, int32_t n, int32_t part_idx,
                          MrError *err)
{
    const MrAggPlan *plan = drain->plan;
    int64_t n_rows = 0, bytes = 0, whole = INT64_MAX;
    for (int32_t s = 0; s < n; s++)
        bytes += rows_bytes(&spills[s]->groups, part_idx, &plan->layout, true, &n_rows);
    for (int32_t a = 0; a < plan->n_aggs; a++)
        if (plan->specs[a].deferred)
            bytes += set_bytes(drain, spills, n, a, part_idx, &n_rows);
    if (drain->depth > 0)
        whole = drain->levels[drain->depth - 1].n_rows;
    if (n_rows == 0)
        return MR_OK;
    if (bytes > share_bytes(drain) && drain->depth < N_LEVELS - 1 && n_rows < whole / 10 * 9)
        return part_cut(drain, spills, n, part_idx, n_rows, err);
    mr__groups_init(&drain->groups, &plan->layout, drain->context->budget);
    drain->part_open = true;
    MR_TRY(load_groups(drain, spills, n, part_idx, err));
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        const MrAggSpec *spec = &plan->specs[a];
        if (!spec->deferred)
            continue;
        if (spec->distinct && spec->n_order == 0)
            MR_TRY(feed_distinct(drain, spills, n, a, part_idx, err));
        else
            MR_TRY(feed_ordered(drain, spills, n, a, part_idx, part_idx + 1, err));
    }
    return MR_OK;
}

static MrStatus part_next(MrAggDrain *drain, bool *done, MrError *err)
{
    *done = false;
    drain->out_at = 0;
    while (!drain->part_open) {
        Level *level = drain->depth > 0 ? &drain->levels[drain->depth - 1] : NULL;
        if (level && level->next_part == N_PARTS) {
            mr__agg_spill_close(&level->spill);
            drain->depth--;
        } else if (level) {
            MR_TRY(part_open(drain, level->list, 1, level->next_part++, err));
        } else {
            int32_t p = atomic_fetch_add(drain->next_part, 1);
            *done = p >= (drain->plan->n_keys == 0 ? 1 : N_PARTS);
            if (*done)
                return MR_OK;
            MR_TRY(drain->plan->n_keys == 0
                       ? load_single(drain, err)
                       : part_open(drain, drain->spills, drain->n_from, p, err));
        }
    }
    return MR_OK;
}

MrStatus mr__agg_drain_next(MrAggDrain *drain, char **rows, int32_t *n, MrError *err)
{
    *n = 0;
    if (drain->part_open && drain->out_at == drain->groups.n_rows)
        part_close(drain);
    if (!drain->part_open) {
        bool done = false;
        MR_TRY(part_next(drain, &done, err));
        if (done)
            return MR_OK;
    }
    while (*n < MR_BATCH_ROWS && drain->out_at < drain->groups.n_rows)
        rows[(*n)++] = mr__groups_row(&drain->groups, drain->out_at++);
    return MR_OK;
}
