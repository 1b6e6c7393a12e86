"""`millrace -e 'SELECT 1'` as a whole process, and the size of the program."""

import subprocess
import time

from peer import ENGINE

times = []
for _ in range(30):
    begin = time.perf_counter()
    subprocess.run([ENGINE, "-e", "SELECT 1"], stdout=subprocess.DEVNULL, check=True)
    times.append((time.perf_counter() - begin) * 1000)
print(f"select 1 median: {sorted(times)[15]:.1f} ms")
print(f"program size: {ENGINE.stat().st_size / 1e6:.1f} MB")
