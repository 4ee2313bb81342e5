"""When things are done by themselves: one line each, in UTC, seconds last where there are six fields.

Every line is deferred once a tick whatever the number of workers (JOB-05). A tick missed while no worker
ran is not caught up: each task finds for itself what there is to do.
"""

from typing import Any

from procrastinate.tasks import Task

from portal.jobs import queue, tasks

SCHEDULE: list[tuple[str, Task[Any, Any, Any]]] = [
    ("* * * * * */20", tasks.sweep_stalled),
    ("* * * * *", tasks.scan_inbox),
    ("* * * * * */10", tasks.settle_checkouts),
    ("* * * * * */10", tasks.resolve_intents),
    ("* * * * * */10", tasks.send_mail),
    ("* * * * *", tasks.continue_runs),
    ("*/5 * * * *", tasks.sweep_hot),
    ("3,18,33,48 * * * *", tasks.pull_events),
    ("*/15 * * * *", tasks.refresh_catalogue),
    ("7 * * * *", tasks.remind),
    ("17 * * * *", tasks.tidy),
    ("29 * * * *", tasks.watch_front_door),
    ("11 3 * * *", tasks.compare_all),
    ("41 2 * * *", tasks.prune),
]


for _cron, _task in SCHEDULE:
    queue.app.periodic(cron=_cron, periodic_id=_task.name, queueing_lock=f"periodic:{_task.name}")(_task)
