-- RESET goes back to what the session began with.
-- conf spark.sql.ansi.enabled=false
-- conf millrace.memory.limit=1g
SET spark.sql.ansi.enabled=true;
SET millrace.memory.limit=2g;
SET some.key=value;
RESET spark.sql.ansi.enabled;
SET spark.sql.ansi.enabled;
SELECT CAST('a' AS INT);
RESET;
SET millrace.memory.limit;
SET some.key;
