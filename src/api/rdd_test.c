/* rdd_test.c - RDDs through the public header, against plain loops over the same rows. */
#include "base/testing.h"
#include "session/session.h"

#include <pthread.h>
#include <sys/stat.h>
#include <unistd.h>

#define MOST 60000
#define POOL_BYTES (INT64_C(48) << 20)

/* -- rows that are expected, and bytes for them ------------------------------------------------ */

typedef struct Bag {
    MrPair rows[MOST];
    int64_t n;
} Bag;

static Bag input, other, expected;
static char pool[POOL_BYTES];
static int64_t pool_used;
static char folder[] = "/tmp/mr-rdd-XXXXXX";
static const MrBytes absent = {0};

static char *pool_take(int64_t size_bytes)
{
    assert_true(pool_used + size_bytes <= POOL_BYTES);
    char *data = pool + pool_used;
    pool_used += size_bytes;
    return data;
}

static MrBytes bytes_copy(MrBytes bytes)
{
    if (!bytes.data)
        return bytes;
    char *data = pool_take(bytes.size_bytes + 1);
    memcpy(data, bytes.data, (size_t)bytes.size_bytes);
    return (MrBytes){data, bytes.size_bytes};
}

static MrBytes bytes_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
static MrBytes bytes_printf(const char *format, ...)
{
    char text[500];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    return bytes_copy((MrBytes){text, n});
}

static void bag_add(Bag *bag, MrBytes key, MrBytes value)
{
    assert_true(bag->n < MOST);
    bag->rows[bag->n++] = (MrPair){key, value};
}

static int bytes_order(MrBytes a, MrBytes b)
{
    if (!a.data || !b.data)
        return (a.data != NULL) - (b.data != NULL);
    return mr_text_compare((MrText){a.data, a.size_bytes}, (MrText){b.data, b.size_bytes});
}

static int pair_order(const void *left, const void *right)
{
    const MrPair *a = left, *b = right;
    int by_key = bytes_order(a->key, b->key);
    return by_key ? by_key : bytes_order(a->value, b->value);
}

static uint64_t seed;
static uint32_t any(uint32_t n)
{
    seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
    return (uint32_t)(seed >> 33) % n;
}

/* Short and long, empty, with NULs and other bytes, or absent. */
static MrBytes any_bytes(uint32_t n_kinds)
{
    uint32_t kind = any(n_kinds);
    if (kind == 0)
        return absent;
    if (kind == 1)
        return mr_bytes("");
    if (kind == 2)
        return (MrBytes){"\0\xff\0z", 4};
    if (kind % 3 == 0)
        return bytes_printf("a long value, number %u of its kind", kind);
    return bytes_printf("%u", kind * 37 % 1000);
}

static void bag_fill(Bag *bag, uint32_t n, uint32_t n_keys, uint32_t n_values)
{
    bag->n = 0;
    for (uint32_t i = 0; i < n; i++)
        bag_add(bag, any_bytes(n_keys), any_bytes(n_values));
}

/* -- sessions and answers ---------------------------------------------------------------------- */

static MrError err;

static MrSession *session_of(int32_t n_threads, int64_t memory_limit_bytes)
{
    static char warehouse[200];
    MrSession *session = NULL;
    snprintf(warehouse, sizeof warehouse, "%s/warehouse", folder);
    MR_OKAY(mr_session_open(&(MrSessionOptions){.n_threads = n_threads,
                                                .memory_limit_bytes = memory_limit_bytes,
                                                .warehouse = warehouse},
                            &session, &err));
    return session;
}

static MrRdd *rdd_of(MrSession *session, const Bag *bag)
{
    MrRdd *rdd = NULL;
    MR_OKAY(mr_rdd_parallelize(session, bag->rows, bag->n, &rdd, &err));
    return rdd;
}

static void rows_check(const char *what, MrPair *rows, int64_t n_rows, Bag *bag)
{
    if (n_rows != bag->n)
        fail_msg("%s: %lld rows, not %lld", what, (long long)n_rows, (long long)bag->n);
    if (n_rows > 0)
        qsort(rows, (size_t)n_rows, sizeof *rows, pair_order);
    qsort(bag->rows, (size_t)bag->n, sizeof *bag->rows, pair_order);
    for (int64_t i = 0; i < n_rows; i++)
        if (pair_order(&rows[i], &bag->rows[i]) != 0)
            fail_msg("%s: row %lld is (%.*s, %.*s), not (%.*s, %.*s)", what, (long long)i,
                     (int)rows[i].key.size_bytes, rows[i].key.data ? rows[i].key.data : "-",
                     (int)rows[i].value.size_bytes, rows[i].value.data ? rows[i].value.data : "-",
                     (int)bag->rows[i].key.size_bytes,
                     bag->rows[i].key.data ? bag->rows[i].key.data : "-",
                     (int)bag->rows[i].value.size_bytes,
                     bag->rows[i].value.data ? bag->rows[i].value.data : "-");
}

/* Collects and closes the RDD; its rows are those of bag. */
static void check(const char *what, MrRdd *rdd, Bag *bag)
{
    MrPair *rows = NULL;
    int64_t n_rows = 0, n_counted = -1;
    MR_OKAY(mr_rdd_collect(rdd, &rows, &n_rows, &err));
    rows_check(what, rows, n_rows, bag);
    mr_rows_free(rows);
    MR_OKAY(mr_rdd_count(rdd, &n_counted, &err));
    assert_int_equal(n_counted, n_rows);
    mr_rdd_close(rdd);
}

/* -- functions of the user --------------------------------------------------------------------- */

static MrStatus swap(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return mr_emit(to, row->value, row->key);
}

static MrStatus repeat(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    for (int64_t i = 0; i < row->value.size_bytes % 4; i++) {
        MrStatus status = mr_emit_i64(to, row->key, i);
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static MrStatus with_key(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return mr_emit_i64(to, row->key.data ? row->key : mr_bytes("none"), row->value.size_bytes);
}

static MrStatus is_long(void *self, const MrPair *row, bool *keep, MrError *e)
{
    const int64_t *least = self;
    *keep = row->value.size_bytes >= *least;
    return MR_OK;
}

static MrStatus greatest(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *e)
{
    return mr_emit(to, absent, bytes_order(a, b) >= 0 ? a : b);
}

static MrBytes join_text(MrBytes left, MrBytes right, char *text, size_t size)
{
    int n = snprintf(text, size, "%s%.*s|%s%.*s", left.data ? "" : "-", (int)left.size_bytes,
                     left.data ? left.data : "", right.data ? "" : "-", (int)right.size_bytes,
                     right.data ? right.data : "");
    return (MrBytes){text, n};
}

static MrStatus join_sides(void *self, MrBytes key, MrBytes left, MrBytes right, MrEmitter *to,
                           MrError *e)
{
    char text[500];
    return mr_emit(to, key, join_text(left, right, text, sizeof text));
}

/* -- each step against a loop ------------------------------------------------------------------ */

static void check_rows(MrSession *session)
{
    MrRdd *rdd = rdd_of(session, &input), *out = NULL;
    expected = input;
    MR_OKAY(mr_rdd_map(rdd, swap, NULL, &out, &err));
    for (int64_t i = 0; i < input.n; i++)
        expected.rows[i] = (MrPair){input.rows[i].value, input.rows[i].key};
    check("map", out, &expected);

    expected.n = 0;
    MR_OKAY(mr_rdd_flat_map(rdd, repeat, NULL, &out, &err));
    for (int64_t i = 0; i < input.n; i++)
        for (int64_t k = 0; k < input.rows[i].value.size_bytes % 4; k++)
            bag_add(&expected, input.rows[i].key, bytes_printf("%d", (int)k));
    check("flat_map", out, &expected);

    expected.n = 0;
    MR_OKAY(mr_rdd_map_to_pair(rdd, with_key, NULL, &out, &err));
    for (int64_t i = 0; i < input.n; i++)
        bag_add(&expected, input.rows[i].key.data ? input.rows[i].key : mr_bytes("none"),
                bytes_printf("%d", (int)input.rows[i].value.size_bytes));
    check("map_to_pair", out, &expected);

    int64_t least = 3;
    MrRdd *longs = NULL;
    expected.n = 0;
    MR_OKAY(mr_rdd_filter(rdd, is_long, &least, &longs, &err));
    MR_OKAY(mr_rdd_map(longs, swap, NULL, &out, &err));
    for (int64_t i = 0; i < input.n; i++)
        if (input.rows[i].value.size_bytes >= least)
            bag_add(&expected, input.rows[i].value, input.rows[i].key);
    check("filter, map", out, &expected);
    mr_rdd_close(longs);
    mr_rdd_close(rdd);
}

/* A model of the keyed steps: input sorted by key, then runs of equal keys. */
static void check_keyed(MrSession *session)
{
    MrRdd *rdd = rdd_of(session, &input), *out = NULL, *pairs = NULL;
    static Bag sorted;
    sorted = input;
    qsort(sorted.rows, (size_t)sorted.n, sizeof *sorted.rows, pair_order);
    expected.n = 0;
    for (int64_t i = 0; i < sorted.n; i++) /* the greatest value of a key is its last */
        if (i + 1 == sorted.n || bytes_order(sorted.rows[i].key, sorted.rows[i + 1].key) != 0)
            bag_add(&expected, sorted.rows[i].key, sorted.rows[i].value);
    MR_OKAY(mr_rdd_reduce_by_key(rdd, greatest, NULL, &out, &err));
    check("reduce_by_key", out, &expected);

    expected.n = 0;
    for (int64_t i = 0; i < sorted.n; i++)
        if (i + 1 == sorted.n || pair_order(&sorted.rows[i], &sorted.rows[i + 1]) != 0)
            bag_add(&expected, sorted.rows[i].key, sorted.rows[i].value);
    MR_OKAY(mr_rdd_distinct(rdd, &out, &err));
    check("distinct", out, &expected);

    int64_t sum = 0;
    MR_OKAY(mr_rdd_map_to_pair(rdd, with_key, NULL, &pairs, &err));
    MR_OKAY(mr_rdd_reduce_by_key(pairs, mr_reduce_sum_i64, NULL, &out, &err));
    expected.n = 0;
    for (int64_t i = 0; i < sorted.n; i++)
        bag_add(&expected, sorted.rows[i].key.data ? sorted.rows[i].key : mr_bytes("none"),
                bytes_printf("%d", (int)sorted.rows[i].value.size_bytes));
    qsort(expected.rows, (size_t)expected.n, sizeof *expected.rows, pair_order);
    int64_t n_out = 0;
    for (int64_t i = 0; i < expected.n; i++) {
        int64_t value = 0;
        assert_true(mr_bytes_to_i64(expected.rows[i].value, &value));
        sum += value;
        if (i + 1 == expected.n ||
            bytes_order(expected.rows[i].key, expected.rows[i + 1].key) != 0) {
            expected.rows[n_out++] =
                (MrPair){expected.rows[i].key, bytes_printf("%lld", (long long)sum)};
            sum = 0;
        }
    }
    expected.n = n_out;
    check("reduce_by_key, sums", out, &expected);
    mr_rdd_close(pairs);

    for (int64_t i = 0; i < sorted.n; i++)
        sorted.rows[i] = (MrPair){sorted.rows[i].value, absent};
    qsort(sorted.rows, (size_t)sorted.n, sizeof *sorted.rows, pair_order);
    int32_t n_same = 0;
    expected.n = 0;
    for (int64_t i = 0; i < sorted.n; i++) {
        n_same++;
        if (i + 1 < sorted.n && pair_order(&sorted.rows[i], &sorted.rows[i + 1]) == 0)
            continue;
        bag_add(&expected, sorted.rows[i].key, bytes_printf("%d", n_same));
        n_same = 0;
    }
    MR_OKAY(mr_rdd_count_by_value(rdd, &out, &err));
    check("count_by_value", out, &expected);
    mr_rdd_close(rdd);
}

static void check_joins(MrSession *session)
{
    static const char *const kinds[] = {"inner", "left", "right", "full"};
    static bool matched[MOST];
    char text[500];
    MrRdd *left = rdd_of(session, &input), *right = rdd_of(session, &other), *out = NULL;
    for (int k = 0; k < 4; k++) {
        bool keep_left = k == 1 || k == 3, keep_right = k == 2 || k == 3;
        memset(matched, 0, sizeof matched);
        expected.n = 0;
        for (int64_t l = 0; l < input.n; l++) {
            bool any_match = false;
            for (int64_t r = 0; r < other.n; r++) {
                if (!input.rows[l].key.data ||
                    bytes_order(input.rows[l].key, other.rows[r].key) != 0)
                    continue;
                any_match = matched[r] = true;
                bag_add(&expected, input.rows[l].key,
                        bytes_copy(join_text(input.rows[l].value, other.rows[r].value, text,
                                             sizeof text)));
            }
            if (!any_match && keep_left)
                bag_add(&expected, input.rows[l].key,
                        bytes_copy(join_text(input.rows[l].value, absent, text, sizeof text)));
        }
        for (int64_t r = 0; r < other.n && keep_right; r++)
            if (!matched[r])
                bag_add(&expected, other.rows[r].key,
                        bytes_copy(join_text(absent, other.rows[r].value, text, sizeof text)));
        MR_OKAY(mr_rdd_join(left, right, kinds[k], join_sides, NULL, &out, &err));
        check(kinds[k], out, &expected);
    }
    expected = input;
    for (int64_t r = 0; r < other.n; r++)
        bag_add(&expected, other.rows[r].key, other.rows[r].value);
    MR_OKAY(mr_rdd_union(left, right, &out, &err));
    check("union", out, &expected);
    assert_int_equal(mr_rdd_join(left, right, "left semi", join_sides, NULL, &out, &err),
                     MR_INVALID);
    assert_string_equal(mr_error_condition(&err), "UNSUPPORTED_JOIN_TYPE");
    mr_rdd_close(right);
    mr_rdd_close(left);
}

static void check_order(MrSession *session)
{
    MrRdd *rdd = rdd_of(session, &input), *sorted = NULL, *out = NULL;
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    for (int descending = 0; descending < 2; descending++) {
        MR_OKAY(mr_rdd_sort_by_key(rdd, descending == 1, &sorted, &err));
        MR_OKAY(mr_rdd_collect(sorted, &rows, &n_rows, &err));
        assert_int_equal(n_rows, input.n);
        for (int64_t i = 1; i < n_rows; i++) {
            int order = bytes_order(rows[i - 1].key, rows[i].key);
            assert_true(descending ? order >= 0 : order <= 0);
        }
        expected = input;
        rows_check("sort_by_key", rows, n_rows, &expected);
        mr_rows_free(rows);
        MR_OKAY(mr_rdd_take(sorted, 5, &rows, &n_rows, &err));
        assert_int_equal(n_rows, input.n < 5 ? input.n : 5);
        for (int64_t i = 1; i < n_rows; i++) {
            int order = bytes_order(rows[i - 1].key, rows[i].key);
            assert_true(descending ? order >= 0 : order <= 0);
        }
        mr_rows_free(rows);
        /* What comes after keeps the order. */
        MR_OKAY(mr_rdd_map(sorted, swap, NULL, &out, &err));
        MR_OKAY(mr_rdd_collect(out, &rows, &n_rows, &err));
        for (int64_t i = 1; i < n_rows; i++) {
            int order = bytes_order(rows[i - 1].value, rows[i].value);
            assert_true(descending ? order >= 0 : order <= 0);
        }
        mr_rows_free(rows);
        mr_rdd_close(out);
        mr_rdd_close(sorted);
    }
    MR_OKAY(mr_rdd_take(rdd, 0, &rows, &n_rows, &err));
    assert_int_equal(n_rows, 0);
    assert_null(rows);
    MR_OKAY(mr_rdd_take(rdd, 3, &rows, &n_rows, &err));
    assert_int_equal(n_rows, input.n < 3 ? input.n : 3);
    mr_rows_free(rows);
    MrBytes most = absent;
    for (int64_t i = 0; i < input.n; i++)
        if (bytes_order(input.rows[i].value, most) > 0)
            most = input.rows[i].value;
    MR_OKAY(mr_rdd_reduce(rdd, greatest, NULL, &rows, &err));
    assert_int_equal(bytes_order(rows[0].value, most), 0);
    assert_null(rows[0].key.data);
    mr_rows_free(rows);
    mr_rdd_close(rdd);
}

static void every_step_is_what_a_loop_gives(void **state)
{
    static const uint32_t sizes[] = {0, 1, 7, 2100, 9000};
    for (int32_t n_threads = 1; n_threads <= 4; n_threads++) {
        MrSession *session = session_of(n_threads, 0);
        if (n_threads == 4) /* what one call puts out is given in many batches */
            MR_OKAY(mr_session_conf_set(session, "millrace.exec.batchRows", "1", &err));
        for (size_t i = 0; i < MR_COUNT(sizes); i++) {
            if (n_threads == 4 && sizes[i] > 2100)
                break;
            pool_used = 0;
            seed = 77 * (uint64_t)n_threads + i;
            bag_fill(&input, sizes[i], 40 + any(200), 5 + any(300));
            bag_fill(&other, sizes[i] < 500 ? sizes[i] : 500, 300, 20);
            check_rows(session);
            check_keyed(session);
            check_order(session);
            if (sizes[i] <= 2100)
                check_joins(session);
        }
        mr_session_close(session);
    }
}

static void nothing_empty_and_absent_are_three_things(void **state)
{
    MrSession *session = session_of(2, 0);
    MrRdd *rdd, *out;
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    input.n = 0;
    bag_add(&input, absent, absent);
    bag_add(&input, mr_bytes(""), mr_bytes(""));
    bag_add(&input, (MrBytes){"\0", 1}, (MrBytes){"\0", 1});
    rdd = rdd_of(session, &input);
    MR_OKAY(mr_rdd_distinct(rdd, &out, &err));
    MR_OKAY(mr_rdd_collect(out, &rows, &n_rows, &err));
    qsort(rows, (size_t)n_rows, sizeof *rows, pair_order);
    assert_int_equal(n_rows, 3);
    assert_null(rows[0].key.data);
    assert_null(rows[0].value.data);
    assert_non_null(rows[1].key.data);
    assert_int_equal(rows[1].value.size_bytes, 0);
    assert_int_equal(rows[2].value.size_bytes, 1);
    mr_rows_free(rows);
    mr_rdd_close(out);
    mr_rdd_close(rdd);
    mr_session_close(session);
}

/* -- large values ------------------------------------------------------------------------------ */

static MrStatus make_large(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    static const char block[1 << 20] = {1, 2, 3};
    MrStatus status = MR_OK;
    for (int i = 0; i < 3 && status == MR_OK; i++)
        status = mr_emit(to, row->value, (MrBytes){block, (1 << 20) - i});
    return status;
}

static MrStatus longer(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *e)
{
    return mr_emit(to, absent, a.size_bytes >= b.size_bytes ? a : b);
}

static void values_may_have_a_megabyte(void **state)
{
    MrSession *session = session_of(2, 0);
    MrRdd *few, *large, *reduced, *joined, *sorted;
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    input.n = 0;
    for (int i = 0; i < 4; i++)
        bag_add(&input, absent, bytes_printf("%d", i));
    few = rdd_of(session, &input);
    MR_OKAY(mr_rdd_flat_map(few, make_large, NULL, &large, &err));
    MR_OKAY(mr_rdd_reduce_by_key(large, longer, NULL, &reduced, &err));
    MR_OKAY(mr_rdd_sort_by_key(reduced, false, &sorted, &err));
    MR_OKAY(mr_rdd_collect(sorted, &rows, &n_rows, &err));
    assert_int_equal(n_rows, 4);
    for (int i = 0; i < 4; i++) {
        assert_int_equal(rows[i].value.size_bytes, 1 << 20);
        assert_memory_equal(rows[i].value.data, "\1\2\3\0", 4);
        assert_int_equal(rows[i].key.data[0], '0' + i);
    }
    mr_rows_free(rows);
    MR_OKAY(mr_rdd_join(large, reduced, "inner", join_sides, NULL, &joined, &err));
    MR_OKAY(mr_rdd_count(joined, &n_rows, &err));
    assert_int_equal(n_rows, 12);
    mr_rdd_close(few);
    mr_rdd_close(large);
    mr_rdd_close(reduced);
    mr_rdd_close(joined);
    mr_rdd_close(sorted);
    mr_session_close(session);
}

/* -- failing ----------------------------------------------------------------------------------- */

static MrStatus fail_plain(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return MR_IO;
}

static MrStatus fail_canceled(void *self, const MrPair *row, MrEmitter *to, MrError *error)
{
    return MR_CANCELED;
}

static MrStatus fail_own(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return mr_error_set(e, "no such card");
}

static MrStatus emit_none(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return MR_OK;
}

static MrStatus emit_two(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    (void)mr_emit(to, row->key, row->value);
    return mr_emit(to, row->key, row->value);
}

static MrStatus emit_no_key(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return mr_emit(to, absent, row->value);
}

static MrStatus emit_less_than_nothing(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return mr_emit(to, row->key, (MrBytes){"four", -4});
}

static MrStatus emit_key_too_long(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    return mr_emit(to, (MrBytes){"four", INT64_C(1) << 31}, row->value);
}

static MrStatus fail_filter(void *self, const MrPair *row, bool *keep, MrError *e)
{
    return MR_INVALID;
}

static MrStatus fail_reduce(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *e)
{
    return MR_INVALID;
}

static MrStatus reduce_to_none(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *e)
{
    return MR_OK;
}

static MrStatus fail_join(void *self, MrBytes key, MrBytes l, MrBytes r, MrEmitter *to, MrError *e)
{
    return mr_error_set(e, "no join");
}

/* The action on out fails so. */
static void check_fails(MrRdd *out, const char *condition, const char *sqlstate, const char *text)
{
    char message[2000];
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    assert_int_equal(mr_rdd_collect(out, &rows, &n_rows, &err),
                     strcmp(sqlstate, "HY008") == 0 ? MR_CANCELED : MR_INVALID);
    mr_error_message(&err, message, sizeof message);
    assert_string_equal(mr_error_condition(&err), condition);
    assert_string_equal(mr_error_sqlstate(&err), sqlstate);
    if (!strstr(message, text))
        fail_msg("'%s' is not in: %s", text, message);
    assert_null(rows);
    mr_rdd_close(out);
}

static void a_function_that_fails_fails_the_action(void **state)
{
    static const struct {
        MrMapFunction map;
        int kind; /* 0: map, 1: flat_map, 2: map_to_pair */
        const char *condition, *sqlstate, *text;
    } cases[] = {
        {fail_plain, 0, "FAILED_EXECUTE_UDF", "39000", "in the function of map"},
        {fail_plain, 1, "FAILED_EXECUTE_UDF", "39000", "it returned status 3"},
        {fail_canceled, 1, "OPERATION_CANCELED", "HY008", "in the function of flat_map"},
        {fail_own, 1, "USER_RAISED_EXCEPTION", "P0001", "no such card"},
        {fail_own, 2, "USER_RAISED_EXCEPTION", "P0001", "in the function of map_to_pair"},
        {emit_none, 0, "FAILED_EXECUTE_UDF", "39000", "0 rows for one"},
        {emit_two, 0, "FAILED_EXECUTE_UDF", "39000", "2 rows for one"},
        {emit_two, 2, "FAILED_EXECUTE_UDF", "39000", "2 rows for one"},
        {emit_less_than_nothing, 0, "FAILED_EXECUTE_UDF", "39000", "-4 bytes"},
        {emit_less_than_nothing, 1, "FAILED_EXECUTE_UDF", "39000", "-4 bytes"},
        {emit_key_too_long, 1, "FAILED_EXECUTE_UDF", "39000", "2147483648 bytes"},
        {emit_no_key, 2, "FAILED_EXECUTE_UDF", "39000", "without a key"},
    };
    for (int32_t n_threads = 1; n_threads <= 3; n_threads += 2) {
        MrSession *session = session_of(n_threads, 0);
        MrRdd *rdd, *out = NULL;
        MrPair *rows = NULL;
        pool_used = 0;
        bag_fill(&input, 5000, 10, 10);
        rdd = rdd_of(session, &input);
        for (int64_t i = 0; i < MR_COUNT(cases); i++) {
            if (cases[i].kind == 0)
                MR_OKAY(mr_rdd_map(rdd, cases[i].map, NULL, &out, &err));
            else if (cases[i].kind == 1)
                MR_OKAY(mr_rdd_flat_map(rdd, cases[i].map, NULL, &out, &err));
            else
                MR_OKAY(mr_rdd_map_to_pair(rdd, cases[i].map, NULL, &out, &err));
            check_fails(out, cases[i].condition, cases[i].sqlstate, cases[i].text);
        }
        MR_OKAY(mr_rdd_filter(rdd, fail_filter, NULL, &out, &err));
        check_fails(out, "FAILED_EXECUTE_UDF", "39000", "in the function of filter");
        MR_OKAY(mr_rdd_reduce_by_key(rdd, fail_reduce, NULL, &out, &err));
        check_fails(out, "FAILED_EXECUTE_UDF", "39000", "in the function of reduce_by_key");
        MR_OKAY(mr_rdd_reduce_by_key(rdd, reduce_to_none, NULL, &out, &err));
        check_fails(out, "FAILED_EXECUTE_UDF", "39000", "0 rows, not one");
        MR_OKAY(mr_rdd_reduce_by_key(rdd, mr_reduce_sum_i64, NULL, &out, &err));
        check_fails(out, "CAST_INVALID_INPUT", "22018", "");
        MR_OKAY(mr_rdd_join(rdd, rdd, "full", fail_join, NULL, &out, &err));
        check_fails(out, "USER_RAISED_EXCEPTION", "P0001", "no join");
        assert_int_equal(mr_rdd_reduce(rdd, fail_reduce, NULL, &rows, &err), MR_INVALID);
        mr_rdd_close(rdd);
        mr_session_close(session);
    }
}

static void sums_tell_of_overflow(void **state)
{
    MrSession *session = session_of(1, 0);
    MrPair *rows = NULL;
    input.n = 0;
    bag_add(&input, absent, mr_bytes("9223372036854775807"));
    bag_add(&input, absent, mr_bytes("1"));
    MrRdd *rdd = rdd_of(session, &input);
    assert_int_equal(mr_rdd_reduce(rdd, mr_reduce_sum_i64, NULL, &rows, &err), MR_INVALID);
    assert_string_equal(mr_error_condition(&err), "ARITHMETIC_OVERFLOW");
    MR_OKAY(mr_rdd_reduce(rdd, mr_inverse_sum_i64, NULL, &rows, &err));
    assert_string_equal(rows[0].value.data, "9223372036854775806");
    mr_rows_free(rows);
    mr_rdd_close(rdd);
    mr_session_close(session);
}

/* -- interrupting, memory ---------------------------------------------------------------------- */

static MrStatus interrupt_once(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    mr_session_interrupt(self);
    return mr_emit(to, row->key, row->value);
}

static MrStatus for_ever(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    atomic_store((_Atomic bool *)self, true);
    for (;;) {
        MrStatus status = mr_emit(to, row->key, row->value);
        if (status != MR_OK)
            return status;
    }
}

static MrStatus slowly(void *self, const MrPair *row, bool *keep, MrError *e)
{
    atomic_store((_Atomic bool *)self, true);
    usleep(1000);
    return MR_OK;
}

static _Atomic bool began;

static void *interrupt_later(void *session)
{
    while (!atomic_load(&began))
        usleep(1000);
    mr_session_interrupt(session);
    return NULL;
}

static void an_interrupt_stops_what_runs(void **state)
{
    for (int32_t n_threads = 1; n_threads <= 3; n_threads++) {
        MrSession *session = session_of(n_threads, 0);
        MrRdd *rdd, *out = NULL;
        MrPair *rows = NULL;
        int64_t n_rows = 0;
        pool_used = 0;
        bag_fill(&input, 20000, 10, 10);
        rdd = rdd_of(session, &input);
        MR_OKAY(mr_rdd_map(rdd, interrupt_once, session, &out, &err));
        assert_int_equal(mr_rdd_collect(out, &rows, &n_rows, &err), MR_CANCELED);
        assert_string_equal(mr_error_condition(&err), "OPERATION_CANCELED");
        mr_rdd_close(out);
        for (int k = 0; k < 2; k++) {
            pthread_t thread;
            atomic_store(&began, false);
            if (k == 0)
                MR_OKAY(mr_rdd_flat_map(rdd, for_ever, &began, &out, &err));
            else
                MR_OKAY(mr_rdd_filter(rdd, slowly, &began, &out, &err));
            assert_int_equal(pthread_create(&thread, NULL, interrupt_later, session), 0);
            assert_int_equal(mr_rdd_count(out, &n_rows, &err), MR_CANCELED);
            pthread_join(thread, NULL);
            mr_rdd_close(out);
        }
        MR_OKAY(mr_rdd_count(rdd, &n_rows, &err)); /* the session goes on */
        assert_int_equal(n_rows, 20000);
        mr_rdd_close(rdd);
        mr_session_close(session);
    }
}

static MrStatus note_batch(void *self, int64_t time_ms, MrRdd *rdd, MrError *e)
{
    atomic_store((atomic_bool *)self, true);
    return MR_OK;
}

static void an_interrupt_ends_a_context_that_waits(void **state)
{
    MrSession *session = session_of(2, 0);
    MrRdd *rdd = rdd_of(session, &input);
    for (int i = 0; i < 2; i++) {
        MrStreamContext *context = NULL;
        MrDStream *lines = NULL;
        atomic_bool seen = false;
        bool ended = false;
        int64_t n_rows = 0;
        MR_OKAY(mr_stream_context_open(session, i == 0 ? 3600000 : 1, &context, &err));
        MR_OKAY(mr_dstream_text_files(context, folder, &lines, &err));
        MR_OKAY(mr_dstream_foreach_rdd(lines, note_batch, &seen, &err));
        mr_session_interrupt(session); /* of what runs, and nothing does */
        MR_OKAY(mr_stream_context_start(context, &err));
        while (i > 0 && !atomic_load(&seen))
            usleep(1000);
        mr_session_interrupt(session);
        MR_OKAY(mr_rdd_count(rdd, &n_rows, &err)); /* what begins later does not take it back */
        assert_int_equal(mr_stream_context_await(context, 20000, &ended, &err), MR_CANCELED);
        assert_true(ended);
        assert_string_equal(mr_error_condition(&err), "OPERATION_CANCELED");
        mr_stream_context_close(context);
    }
    mr_rdd_close(rdd);
    mr_session_close(session);
}

static MrStatus interrupted_batch(void *self, int64_t time_ms, MrRdd *rdd, MrError *e)
{
    int64_t n_rows = 0;
    mr_session_interrupt(self);
    return mr_rdd_count(rdd, &n_rows, e);
}

static void an_interrupt_is_not_lost_between_the_actions_of_a_batch(void **state)
{
    MrSession *session = session_of(2, 0);
    MrStreamContext *context = NULL;
    MrDStream *lines = NULL;
    bool ended = false;
    MR_OKAY(mr_stream_context_open(session, 10, &context, &err));
    MR_OKAY(mr_dstream_text_files(context, folder, &lines, &err));
    MR_OKAY(mr_dstream_foreach_rdd(lines, interrupted_batch, session, &err));
    MR_OKAY(mr_stream_context_start(context, &err));
    assert_int_equal(mr_stream_context_await(context, 20000, &ended, &err), MR_CANCELED);
    assert_true(ended);
    assert_string_equal(mr_error_condition(&err), "OPERATION_CANCELED");
    mr_stream_context_close(context);
    mr_session_close(session);
}

static MrStatus many_keys(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    char key[64];
    int64_t block = 0;
    (void)mr_bytes_to_i64(row->value, &block);
    for (int64_t i = 0; i < 2000; i++) {
        int n = snprintf(key, sizeof key, "a key that is rather long %lld",
                         (long long)(block % 100 * 2000 + i));
        MrStatus status = mr_emit(to, (MrBytes){key, n}, mr_bytes("12345678901234567"));
        if (status != MR_OK)
            return status;
    }
    return MR_OK;
}

static void the_memory_limit_holds(void **state)
{
    MrSession *session = session_of(2, INT64_C(24) << 20);
    MrRdd *rdd, *out = NULL, *keys = NULL;
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    input.n = 0;
    pool_used = 0;
    for (int i = 0; i < 200; i++)
        bag_add(&input, absent, bytes_printf("%d", i));
    rdd = rdd_of(session, &input);
    MR_OKAY(mr_rdd_flat_map(rdd, for_ever, &began, &out, &err));
    assert_int_equal(mr_rdd_collect(out, &rows, &n_rows, &err), MR_NO_MEMORY);
    mr_rdd_close(out);
    /* 200,000 groups do not fit: they are spilled, and each has its two values. */
    MR_OKAY(mr_rdd_flat_map(rdd, many_keys, NULL, &keys, &err));
    MR_OKAY(mr_rdd_reduce_by_key(keys, mr_reduce_sum_i64, NULL, &out, &err));
    MR_OKAY(mr_rdd_count(out, &n_rows, &err));
    assert_int_equal(n_rows, 200000);
    mr_rdd_close(keys);
    MR_OKAY(mr_rdd_count_by_value(out, &keys, &err));
    MR_OKAY(mr_rdd_collect(keys, &rows, &n_rows, &err));
    assert_int_equal(n_rows, 1);
    assert_string_equal(rows[0].key.data, "24691357802469134");
    assert_string_equal(rows[0].value.data, "200000");
    mr_rows_free(rows);
    mr_rdd_close(keys);
    mr_rdd_close(out);
    mr_rdd_close(rdd);
    mr_session_close(session);
}

/* -- lineage ----------------------------------------------------------------------------------- */

static MrStatus count_calls(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    atomic_fetch_add((_Atomic int64_t *)self, 1);
    return mr_emit(to, row->key, row->value);
}

static void what_is_used_twice_is_computed_once_an_action(void **state)
{
    MrSession *session = session_of(3, 0);
    MrRdd *rdd, *mapped, *reduced, *joined, *both;
    _Atomic int64_t n_calls = 0;
    int64_t n_rows = 0;
    pool_used = 0;
    bag_fill(&input, 5000, 50, 50);
    rdd = rdd_of(session, &input);
    MR_OKAY(mr_rdd_map(rdd, count_calls, (void *)&n_calls, &mapped, &err));
    MR_OKAY(mr_rdd_reduce_by_key(mapped, greatest, NULL, &reduced, &err));
    MR_OKAY(mr_rdd_join(mapped, reduced, "left", join_sides, NULL, &joined, &err));
    MR_OKAY(mr_rdd_union(joined, mapped, &both, &err));
    MR_OKAY(mr_rdd_count(both, &n_rows, &err));
    assert_int_equal(n_rows, 10000);
    assert_int_equal(n_calls, 5000);
    MR_OKAY(mr_rdd_count(both, &n_rows, &err));
    assert_int_equal(n_calls, 10000);
    /* An RDD with itself, and with its own source. */
    mr_rdd_close(both);
    MR_OKAY(mr_rdd_union(mapped, mapped, &both, &err));
    expected = input;
    for (int64_t i = 0; i < input.n; i++)
        bag_add(&expected, input.rows[i].key, input.rows[i].value);
    check("with itself", both, &expected);
    MR_OKAY(mr_rdd_union(rdd, rdd, &both, &err));
    check("source with itself", both, &expected);
    mr_rdd_close(rdd); /* in no special order */
    mr_rdd_close(joined);
    mr_rdd_close(mapped);
    MR_OKAY(mr_rdd_count(reduced, &n_rows, &err));
    mr_rdd_close(reduced);
    mr_rdd_close(NULL);
    mr_session_close(session);
}

static void long_and_wide_lineages(void **state)
{
    MrSession *session = session_of(2, 0);
    MrRdd *rdd, *next = NULL;
    int64_t n_rows = 0;
    bag_fill(&input, 3, 5, 5);
    rdd = rdd_of(session, &input);
    for (int i = 0; i < 50; i++) { /* 2^50 ways down, 100 nodes */
        MR_OKAY(mr_rdd_union(rdd, rdd, &next, &err));
        mr_rdd_close(rdd);
        MR_OKAY(mr_rdd_distinct(next, &rdd, &err));
        mr_rdd_close(next);
    }
    for (int i = 0; i < 500 - 101; i++) {
        MR_OKAY(mr_rdd_map(rdd, swap, NULL, &next, &err));
        mr_rdd_close(rdd);
        rdd = next;
    }
    MR_OKAY(mr_rdd_count(rdd, &n_rows, &err));
    assert_true(n_rows <= 3);
    assert_int_equal(mr_rdd_map(rdd, swap, NULL, &next, &err), MR_INVALID);
    assert_true(strncmp(mr_error_condition(&err), "UNSUPPORTED_FEATURE", 19) == 0);
    mr_rdd_close(rdd);
    mr_session_close(session);
}

/* -- text files -------------------------------------------------------------------------------- */

static const char *path_of(const char *name)
{
    static char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static MrStatus words(void *self, const MrPair *row, MrEmitter *to, MrError *e)
{
    const char *at = row->value.data, *end = at + row->value.size_bytes;
    while (at < end) {
        const char *from = at;
        while (at < end && *at != ' ')
            at++;
        if (at > from) {
            MrStatus status = mr_emit_i64(to, (MrBytes){from, at - from}, 1);
            if (status != MR_OK)
                return status;
        }
        at++;
    }
    return MR_OK;
}

static void words_are_counted_as_sql_counts_them(void **state)
{
    MrSession *session = session_of(3, 0);
    MrSession *again;
    MrRdd *lines, *ones, *counts;
    MrQuery *query = NULL;
    char sql[600];
    FILE *file = fopen(path_of("words.txt"), "w");
    assert_non_null(file);
    seed = 5;
    for (int i = 0; i < 20000; i++) {
        for (uint32_t k = any(9); k > 0; k--)
            fprintf(file, "w%u ", any(any(3000) + 1));
        fputc('\n', file);
    }
    fclose(file);
    again = session;
    snprintf(sql, sizeof sql,
             "SELECT word, CAST(count(*) AS STRING) FROM (SELECT explode(split(value, ' ')) AS word"
             " FROM text.`%s`) WHERE word <> '' GROUP BY word",
             path_of("words.txt"));
    MR_OKAY(mr_session_query(again, mr_text(sql), &query, &err));
    expected.n = pool_used = 0;
    for (;;) {
        MrBatch *batch = NULL;
        MR_OKAY(mr_query_next(query, &batch, &err));
        if (!batch)
            break;
        for (int32_t i = 0; i < batch->n_sel; i++) {
            MrBytes both[2];
            for (int c = 0; c < 2; c++) {
                int64_t at;
                const MrVector *vec = mr_vector_at(batch->cols[c], mr_batch_row(batch, i), &at);
                MrText text = mr_str_text(&vec->str[at]);
                both[c] = bytes_copy((MrBytes){text.data, text.size_bytes});
            }
            bag_add(&expected, both[0], both[1]);
        }
        mr_batch_destroy(batch);
    }
    mr_query_close(query);
    assert_true(expected.n > 1000);
    MR_OKAY(mr_rdd_text_file(session, path_of("words.txt"), &lines, &err));
    MR_OKAY(mr_rdd_flat_map(lines, words, NULL, &ones, &err));
    MR_OKAY(mr_rdd_reduce_by_key(ones, mr_reduce_sum_i64, NULL, &counts, &err));
    check("word count", counts, &expected);
    mr_rdd_close(ones);
    mr_rdd_close(lines);
    mr_session_close(session);
}

static void lines_of_any_length_are_values_without_keys(void **state)
{
    MrSession *session = session_of(2, 0);
    MrRdd *lines;
    char command[500];
    static char line[3 << 20];
    FILE *file = fopen(path_of("lines.txt"), "w");
    assert_non_null(file);
    memset(line, 'x', sizeof line);
    fprintf(file, "one\n\nno UTF-8: \xff\xfe\n%.*s\nlast", (int)sizeof line, line);
    fclose(file);
    expected.n = 0;
    bag_add(&expected, absent, mr_bytes("one"));
    bag_add(&expected, absent, mr_bytes(""));
    bag_add(&expected, absent, mr_bytes("no UTF-8: \xff\xfe"));
    bag_add(&expected, absent, (MrBytes){line, sizeof line});
    bag_add(&expected, absent, mr_bytes("last"));
    MR_OKAY(mr_rdd_text_file(session, path_of("lines.txt"), &lines, &err));
    check("lines", lines, &expected);
    snprintf(command, sizeof command, "gzip -k %s", path_of("lines.txt"));
    assert_int_equal(system(command), 0);
    MR_OKAY(mr_rdd_text_file(session, path_of("lines.txt.gz"), &lines, &err));
    check("compressed lines", lines, &expected);
    assert_int_equal(mr_rdd_text_file(session, path_of("nothing"), &lines, &err), MR_INVALID);
    assert_string_equal(mr_error_condition(&err), "PATH_NOT_FOUND");
    mr_session_close(session);
}

static void saved_files_are_read_back(void **state)
{
    MrSession *session = session_of(3, 0);
    MrRdd *rdd, *lines;
    input.n = expected.n = pool_used = 0;
    for (int i = 0; i < 9000; i++) {
        bag_add(&input, i % 3 ? bytes_printf("k%d", i) : absent, bytes_printf("v%d", i));
        bag_add(&expected, absent,
                i % 3 ? bytes_printf("(k%d,v%d)", i, i) : bytes_printf("v%d", i));
    }
    bag_add(&input, mr_bytes("k"), absent);
    bag_add(&expected, absent, mr_bytes("(k,null)"));
    rdd = rdd_of(session, &input);
    MR_OKAY(mr_rdd_save_as_text_file(rdd, path_of("saved"), &err));
    MR_OKAY(mr_rdd_text_file(session, path_of("saved"), &lines, &err));
    check("saved", lines, &expected);
    assert_int_equal(mr_rdd_save_as_text_file(rdd, path_of("saved"), &err), MR_INVALID);
    assert_string_equal(mr_error_condition(&err), "PATH_ALREADY_EXISTS");
    mr_rdd_close(rdd);
    mr_session_close(session);
}

/* -- partitions -------------------------------------------------------------------------------- */

typedef struct Seen {
    _Atomic int64_t n_rows, n_bytes, n_calls, idx_sum;
    int64_t n_most; /* rows that a function takes */
    MrSession *interrupt;
    bool fails;
} Seen;

static MrStatus see(void *self, int32_t partition_idx, MrPartition *rows, MrError *e)
{
    Seen *seen = self;
    int64_t n = 0;
    atomic_fetch_add(&seen->n_calls, 1);
    atomic_fetch_add(&seen->idx_sum, partition_idx);
    for (bool more = true; n < seen->n_most; n++) {
        MrPair row;
        MrStatus status = mr_partition_next(rows, &row, &more, e);
        if (status != MR_OK)
            return status;
        if (!more)
            break;
        atomic_fetch_add(&seen->n_rows, 1);
        atomic_fetch_add(&seen->n_bytes, row.key.size_bytes + row.value.size_bytes);
        if (seen->interrupt && n == 100)
            mr_session_interrupt(seen->interrupt);
        if (seen->fails && n == 100)
            return mr_error_set(e, "the database is gone");
    }
    return MR_OK;
}

static void each_partition_is_seen_once(void **state)
{
    for (int32_t n_threads = 1; n_threads <= 3; n_threads++) {
        MrSession *session = session_of(n_threads, 0);
        MrRdd *rdd, *mapped;
        int64_t n_bytes = 0;
        pool_used = 0;
        bag_fill(&input, 50000, 30, 30);
        for (int64_t i = 0; i < input.n; i++)
            n_bytes += input.rows[i].key.size_bytes + input.rows[i].value.size_bytes;
        rdd = rdd_of(session, &input);
        MR_OKAY(mr_rdd_map(rdd, swap, NULL, &mapped, &err));
        Seen seen = {.n_most = INT64_MAX};
        MR_OKAY(mr_rdd_foreach_partition(mapped, see, &seen, &err));
        assert_int_equal(seen.n_rows, 50000);
        assert_int_equal(seen.n_bytes, n_bytes);
        assert_true(seen.n_calls >= 1 && seen.n_calls <= n_threads);
        assert_int_equal(seen.idx_sum, seen.n_calls * (seen.n_calls - 1) / 2);
        seen = (Seen){.n_most = 10}; /* who does not want the rest just returns */
        MR_OKAY(mr_rdd_foreach_partition(mapped, see, &seen, &err));
        assert_int_equal(seen.n_rows, 10 * seen.n_calls);
        seen = (Seen){.n_most = INT64_MAX, .fails = true};
        assert_int_equal(mr_rdd_foreach_partition(mapped, see, &seen, &err), MR_INVALID);
        assert_string_equal(mr_error_condition(&err), "USER_RAISED_EXCEPTION");
        seen = (Seen){.n_most = INT64_MAX, .interrupt = session};
        assert_int_equal(mr_rdd_foreach_partition(mapped, see, &seen, &err), MR_CANCELED);
        mr_rdd_close(mapped);
        MR_OKAY(mr_rdd_map(rdd, fail_own, NULL, &mapped, &err));
        seen = (Seen){.n_most = INT64_MAX};
        assert_int_equal(mr_rdd_foreach_partition(mapped, see, &seen, &err), MR_INVALID);
        assert_string_equal(mr_error_condition(&err), "USER_RAISED_EXCEPTION");
        mr_rdd_close(mapped);
        mr_rdd_close(rdd);
        input.n = 0;
        rdd = rdd_of(session, &input);
        seen = (Seen){.n_most = INT64_MAX};
        MR_OKAY(mr_rdd_foreach_partition(rdd, see, &seen, &err));
        assert_int_equal(seen.n_calls, 1);
        mr_rdd_close(rdd);
        mr_session_close(session);
    }
}

static MrStatus see_batch(void *self, int64_t time_ms, MrRdd *rdd, MrError *e)
{
    MrRdd *swapped = NULL;
    MrStatus status = mr_rdd_map(rdd, swap, NULL, &swapped, e);
    if (status == MR_OK)
        status = mr_rdd_foreach_partition(swapped, see, self, e);
    mr_rdd_close(swapped);
    return status;
}

static void each_batch_is_handed_over_by_partitions(void **state)
{
    MrSession *session = session_of(2, 0);
    MrStreamContext *context = NULL;
    MrDStream *lines = NULL;
    Seen seen = {.n_most = INT64_MAX};
    char from[300], to[300], in[300];
    snprintf(in, sizeof in, "%s", path_of("followed"));
    snprintf(from, sizeof from, "%s", path_of("moved.txt"));
    snprintf(to, sizeof to, "%s", path_of("followed/moved.txt"));
    assert_int_equal(mkdir(in, 0700), 0);
    MR_OKAY(mr_stream_context_open(session, 20, &context, &err));
    MR_OKAY(mr_dstream_text_files(context, in, &lines, &err));
    MR_OKAY(mr_dstream_foreach_rdd(lines, see_batch, &seen, &err));
    MR_OKAY(mr_stream_context_start(context, &err));
    while (seen.n_calls == 0) /* it runs: what comes now is new */
        usleep(1000);
    FILE *file = fopen(from, "w");
    assert_non_null(file);
    for (int i = 0; i < 5000; i++)
        fputs("12345678\n", file);
    fclose(file);
    assert_int_equal(rename(from, to), 0);
    for (int i = 0; i < 20000 && seen.n_rows < 5000; i++)
        usleep(1000);
    MR_OKAY(mr_stream_context_stop(context, true, &err));
    mr_stream_context_close(context);
    mr_session_close(session);
    assert_int_equal(seen.n_rows, 5000);
    assert_int_equal(seen.n_bytes, 40000);
}

/* -- the k-th allocation fails, for every k ---------------------------------------------------- */

static MrStatus all_of_it(MrSession *session)
{
    MrRdd *rdds[9] = {0};
    MrPair *rows = NULL;
    int64_t n_rows = 0;
    Seen seen = {.n_most = INT64_MAX};
    MrStatus status = mr_rdd_parallelize(session, input.rows, input.n, &rdds[0], &err);
    if (status == MR_OK)
        status = mr_rdd_flat_map(rdds[0], repeat, NULL, &rdds[1], &err);
    if (status == MR_OK)
        status = mr_rdd_map_to_pair(rdds[1], with_key, NULL, &rdds[2], &err);
    if (status == MR_OK)
        status = mr_rdd_reduce_by_key(rdds[2], mr_reduce_sum_i64, NULL, &rdds[3], &err);
    if (status == MR_OK)
        status = mr_rdd_join(rdds[3], rdds[2], "full", join_sides, NULL, &rdds[4], &err);
    if (status == MR_OK)
        status = mr_rdd_count_by_value(rdds[4], &rdds[5], &err);
    if (status == MR_OK)
        status = mr_rdd_sort_by_key(rdds[5], true, &rdds[6], &err);
    if (status == MR_OK)
        status = mr_rdd_collect(rdds[6], &rows, &n_rows, &err);
    if (status == MR_OK)
        status = mr_rdd_foreach_partition(rdds[4], see, &seen, &err);
    mr_rows_free(rows);
    for (int i = 0; i < 9; i++)
        mr_rdd_close(rdds[i]);
    return status;
}

static void any_allocation_may_fail(void **state)
{
    static char warehouse[200];
    snprintf(warehouse, sizeof warehouse, "%s/warehouse", folder);
    pool_used = 0;
    bag_fill(&input, 60, 12, 12);
    for (int64_t k = 1;; k++) {
        _Atomic int64_t countdown = INT64_MAX;
        MrSession *session = NULL;
        MR_OKAY(mr_session_create(&(MrSessionConfig){.warehouse = warehouse,
                                                     .n_threads = 1,
                                                     .fail_countdown = &countdown},
                                  &session, &err));
        atomic_store(&countdown, k);
        MrStatus status = all_of_it(session);
        bool failed = atomic_load(&countdown) <= 0;
        atomic_store(&countdown, INT64_MAX);
        mr_session_destroy(session);
        if (!failed) {
            assert_int_equal(status, MR_OK);
            assert_true(k > 50);
            return;
        }
        if (status != MR_OK)
            assert_int_equal(status, MR_NO_MEMORY);
    }
}

static void numbers_are_read_from_bytes(void **state)
{
    int64_t i64 = 5;
    double f64 = 5;
    assert_true(mr_bytes_to_i64(mr_bytes("-12"), &i64));
    assert_int_equal(i64, -12);
    assert_false(mr_bytes_to_i64(mr_bytes("12x"), &i64));
    assert_false(mr_bytes_to_i64(mr_bytes(""), &i64));
    assert_false(mr_bytes_to_i64(absent, &i64));
    assert_false(mr_bytes_to_i64((MrBytes){"1\0", 2}, &i64));
    assert_int_equal(i64, -12);
    assert_true(mr_bytes_to_f64(mr_bytes("2.5e1"), &f64));
    assert_true(f64 == 25);
    assert_false(mr_bytes_to_f64(absent, &f64));
}

static void what_must_be_given_is_asked_for(void **state)
{
    static const char *const missing = "INVALID_PARAMETER_VALUE";
    MrSession *session = session_of(1, 0);
    MrRdd *rdd = NULL, *out = NULL;
    MrPair *rows = NULL;
    int64_t n_rows = 7;
    const MrPair odd = {{"key", -1}, {"value", 5}}, huge = {{"key", 3}, {"value", INT64_MAX}};
    MR_OKAY(mr_rdd_parallelize(session, NULL, 0, &rdd, &err));
    const MrStatus refused[] = {
        mr_rdd_parallelize(session, NULL, 3, &out, &err),
        mr_rdd_parallelize(session, NULL, -3, &out, &err),
        mr_rdd_parallelize(session, &odd, 1, &out, &err),
        mr_rdd_parallelize(session, &huge, 1, &out, &err),
        mr_rdd_text_file(session, NULL, &out, &err),
        mr_rdd_map(rdd, NULL, NULL, &out, &err),
        mr_rdd_flat_map(rdd, NULL, NULL, &out, &err),
        mr_rdd_map_to_pair(rdd, NULL, NULL, &out, &err),
        mr_rdd_filter(rdd, NULL, NULL, &out, &err),
        mr_rdd_reduce_by_key(rdd, NULL, NULL, &out, &err),
        mr_rdd_join(rdd, rdd, "inner", NULL, NULL, &out, &err),
        mr_rdd_join(rdd, rdd, NULL, join_sides, NULL, &out, &err),
        mr_rdd_reduce(rdd, NULL, NULL, &rows, &err),
        mr_rdd_foreach_partition(rdd, NULL, NULL, &err),
        mr_rdd_save_as_text_file(rdd, NULL, &err),
        mr_rdd_take(rdd, -1, &rows, &n_rows, &err),
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
        assert_int_equal(refused[i], MR_INVALID);
    assert_string_equal(mr_error_condition(&err), missing);
    assert_null(out);
    assert_null(rows);
    assert_int_equal(n_rows, 7); /* nothing is written on failure */
    mr_rdd_close(rdd);
    mr_session_close(session);
}

static const struct CMUnitTest tests[] = {
    cmocka_unit_test(numbers_are_read_from_bytes),
    cmocka_unit_test(every_step_is_what_a_loop_gives),
    cmocka_unit_test(nothing_empty_and_absent_are_three_things),
    cmocka_unit_test(values_may_have_a_megabyte),
    cmocka_unit_test(a_function_that_fails_fails_the_action),
    cmocka_unit_test(what_must_be_given_is_asked_for),
    cmocka_unit_test(sums_tell_of_overflow),
    cmocka_unit_test(an_interrupt_stops_what_runs),
    cmocka_unit_test(an_interrupt_ends_a_context_that_waits),
    cmocka_unit_test(an_interrupt_is_not_lost_between_the_actions_of_a_batch),
    cmocka_unit_test(the_memory_limit_holds),
    cmocka_unit_test(what_is_used_twice_is_computed_once_an_action),
    cmocka_unit_test(long_and_wide_lineages),
    cmocka_unit_test(words_are_counted_as_sql_counts_them),
    cmocka_unit_test(lines_of_any_length_are_values_without_keys),
    cmocka_unit_test(saved_files_are_read_back),
    cmocka_unit_test(each_partition_is_seen_once),
    cmocka_unit_test(each_batch_is_handed_over_by_partitions),
    cmocka_unit_test(any_allocation_may_fail),
};

int main(void)
{
    char command[100];
    if (!mkdtemp(folder))
        return 1;
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return failed || system(command) != 0;
}
