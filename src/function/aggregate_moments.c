/* aggregate_moments.c - variance, skewness, kurtosis, covariance, correlation and linear
 * regression.
 *
 * Central moments are carried on from row to row, with Spark's formulas in Spark's order of
 * operations, so that the last digits agree. */
#include "function/aggregate_int.h"
#include <math.h>

/* --- one variable ----------------------------------------------------------------------------- */

typedef struct Moments {
    double n, avg, m2, m3, m4;
} Moments;

static void moments_add(Moments *state, double x)
{
    double n = state->n + 1;
    double delta = x - state->avg, delta_n = delta / n;
    double delta2 = delta * delta, delta_n2 = delta_n * delta_n;
    double m2 = state->m2 + delta * (delta - delta_n);
    double m3 = state->m3 - 3.0 * delta_n * m2 + delta * (delta2 - delta_n2);
    state->m4 = state->m4 - 4.0 * delta_n * m3 - 6.0 * delta_n2 * m2 +
                delta * (delta * delta2 - delta_n * delta_n2);
    state->m3 = m3;
    state->m2 = m2;
    state->avg += delta_n;
    state->n = n;
}

static MrStatus moments_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                               MrError *err)
{
    for (MR_EACH(call, i, row))
        moments_add(MR_STATE(Moments, i), MR_ARG(call->args[0], f64, row));
    return MR_OK;
}

static MrStatus moments_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    Moments *a = to;
    const Moments *b = from;
    double n1 = a->n, n2 = b->n, n = n1 + n2;
    double delta = b->avg - a->avg, delta_n = n == 0 ? 0 : delta / n;
    double m2 = a->m2 + b->m2 + delta * delta_n * n1 * n2;
    double m3 = a->m3 + b->m3 + delta_n * delta_n * delta * n1 * n2 * (n1 - n2) +
                3.0 * delta_n * (n1 * b->m2 - n2 * a->m2);
    double m4 = a->m4 + b->m4 +
                delta_n * delta_n * delta_n * delta * n1 * n2 * (n1 * n1 - n1 * n2 + n2 * n2) +
                6.0 * delta_n * delta_n * (n1 * n1 * b->m2 + n2 * n2 * a->m2) +
                4.0 * delta_n * (n1 * b->m3 - n2 * a->m3);
    *a = (Moments){.n = n, .avg = a->avg + delta_n * n2, .m2 = m2, .m3 = m3, .m4 = m4};
    return MR_OK;
}

/* false: NULL. */
typedef bool (*MomentsResult)(const Moments *state, double *out);

static bool var_pop_result(const Moments *state, double *out)
{
    *out = state->m2 / state->n;
    return state->n > 0;
}
static bool var_samp_result(const Moments *state, double *out)
{
    *out = state->m2 / (state->n - 1);
    return state->n > 1;
}
static bool stddev_pop_result(const Moments *state, double *out)
{
    *out = sqrt(state->m2 / state->n);
    return state->n > 0;
}
static bool stddev_samp_result(const Moments *state, double *out)
{
    *out = sqrt(state->m2 / (state->n - 1));
    return state->n > 1;
}
static bool skewness_result(const Moments *state, double *out)
{
    *out = sqrt(state->n) * state->m3 / sqrt(state->m2 * state->m2 * state->m2);
    return state->n > 0 && state->m2 != 0;
}
static bool kurtosis_result(const Moments *state, double *out)
{
    *out = state->n * state->m4 / (state->m2 * state->m2) - 3.0;
    return state->n > 0 && state->m2 != 0;
}

static MrStatus moments_finish_as(MrAggregateCall *call, char *const *groups, int32_t offset,
                                  int32_t n, MrVector *out, MomentsResult result)
{
    for (int32_t i = 0; i < n; i++)
        if (!result(MR_STATE(Moments, i), &out->f64[i]))
            mr_vector_set_null(call->arena, out, i, n);
    return MR_OK;
}
#define MOMENTS_FINISH(name)                                                                       \
    static MrStatus name##_finish(MrAggregateCall *call, char *const *groups, int32_t offset,      \
                                  int32_t n, MrVector *out, MrError *err)                          \
    {                                                                                              \
        return moments_finish_as(call, groups, offset, n, out, name##_result);                     \
    }
MOMENTS_FINISH(var_pop)
MOMENTS_FINISH(var_samp)
MOMENTS_FINISH(stddev_pop)
MOMENTS_FINISH(stddev_samp)
MOMENTS_FINISH(skewness)
MOMENTS_FINISH(kurtosis)

/* --- two variables ---------------------------------------------------------------------------- */

typedef struct Pair { /* x: the second argument of regr_ functions, the first of others */
    double n, x_avg, y_avg, ck, x_mk, y_mk;
    double x_m2, y_m2; /* as Moments.m2 */
} Pair;

static void pair_add(Pair *state, double x, double y)
{
    double n = state->n + 1;
    double dx = x - state->x_avg, dy = y - state->y_avg;
    double dx_n = dx / n, dy_n = dy / n;
    double x_avg = state->x_avg + dx_n, y_avg = state->y_avg + dy_n;
    state->ck += dx * (y - y_avg);
    state->x_mk += dx * (x - x_avg);
    state->y_mk += dy * (y - y_avg);
    state->x_m2 += dx * (dx - dx_n);
    state->y_m2 += dy * (dy - dy_n);
    state->x_avg = x_avg;
    state->y_avg = y_avg;
    state->n = n;
}

static MrStatus pair_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    for (MR_EACH(call, i, row))
        pair_add(MR_STATE(Pair, i), MR_ARG(call->args[0], f64, row),
                 MR_ARG(call->args[1], f64, row));
    return MR_OK;
}

static MrStatus regr_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                            MrError *err)
{
    for (MR_EACH(call, i, row))
        pair_add(MR_STATE(Pair, i), MR_ARG(call->args[1], f64, row),
                 MR_ARG(call->args[0], f64, row));
    return MR_OK;
}

static MrStatus pair_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    Pair *a = to;
    const Pair *b = from;
    double n1 = a->n, n2 = b->n, n = n1 + n2;
    double dx = b->x_avg - a->x_avg, dx_n = n == 0 ? 0 : dx / n;
    double dy = b->y_avg - a->y_avg, dy_n = n == 0 ? 0 : dy / n;
    *a = (Pair){.n = n,
                .x_avg = a->x_avg + dx_n * n2,
                .y_avg = a->y_avg + dy_n * n2,
                .ck = a->ck + b->ck + dx * dy_n * n1 * n2,
                .x_mk = a->x_mk + b->x_mk + dx * dx_n * n1 * n2,
                .y_mk = a->y_mk + b->y_mk + dy * dy_n * n1 * n2,
                .x_m2 = a->x_m2 + b->x_m2 + dx * dx_n * n1 * n2,
                .y_m2 = a->y_m2 + b->y_m2 + dy * dy_n * n1 * n2};
    return MR_OK;
}

typedef bool (*PairResult)(const Pair *state, double *out);

static bool covar_pop_result(const Pair *state, double *out)
{
    *out = state->ck / state->n;
    return state->n > 0;
}
static bool covar_samp_result(const Pair *state, double *out)
{
    *out = state->ck / (state->n - 1);
    return state->n > 1;
}
static bool corr_result(const Pair *state, double *out)
{
    *out = state->ck / sqrt(state->x_mk * state->y_mk);
    return state->n > 1;
}
static bool regr_avgx_result(const Pair *state, double *out)
{
    *out = state->x_avg;
    return state->n > 0;
}
static bool regr_avgy_result(const Pair *state, double *out)
{
    *out = state->y_avg;
    return state->n > 0;
}
static bool regr_sxx_result(const Pair *state, double *out)
{
    *out = state->x_m2;
    return state->n > 0;
}
static bool regr_syy_result(const Pair *state, double *out)
{
    *out = state->y_m2;
    return state->n > 0;
}
static bool regr_sxy_result(const Pair *state, double *out)
{
    *out = state->ck;
    return state->n > 0;
}
static bool regr_r2_result(const Pair *state, double *out)
{
    double corr = state->ck / sqrt(state->x_mk * state->y_mk);
    *out = state->y_mk == 0 ? 1.0 : corr * corr;
    return state->n > 0 && state->x_mk != 0;
}
static bool regr_slope_result(const Pair *state, double *out)
{
    *out = state->ck / state->x_m2;
    return state->n > 0 && state->x_m2 != 0;
}
static bool regr_intercept_result(const Pair *state, double *out)
{
    *out = state->y_avg - state->ck / state->x_m2 * state->x_avg;
    return state->n > 0 && state->x_m2 != 0;
}

static MrStatus pair_finish_as(MrAggregateCall *call, char *const *groups, int32_t offset,
                               int32_t n, MrVector *out, PairResult result)
{
    for (int32_t i = 0; i < n; i++)
        if (!result(MR_STATE(Pair, i), &out->f64[i]))
            mr_vector_set_null(call->arena, out, i, n);
    return MR_OK;
}
#define PAIR_FINISH(name)                                                                          \
    static MrStatus name##_finish(MrAggregateCall *call, char *const *groups, int32_t offset,      \
                                  int32_t n, MrVector *out, MrError *err)                          \
    {                                                                                              \
        return pair_finish_as(call, groups, offset, n, out, name##_result);                        \
    }
PAIR_FINISH(covar_pop)
PAIR_FINISH(covar_samp)
PAIR_FINISH(corr)
PAIR_FINISH(regr_avgx)
PAIR_FINISH(regr_avgy)
PAIR_FINISH(regr_sxx)
PAIR_FINISH(regr_syy)
PAIR_FINISH(regr_sxy)
PAIR_FINISH(regr_r2)
PAIR_FINISH(regr_slope)
PAIR_FINISH(regr_intercept)

static MrStatus regr_count_finish(MrAggregateCall *call, char *const *groups, int32_t offset,
                                  int32_t n, MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++)
        out->i64[i] = (int64_t)MR_STATE(Pair, i)->n;
    return MR_OK;
}

#define SKIPS MR_AGG_SKIPS_NULL
#define ONE(name, call, doc, example)                                                              \
    {                                                                                              \
        name, "double -> double", SKIPS, (int32_t)sizeof(Moments), NULL, moments_update, NULL,     \
            moments_merge, call##_finish, mr__plain_save, mr__plain_load, NULL, doc, example       \
    }
#define TWO(name, update, finish, doc, example)                                                    \
    {                                                                                              \
        name, "double, double -> double", SKIPS, (int32_t)sizeof(Pair), NULL, update, NULL,        \
            pair_merge, finish##_finish, mr__plain_save, mr__plain_load, NULL, doc, example        \
    }

const MrAggregateDef mr_aggregates_moments[] = {
    ONE("var_pop", var_pop, "Variance of a population.", "var_pop(1) = 0.0D"),
    ONE("var_samp", var_samp, "Variance of a sample.", "var_samp(1) IS NULL"),
    ONE("variance", var_samp, "Variance of a sample.", "variance(1) IS NULL"),
    ONE("stddev_pop", stddev_pop, "Standard deviation of a population.", "stddev_pop(1) = 0.0D"),
    ONE("stddev_samp", stddev_samp, "Standard deviation of a sample.", "stddev_samp(1) IS NULL"),
    ONE("stddev", stddev_samp, "Standard deviation of a sample.", "stddev(1) IS NULL"),
    ONE("std", stddev_samp, "Standard deviation of a sample.", "std(1) IS NULL"),
    ONE("skewness", skewness, "Lack of symmetry.", "skewness(1) IS NULL"),
    ONE("kurtosis", kurtosis, "Weight of the tails; 0 for the normal distribution.",
        "kurtosis(1) IS NULL"),
    TWO("covar_pop", pair_update, covar_pop, "Covariance of a population.",
        "covar_pop(1, 1) = 0.0D"),
    TWO("covar_samp", pair_update, covar_samp, "Covariance of a sample.",
        "covar_samp(1, 1) IS NULL"),
    TWO("corr", pair_update, corr, "Pearson's correlation.", "corr(1, 1) IS NULL"),
    {"regr_count", "double, double -> bigint", SKIPS | MR_AGG_NEVER_NULL, (int32_t)sizeof(Pair),
     NULL, regr_update, NULL, pair_merge, regr_count_finish, mr__plain_save, mr__plain_load, NULL,
     "Number of pairs without NULL.", "regr_count(1, 1) = 1"},
    TWO("regr_avgx", regr_update, regr_avgx, "Mean of x over pairs.", "regr_avgx(1, 2) = 2.0D"),
    TWO("regr_avgy", regr_update, regr_avgy, "Mean of y over pairs.", "regr_avgy(1, 2) = 1.0D"),
    TWO("regr_sxx", regr_update, regr_sxx, "Sum of squares of x around its mean.",
        "regr_sxx(1, 2) = 0.0D"),
    TWO("regr_syy", regr_update, regr_syy, "Sum of squares of y around its mean.",
        "regr_syy(1, 2) = 0.0D"),
    TWO("regr_sxy", regr_update, regr_sxy, "Sum of products around the means.",
        "regr_sxy(1, 2) = 0.0D"),
    TWO("regr_r2", regr_update, regr_r2, "Share of the variance that the line explains.",
        "regr_r2(1, 2) IS NULL"),
    TWO("regr_slope", regr_update, regr_slope, "Slope of the line of best fit.",
        "regr_slope(1, 2) IS NULL"),
    TWO("regr_intercept", regr_update, regr_intercept, "Where that line meets the y axis.",
        "regr_intercept(1, 2) IS NULL"),
    {0},
};
