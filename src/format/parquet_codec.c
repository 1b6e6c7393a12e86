/* parquet_codec.c - pages compressed and back.
 *
 * The size of the output is known from the page header and is the limit (RELIABILITY H3). */
#include "format/parquet_int.h"
#include <brotli/decode.h>
#include <libdeflate.h>
#include <lz4.h>
#include <snappy-c.h>
#include <zlib.h>
#include <zstd.h>

static const struct {
    const char *name;
    int32_t codec;
} codec_names[] = {
    {"none", MR_PARQUET_NONE},       {"uncompressed", MR_PARQUET_NONE},
    {"snappy", MR_PARQUET_SNAPPY},   {"gzip", MR_PARQUET_GZIP},
    {"zstd", MR_PARQUET_ZSTD},       {"lz4", MR_PARQUET_LZ4_RAW},
    {"lz4_raw", MR_PARQUET_LZ4_RAW}, {"lz4raw", MR_PARQUET_LZ4_RAW},
};

MrStatus mr_parquet_codec_find(const char *name, MrParquetCodec *out, MrError *err)
{
    for (int64_t i = 0; i < MR_COUNT(codec_names); i++) {
        if (mr_str_equal_nocase(codec_names[i].name, name)) {
            *out = (MrParquetCodec)codec_names[i].codec;
            return MR_OK;
        }
    }
    return MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE__WITH_AVAILABLE_CODECS_SUGGESTION, "codecName",
                   name, "availableCodecs", "uncompressed, snappy, gzip, zstd, lz4, lz4_raw");
}

static const char *codec_name(int32_t codec)
{
    static const char *const names[] = {"UNCOMPRESSED", "SNAPPY", "GZIP", "LZO",
                                        "BROTLI",       "LZ4",    "ZSTD", "LZ4_RAW"};
    return codec >= 0 && codec < MR_COUNT(names) ? names[codec] : "unknown";
}

uint32_t mr__pq_crc32(uint32_t crc, const void *data, int64_t size_bytes)
{
    return libdeflate_crc32(crc, data, (size_t)size_bytes);
}

/* gzip or zlib framing, several members in a row.  zlib rather than libdeflate, whose decompressor
 * would have to be kept from page to page. */
static bool gzip_decompress(const uint8_t *from, int64_t from_bytes, uint8_t *to, int64_t to_bytes)
{
    z_stream stream = {.next_in = (Bytef *)(uintptr_t)from,
                       .avail_in = (uInt)from_bytes,
                       .next_out = to,
                       .avail_out = (uInt)to_bytes};
    if (inflateInit2(&stream, 15 + 32) != Z_OK)
        return false;
    int result = Z_OK;
    for (;;) {
        result = inflate(&stream, Z_FINISH);
        if (result != Z_STREAM_END || stream.avail_out == 0 || stream.avail_in == 0)
            break;
        if (inflateReset(&stream) != Z_OK)
            break;
    }
    bool ok = result == Z_STREAM_END && stream.avail_out == 0;
    inflateEnd(&stream);
    return ok;
}

static bool lz4_decompress(const uint8_t *from, int64_t from_bytes, uint8_t *to, int64_t to_bytes)
{
    return LZ4_decompress_safe((const char *)from, (char *)to, (int)from_bytes, (int)to_bytes) ==
           (int)to_bytes;
}

static uint32_t big_endian_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* Hadoop's framing: for each frame its size uncompressed and compressed, big-endian, then a block.
 */
static bool hadoop_lz4_decompress(const uint8_t *from, int64_t from_bytes, uint8_t *to,
                                  int64_t to_bytes)
{
    while (from_bytes >= 8) {
        int64_t plain = big_endian_u32(from), packed = big_endian_u32(from + 4);
        from += 8;
        from_bytes -= 8;
        if (packed > from_bytes || plain > to_bytes || !lz4_decompress(from, packed, to, plain))
            return false;
        from += packed;
        from_bytes -= packed;
        to += plain;
        to_bytes -= plain;
    }
    return from_bytes == 0 && to_bytes == 0;
}

MrStatus mr__pq_decompress(MrParquetCodec codec, const uint8_t *from, int64_t from_bytes,
                           uint8_t *to, int64_t to_bytes, bool numbers, bool *ok, MrError *err)
{
    size_t size = (size_t)to_bytes;
    switch (codec) {
    case MR_PARQUET_NONE:
        *ok = from_bytes == to_bytes;
        if (*ok)
            memcpy(to, from, size);
        return MR_OK;
    case MR_PARQUET_SNAPPY:
        *ok = mr__snappy_decompress(from, from_bytes, to, to_bytes, numbers);
        return MR_OK;
    case MR_PARQUET_GZIP:
        *ok = gzip_decompress(from, from_bytes, to, to_bytes);
        return MR_OK;
    case MR_PARQUET_ZSTD:
        *ok = ZSTD_decompress(to, size, from, (size_t)from_bytes) == size;
        return MR_OK;
    case MR_PARQUET_LZ4_RAW:
        *ok = lz4_decompress(from, from_bytes, to, to_bytes);
        return MR_OK;
    case MR_PARQUET_LZ4: /* some writers left Hadoop's framing out */
        *ok = hadoop_lz4_decompress(from, from_bytes, to, to_bytes) ||
              lz4_decompress(from, from_bytes, to, to_bytes);
        return MR_OK;
    case MR_PARQUET_BROTLI:
        *ok = BrotliDecoderDecompress((size_t)from_bytes, from, &size, to) ==
                  BROTLI_DECODER_RESULT_SUCCESS &&
              size == (size_t)to_bytes;
        return MR_OK;
    default:
        return MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE, "codecName", codec_name((int32_t)codec));
    }
}

static MrStatus gzip_compress(const void *from, int64_t from_bytes, MrBuffer *out, MrError *err)
{
    struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(6);
    if (!compressor)
        return mr_error_raise(err, MR_COND_UNABLE_TO_ACQUIRE_MEMORY, "requestedBytes", "65536",
                              "receivedBytes", "0", (const char *)NULL);
    size_t bound = libdeflate_gzip_compress_bound(compressor, (size_t)from_bytes);
    MrStatus status = mr_buffer_reserve(out, (int64_t)bound, err);
    if (status == MR_OK)
        out->size_bytes += (int64_t)libdeflate_gzip_compress(compressor, from, (size_t)from_bytes,
                                                             out->data + out->size_bytes, bound);
    libdeflate_free_compressor(compressor);
    return status;
}

MrStatus mr__pq_compress(MrParquetCodec codec, const void *from, int64_t from_bytes, MrBuffer *out,
                         MrError *err)
{
    size_t size;
    switch (codec) {
    case MR_PARQUET_NONE:
        return mr_buffer_put(out, from, from_bytes, err);
    case MR_PARQUET_SNAPPY:
        size = snappy_max_compressed_length((size_t)from_bytes);
        MR_TRY(mr_buffer_reserve(out, (int64_t)size, err));
        if (snappy_compress(from, (size_t)from_bytes, out->data + out->size_bytes, &size) !=
            SNAPPY_OK)
            return MR_FAIL_INTERNAL(err, "Snappy failed.");
        break;
    case MR_PARQUET_GZIP:
        return gzip_compress(from, from_bytes, out, err);
    case MR_PARQUET_ZSTD:
        size = ZSTD_compressBound((size_t)from_bytes);
        MR_TRY(mr_buffer_reserve(out, (int64_t)size, err));
        size = ZSTD_compress(out->data + out->size_bytes, size, from, (size_t)from_bytes, 3);
        if (ZSTD_isError(size))
            return MR_FAIL_INTERNAL(err, "Zstandard failed: %s.", ZSTD_getErrorName(size));
        break;
    case MR_PARQUET_LZ4_RAW: {
        int bound = LZ4_compressBound((int)from_bytes);
        MR_TRY(mr_buffer_reserve(out, bound, err));
        size =
            (size_t)LZ4_compress_default(from, out->data + out->size_bytes, (int)from_bytes, bound);
        break;
    }
    default:
        return MR_FAIL(err, MR_COND_CODEC_NOT_AVAILABLE, "codecName", codec_name((int32_t)codec));
    }
    out->size_bytes += (int64_t)size;
    return MR_OK;
}
