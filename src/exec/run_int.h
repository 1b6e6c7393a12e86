/* run_int.h - a run as run.c (building, epochs), run_worker.c (phases) and run_cursor.c (rows for
 * who pulls) share it. */
#ifndef MR_EXEC_RUN_INT_H
#define MR_EXEC_RUN_INT_H

#include "exec/exec_int.h"

typedef struct RunNode RunNode;
typedef struct Worker Worker;

typedef struct RunInstance {
    MrOp *op; /* NULL: not open */
    MrOpContext context;
    MrOpMetrics metrics;
} RunInstance;

typedef struct RunShared { /* a sub-plan that several nodes read */
    int32_t shared_id;
    RunNode *collect;
    int64_t done_in_epoch; /* number of the epoch that computed it */
    bool varies;           /* it reads the level at hand of a recursion */
} RunShared;

struct RunNode {
    const MrPhys *phys; /* a collector's: of its input */
    const MrOpType *type;
    RunNode *parent; /* NULL: the root */
    int32_t input_idx;
    int32_t n_inputs;
    RunNode **inputs;
    MrBudget budget;
    bool budget_open;
    void *shared;
    RunInstance *instances; /* n_workers */
    int64_t n_morsels;
    const MrSplit *splits;
    int64_t n_splits;
    RunShared *shared_plan; /* SHARED */
    RunNode *anchor, *step; /* RECURSION: collectors */
    MrBatchList feed;       /* RECURSION, REF: the level at hand */
    MrDistinct *seen;       /* RECURSION by UNION: all levels so far; here, as refusals jump */
    MrBatchList *feed_from; /* FEED: the caller's */
};

struct Worker {
    MrRun *run;
    int32_t idx;
    MrEvalContext eval;
    RunNode *at; /* whose call is running */
    MrError err;
    MrStatus status;
    MrThread *thread;
    int64_t seen_phase;
};

typedef struct Phase {
    enum { PHASE_LEAF, PHASE_END_INPUT, PHASE_TASKS, PHASE_DRAIN } kind;
    RunNode *node;
    int32_t input_idx;
    bool drain; /* END_INPUT: drain at once */
    int32_t n_tasks;
    int32_t n_workers; /* that take part */
    _Atomic int32_t next_task;
} Phase;

typedef struct Cursor {
    MrMutex *mutex;
    MrCondVar *changed;
    MrBatch **queue;
    int64_t n_queued, first, cap, queued_bytes;
    bool bounded, done, started;
    MrStatus status;
    MrError err;
    MrThread *thread;
    int64_t now_us;
    uint64_t seed;
    _Atomic bool stop;
} Cursor;

struct MrRun {
    MrRunOptions options;
    MrArena arena;
    const MrPhys *phys;
    RunNode *root;
    RunNode **nodes; /* inputs first */
    int64_t n_nodes, cap_nodes;
    RunShared **shared;
    int64_t n_shared, cap_shared;
    bool varies; /* while nodes are built: one of them reads the level at hand of a recursion */
    int32_t n_key_filters;
    struct MrKeyFilter **key_filters; /* owned by the joins that fill them */
    int32_t n_workers, n_active;
    Worker *workers;
    MrBarrier barrier;
    int64_t n_epochs;
    const MrRunOutput *output;
    _Atomic bool failed;
    bool broken; /* an epoch failed: nothing more runs */
    bool tiny;   /* the leaves have next to nothing */
    /* The pool. */
    MrMutex *mutex;
    MrCondVar *phase_begins, *phase_ends;
    Phase *phase;
    int64_t phase_number;
    int32_t n_running;
    bool quit;
    Cursor cursor;
};

/* ---- run_worker.c */
/* Runs a phase on n workers and waits for all. */
MR_MUST_USE MrStatus mr__phase_run(MrRun *run, Phase *phase, int32_t n, MrError *err);
void mr__pool_stop(MrRun *run);
/* It failed, or was canceled, or nobody reads its cursor any more. */
bool mr__run_stopped(const MrRun *run);
MR_MUST_USE MrStatus mr__check_stopped(const MrRun *run, MrError *err);
/* Whether nobody above wants another batch of node in this epoch. */
bool mr__chain_sated(const Worker *worker, const RunNode *node);

/* ---- run_cursor.c */
void mr__cursor_stop(MrRun *run);

/* ---- run.c: the two halves of mr_run_epoch */
MR_MUST_USE MrStatus mr__epoch_begin(MrRun *run, const MrBarrier *barrier, int64_t now_us,
                                     uint64_t seed, MrError *err);
MR_MUST_USE MrStatus mr__epoch_run(MrRun *run, const MrRunOutput *output, MrError *err);

#endif
