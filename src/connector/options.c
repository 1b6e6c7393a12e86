/* options.c - the options that a user gave a connector. */
#include "connector/contract.h"

static const char *given(const MrOptions *options, const char *name)
{
    for (int32_t i = 0; i < options->n_options;
         i++) /* the first wins: a reference's come before the table's */
        if (mr_str_equal_nocase(options->options[i].key, name))
            return options->options[i].value;
    return NULL;
}

const char *mr_option(const MrOptions *options, const MrOptionDef *defs, const char *name)
{
    const char *value = given(options, name);
    if (value)
        return value;
    for (; defs && defs->name; defs++)
        if (mr_str_equal_nocase(defs->name, name))
            return defs->fallback;
    return NULL;
}

bool mr_option_bool(const MrOptions *options, const MrOptionDef *defs, const char *name)
{
    const char *value = mr_option(options, defs, name);
    return value && mr_str_equal_nocase(value, "true");
}

int64_t mr_option_int(const MrOptions *options, const MrOptionDef *defs, const char *name)
{
    const char *value = mr_option(options, defs, name);
    int64_t number = 0;
    return value && mr_text_to_i64(mr_text(value), &number) ? number : 0;
}

MrStatus mr_options_check(const MrOptions *options, const MrOptionDef *defs, const char *connector,
                          MrError *err)
{
    for (; defs && defs->name; defs++) {
        const char *value = given(options, defs->name);
        if (!value) {
            if (defs->flags & MR_OPT_REQUIRED)
                return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", defs->name,
                               "functionName", connector, "expectedValue", "the option is required",
                               "actualValue", "nothing");
            continue;
        }
        const char *wanted = NULL;
        int64_t i64;
        double f64;
        switch (defs->kind) {
        case MR_OPT_TEXT:
            break;
        case MR_OPT_INT:
            wanted = mr_text_to_i64(mr_text(value), &i64) ? NULL : "a whole number";
            break;
        case MR_OPT_BOOL:
            wanted = mr_str_equal_nocase(value, "true") || mr_str_equal_nocase(value, "false")
                         ? NULL
                         : "true or false";
            break;
        case MR_OPT_DOUBLE:
            wanted = mr_text_to_f64(mr_text(value), &f64) ? NULL : "a number";
            break;
        }
        if (wanted)
            return MR_FAIL(err, MR_COND_INVALID_PARAMETER_VALUE, "parameter", defs->name,
                           "functionName", connector, "expectedValue", wanted, "actualValue",
                           defs->flags & MR_OPT_SECRET ? "(hidden)" : value);
    }
    return MR_OK;
}
