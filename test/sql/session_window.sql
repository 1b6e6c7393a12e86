-- session_window in a batch: a row's session reaches from its time to the gap after it; those that overlap or touch are one.
CREATE TEMPORARY VIEW clicks AS SELECT * FROM VALUES
  ('ann', TIMESTAMP_NTZ'2021-01-01 00:00:00', 1), ('ann', TIMESTAMP_NTZ'2021-01-01 00:05:00', 2), -- they touch
  ('ann', TIMESTAMP_NTZ'2021-01-01 00:10:00.000001', 2), ('bob', TIMESTAMP_NTZ'2021-01-01 00:03:00', 1),
  ('bob', NULL, 5), (NULL, TIMESTAMP_NTZ'2021-01-01 00:04:00', 7)
  AS t(who, at, n);

SELECT who, session_window, count(*), sum(n) FROM clicks GROUP BY who, session_window(at, '5 minutes') ORDER BY ALL;

-- over all; its fields in the list, in HAVING and in ORDER BY
SELECT session_window.start, session_window.end, count(*) FROM clicks GROUP BY session_window(at, '5 minutes')
HAVING session_window.end > TIMESTAMP_NTZ'2021-01-01 00:00:00' AND count(*) > 1 ORDER BY session_window.start DESC;

-- DISTINCT and ordered aggregates; a filter above does not split a session
SELECT * FROM (SELECT who, session_window.end AS ended, count(DISTINCT n) AS ns, listagg(n) WITHIN GROUP (ORDER BY at DESC) AS list
               FROM clicks GROUP BY who, session_window(at, '5 minutes'))
WHERE who = 'ann' AND ended < TIMESTAMP_NTZ'2021-01-01 00:12:00';

-- a gap of each row's own: what is no interval, or none above zero, leaves the row out
SELECT session_window, count(*) FROM VALUES (TIMESTAMP_NTZ'2021-01-01 00:00:00', 'x'), (TIMESTAMP_NTZ'2021-01-01 00:05:00', '-1 hour'),
  (TIMESTAMP_NTZ'2021-01-01 00:06:00', '0 seconds'), (TIMESTAMP_NTZ'2021-01-01 00:07:00', '1 hour'),
  (TIMESTAMP_NTZ'2021-01-01 00:09:00', '1 second'), (TIMESTAMP_NTZ'2021-01-01 00:08:00', NULL) AS t(at, gap)
GROUP BY session_window(at, gap);

-- months, and sessions of windows
SELECT session_window.end FROM VALUES (TIMESTAMP_NTZ'2021-01-31 00:00:00') AS t(at) GROUP BY session_window(at, '1 month');
SELECT session_window, sum(n) FROM (SELECT window, count(*) AS n FROM clicks GROUP BY window(at, '1 minute'))
GROUP BY session_window(window, '2 minutes') ORDER BY ALL;

SELECT session_window FROM clicks GROUP BY session_window(at, INTERVAL '1' DAY);
SELECT session_window FROM clicks GROUP BY session_window(at);
