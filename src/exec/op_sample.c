/* op_sample.c - a share of the rows by chance.
 *
 * Computes:  rows whose random number lies in [from, to); with replacement each row a Poisson
 * number of times. Changes:   inserts only: a retraction would not meet the same chance. Memory:
 * one batch. Blocking:  no. Snapshot:  none. Source:    Spark's BernoulliCellSampler and
 * PoissonSampler in meaning; the numbers drawn are ours. */
#include "exec/exec_int.h"
#include <math.h>

typedef struct Sample {
    MrOp op;
    uint64_t state;
    MrHeldBatch *held;
    int32_t round;
    MrBatch *given;
    uint16_t times[MR_BATCH_ROWS];
} Sample;

static double sample_next(Sample *self)
{
    uint64_t z = (self->state += UINT64_C(0x9E3779B97F4A7C15));
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return (double)((z ^ (z >> 31)) >> 11) * 0x1.0p-53;
}

static MrStatus sample_open(MrOp *op, MrError *err)
{
    ((Sample *)op)->state =
        op->phys->sample.seed + (uint64_t)op->context->worker_idx * UINT64_C(0x632BE59BD9B4E019);
    return MR_OK;
}

static void sample_close(MrOp *op)
{
    Sample *self = (Sample *)op;
    mr_shared_release(self->held ? &self->held->base : NULL);
    mr_batch_destroy(self->given);
}

static MrStatus sample_push(MrOp *op, int32_t input_idx, MrBatch *batch, MrError *err)
{
    Sample *self = (Sample *)op;
    const MrPhys *phys = op->phys;
    self->round = 0;
    MR_TRY(mr_held_create(op->context->batch_budget, batch, &self->held, err));
    double none = exp(-(phys->sample.to - phys->sample.from));
    for (int32_t i = 0; i < self->held->batch->n_sel; i++) {
        if (phys->sample.replace) {
            double product = sample_next(self);
            uint16_t n = 0;
            for (; product > none && n < 1000; n++)
                product *= sample_next(self);
            self->times[i] = n;
        } else {
            double x = sample_next(self);
            self->times[i] = x >= phys->sample.from && x < phys->sample.to;
        }
    }
    return MR_OK;
}

static MrStatus sample_pull(MrOp *op, MrBatch **out, MrStep *step, MrError *err)
{
    Sample *self = (Sample *)op;
    *step = MR_STEP_NEED_INPUT;
    if (!self->held)
        return MR_OK;
    const MrBatch *input = self->held->batch;
    MR_TRY(mr_held_view(self->held, op->context->batch_budget, &self->given, err));
    uint16_t *sel = mr_arena_alloc(&self->given->arena, (input->n_sel + 1) * (int64_t)sizeof *sel);
    int32_t n = 0;
    for (int32_t i = 0; i < input->n_sel; i++) {
        sel[n] = (uint16_t)mr_batch_row(input, i);
        n += self->times[i] > self->round;
    }
    self->round++;
    if (n == 0) {
        mr_batch_destroy(self->given);
        self->given = NULL;
        mr_shared_release(&self->held->base);
        self->held = NULL;
        return MR_OK;
    }
    self->given->sel = sel;
    self->given->n_sel = n;
    *out = mr_batch_take(&self->given);
    *step = MR_STEP_OUTPUT;
    return MR_OK;
}

const MrOpType mr__op_sample = {
    .name = "Sample",
    .size_bytes = sizeof(Sample),
    .n_inputs = 1,
    .open = sample_open,
    .close = sample_close,
    .push = sample_push,
    .pull = sample_pull,
};
