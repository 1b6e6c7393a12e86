/* lower_join.c - joins: keys and the rest of the condition, the build side, and how long two
 * streams keep rows for each other. */
#include "plan/lower_int.h"

typedef struct Sides {
    const int32_t *places;
    int32_t n_left;
    bool left, right;
} Sides;

static bool sides_visit(void *arg, const MrExpr *expr)
{
    Sides *sides = arg;
    if (expr->kind == MR_EXPR_COLUMN) {
        if (sides->places[expr->column.id] < sides->n_left)
            sides->left = true;
        else
            sides->right = true;
    }
    return true;
}

static Sides expr_sides(Lower *self, const MrExpr *expr, int32_t n_left)
{
    Sides sides = {.places = self->places, .n_left = n_left};
    mr_expr_walk(expr, sides_visit, &sides);
    return sides;
}

/* The sides of an equality whose one argument reads the left input only and the other the right
 * only. */
static bool equal_key(Lower *self, const MrExpr *expr, int32_t n_left, MrExpr **left,
                      MrExpr **right, bool *null_safe)
{
    if (expr->kind != MR_EXPR_CALL || expr->n_args != 2)
        return false;
    const char *name = expr->bound->def->name;
    *null_safe = strcmp(name, "<=>") == 0;
    if (!*null_safe && strcmp(name, "=") != 0 && strcmp(name, "==") != 0)
        return false;
    if (!mr_type_same_data(expr->args[0]->type, expr->args[1]->type) || !mr_expr_is_pure(expr))
        return false;
    Sides a = expr_sides(self, expr->args[0], n_left), b = expr_sides(self, expr->args[1], n_left);
    if (a.left && !a.right && b.right && !b.left) {
        *left = expr->args[0];
        *right = expr->args[1];
        return true;
    }
    if (a.right && !a.left && b.left && !b.right) {
        *left = expr->args[1];
        *right = expr->args[0];
        return true;
    }
    return false;
}

/* p of coalesce(p, false), which is never NULL. */
static const MrExpr *sure_part(const MrExpr *expr, bool *is_sure)
{
    if (expr->kind != MR_EXPR_COALESCE || expr->n_args != 2 ||
        expr->args[1]->kind != MR_EXPR_LITERAL || expr->args[1]->type->kind != MR_TYPE_BOOLEAN ||
        mr_vector_is_null(expr->args[1]->literal, 0) || expr->args[1]->literal->i8[0])
        return expr;
    *is_sure = true;
    return expr->args[0];
}

/* The join has at least one key, so that two states can be probed. */
bool mr__has_equal_key(Lower *self, const MrPlan *plan)
{
    MrExpr *left = NULL, *right = NULL, *condition = plan->join.condition;
    bool null_safe = false, found = false;
    const MrPlan *l = plan->inputs[0], *r = plan->inputs[1];
    if (!condition || plan->join.lateral)
        return false;
    mr__places_set(self, l->cols, l->n_cols, 0);
    mr__places_set(self, r->cols, r->n_cols, l->n_cols);
    int32_t n = condition->kind == MR_EXPR_AND ? condition->n_args : 1;
    for (int32_t c = 0; c < n && !found; c++)
        found = equal_key(self, condition->kind == MR_EXPR_AND ? condition->args[c] : condition,
                          l->n_cols, &left, &right, &null_safe);
    mr__places_clear(self, l->cols, l->n_cols);
    mr__places_clear(self, r->cols, r->n_cols);
    return found;
}

/* A sum of event times and lengths of time: l - r + 5 minutes. */
typedef struct TimeSum {
    int32_t n_cols;
    int32_t ids[2];
    int signs[2];
    int64_t us;
} TimeSum;

static bool time_sum(const MrExpr *expr, int sign, TimeSum *sum)
{
    int64_t us = 0;
    if (expr->kind == MR_EXPR_COLUMN) {
        if (sum->n_cols == 2 ||
            (expr->type->kind != MR_TYPE_TIMESTAMP && expr->type->kind != MR_TYPE_TIMESTAMP_NTZ))
            return false;
        sum->ids[sum->n_cols] = expr->column.id;
        sum->signs[sum->n_cols++] = sign;
        return true;
    }
    if (expr->kind == MR_EXPR_LITERAL) {
        if (mr_vector_is_null(expr->literal, 0))
            return false;
        if (expr->type->kind == MR_TYPE_INTERVAL_DT)
            us = expr->literal->i64[0];
        else if (expr->type->kind == MR_TYPE_INTERVAL && expr->literal->interval[0].months == 0 &&
                 expr->literal->interval[0].days == 0)
            us = expr->literal->interval[0].us;
        else
            return false;
        return !__builtin_mul_overflow(us, sign, &us) &&
               !__builtin_add_overflow(sum->us, us, &sum->us);
    }
    if (expr->kind != MR_EXPR_CALL || expr->n_args != 2)
        return false;
    const char *name = expr->bound->def->name;
    bool minus = strcmp(name, "-") == 0;
    return (minus || strcmp(name, "+") == 0) && time_sum(expr->args[0], sign, sum) &&
           time_sum(expr->args[1], minus ? -sign : sign, sum);
}

static void side_bound(int32_t *time_col, int64_t *keep_us, int32_t col, int64_t us)
{
    if (*time_col >= 0 && *keep_us <= us)
        return;
    *time_col = col;
    *keep_us = us;
}

/* What a comparison of the sides' times says of how long rows of each can match: l - r + us >= 0
 * means that a left row matches no right row later than l + us.  The later side must have a
 * watermark. */
static void range_bound(Lower *self, const MrExpr *expr, int32_t n_left, MrPhys *phys)
{
    static const char *const names[] = {">", ">=", "<", "<=", "=", "==", "<=>"};
    TimeSum sum = {0};
    int32_t op = -1;
    if (expr->kind != MR_EXPR_CALL || expr->n_args != 2)
        return;
    for (int32_t i = 0; i < (int32_t)MR_COUNT(names); i++)
        if (strcmp(expr->bound->def->name, names[i]) == 0)
            op = i;
    if (op < 0 || !time_sum(expr->args[0], 1, &sum) || !time_sum(expr->args[1], -1, &sum) ||
        sum.n_cols != 2 || sum.signs[0] == sum.signs[1] || sum.us == INT64_MIN)
        return;
    int32_t l = self->places[sum.ids[0]] < n_left ? 0 : 1;
    int32_t left = self->places[sum.ids[l]], right = self->places[sum.ids[1 - l]];
    if (left >= n_left || right < n_left)
        return;
    bool at_least = op < 2 || op > 3, at_most = op >= 2;
    if (sum.signs[l] < 0) {
        bool swap = at_least;
        at_least = at_most;
        at_most = swap;
        sum.us = -sum.us;
    }
    if (at_least && self->event_time[sum.ids[1 - l]]) {
        side_bound(&phys->join.left_time_col, &phys->join.left_keep_us, left, sum.us);
        phys->join.right_late_col = right - n_left;
    }
    if (at_most && self->event_time[sum.ids[l]]) {
        side_bound(&phys->join.right_time_col, &phys->join.right_keep_us, right - n_left, -sum.us);
        phys->join.left_late_col = left;
    }
}

/* Bounds of both states; the columns' places are those of the condition.  Equal event times bound
 * both sides, whichever of them has the watermark, as in Spark. */
static void join_bounds(Lower *self, const MrPlan *plan, MrExpr *const *conjuncts,
                        int32_t n_conjuncts, MrPhys *phys)
{
    int32_t n_left = plan->inputs[0]->n_cols, n_all = n_left + plan->inputs[1]->n_cols;
    if (self->options->output_mode == MR_MODE_CHANGES || mr__gives_changes(self, plan->inputs[0]) ||
        mr__gives_changes(self, plan->inputs[1]))
        return; /* nothing is late, nothing ever final */
    for (int32_t c = 0; c < n_conjuncts; c++)
        range_bound(self, conjuncts[c], n_left, phys);
    for (int32_t c = 0; c < n_conjuncts; c++) {
        MrExpr *left = NULL, *right = NULL;
        bool null_safe = false;
        if (!equal_key(self, conjuncts[c], n_left, &left, &right, &null_safe) ||
            left->kind != MR_EXPR_COLUMN || right->kind != MR_EXPR_COLUMN)
            continue;
        bool left_bound = self->event_time[left->column.id];
        bool right_bound = self->event_time[right->column.id];
        if (!left_bound && !right_bound)
            continue;
        phys->join.left_time_col = self->places[left->column.id];
        phys->join.right_time_col = self->places[right->column.id] - n_left;
        phys->join.left_keep_us = phys->join.right_keep_us = 0;
        phys->join.left_late_col = left_bound ? phys->join.left_time_col : -1;
        phys->join.right_late_col = right_bound ? phys->join.right_time_col : -1;
        break;
    }
    for (int32_t c = 0; c < n_all; c++) { /* no bound asks for it, but late is late */
        const MrPlan *side = plan->inputs[c >= n_left];
        int32_t place = c >= n_left ? c - n_left : c;
        int32_t *late = c >= n_left ? &phys->join.right_late_col : &phys->join.left_late_col;
        if (*late < 0 && self->event_time[side->cols[place].id])
            *late = place;
    }
}

static const char *outer_name(MrJoinKind kind)
{
    return kind == MR_JOIN_LEFT    ? "LeftOuter"
           : kind == MR_JOIN_RIGHT ? "RightOuter"
           : kind == MR_JOIN_FULL  ? "FullOuter"
           : kind == MR_JOIN_SEMI  ? "LeftSemi"
                                   : "LeftAnti";
}

/* Append mode: what stands alone must become final some day (Spark's rule). */
static MrStatus join_final(Lower *self, MrPhys *phys, MrError *err)
{
    MrJoinKind kind = phys->join.kind;
    bool left = phys->join.left_time_col >= 0, right = phys->join.right_time_col >= 0;
    phys->join.final = self->options->output_mode == MR_MODE_APPEND;
    if (!phys->join.final || kind == MR_JOIN_INNER ||
        (kind == MR_JOIN_RIGHT  ? right
         : kind == MR_JOIN_FULL ? left || right
                                : left))
        return MR_OK;
    return MR_FAIL(
        err, MR_COND__LEGACY_ERROR_TEMP_3102, "msg",
        mr_arena_printf(self->arena,
                        "A %s join of two streams needs, in append mode, a watermark on a "
                        "join key, or one on the other side and a condition that bounds "
                        "the time between matching rows",
                        outer_name(kind)));
}

static MrJoinKind join_exchanged(MrJoinKind kind)
{
    return kind == MR_JOIN_LEFT ? MR_JOIN_RIGHT : kind == MR_JOIN_RIGHT ? MR_JOIN_LEFT : kind;
}

/* Conjuncts of the condition: keys, and the rest.  The columns' places are those of both inputs,
 * the left one's first. */
typedef struct Keys {
    int32_t n, n_conjuncts;
    MrExpr *const *conjuncts;
    MrExpr **left, **right;
    bool *null_safe;
    MrExpr *rest;
} Keys;

static bool is_three_valued(MrJoinKind kind)
{
    return kind == MR_JOIN_MARK || kind == MR_JOIN_ANTI_NULL;
}

static void keys_find(Lower *self, const MrPlan *plan, Keys *keys)
{
    MrExpr *condition = plan->join.condition;
    keys->conjuncts = &plan->join.condition;
    keys->n_conjuncts = condition ? 1 : 0;
    if (condition && condition->kind == MR_EXPR_AND) {
        keys->conjuncts = condition->args;
        keys->n_conjuncts = condition->n_args;
    }
    int32_t n = keys->n_conjuncts;
    keys->left = MR_NEW_N(self->arena, MrExpr *, n + 1);
    keys->right = MR_NEW_N(self->arena, MrExpr *, n + 1);
    keys->null_safe = MR_NEW_N(self->arena, bool, n + 1);
    /* Where a pair may be unknown, keys are what is known (<=>, or an = that is false for NULL), or
     * one plain = that is the whole condition. */
    bool three_valued = is_three_valued(plan->join.kind);
    for (int32_t c = 0; c < n; c++) {
        bool is_sure = !three_valued || n == 1;
        MrExpr *conjunct = keys->conjuncts[c];
        const MrExpr *equal = three_valued ? sure_part(conjunct, &is_sure) : conjunct;
        if (equal_key(self, equal, plan->inputs[0]->n_cols, &keys->left[keys->n],
                      &keys->right[keys->n], &keys->null_safe[keys->n]) &&
            (is_sure || keys->null_safe[keys->n]))
            keys->n++;
        else
            keys->rest = mr_expr_and(self->arena, keys->rest, conjunct);
    }
    if (keys->n == 0)
        keys->rest = condition;
}

/* Where each output column comes from: the probe side's columns first, then the build side's. */
static MrStatus out_cols_find(Lower *self, const MrPlan *plan, bool build_left, const int32_t **out,
                              MrError *err)
{
    MrJoinKind kind = plan->join.kind;
    int32_t n_left = plan->inputs[0]->n_cols, n_right = plan->inputs[1]->n_cols;
    int32_t *cols = MR_NEW_N(self->arena, int32_t, plan->n_cols + 1);
    bool left_only = kind == MR_JOIN_SEMI || kind == MR_JOIN_ANTI || is_three_valued(kind);
    for (int32_t c = 0; c < plan->n_cols; c++) {
        int32_t id = plan->cols[c].id;
        if (kind == MR_JOIN_MARK && id == plan->join.mark_id)
            cols[c] = n_left + n_right;
        else if (left_only && self->places[id] >= n_left)
            return MR_FAIL_INTERNAL(err, "a semi join gives a column of its right side");
        else if (self->places[id] < 0)
            return MR_FAIL_INTERNAL(err, "a join gives a column that it does not have: %s",
                                    plan->cols[c].name);
        else
            cols[c] = self->places[id];
        if (build_left)
            cols[c] = cols[c] < n_left ? cols[c] + n_right : cols[c] - n_left;
    }
    *out = cols;
    return MR_OK;
}

/* The smaller side is built; of a stream the static one. */
static bool builds_left(const MrPlan *plan, bool changes)
{
    const MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
    if (changes && plan->streaming)
        return !left->streaming;
    return !is_three_valued(plan->join.kind) && plan->join.kind != MR_JOIN_SINGLE &&
           left->rows_estimate >= 0 && right->rows_estimate >= 0 &&
           left->rows_estimate < right->rows_estimate;
}

MrStatus mr__lower_join(Lower *self, const MrPlan *plan, MrPhys **out, MrError *err)
{
    const MrPlan *left = plan->inputs[0], *right = plan->inputs[1];
    MrExpr *condition = plan->join.condition;
    MrPhys *phys_left = NULL, *phys_right = NULL;
    if (plan->join.lateral)
        return MR_FAIL_UNSUPPORTED(err, "this lateral join");
    MR_TRY(mr__lower_node(self, left, &phys_left, err));
    MR_TRY(mr__lower_node(self, right, &phys_right, err));
    MrPhys *phys = mr__phys_new(self, MR_PHYS_OP_LOOP_JOIN, plan, 2);

    mr__places_set(self, left->cols, left->n_cols, 0);
    mr__places_set(self, right->cols, right->n_cols, left->n_cols);
    Keys keys = {0};
    keys_find(self, plan, &keys);
    bool changes = self->streaming && !self->complete && !self->per_epoch;
    bool both_stream = changes && left->streaming && right->streaming;
    bool build_left = builds_left(plan, changes);
    if (keys.n > 0)
        phys->kind = MR_PHYS_OP_HASH_JOIN;
    if (both_stream) {
        phys->kind = MR_PHYS_OP_STREAM_JOIN;
        keys.rest = condition; /* finds pairs by hash and tests all of the condition */
    }
    phys->join.kind = build_left ? join_exchanged(plan->join.kind) : plan->join.kind;
    phys->join.build_left = build_left;
    phys->join.sure_keys =
        is_three_valued(plan->join.kind) &&
        (keys.n_conjuncts > 1 || (condition && condition->kind == MR_EXPR_COALESCE));
    phys->join.left_time_col = phys->join.right_time_col = -1;
    phys->join.left_late_col = phys->join.right_late_col = -1;
    MR_TRY(out_cols_find(self, plan, build_left, &phys->join.out_cols, err));
    if (both_stream) {
        join_bounds(self, plan, keys.conjuncts, keys.n_conjuncts, phys);
        MR_TRY(join_final(self, phys, err));
    }

    if (build_left) {
        mr__places_set(self, right->cols, right->n_cols, 0);
        mr__places_set(self, left->cols, left->n_cols, right->n_cols);
    }
    MR_TRY(mr__lower_expr(self, keys.rest, &phys->join.rest, err));
    mr__places_clear(self, left->cols, left->n_cols);
    mr__places_clear(self, right->cols, right->n_cols);
    mr__places_set(self, left->cols, left->n_cols, 0);
    MR_TRY(mr__lower_exprs(self, keys.left, keys.n, &keys.left, err));
    mr__places_clear(self, left->cols, left->n_cols);
    mr__places_set(self, right->cols, right->n_cols, 0);
    MR_TRY(mr__lower_exprs(self, keys.right, keys.n, &keys.right, err));
    mr__places_clear(self, right->cols, right->n_cols);

    phys->inputs[0] = build_left ? phys_right : phys_left;
    phys->inputs[1] = build_left ? phys_left : phys_right;
    phys->join.n_keys = keys.n;
    phys->join.left_keys = build_left ? keys.right : keys.left;
    phys->join.right_keys = build_left ? keys.left : keys.right;
    phys->join.null_safe = keys.null_safe;
    *out = phys;
    return MR_OK;
}
