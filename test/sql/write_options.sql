-- What options of CSV and JSON change in what is written.
-- conf spark.sql.session.timeZone=America/Los_Angeles
CREATE TABLE c USING csv OPTIONS (path 'c', header 'true', dateFormat 'dd/MM/yyyy', timestampFormat 'yyyyMMdd, HHmmss XXX', timestampNTZFormat 'HH:mm', nullValue 'NIL')
AS SELECT DATE'2024-01-02' AS d, TIMESTAMP'2024-07-02 03:04:05.678' AS t, TIMESTAMP_NTZ'2024-01-02 03:04:05' AS n, CAST(NULL AS INT) AS x, X'4142' AS b;
SELECT value FROM text.`c`;
SELECT * FROM c;
CREATE TABLE j USING json OPTIONS (path 'j', dateFormat 'd.M.yy', timestampFormat 'yyyy-MM-dd HH:mm', timeZone 'UTC')
AS SELECT array(DATE'2024-01-02') AS a, named_struct('t', TIMESTAMP'2024-01-02 03:04:05') AS s, map('k', TIMESTAMP_NTZ'2024-01-02 03:04:05') AS m;
SELECT value FROM text.`j`;
CREATE TABLE q USING csv OPTIONS (path 'q', quoteAll 'true') AS SELECT 1 AS a, CAST(NULL AS STRING) AS b;
SELECT value FROM text.`q`;
-- what cannot be written so is told, not left out
CREATE TABLE bad1 USING csv OPTIONS (dateFormat 'e') AS SELECT DATE'2024-01-02' AS d;
CREATE TABLE bad2 USING csv OPTIONS (dateFormat 'HH') AS SELECT DATE'2024-01-02' AS d;
CREATE TABLE bad3 USING json OPTIONS (encoding 'UTF-16') AS SELECT 1 AS a;
