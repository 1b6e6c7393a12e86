/* time_zone.c - zones from TZif files (RFC 8536) and fixed offsets.
 *
 * A zone is its list of transitions, the rule at the file's end laid out until RULE_YEARS_END.  A
 * bucket of 2^24 seconds (half a year) says where to begin in the list, so that a look-up is one
 * load and a step or two.  Later instants ask the rule itself.  For local times each transition has
 * the local second from which the new offset holds: a gap belongs to the offset before it, and so
 * does an overlap, as in java.time. */
#include "function/time_zone.h"
#include "function/calendar.h"

#define RULE_YEARS_END 2150
#define BUCKET_SHIFT 24
#define MAX_TRANSITIONS 4000
#define N_HEADS 64
#define MAX_OFFSET_S (18 * 3600)

/* One end of daylight saving time in a year: a day and the local second of it. */
typedef struct ZoneRuleDay {
    char kind; /* 'M': month, week, weekday; 'J': day 1 .. 365 without 29 February; 'N': day 0 ..
                  365 */
    int32_t month, week, day;
    int32_t second;
} ZoneRuleDay;

typedef struct ZoneRule {
    bool has_dst;
    int32_t std_offset_s, dst_offset_s;
    char std_name[8], dst_name[8]; /* PST, PDT; empty: the zone's times have numbers, no names */
    ZoneRuleDay dst_from, dst_to;
} ZoneRule;

typedef struct ZoneTransition {
    int64_t utc_s;   /* the instant                                  */
    int64_t local_s; /* local second from which the new offset holds */
    int32_t offset_s;
} ZoneTransition;

struct MrZone {
    MrZone *next;
    int64_t size_bytes; /* of this block */
    char *id;
    int32_t first_offset_s; /* before all transitions; of a fixed zone: always */
    int32_t n_transitions;
    ZoneTransition *transitions;
    int64_t from_s, until_s; /* what the buckets cover; after it the rule holds */
    uint16_t *buckets;       /* transitions whose instant and local second are before the bucket */
    ZoneRule rule;
};

struct MrZones {
    MrBudget *budget;
    MrZoneRead read;
    void *self;
    _Atomic(MrZone *) heads[N_HEADS];
};

MrStatus mr_zones_create(MrBudget *budget, MrZoneRead read, void *self, MrZones **out, MrError *err)
{
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(budget, sizeof(MrZones), &block, err));
    MrZones *zones = block;
    zones->budget = budget;
    zones->read = read;
    zones->self = self;
    *out = zones;
    return MR_OK;
}

void mr_zones_destroy(MrZones *zones)
{
    if (!zones)
        return;
    for (int i = 0; i < N_HEADS; i++) {
        for (MrZone *zone = zones->heads[i], *next; zone; zone = next) {
            next = zone->next;
            mr_budget_free(zones->budget, zone, zone->size_bytes);
        }
    }
    mr_budget_free(zones->budget, zones, sizeof(MrZones));
}

/* The rule: POSIX TZ strings, "PST8PDT,M3.2.0,M11.1.0", with RFC 8536's wider hours. */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool rule_number(const char **at, int32_t max, int32_t *out)
{
    int32_t value = 0;
    if (!is_digit(**at))
        return false;
    for (; is_digit(**at); (*at)++) {
        value = value * 10 + (**at - '0');
        if (value > max)
            return false;
    }
    *out = value;
    return true;
}

static bool rule_name(const char **at, char name[8])
{
    const char *from = *at;
    *name = 0;
    if (**at == '<') {
        while (**at && **at != '>')
            (*at)++;
        return *(*at)++ == '>';
    }
    while ((**at >= 'A' && **at <= 'Z') || (**at >= 'a' && **at <= 'z'))
        (*at)++;
    if (*at - from < 8) {
        memcpy(name, from, (size_t)(*at - from));
        name[*at - from] = 0;
    }
    return *at - from >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds. */
static bool rule_time(const char **at, int32_t *out)
{
    int32_t sign = 1, hour, minute = 0, second = 0;
    if (**at == '+' || **at == '-')
        sign = *(*at)++ == '-' ? -1 : 1;
    if (!rule_number(at, 167, &hour))
        return false;
    if (**at == ':') {
        (*at)++;
        if (!rule_number(at, 59, &minute))
            return false;
        if (**at == ':') {
            (*at)++;
            if (!rule_number(at, 59, &second))
                return false;
        }
    }
    *out = sign * (hour * 3600 + minute * 60 + second);
    return true;
}

static bool rule_day(const char **at, ZoneRuleDay *out)
{
    *out = (ZoneRuleDay){.kind = 'N', .second = 7200};
    if (**at == 'M') {
        (*at)++;
        out->kind = 'M';
        if (!rule_number(at, 12, &out->month) || *(*at)++ != '.' ||
            !rule_number(at, 5, &out->week) || *(*at)++ != '.' || !rule_number(at, 6, &out->day) ||
            out->month == 0 || out->week == 0)
            return false;
    } else {
        if (**at == 'J') {
            (*at)++;
            out->kind = 'J';
        }
        if (!rule_number(at, 365, &out->day))
            return false;
    }
    if (**at == '/') {
        (*at)++;
        return rule_time(at, &out->second);
    }
    return true;
}

static bool rule_parse(const char *text, ZoneRule *out)
{
    int32_t west;
    *out = (ZoneRule){0};
    if (!rule_name(&text, out->std_name) || !rule_time(&text, &west))
        return false;
    out->std_offset_s = -west;
    if (*text == 0)
        return true;
    if (!rule_name(&text, out->dst_name))
        return false;
    out->has_dst = true;
    out->dst_offset_s = out->std_offset_s + 3600;
    if (*text != ',') {
        if (!rule_time(&text, &west))
            return false;
        out->dst_offset_s = -west;
    }
    if (*text++ != ',' || !rule_day(&text, &out->dst_from) || *text++ != ',')
        return false;
    return rule_day(&text, &out->dst_to) && *text == 0;
}

/* Local seconds since 1970 of the day's second in a year. */
static int64_t rule_day_local_s(const ZoneRuleDay *day, int64_t year)
{
    int64_t days;
    if (day->kind == 'M') {
        int64_t first = mr_civil_to_days(year, day->month, 1);
        int64_t weekday = ((first + 4) % 7 + 7) % 7; /* 1970-01-01 was a Thursday; 0 is Sunday */
        days = first + (day->day - weekday + 7) % 7 + 7 * (day->week - 1);
        while (days >= first + mr_month_days(year, day->month))
            days -= 7; /* week 5 is the last one */
    } else {
        days = mr_civil_to_days(year, 1, 1) + day->day;
        if (day->kind == 'J')
            days += (mr_year_is_leap(year) && day->day >= 60) - 1;
    }
    return days * 86400 + day->second;
}

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b != 0 && (a < 0) != (b < 0));
}

/* The transitions of a year in their order. */
static void rule_year(const ZoneRule *rule, int64_t year, ZoneTransition out[2])
{
    int64_t to_dst = rule_day_local_s(&rule->dst_from, year) - rule->std_offset_s;
    int64_t to_std = rule_day_local_s(&rule->dst_to, year) - rule->dst_offset_s;
    int32_t wider =
        rule->std_offset_s > rule->dst_offset_s ? rule->std_offset_s : rule->dst_offset_s;
    ZoneTransition dst = {to_dst, to_dst + wider, rule->dst_offset_s};
    ZoneTransition std = {to_std, to_std + wider, rule->std_offset_s};
    out[0] = to_dst < to_std ? dst : std;
    out[1] = to_dst < to_std ? std : dst;
}

/* Offset by the rule at a UTC or local second. */
static int32_t rule_offset_s(const ZoneRule *rule, int64_t second, bool local)
{
    if (!rule->has_dst)
        return rule->std_offset_s;
    int64_t year = mr_days_to_civil(floor_div(second, 86400)).year;
    ZoneTransition days[2];
    int32_t offset_s = 0;
    for (int64_t y = year - 1; y <= year + 1; y++) {
        rule_year(rule, y, days);
        for (int i = 0; i < 2; i++) {
            if (second >= (local ? days[i].local_s : days[i].utc_s))
                offset_s = days[i].offset_s;
        }
    }
    return offset_s;
}

/* Building a zone in one block */

static MrStatus zone_alloc(MrZones *zones, const char *id, const ZoneTransition *transitions,
                           int32_t n, MrZone **out, MrError *err)
{
    int64_t from_s = n > 0 ? transitions[0].utc_s - MAX_OFFSET_S * 2 : 0;
    int64_t n_buckets =
        n > 0 ? ((transitions[n - 1].utc_s + MAX_OFFSET_S * 2 - from_s) >> BUCKET_SHIFT) + 1 : 0;
    int64_t id_bytes = (int64_t)strlen(id) + 1;
    int64_t transitions_bytes = n * (int64_t)sizeof(ZoneTransition);
    int64_t size_bytes = (int64_t)sizeof(MrZone) + transitions_bytes + 2 * n_buckets + id_bytes;
    void *block;
    MR_TRY(mr_budget_alloc_zeroed(zones->budget, size_bytes, &block, err));
    MrZone *zone = block;
    zone->size_bytes = size_bytes;
    zone->transitions = (ZoneTransition *)(zone + 1);
    zone->buckets = (uint16_t *)(zone->transitions + n);
    zone->id = (char *)(zone->buckets + n_buckets);
    memcpy(zone->id, id, (size_t)id_bytes);
    zone->n_transitions = n;
    zone->from_s = from_s;
    if (n > 0)
        zone->until_s = transitions[n - 1].utc_s > transitions[n - 1].local_s
                            ? transitions[n - 1].utc_s
                            : transitions[n - 1].local_s;
    if (n > 0)
        memcpy(zone->transitions, transitions, (size_t)transitions_bytes);
    uint16_t i = 0;
    for (int64_t b = 0; b < n_buckets; b++) {
        int64_t start = from_s + (b << BUCKET_SHIFT);
        while (i < n && transitions[i].utc_s < start && transitions[i].local_s < start)
            i++;
        zone->buckets[b] = i;
    }
    *out = zone;
    return MR_OK;
}

static uint32_t read_be32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static int64_t read_be64(const uint8_t *at)
{
    return (int64_t)((uint64_t)read_be32(at) << 32 | read_be32(at + 4));
}

typedef struct TzifHeader {
    int64_t n_isut, n_isstd, n_leap, n_time, n_type, n_char;
} TzifHeader;

static bool tzif_header(MrReader *reader, TzifHeader *out, char *version)
{
    const uint8_t *at;
    if (!mr_reader_bytes(reader, 44, &at) || memcmp(at, "TZif", 4) != 0)
        return false;
    *version = (char)at[4];
    *out = (TzifHeader){read_be32(at + 20), read_be32(at + 24), read_be32(at + 28),
                        read_be32(at + 32), read_be32(at + 36), read_be32(at + 40)};
    return true;
}

/* The file's transitions, then the rule's.  false: no TZif file, or one that breaks its own rules.
 */
static bool tzif_parse(MrText bytes, ZoneTransition *transitions, int32_t *n_out,
                       int32_t *first_offset_s, ZoneRule *rule)
{
    if (bytes.size_bytes == 0) /* no such zone */
        return false;
    MrReader reader = {.at = (const uint8_t *)bytes.data,
                       .end = (const uint8_t *)bytes.data + bytes.size_bytes};
    TzifHeader header;
    const uint8_t *skipped, *times, *types_of, *types, *footer;
    char version;
    if (!tzif_header(&reader, &header, &version) || version < '2')
        return false; /* version 1 ends in 2037 and has no rule */
    if (!mr_reader_bytes(&reader,
                         header.n_time * 5 + header.n_type * 6 + header.n_char + header.n_leap * 8 +
                             header.n_isstd + header.n_isut,
                         &skipped) ||
        !tzif_header(&reader, &header, &version) || header.n_time > MAX_TRANSITIONS ||
        header.n_type == 0 || !mr_reader_bytes(&reader, header.n_time * 8, &times) ||
        !mr_reader_bytes(&reader, header.n_time, &types_of) ||
        !mr_reader_bytes(&reader, header.n_type * 6, &types) ||
        !mr_reader_bytes(
            &reader, header.n_char + header.n_leap * 12 + header.n_isstd + header.n_isut, &skipped))
        return false;
    int64_t n_footer = reader.end - reader.at;
    char text[128];
    if (n_footer < 2 || n_footer > (int64_t)sizeof text ||
        !mr_reader_bytes(&reader, n_footer, &footer) || footer[0] != '\n' ||
        footer[n_footer - 1] != '\n')
        return false;
    memcpy(text, footer + 1, (size_t)(n_footer - 2));
    text[n_footer - 2] = 0;
    int32_t n = 0, before_s = (int32_t)read_be32(types);
    *first_offset_s = before_s;
    for (int64_t i = 0; i < header.n_time; i++) {
        int64_t utc_s = read_be64(times + 8 * i);
        if (types_of[i] >= header.n_type)
            return false;
        int32_t offset_s = (int32_t)read_be32(types + 6 * types_of[i]);
        if (offset_s < -MAX_OFFSET_S * 2 || offset_s > MAX_OFFSET_S * 2 ||
            utc_s > INT64_C(1) << 40 || (n > 0 && utc_s <= transitions[n - 1].utc_s))
            return false;
        if (utc_s < -(INT64_C(1) << 36)) { /* "since the Big Bang": no transition */
            *first_offset_s = before_s = offset_s;
            continue;
        }
        if (offset_s == before_s)
            continue; /* only the name or the daylight mark changes */
        transitions[n++] =
            (ZoneTransition){utc_s, utc_s + (offset_s > before_s ? offset_s : before_s), offset_s};
        before_s = offset_s;
    }
    if (text[0] == 0)
        *rule = (ZoneRule){.std_offset_s = before_s};
    else if (!rule_parse(text, rule))
        return false;
    int64_t last_s = header.n_time > 0 ? read_be64(times + 8 * (header.n_time - 1)) : 0;
    int64_t year = header.n_time > 0 ? mr_days_to_civil(floor_div(last_s, 86400)).year : 1970;
    for (year = year < 1900 ? 1900 : year; rule->has_dst && year < RULE_YEARS_END; year++) {
        ZoneTransition days[2];
        rule_year(rule, year, days);
        for (int i = 0; i < 2; i++) {
            if (days[i].utc_s > last_s && days[i].offset_s != before_s) {
                transitions[n++] = days[i];
                before_s = days[i].offset_s;
            }
        }
    }
    *n_out = n;
    return true;
}

/* Ids */

/* ZoneOffset.of: +h, +hh, +hh:mm, +hhmm, +hh:mm:ss, +hhmmss. */
static bool offset_parse(const char *text, int32_t *out)
{
    int32_t parts[3] = {0};
    int n_parts = 0;
    char sign = *text++;
    size_t n = strlen(text);
    if (sign != '+' && sign != '-')
        return false;
    if (n == 1) {
        if (!is_digit(text[0]))
            return false;
        parts[0] = text[0] - '0';
    } else {
        bool colons = n > 2 && text[2] == ':';
        while (*text) {
            if (n_parts == 3 || !is_digit(text[0]) || !is_digit(text[1]))
                return false;
            parts[n_parts++] = (text[0] - '0') * 10 + text[1] - '0';
            text += 2;
            if (*text && colons && *text++ != ':')
                return false;
            if (colons && text[-1] == ':' && !*text)
                return false;
        }
        if (n_parts == 0)
            return false;
    }
    int32_t seconds = parts[0] * 3600 + parts[1] * 60 + parts[2];
    if (parts[1] > 59 || parts[2] > 59 || seconds > MAX_OFFSET_S)
        return false;
    *out = sign == '-' ? -seconds : seconds;
    return true;
}

/* Spark also takes "+8:00" and "+08:0"; fixed holds the rewritten text. */
static void offset_pad(const char *id, char *fixed, size_t size_bytes)
{
    size_t n = 0;
    bool padded_hour = false;
    for (const char *p = id; *p && n + 3 < size_bytes; p++) {
        fixed[n++] = *p;
        if (!padded_hour && (*p == '+' || *p == '-') && is_digit(p[1]) && p[2] == ':') {
            fixed[n++] = '0';
            padded_hour = true;
        }
    }
    fixed[n] = 0;
    if (n >= 5 && is_digit(fixed[n - 1]) && fixed[n - 2] == ':' && is_digit(fixed[n - 3]) &&
        is_digit(fixed[n - 4]) && (fixed[n - 5] == '+' || fixed[n - 5] == '-')) {
        fixed[n] = fixed[n - 1];
        fixed[n - 1] = '0';
        fixed[n + 1] = 0;
    }
}

/* java.time.ZoneId.SHORT_IDS */
static const char *const short_ids[][2] = {
    {"EST", "-05:00"},
    {"HST", "-10:00"},
    {"MST", "-07:00"},
    {"ACT", "Australia/Darwin"},
    {"AET", "Australia/Sydney"},
    {"AGT", "America/Argentina/Buenos_Aires"},
    {"ART", "Africa/Cairo"},
    {"AST", "America/Anchorage"},
    {"BET", "America/Sao_Paulo"},
    {"BST", "Asia/Dhaka"},
    {"CAT", "Africa/Harare"},
    {"CNT", "America/St_Johns"},
    {"CST", "America/Chicago"},
    {"CTT", "Asia/Shanghai"},
    {"EAT", "Africa/Addis_Ababa"},
    {"ECT", "Europe/Paris"},
    {"IET", "America/Indiana/Indianapolis"},
    {"IST", "Asia/Kolkata"},
    {"JST", "Asia/Tokyo"},
    {"MIT", "Pacific/Apia"},
    {"NET", "Asia/Yerevan"},
    {"NST", "Pacific/Auckland"},
    {"PLT", "Asia/Karachi"},
    {"PNT", "America/Phoenix"},
    {"PRT", "America/Puerto_Rico"},
    {"PST", "America/Los_Angeles"},
    {"SST", "Pacific/Guadalcanal"},
    {"VST", "Asia/Ho_Chi_Minh"},
};

static bool id_is_fixed(const char *id, int32_t *offset_s)
{
    static const char *const prefixes[] = {"UTC", "GMT", "UT", ""};
    if (strcmp(id, "Z") == 0) {
        *offset_s = 0;
        return true;
    }
    for (int i = 0; i < MR_COUNT(prefixes); i++) {
        size_t n = strlen(prefixes[i]);
        if (strncmp(id, prefixes[i], n) != 0)
            continue;
        if (id[n] == 0 && n > 0) {
            *offset_s = 0;
            return true;
        }
        if ((id[n] == '+' || id[n] == '-'))
            return offset_parse(id + n, offset_s);
    }
    return false;
}

static bool id_is_region(const char *id)
{
    static const char *const others[] = {"posix/", "right/", "posixrules", "localtime"};
    for (int i = 0; i < MR_COUNT(others); i++) {
        if (strncmp(id, others[i], strlen(others[i])) == 0)
            return false;
    }
    for (const char *p = id; *p; p++) {
        bool letter = (*p >= 'A' && *p <= 'Z') || (*p >= 'a' && *p <= 'z');
        if (!letter && (p == id || (!is_digit(*p) && !strchr("~/._+-", *p))))
            return false;
    }
    return id[0] != 0 && id[1] != 0 && !strstr(id, "..");
}

static MrStatus region_create(MrZones *zones, const char *id, const char *region, MrZone **out,
                              MrError *err)
{
    MrStatus status = MR_OK;
    MrBuffer bytes;
    void *block = NULL;
    const int64_t block_bytes =
        (MAX_TRANSITIONS + 2 * RULE_YEARS_END) * (int64_t)sizeof(ZoneTransition);
    ZoneRule rule;
    int32_t n, first_offset_s;
    MrZone *zone;
    mr_buffer_init(&bytes, zones->budget, 1 << 20);
    MR_GO(zones->read(zones->self, region, &bytes, err));
    MR_GO(mr_budget_alloc(zones->budget, block_bytes, &block, err));
    if (!tzif_parse((MrText){bytes.data, bytes.size_bytes}, block, &n, &first_offset_s, &rule)) {
        status = MR_FAIL(err, MR_COND_INVALID_TIMEZONE, "timeZone", id);
        goto done;
    }
    MR_GO(zone_alloc(zones, id, block, n, &zone, err));
    zone->first_offset_s = first_offset_s;
    zone->rule = rule;
    *out = zone;
done:
    mr_budget_free(zones->budget, block, block_bytes);
    mr_buffer_deinit(&bytes);
    return status;
}

MrStatus mr_zone_find(MrZones *zones, const char *id, const MrZone **out, MrError *err)
{
    uint32_t hash = 5381;
    for (const char *p = id; *p; p++)
        hash = hash * 33 ^ (uint8_t)*p;
    _Atomic(MrZone *) *head = &zones->heads[hash % N_HEADS];
    /* acquire: pairs with the exchange below, so that the zone is seen whole. */
    for (const MrZone *zone = atomic_load_explicit(head, memory_order_acquire); zone;
         zone = zone->next) {
        if (strcmp(zone->id, id) == 0) {
            *out = zone;
            return MR_OK;
        }
    }
    char fixed[64];
    if (strlen(id) >= sizeof fixed - 4)
        return MR_FAIL(err, MR_COND_INVALID_TIMEZONE, "timeZone", id);
    offset_pad(id, fixed, sizeof fixed);
    const char *region = fixed;
    for (int i = 0; i < MR_COUNT(short_ids); i++) {
        if (strcmp(fixed, short_ids[i][0]) == 0)
            region = short_ids[i][1];
    }
    MrZone *zone;
    int32_t offset_s;
    if (id_is_fixed(region, &offset_s)) {
        MR_TRY(zone_alloc(zones, id, NULL, 0, &zone, err));
        zone->first_offset_s = zone->rule.std_offset_s = offset_s;
    } else if (id_is_region(region)) {
        MR_TRY(region_create(zones, id, region, &zone, err));
    } else {
        return MR_FAIL(err, MR_COND_INVALID_TIMEZONE, "timeZone", id);
    }
    zone->next = atomic_load_explicit(head, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(head, &zone->next, zone, memory_order_release,
                                                  memory_order_relaxed))
        ; /* another zone came first; next is that one now */
    *out = zone;
    return MR_OK;
}

/* Look-ups */

static int32_t zone_lookup(const MrZone *zone, int64_t second, bool local)
{
    if (zone->n_transitions == 0 || second < zone->from_s)
        return zone->n_transitions == 0 ? zone->rule.std_offset_s : zone->first_offset_s;
    if (second >= zone->until_s)
        return rule_offset_s(&zone->rule, second, local);
    int32_t i = zone->buckets[(second - zone->from_s) >> BUCKET_SHIFT];
    const ZoneTransition *at = zone->transitions;
    while (i < zone->n_transitions && second >= (local ? at[i].local_s : at[i].utc_s))
        i++;
    return i == 0 ? zone->first_offset_s : at[i - 1].offset_s;
}

static int64_t floor_seconds(int64_t us)
{
    return us >= 0 ? us / MR_US_PER_SECOND : -((-(us + 1)) / MR_US_PER_SECOND) - 1;
}

int32_t mr_zone_offset_s(const MrZone *zone, int64_t utc_us)
{
    return zone_lookup(zone, floor_seconds(utc_us), false);
}

int64_t mr_zone_to_local_us(const MrZone *zone, int64_t utc_us)
{
    int64_t local_us;
    int64_t offset_us = mr_zone_offset_s(zone, utc_us) * MR_US_PER_SECOND;
    if (__builtin_add_overflow(utc_us, offset_us, &local_us))
        return offset_us < 0 ? INT64_MIN : INT64_MAX;
    return local_us;
}

int64_t mr_zone_to_utc_us(const MrZone *zone, int64_t local_us)
{
    int64_t utc_us;
    int64_t offset_us = zone_lookup(zone, floor_seconds(local_us), true) * MR_US_PER_SECOND;
    if (__builtin_sub_overflow(local_us, offset_us, &utc_us))
        return offset_us > 0 ? INT64_MIN : INT64_MAX;
    return utc_us;
}

bool mr_zone_add(const MrZone *zone, int64_t us, MrTimeShift by, int64_t *out)
{
    if (by.months || by.days) {
        int64_t local = zone ? mr_zone_to_local_us(zone, us) : us;
        int64_t day = mr_us_to_days(local), rest = local - day * MR_US_PER_DAY, moved;
        day = (by.months ? mr_days_add_months(day, by.months) : day) + by.days;
        if (__builtin_mul_overflow(day, MR_US_PER_DAY, &moved) ||
            __builtin_add_overflow(moved, rest, &moved))
            return false;
        /* Where a local time comes twice, the offset that was before stays. */
        if (zone) {
            int64_t offset_us = (int64_t)mr_zone_offset_s(zone, us) * MR_US_PER_SECOND;
            int64_t kept = moved - offset_us;
            us = mr_zone_to_local_us(zone, kept) == moved ? kept : mr_zone_to_utc_us(zone, moved);
        } else {
            us = moved;
        }
    }
    return !__builtin_add_overflow(us, by.us, out);
}

const char *mr_zone_id(const MrZone *zone)
{
    return zone->id;
}

const char *mr_zone_name(const MrZone *zone, int64_t utc_us)
{
    if (zone->n_transitions == 0 && !zone->rule.std_name[0])
        return zone->id;
    bool dst = zone->rule.has_dst && mr_zone_offset_s(zone, utc_us) == zone->rule.dst_offset_s;
    return dst ? zone->rule.dst_name : zone->rule.std_name;
}
