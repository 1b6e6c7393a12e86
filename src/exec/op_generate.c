/* op_generate.c - rows out of each row: explode and its kin.
 *
 * Computes:  the input columns that are kept next to each row of the generator; with outer, a row
 * of NULLs when there is none. Changes:   passes weights on. Memory:    one input batch and one
 * output batch. Blocking:  no. Snapshot:  none. */
#include "exec/exec_int.h"

typedef struct Generate {
    MrOp op;
    MrArena arena;
    MrEvaluator args;
    MrArena row_arena; /* of the generator, for a row */
    void *memo;
    MrHeldBatch *held;
    MrBatch *given;
    int32_t at;             /* live row at hand */
    int64_t n_of_row, from; /* rows that it gives, rows given; -1: not counted yet */
    int32_t take[MR_BATCH_ROWS];
} Generate;

static MrStatus generate_open(MrOp *op, MrError *err)
{
    Generate *self = (Generate *)op;
    mr_arena_init(&self->arena, op->context->budget);
    mr_arena_init(&self->row_arena, op->context->budget);
    return mr__evaluator_open(&self->args, op->context, &self->arena, op->phys->generate.args,
                              op->phys->generate.n_args, err);
}

static void generate_close(MrOp *op)
{
    Generate *self = (Generate *)op;
    mr__evaluator_close(&self->args);
    mr_shared_release(self->held ? &self->held->base : NULL);
    mr_batch_destroy(self->given);
    mr_arena_deinit(&self->row_arena);
    mr_arena_deinit(&self->arena);
}

static MrStatus generate_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Generate *self = (Generate *)op;
    MR_TRY(mr_held_create(op->context->batch_budget, batch, &self->held, err));
    self->at = 0;
    self->n_of_row = -1;
    return mr__evaluator_run_flat(&self->args, op->context, self->held->batch, err);
}

static MrStatus generate_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Generate *self = (Generate *)op;
    const MrPhys *phys = op->phys;
    const MrGeneratorDef *def = phys->generate.def;
    *step = MR_STEP_NEED_INPUT;
    if (!self->held)
        return MR_OK;
    MrBatch *input = self->held->batch;
    int32_t n_in = phys->generate.n_keep, n_gen = phys->schema.n_cols - n_in,
            n_room = op->context->batch_rows, n = 0;
    MR_TRY(mr_batch_create(op->context->batch_budget, &self->given, err));
    MrBatch *batch = self->given;
    MrGeneratorCall call = {.context = op->context->eval,
                            .bound = phys->generate.bound,
                            .args = self->args.out,
                            .n_rows = input->n_rows,
                            .arena = &batch->arena,
                            .memo = &self->memo,
                            .memo_arena = &self->arena,
                            .row_arena = &self->row_arena};
    MrVector **generated = MR_NEW_N(&batch->arena, MrVector *, n_gen + 1);
    for (int32_t c = 0; c < n_gen; c++)
        generated[c] = mr_vector_create(&batch->arena, phys->schema.cols[n_in + c].type, n_room);
    while (self->at < input->n_sel && n < n_room) {
        int32_t row = mr_batch_row(input, self->at);
        if (self->n_of_row < 0) {
            if (def->begin) {
                mr_arena_reset(&self->row_arena);
                MR_TRY(def->begin(&call, row, err));
            }
            self->n_of_row = def->count(&call, row);
            self->from = 0;
        }
        if (self->n_of_row == 0 && phys->generate.outer) {
            for (int32_t c = 0; c < n_gen; c++)
                mr_vector_set_null(&batch->arena, generated[c], n, n_room);
            self->take[n++] = row;
        }
        int64_t n_more = self->n_of_row - self->from;
        if (n_more > n_room - n)
            n_more = n_room - n;
        if (n_more > 0) {
            MR_TRY(def->emit(&call, row, self->from, n_more, generated, n, err));
            for (int64_t i = 0; i < n_more; i++)
                self->take[n + i] = row;
            n += (int32_t)n_more;
            self->from += n_more;
        }
        if (self->from == self->n_of_row) {
            self->at++;
            self->n_of_row = -1;
        }
    }
    if (n == 0) {
        mr_batch_destroy(batch);
        self->given = NULL;
        mr_shared_release(&self->held->base);
        self->held = NULL;
        return MR_OK;
    }
    mr_batch_retain(batch, &self->held->base);
    mr_batch_set_cols(batch, n_in + n_gen);
    for (int32_t c = 0; c < n_in; c++)
        batch->cols[c] =
            mr_vector_take_rows(&batch->arena, input->cols[phys->generate.keep[c]], self->take, n);
    for (int32_t c = 0; c < n_gen; c++) {
        generated[c]->n_items = n;
        batch->cols[n_in + c] = generated[c];
    }
    if (input->weights) {
        batch->weights = mr_arena_alloc(&batch->arena, n * (int64_t)sizeof(int64_t));
        for (int32_t i = 0; i < n; i++)
            batch->weights[i] = input->weights[self->take[i]];
    }
    batch->n_rows = batch->n_sel = n;
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

const MrOpType mr__op_generate = {
    .name = "Generate",
    .size_bytes = sizeof(Generate),
    .n_inputs = 1,
    .open = generate_open,
    .close = generate_close,
    .push = generate_push,
    .pull = generate_pull,
};
