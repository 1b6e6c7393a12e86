/* datetime_text.c - dates, times and timestamps from text and to text (Spark: DateTimeUtils). */
#include "function/datetime_text.h"
#include "function/calendar.h"

MrText mr_text_trim_all(MrText text)
{
    const char *at = text.data, *end = at + text.size_bytes;
    while (at < end && ((unsigned char)*at <= ' ' || *at == 0x7F))
        at++;
    while (end > at && ((unsigned char)end[-1] <= ' ' || end[-1] == 0x7F))
        end--;
    return (MrText){at, end - at};
}

static bool civil_valid(int64_t year, int32_t month, int32_t day)
{
    return month >= 1 && month <= 12 && day >= 1 && day <= mr_month_days(year, month);
}

/* Four and two digits at fixed places: what nearly every text is. */
static inline int32_t two_digits(const char *at)
{
    unsigned a = (unsigned char)at[0] - (unsigned)'0', b = (unsigned char)at[1] - (unsigned)'0';
    return a <= 9 && b <= 9 ? (int32_t)(a * 10 + b)
                            : -10000; /* a hundred times it still fits, and is below any year */
}

/* yyyy-mm-dd at the start of the text; false: look closer. */
static inline bool plain_date(const char *at, int32_t *days)
{
    int32_t year = two_digits(at) * 100 + two_digits(at + 2), month = two_digits(at + 5),
            day = two_digits(at + 8);
    if (at[4] != '-' || at[7] != '-' || year < 0 || !civil_valid(year, month, day))
        return false;
    *days = (int32_t)mr_civil_to_days(year, month, day);
    return true;
}

bool mr_text_to_date(MrText text, int32_t *days)
{
    if (text.size_bytes == 10 && plain_date(text.data, days))
        return true;
    text = mr_text_trim_all(text);
    const char *at = text.data, *end = at + text.size_bytes;
    int64_t segments[3] = {1, 1, 1}, sign = 1, value = 0;
    int n_segments = 0, n_digits = 0;
    if (at == end)
        return false;
    if (*at == '-' || *at == '+')
        sign = *at++ == '-' ? -1 : 1;
    for (; at < end && *at != ' ' && *at != 'T'; at++) {
        if (n_segments < 2 && *at == '-') {
            if (n_segments == 0 ? n_digits < 4 || n_digits > 7 : n_digits < 1 || n_digits > 2)
                return false;
            segments[n_segments++] = value;
            value = n_digits = 0;
        } else {
            if (*at < '0' || *at > '9' || ++n_digits > 7)
                return false;
            value = value * 10 + (*at - '0');
        }
    }
    if (n_segments == 0 ? n_digits < 4 || n_digits > 7 : n_digits < 1 || n_digits > 2)
        return false;
    if (n_segments < 2 && at < end) /* yyyy and yyyy-mm take no time behind them */
        return false;
    segments[n_segments] = value;
    if (!civil_valid(sign * segments[0], (int32_t)segments[1], (int32_t)segments[2]))
        return false;
    int64_t result =
        mr_civil_to_days(sign * segments[0], (int32_t)segments[1], (int32_t)segments[2]);
    if (result != (int32_t)result)
        return false;
    *days = (int32_t)result;
    return true;
}

/* What a timestamp's text says. */
typedef struct TimestampParts {
    int64_t year;
    int32_t month, day, hour, minute, second, us;
    MrText zone; /* size_bytes 0: none */
    bool time_only;
} TimestampParts;

typedef struct PartsParser {
    int32_t segments[9];
    int i;
    int32_t value;
    int n_digits;
} PartsParser;

static bool segment_valid(int i, int n_digits)
{
    if (i == 6)
        return true; /* the fraction: cut behind six digits */
    if (i == 0)
        return n_digits >= 4 && n_digits <= 6;
    return i == 7 ? n_digits <= 2 : n_digits > 0 && n_digits <= 2;
}

static bool segment_end(PartsParser *parser, int i)
{
    if (!segment_valid(i, parser->n_digits))
        return false;
    parser->segments[i] = parser->value;
    parser->value = 0;
    parser->n_digits = 0;
    parser->i = i + 1;
    return true;
}

/* A step through the same states as Spark's parser, so that it takes and refuses the same texts. */
static bool parse_parts(MrText text, TimestampParts *out)
{
    text = mr_text_trim_all(text);
    const char *start = text.data, *at = start, *end = at + text.size_bytes;
    PartsParser p = {.segments = {1, 1, 1}};
    int n_fraction = 0;
    int sign = 0;
    *out = (TimestampParts){0};
    if (at == end)
        return false;
    if (*at == '-' || *at == '+')
        sign = *at++ == '-' ? -1 : 1;
    for (; at < end; at++) {
        char c = *at;
        if (c >= '0' && c <= '9') {
            n_fraction += p.i == 6;
            if (p.i != 6 || p.n_digits < 6)
                p.value = p.n_digits < 8 ? p.value * 10 + (c - '0') : p.value;
            p.n_digits += p.n_digits < 100;
            continue;
        }
        if (at == start && c == 'T') {
            out->time_only = true;
            p.i += 3;
        } else if (p.i < 2) {
            if (c == '-') {
                if (!segment_end(&p, p.i))
                    return false;
            } else if (p.i == 0 && c == ':' && sign == 0) {
                out->time_only = true;
                if (!segment_end(&p, 3))
                    return false;
            } else {
                return false;
            }
        } else if (p.i == 2) {
            if ((c != ' ' && c != 'T') || !segment_end(&p, 2))
                return false;
        } else if (p.i == 3 || p.i == 4) {
            if (c != ':' || !segment_end(&p, p.i))
                return false;
        } else if (p.i == 5 || p.i == 6) {
            bool point = c == '.' && p.i == 5;
            if (!segment_end(&p, p.i))
                return false;
            if (!point) {
                out->zone = mr_text_trim_all((MrText){at, end - at});
                if (out->zone.size_bytes == 0)
                    return false;
                p.i = 7;
                break;
            }
        } else {
            return false;
        }
    }
    if (!segment_valid(p.i, p.n_digits))
        return false;
    p.segments[p.i] = p.value;
    for (; n_fraction < 6; n_fraction++)
        p.segments[6] *= 10;
    const int32_t *s = p.segments;
    out->year = (int64_t)s[0] * (sign < 0 ? -1 : 1);
    out->month = s[1];
    out->day = s[2];
    out->hour = s[3];
    out->minute = s[4];
    out->second = s[5];
    out->us = s[6];
    return s[3] < 24 && s[4] < 60 && s[5] < 60 &&
           (out->time_only || civil_valid(out->year, s[1], s[2]));
}

static int64_t parts_time_us(const TimestampParts *parts)
{
    return (parts->hour * INT64_C(3600) + parts->minute * 60 + parts->second) * MR_US_PER_SECOND +
           parts->us;
}

static bool zone_of(MrText id, MrZones *zones, const MrZone **out)
{
    char text[64];
    MrError ignored;
    if (!zones || id.size_bytes >= (int64_t)sizeof text ||
        memchr(id.data, 0, (size_t)id.size_bytes))
        return false;
    memcpy(text, id.data, (size_t)id.size_bytes);
    text[id.size_bytes] = 0;
    return mr_zone_find(zones, text, out, &ignored) == MR_OK;
}

/* yyyy-mm-dd hh:mm:ss[.f...], nothing behind it. */
static inline bool plain_timestamp(MrText text, int64_t *local_us)
{
    const char *at = text.data;
    int32_t days;
    if (text.size_bytes < 19 || text.size_bytes > 26 || !plain_date(at, &days) ||
        (at[10] != ' ' && at[10] != 'T') || at[13] != ':' || at[16] != ':')
        return false;
    int32_t hour = two_digits(at + 11), minute = two_digits(at + 14), second = two_digits(at + 17),
            fraction = 0;
    if ((uint32_t)hour > 23 || (uint32_t)minute > 59 || (uint32_t)second > 59)
        return false;
    if (text.size_bytes > 19) {
        if (at[19] != '.')
            return false;
        for (int64_t i = 20; i < 26; i++) {
            unsigned digit = i < text.size_bytes ? (unsigned char)at[i] - (unsigned)'0' : 0;
            if (digit > 9)
                return false;
            fraction = fraction * 10 + (int32_t)digit;
        }
    }
    *local_us = days * MR_US_PER_DAY +
                (hour * INT64_C(3600) + minute * 60 + second) * MR_US_PER_SECOND + fraction;
    return true;
}

static int64_t floor_days(int64_t us)
{
    return mr_us_to_days(us);
}

bool mr_text_to_timestamp(MrText text, const MrZone *zone, MrZones *zones, int64_t now_us,
                          int64_t *us)
{
    int64_t local_us;
    TimestampParts parts;
    if (plain_timestamp(text, &local_us)) {
        *us = mr_zone_to_utc_us(zone, local_us);
        return true;
    }
    if (!parse_parts(text, &parts))
        return false;
    if (parts.zone.size_bytes > 0 && !zone_of(parts.zone, zones, &zone))
        return false;
    int64_t days = parts.time_only ? floor_days(mr_zone_to_local_us(zone, now_us))
                                   : mr_civil_to_days(parts.year, parts.month, parts.day);
    if (__builtin_mul_overflow(days, MR_US_PER_DAY, &local_us) ||
        __builtin_add_overflow(local_us, parts_time_us(&parts), &local_us))
        return false;
    *us = mr_zone_to_utc_us(zone, local_us);
    return true;
}

bool mr_text_to_timestamp_ntz(MrText text, MrZones *zones, bool allow_zone, int64_t *us)
{
    int64_t local_us;
    TimestampParts parts;
    const MrZone *zone;
    if (plain_timestamp(text, us))
        return true;
    if (!parse_parts(text, &parts) || parts.time_only)
        return false;
    if (parts.zone.size_bytes > 0 && (!allow_zone || !zone_of(parts.zone, zones, &zone)))
        return false;
    if (__builtin_mul_overflow(mr_civil_to_days(parts.year, parts.month, parts.day), MR_US_PER_DAY,
                               &local_us) ||
        __builtin_add_overflow(local_us, parts_time_us(&parts), &local_us))
        return false;
    *us = local_us;
    return true;
}

static bool ends_nocase(MrText text, const char *word)
{
    int64_t n = (int64_t)strlen(word);
    return text.size_bytes >= n &&
           mr_text_equal_nocase((MrText){text.data + text.size_bytes - n, n}, mr_text(word));
}

bool mr_text_to_time(MrText text, int64_t *ns)
{
    TimestampParts parts;
    text = mr_text_trim_all(text);
    bool am = ends_nocase(text, "am"), pm = ends_nocase(text, "pm");
    if (am || pm)
        text.size_bytes -= 2;
    if (!parse_parts(text, &parts) || !parts.time_only || parts.zone.size_bytes > 0)
        return false;
    if (am || pm) {
        if (parts.hour < 1 || parts.hour > 12)
            return false;
        parts.hour = parts.hour % 12 + (pm ? 12 : 0);
    }
    *ns = parts_time_us(&parts) * 1000;
    return true;
}

bool mr_text_to_special_us(MrText text, const MrZone *zone, MrZones *zones, int64_t now_us,
                           int64_t *us)
{
    static const char *const words[] = {"epoch", "now", "today", "tomorrow", "yesterday"};
    text = mr_text_trim_all(text);
    int64_t n = 0;
    while (n < text.size_bytes && (text.data[n] | 32) >= 'a' && (text.data[n] | 32) <= 'z')
        n++;
    int i = 0;
    while (i < MR_COUNT(words) && !mr_text_equal_nocase((MrText){text.data, n}, mr_text(words[i])))
        i++;
    if (i == MR_COUNT(words))
        return false;
    MrText id = mr_text_trim_all((MrText){text.data + n, text.size_bytes - n});
    if (id.size_bytes > 0 && (text.data[n] != ' ' || !zone_of(id, zones, &zone)))
        return false;
    if (i < 2) {
        *us = i == 0 ? 0 : now_us;
        return true;
    }
    int64_t days = floor_days(mr_zone_to_local_us(zone, now_us)) + (i == 3) - (i == 4);
    *us = mr_zone_to_utc_us(zone, days * MR_US_PER_DAY);
    return true;
}

/* Printing */

static char *put_digits(char *out, uint64_t value, int n)
{
    for (int i = n - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + n;
}

static char *put_number(char *out, int64_t value)
{
    return out + mr_i64_to_text(value, out);
}

static char *put_text(char *out, const char *text)
{
    size_t n = strlen(text);
    memcpy(out, text, n);
    return out + n;
}

/* .5, .000001, or nothing */
static char *put_fraction(char *out, uint64_t value, int n_digits)
{
    if (value == 0)
        return out;
    *out++ = '.';
    out = put_digits(out, value, n_digits);
    while (out[-1] == '0')
        out--;
    return out;
}

int32_t mr_date_to_text(int64_t days, char *out)
{
    MrCivil civil = mr_days_to_civil(days);
    char *at = out;
    uint64_t year = (uint64_t)(civil.year < 0 ? -civil.year : civil.year);
    if (civil.year < 0)
        *at++ = '-';
    else if (civil.year > 9999)
        *at++ = '+';
    at = year > 9999 ? put_number(at, (int64_t)year) : put_digits(at, year, 4);
    *at++ = '-';
    at = put_digits(at, (uint64_t)civil.month, 2);
    *at++ = '-';
    at = put_digits(at, (uint64_t)civil.day, 2);
    return (int32_t)(at - out);
}

static char *put_clock(char *at, int64_t second)
{
    at = put_digits(at, (uint64_t)(second / 3600), 2);
    *at++ = ':';
    at = put_digits(at, (uint64_t)(second / 60 % 60), 2);
    *at++ = ':';
    return put_digits(at, (uint64_t)(second % 60), 2);
}

int32_t mr_timestamp_to_text(int64_t local_us, char *out)
{
    return mr_instant_to_text(local_us, 0, out);
}

int32_t mr_instant_to_text(int64_t us, int32_t offset_s, char *out)
{
    /* Days and the rest apart: the sum of both may leave int64 at the ends. */
    int64_t days = floor_days(us), rest = us % MR_US_PER_DAY;
    rest += (rest < 0 ? MR_US_PER_DAY : 0) + offset_s * MR_US_PER_SECOND;
    days += floor_days(rest);
    rest -= floor_days(rest) * MR_US_PER_DAY;
    char *at = out + mr_date_to_text(days, out);
    *at++ = ' ';
    at = put_clock(at, rest / MR_US_PER_SECOND);
    at = put_fraction(at, (uint64_t)(rest % MR_US_PER_SECOND), 6);
    return (int32_t)(at - out);
}

int32_t mr_time_to_text(int64_t ns, char *out)
{
    char *at = put_clock(out, ns / 1000000000);
    at = put_fraction(at, (uint64_t)(ns % 1000000000), 9);
    return (int32_t)(at - out);
}

static const char *const field_names[] = {"YEAR", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND"};

static char *put_fields(char *at, MrIntervalField from, MrIntervalField to)
{
    at = put_text(at, "' ");
    at = put_text(at, field_names[from]);
    if (from != to) {
        at = put_text(at, " TO ");
        at = put_text(at, field_names[to]);
    }
    return at;
}

int32_t mr_interval_ym_to_text(int32_t months, MrIntervalField from, MrIntervalField to, bool hive,
                               char *out)
{
    char *at = out;
    int64_t all = months < 0 ? -(int64_t)months : months;
    if (!hive)
        at = put_text(at, "INTERVAL '");
    if (months < 0)
        *at++ = '-';
    if (hive || from != to) {
        at = put_number(at, all / 12);
        *at++ = '-';
        at = put_number(at, all % 12);
    } else {
        at = put_number(at, from == MR_YEAR ? all / 12 : all);
    }
    if (!hive)
        at = put_fields(at, from, to);
    return (int32_t)(at - out);
}

int32_t mr_interval_dt_to_text(int64_t us, MrIntervalField from, MrIntervalField to, bool hive,
                               char *out)
{
    static const int64_t unit_us[] = {
        0, 0, MR_US_PER_DAY, MR_US_PER_HOUR, MR_US_PER_MINUTE, MR_US_PER_SECOND};
    char *at = out;
    uint64_t rest = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    if (!hive)
        at = put_text(at, "INTERVAL '");
    if (us < 0)
        *at++ = '-';
    if (hive) {
        at = put_number(at, (int64_t)(rest / (uint64_t)MR_US_PER_DAY));
        *at++ = ' ';
        rest %= (uint64_t)MR_US_PER_DAY;
        at = put_clock(at, (int64_t)(rest / (uint64_t)MR_US_PER_SECOND));
        *at++ = '.';
        at = put_digits(at, rest % (uint64_t)MR_US_PER_SECOND * 1000, 9);
        return (int32_t)(at - out);
    }
    for (MrIntervalField field = from; field <= to; field++) {
        uint64_t value = rest / (uint64_t)unit_us[field];
        rest %= (uint64_t)unit_us[field];
        if (field > from)
            *at++ = field == MR_HOUR ? ' ' : ':';
        if (field != MR_DAY && value < 10)
            *at++ = '0';
        at = put_number(at, (int64_t)value);
    }
    if (to == MR_SECOND)
        at = put_fraction(at, rest, 6);
    at = put_fields(at, from, to);
    return (int32_t)(at - out);
}

static char *put_unit(char *at, int64_t value, const char *unit)
{
    if (value == 0)
        return at;
    at = put_number(at, value);
    *at++ = ' ';
    at = put_text(at, unit);
    *at++ = ' ';
    return at;
}

int32_t mr_interval_to_text(MrInterval value, char *out)
{
    char *at = out;
    int64_t rest = value.us;
    if (value.months == 0 && value.days == 0 && value.us == 0)
        return (int32_t)(put_text(out, "0 seconds") - out);
    at = put_unit(at, value.months / 12, "years");
    at = put_unit(at, value.months % 12, "months");
    at = put_unit(at, value.days, "days");
    at = put_unit(at, rest / MR_US_PER_HOUR, "hours");
    rest %= MR_US_PER_HOUR;
    at = put_unit(at, rest / MR_US_PER_MINUTE, "minutes");
    rest %= MR_US_PER_MINUTE;
    if (rest != 0) {
        if (rest < 0)
            *at++ = '-';
        uint64_t all = (uint64_t)(rest < 0 ? -rest : rest);
        at = put_number(at, (int64_t)(all / 1000000));
        at = put_fraction(at, all % 1000000, 6);
        at = put_text(at, " seconds ");
    }
    return (int32_t)(at - 1 - out);
}
