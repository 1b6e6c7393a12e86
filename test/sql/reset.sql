-- RESET goes back to what the session began with.
-- conf spark.sql.ansi.enabled=false
-- conf millrace.exec.threads=1
SET spark.sql.ansi.enabled=true;
SET millrace.exec.threads=2;
SET some.key=value;
RESET spark.sql.ansi.enabled;
SET spark.sql.ansi.enabled;
SELECT CAST('a' AS INT);
RESET;
SET millrace.exec.threads;
SET some.key;
