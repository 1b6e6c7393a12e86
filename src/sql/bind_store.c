/* bind_store.c - rows on their way into a table: columns in its order, cast by the rules of storing
 * (ANSI). */
#include "sql/bind_int.h"

static bool is_datetime(const MrType *type)
{
    return type->kind == MR_TYPE_DATE || type->kind == MR_TYPE_TIMESTAMP ||
           type->kind == MR_TYPE_TIMESTAMP_NTZ;
}

/* Spark's Cast.canANSIStoreAssign. */
static bool can_store(const MrType *from, const MrType *to)
{
    if (mr_type_same_data(from, to) || from->kind == MR_TYPE_VOID)
        return true;
    if (mr_type_is_numeric(from) && mr_type_is_numeric(to))
        return true;
    if (is_datetime(from) && is_datetime(to))
        return true;
    if (from->kind == to->kind &&
        (from->kind == MR_TYPE_INTERVAL_YM || from->kind == MR_TYPE_INTERVAL_DT ||
         from->kind == MR_TYPE_TIME || from->kind == MR_TYPE_STRING))
        return true;
    if (to->kind == MR_TYPE_STRING)
        return !mr_type_is_nested(from) && from->kind != MR_TYPE_BINARY &&
               from->kind != MR_TYPE_VARIANT;
    if (from->kind != to->kind || !mr_type_is_nested(from) || from->n_fields != to->n_fields)
        return false;
    for (int32_t i = 0; i < from->n_fields; i++)
        if (!can_store(from->fields[i].type, to->fields[i].type))
            return false;
    return true;
}

MrStatus mr__store_cast(Binder *b, MrExpr *expr, const MrType *to, const char *table,
                        const char *column, MrExpr **out)
{
    if (mr_type_equal(expr->type, to)) {
        *out = mr_expr_char_store(b->arena, expr, to);
        return MR_OK;
    }
    const char *policy =
        b->settings->get ? b->settings->get(b->settings->conf, "spark.sql.storeAssignmentPolicy")
                         : NULL;
    bool legacy = policy && mr_str_equal_nocase(policy, "LEGACY");
    if (!legacy && !can_store(expr->type, to)) {
        if (!table)
            return MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__CAST_WITHOUT_SUGGESTION, "sqlExpr",
                           mr__quote_sql(b, expr->sql), "srcType", mr__quote_type(b, expr->type),
                           "targetType", mr__quote_type(b, to));
        return MR_FAIL(b->err, MR_COND_INCOMPATIBLE_DATA_FOR_TABLE__CANNOT_SAFELY_CAST, "tableName",
                       table, "colName", mr_quote_name(b->arena, column), "srcType",
                       mr__quote_type(b, expr->type), "targetType", mr__quote_type(b, to));
    }
    MrExpr *cast = NULL;
    MR_TRY(mr_expr_cast(b->arena, b->settings, expr, to, legacy ? MR_CAST_LEGACY : MR_CAST_ANSI,
                        &cast, b->err));
    if (cast != expr)
        cast->sql = expr->sql;
    *out = mr_expr_char_store(b->arena, cast, to);
    return MR_OK;
}

/* A value of PARTITION (..): texts are cast like any text, not as rows are stored, and the empty
 * text is the partition of NULL, as no folder can have its name. */
static MrStatus partition_cast(Binder *b, MrExpr *expr, const MrBindTarget *target, int32_t idx,
                               MrExpr **out)
{
    const MrField *col = &target->columns[idx];
    if (expr->type->kind == MR_TYPE_STRING && expr->kind == MR_EXPR_LITERAL &&
        !mr_vector_is_null(expr->literal, 0)) {
        MrText text = mr_str_text(&expr->literal->str[0]);
        if (col->type->kind != MR_TYPE_STRING) {
            MR_TRY(mr_expr_cast(b->arena, b->settings, expr, col->type, MR_CAST_ANSI, out, b->err));
            return MR_OK;
        }
        if (text.size_bytes == 0 || mr_text_equal(text, MR_TEXT("__HIVE_DEFAULT_PARTITION__"))) {
            *out = mr_expr_null(b->arena, col->type);
            return MR_OK;
        }
    }
    return mr__store_cast(b, expr, col->type, target->table, col->name, out);
}

static MrStatus default_bind(Binder *b, const MrBindTarget *target, int32_t col, MrExpr **out)
{
    const char *text = target->defaults ? target->defaults[col] : NULL;
    if (!text) {
        *out = mr_expr_null(b->arena, target->columns[col].type);
        return MR_OK;
    }
    MrSqlExpr *ast = NULL;
    Scope none = {0};
    Ctx ctx = {.scope = &none};
    MR_TRY(mr_sql_parse_expr(b->arena, mr_text(text), b->options->sql_options, &ast, b->err));
    MR_TRY(mr__expr_bind(b, &ctx, ast, out));
    return mr__store_cast(b, *out, target->columns[col].type, target->table,
                          target->columns[col].name, out);
}

/* DEFAULT as a value of its own; the table's i-th column is the target's at[i]. */
typedef struct DefaultFill {
    const MrBindTarget *target;
    const int32_t *at;
    int32_t n;
} DefaultFill;

static bool is_default(const MrSqlExpr *ast)
{
    return ast->kind == MR_SQL_NAME && ast->name.n_parts == 1 &&
           mr_str_equal_nocase(ast->name.parts[0], "default");
}

static MrStatus default_fill(Binder *b, const DefaultFill *fill, int32_t col, MrSqlExpr **slot)
{
    MrSqlExpr **value = (*slot)->kind == MR_SQL_ALIAS ? &(*slot)->alias.value : slot;
    if (!is_default(*value) || col >= fill->n)
        return MR_OK;
    const char *text = fill->target->defaults ? fill->target->defaults[fill->at[col]] : NULL;
    return mr_sql_parse_expr(b->arena, mr_text(text ? text : "NULL"), b->options->sql_options,
                             value, b->err);
}

/* The values of VALUES, and of a select list: there DEFAULT is the column's, elsewhere a name. */
static MrStatus defaults_fill(Binder *b, const DefaultFill *fill, MrSqlBody *body)
{
    if (body->kind == MR_SQL_BODY_RELATION && body->relation->kind == MR_SQL_REL_VALUES) {
        for (int32_t r = 0; r < body->relation->values.n_rows; r++) {
            MrSqlExpr **row = &body->relation->values.rows[r];
            bool is_row = (*row)->kind == MR_SQL_ROW;
            MrSqlExpr **items = is_row ? (*row)->row.items : row;
            for (int32_t i = 0; i < (is_row ? (*row)->row.n_items : 1); i++)
                MR_TRY(default_fill(b, fill, i, &items[i]));
        }
    } else if (body->kind == MR_SQL_BODY_SELECT && !body->select->from) {
        for (int32_t i = 0; i < body->select->n_items; i++)
            MR_TRY(default_fill(b, fill, i, &body->select->items[i]));
    } else if (body->kind == MR_SQL_BODY_SET) {
        for (int32_t i = 0; i < body->set.n_inputs; i++)
            MR_TRY(defaults_fill(b, fill, body->set.inputs[i]));
    }
    return MR_OK;
}

static const char *names_of(Binder *b, const MrPlan *plan)
{
    MrTextBuilder out = {.arena = b->arena};
    for (int32_t i = 0; i < plan->n_cols; i++)
        mr_builder_printf(&out, "%s%s", i ? ", " : "", mr_quote_name(b->arena, plan->cols[i].name));
    return mr_builder_text(&out).data;
}

static const char *target_names(Binder *b, const MrBindTarget *target)
{
    MrTextBuilder out = {.arena = b->arena};
    for (int32_t i = 0; i < target->n_columns; i++)
        mr_builder_printf(&out, "%s%s", i ? ", " : "",
                          mr_quote_name(b->arena, target->columns[i].name));
    return mr_builder_text(&out).data;
}

static MrStatus arity_fail(Binder *b, const MrBindTarget *target, const MrPlan *plan, bool too_many)
{
    const char *expected = target_names(b, target), *given = names_of(b, plan);
    if (too_many)
        return MR_FAIL(b->err, MR_COND_INSERT_COLUMN_ARITY_MISMATCH__TOO_MANY_DATA_COLUMNS,
                       "tableName", target->table, "tableColumns", expected, "dataColumns", given);
    return MR_FAIL(b->err, MR_COND_INSERT_COLUMN_ARITY_MISMATCH__NOT_ENOUGH_DATA_COLUMNS,
                   "tableName", target->table, "tableColumns", expected, "dataColumns", given);
}

/* from[i]: the plan's column for the table's i-th, -1: its default; given[i]: an expression
 * instead. */
static MrStatus store_project(Binder *b, MrPlan *plan, const MrBindTarget *target,
                              const int32_t *from, MrExpr *const *given, MrPlan **out)
{
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, target->n_columns + 1);
    for (int32_t i = 0; i < target->n_columns; i++) {
        const MrField *field = &target->columns[i];
        MrExpr *expr = NULL;
        if (given && given[i])
            MR_TRY(partition_cast(b, given[i], target, i, &expr));
        else if (from[i] >= 0)
            MR_TRY(mr__store_cast(b, mr_plan_column_expr(b->planner, &plan->cols[from[i]]),
                                  field->type, target->table, field->name, &expr));
        else
            MR_TRY(default_bind(b, target, i, &expr));
        exprs[i].column =
            (MrColumn){mr_planner_id(b->planner), field->name, field->type, expr->nullable};
        exprs[i].expr = expr;
    }
    *out = mr_plan_project(b->planner, plan, exprs, target->n_columns);
    return MR_OK;
}

static MrStatus store_bind(Binder *b, MrPlan *plan, const MrBindTarget *target, bool by_name,
                           MrPlan **out)
{
    int32_t *from = MR_NEW_N(b->arena, int32_t, target->n_columns + 1);
    for (int32_t i = 0; i < target->n_columns; i++) {
        from[i] = by_name ? -1 : i < plan->n_cols ? i : -1;
        for (int32_t k = 0; by_name && k < plan->n_cols; k++)
            if (mr__name_equal(b, plan->cols[k].name, target->columns[i].name))
                from[i] = k;
    }
    if (plan->n_cols > target->n_columns)
        return arity_fail(b, target, plan, true);
    if (plan->n_cols < target->n_columns && !target->defaults && !by_name)
        return arity_fail(b, target, plan, false);
    return store_project(b, plan, target, from, NULL, out);
}

MrStatus mr_bind_store(const MrBindOptions *options, MrPlan *plan, const MrBindTarget *target,
                       bool by_name, MrPlan **out, MrError *err)
{
    Binder b;
    mr__binder_init(&b, options, err);
    return store_bind(&b, plan, target, by_name, out);
}

/* BY NAME: every column that comes has its place. */
static MrStatus extra_check(Binder *b, const MrPlan *plan, const MrBindTarget *target)
{
    MrTextBuilder extra = {.arena = b->arena};
    int32_t n_extra = 0;
    for (int32_t i = 0; i < plan->n_cols; i++) {
        bool found = false;
        for (int32_t k = 0; k < target->n_columns && !found; k++)
            found = mr__name_equal(b, plan->cols[i].name, target->columns[k].name);
        if (!found)
            mr_builder_printf(&extra, "%s%s", n_extra++ ? ", " : "",
                              mr_quote_name(b->arena, plan->cols[i].name));
    }
    if (n_extra == 0)
        return MR_OK;
    return MR_FAIL(b->err, MR_COND_INCOMPATIBLE_DATA_FOR_TABLE__EXTRA_COLUMNS, "tableName",
                   target->table, "extraColumns", mr_builder_text(&extra).data);
}

/* Partition columns are these values. */
static MrStatus partitions_named(Binder *b, const MrBindTarget *target, MrExpr *const *given,
                                 MrExpr **out)
{
    *out = NULL;
    for (int32_t i = 0; i < target->n_columns; i++) {
        const MrField *col = &target->columns[i];
        MrExpr *args[2] = {mr_expr_column(b->arena, i, col->name, col->type, true), NULL}, *same;
        if (!given[i])
            continue;
        args[0]->column.idx = i;
        MR_TRY(partition_cast(b, given[i], target, i, &args[1]));
        MR_TRY(mr_expr_call(b->arena, b->settings, "<=>", args, 2, &same, b->err));
        *out = mr_expr_and(b->arena, *out, same);
    }
    return MR_OK;
}

MrStatus mr_bind_insert(const MrBindOptions *options, const MrSqlInsert *insert,
                        const MrBindTarget *target, MrBoundQuery *out, MrError *err)
{
    Binder binder, *b = &binder;
    mr__binder_init(b, options, err);
    int32_t n = target->n_columns;
    int32_t *from = MR_NEW_N(b->arena, int32_t, n + 1);
    MrExpr **given = MR_NEW_N(b->arena, MrExpr *, n + 1);
    for (int32_t i = 0; i < insert->partition.n; i++) {
        const MrSqlPartitionValue *value = &insert->partition.items[i];
        int32_t at = -1;
        for (int32_t k = 0; k < n; k++)
            if (mr__name_equal(b, target->columns[k].name, value->name))
                at = k;
        if (at < n - target->n_partition_columns)
            return mr__at(b, value->place,
                          MR_FAIL(b->err, MR_COND_NON_PARTITION_COLUMN, "columnName",
                                  mr_quote_name(b->arena, value->name)));
        for (int32_t k = 0; k < i; k++)
            if (mr__name_equal(b, insert->partition.items[k].name, value->name))
                return mr__at(b, value->place,
                              MR_FAIL(b->err, MR_COND_DUPLICATE_KEY, "keyColumn",
                                      mr_quote_name(b->arena, value->name)));
        if (!value->value)
            continue;
        Scope none = {0};
        Ctx ctx = {.scope = &none};
        MR_TRY(mr__expr_bind(b, &ctx, value->value, &given[at]));
    }
    /* Where the query's columns go. */
    int32_t *at = MR_NEW_N(b->arena, int32_t, n + insert->n_columns + 1), n_at = 0;
    if (insert->n_columns > 0) {
        for (int32_t i = 0; i < n; i++)
            from[i] = -1;
        for (int32_t c = 0; c < insert->n_columns; c++) {
            int32_t place = -1;
            for (int32_t k = 0; k < n; k++)
                if (mr__name_equal(b, target->columns[k].name, insert->columns[c]))
                    place = k;
            if (place < 0) {
                ScopeCol *list = MR_NEW_N(b->arena, ScopeCol, n + 1);
                for (int32_t k = 0; k < n; k++)
                    list[k] = (ScopeCol){
                        .col = {k, target->columns[k].name, target->columns[k].type, true}};
                Scope scope = {.n_cols = n, .cols = list};
                return mr__fail_unresolved(b, &scope, &insert->columns[c], 1, (MrSqlPlace){-1, 0});
            }
            if (from[place] >= 0)
                return MR_FAIL(b->err, MR_COND_COLUMN_ALREADY_EXISTS, "columnName",
                               mr_quote_name(b->arena, insert->columns[c]));
            from[place] = c;
            at[n_at++] = place;
        }
    } else if (!insert->by_name) {
        for (int32_t i = 0; i < n; i++) {
            from[i] = given[i] ? -1 : n_at;
            if (!given[i])
                at[n_at++] = i;
        }
    }
    DefaultFill fill = {target, at, n_at};
    Rel rel = {0};
    MR_TRY(defaults_fill(b, &fill, insert->query->body));
    MR_TRY(mr__query_bind(b, insert->query, NULL, &rel));
    MrPlan *plan = rel.plan;
    if (insert->by_name) {
        MR_TRY(extra_check(b, plan, target));
        MR_TRY(store_bind(b, plan, target, true, &plan));
    } else {
        if (insert->n_columns > 0 && plan->n_cols != insert->n_columns) {
            MrTextBuilder cols = {.arena = b->arena};
            for (int32_t c = 0; c < insert->n_columns; c++)
                mr_builder_printf(&cols, "%s%s", c ? ", " : "",
                                  mr_quote_name(b->arena, insert->columns[c]));
            const char *expected = mr_builder_text(&cols).data, *data = names_of(b, plan);
            if (plan->n_cols > insert->n_columns)
                return MR_FAIL(b->err, MR_COND_INSERT_COLUMN_ARITY_MISMATCH__TOO_MANY_DATA_COLUMNS,
                               "tableName", target->table, "tableColumns", expected, "dataColumns",
                               data);
            return MR_FAIL(b->err, MR_COND_INSERT_COLUMN_ARITY_MISMATCH__NOT_ENOUGH_DATA_COLUMNS,
                           "tableName", target->table, "tableColumns", expected, "dataColumns",
                           data);
        }
        if (plan->n_cols != n_at)
            return arity_fail(b, target, plan, plan->n_cols > n_at);
        MR_TRY(store_project(b, plan, target, from, given, &plan));
    }
    *out = (MrBoundQuery){.plan = plan};
    if (insert->overwrite)
        MR_TRY(partitions_named(b, target, given, &out->replaced));
    return MR_OK;
}
