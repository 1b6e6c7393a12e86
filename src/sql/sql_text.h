/* sql_text.h - names and literals back to text, as Spark writes them in names and messages. */
#ifndef MR_SQL_SQL_TEXT_H
#define MR_SQL_SQL_TEXT_H

#include "sql/ast.h"

/* a as it is where it is a plain word (letters, digits, _; no digit first), else `a b`. */
const char *mr_sql_quote_if_needed(MrArena *arena, const char *part);
/* a.`b c`, as SHOW and EXPLAIN have it */
const char *mr_sql_name_text(MrArena *arena, const char *const *parts, int32_t n_parts);
/* 'it\'s', backslashes and quotes escaped */
const char *mr_sql_quote_string(MrArena *arena, MrText text);
/* A literal: typed 1L, 1.5D, 1.50BD, 'a', DATE 'x', or plain 1, 1.5, 1.50, a, as in column names.
 * lit must be of kind MR_SQL_LITERAL. */
const char *mr_sql_literal_text(MrArena *arena, const MrSqlExpr *lit, bool typed);

#endif
