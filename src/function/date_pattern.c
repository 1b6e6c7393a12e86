/* date_pattern.c - dates and times by java.time's patterns: to_date, to_timestamp, date_format ...
 *
 * A pattern is compiled to a list of fields.  Formatting writes them one after the other; parsing
 * is strict, as Spark's corrected parser is: widths count, nothing may be left over.  What stands
 * in [ ] is either there as a whole or not at all.  What is missing is 1970-01-01 00:00:00. */
#include "function/date_int.h"
#include "function/datetime_text.h"
#include <stdio.h>

#define PATTERN_MAX_FIELDS 64

typedef struct PatternField {
    char letter;   /* '\'' literal text; [ and ] hold an optional part */
    int32_t n;     /* how often the letter stands; of [: the number of its ] */
    MrText text;   /* literal */
    bool adjacent; /* a number directly before another one: takes just its own width */
} PatternField;

typedef struct MrDatePattern {
    int32_t n;
    bool has_era; /* years are of an era: else they may be 0 and below */
    PatternField fields[PATTERN_MAX_FIELDS];
} Pattern;

typedef enum PatternFault {
    PATTERN_FINE,
    PATTERN_WEEK_BASED,
    PATTERN_ILLEGAL,
    PATTERN_UNKNOWN
} PatternFault;

static const char *const month_names[] = {"January",   "February", "March",    "April",
                                          "May",       "June",     "July",     "August",
                                          "September", "October",  "November", "December"};
static const char *const day_names[] = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                        "Friday", "Saturday", "Sunday"};

static bool is_number_field(const PatternField *field)
{
    return strchr("yudDHhKkmsS", field->letter) || (strchr("MLqQ", field->letter) && field->n <= 2);
}

/* Text in quotes at *at, doubled quotes inside; '' alone is a quote.  false: it does not end. */
static bool take_quoted(MrText text, int64_t *at, MrArena *arena, MrText *out)
{
    MrTextBuilder built = {.arena = arena};
    int64_t from = ++*at;
    for (; *at < text.size_bytes; (*at)++) {
        if (text.data[*at] == '\'') {
            if (*at + 1 >= text.size_bytes || text.data[*at + 1] != '\'')
                break;
            ++*at;
        }
        mr_builder_char(&built, text.data[*at]);
    }
    *out = *at == from ? MR_TEXT("'") : (MrText){built.data, built.size_bytes};
    return (*at)++ < text.size_bytes;
}

static PatternFault pattern_compile(MrText text, bool parsing, MrArena *arena, Pattern *out,
                                    char *bad)
{
    int32_t depth = 0, open[PATTERN_MAX_FIELDS];
    bool quoted = false;
    out->n = 0;
    out->has_era = false;
    for (int32_t pass = 0; pass < 2; pass++) { /* these are told first, wherever they stand */
        for (int64_t i = 0; i < text.size_bytes; i++) {
            *bad = text.data[i];
            quoted = quoted != (*bad == '\'');
            if (!quoted && *bad && pass == 0 && strchr("YWwuec", *bad))
                return PATTERN_WEEK_BASED;
            if (!quoted && *bad && pass == 1 &&
                (strchr("ABnNp", *bad) || (parsing && strchr("EFqQ", *bad))))
                return PATTERN_ILLEGAL;
        }
        quoted = false;
    }
    for (int64_t at = 0; at < text.size_bytes;) {
        char c = text.data[at];
        if (out->n >= PATTERN_MAX_FIELDS - 1)
            return PATTERN_UNKNOWN;
        PatternField *field = &out->fields[out->n++];
        *field = (PatternField){.letter = c};
        *bad = c;
        if (c == '\'') {
            if (!take_quoted(text, &at, arena, &field->text))
                return PATTERN_UNKNOWN;
            continue;
        }
        if (c == '[' || c == ']') {
            if (c == '[')
                open[depth++] = out->n - 1;
            else if (depth > 0)
                out->fields[open[--depth]].n = out->n - 1;
            else
                return PATTERN_UNKNOWN;
            at++;
            continue;
        }
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'))) {
            if (c == '{' || c == '}' || c == '#')
                return PATTERN_UNKNOWN;
            field->letter = '\'';
            field->text =
                (MrText){text.data + at, mr__char_bytes(text.data + at, text.size_bytes - at)};
            at += field->text.size_bytes;
            continue;
        }
        while (at < text.size_bytes && text.data[at] == c) {
            field->n++;
            at++;
        }
        if (!strchr("GyMLdDqQEFahHkKmsSVzOXxZ", c))
            return PATTERN_UNKNOWN;
        int32_t max = strchr("GMLEqQ", c)    ? 4
                      : c == 'y'             ? 6
                      : c == 'S'             ? 9
                      : c == 'D'             ? 3
                      : strchr("dhHkKms", c) ? 2
                      : c == 'a' || c == 'F' ? 1
                      : c == 'z'             ? 4
                                             : 5;
        if (field->n > max || (c == 'V' && field->n != 2) ||
            (c == 'O' && field->n != 1 && field->n != 4))
            return PATTERN_UNKNOWN;
        out->has_era |= c == 'G';
    }
    while (depth > 0) /* what is not closed ends with the pattern */
        out->fields[open[--depth]].n = out->n;
    for (int32_t i = 0; i + 1 < out->n; i++)
        out->fields[i].adjacent =
            is_number_field(&out->fields[i]) && is_number_field(&out->fields[i + 1]);
    return PATTERN_FINE;
}

/* Whether Java's SimpleDateFormat, Spark's parser before 3.0, takes the pattern. */
static bool legacy_takes(MrText text)
{
    bool quoted = false;
    int32_t n_x = 0;
    for (int64_t i = 0; i < text.size_bytes; i++) {
        char c = text.data[i];
        quoted = quoted != (c == '\'');
        n_x = !quoted && c == 'X' ? n_x + 1 : 0;
        if (!quoted &&
            (((c | 32) >= 'a' && (c | 32) <= 'z' && !strchr("GyYMLwWDdFEuaHkKhmsSzZX", c)) ||
             n_x > 3))
            return false;
    }
    return !quoted;
}

/* legacy: the old parser is asked whether it would have known the pattern. */
static MrStatus fail_pattern(MrArena *arena, PatternFault fault, char bad, MrText text, bool legacy,
                             MrError *err)
{
    const char *pattern = mr_arena_strn(arena, text.data, text.size_bytes);
    const char letter[2] = {bad, '\0'};
    if (legacy && legacy_takes(text))
        return MR_FAIL(err,
                       MR_COND_INCONSISTENT_BEHAVIOR_CROSS_VERSION__DATETIME_PATTERN_RECOGNITION,
                       "pattern", mr_arena_printf(arena, "'%s'", pattern), "config",
                       "\"spark.sql.legacy.timeParserPolicy\"", "docroot",
                       "https://spark.apache.org/docs/latest");
    if (legacy && fault == PATTERN_WEEK_BASED)
        return MR_FAIL(err,
                       MR_COND_INCONSISTENT_BEHAVIOR_CROSS_VERSION__DATETIME_WEEK_BASED_PATTERN,
                       "c", letter);
    if (legacy && fault == PATTERN_ILLEGAL)
        return MR_FAIL(err, MR_COND_INVALID_DATETIME_PATTERN__ILLEGAL_CHARACTER, "c", letter,
                       "pattern", pattern);
    return MR_FAIL(err, MR_COND_INVALID_DATETIME_PATTERN__WITH_SUGGESTION, "pattern",
                   mr_arena_printf(arena, "'%s'", pattern), "docroot",
                   "https://spark.apache.org/docs/latest");
}

/* --- formatting ------------------------------------------------------------------------------- */

static void put_offset(MrTextBuilder *out, const PatternField *field, int64_t offset_s)
{
    int64_t all = offset_s < 0 ? -offset_s : offset_s, h = all / 3600, m = all / 60 % 60,
            s = all % 60;
    char sign = offset_s < 0 ? '-' : '+';
    if (field->letter == 'O') {
        mr_builder_str(out, "GMT");
        if (offset_s == 0)
            return;
        mr_builder_printf(out, field->n == 4 ? "%c%02lld" : "%c%lld", sign, (long long)h);
        if (field->n == 4 || m || s)
            mr_builder_printf(out, ":%02lld", (long long)m);
        if (s)
            mr_builder_printf(out, ":%02lld", (long long)s);
        return;
    }
    int32_t n = field->n;
    if (field->letter == 'Z') {
        if (n == 4) {
            put_offset(out, &(PatternField){.letter = 'O', .n = 4}, offset_s);
            return;
        }
        if (n == 5 && offset_s == 0) {
            mr_builder_char(out, 'Z');
            return;
        }
        n = n == 5 ? 5 : 2;
    }
    if (field->letter == 'X' && offset_s == 0) {
        mr_builder_char(out, 'Z');
        return;
    }
    mr_builder_printf(out, "%c%02lld", sign, (long long)h);
    const char *colon = n == 3 || n == 5 ? ":" : "";
    if (n > 1 || m)
        mr_builder_printf(out, "%s%02lld", colon, (long long)m);
    if (n >= 4 && s)
        mr_builder_printf(out, "%s%02lld", colon, (long long)s);
}

/* The long names of times whose short names are known; by zone, as short names come twice. */
static const char *long_zone_name(const MrZone *zone, const char *name)
{
    static const char *const names[][3] = {
        {"America/", "PST", "Pacific Standard Time"},
        {"America/", "PDT", "Pacific Daylight Time"},
        {"America/", "MST", "Mountain Standard Time"},
        {"America/", "MDT", "Mountain Daylight Time"},
        {"America/", "CST", "Central Standard Time"},
        {"America/", "CDT", "Central Daylight Time"},
        {"America/", "EST", "Eastern Standard Time"},
        {"America/", "EDT", "Eastern Daylight Time"},
        {"Europe/", "CET", "Central European Standard Time"},
        {"Europe/", "CEST", "Central European Summer Time"},
        {"Europe/London", "GMT", "Greenwich Mean Time"},
        {"Europe/London", "BST", "British Summer Time"},
        {"Asia/Kolkata", "IST", "India Standard Time"},
        {"Asia/Tokyo", "JST", "Japan Standard Time"},
        {"UTC", "UTC", "Coordinated Universal Time"},
        {"Etc/UTC", "UTC", "Coordinated Universal Time"},
    };
    for (int32_t i = 0; i < MR_COUNT(names); i++)
        if (strncmp(mr_zone_id(zone), names[i][0], strlen(names[i][0])) == 0 &&
            strcmp(name, names[i][1]) == 0)
            return names[i][2];
    return "";
}

/* us: what the clock shows; offset_s and zone: for the letters of zones.  false: the zone has no
 * such name here. */
static bool pattern_format(const Pattern *pattern, int64_t us, int64_t offset_s, const MrZone *zone,
                           MrTextBuilder *out)
{
    int64_t days = mr_us_to_days(us), us_of_day = mr__floor_mod(us, MR_US_PER_DAY);
    MrCivil civil = mr_days_to_civil(days);
    long long hour = us_of_day / MR_US_PER_HOUR, minute = us_of_day / MR_US_PER_MINUTE % 60;
    long long second = us_of_day / MR_US_PER_SECOND % 60;
    for (int32_t i = 0; i < pattern->n; i++) {
        const PatternField *field = &pattern->fields[i];
        int32_t n = field->n;
        long long year = civil.year <= 0 && pattern->has_era ? 1 - civil.year : civil.year;
        switch (field->letter) {
        case '[':
        case ']':
            break;
        case '\'':
            mr_builder_put(out, field->text.data, field->text.size_bytes);
            break;
        case 'G':
            mr_builder_str(out, n == 4 ? (civil.year > 0 ? "Anno Domini" : "Before Christ")
                                : civil.year > 0 ? "AD"
                                                 : "BC");
            break;
        case 'y':
            if (n == 2)
                mr_builder_printf(out, "%02lld", llabs(year) % 100);
            else
                mr_builder_printf(out, "%s%0*lld",
                                  year < 0 ? "-"
                                  : n >= 4 && year >= (n == 4   ? 10000
                                                       : n == 5 ? 100000
                                                                : 1000000)
                                      ? "+"
                                      : "",
                                  n, llabs(year));
            break;
        case 'M':
        case 'L':
            if (n <= 2)
                mr_builder_printf(out, "%0*d", n, civil.month);
            else
                mr_builder_put(out, month_names[civil.month - 1],
                               n == 3 ? 3 : (int64_t)strlen(month_names[civil.month - 1]));
            break;
        case 'd':
            mr_builder_printf(out, "%0*d", n, civil.day);
            break;
        case 'D':
            mr_builder_printf(out, "%0*lld", n,
                              (long long)(days - mr_civil_to_days(civil.year, 1, 1) + 1));
            break;
        case 'q':
        case 'Q': {
            int quarter = (civil.month + 2) / 3;
            static const char *const ordinals[] = {"1st", "2nd", "3rd", "4th"};
            if (n <= 2)
                mr_builder_printf(out, "%0*d", n, quarter);
            else if (n == 3)
                mr_builder_printf(out, "Q%d", quarter);
            else
                mr_builder_printf(out, "%s quarter", ordinals[quarter - 1]);
            break;
        }
        case 'E': {
            const char *name = day_names[mr__floor_mod(days + 3, 7)];
            mr_builder_put(out, name, n <= 3 ? 3 : (int64_t)strlen(name));
            break;
        }
        case 'F':
            mr_builder_printf(out, "%d", (civil.day - 1) % 7 + 1);
            break;
        case 'a':
            mr_builder_str(out, hour < 12 ? "AM" : "PM");
            break;
        case 'h':
            mr_builder_printf(out, "%0*lld", n, (hour + 11) % 12 + 1);
            break;
        case 'H':
            mr_builder_printf(out, "%0*lld", n, hour);
            break;
        case 'k':
            mr_builder_printf(out, "%0*lld", n, hour ? hour : 24);
            break;
        case 'K':
            mr_builder_printf(out, "%0*lld", n, hour % 12);
            break;
        case 'm':
            mr_builder_printf(out, "%0*lld", n, minute);
            break;
        case 's':
            mr_builder_printf(out, "%0*lld", n, second);
            break;
        case 'S': {
            char digits[16];
            (void)snprintf(digits, sizeof digits, "%06lld000",
                           (long long)(us_of_day % MR_US_PER_SECOND));
            mr_builder_put(out, digits, n);
            break;
        }
        case 'V':
            mr_builder_str(out, mr_zone_id(zone));
            break;
        case 'z': {
            const char *name = mr_zone_name(zone, us - offset_s * MR_US_PER_SECOND);
            if (n == 4)
                name = long_zone_name(zone, name);
            if (!*name)
                return false;
            mr_builder_str(out, name);
            break;
        }
        default:
            put_offset(out, field, offset_s);
        }
    }
    return true;
}

MrStatus mr_date_pattern_create(MrArena *arena, const char *text, const char *letters,
                                const struct MrDatePattern **out, MrError *err)
{
    Pattern *pattern = MR_NEW(arena, Pattern);
    MrText own = mr_text(mr_arena_str(arena, text));
    char bad = '\0';
    PatternFault fault = pattern_compile(own, false, arena, pattern, &bad);
    if (fault != PATTERN_FINE)
        return fail_pattern(arena, fault, bad, own, true, err);
    for (int32_t i = 0; i < pattern->n; i++)
        if (letters && !strchr("'[]", pattern->fields[i].letter) &&
            !strchr(letters, pattern->fields[i].letter))
            return MR_FAIL_UNSUPPORTED(err, "the letter %c in the pattern '%s' for writing",
                                       pattern->fields[i].letter, text);
    *out = pattern;
    return MR_OK;
}

void mr_date_pattern_put(const struct MrDatePattern *pattern, int64_t clock_us, int64_t offset_s,
                         const MrZone *zone, MrTextBuilder *out)
{
    pattern_format(pattern, clock_us, offset_s, zone, out);
}

/* --- parsing ---------------------------------------------------------------------------------- */

typedef struct Parsed {
    int64_t year, month, day, day_of_year, hour, hour12, minute, second,
        us;     /* -1: not there (year: INT64_MIN) */
    int32_t pm; /* -1 */
    bool bc, has_offset;
    int64_t offset_s;
    const MrZone *zone;
} Parsed;

static bool take_number(MrText text, int64_t *at, int32_t min, int32_t max, int64_t *out)
{
    int64_t value = 0;
    int32_t n = 0;
    while (n < max && *at < text.size_bytes && text.data[*at] >= '0' && text.data[*at] <= '9') {
        value = value * 10 + (text.data[(*at)++] - '0');
        n++;
    }
    *out = value;
    return n >= min;
}

static bool take_name(MrText text, int64_t *at, const char *const *names, int32_t n_names,
                      int32_t n_short, int64_t *out)
{
    for (int32_t k = 0; k < n_names; k++) {
        MrText name = mr_text(names[k]);
        if (n_short && name.size_bytes > n_short)
            name.size_bytes = n_short;
        if (text.size_bytes - *at >= name.size_bytes &&
            mr_text_equal_nocase((MrText){text.data + *at, name.size_bytes}, name)) {
            *at += name.size_bytes;
            *out = k;
            return true;
        }
    }
    return false;
}

static bool take_offset(MrText text, int64_t *at, const PatternField *field, int64_t *out)
{
    int32_t n = field->n;
    if (field->letter == 'O' || (field->letter == 'Z' && n == 4)) {
        if (text.size_bytes - *at < 3 || memcmp(text.data + *at, "GMT", 3) != 0)
            return false;
        *at += 3;
        *out = 0;
        if (*at >= text.size_bytes || (text.data[*at] != '+' && text.data[*at] != '-'))
            return true;
        n = 3;
    } else if ((field->letter == 'X' || (field->letter == 'Z' && n == 5)) &&
               *at < text.size_bytes && text.data[*at] == 'Z') {
        (*at)++;
        *out = 0;
        return true;
    } else if (field->letter == 'Z' && n < 4) {
        n = 2;
    }
    if (*at >= text.size_bytes || (text.data[*at] != '+' && text.data[*at] != '-'))
        return false;
    int64_t sign = text.data[(*at)++] == '-' ? -1 : 1, h = 0, m = 0, s = 0;
    bool colon = n == 3 || n == 5, short_hour = field->letter == 'O' && field->n == 1;
    if (!take_number(text, at, short_hour ? 1 : 2, 2, &h))
        return false;
    bool more = *at < text.size_bytes &&
                (colon ? text.data[*at] == ':' : text.data[*at] >= '0' && text.data[*at] <= '9');
    if (n > 1 && !more && !short_hour)
        return false;
    if (more) {
        *at += colon;
        if (!take_number(text, at, 2, 2, &m))
            return false;
    }
    bool seconds = n >= 4 || field->letter == 'O' || field->letter == 'Z';
    if (seconds && more && *at < text.size_bytes && (!colon || text.data[*at] == ':')) {
        *at += colon;
        if (!take_number(text, at, 2, 2, &s))
            return false;
    }
    *out = sign * (h * 3600 + m * 60 + s);
    return h <= 18 && m < 60 && s < 60;
}

/* The zone that Java takes for the name of a time; other texts are ids. */
static const char *zone_of_name(const char *name)
{
    static const char *const zones[][2] = {
        {"PST", "America/Los_Angeles"}, {"PDT", "America/Los_Angeles"}, {"MST", "America/Denver"},
        {"MDT", "America/Denver"},      {"CST", "America/Chicago"},     {"CDT", "America/Chicago"},
        {"EST", "America/New_York"},    {"EDT", "America/New_York"},    {"CET", "Europe/Paris"},
        {"CEST", "Europe/Paris"},       {"MSK", "Europe/Moscow"},
    };
    for (int32_t i = 0; i < MR_COUNT(zones); i++)
        if (mr_text_equal_nocase(mr_text(name), mr_text(zones[i][0])))
            return zones[i][1];
    return name;
}

static bool field_parse(const PatternField *field, MrText text, int64_t *at, MrZones *zones,
                        Parsed *out)
{
    static const char *const eras[] = {"AD", "BC"}, *const full_eras[] = {"Anno Domini",
                                                                          "Before Christ"};
    static const char *const halves[] = {"AM", "PM"};
    int32_t n = field->n, min = n, max = n == 1 ? (field->adjacent ? 1 : 19) : n;
    int64_t value = 0;
    switch (field->letter) {
    case '\'':
        if (text.size_bytes - *at < field->text.size_bytes ||
            memcmp(text.data + *at, field->text.data, (size_t)field->text.size_bytes) != 0)
            return false;
        *at += field->text.size_bytes;
        return true;
    case 'G':
        if (!take_name(text, at, n == 4 ? full_eras : eras, 2, 0, &value))
            return false;
        out->bc = value == 1;
        return true;
    case 'y': {
        bool minus = false, plus = false;
        if (n == 2) {
            if (!take_number(text, at, 2, 2, &value))
                return false;
            out->year = 2000 + value;
            return true;
        }
        if (*at < text.size_bytes && (text.data[*at] == '-' || (text.data[*at] == '+' && n >= 4))) {
            minus = text.data[*at] == '-';
            plus = !minus;
            (*at)++;
        }
        int64_t from = *at; /* from four letters on, more digits than letters need a sign */
        int32_t most = field->adjacent || (n >= 4 && !minus && !plus) ? n : 10;
        if (!take_number(text, at, n, most, &value) || value > 999999999 ||
            (plus && *at - from <= n) || (minus && value == 0))
            return false;
        out->year = minus ? -value : value;
        return true;
    }
    case 'M':
    case 'L':
        if (n >= 3) {
            if (!take_name(text, at, month_names, 12, n == 3 ? 3 : 0, &value))
                return false;
            out->month = value + 1;
            return true;
        }
        return take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->month);
    case 'd':
        return take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->day);
    case 'D':
        return take_number(text, at, min,
                           n == 1 && !field->adjacent    ? 3
                           : max < 3 && !field->adjacent ? 3
                                                         : max,
                           &out->day_of_year);
    case 'a':
        if (!take_name(text, at, halves, 2, 0, &value))
            return false;
        out->pm = (int32_t)value;
        return true;
    case 'H':
        return take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->hour) &&
               out->hour < 24;
    case 'k':
        if (!take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->hour) ||
            out->hour < 1 || out->hour > 24)
            return false;
        out->hour %= 24;
        return true;
    case 'h':
        if (!take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->hour12) ||
            out->hour12 < 1 || out->hour12 > 12)
            return false;
        out->hour12 %= 12;
        return true;
    case 'K':
        return take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->hour12) &&
               out->hour12 < 12;
    case 'm':
        return take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->minute) &&
               out->minute < 60;
    case 's':
        return take_number(text, at, min, n == 1 && !field->adjacent ? 2 : max, &out->second) &&
               out->second < 60;
    case 'S': {
        int64_t from = *at;
        if (!take_number(text, at, 1, n, &value)) /* Spark takes fewer digits too */
            return false;
        for (int64_t k = *at - from; k < 6; k++)
            value *= 10;
        for (int64_t k = *at - from; k > 6; k--)
            value /= 10;
        out->us = value;
        return true;
    }
    case 'V':
    case 'z': {
        char id[64];
        int64_t k = 0;
        while (*at < text.size_bytes && k < 63 &&
               (strchr("/_+-:", text.data[*at]) ||
                (text.data[*at] >= '0' && text.data[*at] <= '9') ||
                ((text.data[*at] | 32) >= 'a' && (text.data[*at] | 32) <= 'z')))
            id[k++] = text.data[(*at)++];
        id[k] = '\0';
        MrError ignored = {0};
        return k > 0 && (mr_zone_find(zones, field->letter == 'z' ? zone_of_name(id) : id,
                                      &out->zone, &ignored) == MR_OK);
    }
    case 'O':
    case 'X':
    case 'x':
    case 'Z':
        out->has_offset = true;
        return take_offset(text, at, field, &out->offset_s);
    default:
        return false;
    }
}

/* The fields [from, to); an optional part that is not there leaves no trace.  false: *at is where
 * it does not fit. */
static bool fields_parse(const Pattern *pattern, int32_t from, int32_t to, MrText text, int64_t *at,
                         MrZones *zones, Parsed *out)
{
    for (int32_t i = from; i < to; i++) {
        const PatternField *field = &pattern->fields[i];
        int64_t before = *at;
        if (field->letter == ']')
            continue;
        if (field->letter == '[') {
            Parsed with = *out;
            if (fields_parse(pattern, i + 1, field->n, text, at, zones, &with))
                *out = with;
            else
                *at = before;
            i = field->n;
        } else if (!field_parse(field, text, at, zones, out)) {
            *at = before;
            return false;
        }
    }
    return true;
}

/* The clock's microseconds; *fault_at: where the text does not fit. */
static bool pattern_parse(const Pattern *pattern, MrText text, MrZones *zones, Parsed *out,
                          int64_t *us, int64_t *fault_at)
{
    int64_t at = 0;
    *out = (Parsed){.year = INT64_MIN,
                    .month = -1,
                    .day = -1,
                    .day_of_year = -1,
                    .hour = -1,
                    .hour12 = -1,
                    .minute = -1,
                    .second = -1,
                    .pm = -1};
    if (!fields_parse(pattern, 0, pattern->n, text, &at, zones, out)) {
        *fault_at = at;
        return false;
    }
    *fault_at = at;
    if (at < text.size_bytes)
        return false;
    *fault_at = 0;
    int64_t year = out->year == INT64_MIN ? 1970 : out->bc ? 1 - out->year : out->year;
    int64_t month = out->month < 0 ? 1 : out->month, day = out->day < 0 ? 1 : out->day;
    if (month < 1 || month > 12 || day < 1 || day > mr_month_days(year, (int32_t)month))
        return false;
    int64_t days = mr_civil_to_days(year, (int32_t)month, (int32_t)day);
    if (out->day_of_year >= 0 && out->month < 0) {
        if (out->day_of_year < 1 || out->day_of_year > 365 + mr_year_is_leap(year))
            return false;
        days = mr_civil_to_days(year, 1, 1) + out->day_of_year - 1;
    }
    int64_t hour = out->hour >= 0     ? out->hour
                   : out->hour12 >= 0 ? out->hour12 + (out->pm == 1 ? 12 : 0)
                   : out->pm == 1     ? 12
                                      : 0;
    int64_t us_of_day = hour * MR_US_PER_HOUR +
                        (out->minute > 0 ? out->minute : 0) * MR_US_PER_MINUTE +
                        (out->second > 0 ? out->second : 0) * MR_US_PER_SECOND + out->us;
    return !__builtin_mul_overflow(days, MR_US_PER_DAY, us) &&
           !__builtin_add_overflow(*us, us_of_day, us);
}

/* --- functions -------------------------------------------------------------------------------- */

typedef struct PatternRows {
    Pattern pattern;
    MrText text;
    bool open;
} PatternRows;

/* Compiles the pattern of a row (args[arg_idx], or the usual one); the last one is kept. */
static MrStatus pattern_row(MrCall *call, int32_t arg_idx, int32_t row, bool parsing,
                            const char *usual, PatternRows *rows, MrError *err)
{
    MrText text = call->n_args > arg_idx ? mr__arg_str(call, arg_idx, row) : mr_text(usual);
    char bad = '\0';
    if (rows->open && mr_text_equal(text, rows->text))
        return MR_OK;
    rows->text = mr_text_own(call->arena, text);
    rows->open = true;
    PatternFault fault = pattern_compile(rows->text, parsing, call->arena, &rows->pattern, &bad);
    if (fault != PATTERN_FINE)
        return fail_pattern(call->arena, fault, bad, rows->text,
                            !parsing || call->bound->type->kind != MR_TYPE_TIMESTAMP_NTZ, err);
    return MR_OK;
}

static MrStatus format_call(MrCall *call, MrError *err)
{
    PatternRows rows = {0};
    const MrType *type = call->args[0]->type;
    const MrZone *zone = call->context->settings->zone;
    bool of_seconds = type->kind == MR_TYPE_BIGINT;
    for (MR_EACH(call, i, row)) {
        MrTextBuilder out = {.arena = call->arena};
        int64_t us = MR_ARG(call->args[0], i64, row);
        if (of_seconds && __builtin_mul_overflow(us, MR_US_PER_SECOND, &us))
            return MR_FAIL(err, MR_COND_ARITHMETIC_OVERFLOW, "message", "long overflow",
                           "alternative", "", "config", "\"spark.sql.ansi.enabled\"");
        MR_TRY(pattern_row(call, 1, row, false, "yyyy-MM-dd HH:mm:ss", &rows, err));
        int64_t local = mr_zone_to_local_us(zone, us);
        if (!pattern_format(&rows.pattern, local, (local - us) / MR_US_PER_SECOND, zone, &out))
            return MR_FAIL_UNSUPPORTED(err, "the name of a time of zone %s", mr_zone_id(zone));
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

typedef enum ParseTo { PARSE_DATE, PARSE_TIMESTAMP, PARSE_NTZ, PARSE_TIME, PARSE_SECONDS } ParseTo;

typedef struct Parse {
    ParseTo to;
    bool is_try;
    const char *function; /* as errors call it */
} Parse;

static MrStatus parse_call(MrCall *call, MrError *err)
{
    const Parse *parse = call->bound->data;
    const MrSettings *settings = call->context->settings;
    PatternRows rows = {0};
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        Parsed parsed;
        int64_t us = 0, fault_at = 0;
        MR_TRY(pattern_row(call, 1, row, true, "yyyy-MM-dd HH:mm:ss", &rows, err));
        if (!pattern_parse(&rows.pattern, text, settings->zones, &parsed, &us, &fault_at)) {
            if (parse->is_try || !settings->ansi) {
                mr_call_null(call, row);
                continue;
            }
            if (parse->to == PARSE_TIME)
                return MR_FAIL(
                    err, MR_COND_CANNOT_PARSE_TIME, "input",
                    mr_arena_printf(call->arena, "'%.*s'", (int)text.size_bytes, text.data),
                    "format",
                    mr_arena_printf(call->arena, "'%.*s'", (int)rows.text.size_bytes,
                                    rows.text.data));
            const char *left = fault_at && fault_at < text.size_bytes && rows.pattern.n
                                   ? ", unparsed text found"
                                   : "";
            return MR_FAIL(
                err, MR_COND_CANNOT_PARSE_TIMESTAMP, "message",
                mr_arena_printf(call->arena, "Text '%.*s' could not be parsed%s at index %lld",
                                (int)text.size_bytes, text.data, left, (long long)fault_at),
                "func", parse->function);
        }
        const MrZone *zone = parsed.zone ? parsed.zone : settings->zone;
        int64_t instant = parsed.has_offset ? us - parsed.offset_s * MR_US_PER_SECOND : 0;
        switch (parse->to) {
        case PARSE_DATE: /* through a timestamp, as Spark does */
            call->out->i32[row] = (int32_t)mr_us_to_days(
                parsed.has_offset || parsed.zone
                    ? mr_zone_to_local_us(settings->zone,
                                          parsed.has_offset ? instant : mr_zone_to_utc_us(zone, us))
                    : us);
            break;
        case PARSE_NTZ:
            call->out->i64[row] = us;
            break;
        case PARSE_TIME:
            call->out->i64[row] = mr__floor_mod(us, MR_US_PER_DAY) * 1000;
            break;
        default: {
            int64_t utc = parsed.has_offset ? instant : mr_zone_to_utc_us(zone, us);
            call->out->i64[row] =
                parse->to == PARSE_SECONDS ? mr__floor_div(utc, MR_US_PER_SECOND) : utc;
        }
        }
    }
    return MR_OK;
}

static MrStatus seconds_call(MrCall *call, MrError *err)
{
    const MrVector *arg = call->args[0];
    for (MR_EACH(call, i, row)) {
        int64_t us = arg->type->kind == MR_TYPE_DATE
                         ? mr_zone_to_utc_us(call->context->settings->zone,
                                             MR_ARG(arg, i32, row) * MR_US_PER_DAY)
                         : MR_ARG(arg, i64, row); /* without a zone: as if it were UTC */
        call->out->i64[row] = mr__floor_div(us, MR_US_PER_SECOND);
    }
    return MR_OK;
}

static MrStatus now_seconds_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i64[row] = mr__floor_div(call->context->now_us, MR_US_PER_SECOND);
    return MR_OK;
}

static MrStatus unix_timestamp_bind(MrBind *bind, MrError *err)
{
    if (bind->n_args == 0) {
        bind->call = now_seconds_call;
        bind->nullable = false;
        bind->flags |= MR_FN_STABLE;
        return MR_OK;
    }
    if (bind->args[0].cast_to->kind != MR_TYPE_STRING) {
        bind->call = seconds_call;
        return MR_OK;
    }
    Parse *parse = MR_NEW(bind->arena, Parse);
    *parse = (Parse){.to = PARSE_SECONDS, .function = "`try_to_timestamp`"};
    bind->data = parse;
    bind->nullable = bind->nullable || !bind->settings->ansi;
    return MR_OK;
}

/* to_char of a date is date_format, also by name. */
static MrStatus to_char_bind(MrBind *bind, MrError *err)
{
    bind->sql =
        mr_arena_printf(bind->arena, "date_format(%s, %s)", bind->args[0].sql, bind->args[1].sql);
    mr__bind_cast(bind, 0, MR_T(TIMESTAMP));
    return MR_OK;
}

/* The cast when there is no pattern, or when what is given is no text. */
typedef struct CastRun {
    const MrBound *cast;
} CastRun;

static MrStatus cast_call(MrCall *call, MrError *err)
{
    const CastRun *run = call->bound->data;
    const MrBound *own = call->bound;
    call->bound = run->cast;
    MrStatus status = run->cast->call(call, err);
    call->bound = own;
    return status;
}

static MrStatus to_bind(MrBind *bind, MrError *err)
{
    const char *name = bind->def->name;
    bool is_try = strncmp(name, "try_", 4) == 0;
    const char *plain = is_try ? name + 4 : name;
    const MrType *from = bind->args[0].type;
    ParseTo to = strcmp(plain, "to_date") == 0            ? PARSE_DATE
                 : strcmp(plain, "to_time") == 0          ? PARSE_TIME
                 : strcmp(plain, "to_timestamp_ntz") == 0 ? PARSE_NTZ
                 : strcmp(plain, "to_timestamp_ltz") == 0 ? PARSE_TIMESTAMP
                 : bind->settings->timestamp_ntz          ? PARSE_NTZ
                                                          : PARSE_TIMESTAMP;
    MrType *time = MR_NEW(bind->arena, MrType);
    *time = *MR_T(TIME);
    time->precision = 6;
    bind->type = to == PARSE_DATE   ? MR_T(DATE)
                 : to == PARSE_NTZ  ? MR_T(TIMESTAMP_NTZ)
                 : to == PARSE_TIME ? time
                                    : MR_T(TIMESTAMP);
    bind->nullable = is_try || !bind->settings->ansi || bind->nullable;
    if (is_try && to == PARSE_TIME) {
        bind->sql = mr_arena_printf(bind->arena, "try_to_time(to_time(%s%s%s))", bind->args[0].sql,
                                    bind->n_args > 1 ? ", " : "",
                                    bind->n_args > 1 ? bind->args[1].sql : "");
    }
    if (to == PARSE_TIME)
        bind->nullable = true;
    bool is_date = from->kind == MR_TYPE_DATE || from->kind == MR_TYPE_TIMESTAMP ||
                   from->kind == MR_TYPE_TIMESTAMP_NTZ;
    bool with_pattern = bind->n_args > 1 && !is_date;
    if (with_pattern) {
        const MrType *text = mr_coerce_implicit(bind->arena, bind->settings, from, MR_T(STRING));
        if (!text)
            return mr__fail_input_type(
                bind, 0, "(\"STRING\" or \"DATE\" or \"TIMESTAMP\" or \"TIMESTAMP_NTZ\")", err);
        bind->args[0].cast_to = text;
        Parse *parse = MR_NEW(bind->arena, Parse);
        *parse = (Parse){.to = to, .is_try = is_try, .function = "`try_to_timestamp`"};
        bind->data = parse;
        bind->call = parse_call;
        bind->flags |= is_try ? MR_FN_MAY_NULL : MR_FN_CAN_FAIL;
        return MR_OK;
    }
    MrBound *cast = NULL;
    if (from->kind == MR_TYPE_VOID || mr_type_equal(from, bind->type)) {
        bind->args[0].cast_to = from->kind == MR_TYPE_VOID ? bind->type : from;
        bind->call = mr__same_call;
        if (from->kind == MR_TYPE_VOID)
            bind->nullable = true;
        return MR_OK;
    }
    if (!is_date && from->kind != MR_TYPE_STRING &&
        (to == PARSE_NTZ || to == PARSE_DATE || !mr_type_is_numeric(from))) {
        from = mr_coerce_implicit(bind->arena, bind->settings, from, MR_T(STRING));
        if (!from)
            return mr__fail_input_type(bind, 0, "\"STRING\"", err);
        bind->args[0].cast_to = from;
    }
    MR_TRY(mr_cast_bind(bind->arena, bind->settings, from, bind->type,
                        is_try                 ? MR_CAST_TRY
                        : bind->settings->ansi ? MR_CAST_ANSI
                                               : MR_CAST_LEGACY,
                        bind->args[0].sql, &cast, err));
    if (mr__cast_may_null(bind->settings, from, bind->type))
        bind->nullable = true;
    CastRun *run = MR_NEW(bind->arena, CastRun);
    run->cast = cast;
    bind->data = run;
    bind->call = cast_call;
    bind->flags |= cast->flags & (MR_FN_CAN_FAIL | MR_FN_MAY_NULL);
    return MR_OK;
}

#define STRICT (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)
#define TO_ROW(name, doc, example)                                                                 \
    {                                                                                              \
        name, "any, string? -> bind", STRICT, NULL, to_bind, doc, example                          \
    }
#define TRY_ROW(name, doc)                                                                         \
    {                                                                                              \
        name, "any, string? -> bind", MR_FN_NULL_IF_ANY | MR_FN_MAY_NULL, NULL, to_bind, doc, NULL \
    }
#define UNIX_ROWS(name, doc)                                                                       \
    {name, "string!, string!? -> bigint", STRICT, parse_call, unix_timestamp_bind, doc, NULL},     \
    {                                                                                              \
        name, "date|timestamp|timestamp_ntz!, string!? -> bigint", STRICT, parse_call,             \
            unix_timestamp_bind, doc, NULL                                                         \
    }

const MrFunctionDef mr_functions_date_pattern[] = {
    TO_ROW("to_date", "The date that a text tells, perhaps by a pattern.",
           "to_date('3.2.2020', 'd.M.yyyy') = DATE'2020-02-03'"),
    TO_ROW("to_timestamp", "The timestamp that a text tells, perhaps by a pattern.",
           "to_timestamp('03/02/2020', 'dd/MM/yyyy') = TIMESTAMP'2020-02-03'"),
    TO_ROW("to_timestamp_ltz", "The timestamp that a text tells, perhaps by a pattern.", NULL),
    TO_ROW("to_timestamp_ntz",
           "The timestamp without zone that a text tells, perhaps by a pattern.", NULL),
    TO_ROW("to_time", "The time that a text tells, perhaps by a pattern.", NULL),
    TRY_ROW("try_to_date", "The date that a text tells, or NULL."),
    TRY_ROW("try_to_timestamp", "The timestamp that a text tells, or NULL."),
    TRY_ROW("try_to_time", "The time that a text tells, or NULL."),
    {"date_format", "timestamp, string -> string", STRICT, format_call, NULL,
     "Text of a timestamp by a pattern.", "date_format(DATE'2020-02-03', 'd.M.yyyy') = '3.2.2020'"},
    {"to_char", "date|timestamp|timestamp_ntz!, string -> string", STRICT, format_call,
     to_char_bind, "Text of a date by a pattern.", NULL},
    {"to_varchar", "date|timestamp|timestamp_ntz!, string -> string", STRICT, format_call,
     to_char_bind, "Text of a date by a pattern.", NULL},
    {"from_unixtime", "bigint, string? -> string", STRICT, format_call, NULL,
     "Text of seconds since 1970 by a pattern.", NULL},
    {"unix_timestamp", "-> bigint", STRICT, parse_call, unix_timestamp_bind,
     "Seconds since 1970 now.", NULL},
    UNIX_ROWS("unix_timestamp", "Seconds since 1970 of a text by a pattern."),
    UNIX_ROWS("to_unix_timestamp", "Seconds since 1970 of a text by a pattern."),
    {0},
};
