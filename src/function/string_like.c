/* string_like.c - LIKE and ILIKE.
 *
 * A pattern is cut at its % into segments of bytes and single-character holes (_).  The first and
 * the last segment are anchored, those between are looked for from left to right, so a match takes
 * time linear in text times longest segment.  Segments without holes are found by memmem. */
#include "function/string_int.h"

#include "column/collation.h"

typedef struct LikeSegment {
    const char *bytes;  /* the segment without its holes           */
    const bool *holes;  /* one per byte of bytes; NULL: no holes   */
    int64_t size_bytes; /* a hole takes one byte in bytes          */
} LikeSegment;

typedef struct Like {
    bool fold; /* ILIKE, or LIKE of UTF8_LCASE */
    bool compiled;
    char escape; /* ASCII; other escapes stand in escape_text */
    MrText escape_text;
    int32_t n_segments; /* one more than there are % */
    LikeSegment *segments;
} Like;

static const char *sql_value(MrArena *arena, MrText text)
{
    return mr_arena_printf(arena, "'%.*s'", (int)text.size_bytes, text.data);
}

static MrStatus like_compile(MrArena *arena, MrText pattern, Like *like, MrError *err)
{
    int64_t n_percent = 0;
    for (int64_t i = 0; i < pattern.size_bytes; i++)
        n_percent += pattern.data[i] == '%';
    like->segments = MR_NEW_N(arena, LikeSegment, n_percent + 1);
    like->n_segments = 1;
    char *bytes = mr_arena_alloc(arena, pattern.size_bytes);
    bool *holes = mr_arena_zeroed(arena, pattern.size_bytes);
    int64_t n = 0;
    LikeSegment *segment = &like->segments[0];
    *segment = (LikeSegment){bytes, NULL, 0};
    for (int64_t at = 0; at < pattern.size_bytes;) {
        int32_t n_char = mr__char_bytes(pattern.data + at, pattern.size_bytes - at);
        const char *c = pattern.data + at;
        bool escaped = false;
        if (n_char == like->escape_text.size_bytes &&
            memcmp(c, like->escape_text.data, (size_t)n_char) == 0) {
            at += n_char;
            if (at >= pattern.size_bytes)
                return MR_FAIL(err, MR_COND_INVALID_FORMAT__ESC_AT_THE_END, "format",
                               sql_value(arena, pattern));
            c = pattern.data + at;
            int32_t n_next = mr__char_bytes(c, pattern.size_bytes - at);
            bool is_escape =
                n_next == n_char && memcmp(c, like->escape_text.data, (size_t)n_char) == 0;
            if (!is_escape && *c != '_' && *c != '%')
                return MR_FAIL(err, MR_COND_INVALID_FORMAT__ESC_IN_THE_MIDDLE, "format",
                               sql_value(arena, pattern), "char",
                               sql_value(arena, (MrText){c, n_next}));
            n_char = n_next;
            escaped = true;
        }
        at += n_char;
        if (*c == '%' && !escaped) {
            segment = &like->segments[like->n_segments++];
            *segment = (LikeSegment){bytes + n, NULL, 0};
            continue;
        }
        if (*c == '_' && !escaped) {
            holes[n] = true;
            segment->holes = holes + (segment->bytes - bytes);
        }
        memcpy(bytes + n, c, (size_t)n_char);
        n += n_char;
        segment->size_bytes += n_char;
    }
    like->compiled = true;
    return MR_OK;
}

/* Bytes of text that the segment takes at its beginning, or -1. */
static int64_t segment_match(const LikeSegment *segment, const char *text, int64_t size_bytes)
{
    if (!segment->holes)
        return size_bytes >= segment->size_bytes &&
                       memcmp(text, segment->bytes, (size_t)segment->size_bytes) == 0
                   ? segment->size_bytes
                   : -1;
    int64_t at = 0;
    for (int64_t i = 0; i < segment->size_bytes; i++) {
        if (at >= size_bytes)
            return -1;
        if (segment->holes[i])
            at += mr__char_bytes(text + at, size_bytes - at);
        else if (text[at] != segment->bytes[i])
            return -1;
        else
            at++;
    }
    return at;
}

static bool like_match(const Like *like, MrText text)
{
    const char *at = text.data, *end = text.data + text.size_bytes;
    int64_t n = segment_match(&like->segments[0], at, end - at);
    if (n < 0)
        return false;
    at += n;
    if (like->n_segments == 1)
        return at == end;
    for (int32_t i = 1; i < like->n_segments - 1; i++) {
        const LikeSegment *segment = &like->segments[i];
        if (segment->size_bytes == 0)
            continue;
        if (!segment->holes) {
            int64_t found = mr__text_find((MrText){at, end - at},
                                          (MrText){segment->bytes, segment->size_bytes}, 0);
            if (found < 0)
                return false;
            at += found + segment->size_bytes;
            continue;
        }
        while ((n = segment_match(segment, at, end - at)) < 0) {
            if (at >= end)
                return false;
            mr_poll_char(at - text.data);
            at += mr__char_bytes(at, end - at);
        }
        at += n;
    }
    const LikeSegment *last = &like->segments[like->n_segments - 1];
    if (!last->holes)
        return end - at >= last->size_bytes &&
               mr__bytes_compare(end - last->size_bytes, last->bytes, last->size_bytes) == 0;
    for (; at <= end; at += at < end ? mr__char_bytes(at, end - at) : 1) {
        mr_poll_char(at - text.data);
        if (segment_match(last, at, end - at) == end - at)
            return true;
    }
    return false;
}

static MrStatus like_call(MrCall *call, MrError *err)
{
    const Like *bound = call->bound->data;
    Like own = *bound;
    for (MR_EACH(call, i, row)) {
        MrText text = mr__arg_str(call, 0, row);
        if (!bound->compiled && !(own.compiled && call->args[1]->encoding == MR_CONSTANT)) {
            MrText pattern = mr__arg_str(call, 1, row);
            if (call->n_args > 2)
                own.escape_text = mr__arg_str(call, 2, row);
            MR_TRY(like_compile(
                call->arena, own.fold ? mr__text_lower(call->arena, pattern) : pattern, &own, err));
        }
        call->out->i8[row] = like_match(&own, own.fold ? mr__text_lower(call->arena, text) : text);
    }
    return MR_OK;
}

static MrStatus like_bind(MrBind *bind, MrError *err)
{
    Like *like = MR_NEW(bind->arena, Like);
    MrText pattern, escape = MR_TEXT("\\");
    like->fold = bind->def->name[0] == 'i' || bind->args[0].type->collation == MR_COLLATION_LCASE ||
                 bind->args[1].type->collation == MR_COLLATION_LCASE;
    if (bind->n_args > 2 && bind->args[2].value) {
        if (!mr__arg_text(&bind->args[2], &escape) ||
            mr_utf8_length(escape.data, escape.size_bytes) != 1)
            return MR_FAIL(err, MR_COND_INVALID_ESCAPE_CHAR, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->args[2].sql));
    }
    like->escape_text = mr_text_own(bind->arena, escape);
    if (mr__arg_text(&bind->args[1], &pattern) && (bind->n_args < 3 || bind->args[2].value)) {
        /* A wrong pattern is told when a row meets it. */
        MrError late = {0};
        if (like->fold)
            pattern = mr__text_lower(bind->arena, pattern);
        if (like_compile(bind->arena, mr_text_own(bind->arena, pattern), like, &late) != MR_OK)
            like->compiled = false;
        else
            bind->flags &= ~(uint32_t)MR_FN_CAN_FAIL;
    }
    bind->data = like;
    return MR_OK;
}

#define STRICT (MR_FN_NULL_IF_ANY | MR_FN_CAN_FAIL)
const MrFunctionDef mr_functions_string_like[] = {
    {"like", "string, string, string? -> boolean", STRICT, like_call, like_bind,
     "Does it match? % is any characters, _ is one.", "'abc' LIKE 'a%'"},
    {"ilike", "string, string, string? -> boolean", STRICT, like_call, like_bind,
     "As like, capitals and small letters being alike.", "'ABC' ILIKE 'a%'"},
    {0},
};
