/* parse_literal.c - strings, numbers, intervals, and lists of properties. */
#include "sql/parse_int.h"

/* ---------------------------------------------------------------- strings */

bool mr__is_string(const MrParser *parser, int32_t n)
{
    int kind = mr__peek_at(parser, n);
    return kind == MR_TOK_STRING ||
           (kind == MR_TOK_DOUBLE_QUOTED && !parser->options->double_quoted_identifiers);
}

/* Reads n hexadecimal digits; -1: there are fewer. */
static int64_t hex_digits(const char *at, const char *end, int n)
{
    int64_t value = 0;
    if (end - at < n)
        return -1;
    for (int i = 0; i < n; i++) {
        int digit = mr_hex_digit(at[i]);
        if (digit < 0)
            return -1;
        value = 16 * value + digit;
    }
    return value;
}

/* \uD83D\uDE00 and \U0001F600.  at stands on the u; behind it afterwards; false: no such escape. */
static bool put_unicode(MrTextBuilder *out, const char **at, const char *end)
{
    int n = **at == 'u' ? 4 : 8;
    int64_t code = hex_digits(*at + 1, end, n);
    if (code < 0 || code > 0x10ffff)
        return false;
    *at += 1 + n;
    if (code >= 0xd800 && code < 0xdc00 && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
        int64_t low = hex_digits(*at + 2, end, 4);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            *at += 6;
        }
    }
    if (code >= 0xd800 && code < 0xe000)
        code = '?'; /* half a pair, as Java writes it */
    char bytes[4];
    mr_builder_put(out, bytes, mr_utf8_put((int32_t)code, bytes));
    return true;
}

/* One escape; at stands behind the backslash. */
static const char *put_escape(MrTextBuilder *out, const char *at, const char *end)
{
    if ((*at == 'u' || *at == 'U') && put_unicode(out, &at, end))
        return at;
    if (end - at >= 3 && (at[0] == '0' || at[0] == '1') && at[1] >= '0' && at[1] <= '7' &&
        at[2] >= '0' && at[2] <= '7') {
        char bytes[4];
        int32_t code = (at[0] - '0') * 64 + (at[1] - '0') * 8 + (at[2] - '0');
        mr_builder_put(out, bytes, mr_utf8_put(code, bytes));
        return at + 3;
    }
    switch (*at) {
    case '0':
        mr_builder_char(out, 0);
        break;
    case 'b':
        mr_builder_char(out, '\b');
        break;
    case 'n':
        mr_builder_char(out, '\n');
        break;
    case 'r':
        mr_builder_char(out, '\r');
        break;
    case 't':
        mr_builder_char(out, '\t');
        break;
    case 'Z':
        mr_builder_char(out, 26);
        break;
    case '%':
    case '_':
        mr_builder_char(out, '\\');
        mr_builder_char(out, *at);
        break;
    default:
        mr_builder_char(out, *at);
        break;
    }
    return at + 1;
}

static void put_string(MrParser *parser, MrTextBuilder *out, MrText text)
{
    bool raw = (text.data[0] | 32) == 'r';
    const char *at = text.data + (raw ? 2 : 1), *end = text.data + text.size_bytes - 1;
    char quote = *end;
    while (at < end) {
        if (!raw && *at == '\\' && !parser->options->escaped_string_literals) {
            at = put_escape(out, at + 1, end);
        } else {
            mr_builder_char(out, *at);
            at += !raw && *at == quote ? 2 : 1;
        }
    }
}

MrText mr__string_text(MrParser *parser)
{
    MrTextBuilder out = {.arena = parser->arena};
    if (!mr__is_string(parser, 0))
        mr__fail_syntax(parser);
    while (mr__is_string(parser, 0))
        put_string(parser, &out, mr__token_text(parser, parser->at++));
    return mr_builder_text(&out);
}

const char *mr__string(MrParser *parser)
{
    return mr__string_text(parser).data;
}

/* ---------------------------------------------------------------- numbers */

bool mr__is_number(int kind)
{
    return kind >= MR_TOK_INTEGER && kind <= MR_TOK_BIG_DECIMAL;
}

int64_t mr__integer(MrParser *parser)
{
    int64_t value;
    if (mr__peek(parser) != MR_TOK_INTEGER)
        mr__fail_syntax(parser);
    if (!mr_text_to_i64(mr__token_text(parser, parser->at), &value))
        mr__fail(parser, mr__place_from(parser, parser->at), MR_COND_INVALID_NUMERIC_LITERAL_RANGE,
                 "rawStrippedQualifier", mr__source(parser, parser->at, parser->at + 1), "minValue",
                 "0", "maxValue", "9223372036854775807", "typeName", "bigint");
    parser->at++;
    return value;
}

typedef struct Range {
    const char *type_name, *min, *max;
} Range;

static _Noreturn void fail_range(MrParser *parser, int32_t start, MrText text, bool negative,
                                 const Range *range)
{
    const char *raw =
        mr_arena_printf(parser->arena, "%s%.*s", negative ? "-" : "",
                        (int)(text.size_bytes < 200 ? text.size_bytes : 200), text.data);
    mr__fail(parser, mr__place_from(parser, start), MR_COND_INVALID_NUMERIC_LITERAL_RANGE,
             "rawStrippedQualifier", raw, "minValue", range->min, "maxValue", range->max,
             "typeName", range->type_name);
    abort();
}

/* "12.50e3" to an unscaled value, its precision and its scale. */
static void number_decimal(MrParser *parser, MrSqlExpr *expr, MrText text, bool negative,
                           int32_t start)
{
    MrI128 value = 0;
    int64_t n_digits = 0, scale = 0, exponent = 0;
    int64_t i = 0;
    bool point = false;
    for (; i < text.size_bytes && (text.data[i] | 32) != 'e'; i++) {
        if (text.data[i] == '.') {
            point = true;
            continue;
        }
        if (n_digits > 0 || text.data[i] != '0')
            n_digits++;
        if (n_digits <= MR_DECIMAL_MAX_DIGITS)
            value = 10 * value + (text.data[i] - '0');
        scale += point;
    }
    if (i < text.size_bytes) {
        bool minus = text.data[i + 1] == '-';
        i += text.data[i + 1] == '-' || text.data[i + 1] == '+' ? 2 : 1;
        for (; i < text.size_bytes; i++)
            exponent = exponent < 100000 ? 10 * exponent + (text.data[i] - '0') : exponent;
        scale -= minus ? -exponent : exponent;
    }
    if (n_digits == 0)
        n_digits = 1;
    if (scale < 0) {
        n_digits -= scale;
        for (; scale < 0 && n_digits <= MR_DECIMAL_MAX_DIGITS; scale++)
            value *= 10;
        scale = 0;
    }
    int64_t precision = n_digits > scale ? n_digits : scale;
    if (precision > MR_DECIMAL_MAX_DIGITS)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_DECIMAL_PRECISION_EXCEEDS_MAX_PRECISION, "precision",
                 mr_arena_printf(parser->arena, "%lld", (long long)precision), "maxPrecision",
                 "38");
    expr->lit.kind = MR_SQL_LIT_DECIMAL;
    expr->lit.type = mr_type_decimal(parser->arena, (int)precision, (int)scale);
    expr->lit.dec = negative ? -value : value;
}

static void number_float(MrParser *parser, MrSqlExpr *expr, MrText text, bool negative, bool single,
                         int32_t start)
{
    static const Range f32 = {"float", "-3.4028234663852886E+38", "3.4028234663852886E+38"};
    static const Range f64 = {"double", "-1.7976931348623157E+308", "1.7976931348623157E+308"};
    double value = 0;
    bool ok = mr_text_to_f64(text, &value);
    if (!ok || value > 1.7976931348623157e308 || (single && value > 3.4028234663852886e38))
        fail_range(parser, start, text, negative, single ? &f32 : &f64);
    expr->lit.kind = MR_SQL_LIT_FLOAT;
    expr->lit.type = single ? MR_T(FLOAT) : MR_T(DOUBLE);
    value = single ? (double)(float)value : value;
    expr->lit.f64 = negative ? -value : value;
}

static void number_integer(MrParser *parser, MrSqlExpr *expr, MrText text, bool negative, int kind,
                           int32_t start)
{
    static const Range i8 = {"tinyint", "-128", "127"};
    static const Range i16 = {"smallint", "-32768", "32767"};
    static const Range i64 = {"bigint", "-9223372036854775808", "9223372036854775807"};
    MrI128 value = 0;
    for (int64_t i = 0; i < text.size_bytes && value <= INT64_MAX; i++)
        value = 10 * value + (text.data[i] - '0');
    if (negative)
        value = -value;
    expr->lit.kind = MR_SQL_LIT_INTEGER;
    expr->lit.i64 = (int64_t)value;
    if (kind == MR_TOK_TINYINT) {
        expr->lit.type = MR_T(TINYINT);
        if (value < INT8_MIN || value > INT8_MAX)
            fail_range(parser, start, text, negative, &i8);
    } else if (kind == MR_TOK_SMALLINT) {
        expr->lit.type = MR_T(SMALLINT);
        if (value < INT16_MIN || value > INT16_MAX)
            fail_range(parser, start, text, negative, &i16);
    } else if (kind == MR_TOK_BIGINT) {
        expr->lit.type = MR_T(BIGINT);
        if (value < INT64_MIN || value > INT64_MAX)
            fail_range(parser, start, text, negative, &i64);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
        expr->lit.type = MR_T(INT);
    } else if (value >= INT64_MIN && value <= INT64_MAX) {
        expr->lit.type = MR_T(BIGINT);
    } else {
        number_decimal(parser, expr, text, negative, start);
    }
}

MrSqlExpr *mr__number(MrParser *parser, bool negative, int32_t start)
{
    int kind = mr__peek(parser);
    MrText text = mr__token_text(parser, parser->at++);
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_LITERAL, start);
    switch (kind) {
    case MR_TOK_DECIMAL:
        number_decimal(parser, expr, text, negative, start);
        break;
    case MR_TOK_EXPONENT:
        if (parser->options->exponent_is_decimal)
            number_decimal(parser, expr, text, negative, start);
        else
            number_float(parser, expr, text, negative, false, start);
        break;
    case MR_TOK_FLOAT:
    case MR_TOK_DOUBLE:
        text.size_bytes--;
        number_float(parser, expr, text, negative, kind == MR_TOK_FLOAT, start);
        break;
    case MR_TOK_BIG_DECIMAL:
        text.size_bytes -= 2;
        number_decimal(parser, expr, text, negative, start);
        break;
    default:
        text.size_bytes -= kind != MR_TOK_INTEGER;
        number_integer(parser, expr, text, negative, kind, start);
        break;
    }
    return expr;
}

/* ---------------------------------------------------------------- intervals */

static const struct {
    uint16_t one, many;
    uint16_t unit;
    bool in_literals, in_ranges;
} units[] = {
    {MR_KW_NANOSECOND, MR_KW_NANOSECONDS, MR_SQL_UNIT_NANOSECOND, true, false},
    {MR_KW_MICROSECOND, MR_KW_MICROSECONDS, MR_SQL_UNIT_MICROSECOND, true, false},
    {MR_KW_MILLISECOND, MR_KW_MILLISECONDS, MR_SQL_UNIT_MILLISECOND, true, false},
    {MR_KW_SECOND, MR_KW_SECONDS, MR_SQL_UNIT_SECOND, true, true},
    {MR_KW_MINUTE, MR_KW_MINUTES, MR_SQL_UNIT_MINUTE, true, true},
    {MR_KW_HOUR, MR_KW_HOURS, MR_SQL_UNIT_HOUR, true, true},
    {MR_KW_DAY, MR_KW_DAYS, MR_SQL_UNIT_DAY, true, true},
    {MR_KW_DAYOFYEAR, MR_KW_DAYOFYEAR, MR_SQL_UNIT_DAYOFYEAR, false, false},
    {MR_KW_WEEK, MR_KW_WEEKS, MR_SQL_UNIT_WEEK, true, false},
    {MR_KW_MONTH, MR_KW_MONTHS, MR_SQL_UNIT_MONTH, true, true},
    {MR_KW_QUARTER, MR_KW_QUARTER, MR_SQL_UNIT_QUARTER, false, false},
    {MR_KW_YEAR, MR_KW_YEARS, MR_SQL_UNIT_YEAR, true, true},
};

bool mr__unit_find(int keyword, MrSqlUnit *unit, bool *plural)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (units[i].one == keyword || units[i].many == keyword) {
            *unit = (MrSqlUnit)units[i].unit;
            *plural = units[i].one != keyword;
            return true;
        }
    return false;
}

static bool is_interval_unit(int keyword)
{
    MrSqlUnit unit;
    bool plural;
    return mr__unit_find(keyword, &unit, &plural) && units[unit].in_literals;
}

bool mr__is_interval(const MrParser *parser)
{
    int32_t n = 1;
    if (mr__is_string(parser, 1) && !is_interval_unit(mr__peek_at(parser, 2)))
        return true;
    if (mr__peek_at(parser, n) == MR_TOK_PLUS || mr__peek_at(parser, n) == MR_TOK_MINUS)
        n++;
    int kind = mr__peek_at(parser, n);
    return (kind == MR_TOK_INTEGER || kind == MR_TOK_DECIMAL || mr__is_string(parser, n)) &&
           is_interval_unit(mr__peek_at(parser, n + 1));
}

/* Is there one more  value unit  at the next token? */
static bool is_interval_value(const MrParser *parser)
{
    int32_t n = mr__peek(parser) == MR_TOK_PLUS || mr__peek(parser) == MR_TOK_MINUS;
    int kind = mr__peek_at(parser, n);
    return (kind == MR_TOK_INTEGER || kind == MR_TOK_DECIMAL || mr__is_string(parser, n)) &&
           is_interval_unit(mr__peek_at(parser, n + 1));
}

MrSqlExpr *mr__interval(MrParser *parser)
{
    int32_t start = parser->at++;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_INTERVAL, start);
    MrSqlInterval *interval = &expr->interval;
    if (mr__is_string(parser, 0) && !is_interval_unit(mr__peek_at(parser, 1))) {
        interval->text = mr__string(parser);
        expr->place = mr__place_from(parser, start);
        return expr;
    }
    const char **values = NULL;
    bool *negated = NULL, plural, quoted = false;
    MrSqlUnit *list = NULL, unit = (MrSqlUnit)0;
    int32_t n = 0, n_negated = 0, n_units = 0, cap_values = 0, cap_negated = 0, cap_units = 0;
    while (is_interval_value(parser)) {
        bool minus = mr__accept(parser, MR_TOK_MINUS);
        if (!minus)
            mr__accept(parser, MR_TOK_PLUS);
        quoted = mr__is_string(parser, 0);
        const char *value =
            quoted ? mr__string(parser) : mr__source(parser, parser->at, parser->at + 1);
        parser->at += !quoted;
        mr__unit_find(mr__peek(parser), &unit, &plural);
        parser->at++;
        MR_PUSH(parser->arena, values, n, cap_values, value);
        MR_PUSH(parser->arena, negated, n_negated, cap_negated, minus);
        MR_PUSH(parser->arena, list, n_units, cap_units, unit);
        MrSqlUnit to;
        if (n == 1 && mr__peek(parser) == MR_KW_TO &&
            mr__unit_find(mr__peek_at(parser, 1), &to, &plural) && units[to].in_ranges) {
            parser->at += 2;
            interval->is_range = true;
            interval->to = to;
            break;
        }
    }
    interval->is_single = n == 1 && !interval->is_range && quoted;
    interval->n_units = n;
    interval->values = values;
    interval->negated = negated;
    interval->units = list;
    expr->place = mr__place_from(parser, start);
    return expr;
}

/* ---------------------------------------------------------------- properties */

const char *mr__property_key(MrParser *parser)
{
    MrTextBuilder key = {.arena = parser->arena};
    if (mr__is_string(parser, 0)) { /* one only: a second is the value, OPTIONS ('sep' ';') */
        put_string(parser, &key, mr__token_text(parser, parser->at++));
        return mr_builder_text(&key).data;
    }
    mr_builder_str(&key, mr__name_part(parser));
    while (mr__accept(parser, MR_TOK_DOT)) {
        mr_builder_char(&key, '.');
        mr_builder_str(&key, mr__name_part(parser));
    }
    return mr_builder_text(&key).data;
}

static const char *property_value(MrParser *parser)
{
    int32_t start = parser->at;
    if (mr__is_string(parser, 0))
        return mr__string(parser);
    if (mr__peek(parser) == MR_KW_TRUE || mr__peek(parser) == MR_KW_FALSE)
        return mr_arena_lower(parser->arena, mr__token_text(parser, parser->at++));
    if (mr__peek(parser) == MR_TOK_MINUS)
        parser->at++;
    if (mr__is_number(mr__peek(parser))) {
        parser->at++;
        return mr__source(parser, start, parser->at);
    }
    parser->at = start;
    mr__fail_syntax(parser);
}

/* The text of a constant as an option: 1, 'a', true, DATE'2020-01-01' as its text. */
static const char *constant_text(MrParser *parser, const MrSqlExpr *expr, int32_t start)
{
    char buf[MR_DECIMAL_TEXT_MAX > MR_F64_TEXT_MAX ? MR_DECIMAL_TEXT_MAX : MR_F64_TEXT_MAX];
    if (expr->kind != MR_SQL_LITERAL)
        mr__fail_unsupported(parser, start, "an option whose value is no constant");
    switch (expr->lit.kind) {
    case MR_SQL_LIT_NULL:
        return NULL;
    case MR_SQL_LIT_BOOLEAN:
        return expr->lit.i64 ? "true" : "false";
    case MR_SQL_LIT_INTEGER:
        return mr_arena_printf(parser->arena, "%lld", (long long)expr->lit.i64);
    case MR_SQL_LIT_DECIMAL:
        return mr_arena_strn(parser->arena, buf,
                             mr_decimal_to_text(expr->lit.dec, expr->lit.type->scale, buf));
    case MR_SQL_LIT_FLOAT:
        return mr_arena_strn(parser->arena, buf, mr_f64_to_text(expr->lit.f64, buf));
    default:
        return mr_arena_strn(parser->arena, expr->lit.str.data, expr->lit.str.size_bytes);
    }
}

static void property_list(MrParser *parser, bool exprs, MrSqlProperties *out)
{
    int32_t start = parser->at, cap = 0;
    *out = (MrSqlProperties){0};
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    do {
        int32_t first = parser->at;
        MrSqlProperty property = {.key = mr__property_key(parser)};
        bool equal = mr__accept(parser, MR_TOK_EQUAL);
        if (equal || (mr__peek(parser) != MR_TOK_COMMA && mr__peek(parser) != MR_TOK_RIGHT_PAREN)) {
            int32_t value = parser->at;
            property.value =
                exprs ? constant_text(parser, mr__expr(parser), value) : property_value(parser);
        }
        property.place = mr__place_from(parser, first);
        MR_PUSH(parser->arena, out->items, out->n, cap, property);
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    out->place = mr__place_from(parser, start);
}

void mr__properties(MrParser *parser, MrSqlProperties *out)
{
    property_list(parser, false, out);
    for (int32_t i = 1; i < out->n; i++) {
        for (int32_t k = 0; k < i; k++) {
            const char *key = out->items[i].key;
            if (strcmp(key, out->items[k].key) == 0)
                mr__fail(parser, out->place, MR_COND_DUPLICATE_KEY, "keyColumn",
                         mr_quote_name(parser->arena, key));
        }
    }
}

void mr__expr_properties(MrParser *parser, MrSqlProperties *out)
{
    property_list(parser, true, out);
}

void mr__partition(MrParser *parser, MrSqlPartition *out)
{
    int32_t start = parser->at, cap = 0;
    *out = (MrSqlPartition){0};
    mr__expect(parser, MR_KW_PARTITION);
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    do {
        int32_t first = parser->at;
        MrSqlPartitionValue value = {.name = mr__name_part(parser)};
        if (mr__accept(parser, MR_TOK_EQUAL))
            value.value = mr__value(parser);
        value.place = mr__place_from(parser, first);
        MR_PUSH(parser->arena, out->items, out->n, cap, value);
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    out->place = mr__place_from(parser, start);
}
