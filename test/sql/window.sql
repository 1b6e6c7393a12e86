-- Ranks and running aggregates; frames by rows and by range.
CREATE TEMPORARY VIEW w AS SELECT * FROM VALUES
  ('a', 1, 10), ('a', 2, 20), ('a', 2, 5), ('a', 4, 1), ('b', 1, 7) AS t(g, o, v);

SELECT g, o, v, row_number() OVER (PARTITION BY g ORDER BY o, v) AS n,
       rank() OVER (PARTITION BY g ORDER BY o) AS r, dense_rank() OVER (PARTITION BY g ORDER BY o) AS d
  FROM w ORDER BY g, o, v;
SELECT g, o, v, sum(v) OVER (PARTITION BY g ORDER BY o) AS by_range,
       sum(v) OVER (PARTITION BY g ORDER BY o, v ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) AS by_rows
  FROM w ORDER BY g, o, v;
SELECT g, o, v, lag(v) OVER (PARTITION BY g ORDER BY o, v) AS before,
       lead(v, 1, -1) OVER (PARTITION BY g ORDER BY o, v) AS after FROM w ORDER BY g, o, v;
