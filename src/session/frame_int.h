/* frame_int.h - frames, as frame.c and streaming_query.c share them. */
#ifndef MR_SESSION_FRAME_INT_H
#define MR_SESSION_FRAME_INT_H

#include "session/session_int.h"

#include <stdio.h>

struct MrFrame {
    MrSession *session;
    int64_t block_bytes;
    MrQuery *command; /* a command's rows; NULL: a query */
    bool streaming;
    bool is_users;        /* the text is the user's, so places in it mean something */
    int64_t relation_idx; /* a join: where its relation begins behind FROM; 0: none */
    int64_t sql_bytes;
    char sql[]; /* ended by NUL */
};

/* A query over the frame, ready to be read. */
MR_MUST_USE MrStatus mr__frame_query(MrFrame *frame, MrQuery **out, MrError *err);
/* A name for what a frame reads, unique in the session, and the frame over it. */
#define MR_FRAME_VIEW_NAME 32
void mr__frame_view_name(const MrQuery *query, char name[MR_FRAME_VIEW_NAME]);
MR_MUST_USE MrStatus mr__frame_of_view(MrSession *session, const char *name, bool streaming,
                                       MrFrame **out, MrError *err);
/* Binds the frame's text in a fresh query; sets the query's schema. */
MR_MUST_USE MrStatus mr__frame_bind(MrFrame *frame, MrQuery *query, MrBoundQuery *out,
                                    MrError *err);
MrOptions mr__key_values(MrArena *arena, const MrKeyValue *given, int32_t n_given,
                         const char *path);

#endif
