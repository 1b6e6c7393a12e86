/* bind_name.c - from names to columns: scopes, qualifiers, fields, outer references, suggestions.
 */
#include "sql/bind_int.h"

bool mr__name_equal(const Binder *b, const char *x, const char *y)
{
    return b->settings->case_sensitive ? strcmp(x, y) == 0 : mr_str_equal_nocase(x, y);
}

const char *mr__quote_sql(Binder *b, const char *sql)
{
    return mr_arena_printf(b->arena, "\"%s\"", sql);
}

const char *mr__quote_type(Binder *b, const MrType *type)
{
    return mr_arena_printf(b->arena, "\"%s\"", mr_type_sql_text(b->arena, type));
}

const char *mr__name_dotted(Binder *b, const char *const *parts, int32_t n_parts)
{
    MrTextBuilder out = {.arena = b->arena};
    for (int32_t i = 0; i < n_parts; i++) {
        if (i > 0)
            mr_builder_char(&out, '.');
        mr_builder_str(&out, parts[i]);
    }
    return mr_builder_text(&out).data;
}

MrStatus mr__at(Binder *b, MrSqlPlace place, MrStatus status)
{
    if (status != MR_OK && place.len > 0)
        mr_error_at(b->err, place.idx, place.len);
    return status;
}

/* ---------------------------------------------------------------- columns */

/* Whether the last n of a column's qualifiers are the n given parts. */
static bool qualifier_fits(const Binder *b, const ScopeCol *col, const char *const *parts,
                           int32_t n)
{
    if (n > col->n_qual)
        return false;
    /* Spark knows t.c, db.t.c and catalog.db.t.c: always a tail of the full qualifier. */
    for (int32_t i = 0; i < n; i++)
        if (!mr__name_equal(b, col->qual[col->n_qual - n + i], parts[i]))
            return false;
    return true;
}

static bool col_same(const ScopeCol *x, const ScopeCol *y)
{
    return x->col.id == y->col.id && x->expr == y->expr;
}

/* Columns that the name may mean: n_used parts of it are qualifier and column. */
static int32_t cols_match(const Binder *b, const Scope *scope, const char *const *parts,
                          int32_t n_parts, int32_t *n_used, const ScopeCol **out, int32_t cap)
{
    for (int32_t n_qual = n_parts - 1 < 3 ? n_parts - 1 : 3; n_qual >= 0; n_qual--) {
        for (int32_t hidden = 0; hidden < 2; hidden++) {
            int32_t n = 0;
            for (int32_t i = 0; i < scope->n_cols; i++) {
                const ScopeCol *col = &scope->cols[i];
                if (col->hidden != (hidden == 1) || (col->hidden && n_qual == 0) ||
                    !mr__name_equal(b, col->col.name, parts[n_qual]) ||
                    !qualifier_fits(b, col, parts, n_qual))
                    continue;
                bool known = false;
                for (int32_t k = 0; k < n && k < cap; k++)
                    known = known || col_same(out[k], col);
                if (!known && n < cap)
                    out[n++] = col;
            }
            if (n > 0) {
                *n_used = n_qual + 1;
                return n;
            }
        }
    }
    return 0;
}

static MrStatus fail_ambiguous(Binder *b, MrSqlPlace place, const char *const *parts,
                               int32_t n_parts, const ScopeCol **found, int32_t n_found)
{
    MrTextBuilder list = {.arena = b->arena};
    mr_builder_char(&list, '[');
    for (int32_t i = 0; i < n_found; i++) {
        const char **full = MR_NEW_N(b->arena, const char *, found[i]->n_qual + 1);
        for (int32_t k = 0; k < found[i]->n_qual; k++)
            full[k] = found[i]->qual[k];
        full[found[i]->n_qual] = found[i]->col.name;
        mr_builder_printf(&list, "%s%s", i ? ", " : "",
                          mr_quote_names(b->arena, full, found[i]->n_qual + 1));
    }
    mr_builder_char(&list, ']');
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_AMBIGUOUS_REFERENCE, "name",
                          mr_quote_names(b->arena, parts, n_parts), "referenceNames",
                          mr_builder_text(&list).data));
}

MrExpr *mr__column_expr(Binder *b, const ScopeCol *col, const char *name, MrSqlPlace place)
{
    MrExpr *expr;
    if (col->expr) {
        expr = MR_NEW(b->arena, MrExpr);
        *expr = *col->expr;
    } else {
        expr = mr_expr_column(b->arena, col->col.id, name, col->col.type, col->col.nullable);
    }
    expr->sql = name;
    expr->sql_idx = place.idx;
    expr->sql_len = place.len;
    return expr;
}

/* Fields of what is found: the parts that are left. */
static MrStatus fields_take(Binder *b, MrSqlPlace place, MrExpr *base, const char *const *parts,
                            int32_t n_parts, MrExpr **out)
{
    for (int32_t i = 0; i < n_parts; i++)
        MR_TRY(mr__field_bind(b, place, base, parts[i], &base));
    *out = base;
    return MR_OK;
}

static const NamedItem *item_find(const Binder *b, const NamedItem *items, int32_t n_items,
                                  const char *name, int32_t *n_found)
{
    const NamedItem *found = NULL;
    *n_found = 0;
    for (int32_t i = 0; i < n_items; i++) {
        if (!items[i].expr || !items[i].name || !mr__name_equal(b, items[i].name, name))
            continue;
        if (found && mr_expr_equal(found->expr, items[i].expr))
            continue;
        found = &items[i];
        ++*n_found;
    }
    return found;
}

static MrExpr *item_expr(Binder *b, const NamedItem *item, const char *name, MrSqlPlace place)
{
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    *expr = *item->expr;
    expr->sql = name;
    expr->sql_idx = place.idx;
    expr->sql_len = place.len;
    return expr;
}

typedef struct ToOuter {
    Binder *b;
    const Scope *scope;
} ToOuter;

static MrExpr *to_outer(void *self, MrExpr *expr)
{
    const ToOuter *outer = self;
    Binder *b = outer->b;
    if (expr->kind != MR_EXPR_COLUMN)
        return expr;
    expr->kind = MR_EXPR_OUTER;
    for (int32_t i = 0; i < outer->scope->n_cols; i++) {
        const ScopeCol *col = &outer->scope->cols[i];
        if (col->col.id == expr->column.id)
            expr->sql =
                col->n_qual > 0
                    ? mr_arena_printf(b->arena, "outer(%s.%s)",
                                      mr__name_dotted(b, col->qual, col->n_qual), expr->column.name)
                    : mr_arena_printf(b->arena, "outer(%s)", expr->column.name);
    }
    return expr;
}

static MrStatus scope_resolve(Binder *b, Ctx *ctx, Scope *scope, const char *const *parts,
                              int32_t n_parts, MrSqlPlace place, bool is_own, MrExpr **out)
{
    const ScopeCol *found[16];
    int32_t n_used = 0, n_items = 0;
    *out = NULL;
    if (scope->n_first_ids > 0 && cols_match(b, scope, parts, n_parts, &n_used, found, 16) == 1) {
        for (int32_t i = 0; i < scope->n_first_ids; i++) {
            if (scope->first_ids[i] != found[0]->col.id)
                continue;
            MrExpr *base = mr__column_expr(b, found[0], parts[n_used - 1], place);
            return fields_take(b, place, base, parts + n_used, n_parts - n_used, out);
        }
    }
    if (scope->outputs && !(is_own && ctx->outputs_off)) {
        const NamedItem *item = item_find(b, scope->outputs, scope->n_outputs, parts[0], &n_items);
        if (n_items > 1 && cols_match(b, scope, parts, n_parts, &n_used, found, 16) == 1)
            item = NULL; /* then it is the column below */
        if (n_items > 1 && item) {
            MrTextBuilder list = {.arena = b->arena};
            for (int32_t i = 0; i < n_items; i++)
                mr_builder_printf(&list, "%s%s", i ? ", " : "[",
                                  mr_quote_name(b->arena, item->name));
            mr_builder_char(&list, ']');
            return mr__at(b, place,
                          MR_FAIL(b->err, MR_COND_AMBIGUOUS_REFERENCE, "name",
                                  mr_quote_names(b->arena, parts, n_parts), "referenceNames",
                                  mr_builder_text(&list).data));
        }
        if (item) {
            const ScopeCol *in_cols[16];
            int32_t used_cols = 0;
            /* t.a where a is also an output: the longer match wins only when it is qualified. */
            int32_t n =
                n_parts > 1 ? cols_match(b, scope, parts, n_parts, &used_cols, in_cols, 16) : 0;
            if (n == 0 || used_cols == 1) {
                MR_TRY(fields_take(b, place, item_expr(b, item, parts[0], place), parts + 1,
                                   n_parts - 1, out));
                return MR_OK;
            }
        }
    }
    int32_t n = cols_match(b, scope, parts, n_parts, &n_used, found, 16);
    if (n > 1)
        return fail_ambiguous(b, place, parts, n_parts, found, n);
    if (n == 1) {
        MrExpr *base = mr__column_expr(b, found[0], parts[n_used - 1], place);
        return fields_take(b, place, base, parts + n_used, n_parts - n_used, out);
    }
    return MR_OK;
}

static MrStatus lateral_resolve(Binder *b, Ctx *ctx, Scope *scope, const char *const *parts,
                                int32_t n_parts, MrSqlPlace place, MrExpr **out)
{
    int32_t n_items = 0;
    const NamedItem *item = item_find(b, scope->laterals, scope->n_laterals, parts[0], &n_items);
    if (n_items > 1)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_AMBIGUOUS_LATERAL_COLUMN_ALIAS, "name",
                              mr_quote_names(b->arena, parts, 1), "n",
                              mr_arena_printf(b->arena, "%d", n_items)));
    if (!item)
        return MR_OK;
    ctx->has_lateral = true;
    const char *shown = scope->laterals_are_aliases
                            ? mr_arena_printf(b->arena, "lateralAliasReference(%s)", parts[0])
                            : parts[0];
    return fields_take(b, place, item_expr(b, item, shown, place), parts + 1, n_parts - 1, out);
}

/* ---------------------------------------------------------------- suggestions */

typedef struct Candidate {
    const char *const *parts;
    int32_t n_parts;
    int distance;
} Candidate;

static const char *suggestions(Binder *b, const char *name, const Scope *scope)
{
    Candidate *list = MR_NEW_N(b->arena, Candidate, scope->n_cols + 1);
    int32_t n = 0, n_common = -1;
    for (int32_t i = 0; i < scope->n_cols; i++) {
        const ScopeCol *col = &scope->cols[i];
        if (col->hidden)
            continue;
        const char **parts = MR_NEW_N(b->arena, const char *, col->n_qual + 1);
        for (int32_t k = 0; k < col->n_qual; k++)
            parts[k] = col->qual[k];
        parts[col->n_qual] = col->col.name;
        list[n++] = (Candidate){parts, col->n_qual + 1, 0};
    }
    /* What all share in front is left out. */
    for (int32_t i = 0; i < n; i++) {
        int32_t same = 0;
        while (same < list[i].n_parts - 1 && same < list[0].n_parts - 1 &&
               mr__name_equal(b, list[i].parts[same], list[0].parts[same]))
            same++;
        n_common = n_common < 0 || same < n_common ? same : n_common;
    }
    for (int32_t i = 0; i < n; i++) {
        list[i].parts += n_common;
        list[i].n_parts -= n_common;
        const char *text =
            mr_arena_lower(b->arena, mr_text(mr__name_dotted(b, list[i].parts, list[i].n_parts)));
        list[i].distance =
            mr_text_distance(mr_text(mr_arena_lower(b->arena, mr_text(name))), mr_text(text), 1000);
    }
    for (int32_t i = 1; i < n; i++) /* stable, few columns matter */
        for (int32_t k = i; k > 0 && list[k].distance < list[k - 1].distance; k--) {
            Candidate swap = list[k];
            list[k] = list[k - 1];
            list[k - 1] = swap;
        }
    MrTextBuilder out = {.arena = b->arena};
    for (int32_t i = 0; i < n && i < 5; i++)
        mr_builder_printf(&out, "%s%s", i ? ", " : "",
                          mr_quote_names(b->arena, list[i].parts, list[i].n_parts));
    return mr_builder_text(&out).data;
}

MrStatus mr__fail_unresolved(Binder *b, const Scope *scope, const char *const *parts,
                             int32_t n_parts, MrSqlPlace place)
{
    const char *name = mr_quote_names(b->arena, parts, n_parts);
    int32_t n_visible = 0;
    for (int32_t i = 0; i < scope->n_cols; i++)
        n_visible += !scope->cols[i].hidden;
    if (n_visible == 0)
        return mr__at(
            b, place,
            MR_FAIL(b->err, MR_COND_UNRESOLVED_COLUMN__WITHOUT_SUGGESTION, "objectName", name));
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_UNRESOLVED_COLUMN__WITH_SUGGESTION, "objectName", name,
                          "proposal", suggestions(b, mr__name_dotted(b, parts, n_parts), scope)));
}

/* ---------------------------------------------------------------- names */

/* Names that are functions without brackets, when no column has them. */
static const char *const literal_functions[] = {
    "current_date", "current_timestamp", "localtimestamp",  "current_time",     "current_user",
    "user",         "session_user",      "current_catalog", "current_database", NULL};

static MrStatus literal_function(Binder *b, Ctx *ctx, const char *name, MrSqlPlace place,
                                 MrExpr **out)
{
    for (int32_t i = 0; literal_functions[i]; i++) {
        if (!mr_str_equal_nocase(literal_functions[i], name))
            continue;
        if (!mr_function_exists(literal_functions[i]))
            return MR_OK;
        const char *sql = mr_arena_printf(b->arena, "%s()", literal_functions[i]);
        return mr__call_bind(b, ctx, place, literal_functions[i], NULL, 0, sql, out);
    }
    return MR_OK;
}

MrStatus mr__name_bind(Binder *b, Ctx *ctx, const MrSqlName *name, MrSqlPlace place, MrExpr **out)
{
    const char *const *parts = (const char *const *)name->parts;
    int32_t n_parts = name->n_parts;
    *out = NULL;
    for (LambdaVars *vars = ctx->lambdas; vars; vars = vars->outer) {
        for (int32_t i = 0; i < vars->n; i++) {
            if (!mr__name_equal(b, vars->names[i], parts[0]))
                continue;
            MrExpr *param = MR_NEW(b->arena, MrExpr);
            *param = *vars->params[i];
            param->sql_idx = place.idx;
            param->sql_len = place.len;
            return fields_take(b, place, param, parts + 1, n_parts - 1, out);
        }
    }
    Scope *own = ctx->scope;
    MR_TRY(scope_resolve(b, ctx, own, parts, n_parts, place, true, out));
    if (*out)
        return MR_OK;
    if (n_parts == 1) {
        MR_TRY(literal_function(b, ctx, parts[0], place, out));
        if (*out)
            return MR_OK;
    }
    MR_TRY(lateral_resolve(b, ctx, own, parts, n_parts, place, out));
    if (*out)
        return MR_OK;
    int32_t level = 1;
    for (Scope *scope = own->opaque ? NULL : own->outer; scope; level++) {
        MR_TRY(scope_resolve(b, ctx, scope, parts, n_parts, place, false, out));
        if (*out) {
            ctx->has_outer = true;
            ToOuter outer = {b, scope};
            *out = mr_expr_map(b->arena, *out, to_outer, &outer);
            return MR_OK;
        }
        scope = scope->opaque ? NULL : scope->outer;
    }
    if (b->catalog->find_variable) {
        for (int32_t n = n_parts; n > 0; n--) {
            MrBindVariable var = {0};
            MR_TRY(b->catalog->find_variable(b->catalog->self, &b->place, parts, n, b->arena, &var,
                                             b->err));
            if (!var.found)
                continue;
            MrExpr *value = mr_expr_literal(b->arena, var.value);
            MrTextBuilder text = {.arena = b->arena};
            mr_value_text(var.value, 0, MR_TEXT_SQL, b->settings, &text);
            value->sql = mr_arena_printf(b->arena, "variablereference(system.session.%s=%s)",
                                         var.name, mr_builder_text(&text).data);
            value->nullable = true;
            value->sql_idx = place.idx;
            value->sql_len = place.len;
            return fields_take(b, place, value, parts + n, n_parts - n, out);
        }
    }
    return mr__fail_unresolved(b, own, parts, n_parts, place);
}

/* ---------------------------------------------------------------- fields */

MrStatus mr__field_bind(Binder *b, MrSqlPlace place, MrExpr *base, const char *name, MrExpr **out)
{
    const MrType *type = base->type;
    const MrType *holder = type->kind == MR_TYPE_ARRAY ? type->fields[0].type : type;
    const char *sql = mr_arena_printf(b->arena, "%s.%s", base->sql, name);
    if (type->kind == MR_TYPE_MAP) {
        MrExpr *key = mr__literal_text(b, name);
        return mr__subscript_bind(b, place, base, key, out);
    }
    if (type->kind == MR_TYPE_VOID) {
        *out = mr_expr_null(b->arena, MR_T(VOID));
        (*out)->sql = sql;
        return MR_OK;
    }
    if (holder->kind != MR_TYPE_STRUCT)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_INVALID_EXTRACT_BASE_FIELD_TYPE, "base",
                              mr__quote_sql(b, base->sql), "other", mr__quote_type(b, type)));
    int32_t found = -1, n_found = 0;
    for (int32_t i = 0; i < holder->n_fields; i++)
        if (mr__name_equal(b, holder->fields[i].name, name)) {
            found = found < 0 ? i : found;
            n_found++;
        }
    if (n_found == 0) {
        MrTextBuilder list = {.arena = b->arena};
        for (int32_t i = 0; i < holder->n_fields; i++)
            mr_builder_printf(&list, "%s%s", i ? ", " : "",
                              mr_quote_name(b->arena, holder->fields[i].name));
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_FIELD_NOT_FOUND, "fieldName",
                              mr_quote_name(b->arena, name), "fields",
                              mr_builder_text(&list).data));
    }
    if (n_found > 1)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_AMBIGUOUS_REFERENCE_TO_FIELDS, "field",
                              mr_quote_name(b->arena, name), "count",
                              mr_arena_printf(b->arena, "%d", n_found)));
    MrExpr **args = MR_NEW_N(b->arena, MrExpr *, 2);
    int32_t ordinal = found;
    args[0] = base;
    args[1] = mr_expr_literal(b->arena, mr_vector_constant(b->arena, MR_T(INT), &ordinal));
    args[1]->sql = name;
    return mr__call_bind(b, NULL, place, ".", args, 2, sql, out);
}

/* ---------------------------------------------------------------- stars */

MrStatus mr__star_expand(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr ***out,
                         const char ***names, int32_t *n_out)
{
    const MrSqlName *qual = &ast->star.qualifier;
    const char *const *parts = (const char *const *)qual->parts;
    Scope *scope = ctx->scope;
    MrExpr **exprs = NULL;
    const char **out_names = NULL;
    int64_t n = 0, cap = 0, n_names = 0, cap_names = 0;
    bool any = qual->n_parts == 0;
    for (int32_t i = 0; i < scope->n_cols; i++) {
        const ScopeCol *col = &scope->cols[i];
        if ((col->window != NULL) || qual->n_parts == 0
                ? col->hidden || (col->window != NULL)
                : !qualifier_fits(b, col, parts, qual->n_parts))
            continue;
        any = true;
        MR_PUSH(b->arena, exprs, n, cap, mr__column_expr(b, col, col->col.name, ast->place));
        MR_PUSH(b->arena, out_names, n_names, cap_names, col->col.name);
    }
    for (Scope *up = scope->opaque ? NULL : scope->outer; !any && up;
         up = up->opaque ? NULL : up->outer) {
        ToOuter outer = {b, up};
        for (int32_t i = 0; i < up->n_cols; i++) {
            const ScopeCol *col = &up->cols[i];
            if (!qualifier_fits(b, col, parts, qual->n_parts))
                continue;
            any = ctx->has_outer = true;
            MrExpr *expr = mr__column_expr(b, col, col->col.name, ast->place);
            MR_PUSH(b->arena, exprs, n, cap, mr_expr_map(b->arena, expr, to_outer, &outer));
            MR_PUSH(b->arena, out_names, n_names, cap_names, col->col.name);
        }
    }
    if (!any) { /* s.*: fields of a struct */
        MrExpr *base = NULL;
        MrError saved = *b->err;
        MrStatus status = mr__name_bind(b, ctx, qual, ast->place, &base);
        if (status != MR_OK || base->type->kind != MR_TYPE_STRUCT) {
            if (status == MR_OK || status == MR_INVALID) {
                *b->err = saved;
                MrTextBuilder list = {.arena = b->arena};
                int32_t n_cols = 0;
                for (int32_t i = 0; i < scope->n_cols; i++)
                    if (!scope->cols[i].hidden)
                        mr_builder_printf(&list, "%s%s", n_cols++ ? ", " : "",
                                          mr_quote_name(b->arena, scope->cols[i].col.name));
                return mr__at(b, ast->place,
                              MR_FAIL(b->err, MR_COND_CANNOT_RESOLVE_STAR_EXPAND, "targetString",
                                      mr_quote_names(b->arena, parts, qual->n_parts), "columns",
                                      mr_builder_text(&list).data));
            }
            return status;
        }
        for (int32_t i = 0; i < base->type->n_fields; i++) {
            MrExpr *field = NULL;
            MR_TRY(mr__field_bind(b, ast->place, base, base->type->fields[i].name, &field));
            MR_PUSH(b->arena, exprs, n, cap, field);
            MR_PUSH(b->arena, out_names, n_names, cap_names, base->type->fields[i].name);
        }
    }
    if (ast->star.has_except) {
        for (int32_t e = 0; e < ast->star.n_except; e++) {
            const MrSqlName *name = &ast->star.except[e];
            const char *last = name->parts[name->n_parts - 1];
            int64_t kept = 0;
            for (int64_t i = 0; i < n; i++) {
                if (mr__name_equal(b, out_names[i], last) &&
                    (name->n_parts == 1 || exprs[i]->kind == MR_EXPR_COLUMN))
                    continue;
                exprs[kept] = exprs[i];
                out_names[kept++] = out_names[i];
            }
            if (kept == n)
                return mr__fail_unresolved(b, scope, (const char *const *)name->parts,
                                           name->n_parts, name->place);
            n = kept;
        }
    }
    *out = exprs;
    *names = out_names;
    *n_out = (int32_t)n;
    return MR_OK;
}
