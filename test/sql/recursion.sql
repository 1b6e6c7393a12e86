-- What a step reads twice is read anew at each level: a lateral join with a limit, a CTE used twice, a correlated subquery.
CREATE TEMPORARY VIEW g AS SELECT * FROM VALUES (0, 1), (1, 2), (2, 0), (1, 9) AS g(a, b);
WITH RECURSIVE r(c, n) AS (
  SELECT 0, 0
  UNION ALL
  SELECT l.b, r.n + 1 FROM r CROSS JOIN LATERAL (SELECT g.b FROM g WHERE g.a = r.c ORDER BY b LIMIT 1) l WHERE r.n < 3)
SELECT * FROM r ORDER BY n;
WITH RECURSIVE r(a, n) AS (
  SELECT 1, 0
  UNION ALL
  SELECT s.a, s.n FROM (WITH c AS (SELECT a + 1 AS a, n + 1 AS n FROM r) SELECT c.a + d.a AS a, c.n FROM c JOIN c AS d ON c.n = d.n) AS s
  WHERE n < 5)
SELECT * FROM r ORDER BY n;
WITH RECURSIVE r(c, n) AS (
  SELECT 0, 0
  UNION
  SELECT g.b, r.n + 1 FROM r JOIN g ON g.a = r.c WHERE g.b <= (SELECT min(h.b) FROM g h WHERE h.a = r.c) AND r.n < 4)
SELECT * FROM r ORDER BY n;
-- What does not depend on the level is computed once and gives the same at each.
WITH RECURSIVE s AS (SELECT b, count(*) AS n FROM g GROUP BY b), r(c, n) AS (
  SELECT 0, 0L
  UNION ALL
  SELECT r.c + 1, r.n + x.n + y.n FROM r JOIN s AS x ON x.b = r.c JOIN s AS y ON y.b = r.c)
SELECT * FROM r ORDER BY c;
-- A recursion within a step.
WITH RECURSIVE r(a, n) AS (
  SELECT 1, 0
  UNION ALL
  SELECT * FROM (
    WITH RECURSIVE q(x, y) AS (SELECT a, n + 1 FROM r UNION ALL SELECT x * 2, y FROM q WHERE x < 4) SELECT max(x) + 1, max(y) FROM q) AS s(a, n)
  WHERE n < 4)
SELECT * FROM r ORDER BY n;
