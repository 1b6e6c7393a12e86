/* program.c - evaluates expressions over vectors.
 *
 * Expressions become a graph of nodes in which equal subexpressions are one node.  A node's result
 * is kept with the scope it was computed for: the rows that were asked.  A scope is a selection
 * inside a wider one, so a result serves its scope and all scopes within it.  AND, OR, CASE and
 * COALESCE open narrower scopes: an expression sees only the rows that Spark would have evaluated,
 * and raises its errors only for those.
 *
 * Around a kernel: constants are computed once and stay constants, a dictionary once for each of
 * its values, NULLs are settled by bitmap before the kernel, and what is left is flat. */
#include "base/hash.h"
#include "expr/expr.h"

/* Rows [0, n_rows) of which n (sel, or all) are asked. */
typedef struct Scope Scope;
struct Scope {
    const Scope *outer;
    const uint16_t *sel; /* NULL: all */
    int32_t n, n_rows;
};

typedef struct Block Block;
typedef struct Node Node;
struct Node {
    const MrExpr *expr;
    Node **args;
    int32_t n_args;
    bool can_fail, pure;
    void *memo;    /* MrCall.memo */
    Block *lambda; /* LAMBDA: its body, evaluated over elements */
    uint64_t run;  /* of the block, when result was made        */
    const Scope *scope;
    MrVector *result;
    const Scope *flat_scope;
    MrVector *flat; /* result without a dictionary */
};

/* Expressions with their common subexpressions found once, in an arena. */
struct Block {
    MrArena *arena;
    Node **roots;
    int32_t n_roots;
    Node **slots; /* by hash of the expression */
    int32_t n_slots, n_nodes;
    uint64_t run;
};

/* Where columns and lambda parameters are found: the batch, or the elements of a lambda's call. */
typedef struct Frame Frame;
struct Frame {
    const Frame *outer; /* NULL: the batch */
    Block *block;
    const MrEvalContext *context;
    MrArena *arena;
    MrVector **cols; /* of the batch; within a lambda: gathered so far */
    int32_t n_cols;
    MrVector **params;
    const int32_t *param_ids;
    int32_t n_params;
    const int32_t *rows; /* row of the outer frame of each element */
    int32_t n_rows;
};

/* --- making the graph ------------------------------------------------------------------------- */

static Node *node_find(Block *block, const MrExpr *expr);
static Block *block_create(MrArena *arena, MrExpr *const *exprs, int32_t n_exprs);

static void slots_grow(Block *block)
{
    Node **old = block->slots;
    int32_t n_old = block->n_slots;
    block->n_slots = n_old ? 2 * n_old : 32;
    block->slots = MR_NEW_N(block->arena, Node *, block->n_slots);
    for (int32_t i = 0; i < n_old; i++) {
        if (!old[i])
            continue;
        int32_t slot = (int32_t)(mr_expr_hash(old[i]->expr) & (uint64_t)(block->n_slots - 1));
        while (block->slots[slot])
            slot = (slot + 1) & (block->n_slots - 1);
        block->slots[slot] = old[i];
    }
}

static Node *node_create(Block *block, const MrExpr *expr)
{
    Node *node = MR_NEW(block->arena, Node);
    node->expr = expr;
    node->can_fail = mr_expr_can_fail(expr);
    node->pure = mr_expr_is_pure(expr);
    if (expr->kind == MR_EXPR_LAMBDA) {
        node->lambda = block_create(block->arena, expr->args, 1);
        return node;
    }
    node->n_args = expr->n_args;
    if (expr->kind == MR_EXPR_CALL && expr->bound->n_read > 0)
        node->n_args = expr->bound->n_read;
    node->args = MR_NEW_N(block->arena, Node *, expr->n_args + 1);
    for (int32_t i = 0; i < node->n_args; i++)
        node->args[i] = node_find(block, expr->args[i]);
    return node;
}

static Node *node_find(Block *block, const MrExpr *expr)
{
    uint64_t hash = mr_expr_hash(expr);
    int32_t mask = block->n_slots - 1;
    for (int32_t slot = (int32_t)(hash & (uint64_t)mask); block->slots[slot];
         slot = (slot + 1) & mask)
        if (mr_expr_equal(block->slots[slot]->expr, expr))
            return block->slots[slot];
    Node *node = node_create(block, expr); /* with all below it: a chain adds many */
    if (2 * (block->n_nodes + 1) > block->n_slots)
        slots_grow(block);
    mask = block->n_slots - 1;
    int32_t slot = (int32_t)(hash & (uint64_t)mask);
    while (block->slots[slot])
        slot = (slot + 1) & mask;
    block->slots[slot] = node;
    block->n_nodes++;
    return node;
}

static Block *block_create(MrArena *arena, MrExpr *const *exprs, int32_t n_exprs)
{
    Block *block = MR_NEW(arena, Block);
    block->arena = arena;
    block->n_roots = n_exprs;
    block->roots = MR_NEW_N(arena, Node *, n_exprs + 1);
    slots_grow(block);
    for (int32_t i = 0; i < n_exprs; i++)
        block->roots[i] = node_find(block, exprs[i]);
    return block;
}

/* --- scopes ----------------------------------------------------------------------------------- */

static Scope *scope_open(MrArena *arena, const Scope *outer, const uint16_t *sel, int32_t n)
{
    Scope *scope = mr_arena_alloc(arena, (int64_t)sizeof *scope);
    *scope = (Scope){.outer = outer, .sel = sel, .n = n, .n_rows = outer->n_rows};
    return scope;
}

static bool scope_within(const Scope *scope, const Scope *wide)
{
    for (; scope; scope = scope->outer)
        if (scope == wide)
            return true;
    return false;
}

#define SCOPE_EACH(scope, i, row)                                                                  \
    int32_t i = 0, row = 0;                                                                        \
    i < (scope)->n && (row = (scope)->sel ? (scope)->sel[i] : i, true);                            \
    i++

/* --- small work on vectors -------------------------------------------------------------------- */

/* Makes a constant of row 0 of a flat vector, children included. */
static void vector_to_constant(MrVector *vec)
{
    if (vec->encoding != MR_FLAT)
        return;
    vec->encoding = MR_CONSTANT;
    vec->n_items = 1;
    MrPhysical physical = mr_type_physical(vec->type);
    for (int32_t i = 0; physical == MR_PHYS_STRUCT && i < vec->type->n_fields; i++)
        vector_to_constant(vec->children[i]);
}

static MrVector *vector_null(MrArena *arena, const MrType *type)
{
    return mr_vector_constant(arena, type, NULL);
}

static bool has_nulls(const MrVector *vec)
{
    return vec->validity || vec->type->kind == MR_TYPE_VOID ||
           (vec->encoding == MR_DICTIONARY && vec->dict->validity);
}

/* Copies rows to the same rows of a flat vector of the same type. */
static void rows_copy(MrArena *arena, MrVector *vec, const uint16_t *sel, int32_t n, int32_t n_rows,
                      MrVector *to)
{
    Scope scope = {.sel = sel, .n = n, .n_rows = n_rows};
    if (vec->type->kind == MR_TYPE_VOID ||
        (vec->encoding == MR_CONSTANT && mr_vector_is_null(vec, 0))) {
        for (SCOPE_EACH(&scope, i, row))
            mr_vector_set_null(arena, to, row, n_rows);
        return;
    }
    MrPhysical physical = mr_type_physical(to->type);
    if (physical == MR_PHYS_LIST || physical == MR_PHYS_STRUCT) {
        for (SCOPE_EACH(&scope, i, row)) {
            if (mr_vector_is_null(vec, row))
                mr_vector_set_null(arena, to, row, n_rows);
            else
                mr_vector_copy_row(arena, vec, row, to, row);
        }
        return;
    }
    const MrVector *from = vec->encoding == MR_DICTIONARY ? vec->dict : vec;
#define COPY(member)                                                                               \
    if (vec->encoding == MR_CONSTANT) {                                                            \
        for (SCOPE_EACH(&scope, i, row))                                                           \
            to->member[row] = from->member[0];                                                     \
    } else if (vec->encoding == MR_DICTIONARY) {                                                   \
        for (SCOPE_EACH(&scope, i, row))                                                           \
            if (!mr_vector_is_null(vec, row))                                                      \
                to->member[row] = from->member[vec->codes[row]];                                   \
    } else {                                                                                       \
        for (SCOPE_EACH(&scope, i, row))                                                           \
            to->member[row] = from->member[row];                                                   \
    }                                                                                              \
    break
    switch (physical) {
    case MR_PHYS_I8:
        COPY(i8);
    case MR_PHYS_I16:
        COPY(i16);
    case MR_PHYS_I32:
    case MR_PHYS_F32:
        COPY(i32);
    case MR_PHYS_I64:
    case MR_PHYS_F64:
        COPY(i64);
    case MR_PHYS_I128:
        COPY(i128);
    case MR_PHYS_STR:
        COPY(str);
    case MR_PHYS_INTERVAL:
        COPY(interval);
    default:
        break;
    }
#undef COPY
    if (has_nulls(vec))
        for (SCOPE_EACH(&scope, i, row))
            if (mr_vector_is_null(vec, row))
                mr_vector_set_null(arena, to, row, n_rows);
}

/* Splits the rows of a scope by a boolean vector: true, false, NULL; each array may be NULL. */
typedef struct Split {
    uint16_t *yes, *no, *null;
    int32_t n_yes, n_no, n_null;
} Split;

static Split split_new(MrArena *arena, const Scope *scope)
{
    int64_t size = 2 * (int64_t)scope->n + 2;
    return (Split){.yes = mr_arena_alloc(arena, size),
                   .no = mr_arena_alloc(arena, size),
                   .null = mr_arena_alloc(arena, size)};
}

static void split_rows(Split *split, const Scope *scope, const MrVector *vec)
{
    if (vec->encoding == MR_FLAT && !vec->validity && vec->type->kind != MR_TYPE_VOID) {
        for (SCOPE_EACH(scope, i, row)) {
            split->yes[split->n_yes] = split->no[split->n_no] = (uint16_t)row;
            split->n_yes += vec->i8[row];
            split->n_no += !vec->i8[row];
        }
        return;
    }
    for (SCOPE_EACH(scope, i, row)) {
        int64_t at;
        if (mr_vector_is_null(vec, row))
            split->null[split->n_null++] = (uint16_t)row;
        else if (mr_vector_at(vec, row, &at)->i8[at])
            split->yes[split->n_yes++] = (uint16_t)row;
        else
            split->no[split->n_no++] = (uint16_t)row;
    }
}

/* The rows of two rising lists, in order. */
static uint16_t *rows_merge(MrArena *arena, const uint16_t *a, int32_t n_a, const uint16_t *b,
                            int32_t n_b, int32_t *n)
{
    uint16_t *out = mr_arena_alloc(arena, 2 * (int64_t)(n_a + n_b) + 2);
    int32_t i = 0, k = 0;
    *n = 0;
    while (i < n_a || k < n_b)
        out[(*n)++] = k >= n_b || (i < n_a && a[i] < b[k]) ? a[i++] : b[k++];
    return out;
}

/* --- evaluation ------------------------------------------------------------------------------- */

static MrStatus node_eval(Node *node, Frame *frame, const Scope *scope, MrVector **out,
                          MrError *err);

static MrVector *frame_column(const Frame *frame, int32_t col_idx)
{
    if (!frame->outer) {
        MR_ASSERT(col_idx >= 0 && col_idx < frame->n_cols);
        return frame->cols[col_idx];
    }
    MrVector *vec = frame_column(frame->outer, col_idx);
    return vec->encoding == MR_CONSTANT
               ? vec
               : mr_vector_take_rows(frame->arena, vec, frame->rows, frame->n_rows);
}

static MrVector *frame_param(const Frame *frame, int32_t id)
{
    MR_ASSERT(frame->outer != NULL); /* a parameter stands within its lambda */
    for (int32_t i = 0; i < frame->n_params; i++)
        if (frame->param_ids[i] == id)
            return frame->params[i];
    MrVector *vec = frame_param(frame->outer, id);
    return vec->encoding == MR_CONSTANT
               ? vec
               : mr_vector_take_rows(frame->arena, vec, frame->rows, frame->n_rows);
}

/* As node_eval, without a dictionary. */
static MrStatus node_flat(Node *node, Frame *frame, const Scope *scope, MrVector *vec,
                          MrVector **out)
{
    if (vec->encoding != MR_DICTIONARY) {
        *out = vec;
        return MR_OK;
    }
    if (node->result == vec && node->flat && scope_within(scope, node->flat_scope)) {
        *out = node->flat;
        return MR_OK;
    }
    *out = mr_vector_flatten(frame->arena, vec, scope->sel, scope->n, scope->n_rows);
    if (node->result == vec) {
        node->flat = *out;
        node->flat_scope = scope;
    }
    return MR_OK;
}

typedef struct Evaluator { /* what MrCall.evaluator points to */
    Frame *frame;
    Node *node;
} Evaluator;

#define LAMBDA_CHUNK 32768 /* row numbers in selections are 16 bits */

static MrStatus lambda_run(Frame *outer, Node *lambda, MrVector **params, int32_t n_params,
                           const int32_t *rows, int32_t n_items, MrVector **out, MrError *err)
{
    Block *block = lambda->lambda;
    Frame frame = {
        .outer = outer,
        .block = block,
        .context = outer->context,
        .arena = outer->arena,
        .params = params,
        .param_ids = lambda->expr->lambda.param_ids,
        .n_params =
            n_params < lambda->expr->lambda.n_params ? n_params : lambda->expr->lambda.n_params,
        .rows = rows,
        .n_rows = n_items,
    };
    /* In the arena: the scope stays with the cached results until the next run. */
    Scope *scope = MR_NEW(frame.arena, Scope);
    scope->n = scope->n_rows = n_items;
    block->run++;
    return node_eval(block->roots[0], &frame, scope, out, err);
}

static MrVector *vector_slice(MrArena *arena, MrVector *vec, int32_t from, int32_t n)
{
    if (vec->encoding == MR_CONSTANT)
        return vec;
    int32_t *rows = mr_arena_alloc(arena, 4 * (int64_t)n);
    for (int32_t i = 0; i < n; i++)
        rows[i] = from + i;
    return mr_vector_take_rows(arena, vec, rows, n);
}

static MrStatus lambda_apply(MrCall *call, int32_t arg_idx, MrVector **params, int32_t n_params,
                             const int32_t *rows, int32_t n_items, MrVector **out, MrError *err)
{
    Evaluator *evaluator = call->evaluator;
    Node *lambda = evaluator->node->args[arg_idx];
    MrArena *arena = call->arena;
    MR_ASSERT(lambda->lambda != NULL);
    if (n_items <= LAMBDA_CHUNK)
        return lambda_run(evaluator->frame, lambda, params, n_params, rows, n_items, out, err);
    MrVector *all = mr_vector_create(arena, lambda->lambda->roots[0]->expr->type, n_items);
    for (int32_t from = 0; from < n_items; from += LAMBDA_CHUNK) {
        int32_t n = n_items - from < LAMBDA_CHUNK ? n_items - from : LAMBDA_CHUNK;
        MrVector *parts[16], *part = NULL;
        MR_ASSERT(n_params <= MR_COUNT(parts));
        for (int32_t i = 0; i < n_params; i++)
            parts[i] = vector_slice(arena, params[i], from, n);
        MR_TRY(lambda_run(evaluator->frame, lambda, parts, n_params, rows + from, n, &part, err));
        for (int32_t i = 0; i < n; i++) {
            if (mr_vector_is_null(part, i))
                mr_vector_set_null(arena, all, from + i, n_items);
            else
                mr_vector_copy_row(arena, part, i, all, from + i);
        }
    }
    *out = all;
    return MR_OK;
}

/* Spark tells the place in the query for these failures of a row, and for no others. */
static MrStatus failure_place(const MrExpr *expr, MrStatus status, MrError *err)
{
    static const MrCondition placed[] = {
        MR_COND_ARITHMETIC_OVERFLOW,
        MR_COND_CAST_INVALID_INPUT,
        MR_COND_DIVIDE_BY_ZERO,
        MR_COND_INTERVAL_DIVIDED_BY_ZERO,
        MR_COND_INVALID_ARRAY_INDEX,
        MR_COND_INVALID_ARRAY_INDEX_IN_ELEMENT_AT,
        MR_COND_NUMERIC_VALUE_OUT_OF_RANGE__WITH_SUGGESTION,
        MR_COND_REMAINDER_BY_ZERO,
    };
    for (int64_t i = 0; i < MR_COUNT(placed) && expr->sql_idx >= 0; i++)
        if (err->condition == (int32_t)placed[i])
            mr_error_at(err, expr->sql_idx, expr->sql_len);
    return status;
}

/* Runs the kernel over flat or constant arguments.  skip: rows that stay NULL, or NULL. */
static MrStatus kernel_run(Node *node, Frame *frame, const Scope *scope, MrVector **args,
                           MrVector **out, MrError *err)
{
    const MrBound *bound = node->expr->bound;
    Evaluator evaluator = {frame, node};
    MrCall call = {
        .context = frame->context,
        .bound = bound,
        .n_args = node->n_args,
        .args = args,
        .n = scope->n,
        .sel = scope->sel,
        .n_rows = scope->n_rows,
        .arena = frame->arena,
        .apply = lambda_apply,
        .evaluator = &evaluator,
        .memo = &node->memo,
        .memo_arena = frame->block->arena,
    };
    call.out = mr_vector_create(frame->arena, bound->type, scope->n_rows);
    if (bound->flags & MR_FN_NULL_IF_ANY) {
        uint64_t *validity = NULL;
        int64_t n_words = MR_BITMAP_WORDS(scope->n_rows);
        for (int32_t i = 0; i < node->n_args; i++) {
            if (!args[i] || args[i]->encoding == MR_CONSTANT || !args[i]->validity)
                continue; /* a NULL constant was dealt with before */
            if (!validity) {
                validity = mr_arena_alloc(frame->arena, 8 * n_words);
                memcpy(validity, args[i]->validity, (size_t)(8 * n_words));
            } else {
                for (int64_t w = 0; w < n_words; w++)
                    validity[w] &= args[i]->validity[w];
            }
        }
        call.out->validity = validity;
        if (validity && !(bound->flags & MR_FN_TOTAL)) {
            uint16_t *sel = mr_arena_alloc(frame->arena, 2 * (int64_t)scope->n + 2);
            int32_t n = 0;
            for (SCOPE_EACH(scope, i, row)) {
                sel[n] = (uint16_t)row;
                n += mr_bit_get(validity, row);
            }
            if (n < scope->n) {
                call.sel = sel;
                call.n = n;
            }
        }
    }
    if ((bound->flags & MR_FN_TOTAL) && call.sel && 4 * call.n >= call.n_rows) {
        call.sel = NULL; /* whole vectors are quicker than lists of rows */
        call.n = call.n_rows;
    }
    if (call.n > 0) {
        mr_poll(); /* lambdas may come here for many batches of elements in one of rows */
        MrStatus status = bound->call(&call, err);
        if (status != MR_OK)
            return failure_place(node->expr, status, err);
    } else if (mr_type_physical(bound->type) == MR_PHYS_LIST && !call.out->children)
        call.out = vector_null(frame->arena, bound->type);
    *out = call.out;
    return MR_OK;
}

/* All arguments are constants: one row, which stays a constant. */
static MrStatus call_constant(Node *node, Frame *frame, MrVector **args, MrVector **out,
                              MrError *err)
{
    Scope *one = MR_NEW(frame->arena, Scope);
    one->n = one->n_rows = 1;
    MR_TRY(kernel_run(node, frame, one, args, out, err));
    if ((*out)->encoding == MR_DICTIONARY)
        *out = mr_vector_flatten(frame->arena, *out, NULL, 1, 1);
    if ((*out)->encoding == MR_FLAT) { /* it may be shared with somebody: change a copy */
        MrVector *copy = mr_arena_alloc(frame->arena, (int64_t)sizeof *copy);
        *copy = **out;
        if (mr_type_physical(copy->type) == MR_PHYS_STRUCT && copy->type->n_fields > 0) {
            MrVector *flat = mr_vector_create(frame->arena, copy->type, 1);
            if (mr_vector_is_null(copy, 0))
                mr_vector_set_null(frame->arena, flat, 0, 1);
            else
                mr_vector_copy_row(frame->arena, copy, 0, flat, 0);
            copy = flat;
        }
        vector_to_constant(copy);
        *out = copy;
    }
    return MR_OK;
}

/* The arg_idx-th argument is a dictionary and all others are constants: computes each value that
 * occurs (or, when that is safe and little, each value) once. */
static MrStatus call_dictionary(Node *node, Frame *frame, const Scope *scope, MrVector **args,
                                int32_t arg_idx, MrVector **out, MrError *err)
{
    MrVector *coded = args[arg_idx], *values = coded->dict, *made = NULL;
    Scope *all = MR_NEW(frame->arena, Scope);
    all->n = all->n_rows = values->n_items;
    if (node->expr->bound->flags & MR_FN_CAN_FAIL) {
        uint8_t *used = mr_arena_zeroed(frame->arena, values->n_items + 1);
        uint16_t *sel = mr_arena_alloc(frame->arena, 2 * (int64_t)values->n_items + 2);
        for (SCOPE_EACH(scope, i, row))
            if (!coded->validity || mr_bit_get(coded->validity, row))
                used[coded->codes[row]] = 1;
        all->n = 0;
        for (int32_t i = 0; i < values->n_items; i++) {
            sel[all->n] = (uint16_t)i;
            all->n += used[i];
        }
        all->sel = sel;
    }
    args[arg_idx] = values;
    MrStatus status = kernel_run(node, frame, all, args, &made, err);
    args[arg_idx] = coded;
    MR_TRY(status);
    if (made->encoding == MR_CONSTANT && !coded->validity) {
        *out = made;
        return MR_OK;
    }
    if (made->encoding != MR_FLAT)
        made = mr_vector_flatten(frame->arena, made, NULL, values->n_items, values->n_items);
    MrVector *result = MR_NEW(frame->arena, MrVector);
    result->type = made->type;
    result->encoding = MR_DICTIONARY;
    result->n_items = coded->n_items;
    result->validity = coded->validity;
    result->codes = coded->codes;
    result->dict = made;
    *out = result;
    return MR_OK;
}

/* Evaluates the arguments of a call for the rows of *scope.  Where NULL_IF_ANY makes a row NULL,
 * later arguments that can fail are not asked for it: *scope shrinks.  *null: the call is NULL
 * everywhere. */
static MrStatus args_eval(Node *node, Frame *frame, const Scope **scope, MrVector **args,
                          bool *null, MrError *err)
{
    bool null_if_any = (node->expr->bound->flags & MR_FN_NULL_IF_ANY) != 0;
    *null = false;
    for (int32_t i = 0; i < node->n_args; i++) {
        if (node->args[i]->lambda) {
            args[i] = NULL;
            continue;
        }
        for (int32_t k = 0; null_if_any && node->args[i]->can_fail && k < i; k++) {
            if (!args[k] || !has_nulls(args[k]))
                continue;
            uint16_t *sel = mr_arena_alloc(frame->arena, 2 * (int64_t)(*scope)->n + 2);
            int32_t n = 0;
            for (SCOPE_EACH(*scope, j, row)) {
                sel[n] = (uint16_t)row;
                n += !mr_vector_is_null(args[k], row);
            }
            if (n < (*scope)->n)
                *scope = scope_open(frame->arena, *scope, sel, n);
        }
        if ((*scope)->n == 0) {
            *null = true;
            return MR_OK;
        }
        MR_TRY(node_eval(node->args[i], frame, *scope, &args[i], err));
        if (null_if_any && args[i]->encoding == MR_CONSTANT && mr_vector_is_null(args[i], 0)) {
            *null = true;
            return MR_OK;
        }
    }
    return MR_OK;
}

static MrStatus call_eval(Node *node, Frame *frame, const Scope *scope, MrVector **out,
                          MrError *err)
{
    const MrBound *bound = node->expr->bound;
    MrVector *few[8], **args = few;
    bool null = false;
    if (node->n_args > MR_COUNT(few))
        args = MR_NEW_N(frame->arena, MrVector *, node->n_args);
    const Scope *asked = scope;
    MR_TRY(args_eval(node, frame, &asked, args, &null, err));
    if (null) {
        *out = vector_null(frame->arena, bound->type);
        return MR_OK;
    }
    int32_t n_varying = 0, varying = -1;
    bool has_lambda = false;
    for (int32_t i = 0; i < node->n_args; i++) {
        has_lambda = has_lambda || !args[i];
        if (args[i] && args[i]->encoding != MR_CONSTANT) {
            n_varying++;
            varying = i;
        }
    }
    bool stays = !(bound->flags & (MR_FN_VOLATILE | MR_FN_ORIGIN)) && !has_lambda;
    if (n_varying == 0 && stays)
        return call_constant(node, frame, args, out, err);
    if (n_varying == 1 && stays && args[varying]->encoding == MR_DICTIONARY &&
        args[varying]->dict->n_items <= asked->n && args[varying]->dict->n_items > 0 &&
        ((bound->flags & MR_FN_NULL_IF_ANY) || !args[varying]->validity))
        return call_dictionary(node, frame, asked, args, varying, out, err);
    for (int32_t i = 0; i < node->n_args; i++)
        if (args[i])
            MR_TRY(node_flat(node->args[i], frame, asked, args[i], &args[i]));
    MR_TRY(kernel_run(node, frame, asked, args, out, err));
    /* Rows that args_eval left out are NULL because an argument is. */
    if (asked != scope && (*out)->encoding == MR_CONSTANT) {
        MrVector *flat = mr_vector_create(frame->arena, bound->type, scope->n_rows);
        rows_copy(frame->arena, *out, asked->sel, asked->n, scope->n_rows, flat);
        *out = flat;
    }
    for (int32_t i = 0; asked != scope && i < node->n_args; i++) {
        if (!args[i] || !has_nulls(args[i]))
            continue;
        for (SCOPE_EACH(scope, k, row))
            if (mr_vector_is_null(args[i], row))
                mr_vector_set_null(frame->arena, *out, row, scope->n_rows);
    }
    return MR_OK;
}

/* AND (decisive = 0) and OR (decisive = 1) with three values: a decisive argument settles its rows,
 * which later arguments do not see when they could fail or when few rows are left. */
static MrStatus logic_eval(Node *node, Frame *frame, const Scope *scope, MrVector **out,
                           MrError *err)
{
    int8_t decisive = node->expr->kind == MR_EXPR_OR;
    MrVector *result = mr_vector_create(frame->arena, MR_T(BOOLEAN), scope->n_rows);
    memset(result->i8, !decisive, (size_t)scope->n_rows);
    uint8_t *null = NULL; /* per row: an argument was NULL */
    const Scope *open = scope;
    for (int32_t i = 0; i < node->n_args && open->n > 0; i++) {
        MrVector *vec = NULL;
        MR_TRY(node_eval(node->args[i], frame, open, &vec, err));
        int32_t n_settled = 0;
        if (vec->encoding == MR_FLAT && !vec->validity && !open->sel) {
            for (int32_t row = 0; row < open->n; row++) {
                int8_t settles = vec->i8[row] == decisive;
                result->i8[row] = settles ? decisive : result->i8[row];
                n_settled += settles;
            }
        } else {
            for (SCOPE_EACH(open, k, row)) {
                int64_t at;
                if (mr_vector_is_null(vec, row)) {
                    if (!null)
                        null = mr_arena_zeroed(frame->arena, scope->n_rows);
                    null[row] = 1;
                } else if (mr_vector_at(vec, row, &at)->i8[at] == decisive) {
                    result->i8[row] = decisive;
                    n_settled++;
                }
            }
        }
        bool more = i + 1 < node->n_args;
        if (more && n_settled > 0 &&
            (node->args[i + 1]->can_fail || !node->args[i + 1]->pure || 2 * n_settled > open->n)) {
            uint16_t *sel = mr_arena_alloc(frame->arena, 2 * (int64_t)open->n + 2);
            int32_t n = 0;
            for (SCOPE_EACH(open, k, row)) {
                sel[n] = (uint16_t)row;
                n += result->i8[row] != decisive;
            }
            open = scope_open(frame->arena, open, sel, n);
        }
    }
    if (null)
        for (SCOPE_EACH(scope, k, row))
            if (null[row] && result->i8[row] != decisive)
                mr_vector_set_null(frame->arena, result, row, scope->n_rows);
    *out = result;
    return MR_OK;
}

static MrStatus case_eval(Node *node, Frame *frame, const Scope *scope, MrVector **out,
                          MrError *err)
{
    MrArena *arena = frame->arena;
    MrVector *result = NULL;
    const Scope *open = scope;
    int32_t i = 0;
    for (; i + 1 < node->n_args && open->n > 0; i += 2) {
        MrVector *when = NULL, *then = NULL;
        MR_TRY(node_eval(node->args[i], frame, open, &when, err));
        Split split = split_new(arena, open);
        split_rows(&split, open, when);
        if (split.n_yes == 0)
            continue;
        if (split.n_yes == scope->n) /* nobody else has a say */
            return node_eval(node->args[i + 1], frame, scope, out, err);
        const Scope *chosen =
            split.n_yes == open->n ? open : scope_open(arena, open, split.yes, split.n_yes);
        MR_TRY(node_eval(node->args[i + 1], frame, chosen, &then, err));
        if (!result)
            result = mr_vector_create(arena, node->expr->type, scope->n_rows);
        rows_copy(arena, then, chosen->sel, chosen->n, scope->n_rows, result);
        int32_t n_left = split.n_no;
        uint16_t *left = split.no;
        if (split.n_null)
            left = rows_merge(arena, split.no, split.n_no, split.null, split.n_null, &n_left);
        open = scope_open(arena, open, left, n_left);
    }
    bool has_else = node->n_args % 2 == 1;
    if (!result) {
        if (has_else)
            return node_eval(node->args[node->n_args - 1], frame, scope, out, err);
        *out = vector_null(arena, node->expr->type);
        return MR_OK;
    }
    if (open->n > 0) {
        MrVector *rest = NULL;
        if (has_else)
            MR_TRY(node_eval(node->args[node->n_args - 1], frame, open, &rest, err));
        else
            rest = vector_null(arena, node->expr->type);
        rows_copy(arena, rest, open->sel, open->n, scope->n_rows, result);
    }
    *out = result;
    return MR_OK;
}

static MrStatus coalesce_eval(Node *node, Frame *frame, const Scope *scope, MrVector **out,
                              MrError *err)
{
    MrArena *arena = frame->arena;
    MrVector *result = NULL;
    const Scope *open = scope;
    for (int32_t i = 0; i < node->n_args && open->n > 0; i++) {
        MrVector *vec = NULL;
        MR_TRY(node_eval(node->args[i], frame, open, &vec, err));
        int32_t n_null = 0;
        uint16_t *null = mr_arena_alloc(arena, 2 * (int64_t)open->n + 2);
        if (has_nulls(vec)) {
            for (SCOPE_EACH(open, k, row)) {
                null[n_null] = (uint16_t)row;
                n_null += mr_vector_is_null(vec, row);
            }
        }
        if (!result && (n_null == 0 || i + 1 == node->n_args)) {
            *out = vec;
            return MR_OK;
        }
        if (!result && n_null == open->n)
            continue;
        if (!result)
            result = mr_vector_create(arena, node->expr->type, scope->n_rows);
        if (n_null == 0 || i + 1 == node->n_args) {
            rows_copy(arena, vec, open->sel, open->n, scope->n_rows, result);
            break;
        }
        uint16_t *found = mr_arena_alloc(arena, 2 * (int64_t)open->n + 2);
        int32_t n_found = 0;
        for (SCOPE_EACH(open, k, row)) {
            found[n_found] = (uint16_t)row;
            n_found += !mr_vector_is_null(vec, row);
        }
        rows_copy(arena, vec, found, n_found, scope->n_rows, result);
        open = scope_open(arena, open, null, n_null);
    }
    *out = result ? result : vector_null(arena, node->expr->type);
    return MR_OK;
}

static MrStatus node_eval(Node *node, Frame *frame, const Scope *scope, MrVector **out,
                          MrError *err)
{
    MrVector *vec = NULL;
    if (scope->n == 0) { /* nobody looks, so nothing may be raised */
        *out = vector_null(frame->arena, node->expr->type);
        return MR_OK;
    }
    if (node->run == frame->block->run && node->result && scope_within(scope, node->scope)) {
        *out = node->result;
        return MR_OK;
    }
    switch (node->expr->kind) {
    case MR_EXPR_LITERAL:
        *out = (MrVector *)(uintptr_t)node->expr->literal; /* nobody writes to an argument */
        return MR_OK;
    case MR_EXPR_COLUMN:
        vec = frame_column(frame, node->expr->column.idx);
        break;
    case MR_EXPR_LAMBDA_PARAM:
        vec = frame_param(frame, node->expr->column.id);
        break;
    case MR_EXPR_CALL:
        MR_TRY(call_eval(node, frame, scope, &vec, err));
        break;
    case MR_EXPR_AND:
    case MR_EXPR_OR:
        MR_TRY(logic_eval(node, frame, scope, &vec, err));
        break;
    case MR_EXPR_CASE:
        MR_TRY(case_eval(node, frame, scope, &vec, err));
        break;
    case MR_EXPR_COALESCE:
        MR_TRY(coalesce_eval(node, frame, scope, &vec, err));
        break;
    default:
        return MR_FAIL_INTERNAL(err, "an expression of kind %d cannot be evaluated",
                                (int)node->expr->kind);
    }
    if (node->expr->kind == MR_EXPR_COLUMN || node->expr->kind == MR_EXPR_LAMBDA_PARAM)
        while (scope->outer) /* a column is right for every row */
            scope = scope->outer;
    node->run = frame->block->run;
    node->scope = scope;
    node->result = vec;
    node->flat = NULL;
    *out = vec;
    return MR_OK;
}

/* Evaluates the expr_idx-th over n_rows rows of cols (sel: only those), with results in arena. */
static MrStatus block_eval(Block *block, const MrEvalContext *context, MrArena *arena,
                           MrVector **cols, int32_t n_cols, const uint16_t *sel, int32_t n_sel,
                           int32_t n_rows, MrVector **out, MrError *err)
{
    Frame frame = {.block = block,
                   .context = context,
                   .arena = arena,
                   .cols = cols,
                   .n_cols = n_cols,
                   .n_rows = n_rows};
    Scope *scope = MR_NEW(arena, Scope);
    *scope = (Scope){.sel = sel, .n = n_sel, .n_rows = n_rows};
    block->run++;
    for (int32_t i = 0; i < block->n_roots; i++)
        MR_TRY(node_eval(block->roots[i], &frame, scope, &out[i], err));
    return MR_OK;
}

/* --- programs --------------------------------------------------------------------------------- */

struct MrProgram {
    MrBudget *budget;
    MrArena arena;
    Block *block;
};

MrStatus mr_program_create(MrBudget *budget, MrExpr *const *exprs, int32_t n_exprs, MrProgram **out,
                           MrError *err)
{
    MrStatus status = MR_OK;
    void *memory = NULL;
    MR_TRY(mr_budget_alloc_zeroed(budget, (int64_t)sizeof(MrProgram), &memory, err));
    MrProgram *program = memory;
    program->budget = budget;
    mr_arena_init(&program->arena, budget);
    MR_GUARD_BEGIN(status, err)
        program->block = block_create(&program->arena, exprs, n_exprs);
    MR_GUARD_END(status)
    if (status != MR_OK) {
        mr_program_destroy(program);
        return status;
    }
    *out = program;
    return MR_OK;
}

void mr_program_destroy(MrProgram *program)
{
    if (!program)
        return;
    mr_arena_deinit(&program->arena);
    mr_budget_free(program->budget, program, (int64_t)sizeof *program);
}

MrStatus mr_program_eval(MrProgram *program, const MrEvalContext *context, MrBatch *batch,
                         MrVector **out, MrError *err)
{
    return block_eval(program->block, context, &batch->arena, batch->cols, batch->n_cols,
                      batch->sel, batch->n_sel, batch->n_rows, out, err);
}

/* Keeps the rows of *scope where the condition is true. */
static MrStatus filter_step(Node *node, Frame *frame, const Scope **scope, MrError *err)
{
    MrArena *arena = frame->arena;
    if (node->expr->kind == MR_EXPR_AND) {
        for (int32_t i = 0; i < node->n_args && (*scope)->n > 0; i++)
            MR_TRY(filter_step(node->args[i], frame, scope, err));
        return MR_OK;
    }
    uint16_t *sel = mr_arena_alloc(arena, 2 * (int64_t)(*scope)->n + 32);
    int32_t n = 0;
    if (node->expr->kind == MR_EXPR_CALL && node->expr->bound->select && node->n_args <= 2) {
        MrVector *args[2] = {0};
        bool null = false, constant = true, coded = false;
        MR_TRY(args_eval(node, frame, scope, args, &null, err));
        for (int32_t i = 0; !null && i < node->n_args; i++) {
            constant = constant && args[i]->encoding == MR_CONSTANT;
            coded = coded ||
                    (args[i]->encoding == MR_DICTIONARY && args[i]->dict->n_items <= (*scope)->n);
        }
        if (!null && !constant && !coded) {
            bool nulls = false;
            for (int32_t i = 0; i < node->n_args; i++) {
                MR_TRY(node_flat(node->args[i], frame, *scope, args[i], &args[i]));
                nulls = nulls || args[i]->validity;
            }
            MrCall call = {.context = frame->context,
                           .bound = node->expr->bound,
                           .n_args = node->n_args,
                           .args = args,
                           .n = (*scope)->n,
                           .sel = (*scope)->sel,
                           .n_rows = (*scope)->n_rows,
                           .arena = arena};
            n = node->expr->bound->select(&call, sel);
            if (nulls && (node->expr->bound->flags & MR_FN_NULL_IF_ANY)) {
                int32_t n_kept = 0;
                for (int32_t i = 0; i < n; i++) {
                    bool valid = true;
                    for (int32_t k = 0; k < node->n_args; k++)
                        valid = valid && !mr_arg_null(args[k], sel[i]);
                    sel[n_kept] = sel[i];
                    n_kept += valid;
                }
                n = n_kept;
            }
            if (n < (*scope)->n)
                *scope = scope_open(arena, *scope, sel, n);
            return MR_OK;
        }
    }
    MrVector *vec = NULL;
    MR_TRY(node_eval(node, frame, *scope, &vec, err));
    if (vec->encoding == MR_FLAT && !vec->validity) {
        for (SCOPE_EACH(*scope, i, row)) {
            sel[n] = (uint16_t)row;
            n += vec->i8[row];
        }
    } else {
        for (SCOPE_EACH(*scope, i, row)) {
            int64_t at;
            sel[n] = (uint16_t)row;
            n += !mr_vector_is_null(vec, row) && mr_vector_at(vec, row, &at)->i8[at];
        }
    }
    if (n < (*scope)->n)
        *scope = scope_open(arena, *scope, sel, n);
    return MR_OK;
}

MrStatus mr_program_filter(MrProgram *program, const MrEvalContext *context, MrBatch *batch,
                           MrError *err)
{
    Frame frame = {.block = program->block,
                   .context = context,
                   .arena = &batch->arena,
                   .cols = batch->cols,
                   .n_cols = batch->n_cols,
                   .n_rows = batch->n_rows};
    Scope *root = MR_NEW(&batch->arena, Scope);
    *root = (Scope){.sel = batch->sel, .n = batch->n_sel, .n_rows = batch->n_rows};
    const Scope *scope = root;
    MR_ASSERT(program->block->n_roots == 1);
    program->block->run++;
    MR_TRY(filter_step(program->block->roots[0], &frame, &scope, err));
    if (scope != root) {
        /* The scopes' selections lie in the batch's arena, as the batch's own does. */
        batch->sel = (uint16_t *)(uintptr_t)scope->sel;
        batch->n_sel = scope->n;
    }
    return MR_OK;
}

MrStatus mr_expr_fold(MrArena *arena, const MrEvalContext *context, const MrExpr *expr,
                      const MrVector **out, MrError *err)
{
    if (expr->kind == MR_EXPR_LITERAL) {
        *out = expr->literal;
        return MR_OK;
    }
    MrExpr *root = (MrExpr *)(uintptr_t)expr;
    MrVector *vec = NULL;
    Block *block = block_create(arena, &root, 1);
    MR_TRY(block_eval(block, context, arena, NULL, 0, NULL, 1, 1, &vec, err));
    if (vec->encoding != MR_CONSTANT) {
        MrVector *copy = mr_vector_create(arena, vec->type, 1);
        if (mr_vector_is_null(vec, 0))
            mr_vector_set_null(arena, copy, 0, 1);
        else
            mr_vector_copy_row(arena, vec, 0, copy, 0);
        vector_to_constant(copy);
        vec = copy;
    }
    *out = vec;
    return MR_OK;
}
