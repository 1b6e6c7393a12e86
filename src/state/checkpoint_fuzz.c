/* checkpoint_fuzz.c - any bytes as the log of a checkpoint, in a simulated folder.
 *
 * The first byte chooses: even, the rest is the segment file as it is; odd, the rest is cut into
 * records (type, 2 bytes of length, payload) that get right headers and checksums, so that the
 * decoders of payloads are reached. */
#include "base/hash.h"
#include "base/json.h"
#include "os/os_sim.h"
#include "state/state.h"

static int64_t n_applied;

static MrStatus entry_apply(void *self, const MrStateEntry *entry, MrError *err)
{
    for (int64_t i = 0; i < entry->key.size_bytes; i++) /* every byte must be readable */
        n_applied += entry->key.data[i];
    for (int64_t i = 0; i < entry->value.size_bytes; i++)
        n_applied += entry->value.data[i];
    return MR_OK;
}

#define CHECK(call)                                                                                \
    do {                                                                                           \
        if ((call) != MR_OK)                                                                       \
            abort();                                                                               \
    } while (0)

static void u32_put(MrBuffer *buf, uint32_t value)
{
    MrError err;
    CHECK(mr_buffer_put_u32(buf, value, &err));
}

static void u64_put(MrBuffer *buf, uint64_t value)
{
    MrError err;
    CHECK(mr_buffer_put_u64(buf, value, &err));
}

static void record_put(MrBuffer *out, uint8_t type, const uint8_t *payload, int64_t size_bytes,
                       uint64_t sequence)
{
    MrError err;
    static const uint8_t zeros[8];
    int64_t start = out->size_bytes;
    u32_put(out, 0);
    u32_put(out, (uint32_t)size_bytes);
    CHECK(mr_buffer_put_u8(out, type, &err));
    CHECK(mr_buffer_put_u8(out, 1, &err));
    CHECK(mr_buffer_put(out, zeros, 2, &err));
    u32_put(out, 1);
    u64_put(out, 77);
    u64_put(out, sequence);
    u64_put(out, sequence - 1);
    CHECK(mr_buffer_put(out, payload, size_bytes, &err));
    uint32_t crc = mr_crc32c(out->data + start + 4, out->size_bytes - start - 4, 0);
    memcpy(out->data + start, &crc, 4);
    CHECK(mr_buffer_put(out, zeros, -out->size_bytes & 7, &err));
}

/* A segment with a right header, then the records that the input asks for. */
static void segment_make(MrBuffer *out, const uint8_t *data, int64_t size_bytes)
{
    MrError err;
    uint64_t sequence = 1;
    CHECK(mr_buffer_put(out, "MRLOGSEG", 8, &err));
    u32_put(out, 1);
    u32_put(out, 256);
    u64_put(out, 1);
    u64_put(out, 77);
    u32_put(out, 1);
    u32_put(out, mr_crc32c(out->data, 36, 0));
    while (size_bytes >= 3) {
        int64_t n = data[1] | (int64_t)data[2] << 8;
        n = n > size_bytes - 3 ? size_bytes - 3 : n;
        if (n > 0 && data[0] != 0)
            record_put(out, data[0], data + 3, n, sequence++);
        data += 3 + n;
        size_bytes -= 3 + n;
    }
}

static void file_put(MrOs *os, const char *path, const char *data, int64_t size_bytes)
{
    MrError err;
    MrFile *file;
    CHECK(os->file_open(os, path, MR_FILE_CREATE, &file, &err));
    CHECK(os->file_write_at(file, 0, data, size_bytes, &err));
    os->file_close(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    MrBudget budget;
    MrArena arena;
    MrOs *os;
    MrError err = {0};
    MrBuffer segment;
    MrCheckpoint *checkpoint = NULL;
    MrRecovered found;
    if (size < 1)
        return 0;
    mr_budget_init(&budget, "fuzz", NULL, INT64_C(256) << 20);
    CHECK(mr_os_sim_create(&budget, &(MrSimOptions){.seed = 1}, &os, &err));
    mr_buffer_init(&segment, &budget, INT64_C(64) << 20);
    if ((data[0] & 1) != 0)
        segment_make(&segment, data + 1, (int64_t)size - 1);
    else
        CHECK(mr_buffer_put(&segment, data + 1, (int64_t)size - 1, &err));
    CHECK(os->make_dir(os, "c/log", &err));
    CHECK(os->make_dir(os, "c/state", &err));
    mr_arena_init(&arena, &budget);
    MrTextBuilder metadata = {.arena = &arena};
    mr_builder_str(&metadata, "{\"format\": 1, \"id\": \"x\", \"fingerprint\": \"f\"");
    mr_json_end_checked(&metadata);
    file_put(os, "c/metadata.json", metadata.data, metadata.size_bytes);
    mr_arena_deinit(&arena);
    file_put(os, "c/log/0000000000000001.log", segment.data, segment.size_bytes);
    MrStatus status = mr_checkpoint_open(
        &(MrCheckpointOptions){
            .os = os, .budget = &budget, .path = "c", .fingerprint = "f", .segment_bytes = 512},
        entry_apply, NULL, &checkpoint, &found, &err);
    if (status == MR_OK) {
        if (!found.is_new && found.committed && found.planned.epoch < INT64_MAX - 1) {
            MrText none = {"", 0};
            MrPlanned next = {.epoch = found.planned.epoch + 1,
                              .closed_through = found.planned.epoch,
                              .n_sources = 1,
                              .from = &none,
                              .to = &none,
                              .extra = none};
            CHECK(mr_checkpoint_plan(checkpoint, &next, true, &err));
        }
        mr_checkpoint_close(checkpoint);
    }
    mr_buffer_deinit(&segment);
    mr_os_sim_destroy(os);
    mr_budget_deinit(&budget);
    return 0;
}
