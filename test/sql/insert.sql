-- INSERT: defaults, by name, and partitions.
CREATE TABLE d (a INT, b INT DEFAULT 5, c INT) USING parquet;
INSERT INTO d VALUES (1, DEFAULT, 2), (DEFAULT, 3, DEFAULT);
INSERT INTO d SELECT 4, DEFAULT, 6;
INSERT INTO d (c, b) VALUES (7, DEFAULT);
INSERT INTO d BY NAME SELECT 8 AS c, 9 AS a;
SELECT * FROM d ORDER BY a, c;
-- What has no place, and places without a value, are refused.
INSERT INTO d BY NAME SELECT 4 AS c, 5 AS other;
INSERT INTO d VALUES (1, 2);
INSERT INTO d (a) VALUES (1, 2);
SELECT count(*) FROM d;

CREATE TABLE p (a INT, x STRING, y INT) USING parquet PARTITIONED BY (x, y);
INSERT INTO p VALUES (1, 'u', 1), (2, 'u', 2), (3, 'v', 1), (4, NULL, 1);
-- The others stay.
INSERT OVERWRITE p PARTITION (x = 'u', y = 2) VALUES (20);
SELECT * FROM p ORDER BY a;
INSERT OVERWRITE p PARTITION (x = 'u', y) VALUES (30, 3), (40, 4);
SELECT * FROM p ORDER BY a;
INSERT OVERWRITE p PARTITION (x = 'v', y = 1) SELECT 1 WHERE false;
SELECT * FROM p ORDER BY a;
INSERT OVERWRITE p PARTITION (x, y) VALUES (50, 'w', 5);
SELECT * FROM p ORDER BY a;

-- Dynamic: an overwrite replaces the partitions that it writes to, and no other.
SET spark.sql.sources.partitionOverwriteMode = dynamic;
CREATE TABLE dyn (a INT, x STRING, y INT) USING parquet PARTITIONED BY (x, y);
INSERT INTO dyn VALUES (1, 'u', 1), (2, 'u', 2), (3, 'v', 1), (4, NULL, 1);
INSERT OVERWRITE dyn VALUES (30, 'v', 1), (31, 'v', 2);
SELECT * FROM dyn ORDER BY a;
INSERT OVERWRITE dyn PARTITION (x = 'u', y) VALUES (10, 1), (11, 5);
SELECT * FROM dyn ORDER BY a;
-- One partition by its name is replaced also by nothing.
INSERT OVERWRITE dyn PARTITION (x = 'u', y = 5) SELECT 1 WHERE false;
SELECT * FROM dyn ORDER BY a;
-- What empties or replaces the table leaves no partition.
TRUNCATE TABLE dyn;
SELECT * FROM dyn;
INSERT INTO dyn VALUES (1, 'u', 1), (2, 'u', 2);
CREATE OR REPLACE TABLE dyn USING parquet PARTITIONED BY (y) AS SELECT 5 AS a, 7 AS y;
SELECT * FROM dyn;
RESET spark.sql.sources.partitionOverwriteMode;
-- A table without AS begins empty, also where one of its name held rows, in another format or another place.
CREATE OR REPLACE TABLE dyn (a INT) USING parquet;
SELECT * FROM dyn;
INSERT INTO dyn VALUES (1);
CREATE OR REPLACE TABLE dyn (b STRING, a INT) USING json;
SELECT * FROM dyn;
INSERT INTO dyn VALUES ('x', 1);
SELECT * FROM dyn;
