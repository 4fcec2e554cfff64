"""The job that `tacho demo` shows: four processes that catalogue a folder.

`files` holds the work, `crew` the processes, `catalog` puts them together. Written as a user
would write it: of Tachograph it imports `tachograph` and nothing else.
"""
