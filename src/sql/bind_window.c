/* bind_window.c - OVER (..): window functions, and aggregates over frames. */
#include "sql/bind_int.h"

static MrStatus edge_bind(Binder *b, Ctx *ctx, const MrSqlBound *bound, const MrExpr *order,
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
    MR_TRY(mr__at(b, bound->place, mr_expr_fold(b->arena, &b->eval, expr, &value, b->err)));
    MrExpr *literal = mr_expr_literal(b->arena, value);
    literal->sql = expr->sql;
    *offset = literal;
    return MR_OK;
}

static const char *between_text(Binder *b, bool is_rows, const char *from, const char *to)
{
    return mr_arena_printf(b->arena, "%s BETWEEN %s AND %s", is_rows ? "ROWS" : "RANGE", from, to);
}

/* A frame's end does not come before its beginning, where both are the same kind of number. */
static MrStatus frame_check(Binder *b, const MrSqlWindow *spec, const MrWindowFrame *frame,
                            const char *from_text, const char *to_text)
{
    const char *sql = mr__quote_sql(b, between_text(b, !spec->is_range, from_text, to_text));
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
    MR_TRY(mr_expr_fold(b->arena, &b->eval, wrong, &is_wrong, b->err));
    if (mr_vector_is_null(is_wrong, 0) || !is_wrong->i8[0])
        return MR_OK;
    return mr__at(b, spec->place,
                  MR_FAIL(b->err,
                          MR_COND_DATATYPE_MISMATCH__SPECIFIED_WINDOW_FRAME_WRONG_COMPARISON,
                          "sqlExpr", sql, "comparison", "less than or equal"));
}

static MrStatus spec_find(Binder *b, const Ctx *ctx, const MrSqlExpr *ast, const MrSqlWindow **out)
{
    const MrSqlWindow *spec = ast->call.over;
    for (int32_t hops = 0; spec->ref; hops++) {
        const MrSqlWindow *named = NULL;
        for (int32_t i = 0; i < ctx->n_windows && !named; i++)
            if (ctx->windows[i].name && mr__name_equal(b, ctx->windows[i].name, spec->ref))
                named = &ctx->windows[i];
        if (!named || hops > 100)
            return mr__at(b, ast->place,
                          MR_FAIL(b->err, MR_COND_MISSING_WINDOW_SPECIFICATION, "windowName",
                                  spec->ref, "docroot", "https://spark.apache.org/docs/latest"));
        spec = named;
    }
    *out = spec;
    return MR_OK;
}

/* What stands between the brackets of OVER (..), as Spark prints it. */
typedef struct Over {
    const MrSqlWindow *spec;
    MrTextBuilder text;
    const char *blank; /* before what comes next */
    const char *from, *to;
} Over;

static MrStatus keys_bind(Binder *b, Ctx *ctx, MrExpr *expr, Over *over)
{
    const MrSqlWindow *spec = over->spec;
    expr->window.n_partition = spec->n_partition;
    expr->window.partition = MR_NEW_N(b->arena, MrExpr *, spec->n_partition + 1);
    for (int32_t i = 0; i < spec->n_partition; i++)
        MR_TRY(mr__expr_bind(b, ctx, spec->partition[i], &expr->window.partition[i]));
    expr->window.n_order = spec->n_order;
    expr->window.order = MR_NEW_N(b->arena, MrSortKey, spec->n_order + 1);
    for (int32_t i = 0; i < spec->n_order; i++) {
        MR_TRY(mr__expr_bind(b, ctx, spec->order[i].expr, &expr->window.order[i].expr));
        expr->window.order[i].spec = mr__sort_spec(&spec->order[i]);
    }
    over->blank = "";
    if (spec->n_partition > 0) {
        mr_builder_str(&over->text, "PARTITION BY ");
        for (int32_t i = 0; i < spec->n_partition; i++)
            mr_builder_printf(&over->text, "%s%s", i ? ", " : "", expr->window.partition[i]->sql);
        over->blank = " ";
    }
    if (spec->n_order > 0) {
        mr_builder_printf(&over->text, "%sORDER BY ", over->blank);
        mr__sorts_text(&over->text, expr->window.order, spec->n_order);
        over->blank = " ";
    }
    return MR_OK;
}

static MrStatus frame_written(Binder *b, Ctx *ctx, MrExpr *expr, Over *over)
{
    const MrSqlWindow *spec = over->spec;
    MrWindowFrame *frame = &expr->window.frame;
    over->from = "UNBOUNDED PRECEDING";
    over->to = "CURRENT ROW";
    if (!spec->has_frame)
        return MR_OK;
    const MrExpr *order = spec->n_order > 0 ? expr->window.order[0].expr : NULL;
    frame->rows = !spec->is_range;
    MR_TRY(edge_bind(b, ctx, &spec->start, order, spec->is_range, &frame->from_edge, &frame->from,
                     &over->from));
    MR_TRY(edge_bind(b, ctx, &spec->end, order, spec->is_range, &frame->to_edge, &frame->to,
                     &over->to));
    return frame_check(b, spec, frame, over->from, over->to);
}

/* listagg(..) WITHIN GROUP (ORDER BY ..): the order is one of the values, not an argument. */
static bool has_order_within(const WindowCall *call)
{
    return call->agg && call->agg->aggregate.n_order > 0 &&
           !mr__is_inverse_distribution(call->name);
}

/* listagg as Spark shows it here: its arguments, then the order. */
static const char *ordered_text(Binder *b, const MrExpr *agg)
{
    int32_t n = agg->n_args, n_order = agg->aggregate.n_order;
    MrExpr **shown = MR_NEW_N(b->arena, MrExpr *, n + n_order + 1);
    memcpy(shown, agg->args, sizeof(MrExpr *) * (size_t)n);
    if (n == 1) { /* no delimiter */
        shown[n] = mr_expr_null(b->arena, MR_T(STRING));
        shown[n++]->sql = "NULL";
    }
    for (int32_t k = 0; k < n_order; k++)
        shown[n++] = agg->aggregate.order[k].expr;
    return mr__call_text(b, "listagg", shown, n, false);
}

/* percentile_cont(..) and the like see the whole partition, in no order but their own. */
static MrStatus distribution_check(Binder *b, const WindowCall *call, const MrSqlWindow *spec)
{
    bool whole = !spec->has_frame || (spec->start.kind == MR_SQL_UNBOUNDED_PRECEDING &&
                                      spec->end.kind == MR_SQL_UNBOUNDED_FOLLOWING);
    if (!call->agg || (spec->n_order == 0 && whole) ||
        !(mr__is_inverse_distribution(call->name) || strcmp(call->name, "median") == 0 ||
          has_order_within(call)))
        return MR_OK;
    int32_t n_shown = strncmp(call->name, "percentile_", 11) == 0 ? 2 : 1;
    const char *text = has_order_within(call)
                           ? ordered_text(b, call->agg)
                           : mr__call_text(b, call->name, call->agg->args, n_shown, false);
    return mr__at(b, call->ast->place,
                  MR_FAIL(b->err, MR_COND_INVALID_WINDOW_SPEC_FOR_AGGREGATION_FUNC, "aggFunc",
                          mr__quote_sql(b, text)));
}

/* Functions with a frame of their own.  *fixed: it is one. */
static MrStatus frame_own(Binder *b, const WindowCall *call, MrExpr *expr, const char *sql,
                          Over *over, bool *fixed)
{
    const MrSqlWindow *spec = over->spec;
    MrWindowFrame *frame = &expr->window.frame;
    MrWindowKind kind = expr->window.kind;
    const char *from = "UNBOUNDED PRECEDING", *to = "CURRENT ROW";
    *fixed = true;
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
        const char *offset = call->args->n > 1 ? call->args->exprs[1]->sql : "1";
        if (kind == MR_WINDOW_LAG)
            offset = offset[0] == '-' ? offset + 1 : mr_arena_printf(b->arena, "-%s", offset);
        from = to = mr_arena_printf(b->arena, "%s FOLLOWING", offset);
        frame->rows = true;
        break;
    }
    default:
        *fixed = false;
        return MR_OK;
    }
    MrSqlPlace place = call->ast->place;
    if (spec->n_order == 0)
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND_WINDOW_FUNCTION_FRAME_NOT_ORDERED, "wf_name",
                              call->name, "wf_expr", sql));
    if (spec->has_frame && (kind == MR_WINDOW_LAG || kind == MR_WINDOW_LEAD))
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1035, "prettyName", call->name));
    if (spec->has_frame &&
        (spec->is_range == frame->rows || spec->start.kind != MR_SQL_UNBOUNDED_PRECEDING ||
         spec->end.kind != MR_SQL_CURRENT_ROW))
        return mr__at(b, place,
                      MR_FAIL(b->err, MR_COND__LEGACY_ERROR_TEMP_1036, "wf",
                              between_text(b, !spec->is_range, over->from, over->to), "required",
                              between_text(b, frame->rows, from, to)));
    over->from = from;
    over->to = to;
    frame->from_edge = MR_FRAME_UNBOUNDED;
    frame->to_edge = MR_FRAME_CURRENT;
    frame->from = frame->to = NULL;
    return MR_OK;
}

/* Without a frame: the whole partition, with an order all up to the row's equals. */
static void frame_default(MrWindowFrame *frame, Over *over)
{
    bool ordered = over->spec->n_order > 0;
    frame->rows = !ordered;
    frame->from_edge = MR_FRAME_UNBOUNDED;
    frame->to_edge = ordered ? MR_FRAME_CURRENT : MR_FRAME_UNBOUNDED;
    if (!ordered)
        over->to = "UNBOUNDED FOLLOWING";
}

/* What may be added to a value of type and compared with it. */
static bool range_fits(const MrType *type, const MrType *offset)
{
    bool is_interval = offset->kind == MR_TYPE_INTERVAL_YM || offset->kind == MR_TYPE_INTERVAL_DT;
    if (mr_type_is_numeric(type))
        return mr_type_same_data(type, offset);
    if (type->kind == MR_TYPE_DATE)
        return mr_type_is_integral(offset) || is_interval;
    return (type->kind == MR_TYPE_TIMESTAMP || type->kind == MR_TYPE_TIMESTAMP_NTZ) &&
           (is_interval || offset->kind == MR_TYPE_INTERVAL);
}

static MrStatus range_check(Binder *b, const MrExpr *expr, Over *over)
{
    const MrSqlWindow *spec = over->spec;
    const MrWindowFrame *frame = &expr->window.frame;
    const char *text = mr_builder_text(&over->text).data;
    const char *whole = mr__quote_sql(b, mr_arena_printf(b->arena, "(%s)", text));
    if (spec->n_order == 0)
        return mr__at(b, spec->place,
                      MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__RANGE_FRAME_WITHOUT_ORDER,
                              "sqlExpr", whole));
    if (frame->from_edge != MR_FRAME_OFFSET && frame->to_edge != MR_FRAME_OFFSET)
        return MR_OK;
    if (spec->n_order > 1)
        return mr__at(b, spec->place,
                      MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__RANGE_FRAME_MULTI_ORDER, "sqlExpr",
                              whole, "orderSpec", text));
    const MrType *type = expr->window.order[0].expr->type;
    const MrExpr *offset = frame->from ? frame->from : frame->to;
    if (range_fits(type, offset->type))
        return MR_OK;
    return mr__at(b, spec->place,
                  MR_FAIL(b->err, MR_COND_DATATYPE_MISMATCH__RANGE_FRAME_INVALID_TYPE, "sqlExpr",
                          whole, "orderSpecType", mr__quote_type(b, type), "valueBoundaryType",
                          mr__quote_type(b, offset->type)));
}

/* The value: an aggregate that is bound already, or a function that only windows know. */
static MrStatus value_bind(Binder *b, const WindowCall *call, MrExpr *expr)
{
    MrSqlPlace place = call->ast->place;
    const MrExpr *agg = call->agg;
    if (agg) {
        expr->window.agg = agg->aggregate.agg;
        expr->window.distinct = agg->aggregate.distinct;
        expr->type = agg->type;
        expr->nullable = agg->nullable;
        expr->n_args = agg->n_args;
        expr->args = agg->args;
        if (agg->aggregate.distinct)
            return mr__at(b, place,
                          MR_FAIL(b->err, MR_COND_DISTINCT_WINDOW_FUNCTION_UNSUPPORTED,
                                  "windowExpr", mr__quote_sql(b, expr->sql)));
        if (has_order_within(call)) { /* the whole partition, in this order */
            expr->window.order = agg->aggregate.order;
            expr->window.n_order = agg->aggregate.n_order;
            expr->window.frame.rows = true;
        }
        return MR_OK;
    }
    MrBind bind;
    mr__bind_init(b, &bind, call->args->exprs, NULL, call->args->n, expr->sql);
    MR_TRY(mr__at(b, place, mr_window_bind(&bind, call->def, b->err)));
    MR_TRY(mr__args_cast(b, place, &bind, call->args->exprs));
    expr->type = bind.type;
    expr->nullable = bind.nullable;
    expr->n_args = call->args->n;
    expr->args = call->args->exprs;
    return MR_OK;
}

MrStatus mr__window_call(Binder *b, Ctx *ctx, const WindowCall *call, MrExpr **out)
{
    Over over = {.text = {.arena = b->arena}};
    MR_TRY(spec_find(b, ctx, call->ast, &over.spec));
    MrExpr *expr = MR_NEW(b->arena, MrExpr);
    expr->kind = MR_EXPR_WINDOW;
    expr->window.kind = call->agg ? MR_WINDOW_AGGREGATE : call->def->kind;
    expr->window.ignore_nulls = call->ignore_nulls;
    expr->window.filter = call->filter;
    bool was_in_window = ctx->in_window;
    ctx->in_window = true;
    MR_TRY(keys_bind(b, ctx, expr, &over));
    MR_TRY(frame_written(b, ctx, expr, &over));
    ctx->in_window = was_in_window;
    MR_TRY(distribution_check(b, call, over.spec));
    const char *sql = call->agg
                          ? call->agg->sql
                          : mr__call_text(b, call->name, call->args->exprs, call->args->n, false);
    if (call->ignore_nulls && !call->agg)
        sql = mr_arena_printf(b->arena, "%s ignore nulls", sql);
    MrWindowFrame *frame = &expr->window.frame;
    bool fixed = false;
    MR_TRY(frame_own(b, call, expr, sql, &over, &fixed));
    if (!fixed && !over.spec->has_frame)
        frame_default(frame, &over);
    mr_builder_printf(&over.text, "%s%s", over.blank,
                      between_text(b, frame->rows, over.from, over.to));
    if (!frame->rows && !fixed && over.spec->has_frame)
        MR_TRY(range_check(b, expr, &over));
    expr->sql = mr_arena_printf(b->arena, "%s OVER (%s)", sql, mr_builder_text(&over.text).data);
    MR_TRY(value_bind(b, call, expr));
    ctx->has_window = true;
    *out = expr;
    return MR_OK;
}
