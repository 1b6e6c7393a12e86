/* aggregate_core.c - see aggregate_core.h. */
#include "exec/aggregate_core.h"

#define CODE_MAP_MAX 8192
#define SPLIT_ROWS 512        /* of a batch at least */
#define GENERATION_ROWS 32768 /* their slots fit into a core's own cache */

/* -- the plan --------------------------------------------------------------------------------- */

static int32_t exprs_add(MrAggPlan *plan, MrExpr *expr)
{
    plan->exprs[plan->n_exprs] = expr;
    return plan->n_exprs++;
}

static void spec_init(MrAggPlan *plan, MrAggSpec *spec, MrArena *arena, const MrExpr *expr)
{
    const MrAggregate *agg = expr->aggregate.agg;
    spec->agg = agg;
    spec->arg_from = plan->n_exprs;
    spec->n_args = expr->n_args;
    spec->distinct = expr->aggregate.distinct && !(agg->flags & MR_AGG_IGNORES_DISTINCT);
    spec->deferred = spec->distinct || expr->aggregate.n_order > 0;
    MrExpr *filter = expr->aggregate.filter;
    for (int32_t a = 0; a < expr->n_args; a++) {
        bool guard = filter && mr_expr_can_fail(expr->args[a]); /* rows left out raise nothing */
        exprs_add(plan, guard ? mr_expr_guarded(arena, filter, expr->args[a]) : expr->args[a]);
    }
    spec->filter_at = expr->aggregate.filter ? exprs_add(plan, expr->aggregate.filter) : -1;
    spec->order_from = plan->n_exprs;
    spec->n_order = expr->aggregate.n_order;
    MrSortSpec *order = MR_NEW_N(arena, MrSortSpec, spec->n_order + 1);
    for (int32_t o = 0; o < spec->n_order; o++) {
        order[o] = expr->aggregate.order[o].spec;
        exprs_add(plan, expr->aggregate.order[o].expr);
    }
    spec->order = order;
    if (!spec->deferred)
        return;
    plan->any_deferred = true;
    int32_t n = plan->n_keys + spec->n_args + spec->n_order;
    const MrType **types = MR_NEW_N(arena, const MrType *, n + 1);
    for (int32_t k = 0; k < plan->n_keys; k++)
        types[k] = plan->key_types[k];
    for (int32_t a = 0; a < spec->n_args; a++)
        types[plan->n_keys + a] = plan->exprs[spec->arg_from + a]->type;
    for (int32_t o = 0; o < spec->n_order; o++)
        types[plan->n_keys + spec->n_args + o] = plan->exprs[spec->order_from + o]->type;
    mr__group_layout_init(&spec->set, arena, types, n, 0);
}

static void plan_init(MrAggPlan *plan, MrArena *arena, const MrPhys *phys, bool head,
                      int32_t head_bytes)
{
    int32_t n_exprs = phys->aggregate.n_keys;
    for (int32_t a = 0; a < phys->aggregate.n_aggs; a++)
        n_exprs += phys->aggregate.aggs[a]->n_args + 1 + phys->aggregate.aggs[a]->aggregate.n_order;
    *plan = (MrAggPlan){
        .n_keys = phys->aggregate.n_keys, .n_aggs = phys->aggregate.n_aggs, .head = head};
    plan->specs = MR_NEW_N(arena, MrAggSpec, plan->n_aggs + 1);
    plan->exprs = MR_NEW_N(arena, MrExpr *, n_exprs + 1);
    plan->key_types = MR_NEW_N(arena, const MrType *, plan->n_keys + 1);
    for (int32_t k = 0; k < plan->n_keys; k++) {
        exprs_add(plan, phys->aggregate.keys[k]);
        plan->key_types[k] = phys->aggregate.keys[k]->type;
    }
    int32_t state_bytes = head_bytes;
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        spec_init(plan, &plan->specs[a], arena, phys->aggregate.aggs[a]);
        plan->specs[a].state_at = state_bytes;
        state_bytes += (plan->specs[a].agg->state_bytes + 15) & ~15;
    }
    mr__group_layout_init(&plan->layout, arena, plan->key_types, plan->n_keys, state_bytes);
    for (int32_t a = 0; a < plan->n_aggs; a++)
        plan->specs[a].state_at += plan->layout.states_at;
}

void mr__agg_plan_init(MrAggPlan *plan, MrArena *arena, const MrPhys *phys)
{
    plan_init(plan, arena, phys, phys->streaming,
              phys->streaming ? (int32_t)sizeof(MrGroupHead) : 0);
}

void mr__agg_plan_init_own(MrAggPlan *plan, MrArena *arena, const MrPhys *phys, int32_t head_bytes)
{
    plan_init(plan, arena, phys, false, head_bytes);
}

void mr__agg_init_states(const MrAggPlan *plan, char *row)
{
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        const MrAggSpec *spec = &plan->specs[a];
        if (spec->agg->def->init)
            spec->agg->def->init(spec->agg, row + spec->state_at);
    }
}

/* -- one worker's table ----------------------------------------------------------------------- */

static void single_make(MrAggTable *table)
{
    uint64_t hash = 0;
    mr__groups_append(&table->groups, NULL, NULL, 1, &hash, &table->single);
    mr__agg_init_states(table->plan, table->single);
}

MrStatus mr__agg_table_init(MrAggTable *table, const MrAggPlan *plan, const MrOpContext *context,
                            MrError *err)
{
    table->plan = plan;
    table->context = context;
    mr_arena_init(&table->arena, context->budget);
    mr__groups_init(&table->groups, &plan->layout, context->budget);
    table->may_forget = !plan->head && !plan->any_deferred;
    table->sets = MR_NEW_N(&table->arena, MrGroups, plan->any_deferred ? plan->n_aggs : 1);
    for (int32_t a = 0; a < plan->n_aggs; a++)
        if (plan->specs[a].deferred)
            mr__groups_init(&table->sets[a], &plan->specs[a].set, context->budget);
    if (plan->n_keys == 0)
        single_make(table);
    return MR_OK;
}

void mr__agg_table_deinit(MrAggTable *table)
{
    if (!table->plan)
        return;
    mr__groups_deinit(&table->groups);
    if (table->sets && table->plan->any_deferred)
        for (int32_t a = 0; a < table->plan->n_aggs; a++)
            mr__groups_deinit(&table->sets[a]);
    mr_arena_deinit(&table->arena);
    table->plan = NULL;
}

void mr__agg_table_clear(MrAggTable *table)
{
    mr__groups_clear(&table->groups);
    if (table->plan->any_deferred)
        for (int32_t a = 0; a < table->plan->n_aggs; a++)
            if (table->plan->specs[a].deferred)
                mr__groups_clear(&table->sets[a]);
    table->n_codes = 0;
    table->generation_from = 0;
    table->may_forget = !table->plan->head && !table->plan->any_deferred;
    if (table->plan->n_keys == 0)
        single_make(table);
}

/* Counts how many rows meet a group that is there, and one that is not of the newest.  A group's
 * own 8 bytes are its number while it may be forgotten. */
static void generation_watch(MrAggTable *table, char **rows, int32_t n, int32_t n_fresh)
{
    const MrGroupLayout *layout = table->groups.layout;
    int64_t number = table->groups.n_rows - n_fresh;
    for (int32_t f = 0; f < n_fresh; f++)
        *mr__group_user(layout, rows[table->fresh[f]]) = number++;
    if (table->groups.n_used < GENERATION_ROWS / 4 * 3)
        return;
    int64_t old = table->generation_from + GENERATION_ROWS / 2;
    for (int32_t i = 0; i < n; i++)
        table->n_old_hits += *mr__group_user(layout, rows[i]) < old;
    table->n_seen += n;
    table->n_hits += n - n_fresh;
}

/* The table is full: groups that are not met again are forgotten, else it grows from now on. */
static void generation_end(MrAggTable *table)
{
    if (table->n_hits * 4 < table->n_seen || table->n_old_hits * 16 > table->n_hits) {
        table->may_forget = false;
        return;
    }
    mr__groups_forget(&table->groups);
    table->generation_from = table->groups.n_rows;
    table->n_seen = table->n_hits = table->n_old_hits = 0;
    table->n_codes = 0;
}

/* Finds the groups of the rows sel[0 .. n-1]; new ones get their first states. */
static MrStatus find_groups(MrAggTable *table, MrVector **keys, const uint16_t *sel, int32_t n,
                            char **rows, MrError *err)
{
    int32_t n_fresh = 0;
    if (table->may_forget && table->groups.n_used + n > GENERATION_ROWS)
        generation_end(table);
    mr__hash_columns(keys, table->plan->n_keys, sel, n, table->hash);
    MR_TRY(mr__groups_find(&table->groups, keys, sel, n, table->hash, rows, table->fresh, &n_fresh,
                           err));
    if (table->may_forget)
        generation_watch(table, rows, n, n_fresh);
    for (int32_t f = 0; f < n_fresh; f++)
        mr__agg_init_states(table->plan, rows[table->fresh[f]]);
    return MR_OK;
}

/* True when all keys are known dictionaries, few codes in all; codes[] is set then. */
static bool codes_of(MrAggTable *table, MrVector **keys, const MrBatch *batch)
{
    int32_t n_keys = table->plan->n_keys;
    int64_t n_codes = 1;
    bool same = table->n_codes > 0;
    if (n_keys < 1 || n_keys > 3)
        return false;
    for (int32_t k = 0; k < n_keys; k++) {
        if (keys[k]->encoding != MR_DICTIONARY || keys[k]->dict_id == 0)
            return false;
        n_codes *= keys[k]->dict->n_items + 1;
        if (n_codes > CODE_MAP_MAX)
            return false;
        same = same && table->code_ids[k] == keys[k]->dict_id;
    }
    if (!same || n_codes != table->n_codes) {
        if (n_codes > table->cap_codes) {
            table->cap_codes = n_codes > CODE_MAP_MAX / 8 ? CODE_MAP_MAX : CODE_MAP_MAX / 8;
            table->code_map =
                mr_arena_alloc(&table->arena, table->cap_codes * (int64_t)sizeof(char *));
        }
        memset(table->code_map, 0, (size_t)n_codes * sizeof(char *));
        table->n_codes = n_codes;
        for (int32_t k = 0; k < n_keys; k++)
            table->code_ids[k] = keys[k]->dict_id;
    }
    for (int32_t k = 0; k < n_keys; k++) {
        const MrVector *key = keys[k];
        uint32_t stride = (uint32_t)key->dict->n_items + 1, null_code = stride - 1;
        for (int32_t i = 0; i < batch->n_sel; i++) {
            int32_t row = mr_batch_row(batch, i);
            uint32_t code =
                key->validity && !mr_bit_get(key->validity, row) ? null_code : key->codes[row];
            table->codes[i] = k == 0 ? code : table->codes[i] * stride + code;
        }
    }
    return true;
}

static MrStatus find_by_codes(MrAggTable *table, MrVector **keys, const MrBatch *batch,
                              MrError *err)
{
    int32_t n_missing = 0;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        char *row = table->code_map[table->codes[i]];
        table->rows[i] = row;
        if (!row) {
            table->missing[n_missing] = (uint16_t)i;
            table->some_sel[n_missing++] = (uint16_t)mr_batch_row(batch, i);
        }
    }
    if (n_missing == 0)
        return MR_OK;
    MR_TRY(find_groups(table, keys, table->some_sel, n_missing, table->some_rows, err));
    for (int32_t m = 0; m < n_missing; m++) {
        uint16_t i = table->missing[m];
        table->rows[i] = table->some_rows[m];
        table->code_map[table->codes[i]] = table->some_rows[m];
    }
    return MR_OK;
}

/* Puts the rows together by group when there are few of these by their codes. */
static void split_by_codes(MrAggTable *table, const MrBatch *batch)
{
    int32_t count[MR_AGG_SPLIT_GROUPS + 1] = {0}, next[MR_AGG_SPLIT_GROUPS];
    if (table->n_codes == 0 || table->n_codes > MR_AGG_SPLIT_GROUPS || batch->n_sel < SPLIT_ROWS)
        return;
    for (int32_t i = 0; i < batch->n_sel; i++)
        count[table->codes[i]]++;
    for (int32_t c = 0, from = 0; c < (int32_t)table->n_codes; c++) {
        next[c] = from;
        if (count[c] == 0)
            continue;
        table->split_rows[table->n_split] = table->code_map[c];
        table->split_from[table->n_split++] = from;
        from += count[c];
        table->split_from[table->n_split] = from;
    }
    for (int32_t i = 0; i < batch->n_sel; i++)
        table->split_sel[next[table->codes[i]]++] = (uint16_t)mr_batch_row(batch, i);
}

/* Keeps, of the rows in sel, those where filter is true and no argument that matters is NULL.  rows
 * may be NULL. Returns the number kept, or -1 when all are. */
static int32_t select_rows(MrAggTable *table, const MrAggSpec *spec, MrVector **exprs,
                           const MrBatch *batch, char *const *rows)
{
    const MrVector *filter = spec->filter_at >= 0 ? exprs[spec->filter_at] : NULL;
    bool skips = (spec->agg->flags & MR_AGG_SKIPS_NULL) != 0, any = filter != NULL;
    for (int32_t a = 0; skips && a < spec->n_args && !any; a++) {
        const MrVector *arg = exprs[spec->arg_from + a];
        any = arg->validity || arg->type->kind == MR_TYPE_VOID ||
              (arg->encoding == MR_DICTIONARY && arg->dict->validity);
    }
    if (!any)
        return -1;
    int32_t n = 0;
    for (int32_t i = 0; i < batch->n_sel; i++) {
        int32_t row = mr_batch_row(batch, i);
        bool keep = true;
        if (filter) {
            int64_t at;
            const MrVector *holder = mr_vector_at(filter, row, &at);
            keep = !mr_vector_is_null(filter, row) && holder->i8[at];
        }
        for (int32_t a = 0; skips && keep && a < spec->n_args; a++)
            keep = !mr_vector_is_null(exprs[spec->arg_from + a], row);
        table->some_sel[n] = (uint16_t)row;
        if (rows)
            table->some_rows[n] = rows[i];
        n += keep;
    }
    return n;
}

/* Keeps the rows of a DISTINCT or ordered aggregate for the end. */
static MrStatus keep_rows(MrAggTable *table, int32_t agg_idx, MrBatch *batch, MrVector **exprs,
                          MrError *err)
{
    const MrAggPlan *plan = table->plan;
    const MrAggSpec *spec = &plan->specs[agg_idx];
    int32_t n = select_rows(table, spec, exprs, batch, NULL);
    const uint16_t *sel = n < 0 ? batch->sel : table->some_sel;
    n = n < 0 ? batch->n_sel : n;
    int32_t n_cols = plan->n_keys + spec->n_args + spec->n_order, n_fresh = 0;
    MrVector **cols = MR_NEW_N(&batch->arena, MrVector *, n_cols + 1);
    for (int32_t k = 0; k < plan->n_keys; k++)
        cols[k] = exprs[k];
    for (int32_t a = 0; a < spec->n_args; a++)
        cols[plan->n_keys + a] = exprs[spec->arg_from + a];
    for (int32_t o = 0; o < spec->n_order; o++)
        cols[plan->n_keys + spec->n_args + o] = exprs[spec->order_from + o];
    mr__hash_columns(cols, plan->n_keys, sel, n, table->hash);
    if (!spec->distinct) {
        mr__groups_append(&table->sets[agg_idx], cols, sel, n, table->hash, table->set_rows);
        for (int32_t i = 0; i < n; i++)
            *mr__group_user(&spec->set, table->set_rows[i]) = (int64_t)table->hash[i];
        return MR_OK;
    }
    mr__hash_columns(cols, n_cols, sel, n, table->set_hash);
    MR_TRY(mr__groups_find(&table->sets[agg_idx], cols, sel, n, table->set_hash, table->set_rows,
                           table->fresh, &n_fresh, err));
    for (int32_t f = 0; f < n_fresh; f++)
        *mr__group_user(&spec->set, table->set_rows[table->fresh[f]]) =
            (int64_t)table->hash[table->fresh[f]];
    return MR_OK;
}

static MrStatus update_states(MrAggTable *table, const MrAggSpec *spec, MrBatch *batch,
                              MrVector **exprs, bool one, MrError *err)
{
    MrVector *args[16];
    MrVector **list = spec->n_args <= 16 ? args : MR_NEW_N(&batch->arena, MrVector *, spec->n_args);
    for (int32_t a = 0; a < spec->n_args; a++) {
        MrVector **arg = &exprs[spec->arg_from + a];
        if ((*arg)->encoding == MR_DICTIONARY)
            *arg = mr_vector_flatten(&batch->arena, *arg, batch->sel, batch->n_sel, batch->n_rows);
        list[a] = *arg;
    }
    int32_t n = select_rows(table, spec, exprs, batch, one ? NULL : table->rows);
    MrAggregateCall call = {.context = table->context->eval,
                            .agg = spec->agg,
                            .args = list,
                            .n = n < 0 ? batch->n_sel : n,
                            .sel = n < 0 ? batch->sel : table->some_sel,
                            .weights = batch->weights,
                            .arena = &table->groups.arena};
    if (call.n == 0)
        return MR_OK;
    if (one && spec->agg->def->update_one)
        return spec->agg->def->update_one(&call, table->single + spec->state_at, err);
    if (one)
        for (int32_t i = 0; i < call.n; i++)
            table->rows[i] = table->single;
    if (table->n_split > 0 && n < 0 && spec->agg->def->update_one) {
        for (int32_t g = 0; g < table->n_split; g++) {
            call.n = table->split_from[g + 1] - table->split_from[g];
            call.sel = table->split_sel + table->split_from[g];
            MR_TRY(spec->agg->def->update_one(&call, table->split_rows[g] + spec->state_at, err));
        }
        return MR_OK;
    }
    return spec->agg->def->update(&call, one || n < 0 ? table->rows : table->some_rows,
                                  spec->state_at, err);
}

MrStatus mr__agg_table_update(MrAggTable *table, MrBatch *batch, MrVector **exprs, MrError *err)
{
    const MrAggPlan *plan = table->plan;
    table->n_split = 0;
    if (plan->n_keys == 0) {
        /* the one group */
    } else if (codes_of(table, exprs, batch)) {
        MR_TRY(find_by_codes(table, exprs, batch, err));
        split_by_codes(table, batch);
    } else {
        MR_TRY(find_groups(table, exprs, batch->sel, batch->n_sel, table->rows, err));
    }
    if (plan->head && plan->n_keys == 0)
        ((MrGroupHead *)(void *)(table->single + plan->layout.states_at))->touched = 1;
    if (plan->head) /* how many rows the group has */
        for (int32_t i = 0; i < batch->n_sel; i++)
            *mr__group_user(&plan->layout, plan->n_keys == 0 ? table->single : table->rows[i]) +=
                batch->weights ? batch->weights[mr_batch_row(batch, i)] : 1;
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        if (plan->specs[a].deferred)
            MR_TRY(keep_rows(table, a, batch, exprs, err));
        else
            MR_TRY(update_states(table, &plan->specs[a], batch, exprs, plan->n_keys == 0, err));
    }
    return MR_OK;
}

MrStatus mr__agg_table_update_rows(MrAggTable *table, MrBatch *batch, MrVector **exprs,
                                   MrError *err)
{
    table->n_split = 0;
    for (int32_t a = 0; a < table->plan->n_aggs; a++)
        MR_TRY(update_states(table, &table->plan->specs[a], batch, exprs, false, err));
    return MR_OK;
}

/* -- merging and finishing -------------------------------------------------------------------- */

MrStatus mr__agg_merge(const MrAggPlan *plan, const MrEvalContext *context, MrArena *arena,
                       char *to, char *from, MrError *err)
{
    MrAggregateCall call = {.context = context, .arena = arena};
    if (plan->head)
        *mr__group_user(&plan->layout, to) += *mr__group_user(&plan->layout, from);
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        const MrAggSpec *spec = &plan->specs[a];
        if (spec->deferred)
            continue;
        call.agg = spec->agg;
        MR_TRY(spec->agg->def->merge(&call, to + spec->state_at, from + spec->state_at, err));
    }
    return MR_OK;
}

MrStatus mr__agg_finish(const MrAggPlan *plan, const MrEvalContext *context, const MrSchema *schema,
                        char *const *rows, int32_t n, MrBatch *batch, MrError *err)
{
    for (int32_t k = 0; k < plan->n_keys; k++)
        batch->cols[k] =
            mr_rows_gather(&plan->layout.rows, k, (const void *const *)rows, n, &batch->arena);
    for (int32_t a = 0; a < plan->n_aggs; a++) {
        const MrAggSpec *spec = &plan->specs[a];
        MrVector *out = mr_vector_create(&batch->arena, schema->cols[plan->n_keys + a].type, n);
        MrAggregateCall call = {
            .context = context, .agg = spec->agg, .n = n, .arena = &batch->arena};
        out->n_items = n;
        batch->cols[plan->n_keys + a] = out;
        MR_TRY(spec->agg->def->finish(&call, rows, spec->state_at, n, out, err));
    }
    batch->n_rows = batch->n_sel = n;
    return MR_OK;
}

/* -- deferred aggregates ---------------------------------------------------------------------- */

typedef struct OrderBy {
    MrVector **cols;
    const MrSortSpec *specs;
    int32_t n;
} OrderBy;

static int order_compare(const OrderBy *by, int64_t a, int64_t b)
{
    for (int32_t o = 0; o < by->n; o++) {
        bool a_null = mr_vector_is_null(by->cols[o], a), b_null = mr_vector_is_null(by->cols[o], b);
        if (a_null != b_null)
            return a_null == by->specs[o].nulls_first ? -1 : 1;
        int c = a_null ? 0 : mr_vector_compare(by->cols[o], a, by->cols[o], b);
        if (c != 0)
            return by->specs[o].descending ? -c : c;
    }
    return 0;
}

/* Stable merge sort of row numbers. */
static void order_sort(const OrderBy *by, int64_t *rows, int64_t *scratch, int64_t n)
{
    if (n < 2)
        return;
    int64_t half = n / 2;
    order_sort(by, rows, scratch, half);
    order_sort(by, rows + half, scratch, n - half);
    if (order_compare(by, rows[half - 1], rows[half]) <= 0)
        return;
    mr_copy(scratch, rows, half * (int64_t)sizeof *rows);
    int64_t a = 0, b = half, to = 0;
    for (; a < half && b < n; mr_poll_item(to))
        rows[to++] = order_compare(by, scratch[a], rows[b]) <= 0 ? scratch[a++] : rows[b++];
    while (a < half)
        rows[to++] = scratch[a++];
}

MrStatus mr__agg_feed(const MrAggPlan *plan, const MrAggSpec *spec, char **kept, int64_t n_kept,
                      MrGroups *groups, char *single, const MrOpContext *context, MrArena *arena,
                      MrError *err)
{
    MrVector **cols = MR_NEW_N(arena, MrVector *, plan->n_keys + spec->n_args + 1);
    MrVector **args = cols + plan->n_keys;
    uint64_t *hash = mr_arena_alloc(arena, MR_BATCH_ROWS * (int64_t)sizeof *hash);
    char **rows = mr_arena_alloc(arena, MR_BATCH_ROWS * (int64_t)sizeof *rows);
    for (int64_t from = 0; from < n_kept; from += MR_BATCH_ROWS) {
        int32_t n = n_kept - from < MR_BATCH_ROWS ? (int32_t)(n_kept - from) : MR_BATCH_ROWS;
        mr_poll();
        for (int32_t c = 0; c < plan->n_keys + spec->n_args; c++)
            cols[c] =
                mr_rows_gather(&spec->set.rows, c, (const void *const *)(kept + from), n, arena);
        if (plan->n_keys > 0) {
            for (int32_t i = 0; i < n; i++)
                hash[i] = (uint64_t)*mr__group_user(&spec->set, kept[from + i]);
            mr__groups_lookup(groups, cols, NULL, n, hash, rows);
            for (int32_t i = 0; i < n; i++)
                MR_ASSERT(rows[i] != NULL);
        } else {
            for (int32_t i = 0; i < n; i++)
                rows[i] = single;
        }
        MrAggregateCall call = {.context = context->eval,
                                .agg = spec->agg,
                                .args = args,
                                .n = n,
                                .arena = &groups->arena};
        MR_TRY(spec->agg->def->update(&call, rows, spec->state_at, err));
    }
    return MR_OK;
}

MrStatus mr__agg_deferred(const MrAggPlan *plan, int32_t agg_idx, MrGroups *const *sets,
                          int32_t n_sets, int32_t part_idx, int32_t n_parts, MrGroups *groups,
                          char *single, const MrOpContext *context, MrError *err)
{
    const MrAggSpec *spec = &plan->specs[agg_idx];
    int64_t n_all = 0, n_kept = 0;
    for (int32_t s = 0; s < n_sets; s++)
        n_all += sets[s]->n_rows;
    /* The group table's arena owns the scratch: a refusal may jump out of here. */
    MrArena *arena = &groups->arena;
    char **kept = mr_arena_alloc(arena, (n_all + 1) * (int64_t)sizeof *kept);
    MrGroups *merged = NULL;
    if (spec->distinct &&
        n_sets > 1) { /* the same value may be in several sets: the first set gathers all */
        merged = sets[0];
    }
    for (int32_t s = 0; s < n_sets; s++) {
        for (int64_t r = 0; r < sets[s]->n_rows; r++) {
            char *row = mr__groups_row(sets[s], r);
            mr_poll_item(r);
            if (n_parts > 1 &&
                mr__agg_part((uint64_t)*mr__group_user(&spec->set, row), n_parts) != part_idx)
                continue;
            if (merged && s > 0) {
                if (n_parts == 1) {
                    MR_TRY(mr__groups_reserve(merged, 1, err));
                    if (mr__groups_adopt(merged, row))
                        continue;
                }
            }
            kept[n_kept++] = row;
        }
    }
    if (merged && n_parts > 1) { /* parts run at the same time: a table of their own */
        MrGroups *own = MR_NEW(arena, MrGroups);
        mr__groups_init(own, &spec->set, groups->budget);
        MrStatus status = mr__groups_reserve(own, n_kept, err);
        int64_t n = 0;
        for (int64_t r = 0; status == MR_OK && r < n_kept; r++) {
            if (!mr__groups_adopt(own, kept[r]))
                kept[n++] = kept[r];
            if (r % MR_POLL_ITEMS == 0)
                status = mr_poll_status(err);
        }
        n_kept = n;
        mr__groups_deinit(own);
        MR_TRY(status);
    }
    if (spec->n_order > 0) {
        OrderBy by = {MR_NEW_N(arena, MrVector *, spec->n_order), spec->order, spec->n_order};
        for (int32_t o = 0; o < spec->n_order; o++)
            by.cols[o] = mr_rows_gather(&spec->set.rows, plan->n_keys + spec->n_args + o,
                                        (const void *const *)kept, n_kept, arena);
        int64_t *order = mr_arena_alloc(arena, (n_kept + 1) * (int64_t)sizeof *order);
        int64_t *scratch = mr_arena_alloc(arena, (n_kept + 1) * (int64_t)sizeof *scratch);
        char **sorted = mr_arena_alloc(arena, (n_kept + 1) * (int64_t)sizeof *sorted);
        for (int64_t r = 0; r < n_kept; r++)
            order[r] = r;
        order_sort(&by, order, scratch, n_kept);
        for (int64_t r = 0; r < n_kept; r++)
            sorted[r] = kept[order[r]];
        kept = sorted;
    }
    return mr__agg_feed(plan, spec, kept, n_kept, groups, single, context, arena, err);
}
