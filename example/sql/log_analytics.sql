-- Log analytics: lines of a web server (common log format) in files of the folder `logs`.
--   millrace run log_analytics.sql --once
CREATE TABLE lines (value STRING) USING text OPTIONS (path 'logs');

-- What is missing in a line is NULL here; nothing in a log can end the pipeline.
CREATE TEMPORARY VIEW parsed AS
SELECT value,
       regexp_extract(value, '^(\\S+) ', 1) AS host,
       try_to_timestamp(regexp_extract(value, '\\[([^\\]]+)\\]', 1), 'dd/MMM/yyyy:HH:mm:ss Z') AS at,
       get(split(regexp_extract(value, '"([^"]*)"', 1), ' '), 1) AS url,
       try_cast(regexp_extract(value, '" ([0-9]{3}) ', 1) AS INT) AS status
FROM STREAM lines;

CREATE STREAMING TABLE requests AS
SELECT host, at, url, status FROM parsed WHERE at IS NOT NULL AND url IS NOT NULL AND status IS NOT NULL;

-- Lines that cannot be read are kept.
CREATE STREAMING TABLE unreadable AS
SELECT value FROM parsed WHERE at IS NULL OR url IS NULL OR status IS NULL;

-- A minute's errors are final when a request a minute past its end has been seen.
CREATE STREAMING TABLE errors_per_minute AS
SELECT window.start AS minute, count_if(status >= 500) AS errors, count(*) AS requests
FROM STREAM requests WATERMARK at DELAY OF INTERVAL 1 MINUTE
GROUP BY window(at, '1 minute');

CREATE MATERIALIZED VIEW top_urls AS
SELECT url, count(*) AS hits, count_if(status >= 500) AS errors FROM requests GROUP BY url ORDER BY hits DESC, url LIMIT 3;
