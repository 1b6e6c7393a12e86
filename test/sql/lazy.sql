-- What Spark evaluates only where it is needed: errors elsewhere do not count.
CREATE TEMPORARY VIEW t AS SELECT * FROM VALUES (1, '1', 0), (2, 'x', 2), (NULL, 'y', 0) v(id, s, z);
SELECT id, id IN (1, 10 / z) AS a FROM t;
SELECT id, id NOT IN (1, 10 / z, NULL) AS a FROM t WHERE z > 0 OR id IS NULL OR id = 1;
SELECT * FROM t WHERE id IN (1, 2, CAST(s AS INT));
SELECT * FROM t WHERE id IN (2, CAST(s AS INT), 3, 1);
SELECT id FROM t WHERE id IN (5, 10 / z);
SELECT decode(id, 1, 0, 10 / z) AS a FROM t WHERE id IS NOT NULL;
SELECT decode(id, 1, 'one', 2, CAST(z AS STRING), NULL, 'none', raise_error('no')) AS a FROM t;
SELECT decode(id, 2, 0, 10 / z) AS a FROM t;
SELECT elt(id, 'five', 10 / z) AS a FROM t;
SELECT elt(id, 10 / z, 'two') AS a FROM t;
SELECT nanvl(1.0D, 1 / z) AS a FROM t;
SELECT nanvl(double('NaN'), 1 / z) AS a FROM t WHERE z > 0;
SELECT nanvl(double('NaN'), 1 / z) AS a FROM t;
SELECT exists(array(1, 0), x -> 1 / x > 0) AS a, forall(array(2, 0), x -> 1 / x > 1) AS b;
SELECT exists(array(-1, NULL, 0), x -> 1 / x > 0) AS a;
SELECT id, exists(l, x -> 1 / x > 0) AS a FROM VALUES (1, array(1, 0)), (2, array(-1)), (3, array()), (4, NULL), (5, array(NULL, -1)), (6, array(NULL, 2, 0)) v(id, l);
SELECT id, forall(l, x -> 1 / x > 0) AS a FROM VALUES (1, array(-1, 0)), (2, array(1)), (3, array()), (4, NULL), (5, array(NULL, 1)), (6, array(NULL, -2, 0)) v(id, l);
