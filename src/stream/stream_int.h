/* stream_int.h - the stream's own state, shared with the progress report. */
#ifndef MR_STREAM_STREAM_INT_H
#define MR_STREAM_STREAM_INT_H

#include "base/hash.h"
#include "stream/stream.h"

typedef struct MrStreamSource {
    int32_t scan_id;
    const MrPhys *phys;
    MrSource *source;
    const char *from, *to;              /* positions; NULL: the beginning */
    const char *replay_to;              /* end of the epoch that is run again */
    int64_t rows_before;                /* scan counter at the end of the last epoch */
    int64_t bad_before, skipped_before; /* the source's, then */
    bool has_more, asked;               /* for the latest position */
} MrStreamSource;

typedef struct MrStreamMark { /* a WATERMARK operator */
    int32_t id, state_id;     /* of the plan node */
    int64_t watermark_us;     /* highest event time seen minus the delay */
} MrStreamMark;

typedef struct MrStreamCount { /* a worker's counter, on a cache line of its own */
    int64_t n;
    char pad[56];
} MrStreamCount;

typedef struct MrStreamTimes { /* of the epoch that runs */
    int64_t begin_ns, latest_ns, planned_ns, run_ns, committed_ns;
} MrStreamTimes;

struct MrStream {
    MrStreamOptions options;
    MrBudget budget;
    MrArena arena;        /* as long as the stream    */
    MrArena epoch_arena;  /* of the epoch that runs    */
    MrArena positions[2]; /* of the epoch before it    */
    MrRun *run;
    MrCheckpoint *checkpoint; /* NULL: nothing is durable */
    MrSink *sink;
    const char *query_id;
    const char *run_id;
    const MrPhys **nodes; /* of the plan, each once, though a shared one has several parents */
    int32_t n_nodes, cap_nodes;
    MrStreamSource *sources;
    int32_t n_sources, cap_sources;
    MrStreamMark *marks;
    int32_t n_marks, cap_marks;
    int64_t *late_before; /* of each node: rows that it had dropped by the last report */
    bool closes;          /* some operator gives rows when the watermark moves */
    int64_t epoch, closed_through;
    uint64_t lineage;
    MrEpochMark outputs[2];    /* the last epochs that gave the sink something; epoch -1: none */
    int64_t late_us, evict_us; /* of the last epoch */
    bool replay;               /* the next epoch is in the log already */
    int64_t replay_time_us;
    uint64_t replay_seed;
    bool failed;
    int64_t n_worked;
    int64_t begun_ns; /* when the epoch that was last reported began; 0: none */
    int64_t next_ns;  /* PROCESSING_TIME, BATCH_INTERVAL: the next trigger */
    int64_t next_us;  /* BATCH_INTERVAL: its batch time */
    int64_t last_us;  /* BATCH_INTERVAL: batch time of the last epoch; MR_TIME_MIN: none */
    int32_t n_workers;
    MrSinkWriter **writers;
    MrBuffer *tokens;
    MrStreamCount *output_rows;
    MrEpochId epoch_id;
    MrStateWriter changes;
    MrBuffer key; /* of an entry that a source remembers */
    MrStreamTimes times;
    MrStreamTotals totals;
};

/* Counts the epoch and tells the listener. */
void mr__stream_report(MrStream *stream, const MrPlanned *planned);

#endif
