/* catalog.c - look-up, listing and change of tables, views, functions and databases. */
#include "catalog/catalog_int.h"

#define CATALOG_FILE_MAX (16 << 20)

MrStatus mr_catalog_open(MrOs *os, MrBudget *budget, const char *warehouse, MrCatalog **out,
                         MrError *err)
{
    void *block;
    if (strlen(warehouse) >= MR_PATH_MAX - 512)
        return MR_FAIL(err, MR_COND_INVALID_CONF_VALUE, "confName", "spark.sql.warehouse.dir",
                       "confValue", warehouse);
    MR_TRY(mr_budget_alloc_zeroed(budget, (int64_t)sizeof(MrCatalog), &block, err));
    MrCatalog *catalog = block;
    catalog->os = os;
    catalog->budget = budget;
    strcpy(catalog->warehouse, warehouse);
    *out = catalog;
    return MR_OK;
}

static void temp_free(MrCatalog *catalog, TempEntry *entry)
{
    if (entry->table && entry->table->body)
        entry->table->body->let_go(entry->table->body);
    mr_arena_deinit(&entry->arena);
    mr_budget_free(catalog->budget, entry, (int64_t)sizeof *entry);
}

void mr_catalog_close(MrCatalog *catalog)
{
    if (!catalog)
        return;
    while (catalog->temps) {
        TempEntry *entry = catalog->temps;
        catalog->temps = entry->next;
        temp_free(catalog, entry);
    }
    mr_budget_free(catalog->budget, catalog, (int64_t)sizeof *catalog);
}

const char *mr_catalog_warehouse(const MrCatalog *catalog)
{
    return catalog->warehouse;
}

static bool is_temp(const char *database)
{
    return strcmp(database, MR_CATALOG_TEMP) == 0 ||
           mr_str_equal_nocase(database, MR_CATALOG_GLOBAL_TEMP);
}

const char *mr_catalog_file_name(MrArena *arena, const char *name)
{
    MrTextBuilder out = {.arena = arena};
    for (const char *at = name; *at; at++) {
        unsigned char c = (unsigned char)*at;
        if (c >= 'A' && c <= 'Z')
            c = (unsigned char)(c + 32);
        if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c >= 0x80)
            mr_builder_char(&out, (char)c);
        else
            mr_builder_printf(&out, "%%%02X", c);
    }
    return mr_builder_text(&out).data;
}

const char *mr__catalog_dir(const MrCatalog *catalog, MrArena *arena, const char *database)
{
    return mr_arena_printf(arena, "%s/_millrace/catalog/%s", catalog->warehouse,
                           mr_catalog_file_name(arena, database));
}

static const char *object_path(const MrCatalog *catalog, MrArena *arena, const char *database,
                               const char *name, bool function)
{
    return mr_arena_printf(arena, "%s/%s.%s.json", mr__catalog_dir(catalog, arena, database),
                           mr_catalog_file_name(arena, name), function ? "function" : "table");
}

static TempEntry **temp_find(MrCatalog *catalog, const char *database, const char *name,
                             bool function)
{
    TempEntry **at = &catalog->temps;
    while (*at &&
           !((*at)->function == function && mr_str_equal_nocase((*at)->table->database, database) &&
             mr_str_equal_nocase((*at)->table->name, name)))
        at = &(*at)->next;
    return at;
}

/* Reads one file into the arena; *text.data NULL: there is none. */
MrStatus mr__catalog_read_text(MrCatalog *catalog, MrArena *arena, const char *path, MrText *text,
                               MrError *err)
{
    MrStatus status = MR_OK;
    MrFileInfo info;
    MrBuffer buf;
    *text = (MrText){0};
    mr_buffer_init(&buf, catalog->budget, CATALOG_FILE_MAX);
    MR_GO(catalog->os->stat(catalog->os, path, &info, err));
    if (!info.exists)
        goto done;
    MR_GO(mr_os_read_file(catalog->os, path, CATALOG_FILE_MAX, &buf, err));
    /* mr_arena_try: a jump from here would leak the buffer. */
    char *copy = mr_arena_try(arena, buf.size_bytes + 1, err);
    if (!copy) {
        status = MR_NO_MEMORY;
        goto done;
    }
    if (buf.size_bytes > 0)
        memcpy(copy, buf.data, (size_t)buf.size_bytes);
    *text = (MrText){copy, buf.size_bytes};
done:
    mr_buffer_deinit(&buf);
    return status;
}

MrStatus mr_catalog_get(MrCatalog *catalog, MrArena *arena, const char *database, const char *name,
                        bool function, MrTable **out, MrError *err)
{
    if (is_temp(database)) {
        TempEntry *entry = *temp_find(catalog, database, name, function);
        *out = entry ? mr_catalog_own(arena, entry->table) : NULL;
        return MR_OK;
    }
    const char *path = object_path(catalog, arena, database, name, function);
    MrText text;
    *out = NULL;
    for (bool again = true; again;) {
        again = false;
        MR_TRY(mr__catalog_read_text(catalog, arena, path, &text, err));
        if (!text.data)
            return MR_OK;
        if (!function)
            MR_TRY(mr__catalog_settle_one(catalog, arena, database, name, &again, err));
    }
    MR_TRY(mr__catalog_read(arena, mr_arena_lower(arena, mr_text(database)), path, text, out, err));
    if (mr_str_equal_nocase((*out)->name, name))
        return MR_OK;
    return mr_error_raisef(err, MR_COND_MALFORMED_LOG_FILE, "text",
                           "catalog file '%s' describes '%s'", path, (*out)->name);
}

static MrStatus temp_put(MrCatalog *catalog, const MrTable *table, MrError *err)
{
    bool function = table->kind == MR_CATALOG_FUNCTION;
    void *block;
    MrStatus status;
    MR_TRY(mr_budget_alloc_zeroed(catalog->budget, (int64_t)sizeof(TempEntry), &block, err));
    TempEntry *entry = block;
    entry->function = function;
    mr_arena_init(&entry->arena, catalog->budget);
    MR_GUARD_BEGIN(status, err)
        entry->table = mr_catalog_own(&entry->arena, table);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        temp_free(catalog, entry);
        return status;
    }
    if (table->body)
        table->body->hold(table->body);
    TempEntry **old = temp_find(catalog, table->database, table->name, function);
    if (*old) {
        TempEntry *gone = *old;
        entry->next = gone->next;
        *old = entry;
        temp_free(catalog, gone);
    } else {
        entry->next = catalog->temps;
        catalog->temps = entry;
    }
    return MR_OK;
}

MrStatus mr_catalog_put(MrCatalog *catalog, const MrTable *table, MrError *err)
{
    if (is_temp(table->database))
        return temp_put(catalog, table, err);
    MrArena arena;
    MrStatus status;
    mr_arena_init(&arena, catalog->budget);
    MR_GUARD_BEGIN(status, err)
        MrTable lowered = *table;
        lowered.name = mr_arena_lower(&arena, mr_text(table->name));
        const char *path = object_path(catalog, &arena, table->database, table->name,
                                       table->kind == MR_CATALOG_FUNCTION);
        status = catalog->os->make_dir(catalog->os,
                                       mr__catalog_dir(catalog, &arena, table->database), err);
        if (status == MR_OK)
            status = mr_os_write_file(catalog->os, path, mr__catalog_write(&arena, &lowered),
                                      MR_STEP_CATALOG_FILE_SYNC, MR_STEP_CATALOG_FOLDER_SYNC, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

MrStatus mr_catalog_remove(MrCatalog *catalog, const char *database, const char *name,
                           bool function, MrError *err)
{
    if (is_temp(database)) {
        TempEntry **at = temp_find(catalog, database, name, function), *gone = *at;
        if (gone) {
            *at = gone->next;
            temp_free(catalog, gone);
        }
        return MR_OK;
    }
    MrArena arena;
    MrStatus status;
    mr_arena_init(&arena, catalog->budget);
    MR_GUARD_BEGIN(status, err)
        status = catalog->os->remove(catalog->os,
                                     object_path(catalog, &arena, database, name, function), err);
        if (status == MR_OK)
            status = catalog->os->dir_sync(catalog->os, mr__catalog_dir(catalog, &arena, database),
                                           MR_STEP_CATALOG_FOLDER_SYNC, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

static int table_order(const void *a, const void *b)
{
    return strcmp((*(MrTable *const *)a)->name, (*(MrTable *const *)b)->name);
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

MrStatus mr_catalog_list(MrCatalog *catalog, MrArena *arena, const char *database, bool functions,
                         MrTable ***out, int32_t *n_out, MrError *err)
{
    MrTable **tables = NULL;
    int32_t n_tables = 0, cap_tables = 0;
    if (is_temp(database)) {
        for (TempEntry *entry = catalog->temps; entry; entry = entry->next)
            if (entry->function == functions &&
                mr_str_equal_nocase(entry->table->database, database))
                MR_PUSH(arena, tables, n_tables, cap_tables, mr_catalog_own(arena, entry->table));
    } else {
        const char *dir = mr__catalog_dir(catalog, arena, database);
        MrFileInfo info;
        MrDirEntry *entries = NULL;
        int64_t n_entries = 0;
        MR_TRY(mr__catalog_settle_all(catalog, arena, database, err));
        MR_TRY(catalog->os->stat(catalog->os, dir, &info, err));
        if (info.exists)
            MR_TRY(catalog->os->list(catalog->os, dir, arena, &entries, &n_entries, err));
        for (int64_t i = 0; i < n_entries; i++) {
            if (!ends_with(entries[i].name, functions ? ".function.json" : ".table.json"))
                continue;
            const char *path = mr_arena_printf(arena, "%s/%s", dir, entries[i].name);
            MrText text;
            MrTable *table = NULL;
            MR_TRY(mr__catalog_read_text(catalog, arena, path, &text, err));
            if (text.data) /* else dropped meanwhile */
                MR_TRY(mr__catalog_read(arena, mr_arena_lower(arena, mr_text(database)), path, text,
                                        &table, err));
            if (table)
                MR_PUSH(arena, tables, n_tables, cap_tables, table);
        }
    }
    if (n_tables > 0)
        qsort(tables, (size_t)n_tables, sizeof *tables, table_order);
    *out = tables;
    *n_out = n_tables;
    return MR_OK;
}

static const char *database_path(const MrCatalog *catalog, MrArena *arena, const char *name)
{
    return mr_arena_printf(arena, "%s/database.json", mr__catalog_dir(catalog, arena, name));
}

MrStatus mr_catalog_get_database(MrCatalog *catalog, MrArena *arena, const char *name,
                                 MrDatabase **out, MrError *err)
{
    const char *path = database_path(catalog, arena, name);
    MrText text;
    *out = NULL;
    MR_TRY(mr__catalog_read_text(catalog, arena, path, &text, err));
    if (text.data)
        return mr__catalog_read_database(arena, path, text, out, err);
    if (mr_str_equal_nocase(name, MR_CATALOG_DEFAULT)) { /* is always there */
        MrDatabase *database = MR_NEW(arena, MrDatabase);
        database->name = MR_CATALOG_DEFAULT;
        database->comment = "default database";
        database->location = mr_arena_str(arena, catalog->warehouse);
        *out = database;
    }
    return MR_OK;
}

MrStatus mr_catalog_put_database(MrCatalog *catalog, const MrDatabase *database, MrError *err)
{
    MrArena arena;
    MrStatus status;
    mr_arena_init(&arena, catalog->budget);
    MR_GUARD_BEGIN(status, err)
        MrDatabase lowered = *database;
        lowered.name = mr_arena_lower(&arena, mr_text(database->name));
        status = catalog->os->make_dir(catalog->os,
                                       mr__catalog_dir(catalog, &arena, database->name), err);
        if (status == MR_OK)
            status = mr_os_write_file(catalog->os, database_path(catalog, &arena, database->name),
                                      mr__catalog_write_database(&arena, &lowered),
                                      MR_STEP_CATALOG_FILE_SYNC, MR_STEP_CATALOG_FOLDER_SYNC, err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

MrStatus mr_catalog_remove_database(MrCatalog *catalog, const char *name, MrError *err)
{
    MrArena arena;
    MrStatus status;
    mr_arena_init(&arena, catalog->budget);
    MR_GUARD_BEGIN(status, err)
        status = mr_os_discard_tree(catalog->os, mr__catalog_dir(catalog, &arena, name), err);
    MR_GUARD_END(status)
    mr_arena_deinit(&arena);
    return status;
}

static int database_order(const void *a, const void *b)
{
    return strcmp((*(MrDatabase *const *)a)->name, (*(MrDatabase *const *)b)->name);
}

MrStatus mr_catalog_list_databases(MrCatalog *catalog, MrArena *arena, MrDatabase ***out,
                                   int32_t *n_out, MrError *err)
{
    MrDatabase **databases = NULL, *database;
    int32_t n_databases = 0, cap_databases = 0;
    const char *dir = mr_arena_printf(arena, "%s/_millrace/catalog", catalog->warehouse);
    MrFileInfo info;
    MrDirEntry *entries = NULL;
    int64_t n_entries = 0;
    MR_TRY(mr_catalog_get_database(catalog, arena, MR_CATALOG_DEFAULT, &database, err));
    MR_PUSH(arena, databases, n_databases, cap_databases, database);
    MR_TRY(catalog->os->stat(catalog->os, dir, &info, err));
    if (info.exists)
        MR_TRY(catalog->os->list(catalog->os, dir, arena, &entries, &n_entries, err));
    for (int64_t i = 0; i < n_entries; i++) {
        if (!entries[i].is_dir || entries[i].name[0] == '.' ||
            strcmp(entries[i].name, MR_CATALOG_DEFAULT) == 0)
            continue;
        const char *path = mr_arena_printf(arena, "%s/%s/database.json", dir, entries[i].name);
        MrText text;
        MR_TRY(mr__catalog_read_text(catalog, arena, path, &text, err));
        if (!text.data)
            continue;
        MR_TRY(mr__catalog_read_database(arena, path, text, &database, err));
        MR_PUSH(arena, databases, n_databases, cap_databases, database);
    }
    qsort(databases, (size_t)n_databases, sizeof *databases, database_order);
    *out = databases;
    *n_out = n_databases;
    return MR_OK;
}

const char *mr_catalog_table_path(const MrCatalog *catalog, MrArena *arena, const char *database,
                                  const char *name)
{
    if (mr_str_equal_nocase(database, MR_CATALOG_DEFAULT))
        return mr_arena_printf(arena, "%s/%s", catalog->warehouse,
                               mr_catalog_file_name(arena, name));
    return mr_arena_printf(arena, "%s/%s.db/%s", catalog->warehouse,
                           mr_catalog_file_name(arena, database),
                           mr_catalog_file_name(arena, name));
}
