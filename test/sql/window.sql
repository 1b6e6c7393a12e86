-- Ranks and running aggregates; frames by rows and by range.
CREATE TEMPORARY VIEW w AS SELECT * FROM VALUES
  ('a', 1, 10), ('a', 2, 20), ('a', 2, 5), ('a', 4, 1), ('b', 1, 7) AS t(g, o, v);

SELECT g, o, v, row_number() OVER (PARTITION BY g ORDER BY o, v) AS n,
       rank() OVER (PARTITION BY g ORDER BY o) AS r, dense_rank() OVER (PARTITION BY g ORDER BY o) AS d
  FROM w ORDER BY g, o, v;
SELECT g, o, v, sum(v) OVER (PARTITION BY g ORDER BY o) AS by_range,
       sum(v) OVER (PARTITION BY g ORDER BY o, v ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS by_rows
  FROM w ORDER BY g, o, v;
SELECT g, o, v, lag(v) OVER (PARTITION BY g ORDER BY o, v) AS before,
       lead(v, 1, -1) OVER (PARTITION BY g ORDER BY o, v) AS after FROM w ORDER BY g, o, v;

-- RANGE frames over NaN, months, and days of the session's zone; frames that cannot be.
SELECT a, sum(a) OVER (ORDER BY a RANGE BETWEEN 1 PRECEDING AND 1 FOLLOWING) AS s FROM VALUES (1.5D), (3D), (2D), (double('NaN')), (double('inf')), (NULL) AS t(a);
SELECT a, sum(a) OVER (ORDER BY d RANGE BETWEEN INTERVAL 1 MONTH PRECEDING AND CURRENT ROW) AS s FROM VALUES (1, DATE'2020-01-31'), (2, DATE'2020-02-28'), (3, DATE'2020-03-31') AS t(a, d);
SET spark.sql.session.timeZone = America/Los_Angeles;
SELECT count(*) OVER (ORDER BY t RANGE BETWEEN INTERVAL 1 DAY PRECEDING AND CURRENT ROW) AS n FROM VALUES (TIMESTAMP'2020-03-07 12:00:00'), (TIMESTAMP'2020-03-08 12:00:00') AS t(t) ORDER BY t;
SELECT sum(a) OVER (ORDER BY a ROWS BETWEEN 1 FOLLOWING AND 1 PRECEDING) FROM VALUES (1) AS t(a);
SELECT sum(a) OVER (ORDER BY a ROWS BETWEEN CURRENT ROW AND UNBOUNDED PRECEDING) FROM VALUES (1) AS t(a);
SELECT rank() OVER (ORDER BY a ROWS 1 PRECEDING) FROM VALUES (1) AS t(a);
SELECT lag(a) OVER (ORDER BY a ROWS 1 PRECEDING) FROM VALUES (1) AS t(a);

-- Window functions stand neither in WHERE and HAVING nor inside an aggregate.
SELECT a FROM VALUES (1) AS t(a) WHERE row_number() OVER (ORDER BY a) = 1;
SELECT a FROM VALUES (1) AS t(a) GROUP BY a HAVING row_number() OVER (ORDER BY a) = 1;
SELECT sum(row_number() OVER (ORDER BY a)) FROM VALUES (1) AS t(a);
SELECT sum(row_number() OVER (ORDER BY a)) OVER () AS s FROM VALUES (1), (2) AS t(a);

-- An aggregate inside of a window function makes the query one with groups: one row over none.
SELECT sum(count(id)) OVER () AS s FROM range(10) WHERE id = 42;
-- Text is read as the order's type; an offset of rows is an INT literal.
SELECT a, count(*) OVER (ORDER BY a RANGE BETWEEN '1' PRECEDING AND 'inf' FOLLOWING) AS n FROM VALUES (1.5F), (3F) AS t(a);
SELECT sum(a) OVER (ORDER BY a ROWS BETWEEN CURRENT ROW AND 2147483648 FOLLOWING) FROM VALUES (1) AS t(a);
SELECT sum(a) OVER (ORDER BY a ROWS BETWEEN a PRECEDING AND CURRENT ROW) FROM VALUES (1) AS t(a);

-- listagg in an order of its own: over whole partitions, beside other windows.
SELECT a, b, listagg(a) WITHIN GROUP (ORDER BY a DESC) OVER (PARTITION BY b) AS down,
       string_agg(a, '|') WITHIN GROUP (ORDER BY a) OVER () AS up, count(*) OVER (PARTITION BY b ORDER BY a) AS n
FROM VALUES ('a', 'b'), ('a', 'c'), ('b', 'c'), ('b', 'd'), (NULL, NULL), ('c', 'c'), ('aa', 'd') AS t(a, b) ORDER BY b, a;
SELECT listagg(a) WITHIN GROUP (ORDER BY a) OVER (ORDER BY a) FROM VALUES ('a') AS t(a);
SELECT listagg(a, ',') WITHIN GROUP (ORDER BY a) OVER (ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) FROM VALUES ('a') AS t(a);
SELECT listagg(a) WITHIN GROUP (ORDER BY a) OVER (ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING) AS whole
FROM VALUES ('b'), ('a') AS t(a);
