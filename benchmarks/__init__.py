"""What Tachograph costs and how fast it is: `python -m benchmarks`. Not a test: figures decide nothing."""
