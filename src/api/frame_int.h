/* frame_int.h - frames, as frame.c and streaming_query.c share them. */
#ifndef MR_API_FRAME_INT_H
#define MR_API_FRAME_INT_H

#include "api/api_int.h"

#include <stdio.h>

struct MrFrame {
    MrSession *session;
    int32_t n_holders;  /* the caller, and streams of a command's rows */
    MrQuery *command;   /* a command's rows; NULL: a query */
    MrMeaning *meaning; /* a query's; NULL: a command */
    bool is_users;      /* the text is the user's, so places in it mean something */
};

/* A query over the frame, ready to be read. */
MR_MUST_USE MrStatus mr__frame_query(MrFrame *frame, MrQuery **out, MrError *err);
/* A checked frame. */
MR_MUST_USE MrStatus mr__frame_of_text(MrSession *session, const MrMeaningSpec *spec, MrFrame **out,
                                       MrError *err);
MR_MUST_USE MrStatus mr__frame_of_source(MrSession *session, const MrTable *source,
                                         const char *source_name, bool streaming, MrFrame **out,
                                         MrError *err);
MrFrame *mr__frame_hold(MrFrame *frame);
MR_MUST_USE MrStatus mr__key_values_check(const char *function, const MrKeyValue *given,
                                          int32_t n_given, MrError *err);
MrOptions mr__key_values(MrArena *arena, const MrKeyValue *given, int32_t n_given,
                         const char *path);

#endif
