/* type.h - the types of values.  Immutable once built; built in an arena or static. */
#ifndef MR_COLUMN_TYPE_H
#define MR_COLUMN_TYPE_H

#include "base/arena.h"
#include "base/int128.h"

/* How a value lies in memory. */
typedef enum MrPhysical {
    MR_PHYS_VOID, /* no data, all NULL                                             */
    MR_PHYS_I8,   /* boolean (0 or 1, one byte a row) and tinyint                  */
    MR_PHYS_I16,
    MR_PHYS_I32,
    MR_PHYS_I64,
    MR_PHYS_I128,
    MR_PHYS_F32,
    MR_PHYS_F64,
    MR_PHYS_STR,      /* MrStr views                                                   */
    MR_PHYS_INTERVAL, /* MrInterval                                                    */
    MR_PHYS_LIST,     /* MrSlice into one child; a map has two children, keys and values */
    MR_PHYS_STRUCT    /* children side by side, no data of its own                     */
} MrPhysical;

/* X(kind, name, physical).  Rank in this list is not Spark's precedence. */
#define MR_TYPES(X)                                                                                \
    X(VOID, "void", VOID)                                                                          \
    X(BOOLEAN, "boolean", I8)                                                                      \
    X(TINYINT, "tinyint", I8)                                                                      \
    X(SMALLINT, "smallint", I16)                                                                   \
    X(INT, "int", I32)                                                                             \
    X(BIGINT, "bigint", I64)                                                                       \
    X(FLOAT, "float", F32)                                                                         \
    X(DOUBLE, "double", F64)                                                                       \
    X(DECIMAL, "decimal", I64) /* I128 above 18 digits */                                          \
    X(STRING, "string", STR)   /* also char(n), varchar(n): length > 0, see MrType */              \
    X(BINARY, "binary", STR)                                                                       \
    X(DATE, "date", I32)                          /* days since 1970-01-01 */                      \
    X(TIME, "time", I64)                          /* nanoseconds since midnight; precision 0..6 */ \
    X(TIMESTAMP, "timestamp", I64)                /* microseconds since 1970 UTC */                \
    X(TIMESTAMP_NTZ, "timestamp_ntz", I64)        /* microseconds since 1970, no zone */           \
    X(INTERVAL_YM, "interval year to month", I32) /* months */                                     \
    X(INTERVAL_DT, "interval day to second", I64) /* microseconds */                               \
    X(INTERVAL, "interval", INTERVAL)             /* legacy calendar interval */                   \
    X(ARRAY, "array", LIST)                                                                        \
    X(MAP, "map", LIST)                                                                            \
    X(STRUCT, "struct", STRUCT)                                                                    \
    X(VARIANT, "variant", STRUCT) /* children: value binary, metadata binary */

typedef enum MrTypeKind {
#define X(kind, name, physical) MR_TYPE_##kind,
    MR_TYPES(X)
#undef X
        MR_N_TYPES
} MrTypeKind;

typedef struct MrType MrType;

typedef struct MrField {
    const char *name;
    const MrType *type;
    bool nullable;
    const char *comment; /* NULL: none */
} MrField;

/* Fields of intervals, in this order: a type runs from start to end. */
typedef enum MrIntervalField {
    MR_YEAR,
    MR_MONTH,
    MR_DAY,
    MR_HOUR,
    MR_MINUTE,
    MR_SECOND
} MrIntervalField;

struct MrType {
    MrTypeKind kind;
    uint8_t
        precision; /* decimal 1..38; time 0..6; string 1: UTF8_BINARY was written, and is shown */
    uint8_t scale; /* decimal 0..precision                                             */
    uint8_t from, to;   /* intervals: MrIntervalField                                       */
    uint16_t collation; /* string: row of the collation table; 0: UTF8_BINARY               */
    bool is_char;       /* string: char(length) rather than varchar(length)                 */
    int32_t length;     /* string: n of char(n) and varchar(n); 0: plain                    */
    int32_t n_fields;   /* array 1 ("element"), map 2 ("key", "value"), struct: its fields  */
    const MrField *fields;
};

/* The types without parameters; decimal is (10,0), intervals are the widest. */
extern const MrType mr_types[MR_N_TYPES];
#define MR_T(kind) (&mr_types[MR_TYPE_##kind])

const MrType *mr_type_decimal(MrArena *arena, int precision, int scale);
const MrType *mr_type_array(MrArena *arena, const MrType *element, bool contains_null);
const MrType *mr_type_map(MrArena *arena, const MrType *key, const MrType *value,
                          bool value_contains_null);
const MrType *mr_type_struct(MrArena *arena, const MrField *fields,
                             int32_t n_fields); /* copies fields */
const MrType *mr_type_interval(MrArena *arena, MrIntervalField from, MrIntervalField to);
const MrType *mr_type_own(MrArena *arena, const MrType *type); /* deep copy */

MrPhysical mr_type_physical(const MrType *type);
int32_t mr_physical_bytes(MrPhysical physical);           /* 0 for void and struct */
bool mr_type_equal(const MrType *a, const MrType *b);     /* nullability and field names count */
bool mr_type_same_data(const MrType *a, const MrType *b); /* neither does: the same bytes      */
bool mr_type_is_numeric(const MrType *type);
bool mr_type_is_integral(const MrType *type);
bool mr_type_is_nested(const MrType *type);
bool mr_type_has(const MrType *type, MrTypeKind kind); /* it, or something inside it */
bool mr_type_is_orderable(const MrType *type);         /* not map, not calendar interval */

/* Spark's texts.  catalog: struct<a:int> (lower case, no blanks); sql: "DECIMAL(10,0)",
 * "ARRAY<INT>" as error messages and DESCRIBE want them. */
const char *mr_type_catalog_text(MrArena *arena, const MrType *type);
const char *mr_type_sql_text(MrArena *arena, const MrType *type);
/* Reads either form, also a column list "a INT, b STRING NOT NULL" into a struct (schema = true).
 */
MR_MUST_USE MrStatus mr_type_parse(MrArena *arena, MrText text, bool schema, const MrType **out,
                                   MrError *err);

#endif
