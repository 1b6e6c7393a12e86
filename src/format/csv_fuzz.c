/* csv_fuzz.c - CSV of any bytes. */
#define FUZZ_FORMAT mr_format_csv
#define FUZZ_OPTIONS                                                                               \
    "", "header=true", "inferSchema=true", "header=true;inferSchema=true;multiLine=true",          \
        "mode=DROPMALFORMED", "mode=FAILFAST", "multiLine=true;comment=#", "escape=\"",            \
        "sep=ab;quote=x", "unescapedQuoteHandling=STOP_AT_CLOSING_QUOTE;multiLine=true",           \
        "unescapedQuoteHandling=RAISE_ERROR",                                                      \
        "ignoreLeadingWhiteSpace=true;ignoreTrailingWhiteSpace=true;unescapedQuoteHandling=SKIP_"  \
        "VALUE",                                                                                   \
        "lineSep=ab"
#define FUZZ_SCHEMAS                                                                               \
    "a INT, b STRING",                                                                             \
        "a TINYINT, b SMALLINT, c BIGINT, d FLOAT, e DOUBLE, f DECIMAL(20,3), g DATE, h "          \
        "TIMESTAMP, i BOOLEAN",                                                                    \
        "a STRING, b STRING, _corrupt_record STRING"
#include "format/rows_fuzz.inc.h"
