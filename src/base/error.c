/* error.c - the table of conditions, and errors in the caller's storage. */
#include "base/error.h"
#include "base/text.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const MrConditionDef mr_conditions[MR_N_CONDITIONS] = {
    [MR_COND_NONE] = {"", "00000", MR_OK, "", ""},
#define X(id, name, sqlstate, status, params, text)                                                \
    [MR_COND_##id] = {name, sqlstate, status, params, text},
#include "base/conditions.inc.h"
#undef X
};

#define MAX_PARAMS 16
#define PARAMS_BYTES ((int64_t)sizeof(((MrError *)NULL)->params))

static const MrConditionDef *condition_def(const MrError *err)
{
    bool known = err->condition > 0 && err->condition < MR_N_CONDITIONS;
    return &mr_conditions[known ? err->condition : MR_COND_NONE];
}

MrCondition mr_condition_find(const char *name)
{
    int low = 1, high = MR_N_CONDITIONS - 1;
    while (low <= high) {
        int mid = (low + high) / 2;
        int order = strcmp(name, mr_conditions[mid].name);
        if (order == 0)
            return (MrCondition)mid;
        if (order < 0)
            high = mid - 1;
        else
            low = mid + 1;
    }
    return MR_COND_NONE;
}

/* The longest prefix of at most max_bytes that does not end inside a UTF-8 character. */
static int64_t prefix_bytes(const char *text, int64_t size_bytes, int64_t max_bytes)
{
    if (size_bytes <= max_bytes)
        return size_bytes;
    int64_t n = max_bytes;
    while (n > 0 && max_bytes - n < 4 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n--;
    return n;
}

/* Without the last character of a text that was cut, when not all of it is there. */
static int64_t whole_bytes(const char *text, int64_t size_bytes)
{
    int64_t lead = size_bytes - 1;
    int32_t n_bytes;
    while (lead > 0 && size_bytes - lead < 4 && ((unsigned char)text[lead] & 0xC0) == 0x80)
        lead--;
    bool is_cut = lead >= 0 && (unsigned char)text[lead] >= 0xC0 &&
                  mr_utf8_next(text + lead, size_bytes - lead, &n_bytes) < 0;
    return is_cut ? lead : size_bytes;
}

/* When not all fits, short values stay whole and long ones share what is left. */
static void params_store(MrError *err, int n_params, const char *const *names,
                         const char *const *values)
{
    char packed[PARAMS_BYTES];
    int64_t lengths[MAX_PARAMS];
    int64_t room = PARAMS_BYTES, at = 0;
    for (int i = 0; i < n_params; i++) {
        lengths[i] = (int64_t)strnlen(values[i], (size_t)PARAMS_BYTES);
        room -= (int64_t)strlen(names[i]) + 2;
    }
    if (room < 0) {
        n_params = 0;
        room = 0;
    }
    for (int i = 0; i < n_params; i++) {
        int64_t share = room / (n_params - i), later = 0;
        for (int j = i + 1; j < n_params; j++)
            later += lengths[j] < share ? lengths[j] : share;
        int64_t size = prefix_bytes(values[i], lengths[i], room - later);
        size_t name_bytes = strlen(names[i]) + 1;
        memcpy(packed + at, names[i], name_bytes);
        at += (int64_t)name_bytes;
        memcpy(packed + at, values[i], (size_t)size);
        at += size;
        packed[at++] = '\0';
        room -= size;
    }
    memcpy(err->params, packed, (size_t)at);
    err->params_bytes = (int32_t)at;
}

static MrStatus error_fill(MrError *err, MrCondition condition, int n_params,
                           const char *const *names, const char *const *values)
{
    params_store(err, n_params, names, values); /* first: a value may lie in err itself */
    err->status = mr_conditions[condition].status;
    err->condition = (int32_t)condition;
    err->sql_idx = -1;
    err->sql_len = 0;
    err->trail[0] = '\0';
    return err->status;
}

MrStatus mr_error_raise(MrError *err, MrCondition condition, ...)
{
    const char *names[MAX_PARAMS], *values[MAX_PARAMS];
    int n_params = 0;
    va_list args;
    va_start(args, condition);
    while (n_params < MAX_PARAMS) {
        names[n_params] = va_arg(args, const char *);
        if (names[n_params] == NULL)
            break;
        values[n_params] = va_arg(args, const char *);
        if (values[n_params] == NULL)
            break;
        n_params++;
    }
    va_end(args);
    return error_fill(err, condition, n_params, names, values);
}

MrStatus mr_error_raisef(MrError *err, MrCondition condition, const char *param, const char *format,
                         ...)
{
    char value[PARAMS_BYTES];
    const char *values[1] = {value};
    va_list args;
    va_start(args, format);
    if (vsnprintf(value, sizeof value, format, args) >= (int)sizeof value)
        value[whole_bytes(value, (int64_t)sizeof value - 1)] = '\0';
    va_end(args);
    return error_fill(err, condition, 1, &param, values);
}

void mr_error_add(MrError *err, const char *format, ...)
{
    char line[sizeof err->trail];
    va_list args;
    va_start(args, format);
    int size = vsnprintf(line, sizeof line, format, args);
    va_end(args);
    size_t used = strlen(err->trail);
    if (size < 0 || used + (size_t)size + 2 > sizeof err->trail)
        return;
    if (used > 0)
        err->trail[used++] = '\n';
    memcpy(err->trail + used, line, (size_t)size + 1);
}

void mr_error_at(MrError *err, int32_t sql_idx, int32_t sql_len)
{
    if (err->sql_idx >= 0)
        return;
    err->sql_idx = sql_idx;
    err->sql_len = sql_len;
}

static const char *param_find(const MrError *err, const char *name, size_t name_bytes)
{
    const char *at = err->params, *end = err->params + err->params_bytes;
    while (at < end) {
        const char *value = at + strlen(at) + 1;
        if (strlen(at) == name_bytes && memcmp(at, name, name_bytes) == 0)
            return value;
        at = value + strlen(value) + 1;
    }
    return NULL;
}

const char *mr_error_param(const MrError *err, const char *name)
{
    return param_find(err, name, strlen(name));
}

const char *mr_error_condition(const MrError *err)
{
    return condition_def(err)->name;
}

const char *mr_error_sqlstate(const MrError *err)
{
    return condition_def(err)->sqlstate;
}

typedef struct Out {
    char *text;
    int64_t cap_bytes, size_bytes;
} Out;

static void out_put(Out *out, const char *text, int64_t size_bytes)
{
    int64_t room = out->cap_bytes - 1 - out->size_bytes;
    if (room > 0)
        memcpy(out->text + out->size_bytes, text, (size_t)(size_bytes < room ? size_bytes : room));
    out->size_bytes += size_bytes;
}

static void out_str(Out *out, const char *text)
{
    out_put(out, text, (int64_t)strlen(text));
}

/* What may hold bytes of the user's: those that are no UTF-8 become U+FFFD. */
static void out_foreign(Out *out, const char *text, int64_t size_bytes)
{
    int32_t n_bytes;
    for (int64_t i = 0; i < size_bytes; i += n_bytes) {
        bool is_broken = mr_utf8_next(text + i, size_bytes - i, &n_bytes) < 0;
        out_put(out, is_broken ? "\xEF\xBF\xBD" : text + i, is_broken ? 3 : n_bytes);
    }
}

/* "DATATYPE_MISMATCH.INVALID_JSON_SCHEMA" -> "Datatype mismatch: invalid json schema" */
static void out_name_in_words(Out *out, const char *name)
{
    for (const char *c = name; *c != '\0'; c++) {
        char word = (char)(*c >= 'A' && *c <= 'Z' && c != name ? *c + 32 : *c);
        if (*c == '.')
            out_str(out, ": ");
        else
            out_put(out, *c == '_' ? " " : &word, 1);
    }
}

static void out_sentence(Out *out, const MrConditionDef *def, const MrError *err)
{
    if (def->text[0] != '\0') {
        for (const char *at = def->text; *at != '\0';) {
            const char *close = *at == '<' ? strchr(at, '>') : NULL;
            const char *value =
                close != NULL ? param_find(err, at + 1, (size_t)(close - at - 1)) : NULL;
            if (value != NULL) {
                out_foreign(out, value, (int64_t)strlen(value));
                at = close + 1;
            } else if (close != NULL) { /* a parameter that the raiser left out */
                at = close + 1;
            } else {
                out_put(out, at++, 1);
            }
        }
        return;
    }
    out_name_in_words(out, def->name);
    const char *at = err->params, *end = err->params + err->params_bytes;
    for (const char *sep = " ("; at < end; sep = ", ") {
        const char *value = at + strlen(at) + 1;
        out_str(out, sep);
        out_str(out, at);
        out_str(out, ": ");
        out_foreign(out, value, (int64_t)strlen(value));
        at = value + strlen(value) + 1;
    }
    out_str(out, err->params_bytes > 0 ? ")." : ".");
}

int64_t mr_error_message(const MrError *err, char *text, int64_t size_bytes)
{
    Out out = {text, size_bytes, 0};
    const MrConditionDef *def = condition_def(err);
    if (def->name[0] != '\0') {
        out_str(&out, "[");
        out_str(&out, def->name);
        out_str(&out, "] ");
        out_sentence(&out, def, err);
        if (def->sqlstate[0] != '\0') { /* Spark's oldest have none */
            out_str(&out, " SQLSTATE: ");
            out_str(&out, def->sqlstate);
        }
    }
    for (const char *line = err->trail; *line != '\0';) {
        const char *end = strchrnul(line, '\n');
        out_str(&out, "\n  ");
        out_foreign(&out, line, end - line);
        line = *end == '\0' ? end : end + 1;
    }
    if (size_bytes > 0)
        text[out.size_bytes < size_bytes ? out.size_bytes : whole_bytes(text, size_bytes - 1)] =
            '\0';
    return out.size_bytes;
}

void mr_assert_failed(const char *expr, const char *file, int line)
{
    fprintf(stderr, "millrace: %s:%d: assertion failed: %s\n", file, line, expr);
    abort();
}
