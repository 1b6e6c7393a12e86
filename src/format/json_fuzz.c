/* json_fuzz.c - JSON of any bytes. */
#define FUZZ_FORMAT mr_format_json
#define FUZZ_OPTIONS                                                                               \
    "", "", "mode=DROPMALFORMED", "mode=FAILFAST", "multiLine=true",                               \
        "prefersDecimal=true;inferTimestamp=true",                                                 \
        "allowComments=true;allowUnquotedFieldNames=true;allowUnquotedControlChars=true",          \
        "allowBackslashEscapingAnyCharacter=true;allowNumericLeadingZeros=true", "lineSep=ab"
#define FUZZ_SCHEMAS                                                                               \
    "a BIGINT, b STRING",                                                                          \
        "a INT, b DOUBLE, c DATE, d TIMESTAMP, e DECIMAL(20,3), f BINARY, g BOOLEAN",              \
        "a STRUCT<x: INT, y: ARRAY<STRING>>, b MAP<STRING, ARRAY<INT>>, c STRING, "                \
        "_corrupt_record STRING",                                                                  \
        "l ARRAY<STRUCT<k: ARRAY<STRUCT<z: INT, y: STRING>>>>, m MAP<INT, STRUCT<a: MAP<STRING, "  \
        "INT>>>"
#include "format/rows_fuzz.inc.h"
