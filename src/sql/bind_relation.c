/* bind_relation.c - FROM: tables, views, CTEs, VALUES, table functions, joins, lateral views,
 * samples. */
#include "sql/bind_int.h"

/* ---------------------------------------------------------------- relations in general */

void mr__rel_from_plan(Binder *b, MrPlan *plan, const char *const *qual, int32_t n_qual, Rel *out)
{
    out->plan = plan;
    out->n_cols = plan->n_cols;
    out->cols = MR_NEW_N(b->arena, ScopeCol, plan->n_cols + 1);
    for (int32_t i = 0; i < plan->n_cols; i++)
        out->cols[i] = (ScopeCol){.col = plan->cols[i], .qual = qual, .n_qual = n_qual};
}

const char *mr__names_list(Binder *b, const char *const *names, int32_t n)
{
    MrTextBuilder out = {.arena = b->arena};
    for (int32_t i = 0; i < n; i++)
        mr_builder_printf(&out, "%s%s", i ? ", " : "", names[i]);
    return mr_builder_text(&out).data;
}

static const char *const *qual_one(Binder *b, const char *name)
{
    const char **qual = MR_NEW_N(b->arena, const char *, 1);
    qual[0] = name;
    return qual;
}

/* t(a, b): another qualifier, other names.  The columns of a USING join keep what they mean. */
static MrStatus alias_apply(Binder *b, const MrSqlRelation *ast, Rel *rel)
{
    if (!ast->alias)
        return MR_OK;
    const char *const *qual = qual_one(b, ast->alias);
    int32_t n = 0;
    ScopeCol *cols = MR_NEW_N(b->arena, ScopeCol, rel->n_cols + 1);
    for (int32_t i = 0; i < rel->n_cols; i++) {
        if (rel->cols[i].hidden)
            continue;
        cols[n] = rel->cols[i];
        cols[n].qual = qual;
        cols[n].n_qual = 1;
        n++;
    }
    if (ast->n_columns > 0) {
        if (ast->n_columns != n)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_ASSIGNMENT_ARITY_MISMATCH, "numTarget",
                                  mr_arena_printf(b->arena, "%d", ast->n_columns), "numExpr",
                                  mr_arena_printf(b->arena, "%d", n)));
        for (int32_t i = 0; i < n; i++)
            cols[i].col.name = ast->columns[i];
    }
    rel->cols = cols;
    rel->n_cols = n;
    return MR_OK;
}

/* Puts the columns as they are named into the plan: a projection when names or meanings differ. */
MrPlan *mr__rel_project(Binder *b, const Rel *rel)
{
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, rel->n_cols + 1);
    int32_t n = 0;
    bool same = true;
    for (int32_t i = 0; i < rel->n_cols; i++) {
        const ScopeCol *col = &rel->cols[i];
        if (col->hidden)
            continue;
        exprs[n].column = col->col;
        exprs[n].expr = col->expr ? col->expr : mr_plan_column_expr(b->planner, &col->col);
        if (col->expr)
            exprs[n].column.id = mr_planner_id(b->planner);
        same = same && !col->expr && n < rel->plan->n_cols &&
               rel->plan->cols[n].id == col->col.id &&
               strcmp(rel->plan->cols[n].name, col->col.name) == 0;
        n++;
    }
    return same && n == rel->plan->n_cols ? rel->plan
                                          : mr_plan_project(b->planner, rel->plan, exprs, n);
}

/* ---------------------------------------------------------------- tables */

/* The declared columns in the order of the source, which puts partition columns last, when these
 * are the same by their names; else as they are. */
static const MrSchema *source_order(Binder *b, const MrSchema *has, const MrSchema *declared)
{
    MrSchema *out = MR_NEW(b->arena, MrSchema);
    MrField *cols = MR_NEW_N(b->arena, MrField, declared->n_cols + 1);
    *out = (MrSchema){declared->n_cols, cols};
    if (has->n_cols != declared->n_cols)
        return declared;
    for (int32_t i = 0; i < has->n_cols; i++) {
        int32_t at = i;
        if (strcmp(has->cols[i].name, declared->cols[i].name) != 0)
            for (at = 0; at < has->n_cols; at++)
                if (strcmp(has->cols[i].name, declared->cols[at].name) == 0)
                    break;
        if (at == has->n_cols)
            return declared;
        cols[i] = declared->cols[at];
    }
    return out;
}

static MrStatus source_bind(Binder *b, const char *name, const MrConnectorType *type,
                            const MrOptions *options, MrSource *source, const MrSchema *schema,
                            const char *const *qual, int32_t n_qual, bool streaming, Rel *out)
{
    const MrSchema *use = schema ? source_order(b, &source->schema, schema) : &source->schema;
    MrPlan *plan = MR_NEW(b->arena, MrPlan);
    MrColumn *cols = MR_NEW_N(b->arena, MrColumn, use->n_cols + 1);
    int32_t *source_cols = MR_NEW_N(b->arena, int32_t, use->n_cols + 1);
    bool differs = false;
    for (int32_t i = 0; i < use->n_cols; i++) {
        const MrField *field = &use->cols[i];
        bool is_there = i < source->schema.n_cols;
        const MrType *has = is_there ? source->schema.cols[i].type : field->type;
        /* NOT NULL is kept by those who write here; files may hold what others wrote. */
        bool nullable = field->nullable || (is_there && source->schema.cols[i].nullable);
        cols[i] = (MrColumn){mr_planner_id(b->planner), field->name, has, nullable};
        source_cols[i] = i;
        differs = differs || !mr_type_same_data(has, field->type);
    }
    plan->kind = MR_PLAN_SCAN;
    plan->n_cols = use->n_cols;
    plan->cols = cols;
    plan->rows_estimate = -1;
    plan->streaming = streaming;
    plan->scan.name = name;
    plan->scan.type = type;
    plan->scan.options = *options;
    plan->scan.source = source;
    plan->scan.source_cols = source_cols;
    plan->scan.limit = INT64_MAX;
    plan->scan.streaming = streaming;
    if (differs) {
        MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, use->n_cols + 1);
        for (int32_t i = 0; i < use->n_cols; i++) {
            exprs[i] = mr_plan_pass(b->planner, &cols[i]);
            if (mr_type_same_data(cols[i].type, use->cols[i].type))
                continue;
            exprs[i].column.id = mr_planner_id(b->planner);
            exprs[i].column.type = use->cols[i].type;
            MR_TRY(mr__cast(b, exprs[i].expr, use->cols[i].type, &exprs[i].expr));
        }
        plan = mr_plan_project(b->planner, plan, exprs, use->n_cols);
    }
    mr__rel_from_plan(b, plan, qual, n_qual, out);
    return MR_OK;
}

static MrStatus view_fail_column(Binder *b, const MrBindRelation *view, const char *name,
                                 const MrType *from, const MrType *to)
{
    return MR_FAIL(
        b->err, MR_COND_CANNOT_UP_CAST_DATATYPE, "expression",
        mr_arena_printf(b->arena, "%s.%s", mr__name_dotted(b, view->parts, view->n_parts), name),
        "sourceType", mr__quote_type(b, from), "targetType", mr__quote_type(b, to), "details",
        "The type path of the target object is:\n\nYou can either add an explicit cast to the "
        "input data or choose a higher precision type of the field in the target object");
}

/* The column of the query that the view calls its idx-th: as many have the name as when the view
 * was made, and it is the same one of them. */
static MrStatus view_column_find(Binder *b, const MrBindRelation *view, const MrPlan *plan,
                                 int32_t idx, int32_t *at)
{
    const char *name = view->query_columns[idx];
    int32_t n_wanted = 0, n_found = 0, nth = 0;
    MrTextBuilder found = {.arena = b->arena};
    for (int32_t i = 0; i < view->n_columns; i++)
        if (mr__name_equal(b, view->query_columns[i], name)) {
            nth += i < idx;
            n_wanted++;
        }
    for (int32_t i = 0; i < plan->n_cols; i++)
        if (mr__name_equal(b, plan->cols[i].name, name)) {
            mr_builder_printf(&found, "%s%s", n_found ? ", " : "", plan->cols[i].name);
            if (n_found++ == nth)
                *at = i;
        }
    if (n_found == n_wanted)
        return MR_OK;
    const char *suggestion = "CREATE OR REPLACE TEMPORARY VIEW";
    if (!view->is_temp) {
        MrTextBuilder out = {.arena = b->arena};
        bool same = true;
        for (int32_t i = 0; i < view->n_columns; i++)
            same = same && strcmp(view->columns[i].name, view->query_columns[i]) == 0;
        mr_builder_printf(&out, "CREATE OR REPLACE VIEW %s ",
                          mr__name_dotted(b, view->parts, view->n_parts));
        for (int32_t i = 0; i < view->n_columns && !same; i++)
            mr_builder_printf(&out, "%s%s%s", i ? ", " : "(", view->columns[i].name,
                              i + 1 == view->n_columns ? ") " : "");
        mr_builder_printf(&out, "AS %.*s", (int)view->text.size_bytes, view->text.data);
        suggestion = mr_builder_text(&out).data;
    }
    return MR_FAIL(b->err, MR_COND_INCOMPATIBLE_VIEW_SCHEMA_CHANGE, "viewName",
                   mr_quote_names(b->arena, view->parts, view->n_parts), "colName", name,
                   "expectedNum", mr_arena_printf(b->arena, "%d", n_wanted), "actualCols",
                   mr_arena_printf(b->arena, "[%s]", mr_builder_text(&found).data), "suggestion",
                   suggestion);
}

typedef struct ViewUse ViewUse;
struct ViewUse {
    const MrBindRelation *view;
    const ViewUse *outer;
};

static bool names_equal(const char *const *a, int32_t n_a, const char *const *b, int32_t n_b)
{
    bool equal = n_a == n_b;
    for (int32_t i = 0; equal && i < n_a; i++)
        equal = mr_str_equal_nocase(a[i], b[i]);
    return equal;
}

/* A view that is made of a query may not stand in it, nor in the views that it reads. */
static MrStatus view_check_cycle(Binder *b, const MrBindRelation *view)
{
    const MrBindOptions *options = b->options;
    if (options->n_view_parts == 0 ||
        !names_equal(view->parts, view->n_parts, options->view_parts, options->n_view_parts))
        return MR_OK;
    const char *name = mr_quote_names(b->arena, options->view_parts, options->n_view_parts),
               *path = name;
    for (const ViewUse *use = b->views; use; use = use->outer)
        if (use->view->n_parts > 0) /* not what a frame is made of */
            path = mr_arena_printf(b->arena, "%s -> %s",
                                   mr_quote_names(b->arena, use->view->parts, use->view->n_parts),
                                   path);
    return MR_FAIL(b->err, MR_COND_RECURSIVE_VIEW, "viewIdent", name, "newPath",
                   mr_arena_printf(b->arena, "%s -> %s", name, path));
}

/* The columns as they were when the view was made. */
static MrStatus view_project(Binder *b, const MrBindRelation *view, MrPlan **plan)
{
    int32_t n = view->columns ? view->n_columns : (*plan)->n_cols;
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, n + 1);
    for (int32_t i = 0; i < n; i++) {
        int32_t at = i;
        if (view->query_columns)
            MR_TRY(view_column_find(b, view, *plan, i, &at));
        if (at >= (*plan)->n_cols)
            return MR_FAIL_INTERNAL(b->err, "the view has more columns than its query");
        const MrColumn *col = &(*plan)->cols[at];
        exprs[i].column = *col;
        exprs[i].expr = mr_plan_column_expr(b->planner, col);
        exprs[i].column.id = mr_planner_id(b->planner);
        if (view->columns) {
            const MrField *field = &view->columns[i];
            exprs[i].column.name = field->name;
            if (field->type && !mr_type_same_data(field->type, col->type)) {
                if (view->schema_binding && !mr_coerce_is_up(col->type, field->type))
                    return view_fail_column(b, view, field->name, col->type, field->type);
                MR_TRY(mr__cast(b, exprs[i].expr, field->type, &exprs[i].expr));
                exprs[i].column.type = field->type;
                exprs[i].column.nullable = exprs[i].expr->nullable;
            }
        }
    }
    *plan = mr_plan_project(b->planner, *plan, exprs, n);
    return MR_OK;
}

static MrStatus view_bind(Binder *b, const MrSqlRelation *ast, const MrBindRelation *view, Rel *out)
{
    Rel rel = {0};
    if (view->is_frame && b->frame_depth >= MR_SQL_MAX_DEPTH / 2)
        return MR_FAIL(b->err, MR_COND_FAILED_TO_PARSE_TOO_COMPLEX);
    if (b->depth >= 100 && !view->is_frame)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_VIEW_EXCEED_MAX_NESTED_DEPTH, "viewName",
                              mr_quote_names(b->arena, view->parts, view->n_parts),
                              "maxNestedDepth", "100"));
    MR_TRY(view_check_cycle(b, view));
    Binder saved = mr__body_enter(b, &view->place, view->text, view->settings);
    b->views = &(ViewUse){view, saved.views};
    b->depth -= view->is_frame;
    b->frame_depth += view->is_frame;
    MrStatus status = mr__body_query(
        b, view->options_sql ? view->options_sql : b->options->sql_options, NULL, &rel);
    mr__body_leave(b, &saved);
    MR_TRY(status);
    MrPlan *plan = rel.plan;
    if (!view->is_frame)
        MR_TRY(view_project(b, view, &plan));
    mr__rel_from_plan(b, plan, view->parts, view->n_parts, out);
    const char *const *left = view->left ? qual_one(b, view->left) : NULL;
    const char *const *right = view->left ? qual_one(b, view->right) : NULL;
    for (int32_t i = 0; i < plan->n_cols && left; i++) {
        out->cols[i].qual = i < view->n_left ? left : right;
        out->cols[i].n_qual = 1;
    }
    return MR_OK;
}

static Cte *cte_find(Binder *b, const char *name)
{
    for (Cte *cte = b->ctes; cte; cte = cte->next)
        if (mr__name_equal(b, cte->name, name))
            return cte;
    return NULL;
}

static MrStatus file_open(Binder *b, const MrSqlRelation *ast, const MrConnectorType *type,
                          const char *path, Rel *out)
{
    MrOption *option = MR_NEW_N(b->arena, MrOption, ast->table.options.n + 1);
    option[0] = (MrOption){"path", path};
    for (int32_t i = 0; i < ast->table.options.n; i++)
        option[i + 1] =
            (MrOption){ast->table.options.items[i].key, ast->table.options.items[i].value};
    MrOptions options = {ast->table.options.n + 1, option};
    MrSource *source = NULL;
    MR_TRY(mr__at(b, ast->place,
                  b->catalog->open_source(b->catalog->self, type, &options, NULL,
                                          ast->table.is_stream, &source, b->err)));
    const char **qual = MR_NEW_N(b->arena, const char *, 2);
    qual[0] = type->name;
    qual[1] = path;
    return source_bind(b, path, type, &options, source, NULL, qual, 2, ast->table.is_stream, out);
}

static MrStatus table_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *out)
{
    MrSqlName name;
    MR_TRY(mr__name_plain(b, &ast->table.name, &name));
    const char *const *parts = (const char *const *)name.parts;
    if (name.n_parts == 1) {
        Cte *cte = cte_find(b, parts[0]);
        if (cte)
            return mr__cte_use(b, cte, ast, out);
    }
    MrOption *option = MR_NEW_N(b->arena, MrOption, ast->table.options.n + 1);
    for (int32_t i = 0; i < ast->table.options.n; i++)
        option[i] = (MrOption){ast->table.options.items[i].key, ast->table.options.items[i].value};
    MrOptions options = {ast->table.options.n, option};
    MrBindRelation found = {0};
    if (ast->table.version || ast->table.timestamp)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_UNSUPPORTED_FEATURE__TIME_TRAVEL, "relationId",
                              mr_quote_names(b->arena, parts, name.n_parts)));
    MR_TRY(
        mr__at(b, name.place,
               b->catalog->find_relation(b->catalog->self, &b->place, parts, name.n_parts, &options,
                                         ast->table.is_stream, b->arena, &found, b->err)));
    switch (found.kind) {
    case MR_BIND_NOTHING: {
        const MrConnectorType *type = name.n_parts == 2 ? mr_connector_find(parts[0]) : NULL;
        if (type && (type->flags & (MR_CONN_BATCH_READ | MR_CONN_STREAM_READ)))
            return file_open(b, ast, type, parts[1], out);
        return mr__at(b, name.place,
                      MR_FAIL(b->err, MR_COND_TABLE_OR_VIEW_NOT_FOUND, "relationName",
                              mr_quote_names(b->arena, parts, name.n_parts)));
    }
    case MR_BIND_SOURCE:
        return source_bind(b,
                           found.name ? found.name : mr__name_dotted(b, found.parts, found.n_parts),
                           found.type, &found.options, found.source, found.schema, found.parts,
                           found.n_parts, found.streaming, out);
    case MR_BIND_VIEW:
        return view_bind(b, ast, &found, out);
    }
    return MR_FAIL_INTERNAL(b->err, "relation kind %d", found.kind);
}

/* ---------------------------------------------------------------- VALUES */

/* True when going from one type to the other turns text into something else, or the reverse: VALUES
 * does neither, at no depth. */
static bool reads_text(const MrType *from, const MrType *to)
{
    if (from->kind == MR_TYPE_VOID || mr_type_same_data(from, to))
        return false;
    if ((from->kind == MR_TYPE_STRING) != (to->kind == MR_TYPE_STRING))
        return true;
    for (int32_t i = 0; i < from->n_fields && i < to->n_fields; i++)
        if (reads_text(from->fields[i].type, to->fields[i].type))
            return true;
    return false;
}

static MrStatus values_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *out)
{
    int32_t n_rows = ast->values.n_rows, n_cols = -1;
    MrExpr ***rows = MR_NEW_N(b->arena, MrExpr **, n_rows + 1);
    Scope scope = {.outer = outer};
    for (int32_t r = 0; r < n_rows; r++) {
        const MrSqlExpr *row = ast->values.rows[r];
        bool is_row = row->kind == MR_SQL_ROW;
        MrSqlExpr *const *items = is_row ? row->row.items : (MrSqlExpr *const *)&row;
        int32_t n = is_row ? row->row.n_items : 1;
        if (row->kind == MR_SQL_CALL && row->call.name.n_parts == 1 &&
            mr_str_equal_nocase(row->call.name.parts[0], "struct")) {
            n = row->call.n_args;
            items = row->call.args;
        }
        if (n_cols >= 0 && n != n_cols)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_INVALID_INLINE_TABLE__NUM_COLUMNS_MISMATCH,
                                  "expectedNumCols", mr_arena_printf(b->arena, "%d", n_cols),
                                  "actualNumCols", mr_arena_printf(b->arena, "%d", n), "rowIndex",
                                  mr_arena_printf(b->arena, "%d", r)));
        n_cols = n;
        rows[r] = MR_NEW_N(b->arena, MrExpr *, n + 1);
        for (int32_t c = 0; c < n; c++) {
            Ctx ctx = {.scope = &scope};
            const MrSqlExpr *item =
                items[c]->kind == MR_SQL_ALIAS ? items[c]->alias.value : items[c];
            MR_TRY(mr__expr_bind(b, &ctx, item, &rows[r][c]));
            if (ctx.has_aggregate || ctx.has_window || ctx.has_query) {
                const char *sql = rows[r][c]->sql;
                return mr__at(
                    b, item->place,
                    MR_FAIL(
                        b->err,
                        MR_COND_INVALID_INLINE_TABLE__CANNOT_EVALUATE_EXPRESSION_IN_INLINE_TABLE,
                        "expr", mr__quote_sql(b, sql)));
            }
        }
    }
    MrColumn *cols = MR_NEW_N(b->arena, MrColumn, n_cols + 1);
    for (int32_t c = 0; c < n_cols; c++) {
        MrExpr **column = MR_NEW_N(b->arena, MrExpr *, n_rows + 1);
        for (int32_t r = 0; r < n_rows; r++)
            column[r] = rows[r][c];
        const MrType *type = mr__common_type(b, column, n_rows);
        bool fits = type != NULL;
        for (int32_t r = 0; r < n_rows && fits; r++)
            fits = !reads_text(rows[r][c]->type, type);
        if (!fits)
            return mr__at(
                b, ast->place,
                MR_FAIL(b->err, MR_COND_INVALID_INLINE_TABLE__INCOMPATIBLE_TYPES_IN_INLINE_TABLE,
                        "colName",
                        mr_quote_name(b->arena, ast->n_columns == n_cols
                                                    ? ast->columns[c]
                                                    : mr_arena_printf(b->arena, "col%d", c + 1))));
        bool nullable = false;
        for (int32_t r = 0; r < n_rows; r++) {
            MR_TRY(mr__cast(b, rows[r][c], type, &rows[r][c]));
            nullable = nullable || rows[r][c]->nullable;
        }
        cols[c] = (MrColumn){mr_planner_id(b->planner), mr_arena_printf(b->arena, "col%d", c + 1),
                             type, nullable};
        if (ast->n_columns == n_cols)
            cols[c].name = ast->columns[c];
    }
    MrPlan *plan = mr_plan_values(b->planner, cols, n_cols, rows, n_rows);
    for (int32_t r = 0; r < n_rows; r++)
        for (int32_t c = 0; c < n_cols; c++)
            if (mr__expr_has(rows[r][c], MR_EXPR_OUTER))
                plan->values.n_rows =
                    n_rows; /* correlated: decorrelation makes projections of it */
    mr__rel_from_plan(b, plan, NULL, 0, out);
    return MR_OK;
}

/* ---------------------------------------------------------------- table functions */

static MrStatus fold_i64(Binder *b, MrExpr *expr, const char *param, const MrSqlExpr *ast,
                         int64_t *out)
{
    const MrVector *value = NULL;
    const MrType *to = mr_coerce_implicit(b->arena, b->settings, expr->type, MR_T(BIGINT));
    if (!to)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_UNEXPECTED_INPUT_TYPE, "functionName", "`range`",
                              "paramIndex", param, "requiredType", "\"BIGINT\"", "inputSql",
                              mr__quote_sql(b, expr->sql), "inputType",
                              mr__quote_type(b, expr->type)));
    MR_TRY(mr__cast(b, expr, MR_T(BIGINT), &expr));
    if (!mr_expr_is_constant(expr))
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_NON_FOLDABLE_ARGUMENT, "funcName", "`range`",
                              "paramName", mr_quote_name(b->arena, param), "paramType",
                              "\"BIGINT\""));
    MR_TRY(mr__at(b, ast->place, mr_expr_fold(b->arena, &b->eval, expr, &value, b->err)));
    if (mr_vector_is_null(value, 0))
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_FAILED_FUNCTION_CALL, "funcName", "`range`"));
    *out = value->i64[0];
    return MR_OK;
}

static MrStatus range_bind(Binder *b, const MrSqlExpr *ast, Ctx *ctx, Rel *out)
{
    static const char *const params[2][4] = {{"end", NULL, NULL, NULL},
                                             {"start", "end", "step", "numSlices"}};
    const MrSqlCall *call = &ast->call;
    int64_t values[4] = {0, 0, 1, 0};
    if (call->n_args < 1 || call->n_args > 4)
        return mr__fail_count(b, ast->place, "`range`", "[1, 2, 3, 4]", call->n_args);
    for (int32_t i = 0; i < call->n_args; i++) {
        MrExpr *expr = NULL;
        MR_TRY(mr__expr_bind(b, ctx, call->args[i], &expr));
        MR_TRY(fold_i64(b, expr, params[call->n_args > 1][i], ast, &values[i]));
    }
    if (call->n_args == 1) {
        values[1] = values[0];
        values[0] = 0;
    }
    if (values[2] == 0)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_FAILED_FUNCTION_CALL, "funcName", "`range`"));
    MrColumn *col = MR_NEW(b->arena, MrColumn);
    *col = (MrColumn){mr_planner_id(b->planner), "id", MR_T(BIGINT), false};
    mr__rel_from_plan(b, mr_plan_range(b->planner, col, values[0], values[1], values[2]), NULL, 0,
                      out);
    return MR_OK;
}

/* generator(args) over an input; the new columns get the names and the qualifier. */
static MrStatus generate_bind(Binder *b, const MrSqlExpr *ast, Ctx *ctx, MrPlan *input, bool outer,
                              bool *found, MrPlan **out)
{
    MrSqlName name;
    MR_TRY(mr__name_plain(b, &ast->call.name, &name));
    *found = false;
    if (name.n_parts != 1)
        return MR_OK;
    const char *lower = mr_arena_lower(b->arena, mr_text(name.parts[0]));
    const char *base = NULL;
    bool is_outer = false;
    if (!mr__generator_named(b, lower, &base, &is_outer))
        return MR_OK;
    *found = true;
    MrExpr *placeholder = NULL;
    ctx->allow_generator = true;
    ctx->generator = NULL;
    MR_TRY(mr__expr_bind(b, ctx, ast, &placeholder));
    const Generator *gen = ctx->generator;
    if (!gen)
        return MR_FAIL_INTERNAL(b->err, "no generator was bound");
    *out = mr_plan_generate(b->planner, input, gen->def, gen->bound, gen->args, gen->n_args,
                            gen->outer || outer);
    return MR_OK;
}

static MrStatus function_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *out)
{
    const MrSqlExpr *call = ast->function.call;
    Scope scope = {.outer = outer};
    Ctx ctx = {.scope = &scope};
    MrSqlName name;
    MR_TRY(mr__name_plain(b, &call->call.name, &name));
    const char *last = name.parts[name.n_parts - 1];
    if (name.n_parts == 1 && mr_str_equal_nocase(last, "range"))
        return range_bind(b, call, &ctx, out);
    bool found = false;
    MrPlan *plan = NULL;
    MR_TRY(generate_bind(b, call, &ctx, mr_plan_values_one(b->planner), false, &found, &plan));
    if (found) {
        mr__rel_from_plan(b, plan, NULL, 0, out);
        return MR_OK;
    }
    MrBindFunction function = {0};
    if (b->catalog->find_function)
        MR_TRY(mr__at(b, call->place,
                      b->catalog->find_function(b->catalog->self, &b->place,
                                                (const char *const *)name.parts, name.n_parts,
                                                b->arena, &function, b->err)));
    if (!function.found)
        return mr__at(
            b, call->place,
            MR_FAIL(b->err, MR_COND_UNRESOLVABLE_TABLE_VALUED_FUNCTION, "name",
                    mr_quote_names(b->arena, (const char *const *)name.parts, name.n_parts)));
    if (!function.is_table)
        return mr__at(
            b, call->place,
            MR_FAIL(b->err, MR_COND_NOT_A_TABLE_FUNCTION, "functionName",
                    mr_quote_names(b->arena, (const char *const *)name.parts, name.n_parts)));
    return mr__udf_table(b, &ctx, call, &function, out);
}

/* ---------------------------------------------------------------- LATERAL VIEW */

static MrStatus lateral_view_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over,
                                  Rel *out)
{
    Rel input = {0};
    if (ast->view.input)
        MR_TRY(mr__relation_bind_over(b, ast->view.input, outer, over, &input));
    else if (over)
        input = *over;
    else
        input.plan = mr_plan_values_one(b->planner);
    Scope scope = {.outer = outer, .n_cols = input.n_cols, .cols = input.cols};
    Ctx ctx = {.scope = &scope};
    bool found = false;
    MrPlan *plan = NULL;
    MR_TRY(generate_bind(b, ast->view.call, &ctx, input.plan, ast->view.outer, &found, &plan));
    if (!found) {
        MrExpr *expr = NULL; /* an unknown function, or one that is no generator */
        MR_TRY(mr__expr_bind(b, &ctx, ast->view.call, &expr));
        return mr__at(
            b, ast->view.call->place,
            MR_FAIL(b->err, MR_COND_UNSUPPORTED_GENERATOR__NOT_GENERATOR, "functionName",
                    mr_quote_names(b->arena, (const char *const *)ast->view.call->call.name.parts,
                                   ast->view.call->call.name.n_parts),
                    "classCanonicalName", "org.apache.spark.sql.catalyst.expressions.Expression"));
    }
    int32_t n_new = plan->n_cols - input.plan->n_cols, n_names = ast->view.n_columns;
    if (n_names > 0 && n_names != n_new)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_UDTF_ALIAS_NUMBER_MISMATCH, "aliasesSize",
                              mr_arena_printf(b->arena, "%d", n_new), "aliasesNames",
                              mr__names_list(b, ast->view.columns, n_names)));
    const char *const *qual = qual_one(b, ast->view.table);
    out->plan = plan;
    out->n_cols = input.n_cols + n_new;
    out->cols = MR_NEW_N(b->arena, ScopeCol, out->n_cols + 1);
    if (input.n_cols > 0)
        memcpy(out->cols, input.cols, sizeof(ScopeCol) * (size_t)input.n_cols);
    for (int32_t i = 0; i < n_new; i++) {
        ScopeCol *col = &out->cols[input.n_cols + i];
        *col = (ScopeCol){.col = plan->cols[input.plan->n_cols + i],
                          .qual = qual,
                          .n_qual = ast->view.table ? 1 : 0};
        if (n_names > 0)
            col->col.name = ast->view.columns[i];
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- samples and watermarks */

static MrStatus sample_bind(Binder *b, const MrSqlRelation *ast, Rel *rel)
{
    uint64_t seed = ast->sample.has_seed ? (uint64_t)ast->sample.seed : b->planner->context->seed;
    double share = 0;
    switch (ast->sample.kind) {
    case MR_SQL_SAMPLE_NONE:
        return MR_OK;
    case MR_SQL_SAMPLE_PERCENT:
        share = ast->sample.percent / 100;
        break;
    case MR_SQL_SAMPLE_BUCKET:
        if (ast->sample.n_buckets <= 0)
            return mr__at(b, ast->sample.place,
                          MR_FAIL_UNSUPPORTED(b->err, "TABLESAMPLE of %lld buckets",
                                              (long long)ast->sample.n_buckets));
        share = (double)ast->sample.bucket / (double)ast->sample.n_buckets;
        break;
    case MR_SQL_SAMPLE_ROWS: {
        int64_t n = 0;
        MR_TRY(mr__limit_value(b, ast->sample.rows, "limit", &n));
        rel->plan = mr_plan_limit(b->planner, rel->plan, n, 0);
        return MR_OK;
    }
    case MR_SQL_SAMPLE_BYTES:
        return mr__at(b, ast->sample.place, MR_FAIL_UNSUPPORTED(b->err, "TABLESAMPLE of bytes"));
    }
    if (share < 0 || share > 1)
        return mr__at(
            b, ast->sample.place,
            MR_FAIL_UNSUPPORTED(b->err, "a sample of the share %s", mr__double_text(b, share)));
    rel->plan = mr_plan_sample(b->planner, rel->plan, 0, share, seed, false);
    return MR_OK;
}

static MrStatus watermark_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *rel)
{
    const MrSqlExpr *expr_ast = ast->watermark.expr;
    Scope scope = {.outer = outer, .n_cols = rel->n_cols, .cols = rel->cols}, none = {0};
    Ctx ctx = {.scope = &scope}, delay_ctx = {.scope = &none};
    MrExpr *expr = NULL, *delay = NULL;
    const MrVector *value = NULL;
    bool is_alias = expr_ast->kind == MR_SQL_ALIAS;
    MR_TRY(mr__expr_bind(b, &ctx, is_alias ? expr_ast->alias.value : expr_ast, &expr));
    MR_TRY(mr__expr_bind(b, &delay_ctx, ast->watermark.delay, &delay));
    MR_TRY(mr_expr_fold(b->arena, &b->eval, delay, &value, b->err));
    int64_t delay_us = 0;
    if (value->type->kind == MR_TYPE_INTERVAL_DT)
        delay_us = value->i64[0];
    else if (value->type->kind == MR_TYPE_INTERVAL_YM)
        delay_us = (int64_t)value->i32[0] * 31 * 86400 * 1000000;
    else if (value->type->kind == MR_TYPE_INTERVAL)
        delay_us =
            value->interval[0].us +
            ((int64_t)value->interval[0].months * 31 + value->interval[0].days) * 86400 * 1000000;
    if (delay_us < 0)
        return mr__at(b, ast->watermark.place,
                      MR_FAIL(b->err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", "delay",
                              "functionName", "WATERMARK", "expectedValue", "0 or more",
                              "actualValue", delay->sql));
    if (expr->type->kind != MR_TYPE_TIMESTAMP && expr->type->kind != MR_TYPE_TIMESTAMP_NTZ)
        return mr__at(b, ast->watermark.place,
                      MR_FAIL(b->err, MR_COND_EVENT_TIME_IS_NOT_ON_TIMESTAMP_TYPE, "eventName",
                              mr__quote_sql(b, expr->sql), "eventType",
                              mr__quote_type(b, expr->type)));
    if (expr->kind == MR_EXPR_COLUMN && !is_alias) {
        rel->plan = mr_plan_watermark(b->planner, rel->plan, expr->column.id, delay_us);
        return MR_OK;
    }
    int32_t n = rel->plan->n_cols;
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, n + 1);
    for (int32_t i = 0; i < n; i++) {
        exprs[i] = mr_plan_pass(b->planner, &rel->plan->cols[i]);
    }
    const char *name = is_alias ? expr_ast->alias.names[0] : expr->sql;
    exprs[n].column = (MrColumn){mr_planner_id(b->planner), name, expr->type, expr->nullable};
    exprs[n].expr = expr;
    rel->plan = mr_plan_project(b->planner, rel->plan, exprs, n + 1);
    rel->plan = mr_plan_watermark(b->planner, rel->plan, exprs[n].column.id, delay_us);
    ScopeCol *cols = MR_NEW_N(b->arena, ScopeCol, rel->n_cols + 2);
    if (rel->n_cols > 0)
        memcpy(cols, rel->cols, sizeof(ScopeCol) * (size_t)rel->n_cols);
    cols[rel->n_cols] = (ScopeCol){.col = exprs[n].column};
    if (rel->n_cols > 0) {
        cols[rel->n_cols].qual = cols[0].qual;
        cols[rel->n_cols].n_qual = cols[0].n_qual;
    }
    rel->cols = cols;
    rel->n_cols++;
    return MR_OK;
}

/* ---------------------------------------------------------------- all of them */

/* input: what the innermost missing left side is (pipes); NULL otherwise. */
MrStatus mr__relation_bind_over(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *input,
                                Rel *out)
{
    Rel rel = {0};
    switch (ast->kind) {
    case MR_SQL_REL_TABLE:
        MR_TRY(table_bind(b, ast, outer, &rel));
        break;
    case MR_SQL_REL_QUERY:
        MR_TRY(mr__query_bind(b, ast->query, ast->lateral ? outer : outer, &rel));
        for (int32_t i = 0; i < rel.n_cols; i++)
            rel.cols[i].n_qual = 0;
        break;
    case MR_SQL_REL_VALUES:
        MR_TRY(values_bind(b, ast, outer, &rel));
        break;
    case MR_SQL_REL_FUNCTION:
        MR_TRY(function_bind(b, ast, outer, &rel));
        break;
    case MR_SQL_REL_JOIN:
        MR_TRY(mr__join_bind(b, ast, outer, input, &rel));
        break;
    case MR_SQL_REL_LATERAL_VIEW:
        MR_TRY(lateral_view_bind(b, ast, outer, input, &rel));
        break;
    case MR_SQL_REL_PIVOT:
        MR_TRY(mr__pivot_bind(b, ast, outer, input, &rel));
        break;
    case MR_SQL_REL_UNPIVOT:
        MR_TRY(mr__unpivot_bind(b, ast, outer, input, &rel));
        break;
    case MR_SQL_REL_BRACKETS:
        if (ast->input)
            MR_TRY(mr__relation_bind_over(b, ast->input, outer, input, &rel));
        else if (input)
            rel = *input;
        break;
    }
    MR_TRY(sample_bind(b, ast, &rel));
    if (ast->watermark.expr)
        MR_TRY(watermark_bind(b, ast, outer, &rel));
    MR_TRY(alias_apply(b, ast, &rel));
    *out = rel;
    return MR_OK;
}

MrStatus mr__relation_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *out)
{
    return mr__relation_bind_over(b, ast, outer, NULL, out);
}
