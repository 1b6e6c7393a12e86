/* arrow.h - the Arrow C data and stream interfaces (struct layouts: Arrow specification, "C data
 * interface"). */
#ifndef MR_COLUMN_ARROW_H
#define MR_COLUMN_ARROW_H

#include "column/batch.h"

#ifndef ARROW_C_DATA_INTERFACE
#define ARROW_C_DATA_INTERFACE
#define ARROW_FLAG_DICTIONARY_ORDERED 1
#define ARROW_FLAG_NULLABLE 2
#define ARROW_FLAG_MAP_KEYS_SORTED 4
struct ArrowSchema {
    const char *format, *name, *metadata;
    int64_t flags, n_children;
    struct ArrowSchema **children, *dictionary;
    void (*release)(struct ArrowSchema *);
    void *private_data;
};
struct ArrowArray {
    int64_t length, null_count, offset, n_buffers, n_children;
    const void **buffers;
    struct ArrowArray **children, *dictionary;
    void (*release)(struct ArrowArray *);
    void *private_data;
};
#endif
#ifndef ARROW_C_STREAM_INTERFACE
#define ARROW_C_STREAM_INTERFACE
struct ArrowArrayStream {
    int (*get_schema)(struct ArrowArrayStream *, struct ArrowSchema *out);
    int (*get_next)(struct ArrowArrayStream *, struct ArrowArray *out);
    const char *(*get_last_error)(struct ArrowArrayStream *);
    void (*release)(struct ArrowArrayStream *);
    void *private_data;
};
#endif

/* Who pays for what is exported, and is held until the last part of it has been released, which may
 * be on any thread. */
typedef struct MrArrowOwner {
    MrBudget *budget;
    void (*hold)(void *self);   /* once an export; NULL: the budget outlives them all */
    void (*let_go)(void *self); /* as often; the budget may go with the last */
    void *self;
} MrArrowOwner;

/* A struct schema of the columns; strings are "u", binary "z", timestamps "tsu:UTC" or "tsu:",
 * decimals "d:p,s".  Parts may be moved out of what is exported; each part is released once. */
MR_MUST_USE MrStatus mr_arrow_export_schema(const MrArrowOwner *owner, const MrSchema *schema,
                                            struct ArrowSchema *out, MrError *err);
/* The live rows, copied; padding and NULL slots are zeroed. */
MR_MUST_USE MrStatus mr_arrow_export_batch(const MrArrowOwner *owner, const MrSchema *schema,
                                           const MrBatch *batch, struct ArrowArray *out,
                                           MrError *err);
/* Also takes large, view, fixed-size and dictionary forms, unsigned integers and other time units;
 * see mr_arrow_import_rows.  UNSUPPORTED_ARROWTYPE for what has no type here. */
MR_MUST_USE MrStatus mr_arrow_import_schema(MrArena *arena, const struct ArrowSchema *schema,
                                            MrSchema *out, MrError *err);
/* Copies rows [from, from+n) into a reset batch, n <= MR_BATCH_ROWS.  schema is what the import of
 * arrow gave.  What is read is validated first (RELIABILITY H4); the interface gives no sizes of
 * buffers, so their ends are the giver's word. */
MR_MUST_USE MrStatus mr_arrow_import_rows(const struct ArrowSchema *arrow,
                                          const struct ArrowArray *array, const MrSchema *schema,
                                          int64_t from, int64_t n, MrBatch *out, MrError *err);

#endif
