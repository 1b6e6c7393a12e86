/* user_function.c - see user_function.h. */
#include "function/user_function.h"

#include "function/aggregate_int.h"

#include <inttypes.h>

#define EMIT_BYTES_MAX INT32_MAX
#define STATES_AHEAD 8   /* fetched while a function runs: states lie anywhere in memory */
#define ROWS_A_CHECK 128 /* emitted rows between two looks at `canceled` */

/* --- bytes ------------------------------------------------------------------------------------ */

MrBytes mr_bytes(const char *text)
{
    return (MrBytes){text, text ? (int64_t)strlen(text) : 0};
}

bool mr_bytes_to_i64(MrBytes bytes, int64_t *out)
{
    return bytes.data && mr_text_to_i64((MrText){bytes.data, bytes.size_bytes}, out);
}

bool mr_bytes_to_f64(MrBytes bytes, double *out)
{
    return bytes.data && mr_text_to_f64((MrText){bytes.data, bytes.size_bytes}, out);
}

MrStatus mr_error_set(MrError *err, const char *message)
{
    return MR_FAIL(err, MR_COND_USER_RAISED_EXCEPTION, "errorMessage", message);
}

/* --- emitting --------------------------------------------------------------------------------- */

MrStatus mr_user_fail(const char *name, MrError *err, const char *format, ...)
{
    char reason[200];
    va_list args;
    va_start(args, format);
    vsnprintf(reason, sizeof reason, format, args);
    va_end(args);
    return MR_FAIL(err, MR_COND_FAILED_EXECUTE_UDF, "functionName", name, "signature",
                   "key BINARY, value BINARY", "result", "BINARY", "reason", reason);
}

static MrStatus emitter_canceled(MrEmitter *to)
{
    if (!to->canceled || !atomic_load_explicit(to->canceled, memory_order_relaxed))
        return MR_OK;
    return to->failed = MR_FAIL(to->err, MR_COND_OPERATION_CANCELED);
}

MrStatus mr_emitter_begin(MrEmitter *to, MrError *err)
{
    to->err = err;
    to->n_rows = 0;
    to->failed = MR_OK;
    err->status = MR_OK;
    err->condition = MR_COND_NONE;
    MR_TRY(emitter_canceled(to));
    to->watched = mr_guard_top ? mr_guard_top->canceled : NULL;
    mr_guard_watch(NULL);
    return MR_OK;
}

MrStatus mr_emitter_end(MrEmitter *to, MrStatus returned, MrError *err)
{
    MrStatus status = to->failed;
    mr_guard_watch(to->watched);
    to->watched = NULL;
    if (status == MR_OK && returned == MR_OK)
        return MR_OK;
    if (status == MR_OK) {
        bool wrote = err->condition > MR_COND_NONE && err->condition < MR_N_CONDITIONS;
        if (wrote) /* what the row says wins: budgets and retries rely on it */
            status = err->status = mr_conditions[err->condition].status;
        if (status == MR_OK && returned == MR_CANCELED)
            status = MR_FAIL(err, MR_COND_OPERATION_CANCELED);
        if (status == MR_OK)
            status = mr_user_fail(to->name, err, "it returned status %d", (int)returned);
    }
    mr_error_add(err, "in the function of %s", to->name);
    return status;
}

static MrStatus rows_grow(MrEmitter *to)
{
    int64_t cap = to->cap_rows ? 2 * to->cap_rows : 16;
    MrEmitted *rows = mr_arena_try(to->arena, cap * (int64_t)sizeof *rows, to->err);
    if (!rows)
        return to->failed = MR_NO_MEMORY;
    if (to->n_rows > 0)
        memcpy(rows, to->rows, sizeof *rows * (size_t)to->n_rows);
    to->rows = rows;
    to->cap_rows = cap;
    return MR_OK;
}

/* A copy of the bytes; they are more than a view holds inside, or no number of bytes. */
static MrStatus bytes_own(MrEmitter *to, MrBytes bytes, MrStr *out)
{
    char *data;
    if (bytes.size_bytes < 0 || bytes.size_bytes > EMIT_BYTES_MAX)
        return to->failed =
                   mr_user_fail(to->name, to->err, "it put out %" PRId64 " bytes, the most is %d",
                                bytes.size_bytes, EMIT_BYTES_MAX);
    if (to->n_most > 1) {
        data = mr_arena_try(to->arena, bytes.size_bytes, to->err);
    } else {
        if (to->place_bytes < bytes.size_bytes) {
            int64_t room = bytes.size_bytes + bytes.size_bytes / 2;
            char *place = mr_arena_try(to->arena, room, to->err);
            to->place_bytes = place ? room : 0;
            to->place = place;
        }
        data = to->place;
    }
    if (!data)
        return to->failed = MR_NO_MEMORY;
    memcpy(data, bytes.data, (size_t)bytes.size_bytes);
    *out = mr_str_borrow(data, bytes.size_bytes);
    return MR_OK;
}

static inline uint64_t load(const char *data, size_t size_bytes)
{
    uint64_t value = 0;
    memcpy(&value, data, size_bytes);
    return value;
}

/* A view of at most 12 bytes, made in registers: one written piece by piece and then copied whole
 * makes the processor wait for each piece. */
static inline void str_inline(const char *data, int64_t n, MrStr *out)
{
    uint64_t half[2] = {(uint64_t)n, 0};
    if (n >= 8) {
        uint64_t head = load(data, 8);
        half[0] |= head << 32;
        half[1] = head >> 32;
        if (n > 8)
            half[1] |= load(data + n - 8, 8) >> (8 * (16 - n)) << 32;
    } else if (n >= 4) {
        half[0] |= load(data, 4) << 32;
        if (n > 4)
            half[1] = load(data + n - 4, 4) >> (8 * (8 - n));
    } else if (n > 0) {
        uint64_t first = (uint8_t)data[0], mid = (uint8_t)data[n >> 1], last = (uint8_t)data[n - 1];
        half[0] |= (first | mid << (8 * (n >> 1)) | last << (8 * (n - 1))) << 32;
    }
    memcpy(out, half, sizeof *out);
}

static inline MrStatus str_own(MrEmitter *to, MrBytes bytes, MrStr *out)
{
    if ((uint64_t)bytes.size_bytes > MR_STR_INLINE) /* also what is negative */
        return bytes_own(to, bytes, out);
    str_inline(bytes.data, bytes.size_bytes, out);
    return MR_OK;
}

MrStatus mr_emit(MrEmitter *to, MrBytes key, MrBytes value)
{
    if (to->failed != MR_OK)
        return to->failed;
    if (to->n_rows % ROWS_A_CHECK == ROWS_A_CHECK - 1)
        MR_TRY(emitter_canceled(to));
    if (to->n_rows >= to->n_most) {
        to->n_rows++;
        return MR_OK;
    }
    if (to->n_rows == to->cap_rows)
        MR_TRY(rows_grow(to));
    MrEmitted *row = &to->rows[to->n_rows];
    row->has_key = key.data != NULL;
    row->has_value = value.data != NULL;
    if (row->has_key && to->n_most > 1)
        MR_TRY(str_own(to, key, &row->key));
    if (row->has_value)
        MR_TRY(str_own(to, value, &row->value));
    else
        row->value = (MrStr){0};
    to->n_rows++;
    return MR_OK;
}

MrStatus mr_emit_i64(MrEmitter *to, MrBytes key, int64_t value)
{
    char text[MR_I64_TEXT_MAX];
    return mr_emit(to, key, (MrBytes){text, mr_i64_to_text(value, text)});
}

/* --- generators ------------------------------------------------------------------------------- */

static const MrField pair_fields[] = {{.name = "key", .type = MR_T(BINARY), .nullable = true},
                                      {.name = "value", .type = MR_T(BINARY), .nullable = true}};
static const MrType pair_type = {.kind = MR_TYPE_STRUCT, .n_fields = 2, .fields = pair_fields};

static MrEmitter *user_emitter(MrGeneratorCall *call, int64_t n_most)
{
    const MrUserFunction *function = call->bound->data;
    if (!*call->memo)
        *call->memo = MR_NEW(call->memo_arena, MrEmitter);
    MrEmitter *to = *call->memo;
    *to = (MrEmitter){.name = function->name,
                      .canceled = call->context->canceled,
                      .arena = call->row_arena,
                      .n_most = n_most};
    return to;
}

static MrStatus map_begin(MrGeneratorCall *call, int64_t row, int64_t n_most, MrError *err)
{
    const MrUserFunction *function = call->bound->data;
    MrEmitter *to = user_emitter(call, n_most);
    MrPair pair = {mr_user_bytes(call->args[0], (int32_t)row),
                   mr_user_bytes(call->args[1], (int32_t)row)};
    MR_TRY(mr_emitter_begin(to, err));
    return mr_emitter_end(to, function->map(function->self, &pair, to, err), err);
}

static MrStatus flat_map_begin(MrGeneratorCall *call, int64_t row, MrError *err)
{
    return map_begin(call, row, INT64_MAX, err);
}

static MrStatus one_begin(MrGeneratorCall *call, int64_t row, MrError *err)
{
    MR_TRY(map_begin(call, row, 2, err));
    const MrEmitter *to = *call->memo;
    if (to->n_rows == 1)
        return MR_OK;
    return mr_user_fail(to->name, err, "it put out %" PRId64 " rows for one, not one", to->n_rows);
}

static MrStatus pair_begin(MrGeneratorCall *call, int64_t row, MrError *err)
{
    MR_TRY(one_begin(call, row, err));
    const MrEmitter *to = *call->memo;
    return to->rows[0].has_key ? MR_OK
                               : mr_user_fail(to->name, err, "it put out a row without a key");
}

static MrStatus join_begin(MrGeneratorCall *call, int64_t row, MrError *err)
{
    const MrUserFunction *function = call->bound->data;
    MrEmitter *to = user_emitter(call, INT64_MAX);
    MrBytes key = mr_user_bytes(call->args[0], (int32_t)row),
            left = mr_user_bytes(call->args[1], (int32_t)row),
            right = mr_user_bytes(call->args[2], (int32_t)row);
    MR_TRY(mr_emitter_begin(to, err));
    return mr_emitter_end(to, function->join(function->self, key, left, right, to, err), err);
}

static int64_t user_count(MrGeneratorCall *call, int64_t row)
{
    const MrEmitter *to = *call->memo;
    return to->n_rows;
}

static void str_put(MrArena *arena, MrVector *out, int64_t at, bool there, const MrStr *str)
{
    if (!there)
        mr_vector_set_null(arena, out, at, MR_BATCH_ROWS);
    else if (str->size_bytes <= MR_STR_INLINE)
        out->str[at] = *str;
    else
        out->str[at] = mr_str_own(arena, str->data, str->size_bytes);
}

static MrStatus user_emit(MrGeneratorCall *call, int64_t row, int64_t from, int64_t n,
                          MrVector **out, int64_t at, MrError *err)
{
    const MrEmitter *to = *call->memo;
    for (int64_t i = 0; i < n; i++) {
        const MrEmitted *emitted = &to->rows[from + i];
        str_put(call->arena, out[0], at + i, emitted->has_key, &emitted->key);
        str_put(call->arena, out[1], at + i, emitted->has_value, &emitted->value);
    }
    return MR_OK;
}

#define USER_ROW(symbol, text, begin_call, doc_text)                                               \
    const MrGeneratorDef symbol = {.name = text,                                                   \
                                   .signature = "any* -> bind",                                    \
                                   .count = user_count,                                            \
                                   .emit = user_emit,                                              \
                                   .doc = doc_text,                                                \
                                   .begin = begin_call}

USER_ROW(mr_user_map, "map", one_begin, "A C function: one row for each row.");
USER_ROW(mr_user_flat_map, "flat_map", flat_map_begin, "A C function: rows for each row.");
USER_ROW(mr_user_map_to_pair, "map_to_pair", pair_begin,
         "A C function: a row with a key for each.");
USER_ROW(mr_user_join, "join", join_begin, "A C function: rows for each pair of a join.");

MrBound *mr_user_generator_bind(MrArena *arena, const MrUserFunction *function)
{
    MrBound *bound = MR_NEW(arena, MrBound);
    *bound =
        (MrBound){.type = &pair_type, .flags = MR_FN_VOLATILE | MR_FN_CAN_FAIL, .data = function};
    return bound;
}

/* --- filter, line ----------------------------------------------------------------------------- */

static MrStatus filter_call(MrCall *call, MrError *err)
{
    const MrUserFunction *function = call->bound->data;
    MrEmitter none = {.name = function->name, .canceled = call->context->canceled};
    for (MR_EACH(call, i, row)) {
        MrPair pair = {mr_user_bytes(call->args[0], row), mr_user_bytes(call->args[1], row)};
        bool keep = false;
        MR_TRY(mr_emitter_begin(&none, err));
        MR_TRY(mr_emitter_end(&none, function->filter(function->self, &pair, &keep, err), err));
        call->out->i8[row] = keep;
    }
    return MR_OK;
}

static const MrFunctionDef filter_def = {.name = "user_filter",
                                         .signature = "any, any -> boolean",
                                         .flags = MR_FN_VOLATILE | MR_FN_CAN_FAIL,
                                         .call = filter_call,
                                         .doc = "A C function: whether a row stays."};

MrBound *mr_user_filter_bind(MrArena *arena, const MrUserFunction *function)
{
    MrBound *bound = MR_NEW(arena, MrBound);
    *bound = (MrBound){.def = &filter_def,
                       .call = filter_call,
                       .type = MR_T(BOOLEAN),
                       .flags = filter_def.flags,
                       .data = function};
    return bound;
}

static MrStatus line_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrBytes key = mr_user_bytes(call->args[0], row), value = mr_user_bytes(call->args[1], row);
        if (!value.data)
            value = mr_bytes("null"); /* as Spark writes it */
        int64_t size_bytes = value.size_bytes + (key.data ? key.size_bytes + 3 : 0);
        if (size_bytes > EMIT_BYTES_MAX)
            return mr_user_fail("save_as_text_file", err, "a line has %" PRId64 " bytes",
                                size_bytes);
        char *line = mr_arena_alloc(call->arena, size_bytes), *at = line;
        if (key.data) {
            *at++ = '(';
            memcpy(at, key.data, (size_t)key.size_bytes);
            at += key.size_bytes;
            *at++ = ',';
        }
        memcpy(at, value.data, (size_t)value.size_bytes);
        if (key.data)
            at[value.size_bytes] = ')';
        call->out->str[row] = mr_str_borrow(line, size_bytes);
    }
    return MR_OK;
}

static const MrFunctionDef line_def = {.name = "user_line",
                                       .signature = "any, any -> string",
                                       .flags = MR_FN_CAN_FAIL,
                                       .call = line_call,
                                       .doc = "The line of a key and a value in a text file."};

MrBound *mr_user_line_bind(MrArena *arena)
{
    MrBound *bound = MR_NEW(arena, MrBound);
    *bound = (MrBound){
        .def = &line_def, .call = line_call, .type = MR_T(STRING), .flags = line_def.flags};
    return bound;
}

/* --- reduce ----------------------------------------------------------------------------------- */

typedef struct ReduceState {
    bool set, has_value;
    MrStr value;       /* long ones are at data */
    char *data, *next; /* the function writes to next, then they change places */
    int64_t data_bytes, next_bytes;
} ReduceState;

static void reduce_set(ReduceState *state, MrArena *arena, MrBytes value)
{
    state->set = true;
    state->has_value = value.data != NULL;
    state->value = (MrStr){0};
    if (value.size_bytes <= MR_STR_INLINE) {
        if (value.size_bytes > 0)
            state->value = mr_str_borrow(value.data, value.size_bytes);
        return;
    }
    if (state->data_bytes < value.size_bytes) {
        state->data = mr_arena_alloc(arena, value.size_bytes);
        state->data_bytes = value.size_bytes;
    }
    memcpy(state->data, value.data, (size_t)value.size_bytes);
    state->value = mr_str_borrow(state->data, value.size_bytes);
}

static MrBytes reduce_get(const ReduceState *state)
{
    return state->has_value ? (MrBytes){mr_str_data(&state->value), state->value.size_bytes}
                            : (MrBytes){0};
}

static MrStatus reduce_add(MrAggregateCall *call, ReduceState *state, MrBytes value, MrError *err)
{
    const MrUserFunction *function = call->agg->data;
    MrEmitted row;
    if (!state->set) {
        reduce_set(state, call->arena, value);
        return MR_OK;
    }
    MrEmitter to = mr_emitter_one(function->name, call->context->canceled, call->arena, &row);
    to.place = state->next;
    to.place_bytes = state->next_bytes;
    MR_TRY(mr_emitter_begin(&to, err));
    MR_TRY(mr_emitter_end(&to, function->reduce(function->self, reduce_get(state), value, &to, err),
                          err));
    if (to.n_rows != 1)
        return mr_user_fail(to.name, err, "it put out %" PRId64 " rows, not one", to.n_rows);
    state->next = to.place;
    state->next_bytes = to.place_bytes;
    state->has_value = row.has_value;
    state->value = row.value;
    if (row.has_value && row.value.size_bytes > MR_STR_INLINE) {
        state->next = state->data;
        state->next_bytes = state->data_bytes;
        state->data = to.place;
        state->data_bytes = to.place_bytes;
    }
    return MR_OK;
}

static MrStatus reduce_update(MrAggregateCall *call, char *const *groups, int32_t offset,
                              MrError *err)
{
    for (MR_EACH(call, i, row)) {
        if (i + STATES_AHEAD < call->n)
            __builtin_prefetch(groups[i + STATES_AHEAD] + offset, 1);
        int64_t n = call->weights ? call->weights[row] : 1;
        for (int64_t k = 0; k < n; k++)
            MR_TRY(
                reduce_add(call, MR_STATE(ReduceState, i), mr_user_bytes(call->args[0], row), err));
    }
    return MR_OK;
}

static MrStatus reduce_merge(MrAggregateCall *call, void *to, const void *from, MrError *err)
{
    const ReduceState *other = from;
    return other->set ? reduce_add(call, to, reduce_get(other), err) : MR_OK;
}

static MrStatus reduce_finish(MrAggregateCall *call, char *const *groups, int32_t offset, int32_t n,
                              MrVector *out, MrError *err)
{
    for (int32_t i = 0; i < n; i++) {
        const ReduceState *state = MR_STATE(ReduceState, i);
        if (!state->set || !state->has_value)
            mr_vector_set_null(call->arena, out, i, n);
        else
            out->str[i] =
                mr_str_own(call->arena, mr_str_data(&state->value), state->value.size_bytes);
    }
    return MR_OK;
}

static MrStatus reduce_save(const MrAggregate *agg, const void *from, MrBuffer *out, MrError *err)
{
    const ReduceState *state = from;
    MR_TRY(mr_buffer_put_u8(out, (uint8_t)(state->set + 2 * state->has_value), err));
    return state->has_value ? mr_buffer_put_text(out, mr_str_text(&state->value), err) : MR_OK;
}

static MrStatus reduce_load(MrAggregateCall *call, MrReader *reader, void *to, MrError *err)
{
    ReduceState *state = to;
    uint8_t flags = 0;
    MrText text = {0};
    *state = (ReduceState){0};
    if (!mr_reader_u8(reader, &flags) || flags > 3 ||
        ((flags & 2) && !mr_reader_text(reader, &text)))
        return mr__fail_state(err);
    if (flags & 1)
        reduce_set(state, call->arena,
                   flags & 2 ? (MrBytes){text.data, text.size_bytes} : (MrBytes){0});
    return MR_OK;
}

static const MrAggregateDef reduce_def = {.name = "user_reduce",
                                          .signature = "any -> bind",
                                          .state_bytes = (int32_t)sizeof(ReduceState),
                                          .update = reduce_update,
                                          .merge = reduce_merge,
                                          .finish = reduce_finish,
                                          .save = reduce_save,
                                          .load = reduce_load,
                                          .doc = "A C function: two values into one."};

MrAggregate *mr_user_reduce_bind(MrArena *arena, const MrUserFunction *function)
{
    static const MrType *const arg_types[] = {MR_T(BINARY)};
    MrAggregate *agg = MR_NEW(arena, MrAggregate);
    *agg = (MrAggregate){.def = &reduce_def,
                         .type = MR_T(BINARY),
                         .nullable = true,
                         .state_bytes = reduce_def.state_bytes,
                         .data = function,
                         .n_args = 1,
                         .arg_types = arg_types};
    return agg;
}

/* --- ready-made ------------------------------------------------------------------------------- */

static MrStatus need_i64(MrBytes bytes, int64_t *out, MrError *err)
{
    char text[64];
    if (mr_bytes_to_i64(bytes, out))
        return MR_OK;
    int n_bytes = bytes.size_bytes < 40 ? (int)bytes.size_bytes : 40;
    if (!bytes.data)
        snprintf(text, sizeof text, "NULL");
    else if (memchr(bytes.data, 0, (size_t)n_bytes) || !mr_utf8_valid(bytes.data, bytes.size_bytes))
        snprintf(text, sizeof text, "%d bytes", (int)bytes.size_bytes);
    else
        snprintf(text, sizeof text, "'%.*s'", n_bytes, bytes.data);
    return MR_FAIL(err, MR_COND_CAST_INVALID_INPUT, "expression", text, "sourceType", "\"BINARY\"",
                   "targetType", "\"BIGINT\"");
}

static MrStatus overflow(MrError *err)
{
    return MR_FAIL(err, MR_COND_ARITHMETIC_OVERFLOW, "message", "long overflow", "alternative", "",
                   "config", "\"spark.sql.ansi.enabled\"");
}

MrStatus mr_reduce_sum_i64(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *err)
{
    int64_t x = 0, y = 0, sum;
    MR_TRY(need_i64(a, &x, err));
    MR_TRY(need_i64(b, &y, err));
    if (__builtin_add_overflow(x, y, &sum))
        return overflow(err);
    return mr_emit_i64(to, (MrBytes){0}, sum);
}

MrStatus mr_inverse_sum_i64(void *self, MrBytes a, MrBytes b, MrEmitter *to, MrError *err)
{
    int64_t x = 0, y = 0, rest;
    MR_TRY(need_i64(a, &x, err));
    MR_TRY(need_i64(b, &y, err));
    if (__builtin_sub_overflow(x, y, &rest))
        return overflow(err);
    return mr_emit_i64(to, (MrBytes){0}, rest);
}
