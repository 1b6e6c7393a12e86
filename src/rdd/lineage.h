/* lineage.h - what an RDD or a DStream is made from: immutable, counted nodes, and the logical plan
 * that they become.
 *
 * A node is a source or a step over one or two others.  MrRdd is a session and a node, MrDStream a
 * context and a node, so every transformation is written once.  Nodes may outlive the handles they
 * were made for: each keeps its inputs.  They belong to the session's budget; counting is atomic,
 * everything else is read-only, so any thread may plan. */
#ifndef MR_RDD_LINEAGE_H
#define MR_RDD_LINEAGE_H

#include "connector/callback.h"
#include "plan/plan.h"

typedef enum MrLineageKind {
    MR_LINEAGE_SOURCE,        /* a connector's rows: text files, a socket                     */
    MR_LINEAGE_ROWS,          /* rows in memory: parallelize, the batches of an epoch         */
    MR_LINEAGE_MAP,           /* map: one row for each                                        */
    MR_LINEAGE_FLAT_MAP,      /* map                                                          */
    MR_LINEAGE_MAP_TO_PAIR,   /* map: one row for each, with a key                            */
    MR_LINEAGE_FILTER,        /* filter                                                       */
    MR_LINEAGE_REDUCE,        /* reduce: one row a key                                        */
    MR_LINEAGE_COUNT,         /* the value as the key, how often it comes as the value        */
    MR_LINEAGE_JOIN,          /* join, join_kind                                              */
    MR_LINEAGE_UNION,         /* all                                                          */
    MR_LINEAGE_DISTINCT,      /* by key and value                                             */
    MR_LINEAGE_SORT,          /* by key, descending                                           */
    MR_LINEAGE_WINDOW,        /* length_us, slide_us: the rows of the last batches            */
    MR_LINEAGE_REDUCE_WINDOW, /* reduce, inverse, filter, length_us, slide_us                */
    MR_LINEAGE_STATE          /* update: a state for each key                                 */
} MrLineageKind;

typedef struct MrLineage MrLineage;
struct MrLineage {
    MrLineageKind kind;
    int32_t n_inputs;
    MrLineage *inputs[2]; /* retained */
    void *self;           /* of the functions */
    union {
        MrMapFunction map;
        MrReduceFunction reduce;
        MrJoinFunction join;
        MrStateFunction update;
    };
    MrReduceFunction inverse; /* NULL: none */
    MrFilterFunction filter;  /* FILTER; REDUCE_WINDOW: NULL: none */
    MrJoinKind join_kind;     /* INNER, LEFT, RIGHT, FULL */
    bool descending;
    bool all; /* REDUCE: of all rows, whatever their key; one row also when there are none */
    int64_t length_us, slide_us;
    const char *connector; /* SOURCE */
    MrOptions options;
    bool streaming;
    MrMemorySource *rows; /* ROWS: columns key, value; owned */
    /* Set by mr_lineage_make. */
    int32_t depth; /* steps to the farthest source */
    _Atomic int32_t n_refs;
    MrBudget *budget;
    int64_t block_bytes;
};

/* A node like this one: inputs are retained, texts are copied, rows are taken (also on failure).
 * *out has one reference, yours.  Fails with MR_NO_MEMORY, and with UNSUPPORTED_FEATURE for more
 * than MR_LINEAGE_DEPTH steps in a row. */
#define MR_LINEAGE_DEPTH 500
MR_MUST_USE MrStatus mr_lineage_make(MrBudget *budget, const MrLineage *like, MrLineage **out,
                                     MrError *err);
MrLineage *mr_lineage_retain(MrLineage *lineage); /* returns it */
void mr_lineage_release(MrLineage *lineage);      /* accepts NULL */

/* The columns of every plan and of the rows of MR_LINEAGE_ROWS: key BINARY, value BINARY, both
 * nullable. */
extern const MrSchema mr_lineage_schema;

/* How plans come by their sources; as MrBindCatalog.open_source. */
typedef struct MrLineageSources {
    MrStatus (*open)(void *self, const MrConnectorType *type, const MrOptions *options,
                     const MrSchema *schema, bool streaming, MrSource **out, MrError *err);
    void *self;
} MrLineageSources;

/* The plans of n lineages, which may share nodes; plans[i] has the columns key and value.  A node
 * that is needed more than once, in one of them or in several, becomes MR_PLAN_SHARED: put all
 * plans under one root.  (A batch source is read again instead, it need not be kept.)  The
 * lineages must live as long as the plan. */
MR_MUST_USE MrStatus mr_lineage_plan(MrPlanner *planner, const MrLineageSources *sources,
                                     MrLineage *const *lineages, int32_t n, MrPlan **plans,
                                     MrError *err);
/* The one column value STRING over such a plan: the lines of saved text files. */
MrPlan *mr_lineage_lines(MrPlanner *planner, MrPlan *plan);

#endif
