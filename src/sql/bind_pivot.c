/* bind_pivot.c - PIVOT and UNPIVOT.
 *
 * PIVOT aggregates by the other columns and the pivot's first; a second aggregate by the other
 * columns picks the one row that each value has.  So what has no row is NULL, also a count. UNPIVOT
 * gives a row for each set of columns: EXPAND. */
#include "sql/bind_int.h"

typedef struct Names {
    int32_t *ids;
    int64_t n, cap;
    Binder *b;
} Names;

static bool id_note(void *self, const MrExpr *expr)
{
    Names *names = self;
    if (expr->kind == MR_EXPR_COLUMN)
        MR_PUSH(names->b->arena, names->ids, names->n, names->cap, expr->column.id);
    return true;
}

static bool outside_find(void *self, const MrExpr *expr)
{
    const MrExpr **found = self;
    if (expr->kind == MR_EXPR_AGGREGATE)
        return false;
    if (expr->kind == MR_EXPR_COLUMN && !*found)
        *found = expr;
    return true;
}

static MrStatus input_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over, Rel *out)
{
    if (ast)
        return mr__relation_bind_over(b, ast, outer, over, out);
    if (!over)
        return MR_FAIL_INTERNAL(b->err, "no input");
    *out = *over;
    return MR_OK;
}

static MrStatus value_fold(Binder *b, Scope *outer, const MrSqlExpr *ast, const MrType *type,
                           MrExpr **out)
{
    Scope none = {.outer = outer};
    Ctx ctx = {.scope = &none};
    MrExpr *expr = NULL;
    const MrVector *value = NULL;
    MR_TRY(mr__expr_bind(b, &ctx, ast, &expr));
    const MrType *to = mr_coerce_implicit(b->arena, b->settings, expr->type, type);
    if (!to)
        return MR_FAIL(b->err, MR_COND_PIVOT_VALUE_DATA_TYPE_MISMATCH, "value", expr->sql,
                       "valueType", mr_type_catalog_text(b->arena, expr->type), "pivotType",
                       mr_type_catalog_text(b->arena, type));
    const char *sql = expr->sql;
    MR_TRY(mr__cast(b, expr, type, &expr));
    MR_TRY(mr_expr_fold(b->arena, &b->eval, expr, &value, b->err));
    *out = mr_expr_literal(b->arena, value);
    (*out)->sql = sql;
    return MR_OK;
}

static const char *value_name(Binder *b, MrExpr *const *values, int32_t n)
{
    MrTextBuilder text = {.arena = b->arena};
    for (int32_t i = 0; i < n; i++) {
        mr_builder_str(&text, i ? ", " : n > 1 ? "{" : "");
        if (mr_vector_is_null(values[i]->literal, 0))
            mr_builder_str(&text, "null");
        else
            mr_value_text(values[i]->literal, 0, MR_TEXT_CAST, b->settings, &text);
    }
    mr_builder_str(&text, n > 1 ? "}" : "");
    return mr_builder_text(&text).data;
}

/* Whether the row is one of the value's. */
static MrStatus value_test(Binder *b, MrSqlPlace place, const MrColumn *cols, MrExpr *const *values,
                           int32_t n, MrExpr **out)
{
    *out = NULL;
    for (int32_t i = 0; i < n; i++) {
        MrExpr *equal = NULL, *sides[2] = {mr_plan_column_expr(b->planner, &cols[i]), values[i]};
        MR_TRY(mr__call_bind(b, NULL, place, "<=>", sides, 2,
                             mr_arena_printf(b->arena, "(%s <=> %s)", cols[i].name, values[i]->sql),
                             &equal));
        *out = mr_expr_and(b->arena, *out, equal);
    }
    return MR_OK;
}

/* PIVOT is two aggregates: the first one's keys are the group's and the pivot's columns, the second
 * picks for each value the first one's row that has it. */
typedef struct Pivot {
    Binder *b;
    const MrSqlRelation *ast;
    Scope *outer;
    Scope scope; /* the input's columns */
    MrExpr **columns, **aggs;
    int32_t n_columns, n_aggs;
    int32_t n_group;    /* input columns that nothing names: they make the groups */
    const MrColumn *of; /* of the first aggregate: group, pivot columns, aggregates */
} Pivot;

/* An aggregate reads a column of an outer query. */
static MrStatus fail_outside(Binder *b, const Rel *input, const MrExpr *outside)
{
    const char *qual = "__auto_generated_subquery_name";
    for (int32_t i = 0; i < input->n_cols; i++)
        if (input->cols[i].col.id == outside->column.id && input->cols[i].n_qual > 0)
            qual = mr__name_dotted(b, input->cols[i].qual, input->cols[i].n_qual);
    return MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1006, "sql",
                   mr_arena_printf(b->arena, "%s.%s", qual, outside->column.name));
}

static MrStatus pivot_parts(Pivot *self, const Rel *input, Names *used)
{
    Binder *b = self->b;
    const MrSqlRelation *ast = self->ast;
    const MrExpr *outside = NULL;
    self->columns = MR_NEW_N(b->arena, MrExpr *, self->n_columns + 1);
    self->aggs = MR_NEW_N(b->arena, MrExpr *, self->n_aggs + 1);
    for (int32_t i = 0; i < self->n_columns; i++) {
        Ctx ctx = {.scope = &self->scope};
        MR_TRY(mr__name_bind(b, &ctx, &ast->pivot.columns[i], ast->place, &self->columns[i]));
    }
    for (int32_t i = 0; i < self->n_aggs; i++) {
        Ctx ctx = {.scope = &self->scope};
        const MrSqlExpr *agg = ast->pivot.aggregates[i];
        MR_TRY(mr__expr_bind(b, &ctx, agg->kind == MR_SQL_ALIAS ? agg->alias.value : agg,
                             &self->aggs[i]));
        mr_expr_walk(self->aggs[i], id_note, used);
        mr_expr_walk(self->aggs[i], outside_find, &outside);
    }
    if (outside)
        return fail_outside(b, input, outside);
    for (int32_t i = 0; i < self->n_columns; i++) {
        if (!mr_type_is_orderable(self->columns[i]->type))
            return MR_FAIL(b->err, MR_COND_INCOMPARABLE_PIVOT_COLUMN, "columnName",
                           mr_quote_name(b->arena, self->columns[i]->sql));
        mr_expr_walk(self->columns[i], id_note, used);
    }
    return MR_OK;
}

static MrStatus pivot_first(Pivot *self, const Rel *input, MrPlan **out)
{
    Binder *b = self->b;
    Names used = {.b = b};
    MR_TRY(pivot_parts(self, input, &used));
    MrExpr **keys = MR_NEW_N(b->arena, MrExpr *, input->n_cols + self->n_columns + 1);
    int32_t n_keys = 0;
    for (int32_t i = 0; i < input->n_cols; i++) {
        const ScopeCol *col = &input->cols[i];
        bool in_use = col->hidden;
        for (int64_t k = 0; k < used.n; k++)
            in_use = in_use || used.ids[k] == col->col.id;
        if (!in_use)
            keys[n_keys++] = mr__column_expr(b, col, col->col.name, self->ast->place);
    }
    self->n_group = n_keys;
    for (int32_t i = 0; i < self->n_columns; i++)
        keys[n_keys++] = self->columns[i];
    MR_TRY(mr__aggregate_over(b, input->plan, keys, n_keys, self->aggs, self->n_aggs, out));
    self->of = (*out)->cols;
    return MR_OK;
}

/* A value of IN (..), folded: one for each pivot column. */
static MrStatus pivot_value(Pivot *self, const MrSqlExpr *value, MrExpr **values)
{
    Binder *b = self->b;
    Ctx ctx = {.scope = &self->scope};
    MrExpr *probe = NULL;
    MR_TRY(mr__expr_bind(b, &ctx, value, &probe));
    if (!mr_expr_is_constant(probe))
        return MR_FAIL(b->err, MR_COND_NON_LITERAL_PIVOT_VALUES, "expression",
                       mr__quote_sql(b, probe->sql));
    int32_t n = self->n_columns;
    if (n == 1)
        return value_fold(b, self->outer, value, self->columns[0]->type, &values[0]);
    if (value->kind != MR_SQL_ROW || value->row.n_items != n) {
        MrTextBuilder type = {.arena = b->arena};
        for (int32_t i = 0; i < n; i++)
            mr_builder_printf(&type, "%s%s:%s", i ? "," : "struct<", self->columns[i]->sql,
                              mr_type_catalog_text(b->arena, self->columns[i]->type));
        mr_builder_char(&type, '>');
        return MR_FAIL(b->err, MR_COND_PIVOT_VALUE_DATA_TYPE_MISMATCH, "value", probe->sql,
                       "valueType", mr_type_catalog_text(b->arena, probe->type), "pivotType",
                       mr_builder_text(&type).data);
    }
    for (int32_t i = 0; i < n; i++)
        MR_TRY(value_fold(b, self->outer, value->row.items[i], self->columns[i]->type, &values[i]));
    return MR_OK;
}

/* first(agg, true) FILTER (WHERE test) */
static MrStatus pivot_pick(Pivot *self, int32_t agg_idx, const char *value_name, MrExpr *test,
                           MrNamedExpr *out)
{
    Binder *b = self->b;
    const MrSqlExpr *ast = self->ast->pivot.aggregates[agg_idx];
    MrExpr **args = MR_NEW_N(b->arena, MrExpr *, 2);
    args[0] = mr_plan_column_expr(b->planner, &self->of[self->n_group + self->n_columns + agg_idx]);
    args[1] = mr_expr_bool(b->arena, true);
    args[1]->sql = "true";
    MrBind bind;
    MrAggregate *agg = NULL;
    mr__bind_init(b, &bind, args, NULL, 2, "first");
    MR_TRY(mr_aggregate_bind(&bind, "first", &agg, b->err));
    const char *agg_name =
        ast->kind == MR_SQL_ALIAS ? ast->alias.names[0] : self->aggs[agg_idx]->sql;
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_AGGREGATE;
    expr->type = agg->type;
    expr->nullable = true;
    expr->sql_idx = -1;
    expr->sql =
        self->n_aggs > 1 ? mr_arena_printf(b->arena, "%s_%s", value_name, agg_name) : value_name;
    expr->n_args = 2;
    expr->args = args;
    expr->aggregate.agg = agg;
    expr->aggregate.filter = test;
    *out = (MrNamedExpr){{mr_planner_id(b->planner), expr->sql, expr->type, true}, expr};
    return MR_OK;
}

MrStatus mr__pivot_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over, Rel *out)
{
    Rel input = {0};
    MR_TRY(input_bind(b, ast->pivot.input, outer, over, &input));
    Pivot self = {.b = b,
                  .ast = ast,
                  .outer = outer,
                  .scope = {.outer = outer, .n_cols = input.n_cols, .cols = input.cols},
                  .n_columns = ast->pivot.n_columns,
                  .n_aggs = ast->pivot.n_aggregates};
    MrPlan *first = NULL;
    MR_TRY(pivot_first(&self, &input, &first));
    int32_t n_picks = 0;
    MrNamedExpr *group = MR_NEW_N(b->arena, MrNamedExpr, self.n_group + 1);
    MrNamedExpr *picks = MR_NEW_N(b->arena, MrNamedExpr, ast->pivot.n_values * self.n_aggs + 1);
    for (int32_t i = 0; i < self.n_group; i++)
        group[i] = mr_plan_pass(b->planner, &self.of[i]);
    for (int32_t v = 0; v < ast->pivot.n_values; v++) {
        const MrSqlExpr *item = ast->pivot.values[v];
        bool is_alias = item->kind == MR_SQL_ALIAS;
        MrExpr **values = MR_NEW_N(b->arena, MrExpr *, self.n_columns + 1), *test = NULL;
        MR_TRY(pivot_value(&self, is_alias ? item->alias.value : item, values));
        const char *name = is_alias ? item->alias.names[0] : NULL;
        if (!name)
            name = value_name(b, values, self.n_columns);
        MR_TRY(value_test(b, ast->place, self.of + self.n_group, values, self.n_columns, &test));
        for (int32_t a = 0; a < self.n_aggs; a++)
            MR_TRY(pivot_pick(&self, a, name, test, &picks[n_picks++]));
    }
    MrPlan *plan = mr_plan_aggregate(b->planner, first, group, self.n_group, picks, n_picks);
    mr__rel_from_plan(b, plan, NULL, 0, out);
    return MR_OK;
}

MrStatus mr__unpivot_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over, Rel *out)
{
    Rel input = {0};
    MR_TRY(input_bind(b, ast->unpivot.input, outer, over, &input));
    Scope scope = {.outer = outer, .n_cols = input.n_cols, .cols = input.cols};
    int32_t n_sets = ast->unpivot.n_sets, n_values = ast->unpivot.n_value_columns;
    MrExpr ***sets = MR_NEW_N(b->arena, MrExpr **, n_sets + 1);
    Names used = {.b = b};
    for (int32_t s = 0; s < n_sets; s++) {
        sets[s] = MR_NEW_N(b->arena, MrExpr *, n_values + 1);
        if (ast->unpivot.sets[s].n_columns != n_values)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_UNPIVOT_VALUE_SIZE_MISMATCH, "names",
                                  mr_arena_printf(b->arena, "%d", n_values)));
        for (int32_t i = 0; i < n_values; i++) {
            Ctx ctx = {.scope = &scope};
            MR_TRY(mr__expr_bind(b, &ctx, ast->unpivot.sets[s].columns[i], &sets[s][i]));
            if (sets[s][i]->kind != MR_EXPR_COLUMN)
                return mr__at(b, ast->place,
                              MR_FAIL(b->err, MR_COND_UNPIVOT_REQUIRES_ATTRIBUTES, "given", "value",
                                      "empty", "id", "expressions",
                                      mr__quote_sql(b, sets[s][i]->sql)));
            mr_expr_walk(sets[s][i], id_note, &used);
        }
    }
    const MrType **types = MR_NEW_N(b->arena, const MrType *, n_values + 1);
    for (int32_t i = 0; i < n_values; i++) {
        MrExpr **column = MR_NEW_N(b->arena, MrExpr *, n_sets + 1);
        MrTextBuilder list = {.arena = b->arena};
        for (int32_t s = 0; s < n_sets; s++) {
            column[s] = sets[s][i];
            mr_builder_printf(&list, "%s\"%s\" (%s)", s ? ", " : "",
                              mr_type_sql_text(b->arena, column[s]->type),
                              mr_quote_name(b->arena, column[s]->sql));
        }
        types[i] = mr__common_type(b, column, n_sets);
        if (!types[i])
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_UNPIVOT_VALUE_DATA_TYPE_MISMATCH, "types",
                                  mr_builder_text(&list).data));
        for (int32_t s = 0; s < n_sets; s++)
            MR_TRY(mr__cast(b, sets[s][i], types[i], &sets[s][i]));
    }
    int32_t n_cols = 0;
    MrColumn *cols = MR_NEW_N(b->arena, MrColumn, input.n_cols + n_values + 1);
    MrExpr **ids = MR_NEW_N(b->arena, MrExpr *, input.n_cols + 1);
    for (int32_t i = 0; i < input.n_cols; i++) {
        bool in_use = input.cols[i].hidden;
        for (int64_t k = 0; k < used.n; k++)
            in_use = in_use || used.ids[k] == input.cols[i].col.id;
        if (in_use)
            continue;
        ids[n_cols] = mr__column_expr(b, &input.cols[i], input.cols[i].col.name, ast->place);
        cols[n_cols++] = input.cols[i].col;
    }
    int32_t n_ids = n_cols;
    cols[n_cols++] =
        (MrColumn){mr_planner_id(b->planner), ast->unpivot.name_column, MR_T(STRING), false};
    for (int32_t i = 0; i < n_values; i++)
        cols[n_cols++] =
            (MrColumn){mr_planner_id(b->planner), ast->unpivot.value_columns[i], types[i], true};
    MrExpr ***projections = MR_NEW_N(b->arena, MrExpr **, n_sets + 1);
    for (int32_t s = 0; s < n_sets; s++) {
        MrTextBuilder name = {.arena = b->arena};
        for (int32_t i = 0; i < n_values; i++)
            mr_builder_printf(&name, "%s%s", i ? "_" : "", sets[s][i]->sql);
        projections[s] = MR_NEW_N(b->arena, MrExpr *, n_cols + 1);
        memcpy(projections[s], ids, sizeof(MrExpr *) * (size_t)n_ids);
        projections[s][n_ids] =
            mr__literal_text(b, ast->unpivot.sets[s].alias ? ast->unpivot.sets[s].alias
                                                           : mr_builder_text(&name).data);
        for (int32_t i = 0; i < n_values; i++)
            projections[s][n_ids + 1 + i] = sets[s][i];
    }
    MrPlan *plan = mr_plan_expand(b->planner, input.plan, cols, n_cols, projections, n_sets);
    if (!ast->unpivot.include_nulls) { /* rows where all values are NULL go */
        MrExpr **tests = MR_NEW_N(b->arena, MrExpr *, n_values + 1);
        for (int32_t i = 0; i < n_values; i++) {
            MrExpr *value = mr_plan_column_expr(b->planner, &cols[n_ids + 1 + i]);
            MR_TRY(mr__call_bind(b, NULL, ast->place, "isnotnull", &value, 1, "(value IS NOT NULL)",
                                 &tests[i]));
        }
        MrExpr *any = tests[0];
        if (n_values > 1) {
            any = MR_NEW(b->arena, MrExpr);
            any->kind = MR_EXPR_OR;
            any->type = MR_T(BOOLEAN);
            any->sql_idx = -1;
            any->n_args = n_values;
            any->args = tests;
        }
        plan = mr_plan_filter(b->planner, plan, any);
    }
    mr__rel_from_plan(b, plan, NULL, 0, out);
    return MR_OK;
}
