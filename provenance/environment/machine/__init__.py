"""The machine and the job: processors, memory, accelerators, limits, what the batch system gave."""
