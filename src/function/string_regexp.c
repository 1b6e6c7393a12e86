/* string_regexp.c - regular expressions with Java's syntax, by PCRE2 and its JIT.
 *
 * Patterns are rewritten where Java writes otherwise.  Compiled patterns are kept in one list for
 * the whole process (compiled code is read-only and may be shared by threads; the JIT's pages
 * cannot live in an arena); the list is bounded, what finds no room in it is compiled into the
 * call's arena, without the JIT.  Matching has a limit of steps: a pattern that runs wild fails
 * instead of standing still. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "function/string_int.h"
#include <pcre2.h>
#include <pthread.h>

#define KEPT_MAX 512
#define KEPT_PATTERN_BYTES 1024
#define MATCH_STEPS 50000000 /* a second or so */

typedef struct Kept {
    char pattern[KEPT_PATTERN_BYTES];
    int64_t size_bytes;
    pcre2_code *code;
} Kept;

static struct {
    pthread_mutex_t lock;
    int32_t n;
    Kept *entries[KEPT_MAX];
} kept = {.lock = PTHREAD_MUTEX_INITIALIZER};

static void *arena_malloc(PCRE2_SIZE size, void *arena)
{
    MrError ignored = {0};
    return mr_arena_try(arena, (int64_t)size, &ignored);
}

static void arena_free(void *block, void *arena)
{
}

typedef struct Regexp {
    const pcre2_code *code;
    uint32_t n_groups;
    pcre2_match_data *match;
    pcre2_match_context *limits;
} Regexp;

/* Java's names of classes that PCRE2 calls otherwise, as they stand inside of brackets. */
static const struct {
    const char *java, *set, *set_not;
} class_names[] = {
    {"Lower", "[:lower:]", "[:^lower:]"},    {"Upper", "[:upper:]", "[:^upper:]"},
    {"Alpha", "[:alpha:]", "[:^alpha:]"},    {"Digit", "[:digit:]", "[:^digit:]"},
    {"Alnum", "[:alnum:]", "[:^alnum:]"},    {"Punct", "[:punct:]", "[:^punct:]"},
    {"Graph", "[:graph:]", "[:^graph:]"},    {"Print", "[:print:]", "[:^print:]"},
    {"Blank", "[:blank:]", "[:^blank:]"},    {"Cntrl", "[:cntrl:]", "[:^cntrl:]"},
    {"XDigit", "[:xdigit:]", "[:^xdigit:]"}, {"Space", "[:space:]", "[:^space:]"},
    {"ASCII", "[:ascii:]", "[:^ascii:]"},    {"javaLowerCase", "\\p{Ll}", "\\P{Ll}"},
    {"javaUpperCase", "\\p{Lu}", "\\P{Lu}"}, {"IsAlphabetic", "\\p{Alphabetic}", "\\P{Alphabetic}"},
    {"IsLetter", "\\p{L}", "\\P{L}"},        {"IsDigit", "\\p{Nd}", "\\P{Nd}"},
    {"IsLowercase", "\\p{Ll}", "\\P{Ll}"},   {"IsUppercase", "\\p{Lu}", "\\P{Lu}"},
    {"IsPunctuation", "\\p{P}", "\\P{P}"},   {"IsLatin", "\\p{Latin}", "\\P{Latin}"},
    {"IsGreek", "\\p{Greek}", "\\P{Greek}"}, {"IsCyrillic", "\\p{Cyrillic}", "\\P{Cyrillic}"},
    {"IsHan", "\\p{Han}", "\\P{Han}"},       {"IsWhite_Space", "\\s", "\\S"},
};

static MrText pattern_translate(MrArena *arena, MrText java)
{
    MrTextBuilder out = {.arena = arena};
    bool in_class = false;
    for (int64_t i = 0; i < java.size_bytes; i++) {
        char c = java.data[i];
        if (c != '\\' || i + 1 >= java.size_bytes) {
            if (c == '[' && in_class)
                mr_builder_char(&out, '\\'); /* a class in a class: rare; taken as a character */
            else if (c == '[')
                in_class = true;
            else if (c == ']')
                in_class = false;
            mr_builder_char(&out, c);
            continue;
        }
        char next = java.data[++i];
        if (next == 'Q') { /* quoted up to \E */
            int64_t end = mr__text_find(java, MR_TEXT("\\E"), i + 1);
            end = end < 0 ? java.size_bytes : end;
            mr_builder_str(&out, "\\Q");
            mr_builder_put(&out, java.data + i + 1, end - i - 1);
            mr_builder_str(&out, "\\E");
            i = end + 1;
        } else if (next == 'u' && i + 4 < java.size_bytes) {
            mr_builder_printf(&out, "\\x{%.4s}", java.data + i + 1);
            i += 4;
        } else if ((next == 'p' || next == 'P') && i + 1 < java.size_bytes &&
                   java.data[i + 1] == '{') {
            int64_t end = mr__text_find(java, MR_TEXT("}"), i);
            MrText name = {java.data + i + 2, end < 0 ? 0 : end - i - 2};
            const char *set = NULL;
            for (int64_t k = 0; k < MR_COUNT(class_names); k++)
                if (mr_text_equal(name, mr_text(class_names[k].java)))
                    set = next == 'p' ? class_names[k].set : class_names[k].set_not;
            if (!set) {
                mr_builder_char(&out, '\\');
                mr_builder_char(&out, next);
                continue;
            }
            mr_builder_printf(&out, in_class ? "%s" : "[%s]", set);
            i = end;
        } else {
            mr_builder_char(&out, '\\');
            mr_builder_char(&out, next);
        }
    }
    return mr_builder_text(&out);
}

static pcre2_code *pattern_compile(MrArena *arena, MrText pattern, pcre2_general_context *memory)
{
    int code = 0;
    PCRE2_SIZE place = 0;
    MrText own = pattern_translate(arena, pattern);
    pcre2_compile_context *context = pcre2_compile_context_create(memory);
    if (!context)
        return NULL;
    (void)pcre2_set_newline(context, PCRE2_NEWLINE_ANY);
    (void)pcre2_set_parens_nest_limit(context, 200);
    pcre2_code *compiled = pcre2_compile(
        (PCRE2_SPTR)own.data, (PCRE2_SIZE)own.size_bytes,
        PCRE2_UTF | PCRE2_MATCH_INVALID_UTF | PCRE2_NEVER_BACKSLASH_C, &code, &place, context);
    pcre2_compile_context_free(context);
    return compiled;
}

static const pcre2_code *pattern_find(MrArena *arena, MrText pattern)
{
    pcre2_code *found = NULL;
    if (pattern.size_bytes <= KEPT_PATTERN_BYTES) {
        (void)pthread_mutex_lock(&kept.lock);
        for (int32_t i = 0; i < kept.n && !found; i++)
            if (kept.entries[i]->size_bytes == pattern.size_bytes &&
                memcmp(kept.entries[i]->pattern, pattern.data, (size_t)pattern.size_bytes) == 0)
                found = kept.entries[i]->code;
        bool full = kept.n == KEPT_MAX;
        (void)pthread_mutex_unlock(&kept.lock);
        if (found || full)
            return found ? found
                         : pattern_compile(
                               arena, pattern,
                               pcre2_general_context_create(arena_malloc, arena_free, arena));
        /* The list's memory is PCRE2's own, as is that of the code. */
        pcre2_code *code = pattern_compile(arena, pattern, NULL);
        static Kept slots[KEPT_MAX];
        if (!code)
            return NULL;
        (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE);
        (void)pthread_mutex_lock(&kept.lock);
        if (kept.n < KEPT_MAX) {
            Kept *entry = &slots[kept.n];
            memcpy(entry->pattern, pattern.data, (size_t)pattern.size_bytes);
            entry->size_bytes = pattern.size_bytes;
            entry->code = code;
            kept.entries[kept.n++] = entry;
            found = code;
        }
        (void)pthread_mutex_unlock(&kept.lock);
        if (found)
            return found;
        pcre2_code_free(code);
    }
    return pattern_compile(arena, pattern,
                           pcre2_general_context_create(arena_malloc, arena_free, arena));
}

static MrStatus regexp_open(const MrCall *call, MrArena *arena, MrText pattern, Regexp *out,
                            MrError *err)
{
    const char *name = call->bound->def->name;
    out->code = pattern_find(arena, pattern);
    if (!out->code)
        return MR_FAIL(
            err, MR_COND_INVALID_PARAMETER_VALUE__PATTERN, "parameter", "`regexp`", "functionName",
            mr_quote_name(arena, strcmp(name, "regexp") == 0 || strcmp(name, "regexp_like") == 0
                                     ? "rlike"
                                     : name),
            "value", mr_arena_printf(arena, "'%.*s'", (int)pattern.size_bytes, pattern.data));
    (void)pcre2_pattern_info(out->code, PCRE2_INFO_CAPTURECOUNT, &out->n_groups);
    pcre2_general_context *memory = pcre2_general_context_create(arena_malloc, arena_free, arena);
    out->match = memory ? pcre2_match_data_create_from_pattern(out->code, memory) : NULL;
    out->limits = memory ? pcre2_match_context_create(memory) : NULL;
    if (!out->match || !out->limits)
        return MR_FAIL_INTERNAL(err, "no memory for a regular expression");
    (void)pcre2_set_match_limit(out->limits, MATCH_STEPS);
    (void)pcre2_set_heap_limit(out->limits, 64 << 10); /* KiB */
    return MR_OK;
}

/* Finds from a byte on.  *found tells; places are in pcre2_get_ovector_pointer(regexp->match). */
static MrStatus regexp_find(Regexp *regexp, MrText text, int64_t from, bool *found, MrError *err)
{
    mr_poll();
    int n = pcre2_match(regexp->code, (PCRE2_SPTR)text.data, (PCRE2_SIZE)text.size_bytes,
                        (PCRE2_SIZE)from, 0, regexp->match, regexp->limits);
    if (n == PCRE2_ERROR_JIT_STACKLIMIT)
        n = pcre2_match(regexp->code, (PCRE2_SPTR)text.data, (PCRE2_SIZE)text.size_bytes,
                        (PCRE2_SIZE)from, PCRE2_NO_JIT, regexp->match, regexp->limits);
    *found = n >= 0;
    if (n < 0 && n != PCRE2_ERROR_NOMATCH && n > PCRE2_ERROR_UTF8_ERR1)
        return MR_OK;
    if (n == PCRE2_ERROR_MATCHLIMIT || n == PCRE2_ERROR_HEAPLIMIT || n == PCRE2_ERROR_DEPTHLIMIT)
        return MR_FAIL_UNSUPPORTED(err, "a regular expression that takes so many steps");
    return MR_OK;
}

/* The next place to look after a match: past an empty one goes one character. */
static int64_t regexp_next(const Regexp *regexp, MrText text)
{
    PCRE2_SIZE *places = pcre2_get_ovector_pointer(regexp->match);
    int64_t start = (int64_t)places[0], end = (int64_t)places[1];
    if (end > start)
        return end;
    return end < text.size_bytes ? end + mr__char_bytes(text.data + end, text.size_bytes - end)
                                 : text.size_bytes + 1;
}

static MrText regexp_group(const Regexp *regexp, MrText text, int32_t group)
{
    PCRE2_SIZE *places = pcre2_get_ovector_pointer(regexp->match);
    if (places[2 * group] == PCRE2_UNSET || places[2 * group + 1] < places[2 * group])
        return (MrText){"", 0};
    return (MrText){text.data + places[2 * group],
                    (int64_t)(places[2 * group + 1] - places[2 * group])};
}

/* The pattern of a row; the last one is kept. */
typedef struct RegexpRows {
    Regexp regexp;
    MrText pattern;
    bool open;
} RegexpRows;

static MrStatus regexp_row(MrCall *call, RegexpRows *rows, int32_t row, MrError *err)
{
    MrText pattern = mr__arg_str(call, 1, row);
    if (rows->open && mr_text_equal(pattern, rows->pattern))
        return MR_OK;
    rows->pattern = mr_text_own(call->arena, pattern);
    rows->open = true;
    return regexp_open(call, call->arena, rows->pattern, &rows->regexp, err);
}

static MrStatus rlike_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        bool found = false;
        MR_TRY(regexp_row(call, &rows, row, err));
        MR_TRY(regexp_find(&rows.regexp, mr__arg_str(call, 0, row), 0, &found, err));
        call->out->i8[row] = found;
    }
    return MR_OK;
}

static MrStatus group_check(const MrCall *call, const Regexp *regexp, int32_t group, MrError *err)
{
    if (group >= 0 && (uint32_t)group <= regexp->n_groups)
        return MR_OK;
    return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__REGEX_GROUP_INDEX, "parameter", "`idx`",
                   "functionName", mr_quote_name(call->arena, call->bound->def->name), "groupCount",
                   mr_arena_printf(call->arena, "%u", regexp->n_groups), "groupIndex",
                   mr_arena_printf(call->arena, "%d", group));
}

static MrStatus regexp_extract_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        int32_t group = call->n_args > 2 ? MR_ARG(call->args[2], i32, row) : 1;
        MrText text = mr__arg_str(call, 0, row);
        bool found = false;
        MR_TRY(regexp_row(call, &rows, row, err));
        MR_TRY(regexp_find(&rows.regexp, text, 0, &found, err));
        if (found)
            MR_TRY(group_check(call, &rows.regexp, group, err));
        mr__put_text(call, row, found ? regexp_group(&rows.regexp, text, group) : MR_TEXT(""));
    }
    return MR_OK;
}

static MrStatus regexp_substr_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), part = {0};
        bool found = false;
        MR_TRY(regexp_row(call, &rows, row, err));
        MR_TRY(regexp_find(&rows.regexp, text, 0, &found, err));
        if (found)
            part = regexp_group(&rows.regexp, text, 0);
        if (part.size_bytes)
            mr__put_text(call, row, part);
        else
            mr_call_null(call, row);
    }
    return MR_OK;
}

static MrStatus regexp_instr_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        bool found = false;
        MR_TRY(regexp_row(call, &rows, row, err));
        MR_TRY(regexp_find(&rows.regexp, text, 0, &found, err));
        call->out->i32[row] =
            found ? (int32_t)mr_utf8_length(
                        text.data, (int64_t)pcre2_get_ovector_pointer(rows.regexp.match)[0]) +
                        1
                  : 0;
    }
    return MR_OK;
}

static MrStatus regexp_count_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        bool found = true;
        int32_t n = 0;
        MR_TRY(regexp_row(call, &rows, row, err));
        for (int64_t at = 0; at <= text.size_bytes; at = regexp_next(&rows.regexp, text), n++) {
            MR_TRY(regexp_find(&rows.regexp, text, at, &found, err));
            if (!found)
                break;
        }
        call->out->i32[row] = n;
    }
    return MR_OK;
}

static void list_put(MrCall *call, int32_t row, MrText item)
{
    mr_vector_list_reserve(call->arena, call->out, 1);
    MrVector *items = call->out->children[0];
    mr_poll_item(items->n_items);
    items->str[items->n_items++] = mr_str_borrow(item.data, item.size_bytes);
    call->out->list[row].count++;
}

static MrStatus regexp_extract_all_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        int32_t group = call->n_args > 2 ? MR_ARG(call->args[2], i32, row) : 1;
        MrText text = mr__arg_str(call, 0, row);
        call->out->list[row] = (MrSlice){call->out->children[0]->n_items, 0};
        MR_TRY(regexp_row(call, &rows, row, err));
        for (int64_t at = 0; at <= text.size_bytes; at = regexp_next(&rows.regexp, text)) {
            bool found = false;
            MR_TRY(regexp_find(&rows.regexp, text, at, &found, err));
            if (!found)
                break;
            MR_TRY(group_check(call, &rows.regexp, group, err));
            list_put(call, row, regexp_group(&rows.regexp, text, group));
        }
    }
    return MR_OK;
}

/* Java's replacement text: $1, ${name}, and a backslash before what stands for itself. */
static MrStatus replacement_put(MrCall *call, const Regexp *regexp, MrText text, MrText by,
                                MrTextBuilder *out, MrError *err)
{
    for (int64_t i = 0; i < by.size_bytes; i++) {
        char c = by.data[i];
        if (c == '\\' && i + 1 < by.size_bytes) {
            mr_builder_char(out, by.data[++i]);
            continue;
        }
        if (c != '$' || i + 1 >= by.size_bytes) {
            mr_builder_char(out, c);
            continue;
        }
        int64_t group = -1;
        c = by.data[++i];
        if (c == '{') {
            int64_t end = mr__text_find(by, MR_TEXT("}"), i);
            if (end < 0)
                return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE__REGEX_GROUP_INDEX);
            char *name = mr_arena_strn(call->arena, by.data + i + 1, end - i - 1);
            group = pcre2_substring_number_from_name(regexp->code, (PCRE2_SPTR)name);
            i = end;
        } else if (c >= '0' && c <= '9') {
            group = c - '0';
            while (i + 1 < by.size_bytes && by.data[i + 1] >= '0' && by.data[i + 1] <= '9' &&
                   group * 10 + (by.data[i + 1] - '0') <= (int64_t)regexp->n_groups)
                group = group * 10 + (by.data[++i] - '0');
        }
        MR_TRY(group_check(call, regexp, (int32_t)group, err));
        MrText part = regexp_group(regexp, text, (int32_t)group);
        mr_builder_put(out, part.data, part.size_bytes);
    }
    return MR_OK;
}

static MrStatus regexp_replace_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), by = mr__arg_str(call, 2, row);
        int64_t start = (call->n_args > 3 ? MR_ARG(call->args[3], i32, row) : 1) - 1;
        MrTextBuilder out = {.arena = call->arena};
        int64_t done = 0, at = mr__char_offset(text, start);
        MR_TRY(regexp_row(call, &rows, row, err));
        bool found = start == 0 || at < text.size_bytes;
        while (found && at <= text.size_bytes) {
            MR_TRY(regexp_find(&rows.regexp, text, at, &found, err));
            if (!found)
                break;
            PCRE2_SIZE *places = pcre2_get_ovector_pointer(rows.regexp.match);
            mr_builder_put(&out, text.data + done, (int64_t)places[0] - done);
            MR_TRY(replacement_put(call, &rows.regexp, text, by, &out, err));
            MR_TRY(mr__text_check(call, out.size_bytes, err));
            done = (int64_t)places[1];
            at = regexp_next(&rows.regexp, text);
        }
        mr_builder_put(&out, text.data + done, text.size_bytes - done);
        mr__put_built(call, row, &out);
    }
    return MR_OK;
}

static MrStatus regexp_replace_bind(MrBind *bind, MrError *err)
{
    int64_t pos;
    if (bind->n_args > 3 && !bind->args[3].value)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__NON_FOLDABLE_INPUT, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "inputName", "`position`",
                       "inputType", mr__quoted_type(bind->arena, bind->args[3].type), "inputExpr",
                       mr__quoted_expr(bind->arena, bind->args[3].sql));
    if (bind->n_args > 3 && mr__arg_i64(&bind->args[3], &pos) && pos < 1)
        return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__VALUE_OUT_OF_RANGE, "sqlExpr",
                       mr__quoted_expr(bind->arena, bind->sql), "exprName", "position",
                       "valueRange", "(0, 2147483647]", "currentValue",
                       mr_arena_printf(bind->arena, "%lld", (long long)pos));
    return MR_OK;
}

static MrStatus split_call(MrCall *call, MrError *err)
{
    RegexpRows rows = {0};
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row), pattern = mr__arg_str(call, 1, row);
        int64_t limit = call->n_args > 2 ? MR_ARG(call->args[2], i32, row) : -1, n = 0, done = 0;
        call->out->list[row] = (MrSlice){call->out->children[0]->n_items, 0};
        if (pattern.size_bytes == 0 && text.size_bytes) { /* into characters */
            for (; done < text.size_bytes && (limit <= 0 || n < limit - 1); n++) {
                int32_t n_char = mr__char_bytes(text.data + done, text.size_bytes - done);
                list_put(call, row, (MrText){text.data + done, n_char});
                done += n_char;
            }
            if (done < text.size_bytes)
                list_put(call, row, (MrText){text.data + done, text.size_bytes - done});
            continue;
        }
        bool literal = pattern.size_bytes > 0;
        for (int64_t k = 0; k < pattern.size_bytes && literal; k++)
            literal = !strchr("\\[](){}.*+?^$|", pattern.data[k]) && pattern.data[k];
        if (!literal)
            MR_TRY(regexp_row(call, &rows, row, err));
        for (int64_t at = 0; at <= text.size_bytes && (limit <= 0 || n < limit - 1);) {
            int64_t start, end;
            if (literal) {
                mr_poll_item(n);
                start = mr__text_find(text, pattern, at);
                if (start < 0)
                    break;
                at = end = start + pattern.size_bytes;
            } else {
                bool found = false;
                MR_TRY(regexp_find(&rows.regexp, text, at, &found, err));
                if (!found)
                    break;
                PCRE2_SIZE *places = pcre2_get_ovector_pointer(rows.regexp.match);
                start = (int64_t)places[0];
                end = (int64_t)places[1];
                at = regexp_next(&rows.regexp, text);
                if (end == 0 || (start == end && start == text.size_bytes && text.size_bytes == 0))
                    continue; /* an empty match at the beginning gives no empty part */
            }
            list_put(call, row, (MrText){text.data + done, start - done});
            done = end;
            n++;
        }
        list_put(call, row, (MrText){text.data + done, text.size_bytes - done});
    }
    return MR_OK;
}

static MrStatus strings_bind(MrBind *bind, MrError *err)
{
    bind->type = mr_type_array(bind->arena, MR_T(STRING), strcmp(bind->def->name, "split") != 0);
    return MR_OK;
}

#define STRICT (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)
#define RLIKE_ROW(name)                                                                            \
    {                                                                                              \
        name, "string, string -> boolean", STRICT, rlike_call, NULL,                               \
            "Does the pattern match somewhere?", name "('abc', 'b.')"                              \
    }

const MrFunctionDef mr_functions_string_regexp[] = {
    RLIKE_ROW("rlike"),
    RLIKE_ROW("regexp"),
    RLIKE_ROW("regexp_like"),
    {"regexp_extract", "string, string, int? -> string", STRICT, regexp_extract_call, NULL,
     "A group of the first match; empty when there is none.",
     "regexp_extract('a12', '[a-z]([0-9]+)', 1) = '12'"},
    {"regexp_extract_all", "string, string, int? -> bind", STRICT, regexp_extract_all_call,
     strings_bind, "A group of all matches.", "regexp_extract_all('1 2', '([0-9])', 1)[1] = '2'"},
    {"regexp_substr", "string, string -> string", STRICT | MR_FN_MAY_NULL, regexp_substr_call, NULL,
     "The first match, or NULL.", "regexp_substr('a12', '[0-9]+') = '12'"},
    {"regexp_instr", "string, string, int? -> int", STRICT, regexp_instr_call, NULL,
     "Place of the first match, from 1; 0: none.", "regexp_instr('a12', '[0-9]') = 2"},
    {"regexp_count", "string, string -> int", STRICT, regexp_count_call, NULL, "Number of matches.",
     "regexp_count('a12', '[0-9]') = 2"},
    {"regexp_replace", "string, string, string, int? -> string", STRICT, regexp_replace_call,
     regexp_replace_bind, "Every match replaced.",
     "regexp_replace('a12', '([0-9])', '<$1>') = 'a<1><2>'"},
    {"split", "string, string, int? -> bind", STRICT, split_call, strings_bind,
     "Cut at the matches of a pattern.", "split('a1b', '[0-9]')[1] = 'b'"},
    {0},
};
