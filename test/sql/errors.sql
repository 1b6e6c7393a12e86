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

-- one window() a query: another is refused, not taken for the first
SELECT window(a, '1 minute').start, window(A, INTERVAL '1' MINUTE).end FROM VALUES (TIMESTAMP'2024-01-01 00:07:00') AS t(a);
SELECT window(a, '1 minute').start, window(b, '5 minutes').start FROM VALUES (TIMESTAMP'2024-01-01 00:07:00', TIMESTAMP'2020-01-01') AS t(a, b);

-- a table whose making failed can be made again
CREATE TABLE again USING csv AS SELECT 1 / (id - 5) AS a FROM range(10);
CREATE TABLE again USING csv AS SELECT id AS a FROM range(2);
SELECT * FROM again;
-- A chain that once filled a table of 32.
SELECT - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - - 7, NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT NOT true;

-- The digits of ceil and floor: a constant of type int, not what could be cast to it.
SELECT ceil(2.5, 'a');
SELECT floor(2.5, 1.0);
SELECT ceiling(2.5, NULL);
SELECT floor(2.5, true);
SELECT ceil(2.55, 1), floor(-2.55, 1), round(2.55, '1'), round(2.5, NULL);
SELECT round(2.5, 'a');
SELECT round(2.5, CAST(id AS INT)) FROM range(1);
SELECT round(2.5, 1, 1);

-- Names in errors: backquotes inside are doubled.
SELECT `a``b`(1);
SELECT `x``y` FROM VALUES (1) AS t(`a``b`);
SELECT * FROM `no``table`;
CREATE TABLE quoted (`a``b` INT, `a``b` INT) USING csv;
CREATE VIEW quoted (`a``b`, c) AS SELECT 1 AS `d``e`;
