/* catalog_int.h - what catalog.c and catalog_file.c share. */
#ifndef MR_CATALOG_CATALOG_INT_H
#define MR_CATALOG_CATALOG_INT_H

#include "catalog/catalog.h"

#define MR__CATALOG_FORMAT 1

MrText mr__catalog_write(MrArena *arena, const MrTable *table);
MR_MUST_USE MrStatus mr__catalog_read(MrArena *arena, const char *database, const char *file,
                                      MrText text, MrTable **out, MrError *err);
MrText mr__catalog_write_database(MrArena *arena, const MrDatabase *database);
MR_MUST_USE MrStatus mr__catalog_read_database(MrArena *arena, const char *file, MrText text,
                                               MrDatabase **out, MrError *err);
MrTable *mr__catalog_own(MrArena *arena, const MrTable *table); /* deep copy */

#endif
