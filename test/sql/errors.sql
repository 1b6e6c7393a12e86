-- What goes wrong has Spark's condition, state and place.
SELECT 1 / 0;
SELECT CAST('x' AS INT);
SELECT 2147483647 + 1;
SELECT nosuch FROM VALUES (1) AS t(a);
SELECT nosuch(1);
SELEC 1;
SELECT 1 +;
SELECT try_divide(1, 0), try_cast('x' AS INT), try_add(2147483647, 1);
-- only the rows that are reached are evaluated
SELECT CASE WHEN a = 0 THEN -1 ELSE 10 / a END FROM VALUES (0), (5) AS t(a);
