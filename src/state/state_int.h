/* state_int.h - shared inside state/: entries, and the files that hold them. */
#ifndef MR_STATE_STATE_INT_H
#define MR_STATE_STATE_INT_H

#include "state/state.h"

/* What a record says of a file in state/. */
typedef struct MrStateFile {
    MrText name; /* size 0: none */
    uint64_t size_bytes, hash;
} MrStateFile;

typedef enum MrEntryRead { MR_ENTRY_OK, MR_ENTRY_END, MR_ENTRY_SHORT } MrEntryRead;
/* Short: the bytes end inside an entry; nothing was taken. */
MrEntryRead mr__state_entry_read(MrReader *reader, MrStateEntry *out);

#define MR_STATE_NAME_MAX 48

/* Writes entries to a new file of folder, durable on return; its name goes to name. */
MrStatus mr__state_file_write(MrOs *os, const char *folder, int64_t epoch, const char *suffix,
                              MrText entries, char *name, MrStateFile *out, MrError *err);
/* Reads the file twice: first its checks, then its entries.  apply NULL: the checks only. */
MrStatus mr__state_file_read(MrOs *os, MrBudget *budget, const char *folder,
                             const MrStateFile *file,
                             MrStatus (*apply)(void *self, const MrStateEntry *entry, MrError *err),
                             void *self, MrError *err);
/* Ours by its form, so that the cleaner touches nothing else. */
bool mr__state_file_name_is_ours(const char *name);

#endif
