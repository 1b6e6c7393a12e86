/* interval_text.c - intervals from text: "1-2", "INTERVAL -'1 02:03:04.5' DAY TO SECOND", and the
 * calendar form "1 year 3 days 2.5 seconds" (Spark: IntervalUtils). */
#include "function/datetime_text.h"
#include "function/calendar.h"
#include <stdio.h>

static const char *const field_names[] = {"year", "month", "day", "hour", "minute", "second"};

typedef struct IntervalReader {
    const char *at, *end;
} IntervalReader;

static bool take_char(IntervalReader *reader, char c)
{
    if (reader->at == reader->end || *reader->at != c)
        return false;
    reader->at++;
    return true;
}

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ' || c == 0x7F;
}

static int64_t take_blanks(IntervalReader *reader)
{
    const char *start = reader->at;
    while (reader->at < reader->end && is_blank(*reader->at))
        reader->at++;
    return reader->at - start;
}

static bool take_word(IntervalReader *reader, const char *word)
{
    int64_t n = (int64_t)strlen(word);
    if (reader->end - reader->at < n ||
        !mr_text_equal_nocase((MrText){reader->at, n}, mr_text(word)))
        return false;
    reader->at += n;
    return true;
}

/* +, - or | (Spark's patterns say [+|-]) */
static bool take_sign(IntervalReader *reader, int64_t *sign)
{
    if (take_char(reader, '-')) {
        *sign = -*sign;
        return true;
    }
    return take_char(reader, '+') || take_char(reader, '|');
}

/* Digits, at most max of them; returns how many.  *too_large is set when they leave int64. */
static int take_digits(IntervalReader *reader, int max, int64_t *out, bool *too_large)
{
    int64_t value = 0;
    int n = 0;
    for (; reader->at < reader->end && *reader->at >= '0' && *reader->at <= '9' && n < max;
         reader->at++, n++)
        *too_large |= __builtin_mul_overflow(value, 10, &value) ||
                      __builtin_add_overflow(value, *reader->at - '0', &value);
    *out = *too_large ? 0 : value;
    return n;
}

/* INTERVAL [sign]' before, ' FROM [TO TO] behind.  *quoted tells whether they are there. */
static bool take_opening(IntervalReader *reader, int64_t *sign, bool *quoted)
{
    IntervalReader saved = *reader;
    *quoted = false;
    if (!take_word(reader, "interval") || take_blanks(reader) == 0) {
        *reader = saved;
        return true;
    }
    take_sign(reader, sign);
    *quoted = true;
    return take_char(reader, '\'');
}

static bool take_closing(IntervalReader *reader, MrIntervalField from, MrIntervalField to)
{
    if (!take_char(reader, '\'') || take_blanks(reader) == 0 ||
        !take_word(reader, field_names[from]))
        return false;
    if (from == to)
        return true;
    return take_blanks(reader) > 0 && take_word(reader, "to") && take_blanks(reader) > 0 &&
           take_word(reader, field_names[to]);
}

static MrStatus fail_format(MrText text, MrIntervalField from, MrIntervalField to, MrError *err)
{
    static const char *const shapes[6][6] = {
        [MR_YEAR] = {[MR_YEAR] = "y", [MR_MONTH] = "y-m"},
        [MR_MONTH] = {[MR_MONTH] = "m"},
        [MR_DAY] =
            {[MR_DAY] = "d", [MR_HOUR] = "d h", [MR_MINUTE] = "d h:m", [MR_SECOND] = "d h:m:s.n"},
        [MR_HOUR] = {[MR_HOUR] = "h", [MR_MINUTE] = "h:m", [MR_SECOND] = "h:m:s.n"},
        [MR_MINUTE] = {[MR_MINUTE] = "m", [MR_SECOND] = "m:s.n"},
        [MR_SECOND] = {[MR_SECOND] = "s.n"},
    };
    char input[300], name[64], upper[64], supported[160];
    const char *shape = shapes[from][to];
    snprintf(input, sizeof input, "%.*s", (int)(text.size_bytes < 280 ? text.size_bytes : 280),
             text.data);
    snprintf(name, sizeof name, from == to ? "%s" : "%s to %s", field_names[from], field_names[to]);
    size_t n = strlen(name);
    for (size_t i = 0; i <= n; i++)
        upper[i] = (char)(name[i] >= 'a' && name[i] <= 'z' ? name[i] - 32 : name[i]);
    snprintf(supported, sizeof supported, "`[+|-]%s`, `INTERVAL [+|-]'[+|-]%s' %s`", shape, shape,
             upper);
    char type_name[80];
    snprintf(type_name, sizeof type_name, "interval %s", name);
    if (from >= MR_DAY)
        return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__UNMATCHED_FORMAT_STRING_WITH_NOTICE,
                       "typeName", type_name, "intervalStr", "day-time", "input", input,
                       "supportedFormat", supported);
    return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__UNMATCHED_FORMAT_STRING, "typeName",
                   type_name, "intervalStr", "year-month", "input", input, "supportedFormat",
                   supported);
}

static MrStatus fail_range(MrText text, const char *interval, MrError *err)
{
    char input[300];
    snprintf(input, sizeof input, "%.*s", (int)(text.size_bytes < 280 ? text.size_bytes : 280),
             text.data);
    return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INTERVAL_PARSING, "interval", interval,
                   "input", input);
}

MrStatus mr_text_to_interval_ym(MrText text, MrIntervalField from, MrIntervalField to,
                                int32_t *months, MrError *err)
{
    MrText trimmed = mr_text_trim_all(text);
    IntervalReader reader = {trimmed.data, trimmed.data + trimmed.size_bytes};
    int64_t sign = 1, first = 0, second = 0, all;
    bool quoted, too_large = false;
    if (!take_opening(&reader, &sign, &quoted))
        return fail_format(text, from, to, err);
    take_sign(&reader, &sign);
    if (take_digits(&reader, 1000, &first, &too_large) == 0)
        return fail_format(text, from, to, err);
    if (from != to &&
        (!take_char(&reader, '-') || take_digits(&reader, 1000, &second, &too_large) == 0))
        return fail_format(text, from, to, err);
    if ((quoted && !take_closing(&reader, from, to)) || reader.at != reader.end)
        return fail_format(text, from, to, err);
    if (too_large || second > 11 || __builtin_mul_overflow(first, from == MR_YEAR ? 12 : 1, &all) ||
        __builtin_add_overflow(all, second, &all) || all > INT64_C(1) << 40 ||
        sign * all != (int32_t)(sign * all))
        return fail_range(text, "year-month", err);
    *months = (int32_t)(sign * all);
    return MR_OK;
}

MrStatus mr_text_to_interval_dt(MrText text, MrIntervalField from, MrIntervalField to, int64_t *us,
                                MrError *err)
{
    static const int64_t unit_us[] = {
        0, 0, MR_US_PER_DAY, MR_US_PER_HOUR, MR_US_PER_MINUTE, MR_US_PER_SECOND};
    static const int64_t most[] = {0, 0, 0, 23, 59, 59};
    MrText trimmed = mr_text_trim_all(text);
    IntervalReader reader = {trimmed.data, trimmed.data + trimmed.size_bytes};
    int64_t sign = 1, value, part, all = 0;
    int n = 0;
    bool quoted, too_large = false;
    if (!take_opening(&reader, &sign, &quoted))
        return fail_format(text, from, to, err);
    take_sign(&reader, &sign);
    for (MrIntervalField field = from; field <= to; field++) {
        if (field > from && !take_char(&reader, field == MR_HOUR ? ' ' : ':'))
            return fail_format(text, from, to, err);
        if (take_digits(&reader, field > from ? 2 : 1000, &value, &too_large) == 0)
            return fail_format(text, from, to, err);
        /* Added with the sign, so that the smallest interval is reached. */
        too_large |= (field > from && value > most[field]) ||
                     __builtin_mul_overflow(sign * value, unit_us[field], &part) ||
                     __builtin_add_overflow(all, part, &all);
    }
    if (to == MR_SECOND && take_char(&reader, '.')) {
        int64_t fraction;
        n = take_digits(&reader, 9, &fraction, &too_large);
        if (n == 0)
            return fail_format(text, from, to, err);
        for (; n < 9; n++)
            fraction *= 10;
        too_large |= __builtin_add_overflow(all, sign * (fraction / 1000), &all);
    }
    if ((quoted && !take_closing(&reader, from, to)) || reader.at != reader.end)
        return fail_format(text, from, to, err);
    if (too_large)
        return fail_range(text, "day-time", err);
    *us = all;
    return MR_OK;
}

/* The calendar form */

typedef struct CalendarUnit {
    const char *name;
    int32_t months, days;
    int64_t us;
} CalendarUnit;

static const CalendarUnit calendar_units[] = {
    {"years", 12, 0, 0},
    {"year", 12, 0, 0},
    {"months", 1, 0, 0},
    {"month", 1, 0, 0},
    {"weeks", 0, 7, 0},
    {"week", 0, 7, 0},
    {"days", 0, 1, 0},
    {"day", 0, 1, 0},
    {"hours", 0, 0, MR_US_PER_HOUR},
    {"hour", 0, 0, MR_US_PER_HOUR},
    {"minutes", 0, 0, MR_US_PER_MINUTE},
    {"minute", 0, 0, MR_US_PER_MINUTE},
    {"seconds", 0, 0, MR_US_PER_SECOND},
    {"second", 0, 0, MR_US_PER_SECOND},
    {"milliseconds", 0, 0, 1000},
    {"millisecond", 0, 0, 1000},
    {"microseconds", 0, 0, 1},
    {"microsecond", 0, 0, 1},
};

/* The word at the reader, for messages. */
static const char *word_at(const IntervalReader *reader, char out[64])
{
    int64_t n = 0;
    while (reader->at + n < reader->end && !is_blank(reader->at[n]) && n < 63)
        n++;
    snprintf(out, 64, "%.*s", (int)n, reader->at);
    return out;
}

static const CalendarUnit *take_unit(IntervalReader *reader)
{
    for (int64_t i = 0; i < MR_COUNT(calendar_units); i++) {
        IntervalReader saved = *reader;
        if (take_word(reader, calendar_units[i].name) &&
            (reader->at == reader->end || is_blank(*reader->at)))
            return &calendar_units[i];
        *reader = saved;
    }
    return NULL;
}

static bool calendar_add(MrInterval *sum, const CalendarUnit *unit, int64_t value,
                         int64_t fraction_us)
{
    int64_t months, days, us;
    if (__builtin_mul_overflow(value, unit->months, &months) ||
        __builtin_add_overflow(months, sum->months, &months) ||
        __builtin_mul_overflow(value, unit->days, &days) ||
        __builtin_add_overflow(days, sum->days, &days) ||
        __builtin_mul_overflow(value, unit->us, &us) || __builtin_add_overflow(us, sum->us, &us) ||
        __builtin_add_overflow(us, fraction_us, &us) || months != (int32_t)months ||
        days != (int32_t)days)
        return false;
    *sum = (MrInterval){(int32_t)months, (int32_t)days, us};
    return true;
}

MrStatus mr_text_to_interval(MrText text, MrInterval *out, MrError *err)
{
    char input[300], word[64];
    MrText trimmed = mr_text_trim_all(text);
    IntervalReader reader = {trimmed.data, trimmed.data + trimmed.size_bytes};
    MrInterval sum = {0};
    snprintf(input, sizeof input, "%.*s", (int)(text.size_bytes < 280 ? text.size_bytes : 280),
             text.data);
    if (trimmed.size_bytes == 0)
        return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INPUT_IS_EMPTY, "input", input);
    if (take_word(&reader, "interval")) {
        if (reader.at == reader.end)
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INPUT_IS_EMPTY, "input", input);
        if (take_blanks(&reader) == 0) {
            reader.at = trimmed.data;
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INVALID_PREFIX, "input", input,
                           "prefix", word_at(&reader, word));
        }
    }
    while (reader.at < reader.end) {
        int64_t sign = 1, value = 0, fraction = 0;
        bool too_large = false;
        const char *number = reader.at;
        if (take_char(&reader, '-'))
            sign = -1;
        else
            take_char(&reader, '+');
        take_blanks(&reader);
        if (reader.at == reader.end)
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__MISSING_NUMBER, "input", input,
                           "word", word_at(&(IntervalReader){number, reader.end}, word));
        int n = take_digits(&reader, 1000, &value, &too_large);
        if (n == 0 && *reader.at != '.')
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__UNRECOGNIZED_NUMBER, "input",
                           input, "number", word_at(&reader, word));
        if (too_large)
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__ARITHMETIC_EXCEPTION, "input",
                           input);
        bool point = take_char(&reader, '.');
        if (point) {
            int n_fraction = take_digits(&reader, 9, &fraction, &too_large);
            if (reader.at < reader.end && *reader.at >= '0' && *reader.at <= '9')
                return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INVALID_PRECISION, "input",
                               input, "value",
                               word_at(&(IntervalReader){number, reader.end}, word));
            for (int i = n_fraction; i < 9; i++)
                fraction *= 10;
        }
        if (reader.at < reader.end && !is_blank(*reader.at))
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INVALID_VALUE, "input", input,
                           "value", word_at(&(IntervalReader){number, reader.end}, word));
        take_blanks(&reader);
        if (reader.at == reader.end)
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__MISSING_UNIT, "input", input,
                           "word", word_at(&(IntervalReader){number, reader.end}, word));
        const CalendarUnit *unit = take_unit(&reader);
        if (!unit)
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INVALID_UNIT, "input", input,
                           "unit", word_at(&reader, word));
        if (point && unit->us != MR_US_PER_SECOND)
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__INVALID_FRACTION, "input", input,
                           "unit", unit->name);
        if (!calendar_add(&sum, unit, sign * value, sign * (fraction / 1000)))
            return MR_FAIL(err, MR_COND_INVALID_INTERVAL_FORMAT__ARITHMETIC_EXCEPTION, "input",
                           input);
        take_blanks(&reader);
    }
    *out = sum;
    return MR_OK;
}
