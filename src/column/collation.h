/* collation.h - orders of strings other than bytewise.
 *
 * A collation is a number in MrType.collation: 0 UTF8_BINARY; bit 0 of 0 .. 3 LCASE, bit 1 RTRIM;
 * then 8 rows a locale, with the bits CI, AI and RTRIM.  Names are Spark's: UNICODE_CI_RTRIM,
 * de_AI. The numbers hold for one version of this program; stored schemas keep names. */
#ifndef MR_COLUMN_COLLATION_H
#define MR_COLUMN_COLLATION_H

#include "base/arena.h"

#define MR_COLLATION_BINARY 0
#define MR_COLLATION_LCASE 1
#define MR_COLLATION_RTRIM 2
#define MR_COLLATION_LOCALES 4 /* the first row of UNICODE */
#define MR_COLLATION_CI 1      /* bits of the rows of a locale */
#define MR_COLLATION_AI 2
#define MR_COLLATION_LOCALE_RTRIM 4
#define MR_COLLATION_NAME_MAX 40

/* The number of a collation, or -1.  Case does not matter; "system.builtin." may stand before it.
 */
int32_t mr_collation_find(MrText name);
/* The name, ended by NUL; returns out. */
const char *mr_collation_name(int32_t collation, char out[MR_COLLATION_NAME_MAX]);
/* The names nearest to one that was not found, for COLLATION_INVALID_NAME: "UNICODE_CI, UNICODE".
 */
const char *mr_collation_propose(MrArena *arena, MrText name);
/* Order of two strings, and a hash that is alike for equal ones.  Not for MR_COLLATION_BINARY. */
int mr_collation_compare(int32_t collation, MrText a, MrText b);
uint64_t mr_collation_hash(int32_t collation, MrText text, uint64_t seed);
/* Bytes whose bytewise order is the collation's. */
MrText mr_collation_key(MrArena *arena, int32_t collation, MrText text);

#endif
