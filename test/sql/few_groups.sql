-- Few groups by dictionary keys are updated group by group; the same answer as where the keys are computed.
CREATE TABLE t USING parquet AS SELECT id, CASE WHEN id % 10 = 3 THEN NULL ELSE concat('k', id % 3) END AS k,
  concat('flag ', id DIV 3000) AS f, CASE WHEN id % 7 = 0 THEN NULL ELSE CAST(id * 1.25 AS DECIMAL(12,2)) END AS d,
  CAST(id AS DOUBLE) / 8 AS x, CAST(id % 100 AS INT) AS i FROM range(9000);
SELECT k, f, count(*), count(d), sum(d), avg(d), sum(x), min(i), max(id), sum(i) FILTER (WHERE i > 50), count(DISTINCT i), min(k), max(f),
  bit_xor(id), bool_and(i < 100) FROM t WHERE id % 5 > 0 GROUP BY k, f ORDER BY k, f;
SELECT k, f, count(*), count(d), sum(d), avg(d), sum(x), min(i), max(id), sum(i) FILTER (WHERE i > 50), count(DISTINCT i), min(k), max(f),
  bit_xor(id), bool_and(i < 100) FROM (SELECT id, concat(k, '') AS k, concat(f, '') AS f, d, x, i FROM t) WHERE id % 5 > 0 GROUP BY k, f ORDER BY k, f;
SELECT k, sum(9000000000000000000 + id) FROM t GROUP BY k;
