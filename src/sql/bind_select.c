/* bind_select.c - SELECT: its clauses are bound over FROM, then cut into the plan's nodes.
 *
 *   FROM -> WHERE -> [EXPAND] -> AGGREGATE -> HAVING -> WINDOW.. -> QUALIFY -> GENERATE -> PROJECT
 *        -> DISTINCT -> SORT -> drop what only the sort needed */
#include "sql/bind_int.h"

typedef struct Key {
    MrExpr *expr; /* over FROM */
    MrColumn out; /* after aggregation */
} Key;

typedef struct Item {
    const char *name;
    bool is_alias;
    MrExpr *expr;
    MrSqlPlace place;
} Item;

typedef struct ItemGenerator { /* explode(..) in the select list */
    const Generator *call;
    MrColumn *cols;
    int32_t n_cols;
} ItemGenerator;

typedef struct Select {
    Binder *b;
    const MrSqlSelect *ast;
    Scope scope;
    Ctx ctx;
    MrPlan *plan;
    Item *items;
    int64_t n_items, cap_items;
    NamedItem *names; /* of the items, for name resolution */
    int64_t n_names, cap_names;
    /* grouping */
    bool is_agg;
    Key *keys;
    int64_t n_keys, cap_keys;
    MrNamedExpr *aggs;
    int64_t n_aggs, cap_aggs;
    bool only_total;
    bool after_items; /* HAVING, QUALIFY, ORDER BY are rewritten */
    bool has_sets;
    uint64_t *sets; /* bit i: key i is in the set */
    int64_t n_sets;
    MrColumn gid;
    /* windows */
    MrNamedExpr *windows;
    int64_t n_windows, cap_windows;
    /* generators: each one's rows for every row of those before it */
    ItemGenerator *generators;
    int64_t n_generators, cap_generators;
    /* order */
    MrExpr **sort_exprs;
    MrSortSpec *sort_specs;
    int32_t n_sort;
} Select;

/* ---------------------------------------------------------------- the select list */

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

static void item_add(Select *s, const char *name, bool is_alias, MrExpr *expr, MrSqlPlace place)
{
    Item item = {name, is_alias, expr, place};
    MR_PUSH(s->b->arena, s->items, s->n_items, s->cap_items, item);
    NamedItem named = {name, expr};
    MR_PUSH(s->b->arena, s->names, s->n_names, s->cap_names, named);
}

static const char *auto_name(const MrExpr *expr)
{
    if (expr->kind == MR_EXPR_OUTER || (expr->kind == MR_EXPR_COLUMN && expr->column.id >= 0))
        return expr->column.name;
    if (expr->kind == MR_EXPR_CALL && expr->bound->def &&
        strcmp(expr->bound->def->name, ".") == 0) {
        const MrExpr *base = expr->args[0];
        while (base->kind == MR_EXPR_CALL && base->bound->def &&
               strcmp(base->bound->def->name, ".") == 0)
            base = base->args[0];
        if (base->kind == MR_EXPR_COLUMN || base->kind == MR_EXPR_OUTER)
            return expr->args[1]->sql;
    }
    /* A cast of a column keeps the column's name. */
    if (expr->kind == MR_EXPR_CALL && expr->bound->def && expr->args[0] &&
        expr->args[0]->kind == MR_EXPR_COLUMN && expr->args[0]->column.id >= 0 &&
        (strcmp(expr->bound->def->name, "cast") == 0 ||
         strcmp(expr->bound->def->name, "try_cast") == 0))
        return expr->args[0]->column.name;
    return expr->sql;
}

static MrStatus generator_items(Select *s, const MrSqlExpr *ast, const Generator *gen)
{
    Binder *b = s->b;
    const MrType *type = gen->bound->type;
    ItemGenerator item = {gen, MR_NEW_N(b->arena, MrColumn, type->n_fields + 1), type->n_fields};
    MR_PUSH(b->arena, s->generators, s->n_generators, s->cap_generators, item);
    bool is_alias = ast->kind == MR_SQL_ALIAS;
    if (is_alias && ast->alias.n_names != type->n_fields &&
        !(ast->alias.n_names == 1 && type->n_fields == 1))
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_UDTF_ALIAS_NUMBER_MISMATCH, "aliasesSize",
                              mr_arena_printf(b->arena, "%d", type->n_fields), "aliasesNames",
                              mr__names_list(b, ast->alias.names, ast->alias.n_names)));
    for (int32_t i = 0; i < type->n_fields; i++) {
        const MrField *field = &type->fields[i];
        const char *name = is_alias ? ast->alias.names[i] : field->name;
        item.cols[i] =
            (MrColumn){mr_planner_id(b->planner), name, field->type, field->nullable || gen->outer};
        item_add(s, name, is_alias, mr_plan_column_expr(b->planner, &item.cols[i]), ast->place);
    }
    return MR_OK;
}

static MrStatus items_bind(Select *s)
{
    Binder *b = s->b;
    int32_t n_aliases = 0;
    for (int32_t i = 0; i < s->ast->n_items; i++)
        if (s->ast->items[i]->kind == MR_SQL_ALIAS)
            n_aliases += s->ast->items[i]->alias.n_names;
    NamedItem *laterals = MR_NEW_N(b->arena, NamedItem, n_aliases + 1);
    s->ctx.scope->laterals = laterals;
    s->ctx.scope->laterals_are_aliases = true;
    for (int32_t i = 0; i < s->ast->n_items; i++) {
        const MrSqlExpr *ast = s->ast->items[i];
        if (ast->kind == MR_SQL_STAR) {
            MrExpr **exprs = NULL;
            const char **names = NULL;
            int32_t n = 0;
            MR_TRY(mr__star_expand(b, &s->ctx, ast, &exprs, &names, &n));
            for (int32_t k = 0; k < n; k++)
                item_add(s, names[k], false, exprs[k], ast->place);
            continue;
        }
        const MrSqlExpr *value = ast->kind == MR_SQL_ALIAS ? ast->alias.value : ast;
        MrExpr *expr = NULL;
        s->ctx.allow_generator = value->kind == MR_SQL_CALL;
        s->ctx.generator = NULL;
        s->ctx.has_outer = s->ctx.has_lateral = false;
        MR_TRY(mr__expr_bind(b, &s->ctx, value, &expr));
        s->ctx.allow_generator = false;
        if (s->ctx.generator) {
            int64_t first = s->n_items;
            MR_TRY(generator_items(s, ast, s->ctx.generator));
            for (int64_t k = first; ast->kind == MR_SQL_ALIAS && k < s->n_items; k++)
                laterals[s->scope.n_laterals++] = (NamedItem){s->items[k].name, s->items[k].expr};
            continue;
        }
        if (ast->kind == MR_SQL_ALIAS) {
            if (ast->alias.n_names != 1)
                return mr__at(b, ast->place,
                              MR_FAIL(b->err, MR_COND_MULTI_ALIAS_WITHOUT_GENERATOR, "expr",
                                      mr__quote_sql(b, expr->sql), "names",
                                      mr__names_list(b, ast->alias.names, ast->alias.n_names)));
            item_add(s, ast->alias.names[0], true, expr, ast->place);
            laterals[s->scope.n_laterals++] = (NamedItem){ast->alias.names[0], expr};
        } else {
            bool named = ast->kind == MR_SQL_NAME &&
                         (ast->name.n_parts > 1 || (ast->name.n_parts > 0 && s->ctx.has_lateral));
            item_add(s, named ? ast->name.parts[ast->name.n_parts - 1] : auto_name(expr), false,
                     expr, ast->place);
        }
    }
    s->ctx.scope->laterals = NULL;
    s->ctx.scope->n_laterals = 0;
    s->ctx.scope->laterals_are_aliases = false;
    return MR_OK;
}

/* ---------------------------------------------------------------- GROUP BY */

static bool is_ordinal(const MrSqlExpr *ast, int64_t *out)
{
    bool negative = ast->kind == MR_SQL_UNARY && ast->unary.op == MR_SQL_MINUS;
    if (negative)
        ast = ast->unary.operand;
    if (ast->kind != MR_SQL_LITERAL || ast->lit.kind != MR_SQL_LIT_INTEGER ||
        ast->lit.type->kind != MR_TYPE_INT)
        return false;
    *out = negative ? -ast->lit.i64 : ast->lit.i64;
    return true;
}

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
    key.out = (MrColumn){plain ? expr->column.id : mr_planner_id(s->b->planner), auto_name(expr),
                         expr->type, expr->nullable};
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
    if (is_ordinal(ast, &ordinal) && mr__setting_bool(b, "spark.sql.groupByOrdinal", true)) {
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

/* All columns outside of aggregates: GROUP BY ALL. */
typedef struct AllCols {
    Select *s;
} AllCols;

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

static MrStatus groups_bind(Select *s)
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
            if (found) { /* a + sum(b): Spark cannot tell what to group by */
                const char *all = "ALL";
                return mr__at(b, ast->group_place,
                              MR_FAIL(b->err, MR_COND_UNRESOLVED_ALL_IN_GROUP_BY));
                (void)all;
            }
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

static MrStatus agg_rewrite(Select *s, MrExpr *expr, MrExpr **out);

static MrStatus list_rewrite(Select *s, MrExpr *const *exprs, int32_t n, MrExpr ***out)
{
    MrExpr **copy = MR_NEW_N(s->b->arena, MrExpr *, n + 1);
    for (int32_t i = 0; i < n; i++)
        MR_TRY(agg_rewrite(s, exprs[i], &copy[i]));
    *out = copy;
    return MR_OK;
}

static MrExpr *column_like(Select *s, const MrColumn *col, const MrExpr *expr)
{
    MrExpr *ref = mr_plan_column_expr(s->b->planner, col);
    ref->sql = expr->sql;
    ref->sql_idx = expr->sql_idx;
    ref->sql_len = expr->sql_len;
    return ref;
}

static bool is_generated(const Select *s, int32_t id)
{
    for (int64_t g = 0; g < s->n_generators; g++)
        for (int32_t i = 0; i < s->generators[g].n_cols; i++)
            if (s->generators[g].cols[i].id == id)
                return true;
    return false;
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

static MrStatus agg_rewrite(Select *s, MrExpr *expr, MrExpr **out)
{
    Binder *b = s->b;
    for (int64_t i = 0; i < s->n_keys; i++) {
        /* A literal that is a key is NULL in the sets without it. */
        if ((expr->kind != MR_EXPR_LITERAL || s->has_sets) &&
            mr__same_expr(expr, s->keys[i].expr)) {
            *out = column_like(s, &s->keys[i].out, expr);
            if (expr->kind == MR_EXPR_COLUMN)
                (*out)->column.name = expr->column.name;
            return MR_OK;
        }
    }
    switch (expr->kind) {
    case MR_EXPR_AGGREGATE: {
        for (int64_t i = 0; i < s->n_aggs; i++) {
            if (mr__same_expr(s->aggs[i].expr, expr)) {
                *out = column_like(s, &s->aggs[i].column, expr);
                return MR_OK;
            }
        }
        MrNamedExpr agg = {{mr_planner_id(b->planner), expr->sql, expr->type, expr->nullable},
                           expr};
        MR_PUSH(b->arena, s->aggs, s->n_aggs, s->cap_aggs, agg);
        *out = column_like(s, &agg.column, expr);
        return MR_OK;
    }
    case MR_EXPR_COLUMN:
        if (expr->column.id == MR__GROUPING || expr->column.id == MR__GROUPING_ID)
            return grouping_rewrite(s, expr, out);
        if (is_generated(s, expr->column.id)) {
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
            MR_TRY(agg_rewrite(s, expr->window.order[i].expr, &copy->window.order[i].expr));
        }
        if (expr->window.filter)
            MR_TRY(agg_rewrite(s, expr->window.filter, &copy->window.filter));
    }
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
            keys[n_all].column = s->plan->cols[c];
            keys[n_all++].expr = mr_plan_column_expr(b->planner, &s->plan->cols[c]);
        }
    }
    s->plan = mr_plan_aggregate(b->planner, s->plan, keys, n_all, s->aggs, (int32_t)s->n_aggs);
}

/* ---------------------------------------------------------------- windows */

static bool same_window(const MrExpr *a, const MrExpr *b)
{
    if (a->window.n_partition != b->window.n_partition || a->window.n_order != b->window.n_order)
        return false;
    for (int32_t i = 0; i < a->window.n_partition; i++)
        if (!mr__same_expr(a->window.partition[i], b->window.partition[i]))
            return false;
    for (int32_t i = 0; i < a->window.n_order; i++)
        if (!mr__same_expr(a->window.order[i].expr, b->window.order[i].expr) ||
            a->window.order[i].spec.descending != b->window.order[i].spec.descending ||
            a->window.order[i].spec.nulls_first != b->window.order[i].spec.nulls_first)
            return false;
    return true;
}

static MrExpr *window_take(void *self, MrExpr *expr)
{
    Select *s = self;
    if (expr->kind != MR_EXPR_WINDOW)
        return expr;
    for (int64_t i = 0; i < s->n_windows; i++)
        if (mr__same_expr(s->windows[i].expr, expr))
            return column_like(s, &s->windows[i].column, expr);
    MrNamedExpr window = {{mr_planner_id(s->b->planner), expr->sql, expr->type, expr->nullable},
                          expr};
    MR_PUSH(s->b->arena, s->windows, s->n_windows, s->cap_windows, window);
    return column_like(s, &window.column, expr);
}

static void windows_make(Select *s)
{
    bool *done = MR_NEW_N(s->b->arena, bool, s->n_windows + 1);
    for (int64_t i = 0; i < s->n_windows; i++) {
        if (done[i])
            continue;
        MrNamedExpr *exprs = MR_NEW_N(s->b->arena, MrNamedExpr, s->n_windows);
        int32_t n = 0;
        for (int64_t k = i; k < s->n_windows; k++) {
            if (!done[k] && same_window(s->windows[i].expr, s->windows[k].expr)) {
                exprs[n++] = s->windows[k];
                done[k] = true;
            }
        }
        s->plan = mr_plan_window(s->b->planner, s->plan, exprs, n);
    }
}

/* ---------------------------------------------------------------- conditions */

MrStatus mr__condition(Binder *b, MrSqlPlace place, const char *clause, MrExpr *expr, MrExpr **out)
{
    if (expr->type->kind != MR_TYPE_BOOLEAN) {
        const MrType *to =
            expr->type->kind == MR_TYPE_VOID || expr->type->kind == MR_TYPE_STRING
                ? mr_coerce_implicit(b->arena, b->settings, expr->type, MR_T(BOOLEAN))
                : NULL;
        if (!to)
            return mr__at(b, place,
                          MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__FILTER_NOT_BOOLEAN, "sqlExpr",
                                  mr__quote_sql(b, expr->sql), "filter",
                                  mr__quote_sql(b, expr->sql), "type",
                                  mr__quote_type(b, expr->type)));
        MR_TRY(mr__cast(b, expr, to, &expr));
    }
    (void)clause;
    *out = expr;
    return MR_OK;
}

static MrStatus no_windows(Binder *b, const char *clause, const MrExpr *expr)
{
    if (!mr__expr_has(expr, MR_EXPR_WINDOW))
        return MR_OK;
    return MR_FAIL(b->err, MR_COND_WINDOW_FUNCTION_NOT_ALLOWED_IN_CLAUSE, "clauseName", clause);
}

static MrStatus where_check(Binder *b, MrSqlPlace place, const MrExpr *expr)
{
    MR_TRY(no_windows(b, "WHERE", expr));
    if (!mr__is_of_groups(expr))
        return MR_OK;
    if (!mr__expr_has(expr, MR_EXPR_AGGREGATE))
        return mr__at(b, place, MR_FAIL(b->err, MR_COND_UNSUPPORTED_GROUPING_EXPRESSION));
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_INVALID_WHERE_CONDITION, "condition",
                          mr__quote_sql(b, expr->sql), "expressionList",
                          mr__expr_list_text(b, expr, MR_EXPR_AGGREGATE)));
}

/* ---------------------------------------------------------------- ORDER BY */

MrStatus mr__order_ordinal(Binder *b, const MrSqlExpr *ast, int64_t n_items, int64_t *out)
{
    int64_t ordinal = 0;
    *out = 0;
    if (!is_ordinal(ast, &ordinal) || !mr__setting_bool(b, "spark.sql.orderByOrdinal", true))
        return MR_OK;
    if (ordinal < 1 || ordinal > n_items)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_ORDER_BY_POS_OUT_OF_RANGE, "index",
                              mr_arena_printf(b->arena, "%lld", (long long)ordinal), "size",
                              mr_arena_printf(b->arena, "%lld", (long long)n_items)));
    *out = ordinal;
    return MR_OK;
}

MrStatus mr__order_check(Binder *b, MrSqlPlace place, const MrExpr *expr, MrSortSpec spec)
{
    if (mr_type_is_orderable(expr->type))
        return MR_OK;
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__INVALID_ORDERING_TYPE, "functionName",
                          "`sortorder`", "dataType", mr__quote_type(b, expr->type), "sqlExpr",
                          mr__quote_sql(b, mr_arena_printf(b->arena, "%s %s NULLS %s", expr->sql,
                                                           spec.descending ? "DESC" : "ASC",
                                                           spec.nulls_first ? "FIRST" : "LAST"))));
}

/* ALL is a name when something has it. */
bool mr__names_all(const Binder *b, const NamedItem *items, int64_t n_items, const Scope *scope)
{
    for (int64_t i = 0; i < n_items; i++)
        if (mr__name_equal(b, items[i].name, "all"))
            return true;
    for (int32_t i = 0; i < scope->n_cols; i++)
        if (!scope->cols[i].hidden && mr__name_equal(b, scope->cols[i].col.name, "all"))
            return true;
    return false;
}

static MrStatus order_bind(Select *s, const MrSqlQuery *query)
{
    Binder *b = s->b;
    int32_t n = query->n_order;
    if (query->order_by_all && !mr__names_all(b, s->names, s->n_names, &s->scope)) {
        s->n_sort = (int32_t)s->n_items;
        s->sort_exprs = MR_NEW_N(b->arena, MrExpr *, s->n_sort + 1);
        s->sort_specs = MR_NEW_N(b->arena, MrSortSpec, s->n_sort + 1);
        for (int32_t i = 0; i < s->n_sort; i++) {
            s->sort_exprs[i] = s->items[i].expr;
            s->sort_specs[i] = mr__sort_spec(&query->order[0]);
        }
        return MR_OK;
    }
    const MrSqlSort *order = query->order;
    MrSqlSort *cluster = NULL;
    if (n == 0 && query->n_sort > 0) {
        n = query->n_sort;
        order = query->sort;
    } else if (n == 0 && query->n_cluster > 0) {
        n = query->n_cluster;
        cluster = MR_NEW_N(b->arena, MrSqlSort, n);
        for (int32_t i = 0; i < n; i++)
            cluster[i] = (MrSqlSort){.place = query->cluster[i]->place, .expr = query->cluster[i]};
        order = cluster;
    }
    s->n_sort = n;
    s->sort_exprs = MR_NEW_N(b->arena, MrExpr *, n + 1);
    s->sort_specs = MR_NEW_N(b->arena, MrSortSpec, n + 1);
    s->scope.outputs = s->names;
    s->scope.n_outputs = (int32_t)s->n_names;
    int32_t n_cols = s->scope.n_cols;
    ScopeCol *cols = s->scope.cols;
    if (s->ast->distinct) { /* only what is selected may be sorted by */
        s->scope.n_cols = 0;
    }
    MrStatus status = MR_OK;
    for (int32_t i = 0; status == MR_OK && i < n; i++) {
        int64_t ordinal = 0;
        s->sort_specs[i] = mr__sort_spec(&order[i]);
        if (status == MR_OK)
            status = mr__order_ordinal(b, order[i].expr, s->n_items, &ordinal);
        if (status != MR_OK)
            break;
        if (ordinal > 0) {
            s->sort_exprs[i] = s->items[ordinal - 1].expr;
        } else if (s->ast->distinct) {
            ScopeCol *out_cols = MR_NEW_N(b->arena, ScopeCol, s->n_items + 1);
            for (int64_t k = 0; k < s->n_items; k++)
                out_cols[k] =
                    (ScopeCol){.col = {-1, s->items[k].name, s->items[k].expr->type, true},
                               .expr = s->items[k].expr};
            /* Names qualified with their table still mean the selected column. */
            for (int64_t k = 0; k < s->n_items; k++)
                for (int32_t c = 0; c < n_cols; c++)
                    if (s->items[k].expr->kind == MR_EXPR_COLUMN &&
                        s->items[k].expr->column.id == cols[c].col.id) {
                        out_cols[k].qual = cols[c].qual;
                        out_cols[k].n_qual = cols[c].n_qual;
                    }
            s->scope.cols = out_cols;
            s->scope.n_cols = (int32_t)s->n_items;
            s->scope.n_outputs = 0;
            status = mr__expr_bind(b, &s->ctx, order[i].expr, &s->sort_exprs[i]);
        } else {
            status = mr__expr_bind(b, &s->ctx, order[i].expr, &s->sort_exprs[i]);
        }
        if (status == MR_OK)
            status = mr__order_check(b, order[i].place, s->sort_exprs[i], s->sort_specs[i]);
    }
    s->scope.cols = cols;
    s->scope.n_cols = n_cols;
    s->scope.outputs = NULL;
    s->scope.n_outputs = 0;
    return status;
}

/* ---------------------------------------------------------------- all together */

static MrStatus distinct_make(Binder *b, MrPlan *plan, MrPlan **out)
{
    MrNamedExpr *keys = MR_NEW_N(b->arena, MrNamedExpr, plan->n_cols + 1);
    int32_t n = 0;
    for (int32_t i = 0; i < plan->n_cols; i++) {
        const MrType *type = plan->cols[i].type;
        if (type->kind == MR_TYPE_MAP)
            return MR_FAIL(b->err, MR_COND_UNSUPPORTED_FEATURE__SET_OPERATION_ON_MAP_TYPE,
                           "colName", mr__quote_name(b, &plan->cols[i].name, 1), "dataType",
                           mr__quote_type(b, type));
        if (type->kind == MR_TYPE_VARIANT)
            return MR_FAIL(b->err, MR_COND_UNSUPPORTED_FEATURE__SET_OPERATION_ON_VARIANT_TYPE,
                           "colName", mr__quote_name(b, &plan->cols[i].name, 1), "dataType",
                           mr__quote_type(b, type));
        keys[n].column = plan->cols[i];
        keys[n++].expr = mr_plan_column_expr(b->planner, &plan->cols[i]);
    }
    *out = mr_plan_aggregate(b->planner, plan, keys, n, NULL, 0);
    return MR_OK;
}

MrStatus mr__distinct(Binder *b, MrPlan *plan, MrPlan **out)
{
    return distinct_make(b, plan, out);
}

static MrStatus final_make(Select *s, const MrSqlQuery *query, Rel *out)
{
    Binder *b = s->b;
    int32_t n = (int32_t)s->n_items, n_all = n;
    MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, n + s->n_sort + 1);
    for (int32_t i = 0; i < n; i++) {
        const Item *item = &s->items[i];
        bool plain = item->expr->kind == MR_EXPR_COLUMN &&
                     (!item->is_alias || is_generated(s, item->expr->column.id));
        exprs[i].column = (MrColumn){plain ? item->expr->column.id : mr_planner_id(b->planner),
                                     item->name, item->expr->type, item->expr->nullable};
        exprs[i].expr = item->expr;
    }
    MrSortKey *keys = MR_NEW_N(b->arena, MrSortKey, s->n_sort + 1);
    for (int32_t i = 0; i < s->n_sort; i++) {
        int32_t at = -1;
        for (int32_t k = 0; k < n_all && at < 0; k++)
            if (mr__same_expr(exprs[k].expr, s->sort_exprs[i]) && mr_expr_is_pure(exprs[k].expr))
                at = k;
        for (int32_t k = 0; k < n && at < 0; k++) /* rand() AS r ORDER BY r: the very column */
            if (s->sort_exprs[i] == exprs[k].expr ||
                (exprs[k].expr->kind == s->sort_exprs[i]->kind &&
                 exprs[k].expr->args == s->sort_exprs[i]->args && exprs[k].expr->n_args > 0))
                at = k;
        if (at < 0) {
            MrExpr *expr = s->sort_exprs[i];
            at = n_all++;
            exprs[at].column = (MrColumn){expr->kind == MR_EXPR_COLUMN ? expr->column.id
                                                                       : mr_planner_id(b->planner),
                                          expr->sql, expr->type, expr->nullable};
            exprs[at].expr = expr;
        }
        keys[i].expr = mr_plan_column_expr(b->planner, &exprs[at].column);
        keys[i].spec = s->sort_specs[i];
    }
    MrPlan *plan = s->plan;
    if (s->ast->distinct && n_all > n) {
        /* ORDER BY an expression over what is selected: computed after DISTINCT. */
        plan = mr_plan_project(b->planner, plan, exprs, n);
        MR_TRY(distinct_make(b, plan, &plan));
        MrNamedExpr *more = MR_NEW_N(b->arena, MrNamedExpr, n_all);
        for (int32_t i = 0; i < n; i++) {
            more[i].column = exprs[i].column;
            more[i].expr = mr_plan_column_expr(b->planner, &exprs[i].column);
        }
        for (int32_t i = n; i < n_all; i++) {
            more[i] = exprs[i];
            more[i].expr = mr__expr_replace(b, exprs[i].expr, exprs, n);
        }
        plan = mr_plan_project(b->planner, plan, more, n_all);
    } else {
        plan = mr_plan_project(b->planner, plan, exprs, n_all);
        if (s->ast->distinct)
            MR_TRY(distinct_make(b, plan, &plan));
    }
    if (s->n_sort > 0) {
        plan = mr_plan_sort(b->planner, plan, keys, s->n_sort, query->n_order > 0);
        if (n_all > n) {
            MrNamedExpr *kept = MR_NEW_N(b->arena, MrNamedExpr, n + 1);
            for (int32_t i = 0; i < n; i++) {
                kept[i].column = exprs[i].column;
                kept[i].expr = mr_plan_column_expr(b->planner, &exprs[i].column);
            }
            plan = mr_plan_project(b->planner, plan, kept, n);
        }
    }
    out->plan = plan;
    out->n_cols = n;
    out->cols = MR_NEW_N(b->arena, ScopeCol, n + 1);
    for (int32_t i = 0; i < n; i++)
        out->cols[i] = (ScopeCol){.col = plan->cols[i]};
    return MR_OK;
}

typedef struct Replace {
    Binder *b;
    const MrNamedExpr *exprs;
    int32_t n;
} Replace;

static MrExpr *replace_visit(Replace *r, MrExpr *expr)
{
    for (int32_t i = 0; i < r->n; i++)
        if (mr__same_expr(r->exprs[i].expr, expr))
            return mr_plan_column_expr(r->b->planner, &r->exprs[i].column);
    if (expr->n_args == 0)
        return expr;
    MrExpr *copy = MR_NEW(r->b->arena, MrExpr);
    *copy = *expr;
    copy->args = MR_NEW_N(r->b->arena, MrExpr *, expr->n_args);
    for (int32_t i = 0; i < expr->n_args; i++)
        copy->args[i] = replace_visit(r, expr->args[i]);
    return copy;
}

/* Parts of the expression that equal one of exprs become its column. */
MrExpr *mr__expr_replace(Binder *b, MrExpr *expr, const MrNamedExpr *exprs, int32_t n)
{
    Replace replace = {b, exprs, n};
    return replace_visit(&replace, expr);
}

MrStatus mr__select_bind(Binder *b, const MrSqlSelect *ast, const MrSqlQuery *query, Rel *input,
                         Scope *outer, Rel *out)
{
    Select s = {.b = b, .ast = ast};
    Rel from = {0};
    MrExpr *where = NULL, *having = NULL, *qualify = NULL;
    if (input)
        from = *input;
    else if (ast->from)
        MR_TRY(mr__relation_bind(b, ast->from, outer, &from));
    else
        from.plan = mr_plan_values_one(b->planner);
    MR_TRY(mr__time_windows(b, ast, outer, &from));
    s.plan = from.plan;
    s.scope = (Scope){.outer = outer, .n_cols = from.n_cols, .cols = from.cols};
    s.ctx = (Ctx){.scope = &s.scope, .windows = ast->windows, .n_windows = ast->n_windows};
    if (ast->n_windows == 0 && query && query->n_windows > 0) {
        s.ctx.windows = query->windows;
        s.ctx.n_windows = query->n_windows;
    }
    if (ast->where) {
        Ctx ctx = s.ctx;
        MR_TRY(mr__expr_bind(b, &ctx, ast->where, &where));
        MR_TRY(mr__condition(b, ast->where->place, "WHERE", where, &where));
        MR_TRY(where_check(b, ast->where->place, where));
        s.plan = mr_plan_filter(b->planner, s.plan, where);
    }
    MR_TRY(items_bind(&s));
    if (ast->has_group)
        MR_TRY(groups_bind(&s));
    if (ast->having) {
        s.scope.outputs = s.names;
        s.scope.n_outputs = (int32_t)s.n_names;
        int32_t *ids = MR_NEW_N(b->arena, int32_t, s.n_keys + 1);
        for (int64_t i = 0; i < s.n_keys; i++)
            if (s.keys[i].expr->kind == MR_EXPR_COLUMN)
                ids[s.scope.n_first_ids++] = s.keys[i].expr->column.id;
        s.scope.first_ids = ids;
        MR_TRY(mr__expr_bind(b, &s.ctx, ast->having, &having));
        s.scope.n_first_ids = 0;
        s.scope.n_outputs = 0;
        s.scope.outputs = NULL;
        MR_TRY(no_windows(b, "HAVING", having));
        if (having->type->kind != MR_TYPE_BOOLEAN) /* Spark casts it as if it were written */
            MR_TRY(mr__cast_written(b, ast->having->place, having, MR_T(BOOLEAN), false, &having));
    }
    if (ast->qualify) {
        NamedItem *all = s.names;
        s.scope.laterals = all;
        s.scope.n_laterals = (int32_t)s.n_names;
        MR_TRY(mr__expr_bind(b, &s.ctx, ast->qualify, &qualify));
        s.scope.laterals = NULL;
        s.scope.n_laterals = 0;
        MR_TRY(mr__condition(b, ast->qualify->place, "QUALIFY", qualify, &qualify));
    }
    if (query && (query->n_order > 0 || query->n_sort > 0 || query->n_cluster > 0))
        MR_TRY(order_bind(&s, query));
    s.is_agg = ast->has_group || s.ctx.has_aggregate || having || s.scope.n_inner_aggs > 0;
    for (int64_t i = 0; i < s.scope.n_inner_aggs; i++)
        MR_PUSH(b->arena, s.aggs, s.n_aggs, s.cap_aggs, s.scope.inner_aggs[i]);
    if (s.is_agg) {
        if (s.has_sets)
            MR_TRY(expand_make(&s));
        Item *items = MR_NEW_N(b->arena, Item, s.n_items + 1);
        for (int64_t i = 0; i < s.n_items; i++) {
            items[i] = s.items[i];
            MR_TRY(agg_rewrite(&s, s.items[i].expr, &items[i].expr));
        }
        s.after_items = true;
        if (having && is_hidden(&s, having))
            for (int32_t i = 0; i < s.n_sort; i++)
                MR_TRY(sort_visible(&s, s.sort_exprs[i]));
        if (having)
            MR_TRY(agg_rewrite(&s, having, &having));
        if (qualify)
            MR_TRY(agg_rewrite(&s, qualify, &qualify));
        for (int32_t i = 0; i < s.n_sort; i++)
            MR_TRY(agg_rewrite(&s, s.sort_exprs[i], &s.sort_exprs[i]));
        s.after_items = false;
        for (int64_t i = 0; i < s.n_generators; i++) {
            Generator *gen = MR_NEW(b->arena, Generator);
            *gen = *s.generators[i].call;
            MR_TRY(list_rewrite(&s, s.generators[i].call->args, gen->n_args, &gen->args));
            s.generators[i].call = gen;
        }
        s.items = items;
        int32_t session = session_key(&s);
        if (session >= 0 && s.has_sets)
            return MR_FAIL_UNSUPPORTED(b->err, "session_window() in grouping sets");
        aggregate_make(&s);
        s.plan->aggregate.session_key = session;
        if (having)
            s.plan = mr_plan_filter(b->planner, s.plan, having);
    }
    if (s.ctx.has_window) {
        for (int64_t i = 0; i < s.n_items; i++)
            s.items[i].expr = mr_expr_map(b->arena, s.items[i].expr, window_take, &s);
        if (qualify)
            qualify = mr_expr_map(b->arena, qualify, window_take, &s);
        for (int32_t i = 0; i < s.n_sort; i++)
            s.sort_exprs[i] = mr_expr_map(b->arena, s.sort_exprs[i], window_take, &s);
        windows_make(&s);
    }
    if (qualify)
        s.plan = mr_plan_filter(b->planner, s.plan, qualify);
    for (int64_t i = 0; i < s.n_generators; i++) {
        const Generator *gen = s.generators[i].call;
        int32_t n = s.generators[i].n_cols;
        s.plan = mr_plan_generate(b->planner, s.plan, gen->def, gen->bound, gen->args, gen->n_args,
                                  gen->outer);
        MrColumn *cols = MR_NEW_N(b->arena, MrColumn, s.plan->n_cols);
        memcpy(cols, s.plan->cols, sizeof(MrColumn) * (size_t)s.plan->n_cols);
        memcpy(cols + s.plan->n_cols - n, s.generators[i].cols, sizeof(MrColumn) * (size_t)n);
        s.plan->cols = cols;
    }
    return final_make(&s, query, out);
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
        MR_TRY(agg_rewrite(&s, exprs[i], &expr));
        named[n_keys + i] = (MrNamedExpr){
            {mr_planner_id(b->planner), exprs[i]->sql, expr->type, expr->nullable}, expr};
    }
    aggregate_make(&s);
    for (int32_t i = 0; i < n_keys; i++)
        named[i] =
            (MrNamedExpr){s.keys[at[i]].out, mr_plan_column_expr(b->planner, &s.keys[at[i]].out)};
    *out = mr_plan_project(b->planner, s.plan, named, n_keys + n_exprs);
    return MR_OK;
}
