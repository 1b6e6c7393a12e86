/* string_sentences.c - sentences and their words, by ICU's break rules. */
#include "function/collection_int.h"
#include <unicode/ubrk.h>
#include <unicode/uchar.h>
#include <unicode/utext.h>

/* Words are what begins with a letter or digit. */
static void words_put(MrCall *call, MrVector *list, UBreakIterator *breaks, MrText text)
{
    MrVector *items = list->children[0];
    int64_t row = list->n_items++;
    list->list[row] = (MrSlice){items->n_items, 0};
    int32_t from = ubrk_first(breaks);
    for (int32_t to = ubrk_next(breaks); to != UBRK_DONE; from = to, to = ubrk_next(breaks)) {
        int32_t n = 1;
        mr_poll();
        if (from < 0 || to <= from || to > text.size_bytes)
            continue;
        int32_t c = mr_utf8_next(text.data + from, text.size_bytes - from, &n);
        if (c < 0 || !u_isalnum(c))
            continue;
        mr_vector_list_reserve(call->arena, list, 1);
        items->str[items->n_items++] = mr_str_borrow(text.data + from, to - from);
        list->list[row].count++;
    }
}

/* Iterators and texts live outside the arena: the guard of the call lets every way out close them.
 */
static MrStatus sentences_row(MrCall *call, int32_t row, UBreakIterator *sentences,
                              UBreakIterator *words, UText *whole, UText *part, MrText text,
                              MrError *err)
{
    UErrorCode code = U_ZERO_ERROR;
    MrVector *list = call->out->children[0];
    (void)utext_openUTF8(whole, text.data, text.size_bytes, &code);
    ubrk_setUText(sentences, whole, &code);
    int32_t from = ubrk_first(sentences);
    for (int32_t to = ubrk_next(sentences); to != UBRK_DONE && U_SUCCESS(code);
         from = to, to = ubrk_next(sentences)) {
        mr_poll();
        MrText sentence = {text.data + from, to - from};
        (void)utext_openUTF8(part, sentence.data, sentence.size_bytes, &code);
        ubrk_setUText(words, part, &code);
        mr_vector_list_reserve(call->arena, call->out, 1);
        words_put(call, list, words, sentence);
        call->out->list[row].count++;
    }
    return U_SUCCESS(code) ? MR_OK : MR_FAIL_INTERNAL(err, "cannot break a text into sentences");
}

static MrStatus sentences_call(MrCall *call, MrError *err)
{
    MrStatus status = MR_OK;
    UErrorCode code = U_ZERO_ERROR;
    UBreakIterator *sentences = ubrk_open(UBRK_SENTENCE, "en", NULL, 0, &code);
    UBreakIterator *words = ubrk_open(UBRK_WORD, "en", NULL, 0, &code);
    UText whole = UTEXT_INITIALIZER, part = UTEXT_INITIALIZER;
    MR_GUARD_BEGIN(status, err)
        for (MR_EACH(call, i, row)) {
            if (mr_arg_null(call->args[0], row)) {
                mr_call_null(call, row);
                continue;
            }
            mr__list_begin(call, row, 4);
            MrText text = mr__arg_str(call, 0, row);
            status = U_SUCCESS(code)
                         ? sentences_row(call, row, sentences, words, &whole, &part, text, err)
                         : MR_FAIL_INTERNAL(err, "cannot break texts into sentences");
            if (status != MR_OK)
                i = call->n;
        }
    MR_GUARD_END(status)
    (void)utext_close(&part);
    (void)utext_close(&whole);
    if (sentences)
        ubrk_close(sentences);
    if (words)
        ubrk_close(words);
    return status;
}

static MrStatus sentences_bind(MrBind *bind, MrError *err)
{
    bind->type = mr_type_array(bind->arena, mr_type_array(bind->arena, MR_T(STRING), false), false);
    bind->nullable = bind->args[0].nullable || bind->args[0].type->kind == MR_TYPE_VOID;
    return MR_OK;
}

const MrFunctionDef mr_functions_string_sentences[] = {
    {"sentences", "string, string?, string? -> bind", 0, sentences_call, sentences_bind,
     "The words of each sentence.", "sentences('Hi there! Well.')[1][0] = 'Well'"},
    {0},
};
