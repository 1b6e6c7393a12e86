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
