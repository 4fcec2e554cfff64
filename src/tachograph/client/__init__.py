"""Topics of a running dashboard, live, for scripts: `watch` blocks, `follow` is for asyncio.

```python
from tachograph.client import watch

for update in watch("system"):
    print(update.value.get("cpu_percent"))
```
"""

from tachograph.client.follow import follow
from tachograph.client.replica import ClientRefused, Update
from tachograph.client.server import Server
from tachograph.client.watch import watch

__all__ = ["ClientRefused", "Server", "Update", "follow", "watch"]
