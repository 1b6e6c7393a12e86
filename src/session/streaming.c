/* streaming.c - from a bound query to a running stream with a sink. */
#include "session/session_int.h"

static MrStatus open_sink(void *self, const char *query_id, MrSink **out, MrError *err)
{
    MrStreamTarget *target = self;
    MrQuery *query = target->query;
    MrConnectorContext *context = MR_NEW(&query->arena, MrConnectorContext);
    MrSinkSpec *spec = MR_NEW(&query->arena, MrSinkSpec);
    *context = (MrConnectorContext){.os = query->session->os,
                                    .budget = &query->budget,
                                    .settings = &query->settings,
                                    .options = target->options,
                                    .streaming = true};
    *spec = (MrSinkSpec){.schema = &query->schema,
                         .output_mode = target->mode,
                         .save_mode = target->replaces ? MR_SAVE_OVERWRITE : MR_SAVE_APPEND,
                         .query_id = query_id,
                         .n_partition_cols = target->n_partition_cols,
                         .partition_cols = target->partition_cols};
    if (target->open)
        return target->open(target->open_self, spec, out, err);
    MR_TRY(mr_options_check(&target->options, target->type->options, target->type->name, err));
    return target->type->open_sink(context, spec, out, err);
}

/* State that grows with the rows rather than with the groups. */
static bool keeps_input(const MrPhys *phys)
{
    bool keeps = mr_phys_has_state(phys) && phys->kind != MR_PHYS_OP_AGGREGATE;
    for (int32_t i = 0; i < phys->n_inputs && !keeps; i++)
        keeps = keeps_input(phys->inputs[i]);
    return keeps;
}

/* How to begin anew after a refusal to go on. */
static void hint_anew(const MrStreamTarget *target, MrError *err)
{
    if (err->condition != MR_COND_STREAMING_STATEFUL_OPERATOR_NOT_MATCH_IN_STATE_METADATA &&
        err->condition != MR_COND_BATCH_METADATA_NOT_FOUND &&
        err->condition != MR_COND_MALFORMED_LOG_FILE)
        return;
    if (target->dropped)
        mr_error_add(err, "or DROP TABLE %s: then the table and its checkpoint begin anew",
                     target->dropped);
    else if (target->checkpoint)
        mr_error_add(err,
                     "or begin anew without the checkpoint '%s' and without what it has written",
                     target->checkpoint);
}

/* Does it number the rows? */
static bool visit_numbering(void *self, const MrExpr *expr)
{
    bool *found = self;
    *found |= expr->kind == MR_EXPR_CALL &&
              strcmp(expr->bound->def->name, "monotonically_increasing_id") == 0;
    return !*found;
}

/* Of the set operations over streams those that number copies. */
static const char *copies_all(const MrPlan *plan)
{
    const char *name = NULL;
    if (plan->kind == MR_PLAN_SETOP && plan->streaming && plan->setop.all)
        return plan->setop.kind == MR_SETOP_EXCEPT ? "EXCEPT ALL" : "INTERSECT ALL";
    for (int32_t i = 0; i < plan->n_inputs && !name; i++)
        name = copies_all(plan->inputs[i]);
    return name;
}

/* What is refused by its name before rules make other things of it. */
static MrStatus check_supported(MrQuery *query, const MrPlan *plan, const MrStreamTarget *target,
                                MrError *err)
{
    bool numbers = false;
    const char *all = copies_all(plan);
    if (target->per_epoch)
        return MR_OK;
    mr_plan_each_expr(plan, visit_numbering, &numbers);
    if (numbers) /* each epoch would begin at 0 again */
        return MR_FAIL(err, MR_COND__LEGACY_ERROR_TEMP_3102, "msg",
                       "Expression(s): monotonically_increasing_id() is not supported with "
                       "streaming DataFrames/Datasets");
    if (all && target->mode == MR_MODE_APPEND)
        return MR_FAIL(err, MR_COND_STREAMING_OUTPUT_MODE__UNSUPPORTED_OPERATION, "outputMode",
                       "append", "operation",
                       mr_arena_printf(&query->arena, "%s over a stream", all));
    return MR_OK;
}

MrStatus mr_query_start_stream(MrQuery *query, MrPlan *plan, const MrStreamTarget *target,
                               MrStream **out, MrError *err)
{
    MrSession *session = query->session;
    MrArena *arena = &query->arena;
    MrPlan *optimized;
    MrPhys *phys;
    MrTextBuilder text = {.arena = arena};
    if (!(target->type->flags & MR_CONN_STREAM_WRITE))
        return MR_FAIL_UNSUPPORTED(err, "writing a stream to '%s'", target->type->name);
    MR_TRY(check_supported(query, plan, target, err));
    MR_TRY(mr_plan_optimize(&query->planner, plan, &optimized, err));
    MR_TRY(mr_plan_lower(&query->planner, optimized,
                         &(MrLowerOptions){.streaming = true,
                                           .output_mode = target->mode,
                                           .per_epoch = target->per_epoch},
                         &phys, err));
    if (target->small_state && keeps_input(phys))
        return MR_FAIL_UNSUPPORTED(err, "keeping the rows of a stream for '%s'", target->name);
    const char *fingerprint = target->fingerprint;
    if (!fingerprint) {
        mr_stream_identity(plan, phys, &query->settings,
                           !(target->type->flags & MR_CONN_REPLAY_SINK), &text);
        fingerprint = mr_builder_text(&text).data;
    }
    MrStreamTarget *kept = MR_NEW(arena, MrStreamTarget);
    *kept = *target;
    kept->query = query;
    MrStatus status = mr_stream_open(
        &(MrStreamOptions){
            .os = session->os,
            .budget = &query->budget,
            .settings = &query->settings,
            .phys = phys,
            .name = target->name,
            .checkpoint = target->checkpoint,
            .fingerprint = fingerprint,
            .snapshot_bytes = mr_conf_i64(query->conf, "millrace.checkpoint.snapshotBytes"),
            .trigger = target->trigger,
            .interval_us = target->interval_us,
            .output_mode = target->mode,
            .sink_type = target->type,
            .open_sink = open_sink,
            .self = kept,
            .canceled = target->canceled ? target->canceled : &session->canceled,
            .n_workers = session->n_threads,
            .spill_dir = session->spill_dir,
            .batch_rows = (int32_t)mr_conf_i64(query->conf, "millrace.exec.batchRows"),
            .progress = target->progress,
            .progress_self = target->progress_self,
        },
        out, err);
    if (status != MR_OK)
        hint_anew(target, err);
    return status;
}
