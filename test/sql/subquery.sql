-- Subqueries, correlated and not, in every place of a query.
CREATE TEMPORARY VIEW l AS SELECT * FROM VALUES (1, 'a'), (2, 'b'), (3, 'c'), (NULL, 'n') AS t(k, v);
CREATE TEMPORARY VIEW r AS SELECT * FROM VALUES (1, 10), (2, 20), (2, 21), (NULL, 30) AS t(k, w);

-- One subquery that the statement's meaning uses twice.
SELECT v, nullif((SELECT max(w) FROM r WHERE r.k = l.k), 10) AS m FROM l ORDER BY v;
SELECT v FROM l WHERE (SELECT max(w) FROM r WHERE r.k = l.k) BETWEEN 5 AND 20 ORDER BY v;
SELECT v FROM l WHERE NOT (SELECT max(w) FROM r WHERE l.k > 1) BETWEEN 5 AND 20 ORDER BY v;
-- In a CTE that is copied into its uses.
WITH q AS (SELECT k, nullif((SELECT count(*) FROM r WHERE r.k <> l.k), 1) AS n FROM l) SELECT * FROM q, LATERAL (SELECT sum(p.n) AS s FROM q AS p WHERE p.k <> q.k) ORDER BY ALL;

-- In the condition of an outer join, over one side or the other.
SELECT v, w FROM l LEFT JOIN r ON l.k = r.k AND EXISTS (SELECT 1 FROM r AS q WHERE q.w > r.w AND q.k = r.k) ORDER BY v;
SELECT v, w FROM l LEFT JOIN r ON (SELECT max(w) FROM r AS q WHERE q.k = l.k) BETWEEN 11 AND r.w ORDER BY v, w;
SELECT v, w FROM l FULL JOIN r ON l.k = r.k AND l.k IN (SELECT k FROM r AS q WHERE q.w < 20) ORDER BY v, w;
SELECT v, w FROM l LEFT JOIN r ON EXISTS (SELECT 1 FROM r AS q WHERE q.w > r.w AND q.k = l.k);

-- NOT IN over related rows: a NULL that relates is no relation, a NULL that is compared is unknown.
CREATE TEMPORARY VIEW a AS SELECT * FROM VALUES (1, 5), (1, 6), (2, 5), (3, 5), (NULL, 5), (1, NULL), (4, NULL) AS t(k, x);
CREATE TEMPORARY VIEW b AS SELECT * FROM VALUES (1, 5), (2, NULL), (NULL, 5), (3, 7), (NULL, NULL) AS t(k, x);
SELECT * FROM a WHERE x NOT IN (SELECT x FROM b WHERE b.k = a.k) ORDER BY ALL;
SELECT *, x NOT IN (SELECT x FROM b WHERE b.k = a.k) AS n, x IN (SELECT x FROM b WHERE b.k = a.k AND b.x > 5) AS i FROM a ORDER BY ALL;
SELECT * FROM a WHERE x NOT IN (SELECT x FROM b WHERE b.k <=> a.k) ORDER BY ALL;
SELECT * FROM a WHERE (x, k) NOT IN (SELECT x, k FROM b) ORDER BY ALL;
SELECT *, EXISTS (SELECT 1 FROM b WHERE b.k = a.k AND b.x = a.x) AS e FROM a ORDER BY ALL;
-- Such a join goes by the hash of the relation.
EXPLAIN SELECT * FROM a WHERE x NOT IN (SELECT x FROM b WHERE b.k = a.k);

-- The same text twice is the same subquery: GROUP BY and the select list meet; NOT is kept apart.
SELECT CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.k = a.k) THEN 'y' ELSE 'n' END AS c, count(*) AS n FROM a GROUP BY CASE WHEN EXISTS (SELECT 1 FROM b WHERE b.k = a.k) THEN 'y' ELSE 'n' END ORDER BY c;
SELECT (SELECT max(x) FROM b WHERE b.k = a.k) AS m, count(*) AS n FROM a GROUP BY (SELECT max(x) FROM b WHERE b.k = a.k) ORDER BY m;
SELECT x IN (SELECT x FROM b) AS i, count(*) AS n FROM a GROUP BY x IN (SELECT x FROM b) ORDER BY i;
SELECT *, EXISTS (SELECT 1 FROM b WHERE b.k = a.k) AS e, NOT EXISTS (SELECT 1 FROM b WHERE b.k = a.k) AS n FROM a ORDER BY ALL;
SELECT count(*) FROM a WHERE x IN (SELECT x FROM b) OR x NOT IN (SELECT x FROM b WHERE x IS NOT NULL);

-- A subquery in the condition of a lateral join.
SELECT v, n FROM l JOIN LATERAL (SELECT count(*) AS n FROM r WHERE r.k = l.k) AS c ON n IN (SELECT k FROM b) ORDER BY v;
