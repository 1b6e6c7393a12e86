-- A view finds the columns of its query by name: a table made anew may have them at other places.
CREATE TABLE a (id INT, p INT) USING parquet;
CREATE VIEW v AS SELECT * FROM a;
CREATE TEMPORARY VIEW tv AS SELECT * FROM a;
CREATE VIEW named (x, y) AS SELECT id, p AS id FROM a;
CREATE VIEW follows WITH SCHEMA EVOLUTION AS SELECT * FROM a;
CREATE VIEW widens WITH SCHEMA TYPE EVOLUTION AS SELECT * FROM a;
CREATE VIEW bound WITH SCHEMA BINDING AS SELECT * FROM a;
DROP TABLE a;
CREATE TABLE a (p INT, id INT) USING parquet;
INSERT INTO a VALUES (5, 1);
SELECT id, p FROM v;
SELECT id, p FROM tv;
SELECT * FROM named;
SELECT * FROM follows;
SELECT * FROM widens;
SELECT * FROM bound;
-- More columns are passed over, other types are cast, where the view may.
DROP TABLE a;
CREATE TABLE a (more INT, ID STRING, p BIGINT) USING parquet;
INSERT INTO a VALUES (5, '1', 2);
SELECT * FROM v;
SELECT * FROM tv;
SELECT * FROM follows;
SELECT * FROM widens;
SELECT * FROM bound;
-- A column that is gone is missed, though others are there.
DROP TABLE a;
CREATE TABLE a (id SMALLINT, more INT) USING parquet;
SELECT * FROM v;
SELECT * FROM tv;
SELECT * FROM bound;
-- A type that holds no less is well.
DROP TABLE a;
CREATE TABLE a (id SMALLINT, p TINYINT) USING parquet;
INSERT INTO a VALUES (7, 8);
SELECT * FROM tv;
SELECT * FROM bound;
ALTER VIEW bound WITH SCHEMA EVOLUTION;
SELECT * FROM bound;
SHOW CREATE TABLE bound;
