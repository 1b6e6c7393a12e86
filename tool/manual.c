/* manual.c - the manual, written from the tables that the engine itself reads: functions, sources
 * and sinks with their options, settings, error conditions.
 *
 * usage: manual FOLDER     writes functions.md, sources.md, settings.md and errors.md into it */
#include "connector/callback.h"
#include "function/aggregate.h"
#include "session/conf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static FILE *page_open(const char *folder, const char *name, const char *title, const char *text)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.md", folder, name);
    FILE *page = fopen(path, "w");
    if (!page) {
        perror(path);
        exit(1);
    }
    fprintf(page,
            "# %s\n\n%s\nWritten by `./mill manual` from the tables of Millrace " MR_VERSION
            ".\n\n",
            title, text);
    return page;
}

static void page_close(FILE *page)
{
    if (ferror(page) || fclose(page) != 0) {
        perror("manual");
        exit(1);
    }
}

/* A cell of a table: a bar would end it. */
static void put_cell(FILE *page, const char *text)
{
    for (; text && *text; text++) {
        if (*text == '|')
            fputc('\\', page);
        fputc(*text == '\n' ? ' ' : *text, page);
    }
}

/* A cell of code; nothing for no text. */
static void put_code(FILE *page, const char *text)
{
    if (!text || !*text)
        return;
    const char *mark = strchr(text, '`') ? "``" : "`";
    fputs(mark, page);
    put_cell(page, text);
    fputs(mark, page);
}

/* ---- functions ---- */

typedef struct Entry {
    const char *name, *signature, *doc, *example;
    int32_t idx; /* rows of one name stay in their order */
} Entry;

typedef struct Entries {
    Entry *items;
    int32_t n, cap;
} Entries;

static void entry_add(Entries *list, Entry entry)
{
    if (list->n == list->cap) {
        list->cap = 2 * list->cap + 256;
        list->items = realloc(list->items, (size_t)list->cap * sizeof(Entry));
        if (!list->items)
            exit(1);
    }
    entry.idx = list->n;
    list->items[list->n++] = entry;
}

static int by_name(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    int order = strcmp(x->name, y->name);
    return order ? order : x->idx - y->idx;
}

static void put_entries(FILE *page, const char *title, Entries *list)
{
    if (list->n > 0)
        qsort(list->items, (size_t)list->n, sizeof(Entry), by_name);
    fprintf(page,
            "## %s\n\n| function | arguments -> result | what | example |\n|---|---|---|---|\n",
            title);
    for (int32_t i = 0; i < list->n; i++) {
        const Entry *entry = &list->items[i];
        fputs("| ", page);
        put_code(page, entry->name);
        fputs(" | ", page);
        put_code(page, entry->signature);
        fputs(" | ", page);
        put_cell(page, entry->doc);
        fputs(" | ", page);
        put_code(page, entry->example);
        fputs(" |\n", page);
    }
    fputs("\n", page);
    free(list->items);
    *list = (Entries){0};
}

static void put_functions(const char *folder)
{
    Entries list = {0};
    FILE *page = page_open(
        folder, "functions", "Functions",
        "A name may have several rows: the first whose arguments fit, with Spark's implicit casts, "
        "is taken.  `?` may be\nleft out, `*` any number of times, `!` no implicit cast; T, U, K "
        "and V stand for one type each.\n");
    for (int32_t t = 0; mr_function_tables[t]; t++)
        for (const MrFunctionDef *def = mr_function_tables[t]; def->name; def++)
            if (!(def->flags & MR_FN_TEST))
                entry_add(&list, (Entry){def->name, def->signature, def->doc, def->example, 0});
    put_entries(page, "Of one row", &list);
    for (int32_t t = 0; mr_aggregate_tables[t]; t++)
        for (const MrAggregateDef *def = mr_aggregate_tables[t]; def->name; def++)
            if (!(def->flags & MR_AGG_TEST))
                entry_add(&list, (Entry){def->name, def->signature, def->doc, def->example, 0});
    put_entries(page, "Aggregates", &list);
    for (const MrWindowDef *def = mr_window_functions; def->name; def++)
        entry_add(&list, (Entry){def->name, def->signature, def->doc, def->example, 0});
    put_entries(page, "Window functions (aggregates take OVER too)", &list);
    for (const MrGeneratorDef *def = mr_generators; def->name; def++)
        entry_add(&list, (Entry){def->name, def->signature, def->doc, NULL, 0});
    put_entries(page, "Generators: several rows out of one", &list);
    page_close(page);
}

/* ---- sources, settings, errors ---- */

static const char *kind_name(MrOptionKind kind)
{
    static const char *const names[] = {[MR_OPT_TEXT] = "text",
                                        [MR_OPT_INT] = "int",
                                        [MR_OPT_BOOL] = "bool",
                                        [MR_OPT_DOUBLE] = "double"};
    return names[kind];
}

/* use: where it stands, when that is not where the others do. */
static void put_source(FILE *page, const MrConnectorType *type, const char *use)
{
    static const struct {
        uint32_t flag;
        const char *text;
    } uses[] = {{MR_CONN_BATCH_READ, "read"},
                {MR_CONN_STREAM_READ, "read as a stream"},
                {MR_CONN_BATCH_WRITE, "written"},
                {MR_CONN_STREAM_WRITE, "written by a stream"}};
    const char *separator = "";
    fprintf(page, "## %s\n\n%s\n%sCan be ", type->name, type->doc ? type->doc : "", use);
    for (size_t u = 0; u < sizeof uses / sizeof *uses; u++)
        if (type->flags & uses[u].flag) {
            fprintf(page, "%s%s", separator, uses[u].text);
            separator = ", ";
        }
    fputs(type->options && type->options->name
              ? ".\n\n| option | kind | default | what |\n|---|---|---|---|\n"
              : ".\n",
          page);
    for (const MrOptionDef *def = type->options; def && def->name; def++) {
        fprintf(page, "| `%s` | %s | ", def->name, kind_name(def->kind));
        if (def->flags & MR_OPT_REQUIRED)
            fputs("must be given", page);
        else
            put_code(page, def->fallback);
        fputs(" | ", page);
        put_cell(page, def->help);
        fputs(" |\n", page);
    }
    fputs("\n", page);
}

static void put_sources(const char *folder)
{
    FILE *page = page_open(folder, "sources", "Sources and sinks",
                           "What stands in `USING name OPTIONS (...)`, in the format of "
                           "mr_session_read(), mr_frame_write() and mr_frame_start(), and, of "
                           "files, in name.`/path`.\n");
    for (int32_t i = 0; mr_connectors[i]; i++)
        put_source(page, mr_connectors[i], "");
    put_source(page, &mr_connector_memory_sink,
               "Not of SQL: the format of mr_frame_start(); SQL reads the table by its name.\n");
    put_source(page, &mr_connector_foreach,
               "Not of SQL, nor a format: the function that is given to mr_frame_start().\n");
    page_close(page);
}

static void put_settings(const char *folder)
{
    FILE *page =
        page_open(folder, "settings", "Settings",
                  "`SET key = value`, `--conf key=value`, mr_session_conf_set().  Other "
                  "keys are kept, and mean nothing; unknown ones that begin with `millrace.` "
                  "are refused.\n");
    fputs("| key | kind | default | what |\n|---|---|---|---|\n", page);
    for (const MrConfDef *def = mr_conf_defs; def->key; def++) {
        fprintf(page, "| `%s` | %s | ", def->key, kind_name(def->kind));
        put_code(page, def->fallback);
        fprintf(page, " | %s", def->is_static ? "At the start only. " : "");
        put_cell(page, def->doc);
        fputs(" |\n", page);
    }
    page_close(page);
}

static void put_errors(const char *folder)
{
    static const char *const statuses[] = {[MR_OK] = "",
                                           [MR_INVALID] = "the query or its data is wrong",
                                           [MR_NO_MEMORY] = "memory",
                                           [MR_IO] = "an outside system: again may help",
                                           [MR_CORRUPT] = "damaged data",
                                           [MR_CANCELED] = "canceled"};
    FILE *page = page_open(
        folder, "errors", "Error conditions",
        "Spark's names and SQLSTATEs.  Those without a sentence are told by their name and their "
        "parameters; some are\nthere for clients only and are not raised yet.\n");
    fputs("| condition | SQLSTATE | kind | parameters | sentence |\n|---|---|---|---|---|\n", page);
    for (int32_t i = 1; i < MR_N_CONDITIONS; i++) {
        const MrConditionDef *def = &mr_conditions[i];
        fprintf(page, "| `%s` | %s | %s | ", def->name, def->sqlstate, statuses[def->status]);
        put_cell(page, def->params);
        fputs(" | ", page);
        put_cell(page, def->text);
        fputs(" |\n", page);
    }
    page_close(page);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fputs("usage: manual FOLDER\n", stderr);
        return 2;
    }
    put_functions(argv[1]);
    put_sources(argv[1]);
    put_settings(argv[1]);
    put_errors(argv[1]);
    return 0;
}
