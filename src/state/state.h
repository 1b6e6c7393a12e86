/* state.h - what a stream keeps: the writer that operators fill, and the checkpoint that stores it.
 *
 * State is a set of entries (operator, table, key bytes) -> value bytes.  Operators hold the live
 * form in their own tables; the checkpoint holds a snapshot and the changes of each epoch since.
 * Small changes ride in the COMMITTED record, larger ones in a file that the record names with size
 * and hash. */
#ifndef MR_STATE_STATE_H
#define MR_STATE_STATE_H

#include "os/os.h"

typedef struct MrStateWriter { /* entries in the stored form, see docs/FORMATS.md */
    MrBuffer buf;
    int32_t operator_id; /* set by the runner before it asks an operator */
    int64_t n_entries;
} MrStateWriter;

void mr_state_writer_init(MrStateWriter *writer, MrBudget *budget);
void mr_state_writer_deinit(MrStateWriter *writer);
void mr_state_writer_reset(MrStateWriter *writer); /* keeps its memory */
MR_MUST_USE MrStatus mr_state_put(MrStateWriter *writer, int32_t table, MrText key, MrText value,
                                  MrError *err);
MR_MUST_USE MrStatus mr_state_delete(MrStateWriter *writer, int32_t table, MrText key,
                                     MrError *err);

typedef struct MrStateEntry {
    int32_t operator_id, table;
    MrText key, value; /* borrowed */
    bool deleted;
} MrStateEntry;
/* The next entry of stored bytes; *done true: there is none. */
MR_MUST_USE MrStatus mr_state_next(MrReader *reader, MrStateEntry *out, bool *done, MrError *err);

/* The checkpoint folder of one query: metadata.json, log/, state/. */
typedef struct MrCheckpoint MrCheckpoint;

typedef struct MrCheckpointOptions {
    MrOs *os;
    MrBudget *budget;
    const char *path;
    const char *fingerprint;      /* lines of text that must be those of the run before */
    int64_t segment_bytes;        /* of the log; 0: default */
    int64_t snapshot_every_bytes; /* a snapshot when the changes since the last one exceed this and
                                     its size; 0: default */
} MrCheckpointOptions;

/* What is durable about one epoch. */
typedef struct MrPlanned {
    int64_t epoch, time_us;
    uint64_t seed, lineage;
    int64_t late_us, evict_us; /* watermarks in force            */
    int64_t closed_through;    /* sinks are durable up to here   */
    int32_t n_sources;
    const MrText *from, *to; /* positions, source by source; size 0 in from: the beginning */
    MrText extra;            /* watermark state of the stream layer */
} MrPlanned;
typedef struct MrCommitted {
    int64_t epoch;
    int32_t n_tokens;
    const MrText *tokens; /* of the sink's writers */
} MrCommitted;

/* What recovery found. */
typedef struct MrRecovered {
    bool is_new;            /* nothing was planned yet                                   */
    MrPlanned planned;      /* the last one                                              */
    bool committed;         /* and its COMMITTED record is there                         */
    MrCommitted commit;     /* if so                                                     */
    int64_t closed_through; /* -1: none                                                  */
    const char *query_id;   /* UUID, from metadata.json                                  */
} MrRecovered;

/* Locks the folder (a live holder: CONCURRENT_STREAM_LOG_UPDATE), reads the log, loads state by
 * calling apply for the snapshot's and the changes' entries up to the last COMMITTED epoch.  Texts
 * of *out live as long as the checkpoint. */
MR_MUST_USE MrStatus mr_checkpoint_open(const MrCheckpointOptions *options,
                                        MrStatus (*apply)(void *self, const MrStateEntry *entry,
                                                          MrError *err),
                                        void *self, MrCheckpoint **out, MrRecovered *recovered,
                                        MrError *err);
void mr_checkpoint_close(MrCheckpoint *checkpoint); /* accepts NULL */
/* Appends PLANNED; sync: durable on return, else made durable by the next sync. */
MR_MUST_USE MrStatus mr_checkpoint_plan(MrCheckpoint *checkpoint, const MrPlanned *planned,
                                        bool sync, MrError *err);
/* Appends COMMITTED with the epoch's state changes; durable on return. */
MR_MUST_USE MrStatus mr_checkpoint_commit(MrCheckpoint *checkpoint, const MrCommitted *committed,
                                          const MrStateWriter *changes, MrError *err);
/* True when a snapshot is due; then pass all state as of the last COMMITTED epoch. */
bool mr_checkpoint_wants_snapshot(const MrCheckpoint *checkpoint);
MR_MUST_USE MrStatus mr_checkpoint_snapshot(MrCheckpoint *checkpoint, const MrStateWriter *all,
                                            MrError *err);

/* An epoch as the log has it. */
typedef struct MrEpochView {
    MrPlanned planned;
    bool committed;
    int64_t state_bytes; /* of its changes, in the record or in a file */
    MrText state_file;   /* size 0: in the record                      */
    int64_t n_tokens;
} MrEpochView;

typedef struct MrCheckpointWatcher {
    void *self;
    /* metadata.json; texts are borrowed. */
    MrStatus (*metadata)(void *self, const char *query_id, const char *fingerprint, MrError *err);
    /* The snapshot that the log begins with; not called when there is none. */
    MrStatus (*snapshot)(void *self, int64_t epoch, MrText file, int64_t size_bytes, MrError *err);
    MrStatus (*epoch)(void *self, const MrEpochView *epoch, MrError *err);
} MrCheckpointWatcher;

typedef struct MrCheckpointTotals {
    int64_t n_segments, log_bytes; /* segments that are read, bytes of records */
    int64_t n_files, files_bytes;  /* of state/ that the log names             */
    int64_t n_strays;              /* of state/ that it does not: the next start removes them */
    int64_t closed_through;        /* -1: none */
} MrCheckpointTotals;

/* Reads the checkpoint without its lock and without changing it.  files: also those of state/,
 * with their hashes.  Fails as opening it would, naming the file and what is wrong with it. */
MR_MUST_USE MrStatus mr_checkpoint_read(const MrCheckpointOptions *options, bool files,
                                        const MrCheckpointWatcher *watcher,
                                        MrCheckpointTotals *totals, MrError *err);

#endif
