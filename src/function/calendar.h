/* calendar.h - days since 1970-01-01 and the proleptic Gregorian calendar. */
#ifndef MR_FUNCTION_CALENDAR_H
#define MR_FUNCTION_CALENDAR_H

#include <stdbool.h>
#include <stdint.h>

#define MR_US_PER_SECOND INT64_C(1000000)
#define MR_US_PER_DAY INT64_C(86400000000)

typedef struct MrCivil {
    int64_t year;
    int32_t month, day; /* 1 .. 12, 1 .. 31 */
} MrCivil;

/* Counts from 1 March of year 0, so that the leap day is the last of its year (400-year eras). */
static inline int64_t mr_civil_to_days(int64_t year, int32_t month, int32_t day)
{
    int64_t y = year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

static inline MrCivil mr_days_to_civil(int64_t days)
{
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month = (5 * day_of_year + 2) / 153;
    return (MrCivil){.year = year_of_era + era * 400 + (month >= 10),
                     .month = (int32_t)(month < 10 ? month + 3 : month - 9),
                     .day = (int32_t)(day_of_year - (153 * month + 2) / 5 + 1)};
}

static inline bool mr_year_is_leap(int64_t year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static inline int32_t mr_month_days(int64_t year, int32_t month)
{
    return month == 2 ? 28 + mr_year_is_leap(year) : 30 + ((month + (month > 7)) & 1);
}

/* Months later; a day that the month does not have becomes its last. */
static inline int64_t mr_days_add_months(int64_t days, int64_t months)
{
    MrCivil civil = mr_days_to_civil(days);
    int64_t all = civil.year * 12 + civil.month - 1 + months;
    int64_t year = (all >= 0 ? all : all - 11) / 12;
    int32_t month = (int32_t)(all - year * 12) + 1, last = mr_month_days(year, month);
    return mr_civil_to_days(year, month, civil.day < last ? civil.day : last);
}

/* Whole days before an instant, also for negative ones. */
static inline int64_t mr_us_to_days(int64_t us)
{
    return us >= 0 ? us / MR_US_PER_DAY : -((-(us + 1)) / MR_US_PER_DAY) - 1;
}

#endif
