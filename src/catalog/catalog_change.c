/* catalog_change.c - changes of a table that take several steps: whichever of them a crash comes
 * between, the change is done or not done.
 *
 * Beside NAME.table.json there is, while the table changes, what a crash would leave:
 * NAME.gone.json     the definition of a table that was dropped, until its folder is gone
 * NAME.pending.json  a move to another name, or a new definition whose data is being written
 * Whoever holds NAME.lock changes it.  Who finds such a file and gets the lock settles it: a drop
 * goes on; a move whose new definition is there is done, else it is taken back; a new definition
 * counts when its data was committed. */
#include "catalog/catalog_int.h"

#include "base/json.h"

#include <inttypes.h>

typedef struct Pending {
    const char *to; /* a move: the new name; NULL: a new definition */
    const MrTable *next;
    const char *query;        /* which writes its data */
    int64_t created_us;       /* of the table that moves, or of the new one */
    const char *old_location; /* goes with the old definition; NULL: nothing does */
    bool old_flow;            /* the flow of the old table begins anew */
    bool fresh;               /* the folder of the new one is there for it alone */
} Pending;

static const char *flow_path(const MrCatalog *catalog, MrArena *arena, const char *database,
                             const char *stem)
{
    return mr_arena_printf(arena, "%s/_millrace/flows/%s.%s", catalog->warehouse,
                           mr_catalog_file_name(arena, database), stem);
}

const char *mr_catalog_flow_path(const MrCatalog *catalog, MrArena *arena, const char *database,
                                 const char *flow)
{
    return flow_path(catalog, arena, database, mr_catalog_file_name(arena, flow));
}

static const char *file_path(const MrCatalog *catalog, MrArena *arena, const char *database,
                             const char *stem, const char *ending)
{
    return mr_arena_printf(arena, "%s/%s%s", mr__catalog_dir(catalog, arena, database), stem,
                           ending);
}

static bool is_flow(const MrTable *table)
{
    return table->kind == MR_CATALOG_STREAMING_TABLE || table->kind == MR_CATALOG_MATERIALIZED_VIEW;
}

static bool is_managed(const MrTable *table)
{
    return table->location && !table->external;
}

static MrStatus definition_read(MrCatalog *catalog, MrArena *arena, const char *database,
                                const char *path, MrTable **out, MrError *err)
{
    MrText text;
    *out = NULL;
    MR_TRY(mr__catalog_read_text(catalog, arena, path, &text, err));
    return text.data ? mr__catalog_read(arena, database, path, text, out, err) : MR_OK;
}

static MrStatus file_remove(MrCatalog *catalog, MrArena *arena, const char *database,
                            const char *path, MrError *err)
{
    MR_TRY(catalog->os->remove(catalog->os, path, err));
    return catalog->os->dir_sync(catalog->os, mr__catalog_dir(catalog, arena, database),
                                 MR_STEP_CATALOG_FOLDER_SYNC, err);
}

static MrStatus definition_put(MrCatalog *catalog, MrArena *arena, const char *database,
                               const MrTable *table, MrError *err)
{
    MrTable whole = *table;
    whole.database = database;
    return mr_catalog_put(catalog, &whole, err);
}

/* ---------------------------------------------------------------- what is under way */

static MrStatus pending_write(MrCatalog *catalog, MrArena *arena, const char *database,
                              const char *stem, const Pending *pending, MrError *err)
{
    MrTextBuilder text = {.arena = arena};
    mr_builder_printf(&text, "{\"format\": %d, ", MR__CATALOG_FORMAT);
    if (pending->to) {
        mr_json_put_member(&text, "to", pending->to);
    } else {
        mr_json_put_member(&text, "next", mr__catalog_write(arena, pending->next).data);
        mr_builder_str(&text, ", ");
        mr_json_put_member(&text, "query", pending->query);
        mr_builder_str(&text, ", ");
        mr_json_put_member(&text, "oldLocation", pending->old_location);
        mr_builder_printf(&text, ", \"oldFlow\": %s, \"fresh\": %s",
                          pending->old_flow ? "true" : "false", pending->fresh ? "true" : "false");
    }
    mr_builder_printf(&text, ", \"createdUs\": %" PRId64, pending->created_us);
    mr_json_end_checked(&text);
    return mr_os_write_file(
        catalog->os, file_path(catalog, arena, database, stem, MR__CATALOG_PENDING),
        mr_builder_text(&text), MR_STEP_CATALOG_FILE_SYNC, MR_STEP_CATALOG_FOLDER_SYNC, err);
}

/* *out NULL: nothing is. */
static MrStatus pending_read(MrCatalog *catalog, MrArena *arena, const char *database,
                             const char *stem, Pending **out, MrError *err)
{
    MrText text;
    MrJson *root;
    MrTable *next = NULL;
    const char *path = file_path(catalog, arena, database, stem, MR__CATALOG_PENDING);
    *out = NULL;
    MR_TRY(mr__catalog_read_text(catalog, arena, path, &text, err));
    if (!text.data)
        return MR_OK;
    MR_TRY(mr_json_check(text, mr_arena_printf(arena, "catalog file '%s'", path), err));
    MR_TRY(mr_json_parse(arena, text, path, &root, err));
    const char *definition = mr_json_str(root, "next"), *to = mr_json_str(root, "to");
    int64_t format = mr_json_i64(root, "format", -1);
    if (format != MR__CATALOG_FORMAT || (!definition && !to))
        return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text",
                               "%s: format %lld, this version reads %d", path, (long long)format,
                               MR__CATALOG_FORMAT);
    if (definition)
        MR_TRY(mr__catalog_read(arena, database, path, mr_text(definition), &next, err));
    *out = MR_NEW(arena, Pending);
    **out = (Pending){.to = to,
                      .next = next,
                      .query = mr_json_str(root, "query"),
                      .created_us = mr_json_i64(root, "createdUs", 0),
                      .old_location = mr_json_str(root, "oldLocation"),
                      .old_flow = mr_json_bool(root, "oldFlow", false),
                      .fresh = mr_json_bool(root, "fresh", false)};
    return MR_OK;
}

/* ---------------------------------------------------------------- settling, by who has the lock */

static MrStatus gone_settle(MrCatalog *catalog, MrArena *arena, const char *database,
                            const char *stem, MrError *err)
{
    MrTable *gone, *now;
    const char *path = file_path(catalog, arena, database, stem, MR__CATALOG_GONE);
    MR_TRY(definition_read(catalog, arena, database, path, &gone, err));
    if (!gone)
        return MR_OK;
    MR_TRY(definition_read(catalog, arena, database,
                           file_path(catalog, arena, database, stem, MR__CATALOG_TABLE), &now,
                           err));
    if (!now && is_flow(gone))
        MR_TRY(mr_os_discard_tree(catalog->os, flow_path(catalog, arena, database, stem), err));
    if (!now && is_managed(gone))
        MR_TRY(mr_os_discard_tree(catalog->os, gone->location, err));
    return file_remove(catalog, arena, database, path, err);
}

/* Is there nothing, or only what a writer to a table that was dropped has left? */
static MrStatus is_fresh(MrCatalog *catalog, MrArena *arena, const char *location, bool *out,
                         MrError *err)
{
    MrFileInfo info;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    MR_TRY(catalog->os->stat(catalog->os, location, &info, err));
    if (info.exists)
        MR_TRY(catalog->os->list(catalog->os, location, arena, &entries, &n_entries, err));
    *out = true;
    for (int64_t i = 0; i < n_entries; i++)
        *out = *out && (strcmp(entries[i].name, "_millrace") == 0 ||
                        strcmp(entries[i].name, "_SUCCESS") == 0);
    return MR_OK;
}

/* Gives a folder or a file its other name, when it has not got it. */
static MrStatus name_move(MrCatalog *catalog, MrArena *arena, const char *from, const char *to,
                          bool back, MrError *err)
{
    MrOs *os = catalog->os;
    MrFileInfo from_info, to_info;
    const char *from_slash = strrchr(from, '/'), *to_slash = strrchr(to, '/');
    bool fresh = true;
    MR_TRY(os->stat(os, from, &from_info, err));
    MR_TRY(os->stat(os, to, &to_info, err));
    if (!from_info.exists)
        return MR_OK;
    if (to_info.exists && to_info.is_dir)
        MR_TRY(is_fresh(catalog, arena, to, &fresh, err));
    if (!fresh)
        return back ? MR_OK
                    : MR_FAIL(err, MR_COND_LOCATION_ALREADY_EXISTS, "identifier", to, "location",
                              to);
    if (to_info.exists && to_info.is_dir)
        MR_TRY(mr_os_discard_tree(os, to, err));
    MR_TRY(os->rename(os, from, to, err));
    MR_TRY(os->dir_sync(os, mr_arena_strn(arena, to, to_slash - to), MR_STEP_CATALOG_FOLDER_SYNC,
                        err));
    return os->dir_sync(os, mr_arena_strn(arena, from, from_slash - from),
                        MR_STEP_CATALOG_FOLDER_SYNC, err);
}

/* The folder first: where it is says whether anything has moved. */
static MrStatus names_move(MrCatalog *catalog, MrArena *arena, const MrTable *table,
                           const char *database, const char *stem, const char *to, bool back,
                           MrError *err)
{
    const char *to_stem = mr_catalog_file_name(arena, to);
    const char *pairs[3][2] = {{NULL, NULL}, {NULL, NULL}, {NULL, NULL}};
    if (is_managed(table)) {
        pairs[0][0] = table->location;
        pairs[0][1] = mr_catalog_table_path(catalog, arena, database, to);
    }
    if (is_flow(table)) {
        pairs[1][0] = flow_path(catalog, arena, database, stem);
        pairs[1][1] = flow_path(catalog, arena, database, to_stem);
        pairs[2][0] = mr_arena_printf(arena, "%s.table", pairs[1][0]);
        pairs[2][1] = mr_arena_printf(arena, "%s.table", pairs[1][1]);
    }
    for (int i = 0; i < 3; i++) {
        const char *const *pair = pairs[back ? 2 - i : i];
        if (pair[0])
            MR_TRY(name_move(catalog, arena, pair[back], pair[!back], back, err));
    }
    return MR_OK;
}

static MrStatus move_settle(MrCatalog *catalog, MrArena *arena, const char *database,
                            const char *stem, const Pending *pending, MrError *err)
{
    MrTable *from, *to;
    const char *from_path = file_path(catalog, arena, database, stem, MR__CATALOG_TABLE);
    const char *to_path = file_path(catalog, arena, database,
                                    mr_catalog_file_name(arena, pending->to), MR__CATALOG_TABLE);
    MR_TRY(definition_read(catalog, arena, database, from_path, &from, err));
    MR_TRY(definition_read(catalog, arena, database, to_path, &to, err));
    if (!from || from->created_us != pending->created_us)
        return MR_OK;
    if (to && to->created_us == pending->created_us)
        return file_remove(catalog, arena, database, from_path, err);
    return names_move(catalog, arena, from, database, stem, pending->to, true, err);
}

/* Has the new table's data been committed? */
static MrStatus is_written(MrCatalog *catalog, MrArena *arena, const Pending *pending, bool *out,
                           MrError *err)
{
    const MrTable *next = pending->next;
    const MrConnectorType *type = next->provider ? mr_connector_find(next->provider) : NULL;
    const char *path = next->location ? next->location : mr_option(&next->options, NULL, "path");
    MrOption option = {"path", path};
    MrConnectorContext context = {
        .os = catalog->os, .budget = catalog->budget, .options = {1, &option}};
    *out = false;
    return type && type->batch_done && path && pending->query
               ? type->batch_done(&context, arena, pending->query, out, err)
               : MR_OK;
}

static MrStatus next_settle(MrCatalog *catalog, MrArena *arena, const char *database,
                            const char *stem, const Pending *pending, bool done, MrError *err)
{
    MrTable *now;
    MR_TRY(definition_read(catalog, arena, database,
                           file_path(catalog, arena, database, stem, MR__CATALOG_TABLE), &now,
                           err));
    bool is_put = now && now->created_us == pending->created_us;
    bool undone = !now && pending->fresh; /* nobody has seen it */
    if (!done && !is_put && !undone)
        MR_TRY(is_written(catalog, arena, pending, &done, err));
    if (!done && !is_put)
        return pending->fresh ? mr_os_discard_tree(catalog->os, pending->next->location, err)
                              : MR_OK;
    if (!is_put)
        MR_TRY(definition_put(catalog, arena, database, pending->next, err));
    if (pending->old_flow)
        MR_TRY(mr_os_discard_tree(catalog->os, flow_path(catalog, arena, database, stem), err));
    return pending->old_location ? mr_os_discard_tree(catalog->os, pending->old_location, err)
                                 : MR_OK;
}

static MrStatus settle(MrCatalog *catalog, MrArena *arena, const char *database, const char *stem,
                       bool done, MrError *err)
{
    Pending *pending;
    MR_TRY(gone_settle(catalog, arena, database, stem, err));
    MR_TRY(pending_read(catalog, arena, database, stem, &pending, err));
    if (!pending)
        return MR_OK;
    if (pending->to)
        MR_TRY(move_settle(catalog, arena, database, stem, pending, err));
    else
        MR_TRY(next_settle(catalog, arena, database, stem, pending, done, err));
    return file_remove(catalog, arena, database,
                       file_path(catalog, arena, database, stem, MR__CATALOG_PENDING), err);
}

/* ---------------------------------------------------------------- locks */

static MrStatus lock_open(MrCatalog *catalog, MrArena *arena, const char *database,
                          const char *stem, MrFile **out, MrError *err)
{
    MrOs *os = catalog->os;
    MrError exists = {0};
    const char *path = file_path(catalog, arena, database, stem, ".lock");
    if (os->file_open(os, path, MR_FILE_CREATE, out, &exists) == MR_OK)
        return MR_OK;
    return os->file_open(os, path, MR_FILE_READ_WRITE, out, err);
}

/* Settles what is left of a change, unless somebody is at it. */
static MrStatus settle_if_free(MrCatalog *catalog, MrArena *arena, const char *database,
                               const char *stem, bool *taken, MrError *err)
{
    MrStatus status;
    MrFile *lock = NULL;
    *taken = false;
    MR_TRY(lock_open(catalog, arena, database, stem, &lock, err));
    MR_GUARD_BEGIN(status, err)
        status = catalog->os->file_lock(lock, taken, err);
        if (status == MR_OK && *taken)
            status = settle(catalog, arena, database, stem, false, err);
    MR_GUARD_END(status)
    catalog->os->file_close(lock);
    return status;
}

MrStatus mr__catalog_settle_all(MrCatalog *catalog, MrArena *arena, const char *database,
                                MrError *err)
{
    static const char *const endings[] = {MR__CATALOG_GONE, MR__CATALOG_PENDING};
    const char *dir = mr__catalog_dir(catalog, arena, database);
    MrFileInfo info;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    MR_TRY(catalog->os->stat(catalog->os, dir, &info, err));
    if (info.exists)
        MR_TRY(catalog->os->list(catalog->os, dir, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        for (int e = 0; e < (int)MR_COUNT(endings); e++) {
            size_t size = strlen(entries[i].name), n_ending = strlen(endings[e]);
            bool taken;
            if (size > n_ending && strcmp(entries[i].name + size - n_ending, endings[e]) == 0)
                MR_TRY(settle_if_free(
                    catalog, arena, database,
                    mr_arena_strn(arena, entries[i].name, (int64_t)(size - n_ending)), &taken,
                    err));
        }
    }
    return MR_OK;
}

MrStatus mr__catalog_settle_one(MrCatalog *catalog, MrArena *arena, const char *database,
                                const char *name, bool *again, MrError *err)
{
    MrFileInfo info;
    Pending *pending;
    const char *stem = mr_catalog_file_name(arena, name);
    *again = false;
    MR_TRY(catalog->os->stat(
        catalog->os, file_path(catalog, arena, database, stem, MR__CATALOG_PENDING), &info, err));
    if (!info.exists)
        return MR_OK;
    MR_TRY(settle_if_free(catalog, arena, database, stem, again, err));
    if (*again)
        return MR_OK;
    MR_TRY(pending_read(catalog, arena, database, stem, &pending, err));
    *again = !pending || pending->to; /* until a new one is there the old one counts */
    if (pending && pending->to)
        catalog->os->sleep_us(catalog->os, 2000);
    return *again ? mr_poll_status(err) : MR_OK;
}

MrStatus mr_catalog_lock(MrCatalog *catalog, MrArena *arena, const char *database, const char *name,
                         MrFile **out, MrError *err)
{
    MrOs *os = catalog->os;
    MrFile *file = NULL;
    const char *stem = mr_catalog_file_name(arena, name);
    *out = NULL;
    MR_TRY(os->make_dir(os, mr__catalog_dir(catalog, arena, database), err));
    MR_TRY(lock_open(catalog, arena, database, stem, &file, err));
    for (bool taken = false; !taken;) {
        MrStatus status = os->file_lock(file, &taken, err);
        if (status == MR_OK && !taken)
            status = mr_poll_status(err);
        if (status != MR_OK) {
            os->file_close(file);
            return status;
        }
        if (!taken)
            os->sleep_us(os, 2000);
    }
    *out = file; /* the caller's, whatever comes */
    MR_TRY(settle(catalog, arena, database, stem, false, err));
    return mr__catalog_settle_all(catalog, arena, database, err);
}

/* ---------------------------------------------------------------- changes */

MrStatus mr_catalog_drop(MrCatalog *catalog, MrArena *arena, const MrTable *table, MrError *err)
{
    MrOs *os = catalog->os;
    const char *database = table->database, *stem = mr_catalog_file_name(arena, table->name);
    MR_TRY(os->rename(os, file_path(catalog, arena, database, stem, MR__CATALOG_TABLE),
                      file_path(catalog, arena, database, stem, MR__CATALOG_GONE), err));
    MR_TRY(os->dir_sync(os, mr__catalog_dir(catalog, arena, database), MR_STEP_CATALOG_FOLDER_SYNC,
                        err));
    return gone_settle(catalog, arena, database, stem, err);
}

static MrStatus move_run(MrCatalog *catalog, MrArena *arena, const MrTable *table, const char *to,
                         MrError *err)
{
    const char *stem = mr_catalog_file_name(arena, table->name);
    MrTable moved = *table;
    MR_TRY(pending_write(catalog, arena, table->database, stem,
                         &(Pending){.to = to, .created_us = table->created_us}, err));
    MR_TRY(names_move(catalog, arena, table, table->database, stem, to, false, err));
    moved.name = to;
    if (is_managed(table))
        moved.location = mr_catalog_table_path(catalog, arena, table->database, to);
    return mr_catalog_put(catalog, &moved, err);
}

MrStatus mr_catalog_move(MrCatalog *catalog, MrArena *arena, const MrTable *table, const char *to,
                         MrError *err)
{
    MrError second = {.sql_idx = -1};
    MrStatus status = move_run(catalog, arena, table, to, err);
    MrStatus settled = settle(catalog, arena, table->database,
                              mr_catalog_file_name(arena, table->name), false, &second);
    if (status == MR_OK && settled != MR_OK)
        *err = second;
    return status != MR_OK ? status : settled;
}

MrStatus mr_catalog_make_begin(MrCatalog *catalog, MrArena *arena, const MrTable *next,
                               const MrTable *old, const char *query, MrError *err)
{
    Pending pending = {.next = next, .query = query, .created_us = next->created_us};
    bool same =
        old && old->location && next->location && strcmp(old->location, next->location) == 0;
    if (old && is_managed(old) && !same)
        pending.old_location = old->location;
    pending.old_flow = old && is_flow(old);
    if (is_managed(next) && !same)
        MR_TRY(is_fresh(catalog, arena, next->location, &pending.fresh, err));
    return pending_write(catalog, arena, next->database, mr_catalog_file_name(arena, next->name),
                         &pending, err);
}

MrStatus mr_catalog_make_end(MrCatalog *catalog, MrArena *arena, const MrTable *next, bool done,
                             MrError *err)
{
    return settle(catalog, arena, next->database, mr_catalog_file_name(arena, next->name), done,
                  err);
}
