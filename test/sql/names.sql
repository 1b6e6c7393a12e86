-- A view does not read itself, over whatever detour: the old one stays.
CREATE VIEW v AS SELECT 1 AS x;
CREATE OR REPLACE VIEW v AS SELECT x + 1 AS x FROM v;
ALTER VIEW v AS SELECT * FROM v;
CREATE VIEW w AS SELECT * FROM v;
CREATE OR REPLACE VIEW v AS SELECT 1 AS x WHERE EXISTS (SELECT * FROM w);
CREATE OR REPLACE VIEW v AS WITH v AS (SELECT 2 AS x) SELECT * FROM v;
SELECT * FROM w;
CREATE TEMPORARY VIEW tv AS SELECT 1 AS x;
CREATE TEMPORARY VIEW tw AS SELECT * FROM tv;
CREATE OR REPLACE TEMPORARY VIEW tv AS SELECT x + 1 AS x FROM tw;
SELECT * FROM tv;
-- A temporary view of a table's name reads the table.
CREATE TABLE t AS SELECT 5 AS a;
CREATE TEMPORARY VIEW t AS SELECT a + 1 AS a FROM t;
SELECT * FROM t;
CREATE TEMPORARY VIEW over AS SELECT a + 1 AS a FROM t;
SELECT * FROM over;
-- and not a temporary view that came later.
CREATE TEMPORARY VIEW early AS SELECT x FROM w;
CREATE TEMPORARY VIEW w AS SELECT 7 AS x;
SELECT * FROM early;
DROP VIEW w;

-- Names that are stored have letters, digits and _; one that is empty would be the warehouse.
CREATE TABLE `` AS SELECT 2 AS y;
CREATE TABLE `a-b` (a INT) USING parquet;
CREATE DATABASE ``;
CREATE VIEW `a b` AS SELECT 1;
ALTER TABLE t RENAME TO ``;
DROP TABLE ``;
DROP DATABASE ``;
-- default stays.
DROP DATABASE default CASCADE;
DROP DATABASE global_temp;

-- A global temporary view has a database of its own.
CREATE GLOBAL TEMPORARY VIEW gv AS SELECT 1 AS x;
SELECT * FROM global_temp.gv;
SELECT * FROM gv;
CREATE GLOBAL TEMPORARY VIEW gv AS SELECT 1 AS x;
CREATE OR REPLACE GLOBAL TEMPORARY VIEW gv AS SELECT 2 AS x;
CREATE OR REPLACE GLOBAL TEMPORARY VIEW gv AS SELECT * FROM global_temp.gv;
SELECT * FROM global_temp.gv;
DROP VIEW gv;
DROP VIEW global_temp.gv;
SELECT * FROM global_temp.gv;

-- New columns come last.
ALTER TABLE t ADD COLUMN z INT FIRST;
ALTER TABLE t ADD COLUMNS (y INT, z INT AFTER a);

-- Renamed within its database only.
CREATE DATABASE other;
CREATE TABLE u AS SELECT 9 AS a;
ALTER TABLE u RENAME TO other.u2;
CREATE TABLE other.u2 AS SELECT 9 AS a;
ALTER TABLE other.u2 RENAME TO u3;
SELECT * FROM other.u3;
ALTER TABLE other.u3 RENAME TO missing.u4;
SELECT * FROM other.u3;
