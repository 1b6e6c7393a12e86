/* datetime_text.h - texts of dates, times, timestamps and intervals, as Spark's casts read and
 * print them.  Reading never fails with an error: false says that the text is none. */
#ifndef MR_FUNCTION_DATETIME_TEXT_H
#define MR_FUNCTION_DATETIME_TEXT_H

#include "function/time_zone.h"

#define MR_US_PER_MINUTE INT64_C(60000000)
#define MR_US_PER_HOUR INT64_C(3600000000)
#define MR_NS_PER_DAY INT64_C(86400000000000)

/* Without blanks and control characters at both ends, as UTF8String.trimAll. */
MrText mr_text_trim_all(MrText text);

/* [+-]yyyy[-[m]m[-[d]d[ |T...]]] */
bool mr_text_to_date(MrText text, int32_t *days);
/* Also [ |T][h]h[:[m]m[:[s]s[.f...]]][zone], or the time alone, on today (now_us) in its zone.  A
 * zone in the text is looked up in zones; NULL: only fixed offsets are known then. */
bool mr_text_to_timestamp(MrText text, const MrZone *zone, MrZones *zones, int64_t now_us,
                          int64_t *us);
bool mr_text_to_timestamp_ntz(MrText text, MrZones *zones, bool allow_zone, int64_t *us);
/* [h]h:[m]m[:[s]s[.f...]] with AM or PM behind it; nanoseconds, whole microseconds */
bool mr_text_to_time(MrText text, int64_t *ns);
/* A pattern of java.time for texts of dates and times.  Fails with the conditions of patterns, and
 * for a letter that is not in letters (NULL: all are fine). */
MR_MUST_USE MrStatus mr_date_pattern_create(MrArena *arena, const char *text, const char *letters,
                                            const struct MrDatePattern **out, MrError *err);
/* What the clocks of zone (NULL: of no zone) show at clock_us. */
void mr_date_pattern_put(const struct MrDatePattern *pattern, int64_t clock_us, int64_t offset_s,
                         const MrZone *zone, MrTextBuilder *out);

/* epoch, now, today, tomorrow, yesterday, with a zone behind them: only in constants. */
bool mr_text_to_special_us(MrText text, const MrZone *zone, MrZones *zones, int64_t now_us,
                           int64_t *us);

/* All print at most MR_DATETIME_TEXT_MAX bytes, no NUL, and return how many. */
#define MR_DATETIME_TEXT_MAX 96
int32_t mr_date_to_text(int64_t days, char *out);
int32_t mr_timestamp_to_text(int64_t local_us, char *out); /* fraction without zeros at its end */
int32_t mr_instant_to_text(int64_t us, int32_t offset_s, char *out); /* the same, in a zone */
int32_t mr_time_to_text(int64_t ns, char *out);
int32_t mr_interval_ym_to_text(int32_t months, MrIntervalField from, MrIntervalField to, bool hive,
                               char *out);
int32_t mr_interval_dt_to_text(int64_t us, MrIntervalField from, MrIntervalField to, bool hive,
                               char *out);
int32_t mr_interval_to_text(MrInterval value, char *out); /* 1 years 2 months 3.5 seconds */

/* Intervals.  Fail as Spark does: INVALID_INTERVAL_FORMAT.*, INTERVAL_ARITHMETIC_OVERFLOW ... */
MR_MUST_USE MrStatus mr_text_to_interval_ym(MrText text, MrIntervalField from, MrIntervalField to,
                                            int32_t *months, MrError *err);
MR_MUST_USE MrStatus mr_text_to_interval_dt(MrText text, MrIntervalField from, MrIntervalField to,
                                            int64_t *us, MrError *err);
MR_MUST_USE MrStatus mr_text_to_interval(MrText text, MrInterval *out, MrError *err);

#endif
