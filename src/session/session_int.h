/* session_int.h - what the files of this folder share. */
#ifndef MR_SESSION_SESSION_INT_H
#define MR_SESSION_SESSION_INT_H

#include "session/query.h"

/* A session variable; temporary, in system.session. */
struct MrVariable {
    MrVariable *next;
    MrArena arena; /* of everything below */
    const char *name;
    const MrType *type;
    const MrVector *value;
};

/* ---- query.c */
/* Runs a statement that was parsed into query's arena; fills query's result. */
MR_MUST_USE MrStatus mr__statement_run(MrQuery *query, const MrSqlStatement *statement,
                                       MrError *err);
/* A statement in text, run in this query's place (EXECUTE IMMEDIATE). */
MR_MUST_USE MrStatus mr__query_run_text(MrQuery *query, MrText text, MrError *err);

/* The columns of a command's result: "name type, name type" as in CREATE TABLE. */
MR_MUST_USE MrStatus mr__result_schema(MrQuery *query, const char *columns, MrError *err);
/* n_cols cells, copied. */
void mr__result_row(MrQuery *query, int32_t n_cells, ...);

/* A piece of the statement's text. */
const char *mr__source_text(MrQuery *query, MrSqlPlace place);

/* ---- relations.c: what names stand for */
/* All that are open; plans that scan them are not run any more. */
void mr__sources_close(MrQuery *query);
/* database and name of a table or view name; a name of one part is in the current database. */
MR_MUST_USE MrStatus mr__name_resolve(MrQuery *query, const MrSqlName *name, const char **database,
                                      const char **table, MrError *err);
/* A table, view or database that is stored may have this name. */
MR_MUST_USE MrStatus mr__name_check(MrQuery *query, const char *name, MrError *err);
/* Temporary views first, unless the name is qualified; *out NULL: none. */
MR_MUST_USE MrStatus mr__table_find(MrQuery *query, const MrSqlName *name, MrTable **out,
                                    MrError *err);
/* As mr__table_find, but none is TABLE_OR_VIEW_NOT_FOUND. */
MR_MUST_USE MrStatus mr__table_need(MrQuery *query, const MrSqlName *name, MrTable **out,
                                    MrError *err);
/* `spark_catalog`.`default`.`t`; temporary: `v`. */
const char *mr__table_quoted(MrArena *arena, const MrTable *table);
MrOptions mr__options_own(MrArena *arena, const MrSqlProperties *properties);
/* The options to open a table's connector with: its own and its path. */
MrOptions mr__table_options(MrArena *arena, const MrTable *table);

/* ---- command_function.c */
/* The user's SQL functions, for the binder. */
MR_MUST_USE MrStatus mr__function_find(void *self, const MrBindPlace *place,
                                       const char *const *parts, int32_t n_parts, MrArena *arena,
                                       MrBindFunction *out, MrError *err);

/* ---- command_table.c */
/* The declared columns; partition columns given with types come last. */
MR_MUST_USE MrStatus mr__table_columns(MrQuery *query, const MrSqlCreateTable *create,
                                       MrTable *table, MrError *err);
/* The names of PARTITIONED BY. */
MR_MUST_USE MrStatus mr__table_partitions(MrQuery *query, const MrSqlCreateTable *create,
                                          MrTable *table, MrError *err);
/* A table that is new must not find data of another one where it keeps its own. */
MR_MUST_USE MrStatus mr__table_location_free(MrQuery *query, const MrTable *table, MrError *err);
/* With its data, and the checkpoint of the flow that fills it. */
MR_MUST_USE MrStatus mr__table_drop(MrQuery *query, const MrTable *table, MrError *err);
/* Partition columns stand last in a table, in the order of PARTITIONED BY. */
MR_MUST_USE MrStatus mr__table_partitions_last(MrQuery *query, MrTable *table, MrError *err);
const int32_t *mr__table_partition_places(MrQuery *query, const MrTable *table);
MrBindTarget mr__bind_target(MrQuery *query, const MrTable *table);
MrWriteSpec mr__table_write_spec(MrQuery *query, const MrTable *table, MrSaveMode mode);
/* The same names, whatever their case, in the same order, and the same data. */
bool mr__schema_equal(const MrSchema *a, const MrSchema *b);
/* Writes an empty result over the table. */
MR_MUST_USE MrStatus mr__table_clear(MrQuery *query, const MrTable *table, MrError *err);
/* Brings a plan's columns, found by name, into the table's order and types. */
MR_MUST_USE MrStatus mr__table_store(MrQuery *query, const MrTable *table, MrPlan *plan,
                                     MrPlan **out, MrError *err);

/* ---- view_refresh.c: materialized views of a pipeline */
typedef struct MrView { /* what is kept of a view from one refresh to the next; begins zeroed */
    MrQuery *query;     /* of stream */
    MrStream *stream;   /* takes in what is new; NULL: not open */
    const struct MrViewScans *scans; /* of stream's plan */
    bool whole;                      /* no other way for it than to compute it whole */
    bool noted;                      /* whole, as a note beside the checkpoints says */
    bool computed;                   /* whole, with these contents of its sources */
    uint64_t contents;
} MrView;
typedef enum MrRefreshed {
    MR_REFRESHED_NOTHING, /* nothing is new */
    MR_REFRESHED_WHOLE,
    MR_REFRESHED_NEW /* with what is new */
} MrRefreshed;
typedef struct MrRefreshNews {
    MrRefreshed what;
    int64_t n_rows; /* NEW: rows read */
    MrLosses losses;
} MrRefreshNews;
/* Brings the view's table up to date in one commit: with what is new where that is enough, else
 * whole.  upstream: other flows have worked, so a source that does not tell may have changed. */
MR_MUST_USE MrStatus mr__view_refresh(MrSession *session, const MrTable *table, bool upstream,
                                      MrView *view, MrRefreshNews *news, MrError *err);
void mr__view_close(MrView *view);

/* ---- memory_table.c */
/* A copy of the rows as they are now; *out NULL: there is no such table. */
MR_MUST_USE MrStatus mr__memory_table_open(MrSession *session, const char *name, MrBudget *budget,
                                           MrSource **out, MrError *err);
void mr__memory_tables_clear(MrSession *session);

/* ---- commands: one function a statement kind, each in the file that its subject names */
MR_MUST_USE MrStatus mr__command_create_table(MrQuery *query, const MrSqlStatement *statement,
                                              MrError *err);
MR_MUST_USE MrStatus mr__command_insert(MrQuery *query, const MrSqlStatement *statement,
                                        MrError *err);
MR_MUST_USE MrStatus mr__command_truncate(MrQuery *query, const MrSqlStatement *statement,
                                          MrError *err);
MR_MUST_USE MrStatus mr__command_drop(MrQuery *query, const MrSqlStatement *statement,
                                      MrError *err);
MR_MUST_USE MrStatus mr__command_alter(MrQuery *query, const MrSqlStatement *statement,
                                       MrError *err);
MR_MUST_USE MrStatus mr__command_create_view(MrQuery *query, const MrSqlStatement *statement,
                                             MrError *err);
MR_MUST_USE MrStatus mr__command_create_function(MrQuery *query, const MrSqlStatement *statement,
                                                 MrError *err);
MR_MUST_USE MrStatus mr__command_create_namespace(MrQuery *query, const MrSqlStatement *statement,
                                                  MrError *err);
MR_MUST_USE MrStatus mr__command_use(MrQuery *query, const MrSqlStatement *statement, MrError *err);
MR_MUST_USE MrStatus mr__command_show(MrQuery *query, const MrSqlStatement *statement,
                                      MrError *err);
MR_MUST_USE MrStatus mr__show_create(MrQuery *query, const MrSqlShow *show, MrError *err);
MR_MUST_USE MrStatus mr__command_describe(MrQuery *query, const MrSqlStatement *statement,
                                          MrError *err);
MR_MUST_USE MrStatus mr__command_set(MrQuery *query, const MrSqlStatement *statement, MrError *err);
MR_MUST_USE MrStatus mr__command_reset(MrQuery *query, const MrSqlStatement *statement,
                                       MrError *err);
MR_MUST_USE MrStatus mr__command_declare(MrQuery *query, const MrSqlStatement *statement,
                                         MrError *err);
MR_MUST_USE MrStatus mr__command_execute(MrQuery *query, const MrSqlStatement *statement,
                                         MrError *err);
MR_MUST_USE MrStatus mr__command_explain(MrQuery *query, const MrSqlStatement *statement,
                                         MrError *err);
MR_MUST_USE MrStatus mr__command_cache(MrQuery *query, const MrSqlStatement *statement,
                                       MrError *err);

/* ---- meaning.c: what names stand for, as of a place */
MR_MUST_USE MrStatus mr__meaning_look(MrQuery *query, const MrBindPlace *place,
                                      const char *database, const char *name, bool function,
                                      MrTable **out, MrError *err);
void mr__meaning_variable(MrQuery *query, const MrBindPlace *place, const char *name,
                          MrBindVariable *out);
/* The input that the name stands for; NULL: none. */
MrMeaning *mr__meaning_input(const MrBindPlace *place, const char *const *parts, int32_t n_parts);
MR_MUST_USE MrStatus mr__meaning_input_relation(MrQuery *query, MrMeaning *input,
                                                MrBindRelation *out, MrError *err);
MR_MUST_USE MrStatus mr__meaning_relation(MrQuery *query, MrCatalogBody *body, MrBindRelation *out,
                                          MrError *err);
const MrSettings *mr__place_settings(const MrQuery *query, const MrBindPlace *place);
const MrSqlOptions *mr__place_sql_options(const MrQuery *query, const MrBindPlace *place);
/* What plans call the source, when that is what the name stands for; NULL: it is not. */
const char *mr__meaning_source_name(const MrBindPlace *place, const char *const *parts,
                                    int32_t n_parts);
/* The columns that were found in a source that says none; NULL: they are to be found out now. */
const MrSchema *mr__meaning_schema(MrQuery *query, const MrBindPlace *place,
                                   const MrConnectorType *type, const MrOptions *options);
void mr__meaning_schema_keep(const MrBindPlace *place, const MrConnectorType *type,
                             const MrOptions *options, const MrSchema *schema);
void mr__meanings_let_go(MrQuery *query);

/* ---- variables.c */
const MrVector *mr__variable_value(MrArena *arena, const MrType *type, const MrVector *value);
MrVariable **mr__variable_place(MrSession *session, const char *name); /* *place NULL: none */
void mr__variables_clear(MrSession *session);

/* ---- session.c */
/* Takes a setting back; NULL: all. */
MR_MUST_USE MrStatus mr__session_unset(MrSession *session, const char *key, MrError *err);

#endif
