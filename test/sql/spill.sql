-- Queries that do not fit into their memory.
-- conf millrace.memory.limit=10m
-- conf millrace.exec.threads=2
CREATE TEMPORARY VIEW big AS SELECT id, id % 9000 AS k, concat('a text of some length ', id * 7919 % 10007) AS s FROM range(40000);

SELECT count(*), sum(a.id), max(b.s) FROM big AS a JOIN big AS b ON a.id = b.id;
SELECT count(*), count(b.id) FROM big AS a FULL JOIN big AS b ON a.s = b.s AND a.k < b.k - 4000;
SELECT count(*), sum(n), max(m) FROM (SELECT s, k, count(*) AS n, max(s) AS m FROM big GROUP BY s, k);
SELECT count(DISTINCT s, k), count(DISTINCT id) FROM big;
SELECT sum(r), max(q) FROM (SELECT row_number() OVER (PARTITION BY k ORDER BY id) AS r, sum(id) OVER (ORDER BY id) AS q FROM big);
SELECT s, id FROM big ORDER BY s, id LIMIT 2 OFFSET 20000;
SELECT k, size(collect_list(s)) FROM big GROUP BY k ORDER BY k LIMIT 3;
SELECT count(*) FROM big AS a JOIN (SELECT * FROM big WHERE id < 100) AS b ON a.id < b.id;
