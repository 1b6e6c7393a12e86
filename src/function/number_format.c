/* number_format.c - numbers from and to text by formats of 0, 9, comma, point, $ and signs:
 * to_number, to_char. */
#include "function/date_int.h"

typedef struct NumberFormat {
    char body[128]; /* 0 9 , .                        */
    int32_t n, n_whole, n_fraction;
    bool dollar;
    char lead, trail; /* '\0', 'S', 'M' (MI), 'P' (PR) */
} NumberFormat;

static MrStatus format_read(MrArena *arena, MrText text, NumberFormat *out, MrError *err)
{
    int64_t at = 0;
    bool point = false;
    char *shown = mr_arena_printf(arena, "'%.*s'", (int)text.size_bytes, text.data);
    char *upper = mr_arena_strn(arena, text.data, text.size_bytes);
    for (char *c = upper; *c; c++)
        *c = (char)(*c >= 'a' && *c <= 'z' ? *c - 32 : *c);
    *out = (NumberFormat){0};
    if (text.size_bytes == 0)
        return MR_FAIL(err, MR_COND_INVALID_FORMAT__EMPTY, "format", shown);
    if (upper[at] == 'S') {
        out->lead = 'S';
        at++;
    } else if (upper[at] == 'M' && upper[at + 1] == 'I') {
        out->lead = 'M';
        at += 2;
    }
    if (upper[at] == '$') {
        out->dollar = true;
        at++;
    }
    for (; upper[at] && strchr("09,G.D", upper[at]); at++) {
        char c = upper[at] == 'G' ? ',' : upper[at] == 'D' ? '.' : upper[at];
        if (out->n == MR_COUNT(out->body) || (c == '.' && point))
            break;
        point = point || c == '.';
        out->n_whole += !point && c != ',';
        out->n_fraction += point && c != '.';
        out->body[out->n++] = c;
    }
    if (out->n_whole + out->n_fraction == 0)
        return MR_FAIL(err, MR_COND_INVALID_FORMAT__WRONG_NUM_DIGIT, "format", shown);
    if (upper[at] == 'S' && !out->lead) {
        out->trail = 'S';
        at++;
    } else if (upper[at] == 'M' && upper[at + 1] == 'I' && !out->lead) {
        out->trail = 'M';
        at += 2;
    } else if (upper[at] == 'P' && upper[at + 1] == 'R' && !out->lead) {
        out->trail = 'P';
        at += 2;
    }
    if (at < text.size_bytes)
        return MR_FAIL(err, MR_COND_INVALID_FORMAT__UNEXPECTED_TOKEN, "format", shown, "token",
                       mr_arena_printf(arena, "character '%c'", upper[at]));
    if (out->n_whole + out->n_fraction > 38)
        return MR_FAIL_UNSUPPORTED(err, "a number format of more than 38 digits");
    return MR_OK;
}

/* The unscaled value, of n_fraction digits behind the point; false: the text does not fit. */
static bool number_read(const NumberFormat *format, MrText text, MrI128 *out)
{
    bool minus = false;
    text = mr_text_trim_all(text);
    const char *at = text.data, *end = text.data + text.size_bytes;
    if (format->trail == 'P' && end - at >= 2 && *at == '<' && end[-1] == '>') {
        minus = true;
        at++;
        end--;
    }
    if (format->lead && at < end && (*at == '-' || (*at == '+' && format->lead == 'S')))
        minus = *at++ == '-';
    if (format->dollar && (at >= end || *at++ != '$'))
        return false;
    if ((format->trail == 'S' || format->trail == 'M') && at < end &&
        (end[-1] == '-' || (end[-1] == '+' && format->trail == 'S')))
        minus = *--end == '-';
    const char *point = memchr(at, '.', (size_t)(end - at)), *whole_end = point ? point : end;
    MrI128 value = 0;
    /* The whole digits from the point to the left, group by group. */
    int32_t f = 0;
    while (f < format->n && format->body[f] != '.')
        f++;
    int32_t body_point = f;
    const char *c = whole_end;
    bool strict = memchr(format->body, '0', (size_t)body_point) != NULL;
    for (f = body_point - 1; f >= 0; f--) {
        if (c == at) {
            bool needed = false; /* zeros that are left must be there */
            for (int32_t k = f; k >= 0; k--)
                needed = needed || (format->body[k] == '0' && strict);
            if (needed)
                return false;
            break;
        }
        c--;
        if (format->body[f] == ',' ? *c != ',' : *c < '0' || *c > '9')
            return false;
    }
    if (c != at)
        return false;
    for (c = at; c < whole_end; c++)
        if (*c != ',')
            value = value * 10 + (*c - '0');
    int32_t n = 0;
    for (c = point ? point + 1 : end; c < end; c++, n++) {
        if (*c < '0' || *c > '9' || n == format->n_fraction)
            return false;
        value = value * 10 + (*c - '0');
    }
    for (; n < format->n_fraction; n++)
        value *= 10;
    *out = minus ? -value : value;
    return true;
}

static MrStatus to_number_call(MrCall *call, MrError *err)
{
    const NumberFormat *format = call->bound->data;
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), shown = mr__arg_str(call, 1, row);
        MrI128 value = 0;
        if (!number_read(format, text, &value)) {
            if (call->bound->def->name[1] == 'r') {
                mr_call_null(call, row);
                continue;
            }
            return MR_FAIL(err, MR_COND_INVALID_FORMAT__MISMATCH_INPUT, "inputType", "\"STRING\"",
                           "input", mr_arena_strn(call->arena, text.data, text.size_bytes),
                           "format", mr_arena_strn(call->arena, shown.data, shown.size_bytes));
        }
        if (mr_type_physical(call->out->type) == MR_PHYS_I64)
            call->out->i64[row] = (int64_t)value;
        else
            call->out->i128[row] = value;
    }
    return MR_OK;
}

static MrStatus format_arg(MrBind *bind, NumberFormat **out, MrError *err)
{
    const MrArgInfo *arg = &bind->args[1];
    MrText text;
    *out = NULL;
    if (!arg->value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`format`",
                       "inputType", "\"STRING\"", "inputExpr",
                       mr__quoted_expr(bind->arena, arg->sql));
    if (!mr__arg_text(arg, &text)) {
        bind->nullable = true;
        bind->call = mr__null_call;
        return MR_OK;
    }
    *out = MR_NEW(bind->arena, NumberFormat);
    bind->data = *out;
    return format_read(bind->arena, text, *out, err);
}

static MrStatus to_number_bind(MrBind *bind, MrError *err)
{
    NumberFormat *format = NULL;
    MR_TRY(format_arg(bind, &format, err));
    bind->nullable = true;
    bind->type = format ? mr_type_decimal(bind->arena, format->n_whole + format->n_fraction,
                                          format->n_fraction)
                        : mr_type_decimal(bind->arena, 38, 0);
    return MR_OK;
}

static MrStatus to_char_call(MrCall *call, MrError *err)
{
    const NumberFormat *format = call->bound->data;
    const MrType *type = call->args[0]->type;
    for (MR_EACH(call, i, row)) {
        MrI128 value = mr_arg_decimal(call->args[0], row), whole = value < 0 ? -value : value, rest,
               unit = 1;
        char digits[40], behind[40], out[200];
        int32_t n_digits = 0, n_behind = type->scale, n = 0, next, blanks = 0;
        for (int32_t k = 0; k < type->scale; k++)
            unit *= 10;
        rest = whole % unit;
        whole /= unit;
        for (; whole > 0; whole /= 10)
            digits[n_digits++] = (char)('0' + (int)(whole % 10)); /* last first */
        for (int32_t k = type->scale; k-- > 0; rest /= 10)
            behind[k] = (char)('0' + (int)(rest % 10));
        while (n_behind > 0 && behind[n_behind - 1] == '0')
            n_behind--;
        bool fits = n_digits <= format->n_whole && n_behind <= format->n_fraction, begun = false;
        next = format->n_whole;
        int32_t at_fraction = 0;
        bool point = false;
        for (int32_t f = 0; f < format->n; f++) {
            char c = format->body[f];
            if (c == '.') {
                point = true;
                out[n++] = c;
            } else if (c == ',') {
                out[n++] = begun || !fits ? ',' : ' ';
            } else if (!fits) {
                out[n++] = '#';
            } else if (point) {
                out[n++] = at_fraction < n_behind ? behind[at_fraction] : '0';
                at_fraction++;
            } else {
                next--;
                begun = begun || next < n_digits || c == '0';
                out[n++] = next < n_digits ? digits[next] : begun ? '0' : ' ';
            }
        }
        while (blanks < n && out[blanks] == ' ')
            blanks++;
        MrTextBuilder text = {.arena = call->arena};
        mr_builder_put(&text, out, blanks); /* signs stand at the number */
        bool minus = value < 0;
        if (format->lead == 'S')
            mr_builder_char(&text, minus ? '-' : '+');
        else if (format->lead == 'M')
            mr_builder_char(&text, minus ? '-' : ' ');
        if (format->trail == 'P' && minus)
            mr_builder_char(&text, '<');
        if (format->dollar)
            mr_builder_char(&text, '$');
        mr_builder_put(&text, out + blanks, n - blanks);
        if (format->trail == 'S')
            mr_builder_char(&text, minus ? '-' : '+');
        else if (format->trail == 'M')
            mr_builder_char(&text, minus ? '-' : ' ');
        else if (format->trail == 'P')
            mr_builder_str(&text, minus ? ">" : "  ");
        mr__put_built(call, row, &text);
    }
    return MR_OK;
}

static MrStatus to_char_bind(MrBind *bind, MrError *err)
{
    NumberFormat *format = NULL;
    const MrType *type = bind->args[0].type;
    MR_TRY(format_arg(bind, &format, err));
    if (mr_type_is_integral(type))
        mr__bind_cast(bind, 0, mr__decimal_for(bind->arena, type));
    return MR_OK;
}

#define FAILS (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)
const MrFunctionDef mr_functions_number_format[] = {
    {"to_number", "string, string -> bind", FAILS, to_number_call, to_number_bind,
     "The number that a text shows in a format.", "to_number('12,454', '99,999') = 12454"},
    {"try_to_number", "string, string -> bind", FAILS | MR_FN_MAY_NULL, to_number_call,
     to_number_bind, "The number that a text shows in a format, or NULL.",
     "try_to_number('a', '9') IS NULL"},
    {"to_char", "decimal!, string -> string", FAILS, to_char_call, to_char_bind,
     "A number in a format.", "to_char(454, '999') = '454'"},
    {"to_char", "integral!, string -> string", FAILS, to_char_call, to_char_bind,
     "A number in a format.", NULL},
    {"to_varchar", "decimal!, string -> string", FAILS, to_char_call, to_char_bind,
     "A number in a format.", NULL},
    {"to_varchar", "integral!, string -> string", FAILS, to_char_call, to_char_bind,
     "A number in a format.", "to_varchar(454, '999') = '454'"},
    {0},
};
