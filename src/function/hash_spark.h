/* hash_spark.h - the hashes that Spark shows to users: hash() and xxhash64(). */
#ifndef MR_FUNCTION_HASH_SPARK_H
#define MR_FUNCTION_HASH_SPARK_H

#include "function/function_int.h"

/* One value after others: seed is what came before (42 to begin).  NULL changes nothing. */
int32_t mr__spark_murmur3(const MrVector *vec, int64_t row, int32_t seed);
int64_t mr__spark_xxhash64(const MrVector *vec, int64_t row, int64_t seed);

#endif
