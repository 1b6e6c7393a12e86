/* build.c - makes bound expressions. */
#include "expr/expr.h"

static MrExpr *expr_new(MrArena *arena, MrExprKind kind, const MrType *type, bool nullable)
{
    MrExpr *expr = MR_NEW(arena, MrExpr);
    expr->kind = kind;
    expr->type = type;
    expr->nullable = nullable;
    expr->sql_idx = -1;
    return expr;
}

MrExpr *mr_expr_literal(MrArena *arena, const MrVector *constant)
{
    MR_ASSERT(constant->encoding == MR_CONSTANT);
    MrExpr *expr = expr_new(arena, MR_EXPR_LITERAL, constant->type, mr_vector_is_null(constant, 0));
    expr->literal = constant;
    return expr;
}

MrExpr *mr_expr_null(MrArena *arena, const MrType *type)
{
    return mr_expr_literal(arena, mr_vector_constant(arena, type, NULL));
}

MrExpr *mr_expr_bool(MrArena *arena, bool value)
{
    int8_t byte = value;
    return mr_expr_literal(arena, mr_vector_constant(arena, MR_T(BOOLEAN), &byte));
}

MrExpr *mr_expr_i64(MrArena *arena, int64_t value)
{
    return mr_expr_literal(arena, mr_vector_constant(arena, MR_T(BIGINT), &value));
}

MrExpr *mr_expr_coalesce(MrArena *arena, MrExpr *a, MrExpr *b)
{
    MrExpr *expr = expr_new(arena, MR_EXPR_COALESCE, a->type, a->nullable && b->nullable);
    expr->sql = a->sql;
    expr->n_args = 2;
    expr->args = MR_NEW_N(arena, MrExpr *, 2);
    expr->args[0] = a;
    expr->args[1] = b;
    return expr;
}

MrExpr *mr_expr_column(MrArena *arena, int32_t id, const char *name, const MrType *type,
                       bool nullable)
{
    MrExpr *expr = expr_new(arena, MR_EXPR_COLUMN, type, nullable);
    expr->column.id = id;
    expr->column.idx = -1;
    expr->column.name = name;
    return expr;
}

MrStatus mr_expr_cast(MrArena *arena, const MrSettings *settings, MrExpr *arg, const MrType *to,
                      MrCastMode mode, MrExpr **out, MrError *err)
{
    if (mr_type_equal(arg->type, to)) {
        *out = arg;
        return MR_OK;
    }
    if (arg->kind == MR_EXPR_LITERAL && arg->type->kind == MR_TYPE_VOID) {
        *out = mr_expr_null(arena, to);
        return MR_OK;
    }
    MrBound *bound = NULL;
    MR_TRY(mr_cast_bind(arena, settings, arg->type, to, mode, mr_expr_text(arena, settings, arg),
                        &bound, err));
    MrExpr *expr = expr_new(arena, MR_EXPR_CALL, bound->type,
                            arg->nullable || (bound->flags & MR_FN_MAY_NULL) != 0);
    expr->n_args = 1;
    expr->args = MR_NEW_N(arena, MrExpr *, 1);
    expr->args[0] = arg;
    expr->bound = bound;
    *out = expr;
    return MR_OK;
}

MrExpr *mr_expr_char_store(MrArena *arena, MrExpr *text, const MrType *to)
{
    if (to->kind != MR_TYPE_STRING || to->length == 0)
        return text;
    MrExpr *expr = expr_new(arena, MR_EXPR_CALL, to, text->nullable);
    expr->sql = text->sql;
    expr->n_args = 1;
    expr->args = MR_NEW_N(arena, MrExpr *, 1);
    expr->args[0] = text;
    expr->bound = mr_char_store_bind(arena, to);
    return expr;
}

MrStatus mr_expr_call(MrArena *arena, const MrSettings *settings, const char *name, MrExpr **args,
                      int32_t n_args, MrExpr **out, MrError *err)
{
    MrBind bind = {.settings = settings, .arena = arena, .n_args = n_args};
    bind.args = MR_NEW_N(arena, MrArgInfo, n_args + 1);
    MrTextBuilder sql = {.arena = arena};
    mr_builder_printf(&sql, "%s(", name);
    for (int32_t i = 0; i < n_args; i++) {
        bind.args[i] = (MrArgInfo){
            .type = args[i]->type,
            .nullable = args[i]->nullable,
            .value = args[i]->kind == MR_EXPR_LITERAL ? args[i]->literal : NULL,
            .sql = mr_expr_text(arena, settings, args[i]),
            .name = args[i]->kind == MR_EXPR_COLUMN ? args[i]->column.name : NULL,
        };
        mr_builder_printf(&sql, "%s%s", i ? ", " : "", bind.args[i].sql);
    }
    mr_builder_str(&sql, ")");
    bind.sql = mr_builder_text(&sql).data;
    MrBound *bound = NULL;
    MR_TRY(mr_function_bind(&bind, name, &bound, err));
    MrExpr *expr = expr_new(arena, MR_EXPR_CALL, bound->type, bound->nullable);
    expr->n_args = n_args;
    expr->args = MR_NEW_N(arena, MrExpr *, n_args + 1);
    expr->bound = bound;
    MrCastMode mode = settings->ansi ? MR_CAST_ANSI : MR_CAST_LEGACY;
    for (int32_t i = 0; i < n_args; i++) {
        expr->args[i] = args[i];
        if (!mr_type_same_data(args[i]->type, bind.args[i].cast_to))
            MR_TRY(mr_expr_cast(arena, settings, args[i], bind.args[i].cast_to, mode,
                                &expr->args[i], err));
    }
    *out = expr;
    return MR_OK;
}

/* In front of a list of conjuncts that may grow: a chain of calls makes a long AND in linear time,
 * as each result is the same list, longer by what was added.  Who adds to an expression of which
 * another longer one was made before copies the list. */
typedef struct Room {
    _Alignas(16) int32_t n_used;
    int32_t cap;
} Room;

static Room *room_of(MrExpr *expr)
{
    return (Room *)(void *)expr->args - 1;
}

static bool room_take(MrExpr *expr, int32_t n_more)
{
    if (expr->kind != MR_EXPR_AND || !expr->room || expr->room != expr->args)
        return false;
    int32_t n_used = expr->n_args;
    return n_more <= room_of(expr)->cap - n_used &&
           __atomic_compare_exchange_n(&room_of(expr)->n_used, &n_used, n_used + n_more, false,
                                       __ATOMIC_RELAXED, __ATOMIC_RELAXED);
}

MrExpr *mr_expr_and(MrArena *arena, MrExpr *a, MrExpr *b)
{
    if (!a || !b)
        return a ? a : b;
    MrExpr *expr = expr_new(arena, MR_EXPR_AND, MR_T(BOOLEAN), a->nullable || b->nullable);
    int32_t n_a = a->kind == MR_EXPR_AND ? a->n_args : 1;
    int32_t n_b = b->kind == MR_EXPR_AND ? b->n_args : 1;
    expr->n_args = n_a + n_b;
    if (room_take(a, n_b)) {
        expr->args = a->args;
    } else {
        int32_t cap = n_a + n_b < 4 ? n_a + n_b : 2 * (n_a + n_b);
        Room *room = mr_arena_zeroed(arena, (int64_t)sizeof(Room) +
                                                (int64_t)sizeof(MrExpr *) * (int64_t)cap);
        *room = (Room){.n_used = n_a + n_b, .cap = cap};
        expr->args = (MrExpr **)(void *)(room + 1);
        memcpy(expr->args, a->kind == MR_EXPR_AND ? a->args : &a, sizeof(MrExpr *) * (size_t)n_a);
    }
    expr->room = expr->args;
    memcpy(expr->args + n_a, b->kind == MR_EXPR_AND ? b->args : &b, sizeof(MrExpr *) * (size_t)n_b);
    return expr;
}

MrExpr *mr_expr_guarded(MrArena *arena, MrExpr *condition, MrExpr *guarded)
{
    MrExpr *expr = expr_new(arena, MR_EXPR_CASE, guarded->type, true);
    expr->n_args = 2;
    expr->args = MR_NEW_N(arena, MrExpr *, 2);
    expr->args[0] = condition;
    expr->args[1] = guarded;
    return expr;
}
