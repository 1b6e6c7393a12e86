-- Subqueries, correlated and not, in every place of a query.
CREATE TEMPORARY VIEW l AS SELECT * FROM VALUES (1, 'a'), (2, 'b'), (3, 'c'), (NULL, 'n') AS t(k, v);
CREATE TEMPORARY VIEW r AS SELECT * FROM VALUES (1, 10), (2, 20), (2, 21), (NULL, 30) AS t(k, w);

-- One subquery that the statement's meaning uses twice.
SELECT v, nullif((SELECT max(w) FROM r WHERE r.k = l.k), 10) AS m FROM l ORDER BY v;
SELECT v FROM l WHERE (SELECT max(w) FROM r WHERE r.k = l.k) BETWEEN 5 AND 20 ORDER BY v;
SELECT v FROM l WHERE NOT (SELECT max(w) FROM r WHERE l.k > 1) BETWEEN 5 AND 20 ORDER BY v;

-- In the condition of an outer join, over one side or the other.
SELECT v, w FROM l LEFT JOIN r ON l.k = r.k AND EXISTS (SELECT 1 FROM r AS q WHERE q.w > r.w AND q.k = r.k) ORDER BY v;
SELECT v, w FROM l LEFT JOIN r ON (SELECT max(w) FROM r AS q WHERE q.k = l.k) BETWEEN 11 AND r.w ORDER BY v, w;
SELECT v, w FROM l FULL JOIN r ON l.k = r.k AND l.k IN (SELECT k FROM r AS q WHERE q.w < 20) ORDER BY v, w;
SELECT v, w FROM l LEFT JOIN r ON EXISTS (SELECT 1 FROM r AS q WHERE q.w > r.w AND q.k = l.k);
