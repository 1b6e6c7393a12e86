/* text_test.c - texts, numbers, bits and bounded readers. */
#include "base/int128.h"
#include "base/bitmap.h"
#include "base/hash.h"
#include "base/testing.h"
#include <math.h>

static uint64_t random_u64(void)
{
    static uint64_t x = UINT64_C(88172645463325252);
    x ^= x << 13;
    x ^= x >> 7;
    return x ^= x << 17;
}

static void doubles_print_as_in_java(void **state)
{
    static const struct {
        double value;
        const char *text;
    } cases[] = {
        {1, "1.0"},
        {-0.0, "-0.0"},
        {0.1, "0.1"},
        {100, "100.0"},
        {9999999, "9999999.0"},
        {1e7, "1.0E7"},
        {123456789.125, "1.23456789125E8"},
        {0.001, "0.001"},
        {9.99e-4, "9.99E-4"},
        {1e23, "1.0E23"},
        {2e-323, "2.0E-323"},
        {4.9e-324, "4.9E-324"},
        {9.9e-324, "9.9E-324"},
        {1.7976931348623157e308, "1.7976931348623157E308"},
        {2.2250738585072014e-308, "2.2250738585072014E-308"},
        {INFINITY, "Infinity"},
        {-INFINITY, "-Infinity"},
        {NAN, "NaN"},
    };
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        char text[MR_F64_TEXT_MAX + 1];
        text[mr_f64_to_text(cases[i].value, text)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

static void floats_print_as_in_java(void **state)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {
        {0.1f, "0.1"},
        {1.4e-45f, "1.4E-45"},
        {3.4028235e38f, "3.4028235E38"},
        {16777216.f, "1.6777216E7"},
        {2.8e-45f, "2.8E-45"},
        {-1.5f, "-1.5"},
    };
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        char text[MR_F64_TEXT_MAX + 1];
        text[mr_f32_to_text(cases[i].value, text)] = '\0';
        assert_string_equal(text, cases[i].text);
    }
}

static void doubles_read_back_as_they_were(void **state)
{
    for (int i = 0; i < 100000; i++) {
        char text[MR_F64_TEXT_MAX + 1];
        uint64_t bits = random_u64();
        double value, again = 0;
        memcpy(&value, &bits, 8);
        if (!isfinite(value))
            continue;
        int32_t size = mr_f64_to_text(value, text);
        assert_true(mr_text_to_f64((MrText){text, size}, &again));
        assert_memory_equal(&again, &value, 8);
        text[size] = '\0';
        assert_true(strtod(text, NULL) == value);
    }
}

static void texts_parse_to_the_nearest_double(void **state)
{
    char text[2000];
    for (int i = 0; i < 100000; i++) {
        double value = -1;
        snprintf(text, sizeof text, "%llu%s%llue%d", (unsigned long long)(random_u64() >> (i % 60)),
                 i % 3 == 0 ? "." : "", (unsigned long long)(random_u64() % 1000),
                 (int)(random_u64() % 700) - 350);
        assert_true(mr_text_to_f64(mr_text(text), &value));
        double wanted = strtod(text, NULL);
        assert_memory_equal(&value, &wanted, 8);
    }
    memset(text, '1', 1500);
    strcpy(text + 1500, "e-1490");
    double value = 0;
    assert_true(mr_text_to_f64(mr_text(text), &value));
    assert_true(value == strtod(text, NULL));
}

static void only_numbers_are_numbers(void **state)
{
    static const struct {
        const char *text;
        bool is_f64;
        double f64;
        bool is_i64;
        int64_t i64;
    } cases[] = {
        {"", false, 0, false, 0},
        {"-", false, 0, false, 0},
        {"12", true, 12, true, 12},
        {"+5", true, 5, true, 5},
        {".5", true, .5, false, 0},
        {"5.", true, 5, false, 0},
        {".", false, 0, false, 0},
        {"1e", false, 0, false, 0},
        {"1e5", true, 1e5, false, 0},
        {"1e400", true, INFINITY, false, 0},
        {"0x10", false, 0, false, 0},
        {"1 ", false, 0, false, 0},
        {"-Infinity", true, -INFINITY, false, 0},
        {"9223372036854775807", true, 9223372036854775807.0, true, INT64_MAX},
        {"-9223372036854775808", true, -9223372036854775808.0, true, INT64_MIN},
        {"9223372036854775808", true, 9223372036854775808.0, false, 0},
        {"-9223372036854775809", true, -9223372036854775808.0, false, 0},
    };
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        double f64 = 0;
        int64_t i64 = 0;
        bool is_f64 = mr_text_to_f64(mr_text(cases[i].text), &f64);
        bool is_i64 = mr_text_to_i64(mr_text(cases[i].text), &i64);
        if (is_f64 != cases[i].is_f64 || (is_f64 && f64 != cases[i].f64) ||
            is_i64 != cases[i].is_i64 || (is_i64 && i64 != cases[i].i64))
            fail_msg("not so: '%s'", cases[i].text);
    }
}

static void sizes_have_units(void **state)
{
    static const struct {
        const char *text;
        int64_t size_bytes; /* -1: not a size */
    } cases[] = {{"0", 0},
                 {"100", 100},
                 {"1k", 1024},
                 {"2M", 2 << 20},
                 {"64KB", 65536},
                 {"1g", 1 << 30},
                 {"3t", INT64_C(3) << 40},
                 {"", -1},
                 {"k", -1},
                 {"-1", -1},
                 {"1b", -1},
                 {"1x", -1},
                 {"1 k", -1},
                 {"9000000000000t", -1},
                 {"b", -1},
                 {"mb", -1}};
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        int64_t size_bytes = -1;
        if (!mr_text_to_size(mr_text(cases[i].text), &size_bytes))
            size_bytes = -1;
        if (size_bytes != cases[i].size_bytes)
            fail_msg("'%s' is %lld", cases[i].text, (long long)size_bytes);
    }
}

static void broken_utf8_counts_byte_by_byte(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        int n_chars;
    } cases[] = {
        {"", true, 0},
        {"abcdefghij", true, 10},
        {"a\xC3\xA4"
         "b",
         true, 3},
        {"\xE2\x82\xAC\xF0\x9F\x98\x80", true, 2},
        {"\xC0\x80", false, 2},
        {"\xED\xA0\x80", false, 3},
        {"\xF4\x90\x80\x80", false, 4},
        {"ok\xE2\x82", false, 4},
        {"12345678\xFF", false, 9},
    };
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        MrText text = mr_text(cases[i].text);
        assert_int_equal(mr_utf8_valid(text.data, text.size_bytes), cases[i].valid);
        assert_int_equal(mr_utf8_length(text.data, text.size_bytes), cases[i].n_chars);
    }
    for (int32_t c = 0; c < 0x110000; c += 7) {
        char bytes[4];
        int32_t n_bytes = 0;
        if (c >= 0xD800 && c < 0xE000)
            continue;
        int32_t size = mr_utf8_put(c, bytes);
        assert_int_equal(mr_utf8_next(bytes, size, &n_bytes), c);
        assert_int_equal(n_bytes, size);
    }
}

static void names_are_compared_and_guessed(void **state)
{
    assert_true(mr_str_equal_nocase("SELECT", "select"));
    assert_false(mr_str_equal_nocase("a", "ab"));
    assert_true(mr_text_compare(mr_text("a"), mr_text("ab")) < 0);
    assert_true(mr_text_compare(mr_text("\xC3"), mr_text("b")) > 0);
    assert_int_equal(mr_text_distance(mr_text("amuont"), mr_text("amount"), 3), 2);
    assert_int_equal(mr_text_distance(mr_text("Amount"), mr_text("amount"), 3), 0);
    assert_int_equal(mr_text_distance(mr_text("x"), mr_text("amount"), 3), 4);
}

static void readers_stop_at_the_end(void **state)
{
    MrBudget *budget = *state;
    MrError err = {0};
    MrBuffer buf;
    mr_buffer_init(&buf, budget, 1000);
    MR_OKAY(mr_buffer_put_u32(&buf, 7, &err));
    MR_OKAY(mr_buffer_put_varint(&buf, UINT64_MAX, &err));
    MR_OKAY(mr_buffer_put_text(&buf, MR_TEXT("hello"), &err));
    MR_OKAY(mr_buffer_put_varint(&buf, 1000000, &err));
    assert_int_equal(mr_buffer_reserve(&buf, 1000, &err), MR_INVALID);
    MrReader reader = mr_reader(buf.data, buf.size_bytes);
    uint32_t u32 = 0;
    uint64_t u64 = 0;
    MrText text = {0};
    int64_t n = 0;
    assert_true(mr_reader_u32(&reader, &u32) && mr_reader_varint(&reader, &u64) &&
                mr_reader_text(&reader, &text));
    assert_true(u32 == 7 && u64 == UINT64_MAX && mr_text_equal(text, MR_TEXT("hello")));
    assert_false(mr_reader_count(&reader, 1, &n));
    assert_false(mr_reader_bytes(&reader, 0, &(const uint8_t *){NULL}));
    for (int64_t size = 0; size < buf.size_bytes; size++) { /* every cut fails somewhere */
        reader = (MrReader){(const uint8_t *)buf.data, (const uint8_t *)buf.data + size, false};
        assert_false(mr_reader_u32(&reader, &u32) && mr_reader_varint(&reader, &u64) &&
                     mr_reader_text(&reader, &text) && mr_reader_varint(&reader, &u64));
    }
    mr_buffer_deinit(&buf);
}

static const char *decimal_text(MrI128 value, int scale)
{
    static char text[MR_DECIMAL_TEXT_MAX + 1];
    text[mr_decimal_to_text(value, scale, text)] = '\0';
    return text;
}

static void decimals_read_round_and_print(void **state)
{
    static const struct {
        const char *in;
        int precision, scale;
        const char *out; /* NULL: refused */
    } cases[] = {
        {"0", 10, 2, "0.00"},
        {"1.005", 10, 2, "1.01"},
        {"-1.005", 10, 2, "-1.01"},
        {"1.00499999999999999999999999999999999999999999", 10, 2, "1.00"},
        {"123.45", 5, 2, "123.45"},
        {"1234.5", 5, 2, NULL},
        {"999.995", 5, 2, NULL},
        {"1e3", 10, 0, "1000"},
        {"12.5e-1", 10, 2, "1.25"},
        {"0.0004e3", 10, 1, "0.4"},
        {".5", 10, 0, "1"},
        {"0.4", 10, 0, "0"},
        {"-0.05", 10, 1, "-0.1"},
        {"99999999999999999999999999999999999999", 38, 0, "99999999999999999999999999999999999999"},
        {"100000000000000000000000000000000000000", 38, 0, NULL},
        {"0.00000000000000000000000000000000000001", 38, 38,
         "0.00000000000000000000000000000000000001"},
        {"1e-60", 38, 38, "0.00000000000000000000000000000000000000"},
        {"1e999999999999", 38, 0, NULL},
        {"0e999999999999", 38, 0, "0"},
        {"abc", 38, 0, NULL},
        {"", 38, 0, NULL},
    };
    for (int64_t i = 0; i < MR_COUNT(cases); i++) {
        MrI128 value = 0;
        bool ok =
            mr_text_to_decimal(mr_text(cases[i].in), cases[i].precision, cases[i].scale, &value);
        if (ok != (cases[i].out != NULL) ||
            (ok && strcmp(decimal_text(value, cases[i].scale), cases[i].out) != 0))
            fail_msg("'%s' gave %s", cases[i].in, ok ? decimal_text(value, cases[i].scale) : "no");
    }
}

static MrI128 random_decimal(int digits)
{
    MrI128 value = 0;
    for (int i = 0; i < digits; i++)
        value = value * 10 + (int)(random_u64() % 10);
    return random_u64() % 2 == 0 ? value : -value;
}

static void division_undoes_multiplication(void **state)
{
    for (int i = 0; i < 20000; i++) {
        MrI128 a = random_decimal(1 + i % 38), b = random_decimal(1 + i / 7 % 38), quotient;
        if (b == 0)
            continue;
        int up = (int)(random_u64() % 60) - 20;
        if (!mr_decimal_div(a, b, up, &quotient))
            continue;
        /* |a * 10^up - quotient * b| <= |b| / 2, seen through doubles */
        long double exact = (long double)a / (long double)b * powl(10, up);
        long double slack = 0.51L + fabsl(exact) * 1e-17L;
        if (fabsl((long double)quotient - exact) > slack)
            fail_msg("%s / %s up %d", decimal_text(a, 0), decimal_text(b, 0), up);
    }
    MrI128 out;
    assert_true(mr_decimal_div(1, 3, 6, &out) && out == 333333);
    assert_true(mr_decimal_div(-1, 2, 0, &out) && out == -1);
    assert_true(mr_decimal_div(2, 3, 0, &out) && out == 1);
    assert_true(mr_decimal_div(mr_pow10_i128[37], mr_pow10_i128[38], 38, &out));
    assert_true(out == mr_pow10_i128[37]);
    assert_false(mr_decimal_div(mr_pow10_i128[37], 1, 38, &out));
    assert_true(mr_decimal_rescale(12345, 2, 1, 10, &out) && out == 1235);
    assert_true(mr_decimal_rescale(-12345, 2, 5, 10, &out) && out == -12345000);
    assert_false(mr_decimal_rescale(12345, 2, 5, 7, &out));
    assert_true(mr_decimal_to_f64(12345, 2) == 123.45);
    assert_true(mr_decimal_to_f64(mr_pow10_i128[30] / 3, 30) == 0.333333333333333333333333333333);
    assert_true(mr_f64_to_decimal(0.1, 10, 3, &out) && out == 100);
    assert_false(mr_f64_to_decimal(NAN, 10, 3, &out));
    assert_true(mr_decimal_round_down(-150, 2) == -2 && mr_decimal_round_down(149, 2) == 1);
}

static void hashes_are_the_known_ones(void **state)
{
    assert_int_equal((int32_t)mr_murmur3_i32(1, 42), -559580957); /* hash(1) of Spark */
    assert_int_equal((int32_t)mr_murmur3_i64(1, 42), -1712319331);
    assert_int_equal((int32_t)mr_murmur3_bytes("Spark", 5, 42), 228093765);
    assert_int_equal(mr_crc32c("123456789", 9, 0), 0xe3069283); /* RFC 3720, B.4 */
    uint32_t crc = mr_crc32c("12345", 5, 0);
    assert_int_equal(mr_crc32c("6789", 4, crc), 0xe3069283);
    assert_int_equal(mr_crc32c("", 0, 0), 0);
    assert_true(mr_hash_stable("abc", 3, 0) == UINT64_C(0x44BC2CF5AD770999));
    assert_true(mr_hash_bytes("abc", 3, 1) != mr_hash_bytes("abc", 3, 2));
}

static void filled_bits_end_where_asked(void **state)
{
    uint64_t bits[4];
    mr_bits_fill(bits, 200, true);
    mr_bit_put(bits, 77, false);
    for (int64_t n = 0; n < 200; n++)
        assert_int_equal(mr_bit_get(bits, n), n != 77);
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(doubles_print_as_in_java),        MR_UNIT_TEST(floats_print_as_in_java),
    MR_UNIT_TEST(doubles_read_back_as_they_were),  MR_UNIT_TEST(texts_parse_to_the_nearest_double),
    MR_UNIT_TEST(only_numbers_are_numbers),        MR_UNIT_TEST(sizes_have_units),
    MR_UNIT_TEST(broken_utf8_counts_byte_by_byte), MR_UNIT_TEST(names_are_compared_and_guessed),
    MR_UNIT_TEST(readers_stop_at_the_end),         MR_UNIT_TEST(decimals_read_round_and_print),
    MR_UNIT_TEST(division_undoes_multiplication),  MR_UNIT_TEST(hashes_are_the_known_ones),
    MR_UNIT_TEST(filled_bits_end_where_asked),
};
MR_UNIT_TESTS_MAIN(tests)
