/* bind_pivot.c - PIVOT and UNPIVOT. */
#include "sql/bind_int.h"

MrStatus mr__pivot_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over, Rel *out)
{
    return mr__at(b, ast->place, MR_FAIL_UNSUPPORTED(b->err, "PIVOT"));
}

MrStatus mr__unpivot_bind(Binder *b, const MrSqlRelation *ast, Scope *outer, Rel *over, Rel *out)
{
    return mr__at(b, ast->place, MR_FAIL_UNSUPPORTED(b->err, "UNPIVOT"));
}
