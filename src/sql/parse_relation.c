/* parse_relation.c - what stands in FROM. */
#include "sql/parse_int.h"

MrSqlRelation *mr__relation_new(MrParser *parser, MrSqlRelationKind kind, int32_t start)
{
    MrSqlRelation *relation = MR_NEW(parser->arena, MrSqlRelation);
    relation->kind = kind;
    relation->height = 1;
    relation->place = mr__place_from(parser, start);
    return relation;
}

/* A relation over another one, which may be missing in a pipe. */
static MrSqlRelation *relation_over(MrParser *parser, MrSqlRelationKind kind, int32_t start,
                                    const MrSqlRelation *input)
{
    MrSqlRelation *relation = mr__relation_new(parser, kind, start);
    if (input != NULL)
        relation->height = input->height + 1;
    mr__check_height(parser, relation->height);
    return relation;
}

/* ---------------------------------------------------------------- aliases, samples, watermarks */

void mr__alias(MrParser *parser, MrSqlRelation *relation)
{
    bool as = mr__accept(parser, MR_KW_AS);
    if (as && mr__peek(parser) == MR_TOK_LEFT_PAREN) { /* VALUES (1) AS (a) */
        relation->n_columns = mr__name_list(parser, &relation->columns);
        return;
    }
    if (!as && (!mr__is_alias_at(parser, 0) || mr__is_clause(parser)))
        return;
    if (!mr__is_alias_at(parser, 0))
        mr__fail_syntax(parser);
    relation->alias = mr__name_part(parser);
    if (mr__peek(parser) == MR_TOK_LEFT_PAREN)
        relation->n_columns = mr__name_list(parser, &relation->columns);
}

static void sample(MrParser *parser, MrSqlRelation *relation)
{
    int32_t start = parser->at;
    if (!mr__accept2(parser, MR_KW_TABLESAMPLE, MR_TOK_LEFT_PAREN) &&
        !mr__accept3(parser, MR_KW_TABLESAMPLE, MR_KW_BERNOULLI, MR_TOK_LEFT_PAREN))
        return;
    bool negative = mr__peek(parser) == MR_TOK_MINUS;
    int number = mr__peek_at(parser, negative);
    if ((number == MR_TOK_INTEGER || number == MR_TOK_DECIMAL) &&
        mr__peek_at(parser, negative + 1) == MR_KW_PERCENT) {
        parser->at += negative;
        relation->sample.kind = MR_SQL_SAMPLE_PERCENT;
        if (!mr_text_to_f64(mr__token_text(parser, parser->at), &relation->sample.percent))
            mr__fail_syntax(parser);
        if (negative)
            relation->sample.percent = -relation->sample.percent;
        parser->at += 2;
    } else if (mr__peek(parser) == MR_KW_BUCKET && mr__peek_at(parser, 1) == MR_TOK_INTEGER) {
        parser->at++;
        relation->sample.kind = MR_SQL_SAMPLE_BUCKET;
        relation->sample.bucket = mr__integer(parser);
        mr__expect(parser, MR_KW_OUT);
        mr__expect(parser, MR_KW_OF);
        relation->sample.n_buckets = mr__integer(parser);
        if (mr__peek(parser) == MR_KW_ON)
            mr__fail_unsupported(parser, start, "TABLESAMPLE (BUCKET x OUT OF y ON column)");
    } else {
        relation->sample.rows = mr__expr(parser);
        relation->sample.kind =
            mr__accept(parser, MR_KW_ROWS) ? MR_SQL_SAMPLE_ROWS : MR_SQL_SAMPLE_BYTES;
    }
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    if (mr__accept2(parser, MR_KW_REPEATABLE, MR_TOK_LEFT_PAREN)) {
        relation->sample.has_seed = true;
        relation->sample.seed = mr__integer(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    }
    relation->sample.place = mr__place_from(parser, start);
}

/* WATERMARK at DELAY OF INTERVAL 10 SECONDS */
static void watermark(MrParser *parser, MrSqlRelation *relation)
{
    int32_t start = parser->at;
    if (mr__peek(parser) != MR_KW_WATERMARK || !mr__starts_expr(mr__peek_at(parser, 1)))
        return;
    parser->at++;
    relation->watermark.expr = mr__named_expr(parser);
    mr__expect(parser, MR_KW_DELAY);
    mr__expect(parser, MR_KW_OF);
    if (mr__peek(parser) != MR_KW_INTERVAL || !mr__is_interval(parser))
        mr__fail_syntax(parser);
    relation->watermark.delay = mr__interval(parser);
    relation->watermark.place = mr__place_from(parser, start);
}

static void relation_tail(MrParser *parser, MrSqlRelation *relation, int32_t start)
{
    sample(parser, relation);
    watermark(parser, relation);
    mr__alias(parser, relation);
    if (relation->watermark.expr == NULL)
        watermark(parser, relation);
    relation->place = mr__place_from(parser, start);
}

/* ---------------------------------------------------------------- primaries */

MrSqlRelation *mr__values(MrParser *parser, bool with_alias)
{
    int32_t start = parser->at++, cap = 0;
    MrSqlRelation *relation = mr__relation_new(parser, MR_SQL_REL_VALUES, start);
    do {
        MR_PUSH(parser->arena, relation->values.rows, relation->values.n_rows, cap,
                mr__expr(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    if (with_alias)
        mr__alias(parser, relation);
    relation->place = mr__place_from(parser, start);
    return relation;
}

/* VERSION AS OF 1, FOR SYSTEM_TIME AS OF '..' */
static void temporal(MrParser *parser, MrSqlRelation *relation)
{
    int32_t n = mr__peek(parser) == MR_KW_FOR;
    int word = mr__peek_at(parser, n);
    if (mr__peek_at(parser, n + 1) != MR_KW_AS || mr__peek_at(parser, n + 2) != MR_KW_OF)
        return;
    bool is_time = word == MR_KW_TIMESTAMP || word == MR_KW_SYSTEM_TIME;
    if (!is_time && word != MR_KW_VERSION && word != MR_KW_SYSTEM_VERSION)
        return;
    parser->at += n + 3;
    if (is_time)
        relation->table.timestamp = mr__value(parser);
    else
        relation->table.version = mr__primary(parser);
}

static MrSqlRelation *query_relation(MrParser *parser, MrSqlQuery *query, int32_t start)
{
    MrSqlRelation *relation = mr__relation_new(parser, MR_SQL_REL_QUERY, start);
    relation->query = query;
    return relation;
}

static MrSqlRelation *relation_parse(MrParser *parser);

static MrSqlRelation *primary(MrParser *parser);

/* Behind an opening bracket: a query, or relations.  ((SELECT 1) UNION (SELECT 2)) begins as
 * ((SELECT 1) a JOIN b) does, so the inner bracket is read first, once, and then taken for what the
 * next word makes of it. */
static MrSqlRelation *in_brackets(MrParser *parser, int32_t outer)
{
    int32_t start = parser->at;
    MrSqlRelation *inner;
    mr__enter(parser);
    if (mr__is_query(parser, 0)) {
        MrSqlQuery *query = mr__query(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        inner = query_relation(parser, query, outer);
    } else if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
        inner = in_brackets(parser, start);
        bool is_query = inner->kind == MR_SQL_REL_QUERY;
        if (is_query && (mr__peek(parser) == MR_TOK_RIGHT_PAREN || mr__continues_query(parser))) {
            MrSqlQuery *query = mr__query_after(parser, inner->query, start);
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
            inner = query_relation(parser, query, outer);
        } else {
            relation_tail(parser, inner, start);
            inner = mr__relation_rest(parser, inner, start);
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
            MrSqlRelation *brackets = relation_over(parser, MR_SQL_REL_BRACKETS, outer, inner);
            brackets->input = inner;
            inner = brackets;
        }
    } else {
        inner = relation_parse(parser);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
        MrSqlRelation *brackets = relation_over(parser, MR_SQL_REL_BRACKETS, outer, inner);
        brackets->input = inner;
        inner = brackets;
    }
    mr__leave(parser);
    return inner;
}

/* A bracket without anything of its own is only its content. */
static MrSqlRelation *bracket_relation(MrParser *parser)
{
    int32_t start = parser->at++;
    MrSqlRelation *relation = in_brackets(parser, start);
    relation_tail(parser, relation, start);
    if (relation->kind == MR_SQL_REL_BRACKETS && relation->alias == NULL &&
        relation->sample.kind == MR_SQL_SAMPLE_NONE && relation->watermark.expr == NULL)
        return relation->input;
    return relation;
}

static MrSqlRelation *function_relation(MrParser *parser, int32_t start, bool is_stream)
{
    MrSqlExpr *call = mr__call(parser);
    MrSqlRelation *relation = mr__relation_new(parser, MR_SQL_REL_FUNCTION, start);
    relation->function.call = call;
    relation->function.is_stream = is_stream;
    return relation;
}

/* Does a call's bracket follow the name that starts at the n-th token? */
static bool is_call(const MrParser *parser)
{
    int32_t n = 0;
    if (mr__is_identifier_clause(parser, 0)) {
        int32_t depth = 0;
        for (n = 1; mr__peek_at(parser, n) != MR_TOK_END; n++) {
            depth += mr__peek_at(parser, n) == MR_TOK_LEFT_PAREN;
            depth -= mr__peek_at(parser, n) == MR_TOK_RIGHT_PAREN;
            if (depth == 0)
                return mr__peek_at(parser, n + 1) == MR_TOK_LEFT_PAREN;
        }
        return false;
    }
    while (mr__is_name_at(parser, n) && mr__peek_at(parser, n + 1) == MR_TOK_DOT)
        n += 2;
    if (n > 0 && mr__is_identifier_clause(parser, n)) /* s.IDENTIFIER('t') */
        return false;
    return mr__is_name_at(parser, n) && mr__peek_at(parser, n + 1) == MR_TOK_LEFT_PAREN;
}

static MrSqlRelation *table_relation(MrParser *parser, int32_t start, bool is_stream)
{
    MrSqlRelation *relation = mr__relation_new(parser, MR_SQL_REL_TABLE, start);
    mr__name(parser, &relation->table.name);
    relation->table.is_stream = is_stream;
    temporal(parser, relation);
    if (mr__peek(parser) == MR_KW_WITH && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
        parser->at++;
        mr__properties(parser, &relation->table.options);
    }
    if (is_stream && mr__accept2(parser, MR_KW_IDENTIFIED, MR_KW_BY))
        mr__name(parser, &relation->table.identified_by);
    return relation;
}

/* STREAM t, STREAM(t), STREAM f(..): not a table named stream. */
static bool is_stream(const MrParser *parser)
{
    if (mr__peek(parser) != MR_KW_STREAM)
        return false;
    if (mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN)
        return mr__is_name_at(parser, 2);
    if (!mr__is_name_at(parser, 1))
        return false;
    MrParser next = *parser;
    next.at++;
    return !mr__is_clause(&next) && mr__is_alias_at(&next, 0);
}

static MrSqlRelation *stream_relation(MrParser *parser)
{
    int32_t start = parser->at++;
    bool brackets = mr__accept(parser, MR_TOK_LEFT_PAREN);
    MrSqlRelation *relation = is_call(parser) ? function_relation(parser, start, true)
                                              : table_relation(parser, start, true);
    if (brackets)
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    relation_tail(parser, relation, start);
    return relation;
}

static MrSqlRelation *primary(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlRelation *relation;
    if (mr__peek(parser) == MR_TOK_LEFT_PAREN)
        return bracket_relation(parser);
    if (mr__peek(parser) == MR_KW_VALUES && mr__starts_expr(mr__peek_at(parser, 1)))
        return mr__values(parser, true);
    if (is_stream(parser))
        return stream_relation(parser);
    if (is_call(parser))
        relation = function_relation(parser, start, false);
    else
        relation = table_relation(parser, start, false);
    relation_tail(parser, relation, start);
    return relation;
}

/* ---------------------------------------------------------------- table arguments */

static void table_arg_partition(MrParser *parser, MrSqlExpr *expr)
{
    if (mr__accept3(parser, MR_KW_WITH, MR_KW_SINGLE, MR_KW_PARTITION)) {
        expr->table_arg.single_partition = true;
    } else if (mr__accept2(parser, MR_KW_PARTITION, MR_KW_BY) ||
               mr__accept2(parser, MR_KW_DISTRIBUTE, MR_KW_BY)) {
        if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
            expr->table_arg.n_partition = mr__exprs(parser, &expr->table_arg.partition);
            mr__expect(parser, MR_TOK_RIGHT_PAREN);
        } else {
            expr->table_arg.partition =
                mr_arena_alloc(parser->arena, sizeof *expr->table_arg.partition);
            expr->table_arg.partition[0] = mr__expr(parser);
            expr->table_arg.n_partition = 1;
        }
    } else {
        return;
    }
    if (!mr__accept2(parser, MR_KW_ORDER, MR_KW_BY) && !mr__accept2(parser, MR_KW_SORT, MR_KW_BY))
        return;
    if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
        expr->table_arg.n_order = mr__sorts(parser, &expr->table_arg.order);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    } else {
        expr->table_arg.order = mr_arena_alloc(parser->arena, sizeof *expr->table_arg.order);
        mr__sort(parser, expr->table_arg.order);
        expr->table_arg.n_order = 1;
    }
}

MrSqlExpr *mr__table_arg(MrParser *parser)
{
    int32_t start = parser->at++, inside = parser->at;
    MrSqlExpr *expr = mr__expr_new(parser, MR_SQL_TABLE_ARG, start);
    if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
        if (mr__is_query(parser, 0) || mr__peek(parser) == MR_TOK_LEFT_PAREN)
            expr->table_arg.table = query_relation(parser, mr__query(parser), inside);
        else
            expr->table_arg.table = table_relation(parser, inside, false);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    } else {
        expr->table_arg.table = table_relation(parser, inside, false);
    }
    expr->table_arg.table->place = mr__place_from(parser, inside);
    table_arg_partition(parser, expr);
    expr->place = mr__place_from(parser, start);
    return expr;
}

/* ---------------------------------------------------------------- PIVOT, UNPIVOT, LATERAL VIEW */

static MrSqlRelation *pivot(MrParser *parser, MrSqlRelation *input)
{
    int32_t start = parser->at, cap = 0;
    parser->at += 2;
    MrSqlRelation *relation = relation_over(parser, MR_SQL_REL_PIVOT, start, input);
    relation->pivot.input = input;
    do {
        MR_PUSH(parser->arena, relation->pivot.aggregates, relation->pivot.n_aggregates, cap,
                mr__named_expr(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_KW_FOR);
    if (mr__accept(parser, MR_TOK_LEFT_PAREN)) {
        relation->pivot.n_columns = mr__column_names(parser, &relation->pivot.columns);
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    } else {
        relation->pivot.columns = mr_arena_alloc(parser->arena, sizeof *relation->pivot.columns);
        mr__name(parser, relation->pivot.columns);
        relation->pivot.n_columns = 1;
    }
    mr__expect(parser, MR_KW_IN);
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    cap = 0;
    do {
        MR_PUSH(parser->arena, relation->pivot.values, relation->pivot.n_values, cap,
                mr__named_expr(parser));
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    relation->place = mr__place_from(parser, start);
    return relation;
}

static struct MrSqlUnpivotSet unpivot_set(MrParser *parser, bool multi)
{
    struct MrSqlUnpivotSet set = {0};
    int32_t cap = 0;
    if (multi)
        mr__expect(parser, MR_TOK_LEFT_PAREN);
    do {
        int32_t start = parser->at;
        MrSqlName name;
        mr__name(parser, &name);
        MrSqlExpr *column = mr__expr_new(parser, MR_SQL_NAME, start);
        column->name = name;
        MR_PUSH(parser->arena, set.columns, set.n_columns, cap, column);
    } while (multi && mr__accept(parser, MR_TOK_COMMA));
    if (multi)
        mr__expect(parser, MR_TOK_RIGHT_PAREN);
    if (mr__accept(parser, MR_KW_AS) || mr__is_name_at(parser, 0))
        set.alias = mr__name_part(parser);
    return set;
}

static MrSqlRelation *unpivot(MrParser *parser, MrSqlRelation *input)
{
    int32_t start = parser->at++, cap = 0;
    MrSqlRelation *relation = relation_over(parser, MR_SQL_REL_UNPIVOT, start, input);
    relation->unpivot.input = input;
    relation->unpivot.include_nulls = mr__accept2(parser, MR_KW_INCLUDE, MR_KW_NULLS);
    if (!relation->unpivot.include_nulls)
        mr__accept2(parser, MR_KW_EXCLUDE, MR_KW_NULLS);
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    bool multi = mr__peek(parser) == MR_TOK_LEFT_PAREN;
    relation->unpivot.is_multi = multi;
    if (multi) {
        relation->unpivot.n_value_columns = mr__name_list(parser, &relation->unpivot.value_columns);
    } else {
        relation->unpivot.value_columns =
            mr_arena_alloc(parser->arena, sizeof *relation->unpivot.value_columns);
        relation->unpivot.value_columns[0] = mr__name_part(parser);
        relation->unpivot.n_value_columns = 1;
    }
    mr__expect(parser, MR_KW_FOR);
    relation->unpivot.name_column = mr__name_part(parser);
    mr__expect(parser, MR_KW_IN);
    mr__expect(parser, MR_TOK_LEFT_PAREN);
    do {
        MR_PUSH(parser->arena, relation->unpivot.sets, relation->unpivot.n_sets, cap,
                unpivot_set(parser, multi));
    } while (mr__accept(parser, MR_TOK_COMMA));
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    mr__expect(parser, MR_TOK_RIGHT_PAREN);
    if (mr__peek(parser) == MR_KW_AS || (mr__is_alias_at(parser, 0) && !mr__is_clause(parser))) {
        mr__accept(parser, MR_KW_AS);
        relation->alias = mr__name_part(parser);
    }
    relation->place = mr__place_from(parser, start);
    return relation;
}

MrSqlRelation *mr__lateral_views(MrParser *parser, MrSqlRelation *input, int32_t start)
{
    while (mr__peek(parser) == MR_KW_LATERAL && mr__peek_at(parser, 1) == MR_KW_VIEW) {
        int32_t own = parser->at, cap = 0;
        parser->at += 2;
        MrSqlRelation *relation = relation_over(parser, MR_SQL_REL_LATERAL_VIEW, own, input);
        relation->view.input = input;
        relation->view.outer = mr__accept(parser, MR_KW_OUTER);
        relation->view.call = mr__call(parser);
        if (mr__peek(parser) != MR_KW_AS && mr__is_name_at(parser, 0) && !mr__is_clause(parser))
            relation->view.table = mr__name_part(parser);
        if (mr__accept(parser, MR_KW_AS) || (mr__is_name_at(parser, 0) && !mr__is_clause(parser))) {
            do {
                MR_PUSH(parser->arena, relation->view.columns, relation->view.n_columns, cap,
                        mr__name_part(parser));
            } while (mr__accept(parser, MR_TOK_COMMA));
        }
        relation->place = mr__place_from(parser, own);
        input = relation;
    }
    (void)start;
    return input;
}

/* ---------------------------------------------------------------- joins */

typedef struct JoinWords {
    MrSqlJoinType type;
    bool natural;
    int32_t n_words; /* with JOIN; 0: no join stands here */
} JoinWords;

static JoinWords join_words(const MrParser *parser)
{
    JoinWords words = {MR_SQL_JOIN_INNER, false, 0};
    int32_t n = 0;
    if (mr__peek(parser) == MR_KW_NATURAL) {
        words.natural = true;
        n++;
    }
    int word = mr__peek_at(parser, n);
    bool outer = word == MR_KW_LEFT || word == MR_KW_RIGHT || word == MR_KW_FULL;
    words.type = word == MR_KW_CROSS   ? MR_SQL_JOIN_CROSS
                 : word == MR_KW_LEFT  ? MR_SQL_JOIN_LEFT
                 : word == MR_KW_RIGHT ? MR_SQL_JOIN_RIGHT
                 : word == MR_KW_FULL  ? MR_SQL_JOIN_FULL
                 : word == MR_KW_SEMI  ? MR_SQL_JOIN_SEMI
                 : word == MR_KW_ANTI  ? MR_SQL_JOIN_ANTI
                                       : MR_SQL_JOIN_INNER;
    if (words.type != MR_SQL_JOIN_INNER || word == MR_KW_INNER)
        n++;
    if (outer && mr__peek_at(parser, n) == MR_KW_OUTER) {
        n++;
    } else if (word == MR_KW_LEFT && mr__peek_at(parser, n) == MR_KW_SEMI) {
        words.type = MR_SQL_JOIN_SEMI;
        n++;
    } else if (word == MR_KW_LEFT && mr__peek_at(parser, n) == MR_KW_ANTI) {
        words.type = MR_SQL_JOIN_ANTI;
        n++;
    }
    words.n_words = mr__peek_at(parser, n) == MR_KW_JOIN ? n + 1 : 0;
    return words;
}

/* [APPROX | EXACT] NEAREST [n] BY {SIMILARITY | DISTANCE} ranking */
static void nearest(MrParser *parser, MrSqlRelation *join)
{
    int word = mr__peek(parser);
    int32_t n = word == MR_KW_APPROX || word == MR_KW_EXACT;
    if (mr__peek_at(parser, n) != MR_KW_NEAREST)
        return;
    join->join.is_nearest = true;
    join->join.is_exact = word == MR_KW_EXACT;
    int32_t start = parser->at;
    parser->at += n + 1;
    join->join.n_nearest = mr__peek(parser) == MR_TOK_INTEGER ? mr__integer(parser) : 1;
    mr__expect(parser, MR_KW_BY);
    join->join.is_distance = mr__peek(parser) == MR_KW_DISTANCE;
    if (!join->join.is_distance && mr__peek(parser) != MR_KW_SIMILARITY)
        mr__fail_syntax(parser);
    parser->at++;
    join->join.ranking = mr__expr(parser);
    if (join->join.type != MR_SQL_JOIN_INNER && join->join.type != MR_SQL_JOIN_LEFT) {
        static const char *const names[] = {"INNER",      "CROSS",     "LEFT OUTER", "RIGHT OUTER",
                                            "FULL OUTER", "LEFT SEMI", "LEFT ANTI"};
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_NEAREST_BY_JOIN__UNSUPPORTED_JOIN_TYPE, "joinType", names[join->join.type],
                 "supported", "'INNER', 'LEFT OUTER'");
    }
    if (join->join.n_nearest < 1 || join->join.n_nearest > 100000)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_NEAREST_BY_JOIN__NUM_RESULTS_OUT_OF_RANGE, "numResults",
                 mr_arena_printf(parser->arena, "%lld", (long long)join->join.n_nearest), "min",
                 "1", "max", "100000");
}

static MrSqlRelation *join(MrParser *parser, MrSqlRelation *left, const JoinWords *words,
                           int32_t start)
{
    int32_t own = parser->at;
    parser->at += words->n_words;
    bool lateral = mr__peek(parser) == MR_KW_LATERAL && mr__peek_at(parser, 1) != MR_KW_VIEW &&
                   mr__accept(parser, MR_KW_LATERAL);
    MrSqlRelation *right = primary(parser);
    right->lateral = lateral;
    MrSqlRelation *relation = relation_over(parser, MR_SQL_REL_JOIN, start, left);
    relation->join.type = words->type;
    relation->join.natural = words->natural;
    relation->join.left = left;
    relation->join.right = right;
    if (right->height >= relation->height)
        relation->height = right->height + 1;
    mr__check_height(parser, relation->height);
    if (!words->natural) {
        if (mr__accept(parser, MR_KW_ON))
            relation->join.on = mr__expr(parser);
        else if (mr__peek(parser) == MR_KW_USING && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
            parser->at++;
            relation->join.n_using = mr__name_list(parser, &relation->join.using_columns);
        } else {
            nearest(parser, relation);
        }
    }
    relation->place = mr__place_from(parser, left == NULL ? own : start);
    if (lateral && words->natural)
        mr__fail(parser, relation->place, MR_COND_INCOMPATIBLE_JOIN_TYPES, "joinType1", "LATERAL",
                 "joinType2", "NATURAL");
    if (lateral && relation->join.n_using > 0)
        mr__fail(parser, relation->place, MR_COND_UNSUPPORTED_FEATURE__LATERAL_JOIN_USING);
    if (lateral && right->kind != MR_SQL_REL_QUERY && right->kind != MR_SQL_REL_FUNCTION)
        mr__fail(parser, relation->place,
                 MR_COND_INVALID_SQL_SYNTAX__LATERAL_WITHOUT_SUBQUERY_OR_TABLE_VALUED_FUNC);
    if (words->natural && words->type == MR_SQL_JOIN_CROSS)
        mr__fail(parser, relation->place, MR_COND_INCOMPATIBLE_JOIN_TYPES, "joinType1", "NATURAL",
                 "joinType2", "CROSS");
    return relation;
}

static bool is_unpivot(const MrParser *parser)
{
    int next = mr__peek_at(parser, 1);
    return mr__peek(parser) == MR_KW_UNPIVOT &&
           (next == MR_TOK_LEFT_PAREN || next == MR_KW_INCLUDE || next == MR_KW_EXCLUDE);
}

MrSqlRelation *mr__relation_rest(MrParser *parser, MrSqlRelation *left, int32_t start)
{
    for (;;) {
        JoinWords words = join_words(parser);
        if (words.n_words > 0) {
            left = join(parser, left, &words, start);
        } else if (mr__peek(parser) == MR_KW_PIVOT && mr__peek_at(parser, 1) == MR_TOK_LEFT_PAREN) {
            left = pivot(parser, left);
            mr__alias(parser, left);
        } else if (is_unpivot(parser)) {
            left = unpivot(parser, left);
        } else if (left == NULL && mr__peek(parser) == MR_KW_TABLESAMPLE) { /* in a pipe */
            left = relation_over(parser, MR_SQL_REL_BRACKETS, start, NULL);
            sample(parser, left);
        } else {
            return left;
        }
    }
}

static MrSqlRelation *relation_parse(MrParser *parser)
{
    int32_t start = parser->at;
    bool lateral = mr__peek(parser) == MR_KW_LATERAL && mr__accept(parser, MR_KW_LATERAL);
    MrSqlRelation *left = primary(parser);
    if (lateral && left->kind != MR_SQL_REL_QUERY && left->kind != MR_SQL_REL_FUNCTION)
        mr__fail(parser, mr__place_from(parser, start),
                 MR_COND_INVALID_SQL_SYNTAX__LATERAL_WITHOUT_SUBQUERY_OR_TABLE_VALUED_FUNC);
    left->lateral = lateral;
    return mr__relation_rest(parser, left, start);
}

MrSqlRelation *mr__from(MrParser *parser)
{
    int32_t start = parser->at;
    MrSqlRelation *left = relation_parse(parser);
    while (mr__accept(parser, MR_TOK_COMMA)) {
        MrSqlRelation *right = relation_parse(parser);
        MrSqlRelation *both = relation_over(parser, MR_SQL_REL_JOIN, start, left);
        both->join.type = MR_SQL_JOIN_CROSS;
        both->join.is_comma = true;
        both->join.left = left;
        both->join.right = right;
        if (right->height >= both->height)
            both->height = right->height + 1;
        mr__check_height(parser, both->height);
        left = both;
    }
    left = mr__lateral_views(parser, left, start);
    return mr__relation_rest(parser, left, start);
}
