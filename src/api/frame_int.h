/* frame_int.h - frames, as frame.c and streaming_query.c share them. */
#ifndef MR_API_FRAME_INT_H
#define MR_API_FRAME_INT_H

#include "api/api_int.h"

#include <stdio.h>

struct MrFrame {
    MrSession *session;
    int64_t block_bytes;
    int32_t n_holders; /* the caller, and streams of a command's rows */
    MrQuery *command;  /* a command's rows; NULL: a query */
    bool streaming;
    bool is_users;        /* the text is the user's, so places in it mean something */
    int64_t relation_idx; /* a join: where its relation begins behind FROM; 0: none */
    int64_t sql_bytes;
    char sql[]; /* ended by NUL */
};

/* A query over the frame, ready to be read. */
MR_MUST_USE MrStatus mr__frame_query(MrFrame *frame, MrQuery **out, MrError *err);
/* What a frame reads becomes a temporary view; two frames of one key read the same one.  The table
 * has the rest; source_name: see MR_VIEW_SOURCE_NAME. */
#define MR_FRAME_VIEW_NAME 48
typedef struct MrFrameKey {
    uint64_t low, high;
} MrFrameKey;
void mr__frame_view_name(MrFrameKey key, char name[MR_FRAME_VIEW_NAME]);
MR_MUST_USE MrStatus mr__frame_view_put(MrQuery *query, const char *name, const char *source_name,
                                        MrTable *table, MrError *err);
MR_MUST_USE MrStatus mr__frame_of_view(MrSession *session, const char *name, bool streaming,
                                       MrFrame **out, MrError *err);
/* Binds the frame's text in a fresh query; sets the query's schema. */
MR_MUST_USE MrStatus mr__frame_bind(MrFrame *frame, MrQuery *query, MrBoundQuery *out,
                                    MrError *err);
MrFrame *mr__frame_hold(MrFrame *frame);
MR_MUST_USE MrStatus mr__key_values_check(const char *function, const MrKeyValue *given,
                                          int32_t n_given, MrError *err);
MrOptions mr__key_values(MrArena *arena, const MrKeyValue *given, int32_t n_given,
                         const char *path);

#endif
