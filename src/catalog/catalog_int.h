/* catalog_int.h - what the files of this folder share. */
#ifndef MR_CATALOG_CATALOG_INT_H
#define MR_CATALOG_CATALOG_INT_H

#include "catalog/catalog.h"

#define MR__CATALOG_FORMAT 1
#define MR__CATALOG_TABLE ".table.json"
#define MR__CATALOG_GONE ".gone.json"
#define MR__CATALOG_PENDING ".pending.json"

typedef struct TempEntry TempEntry;
struct TempEntry {
    TempEntry *next;
    MrArena arena; /* holds table; the entry itself is on the budget */
    bool function;
    MrTable *table;
};

struct MrCatalog {
    MrOs *os;
    MrBudget *budget;
    char warehouse[MR_PATH_MAX];
    TempEntry *temps;
};

const char *mr__catalog_dir(const MrCatalog *catalog, MrArena *arena, const char *database);
/* Reads one file into the arena; *text.data NULL: there is none. */
MR_MUST_USE MrStatus mr__catalog_read_text(MrCatalog *catalog, MrArena *arena, const char *path,
                                           MrText *text, MrError *err);
/* What a crash left of changes, where nobody is at it. */
MR_MUST_USE MrStatus mr__catalog_settle_all(MrCatalog *catalog, MrArena *arena,
                                            const char *database, MrError *err);
/* That of one table.  *again: its definition is to be read once more. */
MR_MUST_USE MrStatus mr__catalog_settle_one(MrCatalog *catalog, MrArena *arena,
                                            const char *database, const char *name, bool *again,
                                            MrError *err);

MrText mr__catalog_write(MrArena *arena, const MrTable *table);
MR_MUST_USE MrStatus mr__catalog_read(MrArena *arena, const char *database, const char *file,
                                      MrText text, MrTable **out, MrError *err);
MrText mr__catalog_write_database(MrArena *arena, const MrDatabase *database);
MR_MUST_USE MrStatus mr__catalog_read_database(MrArena *arena, const char *file, MrText text,
                                               MrDatabase **out, MrError *err);

#endif
