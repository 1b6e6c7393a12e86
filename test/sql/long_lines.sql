-- Lines longer than a split are read once, not again with every block.
CREATE TABLE big USING text AS SELECT repeat('x', 30000000) AS value UNION ALL SELECT 'short';
SELECT length(value) AS n FROM big ORDER BY n;
SET spark.sql.files.maxPartitionBytes=1000000;
SELECT count(*), max(length(value)) FROM big;
