-- input_file_name(): the file that a row comes from, wherever in the query it is asked for.
CREATE TABLE one (id INT, name STRING) USING csv OPTIONS (path 'in/k=1');
CREATE TABLE two (id INT, name STRING) USING csv OPTIONS (path 'in/k=2 b#');
INSERT INTO one VALUES (1, 'a'), (2, 'b');
INSERT INTO two VALUES (3, 'c'), (4, 'd'), (5, 'e');
CREATE TEMPORARY VIEW t (id INT, name STRING) USING csv OPTIONS (path 'in', basePath 'in');
CREATE FUNCTION folder(uri STRING) RETURNS STRING RETURN regexp_extract(uri, '^file:///.*/(k=[^/]*)/[^/]*$', 1);

SELECT id, folder(input_file_name()) AS f FROM t ORDER BY id;
SELECT folder(input_file_name()) AS f, count(*), count(DISTINCT input_file_name()) FROM t GROUP BY input_file_name() ORDER BY f;
SELECT id FROM t WHERE input_file_name() LIKE '%/k=1/%' ORDER BY id;
SELECT id FROM (SELECT id, input_file_name() AS f FROM t) WHERE f LIKE '%/k=2%' AND id > 3 ORDER BY id;
SELECT id, input_file_block_start() AS at, input_file_block_length() AS bytes FROM one ORDER BY id;

-- above a join, a sort, a window, a union, a generator, grouping sets
SELECT id, v.w, folder(input_file_name()) AS f FROM t JOIN VALUES (1, 'x'), (4, 'y') v(i, w) ON id = i ORDER BY id;
SELECT i, folder(input_file_name()) AS f FROM VALUES (1), (9) v(i) LEFT JOIN t ON id = i ORDER BY i;
SELECT folder(input_file_name()) AS f, id FROM (SELECT * FROM t ORDER BY id DESC LIMIT 3) ORDER BY id;
SELECT id, row_number() OVER (PARTITION BY input_file_name() ORDER BY id DESC) AS n FROM t ORDER BY id;
SELECT id, folder(input_file_name()) AS f FROM (SELECT id FROM one UNION ALL SELECT 7 UNION ALL SELECT id FROM two) ORDER BY id;
SELECT id, folder(e) AS f FROM t LATERAL VIEW explode(array(input_file_name())) x AS e ORDER BY id;
SELECT folder(input_file_name()) AS f, name, count(*) FROM t GROUP BY GROUPING SETS ((input_file_name()), (name)) ORDER BY f, name;
WITH w AS (SELECT id FROM t) SELECT id, folder(input_file_name()) AS f, (SELECT max(id) FROM w) AS m FROM w ORDER BY id;

-- rows of groups and of no file have none; those of two sources cannot be told
SELECT input_file_name(), input_file_block_start(), n FROM (SELECT count(*) AS n FROM t);
SELECT input_file_name(), input_file_block_length() FROM range(1);
SELECT input_file_name() FROM one JOIN two;
