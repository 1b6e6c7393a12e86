/* parquet_spark.c - Spark's schema in a Parquet file's metadata.
 *
 * Under the key org.apache.spark.sql.parquet.row.metadata Spark keeps its schema as JSON
 * (DataType.json), so that types that Parquet has no words for come back: char, varchar, intervals,
 * timestamp_ntz, collations. */
#include "base/json.h"
#include "format/parquet_int.h"

#define CHAR_KEY "__CHAR_VARCHAR_TYPE_STRING"

static const MrType *type_read(MrArena *arena, const MrJson *json, int depth);

static const MrType *name_read(MrArena *arena, MrText name)
{
    const MrType *type;
    MrError ignored = {0};
    if (mr_text_equal(name, MR_TEXT("integer")))
        return MR_T(INT);
    if (mr_text_equal(name, MR_TEXT("long")))
        return MR_T(BIGINT);
    if (mr_text_equal(name, MR_TEXT("short")))
        return MR_T(SMALLINT);
    if (mr_text_equal(name, MR_TEXT("byte")))
        return MR_T(TINYINT);
    if (mr_text_equal(name, MR_TEXT("calendarinterval")))
        return MR_T(INTERVAL);
    return mr_type_parse(arena, name, false, &type, &ignored) == MR_OK ? type : NULL;
}

/* "varchar(10)" for a column of strings: Spark keeps it beside the type. */
static const MrType *char_type_of(MrArena *arena, const MrJson *field, const MrType *type)
{
    const MrJson *metadata = mr_json_get(field, "metadata");
    const char *text =
        metadata && metadata->kind == MR_JSON_OBJECT ? mr_json_str(metadata, CHAR_KEY) : NULL;
    const MrType *exact =
        text && type->kind == MR_TYPE_STRING ? name_read(arena, mr_text(text)) : NULL;
    return exact && exact->kind == MR_TYPE_STRING ? exact : type;
}

static const MrType *struct_read(MrArena *arena, const MrJson *json, int depth)
{
    const MrJson *list = mr_json_get(json, "fields");
    if (!list || list->kind != MR_JSON_ARRAY)
        return NULL;
    MrField *fields = MR_NEW_N(arena, MrField, list->n_items);
    int32_t n = 0;
    for (const MrJson *item = list->first; item; item = item->next, n++) {
        if (item->kind != MR_JSON_OBJECT)
            return NULL;
        const MrJson *type = mr_json_get(item, "type");
        const char *name = mr_json_str(item, "name");
        fields[n] = (MrField){.name = name,
                              .type = type ? type_read(arena, type, depth + 1) : NULL,
                              .nullable = mr_json_bool(item, "nullable", true)};
        if (!name || !fields[n].type)
            return NULL;
        fields[n].type = char_type_of(arena, item, fields[n].type);
    }
    return mr_type_struct(arena, fields, n);
}

static const MrType *type_read(MrArena *arena, const MrJson *json, int depth)
{
    if (depth > MR_PARQUET_MAX_DEPTH)
        return NULL;
    if (json->kind == MR_JSON_STRING)
        return name_read(arena, json->text);
    const char *kind = json->kind == MR_JSON_OBJECT ? mr_json_str(json, "type") : NULL;
    if (!kind)
        return NULL;
    if (strcmp(kind, "struct") == 0)
        return struct_read(arena, json, depth);
    if (strcmp(kind, "array") == 0) {
        const MrJson *element = mr_json_get(json, "elementType");
        const MrType *type = element ? type_read(arena, element, depth + 1) : NULL;
        return type ? mr_type_array(arena, type, mr_json_bool(json, "containsNull", true)) : NULL;
    }
    if (strcmp(kind, "map") == 0) {
        const MrJson *key = mr_json_get(json, "keyType"), *value = mr_json_get(json, "valueType");
        const MrType *key_type = key ? type_read(arena, key, depth + 1) : NULL;
        const MrType *value_type = value ? type_read(arena, value, depth + 1) : NULL;
        return key_type && value_type ? mr_type_map(arena, key_type, value_type,
                                                    mr_json_bool(json, "valueContainsNull", true))
                                      : NULL;
    }
    return NULL;
}

const MrType *mr__pq_spark_schema_read(MrArena *arena, MrText json)
{
    MrJson *root;
    MrError ignored = {0};
    if (mr_json_parse(arena, json, "Spark's schema", &root, &ignored) != MR_OK)
        return NULL;
    const MrType *type = type_read(arena, root, 0);
    return type && type->kind == MR_TYPE_STRUCT ? type : NULL;
}

static void type_put(MrTextBuilder *out, const MrType *type);

static void struct_put(MrTextBuilder *out, const MrField *fields, int32_t n_fields)
{
    mr_builder_str(out, "{\"type\":\"struct\",\"fields\":[");
    for (int32_t i = 0; i < n_fields; i++) {
        const MrType *type = fields[i].type;
        mr_builder_str(out, i > 0 ? ",{\"name\":" : "{\"name\":");
        mr_json_put_string(out, mr_text(fields[i].name));
        mr_builder_str(out, ",\"type\":");
        type_put(out, type);
        mr_builder_str(out, fields[i].nullable ? ",\"nullable\":true" : ",\"nullable\":false");
        mr_builder_str(out, ",\"metadata\":{");
        if (type->kind == MR_TYPE_STRING && type->length > 0)
            mr_builder_printf(out, "\"" CHAR_KEY "\":\"%s(%d)\"",
                              type->is_char ? "char" : "varchar", type->length);
        if (fields[i].comment) {
            mr_builder_str(out, type->kind == MR_TYPE_STRING && type->length > 0 ? "," : "");
            mr_builder_str(out, "\"comment\":");
            mr_json_put_string(out, mr_text(fields[i].comment));
        }
        mr_builder_str(out, "}}");
    }
    mr_builder_str(out, "]}");
}

static void type_put(MrTextBuilder *out, const MrType *type)
{
    static const char *const names[MR_N_TYPES] = {[MR_TYPE_TINYINT] = "byte",
                                                  [MR_TYPE_SMALLINT] = "short",
                                                  [MR_TYPE_INT] = "integer",
                                                  [MR_TYPE_BIGINT] = "long"};
    MrType plain = *type;
    switch (type->kind) {
    case MR_TYPE_STRUCT:
        struct_put(out, type->fields, type->n_fields);
        return;
    case MR_TYPE_ARRAY:
        mr_builder_str(out, "{\"type\":\"array\",\"elementType\":");
        type_put(out, type->fields[0].type);
        mr_builder_printf(out, ",\"containsNull\":%s}",
                          type->fields[0].nullable ? "true" : "false");
        return;
    case MR_TYPE_MAP:
        mr_builder_str(out, "{\"type\":\"map\",\"keyType\":");
        type_put(out, type->fields[0].type);
        mr_builder_str(out, ",\"valueType\":");
        type_put(out, type->fields[1].type);
        mr_builder_printf(out, ",\"valueContainsNull\":%s}",
                          type->fields[1].nullable ? "true" : "false");
        return;
    default:
        plain.length = 0; /* char and varchar stand beside the type */
        mr_json_put_string(out,
                           mr_text(names[type->kind] ? names[type->kind]
                                                     : mr_type_catalog_text(out->arena, &plain)));
    }
}

MrText mr__pq_spark_schema_text(MrArena *arena, const MrSchema *schema)
{
    MrTextBuilder out = {.arena = arena};
    struct_put(&out, schema->cols, schema->n_cols);
    return mr_builder_text(&out);
}
