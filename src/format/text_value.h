/* text_value.h - values of columns from their text: fields of CSV, strings of JSON, folder names.
 *
 * Numbers, booleans, ISO dates and timestamps are parsed here, as that is where files spend their
 * time; everything else goes through the engine's own cast from string, which gives the same
 * answer. */
#ifndef MR_FORMAT_TEXT_VALUE_H
#define MR_FORMAT_TEXT_VALUE_H

#include "function/function.h"

typedef struct MrTextValue {
    const MrType *type;
    const MrSettings *settings;
    const MrBound *bound; /* a cast, or try_to_timestamp and its like with a pattern       */
    MrVector *pattern;    /* constant: dateFormat, timestampFormat; NULL: as casts read it */
    bool iso;             /* the plain ISO form means what it says                         */
    bool utc;             /* the session's zone is UTC                                     */
} MrTextValue;

/* format: a datetime pattern, or NULL.  Fails when text cannot be read as the type at all. */
MR_MUST_USE MrStatus mr_text_value_init(MrTextValue *self, MrArena *arena,
                                        const MrSettings *settings, const MrType *type,
                                        const char *format, MrError *err);
/* Writes row of a flat vector (validity is not touched).  false: not a value of this type.  Strings
 * are borrowed. */
bool mr_text_value_set(const MrTextValue *self, const MrEvalContext *context, MrArena *arena,
                       MrText text, MrVector *vec, int64_t row);

/* Digits with an optional sign that fit int64; *end: the first byte behind them.  Reads 8 bytes at
 * a time, up to 8 behind end. */
bool mr_digits_i64(const char *at, const char *end, int64_t *value, const char **stop);

#endif
