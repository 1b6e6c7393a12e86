-- Fraud: more than 3 payments, or more than 1000 in all, on one card within a minute.
-- Payments come as JSON files into the folder `payments`; run again when there are more:
--   millrace run fraud.sql --once
CREATE TABLE payments (id BIGINT, card STRING, amount DECIMAL(10, 2), country STRING, at TIMESTAMP)
USING json OPTIONS (path 'payments');

-- A minute is final when a payment 10 seconds past its end has been seen; what comes later for it is dropped.
CREATE STREAMING TABLE alerts AS
SELECT card, window.start AS minute, count(*) AS payments, sum(amount) AS total,
       CASE WHEN sum(amount) > 1000 THEN 'amount' ELSE 'count' END AS reason
FROM STREAM payments WATERMARK at DELAY OF INTERVAL 10 SECONDS
GROUP BY card, window(at, '1 minute')
HAVING count(*) > 3 OR sum(amount) > 1000;
