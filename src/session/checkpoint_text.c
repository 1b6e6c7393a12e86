/* checkpoint_text.c - a checkpoint as text: `millrace checkpoint show|verify`. */
#include "session/session_int.h"

#include "state/state.h"
#include <inttypes.h>

typedef struct Show {
    MrTextBuilder *out;
    const MrSettings *settings;
    bool lists; /* the epochs too */
    int64_t n_epochs, first, last, committed;
    bool has_open;
} Show;

static void put_time(Show *show, int64_t us)
{
    if (us == INT64_MIN) {
        mr_builder_printf(show->out, "%-28s", "-");
        return;
    }
    MrTextBuilder text = {.arena = show->out->arena};
    MrVector *value = mr_vector_constant(text.arena, MR_T(TIMESTAMP), &us);
    mr_value_text(value, 0, MR_TEXT_HIVE, show->settings, &text);
    mr_builder_printf(show->out, "%-28s", mr_builder_text(&text).data);
}

static void put_position(Show *show, MrText position)
{
    if (position.size_bytes == 0)
        mr_builder_str(show->out, "the beginning");
    else
        mr_builder_put(show->out, position.data, position.size_bytes);
}

static MrStatus show_metadata(void *self, const char *query_id, const char *fingerprint,
                              MrError *err)
{
    Show *show = self;
    mr_builder_printf(show->out, "query %s\n", query_id);
    for (const char *line = fingerprint; line && *line;) {
        int n = (int)strcspn(line, "\n");
        mr_builder_printf(show->out, "  %.*s\n", n, line);
        line += n + (line[n] == '\n');
    }
    return MR_OK;
}

static MrStatus show_snapshot(void *self, int64_t epoch, MrText file, int64_t size_bytes,
                              MrError *err)
{
    Show *show = self;
    mr_builder_printf(show->out, "snapshot of epoch %" PRId64 ": state/%.*s, %" PRId64 " bytes\n",
                      epoch, (int)file.size_bytes, file.data, size_bytes);
    return MR_OK;
}

static MrStatus show_epoch(void *self, const MrEpochView *epoch, MrError *err)
{
    Show *show = self;
    const MrPlanned *planned = &epoch->planned;
    if (show->n_epochs++ == 0) {
        show->first = planned->epoch;
        if (show->lists)
            mr_builder_printf(show->out, "%8s  %-9s  %-28s%-28s%10s  %6s  %s\n", "epoch", "status",
                              "planned", "watermark", "state", "tokens", "positions");
    }
    show->last = planned->epoch;
    show->has_open = !epoch->committed;
    if (epoch->committed)
        show->committed = planned->epoch;
    if (!show->lists)
        return MR_OK;
    mr_builder_printf(show->out, "%8" PRId64 "  %-9s  ", planned->epoch,
                      epoch->committed ? "committed" : "planned");
    put_time(show, planned->time_us);
    put_time(show, planned->evict_us);
    mr_builder_printf(show->out, "%10" PRId64 "  %6" PRId64 "  ", epoch->state_bytes,
                      epoch->n_tokens);
    for (int32_t s = 0; s < planned->n_sources; s++) {
        mr_builder_str(show->out, s > 0 ? "; " : "");
        if (mr_text_equal(planned->from[s], planned->to[s])) {
            mr_builder_str(show->out, "nothing new");
            continue;
        }
        put_position(show, planned->from[s]);
        mr_builder_str(show->out, " -> ");
        put_position(show, planned->to[s]);
    }
    if (epoch->state_file.size_bytes > 0)
        mr_builder_printf(show->out, "; state/%.*s", (int)epoch->state_file.size_bytes,
                          epoch->state_file.data);
    mr_builder_char(show->out, '\n');
    return MR_OK;
}

MrStatus mr_session_checkpoint_text(MrSession *session, const char *path, bool verify,
                                    MrTextBuilder *out, MrError *err)
{
    Show show = {
        .out = out, .settings = mr_session_settings(session), .lists = !verify, .committed = -1};
    MrCheckpointTotals totals = {.closed_through = -1};
    MrStatus status = mr_checkpoint_read(
        &(MrCheckpointOptions){
            .os = session->os, .budget = mr_session_budget(session), .path = path},
        verify, &(MrCheckpointWatcher){&show, show_metadata, show_snapshot, show_epoch}, &totals,
        err);
    if (status != MR_OK)
        return status;
    if (show.n_epochs == 0)
        mr_builder_str(out, "no epochs yet\n");
    else
        mr_builder_printf(out,
                          "epochs %" PRId64 " to %" PRId64 ", committed to %" PRId64
                          ", closed to %" PRId64 "%s\n",
                          show.first, show.last, show.committed, totals.closed_through,
                          show.has_open ? "; the last one will run again" : "");
    mr_builder_printf(out,
                      "log: %" PRId64 " bytes in %" PRId64 " segments; state: %" PRId64
                      " bytes in %" PRId64 " files%s\n",
                      totals.log_bytes, totals.n_segments, totals.files_bytes, totals.n_files,
                      totals.n_strays > 0 ? "; files of attempts that did not win lie there too"
                                          : "");
    if (verify)
        mr_builder_str(out, "sound\n");
    return MR_OK;
}
