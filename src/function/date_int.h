/* date_int.h - what the files of date and time functions share. */
#ifndef MR_FUNCTION_DATE_INT_H
#define MR_FUNCTION_DATE_INT_H

#include "function/calendar.h"
#include "function/datetime_text.h"
#include "function/string_int.h"

static inline int64_t mr__floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}
static inline int64_t mr__floor_mod(int64_t a, int64_t b)
{
    int64_t r = a % b;
    return r < 0 ? r + b : r;
}
/* Microseconds of a timestamp as the clock on the wall shows them; zone NULL: no zone. */
static inline int64_t mr__local_us(const MrZone *zone, int64_t us)
{
    return zone ? mr_zone_to_local_us(zone, us) : us;
}
static inline int64_t mr__utc_us(const MrZone *zone, int64_t local_us)
{
    return zone ? mr_zone_to_utc_us(zone, local_us) : local_us;
}
/* The session's zone for timestamps, NULL for other types. */
static inline const MrZone *mr__zone_of(const MrCall *call, const MrType *type)
{
    return type->kind == MR_TYPE_TIMESTAMP ? call->context->settings->zone : NULL;
}
MrStatus mr__null_call(MrCall *call, MrError *err); /* every row NULL */
MrStatus mr__same_call(MrCall *call, MrError *err); /* the first argument as it is */
/* Argument arg_idx is cast to type; the result becomes nullable when that may fail. */
void mr__bind_cast(MrBind *bind, int32_t arg_idx, const MrType *type);
MR_MUST_USE MrStatus mr__zone_named(const MrCall *call, MrText id, const MrZone **out,
                                    MrError *err);

#endif
