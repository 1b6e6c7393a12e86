/* query.h - sessions and queries from the inside: for doors that bring plans, and plan what they
 * are asked for themselves (the C API, Spark Connect).  Doors that have text need session.h only.
 */
#ifndef MR_SESSION_QUERY_H
#define MR_SESSION_QUERY_H

#include "connector/callback.h"
#include "function/time_zone.h"
#include "session/conf.h"
#include "session/session.h"
#include "sql/bind.h"
#include "stream/stream.h"

typedef struct MrVariable MrVariable;
typedef struct MrMeaning MrMeaning;
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

typedef struct MrKeptMeaning MrKeptMeaning;
struct MrKeptMeaning {
    MrKeptMeaning *next;
    MrMeaning *meaning;
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
    MrKeptMeaning *meanings;     /* that it was bound with */
    int64_t meaning_bytes;       /* of their texts, as often as they were bound */
    const char *const *followed; /* paths that are read as streams, though the text says nothing */
    int32_t n_followed;
    MrSchema schema;
    bool ordered;
    bool is_describe;   /* Spark's shell pads the cells of DESCRIBE */
    const char **temps; /* temporary views that the statement's own text reads */
    int32_t n_temps, cap_temps;
    const char *temp_kind,
        *temp_name; /* a temporary thing that was met: VIEW, FUNCTION, VARIABLE */
    int64_t now_us;
    uint64_t seed;
    MrRun *run;        /* a query: read from it */
    MrResultRows rows; /* a command: read from these */
    int64_t next_row;
};

/* ---- a query's life: session.c, query.c, relations.c */
/* Before a query of the user: an interrupt of what ran before it is over. */
static inline void mr_interrupt_over(MrSession *session)
{
    if (atomic_load_explicit(&session->n_nested, memory_order_relaxed) == 0)
        atomic_store_explicit(&session->canceled, false, memory_order_relaxed);
}
/* A query with nothing in it yet; mr_query_close ends it. */
MR_MUST_USE MrStatus mr_query_create(MrSession *session, MrQuery **out, MrError *err);
/* The columns that the plan gives. */
MrSchema mr_plan_schema(MrArena *arena, const MrPlan *plan);
/* Names of tables and views mean what they mean in the session. */
void mr_relations_init(MrQuery *query);
/* Binds, optimizes and lowers.  */
MR_MUST_USE MrStatus mr_query_bind_sql(MrQuery *query, const MrSqlQuery *sql, MrBoundQuery *out,
                                       MrError *err);
MR_MUST_USE MrStatus mr_query_lower(MrQuery *query, MrPlan *plan, MrPhys **out, MrError *err);
MR_MUST_USE MrStatus mr_query_create_run(MrQuery *query, const MrPhys *phys, MrRun **out,
                                         MrError *err);
/* The query's result will be what the plan gives. */
MR_MUST_USE MrStatus mr_query_set_plan(MrQuery *query, const MrBoundQuery *bound, MrError *err);
/* Opened for the query and closed with it. */
MR_MUST_USE MrStatus mr_query_open_source(MrQuery *query, const MrConnectorType *type,
                                          const MrOptions *options, const MrSchema *schema,
                                          bool streaming, MrSource **out, MrError *err);

/* ---- session.c: a stream's flag, FALSE to begin with; giving back NULL is fine */
MR_MUST_USE MrStatus mr_interrupt_take(MrSession *session, MrInterrupt **out, MrError *err);
void mr_interrupt_give(MrSession *session, MrInterrupt *interrupt);

/* ---- write.c */
/* Runs the plan as a batch and writes its rows. */
typedef struct MrWriteSpec {
    const MrConnectorType *type;
    MrOptions options;
    MrSaveMode mode;
    bool whole;       /* MrSinkSpec.whole */
    MrExpr *replaced; /* MrSinkSpec.replaced */
    int32_t n_partition_cols;
    const int32_t *partition_cols;
    const MrTable *table; /* must still be this one when the rows are committed; NULL: the caller
                             has its lock, or there is none */
} MrWriteSpec;
MR_MUST_USE MrStatus mr_query_write(MrQuery *query, MrPlan *plan, const MrWriteSpec *spec,
                                    MrError *err);

/* ---- streaming.c */
/* Where a stream goes and how it is driven. */
typedef struct MrStreamTarget {
    MrQuery *query; /* set by mr_query_start_stream */
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
MR_MUST_USE MrStatus mr_query_start_stream(MrQuery *query, MrPlan *plan,
                                           const MrStreamTarget *target, MrStream **out,
                                           MrError *err);

/* ---- memory_table.c: rows of memory sinks and of Arrow streams, as temporary views */
/* Empty rows for a query of that name, instead of those of one before; fails while that one is
 * open.  They belong to the session. */
MR_MUST_USE MrStatus mr_memory_table_create(MrSession *session, const char *name,
                                            const MrSchema *schema, MrMemorySource **out,
                                            MrError *err);
/* Its query has ended: the rows stay. */
void mr_memory_table_release(MrSession *session, const MrMemorySource *rows);

/* ---- meaning.c: texts of queries that keep what they mean, whatever is made, replaced, dropped
 * or set afterwards.  Counted, and freed when nobody holds them any more. */
#define MR_MEANING_INPUT "#input"   /* `#input`.`0`: the first of the inputs */
#define MR_MEANING_SOURCE "#source" /* the source */
typedef struct MrMeaningSpec {
    MrText text;
    int32_t n_inputs;
    MrMeaning *const *inputs;
    const MrTable *source;   /* a provider with its options */
    const char *source_name; /* in EXPLAIN and checkpoints: the same in each run */
    /* A join of two inputs, which FROM knows under these names when it is an input; NULL: none. */
    const char *left, *right;
} MrMeaningSpec;
MR_MUST_USE MrStatus mr_meaning_create(MrSession *session, const MrMeaningSpec *spec,
                                       MrMeaning **out, MrError *err);
MrMeaning *mr_meaning_hold(MrMeaning *meaning);
void mr_meaning_let_go(MrMeaning *meaning); /* accepts NULL */
/* Binds the text; the first time decides what it means.  The query's settings become the text's,
 * and its schema is set.  To be called once a query. */
MR_MUST_USE MrStatus mr_meaning_bind(MrMeaning *meaning, MrQuery *query, MrBoundQuery *out,
                                     MrError *err);
/* Binds it the first time, in a query of its own. */
MR_MUST_USE MrStatus mr_meaning_make(MrSession *session, MrMeaning *meaning, MrError *err);
bool mr_meaning_streaming(const MrMeaning *meaning); /* when it is made */
/* A query that reads it. */
MR_MUST_USE MrStatus mr_meaning_query(MrSession *session, MrMeaning *meaning, MrQuery **out,
                                      MrError *err);
/* A temporary view, instead of one that had the name. */
MR_MUST_USE MrStatus mr_meaning_put_view(MrSession *session, MrMeaning *meaning, const char *name,
                                         MrError *err);

#endif
