/* files_int.h - the file connector's parts: listing, reading, streaming, writing.
 *
 * One set of functions serves csv, json, text and parquet; the tables in files.c differ in their
 * names and options only. */
#ifndef MR_CONNECTOR_FILES_INT_H
#define MR_CONNECTOR_FILES_INT_H

#include "connector/contract.h"
#include "format/parquet.h"
#include "format/rows.h"
#include "format/text_value.h"

#define MR_FILES_DEPTH_MAX 128 /* folders in folders */

/* --- what is there (files_list.c) --- */

typedef struct MrFilePart { /* k=v in a path */
    const char *name;       /* unescaped */
    const char *value;      /* unescaped; NULL: __HIVE_DEFAULT_PARTITION__ */
} MrFilePart;

typedef struct MrFileEntry {
    const char *path;
    int64_t size_bytes, modified_us;
    int32_t n_parts;
    const MrFilePart *parts;
    int64_t n_base; /* parts are the k=v folders behind so many bytes; -1: those just above it */
    bool has_crc;   /* a manifest says what the file holds: size_bytes with this CRC32C */
    uint32_t crc;
} MrFileEntry;

/* A folder (or manifest) that was looked at: as long as none changes, neither does the list. */
typedef struct MrFileWatch {
    const char *path;
    int64_t modified_us, size_bytes;
} MrFileWatch;

typedef struct MrFileList {
    MrFileEntry *files; /* sorted by path */
    int64_t n_files, cap_files;
    bool any_root; /* some path exists */
    MrFileWatch *watches;
    int64_t n_watches, cap_watches;
    bool globs; /* watches do not tell all */
} MrFileList;

/* --- partition columns (files_parts.c) --- */

/* "k=v"; false: the folder is none of a partition. */
bool mr__part_of(MrArena *arena, const char *folder, MrFilePart *out);
/* Fills parts: the k=v folders above a file, by its n_base. */
void mr__parts_of_file(MrArena *arena, MrFileEntry *file);
const MrFilePart *mr__part_find(const MrFileEntry *file, const char *name); /* NULL: none */
/* A constant of the partition column; false: the text is not a value of its type. */
bool mr__part_constant(const MrTextValue *type, const MrEvalContext *eval, MrArena *arena,
                       const char *text, MrVector **out);
typedef enum MrVerdict { MR_VERDICT_FALSE, MR_VERDICT_TRUE, MR_VERDICT_UNKNOWN } MrVerdict;
/* Is the condition true for the partition columns of the file?  column.idx is a place in schema;
 * UNKNOWN: a folder holds no value of its column's type, or the condition fails. */
MR_MUST_USE MrStatus mr__parts_test(const MrConnectorContext *context, MrBudget *budget,
                                    const MrSchema *schema, MrExpr *condition,
                                    const MrFileEntry *file, MrVerdict *out, MrError *err);

/* --- who reads (files_list.c) --- */

/* Locks that say "somebody reads here": as long as one is open, files of a manifest that were
 * replaced stay where they are. */
typedef struct MrFileHold {
    const char *root;
    MrFile *file; /* NULL: we may not open it */
    bool gone;    /* something had been replaced */
} MrFileHold;
typedef struct MrFileHolds {
    MrFileHold *holds;
    int64_t n_holds, cap_holds;
} MrFileHolds;
/* Who reads last removes what writers had to leave. */
void mr__files_release(MrOs *os, MrBudget *budget, MrFileHolds *holds);

/* Which paths need not be there; others fail with PATH_NOT_FOUND. */
typedef enum MrFilesMiss {
    MR_FILES_MUST_BE,
    MR_FILES_GLOBS_MAY_MISS, /* as a stream begins: what a glob names may come */
    MR_FILES_MAY_MISS
} MrFilesMiss;

/* All files below the paths of the options (globs, folders, partitions), hidden ones left out, what
 * a manifest does not name left out.  holds: they are going to be read; NULL: only to be known. */
MR_MUST_USE MrStatus mr__files_list(const MrConnectorContext *context, MrFilesMiss miss,
                                    MrFileHolds *holds, MrArena *arena, MrFileList *out,
                                    MrError *err);
/* The path without a file: scheme. */
const char *mr__files_plain_path(MrArena *arena, const char *path);
/* Types of the partition columns found, by Spark's inference; names in the order of the paths. */
MR_MUST_USE MrStatus mr__files_partition_fields(const MrConnectorContext *context,
                                                const MrFileList *list, MrArena *arena,
                                                MrField **out, int32_t *n_out, MrError *err);
/* a{b,c}*?[x-z] against a name. */
bool mr__glob_match(const char *pattern, const char *name);
bool mr__glob_has(const char *pattern);
/* Are all its brackets closed? */
bool mr__glob_is_whole(const char *pattern);

/* A flag of the user's options, or else of the setting spark.sql.files.NAME. */
bool mr__files_flag(const MrConnectorContext *context, const char *name);

/* --- the manifest (files_manifest.c) --- */

typedef struct MrManifest MrManifest;
typedef struct MrManifestFile {
    const char *path; /* below the root */
    int64_t size_bytes;
    uint32_t crc;
} MrManifestFile;

/* One epoch of one query. */
typedef struct MrManifestEntry {
    const char *query;
    int64_t epoch;
    uint64_t lineage;
    const MrManifestFile *added;
    int64_t n_added;
    const char **removed; /* ours or not: not seen any more */
    int64_t n_removed;
    bool batch; /* not a stream's: nobody will ask for it in another process */
} MrManifestEntry;

/* Reads the manifest below root; *out NULL: there is none. */
MR_MUST_USE MrStatus mr__manifest_read(MrOs *os, MrBudget *budget, const char *root,
                                       MrManifest **out, MrError *err);
void mr__manifest_close(MrManifest *manifest); /* accepts NULL */
/* Should the file below root be seen?  Files that Millrace did not write always are, unless
 * removed.  Notes that a listing met it. */
bool mr__manifest_shows(MrManifest *manifest, const char *path);
/* The folder of the manifest is there, but no manifest. */
bool mr__manifest_lost(const MrManifest *manifest);
/* What the file below root holds; false: it is not one of the manifest's. */
bool mr__manifest_file(const MrManifest *manifest, const char *path, int64_t *size_bytes,
                       uint32_t *crc);
/* The last epoch of a stream that it holds; false: none. */
bool mr__manifest_mark(const MrManifest *manifest, const char *query, MrEpochMark *out);
/* A file below root whose path begins so, which the manifest names and no listing met; NULL: none.
 */
const char *mr__manifest_unseen(const MrManifest *manifest, const char *below);
int64_t mr__manifest_n_files(const MrManifest *manifest);
bool mr__manifest_is_ours(const char *name);
const char *mr__manifest_log_path(const MrManifest *manifest);
/* Makes the folders and an empty manifest, so that nothing published is seen before its entry.
 * overwrite: what is there does not matter. */
MR_MUST_USE MrStatus mr__manifest_prepare(MrOs *os, MrBudget *budget, const char *root,
                                          bool overwrite, MrError *err);
/* A manifest that should be there and is not: the files of the folder cannot be told apart. */
MR_MUST_USE MrStatus mr__manifest_fail_lost(MrArena *arena, const char *root, MrError *err);
/* Is the epoch in already?  Another lineage, or a later epoch, is refused (D17). */
MR_MUST_USE MrStatus mr__manifest_has(const MrManifest *manifest, const char *query, int64_t epoch,
                                      uint64_t lineage, bool *has, MrError *err);
/* Writers take turns: between these two calls and the closing of *lock nobody else appends. */
MR_MUST_USE MrStatus mr__manifest_lock(MrOs *os, MrArena *arena, const char *root, MrFile **lock,
                                       MrError *err);
/* Brings up to date what the caller last knew, or NULL.  The manifest must be there. */
MR_MUST_USE MrStatus mr__manifest_refresh(MrOs *os, MrBudget *budget, MrArena *arena,
                                          const char *root, MrManifest **manifest, MrError *err);
/* Appends one entry, durably. */
MR_MUST_USE MrStatus mr__manifest_append(MrManifest *manifest, const char *root,
                                         const MrManifestEntry *entry, MrError *err);

/* Removes the files that entries have replaced, unless somebody still reads: then some later call
 * does. */
void mr__manifest_sweep(MrManifest *manifest, const char *root);
/* Have entries replaced files that may still lie there? */
bool mr__manifest_has_gone(const MrManifest *manifest);

/* Does it name the file below root, or did it, and the file may still be read? */
bool mr__manifest_knows(const MrManifest *manifest, const char *path);

/* --- prepared files (files_staging.c) --- */

/* A batch says that it lives, until it releases; then nothing of it is left there. */
MR_MUST_USE MrStatus mr__staging_claim(MrOs *os, MrArena *arena, const char *root,
                                       const char *query, MrFile **lock, MrError *err);
void mr__staging_release(MrOs *os, const char *root, const char *query, MrFile *lock);
/* Removes what batches have left whose process is gone.  only: a stream that is alone here, with
 * which those before it cannot go on; NULL: there may be others. */
void mr__staging_sweep(MrOs *os, MrBudget *budget, const char *root, const char *only);

/* --- bytes (files_bytes.c) --- */

/* The bytes of one file, one after another, decompressed. */
typedef struct MrFileBytes MrFileBytes;
/* "gzip" ... by the name's end; NULL: not compressed. */
const char *mr__file_codec(const char *path);

/* Memory that chunks lie in. */
typedef struct MrBlockPool MrBlockPool;
typedef struct MrFileBlock MrFileBlock;
MR_MUST_USE MrStatus mr__block_pool_create(MrBudget *budget, MrBlockPool **out, MrError *err);
void mr__block_pool_close(MrBlockPool *pool); /* accepts NULL; batches may still hold blocks */

/* Cuts a file, or a range of it, into chunks for a row format. */
typedef struct MrFileChunks {
    MrOs *os;
    MrBudget *budget;
    MrRowCut cut;
    const char *path;
    MrFileBytes *bytes;
    int64_t from, to, next_offset; /* range of line starts; offset of the next byte to read */
    bool skip_first, ended;        /* the rest of a line before from is still to be skipped */
    MrBlockPool *pool;
    MrFileBlock *block;    /* being filled */
    int64_t n_filled;      /* bytes in it */
    int64_t n_small_bytes; /* size of the first block of a small file; 0: the usual one */
    MrChunk chunk;
    bool any; /* a chunk was given */
} MrFileChunks;
MR_MUST_USE MrStatus mr__file_chunks_open(MrFileChunks *self, MrOs *os, MrBlockPool *pool,
                                          const MrRowCut *cut, const char *path, int64_t from,
                                          int64_t to, int64_t size_bytes, MrError *err);
/* The next chunk, with what the last one left unread in front; *more false: no more. */
MR_MUST_USE MrStatus mr__file_chunks_next(MrFileChunks *self, bool *more, MrError *err);
void mr__file_chunks_close(MrFileChunks *self);

/* Does the file hold what a manifest says?  Small ones are read through; of others the size must
 * be right, and their format's own checksums vouch for the rest.  Without a manifest: has it kept
 * its size since it was listed, or may_grow and has grown? */
MR_MUST_USE MrStatus mr__file_verify(MrOs *os, MrBudget *budget, const MrFileEntry *file,
                                     bool may_grow, MrError *err);

/* --- the source (files_source.c) --- */

/* Of a stream, unless maxBytesPerTrigger says otherwise: no epoch takes all there ever was (D20).
 */
#define MR_FILES_EPOCH_BYTES "1g"

/* Parquet files whose footers are known (files_handles.c): only some of them are open. */
typedef struct MrParquetHandle MrParquetHandle;
typedef struct MrParquetHandles {
    MrMutex *lock;               /* readers are on all threads */
    MrParquetHandle *slots[256]; /* by the path's hash */
    MrParquetHandle *newest, *oldest;
    int64_t n_open, max_open;
} MrParquetHandles;

typedef struct MrFilesSource {
    MrSource base;
    const MrConnectorContext *context;
    MrBudget *budget;
    MrArena arena;
    const MrRowFormat *format; /* NULL: parquet */
    const void *config;
    MrRowCut cut;
    MrFileList list; /* batch: as at open */
    MrFileHolds holds;
    MrParquetHandles handles;
    bool ignore_missing, ignore_corrupt;
    bool ends; /* the stream's next list is its last */
    MrBlockPool *pool;
    struct MrFilesStream *stream; /* files_stream.c */
} MrFilesSource;

MR_MUST_USE MrStatus mr__files_open_source(const MrConnectorContext *context,
                                           const MrConnectorType *type, MrSource **out,
                                           MrError *err);
void mr__files_close_source(MrSource *source);
MR_MUST_USE MrStatus mr__parquet_handle(MrFilesSource *source, const MrFileEntry *file,
                                        MrParquetHandle **out, MrError *err);
MrParquetFile *mr__parquet_of(const MrParquetHandle *handle);
void mr__parquet_handles_close(MrFilesSource *source);
MrStatus mr__files_plan_splits(MrSource *source, const char *from, const char *to,
                               const MrScanSpec *spec, MrArena *arena, MrSplit **out,
                               int64_t *n_out, MrError *err);
int64_t mr__files_row_count(MrSource *source);
/* Number and hash of the files with sizes, times and CRCs. */
MrStatus mr__files_content(MrSource *source, bool now, MrArena *arena, const char **out,
                           MrError *err);
MrStatus mr__files_reader_open(MrSource *source, const MrSplit *split, const MrScanSpec *spec,
                               MrBudget *budget, MrSourceReader **out, MrError *err);
MrStatus mr__files_read(MrSourceReader *reader, const MrEvalContext *context, MrBatch *batch,
                        MrRead *what, MrError *err);
void mr__files_reader_close(MrSourceReader *reader);

/* --- the stream (files_stream.c) --- */
MrStatus mr__files_latest(MrSource *source, const char *from, bool unlimited, MrArena *arena,
                          const char **to, MrError *err);
void mr__files_end_here(MrSource *source);
/* newFilesOnly: keeps the position at the start; looks for it. */
MrStatus mr__files_log_open(MrSource *source, const char *folder, const char *from, MrError *err);
MrStatus mr__files_poll(MrSource *source, MrError *err);
MrStatus mr__files_remember(MrSource *source, const char *to, bool all, const MrMemoryOutput *out,
                            MrError *err);
MrStatus mr__files_recall(MrSource *source, MrText key, const MrText *value, MrError *err);
/* All files that were given are listed with the time that they had. */
MrStatus mr__files_intact(MrSource *source, const char *position, bool *out, MrError *err);
/* Files of (from, to]. */
MR_MUST_USE MrStatus mr__files_between(MrFilesSource *source, const char *from, const char *to,
                                       MrArena *arena, MrFileList *out, MrError *err);
void mr__files_stream_close(MrFilesSource *source);

/* --- the sink (files_sink.c), whose rows go through files_writer.c --- */

typedef enum MrPacking {
    MR_PACK_NONE,
    MR_PACK_GZIP,
    MR_PACK_DEFLATE,
    MR_PACK_ZSTD,
    MR_PACK_LZ4
} MrPacking;

typedef struct MrFilesSink {
    MrSink base;
    const MrConnectorContext *context;
    const MrSinkSpec *spec;
    MrBudget *budget;
    MrArena arena;
    const MrRowFormat *format; /* NULL: parquet */
    const void *config;
    MrPacking packing;
    MrParquetWriteOptions parquet;
    const char *root, *staging, *query, *ending;
    MrSchema data;      /* columns in the files */
    int32_t *data_cols; /* their numbers in the batch */
    bool ignore, clean_due, dynamic;
    MrManifest *manifest; /* as last known */
    MrFile *lock;         /* of a batch: says that its staged files are wanted */
} MrFilesSink;

/* A file under the name that it has until its epoch is committed, and under that of then. */
typedef struct MrStagedFile {
    const char *staged, *final;
    int64_t size_bytes;
    uint32_t crc;
} MrStagedFile;

MrStatus mr__files_open_sink(const MrConnectorContext *context, const MrConnectorType *type,
                             const MrSinkSpec *spec, MrSink **out, MrError *err);
void mr__files_close_sink(MrSink *sink);
MrStatus mr__files_writer_open(MrSink *sink, MrEpochId epoch, int32_t worker_idx, MrBudget *budget,
                               MrSinkWriter **out, MrError *err);
MrStatus mr__files_write(MrSinkWriter *writer, const MrEvalContext *context, MrBatch *batch,
                         MrError *err);
MrStatus mr__files_prepare(MrSinkWriter *writer, MrBuffer *token, MrError *err);
void mr__files_writer_close(MrSinkWriter *writer);
MrStatus mr__files_commit(MrSink *sink, MrEpochId epoch, const MrText *tokens, int32_t n_tokens,
                          MrError *err);
MrStatus mr__files_recover(MrSink *sink, int64_t last_epoch, MrError *err);
MrStatus mr__files_check_mark(MrSink *sink, MrEpochMark mark, MrError *err);
MrStatus mr__files_batch_done(const MrConnectorContext *context, MrArena *arena,
                              const char *query_id, bool *out, MrError *err);

#endif
