"""What Tachograph costs and how fast it is: `python -m benchmarks`. No figure decides a test."""
