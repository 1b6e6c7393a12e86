/* show_table.c - rows as Spark's show() prints them: right-aligned when long cells are cut, else
 * left-aligned, control characters as in C, wide characters as two. */
#include "connector/show_table.h"

#define WIDTH_MIN 3

/* The characters that Spark counts as wide. */
static bool is_wide(int32_t code)
{
    static const struct {
        int32_t first, last;
    } ranges[] = {{0x1100, 0x115F}, {0x2E80, 0xA4CF}, {0xAC00, 0xD7A3}, {0xF900, 0xFAFF},
                  {0xFE30, 0xFE4F}, {0xFF00, 0xFF60}, {0xFFE0, 0xFFE6}};
    for (int64_t i = 0; i < MR_COUNT(ranges); i++)
        if (code >= ranges[i].first && code <= ranges[i].last)
            return true;
    return false;
}

static void put_char(MrTextBuilder *out, const char *data, int32_t n_bytes)
{
    static const char escaped[] = "\n\r\t\f\b\v\a", names[] = "nrtfbva";
    const char *found = n_bytes == 1 && *data ? strchr(escaped, *data) : NULL;
    if (found) {
        mr_builder_char(out, '\\');
        mr_builder_char(out, names[found - escaped]);
    } else {
        mr_builder_put(out, data, n_bytes);
    }
}

static MrShowCell make_cell(MrArena *arena, MrText raw, int64_t cut_at)
{
    MrTextBuilder out = {.arena = arena};
    for (int64_t i = 0; i < raw.size_bytes;) {
        int32_t n_bytes;
        mr_utf8_next(raw.data + i, raw.size_bytes - i, &n_bytes);
        put_char(&out, raw.data + i, n_bytes);
        i += n_bytes;
    }
    MrShowCell cell = {.text = mr_builder_text(&out)};
    bool cut = cut_at > 0 && mr_utf8_length(cell.text.data, cell.text.size_bytes) > cut_at;
    int64_t n_keep = !cut ? INT64_MAX : cut_at < 4 ? cut_at : cut_at - 3, at = 0;
    for (int64_t n = 0; n < n_keep && at < cell.text.size_bytes; n++) {
        int32_t n_bytes;
        int32_t code = mr_utf8_next(cell.text.data + at, cell.text.size_bytes - at, &n_bytes);
        cell.width += is_wide(code) ? 2 : 1;
        at += n_bytes;
    }
    cell.text.size_bytes = at;
    if (cut && cut_at >= 4) {
        cell.text = mr_text(mr_arena_printf(arena, "%.*s...", (int)at, cell.text.data));
        cell.width += 3;
    }
    return cell;
}

static void add_cell(MrShowTable *table, MrText raw)
{
    int32_t *width = &table->widths[table->n_cells % table->schema->n_cols];
    MrShowCell cell = make_cell(table->arena, raw, table->cut_at);
    MR_PUSH(table->arena, table->cells, table->n_cells, table->cap_cells, cell);
    *width = cell.width > *width ? cell.width : *width;
}

void mr_show_begin(MrShowTable *table)
{
    int32_t n_cols = table->schema->n_cols;
    table->widths = MR_NEW_N(table->arena, int32_t, n_cols);
    for (int32_t c = 0; c < n_cols; c++) {
        table->widths[c] = WIDTH_MIN;
        add_cell(table, mr_text(table->schema->cols[c].name));
    }
}

void mr_show_add(MrShowTable *table, const MrBatch *batch)
{
    for (int32_t i = 0; i < batch->n_sel; i++) {
        if (table->n_rows == table->n_max) {
            table->more = true;
            return;
        }
        table->n_rows++;
        for (int32_t c = 0; c < table->schema->n_cols; c++) {
            MrTextBuilder text = {.arena = table->arena};
            mr_value_text(batch->cols[c], mr_batch_row(batch, i), MR_TEXT_SHOW, table->settings,
                          &text);
            add_cell(table, mr_builder_text(&text));
        }
    }
}

static void put_rule(const MrShowTable *table, FILE *out)
{
    for (int32_t c = 0; c < table->schema->n_cols; c++) {
        fputc('+', out);
        for (int32_t i = 0; i < table->widths[c]; i++)
            fputc('-', out);
    }
    fputs("+\n", out);
}

static void put_row(const MrShowTable *table, const MrShowCell *cells, FILE *out)
{
    for (int32_t c = 0; c < table->schema->n_cols; c++) {
        int n_pad = table->widths[c] - cells[c].width;
        fprintf(out, "|%*s", table->cut_at > 0 ? n_pad : 0, "");
        fwrite(cells[c].text.data, 1, (size_t)cells[c].text.size_bytes, out);
        fprintf(out, "%*s", table->cut_at > 0 ? 0 : n_pad, "");
    }
    fputs("|\n", out);
}

void mr_show_print(const MrShowTable *table, FILE *out)
{
    int32_t n_cols = table->schema->n_cols;
    put_rule(table, out);
    put_row(table, table->cells, out);
    put_rule(table, out);
    for (int64_t r = 1; r <= table->n_rows; r++)
        put_row(table, table->cells + r * n_cols, out);
    put_rule(table, out);
    if (table->more)
        fprintf(out, "only showing top %lld row%s\n", (long long)table->n_max,
                table->n_max == 1 ? "" : "s");
}
