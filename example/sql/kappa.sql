-- Kappa: one definition of the numbers, over the stream of orders and over the same orders as a batch.
--   millrace run kappa.sql --once
-- To replay from the beginning, run with a fresh --warehouse.  kappa_check.sql has a row for each difference.
CREATE TABLE orders (id BIGINT, region STRING, amount DECIMAL(10, 2), at TIMESTAMP)
USING json OPTIONS (path 'orders');

-- What is read of an order, once for both.
CREATE STREAMING TABLE clean_orders AS
SELECT id, upper(trim(region)) AS region, amount, at FROM STREAM orders WHERE amount > 0;

-- The stream: an hour's numbers come when the hour is over.
CREATE STREAMING TABLE hourly_stream AS
SELECT region, window.start AS hour, count(*) AS orders, sum(amount) AS revenue
FROM STREAM clean_orders WATERMARK at DELAY OF INTERVAL 10 MINUTES
GROUP BY region, window(at, '1 hour');

-- The batch: all hours from the files.
CREATE MATERIALIZED VIEW hourly_batch AS
SELECT upper(trim(region)) AS region, window.start AS hour, count(*) AS orders, sum(amount) AS revenue
FROM orders WHERE amount > 0
GROUP BY upper(trim(region)), window(at, '1 hour');
