/* bind_call.c - calls: functions, aggregates, lambdas, functions of the user, and those with rules
 * of their own. */
#include "sql/bind_int.h"

/* ---------------------------------------------------------------- how calls are written */

/* Names that Spark prints in another way: math functions in capitals, aliases by their first name.
 */
static const struct {
    const char *name, *shown;
} shown_names[] = {
    {"acos", "ACOS"},
    {"acosh", "ACOSH"},
    {"asin", "ASIN"},
    {"asinh", "ASINH"},
    {"atan", "ATAN"},
    {"atan2", "ATAN2"},
    {"atanh", "ATANH"},
    {"cbrt", "CBRT"},
    {"ceil", "CEIL"},
    {"cos", "COS"},
    {"cosh", "COSH"},
    {"cot", "COT"},
    {"csc", "CSC"},
    {"degrees", "DEGREES"},
    {"e", "E"},
    {"exp", "EXP"},
    {"expm1", "EXPM1"},
    {"floor", "FLOOR"},
    {"hypot", "HYPOT"},
    {"log10", "LOG10"},
    {"log1p", "LOG1P"},
    {"log2", "LOG2"},
    {"pi", "PI"},
    {"pow", "pow"},
    {"power", "POWER"},
    {"radians", "RADIANS"},
    {"rint", "rint"},
    {"sec", "SEC"},
    {"signum", "SIGNUM"},
    {"sin", "SIN"},
    {"sinh", "SINH"},
    {"sqrt", "SQRT"},
    {"tan", "TAN"},
    {"tanh", "TANH"},
    {"spark_partition_id", "SPARK_PARTITION_ID"},
    {"array_agg", "collect_list"},
    {"curdate", "current_date"},
    {"random", "rand"},
    {"to_varchar", "to_char"},
    {"regexp", "REGEXP"},
    {"regexp_like", "REGEXP_LIKE"},
    {"rlike", "RLIKE"},
    {"current_schema", "current_database"},
    {"dateadd", "date_add"},
    {"rank", "RANK"},
    {"dense_rank", "DENSE_RANK"},
    {"percent_rank", "PERCENT_RANK"},
};

/* Arguments that Spark shows though they were not written: {name, written, shown behind them}. */
static const struct {
    const char *name;
    int32_t n_args;
    const char *more;
} shown_args[] = {
    {"approx_top_k", 1, ", 5, 10000"},
    {"approx_top_k", 2, ", 10000"},
    {"approx_top_k_accumulate", 1, ", 10000"},
    {"approx_top_k_estimate", 1, ", 5"},
    {"from_unixtime", 1, ", yyyy-MM-dd HH:mm:ss"},
    {"listagg", 1, ", NULL"},
    {"string_agg", 1, ", NULL"},
    {"locate", 2, ", 1"},
    {"position", 2, ", 1"},
    {"make_ym_interval", 0, "0, 0"},
    {"make_ym_interval", 1, ", 0"},
    {"make_dt_interval", 0, "0, 0, 0, 0.000000"},
    {"make_dt_interval", 1, ", 0, 0, 0.000000"},
    {"make_dt_interval", 2, ", 0, 0.000000"},
    {"make_dt_interval", 3, ", 0.000000"},
    {"make_interval", 0, "0, 0, 0, 0, 0, 0, 0.000000"},
    {"make_interval", 1, ", 0, 0, 0, 0, 0, 0.000000"},
    {"make_interval", 2, ", 0, 0, 0, 0, 0.000000"},
    {"make_interval", 3, ", 0, 0, 0, 0.000000"},
    {"make_interval", 4, ", 0, 0, 0.000000"},
    {"make_interval", 5, ", 0, 0.000000"},
    {"make_interval", 6, ", 0.000000"},
    {"try_make_interval", 1, ", 0, 0, 0, 0, 0, 0.000000"},
    {"try_make_interval", 2, ", 0, 0, 0, 0, 0.000000"},
    {"try_make_interval", 3, ", 0, 0, 0, 0.000000"},
    {"try_make_interval", 4, ", 0, 0, 0.000000"},
    {"try_make_interval", 5, ", 0, 0.000000"},
    {"try_make_interval", 6, ", 0.000000"},
    {"mask", 1, ", X, x, n, NULL"},
    {"mask", 2, ", x, n, NULL"},
    {"mask", 3, ", n, NULL"},
    {"mask", 4, ", NULL"},
    {"overlay", 3, ", -1"},
    {"regexp_extract", 2, ", 1"},
    {"regexp_extract_all", 2, ", 1"},
    {"regexp_instr", 2, ", 0"},
    {"regexp_replace", 3, ", 1"},
    {"lpad", 2, ",  "},
    {"rpad", 2, ",  "},
    {"replace", 2, ", "},
    {"round", 1, ", 0"},
    {"bround", 1, ", 0"},
    {"sentences", 1, ", , "},
    {"sentences", 2, ", "},
    {"split", 2, ", -1"},
    {"str_to_map", 1, ", ,, :"},
    {"str_to_map", 2, ", :"},
    {"substring", 2, ", 2147483647"},
    {"substr", 2, ", 2147483647"},
    {"unix_timestamp", 0, "current_timestamp(), yyyy-MM-dd HH:mm:ss"},
    {"unix_timestamp", 1, ", yyyy-MM-dd HH:mm:ss"},
    {"to_unix_timestamp", 1, ", yyyy-MM-dd HH:mm:ss"},
    {"months_between", 2, ", true"},
    {"percentile", 2, ", 1"},
    {"percentile_approx", 2, ", 10000"},
    {"approx_percentile", 2, ", 10000"},
    {"lag", 1, ", 1, NULL"},
    {"lag", 2, ", NULL"},
    {"lead", 1, ", 1, NULL"},
    {"lead", 2, ", NULL"},
    {"sha2", 1, ", 256"},
    {"translate", 2, ", "},
};

static const char *call_text(Binder *b, const char *name, MrExpr *const *args, int32_t n_args,
                             bool distinct)
{
    MrTextBuilder out = {.arena = b->arena};
    const char *shown = name;
    bool scaled = n_args == 2 && (strcmp(name, "ceil") == 0 || strcmp(name, "floor") == 0);
    for (int64_t i = 0; !scaled && i < MR_COUNT(shown_names); i++)
        if (strcmp(shown_names[i].name, name) == 0)
            shown = shown_names[i].shown;
    mr_builder_printf(&out, "%s(%s", shown, distinct ? "DISTINCT " : "");
    int32_t n_shown = n_args;
    if ((strncmp(name, "from_json", 9) == 0 || strncmp(name, "from_csv", 8) == 0 ||
         strncmp(name, "from_xml", 8) == 0 || strcmp(name, "to_json") == 0 ||
         strcmp(name, "to_csv") == 0 || strcmp(name, "schema_of_json") == 0) &&
        n_args > 1)
        n_shown = 1; /* schema and options do not show */
    for (int32_t i = 0; i < n_shown; i++)
        mr_builder_printf(&out, "%s%s", i ? ", " : "", args[i] ? args[i]->sql : "");
    for (int64_t i = 0; i < MR_COUNT(shown_args); i++)
        if (shown_args[i].n_args == n_args && strcmp(shown_args[i].name, name) == 0)
            mr_builder_str(&out, shown_args[i].more);
    mr_builder_char(&out, ')');
    return mr_builder_text(&out).data;
}

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
                                      "args", mr__quote_name(b, &ast->lambda.params[i], 1),
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
    if (mr_expr_fold(b->arena, b->planner->context, shallow, &value, &ignored) == MR_OK)
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

static MrStatus args_cast(Binder *b, MrSqlPlace place, const MrBind *bind, MrExpr **args)
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
    MR_TRY(args_cast(b, place, &bind, own));
    if (strncmp(name, "try_", 4) != 0)
        sql = bind.sql; /* some functions print otherwise: DATE'2020-01-31' + 7 is date_add(..) */
    if (asts && !strchr(sql, '(')) /* the text could not be made before the lambdas were bound */
        sql = call_text(b, sql, own, n_args, false);
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

MrStatus mr__call_bind(Binder *b, Ctx *ctx, MrSqlPlace place, const char *name, MrExpr *const *args,
                       int32_t n_args, const char *sql, MrExpr **out)
{
    return call_bind(b, ctx, place, name, args, NULL, NULL, n_args, sql, out);
}

/* ---------------------------------------------------------------- arguments */

typedef struct Args {
    int32_t n;
    MrExpr **exprs;
    const char **names; /* of aliases */
    const MrSqlExpr **asts;
    bool has_lambda;
} Args;

static MrStatus args_bind(Binder *b, Ctx *ctx, MrSqlExpr *const *asts, int32_t n_asts, Args *out)
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

MrStatus mr__struct_bind(Binder *b, Ctx *ctx, MrSqlPlace place, const char *name,
                         MrSqlExpr *const *items, int32_t n_items, const char *shown, MrExpr **out)
{
    Args args;
    MR_TRY(args_bind(b, ctx, items, n_items, &args));
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

/* ---------------------------------------------------------------- aggregates and windows */

MrStatus mr__sort_spec(const MrSqlSort *sort, MrSortSpec *out)
{
    out->descending = sort->descending;
    out->nulls_first =
        sort->nulls == MR_SQL_NULLS_UNSAID ? !sort->descending : sort->nulls == MR_SQL_NULLS_FIRST;
    return MR_OK;
}

static void sorts_text(MrTextBuilder *out, const MrSortKey *keys, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        mr_builder_printf(out, "%s%s %s NULLS %s", i ? ", " : "", keys[i].expr->sql,
                          keys[i].spec.descending ? "DESC" : "ASC",
                          keys[i].spec.nulls_first ? "FIRST" : "LAST");
}

static bool is_inverse_distribution(const char *name)
{
    return strcmp(name, "percentile_cont") == 0 || strcmp(name, "percentile_disc") == 0 ||
           strcmp(name, "mode") == 0;
}

static bool takes_ignore_nulls(const char *name)
{
    static const char *const names[] = {"first",     "last",         "first_value", "last_value",
                                        "any_value", "nth_value",    "lead",        "lag",
                                        "array_agg", "collect_list", "collect_set", NULL};
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return false;
}

static bool has_node(void *self, const MrExpr *expr)
{
    if (expr->kind == *(const MrExprKind *)((void **)self)[0])
        *(bool *)((void **)self)[1] = true;
    return !*(bool *)((void **)self)[1];
}

bool mr__expr_has(const MrExpr *expr, MrExprKind kind)
{
    bool found = false;
    void *self[2] = {&kind, &found};
    mr_expr_walk(expr, has_node, self);
    return found;
}

static MrStatus syntax_fail(Binder *b, MrSqlPlace place, const char *name, const char *syntax)
{
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_INVALID_SQL_SYNTAX__FUNCTION_WITH_UNSUPPORTED_SYNTAX,
                          "prettyName", mr__quote_name(b, &name, 1), "syntax",
                          mr__quote_sql(b, syntax)));
}

static MrStatus frame_bind(Binder *b, Ctx *ctx, const MrSqlBound *bound, const MrExpr *order,
                           bool is_range, MrFrameEdge *edge, MrExpr **offset, const char **text)
{
    switch (bound->kind) {
    case MR_SQL_UNBOUNDED_PRECEDING:
        *edge = MR_FRAME_UNBOUNDED;
        *text = "UNBOUNDED PRECEDING";
        return MR_OK;
    case MR_SQL_UNBOUNDED_FOLLOWING:
        *edge = MR_FRAME_UNBOUNDED;
        *text = "UNBOUNDED FOLLOWING";
        return MR_OK;
    case MR_SQL_CURRENT_ROW:
        *edge = MR_FRAME_CURRENT;
        *text = "CURRENT ROW";
        return MR_OK;
    default:
        break;
    }
    MrExpr *expr = NULL;
    MR_TRY(mr__expr_bind(b, ctx, bound->expr, &expr));
    bool preceding = bound->kind == MR_SQL_PRECEDING;
    *text = mr_arena_printf(b->arena, "%s %s", expr->sql, preceding ? "PRECEDING" : "FOLLOWING");
    const char *written = expr->sql;
    *edge = MR_FRAME_OFFSET;
    if (!mr_expr_is_constant(expr))
        return mr__at(b, bound->place,
                      MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_0064, "msg",
                              "Frame bound value must be a literal"));
    const MrType *want = NULL;
    if (!is_range)
        want = MR_T(INT);
    else if (order && mr_type_is_numeric(order->type) &&
             (mr_type_is_numeric(expr->type) || expr->type->kind == MR_TYPE_STRING))
        want = order->type;
    if (want && !mr_type_same_data(expr->type, want)) {
        const MrType *to =
            is_range || expr->type->kind == MR_TYPE_TINYINT || expr->type->kind == MR_TYPE_SMALLINT
                ? want
                : NULL;
        if (!to)
            return mr__at(b, bound->place,
                          MR_FAIL(b->err,
                                  MR_COND_DATATYPE_MISMATCH__SPECIFIED_WINDOW_FRAME_UNACCEPTED_TYPE,
                                  "sqlExpr", mr__quote_sql(b, *text), "location",
                                  preceding ? "lower" : "upper", "exprType",
                                  mr__quote_type(b, expr->type), "expectedType", "\"INT\""));
        MR_TRY(mr__cast(b, expr, to, &expr));
        if (preceding)
            *text = mr_arena_printf(b->arena, "(- %s) FOLLOWING", written);
    }
    if (preceding) {
        const char *sql = mr_arena_printf(b->arena, "(- %s)", expr->sql);
        MR_TRY(mr__call_bind(b, ctx, bound->place, "negative", &expr, 1, sql, &expr));
    }
    const MrVector *value = NULL;
    MR_TRY(
        mr__at(b, bound->place, mr_expr_fold(b->arena, b->planner->context, expr, &value, b->err)));
    MrExpr *literal = mr_expr_literal(b->arena, value);
    literal->sql = expr->sql;
    *offset = literal;
    return MR_OK;
}

/* A frame's end does not come before its beginning, where both are the same kind of number. */
static MrStatus frame_check(Binder *b, const MrSqlWindow *spec, const MrWindowFrame *frame,
                            const char *from_text, const char *to_text)
{
    const char *sql =
        mr__quote_sql(b, mr_arena_printf(b->arena, "%s BETWEEN %s AND %s",
                                         spec->is_range ? "RANGE" : "ROWS", from_text, to_text));
    if (spec->start.kind == MR_SQL_UNBOUNDED_FOLLOWING ||
        spec->end.kind == MR_SQL_UNBOUNDED_PRECEDING)
        return mr__at(b, spec->place,
                      MR_FAIL(b->err,
                              MR_COND_DATATYPE_MISMATCH__SPECIFIED_WINDOW_FRAME_INVALID_BOUND,
                              "sqlExpr", sql, "upper", mr__quote_sql(b, to_text), "lower",
                              mr__quote_sql(b, from_text)));
    if (!frame->from || !frame->to)
        return MR_OK;
    if (!mr_type_same_data(frame->from->type, frame->to->type))
        return mr__at(b, spec->place,
                      MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__SPECIFIED_WINDOW_FRAME_DIFF_TYPES,
                              "sqlExpr", sql, "lower", mr__quote_sql(b, frame->from->sql), "upper",
                              mr__quote_sql(b, frame->to->sql), "lowerType",
                              mr__quote_type(b, frame->from->type), "upperType",
                              mr__quote_type(b, frame->to->type)));
    if (!mr_type_is_orderable(frame->from->type))
        return MR_OK;
    MrExpr *wrong = NULL;
    const MrVector *is_wrong = NULL;
    MR_TRY(mr_expr_call(b->arena, b->settings, ">", (MrExpr *[]){frame->from, frame->to}, 2, &wrong,
                        b->err));
    MR_TRY(mr_expr_fold(b->arena, b->planner->context, wrong, &is_wrong, b->err));
    if (mr_vector_is_null(is_wrong, 0) || !is_wrong->i8[0])
        return MR_OK;
    return mr__at(b, spec->place,
                  MR_FAIL(b->err,
                          MR_COND_DATATYPE_MISMATCH__SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON,
                          "sqlExpr", sql, "comparison", "less than or equal"));
}

static const MrSqlWindow *window_named(Binder *b, const Ctx *ctx, const char *name)
{
    for (int32_t i = 0; i < ctx->n_windows; i++)
        if (ctx->windows[i].name && mr__name_equal(b, ctx->windows[i].name, name))
            return &ctx->windows[i];
    return NULL;
}

static MrStatus window_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name, Args *args,
                            const MrWindowDef *def, MrExpr *filter, bool ignore_nulls,
                            MrExpr *agg_expr, MrExpr **out)
{
    const MrSqlWindow *spec = ast->call.over;
    for (int32_t hops = 0; spec->ref; hops++) {
        const MrSqlWindow *named = window_named(b, ctx, spec->ref);
        if (!named || hops > 100)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_MISSING_WINDOW_SPECIFICATION, "windowName",
                                  spec->ref, "docroot", "https://spark.apache.org/docs/latest"));
        spec = named;
    }
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_WINDOW;
    bool was_in_window = ctx->in_window;
    ctx->in_window = true;
    expr->window.n_partition = spec->n_partition;
    expr->window.partition = MR_NEW_N(b->arena, MrExpr *, spec->n_partition + 1);
    for (int32_t i = 0; i < spec->n_partition; i++)
        MR_TRY(mr__expr_bind(b, ctx, spec->partition[i], &expr->window.partition[i]));
    expr->window.n_order = spec->n_order;
    expr->window.order = MR_NEW_N(b->arena, MrSortKey, spec->n_order + 1);
    for (int32_t i = 0; i < spec->n_order; i++) {
        MR_TRY(mr__expr_bind(b, ctx, spec->order[i].expr, &expr->window.order[i].expr));
        MR_TRY(mr__sort_spec(&spec->order[i], &expr->window.order[i].spec));
    }
    MrTextBuilder over = {.arena = b->arena}, sql = {.arena = b->arena};
    const char *blank = "";
    if (spec->n_partition > 0) {
        mr_builder_str(&over, "PARTITION BY ");
        for (int32_t i = 0; i < spec->n_partition; i++)
            mr_builder_printf(&over, "%s%s", i ? ", " : "", expr->window.partition[i]->sql);
        blank = " ";
    }
    if (spec->n_order > 0) {
        mr_builder_printf(&over, "%sORDER BY ", blank);
        sorts_text(&over, expr->window.order, spec->n_order);
        blank = " ";
    }
    MrWindowFrame *frame = &expr->window.frame;
    MrWindowKind kind = def ? def->kind : MR_WINDOW_AGGREGATE;
    const char *from_text = "UNBOUNDED PRECEDING", *to_text = "CURRENT ROW";
    if (spec->has_frame) {
        const MrExpr *order = spec->n_order > 0 ? expr->window.order[0].expr : NULL;
        frame->rows = !spec->is_range;
        MR_TRY(frame_bind(b, ctx, &spec->start, order, spec->is_range, &frame->from_edge,
                          &frame->from, &from_text));
        MR_TRY(frame_bind(b, ctx, &spec->end, order, spec->is_range, &frame->to_edge, &frame->to,
                          &to_text));
        MR_TRY(frame_check(b, spec, frame, from_text, to_text));
    }
    bool entire = !spec->has_frame || (spec->start.kind == MR_SQL_UNBOUNDED_PRECEDING &&
                                       spec->end.kind == MR_SQL_UNBOUNDED_FOLLOWING);
    if (agg_expr && (is_inverse_distribution(name) || strcmp(name, "median") == 0) &&
        (spec->n_order > 0 || !entire)) {
        int32_t n_shown = strncmp(name, "percentile_", 11) == 0 ? 2 : 1;
        return mr__at(
            b, ast->place,
            MR_FAIL(b->err, MR_COND_INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC, "aggFunc",
                    mr__quote_sql(b, call_text(b, name, agg_expr->args, n_shown, false))));
    }
    mr_builder_printf(&sql, "%s",
                      agg_expr ? agg_expr->sql : call_text(b, name, args->exprs, args->n, false));
    if (ignore_nulls && !agg_expr)
        mr_builder_str(&sql, " ignore nulls");
    bool fixed = true; /* the function has a frame of its own */
    const char *own_from = "UNBOUNDED PRECEDING", *own_to = "CURRENT ROW";
    switch (kind) {
    case MR_WINDOW_ROW_NUMBER:
    case MR_WINDOW_RANK:
    case MR_WINDOW_DENSE_RANK:
    case MR_WINDOW_PERCENT_RANK:
    case MR_WINDOW_NTILE:
        frame->rows = true;
        break;
    case MR_WINDOW_CUME_DIST:
        frame->rows = false;
        break;
    case MR_WINDOW_LAG:
    case MR_WINDOW_LEAD: {
        const char *offset = args->n > 1 ? args->exprs[1]->sql : "1";
        if (kind == MR_WINDOW_LAG)
            offset = offset[0] == '-' ? offset + 1 : mr_arena_printf(b->arena, "-%s", offset);
        own_from = own_to = mr_arena_printf(b->arena, "%s FOLLOWING", offset);
        frame->rows = true;
        break;
    }
    default:
        fixed = false;
    }
    if (fixed) {
        if (spec->n_order == 0)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_WINDOW_FUNCTION_FRAME_NOT_ORDERED, "wf_name",
                                  name, "wf_expr", mr_builder_text(&sql).data));
        if (spec->has_frame && (kind == MR_WINDOW_LAG || kind == MR_WINDOW_LEAD))
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1035, "prettyName", name));
        if (spec->has_frame &&
            (spec->is_range == frame->rows || spec->start.kind != MR_SQL_UNBOUNDED_PRECEDING ||
             spec->end.kind != MR_SQL_CURRENT_ROW))
            return mr__at(
                b, ast->place,
                MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1036, "wf",
                        mr_arena_printf(b->arena, "%s BETWEEN %s AND %s",
                                        spec->is_range ? "RANGE" : "ROWS", from_text, to_text),
                        "required",
                        mr_arena_printf(b->arena, "%s BETWEEN %s AND %s",
                                        frame->rows ? "ROWS" : "RANGE", own_from, own_to)));
        from_text = own_from;
        to_text = own_to;
        frame->from_edge = MR_FRAME_UNBOUNDED;
        frame->to_edge = MR_FRAME_CURRENT;
        frame->from = frame->to = NULL;
    } else if (!spec->has_frame) {
        frame->rows = spec->n_order == 0;
        frame->from_edge = MR_FRAME_UNBOUNDED;
        frame->to_edge = spec->n_order == 0 ? MR_FRAME_UNBOUNDED : MR_FRAME_CURRENT;
        if (spec->n_order == 0)
            to_text = "UNBOUNDED FOLLOWING";
    }
    mr_builder_printf(&over, "%s%s BETWEEN %s AND %s", blank, frame->rows ? "ROWS" : "RANGE",
                      from_text, to_text);
    if (!frame->rows && !fixed && spec->has_frame) {
        const char *whole =
            mr__quote_sql(b, mr_arena_printf(b->arena, "(%s)", mr_builder_text(&over).data));
        bool offset = frame->from_edge == MR_FRAME_OFFSET || frame->to_edge == MR_FRAME_OFFSET;
        if (spec->n_order == 0)
            return mr__at(b, spec->place,
                          MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__RANGE_FRAME_WITHOUT_ORDER,
                                  "sqlExpr", whole));
        if (offset && spec->n_order > 1)
            return mr__at(b, spec->place,
                          MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__RANGE_FRAME_MULTI_ORDER,
                                  "sqlExpr", whole, "orderSpec",
                                  mr_arena_printf(b->arena, "%s", mr_builder_text(&over).data)));
        if (offset) {
            const MrType *type = expr->window.order[0].expr->type;
            const MrExpr *value = frame->from ? frame->from : frame->to;
            bool fits =
                mr_type_is_numeric(type) ? mr_type_same_data(type, value->type)
                : type->kind == MR_TYPE_DATE
                    ? mr_type_is_integral(value->type) ||
                          value->type->kind == MR_TYPE_INTERVAL_YM ||
                          value->type->kind == MR_TYPE_INTERVAL_DT
                    : (type->kind == MR_TYPE_TIMESTAMP || type->kind == MR_TYPE_TIMESTAMP_NTZ) &&
                          (value->type->kind == MR_TYPE_INTERVAL_YM ||
                           value->type->kind == MR_TYPE_INTERVAL_DT ||
                           value->type->kind == MR_TYPE_INTERVAL);
            if (!fits)
                return mr__at(b, spec->place,
                              MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__RANGE_FRAME_INVALID_TYPE,
                                      "sqlExpr", whole, "orderSpecType", mr__quote_type(b, type),
                                      "valueBoundaryType", mr__quote_type(b, value->type)));
        }
    }
    mr_builder_printf(&sql, " OVER (%s)", mr_builder_text(&over).data);
    ctx->in_window = was_in_window;
    expr->window.kind = kind;
    expr->window.ignore_nulls = ignore_nulls;
    expr->window.filter = filter;
    expr->sql = mr_builder_text(&sql).data;
    if (agg_expr) {
        expr->window.agg = agg_expr->aggregate.agg;
        expr->window.distinct = agg_expr->aggregate.distinct;
        expr->type = agg_expr->type;
        expr->nullable = agg_expr->nullable;
        expr->n_args = agg_expr->n_args;
        expr->args = agg_expr->args;
        if (agg_expr->aggregate.distinct)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_DISTINCT_WINDOW_FUNCTION_UNSUPPORTED,
                                  "windowExpr", mr__quote_sql(b, expr->sql)));
    } else {
        MrBind bind;
        mr__bind_init(b, &bind, args->exprs, NULL, args->n, expr->sql);
        MR_TRY(mr__at(b, ast->place, mr_window_bind(&bind, def, b->err)));
        MR_TRY(args_cast(b, ast->place, &bind, args->exprs));
        expr->type = bind.type;
        expr->nullable = bind.nullable;
        expr->n_args = args->n;
        expr->args = args->exprs;
    }
    ctx->has_window = true;
    *out = expr;
    return MR_OK;
}

typedef struct Level {
    int32_t id; /* of some outer column, -1: none */
    bool own;   /* a column of the query itself */
} Level;

static bool level_note(void *self, const MrExpr *expr)
{
    Level *level = self;
    if (expr->kind == MR_EXPR_OUTER)
        level->id = expr->column.id;
    level->own = level->own || expr->kind == MR_EXPR_COLUMN || expr->kind == MR_EXPR_AGGREGATE;
    return true;
}

static MrExpr *outer_back(void *self, MrExpr *expr)
{
    const Scope *scope = self;
    if (expr->kind == MR_EXPR_OUTER)
        for (int32_t i = 0; i < scope->n_cols; i++)
            if (scope->cols[i].col.id == expr->column.id) {
                expr->kind = MR_EXPR_COLUMN;
                expr->sql = expr->column.name;
            }
    return expr;
}

/* max(outer.x) in a subquery is an aggregate of the outer query: here it is a column of that. */
static bool outer_aggregate(Binder *b, Ctx *ctx, MrExpr *expr, MrExpr **out)
{
    Level level = {-1, false};
    for (int32_t i = 0; i < expr->n_args; i++)
        mr_expr_walk(expr->args[i], level_note, &level);
    if (expr->aggregate.filter)
        mr_expr_walk(expr->aggregate.filter, level_note, &level);
    if (level.own || level.id < 0)
        return false;
    for (Scope *scope = ctx->scope->outer; scope; scope = scope->opaque ? NULL : scope->outer) {
        for (int32_t i = 0; i < scope->n_cols; i++) {
            if (scope->cols[i].col.id != level.id)
                continue;
            MrExpr *agg = mr_expr_map(b->arena, expr, outer_back, scope);
            MrNamedExpr named = {{mr_planner_id(b->planner), expr->sql, expr->type, expr->nullable},
                                 agg};
            MR_PUSH(b->arena, scope->inner_aggs, scope->n_inner_aggs, scope->cap_inner_aggs, named);
            MrExpr *column = mr_plan_column_expr(b->planner, &named.column);
            column->kind = MR_EXPR_OUTER;
            column->sql = mr_arena_printf(b->arena, "outer(%s)", expr->sql);
            ctx->has_outer = true;
            *out = column;
            return true;
        }
    }
    return false;
}

static MrStatus aggregate_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                               MrExpr **out)
{
    const MrSqlCall *call = &ast->call;
    bool over = call->over != NULL;
    Args args = {0};
    MrExpr *filter = NULL;
    bool was_in_aggregate = ctx->in_aggregate, were_off = ctx->outputs_off,
         had_aggregate = ctx->has_aggregate;
    ctx->in_aggregate = !over || ctx->in_aggregate;
    ctx->outputs_off = true;
    ctx->has_aggregate = false;
    bool had_lateral = ctx->has_lateral;
    if (strcmp(name, "count") == 0 && call->n_args == 1 && call->args[0]->kind == MR_SQL_STAR &&
        call->args[0]->star.qualifier.n_parts == 0 && !call->args[0]->star.has_except &&
        !call->distinct) {
        args.n = 1;
        args.exprs = MR_NEW_N(b->arena, MrExpr *, 2);
        args.names = MR_NEW_N(b->arena, const char *, 1);
        args.asts = MR_NEW_N(b->arena, const MrSqlExpr *, 1);
        args.exprs[0] = mr__literal_int(b, 1);
    } else {
        MR_TRY(args_bind(b, ctx, call->args, call->n_args, &args));
    }
    if (strcmp(name, "count") == 0 && args.n == 0) { /* count() counts nothing */
        args.n = 1;
        args.exprs = MR_NEW_N(b->arena, MrExpr *, 2);
        args.names = MR_NEW_N(b->arena, const char *, 1);
        args.exprs[0] = mr_expr_null(b->arena, MR_T(INT));
        args.exprs[0]->sql = "";
    }
    if (call->filter)
        MR_TRY(mr__expr_bind(b, ctx, call->filter, &filter));
    int32_t n_order = call->n_within;
    MrSortKey *order = MR_NEW_N(b->arena, MrSortKey, n_order + 1);
    for (int32_t i = 0; i < n_order; i++) {
        MR_TRY(mr__expr_bind(b, ctx, call->within[i].expr, &order[i].expr));
        MR_TRY(mr__sort_spec(&call->within[i], &order[i].spec));
    }
    bool nested = ctx->has_aggregate;
    for (int32_t i = 0; !over && i < args.n; i++)
        if (mr__expr_has(args.exprs[i], MR_EXPR_WINDOW))
            return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1031));
    ctx->has_aggregate = had_aggregate || (over && nested); /* sum(count(x)) OVER () */
    ctx->in_aggregate = was_in_aggregate;
    ctx->outputs_off = were_off;
    (void)had_lateral;
    bool ignore_nulls = call->nulls == MR_SQL_IGNORE_NULLS;
    const MrWindowDef *def = NULL;
    if (over) {
        const char *window_name = name;
        if (strcmp(name, "first") == 0 || strcmp(name, "any_value") == 0)
            window_name = "first_value";
        else if (strcmp(name, "last") == 0)
            window_name = "last_value";
        def = mr_window_find(window_name);
        if (def && call->filter)
            def = NULL;
    }
    if (call->nulls != MR_SQL_NULLS_DEFAULT && !takes_ignore_nulls(name))
        return syntax_fail(b, ast->place, name, ignore_nulls ? "IGNORE NULLS" : "RESPECT NULLS");
    if (def) {
        int32_t n_values = def->kind == MR_WINDOW_NTH_VALUE ? 2 : 1;
        if ((def->kind == MR_WINDOW_FIRST_VALUE || def->kind == MR_WINDOW_LAST_VALUE ||
             def->kind == MR_WINDOW_NTH_VALUE) &&
            args.n == n_values + 1 && args.exprs[n_values]->kind == MR_EXPR_LITERAL &&
            args.exprs[n_values]->type->kind == MR_TYPE_BOOLEAN) {
            ignore_nulls = ignore_nulls || args.exprs[n_values]->literal->i8[0] != 0;
            args.n = n_values;
        }
        return window_bind(b, ctx, ast, name, &args, def, filter, ignore_nulls, NULL, out);
    }
    if (!mr_aggregate_exists(name)) {
        if (mr_window_find(name)) {
            const char *sql = call_text(b, name, args.exprs, args.n, call->distinct);
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_WINDOW_FUNCTION_WITHOUT_OVER_CLAUSE, "funcName",
                                  mr__quote_sql(b, sql)));
        }
        return syntax_fail(b, ast->place, name, call->distinct ? "DISTINCT" : "OVER clause");
    }
    MrTextBuilder sql = {.arena = b->arena};
    mr_builder_str(&sql, call_text(b, name, args.exprs, args.n, call->distinct));
    if (ignore_nulls) {
        MrExpr **more = MR_NEW_N(b->arena, MrExpr *, args.n + 1);
        memcpy(more, args.exprs, sizeof(MrExpr *) * (size_t)args.n);
        more[args.n] = mr_expr_bool(b->arena, true);
        more[args.n]->sql = "true";
        args.exprs = more;
        if (strncmp(name, "collect", 7) != 0 && strcmp(name, "array_agg") != 0)
            args.n++;
        mr_builder_str(&sql, " ignore nulls");
    }
    if (n_order > 0) {
        mr_builder_str(&sql, " WITHIN GROUP (ORDER BY ");
        if (is_inverse_distribution(name)) {
            bool descending = order[0].spec.descending;
            if (strcmp(name, "mode") == 0)
                descending = !descending; /* as Spark prints it */
            mr_builder_printf(&sql, "%s%s", order[0].expr->sql, descending ? " DESC" : "");
        } else {
            sorts_text(&sql, order, n_order);
        }
        mr_builder_char(&sql, ')');
    }
    MrBind bind;
    MrAggregate *agg = NULL;
    bool within = n_order > 0 && is_inverse_distribution(name);
    if (is_inverse_distribution(name) && (n_order > 0 || strcmp(name, "mode") != 0)) {
        const char *function = mr__quote_name(b, &name, 1);
        bool is_mode = strcmp(name, "mode") == 0;
        if (call->distinct)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err,
                                  MR_COND_INVALID_WITHIN_GROUP_EXPRESSION__DISTINCT_UNSUPPORTED,
                                  "funcName", function));
        if (n_order == 0)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err,
                                  MR_COND_INVALID_WITHIN_GROUP_EXPRESSION__WITHIN_GROUP_MISSING,
                                  "funcName", function));
        if (n_order > 1 || (is_mode && args.n > 0))
            return mr__at(
                b, ast->place,
                MR_FAIL(b->err, MR_COND_INVALID_WITHIN_GROUP_EXPRESSION__WRONG_NUM_ORDERINGS,
                        "funcName", function, "expectedNum", is_mode && args.n > 0 ? "0" : "1",
                        "actualNum", mr_arena_printf(b->arena, "%d", n_order)));
    } else if (strcmp(name, "mode") == 0 && args.n == 2 && args.exprs[1]->kind == MR_EXPR_LITERAL) {
        const MrVector *flag = args.exprs[1]->literal;
        bool lowest =
            flag->type->kind == MR_TYPE_BOOLEAN && !mr_vector_is_null(flag, 0) && flag->i8[0];
        sql = (MrTextBuilder){.arena = b->arena};
        mr_builder_printf(&sql, lowest ? "mode() WITHIN GROUP (ORDER BY %s DESC)" : "mode(%s)",
                          args.exprs[0]->sql);
    }
    if (within) { /* the value comes first: percentile_cont(v, 0.5) */
        MrExpr **more = MR_NEW_N(b->arena, MrExpr *, args.n + 3);
        more[0] = order[0].expr;
        if (args.n > 0)
            memcpy(more + 1, args.exprs, sizeof(MrExpr *) * (size_t)args.n);
        args.exprs = more;
        args.names = NULL;
        args.n++;
        if (strcmp(name, "mode") == 0) { /* mode(v, true, descending) */
            more[args.n++] = mr_expr_bool(b->arena, true);
            more[args.n - 1]->sql = "true";
        }
        more[args.n++] = mr_expr_bool(b->arena, order[0].spec.descending); /* and after (v, 0.5) */
        more[args.n - 1]->sql = order[0].spec.descending ? "true" : "false";
    }
    const char *text = mr_builder_text(&sql).data;
    mr__bind_init(b, &bind, args.exprs, args.names, args.n, text);
    MR_TRY(mr__at(b, ast->place, mr_aggregate_bind(&bind, name, &agg, b->err)));
    MR_TRY(args_cast(b, ast->place, &bind, args.exprs));
    if (within)
        order[0].expr = args.exprs[0];
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_AGGREGATE;
    expr->type = agg->type;
    expr->nullable = agg->nullable;
    expr->n_args = args.n;
    expr->args = args.exprs;
    expr->sql_idx = ast->place.idx;
    expr->sql_len = ast->place.len;
    expr->aggregate.agg = agg;
    expr->aggregate.distinct = call->distinct && !(agg->flags & MR_AGG_IGNORES_DISTINCT);
    expr->aggregate.filter = filter;
    expr->aggregate.order = order;
    expr->aggregate.n_order = n_order;
    if (filter) {
        if (filter->type->kind != MR_TYPE_BOOLEAN)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_INVALID_AGGREGATE_FILTER__NOT_BOOLEAN,
                                  "filterExpr", mr__quote_sql(b, filter->sql), "funcExpr",
                                  mr__quote_sql(b, text)));
        if (mr__expr_has(filter, MR_EXPR_AGGREGATE))
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_INVALID_AGGREGATE_FILTER__CONTAINS_AGGREGATE,
                                  "filterExpr", mr__quote_sql(b, filter->sql), "funcExpr",
                                  mr__quote_sql(b, text), "aggExpr",
                                  mr__quote_sql(b, filter->sql)));
        text = mr_arena_printf(b->arena, "%s FILTER (WHERE %s)", text, filter->sql);
    }
    expr->sql = text;
    if (over)
        return window_bind(b, ctx, ast, name, &args, NULL, filter, ignore_nulls, expr, out);
    if (nested)
        return mr__at(b, ast->place, MR_FAIL(b->err, MR_COND_NESTED_AGGREGATE_FUNCTION));
    if (!ctx->in_window && outer_aggregate(b, ctx, expr, out))
        return MR_OK;
    ctx->has_aggregate = true;
    *out = expr;
    return MR_OK;
}

/* ---------------------------------------------------------------- functions with rules of their
 * own */

/* int(x) and the like are casts. */
static const MrType *cast_function(const char *name)
{
    static const struct {
        const char *name;
        MrTypeKind kind;
    } casts[] = {{"boolean", MR_TYPE_BOOLEAN},   {"tinyint", MR_TYPE_TINYINT},
                 {"smallint", MR_TYPE_SMALLINT}, {"int", MR_TYPE_INT},
                 {"bigint", MR_TYPE_BIGINT},     {"float", MR_TYPE_FLOAT},
                 {"double", MR_TYPE_DOUBLE},     {"decimal", MR_TYPE_DECIMAL},
                 {"date", MR_TYPE_DATE},         {"timestamp", MR_TYPE_TIMESTAMP},
                 {"binary", MR_TYPE_BINARY},     {"string", MR_TYPE_STRING}};
    for (int64_t i = 0; i < MR_COUNT(casts); i++)
        if (strcmp(casts[i].name, name) == 0)
            return &mr_types[casts[i].kind];
    return NULL;
}

static MrStatus num_args_fail(Binder *b, MrSqlPlace place, const char *name, const char *expected,
                              int32_t actual)
{
    return mr__at(b, place,
                  MR_FAIL(b->err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName",
                          mr__quote_name(b, &name, 1), "expectedNum", expected, "actualNum",
                          mr_arena_printf(b->arena, "%d", actual), "docroot",
                          "https://spark.apache.org/docs/latest"));
}

/* *done: it was one of them. */
static MrStatus special_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                             Args *args, bool *done, MrExpr **out)
{
    MrExpr **e = args->exprs;
    int32_t n = args->n;
    *done = true;
    if (strcmp(name, "if") == 0 || strcmp(name, "iff") == 0) {
        if (n != 3)
            return num_args_fail(b, ast->place, name, "3", n);
        return mr__case_bind(
            b, ast->place, e, 3,
            mr_arena_printf(b->arena, "(IF(%s, %s, %s))", e[0]->sql, e[1]->sql, e[2]->sql), "if",
            out);
    }
    if (strcmp(name, "when") == 0 && n >= 2) {
        MrTextBuilder sql = {.arena = b->arena};
        mr_builder_str(&sql, "CASE");
        for (int32_t i = 0; i + 1 < n; i += 2)
            mr_builder_printf(&sql, " WHEN %s THEN %s", e[i]->sql, e[i + 1]->sql);
        if (n % 2)
            mr_builder_printf(&sql, " ELSE %s", e[n - 1]->sql);
        mr_builder_str(&sql, " END");
        return mr__case_bind(b, ast->place, e, n, mr_builder_text(&sql).data, "casewhen", out);
    }
    if (strcmp(name, "coalesce") == 0) {
        if (n == 0)
            return num_args_fail(b, ast->place, name, "> 0", n);
        return mr__coalesce_bind(b, ast->place, e, n, call_text(b, name, e, n, false), out);
    }
    if (strcmp(name, "nvl") == 0 || strcmp(name, "ifnull") == 0) {
        if (n != 2)
            return num_args_fail(b, ast->place, name, "2", n);
        return mr__coalesce_bind(b, ast->place, e, n, call_text(b, name, e, n, false), out);
    }
    if (strcmp(name, "nvl2") == 0 || strcmp(name, "nullif") == 0 ||
        strcmp(name, "nullifzero") == 0 || strcmp(name, "zeroifnull") == 0) {
        bool two = strcmp(name, "nullif") == 0, three = strcmp(name, "nvl2") == 0;
        int32_t want = three ? 3 : two ? 2 : 1;
        if (n != want)
            return num_args_fail(b, ast->place, name, three ? "3" : two ? "2" : "1", n);
        const char *sql = call_text(b, name, e, n, false);
        if (strcmp(name, "zeroifnull") == 0) {
            MrExpr *zero = mr__literal_int(b, 0);
            return mr__coalesce_bind(b, ast->place, (MrExpr *[]){e[0], zero}, 2, sql, out);
        }
        MrExpr **parts = MR_NEW_N(b->arena, MrExpr *, 3);
        if (three) {
            MR_TRY(mr__call_bind(b, ctx, ast->place, "isnotnull", &e[0], 1,
                                 mr_arena_printf(b->arena, "(%s IS NOT NULL)", e[0]->sql),
                                 &parts[0]));
            parts[1] = e[1];
            parts[2] = e[2];
        } else {
            MrExpr *other = two ? e[1] : mr__literal_int(b, 0);
            MR_TRY(mr__call_bind(b, ctx, ast->place, "=", (MrExpr *[]){e[0], other}, 2,
                                 mr_arena_printf(b->arena, "(%s = %s)", e[0]->sql, other->sql),
                                 &parts[0]));
            parts[1] = mr_expr_null(b->arena, e[0]->type);
            parts[1]->sql = "NULL";
            parts[2] = e[0];
        }
        return mr__case_bind(b, ast->place, parts, 3, sql, "if", out);
    }
    if (strcmp(name, "between") == 0 && n == 3) {
        MrExpr **both = MR_NEW_N(b->arena, MrExpr *, 2);
        MR_TRY(mr__call_bind(b, ctx, ast->place, ">=", (MrExpr *[]){e[0], e[1]}, 2,
                             mr_arena_printf(b->arena, "(%s >= %s)", e[0]->sql, e[1]->sql),
                             &both[0]));
        MR_TRY(mr__call_bind(b, ctx, ast->place, "<=", (MrExpr *[]){e[0], e[2]}, 2,
                             mr_arena_printf(b->arena, "(%s <= %s)", e[0]->sql, e[2]->sql),
                             &both[1]));
        *out = mr_expr_and(b->arena, both[0], both[1]);
        (*out)->sql = call_text(b, name, e, n, false);
        return MR_OK;
    }
    const MrType *type = cast_function(name);
    if (type) {
        if (n != 1)
            return num_args_fail(b, ast->place, name, "1", n);
        if (type->kind == MR_TYPE_TIMESTAMP && b->settings->timestamp_ntz)
            type = MR_T(TIMESTAMP_NTZ);
        MR_TRY(mr__cast_written(b, ast->place, e[0], type, false, out));
        (*out)->sql = e[0]->sql; /* no cast that the user wrote: it does not show */
        return MR_OK;
    }
    if (strcmp(name, "like") == 0 || strcmp(name, "ilike") == 0) {
        if (n < 2 || n > 3)
            return num_args_fail(b, ast->place, name, "[2, 3]", n);
        const char *sql =
            strcmp(name, "ilike") == 0
                ? call_text(b, name, e, n, false)
                : mr_arena_printf(b->arena, n > 2 ? "%s LIKE %s ESCAPE '%s'" : "%s LIKE %s",
                                  e[0]->sql, e[1]->sql, n > 2 ? e[2]->sql : "");
        return mr__call_bind(b, ctx, ast->place, name, e, n, sql, out);
    }
    if ((strcmp(name, "isnull") == 0 || strcmp(name, "isnotnull") == 0) && n == 1)
        return mr__call_bind(b, ctx, ast->place, name, e, n,
                             mr_arena_printf(b->arena, "(%s IS %sNULL)", e[0]->sql,
                                             name[2] == 'n' && name[3] == 'o' ? "NOT " : ""),
                             out);
    if (strcmp(name, "positive") == 0 && n == 1)
        return mr__call_bind(b, ctx, ast->place, name, e, n,
                             mr_arena_printf(b->arena, "(+ %s)", e[0]->sql), out);
    if (strcmp(name, "not") == 0 && n == 1)
        return mr__not(b, ast->place, e[0], out);
    if (ast->call.is_syntax && strcmp(name, "extract") == 0 && n == 2)
        return mr__call_bind(b, ctx, ast->place, name, e, n,
                             mr_arena_printf(b->arena, "extract(%s FROM %s)", e[0]->sql, e[1]->sql),
                             out);
    if (ast->call.is_syntax && n == 2 &&
        (strcmp(name, "trim") == 0 || strcmp(name, "ltrim") == 0 || strcmp(name, "rtrim") == 0)) {
        const char *side = name[0] == 'l' ? "LEADING" : name[0] == 'r' ? "TRAILING" : "BOTH";
        return mr__call_bind(
            b, ctx, ast->place, name, e, n,
            mr_arena_printf(b->arena, "TRIM(%s %s FROM %s)", side, e[0]->sql, e[1]->sql), out);
    }
    *done = false;
    return MR_OK;
}

static MrStatus generator_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name,
                               bool outer, MrExpr **out)
{
    Args args;
    bool allowed = ctx->allow_generator;
    ctx->allow_generator = false;
    MR_TRY(args_bind(b, ctx, ast->call.args, ast->call.n_args, &args));
    Generator *gen = MR_NEW(b->arena, Generator);
    gen->sql = call_text(b, outer ? mr_arena_printf(b->arena, "%s_outer", name) : name, args.exprs,
                         args.n, false);
    if (!allowed)
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_UNSUPPORTED_GENERATOR__NESTED_IN_EXPRESSIONS,
                              "expression", mr__quote_sql(b, gen->sql)));
    MrBind bind;
    MrBound *bound = NULL;
    gen->def = mr_generator_find(name);
    mr__bind_init(b, &bind, args.exprs, args.names, args.n, gen->sql);
    MR_TRY(mr__at(b, ast->place, mr_generator_bind(&bind, gen->def, &bound, b->err)));
    MR_TRY(args_cast(b, ast->place, &bind, args.exprs));
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

/* ---------------------------------------------------------------- functions of the user */

static MrStatus udf_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const MrBindFunction *function,
                         MrExpr **out)
{
    Args args;
    MR_TRY(args_bind(b, ctx, ast->call.args, ast->call.n_args, &args));
    const char *name = mr__name_dotted(b, function->parts, function->n_parts);
    MrExpr **values = MR_NEW_N(b->arena, MrExpr *, function->n_params + 1);
    MR_TRY(mr__udf_args(b, ast, function, args.exprs, args.n, values));
    MrTextBuilder sql = {.arena = b->arena};
    mr_builder_printf(&sql, "%s(", name);
    for (int32_t i = 0; i < args.n; i++)
        mr_builder_printf(&sql, "%s%s", i ? ", " : "", args.exprs[i]->sql);
    mr_builder_char(&sql, ')');
    MrExpr *body = NULL;
    MR_TRY(mr__udf_body(b, ctx, function, values, &body));
    if (function->returns && !mr_type_equal(body->type, function->returns))
        MR_TRY(mr__cast(b, body, function->returns, &body));
    MrExpr *copy = MR_NEW(b->arena, MrExpr);
    *copy = *body;
    copy->sql = mr_builder_text(&sql).data;
    *out = copy;
    return MR_OK;
}

/* Values of the parameters: by place, by name, defaults. */
MrStatus mr__udf_args(Binder *b, const MrSqlExpr *ast, const MrBindFunction *function,
                      MrExpr *const *args, int32_t n_args, MrExpr **values)
{
    int32_t n_required = 0;
    for (int32_t i = 0; i < function->n_params; i++)
        n_required += !(function->defaults && function->defaults[i]);
    const char *name = mr__quote_name(b, function->parts, function->n_parts);
    if (n_args > function->n_params || (!ast->call.arg_names && n_args < n_required)) {
        const char *expected =
            n_required == function->n_params
                ? mr_arena_printf(b->arena, "%d", n_required)
                : mr_arena_printf(b->arena, "[%d, %d]", n_required, function->n_params);
        return mr__at(b, ast->place,
                      MR_FAIL(b->err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName",
                              name, "expectedNum", expected, "actualNum",
                              mr_arena_printf(b->arena, "%d", n_args), "docroot",
                              "https://spark.apache.org/docs/latest"));
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
                                      mr__quote_name(b, &ast->call.arg_names[i], 1), "proposal",
                                      mr__quote_name(b, &function->params[0].name, 1)));
        }
        MR_TRY(mr__cast(b, args[i], function->params[at].type, &values[at]));
    }
    for (int32_t i = 0; i < function->n_params; i++) {
        if (values[i])
            continue;
        if (!function->defaults || !function->defaults[i])
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_REQUIRED_PARAMETER_NOT_FOUND, "routineName", name,
                                  "parameterName", mr__quote_name(b, &function->params[i].name, 1),
                                  "index", mr_arena_printf(b->arena, "%d", i)));
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

/* Binds the body where the parameters are names. */
MrStatus mr__udf_body(Binder *b, Ctx *ctx, const MrBindFunction *function, MrExpr *const *values,
                      MrExpr **out)
{
    if (b->depth >= 50)
        return MR_FAIL(b->err, MR_COND_CYCLIC_FUNCTION_REFERENCE, "path",
                       mr__name_dotted(b, function->parts, function->n_parts));
    Scope scope = {.opaque = true};
    NamedItem *items = MR_NEW_N(b->arena, NamedItem, function->n_params + 1);
    for (int32_t i = 0; i < function->n_params; i++)
        items[i] = (NamedItem){function->params[i].name, values[i]};
    scope.outputs = items;
    scope.n_outputs = function->n_params;
    Ctx inner = {.scope = &scope};
    Binder saved = *b;
    b->place = function->place;
    b->ctes = NULL;
    b->text = function->text;
    if (function->settings)
        b->settings = function->settings;
    b->depth++;
    MrStatus status;
    if (function->body_is_query) {
        MrSqlStatement *statement = NULL;
        Rel rel = {0};
        status = mr_sql_parse_statement(b->arena, function->text, b->options->sql_options,
                                        &statement, b->err);
        if (status == MR_OK && statement->kind != MR_SQL_STMT_QUERY)
            status = MR_FAIL_INTERNAL(b->err, "the function's body is no query");
        if (status == MR_OK)
            status = mr__query_bind(b, statement->query, &scope, &rel);
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
    b->place = saved.place;
    b->ctes = saved.ctes;
    b->text = saved.text;
    b->settings = saved.settings;
    b->depth = saved.depth;
    ctx->has_query = ctx->has_query || inner.has_query;
    ctx->has_aggregate = ctx->has_aggregate || inner.has_aggregate;
    return status;
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
                          mr__quote_name(b, (const char *const *)name->parts, name->n_parts),
                          "searchPath",
                          mr_arena_printf(b->arena, "[`system`.`builtin`, `system`.`session`, %s]",
                                          mr__quote_name(b, here, n_here))));
}

static const char *lower_name(Binder *b, const char *name)
{
    char *copy = mr_arena_str(b->arena, name);
    for (char *c = copy; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c + 32);
    return copy;
}

MrStatus mr__call_ast_bind(Binder *b, Ctx *ctx, const MrSqlExpr *ast, MrExpr **out)
{
    const MrSqlCall *call = &ast->call;
    MrSqlName plain;
    MR_TRY(mr__name_plain(b, &call->name, &plain));
    const char *name = lower_name(b, plain.parts[plain.n_parts - 1]);
    bool builtin = plain.n_parts == 1 ||
                   (plain.n_parts == 2 && mr_str_equal_nocase(plain.parts[0], "builtin")) ||
                   (plain.n_parts == 3 && mr_str_equal_nocase(plain.parts[0], "system") &&
                    mr_str_equal_nocase(plain.parts[1], "builtin"));
    builtin = builtin && !mr_function_is_hidden(b->settings, name);
    const char *base = name;
    bool outer = false;
    if (builtin) {
        if (strcmp(name, "grouping") == 0 || strcmp(name, "grouping_id") == 0 ||
            strcmp(name, "window") == 0 || strcmp(name, "session_window") == 0 ||
            strcmp(name, "window_time") == 0) {
            bool done = false;
            MR_TRY(mr__group_function(b, ctx, ast, name, &done, out));
            if (done)
                return MR_OK;
        }
        if (mr_aggregate_exists(name) || mr_window_find(name))
            return aggregate_bind(b, ctx, ast, name, out);
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
        return syntax_fail(b, ast->place, name, syntax);
    }
    if (function.found)
        return udf_bind(b, ctx, ast, &function, out);
    bool was_allowed = ctx->allow_generator;
    ctx->allow_generator = false;
    if (strcmp(name, "struct") == 0)
        return mr__struct_bind(b, ctx, ast->place, "struct", call->args, call->n_args, "struct",
                               out);
    Args args;
    MR_TRY(args_bind(b, ctx, call->args, call->n_args, &args));
    ctx->allow_generator = was_allowed;
    if (call->arg_names)
        MR_TRY(mr__named_args(b, ast, name, args.exprs, args.n));
    bool done = false;
    if (!args.has_lambda)
        MR_TRY(special_bind(b, ctx, ast, name, &args, &done, out));
    if (done)
        return MR_OK;
    if (strcmp(name, "if") == 0)
        return MR_FAIL_INTERNAL(b->err, "if with a lambda");
    const char *sql = args.has_lambda ? name : call_text(b, name, args.exprs, args.n, false);
    return call_bind(b, ctx, ast->place, name, args.exprs, args.names,
                     args.has_lambda ? args.asts : NULL, args.n, sql, out);
}

bool mr__is_special(const char *name)
{
    static const char *const names[] = {"if",     "iff",     "when",   "coalesce",   "nvl",
                                        "ifnull", "nvl2",    "nullif", "nullifzero", "zeroifnull",
                                        "struct", "between", "like",   "ilike",      NULL};
    for (int32_t i = 0; names[i]; i++)
        if (strcmp(names[i], name) == 0)
            return true;
    return cast_function(name) != NULL;
}

/* name => value of built-in functions: put in the order of the known parameters. */
MrStatus mr__named_args(Binder *b, const MrSqlExpr *ast, const char *name, MrExpr **args,
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
                              mr__quote_name(b, &name, 1)));
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
                                      mr__quote_name(b, &name, 1), "argumentName",
                                      mr__quote_name(b, &given, 1), "proposal",
                                      mr__quote_name(b, &params[0], 1)));
            if (sorted[at])
                return mr__at(
                    b, ast->place,
                    MR_FAIL(
                        b->err,
                        MR_COND_DUPLICATE_ROUTINE_PARAMETER_ASSIGNMENT__DOUBLE_NAMED_ARGUMENT_REFERENCE,
                        "routineName", mr__quote_name(b, &name, 1), "parameterName",
                        mr__quote_name(b, &given, 1)));
        }
        sorted[at] = args[i];
    }
    for (int32_t i = 0; i < n_args; i++) {
        if (!sorted[i])
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_REQUIRED_PARAMETER_NOT_FOUND, "routineName",
                                  mr__quote_name(b, &name, 1), "parameterName",
                                  mr__quote_name(b, &params[i], 1), "index",
                                  mr_arena_printf(b->arena, "%d", i)));
        args[i] = sorted[i];
    }
    return MR_OK;
}
