-- LIKE and searches in UTF8_LCASE take capitals and small letters alike, whichever side names it.
CREATE TABLE words (s STRING, l STRING COLLATE UTF8_LCASE) USING parquet;
INSERT INTO words SELECT s, s FROM VALUES ('X'), ('xy'), ('É'), ('aB'), (''), (NULL) AS t(s);
SELECT s FROM words WHERE l LIKE 'X%' ORDER BY s;
SELECT s FROM words WHERE s LIKE 'X%' ORDER BY s;
SELECT s FROM words WHERE s LIKE ('_B' COLLATE UTF8_LCASE) OR contains(l, 'é') ORDER BY s;
SELECT s, startswith(l, 'A'), endswith(s, 'b' COLLATE UTF8_LCASE), contains(s, 'x'), l = 'Ab' FROM words ORDER BY s;
SELECT l, count(*) FROM (SELECT l FROM words UNION ALL SELECT upper(s) FROM words) GROUP BY l HAVING count(*) > 1 AND l LIKE '%y' ORDER BY l;
