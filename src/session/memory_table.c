/* memory_table.c - the rows of memory sinks, kept by the session as tables.
 *
 * A query reads a copy of what was there when it began: the stream may replace its rows at any
 * time (complete mode). */
#include "session/session_int.h"

struct MrMemoryTable {
    MrMemoryTable *next;
    MrMemorySource *rows;
    bool in_use; /* by a query that is open */
    char name[256];
};

static MrMemoryTable *find(const MrSession *session, const char *name)
{
    MrMemoryTable *table = session->memory_tables;
    while (table && !mr_str_equal_nocase(table->name, name))
        table = table->next;
    return table;
}

/* Makes table the one of its name, or says that it cannot be. */
static bool put(MrSession *session, MrMemoryTable *table, MrMemorySource **dropped)
{
    bool is_free = true;
    mr_mutex_lock(session->lock);
    MrMemoryTable *before = find(session, table->name);
    if (before && before->in_use) {
        is_free = false;
    } else if (before) {
        *dropped = before->rows;
        before->rows = table->rows;
        before->in_use = true;
    } else {
        table->next = session->memory_tables;
        session->memory_tables = table;
    }
    mr_mutex_unlock(session->lock);
    return is_free;
}

MrStatus mr_memory_table_create(MrSession *session, const char *name, const MrSchema *schema,
                                MrMemorySource **out, MrError *err)
{
    void *block;
    MrMemorySource *rows = NULL, *dropped = NULL;
    const char *problem = !name || !name[0]                                  ? "no name"
                          : strlen(name) >= sizeof((MrMemoryTable *)0)->name ? "a longer one"
                                                                             : NULL;
    if (problem)
        return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "name", "functionName",
                       "memory", "expectedValue", "the query's name, of at most 255 bytes",
                       "actualValue", problem);
    MR_TRY(mr_budget_alloc_zeroed(&session->budget, (int64_t)sizeof(MrMemoryTable), &block, err));
    MrMemoryTable *table = block;
    MrStatus status = mr_memory_source_create(&session->budget, schema, &rows, err);
    *table = (MrMemoryTable){.rows = rows, .in_use = true};
    memcpy(table->name, name, strlen(name) + 1);
    if (status == MR_OK && !put(session, table, &dropped)) {
        mr_memory_source_destroy(rows);
        status = MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "name", "functionName",
                         "memory", "expectedValue", "a name that no open query has", "actualValue",
                         name);
    }
    if (status != MR_OK || dropped)
        mr_budget_free(&session->budget, table, (int64_t)sizeof *table);
    mr_memory_source_destroy(dropped);
    if (status == MR_OK)
        *out = rows;
    return status;
}

void mr_memory_table_release(MrSession *session, const MrMemorySource *rows)
{
    mr_mutex_lock(session->lock);
    for (MrMemoryTable *table = session->memory_tables; table; table = table->next)
        table->in_use &= table->rows != rows;
    mr_mutex_unlock(session->lock);
}

MrStatus mr__memory_table_open(MrSession *session, const char *name, MrBudget *budget,
                               MrSource **out, MrError *err)
{
    mr_mutex_lock(session->lock); /* the rows must not go while they are copied */
    MrMemoryTable *table = find(session, name);
    MrStatus status = table ? mr_memory_source_copy(table->rows, budget, out, err) : MR_OK;
    mr_mutex_unlock(session->lock);
    return status;
}

void mr__memory_tables_clear(MrSession *session)
{
    while (session->memory_tables) {
        MrMemoryTable *table = session->memory_tables;
        session->memory_tables = table->next;
        mr_memory_source_destroy(table->rows);
        mr_budget_free(&session->budget, table, (int64_t)sizeof *table);
    }
}
