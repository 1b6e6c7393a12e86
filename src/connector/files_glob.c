/* files_glob.c - names against patterns as Hadoop's globs have them: * ? [a-z] [^a] {a,b} and \x.
 */
#include "connector/files_int.h"

bool mr__glob_has(const char *pattern)
{
    return strpbrk(pattern, "*?[{\\") != NULL;
}

/* The pattern's part up to end.  Alternatives try each branch with the rest; depth bounds hostile
 * nesting. */
static bool match(const char *p, const char *end, const char *rest, const char *rest_end,
                  const char *name, int depth);

static bool match_rest(const char *rest, const char *rest_end, const char *name, int depth)
{
    return rest == rest_end ? *name == 0 : match(rest, rest_end, rest_end, rest_end, name, depth);
}

static const char *brace_end(const char *p, const char *end)
{
    int depth = 0;
    for (; p < end; p++) {
        if (*p == '\\' && p + 1 < end)
            p++;
        else if (*p == '{')
            depth++;
        else if (*p == '}' && --depth == 0)
            return p;
    }
    return NULL;
}

static bool match(const char *p, const char *end, const char *rest, const char *rest_end,
                  const char *name, int depth)
{
    if (depth > 64)
        return false;
    while (p < end) {
        switch (*p) {
        case '*':
            while (p < end && *p == '*')
                p++;
            for (;; name++) {
                if (match(p, end, rest, rest_end, name, depth + 1))
                    return true;
                if (*name == 0)
                    return false;
            }
        case '?':
            if (*name == 0)
                return false;
            p++, name++;
            break;
        case '[': {
            const char *q = p + 1;
            bool negated = q < end && (*q == '^' || *q == '!'), hit = false;
            q += negated;
            if (*name == 0)
                return false;
            for (bool first = true; q < end && (*q != ']' || first); q++, first = false) {
                if (q + 2 < end && q[1] == '-' && q[2] != ']') {
                    hit |= (unsigned char)*name >= (unsigned char)*q &&
                           (unsigned char)*name <= (unsigned char)q[2];
                    q += 2;
                } else {
                    hit |= *name == *q;
                }
            }
            if (q >= end || hit == negated)
                return false;
            p = q + 1;
            name++;
            break;
        }
        case '{': {
            const char *close = brace_end(p, end);
            if (!close) {
                if (*p++ != *name++)
                    return false;
                break;
            }
            /* Each branch, then what is behind the brace: joined in a buffer, as both may hold
             * wildcards. */
            for (const char *from = p + 1, *q = from; q <= close; q++) {
                if (*q == '{') {
                    const char *inner = brace_end(q, close);
                    q = inner ? inner : q;
                    continue;
                }
                if (*q != ',' && q != close)
                    continue;
                char joined[MR_PATH_MAX];
                size_t n_branch = (size_t)(q - from), n_tail = (size_t)(end - close - 1);
                if (n_branch + n_tail < sizeof joined) {
                    memcpy(joined, from, n_branch);
                    memcpy(joined + n_branch, close + 1, n_tail);
                    const char *joined_end = joined + n_branch + n_tail;
                    if (match(joined, joined_end, rest, rest_end, name, depth + 1))
                        return true;
                }
                from = q + 1;
            }
            return false;
        }
        case '\\':
            if (p + 1 < end)
                p++;
            /* fallthrough */
        default:
            if (*p++ != *name++)
                return false;
        }
    }
    return match_rest(rest, rest_end, name, depth + 1);
}

bool mr__glob_match(const char *pattern, const char *name)
{
    const char *end = pattern + strlen(pattern);
    return match(pattern, end, end, end, name, 0);
}

bool mr__glob_is_whole(const char *pattern)
{
    int depth = 0;
    for (const char *p = pattern; *p; p++) {
        if (*p == '\\') {
            if (*++p == 0)
                return false;
        } else if (*p == '[') {
            p += p[1] == '^' || p[1] == '!';
            p = p[1] ? strchr(p + 2, ']') : NULL;
            if (!p)
                return false;
        } else if (*p == '/' && depth > 0) {
            return false; /* folders are matched one by one */
        } else {
            depth += *p == '{';
            depth -= *p == '}' && depth > 0;
        }
    }
    return depth == 0;
}
