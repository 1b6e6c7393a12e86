/* text.c - expressions as Spark prints them in column names and EXPLAIN.
 *
 * The binder keeps the text of what the user wrote; this is for what rules have made. */
#include "expr/expr.h"

typedef struct ExprText {
    MrTextBuilder *out;
    const MrSettings *settings;
    bool structure; /* what is computed, whatever it is called: SQL functions by their bodies */
} ExprText;

static void text_put(const ExprText *text, const MrExpr *expr);

static void args_put(const ExprText *text, MrExpr *const *args, int32_t n, const char *between)
{
    MrTextBuilder *out = text->out;
    for (int32_t i = 0; i < n; i++) {
        if (i)
            mr_builder_str(out, between);
        text_put(text, args[i]);
    }
}

static bool is_operator(const char *name)
{
    return !((name[0] >= 'a' && name[0] <= 'z') || name[0] == '_');
}

static void call_put(const ExprText *text, const MrExpr *expr)
{
    MrTextBuilder *out = text->out;
    const MrFunctionDef *def = expr->bound->def;
    if (!def || strcmp(def->name, "cast") == 0 || strcmp(def->name, "try_cast") == 0) {
        mr_builder_str(out, def && def->name[0] == 't' ? "TRY_CAST(" : "CAST(");
        args_put(text, expr->args, expr->n_args, ", ");
        mr_builder_printf(out, " AS %s)", mr_type_sql_text(out->arena, expr->type));
        return;
    }
    const char *name = def->name;
    if (is_operator(name) && expr->n_args == 2) {
        mr_builder_str(out, "(");
        text_put(text, expr->args[0]);
        mr_builder_printf(out, " %s ", strcmp(name, "==") == 0 ? "=" : name);
        text_put(text, expr->args[1]);
        mr_builder_str(out, ")");
    } else if (is_operator(name) && expr->n_args == 1) {
        mr_builder_printf(out, strcmp(name, "!") == 0 ? "(NOT " : "(%s ", name);
        text_put(text, expr->args[0]);
        mr_builder_str(out, ")");
    } else if (strcmp(name, "not") == 0) {
        mr_builder_str(out, "(NOT ");
        text_put(text, expr->args[0]);
        mr_builder_str(out, ")");
    } else if (strcmp(name, "isnull") == 0 || strcmp(name, "isnotnull") == 0) {
        mr_builder_str(out, "(");
        text_put(text, expr->args[0]);
        mr_builder_str(out, name[2] == 'n' && name[3] == 'u' ? " IS NULL)" : " IS NOT NULL)");
    } else if (strcmp(name, "in") == 0) {
        mr_builder_str(out, "(");
        text_put(text, expr->args[0]);
        mr_builder_str(out, " IN (");
        args_put(text, expr->args + 1, expr->n_args - 1, ", ");
        mr_builder_str(out, "))");
    } else {
        mr_builder_printf(out, "%s(", name);
        args_put(text, expr->args, expr->n_args, ", ");
        mr_builder_str(out, ")");
    }
}

static void keys_put(const ExprText *text, const MrSortKey *keys, int32_t n)
{
    MrTextBuilder *out = text->out;
    for (int32_t i = 0; i < n; i++) {
        if (i)
            mr_builder_str(out, ", ");
        text_put(text, keys[i].expr);
        mr_builder_printf(out, " %s NULLS %s", keys[i].spec.descending ? "DESC" : "ASC",
                          keys[i].spec.nulls_first ? "FIRST" : "LAST");
    }
}

static void edge_put(const ExprText *text, MrFrameEdge edge, const MrExpr *offset,
                     const char *unbounded)
{
    MrTextBuilder *out = text->out;
    if (edge == MR_FRAME_UNBOUNDED)
        mr_builder_printf(out, "UNBOUNDED %s", unbounded);
    else if (edge == MR_FRAME_CURRENT)
        mr_builder_str(out, "CURRENT ROW");
    else {
        text_put(text, offset);
        mr_builder_str(out, " FOLLOWING");
    }
}

static void window_put(const ExprText *text, const MrExpr *expr)
{
    MrTextBuilder *out = text->out;
    static const char *const names[] = {"row_number",  "rank",       "dense_rank", "percent_rank",
                                        "cume_dist",   "ntile",      "lag",        "lead",
                                        "first_value", "last_value", "nth_value"};
    mr_builder_printf(out, "%s(%s",
                      expr->window.kind == MR_WINDOW_AGGREGATE ? expr->window.agg->def->name
                                                               : names[expr->window.kind],
                      expr->window.distinct ? "DISTINCT " : "");
    args_put(text, expr->args, expr->n_args, ", ");
    mr_builder_str(out, ") OVER (");
    if (expr->window.n_partition) {
        mr_builder_str(out, "PARTITION BY ");
        args_put(text, expr->window.partition, expr->window.n_partition, ", ");
        mr_builder_str(out, " ");
    }
    if (expr->window.n_order) {
        mr_builder_str(out, "ORDER BY ");
        keys_put(text, expr->window.order, expr->window.n_order);
        mr_builder_str(out, " ");
    }
    mr_builder_printf(out, "%s BETWEEN ", expr->window.frame.rows ? "ROWS" : "RANGE");
    edge_put(text, expr->window.frame.from_edge, expr->window.frame.from, "PRECEDING");
    mr_builder_str(out, " AND ");
    edge_put(text, expr->window.frame.to_edge, expr->window.frame.to, "FOLLOWING");
    mr_builder_str(out, ")");
}

static void text_put(const ExprText *text, const MrExpr *expr)
{
    MrTextBuilder *out = text->out;
    if (expr->sql && !text->structure) {
        mr_builder_str(out, expr->sql);
        return;
    }
    switch (expr->kind) {
    case MR_EXPR_LITERAL:
        mr_value_text(expr->literal, 0, MR_TEXT_SQL, text->settings, out);
        break;
    case MR_EXPR_COLUMN:
    case MR_EXPR_LAMBDA_PARAM:
        mr_builder_str(out, expr->column.name ? expr->column.name : "?");
        break;
    case MR_EXPR_OUTER:
        mr_builder_printf(out, "outer(%s)", expr->column.name ? expr->column.name : "?");
        break;
    case MR_EXPR_CALL:
        call_put(text, expr);
        break;
    case MR_EXPR_AND:
    case MR_EXPR_OR:
        for (int32_t i = 1; i < expr->n_args; i++)
            mr_builder_str(out, "(");
        text_put(text, expr->args[0]);
        for (int32_t i = 1; i < expr->n_args; i++) {
            mr_builder_str(out, expr->kind == MR_EXPR_AND ? " AND " : " OR ");
            text_put(text, expr->args[i]);
            mr_builder_str(out, ")");
        }
        break;
    case MR_EXPR_CASE:
        mr_builder_str(out, "CASE");
        for (int32_t i = 0; i + 1 < expr->n_args; i += 2) {
            mr_builder_str(out, " WHEN ");
            text_put(text, expr->args[i]);
            mr_builder_str(out, " THEN ");
            text_put(text, expr->args[i + 1]);
        }
        if (expr->n_args % 2) {
            mr_builder_str(out, " ELSE ");
            text_put(text, expr->args[expr->n_args - 1]);
        }
        mr_builder_str(out, " END");
        break;
    case MR_EXPR_COALESCE:
        mr_builder_str(out, "coalesce(");
        args_put(text, expr->args, expr->n_args, ", ");
        mr_builder_str(out, ")");
        break;
    case MR_EXPR_LAMBDA:
        mr_builder_str(out, "lambdafunction(");
        args_put(text, expr->args, expr->n_args, ", ");
        mr_builder_str(out, ")");
        break;
    case MR_EXPR_AGGREGATE:
        mr_builder_printf(out, "%s(%s", expr->aggregate.agg->def->name,
                          expr->aggregate.distinct ? "DISTINCT " : "");
        args_put(text, expr->args, expr->n_args, ", ");
        mr_builder_str(out, ")");
        if (expr->aggregate.n_order) {
            mr_builder_str(out, " WITHIN GROUP (ORDER BY ");
            keys_put(text, expr->aggregate.order, expr->aggregate.n_order);
            mr_builder_str(out, ")");
        }
        if (expr->aggregate.filter) {
            mr_builder_str(out, " FILTER (WHERE ");
            text_put(text, expr->aggregate.filter);
            mr_builder_str(out, ")");
        }
        break;
    case MR_EXPR_WINDOW:
        window_put(text, expr);
        break;
    case MR_EXPR_SCALAR_QUERY:
        mr_builder_str(out, "scalarsubquery()");
        break;
    case MR_EXPR_EXISTS:
        mr_builder_str(out, "exists()");
        break;
    case MR_EXPR_IN_QUERY:
        mr_builder_str(out, "(");
        args_put(text, expr->args, expr->n_args, ", ");
        mr_builder_str(out, " IN (listquery()))");
        break;
    }
}

const char *mr_expr_text(MrArena *arena, const MrSettings *settings, const MrExpr *expr)
{
    if (expr->sql)
        return expr->sql;
    MrTextBuilder out = {.arena = arena};
    text_put(&(ExprText){&out, settings, false}, expr);
    return mr_builder_text(&out).data;
}

const char *mr_expr_structure(MrArena *arena, const MrSettings *settings, const MrExpr *expr)
{
    MrTextBuilder out = {.arena = arena};
    text_put(&(ExprText){&out, settings, true}, expr);
    return mr_builder_text(&out).data;
}
