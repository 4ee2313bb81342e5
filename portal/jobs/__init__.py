"""Background work: the queue, its tasks, their schedule, and the process that works them off."""
