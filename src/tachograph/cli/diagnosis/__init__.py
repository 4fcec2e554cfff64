"""What `tacho doctor` looks at: functions that take paths and an environment and return findings.

They change nothing but a probe file that they delete again, and need the base install only.
"""
