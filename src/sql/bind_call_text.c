/* bind_call_text.c - calls as Spark prints them. */
#include "sql/bind_int.h"

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

const char *mr__call_text(Binder *b, const char *name, MrExpr *const *args, int32_t n_args,
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

void mr__sorts_text(MrTextBuilder *out, const MrSortKey *keys, int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        mr_builder_printf(out, "%s%s %s NULLS %s", i ? ", " : "", keys[i].expr->sql,
                          keys[i].spec.descending ? "DESC" : "ASC",
                          keys[i].spec.nulls_first ? "FIRST" : "LAST");
}
