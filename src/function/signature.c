/* signature.c - reads signatures and chooses among rows of one name.
 *
 * Two passes: first a row that takes the arguments as they are, then the first row that takes them
 * with Spark's implicit casts.  The language is told in function.h; besides, "a|b" in an argument
 * means either, and "lambda" stands for a function argument. */
#include "function/function_int.h"

#define SIG_MAX_ARGS 16
#define SIG_MAX_ALTS 8

typedef enum SigKind {
    SIG_TYPE,
    SIG_ANY,
    SIG_NUMERIC,
    SIG_INTEGRAL,
    SIG_FRACTIONAL,
    SIG_DECIMAL,
    SIG_DATETIME,
    SIG_INTERVAL,
    SIG_ANSI_INTERVAL,
    SIG_STRING_OR_BINARY,
    SIG_ORDERED,
    SIG_VAR,
    SIG_ARRAY,
    SIG_MAP,
    SIG_STRUCT,
    SIG_LAMBDA,
    SIG_SAME,
    SIG_BIND
} SigKind;

static const struct {
    const char *name;
    SigKind kind;
    const char *required; /* as Spark's messages call it */
} sig_words[] = {
    {"any", SIG_ANY, "\"ANY\""},
    {"numeric", SIG_NUMERIC, "\"NUMERIC\""},
    {"integral", SIG_INTEGRAL, "\"INTEGRAL\""},
    {"fractional", SIG_FRACTIONAL, "\"FRACTIONAL\""},
    {"decimal", SIG_DECIMAL, "\"DECIMAL\""},
    {"datetime", SIG_DATETIME, "\"(TIMESTAMP OR TIMESTAMP WITHOUT TIME ZONE)\""},
    {"interval", SIG_INTERVAL, "\"INTERVAL\""},
    {"ansi_interval", SIG_ANSI_INTERVAL, "\"ANSI INTERVAL\""},
    {"string_or_binary", SIG_STRING_OR_BINARY, NULL},
    {"ordered", SIG_ORDERED, "\"ORDERED\""},
    {"struct", SIG_STRUCT, "\"STRUCT\""},
    {"lambda", SIG_LAMBDA, "\"LAMBDA\""},
    {"same", SIG_SAME, ""},
    {"bind", SIG_BIND, ""},
};

typedef struct SigType SigType;
struct SigType {
    SigKind kind;
    const MrType *type; /* SIG_TYPE               */
    int32_t var;        /* SIG_VAR: T U K V = 0.. */
    SigType *sub[2];    /* ARRAY, MAP             */
};

typedef struct SigArg {
    SigType *alts[SIG_MAX_ALTS];
    int32_t n_alts;
    bool optional, repeated, exact;
} SigArg;

typedef struct Sig {
    SigArg args[SIG_MAX_ARGS];
    int32_t n_args;
    SigType *result;
} Sig;

typedef struct SigReader {
    MrArena *arena;
    const char *at;
} SigReader;

static void skip_blanks(SigReader *reader)
{
    while (*reader->at == ' ')
        reader->at++;
}

static bool sig_take(SigReader *reader, const char *text)
{
    size_t n = strlen(text);
    if (strncmp(reader->at, text, n) != 0)
        return false;
    reader->at += n;
    return true;
}

static SigType *sig_type_read(SigReader *reader)
{
    SigType *type = MR_NEW(reader->arena, SigType);
    skip_blanks(reader);
    if (sig_take(reader, "array<")) {
        type->kind = SIG_ARRAY;
        type->sub[0] = sig_type_read(reader);
        MR_ASSERT(sig_take(reader, ">"));
        return type;
    }
    if (sig_take(reader, "map<")) {
        type->kind = SIG_MAP;
        type->sub[0] = sig_type_read(reader);
        skip_blanks(reader);
        MR_ASSERT(sig_take(reader, ","));
        type->sub[1] = sig_type_read(reader);
        MR_ASSERT(sig_take(reader, ">"));
        return type;
    }
    const char *from = reader->at;
    if (*from >= 'A' && *from <= 'Z' && !(from[1] >= 'a' && from[1] <= 'z')) {
        static const char vars[] = "TUKV";
        const char *var = strchr(vars, *from);
        MR_ASSERT(var != NULL);
        reader->at++;
        type->kind = SIG_VAR;
        type->var = (int32_t)(var - vars);
        return type;
    }
    while ((*reader->at >= 'a' && *reader->at <= 'z') || *reader->at == '_' ||
           (*reader->at == ' ' && reader->at[1] >= 'a' && reader->at[1] <= 'z')) /* day to second */
        reader->at++;
    size_t n = (size_t)(reader->at - from);
    if (*reader->at != '(' && *reader->at != '<') {
        for (int64_t i = 0; i < MR_COUNT(sig_words); i++) {
            if (strlen(sig_words[i].name) == n && memcmp(sig_words[i].name, from, n) == 0) {
                type->kind = sig_words[i].kind;
                return type;
            }
        }
    }
    for (int32_t depth = 0; *reader->at == '(' || *reader->at == '<' || depth > 0; reader->at++) {
        MR_ASSERT(*reader->at != '\0');
        depth += *reader->at == '(' || *reader->at == '<' ? 1 : 0;
        depth -= *reader->at == ')' || *reader->at == '>' ? 1 : 0;
    }
    type->kind = SIG_TYPE;
    MrError err = {0};
    MrText text = {from, reader->at - from};
    if (mr_type_parse(reader->arena, text, false, &type->type, &err) != MR_OK)
        mr_assert_failed("the signature names a type", reader->at, 0);
    return type;
}

static Sig *sig_read(MrArena *arena, const char *text)
{
    SigReader reader = {arena, text};
    Sig *sig = MR_NEW(arena, Sig);
    skip_blanks(&reader);
    while (!sig_take(&reader, "->")) {
        MR_ASSERT(sig->n_args < SIG_MAX_ARGS);
        SigArg *arg = &sig->args[sig->n_args++];
        do {
            MR_ASSERT(arg->n_alts < SIG_MAX_ALTS);
            arg->alts[arg->n_alts++] = sig_type_read(&reader);
        } while (sig_take(&reader, "|"));
        for (;; reader.at++) {
            if (*reader.at == '?')
                arg->optional = true;
            else if (*reader.at == '*')
                arg->repeated = true;
            else if (*reader.at == '!')
                arg->exact = true;
            else
                break;
        }
        skip_blanks(&reader);
        if (sig_take(&reader, ","))
            skip_blanks(&reader);
    }
    sig->result = sig_type_read(&reader);
    return sig;
}

static bool sig_accepts(const SigType *want, const MrType *type)
{
    switch (want->kind) {
    case SIG_TYPE:
        if (want->type->kind == MR_TYPE_STRING && type->kind == MR_TYPE_STRING)
            return true;
        if (want->type->kind == MR_TYPE_TIME || want->type->kind == MR_TYPE_INTERVAL_DT ||
            want->type->kind == MR_TYPE_INTERVAL_YM)
            return type->kind == want->type->kind;
        if (want->type->kind == MR_TYPE_DECIMAL)
            return type->kind == MR_TYPE_DECIMAL && type->precision == want->type->precision &&
                   type->scale == want->type->scale;
        return mr_type_same_data(want->type, type);
    case SIG_ANY:
    case SIG_SAME:
    case SIG_BIND:
        return true;
    case SIG_NUMERIC:
        return mr_type_is_numeric(type);
    case SIG_INTEGRAL:
        return mr_type_is_integral(type);
    case SIG_FRACTIONAL:
        return mr_type_is_numeric(type) && !mr_type_is_integral(type);
    case SIG_DECIMAL:
        return type->kind == MR_TYPE_DECIMAL;
    case SIG_DATETIME:
        return type->kind == MR_TYPE_TIMESTAMP || type->kind == MR_TYPE_TIMESTAMP_NTZ;
    case SIG_INTERVAL:
        return type->kind == MR_TYPE_INTERVAL;
    case SIG_ANSI_INTERVAL:
        return type->kind == MR_TYPE_INTERVAL_DT || type->kind == MR_TYPE_INTERVAL_YM;
    case SIG_STRING_OR_BINARY:
        return type->kind == MR_TYPE_STRING || type->kind == MR_TYPE_BINARY;
    case SIG_ORDERED:
        return mr_type_is_orderable(type);
    case SIG_VAR:
        return true;
    case SIG_ARRAY:
        return type->kind == MR_TYPE_ARRAY && sig_accepts(want->sub[0], type->fields[0].type);
    case SIG_MAP:
        return type->kind == MR_TYPE_MAP && sig_accepts(want->sub[0], type->fields[0].type) &&
               sig_accepts(want->sub[1], type->fields[1].type);
    case SIG_STRUCT:
        return type->kind == MR_TYPE_STRUCT;
    case SIG_LAMBDA:
        return false;
    }
    return false;
}

/* What a value of `type` is cast to when `want` is expected; NULL: it cannot be. */
static const MrType *sig_implicit(MrBind *bind, const SigType *want, const MrType *type)
{
    MrArena *arena = bind->arena;
    bool is_void = type->kind == MR_TYPE_VOID, is_string = type->kind == MR_TYPE_STRING;
    if (want->kind == SIG_TYPE && sig_accepts(want, type))
        return type->kind == MR_TYPE_STRING && type->length ? want->type : type;
    if (sig_accepts(want, type) && !(is_void && want->kind == SIG_VAR))
        return type;
    switch (want->kind) {
    case SIG_TYPE:
        return mr_coerce_implicit(arena, bind->settings, type, want->type);
    case SIG_NUMERIC:
    case SIG_FRACTIONAL:
        return is_void || is_string ? MR_T(DOUBLE) : NULL;
    case SIG_INTEGRAL:
        return is_void ? MR_T(BIGINT) : NULL;
    case SIG_DECIMAL:
        if (is_void || is_string)
            return mr_type_decimal(arena, 38, 18);
        return mr_type_is_numeric(type) ? mr__decimal_for(arena, type) : NULL;
    case SIG_DATETIME:
        return is_void || is_string || type->kind == MR_TYPE_DATE
                   ? MR_T(TIMESTAMP) + (bind->settings->timestamp_ntz ? 1 : 0)
                   : NULL;
    case SIG_INTERVAL:
        return is_void || is_string ? MR_T(INTERVAL) : NULL;
    case SIG_ANSI_INTERVAL:
        return is_void ? MR_T(INTERVAL_DT) : NULL;
    case SIG_STRING_OR_BINARY:
        return mr_coerce_implicit(arena, bind->settings, type, MR_T(STRING));
    case SIG_VAR:
        return type;
    case SIG_ARRAY: {
        if (is_void && want->sub[0]->kind == SIG_TYPE)
            return mr_type_array(arena, want->sub[0]->type, true);
        if (is_void)
            return mr_type_array(arena, MR_T(VOID), true);
        if (type->kind != MR_TYPE_ARRAY)
            return NULL;
        const MrType *element = sig_implicit(bind, want->sub[0], type->fields[0].type);
        return element ? mr_type_array(arena, element, type->fields[0].nullable) : NULL;
    }
    case SIG_MAP: {
        if (is_void)
            return mr_type_map(
                arena, want->sub[0]->kind == SIG_TYPE ? want->sub[0]->type : MR_T(VOID),
                want->sub[1]->kind == SIG_TYPE ? want->sub[1]->type : MR_T(VOID), true);
        if (type->kind != MR_TYPE_MAP)
            return NULL;
        const MrType *key = sig_implicit(bind, want->sub[0], type->fields[0].type);
        const MrType *value = sig_implicit(bind, want->sub[1], type->fields[1].type);
        return key && value ? mr_type_map(arena, key, value, type->fields[1].nullable) : NULL;
    }
    default:
        return NULL;
    }
}

/* Widens the variables that stand in `want` by what stands there in `type`; false: no common type.
 */
static bool vars_widen(MrBind *bind, const SigType *want, const MrType *type, const MrType **vars)
{
    switch (want->kind) {
    case SIG_VAR: {
        const MrType **var = &vars[want->var];
        const MrType *wider =
            *var ? mr_coerce_common(bind->arena, bind->settings, *var, type) : type;
        if (!wider)
            return false;
        *var = wider;
        return true;
    }
    case SIG_ARRAY:
        return type->kind != MR_TYPE_ARRAY ||
               vars_widen(bind, want->sub[0], type->fields[0].type, vars);
    case SIG_MAP:
        return type->kind != MR_TYPE_MAP ||
               (vars_widen(bind, want->sub[0], type->fields[0].type, vars) &&
                vars_widen(bind, want->sub[1], type->fields[1].type, vars));
    default:
        return true;
    }
}

/* The concrete type of `want`; nullable parts from `like` (may be NULL). */
static const MrType *vars_replace(MrBind *bind, const SigType *want, const MrType **vars,
                                  const MrType *like)
{
    switch (want->kind) {
    case SIG_VAR:
        return vars[want->var] ? vars[want->var] : MR_T(VOID);
    case SIG_ARRAY:
        return mr_type_array(
            bind->arena,
            vars_replace(bind, want->sub[0], vars,
                         like && like->kind == MR_TYPE_ARRAY ? like->fields[0].type : NULL),
            !like || like->kind != MR_TYPE_ARRAY || like->fields[0].nullable);
    case SIG_MAP: {
        bool is_map = like && like->kind == MR_TYPE_MAP;
        return mr_type_map(
            bind->arena,
            vars_replace(bind, want->sub[0], vars, is_map ? like->fields[0].type : NULL),
            vars_replace(bind, want->sub[1], vars, is_map ? like->fields[1].type : NULL),
            !is_map || like->fields[1].nullable);
    }
    case SIG_TYPE:
        return want->type;
    default:
        return like;
    }
}

static bool has_var(const SigType *want)
{
    return want->kind == SIG_VAR || (want->sub[0] && has_var(want->sub[0])) ||
           (want->sub[1] && has_var(want->sub[1]));
}

static const SigArg *sig_arg(const Sig *sig, int32_t i)
{
    if (i < sig->n_args)
        return &sig->args[i];
    return sig->n_args && sig->args[sig->n_args - 1].repeated ? &sig->args[sig->n_args - 1] : NULL;
}

static int32_t sig_min_args(const Sig *sig)
{
    int32_t n = 0;
    while (n < sig->n_args && !sig->args[n].optional && !sig->args[n].repeated)
        n++;
    return n;
}

static bool sig_takes_n(const Sig *sig, int32_t n_args)
{
    bool repeats = sig->n_args && sig->args[sig->n_args - 1].repeated;
    return n_args >= sig_min_args(sig) && (repeats || n_args <= sig->n_args);
}

/* Tries one row.  Returns -1 when it takes the arguments (cast_to and type are then set), else the
 * index of the first argument that does not fit. */
static int32_t sig_try(MrBind *bind, const Sig *sig, bool with_casts)
{
    const MrType *vars[4] = {0};
    const MrType **casts = MR_NEW_N(bind->arena, const MrType *, bind->n_args + 1);
    const SigType **chosen = MR_NEW_N(bind->arena, const SigType *, bind->n_args + 1);
    for (int32_t i = 0; i < bind->n_args; i++) {
        const SigArg *arg = sig_arg(sig, i);
        const MrArgInfo *info = &bind->args[i];
        if (info->n_lambda_params > 0) {
            if (arg->alts[0]->kind != SIG_LAMBDA)
                return i;
            chosen[i] = arg->alts[0];
            continue;
        }
        for (int32_t k = 0; k < arg->n_alts && !chosen[i]; k++) {
            if (info->type->kind == MR_TYPE_VOID && arg->alts[k]->kind != SIG_ANY &&
                arg->alts[k]->kind != SIG_VAR && arg->alts[k]->kind != SIG_ORDERED)
                continue;
            if (sig_accepts(arg->alts[k], info->type)) {
                chosen[i] = arg->alts[k];
                casts[i] = info->type;
            }
        }
        if (!chosen[i] && (!with_casts || (arg->exact && info->type->kind != MR_TYPE_VOID)))
            return i;
        /* With ANSI off, where several sizes of integers will do (date_add), only a constant string
         * does. */
        if (!chosen[i] && info->type->kind == MR_TYPE_STRING && !bind->settings->ansi &&
            !info->value && arg->n_alts > 1 && arg->alts[0]->kind == SIG_TYPE &&
            mr_type_is_integral(arg->alts[0]->type))
            return i;
        for (int32_t k = 0; k < arg->n_alts && !chosen[i]; k++) {
            casts[i] = sig_implicit(bind, arg->alts[k], info->type);
            if (casts[i])
                chosen[i] = arg->alts[k];
        }
        if (!chosen[i])
            return i;
        if (!vars_widen(bind, chosen[i], casts[i], vars))
            return i;
    }
    for (int32_t i = 0; i < bind->n_args; i++) {
        if (chosen[i]->kind == SIG_LAMBDA)
            continue;
        if (has_var(chosen[i])) {
            const MrType *full = vars_replace(bind, chosen[i], vars, casts[i]);
            if (!mr_type_same_data(full, casts[i])) {
                if (!with_casts)
                    return i;
                casts[i] = full;
            }
        }
        bind->args[i].cast_to = casts[i];
    }
    switch (sig->result->kind) {
    case SIG_SAME:
        bind->type = bind->args[0].cast_to;
        break;
    case SIG_BIND:
        bind->type = NULL;
        break;
    default:
        bind->type = vars_replace(bind, sig->result, vars, NULL);
    }
    return -1;
}

const char *mr__quoted_type(MrArena *arena, const MrType *type)
{
    return mr_arena_printf(arena, "\"%s\"", mr_type_sql_text(arena, type));
}

const char *mr__quoted_expr(MrArena *arena, const char *sql)
{
    return mr_arena_printf(arena, "\"%s\"", sql);
}

static const char *ordinal(MrArena *arena, int32_t idx)
{
    static const char *const words[] = {"first", "second",  "third",  "fourth", "fifth",
                                        "sixth", "seventh", "eighth", "ninth",  "tenth"};
    return idx < MR_COUNT(words) ? words[idx] : mr_arena_printf(arena, "%dth", idx + 1);
}

MrStatus mr__fail_input_type(MrBind *bind, int32_t arg_idx, const char *required, MrError *err)
{
    const MrArgInfo *arg = &bind->args[arg_idx];
    return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__UNEXPECTED_INPUT_TYPE, "sqlExpr",
                   mr__quoted_expr(bind->arena, bind->sql), "paramIndex",
                   ordinal(bind->arena, arg_idx), "requiredType", required, "inputSql",
                   mr__quoted_expr(bind->arena, arg->sql), "inputType",
                   arg->type ? mr__quoted_type(bind->arena, arg->type) : "\"LAMBDA\"");
}

MrStatus mr__fail_num_args(const MrBind *bind, const char *name, const char *expected, MrError *err)
{
    return MR_FAIL(err, MR_COND_WRONG_NUM_ARGS__WITHOUT_SUGGESTION, "functionName",
                   mr_quote_name(bind->arena, name), "expectedNum", expected, "actualNum",
                   mr_arena_printf(bind->arena, "%d", bind->n_args), "docroot",
                   "https://spark.apache.org/docs/latest");
}

static const char *sig_type_required(MrArena *arena, const SigType *type)
{
    for (int64_t i = 0; i < MR_COUNT(sig_words); i++)
        if (sig_words[i].kind == type->kind && sig_words[i].required)
            return sig_words[i].required;
    switch (type->kind) {
    case SIG_TYPE:
        return mr__quoted_type(arena, type->type);
    case SIG_STRING_OR_BINARY:
        return "(\"STRING\" or \"BINARY\")";
    case SIG_ARRAY:
        if (type->sub[0]->kind == SIG_TYPE)
            return mr_arena_printf(arena, "\"ARRAY<%s>\"",
                                   mr_type_sql_text(arena, type->sub[0]->type));
        if (type->sub[0]->kind == SIG_STRUCT)
            return "\"ARRAY<STRUCT>\"";
        return "\"ARRAY\"";
    case SIG_MAP:
        return "\"MAP\"";
    default:
        return "\"ANY\"";
    }
}

/* What all rows together would take as argument arg_idx. */
static const char *required_text(MrBind *bind, Sig *const *sigs, int32_t n_sigs, int32_t arg_idx)
{
    const char *seen[64];
    int32_t n = 0;
    for (int32_t s = 0; s < n_sigs; s++) {
        const SigArg *arg = sig_arg(sigs[s], arg_idx);
        if (!arg || !sig_takes_n(sigs[s], bind->n_args))
            continue;
        for (int32_t k = 0; k < arg->n_alts; k++) {
            const char *text = sig_type_required(bind->arena, arg->alts[k]);
            bool known = false;
            for (int32_t i = 0; i < n; i++)
                known = known || strcmp(seen[i], text) == 0;
            if (!known && n < MR_COUNT(seen))
                seen[n++] = text;
        }
    }
    if (n == 1)
        return seen[0];
    MrTextBuilder text = {.arena = bind->arena};
    for (int32_t i = 0; i < n; i++)
        mr_builder_printf(&text, "%s%s", i ? " or " : "(", seen[i]);
    mr_builder_str(&text, ")");
    return mr_builder_text(&text).data;
}

/* "2", "[1, 2]", "> 0". */
static const char *expected_num(MrBind *bind, Sig *const *sigs, int32_t n_sigs)
{
    int32_t min_repeating = -1;
    bool takes[SIG_MAX_ARGS + 1] = {0};
    for (int32_t s = 0; s < n_sigs; s++) {
        int32_t min = sig_min_args(sigs[s]);
        if (sigs[s]->n_args && sigs[s]->args[sigs[s]->n_args - 1].repeated)
            min_repeating = min_repeating < 0 || min < min_repeating ? min : min_repeating;
        for (int32_t n = min; n <= sigs[s]->n_args; n++)
            takes[n] = true;
    }
    if (min_repeating >= 0)
        return mr_arena_printf(bind->arena, "> %d", min_repeating - 1);
    MrTextBuilder text = {.arena = bind->arena};
    int32_t n_found = 0, only = 0;
    for (int32_t n = 0; n <= SIG_MAX_ARGS; n++) {
        if (takes[n]) {
            mr_builder_printf(&text, "%s%d", n_found++ ? ", " : "[", n);
            only = n;
        }
    }
    if (n_found == 1)
        return mr_arena_printf(bind->arena, "%d", only);
    mr_builder_str(&text, "]");
    return mr_builder_text(&text).data;
}

MrStatus mr__signature_choose(MrBind *bind, const MrSignatureSet *set, int32_t *chosen,
                              MrError *err)
{
    Sig **sigs = MR_NEW_N(bind->arena, Sig *, set->n + 1);
    bool any_takes = false;
    for (int32_t i = 0; i < set->n; i++) {
        sigs[i] = sig_read(bind->arena, set->signatures[i]);
        any_takes = any_takes || sig_takes_n(sigs[i], bind->n_args);
    }
    if (!any_takes)
        return mr__fail_num_args(bind, set->name, expected_num(bind, sigs, set->n), err);
    int32_t worst = 0;
    for (int32_t pass = 0; pass < 2; pass++) {
        for (int32_t i = 0; i < set->n; i++) {
            if (!sig_takes_n(sigs[i], bind->n_args))
                continue;
            int32_t misfit = sig_try(bind, sigs[i], pass == 1);
            if (misfit < 0) {
                *chosen = i;
                return MR_OK;
            }
            worst = misfit > worst ? misfit : worst;
        }
    }
    return mr__fail_input_type(bind, worst, required_text(bind, sigs, set->n, worst), err);
}

const MrType *mr__bind_common(MrBind *bind, int32_t from)
{
    const MrType *common = NULL;
    for (int32_t i = from; i < bind->n_args; i++) {
        const MrType *type = bind->args[i].type;
        common = common ? mr_coerce_common(bind->arena, bind->settings, common, type) : type;
        if (!common)
            return NULL;
    }
    for (int32_t i = from; i < bind->n_args; i++)
        bind->args[i].cast_to = common;
    return common;
}

bool mr__arg_i64(const MrArgInfo *arg, int64_t *out)
{
    const MrVector *vec = arg->value;
    if (!vec || mr_vector_is_null(vec, 0))
        return false;
    switch (vec->type->kind) {
    case MR_TYPE_BOOLEAN:
    case MR_TYPE_TINYINT:
        *out = vec->i8[0];
        return true;
    case MR_TYPE_SMALLINT:
        *out = vec->i16[0];
        return true;
    case MR_TYPE_INT:
        *out = vec->i32[0];
        return true;
    case MR_TYPE_BIGINT:
        *out = vec->i64[0];
        return true;
    default:
        return false;
    }
}

bool mr__arg_text(const MrArgInfo *arg, MrText *out)
{
    const MrVector *vec = arg->value;
    if (!vec || vec->type->kind != MR_TYPE_STRING || mr_vector_is_null(vec, 0))
        return false;
    *out = mr_str_text(&vec->str[0]);
    return true;
}
