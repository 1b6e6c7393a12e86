/* bind_group.c - functions that mean something to GROUP BY: grouping(), time windows. */
#include "sql/bind_int.h"

/* grouping and grouping_id stand as columns that bind_select.c replaces. */
MrStatus mr__group_function(Binder *b, Ctx *ctx, const MrSqlExpr *ast, const char *name, bool *done, MrExpr **out)
{
    const MrSqlCall *call = &ast->call;
    if (strncmp(name, "grouping", 8) != 0)
        return MR_OK;
    bool is_id = strcmp(name, "grouping_id") == 0;
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
    *done = true;
    *out = expr;
    return MR_OK;
}

MrStatus mr__time_windows(Binder *b, const MrSqlSelect *select, Scope *outer, Rel *from)
{
    return MR_OK;
}
