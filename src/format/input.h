/* input.h - where a format's bytes come from and go to.
 *
 * format/ knows no files: connectors put these two over files, sockets or memory. */
#ifndef MR_FORMAT_INPUT_H
#define MR_FORMAT_INPUT_H

#include "base/error.h"

/* Bytes with a known size, read at any place.  Several threads may call read_at at a time. */
typedef struct MrInput {
    int64_t size_bytes;
    /* Reads all of size_bytes or fails; [offset, offset + size_bytes) lies within size_bytes above.
     */
    MrStatus (*read_at)(void *self, int64_t offset, void *data, int64_t size_bytes, MrError *err);
    void *self;
    const char *name; /* path or what stands for it in messages */
} MrInput;

/* Bytes written one after another. */
typedef struct MrOutput {
    MrStatus (*write)(void *self, const void *data, int64_t size_bytes, MrError *err);
    void *self;
} MrOutput;

#endif
