/* catalog.h - databases, tables, views, SQL functions: names to definitions.
 *
 * Persistent objects are one JSON file each under <warehouse>/_millrace/catalog/<database>/ (bytes
 * in docs/FORMATS.md); they are read afresh at each look, so several processes see each other's
 * work. Temporary ones live in memory, in the databases MR_CATALOG_TEMP (this session) and
 * MR_CATALOG_GLOBAL_TEMP.  Names are folded to lower case, as Spark's catalog does. */
#ifndef MR_CATALOG_CATALOG_H
#define MR_CATALOG_CATALOG_H

#include "connector/contract.h"

#define MR_CATALOG_NAME "spark_catalog"
#define MR_CATALOG_DEFAULT "default"
#define MR_CATALOG_TEMP ""
#define MR_CATALOG_GLOBAL_TEMP "global_temp"

typedef enum MrCatalogKind {
    MR_CATALOG_TABLE,
    MR_CATALOG_VIEW,
    MR_CATALOG_STREAMING_TABLE,
    MR_CATALOG_MATERIALIZED_VIEW,
    MR_CATALOG_FUNCTION
} MrCatalogKind;

/* What a temporary view stands for when it has no text of its own: counted by who made it. */
typedef struct MrCatalogBody MrCatalogBody;
struct MrCatalogBody {
    void (*hold)(MrCatalogBody *self);
    void (*let_go)(MrCatalogBody *self);
};

typedef struct MrTable {
    MrCatalogKind kind;
    const char *database, *name;
    MrSchema schema;             /* of a view: the output columns it had when it was made        */
    const char *const *defaults; /* SQL text of each column's DEFAULT, NULL where there is none;
                                    NULL: no column has one                                       */
    const char *provider;        /* "parquet", "csv" ...; NULL: a view or function of SQL         */
    MrOptions options, properties;
    int32_t n_partition_cols;
    const char *const *partition_cols;
    const char *location; /* folder of the data; NULL: a view                              */
    bool external;        /* DROP leaves the data                                          */
    const char *comment, *collation;
    const char *sql;          /* view, materialized view, streaming table: the query's text;
                                 function: the whole CREATE FUNCTION statement                 */
    const char *sql_database; /* current database when it was made                             */
    MrOptions sql_conf;       /* settings when it was made that change what the text means     */
    /* A view: of each column its name in the query when it was made, by which it is found again.
     * NULL: by place, as files of the first versions have it. */
    const char *const *query_names;
    const char
        *schema_mode; /* BINDING, COMPENSATION, TYPE EVOLUTION, EVOLUTION; NULL: the second */
    /* A temporary view: the temporary views that it reads; others of these names came later. */
    int32_t n_temps;
    const char *const *temps;
    int64_t created_us;
    /* Of a temporary view; instead of sql.  The catalog holds it; a copy of the table does not. */
    MrCatalogBody *body;
} MrTable;

typedef struct MrDatabase {
    const char *name, *comment, *location;
    MrOptions properties;
    const char *collation;
} MrDatabase;

typedef struct MrCatalog MrCatalog;

/* Nothing is written before the first object is. */
MR_MUST_USE MrStatus mr_catalog_open(MrOs *os, MrBudget *budget, const char *warehouse,
                                     MrCatalog **out, MrError *err);
void mr_catalog_close(MrCatalog *catalog); /* accepts NULL */
const char *mr_catalog_warehouse(const MrCatalog *catalog);

/* *out NULL: there is none.  functions and tables have names of their own. */
MR_MUST_USE MrStatus mr_catalog_get(MrCatalog *catalog, MrArena *arena, const char *database,
                                    const char *name, bool function, MrTable **out, MrError *err);
/* Who makes, changes or drops a table holds its lock until the file is closed, also when this
 * fails; waits for others who do.  Settles what a crash has left of such a change. */
MR_MUST_USE MrStatus mr_catalog_lock(MrCatalog *catalog, MrArena *arena, const char *database,
                                     const char *name, MrFile **out, MrError *err);
/* Changes by who holds the locks of all names: a crash leaves each of them done or not done.
 * drop: with the folder of a managed table, and with the checkpoint of its flow.
 * move: to another name in its database, likewise with both. */
MR_MUST_USE MrStatus mr_catalog_drop(MrCatalog *catalog, MrArena *arena, const MrTable *table,
                                     MrError *err);
MR_MUST_USE MrStatus mr_catalog_move(MrCatalog *catalog, MrArena *arena, const MrTable *table,
                                     const char *to, MrError *err);
/* Between the two next's data is written, by the query of that id; old (NULL: none) is replaced
 * with all it has, or, where that was not done, stays. */
MR_MUST_USE MrStatus mr_catalog_make_begin(MrCatalog *catalog, MrArena *arena, const MrTable *next,
                                           const MrTable *old, const char *query, MrError *err);
MR_MUST_USE MrStatus mr_catalog_make_end(MrCatalog *catalog, MrArena *arena, const MrTable *next,
                                         bool done, MrError *err);
/* Adds or replaces. */
MR_MUST_USE MrStatus mr_catalog_put(MrCatalog *catalog, const MrTable *table, MrError *err);
MR_MUST_USE MrStatus mr_catalog_remove(MrCatalog *catalog, const char *database, const char *name,
                                       bool function, MrError *err);
/* All of a database, sorted by name. */
MR_MUST_USE MrStatus mr_catalog_list(MrCatalog *catalog, MrArena *arena, const char *database,
                                     bool functions, MrTable ***out, int32_t *n_out, MrError *err);

MR_MUST_USE MrStatus mr_catalog_get_database(MrCatalog *catalog, MrArena *arena, const char *name,
                                             MrDatabase **out, MrError *err); /* *out NULL: none */
MR_MUST_USE MrStatus mr_catalog_put_database(MrCatalog *catalog, const MrDatabase *database,
                                             MrError *err);
MR_MUST_USE MrStatus mr_catalog_remove_database(MrCatalog *catalog, const char *name, MrError *err);
MR_MUST_USE MrStatus mr_catalog_list_databases(MrCatalog *catalog, MrArena *arena,
                                               MrDatabase ***out, int32_t *n_out, MrError *err);

/* Where a flow of a pipeline keeps its positions and its state. */
const char *mr_catalog_flow_path(const MrCatalog *catalog, MrArena *arena, const char *database,
                                 const char *flow);
MrTable *mr_catalog_own(MrArena *arena, const MrTable *table); /* deep copy */
/* A name as part of a path: lower case; all but letters, digits, _ and - is %XX. */
const char *mr_catalog_file_name(MrArena *arena, const char *name);
/* Where a managed table of this name keeps its data. */
const char *mr_catalog_table_path(const MrCatalog *catalog, MrArena *arena, const char *database,
                                  const char *name);

#endif
