/* json.h - small JSON documents as trees: catalog files, positions, metadata, the golden protocol.
 *
 * Not for data: format/json_read.c and json_path.c read that.  RFC 8259; depth at most 100; a
 * document at most MR_JSON_MAX_BYTES. */
#ifndef MR_BASE_JSON_H
#define MR_BASE_JSON_H

#include "base/arena.h"

#define MR_JSON_MAX_BYTES (64 << 20)
#define MR_JSON_MAX_DEPTH 100

typedef enum MrJsonKind {
    MR_JSON_NULL,
    MR_JSON_BOOL,
    MR_JSON_NUMBER, /* text as written */
    MR_JSON_STRING, /* text, escapes resolved, ended by NUL */
    MR_JSON_ARRAY,
    MR_JSON_OBJECT
} MrJsonKind;

typedef struct MrJson MrJson;
struct MrJson {
    MrJsonKind kind;
    bool boolean;
    MrText text;
    const char *key; /* of a member; NULL: element or root */
    int32_t n_items;
    MrJson *first, *next; /* items of an array or object, in order */
};

/* Fails with MALFORMED_LOG_FILE naming the byte.  what: for the message, "catalog file 't.json'".
 */
MR_MUST_USE MrStatus mr_json_parse(MrArena *arena, MrText text, const char *what, MrJson **out,
                                   MrError *err);
const MrJson *mr_json_get(const MrJson *object, const char *key); /* NULL: not there */
const char *mr_json_str(const MrJson *object, const char *key);   /* a string member, or NULL */
int64_t mr_json_i64(const MrJson *object, const char *key, int64_t otherwise);
bool mr_json_bool(const MrJson *object, const char *key, bool otherwise);

/* Writes "text" with quotes and escapes; invalid UTF-8 becomes U+FFFD. */
void mr_json_put_string(MrTextBuilder *out, MrText text);
/* "key": and a string or null. */
void mr_json_put_member(MrTextBuilder *out, const char *key, const char *value);
/* Ends the object that is all of out: its last member is the CRC32C of what stands before it. */
void mr_json_end_checked(MrTextBuilder *out);
/* Is the text whole, as mr_json_end_checked left it?  what: for the message, "catalog file 't'". */
MR_MUST_USE MrStatus mr_json_check(MrText text, const char *what, MrError *err);

#endif
