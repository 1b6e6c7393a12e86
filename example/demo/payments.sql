-- Lines "card,merchant,amount,milliseconds" from a socket; a card that pays too much in a second is told of at once.
CREATE TABLE lines USING socket OPTIONS (host '127.0.0.1', port '${port}');
CREATE TABLE alerts (card STRING, at TIMESTAMP, payments BIGINT, total DECIMAL(12, 2)) USING console OPTIONS (truncate 'false');

CREATE TEMPORARY VIEW payments AS
SELECT split(value, ',')[0] AS card, CAST(split(value, ',')[2] AS DECIMAL(10, 2)) AS amount,
       timestamp_millis(CAST(split(value, ',')[3] AS BIGINT)) AS at
FROM STREAM lines;

CREATE FLOW fraud AS INSERT INTO alerts BY NAME
SELECT card, window.end AS at, count(*) AS payments, CAST(sum(amount) AS DECIMAL(12, 2)) AS total
FROM payments WATERMARK at DELAY OF INTERVAL 100 MILLISECONDS
GROUP BY card, window(at, '1 second') HAVING sum(amount) > 2000;
