/* csv_read_test.c - CSV records, good and bad (RELIABILITY part 5, door "CSV"). */
#include "format/rows_case.h"

#define AB "a INT, b STRING"
#define ABC "a INT, b STRING, _corrupt_record STRING"

static const RowCase cases[] = {
    {"fields go by place", "", AB, "1,x\n2,y\n", "1|x\n2|y\n"},
    {"an empty file has no rows", "", AB, "", ""},
    {"a header alone has no rows", "header=true", AB, "a,b\n", ""},
    {"the header is skipped", "header=true", AB, "p,q\n1,x\n", "1|x\n"},
    {"empty lines before the header", "header=true", AB, "\n \np,q\n1,x\n", "1|x\n"},
    {"empty lines before the header, with multiLine", "header=true;multiLine=true", AB,
     "\n\np,q\n1,x\n", "1|x\n"},
    {"the header may have to agree", "header=true;enforceSchema=false", AB, "p,q\n1,x\n",
     "!DATA_SOURCE_TABLE_SCHEMA_MISMATCH"},
    {"a header that agrees", "header=true;enforceSchema=false", AB, "A,b\n1,x\n", "1|x\n"},
    {"empty lines are no records", "", AB, "\n1,x\n\n  \n2,y\n\n", "1|x\n2|y\n"},
    {"the last line needs no end", "", AB, "1,x\n2,y", "1|x\n2|y\n"},
    {"CRLF, LF and CR end lines", "", AB, "1,x\r\n2,y\n3,z\r4,w", "1|x\n2|y\n3|z\n4|w\n"},
    {"a byte order mark is skipped", "header=true", AB,
     "\xef\xbb\xbf"
     "a,b\n1,x\n",
     "1|x\n"},
    {"an empty field is NULL", "", AB, ",\n1,\n,x\n", "NULL|NULL\n1|NULL\nNULL|x\n"},
    {"an empty quoted field is NULL too by default", "", AB, "1,\"\"\n", "1|NULL\n"},
    {"but not when nullValue is something else", "nullValue=-", AB, "1,\"\"\n2,-\n3,\n",
     "1|\n2|NULL\n3|NULL\n"},
    {"emptyValue stands for an empty quoted field", "emptyValue=E", AB, "1,\"\"\n", "1|E\n"},
    {"quotes keep separators", "", AB, "1,\"x,y\"\n", "1|x,y\n"},
    {"a backslash escapes quotes", "", AB, "1,\"x\\\"y\"\n2,\"x\\\\\"\n3,\"x\\ny\"\n",
     "1|x\"y\n2|x\\\n3|x\\ny\n"},
    {"doubled quotes with escape=\"", "escape=\"", AB, "1,\"x\"\"y\"\n2,\"\"\"\"\n",
     "1|x\"y\n2|\"\n"},
    {"a stray quote makes the field plain", "", AB, "1,\"x\"y\n2,z\n", "1|\"x\"y\n2|z\n"},
    {"a stray quote, until the closing one", "unescapedQuoteHandling=STOP_AT_CLOSING_QUOTE", AB,
     "1,\"x\"y\"\n", "1|x\"y\n"},
    {"a stray quote, the value skipped", "unescapedQuoteHandling=SKIP_VALUE", AB, "1,\"x\"y\n2,z\n",
     "1|NULL\n2|z\n"},
    {"quotes inside a plain field are text", "", AB, "1,x\"y\"\n", "1|x\"y\"\n"},
    {"blanks behind a closing quote", "", AB, "1,\"x\" \n\"2\" ,y\n", "1|x\n2|y\n"},
    {"another quote", "quote='", AB, "1,'x,y'\n2,\"z\"\n", "1|x,y\n2|\"z\"\n"},
    {"another separator", "sep=|", AB, "1|x,y\n", "1|x,y\n"},
    {"a tab", "sep=\\t", AB, "1\tx\n", "1|x\n"},
    {"a separator of more than one character", "sep=||", AB, "1||x|y\n\"2\"||z\n", "1|x|y\n2|z\n"},
    {"comments are skipped", "comment=#", AB, "#c\n1,x\n# 2,y\n", "1|x\n"},
    {"blanks are text", "", "a STRING, b STRING", " x , y \n", " x | y \n"},
    {"blanks can be trimmed", "ignoreLeadingWhiteSpace=true;ignoreTrailingWhiteSpace=true",
     "a STRING, b STRING", " x , y \n", "x|y\n"},
    {"too few fields", "", ABC, "1\n2,y\n", "1|NULL|1\n2|y|NULL\n"},
    {"too many fields", "", ABC, "1,x,z\n2,y\n", "1|x|1,x,z\n2|y|NULL\n"},
    {"more fields than maxColumns", "maxColumns=2", "a INT, b INT, c INT, _corrupt_record STRING",
     "1,2,3\n4,5\n", "1|2|3|1,2,3\n4|5|NULL|4,5\n"},
    {"a bad number is NULL, the rest stays", "", ABC, "q,x\n2,y\n", "NULL|x|q,x\n2|y|NULL\n"},
    {"beyond INT", "", ABC, "2147483648,x\n", "NULL|x|2147483648,x\n"},
    {"DROPMALFORMED drops", "mode=DROPMALFORMED", AB, "1,x\nq,x\n2\n3,x,y\n4,w\n", "1|x\n4|w\n"},
    {"FAILFAST fails on a number", "mode=FAILFAST", AB, "1,x\nq,x\n",
     "!MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
    {"FAILFAST fails on a count", "mode=FAILFAST", AB, "1,x\n2\n",
     "!MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
    {"FAILFAST fails on an open quote", "mode=FAILFAST", AB, "1,\"x\n",
     "!MALFORMED_RECORD_IN_PARSING.WITHOUT_SUGGESTION"},
    {"an open quote ends at its line", "", ABC, "1,\"x\n2,y\n", "1|x|1,\"x\n2|y|NULL\n"},
    {"NUL bytes are text", "", AB, "1,x\1y\n", "1|x\1y\n"},
    {"invalid UTF-8 is read as U+FFFD", "", AB,
     "1,a\xff"
     "b\n2,\xc3\xa9\n",
     "1|a\xef\xbf\xbd"
     "b\n2|\xc3\xa9\n"},
    {"numbers of all kinds", "",
     "a TINYINT, b SMALLINT, c BIGINT, d FLOAT, e DOUBLE, f DECIMAL(6,2)",
     "1,2,3,4.5,5e3,6.005\n-128,-32768,-9223372036854775808,NaN,-Inf,-0\n+1,+2,+3,Inf,.5,1234.5\n",
     "1|2|3|4.5|5000.0|6.01\n-128|-32768|-9223372036854775808|NaN|-Infinity|0.00\n1|2|3|Infinity|0."
     "5|1234.50\n"},
    {"out of range is NULL", "", "a TINYINT, b SMALLINT, f DECIMAL(3,2)", "128,32768,12.3\n",
     "NULL|NULL|NULL\n"},
    {"words of a number can be chosen", "nanValue=nix;positiveInf=oo", "d DOUBLE", "nix\noo\n",
     "NaN\nInfinity\n"},
    {"booleans in any case", "", "a BOOLEAN", "true\nFALSE\nyes\n1\n", "true\nfalse\nNULL\nNULL\n"},
    {"dates are read as casts do", "", "a DATE",
     "2024-02-29\n2024-2-9\n2024\n2024-03-01T10:00:00\n2023-02-29\n20240301\n",
     "2024-02-29\n2024-02-09\n2024-01-01\n2024-03-01\nNULL\nNULL\n"},
    {"with dateFormat they are strict", "dateFormat=yyyy-MM-dd", "a DATE",
     "2024-02-29\n2024-2-9\n2024\n", "2024-02-29\nNULL\nNULL\n"},
    {"a timestamp without zone has none", "", "a TIMESTAMP_NTZ, _corrupt_record STRING",
     "2024-02-29 12:34\n2024-02-29 12:34Z\n2024-02-29\n2024-02-29 12:34 Europe/Berlin\n",
     "2024-02-29 12:34:00|NULL\nNULL|2024-02-29 12:34Z\n2024-02-29 00:00:00|NULL\n"
     "NULL|2024-02-29 12:34 Europe/Berlin\n"},
    {"floating point as Java reads it", "", "d DOUBLE, f FLOAT",
     "1d,1.5F\n 2 ,16777217.0000001\nInfinity,-Infinity\nnan,inf\n",
     "1.0|1.5\n2.0|1.6777218E7\nInfinity|-Infinity\nNULL|NULL\n"},
    {"quotes in a row are one fewer", "", AB, "1,\"\"\"\n2,\"\"\"\"\n3,\"a\"\"\n4,\"\n",
     "1|\"\n2|\"\"\n3|a\"\n4|\"\n"},
    {"a stray quote, back to the separator", "unescapedQuoteHandling=BACK_TO_DELIMITER",
     "a STRING, b STRING, c STRING", "\"x,y\"z,w\n", "\"x|y\"z|w\n"},
    {"timestamps are not", "", "a TIMESTAMP",
     "2024-02-29 12:34:56\n2024-02-29T12:34:56.789Z\n2024-02-29\n2024-02-29T12:34:56+01:00\nx\n",
     "2024-02-29 12:34:56\n2024-02-29 12:34:56.789\n2024-02-29 00:00:00\n2024-02-29 "
     "11:34:56\nNULL\n"},
    {"a quoted field spans lines with multiLine", "multiLine=true", AB, "1,\"x\ny\"\n2,z\n",
     "1|x\ny\n2|z\n"},
    {"multiLine with CRLF, blank lines, comments and a header",
     "multiLine=true;header=true;comment=#", AB, "a,\"b\nb\"\r\n\r\n#c\r\n1,\"x\r\ny\"\r\n2,z",
     "1|x\r\ny\n2|z\n"},
    {"multiLine: an open quote runs to the end", "multiLine=true", ABC, "1,x\n2,\"y\n3,z\n",
     "1|x|NULL\n2|y\n3,z\n|2,\"y\n3,z\n"},
    {"another line separator", "lineSep=|", AB, "1,x|2,y\n", "1|x\n2|y\n\n"},
    {"long fields", "", AB,
     "1,xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n",
     "1|xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\n"},
    {"characters in a field can be limited", "maxCharsPerColumn=2", AB, "1,xy\n2,xyz\n",
     "1|xy\n2|NULL\n"},
    {"a nested type is refused", "", "a ARRAY<INT>", "1\n",
     "!UNSUPPORTED_DATA_TYPE_FOR_DATASOURCE"},
    {"an empty separator is refused", "sep=", AB, "1\n", "!INVALID_DELIMITER_VALUE.EMPTY_STRING"},
    {"a bare backslash is refused", "sep=\\", AB, "1\n",
     "!INVALID_DELIMITER_VALUE.SINGLE_BACKSLASH"},
    {"the corrupt-record column alone is refused", "", "_corrupt_record STRING", "1\n",
     "!UNSUPPORTED_FEATURE.QUERY_ONLY_CORRUPT_RECORD_COLUMN"},
    {"the corrupt-record column is a string", "", "a INT, _corrupt_record INT", "1\n",
     "!INVALID_CORRUPT_RECORD_TYPE"},
};

static void records_are_read_as_spark_reads_them(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(cases); i++)
        case_run(*state, &mr_format_csv, &cases[i]);
}

static const struct {
    const char *rule, *options, *input, *expected;
} schemas[] = {
    {"without a header columns are numbered", "", "1,x\n", "_c0 STRING, _c1 STRING"},
    {"the header names them", "header=true", "a,b\n1,x\n", "a STRING, b STRING"},
    {"types in Spark's order", "inferSchema=true",
     "1,3000000000,1.5,2024-01-01,2024-01-01 10:00:00,true,x\n",
     "_c0 INT, _c1 BIGINT, _c2 DOUBLE, _c3 DATE, _c4 TIMESTAMP, _c5 BOOLEAN, _c6 STRING"},
    {"types widen", "inferSchema=true", "1,1,1,2024-01-01\n3000000000,1.5,x,2024-01-01 10:00:00\n",
     "_c0 BIGINT, _c1 DOUBLE, _c2 STRING, _c3 TIMESTAMP"},
    {"types that do not meet are strings", "inferSchema=true", "true,2024-01-01\n1,1.5\n",
     "_c0 STRING, _c1 STRING"},
    {"beyond BIGINT", "inferSchema=true", "12345678901234567890\n", "_c0 DECIMAL(20,0)"},
    {"empty fields say nothing", "inferSchema=true", ",\n1,\n", "_c0 INT, _c1 STRING"},
    {"names that are empty or twice there", "header=true", "a,,A\n1,2,3\n",
     "a0 STRING, _c1 STRING, A2 STRING"},
    {"no dates without preferDate", "inferSchema=true;preferDate=false", "2024-01-01\n",
     "_c0 TIMESTAMP"},
    {"quoted names", "header=true", "\"a,b\",c\n1,2\n", "a,b STRING, c STRING"},
};

static void schemas_are_inferred_as_spark_does(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(schemas); i++)
        case_schema(*state, &mr_format_csv, schemas[i].rule, schemas[i].options, schemas[i].input,
                    schemas[i].expected);
}

static const RowCase text_cases[] = {
    {"each line is a row", "", NULL, "a,b\n\nc\r\nd", "a,b\n\nc\nd\n"},
    {"a whole file is a row", "wholetext=true", NULL, "a\nb\n", "a\nb\n\n"},
    {"another separator", "lineSep=|", NULL, "a|b", "a\nb\n"},
};

static void text_is_read_line_by_line(void **state)
{
    for (int64_t i = 0; i < MR_COUNT(text_cases); i++)
        case_run(*state, &mr_format_text, &text_cases[i]);
}

static void other_encodings_become_utf8(void **state)
{
    static const struct {
        MrEncodingId encoding;
        const char *in;
        int64_t n_in;
        const char *out;
    } rows[] = {
        {MR_ENC_LATIN1, "a\xe9", 2, "a\xc3\xa9"},
        {MR_ENC_ASCII, "a\xe9", 2, "a\xef\xbf\xbd"},
        {MR_ENC_UTF16, "\xfe\xff\0a\xd8\x3d\xde\0", 8, "a\xf0\x9f\x98\x80"},
        {MR_ENC_UTF16,
         "\xff\xfe"
         "a\0\x3d\xd8\0\xde",
         8, "a\xf0\x9f\x98\x80"},
        {MR_ENC_UTF16LE, "a\0b\0", 4, "ab"},
        {MR_ENC_UTF16BE, "\0a\xd8\0\0b", 6,
         "a\xef\xbf\xbd"
         "b"},
        {MR_ENC_UTF16LE, "a\0b", 3, "a\xef\xbf\xbd"},
        {MR_ENC_UTF32, "\0\0\0a", 4, "a"},
    };
    for (int64_t i = 0; i < MR_COUNT(rows); i++) {
        MrBuffer out;
        MrError err = {0};
        mr_buffer_init(&out, *state, 1000);
        MR_OKAY(mr_encoding_to_utf8(rows[i].encoding, rows[i].in, rows[i].n_in, &out, &err));
        assert_int_equal(out.size_bytes, strlen(rows[i].out));
        assert_memory_equal(out.data, rows[i].out, (size_t)out.size_bytes);
        mr_buffer_deinit(&out);
    }
}

static const struct CMUnitTest tests[] = {
    MR_UNIT_TEST(records_are_read_as_spark_reads_them),
    MR_UNIT_TEST(schemas_are_inferred_as_spark_does),
    MR_UNIT_TEST(text_is_read_line_by_line),
    MR_UNIT_TEST(other_encodings_become_utf8),
};
MR_UNIT_TESTS_MAIN(tests)
