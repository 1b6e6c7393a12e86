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
CREATE TABLE p USING parquet OPTIONS (path 'p', 'parquet.writer.version' 'v2', 'parquet.enable.dictionary' 'false')
AS SELECT id, id % 2 = 0 AS even, concat('row ', id) AS s, if(id = 3, NULL, -id * 9000000000) AS n, array(id, NULL) AS a, CAST(id AS DECIMAL(30, 2)) AS w FROM range(5);
INSERT INTO p VALUES (-9223372036854775808, NULL, '', 9223372036854775807, array(), -1), (9223372036854775807, true, NULL, -9223372036854775808, NULL, NULL);
SELECT * FROM p ORDER BY id;
-- what cannot be written so is told, not left out
CREATE TABLE bad1 USING csv OPTIONS (dateFormat 'e') AS SELECT DATE'2024-01-02' AS d;
CREATE TABLE bad2 USING csv OPTIONS (dateFormat 'HH') AS SELECT DATE'2024-01-02' AS d;
CREATE TABLE bad3 USING json OPTIONS (encoding 'UTF-16') AS SELECT 1 AS a;
CREATE TABLE bad4 USING parquet OPTIONS ('parquet.writer.version' 'v3') AS SELECT 1 AS a;
CREATE TABLE bad5 USING parquet OPTIONS ('parquet.enable.dictionary' 'maybe') AS SELECT 1 AS a;
