/* value_text.c - one value as text: cast to string, Hive result, SQL literal, JSON. */
#include "base/json.h"
#include "column/collation.h"
#include "function/calendar.h"
#include "function/datetime_text.h"
#include "function/function_int.h"

typedef struct ValueText {
    MrTextStyle style;
    const MrSettings *settings;
    MrTextBuilder *out;
    bool show;                    /* MR_TEXT_SHOW, whose style is that of a cast */
    const MrTextFormats *formats; /* NULL: none */
} ValueText;

static void put_value(ValueText *self, const MrVector *vec, int64_t row, bool nested);

static void put(ValueText *self, const char *data, int64_t size_bytes)
{
    mr_builder_put(self->out, data, size_bytes);
}

/* A run of text in quotes: '...' in SQL, "..." in Hive's nested values (not escaped there) and
 * JSON. */
static void put_string(ValueText *self, MrText text, bool nested)
{
    if (self->style == MR_TEXT_JSON) {
        mr_json_put_string(self->out, text);
    } else if (self->style == MR_TEXT_SQL) {
        mr_builder_char(self->out, '\'');
        for (int64_t i = 0; i < text.size_bytes; i++) {
            if (text.data[i] == '\'' || text.data[i] == '\\')
                mr_builder_char(self->out, '\\');
            mr_builder_char(self->out, text.data[i]);
        }
        mr_builder_char(self->out, '\'');
    } else {
        bool quoted = self->style == MR_TEXT_HIVE && nested;
        if (quoted)
            mr_builder_char(self->out, '"');
        put(self, text.data, text.size_bytes);
        if (quoted)
            mr_builder_char(self->out, '"');
    }
}

/* Bytes as text: what is no UTF-8 becomes U+FFFD, as Java decodes it. */
static void put_binary(ValueText *self, MrText bytes)
{
    static const char hex[] = "0123456789ABCDEF";
    if (self->show) {
        mr_builder_char(self->out, '[');
        for (int64_t i = 0; i < bytes.size_bytes; i++)
            mr_builder_printf(self->out, "%s%02X", i > 0 ? " " : "", (unsigned char)bytes.data[i]);
        mr_builder_char(self->out, ']');
        return;
    }
    if (self->style == MR_TEXT_SQL) {
        mr_builder_str(self->out, "X'");
        for (int64_t i = 0; i < bytes.size_bytes; i++) {
            mr_builder_char(self->out, hex[(unsigned char)bytes.data[i] >> 4]);
            mr_builder_char(self->out, hex[bytes.data[i] & 15]);
        }
        mr_builder_char(self->out, '\'');
        return;
    }
    if (self->style == MR_TEXT_JSON) { /* base64, RFC 4648 */
        static const char code[] =
            "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        const unsigned char *in = (const unsigned char *)bytes.data;
        mr_builder_char(self->out, '"');
        for (int64_t i = 0; i < bytes.size_bytes; i += 3) {
            int64_t n = bytes.size_bytes - i;
            uint32_t word = (uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                            (n > 2 ? in[i + 2] : 0u);
            char group[4] = {code[word >> 18], code[word >> 12 & 63],
                             n > 1 ? code[word >> 6 & 63] : '=', n > 2 ? code[word & 63] : '='};
            put(self, group, 4);
        }
        mr_builder_char(self->out, '"');
        return;
    }
    if (self->style == MR_TEXT_CAST || mr_utf8_valid(bytes.data, bytes.size_bytes)) {
        put(self, bytes.data, bytes.size_bytes);
        return;
    }
    for (int64_t i = 0; i < bytes.size_bytes;) {
        int32_t n_bytes;
        int32_t c = mr_utf8_next(bytes.data + i, bytes.size_bytes - i, &n_bytes);
        if (c < 0)
            put(self, "\xEF\xBF\xBD", 3);
        else
            put(self, bytes.data + i, n_bytes);
        i += n_bytes;
    }
}

/* BigDecimal.toString: with an exponent when there are more than six zeros behind the point. */
static void put_decimal(ValueText *self, MrI128 value, int scale)
{
    char text[MR_DECIMAL_TEXT_MAX], digits[MR_DECIMAL_TEXT_MAX];
    bool plain = self->style == MR_TEXT_HIVE || self->show ||
                 (self->style == MR_TEXT_CAST && (!self->settings || self->settings->ansi));
    MrI128 absolute = value < 0 ? -value : value;
    int32_t n = mr_decimal_to_text(absolute, 0, digits);
    if (!plain && scale > 0 && n - 1 - scale < -6) {
        if (value < 0)
            mr_builder_char(self->out, '-');
        put(self, digits, 1);
        if (n > 1) {
            mr_builder_char(self->out, '.');
            put(self, digits + 1, n - 1);
        }
        mr_builder_printf(self->out, "E%d", n - 1 - scale);
        return;
    }
    put(self, text, mr_decimal_to_text(value, scale, text));
}

/* Of an interval its last field shows whole units only. */
static int64_t whole(int64_t value, int64_t unit)
{
    return value - value % unit;
}

/* A date or time by a pattern; in JSON it is a string. */
static void put_by(ValueText *self, const struct MrDatePattern *pattern, int64_t us,
                   const MrZone *zone)
{
    MrTextBuilder text = {.arena = self->out->arena};
    int64_t offset_s = zone ? mr_zone_offset_s(zone, us) : 0;
    mr_date_pattern_put(pattern, us + offset_s * MR_US_PER_SECOND, offset_s, zone, &text);
    put_string(self, (MrText){text.data, text.size_bytes}, false);
}

static void put_float(ValueText *self, double value, const char *text, int32_t n, bool is_double)
{
    bool special = !__builtin_isfinite(value);
    if (self->style == MR_TEXT_SQL) {
        if (special || !is_double) {
            mr_builder_printf(self->out, special ? "CAST('%.*s' AS %s)" : "CAST(%.*s AS %s)", n,
                              text, is_double ? "DOUBLE" : "FLOAT");
        } else {
            put(self, text, n);
            mr_builder_char(self->out, 'D');
        }
    } else if (self->style == MR_TEXT_JSON && special) {
        mr_builder_printf(self->out, "\"%.*s\"", n, text);
    } else {
        put(self, text, n);
    }
}

/* NAME 'text' in SQL, "text" in JSON, else the text. */
static void put_typed(ValueText *self, const char *name, const char *text, int32_t n)
{
    if (self->style == MR_TEXT_SQL)
        mr_builder_printf(self->out, "%s '%.*s'", name, n, text);
    else if (self->style == MR_TEXT_JSON)
        mr_builder_printf(self->out, "\"%.*s\"", n, text);
    else
        put(self, text, n);
}

static int32_t offset_s_of(const ValueText *self, int64_t us)
{
    return self->settings && self->settings->zone ? mr_zone_offset_s(self->settings->zone, us) : 0;
}

/* yyyy-MM-dd'T'HH:mm:ss.SSS[XXX], Spark's default in JSON */
static void put_json_timestamp(ValueText *self, int64_t us, bool has_zone)
{
    char text[MR_DATETIME_TEXT_MAX];
    int32_t offset_s = has_zone ? offset_s_of(self, us) : 0;
    int64_t rest = us % MR_US_PER_DAY + (us % MR_US_PER_DAY < 0 ? MR_US_PER_DAY : 0) +
                   offset_s * MR_US_PER_SECOND;
    int64_t days = mr_us_to_days(us) + mr_us_to_days(rest);
    rest -= mr_us_to_days(rest) * MR_US_PER_DAY;
    int32_t n = mr_date_to_text(days, text);
    mr_builder_printf(self->out, "\"%.*sT%02d:%02d:%02d.%03d", n, text,
                      (int)(rest / MR_US_PER_HOUR), (int)(rest / MR_US_PER_MINUTE % 60),
                      (int)(rest / 1000000 % 60), (int)(rest / 1000 % 1000));
    if (has_zone) {
        int32_t all = offset_s < 0 ? -offset_s : offset_s;
        if (offset_s == 0)
            mr_builder_char(self->out, 'Z');
        else
            mr_builder_printf(self->out, "%c%02d:%02d", offset_s < 0 ? '-' : '+', all / 3600,
                              all / 60 % 60);
    }
    mr_builder_char(self->out, '"');
}

static void put_array(ValueText *self, const MrVector *vec, MrSlice slice)
{
    mr_builder_str(self->out, self->style == MR_TEXT_SQL ? "ARRAY(" : "[");
    for (int32_t i = 0; i < slice.count; i++) {
        if (i > 0)
            mr_builder_str(self->out,
                           self->style == MR_TEXT_HIVE || self->style == MR_TEXT_JSON ? "," : ", ");
        put_value(self, vec->children[0], slice.start + i, true);
    }
    mr_builder_char(self->out, self->style == MR_TEXT_SQL ? ')' : ']');
}

/* Hive shows the entries of a map in the order of their texts. */
static void put_hive_map(ValueText *self, const MrVector *vec, MrSlice slice)
{
    MrArena *arena = self->out->arena;
    MrText *entries = mr_arena_alloc(arena, slice.count * (int64_t)sizeof(MrText));
    for (int32_t i = 0; i < slice.count; i++) {
        MrTextBuilder text = {.arena = arena};
        ValueText inner = {self->style, self->settings, &text, false, NULL};
        put_value(&inner, vec->children[0], slice.start + i, true);
        mr_builder_char(&text, ':');
        put_value(&inner, vec->children[1], slice.start + i, true);
        MrText entry = mr_builder_text(&text);
        int32_t at = i;
        for (; at > 0 && mr_text_compare(entry, entries[at - 1]) < 0; at--)
            entries[at] = entries[at - 1];
        entries[at] = entry;
    }
    mr_builder_char(self->out, '{');
    for (int32_t i = 0; i < slice.count; i++) {
        if (i > 0)
            mr_builder_char(self->out, ',');
        put(self, entries[i].data, entries[i].size_bytes);
    }
    mr_builder_char(self->out, '}');
}

static void put_map(ValueText *self, const MrVector *vec, MrSlice slice)
{
    if (self->style == MR_TEXT_HIVE) {
        put_hive_map(self, vec, slice);
        return;
    }
    mr_builder_str(self->out, self->style == MR_TEXT_SQL ? "MAP(" : "{");
    for (int32_t i = 0; i < slice.count; i++) {
        if (i > 0)
            mr_builder_str(self->out, self->style == MR_TEXT_JSON ? "," : ", ");
        if (self->style == MR_TEXT_JSON) { /* keys are strings there */
            MrTextBuilder key = {.arena = self->out->arena};
            ValueText inner = {MR_TEXT_CAST, self->settings, &key, false, NULL};
            put_value(&inner, vec->children[0], slice.start + i, true);
            mr_json_put_string(self->out, mr_builder_text(&key));
            mr_builder_char(self->out, ':');
        } else {
            put_value(self, vec->children[0], slice.start + i, true);
            mr_builder_str(self->out, self->style == MR_TEXT_SQL ? ", " : " -> ");
        }
        put_value(self, vec->children[1], slice.start + i, true);
    }
    mr_builder_char(self->out, self->style == MR_TEXT_SQL ? ')' : '}');
}

static void put_struct(ValueText *self, const MrVector *vec, int64_t at)
{
    bool first = true, named = self->style != MR_TEXT_CAST,
         spaced = self->style == MR_TEXT_CAST || self->style == MR_TEXT_SQL;
    mr_builder_str(self->out, self->style == MR_TEXT_SQL ? "NAMED_STRUCT(" : "{");
    for (int32_t i = 0; i < vec->type->n_fields; i++) {
        const char *name = vec->type->fields[i].name;
        if (self->style == MR_TEXT_JSON && mr_vector_is_null(vec->children[i], at))
            continue; /* to_json leaves them out */
        if (!first)
            mr_builder_str(self->out, spaced ? ", " : ",");
        first = false;
        if (named) {
            if (self->style == MR_TEXT_HIVE)
                mr_builder_printf(self->out, "\"%s\"", name);
            else
                put_string(self, mr_text(name), true);
            mr_builder_str(self->out, self->style == MR_TEXT_SQL ? ", " : ":");
        }
        put_value(self, vec->children[i], at, true);
    }
    mr_builder_char(self->out, self->style == MR_TEXT_SQL ? ')' : '}');
}

static void put_null(ValueText *self, const MrType *type, bool nested)
{
    if (self->style == MR_TEXT_SQL && type->kind != MR_TYPE_VOID && !mr_type_is_nested(type))
        mr_builder_printf(self->out, "CAST(NULL AS %s)", mr_type_sql_text(self->out->arena, type));
    else
        mr_builder_str(self->out, self->style == MR_TEXT_JSON ||
                                          (nested && self->style != MR_TEXT_SQL && !self->show)
                                      ? "null"
                                      : "NULL");
}

static void put_integer(ValueText *self, int64_t value, const char *suffix)
{
    char text[MR_I64_TEXT_MAX];
    put(self, text, mr_i64_to_text(value, text));
    if (self->style == MR_TEXT_SQL)
        mr_builder_str(self->out, suffix);
}

static void put_value(ValueText *self, const MrVector *vec, int64_t row, bool nested)
{
    char text[MR_DATETIME_TEXT_MAX];
    int64_t at;
    bool hive = self->style == MR_TEXT_HIVE;
    if (mr_vector_is_null(vec, row)) {
        put_null(self, vec->type, nested);
        return;
    }
    vec = mr_vector_at(vec, row, &at);
    const MrType *type = vec->type;
    switch (type->kind) {
    case MR_TYPE_VOID:
    case MR_N_TYPES:
        break;
    case MR_TYPE_BOOLEAN:
        mr_builder_str(self->out, vec->i8[at] ? "true" : "false");
        break;
    case MR_TYPE_TINYINT:
        put_integer(self, vec->i8[at], "Y");
        break;
    case MR_TYPE_SMALLINT:
        put_integer(self, vec->i16[at], "S");
        break;
    case MR_TYPE_INT:
        put_integer(self, vec->i32[at], "");
        break;
    case MR_TYPE_BIGINT:
        put_integer(self, vec->i64[at], "L");
        break;
    case MR_TYPE_FLOAT:
        put_float(self, vec->f32[at], text, mr_f32_to_text(vec->f32[at], text), false);
        break;
    case MR_TYPE_DOUBLE:
        put_float(self, vec->f64[at], text, mr_f64_to_text(vec->f64[at], text), true);
        break;
    case MR_TYPE_DECIMAL:
        put_decimal(self, mr_type_physical(type) == MR_PHYS_I64 ? vec->i64[at] : vec->i128[at],
                    type->scale);
        if (self->style == MR_TEXT_SQL)
            mr_builder_str(self->out, "BD");
        break;
    case MR_TYPE_STRING:
        put_string(self, mr_str_text(&vec->str[at]), nested);
        if (self->style == MR_TEXT_SQL && type->collation != MR_COLLATION_BINARY) {
            char name[MR_COLLATION_NAME_MAX];
            mr_builder_printf(self->out, " COLLATE %s", mr_collation_name(type->collation, name));
        }
        break;
    case MR_TYPE_BINARY:
        put_binary(self, mr_str_text(&vec->str[at]));
        break;
    case MR_TYPE_DATE:
        if (self->formats && self->formats->date)
            put_by(self, self->formats->date, vec->i32[at] * MR_US_PER_DAY, NULL);
        else
            put_typed(self, "DATE", text, mr_date_to_text(vec->i32[at], text));
        break;
    case MR_TYPE_TIME:
        put_typed(self, "TIME", text, mr_time_to_text(vec->i64[at], text));
        break;
    case MR_TYPE_TIMESTAMP:
        if (self->formats && self->formats->timestamp)
            put_by(self, self->formats->timestamp, vec->i64[at],
                   self->settings ? self->settings->zone : NULL);
        else if (self->style == MR_TEXT_JSON)
            put_json_timestamp(self, vec->i64[at], true);
        else
            put_typed(self, "TIMESTAMP", text,
                      mr_instant_to_text(vec->i64[at], offset_s_of(self, vec->i64[at]), text));
        break;
    case MR_TYPE_TIMESTAMP_NTZ:
        if (self->formats && self->formats->timestamp_ntz)
            put_by(self, self->formats->timestamp_ntz, vec->i64[at], NULL);
        else if (self->style == MR_TEXT_JSON)
            put_json_timestamp(self, vec->i64[at], false);
        else
            put_typed(self, "TIMESTAMP_NTZ", text, mr_timestamp_to_text(vec->i64[at], text));
        break;
    case MR_TYPE_INTERVAL_YM:
    case MR_TYPE_INTERVAL_DT: {
        MrIntervalField from = (MrIntervalField)type->from, to = (MrIntervalField)type->to;
        int32_t n =
            type->kind == MR_TYPE_INTERVAL_YM
                ? mr_interval_ym_to_text((int32_t)whole(vec->i32[at], to == MR_YEAR ? 12 : 1), from,
                                         to, hive, text)
                : mr_interval_dt_to_text(whole(vec->i64[at], to == MR_DAY      ? MR_US_PER_DAY
                                                             : to == MR_HOUR   ? MR_US_PER_HOUR
                                                             : to == MR_MINUTE ? MR_US_PER_MINUTE
                                                                               : 1),
                                         from, to, hive, text);
        if (self->style == MR_TEXT_JSON)
            mr_json_put_string(self->out, (MrText){text, n});
        else
            put(self, text, n);
        break;
    }
    case MR_TYPE_INTERVAL:
        put_typed(self, "INTERVAL", text, mr_interval_to_text(vec->interval[at], text));
        break;
    case MR_TYPE_ARRAY:
        put_array(self, vec, vec->list[at]);
        break;
    case MR_TYPE_MAP:
        put_map(self, vec, vec->list[at]);
        break;
    case MR_TYPE_STRUCT:
        put_struct(self, vec, at);
        break;
    case MR_TYPE_VARIANT: /* no reader of variants yet: its bytes */
        put_binary(self, mr_str_text(&vec->children[0]->str[at]));
        break;
    }
}

void mr_value_text_by(const MrVector *vec, int64_t row, MrTextStyle style,
                      const MrSettings *settings, const MrTextFormats *formats, MrTextBuilder *out)
{
    bool show = style == MR_TEXT_SHOW;
    ValueText self = {show ? MR_TEXT_CAST : style, settings, out, show, formats};
    put_value(&self, vec, row, false);
}

void mr_value_text(const MrVector *vec, int64_t row, MrTextStyle style, const MrSettings *settings,
                   MrTextBuilder *out)
{
    mr_value_text_by(vec, row, style, settings, NULL, out);
}

const char *mr__value_for_error(MrArena *arena, const MrVector *vec, int64_t row,
                                const MrSettings *settings)
{
    MrTextBuilder out = {.arena = arena};
    int64_t at;
    const MrVector *holder = mr_vector_at(vec, row, &at);
    bool null = mr_vector_is_null(vec, row);
    bool bare = null || vec->type->kind == MR_TYPE_FLOAT ||
                (vec->type->kind == MR_TYPE_DOUBLE && !__builtin_isfinite(holder->f64[at]));
    if (null)
        mr_builder_str(&out, "NULL");
    else
        mr_value_text(vec, row, bare ? MR_TEXT_CAST : MR_TEXT_SQL, settings, &out);
    return mr_builder_text(&out).data;
}
