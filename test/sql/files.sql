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
