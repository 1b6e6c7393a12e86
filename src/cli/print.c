/* print.c - rows of a result in the forms that --format names. */
#include "cli/cli_int.h"

#include "base/json.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

static const char *const format_names[MR_N_FORMATS] = {"auto", "table",    "tsv",   "csv",
                                                       "json", "markdown", "arrow", "golden"};

MrFormat mr__format_find(const char *name)
{
    MrFormat format = MR_FORMAT_AUTO;
    while (format < MR_N_FORMATS && strcmp(format_names[format], name) != 0)
        format++;
    return format;
}

/* Rows, and bytes of text, that a boxed table looks at before it fixes the widths. */
#define TABLE_ROWS 10000
#define TABLE_BYTES (1 << 20)
/* Columns of a cell beside others, and of the only one: a plan's lines may be long. */
#define TABLE_CELL_MAX 200
#define TABLE_ONLY_CELL_MAX 1000
/* Columns narrower than that are not made to fit side by side. */
#define TABLE_LEAST_WIDTH 8

MrStatus mr__output_failed(MrError *err)
{
    if (errno == EPIPE) { /* who reads has seen enough: a closed pipe ends quietly */
        *err = (MrError){.sql_idx = -1};
        return MR_CANCELED;
    }
    if (errno == EINTR && mr__interrupted())
        return MR_FAIL(err, MR_COND_OPERATION_CANCELED);
    return MR_FAIL(err, MR_COND_IO_ERROR, "operation", "write", "path", "standard output",
                   "message", strerror(errno));
}

typedef struct Printer {
    MrSession *session;
    const MrSchema *schema;
    FILE *out;
    MrArena arena; /* of one batch, or of the rows of a boxed table that are shown next */
    MrArena kept;  /* of the whole result */
    const MrSettings *settings;
    int32_t columns; /* of the terminal; 0: it is none */
    MrBatch *held;   /* the batch at hand: an arena without room jumps over who prints it */
} Printer;

/* The next batch in held; NULL at the end. */
static MrStatus next_batch(Printer *printer, MrQuery *query, MrError *err)
{
    mr_batch_destroy(printer->held);
    printer->held = NULL;
    return mr_query_next(query, &printer->held, err);
}

static MrText cell_text(Printer *printer, const MrBatch *batch, int32_t row, int32_t col_idx,
                        MrTextStyle style)
{
    MrTextBuilder text = {.arena = &printer->arena};
    mr_value_text(batch->cols[col_idx], row, style, printer->settings, &text);
    return mr_builder_text(&text);
}

static void put_text(const Printer *printer, MrText text)
{
    for (int64_t at = 0, end; at < text.size_bytes && !ferror(printer->out); at = end) {
        end = mr_poll_piece(at, text.size_bytes);
        fwrite(text.data + at, 1, (size_t)(end - at), printer->out);
    }
}

static void tsv_row(Printer *printer, const MrBatch *batch, int32_t row)
{
    for (int32_t c = 0; c < batch->n_cols; c++) {
        if (c > 0)
            fputc('\t', printer->out);
        put_text(printer, cell_text(printer, batch, row, c, MR_TEXT_HIVE));
    }
    fputc('\n', printer->out);
}

static void csv_field(Printer *printer, MrText text, bool is_empty_string)
{
    bool quoted = is_empty_string;
    for (int64_t i = 0; i < text.size_bytes && !quoted; mr_poll_item(i++))
        quoted = strchr(",\"\r\n", text.data[i]) != NULL;
    if (!quoted) {
        put_text(printer, text);
        return;
    }
    fputc('"', printer->out);
    for (int64_t i = 0; i < text.size_bytes; i++) {
        mr_poll_item(i);
        if (text.data[i] == '"')
            fputc('"', printer->out);
        fputc(text.data[i], printer->out);
    }
    fputc('"', printer->out);
}

static void csv_head(Printer *printer)
{
    for (int32_t c = 0; c < printer->schema->n_cols; c++) {
        if (c > 0)
            fputc(',', printer->out);
        csv_field(printer, mr_text(printer->schema->cols[c].name), false);
    }
    fputc('\n', printer->out);
}

static void csv_row(Printer *printer, const MrBatch *batch, int32_t row)
{
    for (int32_t c = 0; c < batch->n_cols; c++) {
        if (c > 0)
            fputc(',', printer->out);
        if (mr_vector_is_null(batch->cols[c], row))
            continue;
        MrText text = cell_text(printer, batch, row, c, MR_TEXT_CAST);
        csv_field(printer, text, text.size_bytes == 0);
    }
    fputc('\n', printer->out);
}

static void json_row(Printer *printer, const MrBatch *batch, int32_t row)
{
    MrTextBuilder text = {.arena = &printer->arena};
    mr_builder_char(&text, '{');
    for (int32_t c = 0; c < batch->n_cols; c++) {
        if (c > 0)
            mr_builder_char(&text, ',');
        mr_json_put_string(&text, mr_text(printer->schema->cols[c].name));
        mr_builder_char(&text, ':');
        if (mr_vector_is_null(batch->cols[c], row))
            mr_builder_str(&text, "null");
        else
            mr_value_text(batch->cols[c], row, MR_TEXT_JSON, printer->settings, &text);
    }
    mr_builder_str(&text, "}\n");
    put_text(printer, mr_builder_text(&text));
}

static void markdown_cell(Printer *printer, MrText text)
{
    fputc(' ', printer->out);
    for (int64_t i = 0; i < text.size_bytes; i++) {
        mr_poll_item(i);
        if (text.data[i] == '|')
            fputc('\\', printer->out);
        fputc(text.data[i] == '\n' ? ' ' : text.data[i], printer->out);
    }
    fputs(" |", printer->out);
}

static void markdown_head(Printer *printer)
{
    fputc('|', printer->out);
    for (int32_t c = 0; c < printer->schema->n_cols; c++)
        markdown_cell(printer, mr_text(printer->schema->cols[c].name));
    fputs("\n|", printer->out);
    for (int32_t c = 0; c < printer->schema->n_cols; c++)
        fputs(mr_type_is_numeric(printer->schema->cols[c].type) ? "---:|" : "---|", printer->out);
    fputc('\n', printer->out);
}

static void markdown_row(Printer *printer, const MrBatch *batch, int32_t row)
{
    fputc('|', printer->out);
    for (int32_t c = 0; c < batch->n_cols; c++)
        markdown_cell(printer, cell_text(printer, batch, row, c, MR_TEXT_CAST));
    fputc('\n', printer->out);
}

/* Columns that a terminal gives to a character; -1: none that it could show. */
static int32_t code_width(int32_t code)
{
    bool is_control =
        code < 0x20 || (code >= 0x7f && code < 0xa0) || code == 0x2028 || code == 0x2029;
    bool turns_text = (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    if (is_control || turns_text)
        return -1;
    int32_t width = wcwidth((wchar_t)code);
    return width < 0 ? 1 : width; /* newer than the system's tables */
}

/* Text as a terminal can show it; width: of its longest line. */
typedef struct TableCell {
    MrText text; /* lines, '\n' between them */
    int32_t width, n_lines;
} TableCell;

/* Controls become blanks, but line ends stay; lines longer than max are cut. */
static TableCell table_cell(Printer *printer, MrText text, int32_t max)
{
    MrTextBuilder out = {.arena = &printer->arena};
    TableCell cell = {.n_lines = 1};
    int32_t width = 0;
    bool is_cut = false;
    for (int64_t i = 0; i < text.size_bytes;) {
        int32_t n_bytes;
        mr_poll_char(i);
        int32_t code = mr_utf8_next(text.data + i, text.size_bytes - i, &n_bytes);
        int32_t code_columns = code < 0 ? 1 : code_width(code);
        if (code == '\n' && i + 1 < text.size_bytes) {
            mr_builder_char(&out, '\n');
            cell.n_lines++;
            width = 0;
            is_cut = false;
        } else if (code == '\n' || is_cut) {
            /* the last line's end; the rest of a long line */
        } else if (width + code_columns > max) {
            mr_builder_str(&out, "...");
            width += 3;
            is_cut = true;
        } else if (code_columns < 0) {
            mr_builder_char(&out, ' ');
            width++;
        } else {
            if (code < 0)
                mr_builder_str(&out, "\xEF\xBF\xBD");
            else
                mr_builder_put(&out, text.data + i, n_bytes);
            width += code_columns;
        }
        if (width > cell.width)
            cell.width = width;
        i += n_bytes;
    }
    cell.text = mr_builder_text(&out);
    return cell;
}

static int32_t text_width(MrText text)
{
    int32_t width = 0, n_bytes;
    for (int64_t i = 0; i < text.size_bytes; i += n_bytes) {
        int32_t code = mr_utf8_next(text.data + i, text.size_bytes - i, &n_bytes);
        int32_t columns = code < 0 ? 1 : code_width(code);
        width += columns < 0 ? 1 : columns;
    }
    return width;
}

/* Takes the next line off text, or of a longer one what fits into width. */
static MrText line_take(MrText *text, int32_t width)
{
    const char *end =
        text->size_bytes > 0 ? memchr(text->data, '\n', (size_t)text->size_bytes) : NULL;
    MrText line = {text->data, end ? end - text->data : text->size_bytes};
    int64_t taken = line.size_bytes + (end != NULL), at = 0;
    int32_t n_bytes, used = 0;
    for (; line.size_bytes > width && at < line.size_bytes; at += n_bytes) {
        int32_t code = mr_utf8_next(line.data + at, line.size_bytes - at, &n_bytes);
        int32_t columns = code < 0 ? 1 : code_width(code);
        used += columns < 0 ? 1 : columns;
        if (used > width && at > 0) {
            line.size_bytes = taken = at;
            break;
        }
    }
    *text = (MrText){text->data + taken, text->size_bytes - taken};
    return line;
}

/* Lines of a cell in a column of this width. */
static int32_t cell_lines(const TableCell *cell, int32_t width)
{
    int32_t n_lines = 0;
    MrText text = cell->text;
    if (cell->width <= width)
        return cell->n_lines;
    for (; text.size_bytes > 0; n_lines++)
        (void)line_take(&text, width);
    return n_lines > cell->n_lines ? n_lines : cell->n_lines;
}

static void table_rule(const Printer *printer, const int32_t *widths)
{
    for (int32_t c = 0; c < printer->schema->n_cols; c++) {
        fputc('+', printer->out);
        for (int32_t i = 0; i < widths[c] + 2; i++)
            fputc('-', printer->out);
    }
    fputs("+\n", printer->out);
}

/* The lines of a row; takes the cells' texts apart. */
static void table_row(const Printer *printer, const int32_t *widths, TableCell *cells, bool head)
{
    int32_t n_lines = 1;
    for (int32_t c = 0; c < printer->schema->n_cols; c++) {
        int32_t n = cell_lines(&cells[c], widths[c]);
        n_lines = n > n_lines ? n : n_lines;
    }
    for (int32_t l = 0; l < n_lines && !ferror(printer->out); l++) {
        mr_poll();
        for (int32_t c = 0; c < printer->schema->n_cols; c++) {
            bool right = !head && mr_type_is_numeric(printer->schema->cols[c].type);
            MrText line = line_take(&cells[c].text, widths[c]);
            int32_t gap = widths[c] - text_width(line);
            gap = gap > 0 ? gap : 0; /* a wide character in a column of one */
            fprintf(printer->out, "| %*s", right ? gap : 0, "");
            put_text(printer, line);
            fprintf(printer->out, "%*s ", right ? 0 : gap, "");
        }
        fputs("|\n", printer->out);
    }
}

/* Makes the widest columns narrower until all fit side by side.  False: they would be too narrow to
 * be read. */
static bool fit_columns(const Printer *printer, int32_t *widths)
{
    int32_t n_cols = printer->schema->n_cols, limit = 0;
    int64_t room = printer->columns - 1 - 3 * (int64_t)n_cols, sum = 0;
    for (int32_t c = 0; c < n_cols; c++) {
        sum += widths[c];
        limit = widths[c] > limit ? widths[c] : limit;
    }
    int32_t least = n_cols == 1 ? 1 : TABLE_LEAST_WIDTH;
    while (sum > room && limit > least) {
        limit--;
        sum = 0;
        for (int32_t c = 0; c < n_cols; c++)
            sum += widths[c] < limit ? widths[c] : limit;
    }
    for (int32_t c = 0; c < n_cols; c++)
        widths[c] = widths[c] < limit ? widths[c] : limit;
    return sum <= room || n_cols == 1;
}

typedef struct Table {
    TableCell *head;
    int32_t *widths;
    int64_t n_rows; /* printed so far */
    bool is_begun;
    bool is_records; /* a column a line, as they do not fit side by side */
} Table;

/* A row as lines of a name and a value. */
static void table_record(const Printer *printer, const Table *table, TableCell *cells, int64_t row)
{
    char title[60];
    int32_t name_width = 1, columns = printer->columns;
    for (int32_t c = 0; c < printer->schema->n_cols; c++)
        name_width = table->head[c].width > name_width ? table->head[c].width : name_width;
    if (name_width > columns * 2 / 5)
        name_width = columns * 2 / 5 > 1 ? columns * 2 / 5 : 1;
    int32_t value_width = columns - name_width - 3 > 1 ? columns - name_width - 3 : 1;
    int n = snprintf(title, sizeof title, "-[ row %lld ]", (long long)row);
    fprintf(printer->out, "%.*s", columns, title);
    for (; n < columns; n++)
        fputc('-', printer->out);
    fputc('\n', printer->out);
    for (int32_t c = 0; c < printer->schema->n_cols && !ferror(printer->out); c++) {
        MrText name = table->head[c].text;
        int32_t n_names = cell_lines(&table->head[c], name_width);
        int32_t n_lines = cell_lines(&cells[c], value_width);
        for (int32_t l = 0; l < n_names || l < n_lines; l++) {
            mr_poll();
            MrText part = line_take(&name, name_width);
            put_text(printer, part);
            int32_t gap = name_width - text_width(part);
            fprintf(printer->out, "%*s | ", gap > 0 ? gap : 0, "");
            put_text(printer, line_take(&cells[c].text, value_width));
            fputc('\n', printer->out);
        }
    }
}

/* Prints the cells gathered so far; the first time with the head.  On a terminal that fixes the
 * widths: later cells that are wider go on in the next line. */
static void table_flush(const Printer *printer, Table *table, TableCell *cells, int64_t n_rows)
{
    int32_t n_cols = printer->schema->n_cols, *widths = table->widths;
    if (!table->is_begun || printer->columns == 0)
        for (int64_t i = 0; i < n_rows * n_cols; i++)
            if (cells[i].width > widths[i % n_cols])
                widths[i % n_cols] = cells[i].width;
    if (!table->is_begun) {
        table->is_records = printer->columns > 0 && !fit_columns(printer, widths);
        if (!table->is_records) {
            table_rule(printer, widths);
            table_row(printer, widths, table->head, true);
            table_rule(printer, widths);
        }
        table->is_begun = true;
    }
    for (int64_t r = 0; r < n_rows; r++) {
        table->n_rows++;
        if (table->is_records)
            table_record(printer, table, cells + r * n_cols, table->n_rows);
        else
            table_row(printer, widths, cells + r * n_cols, false);
    }
}

/* Columns of the terminal that a file is; 0: it is none. */
static int32_t terminal_columns(FILE *file)
{
    struct winsize size = {0};
    bool is_known = isatty(fileno(file)) && ioctl(fileno(file), TIOCGWINSZ, &size) == 0;
    return is_known ? size.ws_col : 0;
}

static MrStatus print_table(Printer *printer, MrQuery *query, MrError *err)
{
    int32_t n_cols = printer->schema->n_cols;
    Table table = {.head = MR_NEW_N(&printer->kept, TableCell, n_cols),
                   .widths = MR_NEW_N(&printer->kept, int32_t, n_cols)};
    TableCell *cells = NULL;
    int64_t n_cells = 0, cap_cells = 0, n_bytes = 0;
    int32_t max = n_cols == 1 ? TABLE_ONLY_CELL_MAX : TABLE_CELL_MAX;
    printer->columns = terminal_columns(printer->out);
    for (int32_t c = 0; c < n_cols; c++) {
        table.head[c] = table_cell(printer, mr_text(printer->schema->cols[c].name), max);
        table.head[c].text = mr_text_own(&printer->kept, table.head[c].text);
        table.widths[c] = table.head[c].width;
    }
    for (;;) {
        MR_TRY(next_batch(printer, query, err));
        const MrBatch *batch = printer->held;
        if (!batch)
            break;
        for (int32_t i = 0; i < batch->n_sel; i++)
            for (int32_t c = 0; c < n_cols; c++) {
                mr_poll();
                MrText text = cell_text(printer, batch, mr_batch_row(batch, i), c, MR_TEXT_HIVE);
                TableCell cell = table_cell(printer, text, max);
                n_bytes += cell.text.size_bytes;
                MR_PUSH(&printer->arena, cells, n_cells, cap_cells, cell);
            }
        if (n_cells >= (int64_t)TABLE_ROWS * n_cols || n_bytes >= TABLE_BYTES) {
            table_flush(printer, &table, cells, n_cells / n_cols);
            cells = NULL;
            n_cells = cap_cells = n_bytes = 0;
            mr_arena_reset(&printer->arena);
            if (ferror(printer->out))
                return mr__output_failed(err);
        }
    }
    table_flush(printer, &table, cells, n_cells / (n_cols ? n_cols : 1));
    if (!table.is_records)
        table_rule(printer, table.widths);
    fprintf(printer->out, "%lld row%s\n", (long long)table.n_rows, table.n_rows == 1 ? "" : "s");
    return ferror(printer->out) ? mr__output_failed(err) : MR_OK;
}

/* One JSON object with the schema and Hive result strings, as the conformance tests want it. */
static MrStatus print_golden(Printer *printer, MrQuery *query, MrError *err)
{
    MrTextBuilder out = {.arena = &printer->arena};
    MrType type = *MR_T(STRUCT);
    type.n_fields = printer->schema->n_cols;
    type.fields = printer->schema->cols;
    mr_builder_str(&out, "{\"schema\": ");
    mr_json_put_string(&out, mr_text(mr_type_catalog_text(&printer->arena, &type)));
    mr_builder_str(&out, ", \"rows\": [");
    int64_t n_rows = 0;
    bool pads = mr_query_is_describe(query);
    for (;;) {
        MR_TRY(next_batch(printer, query, err));
        const MrBatch *batch = printer->held;
        if (!batch)
            break;
        for (int32_t i = 0; i < batch->n_sel; i++) {
            MrTextBuilder row = {.arena = &printer->arena};
            for (int32_t c = 0; c < batch->n_cols; c++) {
                int64_t from = row.size_bytes + (c > 0);
                if (c > 0)
                    mr_builder_char(&row, '\t');
                if (!pads || !mr_vector_is_null(batch->cols[c], mr_batch_row(batch, i)))
                    mr_value_text(batch->cols[c], mr_batch_row(batch, i), MR_TEXT_HIVE,
                                  printer->settings, &row);
                while (pads && row.size_bytes - from < 20)
                    mr_builder_char(&row, ' ');
            }
            mr_builder_str(&out, n_rows++ > 0 ? ", " : "");
            mr_json_put_string(&out, mr_builder_text(&row));
        }
    }
    mr_builder_printf(&out, "], \"ordered\": %s}\n", mr_query_is_ordered(query) ? "true" : "false");
    put_text(printer, mr_builder_text(&out));
    return MR_OK;
}

/* Writes what the buffer holds and empties it. */
static MrStatus flush_bytes(Printer *printer, MrBuffer *bytes, MrError *err)
{
    for (int64_t at = 0; at < bytes->size_bytes; at += MR_POLL_BYTES) {
        int64_t left = bytes->size_bytes - at;
        size_t n = (size_t)(left < MR_POLL_BYTES ? left : MR_POLL_BYTES);
        if (mr__interrupted())
            return MR_FAIL(err, MR_COND_OPERATION_CANCELED);
        if (fwrite(bytes->data + at, 1, n, printer->out) != n)
            return mr__output_failed(err);
    }
    bytes->size_bytes = 0;
    return MR_OK;
}

static MrStatus arrow_batches(Printer *printer, MrQuery *query, const struct ArrowSchema *schema,
                              MrBuffer *bytes, MrError *err)
{
    MR_TRY(mr_arrow_ipc_schema(schema, bytes, err));
    for (;;) {
        MR_TRY(flush_bytes(printer, bytes, err));
        MR_TRY(next_batch(printer, query, err));
        if (!printer->held)
            break;
        struct ArrowArray array = {0};
        MrStatus status =
            mr_arrow_export_batch(&(MrArrowOwner){.budget = mr_session_budget(printer->session)},
                                  printer->schema, printer->held, &array, err);
        MR_TRY(status);
        status = mr_arrow_ipc_batch(schema, &array, bytes, err);
        array.release(&array);
        MR_TRY(status);
    }
    MR_TRY(mr_arrow_ipc_end(bytes, err));
    return flush_bytes(printer, bytes, err);
}

/* An Arrow IPC stream. */
static MrStatus print_arrow(Printer *printer, MrQuery *query, MrError *err)
{
    MrBudget *budget = mr_session_budget(printer->session);
    struct ArrowSchema schema = {0};
    MrBuffer bytes;
    MR_TRY(
        mr_arrow_export_schema(&(MrArrowOwner){.budget = budget}, printer->schema, &schema, err));
    mr_buffer_init(&bytes, budget, INT64_MAX);
    MrStatus status = arrow_batches(printer, query, &schema, &bytes, err);
    mr_buffer_deinit(&bytes);
    schema.release(&schema);
    return status;
}

static MrStatus print_rows(Printer *printer, MrQuery *query, MrFormat format, MrError *err)
{
    static void (*const heads[MR_N_FORMATS])(Printer *) = {
        [MR_FORMAT_CSV] = csv_head, [MR_FORMAT_MARKDOWN] = markdown_head};
    static void (*const rows[MR_N_FORMATS])(Printer *, const MrBatch *,
                                            int32_t) = {[MR_FORMAT_TSV] = tsv_row,
                                                        [MR_FORMAT_CSV] = csv_row,
                                                        [MR_FORMAT_JSON] = json_row,
                                                        [MR_FORMAT_MARKDOWN] = markdown_row};
    if (heads[format])
        heads[format](printer);
    for (;;) {
        MR_TRY(next_batch(printer, query, err));
        const MrBatch *batch = printer->held;
        if (!batch)
            return MR_OK;
        for (int32_t i = 0; i < batch->n_sel; i++) {
            mr_poll();
            rows[format](printer, batch, mr_batch_row(batch, i));
            if ((i & 255) == 255)
                mr_arena_reset(&printer->arena);
        }
        mr_arena_reset(&printer->arena);
        if (ferror(printer->out))
            return mr__output_failed(err);
    }
}

/* What the answer lacks, or has as NULLs. */
static void print_losses(const MrQuery *query)
{
    char lost[MR_LOSSES_TEXT_BYTES];
    if (mr_losses_text(mr_query_losses(query), lost)[0])
        fprintf(stderr, "note: %s\n", lost + 2);
}

MrStatus mr__print_query(MrSession *session, MrQuery *query, MrFormat format, FILE *out,
                         MrError *err)
{
    MrStatus status;
    Printer printer = {.session = session,
                       .schema = mr_query_schema(query),
                       .out = out,
                       .settings = mr_session_settings(session)};
    if (format == MR_FORMAT_AUTO)
        format = isatty(fileno(out)) ? MR_FORMAT_TABLE : MR_FORMAT_TSV;
    if (printer.schema->n_cols == 0 && format != MR_FORMAT_GOLDEN) {
        print_losses(query);
        return MR_OK; /* a command without a result */
    }
    if (format == MR_FORMAT_ARROW && isatty(fileno(out)))
        return MR_FAIL_UNSUPPORTED(err, "Arrow's bytes on a terminal; redirect them");
    mr_arena_init(&printer.arena, mr_session_budget(session));
    mr_arena_init(&printer.kept, mr_session_budget(session));
    MR_GUARD_BEGIN(status, err)
        mr_guard_watch(mr_session_canceled(session));
        if (format == MR_FORMAT_TABLE)
            status = print_table(&printer, query, err);
        else if (format == MR_FORMAT_GOLDEN)
            status = print_golden(&printer, query, err);
        else if (format == MR_FORMAT_ARROW)
            status = print_arrow(&printer, query, err);
        else
            status = print_rows(&printer, query, format, err);
    MR_GUARD_END(status)
    mr_batch_destroy(printer.held);
    mr_arena_deinit(&printer.kept);
    mr_arena_deinit(&printer.arena);
    if (format != MR_FORMAT_GOLDEN)
        print_losses(query);
    return status;
}

/* Line, from 1, of a byte of the text, and where in the line it is. */
static int32_t find_line(MrText sql, int32_t idx, MrText *line, int64_t *at)
{
    int64_t begin = 0;
    int32_t n = 1;
    for (int64_t i = 0; i < idx; i++)
        if (sql.data[i] == '\n') {
            n++;
            begin = i + 1;
        }
    MrText rest = {sql.data + begin, sql.size_bytes - begin};
    *line = line_take(&rest, INT32_MAX);
    *at = idx - begin;
    return n;
}

static void put_plain(MrText text)
{
    int32_t n_bytes;
    for (int64_t i = 0; i < text.size_bytes; i += n_bytes) {
        int32_t code = mr_utf8_next(text.data + i, text.size_bytes - i, &n_bytes);
        if (code < 0)
            fputs("\xEF\xBF\xBD", stderr);
        else if (code_width(code) < 0)
            fputc(' ', stderr);
        else
            fwrite(text.data + i, 1, (size_t)n_bytes, stderr);
    }
}

void mr__say(const char *format, ...)
{
    char line[8192];
    va_list args;
    va_start(args, format);
    vsnprintf(line, sizeof line, format, args);
    va_end(args);
    MrText left = mr_text(line);
    do {
        put_plain(line_take(&left, INT32_MAX));
        fputc('\n', stderr);
    } while (left.size_bytes > 0);
}

#define SHOWN_MOST 100 /* bytes of a line before the place that an error names, and after it */

void mr__print_error(const MrError *err, MrText sql, const char *file)
{
    char message[4096];
    mr_error_message(err, message, (int64_t)sizeof message);
    mr__say("%s", message);
    if (err->sql_idx < 0 || err->sql_idx > sql.size_bytes || sql.size_bytes == 0) {
        if (file)
            mr__say("in %s", file);
        return;
    }
    MrText text;
    int64_t at;
    int32_t line = find_line(sql, err->sql_idx, &text, &at);
    int32_t columns = terminal_columns(stderr);
    int64_t most = columns > 0 && columns < 2 * SHOWN_MOST + 8 ? (columns - 8) / 2 : SHOWN_MOST;
    most = most < 4 ? 4 : most;
    int64_t from = at > most ? at - most : 0;
    int64_t to = text.size_bytes - at > most ? at + most : text.size_bytes;
    while (from > 0 && from < at &&
           ((uint8_t)text.data[from] & 0xc0) == 0x80) /* whole characters */
        from++;
    while (to < text.size_bytes && ((uint8_t)text.data[to] & 0xc0) == 0x80)
        to++;
    mr__say("%s%sline %d, column %d:", file ? file : "", file ? ", " : "", line,
            (int)mr_utf8_length(text.data, at) + 1);
    fprintf(stderr, "  %s", from > 0 ? "..." : "");
    put_plain((MrText){text.data + from, to - from});
    fprintf(stderr, "%s\n  %*s^\n", to < text.size_bytes ? "..." : "",
            text_width((MrText){text.data + from, at - from}) + (from > 0 ? 3 : 0), "");
}
