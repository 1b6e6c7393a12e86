/* sql_text.c - names and literals back to text. */
#include "sql/sql_text.h"

static bool is_plain(const char *part)
{
    const char *at = part;
    for (; *at != 0; at++) {
        char c = *at;
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
        if (!letter && (at == part || c < '0' || c > '9'))
            return false;
    }
    return at > part;
}

const char *mr_sql_quote_if_needed(MrArena *arena, const char *part)
{
    return is_plain(part) ? part : mr_quote_name(arena, part);
}

const char *mr_sql_name_text(MrArena *arena, const char *const *parts, int32_t n_parts)
{
    MrTextBuilder out = {.arena = arena};
    for (int32_t i = 0; i < n_parts; i++) {
        mr_builder_str(&out, i > 0 ? "." : "");
        mr_builder_str(&out, mr_sql_quote_if_needed(arena, parts[i]));
    }
    return mr_builder_text(&out).data;
}

const char *mr_sql_quote_string(MrArena *arena, MrText text)
{
    MrTextBuilder out = {.arena = arena};
    mr_builder_char(&out, '\'');
    for (int64_t i = 0; i < text.size_bytes; i++) {
        if (text.data[i] == '\'' || text.data[i] == '\\')
            mr_builder_char(&out, '\\');
        mr_builder_char(&out, text.data[i]);
    }
    mr_builder_char(&out, '\'');
    return mr_builder_text(&out).data;
}

static const char *suffix(const MrType *type)
{
    switch (type->kind) {
    case MR_TYPE_TINYINT:
        return "Y";
    case MR_TYPE_SMALLINT:
        return "S";
    case MR_TYPE_BIGINT:
        return "L";
    case MR_TYPE_FLOAT:
        return "F";
    case MR_TYPE_DOUBLE:
        return "D";
    case MR_TYPE_DECIMAL:
        return "BD";
    default:
        return "";
    }
}

static const char *hex(MrArena *arena, MrText bytes)
{
    MrTextBuilder out = {.arena = arena};
    for (int64_t i = 0; i < bytes.size_bytes; i++)
        mr_builder_printf(&out, "%02X", (unsigned)(uint8_t)bytes.data[i]);
    return mr_builder_text(&out).data;
}

const char *mr_sql_literal_text(MrArena *arena, const MrSqlExpr *expr, bool typed)
{
    char buf[MR_DECIMAL_TEXT_MAX > MR_F64_TEXT_MAX ? MR_DECIMAL_TEXT_MAX : MR_F64_TEXT_MAX];
    const char *end = typed ? suffix(expr->lit.type) : "";
    int32_t n;
    switch (expr->lit.kind) {
    case MR_SQL_LIT_NULL:
        return "NULL";
    case MR_SQL_LIT_BOOLEAN:
        return expr->lit.i64 ? "true" : "false";
    case MR_SQL_LIT_INTEGER:
        return mr_arena_printf(arena, "%lld%s", (long long)expr->lit.i64, end);
    case MR_SQL_LIT_DECIMAL:
        n = mr_decimal_to_text(expr->lit.dec, expr->lit.type->scale, buf);
        return mr_arena_printf(arena, "%.*s%s", (int)n, buf, end);
    case MR_SQL_LIT_FLOAT:
        n = expr->lit.type->kind == MR_TYPE_FLOAT ? mr_f32_to_text((float)expr->lit.f64, buf)
                                                  : mr_f64_to_text(expr->lit.f64, buf);
        return mr_arena_printf(arena, "%.*s%s", (int)n, buf, end);
    case MR_SQL_LIT_STRING:
        return typed ? mr_sql_quote_string(arena, expr->lit.str)
                     : mr_arena_strn(arena, expr->lit.str.data, expr->lit.str.size_bytes);
    case MR_SQL_LIT_BINARY:
        return mr_arena_printf(arena, "X'%s'", hex(arena, expr->lit.str));
    default:
        break;
    }
    return mr_arena_printf(arena, "%s %s", mr_type_sql_text(arena, expr->lit.type),
                           mr_sql_quote_string(arena, expr->lit.str));
}
