/* state_entry.c - entries in the stored form: operator, table, put or delete, key, value. */
#include "state/state_int.h"

#define ENTRY_DELETE 0
#define ENTRY_PUT 1

void mr_state_writer_init(MrStateWriter *writer, MrBudget *budget)
{
    *writer = (MrStateWriter){.operator_id = 0};
    mr_buffer_init(&writer->buf, budget, INT64_MAX / 4);
}

void mr_state_writer_deinit(MrStateWriter *writer)
{
    mr_buffer_deinit(&writer->buf);
}

void mr_state_writer_reset(MrStateWriter *writer)
{
    writer->buf.size_bytes = 0;
    writer->n_entries = 0;
}

static char *put_varint(char *at, uint64_t value)
{
    while (value >= 0x80) {
        *at++ = (char)(value | 0x80);
        value >>= 7;
    }
    *at++ = (char)value;
    return at;
}

/* All of an entry or nothing: a refusal leaves the writer as it was. */
static MrStatus entry_put(MrStateWriter *writer, int32_t table, uint8_t kind, MrText key,
                          MrText value, MrError *err)
{
    MrBuffer *buf = &writer->buf;
    MR_TRY(mr_buffer_reserve(buf, key.size_bytes + value.size_bytes + 41, err));
    char *at = buf->data + buf->size_bytes;
    at = put_varint(at, (uint32_t)writer->operator_id);
    at = put_varint(at, (uint32_t)table);
    *at++ = (char)kind;
    at = put_varint(at, (uint64_t)key.size_bytes);
    if (key.size_bytes > 0)
        memcpy(at, key.data, (size_t)key.size_bytes);
    at += key.size_bytes;
    if (kind == ENTRY_PUT) {
        at = put_varint(at, (uint64_t)value.size_bytes);
        if (value.size_bytes > 0)
            memcpy(at, value.data, (size_t)value.size_bytes);
        at += value.size_bytes;
    }
    buf->size_bytes = at - buf->data;
    writer->n_entries++;
    return MR_OK;
}

MrStatus mr_state_put(MrStateWriter *writer, int32_t table, MrText key, MrText value, MrError *err)
{
    return entry_put(writer, table, ENTRY_PUT, key, value, err);
}

MrStatus mr_state_delete(MrStateWriter *writer, int32_t table, MrText key, MrError *err)
{
    return entry_put(writer, table, ENTRY_DELETE, key, MR_TEXT(""), err);
}

MrEntryRead mr__state_entry_read(MrReader *reader, MrStateEntry *out)
{
    MrReader before = *reader;
    uint64_t operator_id, table;
    uint8_t kind;
    if (reader->at == reader->end)
        return MR_ENTRY_END;
    *out = (MrStateEntry){.deleted = true};
    bool good = mr_reader_varint(reader, &operator_id) && mr_reader_varint(reader, &table) &&
                mr_reader_u8(reader, &kind) && mr_reader_text(reader, &out->key) &&
                operator_id <= UINT32_MAX && table <= UINT32_MAX && kind <= ENTRY_PUT &&
                (kind == ENTRY_DELETE || mr_reader_text(reader, &out->value));
    if (!good) {
        *reader = before;
        return MR_ENTRY_SHORT;
    }
    out->operator_id = (int32_t)(uint32_t)operator_id;
    out->table = (int32_t)(uint32_t)table;
    out->deleted = kind == ENTRY_DELETE;
    return MR_ENTRY_OK;
}

MrStatus mr_state_next(MrReader *reader, MrStateEntry *out, bool *done, MrError *err)
{
    MrEntryRead read = mr__state_entry_read(reader, out);
    *done = read == MR_ENTRY_END;
    if (read == MR_ENTRY_SHORT)
        return MR_FAIL(err, MR_COND_CANNOT_LOAD_STATE_STORE__VALUE_ROW_FORMAT_VALIDATION_FAILURE,
                       "msg", "the stored entries end inside an entry");
    return MR_OK;
}
