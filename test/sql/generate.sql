-- Generators in the select list and in FROM.
CREATE TEMPORARY VIEW t AS SELECT * FROM VALUES (1), (2) AS t(a);

-- Several in one list: the rows of each for every row of those before it.
SELECT a, explode(array(1, 2)) AS x, explode(array(a, 3)) AS y FROM t ORDER BY ALL;
SELECT explode(array(1, 2)) AS x, posexplode(array(7, 8)), x + 1 AS next;
SELECT a, explode(array(1, 2)) AS x, explode_outer(filter(array(a), v -> v > 1)) AS y FROM t ORDER BY ALL;

-- The values of a column of stack, and of VALUES, are not turned from or to text.
SELECT stack(2, 1, 'a', 2, NULL) AS (n, s);
SELECT stack(2, 1, 2L);
SELECT stack(1);
SELECT * FROM VALUES ('1'), (2);
SELECT * FROM VALUES (array(1)), (array('a'));
SELECT * FROM VALUES (1), (2.5), (NULL);
