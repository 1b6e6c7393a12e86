/* bind_call.c - calls of functions: their arguments, lambdas and generators, and which file binds
 * what a name stands for. */
#include "sql/bind_int.h"

/* ---------------------------------------------------------------- binding by name */

typedef struct LambdaCall { /* MrBind.binder */
    Binder *b;
    Ctx *ctx;
    const MrSqlExpr *const *asts; /* of each argument; NULL: no lambdas */
    MrExpr **args;
} LambdaCall;

static const char *expr_name(const MrExpr *expr)
{
    if (expr->kind == MR_EXPR_COLUMN || expr->kind == MR_EXPR_OUTER ||
        expr->kind == MR_EXPR_LAMBDA_PARAM)
        return expr->column.name;
    if (expr->kind == MR_EXPR_CALL && expr->bound->def && strcmp(expr->bound->def->name, ".") == 0)
        return expr->args[1]->sql;
    return NULL;
}

static MrStatus lambda_bind(MrBind *bind, int32_t arg_idx, const MrType *const *params,
                            const bool *nullable, int32_t n_params, MrError *err)
{
    LambdaCall *call = bind->binder;
    Binder *b = call->b;
    const MrSqlExpr *ast = call->asts ? call->asts[arg_idx] : NULL;
    if (!ast || ast->kind != MR_SQL_LAMBDA)
        return MR_FAIL_INTERNAL(err, "argument %d is no lambda", arg_idx);
    int32_t n = ast->lambda.n_params;
    if (n != n_params)
        return mr__at(b, ast->place,
                      MR_FAIL(err, MR_COND_INVALID_LAMBDA_FUNCTION_CALL__NUM_ARGS_MISMATCH,
                              "expectedNumArgs", mr_arena_printf(b->arena, "%d", n),
                              "actualNumArgs", mr_arena_printf(b->arena, "%d", n_params)));
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < i; k++)
            if (mr__name_equal(b, ast->lambda.params[i], ast->lambda.params[k]))
                return mr__at(b, ast->place,
                              MR_FAIL(err,
                                      MR_COND_INVALID_LAMBDA_FUNCTION_CALL__DUPLICATE_ARG_NAMES,
                                      "args", mr_quote_name(b->arena, ast->lambda.params[i]),
                                      "caseSensitiveConfig", "\"spark.sql.caseSensitive\""));
    LambdaVars vars = {.outer = call->ctx->lambdas, .n = n, .names = ast->lambda.params};
    vars.params = MR_NEW_N(b->arena, MrExpr *, n + 1);
    int32_t *ids = MR_NEW_N(b->arena, int32_t, n + 1);
    for (int32_t i = 0; i < n; i++) {
        MrExpr *param = mr_expr_column(b->arena, mr_planner_id(b->planner), ast->lambda.params[i],
                                       params[i], nullable[i]);
        param->kind = MR_EXPR_LAMBDA_PARAM;
        param->column.idx = i;
        param->sql = mr_arena_printf(b->arena, "namedlambdavariable()");
        ids[i] = param->column.id;
        vars.params[i] = param;
    }
    MrExpr *body = NULL, *lambda = MR_NEW(b->arena, MrExpr);
    call->ctx->lambdas = &vars;
    MrStatus status = mr__expr_bind(b, call->ctx, ast->lambda.body, &body);
    call->ctx->lambdas = vars.outer;
    MR_TRY(status);
    lambda->kind = MR_EXPR_LAMBDA;
    lambda->type = body->type;
    lambda->nullable = body->nullable;
    lambda->n_args = 1;
    lambda->args = MR_NEW_N(b->arena, MrExpr *, 1);
    lambda->args[0] = body;
    lambda->lambda.n_params = n;
    lambda->lambda.param_ids = ids;
    lambda->sql_idx = ast->place.idx;
    lambda->sql_len = ast->place.len;
    MrTextBuilder sql = {.arena = b->arena};
    mr_builder_printf(&sql, "lambdafunction(%s", body->sql);
    for (int32_t i = 0; i < n; i++)
        mr_builder_str(&sql, ", namedlambdavariable()");
    mr_builder_char(&sql, ')');
    lambda->sql = mr_builder_text(&sql).data;
    call->args[arg_idx] = lambda;
    bind->args[arg_idx].type = body->type;
    bind->args[arg_idx].nullable = body->nullable;
    return MR_OK;
}

/* The value of a constant expression, or NULL.  Those of its arguments are known by now: a chain of
 * a thousand terms is not computed a thousand times. */
static const MrVector *constant_value(Binder *b, MrExpr *expr)
{
    MrError ignored = {0};
    MrExpr *shallow = expr;
    if (expr->folded)
        return expr->folded;
    if (expr->kind == MR_EXPR_CALL && expr->n_args > 0) {
        shallow = MR_NEW(b->arena, MrExpr);
        *shallow = *expr;
        shallow->args = MR_NEW_N(b->arena, MrExpr *, expr->n_args);
        for (int32_t i = 0; i < expr->n_args; i++)
            shallow->args[i] = expr->args[i]->folded
                                   ? mr_expr_literal(b->arena, expr->args[i]->folded)
                                   : expr->args[i];
    }
    const MrVector *value = NULL;
    if (mr_expr_fold(b->arena, &b->eval, shallow, &value, &ignored) == MR_OK)
        expr->folded = value;
    return expr->folded;
}

void mr__bind_init(Binder *b, MrBind *bind, MrExpr *const *args, const char *const *names,
                   int32_t n_args, const char *sql)
{
    *bind = (MrBind){.settings = b->settings, .arena = b->arena, .n_args = n_args, .sql = sql};
    bind->args = MR_NEW_N(b->arena, MrArgInfo, n_args + 1);
    for (int32_t i = 0; i < n_args; i++) {
        MrArgInfo *info = &bind->args[i];
        MrExpr *arg = args[i];
        if (!arg)
            continue;
        info->type = arg->type;
        info->cast_to = arg->type;
        info->nullable = arg->nullable;
        info->sql = arg->sql;
        info->name = names && names[i] ? names[i] : expr_name(arg);
        if (arg->kind == MR_EXPR_LITERAL) {
            info->value = arg->literal;
        } else if (mr_expr_is_constant(arg) && !mr_expr_may_grow(arg)) {
            info->value = constant_value(b, arg);
        }
    }
}

MrStatus mr__args_cast(Binder *b, MrSqlPlace place, const MrBind *bind, MrExpr **args)
{
    for (int32_t i = 0; i < bind->n_args; i++) {
        const MrType *to = bind->args[i].cast_to;
        if (!to || !args[i])
            continue;
        if (args[i]->kind == MR_EXPR_LAMBDA) {
            MrExpr *body = args[i]->args[0];
            if (mr_type_same_data(body->type, to))
                continue;
            MR_TRY(mr__cast(b, body, to, &args[i]->args[0]));
            args[i]->type = to;
            continue;
        }
        if (args[i]->type == to || mr_type_same_data(args[i]->type, to))
            continue;
        if (bind->args[i].try_cast)
            MR_TRY(mr_expr_cast(b->arena, b->settings, args[i], to, MR_CAST_TRY, &args[i], b->err));
        else
            MR_TRY(mr__cast_within(b, place, args[i], to, &args[i]));
    }
    return MR_OK;
}

static MrStatus call_bind(Binder *b, Ctx *ctx, MrSqlPlace place, const char *name,
                          MrExpr *const *args, const char *const *names,
                          const MrSqlExpr *const *asts, int32_t n_args, const char *sql,
                          MrExpr **out)
{
    MrBind bind;
    MrBound *bound = NULL;
    MrExpr **own = MR_NEW_N(b->arena, MrExpr *, n_args + 1);
    for (int32_t i = 0; i < n_args; i++)
        own[i] = args[i];
    LambdaCall call = {b, ctx, asts, own};
    mr__bind_init(b, &bind, own, names, n_args, sql);
    bind.bind_lambda = lambda_bind;
    bind.binder = &call;
    for (int32_t i = 0; asts && i < n_args; i++)
        if (asts[i] && asts[i]->kind == MR_SQL_LAMBDA)
            bind.args[i].n_lambda_params = asts[i]->lambda.n_params;
    MR_TRY(mr__at(b, place, mr_function_bind(&bind, name, &bound, b->err)));
    MR_TRY(mr__args_cast(b, place, &bind, own));
    if (strncmp(name, "try_", 4) != 0)
        sql = bind.sql; /* some functions print otherwise: DATE'2020-01-31' + 7 is date_add(..) */
    if (asts && !strchr(sql, '(')) /* the text could not be made before the lambdas were bound */
        sql = mr__call_text(b, sql, own, n_args, false);
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_CALL;
    expr->type = bound->type;
    expr->nullable = bound->nullable;
    expr->n_args = n_args;
    expr->args = own;
    expr->bound = bound;
    expr->sql = sql;
    expr->sql_idx = place.idx;
    expr->sql_len = place.len;
    *out = expr;
    return MR_OK;
}

static bool compares(const char *name)
{
    static const char *const names[] = {"=", "<=>", "<", "<=", ">", ">=", "!=", "<>", "in"};
    for (int64_t i = 0; i < MR_COUNT(names); i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

/* How many characters a text has for sure: a constant, or a column of char(n); -1: it depends. */
static int64_t fixed_length(const MrExpr *expr)
{
    if (expr->type->kind != MR_TYPE_STRING)
        return -1;
    if (expr->kind == MR_EXPR_COLUMN)
        return expr->type->is_char ? expr->type->length : -1;
    if (expr->kind != MR_EXPR_LITERAL || mr_vector_is_null(expr->literal, 0))
        return -1;
    MrText text = mr_str_text(&expr->literal->str[0]);
    return mr_utf8_length(text.data, text.size_bytes);
}

/* A column of char(n) is compared as if what it is compared with were filled up with blanks, too.
 * Source: Spark's ApplyCharTypePadding. */
static MrStatus chars_pad(Binder *b, MrExpr **args, int32_t n_args)
{
    int64_t longest = 0;
    bool any_char = false, all_fixed = true;
    for (int32_t i = 0; i < n_args; i++) {
        int64_t n = fixed_length(args[i]);
        longest = n > longest ? n : longest;
        all_fixed = all_fixed && n >= 0;
        any_char = any_char || (args[i]->kind == MR_EXPR_COLUMN && n >= 0);
    }
    for (int32_t i = 0; any_char && all_fixed && i < n_args; i++) {
        MrExpr *parts[3] = {args[i], mr__literal_int(b, (int32_t)longest),
                            mr__literal_text(b, " ")};
        if (fixed_length(args[i]) == longest)
            continue;
        MR_TRY(mr_expr_call(b->arena, b->settings, "rpad", parts, 3, &args[i], b->err));
        args[i]->sql = parts[0]->sql;
    }
    return MR_OK;
}

MrStatus mr__call_bind(Binder *b, Ctx *ctx, MrSqlPlace place, const char *name, MrExpr *const *args,
                       int32_t n_args, const char *sql, MrExpr **out)
{
    if (compares(name)) {
        MrExpr **own = MR_NEW_N(b->arena, MrExpr *, n_args + 1);
        for (int32_t i = 0; i < n_args; i++)
            own[i] = args[i];
        MR_TRY(chars_pad(b, own, n_args));
        return call_bind(b, ctx, place, name, own, NULL, NULL, n_args, sql, out);
    }
    return call_bind(b, ctx, place, name, args, NULL, NULL, n_args, sql, out);
}

/* ---------------------------------------------------------------- arguments */

MrStatus mr__args_bind(Binder *b, Ctx *ctx, MrSqlExpr *const *asts, int32_t n_asts, Args *out)
{
    int64_t n = 0, cap = 0, n_names = 0, cap_names = 0, n_nodes = 0, cap_nodes = 0;
    *out = (Args){0};
    for (int32_t i = 0; i < n_asts; i++) {
        const MrSqlExpr *ast = asts[i];
        if (ast->kind == MR_SQL_STAR) {
            MrExpr **exprs = NULL;
            const char **names = NULL;
            int32_t n_star = 0;
            MR_TRY(mr__star_expand(b, ctx, ast, &exprs, &names, &n_star));
            for (int32_t k = 0; k < n_star; k++) {
                MR_PUSH(b->arena, out->exprs, n, cap, exprs[k]);
                MR_PUSH(b->arena, out->names, n_names, cap_names, names[k]);
                MR_PUSH(b->arena, out->asts, n_nodes, cap_nodes, ast);
            }
            continue;
        }
        MrExpr *expr = NULL;
        const char *name = NULL;
        if (ast->kind == MR_SQL_LAMBDA) {
            out->has_lambda = true;
        } else {
            if (ast->kind == MR_SQL_ALIAS)
                name = ast->alias.names[0];
            MR_TRY(mr__expr_bind(b, ctx, ast, &expr));
        }
        MR_PUSH(b->arena, out->exprs, n, cap, expr);
        MR_PUSH(b->arena, out->names, n_names, cap_names, name);
        MR_PUSH(b->arena, out->asts, n_nodes, cap_nodes, ast);
    }
    out->n = (int32_t)n;
    return MR_OK;
}

/* name => value of built-in functions: put in the order of the known parameters. */
static MrStatus named_args(Binder *b, const MrSqlExpr *ast, const char *name, MrExpr **args,
                           int32_t n_args)
{
    static const struct {
        const char *function;
        const char *params[6];
    } known[] = {
        {"mask", {"str", "upperChar", "lowerChar", "digitChar", "otherChar", NULL}},
        {"explode", {"collection", NULL}},
        {"count_min_sketch", {"column", "epsilon", "confidence", "seed", NULL}},
    };
    const char *const *params = NULL;
    for (int64_t i = 0; i < MR_COUNT(known); i++)
        if (strcmp(known[i].function, name) == 0)
            params = known[i].params;
    if (!params)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_NAMED_PARAMETERS_NOT_SUPPORTED, "functionName",
                              mr_quote_name(b->arena, name)));
    MrExpr *sorted[8] = {0};
    for (int32_t i = 0; i < n_args; i++) {
        const char *given = ast->call.arg_names[i];
        int32_t at = i;
        if (given) {
            for (at = 0; params[at] && !mr__name_equal(b, params[at], given); at++)
                ;
            if (!params[at])
                return mr__at(b, ast->place,
                              MR_FAIL(b->err, MR_COND_UNRECOGNIZED_PARAMETER_NAME, "routineName",
                                      mr_quote_name(b->arena, name), "argumentName",
                                      mr_quote_name(b->arena, given), "proposal",
                                      mr_quote_name(b->arena, params[0])));
            if (sorted[at])
                return mr__at(
                    b, ast->place,
                    MR_FAIL(
                        b->err,
                        MR_COND_DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT__DOUBLE_NAMED_ARGUMENT_REFERENCE,
                        "routineName", mr_quote_name(b->arena, name), "parameterName",
                        mr_quote_name(b->arena, given)));
        }
        sorted[at] = args[i];
    }
    for (int32_t i = 0; i < n_args; i++) {
        if (!sorted[i])
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_REQUIRED_PARAMETER_NOT_FOUND, "routineName",
                                  mr_quote_name(b->arena, name), "parameterName",
                                  mr_quote_name(b->arena, params[i]), "index",
                                  mr_arena_printf(b->arena, "%d", i)));
        args[i] = sorted[i];
    }
    return MR_OK;
}

MrStatus mr__struct_bind(Binder *b, Ctx *ctx, MrSqlPlace place, const char *name,
                         MrSqlExpr *const *items, int32_t n_items, const char *shown, MrExpr **out)
{
    Args args;
    MR_TRY(mr__args_bind(b, ctx, items, n_items, &args));
    MrTextBuilder sql = {.arena = b->arena};
    bool is_row = strcmp(shown, "named_struct") == 0;
    mr_builder_printf(&sql, "%s(", shown);
    for (int32_t i = 0; i < args.n; i++) {
        const char *field = args.names[i] ? args.names[i] : expr_name(args.exprs[i]);
        if (is_row)
            mr_builder_printf(&sql, "%s%s, %s", i ? ", " : "",
                              field ? field : mr_arena_printf(b->arena, "col%d", i + 1),
                              args.exprs[i]->sql);
        else if (args.names[i] && args.asts[i]->kind == MR_SQL_ALIAS)
            mr_builder_printf(&sql, "%s%s AS %s", i ? ", " : "", args.exprs[i]->sql, args.names[i]);
        else
            mr_builder_printf(&sql, "%s%s", i ? ", " : "", args.exprs[i]->sql);
    }
    mr_builder_char(&sql, ')');
    return call_bind(b, ctx, place, name, args.exprs, args.names, NULL, args.n,
                     mr_builder_text(&sql).data, out);
}

MrStatus mr__fail_call_syntax(Binder *b, MrSqlPlace place, const char *name, const char *syntax)
{
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_INVALID_SQL_SYNTAX__FUNCTION_WITH_UNSUPPORTED_SYNTAX,
                          "prettyName", mr_quote_name(b->arena, name), "syntax",
                          mr__quote_sql(b, syntax)));
}

MrStatus mr__fail_count(Binder *b, MrSqlPlace place, const char *function, const char *expected,
                        int32_t n_args)
{
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName",
                          function, "expectedNum", expected, "actualNum",
                          mr_arena_printf(b->arena, "%d", n_args), "docroot",
                          "https://spark.apache.org/docs/latest"));
}

/* ---------------------------------------------------------------- generators */

static MrStatus generator_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                               bool outer, MrExpr **out)
{
    Args args;
    bool allowed = ctx->allow_generator;
    ctx->allow_generator = false;
    MR_TRY(mr__args_bind(b, ctx, ast->call.args, ast->call.n_args, &args));
    Generator *gen = MR_NEW(b->arena, Generator);
    gen->sql = mr__call_text(b, outer ? mr_arena_printf(b->arena, "%s_outer", name) : name,
                             args.exprs, args.n, false);
    if (!allowed)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_UNSUPPORTED_GENERATOR__NESTED_IN_EXPRESSIONS,
                              "expression", mr__quote_sql(b, gen->sql)));
    MrBind bind;
    MrBound *bound = NULL;
    gen->def = mr_generator_find(name);
    mr__bind_init(b, &bind, args.exprs, args.names, args.n, gen->sql);
    MR_TRY(mr__at(b, ast->place, mr_generator_bind(&bind, gen->def, &bound, b->err)));
    MR_TRY(mr__args_cast(b, ast->place, &bind, args.exprs));
    gen->bound = bound;
    gen->args = args.exprs;
    gen->n_args = args.n;
    gen->outer = outer;
    ctx->has_generator = true;
    ctx->generator = gen;
    MrExpr *expr =
        mr_expr_null(b->arena, bound->type); /* its place; bind_select.c puts the columns there */
    expr->sql = gen->sql;
    *out = expr;
    return MR_OK;
}

/* explode_outer is explode with outer. */
const MrGeneratorDef *mr__generator_named(Binder *b, const char *name, const char **base,
                                          bool *outer)
{
    const MrGeneratorDef *def = mr_generator_find(name);
    size_t n = strlen(name);
    *outer = false;
    *base = name;
    if (!def && n > 6 && strcmp(name + n - 6, "_outer") == 0) {
        *base = mr_arena_strn(b->arena, name, (int64_t)n - 6);
        def = mr_generator_find(*base);
        *outer = def != NULL;
    }
    return def;
}

/* ---------------------------------------------------------------- calls */

static MrStatus unresolved_routine(Binder *b, const MrSqlExpr *ast, const MrSqlName *name)
{
    const char *here[4] = {b->place.catalog ? b->place.catalog : "spark_catalog"};
    int32_t n_here = 1;
    for (int32_t i = 0; i < b->place.n_parts && n_here < 4; i++)
        here[n_here++] = b->place.parts[i];
    if (n_here == 1)
        here[n_here++] = "default";
    return mr__at(b, ast->place,
                  MR_FAIL(b->err, MR_COND_UNRESOLVED_ROUTINE, "routineName",
                          mr_quote_names(b->arena, (const char *const *)name->parts, name->n_parts),
                          "searchPath",
                          mr_arena_printf(b->arena, "[`system`.`builtin`, `system`.`session`, %s]",
                                          mr_quote_names(b->arena, here, n_here))));
}

MrStatus mr__call_ast_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    const MrSqlCall *call = &ast->call;
    MrSqlName plain;
    MR_TRY(mr__name_plain(b, &call->name, &plain));
    const char *name = mr_arena_lower(b->arena, mr_text(plain.parts[plain.n_parts - 1]));
    bool builtin = plain.n_parts == 1 ||
                   (plain.n_parts == 2 && mr_str_equal_nocase(plain.parts[0], "builtin")) ||
                   (plain.n_parts == 3 && mr_str_equal_nocase(plain.parts[0], "system") &&
                    mr_str_equal_nocase(plain.parts[1], "builtin"));
    builtin = builtin && !mr_function_is_hidden(b->settings, name);
    const char *base = name;
    bool outer = false;
    if (builtin) {
        if (strcmp(name, "grouping") == 0 || strcmp(name, "grouping_id") == 0)
            return mr__grouping_call(b, ctx, ast, name, out);
        bool done = false;
        MR_TRY(mr__time_window_call(b, ctx, ast, name, &done, out));
        if (done)
            return MR_OK;
        if (mr_aggregate_exists(name) || mr_window_find(name))
            return mr__aggregate_call(b, ctx, ast, name, out);
        if (mr__generator_named(b, name, &base, &outer))
            return generator_bind(b, ctx, ast, base, outer, out);
    }
    MrBindFunction function = {0};
    bool known = builtin && (mr_function_exists(name) || mr__is_special(name));
    if (!known && b->catalog->find_function)
        MR_TRY(mr__at(b, ast->place,
                      b->catalog->find_function(b->catalog->self, &b->place,
                                                (const char *const *)plain.parts, plain.n_parts,
                                                b->arena, &function, b->err)));
    if (!known && !function.found)
        return unresolved_routine(b, ast, &plain);
    if (call->over || call->distinct || call->filter || call->n_within > 0 ||
        call->nulls != MR_SQL_NULLS_DEFAULT) {
        const char *syntax = call->distinct                        ? "DISTINCT"
                             : call->filter                        ? "FILTER clause"
                             : call->n_within > 0                  ? "WITHIN GROUP (ORDER BY ...)"
                             : call->nulls == MR_SQL_IGNORE_NULLS  ? "IGNORE NULLS"
                             : call->nulls == MR_SQL_RESPECT_NULLS ? "RESPECT NULLS"
                                                                   : NULL;
        if (!syntax) {
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_UNSUPPORTED_EXPR_FOR_WINDOW, "sqlExpr",
                                  mr__quote_sql(b, mr_arena_printf(b->arena, "%s()", name))));
        }
        return mr__fail_call_syntax(b, ast->place, name, syntax);
    }
    if (function.found)
        return mr__udf_call(b, ctx, ast, &function, out);
    bool was_allowed = ctx->allow_generator;
    ctx->allow_generator = false;
    if (strcmp(name, "struct") == 0)
        return mr__struct_bind(b, ctx, ast->place, "struct", call->args, call->n_args, "struct",
                               out);
    Args args;
    MR_TRY(mr__args_bind(b, ctx, call->args, call->n_args, &args));
    ctx->allow_generator = was_allowed;
    if (call->arg_names)
        MR_TRY(named_args(b, ast, name, args.exprs, args.n));
    bool done = false;
    if (!args.has_lambda)
        MR_TRY(mr__special_call(b, ctx, ast, name, &args, &done, out));
    if (done)
        return MR_OK;
    if (strcmp(name, "if") == 0)
        return MR_FAIL_INTERNAL(b->err, "if with a lambda");
    const char *sql = args.has_lambda ? name : mr__call_text(b, name, args.exprs, args.n, false);
    return call_bind(b, ctx, ast->place, name, args.exprs, args.names,
                     args.has_lambda ? args.asts : NULL, args.n, sql, out);
}
