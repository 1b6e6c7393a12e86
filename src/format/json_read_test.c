/* json_read_test.c - JSON records, good and bad (RELIABILITY part 5, door "JSON"). */
#include "format/rows_case.h"

#define AB "a BIGINT, b STRING"
#define ABC "a BIGINT, b STRING, _corrupt_record STRING"

static const RowCase cases[] = {
    {"columns go by name, not by order", "", AB, "{\"a\":1,\"b\":\"x\"}\n{\"b\":\"y\",\"a\":2}\n",
     "1|x\n2|y\n"},
    {"a missing key is NULL", "", AB, "{\"a\":1}\n{\"b\":\"y\"}\n{}\n",
     "1|NULL\nNULL|y\nNULL|NULL\n"},
    {"null is NULL", "", AB,
     "{\"a\":null,\"b\":null}\n{\"a\":1,\"b\":\"x\"}\n{\"a\":null,\"b\":null}\n{\"a\":1,\"b\":"
     "\"x\"}\n",
     "NULL|NULL\n1|x\nNULL|NULL\n1|x\n"},
    {"other keys are skipped, whatever they hold", "", AB,
     "{\"z\":[1,{\"a\":9}],\"a\":1,\"y\":\"q\\\"\",\"b\":\"x\"}\n{\"z\":{\"a\":[]},\"a\":2,\"y\":"
     "null,\"b\":\"y\"}\n"
     "{\"z\":-1.5e3,\"a\":3,\"y\":true,\"b\":\"z\"}\n",
     "1|x\n2|y\n3|z\n"},
    {"blanks are free", "", AB,
     " { \"a\" : 1 , \"b\" : \"x\" } \n{ \"a\": 2, \"b\": \"y\"}\n\t{\"a\":3,\"b\":\"z\"}\n",
     "1|x\n2|y\n3|z\n"},
    {"the last of equal keys wins", "", AB,
     "{\"a\":1,\"a\":2}\n{\"a\":3,\"a\":4}\n{\"a\":null,\"a\":5}\n{\"a\":6,\"a\":null}\n",
     "2|NULL\n4|NULL\n5|NULL\nNULL|NULL\n"},
    {"an empty file has no rows", "", AB, "", ""},
    {"empty lines are no records", "", AB, "\n\n{\"a\":1}\n  \n{\"a\":2}\n\n", "1|NULL\n2|NULL\n"},
    {"the last line needs no end", "", AB, "{\"a\":1,\"b\":\"x\"}\n{\"a\":2,\"b\":\"y\"}",
     "1|x\n2|y\n"},
    {"CRLF, LF and CR end lines", "", AB,
     "{\"a\":1,\"b\":\"x\"}\r\n{\"a\":2,\"b\":\"y\"}\n{\"a\":3,\"b\":\"z\"}\r{\"a\":4,\"b\":\"w\"}",
     "1|x\n2|y\n3|z\n4|w\n"},
    {"a byte order mark is skipped", "", AB, "\xef\xbb\xbf{\"a\":1}\n", "1|NULL\n"},
    {"escapes are resolved", "", "b STRING",
     "{\"b\":\"\\\"\\\\\\/\\b\\f\\t\\u0041\\u00e9\\ud83d\\ude00\"}\n",
     "\"\\/\b\f\tA\xc3\xa9\xf0\x9f\x98\x80\n"},
    {"half a surrogate pair is a question mark", "", "b STRING",
     "{\"b\":\"\\ud83d!\"}\n{\"b\":\"\\ude00\"}\n", "?!\n?\n"},
    {"a bad escape is malformed", "", AB, "{\"a\":1,\"b\":\"\\q\"}\n", "NULL|NULL\n"},
    {"escaped keys match", "", AB, "{\"\\u0061\":1,\"b\":\"x\"}\n{\"\\u0061\":2,\"b\":\"y\"}\n",
     "1|x\n2|y\n"},
    {"invalid UTF-8 is read as U+FFFD", "", "b STRING",
     "{\"b\":\"a\xff"
     "b\"}\n{\"b\":\"\xc3\xa9\"}\n{\"b\":\"\xc3\"}\n",
     "a\xef\xbf\xbd"
     "b\n\xc3\xa9\n\xef\xbf\xbd\n"},
    {"single quotes are quotes", "", AB, "{'a':1,'b':'x\"y'}\n", "1|x\"y\n"},
    {"single quotes can be switched off", "allowSingleQuotes=false", AB, "{'a':1}\n",
     "NULL|NULL\n"},
    {"bare names must be allowed", "", AB, "{a:1}\n", "NULL|NULL\n"},
    {"bare names when allowed", "allowUnquotedFieldNames=true", AB, "{a:1,b:\"x\"}\n", "1|x\n"},
    {"comments must be allowed", "", AB, "{\"a\":/*c*/1}\n", "NULL|NULL\n"},
    {"comments when allowed", "allowComments=true", AB, "{\"a\":/*c*/1,\"b\":\"x\"} // end\n",
     "1|x\n"},
    {"leading zeros must be allowed", "", AB, "{\"a\":007}\n", "NULL|NULL\n"},
    {"leading zeros when allowed", "allowNumericLeadingZeros=true", AB, "{\"a\":007}\n",
     "7|NULL\n"},
    {"control characters must be allowed", "", "b STRING", "{\"b\":\"a\tb\"}\n", "NULL\n"},
    {"control characters when allowed", "allowUnquotedControlChars=true", "b STRING",
     "{\"b\":\"a\tb\"}\n", "a\tb\n"},
    {"any escape when allowed", "allowBackslashEscapingAnyCharacter=true", "b STRING",
     "{\"b\":\"\\q\"}\n", "q\n"},
    {"a line that ends before its value is malformed", "", "b STRING",
     "{\"b\":\"x\"}\n{\"b\":\n{\"c\":1}}\n{\"b\":\"z\"}\n", "x\nNULL\nNULL\nz\n"},
    {"... also of a key that nobody wants", "mode=DROPMALFORMED", "b STRING",
     "{\"k\":1,\"b\":\"x\"}\n{\"k\":\r\n[1],\"b\":\"y\"}\n{\"k\":1,\"b\":\"z\"}\n", "x\nz\n"},
    {"a cut object is malformed, the next record is read right", "", AB,
     "{\"a\":1,\"b\":\n{\"a\":2,\"b\":\"y\"}\n{\"a\":3,\"b\":\"z\"}\n", "NULL|NULL\n2|y\n3|z\n"},
    {"a cut string is malformed", "", ABC, "{\"a\":1,\"b\":\"x\n{\"a\":2,\"b\":\"y\"}\n",
     "NULL|NULL|{\"a\":1,\"b\":\"x\n2|y|NULL\n"},
    {"a line end inside a value ends the record, also after records alike", "mode=DROPMALFORMED",
     "a ARRAY<INT>, b STRUCT<x: INT>, c STRING",
     "{\"a\":[1],\"b\":{\"x\":1},\"c\":\"s\"}\n{\"a\":[\n2],\"b\":{\"x\":1},\"c\":\"s\"}\n"
     "{\"a\":[1],\"b\":{\n\"x\":1},\"c\":\"s\"}\n{\"a\":[3],\"b\":{\"x\":1},\"c\":[1,\n2]}\n"
     "{\"a\":[4],\"z\":[1,\n2]}\n{\"a\":[5],\"z\":[1,2]}\n{\"a\":[6],\"z\":[1,\n2]}\n",
     "[1]|{\"x\":1}|s\n[5]|NULL|NULL\n"},
    {"a backslash at the end of a line does not eat it", "", AB,
     "{\"a\":1,\"b\":\"x\"}\n{\"a\":1,\"b\":\"x\\\n{\"a\":2,\"b\":\"y\"}\n",
     "1|x\nNULL|NULL\n2|y\n"},
    {"a value of another type is NULL, the rest stays", "", ABC, "{\"a\":\"x\",\"b\":\"y\"}\n",
     "NULL|y|{\"a\":\"x\",\"b\":\"y\"}\n"},
    {"a fraction is no BIGINT", "", AB, "{\"a\":1.5,\"b\":\"y\"}\n{\"a\":1e2,\"b\":\"y\"}\n",
     "NULL|y\nNULL|y\n"},
    {"too large for its type", "", "a TINYINT, b INT",
     "{\"a\":128,\"b\":2147483648}\n{\"a\":-128,\"b\":-2147483648}\n",
     "NULL|NULL\n-128|-2147483648\n"},
    {"too large for BIGINT", "", AB, "{\"a\":9223372036854775807}\n{\"a\":9223372036854775808}\n",
     "9223372036854775807|NULL\nNULL|NULL\n"},
    {"a string column takes any value as its text", "", "b STRING",
     "{\"b\":1.50}\n{\"b\":true}\n{\"b\":{\"x\": 1}}\n{\"b\":[1, 2]}\n",
     "1.50\ntrue\n{\"x\": 1}\n[1, 2]\n"},
    {"NaN and Infinity are floats", "", "a DOUBLE",
     "{\"a\":NaN}\n{\"a\":-Infinity}\n{\"a\":\"Infinity\"}\n{\"a\":\"+INF\"}\n{\"a\":1}\n",
     "NaN\n-Infinity\nInfinity\nInfinity\n1.0\n"},
    {"NaN can be switched off", "allowNonNumericNumbers=false", "a DOUBLE", "{\"a\":NaN}\n",
     "NULL\n"},
    {"an empty string is no number", "", "a DOUBLE, b STRING", "{\"a\":\"\",\"b\":\"\"}\n",
     "NULL|\n"},
    {"booleans", "", "a BOOLEAN", "{\"a\":true}\n{\"a\":false}\n{\"a\":\"true\"}\n{\"a\":1}\n",
     "true\nfalse\nNULL\nNULL\n"},
    {"decimals round to their scale", "", "a DECIMAL(5,2)",
     "{\"a\":1.005}\n{\"a\":\"2.5\"}\n{\"a\":12345}\n", "1.01\n2.50\nNULL\n"},
    {"dates and timestamps as text", "", "a DATE, b TIMESTAMP",
     "{\"a\":\"2024-02-29\",\"b\":\"2024-02-29T12:34:56.789Z\"}\n{\"a\":\"2024-02-30\",\"b\":"
     "\"2024-02-29 12:34\"}\n",
     "2024-02-29|2024-02-29 12:34:56.789\nNULL|2024-02-29 12:34:00\n"},
    {"a number is a timestamp in seconds", "", "b TIMESTAMP", "{\"b\":86400}\n",
     "1970-01-02 00:00:00\n"},
    {"binary is base64", "", "b BINARY", "{\"b\":\"aGk=\"}\n", "hi\n"},
    {"structs, arrays, maps", "", "s STRUCT<x: INT, y: STRING>, l ARRAY<INT>, m MAP<STRING, INT>",
     "{\"s\":{\"y\":\"q\",\"x\":1},\"l\":[1,null,3],\"m\":{\"k\":1,\"j\":2}}\n{\"s\":{},\"l\":[],"
     "\"m\":{}}\n{\"s\":null,\"l\":null,\"m\":null}\n",
     "{\"x\":1,\"y\":\"q\"}|[1,null,3]|{\"j\":2,\"k\":1}\n{\"x\":null,\"y\":null}|[]|{}\nNULL|NULL|"
     "NULL\n"},
    {"an element that does not fit takes its array with it", "", "l ARRAY<INT>, b STRING",
     "{\"l\":[1,\"x\",2],\"b\":\"y\"}\n", "NULL|y\n"},
    {"a value that does not fit says nothing of the next", "", "a DATE, l ARRAY<INT>",
     "{\"l\":[1],\"a\":\"2024-01-01\"}\n{\"l\":[2],\"a\":\"x\"}\n{\"l\":[3],\"a\":\"2024-01-03\"}"
     "\n",
     "2024-01-01|[1]\nNULL|[2]\n2024-01-03|[3]\n"},
    {"a field that does not fit leaves its struct", "", "s STRUCT<x: INT, y: STRING>",
     "{\"s\":{\"x\":\"q\",\"y\":\"w\"}}\n", "{\"x\":null,\"y\":\"w\"}\n"},
    {"arrays of structs of arrays", "", "l ARRAY<STRUCT<k: ARRAY<INT>>>",
     "{\"l\":[{\"k\":[1]},{\"k\":[2,3]},{}]}\n{\"l\":[{\"k\":[4]}]}\n",
     "[{\"k\":[1]},{\"k\":[2,3]},{\"k\":null}]\n[{\"k\":[4]}]\n"},
    {"the last of equal map keys wins", "", "m MAP<STRING, INT>",
     "{\"m\":{\"k\":1,\"j\":2,\"k\":3}}\n", "{\"j\":2,\"k\":3}\n"},
    {"an array at the top gives a row per element", "", AB,
     "[{\"a\":1,\"b\":\"x\"},{\"a\":2}]\n{\"a\":3}\n[]\n", "1|x\n2|NULL\n3|NULL\n"},
    {"a bad escape in an array at the top", "", AB,
     "[{\"a\":1},{\"a\":\"x\",\"b\":\"\\q\"},{\"a\":3}]\n{\"a\":4}\n",
     "1|NULL\nNULL|NULL\n4|NULL\n"},
    {"a value at the top that is no object is malformed", "", ABC, "5\n\"x\"\ntrue\n",
     "NULL|NULL|5\nNULL|NULL|\"x\"\nNULL|NULL|true\n"},
    {"what follows the record on its line is ignored", "", AB, "{\"a\":1} trailing\n", "1|NULL\n"},
    {"DROPMALFORMED drops", "mode=DROPMALFORMED", AB,
     "{\"a\":1}\n{\"a\":\n{\"a\":\"x\"}\n{\"a\":2}\n", "1|NULL\n2|NULL\n"},
    {"FAILFAST fails on a cut record", "mode=FAILFAST", AB, "{\"a\":1}\n{\"a\":\n",
     "!MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
    {"FAILFAST fails on a type", "mode=FAILFAST", AB, "{\"a\":1}\n{\"a\":\"x\"}\n",
     "!MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
    {"the record of an array's rows is the array", "", ABC, "[{\"a\":1},{\"a\":\"x\"}, 3]\n",
     "1|NULL|NULL\nNULL|NULL|[{\"a\":1},{\"a\":\"x\"}, 3]\nNULL|NULL|[{\"a\":1},{\"a\":\"x\"}, "
     "3]\n"},
    {"words of numbers that are none", "", "d DOUBLE, _corrupt_record STRING",
     "{\"d\":\"+INF\"}\n{\"d\":\"-Infinity\"}\n{\"d\":NaN}\n{\"d\":-0}\n{\"d\":-0.0}\n{\"d\":"
     "\"INF\"}\n",
     "Infinity|NULL\n-Infinity|NULL\nNaN|NULL\n0.0|NULL\n-0.0|NULL\nNULL|{\"d\":\"INF\"}\n"},
    {"multiLine reads one document", "multiLine=true", AB, "{\n \"a\": 1,\n \"b\": \"x\"\n}\n",
     "1|x\n"},
    {"multiLine reads an array of records", "multiLine=true", AB, "[\n{\"a\": 1},\n{\"a\": 2}\n]\n",
     "1|NULL\n2|NULL\n"},
    {"another line separator", "lineSep=|", AB, "{\"a\":1}|{\"a\":2}", "1|NULL\n2|NULL\n"},
    {"NUL bytes are not JSON", "", AB, "{\"a\":1}\n\1\n{\"a\":2}\n", "1|NULL\nNULL|NULL\n2|NULL\n"},
    {"a key of 300 bytes", "", "b STRING",
     "{\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxx\":1,\"b\":\"y\"}\n"
     "{\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
     "xxxxxxxxxxxxxxxx\":2,\"b\":\"z\"}\n",
     "y\nz\n"},
};

static void records_are_read_as_spark_reads_them(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(cases); i++)
        case_run(*state, &mr_format_json, &cases[i]);
}

static const struct {
    const char *rule, *options, *input, *expected;
} schemas[] = {
    {"whole numbers, fractions, booleans, strings", "",
     "{\"d\":\"x\",\"c\":true,\"b\":1.5,\"a\":1}\n", "a BIGINT, b DOUBLE, c BOOLEAN, d STRING"},
    {"number types widen", "", "{\"a\":1}\n{\"a\":1.5}\n", "a DOUBLE"},
    {"types that do not meet are strings", "", "{\"a\":1,\"b\":[1]}\n{\"a\":\"x\",\"b\":1}\n",
     "a STRING, b STRING"},
    {"beyond BIGINT", "", "{\"a\":12345678901234567890}\n", "a DECIMAL(20,0)"},
    {"always NULL is a string", "", "{\"a\":null,\"b\":[],\"c\":[null]}\n",
     "a STRING, b ARRAY<STRING>, c ARRAY<STRING>"},
    {"always NULL can go", "dropFieldIfAllNull=true", "{\"a\":null,\"b\":[],\"c\":1}\n",
     "c BIGINT"},
    {"structs merge", "", "{\"s\":{\"y\":1}}\n{\"s\":{\"x\":\"q\"}}\n",
     "s STRUCT<x: STRING, y: BIGINT>"},
    {"empty structs go", "", "{\"s\":{},\"a\":1}\n", "a BIGINT"},
    {"arrays merge", "", "{\"l\":[1,2.5,null]}\n", "l ARRAY<DOUBLE>"},
    {"a malformed record adds its column", "", "{\"a\":1}\n{\"a\":\n",
     "_corrupt_record STRING, a BIGINT"},
    {"DROPMALFORMED does not", "mode=DROPMALFORMED", "{\"a\":1}\n{\"a\":\n", "a BIGINT"},
    {"FAILFAST fails", "mode=FAILFAST", "{\"a\":1}\n{\"a\":\n",
     "MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
    {"primitives as strings", "primitivesAsString=true", "{\"a\":1,\"b\":true}\n",
     "a STRING, b STRING"},
    {"decimals preferred", "prefersDecimal=true", "{\"a\":1.50}\n{\"a\":100.5}\n",
     "a DECIMAL(5,2)"},
    {"names that differ in case only", "", "{\"s\":{\"A\":1}}\n{\"s\":{\"a\":2}}\n",
     "COLUMN_ALREADY_EXISTS"},
    {"arrays at the top", "", "[{\"a\":1},{\"b\":2}]\n", "a BIGINT, b BIGINT"},
};

static void schemas_are_inferred_as_spark_does(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(schemas); i++)
        case_schema(*state, &mr_format_json, schemas[i].rule, schemas[i].options, schemas[i].input,
                    schemas[i].expected);
}

static void depth_is_limited(void **state)
{
    char *text = malloc(5100);
    for (int n = 999; n <= 1001; n++) {
        MrArena arena;
        MrError err = {0};
        MrText out = {0};
        MrSchema schema;
        mr_arena_init(&arena, *state);
        int at = sprintf(text, "{\"b\":");
        memset(text + at, '[', (size_t)n);
        memset(text + at + n, ']', (size_t)n);
        strcpy(text + at + 2 * n, ",\"a\":1}\n");
        MR_OKAY(case_read(*state, &arena, &mr_format_json, "", "a BIGINT", text,
                          (int64_t)strlen(text), false, &out, &schema, &err));
        assert_string_equal(out.data, n <= 1000 ? "1\n" : "NULL\n");
        mr_arena_deinit(&arena);
    }
    free(text);
}

static void steps_agree_with_the_general_parser(void **state)
{
    /* The same records, once each alone (no steps yet) and once in a row (steps from the one
     * before). */
    static const char *const records[] = {
        "{\"a\":1,\"b\":\"x\",\"c\":1.5}",
        "{\"a\":2,\"b\":\"yy\",\"c\":2}",
        "{\"a\":-3,\"b\":\"\",\"c\":-0.0}",
        "{\"a\":4,\"c\":1,\"b\":\"z\"}",
        "{\"a\":5}",
        "{\"b\":\"\\n\",\"a\":6,\"c\":null}",
        "{\"a\":7,\"b\":\"x\",\"c\":1.5,\"d\":0}",
        "{\"a\":0,\"b\":null,\"c\":1e3}",
        "{\"a\":01,\"b\":\"x\",\"c\":1}",
        "{\"a\":8,\"b\":\"x\",\"c\":1.5",
        "{\"a\":9,\"b\":\"x\",\"c\":}",
        "{\"a\":+1,\"b\":\"x\",\"c\":1}",
        "{\"a\":10,\"b\":"
        "\"abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz\",\"c\":"
        "1}",
        "{\"a\":9223372036854775808,\"b\":\"x\",\"c\":1}",
        "{\"a\":11, \"b\":\"x\",\"c\":1}",
        "{\"a\":12,\"b\":\"\xc3\xa9\",\"c\":1}",
        "{\"a\":13,\"b\": \"blanks\",\"c\":1}",
        "{\"a\":  14,\"b\":\t 5.50,\"c\": 2}",
        "{\"a\":15,\"b\":  {\"x\": 1},\"c\": -0}",
        "{\"a\": null,\"b\": null,\"c\": \"INF\"}",
    };
    uint64_t seed = 88172645463325252u;
    for (int run = 0; run < 300; run++) {
        MrArena arena;
        MrError err = {0};
        mr_arena_init(&arena, *state);
        MrTextBuilder all = {.arena = &arena}, expected = {.arena = &arena};
        for (int i = 0; i < 24; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            const char *record =
                records[(seed >> 8) % (seed & 1 ? 3 : (uint64_t)MR_COUNT(records))];
            MrText one;
            MrSchema schema;
            MR_OKAY(case_read(*state, &arena, &mr_format_json, "",
                              "b STRING, a BIGINT, c DOUBLE, x INT", record,
                              (int64_t)strlen(record), false, &one, &schema, &err));
            mr_builder_put(&expected, one.data, one.size_bytes);
            mr_builder_str(&all, record);
            mr_builder_char(&all, '\n');
        }
        MrText got;
        MrSchema schema;
        MR_OKAY(case_read(*state, &arena, &mr_format_json, "",
                          "b STRING, a BIGINT, c DOUBLE, x INT", all.data, all.size_bytes, run & 1,
                          &got, &schema, &err));
        assert_string_equal(got.data, mr_builder_text(&expected).data);
        mr_arena_deinit(&arena);
    }
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(records_are_read_as_spark_reads_them),
    MR_UNIT_TEST(schemas_are_inferred_as_spark_does),
    MR_UNIT_TEST(depth_is_limited),
    MR_UNIT_TEST(steps_agree_with_the_general_parser),
};
MR_UNIT_TESTS_MAIN(tests)
