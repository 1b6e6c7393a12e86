/* parse_query.c - queries: WITH, SELECT, set operations, what comes behind them, pipes. */
#include "sql/parse_int.h"

/* ---------------------------------------------------------------- what comes next? */

static bool ends_item(int kind)
{
    return kind == MR_TOK_END || kind == MR_TOK_COMMA || kind == MR_TOK_RIGHT_PAREN ||
           kind == MR_TOK_SEMICOLON;
}

bool mr__is_query(const MrParser *parser, int32_t n)
{
    int next = mr__peek_at(parser, n + 1);
    switch (mr__peek_at(parser, n)) {
    case MR_KW_SELECT:
        return !ends_item(next) && next != MR_TOK_DOT && next != MR_TOK_EQUAL;
    case MR_KW_WITH:
        if (next == MR_KW_RECURSIVE && mr__is_name_at(parser, n + 2))
            return true;
        return mr__is_name_at(parser, n + 1) &&
               (mr__peek_at(parser, n + 2) == MR_KW_AS || mr__peek_at(parser, n + 2) == MR_KW_MAX ||
                mr__peek_at(parser, n + 2) == MR_TOK_LEFT_PAREN);
    case MR_KW_VALUES:
        return mr__starts_expr(next);
    case MR_KW_TABLE:
        return mr__is_name_at(parser, n + 1);
    case MR_KW_FROM:
        return mr__is_name_at(parser, n + 1) || next == MR_TOK_LEFT_PAREN;
    default:
        return false;
    }
}

static bool is_set_op(const MrParser *parser)
{
    int kind = mr__peek(parser), next = mr__peek_at(parser, 1);
    if (kind != MR_KW_UNION && kind != MR_KW_EXCEPT && kind != MR_KW_MINUS &&
        kind != MR_KW_INTERSECT)
        return false;
    return next == MR_TOK_LEFT_PAREN || next == MR_KW_ALL || next == MR_KW_DISTINCT ||
           next == MR_KW_BY || mr__is_query(parser, 1) || next == MR_KW_SELECT;
}

static bool is_by(const MrParser *parser)
{
    return mr__peek_at(parser, 1) == MR_KW_BY;
}

static bool is_window_clause(const MrParser *parser)
{
    return mr__peek(parser) == MR_KW_WINDOW && mr__is_name_at(parser, 1) &&
           (mr__peek_at(parser, 2) == MR_KW_AS || mr__is_identifier_clause(parser, 1));
}

bool mr__continues_query(const MrParser *parser)
{
    switch (mr__peek(parser)) {
    case MR_KW_ORDER:
    case MR_KW_SORT:
    case MR_KW_CLUSTER:
    case MR_KW_DISTRIBUTE:
        return is_by(parser);
    case MR_KW_LIMIT:
    case MR_KW_OFFSET:
        return mr__starts_expr(mr__peek_at(parser, 1));
    case MR_KW_WINDOW:
        return is_window_clause(parser);
    case MR_TOK_PIPE_STEP:
        return true;
    default:
        return is_set_op(parser);
    }
}

bool mr__is_clause(const MrParser *parser)
{
    int next = mr__peek_at(parser, 1);
    switch (mr__peek(parser)) {
    case MR_KW_FROM:
        return !ends_item(next) && next != MR_KW_FROM;
    case MR_KW_WHERE:
    case MR_KW_HAVING:
    case MR_KW_QUALIFY:
        return mr__starts_expr(next) || next == MR_TOK_END;
    case MR_KW_GROUP:
        return is_by(parser);
    case MR_KW_LATERAL:
        return next == MR_KW_VIEW;
    case MR_KW_PIVOT:
    case MR_KW_TABLESAMPLE:
        return next == MR_TOK_LEFT_PAREN;
    case MR_KW_UNPIVOT:
        return next == MR_TOK_LEFT_PAREN || next == MR_KW_INCLUDE || next == MR_KW_EXCLUDE;
    case MR_KW_FOR:
        return mr__is_name_at(parser, 1) || next == MR_TOK_LEFT_PAREN;
    case MR_KW_VERSION:
    case MR_KW_TIMESTAMP:
    case MR_KW_SYSTEM_TIME:
    case MR_KW_SYSTEM_VERSION:
        return next == MR_KW_AS && mr__peek_at(parser, 2) == MR_KW_OF;
    case MR_KW_WATERMARK:
        return mr__starts_expr(next);
    case MR_KW_DELAY:
        return next == MR_KW_OF;
    case MR_KW_IDENTIFIED:
        return is_by(parser);
    case MR_KW_APPROX:
    case MR_KW_EXACT:
        return next == MR_KW_NEAREST;
    case MR_KW_NEAREST:
        return next == MR_KW_BY || next == MR_TOK_INTEGER;
    case MR_KW_INSERT:
        return next == MR_KW_INTO || next == MR_KW_OVERWRITE;
    case MR_KW_SELECT:
        return mr__starts_expr(next) || next == MR_TOK_STAR || next == MR_TOK_HINT_START;
    case MR_KW_SET:
        return mr__is_name_at(parser, 1);
    case MR_KW_WHEN:
        return next == MR_KW_MATCHED || next == MR_KW_NOT || next == MR_TOK_BANG;
    case MR_KW_WITH:
        return next == MR_TOK_LEFT_PAREN;
    case MR_KW_AS:
        return true;
    default:
        return mr__continues_query(parser);
    }
}

/* ---------------------------------------------------------------- windows */

static void bound(MrParser *parser, MrSqlBound *out)
{
    int32_t start = parser->at;
    *out = (MrSqlBound){0};
    if (mr__accept2(parser, MR_KW_UNBOUNDED, MR_KW_PRECEDING)) {
        out->kind = MR_SQL_UNBOUNDED_PRECEDING;
    } else if (mr__accept2(parser, MR_KW_UNBOUNDED, MR_KW_FOLLOWING)) {
        out->kind = MR_SQL_UNBOUNDED_FOLLOWING;
    } else if (mr__accept2(parser, MR_KW_CURRENT, MR_KW_ROW)) {
        out->kind = MR_SQL_CURRENT_ROW;
    } else {
        out->expr = mr__value(parser);
        out->kind = mr__peek(parser) == MR_KW_FOLLOWING ? MR_SQL_FOLLOWING : MR_SQL_PRECEDING;
        if (out->kind == MR_SQL_PRECEDING && mr__peek(parser) != MR_KW_PRECEDING)
            mr__fail_syntax(parser);
        parser->at++;
    }
    out->place = mr__place_from(parser, start);
}

static void frame(MrParser *parser, MrSqlWindow *out)
{
    int32_t start = parser->at;
    out->has_frame = true;
    out->is_range = mr__peek(parser) == MR_KW_RANGE;
    parser->at++;
    out->end.kind = MR_SQL_CURRENT_ROW;
    if (mr__accept(parser, MR_KW_BETWEEN)) {
        bound(parser, &out->start);
        mr__expect(parser, MR_KW_AND);
        bound(parser, &out->end);
    } else {
        bound(parser, &out->start);
    }
    out->frame_place = mr__place_from(parser, start);
}

void mr__window(MrParser *parser, MrSqlWindow *out)
{
    int32_t start = parser->at;
    if (mr__peek(parser) != MR_TOK_LEFT_PAREN) {
        out->ref = mr__name_part(parser);
        out->place = mr__place_from(parser, start);
        return;
    }
    parser->at++;
    if (mr__is_name_at(parser, 0) && mr__peek_at(parser, 1) == MR_TOK_RIGHT_PAREN)
        out->ref = mr__name_part(parser);
    bool cluster = mr__accept2(parser, MR_KW_CLUSTER, MR_KW_BY);
    if (cluster || mr__accept2(parser, MR_KW_PARTITION, MR_KW_BY) ||
        mr__accept2(parser, MR_KW_DISTRIBUTE, MR_KW_BY))
        out->n_partition = mr__exprs(parser, &out->partition);
    if (!cluster &&
        (mr__accept2(parser, MR_KW_ORDER, MR_KW_BY) || mr__accept2(parser, MR_KW_SORT, MR_KW_BY)))
        out->n_order = mr__sorts(parser, &out->order);
    if (mr__peek(parser) == MR_KW_RANGE || mr__peek(parser) == MR_KW_ROWS)
        frame(parser, out);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    out->place = mr__place_from(parser, start);
}

/* WINDOW a AS (...), b AS a */
static int32_t windows(MrParser *parser, MrSqlWindow **out)
{
    int32_t n = 0, cap = 0;
    MrSqlWindow *list = NULL;
    parser->at++;
    do {
        int32_t start = parser->at;
        MrSqlWindow window = {0};
        const char *name = mr__name_part(parser);
        for (int32_t i = 0; i < n; i++)
            if (mr_str_equal_nocase(list[i].name, name)) {
                mr__expect(parser, MR_KW_AS);
                mr__window(parser, &window);
                mr__fail(parser, mr__place_from(parser, start),
                         MR_COND_INVALID_SQL_SYNTAX__REPETITIVE_WINDOW_DEFINITION, "windowName",
                         mr_quote_name(parser->arena, name));
            }
        mr__expect(parser, MR_KW_AS);
        mr__window(parser, &window);
        window.name = name;
        MR_PUSH(parser->arena, list, n, cap, window);
    } while (mr__accept(parser, MR_TOK_COMMA));
    *out = list;
    return n;
}

/* ---------------------------------------------------------------- GROUP BY */

static void group(MrParser *parser, MrSqlGroup *out, bool nested);

/* One set: (), (a, b) or a; in GROUPING SETS also ROLLUP(...) and the like. */
static void group_set(MrParser *parser, struct MrSqlGroupSet *out, bool nested)
{
    *out = (struct MrSqlGroupSet){0};
    if (mr__accept2(parser, MR_TOK_LEFT_PAREN, MR_TOK_RIGHT_PAREN))
        return;
    if (nested) {
        MrSqlGroup inner;
        group(parser, &inner, true);
        if (inner.kind != MR_SQL_GROUP_EXPR) {
            out->nested = mr_arena_alloc(parser->arena, sizeof inner);
            *out->nested = inner;
            return;
        }
        out->exprs = mr_arena_alloc(parser->arena, sizeof *out->exprs);
        out->exprs[0] = inner.expr;
    } else {
        out->exprs = mr_arena_alloc(parser->arena, sizeof *out->exprs);
        out->exprs[0] = mr__expr(parser);
    }
    out->n_exprs = 1;
    if (out->exprs[0]->kind == MR_SQL_ROW) {
        MrSqlExpr *row = out->exprs[0];
        out->exprs = row->row.items;
        out->n_exprs = row->row.n_items;
    }
}

static void group_sets(MrParser *parser, MrSqlGroup *out, bool nested)
{
    int32_t cap = 0;
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    do {
        struct MrSqlGroupSet set;
        group_set(parser, &set, nested);
        MR_PUSH(parser->arena, out->sets, out->n_sets, cap, set);
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
}

static void group(MrParser *parser, MrSqlGroup *out, bool nested)
{
    int32_t start = parser->at;
    *out = (MrSqlGroup){0};
    mr__enter(parser);
    if ((mr__peek(parser) == MR_KW_ROLLUP || mr__peek(parser) == MR_KW_CUBE) &&
        mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
        out->kind = mr__peek(parser) == MR_KW_CUBE ? MR_SQL_GROUP_CUBE : MR_SQL_GROUP_ROLLUP;
        parser->at++;
        group_sets(parser, out, false);
    } else if (mr__accept2(parser, MR_KW_GROUPING, MR_KW_SETS)) {
        out->kind = MR_SQL_GROUP_SETS;
        group_sets(parser, out, true);
    } else {
        out->expr = mr__expr(parser);
    }
    mr__leave(parser);
    out->place = mr__place_from(parser, start);
}

/* The old forms: GROUP BY a, b WITH ROLLUP; GROUP BY a, b GROUPING SETS ((a), (b)). */
static void group_suffix(MrParser *parser, MrSqlSelect *select)
{
    bool rollup = mr__accept2(parser, MR_KW_WITH, MR_KW_ROLLUP);
    bool cube = !rollup && mr__accept2(parser, MR_KW_WITH, MR_KW_CUBE);
    if (!rollup && !cube &&
        (mr__peek(parser) != MR_KW_GROUPING || mr__peek_at(parser, 1) != MR_KW_SETS))
        return;
    MrSqlExpr **exprs =
        mr_arena_alloc(parser->arena, (int64_t)sizeof *exprs * (select->n_groups + 1));
    for (int32_t i = 0; i < select->n_groups; i++) {
        if (select->groups[i].kind != MR_SQL_GROUP_EXPR)
            mr__fail_syntax(parser);
        exprs[i] = select->groups[i].expr;
    }
    int32_t n = select->n_groups;
    MrSqlGroup *whole = MR_NEW(parser->arena, MrSqlGroup);
    if (rollup || cube) {
        whole->kind = cube ? MR_SQL_GROUP_CUBE : MR_SQL_GROUP_ROLLUP;
        whole->sets = MR_NEW_N(parser->arena, struct MrSqlGroupSet, n);
        whole->n_sets = n;
        for (int32_t i = 0; i < n; i++) {
            whole->sets[i].exprs = &exprs[i];
            whole->sets[i].n_exprs = 1;
        }
    } else {
        group(parser, whole, true);
        select->n_group_exprs = n;
        select->group_exprs = exprs;
    }
    select->groups = whole;
    select->n_groups = 1;
}

static void group_by(MrParser *parser, MrSqlSelect *select)
{
    int32_t start = parser->at, cap = 0;
    parser->at += 2;
    int32_t first = parser->at;
    select->has_group = true;
    do {
        MrSqlGroup item;
        group(parser, &item, false);
        MR_PUSH(parser->arena, select->groups, select->n_groups, cap, item);
    } while (mr__accept(parser, MR_TOK_COMMA));
    group_suffix(parser, select);
    select->group_all = parser->at == first + 1 && parser->tokens[first].kind == MR_KW_ALL;
    select->group_place = mr__place_from(parser, start);
}

/* ---------------------------------------------------------------- SELECT */

static void hints(MrParser *parser, MrSqlSelect *select)
{
    int32_t cap = select->n_hints;
    parser->at++;
    do {
        int32_t start = parser->at;
        MrText name = mr__token_text(parser, parser->at);
        MrSqlHint hint = {.name = mr_arena_strn(parser->arena, name.data, name.size_bytes)};
        if (mr__peek(parser) == MR_TOK_BACKQUOTED)
            hint.name = mr__name_part_plain(parser);
        else if (mr__is_name_at(parser, 0))
            parser->at++;
        else
            mr__fail_syntax(parser);
        if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
            int32_t cap_args = 0;
            do {
                MR_PUSH(parser->arena, hint.args, hint.n_args, cap_args, mr__primary(parser));
            } while (mr__accept(parser, MR_TOK_COMMA));
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
        }
        hint.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, select->hints, select->n_hints, cap, hint);
        mr__accept(parser, MR_TOK_COMMA);
    } while (mr__peek(parser) != MR_TOK_HINT_END);
    parser->at++;
}

/* SELECT TRANSFORM(...) USING 'script': recognised and refused (no shell, RELIABILITY S9). */
static void refuse_transform(MrParser *parser)
{
    int32_t start = parser->at, depth = 0;
    if (mr__peek(parser) != MR_KW_TRANSFORM || mr__peek_at(parser, 1) != MR_TOK_LEFT_PAREN)
        return;
    int word = mr__peek_at(parser, 2);
    if (word == MR_KW_DISTINCT || word == MR_KW_ALL)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_UNSUPPORTED_FEATURE__TRANSFORM_DISTINCT_ALL);
    for (int32_t at = parser->at + 1; at < parser->n_tokens; at++) {
        int kind = parser->tokens[at].kind;
        depth += kind == MR_TOK_LEFT_PAREN;
        if (kind == MR_TOK_RIGHT_PAREN && --depth == 0) {
            int next = parser->tokens[at + 1].kind;
            if (next == MR_KW_USING || next == MR_KW_ROW || next == MR_KW_RECORDWRITER) {
                parser->at += 2;
                MrSqlExpr **inputs;
                mr__exprs(parser, &inputs);
                mr__expect(parser, MR_TOK_RIGHT_PAREN);
                mr__fail_unsupported(parser, start, "SELECT TRANSFORM");
            }
            return;
        }
    }
}

static void select_clause(MrParser *parser, MrSqlSelect *select)
{
    mr__expect(parser, MR_KW_SELECT);
    while (mr__peek(parser) == MR_TOK_HINT_START)
        hints(parser, select);
    refuse_transform(parser);
    int next = mr__peek_at(parser, 1);
    if ((mr__peek(parser) == MR_KW_DISTINCT || mr__peek(parser) == MR_KW_ALL) &&
        (mr__starts_expr(next) || next == MR_TOK_STAR)) {
        select->distinct = mr__peek(parser) == MR_KW_DISTINCT;
        parser->at++;
    }
    select->n_items = mr__named_exprs(parser, &select->items);
}

/* From WHERE to QUALIFY. */
static void select_tail(MrParser *parser, MrSqlSelect *select)
{
    int32_t start = parser->at;
    if (mr__peek(parser) == MR_KW_LATERAL)
        select->from = mr__lateral_views(parser, select->from, start);
    if (mr__accept(parser, MR_KW_WHERE))
        select->where = mr__expr(parser);
    if (mr__peek(parser) == MR_KW_GROUP && is_by(parser))
        group_by(parser, select);
    if (mr__accept(parser, MR_KW_HAVING))
        select->having = mr__expr(parser);
    if (mr__accept(parser, MR_KW_QUALIFY))
        select->qualify = mr__expr(parser);
    if (is_window_clause(parser))
        select->n_windows = windows(parser, &select->windows);
    if (select->qualify == NULL && mr__accept(parser, MR_KW_QUALIFY))
        select->qualify = mr__expr(parser);
}

static MrSqlBody *body_new(MrParser *parser, MrSqlBodyKind kind, int32_t start)
{
    MrSqlBody *body = MR_NEW(parser->arena, MrSqlBody);
    body->kind = kind;
    body->height = 1;
    body->place = mr__place_from(parser, start);
    return body;
}

static MrSqlBody *set_of(MrParser *parser, MrSqlBody *left, MrSqlBody *right, MrSqlSetOp op,
                         bool all, bool by_name, int32_t start);

/* One SELECT behind FROM t. */
static MrSqlBody *from_select(MrParser *parser, MrSqlRelation *from, int32_t start)
{
    MrSqlSelect *select = MR_NEW(parser->arena, MrSqlSelect);
    select_clause(parser, select);
    select->from = from;
    select_tail(parser, select);
    select->place = mr__place_from(parser, start);
    MrSqlBody *body = body_new(parser, MR_SQL_BODY_SELECT, start);
    body->select = select;
    return body;
}

static void refuse_map(MrParser *parser)
{
    if ((mr__peek(parser) == MR_KW_MAP || mr__peek(parser) == MR_KW_REDUCE) &&
        mr__is_name_at(parser, 1))
        mr__fail_unsupported(parser, parser->at, "MAP and REDUCE with a script");
}

/* FROM t SELECT a WHERE b; several SELECTs are all rows of each; FROM t alone is its rows. */
static MrSqlBody *from_body(MrParser *parser, MrSqlRelation *from, int32_t start)
{
    refuse_map(parser);
    if (mr__peek(parser) != MR_KW_SELECT) {
        MrSqlBody *rows = body_new(parser, MR_SQL_BODY_RELATION, start);
        rows->relation = from;
        return rows;
    }
    MrSqlBody *left = from_select(parser, from, start);
    while (mr__peek(parser) == MR_KW_SELECT)
        left = set_of(parser, left, from_select(parser, from, start), MR_SQL_UNION, true, false,
                      start);
    return left;
}

static MrSqlBody *select_body(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlSelect *select = MR_NEW(parser->arena, MrSqlSelect);
    select_clause(parser, select);
    if (mr__accept(parser, MR_KW_FROM))
        select->from = mr__from(parser);
    select_tail(parser, select);
    select->place = mr__place_from(parser, start);
    MrSqlBody *body = body_new(parser, MR_SQL_BODY_SELECT, start);
    body->select = select;
    return body;
}

static MrSqlBody *primary_body(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlBody *body;
    switch (mr__peek(parser)) {
    case MR_KW_SELECT:
        return select_body(parser);
    case MR_KW_FROM: {
        parser->at++;
        MrSqlRelation *from = mr__from(parser);
        return from_body(parser, from, start);
    }
    case MR_KW_VALUES: {
        MrSqlRelation *values = mr__values(parser, true);
        body = body_new(parser, MR_SQL_BODY_RELATION, start);
        body->relation = values;
        return body;
    }
    case MR_KW_TABLE: {
        parser->at++;
        MrSqlRelation *table = mr__relation_new(parser, MR_SQL_REL_TABLE, start);
        mr__name(parser, &table->table.name);
        table->place = mr__place_from(parser, start);
        body = body_new(parser, MR_SQL_BODY_RELATION, start);
        body->relation = table;
        return body;
    }
    case MR_TOK_LEFT_PAREN: {
        parser->at++;
        MrSqlQuery *query = mr__query(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        body = body_new(parser, MR_SQL_BODY_QUERY, start);
        body->query = query;
        return body;
    }
    default:
        mr__fail_syntax(parser);
    }
}

/* ---------------------------------------------------------------- set operations */

static MrSqlBody *set_of(MrParser *parser, MrSqlBody *left, MrSqlBody *right, MrSqlSetOp op,
                         bool all, bool by_name, int32_t start)
{
    if (left->kind == MR_SQL_BODY_SET && left->set.op == MR_SQL_UNION && op == MR_SQL_UNION &&
        left->set.all == all && left->set.by_name == by_name && !by_name) {
        /* The array has room up to the next power of two. */
        int32_t n = left->set.n_inputs;
        if ((n & (n - 1)) == 0) {
            MrSqlBody **inputs = mr_arena_alloc(parser->arena, (int64_t)sizeof *inputs * 2 * n);
            memcpy(inputs, left->set.inputs, sizeof *inputs * (size_t)n);
            left->set.inputs = inputs;
        }
        left->set.inputs[left->set.n_inputs++] = right;
        left->place = mr__place_from(parser, start);
        left->height = left->height > right->height ? left->height : right->height + 1;
        return left;
    }
    MrSqlBody *body = body_new(parser, MR_SQL_BODY_SET, start);
    body->set.op = op;
    body->set.all = all;
    body->set.by_name = by_name;
    body->set.n_inputs = 2;
    body->set.inputs = mr_arena_alloc(parser->arena, 2 * sizeof *body->set.inputs);
    body->set.inputs[0] = left;
    body->set.inputs[1] = right;
    body->height = 1 + (left->height > right->height ? left->height : right->height);
    mr__check_height(parser, body->height);
    return body;
}

static void set_words(MrParser *parser, bool *all, bool *by_name)
{
    parser->at++;
    *all = mr__accept(parser, MR_KW_ALL);
    if (!*all)
        mr__accept(parser, MR_KW_DISTINCT);
    *by_name = mr__accept2(parser, MR_KW_BY, MR_KW_NAME);
}

/* INTERSECT binds closer than UNION and EXCEPT, unless the old precedence is asked for. */
static MrSqlBody *intersection(MrParser *parser, MrSqlBody *left, int32_t start)
{
    if (left == NULL)
        left = primary_body(parser);
    while (!parser->options->setops_left_to_right && mr__peek(parser) == MR_KW_INTERSECT &&
           is_set_op(parser)) {
        bool all, by_name;
        set_words(parser, &all, &by_name);
        left = set_of(parser, left, primary_body(parser), MR_SQL_INTERSECT, all, by_name, start);
    }
    return left;
}

static MrSqlBody *terms(MrParser *parser, MrSqlBody *left, int32_t start)
{
    left = intersection(parser, left, start);
    while (is_set_op(parser)) {
        int word = mr__peek(parser);
        MrSqlSetOp op = word == MR_KW_UNION       ? MR_SQL_UNION
                        : word == MR_KW_INTERSECT ? MR_SQL_INTERSECT
                                                  : MR_SQL_EXCEPT;
        bool all, by_name;
        set_words(parser, &all, &by_name);
        int32_t right = parser->at;
        left = set_of(parser, left, intersection(parser, NULL, right), op, all, by_name, start);
    }
    return left;
}

/* ---------------------------------------------------------------- behind the body */

static void organization(MrParser *parser, MrSqlQuery *query)
{
    if (mr__accept2(parser, MR_KW_ORDER, MR_KW_BY)) {
        int32_t first = parser->at;
        query->n_order = mr__sorts(parser, &query->order);
        query->order_by_all = query->n_order == 1 && parser->tokens[first].kind == MR_KW_ALL &&
                              query->order[0].expr->kind == MR_SQL_NAME &&
                              query->order[0].expr->name.n_parts == 1;
    }
    if (mr__accept2(parser, MR_KW_CLUSTER, MR_KW_BY))
        query->n_cluster = mr__exprs(parser, &query->cluster);
    if (mr__accept2(parser, MR_KW_DISTRIBUTE, MR_KW_BY))
        query->n_distribute = mr__exprs(parser, &query->distribute);
    if (mr__accept2(parser, MR_KW_SORT, MR_KW_BY))
        query->n_sort = mr__sorts(parser, &query->sort);
    if (is_window_clause(parser))
        query->n_windows = windows(parser, &query->windows);
    if (mr__accept(parser, MR_KW_LIMIT)) {
        int next = mr__peek_at(parser, 1);
        if (mr__peek(parser) == MR_KW_ALL &&
            (ends_item(next) || next == MR_KW_OFFSET || next == MR_TOK_PIPE_STEP)) {
            query->limit_all = true;
            parser->at++;
        } else {
            query->limit = mr__expr(parser);
        }
    }
    if (mr__accept(parser, MR_KW_OFFSET))
        query->offset = mr__expr(parser);
    if (query->n_cluster > 0 &&
        (query->n_sort > 0 || query->n_distribute > 0 || query->n_order > 0))
        mr__fail(parser, query->place,
                 MR_COND_UNSUPPORTED_FEATURE__COMBINATION_QUERY_RESULT_CLAUSES);
    if (query->n_order > 0 && (query->n_sort > 0 || query->n_distribute > 0))
        mr__fail(parser, mr__place_from(parser, parser->at - 1),
                 MR_COND_UNSUPPORTED_FEATURE__COMBINATION_QUERY_RESULT_CLAUSES);
}

static void pipe_assignments(MrParser *parser, MrSqlPipe *pipe)
{
    int32_t cap_names = 0, cap_exprs = 0;
    do {
        MrSqlName name;
        mr__name(parser, &name);
        mr__expect(parser, MR_TOK_EQUAL);
        MR_PUSH(parser->arena, pipe->names, pipe->n_names, cap_names, name);
        MR_PUSH(parser->arena, pipe->exprs, pipe->n_exprs, cap_exprs, mr__expr(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
}

static void pipe_aggregate(MrParser *parser, MrSqlPipe *pipe)
{
    pipe->select = MR_NEW(parser->arena, MrSqlSelect);
    parser->at++;
    if (mr__peek(parser) != MR_KW_GROUP)
        pipe->select->n_items = mr__named_exprs(parser, &pipe->select->items);
    if (mr__peek(parser) == MR_KW_GROUP) {
        parser->at += 2;
        int32_t cap = 0;
        pipe->select->has_group = true;
        do { /* GROUP BY a AS b: the alias is an expression's */
            MrSqlGroup item = {.expr = NULL};
            int32_t start = parser->at;
            group(parser, &item, false);
            if (item.kind == MR_SQL_GROUP_EXPR &&
                (mr__peek(parser) == MR_KW_AS ||
                 (mr__is_name_at(parser, 0) && !mr__is_clause(parser)))) {
                parser->at = start;
                item.expr = mr__named_expr(parser);
            }
            MR_PUSH(parser->arena, pipe->select->groups, pipe->select->n_groups, cap, item);
        } while (mr__accept(parser, MR_TOK_COMMA));
        group_suffix(parser, pipe->select);
    }
}

/* One step; |> is read. */
static void pipe_step(MrParser *parser, MrSqlPipe *pipe)
{
    int32_t start = parser->at;
    switch (mr__peek(parser)) {
    case MR_KW_SELECT:
        pipe->kind = MR_SQL_PIPE_SELECT;
        pipe->select = MR_NEW(parser->arena, MrSqlSelect);
        select_clause(parser, pipe->select);
        if (is_window_clause(parser))
            pipe->select->n_windows = windows(parser, &pipe->select->windows);
        pipe->select->place = mr__place_from(parser, start);
        break;
    case MR_KW_EXTEND:
        parser->at++;
        pipe->kind = MR_SQL_PIPE_EXTEND;
        pipe->n_exprs = mr__named_exprs(parser, &pipe->exprs);
        break;
    case MR_KW_SET:
        parser->at++;
        pipe->kind = MR_SQL_PIPE_SET;
        pipe_assignments(parser, pipe);
        break;
    case MR_KW_DROP:
        parser->at++;
        pipe->kind = MR_SQL_PIPE_DROP;
        pipe->n_names = mr__column_names(parser, &pipe->names);
        break;
    case MR_KW_AS:
        parser->at++;
        pipe->kind = MR_SQL_PIPE_AS;
        pipe->name = mr__name_part(parser);
        break;
    case MR_KW_WHERE:
        parser->at++;
        pipe->kind = MR_SQL_PIPE_WHERE;
        pipe->expr = mr__expr(parser);
        break;
    case MR_KW_AGGREGATE:
        pipe->kind = MR_SQL_PIPE_AGGREGATE;
        pipe_aggregate(parser, pipe);
        break;
    default:
        if (is_set_op(parser)) {
            int word = mr__peek(parser);
            pipe->kind = MR_SQL_PIPE_SET_OP;
            pipe->set.op = word == MR_KW_UNION       ? MR_SQL_UNION
                           : word == MR_KW_INTERSECT ? MR_SQL_INTERSECT
                                                     : MR_SQL_EXCEPT;
            set_words(parser, &pipe->set.all, &pipe->set.by_name);
            pipe->set.right = primary_body(parser);
        } else if (mr__continues_query(parser)) {
            pipe->kind = MR_SQL_PIPE_ORDER;
            pipe->query = MR_NEW(parser->arena, MrSqlQuery);
            pipe->query->place = mr__place_from(parser, start);
            organization(parser, pipe->query);
        } else {
            pipe->kind = MR_SQL_PIPE_RELATION;
            pipe->relation = mr__peek(parser) == MR_KW_LATERAL
                                 ? mr__lateral_views(parser, NULL, start)
                                 : mr__relation_rest(parser, NULL, start);
            if (pipe->relation == NULL)
                mr__fail_syntax(parser);
        }
    }
    pipe->place = mr__place_from(parser, start);
}

static void query_tail(MrParser *parser, MrSqlQuery *query, int32_t start)
{
    int32_t cap = 0;
    while (mr__accept(parser, MR_TOK_PIPE_STEP)) {
        MrSqlPipe pipe = {0};
        pipe_step(parser, &pipe);
        MR_PUSH(parser->arena, query->pipes, query->n_pipes, cap, pipe);
    }
    query->place = mr__place_from(parser, start);
    organization(parser, query);
    query->place = mr__place_from(parser, start);
}

/* ---------------------------------------------------------------- WITH, and the whole */

void mr__ctes(MrParser *parser, MrSqlQuery *query)
{
    int32_t cap = 0;
    if (!mr__accept(parser, MR_KW_WITH))
        return;
    query->recursive = mr__peek(parser) == MR_KW_RECURSIVE && mr__is_name_at(parser, 1) &&
                       mr__peek_at(parser, 1) != MR_KW_AS;
    parser->at += query->recursive;
    do {
        int32_t start = parser->at;
        MrSqlCte cte = {.name = mr__name_part(parser)};
        if (mr__peek(parser) == MR_TOK_LEFT_PAREN && !mr__is_query(parser, 1))
            cte.n_columns = mr__name_list(parser, &cte.columns);
        if (mr__accept3(parser, MR_KW_MAX, MR_KW_RECURSION, MR_KW_LEVEL)) {
            cte.has_max_level = true;
            cte.max_level = mr__integer(parser);
        }
        mr__accept(parser, MR_KW_AS);
        mr__expect(parser, MR_TOK_LEFT_PAREN);
        cte.query = mr__query(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        cte.place = mr__place_from(parser, start);
        MR_PUSH(parser->arena, query->ctes, query->n_ctes, cap, cte);
    } while (mr__accept(parser, MR_TOK_COMMA));
}

MrSqlQuery *mr__query_rest(MrParser *parser, MrSqlQuery *query, int32_t start, MrSqlRelation *from)
{
    MrSqlBody *left = from != NULL ? from_body(parser, from, start) : NULL;
    query->body = terms(parser, left, start);
    query_tail(parser, query, start);
    return query;
}

MrSqlQuery *mr__query_after(MrParser *parser, MrSqlQuery *first, int32_t start)
{
    MrSqlBody *left = body_new(parser, MR_SQL_BODY_QUERY, start);
    left->query = first;
    MrSqlQuery *query = MR_NEW(parser->arena, MrSqlQuery);
    query->body = terms(parser, left, start);
    query_tail(parser, query, start);
    return query;
}

MrSqlQuery *mr__query(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlQuery *query = MR_NEW(parser->arena, MrSqlQuery);
    mr__enter(parser);
    mr__ctes(parser, query);
    mr__query_rest(parser, query, start, NULL);
    mr__leave(parser);
    return query;
}
