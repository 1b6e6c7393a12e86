/* bind.c - the binder's doors: queries, expressions, names; bodies of views and functions. */
#include "sql/bind_int.h"

void mr__binder_init(Binder *b, const MrBindOptions *options, MrError *err)
{
    *b = (Binder){.options = options,
                  .catalog = options->catalog,
                  .planner = options->planner,
                  .arena = options->planner->arena,
                  .settings = options->planner->settings,
                  .eval = *options->planner->context,
                  .text = options->text,
                  .place = options->place,
                  .err = err};
}

bool mr__setting_bool(const Binder *b, const char *key, bool fallback)
{
    const char *value = b->settings->get ? b->settings->get(b->settings->conf, key) : NULL;
    return value ? mr_str_equal_nocase(value, "true") : fallback;
}

int64_t mr__setting_i64(const Binder *b, const char *key, int64_t fallback)
{
    const char *value = b->settings->get ? b->settings->get(b->settings->conf, key) : NULL;
    int64_t out = fallback;
    return value && mr_text_to_i64(mr_text(value), &out) ? out : fallback;
}

const char *mr__double_text(Binder *b, double value)
{
    char text[MR_F64_TEXT_MAX];
    return mr_arena_strn(b->arena, text, mr_f64_to_text(value, text));
}

typedef struct KindList {
    Binder *b;
    MrExprKind kind;
    MrTextBuilder out;
    int32_t n;
} KindList;

static bool list_note(void *self, const MrExpr *expr)
{
    KindList *list = self;
    if (expr->kind != list->kind)
        return true;
    mr_builder_printf(&list->out, "%s%s", list->n++ ? ", " : "", expr->sql);
    return false;
}

const char *mr__expr_list_text(Binder *b, const MrExpr *expr, MrExprKind kind)
{
    KindList list = {b, kind, {.arena = b->arena}, 0};
    mr_expr_walk(expr, list_note, &list);
    return mr_builder_text(&list.out).data;
}

static bool plan_ordered(const MrPlan *plan)
{
    switch (plan->kind) {
    case MR_PLAN_SORT:
        if (plan->sort.global)
            return true;
        break;
    case MR_PLAN_JOIN:
    case MR_PLAN_AGGREGATE:
    case MR_PLAN_GENERATE:
    case MR_PLAN_SAMPLE:
        return false;
    default:
        break;
    }
    for (int32_t i = 0; i < plan->n_inputs; i++)
        if (plan_ordered(plan->inputs[i]))
            return true;
    return false;
}

MrStatus mr_bind_query(const MrBindOptions *options, const MrSqlQuery *query, MrBoundQuery *out,
                       MrError *err)
{
    Binder b;
    Rel rel = {0};
    mr__binder_init(&b, options, err);
    MR_TRY(mr__query_bind(&b, query, NULL, &rel));
    if (rel.plan->depth > MR_PLAN_DEPTH_MAX)
        return MR_FAIL(err, MR_COND_FAILED_TO_PARSE_TOO_COMPLEX);
    out->plan = rel.plan;
    out->ordered = plan_ordered(rel.plan);
    return MR_OK;
}

MrStatus mr_bind_value(const MrBindOptions *options, const MrSqlExpr *expr, const MrType *to,
                       const MrVector **out, MrError *err)
{
    Binder b;
    Scope none = {0};
    Ctx ctx = {.scope = &none};
    MrExpr *bound = NULL;
    mr__binder_init(&b, options, err);
    MR_TRY(mr__expr_bind(&b, &ctx, expr, &bound));
    if (to)
        MR_TRY(mr__store_cast(&b, bound, to, NULL, NULL, &bound));
    if (mr__expr_has(bound, MR_EXPR_SCALAR_QUERY) || mr__expr_has(bound, MR_EXPR_EXISTS) ||
        mr__expr_has(bound, MR_EXPR_IN_QUERY))
        return MR_FAIL_UNSUPPORTED(err, "subqueries in this place");
    return mr_expr_fold(options->planner->arena, options->planner->context, bound, out, err);
}

MrStatus mr__name_plain(Binder *b, const MrSqlName *name, MrSqlName *out)
{
    *out = *name;
    if (name->n_parts > 0 || !name->identifier)
        return MR_OK;
    Scope none = {0};
    Ctx ctx = {.scope = &none};
    MrExpr *expr = NULL;
    const MrVector *value = NULL;
    const MrSqlExpr *ast = name->identifier;
    MR_TRY(mr__expr_bind(b, &ctx, ast, &expr));
    if (!mr_expr_is_constant(expr) || ctx.has_query)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_NOT_A_CONSTANT_STRING__NOT_CONSTANT, "name",
                              "IDENTIFIER", "expr", mr__quote_sql(b, expr->sql)));
    if (expr->type->kind != MR_TYPE_STRING)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_NOT_A_CONSTANT_STRING__WRONG_TYPE, "name",
                              "IDENTIFIER", "expr", mr__quote_sql(b, expr->sql), "dataType",
                              mr_type_catalog_text(b->arena, expr->type)));
    MR_TRY(mr_expr_fold(b->arena, &b->eval, expr, &value, b->err));
    if (mr_vector_is_null(value, 0))
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_NOT_A_CONSTANT_STRING__NULL, "name", "IDENTIFIER",
                              "expr", mr__quote_sql(b, expr->sql)));
    MrText text = mr_str_text(&value->str[0]);
    MR_TRY(mr_sql_parse_name(b->arena, text, b->options->sql_options, out, b->err));
    out->place = name->place;
    return MR_OK;
}

MrStatus mr_bind_name(const MrBindOptions *options, const MrSqlName *name, MrSqlName *out,
                      MrError *err)
{
    Binder b;
    mr__binder_init(&b, options, err);
    return mr__name_plain(&b, name, out);
}

Binder mr__body_enter(Binder *b, const MrBindPlace *place, MrText text, const MrSettings *settings)
{
    Binder saved = *b;
    b->place = *place;
    b->ctes = NULL;
    b->text = text;
    if (settings)
        b->settings = b->eval.settings = settings;
    b->depth++;
    return saved;
}

void mr__body_leave(Binder *b, const Binder *saved)
{
    b->place = saved->place;
    b->ctes = saved->ctes;
    b->text = saved->text;
    b->settings = saved->settings;
    b->eval.settings = saved->eval.settings;
    b->depth = saved->depth;
    b->views = saved->views;
    b->frame_depth = saved->frame_depth;
}

MrStatus mr__body_query(Binder *b, const MrSqlOptions *options, Scope *outer, Rel *out)
{
    MrSqlStatement *statement = NULL;
    MR_TRY(mr_sql_parse_statement(b->arena, b->text, options, &statement, b->err));
    if (statement->kind != MR_SQL_STMT_QUERY)
        return MR_FAIL_INTERNAL(b->err, "the body is no query");
    return mr__query_bind(b, statement->query, outer, out);
}
