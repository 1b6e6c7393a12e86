/* files_parts.c - partition columns: what the k=v folders of a file's path say. */
#include "connector/files_int.h"

/* %3D and the like in partition folders. */
static char *unescape(MrArena *arena, const char *text, int64_t size_bytes)
{
    char *out = mr_arena_alloc(arena, size_bytes + 1), *to = out;
    for (int64_t i = 0; i < size_bytes; i++) {
        int high = i + 2 < size_bytes && text[i] == '%' ? mr_hex_digit(text[i + 1]) : -1;
        int low = high >= 0 ? mr_hex_digit(text[i + 2]) : -1;
        if (low >= 0) {
            *to++ = (char)(high * 16 + low);
            i += 2;
        } else {
            *to++ = text[i];
        }
    }
    *to = 0;
    return out;
}

bool mr__part_of(MrArena *arena, const char *folder, MrFilePart *out)
{
    const char *equals = strchr(folder, '=');
    if (!equals || equals == folder || equals[1] == 0)
        return false;
    out->name = unescape(arena, folder, equals - folder);
    out->value = unescape(arena, equals + 1, (int64_t)strlen(equals + 1));
    if (strcmp(out->value, "__HIVE_DEFAULT_PARTITION__") == 0)
        out->value = NULL;
    return true;
}

void mr__parts_of_file(MrArena *arena, MrFileEntry *file)
{
    MrFilePart parts[MR_FILES_DEPTH_MAX];
    int64_t n_base = file->n_base;
    int32_t n = 0;
    char *path = mr_arena_str(arena, file->path), *slash = strrchr(path, '/'), *save = NULL;
    file->n_parts = 0;
    file->parts = NULL;
    if (!slash || n_base >= slash - path)
        return;
    *slash = 0;
    if (n_base < 0) {
        MrFilePart part;
        n_base = slash - path;
        while (
            n_base > 0 && (slash = memrchr(path, '/', (size_t)n_base)) &&
            mr__part_of(arena, mr_arena_strn(arena, slash + 1, path + n_base - slash - 1), &part))
            n_base = slash - path;
    }
    for (char *name = strtok_r(path + n_base, "/", &save); name && n < MR_FILES_DEPTH_MAX;
         name = strtok_r(NULL, "/", &save))
        n += mr__part_of(arena, name, &parts[n]);
    MrFilePart *own = MR_NEW_N(arena, MrFilePart, n);
    if (n > 0)
        memcpy(own, parts, (size_t)n * sizeof *own);
    file->parts = own;
    file->n_parts = n;
}

const MrFilePart *mr__part_find(const MrFileEntry *file, const char *name)
{
    for (int32_t k = 0; k < file->n_parts; k++)
        if (mr_str_equal_nocase(file->parts[k].name, name))
            return &file->parts[k];
    return NULL;
}

bool mr__part_constant(const MrTextValue *type, const MrEvalContext *eval, MrArena *arena,
                       const char *text, MrVector **out)
{
    if (!text) {
        *out = mr_vector_constant(arena, type->type, NULL);
        return true;
    }
    MrVector *flat = mr_vector_create(arena, type->type, 1);
    if (!mr_text_value_set(type, eval, arena, mr_text(mr_arena_str(arena, text)), flat, 0))
        return false;
    *out = mr_vector_constant(arena, type->type, flat->data);
    return true;
}

/* A row whose partition columns are those of the file; the others are not looked at. */
static MrStatus parts_row(const MrConnectorContext *context, const MrEvalContext *eval,
                          const MrSchema *schema, const MrFileEntry *file, MrBatch *batch,
                          bool *known, MrError *err)
{
    mr_batch_set_cols(batch, schema->n_cols);
    *known = true;
    for (int32_t i = 0; i < schema->n_cols; i++) {
        const MrFilePart *part = mr__part_find(file, schema->cols[i].name);
        MrTextValue type;
        if (!part) {
            batch->cols[i] = mr_vector_constant(&batch->arena, MR_T(VOID), NULL);
            continue;
        }
        MR_TRY(mr_text_value_init(&type, &batch->arena, context->settings, schema->cols[i].type,
                                  NULL, err));
        *known =
            *known && mr__part_constant(&type, eval, &batch->arena, part->value, &batch->cols[i]);
    }
    batch->n_rows = batch->n_sel = 1;
    return MR_OK;
}

MrStatus mr__parts_test(const MrConnectorContext *context, MrBudget *budget, const MrSchema *schema,
                        MrExpr *condition, const MrFileEntry *file, MrVerdict *out, MrError *err)
{
    MrEvalContext eval = {.settings = context->settings,
                          .now_us = context->os->now_us(context->os)};
    MrProgram *program = NULL;
    MrBatch *batch = NULL;
    *out = MR_VERDICT_UNKNOWN;
    MR_TRY(mr_program_create(budget, &condition, 1, &program, err));
    MrStatus status = mr_batch_create(budget, &batch, err);
    if (status == MR_OK) {
        MrStatus inner;
        MR_GUARD_BEGIN(inner, err)
            MrError ignored = {0};
            bool known;
            inner = parts_row(context, &eval, schema, file, batch, &known, err);
            if (inner == MR_OK && known &&
                mr_program_filter(program, &eval, batch, &ignored) == MR_OK)
                *out = batch->n_sel > 0 ? MR_VERDICT_TRUE : MR_VERDICT_FALSE;
        MR_GUARD_END(inner)
        status = inner;
    }
    mr_batch_destroy(batch);
    mr_program_destroy(program);
    return status;
}
