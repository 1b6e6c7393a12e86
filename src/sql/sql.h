/* sql.h - text to syntax tree.
 *
 * Spark SQL 4.2: keywords are not reserved unless ansi_keywords is set.  Errors are Spark's
 * conditions with their place in the text.  Trees of expressions go through ast.h. */
#ifndef MR_SQL_SQL_H
#define MR_SQL_SQL_H

#include "sql/ast.h"

/* A value for :name or ? that is put in wherever a literal may stand: its SQL text, one literal. */
typedef struct MrSqlParam {
    const char *name; /* NULL: positional */
    const char *sql;
} MrSqlParam;

typedef struct MrSqlOptions {
    bool ansi_keywords; /* spark.sql.ansi.enforceReservedKeywords                      */
    bool double_quoted_identifiers; /* spark.sql.ansi.doubleQuotedIdentifiers */
    bool escaped_string_literals;  /* spark.sql.parser.escapedStringLiterals: keep backslashes    */
    bool exponent_is_decimal;      /* spark.sql.legacy.exponentLiteralAsDecimal.enabled           */
    bool setops_left_to_right;     /* spark.sql.legacy.setopsPrecedence.enabled                   */
    bool legacy_identifier_clause; /* spark.sql.legacy.identifierClause: not for aliases and columns
                                    */
    bool timestamp_ntz;            /* spark.sql.timestampType=TIMESTAMP_NTZ: what TIMESTAMP means */
    int32_t n_params;
    const MrSqlParam *params; /* empty: parameters stay in the tree                          */
} MrSqlOptions;

/* Each reads the whole text or fails; options may be NULL.  Semicolons may follow a statement.
 * The arena's guard must stand around the call (base/arena.h). */
MR_MUST_USE MrStatus mr_sql_parse_statement(MrArena *arena, MrText text,
                                            const MrSqlOptions *options, MrSqlStatement **out,
                                            MrError *err);
MR_MUST_USE MrStatus mr_sql_parse_expr(MrArena *arena, MrText text, const MrSqlOptions *options,
                                       MrSqlExpr **out, MrError *err); /* may be an ALIAS */
/* a, b AS c, ...: the items of a SELECT */
MR_MUST_USE MrStatus mr_sql_parse_exprs(MrArena *arena, MrText text, const MrSqlOptions *options,
                                        int32_t *n_exprs, MrSqlExpr ***out, MrError *err);
/* a DESC, b NULLS LAST, ...: the keys of an ORDER BY */
MR_MUST_USE MrStatus mr_sql_parse_sorts(MrArena *arena, MrText text, const MrSqlOptions *options,
                                        int32_t *n_sorts, MrSqlSort **out, MrError *err);
MR_MUST_USE MrStatus mr_sql_parse_name(MrArena *arena, MrText text, const MrSqlOptions *options,
                                       MrSqlName *out, MrError *err); /* a.`b c`.d */
MR_MUST_USE MrStatus mr_sql_parse_type(MrArena *arena, MrText text, const MrSqlOptions *options,
                                       const MrType **out, MrError *err);

/* Cuts a script at its semicolons: not those in quotes, comments or after a backslash.  Empty
 * statements are left out; comments stay with the statement they stand in. */
MR_MUST_USE MrStatus mr_sql_split(MrArena *arena, MrText script, int32_t *n_statements,
                                  MrText **out, MrError *err);
/* Whether a shell should wait for more lines: no semicolon yet, or an open quote or comment. */
bool mr_sql_is_complete(MrText script);

#endif
