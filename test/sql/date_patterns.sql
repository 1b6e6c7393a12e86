-- Dates and times by patterns and units, on the clocks of a zone with daylight saving.
-- conf spark.sql.session.timeZone=America/Los_Angeles
-- an optional part is there as a whole or not at all
SELECT to_timestamp('2024-01-02T03:04:05Z', "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]"), to_timestamp('2024-01-02T03:04:05.678', "yyyy-MM-dd'T'HH:mm:ss[.SSS][XXX]");
SELECT to_timestamp(v, 'yyyy-MM-dd[ HH:mm[:ss]]') FROM VALUES ('2024-01-02'), ('2024-01-02 03:04'), ('2024-01-02 03:04:05') AS t(v);
SELECT to_timestamp(v, '[yyyy-MM-dd][dd/MM/yyyy]') FROM VALUES ('2024-01-02'), ('02/01/2024') AS t(v);
SELECT to_timestamp('2024-01-02', '[yyyy-MM-dd');
SELECT to_timestamp('2024-01-02 03:04', 'yyyy-MM-dd[ HH:mm:ss]');
-- years before 1 and beyond 9999
SELECT date_format(v, 'yy y yyy yyyy yyyyyy'), date_format(v, 'y G') FROM VALUES (DATE'-0044-03-15'), (DATE'0000-03-15'), (DATE'12345-03-15') AS t(v);
SELECT to_date('-0044-03-15', 'yyyy-MM-dd'), to_date('-44-03-15', 'y-MM-dd'), to_date('0045-03-15 BC', 'yyyy-MM-dd G'), to_date('+12345-03-15', 'yyyy-MM-dd');
-- quotes
SELECT date_format(DATE'2024-07-01', "'it''s' yyyy"), date_format(DATE'2024-07-01', "''''yyyy''"), to_date("it's 2024", "'it''s' yyyy");
-- names of zones
SELECT to_timestamp('2024-01-02 EDT', 'yyyy-MM-dd z'), to_timestamp('2024-07-02 pst', 'yyyy-MM-dd z'), to_timestamp('2024-01-02 GMT+1:30:15', 'yyyy-MM-dd O');
SELECT date_format(TIMESTAMP'2024-07-01', 'z zzzz'), date_format(TIMESTAMP'2024-01-01', 'z zzzz');
SET TIME ZONE 'Europe/Berlin';
SELECT date_format(TIMESTAMP'2024-07-01', 'z zzzz'), date_format(TIMESTAMP'2024-01-01', 'z zzzz');
SET TIME ZONE 'America/Sao_Paulo';
SELECT date_format(TIMESTAMP'2024-07-01', 'z');
SET TIME ZONE 'America/Los_Angeles';
-- patterns that are none
SELECT date_format(DATE'2024-07-01', 'yyyyyyy');
SELECT to_timestamp('2024', 'w');
SELECT date_format(DATE'2024-07-01', 'e');
SELECT to_timestamp_ntz('2024', 'w');
SELECT date_format(TIME'01:02:03', 'HH');

-- differences are what the clocks show
SELECT timestampdiff(HOUR, TIMESTAMP'2024-03-10 03:00:00', TIMESTAMP'2024-03-10 01:59:59'), timestampdiff(MINUTE, TIMESTAMP'2024-03-09 12:00:00', TIMESTAMP'2024-03-10 12:00:00');
SELECT TIMESTAMP_NTZ'2024-03-10 02:30:00' - TIMESTAMP'2024-03-10 01:30:00', TIMESTAMP'2024-03-10 03:00:00' - TIMESTAMP_NTZ'2024-03-10 02:30:00';
-- the second 01:30 of the night stays the second
SELECT unix_micros(timestampadd(DAY, 0, TIMESTAMP'2024-11-03T09:30:00Z')), timestampadd(DAY, 1, TIMESTAMP'2024-11-03T09:30:00Z');
SELECT timestampadd(WEEK, 9223372036854775807, TIMESTAMP'2024-11-03');
SELECT unix_timestamp(TIMESTAMP_NTZ'1970-01-01 00:00:01');
-- text plus an interval is a text
SELECT v + INTERVAL 1 DAY AS later, INTERVAL 1 HOUR + v AS hour FROM VALUES ('2024-01-01'), (NULL) AS t(v);
-- parts of the last field count, but do not show
SELECT CAST(1.5BD AS INTERVAL DAY) AS d, CAST(1.5BD AS INTERVAL DAY) = INTERVAL '36' HOUR AS hours, CAST(1.5BD AS INTERVAL YEAR) AS y, CAST(1.5BD AS INTERVAL DAY) * 2 AS twice;
SELECT round(CAST(0.37889 AS DECIMAL(5,5)), '3'), round(12345, '-2'), CAST(9.2233720368547758E18D AS BIGINT);
SELECT round(1.5, 'x');
-- a day of 23 hours
SELECT months_between(TIMESTAMP'2024-03-10 03:00:00', TIMESTAMP'2024-02-09 00:00:00'), months_between(TIMESTAMP'2024-03-11 03:00:00', TIMESTAMP'2024-02-09 00:00:00');
SELECT unix_date(TIMESTAMP'2024-03-10 03:00:00');
