/* registry.c - the one place that names the connectors. */
#include "connector/contract.h"

#include <strings.h>

extern const MrConnectorType mr_connector_csv, mr_connector_json, mr_connector_text,
    mr_connector_parquet, mr_connector_socket, mr_connector_rate, mr_connector_rate_micro_batch,
    mr_connector_console, mr_connector_noop;

const MrConnectorType *const mr_connectors[] = {
    &mr_connector_csv,
    &mr_connector_json,
    &mr_connector_text,
    &mr_connector_parquet,
    &mr_connector_socket,
    &mr_connector_rate,
    &mr_connector_rate_micro_batch,
    &mr_connector_console,
    &mr_connector_noop,
    NULL,
};

const MrConnectorType *mr_connector_find(const char *name)
{
    /* org.apache.spark.sql.execution.datasources.csv.CSVFileFormat, com.databricks.spark.csv and
     * the like: the part that names the format is what counts. */
    static const struct {
        const char *prefix, *name;
    } long_names[] = {
        {"org.apache.spark.sql.execution.datasources.csv", "csv"},
        {"org.apache.spark.sql.execution.datasources.v2.csv", "csv"},
        {"com.databricks.spark.csv", "csv"},
        {"org.apache.spark.sql.execution.datasources.json", "json"},
        {"org.apache.spark.sql.execution.datasources.v2.json", "json"},
        {"org.apache.spark.sql.json", "json"},
        {"org.apache.spark.sql.execution.datasources.text", "text"},
        {"org.apache.spark.sql.execution.datasources.v2.text", "text"},
        {"org.apache.spark.sql.execution.datasources.parquet", "parquet"},
        {"org.apache.spark.sql.execution.datasources.v2.parquet", "parquet"},
        {"org.apache.spark.sql.parquet", "parquet"},
        {"org.apache.spark.sql.execution.datasources.noop", "noop"},
        {"org.apache.spark.sql.execution.streaming.RateStreamProvider", "rate"},
        {"org.apache.spark.sql.execution.streaming.sources.RateStreamProvider", "rate"},
        {"org.apache.spark.sql.execution.streaming.TextSocketSourceProvider", "socket"},
        {"org.apache.spark.sql.execution.streaming.sources.TextSocketSourceProvider", "socket"},
        {"org.apache.spark.sql.execution.streaming.ConsoleSinkProvider", "console"}};
    for (int64_t i = 0; i < MR_COUNT(long_names); i++)
        if (strncasecmp(long_names[i].prefix, name, strlen(long_names[i].prefix)) == 0)
            name = long_names[i].name;
    for (int64_t i = 0; mr_connectors[i]; i++)
        if (mr_str_equal_nocase(mr_connectors[i]->name, name))
            return mr_connectors[i];
    return NULL;
}
