-- Columns of CHAR(n) and VARCHAR(n): what they keep, what they refuse, how they are compared.
CREATE TABLE h (id INT, v VARCHAR(3), c CHAR(4)) USING parquet;
INSERT INTO h VALUES (1, 'abc', 'x'), (2, 'a  ', 'x   '), (3, NULL, NULL), (4, 'äöü', 'ß'), (5, 'abc   ', 'wxyz      ');
SELECT id, concat('[', v, ']') AS v, concat('[', c, ']') AS c, length(c) AS n FROM h ORDER BY id;
INSERT INTO h VALUES (6, 'abcd', 'x');
INSERT INTO h SELECT 7, 'a', 'abcde';
SELECT count(*) FROM h;
SELECT id FROM h WHERE c = 'x' ORDER BY id;
SELECT id FROM h WHERE 'x  ' = c ORDER BY id;
SELECT id FROM h WHERE c = 'x      ' ORDER BY id;
SELECT id FROM h WHERE c IN ('x', 'ß', 'wxyz  ') ORDER BY id;
SELECT id FROM h WHERE c <=> NULL;
SELECT a.id FROM h a JOIN (SELECT CAST('x' AS STRING) AS s) b ON a.c = b.s;
CREATE TABLE w (c CHAR(6)) USING json;
INSERT INTO w VALUES ('x'), ('wxyz'), ('wxyz56');
INSERT INTO w VALUES ('seven77');
SELECT count(*) FROM w;
SELECT h.id, w.c FROM h JOIN w ON h.c = w.c ORDER BY h.id;

-- as partition columns; values of PARTITION are texts that are cast
CREATE TABLE p (a INT, q CHAR(3), d DATE, s STRING) USING parquet PARTITIONED BY (q, d, s);
INSERT INTO p PARTITION (q = 'b', d = '2024-01-31', s = 'x') VALUES (1);
INSERT OVERWRITE p PARTITION (q = 'b', d = '2024-01-31', s = 'x') VALUES (2);
INSERT OVERWRITE p PARTITION (q = 'b', d = '2024-01-31', s = '') VALUES (3);
INSERT OVERWRITE p PARTITION (q = 'b', d = '2024-01-31', s = NULL) VALUES (4);
INSERT OVERWRITE p PARTITION (q = 'b', d = '2024-01-31', s = '__HIVE_DEFAULT_PARTITION__') VALUES (5);
INSERT INTO p PARTITION (q = 'toolong', d = '2024-01-31', s = 'x') VALUES (6);
INSERT INTO p PARTITION (q = 'b', d = 'never', s = 'x') VALUES (7);
INSERT INTO p PARTITION (q = 'b', q = 'c', d = '2024-01-31', s = 'x') VALUES (8);
INSERT INTO p PARTITION (a = 1) VALUES ('b', DATE'2024-01-31', 'x');
SELECT a, concat('[', q, ']') AS q, d, s FROM p WHERE q = 'b' ORDER BY a;

-- a table does not take a view's name
CREATE VIEW named AS SELECT 1 AS x;
CREATE OR REPLACE TABLE named (a INT) USING parquet;
SELECT * FROM named;
