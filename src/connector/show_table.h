/* show_table.h - rows as Spark's show() prints them; the console sink and the C API's show. */
#ifndef MR_CONNECTOR_SHOW_TABLE_H
#define MR_CONNECTOR_SHOW_TABLE_H

#include "connector/contract.h"

#include <stdio.h>

typedef struct MrShowCell {
    MrText text;
    int32_t width; /* columns of a terminal */
} MrShowCell;

/* Set the first five, then begin. */
typedef struct MrShowTable {
    MrArena *arena;
    const MrSchema *schema;
    const MrSettings *settings;
    int64_t n_max;  /* rows to show                 */
    int64_t cut_at; /* characters of a cell; 0: all */
    MrShowCell *cells;
    int64_t n_cells, cap_cells;
    int32_t *widths;
    int64_t n_rows;
    bool more; /* than n_max rows came */
} MrShowTable;

void mr_show_begin(MrShowTable *table);
void mr_show_add(MrShowTable *table, const MrBatch *batch);
void mr_show_print(const MrShowTable *table, FILE *out);

#endif
