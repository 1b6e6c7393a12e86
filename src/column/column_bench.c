/* column_bench.c - ns a row of what hash tables and sorts are made of. */
#include "column/row.h"
#include <stdio.h>
#include <time.h>

#define N_ROWS MR_BATCH_ROWS
#define N_GROUPS 1000
#define N_ROUNDS 4000
#define N_SLOTS 4096

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void report(const char *what, int64_t from_ns)
{
    printf("%-44s %6.2f ns/row\n", what, (double)(now_ns() - from_ns) / N_ROUNDS / N_ROWS);
}

/* sum(v) group by k over an open-addressing table of packed rows: hash, probe, match, update. */
static void bench_aggregate(MrArena *arena, MrVector *key, const int64_t *values)
{
    MrRowLayout layout;
    uint64_t hash[N_ROWS];
    void *rows[N_ROWS];
    uint8_t equal[N_ROWS];
    const MrType *types[] = {key->type};
    mr_row_layout_init(&layout, arena, types, 1, 8);
    void **slots = MR_NEW_N(arena, void *, N_SLOTS);
    uint16_t *salts = MR_NEW_N(arena, uint16_t, N_SLOTS);
    int64_t at_sum = layout.row_bytes - 8;
    int64_t from_ns = now_ns();
    for (int round = 0; round < N_ROUNDS; round++) {
        mr_vector_hash(key, NULL, N_ROWS, 1, false, hash);
        for (int32_t i = 0; i < N_ROWS; i++) {
            uint64_t slot = hash[i] % N_SLOTS;
            uint16_t salt = (uint16_t)(hash[i] >> 48 | 1);
            while (slots[slot] && salts[slot] != salt)
                slot = (slot + 1) % N_SLOTS;
            if (!slots[slot]) {
                uint16_t row = (uint16_t)i;
                slots[slot] = mr_arena_zeroed(arena, layout.row_bytes);
                salts[slot] = salt;
                mr_rows_scatter(&layout, &key, &row, 1, &slots[slot], arena);
            }
            rows[i] = slots[slot];
        }
        mr_rows_match(&layout, &key, NULL, N_ROWS, (const void *const *)rows, equal);
        for (int32_t i = 0; i < N_ROWS; i++)
            *(int64_t *)((char *)rows[i] + at_sum) += equal[i] ? values[i] : 0;
    }
    report(key->type->kind == MR_TYPE_BIGINT ? "hash aggregate, bigint key, 1000 groups"
                                             : "hash aggregate, string key, 1000 groups",
           from_ns);
}

int main(void)
{
    MrBudget budget;
    MrArena arena;
    mr_budget_init(&budget, "bench", NULL, INT64_MAX);
    mr_arena_init(&arena, &budget);
    static uint64_t hash[N_ROWS];
    static uint8_t equal[N_ROWS];
    void *rows[N_ROWS];
    MrVector *i64 = mr_vector_create(&arena, MR_T(BIGINT), N_ROWS),
             *str = mr_vector_create(&arena, MR_T(STRING), N_ROWS);
    MrVector *small = mr_vector_create(&arena, MR_T(STRING), 100);
    uint64_t random = 1;
    char text[32];
    for (int32_t i = 0; i < N_ROWS; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        i64->i64[i] = (int64_t)(random >> 33) % N_GROUPS;
        int n = snprintf(text, sizeof text, "customer %lld", (long long)i64->i64[i]);
        str->str[i] = mr_str_own(&arena, text, n);
        small->str[i % 100] = str->str[i];
    }
    MrVector *dict = mr_vector_dictionary(&arena, small, N_ROWS);
    for (int32_t i = 0; i < N_ROWS; i++)
        dict->codes[i] = (uint32_t)(i64->i64[i] % 100);

    struct {
        const char *name;
        MrVector *vec;
    } hashes[] = {{"hash bigint", i64},
                  {"hash string of 10 to 12 bytes", str},
                  {"hash dictionary of 100", dict}};
    for (int k = 0; k < 3; k++) {
        int64_t from_ns = now_ns();
        for (int round = 0; round < N_ROUNDS; round++)
            mr_vector_hash(hashes[k].vec, NULL, N_ROWS, 1, false, hash);
        report(hashes[k].name, from_ns);
    }
    bench_aggregate(&arena, i64, i64->i64);
    bench_aggregate(&arena, str, i64->i64);

    MrRowLayout layout;
    MrVector *cols[] = {i64, str};
    const MrType *types[] = {i64->type, str->type};
    mr_row_layout_init(&layout, &arena, types, 2, 0);
    for (int32_t i = 0; i < N_ROWS; i++)
        rows[i] = mr_arena_alloc(&arena, layout.row_bytes);
    int64_t from_ns = now_ns();
    for (int round = 0; round < N_ROUNDS; round++)
        mr_rows_scatter(&layout, cols, NULL, N_ROWS, rows, &arena);
    report("scatter bigint and string", from_ns);
    from_ns = now_ns();
    for (int round = 0; round < N_ROUNDS; round++)
        mr_rows_match(&layout, cols, NULL, N_ROWS, (const void *const *)rows, equal);
    report("match bigint and string", from_ns);
    from_ns = now_ns();
    MrArena scratch;
    mr_arena_init(&scratch, &budget);
    for (int round = 0; round < N_ROUNDS; round++) {
        mr_rows_gather(&layout, 0, (const void *const *)rows, N_ROWS, &scratch);
        mr_rows_gather(&layout, 1, (const void *const *)rows, N_ROWS, &scratch);
        mr_arena_reset(&scratch);
    }
    report("gather bigint and string", from_ns);
    uint8_t *keys[N_ROWS];
    for (int32_t i = 0; i < N_ROWS; i++)
        keys[i] = mr_arena_alloc(&arena, 16);
    from_ns = now_ns();
    for (int round = 0; round < N_ROUNDS; round++)
        mr_sort_key_put_many(i64, NULL, N_ROWS, (MrSortSpec){.nulls_first = true}, keys, 0);
    report("sort key of bigint", from_ns);
    mr_arena_deinit(&scratch);
    mr_arena_deinit(&arena);
    return 0;
}
