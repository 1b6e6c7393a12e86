/* stock_alerts.c - lines "SYMBOL,PRICE": an alert for each price above 1000, and one for each
 * change of more than 5 % against the symbol's last price.
 *
 * The first needs no memory and is done in the output; the second keeps the last price of each
 * symbol, also from batch to batch.
 *
 * Feed it:  nc -lk 9999                 Run: ./stock_alerts localhost 9999 5000 [SECONDS]
 * Build: cc stock_alerts.c $(pkg-config --cflags --libs millrace) */
#include "run_context.h"

#include <math.h>
#include <string.h>

/* "SYMBOL,PRICE" to (SYMBOL, PRICE); lines that are something else are left out. */
static MrStatus parse(void *self, const MrPair *line, MrEmitter *to, MrError *err)
{
    const char *text = line->value.data;
    int64_t n = line->value.size_bytes;
    const char *comma = n > 0 ? memchr(text, ',', (size_t)n) : NULL;
    double price;
    (void)self, (void)err;
    if (!comma || comma == text)
        return MR_OK;
    MrBytes symbol = {text, comma - text}, rest = {comma + 1, text + n - comma - 1};
    return mr_bytes_to_f64(rest, &price) ? mr_emit(to, symbol, rest) : MR_OK;
}

static MrStatus alert_high(void *self, int64_t time_ms, MrRdd *prices, MrError *err)
{
    MrPair *rows = NULL;
    int64_t n_rows;
    (void)self, (void)time_ms;
    TRY(mr_rdd_collect(prices, &rows, &n_rows, err));
    for (int64_t i = 0; i < n_rows; i++) {
        double price = 0;
        if (mr_bytes_to_f64(rows[i].value, &price) && price > 1000)
            printf("ALERT %s is above 1000: %s\n", rows[i].key.data, rows[i].value.data);
    }
    fflush(stdout);
    mr_rows_free(rows);
    return MR_OK;
}

/* The state of a symbol is its last price, and after a blank what to tell about this batch. */
static MrStatus watch(void *self, MrBytes symbol, const MrBytes *prices, int64_t n_prices,
                      MrBytes state, MrEmitter *to, MrError *err)
{
    char text[100] = "", last_text[40] = "";
    double last = NAN, price = 0;
    (void)self, (void)err;
    if (state.data) {
        snprintf(last_text, sizeof last_text, "%.*s", (int)state.size_bytes, state.data);
        last = atof(last_text);
    }
    int used = snprintf(text, sizeof text, "%.2f", last);
    for (int64_t i = 0; i < n_prices; i++) {
        if (!mr_bytes_to_f64(prices[i], &price))
            continue;
        double change = (price - last) / last * 100; /* of the first price: no number */
        used = snprintf(text, sizeof text, "%.2f", price);
        if (fabs(change) > 5)
            used = snprintf(text, sizeof text, "%.2f ALERT %.*s %+.1f %%: %.2f to %.2f", price,
                            (int)symbol.size_bytes, symbol.data, change, last, price);
        last = price;
    }
    used = used < (int)sizeof text ? used : (int)sizeof text - 1;
    return mr_emit(to, symbol, (MrBytes){text, used});
}

static MrStatus alert_change(void *self, int64_t time_ms, MrRdd *symbols, MrError *err)
{
    MrPair *rows = NULL;
    int64_t n_rows;
    (void)self, (void)time_ms;
    TRY(mr_rdd_collect(symbols, &rows, &n_rows, err));
    for (int64_t i = 0; i < n_rows; i++) {
        const char *alert = strchr(rows[i].value.data, ' ');
        if (alert)
            printf("%s\n", alert + 1);
    }
    fflush(stdout);
    mr_rows_free(rows);
    return MR_OK;
}

static MrStatus build(MrStreamContext *context, const char *host, int port, MrError *err)
{
    MrDStream *lines, *prices, *symbols;
    TRY(mr_dstream_socket_text(context, host, port, &lines, err));
    TRY(mr_dstream_flat_map(lines, parse, NULL, &prices, err));
    TRY(mr_dstream_foreach_rdd(prices, alert_high, NULL, err));
    TRY(mr_dstream_update_state_by_key(prices, watch, NULL, &symbols, err));
    return mr_dstream_foreach_rdd(symbols, alert_change, NULL, err);
}

int main(int argc, char **argv)
{
    MrError err = {0};
    MrSession *session = NULL;
    MrStreamContext *context = NULL;
    if (argc < 4) {
        fprintf(stderr, "usage: %s HOST PORT INTERVAL_MS [SECONDS]\n", argv[0]);
        return 2;
    }
    MrStatus status = mr_session_open(NULL, &session, &err);
    if (status == MR_OK)
        status = mr_stream_context_open(session, atoll(argv[3]), &context, &err);
    if (status == MR_OK)
        status = build(context, argv[1], atoi(argv[2]), &err);
    if (status == MR_OK)
        status = run_context(context, argc > 4 ? atof(argv[4]) : 0, &err);
    mr_stream_context_close(context);
    mr_session_close(session);
    return result(status, &err);
}
