/* rows_fuzz.inc.h - the fuzz target of a text format: options and schema from the first bytes, then the
 * input, whole and cut at lines, inferred and with a schema.  Not a header: define FUZZ_FORMAT, and
 * FUZZ_OPTIONS and FUZZ_SCHEMAS as lists of texts, then include. */
#include "format/rows_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const options[] = {FUZZ_OPTIONS};
    static const char *const schemas[] = {NULL, FUZZ_SCHEMAS};
    if (size < 2)
        return 0;
    MrBudget budget;
    mr_budget_init(&budget, "fuzz", NULL, INT64_C(256) << 20);
    MrText outs[2] = {{0}};
    MrStatus statuses[2];
    MrArena arenas[2];
    for (int cut = 0; cut < 2; cut++) {
        MrError err = {0};
        MrSchema schema;
        mr_arena_init(&arenas[cut], &budget);
        statuses[cut] = case_read(&budget, &arenas[cut], &FUZZ_FORMAT, options[data[0] % MR_COUNT(options)],
                                  schemas[data[1] % MR_COUNT(schemas)], (const char *)data + 2, (int64_t)size - 2, cut,
                                  &outs[cut], &schema, &err);
    }
    /* Where the bytes are cut must not matter. */
    MR_ASSERT(statuses[0] == statuses[1]);
    MR_ASSERT(statuses[0] != MR_OK || mr_text_equal(outs[0], outs[1]));
    mr_arena_deinit(&arenas[0]);
    mr_arena_deinit(&arenas[1]);
    mr_budget_deinit(&budget);
    return 0;
}
