-- How options of CSV change what is read.
-- conf spark.sql.session.timeZone=America/Los_Angeles
CREATE TABLE raw (value STRING) USING text OPTIONS (path 'raw');
INSERT INTO raw VALUES ('n,at
1,2024-01-02 03:04:05
x,2024-01-02 03:04:05,more
3,never');

-- the header is no row in other encodings either
SELECT * FROM csv.`raw`;
CREATE TEMPORARY VIEW latin (n STRING, at STRING) USING csv OPTIONS (path 'raw', header 'true', encoding 'ISO-8859-1');
SELECT * FROM latin;
SELECT count(*) FROM latin;

-- the zone of timestamps without one
CREATE TEMPORARY VIEW utc (n INT, at TIMESTAMP) USING csv OPTIONS (path 'raw', header 'true', timeZone 'UTC');
SELECT * FROM utc;
CREATE TEMPORARY VIEW nowhere (n INT, at TIMESTAMP) USING csv OPTIONS (path 'raw', timeZone 'Nowhere');
SELECT * FROM nowhere;

-- only wanted fields are looked at: none for a count, all with multiLine or without columnPruning
CREATE TEMPORARY VIEW dropping (n INT, at TIMESTAMP) USING csv OPTIONS (path 'raw', header 'true', mode 'DROPMALFORMED');
SELECT * FROM dropping;
SELECT at FROM dropping;
SELECT count(*) FROM dropping;
CREATE TEMPORARY VIEW failing (n INT, at TIMESTAMP) USING csv OPTIONS (path 'raw', header 'true', mode 'FAILFAST');
SELECT count(*) FROM failing;
SELECT count(n) FROM failing;
CREATE TEMPORARY VIEW counting (n INT, at TIMESTAMP) USING csv OPTIONS (path 'raw', header 'true', mode 'DROPMALFORMED', columnPruning 'false');
SELECT count(*) FROM counting;
SELECT at FROM counting;
CREATE TEMPORARY VIEW lines (n INT, at TIMESTAMP) USING csv OPTIONS (path 'raw', header 'true', mode 'DROPMALFORMED', multiLine 'true');
SELECT count(*) FROM lines;
