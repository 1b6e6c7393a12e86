/* expr_int.h - what the files of this folder share. */
#ifndef MR_EXPR_EXPR_INT_H
#define MR_EXPR_EXPR_INT_H

#include "base/hash.h"
#include "expr/expr.h"

/* Equal expressions hash alike. */

/* Expressions with their common subexpressions found once, in an arena; see program.c. */
typedef struct MrBlock MrBlock;
MrBlock *mr__block_create(MrArena *arena, MrExpr *const *exprs, int32_t n_exprs);
/* Evaluates the expr_idx-th over n_rows rows of cols (sel: only those), with results in arena. */
MR_MUST_USE MrStatus mr__block_eval(MrBlock *block, const MrEvalContext *context, MrArena *arena,
                                    MrVector **cols, int32_t n_cols, const uint16_t *sel,
                                    int32_t n_sel, int32_t n_rows, MrVector **out, MrError *err);

/* Makes a constant of row 0 of a flat vector, children included. */
void mr__vector_to_constant(MrVector *vec);

#endif
