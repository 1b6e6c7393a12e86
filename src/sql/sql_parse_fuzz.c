/* sql_parse_fuzz.c - any bytes as a statement, an expression, a type and a script. */
#include "sql/sql.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(MrBudget *budget, int what, MrText text, const MrSqlOptions *options)
{
    MrArena arena;
    MrError err = {.sql_idx = -1};
    MrStatus status;
    mr_arena_init(&arena, budget);
    MR_GUARD_BEGIN(status, &err)
        if (what == 0) {
            MrSqlStatement *statement;
            status = mr_sql_parse_statement(&arena, text, options, &statement, &err);
        } else if (what == 1) {
            MrSqlExpr *expr;
            status = mr_sql_parse_expr(&arena, text, options, &expr, &err);
        } else if (what == 2) {
            const MrType *type;
            status = mr_sql_parse_type(&arena, text, options, &type, &err);
        } else {
            MrText *statements;
            int32_t n;
            status = mr_sql_split(&arena, text, &n, &statements, &err);
        }
    MR_GUARD_END(status)
    MR_ASSERT(status == MR_OK || err.condition != MR_COND_NONE);
    MR_ASSERT(status == MR_OK || err.sql_idx <= text.size_bytes);
    mr_arena_deinit(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    static const MrSqlParam params[] = {{"p", "DATE'2020-01-01'"}, {NULL, "-1"}};
    MrSqlOptions options = {.ansi_keywords = data[0] & 1,
                            .double_quoted_identifiers = data[0] & 2,
                            .legacy_identifier_clause = data[0] & 4,
                            .params = params,
                            .n_params = data[0] & 8 ? 2 : 0};
    MrBudget budget;
    MrText text = {(const char *)data + 1, (int64_t)size - 1};
    mr_budget_init(&budget, "fuzz", NULL, 256 << 20);
    for (int what = 0; what < 4; what++)
        one(&budget, what, text, &options);
    (void)mr_sql_is_complete(text);
    mr_budget_deinit(&budget);
    return 0;
}
