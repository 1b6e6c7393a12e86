-- One text, run over all flights at once and over slices that arrive while it runs.
CREATE TABLE flights (date TIMESTAMP_NTZ, delay BIGINT, distance BIGINT, origin STRING, destination STRING)
USING parquet OPTIONS (path 'flights');

-- A stream without state: flights that were more than an hour late.
CREATE STREAMING TABLE late_flights AS
SELECT date, origin, destination, delay FROM STREAM flights WHERE delay > 60;

-- A stream with windows: a day's figures of an airport are final a day after its end.
CREATE STREAMING TABLE daily AS
SELECT window.start AS day, origin, count(*) AS flights, sum(delay) AS minutes, max(delay) AS worst
FROM STREAM flights WATERMARK date DELAY OF INTERVAL 1 DAY
GROUP BY window(date, '1 day'), origin;

-- Kept up to date from the stream's table.
CREATE MATERIALIZED VIEW worst_airports AS
SELECT origin, count(*) AS late, sum(delay) AS minutes, max(delay) AS worst FROM late_flights GROUP BY origin;
