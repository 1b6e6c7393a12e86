/* conf.h - settings: a table of those we know, and a store that keeps all. */
#ifndef MR_SESSION_CONF_H
#define MR_SESSION_CONF_H

#include "connector/contract.h"

typedef struct MrConfDef {
    const char *key;
    MrOptionKind kind;
    const char *fallback; /* NULL: none */
    bool is_static;       /* cannot be changed in a running session: CANNOT_MODIFY_STATIC_CONFIG */
    const char *doc;
} MrConfDef;
extern const MrConfDef mr_conf_defs[]; /* ended by a row without a key; sorted by key */

typedef struct MrConf MrConf;
MR_MUST_USE MrStatus mr_conf_create(MrBudget *budget, MrConf **out, MrError *err);
void mr_conf_destroy(MrConf *conf); /* accepts NULL */
/* What is set now, for one query; lives in the arena, is not destroyed, and stays as it is. */
const MrConf *mr_conf_copy(const MrConf *conf, MrArena *arena);
/* Checks known keys (INVALID_CONF_VALUE), refuses unknown ones of ours, keeps others. */
MR_MUST_USE MrStatus mr_conf_set(MrConf *conf, const char *key, const char *value, MrError *err);
void mr_conf_unset(MrConf *conf, const char *key); /* NULL: all */
const char *mr_conf_get(const MrConf *conf,
                        const char *key); /* set value, else the default, else NULL */
bool mr_conf_bool(const MrConf *conf, const char *key);
int64_t mr_conf_i64(const MrConf *conf, const char *key);
const MrConfDef *mr_conf_find(const char *key); /* NULL: not one of ours */
/* What was set, in order of the keys; borrowed until the next set. */
int32_t mr_conf_n_set(const MrConf *conf);
MrOption mr_conf_set_at(const MrConf *conf, int32_t idx);

#endif
