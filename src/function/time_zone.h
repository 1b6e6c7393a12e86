/* time_zone.h - time zones by Spark's ids: "America/Los_Angeles", "UTC", "+08:00", "GMT-3", "Z".
 *
 * A cache reads each zone once through a callback (function/ opens no files) and keeps it; several
 * threads may ask at once (the list only grows, at its head, by compare-and-swap). */
#ifndef MR_FUNCTION_TIME_ZONE_H
#define MR_FUNCTION_TIME_ZONE_H

#include "function/function.h"

typedef struct MrZones MrZones;

/* Appends the TZif bytes of a region id to out; leaves out empty when there is none of that name.
 */
typedef MrStatus (*MrZoneRead)(void *self, const char *id, MrBuffer *out, MrError *err);

MR_MUST_USE MrStatus mr_zones_create(MrBudget *budget, MrZoneRead read, void *self, MrZones **out,
                                     MrError *err);
void mr_zones_destroy(MrZones *zones); /* accepts NULL */
/* Fails with INVALID_TIMEZONE.  The zone lives as long as the cache. */
MR_MUST_USE MrStatus mr_zone_find(MrZones *zones, const char *id, const MrZone **out, MrError *err);

/* Seconds east of UTC at an instant, and for a local time (gaps: the offset before; overlaps: the
 * earlier offset, as java.time does). */
int32_t mr_zone_offset_s(const MrZone *zone, int64_t utc_us);
int64_t mr_zone_to_utc_us(const MrZone *zone, int64_t local_us);
int64_t mr_zone_to_local_us(const MrZone *zone, int64_t utc_us);
/* Adds months and days in local time (zone NULL: that of UTC), then microseconds in real time;
 * false: beyond the range. */
typedef struct MrTimeShift {
    int64_t months, days, us;
} MrTimeShift;
bool mr_zone_add(const MrZone *zone, int64_t us, MrTimeShift by, int64_t *out);
const char *mr_zone_id(const MrZone *zone);
/* The short name of its time, by today's rule: PST or PDT; the id of a fixed offset; empty when the
 * zone has none. */
const char *mr_zone_name(const MrZone *zone, int64_t utc_us);

#endif
