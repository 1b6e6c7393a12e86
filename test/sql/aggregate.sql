-- Groups, NULLs in keys and values, HAVING, grouping sets.
CREATE TEMPORARY VIEW sales AS SELECT * FROM VALUES
  ('north', 'a', 10), ('north', 'b', 20), ('south', 'a', 5), ('south', 'a', NULL), (NULL, 'b', 7)
  AS t(region, item, amount);

-- an aggregate without groups has one row, also over nothing
SELECT count(*), count(amount), sum(amount), avg(amount), min(item), max(item) FROM sales;
SELECT count(*), sum(amount) FROM sales WHERE amount > 100;

-- NULL is a group of its own
SELECT region, count(*), sum(amount) FROM sales GROUP BY region ORDER BY region;

SELECT region, sum(amount) AS total FROM sales GROUP BY region HAVING sum(amount) > 6 ORDER BY total DESC;

SELECT region, item, sum(amount) FROM sales GROUP BY ROLLUP (region, item) ORDER BY region, item, 3;

SELECT count(DISTINCT item), count(DISTINCT region, item) FROM sales;

-- a column that is neither grouped nor aggregated
SELECT region, item FROM sales GROUP BY region;

-- A literal that is a key of a grouping set is NULL in the sets without it.
SELECT v, 'a' AS x, count(*) AS n FROM VALUES (1), (2) AS t(v) GROUP BY GROUPING SETS ((v, 'a'), (v)) ORDER BY v, x;

-- grouping(x) is no key.
SELECT a, grouping(a) AS g FROM VALUES (1) AS t(a) GROUP BY ROLLUP (a, 2);
SELECT a FROM VALUES (1) AS t(a) GROUP BY a, grouping(a);
SELECT a FROM VALUES (1) AS t(a) WHERE grouping(a) = 1;
SELECT * FROM VALUES (1) AS t(a) JOIN VALUES (2) AS u(b) ON grouping(a) = 1;

-- What is made of keys may be NULL in the sets without them, whatever it was before.
CREATE TABLE rolled USING parquet AS SELECT coalesce(c, c) AS a, upper(c) AS b, CASE WHEN n = 1 THEN c ELSE 'x' END AS d, coalesce(c, '-') AS e, n + 1 AS f, c IS NULL AS g FROM VALUES ('a', 1), ('b', 2) v(c, n) GROUP BY ROLLUP (c, n);
SELECT * FROM rolled ORDER BY ALL;
