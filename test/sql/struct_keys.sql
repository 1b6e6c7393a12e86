-- Structs as keys: fields with and without NULLs, structs that are NULL, windows of time.
CREATE TEMPORARY VIEW t AS SELECT id, id % 7 AS a, CAST(id % 5 AS TINYINT) AS b, CAST(id % 3 AS DECIMAL(20,2)) AS c,
  timestamp_seconds(id) AS at FROM range(2000);
SELECT count(*), sum(n), max(n) FROM (SELECT named_struct('a', a, 'b', b, 'c', c) AS k, count(*) AS n FROM t GROUP BY k);
SELECT k, count(*) FROM (SELECT CASE WHEN a > 0 THEN named_struct('a', a % 2, 'b', CASE WHEN b > 2 THEN NULL ELSE b % 2 END) END AS k FROM t)
GROUP BY k ORDER BY k;
SELECT count(*) FROM (SELECT named_struct('a', a, 'c', c) AS k FROM t) x JOIN (SELECT DISTINCT named_struct('a', a, 'c', c) AS k FROM t WHERE a < 3) y ON x.k = y.k;
SELECT count(*), sum(n), min(n), max(n) FROM (SELECT window, b, count(*) AS n FROM t GROUP BY window(at, '1 minute'), b);
SELECT window.start, window.end, count(*) FROM t WHERE id < 40 GROUP BY window(at, '20 seconds', '15 seconds', '3 seconds') ORDER BY 1;
SELECT window.start, count(*) FROM t WHERE id < 40 GROUP BY window(at, '5 seconds', '15 seconds') ORDER BY 1;
SELECT window.start, count(*) FROM (SELECT CASE WHEN id % 2 = 0 THEN timestamp_seconds(-id) END AS at FROM t WHERE id < 20) GROUP BY window(at, '10 seconds') ORDER BY 1;

-- Names of fields do not matter to comparisons; a UNION has those of its first input, and the widest unit of intervals.
SELECT struct(1 AS a) = struct(1 AS b) AS e, struct(1 AS a) < struct(2 AS b) AS l, struct(1 AS a) IN (struct(1 AS b)) AS i;
SELECT struct(1 AS a) AS s UNION ALL SELECT struct(2 AS b) ORDER BY s;
SELECT array(struct(1 AS a)) AS s UNION ALL SELECT array(struct(2 AS b)) ORDER BY s;
SELECT struct(1 AS a) AS s EXCEPT SELECT struct(1 AS b);
SELECT INTERVAL 1 DAY AS i UNION ALL SELECT INTERVAL 1 HOUR ORDER BY i;
