-- Clickstream: visits of each user, and how often a visit that saw a page ended in a purchase.
-- Clicks come as JSON files into the folder `clicks`; run again when there are more:
--   millrace run clickstream.sql --once
CREATE TABLE clicks (user STRING, page STRING, action STRING, at TIMESTAMP)
USING json OPTIONS (path 'clicks');

-- A visit ends when the user has done nothing for 30 minutes.  It is final when a click 5 minutes past its end has been seen, of
-- whichever user; clicks that come later than that are dropped and counted.
CREATE STREAMING TABLE visits AS
SELECT user, session_window.start AS began, session_window.end AS ended, count(*) AS clicks,
       min_by(page, at) AS first_page, collect_set(page) AS pages, count_if(action = 'buy') AS purchases
FROM STREAM clicks WATERMARK at DELAY OF INTERVAL 5 MINUTES
GROUP BY user, session_window(at, '30 minutes');

CREATE MATERIALIZED VIEW conversion AS
SELECT page, count(*) AS visits, count_if(purchases > 0) AS bought,
       round(100 * count_if(purchases > 0) / count(*), 1) AS percent
FROM (SELECT explode(pages) AS page, purchases FROM visits) GROUP BY page;
