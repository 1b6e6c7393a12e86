-- Every kind of join; NULL keys never match.
CREATE TEMPORARY VIEW l AS SELECT * FROM VALUES (1, 'a'), (2, 'b'), (2, 'bb'), (NULL, 'n') AS t(k, v);
CREATE TEMPORARY VIEW r AS SELECT * FROM VALUES (2, 'x'), (2, 'xx'), (3, 'y'), (NULL, 'm') AS t(k, w);

SELECT l.k, v, w FROM l JOIN r ON l.k = r.k ORDER BY v, w;
SELECT l.k, v, w FROM l LEFT JOIN r ON l.k = r.k ORDER BY v, w;
SELECT r.k, v, w FROM l RIGHT JOIN r ON l.k = r.k ORDER BY w, v;
SELECT l.k, r.k, v, w FROM l FULL JOIN r ON l.k = r.k ORDER BY v, w;
SELECT * FROM l LEFT SEMI JOIN r ON l.k = r.k ORDER BY v;
SELECT * FROM l LEFT ANTI JOIN r ON l.k = r.k ORDER BY v;
SELECT count(*) FROM l CROSS JOIN r;
SELECT l.k, v, w FROM l JOIN r ON l.k < r.k ORDER BY v, w;
SELECT k, v, w FROM l JOIN r USING (k) ORDER BY v, w;

-- A filter on the NULL side of an outer join keeps its rows where it is true for NULL, also under NOT.
SELECT l.v, w FROM l LEFT JOIN r ON l.k = r.k WHERE NOT (w IS NOT NULL) ORDER BY v;
SELECT l.v, w FROM l LEFT JOIN r ON l.k = r.k WHERE NOT (w > 'a' AND v > 'c') ORDER BY v, w;
SELECT l.v, w FROM l FULL JOIN r ON l.k = r.k WHERE (w IS NOT NULL) IS NOT NULL ORDER BY v, w;
SELECT l.v, w FROM l RIGHT JOIN r ON l.k = r.k WHERE NOT (v IS NOT NULL OR w = 'y') ORDER BY w;
SELECT l.v, w FROM l LEFT JOIN r ON l.k = r.k WHERE w > 'a' OR (w <> 'x' AND v IS NOT NULL) ORDER BY v, w;

-- subqueries
SELECT v FROM l WHERE k IN (SELECT k FROM r) ORDER BY v;
SELECT v FROM l WHERE NOT EXISTS (SELECT 1 FROM r WHERE r.k = l.k) ORDER BY v;
SELECT v, (SELECT max(w) FROM r WHERE r.k = l.k) AS m FROM l ORDER BY v;

-- The condition leaves none of the pairs that come first, when each row has many: the batch is given once.
SELECT count(*), sum(a.id), min(s) FROM (SELECT id, id % 2 AS k, concat('row ', id) AS s FROM range(3000)) a
JOIN (SELECT id % 2 AS k, id AS v FROM range(20)) b ON a.k = b.k AND a.id * 0 + b.v < 2;
SELECT count(*), sum(a.id), min(s) FROM (SELECT id, id % 2 AS k, concat('row ', id) AS s FROM range(3000)) a
JOIN (SELECT id % 2 AS k, id AS v FROM range(20)) b ON a.k = b.k AND a.id * 0 + b.v > 17;
