/* misc.c - random numbers, raising, and what a query may ask about itself.
 *
 * Random numbers are Spark's: XORShift from a hashed seed, plus the number of the shard.  The state
 * of a generator stays with the evaluator between batches. */
#include "base/hash.h"
#include "function/function_int.h"
#include <math.h>

/* --- random numbers --------------------------------------------------------------------------- */

typedef struct Random {
    uint64_t state;
    bool has_next; /* of the pair that randn makes */
    double next;
} Random;

/* Spark's XORShiftRandom: the seed's bytes, most significant first, hashed twice. */
static void random_init(Random *random, int64_t seed)
{
    uint8_t bytes[8];
    for (int32_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)((uint64_t)seed >> (56 - 8 * i));
    uint32_t low = mr_murmur3_bytes(bytes, 8, 0x3c074a61);
    uint32_t high = mr_murmur3_bytes(bytes, 8, low);
    random->state = ((uint64_t)high << 32) | low;
    random->has_next = false;
}

static uint32_t random_bits(Random *random, int32_t n_bits)
{
    uint64_t x = random->state;
    x ^= x << 21;
    x ^= x >> 35;
    x ^= x << 4;
    random->state = x;
    return (uint32_t)(x & ((UINT64_C(1) << n_bits) - 1));
}

static double random_f64(Random *random)
{
    uint64_t high = random_bits(random, 26);
    return (double)((high << 27) + random_bits(random, 27)) * 0x1.0p-53;
}

/* java.util.Random.nextGaussian: the polar method. */
static double random_gauss(Random *random)
{
    double a, b, size;
    if (random->has_next) {
        random->has_next = false;
        return random->next;
    }
    do {
        a = 2 * random_f64(random) - 1;
        b = 2 * random_f64(random) - 1;
        size = a * a + b * b;
    } while (size >= 1 || size == 0);
    double factor = sqrt(-2 * log(size) / size);
    random->next = b * factor;
    random->has_next = true;
    return a * factor;
}

typedef struct RandomData {
    bool seeded;
    int64_t seed;
    uint64_t salt; /* tells unseeded calls of one query apart */
} RandomData;

static Random *random_of(MrCall *call)
{
    const RandomData *data = call->bound->data;
    if (!*call->memo) {
        Random *random = MR_NEW(call->memo_arena, Random);
        int64_t seed =
            data->seeded ? data->seed : (int64_t)mr_hash_u64(call->context->seed, data->salt);
        random_init(random, seed + call->context->shard_idx);
        *call->memo = random;
    }
    return *call->memo;
}

/* The seed: the arg_idx-th argument, a constant; NULL is 0. */
static MrStatus random_seed_bind(MrBind *bind, int32_t arg_idx, MrError *err)
{
    RandomData *data = MR_NEW(bind->arena, RandomData);
    data->salt = mr_hash_u64((uint64_t)(uintptr_t)data, 7);
    if (bind->n_args > arg_idx) {
        const MrArgInfo *arg = &bind->args[arg_idx];
        if (!arg->value)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "inputName", "`seed`",
                           "inputType", mr__quoted_type(bind->arena, arg->type), "inputExpr",
                           mr__quoted_expr(bind->arena, arg->sql));
        data->seeded = true;
        (void)mr__arg_i64(arg, &data->seed);
    }
    bind->data = data;
    bind->nullable = false;
    return MR_OK;
}

static MrStatus rand_bind(MrBind *bind, MrError *err)
{
    return random_seed_bind(bind, 0, err);
}

static MrStatus rand_call(MrCall *call, MrError *err)
{
    Random *random = random_of(call);
    for (MR_EACH(call, i, row))
        call->out->f64[row] = random_f64(random);
    return MR_OK;
}

static MrStatus randn_call(MrCall *call, MrError *err)
{
    Random *random = random_of(call);
    for (MR_EACH(call, i, row))
        call->out->f64[row] = random_gauss(random);
    return MR_OK;
}

static MrStatus uniform_call(MrCall *call, MrError *err)
{
    Random *random = random_of(call);
    MrVector *out = call->out;
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(call->args[0], row) || mr_arg_null(call->args[1], row)) {
            mr_call_null(call, row);
            continue;
        }
        double low = mr__number_at(call->args[0], row), high = mr__number_at(call->args[1], row);
        double value = low + random_f64(random) * (high - low);
        mr__number_put(out, row, value);
    }
    return MR_OK;
}

static MrStatus uniform_bind(MrBind *bind, MrError *err)
{
    for (int32_t i = 0; i < 2; i++)
        if (!bind->args[i].value)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "inputName",
                           i ? "`max`" : "`min`", "inputType", "integer or floating-point",
                           "inputExpr", mr__quoted_expr(bind->arena, bind->args[i].sql));
    MR_TRY(random_seed_bind(bind, 2, err));
    const MrType *x = bind->args[0].type, *y = bind->args[1].type;
    bool wide = x->kind == MR_TYPE_DOUBLE || y->kind == MR_TYPE_DOUBLE;
    bool floats = x->kind == MR_TYPE_FLOAT || y->kind == MR_TYPE_FLOAT;
    bind->type =
        floats && !wide ? MR_T(FLOAT) : mr_coerce_common(bind->arena, bind->settings, x, y);
    if (!bind->type || !mr_type_is_numeric(bind->type))
        bind->type = MR_T(DOUBLE);
    bind->nullable = x->kind == MR_TYPE_VOID || y->kind == MR_TYPE_VOID || bind->args[0].nullable ||
                     bind->args[1].nullable;
    return MR_OK;
}

static MrStatus uuid_call(MrCall *call, MrError *err)
{
    static const char digits[] = "0123456789abcdef";
    Random *random = random_of(call);
    for (MR_EACH(call, i, row)) {
        char text[36];
        for (int32_t k = 0; k < 36; k++) {
            uint32_t nibble = random_bits(random, 8) >> 4;
            text[k] = k == 8 || k == 13 || k == 18 || k == 23 ? '-'
                      : k == 14                               ? '4'
                      : k == 19                               ? digits[8 + (nibble & 3)]
                                                              : digits[nibble];
        }
        call->out->str[row] = mr_str_own(call->arena, text, 36);
    }
    return MR_OK;
}

/* Shard in the upper 31 bits, a count in the lower 33. */
static MrStatus increasing_id_call(MrCall *call, MrError *err)
{
    if (!*call->memo)
        *call->memo = MR_NEW(call->memo_arena, int64_t);
    int64_t *count = *call->memo;
    for (MR_EACH(call, i, row))
        call->out->i64[row] = ((int64_t)call->context->shard_idx << 33) + (*count)++;
    return MR_OK;
}

static MrStatus partition_id_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        call->out->i32[row] = call->context->shard_idx;
    return MR_OK;
}

/* --- raising ---------------------------------------------------------------------------------- */

static MrStatus raise(const char *message, MrError *err)
{
    return MR_FAIL(err, MR_COND_USER_RAISED_EXCEPTION, "errorMessage", message);
}

static MrStatus assert_true_call(MrCall *call, MrError *err)
{
    const char *message = call->bound->data;
    for (MR_EACH(call, i, row)) {
        if (!mr_arg_null(call->args[0], row) && MR_ARG(call->args[0], i8, row))
            continue;
        if (call->n_args == 1)
            return raise(message, err);
        if (mr_arg_null(call->args[1], row))
            return raise("null", err);
        MrText text = mr_str_text(&MR_ARG(call->args[1], str, row));
        return raise(mr_arena_strn(call->arena, text.data, text.size_bytes), err);
    }
    return MR_OK;
}

static MrStatus assert_true_bind(MrBind *bind, MrError *err)
{
    bind->data = mr_arena_printf(bind->arena, "'%s' is not true!", bind->args[0].sql);
    if (bind->n_args == 1)
        bind->sql = mr_arena_printf(bind->arena, "assert_true(%s, %s)", bind->args[0].sql,
                                    (const char *)bind->data);
    bind->nullable = true;
    return MR_OK;
}

static MrStatus raise_error_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (mr_arg_null(call->args[0], row))
            return raise("null", err);
        MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
        return raise(mr_arena_strn(call->arena, text.data, text.size_bytes), err);
    }
    return MR_OK;
}

/* --- about the query -------------------------------------------------------------------------- */

static MrStatus text_call(MrCall *call, MrError *err)
{
    MrText text = mr_text(call->bound->data);
    for (MR_EACH(call, i, row))
        call->out->str[row] = mr_str_borrow(text.data, text.size_bytes);
    return MR_OK;
}

static MrStatus typeof_bind(MrBind *bind, MrError *err)
{
    bind->data = mr_type_catalog_text(bind->arena, bind->args[0].type);
    return MR_OK;
}

static MrStatus user_bind(MrBind *bind, MrError *err)
{
    bind->data = bind->settings->user ? bind->settings->user : "anonymous";
    return MR_OK;
}

static MrStatus database_bind(MrBind *bind, MrError *err)
{
    bind->data = bind->settings->database ? bind->settings->database : "default";
    return MR_OK;
}

static MrStatus catalog_bind(MrBind *bind, MrError *err)
{
    bind->data = "spark_catalog";
    return MR_OK;
}

static MrStatus version_bind(MrBind *bind, MrError *err)
{
    bind->data = "4.2.0 millrace-" MR_VERSION;
    return MR_OK;
}

static MrStatus path_bind(MrBind *bind, MrError *err)
{
    bind->data = mr_arena_printf(bind->arena, "system.builtin,system.session,spark_catalog.%s",
                                 bind->settings->database ? bind->settings->database : "default");
    return MR_OK;
}

static MrStatus file_name_call(MrCall *call, MrError *err)
{
    const MrRowOrigin *origin = call->context->origin;
    MrText uri = mr_text(origin && origin->uri ? origin->uri : "");
    const char *own = mr_arena_strn(call->arena, uri.data, uri.size_bytes);
    for (MR_EACH(call, i, row))
        call->out->str[row] = mr_str_borrow(own, uri.size_bytes);
    return MR_OK;
}

static MrStatus block_start_call(MrCall *call, MrError *err)
{
    const MrRowOrigin *origin = call->context->origin;
    for (MR_EACH(call, i, row))
        call->out->i64[row] = origin && origin->uri ? origin->from : -1;
    return MR_OK;
}

static MrStatus block_length_call(MrCall *call, MrError *err)
{
    const MrRowOrigin *origin = call->context->origin;
    for (MR_EACH(call, i, row))
        call->out->i64[row] = origin && origin->uri ? origin->size_bytes : -1;
    return MR_OK;
}

#define ROW_VOLATILE (MR_FN_VOLATILE | MR_FN_NEVER_NULL)
#define ROW_ORIGIN (MR_FN_ORIGIN | MR_FN_NEVER_NULL)
#define TEXT_ROW(name, bind, doc, example)                                                         \
    {                                                                                              \
        name, "-> string", MR_FN_NEVER_NULL, text_call, bind, doc, example                         \
    }

const MrFunctionDef mr_functions_misc[] = {
    {"rand", "int|bigint!? -> double", ROW_VOLATILE, rand_call, rand_bind,
     "A random number, uniform in [0, 1).", "rand(0) = 0.7604953758285915D"},
    {"random", "int|bigint!? -> double", ROW_VOLATILE, rand_call, rand_bind,
     "A random number, uniform in [0, 1).", "random(0) = 0.7604953758285915D"},
    {"randn", "int|bigint!? -> double", ROW_VOLATILE, randn_call, rand_bind,
     "A random number of the standard normal distribution.", "randn(0) = 1.6034991609278433D"},
    {"uniform", "numeric!, numeric!, int|bigint!? -> bind", MR_FN_VOLATILE, uniform_call,
     uniform_bind, "A random number between two.", NULL},
    {"uuid", "int|bigint!? -> string", ROW_VOLATILE, uuid_call, rand_bind, "A random UUID.", NULL},
    {"monotonically_increasing_id", "-> bigint", ROW_VOLATILE, increasing_id_call, NULL,
     "A number that no other row has.", "monotonically_increasing_id() = 0"},
    {"spark_partition_id", "-> int", ROW_VOLATILE, partition_id_call, NULL, "Number of the shard.",
     "spark_partition_id() = 0"},
    {"assert_true", "boolean!, string? -> void", MR_FN_CAN_FAIL, assert_true_call, assert_true_bind,
     "NULL when it is true, else an error.", "assert_true(0 < 1) IS NULL"},
    {"raise_error", "string -> void", MR_FN_CAN_FAIL | MR_FN_MAY_NULL, raise_error_call, NULL,
     "Raises an error.", NULL},
    {"typeof", "any -> string", MR_FN_NEVER_NULL, text_call, typeof_bind, "Name of the type.",
     "typeof(1) = 'int'"},
    TEXT_ROW("version", version_bind, "Version of Spark that is followed, and ours.", NULL),
    TEXT_ROW("current_user", user_bind, "Name of the user.", "current_user() = user()"),
    TEXT_ROW("session_user", user_bind, "Name of the user.", "session_user() = user()"),
    TEXT_ROW("user", user_bind, "Name of the user.", "user() = current_user()"),
    TEXT_ROW("current_database", database_bind, "Current database.",
             "current_database() = 'default'"),
    TEXT_ROW("current_schema", database_bind, "Current database.", "current_schema() = 'default'"),
    TEXT_ROW("current_catalog", catalog_bind, "Current catalog.",
             "current_catalog() = 'spark_catalog'"),
    TEXT_ROW("current_path", path_bind, "Where functions are looked for.", NULL),
    {"input_file_name", "-> string", ROW_ORIGIN, file_name_call, NULL,
     "File of the row, as a URI; empty when it is of none.", "input_file_name() = ''"},
    {"input_file_block_start", "-> bigint", ROW_ORIGIN, block_start_call, NULL,
     "First byte of the piece of its file that the row was read with; -1 when it is of none.",
     "input_file_block_start() = -1"},
    {"input_file_block_length", "-> bigint", ROW_ORIGIN, block_length_call, NULL,
     "Bytes of the piece of its file that the row was read with; -1 when it is of none.",
     "input_file_block_length() = -1"},
    {0},
};
