-- Hours that the stream has given and that the batch counts otherwise: none.
--   millrace -f kappa_check.sql
SELECT s.region, s.hour, s.orders, b.orders AS batch_orders, s.revenue, b.revenue AS batch_revenue
FROM hourly_stream s LEFT JOIN hourly_batch b ON s.region = b.region AND s.hour = b.hour
WHERE NOT (s.orders <=> b.orders AND s.revenue <=> b.revenue)
ORDER BY s.region, s.hour;
