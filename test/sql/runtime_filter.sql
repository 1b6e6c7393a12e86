-- Scans that leave out rows without a partner in a join above: the same answer as where the key is hidden.
CREATE TABLE fact USING parquet AS
SELECT id AS v, CASE WHEN id % 11 = 5 THEN NULL ELSE id % 5000 END AS k,
  CASE WHEN id % 13 = 5 THEN NULL ELSE concat('name ', id % 700) END AS s, CAST(id % 900 AS DECIMAL(9,2)) AS d,
  date_add(DATE '2020-01-01', CAST(id % 800 AS INT)) AS at FROM range(30000);
CREATE TABLE dim USING parquet AS
SELECT CASE WHEN id = 7 THEN NULL ELSE id * 37 END AS k, concat('name ', id * 3) AS s, CAST(id * 2 AS DECIMAL(9,2)) AS d,
  date_add(DATE '2020-01-05', CAST(id AS INT)) AS at, id AS w FROM range(40)
UNION ALL SELECT 74, 'name 6', 4, DATE '2020-01-07', 100;
CREATE TABLE none USING parquet AS SELECT * FROM dim WHERE w < 0;

EXPLAIN SELECT count(*) FROM fact JOIN dim ON fact.k = dim.k;
EXPLAIN SELECT count(*) FROM fact LEFT JOIN dim ON fact.k = dim.k;

SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON fact.k = dim.k;
SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON fact.k + 0 = dim.k;
SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON fact.s = dim.s;
SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON concat(fact.s, '') = dim.s;
SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON fact.d = dim.d AND fact.at = dim.at;
SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON fact.d + 0 = dim.d AND date_add(fact.at, 0) = dim.at;
SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON fact.k <=> dim.k;
SELECT count(*), sum(v), sum(w) FROM fact JOIN dim ON fact.k = dim.k AND v % 2 = w % 2;
SELECT count(*), sum(v), sum(w) FROM fact LEFT JOIN dim ON fact.k = dim.k;
SELECT count(*), sum(v), sum(w) FROM fact LEFT JOIN dim ON fact.k + 0 = dim.k;
SELECT count(*), sum(v), sum(w) FROM fact RIGHT JOIN dim ON fact.k = dim.k AND v > 20000;
SELECT count(*), sum(v), sum(w) FROM fact RIGHT JOIN dim ON fact.k + 0 = dim.k AND v > 20000;
SELECT count(*), sum(v), sum(w) FROM fact FULL JOIN dim ON fact.k = dim.k;
SELECT count(*), sum(v), sum(w) FROM fact FULL JOIN dim ON fact.k + 0 = dim.k;
SELECT count(*), sum(v) FROM fact LEFT SEMI JOIN dim ON fact.k = dim.k;
SELECT count(*), sum(v) FROM fact LEFT SEMI JOIN dim ON fact.k + 0 = dim.k;
SELECT count(*), sum(w) FROM dim LEFT SEMI JOIN fact ON fact.k = dim.k AND v > 20000;
SELECT count(*), sum(w) FROM dim LEFT SEMI JOIN fact ON fact.k + 0 = dim.k AND v > 20000;
SELECT count(*), sum(v) FROM fact LEFT ANTI JOIN dim ON fact.k = dim.k;
SELECT count(*), sum(w) FROM dim LEFT ANTI JOIN fact ON fact.k = dim.k AND v > 29000;
SELECT count(*), sum(w) FROM dim LEFT ANTI JOIN fact ON fact.k + 0 = dim.k AND v > 29000;
SELECT count(*) FROM fact WHERE k NOT IN (SELECT k FROM dim WHERE k IS NOT NULL);
SELECT count(*) FROM fact WHERE k NOT IN (SELECT k FROM dim);
SELECT count(*), sum(CAST(k IN (SELECT k FROM dim WHERE w < 5) AS INT)) FROM fact;
SELECT sum((SELECT max(w) FROM dim WHERE dim.k = fact.k)) FROM fact;

-- a build without rows, without keys
SELECT count(*) FROM fact JOIN none ON fact.k = none.k;
SELECT count(*) FROM fact LEFT JOIN none ON fact.k = none.k;
SELECT count(*) FROM fact JOIN (SELECT * FROM dim WHERE k IS NULL) d ON fact.k = d.k;
SELECT count(*) FROM (SELECT * FROM dim WHERE k IS NULL) d LEFT JOIN fact ON fact.k = d.k;

-- through projections, filters, unions and other joins
SELECT count(*), sum(v) FROM (SELECT k AS key, v FROM fact WHERE v % 3 = 0 UNION ALL SELECT k, -v FROM fact) f JOIN dim ON key = k;
SELECT count(*), sum(v), sum(a.w + b.w) FROM fact JOIN dim a ON fact.k = a.k JOIN dim b ON fact.s = b.s;
SELECT count(*), sum(v), sum(a.w + b.w) FROM fact JOIN dim a ON fact.k + 0 = a.k JOIN dim b ON concat(fact.s, '') = b.s;
SELECT count(*), count(b.w) FROM (SELECT fact.k, v, a.w FROM fact LEFT JOIN dim a ON fact.s = a.s) f JOIN dim b ON f.k = b.k;
SELECT count(*), count(b.w) FROM (SELECT fact.k + 0 AS k, v, a.w FROM fact LEFT JOIN dim a ON fact.s = a.s) f JOIN dim b ON f.k = b.k;
SELECT count(*), count(v) FROM (SELECT dim.k, v FROM fact RIGHT JOIN dim ON fact.d = dim.d) f JOIN dim b ON f.k = b.k;
SELECT count(*) FROM (SELECT k FROM fact LIMIT 100) f JOIN dim ON f.k = dim.k;
SELECT max(n) FROM (SELECT k, row_number() OVER (ORDER BY v) AS n FROM fact) f JOIN dim ON f.k = dim.k;
WITH f AS (SELECT k, v FROM fact) SELECT count(*), sum(a.v) FROM f a JOIN f b ON a.v = b.v + 1 JOIN dim ON a.k = dim.k;
-- a row that is left out raises nothing, one that is not does
SELECT count(*) FROM (SELECT k, 1 / (v - 5) AS q FROM fact) f JOIN dim ON f.k = dim.k WHERE q IS NULL;
