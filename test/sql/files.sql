-- Tables on disk in every format, written and read back; files by path.
CREATE TABLE p (id INT, name STRING, price DECIMAL(8,2), at DATE) USING parquet;
INSERT INTO p VALUES (1, 'one', 1.50, DATE '2024-01-31'), (2, NULL, NULL, NULL);
INSERT INTO p SELECT id + 10, name, price * 2, at FROM p;
SELECT * FROM p ORDER BY id;

CREATE TABLE c (id INT, text STRING) USING csv OPTIONS (header 'true');
INSERT INTO c VALUES (1, 'plain'), (2, 'comma, and "quotes"'), (3, NULL);
SELECT * FROM c ORDER BY id;

CREATE TABLE j USING json AS SELECT id, named_struct('a', id, 'b', array(id, id + 1)) AS s FROM range(3);
SELECT id, s.a, s.b[1] FROM j ORDER BY id;

SELECT count(*) FROM nosuch;
DROP TABLE c;
SELECT * FROM c;

-- A view of files without a path is empty.
CREATE TEMPORARY VIEW nowhere (a INT) USING parquet;
SELECT count(*) FROM nowhere;

-- Keys and values of options in quotes, with and without =.
CREATE TABLE opts (a INT, b STRING) USING csv OPTIONS ('header' 'true', 'sep' = ';', quote '!');
SHOW CREATE TABLE opts;
INSERT INTO opts VALUES (1, 'x;y');
SELECT * FROM opts;

-- A partition column that is in the files, too, stands where it is there, with the path's values.
INSERT OVERWRITE DIRECTORY 'both/k=1' USING parquet SELECT 1 AS x, 'file' AS k, 3 AS v;
INSERT OVERWRITE DIRECTORY 'both/k=a' USING parquet SELECT 2 AS x, 'file' AS k, 4 AS v;
SELECT * FROM parquet.`both` ORDER BY x;
CREATE TABLE of_files USING parquet LOCATION 'both';
SELECT * FROM of_files WHERE k = 'a';
CREATE TABLE declared (x INT, k STRING, v INT) USING parquet LOCATION 'both';
SELECT x, k, v FROM declared ORDER BY x;
SELECT * FROM declared ORDER BY x;
CREATE TABLE plain (k STRING, x INT, v INT) USING parquet PARTITIONED BY (k) LOCATION 'both';
SELECT * FROM plain WHERE k = 'a';
-- Structs are merged, wherever they stand.
INSERT OVERWRITE DIRECTORY 'merged/a' USING parquet SELECT named_struct('p', 1) AS s, array(named_struct('p', 1)) AS l;
INSERT OVERWRITE DIRECTORY 'merged/b' USING parquet SELECT named_struct('q', 'x', 'p', 2) AS s, array(named_struct('r', 3)) AS l, 4 AS z;
CREATE TEMPORARY VIEW merged USING parquet OPTIONS (path 'merged/*', mergeSchema true);
SELECT s, l, z FROM merged ORDER BY z;
-- Two names that are one are refused, not one of them lost.
SET spark.sql.caseSensitive = true;
INSERT OVERWRITE DIRECTORY 'twice' USING parquet SELECT 1 AS a, 2 AS A;
SELECT * FROM parquet.`twice`;
SELECT A FROM parquet.`twice`;
RESET spark.sql.caseSensitive;
SELECT * FROM parquet.`twice`;
