/* collation.c - collations by ICU, their names and levels as in Spark.
 *
 * UTF8_LCASE compares lower-cased code points bytewise.  The locales' collators are opened at first
 * use and live as long as the process; ICU allows threads to share them. */
#include "column/collation.h"
#include "base/hash.h"
#include <stdatomic.h>
#include <stdio.h>
#include <unicode/uchar.h>
#include <unicode/ucol.h>
#include <unicode/uiter.h>

/* Spark's name (language, script, three-letter country) and ICU's.  The list is ICU 72's. */
static const struct {
    const char *name, *icu_name;
} collation_locales[] = {
    {"UNICODE", ""},
    {"af", "af"},
    {"am", "am"},
    {"ar", "ar"},
    {"ar_SAU", "ar_SA"},
    {"as", "as"},
    {"az", "az"},
    {"be", "be"},
    {"bg", "bg"},
    {"bn", "bn"},
    {"bo", "bo"},
    {"br", "br"},
    {"bs", "bs"},
    {"bs_Cyrl", "bs_Cyrl"},
    {"ca", "ca"},
    {"ceb", "ceb"},
    {"chr", "chr"},
    {"cs", "cs"},
    {"cy", "cy"},
    {"da", "da"},
    {"de", "de"},
    {"de_AUT", "de_AT"},
    {"dsb", "dsb"},
    {"dz", "dz"},
    {"ee", "ee"},
    {"el", "el"},
    {"en", "en"},
    {"en_USA", "en_US"},
    {"eo", "eo"},
    {"es", "es"},
    {"et", "et"},
    {"fa", "fa"},
    {"fa_AFG", "fa_AF"},
    {"ff", "ff"},
    {"ff_Adlm", "ff_Adlm"},
    {"fi", "fi"},
    {"fil", "fil"},
    {"fo", "fo"},
    {"fr", "fr"},
    {"fr_CAN", "fr_CA"},
    {"fy", "fy"},
    {"ga", "ga"},
    {"gl", "gl"},
    {"gu", "gu"},
    {"ha", "ha"},
    {"haw", "haw"},
    {"he", "he"},
    {"he_ISR", "he_IL"},
    {"hi", "hi"},
    {"hr", "hr"},
    {"hsb", "hsb"},
    {"hu", "hu"},
    {"hy", "hy"},
    {"id", "id"},
    {"id_IDN", "id_ID"},
    {"ig", "ig"},
    {"is", "is"},
    {"it", "it"},
    {"ja", "ja"},
    {"ka", "ka"},
    {"kk", "kk"},
    {"kl", "kl"},
    {"km", "km"},
    {"kn", "kn"},
    {"ko", "ko"},
    {"kok", "kok"},
    {"ku", "ku"},
    {"ky", "ky"},
    {"lb", "lb"},
    {"lkt", "lkt"},
    {"ln", "ln"},
    {"lo", "lo"},
    {"lt", "lt"},
    {"lv", "lv"},
    {"mk", "mk"},
    {"ml", "ml"},
    {"mn", "mn"},
    {"mr", "mr"},
    {"ms", "ms"},
    {"mt", "mt"},
    {"my", "my"},
    {"nb", "nb"},
    {"nb_NOR", "nb_NO"},
    {"ne", "ne"},
    {"nl", "nl"},
    {"nn", "nn"},
    {"no", "no"},
    {"om", "om"},
    {"or", "or"},
    {"pa", "pa"},
    {"pa_Guru", "pa_Guru"},
    {"pa_Guru_IND", "pa_Guru_IN"},
    {"pl", "pl"},
    {"ps", "ps"},
    {"pt", "pt"},
    {"ro", "ro"},
    {"ru", "ru"},
    {"sa", "sa"},
    {"se", "se"},
    {"si", "si"},
    {"sk", "sk"},
    {"sl", "sl"},
    {"smn", "smn"},
    {"sq", "sq"},
    {"sr", "sr"},
    {"sr_Cyrl", "sr_Cyrl"},
    {"sr_Cyrl_BIH", "sr_Cyrl_BA"},
    {"sr_Cyrl_MNE", "sr_Cyrl_ME"},
    {"sr_Cyrl_SRB", "sr_Cyrl_RS"},
    {"sr_Latn", "sr_Latn"},
    {"sr_Latn_BIH", "sr_Latn_BA"},
    {"sr_Latn_SRB", "sr_Latn_RS"},
    {"sv", "sv"},
    {"sw", "sw"},
    {"ta", "ta"},
    {"te", "te"},
    {"th", "th"},
    {"tk", "tk"},
    {"to", "to"},
    {"tr", "tr"},
    {"ug", "ug"},
    {"uk", "uk"},
    {"ur", "ur"},
    {"uz", "uz"},
    {"vi", "vi"},
    {"wae", "wae"},
    {"wo", "wo"},
    {"xh", "xh"},
    {"yi", "yi"},
    {"yo", "yo"},
    {"zh", "zh"},
    {"zh_Hans", "zh_Hans"},
    {"zh_Hans_CHN", "zh_Hans_CN"},
    {"zh_Hans_SGP", "zh_Hans_SG"},
    {"zh_Hant", "zh_Hant"},
    {"zh_Hant_HKG", "zh_Hant_HK"},
    {"zh_Hant_MAC", "zh_Hant_MO"},
    {"zh_Hant_TWN", "zh_Hant_TW"},
    {"zu", "zu"},
};

#define N_COLLATIONS (MR_COLLATION_LOCALES + 8 * MR_COUNT(collation_locales))

static _Atomic(UCollator *) collators[N_COLLATIONS];

/* NULL: ICU has no data for it. */
static UCollator *collator_get(int32_t collation)
{
    /* acquire: pairs with the exchange below, so that the collator is seen whole. */
    UCollator *collator = atomic_load_explicit(&collators[collation], memory_order_acquire);
    if (collator)
        return collator;
    int32_t bits = (collation - MR_COLLATION_LOCALES) & 7;
    UErrorCode code = U_ZERO_ERROR;
    collator =
        ucol_open(collation_locales[(collation - MR_COLLATION_LOCALES) >> 3].icu_name, &code);
    if (U_FAILURE(code))
        return NULL;
    bool ci = bits & MR_COLLATION_CI, ai = bits & MR_COLLATION_AI;
    ucol_setStrength(collator, ai ? UCOL_PRIMARY : ci ? UCOL_SECONDARY : UCOL_TERTIARY);
    if (ai && !ci)
        ucol_setAttribute(collator, UCOL_CASE_LEVEL, UCOL_ON, &code);
    UCollator *before = NULL;
    if (!atomic_compare_exchange_strong(&collators[collation], &before, collator)) {
        ucol_close(collator); /* another thread was first */
        return before;
    }
    return collator;
}

static bool collation_take_suffix(MrText *name, const char *suffix)
{
    int64_t size_bytes = (int64_t)strlen(suffix);
    if (name->size_bytes <= size_bytes ||
        !mr_text_equal_nocase((MrText){name->data + name->size_bytes - size_bytes, size_bytes},
                              mr_text(suffix)))
        return false;
    name->size_bytes -= size_bytes;
    return true;
}

static bool collation_take_prefix(MrText *name, const char *prefix)
{
    int64_t size_bytes = (int64_t)strlen(prefix);
    if (name->size_bytes <= size_bytes ||
        !mr_text_equal_nocase((MrText){name->data, size_bytes}, mr_text(prefix)))
        return false;
    name->data += size_bytes;
    name->size_bytes -= size_bytes;
    return true;
}

int32_t mr_collation_find(MrText name)
{
    collation_take_prefix(&name, "system.builtin.");
    bool rtrim = collation_take_suffix(&name, "_RTRIM");
    if (mr_text_equal_nocase(name, MR_TEXT("UTF8_BINARY")))
        return rtrim ? MR_COLLATION_RTRIM : 0;
    if (mr_text_equal_nocase(name, MR_TEXT("UTF8_LCASE")))
        return MR_COLLATION_LCASE | (rtrim ? MR_COLLATION_RTRIM : 0);
    int32_t bits = rtrim ? MR_COLLATION_LOCALE_RTRIM : 0;
    /* The two marks come in either order, each once. */
    for (int i = 0; i < 2; i++) {
        if (!(bits & MR_COLLATION_AI) && collation_take_suffix(&name, "_AI"))
            bits |= MR_COLLATION_AI;
        else if (!(bits & MR_COLLATION_CI) && collation_take_suffix(&name, "_CI"))
            bits |= MR_COLLATION_CI;
    }
    for (int32_t i = 0; i < MR_COUNT(collation_locales); i++) {
        if (mr_text_equal_nocase(name, mr_text(collation_locales[i].name)))
            return collator_get(MR_COLLATION_LOCALES + 8 * i + bits)
                       ? MR_COLLATION_LOCALES + 8 * i + bits
                       : -1;
    }
    return -1;
}

const char *mr_collation_name(int32_t collation, char out[MR_COLLATION_NAME_MAX])
{
    if (collation < MR_COLLATION_LOCALES) {
        snprintf(out, MR_COLLATION_NAME_MAX, "UTF8_%s%s",
                 collation & MR_COLLATION_LCASE ? "LCASE" : "BINARY",
                 collation & MR_COLLATION_RTRIM ? "_RTRIM" : "");
        return out;
    }
    int32_t bits = (collation - MR_COLLATION_LOCALES) & 7;
    int32_t locale = (collation - MR_COLLATION_LOCALES) >> 3;
    MR_ASSERT(locale < MR_COUNT(collation_locales));
    snprintf(out, MR_COLLATION_NAME_MAX, "%s%s%s%s", collation_locales[locale].name,
             bits & MR_COLLATION_CI ? "_CI" : "", bits & MR_COLLATION_AI ? "_AI" : "",
             bits & MR_COLLATION_LOCALE_RTRIM ? "_RTRIM" : "");
    return out;
}

static MrText collation_trim(int32_t collation, MrText text)
{
    bool rtrim = collation < MR_COLLATION_LOCALES
                     ? collation & MR_COLLATION_RTRIM
                     : (collation - MR_COLLATION_LOCALES) & MR_COLLATION_LOCALE_RTRIM;
    while (rtrim && text.size_bytes > 0 && text.data[text.size_bytes - 1] == ' ')
        text.size_bytes--;
    return text;
}

/* The next piece of the lower-cased text: up to 8 bytes into out, how many are returned. */
static int32_t lower_next(MrText *rest, char out[8])
{
    int32_t n_bytes, n_out;
    unsigned char first = (unsigned char)rest->data[0];
    if (first < 0x80) {
        out[0] = (char)(first >= 'A' && first <= 'Z' ? first + 32 : first);
        rest->data++;
        rest->size_bytes--;
        return 1;
    }
    int32_t c = mr_utf8_next(rest->data, rest->size_bytes, &n_bytes);
    if (c < 0) {
        memcpy(out, rest->data, (size_t)n_bytes);
        n_out = n_bytes;
    } else if (c == 0x130) { /* I with a dot: i and a combining dot */
        memcpy(out, "i\xCC\x87", 3);
        n_out = 3;
    } else {
        n_out = mr_utf8_put(c == 0x3C2 ? 0x3C3 : u_tolower(c), out); /* final sigma */
    }
    rest->data += n_bytes;
    rest->size_bytes -= n_bytes;
    return n_out;
}

static int lower_compare(MrText a, MrText b)
{
    char x[8], y[8];
    int32_t n_x = 0, n_y = 0, i = 0, j = 0;
    for (;;) {
        if (i == n_x) {
            n_x = a.size_bytes > 0 ? lower_next(&a, x) : 0;
            i = 0;
        }
        if (j == n_y) {
            n_y = b.size_bytes > 0 ? lower_next(&b, y) : 0;
            j = 0;
        }
        if (n_x == 0 || n_y == 0)
            return (n_x > 0) - (n_y > 0);
        if (x[i] != y[j])
            return (unsigned char)x[i] < (unsigned char)y[j] ? -1 : 1;
        i++;
        j++;
    }
}

int mr_collation_compare(int32_t collation, MrText a, MrText b)
{
    a = collation_trim(collation, a);
    b = collation_trim(collation, b);
    if (collation < MR_COLLATION_LOCALES)
        return collation & MR_COLLATION_LCASE ? lower_compare(a, b) : mr_text_compare(a, b);
    UErrorCode code = U_ZERO_ERROR;
    return (int)ucol_strcollUTF8(collator_get(collation), a.data, (int32_t)a.size_bytes, b.data,
                                 (int32_t)b.size_bytes, &code);
}

/* Gives the key in pieces of at most size_bytes; 0 at its end. */
typedef struct CollationKey {
    int32_t collation;
    MrText rest; /* LCASE and binary */
    UCharIterator iterator;
    uint32_t state[2];
    bool ended;
} CollationKey;

static void key_open(CollationKey *key, int32_t collation, MrText text)
{
    *key = (CollationKey){.collation = collation, .rest = collation_trim(collation, text)};
    if (collation >= MR_COLLATION_LOCALES)
        uiter_setUTF8(&key->iterator, key->rest.data, (int32_t)key->rest.size_bytes);
}

static int32_t key_next(CollationKey *key, char *out, int32_t size_bytes)
{
    int32_t n = 0;
    if (key->collation < MR_COLLATION_LOCALES) {
        while (key->rest.size_bytes > 0 && n + 8 <= size_bytes) {
            if (key->collation & MR_COLLATION_LCASE) {
                n += lower_next(&key->rest, out + n);
            } else {
                out[n++] = *key->rest.data++;
                key->rest.size_bytes--;
            }
        }
        return n;
    }
    if (key->ended)
        return 0;
    UErrorCode code = U_ZERO_ERROR;
    n = ucol_nextSortKeyPart(collator_get(key->collation), &key->iterator, key->state,
                             (uint8_t *)out, size_bytes, &code);
    key->ended = n < size_bytes || U_FAILURE(code);
    return U_FAILURE(code) ? 0 : n;
}

uint64_t mr_collation_hash(int32_t collation, MrText text, uint64_t seed)
{
    /* Equal keys may come in different pieces; they are hashed in blocks of one size. */
    CollationKey key;
    char block[512];
    int32_t n, n_held = 0;
    uint64_t hash = seed;
    key_open(&key, collation, text);
    while ((n = key_next(&key, block + n_held, 256)) > 0) {
        n_held += n;
        if (n_held >= 256) {
            hash = mr_hash_bytes(block, 256, hash);
            n_held -= 256;
            memmove(block, block + 256, (size_t)n_held);
        }
    }
    return mr_hash_bytes(block, n_held, hash);
}

MrText mr_collation_key(MrArena *arena, int32_t collation, MrText text)
{
    CollationKey key;
    char piece[256];
    int32_t n;
    MrTextBuilder out = {.arena = arena};
    key_open(&key, collation, text);
    while ((n = key_next(&key, piece, sizeof piece)) > 0)
        mr_builder_put(&out, piece, n);
    return mr_builder_text(&out);
}

const char *mr_collation_propose(MrArena *arena, MrText name)
{
    enum { N_SHOWN = 3, FAR = 64 };
    struct {
        const char *name;
        int distance;
    } best[N_SHOWN] = {{NULL, FAR}, {NULL, FAR}, {NULL, FAR}};
    char *upper = mr_arena_strn(arena, name.data, name.size_bytes);
    for (char *p = upper; *p; p++)
        *p = (char)(*p >= 'a' && *p <= 'z' ? *p - 32 : *p);
    for (int32_t i = 0; i < N_COLLATIONS; i++) {
        char text[MR_COLLATION_NAME_MAX], folded[MR_COLLATION_NAME_MAX];
        mr_collation_name(i, text);
        for (int32_t j = 0; j < MR_COLLATION_NAME_MAX; j++)
            folded[j] = (char)(text[j] >= 'a' && text[j] <= 'z' ? text[j] - 32 : text[j]);
        int distance = mr_text_distance(mr_text(upper), mr_text(folded), FAR - 1);
        int at = N_SHOWN;
        while (at > 0 && distance < best[at - 1].distance)
            at--;
        if (at == N_SHOWN)
            continue;
        for (int j = N_SHOWN - 1; j > at; j--)
            best[j] = best[j - 1];
        best[at].name = mr_arena_str(arena, text);
        best[at].distance = distance;
    }
    MrTextBuilder out = {.arena = arena};
    for (int i = 0; i < N_SHOWN && best[i].name; i++) {
        mr_builder_str(&out, i > 0 ? ", " : "");
        mr_builder_str(&out, best[i].name);
    }
    return mr_builder_text(&out).data;
}
