/* row_int.h - the serialized form of one value, shared by rows in memory and stored rows.
 *
 * Fixed-size values are their bytes (little-endian); a string is a varint length and its bytes; an
 * array or map is a varint count, then for each child the validity bits and the values that are
 * there; a struct is the validity bits of its fields and the values that are there. */
#ifndef MR_COLUMN_ROW_INT_H
#define MR_COLUMN_ROW_INT_H

#include "column/batch.h"

/* Of a value that is not NULL. */
int64_t mr__value_bytes(const MrVector *vec, int64_t row);
char *mr__value_write(const MrVector *vec, int64_t row, char *out); /* returns the end */
/* Reads into row `at` of a flat vector; copy: strings go to the arena, else they are borrowed.
 * false: the bytes are cut or wrong. */
bool mr__value_read(MrReader *reader, MrArena *arena, bool copy, MrVector *to, int64_t at);
/* Order of two serialized values (both readers move; far only if they are equal). */
int mr__value_compare(const MrType *type, MrReader *a, MrReader *b);
/* Order of a serialized value and a row of a vector. */
int mr__value_compare_row(const MrType *type, MrReader *a, const MrVector *vec, int64_t row);

#endif
