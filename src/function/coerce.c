/* coerce.c - Spark's implicit casts and common types.
 *
 * ANSI on: only casts that keep the value (or are refused at run time), strings become the other
 * side's type.  ANSI off: Hive's freer rules.  Source: Spark SQL reference, "ANSI compliance", and
 * the recorded answers of the function tests. */
#include "function/function_int.h"

static bool is_string(const MrType *type)
{
    return type->kind == MR_TYPE_STRING;
}

static bool is_fractional(const MrType *type)
{
    return type->kind == MR_TYPE_FLOAT || type->kind == MR_TYPE_DOUBLE ||
           type->kind == MR_TYPE_DECIMAL;
}

static bool is_datetime(const MrType *type)
{
    return type->kind == MR_TYPE_DATE || type->kind == MR_TYPE_TIMESTAMP ||
           type->kind == MR_TYPE_TIMESTAMP_NTZ;
}

static bool is_ansi_interval(const MrType *type)
{
    return type->kind == MR_TYPE_INTERVAL_YM || type->kind == MR_TYPE_INTERVAL_DT;
}

/* One value, in Spark's words an AtomicType. */
static bool is_atomic(const MrType *type)
{
    return !mr_type_is_nested(type) && type->kind != MR_TYPE_VOID &&
           type->kind != MR_TYPE_INTERVAL && type->kind != MR_TYPE_VARIANT;
}

const MrType *mr__decimal_for(MrArena *arena, const MrType *type)
{
    switch (type->kind) {
    case MR_TYPE_DECIMAL:
        return type;
    case MR_TYPE_TINYINT:
        return mr_type_decimal(arena, 3, 0);
    case MR_TYPE_SMALLINT:
        return mr_type_decimal(arena, 5, 0);
    case MR_TYPE_INT:
        return mr_type_decimal(arena, 10, 0);
    case MR_TYPE_BIGINT:
        return mr_type_decimal(arena, 20, 0);
    case MR_TYPE_FLOAT:
        return mr_type_decimal(arena, 14, 7);
    case MR_TYPE_DOUBLE:
        return mr_type_decimal(arena, 30, 15);
    default:
        return NULL;
    }
}

const MrType *mr__decimal_bounded(MrArena *arena, int precision, int scale)
{
    return mr_type_decimal(arena, precision < 38 ? precision : 38, scale < 38 ? scale : 38);
}

const MrType *mr__decimal_adjusted(MrArena *arena, int precision, int scale)
{
    if (precision <= 38)
        return mr_type_decimal(arena, precision, scale);
    int whole = precision - scale;
    int kept = scale < 6 ? scale : 6; /* Spark's MINIMUM_ADJUSTED_SCALE */
    int fitting = 38 - whole > kept ? 38 - whole : kept;
    return mr_type_decimal(arena, 38, fitting < scale ? fitting : scale);
}

/* Decimal that holds both; whole digits are kept first when 38 are too few. */
static const MrType *decimal_wider(MrArena *arena, const MrType *a, const MrType *b)
{
    int scale = a->scale > b->scale ? a->scale : b->scale;
    int whole_a = a->precision - a->scale, whole_b = b->precision - b->scale;
    int whole = whole_a > whole_b ? whole_a : whole_b;
    if (whole + scale <= 38)
        return mr_type_decimal(arena, whole + scale, scale);
    return mr_type_decimal(arena, 38, 38 - whole > 0 ? 38 - whole : 0);
}

static const MrType *numeric_common(MrArena *arena, const MrSettings *settings, const MrType *a,
                                    const MrType *b)
{
    if (a->kind == MR_TYPE_DECIMAL || b->kind == MR_TYPE_DECIMAL) {
        const MrType *other = a->kind == MR_TYPE_DECIMAL ? b : a;
        if (other->kind == MR_TYPE_FLOAT || other->kind == MR_TYPE_DOUBLE)
            return MR_T(DOUBLE);
        return decimal_wider(arena, mr__decimal_for(arena, a), mr__decimal_for(arena, b));
    }
    const MrType *wider = a->kind > b->kind ? a : b; /* tinyint < ... < double in type.h */
    if (wider->kind == MR_TYPE_FLOAT && a->kind != b->kind && settings->ansi)
        return MR_T(DOUBLE); /* an integer does not fit a float exactly */
    return MR_T(TINYINT) + (wider->kind - MR_TYPE_TINYINT);
}

typedef const MrType *(*CommonOfTwo)(MrArena *, const MrSettings *, const MrType *, const MrType *);

static const MrType *nested_common(MrArena *arena, const MrSettings *settings, const MrType *a,
                                   const MrType *b, CommonOfTwo common)
{
    if (a->kind != b->kind || a->n_fields != b->n_fields)
        return NULL;
    MrField *fields = MR_NEW_N(arena, MrField, a->n_fields + 1);
    for (int32_t i = 0; i < a->n_fields; i++) {
        const MrField *x = &a->fields[i], *y = &b->fields[i];
        if (a->kind == MR_TYPE_STRUCT && !settings->case_sensitive
                ? !mr_str_equal_nocase(x->name, y->name)
                : strcmp(x->name, y->name) != 0)
            return NULL;
        fields[i] = *x;
        fields[i].type = common(arena, settings, x->type, y->type);
        if (!fields[i].type)
            return NULL;
        fields[i].nullable = x->nullable || y->nullable ||
                             mr__cast_may_null(settings, x->type, fields[i].type) ||
                             mr__cast_may_null(settings, y->type, fields[i].type);
    }
    switch (a->kind) {
    case MR_TYPE_ARRAY:
        return mr_type_array(arena, fields[0].type, fields[0].nullable);
    case MR_TYPE_MAP:
        return mr_type_map(arena, fields[0].type, fields[1].type, fields[1].nullable);
    case MR_TYPE_STRUCT:
        return mr_type_struct(arena, fields, a->n_fields);
    default:
        return NULL;
    }
}

/* What needs no choice: equal types, NULL, numbers, dates, intervals. */
static const MrType *tightest_common(MrArena *arena, const MrSettings *settings, const MrType *a,
                                     const MrType *b)
{
    if (mr_type_equal(a, b))
        return a;
    if (a->kind == MR_TYPE_VOID)
        return b;
    if (b->kind == MR_TYPE_VOID)
        return a;
    if (mr_type_is_numeric(a) && mr_type_is_numeric(b))
        return numeric_common(arena, settings, a, b);
    if (is_string(a) && is_string(b)) {
        if (a->collation != b->collation && a->collation && b->collation)
            return NULL;
        if (a->collation == b->collation && a->length == b->length && a->is_char == b->is_char)
            return a;
        MrType *plain = MR_NEW(arena, MrType);
        *plain = *MR_T(STRING);
        plain->collation = a->collation ? a->collation : b->collation;
        return plain;
    }
    if (is_datetime(a) && is_datetime(b)) {
        if (a->kind == MR_TYPE_DATE)
            return b;
        if (b->kind == MR_TYPE_DATE)
            return a;
        return MR_T(TIMESTAMP);
    }
    if (a->kind == MR_TYPE_TIME && b->kind == MR_TYPE_TIME)
        return a->precision > b->precision ? a : b;
    if (a->kind == b->kind && is_ansi_interval(a))
        return mr_type_interval(arena, a->from < b->from ? a->from : b->from,
                                a->to > b->to ? a->to : b->to);
    if (a->kind == MR_TYPE_VARIANT && b->kind == MR_TYPE_VARIANT)
        return a;
    return NULL;
}

/* ANSI: a string takes the other side's type. */
static const MrType *string_with_ansi(const MrType *other)
{
    if (mr_type_is_integral(other))
        return MR_T(BIGINT);
    if (is_fractional(other))
        return MR_T(DOUBLE);
    if (is_ansi_interval(other) || !is_atomic(other))
        return NULL;
    return other;
}

const MrType *mr_coerce_common(MrArena *arena, const MrSettings *settings, const MrType *a,
                               const MrType *b)
{
    const MrType *type = tightest_common(arena, settings, a, b);
    if (type)
        return type;
    if (is_string(a) || is_string(b)) {
        const MrType *other = is_string(a) ? b : a;
        if (settings->ansi)
            return string_with_ansi(other);
        if (is_atomic(other) && other->kind != MR_TYPE_BINARY && other->kind != MR_TYPE_BOOLEAN)
            return is_string(a) ? a : b;
        return NULL;
    }
    if (mr_type_is_nested(a))
        return nested_common(arena, settings, a, b, mr_coerce_common);
    return NULL;
}

const MrType *mr__coerce_tight(MrArena *arena, const MrSettings *settings, const MrType *a,
                               const MrType *b)
{
    const MrType *type = tightest_common(arena, settings, a, b);
    if (!type && mr_type_is_nested(a))
        type = nested_common(arena, settings, a, b, mr__coerce_tight);
    return type;
}

const MrType *mr__coerce_compare(MrArena *arena, const MrSettings *settings, const MrType *a,
                                 const MrType *b)
{
    const MrType *type = tightest_common(arena, settings, a, b);
    if (type)
        return type;
    if (is_string(a) || is_string(b)) {
        const MrType *other = is_string(a) ? b : a;
        if (settings->ansi)
            return string_with_ansi(other);
        return is_atomic(other) ? other : NULL;
    }
    if (mr_type_is_nested(a))
        return nested_common(arena, settings, a, b, mr__coerce_compare);
    return NULL;
}

/* Whole digits and digits behind the point, false for what has no fixed number. */
static bool decimal_digits(const MrType *type, int *whole, int *scale)
{
    static const int digits[] = {3, 5, 10, 20};
    *scale = type->kind == MR_TYPE_DECIMAL ? type->scale : 0;
    if (type->kind != MR_TYPE_DECIMAL && !mr_type_is_integral(type))
        return false;
    *whole = type->kind == MR_TYPE_DECIMAL ? type->precision - type->scale
                                           : digits[type->kind - MR_TYPE_TINYINT];
    return true;
}

static bool is_up_number(const MrType *from, const MrType *to)
{
    int whole, scale, to_whole, to_scale;
    if (from->kind != MR_TYPE_DECIMAL && to->kind != MR_TYPE_DECIMAL)
        return from->kind <= to->kind; /* tinyint < ... < double in type.h */
    return decimal_digits(from, &whole, &scale) && decimal_digits(to, &to_whole, &to_scale) &&
           whole <= to_whole && scale <= to_scale;
}

bool mr_coerce_is_up(const MrType *from, const MrType *to)
{
    if (mr_type_same_data(from, to) || from->kind == MR_TYPE_VOID)
        return true;
    if (mr_type_is_numeric(from) && mr_type_is_numeric(to))
        return is_up_number(from, to);
    if (is_datetime(from) && is_datetime(to))
        return to->kind != MR_TYPE_DATE;
    if (is_string(to))
        return is_atomic(from) || from->kind == MR_TYPE_INTERVAL;
    if (from->kind != to->kind || from->n_fields != to->n_fields)
        return false;
    for (int32_t i = 0; i < from->n_fields; i++)
        if (!mr_coerce_is_up(from->fields[i].type, to->fields[i].type) ||
            (from->fields[i].nullable && !to->fields[i].nullable))
            return false;
    return mr_type_is_nested(from) || is_ansi_interval(from);
}

/* What may be stored in a column of type `to` without an explicit cast. */
static bool can_store(const MrType *from, const MrType *to)
{
    if (mr_type_same_data(from, to) || from->kind == MR_TYPE_VOID)
        return true;
    if (mr_type_is_numeric(from) && mr_type_is_numeric(to))
        return true;
    if (is_datetime(from) && is_datetime(to))
        return true;
    if (to->kind == MR_TYPE_STRING)
        return (is_atomic(from) || from->kind == MR_TYPE_INTERVAL);
    if (from->kind == to->kind && is_ansi_interval(from))
        return true;
    if (from->kind == MR_TYPE_TIME && to->kind == MR_TYPE_TIME)
        return true;
    if (from->kind == to->kind && mr_type_is_nested(from) && from->n_fields == to->n_fields) {
        for (int32_t i = 0; i < from->n_fields; i++)
            if (!can_store(from->fields[i].type, to->fields[i].type) ||
                (from->fields[i].nullable && !to->fields[i].nullable))
                return false;
        return true;
    }
    return false;
}

const MrType *mr_coerce_implicit(MrArena *arena, const MrSettings *settings, const MrType *from,
                                 const MrType *to)
{
    if (mr_type_same_data(from, to)) {
        if (to->kind == MR_TYPE_STRING)
            return from->length ? to : from;
        return from;
    }
    if (from->kind == MR_TYPE_VOID)
        return to;
    if (from->kind == MR_TYPE_VARIANT)
        return is_atomic(to) ? to : NULL;
    if (is_string(from) && is_string(to))
        return from; /* a collation stays */
    if (is_string(from)) {
        if (is_ansi_interval(to) || to->kind == MR_TYPE_TIME)
            return settings->ansi ? to : NULL;
        if (!settings->ansi && to->kind == MR_TYPE_BOOLEAN)
            return NULL;
        if (is_atomic(to))
            return to;
        return settings->ansi && to->kind == MR_TYPE_INTERVAL ? to : NULL;
    }
    if (settings->ansi) {
        if (mr_type_is_nested(from) && from->kind == to->kind && from->n_fields == to->n_fields) {
            for (int32_t i = 0; i < from->n_fields; i++)
                if (!mr_coerce_implicit(arena, settings, from->fields[i].type, to->fields[i].type))
                    return NULL;
            return to;
        }
        return can_store(from, to) ? to : NULL;
    }
    if (mr_type_is_numeric(from) && mr_type_is_numeric(to))
        return to;
    if (is_datetime(from) && is_datetime(to))
        return to;
    if (to->kind == MR_TYPE_STRING)
        return is_atomic(from) ? to : NULL;
    if (from->kind == to->kind && mr_type_is_nested(from) && from->n_fields == to->n_fields) {
        for (int32_t i = 0; i < from->n_fields; i++)
            if (!mr_coerce_implicit(arena, settings, from->fields[i].type, to->fields[i].type))
                return NULL;
        return to;
    }
    if (from->kind == to->kind && is_ansi_interval(from))
        return to;
    return NULL;
}

/* Spark's Cast.forceNullable; the same with ANSI on. */
bool mr__cast_may_null(const MrSettings *settings, const MrType *from, const MrType *to)
{
    bool floats = from->kind == MR_TYPE_FLOAT || from->kind == MR_TYPE_DOUBLE;
    if (mr_type_same_data(from, to))
        return false;
    if (from->kind == MR_TYPE_VOID)
        return true;
    if (from->kind == MR_TYPE_STRING)
        return to->kind != MR_TYPE_STRING && to->kind != MR_TYPE_BINARY;
    if (to->kind == MR_TYPE_STRING)
        return false;
    if (to->kind == MR_TYPE_DECIMAL) {
        const MrType *held = from->kind == MR_TYPE_DECIMAL ? from : NULL;
        int whole = held                             ? held->precision - held->scale
                    : from->kind == MR_TYPE_TINYINT  ? 3
                    : from->kind == MR_TYPE_SMALLINT ? 5
                    : from->kind == MR_TYPE_INT      ? 10
                    : from->kind == MR_TYPE_BIGINT   ? 20
                    : from->kind == MR_TYPE_BOOLEAN  ? 1
                                                     : 39;
        return whole > to->precision - to->scale || (held && held->scale > to->scale);
    }
    if ((floats || from->kind == MR_TYPE_DECIMAL) && mr_type_is_integral(to))
        return floats;
    return (floats && is_datetime(to)) || to->kind == MR_TYPE_INTERVAL;
}
