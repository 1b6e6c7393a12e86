/* hash_spark.c - hash(), xxhash64() and digests.
 *
 * Small integers are hashed as 32 bits, the rest as 64; -0.0 as 0.0; decimals above 18 digits by
 * the bytes of their two's complement, most significant first, without needless ones.  Rows of
 * several columns pass the hash on as the next seed. */
#include "function/hash_spark.h"
#include "base/hash.h"
#include <openssl/evp.h>
#include <zlib.h>

typedef struct HashKind { /* one family of hashes */
    uint64_t (*i32)(int32_t value, uint64_t seed);
    uint64_t (*i64)(int64_t value, uint64_t seed);
    uint64_t (*bytes)(const void *data, int64_t size_bytes, uint64_t seed);
} HashKind;

static uint64_t murmur_i32(int32_t value, uint64_t seed)
{
    return mr_murmur3_i32(value, (uint32_t)seed);
}
static uint64_t murmur_i64(int64_t value, uint64_t seed)
{
    return mr_murmur3_i64(value, (uint32_t)seed);
}
static uint64_t murmur_bytes(const void *data, int64_t size_bytes, uint64_t seed)
{
    return mr_murmur3_bytes(data, size_bytes, (uint32_t)seed);
}
static const HashKind murmur = {murmur_i32, murmur_i64, murmur_bytes};

static uint64_t xx_i32(int32_t value, uint64_t seed)
{
    return mr_hash_stable(&value, 4, seed);
}
static uint64_t xx_i64(int64_t value, uint64_t seed)
{
    return mr_hash_stable(&value, 8, seed);
}
static const HashKind xx = {xx_i32, xx_i64, mr_hash_stable};

static uint64_t hash_row(const HashKind *kind, const MrVector *vec, int64_t row, uint64_t seed)
{
    int64_t at;
    if (mr_vector_is_null(vec, row))
        return seed;
    vec = mr_vector_at(vec, row, &at);
    switch (mr_type_physical(vec->type)) {
    case MR_PHYS_VOID:
        return seed;
    case MR_PHYS_I8:
        return kind->i32(vec->i8[at], seed);
    case MR_PHYS_I16:
        return kind->i32(vec->i16[at], seed);
    case MR_PHYS_I32:
        return kind->i32(vec->i32[at], seed);
    case MR_PHYS_I64:
        return kind->i64(vec->i64[at], seed);
    case MR_PHYS_F32: {
        float value = vec->f32[at] == 0 ? 0 : vec->f32[at];
        int32_t bits;
        memcpy(&bits, &value, 4);
        return kind->i32(value != value ? 0x7fc00000 : bits, seed);
    }
    case MR_PHYS_F64: {
        double value = vec->f64[at] == 0 ? 0 : vec->f64[at];
        int64_t bits;
        memcpy(&bits, &value, 8);
        return kind->i64(value != value ? INT64_C(0x7ff8000000000000) : bits, seed);
    }
    case MR_PHYS_I128: {
        MrI128 value = vec->i128[at];
        uint8_t bytes[16];
        int32_t n = 16;
        for (int32_t i = 0; i < 16; i++)
            bytes[i] = (uint8_t)(value >> (8 * (15 - i)));
        const uint8_t *from = bytes;
        while (n > 1 &&
               ((from[0] == 0 && from[1] < 0x80) || (from[0] == 0xff && from[1] >= 0x80))) {
            from++;
            n--;
        }
        return kind->bytes(from, n, seed);
    }
    case MR_PHYS_STR:
        mr_poll_bytes(vec->str[at].size_bytes);
        return kind->bytes(mr_str_data(&vec->str[at]), vec->str[at].size_bytes, seed);
    case MR_PHYS_INTERVAL: {
        const MrInterval *value = &vec->interval[at];
        return kind->i32(value->months, kind->i32(value->days, kind->i64(value->us, seed)));
    }
    case MR_PHYS_LIST: {
        MrSlice slice = vec->list[at];
        for (int32_t i = 0; i < slice.count; mr_poll_item(i++))
            for (int32_t k = 0; k < vec->type->n_fields; k++)
                seed = hash_row(kind, vec->children[k], slice.start + i, seed);
        return seed;
    }
    case MR_PHYS_STRUCT:
        for (int32_t k = 0; k < vec->type->n_fields; k++)
            seed = hash_row(kind, vec->children[k], at, seed);
        return seed;
    }
    return seed;
}

int32_t mr__spark_murmur3(const MrVector *vec, int64_t row, int32_t seed)
{
    return (int32_t)(uint32_t)hash_row(&murmur, vec, row, (uint32_t)seed);
}

int64_t mr__spark_xxhash64(const MrVector *vec, int64_t row, int64_t seed)
{
    return (int64_t)hash_row(&xx, vec, row, (uint64_t)seed);
}

static MrStatus hash_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int32_t hash = 42;
        for (int32_t k = 0; k < call->n_args; k++)
            hash = mr__spark_murmur3(call->args[k], mr_arg_row(call->args[k], row), hash);
        call->out->i32[row] = hash;
    }
    return MR_OK;
}

static MrStatus xxhash64_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        int64_t hash = 42;
        for (int32_t k = 0; k < call->n_args; k++)
            hash = mr__spark_xxhash64(call->args[k], mr_arg_row(call->args[k], row), hash);
        call->out->i64[row] = hash;
    }
    return MR_OK;
}

static MrStatus hash_bind(MrBind *bind, MrError *err)
{
    if (bind->n_args < 1)
        return mr__fail_num_args(bind, bind->def->name, "> 0", err);
    for (int32_t i = 0; i < bind->n_args; i++) {
        if (mr_type_has(bind->args[i].type, MR_TYPE_MAP))
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__HASH_MAP_TYPE, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "functionName",
                           mr_quote_name(bind->arena, bind->def->name));
        if (bind->args[i].type->kind == MR_TYPE_VARIANT)
            return MR_FAIL(err, MR_COND_DATATYPE_MISMATCH__HASH_VARIANT_TYPE, "sqlExpr",
                           mr__quoted_expr(bind->arena, bind->sql), "functionName",
                           mr_quote_name(bind->arena, bind->def->name));
    }
    return MR_OK;
}

static void hex_put(MrCall *call, int32_t row, const uint8_t *digest, uint32_t size)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * EVP_MAX_MD_SIZE];
    for (uint32_t i = 0; i < size; i++) {
        text[2 * i] = digits[digest[i] >> 4];
        text[2 * i + 1] = digits[digest[i] & 15];
    }
    call->out->str[row] = mr_str_own(call->arena, text, 2 * (int64_t)size);
}

#define DIGEST_BYTES (1 << 20)

/* In pieces.  OpenSSL's context is in no arena: a guard of our own gives it back. */
static MrStatus digest_long(MrText text, const EVP_MD *kind, uint8_t *digest, unsigned *size,
                            MrError *err)
{
    MrStatus status;
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool done = context && EVP_DigestInit_ex(context, kind, NULL);
    MR_GUARD_BEGIN(status, err)
        for (int64_t at = 0; done && at < text.size_bytes; at += DIGEST_BYTES) {
            int64_t left = text.size_bytes - at;
            mr_poll();
            done = EVP_DigestUpdate(context, text.data + at,
                                    (size_t)(left < DIGEST_BYTES ? left : DIGEST_BYTES));
        }
        if (!done || !EVP_DigestFinal_ex(context, digest, size))
            status = MR_FAIL_INTERNAL(err, "the digest %s is not there", EVP_MD_get0_name(kind));
    MR_GUARD_END(status)
    EVP_MD_CTX_free(context);
    return status;
}

static MrStatus digest_row(MrCall *call, int32_t row, const EVP_MD *kind, MrError *err)
{
    const MrStr *str = &MR_ARG(call->args[0], str, row);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    if (str->size_bytes >= MR_POLL_BYTES)
        MR_TRY(digest_long(mr_str_text(str), kind, digest, &size, err));
    else if (!EVP_Digest(mr_str_data(str), str->size_bytes, digest, &size, kind, NULL))
        return MR_FAIL_INTERNAL(err, "the digest %s is not there", EVP_MD_get0_name(kind));
    hex_put(call, row, digest, size);
    return MR_OK;
}

static MrStatus md5_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        MR_TRY(digest_row(call, row, EVP_md5(), err));
    return MR_OK;
}

static MrStatus sha1_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row))
        MR_TRY(digest_row(call, row, EVP_sha1(), err));
    return MR_OK;
}

static MrStatus sha2_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        switch (MR_ARG(call->args[1], i32, row)) {
        case 224:
            MR_TRY(digest_row(call, row, EVP_sha224(), err));
            break;
        case 0:
        case 256:
            MR_TRY(digest_row(call, row, EVP_sha256(), err));
            break;
        case 384:
            MR_TRY(digest_row(call, row, EVP_sha384(), err));
            break;
        case 512:
            MR_TRY(digest_row(call, row, EVP_sha512(), err));
            break;
        default:
            mr_call_null(call, row);
        }
    }
    return MR_OK;
}

static MrStatus crc32_call(MrCall *call, MrError *err)
{
    for (MR_EACH(call, i, row)) {
        MrText text = mr_str_text(&MR_ARG(call->args[0], str, row));
        uLong crc = crc32_z(0, NULL, 0);
        for (int64_t at = 0, end; at < text.size_bytes; at = end) {
            end = mr_poll_piece(at, text.size_bytes);
            crc = crc32_z(crc, (const Bytef *)text.data + at, (z_size_t)(end - at));
        }
        call->out->i64[row] = (int64_t)crc;
    }
    return MR_OK;
}

#define STRICT MR_FN_NULL_IF_ANY
const MrFunctionDef mr_functions_hash[] = {
    {"hash", "any* -> int", MR_FN_NEVER_NULL, hash_call, hash_bind, "Murmur3 of the values.",
     "hash('Spark', array(123), 2) = -1321691492"},
    {"xxhash64", "any* -> bigint", MR_FN_NEVER_NULL, xxhash64_call, hash_bind,
     "XXH64 of the values.", "xxhash64('Spark', array(123), 2) = 5602566077635097486"},
    {"md5", "binary -> string", STRICT, md5_call, NULL, "MD5 in hexadecimal.",
     "md5('Spark') = '8cde774d6f7333752ed72cacddb05126'"},
    {"sha", "binary -> string", STRICT, sha1_call, NULL, "SHA-1 in hexadecimal.",
     "sha('Spark') = '85f5955f4b27a9a4c2aab6ffe5d7189fc298b92c'"},
    {"sha1", "binary -> string", STRICT, sha1_call, NULL, "SHA-1 in hexadecimal.",
     "sha1('Spark') = '85f5955f4b27a9a4c2aab6ffe5d7189fc298b92c'"},
    {"sha2", "binary, int -> string", STRICT | MR_FN_MAY_NULL, sha2_call, NULL,
     "SHA-2 of 224, 256, 384 or 512 bits, in hexadecimal.",
     "sha2('Spark', 256) = '529bc3b07127ecb7e53a4dcf1991d9152c24537d919178022b2c42657f79a26b'"},
    {"crc32", "binary -> bigint", STRICT, crc32_call, NULL, "CRC-32.",
     "crc32('Spark') = 1557323817"},
    {0},
};
