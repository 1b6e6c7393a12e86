/* bind_udf.c - functions of the user: arguments go to parameters, the body is bound anew at each
 * call, with the parameters as names. */
#include "sql/bind_int.h"

/* Values of the parameters: by place, by name, defaults. */
static MrStatus udf_args(Binder *b, const MrSqlExpr *ast, const MrBindFunction *function,
                         MrExpr *const *args, int32_t n_args, MrExpr **values)
{
    int32_t n_required = 0;
    for (int32_t i = 0; i < function->n_params; i++)
        n_required += !(function->defaults && function->defaults[i]);
    const char *name = mr_quote_names(b->arena, function->parts, function->n_parts);
    if (n_args > function->n_params || (!ast->call.arg_names && n_args < n_required)) {
        const char *expected =
            n_required == function->n_params
                ? mr_arena_printf(b->arena, "%d", n_required)
                : mr_arena_printf(b->arena, "[%d, %d]", n_required, function->n_params);
        return mr__fail_count(b, ast->place, name, expected, n_args);
    }
    for (int32_t i = 0; i < n_args; i++) {
        int32_t at = i;
        if (ast->call.arg_names && ast->call.arg_names[i]) {
            at = -1;
            for (int32_t k = 0; k < function->n_params; k++)
                if (mr__name_equal(b, function->params[k].name, ast->call.arg_names[i]))
                    at = k;
            if (at < 0)
                return mr__at(b, ast->place,
                              MR_FAIL(b->err, MR_COND_UNRECOGNIZED_PARAMETER_NAME, "routineName",
                                      name, "argumentName",
                                      mr_quote_name(b->arena, ast->call.arg_names[i]), "proposal",
                                      mr_quote_name(b->arena, function->params[0].name)));
        }
        MR_TRY(mr__cast(b, args[i], function->params[at].type, &values[at]));
    }
    for (int32_t i = 0; i < function->n_params; i++) {
        if (values[i])
            continue;
        if (!function->defaults || !function->defaults[i])
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_REQUIRED_PARAMETER_NOT_FOUND, "routineName", name,
                                  "parameterName",
                                  mr_quote_name(b->arena, function->params[i].name), "index",
                                  mr_arena_printf(b->arena, "%d", i)));
        MrSqlExpr *text = NULL;
        MR_TRY(mr_sql_parse_expr(b->arena, mr_text(function->defaults[i]), b->options->sql_options,
                                 &text, b->err));
        Scope none = {0};
        Ctx inner = {.scope = &none};
        MrExpr *value = NULL;
        MR_TRY(mr__expr_bind(b, &inner, text, &value));
        MR_TRY(mr__cast(b, value, function->params[i].type, &values[i]));
    }
    return MR_OK;
}

static Scope *params_scope(Binder *b, const MrBindFunction *function, MrExpr *const *values)
{
    Scope *scope = MR_NEW(b->arena, Scope);
    NamedItem *items = MR_NEW_N(b->arena, NamedItem, function->n_params + 1);
    for (int32_t i = 0; i < function->n_params; i++)
        items[i] = (NamedItem){function->params[i].name, values[i]};
    scope->opaque = true;
    scope->outputs = items;
    scope->n_outputs = function->n_params;
    return scope;
}

static MrStatus depth_check(Binder *b, const MrBindFunction *function)
{
    if (b->depth < 50)
        return MR_OK;
    return MR_FAIL(b->err, MR_COND_CYCLIC_FUNCTION_REFERENCE, "path",
                   mr__name_dotted(b, function->parts, function->n_parts));
}

static MrStatus udf_body(Binder *b, Ctx *ctx, const MrBindFunction *function, MrExpr *const *values,
                         MrExpr **out)
{
    MR_TRY(depth_check(b, function));
    Ctx inner = {.scope = params_scope(b, function, values)};
    MrStatus status;
    Binder saved = mr__body_enter(b, &function->place, function->text, function->settings);
    if (function->body_is_query) {
        Rel rel = {0};
        status = mr__body_query(b, b->options->sql_options, inner.scope, &rel);
        if (status == MR_OK) {
            MrExpr *expr = MR_NEW(b->arena, MrExpr);
            expr->kind = MR_EXPR_SCALAR_QUERY;
            expr->type = rel.plan->cols[0].type;
            expr->nullable = true;
            expr->query.plan = rel.plan;
            expr->sql = "scalarsubquery()";
            inner.has_query = true;
            *out = expr;
        }
    } else {
        MrSqlExpr *ast = NULL;
        status = mr_sql_parse_expr(b->arena, function->text, b->options->sql_options, &ast, b->err);
        if (status == MR_OK)
            status = mr__expr_bind(b, &inner, ast, out);
    }
    mr__body_leave(b, &saved);
    ctx->has_query = ctx->has_query || inner.has_query;
    ctx->has_aggregate = ctx->has_aggregate || inner.has_aggregate;
    return status;
}

MrStatus mr__udf_call(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const MrBindFunction *function,
                      MrExpr **out)
{
    Args args;
    MR_TRY(mr__args_bind(b, ctx, ast->call.args, ast->call.n_args, &args));
    const char *name = mr__name_dotted(b, function->parts, function->n_parts);
    MrExpr **values = MR_NEW_N(b->arena, MrExpr *, function->n_params + 1);
    MR_TRY(udf_args(b, ast, function, args.exprs, args.n, values));
    MrTextBuilder sql = {.arena = b->arena};
    mr_builder_printf(&sql, "%s(", name);
    for (int32_t i = 0; i < args.n; i++)
        mr_builder_printf(&sql, "%s%s", i ? ", " : "", args.exprs[i]->sql);
    mr_builder_char(&sql, ')');
    MrExpr *body = NULL;
    MR_TRY(udf_body(b, ctx, function, values, &body));
    if (function->returns && !mr_type_equal(body->type, function->returns))
        MR_TRY(mr__cast(b, body, function->returns, &body));
    MrExpr *copy = MR_NEW(b->arena, MrExpr);
    *copy = *body;
    copy->sql = mr_builder_text(&sql).data;
    *out = copy;
    return MR_OK;
}

MrStatus mr__udf_table(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const MrBindFunction *function,
                       Rel *out)
{
    int32_t n = ast->call.n_args;
    MrExpr **args = MR_NEW_N(b->arena, MrExpr *, n + 1);
    for (int32_t i = 0; i < n; i++)
        MR_TRY(mr__expr_bind(b, ctx, ast->call.args[i], &args[i]));
    MrExpr **values = MR_NEW_N(b->arena, MrExpr *, function->n_params + 1);
    MR_TRY(udf_args(b, ast, function, args, n, values));
    MR_TRY(depth_check(b, function));
    Rel rel = {0};
    Binder saved = mr__body_enter(b, &function->place, function->text, function->settings);
    MrStatus status =
        mr__body_query(b, b->options->sql_options, params_scope(b, function, values), &rel);
    mr__body_leave(b, &saved);
    MR_TRY(status);
    MrPlan *plan = rel.plan;
    if (function->returns && function->returns->n_fields == plan->n_cols) {
        MrNamedExpr *exprs = MR_NEW_N(b->arena, MrNamedExpr, plan->n_cols + 1);
        for (int32_t i = 0; i < plan->n_cols; i++) {
            const MrField *field = &function->returns->fields[i];
            exprs[i].column = plan->cols[i];
            exprs[i].column.id = mr_planner_id(b->planner);
            exprs[i].column.name = field->name;
            exprs[i].column.type = field->type;
            exprs[i].expr = mr_plan_column_expr(b->planner, &plan->cols[i]);
            MR_TRY(mr__cast(b, exprs[i].expr, field->type, &exprs[i].expr));
        }
        plan = mr_plan_project(b->planner, plan, exprs, plan->n_cols);
    }
    mr__rel_from_plan(b, plan, &function->parts[function->n_parts - 1], 1, out);
    return MR_OK;
}
