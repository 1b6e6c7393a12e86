/* session_int.h - what the files of this folder share. */
#ifndef MR_SESSION_SESSION_INT_H
#define MR_SESSION_SESSION_INT_H

#include "column/arrow.h"
#include "connector/callback.h"
#include "function/time_zone.h"
#include "session/conf.h"
#include "rdd/lineage.h"
#include "session/session.h"
#include "sql/bind.h"
#include "stream/stream.h"

typedef struct MrVariable MrVariable;
typedef struct MrMemoryTable MrMemoryTable;

/* A stream's own flag.  An interrupt of queries is over when the next one begins; that of a stream
 * ends it, whatever began meanwhile. */
typedef struct MrInterrupt MrInterrupt;
struct MrInterrupt {
    MrInterrupt *next; /* never changes: a signal handler may be on its way through */
    bool taken;        /* under the session's lock */
    _Atomic bool canceled;
};

struct MrSession {
    MrOs *os;
    MrBudget process, budget;  /* the session's is a child, so that its end can be checked */
    MrConf *conf, *start_conf; /* what is set, and what RESET goes back to */
    MrCatalog *catalog;
    MrZones *zones;
    char warehouse[MR_PATH_MAX];
    char spill_dir[MR_PATH_MAX];
    char database[256];
    char zone_id[128];
    char user[64];
    MrSettings settings; /* made from conf */
    MrSqlOptions sql_options;
    const char *test_functions;
    int32_t n_threads, n_threads_given; /* of millrace.exec.threads, of the caller */
    _Atomic bool canceled;
    _Atomic(MrInterrupt *) interrupts; /* of streams; they stay until the session ends */
    /* Functions of running streams that are being called, and scripts: what they run is part of
     * them, so an interrupt is not over when it begins. */
    _Atomic int32_t n_nested;
    /* Of the public header: the caller, and what was made from the session.  The last one ends it.
     */
    _Atomic int32_t n_holders;
    MrVariable *variables;
    MrMemoryTable *memory_tables;
    /* Of queries, conf, settings, database: a DStream's callback runs actions on the stream's
     * thread. */
    MrMutex *lock;
    MrQuery *queries; /* open ones */
};

/* A session variable; temporary, in system.session. */
struct MrVariable {
    MrVariable *next;
    MrArena arena; /* of everything below */
    const char *name;
    const MrType *type;
    const MrVector *value;
};

/* Rows of a command, gathered as text: an entry is a cell; NULL is NULL; booleans are "true",
 * "false", integers their digits. */
typedef struct MrResultRows {
    const char **cells;
    int64_t n_cells, cap_cells;
} MrResultRows;

typedef struct MrOpenSource MrOpenSource;
struct MrOpenSource {
    MrOpenSource *next;
    MrSource *source;
};

struct MrQuery {
    MrQuery *next;
    MrSession *session;
    MrBudget budget;
    MrArena arena; /* texts, trees and plans */
    MrText text;
    MrSettings settings; /* as they were when the query began */
    const MrConf *conf;  /* likewise */
    MrEvalContext eval;
    MrPlanner planner;
    MrBindCatalog bind_catalog;
    MrBindOptions bind;
    MrOpenSource *sources;
    const char *const *followed; /* paths that are read as streams, though the text says nothing */
    int32_t n_followed;
    MrSchema schema;
    bool ordered;
    bool is_describe; /* Spark's shell pads the cells of DESCRIBE */
    const char *temp_kind,
        *temp_name; /* a temporary thing that was met: VIEW, FUNCTION, VARIABLE */
    int64_t now_us;
    uint64_t seed;
    MrRun *run;        /* a query: read from it */
    MrResultRows rows; /* a command: read from these */
    int64_t next_row;
};

/* ---- query.c */
/* Before a query of the user: an interrupt of what ran before it is over. */
static inline void mr__interrupt_over(MrSession *session)
{
    if (atomic_load_explicit(&session->n_nested, memory_order_relaxed) == 0)
        atomic_store_explicit(&session->canceled, false, memory_order_relaxed);
}
/* A query with nothing in it yet; mr_query_close ends it. */
MR_MUST_USE MrStatus mr__query_create(MrSession *session, MrQuery **out, MrError *err);
MrSchema mr__plan_schema(MrArena *arena, const MrPlan *plan);
/* Runs a statement that was parsed into query's arena; fills query's result. */
MR_MUST_USE MrStatus mr__statement_run(MrQuery *query, const MrSqlStatement *statement,
                                       MrError *err);
/* Binds, optimizes and lowers.  */
MR_MUST_USE MrStatus mr__query_bind_sql(MrQuery *query, const MrSqlQuery *sql, MrBoundQuery *out,
                                        MrError *err);
MR_MUST_USE MrStatus mr__query_lower(MrQuery *query, MrPlan *plan, MrPhys **out, MrError *err);
MR_MUST_USE MrStatus mr__query_create_run(MrQuery *query, const MrPhys *phys, MrRun **out,
                                          MrError *err);
/* The query's result will be what the plan gives. */
MR_MUST_USE MrStatus mr__query_set_plan(MrQuery *query, const MrBoundQuery *bound, MrError *err);
/* A statement in text, run in this query's place (EXECUTE IMMEDIATE). */
MR_MUST_USE MrStatus mr__query_run_text(MrQuery *query, MrText text, MrError *err);

/* The columns of a command's result: "name type, name type" as in CREATE TABLE. */
MR_MUST_USE MrStatus mr__result_schema(MrQuery *query, const char *columns, MrError *err);
/* n_cols cells, copied. */
void mr__result_row(MrQuery *query, int32_t n_cells, ...);

/* A piece of the statement's text. */
const char *mr__source_text(MrQuery *query, MrSqlPlace place);

/* ---- session.c: a stream's flag, FALSE to begin with; giving back NULL is fine */
MR_MUST_USE MrStatus mr__interrupt_take(MrSession *session, MrInterrupt **out, MrError *err);
void mr__interrupt_give(MrSession *session, MrInterrupt *interrupt);
/* ---- session.c: handles of the public header */
MrSession *mr__session_hold(MrSession *session);
void mr__session_let_go(MrSession *session); /* ends it when nobody holds it any more */
/* Arrays and schemas that become the caller's hold it, too. */
MrArrowOwner mr__session_arrow_owner(MrSession *session);

/* ---- session.c: mistakes in a call of the public header, as INVALID_PARAMETER_VALUE */
MR_MUST_USE MrStatus mr__bad_parameter(const char *function, const char *parameter,
                                       const char *expected, const char *actual, MrError *err);
MR_MUST_USE MrStatus mr__bad_number(const char *function, const char *parameter,
                                    const char *expected, int64_t actual, MrError *err);
/* A text or a function that is needed. */
MR_MUST_USE MrStatus mr__given(bool given, const char *function, const char *parameter,
                               MrError *err);

/* ---- relations.c: what names stand for */
void mr__relations_init(MrQuery *query);
/* All that are open; plans that scan them are not run any more. */
void mr__sources_close(MrQuery *query);
MR_MUST_USE MrStatus mr__source_open(MrQuery *query, const MrConnectorType *type,
                                     const MrOptions *options, const MrSchema *schema,
                                     bool streaming, MrSource **out, MrError *err);
/* database and name of a table or view name; a name of one part is in the current database. */
MR_MUST_USE MrStatus mr__name_resolve(MrQuery *query, const MrSqlName *name, const char **database,
                                      const char **table, MrError *err);
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

/* ---- write.c */
/* Runs the plan as a batch and writes its rows. */
typedef struct MrWriteSpec {
    const MrConnectorType *type;
    MrOptions options;
    MrSaveMode mode;
    bool whole; /* MrSinkSpec.whole */
    int32_t n_partition_cols;
    const int32_t *partition_cols;
} MrWriteSpec;
MR_MUST_USE MrStatus mr__write_plan(MrQuery *query, MrPlan *plan, const MrWriteSpec *spec,
                                    MrError *err);

/* ---- command_table.c */
/* The declared columns; partition columns given with types come last. */
MR_MUST_USE MrStatus mr__table_columns(MrQuery *query, const MrSqlCreateTable *create,
                                       MrTable *table, MrError *err);
/* The names of PARTITIONED BY. */
MR_MUST_USE MrStatus mr__table_partitions(MrQuery *query, const MrSqlCreateTable *create,
                                          MrTable *table, MrError *err);
/* A table that is new must not find data of another one where it keeps its own.  may_be_ours: what
 * a killed CREATE or DROP of ours has left does not count, as it is written over. */
MR_MUST_USE MrStatus mr__table_location_free(MrQuery *query, const MrTable *table, bool may_be_ours,
                                             MrError *err);
/* Partition columns stand last in a table, in the order of PARTITIONED BY. */
MR_MUST_USE MrStatus mr__table_partitions_last(MrQuery *query, MrTable *table, MrError *err);
const int32_t *mr__table_partition_places(MrQuery *query, const MrTable *table);
MrBindTarget mr__bind_target(MrQuery *query, const MrTable *table);
MrWriteSpec mr__table_write_spec(MrQuery *query, const MrTable *table, MrSaveMode mode);
/* The same names, whatever their case, in the same order, and the same data. */
bool mr__schema_equal(const MrSchema *a, const MrSchema *b);
/* Brings a plan's columns, found by name, into the table's order and types. */
MR_MUST_USE MrStatus mr__table_store(MrQuery *query, const MrTable *table, MrPlan *plan,
                                     MrPlan **out, MrError *err);

/* ---- rdd_api.c */
/* The plans of lineages, with their sources opened for the query; see mr_lineage_plan. */
MR_MUST_USE MrStatus mr__lineage_plans(MrQuery *query, MrLineage *const *lineages, int32_t n,
                                       MrPlan **plans, MrError *err);
/* An RDD over the lineage, which it retains. */
MR_MUST_USE MrStatus mr__rdd_create(MrSession *session, MrLineage *lineage, MrRdd **out,
                                    MrError *err);
/* ---- frame.c */
/* "inner", "left", "right", "full", "left semi", "left anti", "cross" for any of Spark's names of
 * them, in any case, with "_", blanks or neither; NULL: it is none. */
const char *mr__join_name(const char *kind);
/* What a frame reads is a temporary view whose name means nothing: what it is called instead, the
 * same in each run; NULL: the table is none of these. */
const char *mr__frame_source_name(const MrTable *table);

/* ---- rdd_api.c */
/* The lineage's kind for a join of the public header. */
MR_MUST_USE MrStatus mr__rdd_join_kind(const char *kind, MrJoinKind *out, MrError *err);

/* ---- streaming.c */
/* Where a stream goes and how it is driven. */
typedef struct MrStreamTarget {
    MrQuery *query; /* set by mr__stream_start */
    const char *name;
    const char *checkpoint; /* NULL: nothing is durable */
    const MrConnectorType *type;
    MrOptions options;
    MrOutputMode mode;
    MrTriggerKind trigger;
    int64_t interval_us;
    const _Atomic bool *canceled; /* NULL: the session's */
    bool per_epoch;               /* see MrLowerOptions */
    bool small_state;    /* refuse a plan that would keep its input, not just aggregates of it */
    bool replaces;       /* what the sink holds goes in epoch 0 */
    const char *dropped; /* table with which its checkpoint goes, for a hint; NULL: none */
    const char *fingerprint; /* of the query, for the checkpoint; NULL: that of the plan */
    int32_t n_partition_cols;
    const int32_t *partition_cols;
    /* Opens the sink instead of the type (foreachBatch); NULL: the type does. */
    MrStatus (*open)(void *self, const MrSinkSpec *spec, MrSink **out, MrError *err);
    void *open_self;
    void (*progress)(void *self, MrText json);
    void *progress_self;
} MrStreamTarget;
/* query->schema is that of plan.  The stream is closed before the query. */
MR_MUST_USE MrStatus mr__stream_start(MrQuery *query, MrPlan *plan, const MrStreamTarget *target,
                                      MrStream **out, MrError *err);
/* Where a flow of a pipeline keeps its positions and its state. */
const char *mr__flow_checkpoint(const MrSession *session, MrArena *arena, const char *database,
                                const char *flow);

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

/* ---- memory_table.c: rows of memory sinks and of Arrow streams, as temporary views */
/* Empty rows for a query of that name, instead of those of one before; fails while that one is
 * open.  They belong to the session. */
MR_MUST_USE MrStatus mr__memory_table_create(MrSession *session, const char *name,
                                             const MrSchema *schema, MrMemorySource **out,
                                             MrError *err);
/* Its query has ended: the rows stay. */
void mr__memory_table_release(MrSession *session, const MrMemorySource *rows);
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

/* ---- variables.c */
MrVariable **mr__variable_place(MrSession *session, const char *name); /* *place NULL: none */
void mr__variables_clear(MrSession *session);

/* ---- session.c */
/* Takes a setting back; NULL: all. */
MR_MUST_USE MrStatus mr__session_unset(MrSession *session, const char *key, MrError *err);

#endif
