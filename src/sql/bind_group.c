/* bind_group.c - GROUP BY: its keys and sets, and the AGGREGATE that computes by groups.
 *
 * What was bound over FROM is rewritten over the aggregate's columns: what equals a key or is an
 * aggregate becomes such a column, grouping(x) a bit of the set's id, anything else must be made of
 * these. */
#include "sql/bind_int.h"

static bool is_commutative(const char *name)
{
    static const char *const names[] = {"+", "*", "&", "|", "^", "=", "<=>", NULL};
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* a + 1 is 1 + a. */
bool mr__same_expr(const MrExpr *x, const MrExpr *y)
{
    if (mr_expr_equal(x, y))
        return true;
    if (x->kind != y->kind || x->n_args != y->n_args || x->n_args == 0 ||
        (x->kind != MR_EXPR_CALL && x->kind != MR_EXPR_AND && x->kind != MR_EXPR_OR &&
         x->kind != MR_EXPR_CASE && x->kind != MR_EXPR_COALESCE) ||
        !mr_type_equal(x->type, y->type))
        return false;
    if (x->kind == MR_EXPR_CALL &&
        (x->bound->def != y->bound->def || x->bound->call != y->bound->call ||
         (x->bound->flags & MR_FN_VOLATILE)))
        return false;
    bool same = x->kind != MR_EXPR_CALL || !x->bound->data || x->bound->data == y->bound->data;
    for (int32_t i = 0; same && i < x->n_args; i++)
        same = mr__same_expr(x->args[i], y->args[i]);
    if (same)
        return true;
    if (x->kind == MR_EXPR_CALL && x->n_args == 2 && x->bound->def &&
        is_commutative(x->bound->def->name))
        return mr__same_expr(x->args[0], y->args[1]) && mr__same_expr(x->args[1], y->args[0]);
    if ((x->kind == MR_EXPR_AND || x->kind == MR_EXPR_OR) && x->n_args == 2)
        return mr__same_expr(x->args[0], y->args[1]) && mr__same_expr(x->args[1], y->args[0]);
    return false;
}

/* ---------------------------------------------------------------- GROUP BY */

/* The key's number; a new one when it is not there yet. */
static int32_t key_add(Select *s, MrExpr *expr)
{
    for (int64_t i = 0; i < s->n_keys; i++)
        if (mr__same_expr(s->keys[i].expr, expr))
            return (int32_t)i;
    Key key = {.expr = expr};
    bool plain = expr->kind == MR_EXPR_COLUMN;
    for (int32_t c = 0; c < s->scope.n_cols && plain; c++) /* a session is not that of a row */
        plain = !s->scope.cols[c].is_session || s->scope.cols[c].col.id != expr->column.id;
    key.out = (MrColumn){plain ? expr->column.id : mr_planner_id(s->b->planner),
                         mr__auto_name(expr), expr->type, expr->nullable};
    MR_PUSH(s->b->arena, s->keys, s->n_keys, s->cap_keys, key);
    return (int32_t)s->n_keys - 1;
}

static bool grouping_find(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found = *found || expr->kind == MR_EXPR_AGGREGATE ||
             (expr->kind == MR_EXPR_COLUMN &&
              (expr->column.id == MR__GROUPING || expr->column.id == MR__GROUPING_ID));
    return !*found;
}

/* An aggregate, or grouping(x), stands in it: what is computed by groups is no key of them. */
bool mr__is_of_groups(const MrExpr *expr)
{
    bool found = false;
    mr_expr_walk(expr, grouping_find, &found);
    return found;
}

static MrStatus group_expr_bind(Select *s, const MrSqlExpr *ast, MrExpr **out)
{
    Binder *b = s->b;
    int64_t ordinal = 0;
    if (mr__is_ordinal(ast, &ordinal) && mr__setting_bool(b, "spark.sql.groupByOrdinal", true)) {
        for (int32_t i = 0; i < s->ast->n_items; i++)
            if (s->ast->items[i]->kind == MR_SQL_STAR &&
                !mr__setting_bool(b, "spark.sql.groupByOrdinalStar", true))
                return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND_STAR_GROUP_BY_POS));
        if (ordinal < 1 || ordinal > s->n_items)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_GROUP_BY_POS_OUT_OF_RANGE, "index",
                                  mr_arena_printf(b->arena, "%lld", (long long)ordinal), "size",
                                  mr_arena_printf(b->arena, "%lld", (long long)s->n_items)));
        const Item *item = &s->items[ordinal - 1];
        if (mr__is_of_groups(item->expr))
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_GROUP_BY_POS_AGGREGATE, "index",
                                  mr_arena_printf(b->arena, "%lld", (long long)ordinal), "aggExpr",
                                  item->is_alias ? mr_arena_printf(b->arena, "%s AS %s",
                                                                   item->expr->sql, item->name)
                                                 : item->expr->sql));
        *out = item->expr;
        return MR_OK;
    }
    Ctx ctx = {.scope = &s->scope, .windows = s->ctx.windows, .n_windows = s->ctx.n_windows};
    NamedItem *aliases = MR_NEW_N(b->arena, NamedItem, s->n_items + 1);
    int32_t n = 0;
    if (mr__setting_bool(b, "spark.sql.groupByAliases", true))
        for (int64_t i = 0; i < s->n_items; i++)
            if (s->items[i].is_alias)
                aliases[n++] = (NamedItem){s->items[i].name, s->items[i].expr};
    s->scope.laterals = aliases;
    s->scope.n_laterals = n;
    MrStatus status = mr__expr_bind(b, &ctx, ast, out);
    s->scope.laterals = NULL;
    s->scope.n_laterals = 0;
    MR_TRY(status);
    if (mr__is_of_groups(*out)) {
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_GROUP_BY_AGGREGATE, "sqlExpr", (*out)->sql));
    }
    const MrType *type = (*out)->type;
    if (type->kind == MR_TYPE_VARIANT)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_GROUP_EXPRESSION_TYPE_IS_NOT_ORDERABLE, "sqlExpr",
                              mr__quote_sql(b, (*out)->sql), "dataType", mr__quote_type(b, type)));
    return MR_OK;
}

static bool has_plain_column(void *self, const MrExpr *expr)
{
    bool *found = self;
    if (expr->kind == MR_EXPR_AGGREGATE)
        return false;
    if (expr->kind == MR_EXPR_COLUMN)
        *found = true;
    return !*found;
}

typedef struct SetList {
    uint64_t *items;
    int64_t n, cap;
} SetList;

static MrStatus group_sets(Select *s, const MrSqlGroup *group, SetList *out);

static MrStatus exprs_mask(Select *s, MrSqlExpr *const *exprs, int32_t n, uint64_t *out)
{
    *out = 0;
    for (int32_t i = 0; i < n; i++) {
        const MrSqlExpr *ast = exprs[i];
        if (ast->kind == MR_SQL_ROW && ast->in_brackets) {
            uint64_t inner = 0;
            MR_TRY(exprs_mask(s, ast->row.items, ast->row.n_items, &inner));
            *out |= inner;
            continue;
        }
        MrExpr *expr = NULL;
        MR_TRY(group_expr_bind(s, ast, &expr));
        int32_t key = key_add(s, expr);
        if (key >= 63)
            return mr__at(
                s->b, ast->place,
                MR_FAIL(s->b->err, MR_COND_GROUPING_SIZE_LIMIT_EXCEEDED, "maxSize", "64"));
        *out |= UINT64_C(1) << key;
    }
    return MR_OK;
}

static MrStatus group_sets(Select *s, const MrSqlGroup *group, SetList *out)
{
    MrArena *arena = s->b->arena;
    uint64_t *masks = MR_NEW_N(arena, uint64_t, group->n_sets + 1);
    if (group->kind == MR_SQL_GROUP_EXPR) {
        uint64_t mask = 0;
        MR_TRY(exprs_mask(s, (MrSqlExpr *const *)&group->expr, 1, &mask));
        MR_PUSH(arena, out->items, out->n, out->cap, mask);
        return MR_OK;
    }
    if (group->kind == MR_SQL_GROUP_SETS) {
        for (int32_t i = 0; i < group->n_sets; i++) {
            if (group->sets[i].nested) {
                MR_TRY(group_sets(s, group->sets[i].nested, out));
                continue;
            }
            uint64_t mask = 0;
            MR_TRY(exprs_mask(s, group->sets[i].exprs, group->sets[i].n_exprs, &mask));
            MR_PUSH(arena, out->items, out->n, out->cap, mask);
        }
        return MR_OK;
    }
    for (int32_t i = 0; i < group->n_sets; i++)
        MR_TRY(exprs_mask(s, group->sets[i].exprs, group->sets[i].n_exprs, &masks[i]));
    if (group->kind == MR_SQL_GROUP_ROLLUP) {
        for (int32_t n = group->n_sets; n >= 0; n--) {
            uint64_t mask = 0;
            for (int32_t i = 0; i < n; i++)
                mask |= masks[i];
            MR_PUSH(arena, out->items, out->n, out->cap, mask);
        }
        return MR_OK;
    }
    if (group->n_sets > 12)
        return mr__at(s->b, group->place,
                      MR_FAIL(s->b->err, MR_COND_GROUPING_SIZE_LIMIT_EXCEEDED, "maxSize", "4096"));
    for (int32_t pick = (1 << group->n_sets) - 1; pick >= 0; pick--) {
        uint64_t mask = 0;
        for (int32_t i = 0; i < group->n_sets; i++)
            if (pick >> (group->n_sets - 1 - i) & 1)
                mask |= masks[i];
        MR_PUSH(arena, out->items, out->n, out->cap, mask);
    }
    return MR_OK;
}

MrStatus mr__groups_bind(Select *s)
{
    Binder *b = s->b;
    const MrSqlSelect *ast = s->ast;
    if (ast->group_all && mr__names_all(b, NULL, 0, &s->scope)) {
        const char *all = "all";
        MrSqlName name = {.n_parts = 1, .parts = &all};
        Ctx ctx = {.scope = &s->scope};
        MrExpr *expr = NULL;
        MR_TRY(mr__name_bind(b, &ctx, &name, ast->group_place, &expr));
        key_add(s, expr);
        return MR_OK;
    }
    if (ast->group_all) {
        for (int64_t i = 0; i < s->n_items; i++) {
            MrExpr *expr = s->items[i].expr;
            if (!mr__is_of_groups(expr)) {
                key_add(s, expr);
                continue;
            }
            bool found = false;
            mr_expr_walk(expr, has_plain_column, &found);
            if (found) /* a + sum(b): Spark cannot tell what to group by */
                return mr__at(b, ast->group_place,
                              MR_FAIL(b->err, MR_COND_UNRESOLVED_ALL_IN_GROUP_BY));
        }
        return MR_OK;
    }
    bool any_sets = false;
    for (int32_t i = 0; i < ast->n_groups; i++)
        any_sets = any_sets || ast->groups[i].kind != MR_SQL_GROUP_EXPR;
    uint64_t ignored = 0;
    if (ast->n_group_exprs > 0)
        MR_TRY(exprs_mask(s, ast->group_exprs, ast->n_group_exprs, &ignored));
    SetList all = {0};
    MR_PUSH(b->arena, all.items, all.n, all.cap, 0);
    for (int32_t i = 0; i < ast->n_groups; i++) {
        if (!any_sets) {
            MrExpr *expr = NULL;
            MR_TRY(group_expr_bind(s, ast->groups[i].expr, &expr));
            key_add(s, expr);
            continue;
        }
        SetList one = {0}, product = {0};
        MR_TRY(group_sets(s, &ast->groups[i], &one));
        for (int64_t x = 0; x < all.n; x++)
            for (int64_t y = 0; y < one.n; y++)
                MR_PUSH(b->arena, product.items, product.n, product.cap,
                        all.items[x] | one.items[y]);
        all = product;
    }
    if (any_sets && s->n_keys == 0 && all.n == 1) {
        s->only_total = true; /* GROUPING SETS (()): one row, as without GROUP BY */
        return MR_OK;
    }
    if (any_sets) {
        s->has_sets = true;
        s->sets = all.items;
        s->n_sets = all.n;
    }
    return MR_OK;
}

/* ---------------------------------------------------------------- aggregation */

static MrStatus group_rewrite(Select *s, MrExpr *expr, MrExpr **out);

static MrStatus list_rewrite(Select *s, MrExpr *const *exprs, int32_t n, MrExpr ***out)
{
    MrExpr **copy = MR_NEW_N(s->b->arena, MrExpr *, n + 1);
    for (int32_t i = 0; i < n; i++)
        MR_TRY(group_rewrite(s, exprs[i], &copy[i]));
    *out = copy;
    return MR_OK;
}

static MrStatus missing_aggregation(Select *s, const MrExpr *expr)
{
    Binder *b = s->b;
    MrSqlPlace place = {expr->sql_idx, expr->sql_idx >= 0 ? expr->sql_len : 0};
    if (s->after_items) { /* in HAVING and ORDER BY only what the aggregate gives has a name */
        MrSqlName name = {.n_parts = 1, .parts = (const char **)(uintptr_t)&expr->column.name};
        MrError ignored = {0};
        MrSqlName written = {0};
        if (place.len > 0 && place.idx + place.len <= b->text.size_bytes &&
            mr_sql_parse_name(b->arena, (MrText){b->text.data + place.idx, place.len},
                              b->options->sql_options, &written, &ignored) == MR_OK)
            name = written;
        ScopeCol *cols = MR_NEW_N(b->arena, ScopeCol, s->n_items + 1);
        for (int64_t i = 0; i < s->n_items; i++)
            cols[i] = (ScopeCol){.col = {-1, s->items[i].name, s->items[i].expr->type, true}};
        Scope scope = {.n_cols = (int32_t)s->n_items, .cols = cols};
        return mr__fail_unresolved(b, &scope, (const char *const *)name.parts, name.n_parts, place);
    }
    if (s->n_keys == 0 && !s->ast->has_group)
        return mr__at(b, place, MR_FAIL(b->err, MR_COND_MISSING_GROUP_BY));
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_MISSING_AGGREGATION, "expression",
                          mr__quote_sql(b, expr->sql), "expressionAnyValue",
                          mr__quote_sql(b, mr_arena_printf(b->arena, "any_value(%s)", expr->sql))));
}

/* grouping and grouping_id stand as columns until the keys are known: groups_rewrite. */
MrStatus mr__grouping_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                           MrExpr **out)
{
    const MrSqlCall *call = &ast->call;
    bool is_id = strcmp(name, "grouping_id") == 0;
    if (!is_id && call->n_args != 1)
        return mr__fail_count(b, ast->place, "`grouping`", "1", call->n_args);
    MrExpr *expr = mr_expr_column(b->arena, is_id ? MR__GROUPING_ID : MR__GROUPING, name,
                                  is_id ? MR_T(BIGINT) : MR_T(TINYINT), false);
    expr->n_args = call->n_args;
    expr->args = MR_NEW_N(b->arena, MrExpr *, call->n_args + 1);
    MrTextBuilder sql = {.arena = b->arena};
    mr_builder_printf(&sql, "%s(", name);
    for (int32_t i = 0; i < call->n_args; i++) {
        MR_TRY(mr__expr_bind(b, ctx, call->args[i], &expr->args[i]));
        mr_builder_printf(&sql, "%s%s", i ? ", " : "", expr->args[i]->sql);
    }
    mr_builder_char(&sql, ')');
    expr->sql = mr_builder_text(&sql).data;
    ctx->has_aggregate = ctx->has_aggregate || !ctx->in_window;
    *out = expr;
    return MR_OK;
}

/* grouping(x) and grouping_id(..) over the id of the grouping set. */
static MrStatus grouping_rewrite(Select *s, MrExpr *expr, MrExpr **out)
{
    Binder *b = s->b;
    MrSqlPlace place = {expr->sql_idx, expr->sql_idx >= 0 ? expr->sql_len : 0};
    if (s->only_total && expr->column.id == MR__GROUPING_ID && expr->n_args == 0) {
        *out = mr_expr_i64(b->arena, 0);
        (*out)->sql = expr->sql;
        return MR_OK;
    }
    if (!s->has_sets)
        return mr__at(b, place, MR_FAIL(b->err, MR_COND_UNSUPPORTED_GROUPING_EXPRESSION));
    MrTextBuilder keys = {.arena = b->arena};
    for (int64_t i = 0; i < s->n_keys; i++)
        mr_builder_printf(&keys, "%s%s", i ? ", " : "", s->keys[i].expr->sql);
    MrExpr *gid = mr_plan_column_expr(b->planner, &s->gid);
    if (expr->column.id == MR__GROUPING_ID) {
        bool same = expr->n_args == 0 || expr->n_args == s->n_keys;
        for (int32_t i = 0; same && i < expr->n_args; i++)
            same = mr__same_expr(expr->args[i], s->keys[i].expr);
        if (!same) {
            MrTextBuilder cols = {.arena = b->arena};
            for (int32_t i = 0; i < expr->n_args; i++)
                mr_builder_printf(&cols, "%s%s", i ? "," : "", expr->args[i]->sql);
            return mr__at(b, place,
                          MR_FAIL(b->err, MR_COND_GROUPING_ID_COLUMN_MISMATCH, "groupingIdColumn",
                                  mr_builder_text(&cols).data, "groupByColumns",
                                  mr_builder_text(&keys).data));
        }
        *out = gid;
        (*out)->sql = expr->sql;
        return MR_OK;
    }
    for (int64_t i = 0; i < s->n_keys; i++) {
        if (!mr__same_expr(expr->args[0], s->keys[i].expr))
            continue;
        MrExpr *shift = mr__literal_int(b, (int32_t)(s->n_keys - 1 - i)), *made = NULL;
        MR_TRY(mr__call_bind(b, NULL, place, ">>", (MrExpr *[]){gid, shift}, 2, expr->sql, &made));
        MrExpr *one = mr_expr_i64(b->arena, 1);
        one->sql = "1";
        MR_TRY(mr__call_bind(b, NULL, place, "&", (MrExpr *[]){made, one}, 2, expr->sql, &made));
        MR_TRY(mr__cast(b, made, MR_T(TINYINT), out));
        (*out)->sql = expr->sql;
        return MR_OK;
    }
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_GROUPING_COLUMN_MISMATCH, "grouping", expr->args[0]->sql,
                          "groupingColumns", mr_builder_text(&keys).data));
}

/* Keys are NULL in the sets without them, and so may be what is made of keys that never were. */
static bool is_nullable(const MrExpr *before, const MrExpr *now)
{
    bool all = true, any = false;
    for (int32_t i = 0; i < now->n_args; i++) {
        all = all && now->args[i]->nullable;
        any = any || (now->args[i]->nullable && !before->args[i]->nullable);
    }
    if (before->nullable || !any)
        return before->nullable;
    if (now->kind == MR_EXPR_COALESCE)
        return all;
    return now->kind != MR_EXPR_CALL || !(now->bound->flags & MR_FN_NEVER_NULL);
}

static MrStatus group_rewrite(Select *s, MrExpr *expr, MrExpr **out)
{
    Binder *b = s->b;
    for (int64_t i = 0; i < s->n_keys; i++) {
        /* A literal that is a key is NULL in the sets without it. */
        if ((expr->kind != MR_EXPR_LITERAL || s->has_sets) &&
            mr__same_expr(expr, s->keys[i].expr)) {
            *out = mr__column_like(s, &s->keys[i].out, expr);
            if (expr->kind == MR_EXPR_COLUMN)
                (*out)->column.name = expr->column.name;
            return MR_OK;
        }
    }
    switch (expr->kind) {
    case MR_EXPR_AGGREGATE: {
        for (int64_t i = 0; i < s->n_aggs; i++) {
            if (mr__same_expr(s->aggs[i].expr, expr)) {
                *out = mr__column_like(s, &s->aggs[i].column, expr);
                return MR_OK;
            }
        }
        MrNamedExpr agg = {{mr_planner_id(b->planner), expr->sql, expr->type, expr->nullable},
                           expr};
        MR_PUSH(b->arena, s->aggs, s->n_aggs, s->cap_aggs, agg);
        *out = mr__column_like(s, &agg.column, expr);
        return MR_OK;
    }
    case MR_EXPR_COLUMN:
        if (expr->column.id == MR__GROUPING || expr->column.id == MR__GROUPING_ID)
            return grouping_rewrite(s, expr, out);
        if (mr__is_generated(s, expr->column.id)) {
            *out = expr;
            return MR_OK;
        }
        return missing_aggregation(s, expr);
    case MR_EXPR_LITERAL:
    case MR_EXPR_OUTER:
    case MR_EXPR_LAMBDA_PARAM:
        *out = expr;
        return MR_OK;
    default:
        break;
    }
    MrExpr *copy = MR_NEW(b->arena, MrExpr);
    *copy = *expr;
    MR_TRY(list_rewrite(s, expr->args, expr->n_args, &copy->args));
    if (expr->kind == MR_EXPR_WINDOW) {
        MR_TRY(list_rewrite(s, expr->window.partition, expr->window.n_partition,
                            &copy->window.partition));
        copy->window.order = MR_NEW_N(b->arena, MrSortKey, expr->window.n_order + 1);
        for (int32_t i = 0; i < expr->window.n_order; i++) {
            copy->window.order[i] = expr->window.order[i];
            MR_TRY(group_rewrite(s, expr->window.order[i].expr, &copy->window.order[i].expr));
        }
        if (expr->window.filter)
            MR_TRY(group_rewrite(s, expr->window.filter, &copy->window.filter));
    }
    copy->nullable = is_nullable(expr, copy);
    *out = copy;
    return MR_OK;
}

static bool is_item(const Select *s, const MrExpr *expr)
{
    for (int64_t i = 0; i < s->n_items; i++)
        if (mr__same_expr(s->items[i].expr, expr))
            return true;
    return false;
}

/* HAVING needs what is not selected: the aggregate gives it, a projection above takes it away
 * again. */
static bool is_hidden(const Select *s, const MrExpr *expr)
{
    if (is_item(s, expr))
        return false;
    if (expr->kind == MR_EXPR_AGGREGATE)
        return true;
    for (int64_t i = 0; i < s->n_keys; i++)
        if (expr->kind != MR_EXPR_LITERAL && mr__same_expr(s->keys[i].expr, expr))
            return true;
    for (int32_t i = 0; i < expr->n_args; i++)
        if (is_hidden(s, expr->args[i]))
            return true;
    return false;
}

/* Above that projection ORDER BY sees the selected columns and plain keys only. */
static MrStatus sort_visible(Select *s, const MrExpr *expr)
{
    if (is_item(s, expr))
        return MR_OK;
    if (expr->kind == MR_EXPR_COLUMN) {
        for (int64_t i = 0; i < s->n_keys; i++)
            if (mr_expr_equal(s->keys[i].expr, expr))
                return MR_OK;
        return missing_aggregation(s, expr);
    }
    for (int32_t i = 0; i < expr->n_args; i++)
        MR_TRY(sort_visible(s, expr->args[i]));
    if (expr->kind == MR_EXPR_AGGREGATE)
        return MR_FAIL(s->b->err, MR_COND_UNSUPPORTED_EXPR_FOR_OPERATOR, "invalidExprSqls",
                       mr__quote_sql(s->b, expr->sql));
    return MR_OK;
}

/* EXPAND makes a copy of each row for each grouping set: keys outside of the set are NULL. */
static MrStatus expand_make(Select *s)
{
    Binder *b = s->b;
    int32_t n_in = s->plan->n_cols, n_keys = (int32_t)s->n_keys;
    bool repeats = false;
    for (int64_t i = 0; i < s->n_sets; i++)
        for (int64_t k = 0; k < i; k++)
            repeats = repeats || s->sets[i] == s->sets[k];
    int32_t n_cols = n_in + n_keys + (repeats ? 2 : 1);
    MrColumn *cols = MR_NEW_N(b->arena, MrColumn, n_cols);
    MrExpr ***projections = MR_NEW_N(b->arena, MrExpr **, s->n_sets + 1);
    if (n_in > 0)
        memcpy(cols, s->plan->cols, sizeof(MrColumn) * (size_t)n_in);
    for (int32_t k = 0; k < n_keys; k++) {
        s->keys[k].out.id = mr_planner_id(b->planner);
        for (int64_t i = 0; i < s->n_sets; i++)
            if (!(s->sets[i] >> k & 1))
                s->keys[k].out.nullable = true;
        cols[n_in + k] = s->keys[k].out;
    }
    s->gid = (MrColumn){mr_planner_id(b->planner), "spark_grouping_id", MR_T(BIGINT), false};
    cols[n_in + n_keys] = s->gid;
    if (repeats)
        cols[n_in + n_keys + 1] =
            (MrColumn){mr_planner_id(b->planner), "_gen_grouping_pos", MR_T(INT), false};
    for (int64_t i = 0; i < s->n_sets; i++) {
        MrExpr **exprs = projections[i] = MR_NEW_N(b->arena, MrExpr *, n_cols);
        int64_t gid = 0;
        for (int32_t c = 0; c < n_in; c++)
            exprs[c] = mr_plan_column_expr(b->planner, &s->plan->cols[c]);
        for (int32_t k = 0; k < n_keys; k++) {
            bool in_set = s->sets[i] >> k & 1;
            exprs[n_in + k] =
                in_set ? s->keys[k].expr : mr_expr_null(b->arena, s->keys[k].expr->type);
            gid = gid << 1 | !in_set;
        }
        exprs[n_in + n_keys] = mr_expr_i64(b->arena, gid);
        if (repeats)
            exprs[n_in + n_keys + 1] = mr__literal_int(b, (int32_t)i);
    }
    s->plan = mr_plan_expand(b->planner, s->plan, cols, n_cols, projections, (int32_t)s->n_sets);
    return MR_OK;
}

/* The number of the key that is a session_window; -1: none. */
static int32_t session_key(const Select *s)
{
    for (int64_t i = 0; i < s->n_keys; i++)
        for (int32_t c = 0; c < s->scope.n_cols; c++)
            if (s->scope.cols[c].is_session && s->keys[i].expr->kind == MR_EXPR_COLUMN &&
                s->keys[i].expr->column.id == s->scope.cols[c].col.id)
                return (int32_t)i;
    return -1;
}

static void aggregate_make(Select *s)
{
    Binder *b = s->b;
    int32_t n_keys = (int32_t)s->n_keys, n_all = n_keys;
    MrNamedExpr *keys = MR_NEW_N(b->arena, MrNamedExpr, n_keys + 2);
    for (int32_t i = 0; i < n_keys; i++) {
        keys[i].column = s->keys[i].out;
        keys[i].expr =
            s->has_sets ? mr_plan_column_expr(b->planner, &s->keys[i].out) : s->keys[i].expr;
    }
    if (s->has_sets) {
        for (int32_t c = mr_plan_column_find(s->plan, s->gid.id); c < s->plan->n_cols; c++) {
            keys[n_all++] = mr_plan_pass(b->planner, &s->plan->cols[c]);
        }
    }
    s->plan = mr_plan_aggregate(b->planner, s->plan, keys, n_all, s->aggs, (int32_t)s->n_aggs);
}

/* Everything above the aggregate, rewritten over it; the plan gets EXPAND, AGGREGATE and HAVING. */
MrStatus mr__groups_make(Select *s, MrExpr **having, MrExpr **qualify)
{
    Binder *b = s->b;
    for (int64_t i = 0; i < s->scope.n_inner_aggs; i++)
        MR_PUSH(b->arena, s->aggs, s->n_aggs, s->cap_aggs, s->scope.inner_aggs[i]);
    if (s->has_sets)
        MR_TRY(expand_make(s));
    Item *items = MR_NEW_N(b->arena, Item, s->n_items + 1);
    for (int64_t i = 0; i < s->n_items; i++) {
        items[i] = s->items[i];
        MR_TRY(group_rewrite(s, s->items[i].expr, &items[i].expr));
    }
    s->after_items = true;
    if (*having && is_hidden(s, *having))
        for (int32_t i = 0; i < s->n_sort; i++)
            MR_TRY(sort_visible(s, s->sort_exprs[i]));
    if (*having)
        MR_TRY(group_rewrite(s, *having, having));
    if (*qualify)
        MR_TRY(group_rewrite(s, *qualify, qualify));
    for (int32_t i = 0; i < s->n_sort; i++)
        MR_TRY(group_rewrite(s, s->sort_exprs[i], &s->sort_exprs[i]));
    s->after_items = false;
    for (int64_t i = 0; i < s->n_generators; i++) {
        Generator *gen = MR_NEW(b->arena, Generator);
        *gen = *s->generators[i].call;
        MR_TRY(list_rewrite(s, s->generators[i].call->args, gen->n_args, &gen->args));
        s->generators[i].call = gen;
    }
    s->items = items;
    int32_t session = session_key(s);
    if (session >= 0 && s->has_sets)
        return MR_FAIL_UNSUPPORTED(b->err, "session_window() in grouping sets");
    aggregate_make(s);
    s->plan->aggregate.session_key = session;
    if (*having)
        s->plan = mr_plan_filter(b->planner, s->plan, *having);
    return MR_OK;
}

MrStatus mr__aggregate_over(Binder *b, MrPlan *input, MrExpr *const *keys, int32_t n_keys,
                            MrExpr *const *exprs, int32_t n_exprs, MrPlan **out)
{
    MrSqlSelect none = {.has_group = true};
    Select s = {.b = b, .ast = &none, .plan = input};
    int32_t *at = MR_NEW_N(b->arena, int32_t, n_keys + 1);
    MrNamedExpr *named = MR_NEW_N(b->arena, MrNamedExpr, n_keys + n_exprs + 1);
    for (int32_t i = 0; i < n_keys; i++)
        at[i] = key_add(&s, keys[i]);
    for (int32_t i = 0; i < n_exprs; i++) {
        MrExpr *expr = NULL;
        MR_TRY(group_rewrite(&s, exprs[i], &expr));
        named[n_keys + i] = (MrNamedExpr){
            {mr_planner_id(b->planner), exprs[i]->sql, expr->type, expr->nullable}, expr};
    }
    aggregate_make(&s);
    for (int32_t i = 0; i < n_keys; i++)
        named[i] = mr_plan_pass(b->planner, &s.keys[at[i]].out);
    *out = mr_plan_project(b->planner, s.plan, named, n_keys + n_exprs);
    return MR_OK;
}
