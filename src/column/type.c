/* type.c - building, comparing and printing types.  Reading their texts is in type_parse.c. */
#include "column/type.h"
#include "column/collation.h"

static const MrField variant_fields[] = {
    {.name = "value", .type = MR_T(BINARY)},
    {.name = "metadata", .type = MR_T(BINARY)},
};

#define PLAIN(kind_) [MR_TYPE_##kind_] = {.kind = MR_TYPE_##kind_}
const MrType mr_types[MR_N_TYPES] = {
    PLAIN(VOID),
    PLAIN(BOOLEAN),
    PLAIN(TINYINT),
    PLAIN(SMALLINT),
    PLAIN(INT),
    PLAIN(BIGINT),
    PLAIN(FLOAT),
    PLAIN(DOUBLE),
    PLAIN(STRING),
    PLAIN(BINARY),
    PLAIN(DATE),
    PLAIN(TIMESTAMP),
    PLAIN(TIMESTAMP_NTZ),
    PLAIN(INTERVAL),
    PLAIN(ARRAY),
    PLAIN(MAP),
    PLAIN(STRUCT),
    [MR_TYPE_DECIMAL] = {.kind = MR_TYPE_DECIMAL, .precision = 10},
    [MR_TYPE_TIME] = {.kind = MR_TYPE_TIME, .precision = 6},
    [MR_TYPE_INTERVAL_YM] = {.kind = MR_TYPE_INTERVAL_YM, .from = MR_YEAR, .to = MR_MONTH},
    [MR_TYPE_INTERVAL_DT] = {.kind = MR_TYPE_INTERVAL_DT, .from = MR_DAY, .to = MR_SECOND},
    [MR_TYPE_VARIANT] = {.kind = MR_TYPE_VARIANT, .n_fields = 2, .fields = variant_fields},
};
#undef PLAIN

static const struct {
    const char *name;
    MrPhysical physical;
} type_facts[MR_N_TYPES] = {
#define X(kind, name, physical) [MR_TYPE_##kind] = {name, MR_PHYS_##physical},
    MR_TYPES(X)
#undef X
};

static const char *const interval_field_names[] = {"year", "month",  "day",
                                                   "hour", "minute", "second"};

const MrType *mr_type_decimal(MrArena *arena, int precision, int scale)
{
    MR_ASSERT(precision >= 1 && precision <= MR_DECIMAL_MAX_DIGITS && scale >= 0 &&
              scale <= precision);
    MrType *type = MR_NEW(arena, MrType);
    type->kind = MR_TYPE_DECIMAL;
    type->precision = (uint8_t)precision;
    type->scale = (uint8_t)scale;
    return type;
}

static const MrType *type_nested(MrArena *arena, MrTypeKind kind, const MrField *fields,
                                 int32_t n_fields)
{
    MrType *type = MR_NEW(arena, MrType);
    MrField *own = MR_NEW_N(arena, MrField, n_fields);
    if (n_fields > 0)
        memcpy(own, fields, sizeof(MrField) * (size_t)n_fields);
    type->kind = kind;
    type->n_fields = n_fields;
    type->fields = own;
    return type;
}

const MrType *mr_type_array(MrArena *arena, const MrType *element, bool contains_null)
{
    MrField field = {.name = "element", .type = element, .nullable = contains_null};
    return type_nested(arena, MR_TYPE_ARRAY, &field, 1);
}

const MrType *mr_type_map(MrArena *arena, const MrType *key, const MrType *value,
                          bool value_contains_null)
{
    MrField fields[] = {
        {.name = "key", .type = key},
        {.name = "value", .type = value, .nullable = value_contains_null},
    };
    return type_nested(arena, MR_TYPE_MAP, fields, 2);
}

const MrType *mr_type_struct(MrArena *arena, const MrField *fields, int32_t n_fields)
{
    return type_nested(arena, MR_TYPE_STRUCT, fields, n_fields);
}

const MrType *mr_type_interval(MrArena *arena, MrIntervalField from, MrIntervalField to)
{
    MrTypeKind kind = from <= MR_MONTH ? MR_TYPE_INTERVAL_YM : MR_TYPE_INTERVAL_DT;
    MR_ASSERT(from <= to && (from <= MR_MONTH) == (to <= MR_MONTH));
    MrType *type = MR_NEW(arena, MrType);
    type->kind = kind;
    type->from = (uint8_t)from;
    type->to = (uint8_t)to;
    return type;
}

const MrType *mr_type_own(MrArena *arena, const MrType *type)
{
    if (type >= mr_types && type < mr_types + MR_N_TYPES)
        return type; /* static: lives as long as the process */
    MrType *own = MR_NEW(arena, MrType);
    *own = *type;
    if (type->n_fields > 0) {
        MrField *fields = MR_NEW_N(arena, MrField, type->n_fields);
        for (int32_t i = 0; i < type->n_fields; i++) {
            fields[i] = type->fields[i];
            fields[i].name = mr_arena_str(arena, type->fields[i].name);
            fields[i].type = mr_type_own(arena, type->fields[i].type);
            if (type->fields[i].comment)
                fields[i].comment = mr_arena_str(arena, type->fields[i].comment);
        }
        own->fields = fields;
    }
    return own;
}

MrPhysical mr_type_physical(const MrType *type)
{
    if (type->kind == MR_TYPE_DECIMAL)
        return type->precision > MR_DECIMAL_I64_DIGITS ? MR_PHYS_I128 : MR_PHYS_I64;
    return type_facts[type->kind].physical;
}

int32_t mr_physical_bytes(MrPhysical physical)
{
    static const int8_t bytes[] = {
        [MR_PHYS_VOID] = 0, [MR_PHYS_I8] = 1,        [MR_PHYS_I16] = 2,  [MR_PHYS_I32] = 4,
        [MR_PHYS_I64] = 8,  [MR_PHYS_I128] = 16,     [MR_PHYS_F32] = 4,  [MR_PHYS_F64] = 8,
        [MR_PHYS_STR] = 16, [MR_PHYS_INTERVAL] = 16, [MR_PHYS_LIST] = 8, [MR_PHYS_STRUCT] = 0,
    };
    return bytes[physical];
}

static bool type_same(const MrType *a, const MrType *b, bool names_count)
{
    if (a == b)
        return true;
    if (a->kind != b->kind || (a->precision != b->precision && a->kind != MR_TYPE_STRING) ||
        a->scale != b->scale || a->collation != b->collation || a->n_fields != b->n_fields)
        return false;
    if (names_count && (a->from != b->from || a->to != b->to || a->is_char != b->is_char ||
                        a->length != b->length))
        return false;
    for (int32_t i = 0; i < a->n_fields; i++) {
        const MrField *x = &a->fields[i], *y = &b->fields[i];
        if (names_count && (x->nullable != y->nullable || strcmp(x->name, y->name) != 0))
            return false;
        if (!type_same(x->type, y->type, names_count))
            return false;
    }
    return true;
}

bool mr_type_equal(const MrType *a, const MrType *b)
{
    return type_same(a, b, true);
}

bool mr_type_same_data(const MrType *a, const MrType *b)
{
    return type_same(a, b, false);
}

bool mr_type_is_integral(const MrType *type)
{
    return type->kind >= MR_TYPE_TINYINT && type->kind <= MR_TYPE_BIGINT;
}

bool mr_type_is_numeric(const MrType *type)
{
    return type->kind >= MR_TYPE_TINYINT && type->kind <= MR_TYPE_DECIMAL;
}

bool mr_type_is_nested(const MrType *type)
{
    return type->kind >= MR_TYPE_ARRAY;
}

bool mr_type_has(const MrType *type, MrTypeKind kind)
{
    bool has = type->kind == kind;
    for (int32_t i = 0; i < type->n_fields && !has; i++)
        has = mr_type_has(type->fields[i].type, kind);
    return has;
}

bool mr_type_is_orderable(const MrType *type)
{
    switch (type->kind) {
    case MR_TYPE_MAP:
    case MR_TYPE_INTERVAL:
    case MR_TYPE_VARIANT:
        return false;
    case MR_TYPE_ARRAY:
    case MR_TYPE_STRUCT:
        for (int32_t i = 0; i < type->n_fields; i++) {
            if (!mr_type_is_orderable(type->fields[i].type))
                return false;
        }
        return true;
    default:
        return true;
    }
}

/* Text */

static void type_put_name(MrTextBuilder *out, const char *text, bool sql)
{
    for (const char *p = text; *p; p++)
        mr_builder_char(out, sql && *p >= 'a' && *p <= 'z' ? (char)(*p - 32) : *p);
}

/* As Spark's quoteIfNeeded: letters, digits and _ stand bare unless they are digits only. */
static void type_put_field_name(MrTextBuilder *out, const char *name, bool sql)
{
    bool bare = *name != 0, digits = true;
    for (const char *p = name; *p; p++) {
        bool digit = *p >= '0' && *p <= '9';
        bare &= digit || *p == '_' || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        digits &= digit;
    }
    if (!sql || (bare && !digits)) {
        mr_builder_str(out, name);
        return;
    }
    mr_builder_name(out, name);
}

static void type_put(MrTextBuilder *out, const MrType *type, bool sql)
{
    char collation[MR_COLLATION_NAME_MAX];
    switch (type->kind) {
    case MR_TYPE_DECIMAL:
        mr_builder_printf(out, sql ? "DECIMAL(%d,%d)" : "decimal(%d,%d)", type->precision,
                          type->scale);
        return;
    case MR_TYPE_TIME:
        mr_builder_printf(out, sql ? "TIME(%d)" : "time(%d)", type->precision);
        return;
    case MR_TYPE_STRING:
        if (type->length > 0) {
            type_put_name(out, type->is_char ? "char" : "varchar", sql);
            mr_builder_printf(out, "(%d)", type->length);
        } else {
            type_put_name(out, "string", sql);
        }
        if (type->collation != MR_COLLATION_BINARY || type->precision > 0) {
            type_put_name(out, " collate ", sql);
            mr_builder_str(out, mr_collation_name(type->collation, collation));
        }
        return;
    case MR_TYPE_INTERVAL_YM:
    case MR_TYPE_INTERVAL_DT:
        type_put_name(out, "interval ", sql);
        type_put_name(out, interval_field_names[type->from], sql);
        if (type->to != type->from) {
            type_put_name(out, " to ", sql);
            type_put_name(out, interval_field_names[type->to], sql);
        }
        return;
    case MR_TYPE_ARRAY:
        type_put_name(out, "array<", sql);
        type_put(out, type->fields[0].type, sql);
        mr_builder_char(out, '>');
        return;
    case MR_TYPE_MAP:
        type_put_name(out, "map<", sql);
        type_put(out, type->fields[0].type, sql);
        mr_builder_str(out, sql ? ", " : ",");
        type_put(out, type->fields[1].type, sql);
        mr_builder_char(out, '>');
        return;
    case MR_TYPE_STRUCT:
        type_put_name(out, "struct<", sql);
        for (int32_t i = 0; i < type->n_fields; i++) {
            const MrField *field = &type->fields[i];
            if (i > 0)
                mr_builder_str(out, sql ? ", " : ",");
            type_put_field_name(out, field->name, sql);
            mr_builder_str(out, sql ? ": " : ":");
            type_put(out, field->type, sql);
            if (sql && !field->nullable)
                mr_builder_str(out, " NOT NULL");
            if (sql && field->comment) {
                mr_builder_str(out, " COMMENT '");
                for (const char *p = field->comment; *p; p++) {
                    if (*p == '\'' || *p == '\\')
                        mr_builder_char(out, '\\');
                    mr_builder_char(out, *p);
                }
                mr_builder_char(out, '\'');
            }
        }
        mr_builder_char(out, '>');
        return;
    default:
        type_put_name(out, type_facts[type->kind].name, sql);
    }
}

const char *mr_type_catalog_text(MrArena *arena, const MrType *type)
{
    MrTextBuilder out = {.arena = arena};
    type_put(&out, type, false);
    return mr_builder_text(&out).data;
}

const char *mr_type_sql_text(MrArena *arena, const MrType *type)
{
    MrTextBuilder out = {.arena = arena};
    type_put(&out, type, true);
    return mr_builder_text(&out).data;
}
